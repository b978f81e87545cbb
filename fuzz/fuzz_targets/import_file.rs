//! Fuzzes `optria_fuzz::import_file`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::import_file(data));
