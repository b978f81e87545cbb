//! The page that verifies evidence files: one file without any other, put together from its parts and
//! the sentences of the catalogue.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use crate::{locales, shell::root};

/// The generated file.
pub(crate) const PAGE: &str = "core/iq-verify/page/verify.html";
const PARTS: &str = "core/iq-verify/page";
const SECTION: &str = "evidence";
/// Sentences about what a file leaves out.
const LEFT_OUT: &str = "enum.evidence_left.";

/// The text of the page.
pub(crate) fn text() -> Result<String> {
    let part = |name: &str| {
        let path = root().join(PARTS).join(name);
        fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))
    };
    let of = |language| -> Result<_> {
        let mut merged = locales::merged(language)?;
        let mut own = merged.remove(SECTION).unwrap_or_default();
        // What may be left out has its words from the screen that makes the file.
        let screen = merged.remove("ui").unwrap_or_default();
        own.extend(
            screen
                .into_iter()
                .filter(|(key, _)| key.starts_with(LEFT_OUT)),
        );
        Ok(own)
    };
    let sentences = json!({ "ar": of("ar")?, "en": of("en")? }).to_string();
    Ok(part("template.html")?
        // Inside a script element, only this could end it.
        .replace("{{sentences}}", &sentences.replace("</", "<\\/"))
        .replace("{{verify.js}}", &format!("\n{}", part("verify.js")?))
        .replace("{{page.js}}", &format!("\n{}", part("page.js")?)))
}
