//! How fast requests may come: from one address, whoever asks, and from one session or one token of a program.
//! What comes faster is told to wait before anything is done for it. Connections are counted before that,
//! and failed sign-ins have a waiting time of their own.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::StatusCode;
use iq_auth::{Buckets, Rate};
use iq_domain::{CodedError, ErrorKind, SessionId};
use parking_lot::Mutex;

use super::failure::{Answer, Failure};

/// After a rest, as many at once as otherwise in so many seconds: pages begin with many small requests.
const REST_S: u32 = 20;
/// Sessions that may ask from one address at the same time, each as fast as it may: a control room, or what
/// translates addresses between two networks.
const SESSIONS_OF_ONE: u32 = 5;
/// What one household of IPv6 addresses shares: whoever has one of them has all.
const PREFIX: u128 = !0 << 64;

/// See the module; without a bound, nothing is counted.
pub(crate) struct Traffic(Option<Bounds>);

struct Bounds {
    sessions: Mutex<Buckets<SessionId>>,
    addresses: Mutex<Buckets<IpAddr>>,
}

impl Traffic {
    /// At so many requests a second of a session; 0 for any number.
    pub(crate) fn new(per_second: u32) -> Self {
        let rate = |times: u32| {
            let per_second = per_second.saturating_mul(times);
            Rate {
                per_second,
                burst: per_second.saturating_mul(REST_S),
            }
        };
        Self((per_second > 0).then(|| Bounds {
            sessions: Mutex::new(Buckets::new(rate(1))),
            addresses: Mutex::new(Buckets::new(rate(SESSIONS_OF_ONE))),
        }))
    }

    /// A request of an address. This machine may ask as it likes: a proxy on it asks for everybody.
    pub(crate) fn address(&self, address: Option<IpAddr>, steady_ms: i64) -> Answer<()> {
        let (Some(bounds), Some(address)) = (&self.0, address.and_then(asker)) else {
            return Ok(());
        };
        let taken = bounds.addresses.lock().take(address, steady_ms);
        taken.map_err(too_many)
    }

    /// A request of a session, or of a token, whose id stands for the session's.
    pub(crate) fn session(&self, session: SessionId, steady_ms: i64) -> Answer<()> {
        let Some(bounds) = &self.0 else { return Ok(()) };
        let taken = bounds.sessions.lock().take(session, steady_ms);
        taken.map_err(too_many)
    }
}

/// Whose bucket an address has, if it has one.
fn asker(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(address) => {
            let net = Ipv6Addr::from_bits(address.to_bits() & PREFIX);
            Some(IpAddr::V6(net))
        }
        address => Some(address),
    }
}

fn too_many(wait_ms: u64) -> Failure {
    let wait_s = wait_ms.div_ceil(1_000).max(1);
    let error = CodedError::new(ErrorKind::TooMuch, "request.too_many").with("wait_s", wait_s);
    let mut failure = Failure::new(error).with_status(StatusCode::TOO_MANY_REQUESTS);
    failure.retry_after_s = Some(wait_s);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests of an address are let through at once.
    fn at_once(traffic: &Traffic, address: &str) -> usize {
        let address = address.parse().ok();
        (0..1_000)
            .take_while(|_| traffic.address(address, 0).is_ok())
            .count()
    }

    #[test]
    fn an_address_is_bounded_with_its_network_and_this_machine_is_not() {
        let traffic = Traffic::new(1);
        assert_eq!(at_once(&traffic, "10.20.0.7"), 100);
        assert_eq!(at_once(&traffic, "::ffff:10.20.0.7"), 0, "the same");
        assert_eq!(at_once(&traffic, "10.20.0.8"), 100);
        assert_eq!(at_once(&traffic, "fd00:20::1"), 100);
        assert_eq!(at_once(&traffic, "fd00:20::2"), 0, "of one network");
        assert_eq!(at_once(&traffic, "fd00:20:0:1::1"), 100);
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(at_once(&traffic, own), 1_000);
        }
        let refused = traffic.address("10.20.0.7".parse().ok(), 0).err();
        let refused = refused.map(|failure| (failure.status, failure.retry_after_s));
        assert_eq!(refused, Some((StatusCode::TOO_MANY_REQUESTS, Some(1))));
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        let (traffic, session) = (Traffic::new(0), SessionId::new());
        assert_eq!(at_once(&traffic, "10.20.0.7"), 1_000);
        assert!((0..1_000).all(|_| traffic.session(session, 0).is_ok()));
    }

    #[test]
    fn a_session_is_bounded_alone() {
        let (traffic, session) = (Traffic::new(1), SessionId::new());
        let taken = (0..1_000).take_while(|_| traffic.session(session, 0).is_ok());
        assert_eq!(taken.count(), 20);
        assert!(traffic.session(SessionId::new(), 0).is_ok());
        assert!(traffic.session(session, 999).is_err());
        assert!(traffic.session(session, 1_000).is_ok());
    }
}
