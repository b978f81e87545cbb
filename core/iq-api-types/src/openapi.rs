//! The OpenAPI document of the hub's table of routes: what a route says of itself, and the document made
//! from all of them. Who may call a route is the server's matter; it hands the sentence in.

use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, Content as Media, ContentBuilder, HttpMethod, InfoBuilder, KnownFormat,
        OpenApiBuilder, Paths, Ref, RefOr, Required, ResponseBuilder, Schema, SchemaFormat,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type},
    },
};

use crate::ApiError;

/// The documented form of a body.
#[derive(Clone)]
pub struct Content {
    /// Its media type.
    pub media_type: &'static str,
    /// Its schema.
    pub schema: RefOr<Schema>,
}

/// What a route says of itself.
#[derive(Clone)]
pub struct Described {
    /// Name of the operation, one for each route.
    pub operation: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Parameters of the query.
    pub query: Vec<Parameter>,
    /// What it takes.
    pub body: Option<Content>,
    /// Status when it is done.
    pub status: u16,
    /// What it answers then; nothing for 204.
    pub answer: Option<Content>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Described {
    /// A route by its handler, whose name is the name of the operation.
    #[must_use]
    pub fn by<H>() -> Self {
        let name = std::any::type_name::<H>();
        Self {
            operation: name.rsplit("::").next().unwrap_or(name),
            summary: "",
            query: Vec::new(),
            body: None,
            status: 200,
            answer: None,
            schemas: Vec::new(),
        }
    }

    /// Adds a type, and says how it is referred to.
    pub fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }

    /// Said more than once, the parameters add up.
    pub fn query<T: IntoParams>(&mut self) {
        self.query
            .extend(T::into_params(|| Some(ParameterIn::Query)));
    }

    /// Takes JSON.
    pub fn body<T: ToSchema>(&mut self) {
        let schema = self.schema::<T>();
        self.body = Some(Content {
            media_type: "application/json",
            schema,
        });
    }

    /// Takes something that is not JSON.
    pub fn other_body(&mut self, media_type: &'static str) {
        self.body = Some(Content {
            media_type,
            schema: other_schema(media_type),
        });
    }

    fn answers(&mut self, media_type: &'static str, schema: RefOr<Schema>) {
        self.answer = Some(Content { media_type, schema });
    }

    /// Answers with one.
    pub fn answer<T: ToSchema>(&mut self) {
        let schema = self.schema::<T>();
        self.answers("application/json", schema);
    }

    /// Answers with all of them.
    pub fn list<T: ToSchema>(&mut self) {
        let item = self.schema::<T>();
        let list = ArrayBuilder::new().items(item).build();
        self.answers("application/json", RefOr::T(Schema::Array(list)));
    }

    /// Answers with a page of a list, which is a named schema of its own.
    pub fn page<T: ToSchema>(&mut self) {
        let item = self.schema::<T>();
        let integer = || ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer));
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
            .description(Some("Offset of the next page, if there is one."));
        let page = ObjectBuilder::new()
            .description(Some("A page of a list."))
            .property("items", ArrayBuilder::new().items(item))
            .required("items")
            .property("total", integer().description(Some("Items in all.")))
            .required("total")
            .property("next_offset", next)
            .required("next_offset")
            .build();
        let name = format!("PageOf{}", T::name());
        let reference = RefOr::Ref(Ref::from_schema_name(&name));
        self.schemas.push((name, RefOr::T(Schema::Object(page))));
        self.answers("application/json", reference);
    }

    /// Answers with something that is not JSON.
    pub fn other_answer(&mut self, media_type: &'static str) {
        self.answers(media_type, other_schema(media_type));
    }

    /// All schemas it uses, the error answer included.
    #[must_use]
    pub fn all_schemas(&self) -> Vec<(String, RefOr<Schema>)> {
        let mut schemas = self.schemas.clone();
        ApiError::schemas(&mut schemas);
        schemas.push((
            ApiError::name().into_owned(),
            <ApiError as PartialSchema>::schema(),
        ));
        schemas
    }
}

/// CBOR is bytes; what else is no JSON is described as text.
fn other_schema(media_type: &str) -> RefOr<Schema> {
    let mut text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    if media_type == "application/cbor" {
        text = text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    }
    RefOr::T(Schema::Object(text.build()))
}

/// A route of a table: where it is, who may call it as a sentence, what it says of itself.
pub struct Entry<'a> {
    /// Method, in capitals.
    pub method: &'a str,
    /// Path with `{names}`.
    pub path: &'a str,
    /// Who may call it.
    pub access: String,
    /// The rest.
    pub described: &'a Described,
}

/// The document of a table of routes, as it is committed and served.
#[must_use]
pub fn openapi_document(title: &str, about: &str, version: &str, routes: &[Entry<'_>]) -> String {
    let mut paths = Paths::new();
    let mut components = ComponentsBuilder::new();
    for route in routes {
        for (name, schema) in route.described.all_schemas() {
            components = components.schema(name, schema);
        }
        paths.add_path_operation(route.path, vec![method_of(route.method)], operation(route));
    }
    let info = InfoBuilder::new()
        .title(title)
        .version(version)
        .description(Some(about));
    let document = OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        .build();
    let mut text = document
        .to_pretty_json()
        .unwrap_or_else(|error| error.to_string());
    text.push('\n');
    text
}

fn method_of(method: &str) -> HttpMethod {
    match method {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(route: &Entry<'_>) -> Operation {
    let described = route.described;
    let mut operation = OperationBuilder::new()
        .operation_id(Some(described.operation))
        .tag(area_of(route.path))
        .summary((!described.summary.is_empty()).then_some(described.summary))
        .description(Some(route.access.as_str()));
    for name in path_params(route.path) {
        let uuid = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(Schema::Object(uuid.build()))),
        );
    }
    for parameter in &described.query {
        operation = operation.parameter(parameter.clone());
    }
    if let Some(body) = &described.body {
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .required(Some(Required::True))
                .content(body.media_type, media(body))
                .build(),
        ));
    }
    let mut answer = ResponseBuilder::new().description("Done.");
    if let Some(body) = &described.answer {
        answer = answer.content(body.media_type, media(body));
    }
    let error = ContentBuilder::new()
        .schema(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(
            "ApiError",
        ))))
        .build();
    operation
        .response(described.status.to_string(), answer)
        .response(
            "default",
            ResponseBuilder::new()
                .description("Not done; the body says why.")
                .content("application/json", error),
        )
        .build()
}

fn media(body: &Content) -> Media {
    ContentBuilder::new()
        .schema(Some(body.schema.clone()))
        .build()
}

/// The word after `/api/`, else the first.
#[must_use]
pub fn area_of(path: &str) -> &str {
    let mut words = path.split('/').filter(|w| !w.is_empty());
    match words.next() {
        Some("api") => words.next().unwrap_or("api"),
        Some(word) => word,
        None => "root",
    }
}

/// The names in braces of a path.
fn path_params(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
