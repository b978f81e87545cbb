//! Fuzzes `optria_fuzz::sql_cell`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::sql_cell(data));
