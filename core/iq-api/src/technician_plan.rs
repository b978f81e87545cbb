//! What a technician may look like, and what an import of a CSV file would change. Pure: the store is
//! asked before and written after.

use std::collections::{HashMap, HashSet};

use iq_domain::{
    Names, Site, Technician, TechnicianCertificate, TechnicianId, TenantId, Timestamp, UserId,
    WeeklyShift,
};
use iq_store::technicians::TechnicianRow;
use jiff::{civil, tz::TimeZone};

use crate::{
    http::{
        Answer, Check, FieldFailure,
        check::{CODE_CHARS, NAME_CHARS, NOTE_CHARS},
    },
    import_rows::{self, Changes, Columns, Row},
};

/// Most skills, certificates, or shifts of a person.
const MAX_WORDS: usize = 40;
const MAX_SHIFTS: usize = 21;
/// Most times away that are kept.
const MAX_ABSENCES: usize = 200;
/// Longest time away.
const LONGEST_ABSENCE_MS: i64 = 2 * 366 * 86_400_000;
/// Most an hour may cost, in any currency.
const MAX_HOURLY_COST: f64 = 1_000_000.0;

const WEEK_MINUTES: u32 = 7 * 1_440;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The columns with the headers they are known by, first the stable English id.
const COLUMNS: Columns<11> = [
    ("code", &["personnel_number", "الرقم الوظيفي"]),
    ("name_en", &["name", "الاسم بالإنجليزية"]),
    ("name_ar", &["الاسم بالعربية", "الاسم"]),
    ("site", &["site_code", "الموقع"]),
    ("skills", &["المهارات"]),
    ("certificates", &["الشهادات المهنية", "الشهادات"]),
    ("shifts", &["المناوبات"]),
    ("username", &["user", "اسم المستخدم"]),
    ("hourly_cost", &["تكلفة الساعة"]),
    ("active", &["نشط"]),
    ("note", &["ملاحظة"]),
];

/// A skill or certificate as it is kept: jobs ask for it by this word.
pub(crate) fn word(text: &str) -> String {
    text.trim().to_lowercase().replace(' ', "_")
}

/// Checks everything about a technician but who they are related to.
pub(crate) fn check(check: &mut Check, row: &TechnicianRow) {
    let person = &row.technician;
    check
        .code("code", &row.code)
        .names("names", &person.names)
        .text("note", &row.note, NOTE_CHARS)
        .require(
            person.skills.len() <= MAX_WORDS && person.certificates.len() <= MAX_WORDS,
            "skills",
            "technicians.too_many_words",
        )
        .number(
            "hourly_cost",
            person.hourly_cost.unwrap_or_default(),
            0.0,
            MAX_HOURLY_COST,
        );
    for skill in &person.skills {
        check.line("skills", skill, CODE_CHARS);
    }
    for certificate in &person.certificates {
        check
            .line("certificates", &certificate.name, CODE_CHARS)
            .time("certificates", certificate.valid_until);
    }
    let names: HashSet<&str> = person
        .certificates
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    check.require(
        names.len() == person.certificates.len(),
        "certificates",
        "technicians.certificate_twice",
    );
    check
        .require(
            person.shifts.len() <= MAX_SHIFTS && person.shifts.iter().all(|s| s.is_valid()),
            "shifts",
            "technicians.shift_wrong",
        )
        .require(
            !overlap(&person.shifts),
            "shifts",
            "technicians.shifts_overlap",
        );
    let is_fine =
        |from: Timestamp, to: Timestamp| from < to && to.since_ms(from) <= LONGEST_ABSENCE_MS;
    check.require(
        person.absences.len() <= MAX_ABSENCES
            && person.absences.iter().all(|a| is_fine(a.from, a.to)),
        "absences",
        "technicians.absence_wrong",
    );
    for absence in &person.absences {
        check
            .optional_line("absences", &absence.reason, NAME_CHARS)
            .time("absences", Some(absence.from))
            .time("absences", Some(absence.to));
    }
}

/// Whether two shifts of the week cover the same minute; Sunday night runs into Monday.
fn overlap(shifts: &[WeeklyShift]) -> bool {
    let mut spans: Vec<(u32, u32)> = shifts
        .iter()
        .filter(|s| s.is_valid())
        .map(|s| {
            let day = u32::from(s.weekday - 1) * 1_440;
            (day + u32::from(s.from_minute), day + u32::from(s.to_minute))
        })
        .collect();
    spans.sort_unstable();
    let around = spans
        .first()
        .map(|(from, to)| (from + WEEK_MINUTES, to + WEEK_MINUTES));
    spans.extend(around);
    spans.windows(2).any(|pair| pair[0].1 > pair[1].0)
}

/// Shifts as people write them: `sun-thu 07:00-15:30; fri,sat 19:00-07:00`. An end that is not after
/// the start is on the next day.
fn shifts_of(text: &str) -> Option<Vec<WeeklyShift>> {
    let mut shifts = Vec::new();
    for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
        let (days, hours) = part.rsplit_once(' ')?;
        let (from, to) = hours.split_once('-')?;
        let (from_minute, to_minute) = (minute_of(from)?, minute_of(to)?);
        let next_day = if to_minute <= from_minute { 1_440 } else { 0 };
        for weekday in weekdays_of(days)? {
            shifts.push(WeeklyShift {
                weekday,
                from_minute,
                to_minute: to_minute + next_day,
            });
        }
    }
    shifts.sort_by_key(|s| (s.weekday, s.from_minute));
    Some(shifts)
}

fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// `sun-thu`, `fri,sat`; a range may run over the end of the week.
fn weekdays_of(text: &str) -> Option<Vec<u8>> {
    let day = |text: &str| {
        let text = text.trim().to_lowercase();
        let at = DAYS.iter().position(|d| *d == text)?;
        u8::try_from(at + 1).ok()
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((from, to)) => {
                let (mut at, last) = (day(from)?, day(to)?);
                loop {
                    days.push(at);
                    if at == last {
                        break;
                    }
                    at = at % 7 + 1;
                }
            }
            None => days.push(day(part)?),
        }
    }
    Some(days)
}

/// `hot_work 2027-05-31; first_aid`: the day named is the last one.
fn certificates_of(text: &str, zone: &TimeZone) -> Option<Vec<TechnicianCertificate>> {
    let mut found = Vec::new();
    for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
        let (name, valid_until) = match part.rsplit_once(' ') {
            Some((name, day)) if day.contains(|c: char| c.is_ascii_digit()) => {
                (name, Some(last_moment(day.parse().ok()?, zone)?))
            }
            _ => (part, None),
        };
        found.push(TechnicianCertificate {
            name: word(name),
            valid_until,
        });
    }
    Some(found)
}

fn last_moment(day: civil::Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(next.timestamp().as_millisecond() - 1))
}

/// What the tenant has already.
pub(crate) struct People {
    pub(crate) tenant_id: TenantId,
    pub(crate) now: Timestamp,
    pub(crate) sites: Vec<Site>,
    pub(crate) technicians: Vec<TechnicianRow>,
    /// User names in the form in which they are compared.
    pub(crate) users: HashMap<String, UserId>,
}

/// What an import would do.
pub(crate) type TechnicianPlan = Changes<TechnicianRow>;

/// Plans the import of a file.
pub(crate) fn plan(text: &str, people: &People) -> Answer<TechnicianPlan> {
    let rows = import_rows::read(text, &COLUMNS, &["code"])?;
    let mut plan = TechnicianPlan::new();
    let mut seen = HashSet::new();
    let mut accounts: HashMap<UserId, String> = people
        .technicians
        .iter()
        .filter_map(|t| Some((t.user_id?, t.code.clone())))
        .collect();
    for row in &rows {
        let mut check = Check::new();
        let is_first = seen.insert(row.text("code").to_owned());
        check.require(is_first, "code", "import.code_twice");
        let stored = people
            .technicians
            .iter()
            .find(|t| t.code == row.text("code"));
        let read = technician_of(row, stored, people, &mut check);
        if let Some(user) = read.as_ref().and_then(|t| t.user_id) {
            let holder = accounts
                .entry(user)
                .or_insert_with(|| row.text("code").to_owned());
            check.require(
                holder == row.text("code"),
                "username",
                "technicians.user_taken",
            );
        }
        plan.take(row, check, read.map(|t| (t, stored)), is_same);
    }
    Ok(plan)
}

fn is_same(old: &TechnicianRow, new: &TechnicianRow) -> bool {
    let mut old = old.clone();
    old.changed_at = new.changed_at;
    old == *new
}

fn technician_of(
    row: &Row,
    stored: Option<&TechnicianRow>,
    people: &People,
    problems: &mut Check,
) -> Option<TechnicianRow> {
    let old = stored.map(|t| &t.technician);
    let site = match row.get("site") {
        Some(code) if !code.is_empty() => people.sites.iter().find(|s| s.code == code),
        _ => people
            .sites
            .iter()
            .find(|s| old.is_some_and(|t| t.site_id == s.id)),
    };
    let Some(site) = site else {
        problems.require(false, "site", "import.site_unknown");
        return None;
    };
    let zone = TimeZone::get(&site.time_zone).unwrap_or(TimeZone::UTC);
    let mut user_id = stored.and_then(|t| t.user_id);
    if let Some(name) = row.get("username") {
        user_id = people
            .users
            .get(&iq_store::users::username_key(name))
            .copied();
        let is_fine = user_id.is_some() || name.is_empty();
        problems.require(is_fine, "username", "technicians.user_unknown");
    }
    let technician = TechnicianRow {
        technician: Technician {
            id: old.map_or_else(TechnicianId::new, |t| t.id),
            tenant_id: people.tenant_id,
            site_id: site.id,
            names: Names {
                en: text(row, "name_en", old.map(|t| &t.names.en)),
                ar: text(row, "name_ar", old.map(|t| &t.names.ar)),
            },
            skills: match row.get("skills") {
                Some(text) => words(text),
                None => old.map(|t| t.skills.clone()).unwrap_or_default(),
            },
            certificates: parsed(
                row.get("certificates").map(|t| certificates_of(t, &zone)),
                old.map(|t| &t.certificates),
                ("certificates", "technicians.certificates_unreadable"),
                problems,
            ),
            shifts: parsed(
                row.get("shifts").map(shifts_of),
                old.map(|t| &t.shifts),
                ("shifts", "technicians.shifts_unreadable"),
                problems,
            ),
            absences: old.map(|t| t.absences.clone()).unwrap_or_default(),
            hourly_cost: cost(row, old, problems),
            is_active: is_active(row, old, problems),
        },
        code: row.text("code").to_owned(),
        user_id,
        note: text(row, "note", stored.map(|t| &t.note)),
        changed_at: people.now,
    };
    check(problems, &technician);
    Some(technician)
}

/// What the file has no column for stays as it is.
fn parsed<T: Clone>(
    read: Option<Option<Vec<T>>>,
    old: Option<&Vec<T>>,
    (field, code): (&str, &str),
    problems: &mut Check,
) -> Vec<T> {
    match read {
        Some(Some(found)) => found,
        Some(None) => {
            problems.problem(FieldFailure::new(field, code));
            Vec::new()
        }
        None => old.cloned().unwrap_or_default(),
    }
}

fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for one in text.split([';', '،']).map(word).filter(|w| !w.is_empty()) {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

fn text(row: &Row, column: &str, stored: Option<&String>) -> String {
    row.get(column)
        .map_or_else(|| stored.cloned().unwrap_or_default(), str::to_owned)
}

fn cost(row: &Row, old: Option<&Technician>, problems: &mut Check) -> Option<f64> {
    match row.get("hourly_cost") {
        None => old.and_then(|t| t.hourly_cost),
        Some("") => None,
        Some(text) => {
            let number = text.parse().ok();
            problems.require(
                number.is_some(),
                "hourly_cost",
                "technicians.cost_unreadable",
            );
            number
        }
    }
}

fn is_active(row: &Row, old: Option<&Technician>, problems: &mut Check) -> bool {
    let stored = old.is_none_or(|t| t.is_active);
    match row.text("active").to_lowercase().as_str() {
        "" => stored,
        "true" | "yes" | "1" | "نعم" => true,
        "false" | "no" | "0" | "لا" => false,
        _ => {
            problems.require(false, "active", "technicians.active_unreadable");
            stored
        }
    }
}

#[cfg(test)]
#[path = "technician_plan_tests.rs"]
mod tests;
