//! What a provider says of a person, and what that makes of them here.

use std::collections::BTreeSet;

use iq_domain::{CodedError, IdentityProvider, ProviderType, Role, is_clean_line, neutralise};
use serde_json::{Map, Value};

use crate::{missing, upstream};

const NAME_CHARS: usize = 120;
const SUBJECT_CHARS: usize = 255;

/// Verified claims.
#[derive(Clone, Debug)]
pub struct Claims {
    issuer: String,
    subject: String,
    all: Map<String, Value>,
    from_user_info: BTreeSet<String>,
}

/// A person as the provider describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who vouches.
    pub issuer: String,
    /// The stable id of the person there.
    pub subject: String,
    /// A name to sign in with, if something like it is said.
    pub username: Option<String>,
    /// Shown name.
    pub name: String,
    /// E-mail, for display and mail; it identifies nobody.
    pub email: Option<String>,
}

/// Where a role comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleSource {
    /// A group of the person.
    Group(String),
    /// In none of the groups that were named.
    Default,
}

impl Claims {
    pub(crate) fn new(issuer: String, subject: String, all: Map<String, Value>) -> Self {
        Self {
            issuer,
            subject,
            all,
            from_user_info: BTreeSet::new(),
        }
    }

    /// Whether a claim is there.
    #[must_use]
    pub fn has(&self, claim: &str) -> bool {
        self.all.get(claim).is_some_and(|value| !value.is_null())
    }

    /// The e-mail address, where the provider says that it is verified.
    ///
    /// # Errors
    /// `sso.claim_missing`, `sso.email_not_verified`.
    pub fn verified_email(&self) -> Result<&str, CodedError> {
        let email = self.required("email")?;
        match self.all.get("email_verified") {
            Some(Value::Bool(true)) => Ok(email),
            Some(_) => Err(upstream("sso.email_not_verified").with("email", email)),
            None => Err(missing("email_verified")),
        }
    }

    /// All claims by name, each with whether it came from the user info.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value, bool)> {
        self.all
            .iter()
            .map(|(name, value)| (name.as_str(), value, self.from_user_info.contains(name)))
    }

    pub(crate) fn add(&mut self, more: Map<String, Value>) -> Result<(), CodedError> {
        if more.get("sub").and_then(Value::as_str) != Some(&self.subject) {
            return Err(upstream("sso.userinfo_other_person"));
        }
        for (name, value) in more {
            if !self.has(&name) {
                self.from_user_info.insert(name.clone());
                self.all.insert(name, value);
            }
        }
        Ok(())
    }

    /// A text claim that can be shown.
    fn text(&self, claim: &str) -> Option<&str> {
        let text = self.all.get(claim)?.as_str()?.trim();
        is_clean_line(text, NAME_CHARS).then_some(text)
    }

    fn required(&self, claim: &str) -> Result<&str, CodedError> {
        let text = self.all.get(claim).and_then(Value::as_str);
        text.filter(|text| is_clean_line(text, SUBJECT_CHARS))
            .ok_or_else(|| missing(claim))
    }

    /// The person, by the habits of the provider.
    ///
    /// # Errors
    /// `sso.claim_missing` with the claim, `sso.directory_wrong`, `sso.domain_wrong`,
    /// `sso.email_unverified`.
    pub fn person(&self, row: &IdentityProvider) -> Result<Person, CodedError> {
        let subject = match row.provider_type {
            // The subject differs by application there; the object id is the person.
            ProviderType::AzureAd => {
                let directory = self.required("tid")?;
                let expected = row.directory_id.as_deref().unwrap_or_default();
                if !directory.eq_ignore_ascii_case(expected) {
                    return Err(upstream("sso.directory_wrong")
                        .with("expected", expected)
                        .with("found", directory));
                }
                self.required("oid")?
            }
            ProviderType::Google => {
                self.check_domain(row)?;
                self.required("sub")?
            }
            ProviderType::Okta => self.required("sub")?,
        };
        let email = self.text("email").filter(|e| e.contains('@'));
        let username = ["preferred_username", "upn", "email"]
            .into_iter()
            .find_map(|claim| self.text(claim));
        let name = self
            .text("name")
            .map(str::to_owned)
            .or_else(|| self.joined_name())
            .or_else(|| username.map(str::to_owned))
            .unwrap_or_else(|| neutralise(subject, NAME_CHARS));
        Ok(Person {
            issuer: self.issuer.clone(),
            subject: subject.to_owned(),
            username: username.map(str::to_owned),
            name,
            email: email.map(str::to_owned),
        })
    }

    fn joined_name(&self) -> Option<String> {
        let (given, family) = (self.text("given_name"), self.text("family_name"));
        let parts: Vec<&str> = given.into_iter().chain(family).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// The parameter of the request is only a hint: what counts is the claim.
    fn check_domain(&self, row: &IdentityProvider) -> Result<(), CodedError> {
        if let Some(expected) = row.hosted_domain.as_deref().filter(|d| !d.is_empty()) {
            let found = self.required("hd")?;
            if !found.eq_ignore_ascii_case(expected) {
                return Err(upstream("sso.domain_wrong")
                    .with("expected", expected)
                    .with("found", found));
            }
        }
        if self.has("email") {
            match self.all.get("email_verified") {
                Some(Value::Bool(true)) => {}
                Some(_) => return Err(upstream("sso.email_unverified")),
                None => return Err(missing("email_verified")),
            }
        }
        Ok(())
    }

    /// The groups of the person; `None` where nothing is said.
    fn groups(&self, claim: &str) -> Option<Vec<&str>> {
        match self.all.get(claim)? {
            Value::String(one) => Some(vec![one]),
            Value::Array(many) => Some(many.iter().filter_map(Value::as_str).collect()),
            _ => None,
        }
    }

    /// The role here and where it comes from: the highest of the person's groups, else the default.
    /// Never platform_owner.
    ///
    /// # Errors
    /// `sso.groups_overflow`, `sso.claim_missing`, `sso.no_group`.
    pub fn role(&self, row: &IdentityProvider) -> Result<(Role, RoleSource), CodedError> {
        let claim = row.group_claim.as_str();
        let groups = self.groups(claim);
        if groups.is_none() && row.owns_role() && self.is_elsewhere(claim) {
            return Err(upstream("sso.groups_overflow").with("claim", claim));
        }
        let found = row
            .group_roles
            .iter()
            .filter(|rule| groups.iter().flatten().any(|g| *g == rule.group))
            .filter(|rule| rule.role <= Role::TenantAdmin)
            .max_by_key(|rule| rule.role);
        if let Some(rule) = found {
            return Ok((rule.role, RoleSource::Group(rule.group.clone())));
        }
        match row.default_role.filter(|role| *role <= Role::TenantAdmin) {
            Some(role) => Ok((role, RoleSource::Default)),
            None if groups.is_none() => Err(missing(claim)),
            None => Err(upstream("sso.no_group").with("claim", claim)),
        }
    }

    /// Too many groups to be in the token: it names another place instead.
    fn is_elsewhere(&self, claim: &str) -> bool {
        self.all
            .get("_claim_names")
            .and_then(Value::as_object)
            .is_some_and(|names| names.contains_key(claim))
    }
}
