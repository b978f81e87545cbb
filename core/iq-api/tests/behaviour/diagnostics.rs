//! The support bundle leaves the house: what it must not take along, wherever it comes from.

use std::io::Read as _;

use iq_api::LOG_FOLDER;

use crate::support::{Client, TestApp};

/// Every file of the bundle in one text.
async fn bundle(owner: &Client) -> String {
    let answer = owner.get("/api/diagnostics/bundle").await;
    let bytes = answer.expect_status(200).bytes;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut all = String::new();
    for n in 0..archive.len() {
        archive
            .by_index(n)
            .unwrap()
            .read_to_string(&mut all)
            .unwrap();
    }
    all
}

/// No line should hold a secret. Should one do so all the same, the bundle does not take it along,
/// whichever part of the program the secret belongs to and whichever tenant entered it.
#[tokio::test]
async fn a_log_line_with_a_secret_leaves_without_it() {
    let (app, plant, other) = TestApp::with_plants().await;
    let environment = [("SMTP_URL", "smtps://mailer:hunter2-of-mail@127.0.0.1:1")];
    let app = app.restarted_with(&environment).await;
    plant.new_provider(&app).await;
    other.new_webhook(&app).await;
    let folder = app.folder().join(LOG_FOLDER);
    std::fs::create_dir_all(&folder).unwrap();
    let lines = "a line of the log that stays\n\
        provider said: hunter2 of the provider\n\
        target said: hunter2 of the webhook\n\
        mail said: hunter2-of-mail\n";
    std::fs::write(folder.join("optria.log"), lines).unwrap();

    let owner = app.signed_in(&plant.user("owner")).await;
    let text = bundle(&owner).await;
    assert!(text.contains("a line of the log that stays"), "{text}");
    for what in ["provider said: ***", "target said: ***", "mail said: ***"] {
        assert!(text.contains(what), "{what} in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}
