//! Which installation a store belongs to, asked before it is opened for writing.

use std::path::Path;

use crate::{StoreError, migrate, open};

/// The installations that keep the evidence logs of a store by their last epochs: one, or none as long
/// as there is no log; several only in a store that was put together by hand.
///
/// # Errors
/// When the file can't be read, or is none that this program may open.
pub fn installations(path: &Path) -> Result<Vec<[u8; 16]>, StoreError> {
    open::assert_sqlite()?;
    migrate::inspect(path)?;
    if !path.exists() {
        return Ok(Vec::new());
    }
    let conn = open::reader(path)?;
    let has_log: bool = conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'evidence_epochs')",
        [],
        |row| row.get(0),
    )?;
    if !has_log {
        return Ok(Vec::new());
    }
    let mut list = conn.prepare(
        "SELECT DISTINCT appliance FROM evidence_epochs AS this WHERE epoch_no =
         (SELECT MAX(epoch_no) FROM evidence_epochs WHERE tenant_id = this.tenant_id)",
    )?;
    let found = list.query_map([], |row| row.get::<_, [u8; 16]>(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}
