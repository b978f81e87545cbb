//! The work of one tenant: hello, changes, batches; and after a failure a wait by the clock, cut short
//! when the line is seen to come back. No new record is needed for any of it.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use iq_config::FailPoint;
use iq_domain::{CodedError, TenantId, Timestamp};
use iq_http::HttpClient;
use iq_store::{integrations, sync::Link};
use iq_sync_proto::{
    MAX_RECORDS, PROTO, PROTO_OLDEST, SCHEMA,
    batch::{Run, pack},
    code,
    hello::{Hello, Status},
    outbox::{self, Trouble},
    raw::SINCE_PROTO,
};
use parking_lot::Mutex;
use tracing::{info, warn};

use crate::{
    Inner, Wake, changes,
    client::{Client, Failure},
    figures, keys, raw,
    tracks::{self, Log},
};

/// How often it is looked whether there is something new to send.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A hello at least so often.
const HELLO_EVERY: Duration = Duration::from_secs(60);
/// While nobody answers, the line is felt so often.
const FEEL_EVERY: Duration = Duration::from_secs(4);
/// Records of the first batch after a failure; each that goes through doubles it.
const FIRST_BATCH: usize = 250;
/// What the speed is measured over.
const SPEED_WINDOW: Duration = Duration::from_secs(120);

/// What is known about the work of a tenant, beside the store.
#[derive(Default)]
pub(crate) struct Live {
    pub(crate) wake: Wake,
    pub(crate) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// What went wrong last, until something goes through.
    pub(crate) trouble: Option<(Trouble, CodedError)>,
    /// Failures in a row.
    pub(crate) attempts: u32,
    /// When it is tried again.
    pub(crate) next_try_at: Option<Timestamp>,
    /// The last welcome.
    pub(crate) session: Option<Session>,
    /// When something went through last.
    pub(crate) last_answer_at: Option<Timestamp>,
    /// Batches that went through lately: when, records.
    pub(crate) sent: VecDeque<(Instant, u64)>,
    /// When it was last looked whether there is something to tell.
    pub(crate) told_at: Option<Instant>,
    /// Pieces of the series.
    pub(crate) raw: raw::RawState,
    /// Records of the next batch at most.
    most: usize,
}

/// What a welcome gave.
#[derive(Clone)]
pub(crate) struct Session {
    at: Instant,
    challenge: Vec<u8>,
    changes_rev: u64,
    /// Records that should have left waited then, and the hub was told so.
    was_behind: bool,
    pub(crate) hub_at_ms: i64,
    pub(crate) heard_at_ms: i64,
}

impl State {
    /// The hub is asked where it stands before anything else is sent.
    pub(crate) fn ask_again(&mut self) {
        self.session = None;
    }

    /// Records per second, as far as lately measured.
    pub(crate) fn speed(&self) -> Option<f64> {
        let (first, _) = self.sent.front()?;
        let records: u64 = self.sent.iter().map(|(_, records)| records).sum();
        let seconds = first.elapsed().as_secs_f64().max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "a speed")]
        Some(records as f64 / seconds)
    }

    fn count(&mut self, records: u64) {
        self.sent.push_back((Instant::now(), records));
        while self
            .sent
            .front()
            .is_some_and(|(at, _)| at.elapsed() > SPEED_WINDOW)
        {
            self.sent.pop_front();
        }
    }
}

/// What a step did.
enum Step {
    /// There is nothing to do now.
    Idle,
    /// Something went through; the next may follow after this long.
    Sent(Duration),
}

pub(crate) async fn run(inner: Arc<Inner>, tenant: TenantId, live: Arc<Live>) {
    loop {
        tokio::select! {
            () = figures::tell_when_due(&inner, tenant, &live) => {}
            () = inner.cancel.cancelled() => return,
        }
        let step = tokio::select! {
            step = step(&inner, tenant, &live) => step,
            () = inner.cancel.cancelled() => return,
        };
        let wait = match step {
            Ok(Step::Idle) => LOOK_EVERY,
            Ok(Step::Sent(pace)) => pace,
            Err((failure, http)) => {
                let wait = failed(&inner, tenant, &live, &failure);
                let feels = failure.trouble == Trouble::Unreachable && failure.wished.is_none();
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = line_is_back(http.filter(|_| feels), &failure) => {}
                    () = live.wake.notified() => {}
                    () = inner.cancel.cancelled() => return,
                }
                continue;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = live.wake.notified() => {}
            () = inner.cancel.cancelled() => return,
        }
    }
}

/// Notes a failure; says how long to wait.
fn failed(inner: &Inner, tenant: TenantId, live: &Live, failure: &Failure) -> Duration {
    let random = keys::random::<8>().map_or(0, u64::from_le_bytes);
    let wished = failure
        .wished
        .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let mut state = live.state.lock();
    state.attempts = state.attempts.saturating_add(1);
    let is_new = state
        .trouble
        .as_ref()
        .is_none_or(|(_, error)| error.code != failure.error.code);
    if is_new {
        warn!(%tenant, code = failure.error.code, "Sync does not go through; it is tried again.");
    }
    state.trouble = Some((failure.trouble, failure.error.clone()));
    state.session = None;
    state.most = FIRST_BATCH;
    // The hub wants other records: asking where it stands is the next thing to do, once.
    let wait = if failure.asks_for_hello() && state.attempts == 1 {
        0
    } else {
        outbox::retry_after_ms(state.attempts, random, wished)
    };
    let after = i64::try_from(wait).unwrap_or(i64::MAX);
    state.next_try_at = Some(inner.now().plus_ms(after));
    Duration::from_millis(wait)
}

/// Ends when the port can be reached again after it could not be. Whoever answers there and then fails
/// is waited for by the clock alone.
async fn line_is_back(http: Option<HttpClient>, failure: &Failure) {
    let Some(http) = http else {
        return std::future::pending().await;
    };
    let mut was_down = matches!(
        failure.error.code,
        "http.unreachable" | "http.tcp_timeout" | "http.tcp_refused" | "http.dns_failed"
    );
    loop {
        tokio::time::sleep(FEEL_EVERY).await;
        let is_up = match http.addresses().await {
            Ok(addresses) => http.connect(&addresses).await.is_ok(),
            Err(_) => false,
        };
        if is_up && was_down {
            return;
        }
        was_down |= !is_up;
    }
}

async fn step(
    inner: &Inner,
    tenant: TenantId,
    live: &Live,
) -> Result<Step, (Failure, Option<HttpClient>)> {
    let local = |error: CodedError| (Failure::from(error), None);
    let link = inner.link(tenant).await.map_err(local)?;
    let Some((link, hub)) = link.and_then(|link| link.hub.clone().map(|hub| (link, hub))) else {
        return Ok(Step::Idle);
    };
    if link.choice.way.is_by_file() || is_held(&link, inner.now()) {
        let mut state = live.state.lock();
        (state.trouble, state.attempts, state.next_try_at) = (None, 0, None);
        return Ok(Step::Idle);
    }
    if link.appliance != inner.parts.appliance {
        return Err(local(CodedError::conflict("sync.other_installation")));
    }
    let key = keys::signing(&inner.parts.master_key, &link).map_err(local)?;
    let client = Client::new(&link, &hub, key).map_err(local)?;
    match go(inner, &link, live, &client).await {
        Ok(step) => {
            let mut state = live.state.lock();
            if let Some((_, error)) = state.trouble.take() {
                info!(%tenant, code = error.code, "Sync goes through again.");
            }
            (state.attempts, state.next_try_at) = (0, None);
            Ok(step)
        }
        Err(failure) => Err((failure, Some(client.http))),
    }
}

/// Whether a person or the hours hold it. A file is written when a person says so.
pub(crate) fn is_held(link: &Link, now: Timestamp) -> bool {
    !link.choice.way.is_by_file() && (link.choice.is_paused || !is_within_hours(link, now))
}

fn is_within_hours(link: &Link, now: Timestamp) -> bool {
    let zone = jiff::tz::TimeZone::get(&link.choice.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let Ok(moment) = jiff::Timestamp::from_millisecond(now.0) else {
        return true;
    };
    let local = moment.to_zoned(zone);
    let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute()));
    outbox::is_within(
        link.choice.hours_from,
        link.choice.hours_to,
        minute.unwrap_or_default(),
    )
}

async fn go(inner: &Inner, link: &Link, live: &Live, client: &Client) -> Result<Step, Failure> {
    let tenant = link.tenant_id;
    let session = live.state.lock().session.clone();
    let session = match session {
        Some(session) if session.at.elapsed() < HELLO_EVERY => session,
        _ => greet(inner, link, live, client).await?,
    };
    if session.changes_rev > link.changes_rev {
        let changes = client.changes(link.changes_rev, &session.challenge).await?;
        changes::apply(inner, tenant, link.changes_rev, changes).await?;
        return Ok(Step::Sent(Duration::ZERO));
    }
    let logs = logs(inner, link).await?;
    let tracks: Vec<_> = logs.iter().map(|log| log.track).collect();
    let Some(track) = outbox::next(&tracks) else {
        if session.was_behind && tracks.iter().all(|track| track.backlog() == 0) {
            // All of it has left: the hub is told now and not with the next hello that is due.
            live.state.lock().ask_again();
            return Ok(Step::Sent(Duration::ZERO));
        }
        // Whatever is more urgent has left.
        let sent = raw::work(inner, link, live, client).await?;
        return Ok(sent.map_or(Step::Idle, |bytes| {
            let pace = outbox::pace_ms(bytes, link.choice.cap_kbit);
            Step::Sent(Duration::from_millis(pace))
        }));
    };
    let Some(log) = logs.iter().find(|log| log.track.line == track.line) else {
        return Ok(Step::Idle);
    };
    send(inner, link, live, client, log).await
}

pub(crate) async fn logs(inner: &Inner, link: &Link) -> Result<Vec<Log>, CodedError> {
    let (tenant, link) = (link.tenant_id, link.clone());
    Ok(inner
        .parts
        .store
        .read(move |conn| tracks::allowed(conn, tenant, &link))
        .await?)
}

async fn greet(
    inner: &Inner,
    link: &Link,
    live: &Live,
    client: &Client,
) -> Result<Session, Failure> {
    let tenant = link.tenant_id;
    let logs = logs(inner, link).await?;
    let hello = Hello {
        proto_min: PROTO_OLDEST,
        proto_max: PROTO,
        schema_max: SCHEMA,
        tenant: *tenant.0.as_bytes(),
        appliance: link.appliance,
        nonce: keys::random()?,
        heads: logs
            .iter()
            .map(|log| (log.track.line, log.track.head))
            .collect(),
        status: status(inner, link, &logs).await?,
    };
    let was_behind = hello.status.is_behind();
    let welcome = client.hello(&hello).await?;
    FailPoint::Greeted.pass();
    let now = inner.now();
    let marks = welcome.acked;
    let has_raw = welcome.proto >= SINCE_PROTO;
    let heard = inner
        .parts
        .store
        .write(move |tx| {
            if has_raw {
                raw::hear(tx, tenant, &marks, now)?;
            }
            tracks::hear(tx, tenant, &logs, &marks, (now, true))
        })
        .await
        .map_err(CodedError::from)?;
    if heard.is_forked {
        warn!(%tenant, "The hub holds another history of this appliance; a new epoch has begun.");
    }
    let session = Session {
        at: Instant::now(),
        challenge: welcome.challenge,
        changes_rev: welcome.changes_rev,
        was_behind,
        hub_at_ms: welcome.at_ms,
        heard_at_ms: now.0,
    };
    let mut state = live.state.lock();
    state.raw.is_known_there = Some(has_raw);
    state.session = Some(session.clone());
    state.last_answer_at = Some(now);
    Ok(session)
}

async fn send(
    inner: &Inner,
    link: &Link,
    live: &Live,
    client: &Client,
    log: &Log,
) -> Result<Step, Failure> {
    let tenant = link.tenant_id;
    let most = live.state.lock().most.clamp(FIRST_BATCH, MAX_RECORDS);
    let (key, after, upto) = (log.key, log.track.acked, log.track.head.seq);
    let records = inner
        .parts
        .store
        .read(move |conn| tracks::records_after(conn, key, after.seq, upto, most))
        .await
        .map_err(CodedError::from)?;
    let run = Run {
        tenant: *tenant.0.as_bytes(),
        appliance: link.appliance,
        line: log.track.line,
        after,
        records: &records,
    };
    let packed = pack(run, &client.key).map_err(|large| Failure {
        trouble: Trouble::Unsendable,
        error: CodedError::conflict("sync.record_too_large").with("seq", large.seq),
        wished: None,
    })?;
    let Some(packed) = packed else {
        return Ok(Step::Idle);
    };
    let (bytes, count) = (packed.bytes.len() as u64, packed.header.count());
    FailPoint::BatchBuilt.pass();
    let receipt = client.batch(packed.bytes).await?;
    FailPoint::ReceiptHeard.pass();
    let now = inner.now();
    let (logs, marks) = (vec![log.clone()], receipt.marks);
    let heard = inner
        .parts
        .store
        .write(move |tx| {
            let heard = tracks::hear(tx, tenant, &logs, &marks, (now, false))?;
            FailPoint::CursorMoved.pass();
            Ok(heard)
        })
        .await
        .map_err(CodedError::from)?;
    FailPoint::ReceiptKept.pass();
    if heard.moved == 0 {
        // The hub's word is not on what was sent: where it stands must be asked.
        return Err(Failure::refused(if heard.is_forked {
            code::FORK
        } else {
            code::GAP
        }));
    }
    let mut state = live.state.lock();
    state.count(count);
    state.most = (most * 2).min(MAX_RECORDS);
    state.last_answer_at = Some(now);
    Ok(Step::Sent(Duration::from_millis(outbox::pace_ms(
        bytes,
        link.choice.cap_kbit,
    ))))
}

async fn status(inner: &Inner, link: &Link, logs: &[Log]) -> Result<Status, CodedError> {
    let (tenant, kept) = (link.tenant_id, logs.to_vec());
    let (sources, oldest_unsent_ms) = inner
        .parts
        .store
        .read(move |conn| {
            let sources = integrations::list_integrations(conn, tenant)?;
            Ok((sources, crate::status::oldest_unsent(conn, &kept)?))
        })
        .await?;
    let count = |wanted: &[iq_domain::IntegrationStatus]| {
        let found = sources
            .iter()
            .filter(|s| wanted.contains(&s.status))
            .count();
        u32::try_from(found).unwrap_or(u32::MAX)
    };
    Ok(Status {
        version: inner.parts.version.clone(),
        now_ms: inner.now().0,
        backlog: logs.iter().map(|log| log.track.backlog()).sum(),
        oldest_unsent_ms,
        disk_free: disk_free(&inner.parts.folder),
        sources_well: count(&[iq_domain::IntegrationStatus::Streaming]),
        sources_failing: count(&[iq_domain::IntegrationStatus::Error]),
        level: link.choice.level,
        changes_rev: link.changes_rev,
    })
}

#[cfg(unix)]
fn disk_free(folder: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn disk_free(_: &std::path::Path) -> Option<u64> {
    None
}
