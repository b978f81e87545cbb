//! The connectors, each with the best peer there is for it.

use std::{any::Any, collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use iq_connector::{
    BrowseRequest, CancellationToken, Connector, ConnectorContext, OwnIdentity, StreamState,
    conformance::{Cursors, MemoryTrust},
    resolve_effective, split_config,
};
use iq_connector_eam::EamConnector;
use iq_connector_file::{FileConnector, NoUploads};
use iq_connector_opcua::{OpcUaConnector, ensure_identity};
use iq_connector_pi::PiConnector;
use iq_connector_sql::SqlConnector;
use iq_domain::{Clock, IntegrationId, TenantId, Timestamp, WallClock};
use iq_plant::{
    PlantConfig, PlantHandle, PlantServer,
    pi::{DATA_SERVER, PiConfig, point_name},
    sap::{CLIENT, SapConfig},
};
use iq_testkit::{MariaDb, Postgres};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::stub::fusion::fusion;

/// An archive takes values later than newer ones: a poll reads two minutes again, and the first poll
/// after a restart does so from where the last one began.
const PI_OVERLAP_MS: i64 = 240_000;
/// Maintenance systems stamp a change before others can see it.
const EAM_OVERLAP_MS: i64 = 300_000;
/// Far after everything that is read here.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// How a source that means harm reaches the connector.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attacked {
    Http,
    Tcp,
    Folder,
}

type IsRead = dyn Fn(&Cursors, &StreamState) -> bool + Send + Sync;

/// A real source.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) config: Value,
    /// Tags that deliver; none where the source has records instead.
    pub(crate) tags: Vec<String>,
    /// Whether the past was read, by positions and state.
    pub(crate) is_read: Box<IsRead>,
    /// What is later is no past.
    pub(crate) before: Timestamp,
    /// How far the connector goes back on purpose when it goes on.
    pub(crate) overlap_ms: i64,
    /// It runs as long as this is held.
    _held: Arc<dyn Any + Send + Sync>,
}

/// A connector, or a dialect of one.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) connector: Arc<dyn Connector>,
    /// The source, or why there is none.
    pub(crate) peer: Result<Arc<Peer>, &'static str>,
    pub(crate) attacked: Attacked,
    /// A configuration that leads to a port of this machine.
    pub(crate) toward: fn(u16) -> Value,
    around: Arc<Around>,
}

/// What all of them share.
struct Around {
    dir: TempDir,
    identity: Arc<OwnIdentity>,
    tenant: TenantId,
}

impl Subject {
    /// A context for a configuration as a person writes it.
    pub(crate) fn context(&self, written: &Value) -> ConnectorContext {
        self.context_from(written, Cursors::new())
    }

    pub(crate) fn context_from(&self, written: &Value, cursors: Cursors) -> ConnectorContext {
        let schema = self.connector.spec().schema;
        let (public, secrets) =
            split_config(&schema, written, &BTreeMap::new()).expect("secrets are texts");
        let effective = resolve_effective(&schema, &public, &secrets, &|_| None);
        ConnectorContext {
            tenant_id: self.around.tenant,
            integration_id: IntegrationId::new(),
            name: "test".into(),
            config: effective.config,
            secrets: Arc::new(effective.secrets),
            cursors: Arc::new(cursors),
            trust: Arc::new(MemoryTrust::default()),
            identity: self.around.identity.clone(),
            clock: Arc::new(WallClock),
            cancel: CancellationToken::new(),
        }
    }

    /// The tags of the peer, else some that look like tags.
    pub(crate) fn some_tags(&self) -> Vec<String> {
        let known = self.peer.as_ref().ok().map(|peer| peer.tags.clone());
        known.unwrap_or_else(|| vec!["P-101.FLOW".to_owned()])
    }

    /// A new watched folder with its configuration.
    pub(crate) fn empty_folder(&self) -> (Value, PathBuf) {
        let name = format!("f{}", IntegrationId::new());
        let folder = self.around.inbox().join(&name);
        std::fs::create_dir_all(&folder).expect("a folder");
        (watching(&name), folder)
    }
}

impl Around {
    fn inbox(&self) -> PathBuf {
        self.dir.path().join("inbox").join(self.tenant.to_string())
    }

    fn subject(
        self: &Arc<Self>,
        name: &'static str,
        connector: Arc<dyn Connector>,
        peer: Result<Peer, &'static str>,
        (attacked, toward): (Attacked, fn(u16) -> Value),
    ) -> Subject {
        Subject {
            name,
            connector,
            peer: peer.map(Arc::new),
            attacked,
            toward,
            around: self.clone(),
        }
    }
}

/// All connectors this program has.
pub(crate) async fn all() -> Result<Vec<Arc<Subject>>> {
    let dir = tempfile::tempdir()?;
    let now = WallClock.now();
    let identity = ensure_identity(&dir.path().join("pki"), &["localhost".into()], now)?;
    let around = Arc::new(Around {
        dir,
        identity: Arc::new(identity),
        tenant: TenantId::new(),
    });
    let plant = Arc::new(plant(&around).await?);
    let mut all = vec![opcua(&around, &plant).await?, pi(&around, &plant)?];
    all.extend(databases(&around)?);
    let systems = [
        ("sap_pm", EamConnector::sap_pm(), sap_peer(&plant)?),
        (
            "oracle_eam",
            EamConnector::oracle_eam(),
            fusion_peer().await?,
        ),
    ];
    for (name, connector, peer) in systems {
        let way: (Attacked, fn(u16) -> Value) = (Attacked::Http, eam_config);
        all.push(around.subject(name, Arc::new(connector), Ok(peer), way));
    }
    let inbox = around.dir.path().join("inbox");
    let file = Arc::new(FileConnector::new(inbox, Arc::new(NoUploads)));
    let way: (Attacked, fn(u16) -> Value) = (Attacked::Folder, |_| json!({}));
    all.push(around.subject("file", file, Ok(folder(&around)?), way));
    Ok(all.into_iter().map(Arc::new).collect())
}

async fn opcua(around: &Arc<Around>, plant: &Arc<PlantHandle>) -> Result<Subject> {
    let mut subject = around.subject(
        "opcua",
        Arc::new(OpcUaConnector::new()),
        Err("its tags are found by itself"),
        (Attacked::Tcp, |port| {
            opcua_config(&format!("opc.tcp://127.0.0.1:{port}"))
        }),
    );
    subject.peer = Ok(Arc::new(opcua_peer(&subject, plant).await?));
    Ok(subject)
}

fn pi(around: &Arc<Around>, plant: &Arc<PlantHandle>) -> Result<Subject> {
    let way: (Attacked, fn(u16) -> Value) = (Attacked::Http, |port| {
        json!({
            "pi_webapi_url": format!("http://127.0.0.1:{port}/piwebapi"),
            "username": "reader", "password": "p", "polling_interval_ms": 1_000,
        })
    });
    let connector = Arc::new(PiConnector::new());
    Ok(around.subject("pi", connector, Ok(pi_peer(plant)?), way))
}

/// One for each dialect.
fn databases(around: &Arc<Around>) -> Result<Vec<Subject>> {
    let dialect = |name, peer, toward| {
        let connector = Arc::new(SqlConnector::new());
        around.subject(name, connector, peer, (Attacked::Tcp, toward))
    };
    Ok(vec![
        dialect("sql: postgres", Ok(postgres()?), |port| {
            sql_config("postgres", port)
        }),
        dialect("sql: mysql", Ok(mariadb()?), |port| {
            sql_config("mysql", port)
        }),
        dialect(
            "sql: sqlserver",
            Err(
                "no engine that runs T-SQL can be installed here; a mock of its protocol, without times, shows signing in, tables and sample rows in `cargo xtask peers`",
            ),
            |port| sql_config("sqlserver", port),
        ),
        dialect(
            "sql: oracle",
            Err("no server that speaks Oracle's protocol can be installed here"),
            |port| sql_config("oracle", port),
        ),
    ])
}

/// The demo plant with all its doors, an hour old.
async fn plant(around: &Around) -> Result<PlantHandle> {
    let mut config = PlantConfig::new(around.dir.path().join("plant")).on_free_ports();
    config.extra_tags = 10;
    config.pi = Some(PiConfig {
        user: "reader".to_owned(),
        password: Some("right horse".to_owned()),
        archive_all: true,
        ..PiConfig::default()
    });
    config.sap = Some(SapConfig {
        password: Some("seven seas".to_owned()),
        ..SapConfig::default()
    });
    config.start_ago = Duration::from_secs(3_600);
    config.catch_up = 400.0;
    let plant = PlantServer::start(config).await?;
    let waiting = async {
        while WallClock.now().millis() - plant.plant_time().millis() > 2_000 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waiting).await?;
    Ok(plant)
}

fn opcua_config(url: &str) -> Value {
    json!({
        "endpoint_url": url, "security_mode": "None",
        "none_accepted_reason": "a test on the loopback interface",
    })
}

async fn opcua_peer(subject: &Subject, plant: &Arc<PlantHandle>) -> Result<Peer> {
    let config = opcua_config(&plant.endpoint_url);
    let request = BrowseRequest {
        search: Some("LOAD.T".into()),
        limit: 10,
        ..Default::default()
    };
    let ctx = subject.context(&config);
    let page = subject.connector.browse(&ctx, request).await?;
    let found = page.items.into_iter().filter(|i| i.is_variable);
    let tags: Vec<String> = found.map(|i| i.id).collect();
    anyhow::ensure!(!tags.is_empty(), "the plant has no load tags");
    Ok(Peer {
        name: "demo plant",
        config,
        tags,
        is_read: Box::new(|_, _| false),
        before: NEVER,
        overlap_ms: 0,
        _held: plant.clone(),
    })
}

fn pi_peer(plant: &Arc<PlantHandle>) -> Result<Peer> {
    let link = plant.pi().context("the endpoint was asked for")?;
    let catalogue = iq_plant::catalogue::catalogue();
    let tags: Vec<String> = catalogue
        .tags
        .iter()
        .filter_map(|tag| point_name(&tag.asset, &tag.metric))
        .map(|name| format!(r"\\{DATA_SERVER}\{name}"))
        .collect();
    let count = tags.len();
    Ok(Peer {
        name: "demo plant",
        config: json!({
            "pi_webapi_url": link.base_url, "tls_ca": link.web.ca_pem.clone().unwrap_or_default(),
            "username": "reader", "password": "right horse", "polling_interval_ms": 1_000,
        }),
        tags,
        is_read: Box::new(move |cursors, state| {
            // One of each point, and those of its event frames.
            cursors.len() == count + 1 && state.back_fill.is_none() && state.samples > 0
        }),
        before: Timestamp(WallClock.now().millis() - 5_000),
        overlap_ms: PI_OVERLAP_MS,
        _held: plant.clone(),
    })
}

fn sap_peer(plant: &Arc<PlantHandle>) -> Result<Peer> {
    let link = plant.sap().context("it was asked for")?;
    Ok(Peer {
        name: "demo plant",
        config: json!({
            "base_url": link.base_url, "tls_ca": link.web.ca_pem, "sap_client": CLIENT,
            "username": "OPTRIA", "password": "seven seas", "plant_code": "1010",
            "sync_interval_s": 10, "history_days": 3_650,
        }),
        tags: Vec::new(),
        is_read: Box::new(|cursors, _| {
            let sets = [
                "functional_locations",
                "equipment",
                "notifications",
                "work_orders",
            ];
            sets.iter().all(|set| is_complete(cursors, set))
        }),
        before: NEVER,
        overlap_ms: EAM_OVERLAP_MS,
        _held: plant.clone(),
    })
}

/// Whether a set of a maintenance system was read to its end.
fn is_complete(cursors: &Cursors, set: &str) -> bool {
    let position = cursors.get(set);
    position.is_some_and(|p| p.get("since").is_some() && p["first_until"].is_null())
}

fn eam_config(port: u16) -> Value {
    json!({
        "base_url": format!("http://127.0.0.1:{port}"), "allow_plain_http": true,
        "plain_http_reason": "a test on the loopback interface", "sync_interval_s": 10,
        "username": "reader", "password": "classified", "plant_code": "M1",
        "history_days": 3_650,
    })
}

async fn fusion_peer() -> Result<Peer> {
    let (stub, _) = fusion().await?;
    Ok(Peer {
        name: "script of the documented shapes",
        config: eam_config(stub.port),
        tags: Vec::new(),
        is_read: Box::new(|cursors, _| {
            let sets = ["equipment", "work_orders"];
            sets.iter().all(|set| is_complete(cursors, set))
        }),
        before: NEVER,
        overlap_ms: EAM_OVERLAP_MS,
        _held: Arc::new(stub),
    })
}

fn sql_config(db_type: &str, port: u16) -> Value {
    json!({
        "db_type": db_type, "host": "127.0.0.1", "port": port, "ssl_mode": "disable",
        "database_name": "plant", "service_name": "plant", "username": "reader",
        "password": "read-only-7", "data_mode": "raw_table", "table_name": "history",
        "timestamp_column": "ts", "tag_column": "tag", "value_column": "value",
        "polling_interval_ms": 500, "overlap_s": 0,
    })
}

fn sql_peer(
    name: &'static str,
    config: Value,
    tags: Vec<String>,
    held: Arc<dyn Any + Send + Sync>,
) -> Peer {
    let wanted: Vec<String> = tags.iter().map(|tag| format!("tag/{tag}")).collect();
    Peer {
        name,
        config,
        tags,
        is_read: Box::new(move |cursors, state| {
            state.back_fill.is_none() && wanted.iter().all(|name| cursors.contains_key(name))
        }),
        before: NEVER,
        overlap_ms: 0,
        _held: held,
    }
}

fn postgres() -> Result<Peer> {
    let server = Postgres::start()?;
    let tags = server.history(2, 30_000)?;
    let mut config = sql_config("postgres", server.port);
    config["ssl_mode"] = json!("verify_full");
    config["tls_ca"] = json!(server.ca.ca_pem);
    Ok(sql_peer("PostgreSQL", config, tags, Arc::new(server)))
}

fn mariadb() -> Result<Peer> {
    let server = MariaDb::start()?;
    server.sql(
        "CREATE TABLE history (ts TIMESTAMP(3) NOT NULL, tag VARCHAR(100) NOT NULL, value DOUBLE, KEY (ts));
         INSERT INTO history SELECT UTC_TIMESTAMP(3) - INTERVAL 600 + seq * 2 SECOND, 'مضخة-١.ضغط', seq
           FROM seq_1_to_30000;
         INSERT INTO history SELECT UTC_TIMESTAMP(3) - INTERVAL 600 + seq * 2 SECOND, 'P-101.FLOW', seq
           FROM seq_1_to_30000;
         CREATE USER 'reader'@'127.0.0.1' IDENTIFIED BY 'read-only-7';
         GRANT SELECT ON plant.history TO 'reader'@'127.0.0.1';",
    )?;
    let mut config = sql_config("mysql", server.port);
    config["ssl_mode"] = json!("verify_full");
    config["tls_ca"] = json!(server.ca.ca_pem);
    let tags = ["مضخة-١.ضغط", "P-101.FLOW"].map(str::to_owned);
    Ok(sql_peer("MariaDB", config, tags.to_vec(), Arc::new(server)))
}

fn watching(folder: &str) -> Value {
    json!({
        "watch_folder": folder, "file_pattern": "*.csv", "poll_interval_s": 1,
        "after_import": "keep",
    })
}

fn folder(around: &Arc<Around>) -> Result<Peer> {
    let folder = around.inbox().join("dcs");
    std::fs::create_dir_all(&folder)?;
    let mut text = "time,tag,value\n".to_owned();
    for row in 0..40_000_i64 {
        let time = Timestamp(1_700_000_000_000 + row * 1_000);
        text += &format!("{time},TI-10{},{row}\n", row % 2 + 1);
    }
    std::fs::write(folder.join("trend.csv"), text)?;
    Ok(Peer {
        name: "a watched folder",
        config: watching("dcs"),
        tags: ["TI-101", "TI-102"].map(str::to_owned).to_vec(),
        is_read: Box::new(|cursors, _| cursors.contains_key("read")),
        before: NEVER,
        overlap_ms: 0,
        _held: around.clone(),
    })
}
