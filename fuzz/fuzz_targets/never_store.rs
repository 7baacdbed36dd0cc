//! `never_store` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    reprise_fuzz::run("never_store", input);
});
