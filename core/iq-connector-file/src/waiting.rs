//! What lies in the watched folder and was not read yet: its tags and first values, within a bounded
//! look.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    sync::Arc,
};

use iq_domain::{CodedError, RawSample, Timestamp};

use crate::{
    detect::{Hints, detect},
    folder::Folder,
    read::{ReadOptions, read_file},
    source::FileSource,
    table::Position,
    tags::{TagFound, Wanted},
};

/// Files looked into.
const MAX_FILES: usize = 8;
/// Rows of each.
const MAX_ROWS: u64 = 200_000;

/// The tags of the first files of a folder, by name, with a sample of each wanted tag.
pub(crate) fn look(
    folder: &Folder,
    hints: &Hints,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Look, CodedError> {
    let mut look = Look::default();
    for seen in folder.files()?.iter().take(MAX_FILES) {
        // A file that is no table is told of when it is read.
        let Ok(source) = FileSource::open(&folder.file(seen)) else {
            continue;
        };
        let Ok(profile) = detect(&source, hints) else {
            continue;
        };
        look.files += 1;
        if !profile.layout.problems().is_empty() {
            continue;
        }
        let options = ReadOptions {
            from: Position::default(),
            wanted: wanted.clone(),
            units: HashMap::new(),
            now,
        };
        let mut rows = 0;
        let samples = &mut look.samples;
        let tags = read_file(
            &source,
            profile.format,
            &profile.layout,
            options,
            &mut |chunk| {
                for sample in chunk.samples {
                    if sample.value.is_some() {
                        samples.insert(Arc::clone(&sample.external_tag), sample);
                    }
                }
                rows += chunk.rows;
                if rows < MAX_ROWS {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        );
        for tag in tags.into_iter().flatten() {
            look.tags.insert(Arc::clone(&tag.tag), tag);
        }
    }
    Ok(look)
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Tables among the files.
    pub(crate) files: usize,
    /// Their tags.
    pub(crate) tags: BTreeMap<Arc<str>, TagFound>,
    /// The latest value of each wanted tag.
    pub(crate) samples: BTreeMap<Arc<str>, RawSample>,
}
