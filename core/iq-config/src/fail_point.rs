//! Named places on the way of a record from an appliance to its hub at which a test ends the process,
//! as a power cut would. OPTRIA_FAIL_POINT names one, such as `batch_built` or `batch_built:3` for the
//! third time it is passed. A release build has none of this.

macro_rules! fail_points {
    ($($name:ident = $word:literal, $meaning:literal;)+) => {
        /// A place at which a test ends the process.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FailPoint {
            $(#[doc = $meaning] $name,)+
        }

        impl FailPoint {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

fail_points! {
    EnrolmentAnswered = "enrolment_answered", "Appliance: the hub has enrolled it, and that is not kept yet.";
    Greeted = "greeted", "Appliance: the hub said where it stands, and no cursor moved yet.";
    BatchBuilt = "batch_built", "Appliance: a batch is signed and not sent.";
    ReceiptHeard = "receipt_heard", "Appliance: the hub holds a batch, and its receipt is not kept.";
    CursorMoved = "cursor_moved", "Appliance: a receipt has moved the cursor, before the commit.";
    ReceiptKept = "receipt_kept", "Appliance: the receipt is committed.";
    EpochBegun = "epoch_begun", "Appliance: a fork was found and a new epoch made, before the commit.";
    ChangesHeard = "changes_heard", "Appliance: changes from above arrived, and none is applied.";
    ChangesApplied = "changes_applied", "Appliance: changes from above are applied, before the commit.";
    ChangesKept = "changes_kept", "Appliance: changes from above are committed.";
    BundleFilled = "bundle_filled", "Appliance: a courier file is sealed, and its number not kept.";
    BundleNoted = "bundle_noted", "Appliance: a courier file is noted as written, and nobody has it.";
    ReceiptsRead = "receipts_read", "Appliance: a file of receipts has moved cursors, before the commit.";
    PiecesLaidOut = "pieces_laid_out", "Appliance: pieces of series stand in their log, before the commit.";
    PiecesBuilt = "pieces_built", "Appliance: a batch of pieces is signed and not sent.";
    PiecesHeard = "pieces_heard", "Appliance: the hub holds pieces, and its receipt is not kept.";
    PiecesMoved = "pieces_moved", "Appliance: a receipt for pieces has moved the cursor, before the commit.";
    EnrolmentStored = "enrolment_stored", "Hub: an appliance is enrolled, and has no answer.";
    BatchVerified = "batch_verified", "Hub: a batch is verified, and nothing of it stored.";
    BatchStored = "batch_stored", "Hub: the records of a batch are stored, before the commit.";
    BatchCommitted = "batch_committed", "Hub: a batch is committed, its receipt not signed, nothing projected.";
    PiecesStored = "pieces_stored", "Hub: pieces of series are stored, before the commit.";
    PiecesCommitted = "pieces_committed", "Hub: pieces are committed, their receipt not signed.";
    ForkNoted = "fork_noted", "Hub: another history was noticed and noted, before the commit.";
    RecordsProjected = "records_projected", "Hub: records are projected, before the commit.";
    ProjectionCommitted = "projection_committed", "Hub: a projection is committed.";
    BundleStored = "bundle_stored", "Hub: the batches of a courier file are committed, its receipts not written.";
}

impl FailPoint {
    /// Ends the process here if a test wants it.
    #[inline]
    pub fn pass(self) {
        #[cfg(debug_assertions)]
        armed::pass(self);
    }
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    use super::FailPoint;

    /// Its name and how many passes are left, the fatal one among them.
    struct Armed {
        name: String,
        left: AtomicU32,
    }

    fn read(text: &str) -> Armed {
        let (name, nth) = text.split_once(':').unwrap_or((text, "1"));
        Armed {
            name: name.to_owned(),
            left: AtomicU32::new(nth.parse().unwrap_or(1)),
        }
    }

    impl Armed {
        /// Whether this pass is the fatal one.
        fn is_fatal(&self, point: FailPoint) -> bool {
            self.name == point.as_str() && self.left.fetch_sub(1, Ordering::SeqCst) == 1
        }
    }

    pub(super) fn pass(point: FailPoint) {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let armed = ARMED.get_or_init(|| {
            let named = std::env::var("OPTRIA_FAIL_POINT").ok();
            named.as_deref().map(read)
        });
        if armed.as_ref().is_some_and(|armed| armed.is_fatal(point)) {
            std::process::abort();
        }
    }

    #[cfg(test)]
    mod tests {
        use super::{FailPoint, read};

        #[test]
        fn the_named_pass_of_the_named_point_is_fatal_and_no_other() {
            let armed = read("batch_built:2");
            let passes = [
                FailPoint::BatchBuilt,
                FailPoint::BatchStored,
                FailPoint::BatchBuilt,
                FailPoint::BatchBuilt,
            ];
            let fatal: Vec<bool> = passes.into_iter().map(|p| armed.is_fatal(p)).collect();
            assert_eq!(fatal, [false, false, true, false]);
            assert!(read("greeted").is_fatal(FailPoint::Greeted));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FailPoint;

    #[test]
    fn no_two_points_share_a_name() {
        let names: BTreeSet<_> = FailPoint::ALL.iter().map(|p| p.as_str()).collect();
        assert_eq!(names.len(), FailPoint::ALL.len());
    }
}
