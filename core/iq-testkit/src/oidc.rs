//! OpenID providers for the tests of signing in: a certified one as it is, one that misbehaves on
//! demand, and a person at their pages.

use std::{collections::BTreeMap, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use ureq::Agent;

use crate::{Peer, node_project};

const PATIENCE: Duration = Duration::from_secs(180);

fn peer(script: &str, port: u16, more: &str) -> Result<Peer> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
    let mut command = Command::new("node");
    command
        .arg(node_project(&folder, script)?)
        .arg(format!("--port={port}"))
        .arg(more);
    Peer::start(command, "ready", PATIENCE)
}

/// A provider.
pub struct OidcProvider(Peer);

impl OidcProvider {
    /// A certified one. It knows the client "optria" and sends people back to this address.
    ///
    /// # Errors
    /// When it can't be installed or started.
    pub fn certified(port: u16, callback: &str) -> Result<Self> {
        let redirect = format!("--redirect={callback}");
        Ok(Self(peer("oidc_provider.mjs", port, &redirect)?))
    }

    /// One that misbehaves on demand. Its issuer ends in this path.
    ///
    /// # Errors
    /// When it can't be installed or started.
    pub fn stub(port: u16, path: &str) -> Result<Self> {
        let path = format!("--path={path}");
        Ok(Self(peer("oidc_stub.mjs", port, &path)?))
    }

    /// Tells it a line of its script, and waits for this word.
    ///
    /// # Errors
    /// When it is gone.
    pub fn told(&mut self, line: &str, answer: &str) -> Result<()> {
        self.0.say(line)?;
        self.0.wait_for(answer, PATIENCE)?;
        Ok(())
    }
}

/// A person at a provider's pages: signs in by name, consents, and is sent back to the callback.
///
/// # Errors
/// When the pages lead elsewhere.
pub fn walk(start: &str, login: &str, callback: &str) -> Result<String> {
    let agent: Agent = Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into();
    let origin: String = start.split('/').take(3).collect::<Vec<_>>().join("/");
    let absolute = |to: &str| match to.strip_prefix('/') {
        Some(path) => format!("{origin}/{path}"),
        None => to.to_owned(),
    };
    let mut jar: BTreeMap<String, String> = BTreeMap::new();
    let (mut address, mut form) = (start.to_owned(), None::<String>);
    for _ in 0..20 {
        let cookies: Vec<String> = jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let cookies = cookies.join("; ");
        let mut answer = match form.take() {
            None => agent.get(&address).header("cookie", &cookies).call()?,
            Some(body) => agent
                .post(&address)
                .header("cookie", &cookies)
                .header("content-type", "application/x-www-form-urlencoded")
                .send(body)?,
        };
        for value in answer.headers().get_all("set-cookie") {
            let pair = value.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie without a name")?;
            jar.insert(name.to_owned(), value.to_owned());
        }
        if let Some(to) = answer.headers().get("location") {
            let to = absolute(to.to_str()?);
            if to.starts_with(callback) {
                return Ok(to);
            }
            address = to;
            continue;
        }
        let page = answer.body_mut().read_to_string()?;
        let between = |start: &str| {
            let rest = page.split_once(start)?.1;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let Some(action) = between("action=\"") else {
            bail!("{} {address}: {page}", answer.status());
        };
        let prompt = between("name=\"prompt\" value=\"").unwrap_or_default();
        form = Some(format!("prompt={prompt}&login={login}&password=any"));
        address = absolute(&action);
    }
    bail!("the provider leads in circles")
}
