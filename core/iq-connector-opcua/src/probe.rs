//! The staged connection test. Each stage stands on the one before; it is passed only when a value
//! came back.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use iq_connector::{
    ConnectorContext, Progress, Remedy, RequestMeter, StageKey, StageStatus, TestReport, TestStage,
};
use iq_domain::{CodedError, ErrorKind, Message, RawSample, Value};
use opcua::types::{NodeId, TimestampsToReturn};

use crate::{
    authority::{Revocations, Voucher},
    browse::first_variables,
    client::{Core, Link, judge, value_of},
    config::{Settings, host_and_port},
    endpoint::{choose, discover, offers},
    trust::day,
    value::sample,
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

/// Collects the stages.
struct Stages<'a> {
    done: Vec<TestStage>,
    progress: Progress<'a>,
    started: Instant,
}

impl Stages<'_> {
    fn record<T>(&mut self, outcome: Result<(T, Message), CodedError>) -> Result<T, CodedError> {
        let key = ORDER[self.done.len().min(ORDER.len() - 1)];
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (status, message, remedy) = match &outcome {
            Ok((_, message)) => (StageStatus::Ok, message.clone(), None),
            Err(error) => (
                StageStatus::Failed,
                Message::from(error),
                Some(remedy(error.code)),
            ),
        };
        let stage = TestStage {
            key,
            status,
            ms,
            message,
            remedy,
        };
        (self.progress)(&stage);
        self.done.push(stage);
        self.started = Instant::now();
        outcome.map(|(value, _)| value)
    }

    fn finish(mut self, outcome: Result<RawSample, CodedError>, tag: &str) -> TestReport {
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
                TestReport {
                    success: true,
                    message: message(
                        "test.passed",
                        &[("tag", tag), ("value", &shown), ("time", &time)],
                    ),
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

/// In whose name a certificate passed, and what is known about revoked ones.
fn vouched(voucher: &Voucher) -> Message {
    let authority = ("authority", voucher.authority.as_str());
    match voucher.revocations {
        Revocations::Known => message("stage.security_authority", &[authority]),
        Revocations::Unknown => message("stage.security_authority_no_list", &[authority]),
        Revocations::Old(next) => {
            let date = day(next);
            message(
                "stage.security_authority_old_list",
                &[authority, ("date", &date)],
            )
        }
    }
}

/// What a person can do about a code.
fn remedy(code: &str) -> Remedy {
    match code {
        "opcua.certificate_untrusted"
        | "opcua.certificate_rejected"
        | "opcua.certificate_host_unlisted"
        | "opcua.certificate_authority_expired" => Remedy::TrustServer,
        "opcua.our_certificate_rejected" => Remedy::ExportOwnCertificate,
        "test.tcp_refused"
        | "test.tcp_timeout"
        | "opcua.too_many_sessions"
        | "opcua.timeout"
        | "opcua.certificate_expired"
        | "opcua.certificate_not_yet_valid"
        | "opcua.certificate_uri_mismatch"
        | "opcua.certificate_invalid"
        | "opcua.certificate_revoked"
        | "opcua.certificate_chain_unsupported"
        | "opcua.our_certificate_time_rejected"
        | "opcua.connection_lost"
        | "opcua.server_stopping"
        | "opcua.access_denied"
        | "opcua.failed"
        | "test.no_value_read" => Remedy::AskServerOwner,
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
    let mut tag = String::new();
    let outcome = tokio::select! {
        outcome = run(ctx, &mut stages, &mut tag) => outcome,
        () = ctx.cancel.cancelled() => {
            stages.record::<RawSample>(Err(crate::endpoint::cancelled()))
        }
    };
    stages.finish(outcome, &tag)
}

async fn run(
    ctx: &ConnectorContext,
    stages: &mut Stages<'_>,
    tag: &mut String,
) -> Result<RawSample, CodedError> {
    let settings = Settings::from_context(ctx).map(|s| (s, message("stage.config_ok", &[])));
    let settings = stages.record(settings)?;
    let (host, port) =
        host_and_port(&settings.url).ok_or_else(|| CodedError::invalid("opcua.address_invalid"))?;
    let addresses = stages.record(look_up(&host, port).await)?;
    stages.record(knock(&host, port, &addresses).await)?;

    let endpoints = discover(ctx, &settings.url).await.and_then(|found| {
        if found.is_empty() {
            return Err(
                CodedError::new(ErrorKind::Upstream, "test.protocol_unexpected")
                    .with("address", format!("{host}:{port}"))
                    .with("protocol", "OPC UA"),
            );
        }
        let count = offers(&found).len().to_string();
        Ok((found, message("stage.hello_ok", &[("count", &count)])))
    });
    let endpoints = stages.record(endpoints)?;

    let secured = async {
        let endpoint = choose(&endpoints, &settings)?;
        let judged = judge(ctx, &settings, &endpoint).await?;
        let text = match &judged {
            None => message("stage.security_none", &[]),
            Some(j) if j.is_host_unlisted => {
                message("stage.security_host_unlisted", &[("host", &host)])
            }
            Some(j) => match &j.voucher {
                None => message("stage.security_ok", &[("fingerprint", &j.presented.sha256)]),
                Some(voucher) => vouched(voucher),
            },
        };
        Ok(((endpoint, judged), text))
    };
    let (endpoint, judged) = stages.record(secured.await)?;

    let meter = Arc::new(RequestMeter::new());
    let opened = Link::open_endpoint(ctx, &settings, endpoint, judged.as_ref(), meter).await;
    let link = stages.record(opened.map(|link| (link, message("stage.session_ok", &[]))))?;
    let found = read_one(ctx, &settings, &link.core).await;
    link.close().await;
    let (name, sample) = stages.record(found.map(|(name, sample)| {
        let text = message("stage.read_ok", &[("tag", &name)]);
        ((name, sample), text)
    }))?;
    *tag = name;
    Ok(sample)
}

/// Why a server can't be reached, as far as name and port tell; `None` when both are fine.
pub(crate) async fn unreachable(url: &str) -> Option<CodedError> {
    let (host, port) = host_and_port(url)?;
    match look_up(&host, port).await {
        Ok((addresses, _)) => knock(&host, port, &addresses).await.err(),
        Err(error) => Some(error),
    }
}

async fn look_up(host: &str, port: u16) -> Result<(Vec<SocketAddr>, Message), CodedError> {
    let failed = || CodedError::new(ErrorKind::Upstream, "test.dns_failed").with("host", host);
    let looked = tokio::time::timeout(TCP_TIMEOUT, tokio::net::lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = looked
        .map_err(|_| failed())?
        .map_err(|_| failed())?
        .collect();
    let first = addresses.first().ok_or_else(failed)?.ip().to_string();
    Ok((addresses, message("stage.dns_ok", &[("address", &first)])))
}

async fn knock(
    host: &str,
    port: u16,
    addresses: &[SocketAddr],
) -> Result<((), Message), CodedError> {
    let address = format!("{host}:{port}");
    match tokio::time::timeout(TCP_TIMEOUT, tokio::net::TcpStream::connect(addresses)).await {
        Ok(Ok(_)) => Ok(((), message("stage.tcp_ok", &[("address", &address)]))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(CodedError::new(ErrorKind::Upstream, "test.tcp_refused")
                .with("host", host)
                .with("port", port))
        }
        Ok(Err(_)) | Err(_) => Err(CodedError::new(ErrorKind::Upstream, "test.tcp_timeout")
            .with("address", address)
            .with("wait", format!("{} s", TCP_TIMEOUT.as_secs()))),
    }
}

/// Reads a plant value; where none is readable, the server's own state counts only when the server
/// has no variable of its own at all.
async fn read_one(
    ctx: &ConnectorContext,
    settings: &Settings,
    core: &Core,
) -> Result<(String, RawSample), CodedError> {
    let variables = first_variables(core, settings, 50).await?;
    let is_filtered = !settings.namespaces.is_empty() || !settings.tag_prefix.is_empty();
    let server_time = NodeId::new(0, 2258u32);
    let nodes: Vec<NodeId> = if variables.is_empty() && !is_filtered {
        vec![server_time]
    } else {
        variables
    };
    let ids = nodes.iter().map(|id| value_of(id.clone())).collect();
    let answers = core.read_many(ids, TimestampsToReturn::Both).await?;
    let now = ctx.clock.now();
    let mut first_tag = None;
    for (id, answer) in nodes.iter().zip(answers) {
        let tag = core.namespaces.tag(id);
        let read = sample(
            &Arc::from(tag.as_str()),
            answer,
            now,
            settings.zone.as_ref(),
        );
        if read.value.is_some() && read.status.quality() != iq_domain::Quality::Bad {
            return Ok((tag, read));
        }
        first_tag.get_or_insert(tag);
    }
    Err(CodedError::new(ErrorKind::Upstream, "test.no_value_read")
        .with("tag", first_tag.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_certificate_leads_to_the_trust_screen_and_ours_to_the_export() {
        assert_eq!(remedy("opcua.certificate_untrusted"), Remedy::TrustServer);
        assert_eq!(
            remedy("opcua.our_certificate_rejected"),
            Remedy::ExportOwnCertificate
        );
        assert_eq!(remedy("auth.bad_credentials"), Remedy::EditConfig);
        assert_eq!(remedy("test.tcp_refused"), Remedy::AskServerOwner);
    }
}
