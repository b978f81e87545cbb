//! What must be right before an instance serves.

use std::{process::Command, sync::Arc};

use anyhow::{Context, Result};
use iq_auth::HashCost;
use iq_config::Tls;
use iq_domain::CodedError;
use iq_hub::{
    serve::{self, ServeOptions},
    store::Store,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::rig::Rig;

async fn refusal(rig: &Rig, role: &str) -> Result<CodedError> {
    let store = Store::open(&rig.address(role, "tests-7"), 1).await?;
    let refused = store.check_before_serving().await;
    Ok(refused.expect_err("it must not serve"))
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_every_role_that_row_security_would_not_bind() -> Result<()> {
    let rig = Rig::new().await?;
    let name = |kind: &str| format!("{kind}_{}", std::process::id());
    let (mighty, bypassing, owning) = (name("mighty"), name("bypassing"), name("owning"));
    rig.server.sql(&format!(
        "CREATE ROLE {mighty} LOGIN SUPERUSER PASSWORD 'tests-7';
         CREATE ROLE {bypassing} LOGIN BYPASSRLS PASSWORD 'tests-7' IN ROLE optria_hub;
         CREATE ROLE {owning} LOGIN PASSWORD 'tests-7' IN ROLE hub_owner, optria_hub;"
    ))?;
    for (role, reason) in [
        (&mighty, "SUPERUSER"),
        (&bypassing, "BYPASSRLS"),
        (&owning, "OWNER"),
    ] {
        let error = refusal(&rig, role).await?;
        assert_eq!(error.code, "hub.role_too_powerful");
        assert_eq!(error.params["reason"], reason, "{role}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_schema_of_another_time() -> Result<()> {
    let rig = Rig::new().await?;
    let owner = rig.pool_of_one("hub_owner", "owner-7").await?;
    for (change, code) in [
        (
            "INSERT INTO migrations VALUES (9999, 'from the future', 0)",
            "hub.schema_newer",
        ),
        ("DELETE FROM migrations", "hub.schema_older"),
    ] {
        sqlx::raw_sql(change).execute(&owner).await?;
        let store = Store::open(&rig.address("optria_hub", "hub-7"), 1).await?;
        let error = store.check_before_serving().await.expect_err(code);
        assert_eq!(error.code, code);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_changes_nothing() -> Result<()> {
    let rig = Rig::new().await?;
    let owner = rig.address("hub_owner", "owner-7");
    let clock = iq_domain::ManualClock::at(crate::rig::NOON);
    let again = iq_hub::store::migrate::migrate(&owner, &clock).await?;
    assert_eq!(again, Vec::<&str>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_says_what_is_wrong_with_the_address() -> Result<()> {
    let rig = Rig::new().await?;
    let clock = iq_domain::ManualClock::at(crate::rig::NOON);
    for (role, password, code) in [
        ("optria_hub", "hub-7", "hub.migrate_not_owner"),
        ("nobody_here", "hub-7", "hub.database_unavailable"),
    ] {
        let address = rig.address(role, password);
        let refused = iq_hub::store::migrate::migrate(&address, &clock).await;
        assert_eq!(refused.expect_err(code).code, code);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_with_the_option_that_takes_another() -> Result<()> {
    let rig = Rig::new().await?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let mut config = rig.config("optria_hub", "hub-7")?;
    config.listen = taken.local_addr()?;
    let Err(error) = serve::start(config, ServeOptions::default()).await else {
        anyhow::bail!("it must not start");
    };
    let told = error.downcast::<CodedError>()?;
    assert_eq!(
        (told.code, told.params["option"].as_str()),
        ("serve.port_taken", "--listen")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_public_address_that_is_none() -> Result<()> {
    let rig = Rig::new().await?;
    for url in ["hub.example", "ftp://hub.example", "https://"] {
        let options = ServeOptions {
            public_url: Some(url.to_owned()),
            ..ServeOptions::default()
        };
        let Err(error) = serve::start(rig.config("optria_hub", "hub-7")?, options).await else {
            anyhow::bail!("it must not start at {url}");
        };
        let error = error.downcast::<CodedError>()?;
        assert_eq!(
            (error.code, error.params["value"].as_str()),
            ("config.bad_value", url)
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_it_names_the_secrets_it_lacks() -> Result<()> {
    let rig = Rig::new().await?;
    let mut config = rig.config("optria_hub", "hub-7")?;
    config.session_secret = None;
    config.hub_key = None;
    let Err(error) = serve::open(
        config,
        &ServeOptions::default(),
        iq_listen::Listening::nowhere(),
    )
    .await
    else {
        anyhow::bail!("it must not start");
    };
    assert_eq!(error.code, "config.missing");
    assert_eq!(error.params["names"], "SESSION_SECRET, OPTRIA_HUB_KEY");
    Ok(())
}

/// A whole answer over TLS from a server that shows the certificate in this file.
async fn ask(port: u16, trusted: &std::path::Path, request: &str) -> Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("hub.example")?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_with_its_own_certificate_and_binds_the_session_to_it() -> Result<()> {
    let rig = Rig::new().await?;
    let folder = tempfile::tempdir()?;
    let mut config = rig.config("optria_hub", "hub-7")?;
    config.tls = Tls::SelfSigned;
    config.data_dir = folder.path().to_owned();
    config.listen = "127.0.0.1:0".parse()?;
    let options = ServeOptions {
        public_url: Some("https://hub.example".to_owned()),
        hash_cost: Some(HashCost::FOR_TESTS),
        ..ServeOptions::default()
    };
    let running = serve::start(config, options).await?;
    let facts = running.listening.certificate().context("no certificate")?;
    assert_eq!(facts.names[0], "hub.example");
    let password = iq_hub::bootstrap(&rig.instance(1).await?.hub, "owner").await?;
    let body = serde_json::json!({"username": "owner", "password": password.expose()}).to_string();
    let request = format!(
        "POST /api/session HTTP/1.1\r\nHost: hub.example\r\nOrigin: https://hub.example\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let trusted = folder.path().join("tls/own.crt");
    let answer = ask(running.address.port(), &trusted, &request).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("set-cookie: __Host-optria-hub="),
        "{answer}"
    );
    assert!(answer.contains("SameSite=Lax; Secure\r\n"), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age=31536000"),
        "{answer}"
    );
    running.stop().await
}

/// What packages carry is made by the program itself.
#[test]
fn every_command_has_a_page_and_shells_learn_it() -> Result<()> {
    let hub = || Command::new(env!("CARGO_BIN_EXE_optria-hub"));
    let folder = tempfile::tempdir()?;
    let made = hub().arg("man").arg(folder.path()).output()?;
    assert!(made.status.success(), "{made:?}");
    for page in [
        "optria-hub",
        "optria-hub-serve",
        "optria-hub-migrate",
        "optria-hub-enrolment-code",
    ] {
        let page = folder.path().join(format!("{page}.1"));
        assert!(page.is_file(), "{}", page.display());
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = hub().args(["completions", shell]).output()?.stdout;
        let script = String::from_utf8(script)?;
        assert!(script.contains("enrolment-code"), "{shell}");
    }
    Ok(())
}
