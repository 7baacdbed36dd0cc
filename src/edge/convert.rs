//! Between the platform's values and the protocol's.

use super::body::Chunks;
use super::js;
use super::rest::Rest;
use crate::protocol::contract::Contract;
use crate::protocol::exchange::Exchange;
use crate::protocol::headers::Headers;
use crate::protocol::refusal::Refusal;
use crate::protocol::replay::{Head, may_have_body};
use crate::protocol::request::Inbound;
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::{ReadableStream, Request, Response};

/// The head of `request`; `None` if its URL is not one that HTTP can carry.
pub fn inbound(request: &Request) -> Option<Inbound> {
    Inbound::new(
        &request.method(),
        &request.url(),
        headers(&request.headers()),
    )
}

/// All lines. The runtime joins lines of one name with a comma, but for `Set-Cookie`, and has names in lower case.
pub fn headers(headers: &web_sys::Headers) -> Headers {
    Headers::from_text(js::lines(headers))
}

/// The other way, as glue.js takes them.
///
/// # Errors
/// A line that would end before its end.
fn lines(headers: &Headers) -> Result<&str, JsValue> {
    let text = headers.as_text();
    text.ok_or_else(|| "a header that no message can carry".into())
}

/// The head of a request, as glue.js takes it.
///
/// # Errors
/// As [`lines`].
pub fn head(method: &str, url: &str, headers: &Headers) -> Result<String, JsValue> {
    Ok([method, " ", url, "\n", lines(headers)?].concat())
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

impl From<Chunks> for Payload {
    fn from(body: Chunks) -> Self {
        match body.len() {
            0 => Self::Empty,
            _ => Self::Bytes(body.into_array()),
        }
    }
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
    let body: &JsValue = match payload {
        Payload::Bytes(bytes) if may_have_body(head.status) => bytes,
        Payload::Stream(stream) if may_have_body(head.status) => stream,
        _ => &JsValue::NULL,
    };
    js::response(head.status, lines(&head.headers)?, body)
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
