//! `iq-dist`: makes the packages of OPTRIA IQ from built programs, and tries them. `cargo xtask dist`
//! builds the programs and calls it.
#![allow(clippy::print_stdout, reason = "a command-line tool talks on stdout")]

mod bill;
mod deb;
mod product;
mod rpm;
mod sign;
mod tools;
mod trial;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use clap::{Args, Parser};
use iq_release::{Release, Version};

use crate::{
    bill::Bill,
    product::{Format, Inputs, Product, Tree},
    sign::Signer,
    tools::capture,
};

#[derive(Parser)]
#[command(name = "iq-dist", about = "Makes and tries the packages of OPTRIA IQ")]
enum Cli {
    /// Makes the packages.
    Build(BuildArgs),
    /// Makes packages of three versions with keys of its own and goes through their life: install,
    /// start, upgrade, refuse, remove, purge. Needs root; it leaves the machine as it was.
    Test(TestArgs),
    /// The part of `test` that runs behind a file system of its own.
    #[command(hide = true)]
    Inside(trial::InsideArgs),
}

#[derive(Args)]
struct BuildArgs {
    /// Top of the repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Folder with the built programs.
    #[arg(long)]
    programs: PathBuf,
    /// Where the packages go.
    #[arg(long)]
    out: PathBuf,
    /// Secret key of minisign. Without one the packages are not signed.
    #[arg(long)]
    signing_key: Option<PathBuf>,
    /// File with the password of the secret key.
    #[arg(long, requires = "signing_key")]
    password_file: Option<PathBuf>,
    /// Public key that the installed program will trust; two of them.
    #[arg(long = "public-key")]
    public_keys: Vec<PathBuf>,
}

#[derive(Args)]
struct TestArgs {
    /// Top of the repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Folder with the built programs.
    #[arg(long)]
    programs: PathBuf,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse() {
        Cli::Build(args) => build(&args),
        Cli::Test(args) => trial::outside(&args.root, &args.programs),
        Cli::Inside(args) => trial::inside(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build(args: &BuildArgs) -> Result<()> {
    let inputs = Inputs {
        root: std::path::absolute(&args.root)?,
        programs: std::path::absolute(&args.programs)?,
        keys: args.public_keys.clone(),
        version: env!("CARGO_PKG_VERSION").parse()?,
        epoch: epoch(&args.root)?,
        small: true,
    };
    let signer = match &args.signing_key {
        Some(key) => {
            let password = args.password_file.as_deref();
            Some(Signer::open(key, password, &args.public_keys)?)
        }
        None => None,
    };
    for product in Product::ALL {
        for made in packages(product, &inputs, &args.out, signer.as_ref())? {
            let size = fs::metadata(&made)?.len();
            println!("{} ({:.1} MB)", made.display(), size as f64 / 1e6);
        }
    }
    if signer.is_none() {
        println!("NOT SIGNED: no signing key was named.");
    }
    Ok(())
}

/// Makes both packages of a product, signed where there is a key.
fn packages(
    product: Product,
    inputs: &Inputs,
    out: &Path,
    signer: Option<&Signer>,
) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(out)?;
    let version = inputs.version.to_string();
    let bill = Bill::of(&inputs.root, product.name(), version, product.crates())?;
    let mut made = Vec::new();
    for format in [Format::Deb, Format::Rpm] {
        let folder = tempfile::tempdir()?;
        let tree = Tree::lay_out(folder.path(), product, format, inputs, &bill)?;
        let file = match format {
            Format::Deb => deb::build(product, &tree, inputs, out)?,
            Format::Rpm => rpm::build(product, &tree, inputs, out)?,
        };
        if let Some(signer) = signer {
            signer.sign(&file, &released(product, format, inputs.version))?;
        }
        made.push(file);
    }
    Ok(made)
}

fn released(product: Product, format: Format, version: Version) -> Release {
    Release {
        name: product.name().to_owned(),
        version,
        arch: std::env::consts::ARCH.to_owned(),
        format: format.name().to_owned(),
    }
}

/// The time of the last change, so that the same sources give the same bytes.
fn epoch(root: &Path) -> Result<u64> {
    let printed =
        capture(
            Command::new("git")
                .current_dir(root)
                .args(["log", "-1", "--format=%ct"]),
        )?;
    printed.trim().parse().context("git printed no time")
}
