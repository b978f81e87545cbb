//! What SMTP_URL may say, how often a mail is tried, and what it says in both languages.

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn server(url: &str, key: Option<&str>) -> Result<Server, CodedError> {
    server_of(&SecretString::new(url), key.map(SecretString::new).as_ref())
}

fn mail() -> Mail {
    Mail {
        id: MailId::new(),
        tenant_id: TenantId::new(),
        user_id: UserId::new(),
        address: "sara@plant.example".to_owned(),
        code: "notification.assignment".to_owned(),
        params: serde_json::json!({ "order": "OIQ-1", "title": "Replace the seal" }),
        link: "/work-orders?order=x".to_owned(),
        state: MailState::Queued,
        attempts: 0,
        next_at: NOW,
        error: None,
        created_at: NOW,
        sent_at: None,
    }
}

#[test]
fn a_password_never_goes_in_the_clear() {
    let of = |url: &str| server(url, None).map(|s| (s.security, s.port));
    use MailSecurity::{Plain, StartTls, Tls};
    assert_eq!(of("smtps://u:p@mail.example").unwrap(), (Tls, 465));
    assert_eq!(of("smtp://u:p@mail.example").unwrap(), (StartTls, 587));
    assert_eq!(of("smtp://mail.example?tls=none").unwrap(), (Plain, 25));
    assert_eq!(of("smtp://u:p@127.0.0.1:2525").unwrap(), (Plain, 2_525));
    assert_eq!(
        of("smtp://u:p@[::1]:2525?tls=required").unwrap(),
        (StartTls, 2_525)
    );
    let refused = of("smtp://u:p@mail.example?tls=none").unwrap_err();
    assert_eq!(refused.code, "mail.config_wrong");
    let refused = server("smtp://u@mail.example?tls=none", Some("key"))
        .err()
        .unwrap();
    assert_eq!(refused.params["reason"], "password_in_the_clear");
    assert_eq!(
        of("smtp://mail.example?tls=maybe").unwrap_err().code,
        "mail.config_wrong"
    );
    assert_eq!(
        of("smtp://mail.example?from=nobody").unwrap_err().params["reason"],
        "from"
    );
}

#[test]
fn the_sender_is_the_one_named_else_the_account() {
    let from = |url: &str| server(url, None).unwrap().from.email.to_string();
    assert_eq!(
        from("smtps://mail.example?from=ops%40plant.example"),
        "ops@plant.example"
    );
    assert_eq!(
        from("smtps://ops%40plant.example:p@mail.example"),
        "ops@plant.example"
    );
    assert_eq!(from("smtps://mail.example"), "optria@mail.example");
}

#[test]
fn a_mail_is_tried_a_bounded_number_of_times_at_growing_distance() {
    let later = || CodedError::new(ErrorKind::Upstream, "mail.later");
    let (mut mail, mut now, mut waits) = (mail(), NOW, Vec::new());
    while mail.state == MailState::Queued {
        stand(&mut mail, Err(later()), now);
        waits.push(mail.next_at.since_ms(now) / 60_000);
        now = mail.next_at.max(now);
        assert!(waits.len() < 20, "for ever");
    }
    assert_eq!(waits[..6], AGAIN_MIN);
    assert_eq!((mail.attempts, mail.state), (7, MailState::Failed));
    let mut refused = self::mail();
    stand(&mut refused, Err(CodedError::invalid("mail.refused")), NOW);
    assert_eq!(refused.state, MailState::Failed, "for good");
    let mut fine = self::mail();
    stand(&mut fine, Ok(()), NOW);
    assert_eq!((fine.state, fine.sent_at), (MailState::Sent, Some(NOW)));
}

#[test]
fn a_mail_says_the_same_in_both_languages() {
    let mail = mail();
    let (subject, body) = text_of(&mail, Language::En, None);
    assert!(
        subject.contains("OIQ-1") && !subject.contains('\n'),
        "{subject}"
    );
    assert!(
        body.contains(&subject) && body.contains("In OPTRIA IQ: Work orders"),
        "{body}"
    );
    let (arabic, text) = text_of(&mail, Language::Ar, None);
    assert!(
        arabic.contains("OIQ-1") && arabic.contains("أمر العمل"),
        "{arabic}"
    );
    assert!(
        text.contains("Replace the seal") && text.contains("أوامر العمل"),
        "{text}"
    );
    let address = Some("https://optria.plant.example/");
    let (_, body) = text_of(&mail, Language::En, address);
    let link = format!("https://optria.plant.example{}", mail.link);
    assert!(body.contains(&link), "{body}");
}

#[test]
fn a_mail_about_an_order_says_where_and_when_it_is() {
    let mut mail = Mail {
        params: serde_json::json!({
            "order": "OIQ-1", "title": "Replace the seal", "asset": "P-101A",
            "asset_name_en": "Feed pump", "asset_name_ar": "مضخة التغذية", "site": "RAS",
            "site_name_en": "Ras Tanura", "site_name_ar": "",
            "visit": "2026-11-24 08:00–13:00 (Asia/Riyadh)",
        }),
        ..mail()
    };
    let (subject, english) = text_of(&mail, Language::En, None);
    let (_, arabic) = text_of(&mail, Language::Ar, None);
    assert!(!subject.contains("P-101A"), "{subject}");
    for (body, lines) in [
        (
            &english,
            [
                "Asset: P-101A (Feed pump)",
                "Site: RAS (Ras Tanura)",
                "Time: 2026-11-24 08:00–13:00",
            ],
        ),
        (
            &arabic,
            [
                "الأصل: P-101A (مضخة التغذية)",
                "الموقع: RAS (Ras Tanura)",
                "الموعد: 2026-11-24 08:00–13:00",
            ],
        ),
    ] {
        for line in lines {
            assert!(body.contains(line), "{line} not in {body}");
        }
    }
    // Without a visit the day it is due stands there, and what is not known is left out.
    mail.params =
        serde_json::json!({ "order": "OIQ-1", "title": "x", "due": "2026-11-30 16:00 (UTC)" });
    let (_, body) = text_of(&mail, Language::En, None);
    assert!(body.contains("Due: 2026-11-30 16:00"), "{body}");
    assert!(
        !body.contains("Asset:") && !body.contains("Time:"),
        "{body}"
    );
}

/// What looks like a code: words with underscores or in small Latin letters with a point between them.
fn codes_in(text: &str) -> Vec<&str> {
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || c == '-'))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.contains('.') && word.split('.').all(is_part))
        .collect()
}

fn ids_in(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'))
        .filter(|word| uuid::Uuid::parse_str(word).is_ok())
        .collect()
}

/// Everything that is told by mail: code, arguments and link, as they are made.
fn all_notices() -> Vec<(String, serde_json::Value, String)> {
    let id = UserId::new();
    let of = |code: &str| -> (serde_json::Value, String) {
        use serde_json::json;
        match code.trim_start_matches("notification.") {
            "assignment" | "rescheduled" | "overdue" => (
                json!({ "order": "OIQ-1", "title": "Replace the seal" }),
                format!("/work-orders?order={id}"),
            ),
            "critical_incident" => (
                json!({ "number": "INC-2026-0001", "asset": "P-101A" }),
                format!("/blackbox/incidents/{id}"),
            ),
            "certificate_ends" | "certificate_ended" => (
                json!({ "person": "T-7", "certificate": "H2S" }),
                "/technicians?q=T-7".to_owned(),
            ),
            "server_certificate" => (
                json!({ "subject": "CN=plant-opc" }),
                format!("/integrations/{id}"),
            ),
            "backup_failed" => (
                json!({ "reason": "backup.disk_full", "reason_params": {} }),
                "/backups".to_owned(),
            ),
            "backup_good" | "backup_settings_lost" => (json!({}), "/backups".to_owned()),
            _ => (json!({}), "/settings".to_owned()),
        }
    };
    let keys = iq_locale::keys(Language::En, "sentence").into_iter();
    let mut all: Vec<_> = keys
        .filter(|key| key.starts_with("notification.") && *key != "notification.job_failed")
        .map(|code| {
            let (params, link) = of(code);
            (code.to_owned(), params, link)
        })
        .collect();
    // A job may fail for any reason there is a sentence for, and for one there is none for.
    let reasons = iq_locale::keys(Language::En, "errors").into_iter();
    for reason in reasons.chain(["future.unheard_of"]) {
        let pattern = iq_locale::pattern(Language::En, "errors", reason).unwrap_or_default();
        let arguments = iq_locale::arguments_of(pattern).into_iter();
        let params: serde_json::Map<_, _> = arguments
            .map(|name| {
                let value = if name == "reason" {
                    "http.body_is_html"
                } else {
                    "7"
                };
                (name, serde_json::json!(value))
            })
            .collect();
        all.push((
            "notification.job_failed".to_owned(),
            serde_json::json!({ "reason": reason, "reason_params": params }),
            format!("/integrations/{id}"),
        ));
    }
    all
}

#[test]
fn every_mail_is_in_words_without_a_code_or_an_id() {
    assert_eq!(
        codes_in("see mail.off, e.g. not e.mail1"),
        ["mail.off", "e.g"]
    );
    let all = all_notices();
    for kind in iq_domain::NotificationKind::ALL {
        use iq_domain::NotificationKind as Kind;
        let code = match kind {
            Kind::Assignment => "notification.assignment",
            Kind::Overdue => "notification.overdue",
            Kind::CriticalIncident => "notification.critical_incident",
            Kind::JobFailed => "notification.job_failed",
            Kind::CertificateExpiring => "notification.certificate_ends",
            Kind::BackupFailed => "notification.backup_failed",
        };
        assert!(all.iter().any(|(c, ..)| c == code), "{code}");
    }
    // Names of files and settings in sentences are no codes.
    let said = |language: Language, pattern: &str| {
        let all = iq_locale::keys(language, "errors").into_iter();
        let mut patterns = all.filter_map(|key| iq_locale::pattern(language, "errors", key));
        patterns.any(|p| p.contains(pattern))
            && iq_locale::pattern(language, "errors", pattern).is_none()
    };
    for (code, params, link) in all {
        let mail = Mail {
            code: code.clone(),
            params: params.clone(),
            link,
            ..mail()
        };
        for language in [Language::En, Language::Ar] {
            let (subject, body) = text_of(&mail, language, None);
            let mut found: Vec<&str> = codes_in(&body);
            found.retain(|word| !said(language, word));
            assert!(found.is_empty(), "{code} {params}: {found:?} in {body}");
            assert!(ids_in(&body).is_empty(), "{code}: {body}");
            assert!(!subject.trim().is_empty() && !body.contains('{'), "{body}");
            assert!(
                !body.contains('—') || !params["reason"].is_null(),
                "{code}: {body}"
            );
            if language == Language::Ar {
                let is_arabic = |c: char| ('\u{0600}'..='\u{06FF}').contains(&c);
                assert!(subject.chars().any(is_arabic), "{subject}");
            }
        }
    }
    // What a newer program left in the store has no words here.
    let newer = Mail {
        code: "notification.from_the_future".to_owned(),
        ..mail()
    };
    let (subject, body) = text_of(&newer, Language::En, None);
    assert!(codes_in(&body).is_empty() && !subject.is_empty(), "{body}");
}
