//! How urgent the priority of a journal is, in numbers and words of the systems that export them.

use iq_domain::{Severity, folded};

/// All words as [`folded`] leaves them.
const CRITICAL: [&str; 15] = [
    "critical",
    "urgent",
    "emergency",
    "very high",
    "highest",
    "trip",
    "حرج",
    "طار",
    "عاجل",
    "قصو",
    "عاليه جدا",
    "عالي جدا",
    "مرتفعه جدا",
    "مرتفع جدا",
    "خطر",
];
const INFO: [&str; 9] = [
    "low",
    "info",
    "journal",
    "diagnostic",
    "log",
    "none",
    "منخفض",
    "معلوم",
    "اعلام",
];
const WARNING: [&str; 16] = [
    "high",
    "medium",
    "moderate",
    "warn",
    "major",
    "minor",
    "normal",
    "advisory",
    "caution",
    "عالي",
    "مرتفع",
    "متوسط",
    "تحذير",
    "مهم",
    "تنبيه",
    "عادي",
];

/// They say what it is not, and nothing of what it is.
const NOT: [&str; 5] = ["non", "not", "غير", "ليس", "ليست"];

/// What a priority says of an alarm that came; `None` where it is not understood. An empty one says nothing
/// more than that there was an alarm.
pub(crate) fn urgency(priority: &str) -> Option<Severity> {
    let folded = folded(priority);
    let words = || {
        let all = folded.split(|c: char| !c.is_alphanumeric());
        all.map(|word| word.strip_prefix("ال").unwrap_or(word))
    };
    let has_any = |known: &[&str]| known.iter().any(|word| folded.contains(word));
    // "Yellow" is not low, and "analog" no log.
    let begins_any =
        |known: &[&str]| words().any(|word| known.iter().any(|known| word.starts_with(known)));
    if folded.trim().is_empty() {
        Some(Severity::Warning)
    } else if words().any(|word| NOT.contains(&word) || word.starts_with("noncrit")) {
        None
    } else if has_any(&CRITICAL) {
        Some(Severity::Critical)
    } else if begins_any(&INFO) {
        Some(Severity::Info)
    } else if has_any(&WARNING) {
        Some(Severity::Warning)
    } else {
        number_in(&folded).map(urgency_of)
    }
}

/// 1 is the highest in most systems; OPC severities run up to 1,000, the highest worst.
const fn urgency_of(number: u32) -> Severity {
    match number {
        1 => Severity::Critical,
        2 | 3 | 101..=700 => Severity::Warning,
        0 | 4..=100 => Severity::Info,
        _ => Severity::Critical,
    }
}

/// The one number of "2", "P2", "٢" or "أولوية ٢".
fn number_in(text: &str) -> Option<u32> {
    let mut runs = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|run| !run.is_empty());
    let (first, more) = (runs.next()?, runs.next());
    // A spreadsheet writes 1 as 1.0.
    let is_nothing = |rest: &str| rest.chars().all(|c| c == '0');
    let number = || first.parse().ok();
    more.is_none_or(is_nothing).then(number).flatten()
}

#[cfg(test)]
mod tests {
    use iq_domain::Severity::{Critical, Info, Warning};

    use super::urgency;

    #[test]
    fn a_priority_is_understood_in_numbers_and_words() {
        for (priority, expected) in [
            ("1", Some(Critical)),
            ("١", Some(Critical)),
            ("۱", Some(Critical)),
            ("P1", Some(Critical)),
            ("1.0", Some(Critical)),
            ("أولوية ٢", Some(Warning)),
            ("3", Some(Warning)),
            ("4", Some(Info)),
            ("500", Some(Warning)),
            ("900", Some(Critical)),
            ("حرجة", Some(Critical)),
            ("طارئ", Some(Critical)),
            ("قصوى", Some(Critical)),
            ("عالية جدًّا", Some(Critical)),
            ("1 - Critical", Some(Critical)),
            ("عالية", Some(Warning)),
            ("High", Some(Warning)),
            ("Low", Some(Info)),
            ("معلومات", Some(Info)),
            ("أولوية منخفضة", Some(Info)),
            ("المنخفضة", Some(Info)),
            ("High (yellow)", Some(Warning)),
            ("Yellow", None),
            ("Non-critical", None),
            ("NONCRITICAL", None),
            ("No. 1", Some(Critical)),
            ("None", Some(Info)),
            ("غير حرجة", None),
            ("", Some(Warning)),
            ("  ", Some(Warning)),
            ("ZZ", None),
            ("1/2", None),
        ] {
            assert_eq!(urgency(priority), expected, "{priority}");
        }
    }
}
