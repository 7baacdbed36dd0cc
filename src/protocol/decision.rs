//! The first decision about a request: pass it, refuse it, or guard it (docs/protocol.md §1 to §3). It is made from the head
//! alone, but for contracts whose key may stand in the body.

use super::claim::{AttemptId, Begin, ClaimId, ScopeId};
use super::contract::{
    AfterExpiry, Anonymous, Contract, KeyRules, LeaseOver, Missing, Pattern, WhileRunning,
};
use super::fingerprint::sketch::sketch;
use super::fingerprint::{Contents, Fingerprint, HeadFingerprint};
use super::first_sent;
use super::key::{Key, KeyFault};
use super::policy::{Policy, Route};
use super::refusal::{Code, Refusal};
use super::request::{Body, Inbound, normalised_path};
use super::scope::{self, Scope};
use super::time::Time;

/// What becomes of a request.
#[derive(Debug)]
pub enum Decision<'p> {
    /// Untouched to the origin.
    Pass,
    /// To the origin like a passed one, although it carries a key: the contract does not take it (rule 1.7).
    Ignore(&'p Contract),
    /// Answered here, before anything is hashed or looked up (rule 2.9).
    Refuse(Refused<'p>),
    /// Executed once.
    Guard(Guarded<'p>),
    /// Open until the body is there (rule 2.15).
    Open(Open<'p>),
}

/// A request whose key may stand in its body.
#[derive(Debug)]
pub struct Open<'p> {
    /// The route that matched.
    pub route: &'p Route,
    /// The route's contract.
    pub contract: &'p Contract,
    /// The key that the headers carry.
    pub key: Option<Key>,
}

/// A request that is answered before it is claimed.
#[derive(Debug)]
pub struct Refused<'p> {
    /// The route that matched.
    pub route: &'p Route,
    /// The route's contract.
    pub contract: &'p Contract,
    /// The key, where it is not itself what is wrong: the refusal carries it too (rule 9.15).
    pub key: Option<Key>,
    /// Why.
    pub refusal: Refusal,
}

/// A request that a claim will stand behind.
#[derive(Debug)]
pub struct Guarded<'p> {
    /// The route that matched.
    pub route: &'p Route,
    /// The route's contract.
    pub contract: &'p Contract,
    /// The key, for the answers that carry it (rule 2.12).
    pub key: Key,
    /// The claim of this caller's key.
    pub claim: ClaimId,
    scope: Scope,
}

impl Guarded<'_> {
    /// Who is asking, whatever the key (rule 3.6).
    pub fn caller(&self) -> ScopeId {
        self.scope.clone().caller()
    }

    /// What the ledger is asked for `attempt`, but for what has to be [read](Self::read) of the request, and for the sketch. `uploads` is
    /// that the body is still on its way, and takes its time (rule 4.22).
    pub fn question(&self, attempt: AttemptId, uploads: bool, wait_ms: u64) -> Begin {
        let contract = self.contract;
        Begin {
            claim: self.claim,
            attempt,
            head: HeadFingerprint::UNREAD,
            fingerprint: None,
            lease_ms: self.route.lease_ms + if uploads { self.route.upload_ms } else { 0 },
            retention_ms: contract.retention.ms,
            scope: ScopeId::UNREAD,
            wait_ms,
            run_again: contract.unknown.lease_over == LeaseOver::RunAgain,
            running_first: contract.mismatch.while_running == WhileRunning::RunningFirst,
            refuse_expired_ms: match contract.retention.after {
                AfterExpiry::New => 0,
                AfterExpiry::Refuse(ms) => ms,
            },
            sketch: Vec::new(),
            tell_record: contract.mismatch.resource.is_some(),
        }
    }

    /// Reads `request`, of whose body `contents` are known, into the question that is asked about it: three digests, which a request that
    /// is remembered does without.
    pub fn read(&self, asked: &mut Begin, request: &Inbound, contents: &Contents) {
        let rules = &self.contract.fingerprint;
        asked.scope = self.caller();
        asked.head = HeadFingerprint::of(rules, request);
        asked.fingerprint = Fingerprint::with(rules, request, contents);
    }

    /// What a mismatch would be explained by, from the body as it was read. The attempt's id is its salt: whoever reads the row
    /// knows it too.
    pub fn sketch(&self, attempt: AttemptId, request: &Inbound, contents: &Contents) -> Vec<u8> {
        let contract = self.contract;
        if !contract.mismatch.explain || !contract.errors.has_room_for_differences() {
            return Vec::new();
        }
        sketch(&contract.fingerprint, attempt.as_bytes(), request, contents)
    }
}

/// Whether a request for this path, as it came, is passed whatever else it says. Its `method` is asked for only where that matters.
pub fn passes(policy: &Policy, path: &str, method: impl FnOnce() -> String) -> bool {
    let path = normalised_path(path);
    if !policy.may_guard(&path) {
        return true;
    }
    let method = method();
    // A preflight tells of another method (rule 9.8).
    let route = policy.route(&method, &path);
    method != "OPTIONS" && route.is_none_or(|route| route.contract.is_none())
}

/// Decides about `request`, which came at `now`. Reads neither body nor storage.
pub fn decide<'p>(policy: &'p Policy, request: &Inbound, now: Time) -> Decision<'p> {
    if request.method == "OPTIONS" || request.headers.has("upgrade") {
        return Decision::Pass;
    }
    let Some(route) = policy.route(&request.method, &request.normalised_path()) else {
        return Decision::Pass;
    };
    let Some(contract) = &route.contract else {
        return Decision::Pass;
    };
    let key = match Key::read(&contract.key, &request.headers) {
        Ok(key) => key,
        Err(fault) => return refuse(route, contract, None, key_fault(contract, fault)),
    };
    match contract.key.body {
        Some(_) => Decision::Open(Open {
            route,
            contract,
            key,
        }),
        None => by_key(route, contract, key, request, now),
    }
}

impl<'p> Open<'p> {
    /// Decides about `request`, now that its whole `body` is there; never [`Decision::Open`].
    pub fn decide(self, request: &Inbound, body: &Body, now: Time) -> Decision<'p> {
        let Self {
            route,
            contract,
            key,
        } = self;
        match Key::read_whole(&contract.key, key, request, body) {
            Ok(key) => by_key(route, contract, key, request, now),
            Err(fault) => refuse(route, contract, None, key_fault(contract, fault)),
        }
    }
}

fn by_key<'p>(
    route: &'p Route,
    contract: &'p Contract,
    key: Option<Key>,
    request: &Inbound,
    now: Time,
) -> Decision<'p> {
    let Some(key) = key else {
        let sent = Key::is_sent(&contract.key, &request.headers);
        return match contract.key.missing {
            Missing::Refuse => refuse(route, contract, None, key_missing(contract)),
            Missing::Pass if sent => Decision::Ignore(contract),
            Missing::Pass => Decision::Pass,
        };
    };
    if scope::is_anonymous(&contract.scope, request) {
        match contract.scope.anonymous {
            Anonymous::Own => {}
            Anonymous::Ignore => return Decision::Ignore(contract),
            Anonymous::Refuse => {
                return refuse(route, contract, Some(key), credential_missing(contract));
            }
        }
    }
    if let Err(refusal) = first_sent::judge(contract, &request.headers, now) {
        return refuse(route, contract, Some(key), refusal);
    }
    let scope = Scope::of(&contract.scope, request, route.template.as_str());
    Decision::Guard(Guarded {
        claim: scope.clone().claim(&key),
        scope,
        key,
        route,
        contract,
    })
}

fn refuse<'p>(
    route: &'p Route,
    contract: &'p Contract,
    key: Option<Key>,
    refusal: Refusal,
) -> Decision<'p> {
    Decision::Refuse(Refused {
        route,
        contract,
        key,
        refusal,
    })
}

fn key_missing(contract: &Contract) -> Refusal {
    let carriers = carriers(&contract.key, "or");
    Refusal::new(
        Code::KeyMissing,
        format!("Send the header {carriers} with a value that is unique to this operation."),
    )
}

/// Where a key may stand, for a refusal.
fn carriers(rules: &KeyRules, and: &str) -> String {
    let header = &rules.header;
    match &rules.body {
        None => format!("`{header}`"),
        Some(pointer) => format!("`{header}` {and} `{pointer}` of the JSON body"),
    }
}

fn key_fault(contract: &Contract, fault: KeyFault) -> Refusal {
    let rules = &contract.key;
    let header = carriers(rules, "or");
    let (code, detail) = match fault {
        KeyFault::Empty => (
            Code::KeyEmpty,
            format!("The header {header} is there but has no value."),
        ),
        KeyFault::Repeated => (
            Code::KeyRepeated,
            format!(
                "The header {header} has several values. Send exactly one; a comma may only stand inside a quoted key."
            ),
        ),
        KeyFault::Malformed(why) => (
            Code::KeyMalformed,
            format!("The value of {header} is not a key: {why}."),
        ),
        KeyFault::TooShort => (
            Code::KeyTooShort,
            format!(
                "The value of {header} is shorter than {}, the least that the contract takes.",
                rules.min
            ),
        ),
        KeyFault::TooLong => (
            Code::KeyTooLong,
            format!(
                "The value of {header} is longer than {}, the most that the contract takes.",
                rules.max
            ),
        ),
        KeyFault::Unmatched => (
            Code::KeyMalformed,
            format!(
                "The value of {header} does not match the contract's pattern `{}`.",
                rules.pattern.as_ref().map_or("", Pattern::as_str)
            ),
        ),
        KeyFault::Conflict => {
            let mut all = vec![carriers(rules, "and")];
            all.extend(rules.aliases.iter().map(|alias| format!("`{alias}`")));
            let all = all.join(" and ");
            (
                Code::KeyConflict,
                format!("{all} carry different keys. Send one of them."),
            )
        }
    };
    Refusal::new(code, detail)
}

fn credential_missing(contract: &Contract) -> Refusal {
    let carriers = carriers(&contract.key, "or");
    Refusal::new(
        Code::CredentialMissing,
        format!("A request with {carriers} must say who is asking: keys belong to a caller."),
    )
}
