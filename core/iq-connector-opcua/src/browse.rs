//! Looking into the address space: bounded pages, continued on the server where it can be and from
//! the start where it can't, so that 100,000 nodes never stand in one answer.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use iq_connector::{BrowseItem, BrowsePage, BrowseRequest, MAX_BROWSE_PAGE};
use iq_domain::{CodedError, ErrorKind, IntegrationId};
use opcua::{
    client::{
        UARequest,
        services::{Browse, BrowseNext},
    },
    types::{
        BrowseDescription, BrowseDirection, BrowseResult, ByteString, NodeClass, NodeId,
        ReferenceDescription, StatusCode,
    },
};
use parking_lot::Mutex;

use crate::{client::Core, config::Settings, details, feed::tag_failure};

/// Where browsing begins.
const OBJECTS: u32 = 85;
/// The server's own diagnostics; of no use as plant tags.
const SERVER: u32 = 2253;
const HIERARCHICAL: u32 = 33;
const HAS_PROPERTY: u32 = 46;

/// Most references in one answer of the server.
const REFERENCES_PER_CALL: u32 = 1_000;
/// Nodes browsed in one request of a search.
const NODES_PER_CALL: usize = 50;
/// A page is answered after this time even when it is not full.
const PAGE_TIME: Duration = Duration::from_secs(3);
/// No search looks at more nodes.
const MAX_VISITED: usize = 500_000;
/// Walks kept for their next page, and for how long.
const MAX_WALKS: usize = 16;
const WALK_IDLE: Duration = Duration::from_secs(120);

/// A node found on a walk.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) id: NodeId,
    pub(crate) display: String,
    pub(crate) path: String,
    pub(crate) is_variable: bool,
}

/// A walk through the tree, page by page.
struct Walk {
    session: u32,
    term: Option<String>,
    queue: VecDeque<(NodeId, String)>,
    pending: VecDeque<(ByteString, String)>,
    visited: HashSet<NodeId>,
    found: VecDeque<Found>,
    /// Nodes per request; one where the server is short of continuation points.
    batch: usize,
}

/// The walks waiting for their next page.
#[derive(Default)]
pub(crate) struct Walks(Mutex<HashMap<String, (Instant, Walk)>>);

impl Walks {
    /// One page.
    pub(crate) async fn page(
        &self,
        integration: IntegrationId,
        core: &Core,
        settings: &Settings,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        let limit = request.limit.clamp(1, MAX_BROWSE_PAGE);
        let key = format!(
            "{integration}|{}|{}",
            request.parent.as_deref().unwrap_or_default(),
            request.search.as_deref().unwrap_or_default()
        );
        let offset: usize = match request.cursor.as_deref() {
            None => 0,
            Some(text) => text
                .parse()
                .map_err(|_| CodedError::invalid("connector.cursor_invalid"))?,
        };
        let kept = self
            .0
            .lock()
            .remove(&format!("{key}|{offset}"))
            .map(|(_, walk)| walk);
        let (mut walk, mut skip) = match kept.filter(|w| w.session == core.session.session_id()) {
            Some(walk) => (walk, 0),
            // The server has forgotten where we were: from the start, past what was shown.
            None => (Walk::begin(core, &request).await?, offset),
        };
        let deadline = Instant::now() + PAGE_TIME;
        let mut page: Vec<Found> = Vec::new();
        let mut shown = offset - skip;
        let has_more = loop {
            while page.len() < limit {
                let Some(found) = walk.found.pop_front() else {
                    break;
                };
                if skip > 0 {
                    skip -= 1;
                } else {
                    page.push(found);
                }
                shown += 1;
            }
            if walk.is_over() {
                break !walk.found.is_empty();
            }
            if page.len() >= limit || Instant::now() >= deadline {
                break true;
            }
            walk.step(core, settings).await?;
        };
        let next_cursor = has_more.then(|| shown.to_string());
        if let Some(cursor) = &next_cursor {
            self.keep(format!("{key}|{cursor}"), walk);
        }
        let items = details::items(core, page).await;
        Ok(BrowsePage { items, next_cursor })
    }

    fn keep(&self, key: String, walk: Walk) {
        let mut walks = self.0.lock();
        walks.retain(|_, (used, _)| used.elapsed() < WALK_IDLE);
        if walks.len() >= MAX_WALKS {
            let oldest = walks
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                walks.remove(&oldest);
            }
        }
        walks.insert(key, (Instant::now(), walk));
    }
}

impl Walk {
    async fn begin(core: &Core, request: &BrowseRequest) -> Result<Self, CodedError> {
        let term = request
            .search
            .as_deref()
            .map(str::trim)
            .filter(|t| !t.is_empty());
        let (start, path) = match request.parent.as_deref().filter(|p| !p.is_empty()) {
            None => (NodeId::new(0, OBJECTS), String::new()),
            Some(parent) => {
                let id = core
                    .namespaces
                    .resolve(parent)
                    .map_err(|e| tag_failure(e, parent).0)?;
                let path = details::path_of(core, &id).await?;
                (id, path)
            }
        };
        Ok(Self {
            session: core.session.session_id(),
            term: term.map(str::to_lowercase),
            visited: HashSet::from([start.clone()]),
            queue: VecDeque::from([(start, path)]),
            pending: VecDeque::new(),
            found: VecDeque::new(),
            batch: NODES_PER_CALL,
        })
    }

    fn is_over(&self) -> bool {
        self.queue.is_empty() && self.pending.is_empty()
    }

    /// One request to the server.
    async fn step(&mut self, core: &Core, settings: &Settings) -> Result<(), CodedError> {
        let count = self.batch.min(core.limits.browse).max(1);
        if !self.pending.is_empty() {
            let part: Vec<_> = self
                .pending
                .drain(..self.pending.len().min(count))
                .collect();
            core.meter.count(part.len());
            let points = part.iter().map(|(point, _)| point.clone()).collect();
            let answer = BrowseNext::new(&core.session)
                .continuation_points(points)
                .send(core.session.channel())
                .await
                .map_err(|e| core.coded(e.status()))?;
            for ((_, path), result) in part.into_iter().zip(answer.results.unwrap_or_default()) {
                self.take(core, settings, None, path, result)?;
            }
            return Ok(());
        }
        let part: Vec<_> = self.queue.drain(..self.queue.len().min(count)).collect();
        core.meter.count(part.len());
        let nodes = part.iter().map(|(id, _)| children_of(id.clone())).collect();
        let answer = Browse::new(&core.session)
            .max_references_per_node(REFERENCES_PER_CALL)
            .nodes_to_browse(nodes)
            .send(core.session.channel())
            .await
            .map_err(|e| core.coded(e.status()))?;
        for ((id, path), result) in part.into_iter().zip(answer.results.unwrap_or_default()) {
            self.take(core, settings, Some(id), path, result)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        core: &Core,
        settings: &Settings,
        asked: Option<NodeId>,
        path: String,
        result: BrowseResult,
    ) -> Result<(), CodedError> {
        if let (StatusCode::BadNoContinuationPoints, Some(id)) = (result.status_code, &asked) {
            if self.batch == 1 {
                return Err(core.coded(result.status_code));
            }
            self.batch = 1;
            self.queue.push_front((id.clone(), path));
            return Ok(());
        }
        if result.status_code.is_bad() {
            // In a search a branch without permission is passed over; asked for directly it is an error.
            return if self.term.is_some() {
                Ok(())
            } else {
                Err(core.coded(result.status_code))
            };
        }
        for reference in result.references.into_iter().flatten() {
            self.consider(core, settings, &path, reference);
        }
        if !result.continuation_point.is_null_or_empty() {
            self.pending.push_back((result.continuation_point, path));
        }
        Ok(())
    }

    fn consider(
        &mut self,
        core: &Core,
        settings: &Settings,
        path: &str,
        reference: ReferenceDescription,
    ) {
        let is_property = reference.reference_type_id == NodeId::new(0, HAS_PROPERTY);
        let is_elsewhere = reference.node_id.server_index != 0;
        let id = reference.node_id.node_id;
        if is_property || is_elsewhere || id == NodeId::new(0, SERVER) {
            return;
        }
        if self.visited.len() >= MAX_VISITED || !self.visited.insert(id.clone()) {
            return;
        }
        let name = match reference.display_name.text.as_ref() {
            "" => reference.browse_name.name.as_ref(),
            text => text,
        };
        let display = iq_domain::neutralise(name, 200);
        let path = if path.is_empty() {
            display.clone()
        } else {
            format!("{path}/{display}")
        };
        let is_variable = reference.node_class == NodeClass::Variable;
        if let Some(term) = &self.term {
            self.queue.push_back((id.clone(), path.clone()));
            let is_hit = display.to_lowercase().contains(term)
                || core.namespaces.tag(&id).to_lowercase().contains(term);
            if !is_hit {
                return;
            }
        }
        if is_variable && !is_wanted(core, settings, &id) {
            return;
        }
        self.found.push_back(Found {
            id,
            display,
            path,
            is_variable,
        });
    }
}

/// Whether the namespace filter and the prefix let a variable through.
fn is_wanted(core: &Core, settings: &Settings, id: &NodeId) -> bool {
    let uri = core.namespaces.uri(id.namespace).unwrap_or_default();
    let is_namespace =
        settings.namespaces.is_empty() || settings.namespaces.iter().any(|n| n == uri);
    let identifier = id.identifier.to_string();
    let identifier = identifier.split_once('=').map_or("", |(_, text)| text);
    is_namespace && identifier.starts_with(&settings.tag_prefix)
}

/// The children of a node by hierarchical references: objects and variables.
fn children_of(node_id: NodeId) -> BrowseDescription {
    BrowseDescription {
        node_id,
        browse_direction: BrowseDirection::Forward,
        reference_type_id: NodeId::new(0, HIERARCHICAL),
        include_subtypes: true,
        node_class_mask: NodeClass::Object as u32 | NodeClass::Variable as u32,
        result_mask: 0x3F,
    }
}

/// Some variables of the plant, nearest to the root first, for the connection test.
pub(crate) async fn first_variables(
    core: &Core,
    settings: &Settings,
    count: usize,
) -> Result<Vec<NodeId>, CodedError> {
    // An empty search term hits everything below the root.
    let request = BrowseRequest::default();
    let mut walk = Walk::begin(core, &request).await?;
    walk.term = Some(String::new());
    let deadline = Instant::now() + PAGE_TIME;
    let mut variables = Vec::new();
    while variables.len() < count && Instant::now() < deadline && !walk.is_over() {
        walk.step(core, settings).await?;
        let found = std::mem::take(&mut walk.found);
        variables.extend(found.into_iter().filter(|f| f.is_variable).map(|f| f.id));
    }
    variables.truncate(count);
    release(core, walk.pending).await;
    Ok(variables)
}

/// Gives continuation points back.
async fn release(core: &Core, pending: VecDeque<(ByteString, String)>) {
    let points: Vec<ByteString> = pending.into_iter().map(|(point, _)| point).collect();
    for part in points.chunks(core.limits.browse.max(1)) {
        core.meter.count(part.len());
        let released = BrowseNext::new(&core.session)
            .release_continuation_points(true)
            .continuation_points(part.to_vec())
            .send(core.session.channel())
            .await;
        if let Err(error) = released {
            tracing::debug!(status = %error.status(), "continuation points were not released");
        }
    }
}

/// A browse item without details, for a node whose details can't be read.
pub(crate) fn plain_item(core: &Core, found: &Found) -> BrowseItem {
    BrowseItem {
        id: core.namespaces.tag(&found.id),
        display: found.display.clone(),
        path: found.path.clone(),
        has_children: !found.is_variable,
        is_variable: found.is_variable,
        data_type: None,
        unit: None,
        description: None,
    }
}

/// The error of a node that is not there.
pub(crate) fn unknown(tag: &str) -> CodedError {
    CodedError::new(ErrorKind::Upstream, "opcua.tag_unknown").with("tag", tag)
}
