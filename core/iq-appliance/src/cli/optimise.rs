//! `optria optimise`: solves a planning problem from a file, without a server. Exit codes: 0 a plan was
//! written, 1 something went wrong, 3 it is proven that no plan exists, 4 none was found.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use clap::Args;
use iq_domain::CodedError;
use iq_locale::Language;
use iq_optimiser::{Infeasible, Model, Outcome, Progress, Reason, Run};

/// A larger problem file is refused.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

const PROVEN: u8 = 3;
const NOT_FOUND: u8 = 4;

#[derive(Debug, Args)]
pub(super) struct OptimiseArgs {
    /// prioritisation, deferral-cost, production-risk or workforce-dispatch.
    model: String,
    /// The problem, as JSON after the schema of the model.
    #[arg(long, required_unless_present = "schema")]
    input: Option<PathBuf>,
    /// Where the plan goes, or the reasons why there is none.
    #[arg(long, required_unless_present = "schema")]
    output: Option<PathBuf>,
    /// Seed of the search; the same seed, iterations and nodes give the same plan.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Iterations of the search.
    #[arg(long, default_value_t = 20_000)]
    iterations: u64,
    /// Nodes the exact solver may look at; 0 leaves it out.
    #[arg(long, default_value_t = 100)]
    nodes: u32,
    /// Seconds after which the best plan so far is taken; the plan then depends on the machine.
    #[arg(long)]
    time_limit: Option<f64>,
    /// Threads, 1 or 2; the plan is the same.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    threads: u8,
    /// Prints the JSON Schemas of problem and plan instead.
    #[arg(long)]
    schema: bool,
}

#[allow(clippy::print_stdout)]
pub(super) fn run(args: OptimiseArgs, language: Language) -> Result<ExitCode> {
    let model = Model::from_key(&args.model).ok_or_else(|| {
        let models = Model::ALL.map(Model::key).join(", ");
        CodedError::invalid("optimiser.model_unknown")
            .with("model", &args.model)
            .with("models", models)
    })?;
    let (Some(input), Some(output)) = (args.input.clone(), args.output.clone()) else {
        let (problem, plan) = model.schemas();
        let both = serde_json::json!({ "problem": problem, "plan": plan });
        println!("{both:#}");
        return Ok(ExitCode::SUCCESS);
    };
    if args.time_limit.is_some_and(|s| !(s > 0.0 && s < 1e7)) {
        let limit = args.time_limit.unwrap_or_default();
        return Err(CodedError::invalid("optimiser.value_out_of_range")
            .with("field", "time-limit")
            .with("value", limit)
            .with("range", "> 0, < 1e7")
            .into());
    }
    let problem = read(&input)?;
    forget_old(&input, &output)?;
    let outcome = super::block_on(solve(args, model, problem))?;
    let (text, code) = match &outcome {
        Outcome::Plan(plan) => (serde_json::to_string_pretty(plan)?, ExitCode::SUCCESS),
        Outcome::Infeasible(why) => {
            let code = if why.is_proven { PROVEN } else { NOT_FOUND };
            (serde_json::to_string_pretty(why)?, ExitCode::from(code))
        }
    };
    std::fs::write(&output, text + "\n").map_err(|_| {
        CodedError::invalid("optimiser.file_unwritable").with("file", output.display())
    })?;
    match &outcome {
        Outcome::Plan(plan) => {
            let assumed = assumptions(plan, language);
            assumed.iter().for_each(|line| eprintln!("{line}"));
            println!("{}", summary(plan, &output, language));
        }
        Outcome::Infeasible(why) => reasons(why, language).iter().for_each(|r| println!("{r}")),
    }
    Ok(code)
}

fn read(path: &Path) -> Result<String, CodedError> {
    let unreadable =
        || CodedError::invalid("optimiser.file_unreadable").with("file", path.display());
    let size = std::fs::metadata(path).map_err(|_| unreadable())?.len();
    if size > MAX_BYTES {
        return Err(CodedError::invalid("optimiser.problem_too_large"));
    }
    std::fs::read_to_string(path).map_err(|_| unreadable())
}

/// A plan of an earlier run would be taken for the one of this run where this one ends without any.
fn forget_old(input: &Path, output: &Path) -> Result<(), CodedError> {
    let is_input = input.canonicalize().ok() == output.canonicalize().ok();
    if is_input || !output.is_file() {
        return Ok(());
    }
    std::fs::remove_file(output).map_err(|_| {
        CodedError::invalid("optimiser.file_unwritable").with("file", output.display())
    })
}

/// Solves on a thread of its own while this one waits for the end, the limit or Ctrl-C.
async fn solve(args: OptimiseArgs, model: Model, problem: String) -> Result<Outcome> {
    let cancel = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&cancel);
    let (limit, seconds) = (args.time_limit, args.time_limit);
    let mut work = tokio::task::spawn_blocking(move || {
        let run = Run {
            seed: args.seed,
            iterations: args.iterations,
            threads: args.threads,
            exact_nodes: args.nodes,
            exact_seconds: seconds,
            cancel: &raised,
            progress: &tell,
        };
        iq_optimiser::solve(model, &problem, &run)
    });
    let limit = async {
        match limit {
            Some(seconds) => tokio::time::sleep(Duration::from_secs_f64(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        done = &mut work => return Ok(done??),
        () = limit => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    cancel.store(true, Ordering::Relaxed);
    Ok(work.await??)
}

fn tell(progress: Progress) {
    let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"));
    eprintln!(
        "{:>9}  {}  {}  {}",
        progress.iteration,
        shown(progress.incumbent),
        shown(progress.bound),
        progress
            .gap
            .map_or_else(|| "-".to_owned(), |gap| format!("{:.2} %", gap * 100.0)),
    );
}

fn summary(plan: &serde_json::Value, output: &Path, language: Language) -> String {
    let quality = |field: &str| plan["quality"][field].as_f64();
    let mut params = iq_locale::Params::new();
    params.insert("file".to_owned(), output.display().to_string());
    let mut key = "cli.curves";
    if let (Some(objective), Some(gap)) = (quality("objective"), quality("gap")) {
        params.insert("objective".to_owned(), format!("{objective:.2}"));
        params.insert("gap".to_owned(), format!("{:.2}", gap * 100.0));
        key = "cli.plan";
    }
    iq_locale::plain(language, "optimiser", key, &params).unwrap_or_else(|| key.to_owned())
}

fn reasons(why: &Infeasible, language: Language) -> Vec<String> {
    let key = if why.is_proven {
        "cli.infeasible"
    } else {
        "cli.not_found"
    };
    let head = iq_locale::plain(language, "optimiser", key, &iq_locale::Params::new());
    let mut lines = vec![head.unwrap_or_else(|| key.to_owned())];
    let conflicts = why.conflicts.iter();
    lines.extend(conflicts.map(|reason| format!("- {}", said(reason, language))));
    lines
}

/// What the plan rests on without having been told.
fn assumptions(plan: &serde_json::Value, language: Language) -> Vec<String> {
    let all: Vec<Reason> = serde_json::from_value(plan["assumptions"].clone()).unwrap_or_default();
    all.iter().map(|reason| said(reason, language)).collect()
}

fn said(reason: &Reason, language: Language) -> String {
    let sentence = iq_locale::plain(language, "optimiser", &reason.code, &reason.params);
    format!("{} [{}]", sentence.as_deref().unwrap_or("?"), reason.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plan_assumes_is_said_in_both_languages() {
        let plan = serde_json::json!({ "assumptions": [{
            "code": "assumption.downtime_cost",
            "params": { "amount": "10000", "currency": "SAR" },
        }] });
        for language in [Language::Ar, Language::En] {
            let lines = assumptions(&plan, language);
            assert_eq!(lines.len(), 1);
            for part in ["10000", "SAR", "[assumption.downtime_cost]"] {
                assert!(lines[0].contains(part), "{part} not in {}", lines[0]);
            }
        }
        assert!(assumptions(&serde_json::json!({}), Language::En).is_empty());
    }
}
