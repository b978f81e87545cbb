//! Where the pages of a desktop window come from: the service of this machine, the appliance that owns
//! the data folder, or, when there is neither, one of its own for as long as the window is open.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;
use iq_config::{Config, Overrides, Source};
use iq_domain::{CodedError, ErrorKind};

use crate::{Claim, LogFiles, Running, ServeOptions, Service, claim, find_service, start};

/// How long an owner that is starting may take to say where it listens.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What a window asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// The folder to show; the configuration's when absent.
    pub(crate) data_dir: Option<PathBuf>,
    /// The port of an appliance started here; the usual one, else a free one, when absent.
    pub(crate) port: Option<u16>,
}

/// An appliance that a window shows.
pub(crate) struct Host {
    /// The address that lets a window in, once; it signs nobody in.
    pub(crate) entry: String,
    /// The folder with the data that it shows.
    pub(crate) data_dir: PathBuf,
    /// Absent where it was there already, and runs on without the window.
    pub(crate) own: Option<Running>,
}

impl Host {
    /// The service with its data in `service`, unless another folder is named; else the appliance of
    /// that folder.
    pub(crate) async fn open(wish: Wish, service: &Path, log: &LogFiles) -> Result<Self> {
        let dir = wish.data_dir.map(|dir| dir.display().to_string());
        let config = Config::from_process(Overrides::new().set("OPTRIA_DATA_DIR", dir))?;
        if config.source("OPTRIA_DATA_DIR") == Source::Default
            && let Some(host) = Self::attach_to_service(service)
        {
            return Ok(host);
        }
        Self::attach_or_start(&config.data_dir, wish.port, log).await
    }

    /// Attaches to a service that proves itself. Whatever else listens on its port is shown to nobody.
    fn attach_to_service(folder: &Path) -> Option<Self> {
        match find_service(folder) {
            Service::Proven(address) => Some(Self {
                entry: address,
                data_dir: folder.to_owned(),
                own: None,
            }),
            Service::Unproven => {
                let folder = folder.display();
                eprintln!("The service of {folder} did not prove itself, and is left alone.");
                None
            }
            Service::Absent => None,
        }
    }

    /// Attaches to the appliance of this data folder, or starts one.
    async fn attach_or_start(data_dir: &Path, port: Option<u16>, log: &LogFiles) -> Result<Self> {
        let until = Instant::now() + ANNOUNCED_WITHIN;
        loop {
            match claim(data_dir)? {
                Claim::Ours(lock) => {
                    drop(lock);
                    match Self::start(data_dir, port, log).await {
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
                        entry: owner.entry,
                        data_dir: data_dir.to_owned(),
                        own: None,
                    });
                }
                Claim::Taken(None) => {}
            }
            if Instant::now() > until {
                let error = CodedError::new(ErrorKind::Unavailable, "desktop.owner_silent");
                return Err(error.with("folder", data_dir.display()).into());
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    async fn start(data_dir: &Path, port: Option<u16>, log: &LogFiles) -> Result<Self> {
        let options = |port| ServeOptions {
            data_dir: Some(data_dir.to_owned()),
            port,
            log: log.clone(),
            ..ServeOptions::default()
        };
        // The usual port keeps the page's own settings from one start to the next.
        let running = match start(options(port)).await {
            Err(error) if port.is_none() && is_port_taken(&error) => start(options(Some(0))).await,
            started => started,
        }?;
        Ok(Self {
            entry: running.handoff_url()?,
            data_dir: data_dir.to_owned(),
            own: Some(running),
        })
    }

    /// Stops what was started here; an appliance that was there already runs on.
    pub(crate) async fn stop(self) -> Result<()> {
        match self.own {
            Some(running) => running.stop().await,
            None => Ok(()),
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attaches_to_the_owner_of_the_folder_and_leaves_it_running() {
        let folder = tempfile::tempdir().unwrap();
        let Claim::Ours(mut lock) = claim(folder.path()).unwrap() else {
            panic!("not ours")
        };
        let entry = "http://127.0.0.1:9/auth/handoff?t=abc";
        lock.announce("http://127.0.0.1:9", entry).unwrap();
        let wish = Wish {
            data_dir: Some(folder.path().to_owned()),
            port: None,
        };
        let elsewhere = tempfile::tempdir().unwrap();
        let log = LogFiles::new();
        let host = Host::open(wish, elsewhere.path(), &log).await.unwrap();
        assert_eq!(host.entry, entry);
        assert!(host.own.is_none());
    }

    #[cfg(unix)]
    #[tokio::test(flavor = "multi_thread")]
    async fn attaches_to_a_service_that_proves_itself_and_leaves_it_running() {
        let folder = tempfile::tempdir().unwrap();
        let found = || Host::attach_to_service(folder.path());
        assert!(found().is_none(), "no service runs");
        let options = ServeOptions {
            data_dir: Some(folder.path().to_owned()),
            port: Some(0),
            serves_windows: true,
            ..ServeOptions::default()
        };
        let running = start(options).await.unwrap();
        let host = found().unwrap();
        assert_eq!(host.entry, running.url());
        assert!(host.own.is_none() && host.data_dir == folder.path());
        host.stop().await.unwrap();
        assert!(matches!(
            claim(folder.path()).unwrap(),
            Claim::Taken(Some(_))
        ));
        running.stop().await.unwrap();
        assert!(found().is_none(), "it has stopped");
    }

    #[cfg(unix)]
    #[test]
    fn leaves_alone_what_only_has_the_port_of_a_service() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = foreign.local_addr().unwrap();
        // Whoever connects is sent away without a word.
        std::thread::spawn(move || foreign.accept().map(drop));
        let key = folder.path().join("window.key");
        let note = format!(
            r#"{{"address":"http://{address}","key":"{}"}}"#,
            "k".repeat(43)
        );
        std::fs::write(&key, note).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o640))
            .unwrap();
        assert!(Host::attach_to_service(folder.path()).is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn starts_an_appliance_where_there_is_none_and_takes_it_away_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFiles::new();
        let host = Host::attach_or_start(folder.path(), Some(0), &log);
        let host = host.await.unwrap();
        assert!(matches!(
            claim(folder.path()).unwrap(),
            Claim::Taken(Some(_))
        ));
        assert!(host.entry.contains("/auth/handoff?t="), "{}", host.entry);
        host.stop().await.unwrap();
        assert!(matches!(claim(folder.path()).unwrap(), Claim::Ours(_)));
    }

    #[test]
    fn knows_a_taken_port_from_other_trouble() {
        let io = |kind| anyhow::Error::from(io::Error::from(kind)).context("can't be listened on");
        assert!(is_port_taken(&io(io::ErrorKind::AddrInUse)));
        assert!(!is_port_taken(&io(io::ErrorKind::PermissionDenied)));
    }
}
