//! What an appliance decides: what to send next, how long to wait, and which state that is.

use crate::{
    Hash,
    wire::{Head, Line},
};

/// The shortest wait after a failure, milliseconds.
pub const RETRY_MIN_MS: u64 = 1_000;
/// The longest.
pub const RETRY_MAX_MS: u64 = 5 * 60 * 1_000;

/// One log, and how far the hub is known to hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Which log.
    pub line: Line,
    /// Where it ends here.
    pub head: Head,
    /// The last receipt.
    pub acked: Head,
    /// Whether the hub holds another history under this name; it is left as it is.
    pub is_forked: bool,
}

impl Track {
    /// Records that no receipt covers.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        if self.is_forked {
            0
        } else {
            self.head.seq.saturating_sub(self.acked.seq)
        }
    }
}

/// The log to send from next: the first, in the order given (oldest epoch first), with a backlog.
#[must_use]
pub fn next(tracks: &[Track]) -> Option<&Track> {
    tracks.iter().find(|track| track.backlog() > 0)
}

/// What the hub's word on a log means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The hub holds the log up to here; go on after it.
    At(Head),
    /// The hub holds another history under this name.
    Fork,
}

/// Compares the hub's word on a log with the log; `leaf` is the log's own at the number that the hub
/// named. A hub that was restored may hold less than it had confirmed: it is sent again.
#[must_use]
pub fn compare(head: Head, hub: Option<Head>, leaf: Option<Hash>) -> Standing {
    match hub {
        None | Some(Head { seq: 0, .. }) => Standing::At(Head::EMPTY),
        Some(hub) if hub.seq <= head.seq && leaf == Some(hub.hash) => Standing::At(hub),
        Some(_) => Standing::Fork,
    }
}

/// How long to wait before attempt `attempt` (from 1) is followed by another: full jitter between one
/// second and a bound that doubles up to five minutes. The hub's own wish is honoured up to an hour.
#[must_use]
pub fn retry_after_ms(attempt: u32, random: u64, wished_ms: Option<u64>) -> u64 {
    let doubled = RETRY_MIN_MS << attempt.min(9);
    let bound = doubled.clamp(RETRY_MIN_MS, RETRY_MAX_MS);
    let jittered = RETRY_MIN_MS + random % (bound - RETRY_MIN_MS + 1);
    let wished = wished_ms.unwrap_or_default().min(60 * 60 * 1_000);
    jittered.max(wished)
}

/// What went wrong last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answered, or the answer was cut.
    Unreachable,
    /// The hub answered and refused, or the answer was not the hub's.
    Refused,
    /// A record can't be sent.
    Unsendable,
}

/// The states by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Enrolled; all that may leave has left.
    Registered,
    /// Records wait and go.
    Sending,
    /// Records wait to be written to a file.
    ToWrite,
    /// Everything was written to files; the hub has not confirmed it.
    Unconfirmed,
    /// The hub can't be reached.
    Disconnected,
    /// The hub refuses, or a record can't be sent.
    QueueError,
    /// The hub holds another history of this appliance.
    Fork,
    /// A person, or the hours chosen, hold it.
    Paused,
}

impl State {
    /// The name in the API and the sentences.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Sending => "sending",
            Self::ToWrite => "to_write",
            Self::Unconfirmed => "unconfirmed",
            Self::Disconnected => "disconnected",
            Self::QueueError => "queue_error",
            Self::Fork => "fork",
            Self::Paused => "paused",
        }
    }

    /// The state of these facts, gravest first.
    #[must_use]
    pub const fn of(facts: Facts) -> Self {
        match facts {
            Facts {
                is_paused: true, ..
            } => Self::Paused,
            Facts {
                is_forked: true, ..
            } => Self::Fork,
            Facts {
                trouble: Some(Trouble::Refused | Trouble::Unsendable),
                ..
            } => Self::QueueError,
            Facts {
                trouble: Some(Trouble::Unreachable),
                ..
            } => Self::Disconnected,
            Facts { backlog: 0, .. } => Self::Registered,
            Facts {
                unwritten: Some(0), ..
            } => Self::Unconfirmed,
            Facts {
                unwritten: Some(_), ..
            } => Self::ToWrite,
            Facts { .. } => Self::Sending,
        }
    }
}

/// What a state is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Held by a person or by the hours.
    pub is_paused: bool,
    /// A fork that nobody has looked at yet.
    pub is_forked: bool,
    /// What went wrong last, until a receipt comes.
    pub trouble: Option<Trouble>,
    /// Records that no receipt covers.
    pub backlog: u64,
    /// Those of them that are in no file yet; none over the network.
    pub unwritten: Option<u64>,
}

/// Whether the hours chosen (minutes of the day, the end not included) hold a minute; they may go over
/// midnight, and equal ends mean the whole day.
#[must_use]
pub const fn is_within(from: u16, to: u16, minute: u16) -> bool {
    if from < to {
        from <= minute && minute < to
    } else {
        from == to || minute >= from || minute < to
    }
}

/// How long so many bytes take at a cap in kbit/s; none without a cap.
#[must_use]
pub fn pace_ms(bytes: u64, cap_kbit: Option<u32>) -> u64 {
    match cap_kbit {
        Some(cap) if cap > 0 => bytes.saturating_mul(8) / u64::from(cap),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_gravest_fact_names_the_state() {
        let facts = Facts {
            is_paused: false,
            is_forked: false,
            trouble: None,
            backlog: 0,
            unwritten: None,
        };
        let of = State::of;
        assert_eq!(of(facts), State::Registered);
        assert_eq!(
            of(Facts {
                backlog: 1,
                ..facts
            }),
            State::Sending
        );
        let written = |unwritten| Facts {
            backlog: 7,
            unwritten: Some(unwritten),
            ..facts
        };
        assert_eq!(of(written(3)), State::ToWrite);
        assert_eq!(of(written(0)), State::Unconfirmed, "sent is not confirmed");
        let lost = Facts {
            trouble: Some(Trouble::Unreachable),
            ..facts
        };
        assert_eq!(of(lost), State::Disconnected);
        let refused = Facts {
            trouble: Some(Trouble::Refused),
            ..facts
        };
        assert_eq!(of(refused), State::QueueError);
        assert_eq!(
            of(Facts {
                is_forked: true,
                ..refused
            }),
            State::Fork
        );
        assert_eq!(
            of(Facts {
                is_paused: true,
                is_forked: true,
                ..lost
            }),
            State::Paused
        );
    }

    #[test]
    fn the_hub_may_hold_less_but_nothing_else() {
        let at = |seq: u64| Head {
            seq,
            hash: [u8::try_from(seq).unwrap_or(0); 32],
        };
        assert_eq!(compare(at(5), None, None), Standing::At(Head::EMPTY));
        assert_eq!(
            compare(at(5), Some(at(3)), Some([3; 32])),
            Standing::At(at(3))
        );
        assert_eq!(compare(at(5), Some(at(3)), Some([4; 32])), Standing::Fork);
        assert_eq!(compare(at(5), Some(at(6)), None), Standing::Fork);
    }

    #[test]
    fn hours_and_pace() {
        assert!(is_within(0, 0, 5) && is_within(60, 120, 60) && !is_within(60, 120, 120));
        assert!(is_within(1_320, 360, 1_400) && is_within(1_320, 360, 0));
        assert!(!is_within(1_320, 360, 720));
        assert_eq!((pace_ms(1_000, Some(64)), pace_ms(1_000, None)), (125, 0));
    }

    proptest! {
        #[test]
        fn waits_stay_within_bounds(attempt in 0_u32.., random in any::<u64>()) {
            let wait = retry_after_ms(attempt, random, None);
            prop_assert!((RETRY_MIN_MS..=RETRY_MAX_MS).contains(&wait));
            prop_assert_eq!(retry_after_ms(attempt, random, Some(400_000)), 400_000);
            prop_assert_eq!(retry_after_ms(attempt, random, Some(u64::MAX)), 3_600_000);
        }
    }
}
