//! The life of a package, tried out: install, start, fill, upgrade, refuse, remove, purge. Everything
//! happens in a copy-on-write view of this machine that is gone afterwards.
//!
//! systemd is not started in it: the unit's command runs with the unit's user and environment, but
//! without the unit's walls.

mod life;
mod sandbox;
mod service;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use iq_release::{Release, Version};
use minisign::KeyPair;

use crate::{
    epoch, packages,
    product::{Format, Inputs, Product},
    released,
    sign::Signer,
};

#[derive(Args)]
pub(crate) struct InsideArgs {
    /// Folder with the packages and signatures that [`outside`] made.
    #[arg(long)]
    packages: PathBuf,
    /// Version that is installed first.
    #[arg(long)]
    first: String,
    /// Version that is upgraded to.
    #[arg(long)]
    next: String,
}

/// A signature of the first package for a version below it.
const OLDER: &str = "older.minisig";
/// The same package, signed by a key that nobody pinned.
const FOREIGN: &str = "foreign.minisig";

/// A backup of a store that the first release filled, with an older schema than today's, and its key.
const KEPT: &str = "kept.backup";
const KEPT_KEY: &str = "kept.key";

/// Makes packages of two versions, then goes on behind a file system of its own.
pub(crate) fn outside(root: &Path, programs: &Path) -> Result<()> {
    let work = tempfile::tempdir()?;
    let packages_dir = work.path().join("packages");
    fs::create_dir(&packages_dir)?;
    let [daily, safe, foreign] = [0, 1, 2].map(|_| KeyPair::generate_unencrypted_keypair());
    let (daily, safe, foreign) = (daily?, safe?, foreign?);
    let key = work.path().join("daily.key");
    fs::write(&key, daily.sk.to_box(None)?.into_string())?;
    let mut keys = Vec::new();
    for (name, pair) in [("daily", &daily), ("safe", &safe)] {
        let file = work.path().join(format!("{name}.pub"));
        fs::write(&file, pair.pk.to_box()?.into_string())?;
        keys.push(file);
    }
    let first: Version = env!("CARGO_PKG_VERSION").parse()?;
    let next: Version = after(first)?;
    for version in [first, next] {
        let inputs = Inputs {
            root: std::path::absolute(root)?,
            programs: std::path::absolute(programs)?,
            keys: keys.clone(),
            version,
            epoch: epoch(root)?,
            small: false,
        };
        let signer = Signer::open(&key, None, &keys)?;
        for product in Product::ALL {
            for made in packages(product, &inputs, &packages_dir, Some(&signer))? {
                let size = fs::metadata(&made)?.len();
                println!("made {} ({:.1} MB)", name(&made), size as f64 / 1e6);
            }
        }
    }
    let package = package_in(
        &packages_dir,
        Product::Server,
        Format::Deb,
        &first.to_string(),
    )?;
    let older = Release {
        version: "0.0.1".parse()?,
        ..released(Product::Server, Format::Deb, first)
    };
    for (pair, release, file) in [
        (&daily, older, OLDER),
        (
            &foreign,
            released(Product::Server, Format::Deb, first),
            FOREIGN,
        ),
    ] {
        let comment = release.comment();
        let signature =
            minisign::sign(None, &pair.sk, File::open(&package)?, Some(&comment), None)?;
        fs::write(packages_dir.join(file), signature.into_string())?;
    }
    let kept = root.join("tests/fixtures/stores");
    for (from, to) in [("0.1.0-schema-0021.backup", KEPT), ("key.txt", KEPT_KEY)] {
        let from = kept.join(from);
        fs::copy(&from, packages_dir.join(to))
            .with_context(|| format!("{} is missing", from.display()))?;
    }
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe()?)
        .arg("inside")
        .arg("--packages")
        .arg(&packages_dir)
        .args(["--first", &first.to_string(), "--next", &next.to_string()])
        .status()
        .context("`unshare` could not be started")?;
    if !status.success() {
        bail!("the packages did not pass: {status}");
    }
    Ok(())
}

/// Both formats, each from install to purge.
pub(crate) fn inside(args: &InsideArgs) -> Result<()> {
    for format in [Format::Deb, Format::Rpm] {
        println!("\n── {}", format.name());
        life::live(args, format)?;
    }
    println!(
        "\nNOT CHECKED: the unit under a running systemd; the .rpm on a machine of its own kind \
         (its dependencies were not resolved); Windows."
    );
    Ok(())
}

/// The next patch version.
fn after(version: Version) -> Result<Version> {
    let text = version.to_string();
    let (front, patch) = text.rsplit_once('.').context("a version has three parts")?;
    Ok(format!("{front}.{}", patch.parse::<u32>()? + 1).parse()?)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The one package of a product in a folder.
fn package_in(folder: &Path, product: Product, format: Format, version: &str) -> Result<PathBuf> {
    let starts = match format {
        Format::Deb => format!("{}_{version}_", product.name()),
        Format::Rpm => format!("{}-{version}-", product.name()),
    };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_it = name(&path).starts_with(&starts)
            && path.extension().is_some_and(|e| e == format.name());
        if is_it {
            return Ok(path);
        }
    }
    bail!("there is no package {starts}* in {}", folder.display())
}
