//! The processes of the bench: this program started again in another part, with its own CPU time and
//! memory, so that the plant, the appliance and the reading client are not mixed up.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Serialize, de::DeserializeOwned};

/// Clock ticks per second in the kernel's answers to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// A child that takes orders.
pub(crate) struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program in the part `name` and waits for its first line.
    pub(crate) fn start<T: DeserializeOwned, A: AsRef<OsStr>>(
        name: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Result<(Self, T)> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(name)
            .args(args)
            // What is set for another installation must not reach this one.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} can't be started"))?;
        let streams = child.stdin.take().zip(child.stdout.take());
        let (orders, answers) = streams.context("the child has no pipes")?;
        let mut process = Self {
            child,
            orders: Some(orders),
            answers: BufReader::new(answers),
        };
        let first = process
            .line()
            .with_context(|| format!("{name} did not start"))?;
        Ok((process, serde_json::from_str(&first)?))
    }

    /// Gives an order and waits for its answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, order: &impl Serialize) -> Result<T> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        let orders = self.orders.as_mut().context("the child was stopped")?;
        orders.write_all(line.as_bytes())?;
        let answer: Result<T, String> = serde_json::from_str(&self.line()?)?;
        answer.map_err(|reason| anyhow!("{}: {reason}", line.trim_end()))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the child ended");
        }
        Ok(line)
    }

    /// Ends it in an orderly way.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.orders.take());
        let status = self.child.wait()?;
        if !status.success() {
            bail!("a part of the bench ended with {status}");
        }
        Ok(())
    }

    /// CPU seconds used so far.
    pub(crate) fn cpu(&self) -> f64 {
        cpu(&self.child.id().to_string())
    }

    /// Resident memory now and at its peak, in MiB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let file = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(file).unwrap_or_default();
        let mib = |name: &str| {
            let kib = status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
            kib.and_then(|kib| kib.parse::<f64>().ok())
                .map_or(f64::NAN, |kib| kib / 1_024.0)
        };
        (mib("VmRSS:"), mib("VmHWM:"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After an orderly end both do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// CPU seconds this process used so far.
pub(crate) fn own_cpu() -> f64 {
    cpu("self")
}

/// User and system time; not a number where the kernel does not tell.
fn cpu(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold spaces; user and system time are fields 14 and 15 of the line.
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return f64::NAN;
    };
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    match ticks[..] {
        [user, system] => (user + system) / TICKS_PER_SECOND,
        _ => f64::NAN,
    }
}
