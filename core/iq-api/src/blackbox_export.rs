//! Events and incidents as files, and what every list that becomes a file shares. CSV and JSON are written
//! while the store is read, page by page, so a long export needs no more memory than a page; a workbook is
//! made whole and therefore holds less.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use iq_api_types::{Event, IncidentRow};
use iq_domain::{CodedError, ErrorKind, Permission, Timestamp};
use iq_runtime::TenantIndex;
use iq_store::events::{self, EventFilter};
use rust_xlsxwriter::{Format as CellFormat, Workbook};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    events::{EventQuery, dto},
    http::{Answer, Audit, Caller, Failure, Query, Route, XLSX, get},
    incidents::{IncidentQuery, found_rows},
    state::ApiState,
    texts::without_marks,
};

/// Rows of a CSV or JSON file.
const MAX_ROWS: u64 = 1_000_000;
/// Rows of a workbook, which stands in memory until it is whole.
const MAX_XLSX_ROWS: u64 = 50_000;
/// Events read at a time.
const PAGE: u32 = 1_000;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/blackbox/events/export",
            Permission::BlackboxRead,
            export_events,
        )
        .query::<EventQuery>()
        .query::<FileQuery>()
        .text_answer("text/csv")
        .or_json()
        .or_as(XLSX)
        .audits("blackbox.export_events")
        .says("Events as a file, oldest first"),
        get(
            "/api/blackbox/incidents/export",
            Permission::BlackboxRead,
            export_incidents,
        )
        .query::<IncidentQuery>()
        .query::<FileQuery>()
        .text_answer("text/csv")
        .or_json()
        .or_as(XLSX)
        .audits("blackbox.export_incidents")
        .says("Incidents as a file, newest first"),
    ]
}

/// Kind of an exported file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileKind {
    #[default]
    Csv,
    Json,
    Xlsx,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct FileQuery {
    /// `csv` or `json` (at most 1,000,000 rows) or `xlsx` (at most 50,000).
    #[serde(default)]
    #[param(inline)]
    pub(crate) format: FileKind,
}

impl FileKind {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::Xlsx => XLSX,
        }
    }

    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
        }
    }

    const fn most(self) -> u64 {
        match self {
            Self::Csv | Self::Json => MAX_ROWS,
            Self::Xlsx => MAX_XLSX_ROWS,
        }
    }

    pub(crate) fn refuse_more(self, rows: u64, max: u64) -> Answer<()> {
        if rows <= max {
            return Ok(());
        }
        let error = CodedError::new(ErrorKind::TooMuch, "blackbox.export_too_large");
        Err(Failure::new(
            error
                .with("rows", rows)
                .with("format", self.extension())
                .with("max", max),
        ))
    }
}

/// A row of a file: what JSON writes, and the cells of a table.
pub(crate) trait Record: Serialize + Send + 'static {
    const HEADINGS: &'static [&'static str];
    /// The row with its sentence as a file has it.
    fn plain(self) -> Self;
    fn cells(&self) -> Vec<Cell>;
}

pub(crate) enum Cell {
    Text(String),
    Number(i64),
    Amount(f64),
    Empty,
}

pub(crate) fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

pub(crate) fn word<T: Serialize>(value: &T) -> Cell {
    let value = serde_json::to_value(value).unwrap_or_default();
    text(value.as_str().unwrap_or_default())
}

impl Record for Event {
    const HEADINGS: &'static [&'static str] = &[
        "event_time",
        "ingest_time",
        "time_offset_ms",
        "time_uncertainty_ms",
        "category",
        "severity",
        "asset",
        "message",
        "tag",
        "source_system",
        "source_type",
        "source_id",
        "code",
        "id",
        "payload",
    ];

    fn plain(self) -> Self {
        Self {
            message: without_marks(&self.message),
            ..self
        }
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            text(self.event_time.to_string()),
            text(self.ingest_time.to_string()),
            Cell::Number(self.time_offset_ms),
            Cell::Number(self.time_uncertainty_ms),
            word(&self.category),
            word(&self.severity),
            text(self.asset_code.clone().unwrap_or_default()),
            text(&self.message),
            text(self.tag.clone().unwrap_or_default()),
            text(&self.source_system),
            text(&self.source_type),
            text(&self.source_id),
            text(&self.summary),
            text(self.id.to_string()),
            text(self.payload.to_string()),
        ]
    }
}

impl Record for IncidentRow {
    const HEADINGS: &'static [&'static str] = &[
        "number",
        "title",
        "type",
        "severity",
        "status",
        "asset",
        "assignee",
        "started_at",
        "ended_at",
        "events",
        "id",
    ];

    fn plain(self) -> Self {
        Self {
            title: without_marks(&self.title),
            ..self
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let ended = self.ended_at.map(|t| t.to_string()).unwrap_or_default();
        vec![
            text(&self.number),
            text(&self.title),
            word(&self.incident_type),
            word(&self.severity),
            word(&self.status),
            text(&self.asset_code),
            text(self.assignee.clone().unwrap_or_default()),
            text(self.started_at.to_string()),
            text(ended),
            Cell::Number(i64::try_from(self.event_count).unwrap_or(i64::MAX)),
            text(self.id.to_string()),
        ]
    }
}

async fn export_events(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<EventQuery>,
    Query(file): Query<FileQuery>,
) -> Answer<Response> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let now = state.now();
    let range = query.range(now)?;
    let filter = EventFilter {
        from: Some(range.from),
        to: Some(range.to),
        // What is stored while the file is written is not counted, and not in it.
        recorded_by: Some(now),
        is_ascending: true,
        ..query.filter(caller.language, &plant)?
    };
    let tenant = caller.tenant_id;
    let counted = filter.clone();
    let rows = state
        .runtime
        .store()
        .read(move |conn| events::count_events(conn, tenant, &counted))
        .await?;
    audit
        .detail("format", file.format.extension())
        .detail("rows", rows)
        .detail("from", range.from.0)
        .detail("to", range.to.0);
    file.format.refuse_more(rows, file.format.most())?;
    let name = format!("events-{}-{}", day(range.from), day(range.to));
    let pages = event_pages(state, caller, Arc::clone(&plant), filter);
    answer(&plant, file.format, &name, (rows, now), pages).await
}

fn event_pages(
    state: ApiState,
    caller: Caller,
    plant: Arc<TenantIndex>,
    mut filter: EventFilter,
) -> impl Stream<Item = Answer<Vec<Event>>> + Send {
    async_stream::try_stream! {
        let tenant = caller.tenant_id;
        loop {
            let wanted = filter.clone();
            let found = state
                .runtime
                .store()
                .read(move |conn| events::next_events(conn, tenant, &wanted, PAGE))
                .await?;
            let Some(last) = found.last() else { break };
            filter.after = Some((last.event_time, last.id));
            yield found.into_iter().map(|e| dto(caller.language, &plant, e)).collect();
        }
    }
}

async fn export_incidents(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<IncidentQuery>,
    Query(file): Query<FileQuery>,
) -> Answer<Response> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let now = state.now();
    let found = found_rows(&state, &caller, &plant, &query, iq_store::Page::MAX).await?;
    audit
        .detail("format", file.format.extension())
        .detail("rows", found.total);
    // All of them are one page of the store.
    let most = u64::from(iq_store::Page::MAX.limit);
    file.format.refuse_more(found.total, most)?;
    let name = format!("incidents-{}", day(now));
    let rows = found.total;
    let pages = futures::stream::once(async { Ok(found.rows) });
    answer(&plant, file.format, &name, (rows, now), pages).await
}

pub(crate) fn day(t: Timestamp) -> String {
    t.to_string().chars().take(10).collect()
}

/// The file as an answer.
pub(crate) async fn answer<R: Record>(
    plant: &TenantIndex,
    kind: FileKind,
    name: &str,
    (rows, now): (u64, Timestamp),
    pages: impl Stream<Item = Answer<Vec<R>>> + Send + 'static,
) -> Answer<Response> {
    let is_demo = plant.tenant.is_demo;
    let pages = pages.map_ok(|rows| rows.into_iter().map(R::plain).collect::<Vec<R>>());
    let body = match kind {
        FileKind::Csv => Body::from_stream(csv(pages).map_err(broken)),
        FileKind::Json => Body::from_stream(json(pages, rows, now, is_demo).map_err(broken)),
        FileKind::Xlsx => {
            let pages: Vec<Vec<R>> = pages.try_collect().await?;
            let file = tokio::task::spawn_blocking(move || workbook(&pages, is_demo));
            Body::from(file.await.map_err(|_| Failure::internal())??)
        }
    };
    let mark = if is_demo { "DEMO-" } else { "" };
    let disposition = format!("attachment; filename=\"{mark}{name}.{}\"", kind.extension());
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(kind.media_type()),
    );
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert("x-optria-rows", HeaderValue::from(rows));
    Ok(response)
}

/// Ends a file that can't be finished: the reader sees a broken transfer, never a short file.
fn broken(failure: Failure) -> std::io::Error {
    std::io::Error::other(failure.error.code)
}

fn csv<R: Record>(
    pages: impl Stream<Item = Answer<Vec<R>>> + Send,
) -> impl Stream<Item = Answer<Bytes>> + Send {
    let heading = futures::stream::once(async {
        let line = R::HEADINGS.join(",");
        Ok(Bytes::from(format!("\u{feff}{line}\r\n")))
    });
    heading.chain(pages.map(|page| csv_lines(&page?)))
}

fn csv_lines<R: Record>(rows: &[R]) -> Answer<Bytes> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        let cells = row.cells().into_iter().map(|cell| match cell {
            Cell::Text(text) => iq_mapping::csv_text(&text),
            Cell::Number(number) => number.to_string(),
            Cell::Amount(amount) => amount.to_string(),
            Cell::Empty => String::new(),
        });
        writer
            .write_record(cells)
            .map_err(|_| Failure::internal())?;
    }
    let bytes = writer.into_inner().map_err(|_| Failure::internal())?;
    Ok(bytes.into())
}

fn json<R: Record>(
    pages: impl Stream<Item = Answer<Vec<R>>> + Send,
    rows: u64,
    now: Timestamp,
    is_demo: bool,
) -> impl Stream<Item = Answer<Bytes>> + Send {
    async_stream::try_stream! {
        let head = serde_json::json!({ "demo": is_demo, "exported_at": now, "rows": rows });
        let head = head.to_string();
        yield Bytes::from(format!("{},\"items\":[\n", head.trim_end_matches('}')));
        let mut separator = "";
        for await page in pages {
            let mut text = String::new();
            for row in page? {
                text.push_str(separator);
                text.push_str(&serde_json::to_string(&row).map_err(|_| Failure::internal())?);
                separator = ",\n";
            }
            yield Bytes::from(text);
        }
        yield Bytes::from_static(b"\n]}\n");
    }
}

fn workbook<R: Record>(pages: &[Vec<R>], is_demo: bool) -> Result<Vec<u8>, CodedError> {
    let broken = |_| CodedError::new(ErrorKind::Internal, "internal.error");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet
        .set_name(if is_demo { "DEMO" } else { "OPTRIA IQ" })
        .map_err(broken)?;
    let bold = CellFormat::new().set_bold();
    // As text, so that a tag such as "1-2" does not become a day.
    let as_text = CellFormat::new().set_num_format("@");
    for (at, heading) in (0_u16..).zip(R::HEADINGS) {
        sheet
            .write_string_with_format(0, at, *heading, &bold)
            .map_err(broken)?;
        sheet.set_column_width(at, 20).map_err(broken)?;
    }
    for (line, row) in (1_u32..).zip(pages.iter().flatten()) {
        for (at, cell) in (0_u16..).zip(row.cells()) {
            match cell {
                // A cell holds 32,767 characters.
                Cell::Text(text) => {
                    let text: String = text.chars().take(32_767).collect();
                    sheet.write_string_with_format(line, at, text, &as_text)
                }
                #[allow(clippy::cast_precision_loss, reason = "milliseconds and counts")]
                Cell::Number(number) => sheet.write_number(line, at, number as f64),
                Cell::Amount(amount) => sheet.write_number(line, at, amount),
                Cell::Empty => continue,
            }
            .map_err(broken)?;
        }
    }
    sheet.set_freeze_panes(1, 0).map_err(broken)?;
    workbook.save_to_buffer().map_err(broken)
}
