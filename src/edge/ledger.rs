//! The ledger: a shard of claims in a SQLite-backed Durable Object, the only thing that decides new, running or done.
//!
//! Every event is one turn of the event loop: the row is read, `protocol::claim` decides, one statement writes, and nothing is
//! awaited in between. So no other request can come between the read and the write, although they are two statements; and the
//! runtime holds the answer back until the write is durable (output gate). Nothing about a claim is kept in memory (rule 5.12),
//! only who waits for one ([`Waiters`]) and who has claimed how many ([`NewKeys`]).

mod sweep;

use super::clock;
use super::settings::settings;
use super::waiting::Waiters;
use crate::protocol::claim::{
    self, AttemptId, Begin, Begun, Claim, ClaimId, Settle, Settled, State as ClaimState, Write,
};
use crate::protocol::fingerprint::{Fingerprint, Print};
use crate::protocol::new_keys::NewKeys;
use crate::protocol::time::Time;
use crate::protocol::wire::{self, Answer, Call};
use std::cell::{Cell, RefCell};
use worker::{
    DurableObject, Env, Error, Request, Response, Result, SqlStorage, SqlStorageValue, State,
    durable_object,
};

// The table as version 0.1 made it. No index on `expires_at`: it would cost two more written rows for every request, and a
// sweep that scans costs only reads.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS claims (
  id BLOB PRIMARY KEY,
  fingerprint BLOB NOT NULL,
  attempt BLOB NOT NULL,
  state INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  record BLOB
) WITHOUT ROWID";

/// What later versions have added. Every new shard adds them too, so that a shard of before is nothing special.
const ADDED: [(&str, &str); 2] = [
    ("refuse_ms", "INTEGER NOT NULL DEFAULT 0"),
    ("sketch", "BLOB NOT NULL DEFAULT x''"),
];

/// `settle` names its attempt, and no request.
const NO_REQUEST: Print = Print::Whole(Fingerprint::from_bytes([0; 32]));

const RUNNING: i64 = 1;
const DONE: i64 = 2;
const UNKNOWN: i64 = 3;

/// One shard.
#[durable_object(alarm)]
pub struct Ledger {
    state: State,
    sql: SqlStorage,
    /// Whether the table is there. Where it could not be made, each call tries again.
    ready: Cell<bool>,
    waiters: Waiters,
    new_keys: RefCell<NewKeys>,
    /// Whether this instance knows that an alarm is set. Only a hint: losing it costs one look.
    alarm_set: Cell<bool>,
    /// How far the sweep has come: the last id that it looked at, and empty at the beginning. Losing it begins anew.
    swept: RefCell<Vec<u8>>,
}

impl DurableObject for Ledger {
    fn new(state: State, env: Env) -> Self {
        // Under an invalid policy, no Worker calls (rule 10.3).
        let per_minute = settings(&env).map_or(0, |it| it.policy.limits.new_keys_per_minute);
        let sql = state.storage().sql();
        Self {
            ready: prepare(&sql).is_ok().into(),
            waiters: Waiters::default(),
            new_keys: NewKeys::new(per_minute).into(),
            alarm_set: Cell::new(false),
            swept: RefCell::default(),
            sql,
            state,
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let call: Call = wire::decode(&request.bytes().await?).map_err(refuse)?;
        if !self.ready.get() {
            prepare(&self.sql)?;
            self.ready.set(true);
        }
        let answer = match call {
            Call::Begin(event) => self.begin_or_wait(&event).await?,
            Call::Settle(event) => Answer::Settled(self.settle(event, clock::now())?),
            Call::Peek(event) => self.peek_or_wait(&event).await?,
        };
        self.set_alarm_once().await?;
        Response::from_bytes(wire::encode(&answer).map_err(refuse)?)
    }

    async fn alarm(&self) -> Result<Response> {
        self.sweep().await?;
        Response::empty()
    }
}

fn refuse(error: wire::Unreadable) -> Error {
    Error::RustError(error.to_string())
}

/// The table, with every column.
fn prepare(sql: &SqlStorage) -> Result<()> {
    sql.exec(SCHEMA, None)?;
    for (column, definition) in ADDED {
        let found = sql.exec(
            "SELECT 1 FROM pragma_table_info('claims') WHERE name = ?",
            vec![column.into()],
        )?;
        if found.raw().next().is_none() {
            sql.exec(
                &format!("ALTER TABLE claims ADD COLUMN {column} {definition}"),
                None,
            )?;
        }
    }
    Ok(())
}

/// Waiting (rules 5.19 to 5.22).
impl Ledger {
    /// `begin`; and where another attempt runs, once more when it has ended, or at the end of the wait.
    async fn begin_or_wait(&self, event: &Begin) -> Result<Answer> {
        let at = clock::now();
        let begun = Some(self.begin(event, at)?);
        self.told(event, at, begun, claim::look).await
    }

    /// As [`Self::begin_or_wait`], without beginning anything.
    async fn peek_or_wait(&self, event: &Begin) -> Result<Answer> {
        let at = clock::now();
        let begun = claim::peek(
            self.read(event.claim, claim::print(event))?.as_ref(),
            event,
            at,
        );
        self.told(event, at, begun, claim::peek).await
    }

    /// The answer to a call that came in `at`; while that is that another attempt runs, and the call waits for it, what `look`
    /// says then.
    async fn told(
        &self,
        event: &Begin,
        at: Time,
        mut begun: Option<Begun>,
        look: fn(Option<&Claim>, &Begin, Time) -> Option<Begun>,
    ) -> Result<Answer> {
        let mut now = at;
        let give_up = now.plus(event.wait_ms);
        let mut waited = false;
        while let Some(Begun::Running { lease_until, .. }) = begun
            && now < give_up
            && let Some(wait) = self.waiters.join(event, now, give_up.min(lease_until))
        {
            now = wait.over().await.max(now);
            waited = true;
            // From the row as it is now. The settle that woke this call may not be durable yet: the output gate holds this
            // answer back, too, until it is.
            begun = look(
                self.read(event.claim, claim::print(event))?.as_ref(),
                event,
                now,
            );
        }
        Ok(match begun {
            Some(begun) => Answer::Begun { begun, waited, at },
            None => Answer::Again,
        })
    }
}

/// The two transitions. Neither is `async`: that is what makes them atomic.
impl Ledger {
    fn begin(&self, event: &Begin, now: Time) -> Result<Begun> {
        let wait_ms = self.new_keys.borrow().wait_ms(event.scope, now);
        // Most claims are new: one statement inserts, or shows that there is a row to look at.
        if wait_ms == 0
            && let (Write::Put(claim), answer) = claim::begin(None, event, now)
            && self.insert_if_absent(event.claim, &claim)?
        {
            self.new_keys.borrow_mut().take(event.scope, now);
            return Ok(answer);
        }
        let row = self.read(event.claim, claim::print(event))?;
        // What the key's first request has come to is told to everybody, however many keys they have had (rule 5.25).
        if row.as_ref().is_none_or(|row| now >= row.keep_until()) {
            if wait_ms > 0 {
                return Ok(Begun::TooManyKeys { wait_ms });
            }
            self.new_keys.borrow_mut().take(event.scope, now);
        }
        let (write, answer) = claim::begin(row.as_ref(), event, now);
        self.apply(
            event.claim,
            event.attempt,
            row.map(|row| row.attempt),
            write,
        )?;
        Ok(answer)
    }

    fn settle(&self, event: Settle, now: Time) -> Result<Settled> {
        let (id, attempt) = (event.claim, event.attempt);
        let row = self.read(id, NO_REQUEST)?;
        let (write, answer) = claim::settle(row.as_ref(), event, now);
        self.apply(id, attempt, row.map(|row| row.attempt), write)?;
        Ok(answer)
    }

    fn insert_if_absent(&self, id: ClaimId, claim: &Claim) -> Result<bool> {
        let cursor = self.sql.exec(
            "INSERT INTO claims (id, fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            columns(id, claim),
        )?;
        Ok(cursor.rows_written() > 0)
    }

    /// One statement, and whoever waits for the claim looks at it again. `owner` is the attempt in the row that was read; a row of anybody else is not touched, whatever happens.
    fn apply(
        &self,
        id: ClaimId,
        attempt: AttemptId,
        owner: Option<AttemptId>,
        write: Write,
    ) -> Result<()> {
        let id_value = SqlStorageValue::from(id.as_bytes().to_vec());
        let owner = SqlStorageValue::from(owner.unwrap_or(attempt).as_bytes().to_vec());
        match write {
            Write::Keep => return Ok(()),
            Write::Put(claim) => self.sql.exec(
                "REPLACE INTO claims (id, fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                columns(id, &claim),
            ),
            Write::MarkUnknown { fingerprint } => self.sql.exec(
                "UPDATE claims SET state = 3, fingerprint = coalesce(?, fingerprint)
                 WHERE id = ? AND attempt = ? AND state = 1",
                vec![fingerprint.map(print_bytes).into(), id_value, owner],
            ),
            Write::Complete {
                record,
                expires_at,
                fingerprint,
            } => self.sql.exec(
                "UPDATE claims SET state = 2, record = ?, expires_at = ?, fingerprint = ?
                 WHERE id = ? AND attempt = ? AND state <> 2",
                vec![
                    record.into(),
                    millis(expires_at),
                    print_bytes(fingerprint).into(),
                    id_value,
                    owner,
                ],
            ),
            Write::Remove => self.sql.exec(
                "DELETE FROM claims WHERE id = ? AND attempt = ? AND state <> 2",
                vec![id_value, owner],
            ),
        }?;
        self.waiters.wake(id);
        Ok(())
    }

    /// The row of `id`. Whoever asks about a row that cannot be read, learns just that: it counts as one of what is `asked`.
    fn read(&self, id: ClaimId, asked: Print) -> Result<Option<Claim>> {
        let cursor = self.sql.exec(
            "SELECT fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch
             FROM claims WHERE id = ? LIMIT 1",
            vec![id.as_bytes().to_vec().into()],
        )?;
        let Some(row) = cursor.raw().next().transpose()? else {
            return Ok(None);
        };
        let end = row.get(EXPIRES_AT).and_then(time_from);
        Ok(Some(claim_from(row).unwrap_or_else(|| {
            worker::console_error!("the row of claim {} cannot be read", id.to_hex());
            unreadable(end, asked)
        })))
    }
}

fn columns(id: ClaimId, claim: &Claim) -> Vec<SqlStorageValue> {
    let (state, record) = match &claim.state {
        ClaimState::Running => (RUNNING, None),
        ClaimState::Done(record) => (DONE, Some(record.clone())),
        ClaimState::Unknown => (UNKNOWN, None),
    };
    vec![
        id.as_bytes().to_vec().into(),
        claim.print.to_bytes().into(),
        claim.attempt.as_bytes().to_vec().into(),
        state.into(),
        millis(claim.first_seen),
        millis(claim.lease_until),
        millis(claim.expires_at),
        record.into(),
        integer(claim.refuse_ms),
        claim.sketch.clone().into(),
    ]
}

fn print_bytes(fingerprint: Fingerprint) -> Vec<u8> {
    Print::Whole(fingerprint).to_bytes()
}

fn millis(time: Time) -> SqlStorageValue {
    integer(time.millis())
}

/// Only times are written, which end with the year 9999, and intervals of a policy: far below 2^53.
fn integer(ms: u64) -> SqlStorageValue {
    SqlStorageValue::Integer(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// The place of `expires_at` in what [`Ledger::read`] selects.
const EXPIRES_AT: usize = 5;

fn time_from(value: &SqlStorageValue) -> Option<Time> {
    match value {
        SqlStorageValue::Integer(ms) => u64::try_from(*ms).ok().map(Time::from_millis),
        _ => None,
    }
}

/// What stands for a row that is damaged, or that a version has written which knows more states: done, with a record that cannot
/// be read (rule 8.1). It is not absent before its expiry, and nobody's mismatch: the operation may have run.
fn unreadable(expires_at: Option<Time>, asked: Print) -> Claim {
    let start = Time::from_millis(0);
    Claim {
        print: asked,
        sketch: Vec::new(),
        attempt: AttemptId::new([0; 16]),
        state: ClaimState::Done(Vec::new()),
        first_seen: start,
        lease_until: start,
        expires_at: expires_at.unwrap_or(Time::from_millis(u64::MAX)),
        refuse_ms: 0,
    }
}

fn claim_from(row: Vec<SqlStorageValue>) -> Option<Claim> {
    use SqlStorageValue::{Blob, Integer, Null};
    let row: [SqlStorageValue; 9] = row.try_into().ok()?;
    let [
        Blob(print),
        Blob(attempt),
        Integer(state),
        first_seen,
        lease_until,
        expires_at,
        record,
        Integer(refuse_ms),
        Blob(sketch),
    ] = row
    else {
        return None;
    };
    Some(Claim {
        print: Print::from_bytes(&print)?,
        sketch,
        attempt: AttemptId::new(attempt.try_into().ok()?),
        state: match (state, record) {
            (RUNNING, Null) => ClaimState::Running,
            (UNKNOWN, Null) => ClaimState::Unknown,
            (DONE, Blob(record)) => ClaimState::Done(record),
            // A torn row is a record that cannot be read: the operation ran.
            (DONE, Null) => ClaimState::Done(Vec::new()),
            _ => return None,
        },
        first_seen: time_from(&first_seen)?,
        lease_until: time_from(&lease_until)?,
        expires_at: time_from(&expires_at)?,
        refuse_ms: u64::try_from(refuse_ms).ok()?,
    })
}
