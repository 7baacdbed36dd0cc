//! `application/x-www-form-urlencoded`, against another reader (rule 4.13).

use crate::memory;
use form_urlencoded::{Serializer, parse};
use reprise::protocol::fingerprint::form::{Form, read, root};

/// A form.
pub fn target(input: &[u8]) -> bool {
    let Some(form) = memory::bounded(input.len(), 256, || read(input)) else {
        return false;
    };
    let pairs: Vec<&[u8]> = input.split(|byte| *byte == b'&').collect();
    let digest = |pairs: &[Vec<u8>]| read(&pairs.join(&b'&')).map(|form| form.digest);
    let spelled: Vec<Vec<u8>> = pairs.iter().map(|pair| spelled(pair)).collect();
    assert_eq!(
        digest(&spelled),
        Some(form.digest),
        "rule 4.13: another spelling"
    );
    let mut turned = spelled;
    turned.sort_by_key(|pair| std::cmp::Reverse(name(pair)));
    assert_eq!(
        digest(&turned),
        Some(form.digest),
        "rule 4.13: another order"
    );
    // The other reader leaves empty pairs out, and takes `a` for `a=`.
    if pairs.iter().all(|pair| pair.contains(&b'=')) {
        let respelled = Serializer::new(String::new())
            .extend_pairs(parse(input))
            .finish();
        assert_eq!(
            read(respelled.as_bytes()).as_ref(),
            Some(&form),
            "rule 4.13: the other reader reads something else"
        );
        changed(&form, input);
    }
    true
}

/// Every byte escaped but the one that parts name and value.
fn spelled(pair: &[u8]) -> Vec<u8> {
    let halves = pair.splitn(2, |byte| *byte == b'=');
    let halves = halves.map(|half| {
        let text = parse_one(half);
        text.bytes()
            .flat_map(|byte| format!("%{byte:02x}").into_bytes())
            .collect::<Vec<u8>>()
    });
    halves.collect::<Vec<_>>().join(&b'=')
}

fn parse_one(half: &[u8]) -> String {
    let pair = [b"=", half].concat();
    parse(&pair)
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The root of a pair's name.
fn name(pair: &[u8]) -> String {
    let name = parse_one(pair.split(|byte| *byte == b'=').next().unwrap_or_default());
    root(&name).to_owned()
}

/// One more pair, and one pair less, make another form.
fn changed(form: &Form, input: &[u8]) {
    let more = [input, b"&x=y"].concat();
    assert_ne!(
        read(&more).map(|form| form.digest),
        Some(form.digest),
        "rule 4.13"
    );
    if let Some(at) = input.iter().rposition(|byte| *byte == b'&') {
        assert_ne!(
            read(&input[..at]).map(|form| form.digest),
            Some(form.digest),
            "rule 4.13"
        );
    }
}
