//! The mapping as a table of cells: what an export writes and an import reads, whatever the file's
//! format. Headings and truth values are understood in English and Arabic.

use std::collections::HashMap;

use iq_domain::{AssetId, CodedError, IntegrationId, SignalMapping};

use crate::{FieldError, ListedMapping, ListedRow, folded};

/// Most rows of one list.
pub const MAX_SHEET_ROWS: usize = 20_000;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// Name of the source.
    Source,
    /// Tag.
    Tag,
    /// Asset code.
    Asset,
    /// Metric key.
    Metric,
    /// Unit the source delivers.
    Unit,
    /// Factor.
    Scale,
    /// Offset.
    Offset,
    /// In use.
    Active,
    /// Free metadata.
    Metadata,
    /// For the reader only; ignored by an import.
    Note,
}

impl Column {
    /// The columns of an export, in order.
    pub const ALL: [Self; 10] = [
        Self::Source,
        Self::Tag,
        Self::Asset,
        Self::Metric,
        Self::Unit,
        Self::Scale,
        Self::Offset,
        Self::Active,
        Self::Metadata,
        Self::Note,
    ];

    /// Name in the API and English heading.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Source => "integration",
            Self::Tag => "external_tag",
            Self::Asset => "asset",
            Self::Metric => "metric_name",
            Self::Unit => "unit",
            Self::Scale => "scaling_factor",
            Self::Offset => "offset_value",
            Self::Active => "is_active",
            Self::Metadata => "metadata_json",
            Self::Note => "description",
        }
    }

    /// Arabic heading.
    #[must_use]
    pub const fn arabic(self) -> &'static str {
        match self {
            Self::Source => "المصدر",
            Self::Tag => "الوسم الخارجي",
            Self::Asset => "الأصل",
            Self::Metric => "المقياس",
            Self::Unit => "وحدة القياس",
            Self::Scale => "معامل التحويل",
            Self::Offset => "قيمة الإزاحة",
            Self::Active => "مفعّل",
            Self::Metadata => "البيانات الوصفية",
            Self::Note => "الوصف",
        }
    }

    /// Other headings people write.
    const fn others(self) -> &'static [&'static str] {
        match self {
            Self::Source => &["source", "integration_name", "مصدر البيانات", "التكامل"],
            Self::Tag => &[
                "tag",
                "tag_name",
                "الوسم",
                "اسم الوسم",
                "وسم المصدر",
                "الإشارة",
            ],
            Self::Asset => &["asset_code", "equipment", "رمز الأصل", "المعدة"],
            Self::Metric => &["metric", "اسم المقياس", "القياس"],
            Self::Unit => &["source_unit", "eu", "وحدة المصدر", "الوحدة"],
            Self::Scale => &["scale", "factor", "gain", "المعامل", "معامل الضرب"],
            Self::Offset => &["offset", "bias", "الإزاحة"],
            Self::Active => &["active", "enabled", "نشط", "فعال"],
            Self::Metadata => &["metadata", "بيانات إضافية"],
            Self::Note => &["metric_description", "note", "ملاحظة"],
        }
    }

    /// The column behind a heading.
    #[must_use]
    pub fn of_heading(heading: &str) -> Option<Self> {
        let plain = |text: &str| folded(text.trim()).replace([' ', '-'], "_");
        let wanted = plain(heading);
        Self::ALL.into_iter().find(|column| {
            plain(column.id()) == wanted
                || plain(column.arabic()) == wanted
                || column.others().iter().any(|name| plain(name) == wanted)
        })
    }
}

/// Names of sources and assets as a file writes them.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    sources: HashMap<String, IntegrationId>,
    assets: HashMap<String, AssetId>,
    source_names: HashMap<IntegrationId, String>,
    asset_codes: HashMap<AssetId, String>,
}

impl Directory {
    /// The tenant's sources and assets.
    #[must_use]
    pub fn new(
        sources: impl IntoIterator<Item = (IntegrationId, String)>,
        assets: impl IntoIterator<Item = (AssetId, String)>,
    ) -> Self {
        let mut directory = Self::default();
        for (id, name) in sources {
            directory.sources.insert(name.clone(), id);
            directory.source_names.insert(id, name);
        }
        for (id, code) in assets {
            directory.assets.insert(code.clone(), id);
            directory.asset_codes.insert(id, code);
        }
        directory
    }

    fn source(&self, text: &str) -> Option<IntegrationId> {
        find(&self.sources, text)
    }

    fn asset(&self, text: &str) -> Option<AssetId> {
        find(&self.assets, text)
    }
}

/// The exact name, else the only one that differs in spelling alone.
fn find<T: Copy>(names: &HashMap<String, T>, text: &str) -> Option<T> {
    if let Some(found) = names.get(text) {
        return Some(*found);
    }
    let wanted = folded(text);
    let mut alike = names.iter().filter(|(name, _)| folded(name) == wanted);
    let first = alike.next()?;
    alike.next().is_none().then_some(*first.1)
}

/// A cell of an export.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// Number.
    Number(f64),
}

/// The cells of a mapping, in the order of [`Column::ALL`].
#[must_use]
pub fn cells_of(mapping: &SignalMapping, directory: &Directory, note: &str) -> Vec<Cell> {
    let name = |map: Option<&String>| Cell::Text(map.cloned().unwrap_or_default());
    Column::ALL
        .into_iter()
        .map(|column| match column {
            Column::Source => name(directory.source_names.get(&mapping.integration_id)),
            Column::Tag => Cell::Text(mapping.external_tag.clone()),
            Column::Asset => name(directory.asset_codes.get(&mapping.asset_id)),
            Column::Metric => Cell::Text(mapping.metric_name.clone()),
            Column::Unit => Cell::Text(mapping.unit.clone()),
            Column::Scale => Cell::Number(mapping.scaling_factor),
            Column::Offset => Cell::Number(mapping.offset_value),
            Column::Active => Cell::Text(if mapping.is_active { "yes" } else { "no" }.to_owned()),
            Column::Metadata => match mapping.metadata_json.as_str() {
                "{}" => Cell::Text(String::new()),
                json => Cell::Text(json.to_owned()),
            },
            Column::Note => Cell::Text(note.to_owned()),
        })
        .collect()
}

/// How a table is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SheetOptions {
    /// The source of rows that name none.
    pub source: Option<IntegrationId>,
    /// Numbers are written with a comma ("0,5").
    pub decimal_comma: bool,
}

/// Reads a table: headings first, then rows with their line.
///
/// # Errors
/// When headings are unknown, repeated or missing, and when there are no rows or too many.
pub fn read_sheet(
    headings: &[String],
    rows: Vec<(u64, Vec<String>)>,
    directory: &Directory,
    options: SheetOptions,
) -> Result<Vec<ListedRow>, CodedError> {
    let columns = columns_of(headings, options)?;
    if rows.is_empty() {
        return Err(CodedError::invalid("mapping.file_empty"));
    }
    if rows.len() > MAX_SHEET_ROWS {
        let error = CodedError::new(iq_domain::ErrorKind::TooMuch, "mapping.file_too_long");
        return Err(error.with("max", MAX_SHEET_ROWS));
    }
    Ok(rows
        .into_iter()
        .map(|(line, cells)| read_row(line, &cells, &columns, directory, options))
        .collect())
}

fn columns_of(
    headings: &[String],
    options: SheetOptions,
) -> Result<Vec<Option<Column>>, CodedError> {
    let mut columns: Vec<Option<Column>> = Vec::with_capacity(headings.len());
    for heading in headings {
        if heading.trim().is_empty() {
            columns.push(None);
            continue;
        }
        let column = Column::of_heading(heading)
            .ok_or_else(|| CodedError::invalid("mapping.column_unknown").with("column", heading))?;
        if columns.contains(&Some(column)) {
            return Err(CodedError::invalid("mapping.column_twice").with("column", heading));
        }
        columns.push(Some(column));
    }
    let mut required = vec![Column::Tag];
    if options.source.is_none() {
        required.push(Column::Source);
    }
    for column in required {
        if !columns.contains(&Some(column)) {
            return Err(CodedError::invalid("mapping.column_missing")
                .with("column", column.id())
                .with("arabic", column.arabic()));
        }
    }
    Ok(columns)
}

fn read_row(
    line: u64,
    cells: &[String],
    columns: &[Option<Column>],
    directory: &Directory,
    options: SheetOptions,
) -> ListedRow {
    let mut row = ListedMapping::default();
    let mut source = options.source;
    let mut errors = Vec::new();
    for (column, cell) in columns.iter().zip(cells) {
        let (Some(column), text) = (column, cell.trim()) else {
            continue;
        };
        // An empty cell states nothing.
        if text.is_empty() {
            continue;
        }
        if let Err(error) = read_cell(*column, text, &mut row, &mut source, directory, options) {
            errors.push(FieldError {
                field: column.id(),
                error,
            });
        }
    }
    if row.external_tag.is_empty() {
        errors.push(FieldError {
            field: Column::Tag.id(),
            error: CodedError::invalid("mapping.cell_missing"),
        });
    }
    if source.is_none() && !errors.iter().any(|e| e.field == Column::Source.id()) {
        errors.push(FieldError {
            field: Column::Source.id(),
            error: CodedError::invalid("mapping.cell_missing"),
        });
    }
    ListedRow {
        line,
        tag: row.external_tag.clone(),
        row: match source {
            Some(source) if errors.is_empty() => Ok((source, row)),
            _ => Err(errors),
        },
    }
}

fn read_cell(
    column: Column,
    text: &str,
    row: &mut ListedMapping,
    source: &mut Option<IntegrationId>,
    directory: &Directory,
    options: SheetOptions,
) -> Result<(), CodedError> {
    match column {
        Column::Source => {
            let found = directory
                .source(text)
                .ok_or_else(|| CodedError::invalid("mapping.unknown_source").with("name", text))?;
            *source = Some(found);
        }
        Column::Tag => text.clone_into(&mut row.external_tag),
        Column::Asset => {
            let found = directory.asset(text).ok_or_else(|| {
                CodedError::invalid("mapping.unknown_asset_code").with("code", text)
            })?;
            row.asset_id = Some(found);
        }
        Column::Metric => row.metric_name = Some(text.to_owned()),
        Column::Unit => row.unit = Some(text.to_owned()),
        Column::Scale => row.scaling_factor = Some(number(text, options)?),
        Column::Offset => row.offset_value = Some(number(text, options)?),
        Column::Active => row.is_active = Some(truth(text)?),
        Column::Metadata => row.metadata_json = Some(text.to_owned()),
        Column::Note => {}
    }
    Ok(())
}

fn number(text: &str, options: SheetOptions) -> Result<f64, CodedError> {
    let plain = folded(text);
    let plain = if options.decimal_comma && plain.matches(',').count() == 1 {
        plain.replace(',', ".")
    } else {
        plain
    };
    plain
        .parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())
        .ok_or_else(|| CodedError::invalid("mapping.cell_number").with("text", text))
}

fn truth(text: &str) -> Result<bool, CodedError> {
    match folded(text).as_str() {
        "yes" | "y" | "true" | "1" | "on" | "active" | "نعم" | "صحيح" | "مفعل" => {
            Ok(true)
        }
        "no" | "n" | "false" | "0" | "off" | "inactive" | "لا" | "خطا" | "موقوف" => {
            Ok(false)
        }
        _ => Err(CodedError::invalid("mapping.cell_truth").with("text", text)),
    }
}

/// What a spreadsheet would take for a formula, and the apostrophe that marks it as text.
const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// A text cell of a CSV file that no spreadsheet runs: an apostrophe makes it text.
#[must_use]
pub fn csv_text(text: &str) -> String {
    if text.starts_with(FORMULA_STARTS) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The text behind a cell of [`csv_text`].
#[must_use]
pub fn of_csv_text(cell: &str) -> &str {
    cell.strip_prefix('\'')
        .filter(|rest| rest.starts_with(FORMULA_STARTS))
        .unwrap_or(cell)
}

#[cfg(test)]
mod tests;
