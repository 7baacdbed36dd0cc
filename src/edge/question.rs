//! Asking the origin something beside the operation itself: who is asking (axis A1), and whether it happened (axis I3).

use super::settings::Settings;
use super::task;
use super::{convert, js, pass};
use crate::protocol::contract::Contract;
use crate::protocol::record::remove_reserved;
use crate::protocol::request::Inbound;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, Response};

/// How long the origin may take milliseconds: an answer that is known should be quicker than the operation was.
const DEADLINE_MS: u32 = 10_000;

/// What says something about the body or the conditions of the operation, and nothing about who asks for it.
const OF_THE_OPERATION: [&str; 12] = [
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "prefer",
    "range",
];

/// Asks with the caller's headers, but without the key and what is about the operation's body.
///
/// # Errors
/// What the runtime throws, where no answer came in time.
pub async fn ask(
    settings: &Settings,
    contract: &Contract,
    request: &Inbound,
    method: &str,
    target: &str,
) -> Result<Response, JsValue> {
    let mut headers = request.headers.clone();
    headers.remove_hop_by_hop();
    remove_reserved(&contract.replay, &mut headers);
    let key = &contract.key;
    headers.retain(|name, _| {
        !OF_THE_OPERATION.contains(&name)
            && name != key.header
            && !key.aliases.iter().any(|alias| alias == name)
    });
    headers.push(pass::CDN_LOOP, &settings.loop_token);
    let signal = AbortSignal::timeout_with_u32(DEADLINE_MS);
    let url = format!("{}{target}", settings.policy.origin.url);
    let head = convert::head(method, &url, &headers)?;
    let asked = js::send(&head, &JsValue::UNDEFINED, Some(&signal))?;
    Ok(task::settled(asked).await?.unchecked_into())
}
