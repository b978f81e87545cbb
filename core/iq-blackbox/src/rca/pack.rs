//! Rule packs: versioned data files, one per asset family, that people edit. Reading one tells the
//! line and the word that is wrong.

use std::{collections::BTreeSet, sync::LazyLock};

use iq_domain::Names;
use serde::{Deserialize, Serialize};

use super::language::{self, Condition};

/// Largest file that is read.
pub const MAX_PACK_BYTES: usize = 512 * 1024;

/// What is wrong with a pack: a stable code with its line and word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackError {
    /// Stable code ("pack.condition_word").
    pub code: &'static str,
    /// Line of the file, from 1.
    pub line: usize,
    /// Word, rule or field it is about.
    pub word: String,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// The machine.
    #[default]
    Machine,
    /// One instrument; the rule is tried on every signal.
    Instrument,
    /// Something that acts on several assets.
    CommonCause,
}

/// A weighted condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedText {
    /// The condition in the language of packs.
    pub when: String,
    /// 3 decisive, 2 strong, 1 supportive.
    pub w: u8,
}

/// Something that looks alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfuserText {
    /// Rule or name.
    pub id: String,
    /// What tells them apart.
    pub by: Names,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionText {
    /// What.
    pub names: Names,
    /// Active repair hours, least and most.
    #[serde(default)]
    pub hours: Option<[f64; 2]>,
    /// Skill.
    #[serde(default)]
    pub skill: Option<Names>,
    /// Spares.
    #[serde(default)]
    pub spares: Option<Names>,
}

/// A rule as it stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// Id ("CP-LUB").
    pub id: String,
    /// Failure mode after ISO 14224.
    pub mode: String,
    /// Mechanism after ISO 14224, table B.2.
    #[serde(default)]
    pub mechanism: Option<String>,
    /// Kind.
    #[serde(default)]
    pub kind: RuleKind,
    /// Names.
    pub names: Names,
    /// Share of the family's failures, 0 to 1.
    pub prior: f64,
    /// Of an instrument: words one of which stands in the metric it measures ("pressure"); empty for any.
    #[serde(default)]
    pub measures: Vec<String>,
    /// Speaks for it, in the order of appearance.
    #[serde(rename = "for")]
    pub supports: Vec<WeightedText>,
    /// Speaks against it.
    #[serde(default)]
    pub against: Vec<WeightedText>,
    /// What no signal tells and a person should look at.
    #[serde(default)]
    pub ask: Vec<Names>,
    /// Hours from the first sign to the failure.
    #[serde(default)]
    pub lead_h: Option<[f64; 2]>,
    /// Look-alikes.
    #[serde(default)]
    pub confusers: Vec<ConfuserText>,
    /// What to do.
    #[serde(default)]
    pub actions: Vec<ActionText>,
}

impl RuleText {
    /// Whether the rule may be asked about an instrument of this metric.
    pub(super) fn is_about(&self, metric: &str) -> bool {
        self.measures.is_empty()
            || self
                .measures
                .iter()
                .any(|word| metric.contains(word.as_str()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackText {
    pack: String,
    version: u32,
    names: Names,
    #[serde(default)]
    families: Vec<String>,
    rules: Vec<RuleText>,
}

/// A condition that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// As written.
    pub text: String,
    /// As read.
    pub condition: Condition,
    /// Weight.
    pub weight: u8,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Everything but the conditions, as written.
    pub text: RuleText,
    /// Speaks for it.
    pub supports: Vec<Weighted>,
    /// Speaks against it.
    pub against: Vec<Weighted>,
}

/// A pack.
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    /// Id.
    pub id: String,
    /// Version of the data.
    pub version: u32,
    /// Names.
    pub names: Names,
    /// Families; empty means every family.
    pub families: Vec<String>,
    /// Rules.
    pub rules: Vec<Rule>,
}

impl Pack {
    /// Whether the pack is for a family.
    #[must_use]
    pub fn fits(&self, family: &str) -> bool {
        self.families.is_empty() || self.families.iter().any(|f| f == family)
    }
}

/// Line of the first place where a text stands in quotes.
fn line_of(file: &str, text: &str) -> usize {
    let quoted = serde_json::Value::String(text.to_owned()).to_string();
    let at = file.find(&quoted).unwrap_or(0);
    file[..at].matches('\n').count() + 1
}

/// Reads a pack. `knows` tells whether a family expects a metric (patterns come as written).
///
/// # Errors
/// Every finding, in the order of the file where it can be told.
pub fn read_pack(file: &str, knows: &dyn Fn(&str, &str) -> bool) -> Result<Pack, Vec<PackError>> {
    let one = |code, line, word: String| vec![PackError { code, line, word }];
    if file.len() > MAX_PACK_BYTES {
        return Err(one("pack.too_large", 1, file.len().to_string()));
    }
    let text: PackText = serde_json::from_str(file).map_err(|error| {
        let detail = iq_domain::neutralise(&error.to_string(), 160);
        one("pack.not_readable", error.line().max(1), detail)
    })?;
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    if text.version == 0 {
        errors.extend(one(
            "pack.version",
            line_of(file, &text.pack),
            text.pack.clone(),
        ));
    }
    if text.rules.is_empty() {
        errors.extend(one("pack.empty", 1, text.pack.clone()));
    }
    let mut rules = Vec::new();
    for rule in text.rules {
        let line = line_of(file, &rule.id);
        if !seen.insert(rule.id.clone()) {
            errors.extend(one("pack.rule_twice", line, rule.id.clone()));
        }
        errors.extend(facts(&rule).map(|code| PackError {
            code,
            line,
            word: rule.id.clone(),
        }));
        let mut conditions = |texts: &[WeightedText]| {
            texts
                .iter()
                .filter_map(|t| weighted(file, &text.families, t, knows, &mut errors))
                .collect::<Vec<_>>()
        };
        let (supports, against) = (conditions(&rule.supports), conditions(&rule.against));
        rules.push(Rule {
            text: rule,
            supports,
            against,
        });
    }
    if errors.is_empty() {
        Ok(Pack {
            id: text.pack,
            version: text.version,
            names: text.names,
            families: text.families,
            rules,
        })
    } else {
        Err(errors)
    }
}

/// What is wrong with the plain facts of a rule.
fn facts(rule: &RuleText) -> impl Iterator<Item = &'static str> {
    let named = |n: &Names| !n.en.trim().is_empty() && !n.ar.trim().is_empty();
    let bilingual = named(&rule.names)
        && rule.ask.iter().all(named)
        && rule.confusers.iter().all(|c| named(&c.by))
        && rule.actions.iter().all(|a| {
            named(&a.names)
                && a.skill.as_ref().is_none_or(named)
                && a.spares.as_ref().is_none_or(named)
        });
    let id_ok = !rule.id.is_empty()
        && rule.id.len() <= 24
        && rule
            .id
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
    [
        (!(rule.prior > 0.0 && rule.prior < 1.0)).then_some("pack.prior"),
        (!bilingual).then_some("pack.names_missing"),
        (!id_ok).then_some("pack.rule_id"),
        rule.supports.is_empty().then_some("pack.no_evidence"),
        rule.actions.is_empty().then_some("pack.no_action"),
    ]
    .into_iter()
    .flatten()
}

fn weighted(
    file: &str,
    families: &[String],
    text: &WeightedText,
    knows: &dyn Fn(&str, &str) -> bool,
    errors: &mut Vec<PackError>,
) -> Option<Weighted> {
    let line = line_of(file, &text.when);
    let mut wrong = |code, word: &str| {
        errors.push(PackError {
            code,
            line,
            word: word.to_owned(),
        });
    };
    if !(1..=3).contains(&text.w) {
        wrong("pack.weight", &text.w.to_string());
    }
    let condition = match language::parse(&text.when) {
        Ok(condition) => condition,
        Err(error) => {
            wrong(error.code, &error.word);
            return None;
        }
    };
    for metric in condition.metrics() {
        if !families.is_empty() && !families.iter().any(|f| knows(f, metric)) {
            wrong("pack.metric_unknown", metric);
        }
    }
    Some(Weighted {
        text: text.when.clone(),
        condition,
        weight: text.w,
    })
}

macro_rules! packs {
    ($($name:literal),+ $(,)?) => {
        [$(include_str!(concat!("../../packs/", $name, ".json"))),+]
    };
}

/// The packs that are part of the program, as files.
pub const BUILT_IN_FILES: [&str; 17] = packs!(
    "centrifugal_compressor",
    "centrifugal_pump",
    "common_cause",
    "control_valve",
    "electric_motor",
    "fan_blower",
    "fired_heater",
    "gas_turbine",
    "gearbox",
    "hx_air_cooler",
    "hx_shell_tube",
    "instrument",
    "positive_displacement_pump",
    "reciprocating_compressor",
    "steam_turbine",
    "tank",
    "vessel",
);

static BUILT_IN: LazyLock<Vec<Pack>> = LazyLock::new(|| {
    BUILT_IN_FILES
        .into_iter()
        .map(|file| {
            read_pack(file, &|_, _| true)
                .expect("the packs are part of the program and read by its tests")
        })
        .collect()
});

/// The packs that are part of the program.
#[must_use]
pub fn built_in() -> &'static [Pack] {
    &BUILT_IN
}
