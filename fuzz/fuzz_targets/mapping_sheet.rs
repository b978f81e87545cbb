//! Fuzzes `optria_fuzz::mapping_sheet`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::mapping_sheet(data));
