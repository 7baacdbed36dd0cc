//! As `src/edge/ledger.rs`. A statement of SQL is a change of a map, and nothing is awaited between a read and a write here, either.

mod sweep;

use super::waiting::Waiters;
use crate::defect::Defect;
use crate::objects::Object;
use crate::world::World;
use reprise::protocol::claim::{
    self, Begin, Begun, Claim, ClaimId, Ending, Settle, Settled, State, Write,
};
use reprise::protocol::fingerprint::Print;
use reprise::protocol::new_keys::NewKeys;
use reprise::protocol::time::Time;
use reprise::protocol::wire::{self, Answer, Call};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// An instance of a shard: what is in memory only. The rows are the object's.
pub struct Ledger {
    waiters: Waiters,
    new_keys: RefCell<NewKeys>,
    alarm_set: Cell<bool>,
    /// How far the sweep has come.
    swept: Cell<Option<[u8; 32]>>,
}

impl Ledger {
    /// A new instance, which knows nothing.
    pub fn new(world: &World) -> Rc<Self> {
        let per_minute = world.isolates[0].policy().limits.new_keys_per_minute;
        Rc::new(Self {
            waiters: Waiters::default(),
            new_keys: NewKeys::new(per_minute).into(),
            alarm_set: Cell::new(false),
            swept: Cell::new(None),
        })
    }

    /// The answer to a call; `None` where it fails.
    pub async fn fetch(
        &self,
        world: &Rc<World>,
        object: &Rc<Object>,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        let call: Call = wire::decode(message).ok()?;
        let now = object.clock(world);
        let answer = match call {
            Call::Begin(event) => self.begin_or_wait(world, object, &event).await,
            Call::Settle(event) => Answer::Settled(self.settle(world, object, event, now)),
            Call::Peek(event) => self.peek_or_wait(world, object, &event).await,
        };
        self.set_alarm_once(world, object);
        wire::encode(&answer).ok()
    }

    /// The alarm of the sweep.
    pub fn alarm(&self, world: &Rc<World>, object: &Rc<Object>) {
        self.sweep(world, object);
    }

    async fn begin_or_wait(&self, world: &World, object: &Object, event: &Begin) -> Answer {
        let at = object.clock(world);
        let begun = Some(self.begin(world, object, event, at));
        self.told(world, object, event, at, begun, claim::look)
            .await
    }

    async fn peek_or_wait(&self, world: &World, object: &Object, event: &Begin) -> Answer {
        let at = object.clock(world);
        let begun = claim::peek(read(object, event.claim).as_ref(), event, at);
        self.told(world, object, event, at, begun, claim::peek)
            .await
    }

    async fn told(
        &self,
        world: &World,
        object: &Object,
        event: &Begin,
        at: Time,
        mut begun: Option<Begun>,
        look: fn(Option<&Claim>, &Begin, Time) -> Option<Begun>,
    ) -> Answer {
        let mut now = at;
        let give_up = now.plus(event.wait_ms);
        let mut waited = false;
        while let Some(Begun::Running { lease_until, .. }) = begun
            && now < give_up
            && let Some(wait) = self.waiters.join(event, now, give_up.min(lease_until))
        {
            now = wait.over(world, object).await.max(now);
            waited = true;
            begun = look(read(object, event.claim).as_ref(), event, now);
        }
        let runs = matches!(begun, Some(Begun::Running { .. }));
        if waited && runs && world.has(Defect::WaiterDeletesClaim) {
            object.rows.borrow_mut().remove(event.claim.as_bytes());
        }
        match begun {
            Some(begun) => {
                world.figures.borrow_mut().begun(&begun, waited);
                Answer::Begun { begun, waited, at }
            }
            None => Answer::Again,
        }
    }

    fn begin(&self, world: &World, object: &Object, event: &Begin, now: Time) -> Begun {
        world
            .oracle
            .borrow_mut()
            .begin_arrives(event.attempt, world.now());
        let wait_ms = self.new_keys.borrow().wait_ms(event.scope, now);
        if wait_ms == 0
            && let (Write::Put(claim), answer) = begin(world, None, event, now)
            && insert_if_absent(object, event.claim, &claim)
        {
            self.new_keys.borrow_mut().take(event.scope, now);
            return self.noted(world, object, event, answer);
        }
        let row = read(object, event.claim);
        if row.as_ref().is_none_or(|row| now >= row.keep_until()) {
            if wait_ms > 0 {
                return self.noted(world, object, event, Begun::TooManyKeys { wait_ms });
            }
            self.new_keys.borrow_mut().take(event.scope, now);
        }
        let (write, answer) = begin(world, row.as_ref(), event, now);
        self.apply(object, event.claim, write);
        self.noted(world, object, event, answer)
    }

    fn settle(&self, world: &World, object: &Object, event: Settle, now: Time) -> Settled {
        let (id, attempt) = (event.claim, event.attempt);
        let how = ending(&event.ending);
        if event.ending == Ending::Release {
            let mut oracle = world.oracle.borrow_mut();
            oracle.release_arrives(attempt, world.now());
        }
        let row = read(object, id);
        let (write, answer) = settle(world, row.as_ref(), event, now);
        self.apply(object, id, write);
        let key = world.oracle.borrow().key_of(attempt);
        world.note(
            key,
            || object.name.clone(),
            || format!("settle {} {how}: {answer:?}", short(attempt.to_hex())),
        );
        answer
    }

    fn apply(&self, object: &Object, id: ClaimId, write: Write) {
        let mut rows = object.rows.borrow_mut();
        let row = rows.get_mut(id.as_bytes());
        match (write, row) {
            (Write::Keep, _) => return,
            (Write::Put(claim), _) => drop(rows.insert(*id.as_bytes(), claim)),
            (Write::MarkUnknown { fingerprint }, Some(row)) => {
                row.state = State::Unknown;
                row.print = fingerprint.map_or(row.print, Print::Whole);
            }
            (
                Write::Complete {
                    record,
                    expires_at,
                    fingerprint,
                },
                Some(row),
            ) => {
                row.state = State::Done(record);
                row.expires_at = expires_at;
                row.print = Print::Whole(fingerprint);
            }
            (Write::Remove, _) => drop(rows.remove(id.as_bytes())),
            (Write::MarkUnknown { .. } | Write::Complete { .. }, None) => {}
        }
        self.waiters.wake(id);
    }

    fn noted(&self, world: &World, object: &Object, event: &Begin, answer: Begun) -> Begun {
        let key = world.oracle.borrow().key_of(event.attempt);
        let what = || format!("begin {}: {}", short(event.attempt.to_hex()), told(&answer));
        world.note(key, || object.name.clone(), what);
        answer
    }
}

fn insert_if_absent(object: &Object, id: ClaimId, claim: &Claim) -> bool {
    let mut rows = object.rows.borrow_mut();
    let absent = !rows.contains_key(id.as_bytes());
    if absent {
        rows.insert(*id.as_bytes(), claim.clone());
    }
    absent
}

fn read(object: &Object, id: ClaimId) -> Option<Claim> {
    object.rows.borrow().get(id.as_bytes()).cloned()
}

/// The real one, or one that is broken.
fn begin(world: &World, row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    let Some(defect) = world.defect else {
        return claim::begin(row, event, now);
    };
    let changed = row
        .cloned()
        .and_then(|row| broken_row(defect, row, event, now));
    let (write, begun) = claim::begin(changed.as_ref(), event, now);
    match (defect, write, begun, row) {
        (Defect::NoLease, Write::Put(claim), begun, _) => {
            let lease_until = claim.expires_at;
            (
                Write::Put(Claim {
                    lease_until,
                    ..claim
                }),
                begun,
            )
        }
        (Defect::ForgetsItself, Write::Keep, Begun::Execute { expires_at, .. }, Some(row)) => {
            let begun = Begun::Running {
                age_ms: now.since(row.first_seen),
                lease_until: row.lease_until,
                expires_at,
            };
            (Write::Keep, begun)
        }
        (_, write, begun, _) => (write, begun),
    }
}

/// The row, as a defect sees it.
fn broken_row(defect: Defect, row: Claim, event: &Begin, now: Time) -> Option<Claim> {
    let done = matches!(row.state, State::Done(_));
    match defect {
        Defect::DoneEndsWithLease => (!done || now < row.lease_until).then_some(row),
        Defect::NotRefused => (now < row.expires_at).then_some(row),
        Defect::UnknownRuns => (row.state != State::Unknown).then_some(row),
        Defect::NoFingerprint => Some(Claim {
            print: claim::print(event),
            ..row
        }),
        Defect::PassedOnWithinLease => Some(Claim {
            lease_until: now,
            ..row
        }),
        Defect::DoneForever if done => Some(Claim {
            expires_at: row.expires_at.max(now.plus(1)),
            ..row
        }),
        _ => Some(row),
    }
}

/// The real one, or one that is broken.
fn settle(world: &World, row: Option<&Claim>, event: Settle, now: Time) -> (Write, Settled) {
    match (world.defect, row) {
        (Some(Defect::SettleWithoutOwner), Some(row)) => {
            let attempt = row.attempt;
            claim::settle(Some(row), Settle { attempt, ..event }, now)
        }
        (Some(Defect::AnyRecordIsConfirmed), Some(row))
            if matches!(row.state, State::Done(_)) && row.attempt == event.attempt =>
        {
            (Write::Keep, Settled::Recorded)
        }
        _ => claim::settle(row, event, now),
    }
}

/// For people: the beginning of a name.
pub fn short(mut hex: String) -> String {
    hex.truncate(4);
    hex
}

fn ending(ending: &Ending) -> &'static str {
    match ending {
        Ending::Store { .. } => "store",
        Ending::Release => "release",
        Ending::Hold { .. } => "hold",
    }
}

/// For people.
pub fn told(begun: &Begun) -> String {
    match begun {
        Begun::Execute { lease_left_ms, .. } => format!("execute, for {lease_left_ms} ms"),
        Begun::Done { attempt, .. } => format!("done by {}", short(attempt.to_hex())),
        Begun::Running { age_ms, .. } => format!("running since {age_ms} ms"),
        Begun::BodyNeeded => "the body is needed".to_owned(),
        Begun::Mismatch { attempt, .. } => format!("mismatch with {}", short(attempt.to_hex())),
        Begun::Unknown {
            attempt,
            lease_left_ms,
            ..
        } => {
            format!(
                "unknown, of {}, {lease_left_ms} ms left",
                short(attempt.to_hex())
            )
        }
        Begun::Expired { .. } => "expired".to_owned(),
        Begun::TooManyKeys { wait_ms } => format!("too many keys, for {wait_ms} ms"),
    }
}
