//! Reprise: an idempotency gateway. It runs an operation once and gives every retry the first answer again.
//!
//! This file is the map. A request walks the rooms in this order, each taking the previous value and returning the next:
//!
//! ```text
//! request  → decision      protocol::{request, decision, key, scope}     is it guarded, and which claim is it?
//! body     → fingerprint   protocol::fingerprint                         is it the same request as before?
//! begin    → verdict       protocol::claim, at edge::ledger              may it run?
//! dispatch → outcome       edge::origin, protocol::outcome               what happened at the origin?
//! settle   → record        protocol::record, at edge::ledger             what is kept?
//! reply                    protocol::{replay, refusal}                   what does the client see?
//! ```
//!
//! [`protocol`] is pure: no async, clock, randomness, storage or logging; it is what the native tests prove. `edge` is the only
//! place that names the platform, and exists only on wasm32. `docs/architecture.md` draws the same picture with the calls.

pub mod protocol;

#[cfg(target_arch = "wasm32")]
mod edge;
