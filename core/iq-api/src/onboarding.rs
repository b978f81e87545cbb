//! First steps of a tenant: how far it has come, and a person's word that its profile is complete.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{OnboardingMissing, OnboardingProgress, OnboardingStep, ProfileDone};
use iq_domain::Permission;
use iq_locale::Language;
use iq_runtime::Onboarding;
use serde_json::json;

use crate::{
    http::{Answer, Audit, Body, Caller, Route, get, put},
    state::ApiState,
    texts,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/integrations/onboarding/progress",
            Permission::IntegrationsRead,
            get_progress,
        )
        .answer::<OnboardingProgress>()
        .says("How far the tenant has come, computed from its data"),
        put(
            "/api/integrations/onboarding/profile",
            Permission::IntegrationsWrite,
            mark_profile,
        )
        .body::<ProfileDone>()
        .answer::<OnboardingProgress>()
        .audits("onboarding.profile")
        .says("Call the tenant's profile complete, or take it back"),
    ]
}

async fn get_progress(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<OnboardingProgress>> {
    let found = state.runtime.onboarding(caller.tenant_id).await?;
    Ok(Json(dto(caller.language, found)))
}

async fn mark_profile(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<ProfileDone>,
) -> Answer<(StatusCode, Json<OnboardingProgress>)> {
    audit.detail("done", request.done.to_string());
    state
        .runtime
        .mark_profile(caller.tenant_id, request.done, &caller.username)
        .await?;
    let found = state.runtime.onboarding(caller.tenant_id).await?;
    Ok((StatusCode::OK, Json(dto(caller.language, found))))
}

fn dto(language: Language, found: Onboarding) -> OnboardingProgress {
    let word = |key: iq_runtime::StepKey| json!(key).as_str().unwrap_or_default().to_owned();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let available = found.steps.iter().filter(|s| s.is_available).count();
    let done = found.steps.iter().filter(|s| s.is_done).count();
    let next = found.steps.iter().find(|s| s.is_available && !s.is_done);
    OnboardingProgress {
        done: count(done),
        available: count(available),
        percent: count(done * 100 / available.max(1)),
        next: next.map(|s| word(s.key)),
        profile_marked_by: found.profile.as_ref().map(|p| p.by.clone()),
        profile_marked_at: found.profile.as_ref().map(|p| p.at),
        scored_assets: found.scored_assets,
        first_scored_asset: found.first_scored,
        steps: found
            .steps
            .into_iter()
            .map(|step| OnboardingStep {
                key: word(step.key),
                is_available: step.is_available,
                is_done: step.is_done,
                missing_total: count(step.missing_total),
                link: step.link,
                missing: step
                    .missing
                    .into_iter()
                    .map(|missing| OnboardingMissing {
                        message: texts::status(language, &missing.message),
                        link: missing.link,
                    })
                    .collect(),
            })
            .collect(),
    }
}
