//! The maintenance crew of the demo plant: nine people of two sites with the skills, certificates,
//! shifts and absences a planner has to reckon with.

use iq_domain::{
    Absence, Names, SiteId, Technician, TechnicianCertificate, TechnicianId, TenantId, Timestamp,
    WeeklyShift,
};
use iq_store::technicians::TechnicianRow;

const DAY_MS: i64 = 86_400_000;

/// Sunday to Thursday, by day.
const OFFICE: &[(u8, u16, u16)] = &[
    (7, 420, 930),
    (1, 420, 930),
    (2, 420, 930),
    (3, 420, 930),
    (4, 420, 930),
];
/// Twelve hours by day, four days.
const DAYS: &[(u8, u16, u16)] = &[
    (7, 360, 1_080),
    (1, 360, 1_080),
    (2, 360, 1_080),
    (3, 360, 1_080),
];
/// Twelve hours by night, four days.
const NIGHTS: &[(u8, u16, u16)] = &[
    (4, 1_080, 1_800),
    (5, 1_080, 1_800),
    (6, 1_080, 1_800),
    (7, 1_080, 1_800),
];

/// A person. Certificates end so many days from now; a negative number is in the past.
struct Person {
    code: &'static str,
    en: &'static str,
    ar: &'static str,
    site: &'static str,
    skills: &'static [&'static str],
    certificates: &'static [(&'static str, i64)],
    shifts: &'static [(u8, u16, u16)],
    hourly_cost: f64,
    /// First day away from today, and how many.
    away: Option<(i64, i64)>,
}

const CREW: [Person; 9] = [
    Person {
        code: "M-1104",
        en: "Fahad Al-Otaibi",
        ar: "فهد العتيبي",
        site: "RAS",
        skills: &["mechanical", "rotating", "alignment"],
        certificates: &[
            ("hot_work", 210),
            ("working_at_height", 95),
            ("h2s_ba", 300),
        ],
        shifts: OFFICE,
        hourly_cost: 145.0,
        away: None,
    },
    Person {
        code: "M-1117",
        en: "Salem Al-Harbi",
        ar: "سالم الحربي",
        site: "RAS",
        skills: &["mechanical", "seals"],
        certificates: &[("hot_work", 18), ("confined_space", 240), ("h2s_ba", 150)],
        shifts: DAYS,
        hourly_cost: 132.0,
        away: None,
    },
    Person {
        code: "M-1123",
        en: "Rakan Al-Shammari",
        ar: "راكان الشمري",
        site: "RAS",
        skills: &["mechanical", "rotating", "rigging"],
        certificates: &[("lifting", 320), ("h2s_ba", 41), ("confined_space", -12)],
        shifts: NIGHTS,
        hourly_cost: 138.0,
        away: None,
    },
    Person {
        code: "V-1203",
        en: "Noura Al-Qahtani",
        ar: "نورة القحطاني",
        site: "RAS",
        skills: &["vibration", "rotating", "alignment"],
        certificates: &[("vibration_cat_ii", 400), ("h2s_ba", 260)],
        shifts: OFFICE,
        hourly_cost: 168.0,
        away: Some((6, 3)),
    },
    Person {
        code: "E-1311",
        en: "Yousef Al-Mutairi",
        ar: "يوسف المطيري",
        site: "RAS",
        skills: &["electrical_lv", "electrical_hv"],
        certificates: &[("hv_switching", 120), ("first_aid", 75), ("h2s_ba", 180)],
        shifts: OFFICE,
        hourly_cost: 150.0,
        away: None,
    },
    Person {
        code: "I-1402",
        en: "Maha Al-Dossary",
        ar: "مها الدوسري",
        site: "RAS",
        skills: &["instrumentation", "dcs", "sif"],
        certificates: &[("h2s_ba", 200), ("first_aid", 28)],
        shifts: OFFICE,
        hourly_cost: 158.0,
        away: None,
    },
    Person {
        code: "M-2106",
        en: "Bandar Al-Zahrani",
        ar: "بندر الزهراني",
        site: "WAD",
        skills: &["mechanical", "rotating", "seals"],
        certificates: &[
            ("hot_work", 160),
            ("confined_space", 90),
            ("working_at_height", 220),
        ],
        shifts: DAYS,
        hourly_cost: 140.0,
        away: None,
    },
    Person {
        code: "M-2109",
        en: "Imran Hussain",
        ar: "عمران حسين",
        site: "WAD",
        skills: &["mechanical", "welding", "scaffolding"],
        certificates: &[
            ("asme_ix", 330),
            ("hot_work", 65),
            ("working_at_height", -3),
        ],
        shifts: OFFICE,
        hourly_cost: 126.0,
        away: Some((-2, 14)),
    },
    Person {
        code: "E-2301",
        en: "Turki Al-Ghamdi",
        ar: "تركي الغامدي",
        site: "WAD",
        skills: &["electrical_lv", "instrumentation"],
        certificates: &[("first_aid", 140), ("h2s_ba", 310)],
        shifts: OFFICE,
        hourly_cost: 144.0,
        away: None,
    },
];

/// The crew, with days counted from `now`.
pub(crate) fn technicians(
    tenant: TenantId,
    now: Timestamp,
    site: impl Fn(&str) -> SiteId,
) -> Vec<TechnicianRow> {
    let day = |n: i64| now.plus_ms(n * DAY_MS);
    CREW.iter()
        .map(|person| TechnicianRow {
            technician: Technician {
                id: TechnicianId::new(),
                tenant_id: tenant,
                site_id: site(person.site),
                names: Names {
                    en: person.en.to_owned(),
                    ar: person.ar.to_owned(),
                },
                skills: person.skills.iter().map(ToString::to_string).collect(),
                certificates: person
                    .certificates
                    .iter()
                    .map(|(name, days)| TechnicianCertificate {
                        name: (*name).to_owned(),
                        valid_until: Some(day(*days)),
                    })
                    .collect(),
                shifts: person
                    .shifts
                    .iter()
                    .map(|(weekday, from_minute, to_minute)| WeeklyShift {
                        weekday: *weekday,
                        from_minute: *from_minute,
                        to_minute: *to_minute,
                    })
                    .collect(),
                absences: person
                    .away
                    .iter()
                    .map(|(first, days)| Absence {
                        from: day(*first),
                        to: day(first + days),
                        reason: String::new(),
                    })
                    .collect(),
                hourly_cost: Some(person.hourly_cost),
                is_active: true,
            },
            code: person.code.to_owned(),
            user_id: None,
            note: String::new(),
            changed_at: now,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crew_of_the_demo_plant_works_at_its_sites_in_shifts_that_can_be() {
        let known = iq_plant::catalogue::catalogue();
        let all = technicians(TenantId::new(), Timestamp(1_790_000_000_000), |code| {
            assert!(known.sites.iter().any(|s| s.code == code), "{code}");
            SiteId::new()
        });
        assert_eq!(all.len(), 9);
        for row in all {
            assert!(!row.technician.skills.is_empty(), "{}", row.code);
            assert!(
                row.technician.shifts.iter().all(|s| s.is_valid()),
                "{}",
                row.code
            );
        }
    }
}
