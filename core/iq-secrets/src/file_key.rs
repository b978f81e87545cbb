//! Files for one reader, in the format of age (age-encryption.org/v1) with its X25519 recipients: whoever
//! finds the stick reads nothing, and the reader may also open them with `age` itself. The format says
//! nothing about who wrote a file: what is inside has to be signed.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use curve25519_dalek::MontgomeryPoint;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{SecretsError, bech32, random_bytes};

const VERSION: &[u8] = b"age-encryption.org/v1\n";
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// The largest header: others than we write lines for further recipients into it.
const MAX_HEADER: usize = 64 * 1024;
/// Bytes of a chunk of the payload, and of the tag behind it.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
const NONCE: usize = 16;

type Key = Zeroizing<[u8; 32]>;

/// What opens files.
pub struct FileKey {
    secret: Key,
    public: [u8; 32],
}

impl FileKey {
    /// The key of 32 secret bytes; the same bytes always give the same key.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self {
            public: MontgomeryPoint::mul_base_clamped(*secret).to_bytes(),
            secret: Zeroizing::new(*secret),
        }
    }

    /// Whom files are sealed to: `age1…`.
    #[must_use]
    pub fn recipient(&self) -> String {
        bech32::encode("age", &self.public)
    }

    /// What a file holds, if it is for this key, whole, and not larger than `most` bytes.
    ///
    /// # Errors
    /// [`SecretsError::CannotOpen`] otherwise.
    pub fn open(&self, file: &[u8], most: usize) -> Result<Vec<u8>, SecretsError> {
        self.read(file, most).ok_or(SecretsError::CannotOpen)
    }

    fn read(&self, file: &[u8], most: usize) -> Option<Vec<u8>> {
        let header = Header::read(file)?;
        let file_key = header
            .stanzas
            .iter()
            .find_map(|stanza| self.unwrap(stanza))?;
        let code = mac(&*derive(&*file_key, &[], b"header"), header.signed);
        if !bool::from(code.ct_eq(header.mac.as_slice())) {
            return None;
        }
        let (nonce, body) = header.payload.split_first_chunk::<NONCE>()?;
        let chunks = body.len().div_ceil(CHUNK + TAG);
        if chunks == 0 || body.len().saturating_sub(chunks * TAG) > most {
            return None;
        }
        let key = derive(&*file_key, nonce, b"payload");
        let cipher = ChaCha20Poly1305::new((&*key).into());
        let mut plain = Vec::with_capacity(body.len());
        for (number, chunk) in body.chunks(CHUNK + TAG).enumerate() {
            let is_last = number + 1 == chunks;
            let part = cipher.decrypt(&chunk_nonce(number, is_last).into(), chunk);
            let part = part.ok()?;
            // An empty last chunk is one way too many to write the same.
            if part.is_empty() && number > 0 {
                return None;
            }
            plain.extend_from_slice(&part);
        }
        Some(plain)
    }

    fn unwrap(&self, stanza: &Stanza) -> Option<Zeroizing<[u8; 16]>> {
        let share = stanza.share?;
        let wrapping = wrapping_key(&self.secret, &share, (&share, &self.public))?;
        let cipher = ChaCha20Poly1305::new((&*wrapping).into());
        let opened = cipher.decrypt(&[0; 12].into(), stanza.body.as_slice());
        Some(Zeroizing::new(opened.ok()?.try_into().ok()?))
    }
}

/// A file that only the recipient opens.
///
/// # Errors
/// [`SecretsError::CannotOpen`] when that is no recipient; [`SecretsError::NoRandom`].
pub fn seal_file(recipient: &str, plain: &[u8]) -> Result<Vec<u8>, SecretsError> {
    let file_key = Zeroizing::new(random_bytes::<16>()?);
    let ephemeral = Zeroizing::new(random_bytes::<32>()?);
    let nonce = random_bytes::<NONCE>()?;
    seal(recipient, plain, &file_key, &ephemeral, nonce).ok_or(SecretsError::CannotOpen)
}

fn seal(
    recipient: &str,
    plain: &[u8],
    file_key: &[u8; 16],
    ephemeral: &[u8; 32],
    nonce: [u8; NONCE],
) -> Option<Vec<u8>> {
    let public: [u8; 32] = bech32::decode("age", recipient)?.try_into().ok()?;
    let share = MontgomeryPoint::mul_base_clamped(*ephemeral).to_bytes();
    let wrapping = wrapping_key(ephemeral, &public, (&share, &public))?;
    let cipher = ChaCha20Poly1305::new((&*wrapping).into());
    let wrapped = cipher.encrypt(&[0; 12].into(), file_key.as_slice()).ok()?;
    let mut file = VERSION.to_vec();
    let lines = format!(
        "-> X25519 {}\n{}\n---",
        BASE64.encode(share),
        BASE64.encode(wrapped)
    );
    file.extend_from_slice(lines.as_bytes());
    let code = mac(&*derive(file_key, &[], b"header"), &file);
    file.extend_from_slice(format!(" {}\n", BASE64.encode(code)).as_bytes());
    file.extend_from_slice(&nonce);
    let key = derive(file_key, &nonce, b"payload");
    let cipher = ChaCha20Poly1305::new((&*key).into());
    // Nothing is one empty chunk.
    let chunks = plain.len().div_ceil(CHUNK).max(1);
    for number in 0..chunks {
        let from = number * CHUNK;
        let msg = &plain[from..plain.len().min(from + CHUNK)];
        let nonce = chunk_nonce(number, number + 1 == chunks);
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg, aad: &[] });
        file.extend_from_slice(&sealed.ok()?);
    }
    Some(file)
}

/// What a file says before its payload.
struct Header<'a> {
    stanzas: Vec<Stanza>,
    /// The bytes the code is over.
    signed: &'a [u8],
    mac: Vec<u8>,
    payload: &'a [u8],
}

/// Lines for one recipient; `share` where the recipient is of the kind we know.
struct Stanza {
    share: Option<[u8; 32]>,
    body: Vec<u8>,
}

impl<'a> Header<'a> {
    fn read(file: &'a [u8]) -> Option<Self> {
        let mut at = VERSION.len();
        if !file.starts_with(VERSION) {
            return None;
        }
        let mut stanzas = Vec::new();
        loop {
            let line = line_at(file, at)?;
            if let Some(code) = line.strip_prefix("--- ") {
                return Some(Self {
                    stanzas,
                    signed: &file[..at + 3],
                    mac: BASE64.decode(code).ok()?,
                    payload: &file[at + line.len() + 1..],
                });
            }
            let words = line.strip_prefix("-> ")?;
            let is_word =
                |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic());
            if !words.split(' ').all(is_word) {
                return None;
            }
            at += line.len() + 1;
            let share = words
                .strip_prefix("X25519 ")
                .and_then(|share| BASE64.decode(share).ok()?.try_into().ok());
            let mut body = String::new();
            loop {
                let line = line_at(file, at).filter(|line| line.len() <= 64)?;
                body.push_str(line);
                at += line.len() + 1;
                // A line that is not full ends it.
                if line.len() < 64 {
                    break;
                }
            }
            let body = BASE64.decode(body).ok()?;
            stanzas.push(Stanza { share, body });
        }
    }
}

fn line_at(file: &[u8], at: usize) -> Option<&str> {
    let rest = file.get(at..file.len().min(MAX_HEADER))?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    std::str::from_utf8(&rest[..end]).ok()
}

fn wrapping_key(
    secret: &[u8; 32],
    theirs: &[u8; 32],
    (share, public): (&[u8; 32], &[u8; 32]),
) -> Option<Key> {
    let shared = MontgomeryPoint(*theirs).mul_clamped(*secret).to_bytes();
    let shared = Zeroizing::new(shared);
    // A point of low order would give everybody the same key.
    if bool::from(shared.ct_eq(&[0; 32])) {
        return None;
    }
    Some(derive(&*shared, &[*share, *public].concat(), LABEL))
}

/// HKDF-SHA-256 (RFC 5869), one block.
fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Key {
    let extracted = Zeroizing::new(mac(salt, secret));
    Zeroizing::new(mac(&*extracted, &[info, &[1]].concat()))
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("any key length will do");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// The number of a chunk, and whether it is the last.
fn chunk_nonce(number: usize, is_last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(number as u64).to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    use super::*;

    fn is_sealed_and_opened(length: usize) {
        let key = FileKey::from_bytes(&[1; 32]);
        let plain: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let file = seal_file(&key.recipient(), &plain).unwrap();
        assert_eq!(key.open(&file, length).unwrap(), plain, "{length}");
        assert!(FileKey::from_bytes(&[2; 32]).open(&file, length).is_err());
        for cut in [1, TAG, CHUNK + TAG]
            .into_iter()
            .filter(|n| *n < file.len())
        {
            let short = &file[..file.len() - cut];
            assert!(key.open(short, length).is_err(), "{length} without {cut}");
        }
        if length > 0 {
            assert!(key.open(&file, length - 1).is_err());
        }
    }

    #[test]
    fn opens_for_its_reader_whole_and_within_the_limit() {
        for length in [0, 1, 1_000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            is_sealed_and_opened(length);
        }
        assert!(seal_file("age1nobody", b"x").is_err());
    }

    #[test]
    fn every_bit_of_a_file_matters() {
        let key = FileKey::from_bytes(&[1; 32]);
        let file = seal_file(&key.recipient(), b"the log of one night").unwrap();
        for bit in 0..file.len() * 8 {
            let mut other = file.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&other, 100).is_err(), "bit {bit}");
        }
    }

    /// A file of another program, from the test kit of the format's own authors (C2SP/CCTV, age, `x25519`).
    #[test]
    fn opens_what_others_have_written() {
        let key = "age-secret-key-1egtzvffv20835nwyv6270lxyvk2vknx2mmdkwyklmgr48uawx40q2p2lm0";
        let secret = bech32::decode("age-secret-key-", key).unwrap();
        let key = FileKey::from_bytes(&secret.try_into().unwrap());
        let mut file = b"age-encryption.org/v1\n\
            -> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n\
            hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n\
            --- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg\n\
            "
        .to_vec();
        let payload = "eecf62c7ce91b433274e68d4f2f9134cb74c5bfef7beaa52c8f0bc0e992c1e83\
            31fb66";
        let digit = |at: usize| u8::from_str_radix(&payload[at..at + 2], 16).unwrap();
        file.extend((0..payload.len()).step_by(2).map(digit));
        let plain = key.open(&file, 1_000).unwrap();
        let sum: String = Sha256::digest(plain)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            sum,
            "013f54400c82da08037759ada907a8b864e97de81c088a182062c4b5622fd2ab"
        );
    }
}
