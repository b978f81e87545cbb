//! Headquarters: the own tenant's plants, incidents with their evidence check, events, raw records.

use axum::{Json, extract::State};
use iq_api_types::{
    FleetAppliance, HubCheck, HubEvent, HubIncident, HubIncidentDetail, HubRecord, Page,
};
use iq_domain::{ApplianceId, IncidentId, Permission};

use super::{
    body::{Id, PageQuery, Query},
    route::{Access, Route, get},
};
use crate::{
    app::{
        appliances,
        records::{self, EventFilter, IncidentFilter},
        session::Caller,
    },
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let read = Access::May(Permission::BlackboxRead);
    vec![
        get("/api/appliances", read, list_appliances)
            .list::<FleetAppliance>()
            .says("The own plants by their receipts"),
        get("/api/incidents", read, list_incidents)
            .query::<IncidentFilter>()
            .page::<HubIncident>()
            .says("Incidents of the own plants by their newest record"),
        get(
            "/api/incidents/{appliance_id}/{incident_id}",
            read,
            get_incident,
        )
        .answer::<HubIncidentDetail>()
        .says("An incident with its records"),
        get(
            "/api/incidents/{appliance_id}/{incident_id}/check",
            read,
            check_incident,
        )
        .answer::<HubCheck>()
        .says("Whether the hub's copy of its log is what was acknowledged"),
        get("/api/events", read, list_events)
            .query::<EventFilter>()
            .page::<HubEvent>()
            .says("Events of the own plants"),
        get("/api/records", read, list_records)
            .query::<PageQuery>()
            .list::<HubRecord>()
            .says("Everything the own plants sent, record by record"),
    ]
}

async fn list_appliances(
    State(hub): State<Hub>,
    caller: Caller,
) -> Answer<Json<Vec<FleetAppliance>>> {
    Ok(Json(
        appliances::list_own(&hub, caller.user.tenant_id).await?,
    ))
}

async fn list_incidents(
    State(hub): State<Hub>,
    caller: Caller,
    Query(filter): Query<IncidentFilter>,
) -> Answer<Json<Page<HubIncident>>> {
    let page = records::list_incidents(&hub, caller.user.tenant_id, &filter).await?;
    Ok(Json(page))
}

async fn get_incident(
    State(hub): State<Hub>,
    caller: Caller,
    Id(appliance): Id<ApplianceId>,
    Id(incident): Id<IncidentId, 1>,
) -> Answer<Json<HubIncidentDetail>> {
    let owner = (caller.user.tenant_id, appliance);
    Ok(Json(records::get_incident(&hub, owner, incident).await?))
}

async fn check_incident(
    State(hub): State<Hub>,
    caller: Caller,
    Id(appliance): Id<ApplianceId>,
    Id(incident): Id<IncidentId, 1>,
) -> Answer<Json<HubCheck>> {
    let owner = (caller.user.tenant_id, appliance);
    Ok(Json(records::check(&hub, owner, incident).await?))
}

async fn list_events(
    State(hub): State<Hub>,
    caller: Caller,
    Query(filter): Query<EventFilter>,
) -> Answer<Json<Page<HubEvent>>> {
    let page = records::list_events(&hub, caller.user.tenant_id, &filter).await?;
    Ok(Json(page))
}

async fn list_records(
    State(hub): State<Hub>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Answer<Json<Vec<HubRecord>>> {
    let rows = records::list_raw(&hub, caller.user.tenant_id, query.page()).await?;
    Ok(Json(rows))
}
