//! Where what is no sample goes: work orders, equipment, events. A batch's positions are written down
//! only after this has answered.

use std::sync::Arc;

use iq_domain::{CodedError, ErrorKind, IntegrationId, SourceRecord, TenantId};

use crate::Inner;

/// Makes records durable. An error means that nothing of them counts as read: they are offered again.
pub(crate) async fn store_records(
    _inner: &Arc<Inner>,
    _tenant: TenantId,
    _integration: IntegrationId,
    _records: Arc<[SourceRecord]>,
) -> Result<(), CodedError> {
    Err(CodedError::new(
        ErrorKind::Unavailable,
        "integrations.records_waiting",
    ))
}
