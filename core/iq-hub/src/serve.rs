//! Starts an instance on a migrated database and stops it again.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use iq_auth::HashCost;
use iq_config::Config;
use iq_domain::{CodedError, ErrorKind, WallClock};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    http,
    state::{Hub, HubOptions},
    store::Store,
};

/// Connections of one instance.
const CONNECTIONS: u32 = 16;

/// How an instance is started.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// Address people and appliances reach it by.
    pub public_url: Option<String>,
    /// Connections to the database; 16 when absent.
    pub connections: Option<u32>,
    /// What a password hash costs; the default when absent.
    pub hash_cost: Option<HashCost>,
}

/// A running instance.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    hub: Hub,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

/// The state of an instance, after every check that must come before serving.
///
/// # Errors
/// When a required secret is missing, the database can't be used, its role is too powerful, or its
/// schema is not this program's.
pub async fn open(config: Config, options: &ServeOptions, port: u16) -> Result<Hub, CodedError> {
    config.require_for_hub()?;
    let store = open_store(&config, options.connections.unwrap_or(CONNECTIONS)).await?;
    store.check_before_serving().await?;
    Hub::new(
        store,
        config,
        HubOptions {
            public_url: options.public_url.clone(),
            port,
            hash_cost: options.hash_cost.unwrap_or_default(),
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
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} can't be listened on", config.listen))?;
    let address = listener.local_addr()?;
    let hub = open(config, &options, address.port()).await?;
    let app = http::router(hub.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let server = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move { stopped.cancelled().await })
            .await
    });
    info!(%address, "The hub is ready.");
    Ok(Running {
        address,
        hub,
        stop,
        server,
    })
}

impl Running {
    /// Stops taking requests, finishes those that run, closes the pool.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.server.await??;
        self.hub.store.close().await;
        Ok(())
    }
}
