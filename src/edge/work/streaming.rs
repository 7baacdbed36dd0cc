//! Answers that are not gathered first: those that the client reads while they are recorded (rule 9.20), and those that are too large to
//! be gathered, for which there is a bucket (rule 8.16).

use super::Work;
use super::keeping::Keeper;
use crate::edge::clock;
use crate::edge::convert::{self, Payload};
use crate::edge::js;
use crate::edge::log::elapsed;
use crate::edge::origin::Answer;
use crate::edge::overflow::Overflow;
use crate::edge::rest::Rest;
use crate::edge::task;
use crate::edge::task::Reply;
use crate::protocol::fingerprint::Fingerprint;
use crate::protocol::headers::Headers;
use crate::protocol::outcome::Happened;
use crate::protocol::record::{Place, Record, Sorted, Unkept};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::replay::{self, Status};
use crate::protocol::verdict::Attempt;
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::{ReadableStream, WritableStreamDefaultWriter};

impl Work {
    /// The client reads what the origin sends, as it comes. That the answer has come to its end, the client is told only when the
    /// ledger holds it: an answer that could not be recorded breaks off.
    pub(super) async fn stream(
        &mut self,
        attempt: Attempt,
        print: Fingerprint,
        status: u16,
        headers: Headers,
        rest: Rest,
        reply: Reply,
    ) {
        let ttl = self.ttl_ms(&headers);
        let contract = self.guarded.contract;
        let sorted = Sorted::new(contract, headers);
        let mut record = self.record(attempt, print, status, &sorted, ttl);
        let (stream, mut client) = match Client::new(rest.length) {
            Ok(client) => client,
            Err(error) => return reply.send(Err(error)),
        };
        let head = replay::first(&record, sorted.first_only.clone(), contract, &self.exchange);
        self.line.outcome = Status::Fresh.as_str();
        self.line.status = head.status;
        reply.send(convert::response(&head, &Payload::Stream(stream)));
        let mut keeper = self.keeper();
        if let Err(happened) = self
            .record_body(attempt, &record, rest, &mut keeper, Some(&mut client))
            .await
        {
            keeper.give_up(Unkept::NotWritten).await;
            self.note_held(attempt, happened).await;
            return client.break_off().await;
        }
        // With the end in sight, times are what they are now.
        record = self.record(attempt, print, status, &sorted, ttl);
        self.placed(&mut record, keeper).await;
        let Some(encoded) = self.settle_as(&record).await else {
            self.line.outcome = Code::OutcomeUnrecorded.row().code;
            return client.break_off().await;
        };
        client.end().await;
        self.copy(&record, &encoded).await;
    }

    /// The answer goes into the bucket, and to the client from there.
    pub(super) async fn store_large(
        &mut self,
        attempt: Attempt,
        print: Fingerprint,
        status: u16,
        headers: Headers,
        rest: Rest,
        reply: Reply,
    ) {
        let begun = match Overflow::of(&self.env) {
            Some(overflow) => overflow.begin(self.guarded.claim, attempt.id).await,
            None => None,
        };
        let Some(writer) = begun else {
            // Nothing of it has been read: its first caller gets all of it.
            let answer = Answer::TooLarge(status, headers, rest);
            let stored = self.store_head(attempt, print, answer, Unkept::NotWritten, reply);
            return stored.await;
        };
        let ttl = self.ttl_ms(&headers);
        let contract = self.guarded.contract;
        let sorted = Sorted::new(contract, headers);
        let mut record = self.record(attempt, print, status, &sorted, ttl);
        let mut keeper = Keeper::sending(writer);
        let read = self.record_body(attempt, &record, rest, &mut keeper, None);
        if let Err(happened) = read.await {
            keeper.give_up(Unkept::NotWritten).await;
            return self.hold(attempt, happened, reply).await;
        }
        record = self.record(attempt, print, status, &sorted, ttl);
        self.placed(&mut record, keeper).await;
        if self.settle_as(&record).await.is_none() {
            return self.unrecorded(attempt, status, reply);
        }
        match record.body {
            Place::NotKept(why) => self.refuse(&Refusal::not_kept(&record, why), reply),
            _ => match self.stored_body(&record).await {
                Some(payload) => {
                    let head = replay::first(&record, sorted.first_only, contract, &self.exchange);
                    self.answer(&head, payload, Status::Fresh, reply).await;
                }
                None => self.refuse(&super::replay_unavailable(&record), reply),
            },
        }
    }

    /// Reads a body to its end, within the lease, for the record and for the client if there is one.
    async fn record_body(
        &mut self,
        attempt: Attempt,
        record: &Record,
        mut rest: Rest,
        keeper: &mut Keeper,
        mut client: Option<&mut Client>,
    ) -> Result<(), Happened> {
        let started = clock::now();
        let most = attempt.time_for_call(u64::MAX, elapsed(self.asked_at));
        let reader = rest.reader.clone();
        let all = async {
            let mut read = 0;
            while let Some(chunk) = rest.next().await.map_err(|_| Happened::BrokenOff)? {
                read += u64::from(chunk.length());
                keeper.keep(record, &chunk).await;
                match &mut client {
                    Some(client) => client.write(chunk).await,
                    // Nobody gets it in any other way.
                    None if !keeper.keeps() => break,
                    None => {}
                }
            }
            match rest.length {
                Some(length) if read < length && keeper.keeps() => Err(Happened::BrokenOff),
                _ => Ok(()),
            }
        };
        let ended = match clock::within(most.unwrap_or_default(), all).await {
            Some(ended) => ended,
            None => Err(Happened::Deadline),
        };
        let _ = reader.cancel();
        self.line.origin_ms += elapsed(started);
        ended
    }
}

/// The client's end of an answer that it reads while it is recorded.
struct Client {
    /// Gone, once the client is.
    out: Option<WritableStreamDefaultWriter>,
    length: Option<u64>,
    written: u64,
    /// The last bytes of a body whose length is known: with them, the client has all of it.
    last: Option<Uint8Array>,
}

impl Client {
    fn new(length: Option<u64>) -> Result<(ReadableStream, Self), JsValue> {
        let pipe = js::pipe(length)?;
        let client = Self {
            out: Some(pipe.writable().get_writer()?),
            length,
            written: 0,
            last: None,
        };
        Ok((pipe.readable(), client))
    }

    async fn write(&mut self, chunk: Uint8Array) {
        self.written += u64::from(chunk.length());
        if self.length == Some(self.written) {
            self.last = Some(chunk);
        } else {
            self.send(&chunk).await;
        }
    }

    /// A client that has gone away stops nothing.
    async fn send(&mut self, chunk: &Uint8Array) {
        if let Some(out) = &self.out
            && task::settled(out.write_with_chunk(chunk)).await.is_err()
        {
            self.out = None;
        }
    }

    async fn end(mut self) {
        if let Some(last) = self.last.take() {
            self.send(&last).await;
        }
        if let Some(out) = self.out {
            let _ = task::settled(out.close()).await;
        }
    }

    async fn break_off(self) {
        if let Some(out) = self.out {
            let _ = task::settled(out.abort()).await;
        }
    }
}
