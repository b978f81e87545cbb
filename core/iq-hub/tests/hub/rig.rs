//! A throw-away Postgres with the roles of a deployment, and instances of the hub on it.

use std::{
    ffi::OsString,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header, request::Builder},
};
use iq_auth::HashCost;
use iq_config::{Config, Database, Inputs, Overrides};
use iq_domain::{ManualClock, Timestamp};
use iq_hub::{Hub, HubOptions, store::Store, totp_code};
use iq_testkit::Postgres;
use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tower::ServiceExt;

/// The port the instances say they listen on.
const PORT: u16 = 8091;
/// The network of this machine, where the identity providers of the tests are.
pub(crate) const HERE: &str = "127.0.0.1";
pub(crate) const NOON: Timestamp = Timestamp(1_767_268_800_000);

/// A migrated database of its own on the shared server.
pub(crate) struct Rig {
    pub(crate) server: Arc<Postgres>,
    database: String,
}

/// One server for the tests that run at the same time; it ends with the last of them.
fn server() -> Result<Arc<Postgres>> {
    static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(server) = shared.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(Postgres::start()?);
    server.sql(
        "CREATE ROLE hub_owner LOGIN PASSWORD 'owner-7' CREATEDB CREATEROLE;
         CREATE ROLE optria_hub LOGIN PASSWORD 'hub-7' NOSUPERUSER NOBYPASSRLS;",
    )?;
    *shared = Arc::downgrade(&server);
    Ok(server)
}

impl Rig {
    pub(crate) async fn new() -> Result<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let server = server()?;
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let database = format!("hub_{}_{number}", std::process::id());
        server.sql(&format!("CREATE DATABASE {database} OWNER hub_owner"))?;
        let rig = Self { server, database };
        iq_hub::store::migrate::migrate(
            &rig.address("hub_owner", "owner-7"),
            &ManualClock::at(NOON),
        )
        .await?;
        Ok(rig)
    }

    pub(crate) fn url(&self, role: &str, password: &str) -> String {
        let (port, database) = (self.server.port, &self.database);
        format!("postgres://{role}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    pub(crate) fn address(&self, role: &str, password: &str) -> Database {
        Database {
            url: self.url(role, password).into(),
            source: "DATABASE_URL",
        }
    }

    /// A pool of one connection of a role.
    pub(crate) async fn pool_of_one(&self, role: &str, password: &str) -> Result<PgPool> {
        let pool = PgPoolOptions::new().max_connections(1);
        Ok(pool.connect(&self.url(role, password)).await?)
    }

    pub(crate) fn config(&self, role: &str, password: &str) -> Result<Config> {
        self.config_with(role, password, HERE)
    }

    fn config_with(&self, role: &str, password: &str, networks: &'static str) -> Result<Config> {
        let url = self.url(role, password);
        let lookup = move |name: &str| match name {
            "DATABASE_URL" => Some(OsString::from(&url)),
            "SESSION_SECRET" => Some("session secret of the tests, long enough".into()),
            "OPTRIA_HUB_KEY" => Some("sealing key of the tests, long enough too".into()),
            "OPTRIA_SSO_NETWORKS" if !networks.is_empty() => Some(networks.into()),
            _ => None,
        };
        let folder = tempfile::tempdir()?;
        Ok(Config::load(&Inputs {
            overrides: Overrides::new(),
            environment: &lookup,
            default_data_dir: folder.path().to_owned(),
        })?)
    }

    /// An instance as it serves: the real role, a pool of so many connections.
    pub(crate) async fn instance(&self, connections: u32) -> Result<Instance> {
        let clock = Arc::new(ManualClock::at(NOON));
        let store = Store::open(&self.address("optria_hub", "hub-7"), connections).await?;
        store.check_before_serving().await?;
        let config = self.config("optria_hub", "hub-7")?;
        let hub = Hub::new(store, config, options(None), clock.clone())?;
        Ok(Instance { hub, clock })
    }

    /// A hub that people reach by another address, or that may dial other networks beside the public one.
    pub(crate) async fn hub(
        &self,
        clock: Arc<ManualClock>,
        public_url: Option<&str>,
        networks: &'static str,
    ) -> Result<Hub> {
        let store = Store::open(&self.address("optria_hub", "hub-7"), 2).await?;
        let config = self.config_with("optria_hub", "hub-7", networks)?;
        Ok(Hub::new(store, config, options(public_url), clock)?)
    }
}

fn options(public_url: Option<&str>) -> HubOptions {
    HubOptions {
        public_url: public_url.map(str::to_owned),
        port: PORT,
        listening: iq_listen::Listening::nowhere(),
        hash_cost: HashCost::FOR_TESTS,
        newest_proto: iq_sync_proto::PROTO,
    }
}

/// An instance of the hub.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) hub: Hub,
    pub(crate) clock: Arc<ManualClock>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) cookie: Option<String>,
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The code of the first wrong field.
    pub(crate) fn field(&self) -> &str {
        self.body["fields"][0]["code"].as_str().unwrap_or_default()
    }

    /// Each wrong field with its code.
    pub(crate) fn problems(&self) -> Value {
        let fields = self.body["fields"].as_array().into_iter().flatten();
        fields
            .map(|problem| Value::from(vec![problem["field"].clone(), problem["code"].clone()]))
            .collect()
    }
}

/// Somebody signed in.
#[derive(Clone, Default)]
pub(crate) struct Person {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
    pub(crate) tenant: String,
}

impl Instance {
    pub(crate) async fn send(
        &self,
        person: Option<&Person>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply> {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.raw(self.request(person, method, path).body(body)?)
            .await
    }

    pub(crate) fn request(&self, person: Option<&Person>, method: Method, path: &str) -> Builder {
        let host = format!("127.0.0.1:{PORT}");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &host)
            .header(header::ORIGIN, format!("http://{host}"))
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(person) = person {
            request = request
                .header(
                    header::COOKIE,
                    format!("optria_hub_{PORT}={}", person.cookie),
                )
                .header("x-csrf-token", &person.csrf);
        }
        request
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Result<Reply> {
        let response = iq_hub::router(self.hub.clone()).oneshot(request).await?;
        let status = response.status();
        let cookie = response
            .headers()
            .get(header::SET_COOKIE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.split(';').next()?.split_once('='))
            .map(|(_, value)| value.to_owned());
        let bytes = to_bytes(response.into_body(), 1 << 22).await?;
        Ok(Reply {
            status,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            cookie,
        })
    }

    pub(crate) async fn get(&self, person: &Person, path: &str) -> Result<Reply> {
        self.send(Some(person), Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, person: &Person, path: &str, body: Value) -> Result<Reply> {
        self.send(Some(person), Method::POST, path, Some(body))
            .await
    }

    /// Bytes as they are; the answer is JSON.
    pub(crate) async fn post_bytes(
        &self,
        person: &Person,
        path: &str,
        bytes: Vec<u8>,
    ) -> Result<Reply> {
        self.raw(
            self.request(Some(person), Method::POST, path)
                .body(Body::from(bytes))?,
        )
        .await
    }

    /// The bytes of an answer.
    pub(crate) async fn get_bytes(&self, person: &Person, path: &str) -> Result<Vec<u8>> {
        let request = self.request(Some(person), Method::GET, path);
        let request = request.body(Body::empty())?;
        let response = iq_hub::router(self.hub.clone()).oneshot(request).await?;
        anyhow::ensure!(response.status() == StatusCode::OK, "{}", response.status());
        Ok(to_bytes(response.into_body(), 1 << 22).await?.to_vec())
    }

    pub(crate) async fn put(&self, person: &Person, path: &str, body: Value) -> Result<Reply> {
        self.send(Some(person), Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn sign_in(&self, body: Value) -> Result<(Reply, Person)> {
        let reply = self
            .send(None, Method::POST, "/api/session", Some(body))
            .await?;
        let person = person_of(&reply);
        Ok((reply, person))
    }

    /// The first platform owner, ready to work: password changed, second factor set up.
    pub(crate) async fn owner(&self) -> Result<Person> {
        let password = iq_hub::bootstrap(&self.hub, "owner").await?;
        let (_, person) = self
            .sign_in(json!({"username": "owner", "password": password.expose()}))
            .await?;
        let person = self
            .change_password(&person, password.expose(), OWNER_PASSWORD)
            .await?;
        let setup = self.post(&person, "/api/session/totp", json!({})).await?;
        let secret = setup.body["secret"].as_str().context("no secret")?;
        let code = totp_code(&from_base32(secret), iq_domain::Clock::now(&*self.clock));
        let done = self
            .post(&person, "/api/session/totp/confirm", json!({"code": code}))
            .await?;
        anyhow::ensure!(done.status == StatusCode::OK, "{done:?}");
        Ok(person)
    }

    pub(crate) async fn change_password(
        &self,
        person: &Person,
        from: &str,
        to: &str,
    ) -> Result<Person> {
        let body = json!({"current_password": from, "new_password": to});
        let reply = self.post(person, "/api/session/password", body).await?;
        anyhow::ensure!(reply.status == StatusCode::OK, "{reply:?}");
        Ok(person_of(&reply))
    }

    /// A new tenant.
    pub(crate) async fn tenant(&self, owner: &Person, code: &str) -> Result<String> {
        let body = json!({"code": code, "names": {"en": code, "ar": "جهة"}});
        let reply = self.post(owner, "/api/admin/tenants", body).await?;
        anyhow::ensure!(reply.status == StatusCode::CREATED, "{reply:?}");
        text(&reply.body["id"])
    }

    /// A user of a tenant, signed in and ready; with his id.
    pub(crate) async fn user(
        &self,
        owner: &Person,
        (tenant, code): (&str, &str),
        role: &str,
    ) -> Result<(Person, String)> {
        let name = format!("{role}-{code}");
        let body = json!({"tenant_id": tenant, "username": name, "name": name, "role": role});
        let made = self.post(owner, "/api/admin/users", body).await?;
        anyhow::ensure!(made.status == StatusCode::CREATED, "{made:?}");
        let password = text(&made.body["temporary_password"])?;
        let (reply, person) = self
            .sign_in(json!({"tenant": code, "username": name, "password": password}))
            .await?;
        anyhow::ensure!(reply.status == StatusCode::OK, "{reply:?}");
        let person = self
            .change_password(&person, &password, OWNER_PASSWORD)
            .await?;
        Ok((person, text(&made.body["user"]["id"])?))
    }
}

pub(crate) const OWNER_PASSWORD: &str = "a quiet morning at the dunes";

pub(crate) fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).context("no text")
}

fn person_of(reply: &Reply) -> Person {
    Person {
        cookie: reply.cookie.clone().unwrap_or_default(),
        csrf: text(&reply.body["csrf_token"]).unwrap_or_default(),
        tenant: text(&reply.body["tenant_id"]).unwrap_or_default(),
    }
}

/// Written apart from the program's own, so that the two check each other.
pub(crate) fn from_base32(text: &str) -> Vec<u8> {
    let bits: String = text
        .chars()
        .filter_map(|c| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c))
        .map(|n| format!("{n:05b}"))
        .collect();
    (0..bits.len() / 8)
        .filter_map(|n| u8::from_str_radix(&bits[8 * n..8 * n + 8], 2).ok())
        .collect()
}

impl Person {
    /// The same person on a page that lost its token.
    pub(crate) fn without_csrf(&self) -> Self {
        Self {
            csrf: String::new(),
            ..self.clone()
        }
    }

    /// The same token under another tenant's name.
    pub(crate) fn claiming(&self, tenant: &str) -> Self {
        let token = self.cookie.split_once('.').map_or("", |(_, token)| token);
        Self {
            cookie: format!("{tenant}.{token}"),
            ..self.clone()
        }
    }
}
