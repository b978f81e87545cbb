//! Reads on a schedule, for servers that offer no subscription.

use std::{collections::HashMap, sync::Arc, time::Duration};

use iq_connector::{MAX_TAG_PROBLEMS, StreamPhase, TagProblem};
use iq_domain::{RawSample, StatusCode, Timestamp, Value};
use opcua::types::{NodeId, TimestampsToReturn};

use crate::{
    client::{Link, measure_clock, value_of},
    config::Settings,
    feed::tag_failure,
    nodeid::Namespaces,
    stream::{Exit, Streamer, ticker},
    value::sample,
};

/// Reads are never more frequent than this, whatever the sampling interval.
const FASTEST: Duration = Duration::from_millis(250);

/// Readings between two looks at the server's clock.
const CLOCK_EVERY: u64 = 30;

type Seen = (Option<Timestamp>, StatusCode, Option<Value>);

/// The tags to read, resolved.
struct Plan {
    nodes: Vec<(Arc<str>, NodeId)>,
    problems: Vec<TagProblem>,
    refused: Vec<RawSample>,
}

/// Works by polling until the session is lost.
pub(crate) async fn run(stream: &mut Streamer, link: &mut Link, settings: &Settings) -> Exit {
    let core = link.core.clone();
    let every = Duration::from_millis(u64::from(settings.sampling_ms)).max(FASTEST);
    let mut tick = ticker(every);
    let mut plan = None;
    let mut seen: HashMap<Arc<str>, Seen> = HashMap::new();
    let mut failures = 0;
    let mut is_paused = false;
    let mut readings: u64 = 0;
    loop {
        tokio::select! {
            () = stream.ctx.cancel.cancelled() => return Exit::Stopped,
            event = link.events.recv() => match stream.on_event(event, &core, &mut failures) {
                Ok(paused) => {
                    is_paused = paused;
                    continue;
                }
                Err(exit) => return exit,
            },
            Ok(()) = stream.tags.changed() => {
                plan = None;
                continue;
            }
            _ = tick.tick(), if !is_paused => {}
        }
        if plan.is_none() {
            let wanted = stream.tags.borrow_and_update().clone();
            let made = make_plan(&core.namespaces, &wanted, stream.ctx.clock.now());
            let problems = made
                .problems
                .iter()
                .take(MAX_TAG_PROBLEMS)
                .cloned()
                .collect();
            stream.set_items(made.nodes.len(), problems, made.problems.len());
            seen.retain(|tag, _| made.nodes.iter().any(|(t, _)| t == tag));
            if let Err(exit) = stream.hand_on(made.refused.clone()).await {
                return exit;
            }
            plan = Some(made);
        }
        let nodes = plan.as_ref().map_or(&[][..], |p| p.nodes.as_slice());
        if readings.is_multiple_of(CLOCK_EVERY) {
            let measured = measure_clock(core.clone(), stream.ctx.clock.clone()).await;
            stream.on_clock(measured);
        }
        readings += 1;
        for part in nodes.chunks(core.limits.read.max(1)) {
            let ids = part.iter().map(|(_, id)| value_of(id.clone())).collect();
            let answers = match core.read(ids, TimestampsToReturn::Both).await {
                Ok(answers) => answers,
                Err(error) if error.code == "opcua.connection_lost" => break,
                Err(error) => return Exit::Lost(error),
            };
            let now = stream.ctx.clock.now();
            let samples: Vec<RawSample> = part
                .iter()
                .zip(answers)
                .map(|((tag, _), answer)| sample(tag, answer, now, settings.zone.as_ref()))
                .filter(|sample| is_news(&mut seen, sample))
                .collect();
            if let Err(exit) = stream.hand_on(samples).await {
                return exit;
            }
            stream.set_phase(StreamPhase::Polling);
        }
        if nodes.is_empty() {
            stream.set_phase(StreamPhase::Polling);
        }
        stream.report_load(0);
    }
}

/// A reading that repeats the last one, time stamp included, says nothing new.
fn is_news(seen: &mut HashMap<Arc<str>, Seen>, sample: &RawSample) -> bool {
    let reading: Seen = (sample.source_time, sample.status, sample.value.clone());
    let is_same = sample.source_time.is_some() && seen.get(&sample.external_tag) == Some(&reading);
    if !is_same {
        seen.insert(sample.external_tag.clone(), reading);
    }
    !is_same
}

fn make_plan(namespaces: &Namespaces, wanted: &[Arc<str>], now: Timestamp) -> Plan {
    let mut plan = Plan {
        nodes: Vec::new(),
        problems: Vec::new(),
        refused: Vec::new(),
    };
    let mut wanted: Vec<&Arc<str>> = wanted.iter().collect();
    wanted.sort();
    wanted.dedup();
    for tag in wanted {
        match namespaces.resolve(tag) {
            Ok(id) => plan.nodes.push((tag.clone(), id)),
            Err(error) => {
                let (error, status) = tag_failure(error, tag);
                plan.problems.push(TagProblem {
                    tag: tag.clone(),
                    error,
                });
                plan.refused.push(RawSample {
                    state_no: None,
                    external_tag: tag.clone(),
                    value: None,
                    status,
                    source_time: None,
                    server_time: None,
                    received_at: now,
                });
            }
        }
    }
    plan
}
