//! Whom courier files are sealed to: the hub's age recipient, made from its sealing key, so that every
//! instance has the same one. age's X25519 recipients are Bech32 (BIP 173) over the public key.

use curve25519_dalek::MontgomeryPoint;

use crate::state::Hub;

const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// `age1…`
pub(crate) fn address(hub: &Hub) -> String {
    let secret = hub.seal.derive("courier recipient");
    bech32(
        "age",
        &MontgomeryPoint::mul_base_clamped(*secret).to_bytes(),
    )
}

fn bech32(prefix: &str, bytes: &[u8]) -> String {
    let (mut groups, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            groups.push((held >> bits & 31) as u8);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        groups.push((held << (5 - bits) & 31) as u8);
    }
    let mut sum: Vec<u8> = prefix.bytes().map(|b| b >> 5).collect();
    sum.push(0);
    sum.extend(prefix.bytes().map(|b| b & 31));
    sum.extend(&groups);
    sum.extend([0; 6]);
    let check = polymod(&sum) ^ 1;
    groups.extend((0..6).rev().map(|n| (check >> (5 * n) & 31) as u8));
    let letters = groups
        .iter()
        .map(|group| char::from(LETTERS[usize::from(*group)]));
    prefix.chars().chain(['1']).chain(letters).collect()
}

fn polymod(values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    values.iter().fold(1, |sum, value| {
        let top = sum >> 25;
        let sum = (sum & 0x01ff_ffff) << 5 ^ u32::from(*value);
        GENERATOR
            .iter()
            .enumerate()
            .filter(|(n, _)| top >> n & 1 == 1)
            .fold(sum, |sum, (_, generator)| sum ^ generator)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_bech32_as_the_standard_does() {
        // BIP 173: the shortest valid string, and one with data.
        assert_eq!(bech32("a", &[]), "a12uel5l");
        // As long as age's recipients are, with a checksum that verifies.
        let text = bech32("age", &[7; 32]);
        let values: Vec<u8> = text[4..]
            .bytes()
            .filter_map(|c| LETTERS.iter().position(|l| *l == c))
            .map(|n| u8::try_from(n).unwrap())
            .collect();
        let mut whole = vec![3, 3, 3, 0, 1, 7, 5];
        whole.extend(values);
        assert_eq!(polymod(&whole), 1, "{text}");
        assert_eq!(text.len(), 62);
    }
}
