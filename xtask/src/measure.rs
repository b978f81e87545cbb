//! What each step costs: wall and CPU seconds, a line when it ends and a table at the end. CPU is
//! that of the children that ended, read from the kernel's account of this process.

use std::time::{Duration, Instant};

use anyhow::Result;

/// One finished step.
pub(crate) struct Step {
    name: String,
    passed: bool,
    wall: Duration,
    cpu: Duration,
}

/// The steps of one task.
#[derive(Default)]
pub(crate) struct Ledger {
    steps: Vec<Step>,
}

impl Ledger {
    /// Runs a step that must succeed for the task to go on.
    pub(crate) fn must<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n── {name}");
        let (wall, cpu) = (Instant::now(), children_cpu());
        let result = work();
        self.add(
            name,
            result.is_ok(),
            wall.elapsed(),
            children_cpu().saturating_sub(cpu),
        );
        result
    }

    /// Runs a step whose failure is counted, so that one run shows all failures.
    pub(crate) fn tally(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> bool {
        let result = self.must(name, work);
        if let Err(error) = &result {
            eprintln!("error: {error:#}");
        }
        result.is_ok()
    }

    /// Enters a step measured by the caller.
    pub(crate) fn add(&mut self, name: &str, passed: bool, wall: Duration, cpu: Duration) {
        let mark = if passed { "ok" } else { "FAILED" };
        println!(
            "   {mark}: {:.1} s wall, {:.1} s CPU",
            wall.as_secs_f64(),
            cpu.as_secs_f64()
        );
        self.steps.push(Step {
            name: name.to_owned(),
            passed,
            wall,
            cpu,
        });
    }

    /// How many steps failed.
    pub(crate) fn failed(&self) -> usize {
        self.steps.iter().filter(|step| !step.passed).count()
    }

    /// How many steps passed.
    pub(crate) fn passed(&self) -> usize {
        self.steps.len() - self.failed()
    }

    /// The table of all steps with their sum.
    pub(crate) fn print_table(&self) {
        println!(
            "\n{:<34} {:>7} {:>9} {:>9}",
            "step", "result", "wall s", "CPU s"
        );
        for step in &self.steps {
            println!(
                "{:<34} {:>7} {:>9.1} {:>9.1}",
                step.name,
                if step.passed { "ok" } else { "FAILED" },
                step.wall.as_secs_f64(),
                step.cpu.as_secs_f64()
            );
        }
        let wall: Duration = self.steps.iter().map(|step| step.wall).sum();
        let cpu: Duration = self.steps.iter().map(|step| step.cpu).sum();
        println!(
            "{:<34} {:>7} {:>9.1} {:>9.1}",
            "total",
            "",
            wall.as_secs_f64(),
            cpu.as_secs_f64()
        );
    }
}

/// CPU time of all children that ended and were waited for. Zero where the kernel has no /proc.
fn children_cpu() -> Duration {
    stat_seconds("/proc/self/stat", 15, 16)
}

/// CPU time used so far by a process that still runs.
pub(crate) fn process_cpu(pid: u32) -> Duration {
    stat_seconds(&format!("/proc/{pid}/stat"), 13, 14)
}

/// Sum of two clock-tick fields of a stat file (counted from 0, after proc(5)).
fn stat_seconds(path: &str, user: usize, system: usize) -> Duration {
    // USER_HZ is 100 on every Linux this is built for.
    const TICK: Duration = Duration::from_millis(10);
    let ticks = std::fs::read_to_string(path)
        .ok()
        .and_then(|text| ticks(&text, user, system));
    TICK * ticks.unwrap_or(0)
}

fn ticks(stat: &str, user: usize, system: usize) -> Option<u32> {
    // The command name may hold spaces, so count from its closing bracket (field 1).
    let fields: Vec<&str> = stat
        .get(stat.rfind(')')? + 1..)?
        .split_whitespace()
        .collect();
    let field = |n: usize| fields.get(n - 2)?.parse::<u32>().ok();
    Some(field(user)?.saturating_add(field(system)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ticks_behind_a_command_name_with_spaces() {
        let stat = "7 (a (b) c) S 3 4 5 6 7 8 9 10 11 12 130 14 150 16 17";
        assert_eq!(ticks(stat, 13, 14), Some(144));
        assert_eq!(ticks(stat, 15, 16), Some(166));
        assert_eq!(ticks("7 (cut", 13, 14), None);
    }

    #[test]
    fn counts_failed_and_passed_steps() {
        let mut ledger = Ledger::default();
        assert!(ledger.tally("good", || Ok(())));
        assert!(!ledger.tally("bad", || anyhow::bail!("no")));
        assert_eq!((ledger.passed(), ledger.failed()), (1, 1));
    }
}
