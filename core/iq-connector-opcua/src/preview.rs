//! Present values of some tags.

use std::sync::Arc;

use iq_connector::ConnectorContext;
use iq_domain::{CodedError, RawSample};
use opcua::types::TimestampsToReturn;

use crate::{
    client::{Core, value_of},
    config::Settings,
    feed::tag_failure,
    value::sample,
};

/// Most tags of one preview.
const MAX_TAGS: usize = 1_000;

/// Reads the tags; one sample per tag, in order. A tag that can't be read is a bad sample.
pub(crate) async fn preview(
    ctx: &ConnectorContext,
    core: &Core,
    settings: &Settings,
    tags: &[String],
) -> Result<Vec<RawSample>, CodedError> {
    if tags.len() > MAX_TAGS {
        return Err(CodedError::invalid("connector.too_many_tags").with("max", MAX_TAGS));
    }
    let resolved: Vec<_> = tags
        .iter()
        .map(|tag| core.namespaces.resolve(tag))
        .collect();
    let nodes = resolved
        .iter()
        .flatten()
        .map(|id| value_of(id.clone()))
        .collect();
    let mut answers = core
        .read_many(nodes, TimestampsToReturn::Both)
        .await?
        .into_iter();
    let now = ctx.clock.now();
    Ok(tags
        .iter()
        .zip(resolved)
        .map(|(tag, id)| {
            let tag: Arc<str> = Arc::from(tag.as_str());
            match id {
                Ok(_) => sample(
                    &tag,
                    answers.next().unwrap_or_default(),
                    now,
                    settings.zone.as_ref(),
                ),
                Err(error) => RawSample {
                    state_no: None,
                    status: tag_failure(error, &tag).1,
                    external_tag: tag,
                    value: None,
                    source_time: None,
                    server_time: None,
                    received_at: now,
                },
            }
        })
        .collect())
}
