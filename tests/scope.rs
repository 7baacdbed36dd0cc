//! Who is asking, and which claim that gives (docs/protocol.md §3).

// A helper that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{policy, request};
use proptest::prelude::*;
use reprise::protocol::claim::ClaimId;
use reprise::protocol::contract::Contract;
use reprise::protocol::key::Key;
use reprise::protocol::scope;

/// The draft's contract with these parts, a TOML list.
fn contract(parts: &str) -> Contract {
    policy(&format!(
        "[[routes]]\nmatch = \"POST /*\"\n[routes.scope]\nparts = {parts}"
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
fn rule_3_1_only_the_named_parts_count() {
    one_claim(&[
        BASE,
        Input {
            url: "http://api.test/v2/refunds?q=1",
            ..BASE
        },
        Input {
            template: "/{any}/*",
            ..BASE
        },
        Input {
            headers: &[("authorization", "Bearer a"), ("X-Api-Key", "b")],
            ..BASE
        },
    ]);
}

#[test]
fn rule_3_1_each_named_part_tells_callers_apart() {
    const ALL: &str =
        "[\"header:authorization\", \"header:x-account\", \"host\", \"path\", \"literal:live\"]";
    let base = Input { parts: ALL, ..BASE };
    distinct_claims(&[
        base,
        Input {
            headers: &[("Authorization", "Bearer b")],
            ..base
        },
        Input {
            headers: &[("Authorization", "Bearer a"), ("X-Account", "1")],
            ..base
        },
        Input {
            headers: &[("Authorization", "Bearer a"), ("X-Account", "2")],
            ..base
        },
        Input {
            url: "http://eu.api.test/v1/orders",
            ..base
        },
        Input {
            template: "/v1/orders",
            ..base
        },
        Input {
            parts: "[\"header:authorization\", \"header:x-account\", \"host\", \"path\", \"literal:sandbox\"]",
            ..base
        },
        Input {
            parts: "[\"header:authorization\", \"header:x-account\", \"host\", \"path\"]",
            ..base
        },
        Input { key: "k-2", ..base },
    ]);
}

#[test]
fn rule_3_1_path_is_the_template_and_not_the_path() {
    let base = Input {
        parts: "[\"path\"]",
        template: "/v1/orders/{id}",
        ..BASE
    };
    one_claim(&[
        base,
        Input {
            url: "http://api.test/v1/orders/1",
            ..base
        },
        Input {
            url: "http://api.test/v1/orders/2",
            ..base
        },
    ]);
}

#[test]
fn rule_3_2_a_caller_with_none_of_the_named_headers_is_anonymous() {
    const TWO: &str = "[\"header:authorization\", \"header:x-api-key\", \"host\"]";
    const NONE: &str = "[\"host\", \"path\", \"literal:all\"]";
    const ONE: &str = "[\"header:authorization\", \"host\"]";
    type Lines = &'static [(&'static str, &'static str)];
    let cases: [(&str, Lines, bool); 10] = [
        (ONE, &[], true),
        (ONE, &[("Authorization", "Bearer a")], false),
        (ONE, &[("AUTHORIZATION", "Bearer a")], false),
        // Empty is not absent.
        (ONE, &[("Authorization", "")], false),
        (ONE, &[("X-Api-Key", "a"), ("Cookie", "a=b")], true),
        (TWO, &[], true),
        (TWO, &[("Authorization", "Bearer a")], false),
        (TWO, &[("X-Api-Key", "a")], false),
        // A contract that tells nobody apart by a header knows no anonymous callers.
        (NONE, &[], false),
        (NONE, &[("Authorization", "Bearer a")], false),
    ];
    for (parts, headers, anonymous) in cases {
        let request = request("POST", "http://h/", headers);
        assert_eq!(
            scope::is_anonymous(&contract(parts).scope, &request),
            anonymous,
            "{parts} {headers:?}"
        );
    }
}

#[test]
fn rule_3_3_a_value_that_shifts_between_parts_is_another_claim() {
    const TWO: &str = "[\"header:x-a\", \"header:x-b\"]";
    let two = Input { parts: TWO, ..BASE };
    distinct_claims(&[
        Input {
            headers: &[("X-A", "ab"), ("X-B", "")],
            ..two
        },
        Input {
            headers: &[("X-A", "a"), ("X-B", "b")],
            ..two
        },
        Input {
            headers: &[("X-A", ""), ("X-B", "ab")],
            ..two
        },
        Input {
            headers: &[("X-A", "b"), ("X-B", "a")],
            ..two
        },
        Input {
            headers: &[("X-A", "ab")],
            ..two
        },
        Input {
            headers: &[("X-B", "ab")],
            ..two
        },
        // From the last part into the key.
        Input {
            headers: &[("X-A", "a"), ("X-B", "bk")],
            key: "-1",
            ..two
        },
        Input {
            headers: &[("X-A", "a"), ("X-B", "b")],
            key: "k-1b",
            ..two
        },
    ]);
}

#[test]
fn rule_3_3_every_part_has_its_kind() {
    // Everywhere the value is `x`.
    let of = |parts| Input {
        parts,
        url: "http://x/",
        template: "x",
        headers: &[("X-A", "x"), ("X-B", "x")],
        ..BASE
    };
    distinct_claims(&[
        of("[\"header:x-a\"]"),
        of("[\"header:x-b\"]"),
        of("[\"host\"]"),
        of("[\"path\"]"),
        of("[\"literal:x\"]"),
    ]);
}

#[test]
fn rule_3_3_the_derivation_is_the_written_one() {
    // Computed apart from this code, as SHA-256 over `len(kind) kind 0|1 len(value) value`, lengths of eight bytes.
    // Another digest here makes every claim in the field look new: it takes a new version in the domain.
    let all = Input {
        parts: "[\"header:authorization\", \"host\", \"path\", \"literal:live\"]",
        ..BASE
    };
    assert_eq!(
        all.claim().to_hex(),
        "ba3dcc6df8b741144ddf23407449ccaba54759f5a781a96e3160ed70396b6b95"
    );
    let anonymous = Input {
        headers: &[],
        ..BASE
    };
    assert_eq!(
        anonymous.claim().to_hex(),
        "15a3e71cee5c10851a967ff88e7fd39533c02e0407f15885b1b42571b3b55fe2"
    );
}

#[test]
fn rule_3_3_quoted_and_bare_are_one_claim_and_the_case_of_a_key_is_not() {
    one_claim(&[
        BASE,
        Input {
            key: "\"k-1\"",
            ..BASE
        },
        Input {
            key: " k-1 ",
            ..BASE
        },
    ]);
    distinct_claims(&[
        BASE,
        Input { key: "K-1", ..BASE },
        Input {
            key: "k%2D1",
            ..BASE
        },
    ]);
}

#[test]
fn rule_3_4_the_host_is_in_lower_case_and_without_the_default_port() {
    let at = |url| Input {
        parts: "[\"host\"]",
        url,
        ..BASE
    };
    one_claim(&[
        at("http://api.test/"),
        at("http://API.Test/"),
        at("http://api.test:80/"),
        at("http://Api.Test:80"),
        at("https://api.test/"),
        at("https://api.test:443/"),
    ]);
    one_claim(&[at("http://[2001:DB8::1]/"), at("http://[2001:db8::1]:80/")]);
    distinct_claims(&[
        at("http://api.test/"),
        at("http://api.test:8080/"),
        at("http://api.test:443/"),
        at("https://api.test:80/"),
        at("http://api.test.evil/"),
        at("http://api/"),
    ]);
}

#[test]
fn rule_3_4_a_header_counts_as_it_came_but_for_surrounding_white_space() {
    one_claim(&[
        BASE,
        Input {
            headers: &[("authorization", " \tBearer a\t ")],
            ..BASE
        },
    ]);
    distinct_claims(&[
        BASE,
        Input {
            headers: &[("Authorization", "bearer a")],
            ..BASE
        },
        Input {
            headers: &[("Authorization", "Bearer A")],
            ..BASE
        },
        Input {
            headers: &[("Authorization", "Bearer  a")],
            ..BASE
        },
        Input {
            headers: &[("Authorization", "Bearer")],
            ..BASE
        },
        Input {
            headers: &[("Authorization", "")],
            ..BASE
        },
        Input {
            headers: &[],
            ..BASE
        },
    ]);
}

#[test]
fn rule_5_13_the_shard_is_the_first_eight_bytes_modulo_the_shards() {
    let id = |first: [u8; 8], rest: u8| {
        let mut digest = [rest; 32];
        digest[..8].copy_from_slice(&first);
        ClaimId::new(digest)
    };
    for (first, shards, shard) in [
        ([0; 8], 8, 0),
        ([0, 0, 0, 0, 0, 0, 0, 13], 8, 5),
        ([0, 0, 0, 0, 0, 0, 1, 0], 1000, 256),
        (
            [1, 0, 0, 0, 0, 0, 0, 0],
            1000,
            72_057_594_037_927_936 % 1000,
        ),
        ([0xff; 8], 1, 0),
        ([0xff; 8], 2, 1),
        ([0xff; 8], 7, u64::MAX % 7),
        ([0xff; 8], 1024, 1023),
    ] {
        // No other byte has a say.
        for rest in [0, 0x5a, 0xff] {
            assert_eq!(
                id(first, rest).shard(shards),
                shard,
                "{first:?} of {shards}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn edge_234_rule_3_3_a_claim_stands_for_one_header_value_and_one_key(
        // Few characters, so that pairs are near each other, and often equal.
        (a, b) in (("[ab]{0,2}", "[ab]{1,2}"), ("[ab]{0,2}", "[ab]{1,2}")),
    ) {
        let contract = contract(DRAFT);
        let of = |(value, key): &(String, String)| {
            claim(&contract, "http://h/", "/*", &[("Authorization", value), ("Idempotency-Key", key)])
        };
        prop_assert_eq!(of(&a) == of(&b), a == b);
    }

    #[test]
    fn rule_3_3_any_visible_value_and_any_key_are_told_from_their_neighbours(
        value in "[!-~]([ -~]{0,30}[!-~])?",
        key in "[!-~&&[^\",]]{1,40}",
        more in "[!-~&&[^\",]]",
    ) {
        let contract = contract(DRAFT);
        let of = |value: &str, key: &str| {
            claim(&contract, "http://h/", "/*", &[("Authorization", value), ("Idempotency-Key", key)])
        };
        let here = of(&value, &key);
        prop_assert_eq!(here, of(&value, &key));
        prop_assert_ne!(here, of(&format!("{value}{more}"), &key));
        prop_assert_ne!(here, of(&value, &format!("{key}{more}")));
    }

    #[test]
    fn rule_5_13_a_shard_is_one_of_the_shards(digest: [u8; 32], shards in prop_oneof![1..=4_u32, 1..=1024_u32]) {
        let shard = ClaimId::new(digest).shard(shards);
        prop_assert!(shard < u64::from(shards));
    }
}
