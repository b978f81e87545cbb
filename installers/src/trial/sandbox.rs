//! A copy-on-write view of this machine: what is installed in it is installed nowhere else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::tools::{ended, run};

/// Where the packages lie in it.
pub(super) const PACKAGES: &str = "/var/lib/optria-trial";

/// The view; unmounted when it goes.
pub(super) struct Sandbox {
    layers: TempDir,
    pub(super) root: PathBuf,
}

impl Sandbox {
    /// Lays an empty layer over this machine's files. The caller has a mount namespace of its own.
    pub(super) fn new(packages: &Path) -> Result<Self> {
        let layers = tempfile::tempdir()?;
        // In memory: a layer can't lie on what it covers where that is itself layered.
        run(Command::new("mount")
            .args(["-t", "tmpfs", "trial"])
            .arg(layers.path()))?;
        let [upper, work, root] = ["upper", "work", "root"].map(|n| layers.path().join(n));
        for folder in [&upper, &work, &root] {
            fs::create_dir(folder)?;
        }
        let options = format!(
            "lowerdir=/,upperdir={},workdir={}",
            upper.display(),
            work.display()
        );
        run(Command::new("mount")
            .args(["-t", "overlay", "trial", "-o", &options])
            .arg(&root))?;
        for shared in ["proc", "dev"] {
            run(Command::new("mount")
                .args(["--rbind", &format!("/{shared}")])
                .arg(root.join(shared)))?;
        }
        let sandbox = Self { layers, root };
        let inside = sandbox.path(PACKAGES);
        fs::create_dir_all(&inside)?;
        for entry in fs::read_dir(packages)? {
            let entry = entry?;
            fs::copy(entry.path(), inside.join(entry.file_name()))?;
        }
        Ok(sandbox)
    }

    /// Where a path of the view lies outside of it.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// A program that will run in the view.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command
            .arg(&self.root)
            .arg(program)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Runs a line of shell in the view, with whatever outcome.
    pub(super) fn outcome(&self, line: &str) -> Result<Output> {
        ended(self.command("/bin/sh").args(["-c", line]))
    }

    /// Runs a line of shell in the view and returns what it printed.
    pub(super) fn sh(&self, line: &str) -> Result<String> {
        let output = self.outcome(line)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if !output.status.success() {
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            bail!("`{line}` ended with {}\n{out}\n{err}", output.status);
        }
        Ok(text(&output.stdout))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for mount in [self.root.as_path(), self.layers.path()] {
            let done = run(Command::new("umount")
                .args(["--recursive", "--lazy"])
                .arg(mount));
            if let Err(error) = done {
                eprintln!(
                    "{} stays mounted in this namespace: {error:#}",
                    mount.display()
                );
            }
        }
    }
}
