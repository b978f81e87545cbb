//! How a route is declared. The guard, the permission matrix and the tests read this declaration.

use axum::{
    handler::Handler,
    http::{Method, StatusCode},
    routing::{MethodFilter, MethodRouter, on},
};
use iq_api_types::{Described, Entry, openapi_document};
use iq_domain::{Permission, Role};
use utoipa::{IntoParams, ToSchema};

use crate::state::Hub;

/// Largest JSON body.
const JSON_CAP: usize = 64 * 1024;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches the port.
    Public,
    /// A session whose role holds the permission.
    May(Permission),
    /// An appliance, by the signature of its key.
    Signed,
}

/// One route.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) described: Described,
    pub(crate) handler: MethodRouter<Hub>,
    pub(crate) body_cap: usize,
    /// Action name of its audit record; `None` for what changes nothing.
    pub(crate) audit: Option<&'static str>,
    /// Allowed while the password is temporary or the second factor not set up.
    pub(crate) before_ready: bool,
}

/// A route as tests and tools see it.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// Method.
    pub method: Method,
    /// Path with `{names}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Action name of its audit record.
    pub audit: Option<&'static str>,
}

pub(crate) fn get<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Hub>,
    T: 'static,
{
    Route::new(Method::GET, MethodFilter::GET, path, access, handler)
}

pub(crate) fn post<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Hub>,
    T: 'static,
{
    Route::new(Method::POST, MethodFilter::POST, path, access, handler)
}

pub(crate) fn put<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Hub>,
    T: 'static,
{
    Route::new(Method::PUT, MethodFilter::PUT, path, access, handler)
}

pub(crate) fn delete<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Hub>,
    T: 'static,
{
    Route::new(Method::DELETE, MethodFilter::DELETE, path, access, handler)
}

impl Route {
    fn new<H, T>(
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        access: Access,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Hub>,
        T: 'static,
    {
        Self {
            method,
            path,
            access,
            described: Described::by::<H>(),
            handler: on(filter, handler),
            body_cap: JSON_CAP,
            audit: None,
            before_ready: false,
        }
    }

    /// One sentence for the document.
    pub(crate) fn says(mut self, summary: &'static str) -> Self {
        self.described.summary = summary;
        self
    }

    pub(crate) fn query<T: IntoParams>(mut self) -> Self {
        self.described.query::<T>();
        self
    }

    pub(crate) fn body<T: ToSchema>(mut self) -> Self {
        self.described.body::<T>();
        self
    }

    /// A body that is not JSON.
    pub(crate) fn other_body(mut self, media_type: &'static str) -> Self {
        self.described.other_body(media_type);
        self
    }

    pub(crate) fn answer<T: ToSchema>(mut self) -> Self {
        self.described.answer::<T>();
        self
    }

    pub(crate) fn list<T: ToSchema>(mut self) -> Self {
        self.described.list::<T>();
        self
    }

    /// A page of a list, as its own named schema.
    pub(crate) fn page<T: ToSchema>(mut self) -> Self {
        self.described.page::<T>();
        self
    }

    /// An answer that is not JSON.
    pub(crate) fn other_answer(mut self, media_type: &'static str) -> Self {
        self.described.other_answer(media_type);
        self
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.described.status = status.as_u16();
        self
    }

    pub(crate) fn audits(mut self, action: &'static str) -> Self {
        self.audit = Some(action);
        self
    }

    pub(crate) fn takes(mut self, bytes: usize) -> Self {
        self.body_cap = bytes;
        self
    }

    pub(crate) fn before_ready(mut self) -> Self {
        self.before_ready = true;
        self
    }

    pub(crate) fn info(&self) -> RouteInfo {
        RouteInfo {
            method: self.method.clone(),
            path: self.path,
            access: self.access,
            audit: self.audit,
        }
    }
}

const ABOUT: &str = "Times are UTC milliseconds, ids are UUIDs. A write needs the session cookie, an \
    Origin of its own and the X-CSRF-Token of GET /api/session. Errors carry a stable code; the language \
    of the message follows ?lang, else Accept-Language, else Arabic. What appliances send under /sync/v1 \
    is CBOR, signed; docs/guides/sync-protocol.md says what is in it.";

/// The OpenAPI document of the table.
pub(crate) fn document(routes: &[Route]) -> String {
    let entries: Vec<Entry<'_>> = routes
        .iter()
        .map(|route| Entry {
            method: route.method.as_str(),
            path: route.path,
            access: match route.access {
                Access::Public => "No session needed.".to_owned(),
                Access::Signed => "Signed by the key of an enrolled appliance.".to_owned(),
                Access::May(permission) => format!("Permission: `{}`.", permission.as_str()),
            },
            described: &route.described,
        })
        .collect();
    openapi_document("OPTRIA IQ hub", ABOUT, env!("CARGO_PKG_VERSION"), &entries)
}

/// A line per route: method, path, permission, and a mark for each role that may.
pub(crate) fn matrix(routes: &[Route]) -> String {
    let mut lines: Vec<String> = routes
        .iter()
        .map(|route| {
            let who = match route.access {
                Access::Public => "public".to_owned(),
                Access::Signed => "appliance".to_owned(),
                Access::May(permission) => [permission.as_str()]
                    .into_iter()
                    .chain(
                        Role::ALL
                            .into_iter()
                            .filter(|role| role.may(permission))
                            .map(Role::as_str),
                    )
                    .collect::<Vec<_>>()
                    .join(" "),
            };
            format!("{:6} {} : {who}", route.method, route.path)
        })
        .collect();
    lines.sort();
    lines.join("\n") + "\n"
}
