//! The writer: acknowledged means committed, one failure spoils nothing else, a full disk is survived.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    io::{BufRead, BufReader, Write},
    pin::Pin,
    process::{Command, Stdio},
    sync::{Arc, mpsc::Sender},
    task::{Context, Waker},
    time::{Duration, Instant},
};

use iq_domain::{CodedError, ErrorKind, ManualClock};
use iq_store::{Connection, HealthState, Options, Store, StoreError};
use support::{Fixture, T0};

/// A scratch table, so that the tests say only what they are about.
fn scratch(store: &Store) {
    store
        .write_blocking(|tx| {
            Ok(tx.execute_batch("CREATE TABLE scratch (n INTEGER PRIMARY KEY, filler BLOB)")?)
        })
        .unwrap();
}

fn insert(conn: &Connection, n: i64) -> Result<(), StoreError> {
    conn.execute("INSERT INTO scratch (n) VALUES (?)", [n])?;
    Ok(())
}

fn numbers(store: &Store) -> Vec<i64> {
    store
        .read_blocking(|conn| {
            let mut statement = conn.prepare("SELECT n FROM scratch ORDER BY n")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .unwrap()
}

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// Hands a write to the writer's queue and returns before it is done.
fn enqueue<T: Send + 'static>(
    store: &Store,
    write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
) -> Waiting<T> {
    let store = store.clone();
    // Unconstrained: the runtime would otherwise make a task that does this often pause first.
    let future = async move { store.write(move |tx| write(tx)).await };
    let mut waiting: Waiting<T> = Box::pin(tokio::task::unconstrained(future));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    waiting
}

/// Keeps the writer busy until the sender is used, so that all later writes wait together.
fn block(store: &Store) -> (Sender<()>, Waiting<()>) {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    (
        go,
        enqueue(store, move |_| wait.recv().map_err(|_| StoreError::Closed)),
    )
}

#[tokio::test]
async fn writes_that_wait_share_a_commit_and_a_failing_one_spoils_no_other() {
    let fixture = Fixture::new();
    scratch(&fixture.store);
    let before = fixture.store.health();
    let (go, blocker) = block(&fixture.store);
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            enqueue(&fixture.store, move |tx| {
                insert(tx, n)?;
                match n % 10 {
                    3 => Err(CodedError::conflict("test.refused").into()),
                    7 => insert(tx, n),
                    _ if n == 99 => panic!("a closure that panics"),
                    _ => Ok(()),
                }
            })
        })
        .collect();
    go.send(()).unwrap();
    blocker.await.unwrap();
    for (n, task) in (0_i64..).zip(tasks) {
        let result = task.await;
        match n % 10 {
            3 => assert!(matches!(result, Err(StoreError::Coded(e)) if e.code == "test.refused")),
            7 => assert!(matches!(result, Err(StoreError::Constraint { .. }))),
            _ if n == 99 => assert!(matches!(result, Err(StoreError::Internal(_)))),
            _ => result.unwrap(),
        }
    }
    let is_kept = |n: &i64| ![3, 7].contains(&(n % 10)) && *n != 99;
    let expected: Vec<i64> = (0..200).filter(is_kept).collect();
    assert_eq!(numbers(&fixture.store), expected);
    let after = fixture.store.health();
    let (writes, commits) = (after.writes - before.writes, after.commits - before.commits);
    assert_eq!(writes, 201);
    assert!(
        commits < writes / 4,
        "{commits} commits for {writes} writes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_whole_commits_while_writers_write() {
    let fixture = Fixture::new();
    scratch(&fixture.store);
    // Every write inserts a pair; a reader must never count an odd number.
    let writers: Vec<_> = (0..8_i64)
        .map(|w| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                for i in 0..25_i64 {
                    let n = (w * 25 + i) * 2;
                    store
                        .write(move |tx| insert(tx, n).and_then(|()| insert(tx, n + 1)))
                        .await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .collect();
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                let mut last = 0;
                while last < 400 {
                    let (one, two): (i64, i64) = store
                        .read(|conn| {
                            let count = "SELECT COUNT(*) FROM scratch";
                            let first = conn.query_row(count, [], |r| r.get(0))?;
                            Ok((first, conn.query_row(count, [], |r| r.get(0))?))
                        })
                        .await?;
                    assert_eq!(one % 2, 0);
                    assert_eq!(one, two, "the snapshot moved inside one read");
                    assert!(one >= last, "a later read saw less");
                    last = one;
                }
                Ok::<_, StoreError>(())
            })
        })
        .collect();
    for task in writers.into_iter().chain(readers) {
        task.await.unwrap().unwrap();
    }
}

#[test]
fn a_full_disk_refuses_writes_keeps_reading_and_recovers_by_itself() {
    let fixture = Fixture::with(Options {
        max_pages: Some(400),
        ..Options::default()
    });
    scratch(&fixture.store);
    fixture.store.write_blocking(|tx| insert(tx, 1)).unwrap();
    let fill = |tx: &Connection| -> Result<(), StoreError> {
        tx.execute(
            "INSERT INTO scratch (filler) VALUES (zeroblob(2000000))",
            [],
        )?;
        Ok(())
    };
    let error = fixture
        .store
        .write_blocking(move |tx| fill(tx))
        .unwrap_err();
    assert!(matches!(error, StoreError::DiskFull), "{error}");
    let coded = CodedError::from(error);
    assert_eq!(
        (coded.kind, coded.code),
        (ErrorKind::Unavailable, "store.disk_full")
    );
    assert_eq!(numbers(&fixture.store), [1]);
    let raise = |tx: &Connection| -> Result<i64, StoreError> {
        Ok(tx.query_row("PRAGMA max_page_count = 100000", [], |r| r.get(0))?)
    };
    assert_eq!(
        fixture.store.write_blocking(move |tx| raise(tx)).unwrap(),
        100_000
    );
    fixture.store.write_blocking(move |tx| fill(tx)).unwrap();
    assert_eq!(fixture.store.health().state, HealthState::Ok);
    assert_eq!(numbers(&fixture.store).len(), 2);
}

#[test]
fn health_says_that_the_disk_is_full_and_notices_by_itself_that_it_is_not() {
    let fixture = Fixture::with(Options {
        max_pages: Some(400),
        ..Options::default()
    });
    scratch(&fixture.store);
    fixture.clock.advance_ms(5_000);
    let fill = "INSERT INTO scratch (filler) VALUES (zeroblob(2000000))";
    let refused = fixture
        .store
        .write_blocking(move |tx| Ok(tx.execute(fill, [])?));
    assert!(matches!(refused, Err(StoreError::DiskFull)));
    let health = fixture.store.health();
    assert_eq!(health.since, T0.plus_ms(5_000));
    let HealthState::WritesFail(error) = health.state else {
        panic!("{health:?}")
    };
    assert_eq!(error.code, "store.disk_full");
    let deadline = Instant::now() + Duration::from_secs(30);
    while fixture.store.health().state != HealthState::Ok {
        assert!(
            Instant::now() < deadline,
            "nobody noticed that writes go through again"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// SQLite may give up the whole transaction when the disk is full. Whoever was in it must hear so.
#[tokio::test]
async fn when_the_disk_fills_up_every_write_is_either_kept_or_told() {
    let fixture = Fixture::with(Options {
        max_pages: Some(400),
        ..Options::default()
    });
    let store = &fixture.store;
    scratch(store);
    let (go, blocker) = block(store);
    let mut small: Vec<_> = (0..3)
        .map(|n| enqueue(store, move |tx| insert(tx, n)))
        .collect();
    let fill = "INSERT INTO scratch (filler) VALUES (zeroblob(2000000))";
    let large = enqueue(store, move |tx| Ok(tx.execute(fill, [])?));
    small.extend((3..6).map(|n| enqueue(store, move |tx| insert(tx, n))));
    go.send(()).unwrap();
    drop(blocker.await);
    assert!(matches!(large.await, Err(StoreError::DiskFull)));
    let mut kept = Vec::new();
    for (n, write) in (0_i64..).zip(small) {
        match write.await {
            Ok(()) => kept.push(n),
            Err(error) => assert!(matches!(error, StoreError::DiskFull), "{n}: {error}"),
        }
    }
    assert_eq!(numbers(store), kept);
    assert!(
        kept.ends_with(&[3, 4, 5]),
        "writes behind the large one were refused: {kept:?}"
    );
}

#[test]
fn a_write_inside_a_write_is_refused_instead_of_waiting_for_ever() {
    let fixture = Fixture::new();
    let store = fixture.store.clone();
    let inner = fixture
        .store
        .write_blocking(move |_| Ok(store.write_blocking(|_| Ok(()))));
    assert!(matches!(inner.unwrap(), Err(StoreError::Internal(_))));
}

#[tokio::test]
async fn closing_finishes_what_waits_and_then_refuses_writes_but_not_reads() {
    let fixture = Fixture::new();
    scratch(&fixture.store);
    let (go, blocker) = block(&fixture.store);
    let waiting: Vec<_> = (0..50)
        .map(|n| enqueue(&fixture.store, move |tx| insert(tx, n)))
        .collect();
    go.send(()).unwrap();
    fixture.store.close();
    blocker.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    assert!(matches!(
        fixture.store.write(|_| Ok(())).await,
        Err(StoreError::Closed)
    ));
    assert_eq!(fixture.store.health().state, HealthState::Closed);
    assert_eq!(numbers(&fixture.store).len(), 50);
}

#[test]
fn a_copy_is_a_whole_store_of_its_own() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let copy = fixture.path().with_extension("copy");
    fixture.store.copy_to_blocking(&copy).unwrap();
    let clock = Arc::new(ManualClock::at(T0));
    let opened = Store::open(&copy, clock).unwrap();
    let found = opened
        .read_blocking(|conn| iq_store::assets::get_asset(conn, plant.id(), plant.asset.id))
        .unwrap();
    assert_eq!(found, Some(plant.asset));
    assert!(
        fixture.store.copy_to_blocking(&copy).is_err(),
        "an existing file was overwritten"
    );
}

/// Started by the test below in a process of its own; the path comes on standard input.
#[test]
#[ignore = "the part that gets killed"]
fn child_that_writes_until_it_is_killed() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    let store = Store::open(path.trim(), Arc::new(ManualClock::at(T0))).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4_i64 {
            let store = &store;
            scope.spawn(move || {
                for i in 0.. {
                    let n = i * 4 + writer;
                    store.write_blocking(move |tx| insert(tx, n)).unwrap();
                    writeln!(std::io::stdout(), "ack {n}").unwrap();
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optria.db");
    scratch(&Store::open(&path, Arc::new(ManualClock::at(T0))).unwrap());
    let mut acknowledged: Vec<i64> = Vec::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_that_writes_until_it_is_killed",
                "--ignored",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{}", path.display()).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |until: Option<usize>| {
            let mut count = 0;
            while until.is_none_or(|most| count < most) {
                let Some(Ok(line)) = lines.next() else { break };
                // A line cut off by the kill was not read by anybody either.
                if let Some(n) = line.strip_prefix("ack ").and_then(|n| n.parse().ok()) {
                    acknowledged.push(n);
                    count += 1;
                }
            }
        };
        take(Some(120 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        take(None);
        let store = Store::open(&path, Arc::new(ManualClock::at(T0))).unwrap();
        let found = numbers(&store);
        for n in &acknowledged {
            assert!(
                found.binary_search(n).is_ok(),
                "{n} was acknowledged and is gone"
            );
        }
        let verdict: String = store
            .read_blocking(|conn| Ok(conn.query_row("PRAGMA integrity_check", [], |r| r.get(0))?))
            .unwrap();
        assert_eq!(verdict, "ok");
        store
            .write_blocking(|tx| Ok(tx.execute("DELETE FROM scratch", [])?))
            .unwrap();
        acknowledged.clear();
    }
}
