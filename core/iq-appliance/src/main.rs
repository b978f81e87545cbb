//! The `optria` program.
fn main() {}
