//! Fuzzes `optria_fuzz::evidence_file`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::evidence_file(data));
