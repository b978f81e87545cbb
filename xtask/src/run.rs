//! `cargo xtask run`: everything from a fresh checkout to a running appliance with its demo plant.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    measure::{Ledger, process_cpu},
    shell::{self, built_program, cargo, command, run as run_command, say},
    system, ui, window,
};

const DEFAULT_PORT: u16 = 8686;
/// A first start fills the historian with the plant's past, which takes a while on a slow disk.
const READY_WITHIN: Duration = Duration::from_secs(300);
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// What the command line may set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    headless: bool,
    demo: bool,
    port: u16,
    data_dir: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self {
            headless: false,
            demo: true,
            port: DEFAULT_PORT,
            data_dir: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .with_context(|| format!("`{arg}` needs a value behind it"))
            };
            match arg.as_str() {
                "--headless" => options.headless = true,
                "--no-demo" => options.demo = false,
                "--port" => {
                    let text = value()?;
                    options.port = text
                        .parse()
                        .ok()
                        .filter(|port| *port > 0)
                        .with_context(|| format!("`{text}` is no port: 1 to 65535"))?;
                }
                "--data-dir" => options.data_dir = Some(PathBuf::from(value()?)),
                other => bail!("`run` has no option `{other}`"),
            }
        }
        Ok(options)
    }

    fn data_dir(&self) -> Result<PathBuf> {
        if let Some(dir) = &self.data_dir {
            return Ok(std::path::absolute(dir)?);
        }
        let share = std::env::var_os("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share")))
            .context("neither HOME nor XDG_DATA_HOME is set; name a folder with --data-dir")?;
        Ok(share.join(if self.demo { "optria-demo" } else { "optria" }))
    }
}

/// Builds and runs until Ctrl-C, or until the appliance ends.
pub(crate) fn run(options: &Options) -> Result<()> {
    let with_window = !options.headless && window::has_display();
    let mut ledger = Ledger::default();
    check_port(options.port)?;
    let mut packages = vec![system::BUILD];
    if with_window {
        packages.push(system::WINDOW);
    }
    ledger.must("system packages", || system::ensure(&packages))?;
    ledger.must("packages of the front end", ui::install)?;
    ledger.must("build of the front end", ui::build)?;
    ledger.must("build of the programs", || {
        // `--workspace` keeps the features, and so the build, the same as in `cargo xtask test`.
        let mut build = cargo();
        build.args(["build", "--workspace", "--bin", "optria"]);
        if with_window {
            build.args(["--bin", "optria-desktop"]);
        }
        run_command(&mut build)
    })?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let data_dir = options.data_dir()?;
    let started = Instant::now();
    println!("\n── start");
    let mut appliance = Running::start("appliance", options.serve_command(&data_dir)?)?;
    let announced = relay(&mut appliance)?;
    wait_until_ready(&mut appliance, options.port, &announced, &stop)?;
    ledger.add(
        "start",
        true,
        started.elapsed(),
        process_cpu(appliance.child.id()),
    );
    ledger.print_table();
    let url = format!("http://127.0.0.1:{}", options.port);
    announce(&url, &data_dir, options.demo);
    let mut open = None;
    if with_window {
        let mut command = command(built_program("optria-desktop")?);
        command.arg("--data-dir").arg(&data_dir);
        open = Some(Running::start("window", command)?);
    } else {
        say(
            "Open the address in a browser. Ctrl-C stops everything.",
            "افتح العنوان في المتصفح. يوقف Ctrl-C كل شيء.",
        );
    }
    let ended = watch(&mut appliance, open.as_mut(), &stop);
    drop(open);
    drop(appliance);
    ended
}

impl Options {
    fn serve_command(&self, data_dir: &Path) -> Result<std::process::Command> {
        let mut serve = command(built_program("optria")?);
        serve.arg(if self.demo { "demo" } else { "serve" });
        serve
            .arg("--data-dir")
            .arg(data_dir)
            .arg("--port")
            .arg(self.port.to_string());
        serve.stdout(Stdio::piped());
        if std::env::var_os("OPTRIA_LOG").is_none() {
            // What a developer has to see; the protocol libraries tell each connection otherwise.
            serve.env(
                "OPTRIA_LOG",
                "warn,opcua_client=error,opcua_crypto=error,opcua_server=error",
            );
        }
        Ok(serve)
    }
}

pub(crate) fn check_port(port: u16) -> Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map(drop)
        .with_context(|| {
            format!(
                "port {port} of this machine is taken, perhaps by an appliance that already runs. \
             Stop that program, or choose another port with --port"
            )
        })
}

fn announce(url: &str, data_dir: &Path, demo: bool) {
    println!();
    say(
        &format!("OPTRIA IQ runs at {url}"),
        &format!("‏OPTRIA IQ يعمل على العنوان ‎{url}"),
    );
    println!("data folder · مجلد البيانات: {}", data_dir.display());
    if demo {
        let program = shell::built("optria");
        let (program, folder) = (program.display(), data_dir.display());
        say(
            "Demo users: demo@aramco.com (tenant administrator) and admin@optria.io (platform owner). \
             Their passwords were printed above at the first start of this data folder. \
             For a new one, stop and run:",
            "مستخدما التجربة: demo@aramco.com (مسؤول الجهة) وadmin@optria.io (مالك المنصة). \
             طُبعت كلمتا المرور أعلاه عند أول تشغيل لمجلد البيانات هذا. للحصول على كلمة جديدة أوقف البرنامج ثم شغّل:",
        );
        println!("  {program} user reset-password demo@aramco.com --data-dir {folder}");
        say(
            "The faults that the demo plant can develop:",
            "الأعطال التي يمكن أن تظهر في المصنع التجريبي:",
        );
        println!("  {program} plant faults --dir {folder}/plant");
    } else {
        say(
            "The first page creates the first administrator.",
            "تنشئ الصفحة الأولى أول مسؤول.",
        );
    }
}

fn watch(
    appliance: &mut Running,
    mut window: Option<&mut Running>,
    stop: &AtomicBool,
) -> Result<()> {
    loop {
        if stop.load(Ordering::SeqCst) {
            say("\nStopping.", "جارٍ الإيقاف.");
            return Ok(());
        }
        if let Some(status) = appliance.child.try_wait()? {
            bail!("the appliance ended by itself ({status}); its last lines above say why");
        }
        if let Some(open) = &mut window
            && open.child.try_wait()?.is_some()
        {
            say(
                "The window was closed; the appliance runs on. Ctrl-C stops it.",
                "أُغلقت النافذة وما زال البرنامج يعمل. يوقفه Ctrl-C.",
            );
            window = None;
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Passes on what the appliance prints, and notes when it has said everything it says at a start
/// (the passwords of the demo users among it).
fn relay(appliance: &mut Running) -> Result<Arc<AtomicBool>> {
    let stdout = appliance
        .child
        .stdout
        .take()
        .context("the appliance has no output")?;
    let announced = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&announced);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.starts_with("ready ") {
                note.store(true, Ordering::SeqCst);
            } else {
                println!("{line}");
            }
        }
    });
    Ok(announced)
}

fn wait_until_ready(
    appliance: &mut Running,
    port: u16,
    announced: &AtomicBool,
    stop: &AtomicBool,
) -> Result<()> {
    let until = Instant::now() + READY_WITHIN;
    while !(announced.load(Ordering::SeqCst) && is_ready(port)) {
        if let Some(status) = appliance.child.try_wait()? {
            bail!("the appliance ended before it was ready ({status}); its lines above say why");
        }
        if stop.load(Ordering::SeqCst) {
            bail!("stopped before the appliance was ready");
        }
        if Instant::now() > until {
            bail!(
                "the appliance was not ready after {} s",
                READY_WITHIN.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Asks `/health/ready`, by hand: this tool has no HTTP library.
pub(crate) fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let wait = Duration::from_secs(2);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, wait)?;
        stream.set_read_timeout(Some(wait))?;
        write!(
            stream,
            "GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = [0_u8; 12];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// A program of ours that is stopped, gently first, when this value goes.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    pub(crate) fn start(name: &'static str, mut command: std::process::Command) -> Result<Self> {
        // A group of its own: Ctrl-C reaches this tool alone, which then stops things in order.
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("the {name} could not be started"))?;
        Ok(Self { name, child })
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// What it prints, to be taken once.
    pub(crate) fn output(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let asked = command("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status();
        let until = Instant::now() + STOP_WITHIN;
        while asked.as_ref().is_ok_and(std::process::ExitStatus::success) && Instant::now() < until
        {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        eprintln!("The {} did not stop when asked, so it is ended.", self.name);
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("The {} could not be ended: {error}", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options> {
        Options::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn reads_every_option() {
        let options = parse(&[
            "--headless",
            "--no-demo",
            "--port",
            "9000",
            "--data-dir",
            "/d",
        ]);
        let expected = Options {
            headless: true,
            demo: false,
            port: 9000,
            data_dir: Some(PathBuf::from("/d")),
        };
        assert_eq!(options.unwrap(), expected);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for args in [
            &["--port"][..],
            &["--port", "0"],
            &["--port", "70000"],
            &["--fast"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn says_that_a_port_is_taken() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(check_port(port).unwrap_err().to_string().contains("--port"));
    }

    #[test]
    fn a_stopped_program_is_gone() {
        let mut sleep = command("sleep");
        sleep.arg("600");
        let running = Running::start("sleeper", sleep).unwrap();
        let stat = format!("/proc/{}/stat", running.child.id());
        drop(running);
        assert!(!Path::new(&stat).exists());
    }
}
