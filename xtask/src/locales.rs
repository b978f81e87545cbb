//! The sentences of the product: each area keeps its own in `locales/parts/<area>.<language>.json`;
//! merged and sorted they are `locales/<language>.json`, the only files that programs read.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell::root;

/// The languages, the default first.
pub(crate) const LANGUAGES: [&str; 2] = ["ar", "en"];

/// Section to key to sentence.
pub(crate) type Sentences = BTreeMap<String, BTreeMap<String, String>>;

/// Merges the parts of one language.
pub(crate) fn merged(language: &str) -> Result<Sentences> {
    let dir = root().join("locales/parts");
    let mut paths = fs::read_dir(&dir)
        .with_context(|| format!("{} can't be listed", dir.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    let mut all = Sentences::new();
    let ending = format!(".{language}.json");
    for path in paths
        .iter()
        .filter(|path| path.to_string_lossy().ends_with(&ending))
    {
        add(&mut all, path)?;
    }
    if all.is_empty() {
        bail!("there are no sentences in {language}");
    }
    Ok(all)
}

fn add(all: &mut Sentences, path: &Path) -> Result<()> {
    let shown = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let text = fs::read_to_string(path).with_context(|| format!("{shown} can't be read"))?;
    let part: Value =
        serde_json::from_str(&text).with_context(|| format!("{shown} is no valid JSON"))?;
    let sections = part
        .as_object()
        .with_context(|| format!("{shown} is no object"))?;
    for (section, sentences) in sections {
        let sentences = sentences
            .as_object()
            .with_context(|| format!("{shown}: section `{section}` is no object"))?;
        for (key, sentence) in sentences {
            let sentence = sentence.as_str().with_context(|| {
                format!(
                    "{shown}: {section} · {key} is no text (keys are flat inside their section)"
                )
            })?;
            let known = all
                .entry(section.clone())
                .or_default()
                .insert(key.clone(), sentence.to_owned());
            // Two areas may need the same error; they must then say the same.
            if known.is_some_and(|known| known != sentence) {
                bail!("{shown}: {section} · {key} stands in another part with other words");
            }
        }
    }
    Ok(())
}

/// The text of `locales/<language>.json`.
pub(crate) fn file_text(language: &str) -> Result<String> {
    Ok(serde_json::to_string_pretty(&merged(language)?)? + "\n")
}
