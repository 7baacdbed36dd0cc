//! What a contract says about the answer: what a refusal says, what is kept, what a replay carries, for how long.

use crate::contract::{NamePattern, headers};

/// The answer to a known key with another request: `[mismatch]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MismatchRules {
    /// Its status, 400 to 599 (F3).
    pub status: u16,
    /// What the client is told to do (F3).
    pub retry: MismatchRetry,
    /// Which answer wins while the first attempt still runs (F4; rule 5.2).
    pub while_running: WhileRunning,
    /// Whether the refusal lists what differs, where its body has room for it (F3).
    pub explain: bool,
    /// The JSON pointer, in the stored first answer, of what the refusal names as `resource_id`.
    pub resource: Option<String>,
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
    /// That it runs.
    RunningFirst,
}

/// The answer while the first attempt runs: `[running]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningRules {
    /// How long a second request waits for the first before it is refused, milliseconds; 0 refuses it at once (I1).
    pub wait_ms: u64,
    /// The most that a client may ask for with `Prefer: wait` (RFC 7240 §4.3), milliseconds (I1).
    pub wait_cap_ms: u64,
    /// The status of the refusal, 400 to 599 (I1).
    pub status: u16,
    /// Its `Retry-After` in seconds, 1 to 60 (I2): clients ignore greater values.
    pub retry_after_s: u32,
}

/// What follows when nobody knows whether the operation ran: `[unknown]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRules {
    /// The status of that answer, 400 to 599 (I3).
    pub status: u16,
    /// What becomes of a claim whose lease is over (I3; rule 5.6).
    pub lease_over: LeaseOver,
    /// How the origin is asked; there exactly where `lease_over` is [`LeaseOver::Probe`]. `{key}` in its target stands for the key.
    pub probe: Option<Question>,
}

/// A request of the gateway's own to the origin, with the caller's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// `GET` or `HEAD`.
    pub method: String,
    /// Path and query at the origin, beginning with `/`.
    pub target: String,
}

/// What becomes of a claim whose lease is over without a result (I3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOver {
    /// It stays, as unknown, until it expires.
    Hold,
    /// The next request runs it again.
    RunAgain,
    /// The origin is asked whether it happened.
    Probe,
}

/// What is not kept, whatever the outcome of its status: one of `[[outcome.never_store]]` (O2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeverStore {
    /// What it is told by.
    pub test: Test,
    /// What becomes of the claim once the answer is there.
    pub then: NeverThen,
}

/// By what a request or an answer is told that must not be kept (O2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// A parameter of the query has one of the words; with none named, is there.
    Query(NamePattern, Vec<String>),
    /// A field of a form body, urlencoded or multipart, has one of the words.
    Form(NamePattern, Vec<String>),
    /// What the JSON pointer leads to in the request's body has one of the words.
    Json(String, Vec<String>),
    /// A header of the request has one of the words.
    Header(NamePattern, Vec<String>),
    /// The answer has one of these media types (`*+json` stands for every type of that suffix, `text/*` for every text).
    MediaTypeIs(Vec<String>),
    /// The answer has none of these media types.
    MediaTypeIsNot(Vec<String>),
    /// A header of the answer has one of the words.
    AnswerHeader(NamePattern, Vec<String>),
    /// What the JSON pointer leads to in the answer's body has one of the words.
    AnswerJson(String, Vec<String>),
}

/// What becomes of the claim of an answer that is not kept (O2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeverThen {
    /// It is removed: a retry runs again.
    Release,
    /// It stays as done, without headers and body: a retry learns that it ran.
    Spent,
}

/// What a replay looks like: `[replay]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRules {
    /// Its status (R1).
    pub status: ReplayStatus,
    /// Which headers are recorded (R3; rule 8.7).
    pub recorded: Recorded,
    /// How a replay is told from a first answer (R4; rule 9.3).
    pub marker: Marker,
    /// What a replay carries as `X-Request-ID` (R5; rule 9.6).
    pub request_id: RequestId,
}

impl ReplayRules {
    /// Whether the header `name` (lower case) stays out of the record (rule 8.7).
    pub fn denies(&self, name: &str) -> bool {
        let listed = |list: &[NamePattern]| list.iter().any(|pattern| pattern.matches(name));
        match &self.recorded {
            Recorded::AllBut(deny) => listed(deny),
            // Without its media type and its place, an answer is not the same answer.
            Recorded::Only(allow) => !listed(allow) && !headers::OF_THE_BODY.contains(&name),
        }
    }
}

/// Which headers of an answer are recorded (R3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// All but these.
    AllBut(Vec<NamePattern>),
    /// Only these, and what describes the body.
    Only(Vec<NamePattern>),
}

/// The status of a replay (R1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayStatus {
    /// That of the first answer.
    Same,
    /// Another one, for the statuses in this list.
    Mapped(Vec<(u16, u16)>),
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

/// Who is asked before anything is told about a claim: `[authority]` (A1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorityRules {
    /// Nobody: the scope alone decides.
    None,
    /// The origin: this request, with the caller's headers, must not be answered with 401 or 403.
    Origin(Question),
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
    /// Refused, for so many milliseconds more.
    Refuse(u64),
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
    /// The origin is called without a claim: the operation may run twice.
    RunUnguarded,
}

/// What the origin sees of the key (D2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyToOrigin {
    /// The header as the client sent it.
    AsItCame,
    /// A key derived from the claim, which tells callers apart.
    Derived,
    /// Nothing.
    Removed,
}

/// Whether the gateway says what it did (D3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signals {
    /// On every answer to a guarded request.
    On,
    /// On none.
    Off,
}
