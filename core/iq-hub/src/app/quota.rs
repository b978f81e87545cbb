//! What one appliance may take up at this hub: bytes of its records, and epochs of its logs. What is refused
//! stays in the log of the plant and is sent once there is room.

use iq_domain::{CodedError, ErrorKind};
use iq_sync_proto::code;

use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        Tx,
        sync::{self, Owner},
    },
};

/// How long an appliance waits before it asks again; a person has to make room meanwhile. It says hello each
/// time, and so does not look silent.
const WAIT_S: u64 = 300;

/// Refuses a log of an epoch too many. An appliance opens one when it was restored or copied; thousands of
/// them are no life of a machine.
pub(super) async fn begin_log(hub: &Hub, tx: &mut Tx, owner: Owner) -> Answer<()> {
    let most = hub.config.appliance_max_epochs;
    let epochs = sync::count_epochs(tx, owner).await?;
    if is_over(epochs, most) {
        return Err(refuse("epochs", most));
    }
    Ok(())
}

/// Refuses more records where there is no room for any: a batch is taken whole or not at all, so the last one
/// taken may go past the bound.
pub(super) async fn require_room(hub: &Hub, tx: &mut Tx, owner: Owner) -> Answer<()> {
    let most = hub.config.appliance_max_bytes;
    let stored = sync::stored_bytes(tx, owner).await?;
    if is_over(stored.saturating_add(1), most) {
        return Err(refuse("bytes", most));
    }
    Ok(())
}

/// Zero bounds nothing.
fn is_over(taken: i64, most: u64) -> bool {
    most > 0 && u64::try_from(taken).unwrap_or(0) > most
}

fn refuse(limit: &'static str, most: u64) -> Failure {
    let error = CodedError::new(ErrorKind::Unavailable, code::QUOTA);
    let mut failure = Failure::new(error.with("limit", limit).with("most", most));
    failure.retry_after_s = Some(WAIT_S);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_the_bound_is_taken_and_zero_bounds_nothing() {
        for (taken, most, is_refused) in [
            (5, 5, false),
            (6, 5, true),
            (i64::MAX, 0, false),
            (-1, 5, false),
        ] {
            assert_eq!(is_over(taken, most), is_refused, "{taken} of {most}");
        }
    }
}
