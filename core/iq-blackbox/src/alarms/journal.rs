//! Activations from the rows of an alarm journal, where what belongs together has to be found again.

use std::collections::HashMap;

use iq_domain::{AlarmPhase, AssetId, Severity, Timestamp};

use super::Activation;

/// A row of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    /// The tag it is about; empty where the journal has none.
    pub tag: String,
    /// What the row says.
    pub text: String,
    /// The asset, if known.
    pub asset_id: Option<AssetId>,
    /// What happened to the alarm.
    pub phase: AlarmPhase,
    /// Priority.
    pub severity: Severity,
    /// When.
    pub at: Timestamp,
    /// One-sided uncertainty of that time.
    pub uncertainty_ms: i64,
}

/// Pairs the rows, which must be sorted by time. A return or an acknowledgement belongs to the last
/// activation of the same tag and text; where a journal words it otherwise, to the last of the tag
/// that still waits for it. People often acknowledge after the return, so what has returned waits on,
/// until the alarm comes again. What belongs to no activation of the journal is left out.
#[must_use]
pub fn activations(rows: &[JournalRow]) -> Vec<Activation> {
    let mut found: Vec<Activation> = Vec::new();
    // Per tag, its activations that wait for something, oldest first, with the text of each.
    let mut open: HashMap<&str, Vec<(usize, &str)>> = HashMap::new();
    for row in rows {
        let of_tag = open.entry(key_of(row)).or_default();
        match row.phase {
            AlarmPhase::Activated => {
                // Active again without a return in between: the journal lost it; it was over by now.
                for (i, _) in of_tag.extract_if(.., |(_, text)| *text == row.text) {
                    found[i].cleared_at.get_or_insert(row.at);
                }
                of_tag.push((found.len(), row.text.as_str()));
                found.push(Activation {
                    alarm: if row.tag.is_empty() {
                        row.text.clone()
                    } else {
                        format!("{} · {}", row.tag, row.text)
                    },
                    asset_id: row.asset_id,
                    severity: row.severity,
                    activated_at: row.at,
                    uncertainty_ms: row.uncertainty_ms,
                    acknowledged_at: None,
                    cleared_at: None,
                });
            }
            AlarmPhase::Acknowledged => {
                let waits = |i: &usize| found[*i].acknowledged_at.is_none();
                if let Some(i) = belongs_to(of_tag, &row.text, waits) {
                    found[i].acknowledged_at = Some(row.at);
                    if found[i].cleared_at.is_some() {
                        of_tag.retain(|(open, _)| *open != i);
                    }
                }
            }
            AlarmPhase::Cleared => {
                let waits = |i: &usize| found[*i].cleared_at.is_none();
                if let Some(i) = belongs_to(of_tag, &row.text, waits) {
                    found[i].cleared_at = Some(row.at);
                    if found[i].acknowledged_at.is_some() {
                        of_tag.retain(|(open, _)| *open != i);
                    }
                }
            }
        }
    }
    found
}

/// Rows without a tag belong together by their text.
fn key_of(row: &JournalRow) -> &str {
    if row.tag.is_empty() {
        &row.text
    } else {
        &row.tag
    }
}

fn belongs_to(
    of_tag: &[(usize, &str)],
    text: &str,
    waits: impl Fn(&usize) -> bool,
) -> Option<usize> {
    let newest_first = || of_tag.iter().rev().filter(|(i, _)| waits(i));
    newest_first()
        .find(|(_, of)| *of == text)
        .or_else(|| newest_first().next())
        .map(|(i, _)| *i)
}
