//! A long, thin, lossy line in user space: bytes leave at a rate, arrive after half a round trip, and a
//! lost segment holds up all behind it until it has come again, a round trip later. Senders are not
//! slowed down by losses, as a kernel's congestion control would slow them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

/// Bytes of a segment.
const SEGMENT: usize = 1_460;
/// Segments on their way, of both directions.
const WINDOW: usize = 1_024;

/// What a line is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quality {
    pub(super) bits_per_second: f64,
    pub(super) round_trip: Duration,
    /// Of segments.
    pub(super) loss: f64,
}

pub(super) struct Line {
    pub(super) port: u16,
    carried: Arc<AtomicU64>,
    plug: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    pub(super) async fn to(port: u16, quality: Quality, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = listener.local_addr()?.port();
        let carried = Arc::new(AtomicU64::new(0));
        let (plug, plugged) = watch::channel(true);
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let counted = Arc::clone(&carried);
        let task = tokio::spawn(async move {
            let mut number = seed;
            while let Ok((near, _)) = listener.accept().await {
                number += 1;
                let dice = StdRng::seed_from_u64(number);
                let link = link(near, target, quality, dice, Arc::clone(&counted));
                let mut plugged = plugged.clone();
                tokio::spawn(async move {
                    if *plugged.borrow() {
                        tokio::select! {
                            () = link => {}
                            _ = plugged.wait_for(|is| !*is) => {}
                        }
                    }
                });
            }
        });
        Ok(Self {
            port: own,
            carried,
            plug,
            task,
        })
    }

    /// Every link is cut, and new ones are at once.
    pub(super) fn pull(&self) {
        self.plug.send_replace(false);
    }

    pub(super) fn plug(&self) {
        self.plug.send_replace(true);
    }

    /// Bytes that went out, without what was sent again.
    pub(super) fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

async fn link(
    near: TcpStream,
    target: SocketAddr,
    quality: Quality,
    mut dice: StdRng,
    carried: Arc<AtomicU64>,
) {
    // The handshake takes a round trip.
    tokio::time::sleep(quality.round_trip).await;
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let back = StdRng::seed_from_u64(dice.random());
    tokio::select! {
        () = carry(near_in, far_out, quality, dice, carried) => {}
        () = carry(far_in, near_out, quality, back, Arc::default()) => {}
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    quality: Quality,
    mut dice: StdRng,
    carried: Arc<AtomicU64>,
) {
    let (sent, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(WINDOW);
    let reader = async move {
        let mut buffer = vec![0; SEGMENT];
        let mut free_at = Instant::now();
        let mut last = free_at;
        while let Ok(read) = from.read(&mut buffer).await {
            if read == 0 {
                return;
            }
            carried.fetch_add(read as u64, Ordering::Relaxed);
            let mut times = 1;
            while dice.random_bool(quality.loss) {
                times += 1;
            }
            let busy = f64::from(times) * read as f64 * 8.0 / quality.bits_per_second;
            free_at = free_at.max(Instant::now()) + Duration::from_secs_f64(busy);
            let again = quality.round_trip * (times - 1);
            // In order: what comes later waits for what was lost.
            last = last.max(free_at + quality.round_trip / 2 + again);
            if sent.send((last, buffer[..read].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writer = async move {
        while let Some((at, bytes)) = arriving.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reader, writer);
}

/// What the line alone does, by an echo: a byte there and back, then bulk one way.
pub(super) async fn calibrate(quality: Quality, seed: u64) -> Result<Quality> {
    const BULK: usize = 4 << 20;
    const ECHOES: usize = 9;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let line = Line::to(listener.local_addr()?.port(), quality, seed).await?;
    let echo = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await?;
        let mut byte = [0];
        for _ in 0..ECHOES {
            socket.read_exact(&mut byte).await?;
            socket.write_all(&byte).await?;
        }
        let mut bulk = vec![0; BULK];
        socket.read_exact(&mut bulk).await?;
        socket.write_all(&byte).await?;
        anyhow::Ok(())
    });
    let mut socket = TcpStream::connect(("127.0.0.1", line.port)).await?;
    let mut byte = [0];
    // Some are lost, and the first one also pays for the handshake: the median.
    let mut echoes = Vec::new();
    for _ in 0..ECHOES {
        let started = Instant::now();
        socket.write_all(&byte).await?;
        socket.read_exact(&mut byte).await?;
        echoes.push(started.elapsed());
    }
    echoes.sort();
    let round_trip = echoes[ECHOES / 2];
    let started = Instant::now();
    socket.write_all(&vec![7; BULK]).await?;
    socket.read_exact(&mut byte).await?;
    let seconds = started
        .elapsed()
        .saturating_sub(quality.round_trip)
        .as_secs_f64();
    echo.await??;
    Ok(Quality {
        bits_per_second: BULK as f64 * 8.0 / seconds,
        round_trip,
        loss: quality.loss,
    })
}
