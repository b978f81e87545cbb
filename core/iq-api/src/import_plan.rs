//! Reads the asset list of a CSV file and plans what an import would change. Pure: the store is asked
//! before and written after.

use std::collections::{HashMap, HashSet};

use iq_domain::{Asset, AssetId, Criticality, Names, Site, TenantId, Timestamp, Unit};
use jiff::{civil, tz::TimeZone};

use crate::{
    http::{
        Answer, Check, FieldFailure,
        check::{CODE_CHARS, NOTE_CHARS},
    },
    import_rows::{self, Changes, Columns, Row, RowProblem},
};

/// No machine of a plant is older: 1900.
pub(crate) const OLDEST: Timestamp = Timestamp(-2_208_988_800_000);

/// The columns with the headers they are known by, first the stable English id.
const COLUMNS: Columns<14> = [
    ("code", &["asset_code", "رمز الأصل", "الرمز"]),
    ("name_en", &["name", "الاسم بالإنجليزية"]),
    ("name_ar", &["الاسم بالعربية", "الاسم"]),
    ("family", &["asset_family", "فئة الأصل", "الفئة"]),
    ("criticality", &["الحرجية"]),
    ("site", &["site_code", "الموقع"]),
    ("unit", &["unit_code", "الوحدة"]),
    ("equipment_number", &["رقم المعدة"]),
    ("functional_location", &["الموقع الوظيفي"]),
    ("in_service_since", &["in_service", "في الخدمة منذ"]),
    ("parent", &["parent_code", "الأصل الأعلى"]),
    ("upstream", &["قبله"]),
    ("downstream", &["بعده"]),
    ("note", &["ملاحظة"]),
];

/// What the tenant has already.
pub(crate) struct Plant {
    pub(crate) tenant_id: TenantId,
    pub(crate) sites: Vec<Site>,
    pub(crate) units: Vec<Unit>,
    pub(crate) assets: Vec<Asset>,
}

/// What an import would do.
pub(crate) type Plan = Changes<Asset>;

/// Plans the import of a file.
pub(crate) fn plan(text: &str, plant: &Plant, now: Timestamp) -> Answer<Plan> {
    let rows = import_rows::read(text, &COLUMNS, &["code", "unit"])?;
    let mut planner = Planner::new(plant, &rows, now);
    for row in &rows {
        planner.row(row);
    }
    Ok(planner.finish())
}

struct Planner<'a> {
    plant: &'a Plant,
    now: Timestamp,
    sites: HashMap<&'a str, &'a Site>,
    stored: HashMap<&'a str, &'a Asset>,
    /// Every code that exists after the import, with its id.
    ids: HashMap<String, AssetId>,
    seen: HashSet<String>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(plant: &'a Plant, rows: &[Row], now: Timestamp) -> Self {
        let stored: HashMap<&str, &Asset> =
            plant.assets.iter().map(|a| (a.code.as_str(), a)).collect();
        let mut ids: HashMap<String, AssetId> = plant
            .assets
            .iter()
            .map(|a| (a.code.clone(), a.id))
            .collect();
        for row in rows {
            ids.entry(row.text("code").to_owned())
                .or_insert_with(AssetId::new);
        }
        Self {
            plant,
            now,
            sites: plant.sites.iter().map(|s| (s.code.as_str(), s)).collect(),
            stored,
            ids,
            seen: HashSet::new(),
            plan: Plan::new(),
        }
    }

    fn row(&mut self, row: &Row) {
        let mut check = Check::new();
        let code = row.text("code").to_owned();
        check.code("code", &code);
        check.require(self.seen.insert(code.clone()), "code", "import.code_twice");
        let stored = self.stored.get(code.as_str()).copied();
        let unit = self.unit(row, &mut check);
        let criticality = self.criticality(row, stored, &mut check);
        let family = row
            .get("family")
            .unwrap_or_else(|| stored.map_or("", |a| a.family.as_str()));
        check.require(
            iq_mapping::catalogue().family(family).is_some(),
            "family",
            "asset.family_unknown",
        );
        let names = Names {
            en: cell(row, "name_en", stored.map_or("", |a| &a.names.en)),
            ar: cell(row, "name_ar", stored.map_or("", |a| &a.names.ar)),
        };
        check.names("name_en", &names);
        for column in ["equipment_number", "functional_location"] {
            check.optional_line(column, row.text(column), CODE_CHARS * 2);
        }
        check.text("note", row.text("note"), NOTE_CHARS);
        let in_service_since = self.in_service_since(row, (stored, unit), &mut check);
        let parent_id = self.parent(row, stored, &mut check);
        let upstream = self.neighbours(row, "upstream", stored.map(|a| &a.upstream), &mut check);
        let downstream =
            self.neighbours(row, "downstream", stored.map(|a| &a.downstream), &mut check);
        let (Some(unit), Some(criticality)) = (unit, criticality) else {
            return self.plan.take(row, check, None, Asset::eq);
        };
        let optional = |column: &str, old: Option<&String>| {
            row.get(column)
                .map_or_else(|| old.cloned(), |text| Some(text.to_owned()))
                .filter(|text| !text.is_empty())
        };
        let asset = Asset {
            id: self.ids[&code],
            tenant_id: self.plant.tenant_id,
            unit_id: unit.id,
            code,
            names,
            family: family.to_owned(),
            criticality,
            equipment_number: optional(
                "equipment_number",
                stored.and_then(|a| a.equipment_number.as_ref()),
            ),
            functional_location: optional(
                "functional_location",
                stored.and_then(|a| a.functional_location.as_ref()),
            ),
            parent_id,
            upstream,
            downstream,
            note: cell(row, "note", stored.map_or("", |a| &a.note)),
            effective_from: in_service_since,
            effective_to: stored.and_then(|a| a.effective_to),
        };
        self.plan.take(row, check, Some((asset, stored)), Asset::eq);
    }

    fn unit(&self, row: &Row, check: &mut Check) -> Option<&'a Unit> {
        let (site_code, code) = (row.text("site"), row.text("unit"));
        let site = self.sites.get(site_code).copied();
        if site.is_none() && !site_code.is_empty() {
            check.require(false, "site", "import.site_unknown");
            return None;
        }
        let mut found = self
            .plant
            .units
            .iter()
            .filter(|u| u.code == code && site.is_none_or(|s| s.id == u.site_id));
        let unit = found.next();
        check.require(unit.is_some(), "unit", "import.unit_unknown");
        // The same unit code in two sites: without the site the row could mean either.
        check.require(found.next().is_none(), "unit", "import.unit_ambiguous");
        unit
    }

    fn criticality(
        &self,
        row: &Row,
        stored: Option<&Asset>,
        check: &mut Check,
    ) -> Option<Criticality> {
        let text = row.text("criticality").to_lowercase();
        let found = match text.as_str() {
            "critical" | "a" | "حرج" => Some(Criticality::Critical),
            "high" | "b" | "عالية" => Some(Criticality::High),
            "medium" | "c" | "متوسطة" => Some(Criticality::Medium),
            "low" | "d" | "منخفضة" => Some(Criticality::Low),
            "" => Some(stored.map_or(Criticality::Medium, |a| a.criticality)),
            _ => None,
        };
        check.require(found.is_some(), "criticality", "import.criticality_unknown");
        found
    }

    /// The first moment of the day there, as on the page of the asset.
    fn in_service_since(
        &self,
        row: &Row,
        (stored, unit): (Option<&Asset>, Option<&Unit>),
        check: &mut Check,
    ) -> Option<Timestamp> {
        let known = stored.and_then(|a| a.effective_from);
        let text = match row.get("in_service_since") {
            None => return known,
            Some("") => return None,
            Some(text) => text,
        };
        let site = unit.and_then(|u| self.plant.sites.iter().find(|s| s.id == u.site_id));
        let zone = site.and_then(|s| TimeZone::get(&s.time_zone).ok());
        let zone = zone.unwrap_or(TimeZone::UTC);
        let since = first_moment(text, &zone);
        // The day that was exported is the moment that was stored, wherever it was typed.
        let since = since.map(|since| known.filter(|k| is_same_day(*k, since)).unwrap_or(since));
        let is_right = since.is_some_and(|since| since >= OLDEST && since <= self.now);
        check.require(is_right, "in_service_since", "asset.in_service_wrong");
        since
    }

    fn parent(&self, row: &Row, stored: Option<&Asset>, check: &mut Check) -> Option<AssetId> {
        match row.get("parent") {
            None => stored.and_then(|a| a.parent_id),
            Some("") => None,
            Some(code) => {
                let id = self.ids.get(code).copied();
                check.require(id.is_some(), "parent", "asset.parent_unknown");
                check.require(code != row.text("code"), "parent", "asset.parent_loop");
                id
            }
        }
    }

    fn neighbours(
        &self,
        row: &Row,
        column: &str,
        stored: Option<&Vec<String>>,
        check: &mut Check,
    ) -> Vec<String> {
        let Some(text) = row.get(column) else {
            return stored.cloned().unwrap_or_default();
        };
        let codes: Vec<String> = text
            .split([';', '،', '|'])
            .map(|c| c.trim().to_owned())
            .filter(|c| !c.is_empty())
            .collect();
        for code in &codes {
            check_neighbour(check, column, code, |c| self.ids.contains_key(c));
        }
        codes
    }

    fn finish(mut self) -> Plan {
        let mut parents: HashMap<AssetId, Option<AssetId>> = self
            .plant
            .assets
            .iter()
            .map(|a| (a.id, a.parent_id))
            .collect();
        let changed = || self.plan.created.iter().chain(&self.plan.updated);
        parents.extend(changed().map(|a| (a.id, a.parent_id)));
        let looping: Vec<RowProblem> = changed()
            .filter(|a| is_in_loop(a.id, &parents))
            .map(|a| RowProblem {
                row: 0,
                problem: FieldFailure::new("parent", "asset.parent_loop").with("code", &a.code),
            })
            .collect();
        self.plan.refuse(looping);
        self.plan
    }
}

/// Checks one code of an asset's neighbours. A text in brackets names something outside the plant's
/// asset list ("(well fluids)") and is kept as it is.
pub(crate) fn check_neighbour(
    check: &mut Check,
    field: &str,
    code: &str,
    is_known: impl Fn(&str) -> bool,
) {
    if code.starts_with('(') && code.ends_with(')') {
        check.line(field, code, CODE_CHARS);
    } else if !is_known(code) {
        check.problem(FieldFailure::new(field, "asset.neighbour_unknown").with("code", code));
    }
}

/// Whether following the parents from `start` leads back to it.
pub(crate) fn is_in_loop(start: AssetId, parents: &HashMap<AssetId, Option<AssetId>>) -> bool {
    let mut at = parents.get(&start).copied().flatten();
    for _ in 0..=parents.len() {
        match at {
            None => return false,
            Some(id) if id == start => return true,
            Some(id) => at = parents.get(&id).copied().flatten(),
        }
    }
    true
}

fn cell(row: &Row, column: &str, stored: &str) -> String {
    row.get(column).unwrap_or(stored).to_owned()
}

fn first_moment(day: &str, zone: &TimeZone) -> Option<Timestamp> {
    let day: civil::Date = day.parse().ok()?;
    let start = day.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(start.timestamp().as_millisecond()))
}

/// Whether two moments are on one day, whatever the zone of either.
fn is_same_day(a: Timestamp, b: Timestamp) -> bool {
    a.since_ms(b).abs() < 14 * 3_600_000
}

#[cfg(test)]
#[path = "import_plan_tests.rs"]
mod tests;
