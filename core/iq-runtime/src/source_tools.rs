//! Use cases beside the life of an integration: what the form offers, looking at rows, copying,
//! what a deletion takes along, the global defaults, the demo stream, the action log.

use std::collections::BTreeMap;

use iq_config::GlobalDefault;
use iq_connector::{
    Choice, ConnectorContext, ExposeSecret, FieldError, SECRET_MASK, SampleRows, TestReport, ext,
    is_blank, is_secret, properties,
};
use iq_domain::{
    ActionStatus, CodedError, ErrorKind, Integration, IntegrationAction, IntegrationId,
    IntegrationStatus, TenantId,
};
use iq_store::{integration_actions, integrations, integrations::Attached};
use serde_json::{Value, json};
use tracing::warn;

use crate::{
    IntegrationDraft, IntegrationError, Runtime,
    integrations::{Secrets, draft_context, get, store_secrets, stored_secrets},
};

/// A row for the action log; the moment is now.
#[derive(Clone, Debug)]
pub struct NewAction {
    /// What was done ("test_connection", "enable", …).
    pub action_type: &'static str,
    /// How it went.
    pub status: ActionStatus,
    /// Code of the sentence, or empty.
    pub message_code: String,
    /// Details; `params` in it are the arguments of the sentence.
    pub details: Value,
    /// User name, or "system".
    pub actor: String,
    /// How long it took.
    pub ms: Option<u64>,
}

/// What a deletion takes along and what stays.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// The integration.
    pub integration: Integration,
    /// What hangs on it.
    pub attached: Attached,
    /// Signals whose history stays and that get no further values.
    pub signals: u64,
    /// Assets that lose their only source.
    pub assets_left_alone: Vec<String>,
}

/// A field for which the environment may supply a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultField {
    /// Connector kind.
    pub kind: &'static str,
    /// Field of its form.
    pub field: String,
    /// Name of the variable.
    pub variable: String,
    /// The value; none for a secret and where the variable is unset.
    pub value: Option<String>,
    /// Whether the variable is set.
    pub is_set: bool,
    /// Whether it is a secret.
    pub is_secret: bool,
}

impl Runtime {
    /// Writes a row of the action log. A log that can't be written is no reason to undo what was done.
    pub async fn log_action(&self, tenant: TenantId, id: IntegrationId, action: NewAction) {
        let row = IntegrationAction {
            tenant_id: tenant,
            integration_id: id,
            action_type: action.action_type.to_owned(),
            status: action.status,
            message_code: action.message_code,
            details: action.details,
            actor: action.actor,
            ms: action.ms,
            at: self.0.clock.now(),
        };
        let written = self
            .0
            .store
            .write(move |tx| integration_actions::create_integration_action(tx, tenant, &row))
            .await;
        if let Err(error) = written {
            warn!(%error, integration = %id, "An action could not be logged.");
        }
    }

    /// How fast an integration delivers; nothing while it does not run.
    #[must_use]
    pub fn throughput(&self, id: IntegrationId) -> crate::Throughput {
        let now = self.0.clock.now();
        self.0.supervisor.throughput(id, now).unwrap_or_default()
    }

    /// All secrets this installation knows: of every tenant's integrations, identity providers and
    /// webhooks, and of the environment. For taking them out of a text, never for showing them.
    pub async fn known_secrets(&self) -> Result<Vec<iq_secrets::SecretString>, CodedError> {
        let mut known = Vec::new();
        let index = self.index();
        for tenant in index.tenants.values() {
            for id in tenant.integrations.keys() {
                let secrets = stored_secrets(&self.0, tenant.tenant.id, *id).await?;
                known.extend(
                    secrets
                        .values()
                        .map(|s| iq_secrets::SecretString::new(s.expose_secret())),
                );
            }
            known.extend(self.identity_provider_secrets(tenant.tenant.id).await?);
            known.extend(self.webhook_secrets(tenant.tenant.id).await?);
        }
        known.extend(self.0.config.secrets());
        Ok(known)
    }

    /// Tests a stored integration without a row in its log.
    pub(crate) async fn probe(
        &self,
        tenant: TenantId,
        id: IntegrationId,
    ) -> Result<TestReport, CodedError> {
        let (connector, context) = self.opened(tenant, id).await?;
        Ok(connector.test(&context, &|_| {}).await)
    }

    /// What the source offers for a field of the form. `lender` is the stored integration
    /// whose secrets `***` means.
    pub async fn choices(
        &self,
        tenant: TenantId,
        draft: IntegrationDraft,
        lender: Option<IntegrationId>,
        field: &str,
    ) -> Result<Vec<Choice>, IntegrationError> {
        let (connector, context) = self.drafted(tenant, &draft, lender).await?;
        let offers = connector
            .spec()
            .schema
            .pointer(&format!("/properties/{field}/{}", ext::CHOICES))
            .and_then(Value::as_bool)
            == Some(true);
        if !offers {
            return Err(CodedError::invalid("connector.choices_unsupported").into());
        }
        Ok(connector.choices(&context, field).await?)
    }

    /// The first rows of a stored source.
    pub async fn sample_rows(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        limit: usize,
    ) -> Result<SampleRows, CodedError> {
        let (connector, context) = self.opened(tenant, id).await?;
        connector.sample_rows(&context, limit).await
    }

    /// The first rows of a source that is not saved yet.
    pub async fn draft_sample_rows(
        &self,
        tenant: TenantId,
        draft: IntegrationDraft,
        lender: Option<IntegrationId>,
        limit: usize,
    ) -> Result<SampleRows, IntegrationError> {
        let (connector, context) = self.drafted(tenant, &draft, lender).await?;
        Ok(connector.sample_rows(&context, limit).await?)
    }

    async fn drafted(
        &self,
        tenant: TenantId,
        draft: &IntegrationDraft,
        lender: Option<IntegrationId>,
    ) -> Result<
        (
            std::sync::Arc<dyn iq_connector::Connector>,
            ConnectorContext,
        ),
        IntegrationError,
    > {
        let connector = self.0.allowed_connector(&draft.kind)?;
        let context = draft_context(&self.0, connector.as_ref(), tenant, draft, lender).await?;
        Ok((connector, context))
    }

    /// A second integration with the same values and secrets, switched off and without mappings.
    pub async fn duplicate_integration(
        &self,
        tenant: TenantId,
        id: IntegrationId,
    ) -> Result<Integration, CodedError> {
        let inner = &self.0;
        let original = get(inner, tenant, id).await?;
        inner.allowed_connector(&original.kind)?;
        let secrets = stored_secrets(inner, tenant, id).await?;
        let plant = self.tenant(tenant)?;
        let taken: Vec<&str> = plant
            .integrations
            .values()
            .map(|i| i.name.as_str())
            .collect();
        let copy = Integration {
            id: IntegrationId::new(),
            name: free_name(&original.name, &taken),
            is_enabled: false,
            status: IntegrationStatus::Inactive,
            status_code: None,
            status_params: json!({}),
            status_at: None,
            last_value_at: None,
            created_at: inner.clock.now(),
            ..original
        };
        let (row, key) = (copy.clone(), std::sync::Arc::clone(&inner.master_key));
        inner
            .store
            .write(move |tx| {
                integrations::create_integration(tx, tenant, &row)?;
                store_secrets(tx, &key, tenant, row.id, &secrets)
            })
            .await?;
        inner.reload(tenant).await?;
        Ok(copy)
    }

    /// What a deletion would take along.
    pub async fn preview_deletion(
        &self,
        tenant: TenantId,
        id: IntegrationId,
    ) -> Result<Deletion, CodedError> {
        let integration = get(&self.0, tenant, id).await?;
        let attached = self
            .0
            .store
            .read(move |conn| integrations::get_attached(conn, tenant, id))
            .await?;
        let plant = self.tenant(tenant)?;
        let source_of = |signal: &iq_domain::SignalId| {
            let route = plant.signals.get(signal)?.mapping.as_ref()?;
            Some(route.mapping.integration_id)
        };
        let fed = plant.signals.keys().filter(|s| source_of(s) == Some(id));
        let mut alone: Vec<String> = plant
            .assets
            .values()
            .filter(|entry| {
                let sources: Vec<IntegrationId> =
                    entry.signals.iter().filter_map(source_of).collect();
                !sources.is_empty() && sources.iter().all(|source| *source == id)
            })
            .map(|entry| entry.asset.code.clone())
            .collect();
        alone.sort_unstable();
        Ok(Deletion {
            signals: fed.count() as u64,
            assets_left_alone: alone,
            attached,
            integration,
        })
    }

    /// Starts or stops the values of the demo plant through this integration.
    pub async fn set_demo_stream(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        is_on: bool,
    ) -> Result<Integration, CodedError> {
        if !self.0.config.demo_mode {
            return Err(CodedError::new(
                ErrorKind::Locked,
                "integrations.demo_mode_off",
            ));
        }
        let row = get(&self.0, tenant, id).await?;
        if !row.is_demo_origin {
            return Err(CodedError::conflict("integrations.not_demo"));
        }
        self.set_integration_enabled(tenant, id, is_on).await
    }

    /// The fields for which the environment may supply a value, of all kinds.
    #[must_use]
    pub fn default_fields(&self) -> Vec<DefaultField> {
        let inner = &self.0;
        let mut fields = Vec::new();
        for spec in inner.connectors.specs() {
            if spec.capabilities.external_db && !inner.config.external_db_enable {
                continue;
            }
            for (name, property) in properties(&spec.schema) {
                let Some(variable) = property.get(ext::ENV).and_then(Value::as_str) else {
                    continue;
                };
                let default = inner.config.global_default(variable);
                let hidden = is_secret(property);
                fields.push(DefaultField {
                    kind: spec.kind,
                    field: name.to_owned(),
                    variable: variable.to_owned(),
                    is_set: default.is_some(),
                    is_secret: hidden,
                    value: match default {
                        Some(GlobalDefault::Public(value)) if !hidden => Some(value),
                        _ => None,
                    },
                });
            }
        }
        fields
    }
}

/// "Line 2 (2)", the first that is free and not too long.
fn free_name(name: &str, taken: &[&str]) -> String {
    let stem: String = match name.rsplit_once(" (") {
        Some((stem, number)) if number.trim_end_matches(')').parse::<u32>().is_ok() => stem,
        _ => name,
    }
    .chars()
    .take(crate::integrations::MAX_NAME_CHARS - 8)
    .collect();
    (2_u32..)
        .map(|n| format!("{} ({n})", stem.trim_end()))
        .find(|candidate| !taken.contains(&candidate.as_str()))
        .unwrap_or(stem)
}

/// The stored secrets a draft may use: those of its own integration, as long as it still goes to the
/// same place. A password is never sent to an address it was not entered for; a field that asks for
/// that is a problem.
pub(crate) fn lent_secrets(
    schema: &Value,
    stored_config: &Value,
    draft_config: &Value,
    stored: Secrets,
) -> Result<Secrets, Vec<FieldError>> {
    let moved = properties(schema).any(|(name, property)| {
        is_address(name, property) && {
            let value = |config: &Value| config.get(name).filter(|v| !is_blank(v)).cloned();
            value(stored_config) != value(draft_config)
        }
    });
    if !moved {
        return Ok(stored);
    }
    let kept = stored.keys().filter(|field| {
        draft_config.get(field.as_str()).and_then(Value::as_str) == Some(SECRET_MASK)
    });
    let problems: Vec<FieldError> = kept
        .map(|field| FieldError::new(field, "integrations.secret_for_new_address"))
        .collect();
    if problems.is_empty() {
        Ok(BTreeMap::new())
    } else {
        Err(problems)
    }
}

fn is_address(name: &str, property: &serde_json::Map<String, Value>) -> bool {
    property.get(ext::WIDGET).and_then(Value::as_str) == Some("url")
        || matches!(name, "host" | "port" | "token_url")
}

#[cfg(test)]
mod tests {
    use iq_connector::SecretString;

    use super::*;

    #[test]
    fn a_copy_takes_the_next_free_number() {
        assert_eq!(free_name("Line 2", &["Line 2"]), "Line 2 (2)");
        assert_eq!(
            free_name("Line 2 (2)", &["Line 2", "Line 2 (2)"]),
            "Line 2 (3)"
        );
        assert_eq!(free_name("PI (north)", &[]), "PI (north) (2)");
        let long = "x".repeat(120);
        assert!(free_name(&long, &[]).chars().count() <= 120);
    }

    #[test]
    fn a_stored_password_is_not_lent_to_another_address() {
        let schema = json!({ "properties": {
            "base_url": { "type": "string", "x-widget": "url" },
            "host": { "type": "string" },
            "table": { "type": "string" },
            "password": { "type": "string", "x-secret": true },
        }});
        let stored = || Secrets::from([("password".to_owned(), SecretString::from("p"))]);
        let at = |url: &str, host: &str, table: &str| json!({ "base_url": url, "host": host, "table": table });
        let own = at("https://a", "h", "t");
        let lent = |draft: &Value| lent_secrets(&schema, &own, draft, stored()).map(|s| s.len());
        assert_eq!(lent(&at("https://a", "h", "other")), Ok(1));
        assert_eq!(lent(&at("https://b", "h", "t")), Ok(0));
        assert_eq!(lent(&at("https://a", "elsewhere", "t")), Ok(0));
        assert_eq!(lent(&json!({ "host": "h", "table": "t" })), Ok(0));
        let mut kept = at("https://b", "h", "t");
        kept["password"] = json!("***");
        assert_eq!(lent(&kept).unwrap_err()[0].field, "password");
    }
}
