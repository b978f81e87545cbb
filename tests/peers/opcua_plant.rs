//! The OPC UA connector against the demo plant's own server: every endpoint and identity it offers,
//! 10,000 monitored items on a server that allows 1,000 per call, and the skewed clocks it simulates.

use std::{collections::HashSet, time::Duration};

use anyhow::{Context, Result};
use iq_connector::{BrowseRequest, Connector, StreamPhase};
use iq_domain::TrustState;
use iq_plant::{FaultKind, PlantConfig, PlantServer};
use iq_tests::{Collected, Rig};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(90);

fn config(url: &str, mode: &str, more: Value) -> Value {
    let mut config = json!({"endpoint_url": url, "security_mode": mode});
    if mode == "None" {
        config["none_accepted_reason"] = json!("a test on the loopback interface");
    }
    if let (Some(all), Value::Object(more)) = (config.as_object_mut(), more) {
        all.extend(more);
    }
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_and_identity_of_the_plant_works() -> Result<()> {
    let rig = Rig::new()?;
    let mut plant = PlantConfig::new(rig.dir("plant")).on_free_ports();
    plant.password = Some("correct horse".to_owned());
    let user = json!({"auth_type": "UsernamePassword", "username": plant.user, "password": "correct horse"});
    let wrong = json!({"auth_type": "UsernamePassword", "username": plant.user, "password": "battery staple"});
    let plant = PlantServer::start(plant).await?;
    let url = plant.endpoint_url.as_str();
    let report = rig.test(&config(url, "SignAndEncrypt", json!({}))).await?;
    assert_eq!(report.message.code, "opcua.certificate_untrusted");
    rig.trust.decide_pending(TrustState::Trusted);
    for (mode, identity) in [
        ("None", json!({})),
        ("Sign", json!({})),
        ("Sign", user.clone()),
        ("SignAndEncrypt", json!({})),
        ("SignAndEncrypt", user),
    ] {
        let report = rig.test(&config(url, mode, identity)).await?;
        assert!(report.success, "{mode}: {:?}", report.message);
    }
    let report = rig.test(&config(url, "SignAndEncrypt", wrong)).await?;
    assert_eq!(report.message.code, "auth.bad_credentials");
    plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_items_stay_within_a_thousand_per_call() -> Result<()> {
    const TAGS: u32 = 10_000;
    let rig = Rig::new()?;
    let mut plant = PlantConfig::new(rig.dir("plant")).on_free_ports();
    plant.extra_tags = TAGS;
    plant.extra_tags_period = Duration::from_secs(10);
    let plant = PlantServer::start(plant).await?;
    let written = config(&plant.endpoint_url, "None", json!({}));
    let ctx = rig.context(&written)?;
    let mut tags = HashSet::new();
    let mut cursor = None;
    loop {
        let request = BrowseRequest {
            search: Some("LOAD.T".into()),
            cursor,
            limit: 500,
            parent: None,
        };
        let page = rig.connector.browse(&ctx, request).await?;
        tags.extend(
            page.items
                .into_iter()
                .filter(|i| i.is_variable)
                .map(|i| i.id),
        );
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(tags.len(), usize::try_from(TAGS)?);

    let mut stream = rig.stream(&written, tags.into_iter().collect(), 64)?;
    let mut collected = Collected::default();
    stream
        .collect_until(&mut collected, PATIENCE, |c| c.by_tag.len() == 10_000)
        .await?;
    let state = stream
        .phase(PATIENCE, |p| *p == StreamPhase::Streaming)
        .await?;
    assert_eq!(
        (state.items, state.failed_items, state.subscriptions),
        // The third carries the alarms.
        (TAGS, 0, 3)
    );
    assert!(state.load.items_per_request <= 1_000, "{:?}", state.load);
    assert_eq!(state.load.sessions, 1);
    let known = collected
        .by_tag
        .values()
        .flatten()
        .filter(|s| s.value.is_some())
        .count();
    assert!(known >= 10_000, "{known}");
    state
        .clock_offset_ms
        .context("the server's clock was compared")?;
    stream.stop().await;
    plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_alarm_of_the_plant_comes_as_an_event() -> Result<()> {
    let rig = Rig::new()?;
    let plant = PlantConfig::new(rig.dir("plant")).on_free_ports();
    let plant = PlantServer::start(plant).await?;
    let written = config(&plant.endpoint_url, "None", json!({}));
    let mut stream = rig.stream(&written, Vec::new(), 64)?;
    stream
        .phase(PATIENCE, |p| *p == StreamPhase::Streaming)
        .await?;
    plant
        .with_plant(|p| p.inject("P-102A", FaultKind::BearingWear, 5.0, 1.0, None))
        .map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let mut collected = Collected::default();
    stream
        .collect_until(&mut collected, PATIENCE, |c| !c.events.is_empty())
        .await?;
    let raised = &collected.events[0];
    assert_eq!(raised.phase, Some(iq_domain::AlarmPhase::Activated));
    assert!(raised.payload["source_node"].is_string(), "{raised:?}");
    stream.stop().await;
    plant.stop().await;
    Ok(())
}
