//! For tests and measurements: a text is run as if the query check had passed it, and the past is read
//! to its end. The feature that brings this is for them only.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use iq_connector::{Connector, ConnectorContext, Purpose, StreamPhase};
use iq_domain::{CodedError, RawSample};
use tokio::sync::{mpsc, watch};

use crate::{
    config::{DbType, Target},
    dialect::{Class, Select, Statement, dialect},
    guard::check,
    session::{Caps, Link},
    time::moment,
    value::{quality, value, worse},
};

/// Runs a text that nobody checked in a session as the connector opens it, either put into the SELECT
/// a query of one's own is put into, or as it is. Returns the number of rows.
pub async fn run_unchecked(
    ctx: &ConnectorContext,
    text: &str,
    is_wrapped: bool,
) -> Result<usize, CodedError> {
    let target = Target::from_context(ctx)?;
    let (mut link, _) = Link::open(&target, &ctx.cancel).await?;
    let dialect = dialect(target.db);
    let sql = if is_wrapped {
        dialect.select(&Select {
            columns: vec!["*".to_owned()],
            from: dialect.derived(text),
            limit: 1_000,
            ..Select::default()
        })
    } else {
        text.to_owned()
    };
    let outcome = link.rows(&Statement::plain(sql), Caps::rows(1_000)).await;
    link.close().await;
    outcome.map(|rows| rows.len())
}

/// A past that was read to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackFilled {
    /// Samples of the past.
    pub samples: u64,
    /// Batches they came in.
    pub batches: u64,
    /// From the start of the connector to the last position.
    pub took: Duration,
}

/// Reads the past of `tags` to its end as a host would, and stops. Fails with the connector's error.
pub async fn back_fill(
    connector: &crate::SqlConnector,
    ctx: ConnectorContext,
    tags: Vec<Arc<str>>,
) -> Result<BackFilled, CodedError> {
    let started = Instant::now();
    let mut missing = tags.len();
    let (_tags, tag_set) = watch::channel(Arc::new(tags));
    let (sink, mut batches) = mpsc::channel(8);
    let running = connector.start(ctx, tag_set, sink);
    let mut state = running.state.clone();
    let mut filled = BackFilled::default();
    while missing > 0 {
        let batch = tokio::select! {
            batch = batches.recv() => batch,
            Ok(()) = state.changed() => {
                if let StreamPhase::Error(error) = &state.borrow_and_update().phase {
                    return Err(error.clone());
                }
                continue;
            }
        };
        let Some(batch) = batch else { break };
        let done = batch.cursors.iter().filter(|c| c.name.starts_with("tag/"));
        missing = missing.saturating_sub(done.count());
        if batch.purpose == Purpose::BackFill {
            let samples: &[RawSample] = &batch.samples;
            filled.samples += samples.len() as u64;
            filled.batches += 1;
        }
    }
    filled.took = started.elapsed();
    running.stop().await;
    Ok(filled)
}

/// Reads a cell as every kind of column: a value, a quality and a moment in a zone whose clocks are put
/// forward and back. Returns how many of them mean something.
#[must_use]
pub fn read_cell(text: &str) -> usize {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap_or(jiff::tz::TimeZone::UTC);
    let classes = [
        Class::Zoned,
        Class::Local,
        Class::Day,
        Class::Integer,
        Class::Decimal,
        Class::Float,
        Class::Bool,
    ];
    classes
        .into_iter()
        .map(|class| {
            let (value, status) = value(Some(text), class);
            let told = worse(status, quality(Some(text), class));
            usize::from(value.is_some())
                + usize::from(moment(Some(text), class, &zone).is_ok())
                + usize::from(told.0 == 0)
        })
        .sum()
}

/// Checks a query of one's own for every engine; for how many it would be run.
#[must_use]
pub fn check_query(text: &str) -> usize {
    [
        DbType::Postgres,
        DbType::Mysql,
        DbType::SqlServer,
        DbType::Oracle,
    ]
    .into_iter()
    .filter(|db| check(*db, text).is_ok())
    .count()
}
