//! The report of an incident over HTTP: a PDF for everybody who may read it, and a record of it.

use crate::support::TestApp;

#[tokio::test]
async fn an_incident_becomes_a_pdf_and_that_is_recorded() {
    let (app, plant, other) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let path = format!("/api/blackbox/incidents/{}/report.pdf", plant.incident);
    let pages = |reply: &crate::support::Reply| -> u32 {
        assert!(reply.bytes.starts_with(b"%PDF-"), "{:?}", reply.headers);
        assert!(reply.bytes.ends_with(b"%%EOF\n") || reply.bytes.ends_with(b"%%EOF"));
        assert_eq!(reply.headers["content-type"], "application/pdf");
        reply.headers["x-optria-pages"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    let both = engineer.get(&path).await.expect_status(200);
    let kept = both.headers["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        kept.starts_with("attachment") && kept.contains(".pdf\""),
        "{kept}"
    );
    let arabic = engineer
        .get(&format!("{path}?lang=ar"))
        .await
        .expect_status(200);
    let english = engineer
        .get(&format!("{path}?lang=en"))
        .await
        .expect_status(200);
    assert_eq!(
        pages(&both),
        pages(&arabic) + pages(&english),
        "each part whole"
    );
    engineer
        .get(&format!("{path}?lang=fr"))
        .await
        .expect_status(422);

    let viewer = app.signed_in(&plant.user("viewer")).await;
    viewer.get(&path).await.expect_status(200);
    let stranger = app.signed_in(&other.user("engineer")).await;
    stranger.get(&path).await.expect_status(404);

    let admin = app.signed_in(&plant.user("admin")).await;
    let audit = admin.get("/api/audit?q=blackbox.make_report").await.json();
    let made = audit["items"].as_array().unwrap();
    let done = made
        .iter()
        .filter(|row| row["outcome"] == "success")
        .count();
    assert_eq!(done, 4, "{audit}");
    // The Black Box tells which incident by its number; an id says nothing to a person.
    let detail = format!("/api/blackbox/incidents/{}", plant.incident);
    let number = admin.get(&detail).await.json()["incident"]["number"].clone();
    let told = admin
        .get("/api/blackbox/events?category=OPERATOR_ACTION")
        .await
        .json();
    let objects: Vec<_> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["payload"]["params"])
        .filter(|params| params["action"] == "blackbox.make_report")
        .map(|params| params["object"].clone())
        .collect();
    assert_eq!(objects, vec![number; 4], "{told}");
}
