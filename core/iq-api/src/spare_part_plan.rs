//! What a spare part may look like, and what an import of a CSV file would change. Pure: the store is
//! asked before and written after.

use std::collections::HashSet;

use iq_domain::{PartArrival, Site, SparePart, SparePartId, TenantId, Timestamp};
use jiff::{civil, tz::TimeZone};

use crate::{
    http::{
        Answer, Check,
        check::{NAME_CHARS, NOTE_CHARS},
    },
    import_rows::{self, Changes, Columns, Row},
};

/// Most pieces, in store or on their way.
const MAX_QUANTITY: f64 = 1_000_000.0;
/// Longest lead time: ten years.
const MAX_LEAD_DAYS: u32 = 3_660;

/// The columns with the headers they are known by, first the stable English id.
const COLUMNS: Columns<8> = [
    ("code", &["material_number", "رقم المادة"]),
    ("title", &["description", "الوصف"]),
    ("site", &["site_code", "الموقع"]),
    ("on_hand", &["stock", "المتوفر"]),
    ("expected_quantity", &["الكمية المتوقعة"]),
    ("expected_on", &["expected_date", "تاريخ الوصول"]),
    ("lead_time_days", &["مدة التوريد"]),
    ("note", &["ملاحظة"]),
];

/// Checks everything about a part but whose store it lies in.
pub(crate) fn check(check: &mut Check, part: &SparePart) {
    check
        .code("code", &part.code)
        .line("title", &part.title, NAME_CHARS)
        .text("note", &part.note, NOTE_CHARS)
        .number("on_hand", part.on_hand, 0.0, MAX_QUANTITY)
        .number(
            "lead_time_days",
            f64::from(part.lead_time_days.unwrap_or_default()),
            0.0,
            f64::from(MAX_LEAD_DAYS),
        );
    if let Some(arrival) = part.expected {
        check
            .number("expected_quantity", arrival.quantity, 0.001, MAX_QUANTITY)
            .time("expected_at", Some(arrival.at));
    }
}

/// What the tenant has already.
pub(crate) struct Stores {
    pub(crate) tenant_id: TenantId,
    pub(crate) now: Timestamp,
    pub(crate) sites: Vec<Site>,
    pub(crate) parts: Vec<SparePart>,
}

/// What an import would do.
pub(crate) type SparePartPlan = Changes<SparePart>;

/// Plans the import of a file.
pub(crate) fn plan(text: &str, stores: &Stores) -> Answer<SparePartPlan> {
    let rows = import_rows::read(text, &COLUMNS, &["code"])?;
    let mut plan = SparePartPlan::new();
    let mut seen = HashSet::new();
    for row in &rows {
        let mut check = Check::new();
        let read = part_of(row, stores, &mut check);
        if let Some((part, _)) = &read {
            let is_first = seen.insert((part.site_id, part.code.clone()));
            check.require(is_first, "code", "spare_parts.code_twice");
        }
        plan.take(row, check, read, is_same);
    }
    Ok(plan)
}

fn is_same(old: &SparePart, new: &SparePart) -> bool {
    let mut old = old.clone();
    old.changed_at = new.changed_at;
    old == *new
}

/// The part of a row, with what is stored of it. What the file has no column for stays as it is.
fn part_of<'a>(
    row: &Row,
    stores: &'a Stores,
    problems: &mut Check,
) -> Option<(SparePart, Option<&'a SparePart>)> {
    let site = match (row.text("site"), stores.sites.as_slice()) {
        ("", [only]) => Some(only),
        (code, sites) => sites.iter().find(|s| s.code == code),
    };
    let Some(site) = site else {
        problems.require(false, "site", "import.site_unknown");
        return None;
    };
    let code = row.text("code");
    let mut stored = stores.parts.iter();
    let old = stored.find(|p| p.site_id == site.id && p.code == code);
    let number = |column: &str, stored: Option<f64>, problems: &mut Check| match row.get(column) {
        None => stored,
        Some("") => None,
        Some(text) => {
            let number: Option<f64> = text.parse().ok();
            problems.require(number.is_some(), column, "spare_parts.number_unreadable");
            number
        }
    };
    let expected = old.and_then(|p| p.expected);
    let quantity = number("expected_quantity", expected.map(|e| e.quantity), problems);
    let at = match row.get("expected_on") {
        None => expected.map(|e| e.at),
        Some("") => None,
        Some(text) => {
            let day = first_moment(text, site);
            problems.require(day.is_some(), "expected_on", "spare_parts.day_unreadable");
            day
        }
    };
    problems.require(
        at.is_some() == quantity.is_some(),
        "expected_on",
        "spare_parts.arrival_half",
    );
    let text = |column: &str, stored: Option<&String>| {
        row.get(column)
            .map_or_else(|| stored.cloned().unwrap_or_default(), str::to_owned)
    };
    let part = SparePart {
        id: old.map_or_else(SparePartId::new, |p| p.id),
        tenant_id: stores.tenant_id,
        site_id: site.id,
        code: code.to_owned(),
        title: text("title", old.map(|p| &p.title)),
        on_hand: number("on_hand", old.map(|p| p.on_hand), problems).unwrap_or_default(),
        expected: at
            .zip(quantity)
            .map(|(at, quantity)| PartArrival { at, quantity }),
        lead_time_days: lead_time(row, old, problems),
        note: text("note", old.map(|p| &p.note)),
        changed_at: stores.now,
    };
    check(problems, &part);
    Some((part, old))
}

fn lead_time(row: &Row, old: Option<&SparePart>, problems: &mut Check) -> Option<u32> {
    match row.get("lead_time_days") {
        None => old.and_then(|p| p.lead_time_days),
        Some("") => None,
        Some(text) => {
            let days = text.parse().ok();
            problems.require(
                days.is_some(),
                "lead_time_days",
                "spare_parts.number_unreadable",
            );
            days
        }
    }
}

/// The parts of a day can be taken from the next one on: until then nobody knows whether they have come.
fn first_moment(day: &str, site: &Site) -> Option<Timestamp> {
    let zone = TimeZone::get(&site.time_zone).unwrap_or(TimeZone::UTC);
    let day: civil::Date = day.parse().ok()?;
    let next = day.tomorrow().ok()?.to_zoned(zone).ok()?;
    Some(Timestamp(next.timestamp().as_millisecond()))
}

#[cfg(test)]
#[path = "spare_part_plan_tests.rs"]
mod tests;
