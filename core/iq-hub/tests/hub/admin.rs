//! The platform owner's work: tenants, people, codes, audit; and two instances on one database.

use anyhow::Result;
use axum::http::StatusCode;
use serde_json::json;

use crate::rig::{NOON, Rig, text};

#[tokio::test(flavor = "multi_thread")]
async fn creates_and_edits_tenants_and_says_what_is_wrong() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail-1").await?;
    let input = |code: &str, en: &str| json!({"code": code, "names": {"en": en, "ar": "مصفاة"}});
    for (body, code) in [
        (input("jubail-1", "x"), "hub.tenant_code_taken"),
        (input("platform", "x"), "hub.tenant_code_taken"),
        (input("A B", "x"), "hub.tenant_code_wrong"),
        (input("-a", "x"), "hub.tenant_code_wrong"),
        (
            json!({"code": "yanbu", "names": {"en": " ", "ar": ""}}),
            "request.name_missing",
        ),
        (
            input("yanbu", "a\u{202e}b"),
            "request.text_hidden_characters",
        ),
    ] {
        let reply = hub.post(&owner, "/api/admin/tenants", body).await?;
        assert_eq!(reply.field(), code, "{reply:?}");
    }
    // All that is wrong is said at once, each at its field.
    for (body, problems) in [
        (
            json!({"code": "A B", "names": {"en": "", "ar": ""}}),
            json!([
                ["code", "hub.tenant_code_wrong"],
                ["names", "request.name_missing"]
            ]),
        ),
        (
            json!({"code": "jubail-1", "names": {"en": "a\u{202e}b", "ar": "ا".repeat(201)}}),
            json!([
                ["code", "hub.tenant_code_taken"],
                ["names.en", "request.text_hidden_characters"],
                ["names.ar", "request.text_too_long"]
            ]),
        ),
    ] {
        let reply = hub.post(&owner, "/api/admin/tenants", body).await?;
        assert_eq!(reply.problems(), problems, "{reply:?}");
    }
    let path = format!("/api/admin/tenants/{tenant}");
    let wrong = json!({"code": "other", "names": {"en": " ", "ar": ""}});
    assert_eq!(
        hub.put(&owner, &path, wrong).await?.problems(),
        json!([
            ["code", "hub.tenant_code_fixed"],
            ["names", "request.name_missing"]
        ])
    );
    let reply = hub
        .put(&owner, &path, input("jubail-1", "Jubail refinery"))
        .await?;
    assert_eq!(reply.body["names"]["en"], "Jubail refinery");
    let reply = hub.put(&owner, &path, input("other", "x")).await?;
    assert_eq!(reply.field(), "hub.tenant_code_fixed");
    let list = hub.get(&owner, "/api/admin/tenants").await?;
    assert_eq!(list.body.as_array().map(Vec::len), Some(1), "{list:?}");
    let demo = hub
        .post(&owner, "/api/admin/tenants/demo", json!({}))
        .await?;
    assert_eq!(demo.status, StatusCode::CREATED);
    assert_eq!(demo.body["tenant"]["is_demo"], true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_fit_is_refused_by_the_name_of_its_field() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let names = json!({"en": "Yanbu", "ar": "ينبع"});
    for (body, field, code) in [
        (
            json!({"code": "yanbu", "names": names, "is_demo": true}),
            "is_demo",
            "request.field_unknown",
        ),
        (json!({"names": names}), "code", "request.field_missing"),
        (
            json!({"code": 7, "names": names}),
            "code",
            "request.field_wrong_type",
        ),
        (
            json!({"code": "yanbu", "names": {"en": 1, "ar": ""}}),
            "names.en",
            "request.field_wrong_type",
        ),
    ] {
        let reply = hub.post(&owner, "/api/admin/tenants", body).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{reply:?}");
        assert_eq!(reply.body["code"], "request.fields_wrong");
        let problem = &reply.body["fields"][0];
        assert_eq!(
            (&problem["field"], &problem["code"]),
            (&json!(field), &json!(code)),
            "{reply:?}"
        );
    }
    let role = json!({"tenant_id": owner.tenant, "username": "x", "name": "N", "role": "king"});
    let reply = hub.post(&owner, "/api/admin/users", role).await?;
    assert_eq!(reply.field(), "request.field_unknown_option", "{reply:?}");
    let broken = b"{\"code\": \"yanbu\",".to_vec();
    let reply = hub.post_bytes(&owner, "/api/admin/tenants", broken).await?;
    assert_eq!(reply.body["code"], "request.json_malformed", "{reply:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_tenant_comes_with_a_day_of_a_plant_marked_as_demo() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(4).await?;
    let owner = hub.owner().await?;
    let demo = hub
        .post(&owner, "/api/admin/tenants/demo", json!({}))
        .await?;
    let password = text(&demo.body["temporary_password"])?;
    let (_, admin) = hub
        .sign_in(json!({
            "tenant": demo.body["tenant"]["code"], "username": "demo-admin", "password": password,
        }))
        .await?;
    let admin = hub
        .change_password(&admin, &password, crate::rig::OWNER_PASSWORD)
        .await?;
    let fleet = hub.get(&owner, "/api/admin/appliances").await?;
    assert_eq!(fleet.body[0]["is_demo"], true, "{fleet:?}");
    assert_eq!(fleet.body[0]["state"], "synced");
    // Read after the receipt: soon.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let records = loop {
        let reply = hub.get(&admin, "/api/records?limit=500").await?;
        let count = reply.body.as_array().map_or(0, Vec::len);
        if count == 111 || std::time::Instant::now() > deadline {
            break reply;
        }
        tokio::task::yield_now().await;
    };
    let rows = records.body.as_array().cloned().unwrap_or_default();
    assert_eq!(rows.len(), 111);
    assert!(rows.iter().all(|row| row["body"]["origin"] == "demo"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_made_changed_and_never_all_put_out() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "yanbu").await?;
    let (admin, id) = hub.user(&owner, (&tenant, "yanbu"), "tenant_admin").await?;
    let new = |tenant: &str, role: &str, name: &str| json!({"tenant_id": tenant, "username": name, "name": "N", "role": role});
    for (body, code) in [
        (new(&tenant, "platform_owner", "nora"), "hub.role_elsewhere"),
        (new(&owner.tenant, "viewer", "nora"), "hub.role_elsewhere"),
        (
            new(&tenant, "viewer", "Tenant_Admin-Yanbu"),
            "hub.username_taken",
        ),
        (new(&tenant, "viewer", " "), "request.text_empty"),
        (new(&tenant, "viewer", "نورة"), "users.username_wrong"),
        (
            json!({"tenant_id": tenant, "username": "noura", "name": "N", "role": "viewer", "email": "nowhere"}),
            "users.email_wrong",
        ),
    ] {
        let reply = hub.post(&owner, "/api/admin/users", body).await?;
        assert_eq!(reply.field(), code, "{reply:?}");
    }
    let path = format!("/api/admin/users/{tenant}/{id}");
    // All that is wrong is said at once, each at its field.
    let mut wrong = json!({"tenant_id": tenant, "username": "Tenant_Admin-Yanbu", "name": " ",
        "role": "platform_owner", "email": "nowhere"});
    let said = |username: &str| {
        json!([
            ["username", username],
            ["name", "request.text_empty"],
            ["role", "hub.role_elsewhere"],
            ["email", "users.email_wrong"]
        ])
    };
    let reply = hub.post(&owner, "/api/admin/users", wrong.clone()).await?;
    assert_eq!(reply.problems(), said("hub.username_taken"), "{reply:?}");
    wrong["username"] = json!("نورة");
    let reply = hub.post(&owner, "/api/admin/users", wrong).await?;
    assert_eq!(reply.problems(), said("users.username_wrong"), "{reply:?}");
    let wrong = json!({"name": "", "role": "platform_owner", "is_active": true, "email": "no"});
    assert_eq!(
        hub.put(&owner, &path, wrong).await?.problems(),
        json!([
            ["name", "request.text_empty"],
            ["role", "hub.role_elsewhere"],
            ["email", "users.email_wrong"]
        ])
    );
    let change =
        |role: &str, is_active: bool| json!({"name": "N", "role": role, "is_active": is_active});
    for (role, is_active) in [("viewer", true), ("tenant_admin", false)] {
        let reply = hub.put(&owner, &path, change(role, is_active)).await?;
        assert_eq!(reply.code(), "hub.last_admin");
    }
    let (_, second) = hub.user(&owner, (&tenant, "yanbu"), "engineer").await?;
    let raised = format!("/api/admin/users/{tenant}/{second}");
    hub.put(&owner, &raised, change("tenant_admin", true))
        .await?;
    let reply = hub.put(&owner, &path, change("viewer", true)).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    // Losing a role ends the sessions that had it.
    assert_eq!(
        hub.get(&admin, "/api/session").await?.status,
        StatusCode::UNAUTHORIZED
    );
    let reset = hub
        .post(&owner, &format!("{raised}/reset-password"), json!({}))
        .await?;
    assert_eq!(reset.body["user"]["must_change_password"], true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_leaves_one_record_in_the_audit_of_the_tenant_it_touches() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "yanbu").await?;
    let (admin, _) = hub.user(&owner, (&tenant, "yanbu"), "tenant_admin").await?;
    let code = json!({"tenant_id": tenant, "name": "Train 2"});
    let code = hub
        .post(&owner, "/api/admin/appliances/codes", code)
        .await?;
    let secret = text(&code.body["code"])?;
    let all = hub
        .get(
            &owner,
            &format!("/api/admin/audit?tenant={tenant}&limit=500"),
        )
        .await?;
    let actions: Vec<&str> = all.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row["action"].as_str())
        .collect();
    for action in [
        "tenants.create",
        "users.create",
        "session.create",
        "session.change_password",
    ] {
        let count = actions.iter().filter(|found| **found == action).count();
        assert_eq!(count, 1, "{action}: {actions:?}");
    }
    assert!(actions.contains(&"appliances.create_code"));
    assert!(!all.body.to_string().contains(&secret));
    let own = hub.get(&admin, "/api/audit?limit=500").await?;
    assert_eq!(own.body["total"], all.body["total"]);
    // Found by who, what and when.
    let found = async |query: String| {
        let path = format!("/api/admin/audit?tenant={tenant}&{query}");
        let reply = hub.get(&owner, &path).await?;
        anyhow::Ok(reply.body["total"].as_u64())
    };
    let (noon, total) = (NOON.0, all.body["total"].as_u64());
    for (query, expected) in [
        ("q=USERS.create".to_owned(), Some(1)),
        ("q=users.create&actor=OWN".to_owned(), Some(1)),
        ("q=users.create&actor=tenant_admin".to_owned(), Some(0)),
        ("q=%25".to_owned(), Some(0)),
        (format!("from={noon}"), total),
        (format!("from={}", noon + 1), Some(0)),
        (format!("to={noon}"), Some(0)),
        (format!("from={noon}&to={}", noon + 1), total),
    ] {
        assert_eq!(found(query.clone()).await?, expected, "{query}");
    }
    let own = hub.get(&admin, "/api/audit?q=users.create").await?;
    assert_eq!(own.body["total"], 1);
    // A change that was refused is on record too.
    let refused = hub
        .post(&admin, "/api/admin/tenants/demo", json!({}))
        .await?;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let own = hub.get(&admin, "/api/audit?limit=1").await?;
    assert_eq!(own.body["items"][0]["outcome"], "request.forbidden");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_on_one_database_are_one_hub() -> Result<()> {
    let rig = Rig::new().await?;
    let (one, other) = (rig.instance(4).await?, rig.instance(4).await?);
    let owner = one.owner().await?;
    // Signed in at one, working at the other.
    assert_eq!(
        other.get(&owner, "/api/admin/tenants").await?.status,
        StatusCode::OK
    );
    // The same code from both at the same moment: one tenant.
    let body = json!({"code": "ras-tanura", "names": {"en": "R", "ar": "ر"}});
    let (a, b) = tokio::join!(
        one.post(&owner, "/api/admin/tenants", body.clone()),
        other.post(&owner, "/api/admin/tenants", body),
    );
    let (a, b) = (a?, b?);
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422], "{a:?} {b:?}");
    // Signing out at one ends it at the other at once.
    let out = one
        .send(
            Some(&owner),
            axum::http::Method::DELETE,
            "/api/session",
            None,
        )
        .await?;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let after = other.get(&owner, "/api/session").await?;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
    Ok(())
}
