//! A request or command that failed: a code with its arguments, the fields it concerns, the status.

use std::sync::Arc;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{ApiError, FieldProblem};
use iq_domain::{CodedError, ErrorKind};
use iq_locale::{Language, Params};

use crate::store::StoreError;

/// What a handler answers with when it can't do what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error: CodedError,
    pub(crate) status: StatusCode,
    pub(crate) fields: Vec<(String, CodedError)>,
    pub(crate) retry_after_s: Option<u64>,
}

/// What handlers return.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(error: CodedError) -> Self {
        Self {
            status: status_of(error.kind),
            error,
            fields: Vec::new(),
            retry_after_s: None,
        }
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Not there, or not this tenant's: the same answer for both.
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

    pub(crate) fn unauthenticated(code: &'static str) -> Self {
        Self::new(CodedError::new(ErrorKind::Unauthenticated, code))
    }

    pub(crate) fn internal() -> Self {
        Self::new(CodedError::new(ErrorKind::Internal, "internal.error"))
    }

    /// One field of a form is wrong.
    pub(crate) fn field(field: &str, code: &'static str) -> Self {
        Self::of_field(field, CodedError::invalid(code))
    }

    pub(crate) fn of_field(field: &str, problem: CodedError) -> Self {
        Self::of_fields(vec![(field, problem)])
    }

    /// Several are, all told at once.
    pub(crate) fn of_fields(problems: Vec<(&str, CodedError)>) -> Self {
        let mut failure = Self::invalid("request.fields_wrong");
        failure.error = failure.error.with("count", problems.len());
        failure.fields = problems
            .into_iter()
            .map(|(field, problem)| (field.to_owned(), problem.with("field", field)))
            .collect();
        failure
    }

    /// This, and what else is wrong with the same form.
    pub(crate) fn and(mut self, other: Self) -> Self {
        // What is no field's fault is told alone.
        if self.fields.is_empty() {
            return self;
        }
        if other.fields.is_empty() {
            return other;
        }
        self.fields.extend(other.fields);
        let count = self.fields.len();
        self.error = self.error.with("count", count);
        self
    }

    /// Too many at once: come back in so many seconds.
    pub(crate) fn wait(error: CodedError, seconds: u64) -> Self {
        let mut failure = Self::new(error).with_status(StatusCode::TOO_MANY_REQUESTS);
        failure.retry_after_s = Some(seconds);
        failure
    }

    /// The answer's body in the reader's language.
    pub(crate) fn body(&self, language: Language, request_id: &str) -> ApiError {
        let message = |code: &str, params: &Params| iq_locale::error(language, code, params);
        ApiError {
            code: self.error.code.to_owned(),
            message: message(self.error.code, &self.error.params),
            params: self.error.params.clone(),
            request_id: request_id.to_owned(),
            fields: self
                .fields
                .iter()
                .map(|(field, problem)| FieldProblem {
                    field: field.clone(),
                    code: problem.code.to_owned(),
                    message: message(problem.code, &problem.params),
                    params: problem.params.clone(),
                })
                .collect(),
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
        ErrorKind::Upstream => StatusCode::FAILED_DEPENDENCY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<CodedError> for Failure {
    fn from(error: CodedError) -> Self {
        Self::new(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // What anybody may send is no failure of the database.
        if !matches!(error, StoreError::Unfit) {
            tracing::error!(%error, "The database failed a request.");
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
