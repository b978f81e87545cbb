//! What people taught the tag matcher. A decision on one tag is kept as counts on features that other
//! tags share ("letters TT with loop digits 54", "everything before the last word"), so that it says
//! something about the next pump as well.

use std::collections::HashMap;

use iq_domain::AssetId;

use crate::{TagInfo, words::Words};

/// Longest feature that is kept.
const MAX_FEATURE_CHARS: usize = 120;

/// A lesson: a feature was right or wrong for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// The feature of the tag.
    pub feature: String,
    /// What it was taken for.
    pub target: String,
    /// How often a person agreed.
    pub confirmed: u32,
    /// How often a person refused.
    pub rejected: u32,
}

/// All lessons of a tenant, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Lessons {
    by_feature: HashMap<String, Feature>,
}

#[derive(Clone, Debug, Default)]
struct Feature {
    confirmed: u32,
    targets: HashMap<String, (u32, u32)>,
}

/// What lessons say about a target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// Share of confirmations that named this target, 0–1; small numbers count less.
    pub(crate) share: f64,
    /// Share of refusals among the decisions on this target, 0–1.
    pub(crate) doubt: f64,
    /// Confirmations of this target.
    pub(crate) count: u32,
}

impl Lessons {
    /// Lessons as they were stored.
    #[must_use]
    pub fn new(lessons: impl IntoIterator<Item = Lesson>) -> Self {
        let mut all = Self::default();
        for lesson in lessons {
            all.add(lesson);
        }
        all
    }

    /// Adds one.
    pub fn add(&mut self, lesson: Lesson) {
        let feature = self.by_feature.entry(lesson.feature).or_default();
        feature.confirmed = feature.confirmed.saturating_add(lesson.confirmed);
        let counts = feature.targets.entry(lesson.target).or_default();
        counts.0 = counts.0.saturating_add(lesson.confirmed);
        counts.1 = counts.1.saturating_add(lesson.rejected);
    }

    /// Whether nothing was taught yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_feature.is_empty()
    }

    pub(crate) fn of(&self, feature: &str, target: &str) -> Verdict {
        let Some(found) = self.by_feature.get(feature) else {
            return Verdict::default();
        };
        let (confirmed, rejected) = found.targets.get(target).copied().unwrap_or_default();
        let ratio = |part: u32, whole: u32| f64::from(part) / (f64::from(whole) + 1.0);
        Verdict {
            share: ratio(confirmed, found.confirmed),
            doubt: ratio(rejected, confirmed.saturating_add(rejected)),
            count: confirmed,
        }
    }

    /// Assets a feature was confirmed for.
    pub(crate) fn assets(&self, feature: &str) -> Vec<AssetId> {
        let targets = self.by_feature.get(feature).map(|f| &f.targets);
        targets
            .into_iter()
            .flatten()
            .filter(|(_, (confirmed, _))| *confirmed > 0)
            .filter_map(|(target, _)| target.parse().ok())
            .collect()
    }
}

/// What other tags may share with a tag.
pub(crate) struct Features {
    /// About the metric: loop digits, and the words that are left without the place.
    pub(crate) metric: Vec<String>,
    /// About the asset: everything before the last word.
    pub(crate) place: Option<String>,
    /// The tag itself.
    pub(crate) exact: String,
}

impl Features {
    pub(crate) fn of(tag: &TagInfo, words: &Words) -> Self {
        let mut metric = Vec::new();
        if let (Some(letters), Some(digits)) = (&words.letters, loop_digits(&words.name)) {
            metric.push(bounded("l", &format!("{letters}#{digits}")));
        }
        // "NDE" alone may be a temperature or a vibration; with the words before it, it is one of them.
        let tail: Vec<&str> = words
            .name
            .iter()
            .rev()
            .filter(|w| w.chars().count() > 1 && !w.bytes().any(|b| b.is_ascii_digit()))
            .take(3)
            .map(String::as_str)
            .collect();
        if words.letters.is_none() {
            metric.extend((1..=tail.len()).map(|n| bounded("w", &tail[..n].join(" "))));
        }
        let place = (words.name.len() > 1 && words.letters.is_none())
            .then(|| bounded("p", &words.name[..words.name.len() - 1].join(" ")));
        Self {
            metric,
            place,
            exact: bounded("x", &crate::folded(&tag.name)),
        }
    }
}

/// The digits of a loop number that count the instruments of a machine ("10254A" → "54").
fn loop_digits(words: &[String]) -> Option<String> {
    words.iter().find_map(|word| {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let is_loop = digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit());
        is_loop.then(|| digits[digits.len() - 2..].to_owned())
    })
}

fn bounded(kind: &str, text: &str) -> String {
    format!("{kind}:{text}")
        .chars()
        .take(MAX_FEATURE_CHARS)
        .collect()
}

/// The target of a metric lesson.
pub(crate) fn metric_target(family: &str, metric: &str) -> String {
    format!("{family}/{metric}")
}

/// The target of a lesson about one tag.
pub(crate) fn exact_target(asset: AssetId, metric: &str) -> String {
    format!("{asset}/{metric}")
}

/// What a decision on a tag teaches. A refusal says little about the parts of a tag: the metric may
/// have been right and the asset wrong. It counts fully for this tag and lightly for the metric.
#[must_use]
pub fn lessons_of(
    tag: &TagInfo,
    asset: AssetId,
    family: &str,
    metric: &str,
    is_confirmed: bool,
) -> Vec<Lesson> {
    let words = Words::of(&tag.name, &tag.path, &tag.description);
    let features = Features::of(tag, &words);
    let lesson = |feature: String, target: String| Lesson {
        feature,
        target,
        confirmed: u32::from(is_confirmed),
        rejected: u32::from(!is_confirmed),
    };
    let mut lessons = vec![lesson(features.exact, exact_target(asset, metric))];
    for feature in features.metric {
        lessons.push(lesson(feature, metric_target(family, metric)));
    }
    if is_confirmed && let Some(place) = features.place {
        lessons.push(lesson(place, asset.to_string()));
    }
    lessons
}
