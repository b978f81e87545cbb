//! What leaves at the fourth level: sealed pieces of the historian, in a log of their own, after
//! everything else. A new log is opened each time the level is chosen; it holds nothing from before that
//! moment but what the person asked to have filled in. Little is laid out ahead of the line, and its
//! bytes go once the hub's signed word covers them. What goes wrong here is in the way of nothing else.

mod status;

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use iq_config::FailPoint;
use iq_domain::{CodedError, TenantId, Timestamp};
use iq_evidence::{LogId, Origin, Record};
use iq_historian::{Historian, HistorianError, SealedPiece};
use iq_store::{
    Connection, StoreError,
    raw::{self as rows, NewRaw, RawLog, RealSignal},
    sync::{self as links, Link},
};
use iq_sync_proto::{
    Head, Line,
    batch::{Run, pack},
    code, leaf_hash,
    outbox::{self, Standing},
    raw::{KIND, LEVEL, MAX_PIECE, Piece, STREAM, room},
};
use tracing::warn;

pub(crate) use status::status;
pub use status::{RawEstimate, RawStatus};

use crate::{
    Inner,
    client::{Client, Failure},
    internal,
    work::Live,
};

/// Laid out ahead of the line at most.
const AHEAD: u64 = 16 << 20;
/// Laid out in one go.
const STEP: usize = 4 << 20;
/// How often it is looked for new pieces while there are none.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// After a refusal it is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(10 * 60);
/// Most that may be filled in from before the level was chosen: a year.
pub const MAX_BACK_FILL_HOURS: u32 = 366 * 24;
const HOUR_MS: i64 = 3_600_000;

/// What is known of this beside the store.
#[derive(Default)]
pub(crate) struct RawState {
    /// The hub speaks a version that has the stream; unknown before a welcome.
    pub(crate) is_known_there: Option<bool>,
    /// What was refused, and when it is tried again.
    pub(crate) refused: Option<(CodedError, Instant)>,
    looked_at: Option<Instant>,
    /// The signal after which the next look begins.
    turn: u32,
    estimate: Option<(Instant, RawEstimate)>,
    /// Bytes that went through lately.
    pub(crate) sent: VecDeque<(Instant, u64)>,
}

fn broken(error: HistorianError) -> CodedError {
    error.into()
}

/// The choice of a level: opens a log when the fourth is chosen, closes it when it is given up.
pub(crate) fn chosen(
    conn: &Connection,
    tenant: TenantId,
    link: &Link,
    level: u8,
    (now, back_fill_hours): (Timestamp, u32),
) -> Result<(), StoreError> {
    if level < LEVEL {
        return rows::close_raw_logs(conn, tenant, now);
    }
    let logs = rows::list_raw_logs(conn, tenant)?;
    let open = logs
        .last()
        .filter(|log| log.closed_at.is_none() && log.appliance == link.appliance);
    if open.is_some() {
        return Ok(());
    }
    rows::close_raw_logs(conn, tenant, now)?;
    let hours = i64::from(back_fill_hours.min(MAX_BACK_FILL_HOURS));
    open_log(
        conn,
        tenant,
        link.appliance,
        now.plus_ms(-hours * HOUR_MS),
        now,
    )
}

fn open_log(
    conn: &Connection,
    tenant: TenantId,
    appliance: [u8; 16],
    begins_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let epoch = iq_secrets::random_bytes().map_err(|error| StoreError::Coded(error.into()))?;
    let logs = rows::list_raw_logs(conn, tenant)?;
    let log = RawLog {
        epoch_no: logs.last().map_or(0, |log| log.epoch_no) + 1,
        epoch,
        appliance,
        begins_at,
        opened_at: now,
        closed_at: None,
        acked_seq: 0,
        acked_hash: [0; 32],
        acked_at: None,
    };
    rows::create_raw_log(conn, tenant, &log)
}

/// Takes the hub's word on the logs of pieces. Where it holds another history under a log's name, or
/// less than what is still here, the log is given up and another begins where that one is known to have
/// been whole.
pub(crate) fn hear(
    conn: &Connection,
    tenant: TenantId,
    marks: &[(Line, Head)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for log in rows::list_raw_logs(conn, tenant)? {
        let held = marks
            .iter()
            .find(|(line, _)| line.stream == STREAM && line.epoch == log.epoch)
            .map(|(_, head)| *head);
        let (seq, hash) = rows::get_raw_head(conn, tenant, log.epoch_no)?.unwrap_or_default();
        // Nothing was ever written to it, or it was given up.
        if seq == 0 && (held.is_none() || log.closed_at.is_some()) {
            continue;
        }
        let leaf = match held {
            Some(head) if head.seq > 0 => rows::get_raw_leaf(conn, tenant, log.epoch_no, head.seq)?,
            _ => None,
        };
        match outbox::compare(Head { seq, hash }, held, leaf) {
            Standing::At(head) if head.seq == log.acked_seq => {}
            Standing::At(head) if head.seq > log.acked_seq => {
                let place = (head.seq, head.hash);
                rows::update_raw_acked(conn, tenant, log.epoch_no, place, now)?;
                links::update_last_receipt(conn, tenant, now)?;
            }
            // The bytes up to what it once confirmed are gone here: they are read again.
            Standing::At(head) => {
                let first = rows::get_raw_begin_after(conn, tenant, log.epoch_no, head.seq)?;
                give_up(conn, tenant, &log, first.unwrap_or(log.begins_at), now)?;
            }
            // A backup was restored here: the hub has all up to where the slowest signal stands.
            Standing::Fork => {
                let places = rows::list_raw_places(conn, tenant, log.epoch_no)?;
                let slowest = places.iter().map(|(_, place)| Timestamp(*place)).min();
                give_up(conn, tenant, &log, slowest.unwrap_or(log.begins_at), now)?;
            }
        }
    }
    Ok(())
}

fn give_up(
    conn: &Connection,
    tenant: TenantId,
    log: &RawLog,
    again_from: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    warn!(%tenant, log = log.epoch_no, "The hub does not hold what was sent of the series; it is sent again.");
    rows::drop_raw_records(conn, tenant, log.epoch_no)?;
    // Given up for good: nothing is compared with it any more.
    rows::update_raw_acked(conn, tenant, log.epoch_no, (0, [0; 32]), now)?;
    if log.closed_at.is_none() {
        rows::close_raw_logs(conn, tenant, now)?;
        let from = again_from.max(log.begins_at);
        open_log(conn, tenant, log.appliance, from, now)?;
    }
    Ok(())
}

/// Sends a batch of pieces if there is one; `None` where there is nothing to do now.
pub(crate) async fn work(
    inner: &Inner,
    link: &Link,
    live: &Live,
    client: &Client,
) -> Result<Option<u64>, Failure> {
    let is_held = {
        let state = live.state.lock();
        state.raw.is_known_there != Some(true)
            || state
                .raw
                .refused
                .as_ref()
                .is_some_and(|(_, until)| *until > Instant::now())
    };
    let Some(historian) = inner.parts.historian.as_ref().filter(|_| !is_held) else {
        return Ok(None);
    };
    if link.choice.level < LEVEL {
        return Ok(None);
    }
    if let Err(error) = lay_out(inner, link, live, historian).await {
        warn!(tenant = %link.tenant_id, code = error.code, "Pieces of the series could not be laid out.");
    }
    match send(inner, link, live, client).await {
        Ok(sent) => Ok(sent),
        Err(failure) if failure.trouble == outbox::Trouble::Unreachable => Err(failure),
        // Asking where it stands is the next thing to do; whatever else it refuses waits by itself.
        Err(failure) if failure.asks_for_hello() => {
            let mut state = live.state.lock();
            state.ask_again();
            state.raw.refused = Some((failure.error, Instant::now() + LOOK_EVERY));
            Ok(None)
        }
        Err(failure) => {
            warn!(tenant = %link.tenant_id, code = failure.error.code, "The hub refuses pieces of the series.");
            let mut state = live.state.lock();
            state.raw.refused = Some((failure.error, Instant::now() + AGAIN_AFTER));
            Ok(None)
        }
    }
}

async fn send(
    inner: &Inner,
    link: &Link,
    live: &Live,
    client: &Client,
) -> Result<Option<u64>, Failure> {
    let (tenant, most) = (link.tenant_id, room(link.choice.cap_kbit));
    let appliance = link.appliance;
    let found = inner.parts.store.read(move |conn| {
        for log in rows::list_raw_logs(conn, tenant)? {
            if log.appliance != appliance {
                continue;
            }
            let records = rows::list_raw_after(conn, tenant, log.epoch_no, log.acked_seq, most)?;
            if !records.is_empty() {
                return Ok(Some((log, records)));
            }
        }
        Ok(None)
    });
    let Some((log, records)) = found.await.map_err(CodedError::from)? else {
        return Ok(None);
    };
    let line = Line {
        epoch: log.epoch,
        stream: STREAM,
    };
    let run = Run {
        tenant: *tenant.0.as_bytes(),
        appliance,
        line,
        after: Head {
            seq: log.acked_seq,
            hash: log.acked_hash,
        },
        records: &records,
    };
    let packed = pack(run, &client.key).map_err(|large| Failure {
        trouble: outbox::Trouble::Unsendable,
        error: CodedError::conflict("sync.record_too_large").with("seq", large.seq),
        wished: None,
    })?;
    let Some(packed) = packed else {
        return Ok(None);
    };
    let bytes = packed.bytes.len() as u64;
    FailPoint::PiecesBuilt.pass();
    let receipt = client.batch(packed.bytes).await?;
    FailPoint::PiecesHeard.pass();
    let held = receipt.marks.iter().find(|(of, _)| *of == line);
    let held = held
        .map(|(_, head)| *head)
        .ok_or(Failure::refused(code::GAP))?;
    let now = inner.now();
    let moved = inner.parts.store.write(move |tx| {
        let leaf = rows::get_raw_leaf(tx, tenant, log.epoch_no, held.seq)?;
        if held.seq <= log.acked_seq || leaf != Some(held.hash) {
            return Ok(false);
        }
        let place = (held.seq, held.hash);
        rows::update_raw_acked(tx, tenant, log.epoch_no, place, now)?;
        links::update_last_receipt(tx, tenant, now)?;
        FailPoint::PiecesMoved.pass();
        Ok(true)
    });
    if !moved.await.map_err(CodedError::from)? {
        return Err(Failure::refused(code::GAP));
    }
    let mut state = live.state.lock();
    state.raw.refused = None;
    state.raw.count(bytes);
    Ok(Some(bytes))
}

impl RawState {
    const SPEED_WINDOW: Duration = Duration::from_secs(120);

    /// Whatever was found before, it is looked and tried at once.
    pub(crate) fn look_again(&mut self) {
        (self.looked_at, self.refused, self.estimate) = (None, None, None);
    }

    fn count(&mut self, bytes: u64) {
        self.sent.push_back((Instant::now(), bytes));
        while self
            .sent
            .front()
            .is_some_and(|(at, _)| at.elapsed() > Self::SPEED_WINDOW)
        {
            self.sent.pop_front();
        }
    }

    /// Bytes per millisecond, as far as lately measured.
    #[expect(clippy::cast_precision_loss, reason = "a speed")]
    fn speed(&self) -> Option<f64> {
        let (first, _) = self.sent.front()?;
        let bytes: u64 = self.sent.iter().map(|(_, bytes)| bytes).sum();
        Some(bytes as f64 / first.elapsed().as_millis().max(1_000) as f64)
    }
}

/// Pieces of a signal to be laid out.
struct Taken {
    signal: RealSignal,
    pieces: Vec<SealedPiece>,
    place: Option<i64>,
}

/// Reads what is sealed behind the places, a step's worth at most.
fn sealed_of(
    historian: &Historian,
    signals: Vec<RealSignal>,
    places: Vec<(u32, i64)>,
    begins_at: Timestamp,
) -> Result<Vec<Taken>, HistorianError> {
    let places: HashMap<u32, i64> = places.into_iter().collect();
    let (mut taken, mut left) = (Vec::new(), STEP);
    for signal in signals {
        let after = places.get(&signal.signal_no).copied();
        let (pieces, place) = historian.sealed(signal.signal_no, after, begins_at, left)?;
        if place == after {
            continue;
        }
        let bytes: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
        taken.push(Taken {
            signal,
            pieces,
            place,
        });
        left = left.saturating_sub(bytes);
        if left == 0 {
            break;
        }
    }
    Ok(taken)
}

/// Lays out what is sealed and not in the log yet, not far ahead of the line.
async fn lay_out(
    inner: &Inner,
    link: &Link,
    live: &Live,
    historian: &Historian,
) -> Result<(), CodedError> {
    let tenant = link.tenant_id;
    let turn = {
        let state = live.state.lock();
        let is_early = state
            .raw
            .looked_at
            .is_some_and(|at| at.elapsed() < LOOK_EVERY);
        if is_early {
            return Ok(());
        }
        state.raw.turn
    };
    let appliance = link.appliance;
    let found = inner.parts.store.read(move |conn| {
        let logs = rows::list_raw_logs(conn, tenant)?;
        let open = logs
            .into_iter()
            .next_back()
            .filter(|log| log.closed_at.is_none() && log.appliance == appliance);
        let Some(log) = open else { return Ok(None) };
        let (_, ahead) = rows::get_raw_backlog(conn, tenant, log.epoch_no, log.acked_seq)?;
        if ahead >= AHEAD {
            return Ok(None);
        }
        let places = rows::list_raw_places(conn, tenant, log.epoch_no)?;
        Ok(Some((log, places, rows::list_real_signals(conn, tenant)?)))
    });
    let Some((log, places, mut signals)) = found.await? else {
        return Ok(());
    };
    // Every signal has its turn, also while one fills the room.
    let first = signals.partition_point(|signal| signal.signal_no <= turn);
    signals.rotate_left(first);
    let (historian, begins_at) = (historian.clone(), log.begins_at);
    let taken =
        tokio::task::spawn_blocking(move || sealed_of(&historian, signals, places, begins_at));
    let taken = taken.await.map_err(|_| internal())?.map_err(broken)?;
    {
        let mut state = live.state.lock();
        if taken.is_empty() {
            state.raw.looked_at = Some(Instant::now());
            return Ok(());
        }
        state.raw.turn = taken.last().map_or(0, |last| last.signal.signal_no);
        state.raw.estimate = None;
    }
    let (boot, since, now) = (inner.boot, inner.started.elapsed(), inner.now());
    let written = inner.parts.store.write(move |tx| {
        // Chosen otherwise meanwhile: what is laid out then does not leave.
        let logs = rows::list_raw_logs(tx, tenant)?;
        let is_open = logs
            .last()
            .is_some_and(|last| last.epoch_no == log.epoch_no && last.closed_at.is_none());
        if !is_open {
            return Ok(());
        }
        let place = Place {
            tenant,
            log: &log,
            boot,
            mono_us: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
            now,
        };
        append(tx, &place, &taken)
    });
    written.await?;
    Ok(())
}

/// Who writes, and in which run.
struct Place<'a> {
    tenant: TenantId,
    log: &'a RawLog,
    boot: [u8; 16],
    mono_us: u64,
    now: Timestamp,
}

fn append(conn: &Connection, place: &Place<'_>, taken: &[Taken]) -> Result<(), StoreError> {
    let (tenant, epoch_no) = (place.tenant, place.log.epoch_no);
    let (mut seq, mut prev_leaf) = rows::get_raw_head(conn, tenant, epoch_no)?.unwrap_or_default();
    for one in taken {
        for sealed in &one.pieces {
            if sealed.bytes.len() > MAX_PIECE {
                warn!(
                    signal = one.signal.signal_no,
                    "A piece is too large to leave."
                );
                continue;
            }
            seq += 1;
            let piece = Piece {
                signal: *one.signal.id.0.as_bytes(),
                asset: *one.signal.asset_id.0.as_bytes(),
                metric: &one.signal.metric,
                unit: &one.signal.unit,
                signal_no: one.signal.signal_no,
                from_ms: sealed.from.0,
                to_ms: sealed.to.0,
                samples: sealed.samples,
                bytes: &sealed.bytes,
            };
            let record = Record {
                log: LogId {
                    tenant: *tenant.0.as_bytes(),
                    appliance: place.log.appliance,
                    epoch: place.log.epoch,
                    stream: STREAM,
                },
                seq,
                prev_leaf,
                kind: KIND,
                schema_version: 1,
                event_ms: sealed.to.0,
                received_ms: place.now.0,
                boot: place.boot,
                mono_us: place.mono_us,
                source: "optria",
                quality: 0,
                actor: None,
                origin: Origin::Live,
                body: piece.body(),
            }
            .encode();
            let leaf = leaf_hash(&record);
            let new = NewRaw {
                seq,
                leaf: &leaf,
                from: sealed.from,
                record: &record,
            };
            rows::append_raw(conn, tenant, epoch_no, &new)?;
            prev_leaf = leaf;
        }
        if let Some(reached) = one.place {
            rows::put_raw_place(conn, tenant, epoch_no, (one.signal.signal_no, reached))?;
        }
    }
    FailPoint::PiecesLaidOut.pass();
    Ok(())
}
