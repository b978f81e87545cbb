//! Fuzzes `optria_fuzz::pi_answer`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::pi_answer(data));
