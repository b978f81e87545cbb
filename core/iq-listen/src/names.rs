//! By which names and addresses this machine is called; what a certificate has to stand for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Addresses of one machine that go into a certificate; bridges of containers can make many.
const MAX_ADDRESSES: usize = 24;

/// The machine's name, as the system knows it.
#[must_use]
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// A host without the port behind it, and an address without its brackets.
#[must_use]
pub fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.rsplit_once(':') {
        // More than one colon: an address without brackets, and no port.
        Some((name, port)) if !name.contains(':') && port.parse::<u16>().is_ok() => name,
        _ => host,
    }
}

/// Every name and address people may type: those given (with or without a port) first, then the
/// machine's own name and addresses, then those of the machine for itself.
#[must_use]
pub fn names_of_this_machine(given: &[String], listen: IpAddr) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        let name = plain(without_port(name.trim()));
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    };
    given.iter().for_each(|name| add(name));
    add(&host_name());
    if listen.is_unspecified() {
        for address in addresses().into_iter().take(MAX_ADDRESSES) {
            add(&address.to_string());
        }
    } else {
        add(&listen.to_string());
    }
    ["localhost", "127.0.0.1", "::1"].into_iter().for_each(add);
    names
}

/// Whether a text is a name or an address that a browser can ask for, with or without a port: letters
/// without accents, digits, dots, hyphens and underscores. A name in other letters is asked for in its
/// form that begins with `xn--`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let name = without_port(text.trim());
    let is_address = name.parse::<IpAddr>().is_ok();
    is_address || (plain(name).eq_ignore_ascii_case(name) && name.split('.').all(|l| !l.is_empty()))
}

/// The characters of a host name; what else stands there would make the certificate unreadable.
fn plain(name: &str) -> String {
    if name.parse::<IpAddr>().is_ok() {
        return name.to_owned();
    }
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .take(253)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Addresses of this machine's interfaces, without those that only mean itself.
fn addresses() -> Vec<IpAddr> {
    let v4 = std::fs::read_to_string("/proc/net/fib_trie").map(|text| local_v4(&text));
    let v6 = std::fs::read_to_string("/proc/net/if_inet6").map(|text| global_v6(&text));
    let mut found = v4.unwrap_or_default();
    found.extend(v6.unwrap_or_default());
    if found.is_empty() {
        found.extend(outward());
    }
    found
}

/// The lines before "/32 host LOCAL" in the kernel's table of ways.
fn local_v4(trie: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in trie.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.contains("/32 host LOCAL")
            && let Some(address) = last.filter(|a| !a.is_loopback())
            && !found.contains(&IpAddr::V4(address))
        {
            found.push(IpAddr::V4(address));
        }
    }
    found
}

/// Address, index, bits, scope, flags, name: those of global scope (0).
fn global_v6(table: &str) -> Vec<IpAddr> {
    let rows = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(3) == Some(&"00"))
        .filter_map(|row| u128::from_str_radix(row.first()?, 16).ok())
        .map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
        .collect()
}

/// The address this machine would send from; choosing one sends nothing.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // An address of the documentation, which nobody has.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    Some(address).filter(|a| !a.is_loopback() && !a.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_an_address() {
        for (host, name) in [
            ("optria.plant", "optria.plant"),
            ("optria.plant:8090", "optria.plant"),
            ("10.0.0.5:8090", "10.0.0.5"),
            ("[fd00::5]:8090", "fd00::5"),
            ("fd00::5", "fd00::5"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn what_no_browser_asks_for_is_no_name() {
        for name in [
            "optria.plant",
            "Optria.Plant:8090",
            "10.0.0.5",
            "[FD00::5]:8090",
            "fd00::5",
            "xn--mgbh0fb.example",
        ] {
            assert!(is_name(name), "{name}");
        }
        for text in [
            "",
            "http://x/y",
            "*.plant",
            "a b",
            "a\nb",
            ".plant",
            "مصنع.example",
        ] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn given_names_come_first_and_each_name_once() {
        let given = ["Optria.Plant:8090".to_owned(), "10.0.0.5".to_owned()];
        let names = names_of_this_machine(&given, IpAddr::from([10, 0, 0, 5]));
        assert_eq!(names[..2], ["optria.plant", "10.0.0.5"]);
        assert_eq!(names.iter().filter(|n| *n == "10.0.0.5").count(), 1);
        assert!(names.contains(&"localhost".to_owned()) && names.contains(&"::1".to_owned()));
    }

    #[test]
    fn addresses_are_read_from_the_kernels_tables() {
        let trie = "  |-- 10.20.0.7\n     /32 host LOCAL\n  |-- 10.20.0.255\n     /32 link BROADCAST\n  \
                    |-- 127.0.0.1\n     /32 host LOCAL\n  |-- 10.20.0.7\n     /32 host LOCAL\n";
        assert_eq!(local_v4(trie), [IpAddr::from([10, 20, 0, 7])]);
        let table = "fd000020000000000000000000000009 02 40 00 80     eth0\n\
                     fe800000000000000000000000000001 02 40 20 80     eth0\n";
        let expected: IpAddr = "fd00:20::9".parse().unwrap();
        assert_eq!(global_v6(table), [expected]);
    }
}
