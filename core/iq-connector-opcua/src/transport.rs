//! The connection below the protocol library, with a bound on what a server may announce. The
//! library collects as many bytes as the head of a chunk promises before it looks at its limits, so
//! a peer that sends noise could fill the memory; here a head that promises too much ends the
//! connection.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use opcua::{
    client::{
        ConnectionSource,
        transport::{
            Connector, RequestRecv, SecureChannelState, StreamConnection, StreamConnector,
            StreamTransport, TransportConfiguration,
        },
    },
    core::{
        comms::{tcp_codec::TcpCodec, url::hostname_port_from_url},
        constants::DEFAULT_OPC_UA_SERVER_PORT,
    },
    types::{DecodingOptions, EndpointDescription, Error, StatusCode},
};
use tokio::{
    io::{AsyncRead, ReadBuf, ReadHalf, WriteHalf},
    net::TcpStream,
};
use tokio_util::codec::FramedRead;

use crate::endpoint::MAX_MESSAGE_BYTES;

/// Bytes of the head of a chunk: three letters of its type, one of its place, four of its size.
const HEAD_BYTES: usize = 8;

/// Opens bounded connections for sessions.
pub(crate) struct BoundedSource;

impl ConnectionSource for BoundedSource {
    type Builder = BoundedConnector;

    fn get_connector(&self, endpoint: &EndpointDescription) -> Result<Self::Builder, Error> {
        Ok(BoundedConnector::new(endpoint.endpoint_url.as_ref()))
    }
}

/// Opens bounded connections to one address.
pub(crate) struct BoundedConnector {
    url: String,
}

impl BoundedConnector {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
        }
    }
}

impl Connector for BoundedConnector {
    type Transport = StreamTransport<HeadsChecked<ReadHalf<TcpStream>>, WriteHalf<TcpStream>>;

    async fn connect(
        &self,
        channel: Arc<SecureChannelState>,
        outgoing: RequestRecv,
        config: TransportConfiguration,
    ) -> Result<Self::Transport, Error> {
        StreamConnector::new(open, self.url.clone())
            .connect(channel, outgoing, config)
            .await
    }

    fn default_endpoint(&self) -> EndpointDescription {
        EndpointDescription::from(self.url.as_str())
    }
}

type Connection = StreamConnection<HeadsChecked<ReadHalf<TcpStream>>, WriteHalf<TcpStream>>;

async fn open(url: String, options: DecodingOptions) -> Result<Connection, Error> {
    let (host, port) = hostname_port_from_url(&url, DEFAULT_OPC_UA_SERVER_PORT)
        .map_err(|code| Error::new(code, "the address names no host"))?;
    // An IPv6 address comes with its brackets, which only a whole address may have.
    let socket = TcpStream::connect(format!("{host}:{port}"))
        .await
        .map_err(|error| Error::new(StatusCode::BadCommunicationError, error))?;
    let (reader, writer) = tokio::io::split(socket);
    let reader = FramedRead::new(HeadsChecked::new(reader), TcpCodec::new(options));
    Ok(StreamConnection::new(reader, writer, url))
}

/// Passes bytes on and looks at the head of each chunk on the way.
pub(crate) struct HeadsChecked<R> {
    inner: R,
    heads: Heads,
}

impl<R> HeadsChecked<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            heads: Heads::default(),
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for HeadsChecked<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let arrived = buf.filled().get(before..).unwrap_or_default();
        Poll::Ready(self.heads.pass(arrived))
    }
}

/// Where in a stream of chunks the next byte stands.
#[derive(Default)]
struct Heads {
    head: [u8; HEAD_BYTES],
    /// Bytes of the head that are there.
    held: usize,
    /// Bytes of the present chunk that are still to come.
    body_left: usize,
}

impl Heads {
    /// Goes on by these bytes.
    fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.body_left > 0 {
                let skipped = self.body_left.min(bytes.len());
                self.body_left -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let taken = (HEAD_BYTES - self.held).min(bytes.len());
            let (now, later) = bytes.split_at(taken);
            if let Some(place) = self.head.get_mut(self.held..self.held + taken) {
                place.copy_from_slice(now);
            }
            self.held += taken;
            bytes = later;
            if self.held == HEAD_BYTES {
                self.body_left = self.announced()? - HEAD_BYTES;
                self.held = 0;
            }
        }
        Ok(())
    }

    /// The size of a chunk, head included.
    fn announced(&self) -> io::Result<usize> {
        let [.., a, b, c, d] = self.head;
        let size = u32::from_le_bytes([a, b, c, d]);
        usize::try_from(size)
            .ok()
            .filter(|size| (HEAD_BYTES..=MAX_MESSAGE_BYTES).contains(size))
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a chunk announces {size} bytes"),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::{Heads, MAX_MESSAGE_BYTES};

    fn chunk(body: usize) -> Vec<u8> {
        let size = u32::try_from(body + 8).expect("a size");
        let mut bytes = b"MSGF".to_vec();
        bytes.extend(size.to_le_bytes());
        bytes.resize(body + 8, 7);
        bytes
    }

    #[test]
    fn chunks_pass_however_they_are_cut() {
        let stream: Vec<u8> = [chunk(0), chunk(1), chunk(300), chunk(8)].concat();
        for step in [1, 3, 7, 8, 9, 64, stream.len()] {
            let mut heads = Heads::default();
            for part in stream.chunks(step) {
                heads.pass(part).expect("a valid stream");
            }
            assert_eq!(
                (heads.held, heads.body_left),
                (0, 0),
                "cut every {step} bytes"
            );
        }
    }

    #[test]
    fn a_head_that_promises_too_much_ends_the_stream() {
        let head = |size: u32| [b"MSGF".as_slice(), &size.to_le_bytes()].concat();
        let most = u32::try_from(MAX_MESSAGE_BYTES).expect("a size");
        assert!(Heads::default().pass(&head(most)).is_ok());
        for size in [0, 7, most + 1, u32::MAX] {
            assert!(Heads::default().pass(&head(size)).is_err(), "{size}");
        }
        // Also in the middle of a stream.
        let mut heads = Heads::default();
        heads.pass(&chunk(40)).expect("a valid chunk");
        assert!(heads.pass(&head(u32::MAX)).is_err());
    }
}
