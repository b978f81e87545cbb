//! The address space: site / unit / asset folders, tags with unit and range, protection points, and
//! the optional load tags.

use iq_domain::Names;
use opcua::{
    nodes::{AccessLevel, ObjectBuilder, VariableBuilder},
    server::address_space::AddressSpace,
    types::{
        DataTypeId, EUInformation, ExtensionObject, LocalizedText, NodeId, ObjectId, ObjectTypeId,
        QualifiedName, Range, VariableTypeId, Variant,
    },
};

use crate::{
    catalogue::{ExtraKind, NAMESPACE_INDEX, PlantAsset, PlantTag, asset_node, catalogue},
    server::PlantLocale,
};

/// Node id with a string part in the plant's namespace.
pub(crate) fn node(text: &str) -> NodeId {
    NodeId::new(NAMESPACE_INDEX, text.to_owned())
}

/// Node id of a load tag, counted from 1.
pub(crate) fn load_node(number: u32) -> NodeId {
    node(&format!("LOAD.T{number:05}"))
}

fn name(text: &str) -> QualifiedName {
    QualifiedName::new(NAMESPACE_INDEX, text)
}

/// The display name in the chosen language, the description in the other.
fn labels(prefix: &str, names: &Names, locale: PlantLocale) -> (LocalizedText, LocalizedText) {
    let text =
        |language: &str, text: &str| LocalizedText::new(language, &format!("{prefix}{text}"));
    let (en, ar) = (text("en", &names.en), text("ar", &names.ar));
    match locale {
        PlantLocale::En => (en, ar),
        PlantLocale::Ar => (ar, en),
    }
}

/// Builds everything below the Objects folder.
pub(crate) fn build(space: &mut AddressSpace, locale: PlantLocale, extra_tags: u32) {
    let catalogue = catalogue();
    let objects: NodeId = ObjectId::ObjectsFolder.into();
    for site in &catalogue.sites {
        folder(space, site.code, site.code, &site.names, &objects, locale);
    }
    for unit in &catalogue.units {
        let id = format!("{}.{}", unit.site, unit.code);
        folder(space, &id, unit.code, &unit.names, &node(unit.site), locale);
    }
    for asset in &catalogue.assets {
        add_asset(space, asset, locale);
    }
    for tag in &catalogue.tags {
        add_tag(space, tag);
    }
    for point in &catalogue.extras {
        let id = node(&point.node);
        let last = point.node.rsplit('.').next().unwrap_or("");
        let (data_type, value) = match point.kind {
            ExtraKind::Trip => (DataTypeId::Boolean, Variant::from(false)),
            ExtraKind::FirstOut => (DataTypeId::String, Variant::from("")),
        };
        VariableBuilder::new(
            &id,
            name(last),
            LocalizedText::new("en", &format!("{} {last}", point.asset)),
        )
        .data_type(data_type)
        .value(value)
        .access_level(AccessLevel::CURRENT_READ)
        .user_access_level(AccessLevel::CURRENT_READ)
        .has_type_definition(VariableTypeId::BaseDataVariableType)
        .component_of(parent(&point.node))
        .insert(space);
    }
    add_load(space, extra_tags, &objects);
}

fn folder(
    space: &mut AddressSpace,
    id: &str,
    browse: &str,
    names: &Names,
    parent: &NodeId,
    locale: PlantLocale,
) {
    let (display, description) = labels(&format!("{browse} "), names, locale);
    ObjectBuilder::new(&node(id), name(browse), display)
        .description(description)
        .is_folder()
        .organized_by(parent.clone())
        .insert(space);
}

fn parent(of: &str) -> NodeId {
    node(of.rsplit_once('.').map_or("", |(parent, _)| parent))
}

fn add_asset(space: &mut AddressSpace, asset: &PlantAsset, locale: PlantLocale) {
    let id = asset_node(asset);
    let (display, description) = labels(&format!("{} ", asset.code), &asset.names, locale);
    ObjectBuilder::new(&node(&id), name(&asset.code), display)
        .description(description)
        .has_type_definition(ObjectTypeId::BaseObjectType)
        .organized_by(node(&format!("{}.{}", asset.site, asset.unit)))
        .insert(space);
    for (key, value) in [
        ("Family", &asset.family),
        ("FunctionalLocation", &asset.functional_location),
        ("Note", &asset.note),
    ] {
        property(
            space,
            &id,
            key,
            DataTypeId::String,
            Variant::from(value.as_str()),
        );
    }
}

fn property(
    space: &mut AddressSpace,
    owner: &str,
    key: &str,
    data_type: DataTypeId,
    value: Variant,
) {
    // Properties with a standard name carry it in the standard namespace, as clients look it up there.
    let browse = match key {
        "EURange" | "EngineeringUnits" => QualifiedName::new(0, key),
        _ => name(key),
    };
    VariableBuilder::new(
        &node(&format!("{owner}.{key}")),
        browse,
        LocalizedText::new("", key),
    )
    .data_type(data_type)
    .value(value)
    .has_type_definition(VariableTypeId::PropertyType)
    .property_of(node(owner))
    .insert(space);
}

fn add_tag(space: &mut AddressSpace, tag: &PlantTag) {
    let last = tag.node.rsplit('.').next().unwrap_or("");
    let kind = if tag.is_state() {
        DataTypeId::Boolean
    } else {
        DataTypeId::Double
    };
    let type_definition = if tag.is_state() || tag.eu.is_empty() {
        VariableTypeId::BaseDataVariableType
    } else {
        VariableTypeId::AnalogItemType
    };
    let value = if tag.is_state() {
        Variant::from(false)
    } else {
        Variant::from(0.0_f64)
    };
    let words = tag.metric.replace('_', " ");
    VariableBuilder::new(
        &node(&tag.node),
        name(last),
        LocalizedText::new("", &tag.tag),
    )
    .description(LocalizedText::new("en", &format!("{} {words}", tag.asset)))
    .data_type(kind)
    .value(value)
    .access_level(AccessLevel::CURRENT_READ)
    .user_access_level(AccessLevel::CURRENT_READ)
    .minimum_sampling_interval(tag.scan_s * 1_000.0)
    .has_type_definition(type_definition)
    .component_of(parent(&tag.node))
    .insert(space);
    if type_definition == VariableTypeId::AnalogItemType {
        let (low, high) = range(tag);
        let range = ExtensionObject::from_message(Range { low, high });
        property(space, &tag.node, "EURange", DataTypeId::Range, range.into());
        let unit = ExtensionObject::from_message(engineering_unit(&tag.eu));
        property(
            space,
            &tag.node,
            "EngineeringUnits",
            DataTypeId::EUInformation,
            unit.into(),
        );
    }
}

/// Span of the instrument: from 0 (or below, where the point goes there) past its highest limit.
fn range(tag: &PlantTag) -> (f64, f64) {
    let top = tag
        .limits
        .high_high
        .or(tag.limits.high)
        .unwrap_or(0.0)
        .max(1.6 * tag.nominal.abs());
    if tag.eu == "%" {
        return (0.0, 100.0);
    }
    let signed = tag.nominal < 0.0 || tag.metric == "axial_position";
    (if signed { -top.max(1.0) } else { 0.0 }, top.max(1.0))
}

/// The unit after UNECE recommendation 20, whose code the standard packs into an integer.
fn engineering_unit(symbol: &str) -> EUInformation {
    let code = match symbol {
        "%" => "P1",
        "bar" | "bara" => "BAR",
        "mbar" => "MBR",
        "degC" => "CEL",
        "m3/h" => "MQH",
        "Nm3/h" => "Q39",
        "kg/s" => "KGS",
        "kg/h" => "E93",
        "mm/s" => "C16",
        "g" => "K40",
        "um" => "4H",
        "mm" => "MMT",
        "m" => "MTR",
        "rpm" => "RPM",
        "A" => "AMP",
        "MW" => "MAW",
        "deg" => "DD",
        _ => "C62",
    };
    let unit_id = code
        .bytes()
        .fold(0_i32, |id, byte| (id << 8) | i32::from(byte));
    EUInformation {
        namespace_uri: "http://www.opcfoundation.org/UA/units/un/cefact".into(),
        unit_id,
        display_name: LocalizedText::new("", symbol),
        description: LocalizedText::new("", symbol),
    }
}

fn add_load(space: &mut AddressSpace, extra_tags: u32, objects: &NodeId) {
    if extra_tags == 0 {
        return;
    }
    let names = Names {
        en: "load".to_owned(),
        ar: "حمل".to_owned(),
    };
    folder(space, "LOAD", "LOAD", &names, objects, PlantLocale::En);
    for number in 1..=extra_tags {
        let text = format!("T{number:05}");
        VariableBuilder::new(
            &load_node(number),
            name(&text),
            LocalizedText::new("", &text),
        )
        .data_type(DataTypeId::Double)
        .value(0.0_f64)
        .access_level(AccessLevel::CURRENT_READ)
        .user_access_level(AccessLevel::CURRENT_READ)
        .has_type_definition(VariableTypeId::BaseDataVariableType)
        .component_of(node("LOAD"))
        .insert(space);
    }
}
