//! Starts an instance on a migrated database and stops it again.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use iq_auth::HashCost;
use iq_config::Config;
use iq_domain::{CodedError, ErrorKind, WallClock};
use iq_listen::{Door, Listening, LiveCertificate, Open};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    app::retention,
    http,
    state::{Hub, HubOptions},
    store::Store,
};

/// Connections of one instance.
const CONNECTIONS: u32 = 16;

/// How long requests may still run when an instance stops: a batch of an appliance among them.
const GRACE: Duration = Duration::from_secs(60);

/// How an instance is started.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// Address people and appliances reach it by.
    pub public_url: Option<String>,
    /// Connections to the database; 16 when absent.
    pub connections: Option<u32>,
    /// What a password hash costs; the default when absent.
    pub hash_cost: Option<HashCost>,
    /// The newest version of the sync protocol that is spoken; this program's when absent.
    pub newest_proto: Option<u32>,
}

/// A running instance.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    hub: Hub,
    stop: CancellationToken,
    /// What is known of the port.
    pub listening: Listening,
    server: JoinHandle<()>,
    cleaning: JoinHandle<()>,
}

/// The state of an instance, after every check that must come before serving.
///
/// # Errors
/// When a required secret is missing, the database can't be used, its role is too powerful, or its
/// schema is not this program's.
pub async fn open(
    config: Config,
    options: &ServeOptions,
    listening: Listening,
) -> Result<Hub, CodedError> {
    config.require_for_hub()?;
    let store = open_store(&config, options.connections.unwrap_or(CONNECTIONS)).await?;
    store.check_before_serving().await?;
    Hub::new(
        store,
        config,
        HubOptions {
            public_url: options.public_url.clone(),
            port: listening.address().port(),
            listening,
            hash_cost: options.hash_cost.unwrap_or_default(),
            newest_proto: options.newest_proto.unwrap_or(iq_sync_proto::PROTO),
        },
        Arc::new(WallClock),
    )
}

async fn open_store(config: &Config, connections: u32) -> Result<Store, CodedError> {
    // sqlx and others may bring two providers of cryptography; the first one installed counts.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let Some(database) = &config.database else {
        let error = CodedError::new(ErrorKind::Invalid, "config.missing");
        return Err(error.with("names", "DATABASE_URL"));
    };
    Store::open(database, connections).await.map_err(|error| {
        tracing::error!(%error, "The database can't be opened.");
        error.into()
    })
}

/// Starts an instance; returns when it answers.
///
/// # Errors
/// As [`open`], and when the address can't be listened on.
pub async fn start(config: Config, options: ServeOptions) -> Result<Running> {
    let options = ServeOptions {
        public_url: options.public_url.or_else(|| config.public_url.clone()),
        ..options
    };
    check_public_url(options.public_url.as_deref())?;
    let door = open_door(&config, options.public_url.as_deref()).await?;
    let listening = door.listening();
    let address = listening.address();
    let hub = open(config, &options, listening.clone()).await?;
    let stop = CancellationToken::new();
    let server = tokio::spawn(door.serve(http::router(hub.clone()), stop.clone(), GRACE));
    let cleaning = tokio::spawn(retention::run(hub.clone(), stop.clone()));
    info!(%address, "The hub is ready.");
    Ok(Running {
        address,
        listening,
        hub,
        stop,
        server,
        cleaning,
    })
}

/// A name alone is no address: the hub would answer to no name, and its cookie would not be `Secure`.
fn check_public_url(url: Option<&str>) -> Result<(), CodedError> {
    let Some(url) = url.filter(|url| !is_web_address(url)) else {
        return Ok(());
    };
    Err(CodedError::invalid("config.bad_value")
        .with("name", "OPTRIA_PUBLIC_URL")
        .with("value", url)
        .with("allowed", "https://hub.example"))
}

fn is_web_address(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, rest)| {
        let is_web = |known: &str| scheme.eq_ignore_ascii_case(known);
        (is_web("https") || is_web("http")) && !rest.is_empty() && !rest.starts_with('/')
    })
}

/// Opens the port, with the certificate that the configuration asks for.
async fn open_door(config: &Config, public_url: Option<&str>) -> Result<Door> {
    let public = public_url.and_then(crate::state::host_of);
    let names = iq_listen::names_of_this_machine(public.as_slice(), config.listen.ip());
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
    Door::bind(open).await.map_err(|error| {
        match iq_listen::not_listening(config.listen, &error, "--listen") {
            Some(told) => told.into(),
            None => {
                anyhow::Error::new(error).context(format!("{} can't be listened on", config.listen))
            }
        }
    })
}

impl Running {
    /// Stops taking requests, finishes those that run, closes the pool.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.server.await?;
        self.cleaning.await?;
        self.hub.store.close().await;
        Ok(())
    }
}
