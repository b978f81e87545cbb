//! Present values of some tags.

use std::sync::Arc;

use iq_connector::ConnectorContext;
use iq_domain::{CodedError, RawSample, StatusCode};

use crate::{
    api::Api,
    config::Settings,
    fetch::present,
    resolve::WebIds,
    value::{TAG_UNKNOWN, sample, ticks, unreadable},
};

/// Most tags of one preview.
const MAX_TAGS: usize = 1_000;

/// Reads the tags; one sample per tag, in order. A tag that can't be read is a bad sample.
pub(crate) async fn preview(
    ctx: &ConnectorContext,
    api: &Api,
    settings: &Settings,
    ids: &WebIds,
    tags: &[String],
) -> Result<Vec<RawSample>, CodedError> {
    if tags.len() > MAX_TAGS {
        return Err(CodedError::invalid("connector.too_many_tags").with("max", MAX_TAGS));
    }
    let wanted: Vec<Arc<str>> = tags.iter().map(|tag| Arc::from(tag.as_str())).collect();
    let resolved = ids.resolve(api, ctx.integration_id, &wanted).await?;
    if let Some(error) = resolved.all_failed() {
        return Err(error.clone());
    }
    let known: Vec<(&Arc<str>, Arc<str>)> = wanted
        .iter()
        .filter_map(|tag| Some((tag, resolved.found.get(tag)?.clone())))
        .collect();
    let web_ids: Vec<Arc<str>> = known.iter().map(|(_, id)| Arc::clone(id)).collect();
    let mut answers = present(api, &web_ids).await?.into_iter();
    let now = ctx.clock.now();
    Ok(wanted
        .iter()
        .map(|tag| {
            if !resolved.found.contains_key(tag) {
                let failed = resolved.failed.iter().find(|f| f.tag == *tag);
                return unreadable(tag, failed.map_or(TAG_UNKNOWN, |f| f.status), now);
            }
            match answers.next() {
                Some(Ok(value)) => sample(tag, &value, ticks(&value, &settings.zone), now),
                Some(Err(failure)) => {
                    if matches!(failure.status, 404 | 410) {
                        ids.forget(ctx.integration_id, tag);
                    }
                    unreadable(tag, StatusCode::BAD, now)
                }
                None => unreadable(tag, StatusCode::BAD, now),
            }
        })
        .collect())
}
