//! Planned outages and spare parts: what goes in comes out, lists find it, and another tenant neither sees
//! nor changes it.

use iq_domain::*;
use iq_store::{
    Page,
    outages::{self, OutageFilter},
    spare_parts::{self, SparePartFilter},
    units,
};

use crate::{
    code,
    support::{Fixture, Plant, T0},
};

fn outage(p: &Plant, from: i64, to: i64) -> Outage {
    Outage {
        id: OutageId::new(),
        tenant_id: p.id(),
        site_id: p.site.id,
        unit_id: None,
        asset_id: Some(p.asset.id),
        title: "إيقاف الربيع".to_owned(),
        from: T0.plus_ms(from),
        to: T0.plus_ms(to),
        note: "with the boiler".to_owned(),
        changed_at: T0,
    }
}

fn part(p: &Plant, code: &str) -> SparePart {
    SparePart {
        id: SparePartId::new(),
        tenant_id: p.id(),
        site_id: p.site.id,
        code: code.to_owned(),
        title: "مانع تسرب".to_owned(),
        on_hand: 0.0,
        expected: Some(PartArrival {
            at: T0.plus_ms(5),
            quantity: 1.5,
        }),
        lead_time_days: Some(30),
        note: String::new(),
        changed_at: T0,
    }
}

#[test]
fn they_come_out_as_they_went_in_and_are_found() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let tenant = plant.id();
    let (late, early) = (outage(&plant, 100, 200), outage(&plant, 0, 50));
    let (seal, mut bearing) = (part(&plant, "SEAL-45"), part(&plant, "BRG-1"));
    (bearing.on_hand, bearing.expected) = (2.0, None);
    let rows = (late.clone(), early.clone(), seal.clone(), bearing.clone());
    fixture
        .write(move |c| {
            outages::create_outage(c, tenant, &rows.0)?;
            outages::create_outage(c, tenant, &rows.1)?;
            spare_parts::create_spare_part(c, tenant, &rows.2)?;
            spare_parts::create_spare_part(c, tenant, &rows.3)
        })
        .unwrap();
    fixture.read(|c| {
        let found = |filter: OutageFilter| outages::list_outages(c, tenant, &filter, Page::MAX);
        let all = found(OutageFilter::default())?.rows;
        assert_eq!(all, [early.clone(), late.clone()]);
        let coming = OutageFilter {
            from: Some(T0.plus_ms(50)),
            ..OutageFilter::default()
        };
        assert_eq!(found(coming)?.rows, [late.clone()], "its end is not in it");
        let before = OutageFilter {
            to: Some(T0.plus_ms(100)),
            text: Some("boiler".to_owned()),
            ..OutageFilter::default()
        };
        assert_eq!(found(before)?.rows, [early.clone()]);
        let found =
            |filter: SparePartFilter| spare_parts::list_spare_parts(c, tenant, &filter, Page::MAX);
        let all = found(SparePartFilter::default())?.rows;
        assert_eq!(all, [bearing.clone(), seal.clone()]);
        let out = SparePartFilter {
            is_out: Some(true),
            ..SparePartFilter::default()
        };
        assert_eq!(found(out)?.rows, [seal.clone()]);
        let kept = spare_parts::get_spare_part(c, tenant, bearing.id)?;
        assert_eq!(kept, Some(bearing.clone()));
        Ok(())
    });
}

#[test]
fn another_tenant_sees_nothing_and_changes_nothing() {
    let fixture = Fixture::new();
    let (plant, other) = (fixture.filled(), fixture.filled());
    let (tenant, foreign) = (plant.id(), other.id());
    let (stands, seal) = (outage(&plant, 0, 1), part(&plant, "SEAL-45"));
    let rows = (stands.clone(), seal.clone());
    fixture
        .write(move |c| {
            outages::create_outage(c, tenant, &rows.0)?;
            spare_parts::create_spare_part(c, tenant, &rows.1)
        })
        .unwrap();
    fixture.read(|c| {
        assert_eq!(outages::get_outage(c, foreign, stands.id)?, None);
        assert_eq!(spare_parts::get_spare_part(c, foreign, seal.id)?, None);
        let all = outages::list_outages(c, foreign, &OutageFilter::default(), Page::MAX)?;
        assert_eq!(all.total, 0);
        let all =
            spare_parts::list_spare_parts(c, foreign, &SparePartFilter::default(), Page::MAX)?;
        assert_eq!(all.total, 0);
        Ok(())
    });
    let (id, part_id) = (stands.id, seal.id);
    for result in [
        fixture.write(move |c| outages::delete_outage(c, foreign, id)),
        fixture.write(move |c| spare_parts::delete_spare_part(c, foreign, part_id)),
    ] {
        assert!(result.is_err());
    }
    let mut theirs = stands.clone();
    theirs.tenant_id = foreign;
    assert!(
        fixture
            .write(move |c| outages::update_outage(c, foreign, &theirs))
            .is_err()
    );
    let row = seal.clone();
    assert!(
        fixture
            .write(move |c| spare_parts::update_spare_part(c, foreign, &row))
            .is_err()
    );
    // A place of another tenant is no place.
    let mut elsewhere = outage(&plant, 0, 1);
    elsewhere.site_id = other.site.id;
    let refused = fixture.write(move |c| outages::create_outage(c, tenant, &elsewhere));
    assert_eq!(code(refused), "outages.place_unknown");
}

#[test]
fn a_material_number_is_one_part_in_a_store_and_a_unit_takes_its_outages_along() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let tenant = plant.id();
    let (one, two) = (part(&plant, "SEAL-45"), part(&plant, "SEAL-45"));
    fixture
        .write(move |c| spare_parts::create_spare_part(c, tenant, &one))
        .unwrap();
    let taken = fixture.write(move |c| spare_parts::create_spare_part(c, tenant, &two));
    assert_eq!(code(taken), "spare_parts.code_taken");
    let unit = Unit {
        id: UnitId::new(),
        code: "U-99".to_owned(),
        ..plant.unit.clone()
    };
    let mut stands = outage(&plant, 0, 1);
    (stands.unit_id, stands.asset_id) = (Some(unit.id), None);
    let (id, gone) = (stands.id, unit.id);
    fixture
        .write(move |c| {
            units::create_unit(c, tenant, &unit)?;
            outages::create_outage(c, tenant, &stands)?;
            units::delete_unit(c, tenant, gone)
        })
        .unwrap();
    assert_eq!(fixture.read(|c| outages::get_outage(c, tenant, id)), None);
    let site = plant.site.id;
    let kept = fixture.write(move |c| iq_store::sites::delete_site(c, tenant, site));
    assert_eq!(code(kept), "sites.in_use");
}
