//! Who may come in: addresses, and how many connections and handshakes one address and all together
//! may hold, so that nobody on the network can keep the others out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use iq_config::Network;
use parking_lot::Mutex;
use tracing::warn;

/// Connections of all addresses at once.
const CONNECTIONS: usize = 2_048;
/// Connections of one address at once; this machine may hold as many as there are.
const CONNECTIONS_OF_ONE: usize = 256;
/// Handshakes of all addresses at once.
const HANDSHAKES: usize = 64;
/// Handshakes of one address at once.
const HANDSHAKES_OF_ONE: usize = 16;
/// How often a refused address is logged.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Refused addresses remembered for that; others are counted only.
const REFUSED_KNOWN: usize = 1_024;

/// What was sent away since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections from addresses that are not allowed.
    pub refused: u64,
    /// Connections beyond what one address or all may hold.
    pub crowded: u64,
    /// Connections that never came to speak TLS.
    pub failed_handshakes: u64,
}

/// What an address holds.
#[derive(Clone, Copy, Default)]
struct Holds {
    connections: usize,
    handshakes: usize,
}

#[derive(Default)]
struct State {
    all: Holds,
    by_address: HashMap<IpAddr, Holds>,
    refusals: Refusals,
}

/// See the module.
pub(crate) struct Gate {
    allowed: Vec<Network>,
    state: Mutex<State>,
    refused: AtomicU64,
    crowded: AtomicU64,
    failed: AtomicU64,
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) address: IpAddr,
    /// This machine itself, which may always come in.
    pub(crate) is_here: bool,
}

impl Gate {
    pub(crate) fn new(allowed: Vec<Network>) -> Arc<Self> {
        Arc::new(Self {
            allowed,
            state: Mutex::default(),
            refused: AtomicU64::new(0),
            crowded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    pub(crate) fn is_narrow(&self) -> bool {
        !self.allowed.is_empty()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            refused: self.refused.load(Relaxed),
            crowded: self.crowded.load(Relaxed),
            failed_handshakes: self.failed.load(Relaxed),
        }
    }

    /// Lets a connection in for as long as the answer is held.
    pub(crate) fn admit(self: &Arc<Self>, from: Origin) -> Option<Place> {
        let is_allowed = from.is_here
            || self.allowed.is_empty()
            || self.allowed.iter().any(|net| net.contains(from.address));
        if !is_allowed {
            self.refused.fetch_add(1, Relaxed);
            let told = self
                .state
                .lock()
                .refusals
                .note(from.address, Instant::now());
            if let Some(count) = told {
                warn!(address = %from.address, count, "Connections from an address outside OPTRIA_ALLOW_FROM were closed.");
            }
            return None;
        }
        self.hold(from, Kind::Connection)
    }

    pub(crate) fn handshake_failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    fn hold(self: &Arc<Self>, from: Origin, kind: Kind) -> Option<Place> {
        let (of_all, of_one) = kind.limits();
        let mut state = self.state.lock();
        let mine = state
            .by_address
            .get(&from.address)
            .copied()
            .unwrap_or_default();
        let is_full = *kind.of(&mut state.all) >= of_all
            || !from.is_here && *kind.of(&mut mine.clone()) >= of_one;
        if is_full {
            drop(state);
            self.crowded.fetch_add(1, Relaxed);
            return None;
        }
        *kind.of(&mut state.all) += 1;
        *kind.of(state.by_address.entry(from.address).or_default()) += 1;
        Some(Place {
            gate: Arc::clone(self),
            from,
            kind,
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Connection,
    Handshake,
}

impl Kind {
    const fn limits(self) -> (usize, usize) {
        match self {
            Self::Connection => (CONNECTIONS, CONNECTIONS_OF_ONE),
            Self::Handshake => (HANDSHAKES, HANDSHAKES_OF_ONE),
        }
    }

    const fn of(self, holds: &mut Holds) -> &mut usize {
        match self {
            Self::Connection => &mut holds.connections,
            Self::Handshake => &mut holds.handshakes,
        }
    }
}

/// What a connection or a handshake takes; dropping it gives it back.
pub(crate) struct Place {
    gate: Arc<Gate>,
    from: Origin,
    kind: Kind,
}

impl Place {
    /// Room for the handshake of this connection.
    pub(crate) fn handshake(&self) -> Option<Place> {
        self.gate.hold(self.from, Kind::Handshake)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        *self.kind.of(&mut state.all) -= 1;
        if let Some(mine) = state.by_address.get_mut(&self.from.address) {
            *self.kind.of(mine) -= 1;
            if mine.connections == 0 && mine.handshakes == 0 {
                state.by_address.remove(&self.from.address);
            }
        }
    }
}

/// When each refused address was logged last, and how often it came since.
#[derive(Default)]
struct Refusals(HashMap<IpAddr, (Instant, u64)>);

impl Refusals {
    /// How often the address came since it was logged last, where it is time to log it again.
    fn note(&mut self, address: IpAddr, now: Instant) -> Option<u64> {
        if let Some((told, since)) = self.0.get_mut(&address) {
            *since += 1;
            if now.saturating_duration_since(*told) < TELL_EVERY {
                return None;
            }
            *told = now;
            return Some(std::mem::take(since));
        }
        if self.0.len() >= REFUSED_KNOWN {
            self.0
                .retain(|_, (told, _)| now.saturating_duration_since(*told) < TELL_EVERY);
        }
        if self.0.len() >= REFUSED_KNOWN {
            return None;
        }
        self.0.insert(address, (now, 0));
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str, is_here: bool) -> Origin {
        Origin {
            address: address.parse().unwrap(),
            is_here,
        }
    }

    #[test]
    fn lets_in_who_is_allowed_and_this_machine_always() {
        let gate = Gate::new(vec![Network::parse("10.20.0.0/16").unwrap()]);
        assert!(gate.admit(from("10.20.3.4", false)).is_some());
        assert!(gate.admit(from("10.21.3.4", false)).is_none());
        assert!(gate.admit(from("192.168.7.7", true)).is_some());
        assert_eq!(gate.counts().refused, 1);
        assert!(gate.is_narrow());
        let open = Gate::new(Vec::new());
        assert!(open.admit(from("8.8.8.8", false)).is_some());
    }

    #[test]
    fn one_address_can_not_take_every_place() {
        let gate = Gate::new(Vec::new());
        let (near, far) = (from("10.0.0.1", false), from("10.0.0.2", false));
        let held: Vec<Place> = (0..CONNECTIONS_OF_ONE)
            .map_while(|_| gate.admit(near))
            .collect();
        assert_eq!(held.len(), CONNECTIONS_OF_ONE);
        assert!(gate.admit(near).is_none());
        assert_eq!(gate.counts().crowded, 1);
        let other = gate.admit(far).unwrap();
        let shaking: Vec<Place> = (0..HANDSHAKES_OF_ONE)
            .map_while(|_| held[0].handshake())
            .collect();
        assert_eq!(shaking.len(), HANDSHAKES_OF_ONE);
        assert!(held[0].handshake().is_none());
        assert!(other.handshake().is_some());
        drop(shaking);
        assert!(held[0].handshake().is_some());
        drop((held, other));
        assert!(gate.state.lock().by_address.is_empty());
        assert_eq!(gate.state.lock().all.connections, 0);
    }

    #[test]
    fn a_refused_address_is_told_once_a_minute_with_its_count() {
        let mut refusals = Refusals::default();
        let (start, one) = (Instant::now(), IpAddr::from([10, 0, 0, 1]));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(refusals.note(one, at(0)), Some(1));
        assert_eq!(refusals.note(one, at(1)), None);
        assert_eq!(refusals.note(one, at(59)), None);
        assert_eq!(refusals.note(IpAddr::from([10, 0, 0, 2]), at(59)), Some(1));
        assert_eq!(refusals.note(one, at(60)), Some(3));
        assert_eq!(refusals.note(one, at(61)), None);
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory() {
        let mut refusals = Refusals::default();
        let now = Instant::now();
        for n in 0..u32::try_from(REFUSED_KNOWN).unwrap() + 100 {
            refusals.note(IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!(refusals.0.len(), REFUSED_KNOWN);
        let later = now + TELL_EVERY;
        assert_eq!(refusals.note(IpAddr::from([9, 9, 9, 9]), later), Some(1));
        assert_eq!(refusals.0.len(), 1);
    }
}
