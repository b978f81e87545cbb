//! A plan while it is searched: sums per cell and scenario are kept, so that a change costs what it touches.

use super::compiled::{Choice, Compiled, SLACK, mean};

/// Penalty of a mandatory task that is not planned, and of a unit of missing use, far above any money.
pub(crate) const MISSING: f64 = 1e9;

#[derive(Clone, Debug)]
pub(crate) struct State<'a> {
    pub(crate) problem: &'a Compiled,
    /// Chosen start per task.
    pub(crate) chosen: Vec<Option<u32>>,
    used: Vec<f64>,
    taken: Vec<f64>,
    pub(crate) spent: f64,
    sums: Vec<f64>,
    /// What the excess of each period adds to the objective.
    excess: Vec<f64>,
    /// Their sum.
    excesses: f64,
    /// What the choices cost by themselves, and what is left.
    other: f64,
    /// Mandatory tasks that are not planned.
    missing: usize,
    /// Use below the minimum, summed.
    below: f64,
    sorted: Vec<f64>,
}

impl<'a> State<'a> {
    pub(crate) fn new(problem: &'a Compiled) -> Self {
        let mut state = Self {
            problem,
            chosen: vec![None; problem.tasks.len()],
            used: vec![0.0; problem.max.len()],
            taken: vec![0.0; problem.stock.len()],
            spent: 0.0,
            sums: vec![0.0; problem.first.last().copied().unwrap_or(0) as usize],
            excess: vec![0.0; problem.periods],
            excesses: 0.0,
            other: 0.0,
            missing: 0,
            below: 0.0,
            sorted: Vec::new(),
        };
        let tasks = &problem.tasks;
        state.missing = tasks.iter().filter(|task| task.is_mandatory).count();
        state.other = tasks.iter().map(left_cost).sum();
        state.below = problem.min.iter().map(|min| min.max(0.0)).sum();
        state
    }

    /// The plan with these starts, its sums made anew.
    pub(crate) fn of(problem: &'a Compiled, chosen: &[Option<u32>]) -> Self {
        let mut state = Self::new(problem);
        for (task, choice) in chosen.iter().enumerate() {
            if let Some(choice) = choice {
                state.put(task, *choice);
            }
        }
        state
    }

    /// Value of the plan with penalties for what is missing.
    pub(crate) fn total(&self) -> f64 {
        let missing = self.missing as f64 + self.below;
        self.excesses + self.other + MISSING * missing
    }

    /// Whether nothing mandatory is missing.
    pub(crate) fn is_complete(&self) -> bool {
        let tasks = self.problem.tasks.iter().zip(&self.chosen);
        tasks
            .clone()
            .all(|(task, chosen)| chosen.is_some() || !task.is_mandatory)
            && self
                .used
                .iter()
                .zip(&self.problem.min)
                .all(|(used, min)| *used >= min - SLACK)
    }

    /// Mean of the losses and expected excess, both as the objective counts them, without weights.
    pub(crate) fn losses(&self) -> (f64, f64) {
        let (mut means, mut excesses) = (0.0, 0.0);
        let mut sorted = Vec::new();
        for period in 0..self.problem.periods {
            let (mean, excess) = self.mean_and_excess(period, &mut sorted);
            means += mean;
            excesses += excess;
        }
        (means * self.problem.factor, excesses * self.problem.factor)
    }

    fn mean_and_excess(&self, period: usize, sorted: &mut Vec<f64>) -> (f64, f64) {
        let range = self.problem.first[period] as usize..self.problem.first[period + 1] as usize;
        sorted.clear();
        sorted.extend_from_slice(&self.sums[range]);
        mean_and_excess(sorted, self.problem.rank[period] as usize)
    }

    /// Whether the choice fits beside all that is planned; the task itself must not be planned.
    pub(crate) fn fits(&self, task: usize, choice: &Choice) -> bool {
        let problem = self.problem;
        choice.budget_use + self.spent <= problem.budget + SLACK
            && choice.uses.iter().all(|(cell, amount)| {
                self.used[*cell as usize] + amount <= problem.max[*cell as usize] + SLACK
            })
            && self.has_parts(task, choice)
            && self.has_order(task, choice)
            && problem.tasks[task]
                .excluded
                .iter()
                .all(|(other, season)| !self.meets(*other, choice, season))
    }

    /// Whether the other task runs together with the choice in a period of the season.
    fn meets(&self, other: u32, choice: &Choice, season: &[bool]) -> bool {
        let Some(chosen) = self.chosen[other as usize] else {
            return false;
        };
        let other = &self.problem.tasks[other as usize].choices[chosen as usize];
        let (from, to) = (other.start.max(choice.start), other.end.min(choice.end));
        from < to && (season.is_empty() || season[from as usize..to as usize].contains(&true))
    }

    fn has_parts(&self, task: usize, choice: &Choice) -> bool {
        let periods = self.problem.periods;
        self.problem.tasks[task].parts.iter().all(|(part, amount)| {
            let first = *part as usize * periods;
            (first + choice.start as usize..first + periods)
                .all(|at| self.taken[at] + amount <= self.problem.stock[at] + SLACK)
        })
    }

    fn has_order(&self, task: usize, choice: &Choice) -> bool {
        let plan = |task: u32| {
            self.chosen[task as usize]
                .map(|c| &self.problem.tasks[task as usize].choices[c as usize])
        };
        let task = &self.problem.tasks[task];
        task.after.iter().all(|(before, lag)| {
            plan(*before).is_some_and(|before| before.end.saturating_add(*lag) <= choice.start)
        }) && task.before.iter().all(|(after, lag)| {
            plan(*after).is_none_or(|after| choice.end.saturating_add(*lag) <= after.start)
        })
    }

    /// How the value changes when the task is planned so. Smaller is better.
    pub(crate) fn delta(&mut self, task: usize, choice: u32) -> f64 {
        let problem = self.problem;
        let planned = &problem.tasks[task].choices[choice as usize];
        let mut delta = planned.own - undone(&problem.tasks[task]);
        if problem.alpha < 1.0 {
            let mut sorted = std::mem::take(&mut self.sorted);
            for (period, losses) in &planned.losses {
                let period = *period as usize;
                let sums = &self.sums[problem.first[period] as usize..];
                sorted.clear();
                sorted.extend(losses.iter().zip(sums).map(|(loss, sum)| loss + sum));
                delta += self.weigh(period, &mut sorted) - self.excess[period];
            }
            self.sorted = sorted;
        }
        if self.below > 0.0 {
            for (cell, amount) in &planned.uses {
                let missing = (problem.min[*cell as usize] - self.used[*cell as usize]).max(0.0);
                delta -= MISSING * missing.min(*amount);
            }
        }
        delta
    }

    /// The excess of the periods it has losses in: a change of this choice alone gains no more than that there.
    pub(crate) fn excess_of(&self, choice: &Choice) -> f64 {
        let periods = choice.losses.iter();
        periods
            .map(|(period, _)| self.excess[*period as usize])
            .sum()
    }

    /// Whether use lies below a minimum somewhere.
    pub(crate) fn is_below(&self) -> bool {
        self.below > SLACK
    }

    /// What these sums of a period add to the objective beside their mean.
    fn weigh(&self, period: usize, sums: &mut [f64]) -> f64 {
        let (_, excess) = mean_and_excess(sums, self.problem.rank[period] as usize);
        self.problem.factor * (1.0 - self.problem.alpha) * excess
    }

    pub(crate) fn put(&mut self, task: usize, choice: u32) {
        self.change(task, choice, 1.0);
        self.chosen[task] = Some(choice);
    }

    pub(crate) fn take(&mut self, task: usize) {
        if let Some(choice) = self.chosen[task].take() {
            self.change(task, choice, -1.0);
        }
    }

    fn change(&mut self, task: usize, choice: u32, sign: f64) {
        let problem = self.problem;
        let entry = &problem.tasks[task];
        let planned = &entry.choices[choice as usize];
        for (cell, amount) in &planned.uses {
            let cell = *cell as usize;
            let missing = |used: f64| (problem.min[cell] - used).max(0.0);
            let before = missing(self.used[cell]);
            self.used[cell] += sign * amount;
            self.below += missing(self.used[cell]) - before;
        }
        for (part, amount) in &entry.parts {
            let first = *part as usize * problem.periods;
            for at in first + planned.start as usize..first + problem.periods {
                self.taken[at] += sign * amount;
            }
        }
        self.spent += sign * planned.budget_use;
        self.other += sign * (planned.own - left_cost(entry));
        if entry.is_mandatory {
            // Counted rather than summed: money would be lost in the rounding of so large an amount.
            self.missing = if sign > 0.0 {
                self.missing.saturating_sub(1)
            } else {
                self.missing + 1
            };
        }
        let mut sorted = std::mem::take(&mut self.sorted);
        for (period, losses) in &planned.losses {
            let period = *period as usize;
            let range = problem.first[period] as usize..problem.first[period + 1] as usize;
            let sums = &mut self.sums[range];
            for (sum, loss) in sums.iter_mut().zip(losses) {
                *sum += sign * loss;
            }
            if problem.alpha < 1.0 {
                sorted.clear();
                sorted.extend_from_slice(sums);
                let excess = self.weigh(period, &mut sorted);
                self.excesses += excess - self.excess[period];
                self.excess[period] = excess;
            }
        }
        self.sorted = sorted;
    }
}

/// Money it costs to leave a task.
fn left_cost(task: &super::compiled::Task) -> f64 {
    if task.is_mandatory {
        0.0
    } else {
        task.unplanned_cost
    }
}

/// What it costs to leave a task, penalty included.
pub(crate) fn undone(task: &super::compiled::Task) -> f64 {
    if task.is_mandatory {
        MISSING
    } else {
        task.unplanned_cost
    }
}

fn mean_and_excess(values: &mut [f64], rank: usize) -> (f64, f64) {
    let mean = mean(values);
    (mean, (nth(values, rank) - mean).max(0.0))
}

/// The value at this place of the sorted values.
fn nth(values: &mut [f64], rank: usize) -> f64 {
    // Most problems have a handful of scenarios, where this is several times faster.
    if values.len() > 12 {
        return *values.select_nth_unstable_by(rank, f64::total_cmp).1;
    }
    for end in 1..values.len() {
        let mut at = end;
        while at > 0 && values[at - 1] > values[at] {
            values.swap(at - 1, at);
            at -= 1;
        }
    }
    values[rank]
}
