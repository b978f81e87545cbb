//! Signing in through identity providers: a certified one as it is, and one that misbehaves on demand.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

mod support;

use std::collections::BTreeMap;

use axum::http::header;
use iq_domain::{Clock, CodedError, IdentityProvider, WallClock};
use iq_runtime::SecretChange;
use iq_secrets::SecretString;
use iq_store::{Connection, identity_providers};
use iq_testkit::{OidcProvider, free_port};
use serde_json::{Value, json};
use support::{Client, PASSWORD, Plant, Reply, TestApp};

const CALLBACK: &str = "http://127.0.0.1:8642/auth/sso/callback";
const SECRET: &str = "a secret of the test";
const DIRECTORY: &str = "6f1c2f4e-1d3a-4a53-9a39-0c9f3d7c1a11";

fn certified(port: u16) -> OidcProvider {
    OidcProvider::certified(port, CALLBACK).unwrap()
}

struct Stub(OidcProvider);

impl Stub {
    fn start(port: u16, path: &str) -> Self {
        Self(OidcProvider::stub(port, path).unwrap())
    }

    fn told(&mut self, line: &str) {
        self.0.told(line, "done").unwrap();
    }
}

/// An appliance with the time of this machine, which is the providers' too.
async fn appliance() -> (TestApp, Plant, Plant) {
    let found = TestApp::with_plants().await;
    found.0.clock.set(WallClock.now());
    found
}

fn okta(port: u16) -> Value {
    json!({
        "provider_type": "okta", "display_name": "Company", "client_id": "optria",
        "client_secret": SECRET, "issuer_url": format!("http://127.0.0.1:{port}"),
        "scopes": ["profile", "email", "groups"], "default_role": "viewer",
        "group_roles": [{ "group": "reliability", "role": "engineer" }],
        "accept_plain_http": true, "is_enabled": true,
    })
}

const PROVIDERS: &str = "/api/integrations/identity-providers";

async fn set_up(admin: &Client, body: &Value) -> String {
    let made = admin.post(PROVIDERS, body.clone()).await.expect_status(201);
    let made = made.json();
    assert_eq!(made["redirect_uri"], CALLBACK);
    made["id"].as_str().unwrap().to_owned()
}

fn location(reply: &Reply) -> String {
    let value = &reply.headers[header::LOCATION];
    value.to_str().unwrap().to_owned()
}

/// Takes the cookies of an answer over, as a browser does.
fn keep_cookies(client: &mut Client, reply: &Reply) {
    let mut jar: BTreeMap<String, String> = BTreeMap::new();
    let kept = client.cookie.clone().unwrap_or_default();
    let set = reply.headers.get_all(header::SET_COOKIE).iter();
    let set = set.map(|v| v.to_str().unwrap().split(';').next().unwrap().to_owned());
    for pair in kept.split("; ").map(str::to_owned).chain(set) {
        if let Some((name, value)) = pair.split_once('=') {
            jar.insert(name.to_owned(), value.to_owned());
        }
    }
    let pairs = jar.iter().filter(|(_, v)| !v.is_empty());
    let pairs: Vec<String> = pairs.map(|(n, v)| format!("{n}={v}")).collect();
    client.cookie = Some(pairs.join("; "));
}

fn walk(start: &str, login: &str) -> String {
    iq_testkit::walk(start, login, CALLBACK).unwrap()
}

/// Goes to the provider and comes back with its answer, not yet handed in.
async fn away(client: &mut Client, id: &str, login: &str) -> String {
    let started = client
        .get(&format!("/auth/sso/{id}/start?next=/assets"))
        .await
        .expect_status(303);
    keep_cookies(client, &started);
    let back = walk(&location(&started), login);
    back.strip_prefix("http://127.0.0.1:8642")
        .unwrap()
        .to_owned()
}

async fn sign_in(app: &TestApp, id: &str, login: &str) -> (Client, Reply) {
    let mut client = app.client();
    let back = away(&mut client, id, login).await;
    let reply = client.get(&back).await.expect_status(303);
    keep_cookies(&mut client, &reply);
    (client, reply)
}

/// The code of why a sign-in failed, as the page of signing in asks for it.
async fn outcome(client: &Client) -> (String, Value) {
    let said = client
        .get("/auth/sso/outcome")
        .await
        .expect_status(200)
        .json();
    let problem = &said["problem"];
    let code = problem["code"].as_str().unwrap_or_default().to_owned();
    assert!(
        problem["message"]
            .as_str()
            .is_some_and(|m| !m.is_empty() && *m != code)
    );
    (code, problem["params"].clone())
}

async fn session(client: &mut Client) -> Value {
    let info = client.get("/api/session").await.expect_status(200).json();
    client.csrf = info["csrf_token"].as_str().map(str::to_owned);
    info
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one sign-in after the other")]
async fn a_person_signs_in_through_a_certified_provider_and_is_known_again() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let mut provider = certified(port);
    let id = set_up(&admin, &okta(port)).await;

    let report = admin
        .post(&format!("{PROVIDERS}/{id}/test"), json!({}))
        .await
        .json();
    assert_eq!(report["success"], true, "{report}");
    let keys: Vec<&str> = report["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["key"].as_str().unwrap())
        .collect();
    let expected = [
        "dns",
        "tcp",
        "discovery",
        "issuer",
        "endpoints",
        "keys",
        "clock",
        "client",
    ];
    assert_eq!(keys, expected);

    let offered = app.client().get("/api/session/providers").await.json();
    assert_eq!(offered[0]["display_name"], "Company");
    let (mut sara, reply) = sign_in(&app, &id, "sara").await;
    assert_eq!(location(&reply), "/assets", "{:?}", outcome(&sara).await);
    let info = session(&mut sara).await;
    assert_eq!(info["username"], "sara@company.example");
    assert_eq!(info["name"], "سارة القحطاني");
    assert_eq!(info["role"], "engineer");
    assert_eq!(info["tenant_id"], json!(plant.tenant));
    // What the provider decides is not changed here, and there is no password.
    sara.put("/api/session/profile", json!({ "name": "Another" }))
        .await
        .expect_field("name", "users.owned_by_provider");
    let change = json!({ "current_password": "x", "new_password": "seven wet camels walk" });
    sara.post("/api/session/password", change)
        .await
        .expect_code(409, "users.password_elsewhere");

    let (mut omar, _) = sign_in(&app, &id, "omar").await;
    assert_eq!(session(&mut omar).await["role"], "viewer");

    // Other keys from now on: they are read again at the first token that needs them.
    provider.told("rotate", "rotated").unwrap();
    let (mut again, _) = sign_in(&app, &id, "sara").await;
    assert_eq!(session(&mut again).await["user_id"], info["user_id"]);

    let users = admin.get("/api/tenant-users").await.json();
    let row = users
        .as_array()
        .unwrap()
        .iter()
        .find(|u| u["id"] == info["user_id"]);
    let row = row.unwrap();
    assert_eq!(
        (&row["auth_source"], &row["provider"]),
        (&json!("sso"), &json!("Company"))
    );
    assert_eq!(row["owned_by_provider"], json!(["name", "email", "role"]));
    let path = format!("/api/tenant-users/{}", info["user_id"].as_str().unwrap());
    let mut body = json!({
        "username": row["username"], "name": row["name"], "email": row["email"],
        "role": "tenant_admin", "is_active": true,
    });
    admin
        .put(&path, body.clone())
        .await
        .expect_field("role", "users.owned_by_provider");
    body["role"] = json!("engineer");
    body["is_active"] = json!(false);
    admin.put(&path, body).await.expect_status(200);
    again.get("/api/session").await.expect_status(401);
    let (refused, reply) = sign_in(&app, &id, "sara").await;
    assert_eq!(location(&reply), "/login?sso=failed");
    assert_eq!(outcome(&refused).await.0, "sso.user_disabled");

    let off = json!({ "is_enabled": false, "client_secret": "***" });
    let mut changed = okta(port);
    changed
        .as_object_mut()
        .unwrap()
        .extend(off.as_object().unwrap().clone());
    admin
        .put(&format!("{PROVIDERS}/{id}"), changed)
        .await
        .expect_status(200);
    omar.get("/api/session").await.expect_status(401);
    app.client()
        .get(&format!("/auth/sso/{id}/start"))
        .await
        .expect_status(404);

    let audit = admin.get("/api/audit?limit=500").await.text();
    assert!(audit.contains("session.sso") && audit.contains("sso.user_disabled"));
    for secret in [SECRET, "eyJ", "code_verifier"] {
        assert!(!audit.contains(secret), "{secret} in the audit log");
    }
}

#[tokio::test]
async fn an_answer_counts_once_and_in_the_browser_that_asked() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let _provider = certified(port);
    let id = set_up(&admin, &okta(port)).await;
    let mut client = app.client();
    let back = away(&mut client, &id, "sara").await;

    let mut stranger = app.client();
    let reply = stranger.get(&back).await.expect_status(303);
    keep_cookies(&mut stranger, &reply);
    assert_eq!(outcome(&stranger).await.0, "sso.other_browser");
    // The attempt is used up, also for whoever began it.
    let reply = client.get(&back).await.expect_status(303);
    assert_eq!(location(&reply), "/login?sso=failed");
    keep_cookies(&mut client, &reply);
    assert_eq!(outcome(&client).await.0, "sso.state_unknown");

    let mut late = app.client();
    let back = away(&mut late, &id, "sara").await;
    app.clock.advance_ms(10 * 60_000);
    let reply = late.get(&back).await.expect_status(303);
    keep_cookies(&mut late, &reply);
    assert_eq!(outcome(&late).await.0, "sso.state_unknown");
    app.clock.set(WallClock.now());

    let mut forged = app.client();
    let back = away(&mut forged, &id, "sara").await;
    let other = back.replace(&format!("127.0.0.1%3A{port}"), "evil.example");
    assert_ne!(other, back, "the answer names its issuer");
    let reply = forged.get(&other).await.expect_status(303);
    keep_cookies(&mut forged, &reply);
    assert_eq!(outcome(&forged).await.0, "sso.answer_issuer_wrong");

    for path in ["//evil.example", "https://evil.example", "/%5Cevil.example"] {
        let mut client = app.client();
        let start = format!("/auth/sso/{id}/start?next={path}");
        let started = client.get(&start).await.expect_status(303);
        keep_cookies(&mut client, &started);
        let back = walk(&location(&started), "sara");
        let reply = client
            .get(back.strip_prefix("http://127.0.0.1:8642").unwrap())
            .await;
        assert_eq!(location(&reply), "/", "{path}");
    }
    // Under another name of this server the cookies of the way back would be lost.
    let mut other = app.client();
    other.host = "pump-house:8642".to_owned();
    other.origin = None;
    let reply = other.get(&format!("/auth/sso/{id}/start?next=/a")).await;
    let there = format!("http://127.0.0.1:8642/auth/sso/{id}/start?next=/a");
    assert_eq!(location(&reply), there);
}

/// Signs in at the stub and says what came of it: the page gone on to, or the code of the failure.
async fn attempt(app: &TestApp, id: &str) -> (String, Value) {
    let (client, reply) = sign_in(app, id, "").await;
    match location(&reply).as_str() {
        "/login?sso=failed" => outcome(&client).await,
        page => (page.to_owned(), Value::Null),
    }
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one sign-in after the other")]
async fn everything_a_token_may_have_wrong_is_named() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let mut stub = Stub::start(port, "/oauth2/default");
    let mut body = okta(port);
    body["issuer_url"] = json!(format!("http://127.0.0.1:{port}/oauth2/default"));
    let id = set_up(&admin, &body).await;
    assert_eq!(attempt(&app, &id).await.0, "/assets");
    let now = WallClock.now().0 / 1_000;
    for (claims, code) in [
        (json!({ "nonce": "another" }), "sso.nonce_wrong"),
        (
            json!({ "iss": "http://evil.example" }),
            "sso.token_issuer_wrong",
        ),
        (
            json!({ "aud": "another-application" }),
            "sso.audience_wrong",
        ),
        (
            json!({ "azp": "another-application" }),
            "sso.audience_wrong",
        ),
        (
            json!({ "exp": now - 300, "iat": now - 600 }),
            "sso.token_expired",
        ),
        (json!({ "iat": now + 300 }), "sso.token_from_the_future"),
        (json!({ "nbf": now + 300 }), "sso.token_from_the_future"),
        (
            json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }),
            "sso.token_belongs_elsewhere",
        ),
    ] {
        stub.told(&format!("claims {claims}"));
        assert_eq!(attempt(&app, &id).await.0, code, "{claims}");
    }
    for claim in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
        stub.told(&format!("claims {}", json!({ claim: null })));
        let (code, params) = attempt(&app, &id).await;
        assert_eq!(
            (code.as_str(), &params["claim"]),
            ("sso.claim_missing", &json!(claim))
        );
    }
    // Two clocks are never the same: within a minute it passes.
    stub.told(&format!(
        "claims {}",
        json!({ "exp": now - 20, "iat": now + 40 })
    ));
    assert_eq!(attempt(&app, &id).await.0, "/assets");
    stub.told("fresh");
    for (way, code) in [
        ("none", "sso.algorithm_refused"),
        ("hs256", "sso.algorithm_refused"),
        ("other", "sso.signature_wrong"),
        ("as", "/assets"),
    ] {
        stub.told(&format!("sign {way}"));
        assert_eq!(attempt(&app, &id).await.0, code, "{way}");
    }
    stub.told(&format!("claims {}", json!({ "groups": ["others"] })));
    let mut strict = body.clone();
    strict["default_role"] = Value::Null;
    strict["client_secret"] = json!("***");
    let path = format!("{PROVIDERS}/{id}");
    admin.put(&path, strict.clone()).await.expect_status(200);
    assert_eq!(attempt(&app, &id).await.0, "sso.no_group");
    stub.told("claims {}");
    let (code, params) = attempt(&app, &id).await;
    assert_eq!(
        (code.as_str(), &params["claim"]),
        ("sso.claim_missing", &json!("groups"))
    );

    // A secret does not follow to another address.
    strict["issuer_url"] = json!("http://127.0.0.1:1/elsewhere");
    admin
        .put(&path, strict)
        .await
        .expect_field("client_secret", "sso.secret_again");
    body["client_secret"] = json!("a wrong secret");
    admin.put(&path, body.clone()).await.expect_status(200);
    let mut roles = body.clone();
    roles["default_role"] = json!("platform_owner");
    admin
        .put(&path, roles)
        .await
        .expect_field("default_role", "sso.role_refused");
    body["accept_plain_http"] = json!(false);
    admin
        .put(&path, body)
        .await
        .expect_field("issuer_url", "http.plain_refused");
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one sign-in after the other")]
async fn the_habits_of_entra_and_google_are_met() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let mut stub = Stub::start(port, &format!("/{DIRECTORY}/v2.0"));
    let issuer = format!("http://127.0.0.1:{port}/{DIRECTORY}/v2.0");
    let mut entra = okta(port);
    for (field, value) in [
        ("provider_type", json!("azure_ad")),
        ("issuer_url", json!(issuer)),
        ("tenant_id", json!(DIRECTORY)),
        (
            "group_roles",
            json!([{ "group": "g-1", "role": "tenant_admin" }]),
        ),
    ] {
        entra[field] = value;
    }
    let mut common = entra.clone();
    common["tenant_id"] = json!("common");
    admin
        .post(PROVIDERS, common)
        .await
        .expect_field("tenant_id", "sso.directory_not_a_guid");
    let id = set_up(&admin, &entra).await;
    let person = |more: Value| {
        let mut all = json!({
            "tid": DIRECTORY, "oid": "object-7", "email": null, "name": null,
            "preferred_username": "one@company.example",
        });
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        format!("claims {all}")
    };
    stub.told(&person(json!({ "groups": ["g-1"] })));
    let (mut client, _) = sign_in(&app, &id, "").await;
    let first = session(&mut client).await;
    assert_eq!(
        (&first["email"], &first["role"]),
        (&Value::Null, &json!("tenant_admin"))
    );
    // The subject is another for another application: the object is the person.
    stub.told(&person(
        json!({ "groups": ["g-1"], "sub": "another-subject" }),
    ));
    let (mut client, _) = sign_in(&app, &id, "").await;
    assert_eq!(session(&mut client).await["user_id"], first["user_id"]);
    stub.told(&person(
        json!({ "tid": "9188040d-6c67-4c5b-b112-36a304b66dad" }),
    ));
    assert_eq!(attempt(&app, &id).await.0, "sso.directory_wrong");
    stub.told(&person(json!({ "oid": null })));
    let (code, params) = attempt(&app, &id).await;
    assert_eq!(
        (code.as_str(), &params["claim"]),
        ("sso.claim_missing", &json!("oid"))
    );
    stub.told(&person(json!({ "_claim_names": { "groups": "src1" } })));
    assert_eq!(attempt(&app, &id).await.0, "sso.groups_overflow");
    let template = format!("http://127.0.0.1:{port}/{{tenantid}}/v2.0");
    stub.told(&format!("metadata {}", json!({ "issuer": template })));
    let report = admin
        .post(&format!("{PROVIDERS}/{id}/test"), json!({}))
        .await
        .json();
    assert_eq!(
        (&report["success"], &report["code"]),
        (&json!(false), &json!("sso.issuer_template"))
    );
    stub.told("fresh");

    let mut google = entra.clone();
    for (field, value) in [
        ("provider_type", json!("google")),
        ("tenant_id", Value::Null),
        ("hosted_domain", json!("company.example")),
        ("group_roles", json!([])),
    ] {
        google[field] = value;
    }
    let id = set_up(&admin, &google).await;
    for (claims, code) in [
        (json!({ "email_verified": true }), "sso.claim_missing"),
        (
            json!({ "hd": "elsewhere.example", "email_verified": true }),
            "sso.domain_wrong",
        ),
        (
            json!({ "hd": "company.example", "email_verified": false }),
            "sso.email_unverified",
        ),
        (json!({ "hd": "company.example" }), "sso.claim_missing"),
        (
            json!({ "hd": "company.example", "email_verified": true }),
            "/assets",
        ),
    ] {
        stub.told(&format!("claims {claims}"));
        assert_eq!(attempt(&app, &id).await.0, code, "{claims}");
    }
    // The address of a local account leads to no account: another user is made.
    let name = plant.user("viewer");
    let claims = json!({
        "hd": "company.example", "email_verified": true, "sub": "stranger", "email": name,
    });
    stub.told(&format!("claims {claims}"));
    let (mut stranger, _) = sign_in(&app, &id, "").await;
    let info = session(&mut stranger).await;
    assert_ne!(info["username"], json!(name));
    app.signed_in(&name).await;
    // Roles are given here where the provider says nothing of them, and stay.
    let path = format!("/api/tenant-users/{}", info["user_id"].as_str().unwrap());
    let body = json!({
        "username": info["username"], "name": info["name"], "email": info["email"],
        "role": "engineer", "is_active": true,
    });
    admin.put(&path, body).await.expect_status(200);
    let (mut stranger, _) = sign_in(&app, &id, "").await;
    assert_eq!(session(&mut stranger).await["role"], "engineer");
}

#[tokio::test]
async fn a_test_sign_in_shows_the_claims_and_signs_nobody_in() {
    let (app, plant, other) = appliance().await;
    let mut admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let _provider = certified(port);
    let mut body = okta(port);
    body["is_enabled"] = json!(false);
    let id = set_up(&admin, &body).await;
    let path = format!("{PROVIDERS}/{id}/preview");
    let started = admin.post(&path, json!({})).await.expect_status(200);
    keep_cookies(&mut admin, &started);
    let url = started.json()["url"].as_str().unwrap().to_owned();
    let back = walk(&url, "sara");
    let back = back.strip_prefix("http://127.0.0.1:8642").unwrap();
    let reply = admin.get(back).await.expect_status(303);
    assert_eq!(
        location(&reply),
        format!("/integrations?tab=sso&provider={id}&preview=1")
    );
    let shown = admin.get(&path).await.expect_status(200).json()["preview"].clone();
    assert_eq!(
        (&shown["role"], &shown["role_group"]),
        (&json!("engineer"), &json!("reliability"))
    );
    assert_eq!(shown["username"], "sara@company.example");
    let claims = shown["claims"].as_array().unwrap();
    let groups = claims.iter().find(|c| c["name"] == "groups").unwrap();
    assert_eq!(
        groups["from_user_info"], true,
        "the token carries the subject alone"
    );
    let users = admin.get("/api/tenant-users").await.text();
    assert!(!users.contains("sara@company.example"), "nobody was made");
    // What it showed is for the session that asked.
    let again = app.signed_in(&plant.user("admin")).await;
    assert_eq!(again.get(&path).await.json()["preview"], Value::Null);
    let stranger = app.signed_in(&other.user("admin")).await;
    stranger.get(&path).await.expect_status(404);
}

#[tokio::test]
async fn pasted_documents_do_without_discovery() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let mut stub = Stub::start(port, "");
    let issuer = format!("http://127.0.0.1:{port}");
    let read = |path: &str| {
        let mut answer = ureq::get(format!("{issuer}/{path}")).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    let mut body = okta(port);
    body["pinned_metadata"] = json!(read(".well-known/openid-configuration"));
    body["pinned_keys"] = json!(read("keys"));
    let id = set_up(&admin, &body).await;
    let report = admin
        .post(&format!("{PROVIDERS}/{id}/test"), json!({}))
        .await
        .json();
    assert_eq!(
        report["stages"][0]["message"]["code"], "sso.test_pinned",
        "{report}"
    );
    // The provider shows something else now; what was pasted holds.
    stub.told(&format!(
        "metadata {}",
        json!({ "issuer": "http://evil.example" })
    ));
    assert_eq!(attempt(&app, &id).await.0, "/assets");
    stub.told("sign as");
    assert_eq!(attempt(&app, &id).await.0, "sso.key_unknown");
    body["pinned_keys"] = json!("<html>");
    body["client_secret"] = json!("***");
    admin
        .put(&format!("{PROVIDERS}/{id}"), body)
        .await
        .expect_field("pinned_keys", "sso.document_unreadable");
}

#[tokio::test]
async fn passwords_can_be_kept_for_emergencies() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let rules = format!("{PROVIDERS}/rules");
    let only = json!({ "sso_only": true });
    admin
        .put(&rules, only.clone())
        .await
        .expect_code(409, "sso.no_provider_enabled");
    let id = set_up(&admin, &okta(1)).await;
    admin.put(&rules, only).await.expect_status(200);
    let mut client = app.client();
    client
        .sign_in(&plant.user("engineer"), PASSWORD)
        .await
        .expect_code(403, "session.sso_only");
    client
        .sign_in(&plant.user("engineer"), "wrong")
        .await
        .expect_code(401, "session.bad_credentials");
    client
        .sign_in(&plant.user("admin"), PASSWORD)
        .await
        .expect_code(403, "session.emergency_reason_missing");
    let body = json!({
        "username": plant.user("admin"), "password": PASSWORD,
        "emergency_reason": "The line to the provider is cut",
    });
    let reply = client.post("/api/session", body).await.expect_status(200);
    client.adopt(&reply);
    // Used all the time, it ends after an hour all the same.
    for _ in 0..11 {
        app.clock.advance_ms(5 * 60_000);
        client.get("/api/session").await.expect_status(200);
    }
    app.clock.advance_ms(5 * 60_000);
    client.get("/api/session").await.expect_status(401);
    let admin = app.client();
    let offered = admin.get("/api/session/providers").await.json();
    assert_eq!(offered[0]["sso_only"], true);
    // Without a provider that is enabled there is no other way in: passwords are one again.
    let mut owner = app.client();
    let body = json!({
        "username": plant.user("owner"), "password": PASSWORD, "emergency_reason": "Repair",
    });
    let reply = owner.post("/api/session", body).await.expect_status(200);
    owner.adopt(&reply);
    let audit = owner.get("/api/audit?limit=500").await.text();
    assert!(audit.contains("break_glass") && audit.contains("The line to the provider is cut"));
    owner
        .delete(&format!("{PROVIDERS}/{id}"))
        .await
        .expect_status(204);
    app.signed_in(&plant.user("engineer")).await;
}

/// What the audit says of the newest record of an action.
async fn told(admin: &Client, action: &str) -> Value {
    let found = admin
        .get(&format!("/api/audit?q={action}"))
        .await
        .expect_status(200)
        .json();
    assert_eq!(found["items"][0]["action"], action, "{found}");
    found["items"][0]["details"].clone()
}

fn changed(body: &Value, change: &Value) -> Value {
    let mut all = body.as_object().cloned().unwrap_or_default();
    all.extend(change.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

#[tokio::test]
async fn whom_a_provider_vouched_for_is_out_when_it_vouches_otherwise() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let _provider = certified(port);
    let body = okta(port);
    let id = set_up(&admin, &body).await;
    let path = format!("{PROVIDERS}/{id}");
    let action = "identity_providers.update";
    let (mut sara, _) = sign_in(&app, &id, "sara").await;
    // A name on a button ends nobody's work.
    let named = changed(&body, &json!({ "display_name": "Work" }));
    admin.put(&path, named).await.expect_status(200);
    assert_eq!(told(&admin, action).await["sessions_ended"], 0);
    session(&mut sara).await;
    for other in [
        json!({ "client_id": "another" }),
        json!({ "issuer_url": "http://127.0.0.1:1" }),
        json!({ "group_roles": [] }),
    ] {
        let (mut omar, _) = sign_in(&app, &id, "omar").await;
        session(&mut omar).await;
        admin
            .put(&path, changed(&body, &other))
            .await
            .expect_status(200);
        omar.get("/api/session").await.expect_status(401);
        assert_ne!(told(&admin, action).await["sessions_ended"], 0, "{other}");
        admin.put(&path, body.clone()).await.expect_status(200);
    }
    sara.get("/api/session").await.expect_status(401);
    // Deleted: out at once; with a password nobody is touched by it.
    let (omar, _) = sign_in(&app, &id, "omar").await;
    admin.delete(&path).await.expect_status(204);
    omar.get("/api/session").await.expect_status(401);
    let details = told(&admin, "identity_providers.delete").await;
    assert_eq!(details["sessions_ended"], 1, "{details}");
    assert_eq!(details["own_session_kept"], Value::Null, "{details}");
}

#[tokio::test]
async fn rules_of_providers_alone_end_what_a_password_opened() {
    let (app, plant, other) = appliance().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let stranger = app.signed_in(&other.user("engineer")).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let _provider = certified(port);
    let off = changed(&okta(port), &json!({ "is_enabled": false }));
    let id = set_up(&admin, &okta(port)).await;
    let path = format!("{PROVIDERS}/{id}");
    let (mut sara, _) = sign_in(&app, &id, "sara").await;
    let only = json!({ "sso_only": true });
    admin
        .put(&format!("{PROVIDERS}/rules"), only)
        .await
        .expect_status(200);
    engineer.get("/api/session").await.expect_status(401);
    stranger.get("/api/session").await.expect_status(200);
    session(&mut sara).await;
    let details = told(&admin, "identity_providers.put_rules").await;
    assert_ne!(details["sessions_ended"], 0, "{details}");
    assert_eq!(details["own_session_kept"], true, "{details}");
    // Rules that wait for a provider begin to hold with it.
    admin.put(&path, off).await.expect_status(200);
    let engineer = app.signed_in(&plant.user("engineer")).await;
    admin.put(&path, okta(port)).await.expect_status(200);
    engineer.get("/api/session").await.expect_status(401);
    // What was kept ends after an hour, used or not.
    for _ in 0..12 {
        admin.get("/api/session").await.expect_status(200);
        app.clock.advance_ms(5 * 60_000);
    }
    admin.get("/api/session").await.expect_status(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_the_way_when_a_provider_changes_does_not_come_in_by_what_was() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let mut stub = Stub::start(port, "");
    let body = okta(port);
    let id = set_up(&admin, &body).await;
    let path = format!("{PROVIDERS}/{id}");
    for (other, code) in [
        (
            json!({ "default_role": "engineer" }),
            "sso.provider_changed",
        ),
        (
            json!({ "issuer_url": "http://127.0.0.1:1" }),
            "sso.provider_changed",
        ),
        (json!({ "is_enabled": false }), "sso.provider_off"),
    ] {
        stub.told("hold");
        let mut client = app.client();
        let back = away(&mut client, &id, "").await;
        let answer = tokio::spawn({
            let client = client.clone();
            async move { client.get(&back).await }
        });
        tokio::task::block_in_place(|| stub.0.told("held", "held")).unwrap();
        let changed = changed(&body, &other);
        admin.put(&path, changed).await.expect_status(200);
        stub.told("go");
        let reply = answer.await.unwrap().expect_status(303);
        keep_cookies(&mut client, &reply);
        assert_eq!(outcome(&client).await.0, code, "{other}");
        admin.put(&path, body.clone()).await.expect_status(200);
    }
    // What was read under other settings is in nobody's way.
    assert_eq!(attempt(&app, &id).await.0, "/assets");
}

#[tokio::test]
async fn of_two_who_change_a_provider_from_the_same_settings_one_is_refused() {
    let (app, plant, _) = TestApp::with_plants().await;
    let (tenant, id) = (plant.tenant, plant.provider);
    let read = move |conn: &Connection| identity_providers::get_provider(conn, tenant, id);
    let seen = app.runtime.store().read(read).await.unwrap().unwrap();
    let save = async |name: &str, secret: SecretChange| {
        let (keeper, old) = (app.runtime.provider_keeper(), seen.clone());
        let row = IdentityProvider {
            display_name: name.to_owned(),
            ..seen.clone()
        };
        let store = app.runtime.store();
        store
            .write(move |tx| keeper.replace(tx, &old, &row, &secret))
            .await
    };
    save("Work", SecretChange::Keep).await.unwrap();
    let another = SecretChange::Replace(SecretString::new("another secret"));
    for secret in [SecretChange::Keep, another] {
        let late = save("Other", secret).await.unwrap_err();
        assert_eq!(CodedError::from(late).code, "sso.changed_meanwhile");
    }
    // Nor is a secret put over one that is newer than what was seen.
    let version = seen.secret_version;
    let store = app.runtime.store();
    let late = store
        .write(move |tx| {
            identity_providers::put_client_secret(tx, tenant, id, version, Some(b"late"))
        })
        .await;
    let late = CodedError::from(late.unwrap_err());
    assert_eq!(late.code, "sso.changed_meanwhile");
    let kept = app.runtime.store().read(read).await.unwrap().unwrap();
    assert_eq!(kept.display_name, "Work");
}

/// A provider whose group of reliability are administrators of the plant, with its settings.
async fn of_administrators(admin: &Client, port: u16) -> (String, Value) {
    let rule = json!({ "group_roles": [{ "group": "reliability", "role": "tenant_admin" }] });
    let body = changed(&okta(port), &rule);
    (set_up(admin, &body).await, body)
}

#[tokio::test]
async fn a_deleted_provider_leaves_the_one_session_that_can_put_it_right() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let _provider = certified(port);
    let (id, body) = of_administrators(&admin, port).await;
    let path = format!("{PROVIDERS}/{id}");
    // While an administrator with a password is left, she goes too.
    let (mut sara, _) = sign_in(&app, &id, "sara").await;
    session(&mut sara).await;
    let off = changed(&body, &json!({ "is_enabled": false }));
    sara.put(&path, off).await.expect_status(200);
    sara.get("/api/session").await.expect_status(401);
    admin.put(&path, body).await.expect_status(200);
    let (mut sara, _) = sign_in(&app, &id, "sara").await;
    let (omar, _) = sign_in(&app, &id, "omar").await;
    session(&mut sara).await;
    let tenant = plant.tenant.to_string();
    app.runtime
        .store()
        .write(move |tx| {
            let sql =
                "UPDATE users SET is_active = 0 WHERE tenant_id = ?1 AND auth_source = 'local'";
            Ok(tx.execute(sql, [tenant])?)
        })
        .await
        .unwrap();
    sara.delete(&path).await.expect_status(204);
    sara.get("/api/session").await.expect_status(200);
    omar.get("/api/session").await.expect_status(401);
    let details = told(&sara, "identity_providers.delete").await;
    assert_eq!(details["sessions_ended"], 1, "{details}");
    assert_eq!(details["own_session_kept"], true, "{details}");
}

#[tokio::test]
async fn who_asks_for_providers_alone_goes_where_one_vouches_for_another_administrator() {
    let (app, plant, _) = appliance().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let port = free_port().unwrap();
    let _provider = certified(port);
    let (id, _) = of_administrators(&admin, port).await;
    let (mut sara, _) = sign_in(&app, &id, "sara").await;
    assert_eq!(session(&mut sara).await["role"], "tenant_admin");
    let only = json!({ "sso_only": true });
    admin
        .put(&format!("{PROVIDERS}/rules"), only)
        .await
        .expect_status(200);
    admin.get("/api/session").await.expect_status(401);
    sara.get("/api/session").await.expect_status(200);
    let details = told(&sara, "identity_providers.put_rules").await;
    assert_eq!(details["own_session_kept"], Value::Null, "{details}");
}
