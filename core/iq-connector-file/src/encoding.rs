//! Bytes to letters: which encoding a file has, and a reader that hands out UTF-8 whatever it is.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256};

use crate::layout::Encoding;

/// Bytes decoded at once.
const CHUNK: usize = 64 * 1024;

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The encoding.
    pub encoding: Encoding,
    /// Whether nothing but statistics speaks for it.
    pub is_guess: bool,
}

/// The encoding of a file by its first bytes.
#[must_use]
pub(crate) fn detect(head: &[u8]) -> Found {
    let sure = |encoding| Found {
        encoding,
        is_guess: false,
    };
    match head {
        [0xEF, 0xBB, 0xBF, ..] => return sure(Encoding::Utf8),
        [0xFF, 0xFE, ..] => return sure(Encoding::Utf16Le),
        [0xFE, 0xFF, ..] => return sure(Encoding::Utf16Be),
        _ => {}
    }
    let zeros = |parity: usize| {
        let every_second = head.iter().skip(parity).step_by(2);
        every_second.filter(|b| **b == 0).count() * 5 > head.len()
    };
    // Two in five bytes of a half are zero: digits and separators in UTF-16.
    if head.len() >= 16 && zeros(1) != zeros(0) {
        let encoding = if zeros(1) {
            Encoding::Utf16Le
        } else {
            Encoding::Utf16Be
        };
        return Found {
            encoding,
            is_guess: true,
        };
    }
    match std::str::from_utf8(head) {
        Ok(_) => return sure(Encoding::Utf8),
        // The sample may end in the middle of a letter.
        Err(error) if error.error_len().is_none() => return sure(Encoding::Utf8),
        Err(_) => {}
    }
    Found {
        encoding: single_byte(head),
        is_guess: true,
    }
}

/// Arabic writes whole words above 0x80; western text has single letters and signs there.
fn single_byte(head: &[u8]) -> Encoding {
    let is_arabic_letter = |b: u8| matches!(b, 0xC0..=0xD6 | 0xD8..=0xDF | 0xE1 | 0xE3..=0xE6 | 0xEC | 0xED | 0x81 | 0x8D | 0x8E | 0x90);
    let (mut in_words, mut alone) = (0_usize, 0_usize);
    for run in head.split(|b| !is_arabic_letter(*b)) {
        match run.len() {
            0 => {}
            1 => alone += 1,
            n => in_words += n,
        }
    }
    if in_words > alone {
        Encoding::Windows1256
    } else {
        Encoding::Windows1252
    }
}

/// A byte order mark's length at the start of a file of this encoding.
#[must_use]
pub(crate) fn mark_len(encoding: Encoding, head: &[u8]) -> usize {
    match (encoding, head) {
        (Encoding::Utf8, [0xEF, 0xBB, 0xBF, ..]) => 3,
        (Encoding::Utf16Le, [0xFF, 0xFE, ..]) | (Encoding::Utf16Be, [0xFE, 0xFF, ..]) => 2,
        _ => 0,
    }
}

/// Hands out a file's text as UTF-8. Bytes that are no letters become U+FFFD; UTF-8 goes through as it
/// is, its cells are checked where they are used as text.
pub(crate) struct Utf8Reader<R> {
    input: R,
    decoding: Option<Decoding>,
}

struct Decoding {
    decoder: Decoder,
    raw: Vec<u8>,
    raw_left: std::ops::Range<usize>,
    text: Vec<u8>,
    text_left: std::ops::Range<usize>,
    is_last: bool,
    is_done: bool,
}

impl<R: Read> Utf8Reader<R> {
    /// A reader of `input`, which stands after the byte order mark.
    pub(crate) fn new(input: R, encoding: Encoding) -> Self {
        let known = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE),
            Encoding::Utf16Be => Some(UTF_16BE),
            Encoding::Windows1256 => Some(WINDOWS_1256),
            Encoding::Windows1252 => Some(WINDOWS_1252),
        };
        let decoding = known.map(|encoding| Decoding {
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: vec![0; CHUNK],
            raw_left: 0..0,
            text: vec![0; CHUNK],
            text_left: 0..0,
            is_last: false,
            is_done: false,
        });
        Self { input, decoding }
    }
}

impl Decoding {
    /// Decodes until there is text or the end is reached.
    fn fill(&mut self, input: &mut impl Read) -> io::Result<()> {
        while self.text_left.is_empty() && !self.is_done {
            if self.raw_left.is_empty() && !self.is_last {
                let n = input.read(&mut self.raw)?;
                self.raw_left = 0..n;
                self.is_last = n == 0;
            }
            let raw = &self.raw[self.raw_left.clone()];
            let (result, read, written, _) =
                self.decoder
                    .decode_to_utf8(raw, &mut self.text, self.is_last);
            self.raw_left.start += read;
            self.text_left = 0..written;
            self.is_done = self.is_last && result == CoderResult::InputEmpty;
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(decoding) = &mut self.decoding else {
            return self.input.read(out);
        };
        decoding.fill(&mut self.input)?;
        let n = out.len().min(decoding.text_left.len());
        let start = decoding.text_left.start;
        out[..n].copy_from_slice(&decoding.text[start..start + n]);
        decoding.text_left.start += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(encoding: Encoding, bytes: &[u8], text: &str) {
        assert_eq!(detect(bytes).encoding, encoding, "{text}");
        let mut read = String::new();
        let bytes = &bytes[mark_len(encoding, bytes)..];
        Utf8Reader::new(bytes, encoding)
            .read_to_string(&mut read)
            .unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn finds_and_reads_the_encodings_of_the_region() {
        let arabic = "الوقت;درجة الحرارة\n2024-01-31 10:00;12,5\n";
        check(Encoding::Utf8, arabic.as_bytes(), arabic);
        let (bytes, ..) = WINDOWS_1256.encode(arabic);
        check(Encoding::Windows1256, &bytes, arabic);
        let western = "Zeit;Öldruck;Temperatur °C\n2024-01-31 10:00;12,5;80\n";
        let (bytes, ..) = WINDOWS_1252.encode(western);
        check(Encoding::Windows1252, &bytes, western);
        for mark in [true, false] {
            let mut little: Vec<u8> = arabic.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let mut big: Vec<u8> = arabic.encode_utf16().flat_map(u16::to_be_bytes).collect();
            if mark {
                little.splice(0..0, [0xFF, 0xFE]);
                big.splice(0..0, [0xFE, 0xFF]);
            }
            check(Encoding::Utf16Le, &little, arabic);
            check(Encoding::Utf16Be, &big, arabic);
        }
    }

    #[test]
    fn a_letter_across_two_chunks_stays_whole() {
        let text = "ح".repeat(CHUNK);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut read = String::new();
        Utf8Reader::new(&bytes[..], Encoding::Utf16Le)
            .read_to_string(&mut read)
            .unwrap();
        assert_eq!(read, text);
    }
}
