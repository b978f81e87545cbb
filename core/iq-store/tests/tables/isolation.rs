//! Every function that reads or writes by tenant, tried by another tenant.

use iq_domain::*;
use iq_store::{
    Connection, Page, StoreError, alert_rules, alerts, assessments, assets, audit, authorities,
    certificates, events, incidents, integration_actions, integration_secrets, integrations, jobs,
    mappings, sessions, settings, signals, sites, units, users,
};

use crate::support::{Fixture, Plant, T0};

/// How many rows a tenant sees through every function that reads by tenant.
#[allow(clippy::too_many_lines)]
fn seen(c: &Connection, t: TenantId, p: &Plant) -> Result<Vec<(&'static str, u64)>, StoreError> {
    let page = Page::default();
    let n = |rows: usize| rows as u64;
    let (signal, integration) = (p.signal.id, p.integration.id);
    Ok(vec![
        ("sites", n(sites::list_sites(c, t)?.len())),
        ("site", n(sites::get_site(c, t, p.site.id)?.iter().len())),
        ("units", n(units::list_units(c, t, None)?.len())),
        ("unit", n(units::get_unit(c, t, p.unit.id)?.iter().len())),
        (
            "assets",
            assets::list_assets(c, t, &assets::AssetFilter::default(), page)?.total,
        ),
        (
            "asset",
            n(assets::get_asset(c, t, p.asset.id)?.iter().len()),
        ),
        ("signals", n(signals::list_signals(c, t, None)?.len())),
        ("signal", n(signals::get_signal(c, t, signal)?.iter().len())),
        (
            "signals of",
            n(signals::list_signals_of_assets(c, t, &[p.asset.id])?.len()),
        ),
        (
            "integrations",
            n(integrations::list_integrations(c, t)?.len()),
        ),
        (
            "integration",
            n(integrations::get_integration(c, t, integration)?
                .iter()
                .len()),
        ),
        (
            "cursor",
            n(integrations::get_cursor(c, t, integration, "history")?
                .iter()
                .len()),
        ),
        (
            "secrets",
            n(integration_secrets::list_sealed_secrets(c, t, integration)?.len()),
        ),
        (
            "secret",
            n(
                integration_secrets::get_sealed_secret(c, t, integration, "password")?
                    .iter()
                    .len(),
            ),
        ),
        (
            "actions",
            integration_actions::list_integration_actions(c, t, Some(integration), page)?.total,
        ),
        (
            "certificates",
            n(certificates::list_certificates(c, t, None, None)?.len()),
        ),
        ("authorities", n(authorities::list_authorities(c, t)?.len())),
        (
            "authority",
            n(authorities::get_authority(c, t, p.authority.id)?
                .iter()
                .len()),
        ),
        (
            "certificate",
            n(certificates::get_certificate(c, t, p.certificate.id)?
                .iter()
                .len()),
        ),
        (
            "mappings",
            mappings::list_mappings(c, t, &mappings::MappingFilter::default(), page)?.total,
        ),
        (
            "active mappings",
            n(mappings::list_active_mappings(c, t, integration)?.len()),
        ),
        (
            "mapping",
            n(mappings::get_mapping(c, t, p.mapping.id)?.iter().len()),
        ),
        (
            "rules",
            n(alert_rules::list_alert_rules(c, t, &alert_rules::RuleFilter::default())?.len()),
        ),
        (
            "rule",
            n(alert_rules::get_alert_rule(c, t, p.rule.id)?.iter().len()),
        ),
        (
            "alerts",
            alerts::list_alerts(c, t, &alerts::AlertFilter::default(), page)?.total,
        ),
        (
            "alert",
            n(alerts::get_alert(c, t, p.alert.id)?.iter().len()),
        ),
        (
            "active alerts",
            n(alerts::list_alerts_active_at(c, t, T0, None)?.len()),
        ),
        ("open alerts", n(alerts::list_open_alerts(c, t)?.len())),
        (
            "critical assets",
            n(alerts::list_critical_assets(c, t)?.len()),
        ),
        (
            "alert of rule",
            n(alerts::get_active_alert_of_rule(c, t, p.rule.id)?
                .iter()
                .len()),
        ),
        (
            "events",
            events::list_events(c, t, &events::EventFilter::default(), page)?.total,
        ),
        (
            "event",
            n(events::get_event(c, t, p.event.id)?.iter().len()),
        ),
        (
            "incidents",
            incidents::list_incidents(c, t, &incidents::IncidentFilter::default(), page)?.total,
        ),
        (
            "incident",
            n(incidents::get_incident(c, t, p.incident.id)?.iter().len()),
        ),
        (
            "incident events",
            n(incidents::list_incident_events(c, t, p.incident.id)?.len()),
        ),
        (
            "incidents of",
            n(incidents::list_incidents_of_event(c, t, p.event.id)?.len()),
        ),
        (
            "notes",
            n(incidents::list_incident_notes(c, t, p.incident.id)?.len()),
        ),
        (
            "open incident",
            n(
                incidents::get_open_incident_of_asset(c, t, p.asset.id, T0, 0)?
                    .iter()
                    .len(),
            ),
        ),
        (
            "assessments",
            n(assessments::list_assessments_at(c, t, T0, None)?.len()),
        ),
        (
            "assessment",
            n(assessments::get_assessment_at(c, t, p.asset.id, T0)?
                .iter()
                .len()),
        ),
        (
            "assessments of",
            assessments::list_assessments(c, t, p.asset.id, (None, None), page)?.total,
        ),
        (
            "users",
            users::list_users(c, t, &users::UserFilter::default(), page)?.total,
        ),
        ("user", n(users::get_user(c, t, p.user.id)?.iter().len())),
        (
            "by name",
            n(users::get_user_by_username(c, t, &p.user.username)?
                .iter()
                .len()),
        ),
        (
            "hash",
            n(users::get_password_hash(c, t, p.user.id)?.iter().len()),
        ),
        (
            "sessions",
            n(sessions::list_sessions_of_user(c, t, p.user.id, T0)?.len()),
        ),
        (
            "audit",
            audit::list_audit(c, t, &audit::AuditFilter::default(), page)?.total,
        ),
        ("settings", n(settings::list_tenant_settings(c, t)?.len())),
        (
            "jobs",
            jobs::list_jobs(c, t, &jobs::JobFilter::default(), page)?.total,
        ),
        ("job", n(jobs::get_job(c, t, p.job.id)?.iter().len())),
    ])
}

#[test]
fn a_tenant_sees_its_own_rows_and_none_of_another() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.filled(), fixture.filled());
    let nobody = TenantId::new();
    for (name, count) in fixture.read(|c| seen(c, one.id(), &one)) {
        assert_eq!(count, 1, "{name}: own rows");
    }
    for (name, count) in fixture.read(|c| seen(c, nobody, &one)) {
        assert_eq!(count, 0, "{name}: rows of a tenant, seen by nobody");
    }
    // The other tenant has one of each kind in its lists, but none under the ids of the first.
    let whole_lists = [
        "sites",
        "units",
        "assets",
        "signals",
        "integrations",
        "authorities",
        "certificates",
        "mappings",
        "rules",
        "alerts",
        "active alerts",
        "open alerts",
        "critical assets",
        "events",
        "incidents",
        "assessments",
        "users",
        "audit",
        "settings",
        "jobs",
    ];
    for (name, count) in fixture.read(|c| seen(c, other.id(), &one)) {
        let expected = u64::from(whole_lists.contains(&name));
        assert_eq!(count, expected, "{name}: seen by another tenant");
    }
}

#[test]
fn a_tenant_can_neither_change_nor_delete_nor_reference_what_belongs_to_another() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled());
    let t = other.id();
    fixture
        .write(move |c| {
            let all = [
                sites::update_site(c, t, &p.site),
                sites::delete_site(c, t, p.site.id),
                units::update_unit(c, t, &p.unit),
                units::delete_unit(c, t, p.unit.id),
                assets::update_asset(c, t, &p.asset),
                assets::delete_asset(c, t, p.asset.id),
                signals::update_signal_unit(c, t, p.signal.id, "m/s"),
                signals::delete_signal(c, t, p.signal.id),
                integrations::update_integration(c, t, &p.integration),
                integrations::update_last_value_at(c, t, p.integration.id, T0),
                integrations::delete_integration(c, t, p.integration.id),
                integrations::put_cursor(c, t, p.integration.id, "history", "0", T0),
                integration_actions::create_integration_action(c, t, &p.action()),
                authorities::create_authority(c, t, &p.authority),
                authorities::trust_authority(c, t, p.authority.id, "x", T0),
                authorities::delete_authority(c, t, p.authority.id),
                certificates::delete_certificate(c, t, p.certificate.id),
                certificates::update_certificate_state(
                    c,
                    t,
                    p.certificate.id,
                    TrustState::Trusted,
                    "x",
                    T0,
                ),
                mappings::create_mapping(c, t, &p.mapping),
                mappings::update_mapping(c, t, &p.mapping),
                mappings::delete_mapping(c, t, p.mapping.id),
                alert_rules::update_alert_rule(c, t, &p.rule),
                alert_rules::delete_alert_rule(c, t, p.rule.id),
                alerts::create_alert(c, t, &p.alert),
                alerts::update_alert(c, t, &p.alert),
                events::insert_ignore_duplicate(c, t, &p.event).map(drop),
                incidents::update_incident(c, t, &p.incident),
                incidents::create_incident_note(c, t, &p.note),
                incidents::create_incident_event(
                    c,
                    t,
                    p.incident.id,
                    p.event.id,
                    EventRelation::Trigger,
                )
                .map(drop),
                assessments::put_assessment(c, t, &p.assessment, T0),
                users::update_user(c, t, &p.user),
                users::update_password_hash(c, t, p.user.id, "x", false),
                users::delete_user(c, t, p.user.id),
                sessions::revoke_session(c, t, p.session.id, T0),
                sessions::touch_session(c, t, p.session.id, T0, T0),
                audit::append_audit(c, t, &p.audit),
                jobs::update_job(c, t, &p.job),
            ];
            for (index, result) in all.into_iter().enumerate() {
                let error = CodedError::from(result.expect_err(&format!("change {index}")));
                assert_eq!(error.kind, ErrorKind::NotFound, "change {index}: {error}");
            }
            assert!(!jobs::request_job_cancel(c, t, p.job.id)?);
            assert_eq!(
                sessions::revoke_sessions_of_user(c, t, p.user.id, None, T0)?,
                0
            );
            for (name, count) in seen(c, p.id(), &p)? {
                assert_eq!(count, 1, "{name}: changed by another tenant");
            }
            Ok(())
        })
        .unwrap();
}
