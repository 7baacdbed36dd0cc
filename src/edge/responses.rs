//! Stored responses in Workers KV. KV is never evidence that a key is new (rule 8.4): it only holds bodies, and copies.

use super::body::Chunks;
use super::clock::Timer;
use super::js::{self, KvNamespace};
use super::task::{self, Sleep};
use crate::protocol::claim::{AttemptId, ClaimId};
use crate::protocol::record::{Place, Record};
use crate::protocol::time::Time;
use js_sys::{ArrayBuffer, Uint8Array};
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use worker::Env;

/// The binding of the KV namespace.
pub const BINDING: &str = "RESPONSES";

/// KV takes no shorter life than this, seconds.
const MIN_TTL_S: u64 = 60;

/// A value that was just written may not be seen everywhere at once: how often it is looked for, and how long apart.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);

/// KV that has not answered by then, milliseconds, has failed, whatever is still to come: a put, and all looks for a value
/// together. A lease is at least 10 s longer than the call to the origin, and in these the attempt is settled, too.
const DEADLINE_MS: u64 = 8_000;

/// No record is larger, its inline body included (a row takes 2 MB); a body behind it stays in JavaScript memory.
const RECORD_BYTES: u32 = 2_250_000;

/// The KV namespace, where one is bound.
pub struct Responses {
    kv: KvNamespace,
    timer: Rc<Timer>,
}

impl Responses {
    /// The namespace of `env`.
    pub fn of(env: &Env, timer: Rc<Timer>) -> Option<Self> {
        let kv = js::binding(env, BINDING)?;
        Some(Self { kv, timer })
    }

    /// Stores `record`, with `body` behind it, under the name of its claim, or of its attempt alone; the returned array is the body in
    /// one piece.
    ///
    /// # Errors
    /// The body, in one piece, where KV did not take it: an outcome is never lost to a failed put (rule 8.5).
    pub async fn put(
        &self,
        record: &Record,
        body: Chunks,
        now: Time,
        of_attempt: bool,
    ) -> Result<Uint8Array, Uint8Array> {
        let head = record.encode().unwrap_or_default();
        let value = body.into_array_after(&head);
        #[allow(clippy::cast_possible_truncation)] // a head is some KiB
        let body = value.subarray(head.len() as u32, value.length());
        let of_attempt = of_attempt.then_some(record.attempt);
        match self.put_value(record, of_attempt, &value, now).await {
            true => Ok(body),
            false => Err(body),
        }
    }

    /// Stores an inline record, `encoded` already, under the name of its claim. Whether KV has taken it.
    pub async fn put_copy(&self, record: &Record, encoded: &[u8], now: Time) -> bool {
        let value = Uint8Array::from(encoded);
        self.put_value(record, None, &value, now).await
    }

    async fn put_value(
        &self,
        record: &Record,
        attempt: Option<AttemptId>,
        value: &Uint8Array,
        now: Time,
    ) -> bool {
        let name = name(record.claim, attempt);
        let ttl_s = record.expires_at.since(now).div_ceil(1000).max(MIN_TTL_S);
        let put = async { task::settled(js::put(&self.kv, &name, value, ttl_s as f64)?).await };
        match self.in_time("put", put).await {
            Some(Ok(_)) => true,
            Some(Err(error)) => {
                worker::console_error!("KV put failed: {error:?}");
                false
            }
            None => false,
        }
    }

    /// The body that `record` points to; `None` where KV does not have it, or has something else under its name.
    pub async fn body(&self, record: &Record) -> Option<Uint8Array> {
        self.in_time("get", self.looked_for(record)).await?
    }

    async fn looked_for(&self, record: &Record) -> Option<Uint8Array> {
        for look in 1..=LOOKS {
            if let Some(body) = self.look(record).await {
                return Some(body);
            }
            if look < LOOKS {
                Sleep::from(BETWEEN_LOOKS).await;
            }
        }
        None
    }

    async fn look(&self, record: &Record) -> Option<Uint8Array> {
        // Which name it has is the contract's matter, which may have changed since.
        for attempt in [None, Some(record.attempt)] {
            if let Some((copy, body)) = self.value(record.claim, attempt).await
                && *record == copy
                && record.body == Place::Kv(body.length().into())
            {
                return Some(body);
            }
        }
        None
    }

    /// The record that KV has for `claim`, with its body; `None` where it has none, or none that can be read. It may belong to
    /// an earlier life of the claim: attempt, fingerprint and expiry are the caller's to compare.
    pub async fn copy(&self, claim: ClaimId) -> Option<(Record, Uint8Array)> {
        self.in_time("get", self.value(claim, None)).await?
    }

    async fn value(
        &self,
        claim: ClaimId,
        attempt: Option<AttemptId>,
    ) -> Option<(Record, Uint8Array)> {
        let promise = self.kv.get(&name(claim, attempt), "arrayBuffer").ok()?;
        let value = task::settled(promise)
            .await
            .inspect_err(|error| worker::console_error!("KV get failed: {error:?}"))
            .ok()?;
        let value = Uint8Array::new(&value.dyn_into::<ArrayBuffer>().ok()?.into());
        let start = value.subarray(0, value.length().min(RECORD_BYTES)).to_vec();
        let (record, rest) = Record::decode(&start).ok()?;
        #[allow(clippy::cast_possible_truncation)] // a part of `start`
        let head = (start.len() - rest.len()) as u32;
        let body = match &record.body {
            Place::Inline(bytes) => Uint8Array::from(bytes.as_slice()),
            Place::Kv(length) => {
                let body = value.subarray(head, value.length());
                (u64::from(body.length()) == *length).then_some(body)?
            }
            // The record alone.
            Place::R2(_) => Uint8Array::new_with_length(0),
            Place::NotKept(_) => return None,
        };
        (record.claim == claim).then_some((record, body))
    }

    /// What `work` comes to, and in time.
    async fn in_time<T>(&self, what: &str, work: impl Future<Output = T>) -> Option<T> {
        let done = self.timer.within(DEADLINE_MS, work).await;
        if done.is_none() {
            worker::console_error!("KV {what} failed: no answer in time");
        }
        done
    }
}

/// One name per claim, which can be looked up without the ledger: the value says which attempt it is, and the ledger says which one
/// counts. But one per attempt where a claim may pass on to another one: an owner that is late shall overwrite nothing (rule 8.4).
fn name(claim: ClaimId, attempt: Option<AttemptId>) -> String {
    let attempt = attempt.map_or_else(String::new, |attempt| format!("/{}", attempt.to_hex()));
    format!("r1/{}{attempt}", claim.to_hex())
}
