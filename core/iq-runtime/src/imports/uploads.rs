//! The tags of uploaded files for the connector, which knows no store.

use async_trait::async_trait;
use iq_connector_file::{UploadedTag, Uploads};
use iq_domain::{CodedError, IntegrationId, TenantId, Value};
use iq_store::{
    Page, Store,
    imports::{self, ImportTag},
};

/// Answers from the store.
#[derive(Clone)]
pub struct StoredUploads(Store);

impl StoredUploads {
    /// The uploads of a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(store)
    }
}

fn uploaded(tag: ImportTag) -> UploadedTag {
    let value = serde_json::from_value::<Option<Value>>(tag.last_value);
    UploadedTag {
        tag: tag.tag.into(),
        unit: tag.unit,
        samples: tag.samples,
        last: tag.last_at.zip(value.ok().flatten()),
    }
}

#[async_trait]
impl Uploads for StoredUploads {
    async fn tags(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
        search: &str,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<UploadedTag>, CodedError> {
        let search = search.to_owned();
        let tags = self
            .0
            .read(move |conn| {
                let page = Page { limit, offset };
                imports::list_import_tags(conn, tenant, integration, &search, page)
            })
            .await?;
        Ok(tags.into_iter().map(uploaded).collect())
    }

    async fn tag(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
        tag: &str,
    ) -> Result<Option<UploadedTag>, CodedError> {
        let tag = tag.to_owned();
        let found = self
            .0
            .read(move |conn| imports::get_import_tag(conn, tenant, integration, &tag))
            .await?;
        Ok(found.map(uploaded))
    }
}
