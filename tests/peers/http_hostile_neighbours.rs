//! A source that means harm holds up nobody else: a good connection in the same program goes on
//! delivering while others are under attack. It is compared with itself before the attack, so a busy
//! machine does not decide.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

#[path = "eam_rig.rs"]
mod eam_rig;
#[path = "http_hostile_kit.rs"]
mod http_hostile_kit;
#[path = "pi_rig.rs"]
mod pi_rig;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use http_hostile_kit::{Answer, Apart, Hostile, TAG, apart, pi};
use iq_connector::Connector;
use iq_connector_eam::EamConnector;
use iq_connector_pi::PiConnector;
use iq_domain::{Clock, Value as Sample, WallClock};
use pi_rig::{Collected, Stream, context};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
/// How much later than before the attack a value may come.
const MAY_BE_LATER: Duration = Duration::from_secs(1);
/// Values before the attack, and during each.
const CALM: usize = 10;
const ATTACKED: usize = 5;

const ALL: [Hostile; 14] = [
    Hostile::Silent,
    Hostile::DripHead,
    Hostile::DripBody,
    Hostile::Endless,
    Hostile::Announced,
    Hostile::GzipBomb,
    Hostile::RedirectToItself,
    Hostile::RedirectToMetadata,
    Hostile::Nested,
    Hostile::Elements,
    Hostile::Html,
    Hostile::Headers,
    Hostile::Garbage,
    Hostile::Close,
];

fn config(port: u16) -> Value {
    json!({
        "pi_webapi_url": format!("http://127.0.0.1:{port}/piwebapi"),
        "username": "u", "password": "p", "polling_interval_ms": 1_000,
    })
}

/// A good source: each time it is asked there is one value more, and it notes when it sent it.
struct Good {
    server: Apart,
    sent: Arc<Mutex<HashMap<u64, Instant>>>,
}

impl Good {
    fn start() -> Result<Self> {
        let sent: Arc<Mutex<HashMap<u64, Instant>>> = Arc::default();
        let (log, values) = (sent.clone(), Mutex::new(Vec::new()));
        let server = apart(pi(move |target| {
            let from = target
                .split(['?', '&'])
                .find_map(|p| p.strip_prefix("startTime="));
            let from = from.unwrap_or_default().replace("%3A", ":");
            let mut values = values.lock().unwrap_or_else(|e| e.into_inner());
            let number = values.len() as u64;
            let now = WallClock.now().to_string();
            values.push((now, number));
            let asked = values.iter().filter(|(time, _)| *time >= from);
            let items: Vec<Value> = asked
                .map(|(time, n)| json!({"Timestamp": time, "Value": n, "Good": true}))
                .collect();
            let mut log = log.lock().unwrap_or_else(|e| e.into_inner());
            log.insert(number, Instant::now());
            Answer::Json(json!({"Items": items}).to_string())
        }))?;
        Ok(Self { server, sent })
    }

    /// How the next values arrive.
    async fn watch(
        &self,
        stream: &mut Stream,
        seen: &mut Collected,
        values: usize,
    ) -> Result<Seen> {
        let mut known = seen.live.len() + seen.past.len();
        let enough = known + values;
        let mut arrivals = vec![Instant::now()];
        let mut latest = Duration::ZERO;
        stream
            .until(seen, PATIENCE, |_, collected| {
                let now = Instant::now();
                let all: Vec<_> = collected.past.iter().chain(&collected.live).collect();
                if all.len() > known {
                    arrivals.push(now);
                    let sent = self.sent.lock().unwrap_or_else(|e| e.into_inner());
                    let newest = all.iter().filter_map(|s| match s.value {
                        Some(Sample::Number(n)) => sent.get(&(n as u64)),
                        _ => None,
                    });
                    // The newest value tells how long the way took; older ones of a batch waited to
                    // be asked for.
                    if let Some(sent) = newest.max() {
                        latest = latest.max(now.saturating_duration_since(*sent));
                    }
                    known = all.len();
                }
                known >= enough
            })
            .await?;
        let gap = arrivals.windows(2).map(|w| w[1] - w[0]).max();
        Ok(Seen {
            gap: gap.unwrap_or_default(),
            latest,
        })
    }
}

/// How values arrived.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Longest time without one.
    gap: Duration,
    /// Longest way of one, from the sending.
    latest: Duration,
}

/// What has the connectors busy with a source that means harm: one whose values are the harm, and
/// tests of two kinds against one that is harm altogether, again and again.
struct Attack {
    values: Stream,
    tests: tokio::task::JoinSet<()>,
    _servers: [Apart; 2],
}

impl Attack {
    fn start(kind: Hostile) -> Result<Self> {
        let values = apart(pi(move |_| Answer::Hostile(kind)))?;
        let all = apart(Arc::new(move |_: &str| Answer::Hostile(kind)))?;
        let mut tests = tokio::task::JoinSet::new();
        let pi = context(&config(all.port), BTreeMap::new())?;
        tests.spawn(async move {
            loop {
                PiConnector::new().test(&pi, &|_| ()).await;
            }
        });
        let sap = EamConnector::sap_pm();
        let written = eam_rig::with(
            eam_rig::loopback(all.port),
            json!({"username": "u", "password": "p"}),
        );
        let eam = eam_rig::context(&sap, &written, BTreeMap::new())?;
        tests.spawn(async move {
            loop {
                sap.test(&eam, &|_| ()).await;
            }
        });
        Ok(Self {
            values: Stream::start(&config(values.port), &[TAG.to_owned()], BTreeMap::new())?,
            tests,
            _servers: [values, all],
        })
    }

    async fn stop(mut self) -> Result<()> {
        self.tests.shutdown().await;
        self.values.stop().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_source_goes_on_beside_every_attack() -> Result<()> {
    let good = Good::start()?;
    let mut seen = Collected::default();
    let mut stream = Stream::start(
        &config(good.server.port),
        &[TAG.to_owned()],
        BTreeMap::new(),
    )?;
    stream
        .until(&mut seen, PATIENCE, |_, c| c.live.len() + c.past.len() > 1)
        .await?;
    let calm = good.watch(&mut stream, &mut seen, CALM).await?;
    println!("{:<20} {calm:?}", "calm");
    for kind in ALL {
        let attack = Attack::start(kind)?;
        let attacked = good
            .watch(&mut stream, &mut seen, ATTACKED)
            .await
            .with_context(|| format!("under {kind:?} nothing comes"))?;
        attack.stop().await?;
        println!("{:<20} {attacked:?}", format!("{kind:?}"));
        assert!(
            attacked.gap <= calm.gap + MAY_BE_LATER,
            "{kind:?}: {attacked:?} in place of {calm:?}"
        );
        assert!(
            attacked.latest <= calm.latest + MAY_BE_LATER,
            "{kind:?}: {attacked:?} in place of {calm:?}"
        );
    }
    stream.stop().await
}
