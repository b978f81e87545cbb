//! The language of conditions in rule packs, one line each (docs/guides/rule-packs.md):
//!
//! ```text
//! condition := [all] signals test [order]
//!            | signals sticks behind signals
//!            | event NAME within DURATION | unanswered NAME within DURATION
//!            | moved|stopped N assets within DURATION
//! signals   := metric | pattern with * | near.metric | this | companions
//! test      := rises [amount] | falls [amount] | moves | steady | above NUMBER | below NUMBER
//!            | frozen | erratic | quiet | spikes | drifts | creeps | unbalanced PERCENT%
//! amount    := NUMBERx | NUMBER% | NUMBERsigma | NUMBER
//! order     := before signals | after signals | alone | with sisters
//! ```

use std::fmt;

/// Where a condition could not be read: the word, counted from 1, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Stable code ("pack.condition_word").
    pub code: &'static str,
    /// The word.
    pub word: String,
}

/// Which signals of the asset a condition speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signals {
    /// Metrics by name; `*` stands for any rest.
    Metric(String),
    /// The same on the assets directly beside it along the flow.
    Near(String),
    /// The signal the rule is tried on (instrument packs).
    This,
    /// Every other signal of the asset and of its direct neighbours.
    Companions,
    /// Those of any of these: plants measure the same thing in different places.
    Either(Vec<Signals>),
}

impl Signals {
    /// Whether a metric is meant.
    #[must_use]
    pub fn matches(&self, metric: &str) -> bool {
        let pattern = match self {
            Self::Metric(pattern) | Self::Near(pattern) => pattern,
            Self::Either(some) => return some.iter().any(|signals| signals.matches(metric)),
            Self::This | Self::Companions => return false,
        };
        match pattern.split_once('*') {
            None => pattern == metric,
            Some((head, tail)) => {
                metric.len() >= head.len() + tail.len()
                    && metric.starts_with(head)
                    && metric.ends_with(tail)
            }
        }
    }
}

impl Signals {
    /// The patterns that speak of the asset itself.
    fn own_metrics<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Metric(metric) => found.push(metric),
            Self::Either(some) => some.iter().for_each(|s| s.own_metrics(found)),
            Self::Near(_) | Self::This | Self::Companions => {}
        }
    }

    /// The pattern as it is written; `*` for those without one.
    pub(super) fn pattern(&self) -> String {
        match self {
            Self::Metric(metric) | Self::Near(metric) => metric.clone(),
            Self::Either(some) => some.first().map_or_else(|| "*".to_owned(), Self::pattern),
            Self::This | Self::Companions => "*".to_owned(),
        }
    }
}

/// How large a change must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// Any change that was found.
    Any,
    /// Times the usual value.
    Times(f64),
    /// Percent of the usual value.
    Percent(f64),
    /// Usual deviations.
    Sigma(f64),
    /// In the unit of the metric.
    Units(f64),
}

/// What is asked of a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// Its level rose.
    Rises(Amount),
    /// Its level fell.
    Falls(Amount),
    /// Its level changed, whichever way.
    Moves,
    /// Its level did not change.
    Steady,
    /// It ended above a value.
    Above(f64),
    /// It ended below a value.
    Below(f64),
    /// It repeats one value although it usually doesn't.
    Frozen,
    /// It varies at least three times as much as usual from sample to sample.
    Erratic,
    /// It varies less than a third as much as usual.
    Quiet,
    /// Single samples jump and come back.
    Spikes,
    /// It left slowly and steadily, one way.
    Drifts,
    /// It left slowly at an even pace.
    Creeps,
    /// It holds while what drives it moves, then jumps after it, again and again.
    Sticks,
    /// The matching signals differ from their mean by more than this many percent.
    Unbalanced(f64),
}

/// What else must hold in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing.
    None,
    /// It changed before these did; they must have changed.
    Before(Signals),
    /// It changed after these did.
    After(Signals),
    /// No companion changed, and no sister.
    Alone,
    /// The same metric of another asset changed the same way.
    WithSisters,
    /// What drives it (only with `sticks`).
    Behind(Signals),
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// About signals.
    Signal {
        /// Every matching signal must show it, not just one.
        all: bool,
        /// Which.
        signals: Signals,
        /// What.
        test: Test,
        /// When.
        order: Order,
    },
    /// An event of this kind on the asset, at most this long before the first change.
    Event {
        /// Kind ("maintenance", "trip").
        kind: String,
        /// Milliseconds.
        within_ms: i64,
    },
    /// A start of the asset was commanded, and it did not run within the time.
    Unanswered {
        /// Kind of the command ("standby_start").
        kind: String,
        /// Milliseconds.
        within_ms: i64,
    },
    /// Several assets changed, or stopped, within a time.
    Assets {
        /// Stopped, not just changed.
        stopped: bool,
        /// How many.
        count: usize,
        /// Milliseconds.
        within_ms: i64,
    },
}

/// Kinds of events a condition may ask for.
pub(super) const EVENT_KINDS: [&str; 7] = [
    "maintenance",
    "operator",
    "standby_start",
    "start",
    "stop",
    "surge_trip",
    "trip",
];

struct Words<'a>(std::iter::Peekable<std::str::SplitWhitespace<'a>>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, SyntaxError> {
        self.0.next().ok_or_else(|| SyntaxError {
            code: "pack.condition_short",
            word: String::new(),
        })
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.0.peek() == Some(&word);
        if found {
            self.0.next();
        }
        found
    }
}

fn unknown(word: &str) -> SyntaxError {
    SyntaxError {
        code: "pack.condition_word",
        word: word.to_owned(),
    }
}

fn number(word: &str) -> Result<f64, SyntaxError> {
    word.parse()
        .ok()
        .filter(|v: &f64| v.is_finite())
        .ok_or_else(|| SyntaxError {
            code: "pack.condition_number",
            word: word.to_owned(),
        })
}

fn duration_ms(word: &str) -> Result<i64, SyntaxError> {
    let bad = || SyntaxError {
        code: "pack.condition_duration",
        word: word.to_owned(),
    };
    let at = word.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let n: i64 = word[..at].parse().map_err(|_| bad())?;
    let unit = match &word[at..] {
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(bad()),
    };
    n.checked_mul(unit).filter(|ms| *ms > 0).ok_or_else(bad)
}

fn signals(word: &str) -> Result<Signals, SyntaxError> {
    let is_metric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_*".contains(c);
    match word {
        "this" => Ok(Signals::This),
        "companions" => Ok(Signals::Companions),
        _ if word.contains('|') => {
            let some: Result<Vec<_>, _> = word.split('|').map(signals).collect();
            Ok(Signals::Either(some?))
        }
        _ => {
            let (name, near) = match word.strip_prefix("near.") {
                Some(name) => (name, true),
                None => (word, false),
            };
            if name.is_empty() || !name.chars().all(is_metric) || name.matches('*').count() > 1 {
                return Err(unknown(word));
            }
            Ok(if near {
                Signals::Near(name.to_owned())
            } else {
                Signals::Metric(name.to_owned())
            })
        }
    }
}

fn amount(words: &mut Words<'_>) -> Result<Amount, SyntaxError> {
    let Some(word) = words.0.peek().copied() else {
        return Ok(Amount::Any);
    };
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Amount::Any);
    }
    words.0.next();
    let cut = |suffix: &str| word.strip_suffix(suffix);
    if let Some(n) = cut("sigma") {
        return number(n).map(Amount::Sigma);
    }
    if let Some(n) = cut("x") {
        return number(n).map(Amount::Times);
    }
    match cut("%") {
        Some(n) => number(n).map(Amount::Percent),
        None => number(word).map(Amount::Units),
    }
}

fn test(words: &mut Words<'_>) -> Result<Test, SyntaxError> {
    Ok(match words.next()? {
        "rises" => Test::Rises(amount(words)?),
        "falls" => Test::Falls(amount(words)?),
        "moves" => Test::Moves,
        "steady" => Test::Steady,
        "above" => Test::Above(number(words.next()?)?),
        "below" => Test::Below(number(words.next()?)?),
        "frozen" => Test::Frozen,
        "erratic" => Test::Erratic,
        "quiet" => Test::Quiet,
        "spikes" => Test::Spikes,
        "drifts" => Test::Drifts,
        "creeps" => Test::Creeps,
        "sticks" => Test::Sticks,
        "unbalanced" => {
            let word = words.next()?;
            Test::Unbalanced(number(word.strip_suffix('%').unwrap_or(word))?)
        }
        other => return Err(unknown(other)),
    })
}

/// Reads a condition.
///
/// # Errors
/// [`SyntaxError`] names the word that can't be read.
pub fn parse(text: &str) -> Result<Condition, SyntaxError> {
    let mut words = Words(text.split_whitespace().peekable());
    let condition = if words.take("event") {
        let (kind, within_ms) = event(&mut words)?;
        Condition::Event { kind, within_ms }
    } else if words.take("unanswered") {
        let (kind, within_ms) = event(&mut words)?;
        Condition::Unanswered { kind, within_ms }
    } else if let Some(stopped) = several(&mut words) {
        let word = words.next()?;
        let count = word.parse().map_err(|_| SyntaxError {
            code: "pack.condition_number",
            word: word.to_owned(),
        })?;
        expect(&mut words, "assets")?;
        expect(&mut words, "within")?;
        Condition::Assets {
            stopped,
            count,
            within_ms: duration_ms(words.next()?)?,
        }
    } else {
        let all = words.take("all");
        let subject = signals(words.next()?)?;
        let test = test(&mut words)?;
        let order = if test == Test::Sticks {
            expect(&mut words, "behind")?;
            Order::Behind(signals(words.next()?)?)
        } else {
            order(&mut words)?
        };
        Condition::Signal {
            all,
            signals: subject,
            test,
            order,
        }
    };
    words
        .0
        .next()
        .map_or(Ok(condition), |rest| Err(unknown(rest)))
}

fn order(words: &mut Words<'_>) -> Result<Order, SyntaxError> {
    Ok(match words.0.next() {
        None => Order::None,
        Some("before") => Order::Before(signals(words.next()?)?),
        Some("after") => Order::After(signals(words.next()?)?),
        Some("alone") => Order::Alone,
        Some("with") => {
            expect(words, "sisters")?;
            Order::WithSisters
        }
        Some(other) => return Err(unknown(other)),
    })
}

fn event(words: &mut Words<'_>) -> Result<(String, i64), SyntaxError> {
    let kind = words.next()?;
    if !EVENT_KINDS.contains(&kind) {
        return Err(unknown(kind));
    }
    expect(words, "within")?;
    Ok((kind.to_owned(), duration_ms(words.next()?)?))
}

/// Whether a condition about several assets begins, and whether it is about stops.
fn several(words: &mut Words<'_>) -> Option<bool> {
    if words.take("moved") {
        Some(false)
    } else {
        words.take("stopped").then_some(true)
    }
}

fn expect(words: &mut Words<'_>, word: &'static str) -> Result<(), SyntaxError> {
    let found = words.next()?;
    if found == word {
        Ok(())
    } else {
        Err(unknown(found))
    }
}

impl Condition {
    /// The metric patterns the condition names.
    #[must_use]
    pub fn metrics(&self) -> Vec<&str> {
        let mut found = Vec::new();
        if let Self::Signal { signals, order, .. } = self {
            let others = match order {
                Order::Before(s) | Order::After(s) | Order::Behind(s) => Some(s),
                Order::None | Order::Alone | Order::WithSisters => None,
            };
            for signals in std::iter::once(signals).chain(others) {
                signals.own_metrics(&mut found);
            }
        }
        found
    }

    /// Whether the condition speaks of the signal a rule is tried on.
    #[must_use]
    pub fn is_about_this(&self) -> bool {
        matches!(
            self,
            Self::Signal {
                signals: Signals::This,
                ..
            }
        )
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str) -> Signals {
        Signals::Metric(name.into())
    }

    #[test]
    fn reads_every_form() {
        let read = |text: &str| parse(text).unwrap();
        assert_eq!(
            read("bearing_acceleration rises 2x before vibration_*"),
            Condition::Signal {
                all: false,
                signals: metric("bearing_acceleration"),
                test: Test::Rises(Amount::Times(2.0)),
                order: Order::Before(metric("vibration_*")),
            }
        );
        assert_eq!(
            read("all current_* unbalanced 5%"),
            Condition::Signal {
                all: true,
                signals: metric("current_*"),
                test: Test::Unbalanced(5.0),
                order: Order::None,
            }
        );
        assert!(matches!(
            read("event maintenance within 7d"),
            Condition::Event {
                within_ms: 604_800_000,
                ..
            }
        ));
        assert_eq!(
            read("moved 3 assets within 10min"),
            Condition::Assets {
                stopped: false,
                count: 3,
                within_ms: 600_000
            }
        );
        assert!(read("this drifts alone").is_about_this());
        assert!(matches!(
            read("valve_position sticks behind controller_output"),
            Condition::Signal { test: Test::Sticks, order: Order::Behind(behind), .. }
                if behind == metric("controller_output")
        ));
        assert!(matches!(
            read("winding_temperature rises with sisters"),
            Condition::Signal {
                order: Order::WithSisters,
                ..
            }
        ));
        assert!(matches!(
            read("near.flow falls"),
            Condition::Signal { signals: Signals::Near(m), .. } if m == "flow"
        ));
        assert!(matches!(
            read("unanswered standby_start within 30s"),
            Condition::Unanswered {
                within_ms: 30_000,
                ..
            }
        ));
        for (text, amount) in [
            ("flow falls 5%", Amount::Percent(5.0)),
            ("flow falls 4sigma", Amount::Sigma(4.0)),
            ("flow falls 12.5", Amount::Units(12.5)),
            ("flow falls", Amount::Any),
        ] {
            assert!(
                matches!(read(text), Condition::Signal { test: Test::Falls(a), .. } if a == amount),
                "{text}"
            );
        }
    }

    #[test]
    fn names_the_word_it_can_not_read() {
        for (text, code, word) in [
            ("", "pack.condition_short", ""),
            ("flow", "pack.condition_short", ""),
            ("flow jumps", "pack.condition_word", "jumps"),
            ("Flow rises", "pack.condition_word", "Flow"),
            ("flow rises fast", "pack.condition_word", "fast"),
            ("flow rises 2x before", "pack.condition_short", ""),
            ("flow rises 2xx", "pack.condition_number", "2x"),
            ("event fire within 7d", "pack.condition_word", "fire"),
            ("event trip within 7w", "pack.condition_duration", "7w"),
            ("event trip within 0d", "pack.condition_duration", "0d"),
            (
                "moved many assets within 7d",
                "pack.condition_number",
                "many",
            ),
            ("flow above high", "pack.condition_number", "high"),
            ("flow rises alone again", "pack.condition_word", "again"),
            ("flow sticks", "pack.condition_short", ""),
            ("flow sticks after flow", "pack.condition_word", "after"),
            ("flow rises with flow", "pack.condition_word", "flow"),
            ("near. rises", "pack.condition_word", "near."),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.code, error.word.as_str()), (code, word), "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_any_rest() {
        assert!(metric("vibration_*").matches("vibration_de"));
        assert!(metric("*").matches("flow"));
        assert!(metric("shaft_*_x").matches("shaft_vibration_de_x"));
        assert!(!metric("vibration_*").matches("shaft_vibration_de_x"));
        assert!(!metric("flow").matches("flow_2"));
    }
}
