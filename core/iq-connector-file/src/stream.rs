//! The watched folder at work: waits until a file is complete, reads it once, hands its values on as
//! the past, and puts it away after everything in it is durable.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use iq_connector::{
    Batch, BatchSink, CancellationToken, ConnectorContext, CursorMark, Purpose, StreamPhase,
    StreamState, TagSet,
};
use iq_domain::{CodedError, SourceRecord};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::{
    config::{AfterImport, FileConfig},
    connector::blocking,
    detect::{Hints, detect},
    folder::{Folder, Stamp},
    layout::FileKind,
    read::{Chunk, ReadOptions, read_file},
    source::FileSource,
    table::Position,
    tags::Wanted,
};

/// Chunks between the reading thread and the sink.
const AHEAD: usize = 4;
/// Files of a kept folder that are remembered.
const MAX_REMEMBERED: usize = 2_000;
/// Position inside the file that is being read.
const READING: &str = "reading";
/// Files of a kept folder that were read.
const READ: &str = "read";

/// What the task works with.
pub(crate) struct Stream {
    pub(crate) ctx: ConnectorContext,
    pub(crate) inbox: PathBuf,
    pub(crate) tags: TagSet,
    pub(crate) sink: BatchSink,
    pub(crate) state: watch::Sender<StreamState>,
    pub(crate) cancel: CancellationToken,
}

/// Where reading a file stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    file: Stamp,
    position: Position,
}

/// How reading a file ended.
enum End {
    /// Everything in it is durable.
    Durable,
    /// Somebody asked to stop, or nobody takes batches any more.
    Stopped,
}

/// Runs until stopped.
pub(crate) async fn run(mut stream: Stream) {
    let cancel = stream.cancel.clone();
    tokio::select! {
        () = stream.work() => {}
        () = cancel.cancelled() => {}
    }
    let now = stream.ctx.clock.now();
    stream.state.send_modify(|state| {
        state.phase = StreamPhase::Stopped;
        state.since = now;
    });
}

impl Stream {
    fn enter(&self, phase: StreamPhase) {
        let now = self.ctx.clock.now();
        self.state.send_if_modified(|state| {
            let is_new = state.phase != phase;
            if is_new {
                state.phase = phase;
                state.since = now;
            }
            is_new
        });
    }

    async fn work(&mut self) {
        let config = match FileConfig::from_context(&self.ctx) {
            Ok(config) => config,
            Err(error) => return self.fail_for_good(error).await,
        };
        let Some(name) = config.folder().map(str::to_owned) else {
            // Uploads are run by the host; there is nothing to watch.
            self.enter(StreamPhase::Polling);
            return std::future::pending().await;
        };
        let pattern = config
            .file_pattern
            .clone()
            .unwrap_or_else(|| "*".to_owned());
        let pause = Duration::from_secs(u64::from(config.poll_interval_s.unwrap_or(15).max(1)));
        let keeps = config.after_import == Some(AfterImport::Keep);
        let mut round = Round {
            hints: config.hints(),
            keeps,
            seen: HashSet::new(),
            read: self.remembered(),
            refused: HashSet::new(),
        };
        let mut is_first = true;
        loop {
            let (inbox, name, pattern) = (self.inbox.clone(), name.clone(), pattern.clone());
            let folder = blocking(move || Folder::open(&inbox, &name, &pattern)).await;
            let outcome = match folder {
                Ok(folder) => self.look_in(&folder, &mut round).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(true) => self.enter(StreamPhase::Polling),
                Ok(false) => return,
                Err(error) => self.enter(StreamPhase::Error(error)),
            }
            // The second look comes soon: a file that lay there already is complete.
            let wait = if is_first {
                Duration::from_secs(1)
            } else {
                pause
            };
            is_first = false;
            let tags_changed = async {
                if self.tags.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait.min(pause)) => {}
                // A moment is left all the same: a file that grows must be seen to grow.
                () = tags_changed => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    async fn fail_for_good(&self, error: CodedError) {
        self.enter(StreamPhase::Error(error));
        std::future::pending().await
    }

    /// One round through the folder; false when nobody takes batches any more.
    async fn look_in(&mut self, folder: &Folder, round: &mut Round) -> Result<bool, CodedError> {
        let listing = folder.clone();
        let files = blocking(move || listing.files()).await?;
        let complete: Vec<Stamp> = files
            .iter()
            .filter(|f| round.seen.contains(*f) && !round.refused.contains(*f))
            .filter(|f| !round.keeps || !round.read.contains(f))
            .cloned()
            .collect();
        // A file is complete when a whole round went by without a change of its size or time.
        round.seen = files.into_iter().collect();
        round.refused.retain(|f| round.seen.contains(f));
        let mut first_error = None;
        for file in complete {
            let checked = (folder.clone(), file.clone());
            if !blocking(move || Ok(checked.0.is_unchanged(&checked.1))).await? {
                continue;
            }
            match self.read(folder, &file, round).await {
                Ok(Some(End::Durable)) => self.put_away(folder, file, round).await?,
                // Nothing in it is mapped yet: it waits.
                Ok(None) => {}
                Ok(Some(End::Stopped)) => return Ok(false),
                Err(error) => {
                    warn!(file = file.name, %error, "A file of the watched folder can't be read.");
                    let moved = (folder.clone(), file.clone());
                    if !round.keeps {
                        blocking(move || moved.0.refuse(&moved.1)).await?;
                    }
                    first_error.get_or_insert(error.with("file", &file.name));
                    round.refused.insert(file);
                }
            }
        }
        match first_error {
            Some(error) => Err(error),
            None => Ok(true),
        }
    }

    async fn put_away(
        &self,
        folder: &Folder,
        file: Stamp,
        round: &mut Round,
    ) -> Result<(), CodedError> {
        info!(file = file.name, "A file of the watched folder was read.");
        if !round.keeps {
            let folder = folder.clone();
            return blocking(move || folder.finish(&file)).await;
        }
        if round.read.len() >= MAX_REMEMBERED {
            round.read.remove(0);
        }
        round.read.push(file);
        let mark = CursorMark {
            name: READ.to_owned(),
            position: serde_json::json!(round.read),
        };
        let batch = Batch {
            purpose: Purpose::BackFill,
            cursors: vec![mark],
            ..Batch::default()
        };
        // A closed sink means the integration is stopping; the file is then read once more, to no effect.
        drop(self.sink.send(batch).await);
        Ok(())
    }

    /// Reads a file; `None` when nothing in it is wanted yet.
    async fn read(
        &mut self,
        folder: &Folder,
        file: &Stamp,
        round: &Round,
    ) -> Result<Option<End>, CodedError> {
        let wanted: HashSet<Arc<str>> = self.tags.borrow_and_update().iter().cloned().collect();
        let path = folder.file(file);
        let (hints, now) = (round.hints.clone(), self.ctx.clock.now());
        let opened = blocking(move || {
            let source = FileSource::open(&path)?;
            let profile = detect(&source, &hints)?;
            Ok((source, profile))
        });
        let (source, profile) = opened.await?;
        if let Some(problem) = profile.layout.problems().first() {
            return Err(CodedError::invalid(problem.code));
        }
        if profile.layout.kind == FileKind::Trend && wanted.is_empty() {
            return Ok(None);
        }
        let from = self.resumed(file);
        let (chunks, mut received) = mpsc::channel::<Chunk>(AHEAD);
        let cancel = self.cancel.clone();
        let reading = blocking(move || {
            let options = ReadOptions {
                from,
                wanted: Wanted::These(Arc::new(wanted)),
                units: HashMap::new(),
                now,
            };
            read_file(
                &source,
                profile.format,
                &profile.layout,
                options,
                &mut |chunk| {
                    if cancel.is_cancelled() || chunks.blocking_send(chunk).is_err() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            )
        });
        let forwarding = async {
            let mut rejected = 0;
            while let Some(chunk) = received.recv().await {
                rejected += chunk.rejects.len();
                if !self.forward(chunk, file).await {
                    return None;
                }
            }
            Some(rejected)
        };
        let (read, forwarded) = tokio::join!(reading, forwarding);
        read?;
        let Some(rejected) = forwarded else {
            return Ok(Some(End::Stopped));
        };
        if rejected > 0 {
            warn!(
                file = file.name,
                rejected, "Rows of a file of the watched folder can't be read."
            );
        }
        Ok(Some(self.until_durable().await))
    }

    /// Hands a chunk on; false when nobody takes it.
    async fn forward(&self, chunk: Chunk, file: &Stamp) -> bool {
        let reading = Reading {
            file: file.clone(),
            position: chunk.position,
        };
        let count = chunk.samples.len() as u64;
        let batch = Batch {
            samples: chunk.samples,
            records: chunk.events.into_iter().map(SourceRecord::Event).collect(),
            lost_events: 0,
            gap: None,
            purpose: Purpose::BackFill,
            cursors: vec![CursorMark {
                name: READING.to_owned(),
                position: serde_json::json!(reading),
            }],
        };
        let now = self.ctx.clock.now();
        self.state.send_modify(|state| {
            state.phase = StreamPhase::Polling;
            state.samples += count;
            if count > 0 {
                state.last_value_at = Some(now);
            }
        });
        self.sink.send(batch).await.is_ok()
    }

    /// Waits until the batches handed on are durable: the one who takes them takes the next only after
    /// it stored what it has, so an empty channel, twice, with one empty batch in between, says so.
    async fn until_durable(&self) -> End {
        for _ in 0..2 {
            let all = self.sink.max_capacity();
            if self.sink.reserve_many(all).await.is_err() {
                return End::Stopped;
            }
            let empty = Batch {
                purpose: Purpose::BackFill,
                ..Batch::default()
            };
            if self.sink.send(empty).await.is_err() {
                return End::Stopped;
            }
        }
        match self.sink.reserve_many(self.sink.max_capacity()).await {
            Ok(_) => End::Durable,
            Err(_) => End::Stopped,
        }
    }

    fn remembered(&self) -> Vec<Stamp> {
        let stored = self.ctx.cursors.get(READ).cloned();
        stored
            .and_then(|value| serde_json::from_value(value).ok())
            .unwrap_or_default()
    }

    /// Where reading this very file stood when the program stopped.
    fn resumed(&self, file: &Stamp) -> Position {
        let stored = self.ctx.cursors.get(READING).cloned();
        stored
            .and_then(|value| serde_json::from_value::<Reading>(value).ok())
            .filter(|reading| reading.file == *file)
            .map_or_else(Position::default, |reading| reading.position)
    }
}

/// What is known from round to round.
struct Round {
    hints: Hints,
    keeps: bool,
    /// Files of the last round, as they were.
    seen: HashSet<Stamp>,
    /// Files of a kept folder that were read.
    read: Vec<Stamp>,
    /// Files that can't be read, as they were.
    refused: HashSet<Stamp>,
}
