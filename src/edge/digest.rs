//! SHA-256 of what may be long: by the runtime, or here, whichever is quicker.

use super::js;
use super::task;
use crate::protocol::contract::FingerprintRules;
use crate::protocol::digest::{NATIVE_FROM, Sha256Digest, sha256};
use crate::protocol::fingerprint::Contents;
use crate::protocol::fingerprint::body::Read;
use crate::protocol::request::{Body, Inbound};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;

/// As [`Contents::of`].
pub async fn contents(rules: &FingerprintRules, request: &Inbound, body: &Body) -> Contents {
    match Contents::read(rules, request, body) {
        Read::Known(contents) => contents,
        Read::Unhashed(unhashed) => {
            let digest = digest(unhashed.text()).await;
            unhashed.hashed(digest)
        }
    }
}

async fn digest(bytes: &[u8]) -> Sha256Digest {
    if bytes.len() < NATIVE_FROM {
        return sha256(bytes);
    }
    // Both are one function: what the runtime does not make is made here.
    match native(bytes).await {
        Ok(Some(digest)) => digest,
        _ => sha256(bytes),
    }
}

async fn native(bytes: &[u8]) -> Result<Option<Sha256Digest>, JsValue> {
    let digest = task::settled(js::digest("SHA-256", bytes)?).await?;
    Ok(Uint8Array::new(&digest).to_vec().try_into().ok())
}
