//! What comes with a request: query parameters by case-insensitive name, time strings, name patterns,
//! and the choice of fields.

use serde_json::{Map, Value};

/// 100-nanosecond ticks since 1970, the resolution PI times have.
pub(crate) type Ticks = i64;
/// Ticks in a millisecond.
pub(crate) const TICKS_PER_MS: Ticks = 10_000;

/// A refusal: HTTP status and the texts of `Errors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) errors: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, error: impl Into<String>) -> Self {
        Self {
            status,
            errors: vec![error.into()],
        }
    }

    pub(crate) fn bad(error: impl Into<String>) -> Self {
        Self::new(400, error)
    }
}

/// Query parameters; names are compared without case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(query: &str) -> Self {
        Self(crate::web::pairs(query))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.next().map(|(_, v)| v.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(invalid(name)),
        }
    }

    /// A whole number from 0 to `max`.
    pub(crate) fn count(&self, name: &str, default: usize, max: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let number: i64 = text.trim().parse().map_err(|_| invalid(name))?;
        if number < 0 {
            return Err(Refusal::bad(format!(
                "Parameter ({name}) is less than the minimum allowed (0)."
            )));
        }
        match usize::try_from(number) {
            Ok(number) if number <= max => Ok(number),
            _ => Err(Refusal::bad(format!(
                "Parameter ({name}) is greater than the maximum allowed ({max})."
            ))),
        }
    }

    pub(crate) fn time(&self, name: &str, default: &str, now: Ticks) -> Result<Ticks, Refusal> {
        let text = self.get(name).unwrap_or(default);
        time(text, now).ok_or_else(|| {
            Refusal::bad(format!(
                "The time '{text}' of parameter ({name}) could not be converted."
            ))
        })
    }

    /// The same parameters as a query string with some of them replaced.
    pub(crate) fn with(&self, replaced: &[(&str, String)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            if !replaced.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
                query.append_pair(name, value);
            }
        }
        for (name, value) in replaced {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

fn invalid(name: &str) -> Refusal {
    Refusal::bad(format!("The value of parameter ({name}) is not valid."))
}

/// A PI time: `*`, `t`, `y` with offsets like `-8h30m`, or ISO 8601; without a zone it is UTC.
pub(crate) fn time(text: &str, now: Ticks) -> Option<Ticks> {
    let text = text.trim();
    let day = 86_400_000 * TICKS_PER_MS;
    let midnight = now - now.rem_euclid(day);
    let start = match text.chars().next()? {
        '*' => Some((now, &text[1..])),
        't' | 'T' => Some((midnight, &text[1..])),
        'y' | 'Y' => Some((midnight - day, &text[1..])),
        _ => None,
    };
    match start {
        Some((base, "")) => Some(base),
        Some((base, rest)) => base.checked_add(offset(rest)?),
        None => absolute(text),
    }
}

fn offset(text: &str) -> Option<Ticks> {
    let sign: f64 = match text.trim_start().chars().next()? {
        '-' => -1.0,
        '+' => 1.0,
        _ => return None,
    };
    span(text.trim_start()[1..].trim()).map(|ticks| (sign * ticks as f64) as Ticks)
}

/// A span like `8h`, `90s`, `1d12h`.
pub(crate) fn span(text: &str) -> Option<Ticks> {
    let mut rest = text.trim();
    let mut ms = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        ms += number
            * match rest[..letters].to_ascii_lowercase().as_str() {
                "ms" => 1.0,
                "s" | "sec" => 1e3,
                "m" | "min" => 60e3,
                "h" | "hour" => 3_600e3,
                "d" | "day" => 86_400e3,
                "w" => 7.0 * 86_400e3,
                "mo" => 30.0 * 86_400e3,
                "y" => 365.0 * 86_400e3,
                _ => return None,
            };
        rest = rest[letters..].trim_start();
    }
    // Beyond a thousand years it isn't a span anybody means.
    (ms < 3.2e13).then_some((ms * TICKS_PER_MS as f64) as Ticks)
}

fn absolute(text: &str) -> Option<Ticks> {
    let nanoseconds = match text.parse::<jiff::Timestamp>() {
        Ok(t) => t.as_nanosecond(),
        Err(_) => text
            .parse::<jiff::civil::DateTime>()
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_nanosecond(),
    };
    i64::try_from(nanoseconds.div_euclid(100)).ok()
}

/// ISO 8601 in UTC with as many of the seven fraction digits as are not zero at the end.
pub(crate) fn iso(ticks: Ticks) -> String {
    let whole = ticks.div_euclid(10_000_000);
    let fraction = ticks.rem_euclid(10_000_000);
    let second = iq_domain::Timestamp(whole.saturating_mul(1_000)).to_string();
    let second = second.trim_end_matches(".000Z");
    if fraction == 0 {
        return format!("{second}Z");
    }
    let digits = format!("{fraction:07}");
    format!("{second}.{}Z", digits.trim_end_matches('0'))
}

/// Whether a name matches a pattern with `*` and `?`, without case.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on when a later part fails: the last star and how much it has swallowed.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some('?') => {
                p += 1;
                n += 1;
            }
            Some(c) if *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, eaten)) => {
                    star = Some((at, eaten + 1));
                    p = at + 1;
                    n = eaten + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Keeps only the named fields (`Items.Timestamp;Items.Value`); lists are looked through.
pub(crate) fn select(value: Value, fields: &str) -> Value {
    let paths: Vec<Vec<&str>> = fields
        .split(';')
        .map(str::trim)
        .filter(|f| !f.is_empty())
        .map(|f| f.split('.').collect())
        .collect();
    if paths.is_empty() {
        return value;
    }
    keep(value, &paths)
}

fn keep(value: Value, paths: &[Vec<&str>]) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| keep(item, paths)).collect(),
        Value::Object(object) => {
            let mut kept = Map::new();
            for (key, inner) in object {
                let below: Vec<Vec<&str>> = paths
                    .iter()
                    .filter(|p| p[0].eq_ignore_ascii_case(&key))
                    .map(|p| p[1..].to_vec())
                    .collect();
                if below.iter().any(Vec::is_empty) {
                    kept.insert(key, inner);
                } else if !below.is_empty() {
                    kept.insert(key, keep(inner, &below));
                }
            }
            Value::Object(kept)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Ticks = 17_951_964_000_000_000; // 2026-11-20, late in the afternoon

    #[test]
    fn reads_the_time_strings_of_the_manual() {
        let h = 36_000_000_000;
        assert_eq!(time("*", NOW), Some(NOW));
        assert_eq!(time("*-8h", NOW), Some(NOW - 8 * h));
        assert_eq!(time("* - 1d12h", NOW), Some(NOW - 36 * h));
        assert_eq!(iso(time("t", NOW).unwrap()), "2026-11-20T00:00:00Z");
        assert_eq!(iso(time("y+2h", NOW).unwrap()), "2026-11-19T02:00:00Z");
        assert_eq!(time("soon", NOW), None);
        assert_eq!(time("*-8x", NOW), None);
    }

    #[test]
    fn carries_seven_digits_there_and_back() {
        let text = "2026-11-20T13:37:54.1230072Z";
        assert_eq!(iso(time(text, NOW).unwrap()), text);
        assert_eq!(
            iso(time("2026-11-20T16:37:54.5+03:00", NOW).unwrap()),
            "2026-11-20T13:37:54.5Z"
        );
        assert_eq!(
            iso(time("2026-11-20T13:00:00", NOW).unwrap()),
            "2026-11-20T13:00:00Z"
        );
    }

    #[test]
    fn matches_names_with_stars() {
        assert!(matches("RAS:100*", "ras:100VT10204A.PV"));
        assert!(matches("*vt*a.pv", "RAS:100VT10204A.PV"));
        assert!(matches("RAS:100?T10204A.PV", "RAS:100VT10204A.PV"));
        assert!(!matches("RAS:200*", "RAS:100VT10204A.PV"));
        assert!(!matches("RAS", "RAS:100VT10204A.PV"));
    }

    #[test]
    fn keeps_the_chosen_fields_through_lists() {
        let body = json!({ "Items": [{ "Value": 1, "Good": true }], "Links": { "Self": "x" } });
        assert_eq!(
            select(body.clone(), "Items.Value"),
            json!({ "Items": [{ "Value": 1 }] })
        );
        assert_eq!(select(body.clone(), ""), body);
    }

    #[test]
    fn refuses_counts_beyond_the_limit_by_name() {
        let params = Params::parse("maxCount=150001");
        let refusal = params.count("maxCount", 1_000, 150_000).unwrap_err();
        assert_eq!(
            refusal.errors,
            ["Parameter (maxCount) is greater than the maximum allowed (150000)."]
        );
    }
}
