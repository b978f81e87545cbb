//! What travels over HTTP: the DTOs of `ROUTES.md`, the error answer, and paging. No behaviour, no
//! store; the conversions from domain types live in `iq-api`.

mod alarm_report;
mod alerts;
mod assets;
mod blackbox;
mod detection;
mod error;
mod imports;
mod integrations;
mod investigation;
mod jobs;
mod live;
mod mappings;
mod onboarding;
mod overview;
mod page;
mod plant;
mod root_cause;
mod session;
mod twin;
mod users;
mod work_orders;

pub use alarm_report::*;
pub use alerts::*;
pub use assets::*;
pub use blackbox::*;
pub use detection::*;
pub use error::*;
pub use imports::*;
pub use integrations::*;
pub use investigation::*;
pub use jobs::*;
pub use live::*;
pub use mappings::*;
pub use onboarding::*;
pub use overview::*;
pub use page::*;
use page::{one, yes};
pub use plant::*;
pub use root_cause::*;
pub use session::*;
pub use twin::*;
pub use users::*;
pub use work_orders::*;
