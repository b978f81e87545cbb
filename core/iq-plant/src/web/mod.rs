//! What the plant's web services share: a listener with or without TLS, who the caller is, and the
//! disturbances an instructor can order.

mod disturb;
mod tls;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use base64::Engine as _;
use iq_domain::{CodedError, ErrorKind};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub(crate) use disturb::Disturbances;
pub use disturb::{Disturbance, WebService};

/// Where a web service listens.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Port; 0 takes a free one.
    pub port: u16,
    /// Speaks TLS with a certificate of the plant's own authority.
    pub tls: bool,
}

/// How a running web service is reached.
#[derive(Clone, Debug)]
pub struct WebAddress {
    /// Scheme, host and port, without a path.
    pub origin: String,
    /// Address it listens on.
    pub address: SocketAddr,
    /// Certificate of the authority that signed the service's certificate (PEM); `None` without TLS.
    pub ca_pem: Option<String>,
    /// File that holds the same certificate.
    pub ca_path: Option<PathBuf>,
}

/// Where and for which plant a web service runs.
pub(crate) struct Site<'a> {
    pub(crate) bind: IpAddr,
    pub(crate) host: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) seed: u64,
    pub(crate) stop: &'a CancellationToken,
}

/// Open connections a service tells to finish get this long.
const GRACE: Duration = Duration::from_secs(2);
/// A client that doesn't finish its TLS handshake is dropped after this.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The caller, for handlers.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) ip: IpAddr,
    broken: Arc<AtomicBool>,
}

impl Peer {
    /// Ends the connection in place of the answer.
    pub(crate) fn hang_up(&self) {
        self.broken.store(true, Ordering::Release);
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection with or without TLS that a handler can break.
pub(crate) struct Connection {
    io: Pin<Box<dyn Io>>,
    broken: Arc<AtomicBool>,
}

impl Connection {
    fn new(io: impl Io + 'static) -> Self {
        Self {
            io: Box::pin(io),
            broken: Arc::default(),
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.broken.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Err(error) = self.check() {
            return Poll::Ready(Err(error));
        }
        self.io.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(cx)
    }
}

/// Connections that are ready for HTTP, with or without TLS below.
pub(crate) struct Ready {
    connections: mpsc::Receiver<(Connection, SocketAddr)>,
    address: SocketAddr,
}

impl Listener for Ready {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.connections.recv().await {
            Some(ready) => ready,
            // The acceptor ends only with the service; there is nothing to come.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Ready>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Ready>) -> Self {
        Self {
            ip: stream.remote_addr().ip(),
            broken: Arc::clone(&stream.io().broken),
        }
    }
}

/// A bound service that doesn't answer yet.
pub(crate) struct Bound {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    pub(crate) address: WebAddress,
}

/// Binds the port and, with TLS, makes sure of a certificate in `<folder>/https`.
pub(crate) async fn bind(
    config: &WebConfig,
    ip: IpAddr,
    host: &str,
    folder: &Path,
) -> Result<Bound, CodedError> {
    let listener = crate::server::listen(ip, config.port).await?;
    let address = listener.local_addr().map_err(|e| refused(e.to_string()))?;
    let shown = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let scheme = if config.tls { "https" } else { "http" };
    let (tls, ca_pem, ca_path) = if config.tls {
        let (folder, host) = (folder.join("https"), host.to_owned());
        let identity = tokio::task::spawn_blocking(move || tls::ensure(&folder, &host))
            .await
            .map_err(|e| refused(e.to_string()))??;
        (
            Some(identity.acceptor),
            Some(identity.ca_pem),
            Some(identity.ca_path),
        )
    } else {
        (None, None, None)
    };
    Ok(Bound {
        listener,
        tls,
        address: WebAddress {
            origin: format!("{scheme}://{shown}:{}", address.port()),
            address,
            ca_pem,
            ca_path,
        },
    })
}

impl Bound {
    /// Answers until `stop`.
    pub(crate) fn serve(self, router: Router, stop: &CancellationToken) -> JoinHandle<()> {
        let (sender, connections) = mpsc::channel(64);
        let ready = Ready {
            connections,
            address: self.address.address,
        };
        let (accepting, stop) = (stop.clone(), stop.clone());
        tokio::spawn(async move {
            let acceptor = tokio::spawn(accept(self.listener, self.tls, sender, accepting));
            let stopped = stop.clone();
            let serve = axum::serve(ready, router.into_make_service_with_connect_info::<Peer>())
                .with_graceful_shutdown(async move { stopped.cancelled().await });
            let late = async {
                stop.cancelled().await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                done = serve => if let Err(error) = done {
                    tracing::warn!(%error, "a web service of the plant ended");
                },
                () = late => {}
            }
            acceptor.abort();
        })
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    ready: mpsc::Sender<(Connection, SocketAddr)>,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, from): (TcpStream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, mostly: trying again at once would burn the processor.
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (tls, ready) = (tls.clone(), ready.clone());
        tokio::spawn(async move {
            let connection: Connection = match tls {
                None => Connection::new(stream),
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => Connection::new(stream),
                    _ => return,
                },
            };
            drop(ready.send((connection, from)).await);
        });
    }
}

/// User name and password of an `Authorization: Basic` header.
pub(crate) fn basic(header: Option<&str>) -> Option<(String, String)> {
    let (scheme, encoded) = header?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Token of an `Authorization: Bearer` header.
pub(crate) fn bearer(header: Option<&str>) -> Option<&str> {
    let (scheme, token) = header?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// The password of the web services kept in a plant's folder; made when there is none. Unlike that of
/// the OPC UA user it outlives a restart, so that connections made with it go on working.
///
/// # Errors
/// `plant.folder_unusable` when the folder can't be written.
pub fn kept_password(folder: &Path) -> Result<String, CodedError> {
    let path = folder.join("web.password");
    if let Ok(kept) = std::fs::read_to_string(&path)
        && !kept.trim().is_empty()
    {
        return Ok(kept.trim().to_owned());
    }
    let mut bytes = [0_u8; 16];
    opcua::crypto::random::bytes(&mut bytes);
    let password: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, ""))
        .and_then(|()| crate::server::restrict(&path))
        .and_then(|()| std::fs::write(&path, &password))
        .map_err(|e| {
            CodedError::new(ErrorKind::Unavailable, "plant.folder_unusable")
                .with("folder", folder.display())
                .with("reason", e)
        })?;
    Ok(password)
}

/// Compares without telling by its time how many characters agree.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

/// Name and value pairs of a query string, percent-decoded, in their order.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// Percent-decoded text of a path segment.
pub(crate) fn decoded(segment: &str) -> String {
    // A plus is a plus in a path; only queries use it for a space.
    let kept = segment.replace('+', "%2B");
    url::form_urlencoded::parse(kept.as_bytes())
        .map(|(name, value)| {
            if value.is_empty() && !segment.contains('=') {
                name.into_owned()
            } else {
                format!("{name}={value}")
            }
        })
        .collect::<Vec<_>>()
        .join("&")
}

pub(crate) fn refused(reason: String) -> CodedError {
    CodedError::new(ErrorKind::Unavailable, "plant.web_refused").with("reason", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_basic_credentials_whose_password_holds_a_colon() {
        let header = "Basic cGxhbnQ6YTpi";
        assert_eq!(
            basic(Some(header)),
            Some(("plant".to_owned(), "a:b".to_owned()))
        );
        assert_eq!(basic(Some("Basic !!!")), None);
        assert_eq!(basic(Some("Bearer x")), None);
        assert_eq!(bearer(Some("bearer x")), Some("x"));
    }

    #[test]
    fn decodes_a_path_segment_with_quotes_and_equals_signs() {
        assert_eq!(
            decoded("Equipment(Equipment=%27A%2B1%27,D=datetime'9999-12-31T00:00:00')"),
            "Equipment(Equipment='A+1',D=datetime'9999-12-31T00:00:00')"
        );
        assert_eq!(decoded("plain%20text"), "plain text");
    }
}
