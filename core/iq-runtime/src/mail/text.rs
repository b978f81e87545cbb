//! What a mail says, in the language of its reader and in words alone: no code and no id of a record. What
//! this program has no words for is said in general; the page in the program says more.

use iq_locale::{Language, Params};
use iq_store::mails::Mail;
use serde_json::Value;

/// Where the sentence of a reason may stand.
const REASONS: [&str; 3] = ["errors", "sentence", "stage"];

/// Pages a mail leads to: the start of the link, and the key of the page's name.
const PAGES: [(&str, &str); 6] = [
    ("/work-orders", "page.work_orders"),
    ("/blackbox", "page.blackbox"),
    ("/integrations", "page.integrations"),
    ("/technicians", "page.technicians"),
    ("/settings", "page.settings"),
    ("/backups", "page.backups"),
];

/// Subject and body of a mail. `address` is where people reach the program with a browser, where that is
/// known.
pub(super) fn text_of(mail: &Mail, language: Language, address: Option<&str>) -> (String, String) {
    let mut params = iq_locale::params_of(&mail.params);
    params.remove("reason_params");
    if let Some(reason) = params.get_mut("reason") {
        *reason = reason_of(language, reason, &mail.params["reason_params"]);
    }
    if let Some(certificate) = params.get_mut("certificate")
        && let Some(name) = certificate_name(language, certificate)
    {
        name.clone_into(certificate);
    }
    let sentence = iq_locale::plain(language, "sentence", &mail.code, &params)
        .unwrap_or_else(|| say(language, "notification.other"));
    let mut text = vec![sentence.clone()];
    text.extend(about_order(language, &params));
    let parts = Params::from([
        ("text".to_owned(), text.join("\n")),
        ("link".to_owned(), place(language, &mail.link, address)),
    ]);
    let body = iq_locale::plain(language, "sentence", "mail.body", &parts)
        .unwrap_or_else(|| sentence.clone());
    let subject = iq_domain::neutralise(&sentence, 150).replace(['\n', '\t'], " ");
    (subject, body)
}

/// Where and when a work order is, a line each, as far as it is known.
fn about_order(language: Language, params: &Params) -> Vec<String> {
    if !params.contains_key("order") {
        return Vec::new();
    }
    let named = |key: &str| {
        let code = params.get(key)?;
        let (own, other) = match language {
            Language::Ar => ("ar", "en"),
            Language::En => ("en", "ar"),
        };
        let mut names = [own, other]
            .into_iter()
            .filter_map(|of| params.get(&format!("{key}_name_{of}")));
        let name = names.find(|name| !name.trim().is_empty() && *name != code);
        Some(name.map_or_else(|| code.clone(), |name| format!("{code} ({name})")))
    };
    let lines = [
        ("mail.asset", named("asset")),
        ("mail.site", named("site")),
        ("mail.visit", params.get("visit").cloned()),
        ("mail.due", params.get("due").cloned()),
    ];
    let line = |(key, what): (&str, Option<String>)| {
        let what = Params::from([("what".to_owned(), what?)]);
        iq_locale::plain(language, "sentence", key, &what)
    };
    lines.into_iter().filter_map(line).collect()
}

/// What people call a certificate; none for one the tenant named itself.
fn certificate_name(language: Language, key: &str) -> Option<&'static str> {
    iq_locale::pattern(language, "ui", &format!("enum.certificate_name.{key}"))
}

fn say(language: Language, key: &str) -> String {
    iq_locale::plain(language, "sentence", key, &Params::new()).unwrap_or_default()
}

fn sentence_of(language: Language, code: &str, params: &Params) -> Option<String> {
    let mut sections = REASONS.iter();
    sections.find_map(|section| iq_locale::plain(language, section, code, params))
}

/// The reason in words. An argument that is a code itself is put into words as well.
fn reason_of(language: Language, code: &str, params: &Value) -> String {
    let mut params = iq_locale::params_of(params);
    for value in params.values_mut() {
        if let Some(words) = sentence_of(language, value, &Params::new()) {
            *value = words;
        }
    }
    sentence_of(language, code, &params)
        .unwrap_or_else(|| say(language, "notification.reason_unknown"))
}

/// Where to go on: an address that can be clicked, or the name of the page.
fn place(language: Language, link: &str, address: Option<&str>) -> String {
    if let Some(address) = address {
        return format!("{}{link}", address.trim_end_matches('/'));
    }
    let page = PAGES.iter().find(|(start, _)| link.starts_with(start));
    let name = page.and_then(|(_, key)| iq_locale::pattern(language, "ui", key));
    name.unwrap_or("OPTRIA IQ").to_owned()
}
