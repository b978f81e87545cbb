//! The PI connector against the demo plant's PI-compatible endpoint, which was written from the
//! vendor's documents without looking at the client: every sign-in, the past with interruptions, live
//! values through every disturbance, and no value lost or invented.

#[path = "pi_rig.rs"]
mod pi_rig;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use iq_connector::{BrowseRequest, Connector, StageKey, StreamPhase, conformance::check_live};
use iq_connector_pi::PiConnector;
use iq_domain::{AlarmPhase, SourceEvent};
use iq_plant::{
    Disturbance, FaultKind, PlantConfig, PlantHandle, PlantServer, WebConfig, WebService,
    pi::{ASSET_SERVER, DATA_SERVER, DATABASE, PiConfig, PiPoints, point_name},
};
use pi_rig::{Collected, Stream, context, failure, test};
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(90);
const ASSET: &str = "P-102A";

struct Peer {
    plant: PlantHandle,
    config: Value,
    tags: Vec<String>,
    _dir: TempDir,
}

async fn peer(pi: PiConfig, start_ago: Duration) -> Result<Peer> {
    let dir = tempfile::tempdir()?;
    let mut config = PlantConfig::new(dir.path()).on_free_ports();
    let config_points = pi.points.clone();
    config.pi = Some(PiConfig {
        user: "reader".to_owned(),
        password: Some("right horse".to_owned()),
        bearer: Some("a-long-token".to_owned()),
        ..pi
    });
    config.start_ago = start_ago;
    // Fast time makes for rare scans, also for a while after it: the past may be coarse, the present not.
    config.catch_up = if start_ago > Duration::from_secs(600) {
        400.0
    } else {
        8.0
    };
    let plant = PlantServer::start(config).await?;
    let link = plant.pi().context("the endpoint was asked for")?.clone();
    let written = json!({
        "pi_webapi_url": link.base_url,
        "tls_ca": link.web.ca_pem.unwrap_or_default(),
        "auth_type": "Basic",
        "username": "WAHA\\reader",
        "password": "right horse",
        "polling_interval_ms": 1_000,
    });
    let all = matches!(config_points, PiPoints::All) && start_ago > Duration::from_secs(600);
    let tags = iq_plant::catalogue::catalogue()
        .tags
        .iter()
        .filter(|tag| all || tag.asset == ASSET)
        .filter_map(|tag| point_name(&tag.asset, &tag.metric))
        .map(|name| format!(r"\\{DATA_SERVER}\{name}"))
        .collect();
    let peer = Peer {
        plant,
        config: written,
        tags,
        _dir: dir,
    };
    Ok(peer)
}

/// The plant has reached the present and everything of its past is archived.
async fn caught_up(peer: &Peer) -> Result<()> {
    let waited = async {
        let clock = iq_domain::WallClock;
        while iq_domain::Clock::now(&clock).millis() - peer.plant.plant_time().millis() > 2_000 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE, waited).await?)
}

fn with(config: &Value, changes: Value) -> Value {
    let mut config = config.clone();
    if let (Some(all), Value::Object(changes)) = (config.as_object_mut(), changes) {
        all.extend(changes);
    }
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_keeps_its_contract() -> Result<()> {
    let peer = peer(PiConfig::default(), Duration::from_secs(40)).await?;
    let ctx = context(&peer.config, BTreeMap::new())?;
    check_live(&PiConnector::new(), &ctx, &peer.tags[0]).await;
    peer.plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sign_in_works_and_every_mistake_has_its_stage() -> Result<()> {
    let peer = peer(PiConfig::default(), Duration::from_secs(40)).await?;
    let base = &peer.config;
    assert!(test(base).await?.success);
    let token = with(base, json!({"auth_type": "Token", "token": "a-long-token"}));
    assert!(test(&token).await?.success);
    let filtered = with(
        base,
        json!({"tag_filter": peer.tags[0].rsplit('\\').next()}),
    );
    let report = test(&filtered).await?;
    let sample = report.sample.context("a value was read")?;
    assert_eq!(*sample.external_tag, *peer.tags[0]);

    let is = |code: &str, stage: StageKey| (code.to_owned(), Some(stage));
    let wrong = with(base, json!({"password": "wrong horse"}));
    assert_eq!(
        failure(&wrong).await?,
        is("http.unauthorized", StageKey::Session)
    );
    let untrusted = with(base, json!({"tls_ca": ""}));
    let code = failure(&untrusted).await?;
    assert_eq!(code, is("http.tls_untrusted", StageKey::Security));
    let nowhere = with(base, json!({"tag_filter": "NO-SUCH-*"}));
    assert_eq!(failure(&nowhere).await?, is("pi.no_points", StageKey::Read));
    let url = base["pi_webapi_url"].as_str().context("an address")?;
    let path = with(
        base,
        json!({"pi_webapi_url": url.replace("piwebapi", "pi")}),
    );
    assert_eq!(failure(&path).await?, is("http.not_found", StageKey::Hello));
    peer.plant
        .disturb(WebService::Pi, Disturbance::Html, 100, None);
    assert_eq!(
        failure(base).await?,
        is("http.server_error", StageKey::Hello)
    );
    peer.plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_is_walked_page_by_page_down_to_the_attributes() -> Result<()> {
    let points = PiPoints::Assets(vec![ASSET.to_owned()]);
    let pi = PiConfig {
        points,
        ..PiConfig::default()
    };
    let peer = peer(pi, Duration::from_secs(40)).await?;
    let ctx = context(&peer.config, BTreeMap::new())?;
    let connector = PiConnector::new();
    let list = async |parent: Option<String>, search: Option<&str>, limit: usize| {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let request = BrowseRequest {
                parent: parent.clone(),
                search: search.map(str::to_owned),
                cursor: cursor.take(),
                limit,
            };
            let page = connector.browse(&ctx, request).await?;
            assert!(page.items.len() <= limit);
            items.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return anyhow::Ok(items),
            }
        }
    };
    let top = list(None, None, 1).await?;
    let ids: Vec<&str> = top.iter().map(|i| i.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            format!(r"pi:\\{DATA_SERVER}"),
            format!(r"af:\\{ASSET_SERVER}")
        ]
    );
    let by_three = list(Some(ids[0].to_owned()), None, 3).await?;
    let at_once = list(Some(ids[0].to_owned()), None, 500).await?;
    assert_eq!(by_three, at_once);
    for tag in &peer.tags {
        let found = at_once
            .iter()
            .find(|i| i.id == *tag)
            .context("a point is missing")?;
        assert!(found.is_variable && !found.has_children);
    }
    let found = list(
        None,
        Some(peer.tags[0].rsplit('\\').next().context("a name")?),
        50,
    )
    .await?;
    assert!(found.iter().any(|i| i.id == peer.tags[0]), "{found:?}");

    // Down the asset tree, always into the first branch, until an attribute turns up.
    let mut place = format!(r"af:\\{ASSET_SERVER}\{DATABASE}");
    let attribute = 'walk: loop {
        let below = list(Some(place.clone()), None, 20).await?;
        for item in &below {
            if item.is_variable {
                break 'walk item.id.clone();
            }
        }
        let branch = below.iter().find(|i| i.has_children);
        place = branch.context("no attribute anywhere")?.id.clone();
    };
    let preview = connector
        .preview(&ctx, &[attribute, peer.tags[0].clone()])
        .await?;
    assert!(preview.iter().all(|s| s.value.is_some()), "{preview:?}");

    peer.plant
        .disturb(WebService::Pi, Disturbance::ForeignNext, 1, Some("/points"));
    let error = list(Some(ids[0].to_owned()), None, 3).await.unwrap_err();
    assert!(
        error.to_string().starts_with("http.origin_refused"),
        "{error}"
    );
    peer.plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_read_with_interruptions_is_the_past_read_at_once() -> Result<()> {
    let pi = PiConfig {
        archive_all: true,
        ..PiConfig::default()
    };
    let peer = peer(pi, Duration::from_secs(3 * 3_600)).await?;
    caught_up(&peer).await?;
    let end = iq_domain::Clock::now(&iq_domain::WallClock).millis() - 5_000;

    let mut whole = Collected::default();
    let mut stream = Stream::start(&peer.config, &peer.tags, BTreeMap::new())?;
    stream
        .until(&mut whole, PATIENCE, |s, c| {
            s.back_fill.is_none() && c.cursors.len() == peer.tags.len() + 1 && !c.live.is_empty()
        })
        .await?;
    stream.stop().await?;
    assert!(whole.past.len() > 20_000, "{} values", whole.past.len());

    // The same again, stopped after every few batches and taken up from the positions noted then.
    let mut parts = Collected::default();
    let mut runs = 0;
    loop {
        let before = parts.past.len();
        let mut stream = Stream::start(&peer.config, &peer.tags, parts.cursors.clone())?;
        let mut is_complete = false;
        stream
            .until(&mut parts, PATIENCE, |s, c| {
                is_complete = s.back_fill.is_none()
                    && c.cursors.len() == peer.tags.len() + 1
                    && !c.live.is_empty()
                    && s.items > 0
                    && s.connects > 0
                    && s.samples > 0;
                is_complete || c.past.len() > before + 12_000
            })
            .await?;
        stream.stop().await?;
        runs += 1;
        if is_complete {
            break;
        }
    }
    assert!(runs > 2, "it was never interrupted");
    for tag in &peer.tags {
        let cut = |c: &Collected| -> Vec<(i64, String)> {
            let mut all = c.of(tag);
            all.retain(|(t, _)| *t < end);
            all
        };
        let expected = cut(&whole);
        let got = cut(&parts);
        let mut once = got.clone();
        once.dedup();
        let known: std::collections::HashSet<_> = expected.iter().collect();
        let missing = expected.iter().filter(|e| !once.contains(e)).count();
        let invented = once.iter().filter(|g| !known.contains(g)).count();
        // The second run began a little later, so its day starts a little later, too.
        assert!(invented == 0, "{tag}: {invented} values nobody has");
        assert!(
            missing == 0,
            "{tag}: {missing} of {} values are missing",
            expected.len()
        );
        // A run that goes on reads the overlap again, and what was new began an overlap before the run:
        // no value that was older than both when a run began comes twice.
        let of_the_past =
            |all: &[(i64, String)]| all.iter().filter(|(t, _)| *t < end - 240_000).count();
        assert_eq!(
            of_the_past(&once),
            of_the_past(&got),
            "{tag}: values came twice"
        );
    }
    peer.plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_lost_to_a_disturbance_or_a_restart_of_the_network() -> Result<()> {
    let pi = PiConfig {
        archive_all: true,
        ..PiConfig::default()
    };
    let peer = peer(pi, Duration::from_secs(40)).await?;
    caught_up(&peer).await?;
    let mut seen = Collected::default();
    let mut stream = Stream::start(&peer.config, &peer.tags, BTreeMap::new())?;
    stream
        .until(&mut seen, PATIENCE, |s, c| {
            s.phase == StreamPhase::Streaming && !c.live.is_empty()
        })
        .await?;
    for kind in [
        Disturbance::Html,
        Disturbance::InternalError,
        Disturbance::Unavailable,
        Disturbance::TooManyRequests,
        Disturbance::Cut,
        Disturbance::Garbage,
        Disturbance::WebException,
        Disturbance::ItemErrors,
        Disturbance::TooLarge,
    ] {
        peer.plant.disturb(WebService::Pi, kind, 2, None);
        // A changed tag set makes the connector talk to the server now rather than in a minute.
        let (first, rest) = peer.tags.split_first().context("there are tags")?;
        let set = |tags: &[String]| {
            std::sync::Arc::new(tags.iter().map(|t| t.as_str().into()).collect::<Vec<_>>())
        };
        stream.tags.send(set(rest))?;
        let count = seen.live.len();
        stream
            .until(&mut seen, PATIENCE, |_, c| c.live.len() > count)
            .await?;
        let mut all = vec![first.clone()];
        all.extend_from_slice(rest);
        stream.tags.send(set(&all))?;
        let count = seen.live.len();
        stream
            .until(&mut seen, PATIENCE, |s, c| {
                c.live.len() > count
                    && s.items as usize == peer.tags.len()
                    && matches!(s.phase, StreamPhase::Streaming | StreamPhase::Polling)
            })
            .await
            .with_context(|| format!("after {kind:?}"))?;
    }
    let end = iq_domain::Clock::now(&iq_domain::WallClock).millis();
    stream
        .until(&mut seen, PATIENCE, |s, c| {
            s.back_fill.is_none()
                && peer
                    .tags
                    .iter()
                    .all(|tag| c.of(tag).last().is_some_and(|(t, _)| *t > end))
        })
        .await?;
    stream.stop().await?;

    let mut truth = Collected::default();
    let mut stream = Stream::start(&peer.config, &peer.tags, BTreeMap::new())?;
    stream
        .until(&mut truth, PATIENCE, |s, c| {
            s.back_fill.is_none() && c.cursors.len() == peer.tags.len() + 1
        })
        .await?;
    stream.stop().await?;
    for tag in &peer.tags {
        let got = seen.of(tag);
        let from = got.first().context("nothing came")?.0;
        let expected = truth.of(tag);
        let expected = expected.iter().filter(|(t, _)| *t >= from && *t <= end);
        let missing: Vec<_> = expected.filter(|e| !got.contains(e)).collect();
        assert!(
            missing.is_empty(),
            "{tag}: {} values are missing: {missing:?}",
            missing.len()
        );
    }
    peer.plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tag_is_named_and_the_others_flow() -> Result<()> {
    let web = WebConfig {
        port: 0,
        tls: false,
    };
    let peer = peer(
        PiConfig {
            web,
            ..PiConfig::default()
        },
        Duration::from_secs(60),
    )
    .await?;
    let tags = [
        peer.tags[0].clone(),
        format!(r"\\{DATA_SERVER}\NO.SUCH.TAG"),
        "rubbish".to_owned(),
    ];
    let mut seen = Collected::default();
    let mut stream = Stream::start(&peer.config, &tags, BTreeMap::new())?;
    stream
        .until(&mut seen, PATIENCE, |s, c| {
            s.failed_items == 2 && s.items == 1 && !c.live.is_empty()
        })
        .await?;
    let state = stream.state.borrow().clone();
    let codes: Vec<&str> = state.problems.iter().map(|p| p.error.code).collect();
    assert_eq!(codes, ["pi.tag_unknown", "pi.tag_malformed"]);
    let offset = state.clock_offset_ms.context("the clocks were compared")?;
    assert!(offset.abs() <= 2_000, "{offset}");
    assert!(state.load.requests_per_s <= 10.0, "{:?}", state.load);
    stream.stop().await?;
    peer.plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_frame_begins_and_ends_as_events_and_is_told_once() -> Result<()> {
    let peer = peer(PiConfig::default(), Duration::from_secs(40)).await?;
    caught_up(&peer).await?;
    let inject = |p: &mut iq_plant::Plant| p.inject(ASSET, FaultKind::BearingWear, 5.0, 1.0, None);
    peer.plant
        .with_plant(inject)
        .map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let mut stream = Stream::start(&peer.config, &peer.tags[..1], BTreeMap::new())?;
    let mut seen = Collected::default();
    let of_pump = |c: &Collected, phase: AlarmPhase| {
        let is = |e: &&SourceEvent| e.subject.as_deref() == Some(ASSET) && e.phase == Some(phase);
        c.events.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    stream
        .until(&mut seen, PATIENCE, |_, c| {
            !of_pump(c, AlarmPhase::Activated).is_empty()
        })
        .await?;
    let begun = of_pump(&seen, AlarmPhase::Activated).remove(0);
    assert_eq!(begun.source_type, "event_frame");
    assert_eq!(begun.payload["template"], "Process Alarm");
    assert!(begun.also[0].ends_with(ASSET), "{begun:?}");
    assert!(
        begun.payload["end_time"]
            .as_str()
            .is_some_and(|t| t.starts_with("9999"))
    );

    peer.plant
        .with_plant(|p| p.reset(Some(ASSET)))
        .map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let end_of = begun.source_id.replace("|start", "|end");
    stream
        .until(&mut seen, PATIENCE, |_, c| {
            c.events.iter().any(|e| e.source_id == end_of)
        })
        .await?;
    let ended = seen.events.iter().find(|e| e.source_id == end_of);
    let ended = ended.context("it was just seen")?;
    assert!(ended.at >= begun.at && ended.phase == Some(AlarmPhase::Cleared));
    // Every step once, although the frames were asked for again and again; values came all the time.
    let mut ids: Vec<_> = seen.events.iter().map(|e| e.source_id.clone()).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
    stream
        .until(&mut seen, PATIENCE, |s, c| {
            !c.live.is_empty() && c.cursors.contains_key("event_frames") && s.failed_items == 0
        })
        .await?;
    stream.stop().await?;

    let off = with(&peer.config, json!({"event_frames": "No"}));
    let mut stream = Stream::start(&off, &peer.tags[..1], BTreeMap::new())?;
    let mut seen = Collected::default();
    stream
        .until(&mut seen, PATIENCE, |_, c| c.live.len() >= 5)
        .await?;
    assert!(seen.events.is_empty() && !seen.cursors.contains_key("event_frames"));
    stream.stop().await?;
    peer.plant.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_event_frames_still_delivers_its_values() -> Result<()> {
    let peer = peer(PiConfig::default(), Duration::from_secs(40)).await?;
    peer.plant.disturb(
        WebService::Pi,
        Disturbance::Forbidden,
        1_000,
        Some("eventframes"),
    );
    let mut stream = Stream::start(&peer.config, &peer.tags[..1], BTreeMap::new())?;
    let mut seen = Collected::default();
    stream
        .until(&mut seen, PATIENCE, |_, c| c.live.len() >= 5)
        .await?;
    assert!(seen.events.is_empty());
    stream.stop().await?;
    peer.plant.stop().await;
    Ok(())
}
