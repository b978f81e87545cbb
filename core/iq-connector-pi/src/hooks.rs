//! For tests alone: answers of a server that is none, read as the connector reads them. The feature that
//! brings this is for tests only.

use std::{collections::BTreeMap, sync::Arc};

use iq_domain::Timestamp;
use iq_http::{JsonLimits, parse_json};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

use crate::{
    config::SyncMode,
    frames::FrameReader,
    value::{sample, ticks},
    wire::{
        BatchAnswer, EventFrame, Fallible, Home, List, Object, StreamValue, StreamValues,
        TimedValue, UserInfo, error_text,
    },
};

const HOST: &str = "pi.example";

/// Reads an answer as every document it could be; how many samples and events came of it.
#[must_use]
pub fn read_answer(body: &[u8]) -> usize {
    let (tag, now) = (Arc::from("tag"), Timestamp(1_750_000_000_000));
    let values = |items: &[TimedValue]| {
        let read = items
            .iter()
            .map(|v| sample(&tag, v, ticks(v, &TimeZone::UTC), now));
        read.filter(|s| s.value.is_some()).count()
    };
    let mut count = values(&list::<TimedValue>(body));
    for stream in list::<StreamValues>(body) {
        count += values(&stream.items);
    }
    for stream in list::<StreamValue>(body) {
        count += values(stream.value.as_slice());
    }
    let mut reader = FrameReader::new(
        &BTreeMap::new(),
        SyncMode::Last24h,
        None,
        TimeZone::UTC,
        now,
    );
    for frame in list::<EventFrame>(body) {
        count += reader.steps(&frame).len();
    }
    count += list::<Object>(body).len();
    count +=
        usize::from(read::<Home>(body).is_some()) + usize::from(read::<UserInfo>(body).is_some());
    if let Some(parts) = read::<BatchAnswer>(body) {
        for part in parts.values().filter_map(|part| part.content.as_ref()) {
            count += values(&list::<TimedValue>(part.get().as_bytes()));
        }
    }
    if let Ok(text) = std::str::from_utf8(body) {
        count += usize::from(!error_text(text).is_empty());
    }
    count
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    parse_json(body, HOST, JsonLimits::default()).ok()
}

fn list<T: DeserializeOwned>(body: &[u8]) -> Vec<T> {
    let Some(list) = read::<List<T>>(body) else {
        return Vec::new();
    };
    // Said in place of content: the words are made, as they would be for a person.
    if let Some(exception) = list.exception() {
        drop(exception.coded(HOST));
    }
    drop(list.error());
    list.items
}
