//! The PI connector against web servers that mean harm: it ends within its time-outs, grows by at most
//! 64 MiB, and says what was wrong.

#[path = "http_hostile_kit.rs"]
mod http_hostile_kit;
#[path = "pi_rig.rs"]
mod pi_rig;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use http_hostile_kit::{Answer, Hostile, Memory, Server, TAG, hostile, pi, serve};
use iq_connector::{Connector, StageKey, StreamPhase};
use iq_connector_pi::PiConnector;
use pi_rig::{Collected, Stream, context, failure};
use serde_json::{Value, json};

/// Requests have 30 s; a test makes a few of them before the hostile one.
const LIMIT: Duration = Duration::from_secs(45);
const MAX_GROWTH_MIB: u64 = 64;

fn config(server: &Server) -> Value {
    json!({
        "pi_webapi_url": format!("http://127.0.0.1:{}/piwebapi", server.port),
        "username": "u", "password": "p", "sync_mode": "full", "polling_interval_ms": 1_000,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_server_is_named_in_time_and_in_bounded_memory() -> Result<()> {
    // The harmless server passes: what fails below is the harm.
    let harmless = serve(pi(|_| Answer::Json("{}".to_owned()))).await?;
    assert!(pi_rig::test(&config(&harmless)).await?.success);
    let memory = Memory::watch()?;
    for (kind, expected) in [
        (Hostile::Endless, "http.body_too_large"),
        (Hostile::Announced, "http.body_too_large"),
        (Hostile::GzipBomb, "http.body_too_large"),
        (Hostile::RedirectToItself, "http.redirected"),
        (Hostile::RedirectToMetadata, "http.redirected"),
        (Hostile::Nested, "test.protocol_unexpected"),
        (Hostile::Elements, "test.protocol_unexpected"),
        (Hostile::Html, "http.body_is_html"),
        (Hostile::Headers, "http.broken"),
        (Hostile::Garbage, "http.broken"),
        (Hostile::Close, "http.broken"),
    ] {
        let server = hostile(kind).await?;
        let started = Instant::now();
        let (code, stage) = tokio::time::timeout(LIMIT, failure(&config(&server)))
            .await
            .with_context(|| format!("{kind:?} holds it up"))??;
        assert_eq!(code, expected, "{kind:?}");
        assert_eq!(stage, Some(StageKey::Hello), "{kind:?}");
        assert!(started.elapsed() < LIMIT);
        let growth = memory.growth_mib();
        assert!(growth <= MAX_GROWTH_MIB, "{kind:?}: {growth} MiB");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_stall_end_with_the_time_of_the_request() -> Result<()> {
    let stall = async |kind| -> Result<()> {
        let server = hostile(kind).await?;
        let (code, _) = tokio::time::timeout(LIMIT, failure(&config(&server))).await??;
        assert_eq!(code, "http.timeout", "{kind:?}");
        Ok(())
    };
    // Side by side: each takes its full half minute.
    let (a, b, c) = tokio::join!(
        stall(Hostile::Silent),
        stall(Hostile::DripHead),
        stall(Hostile::DripBody)
    );
    a.and(b).and(c)
}

#[tokio::test(flavor = "multi_thread")]
async fn harm_behind_a_good_sign_in_ends_browsing_and_preview_with_a_code() -> Result<()> {
    for (kind, expected) in [
        (Hostile::Nested, "http.json_too_deep"),
        (Hostile::Elements, "http.json_too_large"),
        (Hostile::GzipBomb, "http.body_too_large"),
        (Hostile::RedirectToMetadata, "http.redirected"),
    ] {
        let server = hostile(kind).await?;
        let ctx = context(&config(&server), BTreeMap::new())?;
        let tags = [TAG.to_owned()];
        let preview = PiConnector::new().preview(&ctx, &tags).await;
        assert_eq!(preview.unwrap_err().code, expected, "{kind:?}");
        let browse = PiConnector::new().browse(&ctx, Default::default()).await;
        assert_eq!(browse.unwrap_err().code, expected, "{kind:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_backward_and_impossible_values_arrive_once_each_or_not_at_all() -> Result<()> {
    let value = |time: &str, value: Value| json!({"Timestamp": time, "Value": value, "Good": true});
    let items = json!([
        value("2026-01-01T00:00:03Z", json!(3)),
        value("2026-01-01T00:00:01Z", json!(1)),
        value("2026-01-01T00:00:02Z", json!("NaN")),
        value("2026-01-01T00:00:02Z", json!(2)),
        value("9999-12-31T00:00:00Z", json!(4)),
        value("-9999-01-01T00:00:00Z", json!(5)),
        value("soon", json!(6)),
        {"Value": 7}, {}, null,
        value("2026-01-01T00:00:04Z", json!({"Name": 1})),
    ]);
    let mut items = items;
    if let Some(list) = items.as_array_mut() {
        list.retain(|v| !v.is_null());
    }
    let body = json!({"Items": items}).to_string();
    let server = serve(pi(move |_| Answer::Json(body.clone()))).await?;
    let mut seen = Collected::default();
    let mut stream = Stream::start(&config(&server), &[TAG.to_owned()], BTreeMap::new())?;
    let requests = Arc::clone(&server.requests);
    stream
        .until(&mut seen, LIMIT, |s, _| {
            s.back_fill.is_none() && s.items == 1 && requests.load(Ordering::Relaxed) > 15
        })
        .await?;
    stream.stop().await?;
    let times: Vec<i64> = seen.of(TAG).iter().map(|(t, _)| *t / 1_000 % 10).collect();
    let start = 1_767_225_600;
    let expected: Vec<i64> = [1, 2, 2, 3, 4].iter().map(|s| (start + s) % 10).collect();
    let near: Vec<i64> = seen
        .of(TAG)
        .iter()
        .filter(|(t, _)| *t < 4_000_000_000_000)
        .map(|(t, _)| *t / 1_000 % 10)
        .collect();
    assert_eq!(near, expected, "{times:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_without_end_is_left_behind_with_a_mark_and_little_load() -> Result<()> {
    // Whatever is asked for, the page is full of values of the moment asked for.
    let server = serve(pi(|target| {
        let number = |name: &str| {
            let found = target.split(['?', '&']).find_map(|p| p.strip_prefix(name));
            found.unwrap_or_default().to_owned()
        };
        let count: usize = number("maxCount=").parse().unwrap_or(1);
        let time = number("startTime=");
        let one = json!({"Timestamp": time, "Value": 1, "Good": true}).to_string();
        Answer::Json(format!(
            "{{\"Items\":[{}]}}",
            vec![one; count.min(40_000)].join(",")
        ))
    }))
    .await?;
    let memory = Memory::watch()?;
    let mut seen = Collected::default();
    let mut stream = Stream::start(&config(&server), &[TAG.to_owned()], BTreeMap::new())?;
    stream.until(&mut seen, LIMIT, |_, c| c.gaps > 0).await?;
    let state = stream.state.borrow().clone();
    assert!(state.load.requests_per_s <= 12.0, "{:?}", state.load);
    stream.stop().await?;
    let growth = memory.growth_mib();
    assert!(
        growth <= 4 * MAX_GROWTH_MIB,
        "{growth} MiB with the samples kept by the test"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_turns_hostile_while_values_flow_is_an_error_that_heals() -> Result<()> {
    let harm = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = Arc::clone(&harm);
    let server = serve(pi(move |_| match switch.load(Ordering::Relaxed) {
        true => Answer::Hostile(Hostile::Endless),
        false => Answer::Json(
            json!({"Items": [{"Timestamp": "2026-01-01T00:00:00Z", "Value": 1, "Good": true}]})
                .to_string(),
        ),
    }))
    .await?;
    let mut seen = Collected::default();
    let mut stream = Stream::start(&config(&server), &[TAG.to_owned()], BTreeMap::new())?;
    let is_polling = |s: &iq_connector::StreamState| s.phase == StreamPhase::Polling;
    stream.until(&mut seen, LIMIT, |s, _| is_polling(s)).await?;
    harm.store(true, Ordering::Relaxed);
    stream
        .until(
            &mut seen,
            LIMIT,
            |s, _| matches!(&s.phase, StreamPhase::Error(e) if e.code == "http.body_too_large"),
        )
        .await?;
    harm.store(false, Ordering::Relaxed);
    stream.until(&mut seen, LIMIT, |s, _| is_polling(s)).await?;
    stream.stop().await
}
