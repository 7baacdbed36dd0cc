//! The attempt that may execute: the one call to the origin, what is kept of its answer, and what the first caller sees.

use super::Work;
use crate::edge::body::Chunks;
use crate::edge::clock;
use crate::edge::log::elapsed;
use crate::edge::origin::{self, Answer, Call};
use crate::edge::overflow::Overflow;
use crate::edge::task::Reply;
use crate::protocol::claim::Ending;
use crate::protocol::contract::{NeverStore, NeverThen, Outcome, Test};
use crate::protocol::control::Control;
use crate::protocol::decision::Guarded;
use crate::protocol::fingerprint::Fingerprint;
use crate::protocol::headers::Headers;
use crate::protocol::never_store;
use crate::protocol::outcome::{Ends, Happened};
use crate::protocol::record::{Place, Sorted, Unkept};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::replay::{self, Status};
use crate::protocol::verdict::{Attempt, Permit};

/// The largest answer that a rule of `never_store` looks into, bytes: it is held in Wasm memory a second time while it is parsed.
const LOOKED_INTO: usize = 2 * 1024 * 1024;

impl Work {
    /// The ordinary way: the claim is this attempt's.
    pub(super) async fn execute(&mut self, permit: Permit, reply: Reply) {
        let (attempt, answer) = self.dispatch(permit).await;
        let happened = answer.happened();
        let table = &self.guarded.contract.outcome;
        // With a bucket, nothing is too large.
        let too_large = matches!(answer, Answer::TooLarge(..)) && Overflow::of(&self.env).is_none();
        let ends = happened.ends(table, self.not_kept(&answer), too_large);
        let print = match ends {
            Ends::Release => {
                self.drop_upload();
                return self.release(attempt, answer, reply).await;
            }
            Ends::Store | Ends::StoreHead(_) => self.whole_fingerprint().await,
            Ends::Hold => None,
        };
        match (print, ends, answer) {
            (Some(print), Ends::Store, Answer::Whole(status, headers, body)) => {
                self.store(attempt, print, status, headers, body, reply)
                    .await;
            }
            (Some(print), Ends::Store, Answer::TooLarge(status, headers, rest)) => {
                self.store_large(attempt, print, status, headers, rest, reply)
                    .await;
            }
            (Some(print), Ends::Store, Answer::Streams(status, headers, rest)) => {
                self.stream(attempt, print, status, headers, rest, reply)
                    .await;
            }
            (Some(print), Ends::StoreHead(why), answer) => {
                self.store_head(attempt, print, answer, why, reply).await;
            }
            // What has no fingerprint, because its body never ended, is not done, whatever the origin said (rule 4.22).
            _ => self.hold(attempt, happened, reply).await,
        }
    }

    /// What the contract and the origin say of an answer that must not be kept (axis O2; rules 8.9 to 8.13).
    pub(super) fn not_kept(&self, answer: &Answer) -> Option<NeverThen> {
        let contract = self.guarded.contract;
        let (headers, body) = match answer {
            Answer::Whole(_, headers, body) => (headers, Some(body)),
            Answer::TooLarge(_, headers, _) | Answer::Streams(_, headers, _) => (headers, None),
            Answer::None(_) => return None,
        };
        if Control::read(contract.control_header.as_deref(), headers).no_store {
            return Some(NeverThen::Release);
        }
        let rules = &contract.never_store;
        if rules.is_empty() {
            return None;
        }
        // A rule that does not look into the body asks at most whether there is one.
        let looks_into = |rule: &NeverStore| matches!(rule.test, Test::AnswerJson(..));
        let body = if rules.iter().any(looks_into) {
            let small = body.filter(|body| body.len() <= LOOKED_INTO);
            small.map(|body| body.copy(LOOKED_INTO))
        } else {
            body.map(|body| body.copy(1))
        };
        never_store::stronger(
            never_store::by_request(rules, &self.request, self.body.whole()),
            never_store::by_answer(rules, headers, body.as_deref()),
        )
    }

    /// Without a claim, because the contract prefers that to refusing (axis D1): nothing here prevents a second run.
    pub(super) async fn execute_unguarded(&mut self, permit: Permit, reply: Reply) {
        worker::console_error!(
            "unguarded: {} runs without a claim",
            self.guarded.route.name
        );
        self.line.warning = Some("unguarded");
        // No lease has begun that the wait for the ledger could have used up.
        self.asked_at = clock::now();
        self.ledger_at = self.asked_at;
        let (_, answer) = self.dispatch(permit).await;
        let refusal = match answer.happened() {
            Happened::UploadCut => self.upload_cut(),
            happened => Refusal::no_answer(happened),
        };
        self.deliver(answer, Status::Unguarded, &refusal, reply)
            .await;
    }

    async fn dispatch(&mut self, permit: Permit) -> (Attempt, Answer) {
        let started = clock::now();
        let Guarded {
            route, contract, ..
        } = self.guarded;
        // What is not stored has nothing to be recorded for.
        let streams = |status, headers: &Headers| {
            let outcome = Happened::Answer(status).outcome(&contract.outcome);
            outcome == Outcome::Store && route.deliver.streams(headers.get("content-type"))
        };
        let call = Call {
            settings: self.settings,
            guarded: &self.guarded,
            request: &self.request,
            place: self.place,
            asked_at: self.asked_at,
            timer: &self.timer,
        };
        let answered = origin::dispatch(permit, call, &mut self.body, &streams).await;
        self.line.origin_ms += elapsed(started);
        self.take_contents().await;
        answered
    }

    /// The ordinary end: record, settle, reply, copy, in this order.
    async fn store(
        &mut self,
        attempt: Attempt,
        print: Fingerprint,
        status: u16,
        headers: Headers,
        body: Chunks,
        reply: Reply,
    ) {
        let kept = self.keep(attempt, print, status, headers, body);
        let (record, payload, first_only) = kept.await;
        let Some(encoded) = self.settle_as(&record).await else {
            return self.unrecorded(attempt, status, reply);
        };
        let contract = self.guarded.contract;
        let head = replay::first(&record, first_only, contract, &self.exchange);
        self.answer(&head, payload, Status::Fresh, reply).await;
        self.copy(&record, &encoded).await;
    }

    /// The ledger learns that it ran, and why its body is not kept; the first caller gets all of it, as it comes.
    pub(super) async fn store_head(
        &mut self,
        attempt: Attempt,
        print: Fingerprint,
        answer: Answer,
        why: Unkept,
        reply: Reply,
    ) {
        let happened = answer.happened();
        let Some(opened) = answer.open() else {
            return self.hold(attempt, happened, reply).await;
        };
        let contract = self.guarded.contract;
        let ttl = self.ttl_ms(&opened.headers);
        let sorted = Sorted::new(contract, opened.headers);
        let sorted = match why {
            Unkept::Withheld => sorted.withheld(),
            Unkept::TooLarge | Unkept::NotWritten => sorted,
        };
        let mut record = self.record(attempt, print, opened.status, &sorted, ttl);
        record.body = Place::NotKept(why);
        if why != Unkept::Withheld {
            self.line.warning = Some("body-not-kept");
        }
        if self.settle_as(&record).await.is_none() {
            return self.unrecorded(attempt, opened.status, reply);
        }
        let head = replay::first(&record, sorted.first_only, contract, &self.exchange);
        self.answer(&head, opened.payload, Status::Fresh, reply)
            .await;
    }

    async fn release(&mut self, attempt: Attempt, answer: Answer, reply: Reply) {
        let refusal = match answer.happened() {
            Happened::UploadCut => self.upload_cut(),
            happened => Refusal::no_answer(happened),
        };
        let refusal = if self.settle(attempt.id, Ending::Release).await {
            refusal.retriable()
        } else {
            // The lease will end in unknown; the answer is the client's all the same (rule 7.6).
            self.line.warning = Some("not-released");
            refusal.until(attempt.expires_at)
        };
        self.deliver(answer, Status::Fresh, &refusal, reply).await;
    }

    /// An answer behind which no claim stands: as it came, or `refusal` where there is none.
    async fn deliver(&mut self, answer: Answer, as_what: Status, refusal: &Refusal, reply: Reply) {
        let Some(opened) = answer.open() else {
            return self.refuse(refusal, reply);
        };
        let sorted = Sorted::new(self.guarded.contract, opened.headers);
        let build = match as_what {
            Status::Unguarded => replay::unguarded,
            _ => replay::released,
        };
        let contract = self.guarded.contract;
        let head = build(opened.status, sorted, contract, &self.exchange);
        self.answer(&head, opened.payload, as_what, reply).await;
    }

    pub(super) async fn hold(&mut self, attempt: Attempt, happened: Happened, reply: Reply) {
        let refusal = self.note_held(attempt, happened).await;
        self.refuse(&refusal, reply);
    }

    /// The claim is held; what its caller is told, where there is one.
    pub(super) async fn note_held(&mut self, attempt: Attempt, happened: Happened) -> Refusal {
        let fingerprint = self.fingerprint;
        if !self.settle(attempt.id, Ending::Hold { fingerprint }).await {
            // The lease ends in the same state.
            self.line.warning = Some("not-held");
        }
        let refusal = Refusal::no_answer(happened).until(attempt.expires_at);
        self.line.outcome = refusal.code().row().code;
        refusal
    }

    pub(super) fn unrecorded(&mut self, attempt: Attempt, status: u16, reply: Reply) {
        let refusal = Refusal::new(
            Code::OutcomeUnrecorded,
            "The origin answered, and the ledger did not confirm that it holds the answer. Retry with the same key.",
        );
        self.refuse(&refusal.originally(status).until(attempt.expires_at), reply);
    }
}
