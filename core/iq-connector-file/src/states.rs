//! What the state of an alarm in a journal says: it came, it went, somebody acknowledged it, or a person did
//! something else with it. Arabic and English, however the letters are pointed. What a row becomes with
//! that is the journal's business.

use iq_domain::folded;

/// What a state says of its alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It came, or there is no state.
    Activated,
    /// It went.
    Cleared,
    /// A person acknowledged it.
    Acknowledged,
    /// A person did something else with it.
    ByPerson,
    /// The word is not known. It is taken for a new alarm, the safe side, and has to be told of.
    Unknown,
}

/// Words that turn what follows within two words into its opposite.
const NOT: [&str; 17] = [
    "not", "no", "non", "un", "never", "without", "غير", "لم", "لن", "لا", "ليس", "ليست", "دون",
    "بدون", "بلا", "عدم", "قبل",
];
/// "No" and "is over" together say that it still is.
const STILL: [&str; 6] = ["يزال", "تزال", "زال", "زالت", "يزل", "تزل"];

/// Pieces of words: control systems write them together ("ALMRTN").
const OVER_PARTS: [&str; 9] = [
    "rtn", "clear", "inactiv", "deactiv", "return", "restor", "recover", "resolv", "cancel",
];
const OVER: [&str; 58] = [
    "ok",
    "norm",
    "nrm",
    "clr",
    "end",
    "ended",
    "gone",
    "healthy",
    "reset",
    "released",
    "over",
    "back",
    "عاد",
    "عادت",
    "عوده",
    "عايد",
    "رجع",
    "رجعت",
    "رجوع",
    "راجع",
    "استعاد",
    "طبيعي",
    "طبيعيه",
    "سليم",
    "سليمه",
    "زال",
    "زالت",
    "زوال",
    "زايل",
    "ازيل",
    "ازيلت",
    "انتهي",
    "انتهت",
    "انتها",
    "منته",
    "منتهي",
    "منتهيه",
    "انقضي",
    "اختفي",
    "اختفت",
    "خامد",
    "خمد",
    "الغي",
    "الغيت",
    "الغا",
    "ملغي",
    "مسح",
    "مسحت",
    "اغلق",
    "اغلقت",
    "مغلق",
    "تعافي",
    "تعافت",
    "توقف",
    "انصرف",
    "غادر",
    "سكن",
    "هدا",
];
const ACKNOWLEDGED: [&str; 23] = [
    "اقر",
    "اقرت",
    "اقروا",
    "يقر",
    "اقرار",
    "اقراره",
    "مقر",
    "مقره",
    "اعتراف",
    "اعترف",
    "يعترف",
    "معترف",
    "تاكيد",
    "اكد",
    "اكدت",
    "موكد",
    "استلم",
    "استلام",
    "مستلم",
    "actack",
    "rtnack",
    "almack",
    "activeack",
];
const ACT_PARTS: [&str; 5] = ["operator", "shelv", "suppress", "inhibit", "disabl"];
const ACT: [&str; 6] = ["مشغل", "كبت", "كبته", "مكبوت", "تاجيل", "موجل"];
const ACTIVE_PARTS: [&str; 19] = [
    "activ", "alarm", "alm", "unack", "abnorm", "offnorm", "trip", "fault", "fail", "trigger",
    "raise", "hihi", "lolo", "broken", "deviat", "warn", "occur", "appear", "urgent",
];
const ACTIVE: [&str; 57] = [
    "act",
    "on",
    "new",
    "set",
    "hi",
    "lo",
    "hh",
    "ll",
    "h",
    "l",
    "high",
    "low",
    "in",
    "came",
    "come",
    "open",
    "short",
    "bad",
    "dev",
    "roc",
    "start",
    "started",
    "begin",
    "began",
    "true",
    "event",
    "standing",
    "critical",
    "error",
    "nack",
    "نشط",
    "نشطا",
    "نشطه",
    "نشيط",
    "تنشيط",
    "فعال",
    "فعاله",
    "مفعل",
    "تفعيل",
    "انذار",
    "انذارا",
    "جديد",
    "جديده",
    "ظهر",
    "ظهرت",
    "ظهور",
    "بدا",
    "بدات",
    "بدايه",
    "حدث",
    "قايم",
    "قايمه",
    "مرتفع",
    "منخفض",
    "فصل",
    "خلل",
    "عطل",
];

/// What a state says.
#[must_use]
pub(crate) fn said(state: &str) -> Said {
    let folded = folded(state);
    let words: Vec<&str> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() || is_still(&words) {
        return Said::Activated;
    }
    if words == ["off"] {
        return Said::Cleared;
    }
    let (mut has_come, mut is_over, mut is_acknowledged, mut is_act) = (false, false, false, false);
    for (i, word) in words.iter().enumerate() {
        let before = &words[i.saturating_sub(2)..i];
        let is_negated = before.iter().any(|w| NOT.contains(w));
        // "Off normal": out of what is normal.
        let is_off = before.last() == Some(&"off");
        if is_ack(word) {
            // Not acknowledged yet: an alarm that stands, unless another word says that it went.
            is_acknowledged |= !is_negated;
            has_come |= is_negated;
        } else if says(word, &ACT, &ACT_PARTS) {
            is_act = true;
        } else if says_over(word) {
            let is_opposite = is_negated || is_off;
            is_over |= !is_opposite;
            has_come |= is_opposite;
        } else if says(word, &ACTIVE, &ACTIVE_PARTS) {
            is_over |= is_negated;
            has_come |= !is_negated;
        }
    }
    // "UNACK" beside an act is a state the alarm is in, nobody did it.
    let is_unacknowledged = folded.contains("unack");
    if is_acknowledged && !is_unacknowledged {
        Said::Acknowledged
    } else if is_act && !is_unacknowledged {
        Said::ByPerson
    } else if is_over {
        Said::Cleared
    } else if has_come || is_unacknowledged {
        Said::Activated
    } else {
        Said::Unknown
    }
}

/// "لا يزال نشطًا": still active.
fn is_still(words: &[&str]) -> bool {
    let is_pair = |pair: &[&str]| ["لا", "ما", "لم"].contains(&pair[0]) && STILL.contains(&pair[1]);
    words.windows(2).any(is_pair)
        || words
            .iter()
            .any(|w| ["مازال", "مازالت", "لايزال"].contains(w))
}

fn is_ack(word: &str) -> bool {
    let begins = ["ack", "confirm", "accept"];
    begins.iter().any(|with| word.starts_with(with)) || is_one_of(word, &ACKNOWLEDGED)
}

fn says_over(word: &str) -> bool {
    let is_out_of = ["abnorm", "offnorm", "nonnorm"];
    let is_normal = word.contains("normal") && !is_out_of.iter().any(|part| word.contains(part));
    is_normal || says(word, &OVER, &OVER_PARTS)
}

fn says(word: &str, words: &[&str], parts: &[&str]) -> bool {
    is_one_of(word, words) || parts.iter().any(|part| word.contains(part))
}

/// Whether a word is one of a list, also behind the Arabic article and what is written together with it.
fn is_one_of(word: &str, list: &[&str]) -> bool {
    let is_it = |word: &str| list.contains(&word);
    let bare = ["ال", "وال", "بال", "لل", "و", "ب"];
    is_it(word)
        || bare
            .iter()
            .any(|with| word.strip_prefix(with).is_some_and(is_it))
}

#[cfg(test)]
mod tests {
    use super::{Said, said};

    fn check(expected: Said, states: &[&str]) {
        for state in states {
            assert_eq!(said(state), expected, "{state}");
        }
    }

    #[test]
    fn an_alarm_that_went_is_no_new_one_in_whatever_words() {
        check(
            Said::Cleared,
            &[
                "RTN",
                "ALM-RTN",
                "Returned",
                "OK",
                "Normal",
                "RTN/UNACK",
                "Back to normal",
                "OFF",
                "Reset",
                "Inactive",
                "not active",
                "No longer active",
            ],
        );
        check(
            Said::Cleared,
            &[
                "عاد",
                "عَادَ",
                "عـاد",
                "عاد إلى الطبيعي",
                "عاد الى الطبيعى",
                "عادت",
                "رجع",
                "رجوع إلى الوضع الطبيعي",
                "انتهى",
                "إنتهى",
                "انتهت",
                "انتهاء",
                "زال",
                "العودة",
                "عودة إلى الطبيعي",
                "غير نشط",
                "لم يعد نشطًا",
                "عاد دون إقرار",
            ],
        );
    }

    #[test]
    fn an_acknowledgement_is_an_act_however_its_alef_is_written() {
        check(
            Said::Acknowledged,
            &["ACK", "Acked", "Acknowledged", "ACT/ACK", "Confirmed"],
        );
        check(
            Said::Acknowledged,
            &[
                "أقر",
                "أُقر",
                "أُقرّ به",
                "اقر",
                "أقرّ",
                "تم الإقرار",
                "تم الاقرار",
                "إقرار",
                "مُقَرّ به",
                "اعتراف",
                "اعترف به",
            ],
        );
        check(
            Said::ByPerson,
            &["Shelved", "Suppressed by operator", "كبت", "المشغل"],
        );
    }

    #[test]
    fn what_stands_or_is_denied_is_an_alarm() {
        check(
            Said::Activated,
            &[
                "",
                "-",
                "ACT",
                "ACT/UNACK",
                "UNACK",
                "Not acknowledged",
                "Broken wire",
                "ABNORMAL",
                "Off normal",
                "not normal",
                "HIHI",
                "نشط",
                "نشط غير مقر به",
                "لم يتم الإقرار",
                "بلا إقرار",
                "غير طبيعي",
                "لا يزال نشطًا",
                "ما زال قائمًا",
                "ظهر",
            ],
        );
    }

    #[test]
    fn a_word_that_is_not_known_is_said_to_be_so() {
        check(Said::Unknown, &["gegangen", "0", "7", "نص"]);
    }
}
