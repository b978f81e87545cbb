//! Proposes assets and signals for the tags of exported files whose plant nobody has described yet: the
//! equipment from the letters and number in the tag, the family from those letters or from what is
//! measured on it, the metric by the tag matcher, the unit from the head of the file. A person confirms.

use std::collections::{BTreeMap, HashMap, HashSet};

use iq_domain::{AssetId, Message, Names};

use crate::{
    Lessons, SuggestAsset, Suggester, TagInfo, catalogue, find_unit,
    units::conversion,
    words::{is_isa, loops, split},
};

/// What engineers call machines and vessels, after the usual letters of equipment lists.
const LETTERS: [(&str, &[&str]); 15] = [
    ("centrifugal_pump", &["p"]),
    ("positive_displacement_pump", &["pd"]),
    ("electric_motor", &["pm", "em", "km", "m", "mtr"]),
    ("centrifugal_compressor", &["k", "c"]),
    ("reciprocating_compressor", &["rc", "kr"]),
    ("gas_turbine", &["gt"]),
    ("steam_turbine", &["st", "stg"]),
    ("gearbox", &["gb", "gr"]),
    ("fan_blower", &["b", "bl", "fn", "fd", "id"]),
    ("fired_heater", &["h", "f", "fh"]),
    ("hx_shell_tube", &["e", "hx", "he", "ex"]),
    ("hx_air_cooler", &["ac", "ea", "ae"]),
    ("tank", &["tk"]),
    ("vessel", &["v", "d", "t", "s", "r", "vs"]),
    ("control_valve", &["fv", "tv", "pv", "lv", "cv", "hv", "xv"]),
];
/// The family of what can't be told.
const UNKNOWN_FAMILY: &str = "vessel";
/// A loop number of at least so many digits starts with the three of its equipment.
const LOOP_DIGITS: usize = 5;
const MAX_METRIC_CHARS: usize = 60;

/// A tag of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTag {
    /// The tag.
    pub tag: String,
    /// Unit as the file names it.
    pub unit: Option<String>,
    /// It has values; else it is a source of alarms alone.
    pub has_values: bool,
}

/// An asset the tags speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedAsset {
    /// Code.
    pub code: String,
    /// Family key.
    pub family: String,
    /// It exists.
    pub is_known: bool,
    /// The family was told by the letters of the code; else by what is measured, or guessed.
    pub is_sure: bool,
    /// Tags that speak of it.
    pub tags: u64,
}

/// Where the values of a tag would go.
#[derive(Clone, Debug, PartialEq)]
pub struct ProposedSignal {
    /// The tag.
    pub tag: String,
    /// Code of the asset; `None` where the tag names nothing that looks like one.
    pub asset_code: Option<String>,
    /// Metric: of the family, or an own one made of the tag's words.
    pub metric: Option<String>,
    /// Unit of the file, where the catalogue knows it.
    pub unit: String,
    /// 0–1; 0 for an own metric.
    pub score: f64,
    /// Why.
    pub reasons: Vec<Message>,
}

/// What is proposed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    /// Assets, by code.
    pub assets: Vec<ProposedAsset>,
    /// Signals, in the order of the tags.
    pub signals: Vec<ProposedSignal>,
}

/// The equipment a tag names by its code, as lists write it: "k202.VIB" → "K-202". `None` for
/// instruments ("200-PT-20211") and for tags without such a code.
#[must_use]
pub fn equipment_code(tag: &str) -> Option<String> {
    let name = tag.rsplit('=').next().unwrap_or(tag);
    let chars: Vec<char> = name.chars().take(512).collect();
    (0..chars.len()).find_map(|at| code_at(&chars, at))
}

fn code_at(chars: &[char], at: usize) -> Option<String> {
    let is_start = at == 0 || !chars[at - 1].is_ascii_alphanumeric();
    let run = |from: usize, is: fn(&char) -> bool| {
        chars[from.min(chars.len())..]
            .iter()
            .take_while(|c| is(c))
            .count()
    };
    let letters = run(at, char::is_ascii_alphabetic);
    if !is_start || !(1..=3).contains(&letters) {
        return None;
    }
    let prefix: String = chars[at..at + letters].iter().collect();
    let mut digits_at = at + letters;
    if matches!(chars.get(digits_at), Some('-' | '_' | ' ')) {
        digits_at += 1;
    }
    let digits = run(digits_at, char::is_ascii_digit);
    let after = digits_at + digits;
    let suffix = run(after, char::is_ascii_alphabetic);
    let is_end = chars
        .get(after + suffix)
        .is_none_or(|c| !c.is_ascii_alphanumeric());
    let is_instrument = family_of(&prefix).is_none() && is_isa(&prefix.to_lowercase());
    if !(2..LOOP_DIGITS).contains(&digits) || suffix > 1 || !is_end || is_instrument {
        return None;
    }
    let rest: String = chars[digits_at..after + suffix].iter().collect();
    Some(format!("{prefix}-{rest}").to_uppercase())
}

/// The number of the equipment an instrument belongs to: "100-PT-10201A" and
/// "100PT10201A.PV" → "102A".
fn loop_code(tag: &str) -> Option<String> {
    loops(split(tag)).iter().find_map(|word| {
        let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
        let suffix = &word[digits.len()..];
        let fits = (LOOP_DIGITS..=6).contains(&digits.len())
            && suffix.len() <= 1
            && suffix.chars().all(|c| c.is_ascii_alphabetic());
        fits.then(|| format!("EQ-{}{}", &digits[..3], suffix.to_uppercase()))
    })
}

fn family_of(prefix: &str) -> Option<&'static str> {
    let prefix = prefix.to_lowercase();
    let found = LETTERS
        .iter()
        .find(|(_, all)| all.contains(&prefix.as_str()));
    found.map(|(family, _)| *family)
}

/// Proposes a place for every tag. Existing assets are taken before new ones are proposed.
#[must_use]
pub fn propose(tags: &[FileTag], known: &[SuggestAsset], lessons: &Lessons) -> Proposal {
    let codes: HashMap<String, &SuggestAsset> =
        known.iter().map(|a| (a.code.to_uppercase(), a)).collect();
    let stored = Suggester::new(known, lessons.clone());
    let named: Vec<Option<String>> = tags
        .iter()
        .map(|tag| {
            let code = equipment_code(&tag.tag);
            if let Some(asset) = code.as_ref().and_then(|c| codes.get(c)) {
                return Some(asset.code.clone());
            }
            // An instrument of a machine that exists, or one people placed before.
            let best = stored.suggest(&info(tag)).into_iter().next();
            let owner = best.and_then(|s| known.iter().find(|a| a.id == s.asset));
            match owner {
                Some(asset) if code.is_none() => Some(asset.code.clone()),
                _ => code.or_else(|| loop_code(&tag.tag)),
            }
        })
        .collect();
    let owners = settle_loops(&named);
    let mut groups: BTreeMap<String, Vec<&FileTag>> = BTreeMap::new();
    for (tag, code) in tags.iter().zip(&owners) {
        if let Some(code) = code {
            groups.entry(code.clone()).or_default().push(tag);
        }
    }
    let assets: Vec<ProposedAsset> = groups
        .iter()
        .map(|(code, tags)| proposed_asset(code, tags, codes.get(&code.to_uppercase()).copied()))
        .collect();
    let signals = signals(tags, &owners, &assets, known, lessons);
    Proposal { assets, signals }
}

/// Loops of a machine that the files name too belong to it: "EQ-202" beside one "K-202" is that.
fn settle_loops(named: &[Option<String>]) -> Vec<Option<String>> {
    let number = |code: &str| code.split_once('-').map(|(_, rest)| rest.to_owned());
    let mut machines: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    for code in named.iter().flatten().filter(|c| !c.starts_with("EQ-")) {
        if let Some(n) = number(code) {
            machines.entry(n).or_default().insert(code.clone());
        }
    }
    named
        .iter()
        .map(|code| {
            let code = code.as_ref()?;
            let same = number(code).and_then(|n| machines.get(&n));
            match same {
                Some(one) if code.starts_with("EQ-") && one.len() == 1 => {
                    one.iter().next().cloned()
                }
                _ => Some(code.clone()),
            }
        })
        .collect()
}

fn info(tag: &FileTag) -> TagInfo {
    TagInfo {
        unit: tag.unit.clone().unwrap_or_default(),
        ..TagInfo::of_tag(&tag.tag)
    }
}

fn proposed_asset(code: &str, tags: &[&FileTag], known: Option<&SuggestAsset>) -> ProposedAsset {
    let prefix = code.split('-').next().unwrap_or_default();
    let by_letters = family_of(prefix).filter(|_| prefix != "EQ");
    let family = match (known, by_letters) {
        (Some(asset), _) => asset.family.clone(),
        (None, Some(family)) => family.to_owned(),
        (None, None) => family_by_metrics(code, tags),
    };
    ProposedAsset {
        code: code.to_owned(),
        family,
        is_known: known.is_some(),
        is_sure: known.is_some() || by_letters.is_some(),
        tags: tags.len() as u64,
    }
}

/// The family whose metrics explain most of the tags.
fn family_by_metrics(code: &str, tags: &[&FileTag]) -> String {
    let mut best = (0.0, UNKNOWN_FAMILY);
    for family in catalogue().families() {
        let one = [asset_of(code, &family.family)];
        let suggester = Suggester::new(&one, Lessons::default());
        let sum: f64 = tags
            .iter()
            .filter_map(|tag| suggester.suggest(&info(tag)).first().map(|s| s.score))
            .sum();
        if sum > best.0 + 1e-9 {
            best = (sum, &family.family);
        }
    }
    best.1.to_owned()
}

fn asset_of(code: &str, family: &str) -> SuggestAsset {
    SuggestAsset {
        id: AssetId::new(),
        // The matcher knows a machine by the number in its loops.
        code: code.strip_prefix("EQ-").unwrap_or(code).to_owned(),
        family: family.to_owned(),
        names: Names::default(),
    }
}

/// Each tag on its asset: the sure ones choose first, and a metric is given once.
fn signals(
    tags: &[FileTag],
    owners: &[Option<String>],
    assets: &[ProposedAsset],
    known: &[SuggestAsset],
    lessons: &Lessons,
) -> Vec<ProposedSignal> {
    let matchers: HashMap<&str, (&ProposedAsset, Suggester)> = assets
        .iter()
        .map(|asset| {
            let stored = known.iter().find(|k| k.code == asset.code).cloned();
            let one = [stored.unwrap_or_else(|| asset_of(&asset.code, &asset.family))];
            let suggester = Suggester::new(&one, lessons.clone());
            (asset.code.as_str(), (asset, suggester))
        })
        .collect();
    let mut found: Vec<ProposedSignal> = Vec::new();
    let mut guesses = Vec::new();
    for (index, (tag, owner)) in tags.iter().zip(owners).enumerate() {
        let matcher = owner.as_deref().and_then(|code| matchers.get(code));
        let unit = tag.unit.as_deref().and_then(find_unit);
        found.push(ProposedSignal {
            tag: tag.tag.clone(),
            asset_code: owner.clone(),
            metric: None,
            unit: unit.map(|u| u.symbol.clone()).unwrap_or_default(),
            score: 0.0,
            reasons: Vec::new(),
        });
        if let Some((_, suggester)) = matcher.filter(|_| tag.has_values) {
            guesses.extend(
                suggester
                    .suggest(&info(tag))
                    .into_iter()
                    .map(|s| (index, s)),
            );
        }
    }
    guesses.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(a.0.cmp(&b.0)));
    let mut taken: HashSet<(String, String)> = HashSet::new();
    for (index, guess) in guesses {
        let signal = &mut found[index];
        let Some(code) = signal.asset_code.clone() else {
            continue;
        };
        let family = matchers
            .get(code.as_str())
            .map_or("", |(a, _)| a.family.as_str());
        if signal.metric.is_none()
            && fits(family, &guess.metric, &signal.unit)
            && taken.insert((code, guess.metric.clone()))
        {
            signal.metric = Some(guess.metric);
            signal.score = guess.score;
            signal.reasons = guess.reasons;
        }
    }
    for (signal, tag) in found.iter_mut().zip(tags) {
        if let (None, Some(code), true) = (&signal.metric, &signal.asset_code, tag.has_values) {
            signal.metric = Some(own_metric(&signal.tag, code, &mut taken));
            if signal.unit.is_empty() {
                // A number whose unit nobody told.
                "1".clone_into(&mut signal.unit);
            }
        }
    }
    found
}

/// A unit of another dimension than the metric's can't be stored in it.
fn fits(family: &str, metric: &str, unit: &str) -> bool {
    let target = catalogue().metric(family, metric).map_or("", |m| &m.unit);
    unit.is_empty() || target.is_empty() || conversion(unit, target).is_ok()
}

/// A metric key made of what the tag says beside the code.
fn own_metric(tag: &str, code: &str, taken: &mut HashSet<(String, String)>) -> String {
    let plain: String = split(code).concat();
    let words: Vec<String> = split(tag)
        .into_iter()
        .filter(|w| *w != plain && !split(code).contains(w))
        .map(|w| {
            w.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
        })
        .filter(|w| !w.is_empty())
        .collect();
    let mut key: String = words.join("_").chars().take(MAX_METRIC_CHARS - 4).collect();
    if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
        key = format!("tag_{key}");
    }
    let mut candidate = key.trim_end_matches('_').to_owned();
    let mut n = 2;
    while !taken.insert((code.to_owned(), candidate.clone())) {
        candidate = format!("{key}_{n}");
        n += 1;
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(tag: &str, unit: &str) -> FileTag {
        FileTag {
            tag: tag.into(),
            unit: Some(unit.into()).filter(|u: &String| !u.is_empty()),
            has_values: true,
        }
    }

    #[test]
    fn a_code_is_read_in_the_ways_people_write_it() {
        for (text, expected) in [
            ("K-202.FLOW", Some("K-202")),
            ("k202_speed", Some("K-202")),
            ("P 102A/VIB_DE", Some("P-102A")),
            ("ns=2;s=Plant.PM-102A.CurrentA", Some("PM-102A")),
            ("X-123.VIB", Some("X-123")),
            ("100-PT-10201A", None),
            ("TI-101", None),
            ("XMEAS_1", None),
            ("Reactor pressure", None),
            ("", None),
            ("مضخة", None),
        ] {
            assert_eq!(equipment_code(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_empty_plant_gets_assets_with_their_metrics() {
        let tags = [
            tag("K-202.FLOW", "m3/h"),
            tag("K-202.SUCTION_PRESSURE", "bar"),
            tag("K-202.VIB_DE", "um"),
            tag("200-ST-20214", "rpm"),
            tag("TK-108.LEVEL", "m"),
            tag("Ambient", "degC"),
        ];
        let proposal = propose(&tags, &[], &Lessons::default());
        let assets: Vec<_> = proposal
            .assets
            .iter()
            .map(|a| (a.code.as_str(), a.family.as_str(), a.is_known, a.tags))
            .collect();
        assert_eq!(
            assets,
            [
                ("K-202", "centrifugal_compressor", false, 4),
                ("TK-108", "tank", false, 1)
            ]
        );
        let place = |n: usize| {
            let s: &ProposedSignal = &proposal.signals[n];
            (
                s.asset_code.as_deref(),
                s.metric.as_deref(),
                s.unit.as_str(),
            )
        };
        assert_eq!(place(1), (Some("K-202"), Some("suction_pressure"), "bar"));
        assert_eq!(place(3), (Some("K-202"), Some("speed"), "rpm"));
        assert_eq!(place(4), (Some("TK-108"), Some("level"), "m"));
        assert_eq!(place(5), (None, None, "degC"));
    }

    #[test]
    fn a_metric_is_given_once_and_never_with_a_unit_it_cannot_have() {
        let tags = [
            tag("P-1.FLOW", "m3/h"),
            tag("P-10.FLOW", "m3/h"),
            tag("P-10.FLOW.2", "m3/h"),
            tag("P-10.FLOW.3", "degC"),
            tag("P-10.strange thing", ""),
        ];
        let proposal = propose(&tags, &[], &Lessons::default());
        let keys: HashSet<_> = proposal
            .signals
            .iter()
            .filter_map(|s| Some((s.asset_code.clone()?, s.metric.clone()?)))
            .collect();
        let placed = proposal
            .signals
            .iter()
            .filter(|s| s.metric.is_some())
            .count();
        assert_eq!(keys.len(), placed, "{proposal:?}");
        assert_ne!(proposal.signals[3].metric.as_deref(), Some("flow"));
        let last = &proposal.signals[4];
        assert_eq!(
            (last.metric.as_deref(), last.unit.as_str(), last.score),
            (Some("strange_thing"), "1", 0.0)
        );
    }

    #[test]
    fn loops_without_a_machine_become_one_by_what_they_measure() {
        let tags = [
            tag("100-VT-10204A vibration DE", "mm/s"),
            tag("100-PT-10201A suction pressure", "bar"),
            tag("100-PT-10202A discharge pressure", "bar"),
            tag("100-FT-10203A flow", "m3/h"),
        ];
        let proposal = propose(&tags, &[], &Lessons::default());
        assert_eq!(proposal.assets.len(), 1, "{proposal:?}");
        let asset = &proposal.assets[0];
        assert_eq!((asset.code.as_str(), asset.is_sure), ("EQ-102A", false));
        assert!(asset.family.contains("pump"), "{}", asset.family);
    }

    #[test]
    fn loops_written_in_one_go_are_read_by_their_letters() {
        let tags = [
            tag("200FT20205.PV", "m3/h"),
            tag("200ST20214.PV", "rpm"),
            tag("200TT20217.PV", "degC"),
        ];
        let alone = propose(&tags, &[], &Lessons::default());
        assert_eq!(alone.assets.len(), 1, "{alone:?}");
        for (signal, word) in alone.signals.iter().zip(["flow", "speed", "temperature"]) {
            assert_eq!(signal.asset_code.as_deref(), Some("EQ-202"));
            let metric = signal.metric.as_deref().unwrap_or_default();
            assert!(metric.contains(word) && signal.score > 0.0, "{signal:?}");
        }
        let named: Vec<FileTag> = std::iter::once(tag("K-202.SUCTION_PRESSURE", "bar"))
            .chain(tags)
            .collect();
        let beside = propose(&named, &[], &Lessons::default());
        let codes: HashSet<_> = beside.signals.iter().map(|s| &s.asset_code).collect();
        assert_eq!(codes, HashSet::from([&Some("K-202".to_owned())]));
    }

    #[test]
    fn what_exists_is_taken_before_something_new_is_proposed() {
        let known = [SuggestAsset {
            id: AssetId::new(),
            code: "P-102A".into(),
            family: "positive_displacement_pump".into(),
            names: Names::default(),
        }];
        let tags = [tag("P102A.FLOW", "m3/h"), tag("100-PT-10201A", "bar")];
        let proposal = propose(&tags, &known, &Lessons::default());
        assert_eq!(proposal.assets.len(), 1, "{proposal:?}");
        let asset = &proposal.assets[0];
        assert!(asset.is_known && asset.family == "positive_displacement_pump");
    }

    #[test]
    fn the_demo_plant_is_found_from_its_codes() {
        let (mut right, mut all) = (0, 0);
        for line in include_str!("../../iq-plant/data/assets.csv")
            .lines()
            .skip(1)
        {
            let cells: Vec<&str> = line.split(',').collect();
            let code = equipment_code(&format!("{}.PV", cells[0]));
            let family = code
                .as_deref()
                .and_then(|c| family_of(c.split('-').next()?));
            right += usize::from(code.as_deref() == Some(cells[0]) && family == Some(cells[1]));
            all += 1;
        }
        assert!(right * 100 >= all * 85, "{right} of {all}");
    }
}
