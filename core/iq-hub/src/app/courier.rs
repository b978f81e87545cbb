//! Courier files: what an appliance would have sent over the line, carried by hand, and the hub's word
//! back by the same way (docs/guides/sync-protocol.md, Courier files).

use std::collections::BTreeSet;

use iq_api_types::CourierReport;
use iq_config::FailPoint;
use iq_domain::{ApplianceId, TenantId};
use iq_secrets::seal_file;
use iq_sync_proto::{
    Head, Line, MAX_BUNDLE,
    changes::Changes,
    code,
    courier::Bundle,
    gap_code::Gap,
    receipt::{self, Receipt},
    receipt_text,
};
use tokio::task::JoinHandle;

use super::{
    projection, recipient,
    sync::{admit, apply, key_of, list_changes, refusal, signing_key, speaker},
};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        appliances::Appliance,
        sync::{self as rows, Owner, Way},
    },
};

/// What became of a file.
pub(crate) struct Taken {
    pub(crate) report: CourierReport,
    /// The receipts for the appliance: the bytes of a `.oqr` file.
    pub(crate) receipts: Vec<u8>,
    /// The same as texts, each for a QR code.
    pub(crate) texts: Vec<String>,
    /// The records are being made readable.
    pub(crate) projections: Vec<JoinHandle<()>>,
}

fn unreadable() -> Failure {
    Failure::invalid("sync.bundle_unreadable")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Failure::internal())
}

/// Takes a `.oqb` file. What is held already stays as it is, so that a file may be read any number of
/// times; what lies behind a gap waits for the file before it.
pub(crate) async fn import(hub: &Hub, file: Vec<u8>) -> Answer<Taken> {
    let key = recipient::key(hub);
    let plain = blocking(move || key.open(&file, MAX_BUNDLE))
        .await?
        .map_err(|_| unreadable())?;
    let bundle = Bundle::decode(&plain).map_err(|_| unreadable())?;
    let manifest = &bundle.manifest;
    let appliance = speaker(hub, manifest.appliance).await?;
    if manifest.tenant != appliance.record_tenant.into_bytes() {
        return Err(refusal(iq_sync_proto::batch::Refusal::Signature));
    }
    let appliance_key = key_of(&appliance)?;
    let batches = bundle
        .verify(appliance_key, &recipient::address(hub))
        .map_err(refusal)?;
    let_in(hub, &appliance).await?;
    let owner = (appliance.tenant_id, appliance.id);
    let before = cursors(hub, owner).await?;
    let (mut gaps, mut forks, mut closed) = (Vec::new(), 0_u32, BTreeSet::new());
    for batch in batches {
        let opened = bundle.open_batch(batch, appliance_key).map_err(refusal)?;
        let line = opened.header.line;
        if closed.contains(&line) {
            continue;
        }
        match apply(hub, owner, &opened, Way::File).await {
            Ok(_) => {}
            Err(failure) if failure.error.code == code::GAP => {
                let expected = failure.error.params.get("expected");
                let expected = expected.and_then(|text| text.parse().ok());
                let first = expected.ok_or_else(Failure::internal)?;
                gaps.push(Gap::new(line, first, opened.header.first - 1).text());
                closed.insert(line);
            }
            Err(failure) if failure.error.code == code::FORK => {
                forks += 1;
                closed.insert(line);
            }
            Err(failure) => return Err(failure),
        }
    }
    let after = cursors(hub, owner).await?;
    FailPoint::BundleStored.pass();
    let projections = after
        .iter()
        .map(|(line, _)| projection::begin(hub, owner, *line))
        .collect();
    let count = |marks: &[(Line, Head)]| marks.iter().map(|(_, head)| head.seq).sum::<u64>();
    let stored = count(&after).saturating_sub(count(&before));
    let signing = signing_key(hub).await?;
    let word = Receipt {
        tenant: manifest.tenant,
        appliance: manifest.appliance,
        hub_key: signing.public().id(),
        at_ms: hub.now().0,
        marks: after,
    };
    let parts: Vec<_> = word
        .parts()
        .iter()
        .map(|part| part.sign(&signing))
        .collect();
    Ok(Taken {
        report: CourierReport {
            tenant_id: owner.0,
            appliance_id: owner.1,
            name: appliance.name,
            number: manifest.number,
            stored,
            gaps,
            forks,
        },
        receipts: receipt::encode_file(&parts),
        texts: receipt_text::encode(&parts),
        projections,
    })
}

/// As for the line; but whoever carries the file can't wait and try again: he is told what stands in the way.
async fn let_in(hub: &Hub, appliance: &Appliance) -> Answer<()> {
    admit(hub, appliance).await.map_err(|failure| {
        if failure.error.code == code::SUSPENDED {
            Failure::conflict("hub.tenant_suspended")
        } else {
            failure
        }
    })
}

async fn cursors(hub: &Hub, owner: Owner) -> Answer<Vec<(Line, Head)>> {
    let mut tx = hub.store.tenant(owner.0).await?;
    let cursors = rows::list_cursors(&mut tx, owner).await?;
    tx.commit().await?;
    Ok(cursors)
}

/// People and flags for an appliance as a `.oqc` file: everything after a revision, sealed to it.
pub(crate) async fn export_changes(
    hub: &Hub,
    (tenant, id): (TenantId, ApplianceId),
    after: u64,
) -> Answer<Vec<u8>> {
    let appliance = speaker(hub, *id.0.as_bytes()).await?;
    if appliance.tenant_id != tenant {
        return Err(Failure::not_found());
    }
    let_in(hub, &appliance).await?;
    let changes: Changes = list_changes(hub, &appliance, after).await?;
    let plain = changes.sign(&signing_key(hub).await?).encode();
    blocking(move || seal_file(&appliance.recipient, &plain))
        .await?
        .map_err(|_| Failure::conflict("sync.no_recipient"))
}
