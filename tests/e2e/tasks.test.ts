// What JavaScript knows of the tasks of Rust (src/edge/tasks.js): who is told of what has come, and of what never will.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as tasks from "../../src/edge/tasks.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

let told: unknown[][];
let lost: number[];

beforeEach(() => {
  told = [];
  lost = [];
  attach();
});

/** As a new instance of the Wasm module does. */
function attach(): void {
  const ofThis = { told, lost };
  tasks.attach(
    (place: number, value: unknown, failed: boolean) => ofThis.told.push([place, value, failed]),
    (task: number) => ofThis.lost.push(task),
  );
}

/** Registries call back some time after a collection, and not while a job runs. */
async function collected(until: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20 && !until(); turn++) {
    collectGarbage();
    await new Promise(setImmediate);
  }
}

test("a place is told what its promise has come to, or its timer", async () => {
  void tasks.begin(1);
  tasks.wait(Promise.resolve("value"), 7, 1);
  tasks.wait(Promise.reject("error"), 8, 1);
  tasks.sleep(0, 9, 1);
  clearTimeout(tasks.sleep(0, 10, 1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(told.map((call) => call.slice(0, 3)), [[7, "value", false], [8, "error", true], [9, undefined, false]]);
});

test("the promise of a task comes to what the task comes to", async () => {
  const [works, fails] = [tasks.begin(1), tasks.begin(2)];
  tasks.end(1, "done", false, false);
  tasks.end(2, "error", true, false);
  assert.equal(await works, "done");
  await assert.rejects(fails, (error) => error === "error");
});

test("a task that has answered goes on, and tells whoever waits for its end", async () => {
  const answer = tasks.begin(1);
  let ended = false;
  const end = tasks.lasts(1).then(() => (ended = true));
  tasks.reply(1, "the answer", false);
  assert.equal(await answer, "the answer");
  assert.equal(ended, false);
  tasks.end(1, "nothing more", true, false);
  await end;
  assert.equal(await answer, "the answer");
});

test("a task is lost when all that it waits for is, and not before", async () => {
  const kept = Promise.withResolvers<string>();
  void tasks.begin(1);
  tasks.wait(kept.promise, 3, 1);
  void tasks.begin(2);
  tasks.wait(new Promise(() => undefined), 4, 2);
  await collected(() => lost.length > 0);
  assert.deepEqual(lost, [2]);
  kept.resolve("comes");
  await kept.promise;
  assert.deepEqual(told.map(([place]) => place), [3]);
});

test("a task that has ended is not lost, unless it has left something", async () => {
  void tasks.begin(1);
  tasks.end(1, "done", false, false);
  void tasks.begin(2);
  tasks.wait(new Promise(() => undefined), 4, 2);
  tasks.end(2, "given up", false, true);
  await collected(() => lost.length > 0);
  assert.deepEqual(lost, [2]);
});

test("after a panic, the new instance hears nothing of what the old one waited for", async () => {
  const old = Promise.withResolvers<string>();
  void tasks.begin(1);
  tasks.wait(old.promise, 3, 1);
  void tasks.begin(2);
  tasks.wait(new Promise(() => undefined), 4, 2);
  const before = { told, lost };
  [told, lost] = [[], []];
  attach();
  void tasks.begin(1);
  tasks.wait(new Promise(() => undefined), 5, 1);
  old.resolve("comes");
  await collected(() => lost.length > 0);
  assert.deepEqual({ told, lost }, { told: [], lost: [1] });
  assert.deepEqual(before.told.map(([place]) => place), [3], "it was the old one that was told");
  assert.deepEqual(before.lost, []);
});
