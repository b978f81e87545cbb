//! How a connector describes itself to the form, the API and the reference page.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// What a connector is able to do; the UI offers only what is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Tags can be listed and searched in the source.
    pub browse: bool,
    /// The source pushes values.
    pub stream: bool,
    /// Values can be asked for on a schedule.
    pub poll: bool,
    /// The source presents a certificate a person has to trust.
    pub trust: bool,
    /// The source offers a list of endpoints to choose from.
    pub endpoints: bool,
    /// The past can be read and is resumed where it stood.
    pub back_fill: bool,
    /// Rows can be looked at before a column is chosen.
    pub sample_rows: bool,
    /// Work orders and equipment are read.
    pub maintenance: bool,
    /// Files are handed to it.
    pub files: bool,
    /// It is one of the external databases that `EXTERNAL_DB_ENABLE=false` hides and refuses.
    pub external_db: bool,
}

/// The self-description of a connector kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectorSpec {
    /// Stable kind ("opcua"), as the API and the store name it.
    pub kind: &'static str,
    /// Message key of the display name (`ui` section).
    pub name_key: &'static str,
    /// Message key of the one-sentence description (`ui` section).
    pub description_key: &'static str,
    /// JSON schema of the configuration, one flat object, with the extensions of [`crate::ext`].
    pub schema: Value,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// A field of the configuration that can't be accepted as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Name of the field; empty when the configuration as a whole is wrong.
    pub field: String,
    /// Stable code; its sentence names the remedy.
    pub code: &'static str,
    /// Arguments of the sentence.
    pub params: BTreeMap<String, String>,
}

impl FieldError {
    /// An error of a field without arguments other than the field's name.
    #[must_use]
    pub fn new(field: &str, code: &'static str) -> Self {
        let params = BTreeMap::from([("field".to_owned(), iq_domain::neutralise(field, 80))]);
        Self {
            field: iq_domain::neutralise(field, 80),
            code,
            params,
        }
    }

    /// Adds an argument; foreign text is neutralised and cut.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.params.insert(
            key.to_owned(),
            iq_domain::neutralise(&value.to_string(), 200),
        );
        self
    }
}
