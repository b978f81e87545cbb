//! How a route is declared. The guard, the permission matrix and the tests read this declaration.

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use iq_domain::{Permission, Role};

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
            handler: on(filter, handler),
            body_cap: JSON_CAP,
            audit: None,
            before_ready: false,
        }
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
