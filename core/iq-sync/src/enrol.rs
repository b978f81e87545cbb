//! Enrolment with a one-time code.

use iq_config::FailPoint;
use iq_domain::{CodedError, TenantId};
use iq_store::{
    sync as rows,
    sync::{Choice, Hub, Link, Way},
    tenants,
};
use iq_sync_proto::enrol::{Answer, Code, Request};

use crate::{Sync, client, internal, keys};

/// What a person gives.
pub struct EnrolInput {
    /// Address of the hub.
    pub hub_url: String,
    /// The code.
    pub code: String,
    /// Accepts that the way is not encrypted.
    pub allow_plain_http: bool,
    /// Certificates trusted instead of the machine's list, PEM.
    pub tls_ca: Option<String>,
    /// Who.
    pub by: String,
    /// IANA time zone for the hours.
    pub time_zone: String,
}

impl Sync {
    /// Enrols a tenant: keys are made here, the hub answers with its own. Nothing but the status leaves
    /// until a person chooses more.
    ///
    /// # Errors
    /// When it is enrolled already, the code is none or is refused, or the hub can't be reached.
    pub async fn enrol(&self, tenant: TenantId, input: EnrolInput) -> Result<Link, CodedError> {
        let _one = self.0.changing.lock().await;
        let typed = Code::parse(&input.code).ok_or(CodedError::invalid("sync.code_wrong"))?;
        let known = self.0.link(tenant).await?;
        if known.as_ref().is_some_and(|link| link.hub.is_some()) {
            return Err(CodedError::conflict("sync.already_linked"));
        }
        let http = client::http(
            &input.hub_url,
            input.allow_plain_http,
            input.tls_ca.as_deref(),
        )?;
        // An answer that was lost is asked for again with the same keys.
        let mut link = self.prepare(tenant, known, &input).await?;
        let key = keys::signing(&self.0.parts.master_key, &link)?;
        let request = Request {
            code: typed,
            tenant: *tenant.0.as_bytes(),
            appliance: link.appliance,
            key: link.public_key,
            recipient: keys::file_key(&self.0.parts.master_key, tenant).recipient(),
            name: self.name(tenant).await?,
            version: self.0.parts.version.clone(),
        };
        let signed = client::post(&http, "sync/v1/enrol", request.sign(&key).encode()).await;
        let signed = signed.map_err(|failure| failure.error)?;
        let answer = Answer::open(&signed, &link.appliance)
            .map_err(|_| CodedError::conflict("sync.answer_untrusted"))?;
        FailPoint::EnrolmentAnswered.pass();
        link.hub = Some(Hub {
            tenant: answer.hub_tenant,
            tenant_name: answer.tenant_name,
            key: answer.hub_key,
            recipient: answer.hub_recipient,
            enrolled_at: self.0.now(),
        });
        let kept = link.clone();
        self.0
            .parts
            .store
            .write(move |tx| rows::put_link(tx, tenant, &kept))
            .await?;
        self.spawn(tenant);
        self.wake(tenant);
        Ok(link)
    }

    async fn prepare(
        &self,
        tenant: TenantId,
        known: Option<Link>,
        input: &EnrolInput,
    ) -> Result<Link, CodedError> {
        let parts = &self.0.parts;
        let fresh = match known {
            Some(link) if keys::signing(&parts.master_key, &link).is_ok() => Link {
                hub_url: input.hub_url.clone(),
                allow_plain_http: input.allow_plain_http,
                tls_ca: input.tls_ca.clone(),
                enrolled_by: input.by.clone(),
                ..link
            },
            _ => self.fresh(tenant, input)?,
        };
        let kept = fresh.clone();
        parts
            .store
            .write(move |tx| rows::put_link(tx, tenant, &kept))
            .await?;
        Ok(fresh)
    }

    fn fresh(&self, tenant: TenantId, input: &EnrolInput) -> Result<Link, CodedError> {
        let parts = &self.0.parts;
        let made = keys::make(&parts.master_key, tenant)?;
        Ok(Link {
            tenant_id: tenant,
            hub_url: input.hub_url.clone(),
            allow_plain_http: input.allow_plain_http,
            tls_ca: input.tls_ca.clone(),
            appliance: parts.appliance,
            public_key: made.public_key,
            sealed_key: made.sealed_key,
            hub: None,
            enrolled_by: input.by.clone(),
            choice: Choice {
                way: Way::Line,
                level: 1,
                includes_audit: false,
                cap_kbit: None,
                hours_from: 0,
                hours_to: 0,
                time_zone: input.time_zone.clone(),
                is_paused: false,
            },
            changes_rev: 0,
            bundle_no: 0,
            last_receipt_at: None,
        })
    }

    /// What the appliance calls itself: the name of its tenant. The hub shows the name of the code.
    async fn name(&self, tenant: TenantId) -> Result<String, CodedError> {
        let row = self
            .0
            .parts
            .store
            .read(move |conn| tenants::get_tenant(conn, tenant))
            .await?
            .ok_or_else(internal)?;
        Ok(row.names.en.chars().take(90).collect())
    }
}
