//! No physical left and right in the look of the pages: the same style must serve both directions.
//! A line that must name a side anyway (a chart's canvas, say) carries `physical-ok: <reason>`.

use super::Source;

/// Physical properties in style sheets, as they begin a declaration.
const CSS: &[&str] = &[
    "margin-left",
    "margin-right",
    "padding-left",
    "padding-right",
    "border-left",
    "border-right",
    "border-top-left",
    "border-top-right",
    "border-bottom-left",
    "border-bottom-right",
    "scroll-margin-left",
    "scroll-margin-right",
    "scroll-padding-left",
    "scroll-padding-right",
    "left:",
    "right:",
    "left :",
    "right :",
];

/// Physical values in style sheets.
const CSS_VALUES: &[(&str, &[&str])] = &[
    ("text-align", &["left", "right"]),
    ("float", &["left", "right"]),
    ("clear", &["left", "right"]),
];

/// Physical names in components: style objects and Mantine's short properties.
const COMPONENT: &[&str] = &[
    "marginLeft",
    "marginRight",
    "paddingLeft",
    "paddingRight",
    "borderLeft",
    "borderRight",
    "borderTopLeft",
    "borderTopRight",
    "borderBottomLeft",
    "borderBottomRight",
    " ml=",
    " mr=",
    " pl=",
    " pr=",
    " left=",
    " right=",
    "ta=\"left\"",
    "ta=\"right\"",
    "textAlign: \"left\"",
    "textAlign: \"right\"",
    "textAlign: 'left'",
    "textAlign: 'right'",
];

const ESCAPE: &str = "physical-ok:";

/// Lines that name a side.
pub(crate) fn physical(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| {
        source.path.starts_with("ui/") || source.path.starts_with("src-tauri/splash/")
    }) {
        let names_side: fn(&str) -> bool = match source.path.rsplit('.').next() {
            Some("css" | "html") => in_css,
            Some("tsx" | "ts") => in_component,
            _ => continue,
        };
        let mut above = "";
        for (number, line) in source.text.lines().enumerate() {
            let excused = [line, above].iter().any(|line| is_excused(line));
            if names_side(line) && !excused {
                found.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
            above = line;
        }
    }
    found
}

fn is_excused(line: &str) -> bool {
    line.split_once(ESCAPE)
        .is_some_and(|(_, reason)| reason.trim().len() >= 8)
}

fn in_css(line: &str) -> bool {
    line.split(['{', ';', '"'])
        .map(str::trim_start)
        .any(|declaration| {
            CSS.iter().any(|property| declaration.starts_with(property))
                || CSS_VALUES.iter().any(|(property, values)| {
                    declaration
                        .strip_prefix(property)
                        .and_then(|rest| rest.trim_start().strip_prefix(':'))
                        .is_some_and(|value| values.contains(&first_word(value)))
                })
        })
}

fn first_word(value: &str) -> &str {
    value
        .trim()
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default()
}

fn in_component(line: &str) -> bool {
    let code = line.trim_start();
    if code.starts_with("//") || code.starts_with('*') {
        return false;
    }
    COMPONENT.iter().any(|name| line.contains(name))
        || line.contains("style") && [" left:", " right:"].iter().any(|name| line.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> usize {
        physical(&[Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
        .len()
    }

    #[test]
    fn finds_sides_in_style_sheets() {
        for line in [
            ".a { margin-left: 1px; }",
            "  padding-right: 0;",
            "  left: 0;",
            "  text-align: right;",
            "  border-top-left-radius: 4px;",
            "  float:left;",
        ] {
            assert_eq!(check("ui/src/a.css", line), 1, "{line}");
        }
    }

    #[test]
    fn accepts_logical_style_sheets() {
        for line in [
            "  margin-inline-start: 1px;",
            "  inset-inline-end: 0;",
            "  text-align: start;",
            "  transform-origin: left;",
            "  --left-edge: 1px;",
        ] {
            assert_eq!(check("ui/src/a.css", line), 0, "{line}");
        }
    }

    #[test]
    fn finds_sides_in_components() {
        for line in [
            "<Box ml={4}>",
            "style={{ marginLeft: 4 }}",
            "style={{ top: 0, left: 4 }}",
            "<Text ta=\"left\">",
        ] {
            assert_eq!(check("ui/src/a.tsx", line), 1, "{line}");
        }
        for line in [
            "<Box ms={4} leftSection={x}>",
            "const { left, top } = bbox;",
            "// marginLeft is banned",
        ] {
            assert_eq!(check("ui/src/a.tsx", line), 0, "{line}");
        }
    }

    #[test]
    fn an_excuse_needs_a_reason() {
        assert_eq!(
            check(
                "ui/src/a.css",
                "/* physical-ok: the time axis runs one way */\nleft: 0;"
            ),
            0
        );
        assert_eq!(check("ui/src/a.css", "left: 0; /* physical-ok: */"), 1);
    }
}
