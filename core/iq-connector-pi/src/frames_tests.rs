//! Event frames of a PI server: begun, ended, acknowledged, read again without doubles.

use super::*;

const NOW: Timestamp = Timestamp(1_750_000_000_000);

fn reader() -> FrameReader {
    FrameReader::new(
        &BTreeMap::new(),
        SyncMode::Last24h,
        None,
        TimeZone::UTC,
        NOW,
    )
}

fn frame(more: &Json) -> EventFrame {
    let mut all = json!({
        "WebId": "F1Fm1", "Id": "a-1", "Name": "K-202 vibration", "TemplateName": "Process Alarm",
        "CategoryNames": ["Safety"], "Severity": "Major",
        "StartTime": "2025-06-15T14:00:00Z", "EndTime": "9999-12-31T23:59:59Z",
        "RefElementWebIds": ["E1"], "IsAcknowledged": false,
    });
    if let (Some(all), Some(more)) = (all.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    serde_json::from_value(all).unwrap()
}

#[test]
fn an_open_frame_is_one_event_and_its_end_a_second_one() {
    let mut reader = reader();
    reader.elements.insert(
        "E1".into(),
        Some(Element {
            name: "K-202".into(),
            path: r"\\AF\DB\K-202".into(),
        }),
    );
    let open = reader.steps(&frame(&json!({})));
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].source_id, "a-1|start");
    assert_eq!(
        (open[0].phase, open[0].severity),
        (Some(AlarmPhase::Activated), Severity::Critical)
    );
    assert_eq!(open[0].subject.as_deref(), Some("K-202"));
    assert_eq!(open[0].also, [r"\\AF\DB\K-202"]);
    assert_eq!(open[0].summary, "Process Alarm: K-202 vibration");
    assert_eq!(open[0].payload["categories"], json!(["Safety"]));
    assert_eq!(reader.steps(&frame(&json!({}))), [], "told already");
    let over = reader.steps(&frame(&json!({"EndTime": "2025-06-15T14:30:00.1234567Z"})));
    assert_eq!(over.len(), 1);
    assert_eq!(
        (over[0].phase, over[0].severity),
        (Some(AlarmPhase::Cleared), Severity::Info)
    );
    assert_eq!(over[0].at.0 - open[0].at.0, 1_800_123);
}

#[test]
fn an_acknowledged_frame_tells_who_did_it_when() {
    let mut reader = reader();
    let steps = reader.steps(&frame(&json!({
        "IsAcknowledged": true, "AcknowledgedBy": "PLANT\\op", "AcknowledgedDate": "2025-06-15T14:05:00Z",
    })));
    let phases: Vec<_> = steps.iter().map(|s| (s.phase, s.category)).collect();
    assert_eq!(
        phases,
        [
            (Some(AlarmPhase::Activated), EventCategory::Alert),
            (
                Some(AlarmPhase::Acknowledged),
                EventCategory::OperatorAction
            ),
        ]
    );
    assert_eq!(steps[1].payload["acknowledged_by"], "PLANT\\op");
}

#[test]
fn what_has_no_id_or_no_start_is_left_out() {
    let mut reader = reader();
    for odd in [
        json!({"Id": null, "WebId": null}),
        json!({"StartTime": null}),
        json!({"StartTime": "soon"}),
        json!({"StartTime": "1970-01-01T00:00:00Z"}),
    ] {
        assert_eq!(reader.steps(&frame(&odd)), [], "{odd}");
    }
    assert_eq!(
        severity_of(&frame(&json!({"Severity": "Unheard"}))),
        Severity::Info
    );
}

#[test]
fn reading_goes_on_where_the_last_run_ended() {
    let cursors = BTreeMap::from([(CURSOR.to_owned(), json!({"from": 42}))]);
    let reader = FrameReader::new(&cursors, SyncMode::Full, None, TimeZone::UTC, NOW);
    assert_eq!(reader.from, Timestamp(42));
    assert_eq!(self::reader().from, NOW.plus_ms(-DAY_MS));
}
