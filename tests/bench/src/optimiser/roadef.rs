//! ROADEF/EURO challenge 2020: grid maintenance under risk, through the production-risk model.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use iq_optimiser::{
    check,
    risk::{self, Exclusion, PeriodRisk, Resource, RiskProblem, RiskTask, StartOption, Use},
};
use serde_json::Value;

use super::{Options, Trace, files, percent, seconds};

/// Instances whose best value is published, with whether it is proven.
const PUBLISHED: [(&str, f64, bool); 2] =
    [("A_10", 2_994.848_735, true), ("A_12", 789.634_927_6, true)];

pub(super) fn run(options: &Options) -> Result<()> {
    let found = files(options, "roadef2020", &[".json", ".json.gz"])?;
    if found.is_empty() {
        println!("roadef: no instances (--data DIR)");
        return Ok(());
    }
    for path in found {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = name
            .trim_end_matches(".gz")
            .trim_end_matches(".json")
            .to_owned();
        let problem = read(&path).with_context(|| format!("reading {name}"))?;
        let best = PUBLISHED
            .iter()
            .find(|(n, ..)| *n == name)
            .map(|(_, value, _)| *value);
        judge(options, &name, &problem, best)?;
    }
    Ok(())
}

fn judge(options: &Options, name: &str, problem: &RiskProblem, best: Option<f64>) -> Result<()> {
    println!(
        "roadef {name}: {} tasks, {} periods",
        problem.tasks.len(),
        problem.periods
    );
    // The trivial baseline: construction alone.
    let iterations = options.iterations.unwrap_or(60_000);
    for (label, iterations, nodes) in [
        ("construction", 0, 0),
        ("search", iterations, 0),
        ("search and proof", iterations, 100_000),
    ] {
        let budget = (options.seed, iterations, nodes);
        let (plan, took, trace) = Trace::of(budget, |run| risk::solve(problem, run));
        let plan = match plan? {
            Ok(plan) => plan,
            Err(why) => {
                println!(
                    "  {label:<17} no plan: {:?}",
                    why.conflicts.first().map(|c| &c.code)
                );
                continue;
            }
        };
        let wrong = check::risk(problem, &plan);
        anyhow::ensure!(
            wrong.is_empty(),
            "{name}: the checker refuses the plan: {wrong:?}"
        );
        let quality = &plan.quality;
        let beside = best.map_or_else(String::new, |best| {
            format!(
                "  published {best:.6}: {:+.4} %, reached to 1e-6 after {}",
                percent(quality.objective, best),
                seconds(trace.until(best + 1e-6))
            )
        });
        println!(
            "  {label:<17} {:.6}  bound {:.6}  gap {:.4} %  optimal {}  {took:.2} s{beside}",
            quality.objective,
            quality.bound,
            quality.gap * 100.0,
            quality.is_optimal
        );
    }
    Ok(())
}

fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(number)
        .collect()
}

fn whole(value: &Value) -> Result<u32> {
    number(value)
        .map(|n| n as u32)
        .context("a number is missing")
}

/// Reads an instance of the challenge.
pub(super) fn read(path: &Path) -> Result<RiskProblem> {
    let bytes = std::fs::read(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    let json: Value = serde_json::from_str(&text)?;
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let periods = whole(&json["T"])?;
    let resources = object(&json["Resources"])
        .into_iter()
        .map(|(id, resource)| Resource {
            id,
            min: numbers(&resource["min"]),
            max: numbers(&resource["max"]),
        });
    let tasks = object(&json["Interventions"])
        .into_iter()
        .map(|(id, entry)| task(id, &entry))
        .collect::<Result<Vec<_>>>()?;
    let seasons = object(&json["Seasons"]);
    let exclusions = object(&json["Exclusions"])
        .into_iter()
        .filter_map(|(_, entry)| {
            let season = seasons.get(entry[2].as_str()?)?;
            Some(Exclusion {
                tasks: [entry[0].as_str()?.to_owned(), entry[1].as_str()?.to_owned()],
                periods: numbers(season).into_iter().map(|t| t as u32).collect(),
            })
        });
    Ok(RiskProblem {
        periods,
        scenarios: numbers(&json["Scenarios_number"])
            .into_iter()
            .map(|s| s as u32)
            .collect(),
        quantile: number(&json["Quantile"]).context("no quantile")?,
        alpha: Some(number(&json["Alpha"]).context("no alpha")?),
        average_over_periods: true,
        resources: resources.collect(),
        exclusions: exclusions.collect(),
        tasks,
        ..RiskProblem::default()
    })
}

/// An intervention; every start that ends inside the horizon is an option.
fn task(id: String, entry: &Value) -> Result<RiskTask> {
    let last = whole(&entry["tmax"])?;
    let durations = numbers(&entry["Delta"]);
    let mut options = Vec::new();
    for start in 1..=last {
        let duration = durations.get(start as usize - 1).map_or(0, |d| *d as u32);
        if duration == 0 {
            continue;
        }
        let key = start.to_string();
        let mut uses: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
        for (resource, load) in entry["workload"].as_object().into_iter().flatten() {
            let amounts: Vec<f64> = (start..start + duration)
                .map(|t| number(&load[t.to_string()][&key]).unwrap_or(0.0))
                .collect();
            if amounts.iter().any(|a| *a > 0.0) {
                uses.insert(resource, amounts);
            }
        }
        let risk = (start..start + duration).filter_map(|period| {
            let loss = numbers(&entry["risk"][period.to_string()][&key]);
            (!loss.is_empty()).then_some(PeriodRisk { period, loss })
        });
        options.push(StartOption {
            start,
            duration,
            budget_use: 0.0,
            expected_cost: 0.0,
            risk: risk.collect(),
            uses: uses
                .into_iter()
                .map(|(resource, amounts)| Use {
                    resource: resource.clone(),
                    amounts,
                })
                .collect(),
        });
    }
    Ok(RiskTask {
        asset: id.clone(),
        id,
        is_mandatory: true,
        unplanned_cost: 0.0,
        parts: BTreeMap::new(),
        windows: Vec::new(),
        outage: None,
        options,
    })
}
