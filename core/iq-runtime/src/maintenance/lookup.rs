//! Technical objects as the matcher asks for them: from the store, or from memory when all of them are
//! gone through.

use std::collections::HashMap;

use iq_domain::{IntegrationId, ObjectKind, TenantId};
use iq_store::{Connection, StoreError, technical_objects, technical_objects::TechnicalObject};

use super::matching::{Facts, Objects, key_of};

/// What the matcher needs to know of an object.
pub(super) fn facts(object: &TechnicalObject) -> Facts {
    Facts {
        location: object.location_key.clone(),
        parent: key_of(object.parent.as_deref()),
        settled: object.settled_by.is_some().then_some(object.asset_id),
    }
}

/// Of several objects whose numbers compare equal the one a person settled counts.
fn merged(mut found: Vec<Facts>) -> Option<Facts> {
    let settled = found.iter().position(|f| f.settled.is_some()).unwrap_or(0);
    (!found.is_empty()).then(|| found.swap_remove(settled))
}

/// Objects of one integration in the store.
pub(super) struct Stored<'a> {
    pub(super) conn: &'a Connection,
    pub(super) tenant: TenantId,
    pub(super) integration: IntegrationId,
}

impl Objects for Stored<'_> {
    type Error = StoreError;

    fn object(&self, kind: ObjectKind, key: &str) -> Result<Option<Facts>, StoreError> {
        let (tenant, integration) = (self.tenant, self.integration);
        let found = technical_objects::list_technical_objects_by_key(
            self.conn,
            tenant,
            integration,
            kind,
            key,
        )?;
        Ok(merged(found.iter().map(facts).collect()))
    }

    fn standing_in(&self, location: &str) -> Result<Vec<(String, Facts)>, StoreError> {
        let (tenant, integration) = (self.tenant, self.integration);
        let found = technical_objects::list_equipment_at(self.conn, tenant, integration, location)?;
        Ok(found
            .into_iter()
            .map(|o| (o.number_key.clone(), facts(&o)))
            .collect())
    }
}

/// Objects of one integration in memory.
#[derive(Default)]
pub(super) struct InMemory {
    by_key: HashMap<(ObjectKind, String), Vec<Facts>>,
    by_location: HashMap<String, Vec<(String, Facts)>>,
}

impl InMemory {
    pub(super) fn add(&mut self, object: &TechnicalObject) {
        let facts = facts(object);
        let key = (object.kind, object.number_key.clone());
        if let (ObjectKind::Equipment, Some(location)) = (object.kind, &object.location_key) {
            let standing = (object.number_key.clone(), facts.clone());
            self.by_location
                .entry(location.clone())
                .or_default()
                .push(standing);
        }
        self.by_key.entry(key).or_default().push(facts);
    }
}

impl Objects for InMemory {
    type Error = StoreError;

    fn object(&self, kind: ObjectKind, key: &str) -> Result<Option<Facts>, StoreError> {
        let found = self.by_key.get(&(kind, key.to_owned()));
        Ok(found.cloned().and_then(merged))
    }

    fn standing_in(&self, location: &str) -> Result<Vec<(String, Facts)>, StoreError> {
        Ok(self.by_location.get(location).cloned().unwrap_or_default())
    }
}
