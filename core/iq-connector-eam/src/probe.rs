//! The staged connection test, and a look at the first rows. It is passed only when a work order or a
//! technical object was read. Nothing is written, also where sending is switched on.

use std::{sync::Arc, time::Instant};

use iq_connector::{
    ConnectorContext, Progress, Remedy, SampleColumn, SampleRows, StageKey, StageStatus,
    TestReport, TestStage,
};
use iq_domain::{CodedError, Message, RawSample, StatusCode, Value};
use iq_http::{Budget, Probe, ProbeStep};

use crate::{
    dialect::{Dialect, Set},
    error::{cancelled, upstream},
    link::{Link, REQUESTS_PER_SECOND},
    sap,
    token::Tokens,
    values::{Row, line},
};

const ORDER: [StageKey; 7] = [
    StageKey::Config,
    StageKey::Dns,
    StageKey::Tcp,
    StageKey::Hello,
    StageKey::Security,
    StageKey::Session,
    StageKey::Read,
];

/// Longest text of a cell of the sample.
const CELL: usize = 200;

struct Stages<'a> {
    done: Vec<TestStage>,
    progress: Progress<'a>,
    started: Instant,
}

impl Stages<'_> {
    fn record<T>(
        &mut self,
        outcome: Result<(T, StageStatus, Message), CodedError>,
    ) -> Result<T, CodedError> {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.record_after(ms, outcome)
    }

    fn record_after<T>(
        &mut self,
        ms: u64,
        outcome: Result<(T, StageStatus, Message), CodedError>,
    ) -> Result<T, CodedError> {
        let (status, message, remedy) = match &outcome {
            Ok((_, status, message)) => (*status, message.clone(), None),
            Err(error) => (
                StageStatus::Failed,
                Message::from(error),
                Some(remedy(error.code)),
            ),
        };
        let stage = TestStage {
            key: ORDER[self.done.len().min(ORDER.len() - 1)],
            status,
            ms,
            message,
            remedy,
        };
        (self.progress)(&stage);
        self.done.push(stage);
        self.started = Instant::now();
        outcome.map(|(value, ..)| value)
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
                let shown = match &sample.value {
                    Some(Value::Text(text)) => text.to_string(),
                    _ => String::new(),
                };
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

/// What a person can do about a code.
fn remedy(code: &str) -> Remedy {
    match code {
        "http.tcp_refused"
        | "http.tcp_timeout"
        | "http.unreachable"
        | "http.timeout"
        | "http.broken"
        | "http.unavailable"
        | "http.server_error"
        | "http.too_many_requests"
        | "http.tls_expired"
        | "http.tls_not_yet_valid"
        | "http.tls_wrong_name"
        | "eam.not_allowed"
        | "eam.service_missing"
        | "eam.failed"
        | "eam.refused"
        | "eam.no_csrf_token"
        | "eam.token_refused"
        | "test.no_value_read" => Remedy::AskServerOwner,
        _ => Remedy::EditConfig,
    }
}

/// Runs the test.
pub(crate) async fn test(
    ctx: &ConnectorContext,
    dialect: Dialect,
    tokens: &Tokens,
    progress: Progress<'_>,
) -> TestReport {
    let mut stages = Stages {
        done: Vec::new(),
        progress,
        started: Instant::now(),
    };
    let outcome = tokio::select! {
        outcome = run(ctx, dialect, tokens, &mut stages) => outcome,
        () = ctx.cancel.cancelled() => {
            stages.record::<RawSample>(Err(cancelled()))
        }
    };
    stages.finish(outcome)
}

async fn run(
    ctx: &ConnectorContext,
    dialect: Dialect,
    tokens: &Tokens,
    stages: &mut Stages<'_>,
) -> Result<RawSample, CodedError> {
    let ok = |code: &str, params: &[(&str, &str)]| (StageStatus::Ok, message(code, params));
    let link = Link::new(ctx, dialect, tokens, Budget::new(REQUESTS_PER_SECOND));
    let link = stages.record(link.map(|link| {
        let (status, text) = ok("stage.config_ok", &[]);
        (link, status, text)
    }))?;
    let mut tls = None;
    for step in link.http().probe().await {
        let ms = u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX);
        match step.step {
            ProbeStep::Tls => tls = Some(step),
            ProbeStep::Dns | ProbeStep::Tcp => {
                let code = if step.step == ProbeStep::Dns {
                    "stage.dns_ok"
                } else {
                    "stage.tcp_ok"
                };
                let outcome = step
                    .outcome
                    .map(|address| ((), StageStatus::Ok, message(code, &[("address", &address)])));
                stages.record_after(ms, outcome)?;
            }
        }
    }
    say_hello(&link, stages, tls).await?;
    let session = sign_in(&link).await;
    stages.record(session.map(|(status, text)| ((), status, text)))?;
    let read = read_one(&link).await;
    stages.record(read.map(|sample| {
        let text = message("stage.read_ok", &[("tag", &sample.external_tag)]);
        (sample, StageStatus::Ok, text)
    }))
}

/// Whether the right thing answers, and how well the way is protected.
async fn say_hello(
    link: &Link,
    stages: &mut Stages<'_>,
    tls: Option<Probe>,
) -> Result<(), CodedError> {
    let protocol = link.dialect.protocol();
    let hello = |detail: &str| {
        let params = [("protocol", protocol), ("detail", detail)];
        ((), StageStatus::Ok, message("stage.eam_hello_ok", &params))
    };
    if let Some(Probe {
        outcome: Err(error),
        ..
    }) = tls
    {
        if error.code == "http.tls_not_spoken" {
            return stages.record(Err(error));
        }
        stages.record(Ok(hello("TLS")))?;
        return stages.record(Err(error));
    }
    // Without credentials: a refusal is an answer, a web page or a redirection is none.
    let knocked = link.knock().await.and_then(|answer| {
        if answer.status == 404 {
            Err(link.error_of(&answer))
        } else {
            Ok(hello(&format!("HTTP {}", answer.status)))
        }
    });
    stages.record(knocked)?;
    let (status, text) = match tls.map(|t| t.outcome) {
        Some(Ok(version)) => (
            StageStatus::Ok,
            message("stage.eam_tls_ok", &[("version", &version)]),
        ),
        _ => (StageStatus::Warning, message("stage.eam_plain_http", &[])),
    };
    stages.record(Ok(((), status, text)))
}

/// Signs in; where sending is switched on, also looks whether changing requests get a token.
async fn sign_in(link: &Link) -> Result<(StageStatus, Message), CodedError> {
    link.sign_in(true).await?;
    let root = link.dialect.root(&link.settings);
    let answer = link.send(iq_http::Request::get(root)).await?;
    // What the user may not read is found out by reading; here it is about the sign-in.
    if answer.status == 401 {
        return Err(link.error_of(&answer));
    }
    if !link.settings.may_push {
        return Ok((StageStatus::Ok, message("stage.eam_session_ok", &[])));
    }
    if link.dialect == Dialect::Fusion {
        return Ok((StageStatus::Ok, message("stage.eam_push_untold", &[])));
    }
    for set in [Set::Notifications, Set::Orders] {
        if let Err(error) = link.csrf(set).await {
            let words = error
                .params
                .get("words")
                .cloned()
                .unwrap_or_else(|| "-".to_owned());
            let params = [("set", set.cursor()), ("words", words.as_str())];
            return Ok((
                StageStatus::Warning,
                message("stage.eam_push_refused", &params),
            ));
        }
        let described = link.metadata(set).await;
        if described.is_some_and(|text| sap::says_not_creatable(&text, set)) {
            let params = [("set", set.cursor()), ("words", "sap:creatable=\"false\"")];
            return Ok((
                StageStatus::Warning,
                message("stage.eam_push_refused", &params),
            ));
        }
    }
    Ok((StageStatus::Ok, message("stage.eam_push_ready", &[])))
}

/// The newest rows of the first set that has any.
async fn first_rows(link: &Link, limit: usize) -> Result<(Set, Vec<Row>, bool), CodedError> {
    let mut refused = None;
    for set in link.dialect.sets().iter().rev() {
        let path = link.dialect.newest(&link.settings, *set, limit);
        let answer = match link.get(path, limit).await {
            Ok(answer) => answer,
            Err(error) if crate::error::is_about_one_set(&error) => {
                refused.get_or_insert(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let page = link.dialect.read_page(&answer.body).ok_or_else(|| {
            upstream("eam.answer_unexpected", link.host()).with("protocol", link.dialect.protocol())
        })?;
        let has_more = page.has_more(0, limit);
        let rows: Vec<Row> = page
            .rows
            .into_iter()
            .filter(|row| {
                link.dialect.number(*set, row).is_some() || link.dialect.place(*set, row).is_some()
            })
            .take(limit)
            .collect();
        if !rows.is_empty() {
            return Ok((*set, rows, has_more));
        }
    }
    Err(refused.unwrap_or_else(|| {
        upstream("test.no_value_read", link.host()).with("tag", "MaintenanceOrder")
    }))
}

async fn read_one(link: &Link) -> Result<RawSample, CodedError> {
    let (set, rows, _) = first_rows(link, 1).await?;
    let row = rows
        .first()
        .ok_or_else(|| upstream("test.no_value_read", link.host()))?;
    let columns = link.dialect.columns(set);
    let cell = |at: usize| columns.get(at).and_then(|c| line(row, c.name, CELL));
    let place = link.dialect.place(set, row);
    let key = cell(0)
        .or_else(|| place.as_ref().map(|p| p.key.clone()))
        .unwrap_or_default();
    let text = [Some(key.clone()), cell(1), cell(4)];
    let shown: Vec<String> = text.into_iter().flatten().collect();
    let changed_at = place.and_then(|p| p.changed_at);
    Ok(RawSample {
        state_no: None,
        external_tag: Arc::from(format!("{}/{key}", set.cursor())),
        value: Some(Value::Text(Arc::from(shown.join(" · ")))),
        status: StatusCode::GOOD,
        source_time: changed_at,
        server_time: None,
        received_at: link.ctx.clock.now(),
    })
}

/// The newest rows as they are.
pub(crate) async fn sample_rows(
    ctx: &ConnectorContext,
    dialect: Dialect,
    tokens: &Tokens,
    limit: usize,
) -> Result<SampleRows, CodedError> {
    let link = Link::new(ctx, dialect, tokens, Budget::new(REQUESTS_PER_SECOND))?;
    let looked = first_rows(&link, limit.clamp(1, iq_connector::MAX_SAMPLE_ROWS));
    let (set, rows, has_more) = tokio::select! {
        found = looked => found?,
        () = ctx.cancel.cancelled() => return Err(cancelled()),
    };
    let columns = dialect.columns(set);
    let source_type = |kind| match kind {
        iq_connector::ColumnKind::Time => "Edm.DateTimeOffset",
        _ => "Edm.String",
    };
    Ok(SampleRows {
        columns: columns
            .iter()
            .map(|column| SampleColumn {
                name: column.name.to_owned(),
                source_type: source_type(column.kind).to_owned(),
                kind: column.kind,
                role: iq_connector::ColumnRole::None,
            })
            .collect(),
        rows: rows
            .iter()
            .map(|row| columns.iter().map(|column| shown(row, column)).collect())
            .collect(),
        has_more,
        tags: Vec::new(),
        problems: Vec::new(),
    })
}

/// A cell: moments in the notation everyone reads.
fn shown(row: &Row, column: &crate::dialect::Column) -> serde_json::Value {
    let moment = || crate::values::moment(row, column.name);
    let text = match column.kind {
        iq_connector::ColumnKind::Time => moment().map(|t| t.to_string()),
        _ => None,
    };
    text.or_else(|| line(row, column.name, CELL))
        .map_or(serde_json::Value::Null, serde_json::Value::String)
}
