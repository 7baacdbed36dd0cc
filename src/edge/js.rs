//! What `worker` and `web-sys` do not bind, or bind with a copy through Wasm memory.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The runtime's `fetch`.
    #[wasm_bindgen(catch)]
    pub fn fetch(request: &web_sys::Request) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    pub fn get_random_values(bytes: &Uint8Array);

    /// A Workers KV binding. Bodies of megabytes stay on the JavaScript side: Wasm memory never shrinks.
    pub type KvNamespace;

    #[wasm_bindgen(method, catch)]
    pub fn put(
        this: &KvNamespace,
        name: &str,
        value: &Uint8Array,
        options: &JsValue,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn get(this: &KvNamespace, name: &str, kind: &str) -> Result<Promise, JsValue>;
}

/// The property `name` of a thrown error, as the platform marks errors (`retryable`, `overloaded`).
pub fn flag(error: &JsValue, name: &str) -> bool {
    js_sys::Reflect::get(error, &name.into()).is_ok_and(|value| value.is_truthy())
}
