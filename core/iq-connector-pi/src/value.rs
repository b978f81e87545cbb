//! A value of PI as a raw sample: nothing rounded, nothing guessed, the quality as a status code.

use std::sync::Arc;

use iq_domain::{RawSample, StatusCode, Timestamp, Value};
use jiff::tz::TimeZone;

use crate::{
    time::Ticks,
    wire::{PiValue, State, TimedValue},
};

/// Longest text kept of a value.
const MAX_TEXT: usize = 1_000;

/// The status codes PI's states correspond to (OPC UA Part 8).
const NO_DATA: StatusCode = StatusCode(0x809B_0000);
const NOT_CONNECTED: StatusCode = StatusCode(0x808A_0000);
const TIMEOUT: StatusCode = StatusCode(0x800A_0000);
const OUT_OF_RANGE: StatusCode = StatusCode(0x803C_0000);
const WAITING: StatusCode = StatusCode(0x8032_0000);
const SENSOR_FAILURE: StatusCode = StatusCode(0x808C_0000);
const OUT_OF_SERVICE: StatusCode = StatusCode(0x808D_0000);
const SUBSTITUTED: StatusCode = StatusCode(0x4091_0000);
pub(crate) const TAG_UNKNOWN: StatusCode = StatusCode(0x8034_0000);

/// The status of a system state, by its usual name.
fn system_status(name: &str) -> StatusCode {
    match name.to_ascii_lowercase().as_str() {
        "no data" | "no result" | "no sample" | "arc off-line" => NO_DATA,
        "i/o timeout" | "timeout" | "scan timeout" => TIMEOUT,
        "not connect" | "comm fail" | "disconnected" | "intf shut" | "no_connect" => NOT_CONNECTED,
        "over range" | "under range" | "out of range" | "over uci" | "under lci" => OUT_OF_RANGE,
        "pt created" | "created" | "snapfix" => WAITING,
        "bad input" | "bad quality" | "equip fail" | "bad data" | "error" => SENSOR_FAILURE,
        "scan off" | "shutdown" | "inp off" | "off-line" => OUT_OF_SERVICE,
        _ => StatusCode::BAD,
    }
}

/// The status a value deserves: the worst that is said about it.
fn status(value: &TimedValue) -> StatusCode {
    if !value.errors.is_empty() {
        return StatusCode::BAD;
    }
    if let PiValue::State(State {
        name,
        is_system: true,
        ..
    }) = &value.value
    {
        return system_status(name);
    }
    if value.good == Some(false) {
        return StatusCode::BAD;
    }
    match (value.questionable, value.substituted, &value.value) {
        (_, _, PiValue::Other) => NO_DATA,
        (Some(true), _, _) => StatusCode::UNCERTAIN,
        (_, Some(true), _) => SUBSTITUTED,
        _ => StatusCode::GOOD,
    }
}

fn text(text: &str) -> Value {
    Value::Text(Arc::from(iq_domain::neutralise(text, MAX_TEXT)))
}

fn domain_value(value: &PiValue) -> Option<Value> {
    match value {
        PiValue::Bool(b) => Some(Value::Bool(*b)),
        PiValue::Number(n) => Some(Value::Number(*n)),
        // JSON has no word for these; the server writes them as text.
        PiValue::Text(t) if t == "NaN" => Some(Value::Number(f64::NAN)),
        PiValue::Text(t) if t == "Infinity" => Some(Value::Number(f64::INFINITY)),
        PiValue::Text(t) if t == "-Infinity" => Some(Value::Number(f64::NEG_INFINITY)),
        PiValue::Text(t) => Some(text(t)),
        PiValue::State(state) => Some(text(&state.name)),
        PiValue::Other => None,
    }
}

/// The number of a state of the machine; the system's own states stand in place of a value.
fn state_no(value: &PiValue) -> Option<f64> {
    match value {
        PiValue::State(state) if !state.is_system => state.value,
        _ => None,
    }
}

/// The time of a value; `None` when it has none that can be read.
pub(crate) fn ticks(value: &TimedValue, zone: &TimeZone) -> Option<Ticks> {
    Ticks::parse(value.timestamp.as_deref()?, zone)
}

/// A value as a sample of `tag`.
pub(crate) fn sample(
    tag: &Arc<str>,
    value: &TimedValue,
    time: Option<Ticks>,
    now: Timestamp,
) -> RawSample {
    RawSample {
        external_tag: Arc::clone(tag),
        value: domain_value(&value.value).filter(|_| value.errors.is_empty()),
        state_no: state_no(&value.value),
        status: status(value),
        source_time: time.map(Ticks::timestamp),
        server_time: None,
        received_at: now,
    }
}

/// The sample of a tag that can't be read.
pub(crate) fn unreadable(tag: &str, status: StatusCode, now: Timestamp) -> RawSample {
    RawSample {
        state_no: None,
        external_tag: Arc::from(tag),
        value: None,
        status,
        source_time: None,
        server_time: None,
        received_at: now,
    }
}

#[cfg(test)]
mod tests {
    use iq_domain::Quality;

    use super::*;

    fn read(members: &str) -> RawSample {
        let text = format!(r#"{{"Timestamp":"2026-01-01T00:00:00.1230000Z",{members}}}"#);
        let value: TimedValue = serde_json::from_str(&text).unwrap();
        let time = ticks(&value, &TimeZone::UTC);
        sample(&Arc::from("t"), &value, time, Timestamp(5))
    }

    #[test]
    fn quality_is_the_worst_that_is_said_and_the_text_of_a_state_is_kept() {
        let quality = |members: &str| read(members).status.quality();
        assert_eq!(quality(r#""Value":1,"Good":true"#), Quality::Good);
        assert_eq!(
            quality(r#""Value":1,"Good":true,"Questionable":true"#),
            Quality::Uncertain
        );
        assert_eq!(
            read(r#""Value":1,"Good":true,"Substituted":true"#).status,
            SUBSTITUTED
        );
        assert_eq!(
            quality(r#""Value":1,"Good":false,"Questionable":true"#),
            Quality::Bad
        );
        assert_eq!(quality(r#""Value":null"#), Quality::Bad);
        let timeout =
            read(r#""Value":{"Name":"I/O Timeout","Value":246,"IsSystem":true},"Good":false"#);
        assert_eq!(timeout.status, TIMEOUT);
        assert_eq!(timeout.value, Some(Value::Text("I/O Timeout".into())));
        assert_eq!(timeout.state_no, None, "246 is no reading");
        let open = read(r#""Value":{"Name":"OPEN","Value":1,"IsSystem":false},"Good":true"#);
        assert!(open.status.is_good());
        assert_eq!(open.value, Some(Value::Text("OPEN".into())));
        assert_eq!(open.state_no, Some(1.0));
        let failed =
            read(r#""Value":0,"Good":true,"Errors":[{"FieldName":"Value","Message":["x"]}]"#);
        assert_eq!((failed.value, failed.status), (None, StatusCode::BAD));
    }

    #[test]
    fn numbers_json_has_no_word_for_are_numbers_and_absent_times_stay_absent() {
        assert!(matches!(read(r#""Value":"NaN""#).value, Some(Value::Number(n)) if n.is_nan()));
        let endless = read(r#""Value":"-Infinity""#).value;
        assert_eq!(endless, Some(Value::Number(f64::NEG_INFINITY)));
        let value: TimedValue = serde_json::from_str(r#"{"Value":1}"#).unwrap();
        assert_eq!(ticks(&value, &TimeZone::UTC), None);
    }
}
