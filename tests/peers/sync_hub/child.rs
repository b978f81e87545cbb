//! An appliance and a hub in processes of their own, so that they can be killed: this test program
//! itself, started again. The appliance does what it is told on its input, a line of JSON each.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child as Process, Command, ExitCode, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use iq_appliance::{Running, ServeOptions};
use iq_config::{Config, Overrides};
use iq_domain::{
    AssetId, AuditId, AuditRecord, EventCategory, EventId, IndustrialEvent, Integration,
    IntegrationId, IntegrationStatus, MappingId, Names, Severity, SignalId, SignalKind,
    SignalMapping, StatusCode, Tenant, TenantId, Timestamp,
};
use iq_historian::{Historian, Row};
use iq_store::{Store, audit, events, integrations, mappings, signals, tenants};
use iq_sync::{Choice, EnrolInput, ExportFrom, Sync, Way};
use serde_json::{Value, json};

/// What its lines begin with; the test framework prints others.
const MARK: &str = "@@ ";
const PATIENCE: Duration = Duration::from_secs(60);
/// Events of one transaction.
const STEP: usize = 25;

/// SIGABRT.
const ABORTED: i32 = 6;

/// What a process is started with.
pub(crate) type Environment = BTreeMap<&'static str, String>;

/// Ids of events whose transaction was committed.
pub(crate) type Kept = Arc<Mutex<Vec<String>>>;

/// One of the two, running.
pub(crate) struct Child {
    process: Process,
    answers: Receiver<Value>,
    /// Where its pages are.
    pub(crate) url: String,
}

impl Child {
    /// Starts this program again as `role`, and waits until it is ready.
    pub(crate) fn start(role: &str, environment: &Environment, kept: &Kept) -> Result<Self> {
        let mut child = Self::spawn(role, environment, kept)?;
        let ready = child.answer().with_context(|| format!("{role} starts"))?;
        child.url = ready["url"].as_str().unwrap_or_default().to_owned();
        Ok(child)
    }

    /// The same for one that may die before it is ready.
    pub(crate) fn start_to_die(role: &str, environment: &Environment, kept: &Kept) -> Result<Self> {
        let child = Self::spawn(role, environment, kept)?;
        drop(child.answer());
        Ok(child)
    }

    fn spawn(role: &str, environment: &Environment, kept: &Kept) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--exact", role, "--ignored", "--nocapture"])
            .envs(environment)
            .env("OPTRIA_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let output = process.stdout.take().context("no output")?;
        let (said, answers) = mpsc::channel();
        let kept = Arc::clone(kept);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Some((_, text)) = line.split_once(MARK) else {
                    continue;
                };
                match serde_json::from_str::<Value>(text) {
                    Ok(Value::Array(ids)) => {
                        let ids = ids.iter().filter_map(|id| id.as_str().map(str::to_owned));
                        kept.lock().expect("nobody panics here").extend(ids);
                    }
                    Ok(answer) => drop(said.send(answer)),
                    Err(_) => {}
                }
            }
        });
        Ok(Self {
            process,
            answers,
            url: String::new(),
        })
    }

    fn answer(&self) -> Result<Value> {
        let answer = self.answers.recv_timeout(PATIENCE)?;
        match answer["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }

    pub(crate) fn ask(&mut self, what: Value) -> Result<Value> {
        let input = self.process.stdin.as_mut().context("no input")?;
        writeln!(input, "{what}")?;
        self.answer()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    fn end(&mut self) -> Result<ExitStatus> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < until, "it goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// It ended where it was to be killed, and for no other reason.
    pub(crate) fn died_at_its_point(mut self) -> Result<()> {
        let status = self.end()?;
        ensure!(status.signal() == Some(ABORTED), "it ended with {status}");
        Ok(())
    }

    /// It did what it was started for.
    pub(crate) fn ended_well(mut self) -> Result<()> {
        let status = self.end()?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    /// As a power cut would.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// As a service manager does.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.process.stdin.take());
        let status = self.process.wait()?;
        anyhow::ensure!(status.success(), "it ended with {status}");
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[expect(clippy::print_stdout, reason = "what it says to the test")]
fn say(what: &Value) {
    println!("{MARK}{what}");
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

#[test]
#[ignore = "a process of the other tests"]
fn hub_process() -> Result<()> {
    runtime()?.block_on(async {
        let config = Config::from_process(Overrides::new())?;
        let options = iq_hub::serve::ServeOptions {
            public_url: std::env::var("TEST_PUBLIC_URL").ok(),
            newest_proto: std::env::var("TEST_PROTO")
                .ok()
                .and_then(|p| p.parse().ok()),
            ..iq_hub::serve::ServeOptions::default()
        };
        let running = iq_hub::serve::start(config, options).await?;
        say(&json!({}));
        tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
        running.stop().await
    })
}

/// Starts the hub's program with these arguments, for one command.
pub(crate) fn hub_command(environment: &Environment, arguments: &Value) -> Result<Child> {
    let mut environment = environment.clone();
    environment.insert("TEST_ARGUMENTS", arguments.to_string());
    Child::spawn("child::hub_command_process", &environment, &Kept::default())
}

#[test]
#[ignore = "a process of the other tests"]
fn hub_command_process() -> Result<()> {
    let arguments: Vec<String> = serde_json::from_str(&std::env::var("TEST_ARGUMENTS")?)?;
    let called_with = std::iter::once("optria-hub".to_owned()).chain(arguments);
    let code = iq_hub::cli::main(called_with.map(Into::into));
    ensure!(code == ExitCode::SUCCESS, "{code:?}");
    Ok(())
}

#[test]
#[ignore = "a process of the other tests"]
fn appliance_process() -> Result<()> {
    runtime()?.block_on(async {
        let folder = std::env::var_os("OPTRIA_DATA_DIR").context("no data folder")?;
        let options = ServeOptions {
            data_dir: Some(folder.into()),
            port: Some(0),
            ..ServeOptions::default()
        };
        let running = Arc::new(iq_appliance::start(options).await?);
        say(&json!({ "url": running.url() }));
        let (heard, mut lines) = tokio::sync::mpsc::channel(1);
        std::thread::spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                if heard.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        while let Some(line) = lines.recv().await {
            let asked: Value = serde_json::from_str(&line)?;
            match obey(&running, &asked).await {
                Ok(answer) => say(&answer),
                Err(error) => say(&json!({ "error": format!("{error:#}") })),
            }
        }
        let running = Arc::into_inner(running).context("something is still at work")?;
        running.stop().await
    })
}

fn tenant_of(asked: &Value) -> Result<TenantId> {
    let text = asked["tenant"].as_str().context("no tenant")?;
    text.parse().map_err(|_| anyhow!("no tenant: {text}"))
}

async fn obey(running: &Arc<Running>, asked: &Value) -> Result<Value> {
    let store = running.runtime().store().clone();
    let tenant = || tenant_of(asked);
    match asked["do"].as_str().unwrap_or_default() {
        "tenant" => {
            let id = TenantId::new();
            let row = Tenant {
                id,
                names: Names {
                    en: "Refinery".to_owned(),
                    ar: "مصفاة".to_owned(),
                },
                is_demo: false,
                created_at: Timestamp(1),
            };
            store
                .write(move |tx| tenants::create_tenant(tx, &row))
                .await?;
            Ok(json!({ "tenant": id.to_string() }))
        }
        "write" => {
            let count = asked["count"]
                .as_u64()
                .and_then(|n| usize::try_from(n).ok());
            write(&store, tenant()?, count.unwrap_or_default()).await?;
            Ok(json!({}))
        }
        "write_on" => {
            let tenant = tenant()?;
            tokio::spawn(async move { while write(&store, tenant, STEP).await.is_ok() {} });
            Ok(json!({}))
        }
        "signal" => signal(&store, tenant()?, asked).await,
        "values" => values(running.runtime().historian(), asked).await,
        "users" => {
            let tenant = tenant()?;
            let users = store
                .read(move |conn| {
                    let page = iq_store::Page::MAX;
                    iq_store::users::list_users(conn, tenant, &Default::default(), page)
                })
                .await?;
            let names: Vec<String> = users.rows.into_iter().map(|user| user.username).collect();
            Ok(json!({ "users": names }))
        }
        _ => obey_sync(running.sync(), asked, tenant()?).await,
    }
}

/// What a person does on the page of sync.
#[allow(
    clippy::too_many_lines,
    reason = "one process, from its start to its end"
)]
async fn obey_sync(sync: &Sync, asked: &Value, tenant: TenantId) -> Result<Value> {
    match asked["do"].as_str().unwrap_or_default() {
        "enrol" => {
            let input = EnrolInput {
                hub_url: asked["hub"].as_str().unwrap_or_default().to_owned(),
                code: asked["code"].as_str().unwrap_or_default().to_owned(),
                allow_plain_http: true,
                tls_ca: None,
                by: "noura".to_owned(),
                time_zone: "Asia/Riyadh".to_owned(),
            };
            sync.enrol(tenant, input).await?;
            Ok(json!({}))
        }
        "level" => {
            let way = asked["way"].as_str().and_then(|way| way.parse().ok());
            let choice = Choice {
                way: way.unwrap_or(Way::Line),
                level: asked["level"]
                    .as_u64()
                    .and_then(|l| l.try_into().ok())
                    .unwrap_or(2),
                includes_audit: true,
                cap_kbit: asked["cap_kbit"].as_u64().and_then(|c| c.try_into().ok()),
                hours_from: 0,
                hours_to: 0,
                time_zone: "UTC".to_owned(),
                is_paused: false,
            };
            let back_fill = asked["back_fill_hours"]
                .as_u64()
                .and_then(|h| h.try_into().ok());
            sync.change_from(tenant, choice, back_fill.unwrap_or_default())
                .await?;
            Ok(json!({}))
        }
        "export" => {
            let from = match (asked["gap"].as_str(), asked["next"] == json!(true)) {
                (Some(code), _) => ExportFrom::Gap(code.to_owned()),
                (None, true) => ExportFrom::Next,
                (None, false) => ExportFrom::Due,
            };
            let file = sync.export(tenant, from, 1 << 20).await?;
            std::fs::write(asked["to"].as_str().context("where?")?, &file.bytes)?;
            Ok(json!({ "number": file.number, "records": file.records, "left": file.left }))
        }
        "import" => {
            let bytes = std::fs::read(asked["file"].as_str().context("which?")?)?;
            let (kind, count) = sync.import(tenant, bytes).await?;
            Ok(json!({ "kind": kind, "count": count }))
        }
        "try" => {
            sync.try_now(tenant).await?;
            Ok(json!({}))
        }
        "fork_seen" => {
            sync.fork_seen(tenant, "noura").await?;
            Ok(json!({}))
        }
        "status" => {
            let found = sync.status(tenant).await?;
            let raw = found.raw.as_ref();
            Ok(json!({
                "pieces": raw.map(|raw| raw.records),
                "pieces_confirmed": raw.map(|raw| raw.confirmed),
                "bytes_waiting": raw.map(|raw| raw.estimate.bytes_waiting),
                "signals": raw.map(|raw| raw.estimate.signals),
                "held": raw.and_then(|raw| raw.held.as_ref()).map(|error| error.code),
                "begins_at": raw.and_then(|raw| raw.begins_at).map(|at| at.0),
                "state": found.state.map(|state| state.as_str()),
                "code": found.error.map(|error| error.code),
                "hub_names": found.hub_names.as_ref().map(|names| [&names.en, &names.ar]),
                "last_receipt_at": found
                    .link
                    .as_ref()
                    .and_then(|link| link.last_receipt_at)
                    .map(|at| at.0),
                "backlog": found.backlog,
                "unconfirmed": found.unconfirmed,
                "confirmed": found.confirmed,
                "next_try": found.next_try_at.is_some(),
                "greeted": found.hub_clock_ahead_ms.is_some(),
            }))
        }
        other => bail!("what is {other}?"),
    }
}

/// Events, some in each transaction with an audit record; says which are kept, after the commit.
async fn write(store: &Store, tenant: TenantId, count: usize) -> Result<()> {
    for at in (0..count).step_by(STEP) {
        let rows: Vec<IndustrialEvent> =
            (at..count.min(at + STEP)).map(|_| event(tenant)).collect();
        let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
        store
            .write(move |tx| {
                for row in &rows {
                    events::insert_ignore_duplicate(tx, tenant, row)?;
                }
                audit::append_audit(tx, tenant, &audited(tenant))
            })
            .await?;
        say(&json!(ids));
    }
    Ok(())
}

/// What stands in the configuration of a source and must never leave.
pub(crate) const CANARY: &str = "canary-71c3e0b9d2";

/// A source with one tag, and the signal it feeds; says the signal's id and number.
async fn signal(store: &Store, tenant: TenantId, asked: &Value) -> Result<Value> {
    let word = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
    let asset: AssetId = word("asset").parse().map_err(|_| anyhow!("no asset"))?;
    let (metric, is_demo) = (word("metric"), asked["demo"] == json!(true));
    let id = SignalId::new();
    let made = store
        .write(move |tx| {
            let integration = Integration {
                id: IntegrationId::new(),
                tenant_id: tenant,
                kind: "opcua".to_owned(),
                name: metric.clone(),
                config: json!({ "password": CANARY }),
                is_enabled: false,
                is_demo_origin: is_demo,
                status: IntegrationStatus::Inactive,
                status_code: None,
                status_params: json!({}),
                status_at: None,
                last_value_at: None,
                created_at: Timestamp(1),
            };
            integrations::create_integration(tx, tenant, &integration)?;
            let new = signals::NewSignal {
                id,
                asset_id: asset,
                metric: metric.clone(),
                unit: "mm/s".to_owned(),
                kind: SignalKind::Measured,
            };
            let made = signals::create_signal(tx, tenant, &new)?;
            let mapping = SignalMapping {
                id: MappingId::new(),
                tenant_id: tenant,
                integration_id: integration.id,
                external_tag: metric.clone(),
                asset_id: asset,
                metric_name: metric,
                signal_id: id,
                unit: "mm/s".to_owned(),
                scaling_factor: 1.0,
                offset_value: 0.0,
                metadata_json: "{}".to_owned(),
                is_active: true,
            };
            mappings::create_mapping(tx, tenant, &mapping)?;
            Ok(made)
        })
        .await?;
    Ok(json!({ "id": made.id.to_string(), "number": made.signal_no }))
}

/// Values of a signal, a hundredth of a second apart.
async fn values(historian: &Historian, asked: &Value) -> Result<Value> {
    let number = |key: &str| asked[key].as_i64().context("no number");
    let signal_no = u32::try_from(number("number")?)?;
    let (from, count) = (number("from")?, number("count")?);
    for at in (0..count).step_by(2_000) {
        let rows: Vec<Row> = (at..count.min(at + 2_000))
            .map(|i| Row {
                signal_no,
                t: Timestamp(from + i * 10),
                #[expect(clippy::cast_precision_loss, reason = "a value of a test")]
                value: Some(iq_domain::Value::Number((i * 7_919 % 1_000) as f64 / 16.0)),
                status: StatusCode::GOOD,
            })
            .collect();
        historian.append(rows).await?;
    }
    Ok(json!({}))
}

fn event(tenant: TenantId) -> IndustrialEvent {
    let id = EventId::new();
    IndustrialEvent {
        id,
        tenant_id: tenant,
        asset_id: None,
        source_system: "DCS-1".to_owned(),
        source_type: "trip".to_owned(),
        source_id: id.to_string(),
        event_time: Timestamp(1_000),
        ingest_time: Timestamp(1_200),
        recorded_at: Timestamp(1_210),
        time_offset_ms: 0,
        time_uncertainty_ms: 40,
        severity: Severity::Critical,
        event_category: EventCategory::Alert,
        summary: "event.trip".to_owned(),
        payload: json!({}),
    }
}

fn audited(tenant: TenantId) -> AuditRecord {
    AuditRecord {
        id: AuditId::new(),
        tenant_id: tenant,
        at: Timestamp(2_000),
        actor: "noura".to_owned(),
        action: "alerts.acknowledge".to_owned(),
        object: "alert 1".to_owned(),
        outcome: "success".to_owned(),
        details: json!({}),
        address: None,
    }
}

/// What an appliance needs to start on a folder.
pub(crate) fn on_folder(folder: &Path) -> Environment {
    BTreeMap::from([("OPTRIA_DATA_DIR", folder.display().to_string())])
}
