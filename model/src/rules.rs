//! What is under test. [`REAL`] is the gateway; a mutation is `Rules { begin: mutated, ..REAL }`.

use crate::world::{Record, World};
use reprise::protocol::claim::{self, Begin, Begun, Claim, Settle, Settled, Write};
use reprise::protocol::time::Time;

/// The functions of the protocol, and the habits of the shard and the Worker that the protocol rests on.
#[derive(Clone, Copy)]
pub struct Rules {
    /// What the shard does with `begin`.
    pub begin: fn(Option<&Claim>, &Begin, Time) -> (Write, Begun),
    /// What the shard does with `settle`.
    pub settle: fn(Option<&Claim>, Settle, Time) -> (Write, Settled),
    /// What the shard answers to a `begin` that has waited.
    pub look: fn(Option<&Claim>, &Begin, Time) -> Option<Begun>,
    /// What the shard says of a claim to a request whose body was read to be compared (rule 5.26).
    pub peek: fn(Option<&Claim>, &Begin, Time) -> Option<Begun>,
    /// What a waiter that gives up does to the row (rule 5.19: nothing).
    pub leave: fn(Option<&Claim>) -> Write,
    /// Which claim a caller's key is (rule 3.3): the number of a row.
    pub claim_of: fn(scope: u8) -> usize,
    /// What KV has for the claim of `attempt` (rules 8.4, 8.15): the record of that very attempt, if it is of this request.
    pub find: fn(&World, attempt: u8, print: u8) -> Option<Record>,
    /// In how many turns of the event loop `begin` reads and writes (§5: one).
    pub turns: Turns,
    /// When the client gets its answer (rule 9.1: once it is settled).
    pub show: Show,
}

/// In how many turns the row is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// Nothing comes between the read and the write.
    One,
    /// Anything may.
    Two,
}

/// When the first answer reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Once the ledger has confirmed that it holds it.
    AfterSettle,
    /// As soon as it is there.
    BeforeSettle,
}

/// The gateway as it is.
pub const REAL: Rules = Rules {
    begin: claim::begin,
    settle: claim::settle,
    look: claim::look,
    peek: claim::peek,
    leave: |_| Write::Keep,
    claim_of: |scope| scope as usize,
    find: |world, attempt, print| {
        let record = world.request(attempt).kv;
        record.filter(|record| record.print == print)
    },
    turns: Turns::One,
    show: Show::AfterSettle,
};
