//! The OpenAPI document and the permission matrix, both made from the route table.

use std::fmt::Write as _;

use axum::http::Method;
use iq_domain::Role;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, Paths,
    Ref, RefOr, Required, ResponseBuilder,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::{ObjectBuilder, Schema, SchemaType, Type},
    security::{
        ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
    },
};

use super::route::{Access, Content, Route};

/// The document of a route table.
pub(crate) fn document(routes: &[Route]) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = ComponentsBuilder::new();
    for (name, scheme) in security_schemes() {
        components = components.security_scheme(name, scheme);
    }
    for route in routes {
        for (name, schema) in route.all_schemas() {
            components = components.schema(name, schema);
        }
        paths.add_path_operation(route.path, vec![method_of(&route.method)], operation(route));
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("OPTRIA IQ appliance")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Times are UTC milliseconds, ids are UUIDs. A write needs the session cookie, \
                     an Origin of its own and the X-CSRF-Token of GET /api/session. Errors carry a \
                     stable code; the language of the message follows ?lang, else Accept-Language, \
                     else Arabic. Any route may answer 429 with Retry-After to a session, token or \
                     address that asks too fast.",
                )),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn method_of(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(route: &Route) -> utoipa::openapi::path::Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.operation))
        .tag(area(route.path))
        .summary((!route.summary.is_empty()).then_some(route.summary))
        .description(Some(match route.access {
            Access::Public => "No session needed.".to_owned(),
            Access::May(permission) => format!("Permission: `{}`.", permission.as_str()),
        }));
    for name in path_params(route.path) {
        let uuid = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::Uuid,
            )));
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(Schema::Object(uuid.build()))),
        );
    }
    for parameter in &route.query {
        operation = operation.parameter(parameter.clone());
    }
    if let Some(body) = &route.body {
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .required(Some(Required::True))
                .content(body.media_type, content(body))
                .build(),
        ));
    }
    let mut answer = ResponseBuilder::new().description("Done.");
    if let Some(body) = &route.answer {
        answer = answer.content(body.media_type, content(body));
    }
    for (_, body) in route.others.iter().filter(|(status, _)| status.is_none()) {
        answer = answer.content(body.media_type, content(body));
    }
    let error = ContentBuilder::new()
        .schema(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(
            "ApiError",
        ))))
        .build();
    for (status, body) in &route.others {
        if let Some(status) = status {
            let other = ResponseBuilder::new()
                .description("Not done; the body says why.")
                .content(body.media_type, content(body));
            operation = operation.response(status.to_string(), other);
        }
    }
    operation
        .securities(securities(route))
        .response(route.status.to_string(), answer)
        .response(
            "default",
            ResponseBuilder::new()
                .description("Not done; the body says why.")
                .content("application/json", error),
        )
        .build()
}

const SESSION: &str = "session";
const CSRF: &str = "csrf";
const TOKEN: &str = "token";
/// The cookie of a session at the port that is asked for first; a served document names its own.
pub(crate) const SESSION_COOKIE: &str = "optria_8686";

/// How a caller shows who it is.
fn security_schemes() -> [(&'static str, SecurityScheme); 3] {
    let session = ApiKeyValue::with_description(
        SESSION_COOKIE,
        "The session of a person: `optria_` and the port, set by POST /api/session.",
    );
    let csrf = ApiKeyValue::with_description(
        "X-CSRF-Token",
        "Beside the session at every write: `csrf_token` of GET /api/session.",
    );
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The token of a program, instead of a session."))
        .build();
    [
        (SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(session))),
        (CSRF, SecurityScheme::ApiKey(ApiKey::Header(csrf))),
        (TOKEN, SecurityScheme::Http(token)),
    ]
}

/// What a route asks for; nothing where anybody may call it.
fn securities(route: &Route) -> Option<[SecurityRequirement; 2]> {
    const NO_SCOPES: [&str; 0] = [];
    if route.access == Access::Public {
        return None;
    }
    let mut session = SecurityRequirement::new(SESSION, NO_SCOPES);
    if route.method != Method::GET {
        session = session.add(CSRF, NO_SCOPES);
    }
    Some([session, SecurityRequirement::new(TOKEN, NO_SCOPES)])
}

fn content(body: &Content) -> utoipa::openapi::Content {
    ContentBuilder::new()
        .schema(Some(body.schema.clone()))
        .build()
}

/// The word after `/api/`, else the first.
pub(crate) fn area(path: &str) -> &str {
    let mut words = path.split('/').filter(|w| !w.is_empty());
    match words.next() {
        Some("api") => words.next().unwrap_or("api"),
        Some(word) => word,
        None => "root",
    }
}

/// The names in braces of a path.
pub(crate) fn path_params(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Which role may call which route, one line per route.
pub(crate) fn matrix(routes: &[Route]) -> String {
    let mut rows: Vec<&Route> = routes.iter().collect();
    rows.sort_by_key(|route| (route.path, route.method.as_str().to_owned()));
    let path_width = rows.iter().map(|r| r.path.len()).max().unwrap_or(0);
    let mut text = String::from(
        "Role x route. Made from the route table by `cargo xtask codegen`; a test compares it.\n\
         anon = no session, V = viewer, E = engineer, O = optimization_engineer, A = tenant_admin, \
         P = platform_owner\n\n",
    );
    for route in rows {
        let (permission, marks) = match route.access {
            Access::Public => ("-", "anon V E O A P".to_owned()),
            Access::May(permission) => {
                let marks = ["V", "E", "O", "A", "P"];
                let line: Vec<&str> = Role::ALL
                    .iter()
                    .zip(marks)
                    .map(|(role, mark)| if role.may(permission) { mark } else { "." })
                    .collect();
                (permission.as_str(), format!(".    {}", line.join(" ")))
            }
        };
        writeln!(
            text,
            "{:<6} {:<path_width$}  {permission:<20} {marks}",
            route.method.as_str(),
            route.path
        )
        .expect("a String takes any text");
    }
    text
}
