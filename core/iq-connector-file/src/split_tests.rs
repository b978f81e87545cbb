//! Rows and cells, and what can be wrong with them.

use super::*;

/// Hands out a text in pieces of `step` bytes, so that every boundary is met.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.1.min(self.0.len()).min(out.len());
        out[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

fn rows(text: &[u8], step: usize) -> Vec<Result<Vec<String>, &'static str>> {
    let mut splitter = Splitter::new(Pieces(text, step), b',', b'"', 0);
    let mut rows = Vec::new();
    loop {
        match splitter.advance().unwrap() {
            Found::End => break,
            Found::Unreadable(code) => rows.push(Err(code)),
            Found::Row => {
                let cells = splitter.cells();
                let texts = (0..cells.len())
                    .map(|i| String::from_utf8(cells.get(i).unwrap().to_vec()).unwrap());
                rows.push(Ok(texts.collect()));
            }
        }
    }
    assert_eq!(splitter.offset(), text.len() as u64);
    rows
}

fn check(text: &str, expected: &[Result<&[&str], &'static str>]) {
    let expected: Vec<Result<Vec<String>, &'static str>> = expected
        .iter()
        .map(|r| r.map(|cells| cells.iter().map(|c| (*c).to_owned()).collect()))
        .collect();
    for step in [1, 2, 3, 7, 1_000] {
        assert_eq!(
            rows(text.as_bytes(), step),
            expected,
            "{text:?} in pieces of {step}"
        );
    }
}

#[test]
fn cuts_rows_and_cells() {
    check("", &[]);
    check("a,b\n1,2\n", &[Ok(&["a", "b"]), Ok(&["1", "2"])]);
    check("a,b\r\n1,2", &[Ok(&["a", "b"]), Ok(&["1", "2"])]);
    check("a,,\n\nx", &[Ok(&["a", "", ""]), Ok(&[""]), Ok(&["x"])]);
}

#[test]
fn a_quoted_cell_may_hold_delimiters_quotes_and_line_ends() {
    check(
        "\"a,b\",\"say \"\"no\"\"\"\r\n\"two\nlines\",x\r\n",
        &[Ok(&["a,b", "say \"no\""]), Ok(&["two\nlines", "x"])],
    );
    check("x,\"\"\ny,\"z\"", &[Ok(&["x", ""]), Ok(&["y", "z"])]);
    check(
        "\"a\"b,c\nd\"e,f\n",
        &[Ok(&["ab", "c"]), Ok(&["d\"e", "f"])],
    );
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line() {
    check(
        "a,\"b\nc,d\ne,f\n",
        &[Err("file.quote_open"), Ok(&["c", "d"]), Ok(&["e", "f"])],
    );
}

#[test]
fn nul_bytes_and_endless_lines_are_refused_row_by_row() {
    check("a,\0\nc,d\n", &[Err("file.row_has_nul"), Ok(&["c", "d"])]);
    let mut text = "x".repeat(5 * MAX_ROW_BYTES);
    text.push_str("\na,b\n");
    assert_eq!(
        rows(text.as_bytes(), 100_000),
        [Err("file.row_too_long"), Ok(vec!["a".into(), "b".into()])]
    );
    let mut quoted = format!("\"{}", "x,".repeat(MAX_ROW_BYTES));
    quoted.push_str("\na,b\n");
    assert_eq!(
        rows(quoted.as_bytes(), 100_000),
        [Err("file.row_too_long"), Ok(vec!["a".into(), "b".into()])]
    );
}

#[test]
fn ten_million_columns_are_refused() {
    let mut text = ",".repeat(10_000_000);
    text.push_str("\na,b\n");
    assert_eq!(
        rows(text.as_bytes(), 100_000),
        [Err("file.row_too_long"), Ok(vec!["a".into(), "b".into()])]
    );
    let mut text = ",".repeat(500_000);
    text.push_str("\na,b\n");
    assert_eq!(
        rows(text.as_bytes(), 100_000),
        [
            Err("file.row_too_many_columns"),
            Ok(vec!["a".into(), "b".into()])
        ]
    );
}

#[test]
fn an_endless_line_takes_no_more_memory_than_a_row_may() {
    let mut splitter = Splitter::new(io::repeat(b'x').take(64 * 1024 * 1024), b',', b'"', 0);
    assert_eq!(
        splitter.advance().unwrap(),
        Found::Unreadable("file.row_too_long")
    );
    assert!(
        splitter.buffer.len() <= 4 * MAX_ROW_BYTES,
        "{}",
        splitter.buffer.len()
    );
    assert_eq!(splitter.raw().len(), 200);
}
