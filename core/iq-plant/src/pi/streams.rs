//! Values of streams: the latest, the recorded, the interpolated, the plotted.

use serde_json::{Value, json};

use crate::pi::{
    Inner,
    archive::{Cell, Event, NO_DATA, SYSTEM_STATES, Series},
    model::{Object, Point, PointKind, chosen},
    params::{Params, Refusal, Ticks, iso, span},
};

/// Values an answer may carry at most.
pub(crate) const MAX_RETURNED: usize = 150_000;
const MAX_COUNT: usize = 1_000;

/// What is asked of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Value,
    End,
    Recorded,
    Interpolated,
    Plot,
}

impl Wanted {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "value" => Self::Value,
            "end" => Self::End,
            "recorded" => Self::Recorded,
            "interpolated" => Self::Interpolated,
            "plot" => Self::Plot,
            _ => return None,
        })
    }

    const fn is_single(self) -> bool {
        matches!(self, Self::Value | Self::End)
    }
}

/// A stream: a point, an attribute on a point, or a fixed text.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) web_id: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) point: Option<usize>,
    text: String,
}

impl Inner {
    /// The stream behind a web id.
    pub(crate) fn stream(&self, web_id: &str, short: bool) -> Result<Stream, Refusal> {
        let model = &self.model;
        match model.find(web_id) {
            Some(Object::Point(i)) => {
                let point = &model.points[i];
                Ok(Stream {
                    web_id: chosen(&point.ids, short).to_owned(),
                    name: point.name.clone(),
                    path: point.path(),
                    point: Some(i),
                    text: String::new(),
                })
            }
            Some(Object::Attribute(i)) => {
                let attribute = &model.attributes[i];
                Ok(Stream {
                    web_id: chosen(&attribute.ids, short).to_owned(),
                    name: attribute.name.clone(),
                    path: attribute.path.clone(),
                    point: attribute.point,
                    text: attribute.text.clone(),
                })
            }
            _ => Err(unknown(web_id)),
        }
    }

    /// The streams of an element, or those named by `webId` parameters.
    pub(crate) fn streams(
        &self,
        element: Option<&str>,
        params: &Params,
        short: bool,
    ) -> Result<Vec<Stream>, Refusal> {
        if let Some(web_id) = element {
            let Some(Object::Element(at)) = self.model.find(web_id) else {
                return Err(unknown(web_id));
            };
            let own = self.model.attributes.iter().filter(|a| a.element == at);
            return own.map(|a| self.stream(&a.ids.full, short)).collect();
        }
        let ids: Vec<&str> = params.all("webId").collect();
        if ids.is_empty() {
            return Err(Refusal::bad("At least one webId must be specified."));
        }
        ids.into_iter().map(|id| self.stream(id, short)).collect()
    }

    /// What was asked of one stream.
    pub(crate) fn stream_answer(
        &self,
        stream: &Stream,
        wanted: Wanted,
        params: &Params,
        now: Ticks,
    ) -> Result<Value, Refusal> {
        let Some(at) = stream.point else {
            return self.fixed(stream, wanted, now);
        };
        let point = &self.model.points[at];
        let units = desired(point, params)?;
        let series = self.series(at);
        if wanted.is_single() {
            let event = match (wanted, params.get("time")) {
                (Wanted::Value, Some(_)) => series.at(params.time("time", "*", now)?),
                _ => series.snapshot().unwrap_or(Event {
                    time: now,
                    cell: Cell::System(NO_DATA),
                    questionable: false,
                }),
            };
            return Ok(timed(point, &series, event));
        }
        let from = params.time("startTime", "*-1d", now)?;
        let to = params.time("endTime", "*", now)?;
        let events = match wanted {
            Wanted::Recorded => recorded(&series, from, to, params)?,
            Wanted::Interpolated => interpolated(&series, from, to, params)?,
            _ => plot(&series, from, to, params)?,
        };
        let items: Vec<Value> = events
            .into_iter()
            .map(|e| timed(point, &series, e))
            .collect();
        Ok(json!({ "Links": {}, "Items": items, "UnitsAbbreviation": units }))
    }

    /// The same for several streams.
    pub(crate) fn set_answer(
        &self,
        streams: &[Stream],
        wanted: Wanted,
        params: &Params,
        now: Ticks,
    ) -> Result<Value, Refusal> {
        let mut items = Vec::with_capacity(streams.len());
        let mut returned = 0;
        for stream in streams {
            let answer = self.stream_answer(stream, wanted, params, now)?;
            let mut item = json!({
                "WebId": stream.web_id, "Name": stream.name, "Path": stream.path,
                "Links": { "Source": format!("{}/streams/{}", self.base, stream.web_id) },
            });
            if wanted.is_single() {
                item["Value"] = answer;
                returned += 1;
            } else {
                returned += answer["Items"].as_array().map_or(0, Vec::len);
                item["Items"] = answer["Items"].clone();
                item["UnitsAbbreviation"] = answer["UnitsAbbreviation"].clone();
            }
            if returned > MAX_RETURNED {
                return Err(Refusal::bad(format!(
                    "The number of values is greater than the maximum allowed ({MAX_RETURNED})."
                )));
            }
            items.push(item);
        }
        Ok(json!({ "Links": {}, "Items": items }))
    }

    /// A configuration item has one value for all time.
    fn fixed(&self, stream: &Stream, wanted: Wanted, now: Ticks) -> Result<Value, Refusal> {
        let value = json!({
            "Timestamp": "1970-01-01T00:00:00Z", "Value": stream.text, "UnitsAbbreviation": "",
            "Good": true, "Questionable": false, "Substituted": false, "Annotated": false,
        });
        if wanted.is_single() {
            return Ok(value);
        }
        let mut value = value;
        value["Timestamp"] = json!(iso(now));
        Ok(json!({ "Links": {}, "Items": [value], "UnitsAbbreviation": "" }))
    }
}

pub(crate) fn unknown(web_id: &str) -> Refusal {
    let known = ["F1", "I1", "P1", "L1", "D1"];
    if known.iter().any(|k| web_id.starts_with(k)) {
        Refusal::new(404, "The object the Web ID refers to could not be found.")
    } else {
        Refusal::bad("The specified Web ID is not valid.")
    }
}

/// The unit of the answer. Points know no other unit than their own, as with the original.
fn desired<'a>(point: &'a Point, params: &Params) -> Result<&'a str, Refusal> {
    match params.get("desiredUnits") {
        Some(unit) if unit != point.units => Err(Refusal::bad(format!(
            "The value can't be converted to the unit '{unit}'."
        ))),
        _ => Ok(&point.units),
    }
}

/// An event as the API shows it.
pub(crate) fn timed(point: &Point, series: &Series, event: Event) -> Value {
    let (value, good) = match (event.cell, point.kind) {
        (Cell::System(code), _) => {
            let name = SYSTEM_STATES.iter().find(|(c, _)| *c == code);
            let name = name.map_or("Bad", |(_, n)| *n);
            (
                json!({ "Name": name, "Value": code, "IsSystem": true }),
                false,
            )
        }
        // A 32-bit number shows more digits than the instrument has, as with the original.
        (Cell::Number(n), PointKind::Float32) => (json!(f64::from(n)), true),
        (Cell::Number(n), PointKind::Digital((_, names))) => {
            let on = usize::from(n > 0.5);
            (
                json!({ "Name": names[on], "Value": on, "IsSystem": false }),
                true,
            )
        }
        (Cell::Number(n), PointKind::Text) => (json!(series.text(n)), true),
    };
    json!({
        "Timestamp": iso(event.time), "Value": value, "UnitsAbbreviation": point.units,
        "Good": good, "Questionable": event.questionable, "Substituted": false,
        "Annotated": false,
    })
}

fn recorded(
    series: &Series,
    from: Ticks,
    to: Ticks,
    params: &Params,
) -> Result<Vec<Event>, Refusal> {
    let max = params.count("maxCount", MAX_COUNT, MAX_RETURNED)?;
    if params.get("filterExpression").is_some() {
        return Err(Refusal::bad("Filter expressions are switched off."));
    }
    let descending = to < from;
    let (low, high) = (from.min(to), from.max(to));
    let boundary = params
        .get("boundaryType")
        .unwrap_or("Inside")
        .to_lowercase();
    let (first, last) = match boundary.as_str() {
        "inside" => (None, None),
        "outside" => (series.before(low), series.after(high)),
        "interpolated" => {
            let edge = |t: Ticks| Some(series.at(t));
            (edge(low), edge(high))
        }
        _ => {
            return Err(Refusal::bad(
                "The value of parameter (boundaryType) is not valid.",
            ));
        }
    };
    // An edge that is an event itself is not repeated.
    let inner = series.between(low, high).filter(|e| {
        ![first, last]
            .into_iter()
            .flatten()
            .any(|edge| edge.time == e.time)
    });
    Ok(if descending {
        last.into_iter()
            .chain(inner.rev())
            .chain(first)
            .take(max)
            .collect()
    } else {
        first
            .into_iter()
            .chain(inner)
            .chain(last)
            .take(max)
            .collect()
    })
}

fn interpolated(
    series: &Series,
    from: Ticks,
    to: Ticks,
    params: &Params,
) -> Result<Vec<Event>, Refusal> {
    let text = params.get("interval").unwrap_or("1h");
    let step = span(text).filter(|s| *s > 0).ok_or_else(|| {
        Refusal::bad(format!(
            "The interval '{text}' of parameter (interval) could not be converted."
        ))
    })?;
    let distance = from.abs_diff(to);
    let count = distance / step.unsigned_abs() + 1;
    if count > MAX_RETURNED as u64 {
        return Err(Refusal::bad(format!(
            "The number of intervals is greater than the maximum allowed ({MAX_RETURNED})."
        )));
    }
    let step = if to < from { -step } else { step };
    Ok((0..count as i64)
        .map(|i| series.at(from + i * step))
        .collect())
}

fn plot(series: &Series, from: Ticks, to: Ticks, params: &Params) -> Result<Vec<Event>, Refusal> {
    let intervals = params.count("intervals", 24, MAX_RETURNED / 5)?.max(1) as i64;
    let (low, high) = (from.min(to), from.max(to));
    let width = ((high - low) / intervals).max(1);
    let mut events = Vec::new();
    let mut bucket: Vec<Event> = Vec::new();
    let mut current = 0;
    for event in series.between(low, high) {
        let at = ((event.time - low) / width).min(intervals - 1);
        if at != current {
            summarise(&mut bucket, &mut events);
            current = at;
        }
        bucket.push(event);
    }
    summarise(&mut bucket, &mut events);
    if to < from {
        events.reverse();
    }
    Ok(events)
}

/// First, last, smallest, largest and one exceptional value, in order of time.
fn summarise(bucket: &mut Vec<Event>, into: &mut Vec<Event>) {
    let number = |e: &Event| match e.cell {
        Cell::Number(n) => Some(n),
        Cell::System(_) => None,
    };
    let good = || bucket.iter().filter(|e| number(e).is_some());
    let by = |a: &&Event, b: &&Event| {
        number(a)
            .unwrap_or(0.0)
            .total_cmp(&number(b).unwrap_or(0.0))
    };
    let mut chosen: Vec<Event> = [
        bucket.first(),
        bucket.last(),
        good().min_by(by),
        good().max_by(by),
        bucket.iter().find(|e| number(e).is_none()),
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect();
    chosen.sort_by_key(|e| e.time);
    chosen.dedup_by_key(|e| e.time);
    into.append(&mut chosen);
    bucket.clear();
}
