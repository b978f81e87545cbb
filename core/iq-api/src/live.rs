//! Server-sent events: what has just become durable, for pages that are open.
//!
//! Values are coalesced to the latest per signal and sent at most four times a second; after a quiet
//! moment the first goes out at once. A page that can't keep up loses intermediate messages, never
//! delays the others, and is told so: it then asks again for what it shows.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use iq_api_types::{
    Alert, AssetStatusChange, IncidentRow, IntegrationState, Job, LiveValue, Notification,
};
use iq_domain::{Permission, SignalId, Value};
use iq_runtime::{LiveEvent, LiveMessage, LiveSample};
use iq_store::{api_tokens, sessions};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use crate::{
    alerts,
    http::{Caller, Route, get},
    incidents, jobs, notifications,
    state::ApiState,
};

/// Least time between two messages with values.
const VALUES_EVERY: Duration = Duration::from_millis(250);
/// How long the first value after a quiet moment waits for others that came with it.
const GATHER: Duration = Duration::from_millis(10);
/// Least often a sign of life is sent.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often an open stream looks whether its session still holds; an end made by this API is seen at
/// once.
const SESSION_EVERY: Duration = Duration::from_secs(15);

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/live", Permission::TwinRead, live)
            .text_answer("text/event-stream")
            .also::<LiveValue>()
            .also::<Alert>()
            .also::<IncidentRow>()
            .also::<IntegrationState>()
            .also::<AssetStatusChange>()
            .also::<Job>()
            .also::<Notification>()
            .says("Events `values`, `alert`, `incident`, `integration`, `assets`, `job`, `notification` as they happen; `lagged` where some were lost"),
    ]
}

async fn live(State(state): State<ApiState>, caller: Caller) -> Response {
    // Subscribed before the answer begins: what happens from now on is not missed.
    let mut messages = state.runtime.live().subscribe();
    let mut ended = state.ended.subscribe();
    let mut closing = state.closing.subscribe();
    let stream = async_stream::stream! {
        let mut pending: HashMap<SignalId, LiveValue> = HashMap::new();
        let mut earliest = Instant::now();
        let mut flush_at: Option<Instant> = None;
        let mut look = interval(SESSION_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.tick().await;
        yield Ok::<_, Infallible>(Event::default().comment("open"));
        // A stream that opens while the host is closing.
        if *closing.borrow_and_update() {
            return;
        }
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Ok(message) if message.tenant_id == caller.tenant_id => {
                        if let Some(event) = take(&state, &caller, &message, &mut pending) {
                            yield Ok(event);
                        }
                        if flush_at.is_none() && !pending.is_empty() {
                            flush_at = Some(earliest.max(Instant::now() + GATHER));
                        }
                    }
                    // Another tenant's.
                    Ok(_) => {}
                    // An alert may be among what was lost.
                    Err(RecvError::Lagged(lost)) => yield Ok(event("lagged", &lost)),
                    Err(RecvError::Closed) => break,
                },
                () = sleep_until(flush_at.unwrap_or(earliest)), if flush_at.is_some() => {
                    let values: Vec<LiveValue> = pending.drain().map(|(_, v)| v).collect();
                    yield Ok(event("values", &values));
                    (earliest, flush_at) = (Instant::now() + VALUES_EVERY, None);
                }
                _ = closing.changed() => break,
                session = ended.recv() => match session {
                    Ok(id) if id != caller.session_id => {}
                    Err(RecvError::Lagged(_)) if is_valid(&state, &caller).await => {}
                    _ => break,
                },
                _ = look.tick() => {
                    if !is_valid(&state, &caller).await {
                        break;
                    }
                }
            }
        }
    };
    Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("ping"))
        .into_response()
}

/// Takes values up, makes an event of everything else.
fn take(
    state: &ApiState,
    caller: &Caller,
    message: &Arc<LiveMessage>,
    pending: &mut HashMap<SignalId, LiveValue>,
) -> Option<Event> {
    match &message.event {
        LiveEvent::Values(samples) => {
            for sample in samples {
                let value = value_dto(sample);
                let is_newer = pending
                    .get(&value.signal_id)
                    .is_none_or(|old| old.t <= value.t);
                if is_newer {
                    pending.insert(value.signal_id, value);
                }
            }
            None
        }
        LiveEvent::Alert(alert) => {
            let plant = state.runtime.tenant(caller.tenant_id).ok()?;
            Some(event(
                "alert",
                &alerts::dto(caller.language, &plant, alert.clone()),
            ))
        }
        LiveEvent::Incident(incident) => {
            let plant = state.runtime.tenant(caller.tenant_id).ok()?;
            // The number of events is asked for with the list: it changes with every event.
            let row = incidents::row(caller.language, &plant, incident.clone(), 0, None);
            Some(event("incident", &row))
        }
        LiveEvent::Integration {
            id,
            status,
            connectivity,
            last_value_at,
        } => Some(event(
            "integration",
            &IntegrationState {
                id: *id,
                status: *status,
                connectivity: *connectivity,
                last_value_at: *last_value_at,
            },
        )),
        LiveEvent::Job(job) => {
            let now = state.now();
            Some(event("job", &jobs::dto(caller.language, job.clone(), now)))
        }
        // What one user is told is nobody else's.
        LiveEvent::Notification(row) => (row.user_id == caller.user_id).then(|| {
            event(
                "notification",
                &notifications::dto(caller.language, row.clone()),
            )
        }),
        LiveEvent::Assets(changes) => {
            let changes: Vec<AssetStatusChange> = changes
                .iter()
                .map(|c| AssetStatusChange {
                    asset_id: c.asset_id,
                    status: c.status,
                    connectivity: c.connectivity,
                    health: c.health,
                })
                .collect();
            Some(event("assets", &changes))
        }
    }
}

fn value_dto(sample: &LiveSample) -> LiveValue {
    let measurement = &sample.measurement;
    let (value, text) = match &measurement.value {
        Some(Value::Text(text)) => (None, Some(text.to_string())),
        Some(value) => (value.as_f64().filter(|v| v.is_finite()), None),
        None => (None, None),
    };
    LiveValue {
        signal_id: measurement.signal,
        asset_id: sample.asset_id,
        t: measurement.observed_at,
        value,
        text,
        quality: measurement.status.quality(),
        received_at: measurement.received_at,
    }
}

fn event(name: &str, body: &impl serde::Serialize) -> Event {
    // The DTOs hold nothing that JSON can't carry.
    let data = serde_json::to_string(body).unwrap_or_default();
    Event::default().event(name).data(data)
}

async fn is_valid(state: &ApiState, caller: &Caller) -> bool {
    let (hash, now, is_program) = (caller.token_hash, state.now(), caller.api_token.is_some());
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            Ok(if is_program {
                api_tokens::get_token_by_hash(conn, &hash, now)?.is_some()
            } else {
                sessions::get_session_by_token_hash(conn, &hash, now)?.is_some()
            })
        })
        .await;
    matches!(found, Ok(true))
}
