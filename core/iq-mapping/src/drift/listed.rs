//! How alike two tag names are.

use crate::words::split;

/// Longest name that is compared letter by letter.
const MAX_CHARS: usize = 120;

/// 0 for nothing in common, 1 for the same name. Numbers weigh most: a loop keeps its number when its
/// name is tidied up.
pub(crate) fn similarity(a: &str, b: &str) -> f64 {
    let (a, b) = (plain(a), plain(b));
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let longest = a.len().max(b.len());
    #[allow(clippy::cast_precision_loss, reason = "at most 120 letters")]
    let letters = 1.0 - distance(&a, &b) as f64 / longest as f64;
    let digits = |text: &[char]| -> String { text.iter().filter(|c| c.is_ascii_digit()).collect() };
    let (x, y) = (digits(&a), digits(&b));
    if x.is_empty() && y.is_empty() {
        return letters;
    }
    if x == y || (x.len() >= 4 && y.ends_with(&x)) || (y.len() >= 4 && x.ends_with(&y)) {
        0.55 * letters + 0.45
    } else {
        0.55 * letters
    }
}

/// Letters and digits of the last part of a path: "ns=2;s=Unit/100-PT-10201A" → "100pt10201a".
fn plain(tag: &str) -> Vec<char> {
    let tail = tag.rsplit(['=', '|', '\\', '/']).next().unwrap_or(tag);
    split(tail).concat().chars().take(MAX_CHARS).collect()
}

/// Edits from one to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let kept = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tidied_name_is_alike_and_another_loop_is_not() {
        for (a, b) in [
            ("ns=2;s=100-PT-10201A", "ns=2;s=100-PIT-10201A"),
            ("100-PT-10201A", "U100.PT10201A"),
            ("P102A_VIB_DE", "P-102A.VIB.DE"),
        ] {
            assert!(similarity(a, b) > 0.75, "{a} {b} {}", similarity(a, b));
        }
        for (a, b) in [
            ("100-PT-10201A", "100-PT-10201B"),
            ("100-PT-10201A", "100-PT-10202A"),
            ("100-PT-10201A", "ServerStatus"),
        ] {
            assert!(similarity(a, b) < 0.96, "{a} {b} {}", similarity(a, b));
        }
        assert!(similarity("100-PT-10201A", "100-PT-10202A") < 0.6);
        assert_eq!(similarity("", "x"), 0.0);
        assert!((similarity("T-1", "T-1") - 1.0).abs() < 1e-9);
    }
}
