//! Kills the program with SIGKILL at random moments while it sends. What the other side holds is a
//! file that outlives it: each reference must stand in it once.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use iq_connector::{ConnectorContext, MaintenanceSystem, PushError, PushPlan, Pushed};
use iq_domain::*;
use serde_json::json;

use crate::rig::{self, Dice, Rig, Source, approved, outbox_of};

const FOLDER: &str = "OPTRIA_TEST_OUTBOX_FOLDER";
const SEED: &str = "OPTRIA_TEST_OUTBOX_SEED";
const ORDERS: usize = 40;
const KILLS: u64 = 14;

/// The wall clock, three hundred times as fast: pauses of minutes pass in a moment.
struct Fast;

impl Clock for Fast {
    fn now(&self) -> Timestamp {
        let real = WallClock.now();
        rig::T0.plus_ms(
            real.since_ms(Timestamp(1_750_000_000_000))
                .saturating_mul(300)
                % (1 << 45),
        )
    }
}

/// The other side: a line per object, on the disk before the answer is given.
struct Ledger {
    path: PathBuf,
    dice: AtomicU64,
}

impl Ledger {
    fn new(folder: &Path, seed: u64) -> Self {
        Self {
            path: folder.join("ledger.txt"),
            dice: AtomicU64::new(seed),
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn pause(&self) -> u64 {
        let mut dice = Dice::new(self.dice.fetch_add(1, Ordering::SeqCst));
        let ms = dice.below(40);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        dice.below(4)
    }
}

fn number(reference: &str) -> Pushed {
    Pushed {
        number: format!("N-{reference}"),
        version: None,
    }
}

#[async_trait::async_trait]
impl MaintenanceSystem for Ledger {
    fn plan(&self, _: &ConnectorContext, draft: &WorkOrderDraft) -> Result<PushPlan, CodedError> {
        Ok(PushPlan {
            method: "POST".to_owned(),
            path: "/n".to_owned(),
            payload: json!({ "ref": draft.reference }),
            reference: draft.reference.clone(),
        })
    }

    async fn find_by_reference(
        &self,
        _: &ConnectorContext,
        reference: &str,
    ) -> Result<Vec<Pushed>, CodedError> {
        let found = self.lines().into_iter().filter(|line| line == reference);
        Ok(found.map(|line| number(&line)).collect())
    }

    async fn push(&self, _: &ConnectorContext, plan: &PushPlan) -> Result<Pushed, PushError> {
        let what = self.pause().await;
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .unwrap();
        file.write_all(format!("{}\n", plan.reference).as_bytes())
            .unwrap();
        file.sync_all().unwrap();
        self.pause().await;
        if what == 0 {
            let lost = CodedError::new(ErrorKind::Upstream, "connector.timeout");
            return Err(PushError::Unknown(lost));
        }
        Ok(number(&plan.reference))
    }
}

async fn run(folder: &Path, seed: u64) -> (iq_runtime::Runtime, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::new(folder, seed));
    let source = Source::new(ledger.clone());
    let runtime = rig::open(folder, Arc::new(Fast), &source, true).await;
    let awake = runtime.clone();
    tokio::spawn(async move {
        loop {
            awake.wake_outbox();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    (runtime, ledger)
}

/// The child: sends until it is killed.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    tokio.block_on(async {
        let _kept = run(Path::new(&folder), seed).await;
        let mut out = std::io::stdout();
        writeln!(out, "ready").unwrap();
        out.flush().unwrap();
        std::future::pending::<()>().await;
    });
}

fn kill_once(folder: &Path, seed: u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killing::child", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(SEED, (seed * 10_000).to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_ready = lines.any(|line| line.unwrap().contains("ready"));
    assert!(is_ready, "the child ended before it was ready");
    let after = Dice::new(seed).below(400);
    std::thread::sleep(Duration::from_millis(after));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_duplicates_no_work_order() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::new(folder.path(), 1));
    let rig = Rig::new(folder.path(), Arc::new(Fast), ledger).await;
    let ids = rig.ids;
    // Approved while the connection is off: nothing goes out yet.
    let (tenant, integration) = (ids.tenant, ids.integration);
    rig.runtime
        .set_integration_enabled(tenant, integration, false)
        .await
        .unwrap();
    for n in 0..ORDERS {
        approved(&rig.runtime, &ids, &format!("order {n}")).await;
    }
    rig.runtime
        .set_integration_enabled(tenant, integration, true)
        .await
        .unwrap();
    rig.runtime.stop().await;
    rig.runtime.historian().close().unwrap();
    rig.runtime.store().close();
    drop(rig);
    let path = folder.path().to_owned();
    tokio::task::spawn_blocking(move || (1..=KILLS).for_each(|seed| kill_once(&path, seed)))
        .await
        .unwrap();
    let (runtime, ledger) = run(folder.path(), 99).await;
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let rows = outbox_of(&runtime, tenant).await;
        if rows.iter().all(|row| row.state == OutboxState::Sent) {
            assert_eq!(rows.len(), ORDERS);
            break;
        }
        let left: Vec<_> = rows
            .iter()
            .filter(|row| row.state != OutboxState::Sent)
            .map(|row| (row.state, row.sends, row.error_code.clone()))
            .collect();
        assert!(Instant::now() < end, "not all arrived: {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut lines = ledger.lines();
    lines.sort();
    let count = lines.len();
    lines.dedup();
    assert_eq!(lines.len(), count, "a work order was made twice");
    assert_eq!(count, ORDERS);
    runtime.stop().await;
}
