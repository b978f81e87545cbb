//! A file at work: looked through, or imported. Progress is readable at any time; an import goes on
//! after a restart where its last durable batch ended.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use iq_connector::{Batch, CursorMark, Purpose};
use iq_connector_file::{
    Chunk, FileProfile, FileSource, ImportLayout, Position, ReadOptions, TagFound, Unknown, Wanted,
    read_file,
};
use iq_domain::{CodedError, ErrorKind, ImportId, SourceRecord};
use iq_store::{
    all_rows,
    imports::{self, Import, ImportCounts, ImportState, ImportTag},
    integrations,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Imports, blocking, files, profile_of};
use crate::{Inner, ingest::Ingest};

/// Batches between the reading thread and the disk.
const AHEAD: usize = 4;

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is looked through: rows, tags, what can't be read.
    Scan,
    /// It is imported.
    Run,
}

/// A file at work.
pub(crate) struct Live {
    pub(crate) mode: Mode,
    cancel: CancellationToken,
    done: watch::Sender<bool>,
    /// Its end is being written down: nothing more is done with the file, it only takes a moment.
    is_ending: AtomicBool,
    started: Instant,
    /// Rows of an earlier attempt; they count for nothing in the rate.
    rows_before: AtomicU64,
    counts: parking_lot::Mutex<ImportCounts>,
    /// Words of it that are not known.
    unknown: parking_lot::Mutex<Unknown>,
}

impl Live {
    pub(crate) fn counts(&self) -> ImportCounts {
        *self.counts.lock()
    }

    /// Waits until work has ended.
    pub(crate) async fn ended(&self) {
        let mut done = self.done.subscribe();
        // An error means that the task is gone, which is what is waited for.
        drop(done.wait_for(|done| *done).await);
    }

    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn rows_per_s(&self) -> f64 {
        let rows = self
            .counts
            .lock()
            .rows
            .saturating_sub(self.rows_before.load(Relaxed));
        rows as f64 / self.started.elapsed().as_secs_f64().max(0.001)
    }
}

/// Where an import stands, as it is written down with the values.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reached {
    run_id: String,
    /// How it was read until there; read otherwise, the place means something else.
    #[serde(default)]
    key: String,
    position: Position,
    counts: ImportCounts,
    #[serde(default)]
    unknown: Unknown,
}

fn cursor_name(id: ImportId) -> String {
    format!("import:{id}")
}

/// What makes an import the same as another: content, layout and mappings.
pub(crate) fn import_key(inner: &Inner, row: &Import, layout: &ImportLayout) -> String {
    let mut mappings = BTreeMap::new();
    let tenant = inner.index.load().tenant(row.tenant_id);
    let routes = tenant
        .as_ref()
        .and_then(|t| t.routes.get(&row.integration_id));
    for (tag, routes) in routes.into_iter().flatten() {
        let of_tag = routes.iter().map(|route| {
            let m = &route.mapping;
            json!([m.signal_id, m.unit, m.scaling_factor, m.offset_value])
        });
        mappings.insert(tag.to_string(), of_tag.collect::<Vec<_>>());
    }
    let all = json!([row.sha256, layout, mappings]).to_string();
    let digest = Sha256::digest(all.as_bytes());
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

/// Takes up what was at work when the program stopped, and removes files nobody knows.
pub(crate) async fn resume(inner: &Arc<Inner>) -> Result<(), CodedError> {
    let tenants: Vec<_> = inner.index.load().tenants.keys().copied().collect();
    let mut known = HashSet::new();
    for tenant in tenants {
        let rows = inner
            .store
            .read(move |conn| all_rows(|page| imports::list_imports(conn, tenant, None, page)))
            .await?;
        for row in rows {
            known.insert((tenant.to_string(), row.id.to_string()));
            let mode = match row.state {
                ImportState::Scanning => Mode::Scan,
                ImportState::Running => Mode::Run,
                _ => continue,
            };
            Claim::take(inner, row.id, mode).await?.spawn(row);
        }
    }
    let data_dir = inner.config.data_dir.clone();
    blocking(move || {
        files::sweep(&data_dir, |tenant, id| {
            known.contains(&(tenant.to_owned(), id.to_owned()))
        });
        Ok(())
    })
    .await
}

/// The right to work on a file: one at a time has it, from the first look at its row until the work
/// that follows from it has ended. Dropped, the file is free again.
pub(crate) struct Claim {
    inner: Arc<Inner>,
    id: ImportId,
    live: Arc<Live>,
}

impl Claim {
    /// Takes the file, or says who has it; work whose end is being written down is waited for.
    ///
    /// # Errors
    /// `imports.busy` while somebody else works on it.
    pub(crate) async fn take(
        inner: &Arc<Inner>,
        id: ImportId,
        mode: Mode,
    ) -> Result<Self, CodedError> {
        let live = inner.imports.claim(id, mode, &inner.cancel).await?;
        Ok(Self {
            inner: Arc::clone(inner),
            id,
            live,
        })
    }

    /// Puts the file to work.
    pub(crate) fn spawn(self, row: Import) {
        let inner = Arc::clone(&self.inner);
        let work = Work {
            inner: Arc::clone(&self.inner),
            live: Arc::clone(&self.live),
            row,
            key: String::new(),
            _claim: self,
        };
        let mut tasks = inner.tasks.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(work.run()));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.inner.imports.free(self.id, &self.live);
    }
}

impl Imports {
    async fn claim(
        &self,
        id: ImportId,
        mode: Mode,
        cancel: &CancellationToken,
    ) -> Result<Arc<Live>, CodedError> {
        loop {
            let other = match self.live.lock().entry(id) {
                Entry::Vacant(free) => {
                    let live = Live {
                        mode,
                        cancel: cancel.child_token(),
                        done: watch::channel(false).0,
                        is_ending: AtomicBool::new(false),
                        started: Instant::now(),
                        rows_before: AtomicU64::new(0),
                        counts: parking_lot::Mutex::default(),
                        unknown: parking_lot::Mutex::default(),
                    };
                    return Ok(Arc::clone(free.insert(Arc::new(live))));
                }
                Entry::Occupied(taken) => Arc::clone(taken.get()),
            };
            if !other.is_ending.load(Relaxed) {
                return Err(CodedError::conflict("imports.busy"));
            }
            other.ended().await;
        }
    }

    fn free(&self, id: ImportId, live: &Live) {
        self.live.lock().remove(&id);
        live.done.send_replace(true);
    }
}

/// Stops work on a file and waits until it has stopped.
pub(crate) async fn stop(inner: &Inner, id: ImportId) {
    let live = inner.imports.live.lock().get(&id).cloned();
    if let Some(live) = live {
        live.cancel.cancel();
        live.ended().await;
    }
}

struct Work {
    inner: Arc<Inner>,
    live: Arc<Live>,
    row: Import,
    /// What the import is the same as, as it was when reading began.
    key: String,
    /// Ends with the work, also when that panics.
    _claim: Claim,
}

/// How it ended.
enum End {
    Complete(Vec<TagFound>),
    Cancelled,
    /// The program is closing; the next start goes on.
    Closing,
}

impl Work {
    async fn run(mut self) {
        let outcome = self.work().await;
        let result = match outcome {
            Ok(End::Closing) => Ok(()),
            Ok(End::Complete(tags)) => self.complete(tags).await,
            Ok(End::Cancelled) => self.end(ImportState::Cancelled, None).await,
            Err(error) => {
                warn!(import = %self.row.id, %error, "A file could not be read.");
                self.end(ImportState::Failed, Some(error)).await
            }
        };
        if let Err(error) = result {
            error!(%error, import = %self.row.id, "The end of a file's import could not be stored.");
        }
    }

    async fn work(&mut self) -> Result<End, CodedError> {
        let inner = Arc::clone(&self.inner);
        let slot = inner.imports.slot.acquire();
        let _slot = tokio::select! {
            slot = slot => slot,
            () = self.live.cancel.cancelled() => return Ok(self.stopped()),
        };
        let profile = profile_of(&self.row)?;
        let data_dir = &self.inner.config.data_dir;
        let paths = (
            files::upload_path(data_dir, self.row.tenant_id, self.row.id),
            files::rejects_path(data_dir, self.row.tenant_id, self.row.id),
        );
        match self.live.mode {
            Mode::Scan => self.scan(profile, paths).await,
            Mode::Run => self.import(profile, paths).await,
        }
    }

    fn stopped(&self) -> End {
        if self.inner.cancel.is_cancelled() {
            End::Closing
        } else {
            End::Cancelled
        }
    }

    async fn scan(
        &self,
        profile: FileProfile,
        (upload, rejected): (PathBuf, PathBuf),
    ) -> Result<End, CodedError> {
        let (live, size) = (Arc::clone(&self.live), self.row.size_bytes);
        let options = ReadOptions {
            from: Position::default(),
            wanted: Wanted::None,
            units: HashMap::new(),
            now: self.inner.clock.now(),
        };
        let tags = blocking(move || {
            let source = FileSource::open(&upload)?;
            let mut rejects = files::Rejects::open(&rejected, 0)?;
            let mut failed = None;
            let tags = read_file(
                &source,
                profile.format,
                &profile.layout,
                options,
                &mut |mut chunk| {
                    let counts = note(&live, &chunk, size);
                    live.unknown.lock().add(&chunk.unknown);
                    failed = rejects.add(std::mem::take(&mut chunk.rejects)).err();
                    *live.counts.lock() = ImportCounts {
                        // Nothing is handed on: what is wanted later is not known yet.
                        unmapped: 0,
                        samples: counts.samples + chunk.unwanted,
                        ..counts
                    };
                    if failed.is_some() || live.cancel.is_cancelled() {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                },
            )?;
            match failed {
                Some(error) => Err(error),
                None => Ok(tags),
            }
        })
        .await?;
        if self.live.cancel.is_cancelled() {
            return Ok(self.stopped());
        }
        Ok(End::Complete(tags))
    }

    async fn import(
        &mut self,
        profile: FileProfile,
        (upload, rejected): (PathBuf, PathBuf),
    ) -> Result<End, CodedError> {
        self.key = import_key(&self.inner, &self.row, &profile.layout);
        let reached = self.reached().await?;
        let (from, counts, unknown) = reached
            .map(|r| (r.position, r.counts, r.unknown))
            .unwrap_or_default();
        self.live.rows_before.store(counts.rows, Relaxed);
        *self.live.counts.lock() = counts;
        *self.live.unknown.lock() = unknown;
        let options = self.options(from);
        let (sink, batches) = mpsc::channel::<Batch>(AHEAD);
        let ingest = Ingest {
            inner: Arc::clone(&self.inner),
            tenant_id: self.row.tenant_id,
            integration_id: self.row.integration_id,
            meter: Arc::default(),
        };
        let ingest = tokio::spawn(ingest.run(batches));
        let (live, id, size) = (Arc::clone(&self.live), self.row.id, self.row.size_bytes);
        let run_id = self.row.run_id.clone().unwrap_or_default();
        let key = self.key.clone();
        let reading = blocking(move || {
            let source = FileSource::open(&upload)?;
            let mut rejects = files::Rejects::open(&rejected, counts.rejected)?;
            let mut failed = None;
            let tags = read_file(
                &source,
                profile.format,
                &profile.layout,
                options,
                &mut |mut chunk| {
                    let counts = note(&live, &chunk, size);
                    live.unknown.lock().add(&chunk.unknown);
                    failed = rejects.add(std::mem::take(&mut chunk.rejects)).err();
                    let reached = Reached {
                        run_id: run_id.clone(),
                        key: key.clone(),
                        position: chunk.position,
                        counts: before_position(counts, &chunk),
                        unknown: live.unknown.lock().without(&chunk.again),
                    };
                    let batch = batch_of(chunk, id, &reached);
                    if failed.is_some()
                        || live.cancel.is_cancelled()
                        || sink.blocking_send(batch).is_err()
                    {
                        return ControlFlow::Break(());
                    }
                    *live.counts.lock() = counts;
                    ControlFlow::Continue(())
                },
            )?;
            match failed {
                Some(error) => Err(error),
                None => Ok(tags),
            }
        })
        .await;
        // Its side of the channel is closed: it ends when everything is durable.
        let stored = stored(ingest).await;
        let tags = reading?;
        stored?;
        if self.live.cancel.is_cancelled() {
            return Ok(self.stopped());
        }
        Ok(End::Complete(tags))
    }

    /// How it is read from a place on: the tags that are mapped now, in the units of the catalogue.
    fn options(&self, from: Position) -> ReadOptions {
        let integration_id = self.row.integration_id;
        let plant = self.inner.index.load().tenant(self.row.tenant_id);
        let (tags, units) = plant.map_or_else(
            || (Vec::new(), HashMap::new()),
            |t| (t.tags_of(integration_id), t.units_of(integration_id)),
        );
        ReadOptions {
            from,
            wanted: Wanted::These(Arc::new(tags.into_iter().collect())),
            units,
            now: self.inner.clock.now(),
        }
    }

    /// Where this very import stood when the program stopped.
    async fn reached(&self) -> Result<Option<Reached>, CodedError> {
        let (tenant, integration) = (self.row.tenant_id, self.row.integration_id);
        let name = cursor_name(self.row.id);
        let stored = self
            .inner
            .store
            .read(move |conn| integrations::get_cursor(conn, tenant, integration, &name))
            .await?;
        let reached = stored.and_then(|text| serde_json::from_str::<Reached>(&text).ok());
        Ok(reached.filter(|r| Some(&r.run_id) == self.row.run_id.as_ref() && r.key == self.key))
    }

    /// Says how many rows have words that are not known, now that all were read.
    fn tell_unknown(&mut self) -> Result<(), CodedError> {
        let mut profile = profile_of(&self.row)?;
        self.live.unknown.lock().tell(&mut profile.warnings);
        self.row.profile = json!(profile);
        Ok(())
    }

    async fn complete(&mut self, tags: Vec<TagFound>) -> Result<(), CodedError> {
        self.tell_unknown()?;
        if self.live.mode == Mode::Run {
            let layout = profile_of(&self.row)?.layout;
            // Mapped otherwise in between, it is the same as no other import.
            let key = import_key(&self.inner, &self.row, &layout);
            self.row.imported_key = Some(key).filter(|key| *key == self.key);
            info!(import = %self.row.id, counts = ?self.live.counts(), "A file was imported.");
            return self.end(ImportState::Done, None).await;
        }
        {
            let mut counts = self.live.counts.lock();
            counts.tags = tags.len() as u64;
            counts.first_at = tags.iter().filter_map(|t| t.first_at).min();
            counts.last_at = tags.iter().filter_map(|t| t.last_at).max();
        }
        let (tenant, id) = (self.row.tenant_id, self.row.id);
        let tags: Vec<ImportTag> = tags
            .into_iter()
            .map(|t| ImportTag {
                tag: t.tag.to_string(),
                unit: t.unit,
                samples: t.values,
                first_at: t.first_at,
                last_at: t.last_at,
                last_value: json!(t.last_value),
            })
            .collect();
        self.inner
            .store
            .write(move |tx| imports::replace_import_tags(tx, tenant, id, &tags))
            .await?;
        self.end(ImportState::Ready, None).await
    }

    async fn end(
        &mut self,
        state: ImportState,
        error: Option<CodedError>,
    ) -> Result<(), CodedError> {
        let mut counts = self.live.counts();
        counts.ms = u64::try_from(self.live.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match self.live.mode {
            Mode::Scan => self.row.scan = counts,
            Mode::Run => {
                if state == ImportState::Done {
                    counts.bytes = self.row.size_bytes;
                }
                self.row.run = counts;
                self.row.finished_at = Some(self.inner.clock.now());
            }
        }
        self.row.state = state;
        self.row.error_code = error.as_ref().map(|e| e.code.to_owned());
        self.row.error_params = error.map_or_else(|| json!({}), |e| json!(e.params));
        let (tenant, row) = (self.row.tenant_id, self.row.clone());
        self.live.is_ending.store(true, Relaxed);
        self.inner
            .store
            .write(move |tx| imports::update_import(tx, tenant, &row))
            .await?;
        Ok(())
    }
}

/// Waits for the write path. Where it broke off, what was read after that is not stored: the file must
/// not count as imported.
async fn stored(ingest: JoinHandle<()>) -> Result<(), CodedError> {
    ingest.await.map_err(|error| {
        error!(%error, "The write path of a file's import broke off.");
        CodedError::new(ErrorKind::Internal, "imports.not_stored")
    })
}

/// The counts of what lies before the place where reading would go on.
fn before_position(counts: ImportCounts, chunk: &Chunk) -> ImportCounts {
    let again = chunk.again;
    ImportCounts {
        rows: counts.rows.saturating_sub(again.rows),
        repeats: counts.repeats.saturating_sub(again.repeats),
        events: counts.events.saturating_sub(again.events),
        rejected: counts.rejected.saturating_sub(again.rejects),
        ..counts
    }
}

/// The counts once a chunk is taken.
fn note(live: &Live, chunk: &Chunk, size: u64) -> ImportCounts {
    let before = live.counts();
    ImportCounts {
        // A spreadsheet is packed; only text has a place in the file.
        bytes: chunk.position.offset.min(size),
        rows: before.rows + chunk.rows,
        repeats: before.repeats + chunk.repeats,
        samples: before.samples + chunk.samples.len() as u64,
        events: before.events + chunk.events.len() as u64,
        rejected: before.rejected + chunk.rejects.len() as u64,
        unmapped: before.unmapped + chunk.unwanted,
        ..before
    }
}

fn batch_of(chunk: Chunk, id: ImportId, reached: &Reached) -> Batch {
    Batch {
        samples: chunk.samples,
        records: chunk.events.into_iter().map(SourceRecord::Event).collect(),
        gap: None,
        lost_events: 0,
        purpose: Purpose::BackFill,
        cursors: vec![CursorMark {
            name: cursor_name(id),
            position: json!(reached),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_broken_write_path_fails_the_import() {
        assert!(stored(tokio::spawn(async {})).await.is_ok());
        let broken = tokio::spawn(async { panic!("as a defect would") });
        assert_eq!(stored(broken).await.unwrap_err().code, "imports.not_stored");
    }

    #[tokio::test]
    async fn one_at_a_time_has_a_file() {
        let (imports, cancel, id) = (
            Imports::default(),
            CancellationToken::new(),
            ImportId::new(),
        );
        let first = imports.claim(id, Mode::Run, &cancel).await.unwrap();
        let second = imports.claim(id, Mode::Run, &cancel).await;
        assert_eq!(second.err().unwrap().code, "imports.busy");
        let other = imports.claim(ImportId::new(), Mode::Run, &cancel).await;
        assert!(other.is_ok());
        first.is_ending.store(true, Relaxed);
        let (next, ()) = tokio::join!(imports.claim(id, Mode::Scan, &cancel), async {
            imports.free(id, &first);
        });
        assert_eq!(next.unwrap().mode, Mode::Scan);
    }
}
