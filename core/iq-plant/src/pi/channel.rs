//! Channels: new values of streams over a websocket, as they come.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::pi::{
    Inner, Update,
    archive::Event,
    params::{Params, Refusal},
    streams::{Stream, timed},
};

/// How often what has come is sent.
const POLL: Duration = Duration::from_millis(500);
/// "Internal error" of the websocket protocol: the caller was too slow.
const TOO_SLOW: u16 = 1011;

/// What a channel sends.
pub(crate) struct Channel {
    streams: Vec<Stream>,
    initial: bool,
    /// Polls between two empty messages; 0 sends none.
    heartbeat: usize,
}

impl Channel {
    /// Reads what the request asks for.
    pub(crate) fn open(inner: &Inner, path: &[String], params: &Params) -> Result<Self, Refusal> {
        let set = path[0].eq_ignore_ascii_case("streamsets");
        let streams = match (set, path.len()) {
            (true, 2) => inner.streams(None, params, false)?,
            (true, _) => inner.streams(Some(&path[1]), params, false)?,
            (false, 3) => vec![inner.stream(&path[1], false)?],
            (false, _) => return Err(Refusal::new(404, "The channel could not be found.")),
        };
        Ok(Self {
            streams: streams.into_iter().filter(|s| s.point.is_some()).collect(),
            initial: params.flag("includeInitialValues")?,
            heartbeat: params.count("heartbeatRate", 0, 100_000)?,
        })
    }

    /// Sends until the caller, or the plant, ends it.
    pub(crate) async fn run(self, inner: Arc<Inner>, mut socket: WebSocket) {
        let updates = inner.updates.subscribe();
        let end = self.send_all(&inner, &mut socket, updates).await;
        let frame = end.map(|reason| CloseFrame {
            code: TOO_SLOW,
            reason: reason.into(),
        });
        // The caller may be gone already.
        drop(socket.send(Message::Close(frame)).await);
    }

    async fn send_all(
        &self,
        inner: &Inner,
        socket: &mut WebSocket,
        mut updates: Receiver<Update>,
    ) -> Option<&'static str> {
        if self.initial {
            let first: BTreeMap<usize, Vec<Event>> = self
                .streams
                .iter()
                .filter_map(|s| Some((s.point?, vec![inner.series(s.point?).snapshot()?])))
                .collect();
            socket.send(self.message(inner, &first)).await.ok()?;
        }
        let mut tick = tokio::time::interval(POLL);
        let mut waiting: BTreeMap<usize, Vec<Event>> = BTreeMap::new();
        let mut quiet = 0;
        loop {
            tokio::select! {
                () = inner.stop.cancelled() => return None,
                update = updates.recv() => match update {
                    Ok(Update { point, event }) => {
                        if self.streams.iter().any(|s| s.point == Some(point)) {
                            waiting.entry(point).or_default().push(event);
                        }
                    }
                    Err(RecvError::Lagged(_)) => return Some("too slow"),
                    Err(RecvError::Closed) => return None,
                },
                message = socket.recv() => match message {
                    // A caller has nothing to say on a channel but that it is leaving.
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => {}
                },
                _ = tick.tick() => {
                    quiet += 1;
                    let due = self.heartbeat > 0 && quiet >= self.heartbeat;
                    if !waiting.is_empty() || due {
                        quiet = 0;
                        let message = self.message(inner, &waiting);
                        waiting.clear();
                        socket.send(message).await.ok()?;
                    }
                }
            }
        }
    }

    fn message(&self, inner: &Inner, events: &BTreeMap<usize, Vec<Event>>) -> Message {
        let items: Vec<Value> = self
            .streams
            .iter()
            .filter_map(|stream| {
                let at = stream.point?;
                let events = events.get(&at)?;
                let point = &inner.model.points[at];
                let series = inner.series(at);
                let values: Vec<Value> = events.iter().map(|e| timed(point, &series, *e)).collect();
                Some(json!({
                    "WebId": stream.web_id, "Name": stream.name, "Path": stream.path,
                    "Links": { "Source": format!("{}/streams/{}", inner.base, stream.web_id) },
                    "Items": values, "UnitsAbbreviation": point.units,
                }))
            })
            .collect();
        Message::Text(json!({ "Links": {}, "Items": items }).to_string().into())
    }
}
