//! What an easy bench leaves out: late and overwriting samples, retention, reopening, memory with many
//! signals, and processes killed while they acknowledge.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use iq_domain::{StatusCode, Timestamp, Value};
use iq_historian::{Historian, HistorianConfig, Row};

use super::data::{Data, Generator, Random, START, TAGS};
use super::{Verdict, fresh, ours, proc};

/// Every tag's samples and finite good sum, straight from the columns.
fn truth(data: &Data, corrected: impl Fn(usize) -> f64) -> Vec<(u64, f64)> {
    let mut all = vec![(0, 0.0); TAGS as usize];
    for i in 0..data.len() {
        if data.statuses[i] == 0 {
            let one = &mut all[data.tags[i] as usize];
            one.0 += 1;
            one.1 += corrected(i);
        }
    }
    all
}

fn agrees(h: &Historian, seconds: usize, truth: &[(u64, f64)]) -> anyhow::Result<bool> {
    let day = ours::window(START, START + seconds as i64 * 1_000);
    for (tag, (count, sum)) in (0..).zip(truth) {
        let buckets = h.buckets(tag, day, 3_600_000)?;
        let found: (u64, f64) = buckets.iter().fold((0, 0.0), |(n, s), bucket| {
            (n + bucket.count, s + bucket.sum)
        });
        if found.0 != *count || (found.1 - sum).abs() > 1e-9 * sum.abs().max(1.0) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) fn late_and_retention(
    dir: &Path,
    data: &Data,
    seconds: usize,
) -> anyhow::Result<Vec<Verdict>> {
    let h = Historian::open(&dir.join("bulk.db"), HistorianConfig::default());
    // The bulk store of the same run; its owner has let go of it.
    let h = h?;
    let before = proc::size_on_disk(&dir.join("bulk.db"));
    let mut random = Random(99);
    let mut chosen: Vec<usize> = (0..data.len() / 100)
        .map(|_| (random.next() % data.len() as u64) as usize)
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    // One in a hundred samples is corrected to a new value; half arrive a second time unchanged.
    let corrected = |i: usize| (data.values[i] * 2.0).round() / 2.0 + 1.0;
    let clock = Instant::now();
    for part in chosen.chunks(10_000) {
        let rows = part.iter().map(|i| Row {
            signal_no: data.tags[*i],
            t: Timestamp(data.times[*i]),
            value: Some(Value::Number(corrected(*i))),
            status: StatusCode(data.statuses[*i]),
        });
        h.append_blocking(rows.collect())?;
    }
    let late_rate = chosen.len() as f64 / clock.elapsed().as_secs_f64();
    let expected = truth(data, |i| {
        if chosen.binary_search(&i).is_ok() {
            corrected(i)
        } else {
            data.values[i]
        }
    });
    let hot = agrees(&h, seconds, &expected)?;
    h.checkpoint()?;
    let beside = agrees(&h, seconds, &expected)?;
    let clock = Instant::now();
    let report = h.compact()?;
    let compact_s = clock.elapsed().as_secs_f64();
    let merged = agrees(&h, seconds, &expected)?;
    let once = h.stats()?.samples == data.len() as u64;
    h.checkpoint()?;
    let after = proc::size_on_disk(&dir.join("bulk.db"));
    println!(
        "\nlate: {} overwriting samples at {:.2} M/s; compaction of {} side chunks in {compact_s:.1} s; file {:.3} -> {:.3} B/sample",
        chosen.len(),
        late_rate / 1e6,
        report.side_chunks_merged,
        before as f64 / data.len() as f64,
        after as f64 / data.len() as f64
    );
    let middle = START + seconds as i64 / 2 * 1_000;
    let pin = ours::window(START + 600_000, START + 1_200_000);
    let clock = Instant::now();
    let mut removed = 0;
    for tag in 0..TAGS {
        removed += h.retain(tag, Timestamp(middle), &[pin])?;
    }
    let gone = |t: i64| t < middle && !pin.contains(Timestamp(t));
    let should = data.times.iter().filter(|t| gone(**t)).count() as u64;
    println!(
        "retention: {removed} samples of all tags removed around a pinned window in {:.1} s",
        clock.elapsed().as_secs_f64()
    );
    let kept = h.stats()?.samples == data.len() as u64 - should;
    Ok(vec![
        Verdict::of(
            "late and overwriting samples are right in memory, beside the chunks and compacted",
            hot && beside && merged && once && report.damaged == 0,
        ),
        Verdict::of(
            "retention removes exactly what it should",
            removed == should && kept,
        ),
    ])
}

pub(crate) fn reopen(dir: &Path, data: &Data) -> anyhow::Result<Vec<Verdict>> {
    let path = fresh(dir, "reopen.db");
    let h = Historian::open(&path, HistorianConfig::default())?;
    let n = data.len().min(5_000 * TAGS as usize);
    for at in (0..n).step_by(10_000) {
        h.append_blocking(data.rows(at..(at + 10_000).min(n)))?;
    }
    drop(h);
    let clock = Instant::now();
    let h = Historian::open(&path, HistorianConfig::default())?;
    let ms = clock.elapsed().as_secs_f64() * 1e3;
    let stats = h.stats()?;
    println!(
        "reopening with {} hot samples: {ms:.0} ms = {:.0} ms per million (100)",
        stats.hot_samples,
        ms / stats.hot_samples as f64 * 1e6
    );
    Ok(vec![Verdict::of(
        "reopening brings every hot sample back",
        stats.samples == n as u64,
    )])
}

pub(crate) fn memory(dir: &Path, quick: bool) -> anyhow::Result<Vec<Verdict>> {
    let mut peaks = Vec::new();
    let many = if quick { 400 } else { 1_200 };
    for (tags, seconds) in [(200, if quick { 5_000 } else { 30_000 }), (10_000, many)] {
        let path = fresh(dir, "memory.db");
        let output = Command::new(std::env::current_exe()?)
            .args(["historian-child", "--tags", &tags.to_string()])
            .args(["--seconds", &seconds.to_string(), "--path"])
            .arg(&path)
            .output()?;
        anyhow::ensure!(output.status.success(), "the memory process failed");
        let text = String::from_utf8(output.stdout)?;
        let mut fields = text.split_whitespace().map(str::parse::<u64>);
        let (peak, samples) = match (fields.next(), fields.next()) {
            (Some(Ok(peak)), Some(Ok(samples))) => (peak, samples),
            _ => anyhow::bail!("the memory process printed {text:?}"),
        };
        let peak = peak as f64 / f64::from(1 << 20);
        let size = proc::size_on_disk(&path) as f64 / samples as f64;
        println!(
            "memory: peak {peak:.0} MiB ingesting and reading {tags} signals ({samples} samples, {size:.2} B/sample with journal)"
        );
        peaks.push(peak);
    }
    println!("  G8 {:.0} MiB at 200 tags (64)", peaks[0]);
    Ok(vec![Verdict::of(
        "at most 120 MiB of memory with 10,000 signals",
        peaks[1] <= 120.0,
    )])
}

pub(crate) fn kills(dir: &Path, count: usize) -> anyhow::Result<Vec<Verdict>> {
    let mut random = Random(4_711);
    let (mut lost, mut doubled, mut acknowledged) = (0_u64, 0_u64, 0_u64);
    for _ in 0..count {
        let path = fresh(dir, "kill.db");
        let mut child = Command::new(std::env::current_exe()?)
            .args([
                "historian-child",
                "--tags",
                "200",
                "--seconds",
                "1000000",
                "--acknowledge",
            ])
            .arg("--path")
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        // Some die before the first block is sealed, some long after.
        let until = 1 + random.next() % 3_000;
        for _ in 0..until {
            lines.next().transpose()?;
        }
        child.kill()?;
        child.wait()?;
        // What was acknowledged up to the kill counts as well.
        let more = lines.map_while(Result::ok).count() as u64;
        let acked = until + more;
        acknowledged += acked * u64::from(TAGS);
        let h = Historian::open(&path, HistorianConfig::default())?;
        let mut generator = Generator::new(TAGS);
        let mut expected: Vec<Vec<i64>> = vec![Vec::new(); TAGS as usize];
        for _ in 0..acked {
            generator.tick(|tag, t, _, _| expected[tag as usize].push(t));
        }
        for (tag, times) in (0..).zip(&expected) {
            let found = h.raw(tag, ours::window(0, i64::MAX), usize::MAX)?;
            let same = found
                .iter()
                .zip(times)
                .filter(|(point, t)| point.t.0 == **t)
                .count();
            lost += (times.len() - same) as u64;
            // A commit whose answer the kill cut off may be there: one second at most.
            doubled += (found.len() as u64).saturating_sub(acked + 1);
        }
    }
    println!(
        "\nkills: {count} processes killed, {acknowledged} samples acknowledged, {lost} lost, {doubled} doubled"
    );
    Ok(vec![Verdict::of(
        "no acknowledged sample lost or doubled by kills",
        lost + doubled == 0,
    )])
}
