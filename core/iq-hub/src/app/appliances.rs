//! The fleet, and the codes by which appliances enrol.

use iq_api_types::{
    EnrolmentCodeRequest, EnrolmentCodeRow, FleetAppliance, FleetState, NewEnrolmentCode,
};
use iq_domain::{ApplianceId, CodedError, EnrolmentCodeId, TenantId, Timestamp};
use iq_secrets::random_bytes;
use iq_sync_proto::{enrol::Code, hello::is_behind};
use sha2::{Digest, Sha256};

use super::{line, tenants::refuse_platform};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        appliances::{self, Appliance},
        tenants,
    },
};

/// How long a code counts.
const CODE_LIFE_MS: i64 = 15 * 60_000;
/// 128 bits.
const CODE_BYTES: usize = 16;
/// Silence after which nobody should believe a green light.
const SILENT_AFTER_MS: i64 = 10 * 60_000;
/// How long the next file of a courier is waited for: one who comes every week, and a day.
const COURIER_LATE_AFTER_MS: i64 = 8 * 24 * 60 * 60_000;

pub(crate) async fn list(hub: &Hub) -> Answer<Vec<FleetAppliance>> {
    let mut tx = hub.store.platform().await?;
    let all = appliances::list_all(&mut tx).await?;
    let now = hub.now();
    Ok(all
        .into_iter()
        .map(|(appliance, code)| shown(hub, appliance, code, now))
        .collect())
}

/// Those of the own tenant, for headquarters.
pub(crate) async fn list_own(hub: &Hub, tenant: TenantId) -> Answer<Vec<FleetAppliance>> {
    let mut tx = hub.store.tenant(tenant).await?;
    let own = appliances::list_all(&mut tx).await?;
    let now = hub.now();
    Ok(own
        .into_iter()
        .map(|(appliance, code)| shown(hub, appliance, code, now))
        .collect())
}

fn shown(hub: &Hub, a: Appliance, tenant_code: String, now: Timestamp) -> FleetAppliance {
    let fingerprint = Sha256::digest(&a.public_key);
    let by_file = is_by_file(&a);
    FleetAppliance {
        state: state_of(&a, now),
        fingerprint: fingerprint[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect(),
        tenant_id: a.tenant_id,
        tenant_code,
        id: a.id,
        name: a.name,
        is_demo: a.is_demo,
        version: a.version,
        enrolled_at: a.enrolled_at,
        revoked_at: a.revoked_at,
        last_contact_at: a.last_contact_at,
        last_receipt_at: a.last_receipt_at,
        last_file_at: a.last_file_at,
        // What it last said by the line is not how it stands since files are carried.
        backlog: a.backlog.filter(|_| !by_file),
        oldest_unsent_at: a.oldest_unsent_at.filter(|_| !by_file),
        clock_offset_ms: a.clock_offset_ms,
        disk_free_bytes: a.disk_free_bytes,
        integrations: serde_json::from_value(a.status["integrations"].clone()).ok(),
        quarantined: a.status["quarantined"].as_u64().unwrap_or(0),
        stored_bytes: u64::try_from(a.stored_bytes).unwrap_or(0),
        max_bytes: hub.config.appliance_max_bytes,
        epochs: u64::try_from(a.epochs).unwrap_or(0),
        max_epochs: hub.config.appliance_max_epochs,
    }
}

/// Nothing was heard of it by the line since its last file: a courier brings what it has.
fn is_by_file(a: &Appliance) -> bool {
    a.last_file_at
        .is_some_and(|file| a.last_contact_at.is_none_or(|contact| contact <= file))
}

/// Whether records that should have left waited when it was heard last.
fn was_behind(a: &Appliance) -> bool {
    let backlog = a.backlog.and_then(|records| u64::try_from(records).ok());
    // What it said its clock showed then.
    let said_ms = a.last_contact_at.map_or(i64::MAX, |heard| {
        heard.plus_ms(a.clock_offset_ms.unwrap_or_default()).0
    });
    let oldest_ms = a.oldest_unsent_at.map(|at| at.0);
    is_behind(backlog.unwrap_or_default(), oldest_ms, said_ms)
}

/// The state by name: from receipts and ages, never from an open connection.
fn state_of(a: &Appliance, now: Timestamp) -> FleetState {
    let is_recent = |t: Option<Timestamp>| t.is_some_and(|t| now.since_ms(t) < SILENT_AFTER_MS);
    // Who says that nothing waits there needs no new receipt: there is nothing to give one for.
    let waits = a
        .backlog
        .map_or(!is_recent(a.last_receipt_at), |_| was_behind(a));
    if a.revoked_at.is_some() {
        FleetState::Revoked
    } else if a.status["fork"].as_bool() == Some(true) {
        FleetState::Fork
    } else if let Some(file) = a.last_file_at.filter(|_| is_by_file(a)) {
        if now.since_ms(file) < COURIER_LATE_AFTER_MS {
            FleetState::Courier
        } else {
            FleetState::CourierLate
        }
    } else if a.last_receipt_at.is_none() && is_recent(a.last_contact_at) {
        FleetState::Registered
    } else if !is_recent(a.last_contact_at) {
        FleetState::Silent
    } else if waits {
        FleetState::Behind
    } else {
        FleetState::Synced
    }
}

/// The hash a code is kept as. The code has 128 random bits: guessing needs no slow hash to be hopeless.
pub(crate) fn code_hash(code: &[u8; CODE_BYTES]) -> [u8; 32] {
    Sha256::digest(code).into()
}

pub(crate) async fn create_code(
    hub: &Hub,
    request: EnrolmentCodeRequest,
    created_by: &str,
) -> Answer<NewEnrolmentCode> {
    let name = line("name", &request.name, 120)?;
    refuse_platform(request.tenant_id)?;
    let mut tx = hub.store.tenant(request.tenant_id).await?;
    let tenant = tenants::get_visible(&mut tx)
        .await?
        .ok_or_else(Failure::not_found)?;
    if tenant.is_suspended {
        return Err(Failure::conflict("hub.tenant_suspended"));
    }
    let secret = random_bytes::<CODE_BYTES>().map_err(CodedError::from)?;
    let code = Code(secret).text();
    let now = hub.now();
    let row = EnrolmentCodeRow {
        id: EnrolmentCodeId::new(),
        name,
        created_by: created_by.to_owned(),
        created_at: now,
        expires_at: now.plus_ms(CODE_LIFE_MS),
        used_at: None,
        appliance_id: None,
    };
    appliances::create_code(&mut tx, tenant.id, &row, &code_hash(&secret)).await?;
    tx.commit().await?;
    Ok(NewEnrolmentCode { code, row })
}

pub(crate) async fn list_codes(hub: &Hub, tenant: TenantId) -> Answer<Vec<EnrolmentCodeRow>> {
    let mut tx = hub.store.tenant(tenant).await?;
    tenants::get_visible(&mut tx)
        .await?
        .ok_or_else(Failure::not_found)?;
    Ok(appliances::list_codes(&mut tx, tenant).await?)
}

pub(crate) async fn revoke(hub: &Hub, tenant: TenantId, appliance: ApplianceId) -> Answer<()> {
    let mut tx = hub.store.tenant(tenant).await?;
    if !appliances::revoke(&mut tx, tenant, appliance, hub.now()).await? {
        return Err(Failure::not_found());
    }
    Ok(tx.commit().await?)
}
