//! Texts to values. An error names the variable and what it may be, never the value of a secret.

use iq_domain::CodedError;

use crate::{ValueKind, Variable};

pub(crate) fn check(variable: &Variable, text: &str) -> Result<(), CodedError> {
    let is_good = match variable.kind {
        ValueKind::Switch => switch(text).is_some(),
        ValueKind::Word(words) => words.contains(&text),
        ValueKind::Url(schemes) => is_url(text, schemes),
        ValueKind::Listen => text.parse::<std::net::SocketAddr>().is_ok(),
        ValueKind::Port => text.parse::<u16>().is_ok_and(|port| port > 0),
        ValueKind::Path | ValueKind::Text => true,
        ValueKind::LongText(least) => text.chars().count() >= least,
        ValueKind::Number(least, most) => text
            .parse::<u64>()
            .is_ok_and(|n| (least..=most).contains(&n)),
    };
    if is_good {
        Ok(())
    } else {
        Err(refusal(variable, text))
    }
}

pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A scheme of the list and a host; what is behind them is the connector's business. A user name or
/// password in an address that is shown would be shown with it.
fn is_url(text: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let may_hold_password = matches!(scheme, "smtp" | "smtps" | "postgres" | "postgresql");
    schemes.contains(&scheme)
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && (may_hold_password || !authority.contains('@'))
        && (!host.split(':').next().unwrap_or_default().is_empty()
            || matches!(scheme, "postgres" | "postgresql"))
}

/// What a variable may be, in words that need no translation.
pub(crate) fn allowed(kind: ValueKind) -> String {
    match kind {
        ValueKind::Switch => "true, false".to_owned(),
        ValueKind::Word(words) => words.join(", "),
        ValueKind::Url(schemes) => schemes
            .iter()
            .map(|s| format!("{s}://…"))
            .collect::<Vec<_>>()
            .join(", "),
        ValueKind::Listen => "127.0.0.1:8090, [::1]:8090".to_owned(),
        ValueKind::Port => "1–65535".to_owned(),
        ValueKind::Path => "/…".to_owned(),
        ValueKind::Text => "…".to_owned(),
        ValueKind::LongText(least) => format!("≥ {least}"),
        ValueKind::Number(least, most) => format!("{least}–{most}"),
    }
}

fn refusal(variable: &Variable, text: &str) -> CodedError {
    // An address may carry a password by mistake; the part that could be one is not repeated.
    let is_showable = !variable.is_secret && !text.contains('@');
    let shown = if is_showable { text } else { "***" };
    CodedError::invalid("config.bad_value")
        .with("name", variable.name)
        .with("value", shown)
        .with("allowed", allowed(variable.kind))
}
