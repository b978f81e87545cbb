//! The connectors a host was built with.

use std::{collections::BTreeMap, sync::Arc};

use iq_domain::{CodedError, ErrorKind};

use crate::{Connector, ConnectorSpec};

/// Connectors by kind.
#[derive(Clone, Default)]
pub struct ConnectorRegistry(BTreeMap<&'static str, Arc<dyn Connector>>);

impl ConnectorRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a connector under its own kind.
    #[must_use]
    pub fn with(mut self, connector: Arc<dyn Connector>) -> Self {
        self.0.insert(connector.spec().kind, connector);
        self
    }

    /// The connector of a kind.
    pub fn get(&self, kind: &str) -> Result<Arc<dyn Connector>, CodedError> {
        self.0.get(kind).cloned().ok_or_else(|| {
            CodedError::new(ErrorKind::Invalid, "connector.kind_unknown").with("kind", kind)
        })
    }

    /// All self-descriptions, by kind.
    #[must_use]
    pub fn specs(&self) -> Vec<ConnectorSpec> {
        self.0.values().map(|connector| connector.spec()).collect()
    }
}
