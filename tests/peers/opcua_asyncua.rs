//! The OPC UA connector against a server made with asyncua.

use std::{process::Command, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use iq_connector::{Authority, Connector, StageKey, StageStatus, StreamPhase, conformance};
use iq_connector_opcua::{read_authority, read_revocations};
use iq_domain::{Quality, TrustState, Value as Measured};
use iq_testkit::{Peer, free_port, python_venv};
use iq_tests::{Cable, Collected, Rig, peers_dir, user_certificate};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn start(rig: &Rig, port: u16, extra: &[&str]) -> Result<Peer> {
    let python = python_venv(&peers_dir().join("requirements.txt"))?;
    let mut command = Command::new(python);
    command
        .arg(peers_dir().join("asyncua_server.py"))
        .args(["--port", &port.to_string(), "--dir"])
        .arg(rig.dir("asyncua"))
        .args(extra);
    Peer::start(command, "ready", PATIENCE)
}

fn config(port: u16, mode: &str, policy: &str) -> Value {
    let mut config = json!({
        "endpoint_url": format!("opc.tcp://127.0.0.1:{port}/ua/"),
        "security_mode": mode,
    });
    if mode == "None" {
        config["none_accepted_reason"] = json!("a test on the loopback interface");
    } else {
        config["security_policy"] = json!(policy);
    }
    config
}

fn secure(port: u16) -> Value {
    config(port, "SignAndEncrypt", "Basic256Sha256")
}

fn tag(number: usize) -> String {
    format!("nsu=urn:optria:test:plant;s=T{number:05}")
}

fn merged(mut config: Value, more: Value) -> Value {
    let (Some(all), Value::Object(more)) = (config.as_object_mut(), more) else {
        return config;
    };
    all.extend(more);
    config
}

fn failed_stage(report: &iq_connector::TestReport) -> Option<StageKey> {
    report
        .stages
        .iter()
        .find(|s| s.status == StageStatus::Failed)
        .map(|s| s.key)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_policy_and_identity_the_server_offers_works() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let _peer = start(&rig, port, &[])?;
    let ctx = rig.context(&secure(port))?;
    let offers = rig
        .connector
        .endpoints(&ctx, &format!("opc.tcp://127.0.0.1:{port}/ua/"))
        .await?;
    assert_eq!(
        offers.iter().filter(|o| o.is_supported).count(),
        7,
        "{offers:?}"
    );

    // The first secured attempt ends at the trust list; nothing was accepted by itself.
    let report = rig.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.certificate_untrusted");
    assert_eq!(failed_stage(&report), Some(StageKey::Security));
    assert_eq!(rig.trust.decide_pending(TrustState::Trusted), 1);
    let fingerprint = &rig.trust.seen()[0].0.sha256;
    assert_eq!(offers[0].certificate_sha256.as_ref(), Some(fingerprint));

    let (certificate, key) = user_certificate()?;
    let identities = [
        json!({"auth_type": "Anonymous"}),
        json!({"auth_type": "UsernamePassword", "username": "operator", "password": "correct horse"}),
        json!({"auth_type": "Certificate", "certificate": certificate, "private_key": key}),
    ];
    let mut passed = 0;
    for offer in &offers {
        for identity in &identities {
            let base = config(port, &offer.security_mode, &offer.security_policy);
            let written = merged(base, identity.clone());
            let report = rig.test(&written).await?;
            let name = format!(
                "{} {} {}",
                offer.security_mode, offer.security_policy, identity["auth_type"]
            );
            if offer.security_mode == "None" && identity["auth_type"] != "Anonymous" {
                assert_eq!(
                    failed_stage(&report),
                    Some(StageKey::Config),
                    "{name}: {:?}",
                    report.message
                );
                continue;
            }
            assert!(report.success, "{name}: {:?}", report.message);
            assert_eq!(report.message.code, "test.passed");
            passed += 1;
        }
    }
    assert_eq!(
        passed, 19,
        "six secured endpoints × three identities and one open one"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_paths_and_rejected_certificates_are_told_apart() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let peer = start(&rig, port, &[])?;
    rig.test(&secure(port)).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    let wrong = json!({"auth_type": "UsernamePassword", "username": "operator", "password": "battery staple"});
    let report = rig.test(&merged(secure(port), wrong)).await?;
    assert_eq!(report.message.code, "auth.bad_credentials");
    assert_eq!(failed_stage(&report), Some(StageKey::Session));

    let stranger = Rig::new()?;
    stranger.test(&secure(port)).await?;
    stranger.trust.decide_pending(TrustState::Rejected);
    let report = stranger.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.certificate_rejected");

    drop(peer);
    let report = rig.test(&secure(port)).await?;
    assert_eq!(
        (report.message.code.as_str(), failed_stage(&report)),
        ("test.tcp_refused", Some(StageKey::Tcp))
    );
    let nowhere = json!({"endpoint_url": "opc.tcp://no-such-host.invalid:4840"});
    let report = rig.test(&merged(secure(port), nowhere)).await?;
    assert_eq!(
        (report.message.code.as_str(), failed_stage(&report)),
        ("test.dns_failed", Some(StageKey::Dns))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_know_our_certificate_is_named_as_such_until_it_does() -> Result<()>
{
    let rig = Rig::new()?;
    let port = free_port()?;
    let trusted = rig.dir("clients");
    std::fs::create_dir_all(&trusted)?;
    let other = Rig::new()?;
    std::fs::write(trusted.join("other.der"), &other.identity.certificate_der)?;
    let arguments = ["--trusted-clients", trusted.to_str().context("path")?];
    let peer = start(&rig, port, &arguments)?;
    rig.test(&secure(port)).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    let report = rig.test(&secure(port)).await?;
    assert_eq!(
        report.message.code, "opcua.our_certificate_rejected",
        "{report:?}"
    );
    drop(peer);
    std::fs::write(trusted.join("ours.der"), &rig.identity.certificate_der)?;
    let _peer = start(&rig, port, &arguments)?;
    let report = rig.test(&secure(port)).await?;
    assert!(report.success, "{:?}", report.message);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_notification_is_lost_at_two_thousand_tags_a_second() -> Result<()> {
    const TAGS: usize = 2_000;
    const ROUNDS: usize = 20;
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &["--tags", &TAGS.to_string()])?;
    rig.test(&secure(port)).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    let mut stream = rig.stream(&secure(port), (0..TAGS).map(tag).collect(), 64)?;
    let mut collected = Collected::default();
    stream
        .collect_until(&mut collected, PATIENCE, |c| c.by_tag.len() == TAGS)
        .await?;
    let state = stream.state.borrow().clone();
    assert_eq!(
        (state.phase.clone(), state.items),
        (StreamPhase::Streaming, 2_000)
    );

    peer.say(&format!("write {ROUNDS} 1.0"))?;
    let is_complete = |c: &Collected| {
        c.by_tag
            .values()
            .all(|s| s.last().and_then(|s| s.value.as_ref()?.as_f64()) == Some(ROUNDS as f64))
    };
    stream
        .collect_until(&mut collected, Duration::from_secs(120), is_complete)
        .await?;
    assert_eq!(
        peer.wait_for("written", PATIENCE)?,
        format!("written {ROUNDS}")
    );

    // The server wrote 1, 2, …, ROUNDS to every tag; each must have arrived, once, in order.
    let expected: Vec<f64> = (0..=ROUNDS).map(|n| n as f64).collect();
    for (tag, samples) in &collected.by_tag {
        let values: Vec<f64> = samples
            .iter()
            .filter_map(|s| s.value.as_ref()?.as_f64())
            .collect();
        assert_eq!(values, expected, "{tag}");
        assert!(
            samples
                .iter()
                .skip(1)
                .all(|s| s.source_time.is_some() && s.server_time.is_some())
        );
    }
    assert_eq!(collected.count, TAGS * (ROUNDS + 1));
    assert!(collected.gaps.is_empty(), "{:?}", collected.gaps);
    let state = stream.state.borrow().clone();
    assert!(
        state.load.items_per_request <= 1_000 && state.load.requests_per_s < 10.0,
        "{:?}",
        state.load
    );
    let (offset, within) = (
        state.clock_offset_ms.context("offset")?,
        state.clock_uncertainty_ms.context("bound")?,
    );
    assert!(
        offset.abs() <= within + 2,
        "one clock, yet {offset} ± {within} ms"
    );
    stream.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_queue_at_the_server_while_nobody_takes_them() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &["--tags", "5"])?;
    rig.test(&secure(port)).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    let mut stream = rig.stream(&secure(port), (0..5).map(tag).collect(), 1)?;
    stream
        .phase(PATIENCE, |p| *p == StreamPhase::Streaming)
        .await?;
    let mut collected = Collected::default();
    stream
        .collect_until(&mut collected, PATIENCE, |c| c.by_tag.len() == 5)
        .await?;
    // Fifteen rounds with nobody reading, then everything must still be there.
    peer.say("write 15 0.2")?;
    peer.wait_for("written", PATIENCE)?;
    let is_complete = |c: &Collected| {
        c.by_tag
            .values()
            .all(|s| s.last().and_then(|s| s.value.as_ref()?.as_f64()) == Some(15.0))
    };
    stream
        .collect_until(&mut collected, PATIENCE, is_complete)
        .await?;
    assert_eq!(collected.count, 5 * 16);
    stream.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_flow_again_after_a_restart_with_reordered_namespaces() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &[])?;
    rig.test(&secure(port)).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    let mut stream = rig.stream(&secure(port), vec![tag(1)], 64)?;
    stream.fresh_value(PATIENCE).await?;

    peer.kill()?;
    stream
        .phase(PATIENCE, |p| {
            matches!(p, StreamPhase::Connecting | StreamPhase::Error(_))
        })
        .await?;
    let mut peer = start(&rig, port, &["--before", "urn:new:first,urn:new:second"])?;
    stream
        .phase(PATIENCE, |p| *p == StreamPhase::Streaming)
        .await?;
    peer.say("write 3 0.5")?;
    let mut collected = Collected::default();
    let is_third = |c: &Collected| {
        c.by_tag
            .values()
            .flatten()
            .any(|s| s.value == Some(Measured::Number(3.0)))
    };
    stream
        .collect_until(&mut collected, PATIENCE, is_third)
        .await?;
    assert!(collected.by_tag.keys().all(|t| **t == *tag(1)));
    assert!(stream.state.borrow().connects >= 2);
    stream.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_cable_is_noticed_and_what_the_server_queued_arrives_afterwards() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &[])?;
    let cable = Cable::to(port).await?;
    let through = secure(cable.port);
    rig.test(&through).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    let mut stream = rig.stream(&through, vec![tag(1)], 64)?;
    stream.fresh_value(PATIENCE).await?;

    // No goodbye, no refused connection: only silence.
    cable.pull();
    stream
        .phase(PATIENCE, |p| {
            matches!(p, StreamPhase::Connecting | StreamPhase::Error(_))
        })
        .await?;
    peer.say("write 7 0.5")?;
    cable.plug();
    let mut collected = Collected::default();
    let is_there = |c: &Collected| {
        c.by_tag
            .values()
            .flatten()
            .any(|s| s.value == Some(Measured::Number(7.0)))
    };
    stream
        .collect_until(&mut collected, PATIENCE, is_there)
        .await?;
    assert!(
        !collected.gaps.is_empty() || stream.state.borrow().connects < 2,
        "a new session without a gap mark hides what was missed"
    );
    stream.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_asks_for_trust_again_and_then_values_flow() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &[])?;
    rig.test(&secure(port)).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    let mut stream = rig.stream(&secure(port), vec![tag(0)], 64)?;
    stream.fresh_value(PATIENCE).await?;

    peer.kill()?;
    let _peer = start(&rig, port, &["--certificate", "renewed"])?;
    let is_untrusted = |p: &StreamPhase| matches!(p, StreamPhase::Error(e) if e.code == "opcua.certificate_untrusted");
    let state = stream.phase(PATIENCE, is_untrusted).await?;
    let StreamPhase::Error(error) = state.phase else {
        unreachable!("just matched")
    };
    assert_eq!(error.params["fingerprint"], rig.trust.seen()[1].0.sha256);
    assert_eq!(rig.trust.decide_pending(TrustState::Trusted), 1);
    stream
        .phase(PATIENCE, |p| *p == StreamPhase::Streaming)
        .await?;
    stream.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_vouches_for_its_servers_until_it_takes_one_back() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &["--issued"])?;
    let report = rig.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.certificate_untrusted");

    // Known but not compared by a person: nothing changes.
    let read = |name: &str| std::fs::read(rig.dir("asyncua").join(name));
    let facts = read_authority(&read("authority.der")?)?;
    let known = |is_trusted, revocations| Authority {
        der: facts.der.clone(),
        is_trusted,
        revocations,
    };
    rig.trust.set_authorities(vec![known(false, None)]);
    let report = rig.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.certificate_untrusted");

    rig.trust.set_authorities(vec![known(true, None)]);
    let report = rig.test(&secure(port)).await?;
    assert!(report.success, "{:?}", report.message);
    let said = |report: &iq_connector::TestReport| {
        let stage = report.stages.iter().find(|s| s.key == StageKey::Security);
        stage.map(|s| s.message.clone()).context("a stage")
    };
    let named = said(&report)?;
    assert_eq!(named.code, "stage.security_authority_no_list");
    assert_eq!(named.params["authority"], "CN=Plant CA,O=Test");
    let seen = rig.trust.seen();
    assert_eq!(seen[0].1, TrustState::Pending, "nobody decided");
    assert_eq!(seen[0].0.authority.as_deref(), Some("CN=Plant CA,O=Test"));

    // A renewed certificate of the same authority asks nobody, and values flow on.
    let mut stream = rig.stream(&secure(port), vec![tag(0)], 64)?;
    stream.fresh_value(PATIENCE).await?;
    peer.kill()?;
    stream
        .phase(PATIENCE, |p| {
            matches!(p, StreamPhase::Connecting | StreamPhase::Error(_))
        })
        .await?;
    let mut peer = start(&rig, port, &["--issued", "--certificate", "renewed"])?;
    stream
        .phase(PATIENCE, |p| *p == StreamPhase::Streaming)
        .await?;
    stream.stop().await;

    peer.say("revoke")?;
    peer.wait_for("revoked", PATIENCE)?;
    let list = read_revocations(&read("authority.crl")?, &facts.der)?;
    assert_eq!(list.revoked, 1);
    rig.trust.set_authorities(vec![known(true, Some(list.der))]);
    let report = rig.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.certificate_revoked");
    assert_eq!(failed_stage(&report), Some(StageKey::Security));
    // Not even where a person accepted exactly this certificate.
    rig.trust.decide_pending(TrustState::Trusted);
    let report = rig.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.certificate_revoked");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_does_not_vouch_for_a_server_under_an_address_of_another() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let _peer = start(&rig, port, &["--issued", "--host", "10.9.8.7"])?;
    rig.test(&secure(port)).await?;
    let facts = read_authority(&std::fs::read(rig.dir("asyncua").join("authority.der"))?)?;
    rig.trust.set_authorities(vec![Authority {
        der: facts.der,
        is_trusted: true,
        revocations: None,
    }]);
    let report = rig.test(&secure(port)).await?;
    assert_eq!(report.message.code, "opcua.certificate_host_unlisted");
    assert_eq!(report.message.params["names"], "10.9.8.7");
    // A person who compared exactly this one may still accept it.
    assert_eq!(rig.trust.decide_pending(TrustState::Trusted), 1);
    let report = rig.test(&secure(port)).await?;
    assert!(report.success, "{:?}", report.message);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_change_while_values_flow_and_unknown_ones_are_named() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &["--tags", "40", "--max-per-call", "7"])?;
    let open = config(port, "None", "");
    let mut stream = rig.stream(
        &open,
        vec![tag(0), tag(9_999), "nsu=urn:nowhere;s=X".into()],
        64,
    )?;
    let mut collected = Collected::default();
    stream
        .collect_until(&mut collected, PATIENCE, |c| c.by_tag.len() == 3)
        .await?;
    let state = stream.state.borrow().clone();
    assert_eq!((state.items, state.failed_items), (1, 2));
    let mut codes: Vec<_> = state.problems.iter().map(|p| p.error.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["opcua.namespace_unknown", "opcua.tag_unknown"]);
    let bad = &collected.by_tag[&*tag(9_999)][0];
    assert_eq!(
        (bad.value.clone(), bad.status.quality()),
        (None, Quality::Bad)
    );

    let all: Vec<Arc<str>> = (1..40).map(|n| Arc::from(tag(n))).collect();
    stream.tags.send(Arc::new(all))?;
    let mut collected = Collected::default();
    stream
        .collect_until(&mut collected, PATIENCE, |c| c.by_tag.len() == 39)
        .await?;
    peer.say("write 2 0.2")?;
    let is_second = |c: &Collected| {
        c.by_tag
            .values()
            .filter(|s| s.last().and_then(|s| s.value.as_ref()?.as_f64()) == Some(2.0))
            .count()
            == 39
    };
    stream
        .collect_until(&mut collected, PATIENCE, is_second)
        .await?;
    assert!(
        !collected.by_tag.contains_key(&*tag(0)),
        "a removed tag still delivers"
    );
    let state = stream.state.borrow().clone();
    assert_eq!(
        state.load.items_per_request, 7,
        "the server's limit is seven per call"
    );
    stream.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_subscriptions_is_polled() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &["--no-subscriptions"])?;
    let written = merged(
        config(port, "None", ""),
        json!({"sampling_interval_ms": 250}),
    );
    let mut stream = rig.stream(&written, vec![tag(0), tag(1)], 64)?;
    stream
        .phase(PATIENCE, |p| *p == StreamPhase::Polling)
        .await?;
    peer.say("write 1 0")?;
    let mut collected = Collected::default();
    let is_one = |c: &Collected| {
        c.by_tag.len() == 2
            && c.by_tag.values().all(|s| {
                s.last()
                    .is_some_and(|s| s.value == Some(Measured::Number(1.0)))
            })
    };
    stream
        .collect_until(&mut collected, PATIENCE, is_one)
        .await?;
    stream.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_stream_leaves_no_subscription_behind() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let mut peer = start(&rig, port, &[])?;
    let mut stream = rig.stream(&config(port, "None", ""), vec![tag(0)], 64)?;
    stream.fresh_value(PATIENCE).await?;
    peer.say("subscriptions")?;
    // One of values, one of alarms.
    assert_eq!(peer.wait_for("subscriptions", PATIENCE)?, "subscriptions 2");
    stream.stop().await;
    peer.say("subscriptions")?;
    assert_eq!(peer.wait_for("subscriptions", PATIENCE)?, "subscriptions 0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_conforms_to_the_contract() -> Result<()> {
    let rig = Rig::new()?;
    let port = free_port()?;
    let _peer = start(&rig, port, &[])?;
    rig.test(&secure(port)).await?;
    rig.trust.decide_pending(TrustState::Trusted);
    conformance::check_live(&rig.connector, &rig.context(&secure(port))?, &tag(0)).await;
    Ok(())
}
