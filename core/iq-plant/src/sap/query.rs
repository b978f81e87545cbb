//! Reading: lists with their options and pages, single rows, what hangs on them, and how all of it looks.

use serde_json::{Map, Value, json};

use crate::sap::{
    Inner,
    book::{Book, etag},
    filter::Filter,
    schema::{Field, Kind, Right, SETS, Set, set},
    value::{Row, Val, text_of},
};

/// Most rows of a page, whatever is asked.
const MAX_PAGE: usize = 1_000;

/// A refusal as the system words it.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "/IWBEP/CM_MGW_RT/021", message)
    }

    pub(crate) fn missing() -> Self {
        Self::new(404, "/IWBEP/CM_MGW_RT/020", "Resource not found.")
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "error": {
            "code": self.code,
            "message": { "lang": "en", "value": self.message },
            "innererror": {
                "transactionid": "5FD2C0F1A8B40070E0064E1F2A3B4C5D",
                "errordetails": [
                    { "code": self.code, "message": self.message, "severity": "error" },
                ],
            },
        } })
    }
}

/// The options of a read.
#[derive(Debug, Default)]
pub(crate) struct Options {
    filter: Option<Filter>,
    top: Option<usize>,
    skip: usize,
    /// Rows of earlier pages.
    token: usize,
    order: Vec<(&'static Field, bool)>,
    select: Vec<String>,
    expand: Vec<String>,
    count: bool,
}

impl Options {
    pub(crate) fn parse(pairs: &[(String, String)], of: &'static Set) -> Result<Self, Fault> {
        let mut options = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "$filter" if value.trim().is_empty() => {}
                "$filter" => {
                    options.filter = Some(Filter::parse(value, of).map_err(Fault::bad)?);
                }
                "$top" => options.top = Some(number(value)?),
                "$skip" => options.skip = number(value)?,
                "$skiptoken" => options.token = number(value)?,
                "$inlinecount" => options.count = value == "allpages",
                "$orderby" => {
                    for part in value.split(',') {
                        let mut words = part.split_whitespace();
                        let name = words.next().unwrap_or("");
                        let field = of.field(name).filter(|f| f.right != Right::Shown);
                        let field = field.ok_or_else(|| {
                            Fault::bad(format!("Property {name} can't be used in $orderby."))
                        })?;
                        options.order.push((field, words.next() == Some("desc")));
                    }
                }
                "$select" => {
                    for name in value.split(',').map(str::trim) {
                        let known = of.field(name).is_some()
                            || name == "*"
                            || of.links.iter().any(|(l, _)| *l == name);
                        if !known {
                            let of = of.name;
                            return Err(Fault::bad(format!(
                                "Property {name} was not found in entity type {of}."
                            )));
                        }
                        options.select.push(name.to_owned());
                    }
                }
                "$expand" => {
                    for name in value.split(',').map(str::trim) {
                        if !of.links.iter().any(|(l, _)| *l == name) {
                            return Err(Fault::bad(format!("Invalid navigation {name}.")));
                        }
                        options.expand.push(name.to_owned());
                    }
                }
                "$format" if value != "json" && value != "xml" => {
                    return Err(Fault::new(415, "/IWBEP/CM_MGW_RT/022", "Unknown format."));
                }
                other if other.starts_with('$') && other != "$format" => {
                    return Err(Fault::bad(format!("The option {other} is not supported.")));
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

fn number(text: &str) -> Result<usize, Fault> {
    text.trim()
        .parse()
        .map_err(|_| Fault::bad(format!("'{text}' is no valid number of rows.")))
}

impl Inner {
    /// Base address of a set's service.
    pub(crate) fn service_url(&self, of: &Set) -> String {
        format!("{}/sap/opu/odata/sap/{}", self.origin, of.service)
    }

    /// Address of a row.
    pub(crate) fn row_url(&self, of: &Set, row: &Row) -> String {
        let literal = |key: &str| match row.get(key) {
            Some(Val::Ms(ms)) => {
                let moment = iq_domain::Timestamp(*ms).to_string();
                let second = moment.trim_end_matches(".000Z").replace(':', "%3A");
                format!("datetime'{second}'")
            }
            _ => format!("'{}'", text_of(row, key).replace('\'', "''")),
        };
        let keys = match of.keys {
            [one] => literal(one),
            several => several
                .iter()
                .map(|k| format!("{k}={}", literal(k)))
                .collect::<Vec<_>>()
                .join(","),
        };
        format!("{}/{}({keys})", self.service_url(of), of.name)
    }

    /// A list with count and address of the next page.
    pub(crate) fn list(
        &self,
        book: &Book,
        of: &'static Set,
        within: &Row,
        pairs: &[(String, String)],
        address: &str,
    ) -> Result<Value, Fault> {
        let options = Options::parse(pairs, of)?;
        let inside = |row: &&Row| within.iter().all(|(k, v)| row.get(k) == Some(v));
        let mut rows: Vec<&Row> = book
            .rows(of.name)
            .iter()
            .filter(inside)
            .filter(|row| options.filter.as_ref().is_none_or(|f| f.matches(row)))
            .collect();
        // Without an order it is that of the keys, so that pages fit together.
        let keys = of.keys.iter().filter_map(|k| Some((of.field(k)?, false)));
        let order: Vec<(&Field, bool)> = options.order.iter().copied().chain(keys).collect();
        rows.sort_by(|a, b| {
            let by = |(field, descending): &(&Field, bool)| {
                let value = |row: &Row| row.get(field.name).cloned().unwrap_or(Val::Null);
                let order = value(a).order(&value(b), field.kind);
                if *descending { order.reverse() } else { order }
            };
            let unequal = order.iter().map(by).find(|o| o.is_ne());
            unequal.unwrap_or(std::cmp::Ordering::Equal)
        });
        let total = rows.len();
        let wanted: Vec<&Row> = rows
            .into_iter()
            .skip(options.skip)
            .take(options.top.unwrap_or(usize::MAX))
            .collect();
        let size = self.config.page_size.clamp(1, MAX_PAGE);
        let page: Vec<Value> = wanted
            .iter()
            .skip(options.token)
            .take(size)
            .map(|row| self.shown(book, of, row, &options))
            .collect();
        let reached = options.token.saturating_add(page.len());
        let mut list = json!({ "results": page });
        if options.count {
            list["__count"] = json!(total.to_string());
        }
        if reached < wanted.len() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in pairs.iter().filter(|(n, _)| n != "$skiptoken") {
                query.append_pair(name, value);
            }
            query.append_pair("$skiptoken", &reached.to_string());
            list["__next"] = json!(format!("{address}?{}", query.finish()));
        }
        Ok(json!({ "d": list }))
    }

    /// How many rows match.
    pub(crate) fn count(
        &self,
        book: &Book,
        of: &'static Set,
        pairs: &[(String, String)],
    ) -> Result<usize, Fault> {
        let options = Options::parse(pairs, of)?;
        let matches = |row: &&Row| options.filter.as_ref().is_none_or(|f| f.matches(row));
        Ok(book.rows(of.name).iter().filter(matches).count())
    }

    /// A single row.
    pub(crate) fn single(
        &self,
        book: &Book,
        of: &'static Set,
        row: &Row,
        pairs: &[(String, String)],
    ) -> Result<Value, Fault> {
        let options = Options::parse(pairs, of)?;
        Ok(json!({ "d": self.shown(book, of, row, &options) }))
    }

    fn shown(&self, book: &Book, of: &'static Set, row: &Row, options: &Options) -> Value {
        let uri = self.row_url(of, row);
        let mut metadata = json!({
            "id": uri, "uri": uri, "type": format!("{}.{}Type", of.service, of.name),
        });
        if row.contains_key("LastChangeDateTime") {
            metadata["etag"] = json!(etag(row));
        }
        let chosen = |name: &str| {
            options.select.is_empty() || options.select.iter().any(|s| s == name || s == "*")
        };
        let mut object = Map::new();
        object.insert("__metadata".to_owned(), metadata);
        for field in of.fields.iter().filter(|f| chosen(f.name)) {
            let value = row.get(field.name).unwrap_or(&Val::Null);
            object.insert(field.name.to_owned(), value.wire(field.kind));
        }
        for (link, target) in of.links {
            let expanded = options.expand.iter().any(|e| e == link);
            if expanded {
                let target = set(target);
                let own = |r: &&Row| of.keys.iter().all(|k| r.get(*k) == row.get(*k));
                let rows: Vec<Value> = book
                    .rows(target.name)
                    .iter()
                    .filter(own)
                    .map(|r| self.shown(book, target, r, &Options::default()))
                    .collect();
                object.insert((*link).to_owned(), json!({ "results": rows }));
            } else if chosen(link) {
                let deferred = json!({ "__deferred": { "uri": format!("{uri}/{link}") } });
                object.insert((*link).to_owned(), deferred);
            }
        }
        Value::Object(object)
    }
}

/// The sets of a service.
pub(crate) fn service_document(service: &str) -> Option<Value> {
    let sets: Vec<&str> = SETS
        .iter()
        .filter(|s| s.service == service)
        .map(|s| s.name)
        .collect();
    (!sets.is_empty()).then(|| json!({ "d": { "EntitySets": sets } }))
}

/// `$metadata` of a service.
pub(crate) fn metadata(service: &str) -> String {
    let mut types = String::new();
    let mut sets = String::new();
    for of in SETS.iter().filter(|s| s.service == service) {
        let mut body = String::from("<Key>");
        for key in of.keys {
            body.push_str(&format!("<PropertyRef Name=\"{key}\"/>"));
        }
        body.push_str("</Key>");
        for field in of.fields {
            let (kind, length) = match field.kind {
                Kind::Text(n) => ("String", format!(" MaxLength=\"{n}\"")),
                Kind::DateTime => ("DateTime", String::new()),
                Kind::Offset => ("DateTimeOffset", String::new()),
                Kind::Time => ("Time", String::new()),
                Kind::Decimal => ("Decimal", String::new()),
                Kind::Flag => ("Boolean", String::new()),
            };
            let right = match field.right {
                Right::Free => "",
                Right::Once => " sap:updatable=\"false\"",
                Right::System => " sap:creatable=\"false\" sap:updatable=\"false\"",
                Right::Shown => {
                    " sap:creatable=\"false\" sap:updatable=\"false\" sap:sortable=\"false\" sap:filterable=\"false\""
                }
            };
            let name = field.name;
            body.push_str(&format!(
                "<Property Name=\"{name}\" Type=\"Edm.{kind}\"{length}{right}/>"
            ));
        }
        let name = of.name;
        types.push_str(&format!(
            "<EntityType Name=\"{name}Type\">{body}</EntityType>"
        ));
        sets.push_str(&format!(
            "<EntitySet Name=\"{name}\" EntityType=\"{service}.{name}Type\"/>"
        ));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><edmx:Edmx Version=\"1.0\" \
         xmlns:edmx=\"http://schemas.microsoft.com/ado/2007/06/edmx\" \
         xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\" \
         xmlns:sap=\"http://www.sap.com/Protocols/SAPData\">\
         <edmx:DataServices m:DataServiceVersion=\"2.0\"><Schema Namespace=\"{service}\" \
         xmlns=\"http://schemas.microsoft.com/ado/2008/09/edm\">{types}\
         <EntityContainer Name=\"{service}_Entities\" m:IsDefaultEntityContainer=\"true\">{sets}\
         </EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )
}

/// The same answer in Atom, which is what comes to a caller who didn't ask for JSON.
pub(crate) fn atom(answer: &Value) -> String {
    let body = &answer["d"];
    let entry = |row: &Value| {
        let mut fields = String::new();
        for (name, value) in row.as_object().into_iter().flatten() {
            if let Value::String(text) = value {
                let text = text.replace('&', "&amp;").replace('<', "&lt;");
                fields.push_str(&format!("<d:{name}>{text}</d:{name}>"));
            }
        }
        format!(
            "<entry><content type=\"application/xml\"><m:properties>{fields}</m:properties></content></entry>"
        )
    };
    let inner: String = match body["results"].as_array() {
        Some(rows) => rows.iter().map(entry).collect(),
        None => entry(body),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><feed xmlns=\"http://www.w3.org/2005/Atom\" \
         xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\" \
         xmlns:d=\"http://schemas.microsoft.com/ado/2007/08/dataservices\">{inner}</feed>"
    )
}
