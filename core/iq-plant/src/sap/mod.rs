//! The plant's maintenance system: equipment, functional locations, orders and notifications as OData
//! V2, with the token dance, versions and paging of the original. Built from its published field lists
//! and the documented wire; it shares nothing with any client.

mod book;
mod change;
mod filter;
mod gate;
mod query;
mod schema;
mod seed;
mod session;
mod value;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use iq_domain::{Clock, CodedError, WallClock};
use tokio::task::JoinHandle;

use crate::web::{self, Disturbances, Site, WebAddress, WebConfig};
use book::Book;
pub use seed::{equipment_number, in_service_since};
use session::Sessions;

/// The client (tenant) of the system.
pub const CLIENT: &str = "100";
/// File in the plant's folder that keeps orders and notifications.
const FILE: &str = "sap.json";

/// How the maintenance system is served.
#[derive(Clone, Debug)]
pub struct SapConfig {
    /// Port and TLS.
    pub web: WebConfig,
    /// Communication user of the Basic method.
    pub user: String,
    /// Its password; without one the method is off.
    pub password: Option<String>,
    /// Id and secret of the OAuth2 client; without them that method is off.
    pub oauth: Option<(String, String)>,
    /// How long an OAuth2 token is valid, in seconds.
    pub token_seconds: u64,
    /// Rows of a page unless the caller wants fewer.
    pub page_size: usize,
}

impl Default for SapConfig {
    fn default() -> Self {
        Self {
            web: WebConfig { port: 0, tls: true },
            user: "OPTRIA".to_owned(),
            password: None,
            oauth: None,
            token_seconds: 3_600,
            page_size: 50,
        }
    }
}

/// How the running system is reached.
#[derive(Clone, Debug)]
pub struct SapLink {
    /// Scheme, host and port.
    pub base_url: String,
    /// Address of the OAuth2 token endpoint.
    pub token_url: String,
    /// Listener and certificate.
    pub web: WebAddress,
}

/// The system's state.
pub(crate) struct Inner {
    config: SapConfig,
    origin: String,
    file: PathBuf,
    book: Mutex<Book>,
    sessions: Mutex<Sessions>,
    disturbances: Disturbances,
}

/// The running system.
pub(crate) struct SapService {
    pub(crate) link: SapLink,
    pub(crate) inner: Arc<Inner>,
    pub(crate) task: JoinHandle<()>,
}

/// Starts the system.
pub(crate) async fn start(config: SapConfig, site: &Site<'_>) -> Result<SapService, CodedError> {
    let bound = web::bind(&config.web, site.bind, site.host, site.folder).await?;
    let origin = bound.address.origin.clone();
    let link = SapLink {
        base_url: origin.clone(),
        token_url: format!("{origin}/oauth/token"),
        web: bound.address.clone(),
    };
    let file = site.folder.join(FILE);
    let (path, seed) = (file.clone(), site.seed);
    let book = tokio::task::spawn_blocking(move || {
        let book = Book::open(&path, seed, WallClock.now());
        book.save(&path).map(|()| book)
    })
    .await
    .map_err(|e| web::refused(e.to_string()))?
    .map_err(|e| web::refused(e.to_string()))?;
    let inner = Arc::new(Inner {
        config,
        origin,
        file,
        book: Mutex::new(book),
        sessions: Mutex::default(),
        disturbances: Disturbances::default(),
    });
    let task = bound.serve(gate::router(inner.clone()), site.stop);
    Ok(SapService { link, inner, task })
}

impl Inner {
    pub(crate) const fn disturbances(&self) -> &Disturbances {
        &self.disturbances
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
