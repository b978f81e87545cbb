//! What comes in: JSON bodies, queries and ids of a path, each with an error a person can act on.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{StatusCode, header, request::Parts},
};
use iq_api_types::{Misfit, read_json};
use iq_domain::{CodedError, ErrorKind};
use serde::de::DeserializeOwned;
use std::str::FromStr;

use super::failure::Failure;

/// A JSON body after its schema; everything that does not fit is refused.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        if !content_type.starts_with("application/json") {
            return Err(Failure::invalid("request.json_required"));
        }
        let bytes = bytes_of(request, state).await?;
        parse_json(&bytes).map(Self)
    }
}

/// The bytes of a body within the route's cap.
pub(crate) async fn bytes_of<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Failure::new(CodedError::new(ErrorKind::TooMuch, "request.too_large"))
            } else {
                Failure::invalid("request.body_unreadable")
            }
        })
}

/// Text of a body within the route's cap.
pub(crate) struct Text(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = bytes_of(request, state).await?;
        String::from_utf8(bytes.to_vec())
            .map(Self)
            .map_err(|_| Failure::invalid("request.not_utf8"))
    }
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    read_json(bytes).map_err(|misfit| match misfit {
        Misfit::NotUtf8 => Failure::invalid("request.not_utf8"),
        Misfit::NotJson { line, column } => {
            let wrong = CodedError::invalid("request.json_malformed");
            Failure::new(wrong.with("line", line).with("column", column))
        }
        Misfit::Field { field, code } => Failure::field(&field, code),
    })
}

/// The query of an address.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|query| Self(query.0))
            .map_err(|_| Failure::invalid("request.query_wrong"))
    }
}

/// The `N`th id of a path. What is no id names nothing: 404, as for an id that is not there.
pub(crate) struct Id<T, const N: usize = 0>(pub(crate) T);

impl<S: Send + Sync, T: FromStr, const N: usize> FromRequestParts<S> for Id<T, N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Failure::not_found())?;
        params
            .iter()
            .nth(N)
            .and_then(|(_, text)| text.parse().ok())
            .map(Self)
            .ok_or_else(Failure::not_found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iq_api_types::SiteInput;

    fn check(json: &str, field: &str, code: &str) {
        let failure = parse_json::<SiteInput>(json.as_bytes()).unwrap_err();
        let found: Vec<_> = failure
            .fields
            .iter()
            .map(|f| (f.field.as_str(), f.code.as_str()))
            .collect();
        assert_eq!(found, [(field, code)], "{json}");
    }

    #[test]
    fn names_the_field_that_does_not_fit() {
        let names = r#""names":{"en":"a","ar":"b"}"#;
        check(
            &format!(r#"{{"code":"A",{names},"time_zone":"UTC","x":1}}"#),
            "x",
            "request.field_unknown",
        );
        check(
            &format!(r#"{{"code":"A",{names}}}"#),
            "time_zone",
            "request.field_missing",
        );
        check(
            &format!(r#"{{"code":7,{names}}}"#),
            "code",
            "request.field_wrong_type",
        );
        check(
            r#"{"code":"A","names":{"en":null}}"#,
            "names.en",
            "request.field_wrong_type",
        );
        // The fields by their place would be taken for whatever stands there in our source.
        check(
            r#"{"code":"A","names":["a","b"],"time_zone":"UTC"}"#,
            "names",
            "request.field_wrong_type",
        );
        check(r#"["A"]"#, "", "request.field_wrong_type");
    }

    #[test]
    fn refuses_what_is_no_json_without_panicking() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for text in ["", "{", "{} {}", "\u{0}", "{\"code\":1e999}", &deep] {
            let failure = parse_json::<serde_json::Value>(text.as_bytes()).unwrap_err();
            assert_eq!(failure.error.code, "request.json_malformed");
        }
        let failure = parse_json::<serde_json::Value>(b"\"\xff\"").unwrap_err();
        assert_eq!(failure.error.code, "request.not_utf8");
    }
}
