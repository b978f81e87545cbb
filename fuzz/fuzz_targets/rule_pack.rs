//! Fuzzes `optria_fuzz::rule_pack`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::rule_pack(data));
