//! Incidents that people merged go on in the incident they became part of.

use std::collections::HashSet;

use iq_blackbox::OpenIncident;
use iq_domain::AssetId;
use iq_store::incident_changes::Part;

/// Lets open incidents stand for the assets of their parts too. One whose asset still has a critical alert keeps
/// the whole going, and with it every other part.
pub(super) fn add_parts(
    open: &mut Vec<OpenIncident>,
    parts: Vec<Part>,
    critical: &HashSet<AssetId>,
) {
    // What was split off and taken back never stood for itself.
    let parts: Vec<Part> = parts.into_iter().filter(|part| !part.is_folded).collect();
    for part in &parts {
        if let Some(whole) = open.iter_mut().find(|i| i.id == part.survivor) {
            whole.is_standing |= critical.contains(&part.asset_id);
        }
    }
    for part in parts {
        if let Some(whole) = open.iter().find(|i| i.id == part.survivor).copied() {
            open.push(OpenIncident {
                asset_id: part.asset_id,
                ..whole
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use iq_blackbox::{IncidentConfig, incident_end};
    use iq_domain::{IncidentId, IncidentType, Severity, Timestamp};

    use super::*;

    #[test]
    fn one_part_that_stands_keeps_the_whole_and_every_other_part_going() {
        let at = Timestamp(1_790_000_000_000);
        let whole = OpenIncident {
            id: IncidentId::new(),
            asset_id: AssetId::new(),
            incident_type: IncidentType::CriticalAlert,
            severity: Severity::Critical,
            started_at: at,
            triggered_at: at,
            last_event_at: at,
            is_standing: false,
        };
        let part = |is_folded| Part {
            id: IncidentId::new(),
            asset_id: AssetId::new(),
            survivor: whole.id,
            is_folded,
        };
        let (quiet, standing, folded) = (part(false), part(false), part(true));
        let (config, later) = (IncidentConfig::default(), at.plus_ms(7 * 86_400_000));
        let is_over = |open: &[OpenIncident]| {
            let mut ends = open
                .iter()
                .map(|i| incident_end(i, i.is_standing, later, &config));
            ends.any(|end| end.is_some())
        };
        for parts in [
            vec![quiet, standing, folded],
            vec![standing, quiet],
            vec![standing],
        ] {
            let count = parts.iter().filter(|part| !part.is_folded).count();
            let mut open = vec![whole];
            add_parts(&mut open, parts, &HashSet::from([standing.asset_id]));
            assert_eq!(open.len(), 1 + count);
            assert!(!is_over(&open), "{open:?}");
        }
        // What was split off and taken back speaks for no asset.
        let mut open = vec![whole];
        let critical = HashSet::from([folded.asset_id]);
        add_parts(&mut open, vec![quiet, folded], &critical);
        assert!(is_over(&open), "{open:?}");
    }
}
