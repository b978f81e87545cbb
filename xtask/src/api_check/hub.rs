//! The same for a hub: a throw-away Postgres, migrated; the first platform owner, ready to work; a demo
//! organisation, so that there is something to ask for; one instance.

use std::{fs, path::Path, process::Stdio, sync::atomic::AtomicBool};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Options, Target, ask, requirements, still_runs};
use crate::{
    closed::{self, Said},
    hub::{OWNER, SERVES, as_role, database, wait_until_ready},
    measure::Ledger,
    python,
    run::Running,
    shell::{capture, command, root, run},
};

/// Any does: the network is the task's own.
const PORT: u16 = 8091;
const NAME: &str = "owner";
/// Not drawn. What appliances say to a hub is CBOR under a signature of theirs: a drawn body is refused before
/// it is read, and those who read it are fuzzed (`fuzz/`). Signing in through a provider answers with the way
/// to somebody else's page, which requests would follow out of what is asked here.
const LEFT_OUT: [&str; 2] = ["/sync/v1/", "/auth/sso/"];

pub(super) fn inside(options: &Options, program: &Path, folder: &Path) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    ledger.must("the network is closed", closed::close)?;
    let (database, port) = ledger.must("a database starts", database)?;
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let as_serving = || as_role(program, SERVES, port, &data);
    let password = ledger.must("it is migrated and has an owner", || {
        run(as_role(program, OWNER, port, &data).arg("migrate"))?;
        let said = capture(as_serving().args(["--lang", "en", "bootstrap", "--username", NAME]))?;
        password_of(&said)
    })?;
    let mut hub = ledger.must("a hub serves", || {
        run(as_serving().arg("demo").stdout(Stdio::null()))?;
        let mut serve = as_serving();
        serve
            .args(["serve", "--listen", &format!("127.0.0.1:{PORT}")])
            .env("OPTRIA_LOG", "error")
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log"))?);
        let mut hub = Running::start("hub", serve)?;
        wait_until_ready(PORT, Some(&mut hub), &AtomicBool::new(false))?;
        Ok(hub)
    })?;
    let (said, told) = ledger.must("the owner is ready to work", || ready(&password))?;
    ledger.tally("requests from the document", || {
        let target = Target {
            said: &said,
            told,
            exclude: vec!["--exclude-path-regex", "^/(sync/v1|auth/sso)/"],
            left_out: left_out(&document()?)?,
        };
        ask(options, folder, &target)
    });
    ledger.tally("it still runs, and nothing panicked", || {
        still_runs(&mut hub, PORT, folder)
    });
    // Who writes to the database goes before it.
    drop(hub);
    drop(database);
    Ok(ledger)
}

/// What `bootstrap` prints ends with the password.
fn password_of(said: &str) -> Result<String> {
    let password = said.trim_end().rsplit(": ").next();
    let password = password.filter(|word| !word.is_empty() && !word.contains(char::is_whitespace));
    Ok(password
        .context("`bootstrap` named no password")?
        .to_owned())
}

/// Changes the one-time password and sets up the second factor, which a platform owner must.
fn ready(password: &str) -> Result<(Said, Vec<(&'static str, String)>)> {
    let mut script = command(python::environment(&requirements())?.join("python"));
    script
        .arg(root().join("tests/api/owner.py"))
        .env("OPTRIA_CHECK_URL", format!("http://127.0.0.1:{PORT}"))
        .env("OPTRIA_CHECK_USER", NAME)
        .env("OPTRIA_CHECK_PASSWORD", password);
    let found: Value = serde_json::from_str(&capture(&mut script)?)?;
    let text = |key: &str| {
        let text = found[key].as_str().map(ToOwned::to_owned);
        text.with_context(|| format!("the owner has no {key}"))
    };
    let said = Said {
        port: PORT,
        owner: NAME.to_owned(),
        password: text("password")?,
    };
    let told = vec![
        ("OPTRIA_CHECK_COOKIE", format!("optria_hub_{PORT}")),
        ("OPTRIA_CHECK_TOTP", text("secret")?),
        ("OPTRIA_CHECK_TOTP_STEP", found["step"].to_string()),
    ];
    Ok((said, told))
}

fn document() -> Result<Value> {
    let text = fs::read_to_string(root().join("core/iq-hub/openapi.json"))?;
    Ok(serde_json::from_str(&text)?)
}

/// How many operations of the document are not drawn.
fn left_out(document: &Value) -> Result<u64> {
    let paths = document["paths"].as_object();
    let paths = paths.context("the document has no paths")?;
    let operations = paths
        .iter()
        .filter(|(path, _)| LEFT_OUT.iter().any(|start| path.starts_with(start)))
        .filter_map(|(_, operations)| operations.as_object())
        .map(serde_json::Map::len)
        .sum::<usize>();
    Ok(u64::try_from(operations)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_password_that_is_shown_once() {
        let said = "Platform owner owner\nOne-time password (shown once): a1-b2-c3\n";
        assert_eq!(password_of(said).unwrap(), "a1-b2-c3");
        assert!(password_of("error").is_ok_and(|word| word == "error"));
        for said in ["", "something went wrong"] {
            assert!(password_of(said).is_err(), "{said}");
        }
    }

    #[test]
    fn leaves_out_what_appliances_and_providers_ask_and_nothing_else() {
        let one = serde_json::json!({"get": {}, "post": {}});
        let document = serde_json::json!({"paths": {
            "/sync/v1/batch": one, "/auth/sso/callback": {"get": {}}, "/api/sync/v1/x": one,
        }});
        assert_eq!(left_out(&document).unwrap(), 3);
        assert!(left_out(&Value::Null).is_err());
        assert_eq!(left_out(&super::document().unwrap()).unwrap(), 7);
    }
}
