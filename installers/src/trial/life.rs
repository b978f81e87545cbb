//! From install to purge, for either kind of package.

use std::process::Command;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::{
    FOREIGN, InsideArgs, KEPT, KEPT_KEY, OLDER, name, package_in,
    sandbox::{PACKAGES, Sandbox},
    service::Service,
};
use crate::{
    product::{Format, Product},
    tools::run,
};

const DATA: &str = "/var/lib/optria";
const CONFIG: &str = "/etc/optria/optria.toml";
/// What the data are known by.
const SITE: &str = "KEPT";
const HUB_DATA: &str = "/var/lib/optria-hub";
const HUB_CONFIG: &str = "/etc/optria-hub/optria-hub.toml";

/// A machine with one of the two package managers.
struct Machine<'a> {
    sandbox: Sandbox,
    args: &'a InsideArgs,
    format: Format,
}

/// Goes through all of it; ends at the first thing that is not as it should be.
pub(super) fn live(args: &InsideArgs, format: Format) -> Result<()> {
    let machine = Machine {
        sandbox: Sandbox::new(&args.packages)?,
        args,
        format,
    };
    let (first, next) = (args.first.as_str(), args.next.as_str());
    machine.install(Product::Server, first)?;
    machine.is_complete(Product::Server)?;
    machine.goes_back()?;
    machine.runs_and_is_filled()?;
    machine.verifies_packages()?;
    machine.install(Product::Server, next)?;
    machine.has_version(next)?;
    machine.still_has_data("after the upgrade, with its settings")?;
    machine.refuses_an_older_one(first, next)?;
    machine.removal_keeps_data()?;
    machine.install(Product::Server, next)?;
    machine.takes_any_port()?;
    machine.still_has_data("after installing again")?;
    machine.window_takes_over(next)?;
    machine.a_persons_data_move_in()?;
    machine.hub_lives_beside_it(first, next)?;
    machine.is_deleted_when_asked()
}

impl Machine<'_> {
    fn package(&self, product: Product, version: &str) -> Result<String> {
        let found = package_in(&self.args.packages, product, self.format, version)?;
        Ok(format!("{PACKAGES}/{}", name(&found)))
    }

    /// Installs or upgrades.
    fn install(&self, product: Product, version: &str) -> Result<()> {
        let package = self.package(product, version)?;
        self.sandbox.sh(&self.installing(&package))?;
        said(&format!("{} {version} is installed", product.name()));
        Ok(())
    }

    fn installing(&self, package: &str) -> String {
        match self.format {
            Format::Deb => format!("dpkg --install {package}"),
            // Its dependencies have the names of another system.
            Format::Rpm => format!("rpm --force-debian --nodeps --upgrade {package}"),
        }
    }

    fn remove(&self, product: Product) -> Result<()> {
        let name = product.name();
        self.sandbox.sh(&match self.format {
            Format::Deb => format!("dpkg --remove {name}"),
            Format::Rpm => format!("rpm --force-debian --nodeps --erase {name}"),
        })?;
        Ok(())
    }

    fn unit(&self) -> &'static str {
        match self.format {
            Format::Deb => "/lib/systemd/system/optria.service",
            Format::Rpm => "/usr/lib/systemd/system/optria.service",
        }
    }

    fn is_complete(&self, product: Product) -> Result<()> {
        let docs = format!("/usr/share/doc/{}", product.name());
        let sandbox = &self.sandbox;
        let owned = sandbox.sh(&format!("stat -c '%U:%G %a' {DATA} {CONFIG} /etc/optria"))?;
        let expected = "optria:optria 750\nroot:optria 640\nroot:optria 750";
        ensure!(owned == expected, "owners and modes: {owned}");
        let user = sandbox.sh("getent passwd optria")?;
        ensure!(user.contains("nologin"), "the user may sign in: {user}");
        for file in [
            "/usr/share/man/man1/optria.1.gz",
            "/usr/share/man/man1/optria-serve.1.gz",
            "/usr/share/man/man1/optria-verify.1.gz",
            "/usr/share/bash-completion/completions/optria",
            "/usr/share/optria/release-keys/1.pub",
            "/usr/share/optria/release-keys/2.pub",
            &format!("{docs}/administrator.ar.md"),
            &format!("{docs}/licences.txt"),
            self.unit(),
        ] {
            ensure!(sandbox.path(file).is_file(), "{file} is missing");
        }
        let bill = std::fs::read_to_string(sandbox.path(&format!("{docs}/sbom.cdx.json")))?;
        let bill: Value = serde_json::from_str(&bill)?;
        let parts = bill["components"].as_array().map_or(0, Vec::len);
        ensure!(parts > 100, "the bill of materials names {parts} parts");
        sandbox.sh("man --warnings optria >/dev/null")?;
        sandbox.sh("bash -n /usr/share/bash-completion/completions/optria")?;
        if product == Product::Server {
            let needs = sandbox.sh("ldd /usr/bin/optria")?;
            ensure!(!needs.contains("webkit"), "the service links the web view");
        }
        if sandbox
            .outcome("command -v systemd-analyze")?
            .status
            .success()
        {
            let verified = sandbox.outcome(&format!("systemd-analyze verify {}", self.unit()))?;
            let remarks = String::from_utf8_lossy(&verified.stderr);
            ensure!(!remarks.contains("optria.service"), "the unit: {remarks}");
        } else {
            said("NOT CHECKED: systemd is not installed, so that nobody judged the unit");
        }
        said(&format!(
            "files, owners and the unit are in place; {parts} parts in the bill"
        ));
        Ok(())
    }

    /// Sets a free port, so that nothing on this machine is in the way: a setting to be kept.
    fn takes_any_port(&self) -> Result<()> {
        let line = r#"optria_listen = "127.0.0.1:0""#;
        self.sandbox.sh(&format!(
            "grep -qx '{line}' {CONFIG} || echo '{line}' >> {CONFIG}"
        ))?;
        Ok(())
    }

    /// The start of the service brings an older store to the schema of today, and one command leads back
    /// to the bytes from before. The data folder is empty before and after.
    fn goes_back(&self) -> Result<()> {
        self.takes_any_port()?;
        let sandbox = &self.sandbox;
        let optria = "runuser -u optria -- optria --lang en";
        sandbox.sh(&format!(
            "{optria} restore {PACKAGES}/{KEPT} --data-dir {DATA} --key-file {PACKAGES}/{KEPT_KEY}"
        ))?;
        Service::start(sandbox, self.unit())?.stop()?;
        let compared = format!("cmp -s {DATA}/optria.db {DATA}/optria.db.schema-*.bak");
        sandbox.sh(&format!("test -e {DATA}/optria.db.schema-*.bak"))?;
        let same = sandbox.outcome(&compared)?;
        ensure!(
            !same.status.success(),
            "the start did not upgrade the store"
        );
        sandbox.sh(&format!("{optria} rollback --data-dir {DATA}"))?;
        sandbox.sh(&compared)?;
        sandbox.sh(&format!("find {DATA} -mindepth 1 -delete"))?;
        said("a store of the first release is upgraded at the start, and one command leads back");
        Ok(())
    }

    fn runs_and_is_filled(&self) -> Result<()> {
        self.takes_any_port()?;
        let service = Service::start(&self.sandbox, self.unit())?;
        let uid = self.sandbox.sh("id -u optria")?;
        ensure!(service.uid()? == uid, "it runs as {}", service.uid()?);
        service.fill(SITE)?;
        let key = format!("stat -c '%U:%G %a' {DATA}/window.key");
        let key = self.sandbox.sh(&key)?;
        ensure!(key == "optria:optria 640", "the key for windows: {key}");
        service.stop()?;
        let owners = self.sandbox.sh(&format!(
            "find {DATA} ! -user optria -o -perm /027 ! -type d"
        ))?;
        ensure!(owners.is_empty(), "files that others may read: {owners}");
        said("the service runs as its user, and holds an administrator and a site");
        Ok(())
    }

    /// A good package, then everything that must be refused.
    fn verifies_packages(&self) -> Result<()> {
        let sandbox = &self.sandbox;
        let good = self.package(Product::Server, &self.args.next)?;
        let first = package_in(
            &self.args.packages,
            Product::Server,
            Format::Deb,
            &self.args.first,
        )?;
        let first = format!("{PACKAGES}/{}", name(&first));
        sandbox.sh(&format!("optria verify-package {good}"))?;
        sandbox.sh(&format!("head -c -1 {good} > {PACKAGES}/cut"))?;
        let refused = [
            (
                format!("{good} --signature {PACKAGES}/{FOREIGN}"),
                "release.foreign_key",
            ),
            (
                format!("{first} --signature {PACKAGES}/{OLDER}"),
                "release.older",
            ),
            (
                format!("{PACKAGES}/cut --signature {good}.minisig"),
                "release.damaged",
            ),
            (
                format!("{first} --signature {good}.minisig"),
                "release.damaged",
            ),
            (PACKAGES.to_owned() + "/cut", "release.unreadable"),
            (format!("{good} --signature {good}"), "release.too_large"),
            (format!("{good} --keys /usr/share/doc"), "release.no_key"),
        ];
        for (arguments, code) in &refused {
            // The packages of both kinds are the same file to this one.
            let tried = sandbox.outcome(&format!("optria --lang en verify-package {arguments}"))?;
            let says = String::from_utf8_lossy(&tried.stderr);
            let is_refused = !tried.status.success() && says.contains(code);
            ensure!(is_refused, "not refused with {code}: {says}");
        }
        said(&format!(
            "a signed package verifies; {} others are refused",
            refused.len()
        ));
        if sandbox.outcome("command -v minisign")?.status.success() {
            sandbox.sh(&format!(
                "minisign -V -p /usr/share/optria/release-keys/1.pub -m {good}"
            ))?;
            said("minisign itself verifies it too");
        } else {
            said("NOT CHECKED: minisign is not installed, so that it was not asked");
        }
        Ok(())
    }

    fn has_version(&self, version: &str) -> Result<()> {
        let shown = self.sandbox.sh(match self.format {
            Format::Deb => "dpkg-query --show --showformat='${Status} ${Version}' optria-server",
            Format::Rpm => "rpm --force-debian --query --queryformat '%{VERSION}' optria-server",
        })?;
        ensure!(shown.ends_with(version), "installed is: {shown}");
        Ok(())
    }

    fn still_has_data(&self, when: &str) -> Result<()> {
        let service = Service::start(&self.sandbox, self.unit())?;
        service.still_knows(SITE)?;
        service.stop()?;
        said(&format!("the data are there {when}"));
        Ok(())
    }

    fn refuses_an_older_one(&self, older: &str, installed: &str) -> Result<()> {
        let package = self.package(Product::Server, older)?;
        let tried = self.sandbox.outcome(&self.installing(&package))?;
        ensure!(!tried.status.success(), "an older package was installed");
        self.has_version(installed)?;
        self.still_has_data("after refusing an older package")
    }

    fn removal_keeps_data(&self) -> Result<()> {
        let before = self.fingerprint()?;
        self.remove(Product::Server)?;
        self.is_gone_but_kept(&before)?;
        said("removed; data and configuration are kept");
        if self.format == Format::Deb {
            // Nobody answers, so the answer is no.
            self.sandbox.sh("dpkg --purge optria-server")?;
            let after = self.fingerprint()?;
            ensure!(
                after == before,
                "purging without an answer changed the data"
            );
            self.sandbox.sh(&format!("test ! -e {CONFIG}"))?;
            said("purged without an answer; the data are kept");
        } else {
            self.sandbox.sh(&format!("mv {CONFIG}.rpmsave {CONFIG}"))?;
        }
        Ok(())
    }

    fn is_gone_but_kept(&self, before: &str) -> Result<()> {
        let sandbox = &self.sandbox;
        ensure!(
            !sandbox.path("/usr/bin/optria").exists(),
            "the program is still there"
        );
        ensure!(
            !sandbox.path(self.unit()).exists(),
            "the unit is still there"
        );
        ensure!(self.fingerprint()? == before, "removing changed the data");
        let kept = sandbox.sh(&format!(
            "cat {CONFIG} {CONFIG}.rpmsave 2>/dev/null || true"
        ))?;
        ensure!(kept.contains("127.0.0.1:0"), "removing took the settings");
        Ok(())
    }

    /// The package with the window takes the place of the other one, with its data.
    fn window_takes_over(&self, version: &str) -> Result<()> {
        let before = self.fingerprint()?;
        if self.format == Format::Rpm {
            self.remove(Product::Server)?;
            self.sandbox.sh(&format!("mv {CONFIG}.rpmsave {CONFIG}"))?;
        }
        self.install(Product::Desktop, version)?;
        ensure!(
            self.fingerprint()? == before,
            "changing packages changed the data"
        );
        for file in [
            "/usr/bin/optria-desktop",
            "/usr/share/icons/hicolor/128x128/apps/optria-iq.png",
            "/usr/share/metainfo/io.optria.iq.metainfo.xml",
        ] {
            ensure!(self.sandbox.path(file).is_file(), "{file} is missing");
        }
        let entry = self
            .sandbox
            .path("/usr/share/applications/io.optria.iq.desktop");
        run(Command::new("desktop-file-validate").arg(entry))?;
        self.still_has_data("under the package with the window")?;
        if self.format == Format::Deb {
            self.sandbox.sh("dpkg --purge optria-server")?;
            self.still_has_data("after purging the package it replaced")?;
        }
        Ok(())
    }

    /// What an engineer collected in a window of their own goes into the service, as the administrator's
    /// guide has it, and can be taken back.
    fn a_persons_data_move_in(&self) -> Result<()> {
        const MOVED: &str = "MOVED";
        let sandbox = &self.sandbox;
        sandbox.sh("useradd --create-home --user-group engineer")?;
        let own = Service::of_person(sandbox, "engineer")?;
        own.fill(MOVED)?;
        own.stop()?;
        sandbox.sh(
            "runuser -l engineer -c 'umask 077 \
             && optria backup --data-dir ~/.local/share/optria --to ~/optria-move \
             && optria backup --show-key --data-dir ~/.local/share/optria > ~/optria-move/backup.key'",
        )?;
        sandbox.sh(&format!(
            "install -d -o optria -g optria -m 0700 {DATA}-move \
             && install -o optria -g optria -m 0600 ~engineer/optria-move/* {DATA}-move/"
        ))?;
        let restore = format!(
            "runuser -u optria -- optria restore {DATA}-move/*.backup --data-dir {DATA} \
             --key-file {DATA}-move/backup.key"
        );
        sandbox.sh(&restore)?;
        let service = Service::start(sandbox, self.unit())?;
        service.still_knows(MOVED)?;
        service.stop()?;
        sandbox.sh(&format!("test -d {DATA}/before-restore-*"))?;
        sandbox.sh(&format!("rm -r {DATA}-move && userdel --remove engineer"))?;
        said("the data of a person's window moved into the service");
        Ok(())
    }

    /// The hub's package: beside an appliance, from install to purge. It has no database here, so that all
    /// it can show is that it says so.
    fn hub_lives_beside_it(&self, first: &str, next: &str) -> Result<()> {
        let sandbox = &self.sandbox;
        let before = self.fingerprint()?;
        self.install(Product::Hub, first)?;
        let owned = sandbox.sh(&format!("stat -c '%U:%G %a' {HUB_DATA} {HUB_CONFIG}"))?;
        let expected = "optria-hub:optria-hub 750\nroot:optria-hub 640";
        ensure!(owned == expected, "owners and modes of the hub: {owned}");
        let unit = self.unit().replace("optria.service", "optria-hub.service");
        for file in [
            "/usr/share/man/man1/optria-hub.1.gz",
            "/usr/share/man/man1/optria-hub-serve.1.gz",
            "/usr/share/bash-completion/completions/optria-hub",
            "/usr/share/optria-hub/release-keys/2.pub",
            "/usr/share/doc/optria-hub/hub.ar.md",
            "/usr/share/doc/optria-hub/sbom.cdx.json",
            &unit,
        ] {
            ensure!(sandbox.path(file).is_file(), "{file} is missing");
        }
        self.hub_names_what_it_lacks()?;
        let line = r#"optria_listen = "127.0.0.1:0""#;
        sandbox.sh(&format!("echo '{line}' >> {HUB_CONFIG}"))?;
        self.install(Product::Hub, next)?;
        let kept = sandbox.sh(&format!("cat {HUB_CONFIG}"))?;
        ensure!(kept.contains(line), "the upgrade took the hub's settings");
        self.hub_goes()?;
        ensure!(
            self.fingerprint()? == before,
            "the hub's package changed the data of the appliance"
        );
        said("the hub is installed, upgraded and purged beside an appliance");
        Ok(())
    }

    /// Without its settings it does not start, and says which they are.
    fn hub_names_what_it_lacks(&self) -> Result<()> {
        let start = format!(
            "runuser -u optria-hub -- env OPTRIA_CONFIG={HUB_CONFIG} OPTRIA_DATA_DIR={HUB_DATA} \
             optria-hub --lang en serve"
        );
        let tried = self.sandbox.outcome(&start)?;
        let says = String::from_utf8_lossy(&tried.stderr);
        for name in ["DATABASE_URL", "SESSION_SECRET", "OPTRIA_HUB_KEY"] {
            let is_named = !tried.status.success() && says.contains(name);
            ensure!(is_named, "it does not say that {name} is missing: {says}");
        }
        Ok(())
    }

    /// Removing keeps what it made; a purge that is told so deletes it.
    fn hub_goes(&self) -> Result<()> {
        let sandbox = &self.sandbox;
        if self.format == Format::Rpm {
            sandbox.sh("touch /etc/optria-hub/delete-data")?;
        }
        self.remove(Product::Hub)?;
        if self.format == Format::Deb {
            sandbox.sh(&format!("test -d {HUB_DATA} && test -e {HUB_CONFIG}"))?;
            sandbox.sh(
                "echo 'optria-hub optria-hub/delete-data boolean true' | debconf-set-selections \
                 && dpkg --purge optria-hub",
            )?;
        }
        for gone in [HUB_DATA, "/etc/optria-hub", "/usr/bin/optria-hub"] {
            ensure!(!sandbox.path(gone).exists(), "{gone} is still there");
        }
        let user = sandbox.outcome("getent passwd optria-hub")?;
        ensure!(!user.status.success(), "the user of the hub is still there");
        Ok(())
    }

    fn is_deleted_when_asked(&self) -> Result<()> {
        match self.format {
            Format::Deb => self.sandbox.sh(
                "echo 'optria optria/delete-data boolean true' | debconf-set-selections \
                 && dpkg --purge optria",
            )?,
            Format::Rpm => self.sandbox.sh(
                "touch /etc/optria/delete-data && rpm --force-debian --nodeps --erase optria",
            )?,
        };
        for gone in [DATA, "/etc/optria", "/usr/bin/optria", "/usr/share/optria"] {
            if self.sandbox.path(gone).exists() {
                bail!("{gone} is still there after it was to be deleted");
            }
        }
        let user = self.sandbox.outcome("getent passwd optria")?;
        ensure!(!user.status.success(), "the user is still there");
        said("deleted when asked to: data, settings and user are gone");
        Ok(())
    }

    /// What the data are, to the byte.
    fn fingerprint(&self) -> Result<String> {
        self.sandbox.sh(&format!(
            "cd {DATA} && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum"
        ))
    }
}

fn said(line: &str) {
    println!("   ok  {line}");
}
