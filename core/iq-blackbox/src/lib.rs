//! Pure rules of the Black Box: canonical events that can be made again without doubling, the order of
//! events whose clocks differ, when an incident opens, joins and ends, and its timeline.

pub mod alarms;
mod detect;
pub mod events;
mod incident;
pub mod near_miss;
mod order;
pub mod rca;
mod timeline;
mod trip;

pub use detect::{Detector, KnownIncident, Scene};
pub use events::{ClockInfo, EventContext, SignalDeparture};
pub use incident::{
    IncidentConfig, IncidentDecision, OpenIncident, Relation, Topology, decide, gravity_of,
    incident_end, is_trip, live_trigger_of, made_of, past_trigger_of, relation_of, title_of,
    trigger_of,
};
pub use order::{Ordered, confidence, order};
pub use timeline::{Entry, Lane, Timeline, timeline};
