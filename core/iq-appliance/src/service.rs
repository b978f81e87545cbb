//! How a window finds the service of its machine, and knows it for what it is. The service writes a
//! key into its data folder that its group may read; the window believes that file only where nobody
//! but the service can have written it, and the port only once it answered a challenge with that key.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use iq_auth::WindowKey;
use serde_json::{Value, json};

/// The data folder of the service that the packages install.
pub const SERVICE_FOLDER: &str = "/var/lib/optria";
const FILE: &str = iq_backup::WINDOW_KEY;
/// Far more than a key file or an answer holds.
const MOST_BYTES: u64 = 4_096;
/// A service that does not answer in this time is none to a person who waits for a window.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What a window finds in the place of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// None runs, or this person may not read its key.
    Absent,
    /// Something is there that did not prove to be the service.
    Unproven,
    /// The service; its pages are at this address.
    Proven(String),
}

/// The key file of a running service; gone with this.
pub(crate) struct Published(PathBuf);

impl Drop for Published {
    fn drop(&mut self) {
        // A file that stays is of no use: nobody answers with its key any more.
        drop(fs::remove_file(&self.0));
    }
}

/// Writes the key to where windows of this machine look for it.
pub(crate) fn publish(data_dir: &Path, address: &str, key: &WindowKey) -> Result<Published> {
    let path = data_dir.join(FILE);
    let half = data_dir.join(format!("{FILE}.partial"));
    let note = json!({ "address": address, "key": key.text().expose() }).to_string();
    let told = || format!("{} can't be written", path.display());
    write_for_group(&half, note.as_bytes()).with_context(told)?;
    fs::rename(&half, &path).with_context(told)?;
    Ok(Published(path))
}

fn write_for_group(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a crash left behind; where there is none, there is nothing to do.
    drop(fs::remove_file(path));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o640);
    }
    let mut file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The mask of the service takes the group's right away.
        file.set_permissions(fs::Permissions::from_mode(0o640))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Looks for the service whose data are in `folder`, and has it prove itself.
#[must_use]
pub fn find_service(folder: &Path) -> Service {
    let Some((of_folder, file)) = open(folder) else {
        return Service::Absent;
    };
    match read(&of_folder, file) {
        Some((address, key)) if proves_itself(&address, &key) => Service::Proven(address),
        _ => Service::Unproven,
    }
}

/// The key file, where there is one that may be read.
fn open(folder: &Path) -> Option<(Metadata, File)> {
    let of_folder = fs::metadata(folder).ok()?;
    let path = folder.join(FILE);
    // What is no plain file is not opened: a pipe would keep the window waiting.
    if !fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    Some((of_folder, File::open(path).ok()?))
}

fn read(of_folder: &Metadata, file: File) -> Option<(String, WindowKey)> {
    if !is_the_services_own(of_folder, &file.metadata().ok()?) {
        return None;
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    let note: Value = serde_json::from_str(&text).ok()?;
    let key = WindowKey::parse(note["key"].as_str()?)?;
    Some((note["address"].as_str()?.to_owned(), key))
}

/// Whether nobody but the owner of the folder can have written the file, and nobody outside its group
/// can have read it.
#[cfg(unix)]
fn is_the_services_own(folder: &Metadata, file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    folder.mode() & 0o022 == 0 && file.mode() & 0o027 == 0 && folder.uid() == file.uid()
}

#[cfg(not(unix))]
fn is_the_services_own(_folder: &Metadata, _file: &Metadata) -> bool {
    false
}

fn proves_itself(address: &str, key: &WindowKey) -> bool {
    let Ok(challenge) = WindowKey::challenge() else {
        return false;
    };
    ask(address, &challenge).is_some_and(|proof| key.is_answer(address, &challenge, &proof))
}

/// Asks whoever listens; nothing secret is sent.
fn ask(address: &str, challenge: &str) -> Option<String> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // It is this machine: no proxy stands between.
        .proxy(None)
        .timeout_global(Some(ANSWER_WITHIN))
        .build();
    let agent: ureq::Agent = config.into();
    let url = format!("{address}/auth/window?challenge={challenge}");
    let mut response = agent.get(url).call().ok()?;
    if response.status() != 200 {
        return None;
    }
    let body = response.body_mut().with_config().limit(MOST_BYTES);
    let answer: Value = serde_json::from_str(&body.read_to_string().ok()?).ok()?;
    Some(answer["proof"].as_str()?.to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        net::TcpListener,
        os::unix::fs::PermissionsExt,
        thread,
    };

    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        mode(folder.path(), 0o750);
        folder
    }

    /// Answers one challenge with what `answer` makes of address and challenge.
    fn answering(answer: impl FnOnce(&str, &str) -> String + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let own = address.clone();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            assert!(lines.map_while(Result::ok).any(|line| line.is_empty()));
            let (_, rest) = first.split_once("challenge=").unwrap();
            let (challenge, _) = rest.split_once(' ').unwrap();
            let body = answer(&own, challenge);
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            // Whoever asks does not read more than an answer can be.
            drop(stream.write_all(format!("{head}{body}").as_bytes()));
        });
        address
    }

    fn proof(text: &str) -> String {
        json!({ "proof": text }).to_string()
    }

    #[test]
    fn a_service_that_holds_the_key_proves_itself() {
        let (folder, key) = (folder(), WindowKey::random().unwrap());
        let own = key.clone();
        let address = answering(move |address, asked| proof(&own.answer(address, asked).unwrap()));
        let published = publish(folder.path(), &address, &key).unwrap();
        let file = folder.path().join(FILE);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(find_service(folder.path()), Service::Proven(address));
        drop(published);
        assert!(!file.exists());
        assert_eq!(find_service(folder.path()), Service::Absent);
    }

    #[test]
    fn whoever_else_answers_is_no_service() {
        let others: [fn(&str, &str) -> String; 4] = [
            // Another key.
            |address, asked| proof(&WindowKey::random().unwrap().answer(address, asked).unwrap()),
            // A process that took the port and knows nothing.
            |_, asked| proof(asked),
            |_, _| "<html></html>".to_owned(),
            |_, _| "x".repeat(100_000),
        ];
        for other in others {
            let (folder, key) = (folder(), WindowKey::random().unwrap());
            let address = answering(other);
            let _published = publish(folder.path(), &address, &key).unwrap();
            assert_eq!(find_service(folder.path()), Service::Unproven);
        }
    }

    #[test]
    fn an_answer_that_was_fetched_from_the_service_elsewhere_proves_nothing() {
        let (folder, key) = (folder(), WindowKey::random().unwrap());
        let own = key.clone();
        let elsewhere = "http://127.0.0.1:8090";
        let address = answering(move |_, asked| proof(&own.answer(elsewhere, asked).unwrap()));
        let _published = publish(folder.path(), &address, &key).unwrap();
        assert_eq!(find_service(folder.path()), Service::Unproven);
    }

    #[test]
    fn a_key_that_a_stopped_service_left_behind_leads_nowhere() {
        let (folder, key) = (folder(), WindowKey::random().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let _published = publish(folder.path(), &address, &key).unwrap();
        assert_eq!(find_service(folder.path()), Service::Unproven);
    }

    #[test]
    fn a_key_that_others_may_have_written_or_read_is_not_believed() {
        for (of_folder, of_file) in [
            (0o770, 0o640),
            (0o757, 0o640),
            (0o750, 0o660),
            (0o750, 0o644),
        ] {
            let (folder, key) = (folder(), WindowKey::random().unwrap());
            // Nobody listens there, and nobody is asked.
            let _published = publish(folder.path(), "http://127.0.0.1:9", &key).unwrap();
            mode(&folder.path().join(FILE), of_file);
            mode(folder.path(), of_folder);
            let (of_folder, file) = open(folder.path()).unwrap();
            assert!(read(&of_folder, file).is_none());
        }
    }

    #[test]
    fn what_is_no_key_file_is_none() {
        let folder = folder();
        assert_eq!(find_service(folder.path()), Service::Absent);
        assert_eq!(find_service(&folder.path().join("none")), Service::Absent);
        fs::create_dir(folder.path().join(FILE)).unwrap();
        assert_eq!(find_service(folder.path()), Service::Absent);
        fs::remove_dir(folder.path().join(FILE)).unwrap();
        for text in [
            "",
            "{}",
            r#"{"address":"http://127.0.0.1:9","key":"short"}"#,
        ] {
            write_for_group(&folder.path().join(FILE), text.as_bytes()).unwrap();
            assert_eq!(find_service(folder.path()), Service::Unproven, "{text}");
        }
    }
}
