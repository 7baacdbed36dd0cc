//! What the longest input costs: memory that fits beside other requests, and time that grows with the length, not with its square.

use cpu_time::ThreadTime;
use reprise::protocol::contract::{FingerprintPart, FingerprintRules};
use reprise::protocol::fingerprint::{Fingerprint, form, json, multipart};
use reprise::protocol::headers::Headers;
use reprise::protocol::request::{Body, Inbound};
use reprise_fuzz::memory;
use std::hint::black_box;
use std::time::Duration;

/// Four times `limits.buffered_body`, by default.
const BODY: usize = 4 * 1024 * 1024;

/// An isolate has 128 MB for all its requests (platform limit); beside the body itself, one may hold this of it.
const MEMORY: u64 = 64 * 1024 * 1024;

/// `read` says whether it has read the text to its end: what is refused at once would prove little.
fn takes_little(what: &str, text: &str, to_its_end: bool, read: impl FnOnce(&[u8]) -> bool) {
    let (ended, most) = memory::peak(|| read(text.as_bytes()));
    assert!(most <= MEMORY, "{what} takes {most} bytes");
    assert_eq!(ended, to_its_end, "{what}");
}

/// Different short names.
fn name(number: usize) -> String {
    format!("{number:x}")
}

#[test]
fn rule_4_9_no_json_text_of_the_longest_kind_takes_much_memory() {
    let canonical = |text: &[u8]| black_box(json::canonical(text, &[])).is_some();
    let members = (0..1 << 18).map(|at| format!("\"{}\":1e20", name(at)));
    let members = members.collect::<Vec<_>>().join(",");
    let numbers = "1,".repeat((1 << 18) - 1);
    let escapes = "\\u0001".repeat(BODY / 6);
    for (what, text, read) in [
        ("a list that does not end", "[".repeat(BODY), false),
        ("lists", format!("[{}[]]", "[],".repeat(1 << 16)), true),
        ("numbers", format!("[{numbers}1]"), true),
        ("members", format!("{{{members}}}"), true),
        ("a text of escapes", format!("\"{escapes}\""), true),
        ("a long number", "1".repeat(BODY), false),
        ("a long fraction", format!("1.{}", "0".repeat(BODY)), true),
    ] {
        takes_little(what, &text, read, canonical);
    }
}

#[test]
fn rule_4_13_no_form_takes_much_memory() {
    let form = |text: &[u8]| black_box(form::read(text)).is_some();
    let pairs = (1 << 16) - 1;
    let differ = (0..pairs).map(|at| name(at) + "=&").collect();
    let long = format!("a={}", "%20".repeat(BODY / 3));
    for (what, text, read) in [
        ("empty pairs", "&".repeat(BODY), false),
        ("as many pairs as are counted", "a=1&".repeat(pairs), true),
        ("names that all differ", differ, true),
        ("one long pair", long, true),
    ] {
        takes_little(what, &text, read, form);
    }
}

fn form_data(body: &[u8]) -> Option<multipart::Multipart> {
    let mut hasher = multipart::Hasher::new("b");
    hasher.update(body);
    black_box(hasher.finish())
}

#[test]
fn rule_4_16_a_multipart_body_of_any_length_takes_the_same_memory() {
    const MOST: u64 = 1024 * 1024;
    let part = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
    for (what, body) in [
        ("a part too many", part.repeat((1 << 16) + 1) + "--b--"),
        (
            "a head too long",
            format!("--b\r\nContent-Disposition: {}", "a".repeat(BODY)),
        ),
        (
            "parameters",
            format!(
                "--b\r\nContent-Disposition: f{}\r\n\r\n\r\n--b--",
                ";a=b".repeat(4000)
            ),
        ),
        (
            "one long part",
            format!("{part}{}\r\n--b--", "-".repeat(BODY)),
        ),
        ("no part", "-".repeat(BODY)),
    ] {
        let ((), most) = memory::peak(|| drop(form_data(body.as_bytes())));
        assert!(most <= MOST, "{what} takes {most} bytes");
    }
}

/// The least that several runs took of the processor: what else the machine does hardly adds to it.
fn quickest(mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let started = ThreadTime::now();
        run();
        started.elapsed()
    };
    (0..5).map(timed).min().unwrap_or_default()
}

/// Eight times as much takes about eight times as long. By its square, it would be 64 times.
fn grows_evenly(what: &str, of: impl Fn(usize) -> Box<dyn FnMut()>) {
    let (one, eight) = (quickest(of(500)), quickest(of(4000)));
    assert!(
        eight < one * 24,
        "{what}: {one:?}, and {eight:?} for eight times as much"
    );
}

/// Heads of `length` bytes, as many of them as make 128 KiB; what stands between is `line`s of different names.
fn heads(length: usize, line: impl Fn(&str) -> String) -> Vec<u8> {
    let mut head = "Content-Disposition: f".to_owned();
    for at in 0.. {
        head += &line(&name(at));
        if head.len() >= length {
            break;
        }
    }
    let part = format!("--b\r\n{head}\r\n\r\n\r\n");
    (part.repeat(128 * 1024 / part.len()) + "--b--").into_bytes()
}

#[test]
fn rule_4_14_a_head_of_many_parameters_costs_no_more_than_many_small_heads() {
    let parameter = |name: &str| format!(";{name}=a");
    let (short, long) = (heads(1000, parameter), heads(16_000, parameter));
    let time = |body: &[u8]| {
        assert!(form_data(body).is_some());
        quickest(|| drop(form_data(body)))
    };
    let (short, long) = (time(&short), time(&long));
    assert!(long < short * 2, "{long:?}, and {short:?} in small heads");
}

#[test]
fn rule_6_3_headers_of_one_connection_are_found_in_time() {
    let of = |count: usize| -> Box<dyn FnMut()> {
        let mut headers = Headers::new();
        headers.push(
            "connection",
            (0..count).map(name).collect::<Vec<_>>().join(","),
        );
        for at in 0..count {
            headers.push(&format!("x{at}"), "");
        }
        Box::new(move || headers.clone().remove_hop_by_hop())
    };
    grows_evenly("names in Connection", of);
}

#[test]
fn rule_4_4_rule_4_9_rule_4_13_what_is_sorted_is_sorted_in_time() {
    let json = |count: usize| -> Box<dyn FnMut()> {
        let members: Vec<String> = (0..count).map(|at| format!("\"{}\":1", name(at))).collect();
        let text = format!("{{{}}}", members.join(","));
        Box::new(move || drop(json::canonical(text.as_bytes(), &[])))
    };
    grows_evenly("members", json);
    let form = |count: usize| -> Box<dyn FnMut()> {
        let text: String = (0..count).map(|at| name(at) + "=&").collect();
        Box::new(move || drop(form::read(text.as_bytes())))
    };
    grows_evenly("pairs", form);
    let query = |count: usize| -> Box<dyn FnMut()> {
        let text: String = (0..count).map(|at| format!("{}=%61&", name(at))).collect();
        let request = Inbound::new("POST", &format!("http://h/?{text}"), Headers::new());
        let rules = FingerprintRules {
            compare: true,
            parts: vec![FingerprintPart::Query],
            exclude: Vec::new(),
        };
        Box::new(move || {
            black_box(
                request
                    .as_ref()
                    .map(|request| Fingerprint::of(&rules, request, &Body::Absent)),
            );
        })
    };
    grows_evenly("parameters", query);
}
