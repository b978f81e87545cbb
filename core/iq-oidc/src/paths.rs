//! Addresses within the program that a sign-in goes on to.

/// Longest address within the program to go on to.
const NEXT_CHARS: usize = 500;

/// A page of this program, else the first one. An address of another server begins like one of ours
/// only with two slashes, or a slash that leans the other way.
#[must_use]
pub fn local_path(next: &str) -> String {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= NEXT_CHARS
        && next.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    if is_local { next } else { "/" }.to_owned()
}

/// Percent-encoded for a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_go_on_to_a_page_of_this_program_and_nowhere_else() {
        for page in [
            "/",
            "/assets",
            "/blackbox?from=1&to=2",
            "/login?next=//evil.example",
        ] {
            assert_eq!(local_path(page), page);
        }
        for page in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\tevil",
            "/a b",
            "/\r\nSet-Cookie: a=b",
            "evil.example",
        ] {
            assert_eq!(local_path(page), "/", "{page:?}");
        }
        assert_eq!(local_path(&format!("/{}", "a".repeat(600))), "/");
    }

    #[test]
    fn what_goes_into_a_query_comes_out_of_it() {
        assert_eq!(encoded("/a?b=c&d"), "/a%3Fb%3Dc%26d");
    }
}
