//! Bounds and proofs by HiGHS. Without the feature `exact` nothing is proven and the rest works alike.

/// Lower and upper bound of a sum, and its factors by column.
pub(crate) type Row = (f64, f64, Vec<(u32, f64)>);

/// A mixed-integer linear program: minimise `cost · x`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// Cost, lower and upper bound, whether integer.
    pub(crate) columns: Vec<(f64, f64, f64, bool)>,
    /// Rows.
    pub(crate) rows: Vec<Row>,
    /// Added to the objective.
    pub(crate) constant: f64,
}

impl Program {
    pub(crate) fn column(&mut self, cost: f64, low: f64, high: f64, is_integer: bool) -> u32 {
        self.columns.push((cost, low, high, is_integer));
        self.columns.len() as u32 - 1
    }

    pub(crate) fn row(&mut self, low: f64, high: f64, factors: Vec<(u32, f64)>) {
        if !factors.is_empty() || low > 0.0 || high < 0.0 {
            self.rows.push((low, high, factors));
        }
    }
}

/// What the solver found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// No solution is smaller; infinite where there is none at all.
    pub(crate) bound: Option<f64>,
    /// Values of the columns of the best solution.
    pub(crate) values: Option<Vec<f64>>,
}

impl Answer {
    /// Whether it is proven that no solution exists.
    pub(crate) fn is_infeasible(&self) -> bool {
        self.bound == Some(f64::INFINITY)
    }
}

/// Limits of a run of the solver.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "exact"),
    expect(dead_code, reason = "without the solver there is nothing to limit")
)]
pub(crate) struct Limits {
    pub(crate) nodes: u32,
    pub(crate) seconds: Option<f64>,
}

/// Larger programs are not handed over: their root alone would take minutes.
#[cfg(feature = "exact")]
const MAX_FACTORS: usize = 3_000_000;

#[cfg(feature = "exact")]
pub(crate) fn solve(program: &Program, start: Option<&[f64]>, limits: Limits) -> Answer {
    use ::highs::{HighsModelStatus, HighsSolutionStatus};

    let factors: usize = program.rows.iter().map(|(_, _, f)| f.len()).sum();
    if limits.nodes == 0 || factors > MAX_FACTORS || program.columns.is_empty() {
        return Answer::default();
    }
    // good_lp's own `solve` keeps the bound to itself, so the solver's model is taken out.
    let Ok(mut model) = build(program).try_into_inner() else {
        return Answer::default();
    };
    model.make_quiet();
    model.set_option("threads", 1);
    model.set_option("parallel", "off");
    model.set_option("random_seed", 0);
    model.set_option(
        "mip_max_nodes",
        i32::try_from(limits.nodes).unwrap_or(i32::MAX),
    );
    model.set_option("mip_rel_gap", 1e-9);
    model.set_option("mip_abs_gap", 1e-9);
    if let Some(seconds) = limits.seconds {
        model.set_option("time_limit", seconds);
    }
    if start.is_some() {
        model.set_solution(start, None, None, None);
    }
    let Ok(solved) = model.try_solve() else {
        return Answer::default();
    };
    let is_feasible = solved.primal_solution_status() == HighsSolutionStatus::Feasible;
    // The columns are bounded, so what may be either is infeasible.
    let is_infeasible = matches!(
        solved.status(),
        HighsModelStatus::Infeasible | HighsModelStatus::UnboundedOrInfeasible
    );
    let bound = if is_infeasible {
        Some(f64::INFINITY)
    } else {
        let stated = solved.double_info_value(c"mip_dual_bound").ok();
        stated.filter(|bound| bound.is_finite())
    };
    Answer {
        bound: bound.map(|bound| bound + program.constant),
        values: is_feasible.then(|| solved.get_solution().columns().to_vec()),
    }
}

/// The program in the solver's own form.
#[cfg(feature = "exact")]
fn build(program: &Program) -> good_lp::solvers::highs::HighsProblem {
    use good_lp::{Expression, ProblemVariables, SolverModel as _, constraint, highs, variable};

    let mut variables = ProblemVariables::new();
    let columns: Vec<_> = program
        .columns
        .iter()
        .map(|(_, low, high, is_integer)| {
            let column = variable().min(*low).max(*high);
            variables.add(if *is_integer {
                column.integer()
            } else {
                column
            })
        })
        .collect();
    let mut objective = Expression::with_capacity(columns.len());
    for (column, (cost, ..)) in columns.iter().zip(&program.columns) {
        objective.add_mul(*cost, *column);
    }
    let mut model = variables.minimise(objective).using(highs);
    for (low, high, factors) in &program.rows {
        let sum = || {
            let mut sum = Expression::with_capacity(factors.len());
            for (column, factor) in factors {
                sum.add_mul(*factor, columns[*column as usize]);
            }
            sum
        };
        if low == high {
            model.add_constraint(constraint::eq(sum(), *low));
            continue;
        }
        if high.is_finite() {
            model.add_constraint(constraint::leq(sum(), *high));
        }
        if low.is_finite() {
            model.add_constraint(constraint::geq(sum(), *low));
        }
    }
    model
}

#[cfg(not(feature = "exact"))]
pub(crate) fn solve(_: &Program, _: Option<&[f64]>, _: Limits) -> Answer {
    Answer::default()
}

/// Solves beside `work` where the run has a second thread, else after it. Where the caller cancels, the
/// solver's answer is not waited for.
pub(crate) fn beside<T>(
    run: &crate::Run<'_>,
    program: Program,
    start: Option<Vec<f64>>,
    work: impl FnOnce() -> T,
) -> (T, Answer) {
    let limits = Limits {
        nodes: run.exact_nodes,
        seconds: run.exact_seconds,
    };
    if limits.nodes == 0 || cfg!(not(feature = "exact")) {
        return (work(), Answer::default());
    }
    let (send, answer) = std::sync::mpsc::channel();
    let solver = move || {
        // Nobody listens any more after a cancel.
        let _unheard = send.send(solve(&program, start.as_deref(), limits));
    };
    let mut later = Some(solver);
    if run.threads >= 2 {
        later.take().map(std::thread::spawn);
    }
    let done = work();
    if !run.is_cancelled() {
        later.take().map(std::thread::spawn);
    }
    while !run.is_cancelled() {
        match answer.recv_timeout(std::time::Duration::from_millis(20)) {
            Ok(answer) => return (done, answer),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    (done, answer.try_recv().unwrap_or_default())
}
