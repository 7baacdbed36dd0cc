//! A body of which the beginning has been read already, as one stream.

use super::body::{Chunks, Reader};
use super::js;
use super::task;
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::{ReadableStream, WritableStreamDefaultWriter};

/// The beginning of a body, the reader that has the rest, and the length of both where the origin announced it.
pub struct Rest {
    pub start: Chunks,
    pub reader: Reader,
    pub length: Option<u64>,
}

/// What moves the bytes of a [`Rest`] into the stream that the client reads.
pub struct Pump {
    rest: Rest,
    out: WritableStreamDefaultWriter,
}

impl Rest {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// What the runtime throws where the body has broken off.
    pub async fn next(&mut self) -> Result<Option<Uint8Array>, JsValue> {
        match self.start.pop() {
            Some(chunk) => Ok(Some(chunk)),
            None => self.reader.next().await,
        }
    }

    /// The stream that the client reads, and the pump that fills it. Where the length is known the client is told, so that it
    /// sees when the body breaks off.
    ///
    /// # Errors
    /// What the runtime throws when it makes no stream.
    pub fn open(self) -> Result<(ReadableStream, Pump), JsValue> {
        let pipe = js::pipe(self.length)?;
        let out = pipe.writable().get_writer()?;
        Ok((pipe.readable(), Pump { rest: self, out }))
    }
}

impl Pump {
    /// Moves the bytes, as fast as the client reads them. A body that breaks off breaks off for the client too.
    pub async fn run(self) {
        let Self { rest, out } = self;
        let reader = rest.reader.clone();
        if copy(rest, &out).await.is_err() {
            let _ = task::settled(out.abort()).await;
            let _ = task::settled(reader.cancel()).await;
        }
    }
}

async fn copy(mut rest: Rest, out: &WritableStreamDefaultWriter) -> Result<(), JsValue> {
    while let Some(chunk) = rest.start.pop() {
        task::settled(out.write_with_chunk(&chunk)).await?;
    }
    while let Some(chunk) = rest.reader.next().await? {
        // Resolves when the other side has read the bytes.
        task::settled(out.write_with_chunk(&chunk)).await?;
        rest.reader.give_back(&chunk);
    }
    task::settled(out.close()).await?;
    Ok(())
}
