//! A lower bound and prices: resources, budget and parts are relaxed into prices that are adjusted by
//! subgradient steps. What a start costs with prices tells which start is worth its crew hours.
//!
//! The excess over the mean is never negative, so leaving it out keeps the bound valid.

use super::compiled::Compiled;

/// Prices and the bound they prove.
pub(crate) struct Prices {
    pub(crate) bound: f64,
    /// Cost with prices of each choice of each task.
    pub(crate) reduced: Vec<Vec<f64>>,
}

/// What a choice takes: (row, amount). Rows: cells, then the budget, then parts by period.
fn rows(problem: &Compiled, task: usize, choice: usize) -> impl Iterator<Item = (usize, f64)> {
    let entry = &problem.tasks[task];
    let choice = &entry.choices[choice];
    let cells = problem.max.len();
    let budget = (problem.budget.is_finite() && choice.budget_use > 0.0)
        .then_some((cells, choice.budget_use));
    let parts = entry.parts.iter().flat_map(move |(part, amount)| {
        let first = cells + 1 + *part as usize * problem.periods;
        // The last period binds the most where stock only grows with arrivals; earlier ones bind early starts.
        (first + choice.start as usize..first + problem.periods).map(move |row| (row, *amount))
    });
    choice
        .uses
        .iter()
        .map(|(cell, amount)| (*cell as usize, *amount))
        .chain(budget)
        .chain(parts)
}

/// The problem as the prices see it: own costs of the choices, and what they take, flat.
struct Market {
    limits: Vec<f64>,
    own: Vec<Vec<f64>>,
    taken: Vec<(u32, f64)>,
    /// End of each choice in `taken`.
    ends: Vec<Vec<usize>>,
}

impl Market {
    fn new(problem: &Compiled) -> Self {
        let mut limits = problem.max.clone();
        limits.push(if problem.budget.is_finite() {
            problem.budget
        } else {
            0.0
        });
        limits.extend(&problem.stock);
        // Money, hours and pieces are made comparable: each row is a share of its own limit.
        let scale: Vec<f64> = limits
            .iter()
            .map(|limit| if *limit > 0.0 { 1.0 / limit } else { 1.0 })
            .collect();
        limits
            .iter_mut()
            .zip(&scale)
            .for_each(|(limit, scale)| *limit *= scale);
        let mut market = Self {
            limits,
            own: Vec::new(),
            taken: Vec::new(),
            ends: Vec::new(),
        };
        for (at, task) in problem.tasks.iter().enumerate() {
            let mut ends = Vec::with_capacity(task.choices.len());
            for choice in 0..task.choices.len() {
                let rows = rows(problem, at, choice);
                let shares = rows.map(|(row, amount)| (row as u32, amount * scale[row]));
                market.taken.extend(shares);
                ends.push(market.taken.len());
            }
            market.ends.push(ends);
            market
                .own
                .push(task.choices.iter().map(|choice| choice.own).collect());
        }
        market
    }

    /// Every task takes what is cheapest at these prices: the bound that proves, what each choice costs, and
    /// how far each limit is passed.
    fn clear(
        &self,
        problem: &Compiled,
        price: &[f64],
        reduced: &mut [Vec<f64>],
        excess: &mut [f64],
    ) -> f64 {
        for (excess, limit) in excess.iter_mut().zip(&self.limits) {
            *excess = -limit;
        }
        let mut bound: f64 = -price
            .iter()
            .zip(&self.limits)
            .map(|(p, l)| p * l)
            .sum::<f64>();
        let mut begin = 0;
        for (at, task) in problem.tasks.iter().enumerate() {
            let left = if task.is_mandatory {
                f64::INFINITY
            } else {
                task.unplanned_cost
            };
            let mut cheapest = (left, None);
            for (choice, end) in self.ends[at].iter().enumerate() {
                let taken = self.taken[begin..*end].iter();
                let priced: f64 = taken.map(|(row, a)| price[*row as usize] * a).sum();
                let cost = self.own[at][choice] + priced;
                reduced[at][choice] = cost;
                if cost < cheapest.0 {
                    cheapest = (cost, Some(begin..*end));
                }
                begin = *end;
            }
            // A mandatory task without any start: the search will find that out.
            bound += if cheapest.0.is_finite() {
                cheapest.0
            } else {
                0.0
            };
            for (row, amount) in cheapest.1.into_iter().flat_map(|range| &self.taken[range]) {
                excess[*row as usize] += amount;
            }
        }
        bound
    }
}

/// Runs `steps` steps; `target` is the value of a plan, if one is known.
pub(crate) fn adjust(problem: &Compiled, steps: u32, target: Option<f64>) -> Prices {
    let market = Market::new(problem);
    let mut price = vec![0.0_f64; market.limits.len()];
    let mut excess = vec![0.0; market.limits.len()];
    let mut reduced = market.own.clone();
    let mut best = Prices {
        bound: f64::NEG_INFINITY,
        reduced: market.own.clone(),
    };
    let (mut pace, mut stale) = (1.0, 0);
    for _ in 0..steps.max(1) {
        let bound = market.clear(problem, &price, &mut reduced, &mut excess);
        if bound > best.bound + 1e-9 * bound.abs() {
            best.bound = bound;
            best.reduced.clone_from(&reduced);
            stale = 0;
        } else {
            stale += 1;
            if stale >= 6 {
                (pace, stale) = (pace * 0.6, 0);
            }
        }
        let norm: f64 = excess
            .iter()
            .zip(&price)
            .filter(|(excess, price)| **excess > 0.0 || **price > 0.0)
            .map(|(excess, _)| excess * excess)
            .sum();
        if norm < 1e-12 {
            break;
        }
        let goal = target.unwrap_or(bound + 0.05 * bound.abs() + 1.0);
        let step = pace * (goal - bound).max(1e-6 * bound.abs()) / norm;
        for (price, excess) in price.iter_mut().zip(&excess) {
            *price = (*price + step * excess).max(0.0);
        }
    }
    best
}
