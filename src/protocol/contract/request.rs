//! The tables of a contract about the request: `[key]`, `[scope]`, `[fingerprint]`.

use super::headers::own_header;
use super::parts;
use super::section::Section;
use super::{
    Anonymous, FingerprintRules, KeyRules, KeySyntax, LengthUnit, Malformed, Missing, ScopeRules,
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
    let absent = [("absent", "a malformed key counts as none")];
    let rules = KeyRules {
        header,
        aliases,
        syntax: key.choice(
            "syntax",
            KeySyntax::Either,
            &syntax,
            &[("pattern", "a regular expression")],
        ),
        min,
        max,
        unit: key.choice("unit", LengthUnit::Characters, &units, &[]),
        malformed: key.choice(
            "malformed",
            Malformed::Refuse,
            &[("refuse", Malformed::Refuse)],
            &absent,
        ),
        missing: key.choice(
            "missing",
            Missing::Pass,
            &[("pass", Missing::Pass), ("refuse", Missing::Refuse)],
            &[],
        ),
    };
    key.later("pattern", "a pattern for keys", "use syntax, min and max");
    key.end();
    rules
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
    fingerprint.later(
        "exclude",
        "excluding members of a JSON body",
        "leave it out: the whole body is compared",
    );
    fingerprint.end();
    FingerprintRules { compare, parts }
}
