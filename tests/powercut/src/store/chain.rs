//! Whether the evidence log in a store is whole, found out from its bytes alone: what the program thinks
//! of it is looked at too, for a log it mistrusts goes on in another epoch.

use anyhow::{Context as _, Result, ensure};
use iq_domain::TenantId;
use iq_evidence::{Frontier, Note, PublicKey, Record, SignatureKind, leaf_hash};
use iq_store::{Connection, evidence, evidence::LogKey};

pub(super) fn check(conn: &Connection, tenant: TenantId) -> Result<()> {
    let epochs = evidence::list_epochs(conn, tenant)?;
    ensure!(
        epochs.len() <= 1,
        "the program mistrusts its log: {}",
        epochs.last().map_or("", |epoch| &epoch.reason)
    );
    for stream in [1, 2] {
        let log = LogKey {
            tenant,
            epoch_no: 1,
            stream,
        };
        records(conn, log).with_context(|| format!("stream {stream}"))?;
    }
    for (source, table) in [
        (1, "industrial_events"),
        (2, "evidence_entries"),
        (3, "audit"),
    ] {
        let sql = format!(
            "SELECT (SELECT count(*) FROM {table}),
                    (SELECT count(*) FROM evidence_log WHERE source = {source}),
                    (SELECT count(*) FROM evidence_log l JOIN {table} t
                     ON l.source = {source} AND l.source_row = t.rowid)"
        );
        let counted: (i64, i64, i64) =
            conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        ensure!(
            counted.0 == counted.1 && counted.1 == counted.2,
            "{table}: {} rows, {} records, {} of them of a row",
            counted.0,
            counted.1,
            counted.2
        );
    }
    Ok(())
}

/// Dense, linked, each leaf that of its record, each checkpoint signed and true.
fn records(conn: &Connection, log: LogKey) -> Result<()> {
    let mut frontier = Frontier::default();
    let mut roots = Vec::new();
    let mut leaf = [0; 32];
    let mut wrong = None;
    evidence::each_record(conn, log, 1, u32::MAX, |row| {
        let is_linked = Record::decode(&row.record)
            .is_ok_and(|record| record.seq == row.seq && record.prev_leaf == leaf);
        let is_right =
            row.seq == frontier.size() + 1 && is_linked && leaf_hash(&row.record) == row.leaf;
        if !is_right {
            wrong = wrong.or(Some(row.seq));
        }
        leaf = row.leaf;
        frontier.push(leaf);
        roots.push(frontier.root());
        Ok(())
    })?;
    ensure!(
        wrong.is_none(),
        "record {} does not follow",
        wrong.unwrap_or(0)
    );
    let keys = iq_store::evidence_keys::list_keys(conn, log.tenant)?;
    let keys: Vec<_> = keys
        .iter()
        .filter_map(|key| PublicKey::from_bytes(&key.public))
        .collect();
    for stored in evidence::list_checkpoints(conn, log, 0)? {
        let note = Note::parse(&stored.note).context("a checkpoint can't be read")?;
        let at = usize::try_from(stored.size)?.checked_sub(1);
        let root = at.and_then(|at| roots.get(at).copied().flatten());
        ensure!(
            root == Some(note.checkpoint.root),
            "checkpoint {} is of another log",
            stored.size
        );
        let is_signed = note.lines.iter().any(|line| {
            let mut keys = keys.iter();
            keys.any(|key| line.is_by(key, SignatureKind::Log, &note.text))
        });
        ensure!(is_signed, "checkpoint {} is not signed", stored.size);
    }
    Ok(())
}
