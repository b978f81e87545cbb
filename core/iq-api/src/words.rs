//! Lists of enumeration words in a query: `?severity=warning,critical`.

use serde::de::DeserializeOwned;

use crate::http::{Answer, Failure};

/// The words of a comma-separated list; an unknown one is refused.
pub(crate) fn list<T: DeserializeOwned>(field: &str, text: Option<&str>) -> Answer<Vec<T>> {
    text.into_iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| {
            serde_json::from_value(serde_json::Value::String(word.to_owned()))
                .map_err(|_| Failure::field(field, "request.field_unknown_option"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use iq_domain::Severity;

    use super::list;

    #[test]
    fn reads_words_and_refuses_others() {
        let found: Vec<Severity> = list("s", Some("warning, critical,")).unwrap();
        assert_eq!(found, [Severity::Warning, Severity::Critical]);
        assert!(list::<Severity>("s", None).unwrap().is_empty());
        assert!(list::<Severity>("s", Some("loud")).is_err());
    }
}
