//! What tasks wait for: promises of the runtime, and its timers. Each has a place, whose number tasks.js knows.

use super::CURRENT;
use crate::edge::js;
use slab::Slab;
use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wasm_bindgen::JsValue;

/// What a promise has come to.
pub type Outcome = Result<JsValue, JsValue>;

struct Place {
    task: u32,
    state: State,
}

enum State {
    Waits(Option<Waker>),
    Settled(Outcome),
    /// Nobody waits for it any more, but it may still come.
    Left,
    /// It will never come.
    Lost,
}

#[derive(Default)]
struct Places {
    all: Slab<Place>,
    left: usize,
}

thread_local! {
    static PLACES: RefCell<Places> = RefCell::default();
}

/// Puts in what has come. Whoever waits for it is to be woken.
pub(super) fn settle(at: usize, outcome: Outcome) -> Option<Waker> {
    PLACES.with_borrow_mut(|places| {
        let place = places.all.get_mut(at)?;
        match &mut place.state {
            State::Waits(waker) => {
                let waker = waker.take();
                place.state = State::Settled(outcome);
                waker
            }
            State::Left => {
                places.all.try_remove(at);
                places.left -= 1;
                None
            }
            State::Settled(_) | State::Lost => None,
        }
    })
}

/// Nothing that `task` waits for will ever come.
pub(super) fn lose(task: u32) {
    PLACES.with_borrow_mut(|places| {
        let waits = |it: &Place| it.task == task && matches!(it.state, State::Waits(_));
        for (_, place) in places.all.iter_mut().filter(|(_, it)| waits(it)) {
            place.state = State::Lost;
        }
    });
}

/// Gives back what `task` has left, which will never come either.
pub(super) fn clear(task: u32) {
    PLACES.with_borrow_mut(|places| {
        let before = places.all.len();
        let stays = |it: &Place| it.task != task || !matches!(it.state, State::Left);
        places.all.retain(|_, it| stays(it));
        places.left -= before - places.all.len();
    });
}

/// Whether `task` has left something.
pub(super) fn has_left(task: u32) -> bool {
    PLACES.with_borrow(|places| {
        // Most leave nothing: it is what was given up in the middle.
        let is_left = |it: &Place| it.task == task && matches!(it.state, State::Left);
        places.left > 0 && places.all.iter().any(|(_, it)| is_left(it))
    })
}

/// What a promise will come to.
pub struct Settlement(Option<usize>);

impl Settlement {
    /// A place for something that comes later.
    fn awaited() -> (Self, usize) {
        let place = Place {
            task: CURRENT.get(),
            state: State::Waits(None),
        };
        let at = PLACES.with_borrow_mut(|places| places.all.insert(place));
        (Self(Some(at)), at)
    }

    /// Gives the place back: what was to come will not.
    fn never(mut self) {
        let at = self.0.take();
        PLACES.with_borrow_mut(|places| places.all.try_remove(at?));
    }
}

/// Waits for `promise`.
pub fn settled(promise: impl Into<JsValue>) -> Settlement {
    let (settlement, at) = Settlement::awaited();
    js::wait(&promise.into(), at, CURRENT.get());
    settlement
}

impl Future for Settlement {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(at) = self.0 else {
            return Poll::Pending;
        };
        let settled = PLACES.with_borrow_mut(|places| {
            let place = places.all.get_mut(at)?;
            if let State::Waits(waker) = &mut place.state {
                *waker = Some(context.waker().clone());
            }
            if !matches!(place.state, State::Settled(_)) {
                return None;
            }
            match places.all.try_remove(at)?.state {
                State::Settled(outcome) => Some(outcome),
                _ => None,
            }
        });
        match settled {
            Some(outcome) => {
                self.0 = None;
                Poll::Ready(outcome)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        let Some(at) = self.0 else { return };
        PLACES.with_borrow_mut(|places| match places.all.get_mut(at) {
            Some(Place { state, .. }) if matches!(state, State::Waits(_)) => {
                *state = State::Left;
                places.left += 1;
            }
            _ => drop(places.all.try_remove(at)),
        });
    }
}

/// Some time, by a timer of the runtime that no change of the clock touches. It begins when it is first waited for.
pub struct Sleep {
    ms: u64,
    timer: Option<(Settlement, JsValue)>,
}

impl Sleep {
    /// So many milliseconds.
    pub fn of(ms: u64) -> Self {
        Self { ms, timer: None }
    }
}

impl From<Duration> for Sleep {
    fn from(time: Duration) -> Self {
        Self::of(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let ms = self.ms as f64;
        let (settlement, _) = self.timer.get_or_insert_with(|| {
            let (settlement, at) = Settlement::awaited();
            (settlement, js::sleep(ms, at, CURRENT.get()))
        });
        Pin::new(settlement).poll(context).map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((settlement, timer)) = self.timer.take() {
            if settlement.0.is_some() {
                js::clear_timeout(&timer);
            }
            settlement.never();
        }
    }
}
