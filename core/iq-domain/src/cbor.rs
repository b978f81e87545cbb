//! The part of CBOR (RFC 8949) that evidence and its transport are written in, in its one deterministic form (§4.2.1):
//! integers, byte strings, texts, arrays, maps with unsigned keys, booleans and null. Whatever could
//! be written in two ways is refused, so that equal content has equal bytes and equal hashes.

/// Integers stay within ±2^53, so that every language of a verifier can hold them.
pub const MAX_INT: i64 = (1 << 53) - 1;
/// Arrays and maps nest at most this deep.
pub const MAX_DEPTH: usize = 16;
/// One document has at most this many values: a bound on the memory a hostile file can ask for.
pub const MAX_VALUES: usize = 4_000_000;

/// A value; texts and byte strings borrow from the bytes they were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer.
    Int(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text.
    Text(&'a str),
    /// A list.
    Array(Vec<Value<'a>>),
    /// Unsigned keys in ascending order with their values.
    Map(Vec<(i64, Value<'a>)>),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
}

/// Why bytes are not a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CborError {
    /// They end in the middle of a value.
    Truncated,
    /// The value could be written shorter, or its keys are not in ascending order.
    NotCanonical,
    /// Something this format does not have.
    Malformed,
    /// More bytes follow the value.
    TrailingBytes,
}

impl<'a> Value<'a> {
    /// A map of these entries, put in order.
    #[must_use]
    pub fn map(entries: impl IntoIterator<Item = (i64, Value<'a>)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        Self::Map(entries)
    }

    /// The entry of a map.
    #[must_use]
    pub fn get(&self, key: i64) -> Option<&Value<'a>> {
        let Self::Map(entries) = self else {
            return None;
        };
        entries.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// A count.
    #[must_use]
    pub fn count(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(MAX_INT))
    }

    /// The integer, if it is one and not negative.
    #[must_use]
    pub fn natural(&self) -> Option<u64> {
        self.int().and_then(|number| u64::try_from(number).ok())
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The byte string, if it is one.
    #[must_use]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The byte string, if it has exactly this length.
    #[must_use]
    pub fn fixed<const N: usize>(&self) -> Option<[u8; N]> {
        self.bytes().and_then(|bytes| bytes.try_into().ok())
    }

    /// The items of a list, if it is one.
    #[must_use]
    pub fn items(&self) -> Option<&[Value<'a>]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a list of exactly this length.
    #[must_use]
    pub fn cells<const N: usize>(&self) -> Option<&[Value<'a>; N]> {
        self.items()?.try_into().ok()
    }

    /// The values of a map whose keys are exactly `first..=last`, in order.
    #[must_use]
    pub fn dense(&self, first: i64, last: i64) -> Option<Vec<&Value<'a>>> {
        let Self::Map(entries) = self else {
            return None;
        };
        let is_dense = entries.iter().map(|(key, _)| *key).eq(first..=last);
        is_dense.then(|| entries.iter().map(|(_, value)| value).collect())
    }

    /// The bytes of the value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write(self, &mut out);
        out
    }
}

impl<'a> FromIterator<Value<'a>> for Value<'a> {
    fn from_iter<I: IntoIterator<Item = Value<'a>>>(items: I) -> Self {
        Self::Array(items.into_iter().collect())
    }
}

fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Int(n) if *n >= 0 => head(0, n.unsigned_abs(), out),
        Value::Int(n) => head(1, n.unsigned_abs() - 1, out),
        Value::Bytes(bytes) => {
            head(2, bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        }
        Value::Text(text) => {
            head(3, text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| write(item, out));
        }
        Value::Map(entries) => {
            head(5, entries.len() as u64, out);
            for (key, value) in entries {
                head(0, key.unsigned_abs(), out);
                write(value, out);
            }
        }
        Value::Bool(is_true) => out.push(if *is_true { 0xf5 } else { 0xf4 }),
        Value::Null => out.push(0xf6),
    }
}

/// The kind and its argument in the shortest of the five lengths.
#[allow(
    clippy::cast_possible_truncation,
    reason = "each branch knows that the argument fits"
)]
fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let kind = major << 5;
    match argument {
        0..24 => out.push(kind | argument as u8),
        24..0x100 => out.extend_from_slice(&[kind | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(kind | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(kind | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(kind | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

/// Reads exactly one value.
///
/// # Errors
/// The first thing that is not as the format wants it.
pub fn decode(bytes: &[u8]) -> Result<Value<'_>, CborError> {
    let mut reader = Reader {
        rest: bytes,
        values_left: MAX_VALUES,
    };
    let value = reader.value(0)?;
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(CborError::TrailingBytes)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    values_left: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CborError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, CborError> {
        Ok(self.take(1)?[0])
    }

    fn argument(&mut self, first: u8) -> Result<i64, CborError> {
        let short = first & 0x1f;
        let length = match short {
            0..24 => return Ok(i64::from(short)),
            24..28 => 1 << (short - 24),
            31 => return Err(CborError::NotCanonical),
            _ => return Err(CborError::Malformed),
        };
        let number = self
            .take(length)?
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let least = match length {
            1 => 24,
            2 => 1 << 8,
            4 => 1 << 16,
            _ => 1 << 32,
        };
        if number < least {
            return Err(CborError::NotCanonical);
        }
        i64::try_from(number)
            .ok()
            .filter(|number| *number <= MAX_INT)
            .ok_or(CborError::Malformed)
    }

    /// A length that the bytes at hand can hold, where each unit takes at least `least` bytes.
    fn length(&mut self, first: u8, least: usize) -> Result<usize, CborError> {
        let length = usize::try_from(self.argument(first)?).map_err(|_| CborError::Truncated)?;
        if length > self.rest.len() / least {
            return Err(CborError::Truncated);
        }
        Ok(length)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, CborError> {
        if depth > MAX_DEPTH || self.values_left == 0 {
            return Err(CborError::Malformed);
        }
        self.values_left -= 1;
        let first = self.byte()?;
        match first >> 5 {
            0 => Ok(Value::Int(self.argument(first)?)),
            1 => Ok(Value::Int(-1 - self.argument(first)?)),
            2 => {
                let length = self.length(first, 1)?;
                Ok(Value::Bytes(self.take(length)?))
            }
            3 => {
                let length = self.length(first, 1)?;
                let text = std::str::from_utf8(self.take(length)?);
                text.map(Value::Text).map_err(|_| CborError::Malformed)
            }
            4 => {
                let length = self.length(first, 1)?;
                (0..length)
                    .map(|_| self.value(depth + 1))
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            5 => {
                let length = self.length(first, 2)?;
                self.map(length, depth)
            }
            _ => match first {
                0xf4 => Ok(Value::Bool(false)),
                0xf5 => Ok(Value::Bool(true)),
                0xf6 => Ok(Value::Null),
                _ => Err(CborError::Malformed),
            },
        }
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value<'a>, CborError> {
        let mut entries: Vec<(i64, Value<'a>)> = Vec::new();
        for _ in 0..length {
            let first = self.byte()?;
            if first >> 5 != 0 {
                return Err(CborError::Malformed);
            }
            let key = self.argument(first)?;
            if entries.last().is_some_and(|(last, _)| *last >= key) {
                return Err(CborError::NotCanonical);
            }
            entries.push((key, self.value(depth + 1)?));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_the_shortest_form() {
        for (value, bytes) in [
            (Value::Int(23), &[0x17][..]),
            (Value::Int(24), &[0x18, 24]),
            (Value::Int(255), &[0x18, 255]),
            (Value::Int(256), &[0x19, 1, 0]),
            (Value::Int(65_536), &[0x1a, 0, 1, 0, 0]),
            (Value::Int(-1), &[0x20]),
            (Value::Int(-25), &[0x38, 24]),
            (Value::Text("ش"), &[0x62, 0xd8, 0xb4]),
            (
                Value::map([(2, Value::Null), (1, Value::Bool(true))]),
                &[0xa2, 1, 0xf5, 2, 0xf6],
            ),
        ] {
            assert_eq!(value.encode(), bytes);
            assert_eq!(decode(bytes), Ok(value));
        }
    }

    #[test]
    fn refuses_what_has_a_second_form() {
        use CborError::{Malformed, NotCanonical, TrailingBytes, Truncated};
        for (bytes, error) in [
            (&[0x18, 23][..], NotCanonical),
            (&[0x19, 0, 255], NotCanonical),
            (&[0x1b, 0, 0, 0, 0, 255, 255, 255, 255], NotCanonical),
            (&[0x9f, 0xff], NotCanonical),
            (&[0xa2, 1, 1, 1, 1], NotCanonical),
            (&[0xa2, 2, 1, 1, 1], NotCanonical),
            (&[0xa1, 0x61, 0x61, 1], Malformed),
            (&[0xfb, 0, 0, 0, 0, 0, 0, 0, 0], Malformed),
            (&[0xc0, 0], Malformed),
            (&[0x61, 0xff], Malformed),
            (&[0x1b, 255, 0, 0, 0, 0, 0, 0, 0], Malformed),
            (&[0x9a, 255, 255, 255, 255], Truncated),
            (&[0x42, 1], Truncated),
            (&[], Truncated),
            (&[1, 1], TrailingBytes),
            (&[0x81; 40], Malformed),
        ] {
            assert_eq!(decode(bytes), Err(error), "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_has_no_other_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = decode(&bytes) {
                prop_assert_eq!(value.encode(), bytes);
            }
        }
    }
}
