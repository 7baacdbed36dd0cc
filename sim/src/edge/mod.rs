//! `src/edge`, enacted once more: the same steps in the same order, on the platform of this simulation.
//!
//! What decides is the real `protocol` everywhere. What is here is what stands between two decisions: who asks whom, what is awaited,
//! in which order. Each file stands for the file of the same name in `src/edge`, each function for the function of the same name
//! there, and they are meant to be read side by side:
//!
//! | here | stands for |
//! |---|---|
//! | `gateway` | `gateway`: `route`, `guard`; what the runtime does with a handler whose client has gone |
//! | `work` | `work`: `known`, `tell_remembered`, `run`, `hand_over`, `tell`, `without_ledger`, `copy_of_answer`, `stored_body` |
//! | `work/asking` | `work/asking`: `begin`, `begin_in_each`, `adopt`, `probe`, `settle_in` |
//! | `work/ending` | `work/ending`: `execute`, `not_kept`, `store`, `store_body`, `store_head`, `release`, `hold`, `record`, `copy` |
//! | `shard` | `shard`: `begin`, `peek`, `settle`, `call` with its tries; `once` is [`Objects::fetch`](crate::objects::Objects::fetch) |
//! | `ledger` | `ledger`: `fetch`, `begin_or_wait`, `begin`, `settle`, `apply`, `sweep`; a table is a map |
//! | `waiting` | `waiting`, but for its clock |
//! | `origin` | `origin`: `dispatch`, `read`; the call itself is [`Api::call`](crate::api::Api::call) |
//! | `responses` | `responses`: `put`, `body`, `copy`, `value`, with its deadline and its looks |
//! | `question` | `question` and `authority` |
//! | `runner` | `runner` |
//!
//! Left out: what moves bytes (`body`, `rest`, `convert`), what passes (`pass`; it calls the API and no more), health, and the log,
//! in whose place there are notes. Every `step` is a place where a Worker may die or stand still; there is none in `src/edge`.

// Each item is documented where it stands for another one: in `src/edge`.
#![allow(missing_docs)]

pub mod gateway;
pub mod ledger;
mod origin;
mod question;
mod responses;
mod runner;
mod shard;
mod waiting;
mod work;

pub use gateway::Told;
pub use origin::Answer;
