//! `$filter`: comparisons, `and`, `or`, `not`, brackets and the three text functions.

use std::cmp::Ordering;

use crate::sap::{
    schema::{Field, Kind, Right, Set},
    value::{Row, Val, iso, seconds},
};

/// Conditions may be nested this deep.
const MAX_DEPTH: usize = 40;

/// A condition.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(&'static Field, Operator, Val),
    /// Field, text, and how it lies in it.
    Part(&'static Field, String, Part),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// How a text lies in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Inside,
    Start,
    End,
}

impl Filter {
    pub(crate) fn parse(text: &str, set: &'static Set) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens: &tokens,
            at: 0,
            depth: 0,
            set,
        };
        let filter = parser.or()?;
        match parser.tokens.get(parser.at) {
            None => Ok(filter),
            Some(extra) => Err(format!("Invalid token '{}' in $filter.", extra.shown())),
        }
    }

    pub(crate) fn matches(&self, row: &Row) -> bool {
        match self {
            Self::And(a, b) => a.matches(row) && b.matches(row),
            Self::Or(a, b) => a.matches(row) || b.matches(row),
            Self::Not(a) => !a.matches(row),
            Self::Compare(field, operator, wanted) => {
                let value = row.get(field.name).unwrap_or(&Val::Null);
                // A date that isn't there is neither before nor after another.
                let dated = matches!(wanted, Val::Ms(_));
                if dated && *value == Val::Null {
                    return *operator == Operator::Ne;
                }
                let order = value.order(wanted, field.kind);
                match operator {
                    Operator::Eq => order == Ordering::Equal,
                    Operator::Ne => order != Ordering::Equal,
                    Operator::Gt => order == Ordering::Greater,
                    Operator::Ge => order != Ordering::Less,
                    Operator::Lt => order == Ordering::Less,
                    Operator::Le => order != Ordering::Greater,
                }
            }
            Self::Part(field, text, part) => {
                let value = crate::sap::value::text_of(row, field.name);
                match part {
                    Part::Inside => value.contains(text.as_str()),
                    Part::Start => value.starts_with(text.as_str()),
                    Part::End => value.ends_with(text.as_str()),
                }
            }
        }
    }
}

/// The keys of an address: `'1'` for a single one, `A='1',B=datetime'2026-…'` for several.
pub(crate) fn keys(text: &str, set: &'static Set) -> Option<Row> {
    let mut row = Row::new();
    for token in tokens(text).ok()? {
        let Token::Quoted(prefix, value) = token else {
            if token == Token::Comma {
                continue;
            }
            return None;
        };
        let (name, kind) = match prefix.split_once('=') {
            Some((name, kind)) => (name.to_owned(), kind.to_owned()),
            None if set.keys.len() == 1 => (set.keys[0].to_owned(), prefix),
            None => return None,
        };
        let field = set.field(&name).filter(|f| set.keys.contains(&f.name))?;
        let value = literal_of(&Token::Quoted(kind, value), field)?;
        row.insert(name, value);
    }
    (row.len() == set.keys.len()).then_some(row)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// A literal with its prefix: ("datetime", "2026-…"), ("", "text").
    Quoted(String, String),
    Open,
    Close,
    Comma,
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Quoted(prefix, text) => format!("{prefix}'{text}'"),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::Comma => ",".to_owned(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    let mut word = String::new();
    let flush = |word: &mut String, tokens: &mut Vec<Token>| {
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(word)));
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let mut quoted = String::new();
                loop {
                    match chars.next() {
                        // A doubled quote is a quote.
                        Some('\'') if chars.peek() == Some(&'\'') => {
                            chars.next();
                            quoted.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => quoted.push(other),
                        None => return Err("A text in $filter has no end.".to_owned()),
                    }
                }
                tokens.push(Token::Quoted(std::mem::take(&mut word), quoted));
            }
            '(' | ')' | ',' => {
                flush(&mut word, &mut tokens);
                tokens.push(match c {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Comma,
                });
            }
            c if c.is_whitespace() => flush(&mut word, &mut tokens),
            c => word.push(c),
        }
    }
    flush(&mut word, &mut tokens);
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    set: &'static Set,
}

impl Parser<'_> {
    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| "$filter ends too early.".to_owned())
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(w)) if w == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), String> {
        let found = self.next()?;
        if found == *token {
            return Ok(());
        }
        Err(format!("Invalid token '{}' in $filter.", found.shown()))
    }

    fn or(&mut self) -> Result<Filter, String> {
        let mut left = self.and()?;
        while self.takes("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, String> {
        let mut left = self.one()?;
        while self.takes("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("$filter is nested too deeply.".to_owned());
        }
        let result = self.single();
        self.depth -= 1;
        result
    }

    fn single(&mut self) -> Result<Filter, String> {
        if self.takes("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        let word = match self.next()? {
            Token::Open => {
                let inner = self.or()?;
                self.expect(&Token::Close)?;
                return Ok(inner);
            }
            Token::Word(word) => word,
            other => return Err(format!("Invalid token '{}' in $filter.", other.shown())),
        };
        let part = match word.as_str() {
            "substringof" => Some(Part::Inside),
            "startswith" => Some(Part::Start),
            "endswith" => Some(Part::End),
            _ => None,
        };
        match part {
            Some(part) => self.function(part),
            None => self.comparison(&word),
        }
    }

    fn function(&mut self, part: Part) -> Result<Filter, String> {
        self.expect(&Token::Open)?;
        let first = self.next()?;
        self.expect(&Token::Comma)?;
        let second = self.next()?;
        self.expect(&Token::Close)?;
        if self.takes("eq") && !self.takes("true") {
            return Err("A text function can only be compared with true.".to_owned());
        }
        // The one function that names the text first.
        let (field, text) = if part == Part::Inside {
            (second, first)
        } else {
            (first, second)
        };
        match (field, text) {
            (Token::Word(field), Token::Quoted(prefix, text)) if prefix.is_empty() => {
                Ok(Filter::Part(self.field(&field)?, text, part))
            }
            _ => Err("A text function takes a property and a text.".to_owned()),
        }
    }

    fn comparison(&mut self, word: &str) -> Result<Filter, String> {
        let field = self.field(word)?;
        let operator = match self.next()? {
            Token::Word(w) => match w.as_str() {
                "eq" => Operator::Eq,
                "ne" => Operator::Ne,
                "gt" => Operator::Gt,
                "ge" => Operator::Ge,
                "lt" => Operator::Lt,
                "le" => Operator::Le,
                other => return Err(format!("Invalid token '{other}' in $filter.")),
            },
            other => return Err(format!("Invalid token '{}' in $filter.", other.shown())),
        };
        let literal = self.next()?;
        let value = literal_of(&literal, field).ok_or_else(|| {
            format!(
                "Operand types are incompatible: property {} and '{}'.",
                field.name,
                literal.shown()
            )
        })?;
        Ok(Filter::Compare(field, operator, value))
    }

    fn field(&self, name: &str) -> Result<&'static Field, String> {
        let field = self.set.field(name).ok_or_else(|| {
            format!(
                "Property {name} was not found in entity type {}.",
                self.set.name
            )
        })?;
        if field.right == Right::Shown {
            return Err(format!("Property {name} can't be used in $filter."));
        }
        Ok(field)
    }
}

/// The value of a literal, if its type is that of the field.
fn literal_of(token: &Token, field: &Field) -> Option<Val> {
    match (token, field.kind) {
        (Token::Quoted(prefix, t), Kind::Text(_)) if prefix.is_empty() => {
            Some(Val::Text(t.clone()))
        }
        (Token::Quoted(prefix, t), Kind::DateTime) if prefix == "datetime" => {
            iso(t, false).map(Val::Ms)
        }
        (Token::Quoted(prefix, t), Kind::Offset) if prefix == "datetimeoffset" => {
            iso(t, true).map(Val::Ms)
        }
        (Token::Quoted(prefix, t), Kind::Time) if prefix == "time" => seconds(t).map(Val::Seconds),
        (Token::Word(w), Kind::Flag) => w.parse().ok().map(Val::Flag),
        (Token::Word(w), Kind::Decimal) => {
            let number = w.trim_end_matches(['M', 'm', 'd', 'D']);
            number.parse::<f64>().ok()?;
            Some(Val::Text(number.to_owned()))
        }
        (Token::Word(w), _) if w == "null" => Some(Val::Null),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sap::{
        schema::{ORDER, set},
        value::text,
    };

    fn row() -> Row {
        Row::from([
            ("MaintenanceOrder".to_owned(), text("000004000123")),
            (
                "MaintenanceOrderDesc".to_owned(),
                text("Driver's side seal"),
            ),
            ("MaintenancePlant".to_owned(), text("1010")),
            ("LastChangeDateTime".to_owned(), Val::Ms(1_767_254_400_000)),
        ])
    }

    fn matches(filter: &str) -> bool {
        Filter::parse(filter, set(ORDER)).unwrap().matches(&row())
    }

    #[test]
    fn compares_texts_and_moments_and_joins_conditions() {
        assert!(matches("MaintenanceOrder eq '000004000123'"));
        assert!(!matches("MaintenanceOrder eq '4000123'"));
        assert!(matches("MaintenanceOrderDesc eq 'Driver''s side seal'"));
        assert!(matches(
            "LastChangeDateTime ge datetimeoffset'2026-01-01T08:00:00Z' and MaintenancePlant eq '1010'"
        ));
        assert!(!matches(
            "LastChangeDateTime gt datetimeoffset'2026-01-01T08:00:00Z'"
        ));
        assert!(matches(
            "(MaintenancePlant eq '9' or MaintenancePlant eq '1010') and not (Equipment ne '')"
        ));
        assert!(matches("substringof('side',MaintenanceOrderDesc)"));
        assert!(matches("startswith(MaintenanceOrderDesc,'Driver') eq true"));
    }

    #[test]
    fn reads_keys_of_one_and_of_several_parts() {
        let one = keys("'000004000123'", set(ORDER)).unwrap();
        assert_eq!(one, Row::from([(ORDER.to_owned(), text("000004000123"))]));
        let equipment = set(crate::sap::schema::EQUIPMENT);
        let two = "Equipment='1',ValidityEndDate=datetime'9999-12-31T00:00:00'";
        assert_eq!(keys(two, equipment).unwrap().len(), 2);
        assert!(keys("'1'", equipment).is_none());
        assert!(keys("Equipment='1'", equipment).is_none());
        assert!(keys("1", set(ORDER)).is_none());
    }

    #[test]
    fn refuses_what_the_system_refuses() {
        for filter in [
            "SystemStatusText eq 'REL'",
            "Nonsense eq '1'",
            "LastChangeDateTime gt datetime'2026-01-01T00:00:00'",
            "LastChangeDateTime gt '2026-01-01'",
            "MaintenanceOrder eq 'open",
            "MaintenanceOrder eq",
            "MaintenanceOrder == '1'",
            "MaintenanceOrder eq '1' and",
        ] {
            assert!(Filter::parse(filter, set(ORDER)).is_err(), "{filter}");
        }
        let deep = format!(
            "{}MaintenanceOrder eq '1'{}",
            "(".repeat(99),
            ")".repeat(99)
        );
        assert!(Filter::parse(&deep, set(ORDER)).is_err());
    }
}
