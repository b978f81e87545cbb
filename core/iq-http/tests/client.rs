//! The client against servers that behave, and against ones that do not.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use std::{io::Write, sync::Arc, time::Duration};

use iq_http::{Auth, Budget, HttpClient, HttpOptions, ProbeStep, Request};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A server that gives every connection the same bytes after reading a request; with a certificate
/// it speaks TLS. `repeat` follows without end.
async fn serve(head: Vec<u8>, repeat: Vec<u8>, tls: Option<TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (head, repeat, tls) = (head.clone(), repeat.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    Some(tls) => {
                        let Ok(stream) = tls.accept(stream).await else {
                            return;
                        };
                        answer(stream, &head, &repeat).await;
                    }
                    None => answer(stream, &head, &repeat).await,
                }
            });
        }
    });
    port
}

async fn answer(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, head: &[u8], repeat: &[u8]) {
    let mut seen = Vec::new();
    let mut part = [0; 4_096];
    while !seen.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(n) if n > 0 => seen.extend_from_slice(&part[..n]),
            _ => return,
        }
    }
    // `{seen}` shows the test what was asked.
    let asked = String::from_utf8_lossy(&seen).replace("\r\n", "|");
    let head = match String::from_utf8(head.to_vec()) {
        Ok(text) => text.replace("{seen}", &asked).into_bytes(),
        Err(_) => head.to_vec(),
    };
    if stream.write_all(&head).await.is_err() {
        return;
    }
    while !repeat.is_empty() && stream.write_all(repeat).await.is_ok() {}
    drop(stream.shutdown().await);
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

fn options(port: u16) -> HttpOptions {
    let mut options = HttpOptions::new(format!("http://127.0.0.1:{port}/api"));
    options.allow_plain_http = true;
    options.budget = Budget::new(1_000.0);
    options
}

async fn code_of(options: HttpOptions) -> String {
    let client = HttpClient::new(options).unwrap();
    match client.get_json::<Value>(Request::get("x")).await {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code.to_owned(),
    }
}

#[tokio::test]
async fn a_document_comes_back_and_the_request_is_what_was_asked() {
    let port = serve(ok("{\"seen\": \"{seen}\"}"), vec![], None).await;
    let mut options = options(port);
    options.auth = Auth::Basic {
        user: "u".into(),
        password: "p".into(),
    };
    let client = HttpClient::new(options).unwrap();
    let request = Request::post("points")
        .query("nameFilter", "SIN US*")
        .header("X-Requested-With", "OPTRIA");
    let seen: Value = client.get_json(request.json(&json!(1))).await.unwrap();
    let seen = seen["seen"].as_str().unwrap();
    assert!(
        seen.starts_with("POST /api/points?nameFilter=SIN%20US* HTTP/1.1|"),
        "{seen}"
    );
    assert!(seen.contains("authorization: Basic dTpw|"), "{seen}");
    assert!(seen.contains("x-requested-with: OPTRIA|"), "{seen}");
    assert!(!format!("{client:?}").contains("dTpw"));
}

#[tokio::test]
async fn every_status_has_its_code_and_nothing_is_followed() {
    for (status, expected) in [
        (
            "301 Moved\r\nLocation: http://evil.example/x?token=1",
            "http.redirected",
        ),
        (
            "401 No\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm=x",
            "http.unauthorized",
        ),
        ("403 No", "http.forbidden"),
        ("404 No", "http.not_found"),
        ("413 No", "http.request_too_large"),
        ("429 No\r\nRetry-After: 7", "http.too_many_requests"),
        ("503 No", "http.unavailable"),
        ("500 No", "http.server_error"),
        ("400 No", "http.status"),
    ] {
        let text =
            format!("HTTP/1.1 {status}\r\nContent-Length: 18\r\n\r\n{{\"Errors\":[\"bad\"]}}");
        let port = serve(text.into_bytes(), vec![], None).await;
        let client = HttpClient::new(options(port)).unwrap();
        let error = client.get_text(Request::get("x")).await.unwrap_err();
        assert_eq!(error.code, expected);
        match expected {
            "http.redirected" => assert_eq!(error.params["target"], "evil.example"),
            "http.unauthorized" => assert_eq!(error.params["offered"], "Negotiate, Basic"),
            "http.too_many_requests" => assert_eq!(error.params["wait_s"], "7"),
            "http.status" => assert_eq!(error.params["detail"], "bad"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn bodies_end_at_their_bound_however_they_are_packed() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b' '; 8 << 20]).unwrap();
    let bomb = packed.finish().unwrap();
    let mut gzip =
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n".to_vec();
    gzip.extend_from_slice(&bomb);
    let mut bounded = options(serve(gzip.clone(), vec![], None).await);
    bounded.max_body = 4 << 20;
    assert_eq!(code_of(bounded).await, "http.body_too_large");
    // The same bytes fit into a larger bound: it was the bound that ended it, not the packing.
    let roomy = options(serve(gzip, vec![], None).await);
    assert_eq!(code_of(roomy).await, "http.body_empty");

    let mut endless = options(serve(ok(""), vec![b' '; 65_536], None).await);
    endless.max_body = 4 << 20;
    assert_eq!(code_of(endless).await, "http.body_too_large");
    let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n".to_vec();
    assert_eq!(
        code_of(options(serve(announced, vec![], None).await)).await,
        "http.body_too_large"
    );
    // Empty gzip members unpack to nothing for ever; the bound on the wire ends that.
    let empty = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast())
        .finish()
        .unwrap();
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n".to_vec();
    let mut hollow = options(serve(head, empty.repeat(3_000), None).await);
    hollow.max_body = 4 << 20;
    assert_eq!(code_of(hollow).await, "http.body_too_large");
    let odd = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx".to_vec();
    assert_eq!(
        code_of(options(serve(odd, vec![], None).await)).await,
        "http.encoding_unknown"
    );
}

#[tokio::test]
async fn a_body_that_drips_ends_with_the_time_of_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let dripping = async move {
                drop(stream.read(&mut [0; 4_096]).await);
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await);
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            open.push(tokio::spawn(dripping));
        }
    });
    let mut options = options(port);
    options.total_timeout = Duration::from_millis(700);
    let started = std::time::Instant::now();
    assert_eq!(code_of(options).await, "http.timeout");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_port_nobody_listens_on_and_an_unknown_name_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(code_of(options(port)).await, "http.tcp_refused");
    let mut unknown = HttpOptions::new("https://no-such-host.invalid/");
    unknown.tls_ca = Some(certificate(&["x"]).0);
    assert_eq!(code_of(unknown.clone()).await, "http.dns_failed");
    let probes = HttpClient::new(unknown).unwrap().probe().await;
    assert_eq!(probes.len(), 1);
    assert_eq!(
        probes[0].outcome.as_ref().unwrap_err().code,
        "http.dns_failed"
    );
}

/// A self-signed certificate for names: its PEM and an acceptor that shows it.
fn certificate(names: &[&str]) -> (String, TlsAcceptor) {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    signed(CertificateParams::new(names).unwrap())
}

fn signed(params: CertificateParams) -> (String, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    (made.pem(), TlsAcceptor::from(Arc::new(config)))
}

async fn tls_code(pem: &str, acceptor: TlsAcceptor) -> (String, String) {
    let port = serve(ok("[1]"), vec![], Some(acceptor)).await;
    let mut options = HttpOptions::new(format!("https://localhost:{port}/"));
    options.tls_ca = Some(pem.to_owned());
    let probes = HttpClient::new(options.clone()).unwrap().probe().await;
    let last = probes.last().unwrap();
    assert_eq!(last.step, ProbeStep::Tls);
    let probed = last.outcome.as_ref().map_or_else(|e| e.code, |_| "ok");
    (code_of(options).await, probed.to_owned())
}

#[tokio::test]
async fn certificates_are_refused_each_for_its_reason_and_the_pasted_one_is_taken() {
    let both = |code: &str| (code.to_owned(), code.to_owned());
    let (pem, acceptor) = certificate(&["localhost"]);
    assert_eq!(tls_code(&pem, acceptor).await, both("ok"));
    let (_, other) = certificate(&["localhost"]);
    assert_eq!(tls_code(&pem, other).await, both("http.tls_untrusted"));
    let (named, acceptor) = certificate(&["pi.plant.local"]);
    assert_eq!(
        tls_code(&named, acceptor).await,
        both("http.tls_wrong_name")
    );
    let dated = |from: i32, to: i32| {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        signed(params)
    };
    let (old, acceptor) = dated(2001, 2002);
    assert_eq!(tls_code(&old, acceptor).await, both("http.tls_expired"));
    let (coming, acceptor) = dated(2090, 2091);
    assert_eq!(
        tls_code(&coming, acceptor).await,
        both("http.tls_not_yet_valid")
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.read(&mut [0; 4_096]).await);
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        }
    });
    let mut plain = HttpOptions::new(format!("https://localhost:{port}/"));
    plain.tls_ca = Some(pem);
    assert_eq!(code_of(plain).await, "http.tls_not_spoken");
}

#[tokio::test]
async fn an_authority_vouches_for_the_servers_it_signed() {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = rcgen::Issuer::from_params(&ca, &ca_key);
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let port = serve(ok("[1]"), vec![], Some(acceptor)).await;
    let mut options = HttpOptions::new(format!("https://localhost:{port}/"));
    options.tls_ca = Some(ca_certificate.pem());
    assert_eq!(code_of(options.clone()).await, "ok");
    // Without the pasted authority the machine's own list decides, and it does not know this one.
    options.tls_ca = None;
    if let Ok(client) = HttpClient::new(options) {
        let error = client.get_text(Request::get("")).await.unwrap_err();
        assert_eq!(error.code, "http.tls_untrusted");
    }
}

#[test]
fn what_is_no_certificate_is_refused_before_anything_is_sent() {
    for text in [
        "x",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let mut options = HttpOptions::new("https://localhost/");
        options.tls_ca = Some(text.to_owned());
        assert_eq!(
            HttpClient::new(options).unwrap_err().code,
            "http.ca_unreadable"
        );
    }
}

#[tokio::test]
async fn cookies_are_handed_out_and_never_sent_by_themselves() {
    let head = "HTTP/1.1 200 OK\r\nSet-Cookie: SAP_SESSIONID_A_100=abc; path=/; secure\r\nSet-Cookie: b=2\r\nConnection: close\r\n\r\n{\"seen\": \"{seen}\"}";
    let port = serve(head.as_bytes().to_vec(), vec![], None).await;
    let client = HttpClient::new(options(port)).unwrap();
    let first = client.send(Request::get("")).await.unwrap();
    assert_eq!(first.cookies(), ["SAP_SESSIONID_A_100=abc", "b=2"]);
    let second = client.send(Request::get("")).await.unwrap();
    assert!(!second.text().contains("cookie:"), "{}", second.text());
    let cookie = first.cookies().join("; ");
    let third = client
        .send(Request::get("").header("Cookie", cookie))
        .await
        .unwrap();
    assert!(
        third
            .text()
            .contains("cookie: SAP_SESSIONID_A_100=abc; b=2|")
    );
}
