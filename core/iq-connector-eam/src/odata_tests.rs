//! Claims about the wire of OData version 2.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What a server reads out of a text literal; `None` when the literal ends early or late.
fn unquoted(literal: &str) -> Option<String> {
    let mut found = String::new();
    let mut rest = literal.strip_prefix('\'')?.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\'' {
            found.push(c);
        } else if rest.peek() == Some(&'\'') {
            rest.next();
            found.push('\'');
        } else {
            return rest.next().is_none().then_some(found);
        }
    }
    None
}

fn decoded(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            found.push(u8::from_str_radix(&value[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            found.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(found).unwrap()
}

proptest! {
    #[test]
    fn no_text_escapes_from_its_literal(written in "[\\PC'\"]{0,60}") {
        prop_assert_eq!(unquoted(&quoted(&written)), Some(written));
    }

    #[test]
    fn a_query_value_arrives_as_it_was_meant(written in "[\\PC'&=#+%? ]{1,60}") {
        let query = query(&[("$filter", &written)]);
        let value = query.strip_prefix("?$filter=").unwrap();
        prop_assert!(value.bytes().all(|b| !b"&=#+? '".contains(&b)));
        prop_assert_eq!(decoded(value), written);
    }

    #[test]
    fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(said(&body));
        drop(notes(&String::from_utf8_lossy(&body)));
        if let Ok(json) = serde_json::from_slice::<Value>(&body) {
            drop(page(&json));
            drop(entity(&json));
        }
    }
}

#[test]
fn a_list_tells_rows_count_and_continuation() {
    let found = page(&json!({"d": {
        "results": [{"__metadata": {"uri": "x"}, "MaintenanceOrder": "000004000123"}],
        "__count": "120", "__next": "https://evil.example/x?$skiptoken=50",
    }}))
    .unwrap();
    assert_eq!(found.rows.len(), 1);
    assert_eq!(found.total, Some(120));
    assert!(found.is_continued);
    assert!(found.has_more(0, 50));
}

#[test]
fn a_list_ends_where_the_count_says_or_the_page_is_short() {
    let list = |rows: usize, count: Option<&str>| {
        let rows: Vec<Value> = (0..rows).map(|n| json!({"K": n.to_string()})).collect();
        page(&json!({"d": {"results": rows, "__count": count}})).unwrap()
    };
    assert!(
        list(50, Some("120")).has_more(0, 200),
        "a page smaller than asked for is not the end"
    );
    assert!(!list(20, Some("120")).has_more(100, 200));
    assert!(list(50, None).has_more(0, 50));
    assert!(!list(49, None).has_more(0, 50));
    assert!(
        !list(0, Some("120")).has_more(0, 50),
        "an empty page ends, whatever the count says"
    );
}

#[test]
fn what_is_no_list_is_refused() {
    for bad in [
        json!({}),
        json!({"d": 1}),
        json!({"d": {"results": {}}}),
        json!({"d": {"results": [1]}}),
        json!({"value": []}),
        json!([]),
        json!("<html>"),
    ] {
        assert_eq!(page(&bad), None, "{bad}");
    }
    assert_eq!(
        page(&json!({"d": [{"A": "1"}]})).unwrap().rows.len(),
        1,
        "the older notation"
    );
}

#[test]
fn an_entity_carries_its_version() {
    let (row, version) = entity(&json!({"d": {
        "__metadata": {"etag": "W/\"datetimeoffset'2026-01-01T00%3A00%3A00Z'\""},
        "MaintenanceNotification": "10000042", "to_Item": {"__deferred": {"uri": "x"}},
    }}))
    .unwrap();
    assert_eq!(row["MaintenanceNotification"], json!("10000042"));
    assert!(version.unwrap().starts_with("W/"));
    let hostile = json!({"d": {"__metadata": {"etag": "a\r\nSet-Cookie: x"}, "A": "1"}});
    assert_eq!(
        entity(&hostile).unwrap().1,
        None,
        "a version that would split a header"
    );
}

#[test]
fn errors_speak_with_the_words_of_the_source() {
    let v2 = json!({"error": {"code": "CM/123", "message": {"lang": "en", "value": "Order type PM99 is unknown"},
        "innererror": {"transactionid": "AB12", "errordetails": [
            {"code": "X", "message": "Order type PM99 is unknown", "severity": "error"},
            {"code": "Y", "message": "Enter a planning plant", "severity": "error"}]}}});
    let found = said(v2.to_string().as_bytes()).unwrap();
    assert_eq!(found.code, "CM/123");
    assert_eq!(
        found.words,
        "Order type PM99 is unknown; Enter a planning plant"
    );
    let v4 =
        json!({"error": {"code": "400", "message": "Bad", "details": [{"message": "Field A"}]}});
    assert_eq!(
        said(v4.to_string().as_bytes()).unwrap().words,
        "Bad; Field A"
    );
    let xml = "<?xml version=\"1.0\"?><error xmlns=\"x\"><code>005056A509B11EE1</code>\
        <message xml:lang=\"en\">Resource not found for &apos;X&apos;</message></error>";
    assert_eq!(
        said(xml.as_bytes()).unwrap().words,
        "Resource not found for 'X'"
    );
    assert_eq!(said(b"<html><title>Logon</title></html>"), None);
    assert_eq!(said(b"{\"error\": 5}"), Some(Said::default()));
    assert_eq!(said(b"\xff\xfe"), None);
}

#[test]
fn hidden_characters_of_an_error_do_not_reach_a_page() {
    let body = json!({"error": {"code": "A", "message": {"value": "pay \u{202E}txt.exe\u{0007}"}}});
    let words = said(body.to_string().as_bytes()).unwrap().words;
    assert!(words.chars().all(iq_domain::is_clean_char), "{words}");
}

#[test]
fn notes_of_the_header_are_read() {
    let header = r#"{"code":"IM/1","message":"Main work center was derived","severity":"warning","details":[{"message":"More","severity":"info"}]}"#;
    let found = notes(header);
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[0],
        ("warning".into(), "Main work center was derived".into())
    );
    assert!(notes("not json").is_empty());
}

#[test]
fn literals_have_the_form_of_the_standard() {
    assert_eq!(quoted("O'Brien"), "'O''Brien'");
    assert_eq!(
        moment_literal(Timestamp(1_767_254_400_999)),
        "datetimeoffset'2026-01-01T08:00:00Z'"
    );
    assert_eq!(
        json_moment(Timestamp(1_767_254_400_000)),
        "/Date(1767254400000+0000)/"
    );
    assert_eq!(json_time(30_605), "PT08H30M05S");
}
