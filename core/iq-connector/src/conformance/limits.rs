//! How a connector behaves toward a source that is not there for it: it leaves when asked to, and does
//! not knock without a pause.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{Connector, ConnectorContext, StreamPhase};

/// A connector ends within this when it is no longer wanted.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);
/// How long a connector is watched while nobody lets it in.
const WATCHED: Duration = Duration::from_secs(15);
/// Tries in that time: pauses of 1, 2, 4 and 8 seconds make five, jitter some more.
const MOST_TRIES: usize = 10;
/// Connections this close together belong to one try.
const ONE_TRY: Duration = Duration::from_millis(400);

/// A configuration that leads to a port of this machine.
pub type Toward<'a> = &'a (dyn Fn(u16) -> ConnectorContext + Sync);

/// A port that notes when somebody comes.
struct Door {
    port: u16,
    came: watch::Receiver<Vec<Instant>>,
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    /// Who comes is let wait for ever, or sent away at once.
    async fn new(sends_away: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (noted, came) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            let mut waiting = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                noted.send_modify(|all| all.push(Instant::now()));
                if !sends_away {
                    waiting.push(stream);
                }
            }
        });
        Self { port, came, task }
    }

    async fn somebody_after(&self, seen: usize) {
        let mut came = self.came.clone();
        let coming = came.wait_for(|all| all.len() > seen);
        let coming = tokio::time::timeout(Duration::from_secs(60), coming).await;
        assert!(coming.is_ok(), "it does not even try to connect");
    }
}

/// A test and a stream that wait for a silent source end soon after they were asked to.
pub async fn check_cancel(connector: &dyn Connector, toward: Toward<'_>, tags: &[String]) {
    let door = Door::new(false).await;
    let ctx = toward(door.port);
    let testing = async {
        let report = connector.test(&ctx, &|_| ()).await;
        (report, Instant::now())
    };
    let cancelling = async {
        door.somebody_after(0).await;
        ctx.cancel.cancel();
        Instant::now()
    };
    let ((report, ended), asked) = tokio::join!(testing, cancelling);
    assert!(!report.success, "a test without an answer passes");
    let took = ended.saturating_duration_since(asked);
    assert!(
        took <= LEAVES_WITHIN,
        "the test ends {took:?} after it was cancelled"
    );

    let seen = door.came.borrow().len();
    let list = tags.iter().map(|t| Arc::from(t.as_str())).collect();
    let (_tags, tag_set) = watch::channel(Arc::new(list));
    let (sink, _batches) = mpsc::channel(1);
    let running = connector.start(toward(door.port), tag_set, sink);
    let state = running.state.clone();
    door.somebody_after(seen).await;
    let stopped = tokio::time::timeout(LEAVES_WITHIN, running.stop()).await;
    assert!(
        stopped.is_ok(),
        "the stream does not stop within {LEAVES_WITHIN:?}"
    );
    assert_eq!(state.borrow().phase, StreamPhase::Stopped);
}

/// A source that sends everybody away is tried again, with pauses, and the state says so.
pub async fn check_back_off(connector: &dyn Connector, toward: Toward<'_>, tags: &[String]) {
    let door = Door::new(true).await;
    let list = tags.iter().map(|t| Arc::from(t.as_str())).collect();
    let (_tags, tag_set) = watch::channel(Arc::new(list));
    let (sink, _batches) = mpsc::channel(1);
    let running = connector.start(toward(door.port), tag_set, sink);
    door.somebody_after(0).await;
    tokio::time::sleep(WATCHED).await;
    let came = door.came.borrow().clone();
    let tries = 1 + came.windows(2).filter(|w| w[1] - w[0] > ONE_TRY).count();
    assert!(tries > 1, "it does not try again within {WATCHED:?}");
    assert!(
        tries <= MOST_TRIES && came.len() <= 4 * MOST_TRIES,
        "{tries} tries with {} connections within {WATCHED:?}",
        came.len()
    );
    let phase = running.state.borrow().phase.clone();
    assert!(
        matches!(phase, StreamPhase::Error(_) | StreamPhase::Connecting),
        "the state says {phase:?}"
    );
    running.stop().await;
}
