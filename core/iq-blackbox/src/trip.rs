//! Whether the words of an alarm say that protection stopped its machine. Control systems and people write
//! it in many ways, and name a trip as well where none happened: its limit, its test, its reset.

use iq_domain::folded;

/// What protection did: only a word of denial right before takes it back.
const STOPPED: [&str; 5] = ["tripped", "tripping", "انفصل", "انفصلت", "فصلت"];
/// Names of the act, which also name what is set, tested or reset. Words of their own: "TRIP", not
/// "strip". All as [`folded`] leaves them.
const TRIPS: [&str; 6] = ["trip", "trips", "esd", "shutdown", "فصل", "انفصال"];
/// The same in two words, one after the other.
const PAIRS: [(&str, &str); 8] = [
    ("shut", "down"),
    ("emergency", "stop"),
    ("توقف", "طاري"),
    ("توقف", "اضطراري"),
    ("توقف", "وقايي"),
    ("ايقاف", "طاري"),
    ("ايقاف", "اضطراري"),
    ("ايقاف", "وقايي"),
];
/// Right before either, or before a word of [`PASSED_OVER`]: there was none.
const DENIED: [&str; 10] = [
    "no", "not", "never", "without", "pre", "nearly", "almost", "لا", "بدون", "دون",
];
/// Words between a denial or a subject and its trip that change nothing.
const PASSED_OVER: [&str; 15] = [
    "a",
    "an",
    "the",
    "any",
    "been",
    "yet",
    "emergency",
    "system",
    "relay",
    "signal",
    "logic",
    "function",
    "valve",
    "alarm",
    "is",
];
/// Up to two words before a name: it is about something else.
const ABOUT_BEFORE: [&str; 15] = [
    "near",
    "close",
    "approaching",
    "imminent",
    "before",
    "planned",
    "scheduled",
    "reset",
    "bypass",
    "bypassed",
    "override",
    "inhibit",
    "test",
    "below",
    "simulated",
];
/// Right before a name, where Arabic puts what it is about.
const ABOUT_RIGHT_BEFORE: [&str; 9] = [
    "قبل",
    "قرب",
    "قريب",
    "حد",
    "تجاوز",
    "اختبار",
    "موعد",
    "منع",
    "تعطيل",
];
/// The same in two words.
const ABOUT_PAIRS: [(&str, &str); 4] = [
    ("set", "point"),
    ("اعاده", "ضبط"),
    ("لم", "يحدث"),
    ("نقطه", "ضبط"),
];
/// Right after a name.
const ABOUT_AFTER: [&str; 30] = [
    "reset",
    "bypass",
    "bypassed",
    "override",
    "overridden",
    "inhibit",
    "inhibited",
    "setpoint",
    "limit",
    "margin",
    "test",
    "tested",
    "warning",
    "prealarm",
    "imminent",
    "healthy",
    "normal",
    "armed",
    "counter",
    "disabled",
    "circuit",
    "supervision",
    "مجدول",
    "مخطط",
    "مخططه",
    "اختباري",
    "وشيك",
    "معطل",
    "متجاوز",
    "طبيعي",
];

/// Whether a text says that protection stopped the machine.
pub(crate) fn says_trip(text: &str) -> bool {
    let folded = folded(text);
    let mut words: Vec<&str> = Vec::new();
    // Where the clause of each word begins: what stands before a comma is about something else.
    let mut begins: Vec<usize> = Vec::new();
    for clause in folded.split([',', '،', ';', '؛']) {
        let begin = words.len();
        let of_clause = clause
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty());
        words.extend(of_clause.map(without_article));
        begins.resize(words.len(), begin);
    }
    (0..words.len()).any(|at| {
        let (before, from) = words.split_at(at);
        let before = &before[begins[at]..];
        if STOPPED.contains(&from[0]) {
            return !is_denied(before);
        }
        let length = if TRIPS.contains(&from[0]) {
            1
        } else if begins_with(from, &PAIRS) {
            2
        } else {
            return false;
        };
        !is_denied(before) && !is_about_before(before) && !is_about_after(&from[length..])
    })
}

fn is_denied(before: &[&str]) -> bool {
    let mut words = before.iter().rev();
    let last = words.find(|word| !PASSED_OVER.contains(word));
    last.is_some_and(|word| DENIED.contains(word))
}

fn is_about_before(before: &[&str]) -> bool {
    let pair = before.len().saturating_sub(2);
    before
        .iter()
        .rev()
        .take(2)
        .any(|word| ABOUT_BEFORE.contains(word))
        || before
            .last()
            .is_some_and(|word| ABOUT_RIGHT_BEFORE.contains(word))
        || begins_with(&before[pair..], &ABOUT_PAIRS)
}

fn is_about_after(after: &[&str]) -> bool {
    let passed = after.iter().take_while(|word| PASSED_OVER.contains(word));
    let rest = &after[passed.count()..];
    rest.first().is_some_and(|word| ABOUT_AFTER.contains(word)) || begins_with(rest, &ABOUT_PAIRS)
}

fn begins_with(words: &[&str], pairs: &[(&str, &str)]) -> bool {
    matches!(words, [first, second, ..] if pairs.contains(&(first, second)))
}

fn without_article(word: &str) -> &str {
    word.strip_prefix("ال").unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::says_trip;

    #[test]
    fn a_trip_is_read_in_both_languages() {
        for text in [
            "P-810 TRIP low suction pressure",
            "K-310 tripped",
            "COMPRESSOR SHUTDOWN: VIBRATION HH",
            "K-310 shut down on high vibration",
            "ESD-2 activated",
            "Emergency stop pressed",
            "E-310 فصل وقائي: حرارة عالية جداً",
            "انفصلت المضخة P-101 بسبب انخفاض ضغط السحب",
            "توقّف طارئ للضاغط",
            "الفصل الوقائي للتوربين",
            "PSLL-101 Trip on low level",
            "P-101 tripped, no flow",
            "No flow: P-101 trip",
            "No 2 tripped",
            "TRIP HIGH LIMIT vibration",
            "Reset failed, tripped again",
            "Load test of K-310: tripped",
            "ESD not acknowledged",
            "تجاوز الحد، فصل المضخة",
            "فصل بعد اختبار التحميل",
        ] {
            assert!(says_trip(text), "{text}");
        }
    }

    #[test]
    fn what_only_names_a_trip_is_none() {
        for text in [
            "strip chart",
            "Pre-trip alarm",
            "Trip reset by operator",
            "Trip bypass active",
            "Near trip limit",
            "High level, 2 % below trip set point",
            "Trip test passed",
            "Planned shutdown of unit 300",
            "Planned unit shutdown",
            "P-101 did not trip",
            "Has not been tripped",
            "No emergency shutdown",
            "Trip system healthy",
            "Trip circuit supervision",
            "Trip set point changed",
            "الفصل مجدول يوم الأحد",
            "لم يحدث فصل",
            "بدون فصل",
            "إعادة ضبط الفصل",
            "اختبار الفصل",
            "قرب حد الفصل",
            "High temperature",
            "فاصل الزيت",
            "",
        ] {
            assert!(!says_trip(text), "{text}");
        }
    }
}
