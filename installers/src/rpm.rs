//! A package for Red Hat and its relatives, put together by `rpmbuild`, which finds by itself which
//! libraries the programs link.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    product::{Inputs, Product, Tree},
    tools::{read, run},
};

/// Builds the package from its tree and returns the file.
pub(crate) fn build(
    product: Product,
    tree: &Tree<'_>,
    inputs: &Inputs,
    out: &Path,
) -> Result<PathBuf> {
    let work = tempfile::tempdir()?;
    let spec = work.path().join("optria.spec");
    let template = read(&inputs.root.join("installers/rpm/optria.spec"))?;
    fs::write(&spec, fill(&template, product, tree, inputs)?)?;
    let define = |name: &str, value: &str| format!("{name} {value}");
    let packing = if inputs.small { "w9.xzdio" } else { "w1.gzdio" };
    let top = work.path().display().to_string();
    run(Command::new("rpmbuild")
        .args(["-bb", "--quiet"])
        .arg("--define")
        .arg(define("_topdir", &top))
        .arg("--define")
        .arg(define("_rpmfilename", "package.rpm"))
        .arg("--define")
        .arg(define("_binary_payload", packing))
        .arg(&spec)
        .env("SOURCE_DATE_EPOCH", inputs.epoch.to_string()))?;
    let file = out.join(format!(
        "{}-{}-1.{}.rpm",
        product.name(),
        inputs.version,
        std::env::consts::ARCH
    ));
    fs::copy(work.path().join("RPMS/package.rpm"), &file).context("rpmbuild left no package")?;
    Ok(file)
}

fn fill(template: &str, product: Product, tree: &Tree<'_>, inputs: &Inputs) -> Result<String> {
    // Folders of our own go with the package; the others belong to the system.
    let docs = format!("usr/share/doc/{}", product.name());
    let account = product.account();
    let shared = format!("usr/share/{account}");
    let keys = format!("{shared}/release-keys");
    let folders = [&shared, &keys, &docs]
        .into_iter()
        .filter(|folder| tree.root.join(folder).is_dir())
        .map(|folder| format!("%dir /{folder}"));
    // The configuration stands in the template, with what becomes of it at an upgrade.
    let files = tree.files()?.into_iter();
    let files = files
        .filter(|file| !file.starts_with("etc/"))
        .map(|file| format!("/{file}"));
    let files: Vec<String> = folders.chain(files).collect();
    let requires = match product {
        Product::Server | Product::Hub => "Requires: systemd",
        // Loaded by name, so that rpmbuild can't see it.
        Product::Desktop => "Requires: webkit2gtk4.1\nRecommends: libayatana-appindicator-gtk3",
    };
    let conflicts = product.other().map(|other| format!("Conflicts: {other}"));
    Ok(template
        .replace("@PACKAGE@", product.name())
        .replace("@ACCOUNT@", account)
        .replace("@CONFLICTS@", &conflicts.unwrap_or_default())
        .replace("@VERSION@", &inputs.version.to_string())
        .replace("@SUMMARY@", product.summary())
        .replace("@DESCRIPTION@", product.description())
        .replace("@REQUIRES@", requires)
        .replace("@TREE@", &tree.root.display().to_string())
        .replace("@FILES@", &files.join("\n")))
}
