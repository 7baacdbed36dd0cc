//! How an answer of a shard crosses to the Worker: the bytes of [`wire`](crate::protocol::wire), or the same as text.
//!
//! What an object answers with, the runtime gives a `Symbol.dispose` if it is an object, an array of bytes too: a new function for each
//! answer, which takes longer than to make text of a short one and bytes again.

use base64ct::{Base64UrlUnpadded, Encoding};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

/// Up to so many bytes go as text: whatever holds no body.
const SHORT: usize = 256;

/// `answer` as it is sent.
pub fn sent(answer: &[u8]) -> JsValue {
    match answer.len() {
        ..=SHORT => Base64UrlUnpadded::encode_string(answer).into(),
        _ => Uint8Array::from(answer).into(),
    }
}

/// The bytes of what was [`sent`].
///
/// # Errors
/// What is neither.
pub fn received(answer: &JsValue) -> Result<Vec<u8>, JsValue> {
    match answer.as_string() {
        Some(text) => {
            Base64UrlUnpadded::decode_vec(&text).map_err(|error| error.to_string().into())
        }
        None => Ok(answer
            .dyn_ref::<Uint8Array>()
            .ok_or("not an answer")?
            .to_vec()),
    }
}
