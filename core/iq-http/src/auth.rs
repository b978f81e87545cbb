//! How a request signs in.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iq_domain::CodedError;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

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
                let (tokens, host) = (Arc::clone(tokens), host.to_owned());
                let token = tokio::task::spawn_blocking(move || tokens.token(&host))
                    .await
                    .map_err(|_| {
                        CodedError::invalid("http.ticket_missing").with("detail", "-")
                    })??;
                format!("Negotiate {}", STANDARD.encode(token))
            }
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| CodedError::invalid("http.credential_unusable"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
