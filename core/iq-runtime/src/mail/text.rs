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
    let parts = Params::from([
        ("text".to_owned(), sentence.clone()),
        ("link".to_owned(), place(language, &mail.link, address)),
    ]);
    let body = iq_locale::plain(language, "sentence", "mail.body", &parts)
        .unwrap_or_else(|| sentence.clone());
    let subject = iq_domain::neutralise(&sentence, 150).replace(['\n', '\t'], " ");
    (subject, body)
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
