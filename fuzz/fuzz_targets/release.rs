//! Fuzzes `optria_fuzz::release`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::release(data));
