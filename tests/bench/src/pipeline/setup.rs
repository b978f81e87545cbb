//! Sets up an appliance for the bench through the same use cases as its pages: tenant, user, assets, an
//! encrypted OPC UA connection, trust in exactly the plant's certificate, mappings.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use iq_auth::{HashCost, PasswordHasher, temporary_password};
use iq_domain::{
    Asset, AssetId, AuthSource, Criticality, IntegrationId, Names, Role, SignalMapping, Site,
    SiteId, Tenant, TenantId, TrustState, Unit, UnitId, User, UserId,
};
use iq_mapping::MappingDraft;
use iq_plant::catalogue::NAMESPACE_URI;
use iq_runtime::{IntegrationDraft, NewMapping, Runtime};
use iq_store::{assets, certificates, sites, tenants, units, users};
use serde_json::json;

use super::wire::SignIn;

const USERNAME: &str = "bench";
/// Signals of one asset.
const PER_ASSET: u32 = 100;

fn names(text: &str) -> Names {
    Names {
        en: text.to_owned(),
        ar: text.to_owned(),
    }
}

fn asset_code(number: u32) -> String {
    format!("LOAD-{:03}", number + 1)
}

/// A tenant with a user who may do everything and assets for so many tags.
pub(crate) async fn create_tenant(runtime: &Runtime, tags: u32) -> Result<(TenantId, SignIn)> {
    let now = runtime.clock().now();
    let tenant = Tenant {
        id: TenantId::new(),
        names: names("Bench"),
        is_demo: false,
        created_at: now,
    };
    let id = tenant.id;
    let password = temporary_password()?;
    let secret = password.clone();
    let hash = tokio::task::spawn_blocking(move || {
        PasswordHasher::new(HashCost::default())?.hash(&secret)
    })
    .await??;
    let user = User {
        id: UserId::new(),
        tenant_id: id,
        username: USERNAME.to_owned(),
        email: None,
        name: "Bench".to_owned(),
        role: Role::TenantAdmin,
        is_active: true,
        auth_source: AuthSource::Local,
        must_change_password: false,
        last_sign_in_at: None,
        created_at: now,
    };
    let site = Site {
        id: SiteId::new(),
        tenant_id: id,
        code: "LOAD".to_owned(),
        names: names("Load"),
        time_zone: "UTC".to_owned(),
    };
    let unit = Unit {
        id: UnitId::new(),
        tenant_id: id,
        site_id: site.id,
        code: "LOAD".to_owned(),
        names: names("Load"),
    };
    let machines: Vec<Asset> = (0..tags.div_ceil(PER_ASSET))
        .map(|number| machine(id, unit.id, number))
        .collect();
    runtime
        .store()
        .write(move |tx| {
            tenants::create_tenant(tx, &tenant)?;
            users::create_user(tx, id, &user, Some(&hash))?;
            sites::create_site(tx, id, &site)?;
            units::create_unit(tx, id, &unit)?;
            for asset in &machines {
                assets::create_asset(tx, id, asset)?;
            }
            Ok(())
        })
        .await?;
    runtime.plant_changed(id).await?;
    let sign_in = SignIn {
        username: USERNAME.to_owned(),
        password: password.expose().to_owned(),
    };
    Ok((id, sign_in))
}

fn machine(tenant: TenantId, unit: UnitId, number: u32) -> Asset {
    let code = asset_code(number);
    Asset {
        id: AssetId::new(),
        tenant_id: tenant,
        unit_id: unit,
        names: names(&code),
        code,
        family: "electric_motor".to_owned(),
        criticality: Criticality::Medium,
        equipment_number: None,
        functional_location: None,
        parent_id: None,
        upstream: Vec::new(),
        downstream: Vec::new(),
        note: String::new(),
        effective_from: None,
        effective_to: None,
    }
}

/// An encrypted connection; without trust it waits.
pub(crate) async fn connect(
    runtime: &Runtime,
    tenant: TenantId,
    endpoint_url: &str,
    sampling_ms: u32,
) -> Result<IntegrationId> {
    let draft = IntegrationDraft {
        kind: "opcua".to_owned(),
        name: "OPC UA".to_owned(),
        config: json!({
            "endpoint_url": endpoint_url,
            "security_mode": "SignAndEncrypt",
            "security_policy": "Basic256Sha256",
            "auth_type": "Anonymous",
            "sampling_interval_ms": sampling_ms,
        }),
        is_enabled: true,
    };
    let made = runtime.create_integration(tenant, draft, false).await;
    Ok(made.map_err(|error| anyhow!("connection: {error:?}"))?.id)
}

/// Trusts the certificate in the plant's own file, and no other.
pub(crate) async fn trust(
    runtime: &Runtime,
    tenant: TenantId,
    integration: IntegrationId,
    certificate: &Path,
) -> Result<()> {
    let der = std::fs::read(certificate)?;
    // The first attempt makes the server show its certificate, which then waits for a decision.
    runtime
        .test_integration(tenant, integration, "bench", &|_| {})
        .await?;
    let shown = runtime
        .store()
        .read(move |conn| certificates::list_certificates(conn, tenant, Some(integration), None))
        .await?
        .into_iter()
        .find(|shown| shown.der == der)
        .context("the plant did not show its own certificate")?;
    runtime
        .decide_certificate(tenant, integration, shown.id, TrustState::Trusted, USERNAME)
        .await?;
    let report = runtime
        .test_integration(tenant, integration, "bench", &|_| {})
        .await?;
    anyhow::ensure!(report.success, "connection: {}", report.message.code);
    Ok(())
}

/// Maps every load tag to a signal of its own.
pub(crate) async fn map(
    runtime: &Runtime,
    tenant: TenantId,
    integration: IntegrationId,
    tags: u32,
) -> Result<Vec<SignalMapping>> {
    let index = runtime.tenant(tenant)?;
    let new = (0..tags)
        .map(|number| {
            let code = asset_code(number / PER_ASSET);
            let asset_id = index.asset_by_code.get(&code);
            Ok(NewMapping {
                draft: MappingDraft {
                    integration_id: integration,
                    external_tag: format!("nsu={NAMESPACE_URI};s=LOAD.T{:05}", number + 1),
                    asset_id: *asset_id.with_context(|| format!("asset {code} is missing"))?,
                    metric_name: format!("load_{:02}", number % PER_ASSET),
                    unit: "bar".to_owned(),
                    scaling_factor: 1.0,
                    offset_value: 0.0,
                    metadata_json: "{}".to_owned(),
                    is_active: true,
                },
                limits: None,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let made = runtime.create_mappings(tenant, new).await;
    made.map_err(|error| anyhow!("mappings: {error:?}"))
}
