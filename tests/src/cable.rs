//! A cable between a connector and its source that a test can pull: bytes stop without a word, as they
//! do when somebody unplugs a switch, and neither side is told.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A TCP link on the loopback interface.
pub struct Cable {
    /// Where the connector connects to.
    pub port: u16,
    is_plugged: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Cable {
    /// Lays a cable to a port of this machine.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = listener.local_addr()?.port();
        let (is_plugged, plugged) = watch::channel(true);
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self {
            port: own,
            is_plugged,
            task: tokio::spawn(accept(listener, target, plugged)),
        })
    }

    /// Pulls it: nothing passes any more, in either direction.
    pub fn pull(&self) {
        self.is_plugged.send_replace(false);
    }

    /// Puts it back. Links that were under way stay dead: their bytes are lost.
    pub fn plug(&self) {
        self.is_plugged.send_replace(true);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, mut plugged: watch::Receiver<bool>) {
    loop {
        // A pulled cable answers no connection attempt; those that wait in the queue are let in later.
        if plugged.wait_for(|is| *is).await.is_err() {
            return;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((near, _)) => drop(tokio::spawn(link(near, target, plugged.clone()))),
                // Out of file handles: the next one may work.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            _ = plugged.changed() => {}
        }
    }
}

async fn link(near: TcpStream, target: SocketAddr, mut plugged: watch::Receiver<bool>) {
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    let (mut near_in, mut near_out) = split(near);
    let (mut far_in, mut far_out) = split(far);
    let is_cut = tokio::select! {
        () = pump(&mut near_in, &mut far_out) => false,
        () = pump(&mut far_in, &mut near_out) => false,
        _ = plugged.wait_for(|is| !*is) => true,
    };
    if is_cut {
        // Both ends stay open and hear nothing: held here until the test is over.
        std::future::pending::<()>().await;
    }
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin + Send,
    mut to: impl AsyncWriteExt + Unpin + Send,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
