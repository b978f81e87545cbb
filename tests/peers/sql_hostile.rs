//! The SQL connector against listeners that are no database, or a malicious one: it must answer with a
//! code, in bounded time and memory.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod sql_rig;

use std::{future::Future, time::Duration};

use anyhow::Result;
use iq_connector::Connector;
use serde_json::{Value, json};
use sql_rig::{Rig, with};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server that treats every connection the same way.
async fn serve<F, Fut>(answer: F) -> Result<u16>
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    Ok(port)
}

fn config(db_type: &str, port: u16, ssl_mode: &str) -> Value {
    json!({
        "db_type": db_type, "host": "127.0.0.1", "port": port, "ssl_mode": ssl_mode,
        "database_name": "plant", "service_name": "plant", "username": "reader", "password": "secret",
        "table_name": "history", "timestamp_column": "ts", "tag_column": "tag", "value_column": "value",
    })
}

const ALL: [&str; 4] = ["postgres", "mysql", "sqlserver", "oracle"];

async fn failure(db_type: &str, port: u16, ssl_mode: &str) -> Result<(String, String)> {
    let rig = Rig::new()?;
    let config = config(db_type, port, ssl_mode);
    tokio::time::timeout(Duration::from_secs(30), rig.failure(&config)).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_told_apart_from_every_database() -> Result<()> {
    let port = serve(|mut stream| async move {
        let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).await?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.map(drop)
    })
    .await?;
    for db_type in ALL {
        assert_eq!(
            failure(db_type, port, "disable").await?,
            ("test.protocol_unexpected".into(), "hello".into()),
            "{db_type}"
        );
    }
    // With TLS from the first byte, Oracle's listener can only be told by the handshake.
    let (code, _) = failure("oracle", port, "verify_full").await?;
    assert!(
        code.starts_with("sql.") || code == "test.protocol_unexpected",
        "{code}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_never_a_source_is_refused_before_a_byte_is_sent() -> Result<()> {
    let refused = |stage: &str| ("http.address_refused".to_owned(), stage.to_owned());
    for db_type in ALL {
        let base = config(db_type, 80, "disable");
        for (host, stage) in [("169.254.169.254", "config"), ("2852039166", "dns")] {
            // The second one is the same address, written as one number.
            let written = with(&base, json!({"host": host}));
            let rig = Rig::new()?;
            assert_eq!(
                rig.failure(&written).await?,
                refused(stage),
                "{db_type} {host}"
            );
            let ctx = rig.context(&written)?;
            let asked = rig.connector.choices(&ctx, "table_name").await;
            assert_eq!(asked.err().map(|e| e.code), Some("http.address_refused"));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_without_end_is_refused_and_a_silent_listener_costs_seconds() -> Result<()> {
    let noisy = serve(|mut stream| async move {
        let noise = vec![0xAB; 1 << 16];
        loop {
            stream.write_all(&noise).await?;
        }
    })
    .await?;
    let silent = serve(|mut stream| async move {
        let mut sink = Vec::new();
        stream.read_to_end(&mut sink).await.map(drop)
    })
    .await?;
    for db_type in ALL {
        let (code, stage) = failure(db_type, noisy, "disable").await?;
        assert_eq!(
            (code.as_str(), stage.as_str()),
            ("test.protocol_unexpected", "hello"),
            "{db_type}"
        );
        let (code, stage) = failure(db_type, silent, "disable").await?;
        assert_eq!(
            (code.as_str(), stage.as_str()),
            ("sql.no_greeting", "hello"),
            "{db_type}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_never_hears_a_password_that_must_be_protected() -> Result<()> {
    // Says "no TLS" to PostgreSQL's question, then records what comes.
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let recorded = heard.clone();
    let port = serve(move |mut stream| {
        let recorded = recorded.clone();
        async move {
            let mut question = [0; 8];
            stream.read_exact(&mut question).await?;
            stream.write_all(b"N").await?;
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await?;
            if let Ok(mut recorded) = recorded.lock() {
                recorded.extend(rest);
            }
            Ok(())
        }
    })
    .await?;
    for mode in ["require", "verify_ca", "verify_full"] {
        assert_eq!(
            failure("postgres", port, mode).await?,
            ("sql.tls_not_offered".into(), "security".into())
        );
    }
    let heard = heard.lock().unwrap_or_else(|e| e.into_inner());
    assert!(heard.is_empty(), "{:?}", String::from_utf8_lossy(&heard));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_followed_by_garbage_is_an_error_with_a_code() -> Result<()> {
    // PostgreSQL: no TLS, then an authentication answer that claims four gigabytes.
    let port = serve(|mut stream| async move {
        let mut question = [0; 8];
        stream.read_exact(&mut question).await?;
        if question[4..] == [4, 210, 22, 47] {
            return stream.write_all(b"N").await;
        }
        stream.write_all(b"R\xff\xff\xff\xff").await?;
        let noise = vec![0x41; 1 << 16];
        for _ in 0..64 {
            stream.write_all(&noise).await?;
        }
        Ok(())
    })
    .await?;
    let (code, stage) = failure("postgres", port, "disable").await?;
    assert_eq!(stage, "session");
    assert!(
        code.starts_with("sql.") || code == "test.protocol_unexpected",
        "{code}"
    );
    Ok(())
}
