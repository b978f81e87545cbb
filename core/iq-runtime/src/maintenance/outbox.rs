//! What may happen to a work order on its way out. Pure: time and chance are passed in.
//!
//! The one rule everything here serves: nothing is sent again while an earlier sending may have
//! arrived. A row is written down as `sending` before the call, so a program that dies in between
//! finds it there and searches for the reference first.

use iq_connector::Pushed;
use iq_domain::{CodedError, Message, Timestamp};
use iq_store::outbox::{OutboxRow, OutboxState};

/// How long after a lost answer each search follows the one before: the request may still be on its
/// way, so that not finding it at once proves little. Together more than any server keeps a request.
pub(crate) const PAUSES_MS: [i64; 3] = [5_000, 25_000, 120_000];

/// Searches in a row that must find nothing before it is sent again.
pub(crate) const ABSENCES: u32 = 3;

/// After so many sendings without an answer a person has to look.
pub(crate) const MAX_SENDS: u32 = 4;

/// Searches that fail in a row before a person has to look.
pub(crate) const MAX_FAILED_SEARCHES: u32 = 10;

const BACK_OFF_MS: i64 = 5_000;
const MAX_BACK_OFF_MS: i64 = 15 * 60_000;

/// What a row's turn is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Look for the reference on the other side.
    Search,
    /// Send.
    Send,
}

/// What to do with a row whose turn it is.
pub(crate) fn turn(row: &OutboxRow) -> Option<Turn> {
    match row.state {
        OutboxState::Queued if row.may_exist && row.absences == 0 => Some(Turn::Search),
        OutboxState::Queued => Some(Turn::Send),
        OutboxState::Sending => Some(Turn::Search),
        _ => None,
    }
}

/// The pause after the n-th failure; `jitter` (0–1) keeps many from knocking at once.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "minutes in milliseconds fit both types"
)]
pub(crate) fn back_off_ms(failures: u32, jitter: f64) -> i64 {
    let doubled = BACK_OFF_MS.saturating_mul(1_i64 << failures.saturating_sub(1).min(20));
    let longest = doubled.min(MAX_BACK_OFF_MS);
    (longest as f64 * (0.5 + jitter.clamp(0.0, 1.0) / 2.0)) as i64
}

fn fail(row: &mut OutboxRow, error: &CodedError) {
    let message = Message::from(error);
    row.error_code = Some(message.code);
    row.error_params = serde_json::json!(message.params);
}

fn forgive(row: &mut OutboxRow) {
    row.error_code = None;
    row.error_params = serde_json::json!({});
}

/// Before the call: from here on it may exist on the other side.
pub(crate) fn begin(row: &mut OutboxRow, now: Timestamp) {
    row.state = OutboxState::Sending;
    row.may_exist = true;
    row.sends += 1;
    row.absences = 0;
    row.last_send_at = Some(now);
    row.next_at = Some(now.plus_ms(PAUSES_MS[0]));
    row.changed_at = now;
}

/// The other side has it.
pub(crate) fn arrived(row: &mut OutboxRow, there: &Pushed, now: Timestamp) {
    row.state = OutboxState::Sent;
    row.number = Some(there.number.clone());
    row.version.clone_from(&there.version);
    row.sent_at = Some(now);
    row.next_at = None;
    row.failures = 0;
    row.changed_at = now;
    forgive(row);
}

/// Nothing was sent, this time; `may_exist` is what was known before.
pub(crate) fn not_sent(
    row: &mut OutboxRow,
    error: &CodedError,
    may_exist: bool,
    now: Timestamp,
    jitter: f64,
) {
    row.state = OutboxState::Queued;
    row.may_exist = may_exist;
    row.absences = 0;
    row.failures += 1;
    row.next_at = Some(now.plus_ms(back_off_ms(row.failures, jitter)));
    row.changed_at = now;
    fail(row, error);
}

/// The other side refused it, or it can't be sent as it is.
pub(crate) fn refused(row: &mut OutboxRow, error: &CodedError, now: Timestamp) {
    row.state = OutboxState::DeadLetter;
    row.next_at = None;
    row.failures = 0;
    row.changed_at = now;
    fail(row, error);
}

/// It was sent and no answer came.
pub(crate) fn lost(row: &mut OutboxRow, error: &CodedError, now: Timestamp) {
    row.state = OutboxState::Sending;
    row.absences = 0;
    row.failures = 0;
    row.next_at = Some(now.plus_ms(PAUSES_MS[0]));
    row.changed_at = now;
    fail(row, error);
}

/// A search found nothing.
pub(crate) fn absent(row: &mut OutboxRow, now: Timestamp) {
    row.absences += 1;
    row.failures = 0;
    row.changed_at = now;
    // Nothing was sent since the last certainty: one look is enough.
    if row.state == OutboxState::Queued {
        row.next_at = Some(now);
        return;
    }
    if row.absences < ABSENCES {
        let pause = PAUSES_MS
            .get(row.absences as usize)
            .copied()
            .unwrap_or(MAX_BACK_OFF_MS);
        row.next_at = Some(now.plus_ms(pause));
    } else if row.sends >= MAX_SENDS {
        unclear(
            row,
            &CodedError::conflict("work_orders.never_answered").with("count", row.sends),
            now,
        );
    } else {
        row.state = OutboxState::Queued;
        row.next_at = Some(now);
    }
}

/// A search failed.
pub(crate) fn search_failed(row: &mut OutboxRow, error: &CodedError, now: Timestamp, jitter: f64) {
    row.failures += 1;
    row.changed_at = now;
    if row.state == OutboxState::Sending && row.failures >= MAX_FAILED_SEARCHES {
        unclear(row, error, now);
        return;
    }
    // Answers must be in a row: what was not found before the failure may have arrived since.
    row.absences = 0;
    row.next_at = Some(now.plus_ms(back_off_ms(row.failures, jitter)));
    fail(row, error);
}

/// Only a person can tell.
pub(crate) fn unclear(row: &mut OutboxRow, error: &CodedError, now: Timestamp) {
    row.state = OutboxState::Unknown;
    row.next_at = None;
    row.changed_at = now;
    fail(row, error);
}

/// Waits for its turn, at once.
pub(crate) fn queue(row: &mut OutboxRow, now: Timestamp) {
    row.state = OutboxState::Queued;
    row.failures = 0;
    row.absences = 0;
    row.next_at = Some(now);
    row.changed_at = now;
    forgive(row);
}

/// What trying again means in the state a row is in.
pub(crate) fn retry(row: &mut OutboxRow, now: Timestamp) -> Result<(), CodedError> {
    match row.state {
        OutboxState::Queued | OutboxState::DeadLetter => queue(row, now),
        // What was corrected needs a new yes.
        OutboxState::Draft => {
            row.state = OutboxState::AwaitingApproval;
            row.changed_at = now;
            forgive(row);
        }
        OutboxState::Unknown => {
            row.state = OutboxState::Sending;
            row.failures = 0;
            row.absences = 0;
            row.next_at = Some(now);
            row.changed_at = now;
        }
        _ => return Err(wrong_state(row)),
    }
    Ok(())
}

/// Whether a person may still call it off. What may be on the other side has to be cleared up first.
pub(crate) fn may_reject(row: &OutboxRow) -> bool {
    match row.state {
        OutboxState::Draft | OutboxState::AwaitingApproval | OutboxState::DeadLetter => true,
        OutboxState::Queued => !row.may_exist,
        _ => false,
    }
}

/// Whether a person may correct it.
pub(crate) fn may_edit(row: &OutboxRow) -> bool {
    matches!(
        row.state,
        OutboxState::Draft | OutboxState::AwaitingApproval | OutboxState::DeadLetter
    )
}

/// The step does not fit the state.
pub(crate) fn wrong_state(row: &OutboxRow) -> CodedError {
    let state = serde_json::to_value(row.state).unwrap_or_default();
    CodedError::conflict("work_orders.state_wrong")
        .with("state", state.as_str().unwrap_or_default())
}
