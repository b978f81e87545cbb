//! What every request can reach: the runtime, who may talk to this server, and what keeps sign-in
//! slow for guessers.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use iq_auth::{AuthError, HashCost, PasswordHasher, SessionKeys, WindowKey};
use iq_domain::{SessionId, Timestamp};
use iq_listen::{Listening, Peer};
use iq_runtime::Runtime;
use iq_sync::Sync;
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::sync::{Notify, Semaphore, broadcast, watch};

use crate::{emergency::Emergency, http::traffic::Traffic, sso_waiting::Waiting};

/// Password hashes computed at once; each takes 64 MiB.
const HASHES_AT_ONCE: usize = 2;

/// What a host decides.
#[derive(Clone)]
pub struct ApiOptions {
    /// The port people use; part of the Host guard and of the cookie's name.
    pub port: u16,
    /// The port that is listened on.
    pub listening: Listening,
    /// Further names this server may be addressed by, as `host` or `host:port`.
    pub allowed_hosts: Vec<String>,
    /// Id of this appliance.
    pub appliance_id: String,
    /// Program version.
    pub version: String,
    /// What one password hash costs.
    pub hash_cost: HashCost,
}

/// The state of the API. Clones share it.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

/// See [`ApiState`].
pub struct Inner {
    pub(crate) runtime: Runtime,
    pub(crate) sync: Sync,
    pub(crate) options: ApiOptions,
    pub(crate) keys: SessionKeys,
    pub(crate) hasher: PasswordHasher,
    /// Sessions while the disk is full.
    pub(crate) emergency: Emergency,
    /// Sign-ins that wait for their person to come back from a provider.
    pub(crate) sso: Waiting,
    pub(crate) hashing: Semaphore,
    /// How fast requests may come.
    pub(crate) traffic: Traffic,
    /// Sessions that have just ended; open event streams listen.
    pub(crate) ended: broadcast::Sender<SessionId>,
    /// True once the host is closing; open event streams end then.
    pub(crate) closing: watch::Sender<bool>,
    hosts: Vec<String>,
    handoff: Mutex<Option<String>>,
    handoff_used: Notify,
    /// What this server proves itself with to windows, and the address it does so for.
    window: OnceLock<(WindowKey, String)>,
}

impl Deref for ApiState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Host and port of an address.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

impl ApiState {
    /// The state for a running appliance. `keys` come from SESSION_SECRET or the master key.
    ///
    /// # Errors
    /// When the hash cost is out of range, or memory or random numbers are missing.
    pub fn new(
        (runtime, sync): (Runtime, Sync),
        keys: SessionKeys,
        options: ApiOptions,
    ) -> Result<Self, AuthError> {
        let port = options.port;
        let mut hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .into_iter()
            .map(|host| format!("{host}:{port}"))
            .collect();
        let public = runtime.config().public_url.as_deref().map(authority);
        hosts.extend(public.map(str::to_ascii_lowercase));
        for host in &options.allowed_hosts {
            let host = host.trim().to_ascii_lowercase();
            let has_port = host
                .rsplit_once(':')
                .is_some_and(|(_, p)| p.parse::<u16>().is_ok());
            if !has_port {
                hosts.push(format!("{host}:{port}"));
            }
            hosts.push(host);
        }
        Ok(Self(Arc::new(Inner {
            emergency: Emergency::default(),
            sso: Waiting::default(),
            hasher: PasswordHasher::new(options.hash_cost)?,
            traffic: Traffic::new(runtime.config().requests_per_second),
            keys,
            runtime,
            sync,
            options,
            hashing: Semaphore::new(HASHES_AT_ONCE),
            ended: broadcast::channel(64).0,
            closing: watch::channel(false).0,
            hosts,
            handoff: Mutex::new(None),
            handoff_used: Notify::new(),
            window: OnceLock::new(),
        })))
    }

    /// A fresh one-time token for the desktop window; an older one no longer counts. It binds a
    /// window, it signs nobody in.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn issue_handoff(&self) -> Result<String, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        *self.0.handoff.lock() = Some(token.clone());
        Ok(token)
    }

    /// From here on this server, listening at `address`, proves itself to who has read the key. Only
    /// the first key counts.
    pub fn prove_with(&self, key: WindowKey, address: &str) {
        drop(self.0.window.set((key, address.to_owned())));
    }

    /// The answer to a challenge; `None` without a key, and for what is no challenge.
    pub(crate) fn window_proof(&self, challenge: &str) -> Option<String> {
        let (key, address) = self.0.window.get()?;
        key.answer(address, challenge)
    }

    /// Ends open event streams; to be called before the server waits for its connections to close.
    pub fn close_streams(&self) {
        self.0.closing.send_replace(true);
    }

    /// Waits until a one-time token was used, so that the host can issue the next one.
    pub async fn handoff_used(&self) {
        self.0.handoff_used.notified().await;
    }

    /// Uses up the token.
    pub(crate) fn take_handoff(&self, token: &str) -> bool {
        let mut current = self.0.handoff.lock();
        let is_right = current
            .as_deref()
            .is_some_and(|right| bool::from(right.as_bytes().ct_eq(token.as_bytes())));
        if is_right {
            *current = None;
            self.0.handoff_used.notify_one();
        }
        is_right
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.runtime.clock().now()
    }

    /// A time that nobody sets, milliseconds since some moment.
    pub(crate) fn steady_ms(&self) -> i64 {
        self.runtime.clock().steady_ms()
    }

    pub(crate) fn is_allowed_host(&self, host: &str) -> bool {
        self.hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Whether a request came encrypted: over TLS, or under the https address of a proxy in front.
    pub(crate) fn is_secure(&self, peer: Option<Peer>, host: &str) -> bool {
        let public = self.runtime.config().public_url.as_deref();
        let is_proxied = public
            .filter(|url| url.starts_with("https://"))
            .is_some_and(|url| authority(url).eq_ignore_ascii_case(host));
        is_proxied || peer.is_some_and(|peer| peer.is_tls)
    }

    /// The cookie's name: cookies are shared across ports of one host, so the port is in it. `__Host-`
    /// binds it to this host over TLS; a cookie that came unencrypted is never taken for it.
    pub(crate) fn cookie_name(&self, is_secure: bool) -> String {
        let prefix = if is_secure { "__Host-" } else { "" };
        format!("{prefix}optria_{}", self.options.port)
    }

    /// The address people use: the configured one, else this machine's own.
    pub(crate) fn public_url(&self) -> String {
        let configured = self.runtime.config().public_url.as_deref();
        configured.map_or_else(
            || {
                let scheme = if self.options.listening.is_tls() {
                    "https"
                } else {
                    "http"
                };
                format!("{scheme}://127.0.0.1:{}", self.options.port)
            },
            |url| {
                let scheme = url.split("://").next().unwrap_or("https");
                format!("{scheme}://{}", authority(url))
            },
        )
    }

    /// Where identity providers send people back to. It comes from the configuration, never from what
    /// a request says about itself.
    pub(crate) fn sso_redirect_uri(&self) -> String {
        format!("{}/auth/sso/callback", self.public_url())
    }

    /// The short name of this appliance.
    pub(crate) fn appliance(&self) -> String {
        self.options
            .appliance_id
            .chars()
            .filter(|c| *c != '-')
            .take(8)
            .collect()
    }

    /// Tells open event streams that a session ended.
    pub(crate) fn session_ended(&self, id: SessionId) {
        // An error only says that no stream is open.
        drop(self.ended.send(id));
    }
}
