//! What a demonstration made up counts for nothing in a plant of one's own. In a plant that is a
//! demonstration itself nothing is made up in this sense.

use iq_domain::IntegrationId;
use iq_store::work_orders::WorkOrder;

use crate::{AssetEntry, SignalEntry, TenantIndex};

/// Where the values of an asset come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// Nothing of them is made up; there may be none.
    Own,
    /// Some of them are made up.
    Partly,
    /// All of them are made up.
    MadeUp,
}

/// Where the values of an asset come from.
pub(crate) fn fed(plant: &TenantIndex, asset: &AssetEntry) -> Fed {
    let (made_up, own): (Vec<_>, Vec<_>) = asset
        .signals
        .iter()
        .filter_map(|id| plant.signals.get(id))
        .filter(|signal| signal.mapping.is_some())
        .partition(|signal| is_signal_made_up(plant, signal));
    match (made_up.is_empty(), own.is_empty()) {
        (true, _) => Fed::Own,
        (false, false) => Fed::Partly,
        (false, true) => Fed::MadeUp,
    }
}

/// Whether a signal's values are made up.
pub(crate) fn is_signal_made_up(plant: &TenantIndex, signal: &SignalEntry) -> bool {
    let source = signal.mapping.as_ref().map(|m| m.mapping.integration_id);
    is_of_demonstration(plant, source)
}

/// Whether a work order is made up.
pub(crate) fn is_order_made_up(plant: &TenantIndex, order: &WorkOrder) -> bool {
    is_of_demonstration(plant, order.integration_id)
}

fn is_of_demonstration(plant: &TenantIndex, source: Option<IntegrationId>) -> bool {
    let source = source.and_then(|id| plant.integrations.get(&id));
    !plant.tenant.is_demo && source.is_some_and(|integration| integration.is_demo_origin)
}
