//! Database servers: PostgreSQL and MariaDB from the system's packages, each in a folder of its own on
//! a free port, with TLS from an authority of the test's own.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

use crate::{Peer, free_port};

const PATIENCE: Duration = Duration::from_secs(60);

/// The user nobody: a database server refuses to run as root.
const NOBODY: u32 = 65_534;

/// Password of the administrator, `admin`.
const ADMIN_PASSWORD: &str = "admin-for-tests";

/// An authority and a server certificate it issued.
pub struct TestCa {
    /// Certificate of the authority, PEM.
    pub ca_pem: String,
    /// Certificate of the server, PEM.
    pub certificate_pem: String,
    /// Key of the server, PEM.
    pub key_pem: String,
}

impl TestCa {
    /// A fresh authority; the server's names are `hosts`.
    pub fn new(hosts: &[&str]) -> Result<Self> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let names: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "test server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Self {
            ca_pem: issuer.pem(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// A folder the server's user owns.
fn owned_dir() -> Result<TempDir> {
    let dir = tempfile::tempdir()?;
    give_away(dir.path())?;
    Ok(dir)
}

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // Who owns what this process just made tells who it is.
    tempfile::tempfile()
        .and_then(|f| f.metadata())
        .is_ok_and(|m| m.uid() == 0)
}

#[cfg(unix)]
fn give_away(path: &Path) -> Result<()> {
    if is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

#[cfg(unix)]
fn as_server(mut command: Command, dir: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir(dir).env("LC_ALL", "C.UTF-8");
    command
}

#[cfg(not(unix))]
fn give_away(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn as_server(mut command: Command, dir: &Path) -> Command {
    command.current_dir(dir);
    command
}

fn private_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    give_away(path)
}

fn must(mut command: Command, advice: &str) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{command:?} does not start: {advice}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed ({}): {advice}\n{words}", output.status);
    }
    Ok(())
}

/// Feeds SQL to a client program; returns what it prints.
fn feed(mut command: Command, sql: &str, advice: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{command:?} does not start: {advice}"))?;
    let mut input = child.stdin.take().context("no standard input")?;
    let text = sql.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    let written = writer.join();
    if !output.status.success() {
        bail!(
            "{}: {}",
            sql.chars().take(200).collect::<String>(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    match written {
        Ok(written) => written?,
        Err(_) => bail!("the SQL was not written"),
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A PostgreSQL server with TLS and SCRAM; database `plant`, administrator `admin`.
pub struct Postgres {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its authority.
    pub ca: TestCa,
    bin: PathBuf,
    dir: TempDir,
    /// Behind a lock, so that tests on several threads may share the server.
    peer: Mutex<Option<Peer>>,
}

const POSTGRES_ADVICE: &str = "install PostgreSQL (Debian: apt-get install postgresql)";

fn postgres_bin() -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|e| e.path().join("bin")).collect())
        .unwrap_or_default();
    versions.retain(|bin| bin.join("initdb").is_file());
    versions.sort();
    versions.pop().context(POSTGRES_ADVICE)
}

impl Postgres {
    /// Starts one and waits until it takes connections.
    pub fn start() -> Result<Self> {
        let bin = postgres_bin()?;
        let ca = TestCa::new(&["127.0.0.1"])?;
        let dir = owned_dir()?;
        let path = |name: &str| dir.path().join(name);
        private_file(&path("password"), ADMIN_PASSWORD)?;
        private_file(&path("server.crt"), &ca.certificate_pem)?;
        private_file(&path("server.key"), &ca.key_pem)?;
        let mut initdb = Command::new(bin.join("initdb"));
        initdb
            .args(["-A", "scram-sha-256", "-U", "admin", "-E", "UTF8"])
            .args(["--no-sync", "--locale=C.UTF-8", "--pwfile"])
            .arg(path("password"))
            .arg("-D")
            .arg(path("data"));
        must(as_server(initdb, dir.path()), POSTGRES_ADVICE)?;
        let mut postgres = Self {
            port: free_port()?,
            ca,
            bin,
            dir,
            peer: Mutex::new(None),
        };
        postgres.restart()?;
        postgres.sql_in("postgres", "CREATE DATABASE plant")?;
        Ok(postgres)
    }

    /// Starts it again on its port and data.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        let mut server = Command::new("sh");
        server
            .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
            .arg(self.bin.join("postgres"))
            .arg("-D")
            .arg(self.dir.path().join("data"));
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.dir.path().display()),
            "ssl=on".to_owned(),
            format!(
                "ssl_cert_file={}",
                self.dir.path().join("server.crt").display()
            ),
            format!(
                "ssl_key_file={}",
                self.dir.path().join("server.key").display()
            ),
            "fsync=off".to_owned(),
            "log_line_prefix=".to_owned(),
            "lc_messages=C".to_owned(),
        ];
        for setting in settings {
            server.args(["-c", &setting]);
        }
        let server = as_server(server, self.dir.path());
        let ready = "LOG:  database system is ready to accept connections";
        self.peer = Mutex::new(Some(Peer::start(server, ready, PATIENCE)?));
        Ok(())
    }

    /// Stops it at once, as a crash would.
    pub fn stop(&mut self) {
        if self.peer.get_mut().is_ok_and(|peer| peer.is_some()) {
            let mut stop = Command::new(self.bin.join("pg_ctl"));
            stop.args(["stop", "-m", "immediate", "-D"])
                .arg(self.dir.path().join("data"));
            // Killing follows in any case; asking first lets it free its shared memory.
            drop(must(as_server(stop, self.dir.path()), POSTGRES_ADVICE));
            self.peer = Mutex::new(None);
        }
    }

    /// Runs SQL as the administrator in the database `plant`; returns what it prints.
    pub fn sql(&self, sql: &str) -> Result<String> {
        self.sql_in("plant", sql)
    }

    /// A table `history` with `rows` values of each of `tags` tags over the last 23 hours, at
    /// whole milliseconds, which the login `reader` (password `read-only-7`) may read; returns the tags.
    pub fn history(&self, tags: usize, rows: usize) -> Result<Vec<String>> {
        self.sql(&format!(
            "CREATE ROLE reader LOGIN PASSWORD 'read-only-7';
             CREATE TABLE history (ts timestamptz NOT NULL, tag text NOT NULL, value double precision);
             INSERT INTO history
               SELECT date_trunc('milliseconds', now() - interval '10 minutes' - n * interval '22 hours' / {rows}),
                 'T-' || t, sin(n) * t
               FROM generate_series(0, {rows} - 1) n, generate_series(1, {tags}) t;
             CREATE INDEX ON history (ts);
             ANALYZE history;
             GRANT SELECT ON history TO reader;"
        ))?;
        Ok((1..=tags).map(|n| format!("T-{n}")).collect())
    }

    fn sql_in(&self, database: &str, sql: &str) -> Result<String> {
        let mut client = Command::new(self.bin.join("psql"));
        client
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
            ])
            .args(["-p", &self.port.to_string(), "-U", "admin", "-d", database])
            .env("PGPASSWORD", ADMIN_PASSWORD)
            .env("PGCLIENTENCODING", "UTF8");
        feed(client, sql, POSTGRES_ADVICE)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A MariaDB server with TLS; database `plant`, administrator `admin`.
pub struct MariaDb {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its authority.
    pub ca: TestCa,
    dir: TempDir,
    /// Behind a lock, so that tests on several threads may share the server.
    peer: Mutex<Option<Peer>>,
}

const MARIADB_ADVICE: &str =
    "install MariaDB (Debian: apt-get install mariadb-server-core mariadb-client-core)";

impl MariaDb {
    /// Starts one and waits until it takes connections.
    pub fn start() -> Result<Self> {
        let ca = TestCa::new(&["127.0.0.1"])?;
        let dir = owned_dir()?;
        let path = |name: &str| dir.path().join(name);
        private_file(&path("server.crt"), &ca.certificate_pem)?;
        private_file(&path("server.key"), &ca.key_pem)?;
        // Runs at every start.
        let admin = format!(
            "CREATE DATABASE IF NOT EXISTS plant CHARACTER SET utf8mb4;\n\
             CREATE USER IF NOT EXISTS 'admin'@'127.0.0.1' IDENTIFIED BY '{ADMIN_PASSWORD}';\n\
             GRANT ALL PRIVILEGES ON *.* TO 'admin'@'127.0.0.1' WITH GRANT OPTION;\n"
        );
        private_file(&path("admin.sql"), &admin)?;
        let mut install = Command::new("mariadb-install-db");
        install
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .arg(format!("--datadir={}", path("data").display()));
        must(as_server(install, dir.path()), MARIADB_ADVICE)?;
        let mut server = Self {
            port: free_port()?,
            ca,
            dir,
            peer: Mutex::new(None),
        };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again on its port and data.
    pub fn restart(&mut self) -> Result<()> {
        self.peer = Mutex::new(None);
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let mut server = Command::new("sh");
        server
            .args(["-c", "exec \"$0\" \"$@\" 2>&1", "mariadbd", "--no-defaults"])
            .arg(format!("--datadir={}", path("data")))
            .arg(format!("--socket={}", path("socket")))
            .arg(format!("--pid-file={}", path("pid")))
            .arg(format!("--port={}", self.port))
            .arg(format!("--init-file={}", path("admin.sql")))
            .arg(format!("--ssl-cert={}", path("server.crt")))
            .arg(format!("--ssl-key={}", path("server.key")))
            .args(["--bind-address=127.0.0.1", "--character-set-server=utf8mb4"])
            .args(["--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"]);
        let mut server = as_server(server, self.dir.path());
        // The server lies beside the administrator's programs, which not every path has.
        let programs = std::env::var("PATH").unwrap_or_default();
        server.env("PATH", format!("{programs}:/usr/sbin:/usr/local/sbin"));
        self.peer = Mutex::new(Some(Peer::start(server, "Version: ", PATIENCE)?));
        Ok(())
    }

    /// Stops it at once, as a crash would.
    pub fn stop(&mut self) {
        self.peer = Mutex::new(None);
    }

    /// Runs SQL as the administrator in the database `plant`; returns what it prints.
    pub fn sql(&self, sql: &str) -> Result<String> {
        let mut client = Command::new("mariadb");
        client
            .args([
                "--no-defaults",
                "--protocol=tcp",
                "-h",
                "127.0.0.1",
                "-u",
                "admin",
            ])
            .args([
                "-P",
                &self.port.to_string(),
                "-N",
                "-B",
                "--default-character-set=utf8mb4",
            ])
            .arg("plant")
            .env("MYSQL_PWD", ADMIN_PASSWORD);
        feed(client, sql, MARIADB_ADVICE)
    }
}
