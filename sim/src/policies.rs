//! The policies that the isolates run under: every route, in front of a ledger whose number of shards changes.

use crate::defect::Defect;
use crate::routes::{LeaseOver, ROUTES};
use reprise::protocol::compiled;
use reprise::protocol::policy::Policy;
use std::fmt::Write;
use std::sync::OnceLock;

/// Bodies of more bytes than this go to KV: small, so that a run has many of them.
pub const INLINE_LIMIT: usize = 200;

/// How many new keys a minute one caller may claim in a shard, where that is limited.
const NEW_KEYS: u32 = 12;

/// Which shards there are (docs/operating.md, "Changing shards").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// One, and no change.
    One,
    /// Three, and no change.
    Three,
    /// Before the change: the old ones, and no others are known.
    Old,
    /// The old ones decide, and the new ones are looked into.
    OldThenNew,
    /// The new ones decide, and the old ones are looked into.
    NewThenOld,
    /// After the change.
    New,
}

const LEDGERS: usize = 6;
const KV: [&str; 3] = ["always", "overflow", "off"];

impl Ledger {
    /// The steps of a change of the number of shards, in order.
    pub const CHANGE: [Self; 4] = [Self::Old, Self::OldThenNew, Self::NewThenOld, Self::New];

    fn toml(self) -> &'static str {
        match self {
            Self::One => "shards = 1",
            Self::Three => "shards = 3",
            Self::Old => "shards = 2",
            Self::OldThenNew => "shards = 2\nother = { shards = 3, generation = 2 }",
            Self::NewThenOld => {
                "shards = 3\ngeneration = 2\nother = { shards = 2, generation = 1 }"
            }
            Self::New => "shards = 3\ngeneration = 2",
        }
    }
}

/// What distinguishes the policies of different runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// What is written to KV: always, overflow, off.
    pub kv: usize,
    /// Whether new keys are limited.
    pub few_keys: bool,
}

/// The policy for that choice, parsed once in this process.
pub fn policy(ledger: Ledger, choice: Choice, defect: Option<Defect>) -> &'static Policy {
    static PARSED: [OnceLock<Policy>; LEDGERS * KV.len() * 2 * 2] =
        [const { OnceLock::new() }; LEDGERS * KV.len() * 2 * 2];
    let unscoped = defect == Some(Defect::ScopeWithoutCaller);
    let place = ((ledger as usize * KV.len() + choice.kv) * 2 + usize::from(choice.few_keys)) * 2;
    PARSED[place + usize::from(unscoped)].get_or_init(|| parse(ledger, choice, unscoped))
}

fn parse(ledger: Ledger, choice: Choice, unscoped: bool) -> Policy {
    let mut text = format!(
        "origin = \"http://api.test\"\n[ledger]\n{}\n[responses]\nkv = \"{}\"\ninline_limit = {INLINE_LIMIT}\n",
        ledger.toml(),
        KV[choice.kv]
    );
    if choice.few_keys {
        let _ = writeln!(text, "[limits]\nnew_keys_per_minute = {NEW_KEYS}");
    }
    for route in &ROUTES {
        text.push_str(&route.policy());
        if unscoped && route.lease_over == LeaseOver::Hold {
            text.push_str("scope = { parts = [\"literal:all\"] }\n");
        }
    }
    let policy = Policy::parse("sim", &text, compiled::CONTRACTS);
    policy.unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}
