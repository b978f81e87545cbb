//! Starts an appliance on a data folder and stops it again.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use async_trait::async_trait;
use iq_api::{ApiOptions, ApiState, HashCost, LogFiles, LogLimits, SessionKeys, WindowKey};
use iq_config::{Config, Overrides};
use iq_connector::ConnectorRegistry;
use iq_connector_eam::EamConnector;
use iq_connector_file::FileConnector;
use iq_connector_opcua::OpcUaConnector;
use iq_connector_pi::PiConnector;
use iq_connector_sql::SqlConnector;
use iq_domain::{Clock, CodedError, TenantId, WallClock};
use iq_historian::{Historian, HistorianConfig};
use iq_listen::{Door, Facts, Listening, LiveCertificate, Open};
use iq_runtime::{DemoPlant, EvidenceParts, Runtime, RuntimeParts, imports::StoredUploads};
use iq_secrets::MasterKey;
use iq_store::Store;
use iq_sync::{Figures, Sync, SyncParts};
use iq_sync_proto::figures::Figure;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    DemoOptions, DemoUser,
    demo::{self, EmbeddedPlant},
    folder::{self, appliance_bytes, appliance_id},
    lock::{self, Claim, DataLock, Owner},
    service::{self, Published},
};

/// How long requests may still run when the appliance stops.
const GRACE: Duration = Duration::from_secs(3);

/// How an appliance is started.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// The data folder; the configuration's when absent.
    pub data_dir: Option<PathBuf>,
    /// Port of the pages; 0 takes a free one, absent takes the configuration's.
    pub port: Option<u16>,
    /// Further host names the pages may be reached by.
    pub allowed_hosts: Vec<String>,
    /// Starts the demo plant with it and sets up the demo tenant.
    pub demo: Option<DemoOptions>,
    /// Files of the log, which go into the data folder.
    pub log: LogFiles,
    /// Lets windows of this machine whose person is of the service's group attach to it.
    pub serves_windows: bool,
}

/// A running appliance.
pub struct Running {
    url: String,
    local: String,
    listening: Listening,
    data_dir: PathBuf,
    runtime: Runtime,
    sync: Sync,
    state: ApiState,
    demo_users: Vec<DemoUser>,
    plant: Option<EmbeddedPlant>,
    stop: CancellationToken,
    server: JoinHandle<()>,
    announcer: JoinHandle<()>,
    _window_key: Option<Published>,
    _lock: Arc<Mutex<DataLock>>,
}

/// Starts an appliance; returns when its pages answer.
///
/// # Errors
/// When the folder is in use, the configuration is wrong, a store can't be opened, or the port is taken.
pub async fn start(options: ServeOptions) -> Result<Running> {
    let config = load_config(&options)?;
    let data_dir = config.data_dir.clone();
    let mut lock = match lock::claim(&data_dir)? {
        Claim::Ours(lock) => lock,
        Claim::Taken(owner) => return Err(in_use(&data_dir, owner).into()),
    };
    folder::require_store(&data_dir)?;
    options.log.open(&data_dir, log_limits(&config));
    let door = open_door(&config, &options.allowed_hosts).await?;
    let listening = door.listening();
    let address = listening.address();
    let plant = match &options.demo {
        Some(demo) => Some(EmbeddedPlant::start(&data_dir, demo).await?),
        None => None,
    };
    let config = Arc::new(finish_config(config, plant.as_ref(), &options)?);
    let (runtime, appliance_id) = open(&data_dir, Arc::clone(&config), plant.as_ref()).await?;
    let sync = start_sync(&runtime, &data_dir, &appliance_id).await?;
    let demo_users = match &plant {
        Some(plant) => demo::set_up(&runtime, plant).await?,
        None => Vec::new(),
    };
    let state = ApiState::new(
        (runtime.clone(), sync.clone()),
        session_keys(&config)?,
        ApiOptions {
            port: address.port(),
            listening: listening.clone(),
            allowed_hosts: options.allowed_hosts,
            appliance_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hash_cost: HashCost::default(),
        },
    )
    .map_err(CodedError::from)?;
    let stop = CancellationToken::new();
    // A page that reads slowly must not keep the machine from shutting down.
    let server = tokio::spawn(door.serve(iq_api::router(state.clone()), stop.clone(), GRACE));
    let scheme = if listening.is_tls() { "https" } else { "http" };
    let url = format!("{scheme}://{}", shown(address));
    // The window on this machine knows no certificate, and on the machine itself it needs none.
    let local = format!("http://{}", shown(address));
    lock.announce(&url, &entry(&local, &state)?)?;
    let window_key = options
        .serves_windows
        .then(|| let_windows_in(&data_dir, &local, &state))
        .flatten();
    let lock = Arc::new(Mutex::new(lock));
    let announcer = tokio::spawn(keep_announced(
        Arc::clone(&lock),
        state.clone(),
        (url.clone(), local.clone()),
    ));
    info!(url, data_dir = %data_dir.display(), "The appliance is ready.");
    Ok(Running {
        url,
        local,
        listening,
        data_dir,
        runtime,
        sync,
        state,
        demo_users,
        plant,
        stop,
        server,
        announcer,
        _window_key: window_key,
        _lock: lock,
    })
}

impl Running {
    /// Address of the pages.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate people have to compare, where the pages are served with one.
    #[must_use]
    pub fn certificate(&self) -> Option<Facts> {
        self.listening.certificate()
    }

    /// Where the pages are open to the network for everyone on it to read along.
    #[must_use]
    pub fn open_without_tls(&self) -> Option<SocketAddr> {
        let is_open = self.listening.is_open_without_tls();
        is_open.then(|| self.listening.address())
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Address that binds a desktop window once; it signs nobody in.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn handoff_url(&self) -> Result<String> {
        entry(&self.local, &self.state)
    }

    /// Users made at this start, with their passwords; empty when they existed.
    #[must_use]
    pub fn demo_users(&self) -> &[DemoUser] {
        &self.demo_users
    }

    /// The runtime.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Sync with the hubs of the tenants.
    #[must_use]
    pub fn sync(&self) -> &Sync {
        &self.sync
    }

    /// Address of the embedded demo plant.
    #[must_use]
    pub fn plant_url(&self) -> Option<&str> {
        self.plant.as_ref().map(EmbeddedPlant::endpoint_url)
    }

    /// Stops reading, waits until everything is durable, closes the stores.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn stop(self) -> Result<()> {
        self.announcer.abort();
        self.state.close_streams();
        self.stop.cancel();
        let served = self.server.await;
        self.sync.stop().await;
        self.runtime.stop().await;
        if let Some(plant) = self.plant {
            plant.stop().await;
        }
        Ok(served?)
    }
}

fn load_config(options: &ServeOptions) -> Result<Config> {
    let overrides = Overrides::new().set(
        "OPTRIA_DATA_DIR",
        options.data_dir.as_ref().map(|d| d.display().to_string()),
    );
    let mut config = Config::from_process(overrides)?;
    if let Some(port) = options.port {
        config.listen.set_port(port);
    }
    if options.demo.is_some() {
        config.demo_mode = true;
    }
    Ok(config)
}

fn log_limits(config: &Config) -> LogLimits {
    LogLimits {
        bytes: config.log_max_bytes,
        files: config.log_files,
        is_json: config.log_json,
    }
}

/// Lets windows of this machine in. A service without windows is a service all the same: where the disk
/// takes nothing, it starts without.
fn let_windows_in(data_dir: &Path, address: &str, state: &ApiState) -> Option<Published> {
    let published = publish_key(data_dir, address, state);
    if let Err(error) = &published {
        warn!("Windows of this machine can't attach: {error:#}");
    }
    published.ok()
}

fn publish_key(data_dir: &Path, address: &str, state: &ApiState) -> Result<Published> {
    let key = WindowKey::random().map_err(CodedError::from)?;
    let published = service::publish(data_dir, address, &key)?;
    state.prove_with(key, address);
    Ok(published)
}

fn in_use(data_dir: &Path, owner: Option<Owner>) -> CodedError {
    let Some(owner) = owner else {
        return CodedError::conflict("data.in_use").with("folder", data_dir.display());
    };
    CodedError::conflict("data.in_use_at")
        .with("folder", data_dir.display())
        .with("pid", owner.pid)
        .with("url", owner.url)
}

/// Opens the port, with the certificate that the configuration asks for.
async fn open_door(config: &Config, allowed_hosts: &[String]) -> Result<Door> {
    let names = names(config, allowed_hosts);
    let (tls, data, called) = (config.tls.clone(), config.data_dir.clone(), names.clone());
    let certificate = tokio::task::spawn_blocking(move || {
        LiveCertificate::open(&tls, &data, &called, Arc::new(WallClock))
    })
    .await??;
    let open = Open {
        listen: config.listen,
        allow_from: config.allow_from.clone(),
        certificate,
        names,
    };
    Door::bind(open)
        .await
        .map_err(|error| not_listening(config.listen, error))
}

/// Why there is no port, in a sentence where it has one. The cause stays with it: a window takes another
/// port where this one is taken.
fn not_listening(address: SocketAddr, error: std::io::Error) -> anyhow::Error {
    match iq_listen::not_listening(address, &error, "--port") {
        Some(told) => anyhow::Error::new(error).context(told),
        None => anyhow::Error::new(error).context(format!("{address} can't be listened on")),
    }
}

/// Every name and address the pages may be reached by.
pub(crate) fn names(config: &Config, allowed_hosts: &[String]) -> Vec<String> {
    let mut given = Vec::from_iter(config.public_host().map(str::to_owned));
    given.extend_from_slice(allowed_hosts);
    iq_listen::names_of_this_machine(&given, config.listen.ip())
}

/// The keys of sessions: from SESSION_SECRET, else from the key this installation made for itself.
fn session_keys(config: &Config) -> Result<SessionKeys> {
    if let Some(secret) = &config.session_secret {
        return Ok(SessionKeys::new(secret.expose().as_bytes()));
    }
    let key =
        MasterKey::load_or_create(&config.data_dir.join("master.key")).map_err(CodedError::from)?;
    Ok(SessionKeys::new(key.derive("session").as_slice()))
}

/// Fills in what is only known now: the plant's address.
fn finish_config(
    mut config: Config,
    plant: Option<&EmbeddedPlant>,
    options: &ServeOptions,
) -> Result<Config> {
    if let Some(plant) = plant {
        config.opcua_endpoint_url = Some(plant.endpoint_url().to_owned());
        config.opcua_username = Some(plant.user().to_owned());
        config.opcua_password = Some(plant.password());
        config.pi_base_url = plant.pi_url().map(str::to_owned);
        config.sap_base_url = plant.sap_url().map(str::to_owned);
    }
    if !config.listen.ip().is_loopback() && options.demo.is_some() {
        return Err(CodedError::invalid("serve.demo_local")
            .with("address", config.listen)
            .into());
    }
    Ok(config)
}

async fn open(
    data_dir: &Path,
    config: Arc<Config>,
    plant: Option<&EmbeddedPlant>,
) -> Result<(Runtime, String)> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let dir = data_dir.to_owned();
    let appliance_id = appliance_id(data_dir)?;
    let appliance = appliance_bytes(&appliance_id)?;
    let (store, evidence, historian, master_key, identity) = {
        let clock = Arc::clone(&clock);
        tokio::task::spawn_blocking(move || -> Result<_> {
            let key =
                MasterKey::load_or_create(&dir.join("master.key")).map_err(CodedError::from)?;
            let key = Arc::new(key);
            let (store, evidence) = iq_runtime::open_store(EvidenceParts {
                folder: dir.clone(),
                appliance,
                machine: machine_id(),
                clock: Arc::clone(&clock),
                master_key: Arc::clone(&key),
            })?;
            let historian = Historian::open(&dir.join("historian.db"), HistorianConfig::default())?;
            let hosts = vec![iq_listen::host_name(), "localhost".to_owned()];
            let identity =
                iq_connector_opcua::ensure_identity(&dir.join("pki"), &hosts, clock.now())?;
            Ok((store, evidence, historian, key, identity))
        })
        .await??
    };
    let demo: Option<Arc<dyn DemoPlant>> = match plant {
        Some(plant) => Some(Arc::new(plant.controls())),
        None if config.demo_mode => crate::plant::from_environment(&config),
        None => None,
    };
    let uploads = Arc::new(StoredUploads::new(store.clone()));
    let runtime = Runtime::start(RuntimeParts {
        store,
        evidence,
        historian,
        config,
        clock,
        master_key,
        connectors: ConnectorRegistry::new()
            .with(Arc::new(OpcUaConnector::new()))
            .with(Arc::new(PiConnector::new()))
            .with(Arc::new(EamConnector::sap_pm()))
            .with(Arc::new(EamConnector::oracle_eam()))
            .with(Arc::new(SqlConnector::new()))
            .with(Arc::new(FileConnector::new(
                data_dir.join("inbox"),
                uploads,
            ))),
        identity: Arc::new(identity),
        plant: demo,
    })
    .await?;
    Ok((runtime, appliance_id))
}

/// Takes up sync with the hubs of all tenants.
async fn start_sync(runtime: &Runtime, data_dir: &Path, appliance_id: &str) -> Result<Sync> {
    let key = MasterKey::load_or_create(&data_dir.join("master.key")).map_err(CodedError::from)?;
    let store = runtime.store().clone();
    let mut parts = sync_parts(store, Arc::new(key), data_dir, appliance_id)?;
    parts.figures = Some(Arc::new(PlantFigures(runtime.clone())));
    parts.historian = Some(runtime.historian().clone());
    Ok(Sync::start(parts).await?)
}

fn sync_parts(
    store: Store,
    master_key: Arc<MasterKey>,
    data_dir: &Path,
    appliance_id: &str,
) -> Result<SyncParts> {
    Ok(SyncParts {
        store,
        clock: Arc::new(WallClock),
        master_key,
        appliance: appliance_bytes(appliance_id)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        folder: data_dir.to_owned(),
        figures: None,
        historian: None,
    })
}

/// What the runtime has to tell the hub.
struct PlantFigures(Runtime);

#[async_trait]
impl Figures for PlantFigures {
    async fn figures(&self, tenant: TenantId, time_zone: &str) -> Result<Vec<Figure>, CodedError> {
        self.0.figures(tenant, time_zone).await
    }
}

/// The store with its evidence log and sync by files, for a command while the appliance is stopped.
pub(crate) fn open_by_hand(data_dir: &Path) -> Result<(Store, Sync)> {
    let id = appliance_id(data_dir)?;
    let key = MasterKey::load_or_create(&data_dir.join("master.key")).map_err(CodedError::from)?;
    let key = Arc::new(key);
    let (store, _) = iq_runtime::open_store(EvidenceParts {
        folder: data_dir.to_owned(),
        appliance: appliance_bytes(&id)?,
        machine: machine_id(),
        clock: Arc::new(WallClock),
        master_key: Arc::clone(&key),
    })?;
    let sync = Sync::by_hand(sync_parts(store.clone(), key, data_dir, &id)?);
    Ok((store, sync))
}

/// The id the system gave this machine, where it gives one.
fn machine_id() -> Option<String> {
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

fn shown(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => format!("127.0.0.1:{}", address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("[::1]:{}", address.port()),
        _ => address.to_string(),
    }
}

fn entry(url: &str, state: &ApiState) -> Result<String> {
    let token = state
        .issue_handoff()
        .map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    Ok(format!("{url}/auth/handoff?t={token}"))
}

/// Puts a fresh one-time address into the lock file whenever a window has used the last one.
async fn keep_announced(
    lock: Arc<Mutex<DataLock>>,
    state: ApiState,
    (url, local): (String, String),
) {
    loop {
        state.handoff_used().await;
        let announced = entry(&local, &state).and_then(|entry| lock.lock().announce(&url, &entry));
        if let Err(error) = announced {
            warn!(%error, "The next window can't be announced.");
        }
    }
}
