//! The table of figures: each line is a reading with its peers of the same run.

use super::{reader::Reading, tally::Tally};
use crate::historian::proc::median;

/// What a reader or a peer took in one round.
#[derive(Clone, Copy)]
pub(crate) struct Round {
    pub(crate) seconds: f64,
    /// Peak growth of its memory; unknown for programs that are not asked.
    pub(crate) growth_bytes: Option<u64>,
}

impl From<&Reading> for Round {
    fn from(reading: &Reading) -> Self {
        Self {
            seconds: reading.seconds,
            growth_bytes: Some(reading.growth_bytes),
        }
    }
}

/// The rounds of one reader or peer.
pub(crate) struct Runs {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Round>,
}

impl Runs {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rounds: Vec::new(),
        }
    }

    fn rate(&self, samples: u64) -> f64 {
        let seconds = median(self.rounds.iter().map(|r| r.seconds).collect());
        samples as f64 / seconds.max(1e-9)
    }

    fn growth_mib(&self) -> Option<f64> {
        let peak = self.rounds.iter().filter_map(|r| r.growth_bytes).max()?;
        Some(peak as f64 / f64::from(1 << 20))
    }
}

/// One thing that was read, by us and by its peers.
pub(crate) struct Measured {
    pub(crate) what: String,
    pub(crate) written: u64,
    pub(crate) ours: Runs,
    pub(crate) peers: Vec<Runs>,
    /// What of it is not as it was written.
    pub(crate) wrong: Vec<String>,
}

impl Measured {
    /// Keeps in mind when a reading is not what was written.
    pub(crate) fn check<T: PartialEq + std::fmt::Debug>(&mut self, who: &str, got: T, expected: T) {
        if got != expected {
            self.wrong
                .push(format!("{who}: {got:?} in place of {expected:?}"));
        }
    }

    pub(crate) fn check_ours(&mut self, got: Tally, expected: Tally) {
        self.check("optria", got, expected);
    }
}

/// Prints the table; tells whether everything was read as it was written.
pub(crate) fn print(all: &[Measured]) -> bool {
    println!(
        "\n{:<34} {:<24} {:>9} {:>11} {:>8} {:>11}",
        "what", "who", "samples", "samples/s", "ratio", "memory MiB"
    );
    for measured in all {
        let ours = measured.ours.rate(measured.written);
        line(measured, &measured.ours, None);
        for peer in &measured.peers {
            line(measured, peer, Some(ours));
        }
    }
    println!(
        "ratio: samples per second of optria over those of the peer; memory: peak above the start"
    );
    for measured in all {
        match measured.wrong.as_slice() {
            [] => println!("  count and check sum as written   {}", measured.what),
            wrong => println!("  WRONG  {}: {}", measured.what, wrong.join("; ")),
        }
    }
    all.iter().all(|m| m.wrong.is_empty())
}

fn line(measured: &Measured, runs: &Runs, ours: Option<f64>) {
    let rate = runs.rate(measured.written);
    println!(
        "{:<34} {:<24} {:>9} {:>11.0} {:>8} {:>11}",
        match ours {
            None => measured.what.as_str(),
            Some(_) => "",
        },
        runs.name,
        measured.written,
        rate,
        ours.map_or(String::new(), |ours| format!("{:.2}", ours / rate)),
        runs.growth_mib()
            .map_or("-".to_owned(), |mib| format!("{mib:.0}")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measured {
        let mut ours = Runs::new("optria");
        ours.rounds.push(Round {
            seconds: 2.0,
            growth_bytes: None,
        });
        Measured {
            what: "a table".to_owned(),
            written: 2,
            ours,
            peers: Vec::new(),
            wrong: Vec::new(),
        }
    }

    #[test]
    fn a_lost_or_changed_sample_fails_the_bench() {
        let mut written = Tally::default();
        written.add("T-1", 1, Some(1.0));
        written.add("T-2", 2, Some(2.0));
        let (mut turned, mut changed, mut lost) = (Tally::default(), written, Tally::default());
        turned.add("T-2", 2, Some(2.0));
        turned.add("T-1", 1, Some(1.0));
        changed.sum ^= 1;
        lost.add("T-1", 1, Some(1.0));
        for (tally, is_right) in [(turned, true), (changed, false), (lost, false)] {
            let mut measured = measured();
            measured.check_ours(tally, written);
            assert_eq!(print(&[measured]), is_right, "{tally:?}");
        }
    }
}
