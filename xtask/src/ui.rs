//! The front end: its packages and its build, each skipped while their inputs are unchanged.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::shell::{root, run};

/// What the build reads, relative to the top.
const INPUTS: &[&str] = &[
    "ui/src",
    "ui/public",
    "ui/hub.html",
    "ui/index.html",
    "ui/package-lock.json",
    "ui/vite",
    "ui/vite.config.ts",
    "ui/postcss.config.cjs",
    "ui/tsconfig.json",
    "locales/ar.json",
    "locales/en.json",
    "locales/parts",
    "docs/guides",
    "docs/images",
];

/// Installs the packages of `ui/` exactly as locked.
pub(crate) fn install() -> Result<()> {
    let dir = root().join("ui");
    if !dir.join("package-lock.json").is_file() {
        bail!("ui/package-lock.json is missing, so nothing can be installed reproducibly");
    }
    let now = fingerprint(&[dir.join("package.json"), dir.join("package-lock.json")])?;
    let stamp = dir.join("node_modules/.optria-install");
    if is_fresh(&stamp, &now) {
        println!("   the packages are unchanged");
        return Ok(());
    }
    run(Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&dir))?;
    fs::write(&stamp, now).with_context(|| format!("{} can't be written", stamp.display()))
}

/// Builds `ui/dist`, which the appliance embeds.
pub(crate) fn build() -> Result<()> {
    let inputs: Vec<PathBuf> = INPUTS.iter().map(|input| root().join(input)).collect();
    let now = fingerprint(&inputs)?;
    let stamp = root().join("ui/node_modules/.optria-build");
    if is_fresh(&stamp, &now) && root().join("ui/dist/index.html").is_file() {
        println!("   the front end is unchanged");
        return Ok(());
    }
    script("build", &[])?;
    fs::write(&stamp, now).with_context(|| format!("{} can't be written", stamp.display()))
}

/// Runs a script of `ui/package.json`.
pub(crate) fn script(name: &str, args: &[&str]) -> Result<()> {
    let mut npm = npm();
    npm.args(["run", name]);
    if !args.is_empty() {
        npm.arg("--").args(args);
    }
    run(&mut npm)
}

/// `npm` in `ui/`.
pub(crate) fn npm() -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(root().join("ui"));
    npm
}

fn is_fresh(stamp: &Path, now: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|then| then == now)
}

/// A hash over names and contents of all files below `paths`; absent paths count as absent.
fn fingerprint(paths: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        for file in files_below(path)? {
            file.hash(&mut hasher);
            fs::read(&file)
                .with_context(|| format!("{} can't be read", file.display()))?
                .hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn files_below(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = fs::read_dir(path)?
        .map(|e| Ok(e?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        files.extend(files_below(&entry)?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_follows_names_and_contents() {
        let dir = std::env::temp_dir().join(format!("optria-xtask-{}", std::process::id()));
        fs::create_dir_all(dir.join("deep")).unwrap();
        let at = |name: &str, text: &str| {
            fs::write(dir.join("deep").join(name), text).unwrap();
            fingerprint(&[dir.clone(), dir.join("absent")]).unwrap()
        };
        let first = at("a.ts", "1");
        assert_eq!(at("a.ts", "1"), first);
        let changed = at("a.ts", "2");
        let added = at("b.ts", "");
        assert!(first != changed && changed != added && added != first);
        fs::remove_dir_all(dir).unwrap();
    }
}
