//! The answer that a client sees, built from a record (docs/protocol.md §9).

pub use super::code::Status;
use super::contract::{Contract, RequestId};
use super::headers::Headers;
use super::record::{REQUEST_ID, Record, Sorted};
use super::request::Inbound;
use super::time::Time;

/// The head of an answer. The body lies where the record says, or is the refusal's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// 200..=599.
    pub status: u16,
    /// All headers, but those that the runtime writes by itself.
    pub headers: Headers,
}

/// Whether a body may stand behind this status (rule 9.5; RFC 9110 §15).
pub fn may_have_body(status: u16) -> bool {
    !matches!(status, 101 | 204 | 205 | 304)
}

/// The first answer: the record, and what only the first caller gets (rule 8.7).
pub fn first(record: &Record, first_only: Headers, contract: &Contract) -> Head {
    let mut head = build(record, Status::Fresh);
    head.headers.extend(first_only);
    if let Some(value) = &contract.replay.marker.first {
        head.headers.set(&contract.replay.marker.header, value);
    }
    expose(&mut head.headers, contract);
    head
}

/// A replay at `now`. `fresh_id` names this HTTP request where the contract wants a new `X-Request-ID`.
pub fn replay(
    record: &Record,
    contract: &Contract,
    request: &Inbound,
    now: Time,
    fresh_id: &str,
) -> Head {
    let mut head = build(record, Status::Replayed);
    let headers = &mut head.headers;
    let rules = &contract.replay;
    headers.set(&rules.marker.header, &rules.marker.value);
    headers.set("date", now.http_date());
    if let Some(date) = &record.origin.date {
        headers.set("idempotency-original-date", date);
    }
    if let Some(id) = &record.origin.request_id {
        headers.set("idempotency-original-request-id", id);
        headers.set(
            REQUEST_ID,
            match rules.request_id {
                RequestId::Fresh => fresh_id,
                RequestId::Verbatim => id,
            },
        );
    }
    remove_foreign_cors(headers, request);
    expose(headers, contract);
    head
}

/// An answer that the contract releases: delivered as it came, without being stored (rule 7.6).
pub fn released(status: u16, sorted: Sorted, contract: &Contract) -> Head {
    let mut headers = sorted.recorded;
    headers.extend(sorted.first_only);
    headers.set("idempotency-status", Status::Fresh.as_str());
    expose(&mut headers, contract);
    Head { status, headers }
}

/// Marks the passed answer to a request whose key the contract does not take (rule 1.7).
pub fn ignored(headers: &mut Headers, contract: &Contract) {
    headers.set("idempotency-status", Status::Ignored.as_str());
    expose(headers, contract);
}

fn build(record: &Record, status: Status) -> Head {
    let mut headers = record.headers.clone();
    headers.set("idempotency-status", status.as_str());
    headers.set("idempotency-expires", record.expires_at.http_date());
    // Clients retry these by themselves, and would get this very answer again (rule 9.11).
    if (record.status == 409 || record.status >= 500) && !headers.has("x-should-retry") {
        headers.push("x-should-retry", "false");
    }
    Head {
        status: record.status,
        headers,
    }
}

/// Rule 9.9: a browser must not be told that another site may read this answer.
fn remove_foreign_cors(headers: &mut Headers, request: &Inbound) {
    let foreign = match headers.get("access-control-allow-origin") {
        None | Some("*") => false,
        Some(allowed) => request
            .headers
            .get("origin")
            .is_some_and(|origin| origin != allowed),
    };
    if foreign {
        headers.retain(|name, _| !name.starts_with("access-control-"));
    }
}

/// Rule 9.8: whoever may read the answer may read what it says about idempotency.
fn expose(headers: &mut Headers, contract: &Contract) {
    if !headers.has("access-control-allow-origin") {
        return;
    }
    let mut exposed: Vec<String> = headers
        .lines("access-control-expose-headers")
        .flat_map(|line| line.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let ours = [
        contract.replay.marker.header.as_str(),
        "idempotency-status",
        "idempotency-expires",
        "idempotency-original-date",
        "idempotency-original-request-id",
        "retry-after",
        contract.key.header.as_str(),
    ];
    for name in ours {
        if !exposed.iter().any(|e| e.eq_ignore_ascii_case(name)) {
            exposed.push(name.to_owned());
        }
    }
    headers.set("access-control-expose-headers", exposed.join(", "));
}

/// The `Access-Control-Allow-Headers` of a preflight's answer, with the key header (rule 9.8); `None` where nothing is to be
/// changed. A `*` does not stand for it: with credentials, browsers take it as a name.
pub fn allow_key_header(headers: &Headers, contract: &Contract) -> Option<String> {
    let allowed: Vec<&str> = headers.lines("access-control-allow-headers").collect();
    let allowed = allowed.join(", ");
    let covered = allowed
        .split(',')
        .map(str::trim)
        .any(|name| name.eq_ignore_ascii_case(&contract.key.header));
    (!allowed.is_empty() && !covered).then(|| format!("{allowed}, {}", contract.key.header))
}
