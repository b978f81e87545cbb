//! Merges `locales/<language>.json` with `locales/parts/*.<language>.json` into one catalogue per
//! language, so that a sentence can be used as soon as its area has written it.

use std::{env, error::Error, fs, path::Path};

use serde_json::{Map, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let locales = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../locales");
    println!("cargo:rerun-if-changed={}", locales.display());
    println!("cargo:rerun-if-changed={}", locales.join("parts").display());
    for language in ["ar", "en"] {
        let mut merged = Map::new();
        let whole = locales.join(format!("{language}.json"));
        if whole.is_file() {
            overlay(&mut merged, &whole)?;
        }
        let mut parts = Vec::new();
        if locales.join("parts").is_dir() {
            for entry in fs::read_dir(locales.join("parts"))? {
                let path = entry?.path();
                if path
                    .to_string_lossy()
                    .ends_with(&format!(".{language}.json"))
                {
                    parts.push(path);
                }
            }
        }
        parts.sort();
        for part in parts {
            println!("cargo:rerun-if-changed={}", part.display());
            overlay(&mut merged, &part)?;
        }
        let out = Path::new(&env::var("OUT_DIR")?).join(format!("{language}.json"));
        fs::write(out, serde_json::to_vec(&Value::Object(merged))?)?;
    }
    Ok(())
}

/// Adds the sentences of one file, section by section; the later file wins.
fn overlay(merged: &mut Map<String, Value>, file: &Path) -> Result<(), Box<dyn Error>> {
    let content: Map<String, Value> = serde_json::from_slice(&fs::read(file)?)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    for (section, messages) in content {
        let Value::Object(messages) = messages else {
            return Err(format!("{}: section {section} is no object", file.display()).into());
        };
        let target = merged
            .entry(section)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(target) = target {
            target.extend(messages);
        }
    }
    Ok(())
}
