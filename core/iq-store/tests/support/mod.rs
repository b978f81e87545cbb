//! A store in a folder of its own, and one of everything to put into it.
#![allow(dead_code, unreachable_pub)]

use std::{path::PathBuf, sync::Arc};

use iq_domain::*;
use iq_store::{Connection, Options, Store, StoreError, table};
use serde_json::json;

pub const T0: Timestamp = Timestamp(1_790_000_000_000);

pub struct Fixture {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(T0));
        let shared: Arc<dyn Clock> = clock.clone();
        let store = Store::open_with(folder.path().join("optria.db"), shared, options).unwrap();
        Self {
            store,
            clock,
            folder,
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("optria.db")
    }

    pub fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store.write_blocking(move |tx| write(tx))
    }

    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> T {
        self.store.read_blocking(read).unwrap()
    }

    /// A tenant with one of everything.
    pub fn filled(&self) -> Plant {
        let plant = Plant::new();
        let kept = plant.clone();
        self.write(move |conn| plant.insert(conn)).unwrap();
        kept
    }
}

/// One of everything, of one tenant.
#[derive(Clone)]
pub struct Plant {
    pub tenant: Tenant,
    pub site: Site,
    pub unit: Unit,
    pub asset: Asset,
    pub signal: table::signals::NewSignal,
    pub integration: Integration,
    pub mapping: SignalMapping,
    pub certificate: ServerCertificate,
    pub authority: CertificateAuthority,
    pub rule: AlertRule,
    pub alert: Alert,
    pub event: IndustrialEvent,
    pub incident: Incident,
    pub note: IncidentNote,
    pub assessment: Assessment,
    pub user: User,
    pub session: table::sessions::Session,
    pub audit: AuditRecord,
    pub job: table::jobs::Job,
}

pub const TOKEN_HASH: [u8; 32] = [7; 32];

fn names(en: &str, ar: &str) -> Names {
    Names {
        en: en.to_owned(),
        ar: ar.to_owned(),
    }
}

impl Plant {
    #[allow(clippy::too_many_lines)]
    pub fn new() -> Self {
        let t = TenantId::new();
        let (site, unit, asset) = (SiteId::new(), UnitId::new(), AssetId::new());
        let (signal, integration, rule) = (SignalId::new(), IntegrationId::new(), RuleId::new());
        let (incident, user) = (IncidentId::new(), UserId::new());
        Self {
            tenant: Tenant {
                id: t,
                names: names("Demo", "تجريبي"),
                is_demo: true,
                created_at: T0,
            },
            site: Site {
                id: site,
                tenant_id: t,
                code: "RAS".into(),
                names: names("Ras Tanura", "رأس تنورة"),
                time_zone: "Asia/Riyadh".into(),
            },
            unit: Unit {
                id: unit,
                tenant_id: t,
                site_id: site,
                code: "U100".into(),
                names: names("Crude unit", "وحدة الخام"),
            },
            asset: asset_in(t, unit, asset, "P-102A"),
            signal: table::signals::NewSignal {
                id: signal,
                asset_id: asset,
                metric: "vibration_de".into(),
                unit: "mm/s".into(),
                kind: SignalKind::Measured,
            },
            integration: Integration {
                id: integration,
                tenant_id: t,
                kind: "opcua".into(),
                name: "Line 1".into(),
                config: json!({"endpoint_url": "opc.tcp://127.0.0.1:4840"}),
                is_enabled: true,
                is_demo_origin: true,
                status: IntegrationStatus::Active,
                status_code: None,
                status_params: json!({}),
                status_at: None,
                last_value_at: None,
                created_at: T0,
            },
            mapping: SignalMapping {
                id: MappingId::new(),
                tenant_id: t,
                integration_id: integration,
                external_tag: "nsu=urn:plant;s=P102A.VIB".into(),
                asset_id: asset,
                metric_name: "vibration_de".into(),
                signal_id: signal,
                unit: "mm/s".into(),
                scaling_factor: 0.1,
                offset_value: -2.5,
                metadata_json: "{}".into(),
                is_active: true,
            },
            certificate: certificate(t, integration, 1, T0),
            authority: authority(t),
            rule: AlertRule {
                id: rule,
                tenant_id: t,
                asset_id: asset,
                signal_id: signal,
                metric: "vibration_de".into(),
                condition: RuleCondition::Limit {
                    limits: Limits {
                        high: Some(4.5),
                        high_high: Some(7.1),
                        ..Limits::default()
                    },
                },
                on_delay_s: 10,
                off_delay_s: 30,
                deadband: 0.2,
                is_enabled: true,
                is_confirmed: false,
                source: "ISO 10816-7".into(),
            },
            alert: Alert {
                id: AlertId::new(),
                tenant_id: t,
                asset_id: asset,
                signal_id: Some(signal),
                rule_id: Some(rule),
                severity: Severity::Critical,
                state: AlertState::ActiveUnacknowledged,
                code: "alert.limit_high".into(),
                params: json!({"value": 7.4}),
                activated_at: T0,
                acknowledged_at: None,
                acknowledged_by: None,
                comment: None,
                cleared_at: None,
                incident_id: Some(incident),
                record: iq_domain::AlertRecord::default(),
            },
            event: event(t, Some(asset), "alert-1", T0),
            incident: Incident {
                id: incident,
                tenant_id: t,
                number: "INC-2026-0001".into(),
                asset_id: asset,
                incident_type: IncidentType::Trip,
                severity: Severity::Critical,
                title_code: "incident.trip".into(),
                title_params: json!({"asset": "P-102A"}),
                status: IncidentStatus::Open,
                assignee: None,
                started_at: T0,
                ended_at: None,
                created_at: T0,
            },
            note: IncidentNote {
                id: NoteId::new(),
                tenant_id: t,
                incident_id: incident,
                author: "demo@aramco.com".into(),
                text: "صوت غير معتاد من المحمل".into(),
                at: T0,
            },
            assessment: assessment(t, asset, T0, Some(83.5)),
            user: User {
                id: user,
                tenant_id: t,
                username: format!("Demo-{t}@Aramco.com"),
                email: None,
                name: "Demo".into(),
                role: Role::TenantAdmin,
                is_active: true,
                auth_source: AuthSource::Local,
                must_change_password: true,
                last_sign_in_at: None,
                created_at: T0,
            },
            session: table::sessions::Session {
                id: SessionId::new(),
                tenant_id: t,
                user_id: user,
                acting_tenant_id: None,
                created_at: T0,
                last_seen_at: T0,
                expires_at: T0.plus_ms(3_600_000),
                revoked_at: None,
                address: Some("127.0.0.1".into()),
                user_agent: None,
                ends_by: None,
            },
            audit: AuditRecord {
                id: AuditId::new(),
                tenant_id: t,
                at: T0,
                actor: "demo@aramco.com".into(),
                action: "integrations.create".into(),
                object: format!("integration {integration}"),
                outcome: "success".into(),
                details: json!({"name": "Line 1"}),
                address: None,
            },
            job: table::jobs::Job {
                id: JobId::new(),
                tenant_id: t,
                kind: "scoring".into(),
                state: table::jobs::JobState::Queued,
                progress: 0.0,
                stage: String::new(),
                payload: json!({"assets": ["P-102A"]}),
                result: json!(null),
                error_code: None,
                error_params: json!({}),
                cancel_requested: false,
                created_by: "system".into(),
                created_at: T0,
                started_at: None,
                finished_at: None,
                integration_id: None,
            },
        }
    }

    pub fn id(&self) -> TenantId {
        self.tenant.id
    }

    pub fn insert(&self, conn: &Connection) -> Result<(), StoreError> {
        let t = self.id();
        table::tenants::create_tenant(conn, &self.tenant)?;
        table::sites::create_site(conn, t, &self.site)?;
        table::units::create_unit(conn, t, &self.unit)?;
        table::assets::create_asset(conn, t, &self.asset)?;
        table::signals::create_signal(conn, t, &self.signal)?;
        table::integrations::create_integration(conn, t, &self.integration)?;
        table::integrations::put_cursor(conn, t, self.integration.id, "history", "42", T0)?;
        let secret = table::integration_secrets::SealedSecret {
            field: "password".into(),
            version: 1,
            sealed: vec![1, 2, 3],
        };
        table::integration_secrets::put_sealed_secret(conn, t, self.integration.id, &secret)?;
        table::integration_actions::create_integration_action(conn, t, &self.action())?;
        table::certificates::record_certificate(conn, t, &self.certificate)?;
        table::authorities::create_authority(conn, t, &self.authority)?;
        table::mappings::create_mapping(conn, t, &self.mapping)?;
        table::alert_rules::create_alert_rule(conn, t, &self.rule)?;
        table::alerts::create_alert(conn, t, &self.alert)?;
        table::events::insert_ignore_duplicate(conn, t, &self.event)?;
        table::incidents::create_incident(conn, t, &self.incident)?;
        table::incidents::create_incident_event(
            conn,
            t,
            self.incident.id,
            self.event.id,
            EventRelation::Trigger,
        )?;
        table::incidents::create_incident_note(conn, t, &self.note)?;
        table::assessments::put_assessment(conn, t, &self.assessment, T0)?;
        table::users::create_user(conn, t, &self.user, Some("$argon2id$hash"))?;
        let mut token_hash = TOKEN_HASH;
        token_hash[..16].copy_from_slice(t.0.as_bytes());
        table::sessions::create_session(conn, t, &self.session, &token_hash)?;
        table::audit::append_audit(conn, t, &self.audit)?;
        table::jobs::create_job(conn, t, &self.job)?;
        let settings = table::settings::UserSettings {
            theme: "dark".into(),
            ..table::settings::UserSettings::default()
        };
        table::settings::put_user_settings(conn, t, self.user.id, &settings)?;
        table::settings::put_tenant_setting(conn, t, "retention_days", &json!(365))
    }

    pub fn token_hash(&self) -> [u8; 32] {
        let mut token_hash = TOKEN_HASH;
        token_hash[..16].copy_from_slice(self.id().0.as_bytes());
        token_hash
    }

    pub fn action(&self) -> IntegrationAction {
        IntegrationAction {
            tenant_id: self.id(),
            integration_id: self.integration.id,
            action_type: "test_connection".into(),
            status: ActionStatus::Success,
            message_code: String::new(),
            details: json!({"stages": []}),
            actor: "admin".into(),
            ms: Some(42),
            at: T0,
        }
    }
}

pub fn asset_in(tenant: TenantId, unit: UnitId, id: AssetId, code: &str) -> Asset {
    Asset {
        id,
        tenant_id: tenant,
        unit_id: unit,
        code: code.to_owned(),
        names: names("Charge pump", "مضخة التغذية"),
        family: "centrifugal_pump".into(),
        criticality: Criticality::High,
        equipment_number: Some("10002345".into()),
        functional_location: None,
        parent_id: None,
        upstream: vec!["V-101".into()],
        downstream: vec!["E-103".into(), "H-104".into()],
        note: "75 kW".into(),
        effective_from: Some(T0),
        effective_to: None,
    }
}

pub fn event(
    tenant: TenantId,
    asset: Option<AssetId>,
    source_id: &str,
    at: Timestamp,
) -> IndustrialEvent {
    IndustrialEvent {
        id: EventId::new(),
        tenant_id: tenant,
        asset_id: asset,
        source_system: "optria".into(),
        source_type: "alert".into(),
        source_id: source_id.to_owned(),
        event_time: at,
        ingest_time: at.plus_ms(250),
        recorded_at: at.plus_ms(300),
        time_offset_ms: -40,
        time_uncertainty_ms: 15,
        severity: Severity::Critical,
        event_category: EventCategory::Alert,
        summary: "event.alert_activated".into(),
        payload: json!({"value": 7.4, "tag": "P102A_VIB%"}),
    }
}

pub fn authority(tenant: TenantId) -> CertificateAuthority {
    CertificateAuthority {
        id: CertificateId::new(),
        tenant_id: tenant,
        der: vec![1; 64],
        sha256: format!("{:064x}", 1),
        subject: "CN=Plant CA".into(),
        issuer: "CN=Root".into(),
        not_before: T0,
        not_after: T0.plus_ms(1_000),
        is_trusted: false,
        added_by: "admin".into(),
        added_at: T0,
        decided_by: None,
        decided_at: None,
        revocations: None,
    }
}

pub fn certificate(
    tenant: TenantId,
    integration: IntegrationId,
    number: u8,
    seen: Timestamp,
) -> ServerCertificate {
    ServerCertificate {
        id: CertificateId::new(),
        tenant_id: tenant,
        integration_id: integration,
        der: vec![number; 64],
        sha256: format!("{number:064x}"),
        sha1: format!("{number:040x}"),
        subject: "CN=plant".into(),
        issuer: "CN=plant".into(),
        application_uri: Some("urn:plant".into()),
        hosts: vec!["plant.local".into()],
        not_before: T0,
        not_after: T0.plus_ms(1_000),
        state: TrustState::Pending,
        first_seen_at: seen,
        last_seen_at: seen,
        authority: None,
        decided_by: None,
        decided_at: None,
    }
}

pub fn assessment(
    tenant: TenantId,
    asset: AssetId,
    at: Timestamp,
    health: Option<f64>,
) -> Assessment {
    Assessment {
        id: AssessmentId::new(),
        tenant_id: tenant,
        asset_id: asset,
        at,
        health,
        anomaly: Some(12.25),
        coverage: 0.75,
        input_age_ms: Some(4_000),
        contributors: vec![Contributor {
            kind: iq_domain::ContributorKind::Anomaly,
            metric: "vibration_de".into(),
            value: Some(3.9),
            baseline: Some(2.1),
            z: Some(4.5),
            points: 16.5,
        }],
        model: "robust-z 1".into(),
        withheld_code: None,
        withheld_params: json!({}),
    }
}
