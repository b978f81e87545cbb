//! A Postgres, a hub that serves on it, a bad line, and an appliance at its end.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use iq_auth::HashCost;
use iq_config::{Config, Database, FailPoint, Inputs, Overrides};
use iq_domain::{Clock, ManualClock, TenantId, WallClock};
use iq_hub::{Hub, HubOptions, store};
use iq_store::{Store, evidence};
use iq_testkit::{Postgres, free_port};
use iq_tests::{BadLine, Cable};
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::{
    child::{Child, Environment, Kept, on_folder},
    hub_rig::{Instance, Person, text},
};

/// How long anything that must happen by itself may take. Waits between attempts grow to five minutes;
/// nothing here fails so often in a row.
const PATIENCE: Duration = Duration::from_secs(180);

/// A record by its epoch, stream and number.
pub(crate) type Log = BTreeMap<(String, i64, i64), Vec<u8>>;

pub(crate) struct Site {
    pub(crate) postgres: Postgres,
    pub(crate) line: BadLine,
    pub(crate) cable: Cable,
    pub(crate) hub: Option<Child>,
    pub(crate) appliance: Option<Child>,
    pub(crate) tenant: String,
    pub(crate) kept: Kept,
    pub(crate) admin: Instance,
    pub(crate) owner: Person,
    pub(crate) hub_tenant: String,
    port: u16,
    folder: tempfile::TempDir,
    client: ureq::Agent,
    cookie: String,
    csrf: String,
}

impl Site {
    /// All of it, with an appliance that is enrolled by code over the line.
    pub(crate) async fn new() -> Result<Self> {
        let mut site = Self::not_enrolled().await?;
        site.enrol().await?;
        Ok(site)
    }

    /// The same before the code is typed.
    pub(crate) async fn not_enrolled() -> Result<Self> {
        let mut site = Self::begin().await?;
        site.tenant = text(&site.appliance()?.ask(json!({"do": "tenant"}))?["tenant"])?;
        Ok(site)
    }

    /// The same with a tenant set up on its pages, and somebody signed in there.
    pub(crate) async fn set_up() -> Result<Self> {
        let mut site = Self::begin().await?;
        let url = site.appliance()?.url.clone();
        let setup = json!({
            "tenant": {"en": "Refinery", "ar": "مصفاة"}, "username": "noura", "name": "Noura",
            "password": "a quiet morning at the dunes",
        });
        let mut answer = site
            .client
            .post(format!("{url}/api/setup"))
            .header("Origin", &url)
            .send_json(&setup)?;
        let body: Value = answer.body_mut().read_json()?;
        ensure!(answer.status() == 201, "{body}");
        let cookie = answer.headers().get("set-cookie").context("no cookie")?;
        site.cookie = cookie
            .to_str()?
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        site.csrf = text(&body["csrf_token"])?;
        site.tenant = text(&body["tenant_id"])?;
        site.enrol().await?;
        Ok(site)
    }

    /// A call to the appliance's API as the person who set it up.
    pub(crate) fn call(&mut self, path: &str, body: &Value) -> Result<Value> {
        let url = self.appliance()?.url.clone();
        let mut answer = self
            .client
            .post(format!("{url}{path}"))
            .header("Origin", &url)
            .header("Cookie", &self.cookie)
            .header("X-CSRF-Token", &self.csrf)
            .send_json(body)?;
        let said: Value = answer.body_mut().read_json()?;
        ensure!(answer.status().is_success(), "{path}: {said}");
        Ok(said)
    }

    pub(crate) async fn enrol(&mut self) -> Result<()> {
        let code = self.code().await?;
        let hub = format!("http://127.0.0.1:{}", self.cable.port);
        self.tell(json!({"do": "enrol", "hub": hub, "code": code}))?;
        Ok(())
    }

    async fn begin() -> Result<Self> {
        let postgres = Postgres::start()?;
        postgres.sql(
            "CREATE ROLE hub_owner LOGIN PASSWORD 'owner-7' CREATEDB CREATEROLE;
             CREATE ROLE optria_hub LOGIN PASSWORD 'hub-7' NOSUPERUSER NOBYPASSRLS;
             ALTER DATABASE plant OWNER TO hub_owner;
             GRANT ALL ON SCHEMA public TO hub_owner;",
        )?;
        store::migrate::migrate(&database(&postgres, "hub_owner:owner-7"), &WallClock).await?;
        let admin = administration(&postgres).await?;
        let owner = admin.owner().await?;
        let hub_tenant = admin.tenant(&owner, "jubail").await?;
        let port = free_port()?;
        let line = BadLine::to(port).await?;
        let cable = Cable::to(line.port).await?;
        let mut site = Self {
            postgres,
            line,
            cable,
            hub: None,
            appliance: None,
            tenant: String::new(),
            kept: Kept::default(),
            admin,
            owner,
            hub_tenant,
            port,
            folder: tempfile::tempdir()?,
            client: ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(PATIENCE))
                .build()
                .into(),
            cookie: String::new(),
            csrf: String::new(),
        };
        site.start_hub()?;
        site.start_appliance()?;
        Ok(site)
    }

    pub(crate) async fn code(&self) -> Result<String> {
        let body = json!({"tenant_id": self.hub_tenant, "name": "Train 1"});
        let path = "/api/admin/appliances/codes";
        let reply = self.admin.post(&self.owner, path, body).await?;
        text(&reply.body["code"])
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("appliance")
    }

    /// What the hub is started with, to be killed at a pass of a point if one is given.
    pub(crate) fn hub_environment(&self, until: Option<Until>) -> Environment {
        let database = database(&self.postgres, "optria_hub:hub-7");
        let mut environment = BTreeMap::from([
            ("DATABASE_URL", database.url.expose().to_owned()),
            ("SESSION_SECRET", SESSION_SECRET.to_owned()),
            ("OPTRIA_HUB_KEY", HUB_KEY.to_owned()),
            ("OPTRIA_LISTEN", format!("127.0.0.1:{}", self.port)),
            (
                "TEST_PUBLIC_URL",
                format!("http://127.0.0.1:{}", self.cable.port),
            ),
            (
                "OPTRIA_DATA_DIR",
                self.folder.path().join("hub").display().to_string(),
            ),
        ]);
        arm(&mut environment, until);
        environment
    }

    pub(crate) fn start_hub(&mut self) -> Result<()> {
        let environment = self.hub_environment(None);
        let hub = Child::start("child::hub_process", &environment, &self.kept)?;
        self.hub = Some(hub);
        Ok(())
    }

    /// A hub of an older program, which knows no newer version of the protocol.
    pub(crate) fn start_older_hub(&mut self, newest_proto: u32) -> Result<()> {
        let mut environment = self.hub_environment(None);
        environment.insert("TEST_PROTO", newest_proto.to_string());
        let hub = Child::start("child::hub_process", &environment, &self.kept)?;
        self.hub = Some(hub);
        Ok(())
    }

    /// A hub that is killed there.
    pub(crate) fn start_hub_until(&mut self, until: Until) -> Result<()> {
        let environment = self.hub_environment(Some(until));
        let hub = Child::start_to_die("child::hub_process", &environment, &self.kept)?;
        self.hub = Some(hub);
        Ok(())
    }

    /// An appliance that is killed there, before it is ready or after.
    pub(crate) fn start_appliance_until(&mut self, until: Until) -> Result<()> {
        let mut environment = on_folder(&self.folder());
        arm(&mut environment, Some(until));
        let role = "child::appliance_process";
        let child = Child::start_to_die(role, &environment, &self.kept)?;
        self.appliance = Some(child);
        Ok(())
    }

    pub(crate) fn start_appliance(&mut self) -> Result<()> {
        let folder = self.folder();
        self.appliance = Some(self.appliance_on(&folder)?);
        Ok(())
    }

    /// An appliance on another folder.
    pub(crate) fn appliance_on(&self, folder: &Path) -> Result<Child> {
        Child::start("child::appliance_process", &on_folder(folder), &self.kept)
    }

    pub(crate) fn appliance(&mut self) -> Result<&mut Child> {
        self.appliance.as_mut().context("no appliance runs")
    }

    /// Something for the appliance to do for the tenant.
    pub(crate) fn tell(&mut self, what: Value) -> Result<Value> {
        let tenant = self.tenant.clone();
        tell(self.appliance()?, &tenant, what)
    }

    pub(crate) fn write(&mut self, count: usize) -> Result<()> {
        self.tell(json!({"do": "write", "count": count})).map(drop)
    }

    /// Everything may leave.
    pub(crate) fn let_out(&mut self) -> Result<()> {
        self.tell(json!({"do": "level", "level": 2})).map(drop)
    }

    pub(crate) fn stop_appliance(&mut self) -> Result<()> {
        self.appliance.take().context("no appliance runs")?.stop()
    }

    /// Waits until nothing is left to send, without writing anything.
    pub(crate) fn is_drained(&mut self) -> Result<()> {
        self.is_so("drained", |status| {
            status["backlog"] == json!(0) && status["state"] == json!("registered")
        })
    }

    /// Waits until the hub has made every record readable.
    pub(crate) fn is_projected(&self) -> Result<()> {
        let left = "SELECT (SELECT count(*) FROM sync_log) - (SELECT count(*) FROM synced_records)
                    - (SELECT count(*) FROM quarantine)";
        let until = Instant::now() + PATIENCE;
        loop {
            match self.count(left)? {
                0 => return Ok(()),
                left => ensure!(Instant::now() < until, "{left} are not projected"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the hub has told of another history.
    pub(crate) fn has_alert(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.count("SELECT count(*) FROM sync_alerts")? == 0 {
            ensure!(Instant::now() < until, "no alert");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Waits until these people are at the appliance, and no others.
    pub(crate) fn has_users(&mut self, names: &Value) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let users = self.tell(json!({"do": "users"}))?["users"].clone();
            if users == *names {
                return Ok(());
            }
            ensure!(Instant::now() < until, "{users}, not {names}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn is_so(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
        let tenant = self.tenant.clone();
        wait_for(self.appliance()?, &tenant, what, is_so)
    }

    /// The appliance's own log, read from its folder while it does not run.
    pub(crate) fn log_of(&self, folder: &Path) -> Result<Log> {
        let tenant: TenantId = self.tenant.parse().ok().context("no tenant")?;
        let store = Store::open(folder.join("optria.db"), Arc::new(WallClock))?;
        let log = store.read_blocking(|conn| {
            let mut log = Log::new();
            for epoch in evidence::list_epochs(conn, tenant)? {
                let name: String = epoch.epoch.iter().map(|b| format!("{b:02x}")).collect();
                for stream in [1, 2, 3] {
                    let key = evidence::LogKey {
                        tenant,
                        epoch_no: epoch.epoch_no,
                        stream,
                    };
                    evidence::each_record(conn, key, 1, u32::MAX, |row| {
                        let seq = i64::try_from(row.seq).unwrap_or(i64::MAX);
                        log.insert((name.clone(), i64::from(stream), seq), row.record);
                        Ok(())
                    })?;
                }
            }
            Ok(log)
        })?;
        store.close();
        Ok(log)
    }

    /// What the hub holds.
    pub(crate) async fn held(&self) -> Result<Log> {
        let url = database(&self.postgres, "admin:admin-for-tests");
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(1)
            .connect(url.url.expose())
            .await?;
        let rows = sqlx::query(
            "SELECT encode(epoch, 'hex') AS epoch, stream::bigint AS stream, seq, rec FROM sync_log",
        )
        .fetch_all(&pool)
        .await?;
        pool.close().await;
        rows.iter()
            .map(|row| {
                let key = (
                    row.try_get("epoch")?,
                    row.try_get("stream")?,
                    row.try_get("seq")?,
                );
                Ok((key, row.try_get("rec")?))
            })
            .collect()
    }

    pub(crate) fn count(&self, sql: &str) -> Result<i64> {
        Ok(self.postgres.sql(sql)?.parse()?)
    }

    /// Stops the appliance: the hub's log is its log, byte for byte, and every event that it ever said
    /// it kept is in it once.
    pub(crate) async fn is_the_same_log(&mut self) -> Result<Log> {
        self.stop_appliance()?;
        let (ours, theirs) = (self.log_of(&self.folder())?, self.held().await?);
        ensure!(
            ours == theirs,
            "{} records here, {} there",
            ours.len(),
            theirs.len()
        );
        self.is_kept_once(&theirs)?;
        Ok(theirs)
    }

    /// Every event that was said to be kept is there, and there once.
    pub(crate) fn is_kept_once(&self, log: &Log) -> Result<()> {
        let kept = self.kept.lock().expect("nobody panics here").clone();
        ensure!(!kept.is_empty(), "nothing was written");
        let mut found: BTreeMap<&str, usize> = kept.iter().map(|id| (id.as_str(), 0)).collect();
        for record in log.values() {
            for (at, _) in record.iter().enumerate().filter(|(_, byte)| **byte == b'-') {
                // An id is 36 letters, its first hyphen the ninth.
                let id = at
                    .checked_sub(8)
                    .and_then(|from| record.get(from..from + 36));
                let id = id.and_then(|bytes| std::str::from_utf8(bytes).ok());
                if let Some(times) = id.and_then(|id| found.get_mut(id)) {
                    *times += 1;
                    break;
                }
            }
        }
        let wrong: Vec<_> = found.iter().filter(|(_, times)| **times != 1).collect();
        ensure!(wrong.is_empty(), "of {}: {wrong:?}", kept.len());
        Ok(())
    }
}

const SESSION_SECRET: &str = "session secret of the tests, long enough";
pub(crate) const HUB_KEY: &str = "sealing key of the tests, long enough too";

fn database(postgres: &Postgres, login: &str) -> Database {
    let url = format!(
        "postgres://{login}@127.0.0.1:{}/plant?sslmode=disable",
        postgres.port
    );
    Database {
        url: url.into(),
        source: "DATABASE_URL",
    }
}

/// A second instance of the hub, inside the test, for what people do there.
async fn administration(postgres: &Postgres) -> Result<Instance> {
    let address = database(postgres, "optria_hub:hub-7");
    let url = address.url.expose().to_owned();
    let lookup = move |name: &str| match name {
        "DATABASE_URL" => Some(url.clone().into()),
        "SESSION_SECRET" => Some(SESSION_SECRET.into()),
        "OPTRIA_HUB_KEY" => Some(HUB_KEY.into()),
        _ => None,
    };
    let folder = tempfile::tempdir()?;
    let config = Config::load(&Inputs {
        overrides: Overrides::new(),
        environment: &lookup,
        default_data_dir: folder.path().to_owned(),
    })?;
    let clock = Arc::new(ManualClock::at(WallClock.now()));
    let options = HubOptions {
        public_url: None,
        port: 8091,
        listening: iq_listen::Listening::nowhere(),
        hash_cost: HashCost::FOR_TESTS,
        newest_proto: iq_sync_proto::PROTO,
    };
    let store = store::Store::open(&address, 2).await?;
    let hub = Hub::new(store, config, options, clock.clone())?;
    Ok(Instance { hub, clock })
}

/// A point, and which pass of it is the last thing the process does.
pub(crate) type Until = (FailPoint, u32);

fn arm(environment: &mut Environment, until: Option<Until>) {
    if let Some((point, pass)) = until {
        let point = point.as_str();
        environment.insert("OPTRIA_FAIL_POINT", format!("{point}:{pass}"));
    }
}

pub(crate) fn tell(child: &mut Child, tenant: &str, mut what: Value) -> Result<Value> {
    what["tenant"] = json!(tenant);
    child.ask(what)
}

/// Waits until the status is so.
pub(crate) fn wait_for(
    child: &mut Child,
    tenant: &str,
    what: &str,
    is_so: impl Fn(&Value) -> bool,
) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let status = tell(child, tenant, json!({"do": "status"}))?;
        if is_so(&status) {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("not {what}: {status}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A copy of a data folder, as a backup or a cloned disk is one.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
