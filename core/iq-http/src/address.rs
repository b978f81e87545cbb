//! Which addresses may be talked to, checked after the name was looked up.
//!
//! Private and loopback addresses are legitimate in a plant. Link-local ones never are: that is where
//! cloud machines keep their metadata, and no plant server is configured by such an address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
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

/// Whether an address belongs to the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_protocol = a == 192 && b == 0 && c == 0;
    let is_bench = a == 198 && (18..20).contains(&b);
    !(is_forbidden(IpAddr::V4(v4))
        || a == 0
        || a >= 240
        || v4.is_private()
        || v4.is_loopback()
        || v4.is_documentation()
        || is_shared
        || is_protocol
        || is_bench)
}

/// Global unicast is 2000::/3. Within it, 6to4 carries an IPv4 address, Teredo one in disguise.
fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [a, b, c, ..] = v6.segments();
    match (a, b) {
        (0x2001, 0x0000 | 0x0db8) => false,
        (0x2002, _) => {
            let [w, x] = b.to_be_bytes();
            let [y, z] = c.to_be_bytes();
            is_public_v4(Ipv4Addr::new(w, x, y, z))
        }
        _ => a >> 13 == 1,
    }
}

/// Says of an address that is not public whether it may be reached all the same.
pub type Exception = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// How far a client reaches. Forbidden addresses are out of every reach.
#[derive(Clone, Default)]
pub enum Reach {
    /// Private and loopback addresses too: a person of this plant named them.
    #[default]
    Anywhere,
    /// Public addresses, and the exceptions of whoever runs the program: its tenants name the others.
    PublicAnd(Exception),
}

impl Reach {
    fn check(&self, address: IpAddr) -> Result<(), ResolveError> {
        if is_forbidden(address) {
            return Err(ResolveError::Forbidden(address));
        }
        match self {
            Self::PublicAnd(exception) if !is_public(address) && !exception(address) => {
                Err(ResolveError::OutOfReach(address))
            }
            _ => Ok(()),
        }
    }

    /// Whether a host that is an address is within reach; a name is looked up later.
    pub(crate) fn check_host(&self, host: &str) -> Result<(), ResolveError> {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        address.map_or(Ok(()), |address| self.check(address))
    }
}

/// Why a name gave no usable address.
#[derive(Clone, Debug)]
pub(crate) enum ResolveError {
    /// It is not known.
    Unknown,
    /// All its addresses are forbidden; this is the first.
    Forbidden(IpAddr),
    /// None of its addresses is within reach; this is the first.
    OutOfReach(IpAddr),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => write!(f, "the name is unknown"),
            Self::Forbidden(address) | Self::OutOfReach(address) => {
                write!(f, "{address} is not allowed")
            }
        }
    }
}

impl std::error::Error for ResolveError {}

/// Looks a name up and keeps the allowed addresses.
pub(crate) async fn look_up(
    host: &str,
    port: u16,
    reach: &Reach,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|_| ResolveError::Unknown)?;
    let (mut allowed, mut refused) = (Vec::new(), ResolveError::Unknown);
    for address in found {
        match reach.check(address.ip()) {
            Ok(()) => allowed.push(address),
            Err(error) if matches!(refused, ResolveError::Unknown) => refused = error,
            Err(_) => {}
        }
    }
    if allowed.is_empty() {
        Err(refused)
    } else {
        Ok(allowed)
    }
}

/// The resolver of the client: every connection is checked, so a name that changes its mind later
/// gains nothing.
pub(crate) struct CheckedResolver(pub(crate) Reach);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = look_up(name.as_str(), 0, &reach).await?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_reached_by_exception_alone() {
        for public in ["8.8.8.8", "2606:4700::1111", "2002:0808:0808::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let plant: IpAddr = "10.1.2.3".parse().unwrap();
        let reach = Reach::PublicAnd(Arc::new(move |address| address == plant));
        for inside in [
            "127.0.0.1",
            "::1",
            "10.1.2.4",
            "172.16.0.1",
            "192.168.0.9",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "203.0.113.7",
            "240.0.0.1",
            "::ffff:10.0.0.1",
            "fd12::7",
            "2001:db8::1",
            "2001::1",
            "2002:0a00:0001::1",
            "64:ff9b::a00:1",
        ] {
            let address: IpAddr = inside.parse().unwrap();
            assert!(!is_public(address), "{inside}");
            assert!(
                matches!(reach.check(address), Err(ResolveError::OutOfReach(_))),
                "{inside}"
            );
            assert!(Reach::Anywhere.check(address).is_ok(), "{inside}");
        }
        assert!(reach.check(plant).is_ok());
        assert!(reach.check_host("[::1]").is_err());
        assert!(reach.check_host("id.example").is_ok());
        // No exception opens what is forbidden to all.
        let all = Reach::PublicAnd(Arc::new(|_| true));
        let metadata = "169.254.169.254".parse().unwrap();
        assert!(matches!(
            all.check(metadata),
            Err(ResolveError::Forbidden(_))
        ));
    }

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
