//! Between the platform's values and the protocol's.

use super::rest::Rest;
use crate::protocol::contract::Contract;
use crate::protocol::exchange::Exchange;
use crate::protocol::headers::Headers;
use crate::protocol::refusal::Refusal;
use crate::protocol::replay::{Head, may_have_body};
use crate::protocol::request::Inbound;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ReadableStream, Request, Response, ResponseInit};

/// The head of `request`; `None` if its URL is not one that HTTP can carry.
pub fn inbound(request: &Request) -> Option<Inbound> {
    Inbound::new(
        &request.method(),
        &request.url(),
        headers(&request.headers()),
    )
}

/// All lines. The runtime joins lines of one name with a comma, but for `Set-Cookie`.
pub fn headers(headers: &web_sys::Headers) -> Headers {
    Array::from(headers)
        .iter()
        .filter_map(|entry| {
            let entry = entry.dyn_into::<Array>().ok()?;
            Some((entry.get(0).as_string()?, entry.get(1).as_string()?))
        })
        .collect()
}

/// The other way.
///
/// # Errors
/// What the runtime throws at a name or a value that it does not take.
pub fn js_headers(headers: &Headers) -> Result<web_sys::Headers, JsValue> {
    let out = web_sys::Headers::new()?;
    for (name, value) in headers.iter() {
        out.append(name, value)?;
    }
    Ok(out)
}

/// The body of an answer.
pub enum Payload {
    /// None at all.
    Empty,
    /// In one piece.
    Bytes(Uint8Array),
    /// As it comes, from here.
    Rest(Rest),
    /// As it comes, from somewhere else.
    Stream(ReadableStream),
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Empty,
            bytes => Self::Bytes(Uint8Array::from(bytes)),
        }
    }
}

/// An answer of the runtime.
///
/// # Errors
/// What the runtime throws at a status or a header that it does not take.
pub fn response(head: &Head, payload: &Payload) -> Result<Response, JsValue> {
    let init = ResponseInit::new();
    init.set_status(head.status);
    init.set_headers(&js_headers(&head.headers)?.into());
    match payload {
        Payload::Bytes(bytes) if may_have_body(head.status) => {
            Response::new_with_opt_js_u8_array_and_init(Some(bytes), &init)
        }
        Payload::Stream(stream) if may_have_body(head.status) => {
            Response::new_with_opt_readable_stream_and_init(Some(stream), &init)
        }
        _ => Response::new_with_opt_str_and_init(None, &init),
    }
}

/// The answer to a refused request.
///
/// # Errors
/// As [`response`].
pub fn refusal(
    refusal: &Refusal,
    contract: Option<&Contract>,
    exchange: &Exchange,
) -> Result<Response, JsValue> {
    let (head, body) = refusal.answer(contract, exchange);
    response(&head, &Payload::from(body.as_bytes()))
}
