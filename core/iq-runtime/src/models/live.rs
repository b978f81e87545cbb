//! The promoted model of an asset, row by row as the values come in. Each row is read once; nothing of
//! the history is read again.

use std::sync::Arc;

use iq_analytics::{
    Judged, MultiModel, MultiState, Verdict,
    lab::{self, Agreement, Alarm},
};
use iq_domain::{Alert, CodedError, TenantId, TimeRange, Timestamp};
use iq_historian::Historian;
use iq_store::asset_models::{self as rows, AssetModelRow};

use super::{broken, model_of};
use crate::{AssetEntry, Inner, SignalEntry, TenantIndex};

/// Values of a row may come this much after its end.
const GRACE_MS: i64 = 5_000;

/// Rows read at a start, so that the long averages know what went before.
const WARM_ROWS: i64 = 40;

/// A verdict older than this many rows says nothing about now.
const STALE_ROWS: i64 = 8;

/// Followed rows after which what they taught is taken into the regression.
const REFRESH_ROWS: u32 = 1_440;

/// The model in force of an asset.
pub(crate) struct InForce {
    pub(super) name: String,
    pub(super) row_ms: i64,
    limit: f64,
    /// False alarms per week that are put up with.
    pub(super) alarms_per_week: f64,
    /// It was trained in a demonstration.
    pub(super) is_demo: bool,
    pub(super) model: MultiModel,
}

/// Takes a version into use.
pub(super) fn follow(inner: &Inner, row: &AssetModelRow) {
    let Ok(found) = model_of(row) else {
        tracing::error!(asset = %row.asset_id, version = row.version, "A stored model can't be read.");
        return;
    };
    let card = &found.multi.card;
    let in_force = InForce {
        name: format!("{} v{} {}/{}", card.method, row.version, card.from, card.to),
        row_ms: found.row_ms,
        limit: row.alarm_limit.unwrap_or(1.0).max(1e-6),
        alarms_per_week: row.alarms_per_week,
        is_demo: row.is_demo,
        model: found.multi,
    };
    let mut models = inner.scores.models.write();
    models.insert(row.asset_id, Arc::new(in_force));
}

/// Takes the versions in force up at a start.
pub(crate) async fn resume(inner: &Inner) -> Result<(), CodedError> {
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        let all = inner
            .store
            .read(move |conn| rows::list_promoted_models(conn, tenant))
            .await?;
        for row in &all {
            follow(inner, row);
        }
    }
    Ok(())
}

/// A model at work: it follows what is usual, and remembers the last rows.
pub(crate) struct Judge {
    pub(super) in_force: Arc<InForce>,
    model: MultiModel,
    state: MultiState,
    agreement: Agreement,
    pub(super) alarm: Alarm,
    /// The last row of a score that stands over its limit and that nobody was to be told of.
    pub(super) held_back_at: Option<Timestamp>,
    /// The last row lies in a time of work on the machine.
    was_masked: bool,
    /// Start of the next row.
    next: Option<Timestamp>,
    followed: u32,
    verdict: Option<(Timestamp, Verdict)>,
}

impl Judge {
    fn new(in_force: Arc<InForce>, open: Option<&Alert>, now: Timestamp) -> Self {
        Self {
            model: in_force.model.clone(),
            in_force,
            state: MultiState::default(),
            agreement: Agreement::default(),
            alarm: open.map_or_else(Alarm::default, |a| Alarm::resumed(a.activated_at, now)),
            held_back_at: None,
            was_masked: false,
            next: None,
            followed: 0,
            verdict: None,
        }
    }

    /// The machine stands: what was averaged says nothing about the time after.
    fn clear(&mut self) {
        self.state.clear();
        self.agreement.clear();
        self.next = None;
        self.verdict = None;
    }

    /// What the model says now.
    pub(crate) fn verdict(&self, now: Timestamp) -> Option<&Verdict> {
        let (at, verdict) = self.verdict.as_ref()?;
        (now.since_ms(*at) <= STALE_ROWS * self.in_force.row_ms).then_some(verdict)
    }

    fn take(&mut self, at: Timestamp, row: &[f64], is_masked: bool) {
        if self.was_masked && !is_masked {
            // What was averaged during the work says nothing about the time after.
            self.state.clear();
            self.agreement.clear();
        }
        self.was_masked = is_masked;
        let row_ms = self.in_force.row_ms;
        self.alarm.settle(at, row_ms);
        let answer = self.model.score(&mut self.state, row).map(|score| {
            self.model.follow(row, &score, is_masked);
            self.followed += 1;
            let share = self.agreement.take(score.anomaly) / self.in_force.limit;
            let inputs = &self.model.card.inputs;
            let signals: Vec<_> = inputs.iter().cloned().zip(score.contributions).collect();
            if !is_masked {
                self.alarm.take(at, share, &signals, row_ms);
            }
            Judged {
                level: lab::level(share),
                signals,
            }
        });
        if self.followed >= REFRESH_ROWS {
            self.followed = 0;
            // A correlation that has become useless leaves the regression as it was learned.
            drop(self.model.refresh());
        }
        let name = self.in_force.name.clone();
        self.verdict = Some((at, Verdict { name, answer }));
    }
}

/// What is known of a machine beside its values.
pub(crate) struct Circumstances<'a> {
    /// It runs as it usually does.
    pub(crate) is_steady: bool,
    /// Times in which it was or is worked on.
    pub(crate) worked: &'a [TimeRange],
    /// The alert of its score that stands.
    pub(crate) open: Option<&'a Alert>,
}

/// Brings the judge of a machine up to now: none where no model is in force.
pub(crate) async fn judge(
    inner: &Inner,
    judge: &mut Option<Judge>,
    (plant, entry): (&TenantIndex, &AssetEntry),
    known: &Circumstances<'_>,
    now: Timestamp,
) -> Result<(), CodedError> {
    let in_force = inner.scores.models.read().get(&entry.asset.id).cloned();
    let Some(in_force) = in_force else {
        *judge = None;
        return Ok(());
    };
    let is_same = judge
        .as_ref()
        .is_some_and(|j| Arc::ptr_eq(&j.in_force, &in_force));
    if !is_same {
        *judge = Some(Judge::new(Arc::clone(&in_force), known.open, now));
    }
    let Some(judge) = judge else { return Ok(()) };
    // Until here all rows have been read that there are.
    let read_to = now.plus_ms(-2 * in_force.row_ms - GRACE_MS);
    judge.alarm.settle(read_to, in_force.row_ms);
    if !known.is_steady {
        judge.clear();
        return Ok(());
    }
    let row_ms = in_force.row_ms.max(1);
    let end = Timestamp((now.0 - GRACE_MS).div_euclid(row_ms) * row_ms);
    let earliest = end.plus_ms(-WARM_ROWS * row_ms);
    let start = judge.next.map_or(earliest, |next| next.max(earliest));
    let Some(range) = TimeRange::new(start, end) else {
        return Ok(());
    };
    judge.next = Some(end);
    let numbers = numbers(plant, entry, &in_force.model.card.inputs);
    let historian = inner.historian.clone();
    let samples =
        tokio::task::spawn_blocking(move || newest_rows(&historian, &numbers, range, row_ms))
            .await
            .map_err(|_| broken())??;
    for (at, row) in samples {
        let is_masked = known.worked.iter().any(|range| range.contains(at));
        judge.take(at, &row, is_masked);
    }
    Ok(())
}

/// Numbers of a model's inputs in the historian; none for one that is no longer mapped.
fn numbers(plant: &TenantIndex, entry: &AssetEntry, inputs: &[String]) -> Vec<Option<u32>> {
    let own: Vec<&SignalEntry> = entry
        .signals
        .iter()
        .filter_map(|id| plant.signals.get(id))
        .filter(|s| s.mapping.is_some())
        .collect();
    let of = |metric: &String| own.iter().find(|s| s.signal.metric == *metric);
    inputs
        .iter()
        .map(|metric| of(metric).map(|s| s.signal.signal_no))
        .collect()
}

/// The rows of a window, each value held as long as in training.
fn newest_rows(
    historian: &Historian,
    numbers: &[Option<u32>],
    range: TimeRange,
    row_ms: i64,
) -> Result<Vec<(Timestamp, Vec<f64>)>, CodedError> {
    let wider = TimeRange {
        from: range.from.plus_ms(-lab::HOLD_ROWS * row_ms),
        to: range.to,
    };
    let mut series = Vec::with_capacity(numbers.len());
    for number in numbers {
        series.push(match number {
            Some(number) => historian.buckets(*number, wider, row_ms)?,
            None => Vec::new(),
        });
    }
    Ok(lab::rows(&series, wider, row_ms)
        .into_iter()
        .filter(|s| s.at >= range.from)
        .map(|s| (s.at, s.values))
        .collect())
}
