//! Other solvers on the same problem, each in a process of its own: two of them in one process clash.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Options;

/// Runs each solver and prints its value, its bound and when it came within steps of the best bound.
pub(super) fn compare(options: &Options, kind: &str, problem: &Value, most: f64) -> Result<()> {
    let python = crate::python::interpreter()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("problem.json");
    std::fs::write(&file, serde_json::to_vec(problem)?)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/optimiser_peer.py");
    for solver in ["cpsat", "highs", "cbc"] {
        let output = Command::new(&python)
            .arg(script)
            .args([solver, kind])
            .arg(&file)
            .arg(options.peer_seconds.to_string())
            .output()
            .with_context(|| format!("starting {solver}"))?;
        if !output.status.success() {
            println!(
                "  {solver:<6} failed: {}",
                String::from_utf8_lossy(&output.stderr)
                    .lines()
                    .last()
                    .unwrap_or("")
            );
            continue;
        }
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        let Some(value) = answer["value"].as_f64() else {
            println!(
                "  {solver:<6} no integer solution in {} s",
                options.peer_seconds
            );
            continue;
        };
        let steps = answer["trace"].as_array().into_iter().flatten();
        let steps: Vec<(f64, f64)> = steps
            .filter_map(|s| Some((s[0].as_f64()?, s[1].as_f64()?)))
            .collect();
        let until = |gap: f64| {
            let found = steps.iter().find(|(_, value)| *value >= most * (1.0 - gap));
            super::seconds(found.map(|(at, _)| *at))
        };
        println!(
            "  {solver:<6} {value:.0} ({:.2} % of our bound)  own bound {:.0}  to 2.6 %: {}  to 1.0 %: {}  to 0.5 %: {}  {:.1} s",
            (most - value) / most * 100.0,
            answer["bound"].as_f64().unwrap_or(f64::NAN),
            until(0.026),
            until(0.010),
            until(0.005),
            answer["seconds"].as_f64().unwrap_or(f64::NAN)
        );
    }
    Ok(())
}
