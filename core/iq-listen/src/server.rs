//! Accepting connections, encrypting them, handing their requests over, and ending them in time.
//!
//! With a certificate the port speaks TLS to the network, and to this machine itself both TLS and
//! plain HTTP: the window on the machine and its scripts know no certificate, and what never leaves the
//! machine needs none. Somebody on the network who typed `http://` is sent to `https://` of the same
//! name, where it is one of this machine's.

use std::{
    future::ready,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header, uri::Authority},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use iq_config::Network;
use iq_domain::{CodedError, ErrorKind};
use iq_locale::{Language, Params};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;
use tracing::{debug, warn};

use crate::{
    Counts, Facts, LiveCertificate,
    gate::{Gate, Origin, Place},
    without_port,
};

/// A handshake takes no longer, from the first byte to the last.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The head of a request takes no longer, and a connection that says nothing is closed after it.
const HEAD: Duration = Duration::from_secs(75);
/// First byte of a TLS connection: a record of the handshake.
const TLS_RECORD: u8 = 0x16;

/// The connection a request came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The other side; IPv4 where it is IPv4.
    pub address: SocketAddr,
    /// The request came encrypted.
    pub is_tls: bool,
}

/// How a port is opened.
#[derive(Clone, Debug)]
pub struct Open {
    /// Where.
    pub listen: SocketAddr,
    /// Origin where besides this machine; empty for anywhere.
    pub allow_from: Vec<Network>,
    /// With which certificate; plain HTTP without one.
    pub certificate: Option<Arc<LiveCertificate>>,
    /// Names and addresses of this machine, without a port: nobody is sent to another one.
    pub names: Vec<String>,
}

/// A bound port that does not answer yet.
pub struct Door {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    names: Arc<[String]>,
    listening: Listening,
    /// Tells this machine from others; a test, which has no other machine, tells otherwise.
    origin_of: fn(&TcpStream, SocketAddr) -> Origin,
}

/// What people may know about an open port.
#[derive(Clone)]
pub struct Listening {
    address: SocketAddr,
    certificate: Option<Arc<LiveCertificate>>,
    gate: Arc<Gate>,
}

impl Listening {
    /// No port at all, for tests that hand requests over themselves.
    #[must_use]
    pub fn nowhere() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            certificate: None,
            gate: Gate::new(Vec::new()),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the network is spoken to with TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether passwords and sessions cross the network for everyone on it to read.
    #[must_use]
    pub fn is_open_without_tls(&self) -> bool {
        !self.is_tls() && !self.address.ip().to_canonical().is_loopback()
    }

    /// Whether only some addresses may come in.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        self.gate.is_narrow()
    }

    /// The certificate in force.
    #[must_use]
    pub fn certificate(&self) -> Option<Facts> {
        Some(self.certificate.as_ref()?.facts())
    }

    /// Why newer files of the certificate are not in force, or why the one in force should not be.
    #[must_use]
    pub fn problem(&self) -> Option<CodedError> {
        self.certificate.as_ref()?.problem()
    }

    /// What was sent away since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.gate.counts()
    }
}

/// Why there is no port, in a sentence where it has one; `option` is what the command calls its address.
#[must_use]
pub fn not_listening(address: SocketAddr, error: &io::Error, option: &str) -> Option<CodedError> {
    let code = match error.kind() {
        io::ErrorKind::AddrInUse => "serve.port_taken",
        io::ErrorKind::AddrNotAvailable => "serve.address_foreign",
        io::ErrorKind::PermissionDenied => "serve.port_closed",
        _ => return None,
    };
    let error = CodedError::new(ErrorKind::Unavailable, code);
    Some(error.with("address", address).with("option", option))
}

impl Door {
    /// Binds the port.
    ///
    /// # Errors
    /// When it is taken or not allowed.
    pub async fn bind(open: Open) -> io::Result<Self> {
        let tls = match &open.certificate {
            Some(certificate) => {
                let config = certificate.server_config().map_err(io::Error::other)?;
                Some(TlsAcceptor::from(Arc::new(config)))
            }
            None => None,
        };
        let listener = TcpListener::bind(open.listen).await?;
        let listening = Listening {
            address: listener.local_addr()?,
            certificate: open.certificate,
            gate: Gate::new(open.allow_from),
        };
        Ok(Self {
            listener,
            tls,
            names: open.names.into(),
            listening,
            origin_of,
        })
    }

    /// What people may know about it.
    #[must_use]
    pub fn listening(&self) -> Listening {
        self.listening.clone()
    }

    /// Answers until `stop`; requests that run then have `grace` to end.
    pub async fn serve(self, router: Router, stop: CancellationToken, grace: Duration) {
        if let Some(certificate) = &self.listening.certificate {
            tokio::spawn(Arc::clone(certificate).follow(stop.clone()));
        }
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, mostly: trying again at once would burn the processor.
                    debug!(%error, "A connection could not be accepted.");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let from = (self.origin_of)(&stream, remote);
            let Some(place) = self.listening.gate.admit(from) else {
                continue;
            };
            let serving = Serving {
                router: router.clone(),
                names: Arc::clone(&self.names),
                peer: Peer {
                    address: SocketAddr::new(from.address, remote.port()),
                    is_tls: false,
                },
                stop: stop.clone(),
                grace,
            };
            let (gate, tls) = (Arc::clone(&self.listening.gate), self.tls.clone());
            connections.spawn(async move {
                match tls {
                    None => serving.answer(stream).await,
                    Some(tls) => serving.encrypt(stream, (&tls, &gate), (&place, from)).await,
                }
                drop(place);
            });
        }
        drop(self.listener);
        connections.close();
        connections.wait().await;
    }
}

/// A connection whose two ends are one address never leaves the machine.
fn origin_of(stream: &TcpStream, remote: SocketAddr) -> Origin {
    let address = remote.ip().to_canonical();
    let own = stream.local_addr().map(|own| own.ip().to_canonical());
    Origin {
        address,
        is_here: address.is_loopback() || own.is_ok_and(|own| own == address),
    }
}

struct Serving {
    router: Router,
    names: Arc<[String]>,
    peer: Peer,
    stop: CancellationToken,
    grace: Duration,
}

impl Serving {
    /// Finds out what is spoken, and answers it.
    async fn encrypt(
        mut self,
        stream: TcpStream,
        (tls, gate): (&TlsAcceptor, &Gate),
        (place, from): (&Place, Origin),
    ) {
        let mut first = [0];
        let stop = self.stop.clone();
        // Nothing said yet costs no room for a handshake: browsers open connections to have them.
        let said = tokio::select! {
            () = stop.cancelled() => return,
            said = timeout(HEAD, stream.peek(&mut first)) => said,
        };
        if !matches!(said, Ok(Ok(1))) {
            return;
        }
        if first[0] != TLS_RECORD {
            if !from.is_here {
                self.router = to_https(Arc::clone(&self.names));
            }
            return self.answer(stream).await;
        }
        let Some(room) = place.handshake() else {
            return;
        };
        let shaken = tokio::select! {
            () = stop.cancelled() => return,
            shaken = timeout(HANDSHAKE, tls.accept(stream)) => shaken,
        };
        drop(room);
        match shaken {
            Ok(Ok(stream)) => {
                self.peer.is_tls = true;
                self.answer(stream).await;
            }
            Ok(Err(error)) => {
                gate.handshake_failed();
                debug!(address = %from.address, %error, "A handshake failed.");
            }
            Err(_) => gate.handshake_failed(),
        }
    }

    /// Answers requests until the other side has enough, or it is time to stop.
    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (router, peer) = (self.router, self.peer);
        let service = service_fn(move |request: Request<Incoming>| {
            let mut router = router.clone();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            async move { router.call(request).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!(address = %peer.address, %error, "A connection broke.");
                }
                return;
            }
            () = self.stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        if timeout(self.grace, connection).await.is_err() {
            warn!(address = %peer.address, "An open connection was cut.");
        }
    }
}

/// Sends people who typed `http://` to `https://`. Nothing else is answered: what a program sends
/// unencrypted should fail where somebody sees it.
fn to_https(names: Arc<[String]>) -> Router {
    let answer = move |method: Method, uri: Uri, headers: HeaderMap| {
        ready(answer_plainly(&names, &method, &uri, &headers))
    };
    Router::new().fallback(answer)
}

fn answer_plainly(names: &[String], method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let Some(host) = host.filter(|host| !host.as_str().contains('@')) else {
        return plain_refused();
    };
    let name = without_port(host.as_str());
    // What the sender wrote would otherwise be where this server sends people to.
    if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return host_refused(&host);
    }
    match *method {
        Method::GET | Method::HEAD => moved(&host, uri),
        _ => plain_refused(),
    }
}

fn moved(host: &Authority, uri: &Uri) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(there) = HeaderValue::from_str(&format!("https://{host}{path}")) else {
        return plain_refused();
    };
    // Not for ever: whoever switches TLS off again should not have to clear every browser.
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, there)]).into_response()
}

fn plain_refused() -> Response {
    refused(
        StatusCode::UPGRADE_REQUIRED,
        "tls.plain_refused",
        &Params::new(),
    )
}

fn host_refused(host: &Authority) -> Response {
    let params = Params::from([("host".to_owned(), host.to_string())]);
    refused(
        StatusCode::MISDIRECTED_REQUEST,
        "request.host_wrong",
        &params,
    )
}

/// What is told before a language is known is told in both.
fn refused(status: StatusCode, code: &str, params: &Params) -> Response {
    let say = |language| iq_locale::error(language, code, params);
    let text = format!("{}\n{}\n", say(Language::En), say(Language::Ar));
    (status, text).into_response()
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
