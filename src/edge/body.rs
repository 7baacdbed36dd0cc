//! Reading bodies piece by piece, up to a limit.
//!
//! `worker`'s own stream turns an aborted body into a clean end, so bodies are read here: a read that fails must be seen.

use super::js::{ByobReader, ByteStream};
use super::task;
use super::upload::Upload;
use crate::protocol::request::Body;
use js_sys::{ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use std::collections::VecDeque;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::ReadableStream;

/// What is read at once, bytes: a short body takes a small buffer.
const FIRST: u32 = 4 * 1024;
/// Of a long one, each piece is twice as long as the one before, up to this.
const LONGEST: u32 = 64 * 1024;
/// Pieces below this are small.
const SMALL: u32 = 1024;

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
    TooLong(Chunks, Reader),
    /// The body broke off.
    Broken,
}

/// Reads `stream` to its end, or until it is longer than `limit` bytes.
///
/// Pieces are full, however small those are that come: of a body in chunks of one byte, each chunk would otherwise hold a buffer
/// of 4 KiB, and cost a turn of the event loop.
pub async fn read(stream: Option<ReadableStream>, limit: usize) -> Read {
    let mut chunks = Chunks::default();
    let Some(stream) = stream else {
        return Read::Whole(chunks);
    };
    let Ok(mut reader) = Reader::of(&stream) else {
        return Read::Broken;
    };
    let mut size = FIRST;
    loop {
        // No more than shows that the body is too long: whoever holds back the rest is told at once.
        let room = u32::try_from(limit - chunks.length).unwrap_or(u32::MAX);
        let wanted = size.min(room.saturating_add(1));
        let Ok(asked) = reader.fill(wanted, wanted) else {
            return Read::Broken;
        };
        match task::settled(asked).await {
            Err(_) => return Read::Broken,
            Ok(result) => match bytes(&result) {
                None => return Read::Whole(chunks),
                Some(piece) => chunks.push(piece),
            },
        }
        if chunks.length > limit {
            return Read::TooLong(chunks, reader);
        }
        size = (size * 2).min(LONGEST);
    }
}

/// The same of a body whose announced length is within the limit, all of it at once.
pub async fn read_announced(whole: Result<Promise, JsValue>) -> Read {
    let whole = async { task::settled(whole?).await };
    match whole.await {
        Ok(buffer) => {
            let mut chunks = Chunks::default();
            chunks.push(Uint8Array::new(&buffer));
            Read::Whole(chunks)
        }
        Err(_) => Read::Broken,
    }
}

/// What reads a body, in pieces as large as they come.
#[derive(Clone)]
pub struct Reader {
    stream: ByobReader,
    /// Whether somebody waits for each piece.
    prompt: bool,
    /// The buffer of the next piece.
    size: u32,
    /// The least of the next piece.
    min: u32,
    /// A buffer that was given back: JavaScript frees those of a large body much later than they are done with.
    spare: Option<ArrayBuffer>,
}

impl Reader {
    /// The reader of `stream`, which nobody else can read from then on. After small pieces it waits for larger ones: a body in
    /// chunks of one byte would otherwise cost a turn of the event loop, and a buffer, for each.
    ///
    /// # Errors
    /// What the runtime throws at a stream that is no stream of bytes, or has a reader.
    pub fn of(stream: &ReadableStream) -> Result<Self, JsValue> {
        Self::new(stream, false)
    }

    /// One that waits for nothing: events reach their client as they come.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn prompt(stream: &ReadableStream) -> Result<Self, JsValue> {
        Self::new(stream, true)
    }

    fn new(stream: &ReadableStream, prompt: bool) -> Result<Self, JsValue> {
        let options = Object::new();
        Reflect::set(&options, &"mode".into(), &"byob".into())?;
        let stream: &ByteStream = stream.unchecked_ref();
        Ok(Self {
            stream: stream.get_reader(&options)?,
            prompt,
            size: FIRST,
            min: 1,
            spare: None,
        })
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What the runtime throws when the body breaks off.
    pub async fn next(&mut self) -> Result<Option<Uint8Array>, JsValue> {
        let read = task::settled(self.ask()?).await?;
        Ok(self.take(&read))
    }

    /// Asks for the next piece: [`Self::take`] gets what comes of it.
    ///
    /// # Errors
    /// What the runtime throws.
    pub fn ask(&mut self) -> Result<Promise, JsValue> {
        self.fill(self.size, self.min)
    }

    /// Nobody needs `piece` any more, which this reader has read: what is read next may lie there.
    pub fn give_back(&mut self, piece: &Uint8Array) {
        self.spare = Some(piece.buffer());
    }

    /// The piece that was asked for; `None` at the end.
    pub fn take(&mut self, read: &JsValue) -> Option<Uint8Array> {
        let piece = bytes(read)?;
        if piece.length() == self.size {
            self.size = (self.size * 2).min(LONGEST);
        }
        self.min = match piece.length() {
            ..SMALL if !self.prompt => (self.min * 2).min(SMALL),
            _ => 1,
        };
        Some(piece)
    }

    /// Stops reading, and lets the other side know.
    pub fn cancel(&self) -> Promise {
        self.stream.cancel()
    }

    /// At most `size` bytes, and no fewer than `min` but at the end.
    fn fill(&mut self, size: u32, min: u32) -> Result<Promise, JsValue> {
        let options = Object::new();
        Reflect::set(&options, &"min".into(), &min.into())?;
        let large_enough = |spare: &ArrayBuffer| spare.byte_length() >= size;
        let buffer = match self.spare.take().filter(large_enough) {
            Some(spare) => Uint8Array::new_with_byte_offset_and_length(&spare, 0, size),
            None => Uint8Array::new_with_length(size),
        };
        self.stream.read(&buffer, &options)
    }
}

/// The bytes of `{ value, done }`; `None` at the end.
fn bytes(result: &JsValue) -> Option<Uint8Array> {
    let value = Reflect::get(result, &"value".into()).ok()?;
    let bytes = value.dyn_into::<Uint8Array>().ok()?;
    (bytes.length() > 0).then_some(bytes)
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

    /// The bytes, in one piece of JavaScript memory.
    pub fn into_array(mut self) -> Uint8Array {
        match self.chunks.len() {
            1 => self.pop().unwrap_or_default(),
            _ => self.into_array_after(&[]),
        }
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
