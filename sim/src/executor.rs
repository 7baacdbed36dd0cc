//! Virtual time, and the tasks that live in it.
//!
//! An executor of our own, of some hundred lines, because a seed has to stay a run: what runs next depends on the order of the
//! timers and on nothing else, and a task can be killed at any `await`, as a Worker can.

use std::cell::{Cell, RefCell};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Names a task.
pub type TaskId = u64;

/// All tasks of a run. Time goes on when none of them can.
#[derive(Default)]
pub struct Executor {
    now: Cell<u64>,
    next: Cell<u64>,
    tasks: RefCell<BTreeMap<TaskId, Option<Task>>>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    woken: Arc<Woken>,
    current: Cell<TaskId>,
}

/// Somebody who waits.
struct Timer {
    /// Until when; then by the dice, so that what falls on one moment comes in any order; then by age.
    at: (u64, u64, u64),
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

/// The tasks that can go on. The lock is never contended: a waker has to be one that could be sent away, and no run has threads.
#[derive(Default)]
struct Woken(Mutex<VecDeque<TaskId>>);

struct WakesTask(TaskId, Arc<Woken>);

impl Wake for WakesTask {
    fn wake(self: Arc<Self>) {
        self.1.push(self.0);
    }
}

impl Woken {
    fn push(&self, id: TaskId) {
        let mut woken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        woken.push_back(id);
    }

    fn pop(&self) -> Option<TaskId> {
        let mut woken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        woken.pop_front()
    }
}

impl Executor {
    /// Milliseconds since the beginning of the run.
    pub fn now(&self) -> u64 {
        self.now.get()
    }

    /// Runs `task` from now on.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> TaskId {
        let id = self.number();
        self.tasks.borrow_mut().insert(id, Some(Box::pin(task)));
        self.woken.push(id);
        id
    }

    /// Ends a task where it stands. Ending one that has ended is nothing.
    pub fn kill(&self, id: TaskId) {
        // Dropped outside of the borrow: what it drops may speak to the executor.
        let killed = self.tasks.borrow_mut().remove(&id);
        drop(killed);
    }

    /// Whether the task has not ended.
    pub fn lives(&self, id: TaskId) -> bool {
        self.tasks.borrow().contains_key(&id)
    }

    /// The task that runs.
    pub fn current(&self) -> TaskId {
        self.current.get()
    }

    /// Waits for `ms`. Of two waits that end at the same time, the one with the smaller `tie` ends first.
    pub fn sleep(self: &Rc<Self>, ms: u64, tie: u64) -> Sleep {
        Sleep {
            executor: Rc::clone(self),
            until: self.now() + ms,
            tie,
            set: false,
        }
    }

    /// Until `enough`, or nothing can happen any more.
    pub fn run_until(&self, enough: impl Fn() -> bool) {
        loop {
            while let Some(id) = self.woken.pop() {
                self.poll(id);
            }
            if enough() {
                return;
            }
            let Some(Reverse(timer)) = self.timers.borrow_mut().pop() else {
                return;
            };
            self.now.set(timer.at.0);
            timer.waker.wake();
        }
    }

    /// Ends all tasks: they hold what holds the executor.
    pub fn clear(&self) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        self.timers.borrow_mut().clear();
    }

    fn poll(&self, id: TaskId) {
        let Some(mut task) = self.tasks.borrow_mut().get_mut(&id).and_then(Option::take) else {
            return;
        };
        self.current.set(id);
        let waker = Waker::from(Arc::new(WakesTask(id, Arc::clone(&self.woken))));
        let ended = task
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready();
        let mut tasks = self.tasks.borrow_mut();
        if ended {
            tasks.remove(&id);
        } else if let Some(place) = tasks.get_mut(&id) {
            *place = Some(task);
            return;
        }
        // It has ended, or it was killed while it ran.
        drop(tasks);
        drop(task);
    }

    fn number(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }
}

/// See [`Executor::sleep`].
pub struct Sleep {
    executor: Rc<Executor>,
    until: u64,
    tie: u64,
    set: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.executor.now() >= self.until {
            return Poll::Ready(());
        }
        if !self.set {
            self.set = true;
            let timer = Timer {
                at: (self.until, self.tie, self.executor.number()),
                waker: context.waker().clone(),
            };
            self.executor.timers.borrow_mut().push(Reverse(timer));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_nobody_can_and_ties_are_broken_as_given() {
        let executor = Rc::new(Executor::default());
        let seen = Rc::new(RefCell::new(Vec::new()));
        for (name, ms, tie) in [("c", 9, 0), ("b", 5, 2), ("a", 5, 1)] {
            let (sleep, seen, at) = (
                executor.sleep(ms, tie),
                Rc::clone(&seen),
                Rc::clone(&executor),
            );
            executor.spawn(async move {
                sleep.await;
                seen.borrow_mut().push((name, at.now()));
            });
        }
        executor.run_until(|| false);
        assert_eq!(*seen.borrow(), [("a", 5), ("b", 5), ("c", 9)]);
    }

    #[test]
    fn a_killed_task_stands_still_even_where_it_kills_itself() {
        let executor = Rc::new(Executor::default());
        let seen = Rc::new(Cell::new(0));
        let (inside, counts) = (Rc::clone(&executor), Rc::clone(&seen));
        let victim = executor.spawn(async move {
            counts.set(1);
            inside.kill(inside.current());
            inside.sleep(1, 0).await;
            counts.set(2);
        });
        executor.run_until(|| false);
        assert_eq!((seen.get(), executor.lives(victim)), (1, false));
    }
}
