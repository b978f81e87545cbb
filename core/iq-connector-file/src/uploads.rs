//! What the connector asks about files that were uploaded: their tags, for the mapping page. The host
//! keeps the files and answers.

use std::sync::Arc;

use async_trait::async_trait;
use iq_domain::{CodedError, IntegrationId, TenantId, Timestamp, Value};

/// A tag of an uploaded file.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadedTag {
    /// The tag.
    pub tag: Arc<str>,
    /// Unit as the file names it.
    pub unit: Option<String>,
    /// Values of it.
    pub samples: u64,
    /// Its latest value, with its time.
    pub last: Option<(Timestamp, Value)>,
}

/// The uploaded files of integrations.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Tags whose name contains `search`, by name, each once.
    async fn tags(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
        search: &str,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<UploadedTag>, CodedError>;

    /// One tag.
    async fn tag(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
        tag: &str,
    ) -> Result<Option<UploadedTag>, CodedError>;
}

/// No uploads: a host without a page to upload to.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoUploads;

#[async_trait]
impl Uploads for NoUploads {
    async fn tags(
        &self,
        _: TenantId,
        _: IntegrationId,
        _: &str,
        _: u32,
        _: u32,
    ) -> Result<Vec<UploadedTag>, CodedError> {
        Ok(Vec::new())
    }

    async fn tag(
        &self,
        _: TenantId,
        _: IntegrationId,
        _: &str,
    ) -> Result<Option<UploadedTag>, CodedError> {
        Ok(None)
    }
}
