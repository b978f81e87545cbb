//! Every route as nobody, as every role, as a disabled user; on own objects and on those of another
//! tenant, named in the path, the query and the body.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

mod support;

use axum::http::Method;
use iq_api::{Access, RouteInfo, route_list};
use iq_domain::Role;
use iq_store::{audit, users};
use serde_json::{Value, json};
use support::{Client, NOW, Plant, ROLES, TestApp};

/// The path with the ids of a plant.
fn path_of(route: &RouteInfo, plant: &Plant) -> String {
    let id = match route.path {
        p if p.starts_with("/api/sites/") => plant.site.to_string(),
        p if p.starts_with("/api/units/") => plant.unit.to_string(),
        p if p.starts_with("/api/assets/") => plant.asset.to_string(),
        p if p.starts_with("/api/signals/") => plant.signal.to_string(),
        p if p.starts_with("/api/imports/") => plant.import.to_string(),
        p if p.starts_with("/api/alerts/") => plant.alert.to_string(),
        p if p.starts_with("/api/alert-rules/") => plant.rule.to_string(),
        p if p.starts_with("/api/blackbox/events/") => plant.event.to_string(),
        p if p.starts_with("/api/blackbox/incidents/detect/") => plant.detection.to_string(),
        p if p.starts_with("/api/blackbox/incidents/") => plant.incident.to_string(),
        p if p.starts_with("/api/integrations/mappings/changes/") => plant.change.to_string(),
        p if p.starts_with("/api/integrations/mappings/drift/") => plant.finding.to_string(),
        p if p.starts_with("/api/integrations/mappings/") => plant.mapping.to_string(),
        p if p.starts_with("/api/optimization/scenarios/") => plant.scenario.to_string(),
        p if p.starts_with("/api/jobs/") => plant.job.to_string(),
        p if p.starts_with("/api/integrations/authorities/") => plant.authority.to_string(),
        p if p.starts_with("/api/integrations/identity-providers/") => plant.provider.to_string(),
        p if p.starts_with("/api/integrations/") => plant.integration.to_string(),
        p if p.starts_with("/api/work-orders/objects/") => plant.object.to_string(),
        p if p.starts_with("/api/work-orders/outbox/") => plant.outbox.to_string(),
        p if p.starts_with("/api/work-orders/") => plant.work_order.to_string(),
        p if p.starts_with("/api/technicians/") => plant.technician.to_string(),
        p if p.starts_with("/api/outages/") => plant.outage.to_string(),
        p if p.starts_with("/api/spare-parts/") => plant.spare_part.to_string(),
        p if p.starts_with("/api/webhooks/") => plant.webhook.to_string(),
        p if p.starts_with("/api/session/tokens/") => plant.token.to_string(),
        p if p.starts_with("/api/sync/questions/") => plant.question.clone(),
        p if p.starts_with("/api/tenant-users/") => plant.colleague.to_string(),
        _ => String::new(),
    };
    assert!(
        !route.path.contains("{id}") || !id.is_empty(),
        "no id for {}",
        route.path
    );
    route
        .path
        .replace("{id}", &id)
        .replace("{name}", BACKUP)
        .replace("{action}", "start")
        .replace("{attachment}", &plant.attachment.to_string())
        .replace("{asset_id}", &plant.asset.to_string())
        .replace("{cert_id}", &plant.certificate.to_string())
        .replace("{token_id}", &plant.token.to_string())
        .replace("{action}", "stop")
        + &if is_upload(route) {
            format!("?integration_id={}&name=a.csv", plant.files)
        } else {
            String::new()
        }
}

/// The name of a backup of the appliance of the tests.
const BACKUP: &str = "optria-07070707-2026-09-21T131320Z.backup";

/// Whether a route takes a file of values.
fn is_upload(route: &RouteInfo) -> bool {
    route.path == "/api/imports" && route.method == Method::POST
}

/// Whether the body of a route is a file.
fn is_file(route: &RouteInfo) -> bool {
    let files = [
        "/api/assets/import",
        "/api/outages/import",
        "/api/technicians/import",
        "/api/spare-parts/import",
        "/api/integrations/mappings/import",
        "/api/sync/courier/import",
    ];
    files.contains(&route.path) || is_upload(route)
}

/// A body that fits the route, with the ids of a plant.
#[allow(clippy::too_many_lines, reason = "one example per route")]
fn body_of(route: &RouteInfo, plant: &Plant, n: usize) -> Option<Value> {
    if !route.has_body || is_file(route) {
        return None;
    }
    let names = json!({ "en": "Name", "ar": "اسم" });
    let integration = json!({ "kind": "desk", "name": format!("c{n}"), "config": {} });
    let mapping = json!({
        "integration_id": plant.integration, "external_tag": format!("N{n}"),
        "asset_id": plant.asset, "metric_name": format!("extra_{n}"), "unit": "mm/s",
    });
    let user = |name: &str| json!({ "username": name, "name": "Name", "role": "viewer" });
    Some(match (route.method.as_str(), route.path) {
        ("POST", "/api/sites") => {
            json!({ "code": format!("S{n}"), "names": names, "time_zone": "Asia/Riyadh" })
        }
        ("PUT", "/api/backups/settings") => json!({
            "is_enabled": false, "folder": null, "cadence": { "every": "day", "minute": 60 },
            "time_zone": "UTC", "keep_days": 7, "keep_months": 0,
        }),
        ("PUT", "/api/sites/{id}") => {
            json!({ "code": "S1", "names": names, "time_zone": "Asia/Riyadh" })
        }
        ("POST", "/api/units") => {
            json!({ "site_id": plant.site, "code": format!("U{n}"), "names": names })
        }
        ("PUT", "/api/units/{id}") => {
            json!({ "site_id": plant.site, "code": "U1", "names": names })
        }
        ("POST", "/api/assets") => json!({
            "unit_id": plant.unit, "code": format!("P-{n}"), "names": names,
            "family": "centrifugal_pump", "criticality": "high",
        }),
        ("PUT", "/api/assets/{id}") => json!({
            "unit_id": plant.unit, "code": "P-1", "names": names,
            "family": "centrifugal_pump", "criticality": "high",
        }),
        (_, "/api/imports/{id}/layout") => json!({
            "encoding": "utf-8", "delimiter": ",", "quote": "\"", "decimal": ".",
            "date_format": "iso", "time_zone": "Asia/Riyadh", "kind": "trend", "shape": "long",
            "quality": "words", "header_row": 1, "first_row": 2,
            "columns": [
                { "name": "time", "role": "timestamp" }, { "name": "tag", "role": "tag" },
                { "name": "value", "role": "value" },
            ],
        }),
        (_, "/api/investigations/proposal") => json!({ "imports": [plant.import] }),
        (_, "/api/investigations/prepare") => json!({
            "integration_id": plant.files, "time_zone": "UTC",
            "assets": [{ "code": format!("K-{n}"), "family": "tank" }], "signals": [],
        }),
        (method, p) if p.starts_with("/api/technicians") => json!({
            "code": if method == "PUT" { "T-1".to_owned() } else { format!("T-{n}") },
            "names": names, "site_id": plant.site, "skills": ["Mechanical"],
            "shifts": [{ "weekday": 7, "from_minute": 420, "to_minute": 930 }],
        }),
        (_, p) if p.starts_with("/api/outages") => json!({
            "title": format!("Shutdown {n}"), "site_id": plant.site, "unit_id": plant.unit,
            "from": 1_790_000_000_000_i64, "to": 1_790_100_000_000_i64,
        }),
        (method, p) if p.starts_with("/api/spare-parts") => json!({
            "code": if method == "PUT" { "M-1".to_owned() } else { format!("M-{n}") },
            "title": "Seal", "site_id": plant.site, "on_hand": 2,
        }),
        ("PUT", "/api/twin/layout") => {
            json!({ "places": [{ "asset_id": plant.asset, "x": 10.0, "y": 20.0 }] })
        }
        (_, "/api/alerts/{id}/acknowledge") => json!({ "comment": "seen" }),
        (_, p) if p.starts_with("/api/alert-rules") => json!({
            "signal_id": plant.signal, "on_delay_s": 1, "off_delay_s": 1, "deadband": 0.1,
            "condition": { "kind": "limit", "limits": { "high": 900.0 } },
        }),
        ("POST", "/api/work-orders") => json!({
            "asset_id": plant.asset, "kind": "notification", "title": format!("Look at it {n}"),
            "priority": "high", "incident_id": plant.incident, "alert_id": plant.alert,
        }),
        ("PATCH", "/api/work-orders/{id}") => json!({ "title": format!("Look again {n}") }),
        (_, "/api/work-orders/settings") => json!({ "push_needs_second_person": true }),
        (_, "/api/reliability/settings") => json!({ "failure_types": ["M2"] }),
        (_, "/api/work-orders/{id}/push") => {
            json!({ "integration_id": plant.integration, "kind": "notification" })
        }
        ("PUT", "/api/work-orders/outbox/{id}") => {
            json!({ "title": format!("Look at it {n}"), "priority": "high" })
        }
        (_, "/api/work-orders/outbox/{id}/approve") => json!({ "changed_at": NOW }),
        (_, "/api/work-orders/outbox/{id}/resolve") => json!({ "number": "4711" }),
        (_, "/api/work-orders/objects/{id}/asset") => json!({ "asset_id": plant.asset }),
        ("PATCH", _) => json!({ "status": "investigating" }),
        (_, "/api/blackbox/incidents/detect") => json!({ "asset_id": plant.asset }),
        (_, "/api/blackbox/incidents/{id}/merge") => {
            json!({ "incident_id": plant.incident, "reason": "The same upset" })
        }
        (_, "/api/blackbox/incidents/{id}/split") => {
            json!({ "event_ids": [plant.event], "reason": "Another story" })
        }
        (_, "/api/blackbox/incidents/{id}/changes/undo") => {
            json!({ "change_id": plant.incident, "reason": "It was right before" })
        }
        (_, "/api/blackbox/incidents/{id}/attachments") => json!({}),
        (_, "/api/blackbox/incidents/{id}/statements") => {
            json!({ "said_by": "Operator", "text": "It was loud." })
        }
        (_, "/api/blackbox/incidents/{id}/attachments/{attachment}/remove") => {
            json!({ "reason": "Wrong incident" })
        }
        (_, "/api/blackbox/incidents/{id}/notes") => json!({ "text": "A note" }),
        ("PUT", "/api/integrations/{id}") => {
            json!({ "kind": "desk", "name": "desk", "config": {}, "is_enabled": true })
        }
        (_, "/api/integrations/" | "/api/integrations/test") => integration,
        (_, "/api/integrations/choices") => {
            json!({ "kind": "desk", "config": {}, "field": "table" })
        }
        (_, "/api/integrations/sample-rows") => json!({ "kind": "desk", "config": {} }),
        (_, "/api/integrations/{id}/sample-rows") => json!({ "limit": 5 }),
        (_, "/api/optimization/run") => json!({
            "horizon_days": 3, "iterations": 5, "must_do": [plant.asset], "site_id": plant.site,
        }),
        (_, "/api/optimization/scenarios/{id}/publish") => json!({
            "recommendation_ids": [plant.recommendation], "integration_id": null,
        }),
        (_, "/api/integrations/cost-models/active") => json!({
            "base_version": null,
            "model": {
                "currency": "SAR", "default_downtime_cost_per_hour": 100.0, "risk_appetite": 0.5,
                "production_value_per_site": { plant.site.to_string(): 1.0 },
                "criticality_thresholds": { "critical": 70.0, "high": 50.0, "medium": 30.0 },
                "criticality_weights": { "critical": 2.0, "high": 1.5, "medium": 1.0, "low": 0.5 },
            },
        }),
        (_, "/api/integrations/identity-providers/rules") => json!({ "sso_only": false }),
        (_, p) if p.starts_with("/api/integrations/identity-providers") => json!({
            "provider_type": "okta", "display_name": "Company", "client_id": "optria",
            "issuer_url": "https://127.0.0.1:1/oauth2", "default_role": "viewer",
            "group_roles": [{ "group": "admins", "role": "tenant_admin" }],
        }),
        (_, "/api/session/tokens") => {
            json!({ "name": "report", "permissions": ["assets.read"], "days": 7 })
        }
        (_, "/api/session/profile") => json!({ "name": "Name" }),
        (_, "/api/integrations/onboarding/profile") => json!({ "done": true }),
        (_, "/api/integrations/endpoints") => {
            json!({ "kind": "desk", "endpoint_url": "opc.tcp://10.0.0.1:4840" })
        }
        (_, "/api/integrations/{id}/preview") => json!({ "tags": ["T1"] }),
        (_, "/api/integrations/authorities" | "/api/integrations/authorities/{id}/revocations") => {
            json!({ "file": "MAMCAQE=" })
        }
        (_, "/api/integrations/authorities/{id}/trust") => {
            json!({ "fingerprint_tail": "c0ffee12" })
        }
        (_, "/api/integrations/{id}/certificates/{cert_id}/trust") => {
            json!({ "fingerprint_tail": "c0ffee12" })
        }
        ("PUT", "/api/integrations/mappings/{id}") => json!({
            "integration_id": plant.integration, "external_tag": "T1",
            "asset_id": plant.asset, "metric_name": "vibration_de", "unit": "mm/s",
        }),
        (_, "/api/integrations/mappings" | "/api/integrations/mappings/validate") => mapping,
        (_, "/api/integrations/mappings/suggest/reject") => json!({
            "integration_id": plant.integration, "tag": "T9", "name": "", "asset_id": plant.asset,
            "metric_name": "flow",
        }),
        (_, "/api/integrations/mappings/select") => json!({
            "integration_id": plant.integration, "syntax": "glob", "pattern": "T*",
        }),
        (_, "/api/integrations/mappings/bulk") => json!({
            "integration_id": plant.integration,
            "rows": [{ "tag": format!("B{n}"), "asset_id": plant.asset, "metric": format!("bulk_{n}"),
                "unit": "bar" }],
        }),
        (_, "/api/integrations/mappings/suggest") => json!({
            "integration_id": plant.integration, "tags": [{ "tag": "T", "name": "P-1 vib" }],
        }),
        ("POST", "/api/tenant-users") => user(&format!("new{n}@{}", plant.name)),
        ("PUT", "/api/tenant-users/{id}") => user(&plant.user("colleague")),
        (_, "/api/settings") => json!({
            "language": "en", "theme": "dark", "digits": "latn", "calendar": "gregory",
            "time_zone": "site",
        }),
        (_, "/api/session/password") => {
            json!({ "current_password": "not the password", "new_password": "x" })
        }
        (_, "/api/session") => json!({ "username": "nobody", "password": "nothing" }),
        (_, "/api/setup") => json!({
            "tenant": names, "username": "late", "name": "Late", "password": "too late for this",
        }),
        (_, "/api/assets/{id}/model/promote") => json!({ "version": 1 }),
        (_, "/api/assets/{id}/model/budget") => json!({ "alarms_per_week": 2.0 }),
        (_, "/api/schedules") => json!({
            "kind": "run", "is_enabled": false, "time_zone": "Asia/Riyadh",
            "cadence": { "every": "day", "minute": 120 },
        }),
        // A code that is none: nothing is to go out from here.
        (_, "/api/sync/enrol") => json!({ "hub_url": "https://hub.example", "code": "none" }),
        (_, "/api/sync/settings") => json!({
            "level": 2, "includes_audit": false, "cap_kbit": null, "hours_from": 0,
            "hours_to": 0, "time_zone": "Asia/Riyadh",
        }),
        (_, "/api/sync/pause") => json!({ "is_paused": true }),
        (_, "/api/sync/questions/{id}") => json!({ "applies": false }),
        (_, "/api/notifications/read") => json!({}),
        (_, "/api/notifications/choices") => json!({
            "choices": [{ "kind": "overdue", "in_app": true, "by_mail": false }],
        }),
        (_, "/api/mail/test") => json!({ "address": "someone@plant.example" }),
        (_, p) if p.starts_with("/api/webhooks") => json!({
            "name": "Control room", "url": "https://127.0.0.1:1/optria", "kinds": ["overdue"],
            "secret": "a secret of both sides",
        }),
        (_, "/api/plant/inject") => json!({ "asset": "P-1", "fault": "x", "over_s": 1.0 }),
        (_, "/api/plant/reset") => json!({}),
        (_, "/api/plant/scenario") => json!({ "id": "S1", "time_scale": 1.0 }),
        (method, path) => panic!("no example body for {method} {path}"),
    })
}

async fn call(client: &Client, route: &RouteInfo, path: &str, body: Option<Value>) -> u16 {
    let reply = if is_upload(route) {
        let csv = "time,tag,value\n2024-01-31T10:00:00Z,F1,80.5\n";
        client.send(Method::POST, path, "text/csv", csv).await
    } else if route.path == "/api/integrations/mappings/import" {
        let csv = "integration,external_tag,asset,metric_name\ndesk,T1,P-1,vibration_de\n";
        let path = format!("{path}?mode=merge");
        client.send(Method::POST, &path, "text/csv", csv).await
    } else if route.path == "/api/assets/import" {
        let csv = "code,unit,family,name_en\nP-1,U1,centrifugal_pump,Feed pump\n";
        client.send(Method::POST, path, "text/csv", csv).await
    } else if route.path == "/api/sync/courier/import" {
        let kind = "application/octet-stream";
        client.send(Method::POST, path, kind, "no receipts").await
    } else if route.path == "/api/technicians/import" {
        let csv = "code,site,name_en\nT-1,S1,Sara Khalid\n";
        client.send(Method::POST, path, "text/csv", csv).await
    } else if route.path == "/api/outages/import" {
        let csv = "title,site,from,to\nStop,S1,2027-05-31,2027-06-02\n";
        client.send(Method::POST, path, "text/csv", csv).await
    } else if route.path == "/api/spare-parts/import" {
        let csv = "code,site,title,on_hand\nM-1,S1,Seal,3\n";
        client.send(Method::POST, path, "text/csv", csv).await
    } else {
        client.call(route.method.clone(), path, body).await
    };
    assert!(
        reply.status < 500,
        "{} {path}: {}",
        route.method,
        reply.text()
    );
    if reply.status >= 400 {
        let body = reply.json();
        for part in ["code", "message", "request_id"] {
            let is_there = body[part].as_str().is_some_and(|text| !text.is_empty());
            assert!(is_there, "{} {path}: no {part} in {body}", route.method);
        }
        assert_ne!(
            body["code"], body["message"],
            "{path}: no sentence for {body}"
        );
    }
    reply.status
}

fn protected() -> Vec<RouteInfo> {
    route_list()
        .into_iter()
        .filter(|r| r.access != Access::Public)
        .collect()
}

#[tokio::test]
async fn nobody_gets_401_everywhere_but_on_public_routes() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.client();
    for route in protected() {
        let body = body_of(&route, &plant, 1);
        let status = call(&client, &route, &path_of(&route, &plant), body).await;
        assert_eq!(status, 401, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn a_disabled_user_gets_401_everywhere_at_once() {
    let (app, plant, _) = TestApp::with_plants().await;
    let leaver = app.signed_in(&plant.user("leaver")).await;
    leaver.get("/api/sites").await.expect_status(200);
    let admin = app.signed_in(&plant.user("admin")).await;
    let all = admin.get("/api/tenant-users").await.json();
    let name = plant.user("leaver");
    let row = all
        .as_array()
        .unwrap()
        .iter()
        .find(|u| u["username"] == *name)
        .unwrap()
        .clone();
    let path = format!("/api/tenant-users/{}", row["id"].as_str().unwrap());
    let body = json!({
        "username": name, "name": "x", "role": "tenant_admin", "is_active": false
    });
    admin.put(&path, body).await.expect_status(200);
    for route in protected() {
        let body = body_of(&route, &plant, 1);
        let status = call(&leaver, &route, &path_of(&route, &plant), body).await;
        assert_eq!(status, 401, "{} {}", route.method, route.path);
    }
    let mut again = app.client();
    again
        .sign_in(&name, support::PASSWORD)
        .await
        .expect_code(401, "session.bad_credentials");
}

/// A fresh object to delete or to decide on, so that the next role finds its own.
async fn replaced(app: &TestApp, plant: &Plant, route: &RouteInfo, start: &str, n: usize) -> Plant {
    let mut plant = plant.clone();
    if route.path == "/api/sync/questions/{id}" {
        plant.question = plant.new_question(app, n as u64).await;
    }
    if route.method == Method::DELETE && route.path.contains("{id}") {
        match route.path {
            "/api/imports/{id}" => plant.import = plant.new_import(app).await,
            "/api/integrations/authorities/{id}" => {
                plant.authority = plant.new_authority(app, n).await;
            }
            "/api/technicians/{id}" => {
                plant.technician = plant.new_technician(app, &format!("T-{n}")).await;
            }
            "/api/outages/{id}" => plant.outage = plant.new_outage(app).await,
            "/api/spare-parts/{id}" => {
                plant.spare_part = plant.new_spare_part(app, &format!("M-{n}")).await;
            }
            "/api/optimization/scenarios/{id}" => {
                plant.scenario = plant.new_scenario(app).await;
            }
            "/api/session/tokens/{id}" => plant.token = plant.new_token(app, start).await,
            "/api/tenant-users/{id}/tokens/{token_id}" => {
                plant.token = plant.new_token(app, "colleague").await;
            }
            "/api/integrations/identity-providers/{id}" => {
                plant.provider = plant.new_provider(app).await;
            }
            "/api/webhooks/{id}" => plant.webhook = plant.new_webhook(app).await,
            "/api/alert-rules/{id}" => plant.rule = plant.new_rule(app).await,
            "/api/integrations/{id}" => {
                plant.integration = plant.new_integration(app, &format!("spare{n}")).await;
            }
            "/api/integrations/mappings/{id}" => {
                let (mapping, _) = plant
                    .new_mapping(app, &format!("SPARE{n}"), &format!("spare_{n}"))
                    .await;
                plant.mapping = mapping;
            }
            _ => {}
        }
    }
    plant
}

#[tokio::test]
async fn every_role_gets_what_the_table_says_on_its_own_tenant() {
    let (app, plant, _) = TestApp::with_plants().await;
    let backups = app.folder().join("backups");
    std::fs::create_dir_all(&backups).unwrap();
    std::fs::write(backups.join(BACKUP), "a file with the name of one").unwrap();
    for (r, (role, start)) in ROLES.into_iter().enumerate() {
        for (i, route) in protected().into_iter().enumerate() {
            let Access::May(permission) = route.access else {
                unreachable!("filtered")
            };
            // A client of its own per call: some routes end the session.
            let client = app.signed_in(&plant.user(start)).await;
            let n = r * 1_000 + i + 10;
            let own = replaced(&app, &plant, &route, start, n).await;
            let body = body_of(&route, &own, n);
            let status = call(&client, &route, &path_of(&route, &own), body).await;
            let here = format!("{role} {} {}", route.method, route.path);
            if role.may(permission) {
                assert!(![401, 403, 404].contains(&status), "{here}: {status}");
            } else {
                assert_eq!(status, 403, "{here}");
            }
        }
    }
}

#[tokio::test]
async fn ids_of_another_tenant_in_the_path_look_as_if_they_never_existed() {
    let (app, own, other) = TestApp::with_plants().await;
    let before = rows_of(&app, &other).await;
    for (role, start) in ROLES {
        let client = app.signed_in(&own.user(start)).await;
        for route in protected().into_iter().filter(|r| r.path.contains('{')) {
            let Access::May(permission) = route.access else {
                unreachable!("filtered")
            };
            let body = body_of(&route, &other, 1);
            let status = call(&client, &route, &path_of(&route, &other), body).await;
            let expected = if role.may(permission) { 404 } else { 403 };
            assert_eq!(status, expected, "{role} {} {}", route.method, route.path);
        }
    }
    assert_eq!(
        rows_of(&app, &other).await,
        before,
        "something of the other tenant changed"
    );
}

/// Everything of a tenant that a route could have changed.
async fn rows_of(app: &TestApp, plant: &Plant) -> String {
    let admin = app.signed_in(&plant.user("admin")).await;
    let mut text = String::new();
    for path in [
        "/api/sites",
        "/api/units",
        "/api/assets",
        "/api/alerts",
        "/api/alert-rules",
        "/api/blackbox/incidents",
        "/api/integrations/mappings",
        "/api/integrations/authorities",
        "/api/work-orders",
        "/api/work-orders/outbox",
        "/api/work-orders/objects",
        "/api/work-orders/settings",
        "/api/technicians",
        "/api/outages",
        "/api/spare-parts",
        "/api/optimization/scenarios",
        "/api/integrations/cost-models",
        "/api/integrations/identity-providers",
        "/api/integrations/identity-providers/rules",
        "/api/webhooks",
        "/api/session/tokens",
    ] {
        text.push_str(&admin.get(path).await.expect_status(200).text());
    }
    for user in admin
        .get("/api/tenant-users")
        .await
        .json()
        .as_array()
        .unwrap()
    {
        text.push_str(&format!(
            "{}{}{}",
            user["id"], user["role"], user["is_active"]
        ));
    }
    for source in admin
        .get("/api/integrations/")
        .await
        .json()
        .as_array()
        .unwrap()
    {
        text.push_str(&format!(
            "{}{}{}",
            source["id"], source["name"], source["is_enabled"]
        ));
    }
    text
}

#[tokio::test]
async fn ids_of_another_tenant_in_query_and_body_look_as_if_they_never_existed() {
    let (app, own, other) = TestApp::with_plants().await;
    let client = app.signed_in(&own.user("owner")).await;
    for path in [
        format!("/api/assets?site_id={}", other.site),
        format!("/api/assets?unit_id={}", other.unit),
        format!("/api/twin?site_id={}", other.site),
        format!("/api/alerts?asset_id={}", other.asset),
        format!("/api/alert-rules?asset_id={}", other.asset),
        format!("/api/blackbox/incidents?asset_id={}", other.asset),
        format!("/api/blackbox/events?asset_id={}", other.asset),
        format!("/api/integrations/mappings?asset_id={}", other.asset),
        format!(
            "/api/integrations/mappings/coverage?asset_id={}",
            other.asset
        ),
        format!("/api/integrations/mappings/coverage?site_id={}", other.site),
        format!(
            "/api/integrations/mappings/export?integration_id={}",
            other.integration
        ),
        format!("/api/imports?integration_id={}", other.files),
        format!("/api/work-orders?asset_id={}", other.asset),
        format!("/api/technicians?site_id={}", other.site),
        format!("/api/outages?site_id={}", other.site),
        format!("/api/spare-parts?site_id={}", other.site),
        format!("/api/work-orders?technician_id={}", other.technician),
        format!("/api/work-orders/export?asset_id={}", other.asset),
        format!("/api/work-orders/export?technician_id={}", other.technician),
        format!("/api/work-orders?integration_id={}", other.integration),
        format!(
            "/api/work-orders/objects?integration_id={}",
            other.integration
        ),
        format!(
            "/api/work-orders/coverage?integration_id={}",
            other.integration
        ),
        format!(
            "/api/integrations/mappings?integration_id={}",
            other.integration
        ),
    ] {
        client
            .get(&path)
            .await
            .expect_code(404, "request.not_found");
    }
    let mut asset = json!({
        "unit_id": own.unit, "code": "X", "names": { "en": "x", "ar": "" },
        "family": "tank", "criticality": "low", "parent_id": other.asset,
    });
    client
        .post("/api/assets", asset.clone())
        .await
        .expect_status(404);
    asset["parent_id"] = Value::Null;
    asset["unit_id"] = json!(other.unit);
    client.post("/api/assets", asset).await.expect_status(404);
    for route in protected()
        .into_iter()
        .filter(|r| r.has_body && !is_file(r))
    {
        // Of these the body names objects.
        let names_objects = [
            "/api/units",
            "/api/alert-rules",
            "/api/integrations/mappings",
            "/api/work-orders/objects",
            "/api/technicians",
            "/api/outages",
            "/api/spare-parts",
            "/api/blackbox/incidents/detect",
            "/api/investigations/pr",
        ];
        if !names_objects.iter().any(|p| route.path.starts_with(p)) {
            continue;
        }
        let body = body_of(&route, &other, 7);
        let status = call(&client, &route, &path_of(&route, &own), body).await;
        assert_eq!(status, 404, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn every_changing_call_leaves_exactly_one_audit_record() {
    let (app, plant, _) = TestApp::with_plants().await;
    for (start, may) in [("owner", true), ("viewer", false)] {
        for (i, route) in protected().into_iter().enumerate() {
            let Some(action) = route.audit else { continue };
            let client = app.signed_in(&plant.user(start)).await;
            let n = 5_000 + i + usize::from(may) * 1_000;
            let own = replaced(&app, &plant, &route, start, n).await;
            let body = body_of(&route, &own, n);
            let before = records(&app, &plant, action).await;
            call(&client, &route, &path_of(&route, &own), body).await;
            let after = records(&app, &plant, action).await;
            assert_eq!(
                after.len(),
                before.len() + 1,
                "{} {}",
                route.method,
                route.path
            );
            let made = after.iter().find(|r| !before.contains(r)).unwrap();
            assert_eq!(made.actor, plant.user(start), "{}", route.path);
            let is_refused = made.outcome == "request.forbidden";
            let Access::May(permission) = route.access else {
                unreachable!("filtered")
            };
            let role = if may {
                Role::PlatformOwner
            } else {
                Role::Viewer
            };
            assert_eq!(
                is_refused,
                !role.may(permission),
                "{} {}",
                route.path,
                made.outcome
            );
        }
    }
}

async fn records(app: &TestApp, plant: &Plant, action: &str) -> Vec<iq_domain::AuditRecord> {
    let (tenant, action) = (plant.tenant, action.to_owned());
    let filter = audit::AuditFilter {
        action: Some(action),
        ..audit::AuditFilter::default()
    };
    app.runtime
        .store()
        .read(move |conn| audit::list_audit(conn, tenant, &filter, iq_store::Page::MAX))
        .await
        .unwrap()
        .rows
}

#[tokio::test]
async fn no_answer_and_no_record_shows_a_secret() {
    let (app, plant, _) = TestApp::with_plants().await;
    let owner = app.signed_in(&plant.user("owner")).await;
    let mut seen = String::new();
    for route in protected().into_iter().filter(|r| r.method == Method::GET) {
        seen.push_str(&owner.get(&path_of(&route, &plant)).await.text());
    }
    assert!(seen.contains("***"), "the masked secret is shown as such");
    assert!(!seen.contains("hunter2"), "a secret was shown");
    assert!(!seen.contains("$argon2"), "a password hash was shown");
    let tenant = plant.tenant;
    let hashes = app
        .runtime
        .store()
        .read(move |conn| users::list_users(conn, tenant, &Default::default(), iq_store::Page::MAX))
        .await
        .unwrap();
    assert!(hashes.total > 5);
}

/// What no field expects, or not like this.
fn hostile() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e308),
        json!([]),
        json!({ "a": [[[]]] }),
        json!(""),
        json!("NaN"),
        json!("../../etc/passwd"),
        json!("pump\u{202E}gpj"),
        json!("nul\u{0}"),
        json!("x".repeat(1_000_000)),
    ]
}

/// The body with each value in it replaced by each hostile one, and with a field nobody asked for.
fn spoilt(body: &Value) -> Vec<Value> {
    fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    pointers(field, &format!("{at}/{name}"), found);
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    pointers(item, &format!("{at}/{i}"), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    pointers(body, "", &mut found);
    let mut all = Vec::new();
    for pointer in found {
        for value in hostile() {
            let mut spoilt = body.clone();
            *spoilt.pointer_mut(&pointer).unwrap() = value;
            all.push(spoilt);
        }
    }
    let mut surprised = body.clone();
    surprised["surprise"] = json!(1);
    all.push(surprised);
    all
}

#[tokio::test]
async fn no_hostile_body_breaks_a_route_or_leaves_half_of_itself() {
    let (app, plant, _) = TestApp::with_plants().await;
    for (i, route) in protected().into_iter().enumerate() {
        // Ends the session it is called with; decides how the next one begins.
        let own = [
            "/api/session/password",
            "/api/integrations/identity-providers/rules",
        ];
        if own.contains(&route.path) {
            continue;
        }
        let Some(body) = body_of(&route, &plant, 9_000 + i) else {
            continue;
        };
        let client = app.signed_in(&plant.user("owner")).await;
        let path = path_of(&route, &plant);
        let mut before = rows_of(&app, &plant).await;
        for spoilt in spoilt(&body) {
            // `call` wants a code and a sentence, and no status from 500 up.
            if call(&client, &route, &path, Some(spoilt)).await < 400 {
                before = rows_of(&app, &plant).await;
            }
        }
        // What was refused left nothing behind.
        let after = rows_of(&app, &plant).await;
        assert_eq!(after, before, "{} {path}", route.method);
    }
}
