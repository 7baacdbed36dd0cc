//! Taking in the body of a guarded request, before anything is claimed (rules 4.11, 4.12 and 4.22).

use super::body::{self, Chunks, Incoming, Read, Reader};
use super::rest::Rest;
use super::upload::Upload;
use crate::protocol::policy::Limits;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::request::{Body, Inbound};
use web_sys::Request;

/// The body of `request`: whole up to the limit for what is held, beyond it as an upload that has only begun.
///
/// # Errors
/// The refusal of a body that is too large, or has broken off.
pub async fn receive(
    raw: &Request,
    request: &Inbound,
    limits: &Limits,
) -> Result<Incoming, Refusal> {
    let held = held(limits);
    let announced = announced(request);
    if announced.is_some_and(|length| length > limits.request_body) {
        return Err(too_large(limits.request_body, "request_body"));
    }
    if announced.is_some_and(|length| length > held as u64) {
        let stream = raw.body().ok_or_else(truncated)?;
        // Locked here: an inbound body is not touched for the first time behind an await.
        let reader = Reader::of(&stream).map_err(|_| truncated())?;
        return Ok(upload(Chunks::default(), reader, announced, limits));
    }
    match read(raw, request, held, announced).await? {
        Taken::Whole(body) => Ok(Incoming::Whole(body)),
        Taken::More(start, reader) if limits.request_body > held as u64 => {
            Ok(upload(start, reader, announced, limits))
        }
        Taken::More(_, reader) => {
            let _ = reader.cancel();
            Err(too_large(limits.request_body, "request_body"))
        }
    }
}

/// The body of `request`, where nothing less than all of it will do.
///
/// # Errors
/// As [`receive`].
pub async fn receive_whole(
    raw: &Request,
    request: &Inbound,
    limits: &Limits,
) -> Result<Body, Refusal> {
    let held = held(limits);
    let refusal = || {
        let all = limits.request_body == held as u64;
        let limit = if all { "request_body" } else { "buffered_body" };
        too_large(held as u64, limit)
    };
    let announced = announced(request);
    if announced.is_some_and(|length| length > held as u64) {
        return Err(refusal());
    }
    match read(raw, request, held, announced).await? {
        Taken::Whole(body) => Ok(body),
        Taken::More(_, reader) => {
            let _ = reader.cancel();
            Err(refusal())
        }
    }
}

/// How many bytes are held in memory at the most.
fn held(limits: &Limits) -> usize {
    let all = usize::try_from(limits.request_body).unwrap_or(usize::MAX);
    limits.buffered_body.min(all)
}

fn announced(request: &Inbound) -> Option<u64> {
    let length = request.headers.get("content-length")?;
    // The runtime lets nothing but digits through: what 64 bits do not hold is over any limit.
    Some(length.parse().unwrap_or(u64::MAX))
}

fn upload(start: Chunks, reader: Reader, length: Option<u64>, limits: &Limits) -> Incoming {
    let rest = Rest {
        start,
        reader,
        length,
    };
    Incoming::Upload(Box::new(Upload::new(rest, limits.request_body)))
}

enum Taken {
    Whole(Body),
    More(Chunks, Reader),
}

async fn read(
    raw: &Request,
    request: &Inbound,
    held: usize,
    announced: Option<u64>,
) -> Result<Taken, Refusal> {
    let read = match announced {
        // The callers have seen that it is within the limit.
        Some(_) => body::read_announced(raw.array_buffer()).await,
        None => match raw.body() {
            None if !request.headers.has("transfer-encoding") => {
                return Ok(Taken::Whole(Body::Absent));
            }
            stream => body::read(stream, held).await,
        },
    };
    match read {
        Read::Whole(chunks) if announced.is_some_and(|length| (chunks.len() as u64) < length) => {
            Err(truncated())
        }
        Read::Whole(chunks) => Ok(Taken::Whole(Body::Bytes(chunks.into_vec()))),
        Read::TooLong(start, reader) => Ok(Taken::More(start, reader)),
        Read::Broken => Err(truncated()),
    }
}

/// A body of more than `limit` bytes, which the policy sets in `[limits]` under `name`.
pub fn too_large(limit: u64, name: &str) -> Refusal {
    Refusal::new(
        Code::BodyTooLarge,
        format!(
            "A request of this route may have a body of at most {limit} bytes (`limits.{name}` of the policy)."
        ),
    )
}

/// A body that has no end.
pub fn truncated() -> Refusal {
    Refusal::new(
        Code::BodyTruncated,
        "The body ended before its announced length. Nothing is kept under the key. Send the whole request again with the same key.",
    )
}
