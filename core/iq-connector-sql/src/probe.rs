//! The staged connection test. Each stage stands on the one before; it is passed only when a value
//! came back.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use iq_connector::{
    ConnectorContext, Progress, Remedy, StageKey, StageStatus, TestReport, TestStage,
};
use iq_domain::{CodedError, Message, RawSample, Value};

use crate::{
    address::look_up,
    config::{Settings, SslMode, Target},
    error::{about, upstream},
    hello::{Greeting, greet},
    hub::{Hub, Visit},
    look::{self, ahead},
    session::{Caps, cancelled},
    source::Source,
};

const TCP_TIMEOUT: Duration = Duration::from_secs(5);

const ORDER: [StageKey; 7] = [
    StageKey::Config,
    StageKey::Dns,
    StageKey::Tcp,
    StageKey::Hello,
    StageKey::Security,
    StageKey::Session,
    StageKey::Read,
];

/// How many tags are tried before the test gives up finding a value.
const TRIED_TAGS: usize = 20;

/// How a stage that did not fail went: its sentence, and what should be changed.
struct Passed {
    status: StageStatus,
    message: Message,
    remedy: Option<Remedy>,
}

fn fine(code: &str, params: &[(&str, &str)]) -> Passed {
    Passed {
        status: StageStatus::Ok,
        message: message(code, params),
        remedy: None,
    }
}

fn warn(code: &str, params: &[(&str, &str)], remedy: Remedy) -> Passed {
    Passed {
        status: StageStatus::Warning,
        message: message(code, params),
        remedy: Some(remedy),
    }
}

/// Collects the stages.
struct Stages<'a> {
    done: Vec<TestStage>,
    progress: Progress<'a>,
    started: Instant,
}

impl Stages<'_> {
    fn record<T>(&mut self, outcome: Result<(T, Passed), CodedError>) -> Result<T, CodedError> {
        let key = ORDER[self.done.len().min(ORDER.len() - 1)];
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let passed = match &outcome {
            Ok((_, passed)) => Passed {
                status: passed.status,
                message: passed.message.clone(),
                remedy: passed.remedy,
            },
            Err(error) => Passed {
                status: StageStatus::Failed,
                message: Message::from(error),
                remedy: Some(remedy(error.code)),
            },
        };
        let stage = TestStage {
            key,
            status: passed.status,
            ms,
            message: passed.message,
            remedy: passed.remedy,
        };
        (self.progress)(&stage);
        self.done.push(stage);
        self.started = Instant::now();
        outcome.map(|(value, _)| value)
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
        let (success, message, sample) = match outcome {
            Ok(sample) => {
                let shown = sample.value.as_ref().map(show).unwrap_or_default();
                let time = sample.observed_at().to_string();
                let params = [
                    ("tag", &*sample.external_tag),
                    ("value", &shown),
                    ("time", &time),
                ];
                (true, message("test.passed", &params), Some(sample))
            }
            Err(error) => (false, Message::from(&error), None),
        };
        TestReport {
            success,
            message,
            stages: self.done,
            sample,
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
        "test.tcp_refused"
        | "test.tcp_timeout"
        | "test.no_value_read"
        | "sql.timeout"
        | "sql.busy"
        | "sql.connection_lost"
        | "sql.too_many_connections"
        | "sql.client_refused"
        | "sql.server_unavailable"
        | "sql.server_too_old"
        | "sql.permission_denied"
        | "sql.query_too_slow"
        | "sql.locked"
        | "sql.tls_expired"
        | "sql.tls_not_offered"
        | "sql.tls_failed"
        | "sql.oracle_native_encryption"
        | "sql.failed" => Remedy::AskServerOwner,
        _ => Remedy::EditConfig,
    }
}

/// Runs the test.
pub(crate) async fn test(hub: &Hub, ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport {
    let mut stages = Stages {
        done: Vec::new(),
        progress,
        started: Instant::now(),
    };
    let outcome = tokio::select! {
        outcome = run(hub, ctx, &mut stages) => outcome,
        () = ctx.cancel.cancelled() => stages.record::<RawSample>(Err(cancelled())),
    };
    stages.finish(outcome)
}

async fn run(
    hub: &Hub,
    ctx: &ConnectorContext,
    stages: &mut Stages<'_>,
) -> Result<RawSample, CodedError> {
    let settings = Settings::from_context(ctx).map(|s| (s, fine("stage.config_ok", &[])));
    let settings = stages.record(settings)?;
    let target = &settings.target;
    let addresses = stages.record(name(target).await)?;
    stages.record(knock(target, &addresses).await)?;
    let greeting = greet(target).await.map(|g| {
        (
            g,
            fine("stage.sql_hello_ok", &[("engine", target.db.name())]),
        )
    });
    let greeting = stages.record(greeting)?;
    if let Err(error) = offered(target, greeting) {
        return stages.record(Err(error));
    }
    // The driver does both at once; whose failure it is shows in the code.
    let opened = hub.visit(ctx, target).await;
    let visit = match opened {
        Err(error) if error.code.starts_with("sql.tls_") => return stages.record(Err(error)),
        opened => {
            stages.record(Ok(((), protection(target))))?;
            let told = opened.map(|visit| {
                let passed = session_words(target, &visit);
                (visit, passed)
            });
            stages.record(told)?
        }
    };
    let mut visit = visit;
    let found = read_one(ctx, &mut visit, &settings).await;
    let found = visit.end(false, found).await;
    stages.record(found.map(|sample| {
        let tag = sample.external_tag.to_string();
        let passed = match ahead(ctx, std::slice::from_ref(&sample)) {
            Some(minutes) => warn(
                "stage.sql_time_ahead",
                &[("tag", &tag), ("minutes", &minutes.to_string())],
                Remedy::EditConfig,
            ),
            None => fine("stage.read_ok", &[("tag", &tag)]),
        };
        (sample, passed)
    }))
}

fn offered(target: &Target, greeting: Greeting) -> Result<(), CodedError> {
    let is_needed = !matches!(target.ssl_mode, SslMode::Disable | SslMode::Prefer);
    if is_needed && greeting.offers_tls == Some(false) {
        return Err(about(target, "sql.tls_not_offered"));
    }
    Ok(())
}

fn protection(target: &Target) -> Passed {
    let host = target.host.as_str();
    match target.ssl_mode {
        SslMode::VerifyFull => fine("stage.sql_tls_verified", &[("host", host)]),
        SslMode::VerifyCa => fine("stage.sql_tls_issuer_verified", &[("host", host)]),
        SslMode::Require | SslMode::Prefer => warn(
            "stage.sql_tls_unverified",
            &[("host", host)],
            Remedy::EditConfig,
        ),
        SslMode::Disable => warn("stage.sql_no_tls", &[("host", host)], Remedy::EditConfig),
    }
}

fn session_words(target: &Target, visit: &Visit) -> Passed {
    match &visit.powers().can_write {
        Some(right) => warn(
            "stage.sql_login_can_write",
            &[("user", &target.username), ("right", right)],
            Remedy::AskServerOwner,
        ),
        None => fine("stage.session_ok", &[]),
    }
}

async fn name(target: &Target) -> Result<(Vec<SocketAddr>, Passed), CodedError> {
    let addresses = look_up(target).await?;
    let first = addresses.first().map(|a| a.ip().to_string());
    let passed = fine("stage.dns_ok", &[("address", &first.unwrap_or_default())]);
    Ok((addresses, passed))
}

async fn knock(target: &Target, addresses: &[SocketAddr]) -> Result<((), Passed), CodedError> {
    let address = target.address();
    match tokio::time::timeout(TCP_TIMEOUT, tokio::net::TcpStream::connect(addresses)).await {
        Ok(Ok(_)) => Ok(((), fine("stage.tcp_ok", &[("address", &address)]))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(upstream("test.tcp_refused")
                .with("host", &target.host)
                .with("port", target.port))
        }
        Ok(Err(_)) | Err(_) => Err(upstream("test.tcp_timeout")
            .with("address", address)
            .with("wait", format!("{} s", TCP_TIMEOUT.as_secs()))),
    }
}

/// Why a server can't be reached, as far as name and port tell; `None` when both are fine.
pub(crate) async fn unreachable(target: &Target) -> Option<CodedError> {
    match look_up(target).await {
        Ok(addresses) => knock(target, &addresses).await.err(),
        Err(error) => Some(error),
    }
}

/// The newest value of the first tags that have one.
async fn read_one(
    ctx: &ConnectorContext,
    visit: &mut Visit,
    settings: &Settings,
) -> Result<RawSample, CodedError> {
    let source = Source::find(visit.link(), settings).await?;
    let nothing = |tag: &str| upstream("test.no_value_read").with("tag", tag);
    let Some(tag) = &source.tag else {
        let samples = look::last_of_columns(ctx, visit, settings, &source).await?;
        return samples
            .into_iter()
            .find(|s| s.value.is_some())
            .ok_or_else(|| nothing(&source.values[0].name));
    };
    // The newest row first: a source that lives has its value there.
    let newest = source.newest(None, TRIED_TAGS);
    let rows = match newest {
        Some(statement) => {
            visit
                .link()
                .rows(&statement, Caps::rows(TRIED_TAGS))
                .await?
        }
        None => Vec::new(),
    };
    let mut first = None;
    for name in rows.iter().filter_map(|row| row.get(1)?.as_deref()) {
        let name = name.trim_end();
        first.get_or_insert_with(|| name.to_owned());
        let sample = look::last_of_tag(ctx, visit, settings, &source, name).await?;
        if let Some(sample) = sample.filter(|s| s.value.is_some()) {
            return Ok(sample);
        }
    }
    Err(nothing(first.as_deref().unwrap_or(&tag.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_server_can_mend_is_for_its_owner() {
        assert_eq!(remedy("sql.tls_untrusted"), Remedy::EditConfig);
        assert_eq!(remedy("sql.login_too_powerful"), Remedy::EditConfig);
        assert_eq!(remedy("auth.bad_credentials"), Remedy::EditConfig);
        assert_eq!(remedy("sql.permission_denied"), Remedy::AskServerOwner);
        assert_eq!(remedy("test.tcp_refused"), Remedy::AskServerOwner);
    }
}
