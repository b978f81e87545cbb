//! Fuzzes `optria_fuzz::oidc`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::oidc(data));
