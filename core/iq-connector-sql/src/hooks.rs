//! For the tests of the layers below the query check: a text is run as if it had passed. The feature
//! that brings this is for tests only.

use iq_connector::ConnectorContext;
use iq_domain::CodedError;

use crate::{
    config::Target,
    dialect::{Select, Statement, dialect},
    session::{Caps, Link},
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
