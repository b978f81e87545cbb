//! Suggests asset and metric for a tag from its name, path, description and unit, and from what people
//! decided on tags like it. Everything is local token matching: no network, no model, and every
//! suggestion says why.

use std::collections::BTreeSet;

use iq_domain::{AssetId, Dimension, FamilyTemplate, Message, MetricTemplate, Names};

use crate::{
    catalogue, find_unit,
    fold::without_article,
    lessons::{Features, Lessons, Verdict, exact_target, metric_target},
    words::{Words, is_measured, split},
};

/// Most suggestions that are returned.
const MAX_SUGGESTIONS: usize = 5;
/// Two guesses closer than this are as good as each other, and neither may pass for sure.
const TIE: f64 = 0.02;
/// The score of a guess that has an equal beside it.
const TIED_SCORE: f64 = 0.6;

/// What is known about a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagInfo {
    /// Browse or display name.
    pub name: String,
    /// Names of the folders above it.
    pub path: String,
    /// The source's description.
    pub description: String,
    /// The source's engineering unit.
    pub unit: String,
}

impl TagInfo {
    /// What the tag alone tells: its name is what stands after the last "=" of a notation like
    /// "ns=2;s=100-PT-10201A".
    #[must_use]
    pub fn of_tag(tag: &str) -> Self {
        let name = tag.rsplit('=').next().unwrap_or(tag);
        Self {
            name: name.to_owned(),
            path: tag.to_owned(),
            ..Self::default()
        }
    }
}

/// An asset that may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestAsset {
    /// Id.
    pub id: AssetId,
    /// Code ("P-102A").
    pub code: String,
    /// Family key.
    pub family: String,
    /// Names.
    pub names: Names,
}

/// A guess with its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The asset.
    pub asset: AssetId,
    /// The metric of its template.
    pub metric: String,
    /// 0–1.
    pub score: f64,
    /// Sentence codes `suggest.*`.
    pub reasons: Vec<Message>,
}

/// The best guesses, best first, without anything taught.
#[must_use]
pub fn suggest(tag: &TagInfo, assets: &[SuggestAsset]) -> Vec<Suggestion> {
    Suggester::new(assets, Lessons::default()).suggest(tag)
}

/// A matcher for many tags: assets and lessons are prepared once.
pub struct Suggester {
    assets: Vec<Prepared>,
    lessons: Lessons,
}

/// An asset with its texts taken apart.
struct Prepared {
    id: AssetId,
    shown_code: String,
    family: &'static FamilyTemplate,
    metrics: Vec<PreparedMetric>,
    code: String,
    number: String,
    suffix: String,
    names: [Vec<String>; 2],
    kinds: BTreeSet<String>,
}

/// A metric with its texts taken apart.
struct PreparedMetric {
    template: &'static MetricTemplate,
    /// Words of the key, and of the Arabic name without articles.
    keys: Vec<&'static str>,
    arabic: Vec<String>,
}

impl Prepared {
    /// `None` for a family nobody knows.
    fn of(asset: &SuggestAsset) -> Option<Self> {
        let family = catalogue().family(&asset.family)?;
        let code: String = split(&asset.code).concat();
        let suffix = code
            .rsplit(|c: char| c.is_ascii_digit())
            .next()
            .unwrap_or("")
            .to_owned();
        let kinds = [&family.names.en, &family.names.ar]
            .into_iter()
            .flat_map(|name| split(name))
            .map(|word| without_article(&word).to_owned())
            .filter(|word| word.chars().count() > 2 && word != "and")
            .collect();
        let metrics = family
            .metrics
            .iter()
            .map(|template| PreparedMetric {
                template,
                keys: template.metric.split('_').collect(),
                arabic: plain_words(&template.names.ar),
            })
            .collect();
        Some(Self {
            id: asset.id,
            shown_code: asset.code.clone(),
            family,
            metrics,
            number: code.chars().filter(char::is_ascii_digit).collect(),
            code,
            suffix,
            names: [plain_words(&asset.names.en), plain_words(&asset.names.ar)],
            kinds,
        })
    }
}

fn plain_words(text: &str) -> Vec<String> {
    split(text)
        .iter()
        .map(|word| without_article(word).to_owned())
        .collect()
}

impl Suggester {
    /// Prepares the assets of a tenant.
    #[must_use]
    pub fn new(assets: &[SuggestAsset], lessons: Lessons) -> Self {
        Self {
            assets: assets.iter().filter_map(Prepared::of).collect(),
            lessons,
        }
    }

    /// The best guesses, best first.
    #[must_use]
    pub fn suggest(&self, tag: &TagInfo) -> Vec<Suggestion> {
        let words = Words::of(&tag.name, &tag.path, &tag.description);
        let plain: BTreeSet<String> = words
            .raw
            .iter()
            .map(|word| without_article(word).to_owned())
            .collect();
        let features = Features::of(tag, &words);
        let taught: Vec<AssetId> = features
            .place
            .as_deref()
            .map(|place| self.lessons.assets(place))
            .unwrap_or_default();
        let mut found = Vec::new();
        for asset in &self.assets {
            let Some((asset_score, asset_reason)) =
                self.match_asset(&words, &plain, asset, &features, &taught)
            else {
                continue;
            };
            for metric in &asset.metrics {
                let exact = exact_target(asset.id, &metric.template.metric);
                let decided = self.lessons.of(&features.exact, &exact);
                if decided.doubt > 0.0 && decided.count == 0 {
                    continue;
                }
                let learned = self.learned(&features, asset, metric);
                let Some((metric_score, reasons)) =
                    match_metric(&words, &plain, tag, metric, learned)
                else {
                    continue;
                };
                found.push(Suggestion {
                    asset: asset.id,
                    metric: metric.template.metric.clone(),
                    score: (asset_score * 0.5 + metric_score * 0.5).clamp(0.0, 1.0),
                    reasons: std::iter::once(asset_reason.clone())
                        .chain(reasons)
                        .collect(),
                });
            }
        }
        // A stable sort keeps the template's order among equals.
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(MAX_SUGGESTIONS);
        admit_ties(&mut found);
        found
    }

    /// What was decided on tags with the same loop digits or words.
    fn learned(&self, features: &Features, asset: &Prepared, metric: &PreparedMetric) -> Verdict {
        let target = metric_target(&asset.family.family, &metric.template.metric);
        features
            .metric
            .iter()
            .map(|feature| self.lessons.of(feature, &target))
            .fold(Verdict::default(), |best, next| Verdict {
                share: best.share.max(next.share),
                doubt: best.doubt.max(next.doubt),
                count: best.count.max(next.count),
            })
    }

    fn match_asset(
        &self,
        words: &Words,
        plain: &BTreeSet<String>,
        asset: &Prepared,
        features: &Features,
        taught: &[AssetId],
    ) -> Option<(f64, Message)> {
        let code = &asset.shown_code;
        let is_named = (1..=3).any(|n| words.raw.windows(n).any(|w| w.concat() == asset.code));
        if is_named {
            return Some((1.0, reason("suggest.asset_code", "code", code)));
        }
        if taught.contains(&asset.id) {
            let place = features.place.as_deref().unwrap_or_default();
            let verdict = self.lessons.of(place, &asset.id.to_string());
            let score = 0.6 + 0.4 * verdict.share;
            return Some((score, reason("suggest.learned_place", "code", code)));
        }
        let is_of_kind = asset
            .kinds
            .iter()
            .any(|kind| plain.contains(kind) || words.meaning.contains(kind));
        let is_motor = asset.family.family == "electric_motor";
        // A loop number is shared by a machine and its driver; "motor" tells which is meant.
        let driver = match (words.meaning.contains("motor"), is_motor) {
            (true, true) => 0.15,
            (true, false) => -0.15,
            (false, _) => 0.0,
        };
        if is_in_loop(words, asset) {
            let kind = if is_of_kind { 0.1 } else { 0.0 };
            let other = if names_another(words, asset) {
                -0.25
            } else {
                0.0
            };
            return Some((
                0.7 + kind + driver + other,
                reason("suggest.loop_number", "code", code),
            ));
        }
        if is_of_kind && is_numbered(words, asset) {
            return Some((
                0.85 + driver,
                reason("suggest.kind_and_number", "code", code),
            ));
        }
        let is_hit = |name: &Vec<String>| {
            let hits = name
                .iter()
                .filter(|w| w.chars().count() > 2)
                .filter(|w| plain.contains(*w) || words.meaning.contains(*w))
                .count();
            (hits >= 2 && hits * 2 >= name.len()).then(|| ratio(hits, name.len()))
        };
        let share = asset
            .names
            .iter()
            .filter_map(is_hit)
            .max_by(f64::total_cmp)?;
        let score = 0.4 + 0.3 * share + driver + twin_letter(words, asset);
        Some((score, reason("suggest.asset_name", "code", code)))
    }
}

/// 10204A belongs to P-102A: the loop number starts with the equipment number.
fn is_in_loop(words: &Words, asset: &Prepared) -> bool {
    asset.number.len() >= 3
        && words.raw.iter().any(|word| {
            let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            digits.len() > asset.number.len()
                && digits.starts_with(&asset.number)
                && digits.bytes().all(|b| b.is_ascii_digit())
                && word[digits.len()..] == asset.suffix
        })
}

/// A description that says "PM-102A", beside P-102A: the motor has the pump's number and is another machine.
fn names_another(words: &Words, asset: &Prepared) -> bool {
    let number = format!("{}{}", asset.number, asset.suffix);
    let is_other = |name: &str| {
        name.strip_suffix(&number).is_some_and(|letters| {
            let is_code = letters.bytes().all(|b| b.is_ascii_lowercase());
            is_code && (1..=3).contains(&letters.len()) && name != asset.code
        })
    };
    (1..=2).any(|n| words.described.windows(n).any(|w| is_other(&w.concat())))
}

/// Twins share their name but for a letter: "Feed pump B", "مضخة التغذية ب".
fn twin_letter(words: &Words, asset: &Prepared) -> f64 {
    let said: Vec<String> = words
        .raw
        .iter()
        .map(|word| latin_letter(word))
        .filter(|word| matches!(word.as_str(), "a" | "b" | "c" | "d"))
        .collect();
    if said.is_empty() || asset.suffix.is_empty() {
        0.0
    } else if said.contains(&asset.suffix) {
        0.05
    } else {
        -0.05
    }
}

fn latin_letter(word: &str) -> String {
    match word {
        "ا" => "a",
        "ب" => "b",
        "ج" => "c",
        "د" => "d",
        other => other,
    }
    .to_owned()
}

/// "Pump 102A", "مضخة ١٠٢ أ": the number and letter of the equipment without its code letters.
fn is_numbered(words: &Words, asset: &Prepared) -> bool {
    let wanted = format!("{}{}", asset.number, asset.suffix);
    let joined = |pair: &[String]| pair.iter().map(|w| latin_letter(w)).collect::<String>();
    !asset.number.is_empty()
        && (1..=2).any(|n| words.raw.windows(n).any(|pair| joined(pair) == wanted))
}

fn match_metric(
    words: &Words,
    plain: &BTreeSet<String>,
    tag: &TagInfo,
    metric: &PreparedMetric,
    learned: Verdict,
) -> Option<(f64, Vec<Message>)> {
    let hits: Vec<&str> = metric
        .keys
        .iter()
        .copied()
        .filter(|k| words.meaning.contains(*k))
        .collect();
    let arabic: Vec<&str> = metric
        .arabic
        .iter()
        .map(String::as_str)
        .filter(|w| plain.contains(*w))
        .collect();
    let mut reasons = Vec::new();
    let by_key = ratio(hits.len(), metric.keys.len());
    let by_name = ratio(arabic.len(), metric.arabic.len());
    let shown = if by_name > by_key { &arabic } else { &hits };
    // Of two complete matches the longer one says more.
    #[allow(clippy::cast_precision_loss, reason = "a handful of words")]
    let mut score = by_key.max(by_name) * 0.7 + hits.len().max(arabic.len()) as f64 * 0.01;
    if !shown.is_empty() {
        reasons.push(reason("suggest.words", "words", &shown.join(" ")));
    }
    if let Some(letters) = &words.letters {
        if is_measured(letters, &metric.keys) {
            score += 0.2;
            reasons.push(reason(
                "suggest.isa_letters",
                "letters",
                &letters.to_uppercase(),
            ));
        } else {
            score -= 0.3;
        }
    }
    score += unit_score(tag, metric.template, &mut reasons)?;
    if learned.share > 0.0 {
        let count = learned.count.to_string();
        reasons.push(reason("suggest.learned", "count", &count));
    }
    score += 0.6 * learned.share - 0.4 * learned.doubt;
    (score > 0.1).then_some((score.min(1.0), reasons))
}

/// What the unit says; `None` excludes the metric.
fn unit_score(tag: &TagInfo, metric: &MetricTemplate, reasons: &mut Vec<Message>) -> Option<f64> {
    if tag.unit.trim().is_empty() || metric.unit.is_empty() {
        return Some(0.0);
    }
    let (Some(source), Some(target)) = (find_unit(&tag.unit), find_unit(&metric.unit)) else {
        return Some(0.0);
    };
    crate::units::conversion(&source.symbol, &target.symbol).ok()?;
    if source.dimension == Dimension::Dimensionless {
        return Some(0.0);
    }
    reasons.push(reason("suggest.unit", "unit", &source.symbol));
    Some(0.1)
}

/// Guesses as good as the first lower it: a person decides, not the order of a list.
fn admit_ties(found: &mut [Suggestion]) {
    let Some(best) = found.first().map(|s| s.score) else {
        return;
    };
    let tied = found.iter().filter(|s| best - s.score < TIE).count();
    if tied < 2 {
        return;
    }
    for suggestion in found.iter_mut() {
        if suggestion.score > TIED_SCORE {
            suggestion.score = TIED_SCORE - (best - suggestion.score) * 0.1;
        }
    }
    let count = tied.to_string();
    for suggestion in &mut found[..tied] {
        suggestion
            .reasons
            .push(reason("suggest.tied", "count", &count));
    }
}

#[allow(clippy::cast_precision_loss)]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn reason(code: &str, key: &str, value: &str) -> Message {
    Message {
        code: code.to_owned(),
        params: [(key.to_owned(), iq_domain::neutralise(value, 80))].into(),
    }
}

#[cfg(test)]
mod accuracy;
#[cfg(test)]
mod tests;
