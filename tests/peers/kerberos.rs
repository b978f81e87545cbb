//! Sign-in with the ticket of the operating system, against an MIT key distribution centre and Apache
//! with mod_auth_gssapi, both started here. Behind Apache's door lies a small PI Web API made of files.
//!
//! Needs the Debian packages krb5-kdc, krb5-admin-server, krb5-user, apache2-bin and
//! libapache2-mod-auth-gssapi, and to build it libclang and libkrb5-dev.

#[path = "pi_rig.rs"]
mod pi_rig;

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use iq_connector::StageKey;
use iq_testkit::free_port;
use pi_rig::{failure, test};
use serde_json::{Value, json};

/// Tells the second run of this test where the server is; libraries of Kerberos read their settings
/// from the environment of the process.
const BASE: &str = "OPTRIA_TEST_KERBEROS_BASE";
const REALM: &str = "PLANT.TEST";
const MODULES: &str = "/usr/lib/apache2/modules";

/// A child that is killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}

struct Domain {
    dir: PathBuf,
    kdc_port: u16,
}

impl Domain {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Administrators' programs lie outside the path of ordinary users.
        command
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("KRB5_CONFIG", self.dir.join("krb5.conf"))
            .env("KRB5_KDC_PROFILE", self.dir.join("kdc.conf"))
            .env(
                "KRB5CCNAME",
                format!("FILE:{}", self.dir.join("tickets").display()),
            )
            .stdin(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = self
            .command(program)
            .args(arguments)
            .output()
            .with_context(|| {
                format!("{program} is missing: install krb5-kdc, krb5-admin-server and krb5-user")
            })?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{program} {arguments:?}: {text}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Makes the realm with a person and the service, and starts its centre.
    fn start(dir: PathBuf) -> Result<(Self, Running)> {
        let domain = Self {
            dir,
            kdc_port: free_port()?,
        };
        let (dir, port) = (domain.dir.display(), domain.kdc_port);
        write(
            &domain.dir.join("krb5.conf"),
            &format!(
                "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n \
                 dns_canonicalize_hostname = false\n udp_preference_limit = 1\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n\
                 [domain_realm]\n localhost = {REALM}\n"
            ),
        )?;
        write(
            &domain.dir.join("kdc.conf"),
            &format!(
                "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n {REALM} = {{\n  \
                 database_name = {dir}/principal\n  key_stash_file = {dir}/stash\n  acl_file = {dir}/acl\n  max_life = 1h\n }}\n\
                 [logging]\n kdc = FILE:{dir}/kdc.log\n"
            ),
        )?;
        domain.run("kdb5_util", &["create", "-s", "-P", "master", "-r", REALM])?;
        let keytab = domain.dir.join("http.keytab");
        for query in [
            "addprinc -pw user123 plantuser".to_owned(),
            "addprinc -randkey HTTP/localhost".to_owned(),
            format!("ktadd -k {} HTTP/localhost", keytab.display()),
        ] {
            domain.run("kadmin.local", &["-r", REALM, "-q", &query])?;
        }
        let child = domain
            .command("krb5kdc")
            .args(["-n", "-r", REALM])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("krb5kdc is missing: install krb5-kdc")?;
        let running = Running(child);
        listening(domain.kdc_port)?;
        Ok((domain, running))
    }

    fn sign_in(&self) -> Result<()> {
        let password = self.dir.join("password");
        write(&password, "user123\n")?;
        let status = self
            .command("kinit")
            .arg(format!("plantuser@{REALM}"))
            .stdin(fs::File::open(&password)?)
            .stdout(Stdio::null())
            .status()
            .context("kinit is missing: install krb5-user")?;
        ensure!(status.success(), "kinit: {status}");
        Ok(())
    }
}

fn listening(port: u16) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > deadline {
            bail!("nothing listens on port {port}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The documents of a small PI Web API, by path.
fn documents() -> Vec<(&'static str, Value)> {
    let point = json!({"WebId": "P1", "Name": "TAG", "Path": r"\\SRV\TAG"});
    let now = json!({"Timestamp": "2026-01-01T00:00:00Z", "Value": 1.5, "Good": true});
    vec![
        ("/?", json!({"Links": {"DataServers": "x"}})),
        (
            "/system/userinfo",
            json!({"Name": "plantuser", "IsAuthenticated": true}),
        ),
        (
            "/dataservers",
            json!({"Items": [{"WebId": "S1", "Path": r"\\SRV", "IsConnected": true}]}),
        ),
        ("/assetservers", json!({"Items": []})),
        ("/dataservers/S1/points", json!({"Items": [point]})),
        (
            "/streamsets/value",
            json!({"Items": [{"WebId": "P1", "Value": now}]}),
        ),
    ]
}

fn apache(domain: &Domain) -> Result<(u16, Running)> {
    let port = free_port()?;
    let dir = domain.dir.display();
    let mut conf = format!(
        "ServerRoot {dir}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {dir}/apache.pid\nErrorLog {dir}/error.log\n\
         DocumentRoot {dir}\nMutex file:{dir}\n"
    );
    for module in [
        "mpm_prefork",
        "authn_core",
        "authz_core",
        "authz_user",
        "auth_gssapi",
        "alias",
    ] {
        conf.push_str(&format!(
            "LoadModule {module}_module {MODULES}/mod_{module}.so\n"
        ));
    }
    conf.push_str("<IfModule unixd_module>\nUser www-data\nGroup www-data\n</IfModule>\n");
    for (number, (path, document)) in documents().into_iter().enumerate() {
        let file = domain.dir.join(format!("{number}.json"));
        write(&file, &document.to_string())?;
        conf.push_str(&format!(
            "AliasMatch \"^/piwebapi{path}$\" \"{}\"\n",
            file.display()
        ));
    }
    conf.push_str(&format!(
        "<Location />\nAuthType GSSAPI\nAuthName PI\nGssapiCredStore keytab:{dir}/http.keytab\nGssapiAllowedMech krb5\nRequire valid-user\n</Location>\n"
    ));
    let file = domain.dir.join("httpd.conf");
    write(&file, &conf)?;
    open_to_all(&domain.dir)?;
    let child = domain
        .command("apache2")
        .args(["-f", &file.display().to_string(), "-X"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("apache2 is missing: install apache2-bin and libapache2-mod-auth-gssapi")?;
    let running = Running(child);
    listening(port)
        .with_context(|| fs::read_to_string(domain.dir.join("error.log")).unwrap_or_default())?;
    Ok((port, running))
}

/// Apache drops its rights and must still read the key of the service.
fn open_to_all(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

fn config(base: &str, changes: Value) -> Value {
    let mut config = json!({"pi_webapi_url": base, "auth_type": "Kerberos"});
    if let (Some(all), Value::Object(changes)) = (config.as_object_mut(), changes) {
        all.extend(changes);
    }
    config
}

/// The part that runs with the settings of the realm in its environment.
async fn inside(base: &str) -> Result<()> {
    let tickets = std::env::var("KRB5CCNAME")?;
    if !Path::new(tickets.trim_start_matches("FILE:")).exists() {
        let refused = failure(&config(base, json!({}))).await?;
        assert_eq!(
            refused,
            ("http.ticket_missing".to_owned(), Some(StageKey::Session))
        );
        return Ok(());
    }
    let report = test(&config(base, json!({}))).await?;
    assert!(report.success, "{:?}", report.stages);
    let basic = json!({"auth_type": "Basic", "username": "plantuser", "password": "user123"});
    let refused = test(&config(base, basic)).await?;
    assert_eq!(refused.message.code, "http.unauthorized");
    assert_eq!(refused.message.params["offered"], "Negotiate");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ticket_of_the_operating_system_opens_the_door_and_nothing_else_does() -> Result<()> {
    if let Ok(base) = std::env::var(BASE) {
        return inside(&base).await;
    }
    let dir = tempfile::tempdir()?;
    let (domain, _kdc) = Domain::start(dir.path().to_owned())?;
    let (port, _apache) = apache(&domain)?;
    let again = || -> Result<()> {
        let program = std::env::current_exe()?;
        let output = domain
            .command(&program.display().to_string())
            .args(["--nocapture", "--exact"])
            .arg("the_ticket_of_the_operating_system_opens_the_door_and_nothing_else_does")
            .env(BASE, format!("http://localhost:{port}/piwebapi"))
            .output()?;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        let log = fs::read_to_string(domain.dir.join("error.log")).unwrap_or_default();
        ensure!(output.status.success(), "{out}\n{err}\n{log}");
        Ok(())
    };
    again().context("without a ticket")?;
    domain.sign_in()?;
    again().context("with a ticket")
}
