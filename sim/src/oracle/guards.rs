//! What ends whoever ends it: a guard is dropped where a Worker returns, and where it is killed.

use super::Oracle;
use crate::edge::Answer;
use crate::promises::Promise;
use crate::routes::Becomes;
use crate::world::World;
use reprise::protocol::claim::AttemptId;
use reprise::protocol::headers::Headers;
use reprise::protocol::outcome::Happened;
use std::rc::Rc;

/// A part of an attempt lives: a Worker, or a Runner.
pub struct AliveGuard(Rc<World>, AttemptId);

impl AliveGuard {
    /// From now on.
    pub fn begins(world: &Rc<World>, attempt: AttemptId) -> Self {
        world.oracle.borrow_mut().lives(attempt, 1);
        Self(Rc::clone(world), attempt)
    }
}

impl Drop for AliveGuard {
    fn drop(&mut self) {
        self.0.oracle.borrow_mut().lives(self.1, -1);
    }
}

/// An attempt calls the API.
pub struct CallGuard(Rc<World>, AttemptId);

impl CallGuard {
    /// From now on.
    pub fn begins(world: &Rc<World>, attempt: AttemptId) -> Self {
        world.oracle.borrow_mut().call_begins(attempt, world.now());
        Self(Rc::clone(world), attempt)
    }

    /// With what the gateway has seen of an answer.
    pub fn ends(&mut self, answer: &Answer) {
        self.0.oracle.borrow_mut().call_answered(self.1, answer);
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.oracle.borrow_mut().call_ends(self.1);
    }
}

impl Oracle {
    fn lives(&mut self, attempt: AttemptId, by: i32) {
        if let Some(number) = self.by_id.get(attempt.as_bytes()) {
            let lives = &mut self.attempts[*number].lives;
            *lives = lives.saturating_add_signed(by);
        }
    }

    fn call_begins(&mut self, attempt: AttemptId, now: u64) {
        let Some(number) = self.by_id.get(attempt.as_bytes()).copied() else {
            return;
        };
        let calls = |other: &usize| {
            let other = &self.attempts[*other];
            let over = other.permit.is_none_or(|until| now + self.jump_ms >= until);
            other.calling && !(self.jump_ms > 0 && over)
        };
        let other = self.others(number).find(calls);
        if let Some(other) = other.filter(|_| !self.attempts[number].unguarded) {
            let what = format!("call {} calls, too", self.attempts[other].call);
            self.breaks(Promise::OneCallAtATime, number, now, what);
        }
        let one = &mut self.attempts[number];
        (one.calling, one.called) = (true, true);
    }

    fn call_answered(&mut self, attempt: AttemptId, answer: &Answer) {
        let Some(number) = self.by_id.get(attempt.as_bytes()).copied() else {
            return;
        };
        let released = match answer {
            Answer::None(Happened::EdgeMade(521 | 523 | 525 | 526 | 530)) => true,
            Answer::None(_) => false,
            Answer::Whole(_, headers, _) | Answer::TooLarge(_, headers, _) => {
                let execution = execution_in(headers).and_then(|it| self.executions.get(it));
                let answered = execution.and_then(|execution| execution.answered.as_ref());
                let route = self.route_of(number);
                answered.is_some_and(|it| self.becomes(route, it) == Becomes::Released)
            }
        };
        self.attempts[number].may_release = released;
    }

    fn call_ends(&mut self, attempt: AttemptId) {
        if let Some(number) = self.by_id.get(attempt.as_bytes()) {
            self.attempts[*number].calling = false;
        }
    }
}

/// Which execution an answer is of.
pub fn execution_in(headers: &Headers) -> Option<usize> {
    headers.get("x-execution")?.parse().ok()
}
