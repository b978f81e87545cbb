//! Files of the sets, packed or not, never without an end.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;

/// Largest file that is read, unpacked.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The folder of a set: inside the one that is given, or that one itself.
pub(super) fn folder(data: &Path, name: &str) -> Option<PathBuf> {
    let inside = data.join(name);
    if inside.is_dir() {
        return Some(inside);
    }
    data.file_name()
        .is_some_and(|n| n == name)
        .then(|| data.to_owned())
}

/// The text of a file, or of the same with `.gz`.
pub(super) fn text(path: &Path) -> Result<String> {
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    let (path, is_packed) = if path.exists() {
        (path.to_owned(), path.extension().is_some_and(|e| e == "gz"))
    } else {
        (packed, true)
    };
    let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let mut out = String::new();
    if is_packed {
        GzDecoder::new(file)
            .take(MAX_BYTES)
            .read_to_string(&mut out)?;
    } else {
        file.take(MAX_BYTES).read_to_string(&mut out)?;
    }
    Ok(out)
}

/// Rows of numbers between blanks.
pub(super) fn numbers(path: &Path) -> Result<Vec<Vec<f64>>> {
    text(path)?
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            Ok(line
                .split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()?)
        })
        .collect()
}

/// All CSV files below a folder, packed or not, in order of their paths.
pub(super) fn csv_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy();
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(".csv") || name.ends_with(".csv.gz") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Seconds since the year 0 of "2020-03-09 10:14:33[.000]", every month taken as 31 days: enough for
/// distances inside one.
pub(super) fn seconds(stamp: &str) -> Option<f64> {
    let (date, time) = stamp.split_once([' ', 'T'])?;
    let mut parts = date
        .split('-')
        .chain(time.split(':'))
        .map(|p| p.parse::<f64>().ok());
    let mut next = || parts.next().flatten();
    let (year, month, day) = (next()?, next()?, next()?);
    let (hour, minute, second) = (next()?, next()?, next()?);
    Some((((year * 12.0 + month) * 31.0 + day) * 24.0 + hour) * 3600.0 + minute * 60.0 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_stamps_are_seconds() {
        let of = |s| seconds(s).unwrap();
        assert_eq!(of("2020-03-09 10:15:33") - of("2020-03-09 10:14:34"), 59.0);
        assert_eq!(
            of("2020-03-10 00:00:00") - of("2020-03-09 23:59:59.500000"),
            0.5
        );
        assert_eq!(seconds("yesterday"), None);
    }
}
