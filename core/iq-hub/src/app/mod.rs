//! What the hub decides; one file per resource, named as in `http` and `store`.

pub(crate) mod appliances;
pub(crate) mod audit;
pub(crate) mod bootstrap;
pub(crate) mod courier;
mod demo;
pub(crate) mod figures;
pub(crate) mod identity_providers;
pub(crate) mod platform_people;
mod projection;
mod quota;
pub(crate) mod raw;
mod recipient;
pub(crate) mod records;
pub(crate) mod retention;
pub(crate) mod session;
pub(crate) mod sign_in_rules;
pub(crate) mod sso;
pub(crate) mod sync;
pub(crate) mod tenants;
pub(crate) mod users;

use iq_domain::{CodedError, Names, is_clean_char};

use crate::failure::{Answer, Failure};

/// A line of text a person typed: trimmed, not empty, nothing hidden in it.
pub(crate) fn line(field: &str, text: &str, max: usize) -> Answer<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::field(field, "request.text_empty"));
    }
    fitting(field, text, max)
}

fn fitting(field: &str, text: &str, max: usize) -> Answer<String> {
    if text.chars().count() > max {
        let problem = CodedError::invalid("request.text_too_long").with("max", max);
        return Err(Failure::of_field(field, problem));
    }
    if !text.chars().all(|c| is_clean_char(c) && c != '\n') {
        return Err(Failure::field(field, "request.text_hidden_characters"));
    }
    Ok(text.to_owned())
}

/// Both parts of a form, or everything that is wrong with either.
pub(crate) fn both<A, B>(one: Answer<A>, other: Answer<B>) -> Answer<(A, B)> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(one), Err(other)) => Err(one.and(other)),
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
    }
}

/// Names in two languages, of which one may be empty.
pub(crate) fn names(field: &str, names: &Names) -> Answer<Names> {
    let (en, ar) = (names.en.trim(), names.ar.trim());
    if en.is_empty() && ar.is_empty() {
        return Err(Failure::field(field, "request.name_missing"));
    }
    let (en, ar) = both(
        fitting(&format!("{field}.en"), en, 200),
        fitting(&format!("{field}.ar"), ar, 200),
    )?;
    Ok(Names { en, ar })
}
