//! Mail: off unless SMTP_URL is set. What has to be sent waits in the store and is tried a bounded
//! number of times; nothing waits for the mail server. The text is made when it is sent, in the language
//! its reader has chosen by then.
//!
//! SMTP_URL is `smtps://user:password@host:465?from=optria@plant.example` or `smtp://…:587`, which then
//! changes to TLS before anything else is said. Only `smtp://` to this very machine, or with `?tls=none`
//! and no password, goes without TLS: a password is never sent in the clear.

mod text;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use iq_config::Config;
use iq_domain::{CodedError, ErrorKind, MailId, Message, TenantId, Timestamp, UserId};
use iq_locale::Language;
use iq_secrets::SecretString;
use iq_store::{
    StoreError,
    mails::{self, Mail, MailState},
    settings,
};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use tokio::{sync::Notify, time::Instant};
use tracing::{error, warn};
use url::Url;

use self::text::text_of;
use crate::{
    Inner, Runtime,
    stages::{Stage, Stages},
};

/// How often waiting mails are looked for.
const EVERY: Duration = Duration::from_secs(30);
/// How long the mail server may take for one mail.
const WITHIN: Duration = Duration::from_secs(30);
/// Mails sent in one round.
const AT_ONCE: u32 = 50;
/// When a mail or a webhook is tried again, in minutes; after the last it is given up.
pub(crate) const AGAIN_MIN: [i64; 6] = [1, 5, 15, 60, 240, 720];

/// The way out for mails.
pub(crate) struct Mailer {
    server: Result<Option<Server>, CodedError>,
    wake: Notify,
}

struct Server {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    host: String,
    port: u16,
    security: MailSecurity,
    /// Where people reach this program with a browser, where that is known.
    address: Option<String>,
}

/// How the way to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS before anything else is said.
    StartTls,
    /// None.
    Plain,
}

/// What may be known about mail; no secret is in it.
#[derive(Clone, Debug)]
pub struct MailStatus {
    /// Mail is sent.
    pub is_on: bool,
    /// Host and port of the mail server.
    pub server: Option<String>,
    /// How the way there is protected.
    pub security: Option<MailSecurity>,
    /// Sender.
    pub from: Option<String>,
    /// Why it is not on although it is configured.
    pub problem: Option<CodedError>,
}

impl Mailer {
    pub(crate) fn new(config: &Config) -> Self {
        let server = match &config.smtp_url {
            Some(url) => server_of(url, config.email_provider_api_key.as_ref())
                .map(|server| Some(server.reached_at(config.public_url.as_deref()))),
            None => Ok(None),
        };
        if let Err(error) = &server {
            warn!(%error, "SMTP_URL can't be used; no mail is sent.");
        }
        Self {
            server,
            wake: Notify::new(),
        }
    }

    pub(crate) const fn is_on(&self) -> bool {
        matches!(self.server, Ok(Some(_)))
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn server(&self) -> Result<&Server, CodedError> {
        match &self.server {
            Ok(Some(server)) => Ok(server),
            Ok(None) => Err(CodedError::new(ErrorKind::Locked, "mail.off")),
            Err(error) => Err(error.clone()),
        }
    }

    pub(crate) fn status(&self) -> MailStatus {
        let server = self.server.as_ref().ok().and_then(Option::as_ref);
        MailStatus {
            is_on: server.is_some(),
            server: server.map(|s| format!("{}:{}", s.host, s.port)),
            security: server.map(|s| s.security),
            from: server.map(|s| s.from.email.to_string()),
            problem: self.server.as_ref().err().cloned(),
        }
    }
}

/// Where people reach the program with a browser: of the configured address only scheme, host and port
/// count.
pub(crate) fn origin_of(address: Option<&str>) -> Option<String> {
    let url = Url::parse(address?).ok()?;
    Some(url.origin().ascii_serialization())
}

fn unusable(why: &str) -> CodedError {
    CodedError::invalid("mail.config_wrong").with("reason", why)
}

/// The server that SMTP_URL names.
fn server_of(url: &SecretString, api_key: Option<&SecretString>) -> Result<Server, CodedError> {
    let url = Url::parse(url.expose()).map_err(|_| unusable("url"))?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| unusable("host"))?;
    let host = host.trim_matches(['[', ']']).to_owned();
    // The address of a scheme browsers don't know is not read as one: "127.0.0.1" is a name there.
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let option = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    };
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| unusable("url"))
    };
    let user = decoded(url.username())?;
    let password = match (url.password(), api_key) {
        (Some(password), _) => Some(decoded(password)?),
        (None, Some(key)) => Some(key.expose().to_owned()),
        (None, None) => None,
    };
    let credentials = password.filter(|_| !user.is_empty());
    let security = match (url.scheme(), option("tls").as_deref()) {
        ("smtps", _) => MailSecurity::Tls,
        ("smtp", Some("required")) => MailSecurity::StartTls,
        ("smtp", None) if !is_here => MailSecurity::StartTls,
        ("smtp", None) => MailSecurity::Plain,
        ("smtp", Some("none")) if is_here || credentials.is_none() => MailSecurity::Plain,
        ("smtp", Some("none")) => return Err(unusable("password_in_the_clear")),
        _ => return Err(unusable("tls")),
    };
    let port = url.port().unwrap_or(match security {
        MailSecurity::Tls => 465,
        MailSecurity::StartTls => 587,
        MailSecurity::Plain => 25,
    });
    let from = option("from").unwrap_or_else(|| {
        // A relay named by its number has no domain to write from.
        let is_number = host.parse::<std::net::IpAddr>().is_ok() || host.contains(':');
        if user.contains('@') {
            user.clone()
        } else if is_number {
            "optria@localhost".to_owned()
        } else {
            format!("optria@{host}")
        }
    });
    let from: Mailbox = from.parse().map_err(|_| unusable("from"))?;
    let parameters = || TlsParameters::new(host.clone()).map_err(|_| unusable("tls"));
    let tls = match security {
        MailSecurity::Tls => Tls::Wrapper(parameters()?),
        MailSecurity::StartTls => Tls::Required(parameters()?),
        MailSecurity::Plain => Tls::None,
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host)
        .port(port)
        .tls(tls)
        .timeout(Some(WITHIN));
    if let Some(password) = credentials {
        transport = transport.credentials(Credentials::new(user, password));
    }
    Ok(Server {
        transport: transport.build(),
        from: Mailbox::new(Some("OPTRIA IQ".to_owned()), from.email),
        host,
        port,
        security,
        address: None,
    })
}

impl Server {
    fn reached_at(self, address: Option<&str>) -> Self {
        Self {
            address: origin_of(address),
            ..self
        }
    }

    async fn send(&self, mail: &Mail, language: Language, at: Timestamp) -> Result<(), CodedError> {
        let to: Mailbox = mail.address.parse().map_err(|_| {
            CodedError::invalid("mail.address_wrong").with("address", &mail.address)
        })?;
        let (subject, body) = text_of(mail, language, self.address.as_deref());
        let sent = UNIX_EPOCH + Duration::from_millis(at.0.unsigned_abs());
        let message = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            // The same mail tried again is the same mail.
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .date(sent)
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(|_| {
                CodedError::invalid("mail.address_wrong").with("address", &mail.address)
            })?;
        self.transport
            .send(message)
            .await
            .map(drop)
            .map_err(|error| self.why(&error))
    }

    /// What a person can do about a failure; what the server wrote stays in the log.
    fn why(&self, error: &lettre::transport::smtp::Error) -> CodedError {
        let refused = error.status().map(|code| code.to_string());
        warn!(%error, host = %self.host, "The mail server did not take a mail.");
        let code = match refused.as_deref() {
            Some("530" | "534" | "535" | "538") => "mail.sign_in_refused",
            Some(_) if error.is_permanent() => "mail.refused",
            Some(_) => "mail.later",
            None if error.is_timeout() => "mail.timeout",
            None if error.is_tls() => "mail.tls",
            None => "mail.unreachable",
        };
        let coded = CodedError::new(ErrorKind::Upstream, code)
            .with("host", format!("{}:{}", self.host, self.port));
        match refused {
            Some(status) => coded.with("status", status),
            None => coded,
        }
    }
}

/// The task that sends what waits.
pub(crate) async fn run(inner: Arc<Inner>) {
    if !inner.mailer.is_on() {
        return;
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.mailer.wake.notified() => {}
            () = inner.cancel.cancelled() => return,
        }
        tokio::select! {
            result = send_due(&inner) => if let Err(error) = result {
                error!(%error, "Mails could not be looked for; it is tried again in half a minute.");
            },
            // A mail that is on its way when the program closes is sent again: twice is better than never.
            () = inner.cancel.cancelled() => return,
        }
    }
}

async fn send_due(inner: &Arc<Inner>) -> Result<(), CodedError> {
    let server = inner.mailer.server()?;
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        let now = inner.clock.now();
        let due = inner
            .store
            .read(move |conn| mails::list_due_mails(conn, tenant, now, AT_ONCE))
            .await?;
        for mut mail in due {
            let language = language_of(inner, tenant, mail.user_id).await?;
            let now = inner.clock.now();
            let result = server.send(&mail, language, now).await;
            stand(&mut mail, result, now);
            inner
                .store
                .write(move |tx| mails::put_mail(tx, tenant, &mail))
                .await?;
        }
    }
    Ok(())
}

/// Where a mail stands after an attempt.
fn stand(mail: &mut Mail, result: Result<(), CodedError>, now: Timestamp) {
    mail.attempts += 1;
    match result {
        Ok(()) => {
            mail.state = MailState::Sent;
            mail.sent_at = Some(now);
            mail.error = None;
        }
        Err(error) => {
            let tried = usize::try_from(mail.attempts - 1).unwrap_or(usize::MAX);
            match AGAIN_MIN.get(tried) {
                // What the server refuses for good, it refuses tomorrow too.
                Some(minutes) if !matches!(error.code, "mail.refused" | "mail.address_wrong") => {
                    mail.next_at = now.plus_ms(minutes * 60_000);
                }
                _ => mail.state = MailState::Failed,
            }
            mail.error = Some(Message::from(&error));
        }
    }
}

async fn language_of(
    inner: &Inner,
    tenant: TenantId,
    user: UserId,
) -> Result<Language, StoreError> {
    let chosen = inner
        .store
        .read(move |conn| settings::get_user_settings(conn, tenant, user))
        .await?;
    Ok(match chosen.language.as_str() {
        "en" => Language::En,
        _ => Language::Ar,
    })
}

impl Runtime {
    /// What may be known about mail.
    #[must_use]
    pub fn mail_status(&self) -> MailStatus {
        self.0.mailer.status()
    }

    /// Sends a mail to an address now, step by step ("settings", "tcp", "session", "send"); it stops at
    /// the first step that fails.
    pub async fn test_mail(&self, tenant: TenantId, user: UserId, address: &str) -> Vec<Stage> {
        let mut stages = Stages::default();
        self.go_through(&mut stages, tenant, user, address).await;
        stages.done()
    }

    async fn go_through(&self, stages: &mut Stages, tenant: TenantId, user: UserId, address: &str) {
        let begun = Instant::now();
        let server = match self.0.mailer.server() {
            Ok(server) => server,
            Err(error) => {
                stages.step("settings", begun.elapsed(), Err(error));
                return;
            }
        };
        stages.step("settings", begun.elapsed(), Ok(()));
        let begun = Instant::now();
        let reached = reach(server).await;
        if !stages.step("tcp", begun.elapsed(), reached) {
            return;
        }
        let begun = Instant::now();
        let greeted = server.transport.test_connection().await;
        let greeted = match greeted {
            Ok(true) => Ok(()),
            Ok(false) => Err(CodedError::new(ErrorKind::Upstream, "mail.later")
                .with("host", format!("{}:{}", server.host, server.port))
                .with("status", "—")),
            Err(error) => Err(server.why(&error)),
        };
        if !stages.step("session", begun.elapsed(), greeted) {
            return;
        }
        let begun = Instant::now();
        let now = self.0.clock.now();
        let mail = Mail {
            id: MailId::new(),
            tenant_id: tenant,
            user_id: user,
            address: address.to_owned(),
            code: "notification.mail_test".to_owned(),
            params: serde_json::json!({}),
            link: "/settings".to_owned(),
            state: MailState::Queued,
            attempts: 0,
            next_at: now,
            error: None,
            created_at: now,
            sent_at: None,
        };
        let sent = match language_of(&self.0, tenant, user).await {
            Ok(language) => server.send(&mail, language, now).await,
            Err(error) => Err(error.into()),
        };
        stages.step("send", begun.elapsed(), sent);
    }
}

async fn reach(server: &Server) -> Result<(), CodedError> {
    let host = || format!("{}:{}", server.host, server.port);
    let connect = tokio::net::TcpStream::connect((server.host.as_str(), server.port));
    match tokio::time::timeout(WITHIN, connect).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            warn!(%error, host = %server.host, "The mail server can't be reached.");
            Err(CodedError::new(ErrorKind::Upstream, "mail.unreachable").with("host", host()))
        }
        Err(_) => Err(CodedError::new(ErrorKind::Upstream, "mail.timeout").with("host", host())),
    }
}

#[cfg(test)]
#[path = "mail_tests.rs"]
mod tests;
