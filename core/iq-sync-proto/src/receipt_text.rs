//! A receipt as text: what a QR code carries, and what a person can copy where no file goes. Capital
//! letters, digits, dot and hyphen alone, which a QR code packs tightly; a slip is noticed before any
//! signature is asked.
//!
//! `OQR1.<part>-<of>.<the signed receipt>.<check>`, in the letters of the enrolment code.

use crate::{
    enrol::{letter, letter_value},
    sign::{Signed, sha256},
};

/// How such a text begins.
pub const BEGIN: &str = "OQR1.";
/// Letters of the check: 20 bits.
const CHECK: usize = 4;
/// Most parts of a word.
const MOST: usize = 99;
/// Longest text of one receipt: twice what one carries.
const LONGEST: usize = 1_100;

/// Why a text is no receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// It is something else.
    Other,
    /// It is one, or the beginning of one, and something of it was lost or changed.
    Damaged,
}

/// The receipts of a word, each as a text of its own.
#[must_use]
pub fn encode(receipts: &[Signed]) -> Vec<String> {
    let of = receipts.len();
    receipts
        .iter()
        .enumerate()
        .map(|(n, signed)| {
            let body = format!("{}-{of}.{}", n + 1, letters(&signed.encode()));
            format!("{BEGIN}{body}.{}", check(&body))
        })
        .collect()
}

/// Whether bytes are such a text rather than a file.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    let start: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take(BEGIN.len())
        .collect();
    start.eq_ignore_ascii_case(BEGIN.as_bytes())
}

/// Reads one or several, however they were broken into lines. Parts may be missing: each stands for
/// itself.
///
/// # Errors
/// [`Slip`].
pub fn decode(text: &str) -> Result<Vec<Signed>, Slip> {
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let dense = dense.to_ascii_uppercase();
    let mut parts = dense.split(BEGIN);
    if parts.next() != Some("") {
        return Err(Slip::Other);
    }
    let read: Vec<Signed> = parts.map(one).collect::<Result<_, _>>()?;
    if read.is_empty() || read.len() > MOST {
        return Err(Slip::Other);
    }
    Ok(read)
}

fn one(text: &str) -> Result<Signed, Slip> {
    if text.len() > LONGEST {
        return Err(Slip::Damaged);
    }
    let (body, given) = text.rsplit_once('.').ok_or(Slip::Damaged)?;
    let (place, letters) = body.split_once('.').ok_or(Slip::Damaged)?;
    let (part, of) = place.split_once('-').ok_or(Slip::Damaged)?;
    let (part, of) = (number(part)?, number(of)?);
    // Read as a person would write it down: the check is over what the letters mean.
    let bytes = bytes(letters).ok_or(Slip::Damaged)?;
    let written = format!("{part}-{of}.{}", self::letters(&bytes));
    if part > of || !is_check(&written, given) {
        return Err(Slip::Damaged);
    }
    Signed::decode(&bytes).map_err(|_| Slip::Damaged)
}

fn number(text: &str) -> Result<usize, Slip> {
    let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let number = text
        .parse()
        .ok()
        .filter(|n| is_plain && (1..=MOST).contains(n));
    number.ok_or(Slip::Damaged)
}

/// Five bits to a letter; what is left over at the end is filled with zeros.
fn letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0_u16, 0_u32);
    for byte in bytes {
        held = held << 8 | u16::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter((held >> bits & 31) as u8));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter((held << (5 - bits) & 31) as u8));
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut held, mut bits) = (0_u16, 0_u32);
    for c in text.chars() {
        held = held << 5 | u16::from(letter_value(c)?);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 255) as u8);
        }
        held &= (1 << bits) - 1;
    }
    // Nothing may hide in what is left over, nor a letter that carries no bit.
    (held == 0 && bits < 5).then_some(bytes)
}

fn check(body: &str) -> String {
    let hash = sha256(body.as_bytes());
    hash[..CHECK].iter().map(|byte| letter(*byte)).collect()
}

fn is_check(body: &str, given: &str) -> bool {
    let hash = sha256(body.as_bytes());
    let wanted = hash[..CHECK].iter().map(|byte| Some(byte & 31));
    given.len() == CHECK && given.chars().map(letter_value).eq(wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        QR_MARKS,
        receipt::Receipt,
        sign::SigningKey,
        wire::{Head, Line},
    };

    fn receipts(count: u8) -> Vec<Signed> {
        let key = SigningKey::from_seed(&[9; 32]);
        let word = Receipt {
            tenant: [1; 16],
            appliance: [2; 16],
            hub_key: key.public().id(),
            at_ms: 1_750_000_000_000,
            marks: (0..count)
                .map(|n| {
                    let line = Line {
                        epoch: [n; 16],
                        stream: 1,
                    };
                    let head = Head {
                        seq: 9_000_000_000,
                        hash: [n; 32],
                    };
                    (line, head)
                })
                .collect(),
        };
        word.parts().iter().map(|part| part.sign(&key)).collect()
    }

    #[test]
    fn reads_what_it_wrote_however_a_person_copied_it() {
        let signed = receipts(3);
        let texts = encode(&signed);
        assert_eq!(texts.len(), 2);
        assert!(texts[0].starts_with("OQR1.1-2.") && texts[1].starts_with("OQR1.2-2."));
        let mut copied = String::new();
        for text in texts.iter().rev() {
            for line in text.as_bytes().chunks(40) {
                copied.push_str(&String::from_utf8_lossy(line).to_lowercase());
                copied.push_str(" \r\n");
            }
        }
        let read = decode(&copied).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].encode(), signed[1].encode());
        // One part stands for itself.
        assert_eq!(decode(&texts[1]).unwrap()[0].encode(), signed[1].encode());
        // Letters that look alike are one.
        let alike = texts[0]
            .replacen("OQR1.", "\u{1}", 1)
            .replace('0', "O")
            .replace('1', "L");
        let alike = alike
            .replacen('\u{1}', "OQR1.", 1)
            .replacen("L-2.", "1-2.", 1);
        assert_eq!(decode(&alike).unwrap()[0].encode(), signed[0].encode());
    }

    #[test]
    fn a_full_part_fits_into_a_qr_code_and_is_of_its_letters() {
        let most = u8::try_from(QR_MARKS).unwrap();
        let text = encode(&receipts(most)).remove(0);
        // Version 14 with middle correction takes 528 of these letters.
        assert!(text.len() <= 528, "{}", text.len());
        let is_packed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b"-.".contains(&b);
        assert!(text.bytes().all(is_packed), "{text}");
        assert!(is_text(text.as_bytes()) && is_text(b" \noqr1.1-1."));
        assert!(!is_text(b"age-encryption.org/v1") && !is_text(b"OQR") && !is_text(b""));
    }

    #[test]
    fn every_slip_and_every_loss_is_noticed() {
        let text = encode(&receipts(2)).remove(0);
        for at in BEGIN.len()..text.len() {
            let mut slip = text.clone();
            let other = match &text[at..=at] {
                "7" => "8",
                _ => "7",
            };
            slip.replace_range(at..=at, other);
            assert_eq!(decode(&slip).err(), Some(Slip::Damaged), "{at}");
            assert_eq!(decode(&text[..at]).err(), Some(Slip::Damaged), "{at}");
        }
        for other in ["", "hello", "https://hub.example", "OQR2.1-1.AAAA.AAAA"] {
            assert_eq!(decode(other).err(), Some(Slip::Other), "{other}");
        }
        assert_eq!(decode("OQR1.").err(), Some(Slip::Damaged));
        assert_eq!(decode("OQR1.3-2.00.0000").err(), Some(Slip::Damaged));
        let long = format!("OQR1.1-1.{}.0000", "0".repeat(5_000));
        assert_eq!(decode(&long).err(), Some(Slip::Damaged));
    }

    proptest! {
        #[test]
        fn letters_carry_any_bytes(given: Vec<u8>) {
            prop_assert_eq!(bytes(&letters(&given)), Some(given));
        }

        #[test]
        fn anything_pasted_is_read_or_refused(text in "(OQR1\\.)?.{0,80}") {
            let _read = decode(&text);
        }
    }
}
