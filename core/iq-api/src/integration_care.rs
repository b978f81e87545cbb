//! Looking after a connection: copy it, see what its deletion takes along, start and stop the demo
//! stream, the global defaults, the doctor.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    DeletionPreview, DoctorEvidence, DoctorFinding, DoctorReport, GlobalDefaultField,
    GlobalDefaults, Integration,
};
use iq_connector::SECRET_MASK;
use iq_domain::{IntegrationId, Permission};
use iq_locale::Language;
use iq_runtime::{Finding, diagnose};

use crate::{
    http::{Answer, Audit, Caller, Failure, Id, Route, get, post},
    integrations::{Started, answer, own, report_dto, stage_key},
    state::ApiState,
    texts,
};

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{IntegrationsRead, IntegrationsTest, IntegrationsWrite};
    vec![
        get(
            "/api/integrations/defaults",
            IntegrationsRead,
            list_defaults,
        )
        .list::<GlobalDefaults>()
        .says("What the environment supplies where a connection has no value of its own"),
        post(
            "/api/integrations/{id}/duplicate",
            IntegrationsWrite,
            duplicate_integration,
        )
        .answer::<Integration>()
        .status(201)
        .audits("integrations.duplicate")
        .says("Copy a connection with its secrets; the copy is switched off"),
        get(
            "/api/integrations/{id}/deletion",
            IntegrationsWrite,
            preview_deletion,
        )
        .answer::<DeletionPreview>()
        .says("What a deletion takes along and what stays"),
        post(
            "/api/integrations/{id}/demo-stream/{action}",
            IntegrationsWrite,
            switch_demo_stream,
        )
        .answer::<Integration>()
        .audits("integrations.demo_stream")
        .says("Start or stop the values of the demo plant"),
        post(
            "/api/integrations/{id}/doctor",
            IntegrationsTest,
            ask_doctor,
        )
        .answer::<DoctorReport>()
        .audits("integrations.doctor")
        .says("Test a connection and say what to do, and who can do it"),
    ]
}

async fn list_defaults(State(state): State<ApiState>, _: Caller) -> Json<Vec<GlobalDefaults>> {
    let mut kinds: BTreeMap<&str, Vec<GlobalDefaultField>> = BTreeMap::new();
    for field in state.runtime.default_fields() {
        let value = match field.is_secret {
            true => field.is_set.then(|| SECRET_MASK.to_owned()),
            false => field.value,
        };
        kinds
            .entry(field.kind)
            .or_default()
            .push(GlobalDefaultField {
                field: field.field,
                variable: field.variable,
                value,
            });
    }
    Json(
        kinds
            .into_iter()
            .map(|(kind, fields)| GlobalDefaults {
                kind: kind.to_owned(),
                fields,
            })
            .collect(),
    )
}

async fn duplicate_integration(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IntegrationId>,
) -> Answer<(StatusCode, Json<Integration>)> {
    own(&state, &caller, id)?;
    let begun = Started::now("duplicate");
    let result = state
        .runtime
        .duplicate_integration(caller.tenant_id, id)
        .await
        .map_err(Failure::from);
    begun.log(&state, &caller, id, &result).await;
    let copy = result?;
    audit
        .detail("name", copy.name.clone())
        .detail("copy", copy.id.to_string());
    let body = answer(&state, &caller, copy.id).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

async fn preview_deletion(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
) -> Answer<Json<DeletionPreview>> {
    let found = state.runtime.preview_deletion(caller.tenant_id, id).await?;
    Ok(Json(DeletionPreview {
        name: found.integration.name,
        mappings: found.attached.mappings,
        certificates: found.attached.certificates,
        secrets: found.attached.secrets,
        actions: found.attached.log_rows,
        cursors: found.attached.cursors,
        technical_objects: found.attached.technical_objects,
        work_orders: found.attached.work_orders,
        signals: found.signals,
        assets_left_alone: found.assets_left_alone,
    }))
}

async fn switch_demo_stream(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IntegrationId>,
    Id(action): Id<String, 1>,
) -> Answer<Json<Integration>> {
    own(&state, &caller, id)?;
    let is_on = match action.as_str() {
        "start" => true,
        "stop" => false,
        _ => return Err(Failure::not_found()),
    };
    audit.object("integration", id).detail("action", action);
    let begun = Started::now(if is_on {
        "demo_stream_start"
    } else {
        "demo_stream_stop"
    });
    let result = state
        .runtime
        .set_demo_stream(caller.tenant_id, id, is_on)
        .await
        .map_err(Failure::from);
    begun.log(&state, &caller, id, &result).await;
    result?;
    Ok(Json(answer(&state, &caller, id).await?))
}

async fn ask_doctor(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
) -> Answer<Json<DoctorReport>> {
    own(&state, &caller, id)?;
    let view = state.runtime.view_integration(caller.tenant_id, id).await?;
    let address = address_of(&view.effective.config).unwrap_or(view.integration.name);
    let report = state
        .runtime
        .test_integration(caller.tenant_id, id, &caller.username, &|_| {})
        .await?;
    let findings = diagnose(&report, &address);
    let test = report_dto(caller.language, &report);
    Ok(Json(DoctorReport {
        findings: findings
            .into_iter()
            .map(|finding| finding_dto(caller.language, finding))
            .collect(),
        test,
    }))
}

/// Where the connection goes, as a person would say it.
fn address_of(config: &serde_json::Value) -> Option<String> {
    let text = |field: &str| {
        config
            .get(field)
            .and_then(serde_json::Value::as_str)
            .map(|t| iq_domain::neutralise(t, 200))
            .filter(|t| !t.is_empty())
    };
    let url = ["endpoint_url", "pi_webapi_url", "base_url", "watch_folder"]
        .into_iter()
        .find_map(text);
    url.or_else(|| {
        let host = text("host")?;
        match config.get("port").and_then(serde_json::Value::as_u64) {
            Some(port) => Some(format!("{host}:{port}")),
            None => Some(host),
        }
    })
}

fn finding_dto(language: Language, finding: Finding) -> DoctorFinding {
    let topic = finding.topic.as_str();
    let fixer = finding.fixer.as_str();
    let cause = texts::status(language, &finding.cause);
    let mut params = finding.params;
    params.insert("cause".to_owned(), cause.message.clone());
    let says = |key: &str| texts::of(language, &format!("doctor.{key}"), &params);
    let evidence = finding
        .evidence
        .into_iter()
        .map(|(key, value)| DoctorEvidence {
            label: texts::of(
                language,
                &format!("doctor.evidence.{key}"),
                &BTreeMap::new(),
            ),
            key: key.to_owned(),
            value,
        });
    DoctorFinding {
        stage: stage_key(finding.stage),
        is_blocking: finding.is_blocking,
        topic: topic.to_owned(),
        next_step: says(&format!("next.{topic}")),
        fixer: fixer.to_owned(),
        who: says(&format!("who.{fixer}")),
        send: says(&format!("send.{topic}")),
        evidence: evidence.collect(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use iq_connector::StageKey;
    use iq_locale::{keys, pattern};
    use iq_runtime::{Topic, topic_of};

    use super::*;

    #[test]
    fn every_topic_has_its_sentences_in_both_languages() {
        for language in [Language::En, Language::Ar] {
            for topic in Topic::ALL {
                for key in [
                    format!("doctor.next.{}", topic.as_str()),
                    format!("doctor.send.{}", topic.as_str()),
                    format!("doctor.who.{}", topic.fixer().as_str()),
                ] {
                    assert!(
                        pattern(language, "sentence", &key).is_some(),
                        "{key} in {language:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_doctor_knows_every_code_a_connector_fails_a_test_with() {
        let areas = [
            "opcua", "http", "pi", "sql", "eam", "sap", "oracle", "file", "auth",
        ];
        let of_connectors = |code: &&str| {
            let area = code.split('.').next().unwrap_or_default();
            areas.contains(&area)
        };
        let codes = keys(Language::En, "errors");
        let known: Vec<&str> = codes.into_iter().filter(of_connectors).collect();
        assert!(known.len() > 40, "{}", known.len());
        for code in known {
            assert_ne!(topic_of(code, StageKey::Session), Topic::Other, "{code}");
        }
    }

    #[test]
    fn an_address_is_told_without_anything_else_of_the_configuration() {
        let config = serde_json::json!({ "host": "db", "port": 5432, "username": "reader" });
        assert_eq!(address_of(&config).as_deref(), Some("db:5432"));
        let url = serde_json::json!({ "base_url": "https://sap.plant:44300" });
        assert_eq!(address_of(&url).as_deref(), Some("https://sap.plant:44300"));
    }
}
