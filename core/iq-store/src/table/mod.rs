//! One module per table: rows to domain types and back, nothing else. Verbs are `get_`, `list_`,
//! `create_`, `update_`, `delete_`; whether a change makes sense is decided above.

pub mod alert_rules;
pub mod alerts;
pub mod assessments;
pub mod assets;
pub mod attachments;
pub mod attempts;
pub mod audit;
pub mod authorities;
pub mod certificates;
pub mod drift;
pub mod events;
pub mod evidence;
pub mod imports;
pub mod incident_changes;
pub mod incidents;
pub mod integration_actions;
pub mod integration_secrets;
pub mod integrations;
pub mod jobs;
pub mod mapping_changes;
pub mod mapping_lessons;
pub mod mappings;
pub mod outbox;
pub mod root_causes;
pub mod sessions;
pub mod settings;
pub mod signals;
pub mod sites;
pub mod technical_objects;
pub mod tenants;
pub mod units;
pub mod users;
pub mod work_orders;
