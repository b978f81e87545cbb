//! The words of column titles in the languages of the exports we meet.

use iq_domain::StatusCode;

use crate::layout::Role;

const TIMESTAMP: &[&str] = &[
    "timestamp",
    "time stamp",
    "datetime",
    "date time",
    "date/time",
    "date & time",
    "date and time",
    "time",
    "event time",
    "local time",
    "utc time",
    "start time",
    "zeit",
    "zeitstempel",
    "horodatage",
    "fecha",
    "الوقت",
    "وقت",
    "الزمن",
    "التاريخ والوقت",
    "الطابع الزمني",
    "وقت الحدث",
    "ختم الوقت",
    "t",
    "ts",
    "time utc",
    "observed at",
    "epoch",
    "tarih",
];
const DATE: &[&str] = &["date", "day", "datum", "التاريخ", "تاريخ", "اليوم"];
const TIME_OF_DAY: &[&str] = &[
    "time",
    "hour",
    "uhrzeit",
    "time of day",
    "الوقت",
    "الساعة",
    "وقت",
];
const TAG: &[&str] = &[
    "tag",
    "tagname",
    "tag name",
    "point",
    "point name",
    "pointname",
    "signal",
    "signal name",
    "name",
    "item",
    "itemid",
    "item id",
    "node",
    "nodeid",
    "sensor",
    "variable",
    "parameter",
    "source",
    "source name",
    "pi point",
    "external tag",
    "metric",
    "asset",
    "asset id",
    "asset tag",
    "equipment",
    "equipment id",
    "equipment tag",
    "machine",
    "device",
    "الوسم",
    "وسم",
    "اسم الوسم",
    "النقطة",
    "اسم النقطة",
    "الإشارة",
    "المتغير",
    "الحساس",
    "المصدر",
    "العلامة",
    "الأصل",
    "المعدة",
    "رقم المعدة",
    "الآلة",
    "الجهاز",
    "messstelle",
];
const VALUE: &[&str] = &[
    "value",
    "val",
    "pv",
    "reading",
    "measurement",
    "data",
    "avg",
    "average",
    "القيمة",
    "قيمة",
    "القراءة",
    "قراءة",
    "wert",
    "valeur",
    "valor",
];
const QUALITY: &[&str] = &[
    "quality",
    "qual",
    "status",
    "statuscode",
    "status code",
    "q",
    "confidence",
    "good",
    "الجودة",
    "جودة",
    "حالة القراءة",
    "qualität",
];
const MESSAGE: &[&str] = &[
    "message",
    "description",
    "alarm",
    "event",
    "text",
    "alarm text",
    "event text",
    "message text",
    "alarm description",
    "event description",
    "msg",
    "الرسالة",
    "رسالة",
    "الوصف",
    "وصف",
    "الإنذار",
    "نص الإنذار",
    "نص الرسالة",
    "الحدث",
    "comment",
    "remark",
    "remarks",
    "note",
    "notes",
    "log entry",
    "entry",
    "activity",
    "الإجراء",
    "إجراء",
    "الملاحظة",
    "ملاحظة",
    "ملاحظات",
    "meldung",
    "meldetext",
];
const STATE: &[&str] = &[
    "state",
    "alarm state",
    "action",
    "event type",
    "alarm status",
    "condition",
    "transition",
    "الحالة",
    "حالة",
    "حالة الإنذار",
    "zustand",
];
const PRIORITY: &[&str] = &[
    "priority",
    "severity",
    "prio",
    "level",
    "class",
    "importance",
    "الأولوية",
    "أولوية",
    "الخطورة",
    "الشدة",
    "الأهمية",
    "priorität",
];
const OPERATOR: &[&str] = &[
    "operator",
    "operator name",
    "user",
    "user name",
    "username",
    "done by",
    "by",
    "person",
    "shift operator",
    "ack by",
    "acknowledged by",
    "المشغل",
    "مشغل",
    "اسم المشغل",
    "المستخدم",
    "المنفذ",
    "بواسطة",
    "الموظف",
    "bediener",
];
const UNIT: &[&str] = &[
    "unit",
    "units",
    "uom",
    "eu",
    "engineering unit",
    "eng unit",
    "eng units",
    "engineering units",
    "engunits",
    "unit of measure",
    "الوحدة",
    "وحدة",
    "وحدة القياس",
    "einheit",
];

/// Whether a title is one of a role's words.
#[must_use]
pub(crate) fn names(title: &str, role: Role) -> bool {
    rank(title, role).is_some()
}

/// Place of a title among a role's words: the plainest word stands first.
#[must_use]
pub(crate) fn rank(title: &str, role: Role) -> Option<usize> {
    let folded = fold(title);
    let words = match role {
        Role::Timestamp => TIMESTAMP,
        Role::Date => DATE,
        Role::TimeOfDay => TIME_OF_DAY,
        Role::Tag => TAG,
        Role::Value => VALUE,
        Role::Quality => QUALITY,
        Role::Message => MESSAGE,
        Role::State => STATE,
        Role::Priority => PRIORITY,
        Role::Operator => OPERATOR,
        Role::Unit => UNIT,
        Role::Ignore => &[],
    };
    words.iter().position(|word| *word == folded)
}

/// Whether a title ends in a word for quality ("TI-101 quality").
#[must_use]
pub(crate) fn ends_in_quality(title: &str) -> bool {
    ends_in(title, &["quality", "qual", "الجودة", "جودة"])
}

/// Whether a title ends in a word that is quality in one system and the state of a machine in another
/// ("TI-101 status"): the values tell which.
#[must_use]
pub(crate) fn ends_in_status(title: &str) -> bool {
    ends_in(title, &["status", "stat", "الحالة", "حالة"])
}

fn ends_in(title: &str, words: &[&str]) -> bool {
    let folded = fold(title);
    words.iter().any(|word| {
        folded
            .strip_suffix(word)
            .is_some_and(|rest| rest.ends_with([' ', '.', ':']))
    })
}

/// Words for good values,
const GOOD: [&str; 15] = [
    "good",
    "ok",
    "okay",
    "valid",
    "normal",
    "true",
    "g",
    "جيد",
    "جيدة",
    "سليم",
    "سليمة",
    "صالح",
    "صالحة",
    "صحيح",
    "صحيحة",
];
/// bad ones, among them what archives write in place of a value,
const BAD: [&str; 22] = [
    "bad",
    "invalid",
    "false",
    "error",
    "b",
    "fail",
    "failed",
    "comm fail",
    "comm failure",
    "i/o timeout",
    "no data",
    "not connected",
    "out of service",
    "سيئ",
    "سيئة",
    "رديء",
    "رديئة",
    "غير صالح",
    "غير صالحة",
    "معطوب",
    "معطوبة",
    "خطأ",
];
/// and doubtful ones.
const UNCERTAIN: [&str; 8] = [
    "uncertain",
    "questionable",
    "substituted",
    "doubtful",
    "u",
    "مشكوك فيه",
    "مشكوك فيها",
    "غير مؤكد",
];

/// What a word says of a value ("Good, annotated" is good); `None` for a word that is not known.
#[must_use]
pub(crate) fn quality_of_word(text: &str) -> Option<StatusCode> {
    let word = text.trim().to_lowercase();
    let known = |words: &[&str]| words.contains(&word.as_str());
    let begins = |with: &str| {
        let rest = word.strip_prefix(with);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    if known(&GOOD) || begins("good") {
        Some(StatusCode::GOOD)
    } else if known(&BAD) || begins("bad") {
        Some(StatusCode::BAD)
    } else if known(&UNCERTAIN) || begins("uncertain") {
        Some(StatusCode::UNCERTAIN)
    } else {
        None
    }
}

/// Whether a cell says how good a value is, in words or as the codes of OPC. 0 alone is also the state
/// of a machine that stands; it takes a good one beside it to be a code. So are single letters, and the words
/// of a state: they say it only under a title of quality.
#[must_use]
pub(crate) fn says_quality(cell: &str) -> bool {
    let word = cell.trim().to_lowercase();
    let of_states = [
        "true", "false", "g", "b", "u", "normal", "error", "fail", "failed", "خطأ",
    ];
    let is_word = !of_states.contains(&word.as_str()) && quality_of_word(&word).is_some();
    is_word || matches!(word.as_str(), "192" | "216" | "64" | "0xc0")
}

/// The zone a title names for its times: "UTC", or "+03:00" for "Time (GMT+3)".
#[must_use]
pub(crate) fn zone_in_title(title: &str) -> Option<String> {
    let lower = title.to_lowercase();
    let word = ["utc", "gmt", "zulu"]
        .into_iter()
        .find(|word| lower.contains(*word))?;
    let (_, rest) = lower.split_once(word)?;
    Some(offset_of(rest.trim_start()).unwrap_or_else(|| "UTC".to_owned()))
}

/// "+03:00" of "+3", "+0300" or "+03:00"; `None` where nothing else, or no offset, stands there.
fn offset_of(rest: &str) -> Option<String> {
    let (sign, rest) = match rest.chars().next()? {
        '+' => ('+', &rest[1..]),
        '-' => ('-', &rest[1..]),
        _ => return None,
    };
    let digits: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == ':')
        .filter(char::is_ascii_digit)
        .collect();
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.as_str(), "0"),
        3 | 4 => digits.split_at(digits.len() - 2),
        _ => return None,
    };
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let is_offset = hours <= 14 && minutes < 60 && hours + minutes > 0;
    is_offset.then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

/// Lower case, one kind of blank, nothing in brackets at the end.
fn fold(title: &str) -> String {
    let (name, _) = without_unit(title);
    let lower = name.trim().to_lowercase();
    lower
        .replace(['_', '-', '\u{a0}'], " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// A title without the unit that stands in brackets at its end, and that unit.
#[must_use]
pub(crate) fn without_unit(title: &str) -> (&str, Option<&str>) {
    let title = title.trim();
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some(rest) = title.strip_suffix(close)
            && let Some(at) = rest.rfind(open)
        {
            let (name, unit) = (rest[..at].trim(), rest[at + open.len_utf8()..].trim());
            let is_short = (1..=12).contains(&unit.chars().count());
            if !name.is_empty() && is_short {
                return (name, Some(unit));
            }
        }
    }
    (title, None)
}

#[cfg(test)]
mod tests {
    use super::zone_in_title;

    #[test]
    fn a_title_names_the_zone_of_its_times() {
        for (title, zone) in [
            ("Time", None),
            ("Time (UTC)", Some("UTC")),
            ("الوقت GMT", Some("UTC")),
            ("UTC time", Some("UTC")),
            ("Time (GMT+3)", Some("+03:00")),
            ("Time UTC+03:00", Some("+03:00")),
            ("Time (UTC-0330)", Some("-03:30")),
            ("Time (UTC+0)", Some("UTC")),
            ("Time UTC-20240131", Some("UTC")),
        ] {
            assert_eq!(zone_in_title(title).as_deref(), zone, "{title}");
        }
    }
}
