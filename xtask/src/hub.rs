//! `cargo xtask hub`: a hub to try, from a fresh checkout: a throw-away Postgres from the system's
//! packages, the first platform owner, two instances on the one database, a demo organisation, and two
//! demo appliances that enrolled with it. Nothing of it is left when it ends.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::{
    http::Session,
    run::{Running, check_port, is_ready},
    shell::{built_program, capture, cargo, command, run as run_command, say, target_dir},
    system, ui,
};

const PORTS: [u16; 2] = [8091, 8092];
const APPLIANCES: [(u16, &str); 2] = [(8093, "Jubail plant"), (8094, "Yanbu plant")];
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Both instances are given the same; nothing of it outlives the database.
const SECRETS: [(&str, &str); 2] = [
    (
        "SESSION_SECRET",
        "session secret of a hub that is thrown away",
    ),
    ("OPTRIA_HUB_KEY", "sealing key of a hub that is thrown away"),
];

/// Who owns the tables, and who serves.
pub(crate) const OWNER: &str = "hub_owner:owner-7";
pub(crate) const SERVES: &str = "optria_hub:hub-7";

/// Builds and runs until Ctrl-C.
pub(crate) fn hub(arguments: Result<()>) -> Result<()> {
    arguments?;
    for port in PORTS.into_iter().chain(APPLIANCES.map(|(port, _)| port)) {
        check_port(port)?;
    }
    system::ensure(&[system::BUILD, system::POSTGRES])?;
    ui::install()?;
    ui::build()?;
    run_command(cargo().args([
        "build",
        "--workspace",
        "--bin",
        "optria-hub",
        "--bin",
        "optria",
        "--example",
        "hub_db",
    ]))?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let folder = Folder::new()?;
    let (database, port) = database()?;
    let program = built_program("optria-hub")?;
    run_command(as_role(&program, OWNER, port, &folder.0).arg("migrate"))?;
    let hub = |args: &[&str]| -> Result<Command> {
        let mut program = as_role(&program, SERVES, port, &folder.0);
        program.args(args);
        Ok(program)
    };
    let owner = capture(&mut hub(&["bootstrap"])?)?;
    let mut running = Vec::new();
    for serves in PORTS {
        let mut serve = hub(&["serve", "--listen", &format!("127.0.0.1:{serves}")])?;
        serve.stdout(Stdio::null());
        running.push(Running::start("hub", serve)?);
        wait_until_ready(serves, running.last_mut(), &stop)?;
    }
    let demo = capture(&mut hub(&["demo"])?)?;
    let tenant = demo
        .split([' ', ',', '،', '\n'])
        .find(|word| word.starts_with("demo-"))
        .context("the demo organisation has no code")?;
    let mut doors = String::new();
    for (number, (serves, name)) in APPLIANCES.into_iter().enumerate() {
        let mut appliance = Running::start("appliance", appliance(serves, number, &folder)?)?;
        let (username, password) = administrator_of(&mut appliance)?;
        wait_until_ready(serves, Some(&mut appliance), &stop)?;
        let code = capture(&mut hub(&[
            "enrolment-code",
            "--tenant",
            tenant,
            "--name",
            name,
        ])?)?;
        enrol(serves, (&username, &password), (name, code.trim()))?;
        running.push(appliance);
        doors += &format!("  {name:<14} http://127.0.0.1:{serves}   {username}   {password}\n");
    }
    println!();
    for serves in PORTS {
        println!("  hub            http://127.0.0.1:{serves}");
    }
    println!("{doors}\n{owner}{demo}");
    say(
        "Two instances of one hub and two demo appliances that send to it. The platform owner signs in \
         at the hub with an empty organisation, its people with their organisation's code. Ctrl-C stops \
         everything; nothing is kept.",
        "نسختان عاملتان من مركز واحد وخادمان محليان تجريبيان يرسلان إليه. يسجّل مالك المنصة الدخول في المركز مع ترك رمز الجهة \
         فارغًا، ويسجّل مستخدمو الجهة الدخول برمز جهتهم. يوقف Ctrl-C كل شيء ولا يُحفظ أي شيء.",
    );
    let ended = watch(&mut running, &stop);
    // What was started last goes first: the database outlives those who write to it.
    while running.pop().is_some() {}
    drop(database);
    drop(folder);
    ended
}

fn watch(running: &mut [Running], stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::SeqCst) {
        for program in &mut *running {
            if let Some(status) = program.ended()? {
                bail!("a program ended by itself ({status}); its last lines above say why");
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Where the appliances keep their data; gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("optria-hub-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("{} can't be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}

/// A throw-away Postgres with both roles, and its port.
pub(crate) fn database() -> Result<(Running, u16)> {
    let mut database = command(target_dir().join("debug/examples/hub_db"));
    database.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut database = Running::start("database", database)?;
    let port = port_of(&mut database)?;
    Ok((database, port))
}

/// The program of the hub with the address of the database as a role.
pub(crate) fn as_role(program: &Path, login: &str, port: u16, data: &Path) -> Command {
    let mut program = command(program);
    program
        .envs(SECRETS)
        .env("OPTRIA_DATA_DIR", data)
        .env("OPTRIA_LOG", "warn")
        .env(
            "DATABASE_URL",
            format!("postgres://{login}@127.0.0.1:{port}/plant?sslmode=disable"),
        );
    program
}

/// An appliance with the demo plant and an hour of its past.
fn appliance(port: u16, number: usize, folder: &Folder) -> Result<Command> {
    let mut program = command(built_program("optria")?);
    program
        .arg("demo")
        .arg("--data-dir")
        .arg(folder.0.join(format!("appliance-{}", number + 1)))
        .args(["--port", &port.to_string(), "--plant-port", "0"])
        .args(["--history-min", "60"])
        .env("DEMO_MODE", "true")
        .env(
            "OPTRIA_LOG",
            "warn,opcua_client=error,opcua_crypto=error,opcua_server=error",
        )
        .stdout(Stdio::piped());
    Ok(program)
}

/// Name and password of the administrator, as a demo appliance prints them at its first start.
fn administrator_of(appliance: &mut Running) -> Result<(String, String)> {
    let stdout = appliance.output().context("the appliance has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut found = None;
    for line in lines.by_ref() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [username, password, "(tenant_admin)"] = words[..] {
            found = Some((username.to_owned(), password.to_owned()));
        }
        if line.starts_with("ready ") {
            break;
        }
    }
    // Read on, so that it never waits for somebody to listen.
    thread::spawn(move || lines.for_each(drop));
    found.context("the appliance named no administrator; its lines above say why")
}

/// Enrols an appliance through its own API, and lets incidents and events leave.
fn enrol(port: u16, (username, password): (&str, &str), (name, code): (&str, &str)) -> Result<()> {
    let session = Session::open(port, username, password)?;
    let hub = format!("http://127.0.0.1:{}", PORTS[0]);
    let asked = json!({"hub_url": hub, "code": code, "allow_plain_http": true, "name": name});
    let mut choice = session.ask("POST", "/api/sync/enrol", &asked)?["settings"].take();
    choice["level"] = json!(2);
    session.ask("PUT", "/api/sync/settings", &choice)?;
    Ok(())
}

fn port_of(database: &mut Running) -> Result<u16> {
    let stdout = database.output().context("the database has no output")?;
    for line in BufReader::new(stdout).lines() {
        if let Some(port) = line?.strip_prefix("ready ") {
            return port.trim().parse().context("the database names no port");
        }
    }
    bail!("the database ended before it was ready; its lines above say why")
}

pub(crate) fn wait_until_ready(
    port: u16,
    program: Option<&mut Running>,
    stop: &AtomicBool,
) -> Result<()> {
    let program = program.context("no program")?;
    let until = Instant::now() + READY_WITHIN;
    while !is_ready(port) {
        if let Some(status) = program.ended()? {
            bail!("a program ended before it was ready ({status}); its lines above say why");
        }
        if stop.load(Ordering::SeqCst) || Instant::now() > until {
            bail!("port {port} was not ready");
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
