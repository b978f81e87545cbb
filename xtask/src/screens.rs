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

pub(crate) fn screens(args: &[String]) -> Result<()> {
    let (script, folder, variable) = if args.iter().any(|arg| arg == GUIDES) {
        ("pictures", "docs/images", "OPTRIA_PICTURES")
    } else {
        ("screens", "target/screens", "OPTRIA_SCREENS")
    };
    system::ensure(&[system::BUILD, system::TESTS])?;
    ui::install()?;
    ui::build()?;
    run(cargo().args(["build", "--workspace", "--bin", "optria"]))?;
    let out = root().join(folder);
    fs::create_dir_all(&out).with_context(|| format!("{} can't be created", out.display()))?;
    let mut npm = ui::npm();
    npm.args(["run", script, "--"])
        .args(args.iter().filter(|arg| *arg != GUIDES));
    npm.env("OPTRIA_BIN", built_program("optria")?)
        .env(variable, &out);
    run(&mut npm)?;
    println!("pictures: {}", out.display());
    Ok(())
}
