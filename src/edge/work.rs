//! One guarded request, from `begin` to its log line. It runs inside `wait_until`, whether or not its client still listens.

use super::body::Chunks;
use super::clock;
use super::convert::{self, Payload};
use super::log::{Line, elapsed};
use super::origin::{self, Answer};
use super::responses::Responses;
use super::rest::Rest;
use super::settings::Settings;
use super::shard::Shard;
use crate::protocol::claim::{AttemptId, Begin, Ending, ScopeId, Settle, Settled};
use crate::protocol::contract::{Outcome, RetentionFrom};
use crate::protocol::decision::Guarded;
use crate::protocol::exchange::Exchange;
use crate::protocol::fingerprint::Fingerprint;
use crate::protocol::headers::Headers;
use crate::protocol::outcome::Happened;
use crate::protocol::policy::KvMode;
use crate::protocol::record::{Place, Record, Sorted, Unkept};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::replay::{self, Head, Status};
use crate::protocol::request::{Body, Inbound};
use crate::protocol::verdict::{Attempt, Permit, Verdict};
use futures_channel::oneshot;
use wasm_bindgen::JsValue;
use web_sys::Response;
use worker::Env;

/// Where the answer goes. Nobody may be there any more.
pub type Reply = oneshot::Sender<Result<Response, JsValue>>;

/// Everything that a guarded request needs, owned: it must outlive its handler.
pub struct Work {
    pub settings: &'static Settings,
    pub env: Env,
    pub request: Inbound,
    pub exchange: Exchange,
    pub body: Body,
    pub guarded: Guarded<'static>,
    pub fingerprint: Fingerprint,
    pub attempt: AttemptId,
    pub line: Line,
}

impl Work {
    /// Runs, and answers into `reply`.
    pub async fn run(mut self, reply: Reply) {
        match self.begin().await {
            Verdict::Execute(permit) => self.execute(permit, reply).await,
            Verdict::Replay(record) => {
                let answer = self.replay(record).await;
                let _ = reply.send(answer);
            }
            Verdict::Mismatch(mismatch) => self.refuse(&mismatch.refusal(), reply),
            Verdict::Refuse(refusal) => self.refuse(&refusal, reply),
        }
        self.line.write();
    }

    async fn begin(&mut self) -> Verdict {
        let started = clock::now();
        let event = Begin {
            claim: self.guarded.claim,
            attempt: self.attempt,
            fingerprint: self.fingerprint,
            lease_ms: self.guarded.route.lease_ms,
            retention_ms: self.guarded.contract.retention.ms,
            scope: ScopeId::new([0; 16]),
            wait_ms: 0,
            run_again: false,
            running_first: false,
            refuse_expired_ms: 0,
            sketch: Vec::new(),
            tell_record: false,
        };
        let begun = self.shard().begin(event.clone()).await;
        self.line.ledger_ms += elapsed(started);
        match begun {
            Ok((begun, _waited)) => Verdict::of(&event, begun),
            Err(_) => Verdict::Refuse(Refusal::new(
                Code::LedgerUnavailable,
                "Nothing was sent to the origin by this request. Retry with the same key.",
            )),
        }
    }

    async fn execute(&mut self, permit: Permit, reply: Reply) {
        let started = clock::now();
        let Guarded {
            route, contract, ..
        } = self.guarded;
        let call = origin::dispatch(
            permit,
            self.settings,
            route,
            contract,
            &self.request,
            &self.body,
        );
        let (attempt, answer) = call.await;
        self.line.origin_ms = elapsed(started);
        let happened = answer.happened();
        match (happened.outcome(&contract.outcome), answer) {
            (Outcome::Store, Answer::Whole(status, headers, body)) => {
                self.store(attempt, status, headers, body, reply).await;
            }
            (Outcome::Store, Answer::TooLarge(status, headers, rest)) => {
                self.store_head(attempt, status, headers, rest, reply).await;
            }
            (Outcome::Release, answer) => self.release(attempt, answer, reply).await,
            // An answer that is no answer cannot be stored; the policy's reader refuses to say so.
            (Outcome::Hold | Outcome::Store, _) => self.hold(attempt, happened, reply).await,
        }
    }

    /// The ordinary end: record, settle, reply, copy, in this order.
    async fn store(
        &mut self,
        attempt: Attempt,
        status: u16,
        headers: Headers,
        body: Chunks,
        reply: Reply,
    ) {
        let rules = &self.settings.policy.responses;
        let sorted = Sorted::new(self.guarded.contract, headers);
        let mut record = self.record(attempt, status, &sorted);
        let payload = if body.len() <= rules.inline_limit {
            let bytes = body.into_vec();
            let payload = Payload::from(bytes.as_slice());
            record.body = Place::Inline(bytes);
            payload
        } else {
            self.store_body(&mut record, body).await
        };
        if !self.settle_as(&record).await {
            return self.unrecorded(attempt, status, reply);
        }
        self.answer(
            &replay::first(
                &record,
                sorted.first_only,
                self.guarded.contract,
                &self.exchange,
            ),
            &payload,
            Status::Fresh,
            reply,
        );
        if rules.kv == KvMode::Always && matches!(record.body, Place::Inline(_)) {
            self.copy(&record).await;
        }
    }

    /// A body that is too large for the row, before `settle`: the row must not point to what is not there (rule 8.2).
    async fn store_body(&mut self, record: &mut Record, body: Chunks) -> Payload {
        let started = clock::now();
        record.body = Place::Kv(body.len() as u64);
        let kv = match self.settings.policy.responses.kv {
            KvMode::Off => None,
            KvMode::Always | KvMode::Overflow => Responses::of(&self.env),
        };
        let (bytes, why) = match kv {
            Some(kv) => (kv.put(record, body, started).await, Unkept::NotWritten),
            None => (Err(body.into_array_after(&[])), Unkept::TooLarge),
        };
        self.line.store_ms += elapsed(started);
        Payload::Bytes(bytes.unwrap_or_else(|bytes| {
            record.body = Place::NotKept(why);
            self.line.warning = Some("body-not-kept");
            bytes
        }))
    }

    /// The body is larger than anything that keeps it: the first caller gets it as it comes, retries learn that it ran.
    async fn store_head(
        &mut self,
        attempt: Attempt,
        status: u16,
        headers: Headers,
        rest: Rest,
        reply: Reply,
    ) {
        let sorted = Sorted::new(self.guarded.contract, headers);
        let record = self.record(attempt, status, &sorted);
        self.line.warning = Some("body-not-kept");
        if !self.settle_as(&record).await {
            return self.unrecorded(attempt, status, reply);
        }
        let contract = self.guarded.contract;
        let head = replay::first(&record, sorted.first_only, contract, &self.exchange);
        match rest.open() {
            Ok((stream, pump)) => {
                self.answer(&head, &Payload::Stream(stream), Status::Fresh, reply);
                pump.run().await;
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    async fn release(&mut self, attempt: Attempt, answer: Answer, reply: Reply) {
        let happened = answer.happened();
        let released = self.settle(attempt.id, Ending::Release).await;
        if !released {
            // The lease will end in unknown; the answer is the client's all the same (rule 7.6).
            self.line.warning = Some("not-released");
        }
        let (status, headers, payload, pump) = match answer {
            Answer::Whole(status, headers, body) => (
                status,
                headers,
                Payload::Bytes(body.into_array_after(&[])),
                None,
            ),
            Answer::TooLarge(status, headers, rest) => match rest.open() {
                Ok((stream, pump)) => (status, headers, Payload::Stream(stream), Some(pump)),
                Err(error) => return drop(reply.send(Err(error))),
            },
            Answer::None(_) if released => {
                return self.refuse(&no_answer(happened).retriable(), reply);
            }
            Answer::None(_) => {
                let refusal = no_answer(happened).until(attempt.expires_at);
                return self.refuse(&refusal, reply);
            }
        };
        let sorted = Sorted::new(self.guarded.contract, headers);
        let head = replay::released(status, sorted, self.guarded.contract, &self.exchange);
        self.answer(&head, &payload, Status::Fresh, reply);
        if let Some(pump) = pump {
            pump.run().await;
        }
    }

    async fn hold(&mut self, attempt: Attempt, happened: Happened, reply: Reply) {
        if !self.settle(attempt.id, Ending::Hold).await {
            // The lease ends in the same state.
            self.line.warning = Some("not-held");
        }
        self.refuse(&no_answer(happened).until(attempt.expires_at), reply);
    }

    async fn replay(&mut self, record: Record) -> Result<Response, JsValue> {
        let contract = self.guarded.contract;
        let payload = match &record.body {
            Place::Inline(bytes) => Payload::from(bytes.as_slice()),
            Place::Kv(_) | Place::NotKept(_) => match self.fetch_body(&record).await {
                Some(payload) => payload,
                None => {
                    let refusal = Refusal::new(
                        Code::ReplayUnavailable,
                        "The body of the first answer cannot be read from KV at the moment. Nothing is run again. Retry with the same key.",
                    );
                    let refusal = refusal.originally(record.status).until(record.expires_at);
                    return self.line.refusal(&refusal, Some(contract), &self.exchange);
                }
            },
        };
        let head = replay::replay(&record, contract, &self.exchange, clock::now());
        self.line.outcome = Status::Replayed.as_str();
        self.line.status = head.status;
        convert::response(&head, &payload)
    }

    async fn fetch_body(&mut self, record: &Record) -> Option<Payload> {
        let started = clock::now();
        let body = match Responses::of(&self.env) {
            Some(kv) => kv.body(record).await,
            None => None,
        };
        self.line.store_ms += elapsed(started);
        body.map(Payload::Bytes)
    }

    /// The copy of an inline record, after the reply. Losing it loses nothing (rule 8.5).
    async fn copy(&mut self, record: &Record) {
        let Some(kv) = Responses::of(&self.env) else {
            return;
        };
        let started = clock::now();
        if kv.put(record, Chunks::default(), started).await.is_err() {
            self.line.warning = Some("not-copied");
        }
        self.line.store_ms += elapsed(started);
    }

    fn record(&self, attempt: Attempt, status: u16, sorted: &Sorted) -> Record {
        let completed = clock::now();
        let retention = &self.guarded.contract.retention;
        Record {
            claim: self.guarded.claim,
            attempt: attempt.id,
            fingerprint: self.fingerprint,
            status,
            headers: sorted.recorded.clone(),
            origin: sorted.origin.clone(),
            first_seen: attempt.first_seen,
            completed,
            expires_at: match retention.from {
                RetentionFrom::FirstSight => attempt.expires_at,
                RetentionFrom::Completion => completed.plus(retention.ms),
            },
            body: Place::NotKept(Unkept::TooLarge),
        }
    }

    async fn settle_as(&mut self, record: &Record) -> bool {
        let Ok(bytes) = record.encode() else {
            return false;
        };
        let ending = Ending::Store {
            record: bytes,
            expires_at: record.expires_at,
        };
        self.settle(record.attempt, ending).await
    }

    /// Whether the ledger holds the ending now.
    async fn settle(&mut self, attempt: AttemptId, ending: Ending) -> bool {
        let started = clock::now();
        let event = Settle {
            claim: self.guarded.claim,
            attempt,
            ending,
        };
        let settled = self.shard().settle(event).await;
        self.line.ledger_ms += elapsed(started);
        matches!(settled, Ok(Settled::Recorded))
    }

    fn unrecorded(&mut self, attempt: Attempt, status: u16, reply: Reply) {
        let refusal = Refusal::new(
            Code::OutcomeUnrecorded,
            "The origin answered, and the ledger did not confirm that it holds the answer. Retry with the same key.",
        );
        self.refuse(&refusal.originally(status).until(attempt.expires_at), reply);
    }

    fn answer(&mut self, head: &Head, payload: &Payload, status: Status, reply: Reply) {
        self.line.outcome = status.as_str();
        self.line.status = head.status;
        let _ = reply.send(convert::response(head, payload));
    }

    fn refuse(&mut self, refusal: &Refusal, reply: Reply) {
        let contract = Some(self.guarded.contract);
        let _ = reply.send(self.line.refusal(refusal, contract, &self.exchange));
    }

    fn shard(&self) -> Shard<'_> {
        Shard::of(&self.env, &self.settings.policy.ledger, self.guarded.claim)
    }
}

fn no_answer(happened: Happened) -> Refusal {
    let may_have_run = "The operation may have happened: find out at the origin before you send it under a new key.";
    match happened.without_edge() {
        Happened::NotSent => Refusal::new(
            Code::OriginNotReached,
            "The request did not reach the origin, so nothing ran. Retry with the same key.",
        ),
        Happened::Deadline => Refusal::new(Code::OriginDeadline, may_have_run),
        Happened::BrokenOff => Refusal::new(Code::OriginBrokeOff, may_have_run),
        Happened::NoAnswer | Happened::EdgeMade(_) => {
            Refusal::new(Code::OriginNoAnswer, may_have_run)
        }
        Happened::Answer(status) => {
            Refusal::new(Code::OutcomeUnknown, may_have_run).originally(status)
        }
    }
}
