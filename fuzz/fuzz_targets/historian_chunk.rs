//! Fuzzes `optria_fuzz::historian_chunk`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::historian_chunk(data));
