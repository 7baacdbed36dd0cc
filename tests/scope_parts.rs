//! The parts of a scope beside headers and host: claims, parameters, method, target (docs/protocol.md §3).

// A helper that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;

use base64ct::{Base64UrlUnpadded, Encoding};
use fixture::{policy, request};
use reprise::protocol::claim::ClaimId;
use reprise::protocol::contract::Contract;
use reprise::protocol::key::Key;
use reprise::protocol::scope;

/// The draft's contract with these parts, a TOML list.
fn contract(parts: &str) -> Contract {
    policy(&format!(
        "[[routes]]\nmatch = \"POST /*\"\nscope = {{ parts = {parts} }}\n\
         authority = {{ ask = \"origin\", request = \"GET /me\" }}"
    ))
    .routes
    .remove(0)
    .contract
    .expect("a contract")
}

/// What a claim comes from.
#[derive(Debug, Clone, Copy)]
struct Input {
    parts: &'static str,
    url: &'static str,
    template: &'static str,
    headers: &'static [(&'static str, &'static str)],
    key: &'static str,
}

const DRAFT: &str = "[\"header:authorization\", \"host\"]";

const BASE: Input = Input {
    parts: DRAFT,
    url: "http://api.test/v1/orders",
    template: "/v1/*",
    headers: &[("Authorization", "Bearer a")],
    key: "k-1",
};

impl Input {
    fn claim(&self) -> ClaimId {
        let mut headers = self.headers.to_vec();
        headers.push(("Idempotency-Key", self.key));
        claim(&contract(self.parts), self.url, self.template, &headers)
    }
}

fn claim(contract: &Contract, url: &str, template: &str, headers: &[(&str, &str)]) -> ClaimId {
    let request = request("POST", url, headers);
    let key = Key::read(&contract.key, &request.headers)
        .expect("a good key")
        .expect("a key");
    scope::Scope::of(&contract.scope, &request, template).claim(&key)
}

/// All of them give one claim.
fn one_claim(inputs: &[Input]) {
    for input in inputs {
        assert_eq!(
            input.claim(),
            inputs[0].claim(),
            "{:?} and {input:?}",
            inputs[0]
        );
    }
}

/// Every two of them give two claims.
fn distinct_claims(inputs: &[Input]) {
    let claims: Vec<ClaimId> = inputs.iter().map(Input::claim).collect();
    for (i, a) in claims.iter().enumerate() {
        for (j, b) in claims.iter().enumerate().skip(i + 1) {
            assert_ne!(a, b, "{:?} and {:?}", inputs[i], inputs[j]);
        }
    }
}

#[test]
fn edge_047_rule_3_2_a_claim_and_a_parameter_are_credentials_too() {
    const CLAIM: &str = "[\"claim:sub\", \"host\"]";
    const QUERY: &str = "[\"query:api_key\"]";
    const BOTH: &str = "[\"header:x-api-key\", \"query:api_key\", \"method\", \"target\"]";
    type Lines = &'static [(&'static str, &'static str)];
    let cases: [(&str, &str, Lines, bool); 11] = [
        (CLAIM, "", &[], true),
        (CLAIM, "?sub=1", &[("X-Api-Key", "a")], true),
        (CLAIM, "", &[("Authorization", "Basic eDp5")], false),
        (CLAIM, "", &[("Authorization", "")], false),
        (QUERY, "", &[("Authorization", "a")], true),
        (QUERY, "?a=api_key", &[], true),
        (QUERY, "?api_key=", &[], false),
        (QUERY, "?api_key", &[], false),
        (QUERY, "?a=b&api%5Fkey=c", &[], false),
        (BOTH, "?api_key=c", &[], false),
        (BOTH, "?a=b", &[("Authorization", "a")], true),
    ];
    for (parts, query, headers, anonymous) in cases {
        let request = request("POST", &format!("http://h/{query}"), headers);
        assert_eq!(
            scope::is_anonymous(&contract(parts).scope, &request),
            anonymous,
            "{parts} {query} {headers:?}"
        );
    }
}

/// `Authorization` with a token of these claims.
fn bearer(payload: &str) -> String {
    let segment = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    format!(
        "Bearer {}.{}.c2ln",
        segment("{\"alg\":\"none\"}"),
        segment(payload)
    )
}

/// The claim of a caller with this `Authorization`, where the scope is `claim:sub`.
fn of_credential(credential: &str) -> ClaimId {
    let headers = [("Authorization", credential), ("Idempotency-Key", "k")];
    claim(&by_subject(), "http://h/", "/*", &headers)
}

fn by_subject() -> Contract {
    contract("[\"claim:sub\"]")
}

#[test]
fn edge_043_edge_240_rule_3_7_a_refreshed_token_is_the_same_caller() {
    let ada = of_credential(&bearer(r#"{"sub":"ada","exp":1}"#));
    for payload in [
        r#"{"sub":"ada","exp":2}"#,
        r#"{"exp":2,"jti":"x","sub":"ada"}"#,
        r#"{"sub":"\u0061da"}"#,
        r#"{"a":{"sub":"eve"},"sub":"ada"}"#,
    ] {
        assert_eq!(of_credential(&bearer(payload)), ada, "{payload}");
    }
    let token = bearer(r#"{"sub":"ada"}"#);
    for credential in [
        token.replace("Bearer ", "bearer "),
        token.replace("Bearer ", "BEARER   "),
        token.replace(".c2ln", ".b3RoZXI"),
        token.replace(".c2ln", "."),
    ] {
        assert_eq!(of_credential(&credential), ada, "{credential}");
    }
    assert_ne!(of_credential(&bearer(r#"{"sub":"eve"}"#)), ada);
    assert_ne!(of_credential(&bearer(r#"{"sub":"Ada"}"#)), ada);
}

#[test]
fn rule_3_7_a_number_is_no_text_and_no_rounded_number() {
    let distinct = [
        r#"{"sub":1}"#,
        r#"{"sub":"1"}"#,
        r#"{"sub":-1}"#,
        r#"{"sub":1.0}"#,
        r#"{"sub":18446744073709551615}"#,
        // As doubles, these two are one.
        r#"{"sub":36893488147419103232}"#,
        r#"{"sub":36893488147419103233}"#,
    ]
    .map(|payload| of_credential(&bearer(payload)));
    for (i, one) in distinct.iter().enumerate() {
        assert!(!distinct[i + 1..].contains(one), "{i}");
    }
    assert_eq!(
        of_credential(&bearer(r#"{"sub":1,"exp":1}"#)),
        of_credential(&bearer(r#"{"sub":1,"exp":2}"#))
    );
}

#[test]
fn rule_3_7_any_other_credential_counts_by_its_own_value() {
    let token = bearer(r#"{"sub":"ada"}"#);
    let mut credentials = vec![
        String::new(),
        "ada".to_owned(),
        "Bearer ada".to_owned(),
        token.replace("Bearer ", ""),
        token.replace("Bearer ", "Token "),
        token.replace(".c2ln", ""),
        format!("{token}.x"),
        token.replace(".c2ln", ".c2ln, x"),
        bearer(r#"{"sub":"ada1"}"#).replace(".c2ln", "=.c2ln"),
        format!("Bearer a.{}.c", "!!!!"),
        // Not UTF-8, where nobody has to look.
        format!(
            "Bearer a.{}.c",
            Base64UrlUnpadded::encode_string(b"{\"x\":\"\xff\",\"sub\":\"ada\"}")
        ),
    ];
    for payload in [
        "",
        "ada",
        "\"ada\"",
        "[]",
        "{}",
        "{",
        "{} ",
        r#"{"sub":null}"#,
        r#"{"sub":true}"#,
        r#"{"sub":""}"#,
        r#"{"sub":"","exp":1}"#,
        r#"{"sub":["ada"]}"#,
        r#"{"sub":{"a":1}}"#,
        r#"{"sub":1.5}"#,
        r#"{"Sub":"ada"}"#,
        r#"{"sub":"ada","sub":"eve"}"#,
        r#"{"sub":"eve","sub":"ada"}"#,
        r#"{"sub":"ada"} x"#,
    ] {
        credentials.push(bearer(payload));
    }
    let mut seen: Vec<ClaimId> = vec![of_credential(&token)];
    for credential in &credentials {
        let one = of_credential(credential);
        assert!(!seen.contains(&one), "{credential}");
        seen.push(one);
    }
    // The raw value may be chosen by its sender: it never becomes the claim of somebody else.
    assert_ne!(
        of_credential("ada"),
        of_credential(&bearer(r#"{"sub":"ada"}"#))
    );
}

#[test]
fn rule_3_7_a_credential_on_several_lines_or_of_any_size_is_nobody_elses() {
    let token = bearer(r#"{"sub":"ada"}"#);
    let two = |other: &str| {
        let headers = [
            ("Authorization", token.as_str()),
            ("Authorization", other),
            ("Idempotency-Key", "k"),
        ];
        claim(&by_subject(), "http://h/", "/*", &headers)
    };
    assert_ne!(two("x"), of_credential(&token));
    assert_ne!(two("x"), two("y"));
    let sized = |exp: char, length: usize| {
        let fill = "0".repeat(length);
        bearer(&format!("{{\"sub\":\"ada\",\"a\":\"{exp}{fill}\"}}"))
    };
    let (small, large) = (sized('1', 12_000), sized('1', 12_400));
    assert!(
        small.len() <= 16 * 1024 && large.len() > 16 * 1024,
        "{} {}",
        small.len(),
        large.len()
    );
    assert_eq!(of_credential(&small), of_credential(&token));
    assert_ne!(of_credential(&large), of_credential(&token));
    assert_ne!(of_credential(&large), of_credential(&sized('2', 12_400)));
}

#[test]
fn rule_3_9_every_parameter_of_the_name_counts_as_it_came() {
    let of = |query| Input {
        parts: "[\"query:api_key\"]",
        url: query,
        ..BASE
    };
    one_claim(&[
        of("http://h/?api_key=a~b"),
        of("http://h/?api_key=a%7Eb"),
        of("http://h/?api_key=%61%7eb"),
        of("http://h/?api%5Fkey=a~b"),
        of("http://h/other?x=1&api_key=a~b&y"),
    ]);
    one_claim(&[
        of("http://h/?api_key"),
        of("http://h/?api_key="),
        of("http://h/?&api_key=&"),
    ]);
    distinct_claims(&[
        of("http://h/"),
        of("http://h/?api_key="),
        of("http://h/?api_key=&api_key="),
        of("http://h/?api_key=a"),
        of("http://h/?api_key=b"),
        of("http://h/?api_key=A"),
        of("http://h/?api_key=a&api_key=b"),
        of("http://h/?api_key=b&api_key=a"),
        of("http://h/?api_key=a,b"),
        of("http://h/?api_key=a+b"),
        of("http://h/?api_key=a%20b"),
        of("http://h/?api_key=a=b"),
        of("http://h/?api_key=%FF"),
        of("http://h/?api_key=%FE"),
    ]);
}

#[test]
fn rule_3_9_method_and_target_are_those_of_the_request() {
    let of = |url| Input {
        parts: "[\"target\"]",
        url,
        ..BASE
    };
    one_claim(&[
        of("http://h/a?x=~&y"),
        of("http://h/b/../%61?x=%7E&y"),
        of("http://other/a?x=%7e&y"),
    ]);
    one_claim(&[of("http://h/a"), of("http://h/a?")]);
    distinct_claims(&[
        of("http://h/a"),
        of("http://h/a/"),
        of("http://h/a?x"),
        of("http://h/a?x="),
        of("http://h/a?x=1&y=2"),
        of("http://h/a?y=2&x=1"),
        of("http://h/a%3Fx"),
        of("http://h/a?%78%3D"),
    ]);
    let method = |method: &str| {
        let contract = contract("[\"method\"]");
        let request = request(method, "http://h/", &[("Idempotency-Key", "k")]);
        let key = Key::read(&contract.key, &request.headers)
            .expect("a good key")
            .expect("a key");
        scope::Scope::of(&contract.scope, &request, "/*").claim(&key)
    };
    assert_eq!(method("POST"), method("post"));
    assert_ne!(method("POST"), method("PATCH"));
}

#[test]
fn rule_3_3_no_kind_of_part_meets_another() {
    // Everywhere the value is `x`, as far as it can be.
    let of = |parts| Input {
        parts,
        url: "http://x/x?x=x",
        template: "x",
        headers: &[("X", "x"), ("Authorization", "x")],
        ..BASE
    };
    distinct_claims(&[
        of("[\"header:x\"]"),
        of("[\"header:authorization\"]"),
        of("[\"query:x\"]"),
        of("[\"host\"]"),
        of("[\"path\"]"),
        of("[\"method\"]"),
        of("[\"target\"]"),
        of("[\"literal:x\"]"),
        of("[\"header:x\", \"query:x\"]"),
        of("[\"query:x\", \"header:x\"]"),
    ]);
}

#[test]
fn rule_3_6_who_is_asking_depends_on_the_scope_and_not_on_the_key() {
    let caller = |parts: &str, token: &str, key: &str| {
        let headers = [("Authorization", token), ("Idempotency-Key", key)];
        let request = request("POST", "http://h/", &headers);
        scope::Scope::of(&contract(parts).scope, &request, "/*").caller()
    };
    assert_eq!(caller(DRAFT, "a", "k"), caller(DRAFT, "a", "l"));
    assert_ne!(caller(DRAFT, "a", "k"), caller(DRAFT, "b", "k"));
    assert_ne!(
        caller(DRAFT, "a", "k"),
        caller("[\"header:authorization\"]", "a", "k")
    );
    assert_eq!(
        caller("[\"host\"]", "a", "k"),
        caller("[\"host\"]", "b", "l")
    );
}

#[test]
fn rule_3_8_the_derived_key_is_a_uuid_that_the_claim_alone_decides() {
    // Computed apart from this code. An origin may remember these keys: the derivation may not change.
    assert_eq!(
        scope::origin_key(ClaimId::new([0; 32])),
        "6e7856f4-417e-8a39-9601-d79edca38559"
    );
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..=255 {
        let uuid = scope::origin_key(ClaimId::new([n; 32]));
        let groups: Vec<&str> = uuid.split('-').collect();
        assert_eq!(
            groups.iter().map(|g| g.len()).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12],
            "{uuid}"
        );
        assert!(
            uuid.bytes()
                .all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            "{uuid}"
        );
        assert!(groups[2].starts_with('8'), "{uuid}");
        assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
        assert!(seen.insert(uuid));
    }
}
