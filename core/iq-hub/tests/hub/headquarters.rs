//! Headquarters: people of a tenant read what its plants sent, page by page, and the check of an
//! incident says what became of the hub's copy. Another tenant's people find nothing of it.

use anyhow::Result;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Instance, Person, Rig, text};

/// Those of the evidence and those of the figures.
const RECORDS: usize = 111;

/// A demo tenant with its day read, a viewer of it, and a stranger.
struct Quarters {
    rig: Rig,
    hub: Instance,
    tenant: String,
    viewer: Person,
    stranger: Person,
}

impl Quarters {
    async fn new() -> Result<Self> {
        let rig = Rig::new().await?;
        let hub = rig.instance(4).await?;
        let owner = hub.owner().await?;
        let demo = hub
            .post(&owner, "/api/admin/tenants/demo", json!({}))
            .await?;
        let tenant = text(&demo.body["tenant"]["id"])?;
        let code = text(&demo.body["tenant"]["code"])?;
        let (viewer, _) = hub.user(&owner, (&tenant, &code), "viewer").await?;
        let other = hub.tenant(&owner, "yanbu").await?;
        let (stranger, _) = hub.user(&owner, (&other, "yanbu"), "tenant_admin").await?;
        let here = Self {
            rig,
            hub,
            tenant,
            viewer,
            stranger,
        };
        // Read after the receipt: soon.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while here.raw().await?.len() < RECORDS {
            anyhow::ensure!(std::time::Instant::now() < deadline, "not read");
            tokio::task::yield_now().await;
        }
        Ok(here)
    }

    async fn raw(&self) -> Result<Vec<Value>> {
        let reply = self.get("/api/records?limit=500").await?;
        Ok(reply.as_array().cloned().unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let reply = self.hub.get(&self.viewer, path).await?;
        anyhow::ensure!(reply.status == StatusCode::OK, "{path} {reply:?}");
        Ok(reply.body)
    }

    /// The address of an incident by its number.
    async fn incident(&self, number: &str) -> Result<String> {
        let page = self.get("/api/incidents").await?;
        let all = page["items"].as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|one| one["number"] == number);
        let one = found.ok_or_else(|| anyhow::anyhow!("no {number}: {page}"))?;
        let (appliance, id) = (text(&one["appliance_id"])?, text(&one["id"])?);
        Ok(format!("/api/incidents/{appliance}/{id}"))
    }

    /// Does as the owner of the tables what the serving role may not.
    async fn meddle(&self, sql: &'static str) -> Result<()> {
        let owner = self.rig.pool_of_one("hub_owner", "owner-7").await?;
        let mut tx = owner.begin().await?;
        sqlx::query("SELECT set_config('app.tenant', $1, true)")
            .bind(&self.tenant)
            .execute(&mut *tx)
            .await?;
        let done = sqlx::raw_sql(sql).execute(&mut *tx).await?;
        anyhow::ensure!(done.rows_affected() > 0, "nothing was changed by {sql}");
        Ok(tx.commit().await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_appliances_incidents_and_events_of_the_own_plants() -> Result<()> {
    let here = Quarters::new().await?;
    let plants = here.get("/api/appliances").await?;
    assert_eq!(plants[0]["name"], "Demo plant");
    assert_eq!(plants.as_array().map(Vec::len), Some(1));
    let incidents = here.get("/api/incidents").await?;
    assert_eq!(incidents["total"], 2);
    let newest = &incidents["items"][0];
    assert_eq!(
        (&newest["number"], &newest["status"]),
        (&json!("DEMO-2"), &json!("open"))
    );
    assert_eq!(newest["is_demo"], true);
    let settled = here.get("/api/incidents?status=resolved").await?;
    assert_eq!(settled["total"], 1, "by what it became, not by what it was");
    assert_eq!(settled["items"][0]["number"], "DEMO-1");
    let detail = here.get(&here.incident("DEMO-1").await?).await?;
    let steps: Vec<&Value> = detail["records"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|record| &record["status"])
        .collect();
    assert_eq!(steps, ["open", "investigating", "resolved"]);
    assert!(detail["incident"]["ended_at"].is_i64());
    let first = here.get("/api/events?limit=40").await?;
    assert_eq!(
        (&first["total"], &first["next_offset"]),
        (&json!(96), &json!(40))
    );
    let last = here.get("/api/events?limit=40&offset=80").await?;
    assert_eq!(last["items"].as_array().map(Vec::len), Some(16));
    assert_eq!(last["next_offset"], Value::Null);
    let critical = here
        .get("/api/events?severity=critical&category=ALERT")
        .await?;
    assert_eq!(critical["total"], 24);
    let from = first["items"][3]["at"].as_i64().unwrap_or_default();
    let late = here.get(&format!("/api/events?from={from}")).await?;
    assert_eq!(late["total"], 4);
    let elsewhere = here
        .get("/api/events?appliance=0197a000-0000-7000-8000-00000000000a")
        .await?;
    assert_eq!(elsewhere["total"], 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_assets_key_figures_and_plans_as_the_plants_told_them() -> Result<()> {
    let here = Quarters::new().await?;
    let assets = here.get("/api/assets").await?;
    assert_eq!(assets["total"], 4, "{assets}");
    let codes: Vec<&Value> = assets["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|asset| &asset["code"])
        .collect();
    assert_eq!(codes, ["E-305", "K-201", "P-101A", "P-101B"]);
    let unknown = &assets["items"][0];
    assert_eq!(
        (&unknown["status"], &unknown["health"], &unknown["data_at"]),
        (&json!("unknown"), &Value::Null, &Value::Null)
    );
    assert_eq!(unknown["is_demo"], true);
    let critical = here.get("/api/assets?status=critical").await?;
    assert_eq!(critical["total"], 1);
    assert_eq!(critical["items"][0]["names"]["ar"], "مضخة التغذية أ");
    assert!(critical["items"][0]["data_at"].is_i64());
    let days = here.get("/api/kpis?period=day&limit=4").await?;
    assert_eq!(
        (&days["total"], &days["next_offset"]),
        (&json!(6), &json!(4))
    );
    assert!(days["items"][0]["from"].as_i64() > days["items"][1]["from"].as_i64());
    assert_eq!(here.get("/api/kpis?period=hour").await?["total"], 0);
    let plans = here.get("/api/plans").await?;
    assert_eq!(plans["total"], 1);
    assert_eq!(plans["items"][0]["published"], 9);
    let elsewhere = here
        .get("/api/assets?appliance=0197a000-0000-7000-8000-00000000000a")
        .await?;
    assert_eq!(elsewhere["total"], 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_another_tenant_find_nothing_of_it() -> Result<()> {
    let here = Quarters::new().await?;
    for path in ["/api/appliances", "/api/records"] {
        let reply = here.hub.get(&here.stranger, path).await?;
        assert_eq!(reply.body, json!([]), "{path}");
    }
    for path in [
        "/api/incidents",
        "/api/events",
        "/api/assets",
        "/api/kpis",
        "/api/plans",
    ] {
        let reply = here.hub.get(&here.stranger, path).await?;
        assert_eq!(reply.body["total"], 0, "{path}");
    }
    let incident = here.incident("DEMO-1").await?;
    for path in [incident.clone(), format!("{incident}/check")] {
        let reply = here.hub.get(&here.stranger, &path).await?;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(reply.code(), "request.not_found");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_says_whether_the_copy_is_what_was_acknowledged() -> Result<()> {
    let here = Quarters::new().await?;
    let check = format!("{}/check", here.incident("DEMO-1").await?);
    let found = here.get(&check).await?;
    assert_eq!(found["outcome"], "intact", "{found}");
    assert_eq!(found["records"], 3);
    // From the incident's first record, number 33, to the head.
    assert_eq!(found["hashed"], 68);
    // The first place that does not fit ends the look at a log: the slips come from its end to its begin.
    for (slip, finding, seq) in [
        (
            "UPDATE synced_records SET body = jsonb_set(body, '{3}', '\"{}\"')
             WHERE kind = 'incident' AND seq = 33",
            "shown_differs",
            33,
        ),
        (
            "UPDATE sync_cursors SET acked_hash = decode(repeat('07', 32), 'hex')",
            "head",
            100,
        ),
        (
            "UPDATE sync_log SET leaf = sha256('\\x00' || rec || '\\x00'), rec = rec || '\\x00'
             WHERE seq = 90",
            "unlinked",
            91,
        ),
        (
            "UPDATE sync_log SET rec = overlay(rec placing '\\x07' from length(rec) for 1)
             WHERE seq = 80",
            "altered",
            80,
        ),
        (
            "DELETE FROM synced_records WHERE seq = 70; DELETE FROM sync_log WHERE seq = 70",
            "missing",
            70,
        ),
    ] {
        here.meddle(slip).await?;
        let found = here.get(&check).await?;
        assert_eq!(found["outcome"], "damaged", "{slip}");
        let problems = found["problems"].as_array().cloned().unwrap_or_default();
        let last = problems.last().cloned().unwrap_or_default();
        assert_eq!(
            (&last["finding"], &last["seq"]),
            (&json!(finding), &json!(seq)),
            "{slip}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_makes_a_demo_and_a_code_without_a_session() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(2).await?;
    let owner = hub.owner().await?;
    let (tenant, username, password) = iq_hub::demo(&hub.hub).await?;
    let (reply, _) = hub
        .sign_in(json!({"tenant": tenant, "username": username, "password": password.expose()}))
        .await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let code = iq_hub::enrolment_code(&hub.hub, &tenant, "Train 1").await?;
    assert!(iq_sync_proto::enrol::Code::parse(&code).is_some(), "{code}");
    for (tenant, name, wrong) in [
        ("nowhere", "Train 1", "request.not_found"),
        (tenant.as_str(), " ", "request.text_empty"),
    ] {
        let refused = iq_hub::enrolment_code(&hub.hub, tenant, name).await;
        assert_eq!(refused.map_err(|e| e.code), Err(wrong));
    }
    let audit = hub.get(&owner, "/api/admin/audit").await?;
    let by_system: Vec<&Value> = audit.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|row| row["actor"] == "system")
        .map(|row| &row["action"])
        .collect();
    for action in ["tenants.create_demo", "appliances.create_code"] {
        assert!(by_system.iter().any(|found| **found == action), "{action}");
    }
    Ok(())
}
