//! An incident on paper: what the page of the incident shows, as a PDF in Arabic, in English or in
//! both, for people who have neither the program nor a network. It proves nothing by itself and says
//! so; the evidence file does.

mod cause;
mod record;
mod sections;
mod trends;

use axum::{extract::State, response::Response};
use iq_api_types::{Attachment, EvidenceStatus, IncidentDetail, RootCause, Timeline};
use iq_domain::{Alert, AuditRecord, IncidentId, Permission, Timestamp};
use iq_locale::Language;
use iq_report::Report;
use iq_store::{alerts, audit};

use crate::{
    attachments,
    http::{Answer, Audit, Caller, Id, Query, Route, get},
    incidents,
    paper::{self, ReportQuery},
    root_cause,
    state::ApiState,
    timeline,
};

/// Alerts of one report.
const MAX_ALERTS: u32 = 100;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/blackbox/incidents/{id}/report.pdf",
            Permission::BlackboxRead,
            make_report,
        )
        .query::<ReportQuery>()
        .text_answer("application/pdf")
        .audits("blackbox.make_report")
        .says("One incident as a PDF for people, Arabic first"),
    ]
}

/// What a part is made of; the sentences in it are in one language.
struct Told {
    detail: IncidentDetail,
    timeline: Timeline,
    cause: RootCause,
    attachments: Vec<Attachment>,
    /// Alerts of the incident, oldest first, and how many there are.
    alerts: (Vec<Alert>, u64),
    charts: Vec<trends::Drawn>,
    evidence: EvidenceStatus,
    /// Root of the last checkpoint.
    root: Option<String>,
    /// The line a reader trusts.
    trust: Option<String>,
    /// The last evidence file that was made of it.
    file: Option<AuditRecord>,
    /// The clock of its plant.
    zone: String,
    tenant: iq_domain::Names,
    is_demo: bool,
    made_at: Timestamp,
    made_by: String,
}

async fn make_report(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
    Query(query): Query<ReportQuery>,
) -> Answer<Response> {
    let now = state.now();
    let mut parts = Vec::new();
    let (mut number, mut is_demo) = (String::new(), false);
    for language in query.lang.languages() {
        let told = gather(&state, &caller, *language, id, now).await?;
        number.clone_from(&told.detail.incident.number);
        is_demo = told.is_demo;
        audit.asset(told.detail.incident.asset_id).called(&number);
        parts.push(sections::part(*language, &told));
    }
    let report = Report {
        title: number.clone(),
        author: paper::AUTHOR.to_owned(),
        made_at: now,
        parts,
    };
    let pdf = paper::set(report).await?;
    audit
        .detail("pages", pdf.pages)
        .detail("language", serde_json::json!(query.lang));
    let mark = if is_demo { "DEMO-" } else { "" };
    Ok(paper::answer(pdf, &format!("{mark}{number}.pdf")))
}

async fn gather(
    state: &ApiState,
    caller: &Caller,
    language: Language,
    id: IncidentId,
    now: Timestamp,
) -> Answer<Told> {
    let caller = &Caller {
        language,
        ..caller.clone()
    };
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let detail = incidents::detail_of(state, caller, id).await?;
    let timeline = timeline::timeline_of(state, caller, id).await?;
    let charts = trends::drawn(state, &plant, &timeline).await?;
    let tenant = caller.tenant_id;
    let filter = alerts::AlertFilter {
        incident_id: Some(id),
        ..alerts::AlertFilter::default()
    };
    let made = audit::AuditFilter {
        action: Some("blackbox.export_evidence".to_owned()),
        is_success: Some(true),
        text: Some(id.to_string()),
        ..audit::AuditFilter::default()
    };
    let (mut found, file) = state
        .runtime
        .store()
        .read(move |conn| {
            let page = iq_store::Page::first(MAX_ALERTS);
            Ok((
                alerts::list_alerts(conn, tenant, &filter, page)?,
                audit::list_audit(conn, tenant, &made, iq_store::Page::first(1))?,
            ))
        })
        .await?;
    found
        .rows
        .sort_by_key(|alert| (alert.activated_at, alert.id));
    let (evidence, root) = crate::evidence::status_of(state, tenant).await?;
    let trust = crate::evidence::trust_lines(state, tenant).await?;
    let site = plant
        .assets
        .get(&detail.incident.asset_id)
        .and_then(|entry| plant.sites.get(&entry.site_id));
    Ok(Told {
        cause: root_cause::told(state, caller, id).await?,
        attachments: attachments::of_incident(state, caller, id).await?,
        alerts: (found.rows, found.total),
        charts,
        evidence,
        root,
        trust: trust
            .into_iter()
            .find(|key| key.is_current)
            .map(|key| key.trust_line),
        file: file.rows.into_iter().next(),
        zone: site.map_or_else(|| "UTC".to_owned(), |site| site.time_zone.clone()),
        tenant: plant.tenant.names.clone(),
        is_demo: plant.tenant.is_demo,
        made_at: now,
        made_by: caller.username.clone(),
        detail,
        timeline,
    })
}
