//! What `worker` and `web-sys` do not bind, or bind with a copy through Wasm memory.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::JsCast;
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

    /// A Durable Object namespace. `worker` reads an answer of an object into Wasm and writes it out again.
    pub type ObjectNamespace;

    #[wasm_bindgen(method, catch, js_name = newUniqueId)]
    pub fn new_unique_id(this: &ObjectNamespace) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn get(this: &ObjectNamespace, id: &JsValue) -> Result<ObjectStub, JsValue>;

    /// One Durable Object, seen from outside.
    pub type ObjectStub;

    #[wasm_bindgen(method, catch)]
    pub fn fetch(
        this: &ObjectStub,
        url: &str,
        init: &web_sys::RequestInit,
    ) -> Result<Promise, JsValue>;

    /// A stream of bytes. `web-sys` does not bind the `min` of its reader, nor catches what is thrown where it has none.
    pub type ByteStream;

    #[wasm_bindgen(method, catch, js_name = getReader)]
    pub fn get_reader(this: &ByteStream, options: &JsValue) -> Result<ByobReader, JsValue>;

    /// A reader that fills buffers of ours (Streams Standard §4.5).
    #[derive(Clone)]
    pub type ByobReader;

    #[wasm_bindgen(method, catch)]
    pub fn read(
        this: &ByobReader,
        buffer: &Uint8Array,
        options: &JsValue,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method)]
    pub fn cancel(this: &ByobReader) -> Promise;

    /// Both ends of one of the runtime's own pipes.
    pub type Pipe;

    #[wasm_bindgen(method, getter)]
    pub fn readable(this: &Pipe) -> web_sys::ReadableStream;

    #[wasm_bindgen(method, getter)]
    pub fn writable(this: &Pipe) -> web_sys::WritableStream;

    /// A pipe for bytes.
    pub type IdentityTransformStream;

    #[wasm_bindgen(constructor, catch)]
    pub fn new() -> Result<IdentityTransformStream, JsValue>;

    /// A pipe for exactly so many bytes.
    pub type FixedLengthStream;

    #[wasm_bindgen(constructor, catch)]
    pub fn new(length: f64) -> Result<FixedLengthStream, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// An R2 binding.
    pub type Bucket;

    #[wasm_bindgen(method, catch, js_name = createMultipartUpload)]
    pub fn create_multipart_upload(this: &Bucket, name: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn get(this: &Bucket, name: &str) -> Result<Promise, JsValue>;

    /// An object that is uploaded in parts.
    pub type MultipartUpload;

    #[wasm_bindgen(method, catch, js_name = uploadPart)]
    pub fn upload_part(
        this: &MultipartUpload,
        number: u32,
        bytes: &Uint8Array,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn complete(this: &MultipartUpload, parts: &js_sys::Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn abort(this: &MultipartUpload) -> Result<Promise, JsValue>;

    /// An object of a bucket, with its body.
    pub type BucketObject;

    #[wasm_bindgen(method, getter)]
    pub fn size(this: &BucketObject) -> f64;

    #[wasm_bindgen(method, getter)]
    pub fn body(this: &BucketObject) -> web_sys::ReadableStream;
}

#[wasm_bindgen]
extern "C" {
    /// A stream that only hashes what is written into it.
    pub type DigestStream;

    #[wasm_bindgen(constructor, catch, js_namespace = crypto)]
    pub fn new(algorithm: &str) -> Result<DigestStream, JsValue>;

    /// The digest, once the stream is closed.
    #[wasm_bindgen(method, getter)]
    pub fn digest(this: &DigestStream) -> Promise;
}

/// A pipe for bytes; for exactly `length` of them, where that is known: then its reader sees when they are not all there.
///
/// # Errors
/// What the runtime throws when it makes none.
pub fn pipe(length: Option<u64>) -> Result<Pipe, JsValue> {
    Ok(match length {
        Some(length) => FixedLengthStream::new(length as f64)?.unchecked_into(),
        None => IdentityTransformStream::new()?.unchecked_into(),
    })
}

/// The property `name` of a thrown error, as the platform marks errors (`retryable`, `overloaded`).
pub fn flag(error: &JsValue, name: &str) -> bool {
    js_sys::Reflect::get(error, &name.into()).is_ok_and(|value| value.is_truthy())
}
