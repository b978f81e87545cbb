//! The first bytes of a connection: whether the right kind of server answers, and whether it offers
//! TLS, before any name or password is sent.

use std::time::Duration;

use iq_domain::CodedError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    address::look_up,
    config::{DbType, SslMode, Target},
    error::{about, upstream},
};

const PATIENCE: Duration = Duration::from_secs(6);

/// Longest greeting read.
const LONGEST: usize = 4_096;

/// What a server says about itself before anyone signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// Whether TLS can follow; `None` where the first answer does not tell.
    pub(crate) offers_tls: Option<bool>,
}

/// Greets the server on a connection of its own.
pub(crate) async fn greet(target: &Target) -> Result<Greeting, CodedError> {
    let talk = async {
        let addresses = look_up(target).await?;
        let mut stream = TcpStream::connect(&*addresses)
            .await
            .map_err(|e| about(target, "sql.connection_lost").with("detail", e))?;
        let heard = match target.db {
            DbType::Postgres => postgres(&mut stream).await,
            DbType::Mysql => mysql(&mut stream).await,
            DbType::SqlServer => sqlserver(&mut stream).await,
            DbType::Oracle if target.ssl_mode == SslMode::Disable => {
                oracle(&mut stream, target).await
            }
            // The listener speaks TLS from the first byte; the session finds out more.
            DbType::Oracle => return Ok(Greeting { offers_tls: None }),
        };
        match heard {
            Ok(Some(greeting)) => Ok(greeting),
            Ok(None) | Err(_) => Err(upstream("test.protocol_unexpected")
                .with("address", target.address())
                .with("protocol", target.db.name())),
        }
    };
    // Something listens and says nothing: a busy server, or another database that waits to be asked.
    tokio::time::timeout(PATIENCE, talk)
        .await
        .unwrap_or_else(|_| Err(about(target, "sql.no_greeting").with("address", target.address())))
}

type Heard = std::io::Result<Option<Greeting>>;

fn told(offers_tls: bool) -> Heard {
    Ok(Some(Greeting {
        offers_tls: Some(offers_tls),
    }))
}

/// Asks for TLS: the answer is a single letter, whatever comes next.
async fn postgres(stream: &mut TcpStream) -> Heard {
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await?;
    match stream.read_u8().await? {
        b'S' => told(true),
        b'N' => told(false),
        _ => Ok(None),
    }
}

/// The server speaks first: a packet with protocol version ten, its version, its abilities.
async fn mysql(stream: &mut TcpStream) -> Heard {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
    if !(1..LONGEST).contains(&length) || head[3] != 0 {
        return Ok(None);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    match body[0] {
        // An error instead of a greeting: blocked or full. It is the right kind of server, and the
        // session will hear the reason again.
        0xFF => Ok(Some(Greeting { offers_tls: None })),
        10 => {
            let version_end = body[1..].iter().position(|b| *b == 0).map(|n| n + 2);
            // Thread id (4), salt (8), a zero, then the lower half of the abilities.
            let low = version_end.and_then(|at| body.get(at + 13..at + 15));
            match low {
                Some(low) => told(u16::from_le_bytes([low[0], low[1]]) & 0x0800 != 0),
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// A pre-login packet with version and encryption wish; the answer has the server's.
async fn sqlserver(stream: &mut TcpStream) -> Heard {
    const ASK: [u8; 26] = [
        0x12, 0x01, 0x00, 0x1A, 0x00, 0x00, 0x01, 0x00, // header: pre-login, last, 26 bytes
        0x00, 0x00, 0x0B, 0x00, 0x06, // version at 11, 6 bytes
        0x01, 0x00, 0x11, 0x00, 0x01, // encryption at 17, 1 byte
        0xFF, 0x0B, 0, 0, 0, 0, 0, 0x00, // end; version; encryption off
    ];
    stream.write_all(&ASK).await?;
    let mut head = [0; 8];
    stream.read_exact(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if head[0] != 0x04 || !(8..LONGEST).contains(&length) {
        return Ok(None);
    }
    let mut body = vec![0; length - 8];
    stream.read_exact(&mut body).await?;
    let mut at = 0;
    while let Some(option) = body.get(at..at + 5).filter(|o| o[0] != 0xFF) {
        if option[0] == 0x01 {
            let value_at = usize::from(u16::from_be_bytes([option[1], option[2]]));
            // Two is "not supported".
            return told(body.get(value_at).is_some_and(|v| *v != 2));
        }
        at += 5;
    }
    Ok(Some(Greeting { offers_tls: None }))
}

/// A connect packet of the listener's protocol; any packet of it is an answer.
async fn oracle(stream: &mut TcpStream, target: &Target) -> Heard {
    let data = format!(
        "(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME={})(CID=(PROGRAM=optria-iq)))(ADDRESS=(PROTOCOL=tcp)(HOST={})(PORT={})))",
        target.database, target.host, target.port
    );
    let mut packet = vec![
        0, 0, 0, 0, 1, 0, 0, 0, // header: connect
        1, 54, 1, 44, 0, 0, 32, 0, 32, 0, 127, 255, 127, 8, 0, 0, 1, 0,
    ];
    packet.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    packet.extend([0, 58, 0, 0, 0, 0, 65, 65]);
    packet.resize(58, 0);
    packet.extend(data.as_bytes());
    let length = u16::try_from(packet.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    packet[..2].copy_from_slice(&length);
    stream.write_all(&packet).await?;
    let mut head = [0; 8];
    stream.read_exact(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
    // Accept, refuse, redirect, resend.
    let is_known = matches!(head[4], 2 | 4 | 5 | 11) && (8..LONGEST).contains(&length);
    Ok(is_known.then_some(Greeting { offers_tls: None }))
}
