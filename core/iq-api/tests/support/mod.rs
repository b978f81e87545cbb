//! An appliance for tests: real store, historian and runtime in a temporary folder, a source whose
//! values the test pushes, two tenants with one object of every kind, and a client that behaves like
//! the interface.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod client;
mod drift;
mod maintenance;
mod planning;
mod plant;
mod source;

use std::{path::Path, sync::Arc};

use axum::Router;
use iq_api::{ApiOptions, ApiState, HashCost, SessionKeys, router};
use iq_config::{Config, Inputs, Overrides};
use iq_connector::{Connector, ConnectorRegistry, OwnIdentity};
use iq_connector_file::FileConnector;
use iq_domain::{Clock, ManualClock, Timestamp};
use iq_historian::{Historian, HistorianConfig};
use iq_runtime::{EvidenceParts, Runtime, RuntimeParts, imports::StoredUploads, open_store};
use iq_secrets::MasterKey;
use iq_sync::{Sync, SyncParts};

pub(crate) use client::{Client, Reply};
pub(crate) use maintenance::{Ledger, Mood, work_order};
pub(crate) use plant::{Plant, ROLES, pump};
pub(crate) use source::{Desk, Vault, sample};

/// The port in the Host guard; nothing listens on it.
pub(crate) const PORT: u16 = 8642;
/// The host that the guard accepts.
pub(crate) const HOST: &str = "127.0.0.1:8642";
/// Where the clock of a test stands at first.
pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000_000);
/// Password of every user a fixture makes.
pub(crate) const PASSWORD: &str = "a quiet turbine hall";

/// An appliance.
pub(crate) struct TestApp {
    pub(crate) router: Router,
    pub(crate) state: ApiState,
    pub(crate) runtime: Runtime,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) desk: Desk,
    folder: tempfile::TempDir,
}

impl TestApp {
    /// An appliance nobody has set up yet.
    pub(crate) async fn empty() -> Self {
        Self::start(tempfile::tempdir().unwrap()).await
    }

    /// An appliance with two tenants.
    pub(crate) async fn with_plants() -> (Self, Plant, Plant) {
        Self::with_plants_in(tempfile::tempdir().unwrap()).await
    }

    /// The same in a folder of the caller's.
    pub(crate) async fn with_plants_in(folder: tempfile::TempDir) -> (Self, Plant, Plant) {
        Self::with_plants_set(folder, &[]).await
    }

    /// The same with variables in the environment.
    pub(crate) async fn with_plants_set(
        folder: tempfile::TempDir,
        environment: &[(&str, &str)],
    ) -> (Self, Plant, Plant) {
        let app = Self::start_with(NOW, folder, Desk::default(), environment, Vec::new());
        Self::furnished(app.await).await
    }

    /// The same with further connectors.
    pub(crate) async fn with_plants_and(further: Vec<Arc<dyn Connector>>) -> (Self, Plant, Plant) {
        let folder = tempfile::tempdir().unwrap();
        let app = Self::start_with(NOW, folder, Desk::default(), &[], further);
        Self::furnished(app.await).await
    }

    async fn furnished(app: Self) -> (Self, Plant, Plant) {
        let (a, b) = (
            Plant::create(&app, "north").await,
            Plant::create(&app, "south").await,
        );
        (app, a, b)
    }

    /// Stops the appliance and starts it again on the same folder.
    pub(crate) async fn restarted(self) -> Self {
        self.restarted_with(&[]).await
    }

    /// The same with other variables in the environment.
    pub(crate) async fn restarted_with(self, environment: &[(&str, &str)]) -> Self {
        let now = self.clock.now();
        self.restarted_at(now, environment).await
    }

    /// The same with another time on its clock.
    pub(crate) async fn restarted_at(self, now: Timestamp, environment: &[(&str, &str)]) -> Self {
        let desk = self.desk.after_restart();
        let folder = self.stopped().await;
        Self::start_with(now, folder, desk, environment, Vec::new()).await
    }

    /// Stops the appliance; what it wrote is in the folder.
    pub(crate) async fn stopped(self) -> tempfile::TempDir {
        let Self {
            runtime,
            router,
            state,
            folder,
            ..
        } = self;
        runtime.stop().await;
        runtime.historian().close().unwrap();
        runtime.store().close();
        drop((runtime, router, state));
        folder
    }

    async fn start(folder: tempfile::TempDir) -> Self {
        Self::start_with(NOW, folder, Desk::default(), &[], Vec::new()).await
    }

    async fn start_with(
        now: Timestamp,
        folder: tempfile::TempDir,
        desk: Desk,
        environment: &[(&str, &str)],
        further: Vec<Arc<dyn Connector>>,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let mut connectors = ConnectorRegistry::new()
            .with(Arc::new(desk.clone()))
            .with(Arc::new(Vault(desk.clone())));
        for connector in further {
            connectors = connectors.with(connector);
        }
        let runtime = runtime(folder.path(), Arc::clone(&clock), connectors, environment).await;
        let options = ApiOptions {
            port: PORT,
            listening: iq_listen::Listening::nowhere(),
            allowed_hosts: vec!["pump-house".to_owned()],
            appliance_id: "0123456789abcdef".to_owned(),
            version: "0.0.0-test".to_owned(),
            hash_cost: HashCost::FOR_TESTS,
        };
        let keys = SessionKeys::new(b"a secret of this test");
        let sync = Sync::start(SyncParts {
            store: runtime.store().clone(),
            clock: clock.clone(),
            master_key: Arc::new(
                MasterKey::load_or_create(&folder.path().join("master.key")).unwrap(),
            ),
            appliance: [7; 16],
            version: "0.0.0-test".to_owned(),
            folder: folder.path().to_owned(),
            figures: None,
            historian: Some(runtime.historian().clone()),
        })
        .await
        .unwrap();
        let state = ApiState::new((runtime.clone(), sync), keys, options).unwrap();
        Self {
            router: router(state.clone()),
            state,
            runtime,
            clock,
            desk,
            folder,
        }
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client nobody has signed in on.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.router.clone())
    }

    /// A client with a session.
    pub(crate) async fn signed_in(&self, username: &str) -> Client {
        let mut client = self.client();
        client.sign_in(username, PASSWORD).await.expect_status(200);
        client
    }
}

async fn runtime(
    folder: &Path,
    clock: Arc<ManualClock>,
    connectors: ConnectorRegistry,
    environment: &[(&str, &str)],
) -> Runtime {
    let clock: Arc<dyn Clock> = clock;
    let config = Config::load(&Inputs {
        overrides: Overrides::new(),
        environment: &|name| {
            // Hundreds of appliances of tests keep no room back, but those that are about it.
            // Their clock stands still, so that nothing would come back to who has asked a lot.
            let own = [
                ("OPTRIA_DISK_RESERVE_MB", "0"),
                ("OPTRIA_REQUESTS_PER_SECOND", "0"),
            ];
            let mut all = environment.iter().chain(&own);
            let found = all.find(|(n, _)| *n == name);
            found.map(|(_, value)| std::ffi::OsString::from(value))
        },
        default_data_dir: folder.to_owned(),
    });
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let master_key = Arc::new(MasterKey::load_or_create(&folder.join("master.key")).unwrap());
    let (store, evidence) = open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance: [7; 16],
        machine: None,
        clock: Arc::clone(&clock),
        master_key: Arc::clone(&master_key),
    })
    .unwrap();
    let uploads = Arc::new(StoredUploads::new(store.clone()));
    let files = FileConnector::new(folder.join("inbox"), uploads);
    Runtime::start(RuntimeParts {
        store,
        evidence,
        historian: Historian::open(&folder.join("historian.db"), HistorianConfig::default())
            .unwrap(),
        config: Arc::new(config.unwrap()),
        clock,
        master_key,
        connectors: connectors.with(Arc::new(files)),
        identity: Arc::new(OwnIdentity {
            application_uri: "urn:optria:test".to_owned(),
            certificate_der: certificate.cert.der().to_vec(),
            certificate_path: folder.join("own.der"),
            private_key_path: folder.join("own.key"),
            scratch_dir: folder.join("scratch"),
        }),
        plant: None,
    })
    .await
    .unwrap()
}
