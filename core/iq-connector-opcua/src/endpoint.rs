//! Finding and choosing the endpoint: discovery on an unprotected channel, on which nothing secret
//! is sent and nothing is believed but the offer itself.

use std::time::Duration;

use iq_connector::{ConnectorContext, EndpointOffer};
use iq_domain::{CodedError, ErrorKind};
use opcua::{
    client::ClientBuilder,
    crypto::SecurityPolicy as LibraryPolicy,
    types::{EndpointDescription, MessageSecurityMode, UAString, UserTokenType},
};

use crate::{
    config::{Identity, SecurityMode, SecurityPolicy, Settings, host_and_port},
    error::{Doing, from_status},
    scratch::ScratchDir,
    transport::BoundedConnector,
    trust::sha256_hex,
};

/// Longest time the discovery may take.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that lists more endpoints than this is cut off; real ones list about ten.
const MAX_ENDPOINTS: usize = 100;

/// Largest message, and largest chunk, that is taken from a server.
pub(crate) const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// Decode limits: larger than the library's, so that big answers pass, and still bounded.
pub(crate) fn with_limits(builder: ClientBuilder) -> ClientBuilder {
    builder
        .max_array_length(100_000)
        .max_string_length(1 << 20)
        .max_byte_string_length(1 << 20)
        .max_chunk_count(128)
        .max_message_size(MAX_MESSAGE_BYTES)
}

/// Asks the server at `url` for its endpoints.
pub(crate) async fn discover(
    ctx: &ConnectorContext,
    url: &str,
) -> Result<Vec<EndpointDescription>, CodedError> {
    let (host, _) =
        host_and_port(url).ok_or_else(|| CodedError::invalid("opcua.address_invalid"))?;
    let scratch = ScratchDir::new(ctx)?;
    let client = with_limits(ClientBuilder::new())
        .application_name(crate::identity::APPLICATION_NAME)
        .application_uri(ctx.identity.application_uri.clone())
        .product_uri("urn:optria:iq")
        .pki_dir(scratch.path())
        .certificate_path(ctx.identity.certificate_path.clone())
        .private_key_path(ctx.identity.private_key_path.clone())
        .session_retry_limit(0)
        .request_timeout(DISCOVERY_TIMEOUT)
        .client()
        .map_err(|e| {
            CodedError::new(ErrorKind::Internal, "opcua.failed").with("status", e.join(" "))
        })?;
    let asked = client.get_endpoints(BoundedConnector::new(url.trim()), &[], &[]);
    let found = tokio::select! {
        found = tokio::time::timeout(DISCOVERY_TIMEOUT, asked) => found,
        () = ctx.cancel.cancelled() => return Err(cancelled()),
    };
    match found {
        Ok(Ok(mut endpoints)) => {
            endpoints.truncate(MAX_ENDPOINTS);
            Ok(endpoints)
        }
        Ok(Err(error)) => {
            let error = from_status(error.status(), Doing::Discovery, &host);
            match error.code {
                // There was no connection to lose: say what stands in the way, and if name and port
                // are fine, that something else than OPC UA listens there.
                "opcua.connection_lost" | "opcua.path_unknown" => {
                    let cause = crate::probe::unreachable(url).await;
                    Err(match (cause, error.code) {
                        (Some(cause), _) => cause,
                        (None, "opcua.connection_lost") => {
                            CodedError::new(ErrorKind::Upstream, "test.protocol_unexpected")
                                .with("address", url.trim())
                                .with("protocol", "OPC UA")
                        }
                        (None, _) => error,
                    })
                }
                _ => Err(error),
            }
        }
        Err(_) => Err(CodedError::new(ErrorKind::Upstream, "opcua.timeout").with("host", host)),
    }
}

pub(crate) fn cancelled() -> CodedError {
    CodedError::new(ErrorKind::Unavailable, "connector.cancelled")
}

fn mode_of(endpoint: &EndpointDescription) -> Option<SecurityMode> {
    match endpoint.security_mode {
        MessageSecurityMode::None => Some(SecurityMode::None),
        MessageSecurityMode::Sign => Some(SecurityMode::Sign),
        MessageSecurityMode::SignAndEncrypt => Some(SecurityMode::SignAndEncrypt),
        _ => None,
    }
}

/// The short name of a policy address; unknown policies are named but never used.
fn policy_name(uri: &str) -> String {
    let short = uri.rsplit_once('#').map_or(uri, |(_, name)| name);
    iq_domain::neutralise(short, 60)
}

fn policy_uri(policy: SecurityPolicy) -> &'static str {
    match policy {
        SecurityPolicy::Basic256Sha256 => LibraryPolicy::Basic256Sha256.to_uri(),
        SecurityPolicy::Aes128_Sha256_RsaOaep => LibraryPolicy::Aes128Sha256RsaOaep.to_uri(),
        SecurityPolicy::Aes256_Sha256_RsaPss => LibraryPolicy::Aes256Sha256RsaPss.to_uri(),
    }
}

fn is_known_policy(uri: &str) -> bool {
    uri == LibraryPolicy::None.to_uri()
        || [
            SecurityPolicy::Basic256Sha256,
            SecurityPolicy::Aes128_Sha256_RsaOaep,
            SecurityPolicy::Aes256_Sha256_RsaPss,
        ]
        .iter()
        .any(|policy| policy_uri(*policy) == uri)
}

fn is_binary_tcp(endpoint: &EndpointDescription) -> bool {
    let profile = endpoint.transport_profile_uri.as_ref();
    profile.is_empty() || profile.ends_with("uatcp-uasc-uabinary")
}

/// The offers as the form shows them, best first.
pub(crate) fn offers(endpoints: &[EndpointDescription]) -> Vec<EndpointOffer> {
    let mut offers: Vec<EndpointOffer> = endpoints
        .iter()
        .filter(|e| is_binary_tcp(e))
        .map(|e| {
            let mut user_tokens: Vec<String> = Vec::new();
            for token in e.user_identity_tokens.iter().flatten() {
                let name = token_name(token.token_type).to_owned();
                if !user_tokens.contains(&name) {
                    user_tokens.push(name);
                }
            }
            EndpointOffer {
                url: iq_domain::neutralise(e.endpoint_url.as_ref(), 500),
                security_mode: mode_of(e).map_or("Invalid", SecurityMode::name).to_owned(),
                security_policy: policy_name(e.security_policy_uri.as_ref()),
                security_level: e.security_level,
                user_tokens,
                certificate_sha256: (!e.server_certificate.is_null_or_empty())
                    .then(|| sha256_hex(e.server_certificate.as_ref())),
                is_supported: mode_of(e).is_some()
                    && is_known_policy(e.security_policy_uri.as_ref()),
            }
        })
        .collect();
    offers.sort_by(|a, b| {
        (b.is_supported, b.security_level).cmp(&(a.is_supported, a.security_level))
    });
    offers
}

fn token_name(kind: UserTokenType) -> &'static str {
    match kind {
        UserTokenType::Anonymous => "Anonymous",
        UserTokenType::UserName => "UsernamePassword",
        UserTokenType::Certificate => "Certificate",
        UserTokenType::IssuedToken => "IssuedToken",
    }
}

/// Chooses the endpoint that matches the configured mode, policy and identity, and prepares it: the
/// address the person typed, and one user token policy that protects what is sent.
pub(crate) fn choose(
    endpoints: &[EndpointDescription],
    settings: &Settings,
) -> Result<EndpointDescription, CodedError> {
    let wanted_policy = match settings.mode {
        SecurityMode::None => LibraryPolicy::None.to_uri(),
        _ => policy_uri(settings.policy),
    };
    let mut endpoint = endpoints
        .iter()
        .filter(|e| is_binary_tcp(e) && mode_of(e) == Some(settings.mode))
        .filter(|e| e.security_policy_uri.as_ref() == wanted_policy)
        .max_by_key(|e| e.security_level)
        .cloned()
        .ok_or_else(|| mode_unsupported(endpoints, settings))?;
    choose_token(&mut endpoint, settings)?;
    endpoint.endpoint_url = reachable_url(endpoints, &endpoint, &settings.url).into();
    Ok(endpoint)
}

fn mode_unsupported(endpoints: &[EndpointDescription], settings: &Settings) -> CodedError {
    let mut offered: Vec<String> = offers(endpoints)
        .iter()
        .map(|o| match o.security_mode.as_str() {
            "None" => "None".to_owned(),
            mode => format!("{mode} {}", o.security_policy),
        })
        .collect();
    offered.dedup();
    let policy = if settings.mode == SecurityMode::None {
        "None"
    } else {
        settings.policy.name()
    };
    CodedError::new(ErrorKind::Upstream, "opcua.mode_unsupported")
        .with("mode", settings.mode.name())
        .with("policy", policy)
        .with("offered", offered.join(", "))
}

/// Leaves exactly one user token policy: of the configured kind, of a policy the library knows, and
/// never one that would send a password in the clear over a channel that is only signed.
fn choose_token(endpoint: &mut EndpointDescription, settings: &Settings) -> Result<(), CodedError> {
    let wanted = match settings.identity {
        Identity::Anonymous => UserTokenType::Anonymous,
        Identity::User { .. } => UserTokenType::UserName,
        Identity::Certificate { .. } => UserTokenType::Certificate,
    };
    let channel_policy = endpoint.security_policy_uri.clone();
    let none = LibraryPolicy::None.to_uri();
    let mut candidates: Vec<_> = endpoint
        .user_identity_tokens
        .take()
        .unwrap_or_default()
        .into_iter()
        .filter(|token| token.token_type == wanted)
        .map(|mut token| {
            // An empty policy means the channel's; the library would take it for "none".
            if token.security_policy_uri.is_empty() {
                token.security_policy_uri = channel_policy.clone();
            }
            token
        })
        .filter(|token| is_known_policy(token.security_policy_uri.as_ref()))
        .collect();
    let is_clear = |uri: &UAString| uri.as_ref() == none;
    candidates.sort_by_key(|token| is_clear(&token.security_policy_uri));
    let Some(token) = candidates.into_iter().next() else {
        return Err(
            CodedError::new(ErrorKind::Upstream, "opcua.identity_not_offered")
                .with("wanted", token_name(wanted)),
        );
    };
    let needs_protection = wanted != UserTokenType::Anonymous;
    if needs_protection
        && is_clear(&token.security_policy_uri)
        && (settings.mode != SecurityMode::SignAndEncrypt || wanted == UserTokenType::Certificate)
    {
        return Err(CodedError::new(
            ErrorKind::Upstream,
            "opcua.identity_unprotected",
        ));
    }
    endpoint.user_identity_tokens = Some(vec![token]);
    Ok(())
}

/// Servers advertise the name they know themselves by, which often means nothing on this side of a
/// gateway or an address translation: keep the advertised path, use the host that was typed, and the
/// typed port unless the server itself listens on it with other endpoints.
fn reachable_url(
    endpoints: &[EndpointDescription],
    chosen: &EndpointDescription,
    typed: &str,
) -> String {
    let advertised = chosen.endpoint_url.as_ref();
    let (Some((host, port)), Some((_, advertised_port))) =
        (host_and_port(typed), host_and_port(advertised))
    else {
        return typed.trim().to_owned();
    };
    let is_typed_port_known = endpoints
        .iter()
        .any(|e| host_and_port(e.endpoint_url.as_ref()).is_some_and(|(_, p)| p == port));
    let port = if is_typed_port_known {
        advertised_port
    } else {
        port
    };
    let path = advertised
        .strip_prefix("opc.tcp://")
        .and_then(|rest| rest.split_once('/'))
        .map_or(String::new(), |(_, path)| format!("/{path}"));
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    format!("opc.tcp://{host}:{port}{path}")
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
