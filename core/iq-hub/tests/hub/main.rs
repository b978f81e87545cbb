//! The hub on a real Postgres: its isolation attacked as the real role through a pool of one, every
//! route as every role, sign-in with the second factor, two instances at once.

mod admin;
mod cookie;
mod headquarters;
mod isolation;
mod rig;
mod routes;
mod sign_in;
mod sso;
mod start;
mod sync;
