//! What every answer of the gateway's own must be, whoever has asked what.

use reprise::protocol::replay::Head;
use serde_json::Value;

/// No refusal is longer: its detail quotes the contract, and its key is of 1,024 characters at most.
const LONGEST: usize = 8 * 1024;

/// Whether the runtime takes head and body, and a client can read them.
///
/// # Panics
/// Where not.
pub fn is_sound(head: &Head, body: &str) {
    assert!((400..=599).contains(&head.status), "{}", head.status);
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    for (name, value) in head.headers.iter() {
        assert!(
            !name.is_empty() && name.bytes().all(token),
            "{name:?} is no name"
        );
        assert!(
            value.bytes().all(|byte| (0x20..=0x7e).contains(&byte)),
            "{name}: {value:?}"
        );
    }
    let kind = head.headers.get("content-type").unwrap_or_default();
    if kind.ends_with("json") {
        assert!(serde_json::from_str::<Value>(body).is_ok(), "{body}");
    }
    assert!(body.len() <= LONGEST, "{} bytes", body.len());
}
