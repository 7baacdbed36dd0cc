//! As `src/edge/work.rs`.

mod asking;
mod ending;
mod keeping;

use super::gateway::{self, Told};
use super::responses::Responses;
use super::shard::Unavailable;
use super::{question, runner};
use crate::defect::Defect;
use crate::oracle::AliveGuard;
use crate::world::{Isolate, World};
use futures_channel::oneshot;
use reprise::protocol::claim::{AttemptId, Begin};
use reprise::protocol::contract::LedgerDown;
use reprise::protocol::decision::Guarded;
use reprise::protocol::exchange::Exchange;
use reprise::protocol::fingerprint::exact::Whole;
use reprise::protocol::fingerprint::{Contents, Fingerprint};
use reprise::protocol::handover::Handover;
use reprise::protocol::headers::Headers;
use reprise::protocol::policy::{Dispatch, KvMode, Policy};
use reprise::protocol::prefer;
use reprise::protocol::record::{self, Record};
use reprise::protocol::refusal::{Code, Refusal};
use reprise::protocol::replay::{self, Head};
use reprise::protocol::request::{Body, Inbound};
use reprise::protocol::time::Time;
use reprise::protocol::verdict::{Permit, Verdict};
use std::rc::Rc;

pub type Reply = oneshot::Sender<Told>;

pub struct Work {
    world: Rc<World>,
    isolate: Rc<Isolate>,
    /// For notes.
    key: Option<usize>,
    settings: &'static Policy,
    place: Place,
    request: Inbound,
    exchange: Exchange,
    body: Body,
    guarded: Guarded<'static>,
    contents: Contents,
    fingerprint: Option<Fingerprint>,
    /// What the ledger is asked, but for the sketch, and how long of that the client has asked to wait.
    asked: Begin,
    granted_s: Option<u64>,
    attempt: AttemptId,
    asked_at: Time,
    ledger_at: Time,
    no_permit: bool,
    vouched: bool,
    /// Tells the judge when this ends, whoever ends it.
    _alive: AliveGuard,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Worker,
    Runner,
}

impl Work {
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        world: Rc<World>,
        isolate: Rc<Isolate>,
        key: Option<usize>,
        place: Place,
        request: Inbound,
        exchange: Exchange,
        body: Body,
        guarded: Guarded<'static>,
        attempt: AttemptId,
    ) -> Self {
        let rules = &guarded.contract.fingerprint;
        let contents = Contents::of(rules, &request, &body);
        let (wait_ms, granted_s) = prefer::wait_ms(&guarded.contract.running, &request.headers);
        let mut asked = guarded.question(attempt, false, wait_ms);
        guarded.read(&mut asked, &request, &contents);
        Self {
            fingerprint: asked.fingerprint,
            asked,
            granted_s,
            settings: isolate.policy(),
            asked_at: isolate.clock(&world),
            ledger_at: isolate.clock(&world),
            no_permit: false,
            vouched: false,
            _alive: AliveGuard::begins(&world, attempt),
            world,
            isolate,
            key,
            place,
            request,
            exchange,
            body,
            guarded,
            contents,
            attempt,
        }
    }

    pub fn known(&self) -> Option<Verdict> {
        let claim = self.guarded.claim;
        let recalled = self
            .isolate
            .recent(|it| it.recall(claim, self.whole(), self.now()));
        if let Some(known) = recalled.flatten().filter(Verdict::is_at_hand) {
            return Some(known);
        }
        let asked = &self.asked;
        let begun = self.isolate.recent(|it| it.answer(asked, self.now()))??;
        Some(Verdict::of(asked, begun)).filter(Verdict::is_at_hand)
    }

    pub async fn tell_remembered(mut self, known: Verdict, reply: Reply) {
        self.world.figures.borrow_mut().remembered(&known);
        self.world.oracle.borrow_mut().remembers(self.attempt);
        self.note(|| "remembers it".to_owned());
        let asked = self.asked.clone();
        match self.vouch().await {
            Ok(()) => self.tell(known, &asked, reply).await,
            Err(refusal) => self.refuse(&refusal, reply),
        }
    }

    pub async fn run(mut self, reply: Reply) {
        let mut asked = self.asked.clone();
        asked.sketch = self
            .guarded
            .sketch(self.attempt, &self.request, &self.contents);
        if self.is_named_by_a_claim()
            && let Err(refusal) = self.vouch().await
        {
            return self.refuse(&refusal, reply);
        }
        match self.begin(&asked, self.granted_s).await {
            Ok(Verdict::Execute(_)) if self.is_handed_over() => self.hand_over(reply).await,
            Ok(Verdict::Execute(permit)) => self.execute(permit, reply).await,
            Ok(known) => {
                self.world.figures.borrow_mut().verdict(&known);
                match self.vouch().await {
                    Ok(()) => self.tell(known, &asked, reply).await,
                    Err(refusal) => self.refuse(&refusal, reply),
                }
            }
            Err(Unavailable) => self.without_ledger(&asked, reply).await,
        }
    }

    fn is_named_by_a_claim(&self) -> bool {
        self.place == Place::Worker && self.guarded.contract.scope.names_a_claim()
    }

    fn is_handed_over(&self) -> bool {
        self.place == Place::Worker && self.guarded.route.dispatch == Dispatch::Detached
    }

    async fn hand_over(&mut self, reply: Reply) {
        let handover = Handover {
            attempt: self.attempt,
            exchange: self.exchange.id.clone(),
            request: self.request.clone(),
            body: std::mem::replace(&mut self.body, Body::Absent),
        };
        let lease_ms = self.guarded.route.lease_ms;
        let run = runner::run(&self.world, &self.isolate, self.key, &handover);
        let answer = self.world.within(lease_ms, run).await;
        match answer.unwrap_or(Err(())) {
            Ok(answer) => self.send(answer, reply),
            // Out of sight.
            Err(()) => self.refuse(&Refusal::new(Code::RequestInProgress, ""), reply),
        }
    }

    fn ledger_now(&self) -> Time {
        self.ledger_at.plus(self.now().since(self.asked_at))
    }

    async fn vouch(&mut self) -> Result<(), Refusal> {
        if self.vouched {
            return Ok(());
        }
        let (world, isolate, key) = (&self.world, &self.isolate, self.key);
        let contract = self.guarded.contract;
        let vouched = question::vouch(world, isolate, key, contract, &self.request).await;
        self.vouched = vouched.is_ok();
        vouched
    }

    async fn tell(&mut self, known: Verdict, asked: &Begin, reply: Reply) {
        let told = match known {
            Verdict::Replay(record) => {
                self.remember(record.attempt, None);
                match self.stored_body(&record).await {
                    Some(body) => self.replay(&record, body),
                    None if self.world.has(Defect::MissIsNew) => {
                        return self.execute_as_new(asked, reply).await;
                    }
                    None => self.refusal(&replay_unavailable(&record)),
                }
            }
            Verdict::Mismatch(mismatch) => {
                let contract = self.guarded.contract;
                let refusal = mismatch.explained(contract, &self.request, &self.contents);
                self.remember(mismatch.attempt, Some(refusal.clone()));
                self.refusal(&refusal)
            }
            Verdict::Refuse(refusal) => self.refusal(&refusal),
            Verdict::Execute(_) => unreachable!("only `run` sees a permit"),
            Verdict::BodyNeeded => unreachable!("no body here is on its way"),
        };
        self.send(told, reply);
    }

    fn whole(&self) -> Whole<'_> {
        Whole {
            rules: &self.guarded.contract.fingerprint,
            request: &self.request,
            body: &self.body,
        }
    }

    fn remember(&self, attempt: AttemptId, refusal: Option<Refusal>) {
        let claim = self.guarded.claim;
        self.isolate
            .recent(|it| it.told(claim, attempt, self.whole(), refusal));
    }

    async fn without_ledger(&mut self, asked: &Begin, reply: Reply) {
        let contract = self.guarded.contract;
        let now = self.ledger_now();
        let copy = self.copy_of_answer().await;
        let stands = |record: Record| match self.world.has(Defect::CopyAlwaysStands) {
            true => Some(record),
            false => record.without_ledger(contract, now),
        };
        if let Some((record, body)) = copy.and_then(|(it, body)| Some((stands(it)?, body))) {
            self.world.oracle.borrow_mut().without_ledger(self.attempt);
            self.world.figures.borrow_mut().without_ledger += 1;
            return match self.vouch().await {
                Ok(()) => {
                    let answer = self.replay(&record, body);
                    self.send(answer, reply);
                }
                Err(refusal) => self.refuse(&refusal, reply),
            };
        }
        let rule = match self.no_permit {
            _ if self.world.has(Defect::RunsWithoutLedger) => LedgerDown::RunUnguarded,
            true => LedgerDown::Refuse,
            false => self.guarded.contract.gateway.ledger_down,
        };
        match Permit::unguarded(asked, rule, self.now()) {
            Some(permit) => self.execute_unguarded(permit, reply).await,
            None => self.refuse(&Refusal::new(Code::LedgerUnavailable, ""), reply),
        }
    }

    async fn copy_of_answer(&mut self) -> Option<(Record, Vec<u8>)> {
        if self.settings.responses.kv == KvMode::Off {
            return None;
        }
        let copy = self.responses().copy(self.guarded.claim).await;
        let (record, body) = copy.filter(|(record, _)| self.ledger_now() < record.expires_at)?;
        (Some(record.fingerprint) == self.fingerprint).then_some((record, body))
    }

    async fn stored_body(&mut self, record: &Record) -> Option<Vec<u8>> {
        match &record.body {
            record::Place::Inline(bytes) => Some(bytes.clone()),
            record::Place::Kv(_) => self.responses().body(record).await,
            record::Place::R2(_) | record::Place::NotKept(_) => None,
        }
    }

    fn replay(&mut self, record: &Record, body: Vec<u8>) -> Told {
        let contract = self.guarded.contract;
        let head = if self.world.has(Defect::ReplayIsFresh) {
            replay::first(record, Headers::new(), contract, &self.exchange)
        } else {
            replay::replay(record, contract, &self.exchange, self.now())
        };
        told(head, body)
    }

    fn refusal(&mut self, refusal: &Refusal) -> Told {
        let contract = Some(self.guarded.contract);
        let wrong = self.world.has(Defect::WrongRefusal);
        let refusal = match refusal.code() {
            Code::RequestInProgress if wrong => &Refusal::new(Code::ResponseNotKept, ""),
            Code::OutcomeUnknown if wrong => &Refusal::new(Code::KeyExpired, ""),
            _ => refusal,
        };
        gateway::refusal(refusal, contract, &self.exchange)
    }

    fn answer(&mut self, head: &Head, body: &[u8], reply: Reply) {
        self.send(told(head.clone(), body.to_vec()), reply);
    }

    fn refuse(&mut self, refusal: &Refusal, reply: Reply) {
        let answer = self.refusal(refusal);
        self.send(answer, reply);
    }

    fn send(&self, answer: Told, reply: Reply) {
        let what = || match answer.code {
            Some(code) => format!("answers {} {}", answer.head.status, code.row().code),
            None => format!("answers {}", answer.head.status),
        };
        self.note(what);
        let _ = reply.send(answer);
    }

    /// What a defect does that takes a miss for a new key.
    async fn execute_as_new(&mut self, asked: &Begin, reply: Reply) {
        if let Some(permit) = Permit::unguarded(asked, LedgerDown::RunUnguarded, self.now()) {
            self.execute(permit, reply).await;
        }
    }

    fn responses(&self) -> Responses<'_> {
        Responses::of(&self.world, &self.isolate, self.key)
    }

    fn now(&self) -> Time {
        self.isolate.clock(&self.world)
    }

    async fn step(&self) {
        self.isolate.step(&self.world, self.key).await;
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.world.note(self.key, || self.isolate.name(), what);
    }
}

fn told(head: Head, body: Vec<u8>) -> Told {
    Told {
        head,
        body,
        code: None,
    }
}

fn replay_unavailable(record: &Record) -> Refusal {
    Refusal::new(Code::ReplayUnavailable, "")
        .originally(record.status)
        .until(record.expires_at)
}
