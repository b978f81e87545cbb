//! The file of a backup.
//!
//! | Part | Bytes |
//! |---|---|
//! | mark | `OPTRIA BACKUP 1\n` |
//! | length of the header | 4, big-endian |
//! | header | JSON: what the backup is, and its key wrapped once per way to open it |
//! | frames | length (4, big-endian), then XChaCha20-Poly1305 of up to 64 KiB |
//!
//! Every backup has a key of its own; the frames are encrypted with what that key and the digest of the
//! header give, so a changed header opens nothing. The nonce of a frame is its number and whether it is
//! the last: frames can't be left out, put elsewhere, or cut off at the end.

use std::io::{Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use iq_domain::Timestamp;
use iq_secrets::random_bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{BackupError, BackupKey, Opener, key};

const MARK: &[u8; 16] = b"OPTRIA BACKUP 1\n";
const MARK_OF_ANY: &[u8; 14] = b"OPTRIA BACKUP ";
const MAX_HEADER: usize = 16 * 1024;
const FRAME: usize = 64 * 1024;
const TAG: usize = 16;

/// What a backup says of itself without a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Id of the backup.
    pub id: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Version of the program that made it.
    pub program: String,
    /// Id of the appliance.
    pub appliance: String,
    slots: Vec<Slot>,
}

/// The backup's own key, wrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Slot {
    Key { key_id: String, sealed: String },
    Passphrase { salt: String, sealed: String },
}

impl Header {
    /// Name of the key that opens it, where it is sealed to one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.slots.iter().find_map(|slot| match slot {
            Slot::Key { key_id, .. } => Some(key_id.as_str()),
            Slot::Passphrase { .. } => None,
        })
    }

    /// A passphrase opens it.
    #[must_use]
    pub fn has_passphrase(&self) -> bool {
        let is_passphrase = |slot: &Slot| matches!(slot, Slot::Passphrase { .. });
        self.slots.iter().any(is_passphrase)
    }

    fn unwrap_key(&self, opener: &Opener) -> Result<Zeroizing<[u8; key::LENGTH]>, BackupError> {
        for slot in &self.slots {
            let (wrapping, sealed) = match (slot, opener) {
                (Slot::Key { key_id, sealed }, Opener::Key(key)) if *key_id == key.id() => {
                    (key.wrapping(), sealed)
                }
                (Slot::Passphrase { salt, sealed }, Opener::Passphrase(passphrase)) => {
                    let salt = STANDARD.decode(salt).map_err(|_| BackupError::WrongKey)?;
                    (key::stretch(passphrase, &salt)?, sealed)
                }
                _ => continue,
            };
            return open_small(&wrapping, &self.id, sealed);
        }
        Err(BackupError::WrongKey)
    }
}

/// Whether bytes begin like a backup, of whatever format.
#[must_use]
pub fn is_backup(begin: &[u8]) -> bool {
    begin.starts_with(MARK_OF_ANY)
}

fn seal_small(wrapping: &[u8; 32], id: &str, secret: &[u8]) -> Result<String, BackupError> {
    let nonce: [u8; 24] = random_bytes()?;
    let sealed = XChaCha20Poly1305::new(&(*wrapping).into())
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: secret,
                aad: id.as_bytes(),
            },
        )
        .map_err(|_| BackupError::WrongKey)?;
    Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
}

fn open_small(
    wrapping: &[u8; 32],
    id: &str,
    sealed: &str,
) -> Result<Zeroizing<[u8; 32]>, BackupError> {
    let bytes = STANDARD.decode(sealed).map_err(|_| BackupError::WrongKey)?;
    let (nonce, msg) = bytes
        .split_first_chunk::<24>()
        .ok_or(BackupError::WrongKey)?;
    let aad = id.as_bytes();
    let opened = XChaCha20Poly1305::new(&(*wrapping).into())
        .decrypt(&XNonce::from(*nonce), Payload { msg, aad })
        .map(Zeroizing::new)
        .map_err(|_| BackupError::WrongKey)?;
    let mut secret = Zeroizing::new([0; 32]);
    if opened.len() != secret.len() {
        return Err(BackupError::WrongKey);
    }
    secret.copy_from_slice(&opened);
    Ok(secret)
}

fn nonce(frame: u64, is_last: bool) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(&frame.to_be_bytes());
    nonce[8] = u8::from(is_last);
    XNonce::from(nonce)
}

fn cipher(key: &[u8; 32], header: &[u8]) -> XChaCha20Poly1305 {
    let frames = key::derive_with(key, "frames", &Sha256::digest(header));
    XChaCha20Poly1305::new(&(*frames).into())
}

/// What a new backup says of itself.
pub(crate) struct Label<'a> {
    pub(crate) id: String,
    pub(crate) made_at: Timestamp,
    pub(crate) program: &'a str,
    pub(crate) appliance: &'a str,
}

/// Writes the file; what is written to it comes out of [`SealedReader`].
pub(crate) struct SealedWriter<W> {
    to: W,
    cipher: XChaCha20Poly1305,
    held: Zeroizing<Vec<u8>>,
    frame: u64,
}

impl<W: Write> SealedWriter<W> {
    pub(crate) fn begin(
        mut to: W,
        label: Label<'_>,
        key: &BackupKey,
        passphrase: Option<&iq_secrets::SecretString>,
    ) -> Result<Self, BackupError> {
        let own: Zeroizing<[u8; 32]> = Zeroizing::new(random_bytes()?);
        let mut slots = vec![Slot::Key {
            key_id: key.id(),
            sealed: seal_small(&key.wrapping(), &label.id, own.as_slice())?,
        }];
        if let Some(passphrase) = passphrase {
            let salt: [u8; 16] = random_bytes()?;
            let wrapping = key::stretch(passphrase, &salt)?;
            slots.push(Slot::Passphrase {
                salt: STANDARD.encode(salt),
                sealed: seal_small(&wrapping, &label.id, own.as_slice())?,
            });
        }
        let header = serde_json::to_vec(&Header {
            id: label.id,
            made_at: label.made_at,
            program: label.program.to_owned(),
            appliance: label.appliance.to_owned(),
            slots,
        })
        .expect("texts and numbers");
        let length = u32::try_from(header.len()).expect("a short header");
        let begin = [MARK.as_slice(), &length.to_be_bytes(), &header].concat();
        to.write_all(&begin)
            .map_err(BackupError::file("the backup".as_ref()))?;
        Ok(Self {
            cipher: cipher(&own, &header),
            to,
            held: Zeroizing::new(Vec::with_capacity(FRAME)),
            frame: 0,
        })
    }

    fn put(&mut self, is_last: bool) -> std::io::Result<()> {
        let sealed = self
            .cipher
            .encrypt(&nonce(self.frame, is_last), self.held.as_slice())
            .map_err(|_| std::io::Error::other("a frame can't be encrypted"))?;
        let length = u32::try_from(sealed.len()).map_err(std::io::Error::other)?;
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(&sealed)?;
        self.held.clear();
        self.frame += 1;
        Ok(())
    }

    /// Writes the last frame and gives the file back.
    pub(crate) fn finish(mut self) -> std::io::Result<W> {
        self.put(true)?;
        Ok(self.to)
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // A full frame waits for the byte after it: only then is it known not to be the last.
        if self.held.len() == FRAME {
            self.put(false)?;
        }
        let taken = bytes.len().min(FRAME - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads the header, and gives it with its bytes.
pub(crate) fn read_header(
    from: &mut impl Read,
    name: &str,
) -> Result<(Header, Vec<u8>), BackupError> {
    let not_ours = || BackupError::NotABackup(name.to_owned());
    let mut begin = [0; 20];
    from.read_exact(&mut begin).map_err(|_| not_ours())?;
    if !begin.starts_with(MARK) {
        return Err(if is_backup(&begin) {
            BackupError::Newer(name.to_owned())
        } else {
            not_ours()
        });
    }
    let length = u32::from_be_bytes([begin[16], begin[17], begin[18], begin[19]]) as usize;
    if length > MAX_HEADER {
        return Err(BackupError::Damaged(16));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)
        .map_err(|_| BackupError::Damaged(20))?;
    let header = serde_json::from_slice(&bytes).map_err(|_| BackupError::Damaged(20))?;
    Ok((header, bytes))
}

/// Reads what [`SealedWriter`] was given. An error of it is always damage: `InvalidData`.
pub(crate) struct SealedReader<R> {
    from: R,
    cipher: XChaCha20Poly1305,
    held: Zeroizing<Vec<u8>>,
    taken: usize,
    frame: u64,
    at: u64,
    is_over: bool,
}

impl<R: Read> SealedReader<R> {
    pub(crate) fn begin(
        mut from: R,
        name: &str,
        opener: &Opener,
    ) -> Result<(Self, Header), BackupError> {
        let (header, bytes) = read_header(&mut from, name)?;
        let own = header.unwrap_key(opener)?;
        let reader = Self {
            from,
            cipher: cipher(&own, &bytes),
            held: Zeroizing::default(),
            taken: 0,
            frame: 0,
            at: (MARK.len() + 4 + bytes.len()) as u64,
            is_over: false,
        };
        Ok((reader, header))
    }

    /// Where reading stands in the file.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    fn next(&mut self) -> std::io::Result<()> {
        let damaged = || std::io::Error::from(std::io::ErrorKind::InvalidData);
        let mut length = [0; 4];
        self.from.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if !(TAG..=FRAME + TAG).contains(&length) {
            return Err(damaged());
        }
        let mut sealed = vec![0; length];
        self.from.read_exact(&mut sealed)?;
        // All but the last are full, so most frames are tried once.
        let likely = length < FRAME + TAG;
        let opened = [likely, !likely].into_iter().find_map(|is_last| {
            let opened = self.cipher.decrypt(&nonce(self.frame, is_last), &*sealed);
            opened.ok().map(|bytes| (bytes, is_last))
        });
        let (bytes, is_last) = opened.ok_or_else(damaged)?;
        self.held = Zeroizing::new(bytes);
        self.taken = 0;
        self.frame += 1;
        self.at += 4 + length as u64;
        self.is_over = is_last;
        // Nothing follows the last frame.
        if is_last && self.from.read(&mut [0])? != 0 {
            return Err(damaged());
        }
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.taken == self.held.len() {
            if self.is_over {
                return Ok(0);
            }
            self.next()?;
        }
        let count = into.len().min(self.held.len() - self.taken);
        into[..count].copy_from_slice(&self.held[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}
