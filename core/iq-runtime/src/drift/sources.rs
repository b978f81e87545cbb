//! What sources say when they are asked: single readings of tags that went silent, and the list of
//! their tags, within bounds of number and time.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use iq_connector::BrowseRequest;
use iq_domain::{CodedError, ErrorKind, IntegrationId, RawSample, StatusCode, TenantId, Value};
use iq_mapping::drift::{FreeTag, Reading, SignalSummary, may_follow};

use super::levels::Gathered;
use crate::{Runtime, TenantIndex};

/// A source is alive when one of its tags had a value within this time.
const LIVE_MS: i64 = 5 * 60_000;
/// Silence from which a tag is asked for.
const SILENT_MS: i64 = 30 * 60_000;
/// Most silent tags of a source that are read once.
const MAX_READS: usize = 100;
/// How long a source may take to answer, for reads and for its list of tags.
const SOURCE_WAIT: Duration = Duration::from_secs(20);
/// Most nodes of a source that are looked at.
const MAX_NODES: usize = 20_000;

/// Tags of a source.
#[derive(Clone, Debug, Default)]
pub struct TagList {
    /// The tags that carry a value.
    pub tags: Vec<ListedTag>,
    /// Nodes that were looked at.
    pub looked_at: u64,
    /// The whole source was looked at.
    pub is_complete: bool,
}

/// What sources said.
pub(super) struct Answers {
    /// Tags without a mapping.
    pub(super) free: Vec<FreeTag>,
    /// Sources whose tags could not be listed, and why.
    pub(super) unread: Vec<(IntegrationId, CodedError)>,
    /// Sources that were asked for something and did not answer.
    pub(super) mute: HashSet<IntegrationId>,
}

/// One tag of a list.
#[derive(Clone, Debug)]
pub struct ListedTag {
    /// External tag.
    pub tag: String,
    /// Shown name.
    pub name: String,
    /// Unit the source states.
    pub unit: Option<String>,
    /// What the source says about it.
    pub description: Option<String>,
}

impl Runtime {
    /// Asks each live source for silent tags and, where that matters, for its list.
    pub(super) async fn ask_sources(
        &self,
        tenant: TenantId,
        index: &TenantIndex,
        gathered: &mut [Gathered],
        is_asked: bool,
    ) -> Answers {
        let mut sources: BTreeMap<IntegrationId, Vec<usize>> = BTreeMap::new();
        for (place, g) in gathered.iter().enumerate() {
            sources
                .entry(g.summary.integration)
                .or_default()
                .push(place);
        }
        let (mut free, mut unread, mut mute) = (Vec::new(), Vec::new(), HashSet::new());
        for (source, places) in sources {
            let age = |place: &usize| gathered[*place].summary.silent_ms;
            let is_live = places.iter().filter_map(age).any(|age| age < LIVE_MS);
            if !is_live {
                continue;
            }
            let is_silent = |place: &&usize| age(place).is_none_or(|age| age > SILENT_MS);
            let silent: Vec<usize> = places.iter().filter(is_silent).copied().collect();
            for place in &places {
                gathered[*place].summary.is_source_live = true;
            }
            if !self.read_silent(tenant, source, &silent, gathered).await {
                mute.insert(source);
            }
            if silent.is_empty() && !is_asked {
                continue;
            }
            match self.list_tags(tenant, source, MAX_NODES).await {
                Ok(list) => {
                    let taken = index.routes.get(&source);
                    note_listed(&list, &places, gathered);
                    let is_free = |tag: &&ListedTag| {
                        taken.is_none_or(|taken| !taken.contains_key(tag.tag.as_str()))
                    };
                    free.extend(list.tags.iter().filter(is_free).map(|tag| FreeTag {
                        integration: source,
                        tag: tag.tag.clone(),
                        name: tag.name.clone(),
                        unit: tag.unit.clone(),
                        value: None,
                    }));
                }
                Err(error) => {
                    mute.insert(source);
                    unread.push((source, error));
                }
            }
        }
        self.read_likely(tenant, &mut free, gathered).await;
        Answers { free, unread, mute }
    }

    /// Reads silent tags once: a tag that answers is not gone. False when the source did not answer.
    async fn read_silent(
        &self,
        tenant: TenantId,
        source: IntegrationId,
        silent: &[usize],
        gathered: &mut [Gathered],
    ) -> bool {
        if silent.is_empty() {
            return true;
        }
        let asked: Vec<usize> = silent.iter().take(MAX_READS).copied().collect();
        let tags: Vec<String> = asked
            .iter()
            .map(|p| gathered[*p].summary.tag.clone())
            .collect();
        let Some(values) = self.read_once(tenant, source, &tags).await else {
            return false;
        };
        for place in asked {
            let g = &mut gathered[place];
            g.summary.read = Some(match values.get(&g.summary.tag) {
                Some(Reading::Value(raw)) => Reading::Value(g.conversion.number(*raw)),
                Some(other) => other.clone(),
                None => Reading::Nothing,
            });
        }
        true
    }

    /// Reads the free tags that look like a tag that is gone.
    async fn read_likely(&self, tenant: TenantId, free: &mut [FreeTag], gathered: &[Gathered]) {
        let gone: Vec<&SignalSummary> = gathered
            .iter()
            .map(|g| &g.summary)
            .filter(|s| s.is_listed == Some(false))
            .collect();
        let sources: HashSet<IntegrationId> = gone.iter().map(|s| s.integration).collect();
        for source in sources {
            let tags: Vec<String> = free
                .iter()
                .filter(|tag| tag.integration == source)
                .filter(|tag| gone.iter().any(|s| may_follow(s, tag)))
                .take(MAX_READS)
                .map(|tag| tag.tag.clone())
                .collect();
            let Some(values) = self.read_once(tenant, source, &tags).await else {
                continue;
            };
            for tag in free.iter_mut().filter(|tag| tag.integration == source) {
                tag.value = match values.get(&tag.tag) {
                    Some(Reading::Value(value)) => Some(*value),
                    _ => None,
                };
            }
        }
    }

    /// Answers by tag; `None` when the source did not answer at all.
    async fn read_once(
        &self,
        tenant: TenantId,
        source: IntegrationId,
        tags: &[String],
    ) -> Option<HashMap<String, Reading>> {
        if tags.is_empty() {
            return None;
        }
        let asked = self.preview(tenant, source, tags);
        let samples = tokio::time::timeout(SOURCE_WAIT, asked).await.ok()?.ok()?;
        let answer = |sample: RawSample| (sample.external_tag.to_string(), reading(&sample));
        Some(samples.into_iter().map(answer).collect())
    }

    /// The tags of a source, level by level, within a bound of nodes and of time.
    pub async fn list_tags(
        &self,
        tenant: TenantId,
        source: IntegrationId,
        max_nodes: usize,
    ) -> Result<TagList, CodedError> {
        let mut list = TagList::default();
        let crawl = self.crawl(tenant, source, max_nodes, &mut list);
        match tokio::time::timeout(SOURCE_WAIT, crawl).await {
            Ok(result) => result?,
            // What was seen until then is worth having.
            Err(_) if !list.tags.is_empty() => {}
            Err(_) => return Err(CodedError::new(ErrorKind::Upstream, "preview.no_answer")),
        }
        Ok(list)
    }

    async fn crawl(
        &self,
        tenant: TenantId,
        source: IntegrationId,
        max_nodes: usize,
        list: &mut TagList,
    ) -> Result<(), CodedError> {
        let mut waiting: Vec<Option<String>> = vec![None];
        let mut seen: HashSet<String> = HashSet::new();
        while let Some(parent) = waiting.pop() {
            let mut cursor = None;
            loop {
                let request = BrowseRequest {
                    parent: parent.clone(),
                    search: None,
                    cursor,
                    limit: iq_connector::MAX_BROWSE_PAGE,
                };
                let page = self.browse(tenant, source, request).await?;
                for item in page.items {
                    if list.looked_at >= max_nodes as u64 {
                        return Ok(());
                    }
                    list.looked_at += 1;
                    // A source may link its nodes in a circle.
                    if !seen.insert(item.id.clone()) {
                        continue;
                    }
                    if item.is_variable {
                        list.tags.push(ListedTag {
                            tag: item.id.clone(),
                            name: item.display,
                            unit: item.unit,
                            description: item.description,
                        });
                    }
                    if item.has_children {
                        waiting.push(Some(item.id));
                    }
                }
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        list.is_complete = true;
        Ok(())
    }
}

/// The status of a tag nothing was ever written to (OPC UA Part 8), and of one without data.
const WAITING: StatusCode = StatusCode(0x8032_0000);
const NO_DATA: StatusCode = StatusCode(0x809B_0000);
/// Statuses that say nothing of an instrument.
const UNSAID: [StatusCode; 4] = [
    StatusCode::BAD,
    NO_DATA,
    StatusCode(0x8033_0000),
    StatusCode(0x8034_0000),
];

fn reading(sample: &RawSample) -> Reading {
    match (&sample.value, sample.status) {
        // A word has no number, but it is an answer.
        (Some(value), status) if status.is_good() => {
            Reading::Value(value.as_f64().unwrap_or(f64::NAN))
        }
        (Some(Value::Text(word)), WAITING | NO_DATA) => Reading::NotFed(word.to_string()),
        (_, WAITING) => Reading::NotFed(String::new()),
        (None, status) if status.is_good() || UNSAID.contains(&status) => Reading::Nothing,
        _ => Reading::Trouble,
    }
}

fn note_listed(list: &TagList, places: &[usize], gathered: &mut [Gathered]) {
    let units: HashMap<&str, &Option<String>> = list
        .tags
        .iter()
        .map(|tag| (tag.tag.as_str(), &tag.unit))
        .collect();
    for place in places {
        let summary = &mut gathered[*place].summary;
        match units.get(summary.tag.as_str()) {
            Some(unit) => {
                summary.is_listed = Some(true);
                summary.stated_unit = (*unit).clone();
            }
            // A list that broke off proves nothing about what is not on it.
            None if list.is_complete && !list.tags.is_empty() => summary.is_listed = Some(false),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use iq_domain::Timestamp;

    use super::*;

    fn said(value: Option<Value>, status: u32) -> Reading {
        reading(&RawSample {
            state_no: None,
            external_tag: Arc::from("T1"),
            value,
            status: StatusCode(status),
            source_time: None,
            server_time: None,
            received_at: Timestamp(0),
        })
    }

    #[test]
    fn what_a_historian_says_in_place_of_a_value_is_told_apart() {
        let word = |text: &str| Some(Value::Text(Arc::from(text)));
        assert_eq!(said(Some(Value::Number(4.2)), 0), Reading::Value(4.2));
        assert!(matches!(said(word("OPEN"), 0), Reading::Value(v) if v.is_nan()));
        let created = Reading::NotFed("Pt Created".into());
        assert_eq!(said(word("Pt Created"), WAITING.0), created);
        assert_eq!(
            said(word("No Data"), NO_DATA.0),
            Reading::NotFed("No Data".into())
        );
        // The tag is there, its instrument is not.
        for status in [0x800A_0000, 0x808C_0000, 0x8000_0000] {
            assert_eq!(said(word("I/O Timeout"), status), Reading::Trouble);
        }
        for status in [0x8034_0000, 0x8000_0000, NO_DATA.0, 0] {
            assert_eq!(said(None, status), Reading::Nothing);
        }
    }
}
