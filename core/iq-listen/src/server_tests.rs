//! A real port and real clients: what they see with and without trust, from this machine and from
//! another one, before and after a change of certificate, and at the end.

use std::{net::IpAddr, path::Path};

use axum::{Extension, routing::get};
use iq_config::Tls;
use iq_domain::{Clock, ManualClock, Timestamp, WallClock};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::*;
use crate::{OWN_CERTIFICATE, TLS_FOLDER, certificate::provider};

const GRACE: Duration = Duration::from_secs(30);

/// A port that tells each caller how it came.
struct Site {
    address: SocketAddr,
    listening: Listening,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

/// How a test opens the port.
#[derive(Default)]
struct Asked {
    certificate: Option<Arc<LiveCertificate>>,
    allow_from: Vec<Network>,
    /// Callers are taken for another machine.
    is_elsewhere: bool,
}

fn elsewhere(_: &TcpStream, _: SocketAddr) -> Origin {
    Origin {
        address: IpAddr::from([203, 0, 113, 9]),
        is_here: false,
    }
}

async fn site(asked: Asked, router: Router) -> Site {
    let open = Open {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        allow_from: asked.allow_from,
        certificate: asked.certificate,
        names: vec!["optria.plant".to_owned(), "10.20.0.5".to_owned()],
    };
    let mut door = Door::bind(open).await.unwrap();
    if asked.is_elsewhere {
        door.origin_of = elsewhere;
    }
    let (listening, stop) = (door.listening(), CancellationToken::new());
    Site {
        address: listening.address(),
        listening,
        served: tokio::spawn(door.serve(router, stop.clone(), GRACE)),
        stop,
    }
}

fn told() -> Router {
    let tell = async |Extension(peer): Extension<Peer>| {
        format!("tls={} from={}", peer.is_tls, peer.address.ip())
    };
    Router::new().route("/", get(tell))
}

fn own(data: &Path) -> Arc<LiveCertificate> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    LiveCertificate::open(&Tls::SelfSigned, data, &names, Arc::new(WallClock))
        .unwrap()
        .unwrap()
}

/// Trusts this certificate, or what it issued, and nothing else.
fn trusting(pem: &[u8], versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: optria.plant:8090\r\nConnection: close\r\n\r\n";

/// The answer to [`GET`] over TLS, and the fingerprint of the certificate that was shown.
async fn ask(connector: &TlsConnector, to: SocketAddr) -> io::Result<(String, String)> {
    let stream = TcpStream::connect(to).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await?;
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    stream.write_all(GET).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok((answer, crate::certificate::fingerprint(&shown)))
}

async fn ask_plainly(to: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // Whoever is sent away may see a reset instead of an end.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8(answer).unwrap()
}

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&version::TLS12, &version::TLS13];

#[tokio::test]
async fn who_trusts_the_own_certificate_is_answered_and_sees_its_fingerprint() {
    let data = tempfile::tempdir().unwrap();
    let live = own(data.path());
    let asked = Asked {
        certificate: Some(Arc::clone(&live)),
        ..Asked::default()
    };
    let site = site(asked, told()).await;
    let pem = std::fs::read(data.path().join(TLS_FOLDER).join(OWN_CERTIFICATE)).unwrap();
    for versions in [BOTH, &[&version::TLS12], &[&version::TLS13]] {
        let (answer, fingerprint) = ask(&trusting(&pem, versions), site.address).await.unwrap();
        assert!(answer.ends_with("tls=true from=127.0.0.1"), "{answer}");
        assert_eq!(fingerprint, live.facts().fingerprint);
    }
    assert!(site.listening.is_tls() && !site.listening.is_open_without_tls());
    // Another start shows the same certificate.
    assert_eq!(own(data.path()).facts(), live.facts());
    assert_eq!(site.listening.certificate(), Some(live.facts()));
    // Who trusts another one is not answered.
    let other = tempfile::tempdir().unwrap();
    own(other.path());
    let pem = std::fs::read(other.path().join(TLS_FOLDER).join(OWN_CERTIFICATE)).unwrap();
    assert!(ask(&trusting(&pem, BOTH), site.address).await.is_err());
}

#[cfg(unix)]
#[test]
fn the_own_key_is_for_its_account_alone() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    own(data.path());
    let file = crate::own::path(data.path());
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let public = std::fs::read_to_string(file.with_file_name(OWN_CERTIFICATE)).unwrap();
    assert!(!public.contains("PRIVATE KEY"));
}

#[tokio::test]
async fn tls_before_1_2_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let asked = Asked {
        certificate: Some(own(data.path())),
        ..Asked::default()
    };
    let site = site(asked, told()).await;
    let client = site.address;
    // The same hello but for its version: a handshake record, or a fatal alert "protocol version".
    assert_eq!(say_hello(client, [3, 3]).await[0], 0x16);
    for old in [[3, 2], [3, 1], [3, 0]] {
        let answer = say_hello(client, old).await;
        assert_eq!((answer[0], &answer[5..]), (0x15, &[2, 70][..]), "{old:?}");
    }
    assert_eq!(site.listening.counts().failed_handshakes, 4);
}

/// The first bytes a server answers a hello of a version with, one of its elliptic curves and suites.
async fn say_hello(to: SocketAddr, version: [u8; 2]) -> Vec<u8> {
    let mut hello = Vec::from(version);
    hello.extend([7; 32]);
    hello.extend([0x00, 0x00, 0x02, 0xC0, 0x2B, 0x01, 0x00]);
    let extensions = [
        [0x00, 0x0A, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17],
        [0x00, 0x0D, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03],
    ];
    hello.extend([0x00, 0x10]);
    hello.extend(extensions.concat());
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0x00, length + 4, 0x01, 0x00, 0x00, length];
    record.extend(hello);
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(&record).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn this_machine_is_answered_without_tls_and_others_are_sent_to_https() {
    let data = tempfile::tempdir().unwrap();
    let live = own(data.path());
    let with = |is_elsewhere| Asked {
        certificate: Some(Arc::clone(&live)),
        is_elsewhere,
        ..Asked::default()
    };
    let here = site(with(false), told()).await;
    let answer = ask_plainly(here.address, GET).await;
    assert!(answer.ends_with("tls=false from=127.0.0.1"), "{answer}");
    let there = site(with(true), told()).await;
    let answer = ask_plainly(there.address, GET).await;
    assert!(answer.starts_with("HTTP/1.1 307"), "{answer}");
    assert!(
        answer.contains("location: https://optria.plant:8090/\r\n"),
        "{answer}"
    );
    // What a program sends is not taken, and not led on with its password.
    let post = b"POST /api/session HTTP/1.1\r\nHost: optria.plant:8090\r\nContent-Length: 2\r\n\
                 Connection: close\r\n\r\n{}";
    let answer = ask_plainly(there.address, post).await;
    assert!(
        answer.starts_with("HTTP/1.1 426") && !answer.contains("location"),
        "{answer}"
    );
    let pem = std::fs::read(data.path().join(TLS_FOLDER).join(OWN_CERTIFICATE)).unwrap();
    let (answer, _) = ask(&trusting(&pem, BOTH), there.address).await.unwrap();
    assert!(answer.ends_with("tls=true from=203.0.113.9"), "{answer}");
}

#[tokio::test]
async fn nobody_is_sent_to_a_host_that_is_not_this_machine() {
    let data = tempfile::tempdir().unwrap();
    let asked = Asked {
        certificate: Some(own(data.path())),
        is_elsewhere: true,
        ..Asked::default()
    };
    let site = site(asked, told()).await;
    let ask_as = async |host: &str| {
        let request = format!("GET /a?b HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        ask_plainly(site.address, request.as_bytes()).await
    };
    for host in [
        "evil.example",
        "evil.example:8090",
        "optria.plant.evil.example",
    ] {
        let answer = ask_as(host).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
        assert!(!answer.contains("location") && answer.contains("evil.example"));
    }
    for host in ["OPTRIA.plant", "10.20.0.5:8090"] {
        let answer = ask_as(host).await;
        let there = format!("location: https://{host}/a?b\r\n");
        assert!(answer.starts_with("HTTP/1.1 307"), "{answer}");
        assert!(answer.contains(&there), "{answer}");
    }
    // A host that is none at all.
    let answer = ask_as("optria.plant@evil.example").await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
}

#[tokio::test]
async fn an_address_outside_the_list_is_closed_before_it_is_spoken_to() {
    let data = tempfile::tempdir().unwrap();
    let live = own(data.path());
    let with = |network, is_elsewhere| Asked {
        certificate: Some(Arc::clone(&live)),
        allow_from: vec![Network::parse(network).unwrap()],
        is_elsewhere,
    };
    let pem = std::fs::read(data.path().join(TLS_FOLDER).join(OWN_CERTIFICATE)).unwrap();
    let client = trusting(&pem, BOTH);
    let narrow = site(with("10.20.0.0/16", true), told()).await;
    assert_eq!(ask_plainly(narrow.address, GET).await, "");
    assert!(ask(&client, narrow.address).await.is_err());
    assert_eq!(narrow.listening.counts().refused, 2);
    assert_eq!(narrow.listening.counts().failed_handshakes, 0);
    let wide = site(with("203.0.113.0/24", true), told()).await;
    ask(&client, wide.address).await.unwrap();
    // This machine is on every list.
    let here = site(with("10.20.0.0/16", false), told()).await;
    ask(&client, here.address).await.unwrap();
    assert_eq!(here.listening.counts(), Counts::default());
}

/// The authority of a plant, and the files it hands out.
struct Plant {
    authority: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Plant {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            authority: CertifiedIssuer::self_signed(params, key).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn tls(&self) -> Tls {
        Tls::Files {
            certificate: self.folder.path().join("server.crt"),
            key: self.folder.path().join("server.key"),
        }
    }

    /// Issues a certificate until a year, and puts it where the server reads it.
    fn issue(&self, until: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        self.put("server.crt", &certificate.pem());
        self.put("server.key", &key.serialize_pem());
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let plant = Plant::new();
    plant.issue(2100);
    let open =
        || LiveCertificate::open(&plant.tls(), plant.folder.path(), &[], Arc::new(WallClock));
    let live = open().unwrap().unwrap();
    let asked = Asked {
        certificate: Some(Arc::clone(&live)),
        ..Asked::default()
    };
    let site = site(asked, told()).await;
    // Anew each time: a client that knows the server resumes, and is shown no certificate.
    let client = || trusting(plant.authority.pem().as_bytes(), BOTH);
    let (_, first) = ask(&client(), site.address).await.unwrap();
    assert!(!live.look_again(), "nothing changed");

    plant.issue(2101);
    assert!(live.look_again());
    let (_, second) = ask(&client(), site.address).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(site.listening.problem(), None);

    // A key that came before its certificate: the old pair stays until both are there.
    let key = std::fs::read_to_string(plant.folder.path().join("server.key")).unwrap();
    plant.put("server.key", &KeyPair::generate().unwrap().serialize_pem());
    assert!(live.look_again());
    let problem = site.listening.problem().unwrap();
    assert_eq!(problem.code, "tls.key_mismatch");
    assert!(!live.look_again(), "told once");
    let (_, shown) = ask(&client(), site.address).await.unwrap();
    assert_eq!(shown, second);
    assert_eq!(open().unwrap_err().code, "tls.key_mismatch");

    std::fs::remove_file(plant.folder.path().join("server.key")).unwrap();
    assert!(live.look_again());
    assert_eq!(site.listening.problem().unwrap().code, "tls.key_unreadable");
    plant.put("server.key", &key);
    assert!(live.look_again());
    assert_eq!(site.listening.problem(), None);
}

#[tokio::test]
async fn a_certificate_that_ends_while_it_is_served_is_told() {
    let plant = Plant::new();
    plant.issue(2030);
    // Half of 2029, and half of 2030.
    let clock = Arc::new(ManualClock::at(Timestamp(1_877_000_000_000)));
    let held: Arc<dyn Clock> = clock.clone();
    let live = LiveCertificate::open(&plant.tls(), plant.folder.path(), &[], held).unwrap();
    let live = live.unwrap();
    clock.set(Timestamp(1_908_000_000_000));
    assert!(live.look_again());
    assert_eq!(live.problem().unwrap().code, "tls.expired");
    assert_eq!(
        live.facts().not_after.to_string(),
        "2030-01-01T00:00:00.000Z"
    );
}

#[tokio::test]
async fn a_request_that_runs_ends_and_an_idle_connection_is_closed_at_the_stop() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told_begun, waits) = (Arc::clone(&begun), Arc::clone(&go_on));
    let slow = Router::new().route(
        "/",
        get(move || async move {
            told_begun.notify_one();
            waits.notified().await;
            "done"
        }),
    );
    let site = site(Asked::default(), slow).await;
    assert!(!site.listening.is_tls());
    let mut idle = TcpStream::connect(site.address).await.unwrap();
    let running = tokio::spawn(ask_plainly(site.address, GET));
    begun.notified().await;
    site.stop.cancel();
    go_on.notify_one();
    assert!(running.await.unwrap().ends_with("done"));
    site.served.await.unwrap();
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    assert!(TcpStream::connect(site.address).await.is_err());
}

#[tokio::test]
async fn a_request_to_an_authority_keeps_its_key_and_names() {
    let data = tempfile::tempdir().unwrap();
    let names = ["optria.plant".to_owned(), "10.20.0.5".to_owned()];
    let key_file = data.path().join(TLS_FOLDER).join(crate::REQUEST_KEY);
    let first = crate::request(data.path(), &names).unwrap();
    let key = std::fs::read(&key_file).unwrap();
    let again = crate::request(data.path(), &names).unwrap();
    assert_eq!(std::fs::read(&key_file).unwrap(), key);
    assert!(first.starts_with("-----BEGIN CERTIFICATE REQUEST-----") && again.len() > 300);
    // The authority signs it, and the pair can be served with.
    let plant = Plant::new();
    let mut params = CertificateParams::new(names.to_vec()).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    let key = KeyPair::from_pem(&String::from_utf8(key).unwrap()).unwrap();
    plant.put(
        "signed.crt",
        &params.signed_by(&key, &plant.authority).unwrap().pem(),
    );
    let now = WallClock.now();
    let facts = crate::check_pair(&plant.folder.path().join("signed.crt"), &key_file, now).unwrap();
    assert_eq!(facts.names, names);
}

#[test]
fn a_plain_port_is_open_to_the_network_unless_it_is_of_this_machine() {
    let at = |address: &str| Listening {
        address: address.parse().unwrap(),
        ..Listening::nowhere()
    };
    for open in ["0.0.0.0:8090", "[::]:8090", "10.0.0.5:8090"] {
        assert!(at(open).is_open_without_tls(), "{open}");
    }
    for closed in ["127.0.0.1:8090", "[::1]:8090", "127.0.0.9:1"] {
        assert!(!at(closed).is_open_without_tls(), "{closed}");
    }
}
