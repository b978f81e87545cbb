//! Use cases around a source that is being set up: what it offers for a field, its first rows, a copy
//! of an integration, what a deletion takes along.

use std::sync::Arc;

use iq_connector::{Choice, SampleRows};
use iq_domain::{
    ActionStatus, CodedError, Integration, IntegrationAction, IntegrationId, IntegrationStatus,
    TenantId, Timestamp,
};
use iq_store::{Page, integration_actions, integrations, mappings, mappings::MappingFilter};
use serde_json::{Value, json};

use crate::{
    IntegrationDraft, IntegrationError, Runtime,
    integrations::{MAX_NAME_CHARS, NoTrust, Secrets, check, context, get, resolve, store_secrets, stored_secrets},
};

/// What a deletion takes along, and what stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletionPreview {
    /// Mappings that go.
    pub mappings: u64,
    /// Signals that lose their source; their history stays.
    pub signals: u64,
    /// Rows of the action log that go.
    pub actions: u64,
}

impl Runtime {
    /// The kinds a person may choose from: those that are switched off for this installation are not
    /// among them.
    #[must_use]
    pub fn allowed_specs(&self) -> Vec<iq_connector::ConnectorSpec> {
        let allowed = self.0.config.external_db_enable;
        let mut specs = self.0.connectors.specs();
        specs.retain(|spec| allowed || !spec.capabilities.external_db);
        specs
    }

    /// What the source offers for a field, given values that may not be saved yet. Secrets that read
    /// `***` are those of `integration`.
    pub async fn choices(
        &self,
        tenant: TenantId,
        draft: IntegrationDraft,
        integration: Option<IntegrationId>,
        field: &str,
    ) -> Result<Vec<Choice>, IntegrationError> {
        let (connector, context) = self.draft_context(tenant, draft, integration).await?;
        Ok(connector.choices(&context, field).await?)
    }

    /// The first rows of a source whose values may not be saved yet.
    pub async fn sample_rows_of_draft(
        &self,
        tenant: TenantId,
        draft: IntegrationDraft,
        integration: Option<IntegrationId>,
        limit: usize,
    ) -> Result<SampleRows, IntegrationError> {
        let (connector, context) = self.draft_context(tenant, draft, integration).await?;
        Ok(connector.sample_rows(&context, limit).await?)
    }

    /// The first rows of a stored integration's source.
    pub async fn sample_rows(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        limit: usize,
    ) -> Result<SampleRows, CodedError> {
        let (connector, context) = self.opened(tenant, id).await?;
        connector.sample_rows(&context, limit).await
    }

    async fn draft_context(
        &self,
        tenant: TenantId,
        draft: IntegrationDraft,
        integration: Option<IntegrationId>,
    ) -> Result<
        (
            Arc<dyn iq_connector::Connector>,
            iq_connector::ConnectorContext,
        ),
        IntegrationError,
    > {
        let inner = &self.0;
        let connector = inner.allowed_connector(&draft.kind)?;
        let stored = match integration {
            Some(id) => {
                let row = get(inner, tenant, id).await?;
                if row.kind != draft.kind {
                    return Err(CodedError::invalid("integrations.kind_fixed").into());
                }
                stored_secrets(inner, tenant, id).await?
            }
            None => Secrets::new(),
        };
        let (config, secrets) = check(connector.as_ref(), &draft, &stored)?;
        let effective = resolve(inner, &connector.spec().schema, &config, &secrets);
        let id = integration.unwrap_or_else(IntegrationId::new);
        let context = context(
            inner,
            tenant,
            id,
            draft.name,
            effective,
            Arc::new(NoTrust),
        );
        Ok((connector, context))
    }

    /// A copy under another name, switched off, with the same values and secrets and no mappings.
    pub async fn duplicate_integration(
        &self,
        tenant: TenantId,
        id: IntegrationId,
    ) -> Result<Integration, CodedError> {
        let inner = &self.0;
        let original = get(inner, tenant, id).await?;
        inner.allowed_connector(&original.kind)?;
        let secrets = stored_secrets(inner, tenant, id).await?;
        let taken: Vec<String> = inner
            .index
            .load()
            .tenant(tenant)
            .map(|t| t.integrations.values().map(|i| i.name.clone()).collect())
            .unwrap_or_default();
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
        let (row, key) = (copy.clone(), Arc::clone(&inner.master_key));
        inner
            .store
            .write(move |tx| {
                integrations::create_integration(tx, tenant, &row)?;
                store_secrets(tx, &key, tenant, row.id, &secrets)
            })
            .await?;
        inner.reload(tenant).await?;
        get(inner, tenant, copy.id).await
    }

    /// What deleting an integration would take along.
    pub async fn preview_deletion(
        &self,
        tenant: TenantId,
        id: IntegrationId,
    ) -> Result<DeletionPreview, CodedError> {
        let inner = &self.0;
        get(inner, tenant, id).await?;
        let filter = MappingFilter {
            integration_id: Some(id),
            ..MappingFilter::default()
        };
        let one = Page {
            limit: 1,
            ..Page::MAX
        };
        let (mapped, actions) = inner
            .store
            .read(move |conn| {
                let mapped = mappings::list_mappings(conn, tenant, &filter, Page::MAX)?;
                let actions =
                    integration_actions::list_integration_actions(conn, tenant, Some(id), one)?;
                Ok((mapped, actions.total))
            })
            .await?;
        let mut signals: Vec<_> = mapped.rows.iter().map(|m| m.signal_id).collect();
        signals.sort_unstable();
        signals.dedup();
        Ok(DeletionPreview {
            mappings: mapped.total,
            signals: signals.len() as u64,
            actions,
        })
    }

    /// Writes into an integration's action log who did what, with which result, in how many
    /// milliseconds.
    pub async fn log_integration_action(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        done: DoneAction,
    ) -> Result<(), CodedError> {
        let inner = &self.0;
        let now = inner.clock.now();
        let mut details = match done.details {
            Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        details.insert("actor".to_owned(), json!(done.actor));
        details.insert("ms".to_owned(), json!(now.since_ms(done.started_at).max(0)));
        let action = IntegrationAction {
            tenant_id: tenant,
            integration_id: id,
            action_type: done.action_type.to_owned(),
            status: match done.failure {
                None => ActionStatus::Success,
                Some(_) => ActionStatus::Failure,
            },
            message_code: done
                .failure
                .as_ref()
                .map_or_else(String::new, |e| e.code.to_owned()),
            details: {
                if let Some(error) = &done.failure {
                    details.insert("params".to_owned(), json!(error.params));
                }
                Value::Object(details)
            },
            at: now,
        };
        inner
            .store
            .write(move |tx| integration_actions::create_integration_action(tx, tenant, &action))
            .await?;
        Ok(())
    }
}

/// Something that was done to an integration.
#[derive(Clone, Debug)]
pub struct DoneAction {
    /// What ("enable", "preview", …).
    pub action_type: &'static str,
    /// Who.
    pub actor: String,
    /// When it began.
    pub started_at: Timestamp,
    /// Why it failed, if it did.
    pub failure: Option<CodedError>,
    /// More about it; an object.
    pub details: Value,
}

/// "Name (2)", "Name (3)", … whichever is free, within the longest name.
fn free_name(name: &str, taken: &[String]) -> String {
    let base = name
        .rsplit_once(" (")
        .filter(|(_, rest)| {
            rest.strip_suffix(')')
                .is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
        })
        .map_or(name, |(base, _)| base);
    (2..)
        .map(|n| {
            let end = format!(" ({n})");
            let kept: String = base
                .chars()
                .take(MAX_NAME_CHARS - end.chars().count())
                .collect();
            format!("{kept}{end}")
        })
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_gets_the_next_free_name() {
        let taken = ["Boiler".to_owned(), "Boiler (2)".to_owned()];
        assert_eq!(free_name("Boiler", &taken), "Boiler (3)");
        assert_eq!(free_name("Boiler (2)", &taken), "Boiler (3)");
        assert_eq!(free_name("Boiler (old)", &taken), "Boiler (old) (2)");
        let long = "x".repeat(MAX_NAME_CHARS);
        assert_eq!(free_name(&long, &[]).chars().count(), MAX_NAME_CHARS);
    }
}
