//! Which path answers what. Requests of a batch come through here as well.

use serde_json::{Value, json};

use crate::pi::{
    Inner,
    model::{Object, chosen},
    params::{Params, Refusal, Ticks, iso, matches},
    streams::{Wanted, unknown},
};

/// Objects a page may carry at most.
const MAX_PAGE: usize = 1_000;

/// A request without its transport.
pub(crate) struct Call<'a> {
    /// Segments below the base, decoded.
    pub(crate) path: &'a [String],
    pub(crate) params: &'a Params,
    pub(crate) now: Ticks,
    /// Name of the caller.
    pub(crate) caller: &'a str,
}

impl Call<'_> {
    fn short(&self) -> Result<bool, Refusal> {
        match self
            .params
            .get("webIdType")
            .map(str::to_lowercase)
            .as_deref()
        {
            None | Some("full") => Ok(false),
            Some("idonly") => Ok(true),
            Some(other) => Err(Refusal::bad(format!(
                "The web ID type '{other}' is not supported."
            ))),
        }
    }
}

impl Inner {
    /// The answer to a GET.
    pub(crate) fn answer(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let short = call.short()?;
        let names: Vec<String> = call.path.iter().map(|s| s.to_lowercase()).collect();
        let words: Vec<&str> = names.iter().map(String::as_str).collect();
        // Web ids are case-sensitive, everything else isn't.
        let id = || call.path[1].as_str();
        match words.as_slice() {
            [] => Ok(self.home()),
            ["system", rest @ ..] => self.system(rest, call),
            ["dataservers"] => Ok(self.named(call, self.data_server(short), "name")),
            ["dataservers", _] => self.expect(id(), Object::DataServer, self.data_server(short)),
            ["dataservers", _, "points"] => {
                self.expect(id(), Object::DataServer, Value::Null)?;
                let pattern = call.params.get("nameFilter").unwrap_or("*");
                self.point_page(call, short, |p| matches(pattern, p))
            }
            ["points"] => self.by_path(call, short, r"path"),
            ["points", "search"] => self.search(call, short),
            ["points", _] => match self.model.find(id()) {
                Some(Object::Point(at)) => Ok(self.model.point_json(&self.base, at, short)),
                _ => Err(unknown(id())),
            },
            ["assetservers"] => Ok(self.named(call, self.asset_server(short), "name")),
            ["assetservers", _] => self.expect(id(), Object::AssetServer, self.asset_server(short)),
            ["assetservers", _, "assetdatabases"] => {
                self.expect(id(), Object::AssetServer, Value::Null)?;
                Ok(json!({ "Links": {}, "Items": [self.database(short)] }))
            }
            ["assetdatabases"] => self.by_path(call, short, r"path"),
            ["assetdatabases", _] => self.expect(id(), Object::Database, self.database(short)),
            ["assetdatabases", _, "elements"] => {
                self.expect(id(), Object::Database, Value::Null)?;
                self.elements(call, None, short)
            }
            ["assetdatabases", _, "eventframes"] if self.is_database(id()) => {
                self.event_frames(call, short)
            }
            ["elements"] => self.by_path(call, short, r"path"),
            ["elements", _] => {
                let at = self.element_at(id())?;
                Ok(self.model.element_json(&self.base, at, short))
            }
            ["elements", _, "elements"] => self.elements(call, Some(self.element_at(id())?), short),
            ["elements", _, "attributes"] => self.attributes(call, self.element_at(id())?, short),
            ["attributes"] => self.by_path(call, short, r"path"),
            ["attributes", _] => match self.model.find(id()) {
                Some(Object::Attribute(at)) => Ok(self.model.attribute_json(&self.base, at, short)),
                _ => Err(unknown(id())),
            },
            ["streams", _, wanted] => {
                let wanted = Wanted::parse(wanted).ok_or_else(no_route)?;
                let stream = self.stream(id(), short)?;
                self.stream_answer(&stream, wanted, call.params, call.now)
            }
            ["streamsets", wanted] => self.stream_set(call, None, wanted, short),
            ["streamsets", _, wanted] => self.stream_set(call, Some(id()), wanted, short),
            _ => Err(no_route()),
        }
    }

    fn home(&self) -> Value {
        let base = &self.base;
        json!({ "Links": {
            "Self": format!("{base}/"),
            "AssetServers": format!("{base}/assetservers"),
            "DataServers": format!("{base}/dataservers"),
            "Search": format!("{base}/search"),
            "System": format!("{base}/system"),
        } })
    }

    fn system(&self, rest: &[&str], call: &Call<'_>) -> Result<Value, Refusal> {
        let base = &self.base;
        match rest {
            [] => Ok(json!({
                "ProductTitle": "PI Web API 2023 (compatible demo)",
                "ProductVersion": "1.18.0.0",
                "Links": {
                    "Self": format!("{base}/system"),
                    "CacheInstances": format!("{base}/system/cacheinstances"),
                    "Configuration": format!("{base}/system/configuration"),
                    "UserInfo": format!("{base}/system/userinfo"),
                    "Versions": format!("{base}/system/versions"),
                    "Status": format!("{base}/system/status"),
                },
            })),
            ["userinfo"] => Ok(json!({
                "IdentityType": "WindowsIdentity", "Name": format!(r"WAHA\{}", call.caller),
                "IsAuthenticated": !self.config.anonymous,
                "SID": "S-1-5-21-1004336348-1177238915-682003330-1105",
                "ImpersonationLevel": "None",
            })),
            ["status" | "versions" | "configuration" | "cacheinstances"]
                if !self.config.administrator =>
            {
                Err(Refusal::new(
                    403,
                    "The user is not a member of the group 'PI Web API Admins'.",
                ))
            }
            ["status"] => Ok(json!({
                "UpTimeInMinutes": 32_345.6, "State": "Running", "CacheInstances": 0,
                "ServerTime": iso(call.now),
            })),
            ["versions"] => Ok(json!({
                "PI Web API": { "FullVersion": "1.18.0.0", "MajorMinorRevision": "1.18.0" },
            })),
            _ => Err(no_route()),
        }
    }

    fn data_server(&self, short: bool) -> Value {
        let ids = &self.model.data_server;
        let (id, name) = (chosen(ids, short), super::DATA_SERVER);
        let base = &self.base;
        json!({
            "WebId": id, "Id": ids.guid, "Name": name, "Path": format!(r"\\{name}"),
            "IsConnected": true, "ServerVersion": "3.4.445.688",
            "ServerTime": null,
            "Links": {
                "Self": format!("{base}/dataservers/{id}"),
                "Points": format!("{base}/dataservers/{id}/points"),
            },
        })
    }

    fn asset_server(&self, short: bool) -> Value {
        let ids = &self.model.asset_server;
        let (id, name) = (chosen(ids, short), super::ASSET_SERVER);
        let base = &self.base;
        json!({
            "WebId": id, "Id": ids.guid, "Name": name, "Description": "",
            "Path": format!(r"\\{name}"), "IsConnected": true, "ServerVersion": "2.10.9.593",
            "ExtendedProperties": {},
            "Links": {
                "Self": format!("{base}/assetservers/{id}"),
                "Databases": format!("{base}/assetservers/{id}/assetdatabases"),
            },
        })
    }

    fn database(&self, short: bool) -> Value {
        let ids = &self.model.database;
        let id = chosen(ids, short);
        let base = &self.base;
        json!({
            "WebId": id, "Id": ids.guid, "Name": super::DATABASE, "Description": "",
            "Path": format!(r"\\{}\{}", super::ASSET_SERVER, super::DATABASE),
            "ExtendedProperties": {},
            "Links": {
                "Self": format!("{base}/assetdatabases/{id}"),
                "Elements": format!("{base}/assetdatabases/{id}/elements"),
                "EventFrames": format!("{base}/assetdatabases/{id}/eventframes"),
            },
        })
    }

    /// A list with one object, or the object itself when it was asked for by name or path.
    fn named(&self, call: &Call<'_>, object: Value, by: &str) -> Value {
        if call.params.get(by).is_some() || call.params.get("path").is_some() {
            return object;
        }
        json!({ "Links": {}, "Items": [object] })
    }

    fn expect(&self, web_id: &str, object: Object, answer: Value) -> Result<Value, Refusal> {
        if self.model.find(web_id) == Some(object) {
            Ok(answer)
        } else {
            Err(unknown(web_id))
        }
    }

    fn element_at(&self, web_id: &str) -> Result<usize, Refusal> {
        match self.model.find(web_id) {
            Some(Object::Element(at)) => Ok(at),
            _ => Err(unknown(web_id)),
        }
    }

    fn by_path(&self, call: &Call<'_>, short: bool, name: &str) -> Result<Value, Refusal> {
        let path = call
            .params
            .get(name)
            .ok_or_else(|| Refusal::bad(format!("Parameter ({name}) is missing.")))?;
        let kind = call.path[0].to_lowercase();
        let found = match (kind.as_str(), self.model.find_path(path)) {
            ("points", Some(Object::Point(at))) => self.model.point_json(&self.base, at, short),
            ("elements", Some(Object::Element(at))) => {
                self.model.element_json(&self.base, at, short)
            }
            ("attributes", Some(Object::Attribute(at))) => {
                self.model.attribute_json(&self.base, at, short)
            }
            ("assetdatabases", Some(Object::Database)) => self.database(short),
            _ => {
                return Err(Refusal::new(
                    404,
                    format!("The object '{path}' could not be found."),
                ));
            }
        };
        Ok(found)
    }

    fn point_page(
        &self,
        call: &Call<'_>,
        short: bool,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Value, Refusal> {
        let points = &self.model.points;
        let found: Vec<usize> = (0..points.len())
            .filter(|i| wanted(&points[*i].name))
            .collect();
        self.page(call, &found, |at| {
            self.model.point_json(&self.base, at, short)
        })
    }

    /// `Tag:=SINUS* AND PointType:=Float32`.
    fn search(&self, call: &Call<'_>, short: bool) -> Result<Value, Refusal> {
        if let Some(server) = call.params.get("dataServerWebId") {
            self.expect(server, Object::DataServer, Value::Null)?;
        }
        let query = call.params.get("query").unwrap_or("Tag:=*");
        let mut conditions = Vec::new();
        for part in query.split_whitespace() {
            if part.eq_ignore_ascii_case("and") {
                continue;
            }
            let (attribute, pattern) = part.split_once(":=").ok_or_else(|| {
                Refusal::bad(format!("The query '{query}' is not a valid query."))
            })?;
            conditions.push((attribute.to_lowercase(), pattern.trim_matches(['\'', '"'])));
        }
        let points = &self.model.points;
        let mut found = Vec::new();
        for (i, point) in points.iter().enumerate() {
            let shown = self.model.point_json(&self.base, i, short);
            let mut all = true;
            for (attribute, pattern) in &conditions {
                let text = match attribute.as_str() {
                    "tag" | "name" => point.name.as_str(),
                    "descriptor" => point.descriptor.as_str(),
                    "engunits" | "engineeringunits" => point.units.as_str(),
                    "pointtype" => shown["PointType"].as_str().unwrap_or_default(),
                    other => {
                        return Err(Refusal::bad(format!(
                            "The query field '{other}' is not known."
                        )));
                    }
                };
                all &= matches(pattern, text);
            }
            if all {
                found.push(i);
            }
        }
        self.page(call, &found, |at| {
            self.model.point_json(&self.base, at, short)
        })
    }

    fn elements(
        &self,
        call: &Call<'_>,
        parent: Option<usize>,
        short: bool,
    ) -> Result<Value, Refusal> {
        let pattern = call.params.get("nameFilter").unwrap_or("*");
        let whole = call.params.flag("searchFullHierarchy")?;
        let elements = &self.model.elements;
        let below = |mut at: usize| loop {
            let above = elements[at].parent;
            if above == parent {
                return true;
            }
            match above {
                Some(next) if whole => at = next,
                _ => return false,
            }
        };
        let found: Vec<usize> = (0..elements.len())
            .filter(|i| below(*i) && matches(pattern, &elements[*i].name))
            .collect();
        self.page(call, &found, |at| {
            self.model.element_json(&self.base, at, short)
        })
    }

    fn attributes(&self, call: &Call<'_>, element: usize, short: bool) -> Result<Value, Refusal> {
        let pattern = call.params.get("nameFilter").unwrap_or("*");
        let attributes = &self.model.attributes;
        let found: Vec<usize> = (0..attributes.len())
            .filter(|i| attributes[*i].element == element && matches(pattern, &attributes[*i].name))
            .collect();
        self.page(call, &found, |at| {
            self.model.attribute_json(&self.base, at, short)
        })
    }

    fn stream_set(
        &self,
        call: &Call<'_>,
        element: Option<&str>,
        wanted: &str,
        short: bool,
    ) -> Result<Value, Refusal> {
        let wanted = Wanted::parse(wanted).ok_or_else(no_route)?;
        let streams = self.streams(element, call.params, short)?;
        self.set_answer(&streams, wanted, call.params, call.now)
    }

    /// A page of a list with links to its neighbours.
    pub(super) fn page(
        &self,
        call: &Call<'_>,
        found: &[usize],
        show: impl Fn(usize) -> Value,
    ) -> Result<Value, Refusal> {
        let start = call.params.count("startIndex", 0, usize::MAX)?;
        let max = call.params.count("maxCount", MAX_PAGE, MAX_PAGE)?;
        let items: Vec<Value> = found
            .iter()
            .skip(start)
            .take(max)
            .map(|i| show(*i))
            .collect();
        let link = |start: usize| {
            let query = call.params.with(&[
                ("startIndex", start.to_string()),
                ("maxCount", max.to_string()),
            ]);
            json!(format!("{}/{}?{query}", self.base, call.path.join("/")))
        };
        let mut links = serde_json::Map::new();
        if max > 0 && !found.is_empty() {
            links.insert("First".to_owned(), link(0));
            if start > 0 {
                links.insert("Previous".to_owned(), link(start.saturating_sub(max)));
            }
            if start.saturating_add(max) < found.len() {
                links.insert("Next".to_owned(), link(start + max));
            }
            links.insert("Last".to_owned(), link((found.len() - 1) / max * max));
        }
        Ok(json!({ "Links": links, "Items": items }))
    }
}

fn no_route() -> Refusal {
    Refusal::new(
        404,
        "No HTTP resource was found that matches the request URI.",
    )
}
