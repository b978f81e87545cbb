//! Incidents found in the past: the rules of the present, gone through once more over events that
//! came later than they happened (an imported alarm journal, a source that was away). Pure: whoever
//! calls it hands over the events in the order of their time and stores what is decided.

use iq_domain::{AssetId, IncidentId, IncidentType, IndustrialEvent, Severity, Timestamp};

use crate::incident::{
    IncidentConfig, IncidentDecision, OpenIncident, Topology, decide_as, gravity_of, incident_end,
    past_trigger_of,
};

/// An incident that is stored, as detection has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownIncident {
    /// Id.
    pub id: IncidentId,
    /// The asset it started at.
    pub asset_id: AssetId,
    /// Its type.
    pub incident_type: IncidentType,
    /// Its severity.
    pub severity: Severity,
    /// Its trigger's time.
    pub started_at: Timestamp,
    /// Its newest event before the first one that is gone through; else its trigger's time.
    pub last_event_at: Timestamp,
    /// A person closed it: nothing is added to it, and nothing it covers opens another.
    pub is_closed: bool,
}

/// What stands around an event.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Who is connected to whom.
    pub topology: &'a Topology,
    /// Names its asset in a title.
    pub code: &'a str,
    /// Stored incidents it belongs to already.
    pub of: &'a [IncidentId],
    /// It lies in the window that is asked about.
    pub may_open: bool,
}

/// Goes through the past, event by event, oldest first. Gone through again with what it decided stored,
/// it decides nothing new.
#[derive(Debug)]
pub struct Detector {
    config: IncidentConfig,
    /// Stored ones whose time has not come yet, latest first.
    waiting: Vec<KnownIncident>,
    open: Vec<OpenIncident>,
    closed: Vec<IncidentId>,
}

impl Detector {
    /// Begins before the first event.
    #[must_use]
    pub fn new(config: IncidentConfig, known: Vec<KnownIncident>) -> Self {
        let mut waiting = known;
        waiting.sort_by_key(|i| std::cmp::Reverse((i.started_at, i.id)));
        Self {
            config,
            waiting,
            open: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// What an event means.
    pub fn take(&mut self, event: &IndustrialEvent, scene: Scene<'_>) -> IncidentDecision {
        let at = event.event_time;
        self.advance(at);
        if !scene.of.is_empty() {
            for incident in self.open.iter_mut().filter(|i| scene.of.contains(&i.id)) {
                incident.last_event_at = incident.last_event_at.max(at);
            }
            return IncidentDecision::Ignore;
        }
        let trigger = past_trigger_of(event);
        let decision = decide_as(
            event,
            trigger,
            scene.code,
            &self.open,
            scene.topology,
            &self.config,
        );
        match decision {
            IncidentDecision::Open { .. } if !scene.may_open => IncidentDecision::Ignore,
            IncidentDecision::Join { incident, .. } if self.closed.contains(&incident) => {
                IncidentDecision::Ignore
            }
            IncidentDecision::Attach { mut links } => {
                links.retain(|(id, _)| !self.closed.contains(id));
                if links.is_empty() {
                    return IncidentDecision::Ignore;
                }
                for (id, _) in &links {
                    self.touch(*id, at);
                }
                IncidentDecision::Attach { links }
            }
            IncidentDecision::Join {
                incident,
                relation,
                upgrade,
                began,
            } => {
                self.touch(incident, at);
                if let Some(row) = self.open.iter_mut().find(|i| i.id == incident) {
                    row.incident_type = upgrade.unwrap_or(row.incident_type);
                    row.triggered_at = began.unwrap_or(row.triggered_at);
                }
                IncidentDecision::Join {
                    incident,
                    relation,
                    upgrade,
                    began,
                }
            }
            other => other,
        }
    }

    /// The incident an `Open` became, once it has an id.
    pub fn opened(&mut self, id: IncidentId, event: &IndustrialEvent, kind: IncidentType) {
        let Some(asset_id) = event.asset_id else {
            return;
        };
        self.open.push(OpenIncident {
            id,
            asset_id,
            incident_type: kind,
            severity: gravity_of(event),
            started_at: event.event_time.plus_ms(-self.config.before_ms),
            triggered_at: event.event_time,
            last_event_at: event.event_time,
            is_standing: false,
        });
    }

    /// Lets time pass: what has been quiet for long enough is over, what is stored begins.
    fn advance(&mut self, now: Timestamp) {
        let config = self.config;
        // What led to a stored incident belongs to it, so it counts from before its trigger. Another
        // trigger joins it only from shortly before: as it would have been, had it been seen live.
        while let Some(next) = self.waiting.last().copied() {
            if next.started_at.plus_ms(-config.before_ms) > now {
                break;
            }
            self.waiting.pop();
            if next.is_closed {
                self.closed.push(next.id);
            }
            self.open.push(OpenIncident {
                id: next.id,
                asset_id: next.asset_id,
                incident_type: next.incident_type,
                severity: next.severity,
                started_at: next.started_at.plus_ms(-config.before_ms),
                triggered_at: next.started_at,
                last_event_at: next.last_event_at,
                is_standing: false,
            });
        }
        // An alarm of a journal tells nothing about how long it stood: quiet is enough.
        self.open
            .retain(|i| incident_end(i, false, now, &config).is_none());
    }

    fn touch(&mut self, id: IncidentId, at: Timestamp) {
        for incident in self.open.iter_mut().filter(|i| i.id == id) {
            incident.last_event_at = incident.last_event_at.max(at);
        }
    }
}

#[cfg(test)]
mod tests;
