//! Room on the disk. A linker that runs out of it dies with a bus error that names no cause, so the
//! room is looked at before the build and the build cache, which is ours, gives way.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::{cache_dir, capture, command, target_dir};

/// What all tests need beside an empty build cache: libraries, some sixty linked test programs, and
/// what the tests write.
const NEEDED_GIB: u64 = 18;
/// What the tests themselves write, and the linker while it works: free even beside a warm cache.
const FREE_GIB: u64 = 4;
const KIB_PER_GIB: u64 = 1 << 20;

/// Makes sure that a whole build fits, at the price of a cold one.
pub(crate) fn make_room() -> Result<()> {
    let place = cache_dir();
    std::fs::create_dir_all(&place)
        .with_context(|| format!("{} could not be made", place.display()))?;
    let cache = target_dir();
    let (free, kept) = (free_gib(&place)?, size_gib(&cache)?);
    println!("   {free} GiB free, {kept} GiB of the build are kept");
    if free >= FREE_GIB && free + kept >= NEEDED_GIB {
        return Ok(());
    }
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
    let printed = capture(command("df").args(["-P", "-k"]).arg(place))?;
    let kib = printed.lines().nth(1).unwrap_or_default();
    gib(kib.split_whitespace().nth(3), "df", &printed)
}

/// What a folder takes; nothing where there is none.
fn size_gib(folder: &Path) -> Result<u64> {
    if !folder.is_dir() {
        return Ok(0);
    }
    let printed = capture(command("du").args(["-s", "-k"]).arg(folder))?;
    gib(printed.split_whitespace().next(), "du", &printed)
}

fn gib(kib: Option<&str>, program: &str, printed: &str) -> Result<u64> {
    let kib: u64 = kib
        .unwrap_or_default()
        .parse()
        .with_context(|| format!("`{program}` printed no number: {printed}"))?;
    Ok(kib / KIB_PER_GIB)
}
