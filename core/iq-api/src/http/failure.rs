//! A failed request: the code, its arguments, the fields it concerns, and the HTTP status. The sentence
//! is added on the way out, where the reader's language is known.

use std::sync::Arc;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{ApiError, FieldProblem};
use iq_connector::FieldError;
use iq_domain::{CodedError, ErrorKind};
use iq_locale::{Language, Params};
use iq_store::StoreError;

/// What a handler answers with when it can't do what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error: CodedError,
    pub(crate) status: StatusCode,
    pub(crate) fields: Vec<FieldFailure>,
    pub(crate) retry_after_s: Option<u64>,
}

/// A field that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct FieldFailure {
    pub(crate) field: String,
    pub(crate) code: String,
    pub(crate) params: Params,
}

/// What handlers return.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(error: CodedError) -> Self {
        let status = status_of(error.kind);
        Self {
            error,
            status,
            fields: Vec::new(),
            retry_after_s: None,
        }
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The object is not there, or not this tenant's: the same answer for both.
    pub(crate) fn not_found() -> Self {
        Self::new(CodedError::not_found("request.not_found"))
    }

    pub(crate) fn invalid(code: &'static str) -> Self {
        Self::new(CodedError::invalid(code))
    }

    pub(crate) fn conflict(code: &'static str) -> Self {
        Self::new(CodedError::conflict(code))
    }

    pub(crate) fn forbidden(code: &'static str) -> Self {
        Self::new(CodedError::new(ErrorKind::Forbidden, code))
    }

    pub(crate) fn locked(code: &'static str) -> Self {
        Self::new(CodedError::new(ErrorKind::Locked, code))
    }

    pub(crate) fn internal() -> Self {
        Self::new(CodedError::new(ErrorKind::Internal, "internal.error"))
    }

    /// One or more fields of a form are wrong.
    pub(crate) fn fields(fields: Vec<FieldFailure>) -> Self {
        let mut failure = Self::invalid("request.fields_wrong");
        failure.error = failure.error.with("count", fields.len());
        failure.fields = fields;
        failure
    }

    /// One field of a form is wrong.
    pub(crate) fn field(field: &str, code: &'static str) -> Self {
        Self::fields(vec![FieldFailure::new(field, code)])
    }

    /// The answer's body in the reader's language.
    pub(crate) fn body(&self, language: Language, request_id: &str) -> ApiError {
        ApiError {
            code: self.error.code.to_owned(),
            message: iq_locale::error(language, self.error.code, &self.error.params),
            params: self.error.params.clone(),
            request_id: request_id.to_owned(),
            fields: self.fields.iter().map(|f| f.problem(language)).collect(),
        }
    }
}

impl FieldFailure {
    pub(crate) fn new(field: &str, code: &str) -> Self {
        Self {
            field: field.to_owned(),
            code: code.to_owned(),
            params: Params::from([("field".to_owned(), field.to_owned())]),
        }
    }

    pub(crate) fn with(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.params.insert(
            key.to_owned(),
            iq_domain::neutralise(&value.to_string(), 200),
        );
        self
    }

    pub(crate) fn problem(&self, language: Language) -> FieldProblem {
        FieldProblem {
            field: self.field.clone(),
            code: self.code.clone(),
            message: iq_locale::error(language, &self.code, &self.params),
            params: self.params.clone(),
        }
    }
}

impl From<FieldError> for FieldFailure {
    fn from(error: FieldError) -> Self {
        Self {
            field: error.field,
            code: error.code.to_owned(),
            params: error.params,
        }
    }
}

const fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::TooMuch => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Locked => StatusCode::LOCKED,
        // The plant's system failed, not this program: a 5xx would send people to the wrong place.
        ErrorKind::Upstream => StatusCode::FAILED_DEPENDENCY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<CodedError> for Failure {
    fn from(error: CodedError) -> Self {
        if error.kind == ErrorKind::NotFound {
            // One code for "not there" and "not yours", whatever layer found it out.
            return Self::not_found();
        }
        Self::new(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if let StoreError::Internal(detail) = &error {
            tracing::error!(detail, "The store failed a request.");
        }
        Self::from(CodedError::from(error))
    }
}

impl IntoResponse for Failure {
    /// The status with the failure attached; the outer layer writes the body.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after_s {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}
