//! Event frames of the asset databases as events: the beginning of a frame is one event, its end another,
//! its acknowledgement a third. Frames are asked for by window, with an overlap, because an analysis
//! writes them late and an open frame ends only some time; what was told already is not told again.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use iq_connector::{Batch, CursorMark};
use iq_domain::{
    AlarmPhase, CodedError, EventCategory, Severity, SourceEvent, SourceRecord, Timestamp,
    neutralise,
};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use crate::{
    api::{Api, Resource},
    config::SyncMode,
    resolve::is_web_id,
    time::Ticks,
    wire::{EventFrame, List, Object},
};

/// Name of the position.
pub(crate) const CURSOR: &str = "event_frames";

/// How far before the newest window frames are asked for again: analyses write them late.
const OVERLAP_MS: i64 = 15 * 60_000;
/// Frames of one page.
const PAGE: usize = 1_000;
/// Pages of one reading of one database; the next reading goes on.
const MAX_PAGES: usize = 500;
/// An end after this is no end: the frame is open.
const NEVER_MS: i64 = 253_370_764_800_000;
/// Steps and elements remembered; beyond it they are learnt again.
const MAX_KNOWN: usize = 100_000;
/// Longest name taken over.
const MAX_NAME: usize = 300;
const DAY_MS: i64 = 86_400_000;

/// Reads the frames of all databases.
pub(crate) struct FrameReader {
    /// Only this database, by its path.
    database: Option<String>,
    zone: TimeZone,
    /// Where the next reading begins.
    from: Timestamp,
    databases: Option<Vec<String>>,
    told: HashSet<String>,
    elements: HashMap<String, Option<Element>>,
}

/// What a frame refers to.
#[derive(Clone, Debug)]
struct Element {
    name: String,
    path: String,
}

/// What one reading brought, page by page; the last one moves the position.
pub(crate) struct Read {
    pub(crate) reader: FrameReader,
    pub(crate) batches: Result<Vec<Batch>, CodedError>,
}

impl FrameReader {
    /// Goes on where the last run ended, else as far back as values are read at first.
    pub(crate) fn new(
        cursors: &BTreeMap<String, Json>,
        mode: SyncMode,
        database: Option<String>,
        zone: TimeZone,
        now: Timestamp,
    ) -> Self {
        let kept = cursors.get(CURSOR).and_then(|c| c["from"].as_i64());
        let first = match mode {
            SyncMode::Last24h => now.plus_ms(-DAY_MS),
            SyncMode::Last7d => now.plus_ms(-7 * DAY_MS),
            SyncMode::Full => Timestamp(0),
        };
        Self {
            database,
            zone,
            from: kept.map_or(first, Timestamp),
            databases: None,
            told: HashSet::new(),
            elements: HashMap::new(),
        }
    }

    /// One reading up to `now`, by the server's clock. Everything is kept for the next one.
    pub(crate) async fn read(mut self, api: Api, now: Timestamp) -> Read {
        let batches = self.window(&api, now).await;
        Read {
            reader: self,
            batches,
        }
    }

    async fn window(&mut self, api: &Api, now: Timestamp) -> Result<Vec<Batch>, CodedError> {
        let databases = self.databases(api).await?;
        let mut batches = Vec::new();
        for database in databases.iter() {
            for page in 0..MAX_PAGES {
                let frames = self.page(api, database, page * PAGE, now).await?;
                let is_last = frames.len() < PAGE;
                self.learn_elements(api, &frames).await?;
                let records: Vec<SourceRecord> = frames
                    .iter()
                    .flat_map(|frame| self.steps(frame))
                    .map(SourceRecord::Event)
                    .collect();
                if !records.is_empty() {
                    batches.push(Batch {
                        records,
                        cursors: vec![self.mark()],
                        ..Batch::default()
                    });
                }
                if is_last {
                    break;
                }
            }
        }
        let next = now.plus_ms(-OVERLAP_MS);
        if next > self.from {
            self.from = next;
            batches.push(Batch {
                cursors: vec![self.mark()],
                ..Batch::default()
            });
        }
        if self.told.len() > MAX_KNOWN {
            self.told.clear();
        }
        if self.elements.len() > MAX_KNOWN {
            self.elements.clear();
        }
        Ok(batches)
    }

    fn mark(&self) -> CursorMark {
        CursorMark {
            name: CURSOR.to_owned(),
            position: json!({ "from": self.from.0 }),
        }
    }

    /// The web ids of the databases whose frames are read.
    async fn databases(&mut self, api: &Api) -> Result<Arc<[String]>, CodedError> {
        if let Some(known) = &self.databases {
            return Ok(known.as_slice().into());
        }
        let usable = |object: Object| object.web_id.filter(|id| is_web_id(id));
        let mut found = Vec::new();
        if let Some(path) = &self.database {
            let object = api
                .get::<Object>(Resource::new("assetdatabases").with("path", path))
                .await?;
            found.extend(usable(object));
        } else {
            let servers = api
                .get::<List<Object>>(Resource::new("assetservers"))
                .await?;
            for server in servers.items.into_iter().filter_map(usable) {
                let below = Resource::new(format!("assetservers/{server}/assetdatabases"));
                let databases = api.get::<List<Object>>(below).await?;
                found.extend(databases.items.into_iter().filter_map(usable));
            }
        }
        self.databases = Some(found.clone());
        Ok(found.into())
    }

    async fn page(
        &self,
        api: &Api,
        database: &str,
        start: usize,
        now: Timestamp,
    ) -> Result<Vec<EventFrame>, CodedError> {
        let resource = Resource::new(format!("assetdatabases/{database}/eventframes"))
            .with("searchMode", "Overlapped")
            .with("startTime", Ticks::of(self.from))
            .with("endTime", Ticks::of(now))
            .with("searchFullHierarchy", "true")
            .with("sortField", "StartTime")
            .with("sortOrder", "Ascending")
            .with("startIndex", start)
            .with("maxCount", PAGE)
            .items(PAGE);
        Ok(api.get::<List<EventFrame>>(resource).await?.items)
    }

    /// Names and paths of the elements the frames refer to, asked for once.
    async fn learn_elements(&mut self, api: &Api, frames: &[EventFrame]) -> Result<(), CodedError> {
        let mut unknown: Vec<String> = frames
            .iter()
            .filter_map(EventFrame::element)
            .filter(|id| is_web_id(id) && !self.elements.contains_key(*id))
            .map(str::to_owned)
            .collect();
        unknown.sort();
        unknown.dedup();
        let resources = unknown
            .iter()
            .map(|id| Resource::new(format!("elements/{id}")))
            .collect();
        let answers = api.get_all::<Object>(resources).await?;
        for (id, answer) in unknown.into_iter().zip(answers) {
            let element = answer.ok().and_then(|object| {
                Some(Element {
                    name: object.name?,
                    path: object.path?,
                })
            });
            self.elements.insert(id, element);
        }
        Ok(())
    }

    /// What is new about a frame.
    pub(crate) fn steps(&mut self, frame: &EventFrame) -> Vec<SourceEvent> {
        let Some(id) = frame.key() else {
            return Vec::new();
        };
        let time = |text: &Option<String>| {
            let ticks = Ticks::parse(text.as_deref()?, &self.zone)?;
            Some(ticks.timestamp()).filter(|t| t.0 > 0 && t.0 < NEVER_MS)
        };
        let Some(start) = time(&frame.start_time) else {
            return Vec::new();
        };
        let mut steps = vec![(AlarmPhase::Activated, start)];
        if frame.is_acknowledged == Some(true)
            && let Some(at) = time(&frame.acknowledged_date)
        {
            steps.push((AlarmPhase::Acknowledged, at));
        }
        steps.extend(time(&frame.end_time).map(|end| (AlarmPhase::Cleared, end)));
        steps.retain(|(phase, _)| self.told.insert(format!("{id}|{}", word(*phase))));
        let element = frame
            .element()
            .and_then(|id| self.elements.get(id)?.as_ref());
        steps
            .into_iter()
            .map(|(phase, at)| event(frame, id, element, phase, at))
            .collect()
    }
}

fn word(phase: AlarmPhase) -> &'static str {
    match phase {
        AlarmPhase::Activated => "start",
        AlarmPhase::Acknowledged => "acknowledged",
        AlarmPhase::Cleared => "end",
    }
}

fn event(
    frame: &EventFrame,
    id: &str,
    element: Option<&Element>,
    phase: AlarmPhase,
    at: Timestamp,
) -> SourceEvent {
    let (category, severity) = match phase {
        AlarmPhase::Activated => (EventCategory::Alert, severity_of(frame)),
        AlarmPhase::Acknowledged => (EventCategory::OperatorAction, Severity::Info),
        AlarmPhase::Cleared => (EventCategory::Alert, Severity::Info),
    };
    let line = |text: &Option<String>| neutralise(text.as_deref().unwrap_or_default(), MAX_NAME);
    let (name, template) = (line(&frame.name), line(&frame.template_name));
    let summary = match (
        name.is_empty(),
        template.is_empty() || name.contains(&template),
    ) {
        (true, _) => template,
        (false, true) => name,
        (false, false) => format!("{template}: {name}"),
    };
    SourceEvent {
        source_id: format!("{id}|{}", word(phase)),
        source_type: "event_frame".to_owned(),
        at,
        category,
        severity,
        subject: element.map(|e| e.name.clone()),
        also: element.map(|e| e.path.clone()).into_iter().collect(),
        phase: Some(phase),
        summary,
        payload: json!({
            "id": frame.id, "web_id": frame.web_id, "name": frame.name, "path": frame.path,
            "description": frame.description, "template": frame.template_name,
            "categories": frame.category_names, "severity": frame.severity,
            "start_time": frame.start_time, "end_time": frame.end_time,
            "is_acknowledged": frame.is_acknowledged, "acknowledged_by": frame.acknowledged_by,
            "acknowledged_date": frame.acknowledged_date,
            "element": element.map(|e| &e.path),
        }),
    }
}

/// AF's six words; an unknown one counts for the record only.
fn severity_of(frame: &EventFrame) -> Severity {
    match frame.severity.as_deref() {
        Some("Critical" | "Major") => Severity::Critical,
        Some("Warning" | "Minor") => Severity::Warning,
        _ => Severity::Info,
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
