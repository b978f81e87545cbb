//! Which addresses may be talked to, checked after the name was looked up.
//!
//! Private and loopback addresses are legitimate in a plant. Link-local ones never are: that is where
//! cloud machines keep their metadata, and no plant server is configured by such an address.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Metadata service of a large cloud, the one such address outside the link-local range.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

/// Whether the address is never a source: link-local, metadata, multicast, broadcast, unspecified.
#[must_use]
pub fn is_forbidden(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified()
        }
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.is_unspecified()
                || v6 == METADATA_V6
        }
    }
}

/// Why a name gave no usable address.
#[derive(Clone, Debug)]
pub(crate) enum ResolveError {
    /// It is not known.
    Unknown,
    /// All its addresses are forbidden; this is the first.
    Forbidden(IpAddr),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => write!(f, "the name is unknown"),
            Self::Forbidden(address) => write!(f, "{address} is not allowed"),
        }
    }
}

impl std::error::Error for ResolveError {}

/// Looks a name up and keeps the allowed addresses.
pub(crate) async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|_| ResolveError::Unknown)?
        .collect();
    let first = found.first().map(SocketAddr::ip);
    let allowed: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| !is_forbidden(address.ip()))
        .collect();
    match (allowed.is_empty(), first) {
        (false, _) => Ok(allowed),
        (true, Some(address)) => Err(ResolveError::Forbidden(address)),
        (true, None) => Err(ResolveError::Unknown),
    }
}

/// The resolver of the client: every connection is checked, so a name that changes its mind later
/// gains nothing.
pub(crate) struct CheckedResolver;

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = look_up(name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plant_addresses_pass_and_metadata_addresses_do_not() {
        for good in [
            "10.1.2.3",
            "192.168.0.9",
            "127.0.0.1",
            "::1",
            "fd12::7",
            "8.8.8.8",
        ] {
            assert!(!is_forbidden(good.parse().unwrap()), "{good}");
        }
        for bad in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(is_forbidden(bad.parse().unwrap()), "{bad}");
        }
    }
}
