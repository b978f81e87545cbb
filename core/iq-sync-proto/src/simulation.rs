//! Both sides over a line that loses, doubles, reorders and cuts: whatever happens, the hub holds a
//! prefix of the appliance's log, and once the line is well it holds all of it, once.

use proptest::prelude::*;

use crate::{
    batch::{Envelope, Run, pack},
    hub::{Decision, decide, probe},
    outbox::{Standing, Track, compare, next},
    receipt::Receipt,
    sign::{Signed, SigningKey, leaf_hash},
    testkit::{KEY, LINE, grow},
    wire::Head,
};

#[derive(Default)]
struct Hub {
    log: Vec<Vec<u8>>,
    forks: u32,
}

fn head_of(log: &[Vec<u8>]) -> Head {
    log.last().map_or(Head::EMPTY, |last| Head {
        seq: log.len() as u64,
        hash: leaf_hash(last),
    })
}

fn leaf_at(log: &[Vec<u8>], seq: u64) -> Option<[u8; 32]> {
    let at = usize::try_from(seq).ok()?.checked_sub(1)?;
    log.get(at).map(|record| leaf_hash(record))
}

impl Hub {
    /// The answer to a batch: a receipt, or none.
    fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let batch = Envelope::decode(bytes).ok()?.open(KEY().public()).ok()?;
        let cursor = head_of(&self.log);
        let stored = probe(cursor, &batch.header).and_then(|seq| leaf_at(&self.log, seq));
        match decide(cursor, &batch, stored) {
            Decision::Store { from, head } => {
                self.log.extend_from_slice(&batch.records[from..]);
                assert_eq!(head_of(&self.log), head);
            }
            Decision::Resend => {}
            Decision::Gap { expected } => {
                assert_eq!(expected, cursor.seq + 1);
                return None;
            }
            Decision::Fork { .. } => {
                self.forks += 1;
                return None;
            }
        }
        let key = SigningKey::from_seed(&[9; 32]);
        let receipt = Receipt {
            tenant: [1; 16],
            appliance: [2; 16],
            hub_key: key.public().id(),
            at_ms: 0,
            marks: vec![(LINE, head_of(&self.log))],
        };
        Some(receipt.sign(&key).encode())
    }
}

struct Appliance {
    log: Vec<Vec<u8>>,
    acked: Head,
    is_forked: bool,
}

impl Appliance {
    fn next_batch(&self, most: usize) -> Option<Vec<u8>> {
        let track = Track {
            line: LINE,
            head: head_of(&self.log),
            acked: self.acked,
            is_forked: self.is_forked,
        };
        let after = next(std::slice::from_ref(&track))?.acked;
        let from = usize::try_from(after.seq).ok()?;
        let upto = self.log.len().min(from + most);
        let run = Run {
            tenant: [1; 16],
            appliance: [2; 16],
            line: LINE,
            after,
            records: &self.log[from..upto],
        };
        Some(pack(run, &KEY()).ok()??.bytes)
    }

    fn hear(&mut self, bytes: &[u8]) {
        let hub = SigningKey::from_seed(&[9; 32]).public();
        let Ok(signed) = Signed::decode(bytes) else {
            return;
        };
        let Some(receipt) = Receipt::open(&signed, hub, &[1; 16], &[2; 16]) else {
            return;
        };
        for (_, mark) in receipt.marks {
            let leaf = leaf_at(&self.log, mark.seq);
            match compare(head_of(&self.log), Some(mark), leaf) {
                // A late receipt says less than is known.
                Standing::At(head) if head.seq > self.acked.seq => self.acked = head,
                Standing::At(_) => {}
                Standing::Fork => self.is_forked = true,
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64),
    Send {
        most: usize,
    },
    /// The message of this number arrives now, whole or cut, and may arrive again later.
    Arrive {
        at: usize,
        cut: Option<usize>,
        is_kept: bool,
    },
    AnswerArrives {
        at: usize,
        cut: Option<usize>,
        is_kept: bool,
    },
    Lose {
        at: usize,
    },
    /// The appliance forgets what it had not stored: the cursor goes back to an earlier receipt.
    Crash {
        seq: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0_usize..8;
    let cut = prop::option::weighted(0.2, 0_usize..400);
    prop_oneof![
        (1_u64..6).prop_map(Step::Write),
        (1_usize..9).prop_map(|most| Step::Send { most }),
        (at.clone(), cut.clone(), any::<bool>()).prop_map(|(at, cut, is_kept)| Step::Arrive {
            at,
            cut,
            is_kept
        }),
        (at.clone(), cut, any::<bool>()).prop_map(|(at, cut, is_kept)| Step::AnswerArrives {
            at,
            cut,
            is_kept
        }),
        at.prop_map(|at| Step::Lose { at }),
        (0_u64..40).prop_map(|seq| Step::Crash { seq }),
    ]
}

fn take(line: &mut Vec<Vec<u8>>, at: usize, cut: Option<usize>, is_kept: bool) -> Option<Vec<u8>> {
    if line.is_empty() {
        return None;
    }
    let at = at % line.len();
    let mut message = if is_kept {
        line[at].clone()
    } else {
        line.remove(at)
    };
    if let Some(cut) = cut {
        message.truncate(cut);
    }
    Some(message)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn exactly_once_over_any_line(steps in prop::collection::vec(step(), 1..80)) {
        let mut hub = Hub::default();
        let mut ours = Appliance { log: Vec::new(), acked: Head::EMPTY, is_forked: false };
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Write(count) => grow(&mut ours.log, count, 1),
                Step::Send { most } => up.extend(ours.next_batch(most)),
                Step::Arrive { at, cut, is_kept } => {
                    if let Some(message) = take(&mut up, at, cut, is_kept) {
                        down.extend(hub.hear(&message));
                    }
                }
                Step::AnswerArrives { at, cut, is_kept } => {
                    if let Some(message) = take(&mut down, at, cut, is_kept) {
                        ours.hear(&message);
                    }
                }
                Step::Lose { at } => drop(take(&mut up, at, None, false)),
                Step::Crash { seq } => {
                    let seq = seq.min(ours.acked.seq);
                    let hash = leaf_at(&ours.log, seq).unwrap_or_default();
                    ours.acked = Head { seq, hash };
                }
            }
            prop_assert!(ours.log.starts_with(&hub.log));
            prop_assert!(ours.acked.seq <= hub.log.len() as u64);
        }
        // The line is well again: no new record is needed for all to arrive.
        while let Some(batch) = ours.next_batch(5) {
            let answer = hub.hear(&batch).expect("a batch from the cursor is always taken");
            ours.hear(&answer);
        }
        prop_assert_eq!(&hub.log, &ours.log);
        prop_assert_eq!((hub.forks, ours.is_forked), (0, false));
    }

    /// A restored backup or a copied machine goes on from an earlier record with another history.
    #[test]
    fn another_history_is_a_fork_and_changes_nothing(
        common in 0_u64..10, theirs in 1_u64..10, mine in 1_u64..10, most in 1_usize..20,
    ) {
        let mut hub = Hub::default();
        grow(&mut hub.log, common, 1);
        let mut log = hub.log.clone();
        let acked = head_of(&log);
        grow(&mut hub.log, theirs, 1);
        grow(&mut log, mine, 2);
        let held = hub.log.clone();
        let mut ours = Appliance { log, acked, is_forked: false };
        let batch = ours.next_batch(most).expect("there is something to send");
        prop_assert_eq!(hub.hear(&batch), None);
        prop_assert_eq!((hub.forks, &hub.log), (1, &held));
        // The hub's word in its welcome says the same.
        let word = compare(head_of(&ours.log), Some(head_of(&hub.log)), leaf_at(&ours.log, hub.log.len() as u64));
        prop_assert_eq!(word, Standing::Fork);
        ours.is_forked = true;
        prop_assert_eq!(ours.next_batch(most), None);
    }
}
