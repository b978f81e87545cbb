//! The small pieces messages are made of.

use iq_domain::cbor::{self, Value};

use crate::{Hash, Id};

/// Bytes that are not the message they were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a message of this protocol")
    }
}

impl std::error::Error for Malformed {}

/// One log of an appliance: a dense sequence per epoch and stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// The epoch's random name.
    pub epoch: Id,
    /// 1 evidence, 2 audit, 3 rollups, 4 work orders, 5 status, 6 pieces of series. Others may come: who
    /// does not know one refuses it by its name.
    pub stream: u8,
}

/// A place in a log: how many records there are up to it, and the leaf of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Head {
    /// Number of the last record; 0 for none.
    pub seq: u64,
    /// Its leaf; zeros for none.
    pub hash: Hash,
}

impl Head {
    /// Before the first record.
    pub const EMPTY: Self = Self {
        seq: 0,
        hash: [0; 32],
    };
}

pub(crate) fn value(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    cbor::decode(bytes).map_err(|_| Malformed)
}

/// The values of a map whose keys are exactly 1..=N.
pub(crate) fn fields<'a, 'v, const N: usize>(
    value: &'v Value<'a>,
) -> Result<[&'v Value<'a>; N], Malformed> {
    let last = i64::try_from(N).map_err(|_| Malformed)?;
    let fields = value.dense(1, last).ok_or(Malformed)?;
    fields.try_into().map_err(|_| Malformed)
}

pub(crate) fn number<N: TryFrom<i64>>(value: &Value<'_>) -> Result<N, Malformed> {
    let number = value.int().ok_or(Malformed)?;
    N::try_from(number).map_err(|_| Malformed)
}

pub(crate) fn bytes<const N: usize>(value: &Value<'_>) -> Result<[u8; N], Malformed> {
    value.fixed().ok_or(Malformed)
}

/// A text of at most so many bytes.
pub(crate) fn text(value: &Value<'_>, most: usize) -> Result<String, Malformed> {
    let text = value.text().filter(|text| text.len() <= most);
    text.map(str::to_owned).ok_or(Malformed)
}

pub(crate) fn optional<T>(
    value: &Value<'_>,
    read: impl FnOnce(&Value<'_>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    match value {
        Value::Null => Ok(None),
        value => read(value).map(Some),
    }
}

pub(crate) fn flag(value: &Value<'_>) -> Result<bool, Malformed> {
    match value {
        Value::Bool(is_true) => Ok(*is_true),
        _ => Err(Malformed),
    }
}

pub(crate) fn items<'a, 'v>(
    value: &'v Value<'a>,
    most: usize,
) -> Result<&'v [Value<'a>], Malformed> {
    value
        .items()
        .filter(|items| items.len() <= most)
        .ok_or(Malformed)
}

/// `[epoch, stream, seq, hash]`
pub(crate) fn mark_value<'a>(line: &'a Line, head: &'a Head) -> Value<'a> {
    Value::Array(vec![
        Value::Bytes(&line.epoch),
        Value::Int(i64::from(line.stream)),
        Value::count(head.seq),
        Value::Bytes(&head.hash),
    ])
}

pub(crate) fn mark(value: &Value<'_>) -> Result<(Line, Head), Malformed> {
    let [epoch, stream, seq, hash] = value.cells().ok_or(Malformed)?;
    let line = Line {
        epoch: bytes(epoch)?,
        stream: stream_number(stream)?,
    };
    let head = Head {
        seq: number(seq)?,
        hash: bytes(hash)?,
    };
    Ok((line, head))
}

pub(crate) fn marks(value: &Value<'_>, most: usize) -> Result<Vec<(Line, Head)>, Malformed> {
    items(value, most)?.iter().map(mark).collect()
}

pub(crate) fn stream_number(value: &Value<'_>) -> Result<u8, Malformed> {
    let stream: u8 = number(value)?;
    (stream >= 1).then_some(stream).ok_or(Malformed)
}
