//! From the raw log to what people read. It runs after the receipt, can't refuse a record, and may be
//! run again at any time: what can't be read is set aside with its reason and the rest goes on.

use std::collections::BTreeMap;

use iq_config::FailPoint;
use iq_domain::cbor;
use iq_evidence::{Origin, Record, RecordError};
use iq_sync_proto::{
    Line,
    figures::{Kind, STREAM},
};
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use crate::{
    failure::Answer,
    state::Hub,
    store::{
        figures::{self, Figure},
        sync::{self, Owner, Readable},
    },
};

/// Bytes of the name of a thing.
const MOST_KEY: usize = 100;
/// Records of one transaction.
const STEP: i64 = 2_000;

/// Begins in the background; whoever comes at the same time waits at the lock of the cursor. A program
/// that ends right after must wait for it.
pub(crate) fn begin(hub: &Hub, owner: Owner, line: Line) -> JoinHandle<()> {
    let hub = hub.clone();
    tokio::spawn(async move {
        if let Err(failure) = run(&hub, owner, line).await {
            tracing::error!(
                code = failure.error.code,
                "Synced records could not be read yet."
            );
        }
    })
}

/// Reads all that is not read yet.
async fn run(hub: &Hub, owner: Owner, line: Line) -> Answer<()> {
    loop {
        let now = hub.now();
        let mut tx = hub.store.tenant(owner.0).await?;
        let (_, done) = sync::lock_cursor(&mut tx, owner, &line, now).await?;
        let records = sync::list_records(&mut tx, owner, &line, (done, STEP)).await?;
        let Some((upto, _)) = records.last() else {
            return Ok(());
        };
        let upto = *upto;
        let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
        let mut figures = BTreeMap::new();
        for (seq, bytes) in &records {
            match read(*seq, bytes).and_then(|record| Ok((figure(&line, &record)?, record))) {
                Ok((figure, record)) => {
                    // The last word on a thing is the one that counts.
                    figures.extend(figure.map(|f| ((f.kind, f.key.clone()), f)));
                    readable.push(record);
                }
                Err(reason) => unreadable.push((*seq, reason)),
            }
        }
        let figures: Vec<Figure> = figures.into_values().collect();
        figures::store(&mut tx, owner, &line, &figures).await?;
        let made = (readable.as_slice(), unreadable.as_slice());
        sync::store_projection(&mut tx, owner, &line, made, (upto, now)).await?;
        FailPoint::RecordsProjected.pass();
        tx.commit().await?;
        FailPoint::ProjectionCommitted.pass();
    }
}

/// A record as people read it, or why not.
pub(super) fn read(seq: i64, bytes: &[u8]) -> Result<Readable, &'static str> {
    let record = Record::decode(bytes).map_err(|error| match error {
        RecordError::Version => "newer_version",
        RecordError::Cbor(_) | RecordError::Shape => "unreadable",
    })?;
    let mut body: Map<String, Value> = record
        .body
        .iter()
        .map(|(key, value)| (key.to_string(), json_of(value)))
        .collect();
    if record.origin == Origin::Demo {
        body.insert("origin".to_owned(), Value::from("demo"));
    }
    // Postgres keeps no NUL in a text.
    let clean = |text: &str| iq_domain::neutralise(text, 200);
    Ok(Readable {
        seq,
        kind: clean(record.kind),
        event_ms: record.event_ms,
        source: clean(record.source),
        body: Value::Object(body),
    })
}

/// What a record of the figures tells, or why it can't be known; the other logs tell none.
fn figure(line: &Line, record: &Readable) -> Result<Option<Figure>, &'static str> {
    if line.stream != STREAM {
        return Ok(None);
    }
    let kind = Kind::of(&record.kind).ok_or("unknown_kind")?;
    let key = record.body["1"]
        .as_str()
        .filter(|key| key.len() <= MOST_KEY);
    let said = record.body["2"].as_str().and_then(|text| kind.read(text));
    let (key, said) = key.zip(said).ok_or("unreadable")?;
    Ok(Some(Figure {
        kind: kind.as_str(),
        key: key.to_owned(),
        at_ms: record.event_ms,
        is_demo: record.body["origin"] == "demo",
        seq: record.seq,
        body: clean(said),
    }))
}

/// Texts as a page may show them.
fn clean(said: Value) -> Value {
    match said {
        Value::String(text) => Value::String(iq_domain::neutralise(&text, 200)),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, clean(value)))
            .collect(),
        other => other,
    }
}

/// Bytes become hex digits.
fn json_of(value: &cbor::Value<'_>) -> Value {
    match value {
        cbor::Value::Int(number) => Value::from(*number),
        cbor::Value::Bytes(bytes) => {
            Value::from(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
        }
        cbor::Value::Text(text) => Value::from(text.replace('\0', "\u{FFFD}")),
        cbor::Value::Array(items) => items.iter().map(json_of).collect(),
        cbor::Value::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| (key.to_string(), json_of(value)))
                .collect(),
        ),
        cbor::Value::Bool(is_true) => Value::from(*is_true),
        cbor::Value::Null => Value::Null,
    }
}
