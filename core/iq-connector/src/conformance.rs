//! The list of `docs/guides/adding-a-connector.md` as checks. A connector's tests call
//! [`check_offline`] always and [`check_live`] against a real source.
//!
//! The checks panic with the sentence they found broken, as test assertions do. `tests/peers/conformance`
//! runs them all on every connector and prints which passed: `docs/conformance.md`.

mod limits;
mod resume;
mod secrecy;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use iq_domain::{CodedError, TrustState, WorkOrderDraft};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::{
    Authority, BrowseRequest, Connector, ConnectorContext, MAX_BROWSE_PAGE,
    MAX_PENDING_CERTIFICATES, PresentedCertificate, SECRET_MASK, StageStatus, StreamPhase,
    TestReport, TrustStore, ext, is_secret, masked_config, properties, split_config,
};

pub use limits::{Toward, check_back_off, check_cancel};
pub use resume::{Cursors, PastToRead, check_resume};
pub use secrecy::check_secrets_kept;

/// A trust list in memory that keeps to the rules of [`TrustStore`].
#[derive(Debug, Default)]
pub struct MemoryTrust {
    seen: Mutex<Vec<(PresentedCertificate, TrustState)>>,
    authorities: Mutex<Vec<Authority>>,
}

impl MemoryTrust {
    /// Everything seen, oldest first.
    #[must_use]
    pub fn seen(&self) -> Vec<(PresentedCertificate, TrustState)> {
        self.seen
            .lock()
            .expect("no test panics while holding the list")
            .clone()
    }

    /// Makes these the known authorities.
    pub fn set_authorities(&self, authorities: Vec<Authority>) {
        *self
            .authorities
            .lock()
            .expect("no test panics while holding the list") = authorities;
    }

    /// Decides about all pending certificates; tells how many there were.
    pub fn decide_pending(&self, decision: TrustState) -> usize {
        let mut list = self
            .seen
            .lock()
            .expect("no test panics while holding the list");
        let pending = list
            .iter_mut()
            .filter(|(_, state)| *state == TrustState::Pending);
        pending.map(|(_, state)| *state = decision).count()
    }
}

#[async_trait]
impl TrustStore for MemoryTrust {
    async fn decision(&self, der: &[u8]) -> Result<Option<TrustState>, CodedError> {
        Ok(self
            .seen()
            .into_iter()
            .find(|(c, _)| c.der == der)
            .map(|(_, state)| state))
    }

    async fn report(&self, certificate: PresentedCertificate) -> Result<TrustState, CodedError> {
        let mut list = self
            .seen
            .lock()
            .expect("no test panics while holding the list");
        if let Some((known, state)) = list.iter_mut().find(|(c, _)| c.der == certificate.der) {
            known.authority = certificate.authority;
            return Ok(*state);
        }
        let pending = list
            .iter()
            .filter(|(_, s)| *s == TrustState::Pending)
            .count();
        if pending >= MAX_PENDING_CERTIFICATES {
            let oldest = list.iter().position(|(_, s)| *s == TrustState::Pending);
            oldest.map(|position| list.remove(position));
        }
        list.push((certificate, TrustState::Pending));
        Ok(TrustState::Pending)
    }

    async fn authorities(&self) -> Result<Vec<Authority>, CodedError> {
        Ok(self
            .authorities
            .lock()
            .expect("no test panics while holding the list")
            .clone())
    }
}

/// What holds without a source: the self-description, the validation, the secrets.
pub fn check_offline(connector: &dyn Connector) {
    let spec = connector.spec();
    assert!(
        !spec.kind.is_empty()
            && spec
                .kind
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_')
    );
    assert_eq!(
        spec.schema["additionalProperties"],
        json!(false),
        "unknown fields are refused"
    );
    let mut orders = HashSet::new();
    for (name, property) in properties(&spec.schema) {
        assert!(
            property.contains_key("description"),
            "{name} has no help text"
        );
        let order = property.get(ext::ORDER).and_then(Value::as_i64);
        assert!(
            order.is_some_and(|o| orders.insert(o)),
            "{name} needs a position of its own"
        );
        assert!(
            property.contains_key(ext::GROUP),
            "{name} belongs to no group"
        );
        assert!(property.contains_key(ext::WIDGET), "{name} has no widget");
        if property.get("type") == Some(&json!("string")) && !property.contains_key("enum") {
            assert!(
                property.contains_key("maxLength"),
                "{name} has no largest length"
            );
        }
        if matches!(
            property.get("type").and_then(Value::as_str),
            Some("integer" | "number")
        ) {
            assert!(
                property.contains_key("minimum") && property.contains_key("maximum"),
                "{name} has no bounds"
            );
        }
        for field in property
            .get(ext::SHOW_WHEN)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            assert!(
                properties(&spec.schema).any(|(n, _)| n == field.0),
                "{name} depends on nothing"
            );
        }
        assert!(
            !(is_secret(property) && property.contains_key("default")),
            "{name}: a secret has no default"
        );
    }
    let refused = connector
        .validate(&json!({"no_such_field": 1}))
        .expect_err("unknown fields pass");
    assert_eq!(refused[0].field, "no_such_field");
    assert!(
        connector.validate(&json!("text")).is_err(),
        "a configuration is an object"
    );
    check_secrets_apart(connector);
}

fn check_secrets_apart(connector: &dyn Connector) {
    let schema = connector.spec().schema;
    let secrets: Vec<&str> = properties(&schema)
        .filter(|(_, p)| is_secret(p))
        .map(|(name, _)| name)
        .collect();
    for name in secrets {
        let written = json!({ name: "classified" });
        assert!(
            connector.validate(&written).is_err(),
            "{name} passes as a public value"
        );
        let (public, sealed) =
            split_config(&schema, &written, &BTreeMap::new()).expect("a text is a secret");
        assert_eq!(public, json!({}), "{name} stays in the public part");
        let shown = masked_config(&schema, &public, &sealed);
        assert_eq!(shown[name], json!(SECRET_MASK), "{name} is not masked");
        assert!(
            !format!("{sealed:?}").contains("classified"),
            "{name} can be printed"
        );
    }
}

/// What holds against a real source: `ctx` is fully configured and trusted, `tag` delivers values.
pub async fn check_live(connector: &dyn Connector, ctx: &ConnectorContext, tag: &str) {
    check_stages(connector, ctx).await;
    check_browse(connector, ctx).await;
    check_preview(connector, ctx, tag).await;
    check_stream(connector, ctx, tag).await;
}

/// The test passes, and its report is in order.
pub async fn check_stages(connector: &dyn Connector, ctx: &ConnectorContext) {
    let told = Mutex::new(Vec::new());
    let report = connector
        .test(ctx, &|stage| {
            told.lock()
                .expect("no test panics while holding the list")
                .push(stage.key);
        })
        .await;
    check_report(&report);
    assert!(report.success, "the test fails: {:?}", report.message);
    assert!(
        !told.lock().expect("nobody holds it now").is_empty(),
        "no stage was told as it ended"
    );
}

/// A known tag has a value, an unknown one is a bad sample.
pub async fn check_preview(connector: &dyn Connector, ctx: &ConnectorContext, tag: &str) {
    let tags = [tag.to_owned(), "\u{1F980} no such tag".to_owned()];
    let preview = connector
        .preview(ctx, &tags)
        .await
        .expect("preview of a known tag");
    assert_eq!(preview.len(), 2, "one sample per tag");
    assert!(preview[0].value.is_some(), "no value of {tag}");
    assert!(!preview[1].status.is_good(), "an unknown tag reads as good");
}

/// A report is in order whether the test passed or not.
pub fn check_report(report: &TestReport) {
    let keys: Vec<_> = report.stages.iter().map(|s| s.key).collect();
    assert!(keys.is_sorted(), "stages are out of order: {keys:?}");
    assert_eq!(
        report.success,
        report.sample.as_ref().is_some_and(|s| s.value.is_some())
    );
    let failed = report
        .stages
        .iter()
        .position(|s| s.status == StageStatus::Failed);
    assert_eq!(
        report.success,
        failed.is_none(),
        "success and a failed stage exclude each other"
    );
    if let Some(failed) = failed {
        assert!(
            report.stages[failed].remedy.is_some(),
            "a failed stage names a remedy"
        );
        assert_eq!(report.message.code, report.stages[failed].message.code);
        let rest = &report.stages[failed + 1..];
        assert!(
            rest.iter().all(|s| s.status == StageStatus::Skipped),
            "work went on after a failure"
        );
    }
}

/// What holds for a connector that reads work orders instead of tags, against a real source: `ctx` is
/// fully configured and may send, `draft` is something the source takes.
pub async fn check_maintenance(
    connector: &dyn Connector,
    ctx: &ConnectorContext,
    draft: &WorkOrderDraft,
) {
    assert!(connector.spec().capabilities.maintenance);
    let report = connector.test(ctx, &|_| ()).await;
    check_report(&report);
    assert!(report.success, "the test fails: {:?}", report.message);
    let preview = connector
        .preview(ctx, &["no such tag".to_owned()])
        .await
        .expect("a preview of anything is an answer");
    assert!(
        preview.iter().all(|s| !s.status.is_good()),
        "an unknown tag reads as good"
    );
    check_records(connector, ctx).await;
    let system = connector.maintenance().expect("it takes work orders");
    let plan = system.plan(ctx, draft).expect("the draft is complete");
    assert_eq!(
        system.plan(ctx, draft),
        Ok(plan.clone()),
        "the same draft is planned twice"
    );
    assert!(
        plan.payload.to_string().contains(&plan.reference),
        "what is sent can't be found again"
    );
    let found = |reference: String| {
        let system = system.clone();
        async move {
            system
                .find_by_reference(ctx, &reference)
                .await
                .expect("a search")
        }
    };
    assert!(
        found(plan.reference.clone()).await.is_empty(),
        "it is there before it was sent"
    );
    let pushed = system.push(ctx, &plan).await.expect("the source takes it");
    let there = found(plan.reference.clone()).await;
    assert_eq!(there.len(), 1, "it is there once");
    assert_eq!(there[0].number, pushed.number);
    assert!(found(format!("{}X", plan.reference)).await.is_empty());
}

/// Records come without any tag, with positions, and the connector stops while nobody takes them.
pub async fn check_records(connector: &dyn Connector, ctx: &ConnectorContext) {
    let (_tags, tag_set) = watch::channel(Arc::new(Vec::new()));
    let (sink, mut batches) = mpsc::channel(1);
    let running = connector.start(ctx.clone(), tag_set, sink);
    let state = running.state.clone();
    let first = tokio::time::timeout(Duration::from_secs(30), batches.recv()).await;
    let batch = first
        .expect("no record within 30 s")
        .expect("the connector ended by itself");
    assert!(!batch.records.is_empty() && batch.samples.is_empty());
    assert!(!batch.cursors.is_empty(), "records without a position");
    assert!(
        matches!(
            state.borrow().phase,
            StreamPhase::Streaming | StreamPhase::Polling
        ),
        "records flow but the state says otherwise"
    );
    tokio::time::timeout(Duration::from_secs(5), running.stop())
        .await
        .expect("it does not stop");
    assert_eq!(state.borrow().phase, StreamPhase::Stopped);
}

/// Pages are bounded and end, small ones hold together what a large one holds, and a cursor of
/// somebody else is refused.
pub async fn check_browse(connector: &dyn Connector, ctx: &ConnectorContext) {
    if !connector.spec().capabilities.browse {
        return;
    }
    // Down the first branch, in one page and in several.
    let mut parent = None;
    for _ in 0..MOST_LEVELS {
        let all = listed(connector, ctx, parent.as_ref(), usize::MAX).await;
        let third = all.len().div_ceil(3).max(1);
        let paged = listed(connector, ctx, parent.as_ref(), third).await;
        assert_eq!(
            paged, all,
            "small pages hold something else than a large one"
        );
        let below = all.iter().find(|(_, has_children)| *has_children);
        match below {
            Some((id, _)) => parent = Some(id.clone()),
            None => break,
        }
    }
    let request = BrowseRequest {
        limit: 1,
        cursor: Some("\u{0}".into()),
        ..Default::default()
    };
    let refused = connector.browse(ctx, request).await;
    assert!(refused.is_err(), "a foreign cursor is accepted");
}

/// Levels of a tree that are walked, and pages of one listing.
const MOST_LEVELS: usize = 4;
const MOST_PAGES: usize = 2_000;

/// Everything directly below a node: id, and whether something is below it.
async fn listed(
    connector: &dyn Connector,
    ctx: &ConnectorContext,
    parent: Option<&String>,
    limit: usize,
) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let request = BrowseRequest {
            parent: parent.cloned(),
            cursor,
            limit,
            ..Default::default()
        };
        let page = connector
            .browse(ctx, request)
            .await
            .expect("a node can be listed");
        assert!(
            page.items.len() <= limit.min(MAX_BROWSE_PAGE),
            "a page is larger than allowed"
        );
        all.extend(page.items.into_iter().map(|i| (i.id, i.has_children)));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
    panic!("a listing does not end");
}

/// Values flow, and the connector stops while nobody takes them.
pub async fn check_stream(connector: &dyn Connector, ctx: &ConnectorContext, tag: &str) {
    let (tags, tag_set) = watch::channel(Arc::new(vec![Arc::<str>::from(tag)]));
    let (sink, mut batches) = mpsc::channel(1);
    let running = connector.start(ctx.clone(), tag_set, sink);
    let state = running.state.clone();
    let first = tokio::time::timeout(Duration::from_secs(30), batches.recv()).await;
    let batch = first
        .expect("no value within 30 s")
        .expect("the stream ended by itself");
    assert!(
        batch.samples.iter().all(|s| &*s.external_tag == tag),
        "a tag nobody asked for"
    );
    assert!(
        matches!(
            state.borrow().phase,
            StreamPhase::Streaming | StreamPhase::Polling
        ),
        "values flow but the state says otherwise"
    );
    // Nobody takes the next batches: the connector waits, and must still stop when asked to.
    tags.send(Arc::new(Vec::new()))
        .expect("the connector listens to its tags");
    tokio::time::timeout(Duration::from_secs(10), running.stop())
        .await
        .expect("it does not stop");
    assert_eq!(state.borrow().phase, StreamPhase::Stopped);
}
