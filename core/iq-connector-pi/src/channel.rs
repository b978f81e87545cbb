//! Values as they come, over a websocket. A channel is an accelerator: whatever it loses is read from
//! the archive later.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use iq_connector::CancellationToken;
use iq_domain::{CodedError, ErrorKind};
use iq_http::{JsonLimits, header::AUTHORIZATION, parse_json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::{
    api::Api,
    wire::{List, StreamValues},
};

/// Most channels held on a server, and streams in each; beyond that values are asked for instead.
const MAX_CHANNELS: usize = 8;
const STREAMS_PER_CHANNEL: usize = 50;
const QUERY_CHARS: usize = 6_000;
/// Longest time to open one.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the other side is asked for a sign of life, and how long it may keep silent.
const PING: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(45);
/// Largest message.
const MAX_MESSAGE: usize = 4 << 20;
/// Messages waiting to be taken; a full queue leaves the next one in the socket.
const QUEUE: usize = 64;

/// What a channel says.
pub(crate) enum Said {
    /// New values.
    Values(Vec<StreamValues>),
    /// It has ended.
    Ended(CodedError),
}

/// The open channels; dropping it closes them.
pub(crate) struct Channels {
    said: mpsc::Receiver<Said>,
    /// How many there are.
    pub(crate) count: u32,
    _end: Guard,
}

/// Ends the channels when it is dropped.
struct Guard(CancellationToken);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

type Socket = WebSocketStream<Box<dyn Connection>>;

fn lost(api: &Api) -> CodedError {
    CodedError::new(ErrorKind::Upstream, "pi.channel_lost").with("host", api.host())
}

/// The ids of each channel; `None` when there are too many streams for channels.
fn split(ids: &[Arc<str>]) -> Option<Vec<Vec<Arc<str>>>> {
    let mut parts: Vec<Vec<Arc<str>>> = Vec::new();
    let mut chars = 0;
    for id in ids {
        let length = id.len() + "&webId=".len();
        let fits = !parts.is_empty()
            && chars + length <= QUERY_CHARS
            && parts.last().is_some_and(|p| p.len() < STREAMS_PER_CHANNEL);
        if !fits {
            parts.push(Vec::new());
            chars = 0;
        }
        chars += length;
        if let Some(part) = parts.last_mut() {
            part.push(Arc::clone(id));
        }
    }
    (parts.len() <= MAX_CHANNELS).then_some(parts)
}

impl Channels {
    /// Opens channels for all streams; `None` when they are too many.
    pub(crate) async fn open(api: &Api, ids: &[Arc<str>]) -> Result<Option<Self>, CodedError> {
        let Some(parts) = split(ids).filter(|parts| !parts.is_empty()) else {
            return Ok(None);
        };
        let (sender, said) = mpsc::channel(QUEUE);
        let end = CancellationToken::new();
        let guard = Guard(end.clone());
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        for part in parts {
            let opening = open_one(api, &part);
            let socket = tokio::time::timeout(OPEN_TIMEOUT, opening)
                .await
                .unwrap_or_else(|_| Err(lost(api)))?;
            tokio::spawn(listen(api.clone(), socket, sender.clone(), end.clone()));
        }
        Ok(Some(Self {
            said,
            count,
            _end: guard,
        }))
    }

    /// What is said next.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        self.said.recv().await
    }
}

async fn open_one(api: &Api, ids: &[Arc<str>]) -> Result<Socket, CodedError> {
    let client = api.client();
    let mut query: Vec<(String, String)> = ids
        .iter()
        .map(|id| ("webId".to_owned(), id.to_string()))
        .collect();
    query.push(("includeInitialValues".to_owned(), "false".to_owned()));
    query.push(("heartbeatRate".to_owned(), "20".to_owned()));
    let mut url = client.origin().target("streamsets/channel", &query)?;
    let scheme = if client.origin().is_tls() {
        "wss"
    } else {
        "ws"
    };
    url.set_scheme(scheme).map_err(|()| lost(api))?;
    let mut request = url.as_str().into_client_request().map_err(|_| lost(api))?;
    if let Some(value) = client.authorization().await? {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    client.budget().acquire(ids.len()).await;
    let stream = client.connect(&client.addresses().await?).await?;
    let stream: Box<dyn Connection> = match client.origin().is_tls() {
        true => Box::new(client.secure(stream).await?),
        false => Box::new(stream),
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => {
            let status = answer.status().as_u16();
            Err(CodedError::new(ErrorKind::Upstream, "pi.channel_refused")
                .with("host", api.host())
                .with("status", status))
        }
        Err(_) => Err(lost(api)),
    }
}

/// Hands on what comes until either side ends it.
async fn listen(api: Api, mut socket: Socket, sender: mpsc::Sender<Said>, end: CancellationToken) {
    let mut heard = Instant::now();
    let mut ping = tokio::time::interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let error = loop {
        tokio::select! {
            () = end.cancelled() => {
                // The server forgets the channel at once; if it does not listen, so be it.
                drop(tokio::time::timeout(Duration::from_secs(1), socket.close(None)).await);
                return;
            }
            _ = ping.tick() => {
                let sent = socket.send(Message::Ping(Vec::new().into())).await;
                if sent.is_err() || heard.elapsed() > SILENCE {
                    break lost(&api);
                }
            }
            message = socket.next() => {
                heard = Instant::now();
                match take(&api, message) {
                    Ok(Some(values)) => {
                        if sender.send(Said::Values(values)).await.is_err() {
                            return;
                        }
                    }
                    Ok(None) => {}
                    Err(error) => break error,
                }
            }
        }
    };
    // Nobody left to tell means that the end was asked for.
    drop(sender.send(Said::Ended(error)).await);
}

/// The values of a message, if it carries any.
fn take(
    api: &Api,
    message: Option<Result<Message, Error>>,
) -> Result<Option<Vec<StreamValues>>, CodedError> {
    let limits = JsonLimits {
        depth: 32,
        nodes: 400_000,
    };
    match message {
        Some(Ok(Message::Text(text))) => {
            let list: List<StreamValues> = parse_json(text.as_bytes(), api.host(), limits)?;
            if let Some(exception) = &list.web_exception {
                return Err(exception.coded(api.host()));
            }
            Ok(Some(list.items).filter(|items| !items.is_empty()))
        }
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(lost(api)),
        Some(Ok(_)) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_spread_over_few_channels_or_none() {
        let ids =
            |n: usize| -> Vec<Arc<str>> { (0..n).map(|_| "F1DP".repeat(25).into()).collect() };
        let parts = split(&ids(120)).unwrap();
        assert_eq!(parts.concat().len(), 120);
        assert!(
            parts
                .iter()
                .all(|p| p.len() <= STREAMS_PER_CHANNEL && p.len() * 107 <= QUERY_CHARS)
        );
        assert!(split(&ids(401)).is_none());
    }
}
