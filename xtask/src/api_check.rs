//! `cargo xtask api-check`: requests that schemathesis makes from the OpenAPI document of a running
//! appliance, or with `--hub` of a hub, right ones and wrong ones, with all of its checks: no 5xx, no
//! answer that the document does not name, no route that takes a caller without its session. It runs in a
//! closed network: what is drawn for an address of a plant's system must never be somebody's.

mod hub;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    closed::{self, INSIDE, Said},
    http::{Session, head},
    measure::Ledger,
    python,
    run::{Running, is_ready},
    shell::{built_program, cargo, command, root, run, target_dir},
    system, ui,
};

/// Enough to see the most, quick enough to be asked for.
const EXAMPLES: u32 = 10;
const INCIDENT_WITHIN: Duration = Duration::from_secs(420);
/// Operations that requests can't be drawn for, each looked at by hand below.
const BY_HAND: [&str; 1] = ["/api/live"];

/// What the command line may set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Requests drawn for an operation; those at the bounds of each field come on top.
    examples: u32,
    /// A hub is asked instead of an appliance.
    hub: bool,
    /// A program that is built already.
    program: Option<PathBuf>,
    /// Only the paths that match.
    only: Option<String>,
    /// Makes a run the same again.
    seed: Option<u64>,
    inside: bool,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self {
            examples: EXAMPLES,
            hub: false,
            program: None,
            only: None,
            seed: None,
            inside: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .with_context(|| format!("`{arg}` needs a value behind it"))
            };
            match arg.as_str() {
                "--examples" => {
                    let text = value()?;
                    options.examples = text
                        .parse()
                        .ok()
                        .filter(|count| *count > 0)
                        .with_context(|| format!("`{text}` is no number of examples"))?;
                }
                "--hub" => options.hub = true,
                "--program" => options.program = Some(std::path::absolute(value()?)?),
                "--only" => options.only = Some(value()?.clone()),
                "--seed" => {
                    let text = value()?;
                    let seed = text.parse();
                    options.seed = Some(seed.with_context(|| format!("`{text}` is no seed"))?);
                }
                INSIDE => options.inside = true,
                other => bail!(
                    "`api-check` has no option `{other}`; it takes --hub, --examples N, \
                     --program FILE, --only REGEX and --seed N"
                ),
            }
        }
        Ok(options)
    }

    /// The same again for the inner half.
    fn arguments(&self, program: &Path) -> Vec<String> {
        let mut args = vec![
            "--program".to_owned(),
            program.display().to_string(),
            "--examples".to_owned(),
            self.examples.to_string(),
        ];
        if self.hub {
            args.push("--hub".to_owned());
        }
        if let Some(only) = &self.only {
            args.extend(["--only".to_owned(), only.clone()]);
        }
        if let Some(seed) = self.seed {
            args.extend(["--seed".to_owned(), seed.to_string()]);
        }
        args
    }
}

/// Builds, installs, closes the network and asks.
pub(crate) fn api_check(options: &Options) -> Result<()> {
    if options.inside {
        return inside(options);
    }
    system::ensure(&[system::BUILD, system::TESTS, system::AIRGAP])?;
    python::environment(&requirements())?;
    let name = if options.hub { "optria-hub" } else { "optria" };
    if options.hub {
        system::ensure(&[system::POSTGRES])?;
        run(cargo().args(["build", "--workspace", "--example", "hub_db"]))?;
    }
    let program = match &options.program {
        Some(program) => program.clone(),
        None => {
            ui::install()?;
            ui::build()?;
            run(cargo().args(["build", "--workspace", "--bin", name]))?;
            built_program(name)?
        }
    };
    closed::again("api-check", &options.arguments(&program))
}

fn requirements() -> PathBuf {
    root().join("tests/api/requirements.txt")
}

fn inside(options: &Options) -> Result<()> {
    let program = options.program.as_deref().context("no program")?;
    let folder = target_dir().join("api-check");
    closed::fresh(&folder)?;
    let ledger = match options.hub {
        true => hub::inside(options, program, &folder)?,
        false => appliance(options, program, &folder)?,
    };
    ledger.print_table();
    println!("\n{} passed, {} failed", ledger.passed(), ledger.failed());
    ensure!(
        ledger.failed() == 0,
        "see above; the log and the report are in {}",
        folder.display()
    );
    Ok(())
}

fn appliance(options: &Options, program: &Path, folder: &Path) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    ledger.must("the network is closed", closed::close)?;
    let (mut appliance, said) = ledger.must("a demonstration starts", || start(program, folder))?;
    ledger.must("it has an incident", || have_an_incident(&said))?;
    ledger.tally("what is looked at by hand", || by_hand(&said));
    ledger.tally("requests from the document", || {
        let target = Target {
            said: &said,
            told: Vec::new(),
            exclude: BY_HAND
                .into_iter()
                .flat_map(|path| ["--exclude-path", path])
                .collect(),
            left_out: BY_HAND.len() as u64,
        };
        ask(options, folder, &target)
    });
    ledger.tally("it still runs, and nothing panicked", || {
        still_runs(&mut appliance, said.port, folder)
    });
    drop(appliance);
    Ok(ledger)
}

fn still_runs(program: &mut Running, port: u16, folder: &Path) -> Result<()> {
    ensure!(program.ended()?.is_none(), "the program ended");
    ensure!(is_ready(port), "the program is not ready any more");
    let log = fs::read_to_string(folder.join("log"))?;
    let panics: Vec<&str> = log.lines().filter(|l| l.contains("panicked")).collect();
    ensure!(panics.is_empty(), "the log says {panics:#?}");
    Ok(())
}

/// Whom to ask.
struct Target<'a> {
    said: &'a Said,
    /// What signing in takes beside a name and a password.
    told: Vec<(&'static str, String)>,
    /// Arguments that name what requests are not drawn for.
    exclude: Vec<&'static str>,
    /// How many operations of the document those are.
    left_out: u64,
}

fn start(program: &Path, folder: &Path) -> Result<(Running, Said)> {
    let log = fs::File::create(folder.join("log"))?;
    let mut demo = command(program);
    demo.arg("demo")
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--port", "0", "--plant-port", "0", "--history-min", "60"])
        .env("DEMO_MODE", "true")
        .env("OPTRIA_LOG", "error")
        // Everything is asked by one session, faster than any page does.
        .env("OPTRIA_REQUESTS_PER_SECOND", "0")
        .stdout(Stdio::piped())
        .stderr(log);
    let mut demo = Running::start("appliance", demo)?;
    let stdout = demo.output().context("the appliance has no output")?;
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let said = Said::read(&mut lines)?;
    // Read on, so that it never waits for somebody to listen.
    thread::spawn(move || lines.for_each(drop));
    Ok((demo, said))
}

/// A healthy plant has nothing to investigate: a bearing wears until protection stops the pump.
fn have_an_incident(said: &Said) -> Result<()> {
    let session = Session::open(said.port, &said.owner, &said.password)?;
    let fault = json!({"asset": "P-102A", "fault": "bearing_wear", "over_s": 60});
    session.ask("POST", "/api/plant/inject", &fault)?;
    let until = Instant::now() + INCIDENT_WITHIN;
    loop {
        let found = session.ask("GET", "/api/blackbox/incidents?limit=1", &Value::Null)?;
        if found["total"].as_u64().is_some_and(|total| total > 0) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "no incident was opened");
        thread::sleep(Duration::from_secs(1));
    }
}

/// The stream of live values never ends, so that no request for it can be waited for: its head alone is
/// read, with and without a session.
fn by_hand(said: &Said) -> Result<()> {
    let session = Session::open(said.port, &said.owner, &said.password)?;
    for path in BY_HAND {
        let without = head(said.port, path, "")?;
        ensure!(without.starts_with("HTTP/1.1 401"), "{path}: {without}");
        let with = head(said.port, path, session.cookie())?.to_lowercase();
        ensure!(
            with.starts_with("http/1.1 200") && with.contains("content-type: text/event-stream"),
            "{path}: {with}"
        );
        println!("   {path}: 401 without a session, an event stream with one");
    }
    Ok(())
}

fn ask(options: &Options, folder: &Path, target: &Target<'_>) -> Result<()> {
    let said = target.said;
    let url = format!("http://127.0.0.1:{}", said.port);
    let report = folder.join("report.json");
    let mut requests = command(python::environment(&requirements())?.join("st"));
    requests
        .arg("--config-file")
        .arg(root().join("tests/api/schemathesis.toml"))
        .args(["--no-color", "run", &format!("{url}/api/openapi.json")])
        .args(["--checks", "all", "--request-timeout", "120"])
        .args(["--header", &format!("Origin: {url}")])
        .args(["--max-examples", &options.examples.to_string()])
        .args(["--report", "json", "--report-json-path"])
        .arg(&report)
        .env("OPTRIA_CHECK_URL", &url)
        .env("OPTRIA_CHECK_USER", &said.owner)
        .env("OPTRIA_CHECK_PASSWORD", &said.password)
        .env("SCHEMATHESIS_HOOKS", root().join("tests/api/hooks.py"))
        .env("PYTHONPATH", root().join("tests/api"))
        // What it learns of one run must not change the next.
        .current_dir(folder);
    requests.args(&target.exclude);
    for (name, value) in &target.told {
        requests.env(name, value);
    }
    if let Some(only) = &options.only {
        requests.args(["--include-path-regex", only]);
    }
    if let Some(seed) = options.seed {
        requests.args(["--seed", &seed.to_string()]);
    }
    let asked = run(&mut requests);
    let text = fs::read_to_string(&report).unwrap_or_default();
    if text.is_empty() {
        return asked.and_then(|()| bail!("there is no report"));
    }
    let report: Value = serde_json::from_str(&text)?;
    let counted = summary(&report, options.only.is_some(), target.left_out)?;
    println!("   {counted}");
    asked
}

/// What the report counts. A run that looked at less than it was to is an error, however well it ended.
fn summary(report: &Value, is_part: bool, left_out: u64) -> Result<String> {
    let count = |at: &str| {
        let found = report.pointer(at).and_then(Value::as_u64);
        found.with_context(|| format!("the report has no {at}"))
    };
    let [total, selected, tested, errored] =
        ["total", "selected", "tested", "errored"].map(|n| count(&format!("/operations/{n}")));
    let (total, selected, tested, errored) = (total?, selected?, tested?, errored?);
    ensure!(
        tested == selected && errored == 0 && tested > 0,
        "{tested} of {selected} operations were asked, {errored} could not be"
    );
    ensure!(
        is_part || selected + left_out == total,
        "{selected} of {total} operations were chosen"
    );
    ensure!(
        report["complete"] == true,
        "the run did not end by itself: {}",
        report["stop_reason"]
    );
    Ok(format!(
        "{tested} of {total} operations ({left_out} left out), {} requests, {} kinds of failure, {} s, seed {}",
        count("/test_cases/generated")?,
        count("/test_cases/unique_failures")?,
        report["running_time"].as_f64().unwrap_or_default().round(),
        report["seed"],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options> {
        Options::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_inner_half_is_told_what_the_outer_one_was() {
        let mut options = parse(&[
            "--hub",
            "--examples",
            "200",
            "--only",
            "^/api/s",
            "--seed",
            "7",
        ])
        .unwrap();
        let again = Options::parse(&options.arguments(Path::new("/p"))).unwrap();
        options.program = Some("/p".into());
        assert_eq!(again, options);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for args in [
            &["--examples"][..],
            &["--examples", "0"],
            &["--seed", "x"],
            &["--fast"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn a_run_that_left_something_out_does_not_count() {
        let report = |total: u64, selected: u64, tested: u64, complete: bool| {
            json!({
                "operations": {"total": total, "selected": selected, "tested": tested, "errored": 0},
                "test_cases": {"generated": 40, "unique_failures": 0},
                "complete": complete, "stop_reason": "interrupted", "running_time": 1.5, "seed": 3,
            })
        };
        let said = summary(&report(11, 10, 10, true), false, 1).unwrap();
        assert!(
            said.contains("10 of 11 operations (1 left out), 40 requests"),
            "{said}"
        );
        assert!(summary(&report(11, 9, 9, true), true, 1).is_ok());
        for (report, is_part) in [
            (report(11, 9, 9, true), false),
            (report(11, 10, 9, true), false),
            (report(11, 10, 10, false), false),
            (report(11, 0, 0, true), true),
            (json!({}), true),
        ] {
            assert!(summary(&report, is_part, 1).is_err(), "{report}");
        }
    }
}
