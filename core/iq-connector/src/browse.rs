//! Looking into a source: pages of its tree, and the endpoints it offers.

use serde::{Deserialize, Serialize};

/// Largest page a connector hands out; larger requests are cut to it.
pub const MAX_BROWSE_PAGE: usize = 500;

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowseRequest {
    /// External tag of the node whose children are wanted; `None` for the root.
    pub parent: Option<String>,
    /// Only items whose name or tag contains this text, anywhere below `parent`.
    pub search: Option<String>,
    /// Continues a listing: the `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Wanted page size; 1 to [`MAX_BROWSE_PAGE`].
    pub limit: usize,
}

/// One node of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrowseItem {
    /// The external tag: what a mapping stores and [`crate::TagSet`] carries.
    pub id: String,
    /// Name as the source shows it.
    pub display: String,
    /// Names from the root to this node, joined by "/".
    pub path: String,
    /// Whether it may have children; a leaf is surely none.
    pub has_children: bool,
    /// Whether it carries a value that can be mapped.
    pub is_variable: bool,
    /// Type of the value as the source names it.
    pub data_type: Option<String>,
    /// Engineering unit as the source names it.
    pub unit: Option<String>,
    /// Description of the source.
    pub description: Option<String>,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BrowsePage {
    /// The items.
    pub items: Vec<BrowseItem>,
    /// Hand it back to go on; `None` at the end. A search may return an empty page with a cursor:
    /// it has looked at a bounded number of nodes and found none yet.
    pub next_cursor: Option<String>,
}

/// An endpoint a server offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointOffer {
    /// Address as the server advertises it.
    pub url: String,
    /// Security mode.
    pub security_mode: String,
    /// Short name of the security policy.
    pub security_policy: String,
    /// The server's own ranking, higher is better.
    pub security_level: u8,
    /// Kinds of user identity it takes, in the words of the `auth_type` field.
    pub user_tokens: Vec<String>,
    /// SHA-256 of the server certificate, lower-case hex; `None` where it sent none.
    pub certificate_sha256: Option<String>,
    /// Whether this program can use it (known policy and mode).
    pub is_supported: bool,
}
