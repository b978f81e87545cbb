//! The alarm of a model while the values come in: the alarm that its budget was counted by, with the
//! signals that departed most. When it may be told to people is decided elsewhere.

use iq_domain::Timestamp;

use super::replay::QUIET_ROWS;

/// Share of the limit that a score has to fall to before a row counts as usual again: one that wavers at
/// the limit is one alarm.
const RETREAT: f64 = 0.9;

/// Signals named beside an alarm.
const NAMED: usize = 3;

/// Deviation below which a signal is not named unless it is the largest.
const WORTH_NAMING: f64 = 2.0;

/// A score that stands over its limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// First row beyond.
    pub since: Timestamp,
    /// Last row that was not back.
    pub last: Timestamp,
    /// Largest share of the limit.
    pub peak: f64,
    /// Signals that departed most then, with their signed deviation.
    pub named: Vec<(String, f64)>,
}

/// Follows one score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alarm {
    standing: Option<Standing>,
}

impl Alarm {
    /// An alarm that stood when it was last looked at, at `now`: it stands until its rows say otherwise.
    #[must_use]
    pub fn resumed(since: Timestamp, now: Timestamp) -> Self {
        Self {
            standing: Some(Standing {
                since,
                last: now,
                peak: 0.0,
                named: Vec::new(),
            }),
        }
    }

    /// The score, if it stands over its limit.
    #[must_use]
    pub fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// Takes the share of the limit that the last rows agree on. `signals` are all inputs with their
    /// deviation.
    pub fn take(&mut self, at: Timestamp, share: f64, signals: &[(String, f64)], row_ms: i64) {
        self.settle(at, row_ms);
        match &mut self.standing {
            Some(standing) => {
                if share > RETREAT {
                    standing.last = standing.last.max(at);
                }
                if share > standing.peak {
                    standing.peak = share;
                    standing.named = named(signals);
                }
            }
            None if share > 1.0 => {
                self.standing = Some(Standing {
                    since: at,
                    last: at,
                    peak: share,
                    named: named(signals),
                });
            }
            None => {}
        }
    }

    /// Time passes, with rows or without: after fifteen that were not beyond, judged or not, it is over.
    pub fn settle(&mut self, now: Timestamp, row_ms: i64) {
        let quiet_ms = i64::from(QUIET_ROWS).saturating_mul(row_ms.max(1));
        let is_over = |s: &Standing| now.since_ms(s.last) > quiet_ms;
        if self.standing.as_ref().is_some_and(is_over) {
            self.standing = None;
        }
    }
}

/// The signals that depart most, largest first.
fn named(signals: &[(String, f64)]) -> Vec<(String, f64)> {
    let mut all: Vec<(String, f64)> = signals
        .iter()
        .filter(|(_, off)| off.is_finite())
        .cloned()
        .collect();
    all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
    let mut kept = 0;
    all.retain(|(_, off)| {
        kept += 1;
        kept == 1 || (kept <= NAMED && off.abs() >= WORTH_NAMING)
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: i64 = 60_000;

    fn at(row: i64) -> Timestamp {
        Timestamp(row * ROW)
    }

    /// Rows at which the alarm began and ended, of shares row by row.
    fn edges(shares: &[f64]) -> Vec<(char, i64)> {
        let (mut alarm, mut found, mut stood) = (Alarm::default(), Vec::new(), false);
        for (row, share) in (0..).zip(shares) {
            alarm.take(at(row), *share, &[], ROW);
            let stands = alarm.standing().is_some();
            if stands != stood {
                found.push((if stands { '+' } else { '-' }, row));
            }
            stood = stands;
        }
        found
    }

    #[test]
    fn stands_until_fifteen_rows_were_not_beyond() {
        let mut shares = vec![0.5; 40];
        shares[5..10].fill(1.2);
        assert_eq!(edges(&shares), [('+', 5), ('-', 25)]);
        // Usual rows in between don't make two of one.
        shares[20] = 1.2;
        assert_eq!(edges(&shares), [('+', 5), ('-', 36)]);
        assert_eq!(edges(&[1.0; 9]), [], "at the limit is not beyond it");
    }

    #[test]
    fn a_score_that_wavers_at_its_limit_is_one_alarm() {
        let shares: Vec<f64> = (0..200)
            .map(|row| if row % 40 == 5 { 1.1 } else { 0.95 })
            .collect();
        assert_eq!(edges(&shares), [('+', 5)]);
        let fallen: Vec<f64> = shares
            .iter()
            .map(|s| if *s < 1.0 { 0.85 } else { *s })
            .collect();
        let ends = edges(&fallen).iter().filter(|e| e.0 == '-').count();
        assert_eq!(ends, 5);
    }

    #[test]
    fn ends_without_rows_too_and_goes_on_where_it_was() {
        let mut alarm = Alarm::default();
        alarm.take(at(0), 2.0, &[], ROW);
        alarm.settle(at(15), ROW);
        assert!(alarm.standing().is_some());
        alarm.settle(at(16), ROW);
        assert_eq!(alarm.standing(), None);

        let mut resumed = Alarm::resumed(at(0), at(100));
        // Rows that are read once more say nothing new.
        resumed.take(at(60), 0.1, &[], ROW);
        assert_eq!(resumed.standing().map(|s| s.since), Some(at(0)));
        resumed.take(at(116), 0.1, &[], ROW);
        assert_eq!(resumed.standing(), None);
    }

    #[test]
    fn names_what_departed_most_when_it_was_worst() {
        let signals = |all: &[(&str, f64)]| -> Vec<(String, f64)> {
            all.iter().map(|(s, z)| ((*s).to_owned(), *z)).collect()
        };
        let mut alarm = Alarm::default();
        alarm.take(at(0), 1.1, &signals(&[("flow", 0.4), ("speed", 0.1)]), ROW);
        let names = |a: &Alarm| -> Vec<String> {
            let standing = a.standing().unwrap();
            standing.named.iter().map(|n| n.0.clone()).collect()
        };
        assert_eq!(names(&alarm), ["flow"], "the largest, however small");
        let worse = [("a", 2.0), ("b", -6.0), ("c", 3.0), ("d", 2.5), ("e", 0.1)];
        alarm.take(at(1), 3.0, &signals(&worse), ROW);
        assert_eq!(names(&alarm), ["b", "c", "d"]);
        alarm.take(at(2), 1.5, &signals(&[("x", 9.0)]), ROW);
        assert_eq!(names(&alarm), ["b", "c", "d"]);
    }
}
