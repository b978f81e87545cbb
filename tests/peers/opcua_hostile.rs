//! The OPC UA connector against things that are not an OPC UA server, or a malicious one: it must
//! answer with a code, in bounded time and memory, and leave nothing on the disk.

use std::{future::Future, time::Duration};

use anyhow::Result;
use iq_connector::{StageKey, StageStatus};
use iq_tests::Rig;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

fn config(port: u16) -> Value {
    json!({"endpoint_url": format!("opc.tcp://127.0.0.1:{port}")})
}

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

/// The failing code of a test against a port, which must come within `seconds`.
async fn code(port: u16, seconds: u64) -> Result<(String, Option<StageKey>)> {
    let rig = Rig::new()?;
    let limit = Duration::from_secs(seconds);
    let report = tokio::time::timeout(limit, rig.test(&config(port))).await??;
    assert!(!report.success);
    let left = std::fs::read_dir(&rig.identity.scratch_dir)?.count();
    assert_eq!(left, 0, "working files are left behind");
    let failed = report
        .stages
        .iter()
        .find(|s| s.status == StageStatus::Failed)
        .map(|s| s.key);
    Ok((report.message.code, failed))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_told_apart_from_an_opc_ua_server() -> Result<()> {
    let port = serve(|mut stream| async move {
        let mut request = [0; 64];
        let _ = stream.read(&mut request).await?;
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            .await
    })
    .await?;
    let (code, stage) = code(port, 20).await?;
    assert_eq!(stage, Some(StageKey::Hello));
    assert!(
        code == "test.protocol_unexpected" || code == "opcua.connection_lost",
        "{code}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_costs_ten_seconds_and_no_more() -> Result<()> {
    let port = serve(|mut stream| async move {
        let mut sink = Vec::new();
        stream.read_to_end(&mut sink).await.map(drop)
    })
    .await?;
    assert_eq!(
        code(port, 20).await?,
        ("opcua.timeout".to_owned(), Some(StageKey::Hello))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_up_at_once_is_an_error_with_a_code() -> Result<()> {
    let port = serve(|stream| async move {
        drop(stream);
        Ok(())
    })
    .await?;
    let (code, stage) = code(port, 20).await?;
    assert_eq!(
        (code.as_str(), stage),
        // There never was a connection to lose: something listens there that doesn't speak OPC UA.
        ("test.protocol_unexpected", Some(StageKey::Hello))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_giant_messages_are_refused_before_they_arrive() -> Result<()> {
    // An acknowledge, then a chunk that claims four gigabytes, then noise for ever.
    let port = serve(|mut stream| async move {
        let mut hello = [0; 64];
        let _ = stream.read(&mut hello).await?;
        let mut acknowledge = b"ACKF".to_vec();
        for number in [28u32, 0, 65_536, 65_536, 0, 0] {
            acknowledge.extend(number.to_le_bytes());
        }
        stream.write_all(&acknowledge).await?;
        stream.write_all(b"OPNF\xff\xff\xff\xff").await?;
        let noise = vec![0x41; 1 << 16];
        loop {
            stream.write_all(&noise).await?;
        }
    })
    .await?;
    let (code, stage) = code(port, 20).await?;
    assert_eq!(stage, Some(StageKey::Hello));
    assert!(
        code.starts_with("opcua.") || code == "test.protocol_unexpected",
        "{code}"
    );
    Ok(())
}
