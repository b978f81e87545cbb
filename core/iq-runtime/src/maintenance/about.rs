//! What people are told of a work order given to them: which it is, where, and when, in the time of its site.

use iq_domain::{Names, TenantId, Timestamp};
use iq_store::{Connection, StoreError, assets, sites, units, work_orders::WorkOrder};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::events;

/// The arguments of a notice about a work order; what is not known of it is left out. `due_at` counts
/// where no visit is planned.
pub(super) fn params_of(
    conn: &Connection,
    tenant: TenantId,
    order: &WorkOrder,
    due_at: Option<Timestamp>,
) -> Result<Value, StoreError> {
    let mut params = Map::new();
    params.insert("order".to_owned(), json!(events::called(order)));
    params.insert("title".to_owned(), json!(order.title));
    let asset = match order.asset_id {
        Some(id) => assets::get_asset(conn, tenant, id)?,
        None => None,
    };
    let unit = match &asset {
        Some(asset) => units::get_unit(conn, tenant, asset.unit_id)?,
        None => None,
    };
    let site = match &unit {
        Some(unit) => sites::get_site(conn, tenant, unit.site_id)?,
        None => None,
    };
    if let Some(asset) = &asset {
        name(&mut params, "asset", &asset.code, &asset.names);
    }
    if let Some(site) = &site {
        name(&mut params, "site", &site.code, &site.names);
    }
    let zone = site.as_ref().and_then(|s| TimeZone::get(&s.time_zone).ok());
    let place = site.as_ref().filter(|_| zone.is_some());
    let place = place.map_or("UTC", |site| site.time_zone.as_str());
    let zone = zone.unwrap_or(TimeZone::UTC);
    let local = |at: Option<Timestamp>| local(at?, &zone);
    let (key, time) = match (local(order.planned_start), local(order.planned_end)) {
        (Some(from), to) => ("visit", Some(span(&from, to.as_deref()))),
        (None, to) => ("due", local(due_at).or(to)),
    };
    if let Some(time) = time {
        params.insert(key.to_owned(), json!(format!("{time} ({place})")));
    }
    Ok(Value::Object(params))
}

fn name(params: &mut Map<String, Value>, key: &str, code: &str, names: &Names) {
    params.insert(key.to_owned(), json!(code));
    params.insert(format!("{key}_name_en"), json!(names.en));
    params.insert(format!("{key}_name_ar"), json!(names.ar));
}

fn local(at: Timestamp, zone: &TimeZone) -> Option<String> {
    let moment = jiff::Timestamp::from_millisecond(at.0).ok()?;
    let local = moment.to_zoned(zone.clone());
    Some(local.strftime("%Y-%m-%d %H:%M").to_string())
}

/// The day stands once where both are on it.
fn span(from: &str, to: Option<&str>) -> String {
    let Some(to) = to else {
        return from.to_owned();
    };
    match (from.split_once(' '), to.split_once(' ')) {
        (Some((day, _)), Some((same, clock))) if day == same => format!("{from}–{clock}"),
        _ => format!("{from} – {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_said_in_the_time_of_its_site() {
        let zone = TimeZone::get("Asia/Riyadh").unwrap();
        let at = |text: &str| {
            let moment: jiff::Timestamp = text.parse().unwrap();
            local(Timestamp(moment.as_millisecond()), &zone).unwrap()
        };
        let from = at("2026-11-24T05:00:00Z");
        let said = |to: &str| span(&from, Some(&at(to)));
        assert_eq!(said("2026-11-24T10:30:00Z"), "2026-11-24 08:00–13:30");
        assert_eq!(
            said("2026-11-24T22:00:00Z"),
            "2026-11-24 08:00 – 2026-11-25 01:00"
        );
        assert_eq!(span(&from, None), "2026-11-24 08:00");
    }
}
