//! Webhooks: other systems that are told what happened.

use iq_domain::{Timestamp, WebhookDeliveryId, WebhookId, WebhookKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{StatusMessage, TestStage};

/// A system that is told what happened, and how that goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Id.
    pub id: WebhookId,
    /// What people call it.
    pub name: String,
    /// Where it listens.
    pub url: String,
    /// What it is told.
    pub kinds: Vec<WebhookKind>,
    /// `***` where a signing secret is kept.
    pub secret: Option<String>,
    /// Certificates in PEM form that are trusted instead of the machine's list.
    pub tls_ca: Option<String>,
    /// A person accepted that the way is not encrypted.
    pub accept_plain_http: bool,
    /// It is told.
    pub is_enabled: bool,
    /// off, idle (nothing was tried yet), ok, waiting (is tried again) or failed (given up).
    pub state: String,
    /// Deliveries that wait.
    pub queued: u64,
    /// Deliveries that were taken.
    pub sent: u64,
    /// Deliveries that were given up.
    pub failed: u64,
    /// The delivery that was tried last.
    pub last: Option<WebhookDelivery>,
    /// The newest deliveries.
    pub newest: Vec<WebhookDelivery>,
    /// Written.
    pub created_at: Timestamp,
    /// Changed.
    pub updated_at: Timestamp,
}

/// Enter or change a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookInput {
    /// What people call it.
    pub name: String,
    /// Where it listens: http or https, without user name, query or fragment.
    pub url: String,
    /// What it is told.
    pub kinds: Vec<WebhookKind>,
    /// Both sides know it, 16 to 200 characters; `***` or nothing keeps the one there is.
    #[serde(default)]
    pub secret: Option<String>,
    /// Certificates in PEM form that are trusted instead of the machine's list.
    #[serde(default)]
    pub tls_ca: Option<String>,
    /// Accept a way that is not encrypted.
    #[serde(default)]
    pub accept_plain_http: bool,
    /// It is told.
    #[serde(default)]
    pub is_enabled: bool,
}

/// One message to a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDelivery {
    /// Id; the same in every attempt, and in what is sent.
    pub id: WebhookDeliveryId,
    /// What it tells.
    pub kind: WebhookKind,
    /// The same in a sentence in the caller's language.
    pub message: String,
    /// queued, sent or failed.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The next attempt, while it waits.
    pub next_at: Option<Timestamp>,
    /// The last attempt.
    pub tried_at: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<StatusMessage>,
    /// Written.
    pub created_at: Timestamp,
    /// Taken by the other side.
    pub sent_at: Option<Timestamp>,
}

/// How a test went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookTestReport {
    /// The other side took it.
    pub success: bool,
    /// Steps: settings, dns, tcp, tls, send.
    pub stages: Vec<TestStage>,
}
