//! The backup key. It lies in the data folder, so that backups run by themselves, and as a text in a
//! safe, so that a backup opens when the machine is gone. A passphrase may stand beside it.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit as _, Mac as _};
use iq_secrets::{SecretString, random_bytes};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{BackupError, files};

pub(crate) const LENGTH: usize = 32;
const CHECK: usize = 4;
const HEADER: &str = "optria backup key 1\n";
/// No letter that is taken for a digit.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 5;
/// What a passphrase costs to try: as much as a password of a person.
const COST: (u32, u32, u32) = (64 * 1024, 3, 1);

/// The key that opens the backups of an appliance. It is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct BackupKey(Zeroizing<[u8; LENGTH]>);

impl std::fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupKey(***)")
    }
}

/// What a backup is opened with.
#[derive(Clone, Debug)]
pub enum Opener {
    /// The backup key.
    Key(BackupKey),
    /// The passphrase it was made with.
    Passphrase(SecretString),
}

impl BackupKey {
    /// The file of the key in a data folder.
    pub const FILE: &str = "backup.key";

    /// Reads the key file, or makes one.
    ///
    /// # Errors
    /// When the file can't be read or written, or holds no key.
    pub fn load_or_create(path: &Path) -> Result<Self, BackupError> {
        // Two backups asked for at once make one key.
        static MAKING: Mutex<()> = Mutex::new(());
        let _guard = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        match Self::load(path) {
            Err(BackupError::File { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                let key = Self(Zeroizing::new(random_bytes()?));
                let text = Zeroizing::new(format!("{HEADER}{}\n", key.text().expose()));
                files::write_whole(path, text.as_bytes())?;
                Ok(key)
            }
            other => other,
        }
    }

    /// Reads a key file: that of a data folder, or one a person typed the text into.
    ///
    /// # Errors
    /// As [`BackupKey::load_or_create`], and when there is no file.
    pub fn load(path: &Path) -> Result<Self, BackupError> {
        let mut text = Zeroizing::new(String::with_capacity(512));
        File::open(path)
            .and_then(|file| file.take(512).read_to_string(&mut text))
            .map_err(BackupError::file(path))?;
        let text = text.strip_prefix(HEADER).unwrap_or(&text);
        Self::from_text(text)
    }

    /// The key as a text for paper: groups of letters that can't be mistaken for digits, with a check
    /// that notices a slip.
    #[must_use]
    pub fn text(&self) -> SecretString {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH + CHECK));
        bytes.extend_from_slice(self.0.as_slice());
        bytes.extend_from_slice(&check_of(self.0.as_slice()));
        let mut text = Zeroizing::new(String::new());
        let (mut held, mut bits, mut count) = (0_u32, 0, 0);
        let mut put = |five: u32| {
            if count > 0 && count % GROUP == 0 {
                text.push('-');
            }
            count += 1;
            text.push(char::from(LETTERS[(five & 31) as usize]));
        };
        for byte in bytes.iter() {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                put(held >> bits);
            }
            held &= (1 << bits) - 1;
        }
        if bits > 0 {
            put(held << (5 - bits));
        }
        SecretString::new(text.as_str())
    }

    /// Reads the text as people type it: any case, spaces for dashes, O for 0.
    ///
    /// # Errors
    /// [`BackupError::NotAKey`].
    pub fn from_text(text: &str) -> Result<Self, BackupError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH + CHECK + 1));
        let (mut held, mut bits) = (0_u32, 0);
        for letter in text.chars() {
            let letter = match letter.to_ascii_uppercase() {
                '-' | ' ' | '\n' | '\r' | '\t' => continue,
                'O' => '0',
                'I' | 'L' => '1',
                letter => letter,
            };
            let five = LETTERS.iter().position(|l| char::from(*l) == letter);
            let five = u32::try_from(five.ok_or(BackupError::NotAKey)?).unwrap_or(0);
            held = (held << 5) | five;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from((held >> bits) & 255).unwrap_or(0));
                held &= (1 << bits) - 1;
            }
        }
        if bytes.len() != LENGTH + CHECK || held != 0 {
            return Err(BackupError::NotAKey);
        }
        let mut key = Zeroizing::new([0; LENGTH]);
        key.copy_from_slice(&bytes[..LENGTH]);
        if check_of(key.as_slice()) != bytes[LENGTH..] {
            return Err(BackupError::NotAKey);
        }
        Ok(Self(key))
    }

    /// Names the key without telling anything about it: eight letters that two people compare.
    #[must_use]
    pub fn id(&self) -> String {
        let derived = derive(self.0.as_slice(), "key id");
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte & 31)]);
        derived[..8].iter().map(letter).collect()
    }

    pub(crate) fn wrapping(&self) -> Zeroizing<[u8; LENGTH]> {
        derive(self.0.as_slice(), "wrap")
    }
}

fn check_of(key: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::digest(key);
    [digest[0], digest[1], digest[2], digest[3]]
}

/// A key for one purpose.
pub(crate) fn derive(key: &[u8], purpose: &str) -> Zeroizing<[u8; LENGTH]> {
    derive_with(key, purpose, &[])
}

pub(crate) fn derive_with(key: &[u8], purpose: &str, of: &[u8]) -> Zeroizing<[u8; LENGTH]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length will do");
    mac.update(b"optria backup 1\0");
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(of);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// The key that a passphrase stands for.
pub(crate) fn stretch(
    passphrase: &SecretString,
    salt: &[u8],
) -> Result<Zeroizing<[u8; LENGTH]>, BackupError> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, Some(LENGTH)).expect("within Argon2's bounds");
    let mut key = Zeroizing::new([0; LENGTH]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| BackupError::WrongKey)?;
    Ok(key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_key_is_the_key_however_it_is_typed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(BackupKey::FILE);
        let key = BackupKey::load_or_create(&path).unwrap();
        let text = key.text().expose().to_owned();
        assert_eq!(text.len(), 58 + 11, "{text}");
        let typed = text.to_lowercase().replace('-', " ").replace('0', "o");
        for text in [&text, &typed] {
            assert_eq!(BackupKey::from_text(text).unwrap().id(), key.id());
        }
        assert_eq!(BackupKey::load_or_create(&path).unwrap().id(), key.id());
    }

    #[test]
    fn a_slip_in_any_letter_is_noticed() {
        let key = BackupKey(Zeroizing::new([7; LENGTH]));
        let text = key.text().expose().to_owned();
        for (at, letter) in text.char_indices().filter(|(_, letter)| *letter != '-') {
            let other = if letter == 'Z' { "Y" } else { "Z" };
            let mut slip = text.clone();
            slip.replace_range(at..=at, other);
            assert!(BackupKey::from_text(&slip).is_err(), "{slip}");
        }
        assert!(BackupKey::from_text(&text[..text.len() - 1]).is_err());
        assert!(BackupKey::from_text("").is_err());
    }
}
