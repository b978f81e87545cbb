//! The service as the installed unit describes it, and what a person does on its pages.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::sandbox::Sandbox;

const USER: &str = "admin@plant.example";
const PASSWORD: &str = "correct horse battery staple";

/// What the unit says about the process.
struct Unit {
    command: String,
    user: String,
    group: String,
    umask: String,
    environment: Vec<String>,
}

impl Unit {
    fn read(text: &str) -> Result<Self> {
        let all = |key: &str| -> Vec<String> {
            let values = text
                .lines()
                .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            values.map(str::to_owned).collect()
        };
        let one = |key: &str| {
            let value = all(key).into_iter().next();
            value.with_context(|| format!("the unit has no {key}"))
        };
        Ok(Self {
            command: one("ExecStart")?,
            user: one("User")?,
            group: one("Group")?,
            umask: one("UMask")?,
            environment: all("Environment"),
        })
    }
}

/// A running service.
pub(super) struct Service {
    child: Child,
    lines: BufReader<ChildStdout>,
    url: String,
}

impl Service {
    /// Runs the unit's command as the unit's user, and returns when its pages answer.
    pub(super) fn start(sandbox: &Sandbox, unit: &str) -> Result<Self> {
        let unit = Unit::read(&std::fs::read_to_string(sandbox.path(unit))?)?;
        let pairs = unit.environment.iter();
        let environment: Vec<_> = pairs.filter_map(|pair| pair.split_once('=')).collect();
        let account = format!("{}:{}", unit.user, unit.group);
        let line = format!("umask {}; exec {}", unit.umask, unit.command);
        Self::run(sandbox, &account, &environment, &line)
    }

    /// The appliance of a person, in their home folder, as their window runs it.
    pub(super) fn of_person(sandbox: &Sandbox, name: &str) -> Result<Self> {
        let home = sandbox.sh(&format!("getent passwd {name} | cut -d: -f6"))?;
        let account = format!("{name}:{name}");
        Self::run(
            sandbox,
            &account,
            &[("HOME", &home)],
            "exec optria serve --port 0",
        )
    }

    fn run(
        sandbox: &Sandbox,
        account: &str,
        environment: &[(&str, &str)],
        line: &str,
    ) -> Result<Self> {
        let mut child = Command::new("chroot")
            .arg(format!("--userspec={account}"))
            .arg("--groups=")
            .arg(&sandbox.root)
            .args(["/bin/sh", "-c", line])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(environment.iter().copied())
            .env("OPTRIA_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("`chroot` could not be started")?;
        let mut lines = BufReader::new(child.stdout.take().context("it has no output")?);
        let mut line = String::new();
        // Ends by itself: a service that fails closes its output.
        while lines.read_line(&mut line)? > 0 {
            if let Some(url) = line.trim().strip_prefix("ready ") {
                let url = url.to_owned();
                return Ok(Self { child, lines, url });
            }
            line.clear();
        }
        bail!("the service ended before it was ready: {}", child.wait()?)
    }

    /// The user that the process runs as, as the kernel sees it.
    pub(super) fn uid(&self) -> Result<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let uid = line.and_then(|line| line.split_whitespace().next());
        Ok(uid.context("the process has no user")?.to_owned())
    }

    /// Asks it to end, as systemd does, and waits.
    pub(super) fn stop(mut self) -> Result<()> {
        crate::tools::run(
            Command::new("kill")
                .arg("-TERM")
                .arg(self.child.id().to_string()),
        )?;
        let mut rest = String::new();
        while self.lines.read_line(&mut rest)? > 0 {}
        let status = self.child.wait()?;
        ensure!(status.success(), "the service ended with {status}");
        Ok(())
    }

    /// Makes the first administrator and a site.
    pub(super) fn fill(&self, site: &str) -> Result<()> {
        let plant = json!({ "en": "Plant", "ar": "المصنع" });
        let asked = json!({
            "tenant": plant, "username": USER, "name": "Admin", "password": PASSWORD,
        });
        self.post("/api/setup", &asked, None, 201)?;
        let session = self.sign_in()?;
        let site = json!({ "code": site, "names": plant, "time_zone": "Asia/Riyadh" });
        self.post("/api/sites", &site, Some(&session), 201)?;
        Ok(())
    }

    /// Signs in with the password of the first start, and finds the site.
    pub(super) fn still_knows(&self, site: &str) -> Result<()> {
        let session = self.sign_in()?;
        let mut answer = agent()
            .get(format!("{}/api/sites", self.url))
            .header("Cookie", &session.cookie)
            .call()?;
        let sites: Value = answer.body_mut().read_json()?;
        ensure!(
            sites.to_string().contains(site),
            "the site is gone: {sites}"
        );
        Ok(())
    }

    fn sign_in(&self) -> Result<Session> {
        let asked = json!({ "username": USER, "password": PASSWORD });
        let (cookie, body) = self.post("/api/session", &asked, None, 200)?;
        Ok(Session {
            cookie: cookie.context("signing in brought no cookie")?,
            csrf: body["csrf_token"].as_str().unwrap_or_default().to_owned(),
        })
    }

    fn post(
        &self,
        path: &str,
        body: &Value,
        session: Option<&Session>,
        expected: u16,
    ) -> Result<(Option<String>, Value)> {
        let mut request = agent()
            .post(format!("{}{path}", self.url))
            .header("Origin", &self.url);
        if let Some(session) = session {
            request = request
                .header("Cookie", &session.cookie)
                .header("X-CSRF-Token", &session.csrf);
        }
        let mut answer = request.send_json(body)?;
        let status = answer.status().as_u16();
        let cookie = answer
            .headers()
            .get("set-cookie")
            .map(|c| c.to_str().map(str::to_owned));
        let cookie = cookie
            .transpose()?
            .and_then(|c| Some(c.split_once(';')?.0.to_owned()));
        let text = answer.body_mut().read_to_string()?;
        ensure!(status == expected, "{path} answered {status}: {text}");
        Ok((cookie, serde_json::from_str(&text).unwrap_or_default()))
    }
}

struct Session {
    cookie: String,
    csrf: String,
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.build().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_unit_that_is_packed() {
        let unit = Unit::read(include_str!("../../assets/optria.service")).unwrap();
        assert_eq!(unit.command, "/usr/bin/optria serve");
        assert_eq!(
            (unit.user.as_str(), unit.group.as_str()),
            ("optria", "optria")
        );
        assert_eq!(unit.umask, "0077");
        assert_eq!(unit.environment.len(), 2);
    }
}
