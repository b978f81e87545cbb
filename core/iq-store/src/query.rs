//! Filters put together from what a caller set, and pages with their total.

use iq_domain::Timestamp;
use rusqlite::{Connection, Row, ToSql, types::Value};

use crate::StoreError;

/// Which rows of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Most rows to return.
    pub limit: u32,
    /// Rows to leave out before them.
    pub offset: u32,
}

impl Page {
    /// As many rows as one answer may carry.
    pub const MAX: Self = Self {
        limit: 10_000,
        offset: 0,
    };

    /// The first `limit` rows.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { limit, offset: 0 }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first(100)
    }
}

/// A page with the number of rows there are in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Paged<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// Rows that match the filter.
    pub total: u64,
}

/// All rows of a paged list, page by page.
///
/// # Errors
/// Those of `list`.
pub fn all_rows<T>(
    mut list: impl FnMut(Page) -> Result<Paged<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut rows = Vec::new();
    loop {
        let offset = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let page = list(Page {
            offset,
            ..Page::MAX
        })?;
        let is_last = page.rows.is_empty();
        rows.extend(page.rows);
        if is_last || rows.len() as u64 >= page.total {
            return Ok(rows);
        }
    }
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            total: 0,
        }
    }
}

/// A condition with its arguments.
pub(crate) type Condition = (String, Vec<Value>);

/// `column IN (…)` as a condition among others; nothing matches an empty list.
pub(crate) fn one_of(column: &str, args: Vec<String>) -> Option<Condition> {
    if args.is_empty() {
        return None;
    }
    let marks = vec!["?"; args.len()].join(", ");
    let args = args.into_iter().map(Value::Text).collect();
    Some((format!("{column} IN ({marks})"), args))
}

/// The text occurs in one of the columns, without regard to ASCII case; an empty text is no condition.
pub(crate) fn occurs(columns: &[&str], text: &str) -> Option<Condition> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    let one = |column: &&str| format!("{column} LIKE ? ESCAPE '\\'");
    let sql = columns.iter().map(one).collect::<Vec<_>>().join(" OR ");
    let args = columns.iter().map(|_| Value::Text(pattern.clone()));
    Some((sql, args.collect()))
}

/// Conditions that all must hold, with their arguments. The texts are constants of this crate; what
/// comes from a caller goes into the arguments.
pub(crate) struct Where {
    sql: String,
    args: Vec<Value>,
}

impl Where {
    pub(crate) fn tenant(tenant: iq_domain::TenantId) -> Self {
        Self {
            sql: "tenant_id = ?".to_owned(),
            args: vec![Value::Text(tenant.to_string())],
        }
    }

    /// A condition with as many `?` as arguments.
    pub(crate) fn and(&mut self, sql: &str, args: impl IntoIterator<Item = Value>) -> &mut Self {
        self.sql.push_str(" AND (");
        self.sql.push_str(sql);
        self.sql.push(')');
        self.args.extend(args);
        self
    }

    /// A condition with one `?`, left out when the caller set nothing.
    pub(crate) fn maybe(&mut self, sql: &str, arg: Option<impl Into<Value>>) -> &mut Self {
        match arg {
            Some(arg) => self.and(sql, [arg.into()]),
            None => self,
        }
    }

    /// `column IN (…)`; an empty list leaves the condition out.
    pub(crate) fn any(&mut self, column: &str, args: Vec<String>) -> &mut Self {
        if args.is_empty() {
            return self;
        }
        let marks = vec!["?"; args.len()].join(", ");
        self.and(
            &format!("{column} IN ({marks})"),
            args.into_iter().map(Value::Text),
        )
    }

    /// The window's start is inside, its end is not.
    pub(crate) fn within(
        &mut self,
        column: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> &mut Self {
        self.maybe(&format!("{column} >= ?"), from.map(|t| t.0));
        self.maybe(&format!("{column} < ?"), to.map(|t| t.0))
    }

    /// The text occurs in one of the columns, without regard to ASCII case.
    pub(crate) fn contains(&mut self, columns: &[&str], text: Option<&str>) -> &mut Self {
        match text.and_then(|text| occurs(columns, text)) {
            Some(condition) => self.any_of(vec![condition]),
            None => self,
        }
    }

    /// At least one of the conditions holds.
    pub(crate) fn any_of(&mut self, conditions: Vec<Condition>) -> &mut Self {
        let (parts, args): (Vec<_>, Vec<_>) = conditions.into_iter().unzip();
        self.and(&parts.join(" OR "), args.into_iter().flatten())
    }

    /// A summary instead of the rows: `select` stands before the conditions, with its own arguments,
    /// `rest` behind them.
    pub(crate) fn summary<T>(
        &self,
        conn: &Connection,
        (select, first): (&str, Vec<Value>),
        rest: &str,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let args: Vec<Value> = first.into_iter().chain(self.args.clone()).collect();
        rows(
            conn,
            &format!("{select} WHERE {} {rest}", self.sql),
            &args,
            map,
        )
    }

    /// The first rows, in order, without the total.
    pub(crate) fn first<T>(
        &self,
        conn: &Connection,
        (select, order): (&str, &str),
        limit: u32,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = format!("{select} WHERE {} ORDER BY {order} LIMIT ?", self.sql);
        let mut args = self.args.clone();
        args.push(Value::Integer(limit.into()));
        rows(conn, &sql, &args, map)
    }

    /// All rows, in order.
    pub(crate) fn list<T>(
        &self,
        conn: &Connection,
        select: &str,
        order: &str,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = format!("{select} WHERE {} ORDER BY {order}", self.sql);
        rows(conn, &sql, &self.args, map)
    }

    /// One page, in order, with the total.
    pub(crate) fn page<T>(
        &self,
        conn: &Connection,
        table: &str,
        (select, order): (&str, &str),
        page: Page,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Paged<T>, StoreError> {
        let sql = format!(
            "{select} WHERE {} ORDER BY {order} LIMIT ? OFFSET ?",
            self.sql
        );
        let mut args = self.args.clone();
        let limit = page.limit.min(Page::MAX.limit);
        args.extend([
            Value::Integer(limit.into()),
            Value::Integer(page.offset.into()),
        ]);
        let rows = rows(conn, &sql, &args, map)?;
        Ok(Paged {
            rows,
            total: self.count(conn, table)?,
        })
    }

    /// How many rows match.
    pub(crate) fn count(&self, conn: &Connection, table: &str) -> Result<u64, StoreError> {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {}", self.sql);
        let mut statement = conn.prepare_cached(&sql)?;
        let count: i64 =
            statement.query_row(rusqlite::params_from_iter(&self.args), |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn rows<T>(
    conn: &Connection,
    sql: &str,
    args: &[Value],
    map: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(rusqlite::params_from_iter(args), map)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Runs a statement that must change exactly the row it names.
pub(crate) fn change_one(
    conn: &Connection,
    sql: &str,
    args: &[&dyn ToSql],
) -> Result<(), StoreError> {
    match conn.prepare_cached(sql)?.execute(args)? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// Runs a statement and says how many rows it changed.
pub(crate) fn change(conn: &Connection, sql: &str, args: &[&dyn ToSql]) -> Result<u64, StoreError> {
    Ok(conn.prepare_cached(sql)?.execute(args)? as u64)
}

/// The one row a statement finds, if any.
pub(crate) fn find<T>(
    conn: &Connection,
    sql: &str,
    args: &[&dyn ToSql],
    map: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query_map(args, map)?;
    Ok(found.next().transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_longer_than_a_page_is_read_to_its_end() {
        let total = Page::MAX.limit * 2 + 5;
        let read = all_rows(|page| {
            let end = total.min(page.offset + page.limit);
            Ok(Paged {
                rows: (page.offset..end).collect::<Vec<u32>>(),
                total: u64::from(total),
            })
        })
        .unwrap();
        assert!(read.into_iter().eq(0..total));
    }
}
