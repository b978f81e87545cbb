//! Sync with a hub: enrolment, how it stands, and what may leave.

use axum::{Json, extract::State};
use iq_api_types::{
    EnrolRequest, SyncDecision, SyncFlag, SyncLog, SyncPause, SyncQuestion, SyncRaw, SyncSettings,
    SyncStatus,
};
use iq_domain::{Message, Permission, TenantId};
use iq_locale::Language;
use iq_sync::{Choice, EnrolInput, LineStatus, MAX_BACK_FILL_HOURS, Question, RawStatus, Way};

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Id, Route, check::is_time_zone, get, post, put},
    state::ApiState,
    texts,
};

/// Largest list of certificates.
const CA_CHARS: usize = 40_000;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{SyncRead, SyncWrite};
    vec![
        get("/api/sync", SyncRead, get_sync)
            .answer::<SyncStatus>()
            .says("How sync with the hub stands, and what to do about it"),
        post("/api/sync/enrol", SyncWrite, enrol)
            .body::<EnrolRequest>()
            .answer::<SyncStatus>()
            .audits("sync.enrol")
            .says("Enrol with a hub by a one-time code; only the status leaves at first"),
        post("/api/sync/unenrol", SyncWrite, unenrol)
            .answer::<SyncStatus>()
            .audits("sync.unenrol")
            .says("Forget the hub; nothing is sent any more"),
        put("/api/sync/settings", SyncWrite, change_settings)
            .body::<SyncSettings>()
            .answer::<SyncStatus>()
            .audits("sync.settings")
            .says("Choose what may leave, when and how fast"),
        post("/api/sync/pause", SyncWrite, pause)
            .body::<SyncPause>()
            .answer::<SyncStatus>()
            .audits("sync.pause")
            .says("Hold sync, or let it go on"),
        post("/api/sync/try", SyncWrite, try_now)
            .answer::<SyncStatus>()
            .audits("sync.try")
            .says("Try now instead of waiting"),
        post("/api/sync/fork-seen", SyncWrite, fork_seen)
            .answer::<SyncStatus>()
            .audits("sync.fork_seen")
            .says("Record that somebody has looked at a fork; both histories stay"),
        post("/api/sync/questions/{id}", SyncWrite, decide)
            .body::<SyncDecision>()
            .answer::<SyncStatus>()
            .audits("sync.decide")
            .says("Decide on a change of the hub that waits for a person"),
    ]
}

async fn get_sync(State(state): State<ApiState>, caller: Caller) -> Answer<Json<SyncStatus>> {
    shown(&state, &caller).await
}

async fn enrol(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<EnrolRequest>,
) -> Answer<Json<SyncStatus>> {
    let mut check = Check::new();
    check
        .line("hub_url", &input.hub_url, 400)
        .line("code", &input.code, 60)
        .text(
            "tls_ca",
            input.tls_ca.as_deref().unwrap_or_default(),
            CA_CHARS,
        );
    if !input.time_zone.is_empty() {
        let is_zone = is_time_zone(&input.time_zone);
        check.require(is_zone, "time_zone", "request.time_zone_wrong");
    }
    check.done()?;
    audit
        .detail("hub", input.hub_url.clone())
        .detail("accepts_plain", input.allow_plain_http);
    let asked = EnrolInput {
        hub_url: input.hub_url.trim().to_owned(),
        code: input.code,
        allow_plain_http: input.allow_plain_http,
        tls_ca: input.tls_ca.filter(|ca| !ca.trim().is_empty()),
        by: caller.username.clone(),
        time_zone: if input.time_zone.is_empty() {
            "UTC".to_owned()
        } else {
            input.time_zone
        },
    };
    state.sync.enrol(caller.tenant_id, asked).await?;
    shown(&state, &caller).await
}

async fn unenrol(State(state): State<ApiState>, caller: Caller) -> Answer<Json<SyncStatus>> {
    state.sync.unenrol(caller.tenant_id).await?;
    shown(&state, &caller).await
}

async fn change_settings(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<SyncSettings>,
) -> Answer<Json<SyncStatus>> {
    let way: Option<Way> = input.way.parse().ok();
    Check::new()
        .require(way.is_some(), "way", "sync.way_unknown")
        .require(
            (1..=iq_sync::MAX_LEVEL).contains(&input.level),
            "level",
            "sync.level_unknown",
        )
        .require(
            input.hours_from < 1_440 && input.hours_to < 1_440,
            "hours_from",
            "sync.hours_wrong",
        )
        .require(
            input
                .cap_kbit
                .is_none_or(|cap| (8..=10_000_000).contains(&cap)),
            "cap_kbit",
            "sync.cap_wrong",
        )
        .require(
            is_time_zone(&input.time_zone),
            "time_zone",
            "request.time_zone_wrong",
        )
        .require(
            input.back_fill_hours <= MAX_BACK_FILL_HOURS,
            "back_fill_hours",
            "sync.back_fill_wrong",
        )
        .done()?;
    audit
        .detail("way", input.way)
        .detail("level", input.level)
        .detail("back_fill_hours", input.back_fill_hours)
        .detail("includes_audit", input.includes_audit);
    let held = state.sync.status(caller.tenant_id).await?;
    let choice = Choice {
        way: way.unwrap_or(Way::Line),
        level: input.level,
        includes_audit: input.includes_audit,
        cap_kbit: input.cap_kbit,
        hours_from: input.hours_from,
        hours_to: input.hours_to,
        time_zone: input.time_zone,
        is_paused: held.choice.is_some_and(|choice| choice.is_paused),
    };
    state
        .sync
        .change_from(caller.tenant_id, choice, input.back_fill_hours)
        .await?;
    shown(&state, &caller).await
}

async fn pause(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<SyncPause>,
) -> Answer<Json<SyncStatus>> {
    audit.detail("is_paused", input.is_paused);
    state.sync.pause(caller.tenant_id, input.is_paused).await?;
    shown(&state, &caller).await
}

async fn try_now(State(state): State<ApiState>, caller: Caller) -> Answer<Json<SyncStatus>> {
    state.sync.try_now(caller.tenant_id).await?;
    shown(&state, &caller).await
}

async fn fork_seen(State(state): State<ApiState>, caller: Caller) -> Answer<Json<SyncStatus>> {
    state
        .sync
        .fork_seen(caller.tenant_id, &caller.username)
        .await?;
    shown(&state, &caller).await
}

async fn decide(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<QuestionId>,
    Body(input): Body<SyncDecision>,
) -> Answer<Json<SyncStatus>> {
    audit.detail("applies", input.applies);
    let by = (caller.username.clone(), input.applies);
    state.sync.decide(caller.tenant_id, id.0, by).await?;
    shown(&state, &caller).await
}

/// An id of a question: a revision and a user.
struct QuestionId(String);

impl std::str::FromStr for QuestionId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let is_id = text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        is_id.then(|| Self(text.to_owned())).ok_or(())
    }
}

async fn shown(state: &ApiState, caller: &Caller) -> Answer<Json<SyncStatus>> {
    Ok(Json(
        status_of(state, caller.tenant_id, caller.language).await?,
    ))
}

async fn status_of(state: &ApiState, tenant: TenantId, language: Language) -> Answer<SyncStatus> {
    let found = state.sync.status(tenant).await?;
    let name = found.state.map_or("not_enrolled", |state| state.as_str());
    let link = found.link.as_ref();
    Ok(SyncStatus {
        state: name.to_owned(),
        remedy: texts::status(language, &state_message(name)),
        error: found
            .error
            .map(|error| texts::status(language, &Message::from(&error))),
        next_try_at: found.next_try_at,
        is_outside_hours: found.is_outside_hours,
        hub_url: link.map(|link| link.hub_url.clone()),
        hub_tenant: found
            .hub_names
            .map(|names| language.name(&names).to_owned()),
        hub_key: found.hub.as_ref().map(|hub| iq_sync::fingerprint(&hub.key)),
        own_key: link.map(|link| iq_sync::fingerprint(&link.public_key)),
        enrolled_at: found.hub.as_ref().map(|hub| hub.enrolled_at),
        enrolled_by: link.map(|link| link.enrolled_by.clone()),
        is_encrypted: link.is_some_and(|link| link.hub_url.starts_with("https:")),
        last_receipt_at: link.and_then(|link| link.last_receipt_at),
        backlog: found.backlog,
        unconfirmed: found.unconfirmed,
        confirmed: found.confirmed,
        oldest_unsent_at: found.oldest_unsent_at,
        drain_ms: found.drain_ms,
        records_per_second: found.records_per_second,
        hub_clock_ahead_ms: found.hub_clock_ahead_ms,
        changes_rev: link.map_or(0, |link| link.changes_rev),
        last_file: link.map_or(0, |link| link.bundle_no),
        settings: found.choice.filter(|_| found.hub.is_some()).map(settings),
        logs: found.lines.into_iter().map(log).collect(),
        questions: found.questions.into_iter().map(question).collect(),
        flags: found
            .flags
            .into_iter()
            .map(|(key, is_on)| SyncFlag { key, is_on })
            .collect(),
        raw: found.raw.map(|raw| series(language, raw)),
    })
}

fn series(language: Language, raw: RawStatus) -> SyncRaw {
    SyncRaw {
        signals: raw.estimate.signals,
        bytes_per_day: raw.estimate.bytes_per_day,
        bytes_stored: raw.estimate.bytes_stored,
        bytes_waiting: raw.estimate.bytes_waiting,
        begins_at: raw.begins_at,
        pieces: raw.records,
        confirmed: raw.confirmed,
        confirmed_at: raw.confirmed_at,
        drain_ms: raw.drain_ms,
        is_falling_behind: raw.is_falling_behind,
        held: raw
            .held
            .map(|error| texts::status(language, &Message::from(&error))),
    }
}

fn state_message(name: &str) -> Message {
    Message {
        code: format!("sync_state.{name}"),
        params: std::collections::BTreeMap::new(),
    }
}

fn settings(choice: Choice) -> SyncSettings {
    SyncSettings {
        way: choice.way.as_str().to_owned(),
        level: choice.level,
        includes_audit: choice.includes_audit,
        cap_kbit: choice.cap_kbit,
        hours_from: choice.hours_from,
        hours_to: choice.hours_to,
        time_zone: choice.time_zone,
        back_fill_hours: 0,
    }
}

fn log(line: LineStatus) -> SyncLog {
    SyncLog {
        epoch_number: line.epoch_no,
        epoch: line.epoch[..4].iter().map(|b| format!("{b:02x}")).collect(),
        stream: match line.stream {
            2 => "audit",
            3 => "figures",
            _ => "evidence",
        }
        .to_owned(),
        records: line.records,
        written: line.written,
        confirmed: line.confirmed,
        confirmed_at: line.confirmed_at,
        forked_at: line.forked_at,
        fork_seen_by: line.fork_seen,
    }
}

fn question(question: Question) -> SyncQuestion {
    let word = |value: &serde_json::Value| value["role"].as_str().map(str::to_owned);
    SyncQuestion {
        id: question.id,
        kind: question.kind,
        username: question.username,
        role_here: word(&question.here),
        is_active_here: question.here["is_active"].as_bool(),
        role_wanted: word(&question.wanted).unwrap_or_default(),
        is_active_wanted: question.wanted["is_active"].as_bool().unwrap_or_default(),
        at: question.at,
    }
}
