//! How a route is declared: method, path, permission, handler and documentation in one expression. The
//! guard, the OpenAPI document, the permission matrix and the tests all read this declaration.

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use iq_api_types::ApiError;
use iq_domain::Permission;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Ref, RefOr, Schema,
        path::{Parameter, ParameterIn},
        schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type},
    },
};

use crate::state::ApiState;

/// Largest JSON body unless a route says otherwise.
pub(crate) const JSON_CAP: usize = 64 * 1024;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches the port.
    Public,
    /// A session whose role holds the permission.
    May(Permission),
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::May(permission)
    }
}

/// The documented form of a body.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    pub(crate) schema: RefOr<Schema>,
}

/// One route.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) operation: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) handler: MethodRouter<ApiState>,
    pub(crate) query: Vec<Parameter>,
    pub(crate) body: Option<Content>,
    pub(crate) status: u16,
    pub(crate) answer: Option<Content>,
    /// What it may answer beside that: another media type of the same status, or another status.
    pub(crate) others: Vec<(Option<u16>, Content)>,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
    pub(crate) body_cap: usize,
    /// Action name of the audit record; `None` for what changes nothing.
    pub(crate) audit: Option<&'static str>,
    /// Allowed while a temporary password is not yet changed.
    pub(crate) before_password_change: bool,
}

macro_rules! methods {
    ($($name:ident = $method:ident),+) => {$(
        pub(crate) fn $name<H, T>(
            path: &'static str,
            access: impl Into<Access>,
            handler: H,
        ) -> Route
        where
            H: Handler<T, ApiState>,
            T: 'static,
        {
            Route::new(Method::$method, MethodFilter::$method, path, access.into(), handler)
        }
    )+};
}

methods!(
    get = GET,
    post = POST,
    put = PUT,
    patch = PATCH,
    delete = DELETE
);

impl Route {
    fn new<H, T>(
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        access: Access,
        handler: H,
    ) -> Self
    where
        H: Handler<T, ApiState>,
        T: 'static,
    {
        let name = std::any::type_name::<H>();
        Self {
            method,
            path,
            access,
            operation: name.rsplit("::").next().unwrap_or(name),
            summary: "",
            handler: on(filter, handler),
            query: Vec::new(),
            body: None,
            status: 200,
            answer: None,
            others: Vec::new(),
            schemas: Vec::new(),
            body_cap: JSON_CAP,
            audit: None,
            before_password_change: false,
        }
    }

    /// One sentence for the document.
    pub(crate) fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }

    /// Said more than once, the parameters add up.
    pub(crate) fn query<T: IntoParams>(mut self) -> Self {
        self.query
            .extend(T::into_params(|| Some(ParameterIn::Query)));
        self
    }

    pub(crate) fn body<T: ToSchema>(mut self) -> Self {
        let schema = self.schema::<T>();
        self.body = Some(Content {
            media_type: "application/json",
            schema,
        });
        self
    }

    /// A body that is not JSON.
    pub(crate) fn text_body(mut self, media_type: &'static str) -> Self {
        self.body = Some(Content {
            media_type,
            schema: text_schema(),
        });
        self
    }

    pub(crate) fn cap(mut self, bytes: usize) -> Self {
        self.body_cap = bytes;
        self
    }

    fn answers(mut self, media_type: &'static str, schema: RefOr<Schema>) -> Self {
        self.answer = Some(Content { media_type, schema });
        self
    }

    pub(crate) fn answer<T: ToSchema>(mut self) -> Self {
        let schema = self.schema::<T>();
        self.answers("application/json", schema)
    }

    pub(crate) fn list<T: ToSchema>(mut self) -> Self {
        let item = self.schema::<T>();
        let list = ArrayBuilder::new().items(item).build();
        self.answers("application/json", RefOr::T(Schema::Array(list)))
    }

    /// A page of a list, as its own named schema.
    pub(crate) fn page<T: ToSchema>(mut self) -> Self {
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
        self.answers("application/json", reference)
    }

    /// An answer that is not JSON.
    pub(crate) fn text_answer(self, media_type: &'static str) -> Self {
        self.answers(media_type, text_schema())
    }

    /// Another media type that the answer may have.
    pub(crate) fn or_as(mut self, media_type: &'static str) -> Self {
        let schema = text_schema();
        self.others.push((None, Content { media_type, schema }));
        self
    }

    /// The same as JSON, in a form that its own fields describe.
    pub(crate) fn or_json(mut self) -> Self {
        let content = Content {
            media_type: "application/json",
            schema: RefOr::T(Schema::Object(ObjectBuilder::new().build())),
        };
        self.others.push((None, content));
        self
    }

    /// Another status that is none of an error, with a body of its own.
    pub(crate) fn or_status<T: ToSchema>(mut self, status: u16) -> Self {
        let content = Content {
            media_type: "application/json",
            schema: self.schema::<T>(),
        };
        self.others.push((Some(status), content));
        self
    }

    /// Adds types that only appear inside an event stream.
    pub(crate) fn also<T: ToSchema>(mut self) -> Self {
        self.schema::<T>();
        self
    }

    pub(crate) const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) const fn audits(mut self, action: &'static str) -> Self {
        self.audit = Some(action);
        self
    }

    pub(crate) const fn before_password_change(mut self) -> Self {
        self.before_password_change = true;
        self
    }

    /// All schemas it uses, the error answer included.
    pub(crate) fn all_schemas(&self) -> Vec<(String, RefOr<Schema>)> {
        let mut schemas = self.schemas.clone();
        ApiError::schemas(&mut schemas);
        schemas.push((
            ApiError::name().into_owned(),
            <ApiError as utoipa::PartialSchema>::schema(),
        ));
        schemas
    }
}

/// The media type of a workbook.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

fn text_schema() -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    RefOr::T(Schema::Object(text.build()))
}
