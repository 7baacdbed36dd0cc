//! One guarded request, from `begin` to its log line. It runs inside `wait_until`, whether or not its client still listens.
//!
//! This file tells the client what is known; [`asking`] is what the ledger is asked, [`ending`] the attempt that may execute.

mod asking;
mod ending;
mod keeping;
mod streaming;
mod uploading;

use super::authority;
use super::body::Incoming;
use super::clock::{self, Timer};
use super::convert::{self, Payload};
use super::digest;
use super::log::{Line, elapsed};
use super::overflow::Overflow;
use super::recent;
use super::responses::Responses;
use super::runner;
use super::settings::Settings;
use super::shard::{Shard, Unavailable};
use super::task::Reply;
use crate::protocol::claim::{AttemptId, Begin};
use crate::protocol::contract::LedgerDown;
use crate::protocol::decision::Guarded;
use crate::protocol::exchange::Exchange;
use crate::protocol::fingerprint::exact::Whole;
use crate::protocol::fingerprint::{Contents, Fingerprint};
use crate::protocol::handover::Handover;
use crate::protocol::policy::{Dispatch, KvMode};
use crate::protocol::prefer;
use crate::protocol::record::{self, Record};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::replay::{self, Head, Status};
use crate::protocol::request::{Body, Inbound};
use crate::protocol::time::Time;
use crate::protocol::verdict::{Permit, Verdict};
use js_sys::Uint8Array;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::Response;
use worker::Env;

/// Everything that a guarded request needs, owned: it must outlive its handler.
pub struct Work {
    settings: &'static Settings,
    env: Env,
    place: Place,
    request: Inbound,
    exchange: Exchange,
    body: Incoming,
    guarded: Guarded<'static>,
    contents: Contents,
    /// `None` while the body is on its way.
    fingerprint: Option<Fingerprint>,
    attempt: AttemptId,
    /// What the ledger is asked, and how long of that the client has asked to wait, seconds, where it has (rule 9.16).
    asked: Begin,
    granted_s: Option<u64>,
    /// Once it has been asked.
    own_shard: Option<Rc<Shard>>,
    /// Of what the ledger and KV are asked.
    timer: Rc<Timer>,
    /// When the ledger was asked, by the clock here, and what time it was there.
    asked_at: Time,
    ledger_at: Time,
    /// Whether the origin has said that this caller may know of the claim.
    vouched: bool,
    /// Whether the own shards gave no permit, and the others no answer: then nothing runs unguarded.
    no_permit: bool,
    line: Line,
}

/// Where the work is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the Worker that took the request.
    Worker,
    /// In an object of its own (rule 6.8).
    Runner,
}

impl Work {
    /// The work of `attempt` for a request whose body has come, or has begun to.
    #[allow(clippy::too_many_arguments)] // each is a field, moved here once
    pub fn new(
        settings: &'static Settings,
        env: Env,
        place: Place,
        request: Inbound,
        exchange: Exchange,
        body: Incoming,
        guarded: Guarded<'static>,
        attempt: AttemptId,
    ) -> Self {
        let (wait_ms, granted_s) = prefer::wait_ms(&guarded.contract.running, &request.headers);
        let uploads = body.whole().is_none();
        let asked = guarded.question(attempt, uploads, wait_ms);
        Self {
            fingerprint: None,
            contents: Contents::unread(&guarded.contract.fingerprint),
            line: Line::new(
                &guarded.route.name,
                &exchange,
                Some(guarded.claim),
                Some(attempt),
            ),
            settings,
            env,
            place,
            request,
            exchange,
            body,
            guarded,
            attempt,
            asked,
            granted_s,
            own_shard: None,
            timer: Rc::default(),
            asked_at: clock::now(),
            ledger_at: clock::now(),
            vouched: false,
            no_permit: false,
        }
    }

    /// What is known of the claim without asking the ledger, if that can be told at once: it was seen done a moment ago (rule 8.17).
    pub async fn known(&mut self) -> Option<Verdict> {
        if let Some(known) = self.recall() {
            return Some(known);
        }
        self.read().await;
        let begun = recent::with(self.settings, |it| it.answer(&self.asked, clock::now()))??;
        Some(Verdict::of(&self.asked, begun)).filter(Verdict::is_at_hand)
    }

    fn recall(&self) -> Option<Verdict> {
        let (claim, request, now) = (self.guarded.claim, self.whole()?, clock::now());
        recent::with(self.settings, |it| it.recall(claim, request, now))
            .flatten()
            .filter(Verdict::is_at_hand)
    }

    fn whole(&self) -> Option<Whole<'_>> {
        Some(Whole {
            rules: &self.guarded.contract.fingerprint,
            request: &self.request,
            body: self.body.whole()?,
        })
    }

    /// Reads the request for what the contract compares of it; of the body, what is there.
    pub async fn read(&mut self) {
        let rules = &self.guarded.contract.fingerprint;
        if let Incoming::Whole(body) = &self.body {
            self.contents = digest::contents(rules, &self.request, body).await;
        }
        self.guarded
            .read(&mut self.asked, &self.request, &self.contents);
        self.fingerprint = self.asked.fingerprint;
    }

    /// Tells it. There is nothing to be lost with a client that goes away.
    pub async fn tell_remembered(mut self, known: Verdict, reply: Reply) {
        self.line.memory = true;
        match self.vouch().await {
            Ok(()) => self.tell(known, reply).await,
            Err(refusal) => self.refuse(&refusal, reply),
        }
        self.line.write();
    }

    /// Runs, and answers into `reply`.
    pub async fn run(mut self, reply: Reply) {
        if self.is_named_by_a_claim()
            && let Err(refusal) = self.vouch().await
        {
            self.refuse(&refusal, reply);
            return self.line.write();
        }
        self.hash_upload();
        match self.begin().await {
            // The permit is not spent here: the object begins as this very attempt, and gets this very permit (rule 5.4).
            Ok(Verdict::Execute(_)) if self.is_handed_over() => self.hand_over(reply).await,
            Ok(Verdict::Execute(permit)) => self.execute(permit, reply).await,
            Ok(known) => match self.vouch().await {
                Ok(()) => self.tell(known, reply).await,
                Err(refusal) => self.refuse(&refusal, reply),
            },
            Err(Unavailable) => self.without_ledger(reply).await,
        }
        self.line.write();
    }

    /// Who is named by a claim of a token may be somebody else, as long as the origin has not taken the token: nothing is asked, and
    /// no key taken, in that name before (rule 9.12). In an object of its own, the Worker has seen to it.
    fn is_named_by_a_claim(&self) -> bool {
        self.place == Place::Worker && self.guarded.contract.scope.names_a_claim()
    }

    fn is_handed_over(&self) -> bool {
        self.place == Place::Worker && self.guarded.route.dispatch == Dispatch::Detached
    }

    async fn hand_over(&mut self, reply: Reply) {
        let none = Incoming::Whole(Body::Absent);
        let Incoming::Whole(body) = std::mem::replace(&mut self.body, none) else {
            // `Route::needs_whole_body` holds for this route.
            return reply.send(Err("an upload cannot be handed over".into()));
        };
        let handover = Handover {
            attempt: self.attempt,
            exchange: self.exchange.id.clone(),
            request: self.request.clone(),
            body,
        };
        let started = clock::now();
        // Longer than its lease, no attempt is at work.
        let lease_ms = self.guarded.route.lease_ms;
        let answer = clock::within(lease_ms, runner::run(&self.env, &handover)).await;
        let answer = match answer.unwrap_or_else(|| Err("no answer within the lease".into())) {
            Ok(answer) => {
                self.line.outcome = "detached";
                self.line.status = answer.status();
                Ok(answer)
            }
            Err(error) => {
                worker::console_error!("the runner was lost: {error:?}");
                self.refusal(&out_of_sight())
            }
        };
        self.line.origin_ms = elapsed(started);
        reply.send(answer);
    }

    /// What time it is by the clock of the shard that was asked, or a little later; by the clock here if none has answered. Only a
    /// difference is measured here, so a clock that is wrong makes nothing expire early or late (rule 5.8).
    fn ledger_now(&self) -> Time {
        self.ledger_at.plus(elapsed(self.asked_at))
    }

    /// Nothing is told about a claim before the origin has said that this caller may know of it (axis A1).
    async fn vouch(&mut self) -> Result<(), Refusal> {
        if self.vouched {
            return Ok(());
        }
        let started = clock::now();
        let vouched = authority::vouch(self.settings, self.guarded.contract, &self.request).await;
        self.line.origin_ms += elapsed(started);
        self.vouched = vouched.is_ok();
        vouched
    }

    /// What is known of the key, told to a caller who may not execute.
    async fn tell(&mut self, known: Verdict, reply: Reply) {
        match known {
            Verdict::Replay(record) => {
                self.remember(record.attempt, None);
                match self.stored_body(&record).await {
                    Some(payload) => self.replay(&record, payload, reply).await,
                    None => self.refuse(&replay_unavailable(&record), reply),
                }
            }
            Verdict::Mismatch(mismatch) => {
                let contract = self.guarded.contract;
                let refusal = mismatch.explained(contract, &self.request, &self.contents);
                self.refuse(&refusal, reply);
                self.remember(mismatch.attempt, Some(refusal));
            }
            Verdict::Refuse(refusal) => self.refuse(&refusal, reply),
            // Only `run` sees a permit, and executes it; and `begin` reads the body that is needed.
            Verdict::Execute(_) | Verdict::BodyNeeded => {
                reply.send(Err("this is nothing to tell".into()));
            }
        }
    }

    /// The same request will be told the same of what `attempt` has done.
    fn remember(&self, attempt: AttemptId, refusal: Option<Refusal>) {
        if let (Some(request), Some(_)) = (self.whole(), self.fingerprint) {
            let claim = self.guarded.claim;
            recent::with(self.settings, |it| {
                it.told(claim, attempt, request, refusal)
            });
        }
    }

    /// The ledger gave no answer, so nobody knows whether the key is new (axis D1). A copy in KV that belongs to this very
    /// request is what the ledger would have answered; no copy says nothing (rule 8.4).
    async fn without_ledger(&mut self, reply: Reply) {
        let contract = self.guarded.contract;
        let now = self.ledger_now();
        if let Some((record, body)) = self.copy_of_answer().await
            && let Some(record) = record.without_ledger(contract, now)
        {
            if let Err(refusal) = self.vouch().await {
                return self.refuse(&refusal, reply);
            }
            let payload = match record.body {
                record::Place::R2(_) => self.stored_body(&record).await,
                _ => Some(Payload::Bytes(body)),
            };
            return match payload {
                Some(payload) => self.replay(&record, payload, reply).await,
                None => self.refuse(&replay_unavailable(&record), reply),
            };
        }
        let rule = match self.no_permit {
            true => LedgerDown::Refuse,
            false => self.guarded.contract.gateway.ledger_down,
        };
        match Permit::unguarded(&self.asked, rule, clock::now()) {
            Some(permit) if self.body.can_be_sent() => self.execute_unguarded(permit, reply).await,
            _ => {
                let refusal = Refusal::new(
                    Code::LedgerUnavailable,
                    "Nothing was sent to the origin by this request. Retry with the same key.",
                );
                reply.send(self.refusal(&refusal));
            }
        }
    }

    fn responses(&self) -> Option<Responses> {
        Responses::of(&self.env, Rc::clone(&self.timer))
    }

    async fn copy_of_answer(&mut self) -> Option<(Record, Uint8Array)> {
        if self.settings.policy.responses.kv == KvMode::Off {
            return None;
        }
        let started = clock::now();
        let copy = match self.responses() {
            Some(kv) => kv.copy(self.guarded.claim).await,
            None => None,
        };
        self.line.store_ms += elapsed(started);
        let (record, body) = copy.filter(|(record, _)| self.ledger_now() < record.expires_at)?;
        // A body that is on its way is read only where there is something to compare it with: it may have to be sent on.
        let fingerprint = self.whole_fingerprint().await?;
        (record.fingerprint == fingerprint).then_some((record, body))
    }

    /// The body of `record`; `None` where it is not to be had.
    async fn stored_body(&mut self, record: &Record) -> Option<Payload> {
        let started = clock::now();
        let payload = match &record.body {
            record::Place::Inline(bytes) => Some(Payload::from(bytes.as_slice())),
            record::Place::Kv(_) => {
                let kv = self.responses()?;
                kv.body(record).await.map(Payload::Bytes)
            }
            record::Place::R2(_) => {
                let overflow = Overflow::of(&self.env)?;
                overflow.body(record).await.map(Payload::Rest)
            }
            record::Place::NotKept(_) => None,
        };
        self.line.store_ms += elapsed(started);
        payload
    }

    async fn replay(&mut self, record: &Record, payload: Payload, reply: Reply) {
        let contract = self.guarded.contract;
        let head = replay::replay(record, contract, &self.exchange, clock::now());
        self.answer(&head, payload, Status::Replayed, reply).await;
    }

    fn refusal(&mut self, refusal: &Refusal) -> Result<Response, JsValue> {
        let contract = Some(self.guarded.contract);
        self.line.refusal(refusal, contract, &self.exchange)
    }

    /// Answers, and moves what is still to come of the body.
    async fn answer(&mut self, head: &Head, payload: Payload, status: Status, reply: Reply) {
        self.line.outcome = status.as_str();
        self.line.status = head.status;
        let opened = match payload {
            Payload::Rest(rest) => rest.open(),
            payload => return reply.send(convert::response(head, &payload)),
        };
        match opened {
            Ok((stream, pump)) => {
                reply.send(convert::response(head, &Payload::Stream(stream)));
                pump.run().await;
            }
            Err(error) => reply.send(Err(error)),
        }
    }

    fn refuse(&mut self, refusal: &Refusal, reply: Reply) {
        reply.send(self.refusal(refusal));
    }
}

fn out_of_sight() -> Refusal {
    Refusal::new(
        Code::RequestInProgress,
        "The operation was handed over to run by itself, and is out of sight. Retry with the same key: you will get its answer, or learn that its outcome is unknown.",
    )
}

fn replay_unavailable(record: &Record) -> Refusal {
    Refusal::new(
        Code::ReplayUnavailable,
        "The body of the first answer cannot be read from KV at the moment. Nothing is run again. Retry with the same key.",
    )
    .originally(record.status)
    .until(record.expires_at)
}
