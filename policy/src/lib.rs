//! What an operator of Reprise writes, read and checked: the contracts in `contracts/`, and the policy that names them.
//!
//! It is a crate of its own because it is read by two: by `build.rs`, which ends the build where something is wrong with a text (rule
//! 10.1), and by the Worker, once for each isolate. So this is compiled to be small, where all else is compiled to be fast.

pub mod code;
pub mod contract;
pub mod order;
pub mod policy;
