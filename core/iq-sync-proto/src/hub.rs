//! What a hub decides on a verified batch. It reads the cursor of the log under a lock, asks
//! [`probe`] which stored leaf it must bring, and does what [`decide`] says in the same transaction.

use iq_domain::cbor::{self, Value};

use crate::{
    Hash,
    batch::{Header, Opened},
    wire::{Head, Line},
};

/// What is to be done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Store the records from this index on; the cursor then stands at `head`.
    Store {
        /// Index of the first record that is not stored yet.
        from: usize,
        /// The new cursor.
        head: Head,
    },
    /// All of it is stored: send the receipt again.
    Resend,
    /// Records are missing before it: 409 `sync.gap`.
    Gap {
        /// The number wanted next.
        expected: u64,
    },
    /// The same number holds another record: 409 `sync.fork`, and an alert. Nothing is changed.
    Fork {
        /// Where the two histories are known to differ.
        seq: u64,
    },
}

/// The number of the stored record whose leaf [`decide`] needs, if any.
#[must_use]
pub fn probe(cursor: Head, header: &Header) -> Option<u64> {
    (header.last < cursor.seq).then_some(header.last)
}

/// Decides. `stored` is the leaf that [`probe`] asked for.
#[must_use]
pub fn decide(cursor: Head, batch: &Opened, stored: Option<Hash>) -> Decision {
    let header = &batch.header;
    if header.first > cursor.seq + 1 {
        return Decision::Gap {
            expected: cursor.seq + 1,
        };
    }
    if header.last < cursor.seq {
        return if stored == Some(header.end_hash) {
            Decision::Resend
        } else {
            Decision::Fork { seq: header.last }
        };
    }
    // Each leaf covers all before it, so that one comparison covers the overlap.
    let held = cursor.seq + 1 - header.first;
    let (from, at_cursor) = match usize::try_from(held) {
        Ok(0) => (0, Some(&header.prev_hash)),
        Ok(held) => (held, batch.leaves.get(held - 1)),
        Err(_) => (0, None),
    };
    if at_cursor != Some(&cursor.hash) {
        return Decision::Fork { seq: cursor.seq };
    }
    if header.last == cursor.seq {
        return Decision::Resend;
    }
    Decision::Store {
        from,
        head: Head {
            seq: header.last,
            hash: header.end_hash,
        },
    }
}

/// The log that an epoch says it goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The log before.
    pub line: Line,
    /// Where the appliance knew it to end.
    pub head: Head,
}

/// How an epoch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The first of this appliance, or where the one before ended: nothing is amiss.
    Continues,
    /// The hub holds more of the parent than the appliance knew: a backup was restored, or a machine
    /// was copied. Both histories stay; an alert says so.
    Forked {
        /// Records of the parent that this appliance does not know.
        unknown: u64,
    },
    /// The hub holds less of the parent, or none: what is missing may still come by courier.
    Behind,
}

/// The parent that the first record of an epoch names; `None` for an appliance's very first, and for
/// any other record.
#[must_use]
pub fn parent(stream: u8, record: &[u8]) -> Option<Parent> {
    let value = cbor::decode(record).ok()?;
    if value.get(8)?.text()? != "epoch_open" || value.get(6)?.natural()? != 1 {
        return None;
    }
    let body = value.get(17)?;
    Some(Parent {
        line: Line {
            epoch: body.get(2)?.fixed()?,
            stream,
        },
        head: Head {
            seq: body.get(3).and_then(Value::natural)?,
            hash: body.get(4)?.fixed()?,
        },
    })
}

/// Judges an epoch by what the hub holds of its parent: its cursor there, and its leaf at the number
/// that the appliance named.
#[must_use]
pub fn opening(parent: Option<Parent>, held: Head, stored: Option<Hash>) -> Opening {
    match parent {
        None => Opening::Continues,
        Some(Parent { head, .. }) if head.seq > held.seq => Opening::Behind,
        Some(Parent { head, .. }) => {
            let unknown = held.seq - head.seq;
            let is_same = head.seq == 0 || stored == Some(head.hash);
            if unknown == 0 && is_same {
                Opening::Continues
            } else {
                Opening::Forked { unknown }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_judged_by_its_parent() {
        let parent = Parent {
            line: Line {
                epoch: [1; 16],
                stream: 1,
            },
            head: Head {
                seq: 5,
                hash: [5; 32],
            },
        };
        let held = |seq: u64| Head { seq, hash: [5; 32] };
        for (held, stored, expected) in [
            (held(5), Some([5; 32]), Opening::Continues),
            (held(5), Some([6; 32]), Opening::Forked { unknown: 0 }),
            (held(9), Some([5; 32]), Opening::Forked { unknown: 4 }),
            (held(3), None, Opening::Behind),
        ] {
            assert_eq!(opening(Some(parent), held, stored), expected);
        }
        assert_eq!(opening(None, Head::EMPTY, None), Opening::Continues);
    }
}
