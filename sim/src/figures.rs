//! What was done how often: a run that exercises nothing has to be seen.

use crate::faults::Fault;
use crate::oracle::Saw;
use reprise::protocol::claim::Begun;
use reprise::protocol::outcome::{Ends, Happened, Probed};
use reprise::protocol::verdict::Verdict;
use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// Of one run, or of many.
#[derive(Default)]
pub struct Figures {
    /// Runs.
    pub seeds: u64,
    /// Requests that clients have sent.
    pub requests: u64,
    /// Keys of callers that they were sent with.
    pub keys: u64,
    /// How often the API has executed.
    pub executions: u64,
    /// Requests that were passed, refused from their head, and guarded.
    pub decisions: [u64; 3],
    /// Isolates that got another version.
    pub deployments: u64,
    /// Rows that were swept.
    pub swept: u64,
    /// Answers that were adopted from KV.
    pub adopted: u64,
    /// Answers that were replayed without the ledger.
    pub without_ledger: u64,
    /// Virtual time, seconds.
    pub virtual_s: u64,
    faults: Vec<u64>,
    /// Everything else, by what it is and by its kind.
    kinds: BTreeMap<(&'static str, &'static str), u64>,
}

impl Figures {
    /// A fault has happened.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.resize(Fault::ALL.len(), 0);
        self.faults[fault as usize] += 1;
    }

    /// How often that fault has happened.
    pub fn of_fault(&self, fault: Fault) -> u64 {
        self.faults.get(fault as usize).copied().unwrap_or_default()
    }

    /// A shard has answered a `begin`.
    pub fn begun(&mut self, begun: &Begun, waited: bool) {
        let kind = match begun {
            Begun::Execute { .. } => "execute",
            Begun::Done { .. } => "done",
            Begun::Running { .. } => "running",
            Begun::Mismatch { .. } => "mismatch",
            Begun::Unknown { .. } => "unknown",
            Begun::Expired { .. } => "expired",
            Begun::BodyNeeded => "body needed",
            Begun::TooManyKeys { .. } => "too many keys",
        };
        self.count(BEGUN, kind);
        if waited {
            self.count(WAITED, kind);
        }
    }

    /// A Worker tells what is known.
    pub fn verdict(&mut self, verdict: &Verdict) {
        let kind = match verdict {
            Verdict::Execute(_) => "execute",
            Verdict::Replay(_) => "replay",
            Verdict::Mismatch(_) => "mismatch",
            Verdict::BodyNeeded => "body needed",
            Verdict::Refuse(_) => "refuse",
        };
        self.count(VERDICT, kind);
    }

    /// An isolate tells what it remembers.
    pub fn remembered(&mut self, known: &Verdict) {
        self.count(
            REMEMBERED,
            match known {
                Verdict::Replay(_) => "replay",
                _ => "mismatch",
            },
        );
    }

    /// A call has ended, and so does its attempt.
    pub fn ends(&mut self, happened: Happened, ends: Ends) {
        self.count(VERDICT, "execute");
        let kind = match happened {
            Happened::NotSent => "not sent",
            Happened::UploadCut => "upload cut",
            Happened::NoAnswer => "no answer",
            Happened::Deadline => "deadline",
            Happened::BrokenOff => "broken off",
            Happened::EdgeMade(_) => "a page of the edge",
            Happened::Answer(_) => "an answer",
        };
        self.count(HAPPENED, kind);
        let kind = match ends {
            Ends::Store => "store",
            Ends::StoreHead(_) => "store without body",
            Ends::Release => "release",
            Ends::Hold => "hold",
        };
        self.count(ENDS, kind);
    }

    /// The API was asked whether it happened.
    pub fn probed(&mut self, probed: Probed) {
        let kind = match probed {
            Probed::Happened => "happened",
            Probed::NeverHappened => "never happened",
            Probed::Unclear => "unclear",
        };
        self.count(PROBED, kind);
    }

    /// A client was told something, or nothing.
    pub fn saw(&mut self, saw: Option<Saw>) {
        let kind = match saw {
            None => "nothing",
            Some(Saw::Fresh) => "fresh",
            Some(Saw::Released) => "fresh, released",
            Some(Saw::Replayed) => "replayed",
            Some(Saw::Unguarded) => "unguarded",
            Some(Saw::Passed) => "passed",
            Some(Saw::Refused(code)) => code.row().code,
        };
        self.count(TOLD, kind);
    }

    /// How often that kind of thing was of that kind.
    pub fn of(&self, what: &'static str, kind: &'static str) -> u64 {
        self.kinds.get(&(what, kind)).copied().unwrap_or_default()
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.requests += other.requests;
        self.keys += other.keys;
        self.executions += other.executions;
        self.deployments += other.deployments;
        self.swept += other.swept;
        self.adopted += other.adopted;
        self.without_ledger += other.without_ledger;
        self.virtual_s += other.virtual_s;
        for (sum, more) in self.decisions.iter_mut().zip(other.decisions) {
            *sum += more;
        }
        self.faults.resize(Fault::ALL.len(), 0);
        for (sum, more) in self.faults.iter_mut().zip(&other.faults) {
            *sum += more;
        }
        for (kind, more) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += more;
        }
    }

    fn count(&mut self, what: &'static str, kind: &'static str) {
        *self.kinds.entry((what, kind)).or_default() += 1;
    }
}

/// What a shard has answered.
pub const BEGUN: &str = "begun";
/// What it has answered to whom had waited.
pub const WAITED: &str = "begun, after waiting";
/// What followed.
pub const VERDICT: &str = "verdict";
/// What an isolate told from its memory.
pub const REMEMBERED: &str = "remembered";
/// What became of a call to the API.
pub const HAPPENED: &str = "the call";
/// How an attempt ended.
pub const ENDS: &str = "the attempt";
/// What the API said of what was unknown.
pub const PROBED: &str = "asked whether it happened";
/// What a client was told.
pub const TOLD: &str = "told";

impl Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [passed, refused, guarded] = self.decisions;
        writeln!(
            f,
            "{:>13} seeds, {} s of virtual time",
            self.seeds, self.virtual_s
        )?;
        writeln!(
            f,
            "{:>13} requests with {} keys: {guarded} guarded, {refused} refused from the head, {passed} passed",
            self.requests, self.keys
        )?;
        writeln!(f, "{:>13} executions by the API", self.executions)?;
        writeln!(
            f,
            "{:>13} answers adopted from KV, {} replayed without the ledger",
            self.adopted, self.without_ledger
        )?;
        writeln!(
            f,
            "{:>13} versions deployed to an isolate, {} rows swept",
            self.deployments, self.swept
        )?;
        for ((what, kind), times) in &self.kinds {
            writeln!(f, "{times:>13} {what}: {kind}")?;
        }
        for fault in Fault::ALL {
            writeln!(f, "{:>13} fault: {}", self.of_fault(*fault), fault.name())?;
        }
        Ok(())
    }
}
