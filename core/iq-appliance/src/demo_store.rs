//! What the plans of the demo plant are bound to beside people: outages that are planned, the parts in the
//! stores of its two sites, and orders that wait for one or the other. Some parts come late on purpose: a
//! plan has to say so.

use anyhow::{Context, Result};
use iq_domain::{
    AssetId, Outage, OutageId, PartArrival, SiteId, SparePart, SparePartId, TenantId, Timestamp,
    UnitId, UserId, WorkOrderKind, WorkOrderPart, WorkOrderPriority,
};
use iq_runtime::{
    Runtime, TenantIndex,
    maintenance::{Actor, NewWorkOrder, PlanChange},
};
use iq_store::{outages, spare_parts};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Both sites keep the time of Riyadh, which knows no summer.
const ZONE_MS: i64 = 3 * HOUR_MS;

/// A day from today and an hour of it, as the sites count.
type Moment = (i64, i64);

/// What stands: a unit of a site, or an asset.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Unit(&'static str, &'static str),
    Asset(&'static str),
}

struct Stop {
    place: Place,
    title: &'static str,
    from: Moment,
    to: Moment,
    note: &'static str,
}

static STOPS: [Stop; 5] = [
    Stop {
        place: Place::Asset("P-401C"),
        title: "Intake bay C: screen cleaning",
        from: (2, 6),
        to: (4, 18),
        note: "The bay is isolated and drained; A and B carry the intake.",
    },
    Stop {
        place: Place::Unit("RAS", "U200"),
        title: "Gas compression: planned stop",
        from: (3, 6),
        to: (8, 18),
        note: "Sales gas is nominated down; flash gas goes to the flare.",
    },
    Stop {
        place: Place::Unit("RAS", "U300"),
        title: "Hot oil: heater decoking",
        from: (10, 6),
        to: (12, 18),
        note: "The stabiliser runs at half load meanwhile.",
    },
    Stop {
        place: Place::Unit("WAD", "U400"),
        title: "Membrane cleaning, train A",
        from: (16, 6),
        to: (17, 18),
        note: "",
    },
    Stop {
        place: Place::Unit("WAD", "U500"),
        title: "Power block: yearly turnaround",
        from: (38, 6),
        to: (52, 18),
        note: "Agreed with the grid operator; it can't be moved.",
    },
];

struct Part {
    site: &'static str,
    code: &'static str,
    title: &'static str,
    on_hand: f64,
    /// Pieces, and the day from today on which they come.
    expected: Option<(f64, i64)>,
    lead_time_days: Option<u32>,
}

const fn part(
    site: &'static str,
    code: &'static str,
    title: &'static str,
    on_hand: f64,
    lead_time_days: u32,
) -> Part {
    Part {
        site,
        code,
        title,
        on_hand,
        expected: None,
        lead_time_days: Some(lead_time_days),
    }
}

const fn on_its_way(part: Part, quantity: f64, day: i64) -> Part {
    Part {
        expected: Some((quantity, day)),
        ..part
    }
}

static PARTS: [Part; 14] = [
    part(
        "RAS",
        "SEAL-P102",
        "Mechanical seal cartridge, 60 mm",
        2.0,
        56,
    ),
    part("RAS", "BRG-7312", "Angular contact bearing 7312", 6.0, 14),
    part("RAS", "GS-K202-DE", "Dry gas seal, drive end", 1.0, 210),
    on_its_way(
        part(
            "RAS",
            "BRG-GB203-HS",
            "High-speed shaft bearing set",
            0.0,
            120,
        ),
        1.0,
        4,
    ),
    part("RAS", "VLV-K208", "Compressor valve, 2nd stage", 8.0, 45),
    part("RAS", "BELT-8V-2000", "Fan belt set 8V-2000", 3.0, 10),
    part(
        "RAS",
        "FLT-LO-10",
        "Lube oil filter element, 10 µm",
        12.0,
        7,
    ),
    // It should have come a week ago: no plan counts on it.
    on_its_way(
        part("RAS", "NOZ-H301", "Burner nozzle set", 0.0, 75),
        2.0,
        -7,
    ),
    // Two pumps ask for the only one there is.
    on_its_way(
        part("WAD", "SEAL-P401", "Intake pump seal, 90 mm", 1.0, 60),
        2.0,
        9,
    ),
    part("WAD", "WR-P401", "Wear ring set, duplex", 3.0, 40),
    on_its_way(
        part(
            "WAD",
            "SEAL-P504",
            "Boiler feed pump seal, API plan 23",
            0.0,
            90,
        ),
        2.0,
        5,
    ),
    part("WAD", "BRG-7312", "Angular contact bearing 7312", 2.0, 14),
    part("WAD", "DIA-P404", "Dosing pump diaphragm", 4.0, 21),
    // Nobody has asked how long it takes.
    Part {
        lead_time_days: None,
        ..part("WAD", "BLD-GT501-1", "Blade set, 1st stage", 0.0, 0)
    },
];

struct Order {
    asset: &'static str,
    title: &'static str,
    priority: WorkOrderPriority,
    /// Day by which it should be done.
    by_day: i64,
    hours: f64,
    needs_outage: bool,
    parts: &'static [(&'static str, f64)],
    certificates: &'static [&'static str],
}

static ORDERS: [Order; 8] = [
    Order {
        asset: "K-208",
        title: "Renew suction and discharge valves, 2nd stage",
        priority: WorkOrderPriority::High,
        by_day: 5,
        hours: 48.0,
        needs_outage: true,
        parts: &[("VLV-K208", 4.0)],
        certificates: &["h2s_ba"],
    },
    Order {
        asset: "GB-203",
        title: "Replace high-speed shaft bearings",
        priority: WorkOrderPriority::High,
        by_day: 8,
        hours: 32.0,
        needs_outage: true,
        parts: &[("BRG-GB203-HS", 1.0), ("FLT-LO-10", 2.0)],
        certificates: &["h2s_ba"],
    },
    Order {
        asset: "AC-206",
        title: "Replace fan belts and check pulley alignment",
        priority: WorkOrderPriority::Medium,
        by_day: 8,
        hours: 12.0,
        needs_outage: true,
        parts: &[("BELT-8V-2000", 2.0)],
        certificates: &["h2s_ba"],
    },
    Order {
        asset: "P-205B",
        title: "Replace shaft bearings, standby lube oil pump",
        priority: WorkOrderPriority::Medium,
        by_day: 12,
        hours: 10.0,
        needs_outage: false,
        parts: &[("BRG-7312", 2.0), ("FLT-LO-10", 1.0)],
        certificates: &[],
    },
    Order {
        asset: "P-401C",
        title: "Replace mechanical seal",
        priority: WorkOrderPriority::High,
        by_day: 4,
        hours: 20.0,
        needs_outage: true,
        parts: &[("SEAL-P401", 1.0)],
        certificates: &[],
    },
    Order {
        asset: "P-401A",
        title: "Renew wear rings and mechanical seal",
        priority: WorkOrderPriority::Medium,
        by_day: 13,
        hours: 24.0,
        needs_outage: false,
        parts: &[("SEAL-P401", 1.0), ("WR-P401", 1.0)],
        certificates: &[],
    },
    Order {
        asset: "P-504B",
        title: "Replace mechanical seal, drive end",
        priority: WorkOrderPriority::High,
        by_day: 10,
        hours: 20.0,
        needs_outage: false,
        parts: &[("SEAL-P504", 1.0)],
        certificates: &[],
    },
    Order {
        asset: "GT-501",
        title: "Borescope inspection, hot gas path",
        priority: WorkOrderPriority::Low,
        by_day: 52,
        hours: 60.0,
        needs_outage: true,
        parts: &[],
        certificates: &[],
    },
];

/// Writes them down the way a planner would. The orders are written in the name of the demonstration.
pub(crate) async fn set_up(runtime: &Runtime, tenant: TenantId, by: UserId) -> Result<()> {
    let plant = runtime.tenant(tenant)?;
    let now = runtime.clock().now();
    let (stops, parts) = (outages_of(&plant, now)?, parts_of(&plant, now)?);
    runtime
        .store()
        .write(move |tx| {
            for stop in &stops {
                outages::create_outage(tx, tenant, stop)?;
            }
            for part in &parts {
                spare_parts::create_spare_part(tx, tenant, part)?;
            }
            Ok(())
        })
        .await?;
    for order in &ORDERS {
        let asset = asset(&plant, order.asset)?;
        let actor = Actor {
            user_id: by,
            username: "demo".to_owned(),
        };
        runtime
            .create_work_order(tenant, order.written(asset, now), actor)
            .await?;
    }
    Ok(())
}

/// A moment of the days around today.
const fn moment(now: Timestamp, (day, hour): Moment) -> Timestamp {
    let today = (now.0 + ZONE_MS).div_euclid(DAY_MS) * DAY_MS - ZONE_MS;
    Timestamp(today + day * DAY_MS + hour * HOUR_MS)
}

fn site(plant: &TenantIndex, code: &str) -> Result<SiteId> {
    let mut sites = plant.sites.values();
    let found = sites.find(|site| site.code == code);
    found
        .map(|site| site.id)
        .with_context(|| format!("the plant's site {code} is missing"))
}

fn unit(plant: &TenantIndex, site: SiteId, code: &str) -> Result<UnitId> {
    let mut units = plant.units.values();
    let found = units.find(|unit| unit.site_id == site && unit.code == code);
    found
        .map(|unit| unit.id)
        .with_context(|| format!("the plant's unit {code} is missing"))
}

fn asset(plant: &TenantIndex, code: &str) -> Result<AssetId> {
    let found = plant.asset_by_code.get(code).copied();
    found.with_context(|| format!("the plant's asset {code} is missing"))
}

fn outages_of(plant: &TenantIndex, now: Timestamp) -> Result<Vec<Outage>> {
    let outage = |stop: &Stop| {
        let (site_id, unit_id, asset_id) = match stop.place {
            Place::Unit(code, of) => {
                let site = site(plant, code)?;
                (site, Some(unit(plant, site, of)?), None)
            }
            Place::Asset(code) => {
                let id = asset(plant, code)?;
                let entry = plant.assets.get(&id).context("an asset without a site")?;
                (entry.site_id, None, Some(id))
            }
        };
        Ok(Outage {
            id: OutageId::new(),
            tenant_id: plant.tenant.id,
            site_id,
            unit_id,
            asset_id,
            title: stop.title.to_owned(),
            from: moment(now, stop.from),
            to: moment(now, stop.to),
            note: stop.note.to_owned(),
            changed_at: now,
        })
    };
    STOPS.iter().map(outage).collect()
}

fn parts_of(plant: &TenantIndex, now: Timestamp) -> Result<Vec<SparePart>> {
    let kept = |part: &Part| {
        Ok(SparePart {
            id: SparePartId::new(),
            tenant_id: plant.tenant.id,
            site_id: site(plant, part.site)?,
            code: part.code.to_owned(),
            title: part.title.to_owned(),
            on_hand: part.on_hand,
            // What comes on a day can be taken from the next one on.
            expected: part.expected.map(|(quantity, day)| PartArrival {
                at: moment(now, (day + 1, 0)),
                quantity,
            }),
            lead_time_days: part.lead_time_days,
            note: String::new(),
            changed_at: now,
        })
    };
    PARTS.iter().map(kept).collect()
}

impl Order {
    fn written(&self, asset: AssetId, now: Timestamp) -> NewWorkOrder {
        let parts = self.parts.iter().map(|(number, quantity)| WorkOrderPart {
            name: title_of(number).to_owned(),
            number: Some((*number).to_owned()),
            quantity: *quantity,
        });
        let end = moment(now, (self.by_day, 16));
        NewWorkOrder {
            asset_id: Some(asset),
            kind: WorkOrderKind::Order,
            title: self.title.to_owned(),
            description: String::new(),
            priority: self.priority,
            order_type: None,
            planned_start: None,
            planned_end: Some(end),
            malfunction_at: None,
            is_down: false,
            alert_id: None,
            incident_id: None,
            recommendation_id: None,
            visit_of: None,
            recommendation: None,
            plan: PlanChange {
                due_at: Some(Some(end)),
                estimated_hours: Some(Some(self.hours)),
                parts: Some(parts.collect()),
                certificates: Some(self.certificates.iter().map(ToString::to_string).collect()),
                needs_outage: Some(self.needs_outage),
                ..PlanChange::default()
            },
        }
    }
}

fn title_of(code: &str) -> &'static str {
    let mut parts = PARTS.iter();
    parts
        .find(|part| part.code == code)
        .map_or("", |part| part.title)
}

#[cfg(test)]
mod tests {
    use iq_plant::catalogue::{PlantAsset, catalogue};

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn known(code: &str) -> &'static PlantAsset {
        let asset = catalogue().asset(code);
        asset.unwrap_or_else(|| panic!("{code} is no asset of the plant"))
    }

    /// The stops of an asset.
    fn stops_of(asset: &PlantAsset) -> impl Iterator<Item = &'static Stop> {
        let (code, site, unit) = (asset.code.clone(), asset.site.clone(), asset.unit.clone());
        STOPS.iter().filter(move |stop| match stop.place {
            Place::Unit(of, only) => of == site && only == unit,
            Place::Asset(only) => only == code,
        })
    }

    #[test]
    fn what_stands_is_of_the_plant_and_ends_after_it_begins() {
        for stop in &STOPS {
            match stop.place {
                Place::Unit(site, unit) => assert!(
                    catalogue()
                        .units
                        .iter()
                        .any(|u| u.site == site && u.code == unit),
                    "{unit}"
                ),
                Place::Asset(code) => assert_eq!(known(code).code, code),
            }
            let lasts = moment(NOW, stop.to).since_ms(moment(NOW, stop.from));
            assert!(0 < lasts && lasts <= Outage::LONGEST_MS, "{}", stop.title);
        }
    }

    #[test]
    fn every_part_an_order_asks_for_is_known_to_the_store_of_its_site() {
        for order in &ORDERS {
            let site = known(order.asset).site.as_str();
            for (code, quantity) in order.parts {
                let kept = PARTS.iter().any(|p| p.site == site && p.code == *code);
                assert!(kept && *quantity > 0.0, "{} {code}", order.asset);
            }
        }
        let mut stores: Vec<_> = PARTS.iter().map(|p| (p.site, p.code)).collect();
        stores.sort_unstable();
        stores.dedup();
        assert_eq!(stores.len(), PARTS.len());
    }

    #[test]
    fn an_order_that_needs_an_outage_has_one_before_its_day_and_one_waits_beyond_any_plan() {
        for order in ORDERS.iter().filter(|order| order.needs_outage) {
            let by = moment(NOW, (order.by_day, 16));
            let mut stops = stops_of(known(order.asset));
            assert!(
                stops.any(|stop| moment(NOW, stop.from) < by),
                "{}",
                order.asset
            );
        }
        let far = ORDERS.iter().find(|order| order.asset == "GT-501");
        let mut stops = far.into_iter().flat_map(|o| stops_of(known(o.asset)));
        assert!(stops.all(|stop| stop.from.0 > 30) && far.is_some());
    }

    #[test]
    fn two_pumps_ask_for_more_of_a_part_than_there_is() {
        let asked: f64 = ORDERS
            .iter()
            .flat_map(|order| order.parts)
            .filter(|(code, _)| *code == "SEAL-P401")
            .map(|(_, quantity)| quantity)
            .sum();
        let kept = PARTS.iter().find(|part| part.code == "SEAL-P401");
        assert!(kept.is_some_and(|part| part.on_hand < asked && part.expected.is_some()));
    }

    #[test]
    fn days_begin_at_midnight_of_the_sites() {
        // 14:13 UTC is 17:13 there; their day began at 21:00 UTC.
        assert_eq!(moment(NOW, (0, 0)), Timestamp(1_789_938_000_000));
        assert_eq!(moment(NOW, (1, 6)), Timestamp(1_790_046_000_000));
        // A moment after their midnight is still the day before in UTC.
        let early = Timestamp(1_789_938_000_001);
        assert_eq!(moment(early, (0, 0)), Timestamp(1_789_938_000_000));
    }
}
