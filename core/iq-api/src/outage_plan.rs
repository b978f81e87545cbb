//! What a planned outage may look like, and what an import of a CSV file would change. Pure: the store is
//! asked before and written after.

use std::collections::{HashMap, HashSet};

use iq_domain::{AssetId, Outage, OutageId, Site, SiteId, TenantId, Timestamp, Unit, UnitId};
use jiff::{civil, tz::TimeZone};

use crate::{
    http::{
        Answer, Check,
        check::{NAME_CHARS, NOTE_CHARS},
    },
    import_rows::{self, Changes, Columns, Row},
};

/// The columns with the headers they are known by, first the stable English id. The id of an outage stands
/// in files that were exported here: it says which one has moved.
const COLUMNS: Columns<8> = [
    ("id", &["outage_id", "المعرّف"]),
    ("title", &["name", "العنوان"]),
    ("site", &["site_code", "الموقع"]),
    ("unit", &["unit_code", "الوحدة"]),
    ("asset", &["asset_code", "رمز الأصل"]),
    ("from", &["begins", "start", "البداية"]),
    ("to", &["ends", "end", "النهاية"]),
    ("note", &["ملاحظة"]),
];

/// Checks what an outage is called and when it is.
pub(crate) fn check(check: &mut Check, row: &Outage) {
    let lasts = row.to.since_ms(row.from);
    check
        .line("title", &row.title, NAME_CHARS)
        .text("note", &row.note, NOTE_CHARS)
        .time("from", Some(row.from))
        .time("to", Some(row.to))
        .require(
            0 < lasts && lasts <= Outage::LONGEST_MS,
            "to",
            "outages.time_wrong",
        );
}

/// Checks what stands: `unit` and `asset` are named with the sites they belong to, `fields` as the caller
/// calls the two.
pub(crate) fn check_place(
    check: &mut Check,
    site: SiteId,
    (unit, asset): (Option<SiteId>, Option<SiteId>),
    fields: (&str, &str),
) {
    check
        .require(
            unit.is_none() || asset.is_none(),
            fields.0,
            "outages.two_places",
        )
        .require(
            unit.is_none_or(|of| of == site),
            fields.0,
            "outages.other_site",
        )
        .require(
            asset.is_none_or(|of| of == site),
            fields.1,
            "outages.other_site",
        );
}

/// What the tenant has already.
pub(crate) struct Calendar {
    pub(crate) tenant_id: TenantId,
    pub(crate) now: Timestamp,
    pub(crate) sites: Vec<Site>,
    pub(crate) units: Vec<Unit>,
    /// Assets by code, each with its site.
    pub(crate) assets: HashMap<String, (AssetId, SiteId)>,
    pub(crate) outages: Vec<Outage>,
}

/// What an import would do.
pub(crate) type OutagePlan = Changes<Outage>;

/// Plans the import of a file.
pub(crate) fn plan(text: &str, calendar: &Calendar) -> Answer<OutagePlan> {
    let rows = import_rows::read(text, &COLUMNS, &["title", "from", "to"])?;
    let stored: HashMap<_, &Outage> = calendar.outages.iter().map(|o| (key(o), o)).collect();
    let mut plan = OutagePlan::new();
    let (mut seen, mut changed) = (HashSet::new(), HashSet::new());
    for row in &rows {
        let mut check = Check::new();
        let read = outage_of(row, calendar, &mut check).map(|(outage, named)| {
            let old = named.or_else(|| stored.get(&key(&outage)).copied());
            let note = row.get("note").map(str::to_owned);
            let outage = Outage {
                id: old.map_or(outage.id, |o| o.id),
                note: note.or(old.map(|o| o.note.clone())).unwrap_or_default(),
                ..outage
            };
            (outage, old)
        });
        if let Some((outage, old)) = &read {
            let is_first = seen.insert(key(outage)) && old.is_none_or(|o| changed.insert(o.id));
            check.require(is_first, "title", "outages.twice");
        }
        plan.take(row, check, read, is_same);
    }
    Ok(plan)
}

/// What an outage goes by where no id is named: what stands, its title and its begin.
type Key = (SiteId, Option<UnitId>, Option<AssetId>, String, Timestamp);

fn key(outage: &Outage) -> Key {
    (
        outage.site_id,
        outage.unit_id,
        outage.asset_id,
        outage.title.clone(),
        outage.from,
    )
}

fn is_same(old: &Outage, new: &Outage) -> bool {
    let mut old = old.clone();
    old.changed_at = new.changed_at;
    old == *new
}

/// The outage of a row, with the stored one its id names; `None` where it can't be told what stands or when.
fn outage_of<'a>(
    row: &Row,
    calendar: &'a Calendar,
    problems: &mut Check,
) -> Option<(Outage, Option<&'a Outage>)> {
    let named = named(row, calendar, problems).ok()?;
    let asset = asset_of(row, calendar, named, problems).ok()?;
    let Some(site) = site_of(row, calendar, named, asset) else {
        problems.require(false, "site", "import.site_unknown");
        return None;
    };
    let unit = unit_of(row, calendar, (site, named, asset), problems).ok()?;
    let places = (unit.map(|u| u.site_id), asset.map(|(_, of)| of));
    check_place(problems, site.id, places, ("unit", "asset"));
    let mut at = |column: &str, is_end: bool| {
        let found = moment(row.text(column), site, is_end);
        problems.require(found.is_some(), column, "outages.moment_unreadable");
        found
    };
    let (from, to) = (at("from", false), at("to", true));
    let outage = Outage {
        id: named.map_or_else(OutageId::new, |o| o.id),
        tenant_id: calendar.tenant_id,
        site_id: site.id,
        unit_id: unit.map(|u| u.id),
        asset_id: asset.map(|(id, _)| id),
        title: row.text("title").to_owned(),
        from: from?,
        to: to?,
        note: row.text("note").to_owned(),
        changed_at: calendar.now,
    };
    check(problems, &outage);
    Some((outage, named))
}

/// What a row names is not there; its problem says so.
struct Unknown;

fn found<T>(
    found: Option<T>,
    problems: &mut Check,
    (column, code): (&str, &str),
) -> Result<Option<T>, Unknown> {
    problems.require(found.is_some(), column, code);
    found.map(Some).ok_or(Unknown)
}

/// The stored outage whose id a row names.
fn named<'a>(
    row: &Row,
    calendar: &'a Calendar,
    problems: &mut Check,
) -> Result<Option<&'a Outage>, Unknown> {
    let text = row.text("id");
    if text.is_empty() {
        return Ok(None);
    }
    let id: Option<OutageId> = text.parse().ok();
    let stored = id.and_then(|id| calendar.outages.iter().find(|o| o.id == id));
    found(stored, problems, ("id", "outages.id_unknown"))
}

/// The asset of a row, with its site. Where the file has no such column, that of the stored outage.
fn asset_of(
    row: &Row,
    calendar: &Calendar,
    named: Option<&Outage>,
    problems: &mut Check,
) -> Result<Option<(AssetId, SiteId)>, Unknown> {
    match row.get("asset") {
        None => {
            let id = named.and_then(|o| o.asset_id);
            let mut assets = calendar.assets.values().copied();
            Ok(id.and_then(|id| assets.find(|(known, _)| *known == id)))
        }
        Some("") => Ok(None),
        Some(code) => {
            let asset = calendar.assets.get(code).copied();
            found(asset, problems, ("asset", "import.asset_unknown"))
        }
    }
}

/// The site of a row: as named, else that of its asset, of the stored outage, or the only one.
fn site_of<'a>(
    row: &Row,
    calendar: &'a Calendar,
    named: Option<&Outage>,
    asset: Option<(AssetId, SiteId)>,
) -> Option<&'a Site> {
    let mut sites = calendar.sites.iter();
    let code = row.text("site");
    if !code.is_empty() {
        return sites.find(|s| s.code == code);
    }
    let meant = asset.map(|(_, of)| of).or(named.map(|o| o.site_id));
    match (meant, calendar.sites.as_slice()) {
        (Some(id), _) => sites.find(|s| s.id == id),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// The unit of a row. Where the file has no such column, that of the stored outage, unless an asset takes
/// its place.
fn unit_of<'a>(
    row: &Row,
    calendar: &'a Calendar,
    (site, named, asset): (&Site, Option<&Outage>, Option<(AssetId, SiteId)>),
    problems: &mut Check,
) -> Result<Option<&'a Unit>, Unknown> {
    let mut units = calendar.units.iter();
    match row.get("unit") {
        None => {
            let id = named.and_then(|o| o.unit_id).filter(|_| asset.is_none());
            Ok(id.and_then(|id| units.find(|u| u.id == id)))
        }
        Some("") => Ok(None),
        Some(code) => {
            let unit = units.find(|u| u.site_id == site.id && u.code == code);
            found(unit, problems, ("unit", "import.unit_unknown"))
        }
    }
}

/// A moment as people write it, in the time of the site: `2027-05-31 06:00`. A day alone is its midnight,
/// or for an end the one after it. A moment with its offset is taken as it is.
fn moment(text: &str, site: &Site, is_end: bool) -> Option<Timestamp> {
    if let Ok(exact) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(exact.as_millisecond()));
    }
    let local: civil::DateTime = text.parse().ok()?;
    let zone = TimeZone::get(&site.time_zone).unwrap_or(TimeZone::UTC);
    let is_day = !text.contains(':');
    let at = match (is_day, is_end) {
        (true, true) => local.date().tomorrow().ok()?.to_zoned(zone).ok()?,
        (true, false) => local.date().to_zoned(zone).ok()?,
        (false, _) => local.to_zoned(zone).ok()?,
    };
    Some(Timestamp(at.timestamp().as_millisecond()))
}

#[cfg(test)]
#[path = "outage_plan_tests.rs"]
mod tests;
