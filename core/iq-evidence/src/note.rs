//! Checkpoints as C2SP signed notes: four lines of text, an empty line, then one line per signature.
//!
//! ```text
//! optria.iq/<tenant8>/<appliance8>/<epoch8>/<stream>
//! <number of records>
//! <root, base64>
//! prev <SHA-256 of the text of the checkpoint before, base64> ts <Unix ms> boot <id>
//!
//! — <name of the key> <base64 of key id and signature>
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    keys::{PublicKey, SignatureKind, SigningKey},
    record::{Id, hex},
    tree::{Hash, sha256},
};

const DASH: &str = "— ";
const MAX_LINES: usize = 64;

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log, as [`crate::record::LogId::origin`] writes it.
    pub origin: String,
    /// The number of records.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// SHA-256 of the text of the checkpoint before; zeros for the first.
    pub prev: Hash,
    /// When it was made by the appliance's clock, Unix milliseconds.
    pub at_ms: u64,
    /// The run of the appliance that made it.
    pub boot: Id,
}

impl Checkpoint {
    /// The text that is signed, with its last newline.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\nprev {} ts {} boot {}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root),
            STANDARD.encode(self.prev),
            self.at_ms,
            hex(&self.boot)
        )
    }

    /// The note with the appliance's signature.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let text = self.text();
        let line = log_line(&self.origin, key, &text);
        format!("{text}\n{line}")
    }
}

/// A line of a note after its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    /// Whose: the log's origin, or a cosigner.
    pub name: String,
    /// The first four bytes of a hash over name, kind and key.
    pub key_id: [u8; 4],
    /// What follows: the signature, for cosignatures after eight bytes of time.
    pub payload: Vec<u8>,
}

impl SignatureLine {
    /// Whether this key made the line over the text.
    #[must_use]
    pub fn is_by(&self, key: &PublicKey, kind: SignatureKind, text: &str) -> bool {
        match kind {
            SignatureKind::Log => key.verifies(text.as_bytes(), &self.payload),
            SignatureKind::Cosignature => {
                let Some((time, signature)) = self.payload.split_first_chunk::<8>() else {
                    return false;
                };
                let seconds = u64::from_be_bytes(*time);
                key.verifies(cosigned_text(seconds, text).as_bytes(), signature)
            }
        }
    }
}

/// A checkpoint with its signatures, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The text that the signatures are over.
    pub text: String,
    /// Its signatures.
    pub lines: Vec<SignatureLine>,
}

impl Note {
    /// Reads a note; `None` when a line is not exactly as this crate writes it.
    #[must_use]
    pub fn parse(note: &str) -> Option<Self> {
        let (text, signatures) = note.split_once("\n\n")?;
        let signatures = signatures.strip_suffix('\n')?;
        let lines: Vec<&str> = signatures.split('\n').collect();
        if lines.len() > MAX_LINES {
            return None;
        }
        let text = format!("{text}\n");
        Some(Self {
            checkpoint: parse_text(&text)?,
            lines: lines.into_iter().map(parse_line).collect::<Option<_>>()?,
            text,
        })
    }
}

/// The note with a cosignature added, without looking at what it says: a witness checks first.
#[must_use]
pub fn add_cosignature(note: &str, name: &str, key: &SigningKey, seconds: u64) -> Option<String> {
    let text = Note::parse(note)?.text;
    let signature = key.sign(cosigned_text(seconds, &text).as_bytes());
    let id = key.public().id(name, SignatureKind::Cosignature);
    let payload = [&id[..], &seconds.to_be_bytes(), &signature].concat();
    Some(format!("{note}{DASH}{name} {}\n", STANDARD.encode(payload)))
}

fn cosigned_text(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

fn log_line(name: &str, key: &SigningKey, text: &str) -> String {
    let id = key.public().id(name, SignatureKind::Log);
    let payload = [&id[..], &key.sign(text.as_bytes())].concat();
    format!("{DASH}{name} {}\n", STANDARD.encode(payload))
}

fn parse_line(line: &str) -> Option<SignatureLine> {
    let (name, payload) = line.strip_prefix(DASH)?.split_once(' ')?;
    let payload = STANDARD.decode(payload).ok()?;
    let (key_id, payload) = payload.split_first_chunk::<4>()?;
    Some(SignatureLine {
        name: is_name(name).then(|| name.to_owned())?,
        key_id: *key_id,
        payload: payload.to_vec(),
    })
}

/// Names are printable ASCII without spaces and plus signs.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
}

fn parse_text(text: &str) -> Option<Checkpoint> {
    let lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
    let [origin, size, root, more] = lines.as_slice() else {
        return None;
    };
    let words: Vec<&str> = more.split(' ').collect();
    let ["prev", prev, "ts", at_ms, "boot", boot] = words.as_slice() else {
        return None;
    };
    Some(Checkpoint {
        origin: is_name(origin).then(|| (*origin).to_owned())?,
        size: number(size).filter(|size| *size > 0)?,
        root: hash(root)?,
        prev: hash(prev)?,
        at_ms: number(at_ms)?,
        boot: id(boot)?,
    })
}

/// Decimal digits without a leading zero, at most 2^53 − 1.
fn number(text: &str) -> Option<u64> {
    let is_plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number = text.parse().ok().filter(|_| is_plain)?;
    (number <= crate::cbor::MAX_INT.unsigned_abs()).then_some(number)
}

fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn id(text: &str) -> Option<Id> {
    let mut id = Id::default();
    if text.len() != 32 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(id)
}

/// What the next checkpoint names as the one before.
#[must_use]
pub fn text_hash(checkpoint: &Checkpoint) -> Hash {
    sha256(checkpoint.text().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "optria.iq/00000001/00000002/00000003/1".to_owned(),
            size: 42,
            root: [7; 32],
            prev: [8; 32],
            at_ms: 1_750_000_000_000,
            boot: [9; 16],
        }
    }

    #[test]
    fn reads_what_it_signed_and_cosigned() {
        let key = SigningKey::from_seed(&[1; 32]);
        let witness = SigningKey::from_seed(&[2; 32]);
        let note = checkpoint().sign(&key);
        let note = add_cosignature(&note, "witness.example", &witness, 1_750_000_001).unwrap();
        let read = Note::parse(&note).unwrap();
        assert_eq!(read.checkpoint, checkpoint());
        let [log, cosigned] = read.lines.as_slice() else {
            panic!("two lines");
        };
        assert!(log.is_by(&key.public(), SignatureKind::Log, &read.text));
        assert!(!log.is_by(&witness.public(), SignatureKind::Log, &read.text));
        assert!(cosigned.is_by(&witness.public(), SignatureKind::Cosignature, &read.text));
        assert!(!cosigned.is_by(&witness.public(), SignatureKind::Log, &read.text));
        assert!(!cosigned.is_by(&witness.public(), SignatureKind::Cosignature, "other"));
    }

    #[test]
    fn key_ids_are_those_of_the_signed_note_format() {
        // The example of the Go reference implementation (golang.org/x/mod/sumdb/note).
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let bytes = STANDARD.decode(key.splitn(3, '+').nth(2).unwrap()).unwrap();
        let public = PublicKey::from_bytes(&bytes[1..].try_into().unwrap()).unwrap();
        let id = public.id("PeterNeumann", SignatureKind::Log);
        assert_eq!(hex(&id), "c74f20a3");
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        assert!(
            parse_line(line)
                .unwrap()
                .is_by(&public, SignatureKind::Log, text)
        );
    }

    #[test]
    fn refuses_notes_written_another_way() {
        let note = checkpoint().sign(&SigningKey::from_seed(&[1; 32]));
        assert!(Note::parse(&note).is_some());
        for (from, to) in [
            ("\n42\n", "\n042\n"),
            ("\n42\n", "\n0\n"),
            ("\n42\n", "\n+42\n"),
            ("\n42\n", "\n9007199254740992\n"),
            ("\n42\n", "\n42\nmore\n"),
            ("prev ", "prev  "),
            (" ts ", " at "),
            ("BwcH\n", "BwcI\n\n"),
            ("BwcH", "Bwc"),
            ("optria.iq", "optria iq"),
            ("\n— ", "\n- "),
            ("\n\n", "\n"),
            ("0909", "09AA"),
        ] {
            let other = note.replacen(from, to, 1);
            if other != note {
                assert!(Note::parse(&other).is_none(), "{from:?} → {to:?}");
            }
        }
        assert!(Note::parse(note.trim_end()).is_none());
        assert!(Note::parse("").is_none());
    }
}
