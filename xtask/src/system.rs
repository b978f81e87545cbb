//! System packages: which ones a task needs and why, which are missing, and installing those by name.

use std::process::Stdio;

use anyhow::{Result, bail};

use crate::shell::{capture, command, is_on_path, run, say};

/// A Debian package and why it is needed.
#[derive(Clone, Copy)]
pub(crate) struct Package {
    name: &'static str,
    why: &'static str,
}

const fn package(name: &'static str, why: &'static str) -> Package {
    Package { name, why }
}

/// What a build of the appliance needs.
pub(crate) const BUILD: &[Package] = &[
    package(
        "build-essential",
        "C compiler for SQLite and the cryptography library",
    ),
    package("cmake", "builds the HiGHS solver of the optimiser"),
    package("libclang-dev", "reads the headers of the HiGHS solver"),
    package("pkg-config", "finds the libraries to link"),
];

/// What the desktop window needs beyond that.
pub(crate) const WINDOW: &[Package] = &[package(
    "libwebkit2gtk-4.1-dev",
    "the web view of the desktop window",
)];

/// What the tests need beyond both.
pub(crate) const TESTS: &[Package] = &[
    package("chromium", "browser of the end-to-end tests"),
    package("dbus", "session bus for the desktop test"),
    package(
        "mariadb-client-core",
        "client for the MariaDB peer of the SQL connector",
    ),
    package("mariadb-server-core", "MariaDB peer of the SQL connector"),
    package("postgresql", "PostgreSQL peer of the SQL connector"),
    package(
        "python3-venv",
        "environment for the OPC UA peer written in Python",
    ),
    package("webkit2gtk-driver", "drives the desktop window in its test"),
    package("xauth", "access to the virtual display"),
    package("xvfb", "virtual display for the desktop test"),
];

/// What shows that nothing leaves the machine.
pub(crate) const AIRGAP: &[Package] = &[
    package("iproute2", "looks at the closed network"),
    package("strace", "writes down whom a program calls"),
];

/// What a hub to try needs beyond a build.
pub(crate) const POSTGRES: &[Package] = &[package("postgresql", "the database of the hub")];

/// What makes and tries packages.
pub(crate) const PACKAGES: &[Package] = &[
    package("desktop-file-utils", "checks the entry of the desktop menu"),
    package("dpkg-dev", "finds the libraries that a .deb needs"),
    package("man-db", "reads the manual pages of a package"),
    package("minisign", "checks signatures without our own code"),
    package("rpm", "builds and installs .rpm packages"),
];

/// What the tests of `cargo xtask peers` need beyond a build.
pub(crate) const PEERS: &[Package] = &[
    package("apache2-bin", "web server behind the Kerberos door"),
    package("krb5-admin-server", "makes the realm of the Kerberos test"),
    package("krb5-kdc", "key distribution centre of the Kerberos test"),
    package("krb5-user", "signs in to the realm of the Kerberos test"),
    package(
        "libapache2-mod-auth-gssapi",
        "asks for a ticket at the Kerberos door",
    ),
    package("libkrb5-dev", "Kerberos library of the PI connector"),
    package("libssl-dev", "TLS library of the mock of SQL Server"),
];

/// Installs those of `packages` that are missing.
pub(crate) fn ensure(packages: &[&[Package]]) -> Result<()> {
    require_programs()?;
    let wanted: Vec<Package> = packages
        .iter()
        .flat_map(|set| set.iter().copied())
        .collect();
    if !is_on_path("dpkg-query") {
        println!("   This is not Debian: please see to it that these are installed:");
        wanted
            .iter()
            .for_each(|p| println!("     {:<24} {}", p.name, p.why));
        return Ok(());
    }
    let missing: Vec<Package> = wanted
        .into_iter()
        .filter(|package| !is_installed(package.name))
        .collect();
    if missing.is_empty() {
        println!("   nothing is missing");
        return Ok(());
    }
    say(
        "Missing system packages, installed now with apt:",
        "حزم النظام الناقصة، تُثبَّت الآن عبر apt:",
    );
    missing
        .iter()
        .for_each(|p| println!("     {:<24} {}", p.name, p.why));
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    install(&names)
}

/// What the README asks for, with the oldest version that does.
const PROGRAMS: [(&str, (u32, u32), &str); 3] = [
    ("node", (20, 0), "Install Node.js 20 or newer."),
    ("npm", (9, 0), "Install npm; it comes with Node.js."),
    ("python3", (3, 9), "Install Python 3.9 or newer."),
];

fn require_programs() -> Result<()> {
    for (program, oldest, remedy) in PROGRAMS {
        if !is_on_path(program) {
            bail!("`{program}` was not found. {remedy}");
        }
        let shown = capture(command(program).arg("--version"))?;
        if version(&shown).is_none_or(|found| found < oldest) {
            bail!("`{program}` is too old: {}. {remedy}", shown.trim());
        }
    }
    Ok(())
}

/// Major and minor of `v20.1.0`, `11.19.0` or `Python 3.11.7`.
fn version(shown: &str) -> Option<(u32, u32)> {
    let digits = shown
        .trim()
        .trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut parts = digits.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn is_installed(package: &str) -> bool {
    let status = command("dpkg-query")
        .args(["-W", "-f=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output();
    status.is_ok_and(|out| out.stdout == b"installed")
}

fn install(names: &[&str]) -> Result<()> {
    let is_root = capture(command("id").arg("-u"))?.trim() == "0";
    if !is_root && !is_on_path("sudo") {
        bail!(
            "Not root, and `sudo` is not installed. Ask an administrator to run: apt-get install {}",
            names.join(" ")
        );
    }
    let apt = |args: &[&str]| {
        let mut apt = if is_root {
            command("apt-get")
        } else {
            let mut sudo = command("sudo");
            sudo.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
            sudo
        };
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        run(&mut apt)
    };
    apt(&["update", "-q"])?;
    let mut args = vec!["install", "-q", "-y", "--no-install-recommends"];
    args.extend(names);
    apt(&args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_programs_print_them() {
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(version("11.19.0"), Some((11, 19)));
        assert_eq!(version("Python 3.11.7"), Some((3, 11)));
        assert_eq!(version("unknown"), None);
        assert!(version("v18.19.0") < Some((20, 0)));
    }
}
