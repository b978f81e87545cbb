//! OPC UA values, times and status codes as raw samples.

use std::sync::Arc;

use iq_domain::{RawSample, StatusCode, Timestamp, Value};
use opcua::types::{DataValue, DateTime, Variant};
use serde_json::Value as Json;

use crate::nodeid::Namespaces;

/// The value has a type that can't be stored as one number or text (arrays, structures).
pub(crate) const BAD_TYPE_MISMATCH: StatusCode = StatusCode(0x8074_0000);

/// Longest text taken over.
const MAX_TEXT_CHARS: usize = 4_096;

/// The data-value overflow bit: the server's queue was full and values were thrown away.
pub(crate) fn is_overflow(status: StatusCode) -> bool {
    status.0 & 0x0C00 == 0x0400 && status.0 & 0x80 != 0
}

/// A sample of a tag. A value that can't be stored keeps its time and becomes bad, visibly.
pub(crate) fn sample(
    tag: &Arc<str>,
    data: DataValue,
    received_at: Timestamp,
    zone: Option<&jiff::tz::TimeZone>,
) -> RawSample {
    let status = StatusCode(data.status.map_or(0, |s| s.bits()));
    let (value, status) = match data.value {
        None | Some(Variant::Empty) => (None, status),
        Some(variant) => match scalar(variant) {
            Some(value) => (Some(value), status),
            None => (None, BAD_TYPE_MISMATCH),
        },
    };
    RawSample {
        state_no: None,
        external_tag: tag.clone(),
        value,
        status,
        source_time: data.source_timestamp.as_ref().and_then(|t| moment(t, zone)),
        server_time: data.server_timestamp.as_ref().and_then(|t| moment(t, zone)),
        received_at,
    }
}

/// A time stamp in UTC; `None` for "not given". A server that sends local time is corrected by the
/// configured zone.
pub(crate) fn moment(time: &DateTime, zone: Option<&jiff::tz::TimeZone>) -> Option<Timestamp> {
    if time.is_null() || *time == DateTime::endtimes() {
        return None;
    }
    let ms = time.as_chrono().timestamp_millis();
    let Some(zone) = zone else {
        return Some(Timestamp(ms));
    };
    let local = jiff::Timestamp::from_millisecond(ms)
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC);
    let utc = zone.to_zoned(local.datetime()).ok()?;
    Some(Timestamp(utc.timestamp().as_millisecond()))
}

#[allow(clippy::cast_precision_loss)] // 64-bit counters above 2^53 keep 15 digits, as every historian does.
fn scalar(variant: Variant) -> Option<Value> {
    let text = |t: &str| Value::Text(t.chars().take(MAX_TEXT_CHARS).collect::<String>().into());
    Some(match variant {
        Variant::Boolean(v) => Value::Bool(v),
        Variant::SByte(v) => Value::Number(v.into()),
        Variant::Byte(v) => Value::Number(v.into()),
        Variant::Int16(v) => Value::Number(v.into()),
        Variant::UInt16(v) => Value::Number(v.into()),
        Variant::Int32(v) => Value::Number(v.into()),
        Variant::UInt32(v) => Value::Number(v.into()),
        Variant::Int64(v) => Value::Number(v as f64),
        Variant::UInt64(v) => Value::Number(v as f64),
        Variant::Float(v) => Value::Number(v.into()),
        Variant::Double(v) => Value::Number(v),
        Variant::String(v) => text(v.as_ref()),
        Variant::LocalizedText(v) => text(v.text.as_ref()),
        Variant::QualifiedName(v) => text(v.name.as_ref()),
        Variant::DateTime(v) => text(&moment(&v, None)?.to_string()),
        Variant::Guid(v) => text(&v.to_string()),
        Variant::StatusCode(v) => text(&v.to_string()),
        Variant::Variant(v) => return scalar(*v),
        Variant::DataValue(v) => return scalar(v.value?),
        _ => return None,
    })
}

/// A field of an event as JSON; what has no simple form is left out.
pub(crate) fn plain(variant: &Variant, names: &Namespaces) -> Json {
    match variant {
        Variant::NodeId(id) if id.is_null() => Json::Null,
        Variant::NodeId(id) => Json::String(names.tag(id)),
        Variant::ByteString(bytes) => {
            let bytes = bytes.value.as_deref().unwrap_or_default();
            Json::String(bytes.iter().take(64).map(|b| format!("{b:02x}")).collect())
        }
        Variant::Empty => Json::Null,
        other => match scalar(other.clone()) {
            Some(Value::Bool(flag)) => Json::Bool(flag),
            Some(Value::Number(number)) => Json::from(number),
            Some(Value::Text(text)) => Json::String(text.to_string()),
            None => Json::Null,
        },
    }
}

#[cfg(test)]
mod tests {
    use opcua::types::StatusCode as Library;

    use super::*;

    const NOW: Timestamp = Timestamp(1_750_000_000_000);

    fn convert(data: DataValue) -> RawSample {
        sample(&Arc::from("t"), data, NOW, None)
    }

    #[test]
    fn the_full_status_code_and_both_times_are_kept() {
        let t = DateTime::ymd_hms(2025, 6, 15, 15, 6, 40);
        let got = convert(DataValue {
            value: Some(Variant::Double(f64::NAN)),
            status: Some(Library::from(0x4094_0480)),
            source_timestamp: Some(t),
            server_timestamp: Some(t),
            ..DataValue::null()
        });
        assert!(matches!(got.value, Some(Value::Number(n)) if n.is_nan()));
        assert_eq!(got.status, StatusCode(0x4094_0480));
        assert!(is_overflow(got.status));
        assert_eq!((got.source_time, got.server_time), (Some(NOW), Some(NOW)));
    }

    #[test]
    fn absent_times_stay_absent_and_odd_types_become_bad() {
        let got = convert(DataValue {
            value: Some(Variant::from(vec![1.0f64, 2.0])),
            source_timestamp: Some(DateTime::null()),
            ..DataValue::null()
        });
        assert_eq!(
            (got.value, got.status, got.source_time),
            (None, BAD_TYPE_MISMATCH, None)
        );
    }

    #[test]
    fn local_time_is_corrected_by_the_configured_zone() {
        let zone = jiff::tz::TimeZone::get("Asia/Riyadh").unwrap();
        let local = DateTime::ymd_hms(2025, 6, 15, 18, 6, 40);
        assert_eq!(moment(&local, Some(&zone)), Some(NOW));
    }
}
