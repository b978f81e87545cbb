//! Records for the tests of this crate, in the form of the evidence log.

use iq_domain::cbor::Value;

use crate::{
    Hash,
    sign::{SigningKey, leaf_hash},
    wire::Line,
};

pub(crate) const LINE: Line = Line {
    epoch: [3; 16],
    stream: 1,
};

/// The appliance's key.
#[allow(non_snake_case, reason = "it reads as the constant it is")]
pub(crate) fn KEY() -> SigningKey {
    SigningKey::from_seed(&[42; 32])
}

/// A record; `flavour` makes histories differ.
pub(crate) fn record(seq: u64, prev: Hash, flavour: i64) -> Vec<u8> {
    Value::map([
        (1, Value::Int(1)),
        (2, Value::Bytes(&[1; 16])),
        (3, Value::Bytes(&[2; 16])),
        (4, Value::Bytes(&LINE.epoch)),
        (5, Value::Int(1)),
        (6, Value::count(seq)),
        (7, Value::Bytes(&prev)),
        (8, Value::Text("event")),
        (
            17,
            Value::map([(0, Value::Int(0)), (1, Value::Int(flavour))]),
        ),
    ])
    .encode()
}

/// The first so many records of a log.
pub(crate) fn log_of(count: u64) -> Vec<Vec<u8>> {
    let mut log = Vec::new();
    grow(&mut log, count, 1);
    log
}

/// Appends records.
pub(crate) fn grow(log: &mut Vec<Vec<u8>>, count: u64, flavour: i64) {
    for _ in 0..count {
        let prev = log.last().map_or([0; 32], |last| leaf_hash(last));
        log.push(record(log.len() as u64 + 1, prev, flavour));
    }
}
