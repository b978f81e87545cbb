//! The hub's side of the sync protocol (docs/guides/sync-protocol.md): who may speak, what becomes of
//! a batch, the signed word on it. What to do with a batch is decided by `iq-sync-proto`.

use axum::http::StatusCode;
use hmac::{Hmac, KeyInit, Mac};
use iq_config::FailPoint;
use iq_domain::{ApplianceId, CodedError, ErrorKind, Timestamp};
use iq_secrets::random_bytes;
use iq_sync_proto::{
    Head, Id, MAX_LINES, PROTO_OLDEST, PublicKey, SCHEMA, Signed, SigningKey,
    batch::{Envelope, Opened, Refusal},
    changes::{self, Body, Change, Changes, User},
    code, enrol, hello,
    hub::{self as rules, Decision, Opening},
    raw::{MAX_LOGS, SINCE_PROTO, STREAM},
    receipt::Receipt,
};
use serde_json::json;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{bootstrap::signing_seed, line, projection, quota, raw, recipient};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        Lookup,
        appliances::{self, Appliance},
        raw as pieces,
        sync::{self, DownChange, Owner, Report, Way},
        tenants,
    },
};

/// How long a challenge is good for.
const CHALLENGE_LIFE_MS: i64 = 10 * 60_000;
const EXPIRY: usize = 8;
const RANDOM: usize = 16;
/// How long a suspended tenant's appliances wait before they ask again.
const SUSPENDED_WAIT_S: u64 = 300;

fn refuse(status: StatusCode, code: &'static str) -> Failure {
    Failure::new(CodedError::invalid(code)).with_status(status)
}

fn malformed() -> Failure {
    refuse(StatusCode::BAD_REQUEST, "sync.malformed")
}

/// The key receipts are signed with.
pub(super) async fn signing_key(hub: &Hub) -> Answer<SigningKey> {
    let (_, seed) = signing_seed(hub).await?;
    Ok(SigningKey::from_seed(&seed))
}

pub(super) fn key_of(appliance: &Appliance) -> Answer<PublicKey> {
    let bytes: [u8; 32] = appliance
        .public_key
        .as_slice()
        .try_into()
        .map_err(|_| Failure::internal())?;
    PublicKey::from_bytes(&bytes).ok_or_else(Failure::internal)
}

/// The appliance of an id, if it may speak now. Its id names it, its signature will have to prove it.
pub(super) async fn speaker(hub: &Hub, id: Id) -> Answer<Appliance> {
    let id = Uuid::from_bytes(id);
    let mut tx = hub.store.lookup(&Lookup::Appliance(id)).await?;
    let found = appliances::get_visible(&mut tx).await?;
    tx.commit().await?;
    found.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "sync.unknown_appliance"))
}

/// After its signature was checked: whether its key still counts and its tenant may sync.
pub(super) async fn admit(hub: &Hub, appliance: &Appliance) -> Answer<()> {
    if appliance.revoked_at.is_some() {
        return Err(refuse(StatusCode::FORBIDDEN, "sync.revoked"));
    }
    let mut tx = hub.store.tenant(appliance.tenant_id).await?;
    let tenant = tenants::get_visible(&mut tx)
        .await?
        .ok_or_else(Failure::not_found)?;
    tx.commit().await?;
    if tenant.is_suspended {
        let mut failure = Failure::new(CodedError::new(ErrorKind::Unavailable, code::SUSPENDED));
        failure.retry_after_s = Some(SUSPENDED_WAIT_S);
        return Err(failure);
    }
    Ok(())
}

/// Enrolls an appliance by a one-time code.
pub(crate) async fn enrol(hub: &Hub, bytes: &[u8]) -> Answer<(Owner, Vec<u8>)> {
    let signed = Signed::decode(bytes).map_err(|_| malformed())?;
    let request = enrol::Request::open(&signed).map_err(|_| malformed())?;
    let wrong = || refuse(StatusCode::FORBIDDEN, "sync.code");
    let hash = appliances_hash(&request.code.0);
    let mut tx = hub.store.lookup(&Lookup::Code(&hash)).await?;
    let tenant_id = appliances::get_tenant_of_code(&mut tx)
        .await?
        .ok_or_else(wrong)?;
    tx.commit().await?;
    let id = ApplianceId(Uuid::from_bytes(request.appliance));
    let mut tx = hub.store.lookup(&Lookup::Appliance(id.0)).await?;
    tenants::lock_names(&mut tx).await?;
    let known = appliances::get_visible(&mut tx).await?;
    // With another key only after the old one was revoked; never under another tenant.
    let may = known.as_ref().is_none_or(|known| {
        known.tenant_id == tenant_id
            && (known.revoked_at.is_some() || known.public_key == request.key)
    });
    if !may {
        return Err(refuse(StatusCode::CONFLICT, "sync.already_enrolled"));
    }
    tenants::turn_to(&mut tx, tenant_id).await?;
    let now = hub.now();
    let tenant = tenants::get_visible(&mut tx).await?.ok_or_else(wrong)?;
    let used = appliances::use_code(&mut tx, tenant_id, &hash, id, now).await?;
    let code = used.filter(|_| !tenant.is_suspended).ok_or_else(wrong)?;
    let appliance = Appliance {
        tenant_id,
        id,
        name: line("name", &code.name, 200)?,
        public_key: request.key.to_vec(),
        record_tenant: Uuid::from_bytes(request.tenant),
        recipient: request.recipient,
        is_demo: tenant.kind == "demo",
        enrolled_at: now,
        revoked_at: None,
        last_contact_at: Some(now),
        last_receipt_at: None,
        last_file_at: None,
        version: Some(request.version),
        backlog: None,
        oldest_unsent_at: None,
        clock_offset_ms: None,
        disk_free_bytes: None,
        status: json!({}),
        stored_bytes: 0,
        epochs: 0,
    };
    match known {
        None => appliances::create(&mut tx, &appliance).await?,
        Some(_) => appliances::enrol_again(&mut tx, &appliance).await?,
    }
    tx.commit().await?;
    FailPoint::EnrolmentStored.pass();
    let key = signing_key(hub).await?;
    let answer = enrol::Answer {
        hub_tenant: *tenant_id.0.as_bytes(),
        tenant_name: iq_locale::Language::En.name(&tenant.names).to_owned(),
        appliance: request.appliance,
        hub_key: key.public().to_bytes(),
        hub_recipient: recipient::address(hub),
        at_ms: now.0,
    };
    Ok(((tenant_id, id), answer.sign(&key).encode()))
}

fn appliances_hash(code: &[u8; 16]) -> [u8; 32] {
    super::appliances::code_hash(code)
}

/// Answers a hello: where the hub stands, and a challenge for what has no body.
pub(crate) async fn hello(hub: &Hub, bytes: &[u8]) -> Answer<Vec<u8>> {
    let signed = Signed::decode(bytes).map_err(|_| malformed())?;
    let said = hello::Hello::peek(&signed).map_err(|_| malformed())?;
    let appliance = speaker(hub, said.appliance).await?;
    if !signed.is_by(hello::REQUEST_TAG, key_of(&appliance)?)
        || appliance.record_tenant.into_bytes() != said.tenant
    {
        return Err(refuse(StatusCode::UNAUTHORIZED, "sync.signature"));
    }
    admit(hub, &appliance).await?;
    let theirs = (said.proto_min, said.proto_max);
    let proto = hello::common_version((PROTO_OLDEST, hub.options.newest_proto), theirs)
        .ok_or_else(|| refuse(StatusCode::UPGRADE_REQUIRED, "sync.version"))?;
    let (owner, now) = ((appliance.tenant_id, appliance.id), hub.now());
    let mut tx = hub.store.tenant(owner.0).await?;
    sync::note_report(&mut tx, owner, &report(&said.status, now), now).await?;
    let acked = sync::list_cursors(&mut tx, owner).await?;
    // Who does not speak of this stream could not read its marks.
    let of_pieces = if proto >= SINCE_PROTO {
        let most = i64::try_from(MAX_LOGS).unwrap_or(1);
        pieces::list_cursors(&mut tx, owner, most).await?
    } else {
        Vec::new()
    };
    let (_, newest) = sync::list_changes(&mut tx, owner.0, i64::MAX, 1).await?;
    tx.commit().await?;
    // What a crash left unread is read now.
    for (line, _) in &acked {
        drop(projection::begin(hub, owner, *line));
    }
    let welcome = hello::Welcome {
        proto,
        schema_max: SCHEMA,
        tenant: said.tenant,
        appliance: said.appliance,
        nonce: said.nonce,
        at_ms: now.0,
        challenge: challenge(hub, &said.appliance, now)?,
        acked: of_pieces.into_iter().chain(acked).take(MAX_LINES).collect(),
        changes_rev: u64::try_from(newest).unwrap_or(0),
    };
    Ok(welcome.sign(&signing_key(hub).await?).encode())
}

fn report(status: &hello::Status, now: Timestamp) -> Report<'_> {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Report {
        said_ms: status.now_ms,
        version: &status.version,
        backlog: whole(status.backlog),
        oldest_unsent_ms: status.oldest_unsent_ms,
        clock_offset_ms: status.now_ms.saturating_sub(now.0),
        disk_free: status.disk_free.map(whole),
        status: json!({
            "integrations": {"active": status.sources_well, "error": status.sources_failing},
            "level": status.level,
            "changes_rev": status.changes_rev,
        }),
    }
}

/// Expiry ‖ random ‖ MAC over both and the appliance: any instance can check it.
fn challenge(hub: &Hub, appliance: &Id, now: Timestamp) -> Answer<Vec<u8>> {
    let mut bytes = now.plus_ms(CHALLENGE_LIFE_MS).0.to_be_bytes().to_vec();
    bytes.extend(random_bytes::<RANDOM>().map_err(CodedError::from)?);
    let mac = mac_of(hub, &bytes, appliance);
    bytes.extend(mac);
    Ok(bytes)
}

fn mac_of(hub: &Hub, bytes: &[u8], appliance: &Id) -> [u8; 32] {
    let key = hub.seal.derive("sync challenge");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("any key length will do");
    mac.update(bytes);
    mac.update(appliance);
    mac.finalize().into_bytes().into()
}

fn is_good_challenge(hub: &Hub, challenge: &[u8], appliance: &Id) -> bool {
    let Some((said, mac)) = challenge.split_at_checked(EXPIRY + RANDOM) else {
        return false;
    };
    let is_ours: bool = mac_of(hub, said, appliance).as_slice().ct_eq(mac).into();
    let expiry = said
        .first_chunk()
        .map_or(0, |bytes| i64::from_be_bytes(*bytes));
    is_ours && hub.now().0 < expiry
}

/// What becomes of a batch, and the receipt for it.
pub(crate) async fn batch(hub: &Hub, bytes: &[u8]) -> Answer<Vec<u8>> {
    let envelope = Envelope::decode(bytes).map_err(refusal)?;
    let appliance = speaker(hub, envelope.header.appliance).await?;
    let is_ours = envelope.header.tenant == appliance.record_tenant.into_bytes();
    let opened = envelope.open(key_of(&appliance)?).map_err(refusal)?;
    if !is_ours {
        return Err(refuse(StatusCode::UNAUTHORIZED, "sync.signature"));
    }
    admit(hub, &appliance).await?;
    let owner = (appliance.tenant_id, appliance.id);
    FailPoint::BatchVerified.pass();
    let head = apply(hub, owner, &opened, Way::Line).await?;
    if opened.header.line.stream != STREAM {
        drop(projection::begin(hub, owner, opened.header.line));
    }
    let key = signing_key(hub).await?;
    let receipt = Receipt {
        tenant: opened.header.tenant,
        appliance: opened.header.appliance,
        hub_key: key.public().id(),
        at_ms: hub.now().0,
        marks: vec![(opened.header.line, head)],
    };
    Ok(receipt.sign(&key).encode())
}

pub(super) fn refusal(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Malformed => malformed(),
        Refusal::Signature => refuse(StatusCode::UNAUTHORIZED, "sync.signature"),
        Refusal::TooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE, "sync.too_large"),
    }
}

/// Applies a verified batch in one transaction, with the cursor of its log locked; returns where the
/// log stands once that is committed.
pub(super) async fn apply(hub: &Hub, owner: Owner, batch: &Opened, way: Way) -> Answer<Head> {
    let (line, now) = (&batch.header.line, hub.now());
    let known = if hub.options.newest_proto >= SINCE_PROTO {
        STREAM
    } else {
        STREAM - 1
    };
    if line.stream > known {
        let unknown = CodedError::invalid("sync.stream").with("stream", line.stream);
        return Err(Failure::new(unknown).with_status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    if line.stream == STREAM {
        return raw::apply(hub, owner, batch, way).await;
    }
    let mut tx = hub.store.tenant(owner.0).await?;
    let (cursor, _) = sync::lock_cursor(&mut tx, owner, line, now).await?;
    if cursor == Head::EMPTY {
        quota::begin_log(hub, &mut tx, owner).await?;
    }
    let stored = match rules::probe(cursor, &batch.header) {
        Some(seq) => sync::get_leaf(&mut tx, owner, line, seq).await?,
        None => None,
    };
    match rules::decide(cursor, batch, stored) {
        Decision::Store { from, head } => {
            quota::require_room(hub, &mut tx, owner).await?;
            sync::store_records(&mut tx, owner, batch, (from, head), now).await?;
            if batch.header.first == 1 && from == 0 {
                judge_opening(&mut tx, owner, batch, now).await?;
            }
            sync::note_receipt(&mut tx, owner, &batch.records[from..], (way, now)).await?;
            FailPoint::BatchStored.pass();
            tx.commit().await?;
            FailPoint::BatchCommitted.pass();
            Ok(head)
        }
        // Whoever saw a batch go by can send it again: that is no word of the appliance.
        Decision::Resend => Ok(cursor),
        Decision::Gap { expected } => {
            let gap = CodedError::conflict("sync.gap").with("expected", expected);
            Err(Failure::new(gap))
        }
        Decision::Fork { seq } => {
            // Nothing of the log changes; that somebody tried is kept.
            sync::raise_alert(&mut tx, owner, ("fork", line, seq), now).await?;
            FailPoint::ForkNoted.pass();
            tx.commit().await?;
            let fork = CodedError::conflict("sync.fork").with("seq", seq);
            Err(Failure::new(fork))
        }
    }
}

/// Whether an epoch goes on where the hub's copy of the one before ends.
async fn judge_opening(
    tx: &mut crate::store::Tx,
    owner: Owner,
    batch: &Opened,
    now: Timestamp,
) -> Answer<()> {
    let line = batch.header.line;
    let parent = batch
        .records
        .first()
        .and_then(|first| rules::parent(line.stream, first));
    let Some(parent) = parent else { return Ok(()) };
    let cursors = sync::list_cursors(tx, owner).await?;
    let held = cursors
        .iter()
        .find(|(line, _)| *line == parent.line)
        .map_or(Head::EMPTY, |(_, head)| *head);
    let stored = sync::get_leaf(tx, owner, &parent.line, parent.head.seq).await?;
    if let Opening::Forked { .. } = rules::opening(Some(parent), held, stored) {
        let place = ("restored", &parent.line, parent.head.seq);
        sync::raise_alert(tx, owner, place, now).await?;
    }
    Ok(())
}

/// A request without a body: who says he is whom, and by which challenge.
pub(crate) struct Proof {
    pub(crate) appliance: Id,
    pub(crate) challenge: Vec<u8>,
    pub(crate) signature: [u8; 64],
    /// Method and path with query.
    pub(crate) target: String,
}

/// Changes for the tenant of an appliance after a revision.
pub(crate) async fn changes(hub: &Hub, proof: &Proof, after: u64) -> Answer<Vec<u8>> {
    let appliance = speaker(hub, proof.appliance).await?;
    if !is_good_challenge(hub, &proof.challenge, &proof.appliance) {
        return Err(refuse(StatusCode::UNAUTHORIZED, "sync.challenge"));
    }
    let message = hello::proof_message(&proof.challenge, &proof.target);
    if !key_of(&appliance)?.verifies(hello::PROOF_TAG, &message, &proof.signature) {
        return Err(refuse(StatusCode::UNAUTHORIZED, "sync.signature"));
    }
    admit(hub, &appliance).await?;
    let message = list_changes(hub, &appliance, after).await?;
    Ok(message.sign(&signing_key(hub).await?).encode())
}

/// What changed after a revision, as it goes to one appliance.
pub(super) async fn list_changes(hub: &Hub, appliance: &Appliance, after: u64) -> Answer<Changes> {
    let limit = i64::try_from(changes::MAX_CHANGES).unwrap_or(1);
    let from = i64::try_from(after).unwrap_or(i64::MAX);
    let mut tx = hub.store.tenant(appliance.tenant_id).await?;
    let (rows, newest) = sync::list_changes(&mut tx, appliance.tenant_id, from, limit).await?;
    tx.commit().await?;
    let whole = |number: i64| u64::try_from(number).unwrap_or(0);
    let has_more = rows.len() == changes::MAX_CHANGES
        && rows.last().is_some_and(|last| last.revision < newest);
    let upto = match rows.last().filter(|_| has_more) {
        Some(last) => whole(last.revision),
        None => whole(newest).max(after),
    };
    Ok(Changes {
        tenant: appliance.record_tenant.into_bytes(),
        appliance: appliance.id.0.into_bytes(),
        after,
        upto,
        has_more,
        changes: rows.iter().filter_map(change_of).collect(),
    })
}

fn change_of(row: &DownChange) -> Option<Change> {
    let text = |key: &str| row.body[key].as_str().unwrap_or_default().to_owned();
    let body = match row.entity.as_str() {
        "tenant" => Body::Profile {
            name: text("name_en"),
            name_ar: text("name_ar"),
        },
        "user" => Body::User(User {
            id: row.entity_id.into_bytes(),
            base_rev: u64::try_from(row.base).unwrap_or(0),
            username: text("username"),
            email: row.body["email"].as_str().map(str::to_owned),
            name: text("name"),
            role: text("role").parse().ok()?,
            is_active: row.body["is_active"].as_bool().unwrap_or(false),
            is_removed: false,
        }),
        _ => return None,
    };
    Some(Change {
        rev: u64::try_from(row.revision).ok()?,
        body,
    })
}
