//! Conditions of rule packs in words: "shaft_vibration_* rises" as a sentence in the reader's language.

use iq_blackbox::rca::{Amount, Condition, Order, Signals, Test, parse};
use iq_locale::{Language, Params};

use crate::texts;

/// Metrics named for one pattern.
const MAX_NAMED: usize = 4;

/// The condition as a sentence; as it stands in the pack where it can't be read.
pub(crate) fn words(language: Language, text: &str) -> String {
    let Ok(condition) = parse(text) else {
        return text.to_owned();
    };
    let say = |code: &str, params: &[(&str, String)]| {
        let params: Params = params
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        texts::of(language, code, &params)
    };
    match condition {
        Condition::Event { kind, within_ms } => {
            let code = format!("rule.event.{kind}");
            say(&code, &[("within", duration(language, within_ms))])
        }
        Condition::Unanswered { within_ms, .. } => say(
            "rule.unanswered",
            &[("within", duration(language, within_ms))],
        ),
        Condition::Assets {
            stopped,
            count,
            within_ms,
        } => {
            let code = if stopped {
                "rule.assets.stopped"
            } else {
                "rule.assets.moved"
            };
            let params = [
                ("n", count.to_string()),
                ("within", duration(language, within_ms)),
            ];
            say(code, &params)
        }
        Condition::Signal {
            all,
            signals,
            test,
            order,
        } => {
            let mut subject = named(language, &signals);
            if all {
                subject = say("rule.signals.all", &[("signals", subject)]);
            }
            let (code, amount) = test_of(test);
            let params = [("signals", subject), ("amount", amount)];
            let what = say(code, &params);
            match order {
                Order::None => what,
                Order::Alone => say("rule.order.alone", &[("what", what)]),
                Order::WithSisters => say("rule.order.with_sisters", &[("what", what)]),
                Order::Behind(driver) => {
                    let driver = named(language, &driver);
                    say("rule.order.behind", &[("what", what), ("signals", driver)])
                }
                Order::Before(other) => {
                    let other = named(language, &other);
                    say("rule.order.before", &[("what", what), ("signals", other)])
                }
                Order::After(other) => {
                    let other = named(language, &other);
                    say("rule.order.after", &[("what", what), ("signals", other)])
                }
            }
        }
    }
}

/// The signals by the names people know them by.
fn named(language: Language, signals: &Signals) -> String {
    let name = |names: iq_domain::Names| match language {
        Language::Ar => names.ar,
        Language::En => names.en,
    };
    match signals {
        Signals::This => texts::of(language, "rule.signals.this", &Params::new()),
        Signals::Companions => texts::of(language, "rule.signals.companions", &Params::new()),
        Signals::Near(key) => {
            let metric = named(language, &Signals::Metric(key.clone()));
            let params = Params::from([("signals".to_owned(), metric)]);
            texts::of(language, "rule.signals.near", &params)
        }
        Signals::Either(some) => {
            let some: Vec<String> = some.iter().map(|s| named(language, s)).collect();
            some.join(" / ")
        }
        Signals::Metric(key) if !key.contains('*') => name(texts::metric_names("", key)),
        Signals::Metric(pattern) => {
            let mut found: Vec<String> = Vec::new();
            let families = iq_mapping::catalogue().families();
            for metric in families.flat_map(|f| &f.metrics) {
                let shown = name(metric.names.clone());
                if signals.matches(&metric.metric) && !found.contains(&shown) {
                    found.push(shown);
                }
            }
            match found.len() {
                0 => pattern.clone(),
                n if n > MAX_NAMED => format!("{} …", found[..MAX_NAMED].join(" / ")),
                _ => found.join(" / "),
            }
        }
    }
}

fn test_of(test: Test) -> (&'static str, String) {
    let number = |value: f64| value.to_string();
    match test {
        Test::Rises(Amount::Any) => ("rule.test.rises", String::new()),
        Test::Rises(by) => ("rule.test.rises_by", amount(by)),
        Test::Falls(Amount::Any) => ("rule.test.falls", String::new()),
        Test::Falls(by) => ("rule.test.falls_by", amount(by)),
        Test::Moves => ("rule.test.moves", String::new()),
        Test::Steady => ("rule.test.steady", String::new()),
        Test::Above(value) => ("rule.test.above", number(value)),
        Test::Below(value) => ("rule.test.below", number(value)),
        Test::Frozen => ("rule.test.frozen", String::new()),
        Test::Erratic => ("rule.test.erratic", String::new()),
        Test::Quiet => ("rule.test.quiet", String::new()),
        Test::Spikes => ("rule.test.spikes", String::new()),
        Test::Drifts => ("rule.test.drifts", String::new()),
        Test::Creeps => ("rule.test.creeps", String::new()),
        Test::Sticks => ("rule.test.sticks", String::new()),
        Test::Unbalanced(percent) => ("rule.test.unbalanced", number(percent)),
    }
}

fn amount(amount: Amount) -> String {
    match amount {
        Amount::Any => String::new(),
        Amount::Times(n) => format!("{n}×"),
        Amount::Percent(n) => format!("{n} %"),
        Amount::Sigma(n) => format!("{n} σ"),
        Amount::Units(n) => n.to_string(),
    }
}

/// A duration in the words of the language; the Arabic ones stand in the case that follows "within".
fn duration(language: Language, ms: i64) -> String {
    let units = [
        ("rule.within.d", 86_400_000),
        ("rule.within.h", 3_600_000),
        ("rule.within.min", 60_000),
    ];
    let whole = units
        .into_iter()
        .find(|(_, length)| ms >= *length && ms % length == 0);
    let (code, length) = whole.unwrap_or(("rule.within.s", 1_000));
    let params = Params::from([("n".to_owned(), (ms / length).to_string())]);
    texts::of(language, code, &params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_of_every_pack_is_a_sentence_in_both_languages() {
        for pack in iq_blackbox::rca::built_in() {
            for rule in &pack.rules {
                for item in rule.supports.iter().chain(&rule.against) {
                    for language in [Language::En, Language::Ar] {
                        let said = words(language, &item.text);
                        assert!(!said.contains("rule."), "{}: {said}", item.text);
                        assert_ne!(said, item.text, "{}", pack.id);
                    }
                }
            }
        }
    }

    #[test]
    fn amounts_and_times_are_told() {
        let plain = |text: &str| words(Language::En, text).replace(['\u{2068}', '\u{2069}'], "");
        assert_eq!(
            plain("event trip within 1h"),
            "Protection tripped the machine up to 1 h before"
        );
        assert!(
            plain("suction_flow erratic").ends_with("swings at least three times as much as usual")
        );
        assert!(plain("flow rises 20% before flow").contains("by 20 %"));
    }

    #[test]
    fn an_arabic_sentence_says_its_duration_in_arabic() {
        let plain = |text: &str| words(Language::Ar, text).replace(['\u{2068}', '\u{2069}'], "");
        for (condition, ending) in [
            ("event trip within 1h", "على ساعة واحدة"),
            ("event stop within 2h", "على ساعتين"),
            ("event maintenance within 3d", "على 3 أيام"),
            ("event start within 30min", "على 30 دقيقة"),
            ("event operator within 1d", "على يوم واحد"),
        ] {
            let said = plain(condition);
            assert!(said.ends_with(ending), "{said}");
            assert!(!said.chars().any(|c| c.is_ascii_alphabetic()), "{said}");
        }
    }
}
