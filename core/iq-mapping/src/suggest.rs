//! Suggests asset and metric for a tag from its name, path, description and unit. Everything is local
//! token matching: no network, no model, and every suggestion says why.

use std::collections::BTreeSet;

use iq_domain::{AssetId, Dimension, Message, MetricTemplate, Names};

use crate::{catalogue, find_unit};

/// Most suggestions that are returned.
const MAX_SUGGESTIONS: usize = 5;
/// Longest text that is looked at, so that a hostile name costs no time.
const MAX_CHARS: usize = 512;

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

/// The best guesses, best first.
#[must_use]
pub fn suggest(tag: &TagInfo, assets: &[SuggestAsset]) -> Vec<Suggestion> {
    let words = Words::of(tag);
    let mut found = Vec::new();
    for asset in assets {
        let Some((asset_score, asset_reason)) = match_asset(&words, asset) else {
            continue;
        };
        let Some(template) = catalogue().family(&asset.family) else {
            continue;
        };
        for metric in &template.metrics {
            let Some((metric_score, reasons)) = match_metric(&words, tag, metric) else {
                continue;
            };
            found.push(Suggestion {
                asset: asset.id,
                metric: metric.metric.clone(),
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
    found
}

/// The texts of a tag taken apart.
struct Words {
    /// Words between separators, lower case ("10204a"); name and path only.
    raw: Vec<String>,
    /// Letters of those words and of the description, split at digits, with synonyms resolved.
    meaning: BTreeSet<String>,
    /// Function letters after ISA-5.1 ("vt", "pdt"), from the name.
    letters: Option<String>,
}

impl Words {
    fn of(tag: &TagInfo) -> Self {
        let name = split(&tag.name);
        let path = split(&tag.path);
        let description = split(&tag.description);
        let letters = name.iter().find(|w| is_isa(w)).cloned();
        let meaning = name
            .iter()
            .chain(&path)
            .chain(&description)
            .flat_map(|word| meanings(word))
            .collect();
        Self {
            raw: name.into_iter().chain(path).collect(),
            meaning,
            letters,
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in text.chars().take(MAX_CHARS) {
        let is_hump = before.is_lowercase() && c.is_uppercase();
        if (!c.is_alphanumeric() || is_hump) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What a word stands for in metric keys; a word may say two things ("pdt": pressure, differential).
fn meanings(word: &str) -> Vec<String> {
    let letters = word.trim_matches(|c: char| c.is_ascii_digit());
    let known: &[&str] = match letters {
        "vib" | "vibr" | "velocity" | "اهتزاز" | "الاهتزاز" => &["vibration"],
        "acc" | "accel" | "env" => &["acceleration"],
        "temp" | "tmp" | "حرارة" => &["temperature"],
        "press" | "prs" | "ضغط" => &["pressure"],
        "dp" | "diff" | "delta" | "pdi" | "pdt" => &["differential", "dp", "pressure"],
        "flw" | "تدفق" => &["flow"],
        "lvl" | "منسوب" => &["level"],
        "spd" | "rpm" | "سرعة" => &["speed"],
        "pos" | "position" | "zt" => &["position"],
        "curr" | "amps" | "amp" | "تيار" => &["current"],
        "pwr" | "mw" | "kw" => &["active", "power"],
        "suct" | "suc" | "in" | "سحب" => &["suction", "inlet"],
        "disch" | "dis" | "out" | "طرد" => &["discharge", "outlet"],
        "brg" | "bearing" | "محمل" => &["bearing"],
        "wdg" | "stator" => &["winding"],
        "lo" | "lube" | "oil" => &["lube", "oil"],
        "run" | "running" | "status" | "xi" => &["run", "status"],
        "exh" => &["exhaust"],
        "amb" => &["ambient"],
        "sp" => &["setpoint"],
        "pv" => &["process", "value"],
        "op" | "mv" => &["controller", "output"],
        "fltr" => &["filter"],
        "stm" => &["steam"],
        "thr" => &["thrust"],
        other => {
            return if other.is_empty() {
                vec![]
            } else {
                vec![other.to_owned()]
            };
        }
    };
    known.iter().map(|&w| w.to_owned()).collect()
}

/// Function letters of an instrument: a measured variable, then transmitter, indicator, controller …
fn is_isa(word: &str) -> bool {
    (2..=4).contains(&word.len())
        && word.starts_with(|c| "aefijlpstvxzb".contains(c))
        && word.ends_with(|c| "titecaysr".contains(c))
        && word.chars().skip(1).all(|c| "titecadysr".contains(c))
}

fn match_asset(words: &Words, asset: &SuggestAsset) -> Option<(f64, Message)> {
    let code: String = split(&asset.code).concat();
    let is_named = (1..=3).any(|n| words.raw.windows(n).any(|w| w.concat() == code));
    if is_named {
        return Some((1.0, reason("suggest.asset_code", "code", &asset.code)));
    }
    // 10204A belongs to P-102A: the loop number starts with the equipment number.
    let number: String = code.chars().filter(char::is_ascii_digit).collect();
    let suffix = code
        .rsplit(|c: char| c.is_ascii_digit())
        .next()
        .unwrap_or("");
    let is_in_loop = number.len() >= 3
        && words.raw.iter().any(|word| {
            let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            digits.len() > number.len()
                && digits.starts_with(&number)
                && digits.bytes().all(|b| b.is_ascii_digit())
                && &word[digits.len()..] == suffix
        });
    if is_in_loop {
        return Some((0.7, reason("suggest.loop_number", "code", &asset.code)));
    }
    let name = split(&asset.names.en);
    let hits = name
        .iter()
        .filter(|w| w.len() > 2 && words.meaning.contains(*w))
        .count();
    (hits >= 2 && hits * 2 >= name.len())
        .then(|| (0.5, reason("suggest.asset_name", "code", &asset.code)))
}

fn match_metric(
    words: &Words,
    tag: &TagInfo,
    metric: &MetricTemplate,
) -> Option<(f64, Vec<Message>)> {
    let keys: Vec<&str> = metric.metric.split('_').collect();
    let hits: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|k| words.meaning.contains(*k))
        .collect();
    let mut reasons = Vec::new();
    let mut score = ratio(hits.len(), keys.len()) * 0.7;
    if !hits.is_empty() {
        reasons.push(reason("suggest.words", "words", &hits.join(" ")));
    }
    if let Some(letters) = &words.letters {
        if is_measured(letters, &keys) {
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
    match (find_unit(&tag.unit), find_unit(&metric.unit)) {
        (Some(source), Some(target)) if !tag.unit.trim().is_empty() && !metric.unit.is_empty() => {
            if crate::units::conversion(&source.symbol, &target.symbol).is_err() {
                return None;
            }
            if source.dimension != Dimension::Dimensionless {
                score += 0.1;
                reasons.push(reason("suggest.unit", "unit", &source.symbol));
            }
        }
        _ => {}
    }
    (score > 0.1).then_some((score.min(1.0), reasons))
}

#[allow(clippy::cast_precision_loss)]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Whether the first letters of an instrument measure what the metric is.
fn is_measured(letters: &str, keys: &[&str]) -> bool {
    let has = |word: &str| keys.contains(&word);
    if letters.starts_with("pd") {
        return has("dp") || has("differential");
    }
    match letters.as_bytes().first() {
        Some(b'v') => has("vibration") || has("acceleration"),
        Some(b't') => has("temperature"),
        Some(b'p') => has("pressure") || has("draft"),
        Some(b'f') => has("flow"),
        Some(b'l') => has("level"),
        Some(b's') => has("speed"),
        Some(b'z') => has("position") || has("drop"),
        Some(b'i') => has("current"),
        Some(b'j') => has("power"),
        Some(b'e') => has("voltage"),
        Some(b'x') => has("run") || has("trip"),
        Some(b'b') => has("flame"),
        Some(b'a') => has("o2") || has("density"),
        _ => false,
    }
}

fn reason(code: &str, key: &str, value: &str) -> Message {
    Message {
        code: code.to_owned(),
        params: [(key.to_owned(), iq_domain::neutralise(value, 80))].into(),
    }
}

#[cfg(test)]
mod tests;
