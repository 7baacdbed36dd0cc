//! Claims that were seen done a moment ago: a retry that follows at once need not ask the ledger (rule 8.17).
//!
//! What is done stays as it is until it expires, so this is never wrong about what it knows; and of a key that is new, or runs, it
//! knows nothing. It is bounded in bytes, and believed for a short time only.

use super::claim::{self, AttemptId, Begin, Begun, Claim, ClaimId, Ending, State};
use super::fingerprint::exact::{Exact, Whole};
use super::fingerprint::{Fingerprint, Print};
use super::record::Record;
use super::refusal::Refusal;
use super::time::Time;
use super::verdict::Verdict;
use std::collections::{HashMap, VecDeque};

/// How long a claim is believed of which the ledger has not been heard, milliseconds: an operator may have removed it.
pub const BELIEVED_MS: u64 = 10_000;

/// What a claim takes besides its record and its sketch, about, bytes.
const OVERHEAD: usize = 512;

/// The claims that one isolate has seen done.
#[derive(Debug, Default)]
pub struct Recent {
    /// The most that all claims take, bytes; 0 remembers nothing.
    most: usize,
    bytes: usize,
    claims: HashMap<ClaimId, Seen>,
    /// The oldest first.
    order: VecDeque<ClaimId>,
}

#[derive(Debug)]
struct Seen {
    claim: Claim,
    /// Whether the claim's sketch is known: without it, a mismatch could not be explained as the ledger's is.
    sketched: bool,
    /// When the ledger was last heard of it, by the clock here, and what time it was there.
    at: Time,
    there: Time,
    /// The request that has last been the same as the first one, and one that was not, each with what it was told.
    same: Option<(Exact, Record)>,
    other: Option<(Exact, Refusal)>,
}

impl Seen {
    /// What time it is there; `None` once too long ago. A clock that was set back says nothing of how long ago that was.
    fn there(&self, now: Time) -> Option<Time> {
        let age_ms = now.since(self.at);
        (now >= self.at && age_ms < BELIEVED_MS).then(|| self.there.plus(age_ms))
    }

    fn record(&self) -> Option<&[u8]> {
        match &self.claim.state {
            State::Done(record) => Some(record),
            State::Running | State::Unknown => None,
        }
    }

    fn bytes(&self) -> usize {
        let record = self.record().map_or(0, <[u8]>::len);
        let same = self.same.as_ref();
        let same = same.map_or(0, |(exact, _)| exact.bytes() + record);
        let other = self
            .other
            .as_ref()
            .map_or(0, |(exact, _)| exact.bytes() + OVERHEAD);
        record + self.claim.sketch.len() + same + other + OVERHEAD
    }
}

impl Recent {
    /// Of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// What the ledger would answer to `event`, where that is known at `now`.
    pub fn answer(&self, event: &Begin, now: Time) -> Option<Begun> {
        let seen = self.claims.get(&event.claim)?;
        match claim::peek(Some(&seen.claim), event, seen.there(now)?)? {
            done @ Begun::Done { .. } => Some(done),
            mismatch @ Begun::Mismatch { .. } if seen.sketched => Some(mismatch),
            _ => None,
        }
    }

    /// What `request` would be told of `claim` where it has come before, to the byte: it need not be read for it.
    pub fn recall(&self, claim: ClaimId, request: Whole<'_>, now: Time) -> Option<Verdict> {
        let seen = self.claims.get(&claim)?;
        if seen.there(now)? >= seen.claim.expires_at {
            return None;
        }
        let is = |exact: &Exact| exact.is(request);
        match (&seen.same, &seen.other) {
            (Some((same, record)), _) if is(same) => Some(Verdict::Replay(record.clone())),
            (_, Some((other, refusal))) if is(other) => Some(Verdict::Refuse(refusal.clone())),
            _ => None,
        }
    }

    /// What a request was told of a claim that is remembered.
    pub fn told(
        &mut self,
        claim: ClaimId,
        attempt: AttemptId,
        request: Whole<'_>,
        refusal: Option<Refusal>,
    ) {
        let most = self.most / 8;
        let same = |seen: &&mut Seen| seen.claim.attempt == attempt;
        let Some(seen) = self.claims.get_mut(&claim).filter(same) else {
            return;
        };
        let Some(exact) = Exact::within(most, request) else {
            return;
        };
        self.bytes -= seen.bytes();
        match refusal {
            None => {
                let record = seen.record().and_then(|bytes| Record::decode(bytes).ok());
                seen.same = record.map(|(record, _)| (exact, record));
            }
            Some(refusal) => seen.other = Some((exact, refusal)),
        }
        self.bytes += seen.bytes();
        self.make_room();
    }

    /// The ledger has answered `begun` to `event`, when it was `now` here and `there` in the ledger.
    pub fn heard(&mut self, event: &Begin, begun: &Begun, now: Time, there: Time) {
        match begun {
            Begun::Done {
                attempt,
                expires_at,
                record,
            } => {
                let known = self
                    .heard_again(event.claim, *attempt, now, there)
                    .is_some();
                if let (false, Some(fingerprint)) = (known, event.fingerprint) {
                    let claim = done(*attempt, fingerprint, record.clone(), *expires_at);
                    self.keep(event.claim, claim, false, now, there);
                }
            }
            Begun::Mismatch {
                attempt, sketch, ..
            } => {
                if let Some(seen) = self.heard_again(event.claim, *attempt, now, there)
                    && !seen.sketched
                {
                    seen.sketched = true;
                    seen.claim.sketch.clone_from(sketch);
                    self.bytes += sketch.len();
                    self.make_room();
                }
            }
            _ => self.forget(event.claim),
        }
    }

    /// The ledger has recorded this `ending` of `attempt`, whose `sketch` stands in the row, if that is known.
    pub fn settled(
        &mut self,
        claim: ClaimId,
        attempt: AttemptId,
        sketch: Option<&[u8]>,
        ending: Ending,
        now: Time,
        there: Time,
    ) {
        let Ending::Store {
            record,
            expires_at,
            fingerprint,
        } = ending
        else {
            return self.forget(claim);
        };
        let mut row = done(attempt, fingerprint, record, expires_at);
        row.sketch = sketch.unwrap_or_default().to_vec();
        self.keep(claim, row, sketch.is_some(), now, there);
    }

    /// Nothing is known of this claim any more.
    pub fn forget(&mut self, claim: ClaimId) {
        if self.remove(claim) {
            self.order.retain(|other| *other != claim);
        }
    }

    fn heard_again(
        &mut self,
        claim: ClaimId,
        attempt: AttemptId,
        now: Time,
        there: Time,
    ) -> Option<&mut Seen> {
        let same = |seen: &&mut Seen| seen.claim.attempt == attempt;
        let seen = self.claims.get_mut(&claim).filter(same)?;
        (seen.at, seen.there) = (now, there);
        Some(seen)
    }

    fn keep(&mut self, id: ClaimId, claim: Claim, sketched: bool, now: Time, there: Time) {
        let seen = Seen {
            claim,
            sketched,
            at: now,
            there,
            same: None,
            other: None,
        };
        self.forget(id);
        // One large answer shall not put all others out.
        if seen.bytes() > self.most / 8 {
            return;
        }
        self.bytes += seen.bytes();
        self.claims.insert(id, seen);
        self.order.push_back(id);
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.bytes > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, claim: ClaimId) -> bool {
        let removed = self.claims.remove(&claim);
        self.bytes -= removed.as_ref().map_or(0, Seen::bytes);
        removed.is_some()
    }
}

/// As the ledger has it, as far as that says something about what is done.
fn done(attempt: AttemptId, fingerprint: Fingerprint, record: Vec<u8>, expires_at: Time) -> Claim {
    let long_ago = Time::from_millis(0);
    Claim {
        print: Print::Whole(fingerprint),
        sketch: Vec::new(),
        attempt,
        state: State::Done(record),
        first_seen: long_ago,
        lease_until: long_ago,
        expires_at,
        refuse_ms: 0,
    }
}
