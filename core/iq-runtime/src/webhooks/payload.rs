//! What another system is told, as bytes, and their signature. The format is described in
//! `docs/guides/webhooks.md` and only grows: nothing in it is renamed or taken away.

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit as _, Mac as _};
use iq_domain::{Names, Tenant, Timestamp, WebhookDeliveryId, WebhookKind};
use iq_locale::Language;
use iq_secrets::SecretString;
use iq_store::webhooks::WebhookDelivery;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::Sha256;

/// Version of the format; readers may rely on everything that stood in it when they were written.
const VERSION: u32 = 1;

/// The document of one delivery.
#[derive(Serialize)]
pub(super) struct Payload<'a> {
    version: u32,
    id: WebhookDeliveryId,
    #[serde(rename = "type")]
    kind: &'static str,
    time: String,
    tenant: TenantPart<'a>,
    object: Option<ObjectPart<'a>>,
    params: &'a Value,
    text: Names,
    link: Option<String>,
}

#[derive(Serialize)]
struct TenantPart<'a> {
    id: String,
    names: &'a Names,
    is_demo: bool,
}

#[derive(Serialize)]
struct ObjectPart<'a> {
    kind: &'static str,
    id: &'a str,
}

impl<'a> Payload<'a> {
    /// What a delivery says. `address` is where people reach the program, where that is known.
    pub(super) fn of(
        delivery: &'a WebhookDelivery,
        tenant: &'a Tenant,
        address: Option<&str>,
    ) -> Self {
        let kind = match delivery.kind {
            WebhookKind::Assignment | WebhookKind::Overdue => "work_order",
            WebhookKind::CriticalIncident => "incident",
        };
        Self {
            version: VERSION,
            id: delivery.id,
            kind: delivery.kind.as_str(),
            time: delivery.happened_at.to_string(),
            tenant: TenantPart::of(tenant),
            object: Some(ObjectPart {
                kind,
                id: &delivery.object_id,
            }),
            params: &delivery.params,
            text: texts(webhook_sentence(delivery.kind), &delivery.params),
            link: address.map(|address| format!("{address}{}", delivery.link)),
        }
    }

    /// What a person sends to see whether it arrives.
    pub(super) fn of_test(
        id: WebhookDeliveryId,
        tenant: &'a Tenant,
        now: Timestamp,
        address: Option<&str>,
    ) -> Self {
        static NOTHING: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
        Self {
            version: VERSION,
            id,
            kind: "test",
            time: now.to_string(),
            tenant: TenantPart::of(tenant),
            object: None,
            params: &NOTHING,
            text: texts("webhook.test", &NOTHING),
            link: address.map(|address| format!("{address}/settings")),
        }
    }

    pub(super) fn id(&self) -> WebhookDeliveryId {
        self.id
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Only maps with keys that are no text can fail, and there is none.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl<'a> TenantPart<'a> {
    fn of(tenant: &'a Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            names: &tenant.names,
            is_demo: tenant.is_demo,
        }
    }
}

/// Key of the sentence of a kind: what a mail of the same says, but to nobody in person.
#[must_use]
pub const fn webhook_sentence(kind: WebhookKind) -> &'static str {
    match kind {
        WebhookKind::Assignment => "webhook.assignment",
        WebhookKind::Overdue => "notification.overdue",
        WebhookKind::CriticalIncident => "notification.critical_incident",
    }
}

/// The sentence in both languages, without marks of direction: it is read by programs first.
fn texts(code: &str, params: &Value) -> Names {
    let params = iq_locale::params_of(params);
    let say = |language| iq_locale::plain(language, "sentence", code, &params).unwrap_or_default();
    Names {
        en: say(Language::En),
        ar: say(Language::Ar),
    }
}

/// `v1=` and the HMAC-SHA256, in hexadecimal, over the seconds of the attempt, a point and the body.
pub(super) fn signature(secret: &SecretString, seconds: i64, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("any key length will do");
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
    format!("v1={}", hex.collect::<String>())
}

#[cfg(test)]
mod tests {
    use iq_domain::{TenantId, WebhookId};
    use iq_store::webhooks::DeliveryState;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn tenant() -> Tenant {
        Tenant {
            id: TenantId(Uuid::from_u128(1)),
            names: Names {
                en: "Gulf Works".to_owned(),
                ar: "مصانع الخليج".to_owned(),
            },
            is_demo: false,
            created_at: NOW,
        }
    }

    fn delivery(kind: WebhookKind) -> WebhookDelivery {
        let (params, link) = match kind {
            WebhookKind::CriticalIncident => (
                json!({ "number": "INC-2026-0001", "asset": "P-101A" }),
                "/blackbox/incidents/x",
            ),
            _ => (
                json!({ "order": "OIQ-1", "title": "Replace the seal" }),
                "/work-orders?order=x",
            ),
        };
        WebhookDelivery {
            id: WebhookDeliveryId(Uuid::from_u128(2)),
            tenant_id: tenant().id,
            webhook_id: WebhookId(Uuid::from_u128(3)),
            kind,
            cause: "cause".to_owned(),
            object_id: "x".to_owned(),
            params,
            link: link.to_owned(),
            happened_at: NOW,
            state: DeliveryState::Queued,
            attempts: 0,
            next_at: NOW,
            tried_at: None,
            error: None,
            created_at: NOW,
            sent_at: None,
        }
    }

    #[test]
    fn the_document_is_the_one_that_the_guide_shows() {
        let (tenant, delivery) = (tenant(), delivery(WebhookKind::CriticalIncident));
        let payload = Payload::of(&delivery, &tenant, Some("https://optria.plant.example"));
        let golden = r#"{"version":1,"id":"00000000-0000-0000-0000-000000000002","type":"critical_incident","time":"2026-09-21T14:13:20.000Z","tenant":{"id":"00000000-0000-0000-0000-000000000001","names":{"en":"Gulf Works","ar":"مصانع الخليج"},"is_demo":false},"object":{"kind":"incident","id":"x"},"params":{"asset":"P-101A","number":"INC-2026-0001"},"text":{"en":"Critical incident INC-2026-0001 at P-101A","ar":"حادثة حرجة INC-2026-0001 في P-101A"},"link":"https://optria.plant.example/blackbox/incidents/x"}"#;
        let made = String::from_utf8(payload.to_bytes()).unwrap();
        // The order of the arguments is the store's.
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(&made), read(golden), "{made}");
        assert!(made.starts_with(r#"{"version":1,"id":"#), "{made}");
    }

    #[test]
    fn every_kind_speaks_both_languages_and_to_nobody_in_person() {
        for kind in WebhookKind::ALL {
            let (tenant, delivery) = (tenant(), delivery(kind));
            let payload = Payload::of(&delivery, &tenant, None);
            let word = serde_json::to_value(kind).unwrap();
            assert_eq!(payload.kind, word, "the word of the API");
            assert!(payload.link.is_none(), "nobody knows the address");
            let (en, ar) = (&payload.text.en, &payload.text.ar);
            assert!(!en.is_empty() && !en.contains("you"), "{en}");
            assert!(!ar.is_empty() && !ar.contains("إليك"), "{ar}");
            let named = delivery.params["order"].as_str().unwrap_or("P-101A");
            assert!(en.contains(named) && ar.contains(named), "{en} {ar}");
        }
    }

    #[test]
    fn the_signature_is_the_one_that_the_guide_shows() {
        // printf '1790000000.{"version":1}' | openssl dgst -sha256 -hmac 'a secret of both sides'
        let secret = SecretString::new("a secret of both sides");
        let made = signature(&secret, 1_790_000_000, br#"{"version":1}"#);
        assert_eq!(
            made,
            "v1=3b5d66fc2367c45ec4d5c3e6d70b58ef7544cfea470464f600b65fda4bd721a0"
        );
        assert_ne!(made, signature(&secret, 1_790_000_001, br#"{"version":1}"#));
        assert_ne!(made, signature(&secret, 1_790_000_000, br#"{"version":2}"#));
    }
}
