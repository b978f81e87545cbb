//! Sources that mean harm, for every connector: they answer too much, too slowly or with nonsense, or
//! they repeat what they were sent. A test against them ends in time, with a code, in bounded memory.

use std::{future::Future, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use iq_connector::{
    conformance::{check_report, check_secrets_kept},
    is_secret, properties,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    http_hostile_kit::{Hostile, Memory, hostile},
    subjects::{Attacked, Subject},
    table::{Cell, cell},
};

/// Requests have half a minute; a test makes a few of them before the one that is attacked.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
const MAX_GROWTH_MIB: u64 = 64;

/// A server that treats every connection the same way.
async fn serve<F, Fut>(answer: F) -> u16
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    port
}

/// The test of the connection ends in time, and names what is wrong.
async fn fails_in_time(subject: &Subject, config: &Value) {
    let ctx = subject.context(config);
    let testing = subject.connector.test(&ctx, &|_| ());
    let report = tokio::time::timeout(ENDS_WITHIN, testing).await;
    let report = report.expect("the test does not end");
    check_report(&report);
    assert!(!report.success, "a hostile source passes");
}

async fn against_web(subject: &Subject, kinds: &[Hostile]) {
    for kind in kinds {
        let server = hostile(*kind).await.expect("a server");
        fails_in_time(subject, &(subject.toward)(server.port)).await;
    }
}

/// A file instead of a server.
async fn against_file(subject: &Subject, write: impl FnOnce(&std::path::Path)) {
    let (config, folder) = subject.empty_folder();
    write(&folder.join("attack.csv"));
    fails_in_time(subject, &config).await;
}

pub(crate) async fn slow(subject: Arc<Subject>) -> Cell {
    match subject.attacked {
        Attacked::Folder => {
            Cell::Skipped("a file has no speed; one that still grows is left until it is complete")
        }
        Attacked::Http => {
            cell(async move {
                against_web(&subject, &[Hostile::Silent]).await;
                against_web(&subject, &[Hostile::DripHead, Hostile::DripBody]).await;
            })
            .await
        }
        Attacked::Tcp => {
            cell(async move {
                let silent = serve(|mut stream| async move {
                    let mut heard = Vec::new();
                    stream.read_to_end(&mut heard).await.map(drop)
                })
                .await;
                fails_in_time(&subject, &(subject.toward)(silent)).await;
                let dripping = serve(|mut stream| async move {
                    loop {
                        stream.write_all(&[0]).await?;
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                })
                .await;
                fails_in_time(&subject, &(subject.toward)(dripping)).await;
            })
            .await
        }
    }
}

pub(crate) async fn malformed(subject: Arc<Subject>) -> Cell {
    cell(async move {
        match subject.attacked {
            Attacked::Folder => {
                against_file(&subject, |file| {
                    std::fs::write(file, b"\x1f\x8b\x08 no table").expect("a file");
                })
                .await;
            }
            Attacked::Http => {
                let kinds = [
                    Hostile::Garbage,
                    Hostile::Nested,
                    Hostile::Html,
                    Hostile::Close,
                    Hostile::RedirectToItself,
                    Hostile::RedirectToMetadata,
                ];
                against_web(&subject, &kinds).await;
            }
            Attacked::Tcp => {
                let web = serve(|mut stream| async move {
                    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(answer).await?;
                    let mut rest = Vec::new();
                    stream.read_to_end(&mut rest).await.map(drop)
                })
                .await;
                fails_in_time(&subject, &(subject.toward)(web)).await;
                let torn = serve(|mut stream| async move { stream.write_all(&[0xFE; 64]).await });
                fails_in_time(&subject, &(subject.toward)(torn.await)).await;
            }
        }
    })
    .await
}

pub(crate) async fn huge(subject: Arc<Subject>) -> Cell {
    cell(async move {
        let memory = Memory::watch().expect("the memory of this process");
        match subject.attacked {
            Attacked::Folder => {
                // Two gigabytes of one line, which take no room on the disk.
                against_file(&subject, |file| {
                    let file = std::fs::File::create(file).expect("a file");
                    file.set_len(2 << 30).expect("a sparse file");
                })
                .await;
            }
            Attacked::Http => {
                let kinds = [
                    Hostile::Endless,
                    Hostile::Announced,
                    Hostile::GzipBomb,
                    Hostile::Elements,
                    Hostile::Headers,
                ];
                against_web(&subject, &kinds).await;
            }
            Attacked::Tcp => {
                let noisy = serve(|mut stream| async move {
                    // Read as a length it announces a quarter of a gigabyte.
                    let noise = vec![0x0F; 1 << 16];
                    loop {
                        stream.write_all(&noise).await?;
                    }
                })
                .await;
                fails_in_time(&subject, &(subject.toward)(noisy)).await;
            }
        }
        let growth = memory.growth_mib();
        assert!(growth <= MAX_GROWTH_MIB, "{growth} MiB");
    })
    .await
}

/// Answers everything with 401 and what it was sent.
async fn echo() -> u16 {
    serve(|mut stream| async move {
        let mut sent = vec![0; 65_536];
        let n = stream.read(&mut sent).await?;
        let body = json!({"Errors": [String::from_utf8_lossy(&sent[..n])]}).to_string();
        let head = format!(
            "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await
    })
    .await
}

pub(crate) async fn secrets(subject: Arc<Subject>) -> Cell {
    let schema = subject.connector.spec().schema;
    let fields: Vec<String> = properties(&schema)
        .filter(|(_, property)| is_secret(property))
        .map(|(name, _)| name.to_owned())
        .collect();
    if fields.is_empty() {
        return Cell::Skipped("it has no secret field, and the check says so when it gets one");
    }
    cell(async move {
        let port = echo().await;
        for field in fields {
            let canary = format!("Cnry-{field}-x7Qz");
            let mut config = (subject.toward)(port);
            sign_in_with(&mut config, &field, &canary, port);
            let basic = STANDARD.encode(format!("reader:{canary}"));
            // The end of the encoding depends on what follows; its middle does not.
            let forms = [
                canary.clone(),
                STANDARD.encode(&canary),
                basic[12..basic.len() - 4].to_owned(),
            ];
            let ctx = subject.context(&config);
            check_secrets_kept(&*subject.connector, &ctx, &subject.some_tags(), &forms).await;
        }
    })
    .await
}

/// Changes a configuration so that the field is the one that signs in.
fn sign_in_with(config: &mut Value, field: &str, canary: &str, port: u16) {
    if let Some(all) = config.as_object_mut() {
        all.remove("password");
    }
    config[field] = json!(canary);
    match field {
        "password" => {
            config["username"] = json!("reader");
            if config["endpoint_url"].is_string() {
                config["auth_type"] = json!("UsernamePassword");
            }
        }
        "private_key" => config["auth_type"] = json!("Certificate"),
        "token" => config["auth_type"] = json!("Token"),
        "client_secret" => {
            config["auth_type"] = json!("OAuth2");
            config["client_id"] = json!("client");
            config["token_url"] = json!(format!("http://127.0.0.1:{port}/token"));
        }
        _ => {}
    }
}
