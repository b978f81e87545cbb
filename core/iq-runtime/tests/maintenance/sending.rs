//! Whatever becomes of requests and answers: a reference is on the other side once, not twice, and in
//! the end it is there.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use iq_connector::{ConnectorContext, MaintenanceSystem, PushError, PushPlan, Pushed};
use iq_domain::*;
use serde_json::json;

use crate::rig::{Dice, Rig, Source, open, outbox_of, person};

/// What happens to a sending.
#[derive(Clone, Copy, Debug)]
enum OnPush {
    /// It arrives and the answer comes.
    Fine,
    /// Nothing gets out.
    NotSent,
    /// It is refused.
    Refused,
    /// It is lost on the way, or its answer is: the sender can't tell which.
    LostBefore,
    LostAfter,
    /// It arrives so much later, by the clock; no answer.
    Late(i64),
    /// No answer and no end, whether it arrived or not.
    HangBefore,
    HangAfter,
}

/// What happens to a search.
#[derive(Clone, Copy, Debug)]
enum OnSearch {
    Fine,
    Fails,
    Hangs,
}

#[derive(Default)]
struct Book {
    /// When each became visible.
    held: HashMap<String, Vec<Timestamp>>,
    pushes: HashMap<String, VecDeque<OnPush>>,
    searches: HashMap<String, VecDeque<OnSearch>>,
    sends: u32,
}

/// The other side.
struct Remote {
    clock: Arc<ManualClock>,
    book: Mutex<Book>,
}

fn down() -> CodedError {
    CodedError::new(ErrorKind::Upstream, "connector.timeout")
}

fn number(reference: &str, n: usize) -> Pushed {
    Pushed {
        number: format!("N-{reference}-{n}"),
        version: None,
    }
}

#[async_trait::async_trait]
impl MaintenanceSystem for Remote {
    fn plan(&self, _: &ConnectorContext, draft: &WorkOrderDraft) -> Result<PushPlan, CodedError> {
        Ok(PushPlan {
            method: "POST".to_owned(),
            path: "/n".to_owned(),
            payload: json!({ "text": draft.title, "ref": draft.reference }),
            reference: draft.reference.clone(),
        })
    }

    async fn find_by_reference(
        &self,
        _: &ConnectorContext,
        reference: &str,
    ) -> Result<Vec<Pushed>, CodedError> {
        let (script, now) = {
            let mut book = self.book.lock().unwrap();
            let script = book.searches.entry(reference.to_owned()).or_default();
            (script.pop_front(), self.clock.now())
        };
        match script.unwrap_or(OnSearch::Fine) {
            OnSearch::Fails => return Err(down()),
            OnSearch::Hangs => std::future::pending::<()>().await,
            OnSearch::Fine => {}
        }
        let book = self.book.lock().unwrap();
        let held = book.held.get(reference).into_iter().flatten();
        let seen = held.enumerate().filter(|(_, at)| **at <= now);
        Ok(seen.map(|(n, _)| number(reference, n)).collect())
    }

    async fn push(&self, _: &ConnectorContext, plan: &PushPlan) -> Result<Pushed, PushError> {
        let reference = plan.reference.clone();
        let (happens, answer) = {
            let mut book = self.book.lock().unwrap();
            book.sends += 1;
            let script = book.pushes.entry(reference.clone()).or_default();
            let happens = script.pop_front().unwrap_or(OnPush::Fine);
            let now = self.clock.now();
            let arrives = match happens {
                OnPush::Fine | OnPush::LostAfter | OnPush::HangAfter => Some(now),
                OnPush::Late(ms) => Some(now.plus_ms(ms)),
                _ => None,
            };
            let held = book.held.entry(reference.clone()).or_default();
            held.extend(arrives);
            (happens, number(&reference, held.len().saturating_sub(1)))
        };
        match happens {
            OnPush::Fine => Ok(answer),
            OnPush::NotSent => Err(PushError::NotSent(down())),
            OnPush::Refused => Err(PushError::Refused(CodedError::invalid(
                "work_orders.number_wrong",
            ))),
            OnPush::LostBefore | OnPush::LostAfter | OnPush::Late(_) => {
                Err(PushError::Unknown(down()))
            }
            OnPush::HangBefore | OnPush::HangAfter => std::future::pending().await,
        }
    }
}

/// The longest a request may be on its way.
const LONGEST_MS: i64 = 100_000;

fn scripts(dice: &mut Dice) -> (VecDeque<OnPush>, VecDeque<OnSearch>) {
    let pushes = (0..dice.below(6))
        .map(|_| match dice.below(12) {
            0 => OnPush::Fine,
            1 | 2 => OnPush::NotSent,
            3 => OnPush::Refused,
            4 | 5 => OnPush::LostBefore,
            6 | 7 => OnPush::LostAfter,
            8 | 9 => OnPush::Late(i64::try_from(dice.below(100)).unwrap() * 1_000),
            10 => OnPush::HangBefore,
            _ => OnPush::HangAfter,
        })
        .collect();
    let searches = (0..dice.below(14))
        .map(|_| match dice.below(8) {
            0..=3 => OnSearch::Fine,
            4..=6 => OnSearch::Fails,
            _ => OnSearch::Hangs,
        })
        .collect();
    (pushes, searches)
}

/// A person who looks at the other side before saying anything, and waits before they look.
async fn people(runtime: &iq_runtime::Runtime, tenant: TenantId, remote: &Remote) -> bool {
    let now = remote.clock.now();
    let mut all_sent = true;
    for row in outbox_of(runtime, tenant).await {
        all_sent &= row.state == OutboxState::Sent;
        match row.state {
            OutboxState::DeadLetter => {
                runtime.retry_push(tenant, row.id).await.unwrap();
            }
            OutboxState::Unknown => {
                let sent = row.last_send_at.unwrap();
                if now.since_ms(sent) <= LONGEST_MS {
                    continue;
                }
                let reference = row.draft.reference.clone();
                let there = {
                    let book = remote.book.lock().unwrap();
                    let held = book.held.get(&reference);
                    held.is_some_and(|h| !h.is_empty())
                        .then(|| number(&reference, 0).number)
                };
                runtime
                    .resolve_push(tenant, row.id, there, person("looks"))
                    .await
                    .unwrap();
            }
            _ => {}
        }
    }
    all_sent
}

async fn storm(seed: u64) {
    const ORDERS: usize = 40;
    const ROUNDS: usize = 1_500;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(crate::rig::T0));
    let remote = Arc::new(Remote {
        clock: Arc::clone(&clock),
        book: Mutex::default(),
    });
    let rig = Rig::new(folder.path(), clock.clone(), remote.clone()).await;
    let (ids, mut runtime) = (rig.ids, rig.runtime.clone());
    let mut dice = Dice::new(seed + 1);
    for n in 0..ORDERS {
        let order = rig.write(&format!("order {n}")).await;
        let reference = order.reference.unwrap();
        let (pushes, searches) = scripts(&mut dice);
        let mut book = remote.book.lock().unwrap();
        book.pushes.insert(reference.clone(), pushes);
        book.searches.insert(reference, searches);
    }
    for order in rig.work_orders().await {
        let tenant = ids.tenant;
        let row = runtime
            .push_work_order(tenant, order.id, rig.target(), person("author"))
            .await
            .unwrap();
        runtime
            .approve_push(tenant, row.id, row.changed_at, person("approver"))
            .await
            .unwrap();
    }
    drop(rig);
    let mut is_done = false;
    for round in 0..ROUNDS {
        clock.advance_ms(3_000 + i64::try_from(dice.below(9_000)).unwrap());
        runtime.wake_outbox();
        tokio::time::sleep(Duration::from_millis(3)).await;
        is_done = people(&runtime, ids.tenant, &remote).await;
        for (reference, held) in &remote.book.lock().unwrap().held {
            assert!(held.len() <= 1, "seed {seed}: {reference} was made twice");
        }
        if is_done {
            break;
        }
        // Something hangs: the program is closed and started again in the middle of it.
        if round % 12 == 11 {
            runtime.stop().await;
            runtime.historian().close().unwrap();
            runtime.store().close();
            drop(runtime);
            let source = Source::new(remote.clone());
            runtime = open(folder.path(), clock.clone(), &source, true).await;
        }
    }
    let left: Vec<_> = outbox_of(&runtime, ids.tenant)
        .await
        .into_iter()
        .filter(|row| row.state != OutboxState::Sent)
        .map(|row| (row.draft.reference, row.state, row.error_code))
        .collect();
    assert!(is_done, "seed {seed}: healed, and yet not there: {left:?}");
    let rows = outbox_of(&runtime, ids.tenant).await;
    assert_eq!(rows.len(), ORDERS);
    let book = remote.book.lock().unwrap();
    for row in rows {
        let reference = &row.draft.reference;
        assert_eq!(book.held[reference].len(), 1, "seed {seed}: {reference}");
        assert_eq!(row.number, Some(number(reference, 0).number));
    }
    assert!(
        usize::try_from(book.sends).unwrap() > ORDERS,
        "seed {seed}: nothing ever had to be sent again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_or_late_a_reference_arrives_exactly_once() {
    for seed in 0..4 {
        storm(seed).await;
    }
}
