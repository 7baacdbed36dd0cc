//! What the axes of a contract are told when they do not fit: word by word, as in `complaints.rs`.

use crate::complaints::check;
use crate::routed;

/// Rows of (lines of the only route, from line 4 on; complaint, without the name of the file).
fn complain(rows: &[(&str, &str)]) {
    let whole: Vec<(String, String)> = rows
        .iter()
        .map(|(more, expected)| (routed(more), format!("p.toml:{expected}")))
        .collect();
    check(
        whole
            .iter()
            .map(|(text, expected)| (text.clone(), expected.as_str())),
    );
}

#[test]
fn rule_10_1_key_scope_and_fingerprint() {
    complain(&[
        (
            r#"key.pattern = "[a-z""#,
            r#"4: key.pattern: is no regular expression: non-empty character class has no closing bracket; write it as for the crate regex-lite, such as "[0-9a-f-]{36}""#,
        ),
        (
            r#"key.pattern = "a(?=b)""#,
            r#"4: key.pattern: is no regular expression: look-around is not supported; write it as for the crate regex-lite, such as "[0-9a-f-]{36}""#,
        ),
        (
            r#"key.malformed = "ignore""#,
            r#"4: key.malformed: "ignore" is not a value of this field; write "refuse" or "absent""#,
        ),
        (
            r#"key.echo = "yes""#,
            "4: key.echo: is of type string; true or false is meant",
        ),
        (
            r#"key.first_sent = "Date""#,
            r#"4: key.first_sent: "Date" has another meaning in HTTP; choose another name"#,
        ),
        (
            r#"key.first_sent = "Idempotency-Key""#,
            r#"4: key.first_sent: "idempotency-key" carries the key; name another header"#,
        ),
        (
            r#"key.body = "idempotency_key""#,
            r#"4: key.body: "idempotency_key" is no JSON pointer to a member; a JSON pointer (RFC 6901) is meant, such as "/metadata/sent_at"; ~ is written ~0 and / in a name ~1"#,
        ),
        (
            "key.body = \"/key\"\ngateway.key_to_origin = \"removed\"",
            r#"5: gateway.key_to_origin: the key may stand in the body (key.body), which the origin gets as it came; use "as-it-came", or take the key from a header only"#,
        ),
        (
            r#"key.code = """#,
            r#"4: key.code: "" says nothing, or has a control character; write text on one line, or leave it out"#,
        ),
        (
            r#"scope.parts = ["claim:sub"]"#,
            r#"4: scope.parts: a claim tells callers apart, and nobody checks the token's signature before a replay; add [authority] with ask = "origin" and a request that needs the token, such as request = "GET /v1/me""#,
        ),
        (
            r#"scope.parts = ["claim:"]"#,
            r#"4: scope.parts: "claim:" is not a value of this field; write "header:authorization", "claim:NAME", "query:NAME", "host", "method", "path", "path:exact", "target" or "literal:TEXT""#,
        ),
        (
            r#"scope.parts = ["path:exactly"]"#,
            r#"4: scope.parts: "path:exactly" is not a value of this field; did you mean "path:exact"?"#,
        ),
        (
            r#"fingerprint.exclude = ["metadata"]"#,
            r#"4: fingerprint.exclude: "metadata" is no JSON pointer to a member; a JSON pointer (RFC 6901) is meant, such as "/metadata/sent_at"; ~ is written ~0 and / in a name ~1"#,
        ),
        (
            r#"fingerprint.exclude = ["/a~2"]"#,
            r#"4: fingerprint.exclude: "/a~2" is no JSON pointer to a member; a JSON pointer (RFC 6901) is meant, such as "/metadata/sent_at"; ~ is written ~0 and / in a name ~1"#,
        ),
        (
            r#"fingerprint = { parts = ["body:exact"], exclude = ["/a"] }"#,
            r#"4: fingerprint.exclude: has no effect: "body" is not among the parts; compare "body", or leave it out"#,
        ),
        (
            r#"fingerprint = { compare = false, exclude = ["/a"] }"#,
            r#"4: fingerprint.exclude: has no effect: nothing is compared; compare "body", or leave it out"#,
        ),
        (
            r#"fingerprint.parts = ["body", "querys"]"#,
            r#"4: fingerprint.parts: "querys" is not a value of this field; did you mean "query"?"#,
        ),
    ]);
}

#[test]
fn rule_10_1_mismatch_running_and_unknown() {
    complain(&[
        (
            r#"mismatch.resource = "id""#,
            r#"4: mismatch.resource: "id" is no JSON pointer to a member; a JSON pointer (RFC 6901) is meant, such as "/metadata/sent_at"; ~ is written ~0 and / in a name ~1"#,
        ),
        (
            r#"mismatch.while_running = "running""#,
            r#"4: mismatch.while_running: "running" is not a value of this field; write "mismatch-first" or "running-first""#,
        ),
        (
            r#"errors = { template = "own", body = '"{code}"' }
mismatch.explain = true"#,
            "5: mismatch.explain: has no effect: errors.body has no {differences}; add it to the body, or leave this out",
        ),
        (
            r#"errors = { template = "own", body = '"{code}"' }
mismatch.resource = "/id""#,
            "5: mismatch.resource: has no effect: errors.body has no {resource_id}; add it to the body, or leave this out",
        ),
        (
            "running.wait_seconds = 5",
            r#"4: running.wait_seconds: has no effect: the answer is "refuse"; write answer = "wait"; wait_cap_seconds alone lets clients ask for a wait"#,
        ),
        (
            r#"running = { answer = "wait", wait_seconds = 26 }"#,
            "4: running.wait_seconds: 26 is out of range; a whole number of seconds from 1 to 25 is meant",
        ),
        (
            r#"running = { answer = "wait", wait_cap_seconds = 5 }"#,
            "4: running.wait_cap_seconds: is less than the 10 s that a client waits who asks for nothing; raise it; or write 0, and no client can ask",
        ),
        (
            "running.wait_cap_seconds = 26",
            "4: running.wait_cap_seconds: 26 is out of range; a whole number of seconds from 0 to 25 is meant",
        ),
        (
            r#"unknown.lease_over = "run""#,
            r#"4: unknown.lease_over: "run" is not a value of this field; write "hold", "run-again" or "probe""#,
        ),
    ]);
}

#[test]
fn rule_10_1_outcome() {
    complain(&[
        (
            r#"outcome.edge.520 = "store""#,
            r#"4: outcome.edge.520: "store" is not a value of this field; write "release" or "hold""#,
        ),
        (
            r#"outcome.edge.528 = "hold""#,
            "4: outcome.edge.528: is no status that the edge makes (rule 7.2); it makes 520, 521, 522, 523, 524, 525, 526, 527, 530",
        ),
        (
            r#"outcome.edge = "hold""#,
            "4: outcome.edge: is of type string; a table is meant",
        ),
        (
            r#"outcome.not_sent = "store""#,
            r#"4: outcome.not_sent: "store" (keeping the gateway's own error as the answer) is not implemented in this version; use "release" or "hold""#,
        ),
        (
            r#"outcome.control_header = "Retry-After""#,
            r#"4: outcome.control_header: "Retry-After" has another meaning in HTTP; choose another name"#,
        ),
        (
            r#"outcome.control_header = "Idempotency-Key""#,
            r#"4: outcome.control_header: "idempotency-key" carries the key; name another header"#,
        ),
    ]);
}

#[test]
fn rule_10_1_never_store() {
    complain(&[
        (
            "outcome.never_store = [{}]",
            r#"4: outcome.never_store.request: does not say what it looks at; write either request = "query" or answer = "media-type"; two rules for two tests"#,
        ),
        (
            r#"outcome.never_store = [{ request = "query", answer = "json" }]"#,
            r#"4: outcome.never_store.request: one rule looks at the request or at the answer, not at both; write either request = "query" or answer = "media-type"; two rules for two tests"#,
        ),
        (
            r#"outcome.never_store = { request = "query" }"#,
            "4: outcome.never_store: is of type table; an array of tables ([[…]]) is meant",
        ),
        (
            r#"outcome.never_store = [{ request = "query" }]"#,
            "4: outcome.never_store.name: is missing; name the parameter or field; a final * stands for any rest",
        ),
        (
            r#"outcome.never_store = [{ request = "body", name = "a" }]"#,
            r#"4: outcome.never_store.request: "body" is not a value of this field; write "query", "form", "json" or "header""#,
        ),
        (
            r#"outcome.never_store = [{ request = "json", name = "a" }]"#,
            r#"4: outcome.never_store.name: unknown field; known here: then, request, answer, pointer, has
p.toml:4: outcome.never_store.pointer: is missing; write a JSON pointer, such as "/fields""#,
        ),
        (
            r#"outcome.never_store = [{ answer = "json", pointer = "/**/a/b" }]"#,
            r#"4: outcome.never_store.pointer: "/**/a/b" is not understood; "/**/NAME" names every member of that name; ** stands nowhere else"#,
        ),
        (
            r#"outcome.never_store = [{ request = "header", name = "a b" }]"#,
            r#"4: outcome.never_store.name: "a b" is not a header name; a token of RFC 9110 §5.6.2 is meant, such as "Idempotency-Key""#,
        ),
        (
            r#"outcome.never_store = [{ request = "form", name = "a", has = ["b c"] }]"#,
            r#"4: outcome.never_store.has: "b c" is not one word; values are split at commas and spaces: write one word"#,
        ),
        (
            r#"outcome.never_store = [{ request = "form", name = "a", is = ["b"] }]"#,
            "4: outcome.never_store.is: unknown field; known here: then, request, answer, name, has",
        ),
        (
            r#"outcome.never_store = [{ answer = "media-type" }]"#,
            r#"4: outcome.never_store.answer: names no media type; write is = ["application/pdf"], or not = ["application/json", "*+json"]"#,
        ),
        (
            r#"outcome.never_store = [{ answer = "media-type", is = [] }]"#,
            r#"4: outcome.never_store.answer: names no media type; write is = ["application/pdf"], or not = ["application/json", "*+json"]"#,
        ),
        (
            r#"outcome.never_store = [{ answer = "media-type", is = ["a/b"], not = ["c/d"] }]"#,
            r#"4: outcome.never_store.answer: has both is and not; write is = ["application/pdf"], or not = ["application/json", "*+json"]"#,
        ),
        (
            r#"outcome.never_store = [{ answer = "media-type", is = ["json"] }]"#,
            r#"4: outcome.never_store.is: "json" is not a media type; write one without parameters, such as "application/pdf", "text/*" or "*+json""#,
        ),
        (
            r#"outcome.never_store = [{ answer = "media-type", is = ["text/html; charset=utf-8"] }]"#,
            r#"4: outcome.never_store.is: "text/html; charset=utf-8" is not a media type; write one without parameters, such as "application/pdf", "text/*" or "*+json""#,
        ),
        (
            r#"outcome.never_store = [{ answer = "status" }]"#,
            r#"4: outcome.never_store.answer: "status" is not a value of this field; write "media-type", "header" or "json""#,
        ),
        (
            r#"outcome.never_store = [{ answer = "header", name = "a", then = "forget" }]"#,
            r#"4: outcome.never_store.then: "forget" is not a value of this field; write "release" or "spent""#,
        ),
    ]);
}

#[test]
fn rule_10_1_replay_authority_and_retention() {
    complain(&[
        (
            r#"replay = { allow = ["etag"], deny = ["date"] }"#,
            "4: replay.deny: has no effect: allow names the only headers to replay; leave one of the two out",
        ),
        (
            r#"replay = { allow = ["etag"], deny_also = ["date"] }"#,
            "4: replay.deny_also: has no effect: allow names the only headers to replay; leave one of the two out",
        ),
        (
            "replay.status = { 201 = 204 }",
            "4: replay.status.201: one of the two statuses never has a body, and the other may; map it to a status of its kind",
        ),
        (
            "replay.status = { 201 = 600 }",
            "4: replay.status.201: 600 is out of range; a status from 200 to 599 is meant",
        ),
        (
            "replay.status = { created = 200 }",
            "4: replay.status.created: is not a status; a status from 200 to 599 is meant, such as { 201 = 200 }",
        ),
        (
            "replay.status = 200",
            r#"4: replay.status: is neither "same" nor a table; write "same", or a table such as { 201 = 200 }"#,
        ),
        (
            r#"authority.request = "GET /v1/me""#,
            r#"4: authority.request: has no effect: nobody is asked; write ask = "origin" too"#,
        ),
        (
            r#"authority.ask = "origin""#,
            r#"4: authority.request: is missing; write GET or HEAD, and a path that needs the caller's credentials, such as request = "GET /v1/me""#,
        ),
        (
            r#"authority = { ask = "origin", request = "POST /v1/me" }"#,
            r#"4: authority.request: "POST /v1/me" is no request that could be asked safely; write GET or HEAD, and a path that needs the caller's credentials, such as request = "GET /v1/me""#,
        ),
        (
            "retention.refuse_seconds = 60",
            r#"4: retention.refuse_seconds: has no effect: an expired key is new; write after = "refuse" too"#,
        ),
        (
            r#"retention = { after = "refuse", refuse_seconds = 0 }"#,
            "4: retention.refuse_seconds: 0 is out of range; a whole number of seconds from 1 to 2592000 is meant",
        ),
    ]);
}

#[test]
fn rule_10_1_errors() {
    complain(&[
        (
            "errors.body = '{}'",
            r#"4: errors.body: belongs to template = "own"; write that too"#,
        ),
        (
            r#"errors.template = "own""#,
            r#"4: errors.body: is missing; write the JSON of an error, such as body = '{"error":{"code":"{code}","message":"{message}"}}'"#,
        ),
        (
            r#"errors = { template = "own", body = '{' }"#,
            r#"4: errors.body: is not JSON: EOF while parsing an object at line 1 column 1; write the JSON of an error, such as body = '{"error":{"code":"{code}","message":"{message}"}}'"#,
        ),
        (
            r#"errors = { template = "own", body = '{"a":"{cod}"}' }"#,
            "4: errors.body: {cod} is no placeholder; there is {code}, {message}, {title}, {type}, {status}, {retry_after}, {request_id}, {key}, {differences}, {resource_id}",
        ),
        (
            r#"errors = { template = "own", body = '{}', media_type = "json" }"#,
            r#"4: errors.media_type: "json" is not a media type; write one without parameters, such as "application/json""#,
        ),
        (
            r#"errors = { template = "own", body = '{}', media_type = "text/*" }"#,
            r#"4: errors.media_type: "text/*" is not a media type; write one without parameters, such as "application/json""#,
        ),
        (
            r#"errors.hints = ["should-retry"]"#,
            r#"4: errors.hints: "should-retry" is not a value of this field; did you mean "x-should-retry"?"#,
        ),
        (
            r#"errors.codes.key-resued = "A""#,
            r#"4: errors.codes.key-resued: is not a refusal of this gateway; did you mean "key-reused"?"#,
        ),
        (
            r#"errors.codes.3xx = "A""#,
            r#"4: errors.codes.3xx: is not a refusal of this gateway; docs/reference/refusals.md lists them; "4xx" and "5xx" stand for all others"#,
        ),
        (
            "errors.messages.internal = 3",
            "4: errors.messages.internal: is of type integer; a string is meant",
        ),
        (
            r#"errors.types.5xx = """#,
            r#"4: errors.types.5xx: "" says nothing, or has a control character; write text on one line, or leave it out"#,
        ),
    ]);
}

#[test]
fn rule_10_1_gateway_and_cors() {
    complain(&[
        (
            r#"gateway.ledger_down = "run""#,
            r#"4: gateway.ledger_down: "run" is not a value of this field; write "refuse" or "run-unguarded""#,
        ),
        (
            r#"gateway.key_to_origin = "hashed""#,
            r#"4: gateway.key_to_origin: "hashed" is not a value of this field; write "as-it-came", "derived" or "removed""#,
        ),
        (
            "gateway.signals = false",
            r#"4: gateway.signals: is of type boolean; "on" or "off" is meant"#,
        ),
        (
            r#"[cors]
origins = ["app.example"]"#,
            r#"5: cors.origins: "app.example" is not the origin of a site; write scheme and host as a browser sends them, such as "https://app.example.com", without a slash at the end; or "*""#,
        ),
        (
            r#"[cors]
origins = ["https://app.example/"]"#,
            r#"5: cors.origins: "https://app.example/" is not the origin of a site; write scheme and host as a browser sends them, such as "https://app.example.com", without a slash at the end; or "*""#,
        ),
        (
            r#"[cors]
origins = ["*"]
credentials = true"#,
            "6: cors.credentials: browsers send no credentials where every site may read (Fetch §3.2.5); name the sites",
        ),
        (
            "[cors]
credentials = true",
            r#"5: cors.credentials: has no effect: no site is named; name the sites: origins = ["https://app.example.com"]"#,
        ),
    ]);
}
