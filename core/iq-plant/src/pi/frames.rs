//! Event frames: an alarm or a trip of the plant from its beginning to its end, on the element of its
//! asset. An open frame ends at the end of time, as in the original.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{
    SoeEvent, SoeKind,
    pi::{
        Inner,
        api::Call,
        model::{Object, chosen},
        params::{Refusal, TICKS_PER_MS, Ticks, iso, matches},
    },
};

/// Frames kept; the oldest go.
const KEPT: usize = 20_000;

/// The end of a frame that is not over.
const NEVER: &str = "9999-12-31T23:59:59Z";

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    name: String,
    template: &'static str,
    severity: &'static str,
    asset: String,
    start: Ticks,
    end: Option<Ticks>,
}

/// All frames in the order of their start, and the open one of each cause.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    frames: Vec<Frame>,
    open: HashMap<String, usize>,
    /// Frames that were dropped at the front; numbers go on.
    dropped: usize,
}

impl Frames {
    /// Takes lines of the sequence-of-events recorder.
    pub(crate) fn take(&mut self, lines: &[SoeEvent]) {
        for line in lines {
            let at = line.time.millis() * TICKS_PER_MS;
            let (cause, severity, template) = match line.kind {
                SoeKind::Alarm | SoeKind::AlarmReturn => {
                    let Some((tag, limit)) = line.text.rsplit_once(' ') else {
                        continue;
                    };
                    let is_urgent = matches!(limit, "HH" | "LL");
                    let severity = if is_urgent { "Critical" } else { "Warning" };
                    let side = if limit.starts_with('H') { "H" } else { "L" };
                    (format!("{tag} {side}"), severity, "Process Alarm")
                }
                SoeKind::Trip | SoeKind::Reset => {
                    (format!("{} trip", line.asset), "Critical", "Trip")
                }
                _ => continue,
            };
            match line.kind {
                SoeKind::Alarm | SoeKind::Trip => self.open(line, at, cause, severity, template),
                _ => self.close(&cause, at),
            }
        }
    }

    fn open(
        &mut self,
        line: &SoeEvent,
        at: Ticks,
        cause: String,
        severity: &'static str,
        template: &'static str,
    ) {
        if let Some(frame) = self
            .open
            .get(&cause)
            .and_then(|at| self.frames.get_mut(*at))
        {
            // From high to high-high it is the same frame, only worse.
            if severity == "Critical" {
                frame.severity = severity;
            }
            return;
        }
        if self.frames.len() == KEPT {
            self.frames.drain(..KEPT / 2);
            self.dropped += KEPT / 2;
            self.open.retain(|_, at| {
                *at = at.wrapping_sub(KEPT / 2);
                *at < KEPT
            });
        }
        self.open.insert(cause, self.frames.len());
        self.frames.push(Frame {
            name: format!("{} {}", line.asset, line.text),
            template,
            severity,
            asset: line.asset.clone(),
            start: at,
            end: None,
        });
    }

    fn close(&mut self, cause: &str, at: Ticks) {
        let frame = self.open.remove(cause);
        if let Some(frame) = frame.and_then(|at| self.frames.get_mut(at)) {
            frame.end = Some(at.max(frame.start));
        }
    }

    fn id(&self, at: usize) -> String {
        format!("{:08x}-0000-4000-8000-00000ef00000", self.dropped + at)
    }
}

impl Inner {
    /// Takes what the recorder wrote.
    pub(crate) fn record_events(&self, lines: &[SoeEvent]) {
        self.frames().take(lines);
    }

    /// The frames of the database in a window.
    pub(super) fn event_frames(&self, call: &Call<'_>, short: bool) -> Result<Value, Refusal> {
        let start = call.params.time("startTime", "*-8h", call.now)?;
        let end = call.params.time("endTime", "*", call.now)?;
        let mode = call.params.get("searchMode").unwrap_or("Overlapped");
        let template = call.params.get("templateName").unwrap_or("*");
        let frames = self.frames();
        let is_in = |f: &Frame| match mode.to_lowercase().as_str() {
            "overlapped" => Ok(f.start <= end && f.end.is_none_or(|e| e >= start)),
            "startinclusive" => Ok(f.start >= start && f.start <= end),
            "inclusive" => Ok(f.start >= start && f.end.is_some_and(|e| e <= end)),
            "forwardinprogress" => Ok(f.end.is_none() && f.start >= start),
            other => Err(Refusal::bad(format!(
                "The search mode '{other}' is not supported."
            ))),
        };
        let mut found = Vec::new();
        for (at, frame) in frames.frames.iter().enumerate() {
            if is_in(frame)? && matches(template, frame.template) {
                found.push(at);
            }
        }
        self.page(call, &found, |at| self.frame_json(&frames, at, short))
    }

    fn frame_json(&self, frames: &Frames, at: usize, short: bool) -> Value {
        let frame = &frames.frames[at];
        let id = frames.id(at);
        let web_id = format!("F1Fm{}", id.replace('-', ""));
        let element = self
            .model
            .elements
            .iter()
            .find(|e| e.name == frame.asset)
            .map(|e| chosen(&e.ids, short).to_owned());
        json!({
            "WebId": web_id, "Id": id, "Name": frame.name, "Description": "",
            "Path": format!(r"\\{}\{}\EventFrames[{}]", super::ASSET_SERVER, super::DATABASE, frame.name),
            "TemplateName": frame.template, "HasChildren": false,
            "CategoryNames": [], "ExtendedProperties": {},
            "StartTime": iso(frame.start),
            "EndTime": frame.end.map_or_else(|| NEVER.to_owned(), iso),
            "Severity": frame.severity,
            "AcknowledgedBy": "", "AcknowledgedDate": "1970-01-01T00:00:00Z",
            "CanBeAcknowledged": false, "IsAcknowledged": false,
            "IsAnnotated": false, "IsLocked": false, "AreValuesCaptured": false,
            "RefElementWebIds": element.into_iter().collect::<Vec<_>>(),
            "Links": { "Self": format!("{}/eventframes/{web_id}", self.base) },
        })
    }

    /// Whether a web id is the database's.
    pub(super) fn is_database(&self, web_id: &str) -> bool {
        self.model.find(web_id) == Some(Object::Database)
    }
}

#[cfg(test)]
mod tests {
    use iq_domain::Timestamp;

    use super::*;

    fn line(seq: u64, kind: SoeKind, text: &str) -> SoeEvent {
        SoeEvent {
            seq,
            time: Timestamp(1_750_000_000_000 + seq as i64 * 1_000),
            asset: "K-202".to_owned(),
            kind,
            text: text.to_owned(),
        }
    }

    #[test]
    fn an_alarm_is_one_frame_from_high_over_high_high_to_its_return() {
        let mut frames = Frames::default();
        frames.take(&[
            line(1, SoeKind::Alarm, "VT HH"),
            line(2, SoeKind::Running, "x"),
        ]);
        assert_eq!((frames.frames.len(), frames.frames[0].end), (1, None));
        frames.take(&[
            line(3, SoeKind::Alarm, "VT HH"),
            line(4, SoeKind::AlarmReturn, "VT H"),
        ]);
        assert_eq!(frames.frames.len(), 1);
        let frame = &frames.frames[0];
        assert_eq!(frame.severity, "Critical");
        assert_eq!(
            frame.end.map(|e| e - frame.start),
            Some(3_000 * TICKS_PER_MS)
        );
        frames.take(&[line(5, SoeKind::Alarm, "VT L")]);
        assert_eq!(frames.frames.len(), 2);
        assert_ne!(frames.id(0), frames.id(1));
    }

    #[test]
    fn only_so_many_are_kept_and_numbers_go_on() {
        let mut frames = Frames::default();
        for i in 0..=KEPT as u64 {
            frames.take(&[line(i, SoeKind::Alarm, &format!("T{i} H"))]);
        }
        assert_eq!(frames.frames.len(), KEPT / 2 + 1);
        assert!(frames.id(0).starts_with(&format!("{:08x}", KEPT / 2)));
        frames.take(&[line(99, SoeKind::AlarmReturn, &format!("T{KEPT} H"))]);
        assert!(frames.frames.last().unwrap().end.is_some());
        // The frame of what was dropped is gone; nothing else is closed in its place.
        frames.take(&[line(99, SoeKind::AlarmReturn, "T5 H")]);
        assert_eq!(frames.frames.iter().filter(|f| f.end.is_some()).count(), 1);
    }
}
