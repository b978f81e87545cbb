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
    let (subject, body) = text_of(&mail, Language::En);
    assert!(
        subject.contains("OIQ-1") && !subject.contains('\n'),
        "{subject}"
    );
    assert!(
        body.contains(&subject) && body.contains(&mail.link),
        "{body}"
    );
    let (arabic, text) = text_of(&mail, Language::Ar);
    assert!(
        arabic.contains("OIQ-1") && arabic.contains("أمر العمل"),
        "{arabic}"
    );
    assert!(
        text.contains("Replace the seal") && text.contains(&mail.link),
        "{text}"
    );
}
