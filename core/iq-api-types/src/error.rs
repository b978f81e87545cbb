//! The error answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every failed request answers with. Clients decide on `code`, people read `message`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// Stable code, `area.reason`.
    pub code: String,
    /// Sentence with its remedy in the caller's language.
    pub message: String,
    /// Arguments of the sentence.
    pub params: BTreeMap<String, String>,
    /// Id of the request, also in the log.
    pub request_id: String,
    /// Problems by field, when a form was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Field name as in the request.
    pub field: String,
    /// Stable code.
    pub code: String,
    /// Sentence in the caller's language.
    pub message: String,
    /// Arguments.
    pub params: BTreeMap<String, String>,
}
