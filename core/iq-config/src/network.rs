//! A network as an address and the bits that count, as OPTRIA_ALLOW_FROM lists them.

use std::{fmt, net::IpAddr};

/// A network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.20.0.0/16`, `fd00::/8` or a single address. What stands behind the bits that count
    /// does not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let most = width(address);
        let bits = match bits {
            None => most,
            // "+8" and "008" are slips of the pen, not numbers of bits.
            Some(text) if text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().filter(|bits| *bits <= most)?
            }
            Some(_) => return None,
        };
        Some(Self { address, bits })
    }

    /// Whether an address belongs to it. An IPv4 address that comes in the clothes of IPv6 is the IPv4
    /// address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if width(address) != width(self.address) {
            return false;
        }
        let shift = u32::from(width(address) - self.bits);
        let network = |address| number(address).checked_shr(shift).unwrap_or(0);
        network(address) == network(self.address)
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network = Network::parse(network).unwrap();
        for address in inside {
            assert!(
                network.contains(address.parse().unwrap()),
                "{network} {address}"
            );
        }
        for address in outside {
            assert!(
                !network.contains(address.parse().unwrap()),
                "{network} {address}"
            );
        }
    }

    #[test]
    fn knows_what_belongs_to_it() {
        check(
            "10.20.0.0/16",
            &["10.20.0.1", "10.20.255.255", "::ffff:10.20.3.4"],
            &["10.21.0.1", "::ffff:10.21.0.1", "fd00::1"],
        );
        // People paste their own address with the bits of their network behind it.
        check("10.20.5.9/16", &["10.20.0.1"], &["10.21.0.1"]);
        check("192.168.1.7", &["192.168.1.7"], &["192.168.1.8"]);
        check(
            "fd00:20::/64",
            &["fd00:20::9"],
            &["fd00:20:0:1::9", "10.0.0.1"],
        );
        check("::1", &["::1"], &["::2"]);
        check("0.0.0.0/0", &["8.8.8.8"], &["fd00::1"]);
        check("::/0", &["fd00::1"], &["8.8.8.8"]);
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "fd00::/129",
            "10.0.0",
            "plant",
            "10.0.0.0/8/8",
            "10.0.0.0/0008",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
