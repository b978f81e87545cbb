//! Fuzzes `optria_fuzz::sql_query`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::sql_query(data));
