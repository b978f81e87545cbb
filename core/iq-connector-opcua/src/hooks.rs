//! For tests alone: values and certificates of a server that is none, read as the connector reads them.
//! The feature that brings this is for tests only.

use std::sync::Arc;

use iq_domain::{RawSample, Timestamp};
use opcua::types::{BinaryDecodable, ContextOwned, DataValue, Variant};

use crate::{nodeid::Namespaces, trust::read_certificate, value};

/// Reads bytes off the wire as a value with its time and status.
#[must_use]
pub fn read_value(bytes: &[u8], zone: Option<&jiff::tz::TimeZone>) -> Option<RawSample> {
    let context = ContextOwned::default();
    let data = DataValue::decode(&mut &bytes[..], &context.context()).ok()?;
    let tag = Arc::from("nsu=urn:plant;s=P101.VIB_DE");
    Some(value::sample(&tag, data, Timestamp(0), zone))
}

/// Reads bytes off the wire as a field of an event.
#[must_use]
pub fn read_field(bytes: &[u8]) -> Option<serde_json::Value> {
    let context = ContextOwned::default();
    let variant = Variant::decode(&mut &bytes[..], &context.context()).ok()?;
    let names = Namespaces::new(vec!["urn:a".to_owned(), "urn:b;%".to_owned()]);
    Some(value::plain(&variant, &names))
}

/// Reads the address of a node as a person writes it; whether it is one.
#[must_use]
pub fn read_address(text: &str) -> bool {
    Namespaces::new(vec!["urn:a".to_owned()])
        .resolve(text)
        .is_ok()
}

/// Reads a certificate that a server presents; whether it is one.
#[must_use]
pub fn read_presented(bytes: &[u8]) -> bool {
    read_certificate(bytes).is_ok()
}
