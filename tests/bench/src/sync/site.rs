//! A Postgres and a hub that serves on it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use iq_config::{Config, Database, Inputs, Overrides};
use iq_domain::{Clock, WallClock};
use iq_hub::serve::{Running, ServeOptions, start};
use iq_sync_proto::{Line, enrol::Code};
use iq_testkit::Postgres;
use sqlx::{
    Row as _,
    postgres::{PgPool, PgPoolOptions},
};

use super::plant::Plant;

const HUB_TENANT: &str = "0190aaaa-0000-7000-8000-000000000002";

pub(super) struct Site {
    pub(super) port: u16,
    _postgres: Postgres,
    admin: PgPool,
    hub: Running,
    client: ureq::Agent,
}

impl Site {
    /// On a port, reached by people and appliances over the line at another.
    pub(super) async fn start(port: u16, line: u16) -> Result<Self> {
        let postgres = Postgres::start()?;
        postgres.sql(
            "CREATE ROLE hub_owner LOGIN PASSWORD 'owner-7' CREATEDB CREATEROLE;
             CREATE ROLE optria_hub LOGIN PASSWORD 'hub-7' NOSUPERUSER NOBYPASSRLS;
             ALTER DATABASE plant OWNER TO hub_owner;
             GRANT ALL ON SCHEMA public TO hub_owner;",
        )?;
        let url = |login: &str| {
            let port = postgres.port;
            format!("postgres://{login}@127.0.0.1:{port}/plant?sslmode=disable")
        };
        let owner = Database {
            url: url("hub_owner:owner-7").into(),
            source: "DATABASE_URL",
        };
        iq_hub::store::migrate::migrate(&owner, &WallClock).await?;
        let admin = PgPoolOptions::new()
            .max_connections(2)
            .connect(&url("admin:admin-for-tests"))
            .await?;
        sqlx::query(
            "INSERT INTO tenants (tenant_id, code, name_en, name_ar, kind, created_at_ms)
             VALUES ($1::uuid, 'bench', 'Bench', 'قياس', 'customer', 0)",
        )
        .bind(HUB_TENANT)
        .execute(&admin)
        .await?;
        let serves = url("optria_hub:hub-7");
        let lookup = move |name: &str| match name {
            "DATABASE_URL" => Some(serves.clone().into()),
            "SESSION_SECRET" => Some("session secret of the bench, long enough".into()),
            "OPTRIA_HUB_KEY" => Some("sealing key of the bench, long enough too".into()),
            "OPTRIA_LISTEN" => Some(format!("127.0.0.1:{port}").into()),
            _ => None,
        };
        let folder = tempfile::tempdir()?;
        let config = Config::load(&Inputs {
            overrides: Overrides::new(),
            environment: &lookup,
            default_data_dir: folder.path().to_owned(),
        })?;
        let options = ServeOptions {
            public_url: Some(format!("http://127.0.0.1:{line}")),
            ..ServeOptions::default()
        };
        Ok(Self {
            port,
            _postgres: postgres,
            admin,
            hub: start(config, options).await?,
            client: ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(Duration::from_secs(120)))
                .build()
                .into(),
        })
    }

    /// A fresh enrolment code, as the console would have made it.
    pub(super) async fn code(&self) -> Result<String> {
        let bytes: [u8; 16] = iq_secrets::random_bytes()?;
        let now = WallClock.now().0;
        sqlx::query(
            "INSERT INTO enrolment_codes
               (tenant_id, code_id, code_hash, name, created_by, created_at_ms, expires_at_ms)
             VALUES ($1::uuid, gen_random_uuid(), sha256($2), 'bench', 'bench', $3, $4)",
        )
        .bind(HUB_TENANT)
        .bind(bytes.as_slice())
        .bind(now)
        .bind(now + 600_000)
        .execute(&self.admin)
        .await?;
        Ok(Code(bytes).text())
    }

    pub(super) async fn enrol(&self, plant: &mut Plant) -> Result<()> {
        let request = plant.enrolment(&self.code().await?)?;
        self.send("enrol", request).await
    }

    /// A batch, until its receipt is here.
    pub(super) async fn post(&self, batch: Vec<u8>) -> Result<()> {
        self.send("batch", batch).await
    }

    async fn send(&self, what: &str, bytes: Vec<u8>) -> Result<()> {
        let (client, url) = (
            self.client.clone(),
            format!("http://127.0.0.1:{}/sync/v1/{what}", self.port),
        );
        tokio::task::spawn_blocking(move || {
            let mut answer = client
                .post(url)
                .header("Content-Type", "application/cbor")
                .send(&bytes)?;
            let status = answer.status();
            let body = answer.body_mut().read_to_vec()?;
            ensure!(status == 200, "{status} {}", String::from_utf8_lossy(&body));
            Ok(())
        })
        .await?
    }

    pub(super) async fn count(&self, log: Line) -> Result<i64> {
        let row = sqlx::query("SELECT count(*) AS n FROM sync_log WHERE epoch = $1")
            .bind(log.epoch.as_slice())
            .fetch_one(&self.admin)
            .await?;
        Ok(row.try_get("n")?)
    }

    /// How long `COPY` takes for the rows of a log, into an empty table with the same columns and key.
    pub(super) async fn copy(&self, log: Line) -> Result<Duration> {
        let mut connection = self.admin.acquire().await?;
        sqlx::raw_sql(
            "DROP TABLE IF EXISTS copied; CREATE TABLE copied (LIKE sync_log INCLUDING ALL)",
        )
        .execute(&mut *connection)
        .await?;
        let epoch: String = log.epoch.iter().map(|byte| format!("{byte:02x}")).collect();
        let out = format!(
            "COPY (SELECT * FROM sync_log WHERE epoch = decode('{epoch}', 'hex') ORDER BY seq)
             TO STDOUT (FORMAT binary)"
        );
        let mut rows = Vec::new();
        {
            use futures::TryStreamExt as _;
            let mut stream = connection.copy_out_raw(&out).await?;
            while let Some(part) = stream.try_next().await? {
                rows.push(part);
            }
        }
        let started = Instant::now();
        let mut into = connection
            .copy_in_raw("COPY copied FROM STDIN (FORMAT binary)")
            .await?;
        for part in rows {
            into.send(part).await?;
        }
        into.finish().await.context("COPY")?;
        Ok(started.elapsed())
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.admin.close().await;
        self.hub.stop().await
    }
}
