//! The staged connection test. Each stage stands on the one before; it is passed only when a value
//! came back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use iq_connector::{
    ConnectorContext, Progress, Remedy, StageKey, StageStatus, TestReport, TestStage,
};
use iq_domain::{CodedError, ErrorKind, Message, Quality, RawSample, Value};
use iq_http::{Probe, ProbeStep};

use crate::{
    api::{Api, Resource},
    config::Settings,
    fetch::present,
    resolve::is_web_id,
    tag::kind_of,
    value::{sample, ticks},
    wire::{Home, List, Object, UserInfo},
};

/// A clock further off than this is worth a word; Kerberos gives up at five minutes.
const CLOCK_TOLERANCE_MS: i64 = 10_000;
/// How many tags are tried for a value.
const CANDIDATES: usize = 20;

const ORDER: [StageKey; 7] = [
    StageKey::Config,
    StageKey::Dns,
    StageKey::Tcp,
    StageKey::Hello,
    StageKey::Security,
    StageKey::Session,
    StageKey::Read,
];

/// A good outcome: what it gives, its sentence, and whether something should be changed anyway.
struct Passed<T> {
    value: T,
    message: Message,
    is_warning: bool,
}

fn passed<T>(value: T, code: &str, params: &[(&str, &str)]) -> Passed<T> {
    Passed {
        value,
        message: message(code, params),
        is_warning: false,
    }
}

/// Collects the stages.
struct Stages<'a> {
    done: Vec<TestStage>,
    progress: Progress<'a>,
    started: Instant,
}

impl Stages<'_> {
    fn record<T>(&mut self, outcome: Result<Passed<T>, CodedError>) -> Result<T, CodedError> {
        let took = self.started.elapsed();
        self.record_after(took, outcome)
    }

    fn record_after<T>(
        &mut self,
        took: Duration,
        outcome: Result<Passed<T>, CodedError>,
    ) -> Result<T, CodedError> {
        let (status, message, remedy) = match &outcome {
            Ok(p) if p.is_warning => (StageStatus::Warning, p.message.clone(), None),
            Ok(p) => (StageStatus::Ok, p.message.clone(), None),
            Err(e) => (StageStatus::Failed, Message::from(e), Some(remedy(e.code))),
        };
        let stage = TestStage {
            key: ORDER[self.done.len().min(ORDER.len() - 1)],
            status,
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            message,
            remedy,
        };
        (self.progress)(&stage);
        self.done.push(stage);
        self.started = Instant::now();
        outcome.map(|p| p.value)
    }

    fn finish(mut self, outcome: Result<RawSample, CodedError>) -> TestReport {
        for key in ORDER.iter().skip(self.done.len()) {
            self.done.push(TestStage {
                key: *key,
                status: StageStatus::Skipped,
                ms: 0,
                message: message("stage.skipped", &[]),
                remedy: None,
            });
        }
        match outcome {
            Ok(sample) => {
                let shown = sample.value.as_ref().map(show).unwrap_or_default();
                let time = sample.observed_at().to_string();
                let params = [
                    ("tag", &*sample.external_tag),
                    ("value", &shown),
                    ("time", &time),
                ];
                TestReport {
                    success: true,
                    message: message("test.passed", &params),
                    stages: self.done,
                    sample: Some(sample),
                }
            }
            Err(error) => TestReport {
                success: false,
                message: Message::from(&error),
                stages: self.done,
                sample: None,
            },
        }
    }
}

fn message(code: &str, params: &[(&str, &str)]) -> Message {
    let params = params
        .iter()
        .map(|(k, v)| ((*k).to_owned(), iq_domain::neutralise(v, 200)));
    Message {
        code: code.to_owned(),
        params: params.collect(),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => iq_domain::sentence_number(*n).to_string(),
        Value::Text(t) => t.to_string(),
    }
}

/// What a person can do about a code.
fn remedy(code: &str) -> Remedy {
    match code {
        "http.dns_failed"
        | "http.url_invalid"
        | "http.plain_refused"
        | "http.address_refused"
        | "http.not_found"
        | "http.unauthorized"
        | "http.redirected"
        | "http.tls_untrusted"
        | "http.tls_not_spoken"
        | "http.ca_unreadable"
        | "http.roots_missing"
        | "http.credential_unusable"
        | "http.negotiate_not_built"
        | "test.protocol_unexpected"
        | "pi.no_points"
        | "pi.no_attributes" => Remedy::EditConfig,
        code if code.starts_with("http.") || code.starts_with("pi.") => Remedy::AskServerOwner,
        "test.no_value_read" => Remedy::AskServerOwner,
        _ => Remedy::EditConfig,
    }
}

/// Runs the test.
pub(crate) async fn test(ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport {
    let mut stages = Stages {
        done: Vec::new(),
        progress,
        started: Instant::now(),
    };
    let outcome = tokio::select! {
        outcome = run(ctx, &mut stages) => outcome,
        () = ctx.cancel.cancelled() => {
            stages.record::<RawSample>(Err(CodedError::invalid("connector.cancelled")))
        }
    };
    stages.finish(outcome)
}

async fn run(ctx: &ConnectorContext, stages: &mut Stages<'_>) -> Result<RawSample, CodedError> {
    let prepared = Settings::from_context(ctx)
        .and_then(|settings| Ok((Api::new(ctx, &settings, false)?, settings)));
    let (api, settings) =
        stages.record(prepared.map(|both| passed(both, "stage.config_ok", &[])))?;
    let tls = reach(&api, stages).await?;

    // The handshake comes before the first word of the protocol; a certificate that is refused
    // means that something does answer there.
    let hello = match &tls {
        Some(Err(error)) if !is_about_certificate(error.code) => Err(error.clone()),
        Some(Err(_)) => Ok(passed(None, "stage.pi_tls_answers", &[])),
        _ => greet(&api).await,
    };
    let greeted = stages.record(hello)?;
    let security = match tls {
        Some(Err(error)) => Err(error),
        Some(Ok(version)) => Ok(passed((), "stage.pi_security_ok", &[("version", &version)])),
        None if settings.is_plain => Ok(passed((), "stage.security_none", &[])),
        None => Ok(passed((), "stage.pi_loopback", &[])),
    };
    stages.record(security)?;
    let opened = match greeted {
        Some(refused) => Err(refused),
        None => sign_in(&api).await,
    };
    let servers = stages.record(opened)?;
    let found = read_one(ctx, &api, &settings, &servers).await;
    stages.record(found.map(|sample| {
        let tag = sample.external_tag.to_string();
        passed(sample, "stage.read_ok", &[("tag", &tag)])
    }))
}

fn is_about_certificate(code: &str) -> bool {
    matches!(
        code,
        "http.tls_untrusted"
            | "http.tls_expired"
            | "http.tls_not_yet_valid"
            | "http.tls_wrong_name"
    )
}

/// Name and port; hands on how the handshake went, where there is one.
async fn reach(
    api: &Api,
    stages: &mut Stages<'_>,
) -> Result<Option<Result<String, CodedError>>, CodedError> {
    let mut tls = None;
    for Probe {
        step,
        took,
        outcome,
    } in api.client().probe().await
    {
        let code = match step {
            ProbeStep::Dns => "stage.dns_ok",
            ProbeStep::Tcp => "stage.tcp_ok",
            ProbeStep::Tls => {
                tls = Some(outcome);
                continue;
            }
        };
        let outcome = outcome.map(|address| passed((), code, &[("address", &address)]));
        stages.record_after(took, outcome)?;
    }
    Ok(tls)
}

/// The first word: the root document. A refused sign-in is handed on, it belongs to a later stage.
async fn greet(api: &Api) -> Result<Passed<Option<CodedError>>, CodedError> {
    match api.get::<Home>(Resource::new("")).await {
        Ok(home) => {
            let links = home.links;
            let is_pi = links.data_servers.is_some()
                || links.asset_servers.is_some()
                || links.system.is_some();
            if is_pi {
                Ok(passed(None, "stage.pi_hello_ok", &[]))
            } else {
                Err(unexpected(api))
            }
        }
        Err(error)
            if matches!(
                error.code,
                "http.unauthorized"
                    | "http.forbidden"
                    | "http.ticket_missing"
                    | "http.ticket_timeout"
            ) =>
        {
            Ok(passed(Some(error), "stage.pi_hello_ok", &[]))
        }
        Err(error) if error.code.starts_with("http.json") || error.code == "http.body_empty" => {
            Err(unexpected(api))
        }
        Err(error) => Err(error),
    }
}

fn unexpected(api: &Api) -> CodedError {
    let origin = api.client().origin();
    CodedError::new(ErrorKind::Upstream, "test.protocol_unexpected")
        .with("address", format!("{}:{}", origin.host(), origin.port()))
        .with("protocol", "PI Web API")
}

/// What the account can see.
struct Servers {
    user: String,
    data: Vec<Object>,
    has_assets: bool,
}

/// Who we are there, and which servers that one may see.
async fn sign_in(api: &Api) -> Result<Passed<Servers>, CodedError> {
    let user: UserInfo = api.get(Resource::new("system/userinfo")).await?;
    let name = user.name.unwrap_or_else(|| "-".to_owned());
    if user.is_authenticated == Some(false) {
        tracing::info!("the server takes anonymous requests");
    }
    let data: List<Object> = api.get(Resource::new("dataservers")).await?;
    let assets = api
        .try_get::<List<Object>>(Resource::new("assetservers"))
        .await?;
    let has_assets = assets.is_ok_and(|list| !list.items.is_empty());
    let failed = |code| {
        let error = CodedError::new(ErrorKind::Upstream, code);
        error.with("host", api.host()).with("user", &name)
    };
    if data.items.is_empty() && !has_assets {
        return Err(failed("pi.no_servers"));
    }
    let all_off =
        !data.items.is_empty() && data.items.iter().all(|s| s.is_connected == Some(false));
    if all_off && !has_assets {
        return Err(failed("pi.archive_disconnected"));
    }
    let offset = api.clock_offset();
    let servers = Servers {
        user: name.clone(),
        data: data.items,
        has_assets,
    };
    let late = offset.filter(|(offset, within)| offset.abs() - within > CLOCK_TOLERANCE_MS);
    Ok(match late {
        None => passed(servers, "stage.pi_session_ok", &[("user", &name)]),
        Some((offset, _)) => {
            let seconds = (offset / 1_000).to_string();
            let params = [("user", name.as_str()), ("seconds", seconds.as_str())];
            Passed {
                is_warning: true,
                ..passed(servers, "stage.pi_clock_off", &params)
            }
        }
    })
}

/// Tags that fit the configuration, with their ids.
async fn candidates(
    api: &Api,
    settings: &Settings,
    servers: &Servers,
) -> Result<Vec<(String, Arc<str>)>, CodedError> {
    let mut found = Vec::new();
    let mut keep = |objects: Vec<Object>| {
        for object in objects.into_iter().take(CANDIDATES) {
            if let (Some(path), Some(id)) = (object.path, object.web_id)
                && kind_of(&path).is_some()
                && is_web_id(&id)
            {
                found.push((path, Arc::from(id)));
            }
        }
        found.len() >= CANDIDATES
    };
    let ids = |list: List<Object>| {
        let ids = list.items.into_iter().filter_map(|o| o.web_id);
        ids.filter(|id| is_web_id(id)).take(CANDIDATES)
    };
    for server in &servers.data {
        let Some(id) = server.web_id.as_deref().filter(|id| is_web_id(id)) else {
            continue;
        };
        let points = Resource::new(format!("dataservers/{id}/points"))
            .with("nameFilter", &settings.filter)
            .with("maxCount", CANDIDATES);
        if let Ok(list) = api.try_get::<List<Object>>(points).await?
            && keep(list.items)
        {
            return Ok(found);
        }
    }
    if let Some(path) = &settings.database {
        let is_database = path.trim_start_matches('\\').split('\\').count() <= 2;
        let collection = if is_database {
            "assetdatabases"
        } else {
            "elements"
        };
        let database: Object = api
            .get(Resource::new(collection).with("path", path))
            .await?;
        let id = database.web_id.unwrap_or_default();
        let elements =
            Resource::new(format!("{collection}/{id}/elements")).with("maxCount", CANDIDATES);
        for element in ids(api.get(elements).await?) {
            let attributes = Resource::new(format!("elements/{element}/attributes"))
                .with("maxCount", CANDIDATES);
            if let Ok(list) = api.try_get::<List<Object>>(attributes).await?
                && keep(list.items)
            {
                break;
            }
        }
    }
    Ok(found)
}

/// Reads the first value that can be used.
async fn read_one(
    ctx: &ConnectorContext,
    api: &Api,
    settings: &Settings,
    servers: &Servers,
) -> Result<RawSample, CodedError> {
    let found = candidates(api, settings, servers).await?;
    if found.is_empty() {
        let code = match (&settings.database, servers.has_assets) {
            (Some(_), true) => "pi.no_attributes",
            _ => "pi.no_points",
        };
        return Err(CodedError::new(ErrorKind::Upstream, code)
            .with("filter", &settings.filter)
            .with("path", settings.database.as_deref().unwrap_or("-"))
            .with("user", &servers.user));
    }
    let ids: Vec<Arc<str>> = found.iter().map(|(_, id)| Arc::clone(id)).collect();
    let answers = present(api, &ids).await?;
    let now = ctx.clock.now();
    for ((path, _), answer) in found.iter().zip(answers) {
        let Ok(value) = answer else { continue };
        let tag: Arc<str> = Arc::from(path.as_str());
        let read = sample(&tag, &value, ticks(&value, &settings.zone), now);
        if read.value.is_some() && read.status.quality() != Quality::Bad {
            return Ok(read);
        }
    }
    let first = found.into_iter().next().map(|(path, _)| path);
    Err(CodedError::new(ErrorKind::Upstream, "test.no_value_read")
        .with("tag", first.unwrap_or_default()))
}
