//! A data folder whose every file says of which generation it is.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::Path;

use iq_backup::{BackupKey, Made, Request, make};
use iq_domain::Timestamp;
use rusqlite::Connection;

pub(crate) const APPLIANCE: &str = "0123456789abcdef";
pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000_000);
const ROWS: i64 = 2_000;

pub(crate) struct Folder {
    pub(crate) root: tempfile::TempDir,
    data: std::path::PathBuf,
    pub(crate) key: BackupKey,
}

impl Folder {
    pub(crate) fn filled(generation: i64) -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        std::fs::create_dir_all(data.join("pki/trusted")).unwrap();
        let key = BackupKey::load_or_create(&root.path().join("kept.key")).unwrap();
        let folder = Self { root, data, key };
        folder.become_generation(generation);
        folder
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn become_generation(&self, generation: i64) {
        for name in ["master.key", "pki/trusted/a.der", "checkpoints"] {
            let path = self.data.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{name} of {generation}")).unwrap();
        }
        for name in iq_backup::DATABASES {
            let conn = open(&self.data.join(name));
            conn.execute_batch("CREATE TABLE IF NOT EXISTS fact (id INTEGER PRIMARY KEY, of INTEGER, text TEXT); DELETE FROM fact;").unwrap();
            let tx = conn.unchecked_transaction().unwrap();
            let mut random = 0x5eed_u64;
            for id in 0..ROWS {
                let mut text = format!("{id} of {generation} and some length");
                // What can be made shorter would leave a single frame.
                for _ in 0..12 {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    text.push_str(&format!("{random:016x}"));
                }
                tx.execute("INSERT INTO fact VALUES (?, ?, ?)", (id, generation, text))
                    .unwrap();
            }
            tx.commit().unwrap();
        }
    }

    pub(crate) fn make(&self) -> Made {
        make(&Request {
            data: &self.data,
            into: &self.root.path().join("out"),
            now: NOW,
            program: "0.1.0",
            appliance: APPLIANCE,
            key: &self.key,
            passphrase: None,
        })
        .unwrap()
    }

    pub(crate) fn clear_aside(&self) {
        for entry in std::fs::read_dir(&self.data).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with("before-restore-") {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
    }
}

pub(crate) fn open(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        .unwrap();
    conn
}

/// The generation all files of a folder agree on.
pub(crate) fn generation(data: &Path) -> Option<i64> {
    let mut found = Vec::new();
    for name in iq_backup::DATABASES {
        let conn = open(&data.join(name));
        let sql = "SELECT min(of), max(of), count(*) FROM fact";
        let row: (i64, i64, i64) = conn
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .ok()?;
        found.extend([row.0, row.1]);
        if row.2 != ROWS {
            return None;
        }
    }
    for name in ["master.key", "pki/trusted/a.der", "checkpoints"] {
        let text = std::fs::read_to_string(data.join(name)).ok()?;
        found.push(text.strip_prefix(&format!("{name} of "))?.parse().ok()?);
    }
    found.dedup();
    (found.len() == 1).then(|| found[0])
}
