//! Header names in a policy or a contract: their form, and those that are spoken for.

use super::pattern::NamePattern;
use super::problem::nearest;
use super::section::{Located, Section};

/// The headers of one connection, which no proxy forwards (RFC 9110 §7.6.1), with the older names that some still send.
pub const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The gateway's own headers (rule 9.7). The marker is one more, whatever its contract calls it.
pub const RESERVED: [&str; 5] = [
    "idempotency-status",
    "idempotency-expires",
    "idempotency-attempt",
    "idempotency-original-date",
    "idempotency-original-request-id",
];

/// Headers with a job in every request or answer; a key or a marker in their place would break it.
const TAKEN: [&str; 14] = [
    "accept",
    "authorization",
    "cache-control",
    "cdn-loop",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "host",
    "location",
    "retry-after",
    "set-cookie",
    "vary",
];

/// A header's name in lower case, or `None` after reporting what is wrong with it.
pub fn header_name(section: &Section<'_>, field: &str, name: &Located<'_, &str>) -> Option<String> {
    let lower = name.value.to_ascii_lowercase();
    let (wrong, mend) = if !is_token(&lower) {
        (
            "is not a header name",
            "a token of RFC 9110 §5.6.2 is meant, such as \"Idempotency-Key\"",
        )
    } else if HOP_BY_HOP.contains(&lower.as_str()) {
        (
            "belongs to one connection (RFC 9110 §7.6.1)",
            "name a header that reaches the origin",
        )
    } else {
        return Some(lower);
    };
    section.refuse(field, name.place, format!("{:?} {wrong}", name.value), mend);
    None
}

/// A media type without parameters; also one with a `*` where the field takes such. Reports what is none.
pub fn media_range(section: &Section<'_>, field: &str, text: &Located<'_, &str>, example: &str) {
    let is_type = |(kind, subtype)| is_token(kind) && is_token(subtype);
    let starred = text.value.contains('*');
    let suffix = text.value.strip_prefix("*+").is_some_and(is_token);
    if !(suffix || text.value.split_once('/').is_some_and(is_type))
        || starred && !example.contains('*')
    {
        let wrong = format!("{:?} is not a media type", text.value);
        section.refuse(
            field,
            text.place,
            wrong,
            &format!("write one without parameters, such as {example}"),
        );
    }
}

fn is_token(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

/// The name of a header of our own choosing, for the key or the marker.
pub fn own_header(section: &Section<'_>, field: &str, name: &Located<'_, &str>) -> Option<String> {
    let lower = header_name(section, field, name)?;
    let why = if RESERVED.contains(&lower.as_str()) {
        "is a header that the gateway itself sets (rule 9.7)"
    } else if TAKEN.contains(&lower.as_str()) {
        "has another meaning in HTTP"
    } else {
        return Some(lower);
    };
    section.refuse(
        field,
        name.place,
        format!("{:?} {why}", name.value),
        "choose another name",
    );
    None
}

/// What describes the body of an answer, or says where to look for what it made: recorded under every list.
pub const OF_THE_BODY: [&str; 4] = [
    "content-encoding",
    "content-language",
    "content-type",
    "vary",
];

/// What is not recorded unless the contract says otherwise (rule 8.7): what holds for one exchange or one caller only, or
/// would be stale.
pub const DENIED: [&str; 20] = [
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "proxy-authentication-info",
    "date",
    "age",
    "ratelimit*",
    "x-ratelimit-*",
    "x-rate-limit-*",
    "cf-ray",
    "cf-cache-status",
    "alt-svc",
    "nel",
    "report-to",
    "reporting-endpoints",
    "server-timing",
    "traceparent",
    "tracestate",
];

/// A list of headers, in lower case; a final `*` stands for any rest.
pub fn name_list(section: &Section<'_>, field: &'static str) -> Option<Vec<NamePattern>> {
    let mut names = Vec::new();
    for name in section.texts(field)?.value {
        let stem = name.value.strip_suffix('*').unwrap_or(name.value);
        if is_token(stem) && !stem.contains('*') {
            names.push(NamePattern::new(name.value.to_ascii_lowercase()));
        } else {
            let mend =
                "write a name, or the beginning of one and a final *, such as \"x-ratelimit-*\"";
            section.refuse(
                field,
                name.place,
                format!("{:?} is not a header name", name.value),
                mend,
            );
        }
    }
    Some(names)
}

/// The methods of a contract (M1).
pub fn methods(section: &Section<'_>) -> Vec<String> {
    const UNSAFE: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];
    let mut methods: Vec<String> = Vec::new();
    let Some(list) = section.texts("methods") else {
        section.missing(
            "methods",
            "name the methods that it covers, such as methods = [\"POST\", \"PATCH\"]",
        );
        return methods;
    };
    for method in &list.value {
        let known = method.value;
        let (wrong, mend) = if matches!(known, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "QUERY") {
            (
                "is a safe method (RFC 9110 §9.2.1)",
                "leave it out: repeating it needs no key".to_owned(),
            )
        } else if !UNSAFE.contains(&known) {
            let upper = known.to_ascii_uppercase();
            let mend = nearest(&upper, &UNSAFE)
                .unwrap_or_else(|| format!("known here: {}", UNSAFE.join(", ")));
            ("is not a method that can be guarded", mend)
        } else if methods.iter().any(|earlier| earlier == known) {
            ("is named twice", "name it once".to_owned())
        } else {
            methods.push(known.to_owned());
            continue;
        };
        section.refuse("methods", method.place, format!("{known:?} {wrong}"), &mend);
    }
    if list.value.is_empty() {
        section.refuse(
            "methods",
            list.place,
            "covers nothing".to_owned(),
            "name at least one method",
        );
    }
    methods
}
