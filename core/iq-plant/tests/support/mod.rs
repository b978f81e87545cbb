//! A plain HTTP client for the plant's web services.

use std::{sync::Arc, time::Duration};

use base64::Engine as _;
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }
}

/// A client that trusts the given authority alone.
pub(crate) fn agent(ca_pem: Option<&str>) -> ureq::Agent {
    let mut builder = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(30)));
    if let Some(pem) = ca_pem {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let ca = Certificate::from_pem(pem.as_bytes()).unwrap();
        builder = builder.tls_config(
            TlsConfig::builder()
                .unversioned_rustls_crypto_provider(provider)
                .root_certs(RootCerts::from(vec![ca]))
                .build(),
        );
    }
    builder.build().into()
}

/// Sends a request; `Err` when the connection ends without an answer.
pub(crate) async fn send(
    agent: &ureq::Agent,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, String> {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.to_owned()).unwrap();
    let agent = agent.clone();
    tokio::task::spawn_blocking(move || {
        let mut response = agent.run(request).map_err(|e| e.to_string())?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response
                .body_mut()
                .with_config()
                .limit(100 << 20)
                .read_to_string()
                .unwrap_or_else(|e| format!("broken: {e}")),
        })
    })
    .await
    .unwrap()
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {text}")
}
