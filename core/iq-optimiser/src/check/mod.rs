//! The independent checker: recomputes every limit and every stated number of a plan from the problem alone.
//! It shares the types with the models and nothing else, so that one mistake can't hide in both.

mod deferral;
mod dispatch;
mod priority;
mod risk;

pub use deferral::deferral;
pub use dispatch::dispatch;
pub use priority::priority;
pub use risk::risk;

use crate::Reason;

/// What is wrong with a plan; empty where nothing is.
pub type Violations = Vec<Reason>;

/// How much a limit may be exceeded by rounding.
const SLACK: f64 = 1e-5;

fn wrong(code: &str) -> Reason {
    Reason {
        code: format!("violation.{code}"),
        params: Default::default(),
    }
}

fn of(code: &str, key: &str, value: impl ToString) -> Reason {
    let mut reason = wrong(code);
    reason.params.insert(key.to_owned(), value.to_string());
    reason
}

/// Whether a stated number is the computed one, up to a millionth.
fn agrees(stated: f64, computed: f64) -> bool {
    (stated - computed).abs() <= 1e-6 * computed.abs().max(1.0)
}

/// A stated number that is another.
fn compare(into: &mut Violations, field: &str, stated: f64, computed: f64) {
    if !agrees(stated, computed) {
        into.push(of("number", "field", field));
    }
}

/// A bound above the value, a gap that is another, a proof that is none.
fn quality(into: &mut Violations, quality: &crate::Quality, computed: f64) {
    compare(into, "objective", quality.objective, computed);
    if quality.bound > quality.objective + 1e-6 * quality.objective.abs().max(1.0) {
        into.push(wrong("bound"));
    }
    let distance = (quality.objective - quality.bound).max(0.0);
    let gap = if distance < 1e-12 {
        0.0
    } else {
        distance / quality.objective.abs().max(1e-9)
    };
    compare(into, "gap", quality.gap, gap);
    if quality.is_optimal && gap > 1e-6 {
        into.push(wrong("proof"));
    }
}
