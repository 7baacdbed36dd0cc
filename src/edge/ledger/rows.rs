//! The rows of a shard, one for each claim. Each function here is one statement.

use super::Result;
use crate::edge::js::Sql;
use crate::protocol::claim::{AttemptId, Claim, ClaimId, Ending, Settle, State, Write};
use crate::protocol::fingerprint::{Fingerprint, Print};
use crate::protocol::time::Time;
use js_sys::{Array, ArrayBuffer, JsString, Uint8Array};
use wasm_bindgen::JsCast;
use worker::worker_sys::DurableObjectState;

const RUNNING: u64 = 1;
const DONE: u64 = 2;
const UNKNOWN: u64 = 3;

// Strings of JavaScript: those of Rust would be decoded anew for each call.
thread_local! {
    static INSERT: JsString = JsString::from(
        "INSERT INTO claims (id, fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    );
    static REPLACE: JsString = JsString::from(
        "REPLACE INTO claims (id, fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    static COMPLETE: JsString = JsString::from(
        "UPDATE claims SET state = 2, record = ?, expires_at = ?, fingerprint = ?
         WHERE id = ? AND attempt = ? AND state IN (1, 3) AND record IS NULL AND expires_at > ?",
    );
    static MARK_UNKNOWN: JsString = JsString::from(
        "UPDATE claims SET state = 3, fingerprint = coalesce(?, fingerprint)
         WHERE id = ? AND attempt = ? AND state = 1",
    );
    static REMOVE: JsString =
        JsString::from("DELETE FROM claims WHERE id = ? AND attempt = ? AND state <> 2");
    static READ: JsString = JsString::from(
        "SELECT fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch
         FROM claims WHERE id = ? LIMIT 1",
    );
}

/// The place of `expires_at` in what [`READ`] selects.
const EXPIRES_AT: u32 = 5;

/// The table.
pub struct Rows(Sql);

impl Rows {
    /// The table in the database of an object.
    ///
    /// # Errors
    /// What the runtime throws where the object has no storage.
    pub fn of(state: &DurableObjectState) -> Result<Self> {
        Ok(Self(state.storage()?.sql().unchecked_into()))
    }

    /// Whether there is a new row now, and was none before.
    pub fn insert_if_absent(&self, id: ClaimId, claim: &Claim) -> Result<bool> {
        INSERT.with(|statement| self.put(statement, id, claim))
    }

    /// Whether the row of an attempt that stores its answer is done now, and was not before: just where `claim::settle` would say so of
    /// the row as it can be read. A row that cannot be read is nobody's.
    pub fn complete_in_time(&self, event: &Settle, now: Time) -> Result<bool> {
        let Ending::Store {
            record,
            expires_at,
            fingerprint,
        } = &event.ending
        else {
            return Ok(false);
        };
        self.complete(
            event.claim,
            event.attempt,
            record,
            *expires_at,
            *fingerprint,
            now,
        )
    }

    /// Whether `write` has changed the row; that of another `owner` is not touched.
    pub fn apply(&self, id: ClaimId, owner: AttemptId, write: Write) -> Result<bool> {
        let (id_bytes, owner_bytes) = (id.as_bytes(), owner.as_bytes());
        let cursor = match write {
            Write::Keep => return Ok(false),
            Write::Put(claim) => {
                return REPLACE.with(|statement| self.put(statement, id, &claim));
            }
            Write::Complete {
                record,
                expires_at,
                fingerprint,
            } => {
                let any_time = Time::from_millis(0);
                return self.complete(id, owner, &record, expires_at, fingerprint, any_time);
            }
            Write::MarkUnknown { fingerprint } => {
                let print = fingerprint.map(print_bytes);
                MARK_UNKNOWN.with(|statement| {
                    self.0
                        .mark(statement, print.as_deref(), id_bytes, owner_bytes)
                })
            }
            Write::Remove => {
                REMOVE.with(|statement| self.0.remove(statement, id_bytes, owner_bytes))
            }
        };
        Ok(cursor?.rows_written() > 0.0)
    }

    /// The row of `id`. Whoever asks about a row that cannot be read, learns just that: it counts as one of what is `asked`.
    pub fn read(&self, id: ClaimId, asked: Print) -> Result<Option<Claim>> {
        let cursor = READ.with(|statement| self.0.read(statement, id.as_bytes()))?;
        let row = cursor.raw()?.to_array()?.get(0);
        let Some(row) = row.dyn_ref::<Array>() else {
            return Ok(None);
        };
        Ok(Some(claim_from(row).unwrap_or_else(|| {
            worker::console_error!("the row of claim {} cannot be read", id.to_hex());
            unreadable(time(row, EXPIRES_AT), asked)
        })))
    }

    fn put(&self, statement: &JsString, id: ClaimId, claim: &Claim) -> Result<bool> {
        let (state, record) = match &claim.state {
            State::Running => (RUNNING, None),
            State::Done(record) => (DONE, Some(record.as_slice())),
            State::Unknown => (UNKNOWN, None),
        };
        let cursor = self.0.put(
            statement,
            id.as_bytes(),
            &claim.print.to_bytes(),
            claim.attempt.as_bytes(),
            state as f64,
            millis(claim.first_seen),
            millis(claim.lease_until),
            millis(claim.expires_at),
            record,
            claim.refuse_ms as f64,
            &claim.sketch,
        )?;
        Ok(cursor.rows_written() > 0.0)
    }

    /// Not what has expired by `now`.
    fn complete(
        &self,
        id: ClaimId,
        owner: AttemptId,
        record: &[u8],
        expires_at: Time,
        fingerprint: Fingerprint,
        now: Time,
    ) -> Result<bool> {
        let cursor = COMPLETE.with(|statement| {
            self.0.complete(
                statement,
                record,
                millis(expires_at),
                &print_bytes(fingerprint),
                id.as_bytes(),
                owner.as_bytes(),
                millis(now),
            )
        })?;
        Ok(cursor.rows_written() > 0.0)
    }
}

fn print_bytes(fingerprint: Fingerprint) -> Vec<u8> {
    Print::Whole(fingerprint).to_bytes()
}

/// Only times are written, which end with the year 9999, and intervals of a policy: far below 2^53.
fn millis(time: Time) -> f64 {
    time.millis() as f64
}

/// What stands for a row that is damaged, or that a version has written which knows more states: done, with a record that cannot
/// be read (rule 8.1). It is not absent before its expiry, and nobody's mismatch: the operation may have run.
fn unreadable(expires_at: Option<Time>, asked: Print) -> Claim {
    let start = Time::from_millis(0);
    Claim {
        print: asked,
        sketch: Vec::new(),
        attempt: AttemptId::new([0; 16]),
        state: State::Done(Vec::new()),
        first_seen: start,
        lease_until: start,
        expires_at: expires_at.unwrap_or(Time::from_millis(u64::MAX)),
        refuse_ms: 0,
    }
}

fn claim_from(row: &Array) -> Option<Claim> {
    let record = row.get(6);
    let record = if record.is_null() {
        None
    } else {
        Some(blob(row, 6)?)
    };
    Some(Claim {
        print: Print::from_bytes(&blob(row, 0)?)?,
        attempt: AttemptId::new(blob(row, 1)?.try_into().ok()?),
        state: match (integer(row, 2)?, record) {
            (RUNNING, None) => State::Running,
            (UNKNOWN, None) => State::Unknown,
            // A torn row is a record that cannot be read: the operation ran.
            (DONE, record) => State::Done(record.unwrap_or_default()),
            _ => return None,
        },
        first_seen: time(row, 3)?,
        lease_until: time(row, 4)?,
        expires_at: time(row, EXPIRES_AT)?,
        refuse_ms: integer(row, 7)?,
        sketch: blob(row, 8)?,
    })
}

fn blob(row: &Array, at: u32) -> Option<Vec<u8>> {
    let buffer = row.get(at).dyn_into::<ArrayBuffer>().ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}

fn integer(row: &Array, at: u32) -> Option<u64> {
    let number = row.get(at).as_f64()?;
    // Checked: what is no whole number from 0 on was not written here.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (number >= 0.0 && number.fract() == 0.0).then_some(number as u64)
}

fn time(row: &Array, at: u32) -> Option<Time> {
    integer(row, at).map(Time::from_millis)
}
