//! Uploaded files: taken in, looked through, corrected by a person, imported as a job that survives a
//! restart. The values go the way of every connector's values; the file itself goes when somebody
//! deletes it, the history read from it stays.

mod files;
mod quota;
mod uploads;
mod work;

use std::{collections::HashMap, sync::Arc};

use iq_connector_file::{
    BARE_JOURNAL, FileConfig, FileFormat, FileProfile, FileSource, Hints, ImportLayout, KIND,
    Reading, detect, preview, recheck, recut,
};
use iq_domain::{CodedError, ErrorKind, ImportId, Integration, IntegrationId, TenantId};
use iq_store::{
    Page, Paged,
    imports::{self, Import, ImportCounts, ImportState},
};
use parking_lot::Mutex;
use serde_json::json;

use crate::{Inner, Runtime};

pub use files::{MAX_UPLOAD_BYTES, RejectLine, Upload};
use quota::Quota;
pub use uploads::StoredUploads;
pub(crate) use work::resume;
use work::{Claim, Live, Mode};

/// Files at work.
pub(crate) struct Imports {
    live: Mutex<HashMap<ImportId, Arc<Live>>>,
    /// One file is read at a time: the machine has other things to do.
    slot: tokio::sync::Semaphore,
}

impl Default for Imports {
    fn default() -> Self {
        Self {
            live: Mutex::default(),
            slot: tokio::sync::Semaphore::new(1),
        }
    }
}

/// An uploaded file as it stands now.
#[derive(Clone, Debug)]
pub struct ImportView {
    /// The row, with the counts of this moment while it is worked on.
    pub import: Import,
    /// What was found out about it.
    pub profile: FileProfile,
    /// What its first rows mean; only where one file was asked for.
    pub readings: Vec<Reading>,
    /// Tags of it that have a mapping.
    pub mapped_tags: u64,
    /// Rows per second at this moment.
    pub rows_per_s: f64,
}

fn not_found() -> CodedError {
    CodedError::not_found("imports.not_found")
}

impl Runtime {
    /// Begins to take a file in. `declared` is the length the sender announced.
    pub async fn begin_upload(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
        name: &str,
        declared: Option<u64>,
    ) -> Result<Upload, CodedError> {
        file_integration(&self.0, tenant, integration)?;
        let kept = self
            .0
            .store
            .read(move |conn| imports::count_imports(conn, tenant))
            .await?;
        let room = Quota::of(&self.0).room(kept)?;
        let id = ImportId::new();
        let folder = files::folder_of(&self.0.config.data_dir, tenant, id);
        Upload::begin(id, integration, name, folder, declared, room).await
    }

    /// Looks at a file that was taken in completely, and begins to look through it.
    pub async fn finish_upload(
        &self,
        tenant: TenantId,
        upload: Upload,
        by: &str,
    ) -> Result<ImportView, CodedError> {
        let inner = &self.0;
        let integration = file_integration(inner, tenant, upload.integration_id())?;
        let hints = hints_of(&integration)?;
        let received = upload.close().await?;
        let path = received.path.clone();
        let detected = blocking(move || detect(&FileSource::open(&path)?, &hints)).await;
        let profile = match detected {
            Ok(profile) => profile,
            Err(error) => {
                files::remove(received.folder).await;
                return Err(error);
            }
        };
        let row = Import {
            id: received.id,
            tenant_id: tenant,
            integration_id: integration.id,
            name: received.name,
            size_bytes: received.size,
            sha256: received.sha256,
            state: state_for(&profile),
            profile: json!(profile),
            scan: ImportCounts::default(),
            run: ImportCounts::default(),
            run_id: None,
            imported_key: None,
            error_code: None,
            error_params: json!({}),
            created_by: by.to_owned(),
            created_at: inner.clock.now(),
            started_at: None,
            finished_at: None,
        };
        let stored = row.clone();
        let quota = Quota::of(inner);
        let written = inner
            .store
            .write(move |tx| {
                // Several may have come in at once.
                let room = quota.room(imports::count_imports(tx, tenant)?)?;
                room.take(stored.size_bytes)?;
                imports::create_import(tx, tenant, &stored)
            })
            .await;
        if let Err(error) = written {
            files::remove(received.folder).await;
            return Err(error.into());
        }
        let id = row.id;
        if row.state == ImportState::Scanning {
            Claim::take(inner, id, Mode::Scan).await?.spawn(row);
        }
        self.get_import(tenant, id).await
    }

    /// The files of an integration, or of all, newest first.
    pub async fn list_imports(
        &self,
        tenant: TenantId,
        integration: Option<IntegrationId>,
        page: Page,
    ) -> Result<Paged<ImportView>, CodedError> {
        let found = self
            .0
            .store
            .read(move |conn| imports::list_imports(conn, tenant, integration, page))
            .await?;
        let mut rows = Vec::with_capacity(found.rows.len());
        for row in found.rows {
            rows.push(view(&self.0, row).await?);
        }
        let total = found.total;
        Ok(Paged { rows, total })
    }

    /// One file, with what its first rows mean.
    pub async fn get_import(
        &self,
        tenant: TenantId,
        id: ImportId,
    ) -> Result<ImportView, CodedError> {
        let row = get(&self.0, tenant, id).await?;
        let mut view = view(&self.0, row).await?;
        let layout = view.profile.layout.clone();
        if layout.problems().is_empty() {
            let path = files::upload_path(&self.0.config.data_dir, tenant, id);
            let (format, now) = (view.profile.format, self.0.clock.now());
            view.readings =
                blocking(move || preview(&FileSource::open(&path)?, format, &layout, now)).await?;
        }
        Ok(view)
    }

    /// Takes a person's correction. Where it changes how the file is cut into cells, the columns are
    /// found out anew.
    pub async fn set_import_layout(
        &self,
        tenant: TenantId,
        id: ImportId,
        layout: ImportLayout,
    ) -> Result<ImportView, CodedError> {
        let inner = &self.0;
        let (claim, mut row) = self.claimed(tenant, id, Mode::Scan).await?;
        let old = profile_of(&row)?;
        let path = files::upload_path(&inner.config.data_dir, tenant, id);
        let profile = blocking(move || corrected(&path, old, layout)).await?;
        row.state = state_for(&profile);
        row.profile = json!(profile);
        row.scan = ImportCounts::default();
        (row.error_code, row.error_params) = (None, json!({}));
        let stored = row.clone();
        inner
            .store
            .write(move |tx| imports::update_import(tx, tenant, &stored))
            .await?;
        if row.state == ImportState::Scanning {
            claim.spawn(row);
        } else {
            drop(claim);
        }
        self.get_import(tenant, id).await
    }

    /// Imports a file. The same content with the same layout and mappings is recognised and not read
    /// again.
    pub async fn run_import(
        &self,
        tenant: TenantId,
        id: ImportId,
    ) -> Result<ImportView, CodedError> {
        let inner = &self.0;
        let (claim, mut row) = self.claimed(tenant, id, Mode::Run).await?;
        let layout = profile_of(&row)?.layout;
        if let Some(problem) = layout.problems().first() {
            return Err(CodedError::invalid(problem.code));
        }
        if row.state == ImportState::NeedsLayout {
            return Err(CodedError::invalid(BARE_JOURNAL));
        }
        let key = work::import_key(inner, &row, &layout);
        let (integration, wanted) = (row.integration_id, key.clone());
        let is_known = inner
            .store
            .read(move |conn| imports::is_imported(conn, tenant, integration, &wanted))
            .await?;
        let now = inner.clock.now();
        row.run = ImportCounts::default();
        row.started_at = Some(now);
        row.finished_at = None;
        (row.error_code, row.error_params) = (None, json!({}));
        if is_known {
            row.state = ImportState::Done;
            row.run.already_imported = true;
            row.finished_at = Some(now);
            row.imported_key = Some(key);
        } else {
            row.state = ImportState::Running;
            row.run_id = Some(ImportId::new().to_string());
        }
        let stored = row.clone();
        inner
            .store
            .write(move |tx| imports::update_import(tx, tenant, &stored))
            .await?;
        if row.state == ImportState::Running {
            claim.spawn(row);
        } else {
            drop(claim);
        }
        self.get_import(tenant, id).await
    }

    /// Stops looking through or importing a file; what was stored stays.
    pub async fn cancel_import(
        &self,
        tenant: TenantId,
        id: ImportId,
    ) -> Result<ImportView, CodedError> {
        get(&self.0, tenant, id).await?;
        work::stop(&self.0, id).await;
        self.get_import(tenant, id).await
    }

    /// Deletes a file; the history read from it stays.
    pub async fn delete_import(
        &self,
        tenant: TenantId,
        id: ImportId,
    ) -> Result<Import, CodedError> {
        get(&self.0, tenant, id).await?;
        work::stop(&self.0, id).await;
        let (_claim, row) = self.claimed(tenant, id, Mode::Scan).await?;
        self.0
            .store
            .write(move |tx| imports::delete_import(tx, tenant, id))
            .await?;
        files::remove(files::folder_of(&self.0.config.data_dir, tenant, id)).await;
        Ok(row)
    }

    /// What could not be read of a file, row by row.
    pub async fn import_rejects(
        &self,
        tenant: TenantId,
        id: ImportId,
    ) -> Result<Vec<RejectLine>, CodedError> {
        get(&self.0, tenant, id).await?;
        let path = files::rejects_path(&self.0.config.data_dir, tenant, id);
        blocking(move || files::read_rejects(&path)).await
    }

    /// A file nobody else works on until the claim is dropped, as it stands.
    async fn claimed(
        &self,
        tenant: TenantId,
        id: ImportId,
        mode: Mode,
    ) -> Result<(Claim, Import), CodedError> {
        // Another tenant's file is not there, whoever works on it.
        get(&self.0, tenant, id).await?;
        let claim = Claim::take(&self.0, id, mode).await?;
        let row = get(&self.0, tenant, id).await?;
        Ok((claim, row))
    }
}

/// A correction with what follows from it.
fn corrected(
    path: &std::path::Path,
    old: FileProfile,
    mut layout: ImportLayout,
) -> Result<FileProfile, CodedError> {
    let source = FileSource::open(path)?;
    let cut = |l: &ImportLayout| {
        (
            l.encoding,
            l.delimiter,
            l.quote,
            l.sheet.clone(),
            l.header_row,
        )
    };
    let basics_wrong = ["delimiter", "quote", "time_zone"];
    if let Some(problem) = layout
        .problems()
        .into_iter()
        .find(|p| basics_wrong.contains(&p.field))
    {
        return Err(CodedError::invalid(problem.code).with("field", problem.field));
    }
    let is_recut = cut(&layout) != cut(&old.layout) && layout.columns == old.layout.columns;
    if is_recut {
        let changed = |new: bool| new.then_some(());
        let hints = Hints {
            time_zone: Some(layout.time_zone.clone()),
            encoding: Some(layout.encoding),
            delimiter: Some(layout.delimiter),
            quote: Some(layout.quote),
            decimal: changed(layout.decimal != old.layout.decimal).map(|()| layout.decimal),
            thousands: changed(layout.thousands != old.layout.thousands).map(|()| layout.thousands),
            date_format: changed(layout.date_format != old.layout.date_format)
                .map(|()| layout.date_format),
            sheet: layout.sheet.clone(),
            header_row: changed(layout.header_row != old.layout.header_row)
                .map(|()| layout.header_row),
        };
        return recut(&source, &hints, &old);
    }
    if old.format == FileFormat::Xlsx && layout.sheet.is_none() {
        layout.sheet.clone_from(&old.layout.sheet);
    }
    let problems = layout.problems();
    if let Some(problem) = problems.first() {
        return Err(CodedError::invalid(problem.code).with("field", problem.field));
    }
    recheck(&source, old, layout)
}

fn state_for(profile: &FileProfile) -> ImportState {
    // A layout that a person has put bears this warning no more.
    let is_bare = profile.warnings.iter().any(|w| w.code == BARE_JOURNAL);
    if profile.layout.problems().is_empty() && !is_bare {
        ImportState::Scanning
    } else {
        ImportState::NeedsLayout
    }
}

pub(crate) fn profile_of(row: &Import) -> Result<FileProfile, CodedError> {
    serde_json::from_value(row.profile.clone()).map_err(|error| {
        tracing::error!(%error, import = %row.id, "The stored profile of a file can't be read.");
        CodedError::new(ErrorKind::Internal, "internal.error")
    })
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

async fn get(inner: &Inner, tenant: TenantId, id: ImportId) -> Result<Import, CodedError> {
    inner
        .store
        .read(move |conn| imports::get_import(conn, tenant, id))
        .await?
        .ok_or_else(not_found)
}

/// The integration, if it takes files.
fn file_integration(
    inner: &Inner,
    tenant: TenantId,
    id: IntegrationId,
) -> Result<Integration, CodedError> {
    let index = inner.index.load().tenant(tenant).ok_or_else(not_found)?;
    let found = index.integrations.get(&id);
    let integration = found.ok_or(CodedError::not_found("integrations.not_found"))?;
    if integration.kind == KIND {
        Ok(integration.clone())
    } else {
        Err(CodedError::invalid("imports.not_a_file_integration"))
    }
}

/// Whether values come by uploads alone: no folder is watched, so there is no source to be lost.
#[must_use]
pub fn is_upload_only(integration: &Integration) -> bool {
    let folder = integration.config.get("watch_folder");
    let folder = folder.and_then(serde_json::Value::as_str);
    integration.kind == KIND && folder.is_none_or(|folder| folder.trim().is_empty())
}

fn hints_of(integration: &Integration) -> Result<Hints, CodedError> {
    Ok(FileConfig::from_value(&integration.config)?.hints())
}

async fn view(inner: &Inner, mut import: Import) -> Result<ImportView, CodedError> {
    let live = inner.imports.live.lock().get(&import.id).cloned();
    let mut rows_per_s = 0.0;
    if let Some(live) = live {
        match (live.mode, import.state) {
            (Mode::Scan, ImportState::Scanning) => import.scan = live.counts(),
            (Mode::Run, ImportState::Running) => import.run = live.counts(),
            // Claimed a moment ago; nothing of it has begun.
            _ => {}
        }
        rows_per_s = live.rows_per_s();
    }
    let (tenant, id) = (import.tenant_id, import.id);
    let tags = inner
        .store
        .read(move |conn| imports::list_tags_of_import(conn, tenant, id, Page::MAX))
        .await?;
    let index = inner.index.load().tenant(tenant);
    let routes = index
        .as_ref()
        .and_then(|i| i.routes.get(&import.integration_id));
    let mapped = tags
        .rows
        .iter()
        .filter(|t| routes.is_some_and(|r| r.contains_key(t.tag.as_str())));
    Ok(ImportView {
        mapped_tags: mapped.count() as u64,
        profile: profile_of(&import)?,
        readings: Vec::new(),
        rows_per_s,
        import,
    })
}
