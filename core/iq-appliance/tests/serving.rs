//! The program as it serves a network: with TLS and without, with a wrong key, and what it writes into
//! its log files. Each test starts the program itself and talks to it over its port.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// Secrets of the environment that no line may hold.
const CANARIES: [(&str, &str); 4] = [
    ("SESSION_SECRET", "canary-one-canary-one-canary-one-1"),
    ("OPTRIA_HUB_KEY", "canary-two-canary-two-canary-two-2"),
    ("OPCUA_PASSWORD", "canary-three"),
    ("SMTP_URL", "smtps://u:canary-four@mail.example:465"),
];

fn optria(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_optria"));
    command
        .env("OPTRIA_DATA_DIR", data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output, String::from_utf8(said).unwrap())
}

/// A running appliance, ended with the test.
struct Appliance {
    child: Child,
    /// What it printed before it was ready.
    printed: Vec<String>,
    url: String,
}

impl Appliance {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut printed = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(url) = line.strip_prefix("ready ") {
                let url = url.to_owned();
                return Self {
                    child,
                    printed,
                    url,
                };
            }
            printed.push(line);
        }
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        child.wait().unwrap();
        panic!("it did not start: {said}");
    }

    fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// Ends it; what it wrote to its log.
    fn ended(mut self) -> String {
        self.child.kill().unwrap();
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An answer: its head and its body.
fn ask(mut stream: impl Read + Write, request: &str) -> (String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Over TLS, trusting this certificate alone.
fn encrypted(address: &str, trusted: &Path) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("optria.plant").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(client, TcpStream::connect(address).unwrap())
}

fn get(host: &str) -> String {
    format!("GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

fn post(origin: &str, path: &str, body: &str) -> String {
    let host = origin.split_once("://").unwrap().1;
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

const PASSWORD: &str = "a quiet turbine hall";

#[test]
fn over_tls_the_session_is_the_networks_secret_and_on_the_machine_itself_none_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = optria(folder.path());
    command
        .args(["serve", "--port", "0", "--allow-host", "optria.plant"])
        .env("OPTRIA_TLS", "self_signed")
        .envs(CANARIES);
    let appliance = Appliance::start(&mut command);
    assert!(
        appliance.url.starts_with("https://127.0.0.1:"),
        "{}",
        appliance.url
    );
    let trusted = folder.path().join("tls/own.crt");

    // The fingerprint that was printed is that of the command, and of the file.
    let shown = appliance.printed.last().unwrap().trim();
    let (_, said) = run(optria(folder.path())
        .args(["--lang", "en", "tls", "fingerprint"])
        .env("OPTRIA_TLS", "self_signed"));
    assert!(said.starts_with(shown) && shown.len() == 95, "{said}");
    assert!(said.contains("Names: optria.plant"), "{said}");

    let setup = format!(
        r#"{{"tenant":{{"en":"Refinery","ar":"مصفاة"}},"username":"sara","name":"Sara","password":"{PASSWORD}"}}"#
    );
    let address = appliance.address().to_owned();
    let port = address.rsplit_once(':').unwrap().1;
    let (head, body) = ask(
        encrypted(&address, &trusted),
        &post("https://optria.plant", "/api/setup", &setup),
    );
    assert!(head.starts_with("HTTP/1.1 201"), "{head} {body}");
    assert!(
        head.contains(&format!("set-cookie: __Host-optria_{port}=")),
        "{head}"
    );
    assert!(
        head.contains("; Path=/; HttpOnly; SameSite=Lax; Secure\r\n"),
        "{head}"
    );
    assert!(
        head.contains("strict-transport-security: max-age=31536000\r\n"),
        "{head}"
    );
    assert!(!head.contains("Domain="), "{head}");

    // The same port, from this machine, without TLS: an ordinary cookie and no word of https.
    let sign_in = format!(r#"{{"username":"sara","password":"{PASSWORD}"}}"#);
    let plain = post(&format!("http://{address}"), "/api/session", &sign_in);
    let (head, body) = ask(TcpStream::connect(&address).unwrap(), &plain);
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    assert!(
        head.contains(&format!("set-cookie: optria_{port}=")),
        "{head}"
    );
    assert!(
        !head.contains("Secure") && !head.contains("strict-transport"),
        "{head}"
    );
    // A browser is not told to insist on https for whatever else answers on its own machine.
    let (head, _) = ask(encrypted(&address, &trusted), &get(&address));
    assert!(
        head.starts_with("HTTP/1.1 200") && !head.contains("strict-transport"),
        "{head}"
    );

    appliance.ended();
    let log = fs::read_to_string(folder.path().join("logs/optria.log")).unwrap();
    assert!(log.contains("The appliance is ready."), "{log}");
    assert!(!log.contains("canary") && !log.contains(PASSWORD), "{log}");
    assert!(!log.contains('\u{1b}'), "colours in a file: {log}");
    let archive = folder.path().join("logs.zip");
    let (output, said) = run(optria(folder.path())
        .args(["--lang", "ar", "logs", "export"])
        .arg(&archive));
    assert!(output.status.success(), "{said}");
    assert!(fs::read(&archive).unwrap().starts_with(b"PK"));
}

#[test]
fn without_tls_on_the_network_the_start_warns_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = optria(folder.path());
    command
        .args(["serve", "--port", "0"])
        .env("OPTRIA_LISTEN", "0.0.0.0:0")
        .env("OPTRIA_LOG_MAX_MB", "0");
    let appliance = Appliance::start(&mut command);
    assert!(
        appliance.url.starts_with("http://127.0.0.1:"),
        "{}",
        appliance.url
    );
    let said = appliance.ended();
    assert!(
        said.contains("WARNING: the pages are open to the network"),
        "{said}"
    );
    assert!(said.contains("تحذير: الصفحات مفتوحة على الشبكة"), "{said}");
    assert!(!folder.path().join("logs").exists());
    let closed = Appliance::start(optria(folder.path()).args(["serve", "--port", "0"])).ended();
    assert!(!closed.contains("WARNING"), "{closed}");
}

#[cfg(unix)]
#[test]
fn a_window_of_the_machine_finds_the_service_while_it_runs() {
    use iq_appliance::{Service, find_service};

    let folder = tempfile::tempdir().unwrap();
    let appliance = Appliance::start(optria(folder.path()).args(["serve", "--port", "0"]));
    let proven = Service::Proven(appliance.url.clone());
    assert_eq!(find_service(folder.path()), proven);
    // Killed, it leaves its key behind: nobody answers with it.
    appliance.ended();
    assert_eq!(find_service(folder.path()), Service::Unproven);
}

fn pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["optria.plant".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let (at, key_at) = (folder.join(name), folder.join(format!("{name}.key")));
    fs::write(&at, certificate.pem()).unwrap();
    fs::write(&key_at, key.serialize_pem()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&key_at, fs::Permissions::from_mode(0o600)).unwrap();
    }
    (at, key_at)
}

#[test]
fn a_key_that_does_not_fit_stops_the_start_and_says_so_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let ((good, key), (_, other)) = (pair(folder.path(), "good"), pair(folder.path(), "other"));
    let data = folder.path().join("data");
    for (language, word) in [("en", "does not belong"), ("ar", "لا يخص")] {
        let (output, said) = run(optria(&data)
            .args(["--lang", language, "serve", "--port", "0"])
            .env("OPTRIA_TLS", "files")
            .env("OPTRIA_TLS_CERT", &good)
            .env("OPTRIA_TLS_KEY", &other));
        assert!(!output.status.success());
        assert!(
            said.contains(word) && said.contains("[tls.key_mismatch]"),
            "{said}"
        );
    }
    // Why it did not start is in the log file too.
    let log = fs::read_to_string(data.join("logs/optria.log")).unwrap();
    assert!(log.contains("tls.key_mismatch"), "{log}");
    let (output, said) = run(optria(&data).args(["tls", "check"]).args([&good, &other]));
    assert!(
        !output.status.success() && said.contains("[tls.key_mismatch]"),
        "{said}"
    );

    let mut command = optria(&data);
    command
        .args(["serve", "--port", "0", "--allow-host", "optria.plant"])
        .env("OPTRIA_TLS", "files")
        .env("OPTRIA_TLS_CERT", &good)
        .env("OPTRIA_TLS_KEY", &key);
    let appliance = Appliance::start(&mut command);
    let (head, _) = ask(encrypted(appliance.address(), &good), &get("optria.plant"));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[test]
fn a_request_for_a_certificate_is_printed_and_its_key_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (output, said) = run(optria(folder.path()).args([
        "--lang",
        "en",
        "tls",
        "request",
        "--name",
        "optria.plant",
    ]));
    let request = String::from_utf8(output.stdout).unwrap();
    assert!(
        request.starts_with("-----BEGIN CERTIFICATE REQUEST-----"),
        "{request}"
    );
    assert!(said.contains("optria_tls = \"files\""), "{said}");
    let key = folder.path().join("tls/server.key");
    assert!(fs::read_to_string(&key).unwrap().contains("PRIVATE KEY"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&key).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
    let (output, said) = run(optria(folder.path()).args(["--lang", "en", "tls", "fingerprint"]));
    assert!(
        !output.status.success() && said.contains("[tls.none]"),
        "{said}"
    );
}
