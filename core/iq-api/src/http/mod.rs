//! Everything HTTP that is not a resource: the route declaration, the guards, bodies, errors, the
//! OpenAPI document and the embedded interface.

pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod check;
pub(crate) mod docs;
pub(crate) mod failure;
pub(crate) mod guard;
pub(crate) mod identify;
pub(crate) mod openapi;
pub(crate) mod outer;
pub(crate) mod page;
pub(crate) mod route;
pub(crate) mod traffic;
pub(crate) mod ui;

pub(crate) use body::{Body, Id, Query, Text};
pub(crate) use caller::{Audit, Caller, RequestInfo};
pub(crate) use check::Check;
pub(crate) use failure::{Answer, Failure, FieldFailure};
pub(crate) use page::{AsOf, PageQuery, Then, Window};
pub(crate) use route::{Route, XLSX, delete, get, patch, post, put};
