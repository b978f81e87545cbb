//! Whether the words of an alarm say that protection stopped its machine. Control systems and people write
//! it in many ways, and name a trip as well where none happened: its limit, its test, its reset.

use iq_domain::folded;

/// Words of their own: "TRIP", not "strip". All as [`folded`] leaves them.
const TRIPS: [&str; 11] = [
    "trip",
    "trips",
    "tripped",
    "tripping",
    "esd",
    "shutdown",
    "فصل",
    "انفصل",
    "انفصلت",
    "فصلت",
    "انفصال",
];
/// Two words, one after the other.
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
/// Beside a word for a trip they say that there was none, or that it is about something else.
const NO_TRIP: [&str; 35] = [
    "pre",
    "pretrip",
    "near",
    "no",
    "not",
    "without",
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
    "approaching",
    "healthy",
    "normal",
    "armed",
    "counter",
    "disabled",
    "planned",
    "scheduled",
    "قبل",
    "قرب",
    "قريب",
    "حد",
    "تجاوز",
    "اختبار",
];
/// Two words that stand for one of those.
const NO_TRIP_PAIRS: [(&str, &str); 4] = [
    ("set", "point"),
    ("اعاده", "ضبط"),
    ("لم", "يحدث"),
    ("نقطه", "ضبط"),
];
/// How far from the word for the trip the others are looked for.
const NEAR: usize = 2;

/// Whether a text says that protection stopped the machine.
pub(crate) fn says_trip(text: &str) -> bool {
    let folded = folded(text);
    let words: Vec<&str> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(without_article)
        .collect();
    let is_pair = |at: usize, pairs: &[(&str, &str)]| {
        let next = words.get(at + 1);
        next.is_some_and(|next| pairs.contains(&(words[at], next)))
    };
    (0..words.len()).any(|at| {
        let length = if TRIPS.contains(&words[at]) {
            1
        } else if is_pair(at, &PAIRS) {
            2
        } else {
            return false;
        };
        let around = at.saturating_sub(NEAR)..(at + length + NEAR).min(words.len());
        !around
            .into_iter()
            .any(|i| NO_TRIP.contains(&words[i]) || is_pair(i, &NO_TRIP_PAIRS))
    })
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
