//! Every named fail point on the way: a process is killed exactly there, started again, and the hub's
//! log is the appliance's, with nothing lost and nothing doubled. A point without a run is a failure.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use iq_config::FailPoint;
use serde_json::{Value, json};

use crate::{
    child::{Child, hub_command},
    courier::{by_files, status},
    series::Plant,
    site::{Site, copy, tell, wait_for},
};

/// The passes that end a process, one round each.
const PASSES: [u32; 3] = [1, 2, 4];

macro_rules! runs {
    ($($test:ident: $point:ident => $run:ident;)+) => {
        /// The points that are run below.
        const RUN: &[FailPoint] = &[$(FailPoint::$point,)+];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() -> Result<()> {
                assert_eq!(stringify!($test), FailPoint::$point.as_str());
                $run(FailPoint::$point).await
            }
        )+
    };
}

runs! {
    enrolment_answered: EnrolmentAnswered => the_appliance_dies_as_it_enrols;
    greeted: Greeted => the_appliance_dies_as_it_sends;
    batch_built: BatchBuilt => the_appliance_dies_as_it_sends;
    receipt_heard: ReceiptHeard => the_appliance_dies_as_it_sends;
    cursor_moved: CursorMoved => the_appliance_dies_as_it_sends;
    receipt_kept: ReceiptKept => the_appliance_dies_as_it_sends;
    epoch_begun: EpochBegun => the_appliance_dies_as_it_finds_a_fork;
    changes_heard: ChangesHeard => the_appliance_dies_as_people_come_down;
    changes_applied: ChangesApplied => the_appliance_dies_as_people_come_down;
    changes_kept: ChangesKept => the_appliance_dies_as_people_come_down;
    bundle_filled: BundleFilled => the_appliance_dies_as_it_writes_a_file;
    bundle_noted: BundleNoted => the_appliance_dies_as_it_writes_a_file;
    receipts_read: ReceiptsRead => the_appliance_dies_as_it_reads_receipts;
    pieces_laid_out: PiecesLaidOut => the_appliance_dies_as_series_leave;
    pieces_built: PiecesBuilt => the_appliance_dies_as_series_leave;
    pieces_heard: PiecesHeard => the_appliance_dies_as_series_leave;
    pieces_moved: PiecesMoved => the_appliance_dies_as_series_leave;
    enrolment_stored: EnrolmentStored => the_hub_dies_as_it_enrols;
    batch_verified: BatchVerified => the_hub_dies_as_it_receives;
    batch_stored: BatchStored => the_hub_dies_as_it_receives;
    batch_committed: BatchCommitted => the_hub_dies_as_it_receives;
    pieces_stored: PiecesStored => the_hub_dies_as_series_arrive;
    pieces_committed: PiecesCommitted => the_hub_dies_as_series_arrive;
    fork_noted: ForkNoted => the_hub_dies_as_it_finds_a_clone;
    records_projected: RecordsProjected => the_hub_dies_as_it_receives;
    projection_committed: ProjectionCommitted => the_hub_dies_as_it_receives;
    bundle_stored: BundleStored => the_hub_dies_as_it_reads_a_file;
}

#[test]
fn every_point_has_a_run() {
    for point in FailPoint::ALL {
        let runs = RUN.iter().filter(|run| *run == point).count();
        assert_eq!(runs, 1, "{} has {runs} runs", point.as_str());
    }
}

/// Nothing is left to send, everything is projected, and the two logs are one.
async fn is_whole(site: &mut Site) -> Result<()> {
    site.is_drained()?;
    site.is_projected()?;
    assert_eq!(site.count("SELECT count(*) FROM sync_alerts")?, 0);
    assert_eq!(site.count("SELECT count(*) FROM quarantine")?, 0);
    let twice = "SELECT count(*) - count(DISTINCT rec) FROM sync_log";
    assert_eq!(site.count(twice)?, 0);
    let log = site.is_the_same_log().await?;
    ensure!(!log.is_empty(), "nothing was sent");
    Ok(())
}

/// Something to send and a hello, again and again, until the appliance is gone.
fn work_until_it_dies(site: &mut Site) -> Result<()> {
    let tenant = site.tenant.clone();
    let mut child = site.appliance.take().context("no appliance")?;
    while child.is_alive()? {
        // It may die on the way to an answer.
        drop(tell(
            &mut child,
            &tenant,
            json!({"do": "write", "count": 25}),
        ));
        drop(tell(&mut child, &tenant, json!({"do": "try"})));
    }
    child.died_at_its_point()
}

async fn the_appliance_dies_as_it_sends(point: FailPoint) -> Result<()> {
    let mut site = Site::new().await?;
    site.let_out()?;
    for pass in PASSES {
        site.stop_appliance()?;
        site.start_appliance_until((point, pass))?;
        work_until_it_dies(&mut site)?;
        site.start_appliance()?;
    }
    is_whole(&mut site).await
}

async fn the_appliance_dies_as_series_leave(point: FailPoint) -> Result<()> {
    let mut plant = Plant::new().await?;
    for pass in [1, 2] {
        plant.site.stop_appliance()?;
        plant.site.start_appliance_until((point, pass))?;
        let tenant = plant.site.tenant.clone();
        let mut child = plant.site.appliance.take().context("no appliance")?;
        while child.is_alive()? {
            // It may die on the way to an answer.
            drop(plant.more_from(&mut child));
            drop(tell(&mut child, &tenant, json!({"do": "try"})));
        }
        child.died_at_its_point()?;
        plant.site.start_appliance()?;
    }
    plant.is_whole()
}

async fn the_hub_dies_as_series_arrive(point: FailPoint) -> Result<()> {
    let mut plant = Plant::new().await?;
    for pass in [1, 2] {
        plant.site.hub.take().context("no hub")?.kill()?;
        plant.site.start_hub_until((point, pass))?;
        let mut hub = plant.site.hub.take().context("no hub")?;
        while hub.is_alive()? {
            plant.more()?;
            plant.site.tell(json!({"do": "try"}))?;
        }
        hub.died_at_its_point()?;
        plant.site.start_hub()?;
    }
    plant.is_whole()
}

async fn the_hub_dies_as_it_receives(point: FailPoint) -> Result<()> {
    let mut site = Site::new().await?;
    site.let_out()?;
    for pass in PASSES {
        site.hub.take().context("no hub")?.kill()?;
        site.start_hub_until((point, pass))?;
        let mut hub = site.hub.take().context("no hub")?;
        while hub.is_alive()? {
            site.write(25)?;
            site.tell(json!({"do": "try"}))?;
        }
        hub.died_at_its_point()?;
        // Work goes on without it.
        site.write(25)?;
        site.start_hub()?;
    }
    is_whole(&mut site).await
}

/// Once enrolled after all, it is one appliance that sends as if nothing had been.
async fn is_enrolled_once(site: &mut Site) -> Result<()> {
    site.enrol().await?;
    assert_eq!(site.count("SELECT count(*) FROM appliances")?, 1);
    site.let_out()?;
    site.write(50)?;
    is_whole(site).await
}

async fn the_appliance_dies_as_it_enrols(point: FailPoint) -> Result<()> {
    let mut site = Site::not_enrolled().await?;
    site.stop_appliance()?;
    site.start_appliance_until((point, 1))?;
    site.enrol().await.expect_err("it was to die");
    let child = site.appliance.take().context("no appliance")?;
    child.died_at_its_point()?;
    site.start_appliance()?;
    is_enrolled_once(&mut site).await
}

async fn the_hub_dies_as_it_enrols(point: FailPoint) -> Result<()> {
    let mut site = Site::not_enrolled().await?;
    site.hub.take().context("no hub")?.kill()?;
    site.start_hub_until((point, 1))?;
    site.enrol().await.expect_err("nobody was to answer");
    let hub = site.hub.take().context("no hub")?;
    hub.died_at_its_point()?;
    site.start_hub()?;
    is_enrolled_once(&mut site).await
}

async fn the_appliance_dies_as_people_come_down(point: FailPoint) -> Result<()> {
    let mut site = Site::new().await?;
    site.let_out()?;
    let mut expected = Vec::new();
    for role in ["viewer", "engineer", "tenant_admin"] {
        site.stop_appliance()?;
        let tenant = site.hub_tenant.clone();
        let place = (tenant.as_str(), "jubail");
        site.admin.user(&site.owner, place, role).await?;
        expected.push(format!("{role}-jubail"));
        expected.sort();
        site.start_appliance_until((point, 1))?;
        work_until_it_dies(&mut site)?;
        site.start_appliance()?;
        site.has_users(&json!(expected))?;
        site.write(10)?;
    }
    is_whole(&mut site).await
}

/// A restored backup meets what the hub already holds; the epoch that ends this is begun once.
async fn the_appliance_dies_as_it_finds_a_fork(point: FailPoint) -> Result<()> {
    let mut site = Site::new().await?;
    let backup = tempfile::tempdir()?;
    site.let_out()?;
    site.write(50)?;
    site.is_drained()?;
    site.stop_appliance()?;
    copy(&site.folder(), backup.path())?;
    site.start_appliance()?;
    site.write(30)?;
    site.is_drained()?;
    site.stop_appliance()?;
    let before = site.held().await?;
    std::fs::remove_dir_all(site.folder())?;
    copy(backup.path(), &site.folder())?;
    site.start_appliance_until((point, 1))?;
    work_until_it_dies(&mut site)?;
    site.start_appliance()?;
    site.is_so("a fork", |status| status["state"] == json!("fork"))?;
    site.write(20)?;
    site.tell(json!({"do": "fork_seen"}))?;
    site.is_drained()?;
    site.is_projected()?;
    let after = site.held().await?;
    let is_kept = |(place, record)| after.get(place) == Some(record);
    assert!(before.iter().all(is_kept));
    site.is_kept_once(&after)?;
    let epochs = "SELECT count(DISTINCT epoch) FROM sync_log";
    assert_eq!(site.count(epochs)?, 2);
    Ok(())
}

/// What two clones said of the same place is noted in the end, whoever was killed when it was noticed.
async fn the_hub_dies_as_it_finds_a_clone(point: FailPoint) -> Result<()> {
    let mut site = Site::new().await?;
    let disk = tempfile::tempdir()?;
    site.let_out()?;
    site.write(50)?;
    site.is_drained()?;
    site.stop_appliance()?;
    copy(&site.folder(), disk.path())?;
    site.hub.take().context("no hub")?.kill()?;
    site.start_hub_until((point, 1))?;
    site.start_appliance()?;
    let mut clone = site.appliance_on(disk.path())?;
    let tenant = site.tenant.clone();
    wait_for(&mut clone, &tenant, "greeted", |status| {
        status["greeted"] == json!(true)
    })?;
    site.write(5)?;
    site.is_drained()?;
    // The hub stood where the clone stands when it last spoke to it.
    tell(&mut clone, &tenant, json!({"do": "write", "count": 1}))?;
    site.hub.take().context("no hub")?.died_at_its_point()?;
    assert_eq!(site.count("SELECT count(*) FROM sync_alerts")?, 0);
    site.start_hub()?;
    tell(&mut clone, &tenant, json!({"do": "try"}))?;
    wait_for(&mut clone, &tenant, "a fork", |status| {
        status["state"] == json!("fork")
    })?;
    // It goes on under a name of its own, which says where it comes from.
    tell(&mut clone, &tenant, json!({"do": "write", "count": 1}))?;
    site.has_alert()?;
    clone.stop()?;
    site.write(5)?;
    site.tell(json!({"do": "try"}))?;
    site.is_drained()?;
    site.is_projected()?;
    site.stop_appliance()?;
    let (ours, held) = (site.log_of(&site.folder())?, site.held().await?);
    let is_held = |(place, record)| held.get(place) == Some(record);
    assert!(ours.iter().all(is_held));
    Ok(())
}

async fn the_appliance_dies_as_it_writes_a_file(point: FailPoint) -> Result<()> {
    let (mut site, stick) = by_files("courier").await?;
    for round in 0..PASSES.len() {
        site.write(30)?;
        site.stop_appliance()?;
        site.start_appliance_until((point, 1))?;
        stick
            .write(&mut site, "lost", json!({}))
            .expect_err("it was to die");
        let child = site.appliance.take().context("no appliance")?;
        child.died_at_its_point()?;
        assert!(!stick.path("lost").exists());
        site.start_appliance()?;
        let name = round.to_string();
        let file = stick.write(&mut site, &name, json!({}))?;
        let report = stick.deliver(&site, &name).await?;
        assert_eq!(
            (&report["stored"], &report["gaps"]),
            (&file["records"], &json!([]))
        );
        stick.bring_back(&mut site, &format!("{name}.oqr"))?;
    }
    is_whole(&mut site).await
}

async fn the_appliance_dies_as_it_reads_receipts(point: FailPoint) -> Result<()> {
    let (mut site, stick) = by_files("courier").await?;
    for round in 0..PASSES.len() {
        site.write(30)?;
        let name = round.to_string();
        stick.write(&mut site, &name, json!({}))?;
        stick.deliver(&site, &name).await?;
        let before = status(&mut site)?["confirmed"].clone();
        site.stop_appliance()?;
        site.start_appliance_until((point, 1))?;
        let receipts = format!("{name}.oqr");
        stick
            .bring_back(&mut site, &receipts)
            .expect_err("it was to die");
        let child = site.appliance.take().context("no appliance")?;
        child.died_at_its_point()?;
        site.start_appliance()?;
        assert_eq!(status(&mut site)?["confirmed"], before);
        stick.bring_back(&mut site, &receipts)?;
    }
    is_whole(&mut site).await
}

async fn the_hub_dies_as_it_reads_a_file(point: FailPoint) -> Result<()> {
    let (mut site, stick) = by_files("courier").await?;
    for round in 0..PASSES.len() {
        site.write(30)?;
        let name = round.to_string();
        stick.write(&mut site, &name, json!({}))?;
        let (file, receipts) = (stick.path(&name), stick.path(&format!("{name}.oqr")));
        let killed = import(&site, Some(point), &file, &receipts)?;
        killed.died_at_its_point()?;
        assert!(!receipts.exists());
        import(&site, None, &file, &receipts)?.ended_well()?;
        site.is_projected()?;
        stick.bring_back(&mut site, &format!("{name}.oqr"))?;
    }
    is_whole(&mut site).await
}

/// The hub's command that reads a courier file, in a process of its own.
fn import(site: &Site, point: Option<FailPoint>, file: &Path, receipts: &Path) -> Result<Child> {
    let arguments: Value = json!(["bundle", "import", file, "--receipts", receipts]);
    hub_command(&site.hub_environment(point.map(|p| (p, 1))), &arguments)
}
