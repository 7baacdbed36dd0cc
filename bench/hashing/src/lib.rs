//! The Worker's SHA-256 by itself: the same source and the same profile, without the rest that would have to be built with it.

// All of it but `sha256` is the Worker's business.
#[allow(dead_code)]
#[path = "../../../src/protocol/digest.rs"]
mod digest;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;

/// The digest of bytes that lie in JavaScript memory, back there: both crossings are part of it.
#[wasm_bindgen]
pub fn sha256(bytes: &Uint8Array) -> Vec<u8> {
    digest::sha256(&bytes.to_vec()).to_vec()
}

/// Bytes that are in Wasm memory already, as the body of a guarded request is.
#[wasm_bindgen]
pub struct Body(Vec<u8>);

#[wasm_bindgen]
impl Body {
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &Uint8Array) -> Self {
        Self(bytes.to_vec())
    }

    /// The digest, back in JavaScript memory.
    pub fn sha256(&self) -> Vec<u8> {
        digest::sha256(&self.0).to_vec()
    }
}
