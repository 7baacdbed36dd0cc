//! How often a request allocates in `src/protocol`, against the budget in budgets.json. In the isolate, every allocation is memory that
//! never shrinks again, and some of what a request costs; the edge's own come on top, and are not counted here.

// A request that takes another way than the one that is counted says so by panicking.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "protocol/fixture.rs"]
mod fixture;

use reprise::protocol::claim::{self, AttemptId, Claim, Ending, Settle, State, Write};
use reprise::protocol::decision::{Decision, Guarded, decide, passes};
use reprise::protocol::exchange::Exchange;
use reprise::protocol::fingerprint::{Contents, Fingerprint};
use reprise::protocol::headers::Headers;
use reprise::protocol::outcome::{Ends, Happened};
use reprise::protocol::policy::Policy;
use reprise::protocol::record::{Place, Record, Sorted};
use reprise::protocol::replay;
use reprise::protocol::request::{Body, Inbound};
use reprise::protocol::time::Time;
use reprise::protocol::verdict::Verdict;
use reprise::protocol::wire::{self, Answer, Call};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::hint::black_box;

const NOW: Time = Time::from_millis(784_111_777_000);
const ORDER: &[u8] = br#"{"customer":"cus_9f2c41","amount":1250,"currency":"EUR","items":[{"sku":"A-1","quantity":2},{"sku":"B-7","quantity":1}]}"#;

const ANSWER: &[u8] = br#"{"id":"ord_1imgvqn"}"#;

#[test]
fn a_request_allocates_no_more_than_its_budget() {
    let gateway = Gateway::new();
    // What is made once is made before.
    let row = gateway.fresh(gateway.request("/v1/orders"));
    gateway.replay(gateway.request("/v1/orders"), &row);
    gateway.pass(gateway.request("/open/orders"));

    within_budget("pass", gateway.request("/open/orders"), |request| {
        gateway.pass(request);
    });
    within_budget("fresh", gateway.request("/v1/orders"), |request| {
        gateway.fresh(request);
    });
    within_budget("replay", gateway.request("/v1/orders"), |request| {
        gateway.replay(request, &row);
    });
}

/// `request` is what the platform has handed over: its own allocations do not count.
fn within_budget(what: &str, request: Inbound, run: impl FnOnce(Inbound)) {
    let budgets: Value = serde_json::from_str(include_str!("../budgets.json")).unwrap();
    let budget = budgets["allocations"][what].as_u64().unwrap();
    let count = allocation_counter::measure(|| run(request)).count_total;
    println!("{what}: {count} allocations of {budget}");
    assert!(
        count <= budget,
        "a {what} request allocates {count} times, over the {budget} that it may: make it fewer (budgets.json)"
    );
}

/// What the edge does with a request, without the platform.
struct Gateway {
    policy: Policy,
}

impl Gateway {
    fn new() -> Self {
        let policy = fixture::policy("[[routes]]\nmatch = \"POST /v1/*\"\n");
        Self { policy }
    }

    fn request(&self, path: &str) -> Inbound {
        let lines = [
            ("host", "api.example.com"),
            ("user-agent", "bench/1.0"),
            ("accept", "application/json"),
            ("authorization", "Bearer 7bJ2hQv0m3d1Xr9sT5uE8wYz"),
            ("content-type", "application/json"),
            ("content-length", "120"),
            ("idempotency-key", "7d1f3a52-94d1-4a6e-8a7d-3f0c1b2e9d44"),
        ];
        fixture::request("POST", &format!("https://api.example.com{path}"), &lines)
    }

    fn pass(&self, request: Inbound) {
        assert!(passes(&self.policy, &request.path, || request
            .method
            .clone()));
    }

    /// The row that is left of it.
    fn fresh(&self, request: Inbound) -> Claim {
        let asked = self.ask(&request, None);
        let (Verdict::Execute(permit), Write::Put(mut row)) = (asked.verdict, asked.write) else {
            unreachable!("the key is new");
        };
        let contract = asked.guarded.contract;
        let (attempt, headers) = (permit.spend(), origin_headers());
        let happened = Happened::from_head(201, &headers);
        assert_eq!(happened.ends(&contract.outcome, None, false), Ends::Store);
        let sorted = Sorted::new(contract, headers);
        let record = Record {
            claim: asked.guarded.claim,
            attempt: attempt.id,
            fingerprint: asked.fingerprint,
            status: 201,
            headers: sorted.recorded.clone(),
            origin: sorted.origin.clone(),
            first_seen: attempt.first_seen,
            completed: NOW,
            expires_at: attempt.expires_at,
            body: Place::Inline(ANSWER.to_vec()),
        };
        let settle = Call::Settle(Settle {
            claim: record.claim,
            attempt: record.attempt,
            ending: Ending::Store {
                record: record.encode().unwrap(),
                expires_at: record.expires_at,
                fingerprint: record.fingerprint,
            },
        });
        let Call::Settle(settle) = sent(&settle) else {
            unreachable!("it was a settle");
        };
        let (Write::Complete { record: kept, .. }, settled) =
            claim::settle(Some(&row), settle, NOW)
        else {
            unreachable!("the claim is this attempt's");
        };
        sent(&Answer::Settled(settled));
        black_box(replay::first(
            &record,
            sorted.first_only,
            contract,
            &asked.exchange,
        ));
        row.state = State::Done(kept);
        row
    }

    fn replay(&self, request: Inbound, row: &Claim) {
        let asked = self.ask(&request, Some(row));
        let Verdict::Replay(record) = asked.verdict else {
            unreachable!("the claim is done");
        };
        black_box(replay::replay(
            &record,
            asked.guarded.contract,
            &asked.exchange,
            NOW,
        ));
    }

    /// From the request to the verdict.
    fn ask(&self, request: &Inbound, row: Option<&Claim>) -> Asked<'_> {
        let exchange = Exchange::new([7; 16], request, &self.policy.cors);
        let Decision::Guard(guarded) = decide(&self.policy, request, NOW) else {
            unreachable!("a route guards it");
        };
        let rules = &guarded.contract.fingerprint;
        let body = Body::Bytes(ORDER.to_vec());
        let contents = Contents::of(rules, request, &body);
        let attempt = AttemptId::new([9; 16]);
        let mut question = guarded.question(attempt, false, 0);
        guarded.read(&mut question, request, &contents);
        question.sketch = guarded.sketch(attempt, request, &contents);
        let Call::Begin(event) = sent(&Call::Begin(question.clone())) else {
            unreachable!("it was a begin");
        };
        let (write, begun) = claim::begin(row, &event, NOW);
        let answer = Answer::Begun {
            begun,
            waited: false,
            at: NOW,
        };
        let Answer::Begun { begun, .. } = sent(&answer) else {
            unreachable!("it was begun");
        };
        Asked {
            exchange: exchange.about(guarded.key.clone()),
            guarded,
            fingerprint: question.fingerprint.unwrap(),
            verdict: Verdict::of(&question, begun),
            write,
        }
    }
}

struct Asked<'p> {
    exchange: Exchange,
    guarded: Guarded<'p>,
    fingerprint: Fingerprint,
    verdict: Verdict,
    write: Write,
}

fn origin_headers() -> Headers {
    fixture::headers(&[
        ("content-type", "application/json"),
        ("content-length", "24"),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("cache-control", "no-store"),
        ("location", "/v1/orders/ord_1imgvqn"),
        ("x-request-id", "01J9Z3"),
    ])
}

/// As it comes out at the other end.
fn sent<T: Serialize + DeserializeOwned>(message: &T) -> T {
    wire::decode(&wire::encode(message).unwrap()).unwrap()
}
