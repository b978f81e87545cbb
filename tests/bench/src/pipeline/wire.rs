//! What the bench's processes say to each other: a line of JSON per order and per answer, over the
//! standard streams.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// First line of a plant.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PlantReady {
    pub(crate) endpoint_url: String,
    pub(crate) certificate: PathBuf,
}

/// First line of an appliance.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ApplianceReady {
    pub(crate) url: String,
    /// From the call to the return of the appliance's start.
    pub(crate) start_ms: u64,
}

/// An order to the plant.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum PlantOrder {
    /// Rounds of the load tags completed so far (`u64`).
    Rounds,
}

/// An order to the appliance.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Sets up a tenant, a user, assets for so many tags, and a trusted connection: [`SignIn`].
    Connect {
        endpoint_url: String,
        certificate: PathBuf,
        tags: u32,
        sampling_ms: u32,
    },
    /// Maps all tags and waits until each has delivered: [`Mapped`].
    Map,
    /// Forgets the delays measured so far: `()`.
    Mark,
    /// Delays from arrival to durable since the mark: `Option<Percentiles>`.
    Durable,
    /// What the connector says about itself: [`Source`].
    Source,
    /// Compares what is stored with the rounds `from..=to`: [`Stored`].
    Stored { from: u64, to: u64 },
}

/// Who signs in to the pages.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SignIn {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// How long mapping took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Mapped {
    /// Until the mappings and signals were stored.
    pub(crate) stored_ms: u64,
    /// From then until every tag had a value in the historian.
    pub(crate) delivering_ms: u64,
}

/// The state of the connector.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) items: u32,
    pub(crate) failed_items: u32,
    pub(crate) subscriptions: u32,
    pub(crate) connects: u64,
    pub(crate) requests_per_s: f64,
    pub(crate) items_per_request: u32,
    pub(crate) sessions: u32,
}

/// Stored values beside the plant's send log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) expected: u64,
    pub(crate) missing: u64,
    pub(crate) repeated: u64,
    /// The first tag with a missing value.
    pub(crate) first_missing: Option<String>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: i64,
    pub(crate) p95: i64,
    pub(crate) p99: i64,
    pub(crate) max: i64,
}

impl Percentiles {
    /// Of some delays; `None` when there are none.
    pub(crate) fn of(mut delays: Vec<i64>) -> Option<Self> {
        delays.sort_unstable();
        let last = delays.len().checked_sub(1)?;
        let at = |share: f64| delays[(last as f64 * share) as usize];
        Some(Self {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: delays[last],
        })
    }
}

/// Says a line to the parent.
pub(crate) fn say(what: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(what)?);
    Ok(())
}
