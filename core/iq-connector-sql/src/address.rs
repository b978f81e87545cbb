//! Where a server is: its name looked up, and addresses refused that are never a source.

use std::{net::SocketAddr, time::Duration};

use iq_domain::CodedError;
use iq_http::is_forbidden;

use crate::{config::Target, error::upstream};

const PATIENCE: Duration = Duration::from_secs(5);

/// Looks the server's name up. Most drivers look it up once more by themselves, and take any of its
/// addresses, so one address that is never a source is enough to refuse the name.
pub(crate) async fn look_up(target: &Target) -> Result<Vec<SocketAddr>, CodedError> {
    let failed = || upstream("test.dns_failed").with("host", &target.host);
    let looked = tokio::net::lookup_host((target.host.as_str(), target.port));
    let found: Vec<SocketAddr> = tokio::time::timeout(PATIENCE, looked)
        .await
        .map_err(|_| failed())?
        .map_err(|_| failed())?
        .collect();
    if found.is_empty() {
        return Err(failed());
    }
    match found.iter().find(|address| is_forbidden(address.ip())) {
        Some(address) => Err(upstream("http.address_refused")
            .with("host", &target.host)
            .with("address", address.ip())),
        None => Ok(found),
    }
}
