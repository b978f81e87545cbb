//! AI4I 2020: probability of a failure for each of 10,000 products, ten-fold, stratified. Made data whose
//! rules are known, so an F1 beyond about 0.95 means leakage: judges calibration more than skill.

use std::{f64::consts::TAU, path::Path, time::Instant};

use anyhow::{Context, Result};
use iq_analytics::{
    BoostConfig, Boosted, Target,
    measure::{Confusion, auroc, average_precision, brier, calibration_error, reliability},
    num::Random,
};

use super::{
    Options, read,
    report::{heading, line, repeats},
};

const FOLDS: usize = 10;

/// One product: what is measured, the rules' answer and the truth.
struct Product {
    features: Vec<f64>,
    by_rules: bool,
    failed: bool,
}

fn load(folder: &Path) -> Result<Vec<Product>> {
    read::text(&folder.join("ai4i2020.csv"))?
        .lines()
        .skip(1)
        .filter(|l| !l.trim().is_empty())
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let number =
                |i: usize| -> Result<f64> { Ok(cells.get(i).context("a column")?.trim().parse()?) };
            let grade = match cells.get(2).copied() {
                Some("L") => 0.0,
                Some("M") => 1.0,
                _ => 2.0,
            };
            let (air, process, rpm, torque, wear) =
                (number(3)?, number(4)?, number(5)?, number(6)?, number(7)?);
            let (warmer, power, strain) = (process - air, torque * rpm * TAU / 60.0, wear * torque);
            Ok(Product {
                features: vec![
                    grade, air, process, rpm, torque, wear, warmer, power, strain,
                ],
                by_rules: (warmer < 8.6 && rpm < 1380.0)
                    || !(3500.0..=9000.0).contains(&power)
                    || strain > 11_000.0 + 1_000.0 * grade,
                failed: number(8)? > 0.5,
            })
        })
        .collect()
}

/// A fold for each product, every fold with its share of the failures.
fn folds(products: &[Product], seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed);
    let mut out = vec![0; products.len()];
    for kind in [true, false] {
        let mut members: Vec<usize> = (0..products.len())
            .filter(|i| products[*i].failed == kind)
            .collect();
        random.shuffle(&mut members);
        for (i, product) in members.into_iter().enumerate() {
            out[product] = i % FOLDS;
        }
    }
    out
}

fn print(who: &str, scored: &[(f64, bool)]) {
    let c = Confusion::of(scored.iter().map(|(p, t)| (*t, *p >= 0.5)));
    line(
        who,
        &format!(
            "F1 {:.3}  MCC {:.3}  AUROC {:.3}  AP {:.3}  Brier {:.4}  ECE {:.4}",
            c.f1(),
            c.mcc(),
            auroc(scored),
            average_precision(scored),
            brier(scored),
            calibration_error(scored, 10)
        ),
    );
}

fn config(seed: u64, threads: usize) -> BoostConfig {
    BoostConfig {
        rounds: 250,
        leaves: 12,
        min_leaf: 3,
        columns: 0.8,
        rows: 0.8,
        lambda: 1.0,
        bins: 256,
        seed,
        threads,
        ..BoostConfig::default()
    }
}

pub(super) fn run(options: &Options, folder: &Path) -> Result<()> {
    let products = load(folder)?;
    let failures = products.iter().filter(|p| p.failed).count();
    heading(
        "AI4I 2020",
        &format!(
            "{} products, {failures} failures, ten folds",
            products.len()
        ),
    );
    let rules = Confusion::of(products.iter().map(|p| (p.failed, p.by_rules)));
    repeats("the generating rules, F1", rules.f1(), 0.917, 0.001)?;
    repeats("the generating rules, MCC", rules.mcc(), 0.918, 0.001)?;
    let own = folds(&products, 0);
    let mut answers: Vec<f64> = products
        .iter()
        .map(|p| f64::from(u8::from(p.failed)))
        .collect();
    if options.leakage {
        Random::new(77).shuffle(&mut answers);
    }
    let began = Instant::now();
    let mut last = Vec::new();
    for seed in 1..=options.seeds.max(1) {
        let mut scored = vec![(0.0, false); products.len()];
        for fold in 0..FOLDS {
            let train: Vec<usize> = (0..products.len()).filter(|i| own[*i] != fold).collect();
            let rows: Vec<&[f64]> = train
                .iter()
                .map(|i| products[*i].features.as_slice())
                .collect();
            let targets: Vec<f64> = train.iter().map(|i| answers[*i]).collect();
            let model = Boosted::learn(
                &rows,
                &targets,
                Target::Probability,
                &config(seed, options.threads),
            )
            .map_err(|why| anyhow::anyhow!("the products teach nothing: {why:?}"))?;
            for i in (0..products.len()).filter(|i| own[*i] == fold) {
                scored[i] = (model.predict(&products[i].features), products[i].failed);
            }
        }
        print(&format!("ours, seed {seed}"), &scored);
        last = scored;
    }
    let took = began.elapsed().as_secs_f64() / (options.seeds.max(1) * FOLDS as u64) as f64;
    let base = failures as f64 / products.len() as f64;
    let each = |f: &dyn Fn(&Product) -> f64| {
        products
            .iter()
            .map(|p| (f(p), p.failed))
            .collect::<Vec<_>>()
    };
    print("trivial: base rate", &each(&|_| base));
    print(
        "trivial: the generating rules",
        &each(&|p| f64::from(u8::from(p.by_rules))),
    );
    line(
        "published (random forest, physics features)",
        "F1 0.891  MCC 0.891  AUROC 0.977  AP 0.905",
    );
    line("time", &format!("training {took:.2} s per fold"));
    println!("  reliability, last seed: said → came true (90 % interval), products");
    for row in reliability(&last, 10) {
        println!(
            "    {:.3} → {:.3} ({:.3} – {:.3}), {}",
            row.predicted, row.observed, row.observed_low, row.observed_high, row.count
        );
    }
    Ok(())
}
