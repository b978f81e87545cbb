//! The performance of the alarm system, counted from an imported journal and from the program's alerts.

use std::fmt::Write as _;

use axum::http::Method;
use serde_json::{Value, json};

use super::detection::finished;
use crate::support::{Client, TestApp};

const PATH: &str = "/api/alerts/performance";
/// 31 January 2024, 00:00 in UTC.
const DAY: i64 = 1_706_659_200_000;
const HOUR: i64 = 3_600_000;

/// Twelve alarms in six minutes, one that chatters, one acknowledgement, one return.
fn journal() -> String {
    let mut text = String::from("Time (UTC),Source,Message,State,Priority\n");
    let mut row = |time: &str, source: &str, state: &str| {
        writeln!(text, "2024-01-31 {time},{source},Level high,{state},2").unwrap();
    };
    for n in 0..12 {
        let source = if n == 11 {
            "P-1".to_owned()
        } else {
            format!("T{n}")
        };
        let time = format!("10:{:02}:{:02}", n / 2, n % 2 * 30);
        row(&time, &source, "ACT");
    }
    for second in [0, 10, 20] {
        row(&format!("10:06:{second:02}"), "CHATTER", "ACT");
        row(&format!("10:06:{:02}", second + 5), "CHATTER", "RTN");
    }
    row("10:07:00", "T0", "ACK");
    row("10:30:00", "T1", "RTN");
    text
}

async fn report(client: &Client, more: &str) -> Value {
    let path = format!("{PATH}?from={DAY}&to={}{more}", DAY + 24 * HOUR);
    client.get(&path).await.expect_status(200).json()
}

#[tokio::test]
async fn a_journal_is_counted_as_it_was_reported() {
    let (app, plant, other) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let path = format!(
        "/api/imports?integration_id={}&name=alarms.csv",
        plant.files
    );
    let sent = client
        .send(Method::POST, &path, "application/octet-stream", journal())
        .await;
    let id = sent.expect_status(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    finished(&client, &id, "ready").await;
    let run = client
        .post(&format!("/api/imports/{id}/run"), json!({}))
        .await;
    run.expect_status(202);
    finished(&client, &id, "done").await;

    let own = report(&client, "").await;
    assert_eq!(
        own["activations"], 0,
        "the program itself raised none that day"
    );
    let sources = own["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2, "{sources:?}");
    assert_eq!(sources[1]["events"], 19, "an acknowledgement is no alarm");
    let system = sources[1]["system"].as_str().unwrap();
    let of_journal = format!("&source={}", system.replace(':', "%3A").replace(' ', "%20"));

    let viewer = app.signed_in(&plant.user("viewer")).await;
    let found = report(&viewer, &of_journal).await;
    assert_eq!(found["activations"], 15, "{found}");
    let flood = &found["floods"][0];
    assert_eq!(found["floods"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(flood["count"], 15);
    assert_eq!(
        flood["first_out"][0]["key"],
        found["floods"][0]["first_out"][0]["text"]
    );
    let chatter = &found["chattering"][0];
    assert_eq!(
        (&chatter["count"], &chatter["worst_minute"]),
        (&json!(3), &json!(3))
    );
    assert!(
        chatter["alarm"]["text"]
            .as_str()
            .unwrap()
            .contains("CHATTER")
    );
    let warnings = &found["responses"][1];
    assert_eq!(
        (&warnings["count"], &warnings["acknowledged"]),
        (&json!(15), &json!(1))
    );
    assert_eq!(warnings["median_ms"], 7 * 60_000);
    let bins: u64 = found["bins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["count"].as_u64().unwrap())
        .sum();
    assert_eq!(bins, 15, "the strip shows what is counted");

    let of_asset = report(&viewer, &format!("{of_journal}&asset_id={}", plant.asset)).await;
    assert_eq!(of_asset["activations"], 1);
    // Long before its first alarm it is known all the same.
    let (from, to) = (DAY - 60 * 24 * HOUR, DAY - 50 * 24 * HOUR);
    let path = format!("{PATH}?from={from}&to={to}{of_journal}");
    let early = viewer.get(&path).await.expect_status(200).json();
    assert_eq!(early["activations"], 0);
    // To another tenant it is one of the systems that are not there.
    let stranger = app.signed_in(&other.user("viewer")).await;
    let path = format!("{PATH}?from={DAY}&to={}{of_journal}", DAY + 24 * HOUR);
    let foreign = stranger.get(&path).await;
    foreign.expect_code(404, "alerts.source_unknown");
    let own = report(&stranger, "").await;
    assert_eq!(own["sources"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_system_that_reported_no_alarm_is_not_found() {
    let (app, plant, _) = TestApp::with_plants().await;
    let mut client = app.signed_in(&plant.user("viewer")).await;
    for (language, words) in [
        ("en", "No alarm of “\u{2068}nosuch\u{2069}” is known"),
        (
            "ar",
            "لا إنذار معروفًا هنا من النظام «\u{2068}nosuch\u{2069}»",
        ),
    ] {
        client.language = language;
        let reply = client.get(&format!("{PATH}?source=nosuch")).await;
        let said = reply.expect_code(404, "alerts.source_unknown").json();
        assert_eq!(said["params"]["source"], "nosuch");
        let message = said["message"].as_str().unwrap();
        assert!(message.starts_with(words), "{message}");
    }
    let own = format!("{PATH}?source=optria");
    client.get(&own).await.expect_status(200);
}

#[tokio::test]
async fn a_report_has_a_period_it_can_count() {
    let (app, plant, other) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let path = format!("{PATH}?from={DAY}&to={}", DAY + 93 * 24 * HOUR);
    let reply = client.get(&path).await;
    reply.expect_field("from", "alerts.report_period_too_long");
    let path = format!("{PATH}?asset_id={}", other.asset);
    client.get(&path).await.expect_status(404);
    let week = client.get(PATH).await.expect_status(200).json();
    let length = week["to"].as_i64().unwrap() - week["from"].as_i64().unwrap();
    // Nothing is known from before the first event, a minute ago.
    assert!((60_000..120_000).contains(&length), "{length}");
    let (from, to) = (DAY - 60 * 24 * HOUR, DAY);
    let path = format!("{PATH}?from={from}&to={to}");
    let before = client.get(&path).await.expect_status(200).json();
    assert_eq!((&before["from"], &before["to"]), (&json!(from), &json!(to)));
}
