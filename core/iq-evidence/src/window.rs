//! A frozen raw window: samples of one signal as bytes that never change again.

use crate::{cbor::Value, record::Id};

/// Bytes of a row: time, value, quality.
const ROW: usize = 17;

/// Samples of one signal.
#[derive(Clone, Debug)]
pub struct Window<'a> {
    /// 1: the signal.
    pub signal: Id,
    /// 2: its tag at the source.
    pub tag: &'a str,
    /// 3: metric.
    pub metric: &'a str,
    /// 4: unit.
    pub unit: &'a str,
    /// 5, 6: Unix milliseconds.
    pub range_ms: (i64, i64),
    /// 7: time, value (not a number where the source gave none), quality (0 good, 1 uncertain, 2 bad).
    pub rows: Vec<(i64, f64, u8)>,
}

impl Window<'_> {
    /// The bytes that are hashed, kept and exported.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut rows = Vec::with_capacity(self.rows.len() * ROW);
        for (at, value, quality) in &self.rows {
            rows.extend_from_slice(&at.to_be_bytes());
            rows.extend_from_slice(&value.to_be_bytes());
            rows.push(*quality);
        }
        Value::map([
            (1, Value::Bytes(&self.signal)),
            (2, Value::Text(self.tag)),
            (3, Value::Text(self.metric)),
            (4, Value::Text(self.unit)),
            (5, Value::Int(self.range_ms.0)),
            (6, Value::Int(self.range_ms.1)),
            (7, Value::Bytes(&rows)),
        ])
        .encode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor;

    #[test]
    fn a_row_is_time_value_and_quality() {
        let bytes = Window {
            signal: [4; 16],
            tag: "P-101A.VIB",
            metric: "vibration",
            unit: "mm/s",
            range_ms: (1_000, 3_000),
            rows: vec![(1_000, 4.5, 0), (2_000, f64::NAN, 2)],
        }
        .encode();
        let value = cbor::decode(&bytes).unwrap();
        let rows = value.get(7).and_then(cbor::Value::bytes).unwrap();
        assert_eq!(rows.len(), 2 * ROW);
        assert_eq!(rows[..8], 1_000_i64.to_be_bytes());
        assert_eq!(rows[8..16], 4.5_f64.to_be_bytes());
        assert_eq!((rows[16], rows[33]), (0, 2));
    }
}
