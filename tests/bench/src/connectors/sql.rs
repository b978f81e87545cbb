//! The past out of a real PostgreSQL over verified TLS, beside `psql \copy` of the same table.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};
use iq_testkit::Postgres;
use serde_json::json;

use super::{
    Options,
    reader::Order,
    table::{Measured, Round, Runs},
    tally::Tally,
};

pub(super) fn run(dir: &Path, options: &Options) -> Result<Measured> {
    let (tags, rows) = if options.quick {
        (40, 5_000)
    } else {
        (100, 20_000)
    };
    let server = Postgres::start()?;
    let names = server.history(tags, rows)?;
    let written = written(&server)?;
    let order = Order::Past {
        kind: "sql".to_owned(),
        config: json!({
            "db_type": "postgres", "host": "127.0.0.1", "port": server.port,
            "database_name": "plant", "username": "reader", "password": "read-only-7",
            "ssl_mode": "verify_full", "tls_ca": server.ca.ca_pem,
            "data_mode": "raw_table", "table_name": "history", "timestamp_column": "ts",
            "tag_column": "tag", "value_column": "value", "polling_interval_ms": 500,
            "sync_mode": "last_24h",
        }),
        tags: names,
        before_ms: i64::MAX,
    };
    let mut measured = Measured {
        what: "SQL back-fill (PostgreSQL, TLS)".to_owned(),
        written: tags as u64 * rows as u64,
        ours: Runs::new("optria"),
        peers: vec![Runs::new("psql \\copy to a file")],
        wrong: Vec::new(),
    };
    measured.check("rows of the table", written.count, measured.written);
    let file = dir.join("history.csv");
    for _ in 0..options.rounds() {
        let started = Instant::now();
        server.sql(&format!("\\copy history TO '{}' CSV", file.display()))?;
        measured.peers[0].rounds.push(Round {
            seconds: started.elapsed().as_secs_f64(),
            growth_bytes: None,
        });
        let lines = std::fs::read(&file)?
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        measured.check("psql", lines as u64, written.count);
        let reading = order.carry_out()?;
        measured.ours.rounds.push(Round::from(&reading));
        measured.check_ours(reading.tally, written);
    }
    Ok(measured)
}

/// The table as the server itself tells it.
fn written(server: &Postgres) -> Result<Tally> {
    let text = server.sql(
        "\\copy (SELECT tag, (extract(epoch FROM ts) * 1000)::bigint, value FROM history) TO STDOUT CSV",
    )?;
    let mut tally = Tally::default();
    for line in text.lines() {
        let mut cells = line.split(',');
        let mut next = || cells.next().context("a cell is missing");
        let (tag, time, value) = (next()?, next()?.parse()?, next()?.parse()?);
        tally.add(tag, time, Some(value));
    }
    Ok(tally)
}
