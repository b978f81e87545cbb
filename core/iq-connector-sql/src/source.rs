//! The configured table or query as the server knows it: names looked up in the catalogue and quoted,
//! columns with their types, and the SELECTs that read them.

use iq_domain::CodedError;

use crate::{
    config::{ColumnNames, RowsFrom, Settings, Target},
    dialect::{Class, Column, Dialect, Select, Statement, dialect},
    error::about,
    guard,
    session::{Caps, Link},
};

/// Most tables looked at.
pub(crate) const MAX_TABLES: usize = 20_000;

/// Most columns of one table.
const MAX_COLUMNS: usize = 2_000;

/// A table of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
}

/// Where rows come from, ready to be put behind FROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) with: String,
    pub(crate) from: String,
    pub(crate) columns: Vec<Column>,
}

/// The whole source.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) origin: Origin,
    pub(crate) time: Column,
    pub(crate) tag: Option<Column>,
    pub(crate) values: Vec<Column>,
    pub(crate) quality: Option<Column>,
}

/// The tables and views the login can see.
pub(crate) async fn tables(link: &mut Link, target: &Target) -> Result<Vec<Table>, CodedError> {
    let statement = dialect(target.db).tables(target.schema.as_deref());
    let rows = link.rows(&statement, Caps::rows(MAX_TABLES)).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let mut cells = row.into_iter();
            Some(Table {
                schema: cells.next()??,
                name: cells.next()??,
            })
        })
        .collect())
}

/// The table meant by a name, with or without its schema in front.
fn find_table<'a>(
    tables: &'a [Table],
    wanted: &str,
    target: &Target,
) -> Result<&'a Table, CodedError> {
    let unknown = || about(target, "sql.table_unknown").with("detail", wanted);
    let is_meant = |table: &Table, fold: fn(&str) -> String| {
        let wanted = fold(wanted);
        fold(&table.name) == wanted || fold(&format!("{}.{}", table.schema, table.name)) == wanted
    };
    for fold in [str::to_owned as fn(&str) -> String, str::to_lowercase] {
        let found: Vec<&Table> = tables.iter().filter(|t| is_meant(t, fold)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one),
            several => {
                // The schema a bare name stands for, unless another one was given.
                let usual = several
                    .iter()
                    .find(|t| matches!(t.schema.as_str(), "public" | "dbo"));
                return usual.copied().ok_or_else(|| {
                    about(target, "sql.table_ambiguous")
                        .with("table", wanted)
                        .with("count", several.len())
                });
            }
        }
    }
    Err(unknown())
}

/// Finds the configured table, or checks the configured query, and learns its columns.
pub(crate) async fn origin(
    link: &mut Link,
    target: &Target,
    rows: &RowsFrom,
) -> Result<Origin, CodedError> {
    let dialect = dialect(target.db);
    let (with, from) = match rows {
        RowsFrom::Table(name) => {
            let known = tables(link, target).await?;
            let table = find_table(&known, name, target)?;
            let from = format!(
                "{}.{}",
                dialect.quote(&table.schema),
                dialect.quote(&table.name)
            );
            (String::new(), from)
        }
        RowsFrom::Query(text) => {
            let checked = guard::check(target.db, text)?;
            (checked.with, dialect.derived(&checked.body))
        }
    };
    let nothing = Select {
        with: with.clone(),
        columns: vec!["*".to_owned()],
        from: from.clone(),
        conditions: vec!["1 = 0".to_owned()],
        limit: 1,
        ..Select::default()
    };
    let columns = link.describe(&dialect.select(&nothing)).await?;
    if columns.is_empty() {
        return Err(about(target, "sql.no_columns"));
    }
    if columns.len() > MAX_COLUMNS {
        return Err(about(target, "sql.too_many_columns").with("max", MAX_COLUMNS));
    }
    Ok(Origin {
        with,
        from,
        columns,
    })
}

impl Origin {
    /// The column a name means: as written, else by letters alone where that is unique.
    pub(crate) fn column(&self, target: &Target, name: &str) -> Result<Column, CodedError> {
        let unknown = || about(target, "sql.column_unknown").with("detail", name);
        if let Some(exact) = self.columns.iter().find(|c| c.name == name) {
            return Ok(exact.clone());
        }
        let folded = name.to_lowercase();
        let mut alike = self
            .columns
            .iter()
            .filter(|c| c.name.to_lowercase() == folded);
        match (alike.next(), alike.next()) {
            (Some(one), None) => Ok(one.clone()),
            _ => Err(unknown()),
        }
    }
}

impl Source {
    /// Looks the source up on the server.
    pub(crate) async fn find(link: &mut Link, settings: &Settings) -> Result<Self, CodedError> {
        let origin = origin(link, &settings.target, &settings.rows).await?;
        Self::new(origin, &settings.target, &settings.columns)
    }

    fn new(origin: Origin, target: &Target, names: &ColumnNames) -> Result<Self, CodedError> {
        let time = origin.column(target, &names.timestamp)?;
        if !time.class.is_time() {
            return Err(about(target, "sql.time_column_type")
                .with("column", &time.name)
                .with("type", &time.source_type));
        }
        let find = |name: &String| origin.column(target, name);
        let tag = names.tag.as_ref().map(find).transpose()?;
        let quality = names.quality.as_ref().map(find).transpose()?;
        let mut values: Vec<Column> = names.values.iter().map(find).collect::<Result<_, _>>()?;
        if values.is_empty() {
            let is_free = |c: &&Column| {
                c.class.is_value() && Some(&c.name) != quality.as_ref().map(|q| &q.name)
            };
            values = origin.columns.iter().filter(is_free).cloned().collect();
        }
        if let Some(odd) = values
            .iter()
            .find(|c| !c.class.is_value() && c.class != Class::Other)
        {
            return Err(about(target, "sql.value_column_type")
                .with("column", &odd.name)
                .with("type", &odd.source_type));
        }
        if values.is_empty() {
            return Err(about(target, "sql.no_value_column"));
        }
        Ok(Self {
            dialect: dialect(target.db),
            origin,
            time,
            tag,
            values,
            quality,
        })
    }

    fn quoted(&self, column: &Column) -> String {
        self.dialect.quote(&column.name)
    }

    fn text(&self, column: &Column) -> String {
        self.dialect.text(&self.quoted(column), column)
    }

    /// The tag column as it is compared: as it is where an index can help, else as text.
    fn comparable_tag(&self, tag: &Column) -> String {
        match tag.class {
            Class::Text | Class::Integer => self.quoted(tag),
            _ => self.text(tag),
        }
    }

    /// A tag as the right side of a comparison. A number is written down: its digits can't be
    /// anything else. `None` for a text that can't be in a column of numbers.
    fn tag_operand(&self, tag: &Column, text: &str, args: &mut Vec<String>) -> Option<String> {
        if tag.class == Class::Integer {
            return text.parse::<i64>().ok().map(|n| n.to_string());
        }
        args.push(text.to_owned());
        Some(self.dialect.argument(args.len()))
    }

    /// Columns in the order of [`Self::decode`]: time, tag if any, values, quality if any.
    fn columns(&self) -> Vec<String> {
        std::iter::once(&self.time)
            .chain(&self.tag)
            .chain(&self.values)
            .chain(&self.quality)
            .map(|column| self.text(column))
            .collect()
    }

    fn select(&self) -> Select {
        Select {
            with: self.origin.with.clone(),
            columns: self.columns(),
            from: self.origin.from.clone(),
            ..Select::default()
        }
    }

    /// A condition on the time column; the bound is an argument.
    fn time_condition(&self, operator: &str, bound: &str, args: &mut Vec<String>) -> String {
        args.push(bound.to_owned());
        let argument = self.dialect.argument(args.len());
        format!(
            "{} {operator} {}",
            self.quoted(&self.time),
            self.dialect.time(&argument, &self.time)
        )
    }

    /// Rows of a stretch of time, oldest first. `tags` are those of the tag column; without one it is
    /// ignored. `None` when none of the tags can be there.
    pub(crate) fn stretch(
        &self,
        from: &str,
        to: Option<&str>,
        tags: &[&str],
        limit: usize,
    ) -> Option<Statement> {
        let mut args = Vec::new();
        let mut select = self.select();
        select
            .conditions
            .push(self.time_condition(">=", from, &mut args));
        if let Some(to) = to {
            select
                .conditions
                .push(self.time_condition("<", to, &mut args));
        }
        if let Some(tag) = &self.tag {
            let operands: Vec<String> = tags
                .iter()
                .filter_map(|t| self.tag_operand(tag, t, &mut args))
                .collect();
            if operands.is_empty() {
                return None;
            }
            select.conditions.push(format!(
                "{} IN ({})",
                self.comparable_tag(tag),
                operands.join(", ")
            ));
        }
        select.order.push(self.quoted(&self.time));
        select.limit = limit;
        Some(Statement {
            sql: self.dialect.select(&select),
            args,
        })
    }

    /// The newest rows, of one tag where there is a tag column.
    pub(crate) fn newest(&self, tag: Option<&str>, limit: usize) -> Option<Statement> {
        let mut args = Vec::new();
        let mut select = self.select();
        if let (Some(column), Some(tag)) = (&self.tag, tag) {
            let operand = self.tag_operand(column, tag, &mut args)?;
            select
                .conditions
                .push(format!("{} = {operand}", self.comparable_tag(column)));
        }
        select
            .conditions
            .push(format!("{} IS NOT NULL", self.quoted(&self.time)));
        select
            .order
            .push(format!("{} DESC", self.quoted(&self.time)));
        select.limit = limit;
        Some(Statement {
            sql: self.dialect.select(&select),
            args,
        })
    }

    /// The time of the oldest row of 1970 or later.
    pub(crate) fn oldest(&self) -> Statement {
        let mut args = Vec::new();
        let condition = self.time_condition(">=", "1970-01-01 00:00:00.000000", &mut args);
        let least = format!("MIN({})", self.quoted(&self.time));
        let select = Select {
            columns: vec![self.dialect.text(&least, &self.time)],
            conditions: vec![condition],
            limit: 1,
            ..self.select()
        };
        Statement {
            sql: self.dialect.select(&select),
            args,
        }
    }

    /// The names in the tag column after `after`, in the column's own order.
    pub(crate) fn tags_after(&self, tag: &Column, after: Option<&str>, limit: usize) -> Statement {
        let mut args = Vec::new();
        let compared = self.comparable_tag(tag);
        let mut conditions = vec![format!("{} IS NOT NULL", self.quoted(tag))];
        if let Some(operand) = after.and_then(|text| self.tag_operand(tag, text, &mut args)) {
            conditions.push(format!("{compared} > {operand}"));
        }
        // The names are made distinct as they are, so that an index on them can be used, and become
        // text outside.
        let inner = Select {
            with: String::new(),
            is_distinct: true,
            columns: vec![format!("{compared} AS iq_tag")],
            from: self.origin.from.clone(),
            conditions,
            ..Select::default()
        };
        let inner = self.unlimited(&inner);
        let named = Column {
            name: "iq_tag".to_owned(),
            ..tag.clone()
        };
        let outer = Select {
            with: self.origin.with.clone(),
            columns: vec![match tag.class {
                Class::Text | Class::Integer => self.dialect.text("iq_tag", &named),
                _ => "iq_tag".to_owned(),
            }],
            from: self.dialect.derived(&inner).replace("iq_source", "iq_tags"),
            order: vec!["iq_tag".to_owned()],
            limit,
            ..Select::default()
        };
        Statement {
            sql: self.dialect.select(&outer),
            args,
        }
    }

    fn unlimited(&self, select: &Select) -> String {
        let conditions = select.conditions.join(" AND ");
        let columns = select.columns.join(", ");
        format!(
            "SELECT DISTINCT {columns} FROM {} WHERE {conditions}",
            select.from
        )
    }
}

/// The first rows as they are, all columns.
pub(crate) fn first_rows(target: &Target, origin: &Origin, limit: usize) -> Statement {
    let dialect = dialect(target.db);
    let columns = origin
        .columns
        .iter()
        .map(|c| dialect.text(&dialect.quote(&c.name), c));
    Statement::plain(dialect.select(&Select {
        with: origin.with.clone(),
        columns: columns.collect(),
        from: origin.from.clone(),
        limit,
        ..Select::default()
    }))
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
