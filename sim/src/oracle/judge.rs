//! What clients are told, and whether it is true.

use super::guards::execution_in;
use super::{Call, Form, Held, Oracle, Unknown};
use crate::edge::Told;
use crate::policies::INLINE_LIMIT;
use crate::promises::Promise;
use crate::routes::{Becomes, Private};
use crate::world::true_time;
use reprise::protocol::recent::BELIEVED_MS;
use reprise::protocol::refusal::Code;
use reprise::protocol::time::Time;

/// What a client makes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saw {
    /// The answer of its own execution, which is kept.
    Fresh,
    /// The answer of its own execution, which is not: the key may be used again.
    Released,
    /// The answer of an earlier execution.
    Replayed,
    /// An answer without a claim.
    Unguarded,
    /// An answer that the gateway has only passed on.
    Passed,
    /// A refusal.
    Refused(Code),
}

impl Saw {
    /// Whether asking again would change nothing.
    pub fn is_final(self) -> bool {
        match self {
            Self::Refused(code) => matches!(
                code,
                Code::KeyReused | Code::KeyExpired | Code::OutcomeUnknown | Code::ResponseNotKept
            ),
            _ => true,
        }
    }
}

/// An answer that came, of an execution.
struct Came<'t> {
    call: usize,
    execution: usize,
    until: Option<u64>,
    told: &'t Told,
    now: u64,
}

impl Oracle {
    /// A client is told that.
    pub fn told(&mut self, call: usize, told: &Told, now: u64) -> Saw {
        let headers = &told.head.headers;
        let until = headers
            .get("idempotency-expires")
            .and_then(Time::from_http_date)
            .map(true_time);
        let saw = match (told.code, headers.get("idempotency-status")) {
            (Some(code), _) => Saw::Refused(code),
            (None, Some("fresh")) if until.is_none() => Saw::Released,
            (None, Some("fresh")) => Saw::Fresh,
            (None, Some("replayed")) => Saw::Replayed,
            (None, Some("unguarded")) => Saw::Unguarded,
            (None, _) => Saw::Passed,
        };
        if !self.calls[call].asked.guarded {
            return saw;
        }
        if let Saw::Refused(code) = saw {
            self.told_refusal(call, code, until, now);
            return saw;
        }
        let execution = execution_in(headers).filter(|number| *number < self.executions.len());
        let Some(execution) = execution else {
            self.wrong(Promise::AnswerIsTheApis, call, now, "it is of no execution");
            return saw;
        };
        let came = Came {
            call,
            execution,
            until,
            told,
            now,
        };
        let form = self.told_answer(&came, saw);
        match saw {
            Saw::Fresh | Saw::Released | Saw::Unguarded => self.told_first(&came, saw),
            _ => self.told_again(&came, form),
        }
        if let (Saw::Fresh | Saw::Replayed, Some(form)) = (saw, form) {
            self.held(&came, form);
        }
        saw
    }

    /// A final answer did not come.
    pub fn unanswered(&mut self, call: usize, saw: Option<Saw>, now: u64) {
        self.wrong(Promise::AnsweredInTheEnd, call, now, &format!("{saw:?}"));
    }

    /// A key that has expired could not be used.
    pub fn not_usable(&mut self, call: usize, saw: Option<Saw>, now: u64) {
        self.wrong(Promise::UsableAgain, call, now, &format!("{saw:?}"));
    }

    /// The answer is the API's, in the form in which it is said to be; `None` where it is not.
    fn told_answer(&mut self, came: &Came<'_>, saw: Saw) -> Option<Form> {
        let execution = &self.executions[came.execution];
        let headers = &came.told.head.headers;
        let marked = ["idempotent-replayed", "x-idempotent-replayed"]
            .iter()
            .any(|it| headers.has(it));
        let form = match &execution.answered {
            Some(it)
                if it.whole
                    && (it.status, &it.body) == (came.told.head.status, &came.told.body) =>
            {
                Some(Form::First)
            }
            _ if execution.status_body.as_ref() == Some(&came.told.body) => Some(Form::StatusRoute),
            _ => None,
        };
        let again = saw == Saw::Replayed;
        if form.is_none() {
            let (status, length) = (came.told.head.status, came.told.body.len());
            let what = format!(
                "execution {} was not answered with {status} and these {length} bytes",
                came.execution
            );
            self.wrong(Promise::AnswerIsTheApis, came.call, came.now, &what);
        } else if marked != again || again && headers.has("set-cookie") {
            self.wrong(
                Promise::AnswerIsTheApis,
                came.call,
                came.now,
                "it is marked as what it is not",
            );
        }
        form
    }

    fn told_first(&mut self, came: &Came<'_>, saw: Saw) {
        let Came { call, now, .. } = *came;
        let route = self.keys[self.calls[call].asked.key].route;
        let execution = &self.executions[came.execution];
        if execution.call != call {
            return self.wrong(
                Promise::FreshIsOwn,
                call,
                now,
                &format!("it is of call {}", execution.call),
            );
        }
        let becomes = execution
            .answered
            .as_ref()
            .map(|it| self.becomes(route, it));
        match (saw, becomes) {
            (Saw::Unguarded, _) if !route.unguarded => {
                self.wrong(Promise::GuardedUnlessSaidSo, call, now, "no such contract");
            }
            (Saw::Fresh, Some(Becomes::Kept))
            | (Saw::Released, Some(Becomes::Released))
            | (Saw::Unguarded, _) => {}
            _ => self.wrong(
                Promise::ExpiryIsTold,
                call,
                now,
                &format!("{saw:?} of what is {becomes:?}"),
            ),
        }
    }

    fn told_again(&mut self, came: &Came<'_>, form: Option<Form>) {
        let Came { call, now, .. } = *came;
        let asked = &self.calls[call].asked;
        let route = self.keys[asked.key].route;
        let execution = &self.executions[came.execution];
        let of = &self.calls[execution.call].asked;
        let kept = execution
            .answered
            .as_ref()
            .map(|it| self.becomes(route, it));
        let private = execution.answered.as_ref().is_some_and(|it| it.private);
        let over = came
            .until
            .is_some_and(|until| asked.at > until + 1000 + self.late_ms);
        // The API keeps time by a clock that goes right, and may know the key from the window before.
        let remembered = form == Some(Form::StatusRoute) && self.jump_ms > 0;
        let what = format!(
            "execution {} was of call {}",
            came.execution, execution.call
        );
        if !of.guarded || of.key != asked.key {
            self.wrong(Promise::NoForeignAnswer, call, now, &what);
        } else if !self.same(execution.call, call) && !remembered {
            self.wrong(Promise::NoAnswerOfAnother, call, now, &what);
        } else if kept != Some(Becomes::Kept) || private && route.private != Private::Never {
            self.wrong(Promise::NeverStored, call, now, &what);
        } else if over {
            self.wrong(Promise::NoAnswerAfterExpiry, call, now, &what);
        }
        self.executions[came.execution].replayed = true;
    }

    /// From now on, and until then, this is the answer.
    fn held(&mut self, came: &Came<'_>, form: Form) {
        let Came {
            call,
            now,
            execution,
            ..
        } = *came;
        let Some(until) = came.until else {
            return self.wrong(Promise::ExpiryIsTold, call, now, "it does not");
        };
        let asked = self.calls[call].asked.clone();
        let key = &self.keys[asked.key];
        let of = &self.executions[execution];
        let differs = of
            .told
            .is_some_and(|(kept, before)| before != form && asked.at < kept);
        let remembered = form == Form::StatusRoute && self.jump_ms > 0;
        // Whatever else the API has executed while this is kept.
        let beside = key.executions.iter().find(|other| {
            let at = self.executions[**other].at;
            let made = self.executions[**other].attempt;
            **other != execution
                && of.at < at
                && at + self.early_ms < until
                && !made.is_some_and(|made| self.may_be_of_the_window_before(made, of.at))
                && !made.is_some_and(|made| self.may_be_passed_over(made, of.at))
        });
        if let Some(beside) = beside.copied() {
            let what = format!("execution {beside} is of the same window as execution {execution}");
            return self.wrong(Promise::OneAnswer, call, now, &what);
        }
        if remembered && !self.same(self.executions[execution].call, call) {
            return;
        }
        if differs && !remembered {
            return self.wrong(Promise::OneAnswer, call, now, "it was another one before");
        }
        let before = of.told.map_or(0, |(until, _)| until);
        self.keys[asked.key].unknown = None;
        self.executions[execution].told = Some((until.max(before), form));
        // What was put into KV before it was settled may never be (rule 8.14): the next one may not find it.
        let unsettled = |it: &usize| self.attempts[*it].without_ledger;
        if self.calls[call].attempt.as_ref().is_some_and(unsettled) && self.may_be_spent(execution)
            || self.may_be_of_before(call, now)
        {
            return;
        }
        self.keys[asked.key].held = Some(Held {
            execution,
            told_at: now,
            until,
        });
    }

    fn told_refusal(&mut self, call: usize, code: Code, until: Option<u64>, now: u64) {
        if self.loses_answer(call, code, now) {
            return self.wrong(Promise::AnswerIsNotLost, call, now, code.row().code);
        }
        let asked = &self.calls[call].asked;
        let key = &self.keys[asked.key];
        let before = || {
            key.calls
                .iter()
                .filter(|other| **other != call && self.calls[**other].attempt.is_some())
        };
        match code {
            Code::RequestInProgress if !self.may_run(call) => {
                self.wrong(Promise::RunningEndsWithTheLease, call, now, "nobody runs");
            }
            Code::KeyReused if before().all(|other| self.same(*other, call)) => {
                self.wrong(
                    Promise::MismatchOfSomething,
                    call,
                    now,
                    "there was no other request",
                );
            }
            Code::KeyExpired
                if key.route.refuse_s == 0
                    || before().next().is_none() && !self.may_have_expired_itself(call, now) =>
            {
                self.wrong(Promise::ExpiredKeyWasUsed, call, now, "it was not");
            }
            Code::ResponseNotKept if !key.executions.iter().any(|it| self.may_be_spent(*it)) => {
                self.wrong(
                    Promise::SpentOfSomething,
                    call,
                    now,
                    "there was no such answer",
                );
            }
            Code::RecordUnreadable => {
                self.wrong(Promise::AnswerIsNotLost, call, now, "it cannot be read")
            }
            Code::OutcomeUnknown
            | Code::OriginNoAnswer
            | Code::OriginDeadline
            | Code::OriginBrokeOff => {
                let unknown = until.map(|until| Unknown {
                    asked_at: asked.at,
                    told_at: now,
                    until,
                });
                let key = asked.key;
                self.keys[key].unknown = unknown.or(self.keys[key].unknown);
            }
            _ => {}
        }
    }

    /// Whether a refusal hides an answer that somebody has been told before this was asked, and that is kept for longer.
    fn loses_answer(&self, call: usize, code: Code, now: u64) -> bool {
        let Call { asked, attempt } = &self.calls[call];
        let Some(held) = self.keys[asked.key].held else {
            return false;
        };
        if attempt.is_some_and(|attempt| self.attempts[attempt].unguarded) {
            return false;
        }
        let open = held.told_at <= asked.at && now + self.early_ms < held.until;
        let same = self.same(self.executions[held.execution].call, call);
        let for_now = matches!(
            code,
            Code::LedgerUnavailable
                | Code::ReplayUnavailable
                | Code::AuthorityUnavailable
                | Code::AuthorityRefused
                | Code::BodyTruncated
        );
        if self.may_be_of_before(call, now) {
            return false;
        }
        let spent = self.may_be_spent(held.execution);
        let kept = self.executions[held.execution].replayed && !self.puts_may_land;
        let said = match code {
            Code::KeyReused => !same,
            // Of two generations, each may know a request that gave way to the other.
            Code::RequestInProgress | Code::OutcomeUnknown | Code::KeyExpired => {
                !same && self.changes
            }
            Code::ResponseNotKept => same && spent && !kept,
            _ => false,
        };
        open && !for_now && !said
    }

    /// Whether `call` may be told of a claim that has ended since: its isolate does not see that the clock of a shard is set forward, for as
    /// long as it believes what it remembers (rule 8.17).
    fn may_be_of_before(&self, call: usize, now: u64) -> bool {
        let Call { asked, attempt } = &self.calls[call];
        let remembered = attempt.is_some_and(|attempt| self.attempts[attempt].remembered);
        let unseen = |at: &u64| asked.at < at + BELIEVED_MS && *at <= now;
        remembered && self.jumps.iter().any(unseen)
    }

    /// Whether the answer to that execution may not have been kept.
    fn may_be_spent(&self, execution: usize) -> bool {
        let answered = self.executions[execution].answered.as_ref();
        answered.is_some_and(|it| it.huge || it.private || it.body.len() > INLINE_LIMIT)
    }

    /// Whether another attempt than that of `call` may have been presumed alive when `call` was asked, or later.
    fn may_run(&self, call: usize) -> bool {
        let asked = &self.calls[call].asked;
        let key = &self.keys[asked.key];
        let lease = key.route.lease_ms() + self.late_ms;
        key.attempts.iter().any(|other| {
            let other = &self.attempts[*other];
            let own = other.call == call && !key.route.detached;
            !own && other.begun.is_some_and(|at| asked.at < at + lease)
        })
    }

    /// Whether the claim that it is refused for may be its own, made by a call whose reply was lost.
    fn may_have_expired_itself(&self, call: usize, now: u64) -> bool {
        let attempt = self.calls[call].attempt;
        attempt.is_some_and(|own| self.may_be_of_the_window_before(own, now))
    }

    fn wrong(&mut self, promise: Promise, call: usize, now: u64, what: &str) {
        let key = self.calls[call].asked.key;
        self.violate(promise, Some(key), now, format!("call {call}: {what}"));
    }
}
