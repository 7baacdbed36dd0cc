//! Differences, told from the bytes of a stored sketch (rules 4.20 and 4.21).

use crate::memory;
use reprise::protocol::compiled;
use reprise::protocol::contract::{Contract, FingerprintPart};
use reprise::protocol::fingerprint::Contents;
use reprise::protocol::fingerprint::sketch::{
    Difference, MAX_DIFFERENCES, differences, seal, sketch,
};
use reprise::protocol::headers::Headers;
use reprise::protocol::request::{Body, Inbound};
use std::sync::LazyLock;

/// The salt of every sketch here.
pub const SALT: [u8; 16] = [3; 16];

static RULES: LazyLock<Contract> = LazyLock::new(|| {
    let text = compiled::CONTRACTS.iter().find(|(name, _)| *name == "ietf");
    let (_, text) = text.unwrap_or_else(|| unreachable!("ietf is compiled in"));
    let mut contract =
        Contract::parse("ietf", text).unwrap_or_else(|problems| panic!("{problems}"));
    contract
        .fingerprint
        .parts
        .push(FingerprintPart::Header("x-version".to_owned()));
    contract
});

/// Whether the body is a form (1) or JSON (0); the length of the sketch, in two bytes; the sketch, without its seal; the body of
/// the request at hand.
pub fn target(input: &[u8]) -> bool {
    let [form, high, low, rest @ ..] = input else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (stored, body) = rest.split_at(length.min(rest.len()));
    let request = request(form & 1 == 1);
    let contents = Contents::of(&RULES.fingerprint, &request, &Body::Bytes(body.to_vec()));
    // Damaged: without a seal that fits, it tells nothing.
    let tell = |stored: &[u8]| differences(&RULES.fingerprint, &SALT, stored, &request, &contents);
    let damaged = [stored, &seal(&SALT, stored).map(|byte| !byte)].concat();
    assert!(tell(&damaged).is_empty(), "rule 4.20");
    // Sealed all the same: it never says more than it may.
    let sealed = sealed(stored);
    let told = memory::bounded_beside(1 << 20, input.len(), 1024, || tell(&sealed));
    judge(&told, body);
    let own = sketch(&RULES.fingerprint, &SALT, &request, &contents);
    assert!(
        tell(&own).is_empty(),
        "rule 4.21: a request differs from itself"
    );
    !told.is_empty()
}

/// A sketch with the seal that the gateway would have put on it.
pub fn sealed(sketch: &[u8]) -> Vec<u8> {
    [sketch, &seal(&SALT, sketch)].concat()
}

/// The request whose differences are told.
pub fn request(form: bool) -> Inbound {
    let mut headers = Headers::new();
    let kind = if form {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    headers.push("content-type", kind);
    Inbound::new("POST", "http://h/x?a=1", headers)
        .unwrap_or_else(|| unreachable!("it is absolute"))
}

/// The sketch of that request with this body, as it is stored.
pub fn stored(form: bool, body: &[u8]) -> Vec<u8> {
    let request = request(form);
    let contents = Contents::of(&RULES.fingerprint, &request, &Body::Bytes(body.to_vec()));
    sketch(&RULES.fingerprint, &SALT, &request, &contents)
}

fn judge(told: &[Difference], body: &[u8]) {
    assert!(told.len() <= MAX_DIFFERENCES, "rule 4.21");
    for (at, difference) in told.iter().enumerate() {
        assert!(
            !told[..at].contains(difference),
            "told twice: {difference:?}"
        );
        let name = match difference {
            Difference::Pointer { pointer: name } | Difference::Field { name } => name,
            Difference::Missing { missing } => {
                assert!(*missing > 0);
                continue;
            }
            _ => continue,
        };
        assert!(
            name.len() <= 256 && name.len() <= 2 * body.len(),
            "rule 4.20: {name}"
        );
    }
}
