//! Fuzzes `optria_fuzz::sync_messages`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::sync_messages(data));
