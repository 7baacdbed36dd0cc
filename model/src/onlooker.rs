//! Somebody who sees all messages and answers but no row, and knows from docs/protocol.md what they mean. What must not happen,
//! and is seen to happen, is noted here as a [`Breach`]; `properties` says that there never is one.

use crate::setting::{LEASE, LeaseOver, RETENTION, Setting};
use crate::world::{CLAIMS, Ends, Record, Request, Told};
use std::collections::BTreeSet;

/// What has been seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Onlooker {
    /// The open window of each claim.
    pub windows: [Option<Window>; CLAIMS],
    /// The attempts that the origin has given an answer to be stored: one bit each.
    pub answered: u8,
    /// In a strict setting only: the attempts that have been released, one bit each.
    pub released: u8,
    /// In a strict setting only: the attempts that have been passed over, one bit each.
    pub passed_over: u8,
    /// What must not happen, and did.
    pub breaches: BTreeSet<Breach>,
}

/// A retention window of a claim: from the permit that opens it to its release, or its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Window {
    /// What the first request asked for.
    pub print: u8,
    /// Whether its body was on its way, and nobody has said since what it was.
    pub pending: bool,
    /// Who has the permit.
    pub owner: u8,
    /// Until when the owner may be presumed alive.
    pub lease: u8,
    /// When it ends.
    pub until: u8,
    /// The outcome that has been confirmed.
    pub stored: Option<Record>,
    /// Whether the origin has been called.
    pub called: bool,
}

/// What must not happen. The property with the same name has the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Breach {
    SecondPermit,
    SecondCall,
    CallsAtOnce,
    PermitAfterDone,
    CallAfterDone,
    PermitForRefusedKey,
    ForeignReplay,
    InventedReplay,
    ShownBeforeRecorded,
    FencedOwnerWrote,
    DoneChanged,
    WaitingWrote,
    WaitsForItself,
    MismatchHidden,
    RevivedAfterRelease,
    RevivedAfterTakeOver,
    FalselyReleased,
}

impl Onlooker {
    /// Notes it if it happened.
    pub fn note(&mut self, happened: bool, breach: Breach) {
        if happened {
            self.breaches.insert(breach);
        }
    }

    /// A window that has ended is over, and so is the time for which its key is refused.
    pub fn sees_time(&mut self, setting: &Setting, now: u8) {
        for window in &mut self.windows {
            window.take_if(|window| now >= window.until + setting.refuse);
        }
    }

    /// The shard tells `attempt` what becomes of its `begin`.
    pub fn sees_begun(
        &mut self,
        setting: &Setting,
        now: u8,
        (attempt, request): (u8, &Request),
        told: Told,
    ) {
        let window = self.windows[usize::from(request.scope)].clone();
        match (told, window) {
            (Told::Execute { .. }, window) => {
                self.sees_permit(setting, now, (attempt, request), window)
            }
            (Told::Done(record), window) => {
                let stored = window.and_then(|window| window.stored);
                self.note(stored != Some(record), Breach::InventedReplay);
                self.sees_replay(request, record);
            }
            (Told::Running, Some(window)) => {
                let alive = now < window.lease;
                self.note(window.owner == attempt && alive, Breach::WaitsForItself);
                let unread = window.pending || request.upload;
                let differs = window.print != request.print && !unread;
                self.note(
                    differs && !(setting.running_first && alive),
                    Breach::MismatchHidden,
                );
            }
            _ => {}
        }
    }

    fn sees_permit(
        &mut self,
        setting: &Setting,
        now: u8,
        (attempt, request): (u8, &Request),
        window: Option<Window>,
    ) {
        let claim = usize::from(request.scope);
        self.note(
            self.released >> attempt & 1 == 1,
            Breach::RevivedAfterRelease,
        );
        self.note(
            self.passed_over >> attempt & 1 == 1,
            Breach::RevivedAfterTakeOver,
        );
        let opened = Window {
            print: request.print,
            pending: request.upload,
            owner: attempt,
            lease: now + LEASE,
            until: now + RETENTION,
            stored: None,
            called: false,
        };
        let Some(window) = window else {
            self.windows[claim] = Some(opened);
            return;
        };
        let alive = now < window.lease;
        if now >= window.until {
            self.note(true, Breach::PermitForRefusedKey);
        } else if window.stored.is_some() {
            self.note(true, Breach::PermitAfterDone);
        } else if alive && window.owner == attempt {
            // The reply to this very attempt was lost.
        } else if !alive
            && setting.lease_over == LeaseOver::RunAgain
            && (window.print == request.print || window.pending)
        {
            let until = window.until.max(opened.lease);
            if setting.strict && window.owner != attempt {
                self.passed_over |= 1 << window.owner;
            }
            self.windows[claim] = Some(Window {
                until,
                called: window.called,
                ..opened
            });
        } else {
            self.note(true, Breach::SecondPermit);
        }
    }

    /// The shard confirms to somebody that `attempt` has ended so.
    pub fn sees_recorded(
        &mut self,
        setting: &Setting,
        now: u8,
        (attempt, claim): (u8, usize),
        ending: Ends,
    ) {
        let mut open =
            self.windows[claim].take_if(|window| window.owner == attempt && now < window.until);
        match (ending, &mut open) {
            (Ends::Store(record), Some(window)) if window.stored.is_none() => {
                window.stored = Some(record);
                window.pending = false;
                window.until = record.expires;
            }
            (Ends::Release, Some(window)) if window.stored.is_none() => {
                self.released |= u8::from(setting.strict) << attempt;
                return;
            }
            (Ends::Release, Some(_)) => self.note(true, Breach::FalselyReleased),
            (Ends::Store(_), None) => self.note(true, Breach::FencedOwnerWrote),
            _ => {}
        }
        if open.is_some() {
            self.windows[claim] = open;
        }
    }

    /// A Worker calls the origin; `others` do so, too.
    pub fn sees_call(&mut self, now: u8, claim: usize, others: bool) {
        self.note(others, Breach::CallsAtOnce);
        let Some(window) = self.windows[claim]
            .as_mut()
            .filter(|window| now < window.until)
        else {
            return;
        };
        let (again, done) = (window.called, window.stored.is_some());
        window.called = true;
        self.note(again, Breach::SecondCall);
        self.note(done, Breach::CallAfterDone);
    }

    /// The origin answers `attempt` with something to be stored.
    pub fn sees_answer(&mut self, attempt: u8) {
        self.answered |= 1 << attempt;
    }

    /// A client gets the stored answer of an earlier request.
    fn sees_replay(&mut self, request: &Request, record: Record) {
        let foreign = (record.scope, record.print) != (request.scope, request.print);
        self.note(foreign, Breach::ForeignReplay);
        self.note(
            self.answered >> (record.attempt & 7) & 1 == 0,
            Breach::InventedReplay,
        );
    }

    /// A client gets an answer of the origin from the Worker that has settled it, in its own or in another name.
    pub fn sees_answer_shown(&mut self, request: &Request, record: Record) {
        let window = self.windows[usize::from(request.scope)].as_ref();
        let stored = window.and_then(|window| window.stored);
        let recorded = stored.is_some_and(|stored| stored.attempt == record.attempt);
        self.note(!recorded, Breach::ShownBeforeRecorded);
        self.sees_replay(request, record);
    }
}
