//! Fuzzes `optria_fuzz::backup`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::backup(data));
