//! The bytes of a stored record, from a row or from KV (rule 8.1).

use crate::{memory, policies};
use reprise::protocol::exchange::Exchange;
use reprise::protocol::fingerprint::Print;
use reprise::protocol::headers::Headers;
use reprise::protocol::record::Record;
use reprise::protocol::replay::{self, Head};
use reprise::protocol::time::Time;

/// What a list may claim for itself before it is read (1 MiB, by `serde`), and once more while it grows.
pub const CLAIMED: u64 = 2 * 1024 * 1024;
/// A header line in memory is 48 bytes, on the wire two at least; the list of them doubles as it grows.
pub const PER_BYTE: u64 = 96;

/// What a row holds.
pub fn target(input: &[u8]) -> bool {
    if let Some(print) = Print::from_bytes(input) {
        assert_eq!(print.to_bytes(), input, "rule 4.22");
    }
    let read = memory::bounded_beside(CLAIMED, input.len(), PER_BYTE, || Record::decode(input));
    let Ok((record, rest)) = read else {
        return false;
    };
    assert!(input.ends_with(rest));
    let mut bytes = record.encode().unwrap_or_else(|error| panic!("{error}"));
    bytes.extend(rest);
    assert_eq!(
        Record::decode(&bytes),
        Ok((record.clone(), rest)),
        "rule 8.1"
    );
    for contract in policies::contracts() {
        let exchange = Exchange {
            id: "0".repeat(32),
            ..Exchange::default()
        };
        let now = Time::from_millis(1_790_000_000_000);
        can_be_sent(&replay::first(&record, Headers::new(), contract, &exchange));
        can_be_sent(&replay::replay(&record, contract, &exchange, now));
    }
    true
}

/// What the runtime takes: it throws at any other name, value or status.
fn can_be_sent(head: &Head) {
    assert!((200..=599).contains(&head.status), "{}", head.status);
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    for (name, value) in head.headers.iter() {
        assert!(
            !name.is_empty() && name.bytes().all(token),
            "rule 8.1: {name:?} is no name"
        );
        assert!(
            !value.contains(['\0', '\r', '\n']),
            "rule 8.1: {name}: {value:?}"
        );
    }
}
