//! `cargo xtask airgap`: the appliance and its pages in a network of nothing but loopback, without a
//! name server, under strace. Every destination that a program named is printed with a verdict, and one
//! that is neither this machine nor a configured system fails the task.
//!
//! The task starts itself again inside the closed network, so that what runs there can be waited for.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    closed::{self, INSIDE, Said},
    measure::Ledger,
    run::is_ready,
    shell::{built_program, cargo, command, root, run, target_dir},
    system,
    trace::{self, Call, Verdict},
    ui,
};

/// How long the demonstration is left alone after its smoke test: its jobs run every minute.
const WATCH: Duration = Duration::from_secs(75);
const READY_WITHIN: Duration = Duration::from_secs(600);
const USAGE: &str = "`airgap` takes --all, --program FILE and --system ADDRESS:PORT";

/// What the command line may set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// All browser tests instead of the story in one language.
    all: bool,
    /// A program that is built already, such as that of a package.
    program: Option<PathBuf>,
    /// Systems that may be reached beside loopback.
    systems: BTreeSet<SocketAddr>,
    inside: bool,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .with_context(|| format!("`{arg}` needs a value behind it"))
            };
            match arg.as_str() {
                "--all" => options.all = true,
                "--program" => options.program = Some(std::path::absolute(value()?)?),
                "--system" => {
                    let text = value()?;
                    let system = text
                        .parse()
                        .with_context(|| format!("`{text}` is no address with a port"))?;
                    options.systems.insert(system);
                }
                INSIDE => options.inside = true,
                other => bail!("`airgap` has no option `{other}`; {USAGE}"),
            }
        }
        Ok(options)
    }

    /// The same again for the inner half.
    fn arguments(&self, program: &Path) -> Vec<String> {
        let mut args = vec!["--program".to_owned(), program.display().to_string()];
        if self.all {
            args.push("--all".to_owned());
        }
        for system in &self.systems {
            args.extend(["--system".to_owned(), system.to_string()]);
        }
        args
    }
}

/// Builds, closes the network and looks.
pub(crate) fn airgap(options: &Options) -> Result<()> {
    if options.inside {
        return inside(options);
    }
    system::ensure(&[system::BUILD, system::TESTS, system::AIRGAP])?;
    ui::install()?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build(options)?,
    };
    closed::again("airgap", &options.arguments(&program))
}

fn build(options: &Options) -> Result<PathBuf> {
    ui::build()?;
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", "optria"]);
    if options.all {
        build.args(["--bin", "optria-hub"]);
        build.args(["--example", "history_db", "--example", "hub_db"]);
    }
    run(&mut build)?;
    built_program("optria")
}

fn inside(options: &Options) -> Result<()> {
    let program = options.program.as_deref().context(USAGE)?;
    let folder = target_dir().join("airgap");
    fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let here = Here {
        program,
        folder: &folder,
    };
    let mut ledger = Ledger::default();
    ledger.must("the network is closed", closed::close)?;
    ledger.must("what reaches out is caught", || here.control())?;
    let mut calls = Vec::new();
    let mut stage = |name: &str, work: &dyn Fn(&Path) -> Result<()>| {
        let file = folder.join(format!("{}.trace", name.replace(' ', "-")));
        ledger.tally(name, || work(&file));
        ledger.tally(&format!("{name}: the trace"), || {
            let found = read(&file)?;
            judge(name, &found, &options.systems)?;
            calls.extend(found);
            Ok(())
        });
    };
    stage("first start", &|file| here.first_start(file));
    stage("smoke", &|file| {
        let mut smoke = here.traced(file);
        run(smoke.arg(program).arg("smoke"))
    });
    stage("browser", &|file| {
        let mut tests = here.traced(file);
        tests.args(["npm", "run", "e2e", "--"]);
        if !options.all {
            tests.args(["story", "-g", "main job, en"]);
        }
        run(tests
            .env("OPTRIA_BIN", program)
            .current_dir(root().join("ui")))
    });
    println!("\nall stages");
    print_table(&calls, &options.systems);
    ledger.print_table();
    println!("\n{} passed, {} failed", ledger.passed(), ledger.failed());
    ensure!(ledger.failed() == 0, "see above");
    Ok(())
}

/// What is tried, and where.
#[derive(Clone, Copy)]
struct Here<'a> {
    program: &'a Path,
    folder: &'a Path,
}

impl Here<'_> {
    /// strace that writes to `file`; the program and its arguments are to be added. What is sent is not
    /// written down: it may be a password.
    fn traced(self, file: &Path) -> Command {
        let mut strace = command("strace");
        strace
            .args(["-f", "-qq", "--seccomp-bpf", "-s", "0"])
            .args(["-e", trace::CALLS, "-e", "signal=none", "-o"])
            .arg(file);
        strace
    }

    /// A program that does reach out has to be found, or the trace proves nothing.
    fn control(self) -> Result<()> {
        const REACHES_OUT: &str = "
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.sendto(b'', ('127.0.0.1', 53))
try:
    socket.create_connection(('192.0.2.1', 443), timeout=1)
except OSError:
    pass
";
        let file = self.folder.join("control.trace");
        run(self.traced(&file).args(["python3", "-c", REACHES_OUT]))?;
        let leaks: BTreeSet<String> = read(&file)?
            .iter()
            .filter(|call| matches!(call.verdict(&BTreeSet::new()), Verdict::Leak(_)))
            .map(|call| call.place.to_string())
            .collect();
        for expected in ["127.0.0.1:53", "192.0.2.1:443"] {
            ensure!(
                leaks.contains(expected),
                "{expected} was asked for, and the trace says {leaks:?}"
            );
        }
        Ok(())
    }

    /// A demonstration from an empty folder, its smoke test, and some minutes of its jobs.
    fn first_start(self, file: &Path) -> Result<()> {
        let data = self.folder.join("data");
        closed::fresh(&data)?;
        let mut demo = self.traced(file);
        demo.arg(self.program)
            .arg("demo")
            .arg("--data-dir")
            .arg(&data)
            .args(["--port", "0", "--plant-port", "0", "--history-min", "60"])
            .env("DEMO_MODE", "true")
            .env("OPTRIA_LOG", "error")
            .stdout(Stdio::piped());
        let mut demo = Stopped::start(demo, file)?;
        let began = Instant::now();
        let said = demo.said()?;
        ensure!(
            is_ready(said.port),
            "the appliance says it is ready, and is not"
        );
        println!("   ready after {:.1} s", began.elapsed().as_secs_f64());
        run(command(self.program)
            .arg("smoke")
            .args(["--url", &format!("http://127.0.0.1:{}", said.port)])
            .args(["--user", &said.owner])
            .env("OPTRIA_SMOKE_PASSWORD", &said.password))?;
        let until = Instant::now() + WATCH;
        while Instant::now() < until {
            ensure!(demo.runs()?, "the appliance ended by itself");
            thread::sleep(Duration::from_millis(200));
        }
        ensure!(is_ready(said.port), "the appliance is not ready any more");
        demo.stop()?;
        fs::remove_dir_all(&data)?;
        Ok(())
    }
}

/// A traced program. strace itself keeps no signal: the one that has to end is the program below it,
/// whose number stands first in the trace.
struct Stopped<'a> {
    strace: std::process::Child,
    file: &'a Path,
}

impl<'a> Stopped<'a> {
    fn start(mut strace: Command, file: &'a Path) -> Result<Self> {
        let strace = strace.spawn().context("strace could not be started")?;
        Ok(Self { strace, file })
    }

    fn runs(&mut self) -> Result<bool> {
        Ok(self.strace.try_wait()?.is_none())
    }

    fn said(&mut self) -> Result<Said> {
        let stdout = self.strace.stdout.take().context("there is no output")?;
        let (send, lines) = std::sync::mpsc::channel();
        // Reads on to the end, so that the program never waits for somebody to listen.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    continue;
                }
            }
        });
        let until = Instant::now() + READY_WITHIN;
        let left = || until.saturating_duration_since(Instant::now());
        Said::read(std::iter::from_fn(|| lines.recv_timeout(left()).ok()))
    }

    fn stop(mut self) -> Result<()> {
        self.ask_to_end()?;
        let ended = self.strace.wait()?;
        ensure!(ended.success(), "the appliance ended with {ended}");
        Ok(())
    }

    fn ask_to_end(&self) -> Result<()> {
        let text = fs::read_to_string(self.file)?;
        let pid = text.split(' ').next().unwrap_or_default();
        ensure!(!pid.is_empty(), "the trace is empty");
        run(command("kill").args(["-TERM", pid]))
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if matches!(self.strace.try_wait(), Ok(None)) {
            let ended = self.ask_to_end().and_then(|()| Ok(self.strace.wait()?));
            if let Err(error) = ended {
                eprintln!("The appliance could not be ended: {error:#}");
            }
        }
    }
}

fn read(file: &Path) -> Result<Vec<Call>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    ensure!(!text.is_empty(), "{} is empty", file.display());
    Ok(trace::read(&text))
}

fn judge(name: &str, calls: &[Call], systems: &BTreeSet<SocketAddr>) -> Result<()> {
    // A trace of nothing would prove nothing: every stage talks over loopback.
    let is_alive = calls
        .iter()
        .any(|call| call.verdict(systems) == Verdict::Fine("loopback"));
    ensure!(
        is_alive,
        "the trace of `{name}` shows no call over loopback"
    );
    print_table(calls, systems);
    let leaks = calls
        .iter()
        .filter(|call| matches!(call.verdict(systems), Verdict::Leak(_)))
        .count();
    ensure!(leaks == 0, "{leaks} calls of `{name}` are not allowed");
    Ok(())
}

fn print_table(calls: &[Call], systems: &BTreeSet<SocketAddr>) {
    println!(
        "   {:<14} {:<36} {:>6} {:>6}  verdict",
        "program", "destination", "ports", "calls"
    );
    for row in trace::table(calls, systems) {
        let verdict = match row.verdict {
            Verdict::Leak(why) => format!("NOT ALLOWED: {why}"),
            Verdict::Excepted(why) => format!("excepted: {why}"),
            Verdict::Fine(why) => format!("ok: {why}"),
        };
        println!(
            "   {:<14} {:<36} {:>6} {:>6}  {verdict}",
            row.program, row.place, row.ports, row.calls
        );
    }
    // A table cut by a crash of this tool would look whole.
    if let Err(error) = std::io::stdout().flush() {
        eprintln!("The table could not be written: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options> {
        Options::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_inner_half_is_told_what_the_outer_one_was() {
        let mut options = parse(&["--all", "--system", "10.1.2.3:4840"]).unwrap();
        let mut again = Options::parse(&options.arguments(Path::new("/p"))).unwrap();
        assert!(!again.inside);
        again.inside = true;
        options.program = Some("/p".into());
        options.inside = true;
        assert_eq!(again, options);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for args in [&["--system", "plant"][..], &["--program"], &["--fast"]] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }
}
