//! Rows of alarm journals as events. The id of an event is made from what happened, not from the file,
//! so that the same alarm in two exports is one event. Rows that are the same in every cell are one event as
//! well, within a file and between files: a system that writes a line twice says nothing new with the second.

use std::collections::{HashMap, HashSet};

use iq_domain::{AlarmPhase, EventCategory, Severity, SourceEvent, Timestamp, neutralise};
use sha2::{Digest, Sha256};

use crate::{
    layout::{ImportLayout, Role},
    priority::urgency,
    split::Cells,
    states::{Said, said},
};

/// Longest summary.
const MAX_SUMMARY_CHARS: usize = 500;
/// Cells kept with an event.
const MAX_PAYLOAD_CELLS: usize = 64;
/// Longest of them.
const MAX_PAYLOAD_CHARS: usize = 500;

/// Different events of one moment that are counted.
const MAX_SEEN: usize = 100_000;

/// Makes events of rows.
#[derive(Debug)]
pub(crate) struct JournalReader {
    names: Vec<String>,
    message: Vec<usize>,
    tag: Option<usize>,
    state: Option<usize>,
    priority: Option<usize>,
    operator: Option<usize>,
    /// The state of the last row, where it is not known.
    pub(crate) unknown_state: Option<String>,
    /// Its priority, where that is not known.
    pub(crate) unknown_priority: Option<String>,
    /// How often each event of the present moment occurred in rows that differ elsewhere, and those rows.
    at: Option<Timestamp>,
    seen: HashMap<[u8; 32], u32>,
    rows: HashSet<[u8; 32]>,
}

impl JournalReader {
    /// A reader for a layout.
    #[must_use]
    pub(crate) fn new(layout: &ImportLayout) -> Self {
        Self {
            names: layout.columns.iter().map(|c| c.name.clone()).collect(),
            message: layout.columns_with(Role::Message).collect(),
            tag: layout.column(Role::Tag),
            state: layout.column(Role::State),
            priority: layout.column(Role::Priority),
            operator: layout.column(Role::Operator),
            unknown_state: None,
            unknown_priority: None,
            at: None,
            seen: HashMap::new(),
            rows: HashSet::new(),
        }
    }

    /// The event of a row, none where the very row was read before, or the code of what it lacks.
    pub(crate) fn event(
        &mut self,
        at: Timestamp,
        cells: &Cells<'_>,
    ) -> Result<Option<SourceEvent>, &'static str> {
        let text = |column: Option<usize>| -> Result<&str, &'static str> {
            let cell = column.and_then(|c| cells.get(c)).unwrap_or_default();
            std::str::from_utf8(cell.trim_ascii()).map_err(|_| "file.text_undecodable")
        };
        let mut parts = Vec::new();
        for column in &self.message {
            let part = text(Some(*column))?;
            if !part.is_empty() {
                parts.push(part);
            }
        }
        let message = parts.join(" · ");
        if message.is_empty() {
            return Err("file.message_missing");
        }
        let (tag, state, priority) = (text(self.tag)?, text(self.state)?, text(self.priority)?);
        let said = match said(state) {
            // Somebody stands beside it and nothing says that it is an alarm: what people write into their log.
            _ if state.is_empty() && priority.is_empty() && !text(self.operator)?.is_empty() => {
                Said::ByPerson
            }
            said => said,
        };
        let urgency = urgency(priority);
        self.unknown_priority = urgency.is_none().then(|| priority.to_owned());
        // What a person did has words of its own.
        let is_unknown = said == Said::Unknown && category(said, &message) == EventCategory::Alert;
        self.unknown_state = is_unknown.then(|| state.to_owned());
        let digest: [u8; 32] = {
            let mut hash = Sha256::new();
            hash.update(at.0.to_be_bytes());
            for part in [tag, &message, state] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
            hash.finalize().into()
        };
        if self.at != Some(at) {
            self.at = Some(at);
            self.seen.clear();
            self.rows.clear();
        }
        let row = row_digest(cells);
        if self.rows.contains(&row) {
            self.unknown_state = None;
            self.unknown_priority = None;
            return Ok(None);
        }
        if self.rows.len() < MAX_SEEN {
            self.rows.insert(row);
        }
        let occurrence = if self.seen.len() < MAX_SEEN || self.seen.contains_key(&digest) {
            let count = self.seen.entry(digest).or_default();
            *count += 1;
            *count
        } else {
            1
        };
        let id: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
        Ok(Some(SourceEvent {
            source_id: format!("{id}-{occurrence}"),
            source_type: "alarm_journal".to_owned(),
            at,
            category: category(said, &message),
            phase: phase(said, &message),
            severity: severity(urgency, said),
            subject: Some(tag)
                .filter(|t| !t.is_empty())
                .map(|t| neutralise(t, crate::layout::MAX_TAG_CHARS)),
            also: Vec::new(),
            summary: neutralise(&message, MAX_SUMMARY_CHARS),
            payload: self.payload(cells),
        }))
    }

    fn payload(&self, cells: &Cells<'_>) -> serde_json::Value {
        let mut row = serde_json::Map::new();
        for (i, name) in self.names.iter().enumerate().take(MAX_PAYLOAD_CELLS) {
            let cell = cells.get(i).unwrap_or_default();
            let text = String::from_utf8_lossy(cell.trim_ascii());
            if !text.is_empty() {
                row.insert(
                    neutralise(name, 80),
                    neutralise(&text, MAX_PAYLOAD_CHARS).into(),
                );
            }
        }
        row.into()
    }
}

/// What tells a row from others: all its cells, whatever they are read as.
fn row_digest(cells: &Cells<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for i in 0..cells.len() {
        let cell = cells.get(i).unwrap_or_default().trim_ascii();
        hash.update((cell.len() as u64).to_be_bytes());
        hash.update(cell);
    }
    hash.finalize().into()
}

/// Acknowledgements and commands are acts of people, the rest are alarms.
fn category(said: Said, message: &str) -> EventCategory {
    let is_act = matches!(said, Said::Acknowledged | Said::ByPerson);
    if is_act || message.to_lowercase().starts_with("operator ") {
        EventCategory::OperatorAction
    } else {
        EventCategory::Alert
    }
}

/// What happened to the alarm; none where the row is about something else a person did.
fn phase(said: Said, message: &str) -> Option<AlarmPhase> {
    if category(said, message) == EventCategory::OperatorAction {
        return (said == Said::Acknowledged).then_some(AlarmPhase::Acknowledged);
    }
    Some(if said == Said::Cleared {
        AlarmPhase::Cleared
    } else {
        AlarmPhase::Activated
    })
}

/// The priority is that of the alarm as it came. Its return and its acknowledgement are no more than news of it, as
/// from every other source.
fn severity(priority: Option<Severity>, said: Said) -> Severity {
    match said {
        Said::Cleared | Said::Acknowledged => Severity::Info,
        _ => priority.unwrap_or(Severity::Warning),
    }
}

#[cfg(test)]
mod tests {
    use iq_domain::AlarmPhase;

    use super::{phase, said, severity};

    #[test]
    fn a_state_says_what_happened_to_the_alarm() {
        use AlarmPhase::{Acknowledged, Activated, Cleared};
        for (state, expected) in [
            ("ACT", Some(Activated)),
            ("ACT/UNACK", Some(Activated)),
            ("Broken wire", Some(Activated)),
            ("ABNORMAL", Some(Activated)),
            ("ACK", Some(Acknowledged)),
            ("RTN", Some(Cleared)),
            ("OK", Some(Cleared)),
            ("زال", Some(Cleared)),
            ("عاد إلى الطبيعي", Some(Cleared)),
            ("أُقر", Some(Acknowledged)),
            ("Shelved", None),
            ("نص", Some(Activated)),
        ] {
            assert_eq!(phase(said(state), "high level"), expected, "{state}");
        }
    }

    #[test]
    fn an_alarm_that_went_or_was_acknowledged_is_as_grave_as_none() {
        use iq_domain::Severity::{Critical, Info};
        assert_eq!(severity(Some(Critical), said("نشط")), Critical);
        assert_eq!(severity(Some(Critical), said("عاد")), Info);
        assert_eq!(severity(Some(Critical), said("RTN")), Info);
        assert_eq!(severity(Some(Critical), said("ACK")), Info);
        assert_eq!(severity(Some(Critical), said("أُقر")), Info);
        assert_eq!(severity(None, said("ACT/ACK")), Info);
    }
}
