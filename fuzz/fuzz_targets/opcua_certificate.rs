//! Fuzzes `optria_fuzz::opcua_certificate`, which says what it reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| optria_fuzz::opcua_certificate(data));
