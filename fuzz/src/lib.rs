//! Bad input: what must hold of any bytes that a client, an operator, a store or a wire may hand to the protocol.
//!
//! ```text
//! client     key · header · query · decision     the head of a request
//!            json · form · multipart             a body, as far as it is compared
//!            never_store                         a body, as far as rules look into it
//! operator   policy · contract                   TOML
//! store      record · sketch                     bytes from a row, or from KV
//! wire       message                             bytes between Worker, shard and Runner
//! ```
//!
//! Each target takes any bytes, and panics when something does not hold that must: its assertions are the properties. Three
//! runners call them: `cargo test` replays `corpus/` and makes random variations of it, and cargo-fuzz (`fuzz_targets/`, `npm run
//! fuzz`) looks for bytes that reach new code. `docs/proof.md` says what is run, and for how long.

pub mod head;
pub mod memory;
pub mod policies;

mod answers;
mod contract;
mod decision;
mod form;
mod header;
mod json;
mod key;
mod message;
mod multipart;
mod never_store;
mod policy;
mod query;
mod record;
pub mod sketch;

/// What is called with any bytes: whether they were read as what they should be. Panics at a finding.
pub type Target = fn(&[u8]) -> bool;

/// All targets by name; the name is also that of the directory in `corpus/` and of the program of cargo-fuzz.
pub const TARGETS: [(&str, Target); 13] = [
    ("contract", contract::target),
    ("decision", decision::target),
    ("form", form::target),
    ("header", header::target),
    ("json", json::target),
    ("key", key::target),
    ("message", message::target),
    ("multipart", multipart::target),
    ("never_store", never_store::target),
    ("policy", policy::target),
    ("query", query::target),
    ("record", record::target),
    ("sketch", sketch::target),
];

/// Runs one target on one input; whether it was read as what it should be.
///
/// # Panics
/// At a finding, and for a name that is not in [`TARGETS`].
pub fn run(name: &str, input: &[u8]) -> bool {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = found.unwrap_or_else(|| panic!("there is no target {name}"));
    target(input)
}
