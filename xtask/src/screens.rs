//! A picture of every page, language and theme, written below `target/screens`.

use std::fs;

use anyhow::{Context, Result};

use crate::{
    shell::{built_program, cargo, root, run},
    system, ui,
};

pub(crate) fn screens(args: &[String]) -> Result<()> {
    system::ensure(&[system::BUILD, system::TESTS])?;
    ui::install()?;
    ui::build()?;
    run(cargo().args(["build", "--workspace", "--bin", "optria"]))?;
    let out = root().join("target/screens");
    fs::create_dir_all(&out).with_context(|| format!("{} can't be created", out.display()))?;
    let mut npm = ui::npm();
    npm.args(["run", "screens", "--"]).args(args);
    npm.env("OPTRIA_BIN", built_program("optria")?)
        .env("OPTRIA_SCREENS", &out);
    run(&mut npm)?;
    println!("pictures: {}", out.display());
    Ok(())
}
