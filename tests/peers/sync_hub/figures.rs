//! What leaves at the third level, and at none below it: assets with their state and key figures, over
//! the line and by files, also those of the time without a hub.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{courier::Stick, hub_rig::Person, hub_rig::text, site::Site};

const PATIENCE: Duration = Duration::from_secs(120);

/// A plant with one asset, set up on its pages, and a reader at headquarters.
pub(crate) async fn with_an_asset() -> Result<(Site, String, Person)> {
    let mut site = Site::set_up().await?;
    let names = |en: &str, ar: &str| json!({"en": en, "ar": ar});
    let made = site.call(
        "/api/sites",
        &json!({"code": "RAS", "names": names("Ras Tanura", "رأس تنورة"), "time_zone": "Asia/Riyadh"}),
    )?;
    let made = site.call(
        "/api/units",
        &json!({"site_id": made["id"], "code": "U100", "names": names("Feed", "التغذية")}),
    )?;
    let asset = site.call(
        "/api/assets",
        &json!({
            "unit_id": made["id"], "code": "P-102A", "names": names("Feed pump", "مضخة التغذية"),
            "family": "centrifugal_pump", "criticality": "high", "equipment_number": "10004711",
        }),
    )?;
    let tenant = site.hub_tenant.clone();
    let place = (tenant.as_str(), "jubail");
    let (reader, _) = site.admin.user(&site.owner, place, "viewer").await?;
    Ok((site, text(&asset["id"])?, reader))
}

/// Waits until headquarters shows so many of a list.
async fn shown(site: &Site, reader: &Person, path: &str, least: u64) -> Result<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let reply = site.admin.get(reader, path).await?;
        if reply.body["total"].as_u64() >= Some(least) {
            return Ok(reply.body);
        }
        ensure!(Instant::now() < until, "{path}: {reply:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const TOLD: &str = "SELECT count(*) FROM sync_log WHERE stream = 3";

#[tokio::test(flavor = "multi_thread")]
async fn assets_and_key_figures_leave_at_the_third_level_and_not_below() -> Result<()> {
    let (mut site, asset, reader) = with_an_asset().await?;
    site.let_out()?;
    site.write(20)?;
    site.is_drained()?;
    site.stop_appliance()?;
    let log = site.log_of(&site.folder())?;
    assert!(log.keys().any(|(_, stream, _)| *stream == 1));
    assert!(
        log.keys().all(|(_, stream, _)| *stream != 3),
        "nothing is even written below that level"
    );
    assert_eq!(site.count(TOLD)?, 0);
    // The hub is away when the choice is made: what is told waits like everything else.
    site.hub.take().map(crate::child::Child::kill).transpose()?;
    site.start_appliance()?;
    site.tell(json!({"do": "level", "level": 3}))?;
    site.is_so("told", |status| {
        status["next_try"] == json!(true) && status["backlog"].as_u64() >= Some(3)
    })?;
    site.start_hub()?;
    site.tell(json!({"do": "try"}))?;
    site.is_drained()?;
    site.is_projected()?;
    assert_eq!(site.count("SELECT count(*) FROM quarantine")?, 0);
    let page = shown(&site, &reader, "/api/assets", 1).await?;
    let shown_asset = &page["items"][0];
    assert_eq!(shown_asset["id"], json!(asset));
    assert_eq!(shown_asset["code"], "P-102A");
    assert_eq!(shown_asset["names"]["ar"], "مضخة التغذية");
    assert_eq!(
        (&shown_asset["site"], &shown_asset["unit"]),
        (&json!("RAS"), &json!("U100"))
    );
    // Nothing measures it: that is said, and no number is made up.
    assert_eq!(
        (&shown_asset["status"], &shown_asset["health"]),
        (&json!("unknown"), &Value::Null)
    );
    let day = shown(&site, &reader, "/api/kpis?period=day", 1).await?;
    assert_eq!(day["items"][0]["unknown"], 1, "{day}");
    assert_eq!(day["items"][0]["health"], Value::Null);
    shown(&site, &reader, "/api/kpis?period=hour", 1).await?;
    // Told once: what is as it was is not said again.
    site.tell(json!({"do": "try"}))?;
    site.write(5)?;
    site.is_drained()?;
    let about_it = "SELECT count(*) FROM sync_log
                    WHERE stream = 3 AND position('P-102A'::bytea in rec) > 0";
    assert_eq!(site.count(about_it)?, 1);
    // Back at the second level nothing more of it leaves.
    site.let_out()?;
    let kept = site.count(TOLD)?;
    site.tell(json!({"do": "try"}))?;
    site.write(5)?;
    site.is_drained()?;
    assert_eq!(site.count(TOLD)?, kept);
    assert_eq!(site.count("SELECT count(*) FROM sync_alerts")?, 0);
    site.is_the_same_log().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_and_key_figures_travel_by_files_too() -> Result<()> {
    let (mut site, _, reader) = with_an_asset().await?;
    let stick = Stick::new()?;
    site.cable.pull();
    site.tell(json!({"do": "level", "level": 3, "way": "courier"}))?;
    site.write(10)?;
    stick.write(&mut site, "1", json!({}))?;
    stick.deliver(&site, "1").await?;
    let page = shown(&site, &reader, "/api/assets", 1).await?;
    assert_eq!(page["items"][0]["equipment_number"], "10004711");
    stick.bring_back(&mut site, "1.oqr")?;
    let heard = crate::courier::status(&mut site)?;
    assert_eq!(heard["state"], "registered", "{heard}");
    Ok(())
}
