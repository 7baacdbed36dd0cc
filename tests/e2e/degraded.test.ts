// Parts that fail, are slow, or lie (docs/operating.md, "What fails how"; axis D1; docs/protocol.md rules 8.4, 8.5, 8.14 and 6.7):
// what is known is replayed, and nothing runs unguarded unless the contract says so. The faults are those of faulty.js.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier, eventually, within } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  const open = { match: "POST /open/*", rules: `[routes.gateway]\nledger_down = "run-unguarded"` };
  gateway = await startGateway({ faults: true, policy: `${policy(origin.url, "POST /v1/*", open)}\n[ledger]\nshards = 1\n` });
});

after(async () => {
  await gateway.close();
  await origin.close();
});

/** Runs `run` while no call reaches the ledger. */
async function withoutLedger(run: () => Promise<void>): Promise<void> {
  // More calls than `run` makes, with all their tries.
  for (let i = 0; i < 50; i++) await gateway.shardSql(0, "INSERT INTO faults VALUES ('begin', 'before')");
  try {
    await run();
  } finally {
    const left = await gateway.shardSql(0, "DELETE FROM faults RETURNING call");
    assert.ok(left.length > 0 && left.length < 50, "the ledger was asked, and never answered");
  }
}

/** Until the copies in KV, which are written after the replies, are `n` more. */
async function copied(there: number): Promise<void> {
  const kv = await gateway.kv();
  await eventually("the copy in KV", async () => (await kv.list()).keys.length, (length) => length > there);
}

const copies = async (): Promise<number> => (await (await gateway.kv()).list()).keys.length;

test("edge_131 rule_8_14 an answer that KV has is replayed while the ledger is out of reach", async () => {
  for (const size of [20, 400 * 1024]) {
    const body = Buffer.alloc(size, "x");
    const place = origin.place((_, response) => response.writeHead(201, { "X-Order": "7" }).end(body));
    const key = gateway.key();
    const there = await copies();
    const first = await gateway.post(place.path, key);
    assertFresh(first);
    await copied(there);
    await withoutLedger(async () => {
      assertReplay(await gateway.post(place.path, key), first);
    });
    assert.equal(place.count, 1);
  }
});

test("rule_8_14 a copy of another request, and no copy at all, answer nothing", async () => {
  const place = origin.place();
  const key = gateway.key();
  const there = await copies();
  assertFresh(await gateway.post(place.path, key));
  await copied(there);
  await withoutLedger(async () => {
    assertRefusal(await gateway.post(place.path, key, '{"other":1}'), 503, "ledger-unavailable");
    assertRefusal(await gateway.post(place.path, gateway.key()), 503, "ledger-unavailable");
  });
  assert.equal(place.count, 1);
});

test("edge_131 rule_6_7 a contract may prefer a second run to a refusal, and says so in the answer and the log", async () => {
  const place = origin.place(undefined, { under: "/open" });
  const key = gateway.key();
  await withoutLedger(async () => {
    for (const n of [1, 2]) {
      const answer = await gateway.post(place.path, key);
      assert.equal(answer.status, 201);
      assert.equal(answer.header("idempotency-status"), "unguarded");
      assert.equal(answer.header("idempotency-expires"), undefined);
      assert.equal(place.count, n);
    }
  });
  await gateway.logged((line) => line["warning"] === "unguarded", 2);
  assertFresh(await gateway.post(place.path, key));
});

const fault = (...names: string[]): string[] => [`X-Fault: ${names.join(", ")}`];

/** How many calls to the ledger have failed so far: each writes a line. */
const failedCalls = (): number => gateway.log.filter((line) => line.message.startsWith("ledger ")).length;

test("edge_131 a ledger that says it is overloaded is asked once; one that lost the connection, three times", async () => {
  for (const [name, tries] of [["ledger-overloaded", 1], ["ledger-retryable", 3]] as const) {
    const place = origin.place();
    const key = gateway.key();
    const before = failedCalls();
    const answer = await gateway.post(place.path, key, "{}", fault(name));
    assertRefusal(answer, 503, "ledger-unavailable");
    assert.equal(answer.header("retry-after"), "2");
    await eventually("the log", async () => failedCalls() - before, (lines) => lines >= tries);
    assert.equal(failedCalls() - before, tries, name);
    assert.equal(place.count, 0);
    assertFresh(await gateway.post(place.path, key));
  }
});

test("rule_5_4 a connection to the ledger that is lost once is nothing that a client sees", async () => {
  const place = origin.place();
  const key = gateway.key();
  const first = await gateway.post(place.path, key, "{}", fault("ledger-retryable-once"));
  assertFresh(first);
  assertReplay(await gateway.post(place.path, key, "{}", fault("ledger-retryable-once")), first);
  assert.equal(place.count, 1);
});

test("rule_5_12 a shard that is reset in the midst of a call is asked again as a new object, and nothing is lost", async () => {
  for (const call of ["begin", "settle"]) {
    const place = origin.place();
    const key = gateway.key();
    assertFresh(await gateway.post(origin.place().path, gateway.key()));
    await gateway.shardSql(0, "INSERT INTO faults VALUES (?, 'reset')", call);
    const before = failedCalls();
    const first = await gateway.post(place.path, key);
    assertFresh(first);
    assert.ok(failedCalls() > before, "the object was stopped");
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});

test("edge_131 rule_9_1 a shard whose storage fails decides nothing: refused before the origin, unrecorded after it", async () => {
  const hide = () => gateway.shardSql(0, "ALTER TABLE claims RENAME TO hidden");
  const show = () => gateway.shardSql(0, "ALTER TABLE hidden RENAME TO claims");
  const refused = origin.place();
  const key = gateway.key();
  await hide();
  assertRefusal(await gateway.post(refused.path, key), 503, "ledger-unavailable");
  await show();
  assert.equal(refused.count, 0);
  assertFresh(await gateway.post(refused.path, key));

  const ran = origin.place(async (_, response) => {
    await hide();
    response.writeHead(201).end("done");
  });
  const other = gateway.key();
  const answer = await gateway.post(ran.path, other);
  await show();
  assertRefusal(answer, 503, "outcome-unrecorded");
  assertRefusal(await gateway.post(ran.path, other), 409, "request-in-progress");
  assert.equal(ran.count, 1);
});

test("edge_131 a shard that is slow holds its own requests up, and runs none of them meanwhile", async () => {
  const place = origin.place();
  await gateway.shardSql(0, "INSERT INTO faults VALUES ('begin', 'hold-before')");
  const slow = gateway.post(place.path, gateway.key());
  await gateway.logged((line) => line["held"] === "begin-before");
  const passed = await gateway.send({ path: "/v1/passes" });
  assert.notEqual(passed.status, 503, "what is not guarded does not wait for the ledger");
  assert.equal(place.count, 0);
  await gateway.shardSql(0, "DELETE FROM faults");
  assertFresh(await slow);
  assert.equal(place.count, 1);
});

/** An answer whose body lies in KV. */
async function keptInKv(): Promise<{ path: string; key: string; first: Answer; count: () => number }> {
  const place = origin.place((request, response) => response.writeHead(201).end(Buffer.alloc(300 * 1024, request.number)));
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assertFresh(first);
  return { path: place.path, key, first, count: () => place.count };
}

test("edge_132 rule_8_4 a KV get that fails, hangs, misses or gives garbage: unavailable, never run again", async () => {
  const { path, key, first, count } = await keptInKv();
  for (const name of ["kv-get-fails", "kv-get-hangs", "kv-get-misses", "kv-get-garbage"]) {
    const asked = Date.now();
    const answer = await gateway.post(path, key, "{}", fault(name));
    assertRefusal(answer, 503, "replay-unavailable");
    assert.equal(answer.header("retry-after"), "5");
    assert.ok(Date.now() - asked < 12_000, `${name}: the client waits no longer than 8 s`);
  }
  assert.ok(gateway.log.some((line) => line.message.startsWith("KV get failed: ")));
  assertReplay(await gateway.post(path, key), first);
  assert.equal(count(), 1);
});

test("edge_132 rule_8_4 a KV get that is slow, or finds the value at the third look, is a replay", async () => {
  const { path, key, first, count } = await keptInKv();
  for (const name of ["kv-get-slow", "kv-get-late"]) assertReplay(await gateway.post(path, key, "{}", fault(name)), first);
  assert.equal(count(), 1);
});

test("edge_133 rule_8_4 an older attempt's value in KV is not the answer of the newer one", async () => {
  const kv = await gateway.kv();
  const names = async () => new Set((await kv.list()).keys.map((key) => key.name));
  const before = await names();
  const { path, key, first, count } = await keptInKv();
  const name = [...(await names())].find((name) => !before.has(name)) ?? "";
  const older = await kv.get(name, "arrayBuffer");
  assert.ok(older !== null);
  await gateway.shardSql(0, "UPDATE claims SET expires_at = 1 WHERE lower(hex(id)) = ?", name.replace("r1/", ""));
  const second = await gateway.post(path, key);
  assertFresh(second);
  assert.notDeepEqual(second.body, first.body);
  assert.equal(second.body.length, first.body.length, "only what it says tells the older value apart");
  const newer = await kv.get(name, "arrayBuffer");
  await kv.put(name, older);
  assertRefusal(await gateway.post(path, key), 503, "replay-unavailable");
  assert.ok(newer !== null);
  await kv.put(name, newer);
  assertReplay(await gateway.post(path, key), second);
  assert.equal(count(), 2);
});

test("edge_073 rule_8_4 of 40 requests from places whose KV has nothing, something older or garbage, exactly one executes", async () => {
  const gate = barrier();
  const place = origin.place(async (request, response) => {
    if (request.number > 1) await gate.opened;
    response.writeHead(201).end(Buffer.alloc(300 * 1024, request.number));
  });
  const key = gateway.key();
  const older = await gateway.post(place.path, key);
  assertFresh(older);
  // What KV has is from now on the answer of an earlier life of the key.
  await gateway.shardSql(0, "UPDATE claims SET expires_at = 1 WHERE state = 2");
  const places = ["kv-get-misses", "kv-get-garbage", "kv-get-late", "kv-as-it-is"];
  const refused: Answer[] = [];
  const allRefused = Promise.withResolvers<void>();
  const answers = Array.from({ length: 40 }, async (_, i) => {
    const answer = await gateway.post(place.path, key, "{}", fault(places[i % 4] ?? ""));
    if (refused.push(answer) === 39) allRefused.resolve();
    return answer;
  });
  await within("39 of 40 being answered while one executes", allRefused.promise);
  for (const answer of refused.slice(0, 39)) assertRefusal(answer, 409, "request-in-progress");
  assert.equal(place.count, 2, "the older one, and one more");
  gate.open();
  const winner = (await Promise.all(answers)).find((answer) => answer.status === 201);
  assert.ok(winner !== undefined);
  assertFresh(winner);
  assert.ok(winner.body.equals(Buffer.alloc(300 * 1024, 2)));
  for (const where of places) {
    const answer = await gateway.post(place.path, key, "{}", fault(where));
    if (where === "kv-get-misses" || where === "kv-get-garbage") assertRefusal(answer, 503, "replay-unavailable");
    else assertReplay(answer, winner);
  }
  assert.equal(place.count, 2);
});

test("rule_8_14 without the ledger, a KV that fails, hangs or gives garbage answers nothing, and nothing runs", async () => {
  const { path, key, first, count } = await keptInKv();
  for (const name of ["kv-get-fails", "kv-get-hangs", "kv-get-misses", "kv-get-garbage"]) {
    assertRefusal(await gateway.post(path, key, "{}", fault("ledger-overloaded", name)), 503, "ledger-unavailable");
  }
  assertReplay(await gateway.post(path, key, "{}", fault("ledger-overloaded")), first);
  assert.equal(count(), 1);
});

test("rule_8_14 without the ledger, what is in KV under another claim's name is not replayed", async () => {
  const kv = await gateway.kv();
  const names = async () => new Set((await kv.list()).keys.map((key) => key.name));
  const [one, start] = [await keptInKv(), await names()];
  const two = await keptInKv();
  const [name] = [...(await names())].filter((name) => !start.has(name));
  const own = await kv.get(name ?? "", "arrayBuffer");
  const foreign = await kv.get([...start].at(-1) ?? "", "arrayBuffer");
  assert.ok(name !== undefined && own !== null && foreign !== null);
  await kv.put(name, foreign);
  assertRefusal(await gateway.post(two.path, two.key, "{}", fault("ledger-overloaded")), 503, "ledger-unavailable");
  await kv.put(name, own);
  assertReplay(await gateway.post(two.path, two.key, "{}", fault("ledger-overloaded")), two.first);
  assert.deepEqual([one.count(), two.count()], [1, 1]);
});

test("rule_8_5 a KV put that hangs is given up: the client gets the answer, retries learn that it ran", async () => {
  const body = Buffer.alloc(300 * 1024, "x");
  const place = origin.place((_, response) => response.writeHead(201).end(body));
  const key = gateway.key();
  const first = await gateway.post(place.path, key, "{}", fault("kv-put-hangs"));
  assertFresh(first);
  assert.deepEqual(first.body, body);
  assert.equal(assertRefusal(await gateway.post(place.path, key), 409, "response-not-kept")["original_status"], 201);
  assert.ok(gateway.log.some((line) => line.message === "KV put failed: no answer in time"));
  assert.equal(place.count, 1);
});

test("rule_5_12 a clock that goes back by an hour, in Worker and shard, runs nothing twice", async () => {
  const back = fault("clock-back");
  const gate = barrier();
  const place = origin.place(async (request, response) => {
    if (request.number === 1) await gate.opened;
    response.writeHead(201).end(`execution ${request.number}`);
  });
  const key = gateway.key();
  const running = gateway.post(place.path, key);
  await place.arrived();
  const answer = await gateway.post(place.path, key, "{}", back);
  const problem = assertRefusal(answer, 409, "request-in-progress");
  assert.match(problem.detail, / for 0 s/, "nothing runs for less than no time");
  gate.open();
  const first = await running;
  assertFresh(first);
  assertReplay(await gateway.post(place.path, key, "{}", back), first);
  assertRefusal(await gateway.post(place.path, key, '{"other":1}', back), 422, "key-reused");
  assert.equal(place.count, 1);

  // And forth again: what was claimed while the clock was back has a lease that is over now.
  const claimedBack = origin.place();
  const other = gateway.key();
  const early = await gateway.post(claimedBack.path, other, "{}", back);
  assertFresh(early);
  assertReplay(await gateway.post(claimedBack.path, other), early);
  assert.equal(claimedBack.count, 1);
});

test("rule_5_6 a shard whose clock goes back keeps what is done and what is unknown; a running claim only runs longer", async () => {
  const later = Date.now() + 3_600_000;
  const gate = barrier();
  const running = origin.place(async (_, response) => {
    await gate.opened;
    response.writeHead(201).end();
  });
  const key = gateway.key();
  const held = gateway.post(running.path, key);
  await running.arrived();
  // Times that a shard has written whose clock was an hour ahead.
  await gateway.shardSql(0, "UPDATE claims SET first_seen = ?, lease_until = ? WHERE state = 1", later, later + 90_000);
  assertRefusal(await gateway.post(running.path, key), 409, "request-in-progress");
  gate.open();
  const first = await held;
  assertFresh(first);
  assertReplay(await gateway.post(running.path, key), first);
  assert.equal(running.count, 1);

  const lost = origin.place((request) => request.reset());
  const unknown = gateway.key();
  assertRefusal(await gateway.post(lost.path, unknown), 502, "origin-no-answer");
  await gateway.shardSql(0, "UPDATE claims SET first_seen = ?, lease_until = ? WHERE state = 3", later, later + 90_000);
  assertRefusal(await gateway.post(lost.path, unknown), 409, "outcome-unknown");
  assert.equal(lost.count, 1);
});
