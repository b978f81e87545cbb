//! What an appliance is believed and what it may take up: messages that are sent again, epochs without end, a
//! hub that holds as much of it as it may.

use serde_json::Value as Json;

use super::*;

const MINUTE_MS: i64 = 60_000;

/// A hello of a moment by the appliance's clock.
fn hello_at(plant: &Plant, now_ms: i64, backlog: u64) -> Vec<u8> {
    let hello = Hello {
        proto_min: 1,
        proto_max: 3,
        schema_max: 1,
        tenant: plant.tenant,
        appliance: plant.appliance,
        nonce: [9; 16],
        heads: vec![(plant.line, plant.head(plant.log.len()))],
        status: Status {
            version: "0.1.7".to_owned(),
            now_ms,
            backlog,
            ..Status::default()
        },
    };
    hello.sign(&plant.key()).encode()
}

async fn greet(hub: &Instance, hello: &[u8]) -> Result<()> {
    let said = post(hub, "/sync/v1/hello", hello.to_vec()).await?;
    anyhow::ensure!(said.status == StatusCode::OK, "{}", said.code());
    Ok(())
}

/// The only appliance, as the fleet shows it.
async fn shown(hub: &Instance, owner: &Person) -> Result<Json> {
    let fleet = hub.get(owner, "/api/admin/appliances").await?;
    Ok(fleet.body[0].clone())
}

/// A file with one batch, of the records from one to another, carried to the hub.
async fn carry(
    hub: &Instance,
    owner: &Person,
    plant: &Plant,
    (first, last): (u64, u64),
    batch: Vec<u8>,
) -> Result<()> {
    let manifest = Manifest {
        tenant: plant.tenant,
        appliance: plant.appliance,
        recipient: plant.hub_recipient.clone(),
        number: 1,
        created_ms: NOON.0,
        nonce: [3; 16],
        ranges: vec![(plant.line, first, last)],
        batches: Vec::new(),
    };
    let file = courier::write(manifest, &[batch], &plant.key());
    let file = seal_file(&plant.hub_recipient, &file)?;
    let read = hub.post_bytes(owner, "/api/admin/courier", file).await?;
    anyhow::ensure!(read.status == StatusCode::OK, "{read:?}");
    Ok(())
}

/// Changes rows of a tenant as the owner of the tables.
async fn change(rig: &Rig, tenant: &str, sql: &'static str) -> Result<()> {
    let owner = rig.pool_of_one("hub_owner", "owner-7").await?;
    let mut tx = owner.begin().await?;
    sqlx::query("SELECT set_config('app.tenant', $1, true)")
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    sqlx::query(sql).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_makes_nobody_look_alive() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, _, mut plant) = enrolled(&rig).await?;
    plant.write(7, "event");
    let first = hello_at(&plant, NOON.0, 6);
    greet(&hub, &first).await?;
    let batch = plant.batch(0, 6)?;
    post(&hub, "/sync/v1/batch", batch.clone()).await?;
    hub.clock.advance_ms(MINUTE_MS);
    let second = hello_at(&plant, NOON.0 + MINUTE_MS, 1);
    greet(&hub, &second).await?;
    // Twice, so that the session of who looks does not end.
    for _ in 0..2 {
        shown(&hub, &owner).await?;
        hub.clock.advance_ms(20 * MINUTE_MS);
    }
    // Somebody who listened says it all once more, by the line and as a file.
    for hello in [&first, &second] {
        greet(&hub, hello).await?;
    }
    let again = post(&hub, "/sync/v1/batch", batch.clone()).await?;
    assert_eq!(plant.receipt(&again)?, plant.head(6));
    carry(&hub, &owner, &plant, (1, 6), batch).await?;
    let row = shown(&hub, &owner).await?;
    assert_eq!(row["last_contact_at"], NOON.0 + MINUTE_MS, "{row}");
    assert_eq!(row["last_receipt_at"], NOON.0);
    assert_eq!(
        (&row["backlog"], &row["state"]),
        (&json!(1), &json!("silent"))
    );
    // What is new counts.
    let last = post(&hub, "/sync/v1/batch", plant.batch(3, 7)?).await?;
    assert_eq!(plant.receipt(&last)?, plant.head(7));
    let row = shown(&hub, &owner).await?;
    assert_eq!(row["last_receipt_at"], NOON.0 + 41 * MINUTE_MS);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_greets_with_nothing_to_send_is_in_step_and_gets_no_newer_receipt() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, _, mut plant) = enrolled(&rig).await?;
    plant.write(3, "event");
    post(&hub, "/sync/v1/batch", plant.batch(0, 3)?).await?;
    hub.clock.advance_ms(20 * MINUTE_MS);
    greet(&hub, &hello_at(&plant, NOON.0 + 20 * MINUTE_MS, 0)).await?;
    let row = shown(&hub, &owner).await?;
    assert_eq!(row["last_receipt_at"], NOON.0, "{row}");
    assert_eq!(row["last_contact_at"], NOON.0 + 20 * MINUTE_MS);
    assert_eq!(row["state"], "synced");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_files_is_shown_so_and_is_late_after_more_than_a_week() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    plant.write(8, "event");
    greet(&hub, &hello_at(&plant, NOON.0, 8)).await?;
    hub.clock.advance_ms(20 * MINUTE_MS);
    assert_eq!(shown(&hub, &owner).await?["state"], "silent");
    carry(&hub, &owner, &plant, (1, 6), plant.batch(0, 6)?).await?;
    let row = shown(&hub, &owner).await?;
    assert_eq!(row["state"], "courier", "{row}");
    assert_eq!(row["last_file_at"], NOON.0 + 20 * MINUTE_MS);
    assert_eq!(row["backlog"], json!(null), "what it said before the file");
    for (sql, state) in [
        (
            "UPDATE appliances SET last_file_at_ms = last_file_at_ms - 7 * 86400000,
             last_contact_at_ms = last_contact_at_ms - 7 * 86400000",
            "courier",
        ),
        (
            "UPDATE appliances SET last_file_at_ms = last_file_at_ms - 86400000,
             last_contact_at_ms = last_contact_at_ms - 86400000",
            "courier_late",
        ),
    ] {
        change(&rig, &tenant, sql).await?;
        assert_eq!(shown(&hub, &owner).await?["state"], state);
    }
    // A line again: what it says there counts.
    hub.clock.advance_ms(MINUTE_MS);
    greet(&hub, &hello_at(&plant, NOON.0 + 21 * MINUTE_MS, 2)).await?;
    let row = shown(&hub, &owner).await?;
    assert_eq!(
        (&row["state"], &row["backlog"]),
        (&json!("behind"), &json!(2))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_an_appliance_that_was_put_right_is_believed_again() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, _, plant) = enrolled(&rig).await?;
    let ahead = hello_at(&plant, NOON.0 + DAY_MS, 1);
    greet(&hub, &ahead).await?;
    hub.clock.advance_ms(20 * MINUTE_MS);
    let right = hello_at(&plant, NOON.0 + 20 * MINUTE_MS, 2);
    greet(&hub, &right).await?;
    assert_eq!(shown(&hub, &owner).await?["backlog"], 2);
    hub.clock.advance_ms(20 * MINUTE_MS);
    for old in [&ahead, &right] {
        greet(&hub, old).await?;
    }
    let row = shown(&hub, &owner).await?;
    assert_eq!(row["last_contact_at"], NOON.0 + 20 * MINUTE_MS, "{row}");
    assert_eq!(row["backlog"], 2);
    Ok(())
}

/// The bytes that are counted for the only appliance, less those that are there.
const MISCOUNTED: &str = "SELECT a.stored_bytes
    - (SELECT coalesce(sum(octet_length(rec) + 128), 0) FROM sync_log)
    - (SELECT coalesce(sum(octet_length(rec) + 128), 0) FROM raw_log) FROM appliances a";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_counted_and_less_is_counted_when_series_go() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    let evidence = plant.line;
    plant.write(5, "event");
    post(&hub, "/sync/v1/batch", plant.batch(0, 5)?).await?;
    post(&hub, "/sync/v1/batch", plant.batch(0, 5)?).await?;
    assert_eq!(rows(&rig, &tenant, MISCOUNTED).await?, 0);
    plant.log.clear();
    of_all_ages(&hub, &owner, &mut plant).await?;
    assert_eq!(rows(&rig, &tenant, MISCOUNTED).await?, 0);
    assert!(iq_hub::remove_old_series(&hub.hub).await? > 0);
    assert_eq!(rows(&rig, &tenant, MISCOUNTED).await?, 0);
    assert_eq!(evidence.epoch, plant.line.epoch);
    assert_eq!(
        rows(&rig, &tenant, "SELECT epochs::bigint FROM appliances").await?,
        1,
        "two logs of one epoch"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_holds_enough_of_an_appliance_takes_no_more_and_loses_nothing() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    plant.write(10, "event");
    let send = async |from, to| post(&hub, "/sync/v1/batch", plant.batch(from, to)?).await;
    assert_eq!(plant.receipt(&send(0, 4).await?)?, plant.head(4));
    change(
        &rig,
        &tenant,
        "UPDATE appliances SET stored_bytes = 500000000000",
    )
    .await?;
    let refused = send(4, 10).await?;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "sync.quota")
    );
    assert_eq!(refused.param("limit"), "bytes");
    assert_eq!(rows(&rig, &tenant, LOG).await?, 4);
    // Its log stands where it stood, and it is still heard.
    assert_eq!(plant.receipt(&send(0, 4).await?)?, plant.head(4));
    let welcome = plant.hello(&hub).await?;
    assert_eq!(welcome.acked, [(plant.line, plant.head(4))]);
    let row = shown(&hub, &owner).await?;
    assert_eq!(row["stored_bytes"], row["max_bytes"], "{row}");
    assert_eq!(
        (&row["epochs"], &row["max_epochs"]),
        (&json!(1), &json!(1_000))
    );
    change(&rig, &tenant, "UPDATE appliances SET stored_bytes = 0").await?;
    assert_eq!(plant.receipt(&send(4, 10).await?)?, plant.head(10));
    assert_eq!(rows(&rig, &tenant, LOG).await?, 10);
    Ok(())
}

const CURSORS: &str = "SELECT count(*) FROM sync_cursors";

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_too_many_is_refused_and_those_that_are_there_go_on() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, _, tenant, mut plant) = enrolled(&rig).await?;
    plant.write(6, "event");
    let first = post(&hub, "/sync/v1/batch", plant.batch(0, 3)?).await?;
    assert_eq!(plant.receipt(&first)?, plant.head(3));
    change(
        &rig,
        &tenant,
        "INSERT INTO sync_cursors (tenant_id, appliance_id, epoch, stream, updated_at_ms)
         SELECT tenant_id, appliance_id, decode(lpad(to_hex(n), 32, '0'), 'hex'), 1, 0
         FROM appliances, generate_series(1000, 1998) AS n",
    )
    .await?;
    assert_eq!(rows(&rig, &tenant, CURSORS).await?, 1_000);
    let mut other = plant.clone();
    other.line.epoch = [7; 16];
    other.log.clear();
    other.write(4, "event");
    // Whole, or from the middle on.
    for (from, to) in [(0, 4), (2, 4)] {
        let said = post(&hub, "/sync/v1/batch", other.batch(from, to)?).await?;
        assert_eq!(said.code(), "sync.quota");
        assert_eq!(said.param("limit"), "epochs");
    }
    assert_eq!(rows(&rig, &tenant, CURSORS).await?, 1_000);
    let more = post(&hub, "/sync/v1/batch", plant.batch(3, 6)?).await?;
    assert_eq!(plant.receipt(&more)?, plant.head(6));
    // Another log of an epoch that is there is none too many.
    let mut audit = plant.clone();
    audit.line.stream = 2;
    audit.log.clear();
    audit.write(2, "audit");
    let said = post(&hub, "/sync/v1/batch", audit.batch(0, 2)?).await?;
    assert_eq!(audit.receipt(&said)?, audit.head(2));
    change(
        &rig,
        &tenant,
        "DELETE FROM sync_cursors WHERE acked_seq = 0",
    )
    .await?;
    let said = post(&hub, "/sync/v1/batch", other.batch(0, 4)?).await?;
    assert_eq!(other.receipt(&said)?, other.head(4));
    Ok(())
}
