//! The page for whoever approves the connections: made from what is stored, of the own tenant alone.

use crate::support::TestApp;

const PAGE: &str = "/api/integrations/ot-statement";

#[tokio::test]
async fn the_statement_names_the_own_systems_and_no_secret() {
    let (app, plant, other) = TestApp::with_plants().await;
    plant.new_integration(&app, "Maintenance of North").await;
    other.new_integration(&app, "Maintenance of another").await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let english = viewer.get(&format!("{PAGE}?lang=en")).await;
    let english = english.expect_status(200).text();
    assert!(english.contains("Maintenance of North"), "{english}");
    assert!(english.contains("work orders alone"), "{english}");
    assert!(!english.contains("Maintenance of another"), "{english}");
    assert!(!english.contains("hunter2"), "{english}");
    let arabic = viewer.get(&format!("{PAGE}?lang=ar")).await;
    let arabic = arabic.expect_status(200).text();
    assert!(arabic.contains("dir=\"rtl\"") && arabic.contains("أوامر العمل وحدها"));
    app.client().get(PAGE).await.expect_status(401);
}
