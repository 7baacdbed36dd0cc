//! What `worker` and `web-sys` do not bind, or bind with a copy through Wasm memory.

use js_sys::{Array, Function, JsString, Promise, Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{
    AbortSignal, Headers, ReadableStream, Request, RequestInit, Response, WritableStream,
};
use worker::Env;

#[wasm_bindgen(module = "/src/edge/glue.js")]
extern "C" {
    pub fn first(request: &Request) -> Option<JsString>;

    pub fn lines(headers: &Headers) -> String;

    #[wasm_bindgen(catch)]
    pub fn shard(namespace: &ObjectNamespace, name: &str) -> Result<Function, JsValue>;

    #[wasm_bindgen(catch)]
    pub fn pass(
        request: &Request,
        url: &JsString,
        start: usize,
        end: usize,
        origin: &JsString,
        token: &JsString,
        failed: &Closure<Failed>,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch)]
    pub fn forward(outbound: &Request, token: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch)]
    pub fn send(
        head: &str,
        body: &JsValue,
        signal: Option<&AbortSignal>,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch)]
    pub fn response(status: u16, headers: &str, body: &JsValue) -> Result<Response, JsValue>;

    #[wasm_bindgen(catch)]
    pub fn put(
        kv: &KvNamespace,
        name: &str,
        value: &Uint8Array,
        ttl_s: f64,
    ) -> Result<Promise, JsValue>;
}

#[wasm_bindgen(module = "/src/edge/tasks.js")]
extern "C" {
    pub fn attach(
        settled: &Closure<dyn Fn(usize, JsValue, bool)>,
        lost: &Closure<dyn Fn(u32) -> bool>,
    );

    pub fn begin(task: u32) -> Promise;

    pub fn reply(task: u32, outcome: &JsValue, failed: bool);

    pub fn lasts(task: u32) -> Promise;

    pub fn end(task: u32, outcome: &JsValue, failed: bool, left: bool);

    pub fn wait(promise: &JsValue, place: usize, task: u32);

    pub fn sleep(ms: f64, place: usize, task: u32) -> JsValue;
}

/// What makes an answer where the origin gives none.
pub type Failed = dyn Fn(Request, JsValue) -> Result<Response, JsValue>;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    pub fn log(line: &str);

    #[wasm_bindgen(js_name = queueMicrotask)]
    pub fn queue_microtask(job: &Closure<dyn Fn()>);

    #[wasm_bindgen(js_name = clearTimeout)]
    pub fn clear_timeout(timer: &JsValue);

    /// `docs/reference/refusals.md`, from entry.js.
    pub fn refusals() -> String;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    pub fn get_random_values(bytes: &mut [u8]);

    /// The bytes are read before it returns (Web Cryptography API §14.3.5).
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    pub fn digest(algorithm: &str, bytes: &[u8]) -> Result<Promise, JsValue>;

    /// A Workers KV binding. Bodies of megabytes stay on the JavaScript side: Wasm memory never shrinks.
    pub type KvNamespace;

    #[wasm_bindgen(method, catch)]
    pub fn get(this: &KvNamespace, name: &str, kind: &str) -> Result<Promise, JsValue>;

    /// A Durable Object namespace. `worker` reads an answer of an object into Wasm and writes it out again.
    #[derive(Clone)]
    pub type ObjectNamespace;

    #[wasm_bindgen(method, catch, js_name = newUniqueId)]
    pub fn new_unique_id(this: &ObjectNamespace) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn get(this: &ObjectNamespace, id: &JsValue) -> Result<ObjectStub, JsValue>;

    /// One Durable Object, seen from outside.
    #[derive(Clone)]
    pub type ObjectStub;

    #[wasm_bindgen(method, catch)]
    pub fn fetch(this: &ObjectStub, url: &str, init: &RequestInit) -> Result<Promise, JsValue>;

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
    pub fn readable(this: &Pipe) -> ReadableStream;

    #[wasm_bindgen(method, getter)]
    pub fn writable(this: &Pipe) -> WritableStream;

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
    /// The SQLite database of an object. `worker` copies each value through an enum of its own; here, bytes are read where they lie.
    pub type Sql;

    #[wasm_bindgen(method, catch, js_name = exec)]
    #[allow(clippy::too_many_arguments)] // the columns of a row
    pub fn put(
        this: &Sql,
        statement: &JsString,
        slot: f64,
        id: &[u8],
        print: &[u8],
        attempt: &[u8],
        state: f64,
        first_seen: f64,
        lease_until: f64,
        expires_at: f64,
        record: Option<&[u8]>,
        refuse_ms: f64,
        sketch: &[u8],
    ) -> Result<Cursor, JsValue>;

    #[wasm_bindgen(method, catch, js_name = exec)]
    #[allow(clippy::too_many_arguments)]
    pub fn complete(
        this: &Sql,
        statement: &JsString,
        slot: f64,
        id: &[u8],
        owner: &[u8],
        record: &[u8],
        expires_at: f64,
        print: &[u8],
        now: f64,
    ) -> Result<Cursor, JsValue>;

    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn mark(
        this: &Sql,
        statement: &JsString,
        slot: f64,
        id: &[u8],
        owner: &[u8],
        print: Option<&[u8]>,
    ) -> Result<Cursor, JsValue>;

    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn remove(
        this: &Sql,
        statement: &JsString,
        slot: f64,
        id: &[u8],
        owner: &[u8],
    ) -> Result<Cursor, JsValue>;

    #[wasm_bindgen(method, catch, js_name = exec)]
    pub fn read(this: &Sql, statement: &JsString, slot: f64, id: &[u8]) -> Result<Cursor, JsValue>;

    /// The rows of a statement that has been executed.
    pub type Cursor;

    #[wasm_bindgen(method, getter, js_name = rowsWritten)]
    pub fn rows_written(this: &Cursor) -> f64;

    #[wasm_bindgen(method, catch)]
    pub fn raw(this: &Cursor) -> Result<Rows, JsValue>;

    /// The same, each as an array of its values.
    pub type Rows;

    #[wasm_bindgen(method, catch, js_name = toArray)]
    pub fn to_array(this: &Rows) -> Result<Array, JsValue>;
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
    pub fn complete(this: &MultipartUpload, parts: &Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn abort(this: &MultipartUpload) -> Result<Promise, JsValue>;

    /// An object of a bucket, with its body.
    pub type BucketObject;

    #[wasm_bindgen(method, getter)]
    pub fn size(this: &BucketObject) -> f64;

    #[wasm_bindgen(method, getter)]
    pub fn body(this: &BucketObject) -> ReadableStream;
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

/// What a thrown value says, without the stack of its error.
pub fn message(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.to_string().into(),
        None => format!("{error:?}"),
    }
}

/// The binding `name`, where there is one.
pub fn binding<T: JsCast>(env: &Env, name: &str) -> Option<T> {
    let binding = Reflect::get(env, &name.into()).ok()?;
    (!binding.is_undefined()).then(|| binding.unchecked_into())
}

/// The property `name` of a thrown error, as the platform marks errors (`retryable`, `overloaded`).
pub fn flag(error: &JsValue, name: &str) -> bool {
    Reflect::get(error, &name.into()).is_ok_and(|value| value.is_truthy())
}
