//! As `src/edge/work/ending.rs`.

use super::{Reply, Work};
use crate::defect::Defect;
use crate::edge::origin::{self, Answer};
use reprise::protocol::claim::Ending;
use reprise::protocol::contract::{NeverThen, Outcome};
use reprise::protocol::control::Control;
use reprise::protocol::fingerprint::Fingerprint;
use reprise::protocol::headers::Headers;
use reprise::protocol::never_store;
use reprise::protocol::outcome::{Ends, Happened};
use reprise::protocol::record::{Place, Sorted, Unkept};
use reprise::protocol::refusal::{Code, Refusal};
use reprise::protocol::replay::{self, Status};
use reprise::protocol::verdict::{Attempt, Permit};

impl Work {
    pub(super) async fn execute(&mut self, permit: Permit, reply: Reply) {
        let (attempt, answer) = self.dispatch(permit).await;
        let happened = answer.happened();
        let table = &self.guarded.contract.outcome;
        let too_large = matches!(answer, Answer::TooLarge(..));
        let mut ends = happened.ends(table, self.not_kept(&answer), too_large);
        if self.world.has(Defect::LostIsReleased) && happened.outcome(table) == Outcome::Hold {
            ends = Ends::Release;
        }
        self.note(|| format!("the API: {happened:?}, so {ends:?}"));
        self.world.figures.borrow_mut().ends(happened, ends);
        let print = match ends {
            Ends::Store | Ends::StoreHead(_) => self.fingerprint,
            Ends::Release => return self.release(attempt, answer, reply).await,
            Ends::Hold => None,
        };
        match (ends, print, answer) {
            (Ends::Store, Some(print), Answer::Whole(status, headers, body)) => {
                self.store(attempt, print, status, headers, body, reply)
                    .await;
            }
            (Ends::StoreHead(why), Some(print), answer) => {
                self.store_head(attempt, print, answer, why, reply).await;
            }
            _ => self.hold(attempt, happened, reply).await,
        }
    }

    pub(super) fn not_kept(&self, answer: &Answer) -> Option<NeverThen> {
        let contract = self.guarded.contract;
        if self.world.has(Defect::PrivateIsKept) {
            return None;
        }
        let (headers, body) = match answer {
            Answer::Whole(_, headers, body) => (headers, Some(body.as_slice())),
            Answer::TooLarge(_, headers, _) => (headers, None),
            Answer::None(_) => return None,
        };
        if Control::read(contract.control_header.as_deref(), headers).no_store {
            return Some(NeverThen::Release);
        }
        let rules = &contract.never_store;
        never_store::stronger(
            never_store::by_request(rules, &self.request, Some(&self.body)),
            never_store::by_answer(rules, headers, body),
        )
    }

    pub(super) async fn execute_unguarded(&mut self, permit: Permit, reply: Reply) {
        self.note(|| "unguarded".to_owned());
        self.world.oracle.borrow_mut().unguarded(self.attempt);
        self.asked_at = self.now();
        self.ledger_at = self.asked_at;
        let (_, answer) = self.dispatch(permit).await;
        let refusal = Refusal::no_answer(answer.happened());
        self.deliver(answer, Status::Unguarded, &refusal, reply)
            .await;
    }

    async fn dispatch(&mut self, permit: Permit) -> (Attempt, Answer) {
        self.step().await;
        let (world, isolate) = (&self.world, &self.isolate);
        let answered = origin::dispatch(
            world,
            isolate,
            self.key,
            permit,
            &self.guarded,
            &self.request,
            &self.body,
            self.asked_at,
        );
        let answered = answered.await;
        self.step().await;
        answered
    }

    async fn store(
        &mut self,
        attempt: Attempt,
        print: Fingerprint,
        status: u16,
        headers: Headers,
        body: Vec<u8>,
        reply: Reply,
    ) {
        let (record, body, first_only) = self.keep(attempt, print, status, headers, body).await;
        let contract = self.guarded.contract;
        let mut head = replay::first(&record, first_only, contract, &self.exchange);
        if self.world.has(Defect::ExpiryIsNotTold) {
            head.headers.retain(|name, _| name != "idempotency-expires");
        }
        if self.world.has(Defect::ReplyBeforeSettle) {
            self.answer(&head, &body, reply);
            self.settle_as(&record).await;
            return;
        }
        if !self.settle_as(&record).await {
            return self.unrecorded(attempt, status, reply);
        }
        self.answer(&head, &body, reply);
        self.copy(&record).await;
    }

    async fn store_head(
        &mut self,
        attempt: Attempt,
        print: Fingerprint,
        answer: Answer,
        why: Unkept,
        reply: Reply,
    ) {
        let happened = answer.happened();
        let Some((status, headers, body)) = answer.open() else {
            return self.hold(attempt, happened, reply).await;
        };
        let contract = self.guarded.contract;
        let ttl = self.ttl_ms(&headers);
        let sorted = Sorted::new(contract, headers);
        let sorted = match why {
            Unkept::Withheld => sorted.withheld(),
            Unkept::TooLarge | Unkept::NotWritten => sorted,
        };
        let mut record = self.record(attempt, print, status, &sorted, ttl);
        record.body = Place::NotKept(why);
        if !self.settle_as(&record).await {
            return self.unrecorded(attempt, status, reply);
        }
        let head = replay::first(&record, sorted.first_only, contract, &self.exchange);
        self.answer(&head, &body, reply);
    }

    async fn release(&mut self, attempt: Attempt, answer: Answer, reply: Reply) {
        let refusal = Refusal::no_answer(answer.happened());
        let refusal = if self.settle(attempt.id, Ending::Release).await {
            refusal.retriable()
        } else {
            refusal.until(attempt.expires_at)
        };
        self.deliver(answer, Status::Fresh, &refusal, reply).await;
    }

    async fn deliver(&mut self, answer: Answer, as_what: Status, refusal: &Refusal, reply: Reply) {
        let Some((status, headers, body)) = answer.open() else {
            return self.refuse(refusal, reply);
        };
        let sorted = Sorted::new(self.guarded.contract, headers);
        let build = match as_what {
            Status::Unguarded => replay::unguarded,
            _ => replay::released,
        };
        let head = build(status, sorted, self.guarded.contract, &self.exchange);
        self.answer(&head, &body, reply);
    }

    async fn hold(&mut self, attempt: Attempt, happened: Happened, reply: Reply) {
        let fingerprint = self.fingerprint;
        self.settle(attempt.id, Ending::Hold { fingerprint }).await;
        self.refuse(
            &Refusal::no_answer(happened).until(attempt.expires_at),
            reply,
        );
    }

    fn unrecorded(&mut self, attempt: Attempt, status: u16, reply: Reply) {
        let refusal = Refusal::new(Code::OutcomeUnrecorded, "");
        self.refuse(&refusal.originally(status).until(attempt.expires_at), reply);
    }
}
