//! What goes in comes out; what is taken or in use is refused with its own code.

use iq_domain::*;
use iq_store::{
    Connection, Page, StoreError, alert_rules, alerts, assessments, assets, audit, certificates,
    events, incidents, integration_actions, integration_secrets, integrations, jobs, mappings,
    sessions, settings, signals, sites, tenants, units, users,
};
use serde_json::json;

use crate::code;
use crate::support::{Fixture, Plant, T0, asset_in};

#[test]
fn everything_comes_out_as_it_went_in() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    fixture.read(|c| {
        assert_eq!(tenants::list_tenants(c)?, [p.tenant.clone()]);
        assert_eq!(sites::get_site(c, t, p.site.id)?, Some(p.site.clone()));
        assert_eq!(sites::get_site_by_code(c, t, "RAS")?, Some(p.site.clone()));
        assert_eq!(units::list_units(c, t, Some(p.site.id))?, [p.unit.clone()]);
        let unit = units::get_unit_by_code(c, t, p.site.id, "U100")?;
        assert_eq!(unit, Some(p.unit.clone()));
        assert_eq!(assets::get_asset(c, t, p.asset.id)?, Some(p.asset.clone()));
        assert_eq!(
            assets::get_asset_by_code(c, t, "P-102A")?,
            Some(p.asset.clone())
        );
        let signal = signals::get_signal_by_metric(c, t, p.asset.id, "vibration_de")?.unwrap();
        assert_eq!((signal.id, signal.unit.as_str()), (p.signal.id, "mm/s"));
        assert_eq!(
            integrations::list_integrations(c, t)?,
            [p.integration.clone()]
        );
        let tag = &p.mapping.external_tag;
        let mapping = mappings::get_mapping_by_tag(c, t, p.integration.id, tag)?;
        assert_eq!(mapping, Some(p.mapping.clone()));
        let certificates = certificates::list_certificates(c, t, None, None)?;
        assert_eq!(certificates, [p.certificate.clone()]);
        assert_eq!(
            alert_rules::get_alert_rule(c, t, p.rule.id)?,
            Some(p.rule.clone())
        );
        assert_eq!(alerts::get_alert(c, t, p.alert.id)?, Some(p.alert.clone()));
        assert_eq!(events::get_event(c, t, p.event.id)?, Some(p.event.clone()));
        let number = &p.incident.number;
        let incident = incidents::get_incident_by_number(c, t, number)?;
        assert_eq!(incident, Some(p.incident.clone()));
        let attached = incidents::list_incident_events(c, t, p.incident.id)?;
        assert_eq!(attached, [(p.event.clone(), EventRelation::Trigger)]);
        let notes = incidents::list_incident_notes(c, t, p.incident.id)?;
        assert_eq!(notes, [p.note.clone()]);
        let latest = assessments::get_assessment_at(c, t, p.asset.id, T0)?;
        assert_eq!(latest, Some(p.assessment.clone()));
        assert_eq!(users::get_user(c, t, p.user.id)?, Some(p.user.clone()));
        let session = sessions::get_session_by_token_hash(c, &p.token_hash(), T0)?;
        assert_eq!(session, Some(p.session.clone()));
        assert_eq!(jobs::get_job(c, t, p.job.id)?, Some(p.job.clone()));
        let audit = audit::list_audit(c, t, &audit::AuditFilter::default(), Page::default())?;
        assert_eq!((audit.rows, audit.total), (vec![p.audit.clone()], 1));
        let actions = integration_actions::list_integration_actions(c, t, None, Page::default())?;
        assert_eq!(actions.rows, [p.action()]);
        assert_eq!(settings::get_user_settings(c, t, p.user.id)?.theme, "dark");
        let retention = settings::get_tenant_setting(c, t, "retention_days")?;
        assert_eq!(retention, Some(json!(365)));
        let cursor = integrations::get_cursor(c, t, p.integration.id, "history")?;
        assert_eq!(cursor.as_deref(), Some("42"));
        Ok(())
    });
}

#[test]
#[allow(clippy::too_many_lines)]
fn what_is_taken_or_in_use_is_refused_with_its_own_code() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let check = move |c: &Connection| -> Result<(), StoreError> {
        let site = Site {
            id: SiteId::new(),
            ..p.site.clone()
        };
        assert_eq!(code(sites::create_site(c, t, &site)), "sites.code_taken");
        let unit = Unit {
            id: UnitId::new(),
            ..p.unit.clone()
        };
        assert_eq!(code(units::create_unit(c, t, &unit)), "units.code_taken");
        let unit = Unit {
            id: UnitId::new(),
            site_id: SiteId::new(),
            ..p.unit.clone()
        };
        assert_eq!(code(units::create_unit(c, t, &unit)), "sites.not_found");
        let twin = asset_in(t, p.unit.id, AssetId::new(), "P-102A");
        assert_eq!(code(assets::create_asset(c, t, &twin)), "assets.code_taken");
        let lost = asset_in(t, UnitId::new(), AssetId::new(), "P-103");
        assert_eq!(code(assets::create_asset(c, t, &lost)), "units.not_found");
        assert_eq!(code(sites::delete_site(c, t, p.site.id)), "sites.in_use");
        assert_eq!(code(units::delete_unit(c, t, p.unit.id)), "units.in_use");
        assert_eq!(
            code(assets::delete_asset(c, t, p.asset.id)),
            "assets.in_use"
        );
        assert_eq!(
            code(signals::delete_signal(c, t, p.signal.id)),
            "signals.in_use"
        );
        let again = signals::NewSignal {
            id: SignalId::new(),
            ..p.signal.clone()
        };
        assert_eq!(
            code(signals::create_signal(c, t, &again)),
            "signals.metric_taken"
        );
        let again = Integration {
            id: IntegrationId::new(),
            ..p.integration.clone()
        };
        let refused = integrations::create_integration(c, t, &again);
        assert_eq!(code(refused), "integrations.name_taken");
        let tag = SignalMapping {
            id: MappingId::new(),
            ..p.mapping.clone()
        };
        assert_eq!(
            code(mappings::create_mapping(c, t, &tag)),
            "mappings.tag_taken"
        );
        let second = SignalMapping {
            external_tag: "other".into(),
            ..tag
        };
        assert_eq!(
            code(mappings::create_mapping(c, t, &second)),
            "mappings.signal_taken"
        );
        mappings::create_mapping(
            c,
            t,
            &SignalMapping {
                is_active: false,
                ..second
            },
        )?;
        let user = User {
            id: UserId::new(),
            username: p.user.username.to_uppercase(),
            ..p.user
        };
        assert_eq!(
            code(users::create_user(c, t, &user, None)),
            "users.username_taken"
        );
        Ok(())
    };
    fixture.write(check).unwrap();
}

#[test]
fn deleting_an_integration_takes_its_secrets_and_mappings_and_leaves_the_signal() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    fixture
        .write(move |c| {
            integrations::delete_integration(c, t, p.integration.id)?;
            assert_eq!(mappings::get_mapping(c, t, p.mapping.id)?, None);
            let secrets = integration_secrets::list_sealed_secrets(c, t, p.integration.id)?;
            assert_eq!(secrets, []);
            assert!(signals::get_signal(c, t, p.signal.id)?.is_some());
            Ok(())
        })
        .unwrap();
}

#[test]
fn signal_numbers_are_dense_unique_on_the_appliance_and_never_used_again() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.filled(), fixture.filled());
    let numbers = |c: &Connection, p: &Plant| -> Result<Vec<u32>, StoreError> {
        Ok(signals::list_signals(c, p.id(), None)?
            .iter()
            .map(|s| s.signal_no)
            .collect())
    };
    fixture
        .write(move |c| {
            assert_eq!((numbers(c, &one)?, numbers(c, &other)?), (vec![0], vec![1]));
            let new = |metric: &str| signals::NewSignal {
                id: SignalId::new(),
                metric: metric.to_owned(),
                ..one.signal.clone()
            };
            let second = signals::create_signal(c, one.id(), &new("pressure"))?;
            assert_eq!(second.signal_no, 2);
            signals::delete_signal(c, one.id(), second.id)?;
            assert_eq!(
                signals::create_signal(c, one.id(), &new("pressure"))?.signal_no,
                3
            );
            let sql =
                "INSERT INTO signal_numbers (tenant_id, signal_no, signal_id) VALUES ('', ?, '')";
            c.execute(sql, [(1 << 19) - 1])?;
            let refused = signals::create_signal(c, one.id(), &new("flow"));
            assert_eq!(code(refused), "signals.numbers_used_up");
            Ok(())
        })
        .unwrap();
}

#[test]
fn assets_are_filtered_by_site_family_criticality_and_text() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let count = |filter| {
        fixture
            .read(|c| assets::list_assets(c, t, &filter, Page::default()))
            .total
    };
    let f = assets::AssetFilter::default;
    assert_eq!(
        count(assets::AssetFilter {
            site_id: Some(p.site.id),
            ..f()
        }),
        1
    );
    assert_eq!(
        count(assets::AssetFilter {
            site_id: Some(SiteId::new()),
            ..f()
        }),
        0
    );
    assert_eq!(
        count(assets::AssetFilter {
            family: Some("valve".into()),
            ..f()
        }),
        0
    );
    let criticality = Some(Criticality::High);
    assert_eq!(count(assets::AssetFilter { criticality, ..f() }), 1);
    assert_eq!(
        count(assets::AssetFilter {
            text: Some("مضخة".into()),
            ..f()
        }),
        1
    );
    assert_eq!(
        count(assets::AssetFilter {
            text: Some("10002345".into()),
            ..f()
        }),
        1
    );
    assert_eq!(
        count(assets::AssetFilter {
            text: Some("  ".into()),
            ..f()
        }),
        1
    );
}
