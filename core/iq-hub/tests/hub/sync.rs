//! Appliances against the hub: enrolment, batches that come twice, late, from a copied machine; two
//! instances at once; what leaves no trace elsewhere.

mod limits;

use std::time::Duration;

use anyhow::{Context, Result};
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode},
};
use iq_chunk::block::Block;
use iq_evidence::{LogId, Origin, Record, cbor::Value};
use iq_secrets::{FileKey, seal_file};
use iq_sync_proto::{
    Head, Line, PublicKey, Signed, SigningKey,
    batch::{Run, pack},
    changes::{self, Changes},
    courier::{self, Manifest},
    enrol::{self, Code},
    gap_code::Gap,
    hello::{self, Hello, Status, Welcome},
    leaf_hash,
    raw::{self, Piece},
    receipt::Receipt,
};
use serde_json::json;
use tower::ServiceExt;

use crate::rig::{Instance, NOON, Person, Rig, text};

/// An appliance with its log.
#[derive(Clone)]
struct Plant {
    seed: [u8; 32],
    tenant: [u8; 16],
    appliance: [u8; 16],
    line: Line,
    log: Vec<Vec<u8>>,
    hub: Option<PublicKey>,
    hub_recipient: String,
}

/// What the hub answered: the status, and the bytes or the code of the error.
struct Said {
    status: StatusCode,
    bytes: Vec<u8>,
}

impl Said {
    fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    fn param(&self, key: &str) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        body["params"][key].as_str().unwrap_or_default().to_owned()
    }
}

async fn send(hub: &Instance, request: Request<Body>) -> Result<Said> {
    let response = iq_hub::router(hub.hub.clone()).oneshot(request).await?;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 22).await?.to_vec();
    Ok(Said { status, bytes })
}

async fn post(hub: &Instance, path: &str, body: Vec<u8>) -> Result<Said> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("host", "127.0.0.1:8091")
        .header("content-type", "application/cbor")
        .body(Body::from(body))?;
    send(hub, request).await
}

impl Plant {
    fn new(number: u8) -> Self {
        Self {
            seed: [number; 32],
            tenant: [number; 16],
            appliance: [number ^ 0x40; 16],
            line: Line {
                epoch: [number; 16],
                stream: 1,
            },
            log: Vec::new(),
            hub: None,
            hub_recipient: String::new(),
        }
    }

    fn file_key(&self) -> FileKey {
        FileKey::from_bytes(&self.seed)
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_seed(&self.seed)
    }

    fn head(&self, seq: usize) -> Head {
        match seq.checked_sub(1).and_then(|n| self.log.get(n)) {
            None => Head::EMPTY,
            Some(record) => Head {
                seq: seq as u64,
                hash: leaf_hash(record),
            },
        }
    }

    /// Writes records that name the ones before them.
    fn write(&mut self, count: usize, kind: &str) {
        for _ in 0..count {
            self.append(kind, Vec::new());
        }
    }

    /// Writes what is told of a thing at the third level.
    fn tell(&mut self, kind: &str, key: &str, said: &str) {
        self.append(kind, vec![(1, Value::Text(key)), (2, Value::Text(said))]);
    }

    fn append(&mut self, kind: &str, body: Vec<(i64, Value<'_>)>) {
        let head = self.head(self.log.len());
        let record = Record {
            log: LogId {
                tenant: self.tenant,
                appliance: self.appliance,
                epoch: self.line.epoch,
                stream: self.line.stream,
            },
            seq: head.seq + 1,
            prev_leaf: head.hash,
            kind,
            schema_version: 1,
            event_ms: NOON.0 + i64::try_from(head.seq).unwrap_or(0),
            received_ms: NOON.0,
            boot: [1; 16],
            mono_us: 0,
            source: "DCS-1",
            quality: 0,
            actor: None,
            origin: Origin::Live,
            body,
        };
        self.log.push(record.encode());
    }

    /// A batch of the records after `after` up to `upto`.
    fn batch(&self, after: usize, upto: usize) -> Result<Vec<u8>> {
        let run = Run {
            tenant: self.tenant,
            appliance: self.appliance,
            line: self.line,
            after: self.head(after),
            records: &self.log[after..upto],
        };
        let packed = pack(run, &self.key()).map_err(|e| anyhow::anyhow!("{e:?}"))?;
        Ok(packed.context("nothing to pack")?.bytes)
    }

    fn enrolment(&self, code: &str) -> Result<Vec<u8>> {
        let request = enrol::Request {
            code: Code::parse(code).context("no code")?,
            tenant: self.tenant,
            appliance: self.appliance,
            key: self.key().public().to_bytes(),
            recipient: self.file_key().recipient(),
            name: "Train 1".to_owned(),
            version: "0.1.0".to_owned(),
        };
        Ok(request.sign(&self.key()).encode())
    }

    async fn enrol(&mut self, hub: &Instance, owner: &Person, tenant: &str) -> Result<String> {
        let code = new_code(hub, owner, tenant).await?;
        let said = post(hub, "/sync/v1/enrol", self.enrolment(&code)?).await?;
        anyhow::ensure!(said.status == StatusCode::OK, "{}", said.code());
        let signed = Signed::decode(&said.bytes)?;
        let answer = enrol::Answer::open(&signed, &self.appliance)?;
        assert!(answer.hub_recipient.starts_with("age1"));
        self.hub_recipient = answer.hub_recipient;
        self.hub = PublicKey::from_bytes(&answer.hub_key);
        Ok(code)
    }

    /// Where the hub's word puts the log.
    fn receipt(&self, said: &Said) -> Result<Head> {
        anyhow::ensure!(
            said.status == StatusCode::OK,
            "{} {}",
            said.status,
            said.code()
        );
        let signed = Signed::decode(&said.bytes)?;
        let hub = self.hub.context("not enrolled")?;
        let receipt = Receipt::open(&signed, hub, &self.tenant, &self.appliance);
        let marks = receipt.context("the receipt is not the hub's")?.marks;
        assert_eq!(marks[0].0, self.line);
        Ok(marks[0].1)
    }

    async fn hello(&self, hub: &Instance) -> Result<Welcome> {
        let hello = Hello {
            proto_min: 1,
            proto_max: 3,
            schema_max: 1,
            tenant: self.tenant,
            appliance: self.appliance,
            nonce: [9; 16],
            heads: vec![(self.line, self.head(self.log.len()))],
            status: Status {
                version: "0.1.7".to_owned(),
                now_ms: NOON.0 + 1_500,
                backlog: 12,
                sources_well: 3,
                ..Status::default()
            },
        };
        let said = post(hub, "/sync/v1/hello", hello.sign(&self.key()).encode()).await?;
        anyhow::ensure!(said.status == StatusCode::OK, "{}", said.code());
        let signed = Signed::decode(&said.bytes)?;
        Ok(Welcome::open(
            &signed,
            self.hub.context("not enrolled")?,
            &hello,
        )?)
    }
}

async fn new_code(hub: &Instance, owner: &Person, tenant: &str) -> Result<String> {
    let body = json!({"tenant_id": tenant, "name": "Train 1"});
    let reply = hub.post(owner, "/api/admin/appliances/codes", body).await?;
    text(&reply.body["code"])
}

/// A hub with a tenant and an enrolled plant.
async fn enrolled(rig: &Rig) -> Result<(Instance, Person, String, Plant)> {
    let hub = rig.instance(4).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    let mut plant = Plant::new(1);
    plant.enrol(&hub, &owner, &tenant).await?;
    Ok((hub, owner, tenant, plant))
}

/// Rows of a table, as the owner of the tables bound to a tenant sees them.
async fn rows(rig: &Rig, tenant: &str, count: &'static str) -> Result<i64> {
    let owner = rig.pool_of_one("hub_owner", "owner-7").await?;
    let mut tx = owner.begin().await?;
    sqlx::query("SELECT set_config('app.tenant', $1, true)")
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    Ok(sqlx::query_scalar(count).fetch_one(&mut *tx).await?)
}

const LOG: &str = "SELECT count(*) FROM sync_log";

#[tokio::test(flavor = "multi_thread")]
async fn a_code_enrols_one_appliance_once_and_not_for_long() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, plant) = enrolled(&rig).await?;
    let used = new_code(&hub, &owner, &tenant).await?;
    let mut second = Plant::new(2);
    let said = post(&hub, "/sync/v1/enrol", second.enrolment(&used)?).await?;
    assert_eq!(said.status, StatusCode::OK);
    let said = post(&hub, "/sync/v1/enrol", Plant::new(3).enrolment(&used)?).await?;
    assert_eq!(
        (said.status, said.code().as_str()),
        (StatusCode::FORBIDDEN, "sync.code")
    );
    let late = new_code(&hub, &owner, &tenant).await?;
    hub.clock.advance_ms(15 * 60_000);
    let said = post(&hub, "/sync/v1/enrol", Plant::new(3).enrolment(&late)?).await?;
    assert_eq!(said.code(), "sync.code");
    // The answer was lost: the same key again. Another key, or another tenant: no.
    let again = new_code(&hub, &owner, &tenant).await?;
    assert_eq!(
        post(&hub, "/sync/v1/enrol", plant.enrolment(&again)?)
            .await?
            .status,
        StatusCode::OK
    );
    let other = hub.tenant(&owner, "yanbu").await?;
    let elsewhere = new_code(&hub, &owner, &other).await?;
    let said = post(&hub, "/sync/v1/enrol", plant.enrolment(&elsewhere)?).await?;
    assert_eq!(said.code(), "sync.already_enrolled");
    second.seed = [77; 32];
    let stolen = new_code(&hub, &owner, &tenant).await?;
    let said = post(&hub, "/sync/v1/enrol", second.enrolment(&stolen)?).await?;
    assert_eq!(said.code(), "sync.already_enrolled");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_appliances_with_one_code_at_two_instances_are_one() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, _) = enrolled(&rig).await?;
    let other = rig.instance(4).await?;
    let code = new_code(&hub, &owner, &tenant).await?;
    let (a, b) = (
        Plant::new(4).enrolment(&code)?,
        Plant::new(5).enrolment(&code)?,
    );
    let (a, b) = tokio::join!(
        post(&hub, "/sync/v1/enrol", a),
        post(&other, "/sync/v1/enrol", b)
    );
    let mut statuses = [a?.status.as_u16(), b?.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_there_once_however_its_batch_comes() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, _, tenant, mut plant) = enrolled(&rig).await?;
    plant.write(30, "event");
    let send = async |from, to| post(&hub, "/sync/v1/batch", plant.batch(from, to)?).await;
    assert_eq!(plant.receipt(&send(0, 10).await?)?, plant.head(10));
    assert_eq!(plant.receipt(&send(0, 10).await?)?, plant.head(10), "again");
    assert_eq!(
        plant.receipt(&send(3, 7).await?)?,
        plant.head(10),
        "an old part"
    );
    let gap = send(20, 30).await?;
    assert_eq!(
        (gap.status, gap.code().as_str()),
        (StatusCode::CONFLICT, "sync.gap")
    );
    assert_eq!(gap.param("expected"), "11");
    assert_eq!(
        plant.receipt(&send(5, 20).await?)?,
        plant.head(20),
        "an overlap"
    );
    assert_eq!(plant.receipt(&send(20, 30).await?)?, plant.head(30));
    assert_eq!(rows(&rig, &tenant, LOG).await?, 30);
    let welcome = plant.hello(&hub).await?;
    assert_eq!(welcome.acked, [(plant.line, plant.head(30))]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_take_the_same_batches_at_once() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, _, tenant, mut plant) = enrolled(&rig).await?;
    let other = rig.instance(4).await?;
    plant.write(400, "event");
    for at in (0..400).step_by(40) {
        let batch = plant.batch(at, at + 40)?;
        let (a, b) = tokio::join!(
            post(&hub, "/sync/v1/batch", batch.clone()),
            post(&other, "/sync/v1/batch", batch),
        );
        assert_eq!(plant.receipt(&a?)?, plant.head(at + 40));
        assert_eq!(plant.receipt(&b?)?, plant.head(at + 40));
    }
    assert_eq!(rows(&rig, &tenant, LOG).await?, 400);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_machine_is_a_fork_that_changes_nothing_and_is_told() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    plant.write(10, "event");
    let mut copy = plant.clone();
    plant.write(5, "event");
    copy.write(6, "alarm");
    post(&hub, "/sync/v1/batch", plant.batch(0, 15)?).await?;
    for (from, to) in [(10, 16), (0, 12)] {
        let fork = post(&hub, "/sync/v1/batch", copy.batch(from, to)?).await?;
        assert_eq!(
            (fork.status, fork.code().as_str()),
            (StatusCode::CONFLICT, "sync.fork")
        );
    }
    assert_eq!(rows(&rig, &tenant, LOG).await?, 15);
    assert!(rows(&rig, &tenant, "SELECT count(*) FROM sync_alerts").await? >= 1);
    let state = async || -> Result<serde_json::Value> {
        let fleet = hub.get(&owner, "/api/admin/appliances").await?;
        Ok(fleet.body[0]["state"].clone())
    };
    assert_eq!(state().await?, "fork");
    // The same key once more may be the copy's; a new key shuts the copy out.
    plant.enrol(&hub, &owner, &tenant).await?;
    assert_eq!(state().await?, "fork");
    let id = uuid::Uuid::from_bytes(plant.appliance);
    let path = format!("/api/admin/appliances/{tenant}/{id}/revoke");
    hub.post(&owner, &path, json!({})).await?;
    plant.seed = [99; 32];
    plant.enrol(&hub, &owner, &tenant).await?;
    assert_ne!(state().await?, "fork");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_who_he_says_is_refused() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    plant.write(3, "event");
    let good = plant.batch(0, 3)?;
    let thief = Plant {
        seed: [66; 32],
        ..plant.clone()
    };
    let said = post(&hub, "/sync/v1/batch", thief.batch(0, 3)?).await?;
    assert_eq!(
        (said.status, said.code().as_str()),
        (StatusCode::UNAUTHORIZED, "sync.signature")
    );
    let mut stranger = Plant::new(9);
    stranger.write(1, "event");
    let said = post(&hub, "/sync/v1/batch", stranger.batch(0, 1)?).await?;
    assert_eq!(
        (said.status, said.code().as_str()),
        (StatusCode::NOT_FOUND, "sync.unknown_appliance")
    );
    let said = post(&hub, "/sync/v1/batch", b"nonsense".to_vec()).await?;
    assert_eq!(
        (said.status, said.code().as_str()),
        (StatusCode::BAD_REQUEST, "sync.malformed")
    );
    // An enrolled appliance can't speak for another tenant: its records bear its own.
    let claim = Plant {
        tenant: [200; 16],
        log: Vec::new(),
        ..plant.clone()
    };
    let mut claim = claim;
    claim.write(1, "event");
    let said = post(&hub, "/sync/v1/batch", claim.batch(0, 1)?).await?;
    assert_eq!(said.code(), "sync.signature");
    let fleet = hub.get(&owner, "/api/admin/appliances").await?;
    let id = text(&fleet.body[0]["id"])?;
    let path = format!("/api/admin/appliances/{tenant}/{id}/revoke");
    assert_eq!(
        hub.post(&owner, &path, json!({})).await?.status,
        StatusCode::NO_CONTENT
    );
    let said = post(&hub, "/sync/v1/batch", good).await?;
    assert_eq!(
        (said.status, said.code().as_str()),
        (StatusCode::FORBIDDEN, "sync.revoked")
    );
    assert_eq!(rows(&rig, &tenant, LOG).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headquarters_reads_its_own_plants_and_no_other_and_poison_waits_aside() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    let other = hub.tenant(&owner, "yanbu").await?;
    let (reader, _) = hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    let (stranger, _) = hub.user(&owner, (&other, "yanbu"), "viewer").await?;
    plant.write(4, "alarm");
    post(&hub, "/sync/v1/batch", plant.batch(0, 4)?).await?;
    // Read after the receipt: soon, and once.
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let records = loop {
        let reply = hub.get(&reader, "/api/records").await?;
        let count = reply.body.as_array().map_or(0, Vec::len);
        if count == 4 || std::time::Instant::now() > deadline {
            break reply;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(records.body[0]["kind"], "alarm", "{records:?}");
    assert_eq!(records.body[0]["source"], "DCS-1");
    assert_eq!(hub.get(&stranger, "/api/records").await?.body, json!([]));
    plant.hello(&hub).await?;
    let fleet = hub.get(&owner, "/api/admin/appliances").await?;
    let row = &fleet.body[0];
    assert_eq!(row["version"], "0.1.7", "{fleet:?}");
    assert_eq!(
        (&row["backlog"], &row["clock_offset_ms"]),
        (&json!(12), &json!(1_500))
    );
    assert_eq!(
        (&row["state"], &row["integrations"]["active"]),
        (&json!("behind"), &json!(3))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_word_on_a_thing_counts_and_what_cant_be_known_waits_aside() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    let other = hub.tenant(&owner, "yanbu").await?;
    let (reader, _) = hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    let (stranger, _) = hub.user(&owner, (&other, "yanbu"), "viewer").await?;
    let asset = |status: &str, name: &str| {
        json!({
            "code": "P-102A", "name": name, "name_ar": "مضخة", "family": "centrifugal_pump",
            "criticality": "high", "site": "RAS", "unit": "U100", "status": status,
            "connectivity": "live", "health": 61.5, "added_by_a_newer_program": 7,
        })
        .to_string()
    };
    plant.line.stream = 3;
    plant.tell("asset", "a-1", &asset("normal", "Feed pump"));
    plant.tell("asset", "a-1", &asset("warning", "Feed pump\u{0}"));
    plant.tell("asset", "a-2", "{\"code\": \"without the rest\"}");
    plant.tell(
        "asset",
        &"x".repeat(101),
        &asset("normal", "Too long a key"),
    );
    plant.tell("forecast", "f-1", "{}");
    post(&hub, "/sync/v1/batch", plant.batch(0, 5)?).await?;
    const PROJECTED: &str = "SELECT coalesce(max(projected_seq), 0) FROM sync_cursors";
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while rows(&rig, &tenant, PROJECTED).await? < 5 {
        anyhow::ensure!(std::time::Instant::now() < deadline, "not projected");
        tokio::task::yield_now().await;
    }
    let page = hub.get(&reader, "/api/assets").await?;
    assert_eq!(page.body["total"], 1, "{page:?}");
    let shown = &page.body["items"][0];
    assert_eq!(
        (&shown["id"], &shown["status"]),
        (&json!("a-1"), &json!("warning"))
    );
    assert_eq!(
        (&shown["health"], &shown["anomaly"]),
        (&json!(61.5), &json!(null))
    );
    let name = text(&shown["names"]["en"])?;
    assert!(
        name.starts_with("Feed pump") && !name.contains('\0'),
        "{name}"
    );
    let aside = "SELECT count(*) FROM quarantine";
    assert_eq!(rows(&rig, &tenant, aside).await?, 3);
    // An older word that comes later, by another epoch, changes nothing.
    let mut earlier = plant.clone();
    (earlier.line.epoch, earlier.log) = ([77; 16], Vec::new());
    earlier.tell("asset", "a-1", &asset("critical", "Feed pump"));
    post(&hub, "/sync/v1/batch", earlier.batch(0, 1)?).await?;
    const ALL: &str = "SELECT sum(projected_seq)::bigint FROM sync_cursors";
    while rows(&rig, &tenant, ALL).await? < 6 {
        anyhow::ensure!(std::time::Instant::now() < deadline, "not projected");
        tokio::task::yield_now().await;
    }
    let page = hub.get(&reader, "/api/assets?status=critical").await?;
    assert_eq!(page.body["total"], 0, "{page:?}");
    for path in ["/api/assets", "/api/kpis", "/api/plans"] {
        let reply = hub.get(&stranger, path).await?;
        assert_eq!(reply.body["total"], 0, "{path} {reply:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_go_down_without_any_password_to_the_appliance_that_proves_itself() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, plant) = enrolled(&rig).await?;
    hub.user(&owner, (&tenant, "jubail"), "engineer").await?;
    let welcome = plant.hello(&hub).await?;
    let ask = async |challenge: &[u8], signed_for: &str, asked: &str| {
        let message = hello::proof_message(challenge, &format!("GET {signed_for}"));
        let signature = plant.key().sign(hello::PROOF_TAG, &message);
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let request = Request::builder()
            .uri(asked)
            .header("host", "127.0.0.1:8091")
            .header(hello::APPLIANCE_HEADER, hex(&plant.appliance))
            .header(hello::CHALLENGE_HEADER, hex(challenge))
            .header(hello::SIGNATURE_HEADER, hex(&signature))
            .body(Body::empty())?;
        send(&hub, request).await
    };
    let path = "/sync/v1/changes?after=0";
    let said = ask(&welcome.challenge, path, path).await?;
    assert_eq!(said.status, StatusCode::OK, "{}", said.code());
    let signed = Signed::decode(&said.bytes)?;
    let hub_key = plant.hub.context("not enrolled")?;
    let down = Changes::open(&signed, hub_key, &plant.tenant, &plant.appliance)?;
    assert_eq!(down.upto, welcome.changes_rev);
    let users: Vec<&changes::User> = down
        .changes
        .iter()
        .filter_map(|change| match &change.body {
            changes::Body::User(user) => Some(user),
            _ => None,
        })
        .collect();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].username, "engineer-jubail");
    assert!(!String::from_utf8_lossy(&said.bytes).contains("argon2"));
    let other = "/sync/v1/changes?after=1";
    assert_eq!(
        ask(&welcome.challenge, path, other).await?.code(),
        "sync.signature"
    );
    let mut forged = welcome.challenge.clone();
    forged[0] ^= 1;
    assert_eq!(ask(&forged, path, path).await?.code(), "sync.challenge");
    hub.clock.advance_ms(11 * 60_000);
    assert_eq!(
        ask(&welcome.challenge, path, path).await?.code(),
        "sync.challenge"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_carried_by_hand_say_what_is_missing_and_people_go_back_sealed() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    let recipient = plant.hub_recipient.clone();
    plant.write(30, "event");
    let file = |number: u64, from: usize, to: usize, sealed_to: &str| -> Result<Vec<u8>> {
        let manifest = Manifest {
            tenant: plant.tenant,
            appliance: plant.appliance,
            recipient: recipient.clone(),
            number,
            created_ms: NOON.0,
            nonce: [3; 16],
            ranges: vec![(plant.line, from as u64 + 1, to as u64)],
            batches: Vec::new(),
        };
        let plain = courier::write(manifest, &[plant.batch(from, to)?], &plant.key());
        Ok(seal_file(sealed_to, &plain)?)
    };
    let path = "/api/admin/courier";
    let send = async |bytes| hub.post_bytes(&owner, path, bytes).await;
    let early = send(file(2, 20, 30, &recipient)?).await?;
    assert_eq!(
        (early.status, &early.body["report"]["stored"]),
        (StatusCode::OK, &json!(0))
    );
    let code = text(&early.body["report"]["gaps"][0])?;
    let gap = Gap::parse(&code).context("no gap code")?;
    assert_eq!(
        (gap.is_of(plant.line), gap.first, gap.last()),
        (true, 1, 20)
    );
    for (number, from, to, stored) in [(1, 0, 20, 20), (2, 20, 30, 10), (2, 20, 30, 0)] {
        let taken = send(file(number, from, to, &recipient)?).await?;
        assert_eq!(taken.body["report"]["stored"], json!(stored), "{taken:?}");
        assert_eq!(taken.body["report"]["number"], json!(number));
    }
    assert_eq!(rows(&rig, &tenant, LOG).await?, 30);
    // Sealed to another, or by somebody who only knows the hub's recipient.
    let other = FileKey::from_bytes(&[50; 32]).recipient();
    assert_eq!(
        send(file(3, 0, 30, &other)?).await?.code(),
        "sync.bundle_unreadable"
    );
    let forged = seal_file(&recipient, b"OQB1\r\n\x1a\n")?;
    assert_eq!(send(forged).await?.code(), "sync.bundle_unreadable");
    let fleet = hub.get(&owner, "/api/admin/appliances").await?;
    let id = text(&fleet.body[0]["id"])?;
    hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    let sealed = hub
        .get_bytes(&owner, &format!("{path}/{tenant}/{id}"))
        .await?;
    let plain = plant.file_key().open(&sealed, 1 << 20)?;
    let signed = Signed::decode(&plain)?;
    let hub_key = plant.hub.context("not enrolled")?;
    let down = Changes::open(&signed, hub_key, &plant.tenant, &plant.appliance)?;
    assert!(
        down.changes
            .iter()
            .any(|c| matches!(&c.body, changes::Body::User(_)))
    );
    let elsewhere = hub.tenant(&owner, "yanbu").await?;
    let foreign = hub.get(&owner, &format!("{path}/{elsewhere}/{id}")).await?;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    // Waiting helps nobody who carries a file of a suspended tenant: he is told what does.
    let suspend = format!("/api/admin/tenants/{tenant}/suspend");
    hub.post(&owner, &suspend, json!({})).await?;
    let refused = send(file(3, 0, 30, &recipient)?).await?;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::CONFLICT, "hub.tenant_suspended")
    );
    Ok(())
}

/// Writes a piece of a series: a value a second from a moment on.
fn piece(plant: &mut Plant, from: i64, values: &[f64]) {
    piece_in(plant, "m3/h", from, values);
}

fn piece_in(plant: &mut Plant, unit: &str, from: i64, values: &[f64]) {
    let mut block = Block::default();
    for (value, t) in values.iter().zip((from..).step_by(1_000)) {
        block.put(t, Some(&iq_domain::Value::Number(*value)), 0);
    }
    let bytes = iq_chunk::encode(7, &block, 8).unwrap_or_default();
    let piece = Piece {
        signal: [0x51; 16],
        asset: [0xa5; 16],
        metric: "flow",
        unit,
        signal_no: 7,
        from_ms: from,
        to_ms: block.last_time().unwrap_or(from),
        samples: block.len() as u64,
        bytes: &bytes,
    };
    plant.append(raw::KIND, piece.body());
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "one exchange, step by step")]
async fn pieces_of_series_are_there_once_and_only_their_tenant_draws_them() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    let (reader, _) = hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    let other = hub.tenant(&owner, "yanbu").await?;
    let (stranger, _) = hub.user(&owner, (&other, "yanbu"), "viewer").await?;
    plant.line.stream = raw::STREAM;
    let begin = NOON.0;
    piece(&mut plant, begin, &[1.0, 2.0, 3.0]);
    piece(&mut plant, begin + 3_000, &[4.0, 5.0]);
    // One that tells of no piece is kept like the others, and in nobody's way.
    plant.append("later", vec![(1, Value::Text("who knows"))]);
    let send = async |from, to| post(&hub, "/sync/v1/batch", plant.batch(from, to)?).await;
    assert_eq!(plant.receipt(&send(0, 2).await?)?, plant.head(2));
    assert_eq!(plant.receipt(&send(0, 2).await?)?, plant.head(2), "again");
    assert_eq!(
        plant.receipt(&send(1, 3).await?)?,
        plant.head(3),
        "the rest"
    );
    const PIECES: &str = "SELECT count(*) FROM raw_log";
    assert_eq!(rows(&rig, &tenant, PIECES).await?, 3);
    assert_eq!(rows(&rig, &other, PIECES).await?, 0);
    assert_eq!(rows(&rig, &tenant, LOG).await?, 0);
    let mut clone = plant.clone();
    clone.log.truncate(2);
    clone.append("another", Vec::new());
    let fork = post(&hub, "/sync/v1/batch", clone.batch(2, 3)?).await?;
    assert_eq!(
        (fork.status, fork.code().as_str()),
        (StatusCode::CONFLICT, "sync.fork")
    );
    let welcome = plant.hello(&hub).await?;
    assert_eq!(welcome.proto, iq_sync_proto::PROTO);
    assert!(welcome.acked.contains(&(plant.line, plant.head(3))));
    let id = |bytes: [u8; 16]| uuid::Uuid::from_bytes(bytes);
    let signals = format!(
        "/api/assets/{}/{}/signals",
        id(plant.appliance),
        id([0xa5; 16])
    );
    let found = hub.get(&reader, &signals).await?;
    assert_eq!(found.body[0]["pieces"], 2, "{found:?}");
    assert_eq!(found.body[0]["from"], begin);
    assert_eq!(found.body[0]["to"], begin + 4_000);
    let trend = format!("{signals}/{}/trend", id([0x51; 16]));
    let drawn = hub.get(&reader, &format!("{trend}?from={begin}")).await?;
    assert_eq!(
        drawn.body["series"]["v"],
        json!([1.0, 2.0, 3.0, 4.0, 5.0]),
        "{drawn:?}"
    );
    assert_eq!(drawn.body["series"]["provenance"], "raw");
    let part = format!("{trend}?from={}&to={}", begin + 1_000, begin + 3_000);
    assert_eq!(
        hub.get(&reader, &part).await?.body["series"]["v"],
        json!([2.0, 3.0])
    );
    for (path, status, code) in [
        (
            format!("{trend}?from=9&to=9"),
            StatusCode::UNPROCESSABLE_ENTITY,
            "request.fields_wrong",
        ),
        (
            format!("{trend}?from=-1"),
            StatusCode::UNPROCESSABLE_ENTITY,
            "request.fields_wrong",
        ),
        (
            format!("{signals}/{}/trend", id([9; 16])),
            StatusCode::NOT_FOUND,
            "request.not_found",
        ),
    ] {
        let reply = hub.get(&reader, &path).await?;
        assert_eq!((reply.status, reply.code()), (status, code), "{path}");
    }
    for path in [&signals, &trend] {
        let reply = hub.get(&stranger, path).await?;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path} {reply:?}");
    }
    // A stream of a newer program is refused by its name, and nothing of it is kept.
    let mut newer = plant.clone();
    (newer.line.stream, newer.log) = (7, Vec::new());
    newer.write(1, "event");
    let said = post(&hub, "/sync/v1/batch", newer.batch(0, 1)?).await?;
    assert_eq!(
        (
            said.status,
            said.code().as_str(),
            said.param("stream").as_str()
        ),
        (StatusCode::UNPROCESSABLE_ENTITY, "sync.stream", "7")
    );
    assert_eq!(rows(&rig, &tenant, LOG).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_different_units_are_never_one_trend() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    let (reader, _) = hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    plant.line.stream = raw::STREAM;
    let begin = NOON.0;
    piece_in(&mut plant, "psi", begin, &[100.0, 101.0]);
    piece_in(&mut plant, "bar", begin + 2_000, &[7.0, 7.5]);
    piece_in(&mut plant, "psi", begin + 1_500, &[102.0]);
    let said = post(&hub, "/sync/v1/batch", plant.batch(0, 3)?).await?;
    assert_eq!(plant.receipt(&said)?, plant.head(3));
    let id = |bytes: [u8; 16]| uuid::Uuid::from_bytes(bytes);
    let (appliance, asset, signal) = (id(plant.appliance), id([0xa5; 16]), id([0x51; 16]));
    let signals = format!("/api/assets/{appliance}/{asset}/signals");
    let found = hub.get(&reader, &signals).await?.body;
    let held: Vec<[serde_json::Value; 3]> = found
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| ["unit", "pieces", "to"].map(|key| one[key].clone()))
        .collect();
    assert_eq!(
        held,
        [
            [json!("bar"), json!(1), json!(begin + 3_000)],
            [json!("psi"), json!(2), json!(begin + 1_500)],
        ],
        "{found}"
    );
    // Unasked, the unit of the newest value.
    for (unit, of, values) in [
        ("", "bar", json!([7.0, 7.5])),
        ("&unit=bar", "bar", json!([7.0, 7.5])),
        ("&unit=psi", "psi", json!([100.0, 101.0, 102.0])),
    ] {
        let path = format!("{signals}/{signal}/trend?from={begin}{unit}");
        let drawn = hub.get(&reader, &path).await?;
        assert_eq!(drawn.body["series"]["v"], values, "{unit} {drawn:?}");
        assert_eq!(drawn.body["series"]["unit"], of, "{unit}");
    }
    let none = hub
        .get(&reader, &format!("{signals}/{signal}/trend?unit=kPa"))
        .await?;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    Ok(())
}

const DAY_MS: i64 = 86_400_000;

/// A plant whose log of pieces holds one of 401 days ago, one of 399, one that tells of none, and one of
/// now; and another tenant's, of 401 days ago too.
async fn of_all_ages(hub: &Instance, owner: &Person, plant: &mut Plant) -> Result<String> {
    plant.line.stream = raw::STREAM;
    piece(plant, NOON.0 - 401 * DAY_MS, &[1.0, 2.0]);
    piece(plant, NOON.0 - 399 * DAY_MS, &[3.0]);
    plant.append("later", vec![(1, Value::Text("who knows"))]);
    piece(plant, NOON.0, &[4.0]);
    let said = post(hub, "/sync/v1/batch", plant.batch(0, 4)?).await?;
    assert_eq!(plant.receipt(&said)?, plant.head(4));
    let other = hub.tenant(owner, "yanbu").await?;
    let mut neighbour = Plant::new(2);
    neighbour.enrol(hub, owner, &other).await?;
    neighbour.line.stream = raw::STREAM;
    piece(&mut neighbour, NOON.0 - 401 * DAY_MS, &[5.0]);
    let said = post(hub, "/sync/v1/batch", neighbour.batch(0, 1)?).await?;
    assert_eq!(neighbour.receipt(&said)?, neighbour.head(1));
    Ok(other)
}

#[tokio::test(flavor = "multi_thread")]
async fn series_past_their_days_go_once_and_the_log_stands_where_it_stood() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    let second = rig.instance(2).await?;
    let other = of_all_ages(&hub, &owner, &mut plant).await?;
    const PIECES: &str = "SELECT count(*) FROM raw_log";
    // Two instances at once: each record goes once.
    let (a, b) = tokio::join!(
        iq_hub::remove_old_series(&hub.hub),
        iq_hub::remove_old_series(&second.hub)
    );
    let later = iq_hub::remove_old_series(&hub.hub).await?;
    assert_eq!(a? + b? + later, 2);
    assert_eq!(rows(&rig, &tenant, PIECES).await?, 3);
    assert_eq!(rows(&rig, &other, PIECES).await?, 0);
    // Sent again, whole and in part: nothing comes back, the receipt is the same.
    let send = async |from, to| post(&hub, "/sync/v1/batch", plant.batch(from, to)?).await;
    for (from, to) in [(0, 1), (0, 2), (0, 4), (1, 3)] {
        assert_eq!(plant.receipt(&send(from, to).await?)?, plant.head(4));
    }
    assert_eq!(rows(&rig, &tenant, PIECES).await?, 3);
    assert!(
        plant
            .hello(&hub)
            .await?
            .acked
            .contains(&(plant.line, plant.head(4)))
    );
    // Another history under this name still stops at the cursor, and one that ends before it learns from
    // the receipt that the hub holds another.
    let mut clone = plant.clone();
    clone.log.clear();
    clone.write(4, "another");
    let fork = post(&hub, "/sync/v1/batch", clone.batch(0, 4)?).await?;
    assert_eq!(fork.code(), "sync.fork");
    let said = post(&hub, "/sync/v1/batch", clone.batch(0, 1)?).await?;
    let told = clone.receipt(&said)?;
    assert_eq!(told, plant.head(4));
    assert_ne!(told, clone.head(4));
    // What is held is drawn, with the days that are kept; what went is in the audit of its tenant.
    let (reader, _) = hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    let id = |bytes: [u8; 16]| uuid::Uuid::from_bytes(bytes);
    let (appliance, asset, signal) = (id(plant.appliance), id([0xa5; 16]), id([0x51; 16]));
    let path = format!("/api/assets/{appliance}/{asset}/signals/{signal}/trend?from=0");
    let drawn = hub.get(&reader, &path).await?;
    assert_eq!(drawn.body["series"]["v"], json!([3.0, 4.0]), "{drawn:?}");
    assert_eq!(drawn.body["kept_days"], 400);
    let audit = hub
        .get(
            &owner,
            &format!("/api/admin/audit?tenant={tenant}&limit=500"),
        )
        .await?;
    let told: Vec<&serde_json::Value> = audit.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|row| row["action"] == "series.remove")
        .collect();
    assert_eq!(told.len(), 1, "{audit:?}");
    assert_eq!(
        (&told[0]["actor"], &told[0]["details"]["records"]),
        (&json!("system"), &json!(1))
    );
    // Tomorrow's tomorrow the next is past its days.
    hub.clock.advance_ms(2 * DAY_MS);
    assert_eq!(iq_hub::remove_old_series(&hub.hub).await?, 1);
    assert_eq!(rows(&rig, &tenant, PIECES).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_serving_role_takes_out_nothing_younger_than_it_said() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, owner, tenant, mut plant) = enrolled(&rig).await?;
    of_all_ages(&hub, &owner, &mut plant).await?;
    let pool = rig.pool_of_one("optria_hub", "hub-7").await?;
    for (before, gone) in [(String::new(), 0), ((NOON.0 - 400 * DAY_MS).to_string(), 1)] {
        let mut tx = pool.begin().await?;
        sqlx::query(
            "SELECT set_config('app.tenant', $1, true), set_config('app.series_before', $2, true)",
        )
        .bind(&tenant)
        .bind(&before)
        .execute(&mut *tx)
        .await?;
        let done = sqlx::query("DELETE FROM raw_log").execute(&mut *tx).await?;
        assert_eq!(done.rows_affected(), gone, "{before}");
        tx.rollback().await?;
    }
    Ok(())
}
