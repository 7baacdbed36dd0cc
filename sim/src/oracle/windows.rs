//! Windows: from the request that opens a key to the end of what is kept under it. Whether the API may execute, and who may have it
//! executed.

use super::{Answered, Execution, Key, Oracle, Unknown};
use crate::promises::Promise;
use crate::routes::{Becomes, Compares, LeaseOver, Private, Route};

impl Oracle {
    pub(super) fn judge_execution(&mut self, number: usize, made: usize, now: u64) {
        let key = &self.keys[self.calls[self.executions[number].call].asked.key];
        let before = key
            .executions
            .iter()
            .find(|before| !self.may_follow(**before, made, now));
        if let Some(before) = before {
            let what = format!("execution {number} after execution {before}");
            return self.breaks(Promise::ExecutedOnce, made, now, what);
        }
        let Some(unknown) = key.unknown else {
            return;
        };
        let until = self.unknown_until(key, unknown);
        let came = |it: &usize| self.attempts[*it].release_came;
        let releases = key.attempts.iter().filter_map(came);
        let held = key.route.lease_over == LeaseOver::Hold
            && now + self.early_ms < until
            // It may be the very attempt that is unknown: its permit outlives a lease that a clock has ended early.
            && !(self.jump_ms > 0 && self.attempts[made].arrived <= unknown.told_at)
            && releases.max() < Some(unknown.asked_at);
        if held {
            let what = format!("it is, until {until} ms");
            self.breaks(Promise::UnknownIsHeld, made, now, what);
        }
    }

    /// Until when nobody can know. Its answer may have been adopted since, and be kept for a shorter time.
    fn unknown_until(&self, key: &Key, unknown: Unknown) -> u64 {
        let answers = key
            .executions
            .iter()
            .filter_map(|it| self.executions[*it].answered.as_ref());
        let short_lived = answers.filter(|it| it.short_lived).map(|it| it.at + 60_000);
        short_lived.fold(unknown.until, u64::min)
    }

    /// Whether the window in which that attempt got its permit may have ended by then, although the permit had not: a clock that
    /// jumps forward ends both, and nobody tells the attempt.
    pub(super) fn may_be_of_the_window_before(&self, attempt: usize, then: u64) -> bool {
        let retention = self.route_of(attempt).retention_ms();
        self.jump_ms > 0 && self.attempts[attempt].arrived + retention <= then + self.early_ms
    }

    /// Whether its lease may have ended by then in the same way, so that it was passed on.
    pub(super) fn may_be_passed_over(&self, attempt: usize, then: u64) -> bool {
        let route = self.route_of(attempt);
        let begun = self.attempts[attempt].begun.unwrap_or_default();
        let over = begun + route.lease_ms() <= then + self.jump_ms;
        self.jump_ms > 0 && route.lease_over != LeaseOver::Hold && over
    }

    /// Whether the API may execute for the key of that execution at `now`, in the name of `made`.
    pub(super) fn may_follow(&self, before: usize, made: usize, now: u64) -> bool {
        let execution = &self.executions[before];
        let Some(attempt) = execution.attempt.map(|number| &self.attempts[number]) else {
            return true;
        };
        let route = self.keys[self.calls[execution.call].asked.key].route;
        let lease_is_over = attempt
            .permit
            .is_none_or(|until| now + self.jump_ms >= until);
        let passed_on = route.lease_over == LeaseOver::RunAgain
            && execution.told.is_none()
            && (!attempt.calling || self.jump_ms > 0)
            && lease_is_over;
        attempt.released.is_some()
            || self.may_be_of_the_window_before(made, execution.at)
            || self.may_be_passed_over(made, execution.at)
            || passed_on
            || now + self.early_ms >= self.window_end(before) + route.refuse_ms()
    }

    /// When the key of that execution can expire at the earliest.
    pub(super) fn window_end(&self, execution: usize) -> u64 {
        let execution = &self.executions[execution];
        let route = self.keys[self.calls[execution.call].asked.key].route;
        let arrived = execution
            .attempt
            .map_or(0, |attempt| self.attempts[attempt].arrived);
        let at_least = arrived + route.retention_ms();
        match (execution.told, &execution.answered) {
            (Some((until, _)), _) => until,
            (None, Some(answered)) if answered.short_lived => at_least.min(answered.at + 60_000),
            _ => at_least,
        }
    }

    /// Whether the API has, as far as it knows, not done what that attempt asked for.
    pub(super) fn never_ran(&self, attempt: usize) -> bool {
        let ran = |execution: &Execution| {
            let becomes = execution
                .answered
                .as_ref()
                .map(|it| (self.route_of(attempt).becomes)(it.status));
            execution.attempt == Some(attempt) && becomes != Some(Becomes::Released)
        };
        !self.executions.iter().any(ran)
    }

    pub(super) fn has_permit(&self, attempt: usize, now: u64) -> bool {
        let one = &self.attempts[attempt];
        let over = one.called && !one.calling || one.released.is_some() || one.lives == 0;
        !over && one.permit.is_some_and(|until| now + self.jump_ms < until)
    }

    /// The other attempts under the key, but for those without a claim.
    pub(super) fn others(&self, attempt: usize) -> impl Iterator<Item = usize> {
        let key = &self.keys[self.calls[self.attempts[attempt].call].asked.key];
        let guarded = move |other: &usize| *other != attempt && !self.attempts[*other].unguarded;
        key.attempts.iter().copied().filter(guarded)
    }

    pub(super) fn route_of(&self, attempt: usize) -> &'static Route {
        self.keys[self.calls[self.attempts[attempt].call].asked.key].route
    }

    /// What an answer leads to, by what a contract says of it.
    pub(super) fn becomes(&self, route: &Route, answered: &Answered) -> Becomes {
        match (route.becomes)(answered.status) {
            Becomes::Kept if answered.private && route.private != Private::ByHeader => {
                Becomes::Released
            }
            other => other,
        }
    }

    pub(super) fn same(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.calls[one].asked, &self.calls[other].asked);
        let (a, b) = (one.content, other.content);
        match self.keys[one.key].route.compares {
            Compares::Nothing => true,
            Compares::Meaning => (a.path, a.meaning) == (b.path, b.meaning),
            Compares::Bytes => a == b,
        }
    }
}
