//! A package for Debian and its relatives, put together by `dpkg-deb`; what it needs is found by
//! `dpkg-shlibdeps` from the programs themselves.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    product::{Inputs, Product, Tree},
    tools::{capture, read, run},
};

const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

/// Builds the package from its tree and returns the file.
pub(crate) fn build(
    product: Product,
    tree: &Tree<'_>,
    inputs: &Inputs,
    out: &Path,
) -> Result<PathBuf> {
    let arch = capture(Command::new("dpkg").arg("--print-architecture"))?;
    let arch = arch.trim();
    let needs = needs(product, tree)?;
    let files = tree.files()?;
    let size = installed_kib(tree.root, &files)?;
    let control = tree.root.join("DEBIAN");
    fs::create_dir(&control)?;
    let sources = inputs.root.join("installers/deb");
    for name in SCRIPTS {
        let text = fill(&read(&sources.join(name))?, product, inputs);
        fs::write(control.join(name), text)?;
        fs::set_permissions(control.join(name), fs::Permissions::from_mode(0o755))?;
    }
    let question = match product {
        Product::Server | Product::Desktop => "templates",
        Product::Hub => "templates-hub",
    };
    let templates = fill(&read(&sources.join(question))?, product, inputs);
    fs::write(control.join("templates"), templates)?;
    let account = product.account();
    let settings = format!("/etc/{account}/{account}.toml\n");
    fs::write(control.join("conffiles"), settings)?;
    fs::write(control.join("md5sums"), sums(tree.root, &files)?)?;
    fs::write(
        control.join("control"),
        described(product, inputs, arch, &needs, size),
    )?;
    let file = out.join(format!("{}_{}_{arch}.deb", product.name(), inputs.version));
    let packing: &[&str] = if inputs.small {
        &["-Zxz", "-z9", "-Sextreme"]
    } else {
        &["-Zgzip", "-z1"]
    };
    run(Command::new("dpkg-deb")
        .arg("--root-owner-group")
        .args(packing)
        .arg("--build")
        .arg(tree.root)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", inputs.epoch.to_string()))?;
    fs::remove_dir_all(control)?;
    Ok(file)
}

/// Fills the names into a script.
fn fill(text: &str, product: Product, inputs: &Inputs) -> String {
    text.replace("@PACKAGE@", product.name())
        .replace("@ACCOUNT@", product.account())
        .replace("@VERSION@", &inputs.version.to_string())
}

fn described(product: Product, inputs: &Inputs, arch: &str, needs: &str, size: u64) -> String {
    let name = product.name();
    let replaced = product.other().map_or_else(String::new, |other| {
        format!("Conflicts: {other}\nReplaces: {other}\n")
    });
    // Loaded by name, and the window is whole without its sign among those of the system.
    let recommended = match product {
        Product::Desktop => "Recommends: libayatana-appindicator3-1\n",
        Product::Server | Product::Hub => "",
    };
    format!(
        "Package: {name}\nVersion: {}\nArchitecture: {arch}\nSection: misc\nPriority: optional\n\
         Maintainer: OPTRIA <packages@optria.io>\nHomepage: https://optria.io\n\
         Installed-Size: {size}\nDepends: {needs}, passwd, init-system-helpers (>= 1.54~), debconf (>= 0.5)\n\
         {recommended}{replaced}Description: {}\n{}\n",
        inputs.version,
        product.summary(),
        folded(product.description()),
    )
}

/// A paragraph as the control file wants it: short lines, each after a space.
fn folded(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines
            .last()
            .is_some_and(|line| line.len() + word.len() > 75)
        {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The shared libraries that the programs link, as packages.
fn needs(product: Product, tree: &Tree<'_>) -> Result<String> {
    let work = tempfile::tempdir()?;
    // The tool insists on a source package around it.
    fs::create_dir(work.path().join("debian"))?;
    fs::write(work.path().join("debian/control"), "Source: optria\n")?;
    let mut find = Command::new("dpkg-shlibdeps");
    find.current_dir(work.path()).arg("-O");
    for program in product.programs() {
        find.arg(tree.root.join("usr/bin").join(program));
    }
    let found = capture(&mut find)?;
    let found = found.trim().strip_prefix("shlibs:Depends=");
    Ok(found.context("dpkg-shlibdeps found nothing")?.to_owned())
}

fn installed_kib(root: &Path, files: &[String]) -> Result<u64> {
    let sizes = files.iter().map(|f| Ok(fs::metadata(root.join(f))?.len()));
    let sizes: Vec<u64> = sizes.collect::<Result<_>>()?;
    Ok(sizes.iter().map(|size| size.div_ceil(1024)).sum())
}

fn sums(root: &Path, files: &[String]) -> Result<String> {
    let kept: Vec<&String> = files.iter().filter(|f| !f.starts_with("etc/")).collect();
    capture(Command::new("md5sum").current_dir(root).args(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_a_paragraph_into_lines_after_a_space() {
        let text = folded(Product::Server.description());
        assert!(
            text.lines()
                .all(|line| line.starts_with(' ') && line.len() <= 78),
            "{text}"
        );
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words.join(" "), Product::Server.description());
    }

    #[test]
    fn says_what_it_replaces_and_needs() {
        let inputs = Inputs {
            root: PathBuf::new(),
            programs: PathBuf::new(),
            keys: Vec::new(),
            version: "1.2.3".parse().unwrap(),
            epoch: 0,
            small: true,
        };
        let text = described(Product::Desktop, &inputs, "amd64", "libc6 (>= 2.34)", 7);
        for line in [
            "Package: optria",
            "Version: 1.2.3",
            "Architecture: amd64",
            "Conflicts: optria-server",
            "Installed-Size: 7",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
        assert!(text.contains("Depends: libc6 (>= 2.34), passwd"), "{text}");
        let hub = described(Product::Hub, &inputs, "amd64", "libc6 (>= 2.34)", 7);
        assert!(hub.starts_with("Package: optria-hub\n"), "{hub}");
        for word in ["Conflicts:", "Replaces:", "\n\n"] {
            assert!(!hub.contains(word), "{word:?} in {hub}");
        }
    }

    /// Nothing that is the appliance's stands in a script of the hub, nor a name that nobody filled in.
    #[test]
    fn the_scripts_of_the_hub_touch_nothing_of_an_appliance() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deb");
        let inputs = Inputs {
            root: PathBuf::new(),
            programs: PathBuf::new(),
            keys: Vec::new(),
            version: "1.2.3".parse().unwrap(),
            epoch: 0,
            small: true,
        };
        for name in SCRIPTS.into_iter().chain(["templates-hub"]) {
            let text = fill(&read(&folder.join(name)).unwrap(), Product::Hub, &inputs);
            for foreign in ["/optria ", "/optria/", "optria.service", "optria.toml", "@"] {
                assert!(!text.contains(foreign), "{foreign:?} in {name}: {text}");
            }
        }
    }

    /// The scripts are parsed by the shell that will run them.
    #[test]
    fn scripts_are_scripts() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deb");
        for name in SCRIPTS {
            run(Command::new("sh").arg("-n").arg(folder.join(name))).unwrap();
        }
    }
}
