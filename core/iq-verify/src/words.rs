//! The answer in words and as JSON. The sentences are those of the catalogue; the page has the same.

use std::io;

use iq_domain::Timestamp;
use iq_evidence::{Facts, Id, Place, Verdict, hex};
use iq_locale::{Language, Params, plain};
use serde_json::{Value, json};

fn say(language: Language, key: &str, params: &[(&str, &str)]) -> String {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let params: Params = params.iter().map(owned).collect();
    plain(language, "evidence", key, &params).unwrap_or_else(|| key.to_owned())
}

pub(crate) fn usage(language: Language) -> String {
    say(language, "cli.usage", &[])
}

/// Why a file can't be read; the system's own words are English, and stand only where nothing else is known.
pub(crate) fn unreadable(language: Language, path: &str, cause: &io::Error) -> String {
    let key = match cause.kind() {
        io::ErrorKind::NotFound => "cli.missing",
        io::ErrorKind::PermissionDenied => "cli.denied",
        _ => "cli.unreadable",
    };
    let cause = cause.to_string();
    say(language, key, &[("path", path), ("cause", &cause)])
}

pub(crate) fn bad_trust(language: Language, path: &str, line: usize) -> String {
    let line = line.to_string();
    say(
        language,
        "cli.bad_trust",
        &[("path", path), ("line", &line)],
    )
}

/// The verdict first, then why and where, then what the file says about itself.
pub(crate) fn answer(language: Language, file: &str, verdict: &Verdict) -> String {
    let facts = &verdict.facts;
    let mut lines = vec![say(
        language,
        &format!("verdict.{}", verdict.outcome().word()),
        &[],
    )];
    lines.push(say(
        language,
        &format!("reason.{}", verdict.reason.word()),
        &[],
    ));
    if facts.is_demo {
        lines.push(say(language, "fact.demo", &[]));
    }
    for (name, value) in rows(language, file, verdict.place, facts) {
        let name = say(language, &format!("fact.{name}"), &[]);
        lines.push(format!("  {name}: {value}"));
    }
    lines.join("\n") + "\n"
}

fn rows(
    language: Language,
    file: &str,
    place: Place,
    facts: &Facts,
) -> Vec<(&'static str, String)> {
    let (part, n) = place.parts();
    let n = n.unwrap_or_default().to_string();
    let none = || say(language, "fact.none", &[]);
    let mut rows = vec![
        (
            "where",
            say(language, &format!("place.{part}"), &[("n", &n)]),
        ),
        ("file", shown(file)),
    ];
    if let Some((tenant, appliance, epoch)) = &facts.log {
        rows.push(("incident", shown(&facts.incident)));
        if let Some((from, to)) = facts.window_ms {
            rows.push(("window", format!("{} – {}", Timestamp(from), Timestamp(to))));
        }
        rows.push(("records", facts.records.to_string()));
        rows.push(("size", facts.size.to_string()));
        let made = i64::try_from(facts.checkpoint_ms).unwrap_or_default();
        rows.push(("checkpoint", Timestamp(made).to_string()));
        let protected = facts.protected_to.map(|n| n.to_string());
        rows.push(("protected_to", protected.unwrap_or_else(none)));
        rows.push(("signer", facts.signer.clone().unwrap_or_else(none)));
        if !facts.cosigners.is_empty() {
            rows.push(("cosigners", facts.cosigners.join(", ")));
        }
        let log = [tenant, appliance, epoch].map(uuid);
        rows.push(("log", log.join(" / ")));
        for (what, why, count) in &facts.omissions {
            // What an earlier epoch holds goes along as documents.
            let is_enclosed = why == "other_epoch";
            rows.push((
                if is_enclosed { "enclosed" } else { "omitted" },
                format!("{}: {count}", left_out(language, what, why)),
            ));
        }
    }
    rows
}

/// What was left out and why; a kind that this verifier does not know as the file calls it.
fn left_out(language: Language, what: &str, why: &str) -> String {
    let key = format!("enum.evidence_left.{what}_{why}");
    plain(language, "ui", &key, &Params::new())
        .unwrap_or_else(|| format!("{} ({})", shown(what), shown(why)))
}

/// A file's own words can't move the cursor or turn the line around.
fn shown(text: &str) -> String {
    let is_harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .take(200)
        .map(|c| if is_harmless(c) { c } else { '\u{fffd}' })
        .collect()
}

fn uuid(id: &Id) -> String {
    let digits = hex(id);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    parts.join("-")
}

/// One line for machines; all verifiers write the same names.
pub(crate) fn json(verdict: &Verdict) -> Value {
    let facts = &verdict.facts;
    let (part, n) = verdict.place.parts();
    let id = |at: usize| facts.log.map(|log| hex(&[log.0, log.1, log.2][at]));
    let omissions = facts.omissions.iter();
    let omissions: Vec<Value> = omissions
        .map(|(what, why, count)| json!({ "what": what, "why": why, "count": count }))
        .collect();
    json!({
        "exit": verdict.outcome().exit_code(),
        "verdict": verdict.outcome().word(),
        "reason": verdict.reason.word(),
        "part": part,
        "n": n,
        "demo": facts.is_demo,
        "tenant": id(0),
        "appliance": id(1),
        "epoch": id(2),
        "incident": facts.incident,
        "from_ms": facts.window_ms.map(|(from, _)| from),
        "to_ms": facts.window_ms.map(|(_, to)| to),
        "records": facts.records,
        "size": facts.size,
        "checkpoint_ms": facts.checkpoint_ms,
        "protected_to": facts.protected_to,
        "signer": facts.signer,
        "cosigners": facts.cosigners,
        "omissions": omissions,
    })
}
