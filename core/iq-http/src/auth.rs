//! How a request signs in.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iq_domain::CodedError;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::upstream;

/// Time the operating system has for a ticket.
const TICKET_TIMEOUT: Duration = Duration::from_secs(15);
/// Tickets fetched at the same time.
const TICKETS_AT_ONCE: usize = 4;

/// Makes the token of the scheme `Negotiate`.
pub trait NegotiateTokens: Send + Sync {
    /// A fresh token for the service `HTTP/<host>`, as bytes. It may block; it is called apart from
    /// the tasks of the runtime.
    fn token(&self, host: &str) -> Result<Vec<u8>, CodedError>;
}

/// How a client signs in. It is sent with every request, to the one allowed origin only.
#[derive(Clone, Default)]
pub enum Auth {
    /// Without a user.
    #[default]
    None,
    /// User name and password.
    Basic {
        /// User name; `DOMAIN\user` and `user@domain` are passed on as they are.
        user: String,
        /// Password.
        password: SecretString,
    },
    /// A token.
    Bearer(SecretString),
    /// The ticket of the operating system.
    Negotiate(Arc<dyn NegotiateTokens>),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}

impl Auth {
    /// Sign-in with the ticket of the operating system; an error where this program was built
    /// without it.
    pub fn operating_system() -> Result<Self, CodedError> {
        #[cfg(feature = "kerberos")]
        {
            Ok(Self::Negotiate(Arc::new(crate::kerberos::OsTicket)))
        }
        #[cfg(not(feature = "kerberos"))]
        {
            Err(CodedError::invalid("http.negotiate_not_built"))
        }
    }

    /// Name of the scheme.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::Negotiate(_) => "Negotiate",
        }
    }

    /// The header for the next request, marked as sensitive.
    pub(crate) async fn header(&self, host: &str) -> Result<Option<HeaderValue>, CodedError> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Basic { user, password } => {
                let pair = format!("{user}:{}", password.expose_secret());
                format!("Basic {}", STANDARD.encode(pair))
            }
            Self::Bearer(token) => format!("Bearer {}", token.expose_secret().trim()),
            Self::Negotiate(tokens) => {
                let fetched = tokio::time::timeout(TICKET_TIMEOUT, ticket(tokens, host)).await;
                let token = fetched.unwrap_or_else(|_| {
                    Err(upstream("http.ticket_timeout", host)
                        .with("wait_s", TICKET_TIMEOUT.as_secs()))
                })?;
                format!("Negotiate {}", STANDARD.encode(token))
            }
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| CodedError::invalid("http.credential_unusable"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// Fetches a token on a thread that may block. One that nobody waits for any more can't be ended, so
/// there are few of them at a time: a server of tickets that does not answer costs no more threads.
async fn ticket(tokens: &Arc<dyn NegotiateTokens>, host: &str) -> Result<Vec<u8>, CodedError> {
    static TURNS: Semaphore = Semaphore::const_new(TICKETS_AT_ONCE);
    let missing = || {
        CodedError::invalid("http.ticket_missing")
            .with("service", format!("HTTP/{host}"))
            .with("detail", "-")
    };
    let turn = TURNS.acquire().await.map_err(|_| missing())?;
    let (tokens, name) = (Arc::clone(tokens), host.to_owned());
    let fetching = tokio::task::spawn_blocking(move || {
        let token = tokens.token(&name);
        drop(turn);
        token
    });
    fetching.await.map_err(|_| missing())?
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    /// Tickets of a server that answers nobody until it is told to.
    struct Stuck {
        asked: AtomicUsize,
        gate: Mutex<mpsc::Receiver<()>>,
    }

    impl NegotiateTokens for Stuck {
        fn token(&self, _host: &str) -> Result<Vec<u8>, CodedError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let gate = self.gate.lock().unwrap();
            // The end of the test opens it for good.
            assert!(gate.recv().is_err());
            Ok(vec![1])
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_that_does_not_come_is_given_up_and_takes_no_thread_each_time() {
        let (open, gate) = mpsc::channel();
        let stuck = Arc::new(Stuck {
            asked: AtomicUsize::new(0),
            gate: Mutex::new(gate),
        });
        let auth = Auth::Negotiate(stuck.clone());
        for _ in 0..3 * TICKETS_AT_ONCE {
            // A blocking thread keeps the clock of the test from going on by itself.
            let (error, ()) = tokio::join!(auth.header("pi"), async {
                tokio::task::yield_now().await;
                tokio::time::advance(TICKET_TIMEOUT).await;
            });
            assert_eq!(error.unwrap_err().code, "http.ticket_timeout");
        }
        assert!(stuck.asked.load(Ordering::SeqCst) <= TICKETS_AT_ONCE);
        drop(open);
        let header = auth.header("pi").await.unwrap().unwrap();
        assert_eq!(header, "Negotiate AQ==");
    }

    #[tokio::test]
    async fn credentials_are_sent_and_never_printed() {
        let basic = Auth::Basic {
            user: "PLANT\\reader".into(),
            password: "classified".into(),
        };
        assert_eq!(format!("{basic:?}"), "Basic");
        let header = basic.header("h").await.unwrap().unwrap();
        assert_eq!(header, "Basic UExBTlRccmVhZGVyOmNsYXNzaWZpZWQ=");
        assert_eq!(format!("{header:?}"), "Sensitive");
        let token = Auth::Bearer("a\nb".into());
        assert_eq!(
            token.header("h").await.unwrap_err().code,
            "http.credential_unusable"
        );
    }
}
