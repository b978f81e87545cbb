//! Use cases around integrations: create, change, delete, enable, test, browse, preview, trust.

use std::{collections::BTreeMap, sync::Arc};

use iq_config::GlobalDefault;
use iq_connector::{
    BrowsePage, BrowseRequest, Connector, ConnectorContext, EffectiveConfig, EndpointOffer,
    ExposeSecret, FieldError, Progress, SecretString, StreamState, TestReport, masked_config,
    missing_fields, resolve_effective, split_config,
};
use iq_domain::{
    ActionStatus, CertificateId, CodedError, ErrorKind, Integration, IntegrationId,
    IntegrationStatus, RawSample, ServerCertificate, TenantId, TrustState, is_clean_line,
};
use iq_secrets::MasterKey;
use iq_store::{
    StoreError, Transaction, certificates, integration_secrets, integration_secrets::SealedSecret,
    integrations,
};
use serde_json::{Value, json};

use crate::{
    Inner, NewAction, Runtime, Throughput,
    source_tools::lent_secrets,
    trust::{StoredTrust, UnsavedTrust},
};

/// An integration as a person wrote it. A secret that reads `***` keeps the stored one.
#[derive(Clone, Debug)]
pub struct IntegrationDraft {
    /// Connector kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Values, secrets included.
    pub config: Value,
    /// Should run.
    pub is_enabled: bool,
}

/// Why an integration can't be saved.
#[derive(Clone, Debug)]
pub enum IntegrationError {
    /// Fields are wrong.
    Fields(Vec<FieldError>),
    /// Anything else.
    Coded(CodedError),
}

impl<E: Into<CodedError>> From<E> for IntegrationError {
    fn from(error: E) -> Self {
        Self::Coded(error.into())
    }
}

/// An integration as it may be shown.
#[derive(Clone, Debug)]
pub struct IntegrationView {
    /// The row; its status is as of the last change.
    pub integration: Integration,
    /// The tenant's values with secrets masked.
    pub shown_config: Value,
    /// Values in force and where they come from; secrets are only named.
    pub effective: EffectiveConfig,
    /// State of the running connector.
    pub state: Option<StreamState>,
    /// How fast it delivers.
    pub throughput: Option<Throughput>,
}

pub(crate) type Secrets = BTreeMap<String, SecretString>;

pub(crate) const MAX_NAME_CHARS: usize = 120;

impl Runtime {
    /// An integration with its values in force.
    pub async fn view_integration(
        &self,
        tenant: TenantId,
        id: IntegrationId,
    ) -> Result<IntegrationView, CodedError> {
        let inner = &self.0;
        let integration = get(inner, tenant, id).await?;
        let connector = inner.connectors.get(&integration.kind)?;
        let schema = connector.spec().schema;
        let secrets = stored_secrets(inner, tenant, id).await?;
        let effective = resolve(inner, &schema, &integration.config, &secrets);
        Ok(IntegrationView {
            shown_config: masked_config(&schema, &integration.config, &secrets),
            effective,
            state: inner.supervisor.state(id),
            throughput: inner.supervisor.throughput(id, inner.clock.now()),
            integration,
        })
    }

    /// Creates an integration; it starts when it is enabled.
    pub async fn create_integration(
        &self,
        tenant: TenantId,
        draft: IntegrationDraft,
        is_demo_origin: bool,
    ) -> Result<Integration, IntegrationError> {
        let inner = &self.0;
        let connector = inner.allowed_connector(&draft.kind)?;
        let (config, secrets) = check(connector.as_ref(), &draft, &Secrets::new())?;
        let integration = Integration {
            id: IntegrationId::new(),
            tenant_id: tenant,
            kind: draft.kind,
            name: draft.name.trim().to_owned(),
            config,
            is_enabled: draft.is_enabled,
            is_demo_origin,
            status: IntegrationStatus::Inactive,
            status_code: None,
            status_params: json!({}),
            status_at: None,
            last_value_at: None,
            created_at: inner.clock.now(),
        };
        let (row, key) = (integration.clone(), Arc::clone(&inner.master_key));
        inner
            .store
            .write(move |tx| {
                integrations::create_integration(tx, tenant, &row)?;
                store_secrets(tx, &key, tenant, row.id, &secrets)
            })
            .await?;
        inner.reload(tenant).await?;
        inner
            .supervisor
            .restart(inner, tenant, integration.id)
            .await?;
        Ok(get(inner, tenant, integration.id).await?)
    }

    /// Changes name, values and the switch; the connector is restarted.
    pub async fn update_integration(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        draft: IntegrationDraft,
    ) -> Result<Integration, IntegrationError> {
        let inner = &self.0;
        let mut integration = get(inner, tenant, id).await?;
        if draft.kind != integration.kind {
            return Err(CodedError::invalid("integrations.kind_fixed").into());
        }
        let connector = if draft.is_enabled {
            inner.allowed_connector(&integration.kind)?
        } else {
            inner.connectors.get(&integration.kind)?
        };
        let stored = stored_secrets(inner, tenant, id).await?;
        let schema = connector.spec().schema;
        let stored = lent_secrets(&schema, &integration.config, &draft.config, stored)
            .map_err(IntegrationError::Fields)?;
        let (config, secrets) = check(connector.as_ref(), &draft, &stored)?;
        integration.name = draft.name.trim().to_owned();
        integration.config = config;
        integration.is_enabled = draft.is_enabled;
        let (row, key) = (integration.clone(), Arc::clone(&inner.master_key));
        inner
            .store
            .write(move |tx| {
                integrations::update_integration(tx, tenant, &row)?;
                store_secrets(tx, &key, tenant, id, &secrets)
            })
            .await?;
        inner.reload(tenant).await?;
        inner.supervisor.restart(inner, tenant, id).await?;
        Ok(get(inner, tenant, id).await?)
    }

    /// Switches an integration on or off.
    pub async fn set_integration_enabled(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        is_enabled: bool,
    ) -> Result<Integration, CodedError> {
        let inner = &self.0;
        let mut row = get(inner, tenant, id).await?;
        if is_enabled {
            inner.allowed_connector(&row.kind)?;
        }
        row.is_enabled = is_enabled;
        inner
            .store
            .write(move |tx| integrations::update_integration(tx, tenant, &row))
            .await?;
        inner.reload(tenant).await?;
        inner.supervisor.restart(inner, tenant, id).await?;
        get(inner, tenant, id).await
    }

    /// Deletes an integration with its mappings; the history already stored stays.
    pub async fn delete_integration(
        &self,
        tenant: TenantId,
        id: IntegrationId,
    ) -> Result<(), CodedError> {
        let inner = &self.0;
        get(inner, tenant, id).await?;
        inner.supervisor.stop(id).await;
        inner
            .store
            .write(move |tx| integrations::delete_integration(tx, tenant, id))
            .await?;
        inner.reload(tenant).await
    }

    /// Tests a stored integration and keeps the result in its action log.
    pub async fn test_integration(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        actor: &str,
        progress: Progress<'_>,
    ) -> Result<TestReport, CodedError> {
        let inner = &self.0;
        let begun = std::time::Instant::now();
        let integration = get(inner, tenant, id).await?;
        let connector = inner.allowed_connector(&integration.kind)?;
        let context = context_of(inner, connector.as_ref(), &integration).await?;
        let report = connector.test(&context, progress).await;
        let action = NewAction {
            action_type: "test_connection",
            status: if report.success {
                ActionStatus::Success
            } else {
                ActionStatus::Failure
            },
            message_code: report.message.code.clone(),
            details: json!({ "params": report.message.params, "stages": report.stages }),
            actor: actor.to_owned(),
            ms: u64::try_from(begun.elapsed().as_millis()).ok(),
        };
        self.log_action(tenant, id, action).await;
        // The test may have seen a certificate that waits for a decision.
        inner.reload(tenant).await?;
        Ok(report)
    }

    /// Tests values that are not saved yet; `lender` is the stored integration whose secrets `***`
    /// means. A certificate the server shows can be decided on only after saving: without an
    /// integration there is nothing to keep the decision with.
    pub async fn test_draft(
        &self,
        tenant: TenantId,
        draft: IntegrationDraft,
        lender: Option<IntegrationId>,
        progress: Progress<'_>,
    ) -> Result<TestReport, IntegrationError> {
        let inner = &self.0;
        let connector = inner.allowed_connector(&draft.kind)?;
        let context = draft_context(inner, connector.as_ref(), tenant, &draft, lender).await?;
        Ok(connector.test(&context, progress).await)
    }

    /// A page of the source's tag tree.
    pub async fn browse(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        let (connector, context) = self.opened(tenant, id).await?;
        connector.browse(&context, request).await
    }

    /// Reads some tags once.
    pub async fn preview(
        &self,
        tenant: TenantId,
        id: IntegrationId,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        let (connector, context) = self.opened(tenant, id).await?;
        connector.preview(&context, tags).await
    }

    /// Asks a server for its endpoints; nothing secret is sent.
    pub async fn endpoints(
        &self,
        tenant: TenantId,
        kind: &str,
        url: &str,
    ) -> Result<Vec<EndpointOffer>, CodedError> {
        let inner = &self.0;
        let connector = inner.allowed_connector(kind)?;
        let none = EffectiveConfig {
            config: json!({}),
            secrets: Secrets::new(),
            sources: BTreeMap::new(),
        };
        let id = IntegrationId::new();
        let trust = Arc::new(unsaved_trust(inner, tenant));
        let context = context(inner, tenant, id, String::new(), none, trust);
        connector.endpoints(&context, url).await
    }

    /// Trusts or rejects a server's certificate and lets the integration try again.
    pub async fn decide_certificate(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
        certificate: CertificateId,
        decision: TrustState,
        actor: &str,
    ) -> Result<ServerCertificate, CodedError> {
        let inner = &self.0;
        let (now, actor) = (inner.clock.now(), actor.to_owned());
        let decided = inner
            .store
            .write(move |tx| {
                let found = certificates::get_certificate(tx, tenant, certificate)?;
                if found.is_none_or(|c| c.integration_id != integration) {
                    return Err(CodedError::not_found("certificates.not_found").into());
                }
                certificates::update_certificate_state(
                    tx,
                    tenant,
                    certificate,
                    decision,
                    &actor,
                    now,
                )?;
                certificates::get_certificate(tx, tenant, certificate)?
                    .ok_or_else(|| CodedError::not_found("certificates.not_found").into())
            })
            .await?;
        inner.supervisor.restart(inner, tenant, integration).await?;
        Ok(decided)
    }

    pub(crate) async fn opened(
        &self,
        tenant: TenantId,
        id: IntegrationId,
    ) -> Result<(Arc<dyn Connector>, ConnectorContext), CodedError> {
        let inner = &self.0;
        let integration = get(inner, tenant, id).await?;
        let connector = inner.allowed_connector(&integration.kind)?;
        let context = context_of(inner, connector.as_ref(), &integration).await?;
        Ok((connector, context))
    }
}

impl Inner {
    /// The connector of a kind, if this installation may use it.
    pub(crate) fn allowed_connector(&self, kind: &str) -> Result<Arc<dyn Connector>, CodedError> {
        let connector = self.connectors.get(kind)?;
        if connector.spec().capabilities.external_db && !self.config.external_db_enable {
            return Err(CodedError::new(
                ErrorKind::Locked,
                "integrations.external_db_disabled",
            ));
        }
        Ok(connector)
    }
}

pub(crate) async fn get(
    inner: &Inner,
    tenant: TenantId,
    id: IntegrationId,
) -> Result<Integration, CodedError> {
    inner
        .store
        .read(move |conn| integrations::get_integration(conn, tenant, id))
        .await?
        .ok_or(CodedError::not_found("integrations.not_found"))
}

/// Validates a draft and takes its secrets out of the public values.
fn check(
    connector: &dyn Connector,
    draft: &IntegrationDraft,
    stored: &Secrets,
) -> Result<(Value, Secrets), IntegrationError> {
    let schema = connector.spec().schema;
    let mut problems = Vec::new();
    if !is_clean_line(&draft.name, MAX_NAME_CHARS) {
        problems.push(FieldError::new("name", "form.text").with("max", MAX_NAME_CHARS));
    }
    let split = split_config(&schema, &draft.config, stored);
    let (config, secrets) = match split {
        Ok(parts) => parts,
        Err(wrong) => {
            problems.extend(wrong);
            return Err(IntegrationError::Fields(problems));
        }
    };
    problems.extend(connector.validate(&config).err().into_iter().flatten());
    problems.extend(
        connector
            .validate_secrets(&secrets)
            .err()
            .into_iter()
            .flatten(),
    );
    if problems.is_empty() {
        Ok((config, secrets))
    } else {
        Err(IntegrationError::Fields(problems))
    }
}

fn resolve(inner: &Inner, schema: &Value, config: &Value, secrets: &Secrets) -> EffectiveConfig {
    resolve_effective(schema, config, secrets, &|name| {
        inner
            .config
            .global_default(name)
            .map(|default| match default {
                GlobalDefault::Public(value) => value,
                GlobalDefault::Secret(value) => value.expose().to_owned(),
            })
    })
}

/// The stored secrets of an integration, opened.
pub(crate) async fn stored_secrets(
    inner: &Inner,
    tenant: TenantId,
    id: IntegrationId,
) -> Result<Secrets, CodedError> {
    let sealed = inner
        .store
        .read(move |conn| integration_secrets::list_sealed_secrets(conn, tenant, id))
        .await?;
    sealed
        .into_iter()
        .map(|s| {
            let opened = inner
                .master_key
                .unseal_field(tenant, id, &s.field, s.version, &s.sealed)?;
            Ok((s.field, SecretString::from(opened.expose())))
        })
        .collect()
}

/// Replaces the stored secrets by `secrets`, inside the transaction that stores the rest: the version
/// of a seal is known only there.
pub(crate) fn store_secrets(
    tx: &Transaction<'_>,
    key: &MasterKey,
    tenant: TenantId,
    id: IntegrationId,
    secrets: &Secrets,
) -> Result<(), StoreError> {
    for old in integration_secrets::list_sealed_secrets(tx, tenant, id)? {
        if !secrets.contains_key(&old.field) {
            integration_secrets::delete_sealed_secret(tx, tenant, id, &old.field)?;
        }
    }
    for (field, secret) in secrets {
        let version = integration_secrets::next_secret_version(tx, tenant, id, field)?;
        let secret = iq_secrets::SecretString::new(secret.expose_secret());
        let sealed = key
            .seal_field(tenant, id, field, version, &secret)
            .map_err(CodedError::from)?;
        let row = SealedSecret {
            field: field.clone(),
            version,
            sealed,
        };
        integration_secrets::put_sealed_secret(tx, tenant, id, &row)?;
    }
    Ok(())
}

/// The context of a stored integration. Fails when its values in force are incomplete.
pub(crate) async fn context_of(
    inner: &Arc<Inner>,
    connector: &dyn Connector,
    integration: &Integration,
) -> Result<ConnectorContext, CodedError> {
    let schema = connector.spec().schema;
    let secrets = stored_secrets(inner, integration.tenant_id, integration.id).await?;
    let effective = resolve(inner, &schema, &integration.config, &secrets);
    if let Some(missing) = missing_fields(&schema, &effective).into_iter().next() {
        return Err(CodedError {
            kind: ErrorKind::Invalid,
            code: missing.code,
            params: missing.params,
        });
    }
    let trust = StoredTrust {
        store: inner.store.clone(),
        clock: Arc::clone(&inner.clock),
        tenant_id: integration.tenant_id,
        integration_id: integration.id,
    };
    let name = integration.name.clone();
    let (tenant, id) = (integration.tenant_id, integration.id);
    let cursors = inner
        .store
        .read(move |conn| integrations::list_cursors(conn, tenant, id))
        .await?
        .into_iter()
        // A position that can't be read is none: the source is read again from its beginning.
        .filter_map(|(name, position)| Some((name, serde_json::from_str(&position).ok()?)))
        .collect();
    Ok(ConnectorContext {
        cursors: Arc::new(cursors),
        ..context(inner, tenant, id, name, effective, Arc::new(trust))
    })
}

fn context(
    inner: &Inner,
    tenant_id: TenantId,
    integration_id: IntegrationId,
    name: String,
    effective: EffectiveConfig,
    trust: Arc<dyn iq_connector::TrustStore>,
) -> ConnectorContext {
    ConnectorContext {
        tenant_id,
        integration_id,
        name,
        config: effective.config,
        secrets: Arc::new(effective.secrets),
        cursors: Arc::default(),
        trust,
        identity: Arc::clone(&inner.identity),
        clock: Arc::clone(&inner.clock),
        cancel: inner.cancel.child_token(),
    }
}

/// The context of values that are not saved. A draft of a stored integration is trusted as that is.
pub(crate) async fn draft_context(
    inner: &Arc<Inner>,
    connector: &dyn Connector,
    tenant: TenantId,
    draft: &IntegrationDraft,
    lender: Option<IntegrationId>,
) -> Result<ConnectorContext, IntegrationError> {
    let schema = connector.spec().schema;
    let (stored, trust): (Secrets, Arc<dyn iq_connector::TrustStore>) = match lender {
        None => (Secrets::new(), Arc::new(unsaved_trust(inner, tenant))),
        Some(id) => {
            let integration = get(inner, tenant, id).await?;
            if integration.kind != draft.kind {
                return Err(CodedError::invalid("integrations.kind_fixed").into());
            }
            let secrets = stored_secrets(inner, tenant, id).await?;
            let lent = lent_secrets(&schema, &integration.config, &draft.config, secrets)
                .map_err(IntegrationError::Fields)?;
            let trust = StoredTrust {
                store: inner.store.clone(),
                clock: Arc::clone(&inner.clock),
                tenant_id: tenant,
                integration_id: id,
            };
            (lent, Arc::new(trust))
        }
    };
    let (config, secrets) = check(connector, draft, &stored)?;
    let effective = resolve(inner, &schema, &config, &secrets);
    let name = draft.name.clone();
    let id = lender.unwrap_or_else(IntegrationId::new);
    Ok(context(inner, tenant, id, name, effective, trust))
}

fn unsaved_trust(inner: &Inner, tenant_id: TenantId) -> UnsavedTrust {
    UnsavedTrust {
        store: inner.store.clone(),
        tenant_id,
    }
}
