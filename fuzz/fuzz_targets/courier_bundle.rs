//! Fuzzes `optria_fuzz::courier_bundle`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::courier_bundle(data));
