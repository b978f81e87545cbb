//! C-MAPSS: remaining life at the last cycle of every test unit. Two protocols hide under one name: U
//! takes the truth as it is, C cuts it at 125 as the training does; both are printed.

use std::{path::Path, time::Instant};

use anyhow::{Result, bail};
use iq_analytics::{
    BoostConfig, Lives, Remaining, RulConfig, RulModel,
    measure::{coverage, rmse},
    num::{Random, mean},
};

use super::{
    Options, read,
    report::{heading, line, repeats},
};

/// Remaining life the training and protocol C are cut at.
const CAP: f64 = 125.0;
/// Columns before the sensors: unit, cycle.
const KEYS: usize = 2;
/// Settings with the difference that matters: altitude (kft), Mach, throttle (%).
const SETTINGS: [(usize, f64); 3] = [(0, 0.5), (1, 0.01), (2, 1.0)];
/// Sets with the oracle's floor under U, the best tabulated error and the goal under C.
const SETS: [(&str, f64, &str, f64); 4] = [
    ("FD001", 3.74, "10.97 (175)", 9.5),
    ("FD002", 18.32, "12.55 (772)", 9.0),
    ("FD003", 4.71, "10.90 (188)", 8.8),
    ("FD004", 19.53, "14.08 (1149)", 9.5),
];

type Life = Vec<Vec<f64>>;

fn load(path: &Path) -> Result<Vec<Life>> {
    let rows = read::numbers(path)?;
    if rows.iter().any(|r| r.len() != 26) {
        bail!("{} has no 26 columns", path.display());
    }
    let lives = rows.chunk_by(|a, b| a[0] == b[0]);
    Ok(lives
        .map(|l| l.iter().map(|r| r[KEYS..].to_vec()).collect())
        .collect())
}

/// Σ exp(−d/13) − 1 for early, exp(d/10) − 1 for late answers: the score of the PHM08 challenge.
fn phm(found: &[f64], truths: &[f64]) -> f64 {
    found
        .iter()
        .zip(truths)
        .map(|(f, t)| {
            if f < t {
                ((t - f) / 13.0).exp_m1()
            } else {
                ((f - t) / 10.0).exp_m1()
            }
        })
        .sum()
}

fn capped(truths: &[f64]) -> Vec<f64> {
    truths.iter().map(|t| t.min(CAP)).collect()
}

/// Error and score under both protocols.
fn both(found: &[f64], truths: &[f64]) -> String {
    let cut = capped(truths);
    format!(
        "U {:5.2} ({:5.0})   C {:5.2} ({:4.0})",
        rmse(found, truths),
        phm(found, truths),
        rmse(found, &cut),
        phm(found, &cut)
    )
}

fn config(seed: u64, threads: usize) -> RulConfig {
    RulConfig {
        horizon: CAP,
        boost: BoostConfig {
            seed,
            threads,
            ..BoostConfig::default()
        },
        ..RulConfig::default()
    }
}

fn learn(ended: &[Life], config: &RulConfig) -> Result<RulModel> {
    let inputs: Vec<String> = (1..=3)
        .map(|i| format!("setting {i}"))
        .chain((1..=21).map(|i| format!("sensor {i}")))
        .collect();
    RulModel::learn(
        &Lives {
            inputs: &inputs,
            ended,
            operating: &SETTINGS,
        },
        config,
    )
    .map_err(|why| anyhow::anyhow!("the lives teach nothing: {why:?}"))
}

fn answers(model: &RulModel, lives: &[Life]) -> Result<Vec<Remaining>> {
    let found = lives.iter().map(|l| model.remaining(l));
    found
        .collect::<Result<_, _>>()
        .map_err(|why| anyhow::anyhow!("a unit has no answer: {why:?}"))
}

/// Every fifth life, cut at five random moments, as a test where the set's own is not at hand.
fn apart(lives: Vec<Life>) -> (Vec<Life>, Vec<Life>, Vec<f64>) {
    let mut random = Random::new(125);
    let (mut train, mut test, mut truths) = (Vec::new(), Vec::new(), Vec::new());
    for (i, life) in lives.into_iter().enumerate() {
        if i % 5 != 0 || life.len() < 40 {
            train.push(life);
            continue;
        }
        for _ in 0..5 {
            let seen = 30 + random.below(life.len() - 30);
            truths.push((life.len() - seen) as f64);
            test.push(life[..seen].to_vec());
        }
    }
    (train, test, truths)
}

/// Lives that are cut at random moments and called failures there: their ends mean nothing.
fn shuffled(lives: Vec<Life>) -> Vec<Life> {
    let mut random = Random::new(77);
    lives
        .into_iter()
        .map(|l| l[..40.min(l.len()) + random.below(l.len().saturating_sub(40).max(1))].to_vec())
        .collect()
}

pub(super) fn run(options: &Options, folder: &Path) -> Result<()> {
    for (name, floor, published, goal) in SETS {
        let Ok(train) = load(&folder.join(format!("train_{name}.txt"))) else {
            continue;
        };
        let test = load(&folder.join(format!("test_{name}.txt")));
        let truths = read::numbers(&folder.join(format!("RUL_{name}.txt")));
        let (train, test, truths) = match (test, truths) {
            (Ok(test), Ok(truths)) => {
                heading(
                    &format!("C-MAPSS {name}"),
                    &format!("{} lives, {} test units", train.len(), test.len()),
                );
                let truths: Vec<f64> = truths.iter().filter_map(|r| r.first().copied()).collect();
                anyhow::ensure!(
                    truths.len() == test.len(),
                    "{name}: one truth per test unit"
                );
                repeats(
                    "oracle that never says more than 125, U",
                    rmse(&capped(&truths), &truths),
                    floor,
                    0.01,
                )?;
                (train, test, truths)
            }
            _ => {
                heading(
                    &format!("C-MAPSS {name}"),
                    "no test units: every fifth training life kept apart, cut at five random moments",
                );
                apart(train)
            }
        };
        let train = if options.leakage {
            shuffled(train)
        } else {
            train
        };
        score(options, &train, &test, &truths)?;
        line("published best (protocol not said)", published);
        line("goal", &format!("C {goal}, coverage 88–92 %"));
    }
    Ok(())
}

fn score(options: &Options, train: &[Life], test: &[Life], truths: &[f64]) -> Result<()> {
    let cut = capped(truths);
    let usual = mean(
        &train
            .iter()
            .flat_map(|l| (0..l.len()).map(|i| (i as f64).min(CAP)))
            .collect::<Vec<_>>(),
    );
    let mean_life = mean(&train.iter().map(|l| l.len() as f64).collect::<Vec<_>>());
    let mut errors = Vec::new();
    let mut covered = Vec::new();
    for seed in 1..=options.seeds.max(1) {
        let began = Instant::now();
        let model = learn(train, &config(seed, options.threads))?;
        let trained = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let found = answers(&model, test)?;
        let each =
            began.elapsed().as_secs_f64() * 1e6 / test.iter().map(Vec::len).sum::<usize>() as f64;
        let expected: Vec<f64> = found.iter().map(|f| f.expected).collect();
        let bounds: Vec<(f64, f64)> = found.iter().map(|f| (f.low, f.high)).collect();
        // An interval that is open holds every truth beyond the horizon.
        let open: Vec<(f64, f64)> = found
            .iter()
            .map(|f| (f.low, if f.is_open { f64::MAX } else { f.high }))
            .collect();
        let wide = mean(&bounds.iter().map(|(l, h)| h - l).collect::<Vec<_>>());
        errors.push(rmse(&expected, &cut));
        covered.push(coverage(&bounds, &cut));
        line(
            &format!("ours, seed {seed}"),
            &format!(
                "{}   90 % interval holds C {:.1} % U {:.1} %, mean width {wide:.0}   trained {trained:.1} s, {each:.1} µs per row",
                both(&expected, truths),
                100.0 * coverage(&bounds, &cut),
                100.0 * coverage(&open, truths),
            ),
        );
    }
    line(
        "ours, mean of the seeds",
        &format!(
            "C {:.2}   interval holds {:.1} %",
            mean(&errors),
            100.0 * mean(&covered)
        ),
    );
    line(
        "trivial: usual remaining life",
        &both(&vec![usual; truths.len()], truths),
    );
    let by_age: Vec<f64> = test
        .iter()
        .map(|l| (mean_life - l.len() as f64).clamp(0.0, CAP))
        .collect();
    line("trivial: mean life less age", &both(&by_age, truths));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_costs_more_than_an_early_one() {
        assert!((phm(&[10.0], &[23.0]) - 1f64.exp_m1()).abs() < 1e-12);
        assert!((phm(&[20.0], &[10.0]) - 1f64.exp_m1()).abs() < 1e-12);
        assert_eq!(phm(&[5.0, 6.0], &[5.0, 6.0]), 0.0);
        assert_eq!(capped(&[200.0, 3.0]), vec![125.0, 3.0]);
    }
}
