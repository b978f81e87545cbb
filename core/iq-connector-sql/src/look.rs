//! Looking into a database: its tables and columns, its tags, present values, the first rows.

use std::{collections::HashSet, sync::Arc, time::Duration};

use iq_connector::{
    BrowseItem, BrowsePage, BrowseRequest, Choice, ColumnKind, ColumnRole, ConnectorContext,
    FieldError, MAX_BROWSE_PAGE, MAX_SAMPLE_ROWS, SampleColumn, SampleRows,
};
use iq_domain::{CodedError, RawSample, StatusCode, Value, is_clean_line};
use serde_json::Value as Json;

use crate::{
    config::{DataMode, RowsFrom, Settings, SqlConfig, Target},
    dialect::{Class, Column},
    error::about,
    hub::Visit,
    rows::{Faults, MAX_TAG_CHARS, Reader, Twice},
    session::Caps,
    source::{self, Origin, Source},
    value::{NOT_ASKED, UNKNOWN_TAG},
};

/// Most tags in one preview.
const MAX_PREVIEW: usize = 100;

/// Time for all tags of a preview together.
const PREVIEW_TIME: Duration = Duration::from_secs(12);

/// How many rows of a wide table are looked through for the last value of each column.
const WIDE_LOOK: usize = 200;

/// Pages of tags looked through for one page of matches.
const SEARCH_PAGES: usize = 10;

fn kind(class: Class) -> ColumnKind {
    match class {
        Class::Zoned | Class::Local | Class::Day => ColumnKind::Time,
        Class::Integer | Class::Decimal | Class::Float => ColumnKind::Number,
        Class::Bool => ColumnKind::Bool,
        Class::Text => ColumnKind::Text,
        Class::Bytes | Class::Other => ColumnKind::Other,
    }
}

/// What a field marked with choices can be.
pub(crate) async fn choices(
    visit: &mut Visit,
    target: &Target,
    config: &SqlConfig,
    field: &str,
) -> Result<Vec<Choice>, CodedError> {
    if field == "table_name" {
        let tables = source::tables(visit.link(), target).await?;
        return Ok(tables
            .into_iter()
            .map(|table| {
                let whole = format!("{}.{}", table.schema, table.name);
                Choice {
                    value: match target.schema {
                        Some(_) => table.name,
                        None => whole.clone(),
                    },
                    label: whole,
                    detail: None,
                }
            })
            .collect());
    }
    let is_column = matches!(
        field,
        "timestamp_column" | "tag_column" | "value_column" | "quality_column"
    );
    if !is_column {
        return Err(CodedError::invalid("connector.choices_unsupported"));
    }
    let rows = rows_from(config)?;
    let origin = source::origin(visit.link(), target, &rows).await?;
    let fits = |column: &&Column| match field {
        "timestamp_column" => column.class.is_time(),
        "value_column" => column.class.is_value(),
        _ => column.class != Class::Bytes && !column.class.is_time(),
    };
    Ok(origin
        .columns
        .iter()
        .filter(fits)
        .map(|column| Choice {
            value: column.name.clone(),
            label: column.name.clone(),
            detail: Some(column.source_type.clone()),
        })
        .collect())
}

fn rows_from(config: &SqlConfig) -> Result<RowsFrom, CodedError> {
    let required = |field: &'static str, value: &Option<String>| {
        value
            .as_deref()
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| CodedError::invalid("connector.field_required").with("field", field))
    };
    Ok(match config.data_mode.unwrap_or(DataMode::RawTable) {
        DataMode::RawTable => RowsFrom::Table(required("table_name", &config.table_name)?),
        DataMode::CustomQuery => RowsFrom::Query(required("custom_query", &config.custom_query)?),
    })
}

/// A page of tags.
pub(crate) async fn browse(
    visit: &mut Visit,
    settings: &Settings,
    request: &BrowseRequest,
) -> Result<BrowsePage, CodedError> {
    let limit = request.limit.clamp(1, MAX_BROWSE_PAGE);
    let cursor = request.cursor.as_deref().map(position).transpose()?;
    if request.parent.is_some() {
        // Tags of a table have no children.
        return Ok(BrowsePage::default());
    }
    let source = Source::find(visit.link(), settings).await?;
    let needle = request.search.as_deref().map(str::to_lowercase);
    let matches = |name: &str| {
        needle
            .as_ref()
            .is_none_or(|n| name.to_lowercase().contains(n))
    };
    let Some(tag) = &source.tag else {
        let names: Vec<&Column> = source.values.iter().filter(|c| matches(&c.name)).collect();
        let start = match cursor {
            Some(after) => names
                .iter()
                .position(|c| c.name == after)
                .map_or(0, |n| n + 1),
            None => 0,
        };
        let page: Vec<&Column> = names.iter().skip(start).take(limit).copied().collect();
        let is_more = start + page.len() < names.len();
        return Ok(BrowsePage {
            next_cursor: page.last().filter(|_| is_more).map(|c| token(&c.name)),
            items: page
                .into_iter()
                .map(|c| item(&c.name, Some(c.source_type.clone())))
                .collect(),
        });
    };
    let mut after = cursor;
    let mut items = Vec::new();
    for _ in 0..SEARCH_PAGES {
        let wanted = MAX_BROWSE_PAGE;
        let statement = source.tags_after(tag, after.as_deref(), wanted);
        let rows = visit.link().rows(&statement, Caps::rows(wanted)).await?;
        let count = rows.len();
        for name in rows.into_iter().flatten().flatten() {
            let shown = name.trim_end();
            if matches(shown) && is_clean_line(shown, MAX_TAG_CHARS) {
                items.push(item(shown, Some(source.values[0].source_type.clone())));
            }
            after = Some(name);
            if items.len() == limit {
                return Ok(BrowsePage {
                    items,
                    next_cursor: after.as_deref().map(token),
                });
            }
        }
        if count < wanted {
            return Ok(BrowsePage {
                items,
                next_cursor: None,
            });
        }
    }
    Ok(BrowsePage {
        items,
        next_cursor: after.as_deref().map(token),
    })
}

fn token(name: &str) -> String {
    format!("after:{name}")
}

fn position(cursor: &str) -> Result<String, CodedError> {
    cursor
        .strip_prefix("after:")
        .filter(|name| !name.is_empty() && name.chars().count() <= 2 * MAX_TAG_CHARS)
        .filter(|name| !name.contains('\0'))
        .map(str::to_owned)
        .ok_or_else(|| CodedError::invalid("connector.cursor_invalid"))
}

fn item(name: &str, data_type: Option<String>) -> BrowseItem {
    BrowseItem {
        id: name.to_owned(),
        display: name.to_owned(),
        path: name.to_owned(),
        has_children: false,
        is_variable: true,
        data_type,
        unit: None,
        description: None,
    }
}

fn absent(tag: &str, status: StatusCode, ctx: &ConnectorContext) -> RawSample {
    RawSample {
        state_no: None,
        external_tag: tag.into(),
        value: None,
        status,
        source_time: None,
        server_time: None,
        received_at: ctx.clock.now(),
    }
}

/// The last value of each tag.
pub(crate) async fn preview(
    ctx: &ConnectorContext,
    visit: &mut Visit,
    settings: &Settings,
    tags: &[String],
) -> Result<Vec<RawSample>, CodedError> {
    if tags.len() > MAX_PREVIEW {
        return Err(CodedError::invalid("connector.too_many_tags").with("max", MAX_PREVIEW));
    }
    let source = Source::find(visit.link(), settings).await?;
    if source.tag.is_none() {
        let found = last_of_columns(ctx, visit, settings, &source).await?;
        return Ok(tags
            .iter()
            .map(|tag| {
                let one = found.iter().find(|s| &*s.external_tag == tag.as_str());
                one.cloned()
                    .unwrap_or_else(|| absent(tag, UNKNOWN_TAG, ctx))
            })
            .collect());
    }
    let deadline = tokio::time::Instant::now() + PREVIEW_TIME;
    let mut samples = Vec::with_capacity(tags.len());
    for tag in tags {
        if tokio::time::Instant::now() > deadline {
            samples.push(absent(tag, NOT_ASKED, ctx));
            continue;
        }
        let found = last_of_tag(ctx, visit, settings, &source, tag).await?;
        samples.push(found.unwrap_or_else(|| absent(tag, UNKNOWN_TAG, ctx)));
    }
    Ok(samples)
}

pub(crate) async fn last_of_tag(
    ctx: &ConnectorContext,
    visit: &mut Visit,
    settings: &Settings,
    source: &Source,
    tag: &str,
) -> Result<Option<RawSample>, CodedError> {
    if !is_clean_line(tag, MAX_TAG_CHARS) {
        return Ok(None);
    }
    let Some(statement) = source.newest(Some(tag), 1) else {
        return Ok(None);
    };
    let rows = visit.link().rows(&statement, Caps::rows(1)).await?;
    let wanted = HashSet::from([Arc::from(tag)]);
    Ok(read_all(ctx, settings, source, &wanted, &rows).0.pop())
}

/// The last value of each column of a wide table, as far as the newest rows have one.
pub(crate) async fn last_of_columns(
    ctx: &ConnectorContext,
    visit: &mut Visit,
    settings: &Settings,
    source: &Source,
) -> Result<Vec<RawSample>, CodedError> {
    let Some(statement) = source.newest(None, WIDE_LOOK) else {
        return Ok(Vec::new());
    };
    let rows = visit.link().rows(&statement, Caps::rows(WIDE_LOOK)).await?;
    let wanted = source.values.iter().map(|c| Arc::from(c.name.as_str()));
    let (samples, _) = read_all(ctx, settings, source, &wanted.collect(), &rows);
    let mut seen = HashSet::new();
    Ok(samples
        .into_iter()
        .filter(|sample| seen.insert(sample.external_tag.clone()))
        .collect())
}

fn read_all(
    ctx: &ConnectorContext,
    settings: &Settings,
    source: &Source,
    wanted: &HashSet<Arc<str>>,
    rows: &[Vec<Option<String>>],
) -> (Vec<RawSample>, Faults) {
    let now = ctx.clock.now();
    let reader = Reader {
        source,
        wanted,
        now,
        twice: Twice::NewAt(now),
    };
    let (mut samples, mut faults) = (Vec::new(), Faults::default());
    for row in rows {
        reader.read(
            &source.decode(row, &settings.zone),
            &mut samples,
            &mut faults,
        );
    }
    (samples, faults)
}

/// The first rows as they are, and what the configuration would make of them.
pub(crate) async fn sample_rows(
    ctx: &ConnectorContext,
    visit: &mut Visit,
    target: &Target,
    config: &SqlConfig,
    limit: usize,
) -> Result<SampleRows, CodedError> {
    let limit = limit.clamp(1, MAX_SAMPLE_ROWS);
    let rows = rows_from(config)?;
    let origin = source::origin(visit.link(), target, &rows).await?;
    let statement = source::first_rows(target, &origin, limit + 1);
    let mut cells = visit.link().rows(&statement, Caps::rows(limit + 1)).await?;
    let has_more = cells.len() > limit;
    cells.truncate(limit);
    let mut sample = SampleRows {
        columns: origin
            .columns
            .iter()
            .map(|c| shown(target, &origin, config, c))
            .collect(),
        rows: cells
            .iter()
            .map(|row| {
                row.iter()
                    .zip(&origin.columns)
                    .map(|(cell, c)| json(cell, c))
                    .collect()
            })
            .collect(),
        has_more,
        ..SampleRows::default()
    };
    match Settings::from_context(ctx) {
        Err(error) => sample.problems.push(problem(&error)),
        Ok(settings) => match deliverable(ctx, visit, &settings).await {
            Err(error) => sample.problems.push(problem(&error)),
            Ok((tags, faults)) => {
                sample.tags = tags;
                let faults = faults.into_list();
                sample.problems.extend(faults.iter().map(problem));
            }
        },
    }
    Ok(sample)
}

/// The tags the newest rows deliver, and what is wrong with those rows.
async fn deliverable(
    ctx: &ConnectorContext,
    visit: &mut Visit,
    settings: &Settings,
) -> Result<(Vec<String>, Faults), CodedError> {
    let source = Source::find(visit.link(), settings).await?;
    let Some(statement) = source.newest(None, MAX_SAMPLE_ROWS) else {
        return Ok(Default::default());
    };
    let rows = visit
        .link()
        .rows(&statement, Caps::rows(MAX_SAMPLE_ROWS))
        .await?;
    let names: HashSet<Arc<str>> = match &source.tag {
        Some(_) => rows
            .iter()
            .filter_map(|row| row.get(1)?.as_deref())
            .map(|name| Arc::from(name.trim_end()))
            .collect(),
        None => source
            .values
            .iter()
            .map(|c| Arc::from(c.name.as_str()))
            .collect(),
    };
    let (samples, mut faults) = read_all(ctx, settings, &source, &names, &rows);
    if let Some(ahead) = ahead(ctx, &samples) {
        faults.add(about(&settings.target, "sql.time_ahead").with("minutes", ahead));
    }
    let mut tags: Vec<String> = samples.iter().map(|s| s.external_tag.to_string()).collect();
    tags.sort();
    tags.dedup();
    Ok((tags, faults))
}

/// Minutes by which the newest value lies in the future, if that is more than clocks differ by.
pub(crate) fn ahead(ctx: &ConnectorContext, samples: &[RawSample]) -> Option<i64> {
    let newest = samples.iter().filter_map(|s| s.source_time).max()?;
    let minutes = newest.since_ms(ctx.clock.now()) / 60_000;
    (minutes >= 5).then_some(minutes)
}

fn problem(error: &CodedError) -> FieldError {
    let field = match error.code {
        "sql.time_column_type"
        | "sql.time_missing"
        | "sql.time_zero"
        | "sql.time_unreadable"
        | "sql.time_out_of_range" => "timestamp_column",
        "sql.time_in_gap" | "sql.time_twice" | "sql.time_ahead" => "time_zone",
        "sql.tag_missing" | "sql.tag_unreadable" => "tag_column",
        "sql.value_column_type" | "sql.no_value_column" | "sql.number_too_large" => "value_column",
        "connector.field_required" => error.params.get("field").map_or("", String::as_str),
        _ => "",
    };
    let mut problem = FieldError::new(field, error.code);
    for (key, value) in &error.params {
        problem = problem.with(key, value);
    }
    problem
}

fn shown(target: &Target, origin: &Origin, config: &SqlConfig, column: &Column) -> SampleColumn {
    let is = |name: &Option<String>| {
        name.as_deref()
            .and_then(|n| origin.column(target, n.trim()).ok())
            .is_some_and(|found| found.name == column.name)
    };
    let listed = config.value_column.as_deref().unwrap_or_default();
    let is_value = match &config.tag_column {
        None if listed.trim().is_empty() => column.class.is_value() && !is(&config.quality_column),
        _ => listed.split(',').any(|name| is(&Some(name.to_owned()))),
    };
    let role = if is(&config.timestamp_column) {
        ColumnRole::Timestamp
    } else if is(&config.tag_column) {
        ColumnRole::Tag
    } else if is(&config.quality_column) {
        ColumnRole::Quality
    } else if is_value {
        ColumnRole::Value
    } else {
        ColumnRole::None
    };
    SampleColumn {
        name: column.name.clone(),
        source_type: column.source_type.clone(),
        kind: kind(column.class),
        role,
    }
}

fn json(cell: &Option<String>, column: &Column) -> Json {
    let Some(text) = cell else { return Json::Null };
    if kind(column.class) == ColumnKind::Number || column.class == Class::Bool {
        match crate::value::value(Some(text), column.class).0 {
            Some(Value::Bool(b)) => return Json::Bool(b),
            Some(Value::Number(n)) if n.is_finite() => return Json::from(n),
            _ => {}
        }
    }
    Json::String(iq_domain::neutralise(text, crate::dialect::CELL_CHARS))
}
