//! Installs what the peers need, once per version, into a cache folder. A test never skips because
//! something is missing: it fails and says what to do.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// Where installations are kept: `OPTRIA_TEST_CACHE`, else a folder in the home folder.
fn cache_dir() -> Result<PathBuf> {
    let dir = match std::env::var_os("OPTRIA_TEST_CACHE") {
        Some(dir) => PathBuf::from(dir),
        None => {
            let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
            let home = home.context("set OPTRIA_TEST_CACHE to a folder for the test servers")?;
            PathBuf::from(home).join(".cache").join("optria-test")
        }
    };
    fs::create_dir_all(&dir).with_context(|| format!("{} can't be created", dir.display()))?;
    Ok(dir)
}

/// A Python environment with what `requirements` lists; returns its interpreter.
pub fn python_venv(requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| requirements.display().to_string())?;
    let dir = installed(&format!("python-{:016x}", fingerprint(&[&wanted])), |dir| {
        let advice = "install python3 and python3-venv (Debian: apt-get install python3-venv)";
        run(
            Command::new("python3").args(["-m", "venv"]).arg(dir),
            advice,
        )?;
        let advice = "the Python package index must be reachable, or set PIP_INDEX_URL to a mirror";
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ];
        run(
            Command::new(dir.join("bin/python"))
                .args(pip)
                .arg(requirements),
            advice,
        )
    })?;
    Ok(dir.join("bin/python"))
}

/// A folder with the packages of the `package.json` and lock file in `project`, and a copy of
/// `script` beside them; returns the script's path.
pub fn node_project(project: &Path, script: &str) -> Result<PathBuf> {
    let read = |name: &str| fs::read(project.join(name)).with_context(|| name.to_owned());
    let (manifest, lock, code) = (
        read("package.json")?,
        read("package-lock.json")?,
        read(script)?,
    );
    let dir = installed(
        &format!("node-{:016x}", fingerprint(&[&manifest, &lock])),
        |dir| {
            fs::create_dir_all(dir)?;
            fs::write(dir.join("package.json"), &manifest)?;
            fs::write(dir.join("package-lock.json"), &lock)?;
            let advice = "install Node.js 20 with npm; its registry must be reachable, or set npm_config_registry";
            run(
                Command::new("npm")
                    .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
                    .current_dir(dir),
                advice,
            )
        },
    )?;
    let name = format!("{:016x}-{script}", fingerprint(&[&code]));
    let path = dir.join(name);
    if !path.exists() {
        // The tests of one process run at the same time as well.
        let (process, thread) = (std::process::id(), std::thread::current().id());
        let partial = dir.join(format!("{script}.part-{process}-{thread:?}"));
        fs::write(&partial, &code)?;
        fs::rename(&partial, &path)?;
    }
    Ok(path)
}

fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The folder `name`, made by `make` when it is not there. Test processes wait for each other, and
/// an installation that broke off is made anew.
fn installed(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache_dir()?;
    let dir = cache.join(name);
    let marker = cache.join(format!("{name}.complete"));
    let lock = fs::File::create(cache.join(format!("{name}.lock")))?;
    lock.lock()
        .context("the cache folder does not support locks; set OPTRIA_TEST_CACHE")?;
    if !marker.exists() {
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        make(&dir)?;
        fs::write(&marker, b"")?;
    }
    ensure!(
        dir.is_dir(),
        "{} is missing; remove {} and run again",
        dir.display(),
        marker.display()
    );
    Ok(dir)
}

fn run(command: &mut Command, advice: &str) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} does not start: {advice}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed ({}): {advice}\n{words}", output.status);
    }
    Ok(())
}
