//! The past out of the demo plant's PI endpoint, beside a client that only fetches the same pages. The
//! connector asks at most ten times a second, as a guest on a production server should; the plain
//! fetch does not, so it shows what the endpoint itself can give.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use iq_domain::{Clock, Timestamp, WallClock};
use iq_plant::{PlantConfig, PlantHandle, PlantServer, WebConfig, pi::PiConfig};
use serde_json::{Value, json};

use super::{
    Options,
    reader::Order,
    table::{Measured, Round, Runs},
    tally::Tally,
};

/// Values of one stream per page, as the connector asks for them.
const PER_PAGE: usize = 10_000;
const TOKEN: &str = "a-token-of-the-bench";

pub(super) fn run(dir: &Path, options: &Options) -> Result<Measured> {
    let hours = if options.quick { 1 } else { 6 };
    let runtime = tokio::runtime::Runtime::new()?;
    let plant = runtime.block_on(plant(dir, hours))?;
    let link = plant.pi().context("the endpoint was asked for")?;
    let peer = Plain::new(&link.base_url)?;
    // What is archived while the bench runs belongs to nobody's figures.
    let before = Timestamp(WallClock.now().millis() - 10_000);
    let order = Order::Past {
        kind: "pi".to_owned(),
        config: json!({
            "pi_webapi_url": link.base_url, "auth_type": "Token", "token": TOKEN,
            "sync_mode": "last_24h", "polling_interval_ms": 1_000,
        }),
        tags: peer.points.iter().map(|(path, _)| path.clone()).collect(),
        before_ms: before.millis(),
    };
    let mut measured = Measured {
        what: format!("PI back-fill ({} points, {hours} h)", peer.points.len()),
        written: 0,
        ours: Runs::new("optria (10 requests/s)"),
        peers: vec![Runs::new("plain fetch, not read")],
        wrong: Vec::new(),
    };
    for _ in 0..options.rounds() {
        let (seconds, archived) = peer.fetch(before)?;
        measured.peers[0].rounds.push(Round {
            seconds,
            growth_bytes: None,
        });
        let reading = order.carry_out()?;
        measured.ours.rounds.push(Round::from(&reading));
        measured.check_ours(reading.tally, archived);
        measured.written = archived.count;
    }
    runtime.block_on(plant.stop());
    Ok(measured)
}

/// A plant that has reached the present.
async fn plant(dir: &Path, hours: u64) -> Result<PlantHandle> {
    let mut config = PlantConfig::new(dir.join("plant")).on_free_ports();
    config.pi = Some(PiConfig {
        web: WebConfig {
            port: 0,
            tls: false,
        },
        bearer: Some(TOKEN.to_owned()),
        archive_all: true,
        ..PiConfig::default()
    });
    config.start_ago = Duration::from_secs(hours * 3_600);
    config.catch_up = 400.0;
    let plant = PlantServer::start(config).await?;
    while WallClock.now().millis() - plant.plant_time().millis() > 2_000 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(plant)
}

/// A client that only fetches.
struct Plain {
    agent: ureq::Agent,
    base: String,
    /// Path and id of every point.
    points: Vec<(String, String)>,
}

impl Plain {
    fn new(base: &str) -> Result<Self> {
        let mut plain = Self {
            agent: ureq::Agent::new_with_defaults(),
            base: base.to_owned(),
            points: Vec::new(),
        };
        let servers: Value = serde_json::from_str(&plain.get("dataservers", &[])?)?;
        let server = servers["Items"][0]["WebId"].as_str().context("a server")?;
        let path = format!("dataservers/{server}/points");
        let points: Value = serde_json::from_str(&plain.get(&path, &[("maxCount", "1000")])?)?;
        for point in points["Items"].as_array().context("points")? {
            let text = |name: &str| point[name].as_str().map(str::to_owned);
            let (path, id) = text("Path").zip(text("WebId")).context("a point")?;
            plain.points.push((path, id));
        }
        Ok(plain)
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<String> {
        let mut request = self
            .agent
            .get(format!("{}/{path}", self.base.trim_end_matches('/')))
            .header("Authorization", format!("Bearer {TOKEN}"));
        for (name, value) in query {
            request = request.query(name, value);
        }
        let mut answer = request.call()?;
        let body = answer.body_mut().with_config().limit(64 << 20);
        Ok(body.read_to_string()?)
    }

    /// Fetches every page of every point, then reads them off the clock.
    fn fetch(&self, before: Timestamp) -> Result<(f64, Tally)> {
        let start = before.plus_ms(-24 * 3_600_000).to_string();
        // The end is part of what is asked for, and no part of what is wanted.
        let end = before.plus_ms(-1).to_string();
        let started = Instant::now();
        let mut pages = Vec::new();
        for (tag, id) in &self.points {
            let mut from = start.clone();
            loop {
                let query = [
                    ("startTime", from.as_str()),
                    ("endTime", end.as_str()),
                    ("boundaryType", "Inside"),
                    ("maxCount", &PER_PAGE.to_string()),
                ];
                let page = self.get(&format!("streams/{id}/recorded"), &query)?;
                let is_full = page.matches("\"Timestamp\"").count() >= PER_PAGE;
                let last = last_time(&page).map(str::to_owned);
                pages.push((tag, page));
                match last.filter(|last| is_full && *last != from) {
                    Some(last) => from = last,
                    None => break,
                }
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        let mut tally = Tally::default();
        // The first of a page that goes on is the last of the page before.
        let mut latest = None;
        for (tag, page) in &pages {
            let page: Value = serde_json::from_str(page)?;
            for item in page["Items"].as_array().context("values")? {
                let time = item["Timestamp"].as_str().context("a time")?;
                let this = Some((*tag, time.to_owned()));
                if latest == this {
                    continue;
                }
                let time: jiff::Timestamp = time.parse()?;
                tally.add(tag, time.as_millisecond(), item["Value"].as_f64());
                latest = this;
            }
        }
        Ok((seconds, tally))
    }
}

/// The time of the last value of a page.
fn last_time(page: &str) -> Option<&str> {
    const FIELD: &str = "\"Timestamp\":\"";
    let rest = &page[page.rfind(FIELD)? + FIELD.len()..];
    rest.split('"').next()
}
