//! What every request of the hub can reach.

use std::{net::IpAddr, ops::Deref, sync::Arc};

use iq_auth::{HashCost, PasswordHasher, SessionKeys};
use iq_config::Config;
use iq_domain::{Clock, CodedError, IdentityProviderId, TenantId, Timestamp};
use iq_listen::{Listening, Peer};
use iq_oidc::{Documents, Kept, Reach};
use iq_secrets::MasterKey;
use tokio::sync::Semaphore;

use crate::store::Store;

/// Password hashes computed at once; each takes 64 MiB.
const HASHES_AT_ONCE: usize = 2;

/// What a host decides.
#[derive(Clone)]
pub struct HubOptions {
    /// Address people and appliances reach this hub by; without one, this machine only.
    pub public_url: Option<String>,
    /// The port it listens on.
    pub port: u16,
    /// What is known of that port.
    pub listening: Listening,
    /// What one password hash costs.
    pub hash_cost: HashCost,
    /// The newest version of the sync protocol that is spoken.
    pub newest_proto: u32,
}

/// The state of the hub. Clones share it.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

/// See [`Hub`].
pub struct Inner {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) options: HubOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: SessionKeys,
    pub(crate) seal: MasterKey,
    pub(crate) hasher: PasswordHasher,
    pub(crate) hashing: Semaphore,
    /// Documents of providers as they are set up now, by the time of their last change.
    pub(crate) documents: Kept<(TenantId, IdentityProviderId, i64), Arc<Documents>>,
    hosts: Vec<String>,
}

impl Deref for Hub {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Hub {
    /// The state of an instance on a migrated database.
    ///
    /// # Errors
    /// When there is no memory or no random numbers, or the key file can't be used.
    pub fn new(
        store: Store,
        config: Config,
        options: HubOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CodedError> {
        let seal = seal_key(&config)?;
        let keys = match &config.session_secret {
            Some(secret) => SessionKeys::new(secret.expose().as_bytes()),
            None => SessionKeys::new(seal.derive("session").as_slice()),
        };
        let mut hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .into_iter()
            .map(|host| format!("{host}:{}", options.port))
            .collect();
        hosts.extend(options.public_url.as_deref().and_then(host_of));
        Ok(Self(Arc::new(Inner {
            hasher: PasswordHasher::new(options.hash_cost).map_err(CodedError::from)?,
            store,
            config,
            clock,
            keys,
            seal,
            hashing: Semaphore::new(HASHES_AT_ONCE),
            documents: Kept::default(),
            hosts,
            options,
        })))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn is_allowed_host(&self, host: &str) -> bool {
        self.hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host))
    }

    /// The address people are sent back to.
    pub(crate) fn public_url(&self) -> String {
        match self.options.public_url.as_deref() {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let is_tls = self.options.listening.is_tls();
                let scheme = if is_tls { "https" } else { "http" };
                format!("{scheme}://127.0.0.1:{}", self.options.port)
            }
        }
    }

    /// Where an identity provider may be: its tenant named it, so it must be a public place, or one
    /// that whoever runs this hub allows.
    pub(crate) fn provider_reach(&self) -> Reach {
        let allowed = self.config.sso_networks.clone();
        Reach::PublicAnd(Arc::new(move |address: IpAddr| {
            allowed.iter().any(|network| network.contains(address))
        }))
    }

    /// Whether people come over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        let url = self.options.public_url.as_deref();
        self.options.listening.is_tls() || url.is_some_and(is_https)
    }

    /// Whether this request came so, under a name that is not this machine's for itself: only then
    /// may a browser be told to insist on it.
    pub(crate) fn is_strict(&self, peer: Option<Peer>, host: &str) -> bool {
        let public = self.options.public_url.as_deref();
        let is_proxied = public
            .filter(|url| is_https(url))
            .and_then(host_of)
            .is_some_and(|public| public.eq_ignore_ascii_case(host));
        let name = iq_listen::without_port(host);
        let address = name.parse::<std::net::IpAddr>();
        let is_loopback =
            name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|a| a.is_loopback());
        !is_loopback && (is_proxied || peer.is_some_and(|peer| peer.is_tls))
    }

    /// The port people reach this hub by: the same at every instance behind one name, whatever port each
    /// of them listens on.
    fn public_port(&self) -> u16 {
        match self.options.public_url.as_deref().and_then(host_of) {
            None => self.options.port,
            Some(host) => {
                let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
                port.and_then(Result::ok).unwrap_or(80)
            }
        }
    }

    /// `__Host-` binds the cookie to this host over TLS; without TLS the port tells hubs of one
    /// machine apart.
    pub(crate) fn cookie_name(&self) -> String {
        if self.is_secure() {
            "__Host-optria-hub".to_owned()
        } else {
            format!("optria_hub_{}", self.public_port())
        }
    }

    /// The same for what a browser keeps while its person is away at a provider.
    pub(crate) fn away_cookie_name(&self, what: &str) -> String {
        if self.is_secure() {
            format!("__Host-optria-hub-{what}")
        } else {
            format!("optria_hub_{what}_{}", self.public_port())
        }
    }
}

/// What the hub seals with: the text every instance is given, else, where that is allowed, a key file.
pub(crate) fn seal_key(config: &Config) -> Result<MasterKey, CodedError> {
    if let Some(text) = &config.hub_key {
        return Ok(MasterKey::from_text(text));
    }
    std::fs::create_dir_all(&config.data_dir).map_err(|_| {
        CodedError::new(iq_domain::ErrorKind::Unavailable, "secrets.key_file")
            .with("path", config.data_dir.display())
    })?;
    MasterKey::load_or_create(&config.data_dir.join("hub.key")).map_err(CodedError::from)
}

fn is_https(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("https")
}

pub(crate) fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    Some(rest.split('/').next()?.to_ascii_lowercase())
}
