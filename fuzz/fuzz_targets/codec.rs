#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| natter_fuzz::nats::exercise::codec(input));
