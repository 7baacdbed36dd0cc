//! What is kept of an answer (docs/protocol.md §8).

use super::bytes;
use super::claim::{AttemptId, ClaimId};
use super::contract::{Contract, LeaseOver, RESERVED, ReplayRules};
use super::fingerprint::Fingerprint;
use super::headers::{Headers, ends_line};
use super::time::Time;
use super::wire::Unreadable;
use serde::{Deserialize, Serialize};

/// The largest value that Workers KV takes, bytes (platform limit), less the room for a record's head.
pub const KV_BODY_LIMIT: usize = 25 * 1024 * 1024 - HEAD_LIMIT;

/// No origin sends more header bytes than this through the platform (128 KiB); a record's head adds little to them.
const HEAD_LIMIT: usize = 256 * 1024;

/// An outcome that can be given again. The first answer and every replay are built from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose outcome it is.
    pub claim: ClaimId,
    /// Who executed.
    pub attempt: AttemptId,
    /// What was asked for.
    pub fingerprint: Fingerprint,
    /// The origin's status.
    pub status: u16,
    /// The origin's headers, as far as they are kept.
    pub headers: Headers,
    /// The origin's `Date` and `X-Request-ID`, which a replay shows under other names (rule 9.6).
    pub origin: Provenance,
    /// When the claim was first seen.
    pub first_seen: Time,
    /// When the answer was complete.
    pub completed: Time,
    /// From when on there is no record.
    pub expires_at: Time,
    /// Where the body is.
    pub body: Place,
}

/// What tells a replay apart from the answer that it repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The `Date` of the answer.
    pub date: Option<String>,
    /// The `X-Request-ID` of the answer.
    pub request_id: Option<String>,
}

/// Where the body of a record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// In the record.
    Inline(#[serde(with = "serde_bytes")] Vec<u8>),
    /// In KV, behind a copy of this record; so many bytes.
    Kv(u64),
    /// Nowhere.
    NotKept(Unkept),
    /// In R2, under a name of its own; so many bytes (rule 8.16).
    R2(u64),
}

/// Why a body is not kept: what a retry is told must be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unkept {
    /// It is larger than anything here takes (rule 8.2).
    TooLarge,
    /// It could not be written (rule 8.5).
    NotWritten,
    /// The contract does not let it be kept (O2); its headers are not kept either.
    Withheld,
}

/// The versions in which records lie in ledgers and KV. A variant is never changed, only added: its number is the first byte.
#[derive(Serialize, Deserialize)]
enum Stored<R> {
    V1(R),
}

impl Record {
    /// In bytes, as the ledger's row holds it. In KV, the body follows.
    ///
    /// # Errors
    /// Never for a record; the type says so because the encoder does.
    pub fn encode(&self) -> Result<Vec<u8>, Unreadable> {
        bytes::encode(&Stored::V1(self)).map_err(|_| Unreadable)
    }

    /// The record that `bytes` begin with, and the bytes after it.
    ///
    /// # Errors
    /// [`Unreadable`] for a version that this code does not know, and for damaged bytes (rule 8.1).
    pub fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), Unreadable> {
        let (Stored::V1(record), rest): (Stored<Self>, _) =
            postcard::take_from_bytes(bytes).map_err(|_| Unreadable)?;
        if record.can_be_sent() {
            Ok((record, rest))
        } else {
            Err(Unreadable)
        }
    }

    /// Whether an answer can be built from it: the runtime throws at any other status, name or value.
    fn can_be_sent(&self) -> bool {
        let origin = [&self.origin.date, &self.origin.request_id];
        (200..=599).contains(&self.status)
            && self.headers.can_be_sent()
            && !origin.into_iter().flatten().any(|value| ends_line(value))
    }
}

impl Record {
    /// Whether it may answer a request with this `fingerprint` at `now`, as far as it says so itself: where it came from is to be
    /// judged by whoever has it.
    pub fn may_answer(&self, fingerprint: Fingerprint, now: Time) -> bool {
        self.fingerprint == fingerprint && now < self.expires_at
    }

    /// As it may answer from KV at `now` without the ledger; `None` where it may not (rule 8.14). An inline record is copied once the
    /// ledger holds it. A larger one is there before, and may never be settled: it counts where nothing else can become of its claim, which
    /// nobody else may run or ask the origin about, and no longer than a claim that was never settled.
    pub fn without_ledger(self, contract: &Contract, now: Time) -> Option<Self> {
        if let Place::Inline(_) = self.body {
            return Some(self);
        }
        let end = self.first_seen.plus(contract.retention.ms);
        let stands = contract.unknown.lease_over == LeaseOver::Hold && now < end;
        stands.then(|| Self {
            expires_at: self.expires_at.min(end),
            ..self
        })
    }
}

/// The headers of an answer, sorted by what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    /// Kept, and given to every caller.
    pub recorded: Headers,
    /// Given to the first caller only (rule 8.7).
    pub first_only: Headers,
    /// Kept under other names.
    pub origin: Provenance,
}

impl Sorted {
    /// Sorts the headers that the origin sent.
    pub fn new(contract: &Contract, mut headers: Headers) -> Self {
        headers.remove_hop_by_hop();
        remove_reserved(&contract.replay, &mut headers);
        // What the origin says in it is for this gateway (O2).
        headers.retain(|name, _| contract.control_header.as_deref() != Some(name));
        remove_encoding(&mut headers);
        let origin = Provenance {
            date: headers.get("date").map(str::to_owned),
            request_id: headers.get(REQUEST_ID).map(str::to_owned),
        };
        let (first_only, recorded) = headers.partition(|name| contract.replay.denies(name));
        Self {
            recorded,
            first_only,
            origin,
        }
    }
}

impl Sorted {
    /// Of an answer that must not be kept: everything goes to the first caller, and nowhere else (rule 8.9).
    #[must_use]
    pub fn withheld(self) -> Self {
        let mut first_only = self.recorded;
        first_only.extend(&self.first_only);
        Self {
            recorded: Headers::new(),
            first_only,
            origin: Provenance::default(),
        }
    }
}

/// The header that names one HTTP request in logs.
pub const REQUEST_ID: &str = "x-request-id";

/// Removes what nobody but this gateway may say (rule 9.7).
pub fn remove_reserved(rules: &ReplayRules, headers: &mut Headers) {
    headers.retain(|name, _| name != rules.marker.header && !RESERVED.contains(&name));
}

/// Rule 8.6. The runtime decodes exactly these codings; any other body arrives, and is kept, encoded.
fn remove_encoding(headers: &mut Headers) {
    let decoded = matches!(headers.get("content-encoding"), Some("gzip" | "br"));
    headers.retain(|name, _| match name {
        "content-length" => false,
        "content-encoding" | "content-md5" | "content-digest" | "digest" | "repr-digest" => {
            !decoded
        }
        _ => true,
    });
}
