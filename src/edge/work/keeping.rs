//! What is kept of an answer: its record, and its body in the row, in KV or in R2, whichever takes it (rules 8.2 and 8.16).

use super::Work;
use crate::edge::body::Chunks;
use crate::edge::clock;
use crate::edge::convert::Payload;
use crate::edge::log::elapsed;
use crate::edge::overflow::{Overflow, Writer};
use crate::edge::responses::Responses;
use crate::protocol::contract::LeaseOver;
use crate::protocol::control::Control;
use crate::protocol::fingerprint::Fingerprint;
use crate::protocol::headers::Headers;
use crate::protocol::policy::KvMode;
use crate::protocol::record::{KV_BODY_LIMIT, Place, Record, Sorted, Unkept};
use crate::protocol::verdict::Attempt;
use js_sys::Uint8Array;

impl Work {
    /// The record of an answer, with its body where it belongs; the body once more, and what only the first caller gets.
    pub(super) async fn keep(
        &mut self,
        attempt: Attempt,
        print: Fingerprint,
        status: u16,
        headers: Headers,
        body: Chunks,
    ) -> (Record, Payload, Headers) {
        let ttl = self.ttl_ms(&headers);
        let sorted = Sorted::new(self.guarded.contract, headers);
        let mut record = self.record(attempt, print, status, &sorted, ttl);
        let payload = self.place(&mut record, body).await;
        (record, payload, sorted.first_only)
    }

    /// Puts a whole body where it belongs, before `settle`: the row must not point to what is not there (rule 8.2). Gives the body
    /// once more.
    pub(super) async fn place(&mut self, record: &mut Record, body: Chunks) -> Payload {
        if body.len() <= self.settings.policy.responses.inline_limit {
            record.body = Place::Inline(body.copy(body.len()));
            return Payload::from(body);
        }
        let bytes = match self.kv() {
            Some(kv) => self.put(&kv, record, body).await,
            None => self.send(record, body).await,
        };
        if let Place::NotKept(_) = record.body {
            self.line.warning = Some("body-not-kept");
        }
        Payload::Bytes(bytes)
    }

    async fn put(&mut self, kv: &Responses, record: &mut Record, body: Chunks) -> Uint8Array {
        let started = clock::now();
        record.body = Place::Kv(body.len() as u64);
        let put = kv.put(record, body, self.ledger_now(), self.passes_on());
        let bytes = put.await.unwrap_or_else(|bytes| {
            record.body = Place::NotKept(Unkept::NotWritten);
            bytes
        });
        self.line.store_ms += elapsed(started);
        bytes
    }

    /// Without KV, R2 takes what is over the inline limit.
    async fn send(&mut self, record: &mut Record, body: Chunks) -> Uint8Array {
        let bytes = body.into_array_after(&[]);
        let mut keeper = Keeper::new(0, Overflow::of(&self.env));
        keeper.keep(record, &bytes).await;
        // It holds nothing, so it has sent it, or not.
        if let Finished::Placed(place) = keeper.finish().await {
            record.body = place;
        }
        bytes
    }

    /// Writes into `record` where a body is that was kept while it came.
    pub(super) async fn placed(&mut self, record: &mut Record, keeper: Keeper) {
        let started = clock::now();
        match keeper.finish().await {
            Finished::Held(body) => drop(self.place(record, body).await),
            Finished::Placed(place) => record.body = place,
        }
        if let Place::NotKept(_) = record.body {
            self.line.warning = Some("body-not-kept");
        }
        // What KV has of a claim is what can be found when its attempt does not come to settle it (rule 8.15).
        if let (Place::R2(_), Some(kv)) = (&record.body, self.kv()) {
            let now = self.ledger_now();
            let _ = kv
                .put(record, Chunks::default(), now, self.passes_on())
                .await;
        }
        self.line.store_ms += elapsed(started);
    }

    fn kv(&self) -> Option<Responses> {
        match self.settings.policy.responses.kv {
            KvMode::Off => None,
            KvMode::Always | KvMode::Overflow => self.responses(),
        }
    }

    fn passes_on(&self) -> bool {
        self.guarded.contract.unknown.lease_over == LeaseOver::RunAgain
    }

    /// What keeps an answer while it comes: in memory as far as KV will take it.
    pub(super) fn keeper(&self) -> Keeper {
        let responses = &self.settings.policy.responses;
        let most = match self.kv() {
            Some(_) => KV_BODY_LIMIT,
            None => responses.inline_limit,
        };
        Keeper::new(most, Overflow::of(&self.env))
    }

    /// How long the origin wants its answer kept, where the contract lets it say so (rule 8.13).
    pub(super) fn ttl_ms(&self, headers: &Headers) -> Option<u64> {
        Control::read(self.guarded.contract.control_header.as_deref(), headers).ttl_ms
    }

    pub(super) fn record(
        &self,
        attempt: Attempt,
        print: Fingerprint,
        status: u16,
        sorted: &Sorted,
        ttl_ms: Option<u64>,
    ) -> Record {
        let completed = self.ledger_now();
        let rules = &self.guarded.contract.retention;
        Record {
            claim: self.guarded.claim,
            attempt: attempt.id,
            fingerprint: print,
            status,
            headers: sorted.recorded.clone(),
            origin: sorted.origin.clone(),
            first_seen: attempt.first_seen,
            completed,
            expires_at: attempt.kept_until(rules, completed, ttl_ms),
            body: Place::NotKept(Unkept::TooLarge),
        }
    }

    /// The copy of an inline record, `encoded` already, after the reply. Losing it loses nothing (rule 8.5).
    pub(super) async fn copy(&mut self, record: &Record, encoded: &[u8]) {
        let copies = self.settings.policy.responses.kv == KvMode::Always;
        if !copies || !matches!(record.body, Place::Inline(_)) {
            return;
        }
        let Some(kv) = self.kv() else { return };
        let started = clock::now();
        let now = self.ledger_now();
        if !kv.put_copy(record, encoded, now).await {
            self.line.warning = Some("not-copied");
        }
        self.line.store_ms += elapsed(started);
    }
}

/// Gathers a body up to what is held of it, and sends it on to R2 beyond that.
pub struct Keeper {
    /// The most that is held, bytes.
    held_most: usize,
    overflow: Option<Overflow>,
    kept: Kept,
}

/// Where the body is by now.
enum Kept {
    /// All of it here.
    Held(Chunks),
    /// On its way into R2.
    Sent(Box<Writer>),
    /// It will not be kept.
    Not(Unkept),
}

impl Keeper {
    /// Holds up to `held_most` bytes; what is larger goes into `overflow`, where there is one.
    pub fn new(held_most: usize, overflow: Option<Overflow>) -> Self {
        Self {
            held_most,
            overflow,
            kept: Kept::Held(Chunks::default()),
        }
    }

    /// Holds nothing: everything goes to `writer`.
    pub fn sending(writer: Writer) -> Self {
        Self {
            held_most: 0,
            overflow: None,
            kept: Kept::Sent(Box::new(writer)),
        }
    }

    /// The next bytes of the body of `record`.
    pub async fn keep(&mut self, record: &Record, chunk: &Uint8Array) {
        match &mut self.kept {
            Kept::Held(held) => {
                held.push(chunk.clone());
                if held.len() > self.held_most {
                    let held = std::mem::take(held);
                    self.kept = self.send(record, held).await;
                }
            }
            Kept::Sent(writer) => {
                if !writer.write(chunk.clone()).await {
                    self.give_up(Unkept::NotWritten).await;
                }
            }
            Kept::Not(_) => {}
        }
    }

    async fn send(&self, record: &Record, held: Chunks) -> Kept {
        let Some(overflow) = &self.overflow else {
            return Kept::Not(Unkept::TooLarge);
        };
        let Some(mut writer) = overflow.begin(record.claim, record.attempt).await else {
            return Kept::Not(Unkept::NotWritten);
        };
        let mut held = held;
        while let Some(chunk) = held.pop() {
            if !writer.write(chunk).await {
                writer.abort().await;
                return Kept::Not(Unkept::NotWritten);
            }
        }
        Kept::Sent(Box::new(writer))
    }

    /// Nothing of the body is kept.
    pub async fn give_up(&mut self, why: Unkept) {
        if let Kept::Sent(writer) = std::mem::replace(&mut self.kept, Kept::Not(why)) {
            writer.abort().await;
        }
    }

    /// Whether the body is kept, as far as it has come.
    pub fn keeps(&self) -> bool {
        !matches!(self.kept, Kept::Not(_))
    }

    /// The end of the body.
    async fn finish(self) -> Finished {
        Finished::Placed(match self.kept {
            Kept::Held(held) => return Finished::Held(held),
            Kept::Sent(writer) => match writer.finish().await {
                Some(length) => Place::R2(length),
                None => Place::NotKept(Unkept::NotWritten),
            },
            Kept::Not(why) => Place::NotKept(why),
        })
    }
}

/// A body that has come to its end.
enum Finished {
    /// All of it, which belongs somewhere yet.
    Held(Chunks),
    /// It is there.
    Placed(Place),
}
