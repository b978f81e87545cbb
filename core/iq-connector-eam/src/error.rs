//! Failures as coded errors a person can act on, and what a failed creation means.

use std::time::Duration;

use iq_domain::{CodedError, ErrorKind};

use crate::{dialect::Dialect, odata::Said};

pub(crate) fn upstream(code: &'static str, host: &str) -> CodedError {
    CodedError::new(ErrorKind::Upstream, code).with("host", host)
}

pub(crate) fn cancelled() -> CodedError {
    CodedError::new(ErrorKind::Unavailable, "connector.cancelled")
}

/// Whether trying again at once could lock an account.
pub(crate) fn is_about_credentials(error: &CodedError) -> bool {
    matches!(
        error.code,
        "auth.bad_credentials" | "eam.client_refused" | "eam.token_refused"
    )
}

/// Whether this concerns one kind of rows only: the user may not read it, or it is not switched on.
pub(crate) fn is_about_one_set(error: &CodedError) -> bool {
    matches!(
        error.code,
        "eam.not_allowed" | "eam.service_missing" | "eam.refused"
    )
}

/// Whether surely nothing of a request reached the other side.
pub(crate) fn is_before_sending(error: &CodedError) -> bool {
    matches!(
        error.code,
        "http.address_refused"
            | "http.ca_unreadable"
            | "http.credential_unusable"
            | "http.dns_failed"
            | "http.header_unusable"
            | "http.origin_refused"
            | "http.plain_refused"
            | "http.roots_missing"
            | "http.tcp_refused"
            | "http.tcp_timeout"
            | "http.tls_expired"
            | "http.tls_failed"
            | "http.tls_not_spoken"
            | "http.tls_not_yet_valid"
            | "http.tls_untrusted"
            | "http.tls_wrong_name"
            | "http.unreachable"
            | "http.url_invalid"
    )
}

/// How long the source asks to wait.
pub(crate) fn asked_wait(error: &CodedError) -> Option<Duration> {
    let is_busy = matches!(error.code, "http.too_many_requests" | "http.unavailable");
    let seconds: u64 = error
        .params
        .get("wait_s")
        .filter(|_| is_busy)?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds.min(3_600)))
}

/// A status that is no success, in the words of the source where it has any. `fallback` is what the
/// transport makes of the status.
pub(crate) fn of_status(
    status: u16,
    said: Option<Said>,
    host: &str,
    is_token: bool,
    fallback: CodedError,
) -> CodedError {
    let words = |code: &'static str, said: Option<Said>| {
        let said = said.unwrap_or_default();
        let shown = if said.words.is_empty() {
            format!("HTTP {status}")
        } else {
            said.words
        };
        upstream(code, host).with("words", shown).with(
            "code",
            if said.code.is_empty() {
                "-".to_owned()
            } else {
                said.code
            },
        )
    };
    match status {
        401 if is_token => upstream("eam.token_refused", host),
        401 => CodedError::new(ErrorKind::Upstream, "auth.bad_credentials"),
        403 => words("eam.not_allowed", said),
        404 | 410 => words("eam.service_missing", said),
        400 | 405..=409 | 411..=428 if said.is_some() => words("eam.refused", said),
        500 | 501 if said.is_some() => words("eam.failed", said),
        _ => fallback,
    }
}

/// What the answer to a creation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was created.
    Created,
    /// The token for changing requests is missing or stale: nothing was done.
    TokenWanted,
    /// The sign-in is missing or stale: nothing was done.
    SignInWanted,
    /// Nothing was done; later it may work.
    Busy,
    /// It was looked at and refused.
    Refused,
    /// Only a search can tell.
    Unknown,
}

/// What the status of an answer to a creation means. Whatever is not surely one of the others is
/// unknown: a second order costs more than a search.
pub(crate) fn verdict(dialect: Dialect, status: u16, token_header: Option<&str>) -> Verdict {
    let wants_token = token_header.is_some_and(|h| h.eq_ignore_ascii_case("required"));
    match status {
        201 => Verdict::Created,
        200 if dialect == Dialect::Fusion => Verdict::Created,
        403 if wants_token => Verdict::TokenWanted,
        401 => Verdict::SignInWanted,
        429 => Verdict::Busy,
        408 | 425 => Verdict::Unknown,
        400..=499 => Verdict::Refused,
        _ => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_counts_as_refused_or_created() {
        let sap = |status, header| verdict(Dialect::Sap, status, header);
        assert_eq!(sap(201, None), Verdict::Created);
        assert_eq!(
            sap(200, None),
            Verdict::Unknown,
            "a logon page comes with 200"
        );
        assert_eq!(sap(403, Some("Required")), Verdict::TokenWanted);
        assert_eq!(sap(403, None), Verdict::Refused);
        assert_eq!(sap(401, None), Verdict::SignInWanted);
        assert_eq!(sap(400, None), Verdict::Refused);
        assert_eq!(sap(429, None), Verdict::Busy);
        for lost in [200, 204, 302, 408, 500, 502, 503, 504] {
            assert_eq!(sap(lost, None), Verdict::Unknown, "{lost}");
        }
        assert_eq!(verdict(Dialect::Fusion, 200, None), Verdict::Created);
    }

    #[test]
    fn a_lost_connection_is_never_taken_for_nothing_sent() {
        for code in [
            "http.broken",
            "http.timeout",
            "http.body_too_large",
            "http.redirected",
        ] {
            assert!(!is_before_sending(&upstream(code, "sap")), "{code}");
        }
        assert!(is_before_sending(&upstream("http.tcp_refused", "sap")));
    }

    #[test]
    fn the_words_of_the_source_are_kept_and_the_wait_it_asks_for_is_bounded() {
        let said = Said {
            code: "IW/1".into(),
            words: "Plant 9999 is unknown".into(),
        };
        let error = of_status(
            400,
            Some(said),
            "sap",
            false,
            upstream("http.status", "sap"),
        );
        assert_eq!(
            (error.code, error.params["words"].as_str()),
            ("eam.refused", "Plant 9999 is unknown")
        );
        let busy = upstream("http.too_many_requests", "sap").with("wait_s", 999_999_999);
        assert_eq!(asked_wait(&busy), Some(Duration::from_secs(3_600)));
        assert_eq!(asked_wait(&upstream("http.timeout", "sap")), None);
    }
}
