//! The one way in: the port on which appliance and hub answer.
//!
//! A connection is counted, let in or sent away by its address, and encrypted before a byte of it
//! reaches a route. What is answered is the host's business; this crate hands every request over with
//! the [`Peer`] it came from.
//!
//! | Module | What it is |
//! |---|---|
//! | `certificate` | a certificate with its key: read, checked, described |
//! | `own` | the certificate this installation makes for itself, and the request to an authority |
//! | `names` | by which names and addresses this machine is called |
//! | `live` | the certificate in force, which follows its files |
//! | `gate` | which addresses may come in, and how many connections they may hold |
//! | `server` | accepting, encrypting, serving, ending |
//! | `end` | when a person or the service manager wants it to end |

mod certificate;
mod end;
mod gate;
mod live;
mod names;
mod own;
mod server;

pub use certificate::{Certificate, Facts, check_pair};
pub use end::listen_for_the_end;
pub use gate::Counts;
pub use live::LiveCertificate;
pub use names::{host_name, is_name, names_of_this_machine, without_port};
pub use own::{OWN_CERTIFICATE, REQUEST_KEY, TLS_FOLDER, renew, request};
pub use server::{Door, Listening, Open, Peer, not_listening};
