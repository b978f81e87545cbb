//! What the kernel counts: bytes written, resident memory, and the disk's own commit time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

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

/// Resident memory of this process now, in bytes.
pub(crate) fn resident_memory() -> u64 {
    field("/proc/self/status", "VmRSS:") * 1_024
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

/// Overwriting 8 KiB in place and syncing it: the floor for any durable commit.
pub(crate) struct RawFile(File);

const RAW_BLOCKS: u64 = 512;
const RAW_BLOCK: [u8; 8_192] = [0x5a; 8_192];

impl RawFile {
    pub(crate) fn create(dir: &Path) -> std::io::Result<Self> {
        let path = dir.join("raw-sync");
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(path)?;
        for i in 0..RAW_BLOCKS {
            file.write_all_at(&RAW_BLOCK, i * 8_192)?;
        }
        file.sync_all()?;
        Ok(Self(file))
    }

    pub(crate) fn sync(&self, i: u64) -> std::io::Result<()> {
        self.0.write_all_at(&RAW_BLOCK, (i % RAW_BLOCKS) * 8_192)?;
        self.0.sync_data()
    }
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
