//! The reader of the OpenAPI document: one plain page made here, without scripts and without network.

use std::fmt::Write as _;

use super::{
    openapi::area,
    route::{Access, Route},
};

/// The page.
pub(crate) fn page(routes: &[Route]) -> String {
    let mut rows: Vec<&Route> = routes.iter().collect();
    rows.sort_by_key(|r| (area(r.path), r.path, r.method.as_str().to_owned()));
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>OPTRIA IQ API</title><style>\
         body{font:15px/1.6 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
         code{font:13px/1.5 ui-monospace,monospace}summary{cursor:pointer;padding-block:.25rem}\
         details{border-block-start:1px solid #ccc}b{display:inline-block;inline-size:4.5rem}\
         pre{overflow:auto;background:#f4f4f4;color:#111;padding:.75rem}</style></head><body>\
         <h1>OPTRIA IQ API</h1><p>Machine-readable: \
         <a href=\"/api/openapi.json\">/api/openapi.json</a> (OpenAPI 3.1).</p>",
    );
    let mut current = "";
    for route in rows {
        if area(route.path) != current {
            current = area(route.path);
            push(&mut html, format_args!("<h2>{}</h2>", escaped(current)));
        }
        section(&mut html, route);
    }
    html.push_str("<h2>Schemas</h2>");
    let mut schemas: Vec<_> = routes.iter().flat_map(Route::all_schemas).collect();
    schemas.sort_by(|a, b| a.0.cmp(&b.0));
    schemas.dedup_by(|a, b| a.0 == b.0);
    for (name, schema) in schemas {
        let json = serde_json::to_string_pretty(&schema).unwrap_or_default();
        push(
            &mut html,
            format_args!(
                "<details id=\"{0}\"><summary><code>{0}</code></summary><pre>{1}</pre></details>",
                escaped(&name),
                escaped(&json)
            ),
        );
    }
    html.push_str("</body></html>");
    html
}

fn section(html: &mut String, route: &Route) {
    let permission = match route.access {
        Access::Public => "no session needed",
        Access::May(permission) => permission.as_str(),
    };
    push(
        html,
        format_args!(
            "<details><summary><b>{}</b> <code>{}</code> {}</summary><p>Permission: \
             <code>{permission}</code>. Answers {}.</p>",
            route.method,
            escaped(route.path),
            escaped(route.summary),
            route.status
        ),
    );
    for parameter in &route.query {
        push(
            html,
            format_args!(
                "<p><code>?{}</code> {}</p>",
                escaped(&parameter.name),
                escaped(parameter.description.as_deref().unwrap_or_default())
            ),
        );
    }
    for (title, content) in [("Body", &route.body), ("Answer", &route.answer)] {
        if let Some(content) = content {
            let json = serde_json::to_string(&content.schema).unwrap_or_default();
            let linked = linked(&json);
            push(
                html,
                format_args!("<p>{title} ({}): {linked}</p>", escaped(content.media_type)),
            );
        }
    }
    html.push_str("</details>");
}

/// The schema as text, its references as links to the section below.
fn linked(json: &str) -> String {
    const REFERENCE: &str = "#/components/schemas/";
    match json.split_once(REFERENCE) {
        None => format!("<code>{}</code>", escaped(json)),
        Some((_, rest)) => {
            let name: String = rest
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            let list = if json.contains("\"array\"") {
                "list of "
            } else {
                ""
            };
            format!(
                "{list}<a href=\"#{0}\"><code>{0}</code></a>",
                escaped(&name)
            )
        }
    }
}

fn push(html: &mut String, text: std::fmt::Arguments<'_>) {
    html.write_fmt(text).expect("a String takes any text");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
