//! The plant the Black Box is measured on: pumps in units, joined in a row, with what the twin shows of each.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use iq_config::{Config, Inputs, Overrides};
use iq_connector::{ConnectorRegistry, OwnIdentity};
use iq_domain::{
    Assessment, AssessmentId, Asset, AssetId, Clock, Criticality, Integration, IntegrationId,
    IntegrationStatus, MappingId, Names, SignalId, SignalKind, SignalMapping, Site, SiteId,
    StatusCode, Tenant, TenantId, Timestamp, Unit, UnitId, Value,
};
use iq_historian::{Historian, HistorianConfig, Row};
use iq_runtime::{
    Detected, DetectionWindow, EvidenceParts, Runtime, RuntimeParts, detected_of, open_store,
};
use iq_secrets::MasterKey;
use iq_store::{
    Store, StoreError, Transaction, assessments, assets, integrations,
    jobs::{self, JobState},
    mappings, signals,
    signals::NewSignal,
    sites, tenants, units,
};

use super::T0;

/// Assets of a unit.
const TOGETHER: usize = 20;
/// What the twin reads of each asset.
const METRICS: [(&str, &str); 2] = [("vibration_de", "mm/s"), ("discharge_pressure", "bar")];

fn names(text: &str) -> Names {
    Names {
        en: text.to_owned(),
        ar: text.to_owned(),
    }
}

/// A tenant with its pumps in units of twenty, each pump feeding the next of its unit.
pub(crate) fn build(store: &Store, number: usize) -> Result<(TenantId, Vec<AssetId>)> {
    let (tenant, site) = (TenantId::new(), SiteId::new());
    let all: Vec<AssetId> = (0..number).map(|_| AssetId::new()).collect();
    let pumps = all.clone();
    store.write_blocking(move |tx| {
        let row = Tenant {
            id: tenant,
            names: names("Plant"),
            is_demo: false,
            created_at: T0,
        };
        tenants::create_tenant(tx, &row)?;
        let row = Site {
            id: site,
            tenant_id: tenant,
            code: "S".to_owned(),
            names: names("Site"),
            time_zone: "UTC".to_owned(),
        };
        sites::create_site(tx, tenant, &row)?;
        for (n, together) in pumps.chunks(TOGETHER).enumerate() {
            let unit = Unit {
                id: UnitId::new(),
                tenant_id: tenant,
                site_id: site,
                code: format!("U{n}"),
                names: names("Unit"),
            };
            units::create_unit(tx, tenant, &unit)?;
            for (k, id) in together.iter().enumerate() {
                let code = format!("P-{n}-{k}");
                let feeds = k.checked_add(1).filter(|next| *next < together.len());
                let asset = Asset {
                    id: *id,
                    tenant_id: tenant,
                    unit_id: unit.id,
                    names: names(&code),
                    code,
                    family: "centrifugal_pump".to_owned(),
                    criticality: Criticality::High,
                    equipment_number: None,
                    functional_location: None,
                    parent_id: None,
                    upstream: Vec::new(),
                    downstream: feeds
                        .map(|next| format!("P-{n}-{next}"))
                        .into_iter()
                        .collect(),
                    note: String::new(),
                    effective_from: None,
                    effective_to: None,
                };
                assets::create_asset(tx, tenant, &asset)?;
            }
        }
        Ok::<_, StoreError>(())
    })?;
    Ok((tenant, all))
}

/// Gives each asset its signals with a minute's values over `span`, and a score every ten minutes.
pub(crate) fn instrument(
    store: &Store,
    historian: &Historian,
    tenant: TenantId,
    pumps: &[AssetId],
    span: Duration,
) -> Result<()> {
    let source = IntegrationId::new();
    store.write_blocking(move |tx| {
        integrations::create_integration(tx, tenant, &integration(tenant, source))
    })?;
    let minutes = i64::try_from(span.as_secs() / 60)?;
    for some in pumps.chunks(500) {
        let some = some.to_vec();
        let numbers = store.write_blocking(move |tx| {
            let mut numbers = Vec::new();
            for asset in some {
                for (metric, unit) in METRICS {
                    numbers.push(signal(tx, tenant, source, asset, (metric, unit))?);
                }
                for minute in (0..minutes).step_by(10) {
                    let score = score(tenant, asset, T0.plus_ms(minute * 60_000));
                    assessments::put_assessment(tx, tenant, &score, score.at)?;
                }
            }
            Ok::<_, StoreError>(numbers)
        })?;
        let mut rows = Vec::with_capacity(numbers.len() * usize::try_from(minutes)?);
        for minute in 0..minutes {
            rows.extend(numbers.iter().map(|number| Row {
                signal_no: *number,
                t: T0.plus_ms(minute * 60_000),
                value: Some(Value::Number(
                    f64::from(*number % 7)
                        + f64::from(u16::try_from(minute % 11).unwrap_or_default()) / 10.0,
                )),
                status: StatusCode::GOOD,
            }));
        }
        historian.append_blocking(rows)?;
    }
    Ok(())
}

fn signal(
    tx: &Transaction<'_>,
    tenant: TenantId,
    source: IntegrationId,
    asset: AssetId,
    (metric, unit): (&str, &str),
) -> Result<u32, StoreError> {
    let new = NewSignal {
        id: SignalId::new(),
        asset_id: asset,
        metric: metric.to_owned(),
        unit: unit.to_owned(),
        kind: SignalKind::Measured,
    };
    let made = signals::create_signal(tx, tenant, &new)?;
    let mapping = SignalMapping {
        id: MappingId::new(),
        tenant_id: tenant,
        integration_id: source,
        external_tag: format!("T{}", made.signal_no),
        asset_id: asset,
        metric_name: metric.to_owned(),
        signal_id: made.id,
        unit: unit.to_owned(),
        scaling_factor: 1.0,
        offset_value: 0.0,
        metadata_json: "{}".to_owned(),
        is_active: true,
    };
    mappings::create_mapping(tx, tenant, &mapping)?;
    Ok(made.signal_no)
}

fn integration(tenant: TenantId, id: IntegrationId) -> Integration {
    Integration {
        id,
        tenant_id: tenant,
        kind: "bench".to_owned(),
        name: "Source".to_owned(),
        config: serde_json::json!({}),
        is_enabled: false,
        is_demo_origin: false,
        status: IntegrationStatus::Inactive,
        status_code: None,
        status_params: serde_json::json!({}),
        status_at: None,
        last_value_at: None,
        created_at: T0,
    }
}

fn score(tenant: TenantId, asset: AssetId, at: Timestamp) -> Assessment {
    Assessment {
        id: AssessmentId::new(),
        tenant_id: tenant,
        asset_id: asset,
        at,
        health: Some(87.0),
        anomaly: Some(12.0),
        coverage: 1.0,
        input_age_ms: Some(1_000),
        contributors: Vec::new(),
        model: "bench".to_owned(),
        withheld_code: None,
        withheld_params: serde_json::json!({}),
    }
}

/// The program's flow over the folder, as the appliance starts it.
pub(crate) async fn start(folder: &Path, clock: Arc<dyn Clock>) -> Result<Runtime> {
    let config = Config::load(&Inputs {
        overrides: Overrides::new(),
        environment: &|_| None,
        default_data_dir: folder.to_owned(),
    })
    .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let master_key = Arc::new(MasterKey::load_or_create(&folder.join("master.key"))?);
    let (store, evidence) = open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance: [7; 16],
        machine: None,
        clock: Arc::clone(&clock),
        master_key: Arc::clone(&master_key),
    })?;
    let runtime = Runtime::start(RuntimeParts {
        store,
        evidence,
        historian: Historian::open(&folder.join("historian.db"), HistorianConfig::default())?,
        config: Arc::new(config),
        clock,
        master_key,
        connectors: ConnectorRegistry::new(),
        identity: Arc::new(OwnIdentity {
            application_uri: "urn:bench".to_owned(),
            certificate_der: Vec::new(),
            certificate_path: folder.join("own.der"),
            private_key_path: folder.join("own.pem"),
            scratch_dir: folder.to_owned(),
        }),
        plant: None,
    })
    .await?;
    Ok(runtime)
}

/// Goes through the whole past as "run detection" does.
pub(crate) async fn detect(runtime: &Runtime, tenant: TenantId, to: Timestamp) -> Result<Detected> {
    let window = DetectionWindow {
        from: T0,
        to,
        asset_id: None,
    };
    let job = runtime.detect_incidents(tenant, window, "bench").await?;
    loop {
        let now = runtime
            .store()
            .read(move |conn| jobs::get_job(conn, tenant, job.id))
            .await?
            .context("the job is gone")?;
        if now.finished_at.is_some() {
            ensure!(now.state == JobState::Done, "{:?}", now.error_code);
            return detected_of(&now).context("no result of the detection");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
