//! Reading bodies chunk by chunk, up to a limit.
//!
//! `worker`'s own stream turns an aborted body into a clean end, so bodies are read here: a read that fails must be seen.

use super::upload::Upload;
use crate::protocol::request::Body;
use js_sys::{Reflect, Uint8Array};
use std::collections::VecDeque;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, ReadableStreamDefaultReader};

/// A body, or the beginning of one. It stays in JavaScript memory until somebody asks for the bytes.
#[derive(Default)]
pub struct Chunks {
    chunks: VecDeque<Uint8Array>,
    length: usize,
}

/// The body of a guarded request.
pub enum Incoming {
    /// All of it.
    Whole(Body),
    /// More than is held: it is still on its way.
    Upload(Box<Upload>),
}

impl Incoming {
    /// The body, where all of it is here.
    pub fn whole(&self) -> Option<&Body> {
        match self {
            Self::Whole(body) => Some(body),
            Self::Upload(_) => None,
        }
    }

    /// Whether nothing of it has been read and let go of.
    pub fn can_be_sent(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Upload(upload) => upload.is_untouched(),
        }
    }
}

/// How reading ended.
pub enum Read {
    /// The whole body.
    Whole(Chunks),
    /// The body is longer than the limit: what was read, and the reader that has the rest.
    TooLong(Chunks, ReadableStreamDefaultReader),
    /// The body broke off.
    Broken,
}

/// Reads `stream` to its end, or until it is longer than `limit` bytes.
pub async fn read(stream: Option<ReadableStream>, limit: usize) -> Read {
    let mut chunks = Chunks::default();
    let Some(stream) = stream else {
        return Read::Whole(chunks);
    };
    let Ok(reader) = stream
        .get_reader()
        .dyn_into::<ReadableStreamDefaultReader>()
    else {
        return Read::Broken;
    };
    loop {
        match JsFuture::from(reader.read()).await {
            Err(_) => return Read::Broken,
            Ok(result) => match next(&result) {
                None => return Read::Whole(chunks),
                Some(chunk) => chunks.push(chunk),
            },
        }
        if chunks.length > limit {
            return Read::TooLong(chunks, reader);
        }
    }
}

/// The bytes of `{ value, done }`; `None` at the end.
pub fn next(result: &JsValue) -> Option<Uint8Array> {
    Reflect::get(result, &"value".into())
        .ok()?
        .dyn_into::<Uint8Array>()
        .ok()
}

impl Chunks {
    /// Adds bytes at the end.
    pub fn push(&mut self, chunk: Uint8Array) {
        self.length += chunk.length() as usize;
        self.chunks.push_back(chunk);
    }

    /// Takes the first `most` bytes, in one piece; all of them where there are fewer.
    pub fn take(&mut self, most: usize) -> Uint8Array {
        let mut first = Self::default();
        while first.length < most
            && let Some(chunk) = self.pop()
        {
            let room = u32::try_from(most - first.length).unwrap_or(u32::MAX);
            let (fits, all) = (room.min(chunk.length()), chunk.length());
            first.push(chunk.subarray(0, fits));
            if fits < all {
                self.length += (all - fits) as usize;
                self.chunks.push_front(chunk.subarray(fits, all));
            }
        }
        first.into_array_after(&[])
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// A copy of the bytes, or of the first `most` of them, in Wasm memory.
    pub fn copy(&self, most: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length.min(most));
        for chunk in &self.chunks {
            let room = u32::try_from(most - out.len()).unwrap_or(u32::MAX);
            out.extend(chunk.subarray(0, room.min(chunk.length())).to_vec());
        }
        out
    }

    /// The bytes, in Wasm memory.
    pub fn into_vec(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length);
        for chunk in self.chunks {
            out.extend(chunk.to_vec());
        }
        out
    }

    /// `head` and then the bytes, in one piece of JavaScript memory; each chunk is freed as it is copied.
    pub fn into_array_after(self, head: &[u8]) -> Uint8Array {
        // Bodies are limited to 25 MiB and heads to some KiB, so lengths fit 32 bits.
        #[allow(clippy::cast_possible_truncation)]
        let all = Uint8Array::new_with_length((head.len() + self.length) as u32);
        #[allow(clippy::cast_possible_truncation)]
        let mut at = head.len() as u32;
        all.set(&Uint8Array::from(head), 0);
        for chunk in self.chunks {
            all.set(&chunk, at);
            at += chunk.length();
        }
        all
    }

    /// Takes the first chunk; chunks may be empty.
    pub fn pop(&mut self) -> Option<Uint8Array> {
        let chunk = self.chunks.pop_front()?;
        self.length -= chunk.length() as usize;
        Some(chunk)
    }
}
