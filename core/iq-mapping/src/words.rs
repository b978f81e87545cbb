//! The texts of a tag taken apart: words, what they stand for, and the function letters of an
//! instrument.

use std::collections::BTreeSet;

use crate::fold::{fold_char, without_article};

/// Longest text that is looked at, so that a hostile name costs no time.
const MAX_CHARS: usize = 512;

/// The texts of a tag taken apart.
pub(crate) struct Words {
    /// Words of the name.
    pub(crate) name: Vec<String>,
    /// Words between separators, folded ("10204a"); name and path only.
    pub(crate) raw: Vec<String>,
    /// Words of the description, folded.
    pub(crate) described: Vec<String>,
    /// Letters of those words and of the description, split at digits, with synonyms resolved.
    pub(crate) meaning: BTreeSet<String>,
    /// Function letters after ISA-5.1 ("vt", "pdt"), from the name.
    pub(crate) letters: Option<String>,
}

impl Words {
    pub(crate) fn of(name: &str, path: &str, description: &str) -> Self {
        let (mut name, mut path, description) = (
            spelled(loops(split(name))),
            spelled(loops(split(path))),
            spelled(split(description)),
        );
        let letters = name.iter().find(|w| is_isa(w)).cloned();
        // "PV" at the end of every tag of a transmitter says nothing; at a controller it names the value.
        if letters.as_ref().is_some_and(|l| !l.contains('c')) && name.len() > 2 {
            name.retain(|w| w != "pv");
            // A path often ends in the name.
            path.retain(|w| w != "pv");
        }
        let mut meaning: BTreeSet<String> = name
            .iter()
            .chain(&path)
            .chain(&description)
            .flat_map(|word| meanings(word))
            .collect();
        if meaning.contains("drive") && meaning.contains("end") {
            let side = if meaning.contains("non") { "nde" } else { "de" };
            meaning.insert(side.to_owned());
        }
        let raw = name
            .iter()
            .chain(&path)
            .chain(&description)
            .cloned()
            .collect();
        Self {
            name,
            raw,
            described: description,
            meaning,
            letters,
        }
    }
}

/// The folded words of a text, split at separators and at humps ("BrgTemp").
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in text.chars().take(MAX_CHARS).filter_map(fold_char) {
        let is_hump = before.is_lowercase() && c.is_uppercase();
        // "١٠٢أ" and "tempDE" are two things each: scripts don't mix inside a word.
        let is_seam = is_arabic(before) != is_arabic(c) && before.is_alphabetic();
        if (!c.is_alphanumeric() || is_hump || is_seam) && !word.is_empty() {
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

/// Loop names written in one go come apart: "100tt10254a" → "100", "tt", "10254a".
pub(crate) fn loops(words: Vec<String>) -> Vec<String> {
    words
        .into_iter()
        .flat_map(|word| loop_parts(&word).unwrap_or_else(|| vec![word]))
        .collect()
}

fn loop_parts(word: &str) -> Option<Vec<String>> {
    let is_digit = |c: char| c.is_ascii_digit();
    let rest = word.trim_start_matches(is_digit);
    let unit = &word[..word.len() - rest.len()];
    let number = rest.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let letters = &rest[..rest.len() - number.len()];
    let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let is_loop = digits.len() >= 4
        && digits.chars().all(is_digit)
        && number.len() - digits.len() <= 1
        && unit.len() <= 4
        && is_isa(letters);
    is_loop.then(|| {
        [unit, letters, number]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    })
}

/// Words that say in one go what is measured and where ("PSUC") come apart. Before the number of a loop the same
/// letters are an instrument's: "PDIS-10204" is a switch of a differential pressure.
fn spelled(words: Vec<String>) -> Vec<String> {
    let is_number = |word: &String| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.bytes().filter(u8::is_ascii_digit).count() >= 3
    };
    let mut all = Vec::with_capacity(words.len());
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.next() {
        match measured_at(&word).filter(|_| !rest.peek().is_some_and(is_number)) {
            Some(said) => all.extend(said.map(str::to_owned)),
            None => all.push(word),
        }
    }
    all
}

/// What is measured, and where. Left out is what is a word of its own ("pin", "tin", "fin").
fn measured_at(word: &str) -> Option<[&'static str; 2]> {
    Some(match word {
        "psuc" | "psuct" => ["pressure", "suction"],
        "pdis" | "pdisch" | "pdsch" | "pdschg" => ["pressure", "discharge"],
        "pinl" => ["pressure", "inl"],
        "pout" | "poutl" => ["pressure", "out"],
        "pexh" => ["pressure", "exhaust"],
        "pdif" | "pdiff" => ["pressure", "diff"],
        "plo" | "plub" => ["pressure", "lo"],
        "tsuc" | "tsuct" => ["temperature", "suction"],
        "tdis" | "tdisch" | "tdsch" | "tdschg" => ["temperature", "discharge"],
        "tinl" => ["temperature", "inl"],
        "tout" | "toutl" => ["temperature", "out"],
        "texh" => ["temperature", "exhaust"],
        "tamb" => ["temperature", "ambient"],
        "tbrg" | "tbear" => ["temperature", "bearing"],
        "twdg" | "twind" => ["temperature", "winding"],
        "tlo" | "tlub" => ["temperature", "lo"],
        "vde" | "vibde" => ["vibration", "de"],
        "vnde" | "vibnde" => ["vibration", "nde"],
        "imot" | "imtr" => ["current", "motor"],
        _ => return None,
    })
}

fn is_arabic(c: char) -> bool {
    ('\u{0600}'..='\u{06FF}').contains(&c)
}

/// What a word stands for in metric keys; a word may say two things ("pdt": pressure, differential).
pub(crate) fn meanings(word: &str) -> Vec<String> {
    let letters = word.trim_matches(|c: char| c.is_ascii_digit());
    let letters = without_article(letters);
    // The letter at the end of a loop number names the machine, not a phase.
    let is_of_loop = letters.len() == 1 && word.bytes().filter(u8::is_ascii_digit).count() >= 3;
    if letters.is_empty() || is_of_loop {
        return Vec::new();
    }
    let known = latin(letters).or_else(|| arabic(letters));
    known.map_or_else(
        || vec![letters.to_owned()],
        |known| known.iter().map(|&w| w.to_owned()).collect(),
    )
}

/// Abbreviations plants use.
fn latin(letters: &str) -> Option<&'static [&'static str]> {
    Some(match letters {
        "vib" | "vibr" | "vibs" | "velocity" => &["vibration"],
        "acc" | "accel" | "env" => &["acceleration"],
        "temp" | "tmp" | "temperature" | "rtd" => &["temperature"],
        "press" | "prs" | "pres" => &["pressure"],
        "dp" | "diff" | "delta" | "pdi" | "pdt" | "dpt" => &["differential", "dp", "pressure"],
        "flw" | "flowrate" => &["flow"],
        "lvl" | "lev" => &["level"],
        "spd" | "rpm" => &["speed"],
        "pos" | "position" | "zt" => &["position"],
        "curr" | "amps" | "amp" | "cur" => &["current"],
        "volt" | "volts" | "vlt" => &["voltage"],
        "pwr" | "mw" | "kw" => &["active", "power"],
        "suct" | "suc" | "suction" => &["suction"],
        "inl" | "in" => &["suction", "inlet"],
        "disch" | "dis" | "dschg" | "disc" => &["discharge"],
        "out" | "outl" => &["discharge", "outlet", "output", "out"],
        "brg" | "brgs" | "bearing" => &["bearing"],
        "wdg" | "stator" | "wndg" | "windings" => &["winding"],
        "lo" => &["lube", "oil"],
        "lub" | "lube" => &["lube"],
        "run" | "running" | "status" | "xi" | "stat" | "sts" | "xs" => &["run", "status"],
        "exh" => &["exhaust"],
        "amb" => &["ambient"],
        "sp" => &["setpoint"],
        "pv" => &["process", "value"],
        "op" | "mv" | "co" => &["controller", "output"],
        "fltr" | "flt" => &["filter"],
        "strnr" | "str" => &["strainer"],
        "stm" => &["steam"],
        "thr" => &["thrust"],
        "ax" => &["axial"],
        "mtr" | "mot" => &["motor"],
        "pmp" => &["pump"],
        "comp" | "compr" => &["compressor"],
        "vlv" => &["valve"],
        "hx" | "exch" | "exchr" => &["exchanger"],
        "gbx" | "gear" => &["gearbox"],
        "turb" => &["turbine"],
        "sg" => &["seal", "gas"],
        "fg" => &["fuel", "gas"],
        "ia" => &["supply"],
        "act" => &["actuator"],
        "ph" => &["phase"],
        "avg" => &["average"],
        "o2" => &["o2"],
        _ => return None,
    })
}

/// Words of Arabic descriptions, folded and without their article.
fn arabic(letters: &str) -> Option<&'static [&'static str]> {
    Some(match letters {
        "حراره" => &["temperature"],
        "ضغط" => &["pressure"],
        "تدفق" | "جريان" | "سريان" => &["flow"],
        "منسوب" | "مستوي" => &["level"],
        "اهتزاز" | "اهتزازات" => &["vibration"],
        "تسارع" => &["acceleration"],
        "سرعه" | "دوران" => &["speed"],
        "تيار" => &["current"],
        "جهد" => &["voltage"],
        "قدره" => &["active", "power"],
        "محمل" | "محامل" | "كرسي" => &["bearing"],
        "محرك" => &["motor"],
        "مضخه" | "طلمبه" => &["pump"],
        "ضاغط" => &["compressor"],
        "توربين" => &["turbine"],
        "مروحه" => &["fan"],
        "صمام" => &["valve", "position"],
        "خزان" => &["tank"],
        "فرن" => &["heater"],
        "مبادل" => &["exchanger"],
        "سحب" => &["suction"],
        "طرد" | "دفع" => &["discharge", "thrust"],
        "مدخل" | "دخول" => &["inlet"],
        "مخرج" | "خروج" => &["outlet"],
        "زيت" => &["oil"],
        "تزييت" | "تشحيم" => &["lube"],
        "ملفات" | "ملف" => &["winding"],
        "موضع" | "فتحه" => &["position"],
        "فرق" => &["differential", "dp"],
        "مرشح" | "فلتر" => &["filter"],
        "مصفاه" => &["strainer"],
        "عادم" => &["exhaust"],
        "بخار" => &["steam"],
        "وقود" => &["fuel"],
        "غاز" => &["gas"],
        "مدخنه" => &["stack"],
        "لهب" | "شعله" => &["flame"],
        "تشغيل" | "حاله" | "يعمل" => &["run", "status"],
        "متحكم" => &["controller"],
        "خرج" => &["output"],
        "تسرب" => &["seal"],
        "وعاء" => &["pot"],
        "ساخن" => &["hot"],
        "بارد" => &["cold"],
        "محوري" => &["axial"],
        "قياده" => &["de"],
        "حر" => &["nde"],
        "طور" => &["phase"],
        "قيمه" => &["value"],
        "عمليه" => &["process"],
        "تغذيه" => &["supply", "feed"],
        "مشغل" => &["actuator"],
        _ => return None,
    })
}

/// Function letters of an instrument: a measured variable, then transmitter, indicator, controller …
pub(crate) fn is_isa(word: &str) -> bool {
    (2..=4).contains(&word.len())
        && word.starts_with(|c| "aefijlpstvxzb".contains(c))
        && word.ends_with(|c| "titecaysr".contains(c))
        && word.chars().skip(1).all(|c| "titecadysr".contains(c))
}

/// Whether the first letters of an instrument measure what the metric is.
pub(crate) fn is_measured(letters: &str, keys: &[&str]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_and_where_comes_apart_but_for_instruments_and_words() {
        let said = |name: &str| Words::of(name, "", "").meaning;
        for (name, expected) in [
            ("P-101A.PSUC", ["pressure", "suction"]),
            ("P101A_PDIS", ["pressure", "discharge"]),
            ("K202/TDisch", ["temperature", "discharge"]),
            ("GT1_TEXH", ["temperature", "exhaust"]),
            ("P-101A VDE", ["vibration", "de"]),
        ] {
            let meaning = said(name);
            assert!(
                expected.iter().all(|word| meaning.contains(*word)),
                "{name}: {meaning:?}"
            );
            assert_eq!(Words::of(name, "", "").letters, None, "{name}");
        }
        // A switch of a differential pressure, and words that only begin alike.
        for name in ["100-PDIS-10204A", "PDIS10204A", "PDIS 101"] {
            assert!(!said(name).contains("discharge"), "{name}");
            assert_eq!(Words::of(name, "", "").letters.as_deref(), Some("pdis"));
        }
        for name in ["TK-108 PIN", "PLOT 3", "TOUTED", "PDISPLAY", "FIN FAN"] {
            let meaning = said(name);
            assert!(
                !meaning.contains("pressure") && !meaning.contains("temperature"),
                "{name}: {meaning:?}"
            );
        }
    }
}
