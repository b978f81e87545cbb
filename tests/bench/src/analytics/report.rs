//! How figures are printed, and the comparison of the metric code with rows that are known.

use anyhow::{Result, bail};

/// A heading with the part of the set that was found.
pub(super) fn heading(name: &str, found: &str) {
    println!("\n== {name}: {found}");
}

/// One line: who, and figures.
pub(super) fn line(who: &str, figures: &str) {
    println!("  {who:<44} {figures}");
}

/// A figure of a known row must come out again.
pub(super) fn repeats(what: &str, have: f64, want: f64, tolerance: f64) -> Result<()> {
    let is_same = (have - want).abs() <= tolerance;
    line(
        what,
        &format!(
            "{have:.4}, known {want}: {}",
            if is_same { "repeated" } else { "DIFFERS" }
        ),
    );
    if !is_same {
        bail!("{what}: {have} instead of {want}: the metric code is wrong");
    }
    Ok(())
}
