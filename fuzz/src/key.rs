//! The key of a request, from any header lines, under every contract (§2).

use crate::{head, memory, policies};
use reprise::protocol::contract::{KeyRules, KeySyntax, LengthUnit, Malformed};
use reprise::protocol::headers::Headers;
use reprise::protocol::key::Key;

/// Header lines.
pub fn target(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let headers = head::headers(&text);
    let mut read = false;
    for contract in policies::contracts() {
        read |= judge(&contract.key, &headers);
    }
    read
}

/// Whether there is a key.
fn judge(rules: &KeyRules, headers: &Headers) -> bool {
    let length = headers.iter().map(|(_, value)| value.len()).sum();
    let read = memory::bounded(length, 4, || Key::read(rules, headers));
    let names: Vec<&String> = std::iter::once(&rules.header)
        .chain(&rules.aliases)
        .collect();
    let sent = names.iter().any(|name| headers.has(name));
    let repeated = names
        .iter()
        .any(|name| headers.lines(name).nth(1).is_some());
    assert_eq!(Key::is_sent(rules, headers), sent);
    match &read {
        Ok(Some(key)) => {
            assert!(!repeated, "rule 2.5: two lines are not one key");
            is_one(rules, key);
        }
        Ok(None) => assert!(!sent || rules.malformed == Malformed::Absent, "rule 2.2"),
        Err(_) => assert!(sent),
    }
    let padded = headers
        .iter()
        .map(|(name, value)| (name.to_owned(), format!("\t {value} ")));
    assert_eq!(Key::read(rules, &padded.collect()), read, "rule 2.2");
    let key = read.ok().flatten();
    if let Some(line) = headers
        .get(&rules.header)
        .filter(|_| names.len() == 1 && !repeated)
    {
        as_others_read(rules, line, key.as_ref());
    }
    key.is_some()
}

/// What may be a key at all, and that it can be written so that it is read again.
fn is_one(rules: &KeyRules, key: &Key) {
    let text = key.as_str();
    assert!(
        text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)),
        "rule 2.4"
    );
    let length = match rules.unit {
        LengthUnit::Bytes => text.len(),
        LengthUnit::Characters => text.chars().count(),
    };
    assert!((rules.min..=rules.max).contains(&length), "rule 2.6");
    assert!(
        rules
            .pattern
            .as_ref()
            .is_none_or(|pattern| pattern.matches(text)),
        "rule 2.10"
    );
    assert_eq!(format!("{key:?}"), "Key(…)", "rule 3.5");
    let mut echoed = Headers::new();
    echoed.push(&rules.header, key.field_value(rules));
    assert_eq!(
        Key::read(rules, &echoed),
        Ok(Some(key.clone())),
        "rule 2.12"
    );
}

/// Rule 2.3: another reader of structured fields finds the same text between the quotes, where it finds one.
fn as_others_read(rules: &KeyRules, line: &str, key: Option<&Key>) {
    if rules.syntax == KeySyntax::Raw || !line.starts_with('"') {
        return;
    }
    let item = sfv::Parser::new(line).parse::<sfv::Item>().ok();
    let text = item
        .filter(|item| item.params.is_empty())
        .and_then(|item| Some(item.bare_item.as_string()?.as_str().to_owned()));
    match (key, text) {
        (Some(key), text) => assert_eq!(Some(key.as_str()), text.as_deref(), "rule 2.3"),
        (None, Some(text)) => {
            let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
            let fits = (rules.min..=rules.max).contains(&text.len());
            let matches = rules
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&text));
            assert!(!(visible && fits && matches), "rule 2.3: {text:?} is a key");
        }
        (None, None) => {}
    }
}
