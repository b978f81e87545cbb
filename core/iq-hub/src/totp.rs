//! The second factor: RFC 6238 over HMAC-SHA-1, six digits, steps of 30 seconds.

use hmac::{Hmac, KeyInit, Mac};
use iq_domain::Timestamp;
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Bytes of a secret (RFC 4226 recommends 160 bits).
pub(crate) const SECRET_BYTES: usize = 20;
const STEP_MS: i64 = 30_000;
/// Steps a clock may differ either way.
const TOLERANCE: i64 = 1;

/// The code of a secret at a moment.
#[must_use]
pub fn totp_code(secret: &[u8], at: Timestamp) -> String {
    code_of_step(secret, at.0.div_euclid(STEP_MS))
}

/// The step of the code that `sent` is, if it is one of those near `now` and later than `last_step`:
/// a code counts once, so one that was read over a shoulder is worth nothing.
pub(crate) fn accepted_step(
    secret: &[u8],
    sent: &str,
    now: Timestamp,
    last_step: i64,
) -> Option<i64> {
    let here = now.0.div_euclid(STEP_MS);
    let mut accepted = None;
    // All of them, so that the time it takes says nothing.
    for step in here - TOLERANCE..=here + TOLERANCE {
        let is_code: bool = code_of_step(secret, step)
            .as_bytes()
            .ct_eq(sent.as_bytes())
            .into();
        if is_code && step > last_step {
            accepted = Some(step);
        }
    }
    accepted
}

fn code_of_step(secret: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("any key length will do");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[19] & 15);
    let word = u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// RFC 4648 without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(held >> bits & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(BASE32[(held << (5 - bits) & 31) as usize]));
    }
    text
}

/// The bytes of a Base32 text.
pub(crate) fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for c in text.bytes() {
        let value = BASE32.iter().position(|b| *b == c)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 255).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn gives_the_codes_of_the_standard() {
        // RFC 6238, appendix B, the last six of the eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp_code(RFC_SECRET, Timestamp(seconds * 1_000)), code);
        }
    }

    #[test]
    fn accepts_a_code_once_and_only_near_its_time() {
        let now = Timestamp(1_111_111_109_000);
        let code = totp_code(RFC_SECRET, now);
        let step = accepted_step(RFC_SECRET, &code, now, 0).unwrap();
        assert_eq!(accepted_step(RFC_SECRET, &code, now, step), None);
        for (later, is_fine) in [
            (29_000, true),
            (30_000, true),
            (31_000, false),
            (-30_000, true),
            (90_000, false),
        ] {
            let found = accepted_step(RFC_SECRET, &code, now.plus_ms(later), 0);
            assert_eq!(found.is_some(), is_fine, "{later}");
        }
        assert_eq!(accepted_step(RFC_SECRET, "", now, 0), None);
        assert_eq!(accepted_step(b"another secret", &code, now, 0), None);
    }

    #[test]
    fn base32_there_and_back() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(base32(b""), "");
        for n in 0..40 {
            let bytes: Vec<u8> = (0..n).map(|i: u8| i.wrapping_mul(37)).collect();
            assert_eq!(from_base32(&base32(&bytes)), Some(bytes));
        }
        assert_eq!(from_base32("a1"), None);
    }
}
