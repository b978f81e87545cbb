//! The second file: every checkpoint of an appliance, one after another, only ever appended. It lies
//! beside the store, so that whoever rewrites one has the other against them; copied away it is a
//! witness by itself.
//!
//! An entry is `note <bytes>` and a newline, then the signed note. A cosignature that arrives later is
//! a new entry with the same text. What a power cut left of a last entry is not read.

use std::collections::{HashMap, HashSet};

use crate::{
    note::{Note, text_hash},
    tree::Hash,
};

const WORD: &[u8] = b"note ";
/// A note is no longer than this: four lines and at most 64 signatures.
const MAX_NOTE: usize = 64 * 1024;
/// What a disk writes as a whole.
const SECTOR: usize = 512;
/// A few equal letters at the end of a note are no hole.
const LEAST_HOLE: usize = 16;

/// The bytes to append for a note.
#[must_use]
pub fn entry(note: &str) -> Vec<u8> {
    [format!("note {}\n", note.len()).as_bytes(), note.as_bytes()].concat()
}

/// What a file of checkpoints holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Its notes in order, their signatures not yet checked.
    pub notes: Vec<Note>,
    /// Bytes up to the end of the last whole entry. What follows was left by a write that did not
    /// finish; the next entry goes here.
    pub length: usize,
}

/// Why a file is not a history; the number is that of the entry, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryError {
    /// Not an entry, and more than an unfinished one.
    Broken(usize),
    /// It does not name the checkpoint of its log that stands before it.
    Prev(usize),
    /// The log became shorter, or another one of the same length.
    Shrunk(usize),
}

/// Reads a file of checkpoints and checks that each log in it only grew.
///
/// # Errors
/// The first entry that is none, or that does not continue its log.
pub fn read_history(bytes: &[u8]) -> Result<History, HistoryError> {
    let mut history = History::default();
    read_into(bytes, &mut history)?;
    Ok(history)
}

/// As [`read_history`], for the program that writes the file: an end with a hole in it, as a power cut
/// leaves where a later part of the last write arrived and an earlier one did not, is not read either.
/// Whoever makes such a hole gains no more than by cutting the end off; a changed letter is none.
///
/// # Errors
/// As [`read_history`].
pub fn read_after_a_start(bytes: &[u8]) -> Result<History, HistoryError> {
    let mut history = History::default();
    match read_into(bytes, &mut history) {
        Err(HistoryError::Broken(_)) if is_torn(bytes, history.length) => Ok(history),
        read => read.map(|()| history),
    }
}

/// Whether what follows the last whole entry has a hole: a sector of one byte only.
fn is_torn(bytes: &[u8], from: usize) -> bool {
    let end = &bytes[from..];
    if end.len() > MAX_NOTE {
        return false;
    }
    let is_hole = |piece: &[u8]| piece.iter().all(|byte| *byte == piece[0]);
    let (first, rest) = end.split_at((SECTOR - from % SECTOR).min(end.len()));
    let is_first = is_hole(first) && !first.starts_with(&WORD[..1]);
    is_first
        || rest
            .chunks(SECTOR)
            .any(|piece| piece.len() >= LEAST_HOLE && is_hole(piece))
}

fn read_into(bytes: &[u8], history: &mut History) -> Result<(), HistoryError> {
    let mut last: HashMap<String, (u64, Hash, Hash)> = HashMap::new();
    let mut known: HashSet<Hash> = HashSet::new();
    while history.length < bytes.len() {
        let number = history.notes.len() + 1;
        let rest = &bytes[history.length..];
        let Some(line) = rest.iter().position(|byte| *byte == b'\n') else {
            // An unfinished first line is short.
            let is_start = rest.len() < 16 && (WORD.starts_with(rest) || rest.starts_with(WORD));
            return if is_start {
                Ok(())
            } else {
                Err(HistoryError::Broken(number))
            };
        };
        let length = rest[..line]
            .strip_prefix(WORD)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse::<usize>().ok())
            .filter(|length| *length <= MAX_NOTE)
            .ok_or(HistoryError::Broken(number))?;
        let Some(text) = rest.get(line + 1..line + 1 + length) else {
            return Ok(());
        };
        let text = std::str::from_utf8(text).map_err(|_| HistoryError::Broken(number))?;
        let note = Note::parse(text).ok_or(HistoryError::Broken(number))?;
        let (checkpoint, hash) = (&note.checkpoint, text_hash(&note.checkpoint));
        // The same text again brings signatures that came later.
        if known.insert(hash) {
            let before = last.get(&checkpoint.origin).copied();
            let (size, root, prev) = before.unwrap_or_default();
            if checkpoint.prev != prev {
                return Err(HistoryError::Prev(number));
            }
            if checkpoint.size < size || (checkpoint.size == size && checkpoint.root != root) {
                return Err(HistoryError::Shrunk(number));
            }
            let state = (checkpoint.size, checkpoint.root, hash);
            last.insert(checkpoint.origin.clone(), state);
        }
        history.length += line + 1 + length;
        history.notes.push(note);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, SigningKey, add_cosignature};

    const ORIGIN: &str = "optria.iq/00000001/00000002/00000003/1";

    fn checkpoint(size: u64, prev: Hash) -> Checkpoint {
        Checkpoint {
            origin: ORIGIN.to_owned(),
            size,
            root: [u8::try_from(size).unwrap(); 32],
            prev,
            at_ms: size,
            boot: [9; 16],
        }
    }

    fn signed(checkpoint: &Checkpoint) -> String {
        checkpoint.sign(&SigningKey::from_seed(&[1; 32]))
    }

    fn file(notes: &[String]) -> Vec<u8> {
        notes.iter().flat_map(|note| entry(note)).collect()
    }

    fn chain() -> [Checkpoint; 3] {
        let first = checkpoint(3, [0; 32]);
        let second = checkpoint(5, text_hash(&first));
        let third = checkpoint(9, text_hash(&second));
        [first, second, third]
    }

    #[test]
    fn reads_what_was_appended_also_when_a_signature_comes_later() {
        let [first, second, third] = chain();
        let witness = SigningKey::from_seed(&[2; 32]);
        let late = add_cosignature(&signed(&first), "hub", &witness, 7).unwrap();
        let notes = [signed(&first), signed(&second), late, signed(&third)];
        let bytes = file(&notes);
        let history = read_history(&bytes).unwrap();
        assert_eq!((history.notes.len(), history.length), (4, bytes.len()));
        assert_eq!(history.notes[2].lines.len(), 2);
        assert_eq!(read_history(&[]), Ok(History::default()));
    }

    #[test]
    fn an_entry_that_a_power_cut_left_unfinished_is_not_read() {
        let [first, second, _] = chain();
        let whole = file(&[signed(&first)]);
        let bytes = file(&[signed(&first), signed(&second)]);
        for cut in whole.len()..bytes.len() {
            let history = read_history(&bytes[..cut]).unwrap();
            assert_eq!(
                (history.notes.len(), history.length),
                (1, whole.len()),
                "{cut}"
            );
        }
    }

    #[test]
    fn refuses_a_history_that_was_rewritten() {
        let [first, second, third] = chain();
        let shorter = checkpoint(4, text_hash(&second));
        let mut other = checkpoint(5, text_hash(&second));
        other.root = [0; 32];
        for (notes, error) in [
            (vec![&second], HistoryError::Prev(1)),
            (vec![&first, &third], HistoryError::Prev(2)),
            (vec![&first, &second, &shorter], HistoryError::Shrunk(3)),
            (vec![&first, &second, &other], HistoryError::Shrunk(3)),
        ] {
            let notes: Vec<String> = notes.into_iter().map(signed).collect();
            assert_eq!(read_history(&file(&notes)), Err(error));
        }
        let mut broken = file(&[signed(&first), signed(&second)]);
        broken[0] ^= 1;
        assert_eq!(read_history(&broken), Err(HistoryError::Broken(1)));
    }
}
