//! What runs before each commit belongs to it: committed with the writes, once per group, or nothing.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use iq_domain::{Clock, CodedError, ManualClock};
use iq_store::{Connection, Options, Store, StoreError};
use support::T0;

/// A store that seals rows of `fact` into `sealed`, as the evidence log does with what is recorded.
fn sealing(folder: &tempfile::TempDir) -> Store {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(T0));
    let path = folder.path().join("optria.db");
    let tables = "CREATE TABLE IF NOT EXISTS fact (n INTEGER PRIMARY KEY);
                  CREATE TABLE IF NOT EXISTS sealed (n INTEGER PRIMARY KEY, round INTEGER);";
    let before = Store::open(&path, Arc::clone(&clock)).unwrap();
    before
        .write_blocking(|tx| Ok(tx.execute_batch(tables)?))
        .unwrap();
    before.close();
    let mut round = 0_i64;
    let seal = move |tx: &iq_store::Transaction<'_>| -> Result<(), StoreError> {
        round += 1;
        let sql = "INSERT INTO sealed SELECT n, ? FROM fact WHERE n NOT IN (SELECT n FROM sealed)";
        tx.execute(sql, [round])?;
        let is_refused =
            tx.query_row("SELECT EXISTS (SELECT 1 FROM fact WHERE n = 13)", [], |r| {
                r.get(0)
            })?;
        if is_refused {
            return Err(CodedError::conflict("test.not_sealed").into());
        }
        Ok(())
    };
    Store::open_sealed(&path, clock, Options::default(), Some(Box::new(seal))).unwrap()
}

fn insert(conn: &Connection, n: i64) -> Result<(), StoreError> {
    conn.execute("INSERT INTO fact VALUES (?)", [n])?;
    Ok(())
}

fn count(store: &Store, sql: &'static str) -> i64 {
    store
        .read_blocking(|conn| Ok(conn.query_row(sql, [], |r| r.get(0))?))
        .unwrap()
}

#[tokio::test]
async fn a_group_is_sealed_once_and_with_all_that_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = sealing(&folder);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let blocked = store.clone();
    let blocker = std::thread::spawn(move || {
        blocked.write_blocking(move |_| wait.recv().map_err(|_| StoreError::Closed))
    });
    let writers: Vec<_> = (100..150)
        .map(|n| {
            let store = store.clone();
            std::thread::spawn(move || {
                store.write_blocking(move |tx| {
                    insert(tx, n)?;
                    if n % 10 == 3 {
                        Err(CodedError::conflict("test.refused").into())
                    } else {
                        Ok(())
                    }
                })
            })
        })
        .collect();
    go.send(()).unwrap();
    blocker.join().unwrap().unwrap();
    let kept = writers
        .into_iter()
        .map(|w| w.join().unwrap())
        .filter(Result::is_ok)
        .count();
    assert_eq!(kept, 45);
    let facts = count(&store, "SELECT COUNT(*) FROM fact");
    let sealed = count(&store, "SELECT COUNT(*) FROM fact JOIN sealed USING (n)");
    assert_eq!((facts, sealed), (45, 45));
}

#[test]
fn what_can_not_be_sealed_is_not_kept_and_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = sealing(&folder);
    store.write_blocking(|tx| insert(tx, 1)).unwrap();
    let refused = store.write_blocking(|tx| insert(tx, 13));
    assert!(matches!(refused, Err(StoreError::Coded(e)) if e.code == "test.not_sealed"));
    store.write_blocking(|tx| insert(tx, 20)).unwrap();
    let sum = count(&store, "SELECT SUM(n) FROM fact");
    assert_eq!((sum, count(&store, "SELECT SUM(n) FROM sealed")), (21, 21));
}

#[test]
fn a_write_that_kept_nothing_is_not_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let store = sealing(&folder);
    let refused = store.write_blocking(|tx| {
        insert(tx, 5)?;
        Err::<(), _>(CodedError::conflict("test.refused").into())
    });
    assert!(refused.is_err());
    store.write_blocking(|tx| insert(tx, 6)).unwrap();
    assert_eq!(count(&store, "SELECT round FROM sealed WHERE n = 6"), 1);
}
