//! The one way out over HTTP for connectors: one allowed origin, no redirects, bounded bodies, own trust.
