//! What a person should still look at once the reading of a file was corrected: what a correction can have
//! changed is found out anew from the file, what it can't have changed stays said.

use iq_domain::{CodedError, Message};

use crate::{
    detect::{self, BARE_JOURNAL, Hints, ZoneBy, detect, warning},
    formats,
    layout::{ImportLayout, Role},
    profile::{FileProfile, sample_rows},
    source::FileSource,
    unknown,
};

/// Warnings found out anew, or answered by the correction itself.
const ANEW: [&str; 8] = [
    "file.date_ambiguous",
    "file.date_mixed",
    "file.decimal_ambiguous",
    "file.no_time_column",
    "file.quality_zero",
    "file.zone_assumed",
    "file.zone_kept",
    BARE_JOURNAL,
];

/// Whether a warning speaks of something the new layout has not changed.
fn stays(code: &str, old: &ImportLayout, new: &ImportLayout) -> bool {
    match code {
        "file.encoding_guessed" => new.encoding == old.encoding,
        "file.other_sheets" => new.sheet == old.sheet,
        // Whoever gives columns their roles and tags has looked at them.
        "file.no_titles" => new.columns == old.columns,
        _ => !ANEW.contains(&code) && !unknown::CODES.contains(&code),
    }
}

/// Columns whose cells say when.
const TIMES: [Role; 2] = [Role::Timestamp, Role::Date];

/// Whether a question has to be asked: it stood before, or is about other columns now, and nobody has
/// answered it.
fn is_open(
    old: &FileProfile,
    new: &ImportLayout,
    code: &str,
    roles: &[Role],
    is_answered: bool,
) -> bool {
    let are_others = || {
        let differs = |role: &Role| new.columns_with(*role).ne(old.layout.columns_with(*role));
        roles.iter().any(differs)
    };
    !is_answered && (old.warnings.iter().any(|w| w.code == code) || are_others())
}

/// Finds out anew how a file is written that is cut into cells otherwise now.
pub fn recut(
    source: &FileSource,
    hints: &Hints,
    old: &FileProfile,
) -> Result<FileProfile, CodedError> {
    let mut found = detect(source, hints)?;
    // What was settled before the cells is given this time, so that nobody wonders about it again.
    let of_before = ["file.encoding_guessed", "file.other_sheets"];
    let mut warnings: Vec<Message> = old
        .warnings
        .iter()
        .filter(|w| of_before.contains(&w.code.as_str()) && !found.warnings.contains(w))
        .filter(|w| stays(&w.code, &old.layout, &found.layout))
        .cloned()
        .collect();
    warnings.append(&mut found.warnings);
    found.warnings = warnings;
    Ok(found)
}

/// Takes a correction over. A zone is for times that name none: where the titles name one, it stays.
pub fn recheck(
    source: &FileSource,
    old: FileProfile,
    mut layout: ImportLayout,
) -> Result<FileProfile, CodedError> {
    let sample = detect::sample(source, old.format, &layout)?;
    let first = (layout.first_row as usize).saturating_sub(1);
    let times = detect::cells_of(&sample, &layout.columns, first, &TIMES);
    let values = detect::cells_of(&sample, &layout.columns, first, &[Role::Value]);
    let qualities = detect::cells_of(&sample, &layout.columns, first, &[Role::Quality]);
    let mut warnings: Vec<Message> = old
        .warnings
        .iter()
        .filter(|w| stays(&w.code, &old.layout, &layout))
        .cloned()
        .collect();
    let is_dated = layout.date_format != old.layout.date_format;
    let dates = formats::date_format(times.iter().copied());
    if let Some(example) = &dates.ambiguous
        && is_open(&old, &layout, "file.date_ambiguous", &TIMES, is_dated)
    {
        warnings.push(warning("file.date_ambiguous", &[("example", example)]));
    }
    if dates.is_mixed && is_open(&old, &layout, "file.date_mixed", &TIMES, is_dated) {
        warnings.push(warning("file.date_mixed", &[]));
    }
    let is_noted = layout.decimal != old.layout.decimal || layout.thousands != old.layout.thousands;
    let numbers = formats::number_format(values.iter().copied(), layout.delimiter);
    if let Some(example) = &numbers.ambiguous
        && is_open(
            &old,
            &layout,
            "file.decimal_ambiguous",
            &[Role::Value],
            is_noted,
        )
    {
        warnings.push(warning("file.decimal_ambiguous", &[("example", example)]));
    }
    let by = detect::zone_by(&layout.columns, &times, layout.date_format);
    let is_zoned = layout.time_zone != old.layout.time_zone;
    match &by {
        ZoneBy::Title(named) if *named != layout.time_zone => {
            let zone = std::mem::replace(&mut layout.time_zone, named.clone());
            let params = [("named", named.as_str()), ("zone", zone.as_str())];
            warnings.push(warning("file.zone_kept", &params));
        }
        ZoneBy::Nobody
            if !times.is_empty()
                && is_open(&old, &layout, "file.zone_assumed", &TIMES, is_zoned) =>
        {
            let params = [("zone", layout.time_zone.as_str())];
            warnings.push(warning("file.zone_assumed", &params));
        }
        _ => {}
    }
    let mut of_quality = Vec::new();
    detect::quality_format(&qualities, &mut of_quality);
    let is_chosen = layout.quality != old.layout.quality;
    of_quality.retain(|w: &Message| {
        w.code != "file.quality_zero"
            || is_open(
                &old,
                &layout,
                "file.quality_zero",
                &[Role::Quality],
                is_chosen,
            )
    });
    warnings.append(&mut of_quality);
    Ok(FileProfile {
        sample: sample_rows(source, old.format, &layout)?,
        format: old.format,
        sheets: old.sheets,
        names_zone: by != ZoneBy::Nobody,
        layout,
        warnings,
    })
}
