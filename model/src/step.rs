//! The actions, and what each of them does.

mod ledger;
mod worker;

pub use ledger::{begin_of, settle_of};

use crate::setting::{LEASE, Setting};
use crate::world::{By, Ends, Mail, Phase, World};
use reprise::protocol::claim::State;
use stateright::{Model, Property};

/// What can happen next. A request is named by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A request arrives, and its Worker calls `begin`.
    Arrive(u8),
    /// A call reaches the shard, for the first time or once more, and is answered.
    Deliver(Mail),
    /// The shard looks again for a `begin` that waits.
    Look(u8),
    /// The answer of the shard is lost, and the Worker calls again.
    Lose(u8),
    /// The Worker spends its permit.
    Dispatch(u8),
    /// The call to the origin ends.
    Answer(u8, Happened),
    /// The Worker has read a body that is not sent on.
    Read(u8),
    /// It asks the shard what is known, and is told.
    Compare(u8),
    /// The Worker finds the record of the attempt whose outcome is unknown in KV. KV is slow: it may be there and not be found.
    Find(u8),
    /// The Worker crashes, or gives up, or has got an answer that leaves nothing to do.
    End(u8),
    /// The shard starts anew: calls that waited in it fail.
    Restart,
    /// An operator, having seen that the lease of this claim is over, releases its attempt.
    Order(u8),
    /// The sweep deletes rows.
    Sweep,
    /// Time goes on.
    Tick,
}

/// What became of the call to the origin, after the contract's word on it (rules 7.1 to 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// An answer to be stored, and what became of the put into KV.
    Store(Put),
    /// An outcome that the contract releases.
    Release,
    /// No answer, or none in time.
    Hold,
    /// The same, of an upload that never ended.
    HoldUnread,
}

/// What became of a put into KV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The body is in the row, and none was needed.
    Inline,
    /// It is there.
    Kept,
    /// It failed.
    Failed,
    /// It failed, as far as the Worker can see, and is there.
    Unseen,
}

impl Model for Setting {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        self.asks.iter().map(|asks| World::new(asks)).collect()
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(world.mail.iter().map(|mail| Action::Deliver(*mail)));
        for number in 0..world.requests.len() as u8 {
            self.of_request(world, number, actions);
        }
        if world
            .requests
            .iter()
            .any(|request| request.phase == Phase::Parked)
        {
            actions.push(Action::Restart);
        }
        self.of_operator(world, actions);
        // Before the first request arrives, time does not count.
        if world.now < self.horizon && world.requests[0].phase != Phase::Absent {
            actions.push(Action::Tick);
        }
        if self.sweep {
            actions.push(Action::Sweep);
        }
    }

    /// `None` where nothing changes.
    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Arrive(number) => next.arrive(self, number),
            Action::Deliver(Mail::Begin(number)) => next.deliver_begin(self, number),
            Action::Deliver(Mail::Settle {
                by,
                attempt,
                ending,
            }) => next.deliver_settle(self, by, attempt, ending),
            Action::Look(number) => next.look(self, number),
            Action::Lose(number) => next.request_mut(number).phase = Phase::Begin,
            Action::End(number) => next.end(number),
            Action::Dispatch(number) => next.dispatch(self, number),
            Action::Answer(number, happened) => next.answer(self, number, happened),
            Action::Read(number) => next.read(number),
            Action::Compare(number) => next.compare(self, number),
            Action::Find(number) => next.find(self, number),
            Action::Restart => next.restart(),
            Action::Order(attempt) => next.send_settle(By::Operator, attempt, Ends::Release),
            Action::Sweep => next.sweep(),
            Action::Tick => next.tick(self),
        }
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        crate::properties::of(self)
    }
}

impl Setting {
    /// What the client, the Worker and the network of one request can do.
    fn of_request(&self, world: &World, number: u8, actions: &mut Vec<Action>) {
        let request = world.request(number);
        match request.phase {
            // Requests are numbered in the order of their arrival: any other order is this one under other names.
            Phase::Absent => {
                let next = number == 0 || world.request(number - 1).phase != Phase::Absent;
                actions.extend(next.then_some(Action::Arrive(number)));
                return;
            }
            Phase::Over => return,
            Phase::Begin => {}
            Phase::Parked => actions.push(Action::Look(number)),
            Phase::Permit { .. } => {
                actions.push(Action::Lose(number));
                actions.extend(
                    world
                        .in_time(self, number)
                        .then_some(Action::Dispatch(number)),
                );
            }
            Phase::Call { .. } => self.of_origin(world, number, actions),
            Phase::Unread => actions.push(Action::Read(number)),
            Phase::Read => actions.push(Action::Compare(number)),
            Phase::Unknown { attempt } => {
                actions.push(Action::Lose(number));
                let found = (self.rules.find)(world, attempt, request.print);
                actions.extend(found.map(|_| Action::Find(number)));
            }
        }
        actions.push(Action::End(number));
    }

    fn of_origin(&self, world: &World, number: u8, actions: &mut Vec<Action>) {
        let mut ends = vec![Happened::Hold];
        // What has no fingerprint is never stored; released it is as anything else.
        ends.extend(world.request(number).upload.then_some(Happened::HoldUnread));
        if world.in_time(self, number) {
            ends.push(Happened::Release);
            let puts: &[Put] = if self.kv {
                &[Put::Kept, Put::Failed, Put::Unseen]
            } else {
                &[Put::Inline]
            };
            ends.extend(puts.iter().map(|put| Happened::Store(*put)));
        }
        actions.extend(
            ends.into_iter()
                .map(|happened| Action::Answer(number, happened)),
        );
    }

    /// One order in all. It may arrive late, or twice, as every message.
    fn of_operator(&self, world: &World, actions: &mut Vec<Action>) {
        let ordered = |mail: &Mail| {
            matches!(
                mail,
                Mail::Settle {
                    by: By::Operator,
                    ..
                }
            )
        };
        if !self.operator || world.mail.iter().any(ordered) {
            return;
        }
        for row in world.rows.iter().flatten() {
            let over = row.0.lease_until <= crate::world::time(world.now);
            let open = row.0.state == State::Unknown || row.0.state == State::Running && over;
            actions.extend((open && over).then(|| Action::Order(row.attempt())));
        }
    }
}

/// What nobody in particular does.
impl World {
    fn tick(&mut self, setting: &Setting) {
        self.now += 1;
        self.onlooker.sees_time(setting, self.now);
    }

    fn sweep(&mut self) {
        let now = crate::world::time(self.now);
        for row in &mut self.rows {
            row.take_if(|row| now >= row.0.keep_until());
        }
    }

    fn restart(&mut self) {
        for request in &mut self.requests {
            if request.phase == Phase::Parked {
                request.phase = Phase::Begin;
            }
        }
    }

    /// Whether the Worker of this request has time for a call to the origin.
    pub fn in_time(&self, setting: &Setting, number: u8) -> bool {
        use crate::setting::Deadline;
        let request = self.request(number);
        match (setting.deadline, request.phase) {
            (Deadline::FromBegin, _) => self.now < request.asked_at + LEASE,
            (Deadline::FromDispatch(ticks), Phase::Call { since, .. }) => self.now < since + ticks,
            (Deadline::FromDispatch(_) | Deadline::Never, _) => true,
        }
    }
}
