//! The watch list, from stored values.

use iq_domain::{StatusCode, Timestamp, Value as Measured};
use iq_historian::Row;
use serde_json::json;

use crate::support::{NOW, TestApp};

const PATH: &str = "/api/blackbox/near-misses";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

#[tokio::test]
async fn a_signal_that_came_near_its_trip_limit_and_returned_is_listed() {
    let (app, plant, other) = TestApp::with_plants().await;
    let index = app.runtime.tenant(plant.tenant).unwrap();
    let signal_no = index.signals[&plant.signal].signal.signal_no;
    // Minutes are counted by the clock.
    let begin = Timestamp((NOW.0 - 48 * HOUR) / MINUTE * MINUTE);
    // Warning at 4.0, trip at 6.6: once up to 6.2, a day later hardly in the band.
    let value = |minute: i64| match minute {
        600 => 4.5,
        601 => 6.2,
        602 => 4.1,
        2_040 => 4.2,
        _ => 2.0,
    };
    let rows = (0..2_600)
        .map(|minute| Row {
            signal_no,
            t: begin.plus_ms(minute * MINUTE),
            value: Some(Measured::Number(value(minute))),
            status: StatusCode::GOOD,
        })
        .collect();
    app.runtime.historian().append(rows).await.unwrap();
    let client = app.signed_in(&plant.user("viewer")).await;
    let list = client.get(PATH).await.expect_status(200).json();
    let signals = list["signals"].as_array().unwrap();
    assert_eq!(signals.len(), 1, "{list}");
    let found = &signals[0];
    assert_eq!(
        (
            &found["kind"],
            &found["side"],
            &found["count"],
            &found["asset_code"]
        ),
        (&json!("close"), &json!("high"), &json!(2), &json!("P-1"))
    );
    assert_eq!(
        (&found["warning"], &found["trip"]),
        (&json!(4.0), &json!(6.6))
    );
    let closest = &found["closest"];
    assert_eq!(closest["peak"], 6.2);
    assert_eq!(closest["peak_at"], begin.plus_ms(601 * MINUTE).0);
    let used = closest["used"].as_f64().unwrap();
    assert!((used - 2.2 / 2.6).abs() < 1e-9, "{used}");
    // The newer stay alone is no reason to watch it.
    let path = format!("{PATH}?from={}", begin.plus_ms(24 * HOUR).0);
    assert_eq!(client.get(&path).await.json()["signals"], json!([]));
    let path = format!("{PATH}?asset_id={}", other.asset);
    client.get(&path).await.expect_status(404);
    let stranger = app.signed_in(&other.user("viewer")).await;
    assert_eq!(stranger.get(PATH).await.json()["signals"], json!([]));
    let path = format!("{PATH}?from={}", NOW.0 - 400 * 24 * HOUR);
    client
        .get(&path)
        .await
        .expect_field("from", "near_misses.period_too_long");
}
