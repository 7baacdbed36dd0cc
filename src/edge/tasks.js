// The side of JavaScript of src/edge/task.rs: what waits for promises and timers, and which tasks nothing can wake any more.

/** What is to be called, of the instance of the Wasm module that runs now. */
let settled;
let lost;

/** Its tasks: what settles their promises, and what is there as long as something may wake them: whatever waits for a promise holds it. */
let tasks = new Map();
const watch = new FinalizationRegistry(({ task, of, watched }) => {
  if (watched && of === tasks && lost(task)) tasks.delete(task);
});

export function attach(whenSettled, whenLost) {
  [settled, lost] = [whenSettled, whenLost];
  tasks = new Map();
}

/** A promise of what `task` comes to. */
export function begin(task) {
  const alive = {};
  const it = Promise.withResolvers();
  it.alive = new WeakRef(alive);
  // Not the promise: what is registered here lives until the garbage collector has seen that the other has gone.
  it.key = { task, of: tasks, watched: true };
  watch.register(alive, it.key);
  tasks.set(task, it);
  return it.promise;
}

/** What its promise comes to, although it goes on. */
export function reply(task, outcome, failed) {
  const it = tasks.get(task);
  it.told = true;
  if (failed) it.reject(outcome);
  else it.resolve(outcome);
}

/** A promise that it ends. */
export function lasts(task) {
  return new Promise((resolve) => (tasks.get(task).ended = resolve));
}

/** `outcome` is for whoever has had no reply. `left` is that it has left places, for what may still come, or never. */
export function end(task, outcome, failed, left) {
  const it = tasks.get(task);
  if (!it.told) reply(task, outcome, failed);
  it.ended?.();
  tasks.delete(task);
  it.key.watched = left;
}

/** `place` of `task` is for what `promise` comes to. */
export function wait(promise, place, task) {
  const alive = tasks.get(task)?.alive.deref();
  const tell = settled;
  promise.then(
    (value) => tell(place, value, false, alive),
    (error) => tell(place, error, true, alive),
  );
}

export function sleep(ms, place, task) {
  const alive = tasks.get(task)?.alive.deref();
  const tell = settled;
  return setTimeout(() => tell(place, undefined, false, alive), ms);
}
