//! How sync stands, for people.

use iq_domain::{CodedError, Names, TenantId, Timestamp, cbor};
use iq_store::{
    Connection, StoreError,
    sync::{self as rows, Choice, Hub, Link, Question},
    tenants,
};
use iq_sync_proto::outbox::{Facts, State};

use crate::{
    RawStatus, Sync, raw,
    tracks::{self, Log},
    work,
};

/// The stream of the audit.
const AUDIT: u8 = 2;

/// How sync of a tenant stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncStatus {
    /// The state by its name; `None` before enrolment.
    pub state: Option<State>,
    /// What went wrong last.
    pub error: Option<CodedError>,
    /// When it is tried again.
    pub next_try_at: Option<Timestamp>,
    /// The link, if there is one that was answered.
    pub link: Option<Link>,
    /// Its hub.
    pub hub: Option<Hub>,
    /// What the hub calls this tenant.
    pub hub_names: Option<Names>,
    /// What may leave.
    pub choice: Option<Choice>,
    /// Whether it is the hours that hold it.
    pub is_outside_hours: bool,
    /// Records that no receipt covers.
    pub backlog: u64,
    /// Those of them that were written to files.
    pub unconfirmed: u64,
    /// Records the hub has confirmed.
    pub confirmed: u64,
    /// When the oldest unsent record came in.
    pub oldest_unsent_at: Option<Timestamp>,
    /// How long the backlog takes at the speed of the last minutes, milliseconds.
    pub drain_ms: Option<u64>,
    /// Records per second of the last minutes.
    pub records_per_second: Option<f64>,
    /// How far the hub's clock is ahead, milliseconds.
    pub hub_clock_ahead_ms: Option<i64>,
    /// Log by log.
    pub lines: Vec<LineStatus>,
    /// What a person has to look at.
    pub questions: Vec<Question>,
    /// Flags the hub has set.
    pub flags: Vec<(String, bool)>,
    /// The fourth level; `None` before enrolment.
    pub raw: Option<RawStatus>,
}

/// One log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineStatus {
    /// Number of the epoch.
    pub epoch_no: i64,
    /// The epoch's name.
    pub epoch: [u8; 16],
    /// Stream.
    pub stream: u8,
    /// Records here.
    pub records: u64,
    /// Records confirmed.
    pub confirmed: u64,
    /// Records written to files.
    pub written: u64,
    /// When that was heard.
    pub confirmed_at: Option<Timestamp>,
    /// Since when the hub is known to hold another history.
    pub forked_at: Option<Timestamp>,
    /// Who has looked at that.
    pub fork_seen: Option<String>,
}

impl Sync {
    /// How it stands.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn status(&self, tenant: TenantId) -> Result<SyncStatus, CodedError> {
        let found = self.0.parts.store.read(move |conn| gather(conn, tenant));
        let (link, hub_names, logs, oldest, questions, flags) = found.await?;
        let now = self.0.now();
        let live = self.0.live(tenant);
        let raw = match link.as_ref().filter(|link| link.hub.is_some()) {
            Some(link) => raw::status(&self.0, link, live.as_deref()).await?,
            None => None,
        };
        let state = live.as_ref().map(|live| live.state.lock());
        let hub = link.as_ref().and_then(|link| link.hub.clone());
        let backlog = logs.iter().map(|log| log.track.backlog()).sum();
        let unconfirmed: u64 = logs.iter().map(unconfirmed).sum();
        let is_by_file = link.as_ref().is_some_and(|l| l.choice.way.is_by_file());
        let speed = state.as_ref().and_then(|state| state.speed());
        let is_held = link.as_ref().is_some_and(|link| work::is_held(link, now));
        let trouble = state.as_ref().and_then(|state| state.trouble.clone());
        let session = state.as_ref().and_then(|state| state.session.clone());
        let facts = Facts {
            is_paused: is_held,
            is_forked: logs
                .iter()
                .any(|log| log.cursor.forked_at.is_some() && log.cursor.fork_seen.is_none()),
            trouble: trouble.as_ref().map(|(trouble, _)| *trouble),
            backlog,
            unwritten: is_by_file.then(|| unwritten(&logs, unconfirmed)),
        };
        Ok(SyncStatus {
            state: hub.as_ref().map(|_| State::of(facts)),
            error: trouble.map(|(_, error)| error),
            next_try_at: state.as_ref().and_then(|state| state.next_try_at),
            choice: link.as_ref().map(|link| link.choice.clone()),
            is_outside_hours: is_held && !link.as_ref().is_some_and(|l| l.choice.is_paused),
            backlog,
            unconfirmed,
            confirmed: logs.iter().map(|log| log.track.acked.seq).sum(),
            oldest_unsent_at: oldest.map(Timestamp),
            drain_ms: speed.and_then(|speed| drain_ms(backlog, speed)),
            records_per_second: speed,
            hub_clock_ahead_ms: session.map(|s| s.hub_at_ms.saturating_sub(s.heard_at_ms)),
            lines: logs.iter().map(line).collect(),
            questions,
            flags,
            raw,
            hub,
            hub_names,
            link,
        })
    }

    /// A person has looked at the forks: they stay what they are, and are no longer in the way.
    ///
    /// # Errors
    /// When the tenant has no hub.
    pub async fn fork_seen(&self, tenant: TenantId, by: &str) -> Result<(), CodedError> {
        self.link(tenant).await?;
        let by = by.to_owned();
        self.0
            .parts
            .store
            .write(move |tx| {
                for mut cursor in rows::list_cursors(tx, tenant)? {
                    if cursor.forked_at.is_some() && cursor.fork_seen.is_none() {
                        cursor.fork_seen = Some(by.clone());
                        rows::put_cursor(tx, tenant, &cursor)?;
                    }
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}

type Gathered = (
    Option<Link>,
    Option<Names>,
    Vec<Log>,
    Option<i64>,
    Vec<Question>,
    Vec<(String, bool)>,
);

fn gather(conn: &Connection, tenant: TenantId) -> Result<Gathered, StoreError> {
    let link = rows::get_link(conn, tenant)?;
    let logs = match &link {
        Some(link) => tracks::allowed(conn, tenant, link)?,
        None => Vec::new(),
    };
    let oldest = oldest_unsent(conn, &logs)?;
    let names = match &link {
        Some(link) => hub_names(conn, link)?,
        None => None,
    };
    Ok((
        link,
        names,
        logs,
        oldest,
        rows::list_open_questions(conn, tenant)?,
        rows::list_flags(conn, tenant)?,
    ))
}

/// What the hub calls the tenant. Its answer to an enrolment has room for one name; both come with the first
/// changes from above, as every later name does, and nobody here renames a tenant.
fn hub_names(conn: &Connection, link: &Link) -> Result<Option<Names>, StoreError> {
    let Some(hub) = &link.hub else {
        return Ok(None);
    };
    let sent = match link.changes_rev {
        0 => None,
        _ => tenants::get_tenant(conn, link.tenant_id)?,
    };
    let first = || Names {
        en: hub.tenant_name.clone(),
        ar: String::new(),
    };
    Ok(Some(sent.map_or_else(first, |row| row.names)))
}

/// When the oldest record that no receipt covers came in, Unix milliseconds.
pub(crate) fn oldest_unsent(conn: &Connection, logs: &[Log]) -> Result<Option<i64>, StoreError> {
    let mut oldest: Option<i64> = None;
    for log in logs.iter().filter(|log| log.track.backlog() > 0) {
        let after = log.track.acked.seq;
        for record in tracks::records_after(conn, log.key, after, after + 1, 1)? {
            let received = cbor::decode(&record)
                .ok()
                .and_then(|value| value.get(11).and_then(cbor::Value::int));
            oldest = oldest.into_iter().chain(received).min();
        }
    }
    Ok(oldest)
}

/// Records that are in no file yet. Those of the audit alone call for none while a file is on its way:
/// writing it is such a record.
fn unwritten(logs: &[Log], unconfirmed: u64) -> u64 {
    let is_on_its_way = unconfirmed > 0;
    logs.iter()
        .filter(|log| log.key.stream != AUDIT || !is_on_its_way)
        .map(|log| log.track.backlog().saturating_sub(self::unconfirmed(log)))
        .sum()
}

/// Records in files that no receipt covers.
fn unconfirmed(log: &Log) -> u64 {
    let written = log.cursor.written_seq.saturating_sub(log.track.acked.seq);
    written.min(log.track.backlog())
}

fn line(log: &Log) -> LineStatus {
    LineStatus {
        epoch_no: log.key.epoch_no,
        epoch: log.track.line.epoch,
        stream: log.key.stream,
        records: log.track.head.seq,
        confirmed: log.track.acked.seq,
        written: log.cursor.written_seq,
        confirmed_at: log.cursor.acked_at,
        forked_at: log.cursor.forked_at,
        fork_seen: log.cursor.fork_seen.clone(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate; a float beyond the range is the largest number"
)]
fn drain_ms(backlog: u64, speed: f64) -> Option<u64> {
    (speed > 0.0 && backlog > 0).then(|| (backlog as f64 / speed * 1_000.0) as u64)
}
