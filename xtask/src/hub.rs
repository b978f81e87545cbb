//! `cargo xtask hub`: a hub to try, from a fresh checkout: a throw-away Postgres from the system's
//! packages, the first platform owner, and two instances on the one database.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    run::{Running, check_port, is_ready},
    shell::{built_program, cargo, command, run as run_command, say, target_dir},
    system, ui,
};

const PORTS: [u16; 2] = [8091, 8092];
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Both instances are given the same; nothing of it outlives the database.
const SECRETS: [(&str, &str); 2] = [
    (
        "SESSION_SECRET",
        "session secret of a hub that is thrown away",
    ),
    ("OPTRIA_HUB_KEY", "sealing key of a hub that is thrown away"),
];

/// Builds and runs until Ctrl-C.
pub(crate) fn hub(arguments: Result<()>) -> Result<()> {
    arguments?;
    for port in PORTS {
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
        "--example",
        "hub_db",
    ]))?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let mut database = command(target_dir().join("debug/examples/hub_db"));
    database.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut database = Running::start("database", database)?;
    let port = port_of(&mut database)?;
    run_command(as_role("hub_owner:owner-7", port)?.arg("migrate"))?;
    println!();
    run_command(as_role("optria_hub:hub-7", port)?.arg("bootstrap"))?;
    let mut instances = Vec::new();
    for serves in PORTS {
        let mut serve = as_role("optria_hub:hub-7", port)?;
        serve
            .args(["serve", "--listen", &format!("127.0.0.1:{serves}")])
            .stdout(Stdio::null())
            .env("OPTRIA_LOG", "warn");
        instances.push(Running::start("hub", serve)?);
        wait_until_ready(serves, instances.last_mut(), &stop)?;
    }
    println!();
    for serves in PORTS {
        println!("  http://127.0.0.1:{serves}");
    }
    say(
        "Two instances of one hub. Sign in with the one-time password above and an empty tenant. \
         Ctrl-C stops everything; nothing is kept.",
        "نسختان عاملتان من مركز واحد. سجّل الدخول بكلمة المرور أعلاه مع ترك حقل الجهة فارغًا. \
         يوقف Ctrl-C كل شيء ولا يُحفظ أي شيء.",
    );
    while !stop.load(Ordering::SeqCst) {
        for instance in &mut instances {
            if let Some(status) = instance.ended()? {
                bail!("an instance ended by itself ({status}); its last lines above say why");
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
    // The instances first: they end what they do before the database goes.
    drop(instances);
    drop(database);
    Ok(())
}

/// The program with the address of the database as a role.
fn as_role(login: &str, port: u16) -> Result<Command> {
    let mut program = command(built_program("optria-hub")?);
    program.envs(SECRETS).env(
        "DATABASE_URL",
        format!("postgres://{login}@127.0.0.1:{port}/plant?sslmode=disable"),
    );
    Ok(program)
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

fn wait_until_ready(port: u16, instance: Option<&mut Running>, stop: &AtomicBool) -> Result<()> {
    let instance = instance.context("no instance")?;
    let until = Instant::now() + READY_WITHIN;
    while !is_ready(port) {
        if let Some(status) = instance.ended()? {
            bail!("the hub ended before it was ready ({status}); its lines above say why");
        }
        if stop.load(Ordering::SeqCst) || Instant::now() > until {
            bail!("the hub was not ready");
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
