//! What a sketch holds, and what it does not (rule 4.20).

use super::sketch::{SALT, Sent, all, differ, json_differs};
use super::*;
use reprise::protocol::fingerprint::sketch::{differences, sketch};
use serde_json::json;

#[test]
fn rule_4_20_a_body_of_too_many_or_too_long_leaves_is_sketched_as_a_whole() {
    let list = |count: usize, last: usize| {
        let mut items = vec!["1".to_owned(); count - 1];
        items.push(last.to_string());
        format!("[{}]", items.join(","))
    };
    assert_eq!(
        json_differs(&list(64, 1), &list(64, 2)),
        json!([{"part": "body", "pointer": "/63"}])
    );
    assert_eq!(
        json_differs(&list(65, 1), &list(65, 2)),
        json!([{"part": "body"}])
    );
    let named = |length: usize, value: u32| format!("{{\"{}\":{value}}}", "x".repeat(length));
    assert_ne!(
        json_differs(&named(255, 1), &named(255, 2)),
        json!([{"part": "body"}])
    );
    assert_eq!(
        json_differs(&named(256, 1), &named(256, 2)),
        json!([{"part": "body"}])
    );
    let long = |length: usize, end: &str| format!("[\"{}{end}\"]", "x".repeat(length));
    assert_ne!(
        json_differs(&long(65_000, "a"), &long(65_000, "b")),
        json!([{"part": "body"}])
    );
    assert_eq!(
        json_differs(&long(66_000, "a"), &long(66_000, "b")),
        json!([{"part": "body"}])
    );
}

#[test]
fn rule_4_20_only_what_is_compared_is_sketched() {
    let path = rules("parts = [\"path\"]");
    let then = Sent::json("{\"a\":1}");
    let now = Sent {
        method: "PUT",
        ..Sent::json("{\"a\":2}").with("X-V", "2")
    };
    assert_eq!(then.sketch(&path), now.sketch(&path));
    assert_eq!(differ(&path, &then, &now), json!([]));
    let nothing = rules("compare = false");
    assert_eq!(then.sketch(&nothing), now.sketch(&nothing));
    let exact = rules("parts = [\"body:exact\"]");
    assert_eq!(differ(&exact, &then, &now), json!([{"part": "body"}]));
    assert_eq!(
        differ(&exact, &then, &Sent::json("{\"a\": 1}")),
        json!([{"part": "body"}])
    );
}

#[test]
fn rule_4_20_a_sketch_fits_whatever_a_contract_compares() {
    let header = |count: usize| {
        let names: Vec<String> = (0..count)
            .map(|name| format!("\"header:x-{name}\""))
            .collect();
        rules(&format!("parts = [{}, \"body\"]", names.join(", ")))
    };
    let [then, now] = [Sent::json("{\"a\":1}"), Sent::json("{\"a\":2}")];
    for (count, expected) in [
        (100, json!([{"part": "body", "pointer": "/a"}])),
        (253, json!([{"part": "body"}])),
        (300, json!([])),
    ] {
        assert_eq!(differ(&header(count), &then, &now), expected, "{count}");
    }
}

#[test]
fn rule_4_20_a_sketch_says_nothing_without_its_salt_and_holds_no_content() {
    let rules = all();
    let (request, contents) = Sent::json("{\"card\":\"4242424242424242\"}").read(&rules);
    let one = sketch(&rules, &SALT, &request, &contents);
    assert_eq!(one, sketch(&rules, &SALT, &request, &contents));
    let other = sketch(&rules, &[7; 16], &request, &contents);
    // But for the numbers of the encoding, which are the same.
    let shared = one.iter().zip(&other).filter(|(a, b)| a == b).count();
    assert!(shared < 15, "{shared} of {}", one.len());
    assert!(
        !one.windows(4)
            .any(|window| window == b"4242" || window == b"card")
    );
    let (now, changed) = Sent::json("{\"card\":\"1\"}").read(&rules);
    assert_eq!(differences(&rules, &[7; 16], &one, &now, &changed), []);
    assert_eq!(differences(&rules, &SALT, &one, &now, &changed).len(), 1);
}

#[test]
fn rule_4_20_a_sketch_does_not_say_that_two_leaves_have_one_value() {
    let stored = Sent::json("{\"a\":\"x\",\"b\":\"x\"}").sketch(&all());
    let mut pieces: Vec<&[u8]> = stored.windows(4).collect();
    let count = pieces.len();
    pieces.sort_unstable();
    pieces.dedup();
    assert_eq!(pieces.len(), count);
}

#[test]
fn rule_4_20_a_damaged_sketch_tells_no_differences() {
    let rules = all();
    let stored = Sent::json("{\"a\":1,\"b\":[2,3]}").sketch(&rules);
    let now = Sent {
        method: "PUT",
        ..Sent::json("{\"a\":2}")
    };
    assert_eq!(now.against(&rules, &stored).len(), 3);
    for bit in 0..stored.len() * 8 {
        let mut damaged = stored.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(now.against(&rules, &damaged), [], "{bit}");
    }
    for length in 0..stored.len() {
        assert_eq!(now.against(&rules, &stored[..length]), [], "{length}");
    }
    let longer = [stored.as_slice(), &[0]].concat();
    assert_eq!(now.against(&rules, &longer), []);
}
