//! What was read, in two numbers: how many samples, and a sum over all of them that does not depend on
//! their order. Two readings of the same samples have the same tally.

use iq_domain::{RawSample, Value};
use serde::{Deserialize, Serialize};

/// Count and check sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) sum: u64,
}

/// FNV-1a.
const fn mixed(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

impl Tally {
    /// Adds a sample: tag, milliseconds since 1970 and, where it is one, the number.
    pub(crate) fn add(&mut self, tag: &str, t_ms: i64, value: Option<f64>) {
        let tag = mixed(0xcbf2_9ce4_8422_2325, tag.as_bytes());
        let time = mixed(tag, &t_ms.to_le_bytes());
        let all = mixed(time, &value.map_or(0, f64::to_bits).to_le_bytes());
        self.sum = self.sum.wrapping_add(all);
        self.count += 1;
    }

    /// Adds what a connector delivered.
    pub(crate) fn add_sample(&mut self, sample: &RawSample) {
        let number = match sample.value {
            Some(Value::Number(n)) => Some(n),
            _ => None,
        };
        self.add(&sample.external_tag, sample.observed_at().millis(), number);
    }
}
