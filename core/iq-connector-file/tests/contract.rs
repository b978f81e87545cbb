//! What every connector promises, held by this one; and its watched folder against real files.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use iq_connector::{
    Batch, CancellationToken, Connector, ConnectorContext, CursorMark, OwnIdentity, Purpose,
    RunningConnector, StreamPhase,
    conformance::{self, MemoryTrust},
};
use iq_connector_file::{FileConnector, NoUploads};
use iq_domain::{IntegrationId, ManualClock, SourceRecord, TenantId, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

const NOW: Timestamp = Timestamp(1_767_225_600_000);
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    root: tempfile::TempDir,
    connector: FileConnector,
    ctx: ConnectorContext,
}

impl Bench {
    fn new(config: Value) -> Self {
        let root = tempfile::tempdir().unwrap();
        let connector = FileConnector::new(root.path().join("inbox"), Arc::new(NoUploads));
        let identity = OwnIdentity {
            application_uri: "urn:test".into(),
            certificate_der: Vec::new(),
            certificate_path: root.path().join("c"),
            private_key_path: root.path().join("k"),
            scratch_dir: root.path().join("scratch"),
        };
        let ctx = ConnectorContext {
            tenant_id: TenantId::new(),
            integration_id: IntegrationId::new(),
            name: "Exports".into(),
            config,
            secrets: Arc::default(),
            cursors: Arc::default(),
            trust: Arc::new(MemoryTrust::default()),
            identity: Arc::new(identity),
            clock: Arc::new(ManualClock::at(NOW)),
            cancel: CancellationToken::new(),
        };
        let bench = Self {
            root,
            connector,
            ctx,
        };
        std::fs::create_dir_all(bench.folder()).unwrap();
        bench
    }

    fn folder(&self) -> std::path::PathBuf {
        self.root
            .path()
            .join("inbox")
            .join(self.ctx.tenant_id.to_string())
            .join("dcs")
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).unwrap();
    }

    fn start(
        &self,
        tags: &[&str],
    ) -> (
        RunningConnector,
        mpsc::Receiver<Batch>,
        iq_connector::TagSetSender,
    ) {
        let tags: Vec<Arc<str>> = tags.iter().map(|t| Arc::from(*t)).collect();
        let (sender, tag_set) = watch::channel(Arc::new(tags));
        let (sink, batches) = mpsc::channel(8);
        (
            self.connector.start(self.ctx.clone(), tag_set, sink),
            batches,
            sender,
        )
    }
}

fn watching() -> Value {
    json!({ "watch_folder": "dcs", "file_pattern": "*.csv", "poll_interval_s": 1, "time_zone": "Asia/Riyadh" })
}

const TREND: &str =
    "Time,TI-101,PI-102\n2024-01-31 10:00:00,80.5,3.2\n2024-01-31 10:01:00,80.6,3.3\n";

/// Takes batches until `is_enough` says so of all that came.
async fn take(
    batches: &mut mpsc::Receiver<Batch>,
    is_enough: impl Fn(&[Batch]) -> bool,
) -> Vec<Batch> {
    let mut all = Vec::new();
    while !is_enough(&all) {
        let batch = tokio::time::timeout(PATIENCE, batches.recv())
            .await
            .expect("a batch in time");
        all.push(batch.expect("the connector runs"));
    }
    all
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn samples(batches: &[Batch]) -> usize {
    batches.iter().map(|b| b.samples.len()).sum()
}

#[test]
fn conforms_offline() {
    let bench = Bench::new(json!({}));
    conformance::check_offline(&bench.connector);
}

#[tokio::test]
async fn conforms_with_a_watched_folder() {
    let bench = Bench::new(watching());
    bench.put("a.csv", TREND);
    conformance::check_live(&bench.connector, &bench.ctx, "TI-101").await;
}

#[test]
fn a_folder_outside_is_refused_in_the_form() {
    let bench = Bench::new(json!({}));
    for folder in ["../x", "/etc", "a/../../b", "c:\\x"] {
        let errors = bench
            .connector
            .validate(&json!({ "watch_folder": folder }))
            .unwrap_err();
        assert_eq!(
            (errors[0].field.as_str(), errors[0].code),
            ("watch_folder", "file.folder_outside"),
            "{folder}"
        );
    }
    let errors = bench
        .connector
        .validate(&json!({ "time_zone": "Mars/Olympus" }))
        .unwrap_err();
    assert_eq!(errors[0].code, "file.time_zone_unknown");
}

#[tokio::test]
async fn an_empty_folder_fails_the_test_and_says_what_to_do() {
    let bench = Bench::new(watching());
    let report = bench.connector.test(&bench.ctx, &|_| ()).await;
    conformance::check_report(&report);
    assert_eq!(report.message.code, "file.folder_empty");
    assert!(
        report.message.params["folder"].ends_with("dcs"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_file_is_read_as_the_past_and_moved_when_its_values_are_taken() {
    let bench = Bench::new(watching());
    bench.put("a.csv", TREND);
    let (running, mut batches, _tags) = bench.start(&["TI-101", "PI-102"]);
    let taken = take(&mut batches, |all| samples(all) >= 4).await;
    let first = taken.iter().find(|b| !b.samples.is_empty()).unwrap();
    assert_eq!(first.purpose, Purpose::BackFill);
    // 10:00 in Riyadh.
    assert_eq!(
        first.samples[0].source_time,
        Some(Timestamp(1_706_684_400_000))
    );
    let file = bench.folder().join("a.csv");
    assert!(file.exists(), "its values are not durable yet");
    let drain = tokio::spawn(async move { while batches.recv().await.is_some() {} });
    until("the file is moved", || !file.exists()).await;
    assert!(bench.folder().join("done/a.csv").exists());
    running.stop().await;
    drain.await.unwrap();
}

#[tokio::test]
async fn a_file_that_still_grows_is_not_read() {
    let bench = Bench::new(watching());
    let (running, mut batches, _tags) = bench.start(&["TI-101"]);
    let folder = bench.folder();
    let writer = tokio::spawn(async move {
        let mut text = TREND.to_owned();
        for minute in 2..30 {
            text.push_str(&format!("2024-01-31 10:{minute:02}:00,81,3\n"));
            std::fs::write(folder.join("a.csv"), &text).unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let taken = take(&mut batches, |all| samples(all) > 0).await;
    writer.await.unwrap();
    let whole = take(&mut batches, |all| samples(&taken) + samples(all) >= 30).await;
    assert_eq!(samples(&taken) + samples(&whole), 30, "all rows, each once");
    running.stop().await;
}

#[tokio::test]
async fn reading_goes_on_where_the_last_durable_batch_ended() {
    let mut bench = Bench::new(watching());
    let mut text = "time,tag,value\n".to_owned();
    for i in 0..30_000_i64 {
        text.push_str(&format!(
            "{},TI-101,{i}\n",
            Timestamp(1_700_000_000_000 + i * 1_000)
        ));
    }
    bench.put("a.csv", &text);
    let (running, mut batches, _tags) = bench.start(&["TI-101"]);
    let taken = take(&mut batches, |all| samples(all) > 0).await;
    let before = samples(&taken);
    assert!(before < 30_000);
    running.stop().await;
    let mark: CursorMark = taken.last().unwrap().cursors[0].clone();
    bench.ctx.cursors = Arc::new(BTreeMap::from([(mark.name, mark.position)]));
    let (running, mut batches, _tags) = bench.start(&["TI-101"]);
    let rest = take(&mut batches, |all| samples(all) + before >= 30_000).await;
    assert_eq!(
        samples(&rest) + before,
        30_000,
        "nothing twice, nothing lost"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_journal_needs_no_mapping_and_its_events_have_the_same_ids_in_every_export() {
    let journal = "Time,Source,Message,State,Priority\n2024-01-31 10:00:00,PAH-102,Pressure high,ACT,1\n2024-01-31 10:00:00,PAH-102,Pressure high,ACT,1\n2024-01-31 10:05:00,PAH-102,Pressure high,RTN,1\n";
    let ids = |text: String| async move {
        let bench = Bench::new(watching());
        bench.put("journal.csv", &text);
        let (running, mut batches, _tags) = bench.start(&[]);
        let events = |all: &[Batch]| -> Vec<String> {
            let records = all.iter().flat_map(|b| &b.records);
            records
                .filter_map(|r| match r {
                    SourceRecord::Event(event) => Some(event.source_id.clone()),
                    _ => None,
                })
                .collect()
        };
        let taken = take(&mut batches, |all| events(all).len() >= 2).await;
        running.stop().await;
        events(&taken)
    };
    let first = ids(journal.to_owned()).await;
    let second = ids(journal.replace(',', ";")).await;
    assert_eq!(first, second);
    assert_eq!(
        first.iter().collect::<std::collections::HashSet<_>>().len(),
        2,
        "the row that stands there twice is one event"
    );
}

#[tokio::test]
async fn what_is_no_table_is_put_aside_and_the_rest_is_read() {
    let bench = Bench::new(watching());
    bench.put("a.csv", "\x1f\u{8b}\x08 not a table");
    bench.put("b.csv", TREND);
    let (running, mut batches, _tags) = bench.start(&["TI-101"]);
    take(&mut batches, |all| samples(all) >= 2).await;
    let drain = tokio::spawn(async move { while batches.recv().await.is_some() {} });
    let aside = bench.folder().join("refused/a.csv");
    until("the bad file is put aside", || Path::exists(&aside)).await;
    let mut state = running.state.clone();
    let seen = state.wait_for(|s| matches!(s.phase, StreamPhase::Error(_)));
    assert!(
        tokio::time::timeout(PATIENCE, seen).await.is_ok(),
        "the state tells of it"
    );
    running.stop().await;
    drain.await.unwrap();
}

#[tokio::test]
async fn kept_files_are_read_once() {
    let mut config = watching();
    config["after_import"] = json!("keep");
    let bench = Bench::new(config);
    bench.put("a.csv", TREND);
    let (running, mut batches, _tags) = bench.start(&["TI-101"]);
    let has_mark = |all: &[Batch]| {
        all.iter()
            .flat_map(|b| &b.cursors)
            .any(|c| c.name == "read")
    };
    let taken = take(&mut batches, has_mark).await;
    assert_eq!(samples(&taken), 2);
    assert!(bench.folder().join("a.csv").exists());
    bench.put("b.csv", TREND);
    let next = take(&mut batches, has_mark).await;
    assert_eq!(samples(&next), 2, "only the new file");
    running.stop().await;
}
