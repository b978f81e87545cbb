//! PI Web API: points and attributes, recorded values, live values.
//!
//! Values come from the archive ("recorded"), never interpolated ones: first the past, in bounded
//! pages that can be taken up again after a restart, then what is new, pushed over a channel where
//! the server has one and asked for on a schedule otherwise. The archive has the last word either
//! way: what a channel lost is read again from it, and so are the last two minutes before the newest
//! value, for values that reach the archive late.

mod api;
mod book;
mod browse;
mod channel;
mod config;
mod connector;
mod fetch;
mod frames;
#[cfg(feature = "test-hooks")]
pub mod hooks;
mod position;
mod preview;
mod probe;
mod resolve;
mod stream;
mod tag;
mod time;
mod value;
mod wire;

pub use config::PiConfig;
pub use connector::PiConnector;
