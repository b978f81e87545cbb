//! A child process that says when it is ready and obeys lines on its standard input.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Lines of standard error kept for the message of a failure.
const KEPT_LINES: usize = 40;

/// A port of the loopback interface that nobody listens on now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// A running server; it is killed and waited for when this is dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Starts `command` and waits until it prints a line that begins with `ready`.
    pub fn start(mut command: Command, ready: &str, patience: Duration) -> Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("{command:?} does not start"))?;
        let output = child.stdout.take().context("no standard output")?;
        let error_output = child.stderr.take().context("no standard error")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = Arc::new(Mutex::new(Vec::new()));
        let kept = errors.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(error_output).lines().map_while(Result::ok) {
                if let Ok(mut kept) = kept.lock() {
                    if kept.len() == KEPT_LINES {
                        kept.remove(0);
                    }
                    kept.push(line);
                }
            }
        });
        let input = child.stdin.take();
        let peer = Self {
            child,
            input,
            lines,
            errors,
        };
        peer.wait_for(ready, patience)?;
        Ok(peer)
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line to its standard input.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("input is closed")?;
        writeln!(input, "{line}")
            .and_then(|()| input.flush())
            .context("the peer does not listen")
    }

    /// The next printed line that begins with `start`; others are passed over.
    pub fn wait_for(&self, start: &str, patience: Duration) -> Result<String> {
        let deadline = Instant::now() + patience;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.starts_with(start) => return Ok(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "no line \"{start}\" within {patience:?}; standard error:\n{}",
                        self.errors()
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!(
                        "the peer ended before \"{start}\"; standard error:\n{}",
                        self.errors()
                    )
                }
            }
        }
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill")?;
        self.child.wait().context("wait")?;
        Ok(())
    }

    fn errors(&self) -> String {
        self.errors
            .lock()
            .map(|kept| kept.join("\n"))
            .unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_peer_is_ready_when_it_says_so_and_answers_lines() {
        let script = "echo starting; echo ready; while read line; do echo \"got $line\"; done";
        let mut peer = Peer::start(shell(script), "ready", Duration::from_secs(10)).unwrap();
        peer.say("hello").unwrap();
        assert_eq!(
            peer.wait_for("got", Duration::from_secs(10)).unwrap(),
            "got hello"
        );
    }

    #[test]
    fn a_peer_that_fails_is_reported_with_its_own_words() {
        let error = Peer::start(
            shell("echo broken >&2; exit 3"),
            "ready",
            Duration::from_secs(10),
        );
        let text = format!("{:#}", error.unwrap_err());
        assert!(text.contains("ended before"), "{text}");
    }

    #[test]
    fn a_dropped_peer_is_gone() {
        let peer = Peer::start(
            shell("echo ready; exec sleep 600"),
            "ready",
            Duration::from_secs(10),
        )
        .unwrap();
        let id = peer.id();
        drop(peer);
        assert!(!std::path::Path::new(&format!("/proc/{id}/stat")).exists());
    }
}
