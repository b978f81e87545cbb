//! How plant time follows the clock: catching up from the past, then at the chosen speed.

use iq_domain::Timestamp;

use crate::server::PlantConfig;

/// The pace of plant time.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Where plant time should be, in milliseconds with their fraction.
    target_ms: f64,
    last_wall: Timestamp,
    catching_up: bool,
    catch_up: f64,
    pub(crate) speed: f64,
}

/// While plant time runs faster, no more than this many scans are published in a second of the clock:
/// clients sample once a second and keep a short queue.
const SCANS_PER_SECOND: f64 = 8.0;

impl Pace {
    pub(crate) fn new(config: &PlantConfig, wall: Timestamp) -> Self {
        let ago = config.start_ago.as_millis() as f64;
        Self {
            target_ms: wall.millis() as f64 - ago,
            last_wall: wall,
            catching_up: ago > 0.0 && config.catch_up > 1.0,
            catch_up: config.catch_up,
            speed: config.speed.max(0.0),
        }
    }

    /// Moves on to the clock's present moment; returns where plant time should be.
    pub(crate) fn advance(&mut self, wall: Timestamp) -> Timestamp {
        // A clock set back must not take the plant with it.
        let elapsed = wall.since_ms(self.last_wall).max(0) as f64;
        self.last_wall = wall;
        self.target_ms += elapsed * self.rate();
        if self.catching_up && self.target_ms >= wall.millis() as f64 {
            self.target_ms = wall.millis() as f64;
            self.catching_up = false;
        }
        Timestamp(self.target_ms as i64)
    }

    pub(crate) fn rate(&self) -> f64 {
        if self.catching_up {
            self.catch_up
        } else {
            self.speed
        }
    }

    pub(crate) fn is_catching_up(&self) -> bool {
        self.catching_up
    }

    /// Shortest time between two readings of a tag, in plant seconds.
    pub(crate) fn scan_floor_s(&self) -> f64 {
        let rate = self.rate();
        if rate <= SCANS_PER_SECOND {
            0.0
        } else {
            (rate / SCANS_PER_SECOND).ceil()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catches_up_with_the_clock_and_then_stays_on_it() {
        let mut config = PlantConfig::new("unused");
        config.start_ago = std::time::Duration::from_secs(120);
        config.catch_up = 61.0;
        let mut pace = Pace::new(&config, Timestamp(1_000_000));
        assert_eq!(pace.advance(Timestamp(1_001_000)), Timestamp(941_000));
        assert_eq!(pace.scan_floor_s(), 8.0);
        assert_eq!(pace.advance(Timestamp(1_002_000)), Timestamp(1_002_000));
        assert!(!pace.is_catching_up());
        assert_eq!(pace.advance(Timestamp(1_003_000)), Timestamp(1_003_000));
        assert_eq!(pace.scan_floor_s(), 0.0);
    }

    #[test]
    fn stands_still_while_the_clock_goes_back() {
        let mut pace = Pace::new(&PlantConfig::new("unused"), Timestamp(10_000));
        assert_eq!(pace.advance(Timestamp(9_000)), Timestamp(10_000));
        assert_eq!(pace.advance(Timestamp(9_500)), Timestamp(10_500));
    }
}
