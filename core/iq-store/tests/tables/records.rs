//! Events, alerts, incidents and assessments: filters, pages, past moments.

use iq_domain::*;
use iq_store::{Connection, Page, StoreError, alerts, assessments, assets, events, incidents};
use serde_json::json;

use crate::support::{Fixture, T0, assessment, asset_in, event};

#[test]
fn an_event_reported_twice_is_stored_once() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    fixture
        .write(move |c| {
            let again = IndustrialEvent {
                id: EventId::new(),
                ..p.event.clone()
            };
            assert!(!events::insert_ignore_duplicate(c, t, &again)?);
            let kept = events::get_event_by_source(c, t, "optria", "alert-1")?;
            assert_eq!(kept, Some(p.event.clone()));
            // Its source has another name now; the event is the one it was.
            let renamed = IndustrialEvent {
                source_system: "optria, plant 2".into(),
                ..p.event.clone()
            };
            assert!(!events::insert_ignore_duplicate(c, t, &renamed)?);
            // The same id for something else is a programming error, not a duplicate to ignore.
            let clash = IndustrialEvent {
                source_id: "alert-2".into(),
                ..p.event
            };
            assert!(events::insert_ignore_duplicate(c, t, &clash).is_err());
            Ok(())
        })
        .unwrap();
}

#[test]
#[allow(clippy::too_many_lines)]
fn events_are_filtered_and_paged_without_gap_or_repetition() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, asset) = (p.id(), p.asset.id);
    fixture
        .write(move |c| {
            for n in 1..=30_i64 {
                // Three events share each moment, so that the order needs the id as well.
                let at = T0.plus_ms(n / 3 * 1_000);
                let mut e = event(t, (n % 2 == 0).then_some(asset), &format!("e-{n}"), at);
                if n % 5 == 0 {
                    e.event_category = EventCategory::Maintenance;
                    e.severity = Severity::Info;
                    e.payload = json!({"order": "4711_x"});
                }
                assert!(events::insert_ignore_duplicate(c, t, &e)?);
            }
            Ok(())
        })
        .unwrap();
    let list = |filter: events::EventFilter, page| {
        fixture.read(|c| events::list_events(c, t, &filter, page))
    };
    let all = list(events::EventFilter::default(), Page::MAX);
    assert_eq!((all.total, all.rows.len()), (31, 31));
    for is_ascending in [false, true] {
        let mut expected = all.rows.clone();
        if is_ascending {
            expected.reverse();
        }
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let filter = events::EventFilter {
                after,
                is_ascending,
                ..Default::default()
            };
            let page = list(filter, Page::first(7));
            assert_eq!(page.total, 31);
            let Some(last) = page.rows.last() else { break };
            after = Some((last.event_time, last.id));
            paged.extend(page.rows);
        }
        assert_eq!(paged, expected);
    }
    let offset = list(
        events::EventFilter::default(),
        Page {
            limit: 5,
            offset: 28,
        },
    );
    assert_eq!(offset.rows, all.rows[28..]);
    let count = |filter| list(filter, Page::first(1)).total;
    let f = events::EventFilter::default;
    assert_eq!(
        count(events::EventFilter {
            asset_ids: vec![asset],
            ..f()
        }),
        16
    );
    let categories = vec![EventCategory::Maintenance, EventCategory::System];
    assert_eq!(count(events::EventFilter { categories, ..f() }), 6);
    assert_eq!(
        count(events::EventFilter {
            severities: vec![Severity::Info],
            ..f()
        }),
        6
    );
    assert_eq!(
        count(events::EventFilter {
            text: Some("4711_X".into()),
            ..f()
        }),
        6
    );
    assert_eq!(
        count(events::EventFilter {
            text: Some("4711%".into()),
            ..f()
        }),
        0
    );
    assert_eq!(
        count(events::EventFilter {
            text: Some("vib%".into()),
            ..f()
        }),
        25
    );
    let (from, to) = (Some(T0.plus_ms(1_000)), Some(T0.plus_ms(3_000)));
    assert_eq!(count(events::EventFilter { from, to, ..f() }), 6);
    assert_eq!(
        count(events::EventFilter {
            source_system: Some("sap".into()),
            ..f()
        }),
        0
    );
}

#[test]
fn an_event_query_by_time_uses_the_index() {
    let fixture = Fixture::new();
    let plan: String = fixture.read(|c| {
        let sql = "EXPLAIN QUERY PLAN SELECT id FROM industrial_events WHERE tenant_id = ?
                   AND (event_time >= ?) AND (event_time < ?) ORDER BY event_time DESC, id DESC";
        let mut statement = c.prepare(sql)?;
        let rows = statement.query_map(["", "", ""], |r| r.get::<_, String>("detail"))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.join("; "))
    });
    assert!(plan.contains("industrial_events_by_time"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[test]
fn alerts_are_found_as_of_a_past_moment() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let cleared = Alert {
        id: AlertId::new(),
        state: AlertState::Cleared,
        severity: Severity::Warning,
        activated_at: T0.plus_ms(-10_000),
        cleared_at: Some(T0.plus_ms(-1_000)),
        acknowledged_at: Some(T0.plus_ms(-5_000)),
        acknowledged_by: Some("demo".into()),
        comment: Some("تم الفحص".into()),
        ..p.alert.clone()
    };
    let kept = cleared.clone();
    fixture
        .write(move |c| alerts::create_alert(c, t, &kept))
        .unwrap();
    let active = |offset| {
        let found = fixture.read(|c| alerts::list_alerts_active_at(c, t, T0.plus_ms(offset), None));
        found.into_iter().map(|alert| alert.id).collect::<Vec<_>>()
    };
    assert_eq!(active(-10_001), []);
    assert_eq!(active(-10_000), [cleared.id]);
    assert_eq!(active(-1_001), [cleared.id]);
    assert_eq!(active(-1_000), []);
    assert_eq!(active(0), [p.alert.id]);
    assert_eq!(
        fixture.read(|c| alerts::get_alert(c, t, cleared.id)),
        Some(cleared)
    );
    let count = |filter| fixture.read(|c| alerts::count_alerts(c, t, &filter));
    let f = alerts::AlertFilter::default;
    assert_eq!(count(f()), 2);
    let states = vec![AlertState::Cleared, AlertState::ClearedUnacknowledged];
    assert_eq!(count(alerts::AlertFilter { states, ..f() }), 1);
    let severities = vec![Severity::Critical];
    assert_eq!(count(alerts::AlertFilter { severities, ..f() }), 1);
    assert_eq!(
        count(alerts::AlertFilter {
            from: Some(T0),
            ..f()
        }),
        1
    );
    assert_eq!(
        count(alerts::AlertFilter {
            asset_ids: vec![AssetId::new()],
            ..f()
        }),
        0
    );
    let incident = Some(p.incident.id);
    assert_eq!(
        count(alerts::AlertFilter {
            incident_id: incident,
            ..f()
        }),
        2
    );
}

#[test]
fn the_open_incident_of_an_asset_is_found_by_time_and_status() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, asset) = (p.id(), p.asset.id);
    let find = |offset, grace| {
        let at = T0.plus_ms(offset);
        let found = fixture.read(|c| incidents::get_open_incident_of_asset(c, t, asset, at, grace));
        found.is_some()
    };
    assert!(find(0, 0) && find(86_400_000, 0) && !find(-1, 0) && find(-1, 1));
    let update = |change: fn(&mut Incident)| {
        let mut incident = p.incident.clone();
        change(&mut incident);
        fixture
            .write(move |c| incidents::update_incident(c, t, &incident))
            .unwrap();
    };
    update(|i| i.ended_at = Some(T0.plus_ms(1_000)));
    assert!(find(1_000, 0) && !find(1_001, 0) && find(1_500, 500));
    update(|i| i.status = IncidentStatus::Resolved);
    assert!(!find(0, 0));
}

#[test]
fn incident_numbers_count_up_per_tenant_and_year() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.filled().id(), fixture.filled().id());
    let next = |tenant, year| {
        fixture
            .write(move |c| incidents::next_incident_number(c, tenant, year))
            .unwrap()
    };
    assert_eq!(next(one, 2026), "INC-2026-0001");
    assert_eq!(next(one, 2026), "INC-2026-0002");
    assert_eq!(next(other, 2026), "INC-2026-0001");
    assert_eq!(next(one, 2027), "INC-2027-0001");
    let undone: Result<(), _> = fixture.write(move |c| {
        incidents::next_incident_number(c, one, 2026)?;
        Err(StoreError::NotFound)
    });
    assert!(undone.is_err());
    assert_eq!(next(one, 2026), "INC-2026-0003");
}

#[test]
fn incidents_are_filtered_and_an_event_is_attached_once() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let count = |filter| fixture.read(|c| incidents::count_incidents(c, t, &filter));
    let f = incidents::IncidentFilter::default;
    let statuses = vec![IncidentStatus::Open, IncidentStatus::Investigating];
    assert_eq!(count(incidents::IncidentFilter { statuses, ..f() }), 1);
    let statuses = vec![IncidentStatus::Closed];
    assert_eq!(count(incidents::IncidentFilter { statuses, ..f() }), 0);
    assert_eq!(
        count(incidents::IncidentFilter {
            text: Some("0001".into()),
            ..f()
        }),
        1
    );
    assert_eq!(
        count(incidents::IncidentFilter {
            to: Some(T0),
            ..f()
        }),
        0
    );
    let running = || incidents::IncidentFilter {
        is_running: true,
        ..f()
    };
    let mut ended = p.incident.clone();
    for (end, expected) in [(None, 1), (Some(T0.plus_ms(60_000)), 0)] {
        ended.ended_at = end;
        let row = ended.clone();
        fixture
            .write(move |c| incidents::update_incident(c, t, &row))
            .unwrap();
        assert_eq!(count(running()), expected, "{end:?}");
    }
    for (at, expected) in [(60_000, 1), (60_001, 0)] {
        let filter = incidents::IncidentFilter {
            not_ended_before: Some(T0.plus_ms(at)),
            ..f()
        };
        assert_eq!(count(filter), expected, "{at}");
    }
    let attach = move |c: &Connection| {
        let relation = EventRelation::Neighbour;
        incidents::create_incident_event(c, t, p.incident.id, p.event.id, relation)
    };
    assert!(!fixture.write(attach).unwrap(), "attached twice");
}

#[test]
fn the_latest_assessment_at_a_moment_is_found_for_one_and_for_all() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let second = asset_in(t, p.unit.id, AssetId::new(), "P-102B");
    let (a, b) = (p.asset.id, second.id);
    fixture
        .write(move |c| {
            assets::create_asset(c, t, &second)?;
            assessments::put_assessment(c, t, &assessment(t, a, T0.plus_ms(10), Some(70.0)), T0)?;
            assessments::put_assessment(c, t, &assessment(t, b, T0.plus_ms(5), None), T0)?;
            // Scored again after a restart: replaces, does not add.
            assessments::put_assessment(c, t, &assessment(t, a, T0.plus_ms(10), Some(60.0)), T0)
        })
        .unwrap();
    let at = |offset| {
        let found =
            fixture.read(|c| assessments::list_assessments_at(c, t, T0.plus_ms(offset), None));
        found
            .into_iter()
            .map(|s| (s.asset_id == a, s.health))
            .collect::<Vec<_>>()
    };
    assert_eq!(at(-1), []);
    assert_eq!(at(0), [(true, Some(83.5))]);
    let mut later = at(10);
    later.sort_by_key(|(is_first, _)| !is_first);
    assert_eq!(later, [(true, Some(60.0)), (false, None)]);
    let mut over = p.incident.clone();
    over.started_at = T0.plus_ms(-2_000);
    over.ended_at = Some(T0.plus_ms(-1_000));
    let removed = fixture
        .write(move |c| {
            incidents::update_incident(c, t, &over)?;
            assessments::delete_assessments_before(c, t, T0.plus_ms(1_000), (0, 0))
        })
        .unwrap();
    assert_eq!(removed, 1, "the latest of each asset stays");
    assert_eq!(at(10).len(), 2);
}

#[test]
fn what_an_incident_covers_stays_of_the_scores_and_late_marks_of_its_asset() {
    use iq_store::late_values::{self, LateStretch};
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let second = asset_in(t, p.unit.id, AssetId::new(), "P-102B");
    let (a, b) = (p.asset.id, second.id);
    let mut incident = p.incident.clone();
    incident.started_at = T0.plus_ms(100_000);
    incident.ended_at = Some(T0.plus_ms(200_000));
    let late = [(150_000, 700_000), (600_000, 800_000)].map(|(from, arrived)| LateStretch {
        signal_id: p.signal.id,
        from: T0.plus_ms(from),
        to: T0.plus_ms(from + 1_000),
        arrived_at: T0.plus_ms(arrived),
    });
    let pins = (60_000, 60_000);
    let removed = fixture
        .write(move |c| {
            assets::create_asset(c, t, &second)?;
            incidents::update_incident(c, t, &incident)?;
            for ms in [10_000, 50_000, 1_000_000] {
                let row = assessment(t, a, T0.plus_ms(ms), Some(70.0));
                assessments::put_assessment(c, t, &row, T0)?;
            }
            for ms in [50_000, 1_000_000] {
                let row = assessment(t, b, T0.plus_ms(ms), Some(70.0));
                assessments::put_assessment(c, t, &row, T0)?;
            }
            for row in &late {
                late_values::put_late_values(c, t, row)?;
            }
            let limit = T0.plus_ms(900_000);
            Ok((
                assessments::delete_assessments_before(c, t, limit, pins)?,
                late_values::delete_late_before(c, t, limit, pins)?,
            ))
        })
        .unwrap();
    // Of the scores the two of its asset from long before, and the other asset's; of the marks the one long after.
    assert_eq!(removed, (3, 1));
    let scores = |ms: i64| {
        let found = fixture.read(|c| assessments::list_assessments_at(c, t, T0.plus_ms(ms), None));
        found.len()
    };
    assert_eq!((scores(20_000), scores(150_000)), (0, 1));
    let marked = fixture.read(|c| late_values::list_late_at(c, t, T0.plus_ms(600_000)));
    assert_eq!(marked, late[..1]);
}

#[test]
fn the_newest_event_of_an_incident_is_kept_and_looked_up_when_one_was_taken_out() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, incident) = (p.id(), p.incident.id);
    let newest = || fixture.write(move |c| incidents::get_last_event_at(c, t, incident));
    assert_eq!(newest().unwrap(), Some(T0));
    // Ids follow no time here: what counts is the time of the event.
    let rows: Vec<_> = [30_000, 10_000, 20_000]
        .map(|ms| event(t, Some(p.asset.id), &format!("e{ms}"), T0.plus_ms(ms)))
        .to_vec();
    let last = rows[0].id;
    fixture
        .write(move |c| {
            for row in &rows {
                events::insert_ignore_duplicate(c, t, row)?;
                let same = EventRelation::SameAsset;
                incidents::create_incident_event(c, t, incident, row.id, same)?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(newest().unwrap(), Some(T0.plus_ms(30_000)));
    let change = IncidentChangeId::new();
    fixture
        .write(move |c| iq_store::incident_changes::leave_event(c, t, incident, last, change))
        .unwrap();
    assert_eq!(newest().unwrap(), Some(T0.plus_ms(20_000)));
    fixture
        .write(move |c| iq_store::incident_changes::return_events(c, t, incident, change))
        .unwrap();
    assert_eq!(newest().unwrap(), Some(T0.plus_ms(30_000)));
}

#[test]
fn an_incident_goes_by_the_correction_of_an_event_it_has() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, incident) = (p.id(), p.incident.id);
    let old = event(t, Some(p.asset.id), "old", T0.plus_ms(10_000));
    let mut readings = vec![old.clone()];
    for source in ["old~2", "old~3"] {
        let corrected = readings.last().unwrap().id;
        readings.push(iq_domain::IndustrialEvent {
            payload: json!({ "corrects": corrected }),
            ..event(t, None, source, T0.plus_ms(10_000))
        });
    }
    let newest = readings[2].clone();
    fixture
        .write(move |c| {
            for row in &readings {
                events::insert_ignore_duplicate(c, t, row)?;
            }
            let relation = EventRelation::SameAsset;
            incidents::create_incident_event(c, t, incident, readings[0].id, relation)?;
            // One of the corrections was linked by a rule of its own; the relation is that of the first.
            let other = EventRelation::Neighbour;
            incidents::create_incident_event(c, t, incident, readings[1].id, other)?;
            incidents::link_correction(c, t, readings[0].id, readings[1].id)?;
            incidents::link_correction(c, t, readings[1].id, readings[2].id)
        })
        .unwrap();
    let shown = || fixture.read(|c| incidents::list_incident_events(c, t, incident));
    let trigger = (p.event.clone(), EventRelation::Trigger);
    let corrected = (newest.clone(), EventRelation::SameAsset);
    assert_eq!(shown(), [trigger.clone(), corrected]);
    let count = || fixture.read(|c| incidents::count_incident_events(c, t, incident));
    assert_eq!(count(), 2);
    let by_asset = fixture.read(|c| incidents::count_incident_events_by_asset(c, t, incident));
    assert_eq!(by_asset.iter().map(|a| a.count).sum::<u64>(), 2);
    // What was read first is still asked for by name.
    let named = fixture.read(|c| incidents::list_incidents_of_event(c, t, old.id));
    assert_eq!(named.len(), 1);
    // Taken out, it takes along what it corrects; brought back, it stands for them again.
    let change = IncidentChangeId::new();
    fixture
        .write(move |c| iq_store::incident_changes::leave_event(c, t, incident, newest.id, change))
        .unwrap();
    assert_eq!(shown(), [trigger]);
    fixture
        .write(move |c| iq_store::incident_changes::return_events(c, t, incident, change))
        .unwrap();
    assert_eq!(count(), 2);
}

/// An event and two readings of it, each of which corrects the one before.
fn readings_of(tenant: TenantId, source: &str) -> Vec<IndustrialEvent> {
    let mut readings = vec![event(tenant, None, source, T0.plus_ms(10_000))];
    for reading in 2..=3 {
        let corrected = readings.last().map(|e| e.id);
        let source_id = events::reading_id(source, reading);
        readings.push(IndustrialEvent {
            payload: json!({ "corrects": corrected }),
            ..event(tenant, None, &source_id, T0.plus_ms(10_000))
        });
    }
    readings
}

#[test]
fn an_event_that_comes_to_an_incident_brings_the_corrections_that_are_stored_already() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, incident) = (p.id(), p.incident.id);
    let (readings, other) = (readings_of(t, "old"), readings_of(t, "other"));
    let newest = (readings[2].clone(), EventRelation::Neighbour);
    fixture
        .write(move |c| {
            for row in readings.iter().chain(&other) {
                events::insert_ignore_duplicate(c, t, row)?;
            }
            let relation = EventRelation::Neighbour;
            let is_new = incidents::create_incident_event(c, t, incident, readings[0].id, relation);
            assert!(is_new?);
            // Attached a second time it is not new, and brings nothing.
            let relation = EventRelation::SameAsset;
            let again = incidents::create_incident_event(c, t, incident, readings[2].id, relation);
            assert!(!again?);
            Ok(())
        })
        .unwrap();
    let shown = fixture.read(|c| incidents::list_incident_events(c, t, incident));
    let trigger = (p.event.clone(), EventRelation::Trigger);
    assert_eq!(shown, [trigger, newest]);
}

#[test]
fn corrections_that_an_older_program_left_unlinked_come_to_the_incidents_of_their_events() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, incident) = (p.id(), p.incident.id);
    let (kept, taken_out) = (readings_of(t, "kept"), readings_of(t, "taken out"));
    let (newest, out) = (kept[2].clone(), taken_out[0].id);
    let change = IncidentChangeId::new();
    fixture
        .write(move |c| {
            for first in [&kept[0], &taken_out[0]] {
                events::insert_ignore_duplicate(c, t, first)?;
                let relation = EventRelation::SameAsset;
                incidents::create_incident_event(c, t, incident, first.id, relation)?;
            }
            iq_store::incident_changes::leave_event(c, t, incident, out, change)?;
            // Stored without a link, as that program did.
            for row in kept[1..].iter().chain(&taken_out[1..]) {
                events::insert_ignore_duplicate(c, t, row)?;
            }
            Ok(())
        })
        .unwrap();
    let shown = || fixture.read(|c| incidents::list_incident_events(c, t, incident));
    assert_ne!(shown()[1].0.id, newest.id);
    for _ in 0..2 {
        fixture
            .write(move |c| incidents::link_earlier_corrections(c, t))
            .unwrap();
        let trigger = (p.event.clone(), EventRelation::Trigger);
        let corrected = (newest.clone(), EventRelation::SameAsset);
        assert_eq!(shown(), [trigger, corrected], "nothing that was taken out");
    }
}

#[test]
fn a_score_counts_as_known_from_when_it_was_written_down() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, a) = (p.id(), p.asset.id);
    let put = |at: i64, health: f64, now: i64| {
        let row = assessment(t, a, T0.plus_ms(at), Some(health));
        fixture
            .write(move |c| assessments::put_assessment(c, t, &row, T0.plus_ms(now)))
            .unwrap();
    };
    put(10_000, 60.0, 10_000);
    put(20_000, 40.0, 500_000);
    let health = |known: Option<i64>| {
        let (at, known) = (T0.plus_ms(30_000), known.map(|ms| T0.plus_ms(ms)));
        let found = fixture.read(|c| assessments::list_assessments_at(c, t, at, known));
        found.into_iter().find(|s| s.asset_id == a)?.health
    };
    assert_eq!(health(None), Some(40.0));
    assert_eq!(health(Some(30_000)), Some(60.0));
    assert_eq!(health(Some(500_000)), Some(40.0));
    // Scored again with the same result: known since the first time. With another one: since now.
    put(20_000, 40.0, 900_000);
    assert_eq!(health(Some(500_000)), Some(40.0));
    put(20_000, 45.0, 950_000);
    assert_eq!(health(Some(900_000)), Some(60.0));
    assert_eq!(health(None), Some(45.0));
}

#[test]
fn late_stretches_of_a_minute_are_one_and_show_only_before_their_arrival() {
    use iq_store::late_values::{self, LateStretch};
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let stretch = |from: i64, to: i64, arrived: i64| LateStretch {
        signal_id: p.signal.id,
        from: T0.plus_ms(from),
        to: T0.plus_ms(to),
        arrived_at: T0.plus_ms(arrived),
    };
    let minute = 60_000;
    for row in [
        stretch(0, 1_000, 600 * minute + 5),
        stretch(1_000, 9_000, 600 * minute + 900),
    ] {
        fixture
            .write(move |c| late_values::put_late_values(c, t, &row))
            .unwrap();
    }
    let whole = stretch(0, 9_000, 600 * minute + 5);
    let late = |at: i64| fixture.read(|c| late_values::list_late_at(c, t, T0.plus_ms(at)));
    assert_eq!(late(-1), []);
    assert_eq!(late(0), [whole]);
    assert_eq!(late(600 * minute + 5), []);
    let window = (T0.plus_ms(9_000), T0.plus_ms(10_000));
    let found = fixture.read(|c| late_values::list_late_within(c, t, p.signal.id, window));
    assert_eq!(found, [whole]);
    let other = fixture.read(|c| late_values::list_late_at(c, TenantId::new(), T0));
    assert_eq!(other, []);
}
