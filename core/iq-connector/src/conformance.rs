//! The list of docs/guides/adding-a-connector.md as checks.
