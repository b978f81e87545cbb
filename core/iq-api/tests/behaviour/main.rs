//! What the API promises beyond its table: guards, sessions, refusal of bad input, answers as of T.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

#[path = "../support/mod.rs"]
mod support;

mod alarm_report;
mod backups;
mod blackbox;
mod detection;
mod diagnostics;
mod evidence;
mod full_disk;
mod guards;
mod imports;
mod incident_care;
mod input;
mod investigation;
mod known_then;
mod mappings;
mod models;
mod near_misses;
mod notifications;
mod optimization;
mod ot_statement;
mod outages;
mod plan_jobs;
mod planning;
mod reliability;
mod replanning;
mod report;
mod root_cause;
mod schedules;
mod sessions;
mod technicians;
mod tokens;
mod values;
mod webhooks;
mod work_orders;
