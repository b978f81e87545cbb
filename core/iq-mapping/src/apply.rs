//! From a raw sample to a measurement: scale, offset, unit, and what to do with truth values and texts.

use std::sync::Arc;

use iq_domain::{
    CodedError, Dimension, Measurement, RawSample, SignalId, SignalMapping, StatusCode, Value,
};

use crate::units::{Linear, conversion, find_unit};

/// OPC UA `Bad_TypeMismatch`: the source delivers a type the signal can't hold.
const BAD_TYPE_MISMATCH: StatusCode = StatusCode(0x8074_0000);

/// A mapping compiled for the hot path.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    signal: SignalId,
    scale: Linear,
    unit: Linear,
    is_text: bool,
}

impl Conversion {
    /// Compiles a mapping for a signal that is stored in `signal_unit`.
    ///
    /// # Errors
    /// `mapping.unit_mismatch` when the units have different dimensions.
    pub fn new(mapping: &SignalMapping, signal_unit: &str) -> Result<Self, CodedError> {
        let is_text = find_unit(signal_unit).is_some_and(|u| u.dimension == Dimension::Text);
        Ok(Self {
            signal: mapping.signal_id,
            scale: Linear {
                gain: mapping.scaling_factor,
                bias: mapping.offset_value,
            },
            unit: if is_text {
                Linear::IDENTITY
            } else {
                conversion(&mapping.unit, signal_unit)?
            },
            is_text,
        })
    }

    /// The signal the values go to.
    #[must_use]
    pub fn signal(&self) -> SignalId {
        self.signal
    }

    /// The number in the signal's unit.
    #[must_use]
    pub fn number(&self, raw: f64) -> f64 {
        self.unit.of(self.scale.of(raw))
    }

    /// The measurement of a raw sample. NaN and infinities stay what they are; the status is kept.
    #[must_use]
    pub fn apply(&self, raw: &RawSample) -> Measurement {
        let (value, status) = match &raw.value {
            None => (None, raw.status),
            Some(value) if self.is_text => (Some(as_text(value)), raw.status),
            Some(Value::Number(n)) => (Some(Value::Number(self.number(*n))), raw.status),
            Some(Value::Bool(b)) => (Some(self.truth(*b)), raw.status),
            // The name of a state may itself be a number; the source's number of it is the one that counts.
            Some(Value::Text(text)) => match raw.state_no.or_else(|| text.trim().parse().ok()) {
                Some(n) => (Some(Value::Number(self.number(n))), raw.status),
                // The source's own complaint says more than ours.
                None if !raw.status.is_good() => (None, raw.status),
                None => (None, BAD_TYPE_MISMATCH),
            },
        };
        Measurement {
            signal: self.signal,
            observed_at: raw.observed_at(),
            received_at: raw.received_at,
            value,
            status,
        }
    }

    fn truth(&self, b: bool) -> Value {
        if self.scale == Linear::IDENTITY && self.unit == Linear::IDENTITY {
            Value::Bool(b)
        } else {
            // Factor −1 and offset 1 turn an inverted contact round.
            Value::Number(self.number(f64::from(u8::from(b))))
        }
    }
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text.clone()),
        Value::Bool(b) => Value::Text(Arc::from(b.to_string())),
        Value::Number(n) => Value::Text(Arc::from(n.to_string())),
    }
}

/// The measurement of one sample; compile a [`Conversion`] once for a stream.
///
/// # Errors
/// `mapping.unit_mismatch` when the units have different dimensions.
pub fn apply(
    mapping: &SignalMapping,
    signal_unit: &str,
    raw: &RawSample,
) -> Result<Measurement, CodedError> {
    Ok(Conversion::new(mapping, signal_unit)?.apply(raw))
}

#[cfg(test)]
mod tests {
    use iq_domain::{AssetId, IntegrationId, MappingId, TenantId, Timestamp};

    use super::*;

    fn mapping(unit: &str, scale: f64, offset: f64) -> SignalMapping {
        SignalMapping {
            id: MappingId::new(),
            tenant_id: TenantId::new(),
            integration_id: IntegrationId::new(),
            external_tag: "t".into(),
            asset_id: AssetId::new(),
            metric_name: "m".into(),
            signal_id: SignalId::new(),
            unit: unit.into(),
            scaling_factor: scale,
            offset_value: offset,
            metadata_json: "{}".into(),
            is_active: true,
        }
    }

    fn raw(value: Option<Value>, status: StatusCode) -> RawSample {
        RawSample {
            state_no: None,
            external_tag: "t".into(),
            value,
            status,
            source_time: None,
            server_time: Some(Timestamp(5)),
            received_at: Timestamp(9),
        }
    }

    #[test]
    fn scales_then_shifts_then_converts() {
        let m = mapping("degF", 0.1, 2.0);
        let got = apply(
            &m,
            "degC",
            &raw(Some(Value::Number(2100.0)), StatusCode::GOOD),
        )
        .unwrap();
        assert!(matches!(got.value, Some(Value::Number(n)) if (n - 100.0).abs() < 1e-9));
        assert_eq!(
            (got.observed_at, got.received_at),
            (Timestamp(5), Timestamp(9))
        );
        assert_eq!(got.signal, m.signal_id);
    }

    #[test]
    fn keeps_nan_infinity_and_status_as_they_came() {
        let m = mapping("bar", 2.0, 0.0);
        for (value, status) in [
            (f64::NAN, StatusCode::GOOD),
            (f64::INFINITY, StatusCode::UNCERTAIN),
            (f64::NEG_INFINITY, StatusCode(0x808C_0000)),
        ] {
            let got = apply(&m, "bar", &raw(Some(Value::Number(value)), status)).unwrap();
            let Some(Value::Number(n)) = got.value else {
                panic!("{value}: {got:?}")
            };
            assert!(n == value || (n.is_nan() && value.is_nan()), "{value}");
            assert_eq!(got.status, status);
        }
        let empty = apply(&m, "bar", &raw(None, StatusCode::BAD)).unwrap();
        assert_eq!((empty.value, empty.status), (None, StatusCode::BAD));
    }

    #[test]
    fn truth_values_stay_truth_values_and_can_be_inverted() {
        let yes = raw(Some(Value::Bool(true)), StatusCode::GOOD);
        let plain = apply(&mapping("1", 1.0, 0.0), "1", &yes).unwrap();
        assert_eq!(plain.value, Some(Value::Bool(true)));
        let inverted = apply(&mapping("1", -1.0, 1.0), "1", &yes).unwrap();
        assert_eq!(inverted.value, Some(Value::Number(0.0)));
    }

    #[test]
    fn a_word_in_a_number_signal_becomes_bad_but_a_written_number_is_read() {
        let m = mapping("bar", 1.0, 0.0);
        let word = apply(
            &m,
            "bar",
            &raw(Some(Value::Text("Bad Input".into())), StatusCode::GOOD),
        );
        assert_eq!(
            word.map(|w| (w.value, w.status)).unwrap(),
            (None, BAD_TYPE_MISMATCH)
        );
        let number = apply(
            &m,
            "bar",
            &raw(Some(Value::Text(" 12.5 ".into())), StatusCode::GOOD),
        );
        assert_eq!(number.unwrap().value, Some(Value::Number(12.5)));
        let offline = raw(
            Some(Value::Text("I/O Timeout".into())),
            StatusCode(0x800A_0000),
        );
        assert_eq!(
            apply(&m, "bar", &offline).unwrap().status,
            StatusCode(0x800A_0000)
        );
    }

    #[test]
    fn a_state_is_its_number_in_a_number_signal_and_its_name_in_a_text_signal() {
        let tripped = RawSample {
            state_no: Some(1.0),
            ..raw(Some(Value::Text("Tripped".into())), StatusCode::GOOD)
        };
        let number = apply(&mapping("", 1.0, 0.0), "1", &tripped).unwrap();
        assert_eq!(number.value, Some(Value::Number(1.0)));
        assert!(number.status.is_good());
        let inverted = apply(&mapping("", -1.0, 1.0), "1", &tripped).unwrap();
        assert_eq!(inverted.value, Some(Value::Number(0.0)));
        let name = apply(&mapping("", 1.0, 0.0), "text", &tripped).unwrap();
        assert_eq!(name.value, Some(Value::Text("Tripped".into())));
    }

    #[test]
    fn a_text_signal_keeps_texts() {
        let m = mapping("text", 1.0, 0.0);
        let got = apply(
            &m,
            "text",
            &raw(Some(Value::Text("TAHH".into())), StatusCode::GOOD),
        );
        assert_eq!(got.unwrap().value, Some(Value::Text("TAHH".into())));
    }

    #[test]
    fn refuses_units_of_another_dimension() {
        let error = Conversion::new(&mapping("bara", 1.0, 0.0), "bar").unwrap_err();
        assert_eq!(error.code, "mapping.unit_mismatch");
    }
}
