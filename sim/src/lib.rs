//! The gateway in a simulated world, once for each seed: many keys, callers, shards and isolates, and faults that land or do not
//! land, in virtual time. `docs/proof.md` says what is simulated, what is not, and what came out.
//!
//! All that decides is the real `reprise::protocol`: `decision::decide` from request heads, fingerprints, claim ids and their shards,
//! `claim`, `wire` on every message, `Verdict`, `Permit`, `Happened::ends`, records, replays and refusals. What stands between two
//! decisions in `src/edge` is enacted once more in [`edge`], named alike, so that both can be read side by side.
//!
//! Read it in this order:
//!
//! ```text
//! run         one seed: trouble, then none, then everything expires; many seeds, on every core
//! plan        what the seed decides at the beginning          routes, policies   what the gateway is told, and what one expects
//! clients     who asks for what, and how often                edge               the gateway
//! objects     Durable Objects   kv  Workers KV                api                the API behind the gateway
//! faults      what goes wrong, by name                        defect             what can be broken on purpose
//! oracle      who sees all of it from outside, and judges     promises           what must hold, with its rule
//! history     what has happened, for people                   figures            how often what happened
//! world       all of that in one place                        executor, dice     virtual time, and chance
//! ```

pub mod api;
pub mod clients;
pub mod defect;
pub mod dice;
pub mod edge;
pub mod executor;
pub mod faults;
pub mod figures;
pub mod history;
pub mod kv;
pub mod objects;
pub mod oracle;
pub mod plan;
pub mod policies;
pub mod promises;
pub mod routes;
pub mod run;
pub mod world;
