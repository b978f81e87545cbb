//! Fuzzes `optria_fuzz::trust_list`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::trust_list(data));
