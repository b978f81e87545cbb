//! An appliance and a hub that run together: real processes, a real Postgres, a line that loses,
//! doubles, delays and cuts, and power cuts on both sides. The hub's log is the appliance's, byte for
//! byte, whatever happens between them.
#![cfg(unix)]

mod child;
mod courier;
mod fail_points;
mod figures;
#[allow(dead_code, reason = "the hub's own tests use the rest")]
#[path = "../../../core/iq-hub/tests/hub/rig.rs"]
mod hub_rig;
mod series;
mod site;

use std::time::Duration;

use anyhow::{Context, Result};
use axum::http::StatusCode;
use iq_tests::Fault;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use site::{Site, copy, tell, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn enrols_by_a_code_sends_what_is_chosen_and_takes_people_from_above() -> Result<()> {
    let mut site = Site::new().await?;
    site.write(200)?;
    site.is_so("greeted", |status| status["state"] == json!("registered"))?;
    while site.count("SELECT count(*) FROM appliances WHERE version IS NOT NULL")? == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(site.count("SELECT count(*) FROM sync_log")?, 0, "level 1");
    site.is_so("answered", |status| status["greeted"] == json!(true))?;
    let greeted = site.tell(json!({"do": "status"}))?;
    assert_eq!(greeted["last_receipt_at"], json!(null), "{greeted}");
    site.let_out()?;
    site.is_drained()?;
    let drained = site.tell(json!({"do": "status"}))?;
    assert!(drained["last_receipt_at"].is_i64(), "{drained}");
    let place = (site.hub_tenant.as_str(), "jubail");
    site.admin.user(&site.owner, place, "engineer").await?;
    let mut names = json!([]);
    site.tell(json!({"do": "try"}))?;
    for _ in 0..1_200 {
        names = site.tell(json!({"do": "users"}))?["users"].clone();
        if names == json!(["engineer-jubail"]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(names, json!(["engineer-jubail"]));
    let named = site.tell(json!({"do": "status"}))?;
    assert_eq!(named["hub_names"], json!(["jubail", "جهة"]), "{named}");
    site.is_the_same_log().await?;
    Ok(())
}

/// One of the faults, whichever the dice say.
fn some_fault(dice: &mut StdRng) -> Fault {
    match dice.random_range(0..8) {
        0 => Fault::LoseRequest,
        1 => Fault::CutRequest,
        2 => Fault::LoseAnswer,
        3 => Fault::CutAnswer,
        4 => Fault::Twice,
        5 => Fault::OldFirst,
        6 => Fault::Slow(Duration::from_millis(dice.random_range(1..400))),
        _ => Fault::None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_over_a_line_that_loses_doubles_delays_and_cuts() -> Result<()> {
    let mut site = Site::new().await?;
    let mut dice = StdRng::seed_from_u64(6);
    site.line.will([
        Fault::LoseAnswer,
        Fault::Twice,
        Fault::CutRequest,
        Fault::None,
        Fault::OldFirst,
        Fault::CutAnswer,
        Fault::LoseRequest,
    ]);
    site.line.will((0..25).map(|_| some_fault(&mut dice)));
    site.let_out()?;
    site.write(3_000)?;
    // The cable is out while work goes on; nothing is written after it is back.
    site.cable.pull();
    site.write(1_000)?;
    site.is_so("cut off", |status| status["next_try"] == json!(true))?;
    site.cable.plug();
    site.is_drained()?;
    // What is left of the faults meets single records.
    while site.line.to_come() > 0 {
        site.write(1)?;
        site.is_drained()?;
    }
    let log = site.is_the_same_log().await?;
    assert!(log.len() > 4_000);
    assert_eq!(site.count("SELECT count(*) FROM sync_alerts")?, 0);
    let twice = "SELECT count(*) - count(DISTINCT rec) FROM sync_log";
    assert_eq!(site.count(twice)?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_either_side_or_the_database_is_killed() -> Result<()> {
    let mut site = Site::new().await?;
    let mut dice = StdRng::seed_from_u64(60);
    site.let_out()?;
    for round in 0..12 {
        // It writes until it is killed: what it had said it kept must be there.
        site.tell(json!({"do": "write_on"}))?;
        std::thread::sleep(Duration::from_millis(dice.random_range(0..700)));
        if round % 3 != 1 {
            site.appliance.take().context("no appliance")?.kill()?;
        }
        if round % 3 != 0 {
            site.hub.take().context("no hub")?.kill()?;
        }
        if round % 4 == 3 {
            site.postgres.restart()?;
        }
        if site.hub.is_none() {
            site.start_hub()?;
        }
        if site.appliance.is_none() {
            site.start_appliance()?;
        } else {
            // Its writer goes on; another start ends it.
            site.stop_appliance()?;
            site.start_appliance()?;
        }
    }
    site.is_drained()?;
    let log = site.is_the_same_log().await?;
    assert!(log.len() > 100, "{}", log.len());
    assert_eq!(site.count("SELECT count(*) FROM sync_alerts")?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_is_a_fork_and_both_histories_stay() -> Result<()> {
    let mut site = Site::new().await?;
    let backup = tempfile::tempdir()?;
    site.let_out()?;
    site.write(100)?;
    site.is_drained()?;
    site.stop_appliance()?;
    copy(&site.folder(), backup.path())?;
    site.start_appliance()?;
    site.write(60)?;
    site.is_drained()?;
    site.stop_appliance()?;
    let before = site.held().await?;
    std::fs::remove_dir_all(site.folder())?;
    copy(backup.path(), &site.folder())?;
    // What was written after the backup is gone here, and only here.
    site.start_appliance()?;
    site.is_so("a fork", |status| status["state"] == json!("fork"))?;
    site.write(40)?;
    site.is_so("sent", |status| status["backlog"] == json!(0))?;
    site.tell(json!({"do": "fork_seen"}))?;
    site.is_drained()?;
    let after = site.held().await?;
    assert!(
        before
            .iter()
            .all(|(place, record)| after.get(place) == Some(record))
    );
    site.is_kept_once(&after)?;
    let alerts = "SELECT count(*) FROM sync_alerts WHERE kind = 'restored'";
    assert!(site.count(alerts)? >= 1);
    let fleet = site.admin.get(&site.owner, "/api/admin/appliances").await?;
    assert_eq!(fleet.body[0]["state"], "fork", "{fleet:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloned_machine_is_told_from_its_original() -> Result<()> {
    let mut site = Site::new().await?;
    let disk = tempfile::tempdir()?;
    site.let_out()?;
    site.write(50)?;
    site.is_drained()?;
    site.stop_appliance()?;
    copy(&site.folder(), disk.path())?;
    site.start_appliance()?;
    let mut clone = site.appliance_on(disk.path())?;
    let tenant = site.tenant.clone();
    site.write(30)?;
    site.is_drained()?;
    let before = site.held().await?;
    tell(&mut clone, &tenant, json!({"do": "write", "count": 1}))?;
    wait_for(&mut clone, &tenant, "a fork", |status| {
        status["state"] == json!("fork")
    })?;
    assert!(site.count("SELECT count(*) FROM sync_alerts")? >= 1);
    let after = site.held().await?;
    assert!(
        before
            .iter()
            .all(|(place, record)| after.get(place) == Some(record))
    );
    // The original goes on as if nothing had been.
    site.write(20)?;
    site.is_drained()?;
    clone.stop()?;
    let ours = {
        site.stop_appliance()?;
        site.log_of(&site.folder())?
    };
    let held = site.held().await?;
    assert!(
        ours.iter()
            .all(|(place, record)| held.get(place) == Some(record))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_is_revoked_and_opens_nothing() -> Result<()> {
    let mut site = Site::new().await?;
    site.let_out()?;
    site.write(30)?;
    site.is_drained()?;
    let fleet = site.admin.get(&site.owner, "/api/admin/appliances").await?;
    let id = hub_rig::text(&fleet.body[0]["id"])?;
    let path = format!("/api/admin/appliances/{}/{id}/revoke", site.hub_tenant);
    let revoked = site.admin.post(&site.owner, &path, json!({})).await?;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let before = site.held().await?;
    site.write(30)?;
    site.is_so("refused", |status| status["code"] == json!("sync.revoked"))?;
    assert_eq!(site.held().await?, before);
    Ok(())
}
