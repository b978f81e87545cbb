//! A network of nothing but loopback: the task starts itself again inside it, so that what runs there
//! can be asked over loopback, and nothing else can be reached.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{capture, command, run};

/// Says to the inner half what it is.
pub(crate) const INSIDE: &str = "--inside";

/// Starts this program again in a closed network, with these arguments.
pub(crate) fn again(task: &str, args: &[String]) -> Result<()> {
    let is_root = capture(command("id").arg("-u"))?.trim() == "0";
    let mut closed = command("unshare");
    closed.arg("--net");
    if !is_root {
        // A user of its own, who may set up the interface of the network that nobody else sees.
        closed.args(["--map-current-user", "--keep-caps"]);
    }
    closed
        .arg("--")
        .arg(std::env::current_exe().context("this program does not know where it lies")?)
        .args([task, INSIDE])
        .args(args);
    run(&mut closed).context(
        "nothing has been shown. Where the network could not be closed: start this as root, or allow \
         user namespaces",
    )
}

/// Loopback up, and nothing but loopback: no other interface, no route, nobody to ask for a name.
pub(crate) fn close() -> Result<()> {
    run(command("ip").args(["link", "set", "lo", "up"]))?;
    let interfaces = capture(command("ip").args(["-o", "link"]))?;
    let others: Vec<&str> = interfaces
        .lines()
        .filter(|line| line.split(": ").nth(1) != Some("lo"))
        .collect();
    ensure!(
        others.is_empty() && !interfaces.is_empty(),
        "this network has more than loopback: {others:?}"
    );
    for family in ["-4", "-6"] {
        let routes = capture(command("ip").args([family, "route"]))?;
        let leads_out = routes.lines().any(|route| !route.contains("dev lo"));
        ensure!(!leads_out, "this network has a route: {routes}");
    }
    println!("   one interface, lo; no route");
    Ok(())
}

/// A folder that is emptied first.
pub(crate) fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("{} can't be emptied", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))
}

/// What a demonstration prints at its first start: where it listens, and its platform owner.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) port: u16,
    pub(crate) owner: String,
    pub(crate) password: String,
}

impl Said {
    /// Reads lines up to the one that says that it is ready.
    pub(crate) fn read(lines: impl Iterator<Item = String>) -> Result<Self> {
        let mut found = None;
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [name, password, "(platform_owner)"] => {
                    found = Some((name.to_owned(), password.to_owned()));
                }
                ["ready", url] => {
                    let port = url.trim_end_matches('/').rsplit(':').next();
                    let port = port
                        .and_then(|port| port.parse().ok())
                        .with_context(|| format!("`{url}` names no port"))?;
                    let (owner, password) = found.context("no platform owner was named")?;
                    return Ok(Self {
                        port,
                        owner,
                        password,
                    });
                }
                _ => {}
            }
        }
        bail!("the appliance ended before it was ready; its lines above say why")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Said> {
        Said::read(text.lines().map(ToOwned::to_owned))
    }

    #[test]
    fn reads_what_a_demonstration_says() {
        let said =
            read("Demo users:\n  a@b.io  pass-1  (platform_owner)\nready http://127.0.0.1:81/");
        let expected = Said {
            port: 81,
            owner: "a@b.io".to_owned(),
            password: "pass-1".to_owned(),
        };
        assert_eq!(said.unwrap(), expected);
    }

    #[test]
    fn an_end_before_it_is_ready_is_an_error() {
        for text in ["", "ready http://127.0.0.1:81", "  a  b  (platform_owner)"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
