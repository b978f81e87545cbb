//! Sentences for codes that are shown: alerts, events, titles, stages. The codes and their arguments
//! come from the domain, the words from the catalogue.

use iq_api_types::{StageStatus, StatusMessage, TestStage};
use iq_domain::{Message, Names};
use iq_locale::{Language, Params, pattern};
use iq_runtime::Stage;
use serde_json::Value;

/// Where the sentence of a shown code may stand, in this order; errors come last.
const SECTIONS: [&str; 2] = ["sentence", "stage"];

/// Arguments that carry a key of the catalogue instead of a text.
const NAMED: [(&str, &str); 4] = [
    ("metric", "metric"),
    ("first_out", "metric"),
    ("family", "family"),
    ("action", "action"),
];

/// The sentence of a code with its arguments.
pub(crate) fn of(language: Language, code: &str, params: &Params) -> String {
    let sentence = iq_locale::message(language, &SECTIONS, code, &named(language, params));
    // A number without dimension leaves a hole where its unit would stand.
    NO_UNIT.iter().fold(sentence, |text, (hole, filled)| {
        if text.contains(hole) {
            text.replace(hole, filled)
        } else {
            text
        }
    })
}

/// Stands in for the unit of a number that has none, until the sentence is whole.
const UNITLESS: &str = "\u{0}";

/// Arguments stand between direction isolates.
const NO_UNIT: [(&str, &str); 2] = [
    (" \u{2068}\u{0}\u{2069}", ""),
    ("\u{2068}\u{0}\u{2069}", ""),
];

/// A sentence without the marks of direction around its arguments: they belong to screens, not to files.
pub(crate) fn without_marks(text: &str) -> String {
    let is_mark = |c: char| matches!(c, '\u{2066}'..='\u{2069}');
    text.replace(is_mark, "")
}

/// The same for each text of a JSON value.
pub(crate) fn clear_marks(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_marks(text),
        Value::Array(values) => values.iter_mut().for_each(clear_marks),
        Value::Object(fields) => fields.values_mut().for_each(clear_marks),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Names one after the other.
pub(crate) fn listed(language: Language, names: &[String]) -> String {
    names.join(match language {
        Language::Ar => "، ",
        Language::En => ", ",
    })
}

/// A unit symbol as people write it.
pub(crate) fn unit_label(unit: &str) -> &str {
    match unit {
        "1" => UNITLESS,
        "degC" => "°C",
        "degF" => "°F",
        "m3/h" => "m³/h",
        "Nm3/h" => "Nm³/h",
        "W/m2K" => "W/m²·K",
        "percent" => "%",
        "ohm" => "Ω",
        "um" => "µm",
        "uS/cm" => "µS/cm",
        "m/s2" => "m/s²",
        "kg/m3" => "kg/m³",
        other => other,
    }
}

/// The sentence of a code whose arguments are kept as JSON.
pub(crate) fn of_json(language: Language, code: &str, params: &Value) -> String {
    of(language, code, &params_of(params))
}

/// The sentence of a message.
pub(crate) fn of_message(language: Language, message: &Message) -> String {
    of(language, &message.code, &message.params)
}

/// A message with its sentence, for answers that carry both.
pub(crate) fn status(language: Language, message: &Message) -> StatusMessage {
    StatusMessage {
        code: message.code.clone(),
        message: of_message(language, message),
        params: message.params.clone(),
    }
}

/// A step of a test that a person asked for.
pub(crate) fn stage(language: Language, stage: Stage) -> TestStage {
    TestStage {
        key: stage.key.to_owned(),
        status: match stage.error {
            None => StageStatus::Ok,
            Some(_) => StageStatus::Failed,
        },
        ms: stage.ms,
        message: stage.error.map(|e| status(language, &Message::from(&e))),
    }
}

/// Whether the last step was reached, and well.
pub(crate) fn is_sent(stages: &[Stage]) -> bool {
    let last = stages.last();
    last.is_some_and(|stage| stage.key == "send" && stage.error.is_none())
}

/// The name of a metric in both languages; the key itself for a metric nobody named.
pub(crate) fn metric_names(family: &str, metric: &str) -> Names {
    if let Some(template) = iq_mapping::catalogue().metric(family, metric) {
        return template.names.clone();
    }
    let name = |language| {
        pattern(language, "metric", metric)
            .unwrap_or(metric)
            .to_owned()
    };
    Names {
        en: name(Language::En),
        ar: name(Language::Ar),
    }
}

fn named(language: Language, params: &Params) -> Params {
    let mut params = params.clone();
    for (argument, section) in NAMED {
        if let Some(value) = params.get_mut(argument)
            && let Some(name) = pattern(language, section, value)
        {
            name.clone_into(value);
        }
    }
    if let Some(value) = params.get_mut("certificate")
        && let Some(name) = pattern(language, "ui", &format!("enum.certificate_name.{value}"))
    {
        name.clone_into(value);
    }
    let of_reason = params.remove("reason_params");
    if let Some(reason) = params.get_mut("reason") {
        let of_reason = of_reason.and_then(|json| serde_json::from_str(&json).ok());
        let of_reason = of_reason.as_ref().map(params_of).unwrap_or_default();
        if let Some(words) = iq_locale::sentence(language, "errors", reason, &of_reason) {
            *reason = words;
        }
    }
    if let Some(signals) = params.get_mut("departures") {
        *signals = departures(language, signals);
    }
    for argument in ["unit", "signal_unit"] {
        if let Some(unit) = params.get_mut(argument) {
            *unit = unit_label(unit).to_owned();
        }
    }
    params
}

/// "vibration_de +4.1, flow -2.2" with the names of the metrics; anything else stays as it is.
fn departures(language: Language, signals: &str) -> String {
    let one = |part: &str| {
        let Some((metric, off)) = part.split_once(' ') else {
            return part.to_owned();
        };
        let name = pattern(language, "metric", metric).unwrap_or(metric);
        // Sign and letter stay in their order inside Arabic.
        format!("{name} (\u{2066}{off} σ\u{2069})")
    };
    // Names of metrics have commas in them.
    let between = match language {
        Language::Ar => "؛ ",
        Language::En => "; ",
    };
    let all: Vec<String> = signals.split(", ").map(one).collect();
    all.join(between)
}

/// Arguments kept as JSON, as texts; measured numbers are rounded to what an instrument knows.
pub(crate) fn params_of(params: &Value) -> Params {
    let mut texts = iq_locale::params_of(params);
    for (key, value) in params.as_object().into_iter().flatten() {
        if let Some(value) = value
            .as_f64()
            .filter(|_| !value.is_i64() && !value.is_u64())
        {
            texts.insert(key.clone(), number(value));
        }
    }
    texts
}

/// A measured number for a sentence: four significant digits say all an instrument knows.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the exponent of a finite f64 is small"
    )]
    let exponent = value.abs().log10().floor() as i32;
    let digits = usize::try_from(3 - exponent).unwrap_or(0).min(6);
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Whether one of the texts contains what a person searches for.
pub(crate) fn matches(query: &str, texts: &[&str]) -> bool {
    let query = iq_domain::folded(query.trim());
    query.is_empty()
        || texts
            .iter()
            .any(|text| iq_domain::folded(text).contains(&query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_arabic_names_however_they_are_spelt() {
        for (query, text) in [
            ("مضخه", "مضخة التغذية"),
            ("احمد", "أحمد"),
            ("ضغط", "ضـغْـط"),
            ("p-102", "P-102A"),
            ("١٠٢", "P-102A"),
            ("مستوي", "مستوى"),
        ] {
            assert!(matches(query, &[text]), "{query} in {text}");
        }
        assert!(!matches("pump", &["fan", "مروحة"]));
        assert!(matches("  ", &["anything"]));
    }

    #[test]
    fn a_reason_is_a_whole_sentence_with_its_own_arguments() {
        let params = serde_json::json!({
            "reason": "mail.later", "reason_params": { "host": "mail.plant", "status": "450" }
        });
        let text = of_json(Language::En, "notification.job_failed", &params);
        assert!(
            text.contains("mail.plant") && text.contains("450"),
            "{text}"
        );
        assert!(
            !text.contains('{') && !text.contains("mail.later"),
            "{text}"
        );
        let bare = serde_json::json!({ "reason": "mail.later" });
        let text = of_json(Language::En, "notification.job_failed", &bare);
        assert!(!text.contains('{'), "{text}");
    }

    #[test]
    fn a_certificate_is_called_by_its_name() {
        let params = serde_json::json!({ "person": "M-1", "certificate": "working_at_height" });
        for (language, name) in [
            (Language::En, "Working at height"),
            (Language::Ar, "العمل على ارتفاع"),
        ] {
            let text = of_json(language, "notification.certificate_ended", &params);
            assert!(
                text.contains(name) && !text.contains("working_at"),
                "{text}"
            );
        }
    }

    #[test]
    fn names_the_signals_behind_a_score() {
        let params = serde_json::json!({
            "score": 78, "departures": "vibration_de +4.1, suction_pressure -2.2"
        });
        let text = |language| of_json(language, "alert.anomaly", &params);
        let (english, arabic) = (text(Language::En), text(Language::Ar));
        for wanted in ["78", "+4.1 σ", "-2.2 σ"] {
            assert!(
                english.contains(wanted) && arabic.contains(wanted),
                "{english} {arabic}"
            );
        }
        for (text, language) in [(&english, Language::En), (&arabic, Language::Ar)] {
            for metric in ["vibration_de", "suction_pressure"] {
                assert!(!text.contains(metric), "{text}");
                assert!(
                    text.contains(pattern(language, "metric", metric).unwrap()),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn puts_the_metric_name_into_the_sentence() {
        let params = serde_json::json!({
            "metric": "suction_pressure", "value": "3", "unit": "bar", "limit": 2
        });
        let text = of_json(Language::En, "alert.limit_high", &params);
        assert!(
            text.contains("Suction pressure") && text.contains('3'),
            "{text}"
        );
        assert!(!text.contains("suction_pressure"), "{text}");
    }

    #[test]
    fn a_unit_reads_as_people_write_it_and_a_number_without_one_leaves_no_hole() {
        let say = |unit: &str| {
            let params = serde_json::json!({
                "metric": "power_factor", "value": "3", "unit": unit, "limit": 2
            });
            of_json(Language::En, "alert.limit_high", &params)
        };
        let plain = |text: String| text.replace(['\u{2068}', '\u{2069}'], "");
        let flow = plain(say("m3/h"));
        assert!(flow.contains("3 m³/h is above"), "{flow}");
        let shaft = plain(say("um"));
        assert!(shaft.contains("3 µm is above"), "{shaft}");
        let params = serde_json::json!({ "unit": "um", "level": "38", "signal_unit": "degC" });
        let both = plain(of_json(Language::En, "drift.fits_unit", &params));
        assert_eq!(both, "Read in µm they would be 38 °C.");
        let bare = plain(say("1"));
        assert!(bare.contains(": 3 is above"), "{bare}");
        assert!(bare.ends_with(" 2."), "{bare}");
    }

    #[test]
    fn a_file_has_no_marks_of_direction() {
        let params = serde_json::json!({ "score": 78, "departures": "vibration_de +4.1" });
        let shown = of_json(Language::Ar, "alert.anomaly", &params);
        assert!(shown.contains('\u{2066}') && shown.contains('\u{2068}'));
        let mut file = serde_json::json!({ "n": 1, "notes": [{ "message": shown }] });
        clear_marks(&mut file);
        let text = file["notes"][0]["message"].as_str().unwrap();
        assert!(text.contains("78") && text.contains("+4.1 σ"), "{text}");
        assert!(!text.chars().any(|c| matches!(c, '\u{2066}'..='\u{2069}')));
    }

    #[test]
    fn writes_four_significant_digits() {
        for (value, text) in [
            (4.2, "4.2"),
            (4.123_456, "4.123"),
            (12_345.678, "12346"),
            (-0.012_345, "-0.01235"),
            (0.0, "0"),
            (100.0, "100"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
