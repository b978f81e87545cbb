//! Tests of connectors that stand apart: the table of the conformance suite, and the peers that take
//! system packages or minutes of building that `cargo xtask test` does not ask everybody for.

use anyhow::Result;

use crate::{
    shell::{cargo, run},
    system,
};

/// Runs the conformance suite on every connector, prints its table and writes `docs/conformance.md`.
pub(crate) fn conformance(arguments: Result<()>) -> Result<()> {
    arguments?;
    let mut test = cargo();
    test.args(["test", "--workspace", "--test", "conformance"])
        .args(["--", "--nocapture"])
        .env("OPTRIA_CONFORMANCE", "write");
    run(&mut test)
}

/// The tests against a Kerberos domain with Apache, and against the mock of SQL Server's protocol.
pub(crate) fn peers(arguments: Result<()>) -> Result<()> {
    arguments?;
    system::ensure(&[system::BUILD, system::PEERS])?;
    run(cargo()
        .args(["test", "--workspace"])
        .args(["--features", "iq-tests/kerberos,iq-tests/mssql-peer"])
        .args(["--test", "kerberos", "--test", "sql_sqlserver"]))
}
