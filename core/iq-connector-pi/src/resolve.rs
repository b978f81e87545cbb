//! From the path of a tag to the server's id of it. Paths are what a mapping keeps; ids are looked up
//! when they are needed and remembered as long as the address stays the same.

use std::{collections::HashMap, sync::Arc};

use iq_domain::{CodedError, ErrorKind, IntegrationId, StatusCode};
use parking_lot::Mutex;

use crate::{
    api::{Api, Resource},
    tag::{TagKind, kind_of},
    value::TAG_UNKNOWN,
    wire::Object,
};

/// Most ids kept per integration.
const MAX_IDS: usize = 50_000;
/// Longest id that is taken.
const MAX_ID_CHARS: usize = 1_000;

/// The ids known, by integration; each list belongs to one address.
#[derive(Default)]
pub(crate) struct WebIds(Mutex<HashMap<IntegrationId, Known>>);

struct Known {
    base: String,
    ids: HashMap<Arc<str>, Arc<str>>,
}

/// A tag that has no id, and why.
pub(crate) struct Unresolved {
    pub(crate) tag: Arc<str>,
    pub(crate) error: CodedError,
    pub(crate) status: StatusCode,
    /// It is about the tag, and will be the same in a moment.
    pub(crate) is_lasting: bool,
}

/// What became of some tags.
#[derive(Default)]
pub(crate) struct Resolved {
    pub(crate) found: HashMap<Arc<str>, Arc<str>>,
    pub(crate) failed: Vec<Unresolved>,
}

impl Resolved {
    /// The reason why nothing could be looked up, when it is the server's trouble.
    pub(crate) fn all_failed(&self) -> Option<&CodedError> {
        let is_all = self.found.is_empty() && self.failed.iter().all(|f| !f.is_lasting);
        self.failed.first().filter(|_| is_all).map(|f| &f.error)
    }
}

/// Whether a text of the server may be used as an id in an address.
pub(crate) fn is_web_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MAX_ID_CHARS
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The resource that tells the id of a path.
fn resource(tag: &str) -> Option<Resource> {
    let collection = match kind_of(tag)? {
        TagKind::Point => "points",
        TagKind::Attribute => "attributes",
    };
    Some(
        Resource::new(collection)
            .with("path", tag)
            .with("selectedFields", "WebId;Name;Path"),
    )
}

fn failed(tag: &Arc<str>, code: &'static str, status: StatusCode) -> Unresolved {
    Unresolved {
        tag: Arc::clone(tag),
        error: CodedError::new(ErrorKind::Upstream, code).with("tag", tag),
        status,
        is_lasting: true,
    }
}

impl WebIds {
    fn known(&self, integration: IntegrationId, base: &str, tag: &str) -> Option<Arc<str>> {
        let all = self.0.lock();
        let known = all.get(&integration).filter(|known| known.base == base)?;
        known.ids.get(tag).cloned()
    }

    fn learn(&self, integration: IntegrationId, base: &str, tag: Arc<str>, id: Arc<str>) {
        let mut all = self.0.lock();
        let known = all.entry(integration).or_insert_with(|| Known {
            base: base.to_owned(),
            ids: HashMap::new(),
        });
        if known.base != base || known.ids.len() >= MAX_IDS {
            known.ids.clear();
            known.base = base.to_owned();
        }
        known.ids.insert(tag, id);
    }

    /// Forgets an id the server no longer knows.
    pub(crate) fn forget(&self, integration: IntegrationId, tag: &str) {
        if let Some(known) = self.0.lock().get_mut(&integration) {
            known.ids.remove(tag);
        }
    }

    /// The ids of some tags; what is not known yet is asked for.
    pub(crate) async fn resolve(
        &self,
        api: &Api,
        integration: IntegrationId,
        tags: &[Arc<str>],
    ) -> Result<Resolved, CodedError> {
        let base = api.client().origin().base().as_str();
        let mut resolved = Resolved::default();
        let mut asked = Vec::new();
        let mut resources = Vec::new();
        for tag in tags {
            if let Some(id) = self.known(integration, base, tag) {
                resolved.found.insert(Arc::clone(tag), id);
            } else if let Some(resource) = resource(tag) {
                asked.push(tag);
                resources.push(resource);
            } else {
                resolved
                    .failed
                    .push(failed(tag, "pi.tag_malformed", TAG_UNKNOWN));
            }
        }
        let answers = api.get_all::<Object>(resources).await?;
        for (tag, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(object) => match object.web_id.filter(|id| is_web_id(id)) {
                    Some(id) => {
                        let id: Arc<str> = id.into();
                        self.learn(integration, base, Arc::clone(tag), Arc::clone(&id));
                        resolved.found.insert(Arc::clone(tag), id);
                    }
                    None => resolved
                        .failed
                        .push(failed(tag, "pi.tag_unknown", TAG_UNKNOWN)),
                },
                Err(failure) if matches!(failure.status, 400 | 404 | 410) => {
                    resolved
                        .failed
                        .push(failed(tag, "pi.tag_unknown", TAG_UNKNOWN));
                }
                Err(failure) if failure.status == 403 => {
                    resolved
                        .failed
                        .push(failed(tag, "pi.tag_forbidden", StatusCode(0x801F_0000)));
                }
                Err(failure) => resolved.failed.push(Unresolved {
                    tag: Arc::clone(tag),
                    error: failure.error.with("tag", tag),
                    status: StatusCode::BAD,
                    is_lasting: false,
                }),
            }
        }
        Ok(resolved)
    }
}
