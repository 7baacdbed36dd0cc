//! What else header lines say: connection, caller, preferences, dates, tokens, the site of a browser, the origin's word (§2, §3, §6,
//! §8, §9).

use crate::{head, memory, policies};
use base64ct::{Base64UrlUnpadded, Encoding};
use reprise::protocol::claim::ScopeId;
use reprise::protocol::contract::{Contract, HOP_BY_HOP, RESERVED, ScopePart};
use reprise::protocol::control::Control;
use reprise::protocol::exchange::Exchange;
use reprise::protocol::headers::Headers;
use reprise::protocol::record::Sorted;
use reprise::protocol::request::Inbound;
use reprise::protocol::time::Time;
use reprise::protocol::{cors, first_sent, prefer, scope};
use serde::Deserialize;
use serde_json::Value;

/// When the requests come.
const NOW: Time = Time::from_millis(1_790_000_000_000);

/// Header lines; after an empty line, the claims of a token.
pub fn target(input: &[u8]) -> bool {
    let (text, claims) = head::split(input);
    let headers = head::headers(&text);
    connection(&headers);
    for contract in policies::contracts() {
        preference(contract, &headers);
        date(contract, &headers);
        caller(contract, &headers);
        answer(contract, &headers);
    }
    token(claims)
}

fn size(headers: &Headers) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum()
}

/// Nothing of one connection is left, and all else in its order (rule 6.3).
fn connection(headers: &Headers) {
    let mut end_to_end = headers.clone();
    memory::bounded(size(headers), 64, || end_to_end.remove_hop_by_hop());
    let named = |name: &str| {
        let mut listed = headers.lines("connection").flat_map(|line| line.split(','));
        listed.any(|item| !name.is_empty() && item.trim().eq_ignore_ascii_case(name))
    };
    let stays = |(name, _): &(&str, &str)| !HOP_BY_HOP.contains(name) && !named(name);
    assert!(
        end_to_end.iter().eq(headers.iter().filter(stays)),
        "rule 6.3"
    );
    let mut again = end_to_end.clone();
    again.remove_hop_by_hop();
    assert_eq!(again, end_to_end);
}

/// Nobody waits longer than the contract lets them, and what is applied is what is granted (rules 2.14 and 9.16).
fn preference(contract: &Contract, headers: &Headers) {
    let rules = &contract.running;
    let asked = memory::bounded(size(headers), 4, || prefer::wait(headers));
    let (wait, applied) = prefer::wait_ms(rules, headers);
    assert!(wait <= rules.wait_ms.max(rules.wait_cap_ms), "rule 2.14");
    match applied {
        Some(seconds) => {
            assert_eq!(seconds * 1000, wait, "rule 9.16");
            assert!(asked.is_some_and(|asked| asked >= seconds) && rules.wait_cap_ms > 0);
        }
        None => assert!(wait == rules.wait_ms && (asked.is_none() || rules.wait_cap_ms == 0)),
    }
    assert!(asked.is_none() || headers.has("prefer"));
}

/// Only a date that is neither ahead nor older than the retention lets a request through (rule 2.13).
fn date(contract: &Contract, headers: &Headers) {
    let judged = memory::bounded(size(headers), 4, || {
        first_sent::judge(contract, headers, NOW)
    });
    let Some(name) = &contract.key.first_sent else {
        return assert_eq!(judged, Ok(()));
    };
    let lines: Vec<&str> = headers.lines(name).collect();
    let date = match lines.as_slice() {
        [] => return assert_eq!(judged, Ok(())),
        [line] => Time::from_http_date(line),
        _ => None,
    };
    let fresh =
        |date: Time| NOW.since(date) < contract.retention.ms && date.since(NOW) <= 86_400_000;
    assert_eq!(judged.is_ok(), date.is_some_and(fresh), "rule 2.13");
    if let Some(date) = date {
        assert_eq!(Time::from_http_date(&date.http_date()), Some(date));
    }
}

fn request(headers: Headers) -> Inbound {
    Inbound::new("POST", "http://h/x?a=1", headers)
        .unwrap_or_else(|| unreachable!("it is absolute"))
}

/// A caller is told by the headers that the contract names, and by nothing else (rules 3.1 and 3.2).
fn caller(contract: &Contract, headers: &Headers) {
    let rules = &contract.scope;
    let shown = |part: &ScopePart| match part {
        ScopePart::Header(name) => headers.has(name),
        ScopePart::Claim(_) => headers.has("authorization"),
        ScopePart::Query(name) => name == "a",
        _ => false,
    };
    let whole = request(headers.clone());
    let credentials: Vec<&ScopePart> = rules
        .parts
        .iter()
        .filter(|part| part.is_credential())
        .collect();
    let none = !credentials.is_empty() && !credentials.into_iter().any(shown);
    assert_eq!(scope::is_anonymous(rules, &whole), none, "rule 3.2");
    let of = |headers: &Headers| scope::Scope::of(rules, &request(headers.clone()), "/x").caller();
    let id = memory::bounded(size(headers), 8, || of(headers));
    let counts = |name: &str| {
        rules.parts.iter().any(|part| match part {
            ScopePart::Header(header) => header == name,
            ScopePart::Claim(_) => name == "authorization",
            _ => false,
        })
    };
    let mut named = headers.clone();
    named.retain(|name, _| counts(name));
    assert_eq!(of(&named), id, "rule 3.1: another header counts");
    if named.iter().next().is_some() {
        assert_ne!(
            of(&Headers::new()),
            id,
            "rule 3.4: absent and empty are different"
        );
    }
}

/// Headers of an origin's answer: what is recorded, what it says itself, who may read it (rules 8.6, 8.7, 8.13, 9.7, 9.8, 9.9).
fn answer(contract: &Contract, headers: &Headers) {
    let sorted = memory::bounded(size(headers), 64, || Sorted::new(contract, headers.clone()));
    for (name, _) in sorted.recorded.iter() {
        let kept = !contract.replay.denies(name) && name != "content-length";
        assert!(
            kept && !HOP_BY_HOP.contains(&name),
            "rules 8.6 and 8.7: {name}"
        );
    }
    for (name, _) in sorted.recorded.iter().chain(sorted.first_only.iter()) {
        assert!(
            !RESERVED.contains(&name) && name != contract.replay.marker.header,
            "rule 9.7: {name}"
        );
        assert!(
            contract.control_header.as_deref() != Some(name),
            "rule 9.7: {name}"
        );
    }
    let control = Control::read(contract.control_header.as_deref(), headers);
    assert!(
        control
            .ttl_ms
            .is_none_or(|ttl| (60_000..=2_592_000_000).contains(&ttl)),
        "rule 8.13"
    );
    let mut exposed = headers.clone();
    memory::bounded(size(headers), 64, || {
        cors::expose(&mut exposed, Some(contract))
    });
    if headers.has("access-control-allow-origin") {
        let list = exposed
            .get("access-control-expose-headers")
            .unwrap_or_default();
        let mut names = list.split(',').map(str::trim);
        assert!(
            names.any(|name| name.eq_ignore_ascii_case(&contract.key.header)),
            "rule 9.8"
        );
    }
    let cors = &policies::ALL[0].cors;
    let exchange = Exchange::new([7; 16], &request(headers.clone()), cors);
    let mut replaced = headers.clone();
    exchange.site.replace(&mut replaced);
    let allowed = replaced.get("access-control-allow-origin");
    let asks = headers.get("origin");
    assert!(
        allowed.is_none_or(|allowed| allowed == "*" || asks.is_none_or(|asks| asks == allowed)),
        "rule 9.9"
    );
}

/// As another reader takes them: one `sub`, and any others.
#[derive(Deserialize)]
struct Claims {
    sub: Option<Value>,
}

/// Two tokens with the same claims are one caller exactly where they say who they are (rule 3.7).
fn token(claims: &[u8]) -> bool {
    let of = |credential: String| -> ScopeId {
        let mut headers = Headers::new();
        headers.push("authorization", credential);
        let claiming = |part: &ScopePart| matches!(part, ScopePart::Claim(_));
        let contract =
            policies::contracts().find(|contract| contract.scope.parts.iter().any(claiming));
        let rules = &contract
            .unwrap_or_else(|| unreachable!("a variation has a claim"))
            .scope;
        scope::Scope::of(rules, &request(headers), "/x").caller()
    };
    let payload = Base64UrlUnpadded::encode_string(claims);
    let one = memory::bounded(claims.len(), 64, || {
        of(format!("Bearer e30.{payload}.c2ln"))
    });
    let other = of(format!("bearer  e30.{payload}.dHdv"));
    let text = str::from_utf8(claims).unwrap_or_default();
    let object = text.trim_ascii_start().starts_with('{');
    let named = serde_json::from_str::<Claims>(text).ok().filter(|_| object);
    let names_a_caller = named
        .and_then(|claims| claims.sub)
        .is_some_and(|sub| match sub {
            Value::String(text) => !text.is_empty(),
            Value::Number(number) => !number.is_f64(),
            _ => false,
        });
    assert!(
        one != other || names_a_caller,
        "rule 3.7: two credentials are one caller"
    );
    assert!(
        one == other || !names_a_caller || claims.len() > 8192,
        "rule 3.7: a caller is not recognised"
    );
    one == other
}
