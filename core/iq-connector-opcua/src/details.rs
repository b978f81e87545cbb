//! What a browse page says about its nodes beyond the name: type, unit, description, children, path.

use iq_connector::BrowseItem;
use iq_domain::CodedError;
use opcua::{
    client::{
        UARequest,
        services::{Browse, TranslateBrowsePaths},
    },
    types::{
        AttributeId, BrowseDescription, BrowseDirection, BrowsePath, EUInformation, NodeClass,
        NodeId, QualifiedName, RelativePath, RelativePathElement, TimestampsToReturn, Variant,
    },
};

use crate::{
    browse::{Found, plain_item},
    client::{Core, attribute_of, value_of},
};

const HIERARCHICAL: u32 = 33;
const HAS_PROPERTY: u32 = 46;
const HAS_COMPONENT: u32 = 47;
const OBJECTS: u32 = 85;

/// Deeper nodes get a path that begins in the middle.
const MAX_DEPTH: usize = 20;

/// The items of a page. Details are a courtesy: a server that refuses them still gives names.
pub(crate) async fn items(core: &Core, page: Vec<Found>) -> Vec<BrowseItem> {
    let mut items: Vec<BrowseItem> = page.iter().map(|found| plain_item(core, found)).collect();
    let variables: Vec<(usize, NodeId)> = page
        .iter()
        .enumerate()
        .filter(|(_, found)| found.is_variable)
        .map(|(position, found)| (position, found.id.clone()))
        .collect();
    if variables.is_empty() {
        return items;
    }
    types_and_descriptions(core, &variables, &mut items).await;
    units(core, &variables, &mut items).await;
    children(core, &variables, &mut items).await;
    items
}

async fn types_and_descriptions(
    core: &Core,
    variables: &[(usize, NodeId)],
    items: &mut [BrowseItem],
) {
    let nodes = variables
        .iter()
        .flat_map(|(_, id)| {
            [AttributeId::DataType, AttributeId::Description].map(|a| attribute_of(id.clone(), a))
        })
        .collect();
    let Ok(answers) = core.read_many(nodes, TimestampsToReturn::Neither).await else {
        return;
    };
    let mut custom: Vec<NodeId> = Vec::new();
    let mut types: Vec<Option<NodeId>> = Vec::new();
    for ((position, _), pair) in variables.iter().zip(answers.chunks(2)) {
        if let Some(Variant::LocalizedText(text)) = pair.get(1).and_then(|a| a.value.as_ref())
            && !text.text.is_empty()
        {
            items[*position].description = Some(iq_domain::neutralise(text.text.as_ref(), 300));
        }
        let id = match pair.first().and_then(|a| a.value.as_ref()) {
            Some(Variant::NodeId(id)) => Some((**id).clone()),
            _ => None,
        };
        if let Some(id) = &id
            && built_in(id).is_none()
            && !custom.contains(id)
        {
            custom.push(id.clone());
        }
        types.push(id);
    }
    let names = browse_names(core, &custom).await;
    for ((position, _), id) in variables.iter().zip(types) {
        let Some(id) = id else { continue };
        let named = || {
            custom
                .iter()
                .position(|c| *c == id)
                .and_then(|p| names.get(p)?.clone())
        };
        items[*position].data_type = built_in(&id).map(str::to_owned).or_else(named);
    }
}

/// Names of the built-in types (Part 6, 5.1.2) and their abstract numbers.
fn built_in(id: &NodeId) -> Option<&'static str> {
    const NAMES: [&str; 30] = [
        "",
        "Boolean",
        "SByte",
        "Byte",
        "Int16",
        "UInt16",
        "Int32",
        "UInt32",
        "Int64",
        "UInt64",
        "Float",
        "Double",
        "String",
        "DateTime",
        "Guid",
        "ByteString",
        "XmlElement",
        "NodeId",
        "ExpandedNodeId",
        "StatusCode",
        "QualifiedName",
        "LocalizedText",
        "Structure",
        "DataValue",
        "BaseDataType",
        "DiagnosticInfo",
        "Number",
        "Integer",
        "UInteger",
        "Enumeration",
    ];
    match (&id.identifier, id.namespace) {
        (opcua::types::Identifier::Numeric(n), 0) => usize::try_from(*n)
            .ok()
            .and_then(|n| NAMES.get(n))
            .filter(|n| !n.is_empty())
            .copied(),
        _ => None,
    }
}

async fn browse_names(core: &Core, ids: &[NodeId]) -> Vec<Option<String>> {
    if ids.is_empty() {
        return Vec::new();
    }
    let nodes = ids
        .iter()
        .map(|id| attribute_of(id.clone(), AttributeId::BrowseName))
        .collect();
    let answers = core
        .read_many(nodes, TimestampsToReturn::Neither)
        .await
        .unwrap_or_default();
    answers
        .into_iter()
        .map(|answer| match answer.value {
            Some(Variant::QualifiedName(name)) => {
                Some(iq_domain::neutralise(name.name.as_ref(), 100))
            }
            _ => None,
        })
        .collect()
}

/// The engineering units: the property is looked up for all variables, then read for those that
/// have it.
async fn units(core: &Core, variables: &[(usize, NodeId)], items: &mut [BrowseItem]) {
    let mut found: Vec<(usize, NodeId)> = Vec::new();
    for part in variables.chunks(core.limits.browse.max(1)) {
        core.meter.count(part.len());
        let paths: Vec<BrowsePath> = part
            .iter()
            .map(|(_, id)| property_path(id.clone(), "EngineeringUnits"))
            .collect();
        let answer = TranslateBrowsePaths::new(&core.session)
            .browse_paths(paths)
            .send(core.session.channel())
            .await;
        let Ok(answer) = answer else { return };
        for ((position, _), result) in part.iter().zip(answer.results.unwrap_or_default()) {
            let target = result.targets.into_iter().flatten().next();
            if let Some(target) = target.filter(|t| t.target_id.server_index == 0) {
                found.push((*position, target.target_id.node_id));
            }
        }
    }
    if found.is_empty() {
        return;
    }
    let nodes = found.iter().map(|(_, id)| value_of(id.clone())).collect();
    let Ok(answers) = core.read_many(nodes, TimestampsToReturn::Neither).await else {
        return;
    };
    for ((position, _), answer) in found.into_iter().zip(answers) {
        if let Some(Variant::ExtensionObject(object)) = answer.value
            && let Some(unit) = object.inner_as::<EUInformation>()
            && !unit.display_name.text.is_empty()
        {
            items[position].unit = Some(iq_domain::neutralise(unit.display_name.text.as_ref(), 40));
        }
    }
}

fn property_path(starting_node: NodeId, name: &str) -> BrowsePath {
    BrowsePath {
        starting_node,
        relative_path: RelativePath {
            elements: Some(vec![RelativePathElement {
                reference_type_id: NodeId::new(0, HAS_PROPERTY),
                is_inverse: false,
                include_subtypes: true,
                target_name: QualifiedName::new(0, name),
            }]),
        },
    }
}

/// Which variables have component variables of their own.
async fn children(core: &Core, variables: &[(usize, NodeId)], items: &mut [BrowseItem]) {
    for part in variables.chunks(core.limits.browse.max(1)) {
        core.meter.count(part.len());
        let nodes = part
            .iter()
            .map(|(_, id)| BrowseDescription {
                node_id: id.clone(),
                browse_direction: BrowseDirection::Forward,
                reference_type_id: NodeId::new(0, HAS_COMPONENT),
                include_subtypes: true,
                node_class_mask: NodeClass::Variable as u32,
                result_mask: 0,
            })
            .collect();
        let answer = Browse::new(&core.session)
            .nodes_to_browse(nodes)
            .send(core.session.channel())
            .await;
        let Ok(answer) = answer else { return };
        for ((position, _), result) in part.iter().zip(answer.results.unwrap_or_default()) {
            items[*position].has_children = result.references.is_some_and(|r| !r.is_empty());
        }
    }
}

/// The names from the root to a node, joined by "/".
pub(crate) async fn path_of(core: &Core, id: &NodeId) -> Result<String, CodedError> {
    let mut names: Vec<String> = Vec::new();
    let mut at = id.clone();
    for _ in 0..MAX_DEPTH {
        if at == NodeId::new(0, OBJECTS) {
            break;
        }
        let node = vec![attribute_of(at.clone(), AttributeId::DisplayName)];
        let answer = core.read(node, TimestampsToReturn::Neither).await?;
        match answer.into_iter().next().and_then(|a| a.value) {
            Some(Variant::LocalizedText(text)) => {
                names.push(iq_domain::neutralise(text.text.as_ref(), 200));
            }
            _ if names.is_empty() => {
                return Err(crate::browse::unknown(&core.namespaces.tag(id)));
            }
            _ => break,
        }
        let Some(parent) = parent_of(core, at).await? else {
            break;
        };
        at = parent;
    }
    names.reverse();
    Ok(names.join("/"))
}

async fn parent_of(core: &Core, node_id: NodeId) -> Result<Option<NodeId>, CodedError> {
    core.meter.count(1);
    let answer = Browse::new(&core.session)
        .nodes_to_browse(vec![BrowseDescription {
            node_id,
            browse_direction: BrowseDirection::Inverse,
            reference_type_id: NodeId::new(0, HIERARCHICAL),
            include_subtypes: true,
            node_class_mask: 0,
            result_mask: 0,
        }])
        .send(core.session.channel())
        .await
        .map_err(|e| core.coded(e.status()))?;
    let first = answer
        .results
        .into_iter()
        .flatten()
        .next()
        .and_then(|r| r.references);
    Ok(first
        .into_iter()
        .flatten()
        .next()
        .map(|r| r.node_id.node_id))
}
