//! External tags of PI: the path of a point (`\\SERVER\TAG`) or of an attribute
//! (`\\AFSERVER\Database\Element|Attribute`). Paths outlive a restart and a restored archive, which
//! the server's own ids need not.

/// Longest path that is looked up.
const MAX_CHARS: usize = 1_000;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagKind {
    /// A point of a data server.
    Point,
    /// An attribute of an element.
    Attribute,
}

/// What a tag names; `None` when it is no path.
pub(crate) fn kind_of(tag: &str) -> Option<TagKind> {
    if tag.chars().count() > MAX_CHARS || tag.chars().any(char::is_control) {
        return None;
    }
    let rest = tag.strip_prefix(r"\\")?;
    let (place, attribute) = match rest.split_once('|') {
        Some((place, attribute)) => (place, Some(attribute)),
        None => (rest, None),
    };
    let parts: Vec<&str> = place.split('\\').collect();
    let is_whole = parts.iter().all(|part| !part.trim().is_empty());
    match (attribute, parts.len()) {
        (None, 2) if is_whole => Some(TagKind::Point),
        (Some(name), 3..) if is_whole && !name.trim().is_empty() => Some(TagKind::Attribute),
        _ => None,
    }
}

/// A filter of names with `*` and `?`, letters of either case alike, as PI itself reads it.
#[derive(Clone, Debug)]
pub(crate) struct Wildcard(Vec<char>);

impl Wildcard {
    pub(crate) fn new(pattern: &str) -> Self {
        Self(pattern.to_lowercase().chars().collect())
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = text.to_lowercase().chars().collect();
        let (mut at, mut read) = (0, 0);
        // Where to go on when the text after the last `*` did not fit: one letter further.
        let mut retry: Option<(usize, usize)> = None;
        while read < text.len() {
            match self.0.get(at) {
                Some('*') => {
                    retry = Some((at + 1, read));
                    at += 1;
                }
                Some(c) if *c == '?' || *c == text[read] => {
                    at += 1;
                    read += 1;
                }
                _ => match retry {
                    Some((after, from)) => {
                        at = after;
                        read = from + 1;
                        retry = Some((after, from + 1));
                    }
                    None => return false,
                },
            }
        }
        self.0[at..].iter().all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_points_and_attributes_are_told_apart_from_everything_else() {
        assert_eq!(kind_of(r"\\SRV\U100:TI-1.PV"), Some(TagKind::Point));
        assert_eq!(
            kind_of(r"\\AF\DB\Unit 1\Pump|Flow"),
            Some(TagKind::Attribute)
        );
        assert_eq!(kind_of(r"\\AF\DB\E|A|B"), Some(TagKind::Attribute));
        for bad in [
            "",
            r"\\SRV",
            r"\\SRV\",
            r"\\\TAG",
            r"\\AF\DB\Element",
            r"\\AF\DB|A",
            r"\\AF\DB\E|",
            "nsu=x;s=1",
            "\\\\SRV\\T\u{0}",
            "\u{1F980} no such tag",
        ] {
            assert_eq!(kind_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn wildcards_fit_as_in_pi() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("sin*", "SINUSOID", true),
            ("*us*d", "Sinusoid", true),
            ("U?00*", "U100:F", true),
            ("U?00*", "U1:F", false),
            ("a*b*c", "aXbXbX", false),
            ("", "x", false),
            ("abc", "ABC", true),
        ] {
            assert_eq!(
                Wildcard::new(pattern).fits(text),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(!Wildcard::new(&"*a".repeat(200)).fits(&"b".repeat(2_000)));
    }
}
