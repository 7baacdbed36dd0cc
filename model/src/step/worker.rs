//! The Worker. It is as `edge::work` and `edge::shard` are: begin, call, put, settle, answer.

use super::{Happened, Put};
use crate::rules::Show;
use crate::setting::{RETENTION, RetentionFrom, Setting};
use crate::world::{By, Ends, Mail, Phase, Record, World};

impl World {
    pub(super) fn arrive(&mut self, setting: &Setting, number: u8) {
        self.request_mut(number).patience = match setting.wait {
            0 => 0,
            wait => self.now + wait,
        };
        self.mail.insert(Mail::Begin(number));
        self.ask_anew(number);
    }

    /// Calls `begin`: for the first time, or because what it has waited for is over.
    pub(super) fn ask_anew(&mut self, number: u8) {
        let now = self.now;
        let request = self.request_mut(number);
        request.asked_at = now;
        request.phase = Phase::Begin;
    }

    pub(super) fn dispatch(&mut self, setting: &Setting, number: u8) {
        let Phase::Permit { expires } = self.request(number).phase else {
            return;
        };
        let scope = self.request(number).scope;
        let others = (0..self.requests.len() as u8).any(|other| {
            let request = self.request(other);
            let calls = request.scope == scope && matches!(request.phase, Phase::Call { .. });
            calls && self.in_time(setting, other)
        });
        self.onlooker
            .sees_call(self.now, usize::from(scope), others);
        self.request_mut(number).phase = Phase::Call {
            expires,
            since: self.now,
        };
    }

    pub(super) fn answer(&mut self, setting: &Setting, number: u8, happened: Happened) {
        let ending = match happened {
            Happened::Store(put) => Ends::Store(self.record(setting, number, put)),
            Happened::Release => Ends::Release,
            Happened::Hold => Ends::Hold,
            Happened::HoldUnread => Ends::HoldUnread,
        };
        self.send_settle(By::Worker(number), number, ending);
        self.end(number);
    }

    fn record(&mut self, setting: &Setting, number: u8, put: Put) -> Record {
        let request = self.request(number);
        let Phase::Call { expires, .. } = request.phase else {
            unreachable!("no call")
        };
        let expires = match setting.retention_from {
            RetentionFrom::FirstSight => expires,
            RetentionFrom::Completion => self.now + RETENTION,
        };
        let (scope, print) = (request.scope, request.print);
        let whole = Record {
            attempt: number,
            scope,
            print,
            expires,
            body: true,
        };
        self.onlooker.sees_answer(number);
        if matches!(put, Put::Kept | Put::Unseen) {
            self.request_mut(number).kv = Some(whole);
        }
        let record = Record {
            body: matches!(put, Put::Inline | Put::Kept),
            ..whole
        };
        if setting.rules.show == Show::BeforeSettle {
            let request = &self.requests[usize::from(number)];
            self.onlooker.sees_answer_shown(request, record);
        }
        record
    }

    pub(super) fn find(&mut self, setting: &Setting, number: u8) {
        let Phase::Unknown { attempt } = self.request(number).phase else {
            return;
        };
        let print = self.request(number).print;
        let Some(record) = (setting.rules.find)(self, attempt, print) else {
            return;
        };
        self.send_settle(By::Worker(number), attempt, Ends::Store(record));
        self.end(number);
    }

    /// The body has come to its end, and none of it was sent to anybody.
    pub(super) fn read(&mut self, number: u8) {
        self.request_mut(number).phase = Phase::Read;
    }

    /// The Worker has no more part in it; what it has sent and stored remains.
    pub(super) fn end(&mut self, number: u8) {
        let request = self.request_mut(number);
        (request.phase, request.asked_at, request.patience) = (Phase::Over, 0, 0);
    }
}
