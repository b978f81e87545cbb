//! Incidents that people merge and split, and take back. No event and no record is changed by it: an
//! incident that was merged says into which one, and every step is a record of its own.

use std::collections::{HashMap, HashSet};

use iq_blackbox::{IncidentConfig, Topology, gravity_of, made_of, past_trigger_of, title_of};
use iq_domain::{
    AssetId, CodedError, EventId, EventRelation, Incident, IncidentChangeId, IncidentId,
    IncidentStatus, IncidentType, IndustrialEvent, TenantId,
};
use iq_store::{
    Connection, StoreError, Transaction,
    incident_changes::{self, IncidentChange, IncidentChangeKind},
    incidents,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{LiveEvent, Runtime, TenantIndex, alerts::year_of};

/// Events that leave an incident in one step.
pub const MAX_SPLIT: usize = 5_000;

/// Title of an incident that was part of another.
const SPLIT_OFF: &str = "incident.split_off";

/// Who does it and why.
#[derive(Clone, Debug)]
pub struct Decision {
    /// User name.
    pub actor: String,
    /// In the person's words.
    pub reason: String,
}

/// What an incident was, as far as a merge changes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Before {
    started_at: iq_domain::Timestamp,
    ended_at: Option<iq_domain::Timestamp>,
    severity: iq_domain::Severity,
    incident_type: IncidentType,
    /// Sentence code and arguments; absent in changes that were made before titles followed.
    #[serde(default)]
    title: Option<(String, serde_json::Value)>,
}

impl Before {
    fn of(incident: &Incident) -> Self {
        Self {
            started_at: incident.started_at,
            ended_at: incident.ended_at,
            severity: incident.severity,
            incident_type: incident.incident_type,
            title: Some((incident.title_code.clone(), incident.title_params.clone())),
        }
    }

    fn restore(self, incident: &mut Incident) {
        incident.started_at = self.started_at;
        incident.ended_at = self.ended_at;
        incident.severity = self.severity;
        incident.incident_type = self.incident_type;
        if let Some((code, params)) = self.title {
            (incident.title_code, incident.title_params) = (code, params);
        }
    }
}

impl Runtime {
    /// Makes `other` part of `survivor`.
    ///
    /// # Errors
    /// `incidents.not_found`, `incidents.merge_itself` or `incidents.merged_already`.
    pub async fn merge_incidents(
        &self,
        tenant: TenantId,
        survivor: IncidentId,
        other: IncidentId,
        by: Decision,
    ) -> Result<IncidentChange, CodedError> {
        let now = self.clock().now();
        let plant = self.tenant(tenant)?;
        let (change, rows) = self
            .store()
            .write(move |tx| {
                let mut kept = own(tx, tenant, survivor)?;
                if survivor == other {
                    return Err(CodedError::invalid("incidents.merge_itself").into());
                }
                let gone = own(tx, tenant, other)?;
                let change = IncidentChange {
                    id: IncidentChangeId::new(),
                    tenant_id: tenant,
                    incident_id: survivor,
                    other_id: other,
                    kind: IncidentChangeKind::Merge,
                    undoes: None,
                    reason: by.reason,
                    actor: by.actor,
                    at: now,
                    before: json!(Before::of(&kept)),
                };
                kept.started_at = kept.started_at.min(gone.started_at);
                // One that goes on makes the whole go on.
                kept.ended_at = kept.ended_at.zip(gone.ended_at).map(|(a, b)| a.max(b));
                kept.severity = kept.severity.max(gone.severity);
                incident_changes::create_incident_change(tx, tenant, &change)?;
                incident_changes::join_events(tx, tenant, change.id, (other, survivor))?;
                incident_changes::set_survivor(tx, tenant, other, Some(survivor))?;
                follow_trip(tx, &mut kept, &plant)?;
                incidents::update_incident(tx, tenant, &kept)?;
                Ok::<_, StoreError>((change, [kept, gone]))
            })
            .await?;
        self.tell_incidents(tenant, rows);
        Ok(change)
    }

    /// Makes an incident of its own of some events of another.
    ///
    /// # Errors
    /// `incidents.not_found`, `incidents.split_nothing`, `incidents.split_trigger`,
    /// `incidents.split_foreign` or `incidents.merged_already`.
    pub async fn split_incident(
        &self,
        tenant: TenantId,
        incident: IncidentId,
        events: Vec<EventId>,
        by: Decision,
    ) -> Result<IncidentChange, CodedError> {
        let now = self.clock().now();
        let plant = self.tenant(tenant)?;
        let (change, rows) = self
            .store()
            .write(move |tx| {
                let mut whole = own(tx, tenant, incident)?;
                let before = Before::of(&whole);
                let (taken, rest) = chosen(tx, tenant, incident, &events)?;
                let Some(first) = taken.first() else {
                    return Err(CodedError::invalid("incidents.split_nothing").into());
                };
                let opener = taken.iter().find(|e| past_trigger_of(e).is_some());
                let opener = opener.unwrap_or(first);
                let asset = opener
                    .asset_id
                    .or_else(|| taken.iter().find_map(|e| e.asset_id))
                    .unwrap_or(whole.asset_id);
                let code = code_of(&plant, asset);
                let last = taken.last().map_or(first.event_time, |e| e.event_time);
                let part = Incident {
                    id: IncidentId::new(),
                    tenant_id: tenant,
                    number: incidents::next_incident_number(tx, tenant, year_of(first.event_time))?,
                    asset_id: asset,
                    incident_type: made_of(&taken, asset).0,
                    severity: taken.iter().map(gravity_of).max().unwrap_or(whole.severity),
                    title_code: SPLIT_OFF.to_owned(),
                    title_params: json!({ "asset": code, "number": whole.number }),
                    status: IncidentStatus::Open,
                    assignee: whole.assignee.clone(),
                    started_at: first.event_time,
                    ended_at: whole.ended_at.map(|_| last),
                    created_at: now,
                };
                let change = IncidentChange {
                    id: IncidentChangeId::new(),
                    tenant_id: tenant,
                    incident_id: incident,
                    other_id: part.id,
                    kind: IncidentChangeKind::Split,
                    undoes: None,
                    reason: by.reason,
                    actor: by.actor,
                    at: now,
                    before: json!(before),
                };
                incidents::create_incident(tx, tenant, &part)?;
                incident_changes::create_incident_change(tx, tenant, &change)?;
                for event in &taken {
                    incident_changes::leave_event(tx, tenant, incident, event.id, change.id)?;
                    let relation = relation_of(event, opener.id, asset);
                    incidents::create_incident_event(tx, tenant, part.id, event.id, relation)?;
                }
                let was = made_of(taken.iter().chain(&rest), whole.asset_id).0;
                // What made it a trip may have left it.
                if was == whole.incident_type && follow(&mut whole, &rest, &plant) {
                    incidents::update_incident(tx, tenant, &whole)?;
                }
                Ok::<_, StoreError>((change, [whole, part]))
            })
            .await?;
        self.tell_incidents(tenant, rows);
        Ok(change)
    }

    /// Takes a change back. The newest one first: what came later stands on it.
    ///
    /// # Errors
    /// `incidents.not_found`, `incidents.undo_unknown` or `incidents.undo_order`.
    pub async fn undo_incident_change(
        &self,
        tenant: TenantId,
        incident: IncidentId,
        change: IncidentChangeId,
        by: Decision,
    ) -> Result<IncidentChange, CodedError> {
        let now = self.clock().now();
        let plant = self.tenant(tenant)?;
        let (undo, rows) = self
            .store()
            .write(move |tx| {
                if incidents::get_incident(tx, tenant, incident)?.is_none() {
                    return Err(CodedError::not_found("incidents.not_found").into());
                }
                let undone = undoable(tx, tenant, incident, change)?;
                let mut kept = own(tx, tenant, undone.incident_id)?;
                let undo = IncidentChange {
                    id: IncidentChangeId::new(),
                    kind: IncidentChangeKind::Undo,
                    undoes: Some(undone.id),
                    reason: by.reason,
                    actor: by.actor,
                    at: now,
                    before: json!(Before::of(&kept)),
                    ..undone.clone()
                };
                incident_changes::create_incident_change(tx, tenant, &undo)?;
                let (stays, other) = (undone.incident_id, undone.other_id);
                if undone.kind == IncidentChangeKind::Merge {
                    incident_changes::leave_joined(tx, tenant, stays, undone.id, undo.id)?;
                    let part = incidents::get_incident(tx, tenant, other)?;
                    let part = part.ok_or(CodedError::not_found("incidents.not_found"))?;
                    for (event, relation) in came_by_part(tx, &plant.topology, &kept, &part)? {
                        incident_changes::leave_event(tx, tenant, stays, event, undo.id)?;
                        incidents::create_incident_event(tx, tenant, other, event, relation)?;
                    }
                    incident_changes::set_survivor(tx, tenant, other, None)?;
                    if let Ok(before) = serde_json::from_value::<Before>(undone.before) {
                        before.restore(&mut kept);
                        follow_trip(tx, &mut kept, &plant)?;
                        incidents::update_incident(tx, tenant, &kept)?;
                    }
                } else {
                    incident_changes::return_events(tx, tenant, stays, undone.id)?;
                    // What it took in since belongs to the whole again.
                    incident_changes::join_events(tx, tenant, undo.id, (other, stays))?;
                    incident_changes::set_survivor(tx, tenant, other, Some(stays))?;
                    let before = serde_json::from_value::<Before>(undone.before);
                    if before.is_ok_and(|b| b.incident_type != kept.incident_type) {
                        let all = events_of(tx, &kept)?;
                        if follow(&mut kept, &all, &plant) {
                            incidents::update_incident(tx, tenant, &kept)?;
                        }
                    }
                }
                let other = incidents::get_incident(tx, tenant, other)?.unwrap_or(kept.clone());
                Ok::<_, StoreError>((undo, [kept, other]))
            })
            .await?;
        self.tell_incidents(tenant, rows);
        Ok(undo)
    }

    fn tell_incidents(&self, tenant: TenantId, rows: [Incident; 2]) {
        for row in rows {
            self.live().publish(tenant, LiveEvent::Incident(row));
        }
    }
}

/// An incident that stands by itself.
fn own(tx: &Transaction<'_>, tenant: TenantId, id: IncidentId) -> Result<Incident, StoreError> {
    let found = incidents::get_incident(tx, tenant, id)?;
    let found = found.ok_or(CodedError::not_found("incidents.not_found"))?;
    if incident_changes::get_survivor(tx, tenant, id)?.is_some() {
        let error = CodedError::conflict("incidents.merged_already").with("number", &found.number);
        return Err(error.into());
    }
    Ok(found)
}

fn code_of(plant: &TenantIndex, asset: AssetId) -> &str {
    let entry = plant.assets.get(&asset);
    entry.map_or("", |e| e.asset.code.as_str())
}

/// Gives an incident the type and title its events make it have; whether that changed anything. A part of another
/// keeps the title that says so.
fn follow(incident: &mut Incident, events: &[IndustrialEvent], plant: &TenantIndex) -> bool {
    let (kind, trigger) = made_of(events, incident.asset_id);
    if kind == incident.incident_type {
        return false;
    }
    incident.incident_type = kind;
    if incident.title_code != SPLIT_OFF {
        let (title, params) = title_of(kind, trigger, code_of(plant, incident.asset_id));
        title.clone_into(&mut incident.title_code);
        incident.title_params = params;
    }
    true
}

/// Makes an incident a trip where its asset's own trip is among its events, whether it came by a merge or since.
fn follow_trip(
    conn: &Connection,
    incident: &mut Incident,
    plant: &TenantIndex,
) -> Result<(), StoreError> {
    let all = events_of(conn, incident)?;
    if made_of(&all, incident.asset_id).0 == IncidentType::Trip {
        follow(incident, &all, plant);
    }
    Ok(())
}

fn events_of(conn: &Connection, incident: &Incident) -> Result<Vec<IndustrialEvent>, StoreError> {
    let all = incidents::list_incident_events(conn, incident.tenant_id, incident.id)?;
    Ok(all.into_iter().map(|(event, _)| event).collect())
}

/// The chosen events in the order of their time, and those that stay; the one that opened the incident does.
fn chosen(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    wanted: &[EventId],
) -> Result<(Vec<IndustrialEvent>, Vec<IndustrialEvent>), StoreError> {
    let mut all: HashMap<EventId, (IndustrialEvent, EventRelation)> =
        incidents::list_incident_events(conn, tenant, incident)?
            .into_iter()
            .map(|(event, relation)| (event.id, (event, relation)))
            .collect();
    let count = all.len();
    let mut taken = Vec::new();
    for id in wanted {
        match all.remove(id) {
            None if taken.iter().any(|e: &IndustrialEvent| e.id == *id) => {}
            None => return Err(CodedError::invalid("incidents.split_foreign").into()),
            Some((_, EventRelation::Trigger)) => {
                return Err(CodedError::invalid("incidents.split_trigger").into());
            }
            Some((event, _)) => taken.push(event),
        }
    }
    if taken.len() == count {
        return Err(CodedError::invalid("incidents.split_trigger").into());
    }
    taken.sort_by_key(|e| (e.event_time, e.id));
    let rest = all.into_values().map(|(event, _)| event).collect();
    Ok((taken, rest))
}

fn relation_of(event: &IndustrialEvent, opener: EventId, asset: AssetId) -> EventRelation {
    if event.id == opener {
        EventRelation::Trigger
    } else if event.asset_id == Some(asset) {
        EventRelation::SameAsset
    } else {
        EventRelation::Neighbour
    }
}

/// What the program linked to an incident only because the other was part of it: events of the other's asset, and
/// of what stands around that and not around this one's. They go with the other when the merge is taken back.
fn came_by_part(
    conn: &Connection,
    topology: &Topology,
    whole: &Incident,
    part: &Incident,
) -> Result<Vec<(EventId, EventRelation)>, StoreError> {
    if whole.asset_id == part.asset_id {
        return Ok(Vec::new());
    }
    let (tenant, config) = (whole.tenant_id, IncidentConfig::default());
    let own = incident_changes::list_own_links(conn, tenant, whole.id)?;
    let own: HashSet<EventId> = own.into_iter().collect();
    let all = incidents::list_incident_events(conn, tenant, whole.id)?;
    let of = |event: &IndustrialEvent, incident: &Incident| {
        let beginning = (incident.asset_id, incident.started_at);
        iq_blackbox::relation_of(event, beginning, topology, &config)
    };
    let came = all.iter().filter(|(event, _)| own.contains(&event.id));
    let came = came.filter_map(|(event, linked)| {
        let relation = of(event, part)?;
        // Of another asset and linked as the incident's own: of the part's. What was a neighbour before stays one.
        let is_of_part =
            *linked == EventRelation::SameAsset && event.asset_id != Some(whole.asset_id);
        (is_of_part || of(event, whole).is_none()).then_some((event.id, relation))
    });
    Ok(came.collect())
}

/// The change, if it is the newest of its incident that stands.
fn undoable(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    wanted: IncidentChangeId,
) -> Result<IncidentChange, StoreError> {
    let all = incident_changes::list_incident_changes(conn, tenant, incident)?;
    let found = all
        .iter()
        .find(|c| c.id == wanted && c.kind != IncidentChangeKind::Undo)
        .ok_or(CodedError::invalid("incidents.undo_unknown"))?;
    // Both took part in later changes that stand on this one.
    for side in [found.incident_id, found.other_id] {
        let of_side = incident_changes::list_incident_changes(conn, tenant, side)?;
        let newest = of_side.iter().rfind(|c| {
            c.kind != IncidentChangeKind::Undo && !of_side.iter().any(|u| u.undoes == Some(c.id))
        });
        match newest {
            Some(newest) if newest.id == wanted => {}
            Some(_) => return Err(CodedError::conflict("incidents.undo_order").into()),
            None => return Err(CodedError::invalid("incidents.undo_unknown").into()),
        }
    }
    Ok(found.clone())
}
