//! `optria verify-package`: whether a package that was carried here may be installed.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::Args;
use iq_domain::CodedError;
use iq_locale::Language;
use iq_release::{MAX_PACKAGE, MAX_SIGNATURE, Machine, PinnedKeys};

/// The keys that the installed package brought: a new one has to be signed by what the old one trusts.
const KEYS: &str = "/usr/share/optria/release-keys";

#[derive(Debug, Args)]
pub(super) struct VerifyPackageArgs {
    /// The package (.deb or .rpm).
    package: PathBuf,
    /// Its signature; the file beside the package that ends in .minisig when absent.
    #[arg(long)]
    signature: Option<PathBuf>,
    /// Folder with the public keys (.pub) whose signatures count.
    #[arg(long, default_value = KEYS)]
    keys: PathBuf,
}

#[allow(clippy::print_stdout)]
pub(super) fn verify_package(args: &VerifyPackageArgs, language: Language) -> Result<ExitCode> {
    let beside = || {
        let mut name = args.package.clone().into_os_string();
        name.push(".minisig");
        PathBuf::from(name)
    };
    let signature = args.signature.clone().unwrap_or_else(beside);
    let signature = text(read(&signature, MAX_SIGNATURE)?);
    let package = read(&args.package, MAX_PACKAGE)?;
    let machine = Machine {
        installed: env!("CARGO_PKG_VERSION").parse()?,
        arch: std::env::consts::ARCH,
    };
    let release = iq_release::verify(&package, &signature, &pinned(&args.keys)?, &machine)?;
    let params = BTreeMap::from([
        ("name".to_owned(), release.name),
        ("version".to_owned(), release.version.to_string()),
        ("installed".to_owned(), machine.installed.to_string()),
    ]);
    if let Some(say) = iq_locale::plain(language, "cli", "package_verified", &params) {
        println!("{say}");
    }
    Ok(ExitCode::SUCCESS)
}

fn pinned(folder: &Path) -> Result<PinnedKeys> {
    let list = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut files = Vec::new();
    for entry in list {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "pub") {
            files.push(text(read(&path, MAX_SIGNATURE)?));
        }
    }
    Ok(PinnedKeys::parse(files.iter().map(String::as_str))?)
}

/// What is no text is no key and no signature, and is refused as that.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > most {
        return Err(CodedError::invalid("release.too_large")
            .with("file", path.display())
            .into());
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> CodedError {
    CodedError::invalid("release.unreadable")
        .with("file", path.display())
        .with("reason", error)
}
