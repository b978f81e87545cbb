//! What leaves at the fourth level: sealed pieces of the series of signals, in a log of their own. Each
//! record holds one piece in the form that `iq_chunk` reads and writes.

use iq_domain::cbor::Value;

use crate::Id;

/// The stream of their log.
pub const STREAM: u8 = 6;
/// The level from which on they are written and sent.
pub const LEVEL: u8 = 4;
/// The kind of their records.
pub const KIND: &str = "piece";
/// The version of the protocol whose hubs know the stream.
pub const SINCE_PROTO: u32 = 2;
/// Bytes of a piece at most: with its record it fits into a batch however badly it packs.
pub const MAX_PIECE: usize = crate::MAX_PACKED - 64 * 1_024;
/// Logs of pieces that a welcome tells of.
pub const MAX_LOGS: usize = 16;
/// Bytes of a word: a metric or a unit.
const MOST_WORD: usize = 200;
/// The form of the bytes.
const FORM: i64 = 1;

/// A piece of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// 1: the signal.
    pub signal: Id,
    /// 2: its asset.
    pub asset: Id,
    /// 3: metric.
    pub metric: &'a str,
    /// 4: unit.
    pub unit: &'a str,
    /// 5: number of the signal; the checksum of the bytes covers it.
    pub signal_no: u32,
    /// 6: time of the first sample, Unix milliseconds; the checksum covers it too.
    pub from_ms: i64,
    /// 7: time of the last sample.
    pub to_ms: i64,
    /// 8: samples.
    pub samples: u64,
    /// 10: the bytes; 9 is their form, 1.
    pub bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// The body of its record.
    #[must_use]
    pub fn body(&'a self) -> Vec<(i64, Value<'a>)> {
        vec![
            (1, Value::Bytes(&self.signal)),
            (2, Value::Bytes(&self.asset)),
            (3, Value::Text(self.metric)),
            (4, Value::Text(self.unit)),
            (5, Value::Int(i64::from(self.signal_no))),
            (6, Value::Int(self.from_ms)),
            (7, Value::Int(self.to_ms)),
            (8, Value::count(self.samples)),
            (9, Value::Int(FORM)),
            (10, Value::Bytes(self.bytes)),
        ]
    }

    /// The piece a body tells of; `None` where it tells of none that is known. What a newer program
    /// added is left out.
    #[must_use]
    pub fn read(body: &'a [(i64, Value<'a>)]) -> Option<Self> {
        let entry = |key: i64| body.iter().find(|(at, _)| *at == key).map(|(_, v)| v);
        let word = |key: i64| entry(key)?.text().filter(|word| word.len() <= MOST_WORD);
        if entry(9)?.int()? != FORM {
            return None;
        }
        let piece = Self {
            signal: entry(1)?.fixed()?,
            asset: entry(2)?.fixed()?,
            metric: word(3)?,
            unit: word(4)?,
            signal_no: u32::try_from(entry(5)?.int()?).ok()?,
            from_ms: entry(6)?.int()?,
            to_ms: entry(7)?.int()?,
            samples: u64::try_from(entry(8)?.int()?).ok()?,
            bytes: entry(10)?.bytes()?,
        };
        (piece.from_ms <= piece.to_ms && piece.samples > 0).then_some(piece)
    }
}

/// Bytes of a batch at most, so that whatever is more urgent waits no longer than ten seconds for the
/// line at a cap in kbit/s.
#[must_use]
pub fn room(cap_kbit: Option<u32>) -> usize {
    const MOST: usize = 4 << 20;
    cap_kbit.map_or(MOST, |cap| {
        let ten_seconds = usize::try_from(cap).unwrap_or(MOST).saturating_mul(1_250);
        ten_seconds.min(MOST)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_comes_back_and_what_is_none_does_not() {
        let piece = Piece {
            signal: [1; 16],
            asset: [2; 16],
            metric: "vibration_de",
            unit: "mm/s",
            signal_no: 7,
            from_ms: 1_000,
            to_ms: 9_000,
            samples: 9,
            bytes: &[3; 40],
        };
        let body = piece.body();
        assert_eq!(Piece::read(&body), Some(piece));
        for at in 0..body.len() {
            let mut less = body.clone();
            less.remove(at);
            assert_eq!(Piece::read(&less), None, "without {}", body[at].0);
        }
        let mut newer = body.clone();
        newer.push((11, Value::Int(4)));
        assert_eq!(Piece::read(&newer), Some(piece));
        let backwards = Piece {
            to_ms: 999,
            ..piece
        };
        assert_eq!(Piece::read(&backwards.body()), None);
    }

    #[test]
    fn at_a_cap_a_batch_takes_ten_seconds() {
        assert_eq!(room(Some(64)), 80_000);
        assert_eq!(room(None), 4 << 20);
        assert_eq!(room(Some(u32::MAX)), 4 << 20);
    }
}
