//! The tasks of this isolate: futures that go on as soon as what they wait for is there.
//!
//! `wasm-bindgen-futures` makes two closures of Rust for each promise, and has the runtime watch each of them for being lost, as
//! `worker` does for its timers: sixteen for a fresh request, which were 5 % of its CPU. Here a promise gets two functions of
//! JavaScript that know the number of a place (tasks.js), and only whole tasks are watched.
//!
//! The runtime ends a request whose client has gone without a word: what it waits for never comes. So a task that nothing can wake any
//! more is dropped once the runtime's garbage collector has seen that.

mod waits;

use super::js;
use js_sys::Promise;
use rustc_hash::FxBuildHasher;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
pub use waits::{Outcome, Sleep, settled};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use web_sys::Response;

struct Task {
    /// `None` while it is polled.
    future: Option<Pin<Box<dyn Future<Output = Outcome>>>>,
    woken: Arc<Woken>,
}

/// By number. These are counted here: nobody can choose them so that they fall together.
type Tasks = HashMap<u32, Task, FxBuildHasher>;

thread_local! {
    static TASKS: RefCell<Tasks> = RefCell::new(attached());
    /// Tasks that can go on.
    static READY: RefCell<VecDeque<u32>> = const { RefCell::new(VecDeque::new()) };
    static RUN: Closure<dyn Fn()> = Closure::new(|| run(|| {}));
    /// Whether somebody sees to these.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    /// The task that is polled; 0 is none.
    static CURRENT: Cell<u32> = const { Cell::new(0) };
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// Tells tasks.js whom to call. Once for each instance of the module, of which a panic makes a new one: these closures are not to be
/// called for what another one waits for.
fn attached() -> Tasks {
    let settled = Closure::<dyn Fn(usize, JsValue, bool)>::new(|place, value, failed| {
        settle(place, if failed { Err(value) } else { Ok(value) });
    });
    let lost = Closure::<dyn Fn(u32) -> bool>::new(lose);
    js::attach(&settled, &lost);
    settled.forget();
    lost.forget();
    Tasks::default()
}

/// Runs `future`, and gives a promise of what it comes to.
pub fn promise(future: impl Future<Output = Outcome> + 'static) -> Promise {
    answering(|_| future)
}

/// The same of a future that may answer before it ends: the promise is of that answer then.
pub fn answering<F>(future: impl FnOnce(Reply) -> F) -> Promise
where
    F: Future<Output = Outcome> + 'static,
{
    let number = COUNT.get().wrapping_add(1).max(1);
    COUNT.set(number);
    let task = Task {
        future: Some(Box::pin(future(Reply(number)))),
        woken: Arc::new(Woken(number)),
    };
    TASKS.with_borrow_mut(|tasks| tasks.insert(number, task));
    let promise = js::begin(number);
    run(|| READY.with_borrow_mut(|ready| ready.push_back(number)));
    promise
}

/// Where the answer of a task goes. Nobody may be there any more.
pub struct Reply(u32);

impl Reply {
    /// Answers. The task is to be at work.
    pub fn send(self, answer: Result<Response, JsValue>) {
        match answer {
            Ok(answer) => js::reply(self.0, &answer, false),
            Err(error) => js::reply(self.0, &error, true),
        }
    }

    /// A promise that the task ends, for the runtime to wait for, whether or not a client does.
    pub fn lasts(&self) -> Promise {
        js::lasts(self.0)
    }
}

/// Does `work`, and polls what is ready then, unless somebody is about to.
fn run(work: impl FnOnce()) {
    let outermost = !RUNNING.replace(true);
    work();
    if outermost {
        while let Some(task) = READY.with_borrow_mut(VecDeque::pop_front) {
            poll(task);
        }
        RUNNING.set(false);
    }
}

fn poll(number: u32) {
    let task = TASKS.with_borrow_mut(|tasks| {
        let task = tasks.get_mut(&number)?;
        Some((task.future.take()?, Arc::clone(&task.woken)))
    });
    let Some((mut future, woken)) = task else {
        return;
    };
    CURRENT.set(number);
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(&Waker::from(woken)));
    CURRENT.set(0);
    match polled {
        Poll::Pending => TASKS.with_borrow_mut(|tasks| {
            if let Some(task) = tasks.get_mut(&number) {
                task.future = Some(future);
            }
        }),
        Poll::Ready(outcome) => {
            TASKS.with_borrow_mut(|tasks| tasks.remove(&number));
            drop(future);
            let left = waits::has_left(number);
            match outcome {
                Ok(value) => js::end(number, &value, false, left),
                Err(error) => js::end(number, &error, true, left),
            }
        }
    }
}

/// Wakes the task of this number.
struct Woken(u32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        READY.with_borrow_mut(|ready| ready.push_back(self.0));
        // Not at once: whoever wakes it may hold what it needs.
        if !RUNNING.get() {
            RUN.with(js::queue_microtask);
        }
    }
}

/// What was waited for at this place has come.
fn settle(place: usize, outcome: Outcome) {
    if let Some(waker) = waits::settle(place, outcome) {
        run(|| waker.wake());
    }
}

/// Nothing that this task waits for will ever come. Unless somebody here wakes it, it is dropped, and this is so.
fn lose(number: u32) -> bool {
    waits::lose(number);
    let lost = TASKS.with_borrow_mut(|tasks| {
        let alone = Arc::strong_count(&tasks.get(&number)?.woken) == 1;
        if alone { tasks.remove(&number) } else { None }
    });
    let dropped = lost.is_some();
    drop(lost);
    waits::clear(number);
    dropped
}
