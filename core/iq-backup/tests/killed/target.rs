//! What is killed: `backup DATA INTO KEY` makes backups, `restore DATA FILE KEY` restores again and again, until
//! somebody ends it. A line says each time how far it has come.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of a test")]

use std::path::Path;

use iq_backup::{
    BackupKey, Opener, Request, RestoredMark, Stage, check, finish_pending, make, unpack,
};
use iq_domain::Timestamp;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (data, other) = (Path::new(&arguments[2]), Path::new(&arguments[3]));
    let key = BackupKey::load(Path::new(&arguments[4])).unwrap();
    for turn in 0.. {
        if arguments[1] == "backup" {
            make(&Request {
                data,
                into: other,
                now: Timestamp(1_790_000_000_000 + turn),
                program: "0.1.0",
                appliance: "0123456789abcdef",
                key: &key,
                passphrase: None,
            })
            .unwrap();
        } else {
            finish_pending(data).unwrap();
            let stage = Stage::begin(data).unwrap();
            let opener = Opener::Key(key.clone());
            let (header, manifest) = unpack(other, &opener, stage.folder()).unwrap();
            check(stage.folder(), &manifest).unwrap();
            let mark = RestoredMark {
                source: header.id,
                made_at: header.made_at,
                restored_at: Timestamp(1_790_000_000_000 + turn),
            };
            stage.commit(&mark, None).unwrap();
            finish_pending(data).unwrap();
        }
        println!("{turn}");
    }
}
