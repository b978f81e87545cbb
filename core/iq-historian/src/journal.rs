//! The journal's rows: received samples as they are made durable, before they are sealed into chunks.
//! One row holds one commit; what repeats between neighbours (signal, time step, decimal scale) costs
//! a bit, not bytes, because these bytes are written at every commit.

use iq_domain::{Timestamp, Value};

use iq_chunk::block::Sample;
use iq_chunk::value::{POWERS, scaled};
use iq_chunk::wire::{Reader, put_bytes, put_int, put_uint, unzigzag, zigzag};

const VERSION: u8 = 1;

const CLASS: u8 = 0b0000_0111;
const NONE: u8 = 0;
const CENTI: u8 = 1;
const MICRO: u8 = 2;
const SINGLE: u8 = 3;
const DOUBLE: u8 = 4;
const TEXT: u8 = 5;
const NEXT_SIGNAL: u8 = 0b0000_1000;
const SAME_SIGNAL: u8 = 0b0001_0000;
const SAME_TIME: u8 = 0b0010_0000;
const STATUS: u8 = 0b0100_0000;

/// Integers above need more bytes than a float would.
const SMALL: i64 = 1 << 34;

/// One sample on its way in.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The signal's dense number, below 2^19.
    pub signal_no: u32,
    /// Source time.
    pub t: Timestamp,
    /// The value; `None` where the source sent none.
    pub value: Option<Value>,
    /// Status code of the source.
    pub status: iq_domain::StatusCode,
}

/// Builds one journal row.
pub(crate) struct Packer {
    out: Vec<u8>,
    signal: u32,
    t: i64,
    pub(crate) count: usize,
}

impl Packer {
    pub(crate) fn new() -> Self {
        Self {
            out: vec![VERSION],
            signal: 0,
            t: 0,
            count: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, signal: u32, t: i64, value: Option<&Value>, status: u32) {
        let at = self.out.len();
        self.out.push(0);
        let mut control = 0;
        if signal == self.signal.wrapping_add(1) {
            control |= NEXT_SIGNAL;
        } else if signal == self.signal {
            control |= SAME_SIGNAL;
        } else {
            put_uint(&mut self.out, u64::from(signal));
        }
        if t == self.t {
            control |= SAME_TIME;
        } else {
            put_int(&mut self.out, t.wrapping_sub(self.t));
        }
        if status != 0 {
            control |= STATUS;
            self.out.extend_from_slice(&status.to_le_bytes());
        }
        control |= match value {
            None => NONE,
            Some(Value::Bool(truth)) => self.number(f64::from(u8::from(*truth))),
            Some(Value::Number(number)) => self.number(*number),
            Some(Value::Text(text)) => {
                put_bytes(&mut self.out, text.as_bytes());
                TEXT
            }
        };
        self.out[at] = control;
        self.signal = signal;
        self.t = t;
        self.count += 1;
    }

    #[inline]
    fn number(&mut self, number: f64) -> u8 {
        for (class, power) in [(CENTI, POWERS[2]), (MICRO, POWERS[6])] {
            if let Some(integer) = scaled(number, power).filter(|k| k.abs() < SMALL) {
                put_uint(&mut self.out, zigzag(integer));
                return class;
            }
        }
        let single = number as f32;
        if f64::from(single).to_bits() == number.to_bits() {
            self.out.extend_from_slice(&single.to_le_bytes());
            return SINGLE;
        }
        self.out.extend_from_slice(&number.to_le_bytes());
        DOUBLE
    }

    /// The finished row.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let crc = crc32fast::hash(&self.out);
        self.out.extend_from_slice(&crc.to_le_bytes());
        self.out
    }
}

/// Reads a journal row back; `None` when it is damaged.
pub(crate) fn unpack(blob: &[u8]) -> Option<Vec<(u32, Sample)>> {
    let (body, crc) = blob.split_at_checked(blob.len().checked_sub(4)?)?;
    if crc32fast::hash(body).to_le_bytes() != crc {
        return None;
    }
    let mut reader = Reader::new(body);
    if reader.byte()? != VERSION {
        return None;
    }
    let (mut signal, mut t) = (0_u32, 0_i64);
    let mut rows = Vec::new();
    while !reader.is_empty() {
        let control = reader.byte()?;
        if control & NEXT_SIGNAL != 0 {
            signal = signal.wrapping_add(1);
        } else if control & SAME_SIGNAL == 0 {
            signal = u32::try_from(reader.uint()?).ok()?;
        }
        if control & SAME_TIME == 0 {
            t = t.wrapping_add(reader.int()?);
        }
        let status = if control & STATUS == 0 {
            0
        } else {
            u32::from_le_bytes(reader.array()?)
        };
        let value = match control & CLASS {
            NONE => None,
            CENTI => Some(Value::Number(unzigzag(reader.uint()?) as f64 / POWERS[2])),
            MICRO => Some(Value::Number(unzigzag(reader.uint()?) as f64 / POWERS[6])),
            SINGLE => Some(Value::Number(f64::from(f32::from_le_bytes(
                reader.array()?,
            )))),
            DOUBLE => Some(Value::Number(f64::from_le_bytes(reader.array()?))),
            TEXT => Some(Value::Text(
                std::str::from_utf8(reader.bytes()?).ok()?.into(),
            )),
            _ => return None,
        };
        rows.push((signal, Sample { t, value, status }));
    }
    Some(rows)
}

/// One sample as bytes, for the table of signals.
pub(crate) fn pack_one(sample: &Sample) -> Vec<u8> {
    let mut packer = Packer::new();
    packer.push(0, sample.t, sample.value.as_ref(), sample.status);
    packer.finish()
}

/// The sample written by [`pack_one`].
pub(crate) fn unpack_one(blob: &[u8]) -> Option<Sample> {
    unpack(blob)?.pop().map(|(_, sample)| sample)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row() -> impl Strategy<Value = (u32, Sample)> {
        let value = prop_oneof![
            Just(None),
            any::<f64>().prop_map(|n| Some(Value::Number(n))),
            any::<u64>().prop_map(|bits| Some(Value::Number(f64::from_bits(bits)))),
            (-1_000_000_i64..1_000_000).prop_map(|k| Some(Value::Number(k as f64 / 100.0))),
            ".{0,9}".prop_map(|t| Some(Value::Text(t.into()))),
        ];
        (
            0_u32..1 << 19,
            0_i64..1 << 43,
            value,
            prop_oneof![Just(0), any::<u32>()],
        )
            .prop_map(|(signal, t, value, status)| (signal, Sample { t, value, status }))
    }

    proptest! {
        #[test]
        fn rows_come_back_bit_for_bit(rows in prop::collection::vec(row(), 0..50)) {
            let mut packer = Packer::new();
            for (signal, s) in &rows {
                packer.push(*signal, s.t, s.value.as_ref(), s.status);
            }
            let back = unpack(&packer.finish()).unwrap();
            prop_assert_eq!(rows.len(), back.len());
            for (a, b) in rows.iter().zip(&back) {
                prop_assert!(a.0 == b.0 && a.1.same(&b.1));
            }
        }
    }

    #[test]
    fn a_damaged_row_is_noticed() {
        let blob = pack_one(&Sample {
            t: 5,
            value: Some(Value::Number(1.5)),
            status: 0,
        });
        for at in 0..blob.len() {
            let mut damaged = blob.clone();
            damaged[at] ^= 0x10;
            assert_eq!(unpack(&damaged), None);
        }
    }
}
