//! Versions of models: numbered per asset, one in force, and kept apart by tenant.

use iq_domain::*;
use iq_store::asset_models::{self, AssetModelRow, ModelState};
use serde_json::{Value, json};

use crate::support::{Fixture, T0};

fn version(tenant_id: TenantId, asset_id: AssetId) -> AssetModelRow {
    AssetModelRow {
        tenant_id,
        asset_id,
        version: 0,
        state: ModelState::Candidate,
        model: json!({ "row_ms": 60_000 }),
        alarm_limit: Some(1.25),
        alarms_per_week: 1.0,
        comparison: json!({ "worse": [] }),
        withheld: None,
        is_demo: false,
        created_by: "optimizer".to_owned(),
        created_at: T0,
        promoted_by: None,
        promoted_at: None,
    }
}

fn withheld(tenant: TenantId, asset: AssetId) -> AssetModelRow {
    AssetModelRow {
        model: Value::Null,
        alarm_limit: None,
        comparison: Value::Null,
        withheld: Some(Message {
            code: "models.withheld.not_enough_data".to_owned(),
            params: [("have".to_owned(), "3".to_owned())].into(),
        }),
        ..version(tenant, asset)
    }
}

#[test]
fn one_version_is_in_force_and_reasons_do_not_pile_up() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled());
    let (t, asset) = (p.id(), p.asset.id);
    let append = |row: AssetModelRow| {
        fixture
            .write(move |c| asset_models::append_asset_model(c, t, row))
            .unwrap()
    };
    let numbers = || -> Vec<(u32, ModelState)> {
        let all = fixture.read(|c| asset_models::list_asset_models(c, t, asset));
        all.iter().map(|r| (r.version, r.state)).collect()
    };
    let promote = |version: u32| {
        fixture.write(move |c| {
            asset_models::promote_asset_model(c, t, asset, version, ("optimizer", T0))
        })
    };
    use ModelState::{Candidate, Promoted, Retired, Withheld};
    append(withheld(t, asset));
    append(withheld(t, asset));
    assert_eq!(numbers(), [(1, Withheld)]);
    assert!(promote(1).is_err(), "there is no model to bring into force");
    let made = append(version(t, asset));
    assert_eq!((made.version, made.state), (1, Candidate));
    promote(1).unwrap();
    append(version(t, asset));
    promote(2).unwrap();
    assert_eq!(numbers(), [(2, Promoted), (1, Retired)]);
    promote(1).unwrap();
    let in_force = fixture.read(|c| asset_models::get_promoted_model(c, t, asset));
    let in_force = in_force.unwrap();
    assert_eq!(
        in_force,
        AssetModelRow {
            version: 1,
            state: Promoted,
            promoted_by: Some("optimizer".to_owned()),
            promoted_at: Some(T0),
            ..version(t, asset)
        }
    );
    let budget =
        fixture.write(move |c| asset_models::update_alarm_budget(c, t, asset, 1, (2.0, 0.9)));
    budget.unwrap();
    let all = fixture.read(|c| asset_models::list_promoted_models(c, t));
    assert_eq!(
        (all[0].alarms_per_week, all[0].alarm_limit),
        (2.0, Some(0.9))
    );
    // What nobody used for long goes; what is in force stays.
    for _ in 0..30 {
        append(version(t, asset));
    }
    let kept = numbers();
    assert!(kept.contains(&(1, Promoted)) && kept.len() < 25, "{kept:?}");

    let theirs = other.id();
    assert!(
        fixture
            .read(|c| asset_models::list_asset_models(c, theirs, asset))
            .is_empty()
    );
    let foreign = version(t, asset);
    let refused = fixture.write(move |c| asset_models::append_asset_model(c, theirs, foreign));
    assert!(refused.is_err());
}
