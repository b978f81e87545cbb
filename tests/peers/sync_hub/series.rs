//! What leaves at the fourth level: series of the plant's own signals, from the moment it was chosen, after
//! everything else, each piece once; and a hub that does not know them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use iq_domain::{Clock as _, WallClock};
use serde_json::{Value, json};

use crate::{
    child::{CANARY, Child},
    figures::with_an_asset,
    hub_rig::{Person, text},
    site::{Site, tell},
};

const PATIENCE: Duration = Duration::from_secs(120);
/// Values of one go: more than a piece holds.
const VALUES: i64 = 10_000;
const STEP_MS: i64 = 10;

/// A plant at the fourth level with one signal.
pub(crate) struct Plant {
    pub(crate) site: Site,
    reader: Person,
    asset: String,
    signal: String,
    number: i64,
    /// Time of the next value.
    next: i64,
}

impl Plant {
    pub(crate) async fn new() -> Result<Self> {
        let mut plant = Self::at_level(4).await?;
        plant.more()?;
        Ok(plant)
    }

    async fn at_level(level: u8) -> Result<Self> {
        let (mut site, asset, reader) = with_an_asset().await?;
        let (signal, number) = signal(&mut site, &asset, "vibration_de", false)?;
        site.tell(json!({"do": "level", "level": level}))?;
        // Values of the time after the choice.
        let next = WallClock.now().0 + 1_000;
        Ok(Self {
            site,
            reader,
            asset,
            signal,
            number,
            next,
        })
    }

    /// More values, so that a piece is sealed.
    pub(crate) fn more(&mut self) -> Result<()> {
        let what = self.values();
        self.site.tell(what).map(drop)
    }

    pub(crate) fn more_from(&mut self, child: &mut Child) -> Result<()> {
        let (what, before) = (self.values(), self.next);
        let tenant = self.site.tenant.clone();
        let told = tell(child, &tenant, what).map(drop);
        if told.is_err() {
            // Not all of it was kept: the same once more is the same.
            self.next = before - VALUES * STEP_MS;
        }
        told
    }

    fn values(&mut self) -> Value {
        let from = self.next;
        self.next += VALUES * STEP_MS;
        json!({"do": "values", "number": self.number, "from": from, "count": VALUES})
    }

    /// Waits until all that is sealed has left.
    fn has_left(&mut self) -> Result<()> {
        self.site.is_so("all series have left", |status| {
            status["pieces"].as_u64() > Some(0)
                && status["pieces"] == status["pieces_confirmed"]
                && status["bytes_waiting"] == json!(0)
        })
    }

    /// What has left stands at the hub without a gap, each piece once.
    pub(crate) fn is_whole(&mut self) -> Result<()> {
        self.site.tell(json!({"do": "try"}))?;
        self.has_left()?;
        let gaps = "SELECT coalesce(sum(gap), 0) FROM (SELECT max(seq) - count(*) AS gap
                    FROM raw_log GROUP BY epoch) AS g";
        assert_eq!(self.site.count(gaps)?, 0);
        let twice = "SELECT count(*) - count(DISTINCT (signal_id, from_ms)) FROM raw_log";
        assert_eq!(self.site.count(twice)?, 0);
        // A value every ten milliseconds from the first to the last.
        let missing = format!(
            "SELECT (max(to_ms) - min(from_ms)) / {STEP_MS} + 1 - sum(samples) FROM raw_log"
        );
        assert_eq!(self.site.count(&missing)?, 0);
        assert!(self.site.count("SELECT count(*) FROM raw_log")? > 0);
        assert_eq!(self.site.count("SELECT count(*) FROM sync_alerts")?, 0);
        Ok(())
    }
}

fn signal(site: &mut Site, asset: &str, metric: &str, demo: bool) -> Result<(String, i64)> {
    let asked = json!({"do": "signal", "asset": asset, "metric": metric, "demo": demo});
    let made = site.tell(asked)?;
    let number = made["number"].as_i64().context("no number")?;
    Ok((text(&made["id"])?, number))
}

const HELD: &str = "SELECT count(*) FROM raw_log";

#[tokio::test(flavor = "multi_thread")]
async fn series_of_the_plants_own_leave_at_the_fourth_level_from_then_on() -> Result<()> {
    let mut plant = Plant::at_level(3).await?;
    let asset = plant.asset.clone();
    let (_, made_up) = signal(&mut plant.site, &asset, "temperature", true)?;
    // Sealed before the level is chosen, half a minute of it after.
    let before = WallClock.now().0 - 70_000;
    plant.next = before;
    plant.more()?;
    plant.site.tell(json!({"do": "try"}))?;
    plant.site.is_drained()?;
    assert_eq!(plant.site.count(HELD)?, 0);
    plant.site.tell(json!({"do": "level", "level": 4}))?;
    let demo = json!({"do": "values", "number": made_up, "from": plant.next, "count": VALUES});
    plant.site.tell(demo)?;
    plant.more()?;
    plant.more()?;
    plant.site.tell(json!({"do": "try"}))?;
    plant.has_left()?;
    let status = plant.site.tell(json!({"do": "status"}))?;
    assert_eq!(
        status["signals"], 1,
        "the made-up one does not count: {status}"
    );
    let begins = status["begins_at"].as_i64().context("no begin")?;
    let first = plant.site.count("SELECT min(from_ms) FROM raw_log")?;
    ensure!(
        (begins..begins + STEP_MS).contains(&first),
        "{first} is not the first value after {begins}"
    );
    let signals = "SELECT count(DISTINCT signal_id) FROM raw_log";
    assert_eq!(plant.site.count(signals)?, 1);
    plant.is_whole()?;
    // Headquarters sees it, and nobody else does.
    let appliances = plant
        .site
        .admin
        .get(&plant.reader, "/api/appliances")
        .await?;
    let appliance = text(&appliances.body[0]["id"])?;
    let of = format!("/api/assets/{appliance}/{asset}/signals");
    let found = plant.site.admin.get(&plant.reader, &of).await?;
    assert_eq!(found.body[0]["metric"], "vibration_de", "{found:?}");
    let path = format!("{of}/{}/trend?from={begins}&width=5", plant.signal);
    let trend = plant.site.admin.get(&plant.reader, &path).await?;
    assert_eq!(trend.body["damaged"], 0, "{trend:?}");
    let held = plant.site.count("SELECT sum(samples) FROM raw_log")?;
    assert_eq!(trend.body["samples"].as_i64(), Some(held));
    let drawn = trend.body["series"]["v"].as_array().context("no values")?;
    ensure!((5..=20).contains(&drawn.len()), "{} points", drawn.len());
    assert_eq!(trend.body["series"]["unit"], "mm/s");
    // No secret of a source goes along.
    let secret = format!(
        "SELECT (SELECT count(*) FROM raw_log WHERE position('{CANARY}'::bytea in rec) > 0)
              + (SELECT count(*) FROM sync_log WHERE position('{CANARY}'::bytea in rec) > 0)"
    );
    assert_eq!(plant.site.count(&secret)?, 0);
    // Given up: nothing more leaves.
    plant.site.tell(json!({"do": "level", "level": 3}))?;
    let kept = plant.site.count(HELD)?;
    plant.more()?;
    plant.more()?;
    plant.site.tell(json!({"do": "try"}))?;
    plant.site.write(5)?;
    plant.site.is_drained()?;
    assert_eq!(plant.site.count(HELD)?, kept);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_from_before_is_filled_in() -> Result<()> {
    let mut plant = Plant::at_level(3).await?;
    let before = WallClock.now().0 - 3 * 3_600_000;
    plant.next = before;
    plant.more()?;
    plant
        .site
        .tell(json!({"do": "level", "level": 4, "back_fill_hours": 6}))?;
    plant.has_left()?;
    assert_eq!(
        plant.site.count("SELECT min(from_ms) FROM raw_log")?,
        before
    );
    plant.is_whole()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_hub_gets_all_but_the_series_and_the_appliance_says_so() -> Result<()> {
    let mut plant = Plant::new().await?;
    plant.has_left()?;
    let kept = plant.site.count(HELD)?;
    plant.site.hub.take().context("no hub")?.kill()?;
    plant.site.start_older_hub(1)?;
    plant.site.tell(json!({"do": "try"}))?;
    plant.site.is_so("held", |status| {
        status["held"] == json!("sync.raw_hub_too_old")
    })?;
    plant.more()?;
    plant.site.write(50)?;
    plant.site.is_drained()?;
    assert_eq!(plant.site.count(HELD)?, kept);
    // The hub is updated: nothing has to be done here.
    plant.site.hub.take().context("no hub")?.kill()?;
    plant.site.start_hub()?;
    plant.site.tell(json!({"do": "try"}))?;
    let until = Instant::now() + PATIENCE;
    while plant.site.count(HELD)? == kept {
        ensure!(Instant::now() < until, "nothing of it leaves");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    plant.is_whole()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_was_restored_gets_again_what_it_lost() -> Result<()> {
    let mut plant = Plant::new().await?;
    plant.has_left()?;
    // As a backup from before would have it.
    plant.site.hub.take().context("no hub")?.kill()?;
    plant
        .site
        .postgres
        .sql("DELETE FROM raw_log; DELETE FROM raw_cursors;")?;
    plant.site.start_hub()?;
    plant.site.tell(json!({"do": "try"}))?;
    let until = Instant::now() + PATIENCE;
    while plant.site.count(HELD)? == 0 {
        ensure!(Instant::now() < until, "nothing is sent again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    plant.is_whole()
}
