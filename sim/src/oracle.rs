//! Somebody who sees what can be seen from outside: requests, messages, calls, executions, answers. It sees no row, and knows from
//! `routes` what a contract says. What must not happen, and is seen to happen, is a [`Violation`].
//!
//! This file keeps what was seen; `windows` judges what the API executes, `judge` what clients are told, `guards` sees what ends.

mod guards;
mod judge;
mod windows;

pub use guards::{AliveGuard, CallGuard};
pub use judge::Saw;

use crate::edge::ledger::short;
use crate::faults::Fault;
use crate::plan::Plan;
use crate::promises::{Promise, Violation};
use crate::routes::{LeaseOver, Route};
use reprise::protocol::claim::AttemptId;
use std::collections::BTreeMap;

/// A request, as its client made it.
#[derive(Clone)]
pub struct Asked {
    /// Under which key.
    pub key: usize,
    /// What for.
    pub content: Content,
    /// Whether the gateway is to guard it.
    pub guarded: bool,
    /// When it was sent.
    pub at: u64,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Which operation of the route.
    pub path: u64,
    /// Which body, by its meaning.
    pub meaning: u64,
    /// How that is spelled.
    pub spelling: u64,
}

/// What the API answered to an execution.
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The body, or its beginning.
    pub body: Vec<u8>,
    /// When.
    pub at: u64,
    /// Whether it must not be kept.
    pub private: bool,
    /// Whether it is to be kept for a minute only.
    pub short_lived: bool,
    /// Whether it is too large for anything.
    pub huge: bool,
    /// Whether it came to its end.
    pub whole: bool,
}

/// What was seen.
pub struct Oracle {
    keys: Vec<Key>,
    named: BTreeMap<String, usize>,
    calls: Vec<Call>,
    attempts: Vec<Attempt>,
    by_id: BTreeMap<[u8; 16], usize>,
    executions: Vec<Execution>,
    /// By how much windows may end early and late, and how far clocks jump forward, milliseconds.
    early_ms: u64,
    late_ms: u64,
    jump_ms: u64,
    /// When clocks jump forward.
    jumps: Vec<u64>,
    /// Whether the number of shards changes.
    changes: bool,
    /// Whether KV may have what it said that it has not.
    puts_may_land: bool,
    violation: Option<Violation>,
}

/// A key of a caller, on a route.
struct Key {
    name: String,
    route: &'static Route,
    calls: Vec<usize>,
    attempts: Vec<usize>,
    /// Those with a claim.
    executions: Vec<usize>,
    /// The answer that was told last: of which execution, when, and until when it is kept.
    held: Option<Held>,
    /// That nobody knows the outcome, as somebody was told.
    unknown: Option<Unknown>,
}

#[derive(Clone, Copy)]
struct Held {
    execution: usize,
    told_at: u64,
    until: u64,
}

#[derive(Clone, Copy)]
struct Unknown {
    asked_at: u64,
    told_at: u64,
    until: u64,
}

struct Call {
    asked: Asked,
    attempt: Option<usize>,
}

/// What a Worker, or a Runner in its place, does for one request.
struct Attempt {
    id: AttemptId,
    call: usize,
    arrived: u64,
    /// How many parts of it live.
    lives: u32,
    /// When its last `begin` arrived at a shard.
    begun: Option<u64>,
    /// Until when a permit that it got is good.
    permit: Option<u64>,
    calling: bool,
    called: bool,
    /// Whether its call ended so that the key may be used again.
    may_release: bool,
    released: Option<u64>,
    /// When that came to a shard, for the last time.
    release_came: Option<u64>,
    unguarded: bool,
    /// Whether it gives an answer that no shard has confirmed.
    without_ledger: bool,
    /// Whether it gives one that its isolate remembers.
    remembered: bool,
}

struct Execution {
    call: usize,
    attempt: Option<usize>,
    at: u64,
    answered: Option<Answered>,
    /// What the API says of it later.
    status_body: Option<Vec<u8>>,
    /// Until when it is kept, as somebody was told, and in which form.
    told: Option<(u64, Form)>,
    replayed: bool,
}

/// In which form an execution was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    First,
    StatusRoute,
}

impl Oracle {
    /// Has seen nothing.
    pub fn new(plan: &Plan) -> Self {
        Self {
            keys: Vec::new(),
            named: BTreeMap::new(),
            calls: Vec::new(),
            attempts: Vec::new(),
            by_id: BTreeMap::new(),
            executions: Vec::new(),
            early_ms: plan.early_ms(),
            late_ms: plan.late_ms(),
            jump_ms: plan.early_ms() - 2 * plan.shard_skew_ms,
            jumps: plan.jumps().collect(),
            changes: plan.steps.len() > 1,
            puts_may_land: [Fault::PutFailsAndLands, Fault::PutHangs]
                .iter()
                .any(|it| plan.rate(*it) > 0),
            violation: None,
        }
    }

    /// The first promise that was broken.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The number of a key with that name.
    pub fn key(&mut self, name: String, route: &'static Route) -> usize {
        if let Some(number) = self.named.get(&name) {
            return *number;
        }
        let number = self.keys.len();
        self.named.insert(name.clone(), number);
        self.keys.push(Key {
            name,
            route,
            calls: Vec::new(),
            attempts: Vec::new(),
            executions: Vec::new(),
            held: None,
            unknown: None,
        });
        number
    }

    /// How many keys there were.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How often the API has executed.
    pub fn executions(&self) -> usize {
        self.executions.len()
    }

    /// The name of a key, for people.
    pub fn key_name(&self, key: usize) -> &str {
        &self.keys[key].name
    }

    /// The key that this attempt is about.
    pub fn key_of(&self, attempt: AttemptId) -> Option<usize> {
        let number = self.by_id.get(attempt.as_bytes())?;
        Some(self.calls[self.attempts[*number].call].asked.key)
    }

    /// A client sends a request; its number.
    pub fn asks(&mut self, asked: Asked) -> usize {
        let number = self.calls.len();
        self.keys[asked.key].calls.push(number);
        self.calls.push(Call {
            asked,
            attempt: None,
        });
        number
    }

    /// The gateway has it, whole.
    pub fn arrives(&mut self, call: usize, attempt: AttemptId, now: u64) {
        let number = self.attempts.len();
        self.by_id.insert(*attempt.as_bytes(), number);
        self.calls[call].attempt = Some(number);
        self.keys[self.calls[call].asked.key].attempts.push(number);
        self.attempts.push(Attempt {
            id: attempt,
            call,
            arrived: now,
            lives: 0,
            begun: None,
            permit: None,
            calling: false,
            called: false,
            may_release: false,
            released: None,
            release_came: None,
            unguarded: false,
            without_ledger: false,
            remembered: false,
        });
    }

    /// Its `begin` arrives at a shard, for the first time or once more.
    pub fn begin_arrives(&mut self, attempt: AttemptId, now: u64) {
        if let Some(number) = self.by_id.get(attempt.as_bytes()) {
            self.attempts[*number].begun = Some(now);
        }
    }

    /// Its release arrives at a shard, for the first time or once more.
    pub fn release_arrives(&mut self, attempt: AttemptId, now: u64) {
        if let Some(number) = self.by_id.get(attempt.as_bytes()) {
            self.attempts[*number].release_came = Some(now);
        }
    }

    /// It has a permit, good until then.
    pub fn permitted(&mut self, attempt: AttemptId, now: u64, until: u64) {
        let Some(number) = self.by_id.get(attempt.as_bytes()).copied() else {
            return;
        };
        // A permit that comes when its time is over is none (rule 6.4).
        let other = self
            .others(number)
            .find(|other| now < until && self.has_permit(*other, now));
        if let Some(other) = other {
            let what = format!(
                "attempt {} of call {} has one",
                self.name(other),
                self.attempts[other].call
            );
            self.breaks(Promise::OnePermit, number, now, what);
        }
        self.attempts[number].permit = Some(until);
    }

    /// It runs without a claim.
    pub fn unguarded(&mut self, attempt: AttemptId) {
        if let Some(number) = self.by_id.get(attempt.as_bytes()).copied() {
            self.attempts[number].unguarded = true;
            if !self.route_of(number).unguarded {
                self.breaks(
                    Promise::GuardedUnlessSaidSo,
                    number,
                    0,
                    "no such contract".to_owned(),
                );
            }
        }
    }

    /// It answers from KV alone.
    pub fn without_ledger(&mut self, attempt: AttemptId) {
        if let Some(number) = self.by_id.get(attempt.as_bytes()) {
            self.attempts[*number].without_ledger = true;
        }
    }

    /// It answers from the memory of its isolate.
    pub fn remembers(&mut self, attempt: AttemptId) {
        if let Some(number) = self.by_id.get(attempt.as_bytes()) {
            self.attempts[*number].remembered = true;
        }
    }

    /// Somebody asks a shard to release it.
    pub fn releases(&mut self, attempt: AttemptId, now: u64) {
        let Some(number) = self.by_id.get(attempt.as_bytes()).copied() else {
            return;
        };
        let one = &self.attempts[number];
        let probed = self.route_of(number).lease_over == LeaseOver::Probe && self.never_ran(number);
        let over = one.arrived + self.route_of(number).retention_ms() <= now + self.early_ms;
        if one.called && !one.may_release && !probed && !over {
            self.breaks(
                Promise::ReleasedForAReason,
                number,
                now,
                "it may have run".to_owned(),
            );
        }
        self.attempts[number].released = Some(now);
    }

    /// The API executes: for which call, in whose name.
    pub fn executes(&mut self, call: Option<usize>, attempt: Option<&str>, now: u64) -> usize {
        let number = self.executions.len();
        let Some(call) = call.filter(|call| *call < self.calls.len()) else {
            self.violate(
                Promise::ExecutedForACall,
                None,
                now,
                "nobody asked for it".to_owned(),
            );
            return number;
        };
        let made = self.calls[call].attempt;
        self.executions.push(Execution {
            call,
            attempt: made,
            at: now,
            answered: None,
            status_body: None,
            told: None,
            replayed: false,
        });
        if !self.calls[call].asked.guarded {
            return number;
        }
        let named = made.map(|made| self.attempts[made].id.to_hex());
        let Some(made) = made.filter(|_| named.as_deref() == attempt) else {
            self.violate(
                Promise::ExecutedForACall,
                None,
                now,
                format!("not by call {call}"),
            );
            return number;
        };
        if !self.attempts[made].unguarded {
            self.judge_execution(number, made, now);
            let key = self.calls[call].asked.key;
            self.keys[key].executions.push(number);
        }
        number
    }

    /// The API ends an execution with that answer, whether or not anybody waits for it.
    pub fn answers(&mut self, execution: usize, answered: Answered) {
        self.executions[execution].answered = Some(answered);
    }

    /// The API says that of an execution when it is asked.
    pub fn status_told(&mut self, execution: usize, body: &[u8]) {
        self.executions[execution].status_body = Some(body.to_vec());
    }

    fn name(&self, attempt: usize) -> String {
        short(self.attempts[attempt].id.to_hex())
    }

    fn breaks(&mut self, promise: Promise, attempt: usize, now: u64, what: String) {
        let call = self.attempts[attempt].call;
        let what = format!("attempt {} of call {call}: {what}", self.name(attempt));
        self.violate(promise, Some(self.calls[call].asked.key), now, what);
    }

    fn violate(&mut self, promise: Promise, key: Option<usize>, at: u64, what: String) {
        self.violation.get_or_insert(Violation {
            promise,
            key,
            at,
            what,
        });
    }
}
