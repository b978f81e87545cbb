//! How a person wants to see the program.

use axum::{Json, extract::State};
use iq_api_types::UserSettings;
use iq_domain::{Permission, TenantId, UserId};
use iq_store::{Connection, StoreError, settings as table};

use crate::{
    http::{Answer, Body, Caller, Check, Route, check::is_time_zone, get, put},
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/settings", Permission::OwnProfile, get_settings)
            .answer::<UserSettings>()
            .says("The own settings"),
        put("/api/settings", Permission::OwnProfile, put_settings)
            .body::<UserSettings>()
            .answer::<UserSettings>()
            .audits("settings.update")
            .says("Change the own settings"),
    ]
}

async fn get_settings(State(state): State<ApiState>, caller: Caller) -> Answer<Json<UserSettings>> {
    let (tenant, user) = (caller.home_tenant_id, caller.user_id);
    let found = state
        .runtime
        .store()
        .read(move |conn| read(conn, tenant, user))
        .await?;
    Ok(Json(found))
}

async fn put_settings(
    State(state): State<ApiState>,
    caller: Caller,
    Body(input): Body<UserSettings>,
) -> Answer<Json<UserSettings>> {
    let mut check = Check::new();
    for (field, value, options) in [
        ("language", &input.language, &["ar", "en"][..]),
        ("theme", &input.theme, &["light", "dark", "auto"]),
        ("digits", &input.digits, &["latn", "arab"]),
        (
            "calendar",
            &input.calendar,
            &["gregory", "islamic-umalqura"],
        ),
    ] {
        check.require(
            options.contains(&value.as_str()),
            field,
            "request.field_unknown_option",
        );
    }
    check
        .require(
            input.time_zone == SITE_ZONE || is_time_zone(&input.time_zone),
            "time_zone",
            "request.time_zone_wrong",
        )
        .done()?;
    let (tenant, user, stored) = (caller.home_tenant_id, caller.user_id, input.clone());
    state
        .runtime
        .store()
        .write(move |tx| {
            let row = table::UserSettings {
                language: stored.language,
                theme: stored.theme,
                digits: stored.digits,
                calendar: stored.calendar,
            };
            table::put_user_settings(tx, tenant, user, &row)?;
            table::put_tenant_setting(tx, tenant, &zone_key(user), &stored.time_zone.into())
        })
        .await?;
    Ok(Json(input))
}

/// Times are shown in the zone of the site they belong to.
const SITE_ZONE: &str = "site";

/// The zone stands beside the other settings: the table of settings has no column for it.
fn zone_key(user: UserId) -> String {
    format!("time_zone_of_user.{user}")
}

/// The settings of a user, or the defaults.
pub(crate) fn read(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
) -> Result<UserSettings, StoreError> {
    let row = table::get_user_settings(conn, tenant, user)?;
    let zone = table::get_tenant_setting(conn, tenant, &zone_key(user))?;
    Ok(UserSettings {
        language: row.language,
        // "system" is the store's word for a theme nobody chose.
        theme: if row.theme == "system" {
            "auto".to_owned()
        } else {
            row.theme
        },
        digits: row.digits,
        calendar: row.calendar,
        time_zone: zone
            .and_then(|z| z.as_str().map(str::to_owned))
            .unwrap_or_else(|| SITE_ZONE.to_owned()),
    })
}
