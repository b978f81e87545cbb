//! The connector: uploads are run by the host, the watched folder by this.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Instant};

use async_trait::async_trait;
use iq_connector::{
    BatchSink, BrowseItem, BrowsePage, BrowseRequest, Capabilities, Connector, ConnectorContext,
    ConnectorSpec, FieldError, MAX_BROWSE_PAGE, Progress, Remedy, RunningConnector, StageKey,
    StageStatus, StreamState, TagSet, TestReport, TestStage, check_config, schema_of,
};
use iq_domain::{CodedError, ErrorKind, Message, RawSample, StatusCode, TenantId, Value};
use tokio::sync::watch;

use crate::{
    config::FileConfig,
    folder::Folder,
    stream,
    tags::Wanted,
    uploads::{UploadedTag, Uploads},
    waiting::{self, Look},
};

/// The kind.
pub const KIND: &str = "file";
/// Tags of one preview.
const MAX_PREVIEW_TAGS: usize = 100;

/// The file connector.
pub struct FileConnector {
    inbox: PathBuf,
    uploads: Arc<dyn Uploads>,
}

impl FileConnector {
    /// A connector whose watched folders lie below `inbox`, one folder per tenant.
    #[must_use]
    pub fn new(inbox: PathBuf, uploads: Arc<dyn Uploads>) -> Self {
        Self { inbox, uploads }
    }

    fn tenant_inbox(&self, tenant: TenantId) -> PathBuf {
        self.inbox.join(tenant.to_string())
    }

    async fn look(
        &self,
        ctx: &ConnectorContext,
        wanted: Wanted,
    ) -> Result<Option<(Folder, Look)>, CodedError> {
        let config = FileConfig::from_context(ctx)?;
        let Some(name) = config.folder().map(str::to_owned) else {
            return Ok(None);
        };
        let (inbox, now) = (self.tenant_inbox(ctx.tenant_id), ctx.clock.now());
        let pattern = config
            .file_pattern
            .clone()
            .unwrap_or_else(|| "*".to_owned());
        let hints = config.hints();
        blocking(move || {
            let folder = Folder::open(&inbox, &name, &pattern)?;
            let look = waiting::look(&folder, &hints, &wanted, now)?;
            Ok(Some((folder, look)))
        })
        .await
    }

    /// A value to show: of a waiting file, else of an upload.
    async fn any_value(
        &self,
        ctx: &ConnectorContext,
        look: Option<&(Folder, Look)>,
    ) -> Result<RawSample, CodedError> {
        if let Some(sample) = look.and_then(|(_, l)| l.samples.values().next()) {
            return Ok(sample.clone());
        }
        let tags = self
            .uploads
            .tags(ctx.tenant_id, ctx.integration_id, "", 0, 20)
            .await?;
        tags.iter()
            .find_map(|tag| uploaded_sample(ctx, tag))
            .ok_or_else(|| match look {
                // Where it lies is the one thing a person can't guess.
                Some((folder, _)) => CodedError::new(ErrorKind::Upstream, "file.folder_empty")
                    .with("folder", folder.path().display()),
                None => CodedError::new(ErrorKind::Upstream, "file.nothing_to_read"),
            })
    }
}

/// Runs file work where it holds nobody up. A parser that panics over a file is a damaged file.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CodedError> + Send + 'static,
) -> Result<T, CodedError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(CodedError::invalid("file.sheet_damaged").with("detail", "unreadable")),
    }
}

fn uploaded_sample(ctx: &ConnectorContext, tag: &UploadedTag) -> Option<RawSample> {
    let (at, value) = tag.last.clone()?;
    Some(RawSample {
        state_no: None,
        external_tag: Arc::clone(&tag.tag),
        value: Some(value),
        status: StatusCode::GOOD,
        source_time: Some(at),
        server_time: None,
        received_at: ctx.clock.now(),
    })
}

fn cancelled() -> CodedError {
    CodedError::new(ErrorKind::Unavailable, "connector.cancelled")
}

#[async_trait]
impl Connector for FileConnector {
    fn spec(&self) -> ConnectorSpec {
        ConnectorSpec {
            kind: KIND,
            name_key: "connector.file.name",
            description_key: "connector.file.description",
            schema: schema_of::<FileConfig>(),
            capabilities: Capabilities {
                browse: true,
                poll: true,
                back_fill: true,
                files: true,
                ..Capabilities::default()
            },
        }
    }

    fn validate(&self, config: &serde_json::Value) -> Result<(), Vec<FieldError>> {
        check_config(&self.spec().schema, config)?;
        let mut errors = Vec::new();
        let text = |name: &str| config.get(name).and_then(serde_json::Value::as_str);
        if let Some(zone) = text("time_zone").filter(|z| !z.trim().is_empty())
            && crate::time::zone(zone).is_none()
        {
            errors.push(FieldError::new("time_zone", "file.time_zone_unknown").with("zone", zone));
        }
        if let Some(folder) = text("watch_folder").filter(|f| !f.trim().is_empty())
            && !is_inside(folder.trim())
        {
            errors.push(
                FieldError::new("watch_folder", "file.folder_outside").with("folder", folder),
            );
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    async fn test(&self, ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport {
        let mut stages = Stages::new(progress);
        let outcome = tokio::select! {
            outcome = self.run_test(ctx, &mut stages) => outcome,
            () = ctx.cancel.cancelled() => {
                stages.record(StageKey::Read, Err::<(RawSample, Message), _>(cancelled()))
            }
        };
        stages.finish(outcome)
    }

    async fn browse(
        &self,
        ctx: &ConnectorContext,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        let offset: usize = match &request.cursor {
            None => 0,
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| *n <= 1_000_000)
                .ok_or_else(|| CodedError::invalid("connector.cursor_invalid"))?,
        };
        if request.parent.is_some() {
            return Ok(BrowsePage::default());
        }
        let limit = request.limit.clamp(1, MAX_BROWSE_PAGE);
        let search = request
            .search
            .as_deref()
            .unwrap_or_default()
            .trim()
            .to_lowercase();
        let mut items = self.waiting_items(ctx, &search).await?;
        let waiting = items.len();
        let known: HashSet<String> = items.iter().map(|i| i.id.clone()).collect();
        let mut page: Vec<BrowseItem> = items.drain(offset.min(waiting)..).take(limit).collect();
        let mut taken = page.len();
        if taken < limit {
            let skip = u32::try_from(offset.saturating_sub(waiting)).unwrap_or(u32::MAX);
            let room = u32::try_from(limit - taken).unwrap_or(0);
            let stored = self
                .uploads
                .tags(ctx.tenant_id, ctx.integration_id, &search, skip, room)
                .await?;
            taken += stored.len();
            let more = stored.into_iter().filter(|t| !known.contains(&*t.tag));
            page.extend(more.map(|t| item(&t.tag, t.unit)));
        }
        Ok(BrowsePage {
            items: page,
            next_cursor: (taken == limit).then(|| (offset + taken).to_string()),
        })
    }

    async fn preview(
        &self,
        ctx: &ConnectorContext,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        if tags.len() > MAX_PREVIEW_TAGS {
            return Err(
                CodedError::new(ErrorKind::TooMuch, "connector.too_many_tags")
                    .with("max", MAX_PREVIEW_TAGS),
            );
        }
        let wanted: HashSet<Arc<str>> = tags.iter().map(|t| t.as_str().into()).collect();
        let look = self.look(ctx, Wanted::These(Arc::new(wanted))).await?;
        let mut samples = Vec::with_capacity(tags.len());
        for tag in tags {
            let waiting = look.as_ref().and_then(|(_, l)| l.samples.get(tag.as_str()));
            let sample = match waiting {
                Some(sample) => Some(sample.clone()),
                None => self
                    .uploads
                    .tag(ctx.tenant_id, ctx.integration_id, tag)
                    .await?
                    .and_then(|t| uploaded_sample(ctx, &t)),
            };
            samples.push(sample.unwrap_or_else(|| RawSample {
                state_no: None,
                external_tag: tag.as_str().into(),
                value: None,
                status: StatusCode::BAD,
                source_time: None,
                server_time: None,
                received_at: ctx.clock.now(),
            }));
        }
        Ok(samples)
    }

    fn start(&self, ctx: ConnectorContext, tags: TagSet, sink: BatchSink) -> RunningConnector {
        let (state, seen) = watch::channel(StreamState::starting(ctx.clock.now()));
        let cancel = ctx.cancel.child_token();
        let inbox = self.tenant_inbox(ctx.tenant_id);
        let task = tokio::spawn(stream::run(stream::Stream {
            ctx,
            inbox,
            tags,
            sink,
            state,
            cancel: cancel.clone(),
        }));
        RunningConnector::new(seen, cancel, task)
    }
}

impl FileConnector {
    async fn waiting_items(
        &self,
        ctx: &ConnectorContext,
        search: &str,
    ) -> Result<Vec<BrowseItem>, CodedError> {
        let look = self.look(ctx, Wanted::None).await?;
        let tags = look.map(|(_, look)| look.tags).unwrap_or_default();
        Ok(tags
            .into_values()
            .filter(|t| search.is_empty() || t.tag.to_lowercase().contains(search))
            .map(|t| item(&t.tag, t.unit))
            .collect())
    }

    async fn run_test(
        &self,
        ctx: &ConnectorContext,
        stages: &mut Stages<'_>,
    ) -> Result<RawSample, CodedError> {
        let config = FileConfig::from_context(ctx);
        stages.record(
            StageKey::Config,
            config.map(|c| (c, message("stage.config_ok", &[]))),
        )?;
        let look = self.look(ctx, Wanted::All).await.map(|found| {
            let text = match &found {
                Some((folder, look)) => message(
                    "stage.file_folder_ok",
                    &[
                        ("folder", &folder.path().display().to_string()),
                        ("count", &look.files.to_string()),
                    ],
                ),
                None => message("stage.file_uploads_only", &[]),
            };
            (found, text)
        });
        let look = stages.record(StageKey::Session, look)?;
        let sample = self.any_value(ctx, look.as_ref()).await;
        stages.record(
            StageKey::Read,
            sample.map(|s| {
                let text = message("stage.read_ok", &[("tag", &s.external_tag)]);
                (s, text)
            }),
        )
    }
}

/// Whether a folder's name stays inside whatever it is joined to.
fn is_inside(folder: &str) -> bool {
    let path = std::path::Path::new(folder);
    path.components()
        .all(|c| matches!(c, std::path::Component::Normal(_)))
        && !folder.contains(['\\', ':'])
}

fn item(tag: &str, unit: Option<String>) -> BrowseItem {
    BrowseItem {
        id: tag.to_owned(),
        display: tag.to_owned(),
        path: tag.to_owned(),
        has_children: false,
        is_variable: true,
        data_type: None,
        unit,
        description: None,
    }
}

fn message(code: &str, params: &[(&str, &str)]) -> Message {
    Message {
        code: code.to_owned(),
        params: params
            .iter()
            .map(|(k, v)| ((*k).to_owned(), iq_domain::neutralise(v, 200)))
            .collect(),
    }
}

/// Collects the stages of a test; those a file has no use for are left out.
struct Stages<'a> {
    done: Vec<TestStage>,
    progress: Progress<'a>,
    started: Instant,
}

const ORDER: [StageKey; 3] = [StageKey::Config, StageKey::Session, StageKey::Read];

impl<'a> Stages<'a> {
    fn new(progress: Progress<'a>) -> Self {
        Self {
            done: Vec::new(),
            progress,
            started: Instant::now(),
        }
    }

    fn record<T>(
        &mut self,
        key: StageKey,
        outcome: Result<(T, Message), CodedError>,
    ) -> Result<T, CodedError> {
        let (status, message, remedy) = match &outcome {
            Ok((_, message)) => (StageStatus::Ok, message.clone(), None),
            Err(error) => (
                StageStatus::Failed,
                Message::from(error),
                Some(Remedy::EditConfig),
            ),
        };
        let stage = TestStage {
            key,
            status,
            ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            message,
            remedy,
        };
        (self.progress)(&stage);
        self.done.push(stage);
        self.started = Instant::now();
        outcome.map(|(value, _)| value)
    }

    fn finish(mut self, outcome: Result<RawSample, CodedError>) -> TestReport {
        for key in ORDER {
            if self.done.iter().all(|s| s.key < key) {
                self.done.push(TestStage {
                    key,
                    status: StageStatus::Skipped,
                    ms: 0,
                    message: message("stage.skipped", &[]),
                    remedy: None,
                });
            }
        }
        match outcome {
            Ok(sample) => {
                let value = match &sample.value {
                    Some(Value::Bool(b)) => b.to_string(),
                    Some(Value::Number(n)) => iq_domain::sentence_number(*n).to_string(),
                    Some(Value::Text(text)) => text.to_string(),
                    None => String::new(),
                };
                let time = sample.observed_at().to_string();
                let params = [
                    ("tag", &*sample.external_tag),
                    ("value", value.as_str()),
                    ("time", time.as_str()),
                ];
                TestReport {
                    success: true,
                    message: message("test.passed", &params),
                    stages: self.done,
                    sample: Some(sample),
                }
            }
            Err(error) => TestReport {
                success: false,
                message: Message::from(&error),
                stages: self.done,
                sample: None,
            },
        }
    }
}
