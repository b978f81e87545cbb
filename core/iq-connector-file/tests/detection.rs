//! Exports of control systems and historians in the forms we meet, built here: what is found out about
//! each, and that its first rows then read without a problem.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use iq_connector_file::{
    DateFormat, Encoding, FileKind, FileSource, Hints, ImportLayout, Role, Shape, detect, preview,
};
use iq_domain::{Timestamp, Value};

const NOW: Timestamp = Timestamp(1_767_225_600_000);

fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16Le => [0xFF, 0xFE]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect(),
        Encoding::Utf16Be => [0xFE, 0xFF]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
            .collect(),
        Encoding::Windows1256 => encoding_rs::WINDOWS_1256.encode(text).0.into_owned(),
        Encoding::Windows1252 => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
    }
}

/// One letter per column: t timestamp, d date, h hour, g tag, v value, q quality, m message, s state,
/// p priority, o operator, u unit, - ignored.
fn letters(layout: &ImportLayout) -> String {
    let letter = |role| match role {
        Role::Timestamp => 't',
        Role::Date => 'd',
        Role::TimeOfDay => 'h',
        Role::Tag => 'g',
        Role::Value => 'v',
        Role::Quality => 'q',
        Role::Message => 'm',
        Role::State => 's',
        Role::Priority => 'p',
        Role::Operator => 'o',
        Role::Unit => 'u',
        Role::Ignore => '-',
    };
    layout.columns.iter().map(|c| letter(c.role)).collect()
}

struct Fixture {
    name: &'static str,
    encoding: Encoding,
    text: String,
    delimiter: char,
    decimal: char,
    date_format: DateFormat,
    roles: &'static str,
    header_row: u32,
    /// Time, tag and value (or message) of the first reading.
    first: (&'static str, &'static str, &'static str),
}

fn check(f: &Fixture) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload");
    std::fs::write(&path, encoded(&f.text, f.encoding)).unwrap();
    let source = FileSource::open(&path).unwrap();
    let profile = detect(&source, &Hints::default()).unwrap();
    let l = &profile.layout;
    assert_eq!(
        (
            l.encoding,
            l.delimiter,
            l.decimal,
            l.date_format,
            letters(l).as_str(),
            l.header_row
        ),
        (
            f.encoding,
            f.delimiter,
            f.decimal,
            f.date_format,
            f.roles,
            f.header_row
        ),
        "{}: {profile:#?}",
        f.name
    );
    let kind = if f.roles.contains('m') {
        FileKind::Journal
    } else {
        FileKind::Trend
    };
    let shape = if f.roles.contains(['g', 'm']) {
        Shape::Long
    } else {
        Shape::Wide
    };
    assert_eq!((l.kind, l.shape), (kind, shape), "{}", f.name);
    assert_eq!(l.problems(), [], "{}", f.name);
    let readings = preview(&source, profile.format, l, NOW).unwrap();
    let wrong: Vec<_> = readings.iter().filter(|r| r.problem.is_some()).collect();
    assert!(wrong.is_empty(), "{}: {wrong:?}", f.name);
    let first = readings
        .first()
        .unwrap_or_else(|| panic!("{}: nothing is read", f.name));
    let shown = match (&first.value, &first.message) {
        (Some(Value::Number(n)), _) => n.to_string(),
        (Some(Value::Text(text)), _) => text.to_string(),
        (Some(Value::Bool(b)), _) => b.to_string(),
        (None, Some(message)) => message.clone(),
        (None, None) => String::new(),
    };
    assert_eq!(
        (
            first.at.unwrap().to_string().as_str(),
            first.tag.as_deref().unwrap_or(""),
            shown.as_str()
        ),
        f.first,
        "{}",
        f.name
    );
}

macro_rules! fixtures {
    ($($name:ident: $encoding:ident, $delimiter:literal, $decimal:literal, $date:ident, $roles:literal, $header:literal, $first:expr, $text:expr;)+) => {
        $(
            #[test]
            fn $name() {
                check(&Fixture {
                    name: stringify!($name),
                    encoding: Encoding::$encoding,
                    text: $text.to_owned(),
                    delimiter: $delimiter,
                    decimal: $decimal,
                    date_format: DateFormat::$date,
                    roles: $roles,
                    header_row: $header,
                    first: $first,
                });
            }
        )+
    };
}

fixtures! {
    plain_wide_table: Utf8, ',', '.', Iso, "tvv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "Timestamp,TI-101,PI-102\n2024-01-31 10:00:00,80.5,3.2\n2024-01-31 10:01:00,80.6,3.3\n";
    plain_long_table: Utf8, ',', '.', Iso, "tgv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "time,tag,value\n2024-01-31T10:00:00Z,TI-101,80.5\n2024-01-31T10:00:00Z,PI-102,3.2\n";
    long_table_with_quality: Utf8, ',', '.', Iso, "tgvq", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "time,tag,value,quality\n2024-01-31T10:00:00Z,TI-101,80.5,Good\n2024-01-31T10:00:01Z,TI-101,,Bad\n";
    european_export: Utf8, ';', ',', DayFirst, "tvv", 1, ("2024-01-31T10:00:00.000Z", "Öldruck", "3.25"),
        "Zeit;Öldruck [bar];Temperatur [°C]\n31.01.2024 10:00:00;3,25;80,5\n31.01.2024 10:01:00;3,26;80,6\n";
    western_windows: Windows1252, ';', ',', DayFirst, "tv", 1, ("2024-01-31T10:00:00.000Z", "Kühlwasser", "12.5"),
        "Zeit;Kühlwasser °C\n31.01.2024 10:00;12,5\n31.01.2024 10:01;12,6\n".replace(" °C", "");
    arabic_windows: Windows1256, ';', '.', DayFirst, "tgv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "الوقت;الوسم;القيمة\n31/01/2024 10:00:00;TI-101;80.5\n31/01/2024 10:01:00;TI-101;80.6\n";
    arabic_titles: Utf8, ',', '.', Iso, "tgvq", 1, ("2024-01-31T10:00:00.000Z", "مضخة التغذية", "80.5"),
        "التاريخ والوقت,اسم الوسم,القيمة,الجودة\n2024-01-31 10:00:00,مضخة التغذية,80.5,جيد\n2024-01-31 10:01:00,مضخة التغذية,80.6,جيد\n";
    arabic_digits: Utf8, ';', '.', DayFirst, "tv", 1, ("2024-01-31T22:00:00.000Z", "درجة الحرارة", "80.5"),
        "الوقت;درجة الحرارة (°م)\n٣١/٠١/٢٠٢٤ ١٠:٠٠:٠٠ م;٨٠٫٥\n٣١/٠١/٢٠٢٤ ١٠:٠١:٠٠ م;٨٠٫٦\n";
    arabic_journal: Utf8, ',', '.', DayFirst, "tgmsp", 1, ("2024-01-31T10:00:00.000Z", "PAH-102", "ضغط مرتفع جداً"),
        "الوقت,المصدر,الرسالة,الحالة,الأولوية\n31/01/2024 10:00:00,PAH-102,ضغط مرتفع جداً,نشط,حرج\n31/01/2024 10:05:00,PAH-102,ضغط مرتفع جداً,عودة إلى الطبيعي,حرج\n";
    utf16_from_a_spreadsheet: Utf16Le, '\t', '.', MonthFirst, "tv", 1, ("2024-01-31T22:00:00.000Z", "TI-101", "80.5"),
        "Time\tTI-101\n1/31/2024 10:00:00 PM\t80.5\n1/31/2024 10:01:00 PM\t80.6\n";
    utf16_big_end_first: Utf16Be, '\t', '.', Iso, "tv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "Time\tTI-101\n2024-01-31 10:00:00\t80.5\n2024-01-31 10:01:00\t80.6\n";
    american_dates: Utf8, ',', '.', MonthFirst, "tvv", 1, ("2024-01-31T14:05:00.000Z", "FI-1", "12.5"),
        "Date/Time,FI-1,FI-2\n1/31/2024 2:05:00 PM,12.5,13.5\n1/31/2024 2:06:00 PM,12.6,13.6\n";
    historian_dates_with_month_names: Utf8, ',', '.', DayFirst, "gtv", 1, ("2024-01-31T13:45:00.250Z", "SINUSOID", "42.5"),
        "Tag,Timestamp,Value\nSINUSOID,31-Jan-24 13:45:00.250,42.5\nSINUSOID,31-Jan-24 13:46:00.250,42.6\n";
    bad_words_of_a_historian: Utf8, ',', '.', DayFirst, "gtvq", 1, ("2024-01-31T13:45:00.000Z", "SINUSOID", "42.5"),
        "Tag,Timestamp,Value,Status\nSINUSOID,31-Jan-24 13:45:00,42.5,Good\nSINUSOID,31-Jan-24 13:46:00,I/O Timeout,Bad\n";
    epoch_seconds: Utf8, ',', '.', EpochS, "tgv", 1, ("2024-01-31T23:59:58.000Z", "a", "1"),
        "time,metric,value\n1706745598,a,1\n1706745599,b,2\n";
    epoch_milliseconds_without_titles: Utf8, ',', '.', EpochMs, "tgv", 0, ("2024-01-31T23:59:58.123Z", "pump.speed", "1490.5"),
        "1706745598123,pump.speed,1490.5\n1706745599123,pump.speed,1491.5\n1706745599124,pump.flow,12.5\n";
    serial_days: Utf8, ';', ',', ExcelSerial, "tv", 1, ("2024-01-31T12:00:00.000Z", "TI-101", "80.5"),
        "Time;TI-101\n45322,5;80,5\n45322,75;80,6\n";
    date_and_time_apart: Utf8, ',', '.', DayFirst, "dhv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "Date,Time,TI-101\n31/01/2024,10:00:00,80.5\n31/01/2024,10:01:00,80.6\n";
    preamble_of_a_report: Utf8, ',', '.', Iso, "tvv", 5, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "Trend report\nPlant,North\nExported,2024-02-01\n\nTime,TI-101,PI-102\n2024-01-31 10:00:00,80.5,3.2\n2024-01-31 10:01:00,80.6,3.3\n2024-01-31 10:02:00,80.6,3.3\n";
    units_below_the_titles: Utf8, ';', ',', DayFirst, "tvv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "Time;TI-101;PI-102\n;°C;bar\n31.01.2024 10:00;80,5;3,2\n31.01.2024 10:01;80,6;3,3\n";
    quality_after_each_value: Utf8, ',', '.', Iso, "tvqvq", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "Time,TI-101,TI-101 Quality,PI-102,PI-102 Quality\n2024-01-31 10:00:00,80.5,192,3.2,192\n2024-01-31 10:01:00,80.6,192,3.3,0\n";
    quoted_cells: Utf8, ',', '.', Iso, "tgv", 1, ("2024-01-31T10:00:00.000Z", "Unit 1, TI-101", "1234.5"),
        "\"time\",\"tag\",\"value\"\n\"2024-01-31 10:00:00\",\"Unit 1, TI-101\",\"1,234.5\"\n\"2024-01-31 10:01:00\",\"Unit 1, TI-101\",\"1,235.5\"\n";
    single_quotes: Utf8, ',', '.', Iso, "tgv", 1, ("2024-01-31T10:00:00.000Z", "TI,101", "80.5"),
        "'time','tag','value'\n'2024-01-31 10:00:00','TI,101','80.5'\n'2024-01-31 10:01:00','TI,101','80.6'\n";
    thousands_with_points: Utf8, ';', ',', DayFirst, "tv", 1, ("2024-01-31T10:00:00.000Z", "Leistung", "1234.5"),
        "Zeit;Leistung\n31.01.2024 10:00;1.234,5\n31.01.2024 10:01;1.235,5\n";
    pipes: Utf8, '|', '.', Iso, "tgv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "time|tag|value\n2024-01-31 10:00:00|TI-101|80.5\n2024-01-31 10:01:00|TI-101|80.6\n";
    no_titles_wide: Utf8, ',', '.', Iso, "tvv", 0, ("2024-01-31T10:00:00.000Z", "#2", "80.5"),
        "2024-01-31 10:00:00,80.5,3.2\n2024-01-31 10:01:00,80.6,3.3\n";
    states_as_words: Utf8, ',', '.', Iso, "tvv", 1, ("2024-01-31T10:00:00.000Z", "XV-101", "OPEN"),
        "Time,XV-101,PI-102\n2024-01-31 10:00:00,OPEN,3.2\n2024-01-31 10:01:00,CLOSED,3.3\n";
    alarm_journal: Utf8, ',', '.', MonthFirst, "tgmsp", 1, ("2024-01-31T10:00:00.000Z", "PAH-102", "Discharge pressure high"),
        "Time,Source,Message,State,Priority\n01/31/2024 10:00:00,PAH-102,Discharge pressure high,ACT/UNACK,1\n01/31/2024 10:05:00,PAH-102,Discharge pressure high,RTN,1\n";
    journal_with_numbers_in_it: Utf8, ';', '.', Iso, "t-gmsp", 1, ("2024-01-31T10:00:00.100Z", "FIC101", "Flow low low"),
        "Event Time;Value;Tag;Description;State;Severity\n2024-01-31 10:00:00.100;12.5;FIC101;Flow low low;Active;900\n2024-01-31 10:00:07.200;13.5;FIC101;Flow low low;Cleared;900\n";
    journal_with_a_decimal_comma_in_its_seconds: Utf8, ';', '.', MonthFirst, "tgmsp", 1, ("2024-07-13T10:56:10.449Z", "K-310.SUCTION_FLOW", "انخفاض تدفق السحب"),
        "وقت الحدث;المصدر;نص الإنذار;الحالة;الأولوية\n07/13/2024 10:56:10,449;K-310.SUCTION_FLOW;انخفاض تدفق السحب;نشط;عالية\n07/13/2024 11:01:00,099;K-310.TRIP;فصل وقائي K-310;نشط;حرجة\n";
    trend_with_a_decimal_comma_in_its_seconds: Utf8, '\t', '.', Iso, "tgv", 1, ("2024-01-31T10:00:00.250Z", "TI-101", "80"),
        "time\ttag\tvalue\n2024-01-31 10:00:00,250\tTI-101\t80\n2024-01-31 10:00:01,250\tPI-102\t3\n";
    condition_beside_the_state: Utf8, ',', '.', Iso, "tg-psm", 1, ("2024-01-31T07:00:00.000Z", "P-102A", "Vibration high high"),
        "Time,Source,Condition,Priority,State,Message\n2024-01-31T10:00:00+03:00,P-102A,VAHH,1,ACT,Vibration high high\n2024-01-31T10:05:00+03:00,P-102A,VAHH,1,RTN,Vibration high high\n";
    windows_line_ends_and_blank_lines: Utf8, ',', '.', Iso, "tv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "Time,TI-101\r\n\r\n2024-01-31 10:00:00,80.5\r\n2024-01-31 10:01:00,80.6\r\n";
    offsets_in_the_times: Utf8, ',', '.', Iso, "tv", 1, ("2024-01-31T07:00:00.000Z", "TI-101", "80.5"),
        "Time,TI-101\n2024-01-31T10:00:00+03:00,80.5\n2024-01-31T10:01:00+03:00,80.6\n";
    units_of_their_own_column: Utf8, ',', '.', Iso, "tguv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "time,tag,unit,value\n2024-01-31T10:00:00Z,TI-101,degC,80.5\n2024-01-31T10:00:00Z,PI-102,bar,3.2\n";
    one_value_only: Utf8, ',', '.', Iso, "tv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80"),
        "Time,TI-101\n2024-01-31 10:00:00,80\n";
    compact_times: Utf8, ',', '.', Iso, "tv", 1, ("2024-01-31T10:00:00.000Z", "TI-101", "80.5"),
        "Time,TI-101\n20240131100000,80.5\n20240131100100,80.6\n";
}

fn warnings(text: &str, hints: &Hints) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload");
    std::fs::write(&path, text).unwrap();
    let source = FileSource::open(&path).unwrap();
    let profile = detect(&source, hints).unwrap();
    profile.warnings.into_iter().map(|w| w.code).collect()
}

#[test]
fn names_what_it_can_not_be_sure_of() {
    let ambiguous = "Time,TI-101\n01/02/2024 10:00,80.5\n03/02/2024 10:00,80.6\n";
    assert_eq!(
        warnings(ambiguous, &Hints::default()),
        ["file.date_ambiguous", "file.zone_assumed"]
    );
    let decided = Hints {
        date_format: Some(DateFormat::MonthFirst),
        ..Hints::default()
    };
    assert_eq!(warnings(ambiguous, &decided), ["file.zone_assumed"]);
    let utc = "Time (UTC);TI-101\n2024-01-31 10:00;1,234\n2024-01-31 10:01;1,235\n";
    assert_eq!(warnings(utc, &Hints::default()), ["file.decimal_ambiguous"]);
    let none = "a,b\n1,2\n3,4\n";
    assert!(warnings(none, &Hints::default()).contains(&"file.no_time_column".to_owned()));
    let zero = "time,tag,value,quality\n2024-01-31T10:00:00Z,a,1,0\n2024-01-31T10:00:01Z,a,2,0\n";
    assert_eq!(warnings(zero, &Hints::default()), ["file.quality_zero"]);
}

#[test]
fn one_text_without_a_title_is_no_journal_until_a_person_says_so() {
    let bare = "2024-01-31 10:00:00,the pump was heard to knock\n\
        2024-01-31 10:05:00,the pump was stopped by hand\n";
    assert!(warnings(bare, &Hints::default()).contains(&"file.journal_bare".to_owned()));
    let titled = format!("Time,Message\n{bare}");
    assert!(!warnings(&titled, &Hints::default()).contains(&"file.journal_bare".to_owned()));
}

#[test]
fn a_remark_beside_measured_columns_makes_no_journal_of_trends() {
    let row = |minute: u32| format!("20/11/2026 02:{minute:02}:00;2,01;60,{minute:02};ok\n");
    let rows: String = (0..30).map(row).collect();
    let trends = format!("Time;P-701A.VIB (mm/s);P-701A.TEMP (°C);Comment\n{rows}");
    let detected = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upload");
        std::fs::write(&path, text).unwrap();
        detect(&FileSource::open(&path).unwrap(), &Hints::default()).unwrap()
    };
    let layout = detected(&trends).layout;
    assert_eq!((layout.kind, layout.shape), (FileKind::Trend, Shape::Wide));
    assert_eq!((&*letters(&layout), layout.decimal), ("tvv-", ','));
    // With the state of an alarm they are numbers of a journal.
    let alarms = trends
        .replacen("Comment", "Comment;State", 1)
        .replace(";ok", ";ok;ACT");
    assert_eq!(detected(&alarms).layout.kind, FileKind::Journal);
}

#[test]
fn days_far_inside_the_file_decide_the_order_of_dates() {
    let mut text = "Time,TI-101\n".to_owned();
    for day in 1..=28 {
        for minute in 0..1_440 {
            text.push_str(&format!(
                "02/{day:02}/2024 {:02}:{:02}:00,80.5\n",
                minute / 60,
                minute % 60
            ));
        }
    }
    assert!(text.len() > 600_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload");
    std::fs::write(&path, text).unwrap();
    let source = FileSource::open(&path).unwrap();
    let profile = detect(&source, &Hints::default()).unwrap();
    assert_eq!(profile.layout.date_format, DateFormat::MonthFirst);
    assert!(
        profile
            .warnings
            .iter()
            .all(|w| w.code != "file.date_ambiguous")
    );
}
