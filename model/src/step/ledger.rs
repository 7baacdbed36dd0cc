//! The shard. It is as `edge::ledger` is: read the row, ask the rules, write, answer.

use crate::onlooker::Breach;
use crate::rules::{Show, Turns};
use crate::setting::{LEASE, LeaseOver, RETENTION, Setting};
use crate::world::{By, Ends, Mail, Phase, Request, Row, Told, World, name, tick, time};
use reprise::protocol::claim::{
    Begin, Begun, Claim, ClaimId, Ending, ScopeId, Settle, Settled, State, Write,
};
use reprise::protocol::fingerprint::{Fingerprint, HeadFingerprint};

impl World {
    /// `begin` of `number` reaches the shard.
    pub(super) fn deliver_begin(&mut self, setting: &Setting, number: u8) {
        let claim = self.claim_of(&setting.rules, number);
        if setting.rules.turns == Turns::Two && self.request(number).read.is_none() {
            let row = self.rows[claim].clone();
            self.request_mut(number).read = Some(row);
            return;
        }
        let row = match self.request_mut(number).read.take() {
            Some(read) => read,
            None => self.rows[claim].clone(),
        };
        let event = begin_of(setting, number, self.request(number));
        let (write, begun) = (setting.rules.begin)(claim_in(&row), &event, time(self.now));
        self.write(claim, write);
        self.begun(setting, number, &begun);
    }

    /// The shard looks again for a `begin` that waits (rule 5.19), or finds that it has waited long enough.
    pub(super) fn look(&mut self, setting: &Setting, number: u8) {
        let claim = self.claim_of(&setting.rules, number);
        if self.now >= self.request(number).patience {
            let left = (setting.rules.leave)(claim_in(&self.rows[claim]));
            self.onlooker
                .note(left != Write::Keep, Breach::WaitingWrote);
            self.write(claim, left);
        }
        let event = begin_of(setting, number, self.request(number));
        match (setting.rules.look)(claim_in(&self.rows[claim]), &event, time(self.now)) {
            Some(begun) => self.begun(setting, number, &begun),
            None => self.ask_anew(number),
        }
    }

    /// The Worker is told, if it is there and waits for this answer. Most answers leave it with nothing to do: it ends, or it did
    /// not hear them and calls again. Both may happen in `Phase::Begin` at any time.
    fn begun(&mut self, setting: &Setting, number: u8, begun: &Begun) {
        let (now, told) = (self.now, Told::of(begun));
        let request = &mut self.requests[usize::from(number)];
        self.onlooker
            .sees_begun(setting, now, (number, request), told);
        if !matches!(request.phase, Phase::Begin | Phase::Parked) {
            return;
        }
        request.phase = match told {
            Told::Execute { expires } => Phase::Permit { expires },
            Told::BodyNeeded => Phase::Unread,
            // Also where it could be told: its body has to come to an end (rule 5.26).
            Told::Unknown { .. } | Told::Running if request.upload => Phase::Unread,
            Told::Unknown { attempt } if setting.kv => Phase::Unknown { attempt },
            Told::Running if now < request.patience => Phase::Parked,
            _ => Phase::Begin,
        };
    }

    /// The shard says what it knows of a claim, to a request whose body has been read and is gone.
    pub(super) fn compare(&mut self, setting: &Setting, number: u8) {
        let claim = self.claim_of(&setting.rules, number);
        let whole = Request {
            upload: false,
            ..self.request(number).clone()
        };
        let event = begin_of(setting, number, &whole);
        match (setting.rules.peek)(claim_in(&self.rows[claim]), &event, time(self.now)) {
            Some(begun) => {
                let (now, told) = (self.now, Told::of(&begun));
                self.onlooker
                    .sees_begun(setting, now, (number, &whole), told);
                match told {
                    Told::Unknown { attempt } if setting.kv => {
                        self.request_mut(number).phase = Phase::Unknown { attempt };
                    }
                    _ => self.end(number),
                }
            }
            // It has nothing left to send.
            None => self.end(number),
        }
    }

    /// `settle` reaches the shard.
    pub(super) fn deliver_settle(&mut self, setting: &Setting, by: By, attempt: u8, ending: Ends) {
        let claim = self.claim_of(&setting.rules, attempt);
        let before = self.rows[claim].clone();
        let print = self.request(attempt).print;
        let event = settle_of(claim, attempt, print, ending);
        let (write, settled) = (setting.rules.settle)(claim_in(&before), event, time(self.now));
        self.write(claim, write);
        self.judge(claim, attempt, before);
        if settled == Settled::Recorded {
            let scope = usize::from(self.request(attempt).scope);
            self.onlooker
                .sees_recorded(setting, self.now, (attempt, scope), ending);
            self.show(setting, by, ending);
            // The record may name an end that has come already: the one of an earlier window.
            self.onlooker.sees_time(setting, self.now);
        }
    }

    /// Whoever has asked for a record to be stored, and hears that it is, shows it to its client (rule 9.1).
    fn show(&mut self, setting: &Setting, by: By, ending: Ends) {
        if let (By::Worker(number), Ends::Store(record), Show::AfterSettle) =
            (by, ending, setting.rules.show)
        {
            let request = &self.requests[usize::from(number)];
            self.onlooker.sees_answer_shown(request, record);
        }
    }

    /// What `settle` of `attempt` may not have done to the row.
    fn judge(&mut self, claim: usize, attempt: u8, before: Option<Row>) {
        let Some(row) = before.filter(|row| self.rows[claim].as_ref() != Some(row)) else {
            return;
        };
        self.onlooker
            .note(row.attempt() != attempt, Breach::FencedOwnerWrote);
        let done = matches!(row.0.state, State::Done(_)) && self.now < tick(row.0.expires_at);
        self.onlooker.note(done, Breach::DoneChanged);
    }

    fn write(&mut self, claim: usize, write: Write) {
        let row = self.rows[claim].take();
        self.rows[claim] = Row::after(row, write);
    }

    /// A message on its way to the shard, for good.
    pub(super) fn send_settle(&mut self, by: By, attempt: u8, ending: Ends) {
        self.mail.insert(Mail::Settle {
            by,
            attempt,
            ending,
        });
    }
}

fn claim_in(row: &Option<Row>) -> Option<&Claim> {
    row.as_ref().map(|row| &row.0)
}

/// The real message.
pub fn begin_of(setting: &Setting, number: u8, request: &Request) -> Begin {
    Begin {
        claim: ClaimId::new([request.scope; 32]),
        attempt: name(number),
        head: HeadFingerprint::from_bytes([0; 32]),
        fingerprint: (!request.upload).then(|| fingerprint(request.print)),
        lease_ms: LEASE.into(),
        retention_ms: RETENTION.into(),
        scope: ScopeId::new([request.scope; 16]),
        wait_ms: setting.wait.into(),
        run_again: setting.lease_over == LeaseOver::RunAgain,
        running_first: setting.running_first,
        refuse_expired_ms: setting.refuse.into(),
        sketch: Vec::new(),
        tell_record: false,
    }
}

fn fingerprint(print: u8) -> Fingerprint {
    Fingerprint::from_bytes([print; 32])
}

/// The real message.
pub fn settle_of(claim: usize, attempt: u8, print: u8, ending: Ends) -> Settle {
    Settle {
        claim: ClaimId::new([claim as u8; 32]),
        attempt: name(attempt),
        ending: match ending {
            Ends::Store(record) => Ending::Store {
                record: record.encode(),
                expires_at: time(record.expires),
                fingerprint: fingerprint(record.print),
            },
            Ends::Release => Ending::Release,
            Ends::Hold => Ending::Hold {
                fingerprint: Some(fingerprint(print)),
            },
            Ends::HoldUnread => Ending::Hold { fingerprint: None },
        },
    }
}
