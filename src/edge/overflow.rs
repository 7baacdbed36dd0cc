//! Bodies that are larger than KV takes, in an R2 bucket (rule 8.16). A bucket is optional. Only bodies are here; what they belong to
//! says the ledger.

use super::body::{Chunks, Reader};
use super::clock;
use super::js::{self, Bucket, BucketObject, MultipartUpload};
use super::rest::Rest;
use super::task;
use crate::protocol::claim::{AttemptId, ClaimId};
use crate::protocol::record::{Place, Record};
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;

/// The binding of the bucket.
pub const BINDING: &str = "OVERFLOW";

/// Bytes of each part but the last: R2 wants all of one size, 5 MiB or more. That much of a body is held at a time.
const PART: usize = 8 * 1024 * 1024;

/// A part is tried this often: what has been sent to R2 cannot be read from the origin again.
const TRIES: u32 = 3;

/// R2 that has not answered by then has failed: a part, the end of an upload, the beginning of an object. Milliseconds.
const DEADLINE_MS: u64 = 30_000;

/// The bucket, where one is bound.
pub struct Overflow(Bucket);

impl Overflow {
    /// The bucket of `env`.
    pub fn of(env: &Env) -> Option<Self> {
        js::binding(env, BINDING).map(Self)
    }

    /// An object for the body of an attempt, of which nothing is there yet; `None` where R2 makes none.
    pub async fn begin(&self, claim: ClaimId, attempt: AttemptId) -> Option<Writer> {
        let begun = answered(self.0.create_multipart_upload(&name(claim, attempt))).await?;
        Some(Writer {
            upload: begun.unchecked_into(),
            parts: Array::new(),
            held: Chunks::default(),
            length: 0,
        })
    }

    /// The body of `record`; `None` where R2 does not have it, or another length of it.
    pub async fn body(&self, record: &Record) -> Option<Rest> {
        let Place::R2(length) = record.body else {
            return None;
        };
        let found = answered(self.0.get(&name(record.claim, record.attempt))).await?;
        if found.is_null() {
            return None;
        }
        let object: BucketObject = found.unchecked_into();
        if object.size() != length as f64 {
            return None;
        }
        Some(Rest {
            start: Chunks::default(),
            reader: Reader::of(&object.body()).ok()?,
            length: Some(length),
        })
    }
}

/// A body on its way into the bucket.
pub struct Writer {
    upload: MultipartUpload,
    parts: Array,
    held: Chunks,
    length: u64,
}

impl Writer {
    /// The next bytes; whether they are kept.
    pub async fn write(&mut self, chunk: Uint8Array) -> bool {
        self.length += u64::from(chunk.length());
        self.held.push(chunk);
        while self.held.len() >= PART {
            let part = self.held.take(PART);
            if !self.send(part).await {
                return false;
            }
        }
        true
    }

    /// The end of the body; its length, if all of it is there now.
    pub async fn finish(mut self) -> Option<u64> {
        let last = self.held.len();
        if last > 0 || self.parts.length() == 0 {
            let part = self.held.take(last);
            if !self.send(part).await {
                return None;
            }
        }
        answered(self.upload.complete(&self.parts)).await?;
        Some(self.length)
    }

    /// There will be no end. What is there goes by itself within a week, if R2 does not hear of this.
    pub async fn abort(self) {
        let _ = answered(self.upload.abort()).await;
    }

    async fn send(&mut self, part: Uint8Array) -> bool {
        let number = self.parts.length() + 1;
        for _ in 0..TRIES {
            if let Some(sent) = answered(self.upload.upload_part(number, &part)).await {
                self.parts.push(&sent);
                return true;
            }
        }
        false
    }
}

async fn answered(call: Result<Promise, JsValue>) -> Option<JsValue> {
    let answer = async { task::settled(call?).await };
    match clock::within(DEADLINE_MS, answer).await {
        Some(Ok(answer)) => return Some(answer),
        Some(Err(error)) => worker::console_error!("R2 failed: {error:?}"),
        None => worker::console_error!("R2 failed: no answer in time"),
    }
    None
}

/// One object per attempt: an owner that is late overwrites nothing.
fn name(claim: ClaimId, attempt: AttemptId) -> String {
    format!("r1/{}/{}", claim.to_hex(), attempt.to_hex())
}
