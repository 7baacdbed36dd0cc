//! A body of which the beginning has been read already, as one stream.

use super::body::Chunks;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    ReadableStream, ReadableStreamDefaultReader, TransformStream, WritableStreamDefaultWriter,
};

/// The beginning and the rest of a body, and where they go.
pub struct Rest {
    start: Vec<Uint8Array>,
    rest: ReadableStreamDefaultReader,
    out: WritableStreamDefaultWriter,
}

impl Rest {
    /// The stream that the client reads, and the pump that fills it.
    ///
    /// # Errors
    /// What the runtime throws when it makes no stream.
    pub fn new(
        start: Chunks,
        rest: ReadableStreamDefaultReader,
    ) -> Result<(ReadableStream, Self), JsValue> {
        let pipe = TransformStream::new()?;
        let out = pipe.writable().get_writer()?;
        let start = start.into_chunks();
        Ok((pipe.readable(), Self { start, rest, out }))
    }

    /// Moves the bytes, as fast as the client reads them. A body that breaks off breaks off for the client too.
    pub async fn pump(self) {
        if self.copy().await.is_err() {
            let _ = JsFuture::from(self.out.abort()).await;
            let _ = JsFuture::from(self.rest.cancel()).await;
        }
    }

    async fn copy(&self) -> Result<(), JsValue> {
        for chunk in &self.start {
            JsFuture::from(self.out.write_with_chunk(chunk)).await?;
        }
        loop {
            let read = JsFuture::from(self.rest.read()).await?;
            let value = js_sys::Reflect::get(&read, &"value".into())?;
            if value.is_undefined() {
                break;
            }
            JsFuture::from(self.out.write_with_chunk(value.unchecked_ref())).await?;
        }
        JsFuture::from(self.out.close()).await?;
        Ok(())
    }
}
