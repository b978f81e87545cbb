//! Texts to values. An error names the variable and what it may be, never the value of a secret.

use iq_domain::CodedError;

use crate::{Network, ValueKind, Variable};

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
        ValueKind::Networks => networks(text).is_some(),
        ValueKind::Span(least, most) => minutes(text).is_some_and(|n| (least..=most).contains(&n)),
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

/// Networks with commas between them; at least one.
pub(crate) fn networks(text: &str) -> Option<Vec<Network>> {
    let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
    let all: Option<Vec<Network>> = parts.map(Network::parse).collect();
    all.filter(|networks| !networks.is_empty())
}

/// Minutes of `30m`, `12h` or `7d`. A bare number could be any of them and is none.
pub(crate) fn minutes(text: &str) -> Option<u64> {
    let (number, factor) = [("m", 1), ("h", 60), ("d", 24 * 60)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A number of minutes as [`minutes`] reads it.
fn span(minutes: u64) -> String {
    match minutes {
        n if n % (24 * 60) == 0 => format!("{}d", n / (24 * 60)),
        n if n % 60 == 0 => format!("{}h", n / 60),
        n => format!("{n}m"),
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
        ValueKind::Networks => "10.20.0.0/16, fd00:20::/64".to_owned(),
        ValueKind::Span(least, most) => {
            format!("{}–{} (30m, 12h, 7d)", span(least), span(most))
        }
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
