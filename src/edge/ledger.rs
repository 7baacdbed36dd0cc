//! The ledger: a shard of claims in a SQLite-backed Durable Object, the only thing that decides new, running or done.
//!
//! Every event is within one turn of the event loop: the row is read, `protocol::claim` decides, one statement writes, and nothing is
//! awaited in between. So no other request can come between the read and the write, although they are two statements; and the
//! runtime holds the answer back until the write is durable (output gate). Events that come together share a turn, one after
//! another, and so a commit (turns.js). Nothing about a claim is kept in memory (rule 5.12), only who waits for one ([`Waiters`]) and
//! who has claimed how many ([`NewKeys`]).

mod rows;
mod sweep;
mod tables;

use super::settings::settings;
use super::waiting::Waiters;
use super::{clock, message, task};
use crate::protocol::claim::{
    self, AttemptId, Begin, Begun, Claim, ClaimId, Settle, Settled, Write,
};
use crate::protocol::fingerprint::{Fingerprint, Print};
use crate::protocol::new_keys::NewKeys;
use crate::protocol::time::Time;
use crate::protocol::wire::{self, Answer, Call};
use js_sys::Promise;
use rows::Rows;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tables::Table::{self, Displaced};
use wasm_bindgen::prelude::*;
use worker::worker_sys::{DurableObjectState, DurableObjectStorage};
use worker::{Env, SqlStorage, SqlStorageValue, State};

/// `settle` names its attempt, and no request.
const NO_REQUEST: Print = Print::Whole(Fingerprint::from_bytes([0; 32]));

/// What the runtime holds: entry.js stands between.
#[wasm_bindgen]
pub struct Ledger(Rc<Shard>);

#[wasm_bindgen]
impl Ledger {
    /// An object, made anew or awake again.
    ///
    /// # Errors
    /// What the runtime throws where it has no storage.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Result<Self> {
        Ok(Self(Rc::new(Shard::new(state, &env)?)))
    }

    /// The answer to a message of [`wire`], or a promise of it where there is something to wait for.
    ///
    /// # Errors
    /// What the storage throws; a message that cannot be read.
    pub fn ask(&self, message: &[u8]) -> Result<JsValue> {
        let call = wire::decode(message).map_err(|error| error.to_string())?;
        let at = clock::now();
        let shard = &self.0;
        shard.prepare_once()?;
        let asked = match call {
            Call::Settle(event) => Asked::settled(shard.settle(event, at)?),
            Call::Begin(event) => {
                Asked::begun(Some(shard.begin(&event, at)?), event, at, claim::look)
            }
            Call::Peek(event) => Asked::begun(shard.peek(&event, at)?, event, at, claim::peek),
        };
        if let Asked::Told(answer) = &asked
            && shard.alarm_set.get()
        {
            return told(answer);
        }
        let shard = Rc::clone(shard);
        let later = async move {
            let answer = match asked {
                Asked::Told(answer) => answer,
                Asked::Waits(wait) => shard.wait(wait).await?,
            };
            shard.set_alarm_once().await?;
            told(&answer)
        };
        Ok(task::promise(later).into())
    }

    /// The time to sweep. What the storage throws is for the runtime, which rings again.
    pub fn alarm(&self) -> Promise {
        let shard = Rc::clone(&self.0);
        task::promise(async move { shard.sweep().await.map(|()| JsValue::UNDEFINED) })
    }
}

type Result<T> = std::result::Result<T, JsValue>;

fn told(answer: &Answer) -> Result<JsValue> {
    let message = wire::encode(answer).map_err(|error| error.to_string())?;
    Ok(message::sent(&message))
}

/// One shard.
struct Shard {
    storage: DurableObjectStorage,
    sql: SqlStorage,
    rows: Rows,
    /// Whether the tables are there. Where they could not be made, each call tries again.
    ready: Cell<bool>,
    waiters: Waiters,
    new_keys: RefCell<NewKeys>,
    /// Whether this instance knows that an alarm is set. Only a hint: losing it costs one look.
    alarm_set: Cell<bool>,
    /// How far the sweep has come: the last key that it looked at, and nothing at the beginning. Losing it begins anew.
    swept: RefCell<Option<(Table, SqlStorageValue)>>,
}

/// What looks at a row once more, for a call that has waited.
type Look = fn(Option<&Claim>, &Begin, Time) -> Option<Begun>;

/// What has become of a call in the turn in which it came.
enum Asked {
    Told(Answer),
    Waits(Wait),
}

/// A call that waits while another attempt runs.
struct Wait {
    event: Begin,
    /// When it came in.
    at: Time,
    /// What it would be told now.
    begun: Option<Begun>,
    look: Look,
}

impl Asked {
    fn settled(settled: Settled) -> Self {
        Self::Told(Answer::Settled(settled))
    }

    fn begun(begun: Option<Begun>, event: Begin, at: Time, look: Look) -> Self {
        match begun {
            Some(Begun::Running { .. }) if event.wait_ms > 0 => Self::Waits(Wait {
                event,
                at,
                begun,
                look,
            }),
            begun => Self::Told(answer(begun, false, at)),
        }
    }
}

fn answer(begun: Option<Begun>, waited: bool, at: Time) -> Answer {
    match begun {
        Some(begun) => Answer::Begun { begun, waited, at },
        None => Answer::Again,
    }
}

impl Shard {
    fn new(state: DurableObjectState, env: &Env) -> Result<Self> {
        // Under an invalid policy, no Worker calls (rule 10.3).
        let per_minute = settings(env).map_or(0, |it| it.policy.limits.new_keys_per_minute);
        let rows = Rows::of(&state)?;
        let storage = state.storage()?;
        let sql = State::from(state).storage().sql();
        let shard = Self {
            rows,
            ready: false.into(),
            waiters: Waiters::default(),
            new_keys: NewKeys::new(per_minute).into(),
            alarm_set: Cell::new(false),
            swept: RefCell::default(),
            sql,
            storage,
        };
        // A failure is for the first call to meet.
        let _ = shard.prepare_once();
        Ok(shard)
    }

    fn prepare_once(&self) -> Result<()> {
        if !self.ready.get() {
            tables::prepare(&self.sql)?;
            let displaced = Displaced.is_any(&self.sql)?;
            self.rows.found_displaced(displaced);
            self.ready.set(true);
        }
        Ok(())
    }
}

/// Waiting (rules 5.19 to 5.22).
impl Shard {
    /// The answer, once it is another one, or the wait is over; at once where there is no place to wait.
    async fn wait(&self, wait: Wait) -> Result<Answer> {
        let Wait {
            event,
            at,
            mut begun,
            look,
        } = wait;
        let mut now = at;
        let give_up = now.plus(event.wait_ms);
        let mut waited = false;
        while let Some(Begun::Running { lease_until, .. }) = begun
            && now < give_up
            && let Some(wait) = self.waiters.join(&event, now, give_up.min(lease_until))
        {
            now = wait.over().await.max(now);
            waited = true;
            // From the row as it is now. The settle that woke this call may not be durable yet: the output gate holds this
            // answer back, too, until it is.
            begun = look(self.row(&event)?.as_ref(), &event, now);
        }
        Ok(answer(begun, waited, at))
    }
}

/// The transitions. None is `async`: that is what makes them atomic.
impl Shard {
    fn begin(&self, event: &Begin, now: Time) -> Result<Begun> {
        let wait_ms = self.new_keys.borrow().wait_ms(event.scope, now);
        // Most claims are new: one statement inserts, or shows that there is a row to look at.
        if wait_ms == 0
            && let (Write::Put(claim), answer) = claim::begin(None, event, now)
            && self.rows.insert_if_absent(event.claim, &claim)?
        {
            self.new_keys.borrow_mut().take(event.scope, now);
            return Ok(answer);
        }
        let row = self.row(event)?;
        // What the key's first request has come to is told to everybody, however many keys they have had (rule 5.25).
        if row.as_ref().is_none_or(|row| now >= row.keep_until()) {
            if wait_ms > 0 {
                return Ok(Begun::TooManyKeys { wait_ms });
            }
            self.new_keys.borrow_mut().take(event.scope, now);
        }
        let (write, answer) = claim::begin(row.as_ref(), event, now);
        let owner = row.map_or(event.attempt, |row| row.attempt);
        self.apply(event.claim, owner, write)?;
        Ok(answer)
    }

    fn peek(&self, event: &Begin, now: Time) -> Result<Option<Begun>> {
        Ok(claim::peek(self.row(event)?.as_ref(), event, now))
    }

    fn settle(&self, event: Settle, now: Time) -> Result<Settled> {
        // Most attempts settle in time, once: one statement does it, or shows that there is a row to look at.
        if self.rows.complete_in_time(&event, now)? {
            self.waiters.wake(event.claim);
            return Ok(Settled::Recorded);
        }
        let (id, attempt) = (event.claim, event.attempt);
        let row = self.rows.read(id, NO_REQUEST)?;
        let owner = row.as_ref().map_or(attempt, |row| row.attempt);
        let (write, answer) = claim::settle(row.as_ref(), event, now);
        self.apply(id, owner, write)?;
        Ok(answer)
    }

    /// One statement, and whoever waits for the claim looks at it again. `owner` is the attempt in the row that was read; a row of
    /// anybody else is not touched, whatever happens.
    fn apply(&self, id: ClaimId, owner: AttemptId, write: Write) -> Result<()> {
        if self.rows.apply(id, owner, write)? {
            self.waiters.wake(id);
        }
        Ok(())
    }

    /// The row of the claim that `event` asks about.
    fn row(&self, event: &Begin) -> Result<Option<Claim>> {
        self.rows.read(event.claim, claim::print(event))
    }
}
