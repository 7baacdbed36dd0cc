//! What a bad policy or contract is told, word by word: an error that does not say where, what and how to mend it is one
//! that an operator cannot use (rule 10.1).

use reprise::protocol::compiled;
use reprise::protocol::policy::Policy;

use crate::routed;

fn complaint(text: &str) -> String {
    match Policy::parse("p.toml", text, compiled::CONTRACTS) {
        Ok(_) => "no complaint".to_owned(),
        Err(problems) => problems.to_string(),
    }
}

/// Rows of (text, complaint). All rows are judged before the test fails.
pub fn check<'t>(rows: impl IntoIterator<Item = (String, &'t str)>) {
    let judge = |(text, expected): (String, &str)| {
        let said = complaint(&text);
        (said != expected).then(|| format!("{text}\n  expected  {expected}\n  said      {said}"))
    };
    let wrong: Vec<String> = rows.into_iter().filter_map(judge).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

/// Rows of (lines of the only route, from line 4 on; complaint).
pub fn check_routed(rows: &[(&str, &'static str)]) {
    check(
        rows.iter()
            .map(|(more, expected)| (routed(more), *expected)),
    );
}

#[test]
fn rule_10_1_a_policy_says_which_line_is_wrong_and_what_was_meant() {
    check_routed(&[
        (
            "contrat = \"ietf\"",
            "p.toml:4: contrat: unknown field; did you mean \"contract\"?",
        ),
        (
            "call.timeout = 1",
            "p.toml:4: call.timeout: unknown field; known here: deadline_seconds, lease_seconds, upload_seconds",
        ),
        (
            "[routes.key]\nheder = \"X\"",
            "p.toml:5: key.heder: unknown field; did you mean \"header\"?",
        ),
        (
            "\"a\\nb\" = 1",
            "p.toml:4: a\\nb: unknown field; known here: match, contract, call, dispatch, deliver, methods, key, scope, fingerprint, mismatch, running, unknown, outcome, replay, authority, retention, errors, gateway",
        ),
        (
            "contract = \"ieft\"",
            "p.toml:4: contract: there is no contract \"ieft\"; did you mean \"ietf\"?",
        ),
        (
            "contract = 1",
            "p.toml:4: contract: is of type integer; a string is meant",
        ),
        (
            "key = 3",
            "p.toml:4: key: is of type integer; a table is meant",
        ),
        (
            "scope.parts = \"host\"",
            "p.toml:4: scope.parts: is of type string; a list is meant",
        ),
        (
            "scope.parts = [1]",
            "p.toml:4: scope.parts: is of type integer; a string is meant",
        ),
        (
            "fingerprint.compare = \"no\"",
            "p.toml:4: fingerprint.compare: is of type string; true or false is meant",
        ),
        (
            "methods = \"POST\"",
            "p.toml:4: methods: is of type string; a list is meant",
        ),
        (
            "retention.seconds = 86400.0",
            "p.toml:4: retention.seconds: is of type float; a whole number of seconds from 60 to 2592000 is meant",
        ),
        (
            "key.missing = \"refused\"",
            "p.toml:4: key.missing: \"refused\" is not a value of this field; did you mean \"refuse\"?",
        ),
        (
            "scope.anonymous = \"any\"",
            "p.toml:4: scope.anonymous: \"any\" is not a value of this field; write \"own\", \"refuse\" or \"ignore\"",
        ),
        ("match = \"POST /v2\"", "p.toml:4: not TOML: duplicate key"),
        (
            "[routes.key]\nmin = 1\n[routes.key]\nmax = 2",
            "p.toml:6: not TOML: duplicate key",
        ),
        (
            "[routes",
            "p.toml:4: not TOML: duplicate key\np.toml:4: not TOML: unclosed table, expected `]`",
        ),
    ]);
}

#[test]
fn rule_10_1_every_problem_is_told_at_once() {
    check_routed(&[(
        "[routes.scope]\nparts = [\n  \"hots\",\n]\n[routes.key]\nmin = 0\n[legder]",
        "p.toml:6: scope.parts: \"hots\" is not a value of this field; did you mean \"host\"?\n\
         p.toml:9: key.min: 0 is out of range; a length from 1 to 1024 is meant\n\
         p.toml:10: legder: unknown field; did you mean \"ledger\"?",
    )]);
}

#[test]
fn rule_10_1_ranges_and_pairs() {
    check_routed(&[
        (
            "key.max = 2000",
            "p.toml:4: key.max: 2000 is out of range; a length from 1 to 1024 is meant",
        ),
        (
            "key.min = 300",
            "p.toml:4: key.min: no key is at least 300 and at most 255 long; min may not be greater than max",
        ),
        (
            "mismatch.status = 200",
            "p.toml:4: mismatch.status: 200 is out of range; a status from 400 to 599 is meant",
        ),
        (
            "running.retry_after = 61",
            "p.toml:4: running.retry_after: 61 is out of range; a whole number of seconds from 1 to 60 is meant",
        ),
        (
            "retention.seconds = 59",
            "p.toml:4: retention.seconds: 59 is out of range; a whole number of seconds from 60 to 2592000 is meant",
        ),
        (
            "retention.seconds = 90",
            "p.toml:4: retention.seconds: a retention of 90 s is not longer than the lease of 90 s; raise it, or lower \
             call.lease_seconds and call.deadline_seconds",
        ),
        (
            "call.deadline_seconds = 96",
            "p.toml:4: call.deadline_seconds: 96 is out of range; a whole number of seconds from 1 to 95 is meant",
        ),
        (
            "call.deadline_seconds = 81",
            "p.toml:4: call.lease_seconds: a lease of 90 s is too short for a deadline of 81 s; lease_seconds is at \
             least 91: the deadline and 10 s for settling",
        ),
        (
            "[call]\nlease_seconds = 60",
            "p.toml:5: call.lease_seconds: a lease of 60 s is too short for a deadline of 60 s; lease_seconds is at \
             least 70: the deadline and 10 s for settling",
        ),
        (
            "[ledger]\nshards = 1025",
            "p.toml:5: ledger.shards: 1025 is out of range; a number of shards from 1 to 1024 is meant",
        ),
        (
            "[ledger]\nother = { shards = 4 }",
            "p.toml:5: ledger.other.generation: is missing; say which generation it is",
        ),
        (
            "unknown.lease_over = \"probe\"",
            "p.toml:4: unknown.probe: is missing; write a request that tells whether it happened, such as probe = \"GET /v1/runs?key={key}\"",
        ),
        (
            "unknown.probe = \"GET /v1/runs\"",
            "p.toml:4: unknown.probe: has no effect: the origin is not asked; write lease_over = \"probe\" too",
        ),
        (
            "[ledger]\ngeneration = 3\nother = { shards = 4, generation = 3 }",
            "p.toml:6: ledger.other.generation: is the generation of [ledger] itself; \
             a change of shards is a new generation: name the one before, or the one to come",
        ),
        (
            "dispatch = \"detached\"\ncall.deadline_seconds = 871",
            "p.toml:5: call.deadline_seconds: 871 is out of range; a whole number of seconds from 1 to 870 is meant",
        ),
        (
            "[responses]\ninline_limit = \"2 MiB\"",
            "p.toml:5: responses.inline_limit: \"2 MiB\" is out of range; a number of bytes, or a string such as \
             \"256 KiB\" or \"8 MiB\", from 0 to 1900000 is meant",
        ),
        (
            "[limits]\nrequest_body = \"8 MB\"",
            "p.toml:5: limits.request_body: \"8 MB\" is not a size; a number of bytes, or a string such as \"256 KiB\" \
             or \"8 MiB\", from 1 to 5368709120 is meant",
        ),
        (
            "[limits]\nrequest_head = 1023",
            "p.toml:5: limits.request_head: 1023 is out of range; a number of bytes, or a string such as \"256 KiB\" \
             or \"8 MiB\", from 1024 to 131072 is meant",
        ),
        (
            "[limits]\nnew_keys_per_minute = 1000001",
            "p.toml:5: limits.new_keys_per_minute: 1000001 is out of range; a number of keys from 0 to 1000000 is meant",
        ),
    ]);
}

#[test]
fn rule_7_1_every_status_has_one_outcome() {
    check_routed(&[
        (
            "outcome.release = [500]",
            "p.toml:4: outcome.release: 500 is in store and in release; every status has exactly one outcome (rule 7.1): \
             write one of the two lists without it",
        ),
        (
            "outcome.hold = [\"5xx\"]",
            "p.toml:4: outcome.hold: 5xx is in store and in hold; every status has exactly one outcome (rule 7.1): \
             write one of the two lists without it",
        ),
        (
            "outcome.hold = [505, 505]",
            "p.toml:4: outcome.hold: 505 is listed twice; list it once",
        ),
        (
            "outcome.store = [\"2xx\", \"4xx\"]",
            "p.toml:4: outcome.store: no list says what becomes of \"3xx\", \"5xx\"; every class stands in exactly one of \
             store, release and hold; single statuses are its exceptions",
        ),
        (
            "outcome.hold = [600]",
            "p.toml:4: outcome.hold: 600 is out of range; a status from 200 to 599 is meant",
        ),
        (
            "outcome.hold = [\"6xx\"]",
            "p.toml:4: outcome.hold: \"6xx\" is not a class of statuses; write \"2xx\", \"3xx\", \"4xx\" or \"5xx\", or a \
             status as a number",
        ),
    ]);
}

#[test]
fn rule_10_1_headers_and_parts() {
    check_routed(&[
        (
            "key.header = \"Bad Name\"",
            "p.toml:4: key.header: \"Bad Name\" is not a header name; a token of RFC 9110 §5.6.2 is meant, such as \
             \"Idempotency-Key\"",
        ),
        (
            "key.header = \"TE\"",
            "p.toml:4: key.header: \"TE\" belongs to one connection (RFC 9110 §7.6.1); name a header that reaches the origin",
        ),
        (
            "key.header = \"Idempotency-Status\"",
            "p.toml:4: key.header: \"Idempotency-Status\" is a header that the gateway itself sets (rule 9.7); choose \
             another name",
        ),
        (
            "key.header = \"Authorization\"",
            "p.toml:4: key.header: \"Authorization\" has another meaning in HTTP; choose another name",
        ),
        (
            "key.header = \"Idempotent-Replayed\"",
            "p.toml:4: replay.marker.header: \"idempotent-replayed\" carries the key; name another header",
        ),
        (
            "scope.parts = [\"header:idempotency-key\"]",
            "p.toml:4: scope.parts: \"idempotency-key\" carries the key; name another header",
        ),
        (
            "key.aliases = [\"idempotency-key\"]",
            "p.toml:4: key.aliases: \"idempotency-key\" is named twice; name it once",
        ),
        (
            "scope.parts = []",
            "p.toml:4: scope.parts: is empty: every caller would share every key; name what tells callers apart; \
             \"literal:all\" lets all of them share their keys",
        ),
        (
            "scope.parts = [\"host\", \"host\"]",
            "p.toml:4: scope.parts: \"host\" is named twice; name it once",
        ),
        (
            "fingerprint.parts = []",
            "p.toml:4: fingerprint.parts: compares nothing; write compare = false",
        ),
        (
            "fingerprint.parts = [\"body\", \"body:exact\"]",
            "p.toml:4: fingerprint.parts: \"body\" and \"body:exact\" say the same twice; keep one of them",
        ),
        (
            "replay.deny = [\"*\"]",
            "p.toml:4: replay.deny: \"*\" is not a header name; write a name, or the beginning of one and a final *, such \
             as \"x-ratelimit-*\"",
        ),
        (
            "replay.marker.first = \"true\"",
            "p.toml:4: replay.marker.first: a first answer would carry \"true\" too, like a replay; choose another value, \
             or leave it out",
        ),
        (
            "methods = [\"GET\"]",
            "p.toml:4: methods: \"GET\" is a safe method (RFC 9110 §9.2.1); leave it out: repeating it needs no key",
        ),
        (
            "methods = [\"PSOT\"]",
            "p.toml:4: methods: \"PSOT\" is not a method that can be guarded; did you mean \"POST\"?",
        ),
    ]);
}

#[test]
fn rule_10_1_the_origin() {
    let example = "write an absolute URL, such as origin = \"https://api.example.com\"";
    let credentials = "p.toml:1: origin: the URL holds credentials; leave them out: the credentials of each request are forwarded";
    let rows = [
        ("", format!("p.toml:1: origin: is missing; {example}")),
        ("origin = \"api\"", format!("p.toml:1: origin: \"api\" is not an http or https URL; {example}")),
        ("origin = \"http://o b\"", format!("p.toml:1: origin: \"http://o b\" has no valid host; {example}")),
        ("origin = \"http://[::g]\"", format!("p.toml:1: origin: \"http://[::g]\" has no valid host; {example}")),
        ("origin = \"http://[::1]:8080/\"", "no complaint".to_owned()),
        ("origin = \"http://user:secret@o\"", credentials.to_owned()),
        (
            "origin = \"http://o?q\"",
            "p.toml:1: origin: \"http://o?q\" has a query or a fragment; leave it out: requests bring their own".to_owned(),
        ),
        (
            "origin = \"http://o:99999\"",
            "p.toml:1: origin: \"http://o:99999\" has no valid port; a port is a number from 1 to 65535".to_owned(),
        ),
        (
            "origin = \"http://o/../b\"",
            "p.toml:1: origin: \"http://o/../b\" has a path that cannot be a prefix; write plain segments, such as \
             http://host/base"
                .to_owned(),
        ),
    ];
    let policy = |line| format!("{line}\n[[routes]]\nmatch = \"POST /v1\"\n");
    check(
        rows.iter()
            .map(|(line, expected)| (policy(line), expected.as_str())),
    );
}
