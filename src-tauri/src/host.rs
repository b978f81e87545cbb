//! Where the window's pages come from: the appliance that owns the data folder, or, when there is
//! none, one that runs in this process for as long as the window is open.

use std::{
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use iq_appliance::{Claim, Running, ServeOptions, claim, start};
use iq_domain::{CodedError, ErrorKind};
use tauri::Url;
use tokio::runtime::Runtime;

/// How long an owner that is starting may take to say where it listens.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(60);

/// An appliance that the window shows.
pub(crate) struct Host {
    entry: Url,
    own: Option<(Runtime, Running)>,
}

impl Host {
    /// Attaches to the appliance of this data folder, or starts one.
    pub(crate) fn attach_or_start(data_dir: &Path, port: Option<u16>) -> Result<Self> {
        let until = Instant::now() + ANNOUNCED_WITHIN;
        loop {
            match claim(data_dir)? {
                Claim::Ours(lock) => {
                    drop(lock);
                    match Self::start(data_dir, port) {
                        // Another one may have claimed the folder in between; then attach to it.
                        Err(error) if matches!(claim(data_dir)?, Claim::Ours(_)) => {
                            return Err(error);
                        }
                        Err(_) => {}
                        started => return started,
                    }
                }
                Claim::Taken(Some(owner)) => {
                    return Ok(Self {
                        entry: Url::parse(&owner.entry)?,
                        own: None,
                    });
                }
                Claim::Taken(None) => {}
            }
            if Instant::now() > until {
                let error = CodedError::new(ErrorKind::Unavailable, "desktop.owner_silent");
                return Err(error.with("folder", data_dir.display()).into());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn start(data_dir: &Path, port: Option<u16>) -> Result<Self> {
        let runtime = Runtime::new().context("no threads for the appliance")?;
        let options = |port| ServeOptions {
            data_dir: Some(data_dir.to_owned()),
            port,
            ..ServeOptions::default()
        };
        let running = runtime.block_on(async {
            // The usual port keeps the page's own settings from one start to the next.
            match start(options(port)).await {
                Err(error) if port.is_none() && is_port_taken(&error) => {
                    start(options(Some(0))).await
                }
                started => started,
            }
        })?;
        let entry = Url::parse(&running.handoff_url()?)?;
        Ok(Self {
            entry,
            own: Some((runtime, running)),
        })
    }

    /// The address that lets this window in, once; it signs nobody in.
    pub(crate) fn entry(&self) -> Url {
        self.entry.clone()
    }

    /// Stops what this process started; an appliance it only attached to runs on.
    pub(crate) fn stop(self) {
        if let Some((runtime, running)) = self.own
            && let Err(error) = runtime.block_on(running.stop())
        {
            eprintln!("The appliance did not stop cleanly: {error:#}");
        }
    }
}

fn is_port_taken(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attaches_to_the_owner_of_the_folder_and_leaves_it_running() {
        let folder = tempfile::tempdir().unwrap();
        let Claim::Ours(mut lock) = claim(folder.path()).unwrap() else {
            panic!("not ours")
        };
        let entry = "http://127.0.0.1:9/auth/handoff?t=abc";
        lock.announce("http://127.0.0.1:9", entry).unwrap();
        let host = Host::attach_or_start(folder.path(), None).unwrap();
        assert_eq!(host.entry().as_str(), entry);
        assert!(host.own.is_none());
    }

    #[test]
    fn starts_an_appliance_where_there_is_none_and_takes_it_away_again() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::attach_or_start(folder.path(), Some(0)).unwrap();
        assert!(matches!(
            claim(folder.path()).unwrap(),
            Claim::Taken(Some(_))
        ));
        assert_eq!(host.entry().path(), "/auth/handoff");
        host.stop();
        assert!(matches!(claim(folder.path()).unwrap(), Claim::Ours(_)));
    }

    #[test]
    fn knows_a_taken_port_from_other_trouble() {
        let io = |kind| anyhow::Error::from(io::Error::from(kind)).context("can't be listened on");
        assert!(is_port_taken(&io(io::ErrorKind::AddrInUse)));
        assert!(!is_port_taken(&io(io::ErrorKind::PermissionDenied)));
    }
}
