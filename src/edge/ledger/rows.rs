//! The rows of a shard, one for each claim. What a function here changes, one statement changes.

use super::Result;
use super::tables::Table::{Claims, Displaced};
use crate::edge::js::{Cursor, Sql};
use crate::protocol::claim::{AttemptId, Claim, ClaimId, Ending, Settle, State, Write};
use crate::protocol::fingerprint::{Fingerprint, Print};
use crate::protocol::time::Time;
use js_sys::{Array, ArrayBuffer, JsString, Uint8Array};
use std::cell::Cell;
use std::thread::LocalKey;
use wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::DurableObjectState;

const RUNNING: u64 = 1;
const DONE: u64 = 2;
const UNKNOWN: u64 = 3;

/// The same for each of the two tables ([`Table::on`](super::tables::Table::on)).
struct Statement {
    claims: JsString,
    displaced: JsString,
}

impl Statement {
    fn of(text: &str) -> Self {
        Self {
            claims: JsString::from(Claims.on(text)),
            displaced: JsString::from(Displaced.on(text)),
        }
    }
}

/// What [`Rows::put`] puts, behind the slot (?1).
const COLUMNS: &str = "id, fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch";
const VALUES: &str = "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11";

// Strings of JavaScript: those of Rust would be decoded anew for each call.
thread_local! {
    static INSERT: JsString = JsString::from(format!(
        "INSERT INTO claims (slot, {COLUMNS}) VALUES (?1, {VALUES}) ON CONFLICT (slot) DO NOTHING",
    ));
    static INSERT_BESIDE: JsString = JsString::from(format!(
        "INSERT INTO claims (slot, {COLUMNS}) SELECT ?1, {VALUES}
         WHERE NOT EXISTS (SELECT 1 FROM displaced WHERE id = ?2) ON CONFLICT (slot) DO NOTHING",
    ));
    static DISPLACE: JsString =
        JsString::from(format!("INSERT INTO displaced ({COLUMNS}) VALUES ({VALUES})"));
    static REPLACE: Statement = Statement::of(&format!(
        "UPDATE {{table}} SET ({COLUMNS}) = ({VALUES}) WHERE {{row}}",
    ));
    static COMPLETE: Statement = Statement::of(
        "UPDATE {table} SET state = 2, record = ?4, expires_at = ?5, fingerprint = ?6
         WHERE {row} AND attempt = ?3 AND state IN (1, 3) AND record IS NULL AND expires_at > ?7",
    );
    static MARK_UNKNOWN: Statement = Statement::of(
        "UPDATE {table} SET state = 3, fingerprint = coalesce(?4, fingerprint) WHERE {row} AND attempt = ?3 AND state = 1",
    );
    static REMOVE: Statement =
        Statement::of("DELETE FROM {table} WHERE {row} AND attempt = ?3 AND state <> 2");
    static READ: Statement = Statement::of(
        "SELECT fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch
         FROM {table} WHERE {row} LIMIT 1",
    );
}

/// The place of `expires_at` in what [`READ`] selects.
const EXPIRES_AT: u32 = 5;

/// The rows of both tables. An id is in one of them at most.
pub struct Rows {
    sql: Sql,
    /// Whether some may be in `displaced`. Nobody but this object writes to its database.
    displaced: Cell<bool>,
}

impl Rows {
    /// The tables in the database of an object.
    ///
    /// # Errors
    /// What the runtime throws where the object has no storage.
    pub fn of(state: &DurableObjectState) -> Result<Self> {
        Ok(Self {
            sql: state.storage()?.sql().unchecked_into(),
            displaced: Cell::new(true),
        })
    }

    /// Whether rows may lie in `displaced`.
    pub fn may_be_displaced(&self) -> bool {
        self.displaced.get()
    }

    /// What somebody has found who looked into `displaced`.
    pub fn found_displaced(&self, any: bool) {
        self.displaced.set(any);
    }

    /// Whether there is a new row now, and was none before. Not where its slot is taken.
    pub fn insert_if_absent(&self, id: ClaimId, claim: &Claim) -> Result<bool> {
        let statement = match self.displaced.get() {
            true => &INSERT_BESIDE,
            false => &INSERT,
        };
        statement.with(|statement| Ok(wrote(&self.put(statement, id, claim)?)))
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
        let (slot, id_bytes, owner_bytes) = (slot(id), id.as_bytes(), owner.as_bytes());
        match write {
            Write::Keep => Ok(false),
            Write::Put(claim) => self.put_anywhere(id, &claim),
            Write::Complete {
                record,
                expires_at,
                fingerprint,
            } => {
                let any_time = Time::from_millis(0);
                self.complete(id, owner, &record, expires_at, fingerprint, any_time)
            }
            Write::MarkUnknown { fingerprint } => {
                let print = fingerprint.map(print_bytes);
                self.write(&MARK_UNKNOWN, |statement| {
                    self.sql
                        .mark(statement, slot, id_bytes, owner_bytes, print.as_deref())
                })
            }
            Write::Remove => self.write(&REMOVE, |statement| {
                self.sql.remove(statement, slot, id_bytes, owner_bytes)
            }),
        }
    }

    /// The row of `id`. Whoever asks about a row that cannot be read, learns just that: it counts as one of what is `asked`.
    pub fn read(&self, id: ClaimId, asked: Print) -> Result<Option<Claim>> {
        let found = READ.with(|statement| {
            let row = self.first_row(&statement.claims, id)?;
            match row.is_none() && self.displaced.get() {
                true => self.first_row(&statement.displaced, id),
                false => Ok::<_, JsValue>(row),
            }
        })?;
        let Some(row) = found else {
            return Ok(None);
        };
        Ok(Some(claim_from(&row).unwrap_or_else(|| {
            worker::console_error!("the row of claim {} cannot be read", id.to_hex());
            unreadable(time(&row, EXPIRES_AT), asked)
        })))
    }

    fn first_row(&self, statement: &JsString, id: ClaimId) -> Result<Option<Array>> {
        let cursor = self.sql.read(statement, slot(id), id.as_bytes())?;
        Ok(cursor.raw()?.to_array()?.get(0).dyn_into().ok())
    }

    /// In the place of the row that is there, in its slot, or apart from it where that is another claim's. What is done by one of these
    /// statements leaves nothing to the next one.
    fn put_anywhere(&self, id: ClaimId, claim: &Claim) -> Result<bool> {
        if self.write(&REPLACE, |statement| self.put(statement, id, claim))?
            || self.insert_if_absent(id, claim)?
        {
            return Ok(true);
        }
        self.displaced.set(true);
        DISPLACE.with(|statement| Ok(wrote(&self.put(statement, id, claim)?)))
    }

    fn put(&self, statement: &JsString, id: ClaimId, claim: &Claim) -> Result<Cursor> {
        let (state, record) = match &claim.state {
            State::Running => (RUNNING, None),
            State::Done(record) => (DONE, Some(record.as_slice())),
            State::Unknown => (UNKNOWN, None),
        };
        self.sql.put(
            statement,
            slot(id),
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
        )
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
        let print = print_bytes(fingerprint);
        self.write(&COMPLETE, |statement| {
            self.sql.complete(
                statement,
                slot(id),
                id.as_bytes(),
                owner.as_bytes(),
                record,
                millis(expires_at),
                &print,
                millis(now),
            )
        })
    }

    /// Whether a statement has written to a row, wherever it lies.
    fn write(
        &self,
        statement: &'static LocalKey<Statement>,
        run: impl Fn(&JsString) -> Result<Cursor>,
    ) -> Result<bool> {
        statement.with(|statement| {
            Ok(wrote(&run(&statement.claims)?)
                || self.displaced.get() && wrote(&run(&statement.displaced)?))
        })
    }
}

fn wrote(cursor: &Cursor) -> bool {
    cursor.rows_written() > 0.0
}

/// Below 2^53.
fn slot(id: ClaimId) -> f64 {
    id.slot() as f64
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
