//! The first steps of a staged test: name, port, handshake.

use std::time::{Duration, Instant};

use iq_domain::CodedError;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::{HttpClient, error};

/// A step of the way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeStep {
    /// The name became an address.
    Dns,
    /// A connection to the port was opened.
    Tcp,
    /// The handshake was done and the certificate is trusted; left out without encryption.
    Tls,
}

/// How a step went.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Which step.
    pub step: ProbeStep,
    /// How long it took.
    pub took: Duration,
    /// The address (Dns, Tcp) or the version of the protocol (Tls), or why it failed.
    pub outcome: Result<String, CodedError>,
}

impl HttpClient {
    /// Goes the first steps of the way and stops at the first that fails. Nothing secret is sent.
    pub async fn probe(&self) -> Vec<Probe> {
        let mut done = Vec::new();
        let mut started = Instant::now();
        let mut record = |step, outcome: Result<String, CodedError>| {
            let is_ok = outcome.is_ok();
            let took = started.elapsed();
            started = Instant::now();
            done.push(Probe {
                step,
                took,
                outcome,
            });
            is_ok
        };
        let addresses = self.addresses().await;
        let first = addresses
            .clone()
            .map(|a| a.first().map(|a| a.ip().to_string()).unwrap_or_default());
        if !record(ProbeStep::Dns, first) {
            return done;
        }
        let stream = self.connect(&addresses.unwrap_or_default()).await;
        let (stream, shown) = match stream {
            Ok(stream) => {
                let peer = stream.peer_addr().map(|a| a.to_string());
                (Some(stream), Ok(peer.unwrap_or_default()))
            }
            Err(error) => (None, Err(error)),
        };
        record(ProbeStep::Tcp, shown);
        if let Some(stream) = stream.filter(|_| self.origin().is_tls()) {
            record(ProbeStep::Tls, self.handshake(stream).await);
        }
        done
    }

    async fn handshake(&self, stream: tokio::net::TcpStream) -> Result<String, CodedError> {
        let secured = self.secure(stream).await?;
        let version = secured.get_ref().1.protocol_version();
        Ok(match version {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
            _ => "TLS".to_owned(),
        })
    }

    /// Encrypts a connection with the client's own trust.
    pub async fn secure(
        &self,
        stream: tokio::net::TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>, CodedError> {
        let host = self.origin().host();
        let failed = |detail: &dyn std::fmt::Display| {
            error::upstream("http.tls_failed", host).with("detail", detail)
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|e| failed(&e))?;
        let connector = TlsConnector::from(self.tls_config());
        let limit = self.options().connect_timeout;
        match tokio::time::timeout(limit, connector.connect(name, stream)).await {
            Ok(Ok(secured)) => Ok(secured),
            Ok(Err(e)) => {
                let tls = e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
                Err(tls.map_or_else(|| failed(&e), |tls| error::from_tls(tls, host)))
            }
            Err(_) => Err(error::upstream("http.timeout", host)),
        }
    }
}
