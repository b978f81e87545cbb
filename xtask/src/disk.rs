//! Room on the disk. A linker that runs out of it dies with a bus error that names no cause, so the
//! room is looked at before the build and the build cache, which is ours, gives way.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::{cache_dir, capture, command, target_dir};

/// What all tests need beside an empty build cache: libraries, some sixty linked test programs, and
/// what the tests write.
const NEEDED_GIB: u64 = 14;
const GIB: u64 = 1 << 30;

/// Makes sure that a whole build fits, at the price of a cold one.
pub(crate) fn make_room() -> Result<()> {
    let place = cache_dir();
    std::fs::create_dir_all(&place)
        .with_context(|| format!("{} could not be made", place.display()))?;
    let free = free_gib(&place)?;
    println!("   {free} GiB free");
    if free >= NEEDED_GIB {
        return Ok(());
    }
    let cache = target_dir();
    let is_ours = std::env::var_os("CARGO_TARGET_DIR").is_none();
    if is_ours && cache.is_dir() {
        println!("   less than {NEEDED_GIB} GiB: the build cache is emptied");
        std::fs::remove_dir_all(&cache)
            .with_context(|| format!("{} could not be emptied", cache.display()))?;
    }
    let free = free_gib(&place)?;
    if free < NEEDED_GIB {
        bail!(
            "{free} GiB are free at {}, and the tests need {NEEDED_GIB}. Make room and start again.",
            place.display()
        );
    }
    Ok(())
}

fn free_gib(place: &Path) -> Result<u64> {
    let printed = capture(
        command("df")
            .args(["--output=avail", "--block-size=1"])
            .arg(place),
    )?;
    let free = printed.lines().nth(1).unwrap_or_default().trim();
    let bytes: u64 = free
        .parse()
        .with_context(|| format!("`df` printed no number: {printed}"))?;
    Ok(bytes / GIB)
}
