//! The answer that a client sees, built from a record (docs/protocol.md §9).

pub use super::code::Status;
use super::contract::{Contract, ReplayStatus, RequestId, Signals};
use super::cors;
use super::exchange::Exchange;
use super::headers::Headers;
use super::hints;
use super::record::{REQUEST_ID, Record, Sorted};
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
pub fn first(
    record: &Record,
    first_only: Headers,
    contract: &Contract,
    exchange: &Exchange,
) -> Head {
    let mut headers = record.headers.clone();
    headers.extend(&first_only);
    if let Some(value) = &contract.replay.marker.first {
        headers.set(&contract.replay.marker.header, value);
    }
    let head = Head {
        status: record.status,
        headers,
    };
    recorded(head, Status::Fresh, record, contract, exchange)
}

/// A replay at `now`.
pub fn replay(record: &Record, contract: &Contract, exchange: &Exchange, now: Time) -> Head {
    let mut headers = record.headers.clone();
    let rules = &contract.replay;
    headers.set(&rules.marker.header, &rules.marker.value);
    headers.set("date", now.http_date());
    if let Some(id) = &record.origin.request_id {
        match rules.request_id {
            RequestId::Fresh => exchange.name(&mut headers),
            RequestId::Verbatim => headers.set(REQUEST_ID, id),
        }
    }
    if contract.gateway.signals == Signals::On {
        if let Some(date) = &record.origin.date {
            headers.set("idempotency-original-date", date);
        }
        if let Some(id) = &record.origin.request_id {
            headers.set("idempotency-original-request-id", id);
        }
    }
    exchange.site.replace(&mut headers);
    let status = replayed_status(&rules.status, record.status);
    let head = Head { status, headers };
    recorded(head, Status::Replayed, record, contract, exchange)
}

/// Rule 9.17.
fn replayed_status(rules: &ReplayStatus, first: u16) -> u16 {
    match rules {
        ReplayStatus::Same => first,
        ReplayStatus::Mapped(statuses) => statuses
            .iter()
            .find(|(from, _)| *from == first)
            .map_or(first, |(_, to)| *to),
    }
}

/// What first answer and replay have in common (rule 9.2).
fn recorded(
    mut head: Head,
    status: Status,
    record: &Record,
    contract: &Contract,
    exchange: &Exchange,
) -> Head {
    hints::stored(&mut head.headers, contract, head.status);
    let expires_at = Some(record.expires_at);
    finish(&mut head.headers, status, expires_at, contract, exchange);
    head
}

/// An answer that the contract releases: delivered as it came, without being stored (rule 7.6).
pub fn released(status: u16, sorted: Sorted, contract: &Contract, exchange: &Exchange) -> Head {
    unkept(Status::Fresh, status, sorted, contract, exchange)
}

/// The answer to a request that ran without a claim, because the ledger was out of reach and the contract lets it (D1).
pub fn unguarded(status: u16, sorted: Sorted, contract: &Contract, exchange: &Exchange) -> Head {
    unkept(Status::Unguarded, status, sorted, contract, exchange)
}

fn unkept(
    signal: Status,
    status: u16,
    sorted: Sorted,
    contract: &Contract,
    exchange: &Exchange,
) -> Head {
    let mut headers = sorted.recorded;
    headers.extend(&sorted.first_only);
    finish(&mut headers, signal, None, contract, exchange);
    Head { status, headers }
}

/// Marks the passed answer to a request whose key the contract does not take (rule 1.7).
pub fn ignored(headers: &mut Headers, contract: &Contract) {
    signal(headers, Some(Status::Ignored), None, Some(contract));
    cors::expose(headers, Some(contract));
}

fn finish(
    headers: &mut Headers,
    status: Status,
    expires_at: Option<Time>,
    contract: &Contract,
    exchange: &Exchange,
) {
    signal(headers, Some(status), expires_at, Some(contract));
    exchange.echo(headers, contract);
    cors::expose(headers, Some(contract));
}

/// Rule 9.4, unless the contract wants no such signals (D3; rule 9.18).
pub fn signal(
    headers: &mut Headers,
    status: Option<Status>,
    expires_at: Option<Time>,
    contract: Option<&Contract>,
) {
    if contract.is_some_and(|contract| contract.gateway.signals == Signals::Off) {
        return;
    }
    if let Some(status) = status {
        headers.set("idempotency-status", status.as_str());
    }
    if let Some(time) = expires_at {
        headers.set("idempotency-expires", time.http_date());
    }
}
