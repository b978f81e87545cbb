//! What comes in: JSON bodies, queries and ids of a path, each with an error a person can act on.

use std::str::FromStr;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{StatusCode, header, request::Parts},
};
use iq_api_types::{Misfit, read_json};
use iq_domain::{CodedError, ErrorKind};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::failure::Failure;

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
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => {
                        Failure::new(CodedError::new(ErrorKind::TooMuch, "request.too_large"))
                    }
                    _ => Failure::invalid("request.body_unreadable"),
                })?;
        read_json(&bytes).map(Self).map_err(|misfit| match misfit {
            Misfit::NotUtf8 => Failure::invalid("request.not_utf8"),
            Misfit::NotJson { line, column } => {
                let wrong = CodedError::invalid("request.json_malformed");
                Failure::new(wrong.with("line", line).with("column", column))
            }
            Misfit::Field { field, code } => Failure::field(&field, code),
        })
    }
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

/// `?limit=&offset=`
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub(crate) struct PageQuery {
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

/// `?tenant=`
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub(crate) struct TenantQuery {
    /// Of this tenant only.
    pub(crate) tenant: Option<iq_domain::TenantId>,
}

impl PageQuery {
    pub(crate) fn page(self) -> (u32, u32) {
        (
            self.limit.unwrap_or(50).clamp(1, 500),
            self.offset.unwrap_or(0),
        )
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
