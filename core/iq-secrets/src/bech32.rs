//! Bech32 (BIP 173), in which age writes its keys.

const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

pub(crate) fn encode(prefix: &str, bytes: &[u8]) -> String {
    let mut groups = regroup(bytes, 8, 5);
    let mut sum = expanded(prefix);
    sum.extend(&groups);
    sum.extend([0; 6]);
    let check = polymod(&sum) ^ 1;
    groups.extend((0..6).rev().map(|n| (check >> (5 * n) & 31) as u8));
    let letters = groups
        .iter()
        .map(|group| char::from(LETTERS[usize::from(*group)]));
    prefix.chars().chain(['1']).chain(letters).collect()
}

/// The bytes, if the prefix is this one, all letters are small, and the checksum is right.
pub(crate) fn decode(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let rest = text.strip_prefix(prefix)?.strip_prefix('1')?;
    let groups: Vec<u8> = rest
        .bytes()
        .map(|byte| LETTERS.iter().position(|letter| *letter == byte))
        .map(|place| place.and_then(|place| u8::try_from(place).ok()))
        .collect::<Option<_>>()?;
    let mut sum = expanded(prefix);
    sum.extend(&groups);
    let (data, _) = groups.split_at_checked(groups.len().checked_sub(6)?)?;
    if polymod(&sum) != 1 {
        return None;
    }
    let mut bytes = regroup(data, 5, 8);
    // What is left over fills a group up and is no byte.
    bytes.truncate(data.len() * 5 / 8);
    Some(bytes)
}

fn expanded(prefix: &str) -> Vec<u8> {
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).collect()
}

/// Bits in groups of one size as groups of another; the last is filled up with zeros.
fn regroup(values: &[u8], from: u32, to: u32) -> Vec<u8> {
    let (mut groups, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for value in values {
        held = held << from | u32::from(*value);
        bits += from;
        while bits >= to {
            bits -= to;
            groups.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        groups.push((held << (to - bits)) as u8);
    }
    groups
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
    fn writes_and_reads_what_the_standard_does() {
        // BIP 173: the shortest valid string.
        assert_eq!(encode("a", &[]), "a12uel5l");
        assert_eq!(decode("a", "a12uel5l"), Some(Vec::new()));
        let text = encode("age", &[7; 32]);
        assert_eq!(text.len(), 62);
        assert_eq!(decode("age", &text), Some(vec![7; 32]));
        assert_eq!(decode("agf", &text), None);
        for at in 4..text.len() {
            let other = if &text[at..=at] == "q" { "p" } else { "q" };
            let mut slip = text.clone();
            slip.replace_range(at..=at, other);
            assert_eq!(decode("age", &slip), None, "{slip}");
        }
    }
}
