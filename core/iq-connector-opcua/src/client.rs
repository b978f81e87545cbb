//! One connection to one server: trust first, then channel and session, then what is learnt from the
//! server before anything else (namespaces, operation limits).

use std::{sync::Arc, time::Duration};

use futures::TryStreamExt;
use iq_connector::{ConnectorContext, ExposeSecret, RequestMeter};
use iq_domain::{Clock, CodedError, ErrorKind, Timestamp};
use opcua::{
    client::{
        Client, ClientBuilder, IdentityToken, Session, SessionConnectMode, SessionEventLoop,
        SessionPollResult, UARequest, services::Read,
    },
    crypto::{PrivateKey, X509},
    types::{
        AttributeId, DataValue, EndpointDescription, Error, NodeId, ReadValueId, StatusCode,
        TimestampsToReturn, Variant,
    },
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    config::{Identity, SecurityMode, Settings, host_and_port},
    endpoint::{cancelled, choose, discover, with_limits},
    error::{Doing, from_status},
    nodeid::Namespaces,
    scratch::ScratchDir,
    transport::{BoundedConnector, BoundedSource},
    trust::{self, Judged},
    value::moment,
};

/// Longest time until a session stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time for a single request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// No request is larger, whatever the server allows.
const MAX_PER_CALL: usize = 1_000;

/// What the library reports about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// The transport broke; the library tries to come back.
    Lost(StatusCode),
    /// It failed to.
    RetryFailed(StatusCode),
    /// It came back with the same session: subscriptions are alive.
    Resumed,
    /// It came back with a new session: subscriptions are gone.
    NewSession,
    /// It gave up.
    Ended(StatusCode),
}

/// What the server allows per call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) read: usize,
    pub(crate) browse: usize,
    pub(crate) monitor: usize,
}

/// What is known about a standing session; shared with browsing, so that a server sees one session.
pub(crate) struct Core {
    pub(crate) session: Arc<Session>,
    pub(crate) namespaces: Namespaces,
    pub(crate) limits: Limits,
    pub(crate) meter: Arc<RequestMeter>,
    pub(crate) host: String,
}

/// A standing session with the task that drives it.
pub(crate) struct Link {
    pub(crate) core: Arc<Core>,
    pub(crate) events: mpsc::UnboundedReceiver<LinkEvent>,
    driver: Driver,
    _scratch: ScratchDir,
}

impl Core {
    /// The coded error for a status a service of this session answered.
    pub(crate) fn coded(&self, status: StatusCode) -> CodedError {
        from_status(status, Doing::Service, &self.host)
    }

    /// One read request; the answer has one entry per node.
    pub(crate) async fn read(
        &self,
        nodes: Vec<ReadValueId>,
        times: TimestampsToReturn,
    ) -> Result<Vec<DataValue>, CodedError> {
        read(&self.session, &self.meter, nodes, times)
            .await
            .map_err(|e| self.coded(e.status()))
    }

    /// Any number of nodes, in as many requests as the limits ask for.
    pub(crate) async fn read_many(
        &self,
        nodes: Vec<ReadValueId>,
        times: TimestampsToReturn,
    ) -> Result<Vec<DataValue>, CodedError> {
        let mut answers = Vec::with_capacity(nodes.len());
        for part in nodes.chunks(self.limits.read.max(1)) {
            answers.extend(self.read(part.to_vec(), times).await?);
        }
        Ok(answers)
    }
}

/// Discovers, chooses, judges: everything that comes before a byte of ours depends on the server.
pub(crate) async fn prepare(
    ctx: &ConnectorContext,
    settings: &Settings,
) -> Result<(EndpointDescription, Option<Judged>), CodedError> {
    let endpoints = discover(ctx, &settings.url).await?;
    let endpoint = choose(&endpoints, settings)?;
    let judged = judge(ctx, settings, &endpoint).await?;
    Ok((endpoint, judged))
}

/// The trust decision for an endpoint; `None` where nothing is protected and a person accepted that.
pub(crate) async fn judge(
    ctx: &ConnectorContext,
    settings: &Settings,
    endpoint: &EndpointDescription,
) -> Result<Option<Judged>, CodedError> {
    if settings.mode == SecurityMode::None {
        return Ok(None);
    }
    let (host, _) =
        host_and_port(&settings.url).ok_or_else(|| CodedError::invalid("opcua.address_invalid"))?;
    let der = endpoint.server_certificate.as_ref();
    let application_uri = endpoint.server.application_uri.as_ref();
    trust::judge(ctx, der, application_uri, &host)
        .await
        .map(Some)
}

fn identity_token(settings: &Settings) -> Result<IdentityToken, CodedError> {
    match &settings.identity {
        Identity::Anonymous => Ok(IdentityToken::Anonymous),
        Identity::User { name, password } => {
            // Checked where it matters, whatever the validation before: not over an open channel.
            if settings.mode == SecurityMode::None {
                return Err(CodedError::invalid("opcua.username_over_none"));
            }
            Ok(IdentityToken::new_user_name(
                name.as_str(),
                password.expose_secret(),
            ))
        }
        Identity::Certificate {
            certificate_pem,
            key_pem,
        } => {
            if settings.mode == SecurityMode::None {
                return Err(CodedError::invalid("opcua.certificate_over_none"));
            }
            let certificate = trust::leaf_from_pem(certificate_pem)
                .and_then(|der| X509::from_der(&der).ok())
                .ok_or_else(|| CodedError::invalid("opcua.user_certificate_unreadable"))?;
            let key = PrivateKey::from_pem(key_pem.expose_secret().as_bytes())
                .map_err(|_| CodedError::invalid("opcua.user_key_unreadable"))?;
            Ok(IdentityToken::new_x509(certificate, key))
        }
    }
}

/// The library's client as we need it.
fn session_client(ctx: &ConnectorContext, scratch: &ScratchDir) -> Result<Client, CodedError> {
    with_limits(ClientBuilder::new())
        .application_name(crate::identity::APPLICATION_NAME)
        .application_uri(ctx.identity.application_uri.clone())
        .product_uri("urn:optria:iq")
        .session_name(format!("OPTRIA IQ {}", ctx.integration_id))
        .pki_dir(scratch.path())
        .certificate_path(ctx.identity.certificate_path.clone())
        .private_key_path(ctx.identity.private_key_path.clone())
        .trust_server_certs(false)
        // Dates, names and application address are checked by `trust`; the exact pin stays on.
        .verify_server_certs(false)
        // The library's own way of re-creating subscriptions leaves them silent.
        .recreate_subscriptions(false)
        .session_retry_limit(-1)
        .session_retry_initial(Duration::from_millis(500))
        .session_retry_max(Duration::from_secs(5))
        .keep_alive_interval(Duration::from_secs(5))
        .max_failed_keep_alive_count(2)
        .request_timeout(REQUEST_TIMEOUT)
        .session_timeout(60_000)
        .client()
        .map_err(|e| {
            CodedError::new(ErrorKind::Internal, "opcua.failed").with("status", e.join(" "))
        })
}

/// The task that drives a session; it ends with its owner, wherever that is dropped.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Polls the library's event loop, without which nothing moves, and passes on what matters.
async fn drive(
    event_loop: SessionEventLoop<BoundedConnector>,
    sender: mpsc::UnboundedSender<LinkEvent>,
) {
    let stream = event_loop.enter();
    futures::pin_mut!(stream);
    loop {
        let event = match stream.try_next().await {
            Ok(Some(SessionPollResult::ConnectionLost(code))) => LinkEvent::Lost(code),
            Ok(Some(SessionPollResult::ReconnectFailed(code))) => LinkEvent::RetryFailed(code),
            Ok(Some(SessionPollResult::Reconnected(mode))) => match mode {
                SessionConnectMode::NewSession(_) => LinkEvent::NewSession,
                SessionConnectMode::ReactivatedSession(_) => LinkEvent::Resumed,
            },
            Ok(Some(_)) => continue,
            Ok(None) => LinkEvent::Ended(StatusCode::Good),
            Err(code) => LinkEvent::Ended(code),
        };
        let is_end = matches!(event, LinkEvent::Ended(_));
        if sender.send(event).is_err() || is_end {
            return;
        }
    }
}

/// Waits for the session, or for the first reason why there will be none: the library's own wait
/// never returns when connecting fails for good.
async fn established(
    ctx: &ConnectorContext,
    events: &mut mpsc::UnboundedReceiver<LinkEvent>,
    host: &str,
) -> Result<(), CodedError> {
    let refused = |code| CodedError::new(ErrorKind::Upstream, code).with("host", host);
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(CONNECT_TIMEOUT, events.recv()) => outcome,
        () = ctx.cancel.cancelled() => return Err(cancelled()),
    };
    match outcome {
        Ok(Some(LinkEvent::NewSession | LinkEvent::Resumed)) => Ok(()),
        Ok(Some(LinkEvent::RetryFailed(code) | LinkEvent::Ended(code) | LinkEvent::Lost(code))) => {
            Err(from_status(code, Doing::Session, host))
        }
        Ok(None) => Err(refused("opcua.connection_lost")),
        Err(_) => Err(refused("opcua.timeout")),
    }
}

impl Link {
    /// Discovery, trust and session in one go.
    pub(crate) async fn open(
        ctx: &ConnectorContext,
        settings: &Settings,
        meter: Arc<RequestMeter>,
    ) -> Result<Self, CodedError> {
        let (endpoint, judged) = prepare(ctx, settings).await?;
        Self::open_endpoint(ctx, settings, endpoint, judged.as_ref(), meter).await
    }

    /// Opens a session at an endpoint whose certificate was judged.
    pub(crate) async fn open_endpoint(
        ctx: &ConnectorContext,
        settings: &Settings,
        endpoint: EndpointDescription,
        judged: Option<&Judged>,
        meter: Arc<RequestMeter>,
    ) -> Result<Self, CodedError> {
        let host = host_and_port(&settings.url)
            .map(|(host, _)| host)
            .unwrap_or_default();
        let scratch = ScratchDir::new(ctx)?;
        if let Some(judged) = judged {
            scratch.accept(&judged.presented.der)?;
        }
        let identity = identity_token(settings)?;
        let client = session_client(ctx, &scratch)?;
        let (session, event_loop) = client
            .session_builder()
            .with_connector(BoundedSource)
            .connect_to_endpoint_directly(endpoint)
            .map(|builder| builder.user_identity_token(identity))
            .and_then(|builder| builder.build(client.certificate_store().clone()))
            .map_err(|e| from_status(e.status(), Doing::Session, &host))?;
        let (sender, mut events) = mpsc::unbounded_channel();
        let driver = Driver(tokio::spawn(drive(event_loop, sender)));
        established(ctx, &mut events, &host)
            .await
            .map_err(|error| match (error.code, &settings.identity) {
                // Servers differ in the word they have for a wrong password.
                ("opcua.identity_rejected", Identity::User { .. }) => {
                    CodedError::new(ErrorKind::Upstream, "auth.bad_credentials")
                }
                _ => error,
            })?;
        let mut link = Self {
            core: Arc::new(Core {
                session: session.clone(),
                namespaces: Namespaces::default(),
                limits: Limits {
                    read: 1,
                    browse: 1,
                    monitor: 1,
                },
                meter: meter.clone(),
                host: host.clone(),
            }),
            events,
            driver,
            _scratch: scratch,
        };
        match learn(&link.core, settings).await {
            Ok((namespaces, limits)) => {
                link.core = Arc::new(Core {
                    session,
                    namespaces,
                    limits,
                    meter,
                    host,
                });
                Ok(link)
            }
            Err(error) => {
                link.close().await;
                Err(error)
            }
        }
    }

    /// Whether the library still works on this connection.
    pub(crate) fn is_alive(&self) -> bool {
        !self.driver.0.is_finished()
    }

    /// Closes the session with its subscriptions, politely and in bounded time.
    pub(crate) async fn close(self) {
        let goodbye =
            tokio::time::timeout(Duration::from_secs(3), self.core.session.disconnect()).await;
        if !matches!(goodbye, Ok(Ok(()))) {
            tracing::debug!(host = %self.core.host, "session was not closed cleanly");
        }
    }
}

/// Reads the namespace table and the operation limits. Limits a server does not state are taken as
/// our own.
async fn learn(core: &Core, settings: &Settings) -> Result<(Namespaces, Limits), CodedError> {
    let nodes = [2255u32, 11705, 11710, 11714].map(|id| value_of(NodeId::new(0, id)));
    let answers = core
        .read(nodes.to_vec(), TimestampsToReturn::Neither)
        .await?;
    let uris = match answers.first().and_then(|a| a.value.as_ref()) {
        Some(Variant::Array(array)) => array
            .values
            .iter()
            .map(|v| {
                if let Variant::String(s) = v {
                    s.as_ref().to_owned()
                } else {
                    String::new()
                }
            })
            .collect(),
        _ => {
            return Err(CodedError::new(
                ErrorKind::Upstream,
                "opcua.namespaces_unreadable",
            ));
        }
    };
    let limit = |index: usize| {
        let stated = answers
            .get(index)
            .and_then(|a| a.value.as_ref())
            .and_then(as_count);
        stated
            .filter(|n| *n > 0)
            .unwrap_or(MAX_PER_CALL)
            .min(settings.max_per_request)
    };
    Ok((
        Namespaces::new(uris),
        Limits {
            read: limit(1),
            browse: limit(2),
            monitor: limit(3),
        },
    ))
}

/// The value attribute of a node.
pub(crate) fn value_of(node_id: NodeId) -> ReadValueId {
    attribute_of(node_id, AttributeId::Value)
}

/// An attribute of a node.
pub(crate) fn attribute_of(node_id: NodeId, attribute: AttributeId) -> ReadValueId {
    ReadValueId {
        node_id,
        attribute_id: attribute as u32,
        ..Default::default()
    }
}

/// One read request; the answer has one entry per node.
async fn read(
    session: &Session,
    meter: &RequestMeter,
    nodes: Vec<ReadValueId>,
    times: TimestampsToReturn,
) -> Result<Vec<DataValue>, Error> {
    let count = nodes.len();
    meter.count(count);
    let answer = Read::new(session)
        .nodes_to_read(nodes)
        .timestamps_to_return(times)
        .send(session.channel())
        .await?;
    let results = answer.results.unwrap_or_default();
    if results.len() == count {
        Ok(results)
    } else {
        Err(Error::new(
            StatusCode::BadUnknownResponse,
            "wrong number of results",
        ))
    }
}

fn as_count(value: &Variant) -> Option<usize> {
    match value {
        Variant::UInt32(n) => usize::try_from(*n).ok(),
        Variant::UInt16(n) => Some(usize::from(*n)),
        Variant::Int32(n) => usize::try_from(*n).ok(),
        _ => None,
    }
}

/// The server's clock against ours: (offset, half the round trip), both in ms. The time stamp of the
/// answer is used: the current-time variable of some servers moves once a second only.
pub(crate) async fn measure_clock(core: Arc<Core>, clock: Arc<dyn Clock>) -> Option<(i64, i64)> {
    core.meter.count(1);
    let started = std::time::Instant::now();
    let answer = Read::new(&core.session)
        .node(value_of(NodeId::new(0, 2258u32)))
        .send(core.session.channel())
        .await
        .ok()?;
    let half = i64::try_from(started.elapsed().as_millis()).ok()? / 2 + 1;
    let now: Timestamp = clock.now();
    let theirs = moment(&answer.response_header.timestamp, None)?;
    Some((theirs.since_ms(now.plus_ms(-half)), half))
}
