//! Technicians of the tenant. Everybody who sees work orders sees them; what they cost, why they are
//! away and remarks about them are for those who plan.

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    CertificateState, HeldCertificate, ImportReport, Page, Technician, TechnicianInput,
};
use iq_domain::{
    self as domain, Absence, Permission, SiteId, TechnicianCertificate, TechnicianId, Timestamp,
    UserId,
};
use iq_runtime::TenantIndex;
use iq_store::{
    Connection, StoreError, Transaction, all_rows,
    technicians::{self as rows, TechnicianFilter, TechnicianRow},
    users,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, Id, PageQuery, Query, Route, Text, delete,
        get, page::answer_page, post, put,
    },
    import_rows::ImportQuery,
    state::ApiState,
    technician_plan::{self, People, TechnicianPlan, word},
};

/// Largest CSV file.
const IMPORT_CAP: usize = 2 * 1024 * 1024;
/// A certificate that ends within so long is renewed now.
const ENDS_SOON_MS: i64 = 30 * 86_400_000;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{TechniciansWrite, WorkOrdersRead};
    vec![
        get("/api/technicians", WorkOrdersRead, list_technicians)
            .query::<TechnicianQuery>()
            .page::<Technician>()
            .says("Technicians, by personnel number"),
        post("/api/technicians", TechniciansWrite, create_technician)
            .body::<TechnicianInput>()
            .answer::<Technician>()
            .status(201)
            .audits("technicians.create")
            .says("Create a technician"),
        post(
            "/api/technicians/import",
            TechniciansWrite,
            import_technicians,
        )
        .query::<ImportQuery>()
        .text_body("text/csv")
        .cap(IMPORT_CAP)
        .answer::<ImportReport>()
        .audits("technicians.import")
        .says("Import technicians from CSV, all or none"),
        get("/api/technicians/{id}", WorkOrdersRead, get_technician)
            .answer::<Technician>()
            .says("One technician"),
        put("/api/technicians/{id}", TechniciansWrite, update_technician)
            .body::<TechnicianInput>()
            .answer::<Technician>()
            .audits("technicians.update")
            .says("Change a technician"),
        delete("/api/technicians/{id}", TechniciansWrite, delete_technician)
            .status(204)
            .audits("technicians.delete")
            .says("Delete a technician no work order names"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct TechnicianQuery {
    /// Only this site.
    site_id: Option<SiteId>,
    /// Only with this skill.
    skill: Option<String>,
    /// Only those work may, or may not, be given to.
    is_active: Option<bool>,
    /// Part of personnel number, names, skills or certificates.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_technicians(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<TechnicianQuery>,
) -> Answer<Json<Page<Technician>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if query
        .site_id
        .is_some_and(|id| !plant.sites.contains_key(&id))
    {
        return Err(Failure::not_found());
    }
    let page = PageQuery::page(query.limit, query.offset);
    let filter = TechnicianFilter {
        site_id: query.site_id,
        skill: query.skill.map(|s| word(&s)).filter(|s| !s.is_empty()),
        is_active: query.is_active,
        text: query.q,
    };
    let tenant = caller.tenant_id;
    let (found, names) = state
        .runtime
        .store()
        .read(move |conn| {
            let found = rows::list_technicians(conn, tenant, &filter, page)?;
            let names = usernames(conn, tenant, &found.rows)?;
            Ok((found, names))
        })
        .await?;
    let now = state.now();
    Ok(Json(answer_page(found, page, |row| {
        let username = row.user_id.and_then(|id| names.get(&id).cloned());
        dto(&caller, &plant, row, username, now)
    })))
}

async fn get_technician(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<TechnicianId>,
) -> Answer<Json<Technician>> {
    answer(&state, &caller, id).await
}

async fn create_technician(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<TechnicianInput>,
) -> Answer<(StatusCode, Json<Technician>)> {
    let row = from_input(&state, &caller, TechnicianId::new(), &input)?;
    let id = row.technician.id;
    audit
        .object("technician", id)
        .detail("code", row.code.clone());
    write(
        &state,
        &caller,
        row,
        input.username,
        rows::create_technician,
    )
    .await?;
    Ok((StatusCode::CREATED, answer(&state, &caller, id).await?))
}

async fn update_technician(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<TechnicianId>,
    Body(input): Body<TechnicianInput>,
) -> Answer<Json<Technician>> {
    own(&state, &caller, id).await?;
    let row = from_input(&state, &caller, id, &input)?;
    audit.detail("code", row.code.clone());
    write(
        &state,
        &caller,
        row,
        input.username,
        rows::update_technician,
    )
    .await?;
    answer(&state, &caller, id).await
}

async fn delete_technician(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<TechnicianId>,
) -> Answer<StatusCode> {
    audit.detail("code", own(&state, &caller, id).await?.code);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| rows::delete_technician(tx, tenant, id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes a technician with the account it belongs to.
async fn write(
    state: &ApiState,
    caller: &Caller,
    mut row: TechnicianRow,
    username: Option<String>,
    store: fn(&Connection, domain::TenantId, &TechnicianRow) -> Result<(), StoreError>,
) -> Answer<()> {
    let tenant = caller.tenant_id;
    let username = username
        .map(|n| n.trim().to_owned())
        .filter(|n| !n.is_empty());
    let written = state
        .runtime
        .store()
        .write(move |tx| {
            if let Some(name) = username {
                let Some(user) = users::get_user_by_username(tx, tenant, &name)? else {
                    return Ok(Err("technicians.user_unknown"));
                };
                let holder = rows::get_technician_by_user(tx, tenant, user.id)?;
                if holder.is_some_and(|h| h.technician.id != row.technician.id) {
                    return Ok(Err("technicians.user_taken"));
                }
                row.user_id = Some(user.id);
            }
            store(tx, tenant, &row).map(Ok)
        })
        .await?;
    written.map_err(|code| Failure::field("username", code))
}

async fn import_technicians(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<ImportQuery>,
    Text(text): Text,
) -> Answer<Json<ImportReport>> {
    let tenant = caller.tenant_id;
    let sites = state
        .runtime
        .tenant(tenant)?
        .sites
        .values()
        .cloned()
        .collect();
    let (technicians, known) = state
        .runtime
        .store()
        .read(move |conn| {
            let every = TechnicianFilter::default();
            let technicians = all_rows(|page| rows::list_technicians(conn, tenant, &every, page))?;
            let every = users::UserFilter::default();
            let known = all_rows(|page| users::list_users(conn, tenant, &every, page))?;
            Ok((technicians, known))
        })
        .await?;
    let people = People {
        tenant_id: tenant,
        now: state.now(),
        sites,
        technicians,
        users: known
            .into_iter()
            .map(|u| (users::username_key(&u.username), u.id))
            .collect(),
    };
    let plan = tokio::task::spawn_blocking(move || technician_plan::plan(&text, &people))
        .await
        .map_err(|_| Failure::internal())??;
    let report = plan.report(&caller, &audit, &query);
    if !query.dry_run && report.errors.is_empty() {
        state
            .runtime
            .store()
            .write(move |tx| write_plan(tx, tenant, &plan))
            .await?;
    }
    Ok(Json(report))
}

fn write_plan(
    tx: &Transaction<'_>,
    tenant: domain::TenantId,
    plan: &TechnicianPlan,
) -> Result<(), StoreError> {
    for technician in &plan.updated {
        rows::update_technician(tx, tenant, technician)?;
    }
    for technician in &plan.created {
        rows::create_technician(tx, tenant, technician)?;
    }
    Ok(())
}

/// The tenant's own technician.
pub(crate) async fn own(
    state: &ApiState,
    caller: &Caller,
    id: TechnicianId,
) -> Answer<TechnicianRow> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| rows::get_technician(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

async fn answer(state: &ApiState, caller: &Caller, id: TechnicianId) -> Answer<Json<Technician>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let row = own(state, caller, id).await?;
    let (tenant, user) = (caller.tenant_id, row.user_id);
    let username = state
        .runtime
        .store()
        .read(move |conn| match user {
            Some(user) => users::get_user(conn, tenant, user),
            None => Ok(None),
        })
        .await?
        .map(|u| u.username);
    Ok(Json(dto(caller, &plant, row, username, state.now())))
}

fn usernames(
    conn: &Connection,
    tenant: domain::TenantId,
    technicians: &[TechnicianRow],
) -> Result<HashMap<UserId, String>, StoreError> {
    let mut names = HashMap::new();
    for id in technicians.iter().filter_map(|t| t.user_id) {
        if let Some(user) = users::get_user(conn, tenant, id)? {
            names.insert(id, user.username);
        }
    }
    Ok(names)
}

fn from_input(
    state: &ApiState,
    caller: &Caller,
    id: TechnicianId,
    input: &TechnicianInput,
) -> Answer<TechnicianRow> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if !plant.sites.contains_key(&input.site_id) {
        return Err(Failure::not_found());
    }
    let mut skills: Vec<String> = Vec::new();
    for skill in input.skills.iter().map(|s| word(s)) {
        if !skills.contains(&skill) {
            skills.push(skill);
        }
    }
    let certificate = |c: &TechnicianCertificate| TechnicianCertificate {
        name: word(&c.name),
        valid_until: c.valid_until,
    };
    let mut shifts = input.shifts.clone();
    shifts.sort_by_key(|s| (s.weekday, s.from_minute));
    let row = TechnicianRow {
        technician: domain::Technician {
            id,
            tenant_id: caller.tenant_id,
            site_id: input.site_id,
            names: input.names.clone(),
            skills,
            certificates: input.certificates.iter().map(certificate).collect(),
            shifts,
            absences: input.absences.clone(),
            hourly_cost: input.hourly_cost,
            is_active: input.is_active,
        },
        code: input.code.clone(),
        user_id: None,
        note: input.note.clone(),
        changed_at: state.now(),
    };
    let mut check = Check::new();
    technician_plan::check(&mut check, &row);
    check.done()?;
    Ok(row)
}

fn dto(
    caller: &Caller,
    plant: &TenantIndex,
    row: TechnicianRow,
    username: Option<String>,
    now: Timestamp,
) -> Technician {
    let plans = caller.may(Permission::TechniciansWrite);
    let person = row.technician;
    let site = plant.sites.get(&person.site_id);
    let absence = |a: &Absence| Absence {
        from: a.from,
        to: a.to,
        reason: if plans {
            a.reason.clone()
        } else {
            String::new()
        },
    };
    Technician {
        id: person.id,
        code: row.code,
        names: person.names,
        site_id: person.site_id,
        site_code: site.map(|s| s.code.clone()).unwrap_or_default(),
        time_zone: site.map(|s| s.time_zone.clone()).unwrap_or_default(),
        username,
        skills: person.skills,
        certificates: person
            .certificates
            .into_iter()
            .map(|c| HeldCertificate {
                state: state_of(c.valid_until, now),
                name: c.name,
                valid_until: c.valid_until,
            })
            .collect(),
        shifts: person.shifts,
        is_away: person.absences.iter().any(|a| a.from <= now && now < a.to),
        absences: person
            .absences
            .iter()
            .filter(|a| a.to > now)
            .map(absence)
            .collect(),
        hourly_cost: person.hourly_cost.filter(|_| plans),
        is_active: person.is_active,
        note: if plans { row.note } else { String::new() },
        changed_at: row.changed_at,
    }
}

fn state_of(valid_until: Option<Timestamp>, now: Timestamp) -> CertificateState {
    match valid_until {
        Some(end) if end < now => CertificateState::Expired,
        Some(end) if end < now.plus_ms(ENDS_SOON_MS) => CertificateState::EndsSoon,
        _ => CertificateState::Valid,
    }
}
