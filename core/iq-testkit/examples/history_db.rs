//! A PostgreSQL server with a growing table of measured values, until standard input closes:
//! `cargo run -p iq-testkit --example history_db -- FOLDER`. The authority of its certificate is written
//! to `FOLDER/ca.pem`; the login `reader` (password `read-only-7`) may read the database `plant`.
#![allow(clippy::print_stdout)]

use std::{io::Read, path::PathBuf, sync::mpsc::channel, thread, time::Duration};

use anyhow::{Context, Result};
use iq_testkit::Postgres;

/// How often a value of each tag is added.
const EVERY: Duration = Duration::from_secs(2);

/// A pump in quiet running: tag, usual value, swing.
const TAGS: &str =
    "('P102B.VIB_DE', 2.1, 0.15), ('P102B.BRG_TEMP_DE', 61.0, 1.2), ('P102B.DIS_PRESS', 18.4, 0.3)";

/// Values of all tags at the moments of a query that gives `t`.
fn insert(moments: &str) -> String {
    format!(
        "INSERT INTO history SELECT t, tag, usual + swing * sin(extract(epoch FROM t) / 97 + usual) \
         FROM ({moments}) m(t), (VALUES {TAGS}) v(tag, usual, swing);"
    )
}

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("which folder?")?);
    let server = Postgres::start()?;
    std::fs::write(folder.join("ca.pem"), &server.ca.ca_pem)?;
    server.sql(&format!(
        "CREATE ROLE reader LOGIN PASSWORD 'read-only-7';
         CREATE TABLE history (ts timestamptz NOT NULL, tag text NOT NULL, value double precision);
         CREATE INDEX ON history (ts);
         GRANT SELECT ON history TO reader;
         {}",
        insert("SELECT generate_series(now() - interval '3 hours', now(), '20 s')")
    ))?;
    println!("ready 127.0.0.1:{}", server.port);
    let (closed, over) = channel::<()>();
    thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        drop(closed);
    });
    while over.recv_timeout(EVERY) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        server.sql(&insert("SELECT now()"))?;
    }
    Ok(())
}
