//! No caller ever meets another's claims (docs/protocol.md rules 3.3, 3.6, 3.10 and 5.13): ids of claims and of callers under every
//! contract, against an independent reading of what tells callers apart.

// A test that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;
#[path = "isolation/oracle.rs"]
mod oracle;

use oracle::{Credential, Identity, Input};
use proptest::char::range;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reprise::protocol::compiled;
use reprise::protocol::contract::Contract;

/// The parts that a random contract is made of. Every name and value is short, so that they meet often.
const PARTS: [&str; 14] = [
    "header:authorization",
    "header:x-a",
    "header:x-ab",
    "claim:sub",
    "claim:org",
    "query:a",
    "query:ab",
    "host",
    "method",
    "path",
    "path:exact",
    "target",
    "literal:a",
    "literal:ab",
];

fn made_of(parts: &[&str]) -> Contract {
    let authority = "authority = { ask = \"origin\", request = \"GET /me\" }";
    fixture::contract(&format!("scope = {{ parts = {parts:?} }}\n{authority}"))
}

fn published(name: &str) -> Contract {
    fixture::contract(&format!("contract = {name:?}"))
}

fn names() -> Vec<&'static str> {
    compiled::CONTRACTS.iter().map(|(name, _)| *name).collect()
}

fn random_contract() -> impl Strategy<Value = Contract> {
    let any = subsequence(&PARTS, 1..=4).prop_shuffle();
    // Claims are read in the most complicated way; where the whole credential counts, too, that does not show.
    let claim = subsequence(&PARTS[4..], 0..=2)
        .prop_map(|parts| [&["claim:sub"], parts.as_slice()].concat());
    prop_oneof![any, claim].prop_map(|parts| made_of(&parts))
}

fn any_published() -> impl Strategy<Value = Contract> {
    select(names()).prop_map(published)
}

/// A part of a text that is often empty, often a prefix of another, and often equal.
const SHORT: &str = "[ab]{0,2}";

fn credential() -> impl Strategy<Value = Credential> {
    prop_oneof![
        SHORT.prop_map(Credential::Raw),
        ("sub|sub|org", SHORT).prop_map(|(name, value)| Credential::Text(name, value)),
        ("sub|sub|org", 0..3_u64).prop_map(|(name, value)| Credential::Number(name, value)),
    ]
}

fn credentials() -> impl Strategy<Value = Vec<Credential>> {
    prop_oneof![1 => Just(0), 4 => Just(1), 1 => Just(2)]
        .prop_flat_map(|lines| prop::collection::vec(credential(), lines))
}

/// A key that every contract takes: in the form of a UUID, and different in few characters.
const UUID: &str = "[ab]{2}000000-0000-4000-8000-0000000000[ab]{2}";

fn input() -> impl Strategy<Value = Input> {
    let lines = || prop::collection::vec(SHORT, 0..=2);
    let query = prop_oneof![
        Just(None),
        prop::collection::vec(("a|ab", prop::option::of(SHORT)), 0..=3).prop_map(Some),
    ];
    (
        (
            select(vec!["POST", "PATCH"]),
            "a|b|ab",
            "(/[ab]{1,2}){1,2}",
            query,
        ),
        (select(vec!["/*", "/a/*", "/{a}"]), credentials()),
        (lines(), lines(), lines(), lines()),
        UUID,
    )
        .prop_map(
            |(
                (method, host, path, query),
                (template, credentials),
                (a, ab, api_key, account),
                key,
            )| Input {
                method,
                host,
                path,
                query,
                template,
                credentials,
                headers: vec![
                    ("x-a", a),
                    ("x-ab", ab),
                    ("x-api-key", api_key),
                    ("stripe-account", account),
                ],
                key,
            },
        )
}

/// Both ids tell these two apart exactly where they are apart.
fn check(contract: &Contract, one: &Input, other: &Input, what: &str) -> Result<(), TestCaseError> {
    let ids = |input: &Input| oracle::ids(contract, input);
    let (Some((claim, caller)), Some((other_claim, other_caller))) = (ids(one), ids(other)) else {
        return Ok(()); // One of the two has no key that this contract takes.
    };
    let (who, other_who) = (Identity::of(contract, one), Identity::of(contract, other));
    prop_assert_eq!(
        caller == other_caller,
        who == other_who,
        "{}: {:?} and {:?}",
        what,
        who,
        other_who
    );
    let same = who == other_who && one.key == other.key;
    prop_assert_eq!(
        claim == other_claim,
        same,
        "{}: {:?} and {:?}",
        what,
        who,
        other_who
    );
    Ok(())
}

/// `one` against itself with each thing changed that can be.
fn check_changes(contract: &Contract, one: &Input, byte: char) -> Result<(), TestCaseError> {
    for (what, other) in oracle::changes(one, byte) {
        check(contract, one, &other, what)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn edge_234_rule_3_3_rule_3_6_any_two_requests_meet_only_where_they_are_one_callers(contract in random_contract(), one in input(), other in input()) {
        check(&contract, &one, &other, "two requests")?;
    }

    #[test]
    fn edge_234_rule_3_3_rule_3_6_any_change_that_the_contract_names_is_another_claim(contract in random_contract(), one in input(), byte in range('a', 'c')) {
        check_changes(&contract, &one, byte)?;
    }

    #[test]
    fn rule_3_3_rule_3_6_under_every_published_contract(contract in any_published(), one in input(), other in input(), byte in range('a', 'c')) {
        check(&contract, &one, &other, "two requests")?;
        check_changes(&contract, &one, byte)?;
    }
}

#[test]
fn rule_3_3_under_every_published_contract_another_key_or_credential_is_another_claim() {
    for name in names() {
        let contract = published(name);
        let one = Input::plain();
        let (claim, _) =
            oracle::ids(&contract, &one).unwrap_or_else(|| panic!("{name} takes the key"));
        let (mut apart, mut together) = (Vec::new(), Vec::new());
        for (what, other) in oracle::changes(&one, 'c') {
            let Some((other, _)) = oracle::ids(&contract, &other) else {
                continue;
            };
            if other == claim {
                together.push(what)
            } else {
                apart.push(what)
            }
        }
        for what in ["a byte of the key", "another key"] {
            assert!(apart.contains(&what), "{name}: {what}");
        }
        let by = if name == "surveycoder" {
            "a byte of an API key"
        } else {
            "a byte of the credential"
        };
        assert!(apart.contains(&by), "{name}: {by}");
        // What nobody named does not count, or a retry would be somebody else's.
        assert!(together.contains(&"another header"), "{name}");
    }
}

/// χ² of how `count` ids fall into `shards`.
fn chi_square(ids: impl Iterator<Item = u64>, shards: usize) -> f64 {
    let mut found = vec![0_u32; shards];
    let mut count = 0_u32;
    for shard in ids {
        let place = usize::try_from(shard)
            .ok()
            .and_then(|shard| found.get_mut(shard));
        *place.expect("one of the shards") += 1;
        count += 1;
    }
    let expected = f64::from(count) / found.len() as f64;
    let squares = found.iter().map(|n| (f64::from(*n) - expected).powi(2));
    squares.sum::<f64>() / expected
}

/// What χ² with so many degrees of freedom stays under, but for 3 of a million samples (Wilson and Hilferty, z = 4.5).
fn bound(freedom: f64) -> f64 {
    let ninth = 2.0 / (9.0 * freedom);
    freedom * (1.0 - ninth + 4.5 * ninth.sqrt()).powi(3)
}

#[test]
fn rule_5_13_shards_are_filled_evenly_by_the_keys_of_one_caller_and_by_the_callers_of_one_key() {
    const COUNT: u32 = 8_192;
    for name in ["redactr", "surveycoder"] {
        let contract = published(name);
        let ids = |input: &dyn Fn(u32) -> Input| -> Vec<_> {
            (0..COUNT)
                .map(|n| oracle::ids(&contract, &input(n)).expect("a key").0)
                .collect()
        };
        // As clients number them: nothing but the last digits differs.
        let keys = ids(&|n| Input {
            key: format!("order-{n}"),
            ..Input::plain()
        });
        let callers = ids(&|n| Input::plain().of_caller(&format!("sk_live_{n}")));
        for (what, claims) in [("keys", keys), ("callers", callers)] {
            for shards in [2_u32, 7, 8, 256] {
                let found = chi_square(
                    claims.iter().map(|claim| claim.shard(shards)),
                    shards as usize,
                );
                let most = bound(f64::from(shards - 1));
                assert!(
                    found < most,
                    "{name}, {what}, {shards} shards: χ² is {found:.1}, over {most:.1}"
                );
            }
        }
    }
}

#[test]
fn chi_square_finds_what_is_uneven() {
    assert!(chi_square((0..8_000).map(|n| n % 8), 8) < bound(7.0));
    // One shard in eight gets a sixth more than its share.
    let uneven = (0..8_000).map(|n| if n % 48 == 1 { 0 } else { n % 8 });
    assert!(chi_square(uneven, 8) > bound(7.0));
}
