//! The Worker's SHA-256 by itself: the same source and the same profile, without the rest that would have to be built with it.

// All of it but `sha256` is the Worker's business.
#[allow(dead_code)]
#[path = "../../../src/protocol/digest.rs"]
mod digest;

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], js_name = digest)]
    fn native(algorithm: &str, bytes: &[u8]) -> Promise;
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

    /// The digest that is made here.
    pub fn wasm(&self) -> Vec<u8> {
        digest::sha256(&self.0).to_vec()
    }

    /// The digest that the runtime makes, brought back here.
    pub async fn native(&self) -> Result<Vec<u8>, JsValue> {
        let digest = JsFuture::from(native("SHA-256", &self.0)).await?;
        Ok(Uint8Array::new(&digest).to_vec())
    }
}

/// From how many bytes on the Worker has the runtime hash.
#[wasm_bindgen]
pub fn native_from() -> usize {
    digest::NATIVE_FROM
}
