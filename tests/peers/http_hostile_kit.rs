//! Web servers that mean harm, for every connector that speaks HTTP: each misbehaves in one way, on
//! the routes a test chooses.

// Each test file takes its own part of this.
#![allow(dead_code, unreachable_pub)]

use std::{
    io::Write,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// One way of misbehaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// Never says a word.
    Silent,
    /// Sends the head of the answer letter by letter, for ever.
    DripHead,
    /// Sends the body letter by letter, for ever.
    DripBody,
    /// A body without end.
    Endless,
    /// Announces ten gigabytes.
    Announced,
    /// A few kilobytes that unpack to gigabytes.
    GzipBomb,
    /// Sends the client to itself, again and again.
    RedirectToItself,
    /// Sends the client to where cloud machines keep their secrets.
    RedirectToMetadata,
    /// A million brackets.
    Nested,
    /// Millions of empty objects.
    Elements,
    /// A page of a sign-in.
    Html,
    /// Headers without end.
    Headers,
    /// No HTTP at all.
    Garbage,
    /// Hangs up at once.
    Close,
}

/// What a route answers.
pub enum Answer {
    /// A document.
    Json(String),
    /// A status without a document.
    Status(u16),
    /// Harm.
    Hostile(Hostile),
}

/// Answers by target (path and query).
pub type Routes = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

/// A running server; it ends when this is dropped.
pub struct Server {
    pub port: u16,
    /// Requests so far.
    pub requests: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server.
pub async fn serve(routes: Routes) -> Result<Server> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let requests = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&requests);
    let bomb = bomb()?;
    let task = tokio::spawn(async move {
        // Dropped with the task, and every connection with them.
        let mut open = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (routes, bomb, counted) =
                (Arc::clone(&routes), Arc::clone(&bomb), Arc::clone(&counted));
            open.spawn(async move {
                // The client hanging up is the usual end.
                drop(converse(stream, &routes, &bomb, &counted).await);
            });
        }
    });
    Ok(Server {
        port,
        requests,
        task,
    })
}

/// A server that is hostile on every route.
pub async fn hostile(kind: Hostile) -> Result<Server> {
    serve(Arc::new(move |_| Answer::Hostile(kind))).await
}

/// The one tag of [`pi`].
pub const TAG: &str = r"\\SRV\TAG";

/// A small PI server; `recorded` answers for the values.
pub fn pi(recorded: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Routes {
    Arc::new(move |target| {
        let path = target.split('?').next().unwrap_or_default();
        let path = path.trim_start_matches("/piwebapi").trim_matches('/');
        let point = json!({"WebId": "P1", "Name": "TAG", "Path": TAG, "PointType": "Float64"});
        let now = json!({"Timestamp": "2026-01-01T00:00:00Z", "Value": 1.5, "Good": true});
        Answer::Json(
            match path {
                "" => json!({"Links": {"DataServers": "x", "System": "y"}}),
                "system/userinfo" => json!({"Name": "u", "IsAuthenticated": true}),
                "dataservers" => {
                    json!({"Items": [{"WebId": "S1", "Path": r"\\SRV", "IsConnected": true}]})
                }
                "assetservers" => json!({"Items": []}),
                "dataservers/S1/points" => json!({"Items": [point]}),
                "points" => point,
                "streamsets/value" => json!({"Items": [{"WebId": "P1", "Value": now}]}),
                "streams/P1/value" => now,
                "streams/P1/recorded" => return recorded(target),
                _ => return Answer::Status(404),
            }
            .to_string(),
        )
    })
}

/// A server with a thread and a runtime of its own, so that its work is not the client's; it ends when
/// this is dropped.
pub struct Apart {
    pub port: u16,
    _end: tokio::sync::oneshot::Sender<()>,
}

/// Starts a server apart.
pub fn apart(routes: Routes) -> Result<Apart> {
    let (told, port) = std::sync::mpsc::channel();
    let (end, ended) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(server) = serve(routes).await else {
                return;
            };
            if told.send(server.port).is_ok() {
                // Dropped by the one who holds the other end; nothing is ever sent.
                drop(ended.await);
            }
        });
    });
    let port = port.recv().context("the server does not start")?;
    Ok(Apart { port, _end: end })
}

/// Four gigabytes of blanks as gzip: one packed member of 64 MB, many times.
fn bomb() -> Result<Arc<[u8]>> {
    static BOMB: OnceLock<Arc<[u8]>> = OnceLock::new();
    if let Some(bomb) = BOMB.get() {
        return Ok(bomb.clone());
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let part = vec![b' '; 1 << 20];
    for _ in 0..64 {
        packed.write_all(&part)?;
    }
    let bomb: Arc<[u8]> = packed.finish()?.repeat(64).into();
    Ok(BOMB.get_or_init(|| bomb).clone())
}

async fn converse(
    mut stream: TcpStream,
    routes: &Routes,
    bomb: &[u8],
    counted: &AtomicU64,
) -> std::io::Result<()> {
    let mut seen = Vec::new();
    let mut part = [0; 8_192];
    loop {
        let end = loop {
            if let Some(end) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut part).await? {
                0 => return Ok(()),
                n => seen.extend_from_slice(&part[..n]),
            }
        };
        let head = String::from_utf8_lossy(&seen[..end]).into_owned();
        let length: usize = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        while seen.len() < end + length {
            match stream.read(&mut part).await? {
                0 => return Ok(()),
                n => seen.extend_from_slice(&part[..n]),
            }
        }
        seen.drain(..end + length);
        counted.fetch_add(1, Ordering::Relaxed);
        let target = head.split(' ').nth(1).unwrap_or("/");
        match routes(target) {
            Answer::Json(body) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body.as_bytes()).await?;
            }
            Answer::Status(status) => {
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
            }
            Answer::Hostile(kind) => return misbehave(stream, kind, bomb).await,
        }
    }
}

async fn for_ever(stream: &mut TcpStream, part: &[u8], pause: Duration) -> std::io::Result<()> {
    loop {
        stream.write_all(part).await?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}

async fn misbehave(mut stream: TcpStream, kind: Hostile, bomb: &[u8]) -> std::io::Result<()> {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    const DRIP: Duration = Duration::from_millis(200);
    let say = |head: &str| format!("{OK}{head}\r\n").into_bytes();
    match kind {
        Hostile::Silent => std::future::pending().await,
        Hostile::DripHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await?;
            for_ever(&mut stream, b"x", DRIP).await
        }
        Hostile::DripBody => {
            stream.write_all(&say("")).await?;
            for_ever(&mut stream, b" ", DRIP).await
        }
        Hostile::Endless => {
            stream.write_all(&say("")).await?;
            for_ever(&mut stream, &[b' '; 65_536], Duration::ZERO).await
        }
        Hostile::Announced => {
            stream
                .write_all(&say("Content-Length: 10000000000\r\n"))
                .await?;
            for_ever(&mut stream, &[b' '; 65_536], Duration::ZERO).await
        }
        Hostile::GzipBomb => {
            let head = format!(
                "Content-Encoding: gzip\r\nContent-Length: {}\r\n",
                bomb.len()
            );
            stream.write_all(&say(&head)).await?;
            stream.write_all(bomb).await
        }
        Hostile::RedirectToItself => {
            stream
                .write_all(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
                .await
        }
        Hostile::RedirectToMetadata => {
            let head = "HTTP/1.1 307 Moved\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(head.as_bytes()).await
        }
        Hostile::Nested => {
            stream.write_all(&say("Connection: close\r\n")).await?;
            stream.write_all("[".repeat(1_000_000).as_bytes()).await
        }
        Hostile::Elements => {
            stream.write_all(&say("Connection: close\r\n")).await?;
            stream.write_all(b"{\"Links\":{},\"Items\":[{}").await?;
            stream.write_all(",{}".repeat(4_000_000).as_bytes()).await?;
            stream.write_all(b"]}").await
        }
        Hostile::Html => {
            let body = "<!DOCTYPE html><html><body>Sign in</body></html>";
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).await
        }
        Hostile::Headers => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            for_ever(
                &mut stream,
                b"X-More: and more and more and more\r\n",
                Duration::ZERO,
            )
            .await
        }
        Hostile::Garbage => {
            stream.write_all(&[0xFE; 4_096]).await?;
            std::future::pending().await
        }
        Hostile::Close => Ok(()),
    }
}

/// Watches the memory of this process.
pub struct Memory {
    before: u64,
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

fn resident() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").context("no /proc on this system")?;
    let pages: u64 = text.split(' ').nth(1).context("a second number")?.parse()?;
    Ok(pages * 4_096)
}

impl Memory {
    /// Begins to watch.
    pub fn watch() -> Result<Self> {
        let memory = Self {
            before: resident()?,
            peak: Arc::default(),
            stop: Arc::default(),
        };
        let (peak, stop) = (Arc::clone(&memory.peak), Arc::clone(&memory.stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                peak.fetch_max(resident().unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Ok(memory)
    }

    /// Megabytes it grew by, at most, since the beginning.
    pub fn growth_mib(&self) -> u64 {
        self.peak
            .load(Ordering::Relaxed)
            .saturating_sub(self.before)
            >> 20
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
