//! The tables of a contract about the request: `[key]`, `[scope]`, `[fingerprint]`.

use super::errors::allow_words;
use super::headers::own_header;
use super::parts;
use super::section::Section;
use super::{
    Anonymous, FingerprintPart, FingerprintRules, KeyRules, KeySyntax, LengthUnit, Malformed,
    Missing, Pattern, ScopeRules,
};

/// Reads `[key]`.
pub fn key(key: &Section<'_>) -> KeyRules {
    key.missing(
        "header",
        "name the header of the key, such as header = \"Idempotency-Key\"",
    );
    let header = key
        .text("header")
        .and_then(|name| own_header(key, "header", &name))
        .unwrap_or_default();
    let mut aliases = Vec::new();
    for alias in key
        .texts("aliases")
        .map_or_else(Vec::new, |list| list.value)
    {
        match own_header(key, "aliases", &alias) {
            Some(name) if name == header || aliases.contains(&name) => {
                key.refuse(
                    "aliases",
                    alias.place,
                    format!("{:?} is named twice", alias.value),
                    "name it once",
                );
            }
            Some(name) => aliases.push(name),
            None => {}
        }
    }
    let (min, max) = key_length(key);
    let syntax = [
        ("either", KeySyntax::Either),
        ("raw", KeySyntax::Raw),
        ("quoted", KeySyntax::Quoted),
    ];
    let units = [
        ("characters", LengthUnit::Characters),
        ("bytes", LengthUnit::Bytes),
    ];
    let rules = KeyRules {
        header,
        aliases,
        body: key
            .text("body")
            .and_then(|text| parts::pointer(key, "body", &text)),
        syntax: key.choice("syntax", KeySyntax::Either, &syntax, &[]),
        min,
        max,
        pattern: pattern(key),
        echo: key.flag("echo", false),
        first_sent: key
            .text("first_sent")
            .and_then(|name| own_header(key, "first_sent", &name)),
        unit: key.choice("unit", LengthUnit::Characters, &units, &[]),
        malformed: key.choice(
            "malformed",
            Malformed::Refuse,
            &[("refuse", Malformed::Refuse), ("absent", Malformed::Absent)],
            &[],
        ),
        missing: key.choice(
            "missing",
            Missing::Pass,
            &[("pass", Missing::Pass), ("refuse", Missing::Refuse)],
            &[],
        ),
    };
    allow_words(key);
    key.end();
    rules
}

fn pattern(key: &Section<'_>) -> Option<Pattern> {
    let text = key.text("pattern")?;
    let refuse = |wrong: String| {
        let wrong = format!("is no regular expression: {wrong}");
        key.refuse(
            "pattern",
            text.place,
            wrong,
            "write it as for the crate regex-lite, such as \"[0-9a-f-]{36}\"",
        );
    };
    Pattern::parse(text.value).map_err(refuse).ok()
}

fn key_length(key: &Section<'_>) -> (usize, usize) {
    let min = key.number("min", 1..=1024, "a length", 1);
    let max = key.number("max", 1..=1024, "a length", 255);
    if min.value > max.value {
        let wrong = format!(
            "no key is at least {} and at most {} long",
            min.value, max.value
        );
        key.refuse(
            "min",
            min.place.or_outer(max.place),
            wrong,
            "min may not be greater than max",
        );
    }
    (
        usize::try_from(min.value).unwrap_or(1),
        usize::try_from(max.value).unwrap_or(1),
    )
}

/// Reads `[scope]`.
pub fn scope(scope: &Section<'_>) -> ScopeRules {
    let who = [
        ("own", Anonymous::Own),
        ("refuse", Anonymous::Refuse),
        ("ignore", Anonymous::Ignore),
    ];
    let rules = ScopeRules {
        parts: parts::scope_parts(scope),
        anonymous: scope.choice("anonymous", Anonymous::Own, &who, &[]),
    };
    scope.end();
    rules
}

/// Reads `[fingerprint]`.
pub fn fingerprint(fingerprint: &Section<'_>) -> FingerprintRules {
    let compare = fingerprint.flag("compare", true);
    fingerprint.allow(&["parts"]);
    // A route may switch the comparison off over a contract that lists parts.
    let parts = if compare {
        parts::fingerprint_parts(fingerprint)
    } else {
        Vec::new()
    };
    if !parts.contains(&FingerprintPart::Body) {
        let (cause, wrong) = if compare {
            ("parts", "has no effect: \"body\" is not among the parts")
        } else {
            ("compare", "has no effect: nothing is compared")
        };
        fingerprint.idle("exclude", cause, wrong, "compare \"body\", or leave it out");
    }
    let exclude = fingerprint
        .texts("exclude")
        .map_or_else(Vec::new, |list| list.value);
    let exclude = exclude
        .iter()
        .filter_map(|text| parts::pointer(fingerprint, "exclude", text))
        .collect();
    fingerprint.end();
    FingerprintRules {
        compare,
        parts,
        exclude,
    }
}
