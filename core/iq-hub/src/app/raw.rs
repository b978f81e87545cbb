//! Pieces of series: taken in like every other log, in tables of their own, and read as trends. What can't
//! be read of a piece is left out and counted; the log keeps it.

use iq_api_types::{HubSignal, HubTrend, Series};
use iq_chunk::{SIGNAL_END, TIME_END, block::Block};
use iq_config::FailPoint;
use iq_domain::{
    AssetId, CodedError, ErrorKind, Names, Provenance, SignalId, TimeRange, Timestamp,
};
use iq_evidence::{Origin, Record};
use iq_sync_proto::{
    Head,
    batch::Opened,
    figures::Kind,
    hub::{self as rules, Decision},
    raw::{KIND, Piece},
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::quota;
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        figures::{self, Wanted},
        raw::{self, Came, Stretch, Told},
        sync::{self, Owner, Way},
    },
};

/// Pieces of one answer, and their bytes: all of them are held while they are drawn.
const MOST_PIECES: u64 = 1_000;
const MOST_BYTES: u64 = 64 << 20;
/// Columns of a trend when none are asked for, and at most.
const COLUMNS: u32 = 800;
const MOST_COLUMNS: u32 = 4_000;
/// Shown when no start is given.
const DEFAULT_MS: i64 = 7 * 86_400_000;

/// Applies a verified batch of pieces in one transaction, with the cursor of its log locked.
pub(super) async fn apply(hub: &Hub, owner: Owner, batch: &Opened, way: Way) -> Answer<Head> {
    let (line, now) = (&batch.header.line, hub.now());
    let told: Vec<Told> = batch.records.iter().map(|record| told(record)).collect();
    let mut tx = hub.store.tenant(owner.0).await?;
    let cursor = raw::lock_cursor(&mut tx, owner, line, now).await?;
    if cursor == Head::EMPTY {
        quota::begin_log(hub, &mut tx, owner).await?;
    }
    let stored = match rules::probe(cursor, &batch.header) {
        // Each number up to the cursor was stored once: what is not there any more was taken out for its
        // age. The receipt says where the log stands, and an appliance with another history sees that.
        Some(seq) => raw::get_leaf(&mut tx, owner, line, seq)
            .await?
            .or(Some(batch.header.end_hash)),
        None => None,
    };
    match rules::decide(cursor, batch, stored) {
        Decision::Store { from, head } => {
            quota::require_room(hub, &mut tx, owner).await?;
            raw::store(&mut tx, owner, batch, (&told, from, head), now).await?;
            sync::note_receipt(&mut tx, owner, &batch.records[from..], (way, now)).await?;
            FailPoint::PiecesStored.pass();
            tx.commit().await?;
            FailPoint::PiecesCommitted.pass();
            Ok(head)
        }
        Decision::Resend => Ok(cursor),
        Decision::Gap { expected } => {
            let gap = CodedError::conflict("sync.gap").with("expected", expected);
            Err(Failure::new(gap))
        }
        // A restored appliance goes on under another name; there is no history here for a person to judge.
        Decision::Fork { seq } => {
            let fork = CodedError::conflict("sync.fork").with("seq", seq);
            Err(Failure::new(fork))
        }
    }
}

/// What stands beside the bytes of a record, so that it is found.
fn told(bytes: &[u8]) -> Told {
    let Ok(record) = Record::decode(bytes) else {
        return Told::default();
    };
    let is_demo = record.origin == Origin::Demo;
    // What lies at no time that can be asked for is found under none.
    let piece = (record.kind == KIND)
        .then(|| Piece::read(&record.body))
        .flatten()
        .filter(|piece| 0 <= piece.from_ms && piece.to_ms < TIME_END);
    let Some(piece) = piece else {
        return Told {
            is_demo,
            ..Told::default()
        };
    };
    // Postgres keeps no NUL in a text.
    let clean = |word: &str| iq_domain::neutralise(word, 200);
    Told {
        signal: Some(Uuid::from_bytes(piece.signal)),
        asset: Some(Uuid::from_bytes(piece.asset)),
        metric: Some(clean(piece.metric)),
        unit: Some(clean(piece.unit)),
        from_ms: Some(piece.from_ms),
        to_ms: Some(piece.to_ms),
        samples: i64::try_from(piece.samples).ok(),
        is_demo,
    }
}

/// The samples of a record, if they can be read.
fn samples(bytes: &[u8]) -> Option<Block> {
    let record = Record::decode(bytes).ok()?;
    let piece = Piece::read(&record.body)?;
    let is_key = piece.signal_no < SIGNAL_END && (0..TIME_END).contains(&piece.from_ms);
    let block = iq_chunk::decode(piece.signal_no, piece.from_ms, piece.bytes).filter(|_| is_key)?;
    let span = block.first_time().zip(block.last_time());
    let is_rising = block.times().windows(2).all(|pair| pair[0] < pair[1]);
    (span == Some((piece.from_ms, piece.to_ms)) && is_rising).then_some(block)
}

/// Signals of an asset of which series are held, one for each unit; 404 for an asset that no plant of the tenant told of.
pub(crate) async fn list_signals(
    hub: &Hub,
    owner: Owner,
    asset: AssetId,
) -> Answer<Vec<HubSignal>> {
    let mut tx = hub.store.tenant(owner.0).await?;
    let held = raw::list_signals(&mut tx, owner, asset.0, None).await?;
    if held.is_empty() {
        let key = asset.to_string();
        let wanted = Wanted {
            kind: Kind::Asset,
            appliance: Some(owner.1),
            word: "",
            key: &key,
        };
        let (_, told) = figures::list(&mut tx, owner.0, &wanted, (1, 0)).await?;
        if told == 0 {
            return Err(Failure::not_found());
        }
    }
    Ok(held
        .into_iter()
        .map(|one| HubSignal {
            id: SignalId(one.signal),
            names: names_of(&one.metric),
            metric: one.metric,
            unit: one.unit,
            from: one.from,
            to: one.to,
            pieces: one.pieces,
            is_demo: one.is_demo,
        })
        .collect())
}

/// What a metric is called, by the first family that has it.
fn names_of(metric: &str) -> Names {
    iq_mapping::catalogue()
        .families()
        .flat_map(|family| &family.metrics)
        .find(|known| known.metric == metric)
        .map(|known| known.names.clone())
        .unwrap_or_default()
}

/// `?unit=&from=&to=&width=`
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct TrendFilter {
    /// Unit, where values came in several; that of the newest value if absent.
    unit: Option<String>,
    /// Start in UTC milliseconds; seven days before the end if absent.
    from: Option<i64>,
    /// End in UTC milliseconds; just after the newest value if absent.
    to: Option<i64>,
    /// Columns of the chart, 800 if absent, at most 4,000.
    width: Option<u32>,
}

/// A trend of a signal, in one unit.
pub(crate) async fn trend(
    hub: &Hub,
    owner: Owner,
    (asset, signal): (AssetId, SignalId),
    filter: &TrendFilter,
) -> Answer<HubTrend> {
    let mut tx = hub.store.tenant(owner.0).await?;
    let held = raw::list_signals(&mut tx, owner, asset.0, Some(signal.0)).await?;
    let held = held
        .into_iter()
        .filter(|one| filter.unit.as_ref().is_none_or(|unit| *unit == one.unit))
        .max_by_key(|one| one.to)
        .ok_or_else(Failure::not_found)?;
    let to = filter.to.unwrap_or(held.to.0 + 1);
    let from = filter.from.unwrap_or_else(|| to.saturating_sub(DEFAULT_MS));
    if !(0..TIME_END).contains(&from) {
        return Err(Failure::field("from", "request.time_out_of_range"));
    }
    if !(0..=TIME_END).contains(&to) {
        return Err(Failure::field("to", "request.time_out_of_range"));
    }
    let range = TimeRange::new(Timestamp(from), Timestamp(to))
        .ok_or_else(|| Failure::field("to", "request.window_empty"))?;
    let stretch = Stretch {
        owner,
        asset: asset.0,
        signal: signal.0,
        unit: held.unit.clone(),
        from: range.from,
        to: range.to,
    };
    let (count, bytes) = raw::measure(&mut tx, &stretch).await?;
    if count > MOST_PIECES || bytes > MOST_BYTES {
        let long = CodedError::new(ErrorKind::TooMuch, "hub.trend_too_long");
        return Err(Failure::new(long));
    }
    let pieces = raw::list_pieces(&mut tx, &stretch).await?;
    tx.commit().await?;
    let width = filter.width.unwrap_or(COLUMNS).clamp(1, MOST_COLUMNS);
    let drawn = tokio::task::spawn_blocking(move || draw(&pieces, range, width as usize));
    let drawn = drawn.await.map_err(|_| Failure::internal())?;
    Ok(HubTrend {
        series: Series {
            signal_id: signal,
            unit: held.unit,
            provenance: if drawn.t.len() as u64 == drawn.samples {
                Provenance::Raw
            } else {
                Provenance::RolledUp
            },
            from: range.from,
            to: range.to,
            t: drawn.t,
            v: drawn.v,
            bad: drawn.bad,
        },
        metric: held.metric,
        samples: drawn.samples,
        damaged: drawn.damaged,
        kept_days: Some(hub.config.series_days).filter(|days| *days > 0),
        is_demo: held.is_demo,
    })
}

/// A trend while it is drawn.
#[derive(Debug, Default, PartialEq)]
struct Drawn {
    t: Vec<i64>,
    v: Vec<Option<f64>>,
    bad: Vec<u32>,
    samples: u64,
    damaged: u64,
}

/// Draws what pieces hold of a stretch of time: of each column the first, smallest, largest and last
/// value, and a gap where quality was lost.
fn draw(pieces: &[Came], range: TimeRange, width: usize) -> Drawn {
    let mut columns = Columns {
        range,
        width,
        at: 0,
        column: Column::default(),
        drawn: Drawn::default(),
    };
    let mut damaged = 0;
    let mut held: Vec<((i64, i64), Block)> = Vec::new();
    let mut end: Option<i64> = None;
    for piece in pieces {
        let Some(block) = samples(&piece.rec) else {
            damaged += 1;
            continue;
        };
        if block.first_time() > end {
            columns.take(&settled(std::mem::take(&mut held)));
        }
        end = end.max(block.last_time());
        held.push((piece.order, block));
    }
    columns.take(&settled(held));
    columns.end();
    Drawn {
        damaged,
        ..columns.drawn
    }
}

/// Pieces that overlap as one. Where several hold the same time, what came last stands, wherever it begins.
fn settled(mut pieces: Vec<((i64, i64), Block)>) -> Block {
    pieces.sort_by_key(|(order, _)| *order);
    let blocks = pieces.into_iter().map(|(_, block)| block);
    blocks
        .reduce(|held, later| held.merged(&later))
        .unwrap_or_default()
}

/// One column while it is filled: moments with their values.
#[derive(Default)]
struct Column {
    first: Option<(i64, f64)>,
    low: Option<(i64, f64)>,
    high: Option<(i64, f64)>,
    last: Option<(i64, f64)>,
    gap: Option<i64>,
}

struct Columns {
    range: TimeRange,
    width: usize,
    at: usize,
    column: Column,
    drawn: Drawn,
}

impl Columns {
    fn take(&mut self, block: &Block) {
        for i in block.span(self.range.from.0, self.range.to.0) {
            let t = block.times()[i];
            let offset = i128::from(t - self.range.from.0) * self.width as i128;
            let at = offset / i128::from(self.range.length_ms());
            let at = usize::try_from(at).unwrap_or(0);
            if at != self.at {
                self.end();
                self.at = at;
            }
            self.drawn.samples += 1;
            let column = &mut self.column;
            let Some(value) = block.usable_number(i) else {
                column.gap.get_or_insert(t);
                continue;
            };
            column.first.get_or_insert((t, value));
            if column.low.is_none_or(|(_, low)| value < low) {
                column.low = Some((t, value));
            }
            if column.high.is_none_or(|(_, high)| value > high) {
                column.high = Some((t, value));
            }
            column.last = Some((t, value));
        }
    }

    /// Writes the points of the column that is full.
    fn end(&mut self) {
        let Column {
            first,
            low,
            high,
            last,
            gap,
        } = std::mem::take(&mut self.column);
        let mut points: Vec<(i64, Option<f64>)> = [first, low, high, last]
            .into_iter()
            .flatten()
            .map(|(t, value)| (t, Some(value)))
            .chain(gap.map(|t| (t, None)))
            .collect();
        points.sort_by_key(|(t, _)| *t);
        points.dedup_by_key(|(t, _)| *t);
        for (t, value) in points {
            if value.is_none() {
                let place = u32::try_from(self.drawn.t.len()).unwrap_or(u32::MAX);
                self.drawn.bad.push(place);
            }
            self.drawn.t.push(t);
            self.drawn.v.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use iq_domain::Value;
    use iq_evidence::LogId;

    use super::*;

    /// A record with a value a second from a moment on.
    fn record(from: i64, values: &[Option<f64>]) -> Vec<u8> {
        let mut block = Block::default();
        for (value, t) in values.iter().zip((from..).step_by(1_000)) {
            block.put(t, value.map(Value::Number).as_ref(), 0);
        }
        let bytes = iq_chunk::encode(7, &block, 8).unwrap();
        let piece = Piece {
            signal: [1; 16],
            asset: [2; 16],
            metric: "flow",
            unit: "m3/h",
            signal_no: 7,
            from_ms: from,
            to_ms: block.last_time().unwrap(),
            samples: block.len() as u64,
            bytes: &bytes,
        };
        of(&piece)
    }

    /// The record of a piece.
    fn of(piece: &Piece<'_>) -> Vec<u8> {
        Record {
            log: LogId {
                tenant: [3; 16],
                appliance: [4; 16],
                epoch: [5; 16],
                stream: 6,
            },
            seq: 1,
            prev_leaf: [0; 32],
            kind: KIND,
            schema_version: 1,
            event_ms: 0,
            received_ms: 0,
            boot: [6; 16],
            mono_us: 1,
            source: "optria",
            quality: 0,
            actor: None,
            origin: Origin::Live,
            body: piece.body(),
        }
        .encode()
    }

    fn range(from: i64, to: i64) -> TimeRange {
        TimeRange::new(Timestamp(from), Timestamp(to)).unwrap()
    }

    /// Pieces that came in this order.
    fn came(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<Came> {
        let came = |(seq, rec)| Came {
            order: (0, seq),
            rec,
        };
        (0..).zip(pieces).map(came).collect()
    }

    #[test]
    fn every_value_of_a_short_stretch_is_drawn_and_a_gap_stays_one() {
        let pieces = came([
            record(0, &[Some(1.0), None, Some(3.0)]),
            record(9_000, &[Some(9.0)]),
        ]);
        let drawn = draw(&pieces, range(0, 10_000), 1_000);
        assert_eq!(drawn.t, [0, 1_000, 2_000, 9_000]);
        assert_eq!(drawn.v, [Some(1.0), None, Some(3.0), Some(9.0)]);
        assert_eq!((drawn.bad, drawn.samples, drawn.damaged), (vec![1], 4, 0));
        // Only what was asked for.
        assert_eq!(draw(&pieces, range(1_500, 9_000), 10).t, [2_000]);
    }

    #[test]
    fn a_spike_survives_the_thinning() {
        let values: Vec<Option<f64>> = (0..10_000)
            .map(|i| Some(if i == 4_321 { 99.0 } else { f64::from(i % 7) }))
            .collect();
        let drawn = draw(&came([record(0, &values)]), range(0, 10_000_000), 100);
        assert!(drawn.t.len() <= 400, "{}", drawn.t.len());
        assert!(drawn.v.contains(&Some(99.0)));
        assert_eq!(drawn.samples, 10_000);
    }

    #[test]
    fn what_was_sent_again_counts_once_and_what_came_later_stands() {
        let pieces = came([
            record(0, &[Some(1.0), Some(2.0), Some(3.0)]),
            record(1_000, &[Some(20.0), Some(30.0), Some(40.0)]),
        ]);
        let drawn = draw(&pieces, range(0, 10_000), 1_000);
        assert_eq!(drawn.v, [Some(1.0), Some(20.0), Some(30.0), Some(40.0)]);
        assert_eq!(drawn.samples, 4);
        // The larger piece came last: what it corrects stays corrected, though the other one begins later.
        let mut pieces = came([
            record(1_000, &[Some(20.0)]),
            record(5_000, &[Some(50.0)]),
            record(0, &[Some(1.0), Some(2.0), Some(3.0)]),
        ]);
        pieces.rotate_right(1);
        let drawn = draw(&pieces, range(0, 10_000), 1_000);
        assert_eq!(drawn.v, [Some(1.0), Some(2.0), Some(3.0), Some(50.0)]);
    }

    #[test]
    fn a_piece_of_no_time_that_can_be_asked_for_is_found_under_none() {
        let good = record(0, &[Some(1.0), Some(2.0)]);
        let good = told(&good);
        assert_eq!((good.from_ms, good.to_ms), (Some(0), Some(1_000)));
        for (from_ms, to_ms) in [(-1, 9), (0, TIME_END), (0, i64::MAX)] {
            let piece = Piece {
                signal: [1; 16],
                asset: [2; 16],
                metric: "flow",
                unit: "m3/h",
                signal_no: 7,
                from_ms,
                to_ms,
                samples: 1,
                bytes: &[],
            };
            assert_eq!(told(&of(&piece)).signal, None, "{from_ms} {to_ms}");
        }
    }

    #[test]
    fn a_damaged_piece_is_counted_and_the_rest_is_drawn() {
        let good = record(0, &[Some(1.0)]);
        let mut bad = record(5_000, &[Some(2.0), Some(3.0)]);
        let last = bad.len() - 6;
        bad[last] ^= 1;
        let drawn = draw(&came([good, bad, vec![0; 9]]), range(0, 10_000), 10);
        assert_eq!((drawn.t, drawn.damaged), (vec![0], 2));
    }
}
