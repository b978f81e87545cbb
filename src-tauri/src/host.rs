//! Where the window's pages come from: the service of this machine, the appliance that owns the data
//! folder, or, when there is neither, one that runs in this process for as long as the window is open.

use std::{
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use iq_appliance::{Claim, LogFiles, Running, ServeOptions, Service, claim, find_service, start};
use iq_domain::{CodedError, ErrorKind};
use tauri::Url;
use tokio::runtime::Runtime;

use crate::options::Options;

/// How long an owner that is starting may take to say where it listens.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(60);

/// An appliance that the window shows.
pub(crate) struct Host {
    entry: Url,
    data_dir: PathBuf,
    own: Option<(Runtime, Running)>,
}

impl Host {
    /// The service with its data in `service`, unless another folder is named; else the appliance of
    /// that folder.
    pub(crate) fn open(options: &Options, service: &Path, log: &LogFiles) -> Result<Self> {
        if !options.names_a_folder()?
            && let Some(host) = Self::attach_to_service(service)?
        {
            return Ok(host);
        }
        Self::attach_or_start(&options.data_dir()?, options.port, log)
    }

    /// Attaches to a service that proves itself. Whatever else listens on its port is shown to nobody.
    fn attach_to_service(folder: &Path) -> Result<Option<Self>> {
        match find_service(folder) {
            Service::Proven(address) => Ok(Some(Self {
                entry: Url::parse(&address)?,
                data_dir: folder.to_owned(),
                own: None,
            })),
            Service::Unproven => {
                let folder = folder.display();
                eprintln!("The service of {folder} did not prove itself, and is left alone.");
                Ok(None)
            }
            Service::Absent => Ok(None),
        }
    }

    /// Attaches to the appliance of this data folder, or starts one.
    fn attach_or_start(data_dir: &Path, port: Option<u16>, log: &LogFiles) -> Result<Self> {
        let until = Instant::now() + ANNOUNCED_WITHIN;
        loop {
            match claim(data_dir)? {
                Claim::Ours(lock) => {
                    drop(lock);
                    match Self::start(data_dir, port, log) {
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
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn start(data_dir: &Path, port: Option<u16>, log: &LogFiles) -> Result<Self> {
        let runtime = Runtime::new().context("no threads for the appliance")?;
        let options = |port| ServeOptions {
            data_dir: Some(data_dir.to_owned()),
            port,
            log: log.clone(),
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
            data_dir: data_dir.to_owned(),
            own: Some((runtime, running)),
        })
    }

    /// The address that lets this window in, once; it signs nobody in.
    pub(crate) fn entry(&self) -> Url {
        self.entry.clone()
    }

    /// The folder with the data that it shows.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
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
        let host = Host::attach_or_start(folder.path(), None, &LogFiles::new()).unwrap();
        assert_eq!(host.entry().as_str(), entry);
        assert!(host.own.is_none());
    }

    #[cfg(unix)]
    #[test]
    fn attaches_to_a_service_that_proves_itself_and_leaves_it_running() {
        let folder = tempfile::tempdir().unwrap();
        let found = || Host::attach_to_service(folder.path()).unwrap();
        assert!(found().is_none(), "no service runs");
        let runtime = Runtime::new().unwrap();
        let options = ServeOptions {
            data_dir: Some(folder.path().to_owned()),
            port: Some(0),
            serves_windows: true,
            ..ServeOptions::default()
        };
        let running = runtime.block_on(start(options)).unwrap();
        let host = found().unwrap();
        assert_eq!(host.entry().origin().ascii_serialization(), running.url());
        assert!(host.own.is_none() && host.data_dir() == folder.path());
        host.stop();
        assert!(matches!(
            claim(folder.path()).unwrap(),
            Claim::Taken(Some(_))
        ));
        runtime.block_on(running.stop()).unwrap();
        assert!(found().is_none(), "it has stopped");
    }

    #[cfg(unix)]
    #[test]
    fn leaves_alone_what_only_has_the_port_of_a_service() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = foreign.local_addr().unwrap();
        // Whoever connects is sent away without a word.
        thread::spawn(move || foreign.accept().map(drop));
        let key = folder.path().join("window.key");
        let note = format!(
            r#"{{"address":"http://{address}","key":"{}"}}"#,
            "k".repeat(43)
        );
        std::fs::write(&key, note).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o640))
            .unwrap();
        assert!(Host::attach_to_service(folder.path()).unwrap().is_none());
    }

    #[test]
    fn starts_an_appliance_where_there_is_none_and_takes_it_away_again() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::attach_or_start(folder.path(), Some(0), &LogFiles::new()).unwrap();
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
