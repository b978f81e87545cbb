//! Multi-skill project scheduling (`.dzn` of MiniZinc) through the dispatch model: shortest makespan.
//!
//! A worker fills one place per activity here; models that count one worker for several skills of the same
//! activity may have a shorter optimum.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use iq_optimiser::{
    check,
    dispatch::{
        self, CrewNeed, DispatchProblem, DispatchTask, DispatchWeights, Span, TaskOrder, Technician,
    },
};

use super::{Options, Trace, files};

pub(super) fn run(options: &Options) -> Result<()> {
    let found = files(options, "mspsp", &[".dzn"])?;
    if found.is_empty() {
        println!("mspsp: no instances (--data DIR)");
    }
    for path in found {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let problem =
            read(&std::fs::read_to_string(&path)?).with_context(|| format!("reading {name}"))?;
        let iterations = options.iterations.unwrap_or(20_000);
        for (label, iterations) in [("construction", 0), ("search", iterations)] {
            let (plan, took, _) = Trace::of((options.seed, iterations, 0), |run| {
                dispatch::solve(&problem, run)
            });
            let plan = plan?.map_err(|why| anyhow::anyhow!("{name}: no plan: {why:?}"))?;
            let wrong = check::dispatch(&problem, &plan);
            anyhow::ensure!(
                wrong.is_empty(),
                "{name}: the checker refuses the plan: {wrong:?}"
            );
            let units = |hours: f64| (hours * 60.0).round();
            println!(
                "mspsp {name:<10} {label:<13} makespan {:>4}  bound {:>4}  optimal {:<5}  {took:.2} s",
                units(plan.makespan_hours),
                (plan.quality.bound * 60.0 - 1e-6).ceil(),
                plan.quality.is_optimal
            );
        }
    }
    Ok(())
}

/// Lists of numbers; a set or a row of a matrix is one list.
fn lists(text: &str) -> Vec<Vec<u32>> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let numbers = |part: &str| {
        part.split(',')
            .filter_map(|n| n.trim().parse().ok())
            .collect::<Vec<u32>>()
    };
    if inner.contains('{') {
        let sets = inner.split('}').filter(|part| part.contains('{'));
        return sets
            .map(|part| members(part.split('{').nth(1).unwrap_or_default()))
            .collect();
    }
    if inner.contains('|') {
        return inner
            .split('|')
            .map(numbers)
            .filter(|row| !row.is_empty())
            .collect();
    }
    vec![numbers(inner)]
}

/// `1, 3` or `1..3`.
fn members(text: &str) -> Vec<u32> {
    let part = |part: &str| -> Vec<u32> {
        match part.split_once("..") {
            Some((a, b)) => {
                let ends = a.trim().parse().ok().zip(b.trim().parse().ok());
                ends.map_or_else(Vec::new, |(a, b): (u32, u32)| (a..=b).collect())
            }
            None => part.trim().parse().into_iter().collect(),
        }
    };
    text.split(',').flat_map(part).collect()
}

fn worker(id: String, skills: Vec<String>, horizon: u32) -> Technician {
    Technician {
        id,
        site: "site".to_owned(),
        skills,
        certificates: BTreeMap::new(),
        shifts: vec![Span {
            from: 0,
            to: horizon,
        }],
        absences: Vec::new(),
        overtime_minutes: 0,
    }
}

fn activities(durations: &[u32], needs: &[Vec<u32>]) -> Vec<DispatchTask> {
    let lasting = durations.iter().enumerate().filter(|(_, d)| **d > 0);
    let made = lasting.map(|(at, minutes)| DispatchTask {
        id: (at + 1).to_string(),
        asset: String::new(),
        site: "site".to_owned(),
        minutes: *minutes,
        crew: (1..)
            .zip(needs)
            .filter(|(_, row)| row.get(at).is_some_and(|n| *n > 0))
            .map(|(skill, row): (u32, _)| CrewNeed {
                skill: skill.to_string(),
                count: row[at],
            })
            .collect(),
        certificates: Vec::new(),
        earliest: 0,
        latest_end: None,
        due: None,
        weight: 1.0,
        is_mandatory: true,
        unplanned_cost: 0.0,
        parts: BTreeMap::new(),
    });
    made.collect()
}

fn read(text: &str) -> Result<DispatchProblem> {
    let text: String = text
        .lines()
        .map(|l| l.split('%').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ");
    let fields: BTreeMap<&str, &str> = text
        .split(';')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let field = |name: &str| {
        fields
            .get(name)
            .copied()
            .with_context(|| format!("no {name}"))
    };
    let skills = lists(field("has_skills")?);
    let durations = lists(field("d")?).concat();
    let needs = lists(field("rr")?);
    let successors = lists(field("suc")?);
    let horizon: u32 = durations.iter().sum::<u32>() + 1;
    let workers = (1..).zip(&skills).map(|(at, skills): (u32, _)| {
        let skills = skills.iter().map(u32::to_string);
        worker(format!("w{at}"), skills.collect(), horizon)
    });
    let mut technicians: Vec<Technician> = workers.collect();
    let mut tasks = activities(&durations, &needs);
    // Activities nobody is needed for still take their time; a person of their own stands for that.
    for task in tasks.iter_mut().filter(|task| task.crew.is_empty()) {
        let skill = format!("alone {}", task.id);
        technicians.push(worker(skill.clone(), vec![skill.clone()], horizon));
        task.crew.push(CrewNeed { skill, count: 1 });
    }
    let precedence = (1..).zip(&successors).flat_map(|(before, list): (u32, _)| {
        list.iter().map(move |after| TaskOrder {
            before: before.to_string(),
            after: after.to_string(),
            lag_minutes: 0,
        })
    });
    Ok(DispatchProblem {
        sites: vec!["site".to_owned()],
        travel_minutes: vec![vec![0]],
        technicians,
        tasks,
        precedence: precedence.collect(),
        weights: DispatchWeights {
            tardiness_per_hour: 0.0,
            travel_per_hour: 0.0,
            overtime_per_hour: 0.0,
            makespan_per_hour: 1.0,
        },
        ..DispatchProblem::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sets_ranges_and_matrices() {
        let text = "% a comment\nn_skills = 2;\nhas_skills = [{1}, 1..2, {}];\n";
        assert!(read(text).is_err());
        assert_eq!(
            lists("[{1, 3}, {}, {2..4}]"),
            [vec![1, 3], vec![], vec![2, 3, 4]]
        );
        assert_eq!(lists("[| 1, 0\n | 0, 2 |]"), [vec![1, 0], vec![0, 2]]);
        assert_eq!(lists("[5, 6]"), [vec![5, 6]]);
    }
}
