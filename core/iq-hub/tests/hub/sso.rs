//! Signing in through identity providers: a certified one as it is, one that misbehaves on demand, two
//! instances on one database, two tenants with the same provider, and the owners of the platform.

#![allow(clippy::too_many_lines, reason = "a sign-in, step by step")]

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use iq_domain::{Clock, WallClock};
use iq_hub::Hub;
use iq_listen::Peer;
use iq_testkit::{OidcProvider, free_port, walk};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::rig::{HERE, Instance, OWNER_PASSWORD, Person, Rig, text};

const HOST: &str = "127.0.0.1:8091";
const CALLBACK: &str = "http://127.0.0.1:8091/auth/sso/callback";
const SECRET: &str = "a secret of the test";
const PROVIDERS: &str = "/api/identity-providers";

/// An instance with the time of this machine, which is the providers' too.
async fn instance(rig: &Rig) -> Result<Instance> {
    let hub = rig.instance(4).await?;
    tick(&hub);
    Ok(hub)
}

/// The clock stands still between the steps of a test; the providers' does not, however slow the machine.
fn tick(hub: &Instance) {
    hub.clock.set(WallClock.now());
}

/// A tenant with its administrator.
async fn admin_of(hub: &Instance, owner: &Person, code: &str) -> Result<(String, Person)> {
    let tenant = hub.tenant(owner, code).await?;
    let (admin, _) = hub.user(owner, (&tenant, code), "tenant_admin").await?;
    Ok((tenant, admin))
}

fn okta(port: u16, path: &str) -> Value {
    json!({
        "provider_type": "okta", "display_name": "Company", "client_id": "optria",
        "client_secret": SECRET, "issuer_url": format!("http://127.0.0.1:{port}{path}"),
        "scopes": ["profile", "email", "groups"], "default_role": "viewer",
        "group_roles": [{ "group": "reliability", "role": "engineer" }],
        "accept_plain_http": true, "is_enabled": true,
    })
}

/// The same for owners of the platform: it gives no role.
fn okta_of_platform(port: u16) -> Value {
    changed(
        &okta(port, ""),
        &json!({ "default_role": null, "group_roles": [] }),
    )
}

fn changed(body: &Value, change: &Value) -> Value {
    let mut all = body.as_object().cloned().unwrap_or_default();
    all.extend(change.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

async fn set_up(hub: &Instance, admin: &Person, body: &Value) -> Result<String> {
    let made = hub.post(admin, PROVIDERS, body.clone()).await?;
    anyhow::ensure!(made.status == StatusCode::CREATED, "{made:?}");
    assert_eq!(made.body["redirect_uri"], CALLBACK);
    assert_eq!(made.body["client_secret"], "***");
    text(&made.body["id"])
}

/// A browser: its cookies, and where it is sent.
#[derive(Clone, Default)]
struct Browser {
    jar: BTreeMap<String, String>,
    from: Option<&'static str>,
}

struct Page {
    status: StatusCode,
    location: String,
    cookies: Vec<String>,
    body: Value,
}

impl Browser {
    /// One whose person is signed in already.
    fn of(person: &Person) -> Self {
        let name = "optria_hub_8091".to_owned();
        Self {
            jar: BTreeMap::from([(name, person.cookie.clone())]),
            from: None,
        }
    }

    async fn open(&mut self, hub: &Hub, path: &str) -> Result<Page> {
        self.open_at(hub, HOST, path).await
    }

    async fn open_at(&mut self, hub: &Hub, host: &str, path: &str) -> Result<Page> {
        let jar: Vec<String> = self.jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut request = Request::builder()
            .uri(path)
            .header(header::HOST, host)
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::COOKIE, jar.join("; "))
            .body(Body::empty())?;
        if let Some(address) = self.from {
            let address = format!("{address}:50000").parse()?;
            let is_tls = false;
            request.extensions_mut().insert(Peer { address, is_tls });
        }
        let answer = iq_hub::router(hub.clone()).oneshot(request).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut cookies = Vec::new();
        for value in headers.get_all(header::SET_COOKIE) {
            let line = value.to_str()?.to_owned();
            let pair = line.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("no name")?;
            if value.is_empty() {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
            cookies.push(line);
        }
        let location = headers.get(header::LOCATION).map_or(Ok(""), |v| v.to_str());
        let location = location?.to_owned();
        let bytes = to_bytes(answer.into_body(), 1 << 20).await?;
        Ok(Page {
            status,
            location,
            cookies,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }

    /// Goes to the provider and comes back with its answer, not yet handed in.
    async fn away(&mut self, hub: &Instance, place: &str, login: &str) -> Result<String> {
        tick(hub);
        let start = format!("/auth/sso/{place}/start?next=/assets");
        let page = self.open(&hub.hub, &start).await?;
        anyhow::ensure!(page.status == StatusCode::SEE_OTHER, "{}", page.status);
        back(&page.location, login)
    }

    /// The whole way; says the page gone on to.
    async fn sign_in(&mut self, hub: &Instance, place: &str, login: &str) -> Result<String> {
        let back = self.away(hub, place, login).await?;
        tick(hub);
        Ok(self.open(&hub.hub, &back).await?.location)
    }

    /// Why the last attempt failed: code and arguments.
    async fn reason(&mut self, hub: &Instance) -> Result<(String, Value)> {
        let said = self.open(&hub.hub, "/auth/sso/outcome").await?.body;
        let problem = &said["problem"];
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        let message = problem["message"].as_str().unwrap_or_default();
        anyhow::ensure!(!message.is_empty() && message != code, "{said}");
        Ok((code, problem["params"].clone()))
    }

    /// The whole way to where it fails.
    async fn refused(&mut self, hub: &Instance, place: &str, login: &str) -> Result<String> {
        let page = self.sign_in(hub, place, login).await?;
        anyhow::ensure!(page == "/?sso=failed", "{page}");
        Ok(self.reason(hub).await?.0)
    }

    async fn session(&mut self, hub: &Instance) -> Result<Value> {
        let page = self.open(&hub.hub, "/api/session").await?;
        anyhow::ensure!(page.status == StatusCode::OK, "{}", page.status);
        Ok(page.body)
    }

    /// As a person who calls the interface.
    async fn person(&mut self, hub: &Instance) -> Result<Person> {
        let session = self.session(hub).await?;
        let cookie = self.jar.get("optria_hub_8091").cloned();
        Ok(Person {
            cookie: cookie.unwrap_or_default(),
            csrf: text(&session["csrf_token"])?,
            tenant: text(&session["tenant_id"])?,
        })
    }
}

fn back(address: &str, login: &str) -> Result<String> {
    let back = walk(address, login, CALLBACK)?;
    let path = back.strip_prefix("http://127.0.0.1:8091");
    Ok(path.context("sent elsewhere")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_two_instances_and_is_known_again() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, second) = (instance(&rig).await?, instance(&rig).await?);
    let owner = hub.owner().await?;
    let (tenant, admin) = admin_of(&hub, &owner, "jubail").await?;
    let port = free_port()?;
    let mut provider = OidcProvider::certified(port, CALLBACK)?;
    let id = set_up(&hub, &admin, &okta(port, "")).await?;
    tick(&hub);
    let report = hub
        .post(&admin, &format!("{PROVIDERS}/{id}/test"), json!({}))
        .await?;
    assert_eq!(report.body["success"], true, "{report:?}");
    let mut anyone = Browser::default();
    let offered = anyone
        .open(&hub.hub, "/api/session/providers?tenant=JUBAIL")
        .await?;
    assert_eq!(offered.body[0]["display_name"], "Company");
    assert_eq!(offered.body[0]["tenant_id"], json!(tenant));
    for nobody in ["", "nowhere"] {
        let path = format!("/api/session/providers?tenant={nobody}");
        assert_eq!(
            anyone.open(&hub.hub, &path).await?.body,
            json!([]),
            "{nobody}"
        );
    }

    let place = format!("{tenant}/{id}");
    let mut sara = Browser::default();
    // She leaves by one instance and comes back by the other; her session holds at both.
    let back = sara.away(&hub, &place, "sara").await?;
    tick(&second);
    assert_eq!(sara.open(&second.hub, &back).await?.location, "/assets");
    let info = sara.session(&hub).await?;
    assert_eq!(info["username"], "sara@company.example");
    assert_eq!(info["name"], "سارة القحطاني");
    assert_eq!(
        (&info["role"], &info["tenant_id"]),
        (&json!("engineer"), &json!(tenant))
    );
    // Neither password nor second factor of such a person is kept here.
    let person = sara.person(&hub).await?;
    for (path, body) in [
        (
            "/api/session/password",
            json!({"current_password": "x", "new_password": "seven wet camels"}),
        ),
        ("/api/session/totp", json!({})),
    ] {
        let reply = hub.post(&person, path, body).await?;
        assert_eq!(reply.code(), "users.password_elsewhere", "{path}");
    }
    let mut omar = Browser::default();
    assert_eq!(omar.sign_in(&hub, &place, "omar").await?, "/assets");
    assert_eq!(omar.session(&hub).await?["role"], "viewer");

    // Other keys from now on: they are read again at the first token that needs them.
    provider.told("rotate", "rotated")?;
    let mut again = Browser::default();
    again.sign_in(&hub, &place, "sara").await?;
    assert_eq!(again.session(&hub).await?["user_id"], info["user_id"]);

    // Her role is the provider's; switching her off is the hub's.
    let user = format!("/api/admin/users/{tenant}/{}", text(&info["user_id"])?);
    let change =
        |role: &str, is_active: bool| json!({"name": "x", "role": role, "is_active": is_active});
    let reply = hub.put(&owner, &user, change("tenant_admin", true)).await?;
    assert_eq!(reply.field(), "users.owned_by_provider");
    let reply = hub.put(&owner, &user, change("engineer", false)).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert!(again.session(&hub).await.is_err());
    assert_eq!(
        again.refused(&hub, &place, "sara").await?,
        "sso.user_disabled"
    );

    // Switched off: its sessions end at once, and it is not there any more, at either instance.
    let off = json!({ "is_enabled": false, "client_secret": "***" });
    let reply = hub
        .put(
            &admin,
            &format!("{PROVIDERS}/{id}"),
            changed(&okta(port, ""), &off),
        )
        .await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert!(omar.session(&second).await.is_err());
    let page = anyone
        .open(&second.hub, &format!("/auth/sso/{place}/start"))
        .await?;
    assert_eq!(page.status, StatusCode::NOT_FOUND);

    let audit = hub
        .get(&admin, "/api/audit?limit=500")
        .await?
        .body
        .to_string();
    for told in [
        "session.sso",
        "sso.user_disabled",
        "identity_providers.update",
        "sara@company.example",
    ] {
        assert!(audit.contains(told), "{told}");
    }
    for secret in [SECRET, "eyJ", "code_verifier"] {
        assert!(!audit.contains(secret), "{secret} in the audit log");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_once_in_its_browser_and_for_its_tenant() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, second) = (instance(&rig).await?, instance(&rig).await?);
    let owner = hub.owner().await?;
    let (here, admin) = admin_of(&hub, &owner, "jubail").await?;
    let (there, other) = admin_of(&hub, &owner, "yanbu").await?;
    let port = free_port()?;
    let _provider = OidcProvider::certified(port, CALLBACK)?;
    // Both tenants use the same provider with the same client.
    let (mine, theirs) = (
        set_up(&hub, &admin, &okta(port, "")).await?,
        set_up(&hub, &other, &okta(port, "")).await?,
    );
    let place = format!("{here}/{mine}");
    let failed = "/?sso=failed";

    let mut client = Browser::default();
    let back = client.away(&hub, &place, "sara").await?;
    let mut stranger = Browser::default();
    assert_eq!(stranger.open(&hub.hub, &back).await?.location, failed);
    assert_eq!(stranger.reason(&hub).await?.0, "sso.other_browser");
    // The attempt is used up, also for whoever began it, and at the other instance too.
    assert_eq!(client.open(&second.hub, &back).await?.location, failed);
    assert_eq!(client.reason(&second).await?.0, "sso.state_unknown");

    // Handed in twice, even at the same moment: one of them counts.
    let mut twice = Browser::default();
    let back = twice.away(&hub, &place, "sara").await?;
    let (mut left, mut right) = (twice.clone(), twice.clone());
    tick(&hub);
    tick(&second);
    let (one, two) = tokio::join!(left.open(&hub.hub, &back), right.open(&second.hub, &back));
    let mut pages = [one?.location, two?.location];
    pages.sort();
    assert_eq!(pages, [failed, "/assets"]);

    let mut late = Browser::default();
    let back = late.away(&hub, &place, "sara").await?;
    hub.clock.advance_ms(10 * 60_000);
    late.open(&hub.hub, &back).await?;
    assert_eq!(late.reason(&hub).await?.0, "sso.state_unknown");
    tick(&hub);

    let mut forged = Browser::default();
    let back = forged.away(&hub, &place, "sara").await?;
    let evil = back.replace(&format!("127.0.0.1%3A{port}"), "evil.example");
    assert_ne!(evil, back, "the answer names its issuer");
    forged.open(&hub.hub, &evil).await?;
    assert_eq!(forged.reason(&hub).await?.0, "sso.answer_issuer_wrong");

    // A state under the other tenant's name finds nothing there; a provider has one tenant.
    let mut turned = Browser::default();
    let back = turned.away(&hub, &place, "sara").await?;
    let simple = |id: &str| id.replace('-', "");
    let turned_back = back.replace(&simple(&here), &simple(&there));
    assert_ne!(turned_back, back, "the state names its tenant");
    turned.open(&hub.hub, &turned_back).await?;
    assert_eq!(turned.reason(&hub).await?.0, "sso.state_unknown");
    for wrong in [format!("{there}/{mine}"), format!("{here}/{theirs}")] {
        let start = format!("/auth/sso/{wrong}/start");
        let page = Browser::default().open(&hub.hub, &start).await?;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    // The same person is two users, each in the tenant of the provider.
    let (mut a, mut b) = (Browser::default(), Browser::default());
    a.sign_in(&hub, &place, "sara").await?;
    b.sign_in(&hub, &format!("{there}/{theirs}"), "sara")
        .await?;
    let (a, b) = (a.session(&hub).await?, b.session(&hub).await?);
    assert_eq!(
        (&a["tenant_id"], &b["tenant_id"]),
        (&json!(here), &json!(there))
    );
    assert_ne!(a["user_id"], b["user_id"]);
    // Another tenant's provider is not there, whatever is done with it.
    for (method, path) in [
        (Method::GET, format!("{PROVIDERS}/{theirs}")),
        (Method::PUT, format!("{PROVIDERS}/{theirs}")),
        (Method::DELETE, format!("{PROVIDERS}/{theirs}")),
        (Method::POST, format!("{PROVIDERS}/{theirs}/test")),
        (Method::POST, format!("{PROVIDERS}/{theirs}/preview")),
        (Method::GET, format!("{PROVIDERS}/{theirs}/preview")),
    ] {
        let body = (method != Method::GET).then(|| okta(port, ""));
        let reply = hub.send(Some(&admin), method, &path, body).await?;
        assert_eq!(reply.code(), "request.not_found", "{path}");
    }
    assert_eq!(
        hub.get(&other, PROVIDERS).await?.body[0]["display_name"],
        "Company"
    );
    // Nobody of a suspended tenant comes in.
    hub.post(
        &owner,
        &format!("/api/admin/tenants/{here}/suspend"),
        json!({}),
    )
    .await?;
    let code = Browser::default().refused(&hub, &place, "omar").await?;
    assert_eq!(code, "hub.tenant_suspended");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_a_token_may_have_wrong_is_named() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = instance(&rig).await?;
    let owner = hub.owner().await?;
    let (tenant, admin) = admin_of(&hub, &owner, "jubail").await?;
    let port = free_port()?;
    let mut stub = OidcProvider::stub(port, "/oauth2/default")?;
    let body = okta(port, "/oauth2/default");
    let id = set_up(&hub, &admin, &body).await?;
    let (place, path) = (format!("{tenant}/{id}"), format!("{PROVIDERS}/{id}"));
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
            json!({ "exp": now - 300, "iat": now - 600 }),
            "sso.token_expired",
        ),
        (json!({ "iat": now + 300 }), "sso.token_from_the_future"),
    ] {
        stub.told(&format!("claims {claims}"), "done")?;
        let found = Browser::default().refused(&hub, &place, "").await?;
        assert_eq!(found, code, "{claims}");
    }
    for claim in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
        stub.told(&format!("claims {}", json!({ claim: null })), "done")?;
        let mut browser = Browser::default();
        browser.sign_in(&hub, &place, "").await?;
        let (code, params) = browser.reason(&hub).await?;
        assert_eq!(
            (code.as_str(), &params["claim"]),
            ("sso.claim_missing", &json!(claim))
        );
    }
    stub.told("fresh", "done")?;
    for (way, code) in [
        ("none", "sso.algorithm_refused"),
        ("other", "sso.signature_wrong"),
    ] {
        stub.told(&format!("sign {way}"), "done")?;
        assert_eq!(
            Browser::default().refused(&hub, &place, "").await?,
            code,
            "{way}"
        );
    }
    stub.told("fresh", "done")?;

    // Roles: by group, the highest; by default; or nobody comes in.
    let role_of = async |hub: &Instance| -> Result<Value> {
        let mut browser = Browser::default();
        browser.sign_in(hub, &place, "").await?;
        Ok(browser.session(hub).await?["role"].clone())
    };
    let claims = json!({ "groups": ["reliability", "others"] });
    stub.told(&format!("claims {claims}"), "done")?;
    assert_eq!(role_of(&hub).await?, "engineer");
    stub.told("claims {}", "done")?;
    assert_eq!(role_of(&hub).await?, "viewer");
    let keep = json!({ "default_role": null, "client_secret": "***" });
    let strict = changed(&body, &keep);
    let reply = hub.put(&admin, &path, strict.clone()).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let mut browser = Browser::default();
    browser.sign_in(&hub, &place, "").await?;
    let (code, params) = browser.reason(&hub).await?;
    assert_eq!(
        (code.as_str(), &params["claim"]),
        ("sso.claim_missing", &json!("groups"))
    );
    stub.told(
        &format!("claims {}", json!({ "groups": ["others"] })),
        "done",
    )?;
    assert_eq!(
        Browser::default().refused(&hub, &place, "").await?,
        "sso.no_group"
    );

    // What is refused already when it is typed.
    for (change, code) in [
        (
            json!({ "default_role": "platform_owner" }),
            "sso.role_refused",
        ),
        (
            json!({ "group_roles": [{ "group": "g", "role": "platform_owner" }] }),
            "sso.role_refused",
        ),
        (json!({ "group_roles": [] }), "sso.no_role_rule"),
        (json!({ "accept_plain_http": false }), "http.plain_refused"),
        (
            json!({ "issuer_url": "http://127.0.0.1:1/elsewhere" }),
            "sso.secret_again",
        ),
        (
            json!({ "pinned_keys": "<html>" }),
            "sso.document_unreadable",
        ),
    ] {
        let reply = hub.put(&admin, &path, changed(&strict, &change)).await?;
        assert_eq!(reply.field(), code, "{change} {reply:?}");
    }
    // Somebody whose session began before the role changed has to come in again with the new one.
    stub.told(
        &format!("claims {}", json!({ "groups": ["reliability"] })),
        "done",
    )?;
    let mut before = Browser::default();
    before.sign_in(&hub, &place, "").await?;
    let higher = json!({ "group_roles": [{ "group": "reliability", "role": "tenant_admin" }] });
    hub.put(&admin, &path, changed(&strict, &higher)).await?;
    assert_eq!(role_of(&hub).await?, "tenant_admin");
    assert!(before.session(&hub).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_sealed_and_never_shown_and_attempts_leave_nothing_readable() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = instance(&rig).await?;
    let owner = hub.owner().await?;
    let (tenant, admin) = admin_of(&hub, &owner, "jubail").await?;
    let port = free_port()?;
    let _stub = OidcProvider::stub(port, "")?;
    let id = set_up(&hub, &admin, &okta(port, "")).await?;
    for path in [PROVIDERS.to_owned(), format!("{PROVIDERS}/{id}")] {
        let text = hub.get(&admin, &path).await?.body.to_string();
        assert!(text.contains("\"***\"") && !text.contains(SECRET), "{text}");
    }
    let mut browser = Browser::default();
    let start = format!("/auth/sso/{tenant}/{id}/start");
    let page = browser.open(&hub.hub, &start).await?;
    let of = |name: &str| {
        let (_, query) = page.location.split_once('?')?;
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    assert_eq!(of("code_challenge_method").as_deref(), Some("S256"));
    let owner_pool = rig.pool_of_one("hub_owner", "owner-7").await?;
    let mut tx = owner_pool.begin().await?;
    sqlx::query("SELECT set_config('app.tenant', $1, true)")
        .bind(&tenant)
        .execute(&mut *tx)
        .await?;
    let kept: String = sqlx::query_scalar(
        "SELECT p::text || encode(p.secret_sealed, 'escape') || a::text
           || encode(a.secret_sealed, 'escape') FROM identity_providers p, sso_attempts a",
    )
    .fetch_one(&mut *tx)
    .await?;
    for secret in [Some(SECRET.to_owned()), of("state"), of("nonce")] {
        let secret = secret.context("not in the address")?;
        assert!(kept.len() > 200 && !kept.contains(&secret), "{kept}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_sign_in_shows_the_claims_to_who_asked_and_signs_nobody_in() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, second) = (instance(&rig).await?, instance(&rig).await?);
    let owner = hub.owner().await?;
    let (tenant, admin) = admin_of(&hub, &owner, "jubail").await?;
    let port = free_port()?;
    let _provider = OidcProvider::certified(port, CALLBACK)?;
    let body = changed(&okta(port, ""), &json!({ "is_enabled": false }));
    let id = set_up(&hub, &admin, &body).await?;
    let path = format!("{PROVIDERS}/{id}/preview");
    let begin = async |hub: &Instance, who: &Person| -> Result<(Browser, String)> {
        tick(hub);
        let request = hub
            .request(Some(who), Method::POST, &path)
            .body(Body::from("{}"))?;
        let answer = iq_hub::router(hub.hub.clone()).oneshot(request).await?;
        let mut browser = Browser::of(who);
        for value in answer.headers().get_all(header::SET_COOKIE) {
            let pair = value.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("no name")?;
            browser.jar.insert(name.to_owned(), value.to_owned());
        }
        let said: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 16).await?)?;
        Ok((browser, back(&text(&said["url"])?, "sara")?))
    };
    let (mut browser, answer) = begin(&hub, &admin).await?;
    tick(&second);
    let page = browser.open(&second.hub, &answer).await?;
    assert_eq!(page.location, format!("/sso?provider={id}"));
    let shown = second.get(&admin, &path).await?.body["preview"].clone();
    assert_eq!(
        (&shown["role"], &shown["role_group"], &shown["username"]),
        (
            &json!("engineer"),
            &json!("reliability"),
            &json!("sara@company.example")
        )
    );
    let claims = shown["claims"].as_array().context("no claims")?;
    assert!(
        claims
            .iter()
            .any(|c| c["name"] == "groups" && c["from_user_info"] == true)
    );
    let users = hub.get(&admin, "/api/tenant-users").await?.body.to_string();
    assert!(!users.contains("sara@company.example"), "nobody was made");
    // What it showed is for the session that asked, and for some minutes.
    let sign_in = json!({"tenant": "jubail", "username": "tenant_admin-jubail", "password": crate::rig::OWNER_PASSWORD});
    let (_, again) = hub.sign_in(sign_in).await?;
    assert_eq!(hub.get(&again, &path).await?.body["preview"], Value::Null);
    for instance in [&hub, &second] {
        instance.clock.advance_ms(10 * 60_000);
    }
    assert_eq!(
        second.get(&admin, &path).await?.body["preview"],
        Value::Null
    );
    // Without the session that asked, the answer belongs to nothing. (The other one was used ten minutes from now.)
    let (mut browser, answer) = begin(&hub, &again).await?;
    browser.jar.remove("optria_hub_8091");
    browser.open(&hub.hub, &answer).await?;
    assert_eq!(browser.reason(&hub).await?.0, "sso.state_unknown");
    assert!(
        hub.get(&again, &format!("{PROVIDERS}/{tenant}"))
            .await?
            .code()
            == "request.not_found"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn platform_owners_come_in_only_when_one_of_them_named_them() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = instance(&rig).await?;
    let owner = hub.owner().await?;
    let (_, admin) = admin_of(&hub, &owner, "jubail").await?;
    let port = free_port()?;
    let mut stub = OidcProvider::stub(port, "")?;
    let body = okta_of_platform(port);
    for change in [
        json!({ "default_role": "tenant_admin" }),
        json!({ "group_roles": [{ "group": "g", "role": "viewer" }] }),
    ] {
        let reply = hub.post(&owner, PROVIDERS, changed(&body, &change)).await?;
        assert_eq!(reply.field(), "hub.sso_no_roles", "{change}");
    }
    let id = set_up(&hub, &owner, &body).await?;
    let offered = Browser::default()
        .open(&hub.hub, "/api/session/providers")
        .await?;
    let place = format!("{}/{id}", text(&offered.body[0]["tenant_id"])?);
    let people = format!("/api/admin/identity-providers/{id}/people");
    assert_eq!(hub.get(&admin, &people).await?.code(), "request.forbidden");

    // Nobody, until somebody is named.
    let mut browser = Browser::default();
    browser.sign_in(&hub, &place, "").await?;
    let (code, params) = browser.reason(&hub).await?;
    assert_eq!(
        (code.as_str(), &params["subject"]),
        ("hub.sso_not_admitted", &json!("person-1"))
    );

    let name = async |by: &str, value: &str| {
        let body = json!({ "named_by": by, "value": value });
        hub.post(&owner, &people, body).await
    };
    assert_eq!(
        name("email", "no address").await?.field(),
        "hub.sso_email_wrong"
    );
    let named = name("email", "One@company.example").await?;
    assert_eq!(named.status, StatusCode::CREATED, "{named:?}");
    assert_eq!(
        name("email", "one@company.example").await?.field(),
        "hub.sso_person_known"
    );
    // An address counts only where the provider says that it is verified.
    for (claims, code) in [
        (json!({}), "sso.claim_missing"),
        (json!({ "email_verified": false }), "sso.email_not_verified"),
        (
            json!({ "email_verified": true, "email": "two@company.example" }),
            "hub.sso_not_admitted",
        ),
    ] {
        stub.told(&format!("claims {claims}"), "done")?;
        assert_eq!(
            Browser::default().refused(&hub, &place, "").await?,
            code,
            "{claims}"
        );
    }
    stub.told(
        &format!("claims {}", json!({ "email_verified": true })),
        "done",
    )?;
    assert_eq!(browser.sign_in(&hub, &place, "").await?, "/assets");
    let session = browser.session(&hub).await?;
    assert_eq!(
        (&session["role"], &session["must_set_up_totp"]),
        (&json!("platform_owner"), &json!(false))
    );
    let second = browser.person(&hub).await?;
    assert_eq!(
        hub.get(&second, "/api/admin/tenants").await?.status,
        StatusCode::OK
    );
    // Whoever comes with the same address later is somebody else.
    let taken = json!({ "sub": "person-2", "email_verified": true });
    stub.told(&format!("claims {taken}"), "done")?;
    assert_eq!(
        Browser::default().refused(&hub, &place, "").await?,
        "hub.sso_not_admitted"
    );
    let list = hub.get(&owner, &people).await?.body;
    assert_eq!(list[0]["subject"], "person-1", "{list}");
    assert_eq!(
        name("subject", "person-2").await?.status,
        StatusCode::CREATED
    );
    let mut other = Browser::default();
    assert_eq!(other.sign_in(&hub, &place, "").await?, "/assets");

    // The last owner with a password stays: no provider becomes the only way in.
    let users = hub.get(&owner, "/api/admin/users").await?.body;
    let local = users.as_array().into_iter().flatten();
    let local = local
        .clone()
        .find(|user| user["username"] == "owner")
        .context("no owner")?;
    let path = format!(
        "/api/admin/users/{}/{}",
        text(&local["tenant_id"])?,
        text(&local["id"])?
    );
    let off = json!({ "name": "x", "role": "platform_owner", "is_active": false });
    assert_eq!(hub.put(&second, &path, off).await?.code(), "hub.last_admin");

    // Taken off the list: out at once, and not in again.
    let row = format!("{people}/{}", text(&named.body["id"])?);
    let gone = hub
        .send(Some(&owner), Method::DELETE, &row, Some(json!({})))
        .await?;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    assert!(browser.session(&hub).await.is_err());
    assert!(other.session(&hub).await.is_ok());
    stub.told(
        &format!("claims {}", json!({ "email_verified": true })),
        "done",
    )?;
    assert_eq!(
        Browser::default().refused(&hub, &place, "").await?,
        "hub.sso_not_admitted"
    );
    let audit = hub
        .get(&owner, "/api/audit?limit=500")
        .await?
        .body
        .to_string();
    assert!(audit.contains("platform_people.create") && audit.contains("platform_people.delete"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sends_the_hub_to_no_private_address() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = instance(&rig).await?;
    let owner = hub.owner().await?;
    let (tenant, admin) = admin_of(&hub, &owner, "jubail").await?;
    let port = free_port()?;
    let _stub = OidcProvider::stub(port, "")?;
    let id = set_up(&hub, &admin, &okta(port, "")).await?;
    // An instance whose operator allows no network beyond the public one.
    let strict = Instance {
        hub: rig.hub(hub.clock.clone(), None, "").await?,
        clock: hub.clock.clone(),
    };
    let path = format!("{PROVIDERS}/{id}/test");
    tick(&hub);
    let report = strict.post(&admin, &path, json!({})).await?.body;
    assert_eq!(report["code"], "http.address_private", "{report}");
    assert_eq!(
        hub.post(&admin, &path, json!({})).await?.body["success"],
        true
    );
    let mut browser = Browser::default();
    let page = browser
        .open(&strict.hub, &format!("/auth/sso/{tenant}/{id}/start"))
        .await?;
    assert_eq!(page.location, "/?sso=failed");
    assert_eq!(browser.reason(&strict).await?.0, "http.address_private");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_answers_up_has_to_wait_at_every_instance() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, second) = (instance(&rig).await?, instance(&rig).await?);
    let mut guesser = Browser {
        from: Some("198.51.100.7"),
        ..Browser::default()
    };
    let tenant = "0197a00000007000800000000000000a";
    for state in ["", "nonsense", &format!("{tenant}.{}", "a".repeat(43))] {
        let path = format!("/auth/sso/callback?code=x&state={state}");
        for _ in 0..7 {
            guesser.open(&hub.hub, &path).await?;
        }
    }
    guesser
        .open(&second.hub, "/auth/sso/callback?code=x&state=y")
        .await?;
    assert_eq!(guesser.reason(&second).await?.0, "session.back_off");
    let mut other = Browser {
        from: Some("198.51.100.8"),
        ..Browser::default()
    };
    other
        .open(&second.hub, "/auth/sso/callback?code=x&state=y")
        .await?;
    assert_eq!(other.reason(&second).await?.0, "sso.state_unknown");
    // A reason is the hub's own word: what a browser makes up says nothing.
    other
        .jar
        .insert("optria_hub_reason_8091".to_owned(), "AAAA".to_owned());
    let said = other.open(&second.hub, "/auth/sso/outcome").await?.body;
    assert_eq!(said["problem"], Value::Null);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_cookies_of_the_way_are_bound_to_the_host() -> Result<()> {
    let rig = Rig::new().await?;
    let local = instance(&rig).await?;
    let owner = local.owner().await?;
    let (tenant, admin) = admin_of(&local, &owner, "jubail").await?;
    let port = free_port()?;
    let _stub = OidcProvider::stub(port, "")?;
    let id = set_up(&local, &admin, &okta(port, "")).await?;
    let public = Some("https://hub.example/");
    let hub = rig.hub(local.clock.clone(), public, HERE).await?;
    let start = format!("/auth/sso/{tenant}/{id}/start?next=//evil.example");
    // Under another name of this server the cookies of the way back would be lost.
    let page = Browser::default().open(&hub, &start).await?;
    assert_eq!(
        page.location,
        format!("https://hub.example/auth/sso/{tenant}/{id}/start?next=/")
    );
    let mut browser = Browser::default();
    let page = browser.open_at(&hub, "hub.example", &start).await?;
    assert!(
        page.location
            .contains("redirect_uri=https%3A%2F%2Fhub.example%2Fauth%2Fsso%2Fcallback")
    );
    let lost = browser
        .open_at(&hub, "hub.example", "/auth/sso/callback")
        .await?;
    let all: Vec<String> = page.cookies.into_iter().chain(lost.cookies).collect();
    assert_eq!(all.len(), 3);
    for (cookie, name) in all.iter().zip(["sso", "reason", "sso"]) {
        assert!(
            cookie.starts_with(&format!("__Host-optria-hub-{name}=")),
            "{cookie}"
        );
        assert!(
            cookie.contains("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age="),
            "{cookie}"
        );
    }
    Ok(())
}

/// What is needed to sign in with the own password, and why.
fn by_password(tenant: &str, name: &str, reason: Option<&str>) -> Value {
    json!({
        "tenant": tenant, "username": name, "password": OWNER_PASSWORD, "emergency_reason": reason,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_can_be_kept_for_one_account_in_an_emergency() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(4).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    let home = (tenant.as_str(), "jubail");
    let (admin, admin_id) = hub.user(&owner, home, "tenant_admin").await?;
    let (_, viewer_id) = hub.user(&owner, home, "viewer").await?;
    let (_, second_id) = hub.user(&owner, home, "engineer").await?;
    let raised = json!({"name": "N", "role": "tenant_admin", "is_active": true});
    let path = format!("/api/admin/users/{tenant}/{second_id}");
    assert_eq!(hub.put(&owner, &path, raised).await?.status, StatusCode::OK);
    let rules = format!("{PROVIDERS}/rules");
    let only = |id: &str| json!({"sso_only": true, "emergency_user_id": id});
    let reply = hub.put(&admin, &rules, only(&admin_id)).await?;
    assert_eq!(reply.code(), "sso.no_provider_enabled", "{reply:?}");
    let provider = set_up(&hub, &admin, &okta(1, "")).await?;
    for body in [json!({"sso_only": true}), only(&viewer_id)] {
        let reply = hub.put(&admin, &rules, body).await?;
        assert_eq!(reply.field(), "hub.emergency_account_wrong", "{reply:?}");
    }
    let reply = hub.put(&admin, &rules, only(&admin_id)).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(hub.get(&admin, &rules).await?.body, only(&admin_id));
    assert_eq!(hub.get(&owner, &rules).await?.body["sso_only"], false);
    let offered = hub
        .send(
            None,
            Method::GET,
            "/api/session/providers?tenant=jubail",
            None,
        )
        .await?;
    assert_eq!(offered.body[0]["sso_only"], true, "{offered:?}");
    // Anybody else is told only after the right password.
    let (reply, _) = hub
        .sign_in(by_password("jubail", "engineer-jubail", Some("Repair")))
        .await?;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::FORBIDDEN, "session.sso_only")
    );
    let wrong = json!({"tenant": "jubail", "username": "engineer-jubail", "password": "wrong"});
    let (reply, _) = hub.sign_in(wrong).await?;
    assert_eq!(reply.code(), "session.bad_credentials");
    let name = "tenant_admin-jubail";
    let (reply, _) = hub.sign_in(by_password("jubail", name, Some(" "))).await?;
    assert_eq!(reply.code(), "session.emergency_reason_missing");
    let reason = "The line to the provider is cut";
    let (reply, person) = hub
        .sign_in(by_password("jubail", name, Some(reason)))
        .await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let audit = hub
        .get(
            &owner,
            &format!("/api/admin/audit?tenant={tenant}&limit=500"),
        )
        .await?;
    let rows = audit.body["items"].as_array().cloned().unwrap_or_default();
    let told = rows
        .iter()
        .find(|row| row["details"]["break_glass"] == true && row["outcome"] == "success")
        .context("the audit does not tell")?;
    assert_eq!(told["details"]["reason"], reason);
    assert_eq!(told["actor"], name);
    // The account can't be taken away meanwhile.
    let off = json!({"name": "N", "role": "tenant_admin", "is_active": false});
    let path = format!("/api/admin/users/{tenant}/{admin_id}");
    let reply = hub.put(&owner, &path, off).await?;
    assert_eq!(reply.code(), "hub.emergency_account_kept");
    // Used all the time, the session ends after an hour all the same.
    for _ in 0..11 {
        hub.clock.advance_ms(5 * 60_000);
        let still = hub.get(&person, "/api/session").await?;
        assert_eq!(still.status, StatusCode::OK);
    }
    hub.clock.advance_ms(5 * 60_000);
    assert_eq!(
        hub.get(&person, "/api/session").await?.status,
        StatusCode::UNAUTHORIZED
    );
    // Without a provider there is no other way in: passwords are one again.
    let (_, person) = hub
        .sign_in(by_password("jubail", name, Some(reason)))
        .await?;
    let path = format!("{PROVIDERS}/{provider}");
    let gone = hub.send(Some(&person), Method::DELETE, &path, None).await?;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let (reply, _) = hub
        .sign_in(by_password("jubail", "viewer-jubail", None))
        .await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_owner_may_require_it_of_a_tenant_and_end_it() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(4).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    let home = (tenant.as_str(), "jubail");
    let (admin, admin_id) = hub.user(&owner, home, "tenant_admin").await?;
    hub.user(&owner, home, "viewer").await?;
    let path = format!("/api/admin/tenants/{tenant}/sign-in-rules");
    let only = json!({"sso_only": true, "emergency_user_id": admin_id});
    let reply = hub.put(&owner, &path, only.clone()).await?;
    assert_eq!(reply.code(), "sso.no_provider_enabled", "{reply:?}");
    set_up(&hub, &admin, &okta(1, "")).await?;
    // An account of the platform is none of the tenant's.
    let session = hub.get(&owner, "/api/session").await?;
    let foreign = json!({"sso_only": true, "emergency_user_id": session.body["user_id"]});
    let reply = hub.put(&owner, &path, foreign).await?;
    assert_eq!(reply.field(), "hub.emergency_account_wrong", "{reply:?}");
    let reply = hub.put(&owner, &path, only.clone()).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(hub.get(&owner, &path).await?.body, only);
    let viewer = by_password("jubail", "viewer-jubail", None);
    let (reply, _) = hub.sign_in(viewer.clone()).await?;
    assert_eq!(reply.code(), "session.sso_only");
    // Whom it concerns is out at once, the account for emergencies too: it comes with a reason now.
    assert_eq!(
        hub.get(&admin, "/api/session").await?.code(),
        "session.ended"
    );
    let told = hub
        .get(
            &owner,
            &format!("/api/admin/audit?tenant={tenant}&q=tenants.put_sign_in_rules"),
        )
        .await?;
    let row = &told.body["items"][0];
    assert_eq!(row["outcome"], "success", "{told:?}");
    assert_eq!(row["details"]["sessions_ended"], 2, "{told:?}");
    let both = json!({"sso_only": false});
    let reply = hub.put(&owner, &path, both.clone()).await?;
    assert_eq!(reply.body["sso_only"], false);
    assert_eq!(hub.sign_in(viewer).await?.0.status, StatusCode::OK);
    // The platform's own rules are under its own page.
    let own = format!("/api/admin/tenants/{}/sign-in-rules", owner.tenant);
    let reply = hub.put(&owner, &own, both).await?;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    Ok(())
}

/// What the audit of a tenant says of the newest record of an action.
async fn told(hub: &Instance, admin: &Person, action: &str) -> Result<Value> {
    let found = hub.get(admin, &format!("/api/audit?q={action}")).await?;
    let row = &found.body["items"][0];
    anyhow::ensure!(row["action"] == action, "{found:?}");
    Ok(row["details"].clone())
}

async fn change(hub: &Instance, admin: &Person, id: &str, body: &Value) -> Result<()> {
    let body = changed(body, &json!({ "client_secret": SECRET }));
    let reply = hub.put(admin, &format!("{PROVIDERS}/{id}"), body).await?;
    anyhow::ensure!(reply.status == StatusCode::OK, "{reply:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_provider_vouched_for_is_out_when_it_vouches_otherwise() -> Result<()> {
    let rig = Rig::new().await?;
    let (hub, second) = (instance(&rig).await?, instance(&rig).await?);
    let owner = hub.owner().await?;
    let (tenant, admin) = admin_of(&hub, &owner, "jubail").await?;
    let port = free_port()?;
    let _provider = OidcProvider::certified(port, CALLBACK)?;
    let body = okta(port, "");
    let id = set_up(&hub, &admin, &body).await?;
    let place = format!("{tenant}/{id}");
    let action = "identity_providers.update";
    let mut sara = Browser::default();
    assert_eq!(sara.sign_in(&hub, &place, "sara").await?, "/assets");
    // A name on a button ends nobody's work.
    change(
        &hub,
        &admin,
        &id,
        &changed(&body, &json!({ "display_name": "Work" })),
    )
    .await?;
    assert_eq!(told(&hub, &admin, action).await?["sessions_ended"], 0);
    assert!(sara.session(&second).await.is_ok());
    for other in [
        json!({ "client_id": "another" }),
        json!({ "issuer_url": "http://127.0.0.1:1" }),
        json!({ "group_roles": [], "default_role": "viewer" }),
    ] {
        let mut omar = Browser::default();
        assert_eq!(omar.sign_in(&hub, &place, "omar").await?, "/assets");
        change(&hub, &admin, &id, &changed(&body, &other)).await?;
        assert!(omar.session(&second).await.is_err(), "{other}");
        let details = told(&hub, &admin, action).await?;
        assert!(details["sessions_ended"].as_u64() >= Some(1), "{details}");
        assert_eq!(details["own_session_kept"], Value::Null);
        change(&hub, &admin, &id, &body).await?;
    }
    assert!(sara.session(&hub).await.is_err());
    // With a password nobody is touched by it.
    assert_eq!(
        hub.get(&admin, "/api/session").await?.status,
        StatusCode::OK
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_provider_leaves_the_one_session_that_can_put_it_right() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = instance(&rig).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    let home = (tenant.as_str(), "jubail");
    let (admin, admin_id) = hub.user(&owner, home, "tenant_admin").await?;
    let port = free_port()?;
    let _provider = OidcProvider::certified(port, CALLBACK)?;
    let rule = json!({ "group_roles": [{ "group": "reliability", "role": "tenant_admin" }] });
    let body = changed(&okta(port, ""), &rule);
    let id = set_up(&hub, &admin, &body).await?;
    let place = format!("{tenant}/{id}");
    let path = format!("{PROVIDERS}/{id}");
    let (mut sara, mut omar) = (Browser::default(), Browser::default());
    sara.sign_in(&hub, &place, "sara").await?;
    omar.sign_in(&hub, &place, "omar").await?;
    let asking = sara.person(&hub).await?;
    // While an administrator with a password is left, she goes too.
    change(
        &hub,
        &asking,
        &id,
        &changed(&body, &json!({ "is_enabled": false })),
    )
    .await?;
    assert!(sara.session(&hub).await.is_err());
    let details = told(&hub, &admin, "identity_providers.update").await?;
    assert_eq!(details["sessions_ended"], 2, "{details}");
    change(&hub, &admin, &id, &body).await?;
    let (mut sara, mut omar) = (Browser::default(), Browser::default());
    sara.sign_in(&hub, &place, "sara").await?;
    omar.sign_in(&hub, &place, "omar").await?;
    let asking = sara.person(&hub).await?;
    let off = json!({"name": "N", "role": "tenant_admin", "is_active": false});
    let user = format!("/api/admin/users/{tenant}/{admin_id}");
    assert_eq!(hub.put(&owner, &user, off).await?.status, StatusCode::OK);
    let gone = hub.send(Some(&asking), Method::DELETE, &path, None).await?;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    assert!(omar.session(&hub).await.is_err());
    assert!(sara.session(&hub).await.is_ok());
    let details = told(&hub, &asking, "identity_providers.delete").await?;
    assert_eq!(details["sessions_ended"], 1, "{details}");
    assert_eq!(details["own_session_kept"], true, "{details}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_providers_alone_end_what_a_password_opened() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = instance(&rig).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    let home = (tenant.as_str(), "jubail");
    let (admin, admin_id) = hub.user(&owner, home, "tenant_admin").await?;
    let (viewer, _) = hub.user(&owner, home, "viewer").await?;
    let elsewhere = hub.tenant(&owner, "yanbu").await?;
    let (stranger, _) = hub.user(&owner, (&elsewhere, "yanbu"), "viewer").await?;
    let port = free_port()?;
    let _provider = OidcProvider::certified(port, CALLBACK)?;
    let body = okta(port, "");
    let id = set_up(&hub, &admin, &body).await?;
    let mut sara = Browser::default();
    sara.sign_in(&hub, &format!("{tenant}/{id}"), "sara")
        .await?;
    let only = json!({"sso_only": true, "emergency_user_id": admin_id});
    let rules = format!("{PROVIDERS}/rules");
    assert_eq!(
        hub.put(&admin, &rules, only.clone()).await?.status,
        StatusCode::OK
    );
    assert_eq!(
        hub.get(&viewer, "/api/session").await?.status,
        StatusCode::UNAUTHORIZED
    );
    for stays in [&admin, &stranger, &owner] {
        assert_eq!(hub.get(stays, "/api/session").await?.status, StatusCode::OK);
    }
    assert!(sara.session(&hub).await.is_ok());
    let details = told(&hub, &admin, "identity_providers.put_rules").await?;
    assert_eq!(details["sessions_ended"], 1, "{details}");
    assert_eq!(details["own_session_kept"], true, "{details}");
    // What was kept ends after an hour, used or not.
    for _ in 0..12 {
        assert_eq!(
            hub.get(&admin, "/api/session").await?.status,
            StatusCode::OK
        );
        hub.clock.advance_ms(5 * 60_000);
    }
    assert_eq!(
        hub.get(&admin, "/api/session").await?.status,
        StatusCode::UNAUTHORIZED
    );

    // An emergency outlives the same rules put again; once a provider is switched on, rules that waited
    // for it end the others.
    let reason = Some("The line to the provider is cut");
    let name = "tenant_admin-jubail";
    let (_, urgent) = hub.sign_in(by_password("jubail", name, reason)).await?;
    assert_eq!(hub.put(&urgent, &rules, only).await?.status, StatusCode::OK);
    let off = changed(&body, &json!({ "is_enabled": false }));
    change(&hub, &urgent, &id, &off).await?;
    let (_, viewer) = hub
        .sign_in(by_password("jubail", "viewer-jubail", None))
        .await?;
    assert_eq!(
        hub.get(&viewer, "/api/session").await?.status,
        StatusCode::OK
    );
    change(&hub, &urgent, &id, &body).await?;
    assert_eq!(
        hub.get(&viewer, "/api/session").await?.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        hub.get(&urgent, "/api/session").await?.status,
        StatusCode::OK
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_of_the_platform_can_keep_one_password_for_emergencies() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(4).await?;
    let owner = hub.owner().await?;
    let session = hub.get(&owner, "/api/session").await?;
    let owner_id = text(&session.body["user_id"])?;
    let second = json!({
        "tenant_id": owner.tenant, "username": "second", "name": "N", "role": "platform_owner",
    });
    let made = hub.post(&owner, "/api/admin/users", second).await?;
    let password = text(&made.body["temporary_password"])?;
    set_up(&hub, &owner, &okta_of_platform(1)).await?;
    let rules = format!("{PROVIDERS}/rules");
    let only = json!({"sso_only": true, "emergency_user_id": owner_id});
    let reply = hub.put(&owner, &rules, only).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let (reply, _) = hub
        .sign_in(json!({"username": "second", "password": password}))
        .await?;
    assert_eq!(reply.code(), "session.sso_only");
    let (reply, _) = hub.sign_in(by_password("", "owner", None)).await?;
    assert_eq!(reply.code(), "session.emergency_reason_missing");
    // The second factor stays.
    let (reply, _) = hub
        .sign_in(by_password("", "owner", Some("The provider is down")))
        .await?;
    assert_eq!(reply.code(), "hub.totp_required");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_the_way_when_a_provider_changes_does_not_come_in_by_what_was() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = instance(&rig).await?;
    let owner = hub.owner().await?;
    let (tenant, admin) = admin_of(&hub, &owner, "jubail").await?;
    let port = free_port()?;
    let mut stub = OidcProvider::stub(port, "")?;
    let body = okta(port, "");
    let id = set_up(&hub, &admin, &body).await?;
    let place = format!("{tenant}/{id}");
    for (other, code) in [
        (
            json!({ "default_role": "engineer" }),
            "sso.provider_changed",
        ),
        (json!({ "is_enabled": false }), "sso.provider_off"),
    ] {
        stub.told("hold", "done")?;
        let mut browser = Browser::default();
        let back = browser.away(&hub, &place, "").await?;
        tick(&hub);
        let on_the_way = tokio::spawn({
            let hub = hub.hub.clone();
            async move {
                let page = browser.open(&hub, &back).await?;
                anyhow::Ok((browser, page.location))
            }
        });
        tokio::task::block_in_place(|| stub.told("held", "held"))?;
        change(&hub, &admin, &id, &changed(&body, &other)).await?;
        stub.told("go", "done")?;
        let (mut browser, page) = on_the_way.await??;
        assert_eq!(page, "/?sso=failed", "{other}");
        assert_eq!(browser.reason(&hub).await?.0, code, "{other}");
        change(&hub, &admin, &id, &body).await?;
    }
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&hub, &place, "").await?, "/assets");
    Ok(())
}
