//! Writes the seeds of the binary targets, from the encoders of today. Run it when a format changes:
//! `cargo run -p reprise-fuzz --example seeds`.

#![allow(clippy::unwrap_used)]

use reprise::protocol::claim::{
    AttemptId, Begin, Begun, ClaimId, Ending, ScopeId, Settle, Settled,
};
use reprise::protocol::fingerprint::{Fingerprint, HeadFingerprint};
use reprise::protocol::handover::Handover;
use reprise::protocol::headers::Headers;
use reprise::protocol::record::{Place, Provenance, Record, Unkept};
use reprise::protocol::request::{Body, Inbound};
use reprise::protocol::time::Time;
use reprise::protocol::wire::{self, Answer, Call};
use reprise_fuzz::sketch;
use std::fs;
use std::path::Path;

const NOW: Time = Time::from_millis(1_790_000_000_000);

fn main() {
    records();
    messages();
    sketches();
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name), bytes).unwrap();
}

fn headers(lines: &[(&str, &str)]) -> Headers {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    lines.iter().map(owned).collect()
}

fn record(status: u16, lines: &[(&str, &str)], body: Place) -> Record {
    Record {
        claim: ClaimId::new([1; 32]),
        attempt: AttemptId::new([2; 16]),
        fingerprint: Fingerprint::from_bytes([3; 32]),
        status,
        headers: headers(lines),
        origin: Provenance {
            date: (status == 201).then(|| "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
            request_id: (status == 201).then(|| "req-1".to_owned()),
        },
        first_seen: NOW,
        completed: NOW.plus(20),
        expires_at: NOW.plus(86_400_000),
        body,
    }
}

/// One for each place of a body.
fn all() -> [(&'static str, Record); 6] {
    let json: &[(&str, &str)] = &[
        ("content-type", "application/json"),
        ("location", "/v1/orders/7"),
        ("access-control-allow-origin", "https://a.example"),
    ];
    [
        (
            "inline",
            record(
                201,
                json,
                Place::Inline(br#"{"id":"ord_1","text":"x"}"#.to_vec()),
            ),
        ),
        ("empty", record(204, &[], Place::Inline(Vec::new()))),
        (
            "kv",
            record(
                500,
                &[("set-cookie", "a=b"), ("set-cookie", "c=d")],
                Place::Kv(300_000),
            ),
        ),
        (
            "too-large",
            record(200, json, Place::NotKept(Unkept::TooLarge)),
        ),
        (
            "not-written",
            record(302, &[], Place::NotKept(Unkept::NotWritten)),
        ),
        (
            "withheld",
            record(409, &[], Place::NotKept(Unkept::Withheld)),
        ),
    ]
}

fn records() {
    for (name, record) in all() {
        write("record", name, &record.encode().unwrap());
    }
    // As in KV, where the body follows.
    let (_, kv) = &all()[2];
    write(
        "record",
        "kv-with-body",
        &[&kv.encode().unwrap()[..], b"the body"].concat(),
    );
    let damaged = record(200, &[("a name", "")], Place::Inline(Vec::new()));
    let encoded = damaged.encode().unwrap();
    write("record", "a-name-that-no-answer-can-carry", &encoded);
    write("record", "of-another-version", &[7, 1, 2, 3]);
}

fn begin(lease_ms: u64, sketch: Vec<u8>) -> Begin {
    Begin {
        claim: ClaimId::new([1; 32]),
        attempt: AttemptId::new([2; 16]),
        head: HeadFingerprint::from_bytes([5; 32]),
        fingerprint: (lease_ms != u64::MAX).then(|| Fingerprint::from_bytes([3; 32])),
        lease_ms,
        retention_ms: 86_400_000,
        scope: ScopeId::new([4; 16]),
        wait_ms: 10_000,
        run_again: lease_ms == 0,
        running_first: lease_ms == 0,
        refuse_expired_ms: 60_000,
        sketch,
        tell_record: true,
    }
}

fn messages() {
    write("message", "cut", &[0, 0, 1, 2, 3]);
    let message = |kind: u8, name: &str, bytes: Vec<u8>| {
        write("message", name, &[&[kind], &bytes[1..]].concat())
    };
    let call = |name: &str, call: Call| message(0, name, wire::encode(&call).unwrap());
    call("begin", Call::Begin(begin(90_000, vec![5; 40])));
    call("begin-no-lease", Call::Begin(begin(0, Vec::new())));
    call("peek", Call::Peek(begin(u64::MAX, Vec::new())));
    let (_, inline) = &all()[0];
    let store = Ending::Store {
        record: inline.encode().unwrap(),
        expires_at: NOW,
        fingerprint: Fingerprint::from_bytes([3; 32]),
    };
    for (name, ending) in [
        ("store", store),
        ("release", Ending::Release),
        ("hold", Ending::Hold { fingerprint: None }),
    ] {
        let (claim, attempt) = (ClaimId::new([1; 32]), AttemptId::new([2; 16]));
        call(
            name,
            Call::Settle(Settle {
                claim,
                attempt,
                ending,
            }),
        );
    }
    let answer = |name: &str, answer: Answer| message(1, name, wire::encode(&answer).unwrap());
    let attempt = AttemptId::new([2; 16]);
    let expires_at = NOW.plus(86_400_000);
    let begun = [
        (
            "execute",
            Begun::Execute {
                first_seen: NOW,
                expires_at,
                lease_left_ms: 90_000,
            },
        ),
        (
            "done",
            Begun::Done {
                attempt,
                expires_at,
                record: inline.encode().unwrap(),
            },
        ),
        (
            "running",
            Begun::Running {
                age_ms: 500,
                lease_until: NOW.plus(90_000),
                expires_at,
            },
        ),
        (
            "mismatch",
            Begun::Mismatch {
                attempt,
                expires_at,
                sketch: vec![5; 40],
                record: Some(inline.encode().unwrap()),
            },
        ),
        (
            "unknown",
            Begun::Unknown {
                attempt,
                expires_at,
                lease_left_ms: 0,
                same: true,
            },
        ),
        (
            "expired",
            Begun::Expired {
                expired_at: NOW,
                until: expires_at,
            },
        ),
        ("too-many-keys", Begun::TooManyKeys { wait_ms: 7 }),
        ("body-needed", Begun::BodyNeeded),
    ];
    for (name, begun) in begun {
        answer(
            name,
            Answer::Begun {
                begun,
                waited: name == "done",
                at: NOW,
            },
        );
    }
    answer("settled", Answer::Settled(Settled::Recorded));
    answer("fenced", Answer::Settled(Settled::Fenced));
    answer("again", Answer::Again);
    let lines = [
        ("content-type", "application/json"),
        ("idempotency-key", "\"k-1\""),
        ("authorization", "Bearer a.b.c"),
    ];
    let request = Inbound::new(
        "POST",
        "https://api.example/v1/%6frders?a=1",
        headers(&lines),
    )
    .unwrap();
    for (name, body) in [
        ("handover", Body::Bytes(b"{}".to_vec())),
        ("handover-no-body", Body::Absent),
    ] {
        let handover = Handover {
            attempt,
            exchange: "0".repeat(32),
            request: request.clone(),
            body,
        };
        message(2, name, wire::encode(&handover).unwrap());
    }
}

fn sketches() {
    write("sketch", "of-another-version", &[0, 0, 2, 7, 7, b'{', b'}']);
    let json: [(&str, &[u8], &[u8]); 4] = [
        (
            "changed",
            br#"{"a":1,"b":{"c":[true]}}"#,
            br#"{"a":2,"b":{"c":[false]},"d":null}"#,
        ),
        ("missing", br#"{"a":1,"b":2,"c":3}"#, br#"{"a":1}"#),
        ("grown", br#"{"a":{}}"#, br#"{"a":{"b":1}}"#),
        ("whole", br#"[1,2]"#, b"no JSON"),
    ];
    let forms: [(&str, &[u8], &[u8]); 2] = [
        ("form", b"a=1&b=2", b"a=2&c=3"),
        ("form-order", b"a.x=1&a.y=2", b"a.y=2&a.x=1"),
    ];
    for (form, (name, first, second)) in json
        .map(|it| (false, it))
        .into_iter()
        .chain(forms.map(|it| (true, it)))
    {
        let stored = sketch::stored(form, first);
        let (bytes, _) = stored.split_last_chunk::<4>().unwrap();
        let [high, low] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let head = [u8::from(form), high, low];
        write("sketch", name, &[&head, bytes, second].concat());
    }
}
