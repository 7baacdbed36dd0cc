//! The first decision about a request, from the bytes of its head, under every contract; and what follows from its body (§1 to §4).

use crate::{answers, head, json, memory, policies};
use reprise::protocol::decision::{Decision, Guarded, decide};
use reprise::protocol::digest::sha256;
use reprise::protocol::exchange::Exchange;
use reprise::protocol::fingerprint::body::Reading;
use reprise::protocol::fingerprint::{Arriving, Contents, Fingerprint, sketch};
use reprise::protocol::policy::Policy;
use reprise::protocol::request::{Body, Inbound};
use reprise::protocol::time::Time;

const NOW: Time = Time::from_millis(1_790_000_000_000);

/// A head, an empty line, a body.
pub fn target(input: &[u8]) -> bool {
    let (text, body) = head::split(input);
    let request = head::request(&text);
    let body = match body {
        [] => Body::Absent,
        bytes => Body::Bytes(bytes.to_vec()),
    };
    let mut guarded = false;
    for policy in policies::ALL.iter() {
        guarded |= judge(policy, &request, text.len(), &body);
    }
    guarded
}

/// What is decided of `request`, of whose head there are `length` bytes.
fn decided<'p>(policy: &'p Policy, request: &Inbound, length: usize, body: &Body) -> Decision<'p> {
    match memory::bounded(length, 96, || decide(policy, request, NOW)) {
        Decision::Open(open) => {
            let read = match body {
                Body::Absent => 0,
                Body::Bytes(bytes) => bytes.len(),
            };
            memory::bounded(length + read, json::PER_BYTE, || {
                open.decide(request, body, NOW)
            })
        }
        decision => decision,
    }
}

/// Whether it is guarded.
pub fn judge(policy: &Policy, request: &Inbound, length: usize, body: &Body) -> bool {
    let carries = |name: &str| request.headers.has(name);
    match decided(policy, request, length, body) {
        Decision::Open(_) => panic!("rule 2.15: a body that is there leaves nothing open"),
        Decision::Pass => false,
        _ if request.method == "OPTIONS" || carries("upgrade") => panic!("rule 1.4"),
        Decision::Ignore(_) => false,
        Decision::Refuse(refused) => {
            let exchange = Exchange {
                key: refused.key,
                ..Exchange::new([7; 16], request, &policy.cors)
            };
            let (head, body) = refused.refusal.answer(Some(refused.contract), &exchange);
            answers::is_sound(&head, &body);
            assert!(
                (400..=499).contains(&head.status),
                "a client's fault is a 4xx, not {}",
                head.status
            );
            false
        }
        Decision::Guard(guarded) => {
            assert!(
                guarded.contract.methods.contains(&request.method),
                "rule 1.4"
            );
            let Decision::Guard(again) = decided(policy, request, length, body) else {
                panic!("decided otherwise the second time");
            };
            assert_eq!(
                (again.claim, again.caller()),
                (guarded.claim, guarded.caller())
            );
            compare(&guarded, request, body);
            true
        }
    }
}

/// What is compared of it: the same for the same request, and a sketch of it that tells no difference.
fn compare(guarded: &Guarded<'_>, request: &Inbound, body: &Body) {
    let rules = &guarded.contract.fingerprint;
    let contents = Contents::of(rules, request, body);
    let whole = Fingerprint::of(rules, request, body);
    assert_eq!(Fingerprint::with(rules, request, &contents), Some(whole));
    arrives(guarded, request, body, &contents);
    let salt = [3; 16];
    let stored = sketch::sketch(rules, &salt, request, &contents);
    assert!(stored.len() <= sketch::MAX_SKETCH, "rule 4.20");
    let differences = sketch::differences(rules, &salt, &stored, request, &contents);
    assert!(differences.is_empty(), "rule 4.21: {differences:?}");
}

/// Rule 4.22: a body that is read while it comes counts like one that is held, but for what can only be read whole.
fn arrives(guarded: &Guarded<'_>, request: &Inbound, body: &Body, held: &Contents) {
    let rules = &guarded.contract.fingerprint;
    let (Body::Bytes(bytes), Some(mut arriving)) = (body, Arriving::new(rules, request)) else {
        return;
    };
    bytes.chunks(7).for_each(|chunk| arriving.update(chunk));
    let arrived = arriving.finish(sha256(bytes));
    match held {
        Contents::Meaning { reading, .. } if *reading != Reading::Multipart => {
            assert!(matches!(arrived, Contents::Bytes { .. }), "rule 4.22");
        }
        held => assert_eq!(&arrived, held, "rule 4.22"),
    }
}
