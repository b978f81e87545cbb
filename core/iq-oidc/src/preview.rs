//! What a test sign-in shows: "this is what the provider sends; this is the role it gives".

use iq_api_types::{ClaimPreview, PreviewClaim, StatusMessage};
use iq_domain::{CodedError, Message, Role, Timestamp, neutralise};
use iq_locale::Language;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Claims, Person, RoleSource};

/// Longest value that is shown.
const VALUE_CHARS: usize = 400;
/// Claims that are shown.
const MAX_CLAIMS: usize = 100;

/// What a test sign-in came to. It can be kept where several programs reach it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    at: Timestamp,
    claims: Vec<PreviewClaim>,
    issuer: Option<String>,
    subject: Option<String>,
    username: Option<String>,
    name: Option<String>,
    email: Option<String>,
    role: Option<Role>,
    role_group: Option<String>,
    problem: Option<Message>,
}

impl Shown {
    /// Before any claim could be read.
    #[must_use]
    pub fn failed(at: Timestamp, error: &CodedError) -> Self {
        Self {
            at,
            claims: Vec::new(),
            issuer: None,
            subject: None,
            username: None,
            name: None,
            email: None,
            role: None,
            role_group: None,
            problem: Some(error.into()),
        }
    }

    /// What verified claims make of a person: who it is, and the role.
    #[must_use]
    pub fn of(
        at: Timestamp,
        claims: &Claims,
        person: Result<Person, CodedError>,
        role: Result<(Role, RoleSource), CodedError>,
    ) -> Self {
        let problem = person.as_ref().err().or(role.as_ref().err());
        let problem = problem.map(Message::from);
        let (person, role) = (person.ok(), role.ok());
        let (role, role_group) = match role {
            Some((role, RoleSource::Group(group))) => (Some(role), Some(group)),
            Some((role, RoleSource::Default)) => (Some(role), None),
            None => (None, None),
        };
        let shown = claims.iter().take(MAX_CLAIMS);
        Self {
            at,
            claims: shown
                .map(|(name, value, from_user_info)| PreviewClaim {
                    name: neutralise(name, 100),
                    value: neutralise(&text_of(value), VALUE_CHARS),
                    from_user_info,
                })
                .collect(),
            issuer: person.as_ref().map(|p| p.issuer.clone()),
            subject: person.as_ref().map(|p| p.subject.clone()),
            username: person.as_ref().map(Person::username),
            name: person.as_ref().map(|p| p.name.clone()),
            email: person.and_then(|p| p.email),
            role,
            role_group,
            problem,
        }
    }

    /// As a page shows it.
    #[must_use]
    pub fn told(self, language: Language) -> ClaimPreview {
        let problem = self.problem.map(|said| StatusMessage {
            message: iq_locale::error(language, &said.code, &said.params),
            code: said.code,
            params: said.params,
        });
        ClaimPreview {
            at: self.at,
            claims: self.claims,
            issuer: self.issuer,
            subject: self.subject,
            username: self.username,
            name: self.name,
            email: self.email,
            role: self.role,
            role_group: self.role_group,
            problem,
        }
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
