//! External tags. A tag names its namespace by address (`nsu=<address>;s=…`), because indexes may
//! change whenever the server restarts; it is resolved against the table of the present session.

use std::{collections::HashMap, str::FromStr};

use opcua::types::{Identifier, NodeId};

/// Longest tag that is accepted.
pub(crate) const MAX_TAG_CHARS: usize = 1_000;

/// Why a tag can't be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagError {
    /// Not a node id.
    Malformed,
    /// The server has no such namespace now.
    NamespaceUnknown,
}

/// The namespaces of a server in the order of their indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Namespaces {
    uris: Vec<String>,
    index: HashMap<String, u16>,
}

impl Namespaces {
    pub(crate) fn new(uris: Vec<String>) -> Self {
        let mut index = HashMap::new();
        for (position, uri) in uris.iter().enumerate() {
            if let Ok(position) = u16::try_from(position) {
                index.entry(uri.clone()).or_insert(position);
            }
        }
        Self { uris, index }
    }

    pub(crate) fn uri(&self, index: u16) -> Option<&str> {
        self.uris.get(usize::from(index)).map(String::as_str)
    }

    /// The text form of a node id of this session.
    pub(crate) fn tag(&self, id: &NodeId) -> String {
        let mut text = String::new();
        if id.namespace != 0 {
            match self.uri(id.namespace) {
                Some(uri) => {
                    text.push_str("nsu=");
                    // `;` ends the address and `%` escapes, as in OPC UA Part 6.
                    text.push_str(&uri.replace('%', "%25").replace(';', "%3B"));
                    text.push(';');
                }
                // A namespace the server did not announce can only be named by its index.
                None => text.push_str(&format!("ns={};", id.namespace)),
            }
        }
        text.push_str(&id.identifier.to_string());
        text
    }

    /// The node id of a tag in this session. `ns=<index>` is accepted for tags typed by hand.
    pub(crate) fn resolve(&self, tag: &str) -> Result<NodeId, TagError> {
        let tag = tag.trim();
        if tag.chars().count() > MAX_TAG_CHARS {
            return Err(TagError::Malformed);
        }
        let (namespace, identifier) = if let Some(rest) = tag.strip_prefix("nsu=") {
            let (uri, identifier) = rest.split_once(';').ok_or(TagError::Malformed)?;
            let uri = uri
                .replace("%3B", ";")
                .replace("%3b", ";")
                .replace("%25", "%");
            (
                *self.index.get(&uri).ok_or(TagError::NamespaceUnknown)?,
                identifier,
            )
        } else if let Some(rest) = tag.strip_prefix("ns=") {
            let (index, identifier) = rest.split_once(';').ok_or(TagError::Malformed)?;
            (index.parse().map_err(|_| TagError::Malformed)?, identifier)
        } else {
            (0, tag)
        };
        // The library slices the text by bytes; refuse what would cut a character in two.
        if !identifier.is_char_boundary(2) || identifier.len() < 3 {
            return Err(TagError::Malformed);
        }
        let identifier = Identifier::from_str(identifier).map_err(|()| TagError::Malformed)?;
        Ok(NodeId {
            namespace,
            identifier,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(uris: &[&str]) -> Namespaces {
        Namespaces::new(uris.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_tag_survives_a_reordered_namespace_table() {
        let before = table(&["http://opcfoundation.org/UA/", "urn:plant", "urn:other"]);
        let after = table(&[
            "http://opcfoundation.org/UA/",
            "urn:new",
            "urn:other",
            "urn:plant",
        ]);
        let tag = before.tag(&NodeId::new(1, "P-101.Vibration"));
        assert_eq!(tag, "nsu=urn:plant;s=P-101.Vibration");
        assert_eq!(after.resolve(&tag), Ok(NodeId::new(3, "P-101.Vibration")));
        assert_eq!(table(&["x"]).resolve(&tag), Err(TagError::NamespaceUnknown));
    }

    #[test]
    fn every_identifier_kind_round_trips() {
        let names = table(&["http://opcfoundation.org/UA/", "urn:a;b%3B"]);
        for id in [
            NodeId::new(0, 2258u32),
            NodeId::new(1, 7u32),
            NodeId::new(1, "a=b;c"),
            NodeId::new(
                1,
                opcua::types::Guid::from_str("72962b91-fa75-4ae6-8d28-b404dc7daf63").unwrap(),
            ),
            NodeId::new(1, opcua::types::ByteString::from(b"opaque".to_vec())),
        ] {
            assert_eq!(names.resolve(&names.tag(&id)), Ok(id.clone()), "{id}");
        }
    }

    #[test]
    fn malformed_tags_are_refused_without_panicking() {
        let names = table(&["http://opcfoundation.org/UA/"]);
        for tag in [
            "",
            "x",
            "s=",
            "é=x",
            "sé",
            "ns=;s=x",
            "ns=70000;s=x",
            "nsu=urn:x",
            "i=-1",
            "g=zz",
            "ns=1",
            "🦀🦀",
        ] {
            assert!(names.resolve(tag).is_err(), "{tag}");
        }
        assert!(names.resolve(&format!("s={}", "x".repeat(2_000))).is_err());
    }
}
