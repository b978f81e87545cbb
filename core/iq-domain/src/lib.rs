//! The words every other crate speaks: ids, time, quality, values, the plant's entities, events,
//! incidents, roles and permissions, error codes.
//!
//! Nothing here does I/O, reads a clock or knows a database; the types carry tenant, source, times and
//! quality so that every number on a screen can be traced to the tag it came from.

mod alert;
mod assessment;
mod asset;
mod audit;
pub mod cbor;
mod error;
mod event;
mod family;
mod fold;
mod id;
mod identity;
mod incident;
mod integration;
mod maintenance;
mod mapping;
mod notification;
mod outage;
mod quality;
mod sample;
mod series;
mod sign_in;
mod technician;
mod text;
mod time;
mod twin;
mod unit;
mod work_plan;

pub use alert::*;
pub use assessment::*;
pub use asset::*;
pub use audit::*;
pub use error::*;
pub use event::*;
pub use family::*;
pub use fold::{folded, folded_char};
pub use id::*;
pub use identity::*;
pub use incident::*;
pub use integration::*;
pub use maintenance::*;
pub use mapping::*;
pub use notification::*;
pub use outage::*;
pub use quality::*;
pub use sample::*;
pub use series::*;
pub use sign_in::*;
pub use technician::*;
pub use text::*;
pub use time::*;
pub use twin::*;
pub use unit::*;
pub use work_plan::*;
