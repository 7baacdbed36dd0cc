//! The one call to the origin (docs/protocol.md §6).

use super::body::{self, Chunks, Incoming, Read, Reader};
use super::clock::{self, Timer};
use super::convert::Payload;
use super::log::elapsed;
use super::rest::Rest;
use super::settings::Settings;
use super::task;
use super::upload::Upload;
use super::work::Place;
use super::{convert, js, pass};
use crate::protocol::contract::KeyToOrigin;
use crate::protocol::decision::Guarded;
use crate::protocol::headers::Headers;
use crate::protocol::outcome::Happened;
use crate::protocol::record::{KV_BODY_LIMIT, remove_reserved};
use crate::protocol::replay::may_have_body;
use crate::protocol::request::{Body, Inbound};
use crate::protocol::scope;
use crate::protocol::time::Time;
use crate::protocol::verdict::{Attempt, Permit};
use futures_util::future::{Either, select};
use js_sys::{Promise, Uint8Array};
use std::cell::Cell;
use std::pin::pin;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortController, Response};

/// What came back.
pub enum Answer {
    /// Nothing that could be given to anybody.
    None(Happened),
    /// All of it.
    Whole(u16, Headers, Chunks),
    /// More than is gathered.
    TooLarge(u16, Headers, Rest),
    /// What its client reads while it comes: nothing is gathered.
    Streams(u16, Headers, Rest),
}

/// Whether an answer with this head is one that its client reads while it comes.
pub type Streams<'s> = &'s dyn Fn(u16, &Headers) -> bool;

/// An answer on its way to its caller.
pub struct Opened {
    pub status: u16,
    pub headers: Headers,
    pub payload: Payload,
}

impl Answer {
    /// All of it, in the form in which it can be sent on; `None` where there is nothing.
    pub fn open(self) -> Option<Opened> {
        let (status, headers, payload) = match self {
            Self::None(_) => return None,
            Self::Whole(status, headers, body) => {
                let body = body.into_array();
                (status, headers, Payload::Bytes(body))
            }
            Self::TooLarge(status, headers, rest) | Self::Streams(status, headers, rest) => {
                (status, headers, Payload::Rest(rest))
            }
        };
        Some(Opened {
            status,
            headers,
            payload,
        })
    }

    /// For the contract's table.
    pub fn happened(&self) -> Happened {
        match self {
            Self::None(happened) => *happened,
            Self::Whole(status, ..) | Self::TooLarge(status, ..) | Self::Streams(status, ..) => {
                Happened::Answer(*status)
            }
        }
    }
}

/// What there is to send, but for its body.
pub struct Call<'c> {
    pub settings: &'c Settings,
    pub guarded: &'c Guarded<'c>,
    pub request: &'c Inbound,
    /// Where it is made.
    pub place: Place,
    /// When the ledger was asked for the permit.
    pub asked_at: Time,
    pub timer: &'c Timer,
}

/// Spends the permit: sends the request once, and waits for its answer until the route's deadline; of one that streams, for its
/// beginning.
pub async fn dispatch(
    permit: Permit,
    call: Call<'_>,
    body: &mut Incoming,
    streams: Streams<'_>,
) -> (Attempt, Answer) {
    let attempt = permit.spend();
    let deadline_ms = call.guarded.route.deadline_ms;
    let most_ms = match body {
        Incoming::Whole(_) => deadline_ms,
        // The deadline begins with the end of the body, the lease does not.
        Incoming::Upload(_) => u64::MAX,
    };
    let Some(time_ms) = attempt.time_for_call(most_ms, elapsed(call.asked_at)) else {
        return (attempt, Answer::None(Happened::NotSent));
    };
    let abort = match (body.whole(), call.place) {
        // The runtime ends what a request has called with the request itself.
        (Some(_), Place::Worker) => Ok(None),
        _ => AbortController::new().map(Some),
    };
    // What throws here throws before anything is sent.
    let prepared = abort.and_then(|abort| {
        let sent = send(&call, attempt, body, abort.as_ref())?;
        Ok((sent, abort))
    });
    let (sent, abort) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            worker::console_error!("the request to the origin could not be built: {error:?}");
            return (attempt, Answer::None(Happened::NotSent));
        }
    };
    let answer = match body {
        Incoming::Whole(_) => call.timer.within(time_ms, answer(sent, streams)).await,
        Incoming::Upload(upload) => {
            let heard = Cell::new(false);
            let sent = send_on(upload, sent, deadline_ms, streams, &heard);
            let sent = clock::within(time_ms, sent).await;
            // The lease is over: whether the origin may have acted is a matter of what it has got, and said.
            let cut = !upload.is_whole() && !heard.get();
            sent.or_else(|| cut.then_some(Answer::None(Happened::UploadCut)))
        }
    };
    let answer = answer.unwrap_or(Answer::None(Happened::Deadline));
    if let Answer::None(Happened::Deadline | Happened::UploadCut | Happened::BrokenOff) = answer {
        // Not by closing or aborting the body's own stream: that would end a body in chunks as if it were whole.
        abort.as_ref().inspect(|abort| abort.abort());
    }
    (attempt, answer)
}

/// Sends a body on while it comes. The deadline begins with its end.
///
/// An origin may begin to answer before: then it has acted, whatever becomes of the body. The runtime gives that answer's own body
/// only when the request's has ended. `heard` is set as soon as the answer begins.
async fn send_on(
    upload: &mut Upload,
    sent: Promise,
    deadline_ms: u64,
    streams: Streams<'_>,
    heard: &Cell<bool>,
) -> Answer {
    let (head, run) = (pin!(head(sent)), pin!(upload.run()));
    match select(head, run).await {
        Either::Right((Ok(()), head)) => {
            let answer = clock::within(deadline_ms, async {
                match head.await {
                    Some(response) => read(&response, streams).await,
                    None => Answer::None(Happened::NoAnswer),
                }
            });
            answer.await.unwrap_or(Answer::None(Happened::Deadline))
        }
        Either::Left((Some(response), run)) => {
            heard.set(true);
            match run.await {
                Ok(()) => {
                    let answer = clock::within(deadline_ms, read(&response, streams)).await;
                    answer.unwrap_or(Answer::None(Happened::Deadline))
                }
                Err(_) => Answer::None(Happened::BrokenOff),
            }
        }
        // Whatever ended the connection, the request had not ended then.
        Either::Left((None, _)) | Either::Right((Err(_), _)) => Answer::None(Happened::UploadCut),
    }
}

/// Sends the head, and what is there of the body.
fn send(
    call: &Call<'_>,
    attempt: Attempt,
    body: &mut Incoming,
    abort: Option<&AbortController>,
) -> Result<Promise, JsValue> {
    let Call {
        settings,
        guarded,
        request,
        ..
    } = call;
    let mut headers = request.headers.clone();
    headers.remove_hop_by_hop();
    remove_reserved(&guarded.contract.replay, &mut headers);
    name_operation(guarded, &mut headers);
    // The runtime writes the length of the body that it is given, and `Host` from the URL.
    headers.retain(|name, _| !matches!(name, "content-length" | "host" | "expect"));
    headers.push("idempotency-attempt", attempt.id.to_hex());
    headers.push(pass::CDN_LOOP, &settings.loop_token);
    let body = match body {
        Incoming::Whole(Body::Absent) => JsValue::UNDEFINED,
        Incoming::Whole(Body::Bytes(bytes)) => Uint8Array::from(bytes.as_slice()).into(),
        Incoming::Upload(upload) => upload.forward()?.into(),
    };
    let url = pass::origin_url(settings, request);
    let head = convert::head(&request.method, &url, &headers)?;
    let signal = abort.map(AbortController::signal);
    js::send(&head, &body, signal.as_ref())
}

/// The key as the contract lets the origin see it (axis D2).
fn name_operation(guarded: &Guarded<'_>, headers: &mut Headers) {
    let rules = &guarded.contract.key;
    let of_the_key = |name: &str| name == rules.header || rules.aliases.iter().any(|a| a == name);
    match guarded.contract.gateway.key_to_origin {
        KeyToOrigin::AsItCame => {}
        KeyToOrigin::Removed => headers.retain(|name, _| !of_the_key(name)),
        KeyToOrigin::Derived => {
            headers.retain(|name, _| !of_the_key(name));
            headers.push(&rules.header, scope::origin_key(guarded.claim));
        }
    }
}

/// What `response` holds, read whole.
pub async fn read(response: &Response, streams: Streams<'_>) -> Answer {
    let headers = convert::headers(&response.headers());
    match Happened::from_head(response.status(), &headers) {
        Happened::Answer(status) if streams(status, &headers) => match response.body() {
            Some(body) => {
                let Ok(reader) = Reader::prompt(&body) else {
                    return Answer::None(Happened::BrokenOff);
                };
                let rest = Rest {
                    start: Chunks::default(),
                    reader,
                    length: announced(&headers),
                };
                Answer::Streams(status, headers, rest)
            }
            None => whole(status, headers, response).await,
        },
        Happened::Answer(status) => whole(status, headers, response).await,
        other => Answer::None(other),
    }
}

async fn answer(sent: Promise, streams: Streams<'_>) -> Answer {
    match head(sent).await {
        Some(response) => read(&response, streams).await,
        None => Answer::None(Happened::NoAnswer),
    }
}

/// The answer's head; its body is still to come. `None` where there is no answer: refused, reset and closed look the same here, so
/// that never proves that nothing was sent (rule 7.3).
async fn head(sent: Promise) -> Option<Response> {
    Some(task::settled(sent).await.ok()?.unchecked_into())
}

async fn whole(status: u16, headers: Headers, response: &Response) -> Answer {
    if !may_have_body(status) {
        return Answer::Whole(status, headers, Chunks::default());
    }
    let length = announced(&headers);
    // What will not be kept is not gathered either: then one chunk is enough.
    let limit = match length {
        Some(length) if length > KV_BODY_LIMIT as u64 => 0,
        _ => KV_BODY_LIMIT,
    };
    let read = match length {
        Some(_) if limit > 0 => body::read_announced(response.array_buffer()).await,
        _ => body::read(response.body(), limit).await,
    };
    match read {
        Read::Broken => Answer::None(Happened::BrokenOff),
        Read::TooLong(start, reader) => {
            let rest = Rest {
                start,
                reader,
                length,
            };
            Answer::TooLarge(status, headers, rest)
        }
        Read::Whole(chunks) if length.is_some_and(|length| (chunks.len() as u64) < length) => {
            Answer::None(Happened::BrokenOff)
        }
        Read::Whole(chunks) => Answer::Whole(status, headers, chunks),
    }
}

/// The length that the body should have (rule 7.5). That of an encoded body says nothing about the decoded one.
fn announced(headers: &Headers) -> Option<u64> {
    let length = headers.get("content-length")?.parse().ok()?;
    (!headers.has("content-encoding")).then_some(length)
}
