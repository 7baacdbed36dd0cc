// How the calls of a shard are taken together (src/edge/turns.js), so that a commit is one of all of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "../../src/edge/turns.js";

test("calls that come together are answered in one turn, as they came; one that comes later, in another", async () => {
  const log: string[] = [];
  const turns = new Turns((message: string) => {
    if (log.length === 0) setImmediate(() => log.push("the event loop turns"));
    log.push(message);
    return message;
  });
  const calls = ["a", "b", "c"].map((message) => turns.ask(message));
  assert.deepEqual(log, [], "none before the next turn");
  assert.deepEqual(await Promise.all(calls), ["a", "b", "c"]);
  await new Promise(setImmediate);
  assert.equal(await turns.ask("d"), "d");
  assert.deepEqual(log, ["a", "b", "c", "the event loop turns", "d"]);
});

test("a call that comes while others are answered is answered after them", async () => {
  const log: string[] = [];
  let late: Promise<unknown> | undefined;
  const turns = new Turns((message: string) => {
    log.push(message);
    if (message === "a") late = turns.ask("late");
  });
  await Promise.all([turns.ask("a"), turns.ask("b")]);
  assert.ok(late !== undefined);
  await late;
  assert.deepEqual(log, ["a", "b", "late"]);
});

test("an error is that of its own call, thrown or promised", async () => {
  const turns = new Turns((message: string) => {
    if (message === "throws") throw new Error("thrown");
    return message === "rejects" ? Promise.reject(new Error("promised")) : message;
  });
  const [throws, rejects, works] = ["throws", "rejects", "works"].map((message) => turns.ask(message));
  await Promise.all([
    assert.rejects(async () => throws, /thrown/),
    assert.rejects(async () => rejects, /promised/),
    assert.doesNotReject(async () => assert.equal(await works, "works")),
  ]);
});
