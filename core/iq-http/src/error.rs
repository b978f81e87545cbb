//! What can go wrong on the way, as codes a person can act on.

use std::{error::Error, io, time::Duration};

use iq_domain::{CodedError, ErrorKind};
use rustls::{CertificateError, Error as TlsError};

use crate::{Response, address::ResolveError};

pub(crate) fn upstream(code: &'static str, host: &str) -> CodedError {
    CodedError::new(ErrorKind::Upstream, code).with("host", host)
}

/// The coded error of a failed request. The address is never part of it: a query may hold a secret.
pub(crate) fn from_reqwest(error: &reqwest::Error, host: &str, port: u16) -> CodedError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(current) = cause {
        if let Some(resolve) = current.downcast_ref::<ResolveError>() {
            return from_resolve(resolve, host);
        }
        if let Some(tls) = current.downcast_ref::<TlsError>() {
            return from_tls(tls, host);
        }
        let io = current.downcast_ref::<io::Error>();
        if let Some(coded) = io
            .filter(|_| error.is_connect())
            .and_then(|io| from_connect(io, host, port))
        {
            return coded;
        }
        // The source of an I/O error skips the very error it was made from.
        let inner = io.and_then(io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    match (error.is_timeout(), error.is_connect()) {
        (true, true) => tcp_timeout(host, port),
        (true, false) => upstream("http.timeout", host),
        (false, true) => upstream("http.unreachable", host).with("port", port),
        (false, false) => upstream("http.broken", host),
    }
}

pub(crate) fn from_resolve(error: &ResolveError, host: &str) -> CodedError {
    match error {
        ResolveError::Unknown => upstream("http.dns_failed", host),
        ResolveError::Forbidden(address) => {
            upstream("http.address_refused", host).with("address", address)
        }
        ResolveError::OutOfReach(address) => {
            upstream("http.address_private", host).with("address", address)
        }
    }
}

pub(crate) fn tcp_timeout(host: &str, port: u16) -> CodedError {
    upstream("http.tcp_timeout", host).with("port", port)
}

/// The coded error of an attempt to connect; `None` when it says nothing certain.
pub(crate) fn from_connect(error: &io::Error, host: &str, port: u16) -> Option<CodedError> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Some(upstream("http.tcp_refused", host).with("port", port))
        }
        io::ErrorKind::TimedOut => Some(tcp_timeout(host, port)),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(upstream("http.unreachable", host).with("port", port))
        }
        _ => None,
    }
}

/// The coded error of a failed handshake.
pub(crate) fn from_tls(error: &TlsError, host: &str) -> CodedError {
    use CertificateError as C;
    match error {
        TlsError::InvalidCertificate(certificate) => match certificate {
            C::Expired | C::ExpiredContext { .. } => upstream("http.tls_expired", host),
            C::NotValidYet | C::NotValidYetContext { .. } => {
                upstream("http.tls_not_yet_valid", host)
            }
            C::NotValidForName => upstream("http.tls_wrong_name", host).with("names", "-"),
            C::NotValidForNameContext { presented, .. } => {
                let names: Vec<&str> = presented.iter().take(5).map(String::as_str).collect();
                upstream("http.tls_wrong_name", host).with("names", names.join(", "))
            }
            _ => upstream("http.tls_untrusted", host),
        },
        // What comes back when something that is no TLS server answers.
        TlsError::InvalidMessage(_) => upstream("http.tls_not_spoken", host),
        other => upstream("http.tls_failed", host).with("detail", other),
    }
}

/// A status that is no success, as a coded error. `path` is what was asked for, without its query.
pub(crate) fn from_status(response: &Response, host: &str, path: &str) -> CodedError {
    let wait = || {
        response
            .retry_after()
            .unwrap_or(Duration::from_secs(30))
            .as_secs()
    };
    match response.status {
        300..=399 => {
            let target = response.header("location").unwrap_or_default();
            let place = url::Url::parse(target)
                .ok()
                .and_then(|u| u.host_str().map(str::to_owned))
                .unwrap_or_else(|| target.split(['?', '#']).next().unwrap_or("-").to_owned());
            upstream("http.redirected", host).with("target", place)
        }
        401 => upstream("http.unauthorized", host).with("offered", response.offered_schemes()),
        403 => upstream("http.forbidden", host).with("path", path),
        404 | 410 => upstream("http.not_found", host).with("path", path),
        413 => upstream("http.request_too_large", host),
        429 => upstream("http.too_many_requests", host).with("wait_s", wait()),
        503 => upstream("http.unavailable", host).with("wait_s", wait()),
        status @ 500..=599 => upstream("http.server_error", host)
            .with("status", status)
            .with("detail", response.detail()),
        status => upstream("http.status", host)
            .with("status", status)
            .with("detail", response.detail()),
    }
}
