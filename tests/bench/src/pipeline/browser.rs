//! The reading side: signs in over HTTP as a person does and reads the event stream as a page does.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use iq_api_types::{LiveValue, SignInRequest};
use iq_domain::{Clock, Timestamp, WallClock};

use super::wire::SignIn;

/// Longest time a page stays open; a stream that fell silent ends with an error, not never.
const LONGEST: Duration = Duration::from_secs(90);

/// A value as it came out of the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When its message had been read.
    pub(crate) at: Timestamp,
    /// Arrival of its notification at the appliance.
    pub(crate) received_at: Timestamp,
    /// Source time.
    pub(crate) t: Timestamp,
}

/// A page that is open.
pub(crate) struct Browser {
    stop: Arc<AtomicBool>,
    signals: Arc<AtomicUsize>,
    reader: JoinHandle<Result<Vec<Seen>>>,
}

/// Answers whether the sign-in page is there.
pub(crate) fn shows_sign_in(url: &str) -> Result<bool> {
    Ok(ureq::get(format!("{url}/login")).call()?.status() == 200)
}

/// Signs in; answers the cookie of the session.
pub(crate) fn sign_in(url: &str, who: &SignIn) -> Result<String> {
    let request = SignInRequest {
        username: who.username.clone(),
        password: who.password.clone(),
        emergency_reason: None,
    };
    let answer = ureq::post(format!("{url}/api/session"))
        .header("origin", url)
        .send_json(&request)
        .context("signing in")?;
    let cookie = answer
        .headers()
        .get("set-cookie")
        .and_then(|value| value.to_str().ok()?.split(';').next());
    Ok(cookie.context("signing in set no cookie")?.to_owned())
}

impl Browser {
    /// Opens the event stream.
    pub(crate) fn open(url: &str, cookie: &str) -> Result<Self> {
        let stream = ureq::get(format!("{url}/api/live"))
            .config()
            .timeout_global(Some(LONGEST))
            .build()
            .header("accept", "text/event-stream")
            .header("cookie", cookie)
            .call()
            .context("opening the event stream")?;
        let stop = Arc::new(AtomicBool::new(false));
        let signals = Arc::new(AtomicUsize::new(0));
        let lines = BufReader::with_capacity(1 << 20, stream.into_body().into_reader());
        let reader = std::thread::spawn({
            let (stop, signals) = (Arc::clone(&stop), Arc::clone(&signals));
            move || read(lines, &stop, &signals)
        });
        Ok(Self {
            stop,
            signals,
            reader,
        })
    }

    /// Waits until so many signals have shown a value.
    pub(crate) fn wait_for(&self, signals: usize, patience: Duration) -> Result<()> {
        let begun = Instant::now();
        while self.signals.load(Ordering::Relaxed) < signals {
            ensure!(!self.reader.is_finished(), "the event stream ended");
            ensure!(
                begun.elapsed() < patience,
                "only {} of {signals} signals are live",
                self.signals.load(Ordering::Relaxed)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Closes the page and hands over what it saw.
    pub(crate) fn close(self) -> Result<Vec<Seen>> {
        self.stop.store(true, Ordering::Relaxed);
        match self.reader.join() {
            Ok(seen) => seen,
            Err(_) => bail!("the reading thread ended badly"),
        }
    }
}

fn read(mut lines: impl BufRead, stop: &AtomicBool, signals: &AtomicUsize) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    let mut known = HashSet::new();
    let mut is_values = false;
    let mut line = String::new();
    while !stop.load(Ordering::Relaxed) {
        line.clear();
        ensure!(lines.read_line(&mut line)? > 0, "the event stream ended");
        if let Some(name) = line.strip_prefix("event:") {
            is_values = name.trim() == "values";
        } else if let Some(data) = line.strip_prefix("data:").filter(|_| is_values) {
            let values: Vec<LiveValue> = serde_json::from_str(data.trim())?;
            // Only now could a page show them.
            let at = WallClock.now();
            for value in values {
                known.insert(value.signal_id);
                seen.push(Seen {
                    at,
                    received_at: value.received_at,
                    t: value.t,
                });
            }
            signals.store(known.len(), Ordering::Relaxed);
        } else if line.trim().is_empty() {
            is_values = false;
        }
    }
    Ok(seen)
}
