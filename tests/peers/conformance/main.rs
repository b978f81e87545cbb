//! The contract of connectors, check by check on every connector, against the best peer there is for
//! each. What ran is the table of `docs/conformance.md`; a check that does not apply says why.
#![allow(clippy::print_stdout, reason = "it prints its table")]

#[path = "../../../core/iq-connector-eam/tests/stub/mod.rs"]
mod stub;

#[path = "../http_hostile_kit.rs"]
mod http_hostile_kit;

mod attacks;
mod subjects;
mod table;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Result, ensure};
use iq_connector::conformance::{self, PastToRead};
use subjects::{Attacked, Peer, Subject};
use table::{Cell, Table, cell};

/// The checks, in the order of the table.
const CHECKS: [&str; 12] = [
    "spec",
    "test stages",
    "browse pages",
    "preview",
    "values flow",
    "resume",
    "cancel in 5 s",
    "back-off",
    "slow",
    "malformed",
    "secrets",
    "huge",
];

/// What is known to fail, and why. An entry that passes fails the suite, so that it goes.
const DEFECTS: [(&str, &str, &str); 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn every_connector_passes_every_check_that_applies() -> Result<()> {
    let subjects = subjects::all().await?;
    // First and one by one, while this process is small: memory that is free again would hide growth.
    let mut huge = Vec::new();
    for subject in &subjects {
        huge.push(attacks::huge(subject.clone()).await);
    }
    // The others side by side, as most of it is waiting.
    let mut running = tokio::task::JoinSet::new();
    for (at, subject) in subjects.iter().cloned().enumerate() {
        running.spawn(async move { (at, together(subject).await) });
    }
    let rows: BTreeMap<usize, Vec<Cell>> = running.join_all().await.into_iter().collect();
    let mut table = Table::new(&CHECKS, &DEFECTS);
    for ((subject, mut cells), huge) in subjects.iter().zip(rows.into_values()).zip(huge) {
        cells.push(huge);
        let against = subject.peer.as_ref().map_or("–", |peer| peer.name);
        table.row(subject.name, against, cells);
    }
    println!("{}", table.text());
    let failed = table.failures();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    table.compare_with_the_committed_one()
}

/// The checks of one connector that may run beside those of others.
async fn together(subject: Arc<Subject>) -> Vec<Cell> {
    let s = &subject;
    let offline = s.clone();
    vec![
        cell(async move { conformance::check_offline(&*offline.connector) }).await,
        live(s, |s, peer| async move {
            conformance::check_stages(&*s.connector, &s.context(&peer.config)).await;
        })
        .await,
        browse(s).await,
        live(s, |s, peer| async move {
            let ctx = s.context(&peer.config);
            match peer.tags.first() {
                Some(tag) => conformance::check_preview(&*s.connector, &ctx, tag).await,
                None => {
                    let preview = s.connector.preview(&ctx, &["none".to_owned()]).await;
                    let preview = preview.expect("a preview of anything is an answer");
                    assert!(preview.len() == 1 && !preview[0].status.is_good());
                }
            }
        })
        .await,
        live(s, |s, peer| async move {
            let ctx = s.context(&peer.config);
            match peer.tags.first() {
                Some(tag) => conformance::check_stream(&*s.connector, &ctx, tag).await,
                None => conformance::check_records(&*s.connector, &ctx).await,
            }
        })
        .await,
        resume(s).await,
        toward(s, |s| async move {
            let to = |port| s.context(&(s.toward)(port));
            conformance::check_cancel(&*s.connector, &to, &s.some_tags()).await;
        })
        .await,
        toward(s, |s| async move {
            let to = |port| s.context(&(s.toward)(port));
            conformance::check_back_off(&*s.connector, &to, &s.some_tags()).await;
        })
        .await,
        attacks::slow(s.clone()).await,
        attacks::malformed(s.clone()).await,
        attacks::secrets(s.clone()).await,
    ]
}

/// A check that needs the real source.
async fn live<F>(subject: &Arc<Subject>, check: impl FnOnce(Arc<Subject>, Arc<Peer>) -> F) -> Cell
where
    F: Future<Output = ()> + Send + 'static,
{
    match &subject.peer {
        Ok(peer) => cell(check(subject.clone(), peer.clone())).await,
        Err(why) => Cell::Skipped(why),
    }
}

/// A check that sends the connector to a port of ours.
async fn toward<F>(subject: &Arc<Subject>, check: impl FnOnce(Arc<Subject>) -> F) -> Cell
where
    F: Future<Output = ()> + Send + 'static,
{
    match subject.attacked {
        Attacked::Folder => {
            Cell::Skipped("a folder of this machine: there is nobody to connect to")
        }
        Attacked::Http | Attacked::Tcp => cell(check(subject.clone())).await,
    }
}

async fn browse(subject: &Arc<Subject>) -> Cell {
    if !subject.connector.spec().capabilities.browse {
        return Cell::Skipped("it reads records, there are no tags to list");
    }
    live(subject, |s, peer| async move {
        conformance::check_browse(&*s.connector, &s.context(&peer.config)).await;
    })
    .await
}

async fn resume(subject: &Arc<Subject>) -> Cell {
    let spec = subject.connector.spec().capabilities;
    if !spec.back_fill && !spec.maintenance {
        return Cell::Skipped("the source keeps no past: what was missed is marked as a gap");
    }
    live(subject, |s, peer| async move {
        let from = |cursors| s.context_from(&peer.config, cursors);
        let past = PastToRead {
            from: &from,
            tags: &peer.tags,
            is_read: &*peer.is_read,
            before: peer.before,
            overlap_ms: peer.overlap_ms,
        };
        conformance::check_resume(&*s.connector, &past).await;
    })
    .await
}
