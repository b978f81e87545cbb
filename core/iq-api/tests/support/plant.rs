//! A tenant with one object of every kind.

use iq_auth::{HashCost, PasswordHasher};
use iq_domain::{
    Alert, AlertId, AlertRule, AlertState, ApiToken, ApiTokenId, Asset, AssetId, AttachmentId,
    AuthSource, CertificateAuthority, CertificateId, Criticality, DriftFindingId, EventCategory,
    EventId, EventRelation, IdentityProvider, IdentityProviderId, ImportId, Incident, IncidentId,
    IncidentStatus, IncidentType, IndustrialEvent, IntegrationId, JobId, Limits, MappingChangeId,
    MappingId, Names, Outage, OutageId, OutboxId, ProviderType, RecommendationId, Role,
    RuleCondition, RuleId, ScenarioId, ServerCertificate, Severity, SignalId, Site, SiteId,
    SparePart, SparePartId, TechnicalObjectId, Technician, TechnicianCertificate, TechnicianId,
    Tenant, TenantId, TrustState, Unit, UnitId, User, UserId, WebhookId, WebhookKind, WeeklyShift,
    WorkOrderId,
};
use iq_mapping::MappingDraft;
use iq_runtime::{IntegrationDraft, NewMapping, SecretChange};
use iq_secrets::SecretString;
use iq_store::{
    alert_rules, alerts, assets, attachments, certificates, events, incidents, jobs, outages,
    outbox, recommendations, scenarios, sites, spare_parts, sync, technical_objects, technicians,
    tenants, units, users, webhooks::Webhook, work_orders,
};
use serde_json::json;

use super::{NOW, PASSWORD, TestApp};

/// All roles with the start of their user names.
pub(crate) const ROLES: [(Role, &str); 5] = [
    (Role::Viewer, "viewer"),
    (Role::Engineer, "engineer"),
    (Role::OptimizationEngineer, "optimizer"),
    (Role::TenantAdmin, "admin"),
    (Role::PlatformOwner, "owner"),
];

/// What a tenant has.
#[derive(Clone, Debug)]
pub(crate) struct Plant {
    pub(crate) name: String,
    pub(crate) tenant: TenantId,
    pub(crate) site: SiteId,
    pub(crate) unit: UnitId,
    pub(crate) asset: AssetId,
    pub(crate) integration: IntegrationId,
    pub(crate) certificate: CertificateId,
    pub(crate) authority: CertificateId,
    /// A provider nobody answers for, not enabled.
    pub(crate) provider: IdentityProviderId,
    /// A webhook nobody answers at, not enabled.
    pub(crate) webhook: WebhookId,
    /// A token of the colleague.
    pub(crate) token: ApiTokenId,
    /// What the hub wants of the colleague, undecided.
    pub(crate) question: String,
    pub(crate) mapping: MappingId,
    pub(crate) change: MappingChangeId,
    pub(crate) finding: DriftFindingId,
    pub(crate) signal: SignalId,
    pub(crate) rule: RuleId,
    pub(crate) alert: AlertId,
    pub(crate) incident: IncidentId,
    /// A statement on it.
    pub(crate) attachment: AttachmentId,
    pub(crate) event: EventId,
    pub(crate) work_order: WorkOrderId,
    pub(crate) object: TechnicalObjectId,
    pub(crate) outbox: OutboxId,
    /// A technician no work order names.
    pub(crate) technician: TechnicianId,
    /// A planned outage of its unit.
    pub(crate) outage: OutageId,
    /// A spare part of its site.
    pub(crate) spare_part: SparePartId,
    /// An integration that takes files, and a file of it.
    pub(crate) files: IntegrationId,
    pub(crate) import: ImportId,
    /// A run of the optimiser with one recommendation.
    pub(crate) scenario: ScenarioId,
    /// That recommendation.
    pub(crate) recommendation: RecommendationId,
    /// A job that has ended.
    pub(crate) job: JobId,
    pub(crate) detection: JobId,
    /// A viewer on whom user administration is tried.
    pub(crate) colleague: UserId,
}

impl Plant {
    /// `admin@north` and so on.
    pub(crate) fn user(&self, start: &str) -> String {
        format!("{start}@{}", self.name)
    }

    #[allow(clippy::too_many_lines, reason = "one record of each kind")]
    pub(crate) async fn create(app: &TestApp, name: &str) -> Self {
        let tenant = TenantId::new();
        let (site, unit, asset) = (SiteId::new(), UnitId::new(), AssetId::new());
        let hasher = PasswordHasher::new(HashCost::FOR_TESTS).unwrap();
        let hash = hasher.hash(&SecretString::new(PASSWORD)).unwrap();
        let colleague = UserId::new();
        let mut people: Vec<User> = ROLES
            .iter()
            .map(|(role, start)| user(tenant, UserId::new(), &format!("{start}@{name}"), *role))
            .collect();
        people.push(user(
            tenant,
            colleague,
            &format!("colleague@{name}"),
            Role::Viewer,
        ));
        people.push(user(
            tenant,
            UserId::new(),
            &format!("leaver@{name}"),
            Role::TenantAdmin,
        ));
        let rows = place(tenant, site, unit, asset, name);
        app.runtime
            .store()
            .write(move |tx| {
                let (t, s, u, a) = rows;
                tenants::create_tenant(tx, &t)?;
                sites::create_site(tx, tenant, &s)?;
                units::create_unit(tx, tenant, &u)?;
                assets::create_asset(tx, tenant, &a)?;
                people
                    .iter()
                    .try_for_each(|p| users::create_user(tx, tenant, p, Some(&hash)))
            })
            .await
            .unwrap();
        app.runtime.plant_changed(tenant).await.unwrap();
        let mut plant = Self {
            name: name.to_owned(),
            tenant,
            site,
            unit,
            asset,
            integration: IntegrationId::new(),
            certificate: CertificateId::new(),
            authority: CertificateId::new(),
            provider: IdentityProviderId::new(),
            webhook: WebhookId::new(),
            token: ApiTokenId::new(),
            question: String::new(),
            mapping: MappingId::new(),
            change: MappingChangeId::new(),
            finding: DriftFindingId::new(),
            signal: SignalId::new(),
            rule: RuleId::new(),
            alert: AlertId::new(),
            incident: IncidentId::new(),
            attachment: AttachmentId::new(),
            event: EventId::new(),
            work_order: WorkOrderId::new(),
            object: TechnicalObjectId::new(),
            outbox: OutboxId::new(),
            technician: TechnicianId::new(),
            outage: OutageId::new(),
            spare_part: SparePartId::new(),
            files: IntegrationId::new(),
            import: ImportId::new(),
            scenario: ScenarioId::new(),
            recommendation: RecommendationId::new(),
            job: JobId::new(),
            detection: JobId::new(),
            colleague,
        };
        plant.integration = plant.new_integration(app, "desk").await;
        (plant.mapping, plant.signal) = plant.new_mapping(app, "T1", "vibration_de").await;
        plant.change = super::drift::change(&plant, app).await;
        plant.finding = super::drift::finding(&plant, app).await;
        plant.authority = plant.new_authority(app, 0).await;
        plant.provider = plant.new_provider(app).await;
        plant.webhook = plant.new_webhook(app).await;
        plant.token = plant.new_token(app, "colleague").await;
        plant.question = plant.new_question(app, 1).await;
        plant.add_records(app).await;
        plant.add_maintenance(app).await;
        plant.files = plant.new_files(app).await;
        plant.import = plant.new_import(app).await;
        app.runtime.rules_changed(tenant).await.unwrap();
        plant
    }

    /// A source of uploaded files.
    async fn new_files(&self, app: &TestApp) -> IntegrationId {
        let files = IntegrationDraft {
            kind: "file".to_owned(),
            name: "files".to_owned(),
            config: json!({}),
            is_enabled: false,
        };
        let made = app.runtime.create_integration(self.tenant, files, false);
        made.await.unwrap().id
    }

    /// Another uploaded file.
    pub(crate) async fn new_import(&self, app: &TestApp) -> ImportId {
        let begun = app
            .runtime
            .begin_upload(self.tenant, self.files, "a.csv", None);
        let mut upload = begun.await.unwrap();
        let csv = b"time,tag,value\n2024-01-31T10:00:00Z,F1,80.5\n";
        upload.write(csv).await.unwrap();
        let finished = app.runtime.finish_upload(self.tenant, upload, "admin");
        finished.await.unwrap().import.id
    }

    /// Another run of the optimiser.
    pub(crate) async fn new_scenario(&self, app: &TestApp) -> ScenarioId {
        let tenant = self.tenant;
        let row = super::planning::scenario(self, ScenarioId::new());
        let id = row.id;
        let store = app.runtime.store();
        store
            .write(move |tx| scenarios::create_scenario(tx, tenant, &row))
            .await
            .unwrap();
        id
    }

    /// Another connection; it runs.
    pub(crate) async fn new_integration(&self, app: &TestApp, name: &str) -> IntegrationId {
        let draft = IntegrationDraft {
            kind: "desk".to_owned(),
            name: name.to_owned(),
            config: json!({
                "password": "hunter2 hunter2", "work_order_sync_mode": "push_and_sync",
            }),
            is_enabled: true,
        };
        app.runtime
            .create_integration(self.tenant, draft, false)
            .await
            .unwrap()
            .id
    }

    /// Another provider nobody answers for, with a secret, not enabled.
    pub(crate) async fn new_provider(&self, app: &TestApp) -> IdentityProviderId {
        let row = IdentityProvider {
            id: IdentityProviderId::new(),
            tenant_id: self.tenant,
            provider_type: ProviderType::Okta,
            display_name: "Company".to_owned(),
            client_id: "optria".to_owned(),
            has_secret: false,
            secret_version: 0,
            directory_id: None,
            issuer_url: Some("https://127.0.0.1:1/oauth2".to_owned()),
            hosted_domain: None,
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            group_claim: "groups".to_owned(),
            group_roles: Vec::new(),
            default_role: Some(Role::Viewer),
            tls_ca: None,
            accept_plain_http: false,
            pinned_metadata: None,
            pinned_keys: None,
            is_enabled: false,
            created_at: NOW,
            updated_at: NOW,
        };
        let secret = SecretChange::Replace(SecretString::new("hunter2 of the provider"));
        let saved = app.runtime.save_identity_provider(&row, secret).await;
        saved.unwrap().id
    }

    /// Another webhook nobody answers at, with a secret, not enabled.
    pub(crate) async fn new_webhook(&self, app: &TestApp) -> WebhookId {
        let row = Webhook {
            id: WebhookId::new(),
            tenant_id: self.tenant,
            name: "Control room".to_owned(),
            url: "https://127.0.0.1:1/optria".to_owned(),
            kinds: [(WebhookKind::Overdue, NOW)].into(),
            tls_ca: None,
            accept_plain_http: false,
            is_enabled: false,
            secret_version: 0,
            created_at: NOW,
            updated_at: NOW,
        };
        let secret = SecretString::new("hunter2 of the webhook");
        let saved = app.runtime.save_webhook(&row, Some(secret)).await;
        saved.unwrap().id
    }

    /// Another token of the user whose name starts so.
    pub(crate) async fn new_token(&self, app: &TestApp, start: &str) -> ApiTokenId {
        let (tenant, name, id) = (self.tenant, self.user(start), ApiTokenId::new());
        let write = move |tx: &iq_store::Transaction<'_>| {
            let user = users::get_user_by_username(tx, tenant, &name)?.unwrap();
            let token = ApiToken {
                id,
                tenant_id: tenant,
                user_id: user.id,
                name: "report".to_owned(),
                permissions: vec!["assets.read".to_owned()],
                created_at: NOW,
                expires_at: NOW.plus_ms(86_400_000),
                last_used_at: None,
                last_used_by: None,
                revoked_at: None,
            };
            let mut hash = [0; 32];
            hash[..16].copy_from_slice(id.0.as_bytes());
            iq_store::api_tokens::create_token(tx, tenant, &token, &hash)
        };
        app.runtime.store().write(write).await.unwrap();
        id
    }

    /// Another question about the colleague.
    pub(crate) async fn new_question(&self, app: &TestApp, rev: u64) -> String {
        let (tenant, id) = (self.tenant, format!("{rev}-{}", self.colleague));
        let question = sync::Question {
            id: id.clone(),
            kind: "confirm".to_owned(),
            user_id: self.colleague,
            username: self.user("colleague"),
            rev,
            here: json!({ "role": "viewer", "is_active": true }),
            wanted: json!({ "role": "viewer", "is_active": false }),
            at: NOW,
            decided_at: None,
            decided_by: None,
            decision: None,
        };
        let write =
            move |tx: &iq_store::Transaction<'_>| sync::create_question(tx, tenant, &question);
        app.runtime.store().write(write).await.unwrap();
        id
    }

    /// Another authority, not yet trusted.
    pub(crate) async fn new_authority(&self, app: &TestApp, n: usize) -> CertificateId {
        let new = CertificateAuthority {
            id: CertificateId::new(),
            tenant_id: self.tenant,
            der: vec![1, 2, 3],
            sha256: format!("{n:056x}c0ffee12"),
            subject: "CN=Plant CA".to_owned(),
            issuer: "CN=Plant CA".to_owned(),
            not_before: NOW,
            not_after: NOW,
            is_trusted: false,
            added_by: "admin".to_owned(),
            added_at: NOW,
            decided_by: None,
            decided_at: None,
            revocations: None,
        };
        let (tenant, id) = (self.tenant, new.id);
        let write = move |tx: &iq_store::Transaction<'_>| {
            iq_store::authorities::create_authority(tx, tenant, &new)
        };
        app.runtime.store().write(write).await.unwrap();
        id
    }

    /// Another mapping with its signal.
    pub(crate) async fn new_mapping(
        &self,
        app: &TestApp,
        tag: &str,
        metric: &str,
    ) -> (MappingId, SignalId) {
        let draft = MappingDraft {
            integration_id: self.integration,
            external_tag: tag.to_owned(),
            asset_id: self.asset,
            metric_name: metric.to_owned(),
            unit: "mm/s".to_owned(),
            scaling_factor: 1.0,
            offset_value: 0.0,
            metadata_json: "{}".to_owned(),
            is_active: true,
        };
        let new = vec![NewMapping {
            draft,
            limits: None,
        }];
        let made = app
            .runtime
            .create_mappings(self.tenant, new)
            .await
            .unwrap()
            .remove(0);
        (made.id, made.signal_id)
    }

    /// Another rule.
    pub(crate) async fn new_rule(&self, app: &TestApp) -> RuleId {
        let rule = self.rule_row(RuleId::new());
        let (tenant, id) = (self.tenant, rule.id);
        app.runtime
            .store()
            .write(move |tx| alert_rules::create_alert_rule(tx, tenant, &rule))
            .await
            .unwrap();
        id
    }

    /// Another technician.
    pub(crate) async fn new_technician(&self, app: &TestApp, code: &str) -> TechnicianId {
        let row = self.technician_row(TechnicianId::new(), code);
        let (tenant, id) = (self.tenant, row.technician.id);
        app.runtime
            .store()
            .write(move |tx| technicians::create_technician(tx, tenant, &row))
            .await
            .unwrap();
        id
    }

    /// Another outage.
    pub(crate) async fn new_outage(&self, app: &TestApp) -> OutageId {
        let row = self.outage_row(OutageId::new());
        let (tenant, id) = (self.tenant, row.id);
        app.runtime
            .store()
            .write(move |tx| outages::create_outage(tx, tenant, &row))
            .await
            .unwrap();
        id
    }

    /// Another spare part.
    pub(crate) async fn new_spare_part(&self, app: &TestApp, code: &str) -> SparePartId {
        let row = self.spare_part_row(SparePartId::new(), code);
        let (tenant, id) = (self.tenant, row.id);
        app.runtime
            .store()
            .write(move |tx| spare_parts::create_spare_part(tx, tenant, &row))
            .await
            .unwrap();
        id
    }

    fn outage_row(&self, id: OutageId) -> Outage {
        Outage {
            id,
            tenant_id: self.tenant,
            site_id: self.site,
            unit_id: Some(self.unit),
            asset_id: None,
            title: "Shutdown".to_owned(),
            from: NOW,
            to: NOW.plus_ms(86_400_000),
            note: String::new(),
            changed_at: NOW,
        }
    }

    fn spare_part_row(&self, id: SparePartId, code: &str) -> SparePart {
        SparePart {
            id,
            tenant_id: self.tenant,
            site_id: self.site,
            code: code.to_owned(),
            title: "Seal".to_owned(),
            on_hand: 1.0,
            expected: None,
            lead_time_days: None,
            note: String::new(),
            changed_at: NOW,
        }
    }

    fn rule_row(&self, id: RuleId) -> AlertRule {
        AlertRule {
            id,
            tenant_id: self.tenant,
            asset_id: self.asset,
            signal_id: self.signal,
            metric: "vibration_de".to_owned(),
            condition: RuleCondition::Limit {
                limits: Limits {
                    high: Some(900.0),
                    ..Limits::default()
                },
            },
            on_delay_s: 0,
            off_delay_s: 0,
            deadband: 0.0,
            is_enabled: false,
            is_confirmed: true,
            source: "test".to_owned(),
        }
    }

    fn statement_row(&self) -> attachments::Attachment {
        attachments::Attachment {
            id: self.attachment,
            tenant_id: self.tenant,
            incident_id: self.incident,
            statement: Some("It was loud.".to_owned()),
            name: "Operator".to_owned(),
            media_type: "text/plain; charset=utf-8".to_owned(),
            size_bytes: 12,
            // Of the statement's text.
            sha256: "507d56bf591c08deaa72f7dfb71e9c9435d1e840276fbc39463582da372106ba".to_owned(),
            author: "engineer".to_owned(),
            at: NOW,
            removal: None,
        }
    }

    #[allow(clippy::too_many_lines, reason = "one record of each kind")]
    async fn add_records(&self, app: &TestApp) {
        let tenant = self.tenant;
        let at = NOW.plus_ms(-60_000);
        let rule = self.rule_row(self.rule);
        let certificate = self.certificate_row();
        let statement = self.statement_row();
        let incident = Incident {
            id: self.incident,
            tenant_id: tenant,
            number: "INC-2026-0001".to_owned(),
            asset_id: self.asset,
            incident_type: IncidentType::CriticalAlert,
            severity: Severity::Critical,
            title_code: "incident.critical_alert".to_owned(),
            title_params: json!({ "asset": "P-1", "metric": "vibration_de" }),
            status: IncidentStatus::Open,
            assignee: None,
            started_at: at,
            ended_at: None,
            created_at: at,
        };
        let alert = Alert {
            id: self.alert,
            tenant_id: tenant,
            asset_id: self.asset,
            signal_id: Some(self.signal),
            rule_id: Some(self.rule),
            severity: Severity::Critical,
            state: AlertState::ActiveUnacknowledged,
            code: "alert.limit_high_high".to_owned(),
            params: json!({
                "metric": "vibration_de", "value": 9.123_456, "unit": "mm/s", "limit": 7.1
            }),
            activated_at: at,
            acknowledged_at: None,
            acknowledged_by: None,
            comment: None,
            cleared_at: None,
            incident_id: Some(self.incident),
            record: iq_domain::AlertRecord::default(),
        };
        let event = IndustrialEvent {
            id: self.event,
            tenant_id: tenant,
            asset_id: Some(self.asset),
            source_system: "optria".to_owned(),
            source_type: "alert".to_owned(),
            source_id: format!("alert:{}", self.alert),
            event_time: at,
            ingest_time: at,
            recorded_at: at,
            time_offset_ms: 0,
            time_uncertainty_ms: 10,
            severity: Severity::Critical,
            event_category: EventCategory::Alert,
            summary: "event.alert_activated.limit_high_high".to_owned(),
            payload: json!({
                "params": alert.params, "detail": { "signal_id": self.signal },
            }),
        };
        let job = self.job_row();
        let detection = jobs::Job {
            id: self.detection,
            kind: "detect".to_owned(),
            ..self.job_row()
        };
        let scenario = super::planning::scenario(self, self.scenario);
        let advice = super::planning::advice(self);
        app.runtime
            .store()
            .write(move |tx| {
                jobs::create_job(tx, tenant, &job)?;
                jobs::create_job(tx, tenant, &detection)?;
                scenarios::create_scenario(tx, tenant, &scenario)?;
                recommendations::create_recommendation(tx, tenant, &advice)?;
                alert_rules::create_alert_rule(tx, tenant, &rule)?;
                certificates::record_certificate(tx, tenant, &certificate)?;
                incidents::create_incident(tx, tenant, &incident)?;
                attachments::create_attachment(tx, tenant, &statement)?;
                alerts::create_alert(tx, tenant, &alert)?;
                events::insert_ignore_duplicate(tx, tenant, &event)?;
                let trigger = EventRelation::Trigger;
                incidents::create_incident_event(tx, tenant, incident.id, event.id, trigger)
            })
            .await
            .unwrap();
    }

    /// A work order of ours that waits for approval, and an object nobody has settled.
    async fn add_maintenance(&self, app: &TestApp) {
        let tenant = self.tenant;
        let order = super::maintenance::work_order(self);
        let object = super::maintenance::object(self);
        let push = super::maintenance::push(self);
        let technician = self.technician_row(self.technician, "T-1");
        let outage = self.outage_row(self.outage);
        let part = self.spare_part_row(self.spare_part, "M-1");
        app.runtime
            .store()
            .write(move |tx| {
                work_orders::create_work_order(tx, tenant, &order)?;
                technical_objects::put_technical_object(tx, tenant, &object)?;
                technicians::create_technician(tx, tenant, &technician)?;
                outages::create_outage(tx, tenant, &outage)?;
                spare_parts::create_spare_part(tx, tenant, &part)?;
                outbox::create_outbox_row(tx, tenant, &push)
            })
            .await
            .unwrap();
    }

    pub(crate) fn technician_row(
        &self,
        id: TechnicianId,
        code: &str,
    ) -> technicians::TechnicianRow {
        technicians::TechnicianRow {
            technician: Technician {
                id,
                tenant_id: self.tenant,
                site_id: self.site,
                names: Names {
                    en: "Sara Khalid".to_owned(),
                    ar: "سارة خالد".to_owned(),
                },
                skills: vec!["mechanical".to_owned()],
                certificates: vec![TechnicianCertificate {
                    name: "hot_work".to_owned(),
                    valid_until: Some(NOW.plus_ms(-1)),
                }],
                shifts: vec![WeeklyShift {
                    weekday: 7,
                    from_minute: 420,
                    to_minute: 930,
                }],
                absences: Vec::new(),
                hourly_cost: Some(90.0),
                is_active: true,
            },
            code: code.to_owned(),
            user_id: None,
            note: "quick".to_owned(),
            changed_at: NOW,
        }
    }

    fn job_row(&self) -> jobs::Job {
        jobs::Job {
            id: self.job,
            tenant_id: self.tenant,
            kind: "run".to_owned(),
            state: jobs::JobState::Done,
            progress: 1.0,
            stage: "scoring".to_owned(),
            payload: json!({ "steps": [] }),
            result: json!({ "scored": 1 }),
            error_code: None,
            error_params: json!({}),
            cancel_requested: false,
            created_by: "system".to_owned(),
            created_at: NOW,
            started_at: Some(NOW),
            finished_at: Some(NOW),
            integration_id: Some(self.integration),
        }
    }

    fn certificate_row(&self) -> ServerCertificate {
        ServerCertificate {
            id: self.certificate,
            tenant_id: self.tenant,
            integration_id: self.integration,
            der: vec![1, 2, 3],
            sha256: format!("{:0>64}", "c0ffee12"),
            sha1: "0".repeat(40),
            subject: "CN=server".to_owned(),
            issuer: "CN=server".to_owned(),
            application_uri: None,
            hosts: Vec::new(),
            not_before: NOW,
            not_after: NOW,
            state: TrustState::Pending,
            first_seen_at: NOW,
            last_seen_at: NOW,
            authority: None,
            decided_by: None,
            decided_at: None,
        }
    }
}

pub(crate) fn pump(tenant: TenantId, id: AssetId, unit: UnitId, code: &str) -> Asset {
    Asset {
        id,
        tenant_id: tenant,
        unit_id: unit,
        code: code.to_owned(),
        names: Names {
            en: "Feed pump".to_owned(),
            ar: "مضخة التغذية".to_owned(),
        },
        family: "centrifugal_pump".to_owned(),
        criticality: Criticality::High,
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

fn user(tenant_id: TenantId, id: UserId, username: &str, role: Role) -> User {
    User {
        id,
        tenant_id,
        username: username.to_owned(),
        email: None,
        name: username.to_owned(),
        role,
        is_active: true,
        auth_source: AuthSource::Local,
        must_change_password: false,
        last_sign_in_at: None,
        created_at: NOW,
    }
}

fn place(
    tenant: TenantId,
    site: SiteId,
    unit: UnitId,
    asset: AssetId,
    name: &str,
) -> (Tenant, Site, Unit, Asset) {
    let names = |text: &str| Names {
        en: text.to_owned(),
        ar: "اسم".to_owned(),
    };
    (
        Tenant {
            id: tenant,
            names: names(name),
            is_demo: false,
            created_at: NOW,
        },
        Site {
            id: site,
            tenant_id: tenant,
            code: "S1".to_owned(),
            names: names("Site"),
            time_zone: "Asia/Riyadh".to_owned(),
        },
        Unit {
            id: unit,
            tenant_id: tenant,
            site_id: site,
            code: "U1".to_owned(),
            names: names("Unit"),
        },
        pump(tenant, asset, unit, "P-1"),
    )
}
