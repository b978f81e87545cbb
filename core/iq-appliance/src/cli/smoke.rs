//! `optria smoke`: goes through the main paths of a running appliance the way its pages do, prints a
//! line each, and leaves nothing behind but a disabled user, audit records and, in a tenant of
//! demonstration, a cancelled work order that is never sent.

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use iq_domain::Role;
use serde_json::{Value, json};

use crate::{DemoOptions, ServeOptions, start};

#[derive(Debug, Args)]
pub(super) struct SmokeArgs {
    /// Address of a running appliance; without it a demonstration is started for the purpose.
    #[arg(long, requires = "user")]
    url: Option<String>,
    /// Sign-in name of a platform owner.
    #[arg(long)]
    user: Option<String>,
    /// Its password.
    #[arg(long, env = "OPTRIA_SMOKE_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

pub(super) fn run(args: SmokeArgs) -> Result<ExitCode> {
    if let (Some(url), Some(user)) = (args.url, args.user) {
        let password = args.password.context("OPTRIA_SMOKE_PASSWORD is not set")?;
        return Smoke::new(&url, &user, &password)?.run();
    }
    let folder = tempfile::tempdir()?;
    let data_dir = Some(folder.path().to_owned());
    let demo = DemoOptions {
        history: std::time::Duration::ZERO,
        ..DemoOptions::default()
    };
    let options = ServeOptions {
        data_dir,
        port: Some(0),
        demo: Some(demo),
        ..Default::default()
    };
    super::block_on(async move {
        let running = start(options).await?;
        let owner = running
            .demo_users()
            .iter()
            .find(|u| u.role == Role::PlatformOwner)
            .context("the demonstration made no platform owner")?;
        let (url, user) = (running.url().to_owned(), owner.username.to_owned());
        let password = owner.password.expose().to_owned();
        let result =
            tokio::task::spawn_blocking(move || Smoke::new(&url, &user, &password)?.run()).await?;
        running.stop().await?;
        result
    })
}

/// A signed-in caller.
struct Caller {
    agent: ureq::Agent,
    url: String,
    cookie: String,
    csrf: String,
}

/// An answer.
struct Answer {
    status: u16,
    body: Value,
}

impl Caller {
    fn anonymous(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(std::time::Duration::from_secs(60)))
            .build();
        Self {
            agent: config.into(),
            url: url.trim_end_matches('/').to_owned(),
            cookie: String::new(),
            csrf: String::new(),
        }
    }

    fn signed_in(url: &str, user: &str, password: &str) -> Result<(Self, Value)> {
        let mut caller = Self::anonymous(url);
        let body = json!({ "username": user, "password": password });
        let mut response = caller
            .agent
            .post(format!("{}/api/session", caller.url))
            .header("Origin", &caller.url)
            .send_json(&body)?;
        let session: Value = response.body_mut().read_json()?;
        ensure!(
            response.status() == 200,
            "sign-in: {} {}",
            response.status(),
            session["code"]
        );
        let cookie = response
            .headers()
            .get("set-cookie")
            .context("no session cookie")?;
        caller.cookie = cookie
            .to_str()?
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        caller.csrf = session["csrf_token"]
            .as_str()
            .context("no CSRF token")?
            .to_owned();
        Ok((caller, session))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Accept", "application/json")
            .header("Accept-Language", "en")
            .header("Content-Type", "application/json")
            .header("Origin", &self.url)
            .header("Cookie", &self.cookie)
            .header("X-CSRF-Token", &self.csrf)
            .body(body.map_or_else(String::new, Value::to_string))?;
        let mut response = self.agent.run(request)?;
        let text = response.body_mut().read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer {
            status: response.status().as_u16(),
            body,
        })
    }

    fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path, None)
    }

    fn expect(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Result<Value> {
        let answer = self.call(method, path, body)?;
        ensure!(
            answer.status == status,
            "{method} {path}: {} instead of {status} ({})",
            answer.status,
            answer.body["code"]
        );
        Ok(answer.body)
    }
}

/// What a line reports.
enum Outcome {
    Passed(String),
    /// This appliance has none of what would be looked at.
    Absent(&'static str),
}

struct Smoke {
    owner: Caller,
    session: Value,
}

impl Smoke {
    fn new(url: &str, user: &str, password: &str) -> Result<Self> {
        let (owner, session) = Caller::signed_in(url, user, password)?;
        Ok(Self { owner, session })
    }

    #[allow(clippy::print_stdout)]
    fn run(&self) -> Result<ExitCode> {
        type Check = fn(&Smoke) -> Result<Outcome>;
        let checks: [(&str, Check); 12] = [
            ("config status", Self::config_status),
            ("integrations", Self::integrations),
            ("test OPC UA card", Self::test_opcua),
            ("test PI card", Self::test_pi),
            ("tenant", Self::tenant),
            ("user", Self::user),
            ("site", Self::site),
            ("asset", Self::asset),
            ("alert", Self::alert),
            ("work order", Self::work_order),
            ("isolation", Self::isolation),
            ("roles", Self::roles),
        ];
        let mut failed = 0;
        for (name, check) in checks {
            match check(self) {
                Ok(Outcome::Passed(detail)) => println!("ok    {name}: {detail}"),
                Ok(Outcome::Absent(what)) => println!("-     {name}: {what}"),
                Err(error) => {
                    failed += 1;
                    println!("FAIL  {name}: {error:#}");
                }
            }
        }
        Ok(if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn config_status(&self) -> Result<Outcome> {
        let path = "/internal/config/status";
        let status = self.owner.expect("GET", path, None, 200)?;
        let database = &status["subsystems"]["database"]["status"];
        ensure!(database == "ok", "database is {database}");
        Caller::anonymous(&self.owner.url).expect("GET", path, None, 401)?;
        Ok(Outcome::Passed(
            "database ok; 401 without a session".to_owned(),
        ))
    }

    fn integrations(&self) -> Result<Outcome> {
        let types = self
            .owner
            .expect("GET", "/api/integrations/types", None, 200)?;
        let cards = self.owner.expect("GET", "/api/integrations/", None, 200)?;
        let count = |v: &Value| v.as_array().map_or(0, Vec::len);
        ensure!(count(&types) > 0, "no connector");
        Ok(Outcome::Passed(format!(
            "{} kinds, {} cards",
            count(&types),
            count(&cards)
        )))
    }

    fn test_opcua(&self) -> Result<Outcome> {
        match self.card("opcua")? {
            Some(id) => self.test_card(&id),
            None => bail!("no OPC UA card"),
        }
    }

    fn test_pi(&self) -> Result<Outcome> {
        match self.card("pi")? {
            Some(id) => self.test_card(&id),
            None => Ok(Outcome::Absent("no PI connection here")),
        }
    }

    /// Id of the first connection of a kind.
    fn card(&self, kind: &str) -> Result<Option<String>> {
        let cards = self.owner.expect("GET", "/api/integrations/", None, 200)?;
        let mut of_kind = cards.as_array().into_iter().flatten();
        let card = of_kind.find(|c| c["kind"] == kind);
        Ok(card.and_then(|c| c["id"].as_str()).map(str::to_owned))
    }

    fn test_card(&self, id: &str) -> Result<Outcome> {
        let path = format!("/api/integrations/{id}/test");
        let report = self.owner.expect("POST", &path, None, 200)?;
        ensure!(report["success"] == true, "{}", report["message"]);
        let mut stages = report["stages"].as_array().into_iter().flatten();
        let read = stages.any(|s| s["key"] == "read");
        ensure!(read, "no value was read");
        Ok(Outcome::Passed("a value was read".to_owned()))
    }

    fn work_order(&self) -> Result<Outcome> {
        let path = "/api/work-orders?limit=5";
        let orders = self.owner.expect("GET", path, None, 200)?;
        let total = orders["total"].as_u64().context("the list has no total")?;
        if self.session["is_demo"] != true {
            return Ok(Outcome::Passed(format!("{total} on record")));
        }
        let order = json!({ "kind": "notification", "title": "Smoke check", "priority": "low" });
        let made = self
            .owner
            .expect("POST", "/api/work-orders", Some(&order), 201)?;
        let id = made["id"].as_str().context("the work order has no id")?;
        let path = format!("/api/work-orders/{id}");
        let read = self.owner.get(&path);
        // Cancelled whatever was read, so that nobody plans it.
        let cancel = json!({ "status": "cancelled" });
        let ended = self.owner.expect("PATCH", &path, Some(&cancel), 200)?;
        let read = read?.body;
        ensure!(
            read["work_order"]["reference"] == made["reference"] && made["reference"].is_string(),
            "the work order reads {}",
            read["work_order"]["reference"]
        );
        ensure!(ended["status"] == "cancelled", "it is {}", ended["status"]);
        Ok(Outcome::Passed("created, read, cancelled".to_owned()))
    }

    fn tenant(&self) -> Result<Outcome> {
        let name = self.session["tenant"]["en"].as_str().unwrap_or_default();
        ensure!(
            self.session["tenant_id"].is_string(),
            "the session has no tenant"
        );
        Ok(Outcome::Passed(name.to_owned()))
    }

    /// A user is created, must change the temporary password, and loses the session when disabled.
    fn user(&self) -> Result<Outcome> {
        let (caller, id) = self.viewer()?;
        caller.expect("GET", "/api/assets", None, 200)?;
        self.disable(&id)?;
        caller.expect("GET", "/api/assets", None, 401)?;
        Ok(Outcome::Passed(
            "created, password changed, disabled, session ended".to_owned(),
        ))
    }

    /// A fresh viewer who has changed the temporary password.
    fn viewer(&self) -> Result<(Caller, Value)> {
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
        let username = format!("smoke-{:016x}", u64::from_be_bytes(bytes));
        let user = json!({ "username": username, "email": null, "name": "Smoke check",
                           "role": "viewer", "is_active": true });
        let made = self
            .owner
            .expect("POST", "/api/tenant-users", Some(&user), 201)?;
        let temporary = made["temporary_password"]
            .as_str()
            .context("no temporary password")?;
        let (mut caller, session) = Caller::signed_in(&self.owner.url, &username, temporary)?;
        ensure!(
            session["must_change_password"] == true,
            "the password is not temporary"
        );
        caller.expect("GET", "/api/assets", None, 403)?;
        let password = format!("{username}-changed");
        let change = json!({ "current_password": temporary, "new_password": password });
        let answer = caller.call("POST", "/api/session/password", Some(&change))?;
        if answer.status != 200 {
            bail!(
                "password change: {} ({})",
                answer.status,
                answer.body["code"]
            );
        }
        (caller, _) = Caller::signed_in(&self.owner.url, &username, &password)?;
        Ok((caller, made["user"].clone()))
    }

    fn disable(&self, user: &Value) -> Result<()> {
        let id = user["id"].as_str().context("the user has no id")?;
        let input = json!({ "username": user["username"], "email": null, "name": user["name"],
                            "role": "viewer", "is_active": false });
        self.owner
            .expect("PUT", &format!("/api/tenant-users/{id}"), Some(&input), 200)?;
        Ok(())
    }

    fn made_site(&self) -> Result<String> {
        let site = json!({ "code": "SMOKE", "names": { "en": "Smoke check", "ar": "فحص سريع" },
                           "time_zone": "Asia/Riyadh" });
        let made = self.owner.expect("POST", "/api/sites", Some(&site), 201)?;
        Ok(made["id"]
            .as_str()
            .context("the site has no id")?
            .to_owned())
    }

    fn site(&self) -> Result<Outcome> {
        let id = self.made_site()?;
        let read = self.owner.get(&format!("/api/sites/{id}"))?;
        self.owner
            .expect("DELETE", &format!("/api/sites/{id}"), None, 204)?;
        ensure!(
            read.body["code"] == "SMOKE",
            "the site reads {}",
            read.body["code"]
        );
        Ok(Outcome::Passed("created, read, deleted".to_owned()))
    }

    fn asset(&self) -> Result<Outcome> {
        let site = self.made_site()?;
        let result = self.asset_in(&site);
        self.owner
            .expect("DELETE", &format!("/api/sites/{site}"), None, 204)?;
        result
    }

    fn asset_in(&self, site: &str) -> Result<Outcome> {
        let unit = json!({ "site_id": site, "code": "SMOKE",
                           "names": { "en": "Smoke check", "ar": "فحص سريع" } });
        let unit = self.owner.expect("POST", "/api/units", Some(&unit), 201)?;
        let unit_id = unit["id"].as_str().context("the unit has no id")?;
        let asset = json!({ "unit_id": unit_id, "code": "SMOKE-1", "family": "centrifugal_pump",
                            "names": { "en": "Smoke pump", "ar": "مضخة الفحص" },
                            "criticality": "low", "equipment_number": null,
                            "functional_location": null, "parent_id": null });
        let made = self.owner.call("POST", "/api/assets", Some(&asset))?;
        if let Some(id) = made.body["id"].as_str() {
            self.owner
                .expect("DELETE", &format!("/api/assets/{id}"), None, 204)?;
        }
        self.owner
            .expect("DELETE", &format!("/api/units/{unit_id}"), None, 204)?;
        ensure!(
            made.status == 201,
            "the asset: {} ({})",
            made.status,
            made.body["code"]
        );
        Ok(Outcome::Passed("created, read, deleted".to_owned()))
    }

    fn alert(&self) -> Result<Outcome> {
        let alerts = self.owner.expect("GET", "/api/alerts?limit=5", None, 200)?;
        let total = alerts["total"].as_u64().context("the list has no total")?;
        Ok(Outcome::Passed(format!("{total} on record")))
    }

    /// Ids that are not this tenant's look like ids that never were.
    fn isolation(&self) -> Result<Outcome> {
        let foreign = "0190a000-0000-7000-8000-000000000001";
        for path in [
            "assets",
            "sites",
            "integrations",
            "blackbox/incidents",
            "tenant-users",
        ] {
            self.owner
                .expect("GET", &format!("/api/{path}/{foreign}"), None, 404)?;
        }
        Ok(Outcome::Passed("foreign ids answer 404".to_owned()))
    }

    fn roles(&self) -> Result<Outcome> {
        let (viewer, user) = self.viewer()?;
        let result = self.viewer_is_refused(&viewer);
        self.disable(&user)?;
        result
    }

    fn viewer_is_refused(&self, viewer: &Caller) -> Result<Outcome> {
        let site = json!({ "code": "NO", "names": { "en": "No", "ar": "" }, "time_zone": "UTC" });
        viewer.expect("POST", "/api/sites", Some(&site), 403)?;
        viewer.expect("GET", "/api/tenant-users", None, 403)?;
        viewer.expect("GET", "/internal/config/status", None, 403)?;
        viewer.expect("GET", "/api/twin", None, 200)?;
        Ok(Outcome::Passed(
            "a viewer reads and changes nothing".to_owned(),
        ))
    }
}
