//! Times in the forms plants write them.

use super::*;

const DOT: NumberFormat = NumberFormat {
    decimal: b'.',
    thousands: None,
};

fn check(format: DateFormat, zone_name: &str, cell: &str, expected: Result<&str, TimeProblem>) {
    let mut reader = TimeReader::new(format, zone(zone_name).unwrap(), DOT);
    let shown = reader
        .read(cell.as_bytes())
        .map(|ms| iq_domain::Timestamp(ms).to_string());
    assert_eq!(shown, expected.map(str::to_owned), "{cell}");
}

#[test]
fn reads_the_forms_of_dates_and_times() {
    use DateFormat::*;
    for (format, cell, expected) in [
        (Iso, "2024-01-31 23:59:58", "2024-01-31T23:59:58.000Z"),
        (
            Iso,
            "2024-01-31T23:59:58.123456Z",
            "2024-01-31T23:59:58.123Z",
        ),
        (
            Iso,
            "2024-01-31T23:59:58,5+03:00",
            "2024-01-31T20:59:58.500Z",
        ),
        (Iso, "2024/1/5 7:05", "2024-01-05T07:05:00.000Z"),
        (Iso, "20240131235958", "2024-01-31T23:59:58.000Z"),
        (Iso, "20240131T235958Z", "2024-01-31T23:59:58.000Z"),
        (Iso, "2024-01-31", "2024-01-31T00:00:00.000Z"),
        (Iso, "2024-01-31 24:00", "2024-02-01T00:00:00.000Z"),
        (Iso, "2024-01-31 23:59:58 +0300", "2024-01-31T20:59:58.000Z"),
        (Iso, "2024-01-31 23:59:58 UTC", "2024-01-31T23:59:58.000Z"),
        (DayFirst, "31/01/2024 23:59:58", "2024-01-31T23:59:58.000Z"),
        (DayFirst, "5.2.24 7:05", "2024-02-05T07:05:00.000Z"),
        (
            DayFirst,
            "31-Jan-24 13:45:00.250",
            "2024-01-31T13:45:00.250Z",
        ),
        (
            DayFirst,
            "31-Jan-2024, 1:45:00 PM",
            "2024-01-31T13:45:00.000Z",
        ),
        (
            DayFirst,
            "٣١/٠١/٢٠٢٤ ١١:٥٩:٥٨ م",
            "2024-01-31T23:59:58.000Z",
        ),
        (
            DayFirst,
            "31 يناير 2024 08:00 ص",
            "2024-01-31T08:00:00.000Z",
        ),
        (
            DayFirst,
            "31/01/2024 23:59:58:123",
            "2024-01-31T23:59:58.123Z",
        ),
        (
            MonthFirst,
            "01/31/2024 12:00:00 AM",
            "2024-01-31T00:00:00.000Z",
        ),
        (MonthFirst, "Jan 5, 2024 10:00", "2024-01-05T10:00:00.000Z"),
        (ExcelSerial, "45322.5", "2024-01-31T12:00:00.000Z"),
        (EpochS, "1706745598", "2024-01-31T23:59:58.000Z"),
        (EpochMs, "1706745598123", "2024-01-31T23:59:58.123Z"),
    ] {
        check(format, "UTC", cell, Ok(expected));
    }
}

#[test]
fn local_times_are_of_the_files_zone() {
    check(
        DateFormat::Iso,
        "Asia/Riyadh",
        "2024-01-31 03:00:00",
        Ok("2024-01-31T00:00:00.000Z"),
    );
    check(
        DateFormat::Iso,
        "+03:30",
        "2024-01-31 03:30:00",
        Ok("2024-01-31T00:00:00.000Z"),
    );
    check(
        DateFormat::ExcelSerial,
        "Asia/Riyadh",
        "45322.125",
        Ok("2024-01-31T00:00:00.000Z"),
    );
}

#[test]
fn says_why_a_time_can_not_be_read() {
    use TimeProblem::*;
    check(DateFormat::Iso, "UTC", "  ", Err(Empty));
    check(DateFormat::Iso, "UTC", "31/01/2024 10:00", Err(Unreadable));
    check(
        DateFormat::MonthFirst,
        "UTC",
        "31/01/2024 10:00",
        Err(Unreadable),
    );
    check(
        DateFormat::DayFirst,
        "UTC",
        "31/01/2024 25:00",
        Err(Unreadable),
    );
    check(DateFormat::Iso, "UTC", "2024-02-30", Err(Unreadable));
    check(
        DateFormat::Iso,
        "UTC",
        "1970-01-01 00:00:00",
        Err(OutOfRange),
    );
    check(DateFormat::EpochMs, "UTC", "1706745598", Err(OutOfRange));
    check(DateFormat::EpochS, "UTC", "nan", Err(Unreadable));
    // Clocks in Berlin went from 02:00 to 03:00.
    check(
        DateFormat::Iso,
        "Europe/Berlin",
        "2024-03-31 02:30:00",
        Err(Skipped),
    );
}

#[test]
fn the_hour_that_occurs_twice_is_read_in_order() {
    let mut reader = TimeReader::new(DateFormat::Iso, zone("Europe/Berlin").unwrap(), DOT);
    let mut last = i64::MIN;
    for cell in [
        "2024-10-27 01:59:59",
        "2024-10-27 02:15:00",
        "2024-10-27 02:45:30",
        "2024-10-27 02:15:00",
        "2024-10-27 02:45:30",
        "2024-10-27 03:00:00",
    ] {
        let ms = reader.read(cell.as_bytes()).unwrap();
        assert!(ms > last, "{cell}");
        last = ms;
    }
    assert_eq!(reader.folded, 4);
}

#[test]
fn the_kept_minute_never_changes_an_answer() {
    let cells = [
        "2024-01-31 23:59:00",
        "2024-01-31 23:59:01.5",
        "2024-01-31 23:59:59",
        "2024-01-31 23:59:60",
        "2024-01-31 23:59:5",
        "2024-02-01 00:00:00",
        "2024-02-01 00:00:00Z",
        "2024-02-01 00:00:01+03:00",
        "2024-02-01 00:00:02+03:00",
        "2024-02-01 00:00:03",
        "2024-02-01 00:00:04.1234567890",
    ];
    let mut kept = TimeReader::new(DateFormat::Iso, zone("Asia/Riyadh").unwrap(), DOT);
    for cell in cells {
        let mut fresh = TimeReader::new(DateFormat::Iso, zone("Asia/Riyadh").unwrap(), DOT);
        assert_eq!(
            kept.read(cell.as_bytes()),
            fresh.read(cell.as_bytes()),
            "{cell}"
        );
    }
}

#[test]
fn a_date_and_a_time_in_two_cells_make_one_moment() {
    let mut reader = TimeReader::new(DateFormat::DayFirst, zone("UTC").unwrap(), DOT);
    for (date, time) in [
        ("31/01/2024", "23:59:58"),
        ("31/01/2024 00:00:00", "11:59:58 PM"),
        ("31/01/2024", "1899-12-31 23:59:58"),
    ] {
        let ms = reader.read_joined(date.as_bytes(), time.as_bytes());
        assert_eq!(ms, Ok(1_706_745_598_000), "{date} {time}");
    }
}
