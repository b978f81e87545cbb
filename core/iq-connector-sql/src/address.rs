//! Where a server is: its name looked up, and addresses refused that are never a source.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use iq_domain::CodedError;
use iq_http::is_forbidden;

use crate::{config::Target, error::upstream};

const PATIENCE: Duration = Duration::from_secs(5);

/// Looks the server's name up. Most drivers look it up once more by themselves, and take any of its
/// addresses, so one address that is never a source is enough to refuse the name. Only a link-local IPv6
/// address beside a real one is passed over: networks without DNS give every machine one, and it leads
/// no further than this segment.
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
    usable(found).map_err(|address| {
        upstream("http.address_refused")
            .with("host", &target.host)
            .with("address", address)
    })
}

/// The addresses that may be used, or the one that refuses them all.
fn usable(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, IpAddr> {
    let is_link_local = |ip: IpAddr| matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let has_real = found.iter().any(|address| !is_forbidden(address.ip()));
    let mut kept = found;
    if has_real {
        kept.retain(|address| !is_link_local(address.ip()));
    }
    match kept.iter().find(|address| is_forbidden(address.ip())) {
        Some(address) => Err(address.ip()),
        None => Ok(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(addresses: &[&str]) -> Result<Vec<String>, String> {
        let found = addresses.iter().map(|a| a.parse().unwrap()).collect();
        match usable(found) {
            Ok(kept) => Ok(kept.iter().map(ToString::to_string).collect()),
            Err(ip) => Err(ip.to_string()),
        }
    }

    #[test]
    fn a_link_local_address_counts_only_where_it_is_the_only_one() {
        let real = "192.168.1.20:1433";
        assert_eq!(judged(&["[fe80::1]:1433", real]), Ok(vec![real.to_owned()]));
        assert_eq!(judged(&["[fe80::1]:1433"]), Err("fe80::1".to_owned()));
    }

    #[test]
    fn every_other_address_that_is_no_source_refuses_the_name() {
        for bad in [
            "169.254.169.254:1433",
            "0.0.0.0:1433",
            "[::ffff:169.254.1.1]:1433",
        ] {
            assert!(judged(&["192.168.1.20:1433", bad]).is_err(), "{bad}");
            assert!(
                judged(&["192.168.1.20:1433", "[fe80::1]:1433", bad]).is_err(),
                "{bad}"
            );
        }
    }
}
