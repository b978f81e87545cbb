//! Pictures of the program: of every page, language and theme below `target/screens`, or those that the
//! guides name in `docs/images`.

use std::fs;

use anyhow::{Context, Result};

use crate::{
    shell::{built_program, cargo, root, run},
    system, ui,
};

/// Asks for the pictures of the guides.
const GUIDES: &str = "--guides";

/// Follows the guide of the first hour, step by step as it is written.
pub(crate) fn first_hour(args: &[String]) -> Result<()> {
    let mut npm = ready()?;
    run(npm.args(["run", "first-hour", "--"]).args(args))
}

/// The front end's scripts, with a program to look at.
fn ready() -> Result<std::process::Command> {
    system::ensure(&[system::BUILD, system::TESTS])?;
    ui::install()?;
    ui::build()?;
    run(cargo().args(["build", "--workspace", "--bin", "optria"]))?;
    let mut npm = ui::npm();
    npm.env("OPTRIA_BIN", built_program("optria")?);
    Ok(npm)
}

pub(crate) fn screens(args: &[String]) -> Result<()> {
    let (script, folder, variable) = if args.iter().any(|arg| arg == GUIDES) {
        ("pictures", "docs/images", "OPTRIA_PICTURES")
    } else {
        ("screens", "target/screens", "OPTRIA_SCREENS")
    };
    let mut npm = ready()?;
    let out = root().join(folder);
    fs::create_dir_all(&out).with_context(|| format!("{} can't be created", out.display()))?;
    npm.args(["run", script, "--"])
        .args(args.iter().filter(|arg| *arg != GUIDES))
        .env(variable, &out);
    run(&mut npm)?;
    println!("pictures: {}", out.display());
    Ok(())
}
