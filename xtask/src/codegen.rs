//! Files made from the code and committed: merged locales, and of the appliance and the hub each the
//! OpenAPI document, the permission matrix and the typed client of the front end. `--check` fails when one
//! of them is stale.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    locales, page,
    shell::{built_program, capture, cargo, command, root, run, target_dir},
    ui,
};

/// A program that describes its interface, and where that is committed.
struct Described {
    program: &'static str,
    openapi: &'static str,
    permissions: &'static str,
    client: &'static str,
}

const PROGRAMS: [Described; 2] = [
    Described {
        program: "optria",
        openapi: "core/iq-api/openapi.json",
        permissions: "core/iq-api/permissions.txt",
        client: "ui/src/api/schema.d.ts",
    },
    Described {
        program: "optria-hub",
        openapi: "core/iq-hub/openapi.json",
        permissions: "core/iq-hub/permissions.txt",
        client: "ui/src/hub/schema.d.ts",
    },
];

/// Writes all generated files.
pub(crate) fn write() -> Result<()> {
    // In this order: the programs embed the locales, the client is made from the document.
    write_locales()?;
    ui::install()?;
    ui::build()?;
    build_programs()?;
    for described in &PROGRAMS {
        for (path, text) in described.files()? {
            put(path, &text)?;
        }
    }
    Ok(())
}

/// Writes the merged sentences and the page that carries some of them, which needs no build.
pub(crate) fn write_locales() -> Result<()> {
    for language in locales::LANGUAGES {
        put(&locale_path(language), &locales::file_text(language)?)?;
    }
    put(page::PAGE, &page::text()?)
}

/// [`check`] of what the code says after a build.
pub(crate) fn build_and_check() -> Result<()> {
    build_programs()?;
    check()
}

/// Compares all generated files with what the code says now, and names the stale ones. Expects the
/// front end and the programs to be built.
pub(crate) fn check() -> Result<()> {
    let mut stale = Vec::new();
    let mut compare = |path: &str, fresh: &str| {
        let committed = fs::read_to_string(root().join(path)).unwrap_or_default();
        if committed != fresh {
            stale.push(path.to_owned());
        }
    };
    for language in locales::LANGUAGES {
        compare(&locale_path(language), &locales::file_text(language)?);
    }
    compare(page::PAGE, &page::text()?);
    for described in &PROGRAMS {
        for (path, text) in described.files()? {
            compare(path, &text);
        }
    }
    if stale.is_empty() {
        println!("   all generated files are fresh");
        return Ok(());
    }
    bail!(
        "stale: {}. Run `cargo xtask codegen` and commit what it wrote",
        stale.join(", ")
    )
}

fn locale_path(language: &str) -> String {
    format!("locales/{language}.json")
}

fn build_programs() -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--workspace"]);
    for described in &PROGRAMS {
        build.args(["--bin", described.program]);
    }
    run(&mut build)
}

impl Described {
    /// What the program says of itself now, with the places of the files.
    fn files(&self) -> Result<[(&'static str, String); 3]> {
        let document = self.said("openapi")?;
        let client = self.client_of(&document)?;
        Ok([
            (self.openapi, document),
            (self.permissions, self.said("permissions")?),
            (self.client, client),
        ])
    }

    fn said(&self, what: &str) -> Result<String> {
        capture(command(built_program(self.program)?).arg(what))
    }

    /// The client's types, made from the document that the code describes now, not from the committed
    /// one: both may be stale.
    fn client_of(&self, document: &str) -> Result<String> {
        let folder = target_dir().join("codegen").join(self.program);
        fs::create_dir_all(&folder)?;
        let (from, to) = (folder.join("openapi.json"), folder.join("schema.d.ts"));
        fs::write(&from, document)?;
        let mut npx = ui::npm();
        npx.args(["exec", "--", "openapi-typescript"])
            .arg(&from)
            .arg("--output")
            .arg(&to);
        run(&mut npx)?;
        fs::read_to_string(&to).with_context(|| format!("{} was not written", to.display()))
    }
}

fn put(path: &str, text: &str) -> Result<()> {
    let full: PathBuf = root().join(path);
    if fs::read_to_string(&full).is_ok_and(|old| old == text) {
        println!("   {path}: unchanged");
        return Ok(());
    }
    fs::create_dir_all(full.parent().unwrap_or(Path::new(".")))?;
    fs::write(&full, text).with_context(|| format!("{path} can't be written"))?;
    println!("   {path}: written");
    Ok(())
}
