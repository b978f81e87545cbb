//! The four models behind one door: JSON in, checked JSON out.

use iq_domain::{CodedError, neutralise};
use schemars::schema_for;
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Value, json};

use crate::{
    CostModel, Infeasible, Reason, Run, check, conflict::figure, deferral, dispatch, priority, risk,
};

/// A model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// What first.
    Prioritisation,
    /// What waiting costs.
    DeferralCost,
    /// Which work in which window.
    ProductionRisk,
    /// Who does what when.
    WorkforceDispatch,
}

/// What came of a problem.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A plan the checker found nothing wrong with.
    Plan(Value),
    /// No plan, and why.
    Infeasible(Infeasible),
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Prioritisation,
        Self::DeferralCost,
        Self::ProductionRisk,
        Self::WorkforceDispatch,
    ];

    /// Its key in files, routes and on the command line.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Prioritisation => "prioritisation",
            Self::DeferralCost => "deferral-cost",
            Self::ProductionRisk => "production-risk",
            Self::WorkforceDispatch => "workforce-dispatch",
        }
    }

    /// The model of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.key() == key)
    }

    /// JSON Schemas of its problem and its plan.
    #[must_use]
    pub fn schemas(self) -> (Value, Value) {
        let (problem, plan) = match self {
            Self::Prioritisation => (
                schema_for!(priority::PriorityProblem),
                schema_for!(priority::PriorityPlan),
            ),
            Self::DeferralCost => (
                schema_for!(deferral::DeferralProblem),
                schema_for!(deferral::DeferralPlan),
            ),
            Self::ProductionRisk => (schema_for!(risk::RiskProblem), schema_for!(risk::RiskPlan)),
            Self::WorkforceDispatch => (
                schema_for!(dispatch::DispatchProblem),
                schema_for!(dispatch::DispatchPlan),
            ),
        };
        (problem.to_value(), plan.to_value())
    }
}

/// Reads a problem, solves it and has the plan checked before anybody sees it.
pub fn solve(model: Model, problem: &str, run: &Run<'_>) -> Result<Outcome, CodedError> {
    match model {
        Model::Prioritisation => with(
            problem,
            |p| priority::solve(p, run),
            check::priority,
            |p: &priority::PriorityProblem| vec![downtime_cost(&p.cost_model)],
        ),
        Model::DeferralCost => with(
            problem,
            |p| Ok(Ok(deferral::solve(p, run)?)),
            check::deferral,
            |p: &deferral::DeferralProblem| vec![downtime_cost(&p.cost_model)],
        ),
        Model::ProductionRisk => with(
            problem,
            |p| risk::solve(p, run),
            check::risk,
            |p: &risk::RiskProblem| {
                let is_open = p.alpha.is_none();
                is_open
                    .then(|| risk_appetite(&p.cost_model))
                    .into_iter()
                    .collect()
            },
        ),
        // Its hours have prices of their own.
        Model::WorkforceDispatch => with(
            problem,
            |p| dispatch::solve(p, run),
            check::dispatch,
            |_| Vec::new(),
        ),
    }
}

fn downtime_cost(costs: &CostModel) -> Reason {
    Reason::new("assumption.downtime_cost")
        .with("amount", figure(costs.default_downtime_cost_per_hour))
        .with("currency", &costs.currency)
}

fn risk_appetite(costs: &CostModel) -> Reason {
    Reason::new("assumption.risk_appetite").with("value", figure(costs.risk_appetite))
}

/// Whether a problem brings a cost model of its own.
#[derive(Deserialize)]
struct Given {
    cost_model: Option<IgnoredAny>,
}

fn with<P: DeserializeOwned, T: Serialize>(
    problem: &str,
    solve: impl Fn(&P) -> Result<Result<T, Infeasible>, CodedError>,
    check: impl Fn(&P, &T) -> Vec<Reason>,
    assumed: impl Fn(&P) -> Vec<Reason>,
) -> Result<Outcome, CodedError> {
    let is_costed = serde_json::from_str::<Given>(problem).is_ok_and(|g| g.cost_model.is_some());
    let problem: P = read(problem)?;
    let plan = match solve(&problem)? {
        Ok(plan) => plan,
        Err(why) => return Ok(Outcome::Infeasible(why)),
    };
    // A plan the checker refuses is our fault and is never shown.
    if let Some(first) = check(&problem, &plan).first() {
        return Err(refused(&first.code));
    }
    let mut plan = serde_json::to_value(&plan).map_err(|_| refused("violation.number"))?;
    let assumptions = if is_costed {
        Vec::new()
    } else {
        assumed(&problem)
    };
    if !assumptions.is_empty() {
        plan["assumptions"] = json!(assumptions);
    }
    Ok(Outcome::Plan(plan))
}

fn read<P: DeserializeOwned>(problem: &str) -> Result<P, CodedError> {
    let mut reader = serde_json::Deserializer::from_str(problem);
    let read = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| unreadable(&error.path().to_string(), error.inner()))?;
    reader.end().map_err(|error| unreadable(".", &error))?;
    Ok(read)
}

/// The parser's complaint as a code and a place: its own words are English and speak of this program's types.
fn unreadable(path: &str, error: &serde_json::Error) -> CodedError {
    let at = |code| {
        CodedError::invalid(code)
            .with("line", error.line())
            .with("column", error.column())
    };
    if !error.is_data() {
        return at("optimiser.problem_not_json");
    }
    let text = error.to_string();
    let named = text.split('`').nth(1).unwrap_or_default();
    let (is_missing, is_unknown) = (
        text.starts_with("missing field"),
        text.starts_with("unknown field"),
    );
    let last = path.rsplit('.').next().unwrap_or_default();
    let field = match path {
        "." if is_missing || is_unknown => named.to_owned(),
        "." => return at("optimiser.problem_unreadable"),
        _ if (is_missing || is_unknown) && last != named => format!("{path}.{named}"),
        _ => path.to_owned(),
    };
    let code = match (is_missing, is_unknown) {
        (true, _) => "optimiser.problem_field_missing",
        (_, true) => "optimiser.problem_field_unknown",
        _ => "optimiser.problem_field_wrong",
    };
    at(code).with("field", neutralise(&field, 120))
}

fn refused(code: &str) -> CodedError {
    CodedError::new(iq_domain::ErrorKind::Internal, "optimiser.plan_refused").with("check", code)
}
