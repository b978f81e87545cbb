//! Parts of orders meet the store of their site, and outages the days of a run.

use iq_domain::{Names, OutageId, PartArrival, Site, SparePartId, Tenant, TenantId, WorkOrderPart};

use super::*;
use crate::index::TenantRows;

const DAY_MS: i64 = 86_400_000;
const START: Timestamp = Timestamp(100 * DAY_MS);

fn site(tenant: TenantId, code: &str) -> Site {
    Site {
        id: SiteId::new(),
        tenant_id: tenant,
        code: code.to_owned(),
        names: Names::default(),
        time_zone: "UTC".to_owned(),
    }
}

fn plant(sites: Vec<Site>) -> TenantIndex {
    TenantIndex::build(TenantRows {
        tenant: Tenant {
            id: sites[0].tenant_id,
            names: Names::default(),
            is_demo: false,
            created_at: Timestamp(0),
        },
        sites,
        units: Vec::new(),
        assets: Vec::new(),
        signals: Vec::new(),
        integrations: Vec::new(),
        mappings: Vec::new(),
        rules: Vec::new(),
    })
}

fn kept(site: &Site, code: &str, on_hand: f64) -> SparePart {
    SparePart {
        id: SparePartId::new(),
        tenant_id: site.tenant_id,
        site_id: site.id,
        code: code.to_owned(),
        title: code.to_owned(),
        on_hand,
        expected: None,
        lead_time_days: None,
        note: String::new(),
        changed_at: Timestamp(0),
    }
}

fn plan(parts: &[(Option<&str>, f64)]) -> WorkOrderPlan {
    let mut plan = WorkOrderPlan::empty(WorkOrderId::new(), Timestamp(0));
    let part = |(number, quantity): &(Option<&str>, f64)| WorkOrderPart {
        name: "part".to_owned(),
        number: number.map(str::to_owned),
        quantity: *quantity,
    };
    plan.parts = parts.iter().map(part).collect();
    plan
}

#[test]
fn parts_are_found_by_number_in_the_store_of_their_site() {
    let tenant = TenantId::new();
    let (ras, wad) = (site(tenant, "RAS"), site(tenant, "WAD"));
    let parts = [
        kept(&ras, "SEAL-45", 1.0),
        kept(&wad, "SEAL-45", 9.0),
        kept(&wad, "BRG-1", 1.0),
    ];
    let plant = plant(vec![ras.clone(), wad.clone()]);
    let store = Store::of(&plant, &parts);
    let mut notes = Notes::default();
    let asked = plan(&[
        (Some(" seal-45 "), 1.0),
        (Some("SEAL-45"), 1.5),
        (Some("BRG-1"), 1.0),
        (None, 3.0),
        (Some("SEAL-45"), 0.0),
    ]);
    let needed = store.needed(ras.id, &asked, &mut notes);
    assert_eq!(needed, BTreeMap::from([("SEAL-45 (RAS)".to_owned(), 2.5)]));
    // The bearing lies in the other store.
    let said = notes.done();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].code, "optimization.note.no_stock");
    assert_eq!(said[0].params["names"], "BRG-1");
    let mut notes = Notes::default();
    let needed = store.needed(wad.id, &plan(&[(Some("BRG-1"), 1.0)]), &mut notes);
    assert_eq!(needed, BTreeMap::from([("BRG-1".to_owned(), 1.0)]));
}

#[test]
fn what_should_have_arrived_is_named_and_not_counted_on() {
    let tenant = TenantId::new();
    let ras = site(tenant, "RAS");
    let arrival = |at: Timestamp| Some(PartArrival { at, quantity: 2.0 });
    let mut parts = [
        kept(&ras, "A", 1.0),
        kept(&ras, "B", 0.0),
        kept(&ras, "C", 5.0),
    ];
    let as_of = START.plus_ms(-DAY_MS / 2);
    parts[0].expected = arrival(as_of.plus_ms(-1));
    // A second into minute 2,881.
    parts[1].expected = arrival(START.plus_ms(2 * DAY_MS + 1_000));
    let plant = plant(vec![ras.clone()]);
    let store = Store::of(&plant, &parts);
    let mut notes = Notes::default();
    let asked = plan(&[(Some("A"), 1.0), (Some("B"), 1.0)]);
    let names: Vec<String> = store
        .needed(ras.id, &asked, &mut notes)
        .into_keys()
        .collect();
    let stock = store.taken(names.iter(), as_of, START, &mut notes);
    assert_eq!(stock.len(), 2, "nobody takes C");
    assert!(stock[0].is_overdue && stock[0].arrival.is_none());
    assert_eq!(stock[1].arrival, Some((2_881, 2.0)));
    let said = notes.done();
    assert_eq!(said[0].code, "optimization.note.arrival_overdue");
    assert_eq!(said[0].params["names"], "A");
}

#[test]
fn outages_are_cut_to_the_days_and_the_site_of_the_run() {
    let tenant = TenantId::new();
    let (ras, wad) = (site(tenant, "RAS"), site(tenant, "WAD"));
    let outage = |site: &Site, from: i64, to: i64| Outage {
        id: OutageId::new(),
        tenant_id: tenant,
        site_id: site.id,
        unit_id: None,
        asset_id: None,
        title: "x".to_owned(),
        from: START.plus_ms(from),
        to: START.plus_ms(to),
        note: String::new(),
        changed_at: Timestamp(0),
    };
    let all = [
        outage(&ras, -DAY_MS, DAY_MS),
        outage(&ras, 9 * DAY_MS, 20 * DAY_MS),
        outage(&ras, 10 * DAY_MS, 20 * DAY_MS),
        outage(&wad, 0, DAY_MS),
    ];
    let mut request = PlanRequest {
        horizon_days: 10,
        ..PlanRequest::default()
    };
    let spans = |request: &PlanRequest| -> Vec<(u32, u32)> {
        let found = outages(&all, request, START);
        found.iter().map(|span| (span.from, span.to)).collect()
    };
    assert_eq!(spans(&request), [(0, 1_440), (12_960, 14_400), (0, 1_440)]);
    request.site_id = Some(ras.id);
    assert_eq!(spans(&request).len(), 2);
}
