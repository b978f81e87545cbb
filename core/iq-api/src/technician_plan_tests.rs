//! Texts of a file as shifts and certificates, and what an import would change.

use iq_domain::SiteId;

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn people(technicians: Vec<TechnicianRow>) -> People {
    let tenant_id = TenantId::new();
    People {
        tenant_id,
        now: NOW,
        sites: vec![Site {
            id: SiteId::new(),
            tenant_id,
            code: "RAS".to_owned(),
            names: Names::default(),
            time_zone: "Asia/Riyadh".to_owned(),
        }],
        technicians,
        users: HashMap::from([("sara".to_owned(), UserId::new())]),
    }
}

fn codes(plan: &TechnicianPlan) -> Vec<(u64, &str)> {
    plan.problems
        .iter()
        .map(|p| (p.row, p.problem.code.as_str()))
        .collect()
}

#[test]
fn shifts_are_read_as_people_write_them() {
    let shift = |weekday, from_minute, to_minute| WeeklyShift {
        weekday,
        from_minute,
        to_minute,
    };
    assert_eq!(
        shifts_of("sun-mon 07:00-15:30; Fri 19:00-07:00"),
        Some(vec![
            shift(1, 420, 930),
            shift(5, 1_140, 1_860),
            shift(7, 420, 930)
        ])
    );
    assert_eq!(shifts_of(""), Some(Vec::new()));
    for wrong in [
        "07:00-15:00",
        "sun 7-15",
        "someday 07:00-15:00",
        "sun 25:00-26:00",
        "sun-",
        "-",
    ] {
        assert_eq!(shifts_of(wrong), None, "{wrong}");
    }
}

#[test]
fn shifts_that_overlap_are_seen_over_the_end_of_the_week() {
    let all = |text: &str| overlap(&shifts_of(text).unwrap());
    assert!(!all("sun-thu 07:00-15:00"));
    assert!(!all("sun 19:00-07:00; mon 07:00-15:00"));
    assert!(
        all("sun 19:00-07:00; mon 06:59-15:00"),
        "Sunday night into Monday"
    );
    assert!(all("tue 07:00-15:00; tue 14:00-20:00"));
    assert!(!all("sat 19:00-07:00"));
}

#[test]
fn a_certificate_holds_until_its_last_day_has_ended_where_the_person_works() {
    let zone = TimeZone::get("Asia/Riyadh").unwrap();
    let read = certificates_of("Hot Work 2026-12-31; first_aid", &zone).unwrap();
    assert_eq!(read[0].name, "hot_work");
    let end: jiff::Timestamp = "2026-12-31T21:00:00Z".parse().unwrap();
    assert_eq!(
        read[0].valid_until,
        Some(Timestamp(end.as_millisecond() - 1))
    );
    assert_eq!(
        (read[1].name.as_str(), read[1].valid_until),
        ("first_aid", None)
    );
    assert_eq!(certificates_of("hot_work 2026-13-31", &zone), None);
}

#[test]
fn a_file_creates_changes_and_leaves_alone() {
    let mut all = people(Vec::new());
    let file = "code,name_en,name_ar,site,skills,shifts,username\n\
                T-1,Sara,سارة,RAS,Mechanical; rotating;mechanical,sun-thu 07:00-15:00,Sara\n\
                T-2,Omar,,RAS,,,\n";
    let first = plan(file, &all).unwrap();
    assert!(first.problems.is_empty(), "{:?}", first.problems);
    assert_eq!(first.created.len(), 2);
    assert_eq!(
        first.created[0].technician.skills,
        ["mechanical", "rotating"]
    );
    assert_eq!(first.created[0].user_id, Some(all.users["sara"]));
    all.technicians = first.created;
    all.now = NOW.plus_ms(1);
    let again = plan(file, &all).unwrap();
    assert_eq!(
        (again.created.len(), again.updated.len(), again.unchanged),
        (0, 0, 2)
    );
    // A column the file does not have stays.
    let shorter = plan("code,name_en\nT-1,Sara K.\n", &all).unwrap();
    assert_eq!(shorter.updated.len(), 1);
    assert_eq!(
        shorter.updated[0].technician.skills,
        ["mechanical", "rotating"]
    );
    assert_eq!(shorter.updated[0].user_id, Some(all.users["sara"]));
}

#[test]
fn rows_that_are_wrong_are_named_with_their_line() {
    let all = people(Vec::new());
    let file = "code,name_en,site,shifts,username,hourly_cost,active\n\
                T-1,A,RAS,sun 25:00-26:00,,,\n\
                T-1,B,RAS,,,,\n\
                T-3,C,XXX,,,,\n\
                T-4,D,RAS,,nobody,,\n\
                T-5,E,RAS,,,much,maybe\n\
                T-6,F,RAS,,sara,,\n\
                T-7,G,RAS,,sara,,\n\
                ,H,RAS,,,,\n";
    let plan = plan(file, &all).unwrap();
    assert_eq!(
        codes(&plan),
        [
            (2, "technicians.shifts_unreadable"),
            (3, "import.code_twice"),
            (4, "import.site_unknown"),
            (5, "technicians.user_unknown"),
            (6, "technicians.cost_unreadable"),
            (6, "technicians.active_unreadable"),
            (8, "technicians.user_taken"),
            (9, "request.text_empty"),
        ]
    );
}
