//! The demonstration: starts the demo plant in this process and, on the first start, sets up the demo
//! tenant the way a customer would, through the same use cases: sites, assets, connections over OPC UA,
//! PI Web API and to the maintenance system that take their addresses from the environment's defaults,
//! trust in the plant's certificates, mappings.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use iq_auth::{HashCost, PasswordHasher, temporary_password};
use iq_domain::{
    Asset, AssetId, AuthSource, CodedError, IntegrationId, Limits, Names, Role, Site, SiteId,
    Tenant, TenantId, Timestamp, TrustState, Unit, UnitId, User, UserId,
};
use iq_mapping::MappingDraft;
use iq_plant::{
    PlantConfig, PlantHandle, PlantServer,
    catalogue::{ExtraPoint, NAMESPACE_URI, PlantTag, catalogue},
    control::Client,
    kept_password,
    pi::{self, PiConfig},
    sap::{self, SapConfig},
};
use iq_runtime::{IntegrationDraft, IntegrationError, MappingError, NewMapping, Runtime};
use iq_secrets::SecretString;
use iq_store::{assets, certificates, sites, technicians, tenants, units, users};
use serde_json::json;
use tracing::info;

use crate::{demo_people, demo_store, plant::PlantControls};

/// How the demonstration runs.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Port of the plant's OPC UA server; 0 takes a free one.
    pub plant_port: u16,
    /// How much of the plant's past is played at the start, so that there is something to see.
    pub history: Duration,
    /// How many times faster than the clock that past is played.
    pub catch_up: f64,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            plant_port: 0,
            history: Duration::from_secs(6 * 3_600),
            catch_up: 240.0,
        }
    }
}

/// A user of the demo tenant.
#[derive(Clone, Debug)]
pub struct DemoUser {
    /// Sign-in name.
    pub username: &'static str,
    /// Role.
    pub role: Role,
    /// Password; shown once.
    pub password: SecretString,
}

/// The two users of the demo tenant.
const USERS: [(&str, Role, &str); 2] = [
    ("admin@optria.io", Role::PlatformOwner, "Platform owner"),
    ("demo@aramco.com", Role::TenantAdmin, "Demo administrator"),
];

const PLANT_USER: &str = "optria";

/// The gas compressor train is read from the data archive, everything else from the control system.
const OVER_PI: [&str; 3] = ["K-202", "GB-203", "KM-204"];

/// A demo plant inside this process.
pub(crate) struct EmbeddedPlant {
    handle: PlantHandle,
    password: SecretString,
    web_password: SecretString,
}

impl EmbeddedPlant {
    /// Starts the plant; it keeps its certificate in `<data>/plant`.
    pub(crate) async fn start(data_dir: &Path, options: &DemoOptions) -> Result<Self> {
        let password = temporary_password()?;
        let folder = data_dir.join("plant");
        let web_password = kept_password(&folder)?;
        let mut config = PlantConfig::new(folder);
        config.pi = Some(PiConfig {
            user: PLANT_USER.to_owned(),
            password: Some(web_password.clone()),
            traps: true,
            ..PiConfig::default()
        });
        config.sap = Some(SapConfig {
            user: PLANT_USER.to_owned(),
            password: Some(web_password.clone()),
            ..SapConfig::default()
        });
        config.port = options.plant_port;
        config.control_port = 0;
        PLANT_USER.clone_into(&mut config.user);
        config.password = Some(password.expose().to_owned());
        config.allow_anonymous = false;
        config.start_ago = unplayed(data_dir, options.history);
        config.catch_up = options.catch_up;
        let handle = PlantServer::start(config).await?;
        Ok(Self {
            handle,
            password,
            web_password: SecretString::from(web_password),
        })
    }

    /// Address of the PI-compatible endpoint.
    pub(crate) fn pi_url(&self) -> Option<&str> {
        self.handle.pi().map(|pi| pi.base_url.as_str())
    }

    /// Address of the maintenance system.
    pub(crate) fn sap_url(&self) -> Option<&str> {
        self.handle.sap().map(|sap| sap.base_url.as_str())
    }

    pub(crate) fn endpoint_url(&self) -> &str {
        &self.handle.endpoint_url
    }

    pub(crate) const fn user(&self) -> &'static str {
        PLANT_USER
    }

    pub(crate) fn password(&self) -> SecretString {
        self.password.clone()
    }

    pub(crate) fn controls(&self) -> PlantControls {
        PlantControls(Client::new(
            self.handle.control_addr,
            self.handle.control_token.clone(),
        ))
    }

    pub(crate) async fn stop(self) {
        self.handle.stop().await;
    }
}

/// The past that is still to be played: on a later start only what was missed.
fn unplayed(data_dir: &Path, history: Duration) -> Duration {
    let written = std::fs::metadata(data_dir.join("historian.db-wal"))
        .or_else(|_| std::fs::metadata(data_dir.join("historian.db")))
        .and_then(|file| file.modified());
    match written.map(|at| at.elapsed()) {
        Ok(Ok(since)) => since.min(history),
        _ => history,
    }
}

/// Sets up the demo tenant if this appliance has no tenant yet. Answers the users it made.
pub(crate) async fn set_up(runtime: &Runtime, plant: &EmbeddedPlant) -> Result<Vec<DemoUser>> {
    let existing = runtime.store().read(tenants::list_tenants).await?;
    if let Some(tenant) = existing.first() {
        trust_plant(runtime, tenant.id, plant).await?;
        return Ok(Vec::new());
    }
    let tenant = Tenant {
        id: TenantId::new(),
        names: Names {
            en: "Demo ARAMCO".to_owned(),
            ar: "أرامكو التجريبية".to_owned(),
        },
        is_demo: true,
        created_at: runtime.clock().now(),
    };
    let (id, now) = (tenant.id, tenant.created_at);
    let made = make_users(id, runtime).await?;
    let rows: Vec<(User, String)> = made
        .iter()
        .map(|(_, u, h)| (u.clone(), h.clone()))
        .collect();
    runtime
        .store()
        .write(move |tx| {
            tenants::create_tenant(tx, &tenant)?;
            for (user, hash) in &rows {
                users::create_user(tx, id, user, Some(hash))?;
            }
            create_plant(tx, id, now)?;
            crate::demo_costs::create(tx, id, now)
        })
        .await?;
    runtime.plant_changed(id).await?;
    let by = made.last().map_or_else(UserId::new, |(_, user, _)| user.id);
    demo_store::set_up(runtime, id, by).await?;
    connect(runtime, id, plant).await?;
    trust_plant(runtime, id, plant).await?;
    info!("The demo tenant was set up.");
    Ok(made.into_iter().map(|(shown, _, _)| shown).collect())
}

async fn make_users(tenant: TenantId, runtime: &Runtime) -> Result<Vec<(DemoUser, User, String)>> {
    let now = runtime.clock().now();
    let mut made = Vec::new();
    for (username, role, name) in USERS {
        let password = temporary_password()?;
        let secret = password.clone();
        // Hashing is slow on purpose and would hold up everything else on this thread.
        let hash = tokio::task::spawn_blocking(move || {
            PasswordHasher::new(HashCost::default())?.hash(&secret)
        })
        .await??;
        let user = User {
            id: UserId::new(),
            tenant_id: tenant,
            username: username.to_owned(),
            email: Some(username.to_owned()),
            name: name.to_owned(),
            role,
            is_active: true,
            auth_source: AuthSource::Local,
            must_change_password: false,
            last_sign_in_at: None,
            created_at: now,
        };
        made.push((
            DemoUser {
                username,
                role,
                password,
            },
            user,
            hash,
        ));
    }
    Ok(made)
}

/// Sites, units, assets and the crew of the plant.
fn create_plant(
    tx: &iq_store::Transaction<'_>,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(), iq_store::StoreError> {
    let plant = catalogue();
    let mut site_ids = std::collections::HashMap::new();
    for site in &plant.sites {
        let id = SiteId::new();
        site_ids.insert(site.code, id);
        let row = Site {
            id,
            tenant_id: tenant,
            code: site.code.to_owned(),
            names: site.names.clone(),
            time_zone: site.time_zone.to_owned(),
        };
        sites::create_site(tx, tenant, &row)?;
    }
    let mut unit_ids = std::collections::HashMap::new();
    for unit in &plant.units {
        let id = UnitId::new();
        unit_ids.insert((unit.site, unit.code), id);
        let row = Unit {
            id,
            tenant_id: tenant,
            site_id: site_ids[unit.site],
            code: unit.code.to_owned(),
            names: unit.names.clone(),
        };
        units::create_unit(tx, tenant, &row)?;
    }
    for asset in &plant.assets {
        let row = Asset {
            id: AssetId::new(),
            tenant_id: tenant,
            unit_id: unit_ids[&(asset.site.as_str(), asset.unit.as_str())],
            code: asset.code.clone(),
            names: asset.names.clone(),
            family: asset.family.clone(),
            criticality: asset.criticality,
            equipment_number: sap::equipment_number(&asset.code),
            functional_location: Some(asset.functional_location.clone()),
            parent_id: None,
            upstream: asset.upstream.clone(),
            downstream: asset.downstream.clone(),
            note: asset.note.clone(),
            effective_from: sap::in_service_since(&asset.code).map(Timestamp),
            effective_to: None,
        };
        assets::create_asset(tx, tenant, &row)?;
    }
    for row in demo_people::technicians(tenant, now, |code| site_ids[code]) {
        technicians::create_technician(tx, tenant, &row)?;
    }
    Ok(())
}

/// The connections, none with an address of its own, and a mapping for every point of the plant. A
/// kind this build does not know is left out; its points then come over OPC UA.
async fn connect(runtime: &Runtime, tenant: TenantId, plant: &EmbeddedPlant) -> Result<()> {
    let opcua = json!({
        "security_mode": "SignAndEncrypt",
        "security_policy": "Basic256Sha256",
        "auth_type": "UsernamePassword",
        "sampling_interval_ms": 1000,
    });
    let opcua = integration(runtime, tenant, "opcua", "OPC UA", opcua).await?;
    let knows = |kind: &str| runtime.connectors().get(kind).is_ok();
    let pi = match plant.handle.pi().filter(|_| knows("pi")) {
        Some(link) => {
            let config = json!({
                "auth_type": "Basic",
                "username": PLANT_USER,
                "password": plant.web_password.expose(),
                "tls_ca": link.web.ca_pem,
                "polling_interval_ms": 2000,
            });
            Some(integration(runtime, tenant, "pi", "PI Web API", config).await?)
        }
        None => None,
    };
    if let Some(link) = plant.handle.sap().filter(|_| knows("sap_pm")) {
        let config = json!({
            "auth_type": "Basic",
            "username": PLANT_USER,
            "password": plant.web_password.expose(),
            "tls_ca": link.web.ca_pem,
            "asset_mapping_mode": "by_equipment_number",
            "sync_interval_s": 60,
            "work_order_sync_mode": "pull_only",
        });
        integration(runtime, tenant, "sap_pm", "SAP PM", config).await?;
    }
    map_points(runtime, tenant, opcua, pi).await
}

async fn integration(
    runtime: &Runtime,
    tenant: TenantId,
    kind: &str,
    name: &str,
    config: serde_json::Value,
) -> Result<IntegrationId> {
    let draft = IntegrationDraft {
        kind: kind.to_owned(),
        name: name.to_owned(),
        config,
        is_enabled: true,
    };
    let made = runtime
        .create_integration(tenant, draft, true)
        .await
        .map_err(|error| match error {
            IntegrationError::Coded(error) => anyhow::Error::from(error),
            IntegrationError::Fields(fields) => {
                anyhow::anyhow!("demo connection {kind}: {fields:?}")
            }
        })?;
    Ok(made.id)
}

async fn map_points(
    runtime: &Runtime,
    tenant: TenantId,
    opcua: IntegrationId,
    pi: Option<IntegrationId>,
) -> Result<()> {
    let index = runtime.tenant(tenant)?;
    let plant = catalogue();
    let source = |asset: &str, node: &str, point: Option<String>| match (pi, point) {
        (Some(pi), Some(point)) if OVER_PI.contains(&asset) => {
            (pi, format!(r"\\{}\{point}", pi::DATA_SERVER))
        }
        _ => (opcua, format!("nsu={NAMESPACE_URI};s={node}")),
    };
    let of_tag = |tag: &'static PlantTag| {
        let limits = (!tag.limits.is_empty()).then_some(tag.limits);
        let from = source(
            &tag.asset,
            &tag.node,
            pi::point_name(&tag.asset, &tag.metric),
        );
        (
            &tag.asset,
            tag.metric.as_str(),
            tag.eu.as_str(),
            from,
            limits,
        )
    };
    let of_extra = |extra: &'static ExtraPoint| {
        let from = source(&extra.asset, &extra.node, Some(pi::extra_point_name(extra)));
        (&extra.asset, extra.metric, "", from, None)
    };
    let mappings = plant
        .tags
        .iter()
        .map(of_tag)
        .chain(plant.extras.iter().map(of_extra))
        .map(
            |(asset, metric, unit, (integration_id, external_tag), limits)| {
                let asset_id = *index
                    .asset_by_code
                    .get(asset)
                    .with_context(|| format!("the plant's asset {asset} is missing"))?;
                let source = |limits: Limits| (limits, "DCS alarm list".to_owned());
                Ok(NewMapping {
                    draft: MappingDraft {
                        integration_id,
                        external_tag,
                        asset_id,
                        metric_name: metric.to_owned(),
                        unit: unit.to_owned(),
                        scaling_factor: 1.0,
                        offset_value: 0.0,
                        metadata_json: "{}".to_owned(),
                        is_active: true,
                    },
                    limits: limits.map(source),
                })
            },
        )
        .collect::<Result<Vec<_>>>()?;
    runtime
        .create_mappings(tenant, mappings)
        .await
        .map_err(|error| match error {
            MappingError::Coded(error) => anyhow::Error::from(error),
            MappingError::Fields { row, errors } => {
                anyhow::anyhow!("demo mapping {row}: {errors:?}")
            }
        })?;
    Ok(())
}

/// Trusts exactly the certificate this process has just seen the plant make. Nothing that comes over
/// the wire is believed: another server at the same address stays pending.
async fn trust_plant(runtime: &Runtime, tenant: TenantId, plant: &EmbeddedPlant) -> Result<()> {
    let path = &plant.handle.certificate_path;
    let der = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    let index = runtime.tenant(tenant)?;
    let Some(integration) = index
        .integrations
        .values()
        .find(|i| i.is_demo_origin && i.kind == "opcua")
    else {
        return Ok(());
    };
    let id = integration.id;
    // The first attempt makes the server show its certificate, which then waits for a decision.
    runtime
        .test_integration(tenant, id, "system", &|_| {})
        .await?;
    let known = runtime
        .store()
        .read(move |conn| certificates::list_certificates(conn, tenant, Some(id), None))
        .await?;
    let shown = known
        .into_iter()
        .find(|c| c.der == der)
        .ok_or(CodedError::not_found("certificates.not_found"))
        .context("the demo plant did not show its own certificate")?;
    if shown.state != TrustState::Trusted {
        runtime
            .decide_certificate(tenant, id, shown.id, TrustState::Trusted, "system")
            .await?;
    }
    Ok(())
}
