//! The rules of `docs/protocol.md`, as pure functions. Time is an argument, randomness is an argument, and nothing waits.

mod bytes;
pub mod claim;
pub mod control;
pub mod cors;
pub mod decision;
pub mod digest;
pub mod exchange;
pub mod fingerprint;
pub mod first_sent;
pub mod generations;
pub mod handover;
pub mod headers;
pub mod hints;
mod json;
mod jwt;
pub mod key;
pub mod never_store;
pub mod new_keys;
pub mod outcome;
mod parameters;
pub mod prefer;
pub mod recent;
pub mod record;
pub mod refusal;
pub mod replay;
pub mod request;
pub mod scope;
pub mod time;
pub mod verdict;
pub mod wire;

pub use reprise_policy::{code, contract, order, policy};

/// The policy and the contracts that this build was made with, validated by `build.rs`.
pub mod compiled {
    include!(concat!(env!("OUT_DIR"), "/compiled.rs"));
}
