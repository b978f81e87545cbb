//! The statement for whoever lets this program into a plant's network: what is read, from where, how
//! often, with which load, and why it can't write. One page, made from the settings in force.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use iq_api_types::Integration;
use iq_domain::{Names, Permission, Timestamp};
use iq_locale::{Language, Params, pattern};
use serde_json::Value;

use crate::{
    http::{Answer, Caller, Route, get},
    integrations::all_integrations,
    state::ApiState,
    texts,
};

/// Where a connection leads, by the names its kind gives to that.
const ADDRESSES: [&str; 5] = [
    "endpoint_url",
    "pi_webapi_url",
    "base_url",
    "host",
    "watch_folder",
];

/// How often a source is asked, by the names the kinds give to that, with the sentence of their unit.
const PACES: [(&str, &str); 4] = [
    ("sampling_interval_ms", "ot.pace_ms"),
    ("polling_interval_ms", "ot.pace_ms"),
    ("sync_interval_s", "ot.pace_s"),
    ("poll_interval_s", "ot.pace_s"),
];

const COLUMNS: [&str; 6] = [
    "ot.system",
    "ot.address",
    "ot.sign_in",
    "ot.pace",
    "ot.load",
    "ot.writes",
];

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2em;max-width:70em}\
    table{border-collapse:collapse;width:100%}\
    th,td{border:1px solid #888;padding:.4em;text-align:start;vertical-align:top}\
    td.address{overflow-wrap:anywhere}.demo{font-weight:bold}@media print{body{margin:0}}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/integrations/ot-statement",
            Permission::IntegrationsRead,
            get_ot_statement,
        )
        .text_answer("text/html")
        .says("What is read, from where, how often, with which load, and why nothing is written"),
    ]
}

async fn get_ot_statement(State(state): State<ApiState>, caller: Caller) -> Answer<Response> {
    let systems = all_integrations(&state, &caller).await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let specs = state.runtime.connectors().specs();
    let kinds = specs.into_iter().map(|spec| {
        let name = pattern(caller.language, "ui", spec.name_key).unwrap_or(spec.kind);
        (spec.kind.to_owned(), name.to_owned())
    });
    let sheet = Sheet {
        language: caller.language,
        tenant: name_in(caller.language, &plant.tenant.names).to_owned(),
        appliance: state.appliance(),
        version: state.options.version.clone(),
        at: state.now(),
        kinds: kinds.collect(),
        systems,
    };
    let name = format!("optria-ot-statement-{}.html", sheet.appliance);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, sheet.html()).into_response())
}

/// What the page says.
struct Sheet {
    language: Language,
    tenant: String,
    appliance: String,
    version: String,
    at: Timestamp,
    /// Names of the kinds of connections.
    kinds: BTreeMap<String, String>,
    systems: Vec<Integration>,
}

impl Sheet {
    fn html(&self) -> String {
        let (tag, direction) = match self.language {
            Language::Ar => ("ar", "rtl"),
            Language::En => ("en", "ltr"),
        };
        let title = self.say("ot.title", &[]);
        let about = [
            ("tenant", self.tenant.clone()),
            ("appliance", self.appliance.clone()),
            ("version", self.version.clone()),
            ("at", self.at.to_string()),
        ];
        let mut parts = vec![
            format!(
                "<!doctype html>\n<html lang=\"{tag}\" dir=\"{direction}\">\n<head><meta charset=\"utf-8\">\
                 <title>{title}</title><style>{STYLE}</style></head>\n<body>"
            ),
            format!("<h1>{title}</h1>"),
            format!("<p>{}</p>", self.say("ot.about", &about)),
        ];
        if self.systems.iter().any(|system| system.is_demo_origin) {
            parts.push(format!(
                "<p class=\"demo\">{}</p>",
                self.say("ot.demo", &[])
            ));
        }
        parts.push(format!("<h2>{}</h2>", self.say("ot.read", &[])));
        parts.push(self.table());
        parts.push(format!("<h2>{}</h2>\n<ul>", self.say("ot.why", &[])));
        let reasons = self.reasons().into_iter();
        parts.extend(reasons.map(|code| format!("<li>{}</li>", self.say(code, &[]))));
        parts.push(format!("</ul>\n<p>{}</p>", self.say("ot.prove", &[])));
        parts.push(format!("<p>{}</p>", self.say("ot.signed", &[])));
        parts.push("</body>\n</html>\n".to_owned());
        parts.join("\n")
    }

    fn table(&self) -> String {
        if self.systems.is_empty() {
            return format!("<p>{}</p>", self.say("ot.none", &[]));
        }
        let heads = COLUMNS.map(|code| format!("<th>{}</th>", self.say(code, &[])));
        let rows: Vec<String> = self.systems.iter().map(|system| self.row(system)).collect();
        format!(
            "<table><thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table>",
            heads.concat(),
            rows.join("\n")
        )
    }

    fn row(&self, system: &Integration) -> String {
        let kind = self.kinds.get(&system.kind).unwrap_or(&system.kind);
        let mut name = format!("{}<br>{}", escaped(&system.name), escaped(kind));
        if !system.is_enabled {
            name = format!("{name}<br>{}", self.say("ot.disabled", &[]));
        }
        format!(
            "<tr><td>{name}</td><td class=\"address\" dir=\"ltr\">{}</td><td dir=\"ltr\">{}</td>\
             <td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&address(system)),
            escaped(&sign_in(system)),
            self.pace(system),
            self.load(system),
            self.say(writes(system), &[]),
        )
    }

    fn pace(&self, system: &Integration) -> String {
        let found = PACES
            .into_iter()
            .find_map(|(field, code)| Some((code, value(system, field)?)));
        match found {
            Some((code, every)) => self.say(code, &[("every", every)]),
            None => self.say("ot.pace_unknown", &[]),
        }
    }

    fn load(&self, system: &Integration) -> String {
        let load = &system.load;
        let facts = [
            ("tags", system.mapped_tags.to_string()),
            ("requests", format!("{:.2}", load.requests_per_s)),
            ("items", load.items_per_request.to_string()),
            ("sessions", load.sessions.to_string()),
        ];
        self.say("ot.load_now", &facts)
    }

    /// Why nothing is written, for each kind there is.
    fn reasons(&self) -> Vec<&'static str> {
        let of_kinds: BTreeSet<&'static str> = self
            .systems
            .iter()
            .filter_map(|system| match system.kind.as_str() {
                "opcua" => Some("ot.why_opcua"),
                "pi" => Some("ot.why_pi"),
                "sql" => Some("ot.why_sql"),
                "sap_pm" | "oracle_eam" => Some("ot.why_eam"),
                "file" => Some("ot.why_file"),
                _ => None,
            })
            .collect();
        std::iter::once("ot.why_design").chain(of_kinds).collect()
    }

    /// A sentence, ready for the page.
    fn say(&self, code: &str, params: &[(&str, String)]) -> String {
        let params: Params = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        escaped(&texts::of(self.language, code, &params))
    }
}

/// The name in a language, else the one there is.
fn name_in(language: Language, names: &Names) -> &str {
    let (wanted, other) = match language {
        Language::Ar => (&names.ar, &names.en),
        Language::En => (&names.en, &names.ar),
    };
    if wanted.is_empty() { other } else { wanted }
}

/// The value in force of a field; nothing where it has none.
fn value(system: &Integration, field: &str) -> Option<String> {
    match &system.effective.get(field)?.value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn address(system: &Integration) -> String {
    let place = ADDRESSES
        .into_iter()
        .find_map(|field| value(system, field))
        .unwrap_or_else(|| "–".to_owned());
    let port = value(system, "port").map(|port| format!(":{port}"));
    let database = value(system, "database_name").or_else(|| value(system, "service_name"));
    let database = database.map(|name| format!("/{name}"));
    [Some(place), port, database]
        .into_iter()
        .flatten()
        .collect()
}

/// How the connection identifies itself, and as whom.
fn sign_in(system: &Integration) -> String {
    let known = ["security_mode", "auth_type", "username"];
    let known: Vec<String> = known.iter().filter_map(|f| value(system, f)).collect();
    if known.is_empty() {
        "–".to_owned()
    } else {
        known.join(" · ")
    }
}

/// What leaves towards the system.
fn writes(system: &Integration) -> &'static str {
    let says = |field: &str, wanted: &str| value(system, field).as_deref() == Some(wanted);
    if says("work_order_sync_mode", "push_and_sync") {
        "ot.writes_orders"
    } else if system.kind == "file" && says("after_import", "move") {
        "ot.writes_moves"
    } else {
        "ot.writes_nothing"
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A connection with these values in force.
    fn system(kind: &str, values: &Value) -> serde_json::Result<Integration> {
        let fields = values.as_object().cloned().unwrap_or_default();
        let effective: Value = fields
            .into_iter()
            .map(|(name, value)| (name, json!({ "value": value, "source": "tenant" })))
            .collect();
        serde_json::from_value(json!({
            "id": "0197a2b4-0000-7000-8000-000000000001", "kind": kind, "system_type": kind,
            "name": "A <b> & c", "config": {}, "effective": effective, "is_enabled": true,
            "is_demo_origin": false, "status": "streaming", "connectivity": "live",
            "message": null, "status_at": null, "last_value_at": null, "clock_offset_ms": null,
            "mapped_tags": 7, "pending_certificates": 0,
            "load": { "requests_per_s": 0.25, "items_per_request": 100,
                      "monitored_items": 7, "sessions": 1 },
            "samples_per_min": 0, "backlog": 0, "events_read": 0, "last_event_at": null,
            "items": 0, "failed_items": 0, "problems": [], "back_fill": null,
            "demo_stream_active": false, "created_at": 0,
        }))
    }

    fn sheet(language: Language, systems: Vec<Integration>) -> Sheet {
        Sheet {
            language,
            tenant: "North".to_owned(),
            appliance: "0197a2b4".to_owned(),
            version: "1.2.3".to_owned(),
            at: Timestamp(0),
            kinds: BTreeMap::new(),
            systems,
        }
    }

    #[test]
    fn a_row_says_where_how_often_and_with_which_load_in_both_languages() {
        let values = json!({
            "endpoint_url": "opc.tcp://10.1.2.3:4840", "security_mode": "SignAndEncrypt",
            "username": "reader", "sampling_interval_ms": 1500,
        });
        for language in [Language::Ar, Language::En] {
            let opcua = system("opcua", &values).unwrap();
            let page = sheet(language, vec![opcua]).html();
            for wanted in [
                "opc.tcp://10.1.2.3:4840",
                "SignAndEncrypt · reader",
                "1500",
                "0.25",
                "100",
                "1970-01-01",
                "ConditionRefresh",
                "A &lt;b&gt; &amp; c",
            ] {
                assert!(page.contains(wanted), "{wanted} in {page}");
            }
            assert!(!page.contains("<b>") && !page.contains("ot.why"), "{page}");
        }
        let arabic = sheet(Language::Ar, Vec::new()).html();
        assert!(arabic.contains("dir=\"rtl\"") && arabic.contains("لا يوجد نظام متصل"));
    }

    #[test]
    fn what_leaves_is_told_and_nothing_else_is_claimed() {
        let orders = json!({ "work_order_sync_mode": "push_and_sync" });
        let moves = json!({ "after_import": "move" });
        for (kind, values, wanted) in [
            ("opcua", json!({}), "ot.writes_nothing"),
            ("sap_pm", json!({}), "ot.writes_nothing"),
            ("sap_pm", orders, "ot.writes_orders"),
            ("file", moves, "ot.writes_moves"),
            (
                "file",
                json!({ "after_import": "keep" }),
                "ot.writes_nothing",
            ),
        ] {
            let found = writes(&system(kind, &values).unwrap());
            assert_eq!(found, wanted, "{kind} {values}");
        }
        let sql = system(
            "sql",
            &json!({ "host": "db", "port": 5432, "database_name": "pi" }),
        );
        let sql = sql.unwrap();
        assert_eq!(address(&sql), "db:5432/pi");
        let reasons = sheet(Language::En, vec![sql]).reasons();
        assert_eq!(reasons, ["ot.why_design", "ot.why_sql"]);
    }
}
