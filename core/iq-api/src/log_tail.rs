//! The last lines of the log, kept in memory for the support bundle. The log is one per process, and
//! so is this.

use std::{collections::VecDeque, io, sync::OnceLock};

use parking_lot::Mutex;

/// Lines kept.
const MAX_LINES: usize = 2_000;
/// Longest line kept.
const MAX_LINE_BYTES: usize = 4_096;

#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    begun: Vec<u8>,
}

fn tail() -> &'static Mutex<Tail> {
    static TAIL: OnceLock<Mutex<Tail>> = OnceLock::new();
    TAIL.get_or_init(Mutex::default)
}

/// The last lines, oldest first.
#[must_use]
pub fn log_lines() -> Vec<String> {
    tail().lock().lines.iter().cloned().collect()
}

/// A writer that keeps the last lines and passes everything on. Hosts give it to their log.
pub struct LogTee<W>(pub W);

impl<W: io::Write> io::Write for LogTee<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.0.write(bytes)?;
        tail().lock().take(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Tail {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = String::from_utf8_lossy(&self.begun).into_owned();
                    self.begun.clear();
                    if self.lines.len() == MAX_LINES {
                        self.lines.pop_front();
                    }
                    self.lines.push_back(line);
                }
                byte if self.begun.len() < MAX_LINE_BYTES => self.begun.push(*byte),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_whole_and_cuts_endless_ones() {
        let mut tail = Tail::default();
        for n in 0..MAX_LINES + 5 {
            tail.take(format!("line {n}\n").as_bytes());
        }
        assert_eq!(tail.lines.len(), MAX_LINES);
        assert_eq!(tail.lines[0], "line 5");
        tail.take(&vec![b'x'; MAX_LINE_BYTES * 3]);
        tail.take(b"\nnext\n");
        assert_eq!(tail.lines[MAX_LINES - 2].len(), MAX_LINE_BYTES);
        assert_eq!(tail.lines[MAX_LINES - 1], "next");
    }
}
