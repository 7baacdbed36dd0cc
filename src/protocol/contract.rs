//! What an API publishes about its idempotency, as data (rule 10.4; `docs/reference/configuration.md`).
//!
//! The types here are what the rest of the protocol reads: resolved, checked, every value there. Each field names its axis
//! (`K1` to `D3`). An enum with a single variant is an axis of which this version implements one value; its other values
//! are known to the reader, and refused by it (rule 10.2).
//!
//! `build.rs` compiles this same module, so a file that builds is a file that the Worker can read. It therefore depends on
//! nothing else of the crate.

mod answer;
mod headers;
mod outcome;
mod parts;
mod problem;
mod read;
mod request;
mod section;
mod source;

pub use headers::{HOP_BY_HOP, RESERVED};
pub use outcome::{Outcome, OutcomeTable};
pub use parts::{FingerprintPart, ScopePart};
pub use problem::{Problem, Problems};

pub(crate) use problem::{Report, nearest, one_of};
pub(crate) use read::{CONTRACT_FIELDS, read};
pub(crate) use section::{Layer, Located, Section};
pub(crate) use source::Source;

/// A contract, or a contract with the overrides of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// The name by which routes call it: its file's name without `.toml`.
    pub name: String,
    /// The document that it follows.
    pub source: String,
    /// Where the key is, and what it looks like (K1 to K5).
    pub key: KeyRules,
    /// The methods that it covers, in upper case (M1). A key on another method is ignored.
    pub methods: Vec<String>,
    /// Who is asking (S1, S2).
    pub scope: ScopeRules,
    /// What makes two requests the same (F1, F2).
    pub fingerprint: FingerprintRules,
    /// The answer to a key that comes back with another request (F3, F4).
    pub mismatch: MismatchRules,
    /// The answer while the first attempt runs (I1, I2).
    pub running: RunningRules,
    /// What follows when nobody knows whether the operation ran (I3).
    pub unknown: UnknownRules,
    /// What becomes of the claim, by what happened at the origin (O1 to O3).
    pub outcome: OutcomeTable,
    /// What a replay looks like (R1 to R5).
    pub replay: ReplayRules,
    /// Who is asked before a replay (A1).
    pub authority: Authority,
    /// How long a claim is kept (T1, T3).
    pub retention: RetentionRules,
    /// The form of the gateway's own errors (E1).
    pub errors: ErrorTemplate,
    /// What the gateway itself does (D1 to D3).
    pub gateway: GatewayRules,
}

impl Contract {
    /// Reads and checks one contract file by itself.
    ///
    /// # Errors
    /// Everything that is wrong with it, located in `contracts/NAME.toml`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let report = Report::default();
        let source = Source::parse(&contract_label(name), text, &report);
        let contract = source.map(|source| read_source(name, &source, &report));
        report.finish(contract)
    }
}

/// How errors call the file of a contract.
pub(crate) fn contract_label(name: &str) -> String {
    format!("contracts/{name}.toml")
}

/// Reads one contract file by itself.
pub(crate) fn read_source(name: &str, source: &Source<'_>, report: &Report) -> Contract {
    let layer = Layer {
        source,
        table: source.document(),
        offset: 0,
        rank: 0,
    };
    let top = Section::top(vec![layer], source.place(0, 0), report);
    if !is_name(name) {
        let mend = "use lower-case letters, digits and hyphens; \"none\" is taken";
        top.refuse(
            "",
            top.home(),
            format!("{name:?} is no name for a contract"),
            mend,
        );
    }
    let contract = read(name, &top);
    top.end();
    contract
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name != "none" && name.bytes().all(plain)
}

/// The idempotency key: `[key]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRules {
    /// The header that carries it, in lower case (K1; rule 2.1).
    pub header: String,
    /// Other names of that header, in lower case (K1; rule 2.7).
    pub aliases: Vec<String>,
    /// The forms that are taken (K2; rule 2.3).
    pub syntax: KeySyntax,
    /// The least length after unquoting, at least 1 (K3; rule 2.6).
    pub min: usize,
    /// The greatest length after unquoting, at most 1024 (K3; rule 2.6).
    pub max: usize,
    /// What `min` and `max` count (K3).
    pub unit: LengthUnit,
    /// What becomes of a value that is no key (K4; rules 2.2 to 2.5).
    pub malformed: Malformed,
    /// What becomes of a request without a key (K5; rule 2.1).
    pub missing: Missing,
}

/// The forms in which a key is taken (K2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySyntax {
    /// The value as it stands, quotes included.
    Raw,
    /// A structured-field string (RFC 9651 §3.3.3) only.
    Quoted,
    /// Both; the quoted and the bare form of one value are one key.
    Either,
}

/// What the length of a key counts (K3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthUnit {
    /// Characters.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
}

/// What becomes of a value that is malformed, empty or there twice (K4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Refused with 400.
    Refuse,
}

/// What becomes of a request without a key (K5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It passes through, unguarded.
    Pass,
    /// It is refused with 400.
    Refuse,
}

/// Who is asking: `[scope]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRules {
    /// What tells callers apart; never empty (S1; rule 3.1).
    pub parts: Vec<ScopePart>,
    /// What becomes of a caller who shows none of the headers among the parts (S2; rule 3.2).
    pub anonymous: Anonymous,
}

/// What becomes of a keyed request without any credential (S2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    /// All such callers share a scope of their own.
    Own,
    /// It is refused.
    Refuse,
    /// Its key is ignored: it passes through.
    Ignore,
}

/// What makes two requests the same: `[fingerprint]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FingerprintRules {
    /// Whether requests are compared at all (F1).
    pub compare: bool,
    /// What is compared (F2; rule 4.1). Empty exactly when `compare` is false.
    pub parts: Vec<FingerprintPart>,
}

/// The answer to a known key with another request: `[mismatch]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MismatchRules {
    /// Its status, 400 to 599 (F3).
    pub status: u16,
    /// What the client is told to do (F3).
    pub retry: MismatchRetry,
    /// Which answer wins while the first attempt still runs (F4; rule 5.2).
    pub while_running: WhileRunning,
}

/// The advice in a mismatch (F3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MismatchRetry {
    /// Send this request again under a new key: it is another operation.
    NewKey,
    /// Do not send it again: a key that comes back changed is a defect of the client.
    Never,
}

/// Which answer wins when the first attempt runs and the request is another one (F4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhileRunning {
    /// The mismatch.
    MismatchFirst,
}

/// The answer while the first attempt runs: `[running]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningRules {
    /// Whether a second request is answered at once (I1).
    pub answer: RunningAnswer,
    /// The status of that answer, 400 to 599 (I1).
    pub status: u16,
    /// Its `Retry-After` in seconds, 1 to 60 (I2): clients ignore greater values.
    pub retry_after_s: u32,
}

/// How a second request is treated while the first runs (I1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningAnswer {
    /// It is refused at once.
    Refuse,
}

/// What follows when nobody knows whether the operation ran: `[unknown]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRules {
    /// The status of that answer, 400 to 599 (I3).
    pub status: u16,
    /// What becomes of a claim whose lease is over (I3; rule 5.6).
    pub lease_over: LeaseOver,
}

/// What becomes of a claim whose lease is over without a result (I3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOver {
    /// It stays, as unknown, until it expires.
    Hold,
}

/// What a replay looks like: `[replay]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRules {
    /// Its status (R1).
    pub status: ReplayStatus,
    /// Headers that are not recorded, in lower case; a final `*` stands for any rest (R3; rule 8.7).
    pub deny: Vec<String>,
    /// How a replay is told from a first answer (R4; rule 9.3).
    pub marker: Marker,
    /// What a replay carries as `X-Request-ID` (R5; rule 9.6).
    pub request_id: RequestId,
}

impl ReplayRules {
    /// Whether the header `name` (lower case) stays out of the record (rule 8.7).
    pub fn denies(&self, name: &str) -> bool {
        self.deny
            .iter()
            .any(|denied| match denied.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == denied,
            })
    }
}

/// The status of a replay (R1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayStatus {
    /// That of the first answer.
    Same,
}

/// The header that marks a replay (R4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Its name, in lower case.
    pub header: String,
    /// Its value on a replay.
    pub value: String,
    /// Its value on a first answer; `None` leaves the header out.
    pub first: Option<String>,
}

/// What a replay carries as `X-Request-ID` (R5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestId {
    /// A new one; the first answer's is in `Idempotency-Original-Request-ID`.
    Fresh,
    /// That of the first answer.
    Verbatim,
}

/// Who is asked before a replay (A1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Nobody: the scope alone decides.
    None,
}

/// How long a claim is kept: `[retention]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRules {
    /// Milliseconds, a minute to 30 days (T1).
    pub ms: u64,
    /// Where they begin (T1; rule 5.8).
    pub from: RetentionFrom,
    /// What a key is after that (T3; rule 5.7).
    pub after: AfterExpiry,
}

/// Where the retention begins (T1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionFrom {
    /// When the key was first seen.
    FirstSight,
    /// When the operation was done.
    Completion,
}

/// What a key is once its claim has expired (T3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterExpiry {
    /// New.
    New,
}

/// The form of the gateway's own errors (E1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorTemplate {
    /// `application/problem+json` (RFC 9457).
    ProblemJson,
}

/// What the gateway itself does: `[gateway]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayRules {
    /// When the ledger cannot be reached (D1).
    pub ledger_down: LedgerDown,
    /// What the origin sees of the key (D2; rule 6.3).
    pub key_to_origin: KeyToOrigin,
    /// Whether answers carry `Idempotency-Status` and `Idempotency-Expires` (D3; rule 9.4).
    pub signals: Signals,
}

/// When the ledger cannot be reached (D1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerDown {
    /// 503 with `Retry-After`; a matching record in KV is replayed.
    Refuse,
}

/// What the origin sees of the key (D2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyToOrigin {
    /// The header as the client sent it.
    AsItCame,
}

/// Whether the gateway says what it did (D3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signals {
    /// On every answer to a guarded request.
    On,
}
