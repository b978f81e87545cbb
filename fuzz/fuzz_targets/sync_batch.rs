//! Fuzzes `optria_fuzz::sync_batch`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::sync_batch(data));
