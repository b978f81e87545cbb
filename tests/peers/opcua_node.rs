//! The OPC UA connector against a server made with node-opcua: strict about certificates, with an
//! empty policy in its user tokens, another order of alternative names, and continuation points.

use std::{
    collections::HashSet,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use iq_connector::{BrowseRequest, Connector, StreamPhase};
use iq_domain::{AlarmPhase, EventCategory, SourceEvent, TrustState};
use iq_testkit::{Peer, free_port, node_project};
use iq_tests::{Collected, Rig, Stream, peers_dir, user_certificate};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);

const TEMPERATURE: &str = "nsu=urn:optria:test:plant;s=P-101.Temperature";

fn start(rig: &Rig, port: u16, nodes: usize) -> Result<Peer> {
    let script = node_project(&peers_dir(), "node_opcua_server.mjs")?;
    let mut command = Command::new("node");
    command
        .arg(script)
        .arg(format!("--port={port}"))
        .arg(format!("--nodes={nodes}"))
        .arg(format!("--dir={}", rig.dir("node").display()));
    Peer::start(command, "ready", PATIENCE)
}

fn config(port: u16, mode: &str, policy: &str, more: Value) -> Value {
    let mut config = json!({
        "endpoint_url": format!("opc.tcp://localhost:{port}/ua"),
        "security_mode": mode,
    });
    if mode == "None" {
        config["none_accepted_reason"] = json!("a test on the loopback interface");
    } else {
        config["security_policy"] = json!(policy);
    }
    if let (Some(all), Value::Object(more)) = (config.as_object_mut(), more) {
        all.extend(more);
    }
    config
}

fn secure(port: u16) -> Value {
    config(port, "SignAndEncrypt", "Basic256Sha256", json!({}))
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_is_asked_on_both_sides_and_then_every_combination_works() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, 10)?;

    let report = rig.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.certificate_untrusted");
    rig.trust.decide_pending(TrustState::Trusted);
    let report = rig.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.our_certificate_rejected");
    peer.say("trust-clients")?;
    assert_eq!(peer.wait_for("trusted", PATIENCE)?, "trusted 1");
    let report = rig.test(&secure(port)).await?;
    assert!(report.success, "{:?}", report.message);

    let (certificate, key) = user_certificate()?;
    let by_certificate =
        json!({"auth_type": "Certificate", "certificate": certificate, "private_key": key});
    let report = rig
        .test(&config(
            port,
            "SignAndEncrypt",
            "Basic256Sha256",
            by_certificate.clone(),
        ))
        .await?;
    assert_eq!(
        report.message.code, "opcua.identity_rejected",
        "the user's certificate is new to it"
    );
    peer.say("trust-users")?;
    assert_eq!(peer.wait_for("trusted", PATIENCE)?, "trusted 1");

    let ctx = rig.context(&secure(port))?;
    let offers = rig
        .connector
        .endpoints(&ctx, &format!("opc.tcp://localhost:{port}/ua"))
        .await?;
    let usable: Vec<_> = offers
        .iter()
        .filter(|o| o.is_supported && o.security_mode != "None")
        .collect();
    assert_eq!(usable.len(), 6, "{offers:?}");
    for offer in usable {
        for identity in [
            json!({}),
            json!({"auth_type": "UsernamePassword", "username": "operator", "password": "correct horse"}),
            by_certificate.clone(),
        ] {
            let name = format!(
                "{} {} {}",
                offer.security_mode, offer.security_policy, identity["auth_type"]
            );
            let written = config(port, &offer.security_mode, &offer.security_policy, identity);
            let report = rig.test(&written).await?;
            assert!(report.success, "{name}: {:?}", report.message);
        }
    }
    let wrong = json!({"auth_type": "UsernamePassword", "username": "operator", "password": "battery staple"});
    let report = rig
        .test(&config(port, "Sign", "Aes128_Sha256_RsaOaep", wrong))
        .await?;
    assert_eq!(report.message.code, "auth.bad_credentials");
    let report = rig.test(&config(port, "None", "", json!({}))).await?;
    assert!(report.success, "{:?}", report.message);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_shown_with_path_type_unit_and_description() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let _peer = start(&rig, port, 1)?;
    let ctx = rig.context(&config(port, "None", "", json!({})))?;
    let browse = |request: BrowseRequest| rig.connector.browse(&ctx, request);

    let root = browse(BrowseRequest {
        limit: 100,
        ..Default::default()
    })
    .await?;
    let plant = root
        .items
        .iter()
        .find(|i| i.display == "Plant")
        .context("no plant")?;
    assert_eq!(plant.id, "nsu=urn:optria:test:plant;s=Plant");
    let of_pump = BrowseRequest {
        parent: Some("nsu=urn:optria:test:plant;s=P-101".into()),
        limit: 10,
        ..Default::default()
    };
    let pump = browse(of_pump).await?;
    let [temperature] = &pump.items[..] else {
        anyhow::bail!("{pump:?}")
    };
    assert_eq!(
        (temperature.id.as_str(), temperature.path.as_str()),
        (TEMPERATURE, "Plant/P-101/Temperature")
    );
    assert_eq!(temperature.data_type.as_deref(), Some("Double"));
    assert_eq!(temperature.unit.as_deref(), Some("°C"));
    assert_eq!(
        temperature.description.as_deref(),
        Some("Bearing temperature")
    );
    assert!(temperature.is_variable && !temperature.has_children);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_nodes_are_listed_in_pages_and_searched() -> Result<()> {
    listed_and_searched(20_000).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_nodes_are_listed_in_pages_and_searched() -> Result<()> {
    listed_and_searched(100_000).await
}

/// Lists a folder of that many nodes page by page and finds ten of them by name.
async fn listed_and_searched(nodes: usize) -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let _peer = start(&rig, port, nodes)?;
    let ctx = rig.context(&config(port, "None", "", json!({})))?;
    let browse = |request: BrowseRequest| rig.connector.browse(&ctx, request);

    let mut seen = HashSet::new();
    let mut cursor = None;
    let mut slowest = Duration::ZERO;
    loop {
        let started = Instant::now();
        let page = browse(BrowseRequest {
            parent: Some("nsu=urn:optria:test:plant;s=Wide".into()),
            cursor,
            limit: 500,
            ..Default::default()
        })
        .await?;
        slowest = slowest.max(started.elapsed());
        assert!(page.items.len() <= 500);
        for item in page.items {
            assert!(item.path.starts_with("Plant/Wide/W"), "{}", item.path);
            assert!(seen.insert(item.id), "a node is listed twice");
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), nodes);

    // A page whose walk is forgotten starts over and comes out the same.
    let forgotten = browse(BrowseRequest {
        parent: Some("nsu=urn:optria:test:plant;s=Wide".into()),
        cursor: Some((nodes - 10).to_string()),
        limit: 500,
        ..Default::default()
    })
    .await?;
    assert!(forgotten.items.len() <= 10 && forgotten.items.iter().all(|i| seen.contains(&i.id)));

    // The last ten by what their names have in common.
    let term = format!("w{:05}", nodes / 10 - 1);
    let mut hits = Vec::new();
    let mut cursor = None;
    loop {
        let request = BrowseRequest {
            search: Some(term.clone()),
            cursor,
            limit: 500,
            parent: None,
        };
        let started = Instant::now();
        let page = browse(request).await?;
        slowest = slowest.max(started.elapsed());
        hits.extend(page.items.into_iter().map(|i| i.display));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (nodes - 10..nodes).map(|n| format!("W{n:06}")).collect();
    assert_eq!(hits, expected);
    assert!(slowest < Duration::from_secs(10), "a page took {slowest:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_keep_foreign_tags_out_of_the_list() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let _peer = start(&rig, port, 20)?;
    let listed = |more: Value| {
        let ctx = rig.context(&config(port, "None", "", more));
        let connector = &rig.connector;
        async move {
            let request = BrowseRequest {
                parent: Some("nsu=urn:optria:test:plant;s=Wide".into()),
                limit: 100,
                ..Default::default()
            };
            anyhow::Ok(connector.browse(&ctx?, request).await?.items.len())
        }
    };
    assert_eq!(listed(json!({})).await?, 20);
    assert_eq!(listed(json!({"tag_prefix": "W00001"})).await?, 10);
    assert_eq!(
        listed(json!({"namespace_filter": "urn:other, urn:optria:test:plant"})).await?,
        20
    );
    assert_eq!(listed(json!({"namespace_filter": "urn:other"})).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_flow_again_after_the_server_was_killed() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, 1)?;
    rig.test(&secure(port)).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    rig.test(&secure(port)).await?;
    peer.say("trust-clients")?;
    peer.wait_for("trusted", PATIENCE)?;
    let mut written = secure(port);
    written["sampling_interval_ms"] = json!(250);
    let mut stream = rig.stream(&written, vec![TEMPERATURE.into()], 64)?;
    let before = stream.fresh_value(PATIENCE).await?;
    assert_eq!(&*before.external_tag, TEMPERATURE);
    stream.fresh_value(PATIENCE).await?;

    peer.kill()?;
    stream
        .phase(PATIENCE, |p| matches!(p, StreamPhase::Error(_)))
        .await?;
    let _peer = start(&rig, port, 1)?;
    stream
        .phase(PATIENCE, |p| *p == StreamPhase::Streaming)
        .await?;
    stream.fresh_value(PATIENCE).await?;
    stream.fresh_value(PATIENCE).await?;
    assert!(stream.state.borrow().last_value_at.is_some());
    stream.stop().await;
    Ok(())
}

/// Takes batches until there are as many events.
async fn events(
    stream: &mut Stream,
    collected: &mut Collected,
    count: usize,
) -> Result<Vec<SourceEvent>> {
    stream
        .collect_until(collected, PATIENCE, |c| c.events.len() >= count)
        .await?;
    Ok(collected.events.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_raised_acknowledged_and_cleared_as_events_beside_the_values() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, 1)?;
    let mut say = |line: &str, answer: &str| -> Result<()> {
        peer.say(line)?;
        peer.wait_for(answer, PATIENCE)?;
        Ok(())
    };
    let written = config(port, "None", "", json!({}));
    let mut stream = rig.stream(&written, vec![TEMPERATURE.to_owned()], 64)?;
    stream.fresh_value(PATIENCE).await?;
    let mut seen = Collected::default();

    say("level 85", "level is")?;
    let raised = events(&mut stream, &mut seen, 1).await?.remove(0);
    assert_eq!(raised.phase, Some(AlarmPhase::Activated), "{raised:?}");
    assert_eq!(raised.category, EventCategory::Alert);
    assert!(raised.summary.contains("LevelAlarm"), "{raised:?}");
    let level = "nsu=urn:optria:test:plant;s=P-102.Level".to_owned();
    assert_eq!(raised.also, [level], "the source is the variable");
    assert_eq!(raised.payload["condition_name"], "LevelAlarm");
    assert_eq!(raised.payload["limit_state"], "High");
    assert!(
        raised.payload["event_id"]
            .as_str()
            .is_some_and(|id| id.len() >= 16)
    );

    say("acknowledge", "acknowledged")?;
    let acknowledged = events(&mut stream, &mut seen, 2).await?.remove(1);
    assert_eq!(acknowledged.phase, Some(AlarmPhase::Acknowledged));
    assert_eq!(acknowledged.category, EventCategory::OperatorAction);
    assert_eq!(acknowledged.payload["comment"], "seen at the panel");
    assert!(acknowledged.at >= raised.at);

    say("level 50", "level is")?;
    let all = events(&mut stream, &mut seen, 3).await?;
    assert_eq!(all[2].phase, Some(AlarmPhase::Cleared), "{:?}", all[2]);
    assert_eq!(all[2].summary, raised.summary, "told in the same words");
    // Values went on all the time.
    stream.fresh_value(PATIENCE).await?;
    stream.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_alarm_is_told_again_at_the_next_connect_under_the_same_id() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, 1)?;
    let written = config(port, "None", "", json!({}));
    let mut stream = rig.stream(&written, vec![TEMPERATURE.to_owned()], 64)?;
    stream.fresh_value(PATIENCE).await?;
    peer.say("level 95")?;
    let first = events(&mut stream, &mut Collected::default(), 1)
        .await?
        .remove(0);
    stream.stop().await;

    // Nothing happens at the server: what stands comes by the refresh.
    let mut stream = rig.stream(&written, vec![TEMPERATURE.to_owned()], 64)?;
    let again = events(&mut stream, &mut Collected::default(), 1)
        .await?
        .remove(0);
    assert_eq!(again.source_id, first.source_id);
    assert_eq!(
        (again.phase, again.at),
        (Some(AlarmPhase::Activated), first.at)
    );
    stream.stop().await;

    // Switched off, nothing is asked for.
    let off = config(port, "None", "", json!({"alarms": "Off"}));
    let mut stream = rig.stream(&off, vec![TEMPERATURE.to_owned()], 64)?;
    let state = stream
        .phase(PATIENCE, |p| *p == StreamPhase::Streaming)
        .await?;
    assert_eq!(state.subscriptions, 1);
    let mut seen = Collected::default();
    peer.say("level 50")?;
    stream
        .collect_until(&mut seen, PATIENCE, |c| c.count >= 3)
        .await?;
    assert_eq!(seen.events, []);
    stream.stop().await;
    Ok(())
}
