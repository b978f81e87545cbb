//! Status codes and transport errors as coded errors a person can act on.

use iq_domain::{CodedError, ErrorKind};
use opcua::types::StatusCode;

/// What was being done when the error occurred; the same status means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Asking for the endpoints.
    Discovery,
    /// Opening channel and session.
    Session,
    /// Reading, browsing or subscribing within a session.
    Service,
}

fn upstream(code: &'static str) -> CodedError {
    CodedError::new(ErrorKind::Upstream, code)
}

/// The coded error for a status of the library or the server.
pub(crate) fn from_status(status: StatusCode, doing: Doing, host: &str) -> CodedError {
    let code = match status {
        StatusCode::BadUserAccessDenied | StatusCode::BadIdentityTokenRejected => {
            return match doing {
                Doing::Service => upstream("opcua.access_denied"),
                _ if status == StatusCode::BadIdentityTokenRejected => {
                    upstream("opcua.identity_rejected").with("host", host)
                }
                _ => upstream("auth.bad_credentials"),
            };
        }
        StatusCode::BadIdentityTokenInvalid => "opcua.identity_rejected",
        StatusCode::BadUserSignatureInvalid => "opcua.user_signature_invalid",
        StatusCode::BadSecurityChecksFailed
        | StatusCode::BadCertificateUntrusted
        | StatusCode::BadCertificateIssuerRevocationUnknown
        | StatusCode::BadCertificateChainIncomplete
        | StatusCode::BadCertificateRevocationUnknown
        | StatusCode::BadCertificateRevoked
        | StatusCode::BadCertificateUseNotAllowed
            if doing == Doing::Session =>
        {
            "opcua.our_certificate_rejected"
        }
        StatusCode::BadCertificateHostNameInvalid => "opcua.certificate_host_mismatch",
        StatusCode::BadCertificateUriInvalid => "opcua.certificate_uri_mismatch",
        StatusCode::BadCertificateTimeInvalid => "opcua.our_certificate_time_rejected",
        StatusCode::BadCertificateInvalid => "opcua.certificate_invalid",
        StatusCode::BadSecurityPolicyRejected | StatusCode::BadSecurityModeRejected => {
            "opcua.security_rejected"
        }
        StatusCode::BadTcpEndpointUrlInvalid => "opcua.path_unknown",
        StatusCode::BadTooManySessions | StatusCode::BadTcpNotEnoughResources => {
            "opcua.too_many_sessions"
        }
        StatusCode::BadTimeout | StatusCode::BadRequestTimeout => "opcua.timeout",
        StatusCode::BadSessionIdInvalid
        | StatusCode::BadSessionClosed
        | StatusCode::BadSessionNotActivated
        | StatusCode::BadSecureChannelIdInvalid
        | StatusCode::BadSecureChannelClosed
        | StatusCode::BadConnectionClosed
        | StatusCode::BadNotConnected
        | StatusCode::BadCommunicationError => "opcua.connection_lost",
        StatusCode::BadServerHalted | StatusCode::BadShutdown => "opcua.server_stopping",
        StatusCode::BadNodeIdUnknown | StatusCode::BadNodeIdInvalid => "opcua.tag_unknown",
        StatusCode::BadNotReadable => "opcua.access_denied",
        StatusCode::BadEncodingLimitsExceeded
        | StatusCode::BadResponseTooLarge
        | StatusCode::BadTcpMessageTooLarge => "opcua.message_too_large",
        StatusCode::BadDecodingError | StatusCode::BadTcpMessageTypeInvalid => {
            return upstream("test.protocol_unexpected")
                .with("address", host)
                .with("protocol", "OPC UA");
        }
        _ => "opcua.failed",
    };
    let error = upstream(code).with("host", host);
    if code == "opcua.failed" {
        error.with("status", status_name(status))
    } else {
        error
    }
}

/// The name of a status ("BadNodeIdUnknown"), never a long debug text.
pub(crate) fn status_name(status: StatusCode) -> String {
    iq_domain::neutralise(&status.to_string(), 60)
}

/// Whether trying again at once could lock an account.
pub(crate) fn is_about_credentials(error: &CodedError) -> bool {
    matches!(
        error.code,
        "auth.bad_credentials" | "opcua.identity_rejected" | "opcua.user_signature_invalid"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_codes_worth_a_sentence_of_their_own_have_one() {
        let session = |s| from_status(s, Doing::Session, "plc").code;
        assert_eq!(
            session(StatusCode::BadUserAccessDenied),
            "auth.bad_credentials"
        );
        assert_eq!(
            session(StatusCode::BadIdentityTokenRejected),
            "opcua.identity_rejected"
        );
        assert_eq!(
            session(StatusCode::BadSecurityChecksFailed),
            "opcua.our_certificate_rejected"
        );
        assert_eq!(
            session(StatusCode::BadTooManySessions),
            "opcua.too_many_sessions"
        );
        assert_eq!(
            session(StatusCode::BadTcpEndpointUrlInvalid),
            "opcua.path_unknown"
        );
        assert_eq!(
            session(StatusCode::BadUserSignatureInvalid),
            "opcua.user_signature_invalid"
        );
        assert_eq!(
            from_status(StatusCode::BadUserAccessDenied, Doing::Service, "plc").code,
            "opcua.access_denied"
        );
        let other = from_status(StatusCode::BadOutOfMemory, Doing::Service, "plc");
        assert_eq!(
            (other.code, other.params["status"].as_str()),
            ("opcua.failed", "BadOutOfMemory")
        );
    }
}
