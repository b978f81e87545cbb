//! What the endpoint offers: a data server with the plant's points, and an asset server whose elements
//! and attributes follow the plant's sites, units and assets. Built once; requests only read it.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    catalogue::{ExtraKind, ExtraPoint, PlantAsset, PlantTag, catalogue},
    pi::{PiPoints, traps},
    rng::Rng,
};

/// Name of the data server.
pub(crate) const DATA_SERVER: &str = "WAHA-PI";
/// Name of the asset server.
pub(crate) const ASSET_SERVER: &str = "WAHA-AF";
/// Name of the asset database.
pub(crate) const DATABASE: &str = "Al-Waha Energy";

/// A digital state set.
pub(crate) type StateSet = (&'static str, [&'static str; 2]);
const RUNNING: StateSet = ("RunStatus", ["Stopped", "Running"]);
const FLAME: StateSet = ("FlameStatus", ["Off", "On"]);
const TRIPPED: StateSet = ("TripStatus", ["Healthy", "Tripped"]);

/// What a point carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PointKind {
    Float32,
    Digital(StateSet),
    Text,
}

/// Where a point's values come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    /// A tag of the catalogue, by position.
    Tag(usize),
    /// A protection point of the catalogue, by position.
    Extra(usize),
}

/// A point.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) descriptor: String,
    pub(crate) kind: PointKind,
    pub(crate) units: String,
    pub(crate) source: Source,
    /// Value in the point's unit = value · scale + offset.
    pub(crate) scale: f64,
    pub(crate) offset: f64,
    /// The transmitter stands still at its first value.
    pub(crate) flat: bool,
    /// Changes up to this are not archived.
    pub(crate) deviation: f64,
    pub(crate) ids: WebIds,
}

impl Point {
    pub(crate) fn path(&self) -> String {
        format!(r"\\{DATA_SERVER}\{}", self.name)
    }

    pub(crate) fn step(&self) -> bool {
        self.kind != PointKind::Float32
    }

    fn type_name(&self) -> &'static str {
        match self.kind {
            PointKind::Float32 => "Float32",
            PointKind::Digital(_) => "Digital",
            PointKind::Text => "String",
        }
    }
}

/// An element of the asset tree.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) template: &'static str,
    pub(crate) parent: Option<usize>,
    pub(crate) path: String,
    pub(crate) ids: WebIds,
}

/// An attribute of an element.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) element: usize,
    pub(crate) name: String,
    pub(crate) path: String,
    /// The point behind it; `None` for a fixed text.
    pub(crate) point: Option<usize>,
    pub(crate) text: String,
    pub(crate) ids: WebIds,
}

/// An object a web id can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    DataServer,
    AssetServer,
    Database,
    Point(usize),
    Element(usize),
    Attribute(usize),
}

/// The web ids of an object: with and without its path in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebIds {
    pub(crate) guid: String,
    pub(crate) full: String,
    pub(crate) short: String,
}

impl WebIds {
    fn new(marker: &str, guid: [u8; 16], owner: &[u8], id: &[u8], path: &str) -> Self {
        let ids = [owner, id].concat();
        let name = path.trim_start_matches('\\').to_uppercase();
        let full = [ids.as_slice(), name.as_bytes()].concat();
        Self {
            guid: guid_text(guid),
            full: format!("F1{marker}{}", URL_SAFE_NO_PAD.encode(full)),
            short: format!("I1{marker}{}", URL_SAFE_NO_PAD.encode(ids)),
        }
    }
}

/// Everything the endpoint offers.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) points: Vec<Point>,
    pub(crate) elements: Vec<Element>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) data_server: WebIds,
    pub(crate) asset_server: WebIds,
    pub(crate) database: WebIds,
    by_web_id: HashMap<String, Object>,
    by_path: HashMap<String, Object>,
}

impl Model {
    pub(crate) fn new(seed: u64, chosen: &PiPoints, with_traps: bool) -> Self {
        let server = guid(seed, DATA_SERVER);
        let af = guid(seed, ASSET_SERVER);
        let db = guid(seed, DATABASE);
        let mut points = points(chosen);
        if with_traps {
            traps::plant(&mut points);
        }
        for (i, point) in points.iter_mut().enumerate() {
            let id = (i as u32 + 1).to_le_bytes();
            point.ids = WebIds::new("DP", server, &server, &id, &point.path());
        }
        let mut model = Self {
            points,
            elements: Vec::new(),
            attributes: Vec::new(),
            data_server: WebIds::new("DS", server, &server, &[], DATA_SERVER),
            asset_server: WebIds::new("RS", af, &af, &[], ASSET_SERVER),
            database: WebIds::new("RD", db, &af, &db, &format!(r"{ASSET_SERVER}\{DATABASE}")),
            by_web_id: HashMap::new(),
            by_path: HashMap::new(),
        };
        model.add_elements(seed, chosen);
        model.add_attributes(seed);
        model.index();
        model
    }

    /// The object with a web id, of whichever form.
    pub(crate) fn find(&self, web_id: &str) -> Option<Object> {
        self.by_web_id.get(web_id).copied()
    }

    /// The object at a path, without case.
    pub(crate) fn find_path(&self, path: &str) -> Option<Object> {
        self.by_path.get(&path.to_lowercase()).copied()
    }

    fn add_element(
        &mut self,
        seed: u64,
        parent: Option<usize>,
        name: &str,
        description: &str,
        template: &'static str,
    ) -> usize {
        let above = parent.map_or_else(
            || format!(r"\\{ASSET_SERVER}\{DATABASE}"),
            |p| self.elements[p].path.clone(),
        );
        let path = format!(r"{above}\{name}");
        let id = guid(seed, &path);
        let af = guid(seed, ASSET_SERVER);
        self.elements.push(Element {
            name: name.to_owned(),
            description: description.to_owned(),
            template,
            parent,
            ids: WebIds::new("Em", id, &af, &id, &path),
            path,
        });
        self.elements.len() - 1
    }

    fn add_elements(&mut self, seed: u64, chosen: &PiPoints) {
        let catalogue = catalogue();
        for site in &catalogue.sites {
            let at = self.add_element(seed, None, site.code, &site.names.en, "Site");
            for unit in catalogue.units.iter().filter(|u| u.site == site.code) {
                let unit_at = self.add_element(seed, Some(at), unit.code, &unit.names.en, "Unit");
                let assets = catalogue
                    .assets
                    .iter()
                    .filter(|a| a.unit == unit.code && chosen.has(&a.code));
                for asset in assets {
                    let (code, names) = (&asset.code, &asset.names);
                    self.add_element(seed, Some(unit_at), code, &names.en, template(asset));
                }
            }
        }
    }

    fn add_attributes(&mut self, seed: u64) {
        let af = guid(seed, ASSET_SERVER);
        for element in 0..self.elements.len() {
            let code = self.elements[element].name.clone();
            let Some(asset) = catalogue().asset(&code) else {
                continue;
            };
            let mut add = |name: String, point: Option<usize>, text: String| {
                let path = format!("{}|{name}", self.elements[element].path);
                let id = guid(seed, &path);
                self.attributes.push(Attribute {
                    element,
                    name,
                    ids: WebIds::new("Ab", id, &af, &id, &path),
                    path,
                    point,
                    text,
                });
            };
            for (i, point) in self.points.iter().enumerate() {
                if !traps::is_stray(point) && source_of(point.source).0 == code {
                    add(title(source_of(point.source).1), Some(i), String::new());
                }
            }
            let location = asset.functional_location.clone();
            add("Functional Location".to_owned(), None, location);
            add("Rating".to_owned(), None, asset.note.clone());
        }
    }

    fn index(&mut self) {
        let root = format!(r"\\{ASSET_SERVER}\{DATABASE}");
        let mut objects = vec![
            (
                Object::DataServer,
                &self.data_server,
                format!(r"\\{DATA_SERVER}"),
            ),
            (
                Object::AssetServer,
                &self.asset_server,
                format!(r"\\{ASSET_SERVER}"),
            ),
            (Object::Database, &self.database, root),
        ];
        for (i, p) in self.points.iter().enumerate() {
            objects.push((Object::Point(i), &p.ids, p.path()));
        }
        for (i, e) in self.elements.iter().enumerate() {
            objects.push((Object::Element(i), &e.ids, e.path.clone()));
        }
        for (i, a) in self.attributes.iter().enumerate() {
            objects.push((Object::Attribute(i), &a.ids, a.path.clone()));
        }
        for (object, ids, path) in objects {
            self.by_web_id.insert(ids.full.clone(), object);
            self.by_web_id.insert(ids.short.clone(), object);
            self.by_path.insert(path.to_lowercase(), object);
        }
    }

    /// A point as the API shows it.
    pub(crate) fn point_json(&self, base: &str, at: usize, short: bool) -> Value {
        let point = &self.points[at];
        let id = chosen(&point.ids, short);
        let set = match point.kind {
            PointKind::Digital((name, _)) => name,
            _ => "",
        };
        json!({
            "WebId": id, "Id": at + 1, "Name": point.name, "Path": point.path(),
            "Descriptor": point.descriptor, "PointClass": "classic",
            "PointType": point.type_name(), "DigitalSetName": set,
            "EngineeringUnits": point.units, "Span": 100.0, "Zero": 0.0,
            "Step": point.step(), "Future": false, "DisplayDigits": -5,
            "Links": {
                "Self": format!("{base}/points/{id}"),
                "DataServer": format!("{base}/dataservers/{}", chosen(&self.data_server, short)),
                "Attributes": format!("{base}/points/{id}/attributes"),
                "InterpolatedData": format!("{base}/streams/{id}/interpolated"),
                "RecordedData": format!("{base}/streams/{id}/recorded"),
                "PlotData": format!("{base}/streams/{id}/plot"),
                "Value": format!("{base}/streams/{id}/value"),
                "EndValue": format!("{base}/streams/{id}/end"),
            },
        })
    }

    /// An element as the API shows it.
    pub(crate) fn element_json(&self, base: &str, at: usize, short: bool) -> Value {
        let element = &self.elements[at];
        let id = chosen(&element.ids, short);
        json!({
            "WebId": id, "Id": element.ids.guid, "Name": element.name,
            "Description": element.description, "Path": element.path,
            "TemplateName": element.template,
            "HasChildren": self.elements.iter().any(|e| e.parent == Some(at)),
            "CategoryNames": [], "ExtendedProperties": {},
            "Links": {
                "Self": format!("{base}/elements/{id}"),
                "Elements": format!("{base}/elements/{id}/elements"),
                "Attributes": format!("{base}/elements/{id}/attributes"),
                "Database": format!("{base}/assetdatabases/{}", chosen(&self.database, short)),
            },
        })
    }

    /// An attribute as the API shows it.
    pub(crate) fn attribute_json(&self, base: &str, at: usize, short: bool) -> Value {
        let attribute = &self.attributes[at];
        let id = chosen(&attribute.ids, short);
        let point = attribute.point.map(|p| &self.points[p]);
        let (kind, qualifier) = match point.map(|p| p.kind) {
            Some(PointKind::Float32) => ("Single", ""),
            Some(PointKind::Digital((set, _))) => ("EnumerationValue", set),
            _ => ("String", ""),
        };
        json!({
            "WebId": id, "Id": attribute.ids.guid, "Name": attribute.name, "Description": "",
            "Path": attribute.path, "Type": kind, "TypeQualifier": qualifier,
            "DefaultUnitsName": point.map_or("", |p| p.units.as_str()),
            "DefaultUnitsNameAbbreviation": point.map_or("", |p| p.units.as_str()),
            "DataReferencePlugIn": if point.is_some() { "PI Point" } else { "" },
            "ConfigString": point.map(Point::path).unwrap_or_default(),
            "IsConfigurationItem": point.is_none(), "IsExcluded": false, "IsHidden": false,
            "IsManualDataEntry": false, "HasChildren": false, "CategoryNames": [],
            "Step": point.is_some_and(Point::step), "TraitName": "",
            "Links": {
                "Self": format!("{base}/attributes/{id}"),
                "Element": format!("{base}/elements/{}",
                    chosen(&self.elements[attribute.element].ids, short)),
                "Value": format!("{base}/streams/{id}/value"),
                "RecordedData": format!("{base}/streams/{id}/recorded"),
                "Point": point.map(|p| format!("{base}/points/{}", chosen(&p.ids, short))),
            },
        })
    }
}

/// The id in the form the caller asked for.
pub(crate) fn chosen(ids: &WebIds, short: bool) -> &str {
    if short { &ids.short } else { &ids.full }
}

/// Asset and metric of a source.
pub(crate) fn source_of(source: Source) -> (&'static str, &'static str) {
    match source {
        Source::Tag(i) => {
            let tag = &catalogue().tags[i];
            (&tag.asset, &tag.metric)
        }
        Source::Extra(i) => {
            let point = &catalogue().extras[i];
            (&point.asset, point.metric)
        }
    }
}

/// Name of a tag's point: "RAS:100VT10204A.PV".
pub(crate) fn point_name(tag: &PlantTag) -> String {
    let site = tag.node.split('.').next().unwrap_or("");
    format!("{site}:{}.PV", tag.tag.replace('-', ""))
}

/// Name of a protection point: "RAS:P102A.TRIP".
pub(crate) fn extra_name(extra: &ExtraPoint) -> String {
    let site = extra.node.split('.').next().unwrap_or("");
    let suffix = match extra.kind {
        ExtraKind::Trip => "TRIP",
        ExtraKind::FirstOut => "FIRSTOUT",
    };
    format!("{site}:{}.{suffix}", extra.asset.replace('-', ""))
}

fn points(chosen: &PiPoints) -> Vec<Point> {
    let catalogue = catalogue();
    let tags = catalogue.tags.iter().enumerate().map(|(i, tag)| Point {
        name: point_name(tag),
        descriptor: format!("{} {}", tag.asset, tag.metric.replace('_', " ")),
        kind: match tag.metric.as_str() {
            "run_status" => PointKind::Digital(RUNNING),
            "flame_status" => PointKind::Digital(FLAME),
            _ => PointKind::Float32,
        },
        units: tag.eu.clone(),
        source: Source::Tag(i),
        scale: 1.0,
        offset: 0.0,
        flat: false,
        deviation: deviation(tag),
        ids: WebIds::default(),
    });
    let extras = catalogue.extras.iter().enumerate().map(|(i, extra)| {
        let kind = match extra.kind {
            ExtraKind::Trip => PointKind::Digital(TRIPPED),
            ExtraKind::FirstOut => PointKind::Text,
        };
        Point {
            name: extra_name(extra),
            descriptor: format!("{} {}", extra.asset, extra.metric.replace('_', " ")),
            kind,
            units: String::new(),
            source: Source::Extra(i),
            scale: 1.0,
            offset: 0.0,
            flat: false,
            deviation: 0.0,
            ids: WebIds::default(),
        }
    });
    tags.chain(extras)
        .filter(|p| chosen.has(source_of(p.source).0))
        .collect()
}

/// A quarter of a per cent of the span as exception reporting usually has, but never inside the noise.
fn deviation(tag: &PlantTag) -> f64 {
    if tag.is_state() {
        return 0.0;
    }
    let span = (1.6 * tag.nominal.abs()).max(tag.limits.high_high.unwrap_or(0.0).abs());
    (0.0025 * span).max(3.0 * tag.noise_sigma)
}

/// "vibration_de" is "Vibration DE".
fn title(metric: &str) -> String {
    let word = |w: &str| match w {
        "de" | "nde" | "dp" | "hss" | "lss" => w.to_uppercase(),
        _ => {
            let mut letters = w.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect()
            })
        }
    };
    metric.split('_').map(word).collect::<Vec<_>>().join(" ")
}

fn template(asset: &PlantAsset) -> &'static str {
    match asset.family.as_str() {
        "centrifugal_pump" | "positive_displacement_pump" => "Pump",
        "electric_motor" => "Motor",
        "centrifugal_compressor" | "reciprocating_compressor" => "Compressor",
        "gearbox" => "Gearbox",
        "control_valve" => "Control Valve",
        _ => "Equipment",
    }
}

fn guid(seed: u64, name: &str) -> [u8; 16] {
    let mut rng = Rng::named(seed, name);
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = (rng.unit() * 256.0) as u8;
    }
    bytes
}

/// The usual text form; the first three groups are stored with their bytes reversed.
fn guid_text(b: [u8; 16]) -> String {
    let hex = |range: std::ops::Range<usize>, reversed: bool| -> String {
        let part = &b[range];
        let digits = |b: &u8| format!("{b:02x}");
        if reversed {
            part.iter().rev().map(digits).collect()
        } else {
            part.iter().map(digits).collect()
        }
    };
    format!(
        "{}-{}-{}-{}-{}",
        hex(0..4, true),
        hex(4..6, true),
        hex(6..8, true),
        hex(8..10, false),
        hex(10..16, false)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_has_an_id_of_its_own_and_is_found_by_both_forms_and_its_path() {
        let model = Model::new(2026, &PiPoints::All, false);
        assert_eq!(model.points.len(), 428);
        let count = 3 + model.points.len() + model.elements.len() + model.attributes.len();
        assert_eq!(model.by_path.len(), count);
        assert_eq!(model.by_web_id.len(), 2 * count);
        let at = model.find_path(r"\\waha-pi\ras:100VT10204A.PV");
        let Some(Object::Point(i)) = at else {
            panic!("{at:?}");
        };
        let shown = model.point_json("https://h/piwebapi", i, false);
        assert!(shown["WebId"].as_str().unwrap().starts_with("F1DP"));
        assert_eq!(shown["EngineeringUnits"], "mm/s");
        assert_eq!(
            model.find(&model.points[i].ids.short),
            Some(Object::Point(i))
        );
        let attribute = r"\\WAHA-AF\Al-Waha Energy\RAS\U100\P-102A|Vibration DE";
        assert!(matches!(
            model.find_path(attribute),
            Some(Object::Attribute(_))
        ));
    }

    #[test]
    fn serves_only_the_chosen_assets() {
        let model = Model::new(1, &PiPoints::Assets(vec!["K-202".to_owned()]), false);
        assert_eq!(model.points.len(), 23);
        assert!(
            model
                .points
                .iter()
                .all(|p| source_of(p.source).0 == "K-202")
        );
    }
}
