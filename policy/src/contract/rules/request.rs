//! What a contract says about the request: its key, its caller, and what makes two requests the same.

use crate::contract::{FingerprintPart, Pattern, ScopePart};

/// The idempotency key: `[key]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRules {
    /// The header that carries it, in lower case (K1; rule 2.1).
    pub header: String,
    /// Other names of that header, in lower case (K1; rule 2.7).
    pub aliases: Vec<String>,
    /// The JSON pointer (RFC 6901) to a key in the body, where one may stand there (K1; rule 2.15).
    pub body: Option<String>,
    /// The forms that are taken in a header (K2; rule 2.3).
    pub syntax: KeySyntax,
    /// The least length after unquoting, at least 1 (K3; rule 2.6).
    pub min: usize,
    /// The greatest length after unquoting, at most 1024 (K3; rule 2.6).
    pub max: usize,
    /// What `min` and `max` count (K3).
    pub unit: LengthUnit,
    /// What every key must match as a whole (K2).
    pub pattern: Option<Pattern>,
    /// What becomes of a value that is no key (K4; rules 2.2 to 2.5).
    pub malformed: Malformed,
    /// What becomes of a request without a key (K5; rule 2.1).
    pub missing: Missing,
    /// Whether every answer to a guarded request carries the key.
    pub echo: bool,
    /// The header, in lower case, with the HTTP date at which the client first sent this operation.
    pub first_sent: Option<String>,
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

/// What becomes of a value that is no key: empty, malformed, or not of the pattern (K4; rule 2.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Refused with 400.
    Refuse,
    /// Taken as no key at all.
    Absent,
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
    /// What becomes of a caller who shows none of the credentials among the parts (S2; rule 3.2).
    pub anonymous: Anonymous,
}

impl ScopeRules {
    /// Whether a claim of a token tells callers apart, which is anybody's word until the origin has taken the token.
    pub fn names_a_claim(&self) -> bool {
        let claim = |part: &ScopePart| matches!(part, ScopePart::Claim(_));
        self.parts.iter().any(claim)
    }
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
    /// JSON pointers (RFC 6901) to members of a JSON body that do not count (F2).
    pub exclude: Vec<String>,
}
