//! The plant as a service: an OPC UA server on the simulation, paced against the clock, and the
//! instructor's line.

mod alarms;
mod certificate;
mod pace;
mod publish;
mod space;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use iq_domain::{Clock, CodedError, ErrorKind, Timestamp, WallClock};
use opcua::{
    crypto::SecurityPolicy,
    server::{
        ANONYMOUS_USER_TOKEN_ID, ServerBuilder, ServerEndpoint, ServerHandle, ServerUserToken,
        diagnostics::NamespaceMetadata,
        node_manager::memory::{SimpleNodeManager, simple_node_manager},
    },
    types::MessageSecurityMode,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use certificate::APPLICATION_URI;
pub(crate) use certificate::restrict;

use crate::{
    Plant,
    catalogue::NAMESPACE_URI,
    control,
    pi::{self, PiConfig, PiLink, PiService},
    sap::{self, SapConfig, SapLink, SapService},
    web::{Disturbance, Disturbances, Site, WebService},
};
use pace::Pace;
pub use publish::SendLog;

/// Language of display names; the description carries the other one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlantLocale {
    /// English.
    #[default]
    En,
    /// Arabic.
    Ar,
}

/// How a plant is served.
#[derive(Clone, Debug)]
pub struct PlantConfig {
    /// Folder for certificates and the instructor's token.
    pub folder: PathBuf,
    /// Address to listen on.
    pub bind: IpAddr,
    /// OPC UA port; 0 takes a free one.
    pub port: u16,
    /// Host name in endpoint addresses; the bound address when `None`.
    pub host: Option<String>,
    /// Port of the instructor's line on 127.0.0.1; 0 takes a free one.
    pub control_port: u16,
    /// User name of the OPC UA user.
    pub user: String,
    /// Password of the OPC UA user; without one only anonymous sessions are possible.
    pub password: Option<String>,
    /// Whether anonymous sessions are accepted.
    pub allow_anonymous: bool,
    /// Whether unknown client certificates are accepted; otherwise they land in `pki/rejected`.
    pub trust_client_certs: bool,
    /// Seed of the simulation.
    pub seed: u64,
    /// Plant time begins this long before the present.
    pub start_ago: Duration,
    /// How many times faster than the clock plant time runs until it meets the clock.
    pub catch_up: f64,
    /// How many times faster than the clock plant time runs afterwards.
    pub speed: f64,
    /// Additional tags `LOAD.T00001…` for benchmarks.
    pub extra_tags: u32,
    /// How often each of them changes (in steps of 100 ms).
    pub extra_tags_period: Duration,
    /// Operation limit of the server: nodes per Read, monitored items per call …
    pub max_ops_per_call: usize,
    /// Language of display names.
    pub locale: PlantLocale,
    /// Bad and missing values and clock skew, as in a real plant.
    pub imperfections: bool,
    /// The PI-compatible endpoint; none when absent.
    pub pi: Option<PiConfig>,
    /// The maintenance system; none when absent.
    pub sap: Option<SapConfig>,
}

impl PlantConfig {
    /// The usual demo plant with its files in `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 48_400,
            host: None,
            control_port: 48_401,
            user: "plant".to_owned(),
            password: None,
            allow_anonymous: true,
            trust_client_certs: true,
            seed: 2026,
            start_ago: Duration::ZERO,
            catch_up: 120.0,
            speed: 1.0,
            extra_tags: 0,
            extra_tags_period: Duration::from_secs(1),
            max_ops_per_call: 1_000,
            locale: PlantLocale::En,
            imperfections: true,
            pi: None,
            sap: None,
        }
    }

    /// The same plant on free ports, for tests.
    #[must_use]
    pub fn on_free_ports(mut self) -> Self {
        self.port = 0;
        self.control_port = 0;
        self
    }
}

/// What the pacing task, the instructor's line and the handle share.
pub(crate) struct Shared {
    pub(crate) plant: Mutex<Plant>,
    pub(crate) log: SendLog,
    pub(crate) pace: Mutex<Pace>,
    pub(crate) endpoint_url: String,
    pub(crate) pi: Option<Arc<pi::Inner>>,
    /// Addresses of the web services, for the status.
    pub(crate) pi_url: Option<String>,
    pub(crate) sap: Option<Arc<sap::Inner>>,
    pub(crate) sap_url: Option<String>,
}

impl Shared {
    /// Where disturbances of a web service wait; `None` when it isn't served.
    pub(crate) fn disturbances(&self, service: WebService) -> Option<&Disturbances> {
        match service {
            WebService::Pi => self.pi.as_ref().map(|pi| pi.disturbances()),
            WebService::Sap => self.sap.as_ref().map(|sap| sap.disturbances()),
        }
    }

    /// The plant; a panic while it was stepped ends the service, so the lock is never poisoned here.
    pub(crate) fn plant(&self) -> std::sync::MutexGuard<'_, Plant> {
        self.plant
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Starts plants.
pub struct PlantServer;

/// A served plant; dropping the handle stops it.
pub struct PlantHandle {
    /// Address for OPC UA clients.
    pub endpoint_url: String,
    /// The server's certificate (DER).
    pub certificate_path: PathBuf,
    /// Address of the instructor's line.
    pub control_addr: SocketAddr,
    /// Token of the instructor's line.
    pub control_token: String,
    shared: Arc<Shared>,
    server: ServerHandle,
    tasks: Vec<JoinHandle<()>>,
    pi: Option<PiLink>,
    sap: Option<SapLink>,
}

impl PlantServer {
    /// Starts a plant; when this returns, clients can connect and every tag has a value.
    ///
    /// # Errors
    /// [`CodedError`] `plant.*` when a port is taken, the folder can't be written or the server refuses
    /// its configuration.
    pub async fn start(config: PlantConfig) -> Result<PlantHandle, CodedError> {
        std::fs::create_dir_all(&config.folder).map_err(|e| {
            CodedError::new(ErrorKind::Unavailable, "plant.folder_unusable")
                .with("folder", config.folder.display())
                .with("reason", e)
        })?;
        let listener = listen(config.bind, config.port).await?;
        let control_listener = listen(IpAddr::V4(Ipv4Addr::LOCALHOST), config.control_port).await?;
        let address = local(&listener)?;
        let control_addr = local(&control_listener)?;
        let host = host_name(&config);
        let folder = config.folder.clone();
        let certificate_host = host.clone();
        let certificate_path =
            tokio::task::spawn_blocking(move || certificate::ensure(&folder, &certificate_host))
                .await
                .map_err(|e| refused(e.to_string()))??;
        let (server, handle) = build_server(&config, &host, address.port()).map_err(refused)?;
        let manager = handle
            .node_managers()
            .get_of_type::<SimpleNodeManager>()
            .ok_or_else(|| refused("no node manager".to_owned()))?;
        space::build(
            &mut manager.address_space().write(),
            config.locale,
            config.extra_tags,
        );
        let stop = handle.token().clone();
        let Web { pi, sap } = Web::start(&config, &host, &stop).await?;
        let shared = Arc::new(Shared {
            sap: sap.as_ref().map(|sap| sap.inner.clone()),
            sap_url: sap.as_ref().map(|sap| sap.link.base_url.clone()),
            pi: pi.as_ref().map(|pi| pi.inner.clone()),
            pi_url: pi.as_ref().map(|pi| pi.link.base_url.clone()),
            plant: Mutex::new(new_plant(&config)),
            log: SendLog::new(),
            pace: Mutex::new(Pace::new(&config, WallClock.now())),
            endpoint_url: format!("opc.tcp://{host}:{}/", address.port()),
        });
        let mut publisher =
            publish::Publisher::new(shared.clone(), manager, handle.clone(), &config);
        // Every tag has a value before the first client can ask for it.
        publisher.first_scan();
        let token = control::create_token(&config.folder, control_addr)?;
        let mut tasks = vec![
            tokio::spawn(async move {
                if let Err(error) = server.run_with(listener).await {
                    tracing::error!(error, "the plant's OPC UA server ended");
                }
            }),
            tokio::spawn(publisher.run(stop.clone())),
            tokio::spawn(control::serve(
                control_listener,
                shared.clone(),
                token.clone(),
                stop,
            )),
        ];
        let pi = pi.map(|PiService { link, task, .. }| {
            tasks.push(task);
            link
        });
        let sap = sap.map(|SapService { link, task, .. }| {
            tasks.push(task);
            link
        });
        Ok(PlantHandle {
            endpoint_url: shared.endpoint_url.clone(),
            certificate_path,
            control_addr,
            control_token: token,
            shared,
            server: handle,
            tasks,
            pi,
            sap,
        })
    }
}

impl PlantHandle {
    /// Runs a closure on the plant itself (faults, scenarios, true values).
    pub fn with_plant<T>(&self, f: impl FnOnce(&mut Plant) -> T) -> T {
        f(&mut self.shared.plant())
    }

    /// How the PI-compatible endpoint is reached, if it is served.
    #[must_use]
    pub fn pi(&self) -> Option<&PiLink> {
        self.pi.as_ref()
    }

    /// How the maintenance system is reached, if it is served.
    #[must_use]
    pub fn sap(&self) -> Option<&SapLink> {
        self.sap.as_ref()
    }

    /// Disturbs the next `times` requests to a web service whose path contains `path`; nothing happens
    /// when the service isn't served.
    pub fn disturb(&self, service: WebService, kind: Disturbance, times: u32, path: Option<&str>) {
        if let Some(waiting) = self.shared.disturbances(service) {
            waiting.arm(kind, times, path.map(str::to_owned));
        }
    }

    /// Counts of what was published.
    #[must_use]
    pub fn send_log(&self) -> &SendLog {
        &self.shared.log
    }

    /// Plant time.
    #[must_use]
    pub fn plant_time(&self) -> Timestamp {
        self.shared.plant().now()
    }

    /// Stops the plant and waits until its ports are free.
    pub async fn stop(mut self) {
        self.server.cancel();
        for task in std::mem::take(&mut self.tasks) {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a task of the plant ended badly");
            }
        }
    }

    /// Returns when the plant has stopped by itself or by [`PlantHandle::cancel`].
    pub async fn stopped(&self) {
        self.server.token().cancelled().await;
    }

    /// Asks the plant to stop without waiting.
    pub fn cancel(&self) {
        self.server.cancel();
    }
}

impl Drop for PlantHandle {
    fn drop(&mut self) {
        self.server.cancel();
    }
}

/// The web services of a plant, as far as they are wanted.
struct Web {
    pi: Option<PiService>,
    sap: Option<SapService>,
}

impl Web {
    async fn start(
        config: &PlantConfig,
        host: &str,
        stop: &CancellationToken,
    ) -> Result<Self, CodedError> {
        let site = Site {
            bind: config.bind,
            host,
            folder: &config.folder,
            seed: config.seed,
            stop,
        };
        let pi = match config.pi.clone() {
            Some(wanted) => Some(pi::start(wanted, &site).await?),
            None => None,
        };
        let sap = match config.sap.clone() {
            Some(wanted) => Some(sap::start(wanted, &site).await?),
            None => None,
        };
        Ok(Self { pi, sap })
    }
}

fn refused(reason: String) -> CodedError {
    CodedError::new(ErrorKind::Unavailable, "plant.server_refused").with("reason", reason)
}

pub(crate) async fn listen(bind: IpAddr, port: u16) -> Result<TcpListener, CodedError> {
    TcpListener::bind((bind, port)).await.map_err(|e| {
        CodedError::new(ErrorKind::Conflict, "plant.port_unusable")
            .with("address", SocketAddr::from((bind, port)))
            .with("reason", e)
    })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, CodedError> {
    listener.local_addr().map_err(|e| refused(e.to_string()))
}

fn host_name(config: &PlantConfig) -> String {
    config.host.clone().unwrap_or_else(|| {
        if config.bind.is_unspecified() {
            "localhost".to_owned()
        } else {
            config.bind.to_string()
        }
    })
}

fn new_plant(config: &PlantConfig) -> Plant {
    let ago = i64::try_from(config.start_ago.as_millis()).unwrap_or(0);
    let start = WallClock.now().plus_ms(-ago);
    let mut plant = Plant::new(
        config.seed,
        Timestamp(start.millis() - start.millis().rem_euclid(1_000)),
    );
    plant.set_imperfections(config.imperfections);
    plant
}

fn build_server(
    config: &PlantConfig,
    host: &str,
    port: u16,
) -> Result<(opcua::server::Server, ServerHandle), String> {
    let (pki, ..) = certificate::paths(&config.folder);
    let mut users: Vec<String> = Vec::new();
    if config.allow_anonymous {
        users.push(ANONYMOUS_USER_TOKEN_ID.to_owned());
    }
    let mut builder = ServerBuilder::new()
        .application_name("OPTRIA IQ demo plant")
        .application_uri(APPLICATION_URI)
        .product_uri("urn:optria:demo-plant")
        .host(host)
        .port(port)
        .pki_dir(pki)
        .certificate_path("own/cert.der")
        .private_key_path("private/private.pem")
        .trust_client_certs(config.trust_client_certs)
        .locale_ids(vec!["en".to_owned(), "ar".to_owned()])
        .discovery_urls(vec![format!("opc.tcp://{host}:{port}/")])
        .subscription_poll_interval_ms(50)
        .with_node_manager(simple_node_manager(
            NamespaceMetadata {
                namespace_uri: NAMESPACE_URI.to_owned(),
                ..Default::default()
            },
            "plant",
        ));
    if let Some(password) = &config.password {
        users.push("plant".to_owned());
        builder = builder.add_user_token(
            "plant",
            ServerUserToken::user_pass(config.user.as_str(), password.as_str()),
        );
    }
    for (id, policy, mode) in endpoints() {
        let endpoint = ServerEndpoint::new("/", policy, mode, &users);
        builder = builder.add_endpoint(id, endpoint);
    }
    set_limits(&mut builder, config.max_ops_per_call);
    builder.build()
}

fn endpoints() -> [(&'static str, SecurityPolicy, MessageSecurityMode); 7] {
    use MessageSecurityMode::{Sign, SignAndEncrypt};
    [
        ("none", SecurityPolicy::None, MessageSecurityMode::None),
        ("basic256sha256_sign", SecurityPolicy::Basic256Sha256, Sign),
        (
            "basic256sha256_encrypt",
            SecurityPolicy::Basic256Sha256,
            SignAndEncrypt,
        ),
        ("aes128_sign", SecurityPolicy::Aes128Sha256RsaOaep, Sign),
        (
            "aes128_encrypt",
            SecurityPolicy::Aes128Sha256RsaOaep,
            SignAndEncrypt,
        ),
        ("aes256_sign", SecurityPolicy::Aes256Sha256RsaPss, Sign),
        (
            "aes256_encrypt",
            SecurityPolicy::Aes256Sha256RsaPss,
            SignAndEncrypt,
        ),
    ]
}

fn set_limits(builder: &mut ServerBuilder, per_call: usize) {
    let limits = builder.limits_mut();
    limits.max_array_length = 100_000;
    limits.max_message_size = 16 * 1024 * 1024;
    limits.max_chunk_count = 256;
    limits.max_sessions = 50;
    let subscriptions = &mut limits.subscriptions;
    subscriptions.max_subscriptions_per_session = 100;
    // 0 lets a client ask for "every change"; the library would otherwise hold values back.
    subscriptions.min_sampling_interval_ms = 0.0;
    subscriptions.min_publishing_interval_ms = 50.0;
    subscriptions.max_monitored_items_per_sub = 0;
    subscriptions.max_monitored_item_queue_size = 10_000;
    subscriptions.max_pending_publish_requests = 100;
    subscriptions.max_publish_requests_per_subscription = 20;
    // Here 0 would not mean "no limit" but "drop each message but the last".
    subscriptions.max_queued_notifications = 10_000;
    subscriptions.max_notifications_per_publish = 1_000;
    let operations = &mut limits.operational;
    operations.max_nodes_per_read = per_call;
    operations.max_nodes_per_write = per_call;
    operations.max_nodes_per_browse = per_call;
    operations.max_nodes_per_register_nodes = per_call;
    operations.max_monitored_items_per_call = per_call;
    operations.max_nodes_per_translate_browse_paths_to_node_ids = per_call;
    operations.max_nodes_per_method_call = per_call;
}
