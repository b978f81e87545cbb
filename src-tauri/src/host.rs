//! Where the window's pages come from. An appliance that already serves the data folder leaves its
//! address in the folder's lock file; the window then attaches to it.

use std::{
    fs, io,
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};
use iq_domain::{CodedError, ErrorKind};
use serde_json::Value;
use tauri::Url;

/// The file in the data folder that says where its owner answers.
const LOCK_FILE: &str = "appliance.lock";

/// An appliance that the window shows.
pub(crate) struct Host {
    entry: Url,
}

impl Host {
    /// Attaches to the appliance of this data folder.
    pub(crate) fn attach_or_start(data_dir: &Path, _port: Option<u16>) -> Result<Self> {
        if let Some(entry) = running(data_dir)? {
            return Ok(Self { entry });
        }
        Err(
            CodedError::new(ErrorKind::Unavailable, "desktop.no_appliance")
                .with("folder", data_dir.display())
                .into(),
        )
    }

    /// The address that binds this window once; afterwards it leads to the sign-in page.
    pub(crate) fn entry(&self) -> Url {
        self.entry.clone()
    }

    /// Stops what this process started.
    pub(crate) fn stop(self) {}
}

/// The address of an appliance that serves this folder now; `None` when there is none.
fn running(data_dir: &Path) -> Result<Option<Url>> {
    let path = data_dir.join(LOCK_FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("{} can't be read", path.display()))?,
    };
    // An owner that is still starting has written nothing yet.
    let Ok(owner) = serde_json::from_str::<Value>(&text) else {
        return Ok(None);
    };
    let Some(url) = owner["url"].as_str() else {
        return Ok(None);
    };
    let url = Url::parse(url)?;
    // A crash leaves the file behind: only an open port counts.
    Ok(answers(&url).then_some(url))
}

fn answers(url: &Url) -> bool {
    let addresses: Vec<SocketAddr> = url.socket_addrs(|| None).unwrap_or_default();
    // The file is only ever written for the machine itself.
    addresses
        .into_iter()
        .filter(|address| address.ip().is_loopback())
        .any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn folder(url: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(r#"{{"pid":1,"url":"{url}"}}"#);
        fs::write(folder.path().join(LOCK_FILE), text).unwrap();
        folder
    }

    #[test]
    fn attaches_to_an_appliance_that_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let entry = running(folder(&origin).path()).unwrap().unwrap();
        assert_eq!(entry.as_str(), format!("{origin}/"));
    }

    #[test]
    fn does_not_trust_an_address_left_by_a_crash() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(running(folder(&origin).path()).unwrap(), None);
        assert_eq!(running(tempfile::tempdir().unwrap().path()).unwrap(), None);
    }

    #[test]
    fn never_leaves_the_machine() {
        assert_eq!(running(folder("http://192.0.2.1:80").path()).unwrap(), None);
    }
}
