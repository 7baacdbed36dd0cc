//! The only place that names the platform. It moves values between the rooms of the protocol, and decides nothing.

mod authority;
mod body;
mod clock;
mod convert;
mod digest;
mod gateway;
mod health;
mod js;
mod ledger;
mod log;
mod message;
mod origin;
mod overflow;
mod pass;
mod question;
mod receive;
mod recent;
mod responses;
mod rest;
mod runner;
mod settings;
mod shard;
mod task;
mod upload;
mod waiting;
mod work;

/// Smaller and quicker than the standard library's (docs/design.md, "Why another allocator?").
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
