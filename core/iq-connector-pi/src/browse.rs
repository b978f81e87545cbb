//! Looking into the source, page by page: data servers and their points, asset servers and their
//! databases, elements and attributes.
//!
//! Places are named `pi:<path>` and `af:<path>`, since a data server and an asset server may have the
//! same name; what carries a value is named by its bare path.

use iq_connector::{BrowseItem, BrowsePage, BrowseRequest, MAX_BROWSE_PAGE};
use iq_domain::{CodedError, neutralise};

use crate::{
    api::{Api, Resource},
    config::Settings,
    resolve::is_web_id,
    tag::{TagKind, kind_of},
    wire::{List, Object},
};

/// Longest name or path shown.
const MAX_NAME: usize = 300;
/// Most objects of a listing that has no pages of its own.
const MAX_UNPAGED: usize = 2_000;

/// Where a listing stands: which of its parts, and how many of that part were handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    part: usize,
    start: usize,
}

impl Cursor {
    fn parse(text: Option<&str>) -> Result<Self, CodedError> {
        let Some(text) = text else {
            return Ok(Self { part: 0, start: 0 });
        };
        let read = |text: &str| text.parse().ok().filter(|n: &usize| *n <= 100_000_000);
        text.split_once('.')
            .and_then(|(part, start)| {
                Some(Self {
                    part: read(part)?,
                    start: read(start)?,
                })
            })
            .ok_or_else(|| CodedError::invalid("connector.cursor_invalid"))
    }

    fn text(self) -> String {
        format!("{}.{}", self.part, self.start)
    }
}

/// One part of a listing: what to ask for, and what its objects are.
struct Part {
    resource: Resource,
    kind: Kind,
    /// Whether the server pages it itself.
    is_paged: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    DataServer,
    AssetServer,
    Database,
    Element,
    Point,
    Attribute,
    /// The database of the configuration; nothing needs to be asked for.
    Chosen,
}

fn unknown_place(place: &str) -> CodedError {
    CodedError::not_found("pi.place_unknown").with("place", place)
}

fn path_resource(collection: &str, path: &str) -> Resource {
    Resource::new(collection).with("path", path)
}

/// The id of the place a path names.
async fn web_id(api: &Api, collection: &str, path: &str) -> Result<String, CodedError> {
    let object: Object = api.get(path_resource(collection, path)).await?;
    object
        .web_id
        .filter(|id| is_web_id(id))
        .ok_or_else(|| unknown_place(path))
}

fn part(path: String, kind: Kind) -> Part {
    let is_paged = matches!(kind, Kind::Point | Kind::Element | Kind::Attribute);
    Part {
        resource: Resource::new(path),
        kind,
        is_paged,
    }
}

/// What lies directly below a place.
async fn below(api: &Api, settings: &Settings, parent: &str) -> Result<Vec<Part>, CodedError> {
    if let Some(path) = parent.strip_prefix("pi:") {
        let id = web_id(api, "dataservers", path).await?;
        let mut points = part(format!("dataservers/{id}/points"), Kind::Point);
        points.resource = points.resource.with("nameFilter", &settings.filter);
        return Ok(vec![points]);
    }
    if let Some(path) = parent.strip_prefix("af:") {
        let depth = path.trim_start_matches('\\').split('\\').count();
        return Ok(match depth {
            1 => {
                let id = web_id(api, "assetservers", path).await?;
                vec![part(
                    format!("assetservers/{id}/assetdatabases"),
                    Kind::Database,
                )]
            }
            2 => {
                let id = web_id(api, "assetdatabases", path).await?;
                vec![part(format!("assetdatabases/{id}/elements"), Kind::Element)]
            }
            _ => {
                let id = web_id(api, "elements", path).await?;
                vec![
                    part(format!("elements/{id}/elements"), Kind::Element),
                    part(format!("elements/{id}/attributes"), Kind::Attribute),
                ]
            }
        });
    }
    if kind_of(parent) == Some(TagKind::Attribute) {
        let id = web_id(api, "attributes", parent).await?;
        return Ok(vec![part(
            format!("attributes/{id}/attributes"),
            Kind::Attribute,
        )]);
    }
    Err(unknown_place(parent))
}

/// What there is at the top.
fn top(settings: &Settings) -> Vec<Part> {
    match &settings.database {
        // One database is wanted: the asset servers are of no interest.
        Some(_) => vec![
            part(String::new(), Kind::Chosen),
            part("dataservers".to_owned(), Kind::DataServer),
        ],
        None => vec![
            part("dataservers".to_owned(), Kind::DataServer),
            part("assetservers".to_owned(), Kind::AssetServer),
        ],
    }
}

/// The parts a search looks through: every data server's points, every database's attributes.
async fn searched(
    api: &Api,
    settings: &Settings,
    parent: Option<&str>,
    text: &str,
) -> Result<Vec<Part>, CodedError> {
    let name = format!("*{}*", text.replace(['*', '?'], ""));
    let points = |id: &str| {
        let mut found = part(format!("dataservers/{id}/points"), Kind::Point);
        found.resource = found.resource.with("nameFilter", &name);
        found
    };
    let attributes = |owner: String| {
        let mut found = part(owner, Kind::Attribute);
        found.resource = found
            .resource
            .with("attributeNameFilter", &name)
            .with("searchFullHierarchy", true);
        found
    };
    let mut parts = Vec::new();
    match parent {
        Some(place) if place.starts_with("pi:") => {
            parts.push(points(&web_id(api, "dataservers", &place[3..]).await?));
        }
        Some(place) if place.starts_with("af:") => {
            let path = &place[3..];
            match path.trim_start_matches('\\').split('\\').count() {
                1 => {
                    let id = web_id(api, "assetservers", path).await?;
                    let list: List<Object> = api
                        .get(Resource::new(format!("assetservers/{id}/assetdatabases")))
                        .await?;
                    for database in ids(list) {
                        parts.push(attributes(format!(
                            "assetdatabases/{database}/elementattributes"
                        )));
                    }
                }
                2 => {
                    let id = web_id(api, "assetdatabases", path).await?;
                    parts.push(attributes(format!("assetdatabases/{id}/elementattributes")));
                }
                _ => {
                    let id = web_id(api, "elements", path).await?;
                    parts.push(attributes(format!("elements/{id}/elementattributes")));
                }
            }
        }
        Some(place) => return Err(unknown_place(place)),
        None => {
            let servers: List<Object> = api.get(Resource::new("dataservers")).await?;
            parts.extend(ids(servers).iter().map(|id| points(id)));
            if let Some(path) = &settings.database {
                let collection = match path.trim_start_matches('\\').split('\\').count() {
                    ..=2 => "assetdatabases",
                    _ => "elements",
                };
                let id = web_id(api, collection, path).await?;
                parts.push(attributes(format!("{collection}/{id}/elementattributes")));
            }
        }
    }
    Ok(parts)
}

fn ids(list: List<Object>) -> Vec<String> {
    let ids = list.items.into_iter().filter_map(|o| o.web_id);
    ids.filter(|id| is_web_id(id)).take(50).collect()
}

/// An object as an item; `None` when it has no path to be named by.
fn item(object: Object, kind: Kind) -> Option<BrowseItem> {
    let path = object.path.filter(|path| path.chars().count() <= 1_000)?;
    let (id, is_variable) = match kind {
        Kind::DataServer => (format!("pi:{path}"), false),
        Kind::AssetServer | Kind::Database | Kind::Element | Kind::Chosen => {
            (format!("af:{path}"), false)
        }
        Kind::Point => (path.clone(), kind_of(&path) == Some(TagKind::Point)),
        Kind::Attribute => (path.clone(), kind_of(&path) == Some(TagKind::Attribute)),
    };
    let clean = |text: Option<String>| {
        text.map(|t| neutralise(t.trim(), MAX_NAME))
            .filter(|t| !t.is_empty())
    };
    let name = clean(object.name).unwrap_or_else(|| neutralise(&path, MAX_NAME));
    let has_children = match kind {
        Kind::Point => false,
        Kind::Attribute => object.has_children.unwrap_or(false),
        // An element without elements may still have attributes.
        _ => true,
    };
    Some(BrowseItem {
        display: name,
        path: neutralise(
            &path.trim_start_matches('\\').replace(['\\', '|'], "/"),
            1_000,
        ),
        id,
        has_children,
        is_variable,
        data_type: clean(match kind {
            Kind::Point => object.point_type,
            Kind::Attribute => object.attribute_type,
            _ => None,
        }),
        unit: clean(match kind {
            Kind::Point => object.engineering_units,
            Kind::Attribute => object.default_units_name,
            _ => None,
        }),
        description: clean(object.descriptor.or(object.description)),
    })
}

/// One page of a listing.
pub(crate) async fn browse(
    api: &Api,
    settings: &Settings,
    request: BrowseRequest,
) -> Result<BrowsePage, CodedError> {
    let limit = request.limit.clamp(1, MAX_BROWSE_PAGE);
    let cursor = Cursor::parse(request.cursor.as_deref())?;
    let search = request
        .search
        .as_deref()
        .map(str::trim)
        .filter(|s| !s.is_empty());
    let parent = request.parent.as_deref().filter(|p| !p.is_empty());
    let parts = match (search, parent) {
        (Some(text), _) => searched(api, settings, parent, text).await?,
        (None, Some(place)) => below(api, settings, place).await?,
        (None, None) => top(settings),
    };
    let Some(current) = parts.get(cursor.part) else {
        return Ok(BrowsePage::default());
    };
    let (items, next_start) = match (current.kind, &settings.database) {
        (Kind::Chosen, Some(path)) => (vec![chosen(path)], None),
        (kind, _) => {
            let (objects, next) = objects(api, current, cursor.start, limit).await?;
            let names = settings.wildcard();
            let fits = |object: &Object| match kind {
                Kind::Point => object.name.as_deref().is_some_and(|name| names.fits(name)),
                Kind::Attribute => object.is_hidden != Some(true),
                _ => true,
            };
            let fitting = objects.into_iter().filter(fits);
            (
                fitting.filter_map(|object| item(object, kind)).collect(),
                next,
            )
        }
    };
    let next = match next_start {
        Some(start) => Some(Cursor {
            part: cursor.part,
            start,
        }),
        None => (cursor.part + 1 < parts.len()).then_some(Cursor {
            part: cursor.part + 1,
            start: 0,
        }),
    };
    Ok(BrowsePage {
        items,
        next_cursor: next.map(Cursor::text),
    })
}

/// The database of the configuration as an item of the top.
fn chosen(path: &str) -> BrowseItem {
    BrowseItem {
        id: format!("af:{path}"),
        display: neutralise(path.trim_start_matches('\\'), MAX_NAME),
        path: neutralise(&path.trim_start_matches('\\').replace('\\', "/"), MAX_NAME),
        has_children: true,
        is_variable: false,
        data_type: None,
        unit: None,
        description: None,
    }
}

/// Objects of a part from `start` on, and where the next page begins.
async fn objects(
    api: &Api,
    part: &Part,
    start: usize,
    limit: usize,
) -> Result<(Vec<Object>, Option<usize>), CodedError> {
    if !part.is_paged {
        let list: List<Object> = api.get(part.resource.clone()).await?;
        let all = list.items.into_iter().take(MAX_UNPAGED);
        let rest: Vec<Object> = all.skip(start).collect();
        let has_more = rest.len() > limit;
        let page = rest.into_iter().take(limit).collect();
        return Ok((page, has_more.then_some(start + limit)));
    }
    let resource = part
        .resource
        .clone()
        .with("startIndex", start)
        .with("maxCount", limit);
    let mut list: List<Object> = api.get(resource).await?;
    let came = list.items.len();
    list.items.truncate(limit);
    // Old servers name no next page; a full one may have one then.
    let has_more = match (&list.links.next, &list.links.last) {
        (Some(next), _) => {
            api.client().origin().target(next, &[])?;
            came > 0
        }
        (None, Some(_)) => false,
        (None, None) => came >= limit,
    };
    Ok((list.items, has_more.then_some(start + came.min(limit))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_foreign_ones_refused() {
        let cursor = Cursor {
            part: 2,
            start: 4_000,
        };
        assert_eq!(Cursor::parse(Some(&cursor.text())).unwrap(), cursor);
        for bad in ["", "\u{0}", "1", "a.b", "-1.0", "0.99999999999"] {
            let error = Cursor::parse(Some(bad)).unwrap_err();
            assert_eq!(error.code, "connector.cursor_invalid", "{bad}");
        }
    }

    #[test]
    fn items_are_named_by_their_path_and_hostile_names_can_not_lie() {
        let object = Object {
            name: Some("TI\u{202E}1".into()),
            path: Some(r"\\SRV\TI1".into()),
            engineering_units: Some(" °C ".into()),
            ..Object::default()
        };
        let shown = item(object.clone(), Kind::Point).unwrap();
        assert_eq!((shown.id.as_str(), shown.is_variable), (r"\\SRV\TI1", true));
        assert_eq!(shown.display, "TI\u{FFFD}1");
        assert_eq!(shown.path, "SRV/TI1");
        assert_eq!(shown.unit.as_deref(), Some("°C"));
        let server = item(object, Kind::DataServer).unwrap();
        assert!(server.has_children && !server.is_variable);
        assert!(item(Object::default(), Kind::Point).is_none());
    }
}
