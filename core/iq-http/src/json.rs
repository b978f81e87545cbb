//! JSON from a source: looked over for depth and size before anything is built from it.

use iq_domain::{CodedError, ErrorKind};
use serde::de::DeserializeOwned;

/// Bounds of a document.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Levels of nesting.
    pub depth: usize,
    /// Objects, lists and elements together.
    pub nodes: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self {
            depth: 32,
            nodes: 2_000_000,
        }
    }
}

fn failed(code: &'static str, host: &str) -> CodedError {
    CodedError::new(ErrorKind::Upstream, code).with("host", host)
}

/// Reads a document of `host` within its bounds.
pub fn parse_json<T: DeserializeOwned>(
    bytes: &[u8],
    host: &str,
    limits: JsonLimits,
) -> Result<T, CodedError> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match text.iter().find(|b| !b.is_ascii_whitespace()) {
        None => return Err(failed("http.body_empty", host)),
        Some(b'<') => return Err(failed("http.body_is_html", host)),
        Some(_) => {}
    }
    look_over(text, host, limits)?;
    serde_json::from_slice(text)
        .map_err(|error| failed("http.json_invalid", host).with("detail", error))
}

/// One pass over the bytes; cheap, and it allocates nothing.
fn look_over(text: &[u8], host: &str, limits: JsonLimits) -> Result<(), CodedError> {
    let (mut depth, mut nodes, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                nodes += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => nodes += 1,
            _ => {}
        }
        if depth > limits.depth {
            return Err(failed("http.json_too_deep", host).with("max", limits.depth));
        }
        if nodes > limits.nodes {
            return Err(failed("http.json_too_large", host).with("max", limits.nodes));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn code(text: &[u8]) -> &'static str {
        let limits = JsonLimits {
            depth: 3,
            nodes: 10,
        };
        parse_json::<Value>(text, "h", limits).map_or_else(|e| e.code, |_| "ok")
    }

    #[test]
    fn documents_beyond_their_bounds_are_refused_before_they_are_built() {
        assert_eq!(code(b"\xEF\xBB\xBF {\"a\":[1,2]}"), "ok");
        assert_eq!(code(b"{\"a\":\"[[[[{{{{,,,,,,,,,,,,\\\"[[[[\"}"), "ok");
        assert_eq!(code(b"[[[[1]]]]"), "http.json_too_deep");
        assert_eq!(code("[".repeat(1_000_000).as_bytes()), "http.json_too_deep");
        assert_eq!(code(b"[1,1,1,1,1,1,1,1,1,1,1,1]"), "http.json_too_large");
        assert_eq!(code(b"[NaN]"), "http.json_invalid");
        assert_eq!(code(b" \r\n"), "http.body_empty");
        assert_eq!(code(b"\n<!DOCTYPE html>"), "http.body_is_html");
    }
}
