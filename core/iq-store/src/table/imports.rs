//! Uploaded files, how far reading them has come, and the tags that occur in them.

use iq_domain::{CodedError, ImportId, IntegrationId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, integration_id, name, size_bytes, sha256, state, profile, \
    scan, run, run_id, imported_key, error_code, error_params, created_by, created_at, started_at, \
    finished_at FROM imports";

/// Where an uploaded file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// A person has to say what its columns are.
    NeedsLayout,
    /// It is looked through.
    Scanning,
    /// It was looked through and may be imported.
    Ready,
    /// It is being imported, or was when the program stopped.
    Running,
    /// It was imported.
    Done,
    /// Reading it failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// What was counted while a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportCounts {
    /// Bytes behind the present position.
    pub bytes: u64,
    /// Rows of data.
    pub rows: u64,
    /// Of them rows of a journal that repeat another in every cell: both are one event.
    pub repeats: u64,
    /// Values handed to the historian.
    pub samples: u64,
    /// Events handed to the Black Box.
    pub events: u64,
    /// Rows or cells that can't be read.
    pub rejected: u64,
    /// Values of tags without a mapping.
    pub unmapped: u64,
    /// Different tags.
    pub tags: u64,
    /// Time of the earliest value.
    pub first_at: Option<Timestamp>,
    /// Time of the latest.
    pub last_at: Option<Timestamp>,
    /// Milliseconds it took.
    pub ms: u64,
    /// The same content had been imported before in the same way: nothing was read.
    pub already_imported: bool,
}

/// An uploaded file.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Id.
    pub id: ImportId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The integration its values belong to.
    pub integration_id: IntegrationId,
    /// Its name, as it was uploaded.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// SHA-256 of its content, lower-case hex.
    pub sha256: String,
    /// Where it stands.
    pub state: ImportState,
    /// What was found out about it, corrections included.
    pub profile: serde_json::Value,
    /// What looking through it found.
    pub scan: ImportCounts,
    /// What the last import did.
    pub run: ImportCounts,
    /// The present or last import, so that a position of an earlier one is not taken for its own.
    pub run_id: Option<String>,
    /// Content, layout and mappings of the last complete import.
    pub imported_key: Option<String>,
    /// Why it failed.
    pub error_code: Option<String>,
    /// Arguments of that sentence.
    pub error_params: serde_json::Value,
    /// Who uploaded it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When the last import began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A tag that occurs in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportTag {
    /// The tag.
    pub tag: String,
    /// Unit as the file names it.
    pub unit: Option<String>,
    /// Values of it.
    pub samples: u64,
    /// Earliest.
    pub first_at: Option<Timestamp>,
    /// Latest.
    pub last_at: Option<Timestamp>,
    /// The latest value.
    pub last_value: serde_json::Value,
}

/// A count; SQLite's integers have a sign.
fn count(r: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(u64::try_from(r.get::<_, i64>(column)?).unwrap_or(0))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn read(r: &Row<'_>) -> rusqlite::Result<Import> {
    Ok(Import {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        integration_id: row::id(r, "integration_id")?,
        name: r.get("name")?,
        size_bytes: count(r, "size_bytes")?,
        sha256: r.get("sha256")?,
        state: row::word(r, "state")?,
        profile: row::json(r, "profile")?,
        scan: row::json(r, "scan")?,
        run: row::json(r, "run")?,
        run_id: r.get("run_id")?,
        imported_key: r.get("imported_key")?,
        error_code: r.get("error_code")?,
        error_params: row::json(r, "error_params")?,
        created_by: r.get("created_by")?,
        created_at: row::time(r, "created_at")?,
        started_at: row::time_opt(r, "started_at")?,
        finished_at: row::time_opt(r, "finished_at")?,
    })
}

fn read_tag(r: &Row<'_>) -> rusqlite::Result<ImportTag> {
    Ok(ImportTag {
        tag: r.get("tag")?,
        unit: r.get("unit")?,
        samples: count(r, "samples")?,
        first_at: row::time_opt(r, "first_at")?,
        last_at: row::time_opt(r, "last_at")?,
        last_value: row::json(r, "last_value")?,
    })
}

/// Adds a file.
pub fn create_import(
    conn: &Connection,
    tenant: TenantId,
    import: &Import,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, import.tenant_id)?;
    let sql = "INSERT INTO imports (tenant_id, id, integration_id, name, size_bytes, sha256, state,
               profile, scan, run, run_id, imported_key, error_code, error_params, created_by,
               created_at, started_at, finished_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            import.id.to_string(),
            import.integration_id.to_string(),
            import.name,
            signed(import.size_bytes),
            import.sha256,
            row::to_word(&import.state)?,
            row::to_json(&import.profile)?,
            row::to_json(&import.scan)?,
            row::to_json(&import.run)?,
            import.run_id,
            import.imported_key,
            import.error_code,
            row::to_json(&import.error_params)?,
            import.created_by,
            import.created_at.0,
            import.started_at.map(|t| t.0),
            import.finished_at.map(|t| t.0)
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("integrations.not_found")))
}

/// Writes everything of a file that changes while it is worked on.
pub fn update_import(
    conn: &Connection,
    tenant: TenantId,
    import: &Import,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, import.tenant_id)?;
    let sql = "UPDATE imports SET state = ?, profile = ?, scan = ?, run = ?, run_id = ?,
               imported_key = ?, error_code = ?, error_params = ?, started_at = ?, finished_at = ?
               WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            row::to_word(&import.state)?,
            row::to_json(&import.profile)?,
            row::to_json(&import.scan)?,
            row::to_json(&import.run)?,
            import.run_id,
            import.imported_key,
            import.error_code,
            row::to_json(&import.error_params)?,
            import.started_at.map(|t| t.0),
            import.finished_at.map(|t| t.0),
            tenant.to_string(),
            import.id.to_string()
        ],
    )
}

/// The file, if this tenant has it.
pub fn get_import(
    conn: &Connection,
    tenant: TenantId,
    id: ImportId,
) -> Result<Option<Import>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The files of one integration, or of all, newest first.
pub fn list_imports(
    conn: &Connection,
    tenant: TenantId,
    integration: Option<IntegrationId>,
    page: Page,
) -> Result<Paged<Import>, StoreError> {
    let order = "created_at DESC, id DESC";
    Where::tenant(tenant)
        .maybe("integration_id = ?", integration.map(|id| id.to_string()))
        .page(conn, "imports", (SELECT, order), page, read)
}

/// How many files a tenant keeps, and their bytes together.
pub fn count_imports(conn: &Connection, tenant: TenantId) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT COUNT(*) AS files, COALESCE(SUM(size_bytes), 0) AS bytes FROM imports
               WHERE tenant_id = ?";
    let found = query::find(conn, sql, params![tenant.to_string()], |r| {
        Ok((count(r, "files")?, count(r, "bytes")?))
    })?;
    Ok(found.unwrap_or_default())
}

/// Whether the same content was imported completely with the same layout and mappings.
pub fn is_imported(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    key: &str,
) -> Result<bool, StoreError> {
    let sql =
        "SELECT 1 FROM imports WHERE tenant_id = ? AND integration_id = ? AND imported_key = ?
               LIMIT 1";
    let args = params![tenant.to_string(), integration.to_string(), key];
    Ok(query::find(conn, sql, args, |r| r.get::<_, i64>(0))?.is_some())
}

/// Deletes a file's row and tags; the history read from it stays.
pub fn delete_import(conn: &Connection, tenant: TenantId, id: ImportId) -> Result<(), StoreError> {
    let sql = "DELETE FROM imports WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}

/// Replaces the tags of a file.
pub fn replace_import_tags(
    conn: &Connection,
    tenant: TenantId,
    id: ImportId,
    tags: &[ImportTag],
) -> Result<(), StoreError> {
    let (tenant, id) = (tenant.to_string(), id.to_string());
    let sql = "DELETE FROM import_tags WHERE tenant_id = ? AND import_id = ?";
    query::change(conn, sql, params![tenant, id])?;
    let sql =
        "INSERT INTO import_tags (tenant_id, import_id, tag, unit, samples, first_at, last_at,
               last_value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    for tag in tags {
        query::change_one(
            conn,
            sql,
            params![
                tenant,
                id,
                tag.tag,
                tag.unit,
                signed(tag.samples),
                tag.first_at.map(|t| t.0),
                tag.last_at.map(|t| t.0),
                row::to_json(&tag.last_value)?
            ],
        )
        .map_err(|e| e.or_reference(CodedError::not_found("imports.not_found")))?;
    }
    Ok(())
}

const TAGS: &str = "SELECT t.tag AS tag, MAX(t.unit) AS unit, SUM(t.samples) AS samples,
    MIN(t.first_at) AS first_at, MAX(t.last_at) AS last_at, t.last_value AS last_value
    FROM imports i JOIN import_tags t ON t.tenant_id = i.tenant_id AND t.import_id = i.id
    WHERE i.tenant_id = ? AND i.integration_id = ?";

/// The tags of all files of an integration whose name contains a text, by name; each once.
pub fn list_import_tags(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    search: &str,
    page: Page,
) -> Result<Vec<ImportTag>, StoreError> {
    let sql = format!(
        "{TAGS} AND (? = '' OR instr(lower(t.tag), lower(?)) > 0)
         GROUP BY t.tag ORDER BY t.tag LIMIT ? OFFSET ?"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![
            tenant.to_string(),
            integration.to_string(),
            search,
            search,
            page.limit,
            page.offset
        ],
        read_tag,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One tag of an integration's files; its value is that of the file that reaches furthest.
pub fn get_import_tag(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    tag: &str,
) -> Result<Option<ImportTag>, StoreError> {
    let sql = format!("{TAGS} AND t.tag = ? GROUP BY t.tag");
    let args = params![tenant.to_string(), integration.to_string(), tag];
    query::find(conn, &sql, args, read_tag)
}

/// The tags of one file, by name.
pub fn list_tags_of_import(
    conn: &Connection,
    tenant: TenantId,
    id: ImportId,
    page: Page,
) -> Result<Paged<ImportTag>, StoreError> {
    let (tenant, id) = (tenant.to_string(), id.to_string());
    let sql = "SELECT COUNT(*) AS n FROM import_tags WHERE tenant_id = ? AND import_id = ?";
    let total = query::find(conn, sql, params![tenant, id], |r| count(r, "n"))?;
    let sql = "SELECT tag, unit, samples, first_at, last_at, last_value FROM import_tags
               WHERE tenant_id = ? AND import_id = ? ORDER BY tag LIMIT ? OFFSET ?";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, id, page.limit, page.offset], read_tag)?;
    Ok(Paged {
        rows: rows.collect::<Result<_, _>>()?,
        total: total.unwrap_or(0),
    })
}
