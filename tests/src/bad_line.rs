//! A bad line: stands between an appliance and its hub and does with whole requests and answers what
//! networks do with them.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What happens to the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It never arrives.
    LoseRequest,
    /// Half of it arrives, then the line is cut.
    CutRequest,
    /// It arrives; nobody hears the answer.
    LoseAnswer,
    /// Half of the answer arrives.
    CutAnswer,
    /// It arrives twice, one right after the other.
    Twice,
    /// An older batch arrives once more before it.
    OldFirst,
    /// It takes this long.
    Slow(Duration),
}

/// The line. Faults are taken one per request; when none is left the line is good.
pub struct BadLine {
    /// Where the appliance connects to.
    pub port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    target: SocketAddr,
    faults: Mutex<VecDeque<Fault>>,
    older: Mutex<Vec<Vec<u8>>>,
}

/// The largest message that is relayed.
const LARGEST: usize = 4 << 20;

impl BadLine {
    /// Lays a line to a port of this machine.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            target: SocketAddr::from(([127, 0, 0, 1], port)),
            faults: Mutex::default(),
            older: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            port: own,
            shared,
            task,
        })
    }

    /// What happens to the next requests.
    pub fn will(&self, faults: impl IntoIterator<Item = Fault>) {
        locked(&self.shared.faults).extend(faults);
    }

    /// How many faults are still to come.
    pub fn to_come(&self) -> usize {
        locked(&self.shared.faults).len()
    }

    /// Every batch that went by, as it was sent.
    pub fn batches(&self) -> Vec<Vec<u8>> {
        locked(&self.shared.older).clone()
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            // A link that ends in an error is a link that is cut.
            Ok((near, _)) => drop(tokio::spawn(relay(near, Arc::clone(&shared)))),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn relay(mut near: TcpStream, shared: Arc<Shared>) -> Result<()> {
    loop {
        let request = message(&mut near).await?;
        let is_batch = request.starts_with(b"POST /sync/v1/batch");
        let fault = locked(&shared.faults).pop_front().unwrap_or(Fault::None);
        let older = {
            let mut older = locked(&shared.older);
            let picked = (fault == Fault::OldFirst).then(|| older.get(older.len() / 2).cloned());
            if is_batch {
                older.push(request.clone());
            }
            picked.flatten()
        };
        match fault {
            Fault::LoseRequest => return Ok(()),
            Fault::CutRequest => {
                let mut far = TcpStream::connect(shared.target).await?;
                far.write_all(&request[..request.len() / 2]).await?;
                return Ok(far.shutdown().await?);
            }
            Fault::Slow(time) => tokio::time::sleep(time).await,
            _ => {}
        }
        if let Some(older) = older {
            drop(ask(&shared, &older).await);
        }
        let answer = ask(&shared, &request).await?;
        if fault == Fault::Twice {
            drop(ask(&shared, &request).await);
        }
        match fault {
            Fault::LoseAnswer => return Ok(()),
            Fault::CutAnswer => {
                near.write_all(&answer[..answer.len() / 2]).await?;
                return Ok(near.shutdown().await?);
            }
            _ => near.write_all(&answer).await?,
        }
    }
}

async fn ask(shared: &Shared, request: &[u8]) -> Result<Vec<u8>> {
    let mut far = TcpStream::connect(shared.target).await?;
    far.write_all(request).await?;
    message(&mut far).await
}

/// One whole message of HTTP/1.1: its head, and a body of the length it names.
async fn message(from: &mut TcpStream) -> Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        if let Some(end) = end_of(&bytes)
            && bytes.len() >= end
        {
            return Ok(bytes);
        }
        ensure!(bytes.len() < LARGEST, "a message without end");
        let read = from.read(&mut buffer).await?;
        ensure!(read > 0, "the link was closed");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn end_of(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok());
    Some(head + length.unwrap_or_default())
}
