//! What the maintenance system knows when it is first started: an equipment and a functional location
//! for every asset of the plant, and a year of notifications and orders, the same for the same seed.

use iq_domain::{Criticality, Timestamp};

use crate::{
    catalogue::{PlantAsset, catalogue},
    rng::Rng,
    sap::{
        book::{Book, operation},
        schema::{EQUIPMENT, LOCATION, NOTIFICATION, OPERATION, ORDER},
        value::{Row, Val, text},
    },
};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
/// 9999-12-31, the end of what is valid now.
pub(crate) const FOREVER: i64 = 253_402_214_400_000;
/// 2019-01-01, when the plant was taken over.
const BEGINNING: i64 = 1_546_300_800_000;
const FIRST_EQUIPMENT: usize = 10_000_001;

/// When an asset went into service: the machines came over four years.
#[must_use]
pub fn in_service_since(asset: &str) -> Option<i64> {
    let at = catalogue().asset_of(asset)?;
    Some(BEGINNING + (at as i64 * 211 % 1_400) * DAY)
}

/// Number of an asset's equipment, with its leading zeros.
#[must_use]
pub fn equipment_number(asset: &str) -> Option<String> {
    let at = catalogue().asset_of(asset)?;
    Some(format!("{:018}", FIRST_EQUIPMENT + at))
}

/// Maintenance plant of a site.
pub(crate) fn plant_of(site: &str) -> &'static str {
    if site == "RAS" { "1010" } else { "1020" }
}

/// Work centre that looks after a family.
pub(crate) fn work_center(family: &str) -> &'static str {
    match family {
        "electric_motor" => "ELEC01",
        "control_valve" => "INST01",
        _ => "MECH01",
    }
}

/// At most `length` characters.
pub(crate) fn cut(line: &str, length: usize) -> String {
    line.chars().take(length).collect()
}

/// The driven machine a motor or gearbox belongs to.
fn superior(code: &str) -> Option<String> {
    let driven = match code {
        "GB-203" | "KM-204" => "K-202".to_owned(),
        "KM-209" => "K-208".to_owned(),
        _ => format!("P-{}", code.strip_prefix("PM-")?),
    };
    equipment_number(&driven)
}

fn letter(asset: &PlantAsset) -> &'static str {
    match asset.criticality {
        Criticality::Critical => "A",
        Criticality::High => "B",
        _ => "C",
    }
}

/// Fills an empty book.
pub(crate) fn fill(book: &mut Book, seed: u64, now: Timestamp) {
    locations(book);
    for asset in &catalogue().assets {
        equipment(book, asset, seed);
    }
    scrapped(book, now);
    for asset in &catalogue().assets {
        history(book, asset, seed, now.millis());
    }
    oil_change(book, now.millis());
    // Numbers follow the moment of creation, as a system hands them out.
    book.number_by_age();
}

fn locations(book: &mut Book) {
    let mut add = |id: &str, name: &str, above: &str, site: &str, abc: &str| {
        let row = Row::from([
            ("FunctionalLocation".to_owned(), text(id)),
            ("FunctionalLocationLabelName".to_owned(), text(id)),
            ("FunctionalLocationName".to_owned(), text(cut(name, 40))),
            ("SuperiorFunctionalLocation".to_owned(), text(above)),
            ("FunctionalLocationCategory".to_owned(), text("M")),
            ("MaintenancePlant".to_owned(), text(plant_of(site))),
            ("CompanyCode".to_owned(), text("1000")),
            ("ABCIndicator".to_owned(), text(abc)),
            ("LastChangeDateTime".to_owned(), Val::Ms(BEGINNING)),
        ]);
        book.add(LOCATION, row);
    };
    for site in &catalogue().sites {
        add(site.code, &site.names.en, "", site.code, "");
    }
    for unit in &catalogue().units {
        let id = format!("{}-{}", unit.site, unit.code);
        add(&id, &unit.names.en, unit.site, unit.site, "");
    }
    for asset in &catalogue().assets {
        let above = format!("{}-{}", asset.site, asset.unit);
        let id = &asset.functional_location;
        add(id, &asset.names.en, &above, &asset.site, letter(asset));
    }
}

fn equipment(book: &mut Book, asset: &PlantAsset, seed: u64) {
    let mut rng = Rng::named(seed, &format!("equipment {}", asset.code));
    let makers = [
        "Najd Rotating",
        "Delta Pumps",
        "Gulf Turbo",
        "Sahil Electric",
    ];
    let maker = makers[(rng.unit() * makers.len() as f64) as usize];
    let serial = format!("{:06}", (rng.unit() * 999_999.0) as u32);
    let Some(number) = equipment_number(&asset.code) else {
        return;
    };
    let above = superior(&asset.code).unwrap_or_default();
    let name = cut(&format!("{} {}", asset.code, asset.names.en), 40);
    let place = &asset.functional_location;
    let value = format!("{}.00", 20_000 + (rng.unit() * 900.0) as u32 * 1_000);
    let since = in_service_since(&asset.code).unwrap_or(BEGINNING);
    let row = |name: &str, from: i64, to: i64| {
        Row::from([
            ("Equipment".to_owned(), text(&number)),
            ("ValidityEndDate".to_owned(), Val::Ms(to)),
            ("ValidityStartDate".to_owned(), Val::Ms(from)),
            ("EquipmentName".to_owned(), text(name)),
            ("EquipmentCategory".to_owned(), text("M")),
            (
                "TechnicalObjectType".to_owned(),
                text(cut(&asset.family.to_uppercase(), 10)),
            ),
            ("MaintenancePlant".to_owned(), text(plant_of(&asset.site))),
            (
                "MaintenancePlanningPlant".to_owned(),
                text(plant_of(&asset.site)),
            ),
            ("CompanyCode".to_owned(), text("1000")),
            ("WorkCenter".to_owned(), text(work_center(&asset.family))),
            ("ABCIndicator".to_owned(), text(letter(asset))),
            ("FunctionalLocation".to_owned(), text(place)),
            (
                "FunctionalLocationName".to_owned(),
                text(cut(&asset.names.en, 40)),
            ),
            ("SuperordinateEquipment".to_owned(), text(&above)),
            ("AssetManufacturerName".to_owned(), text(maker)),
            ("ManufacturerSerialNumber".to_owned(), text(&serial)),
            ("OperationStartDate".to_owned(), Val::Ms(since)),
            ("AcquisitionValue".to_owned(), text(&value)),
            ("Currency".to_owned(), text("SAR")),
            ("EquipmentIsInactive".to_owned(), Val::Flag(false)),
            ("LastChangeDateTime".to_owned(), Val::Ms(from)),
        ])
    };
    // Two machines were renamed: an earlier row with the same number has another end of validity.
    if matches!(asset.code.as_str(), "P-303B" | "BL-405") {
        let change = BEGINNING + 900 * DAY;
        book.add(
            EQUIPMENT,
            row(&format!("{} (old name)", asset.code), BEGINNING, change),
        );
        book.add(EQUIPMENT, row(&name, change + DAY, FOREVER));
    } else {
        book.add(EQUIPMENT, row(&name, BEGINNING, FOREVER));
    }
}

/// A pump taken out long ago: the plant doesn't have it, the papers do.
fn scrapped(book: &mut Book, now: Timestamp) {
    let row = Row::from([
        ("Equipment".to_owned(), text(format!("{:018}", 10_009_999))),
        ("ValidityEndDate".to_owned(), Val::Ms(FOREVER)),
        ("ValidityStartDate".to_owned(), Val::Ms(BEGINNING)),
        (
            "EquipmentName".to_owned(),
            text("P-109A Condensate pump (scrapped)"),
        ),
        ("EquipmentCategory".to_owned(), text("M")),
        ("MaintenancePlant".to_owned(), text("1010")),
        ("CompanyCode".to_owned(), text("1000")),
        ("EquipmentIsInactive".to_owned(), Val::Flag(true)),
        (
            "LastChangeDateTime".to_owned(),
            Val::Ms(now.millis() - 300 * DAY),
        ),
    ]);
    book.add(EQUIPMENT, row);
}

/// Type, text and hours of the work a family needs.
fn jobs(family: &str) -> &'static [(&'static str, &'static str, f64)] {
    match family {
        "centrifugal_pump" => &[
            ("PM02", "Monthly inspection and lubrication", 2.0),
            ("PM01", "Replace mechanical seal", 12.0),
            ("PM02", "Oil change, bearing housings", 3.0),
            ("PM01", "High vibration, check alignment", 6.0),
        ],
        "electric_motor" => &[
            ("PM02", "Regrease bearings", 1.5),
            ("PM02", "Insulation and winding test", 4.0),
            ("PM01", "Replace cooling fan", 5.0),
        ],
        "control_valve" => &[
            ("PM02", "Stroke test", 2.0),
            ("PM01", "Renew stem packing", 6.0),
            ("PM01", "Recalibrate positioner", 3.0),
        ],
        "hx_shell_tube" | "hx_air_cooler" => &[
            ("PM02", "External inspection", 2.0),
            ("PM01", "Clean tube side", 24.0),
        ],
        "centrifugal_compressor" | "reciprocating_compressor" => &[
            ("PM02", "Change lube-oil filter", 3.0),
            ("PM01", "Inspect dry gas seal", 16.0),
            ("PM02", "Vibration survey", 4.0),
        ],
        _ => &[
            ("PM02", "Routine inspection", 3.0),
            ("PM01", "Repair after finding", 8.0),
        ],
    }
}

fn history(book: &mut Book, asset: &PlantAsset, seed: u64, now: i64) {
    let mut rng = Rng::named(seed, &format!("orders {}", asset.code));
    let mut stops = Rng::named(seed, &format!("breakdowns {}", asset.code));
    let jobs = jobs(&asset.family);
    let count = 2 + (rng.unit() * 5.0) as i64;
    for i in 0..count {
        let (kind, title, hours) = jobs[(rng.unit() * jobs.len() as f64) as usize];
        // Spread over the year, the last one within the coming or past week.
        let age = (count - 1 - i) * 365 / count;
        let jitter = (rng.unit() * 12.0 * DAY as f64) as i64 - 4 * DAY;
        let start = now - age * DAY + jitter;
        let start = start - start.rem_euclid(HOUR);
        let is_late = rng.chance(0.08);
        let job = Job {
            asset,
            kind,
            title,
            hours,
            start,
            is_late,
            is_breakdown: kind == "PM01" && stops.chance(0.4) && start < now && !is_late,
        };
        job.write(book, now);
    }
}

/// A piece of work on an asset.
struct Job<'a> {
    asset: &'a PlantAsset,
    kind: &'static str,
    title: &'static str,
    hours: f64,
    start: i64,
    is_late: bool,
    /// The machine stood from an hour before the repair until its end.
    is_breakdown: bool,
}

impl Job<'_> {
    fn write(&self, book: &mut Book, now: i64) {
        let asset = self.asset;
        let end = self.start + (self.hours * HOUR as f64) as i64;
        let ahead = if self.is_breakdown { HOUR } else { 5 * DAY };
        let release = self.start - ahead;
        // Nothing was written down in the future; work of next week was found by now.
        let planned = release.min(now - 2 * HOUR);
        let (status, phase) = match () {
            () if self.is_late && end < now => ("REL  PCNF PRC SETC", "60"),
            () if now > end + 10 * DAY => ("CLSD CNF TECO", "80"),
            () if now > end => ("TECO CNF PRC SETC", "70"),
            () if now > self.start => ("REL  PRC SETC", "60"),
            () if now > release => ("REL  MANC PRC SETC", "50"),
            () => ("CRTD MANC NMAT PRC", "30"),
        };
        let changed = end.min(now - HOUR).max(planned.min(now - HOUR));
        let name = book.next_draft();
        let repair = self.kind == "PM01";
        let notification = repair.then(|| {
            let draft = format!("N{name}");
            book.add(
                NOTIFICATION,
                self.notification(&draft, &name, planned, phase, changed),
            );
            draft
        });
        let mut row = self.order(&name, end, planned, changed);
        row.insert("SystemStatusText".to_owned(), text(status));
        row.insert("MaintOrdProcessPhaseCode".to_owned(), text(phase));
        if let Some(notification) = notification {
            row.insert("MaintenanceNotification".to_owned(), text(notification));
        }
        book.add(ORDER, row);
        let mut first = operation(&name, "0010", self.title);
        first.insert("WorkCenter".to_owned(), text(work_center(&asset.family)));
        first.insert("Plant".to_owned(), text(plant_of(&asset.site)));
        let hours = format!("{:.1}", self.hours);
        first.insert("MaintOrdOperationWorkDuration".to_owned(), text(&hours));
        if end < now {
            first.insert("ActualWorkQuantity".to_owned(), text(hours));
            let day = |t: i64| Val::Ms(t - t.rem_euclid(DAY));
            first.insert("OpActualExecutionStartDate".to_owned(), day(self.start));
            first.insert("OpActualExecutionEndDate".to_owned(), day(end));
        }
        book.add(OPERATION, first);
    }

    fn order(&self, name: &str, end: i64, created: i64, changed: i64) -> Row {
        let asset = self.asset;
        let place = &asset.functional_location;
        // Some people only name the place.
        let number = equipment_number(&asset.code).filter(|_| !self.is_late);
        let object = number.clone().unwrap_or_else(|| place.clone());
        let kind = if number.is_some() {
            "EAMS_EQUI"
        } else {
            "EAMS_FL"
        };
        let day = |t: i64| Val::Ms(t - t.rem_euclid(DAY));
        let time = |t: i64| Val::Seconds((t.rem_euclid(DAY) / 1_000) as u32);
        let priority = match asset.criticality {
            Criticality::Critical => "2",
            Criticality::High => "3",
            _ => "4",
        };
        Row::from([
            ("MaintenanceOrder".to_owned(), text(name)),
            ("MaintenanceOrderType".to_owned(), text(self.kind)),
            ("MaintenanceOrderDesc".to_owned(), text(self.title)),
            ("MaintOrdBasicStartDateTime".to_owned(), Val::Ms(self.start)),
            ("MaintOrdBasicEndDateTime".to_owned(), Val::Ms(end)),
            ("MaintOrdBasicStartDate".to_owned(), day(self.start)),
            ("MaintOrdBasicStartTime".to_owned(), time(self.start)),
            ("MaintOrdBasicEndDate".to_owned(), day(end)),
            ("MaintOrdBasicEndTime".to_owned(), time(end)),
            ("ScheduledBasicStartDate".to_owned(), day(self.start)),
            ("ScheduledBasicEndDate".to_owned(), day(end)),
            ("MaintOrderReferenceDateTime".to_owned(), Val::Ms(created)),
            (
                "MainWorkCenter".to_owned(),
                text(work_center(&asset.family)),
            ),
            (
                "MainWorkCenterPlant".to_owned(),
                text(plant_of(&asset.site)),
            ),
            (
                "MaintenancePlanningPlant".to_owned(),
                text(plant_of(&asset.site)),
            ),
            ("MaintenancePlant".to_owned(), text(plant_of(&asset.site))),
            ("CompanyCode".to_owned(), text("1000")),
            ("MaintPriority".to_owned(), text(priority)),
            ("MaintPriorityType".to_owned(), text("PM")),
            ("ABCIndicator".to_owned(), text(letter(asset))),
            ("Equipment".to_owned(), text(number.unwrap_or_default())),
            ("EquipmentName".to_owned(), text(cut(&asset.names.en, 40))),
            ("FunctionalLocation".to_owned(), text(place)),
            ("TechnicalObject".to_owned(), text(&object)),
            ("TechnicalObjectLabel".to_owned(), text(object)),
            ("TechObjIsEquipOrFuncnlLoc".to_owned(), text(kind)),
            ("CreatedByUser".to_owned(), text("PLANNER")),
            ("LastChangeDateTime".to_owned(), Val::Ms(changed)),
        ])
    }

    fn notification(
        &self,
        name: &str,
        order: &str,
        created: i64,
        phase: &str,
        changed: i64,
    ) -> Row {
        let asset = self.asset;
        let number = equipment_number(&asset.code).unwrap_or_default();
        let is_done = phase >= "70";
        let (status, step) = if is_done {
            ("NOCO ORAS", "4")
        } else {
            ("NOPR ORAS", "3")
        };
        let day = |t: i64| Val::Ms(t - t.rem_euclid(DAY));
        let time = |t: i64| Val::Seconds((t.rem_euclid(DAY) / 1_000) as u32);
        let mut row = Row::from([
            ("MaintenanceNotification".to_owned(), text(name)),
            ("NotificationText".to_owned(), text(self.title)),
            ("NotificationType".to_owned(), text("M2")),
            ("MaintPriority".to_owned(), text("2")),
            ("NotifProcessingPhase".to_owned(), text(step)),
            ("ConcatenatedActiveSystStsName".to_owned(), text(status)),
            ("CreationDate".to_owned(), day(created)),
            ("CreationTime".to_owned(), time(created)),
            ("MalfunctionStartDate".to_owned(), day(created)),
            ("MalfunctionStartTime".to_owned(), time(created)),
            ("ReportedByUser".to_owned(), text("OPERATOR")),
            ("TechnicalObject".to_owned(), text(number)),
            ("TechObjIsEquipOrFuncnlLoc".to_owned(), text("EAMS_EQUI")),
            (
                "FunctionalLocation".to_owned(),
                text(&asset.functional_location),
            ),
            ("MaintenancePlant".to_owned(), text(plant_of(&asset.site))),
            (
                "MaintenancePlanningPlant".to_owned(),
                text(plant_of(&asset.site)),
            ),
            ("CompanyCode".to_owned(), text("1000")),
            (
                "MainWorkCenter".to_owned(),
                text(work_center(&asset.family)),
            ),
            ("ABCIndicator".to_owned(), text(letter(asset))),
            ("MaintenanceOrder".to_owned(), text(order)),
            ("LastChangeDateTime".to_owned(), Val::Ms(changed)),
        ]);
        if self.is_breakdown {
            row.insert("MaintenanceObjectIsDown".to_owned(), Val::Flag(true));
        }
        if is_done && self.is_breakdown {
            let end = self.start + (self.hours * HOUR as f64) as i64;
            row.insert("MalfunctionEndDate".to_owned(), day(end));
            row.insert("MalfunctionEndTime".to_owned(), time(end));
        }
        if is_done {
            row.insert("NotificationCompletionDate".to_owned(), day(changed));
            row.insert("CompletionTime".to_owned(), time(changed));
        }
        row
    }
}

/// The oil change of the story of 03:12: closed at 14:20 the day before, the oiler left shut.
fn oil_change(book: &mut Book, now: i64) {
    let Some(asset) = catalogue().asset("P-102A") else {
        return;
    };
    let end = now - now.rem_euclid(DAY) - DAY + 14 * HOUR + 20 * 60_000;
    let job = Job {
        asset,
        kind: "PM02",
        title: "Oil change, drive-end bearing housing",
        hours: 1.5,
        start: end - HOUR - HOUR / 2,
        is_late: false,
        is_breakdown: false,
    };
    job.write(book, now);
}
