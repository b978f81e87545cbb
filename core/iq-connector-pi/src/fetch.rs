//! Reading recorded and present values of many streams with few requests.

use std::collections::HashMap;
use std::sync::Arc;

use iq_domain::CodedError;
use jiff::tz::TimeZone;

use crate::{
    api::{Api, Failure, Resource},
    time::Ticks,
    value::ticks,
    wire::{List, StreamValue, StreamValues, TimedValue},
};

/// Most values of one answer, all streams together. A value takes about 200 bytes, so an answer
/// stays around 8 MB, and far below the server's own limit of 150,000.
const VALUES_PER_ANSWER: usize = 40_000;
/// Most values of one stream per page.
const VALUES_PER_PAGE: usize = 10_000;
/// Most streams of one answer.
const STREAMS_PER_ANSWER: usize = 400;
/// Longest query of a set; servers refuse addresses beyond a few thousand characters.
const QUERY_CHARS: usize = 1_800;
/// Most streams of one set.
const STREAMS_PER_SET: usize = 20;
/// Streams are read together only when their positions lie this close: the set has one start.
const SPAN: i64 = 600 * 10_000_000;

/// What to read of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    pub(crate) tag: Arc<str>,
    pub(crate) web_id: Arc<str>,
    /// First moment wanted.
    pub(crate) from: Ticks,
    /// Last moment wanted.
    pub(crate) to: Ticks,
    /// Multiplies the size of the page, for a moment that holds many values.
    pub(crate) stretch: usize,
}

/// What came of one stream.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) tag: Arc<str>,
    /// The values, oldest first; those without a readable time are left out.
    pub(crate) values: Vec<(Ticks, TimedValue)>,
    /// How many were left out.
    pub(crate) untimed: usize,
    /// There is more after the last of them.
    pub(crate) is_full: bool,
    /// Set when the stream could not be read.
    pub(crate) failure: Option<Failure>,
}

/// Streams that are read with one resource.
#[derive(Debug)]
struct Set {
    wants: Vec<Want>,
    max_count: usize,
}

/// Puts streams with close positions together.
fn sets(mut wants: Vec<Want>) -> Vec<Vec<Want>> {
    wants.sort_by_key(|want| (want.to, want.from, Arc::clone(&want.tag)));
    let mut sets: Vec<Vec<Want>> = Vec::new();
    let mut chars = 0;
    for want in wants {
        let length = want.web_id.len() + "&webId=".len();
        let fits = sets.last().is_some_and(|set| {
            let first = &set[0];
            set.len() < STREAMS_PER_SET
                && chars + length <= QUERY_CHARS
                && first.to == want.to
                && want.stretch == 1
                && first.stretch == 1
                && want.from.0.saturating_sub(first.from.0) <= SPAN
        });
        chars = if fits { chars + length } else { length };
        match sets.last_mut().filter(|_| fits) {
            Some(set) => set.push(want),
            None => sets.push(vec![want]),
        }
    }
    sets
}

/// The resource of a set.
fn recorded(set: &Set) -> Resource {
    let first = &set.wants[0];
    let resource = match &*set.wants {
        [one] => Resource::new(format!("streams/{}/recorded", one.web_id)),
        _ => Resource::new("streamsets/recorded"),
    };
    let resource = resource
        .with("startTime", first.from)
        .with("endTime", first.to)
        .with("boundaryType", "Inside")
        .with("maxCount", set.max_count)
        .items(set.wants.len());
    match &*set.wants {
        [_] => resource,
        many => many
            .iter()
            .fold(resource, |r, want| r.with("webId", &want.web_id)),
    }
}

fn sorted(values: Vec<TimedValue>, zone: &TimeZone) -> Vec<(Ticks, TimedValue)> {
    let mut timed: Vec<(Ticks, TimedValue)> = values
        .into_iter()
        .filter_map(|value| Some((ticks(&value, zone)?, value)))
        .collect();
    // A server that mixes the order up loses nothing here.
    timed.sort_by_key(|(time, _)| *time);
    timed
}

fn page(want: &Want, values: Vec<TimedValue>, max_count: usize, zone: &TimeZone) -> Page {
    let count = values.len();
    let is_full = count >= max_count;
    let mut values = sorted(values, zone);
    let untimed = count - values.len();
    values.truncate(max_count);
    Page {
        tag: Arc::clone(&want.tag),
        values,
        untimed,
        is_full,
        failure: None,
    }
}

fn failed(want: &Want, failure: Failure) -> Page {
    Page {
        tag: Arc::clone(&want.tag),
        values: Vec::new(),
        untimed: 0,
        is_full: false,
        failure: Some(failure),
    }
}

/// Reads one page of each stream. A set that fails as a whole is read stream by stream, so that one
/// bad stream does not hide the others.
pub(crate) async fn fetch(
    api: &Api,
    wants: Vec<Want>,
    zone: &TimeZone,
) -> Result<Vec<Page>, CodedError> {
    let mut pages = Vec::with_capacity(wants.len());
    for part in wants.chunks(STREAMS_PER_ANSWER) {
        let retry = read(api, part.to_vec(), zone, &mut pages, true).await?;
        for one in retry.chunks(VALUES_PER_ANSWER / VALUES_PER_PAGE) {
            read(api, one.to_vec(), zone, &mut pages, false).await?;
        }
    }
    Ok(pages)
}

/// Reads the streams with as few requests as possible. Returns those to be read one by one.
async fn read(
    api: &Api,
    wants: Vec<Want>,
    zone: &TimeZone,
    pages: &mut Vec<Page>,
    together: bool,
) -> Result<Vec<Want>, CodedError> {
    if wants.is_empty() {
        return Ok(Vec::new());
    }
    let share = (VALUES_PER_ANSWER / wants.len()).clamp(10, VALUES_PER_PAGE);
    let grouped = match together {
        true => sets(wants),
        false => wants.into_iter().map(|want| vec![want]).collect(),
    };
    let sets: Vec<Set> = grouped
        .into_iter()
        .map(|wants| Set {
            max_count: api.capped((share * wants[0].stretch).min(VALUES_PER_ANSWER)),
            wants,
        })
        .collect();
    let mut alone = Vec::new();
    let (single, many): (Vec<Set>, Vec<Set>) = sets.into_iter().partition(|s| s.wants.len() == 1);
    let answers = api
        .get_all::<List<TimedValue>>(single.iter().map(recorded).collect())
        .await?;
    for (set, answer) in single.into_iter().zip(answers) {
        let want = &set.wants[0];
        match answer {
            Ok(list) => pages.push(page(want, list.items, set.max_count, zone)),
            Err(failure) if api.learn_limit(&failure, set.max_count) && together => {
                alone.push(want.clone());
            }
            Err(failure) => pages.push(failed(want, failure)),
        }
    }
    let answers = api
        .get_all::<List<StreamValues>>(many.iter().map(recorded).collect())
        .await?;
    for (set, answer) in many.into_iter().zip(answers) {
        let mut found: HashMap<String, Vec<TimedValue>> = match answer {
            // A stream with an error in place of its values is read alone: that names the error.
            Ok(list) => list
                .items
                .into_iter()
                .filter(|stream| stream.errors.is_empty())
                .filter_map(|stream| Some((stream.web_id?, stream.items)))
                .collect(),
            Err(failure) => {
                api.learn_limit(&failure, set.max_count);
                alone.extend(set.wants);
                continue;
            }
        };
        for want in set.wants {
            match found.remove(&*want.web_id) {
                Some(values) => pages.push(page(&want, values, set.max_count, zone)),
                // Servers answer with an id of another form than was asked with, or leave a stream out.
                None => alone.push(want),
            }
        }
    }
    Ok(alone)
}

/// The present values of some streams, in order; a stream that fails has its own reason.
pub(crate) async fn present(
    api: &Api,
    web_ids: &[Arc<str>],
) -> Result<Vec<Result<TimedValue, Failure>>, CodedError> {
    let mut answers: Vec<Option<Result<TimedValue, Failure>>> = Vec::new();
    answers.resize_with(web_ids.len(), || None);
    let chunks: Vec<Vec<usize>> = chunks(web_ids);
    let resources = chunks
        .iter()
        .map(|chunk| {
            let set = Resource::new("streamsets/value").items(chunk.len());
            chunk
                .iter()
                .fold(set, |set, at| set.with("webId", &web_ids[*at]))
        })
        .collect();
    let sets = api.get_all::<List<StreamValue>>(resources).await?;
    for (chunk, set) in chunks.iter().zip(sets) {
        let Ok(list) = set else { continue };
        for stream in list.items {
            let at = chunk
                .iter()
                .find(|at| stream.web_id.as_deref() == Some(&*web_ids[**at]));
            if let (Some(at), Some(value)) = (at, stream.value) {
                answers[*at] = Some(Ok(value));
            }
        }
    }
    let missing: Vec<usize> = (0..answers.len())
        .filter(|at| answers[*at].is_none())
        .collect();
    let resources = missing
        .iter()
        .map(|at| Resource::new(format!("streams/{}/value", web_ids[*at])))
        .collect();
    let singles = api.get_all::<TimedValue>(resources).await?;
    for (at, single) in missing.into_iter().zip(singles) {
        answers[at] = Some(single);
    }
    Ok(answers.into_iter().flatten().collect())
}

/// Positions of ids that fit into one address together.
fn chunks(web_ids: &[Arc<str>]) -> Vec<Vec<usize>> {
    let mut chunks: Vec<Vec<usize>> = Vec::new();
    let mut chars = usize::MAX;
    for (at, id) in web_ids.iter().enumerate() {
        let length = id.len() + "&webId=".len();
        chars = chars.saturating_add(length);
        match chunks.last_mut() {
            Some(chunk) if chars <= QUERY_CHARS && chunk.len() < STREAMS_PER_SET => chunk.push(at),
            _ => {
                chars = length;
                chunks.push(vec![at]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(tag: usize, from: i64) -> Want {
        Want {
            tag: format!("t{tag}").into(),
            web_id: "F1DP".repeat(25).into(),
            from: Ticks(from),
            to: Ticks(i64::MAX),
            stretch: 1,
        }
    }

    #[test]
    fn streams_are_put_together_by_position_and_within_the_length_of_an_address() {
        let near: Vec<Want> = (0..40).map(|n| want(n, 1_000)).collect();
        let made = sets(near);
        assert_eq!(made.iter().map(Vec::len).sum::<usize>(), 40);
        assert!(made.len() <= 3, "{}", made.len());
        for set in made {
            let set = Set {
                wants: set,
                max_count: 10,
            };
            let length: usize = set.wants.iter().map(|w| w.web_id.len() + 7).sum();
            assert!(length <= QUERY_CHARS);
        }
        let apart = vec![want(1, 0), want(2, SPAN + 1), want(3, SPAN + 2)];
        assert_eq!(sets(apart).len(), 2);
        let mut stretched = vec![want(1, 0), want(2, 0)];
        stretched[0].stretch = 4;
        assert_eq!(sets(stretched).len(), 2);
    }

    #[test]
    fn ids_are_cut_into_addresses_of_bounded_length() {
        let ids: Vec<Arc<str>> = (0..50).map(|_| "F1DP".repeat(25).into()).collect();
        let made = chunks(&ids);
        assert_eq!(made.concat(), (0..50).collect::<Vec<_>>());
        assert!(made.iter().all(|chunk| chunk.len() * 107 <= QUERY_CHARS));
    }
}
