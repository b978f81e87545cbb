//! Webhooks and their deliveries: what goes in comes out, a cause is told once, and another tenant
//! neither sees nor changes anything.

use iq_domain::*;
use iq_store::webhooks::{self, DeliveryState, Webhook, WebhookDelivery};
use serde_json::json;

use crate::{
    code,
    support::{Fixture, Plant, T0},
};

fn webhook(p: &Plant) -> Webhook {
    Webhook {
        id: WebhookId::new(),
        tenant_id: p.id(),
        name: "غرفة التحكم".to_owned(),
        url: "https://hooks.plant.example/optria".to_owned(),
        kinds: [
            (WebhookKind::Overdue, T0),
            (WebhookKind::CriticalIncident, T0.plus_ms(1)),
        ]
        .into(),
        tls_ca: Some("PEM".to_owned()),
        accept_plain_http: false,
        is_enabled: true,
        secret_version: 0,
        created_at: T0,
        updated_at: T0,
    }
}

fn delivery(hook: &Webhook, cause: &str) -> WebhookDelivery {
    WebhookDelivery {
        id: WebhookDeliveryId::new(),
        tenant_id: hook.tenant_id,
        webhook_id: hook.id,
        kind: WebhookKind::Overdue,
        cause: cause.to_owned(),
        object_id: "an order".to_owned(),
        params: json!({ "order": "OIQ-1" }),
        link: "/work-orders".to_owned(),
        happened_at: T0,
        state: DeliveryState::Queued,
        attempts: 0,
        next_at: T0,
        tried_at: None,
        error: None,
        created_at: T0,
        sent_at: None,
    }
}

#[test]
fn a_target_and_its_deliveries_come_out_as_they_went_in() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let (tenant, hook) = (plant.id(), webhook(&plant));
    let (first, mut tried) = (delivery(&hook, "a"), delivery(&hook, "b"));
    let rows = (hook.clone(), first.clone(), tried.clone());
    fixture
        .write(move |c| {
            webhooks::put_webhook(c, tenant, &rows.0)?;
            assert!(webhooks::create_delivery(c, tenant, &rows.1)?);
            let again = WebhookDelivery {
                id: WebhookDeliveryId::new(),
                ..rows.1
            };
            assert!(!webhooks::create_delivery(c, tenant, &again)?, "told once");
            assert!(webhooks::create_delivery(c, tenant, &rows.2)?);
            Ok(())
        })
        .unwrap();
    (tried.state, tried.attempts) = (DeliveryState::Failed, 7);
    tried.tried_at = Some(T0.plus_ms(5));
    tried.error = Some(Message::from(&CodedError::invalid("webhooks.refused")));
    let row = tried.clone();
    fixture
        .write(move |c| webhooks::update_delivery(c, tenant, &row))
        .unwrap();
    let id = hook.id;
    fixture.read(|c| {
        assert_eq!(webhooks::list_webhooks(c, tenant)?, [hook.clone()]);
        assert_eq!(webhooks::get_webhook(c, tenant, id)?, Some(hook));
        assert_eq!(
            webhooks::list_due_deliveries(c, tenant, id, T0, 9)?,
            [first]
        );
        let early = webhooks::list_due_deliveries(c, tenant, id, T0.plus_ms(-1), 9)?;
        assert_eq!(early, []);
        assert_eq!(
            webhooks::get_last_tried_delivery(c, tenant, id)?,
            Some(tried)
        );
        assert_eq!(webhooks::list_deliveries(c, tenant, id, 9)?.len(), 2);
        Ok(())
    });
    let later = T0.plus_ms(9);
    let again = fixture.write(move |c| webhooks::update_failed_deliveries(c, tenant, id, later));
    assert_eq!(again.unwrap(), 1);
    fixture.read(|c| {
        assert_eq!(
            webhooks::list_due_deliveries(c, tenant, id, later, 9)?.len(),
            2
        );
        Ok(())
    });
    // With the target goes what was on its way to it.
    fixture
        .write(move |c| webhooks::delete_webhook(c, tenant, id))
        .unwrap();
    let left = fixture.read(|c| webhooks::count_deliveries(c, tenant, id, DeliveryState::Queued));
    assert_eq!(left, 0);
}

#[test]
fn a_year_later_what_is_over_is_forgotten_and_what_waits_is_not() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let (tenant, hook) = (plant.id(), webhook(&plant));
    let (waits, mut sent) = (delivery(&hook, "a"), delivery(&hook, "b"));
    sent.state = DeliveryState::Sent;
    let forgotten = fixture.write(move |c| {
        webhooks::put_webhook(c, tenant, &hook)?;
        webhooks::create_delivery(c, tenant, &waits)?;
        webhooks::create_delivery(c, tenant, &sent)?;
        webhooks::delete_deliveries_before(c, tenant, T0.plus_ms(1))
    });
    assert_eq!(forgotten.unwrap(), 1);
}

#[test]
fn of_two_who_change_the_secret_one_is_refused() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let (tenant, hook) = (plant.id(), webhook(&plant));
    let id = hook.id;
    fixture
        .write(move |c| {
            webhooks::put_webhook(c, tenant, &hook)?;
            webhooks::put_webhook_secret(c, tenant, id, 1, b"sealed")
        })
        .unwrap();
    let late = fixture.write(move |c| webhooks::put_webhook_secret(c, tenant, id, 1, b"other"));
    assert_eq!(code(late), "webhooks.changed_meanwhile");
    let kept = fixture.read(|c| webhooks::get_webhook_secret(c, tenant, id));
    assert_eq!(kept, Some((1, b"sealed".to_vec())));
}

#[test]
fn another_tenant_sees_no_target_and_changes_none() {
    let fixture = Fixture::new();
    let (plant, other) = (fixture.filled(), fixture.filled());
    let (tenant, foreign) = (plant.id(), other.id());
    let hook = webhook(&plant);
    let (id, waits) = (hook.id, delivery(&hook, "a"));
    let rows = (hook.clone(), waits.clone());
    fixture
        .write(move |c| {
            webhooks::put_webhook(c, tenant, &rows.0)?;
            webhooks::put_webhook_secret(c, tenant, id, 1, b"sealed")?;
            webhooks::create_delivery(c, tenant, &rows.1)
        })
        .unwrap();
    fixture.read(|c| {
        assert_eq!(webhooks::list_webhooks(c, foreign)?, []);
        assert_eq!(webhooks::get_webhook(c, foreign, id)?, None);
        assert_eq!(webhooks::get_webhook_secret(c, foreign, id)?, None);
        assert!(!webhooks::has_delivery(c, foreign, id, "a")?);
        assert!(webhooks::has_delivery(c, tenant, id, "a")?);
        assert_eq!(webhooks::list_due_deliveries(c, foreign, id, T0, 9)?, []);
        assert_eq!(webhooks::list_deliveries(c, foreign, id, 9)?, []);
        Ok(())
    });
    let kept = fixture.write(move |c| webhooks::put_webhook(c, foreign, &hook));
    assert!(kept.is_err());
    let stolen = fixture.write(move |c| webhooks::put_webhook_secret(c, foreign, id, 2, b"x"));
    assert!(stolen.is_err());
    let gone = fixture.write(move |c| webhooks::delete_webhook(c, foreign, id));
    assert!(gone.is_err());
    // Their own delivery to our target finds none.
    let mut led = waits.clone();
    (led.id, led.tenant_id) = (WebhookDeliveryId::new(), foreign);
    let led = fixture.write(move |c| webhooks::create_delivery(c, foreign, &led));
    assert_eq!(code(led), "webhooks.not_found");
    assert!(
        fixture
            .write(move |c| webhooks::update_delivery(c, foreign, &waits))
            .is_err()
    );
}
