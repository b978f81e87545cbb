//! The tables: what goes in comes out, other tenants see nothing, filters and pages are right.
#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]

#[path = "../support/mod.rs"]
mod support;

mod identity;
mod imports;
mod isolation;
mod maintenance;
mod mapping;
mod models;
mod outages;
mod people;
mod planning;
mod plant;
mod records;
mod sources;
mod webhooks;

use iq_domain::CodedError;
use iq_store::StoreError;

fn code<T: std::fmt::Debug>(result: Result<T, StoreError>) -> &'static str {
    CodedError::from(result.unwrap_err()).code
}
