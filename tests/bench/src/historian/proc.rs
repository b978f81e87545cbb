//! What the kernel counts: bytes written, resident memory, and the disk's own commit time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

fn field(file: &str, name: &str) -> u64 {
    std::fs::read_to_string(file)
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

/// Bytes this process has caused to be written to storage.
pub(crate) fn bytes_written() -> u64 {
    field("/proc/self/io", "write_bytes:")
}

/// Peak resident memory of this process in bytes.
pub(crate) fn peak_memory() -> u64 {
    field("/proc/self/status", "VmHWM:") * 1_024
}

/// Median and 99th percentile.
pub(crate) fn percentiles(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    (at(0.5), at(0.99))
}

/// Median of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Times of overwriting 8 KiB in place and syncing it: the floor for any durable commit.
pub(crate) fn raw_syncs(dir: &Path, count: usize) -> std::io::Result<Vec<Duration>> {
    let path = dir.join("raw-sync");
    let file = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&path)?;
    let block = [0x5a_u8; 8_192];
    let blocks = 512;
    for i in 0..blocks {
        file.write_all_at(&block, i * 8_192)?;
    }
    file.sync_all()?;
    let mut times = Vec::with_capacity(count);
    for i in 0..count as u64 {
        let start = Instant::now();
        file.write_all_at(&block, (i % blocks) * 8_192)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

/// Bytes of all files whose name starts with that of `path`.
pub(crate) fn size_on_disk(path: &Path) -> u64 {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return 0;
    };
    let name = name.to_string_lossy().into_owned();
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&name))
        .filter_map(|entry| entry.metadata().ok())
        .map(|meta| meta.len())
        .sum()
}
