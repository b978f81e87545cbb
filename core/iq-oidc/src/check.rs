//! The test of a provider, step by step: what was found, or why not and what helps.

use std::time::{Duration, Instant};

use iq_domain::{CodedError, Message, Timestamp};
use iq_http::ProbeStep;

use crate::{
    Attempt, CLOCK_LEEWAY_MS, Callback, Documents, Provider, begin,
    documents::{check_endpoints, check_issuer, read_keys, read_metadata, usable_keys},
    exchange, upstream,
};

/// How a step went.
#[derive(Clone, Debug)]
pub struct Step {
    /// dns, tcp, tls, discovery, issuer, endpoints, keys, clock, client.
    pub key: &'static str,
    /// How long it took.
    pub took: Duration,
    /// What was found, or why it failed.
    pub outcome: Result<Message, CodedError>,
    /// It could not be tried; the sign-in may still work.
    pub is_uncertain: bool,
}

struct Steps {
    done: Vec<Step>,
    started: Instant,
}

impl Steps {
    fn add(&mut self, key: &'static str, outcome: Result<Message, CodedError>) {
        self.done.push(Step {
            key,
            took: self.started.elapsed(),
            outcome,
            is_uncertain: false,
        });
        self.started = Instant::now();
    }

    /// The same, and whether to go on.
    fn passes(&mut self, key: &'static str, outcome: Result<Message, CodedError>) -> bool {
        let is_ok = outcome.is_ok();
        self.add(key, outcome);
        is_ok
    }

    fn uncertain(&mut self, key: &'static str, code: &str) {
        self.add(key, Ok(said(code, &[])));
        if let Some(step) = self.done.last_mut() {
            step.is_uncertain = true;
        }
    }
}

fn said(code: &str, params: &[(&str, String)]) -> Message {
    Message {
        code: code.to_owned(),
        params: params
            .iter()
            .map(|(key, value)| ((*key).to_owned(), iq_domain::neutralise(value, 200)))
            .collect(),
    }
}

/// Tests a provider as far as it goes without a person. `now` is our clock.
pub async fn check(provider: &Provider, now: impl Fn() -> Timestamp) -> Vec<Step> {
    let mut steps = Steps {
        done: Vec::new(),
        started: Instant::now(),
    };
    run(provider, now, &mut steps).await;
    steps.done
}

async fn run(provider: &Provider, now: impl Fn() -> Timestamp, steps: &mut Steps) {
    let is_pinned = provider.row.pinned_metadata.is_some();
    if !is_pinned && !way(provider, steps).await {
        return;
    }
    let (metadata, answer) = match read_metadata(provider).await {
        Ok(found) => found,
        Err(error) => return steps.add("discovery", Err(error)),
    };
    let found = if is_pinned {
        "sso.test_pinned"
    } else {
        "sso.test_discovered"
    };
    steps.add("discovery", Ok(said(found, &[])));
    let issuer = check_issuer(provider, &metadata)
        .map(|()| said("sso.test_issuer", &[("issuer", metadata.issuer.clone())]));
    if !steps.passes("issuer", issuer) {
        return;
    }
    let endpoints = check_endpoints(provider, &metadata).map(|()| said("sso.test_endpoints", &[]));
    if !steps.passes("endpoints", endpoints) {
        return;
    }
    let keys = match read_keys(provider, &metadata).await {
        Ok(keys) => keys,
        Err(error) => return steps.add("keys", Err(error)),
    };
    let count = usable_keys(&keys).to_string();
    steps.add("keys", Ok(said("sso.test_keys", &[("count", count)])));
    match answer.as_ref().and_then(|a| a.header("date")) {
        Some(date) => steps.add("clock", clock(date, now())),
        None => steps.uncertain("clock", "sso.test_clock_unknown"),
    }
    client(provider, &Documents { metadata, keys }, steps).await;
}

/// Name, port and handshake.
async fn way(provider: &Provider, steps: &mut Steps) -> bool {
    let client = match provider
        .issuer()
        .and_then(|issuer| provider.client(&issuer))
    {
        Ok(client) => client,
        Err(error) => return steps.passes("dns", Err(error)),
    };
    let mut is_open = true;
    for probe in client.probe().await {
        let key = match probe.step {
            ProbeStep::Dns => "dns",
            ProbeStep::Tcp => "tcp",
            ProbeStep::Tls => "tls",
        };
        is_open &= probe.outcome.is_ok();
        steps.done.push(Step {
            key,
            took: probe.took,
            outcome: probe
                .outcome
                .map(|found| said("sso.test_reached", &[("found", found)])),
            is_uncertain: false,
        });
    }
    steps.started = Instant::now();
    is_open
}

fn clock(date: &str, now: Timestamp) -> Result<Message, CodedError> {
    let theirs = httpdate::parse_http_date(date)
        .ok()
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .ok_or_else(|| upstream("sso.clock_unreadable"))?;
    let off_ms = (now.0 - theirs).abs();
    let seconds = (off_ms + 500) / 1_000;
    if off_ms > CLOCK_LEEWAY_MS {
        return Err(upstream("sso.clock_off").with("seconds", seconds));
    }
    Ok(said("sso.test_clock", &[("seconds", seconds.to_string())]))
}

/// Shows id and secret with a code that is none: a provider that refuses the code knows the client.
async fn client(provider: &Provider, documents: &Documents, steps: &mut Steps) {
    let tried = async {
        let (_, attempt): (String, Attempt) = begin(provider, documents, "test")?;
        let callback = Callback {
            code: iq_secrets::SecretString::new("test"),
            issuer: Some(documents.metadata.issuer.clone()),
        };
        exchange(provider, documents, &attempt, &callback).await
    };
    match tried.await {
        Ok(_) => steps.uncertain("client", "sso.test_client_unknown"),
        Err(error) if error.code == "sso.code_refused" => {
            let is_known = error
                .params
                .get("answer")
                .is_some_and(|r| r == "invalid_grant");
            if is_known {
                steps.add("client", Ok(said("sso.test_client", &[])));
            } else {
                steps.uncertain("client", "sso.test_client_unknown");
            }
        }
        Err(error) => steps.add("client", Err(error)),
    }
}
