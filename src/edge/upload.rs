//! A body that is too large to be held: hashed while it is read, and sent on to the origin chunk by chunk (rule 4.22).

use super::body::{Chunks, Reader};
use super::js::{self, DigestStream};
use super::rest::Rest;
use super::task;
use crate::protocol::digest::Sha256Digest;
use crate::protocol::fingerprint::{Arriving, Contents};
use js_sys::{ArrayBuffer, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ReadableStream, WritableStreamDefaultWriter};

/// A body on its way. Reading it may be broken off at any await, and taken up again: nothing that was read is lost.
pub struct Upload {
    /// What was read before it turned out to be too large.
    start: Chunks,
    reader: Reader,
    /// A read whose result nobody has seen yet.
    reading: Option<Promise>,
    /// Its length, where the client announced it.
    announced: Option<u64>,
    /// The most that is taken, bytes (rule 4.12).
    most: u64,
    read: u64,
    digest: Option<Digest>,
    /// Where the bytes go beside the digest.
    sink: Option<WritableStreamDefaultWriter>,
    ended: bool,
    cut: Option<Cut>,
}

/// Why an upload has no end that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It broke off before its end.
    Truncated,
    /// It is longer than the policy takes.
    TooLong,
}

impl Upload {
    /// The body of which `rest` has been begun, at most `most` bytes of it.
    pub fn new(rest: Rest, most: u64) -> Self {
        Self {
            start: rest.start,
            reader: rest.reader,
            reading: None,
            announced: rest.length,
            most,
            read: 0,
            digest: None,
            sink: None,
            ended: false,
            cut: None,
        }
    }

    /// From here on, what is read is hashed as `arriving` says.
    pub fn hash_as(&mut self, arriving: Arriving) {
        // Without a digest there are no contents, and nothing is stored.
        self.digest = Digest::new(arriving).ok();
    }

    /// From here on, what is read is sent on: the stream that the origin reads.
    ///
    /// # Errors
    /// What the runtime throws when it makes no stream.
    pub fn forward(&mut self) -> Result<ReadableStream, JsValue> {
        let pipe = js::pipe(self.announced)?;
        self.sink = Some(pipe.writable().get_writer()?);
        Ok(pipe.readable())
    }

    /// From here on, nothing more is sent on. It does not close the stream: a body in chunks would look whole to the origin.
    pub fn keep_back(&mut self) {
        self.sink = None;
    }

    /// Nobody needs the rest.
    pub fn cancel(&mut self) {
        self.sink = None;
        let _ = self.reader.cancel();
    }

    /// Whether nothing of it has gone anywhere yet.
    pub fn is_untouched(&self) -> bool {
        self.read == 0 && !self.ended && self.cut.is_none()
    }

    /// Whether all of it has come.
    pub fn is_whole(&self) -> bool {
        self.ended
    }

    /// Why it has no end, where the client is to blame.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// Why there is no end. The origin's stream is left open then.
    pub async fn run(&mut self) -> Result<(), Cut> {
        let ended = self.read_on().await;
        self.cut = ended.err();
        ended
    }

    async fn read_on(&mut self) -> Result<(), Cut> {
        loop {
            let is_start = self.start.len() > 0;
            let Some(chunk) = self.next().await? else {
                break;
            };
            self.read += u64::from(chunk.length());
            if self.read > self.most {
                return Err(Cut::TooLong);
            }
            if let Some(digest) = &mut self.digest {
                digest.update(&chunk).await;
            }
            self.send(&chunk).await;
            if !is_start {
                self.reader.give_back(&chunk);
            }
        }
        if self.announced.is_some_and(|length| self.read < length) {
            return Err(Cut::Truncated);
        }
        self.ended = true;
        if let Some(sink) = self.sink.take() {
            // An origin that has gone away shows in its answer.
            let _ = task::settled(sink.close()).await;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Uint8Array>, Cut> {
        if self.ended {
            return Ok(None);
        }
        if let Some(chunk) = self.start.pop() {
            return Ok(Some(chunk));
        }
        let reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.reader.ask().map_err(|_| Cut::Truncated)?,
        };
        self.reading = Some(reading.clone());
        let result = task::settled(reading).await;
        self.reading = None;
        match result {
            Ok(result) => Ok(self.reader.take(&result)),
            Err(_) => Err(Cut::Truncated),
        }
    }

    /// An origin that takes no more has said, or will say, why: the rest is only hashed.
    async fn send(&mut self, chunk: &Uint8Array) {
        if let Some(sink) = &self.sink
            && task::settled(sink.write_with_chunk(chunk)).await.is_err()
        {
            self.sink = None;
        }
    }

    /// What the contract compares of the body, once it has been read to its end while being hashed.
    pub async fn contents(&mut self) -> Option<Contents> {
        let digest = self.digest.take().filter(|_| self.ended)?;
        digest.finish().await
    }
}

/// Hashes chunks: their bytes by the runtime, which is several times as fast as Wasm, and their meaning here.
struct Digest {
    arriving: Arriving,
    stream: DigestStream,
    writer: WritableStreamDefaultWriter,
}

impl Digest {
    fn new(arriving: Arriving) -> Result<Self, JsValue> {
        let stream = DigestStream::new("SHA-256")?;
        let writer = stream
            .unchecked_ref::<web_sys::WritableStream>()
            .get_writer()?;
        Ok(Self {
            arriving,
            stream,
            writer,
        })
    }

    async fn update(&mut self, chunk: &Uint8Array) {
        // Both before the first await: a chunk is hashed once, wherever reading is broken off.
        let written = self.writer.write_with_chunk(chunk);
        if self.arriving.reads() {
            self.arriving.update(&chunk.to_vec());
        }
        let _ = task::settled(written).await;
    }

    /// `None` where the runtime fails, which leaves a body without a digest.
    async fn finish(self) -> Option<Contents> {
        task::settled(self.writer.close()).await.ok()?;
        let digest = task::settled(self.stream.digest()).await.ok()?;
        let bytes = Uint8Array::new(&digest.dyn_into::<ArrayBuffer>().ok()?.into()).to_vec();
        let digest: Sha256Digest = bytes.try_into().ok()?;
        Some(self.arriving.finish(digest))
    }
}
