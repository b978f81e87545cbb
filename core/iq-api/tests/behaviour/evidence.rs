//! Tamper evidence over HTTP: who gets a file, that it verifies with the keys the program gives, and
//! what a viewer is told.

use iq_evidence::{Outcome, TrustStore, verify};
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn an_incident_is_exported_by_those_who_work_on_it_and_verifies_with_the_keys() {
    let (app, plant, other) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let path = format!("/api/blackbox/incidents/{}/evidence.oqe", plant.incident);
    let reply = engineer.get(&path).await.expect_status(200);
    let header = |name: &str| reply.headers[name].to_str().unwrap().to_owned();
    assert!(header("content-disposition").contains(".oqe\""));
    let records: u64 = header("x-optria-records").parse().unwrap();
    assert!(records >= 2, "{records}");
    let keys = engineer
        .get("/api/evidence/keys")
        .await
        .expect_status(200)
        .json();
    let lines: Vec<&str> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["trust_line"].as_str().unwrap())
        .collect();
    let trust = TrustStore::parse(&lines.join("\n")).unwrap();
    let verdict = verify(&reply.bytes, &trust);
    assert_eq!(verdict.outcome(), Outcome::SignedOnly, "{verdict:?}");
    assert_eq!(verdict.facts.records, records);
    let mut changed = reply.bytes.to_vec();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    assert_ne!(verify(&changed, &trust).outcome(), Outcome::SignedOnly);

    let viewer = app.signed_in(&plant.user("viewer")).await;
    viewer.get(&path).await.expect_status(403);
    let stranger = app.signed_in(&other.user("engineer")).await;
    stranger.get(&path).await.expect_status(404);

    let admin = app.signed_in(&plant.user("admin")).await;
    let audit = admin
        .get("/api/audit?q=blackbox.export_evidence")
        .await
        .json();
    let outcomes: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes.len(), 2, "{audit}");
    assert!(
        outcomes.contains(&"success") && outcomes.contains(&"request.forbidden"),
        "{audit}"
    );
}

#[tokio::test]
async fn the_state_of_the_log_is_for_everybody_of_the_tenant() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let path = format!("/api/blackbox/incidents/{}/evidence.oqe", plant.incident);
    engineer.get(&path).await.expect_status(200);
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let status = viewer
        .get("/api/blackbox/evidence/status")
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        status["newer_records"],
        json!(0),
        "an export signs the log: {status}"
    );
    assert_eq!(status["records"], status["protected_records"]);
    assert_eq!(status["epoch_reason"], json!("installation"));
    assert_eq!(status["findings"], json!([]));
    assert_eq!(status["key_fingerprint"].as_str().unwrap().len(), 16);
    let page = viewer
        .get("/api/evidence/verifier")
        .await
        .expect_status(200);
    let kept = page.headers["content-disposition"].to_str().unwrap();
    assert!(
        kept.starts_with("attachment"),
        "its script may not run as a page of this server: {kept}"
    );
}

#[tokio::test]
async fn an_administrator_puts_a_new_key_into_force_and_who_trusts_the_old_one_reads_on() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let path = format!("/api/blackbox/incidents/{}/evidence.oqe", plant.incident);
    engineer.get(&path).await.expect_status(200);
    let keys = engineer.get("/api/evidence/keys").await.json();
    let old = TrustStore::parse(keys[0]["trust_line"].as_str().unwrap()).unwrap();
    engineer
        .post("/api/evidence/keys", json!({}))
        .await
        .expect_status(403);
    let admin = app.signed_in(&plant.user("admin")).await;
    let new = admin
        .post("/api/evidence/keys", json!({}))
        .await
        .expect_status(201)
        .json();
    assert_ne!(new["fingerprint"], keys[0]["fingerprint"]);
    assert_eq!(new["is_current"], json!(true));
    let status = engineer.get("/api/blackbox/evidence/status").await.json();
    assert_eq!(status["key_fingerprint"], new["fingerprint"]);
    let file = engineer.get(&path).await.expect_status(200);
    assert_eq!(verify(&file.bytes, &old).outcome(), Outcome::SignedOnly);
    let audit = admin.get("/api/audit?q=evidence.replace_key").await.json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 2, "{audit}");
}
