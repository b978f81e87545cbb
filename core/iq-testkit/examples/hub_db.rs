//! A PostgreSQL server with the two roles of a hub, until standard input closes:
//! `cargo run -p iq-testkit --example hub_db`. Prints `ready PORT`; the database is `plant`, the owner
//! `hub_owner` (password `owner-7`), the serving role `optria_hub` (password `hub-7`).
#![allow(clippy::print_stdout)]

use std::io::Read;

use anyhow::Result;
use iq_testkit::Postgres;

fn main() -> Result<()> {
    let server = Postgres::start()?;
    server.sql(
        "CREATE ROLE hub_owner LOGIN PASSWORD 'owner-7' CREATEROLE;
         CREATE ROLE optria_hub LOGIN PASSWORD 'hub-7' NOSUPERUSER NOBYPASSRLS;
         ALTER DATABASE plant OWNER TO hub_owner;",
    )?;
    println!("ready {}", server.port);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
