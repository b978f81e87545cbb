//! What flows from a source to the historian: raw samples, then measurements of known signals.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{SignalId, StatusCode, Timestamp};

/// A value as a source delivers it. NaN and infinities are kept as they came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A truth value; stored as 0 and 1.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text or the name of a state.
    Text(Arc<str>),
}

impl Value {
    /// The value as a number; `None` for text.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            Self::Number(n) => Some(*n),
            Self::Text(_) => None,
        }
    }
}

/// One value of one external tag, as the connector received it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawSample {
    /// The tag in the source's own notation (for OPC UA: node id with namespace URI).
    pub external_tag: Arc<str>,
    /// The value; `None` when the source sent a status without one.
    pub value: Option<Value>,
    /// Number of the state whose name is the value, where the source gives both: a signal of numbers
    /// keeps the number, a signal of texts the name.
    pub state_no: Option<f64>,
    /// The source's status code.
    pub status: StatusCode,
    /// Time given by the source of the value; `None` when it sent none.
    pub source_time: Option<Timestamp>,
    /// Time given by the server in between.
    pub server_time: Option<Timestamp>,
    /// Time of arrival here.
    pub received_at: Timestamp,
}

impl RawSample {
    /// The time the value belongs to: the source's, else the server's, else the arrival's.
    #[must_use]
    pub fn observed_at(&self) -> Timestamp {
        self.source_time
            .or(self.server_time)
            .unwrap_or(self.received_at)
    }
}

/// One value of one signal in the signal's own unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The signal.
    pub signal: SignalId,
    /// Source time.
    pub observed_at: Timestamp,
    /// Time of arrival.
    pub received_at: Timestamp,
    /// Value after scale, offset and unit conversion; `None` where the source sent none.
    pub value: Option<Value>,
    /// Status code of the source.
    pub status: StatusCode,
}
