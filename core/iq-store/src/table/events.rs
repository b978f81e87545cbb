//! Canonical industrial events: appended once per source id, never changed.

use iq_domain::{
    AssetId, EventCategory, EventId, IndustrialEvent, Severity, TenantId, TimeRange, Timestamp,
};
use rusqlite::{Connection, Row, params, types::Value};

use crate::{Page, Paged, StoreError, query, query::Where, row};

pub(crate) const COLUMNS: &str = "e.tenant_id, e.id, e.asset_id, e.source_system, e.source_type, \
    e.source_id, e.event_time, e.ingest_time, e.recorded_at, e.time_offset_ms, \
    e.time_uncertainty_ms, e.severity, e.event_category, e.summary, e.payload";

const SELECT: &str = "SELECT tenant_id, id, asset_id, source_system, source_type, source_id, \
    event_time, ingest_time, recorded_at, time_offset_ms, time_uncertainty_ms, severity, \
    event_category, summary, payload FROM industrial_events";

/// A word a person searches for. Sentences are put together when they are read, so the caller says
/// where the word occurs in what the store does not hold: sentences, names of assets and of metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchWord {
    /// Occurs in the sentence code, the payload, the source or the source id.
    pub text: String,
    /// Or the sentence is one of these codes.
    pub summaries: Vec<String>,
    /// Or the asset is one of these.
    pub asset_ids: Vec<AssetId>,
    /// Or the metric, the first-out or the action is one of these keys.
    pub keys: Vec<String>,
}

/// Events of one slice of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceCount {
    /// Number of the slice, from 0.
    pub slice: u32,
    /// Severity.
    pub severity: Severity,
    /// How many.
    pub count: u64,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    /// Happened at or after.
    pub from: Option<Timestamp>,
    /// Happened before.
    pub to: Option<Timestamp>,
    /// Of one of these assets; empty for all, also those without an asset.
    pub asset_ids: Vec<AssetId>,
    /// Of one of these categories; empty for all.
    pub categories: Vec<EventCategory>,
    /// Of one of these severities; empty for all.
    pub severities: Vec<Severity>,
    /// From this system.
    pub source_system: Option<String>,
    /// Of this kind at its source.
    pub source_type: Option<String>,
    /// Occurs in the sentence code, the payload, the source or the source id.
    pub text: Option<String>,
    /// All of these words must be found, each in its own way.
    pub words: Vec<SearchWord>,
    /// Had arrived by then: what was known at that moment.
    pub known_at: Option<Timestamp>,
    /// Had been stored by then: a list that takes a while to read does not grow meanwhile.
    pub recorded_by: Option<Timestamp>,
    /// Only what comes after this row in the order of the list; unlike an offset it stays right
    /// while events arrive.
    pub after: Option<(Timestamp, EventId)>,
    /// Oldest first instead of newest first.
    pub is_ascending: bool,
}

pub(crate) fn read(r: &Row<'_>) -> rusqlite::Result<IndustrialEvent> {
    Ok(IndustrialEvent {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        asset_id: row::id_opt(r, "asset_id")?,
        source_system: r.get("source_system")?,
        source_type: r.get("source_type")?,
        source_id: r.get("source_id")?,
        event_time: row::time(r, "event_time")?,
        ingest_time: row::time(r, "ingest_time")?,
        recorded_at: row::time(r, "recorded_at")?,
        time_offset_ms: r.get("time_offset_ms")?,
        time_uncertainty_ms: r.get("time_uncertainty_ms")?,
        severity: row::word(r, "severity")?,
        event_category: row::word(r, "event_category")?,
        summary: r.get("summary")?,
        payload: row::json(r, "payload")?,
    })
}

/// Appends an event unless it is known: under its id, which a source's new name does not change, or
/// under the id it has at its source. Says whether it is new.
pub fn insert_ignore_duplicate(
    conn: &Connection,
    tenant: TenantId,
    event: &IndustrialEvent,
) -> Result<bool, StoreError> {
    row::same_tenant(tenant, event.tenant_id)?;
    let known = "SELECT 1 FROM industrial_events WHERE tenant_id = ? AND id = ? AND source_id = ?";
    let key = params![tenant.to_string(), event.id.to_string(), event.source_id];
    if query::find(conn, known, key, |r| r.get::<_, i64>(0))?.is_some() {
        return Ok(false);
    }
    // Only that one conflict is ignored; a row that breaks another rule is an error.
    let sql = "INSERT INTO industrial_events (tenant_id, id, asset_id, source_system, source_type,
               source_id, event_time, ingest_time, recorded_at, time_offset_ms, time_uncertainty_ms,
               severity, event_category, summary, payload)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (tenant_id, source_system, source_id) DO NOTHING";
    let inserted = query::change(
        conn,
        sql,
        params![
            tenant.to_string(),
            event.id.to_string(),
            event.asset_id.map(|id| id.to_string()),
            event.source_system,
            event.source_type,
            event.source_id,
            event.event_time.0,
            event.ingest_time.0,
            event.recorded_at.0,
            event.time_offset_ms,
            event.time_uncertainty_ms,
            row::to_word(&event.severity)?,
            row::to_word(&event.event_category)?,
            event.summary,
            row::to_json(&event.payload)?
        ],
    )?;
    Ok(inserted > 0)
}

/// The event, if this tenant has it.
pub fn get_event(
    conn: &Connection,
    tenant: TenantId,
    id: EventId,
) -> Result<Option<IndustrialEvent>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The event a source reported under that id.
pub fn get_event_by_source(
    conn: &Connection,
    tenant: TenantId,
    source_system: &str,
    source_id: &str,
) -> Result<Option<IndustrialEvent>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND source_system = ? AND source_id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), source_system, source_id],
        read,
    )
}

/// Whether an event of this tenant corrects another one.
const CORRECTS: &str = "SELECT 1 FROM industrial_events
    WHERE tenant_id = ? AND payload ->> '$.corrects' IS NOT NULL LIMIT 1";

/// The last reading of what a source reported under that id: the event, or the newest that corrects it. With it
/// the number of readings.
pub fn get_newest_reading(
    conn: &Connection,
    tenant: TenantId,
    source_system: &str,
    source_id: &str,
) -> Result<Option<(IndustrialEvent, u32)>, StoreError> {
    let mut newest = get_event_by_source(conn, tenant, source_system, source_id)?;
    let mut count = 0;
    while let Some(event) = newest {
        count += 1;
        let next = reading_id(source_id, count + 1);
        newest = get_event_by_source(conn, tenant, source_system, &next)?;
        if newest.is_none() {
            return Ok(Some((event, count)));
        }
    }
    Ok(None)
}

/// The id of another reading of what a source reported.
#[must_use]
pub fn reading_id(source_id: &str, reading: u32) -> String {
    format!("{source_id}~{reading}")
}

/// What a filter asks for, without what was corrected as far as that was known then.
fn filtered(
    conn: &Connection,
    tenant: TenantId,
    filter: &EventFilter,
) -> Result<Where, StoreError> {
    let categories = filter
        .categories
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let severities = filter
        .severities
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let mut wanted = Where::tenant(tenant);
    wanted
        .within("event_time", filter.from, filter.to)
        .any(
            "asset_id",
            filter.asset_ids.iter().map(ToString::to_string).collect(),
        )
        .any("event_category", categories)
        .any("severity", severities)
        .maybe("source_system = ?", filter.source_system.clone())
        .maybe("source_type = ?", filter.source_type.clone())
        .contains(&TEXTS, filter.text.as_deref())
        .maybe("ingest_time <= ?", filter.known_at.map(|t| t.0))
        .maybe("recorded_at <= ?", filter.recorded_by.map(|t| t.0));
    for word in &filter.words {
        wanted.any_of(found_in(word));
    }
    if query::find(conn, CORRECTS, params![tenant.to_string()], |r| {
        r.get::<_, i64>(0)
    })?
    .is_some()
    {
        let mut sql = "id NOT IN (SELECT payload ->> '$.corrects' FROM industrial_events WHERE tenant_id = ? \
                       AND payload ->> '$.corrects' IS NOT NULL"
            .to_owned();
        let mut args = vec![Value::Text(tenant.to_string())];
        for (column, by) in [
            ("ingest_time", filter.known_at),
            ("recorded_at", filter.recorded_by),
        ] {
            if let Some(by) = by {
                sql.push_str(&format!(" AND {column} <= ?"));
                args.push(Value::Integer(by.0));
            }
        }
        sql.push(')');
        wanted.and(&sql, args);
    }
    Ok(wanted)
}

/// Columns a text may stand in.
const TEXTS: [&str; 4] = ["summary", "payload", "source_system", "source_id"];

/// Arguments of a sentence that name something, wherever the payload keeps its arguments.
const KEYS: [&str; 3] = ["metric", "first_out", "action"];

fn found_in(word: &SearchWord) -> Vec<query::Condition> {
    let ids = word.asset_ids.iter().map(ToString::to_string).collect();
    let mut conditions: Vec<query::Condition> = [
        query::occurs(&TEXTS, &word.text),
        query::one_of("summary", word.summaries.clone()),
        query::one_of("asset_id", ids),
    ]
    .into_iter()
    .flatten()
    .collect();
    for key in KEYS {
        let column = format!("COALESCE(payload ->> '$.params.{key}', payload ->> '$.{key}')");
        conditions.extend(query::one_of(&column, word.keys.clone()));
    }
    if conditions.is_empty() {
        conditions.push(("1".to_owned(), Vec::new()));
    }
    conditions
}

/// Where a list begins and goes on.
const fn order(is_ascending: bool) -> (&'static str, &'static str) {
    if is_ascending {
        ("event_time, id", "(event_time, id) > (?, ?)")
    } else {
        ("event_time DESC, id DESC", "(event_time, id) < (?, ?)")
    }
}

/// The next events of a list that is read to its end, `after` by `after`, without counting it each time.
pub fn next_events(
    conn: &Connection,
    tenant: TenantId,
    filter: &EventFilter,
    limit: u32,
) -> Result<Vec<IndustrialEvent>, StoreError> {
    let (order, beyond) = order(filter.is_ascending);
    let mut wanted = filtered(conn, tenant, filter)?;
    if let Some((time, id)) = filter.after {
        wanted.and(
            beyond,
            [Value::Integer(time.0), Value::Text(id.to_string())],
        );
    }
    wanted.first(conn, (SELECT, order), limit, read)
}

/// How many events of each severity lie in each of `slices` equal parts of `[from, to)`. The window
/// replaces the filter's own. Event `t` is in slice `i` when `(t − from) · slices / (to − from)` is `i`,
/// rounded down.
pub fn count_events_by_slice(
    conn: &Connection,
    tenant: TenantId,
    filter: &EventFilter,
    (from, to): (Timestamp, Timestamp),
    slices: u32,
) -> Result<Vec<SliceCount>, StoreError> {
    let filter = EventFilter {
        from: Some(from),
        to: Some(to),
        ..filter.clone()
    };
    let first = vec![
        Value::Integer(from.0),
        Value::Integer(slices.into()),
        Value::Integer(to.since_ms(from).max(1)),
    ];
    let select = "SELECT (event_time - ?) * ? / ? AS slice, severity, COUNT(*) AS number \
                  FROM industrial_events";
    filtered(conn, tenant, &filter)?.summary(
        conn,
        (select, first),
        "GROUP BY slice, severity",
        |r| {
            Ok(SliceCount {
                slice: r.get("slice")?,
                severity: row::word(r, "severity")?,
                count: r.get::<_, i64>("number")?.unsigned_abs(),
            })
        },
    )
}

/// A page of events, newest first unless asked otherwise. The total counts all that match, also those
/// before `after`.
pub fn list_events(
    conn: &Connection,
    tenant: TenantId,
    filter: &EventFilter,
    page: Page,
) -> Result<Paged<IndustrialEvent>, StoreError> {
    let (order, beyond) = order(filter.is_ascending);
    let mut wanted = filtered(conn, tenant, filter)?;
    let Some((time, id)) = filter.after else {
        return wanted.page(conn, "industrial_events", (SELECT, order), page, read);
    };
    let total = wanted.count(conn, "industrial_events")?;
    wanted.and(
        beyond,
        [Value::Integer(time.0), Value::Text(id.to_string())],
    );
    let found = wanted.page(conn, "industrial_events", (SELECT, order), page, read)?;
    Ok(Paged {
        rows: found.rows,
        total,
    })
}

/// How many events match.
pub fn count_events(
    conn: &Connection,
    tenant: TenantId,
    filter: &EventFilter,
) -> Result<u64, StoreError> {
    filtered(conn, tenant, filter)?.count(conn, "industrial_events")
}

/// A system that reported alarms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSource {
    /// Its name, as in the events.
    pub system: String,
    /// Alarm events of it.
    pub events: u64,
}

/// When a system other than the program itself reported its first alarm.
pub fn get_first_alarm_time(
    conn: &Connection,
    tenant: TenantId,
    system: &str,
) -> Result<Option<Timestamp>, StoreError> {
    // In the order of the index on time: the first is soon found, and no row after it is read.
    let sql = "SELECT event_time - time_offset_ms FROM industrial_events
               WHERE tenant_id = ? AND source_system = ?
                 AND event_category = 'ALERT' AND source_type <> 'alert'
               ORDER BY event_time LIMIT 1";
    query::find(conn, sql, params![tenant.to_string(), system], |r| {
        Ok(Timestamp(r.get(0)?))
    })
}

/// The systems other than the program itself that reported alarms in a period.
pub fn list_alarm_sources(
    conn: &Connection,
    tenant: TenantId,
    period: TimeRange,
) -> Result<Vec<AlarmSource>, StoreError> {
    let sql = "SELECT source_system, count(*) FROM industrial_events
               WHERE tenant_id = ?1 AND event_time >= ?2 AND event_time < ?3
                 AND event_category = 'ALERT' AND source_type <> 'alert'
                 AND id NOT IN (SELECT payload ->> '$.corrects' FROM industrial_events
                                WHERE tenant_id = ?1 AND payload ->> '$.corrects' IS NOT NULL)
               GROUP BY source_system ORDER BY source_system";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(
        params![tenant.to_string(), period.from.0, period.to.0],
        |r| {
            Ok(AlarmSource {
                system: r.get(0)?,
                events: u64::try_from(r.get::<_, i64>(1)?).unwrap_or(0),
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}
