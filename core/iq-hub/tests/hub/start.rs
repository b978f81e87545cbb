//! What must be right before an instance serves.

use anyhow::Result;
use iq_domain::CodedError;
use iq_hub::{
    serve::{self, ServeOptions},
    store::Store,
};

use crate::rig::Rig;

async fn refusal(rig: &Rig, role: &str) -> Result<CodedError> {
    let store = Store::open(&rig.address(role, "tests-7"), 1).await?;
    let refused = store.check_before_serving().await;
    Ok(refused.expect_err("it must not serve"))
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_every_role_that_row_security_would_not_bind() -> Result<()> {
    let rig = Rig::new().await?;
    let name = |kind: &str| format!("{kind}_{}", std::process::id());
    let (mighty, bypassing, owning) = (name("mighty"), name("bypassing"), name("owning"));
    rig.server.sql(&format!(
        "CREATE ROLE {mighty} LOGIN SUPERUSER PASSWORD 'tests-7';
         CREATE ROLE {bypassing} LOGIN BYPASSRLS PASSWORD 'tests-7' IN ROLE optria_hub;
         CREATE ROLE {owning} LOGIN PASSWORD 'tests-7' IN ROLE hub_owner, optria_hub;"
    ))?;
    for (role, reason) in [
        (&mighty, "SUPERUSER"),
        (&bypassing, "BYPASSRLS"),
        (&owning, "OWNER"),
    ] {
        let error = refusal(&rig, role).await?;
        assert_eq!(error.code, "hub.role_too_powerful");
        assert_eq!(error.params["reason"], reason, "{role}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_schema_of_another_time() -> Result<()> {
    let rig = Rig::new().await?;
    let owner = rig.pool_of_one("hub_owner", "owner-7").await?;
    for (change, code) in [
        (
            "INSERT INTO migrations VALUES (9999, 'from the future', 0)",
            "hub.schema_newer",
        ),
        ("DELETE FROM migrations", "hub.schema_older"),
    ] {
        sqlx::raw_sql(change).execute(&owner).await?;
        let store = Store::open(&rig.address("optria_hub", "hub-7"), 1).await?;
        let error = store.check_before_serving().await.expect_err(code);
        assert_eq!(error.code, code);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_changes_nothing() -> Result<()> {
    let rig = Rig::new().await?;
    let owner = rig.address("hub_owner", "owner-7");
    let clock = iq_domain::ManualClock::at(crate::rig::NOON);
    let again = iq_hub::store::migrate::migrate(&owner, &clock).await?;
    assert_eq!(again, Vec::<&str>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_it_names_the_secrets_it_lacks() -> Result<()> {
    let rig = Rig::new().await?;
    let mut config = rig.config("optria_hub", "hub-7")?;
    config.session_secret = None;
    config.hub_key = None;
    let Err(error) = serve::open(config, &ServeOptions::default(), 0).await else {
        anyhow::bail!("it must not start");
    };
    assert_eq!(error.code, "config.missing");
    assert_eq!(error.params["names"], "SESSION_SECRET, OPTRIA_HUB_KEY");
    Ok(())
}
