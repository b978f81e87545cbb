//! `cargo xtask dist`: the packages, from programs built for release. `--test` makes packages of its
//! own and goes through their life; that needs root, and is no part of `cargo xtask test`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{
    measure::Ledger,
    shell::{capture, cargo, command, root, run, target_dir},
    system, ui,
};

/// What ships, as crate and program. It has the features that it asks for itself, and none that a test
/// turned on: the one build that does not select the whole workspace.
const PROGRAMS: [(&str, &str); 4] = [
    ("iq-appliance", "optria"),
    ("iq-verify", "optria-verify"),
    ("iq-desktop", "optria-desktop"),
    ("iq-hub", "optria-hub"),
];

/// What the command line may set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    test: bool,
    programs: Option<PathBuf>,
    out: Option<PathBuf>,
    /// Passed on to the maker of packages: keys.
    passed: Vec<String>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .cloned()
                    .with_context(|| format!("`{arg}` needs a value behind it"))
            };
            match arg.as_str() {
                "--test" => options.test = true,
                "--programs" => options.programs = Some(value()?.into()),
                "--out" => options.out = Some(value()?.into()),
                "--signing-key" | "--password-file" | "--public-key" => {
                    let value = value()?;
                    options.passed.extend([arg.clone(), value]);
                }
                other => bail!("`dist` has no option `{other}`"),
            }
        }
        if options.test && (options.out.is_some() || !options.passed.is_empty()) {
            bail!("`dist --test` makes packages and keys of its own; it takes only --programs");
        }
        Ok(options)
    }
}

/// Builds, then makes the packages or tries them.
pub(crate) fn dist(options: &Options) -> Result<()> {
    let mut ledger = Ledger::default();
    if options.test && capture(command("id").arg("-u"))?.trim() != "0" {
        bail!(
            "`dist --test` installs packages in a view of this machine of its own: start it as root"
        );
    }
    ledger.must("system packages", || {
        system::ensure(&[system::BUILD, system::WINDOW, system::PACKAGES])
    })?;
    // Also for programs that are built: the licence texts lie with the packages.
    ledger.must("packages of the front end", ui::install)?;
    let programs = match &options.programs {
        Some(folder) => std::path::absolute(folder)?,
        None => {
            ledger.must("build of the front end", ui::build)?;
            ledger.must("build of the programs", build)?;
            target_dir().join("release")
        }
    };
    ledger.must("packages", || {
        let mut make = cargo();
        // For release too: opening a locked key is made to be slow, and takes minutes otherwise.
        make.args(["run", "--quiet", "--release", "--package", "iq-dist", "--"])
            .arg(if options.test { "test" } else { "build" })
            .arg("--root")
            .arg(root())
            .arg("--programs")
            .arg(&programs);
        if !options.test {
            let out = options.out.clone();
            let out = out.unwrap_or_else(|| target_dir().join("dist"));
            make.arg("--out").arg(out).args(&options.passed);
        }
        run(&mut make)
    })?;
    ledger.print_table();
    Ok(())
}

fn build() -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--release", "--locked"]);
    for (package, program) in PROGRAMS {
        build.args(["--package", package, "--bin", program]);
    }
    run(&mut build)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options> {
        Options::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn passes_the_keys_on() {
        let options = parse(&["--signing-key", "k", "--public-key", "a", "--out", "d"]).unwrap();
        assert_eq!(options.passed, ["--signing-key", "k", "--public-key", "a"]);
        assert_eq!(options.out, Some(PathBuf::from("d")));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for args in [
            &["--fast"][..],
            &["--out"],
            &["--test", "--signing-key", "k"],
            &["--test", "--out", "d"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }
}
