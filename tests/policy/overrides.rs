//! A route over its contract, value by value: what a route says wins, and takes with it what the contract says beside it.

use reprise::protocol::code::Code;
use reprise::protocol::contract::{
    AfterExpiry, AuthorityRules, Contract, ErrorTemplate, Outcome, ReplayStatus, ScopePart, Test,
};
use reprise::protocol::policy::Policy;

/// A contract in which every switch is on.
const CONTRACT: &str = r#"
source = "a document"
methods = ["POST"]
key.header = "X-Key"
scope.parts = ["claim:sub"]
fingerprint = { parts = ["body"], exclude = ["/at"] }
mismatch = { explain = true, resource = "/id" }
running = { answer = "wait", wait_seconds = 12, wait_cap_seconds = 20 }
authority = { ask = "origin", request = "GET /me" }
retention = { after = "refuse", refuse_seconds = 60 }
replay = { status = { 201 = 200, 202 = 200 }, deny = ["date"], deny_also = ["x-trace"] }
[outcome]
store = ["2xx", "3xx", "4xx", "5xx"]
edge = { 520 = "release", 521 = "hold" }
[[outcome.never_store]]
request = "query"
name = "a"
[[outcome.never_store]]
request = "query"
name = "b"
[errors]
template = "own"
media_type = "text/json"
body = '{"c":"{code}","d":"{differences}","r":"{resource_id}"}'
hints = []
codes = { key-reused = "REUSED", internal = "INTERNAL" }
"#;

fn read(overrides: &str) -> Result<Contract, String> {
    let policy = format!(
        "origin = \"http://o\"\n[[routes]]\nmatch = \"POST /\"\ncontract = \"c\"\n{overrides}\n"
    );
    let policy = Policy::parse("p.toml", &policy, &[("c", CONTRACT)]);
    let policy = policy.map_err(|problems| problems.to_string())?;
    Ok(policy.routes.into_iter().next().unwrap().contract.unwrap())
}

/// The contract under these overrides, of which `same` undoes all that they are meant to do: nothing else has changed.
fn only(overrides: &str, same: impl Fn(&mut Contract, Contract)) -> Contract {
    let before = read("").unwrap();
    let after = read(overrides).unwrap_or_else(|said| panic!("{overrides}\n{said}"));
    let mut undone = after.clone();
    same(&mut undone, before.clone());
    assert_eq!(undone, before, "{overrides}");
    assert_ne!(after, before, "{overrides}");
    after
}

#[test]
fn rule_10_4_a_route_switches_off_what_its_contract_says_more_about() {
    let refuses = only("running.answer = \"refuse\"", |after, before| {
        after.running.wait_ms = before.running.wait_ms;
    });
    assert_eq!(
        (refuses.running.wait_ms, refuses.running.wait_cap_ms),
        (0, 20_000)
    );

    let new = only("retention.after = \"new\"", |after, before| {
        after.retention.after = before.retention.after;
    });
    assert_eq!(new.retention.after, AfterExpiry::New);

    let nobody = "authority.ask = \"none\"\nscope.parts = [\"host\"]";
    let nobody = only(nobody, |after, before| {
        after.authority = before.authority;
        after.scope = before.scope;
    });
    assert_eq!(nobody.authority, AuthorityRules::None);
    assert_eq!(nobody.scope.parts, [ScopePart::Host]);

    let problem = only("errors.template = \"problem+json\"", |after, before| {
        after.errors.template = before.errors.template;
    });
    assert_eq!(problem.errors.template, ErrorTemplate::ProblemJson);

    // The contract asks for differences, and this body has no room for them.
    only("errors.body = '\"{code}\"'", |after, before| {
        after.errors.template = before.errors.template;
    });

    only("fingerprint.compare = false", |after, before| {
        after.fingerprint.compare = before.fingerprint.compare;
        after.fingerprint.parts = before.fingerprint.parts;
    });
    only("fingerprint.parts = [\"body:exact\"]", |after, before| {
        after.fingerprint.parts = before.fingerprint.parts;
    });
}

#[test]
fn rule_10_4_a_routes_list_of_headers_takes_the_place_of_the_contracts() {
    let allow = only("replay.allow = [\"etag\"]", |after, before| {
        after.replay.recorded = before.replay.recorded;
    });
    assert!(allow.replay.denies("location") && !allow.replay.denies("etag"));
    let deny = only("replay.deny = [\"etag\"]", |after, before| {
        after.replay.recorded = before.replay.recorded;
    });
    assert!(
        deny.replay.denies("etag") && deny.replay.denies("x-trace") && !deny.replay.denies("date")
    );

    let allowing = CONTRACT.replace(
        "deny = [\"date\"], deny_also = [\"x-trace\"]",
        "allow = [\"etag\"]",
    );
    let over = |route: &str| {
        let policy = format!(
            "origin = \"http://o\"\n[[routes]]\nmatch = \"POST /\"\ncontract = \"c\"\n{route}"
        );
        Policy::parse("p.toml", &policy, &[("c", &allowing)])
            .map_err(|problems| problems.to_string())
    };
    let denying = over("replay.deny = [\"date\"]")
        .unwrap()
        .routes
        .remove(0)
        .contract
        .unwrap();
    assert!(denying.replay.denies("date") && !denying.replay.denies("location"));
    let mend = "p.toml:5: replay.deny_also: has no effect: allow names the only headers to replay; leave one of the two out";
    assert_eq!(
        over("replay.deny_also = [\"date\"]").map(|_| ()),
        Err(mend.to_owned())
    );
}

#[test]
fn rule_10_4_some_values_are_replaced_whole_and_some_one_by_one() {
    let mapped = only("replay.status = { 201 = 202 }", |after, before| {
        after.replay.status = before.replay.status;
    });
    assert_eq!(mapped.replay.status, ReplayStatus::Mapped(vec![(201, 202)]));
    let same = only("replay.status = \"same\"", |after, before| {
        after.replay.status = before.replay.status;
    });
    assert_eq!(same.replay.status, ReplayStatus::Same);

    let never = "[[routes.outcome.never_store]]\nanswer = \"json\"\npointer = \"/secret\"";
    let never = only(never, |after, before| {
        after.never_store = before.never_store
    });
    assert!(
        matches!(never.never_store.as_slice(), [rule] if matches!(rule.test, Test::AnswerJson(..)))
    );
    only("outcome.never_store = []", |after, before| {
        after.never_store = before.never_store;
    });

    let edge = only("outcome.edge.521 = \"release\"", |after, before| {
        after.outcome = before.outcome;
    });
    assert_eq!(
        [520, 521].map(|status| edge.outcome.edge(status)),
        [Outcome::Release; 2]
    );

    let code = only("errors.codes.key-reused = \"OTHER\"", |after, before| {
        after.errors.words = before.errors.words;
    });
    let word = |code: Code, contract: &Contract| {
        contract
            .errors
            .words(code)
            .and_then(|words| words.code.clone())
    };
    assert_eq!(word(Code::KeyReused, &code).as_deref(), Some("OTHER"));
    assert_eq!(word(Code::Internal, &code).as_deref(), Some("INTERNAL"));
}

/// What a route breaks is told in the route, even if half of it stands in the contract.
#[test]
fn rule_10_4_a_pair_that_a_route_breaks_is_its_own_fault() {
    for (route, expected) in [
        (
            "running.wait_seconds = 21",
            "p.toml:5: running.wait_cap_seconds: is less than the 21 s that a client waits who asks for nothing; raise it; \
             or write 0, and no client can ask",
        ),
        (
            "authority.ask = \"none\"",
            "p.toml:5: scope.parts: a claim tells callers apart, and nobody checks the token's signature before a replay; \
             add [authority] with ask = \"origin\" and a request that needs the token, such as request = \"GET /v1/me\"",
        ),
        (
            "errors = { template = \"own\", body = '\"{code}\"' }\nmismatch.resource = \"/name\"",
            "p.toml:6: mismatch.resource: has no effect: errors.body has no {resource_id}; add it to the body, or leave \
             this out",
        ),
        (
            "key.first_sent = \"X-Key\"",
            "p.toml:5: key.first_sent: \"x-key\" carries the key; name another header",
        ),
    ] {
        assert_eq!(read(route), Err(expected.to_owned()), "{route}");
    }
}
