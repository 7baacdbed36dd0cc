// A KV that fails, is slow, or lies (docs/operating.md, "What fails how", rows K; docs/protocol.md rules 8.4, 8.5 and 8.14): what ran
// is never run again, and nobody gets an answer that is not its own. The faults are those of faulty.js.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { fault, startGateway } from "./gateway.ts";
import type { Gateway, Store } from "./gateway.ts";
import { barrier, firstOf } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;
let kv: Store;

before(async () => {
  origin = await startOrigin();
  const again = { match: "POST /again/*", rules: `[routes.unknown]\nlease_over = "run-again"` };
  const probed = { match: "POST /probed/*", rules: `[routes.unknown]\nlease_over = "probe"\nprobe = "GET /status?key={key}"` };
  gateway = await startGateway({ faults: true, policy: `${policy(origin.url, "POST /v1/*", again, probed)}\n[ledger]\nshards = 1\n` });
  kv = await gateway.kv();
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** More than the ledger's row takes. */
const LARGE = 300 * 1024;
const SMALL = 100;

interface Kept {
  readonly place: Place;
  readonly key: string;
  readonly first: Answer;
  readonly claim: string;
  /** The name of its value in KV. */
  readonly name: string;
  again(...words: string[]): Promise<Answer>;
}

/** An operation whose answer has `size` bytes, all of them the number of the execution. `words` are faults of its first request. */
async function kept(size: number, ...words: string[]): Promise<Kept> {
  const place = origin.place((request, response) => response.writeHead(201, { "X-Order": "7" }).end(Buffer.alloc(size, request.number)));
  const key = gateway.key();
  const first = await gateway.post(place.path, key, "{}", fault(...words));
  assertFresh(first);
  assert.deepEqual(first.body, Buffer.alloc(size, 1), "the first caller gets it whole");
  const { claim } = await gateway.logged((line) => line["attempt"] === place.only.header("idempotency-attempt"));
  const again = (...words: string[]): Promise<Answer> => gateway.post(place.path, key, "{}", fault(...words));
  return { place, key, first, claim: String(claim), name: `r1/${claim}`, again };
}

async function value(name: string): Promise<Buffer> {
  const bytes = await kv.get(name, "arrayBuffer");
  assert.ok(bytes !== null);
  return Buffer.from(bytes);
}

/** The longest that a client waits for KV: its 8 s, and as much again for a machine that is busy. */
const LONGEST_MS = 16_000;

/** The row of docs/operating.md, the fault, and what the log says of it. */
const GETS: readonly [row: string, name: string, says?: RegExp][] = [
  ["fault_k1", "kv-get-fails", /^KV get failed: .*429/],
  ["fault_k1", "kv-get-throws"],
  ["fault_k3", "kv-get-hangs", /^KV get failed: no answer in time$/],
  ["fault_k4", "kv-get-misses"],
  ["fault_k7", "kv-get-garbage"],
];

/** What may lie under the name of a claim, made of what does, and of the value of another claim with a body of the same length. */
const VALUES: readonly [row: string, what: string, value: (own: Buffer, foreign: Buffer) => Uint8Array][] = [
  ["fault_k6", "another claim's value", (_, foreign) => foreign],
  ["fault_k7", "a damaged head", (own) => Buffer.concat([Buffer.alloc(40, 0xff), own.subarray(40)])],
  ["fault_k7", "a body cut by one byte", (own) => own.subarray(0, -1)],
  ["fault_k7", "a body longer by one byte", (own) => Buffer.concat([own, Buffer.of(0)])],
  ["fault_k7", "a head without its body", (own) => own.subarray(0, 100)],
  ["fault_k7", "nothing", () => Buffer.alloc(0)],
  // The first byte of a record is its version (src/protocol/record.rs).
  ["fault_k8", "a record of a newer version", (own) => own.fill(1, 0, 1)],
];

/** As `GETS`. */
const PUTS: readonly [row: string, name: string, says?: RegExp][] = [
  ["fault_k9", "kv-put-fails", /^KV put failed: .*429/],
  ["fault_k9", "kv-put-throws"],
  ["fault_k10", "kv-put-hangs", /^KV put failed: no answer in time$/],
  ["fault_k11", "kv-put-lands"],
];

// Together, because each that hangs takes its 8 s.
describe("every fault of KV", { concurrency: true }, () => {
  for (const [row, name, says] of GETS) {
    test(`${row} edge_132 rule_8_4 ${name}: unavailable in time, never run again, and replayed when it is over`, async () => {
      const { place, first, again } = await kept(LARGE);
      const asked = Date.now();
      const answer = await again(name);
      assert.ok(Date.now() - asked < LONGEST_MS);
      const problem = assertRefusal(answer, 503, "replay-unavailable");
      assert.equal(problem["original_status"], 201);
      assert.equal(problem.new_key, "unsafe");
      assert.equal(answer.header("retry-after"), "5");
      assert.equal((await gateway.lineOf(answer))["outcome"], "replay-unavailable");
      if (says !== undefined) assert.ok(gateway.log.some(({ message }) => says.test(message)), "the log says why");
      assertReplay(await again(), first);
      assert.equal(place.count, 1);
    });

    test(`${row} rule_8_4 ${name}: what lies in the ledger's row does not need KV`, async () => {
      const { place, first, again } = await kept(SMALL);
      assertReplay(await again(name), first);
      assert.equal(place.count, 1);
    });

    test(`${row} rule_8_14 ${name}, without the ledger: nothing is answered, and nothing runs`, async () => {
      const without = async (size: number): Promise<void> => {
        const { place, first, again } = await kept(size);
        assertRefusal(await again("begin-overloaded", name), 503, "ledger-unavailable");
        assertReplay(await again("begin-overloaded"), first);
        assert.equal(place.count, 1);
      };
      await Promise.all([without(SMALL), without(LARGE)]);
    });
  }

  for (const [row, name] of [["fault_k2", "kv-get-slow"], ["fault_k4", "kv-get-late"]] as const) {
    test(`${row} edge_132 rule_8_4 ${name}: a value that comes late is a replay`, async () => {
      const { place, first, again } = await kept(LARGE);
      assertReplay(await again(name), first);
      assert.equal(place.count, 1);
    });
  }

  for (const [row, what, change] of VALUES) {
    test(`${row} edge_133 rule_8_4 rule_8_14 ${what} in KV answers nobody, with the ledger and without it`, async () => {
      const [own, foreign] = [await kept(LARGE), await kept(LARGE)];
      const [mine, theirs] = [await value(own.name), await value(foreign.name)];
      assert.equal(mine.length, theirs.length, "only what it says tells the other claim's value apart");
      await kv.put(own.name, change(Buffer.from(mine), theirs));
      assertRefusal(await own.again(), 503, "replay-unavailable");
      assertRefusal(await own.again("begin-overloaded"), 503, "ledger-unavailable");
      await kv.put(own.name, mine);
      assertReplay(await own.again(), own.first);
      assertReplay(await own.again("begin-overloaded"), own.first);
      assertReplay(await foreign.again(), foreign.first);
      assert.deepEqual([own.place.count, foreign.place.count], [1, 1]);
    });
  }

  for (const [row, name, says] of PUTS) {
    test(`${row} rule_8_5 ${name}: the client gets a large answer whole, and retries learn that it ran`, async () => {
      const asked = Date.now();
      const { place, again } = await kept(LARGE, name);
      assert.ok(Date.now() - asked < LONGEST_MS);
      await gateway.logged((line) => line["attempt"] === place.only.header("idempotency-attempt") && line["warning"] === "body-not-kept");
      if (says !== undefined) assert.ok(gateway.log.some(({ message }) => says.test(message)), "the log says why");
      assert.equal(assertRefusal(await again(), 409, "response-not-kept")["original_status"], 201);
      assert.equal(place.count, 1);
    });

    test(`${row} rule_8_5 ${name}: a small answer lies in the ledger's row, and only its copy is missing`, async () => {
      const { place, first, again } = await kept(SMALL, name);
      await gateway.logged((line) => line["attempt"] === place.only.header("idempotency-attempt") && line["warning"] === "not-copied");
      assertReplay(await again(), first);
      assert.equal(place.count, 1);
    });
  }
});

test("fault_k5 edge_133 rule_8_4 an older attempt's value in KV is not the answer of the newer one", async () => {
  const { place, claim, name, again, first } = await kept(LARGE);
  const older = await value(name);
  await gateway.shardSql(0, "UPDATE claims SET expires_at = 1 WHERE lower(hex(id)) = ?", claim);
  const second = await again();
  assertFresh(second);
  assert.notDeepEqual(second.body, first.body);
  const newer = await value(name);
  assert.equal(newer.length, older.length, "only what it says tells the older value apart");
  await kv.put(name, older);
  assertRefusal(await again(), 503, "replay-unavailable");
  await kv.put(name, newer);
  assertReplay(await again(), second);
  assert.equal(place.count, 2);
});

test("fault_k5 rule_5_17 rule_8_4 under run-again an owner that is late does not overwrite what its successor has put there", async () => {
  const gate = barrier();
  const place = origin.place(async (request, response) => {
    if (request.number === 1) await gate.opened;
    response.writeHead(201).end(Buffer.alloc(LARGE, request.number));
  }, { under: "/again" });
  const key = gateway.key();
  const ask = (): Promise<Answer> => gateway.post(place.path, key);
  const late = ask();
  await place.arrived();
  await gateway.shardSql(0, "UPDATE claims SET lease_until = 1 WHERE state = 1");
  const second = await ask();
  assertFresh(second);
  assertReplay(await ask(), second);
  gate.open();
  assertRefusal(await late, 503, "outcome-unrecorded");
  assertReplay(await ask(), second);
  assert.equal((await kv.list({ prefix: "r1/" })).keys.filter(({ name }) => name.split("/").length === 3).length, 2, "both are there");
  // Which of them counts, only the ledger knows.
  assertRefusal(await gateway.post(place.path, key, "{}", fault("begin-overloaded")), 503, "ledger-unavailable");
  assert.equal(place.count, 2);
});

test("fault_k4 fault_k5 fault_k7 edge_073 rule_8_4 of 40 requests from places whose KV has nothing, something older or garbage, exactly one executes", async () => {
  const gate = barrier();
  const { place, key, claim } = await kept(LARGE);
  place.script = async (request, response) => {
    await gate.opened;
    response.writeHead(201).end(Buffer.alloc(LARGE, request.number));
  };
  // What KV has is from now on the answer of an earlier life of the key.
  await gateway.shardSql(0, "UPDATE claims SET expires_at = 1 WHERE lower(hex(id)) = ?", claim);
  const places = ["kv-get-misses", "kv-get-garbage", "kv-get-late", "kv-as-it-is"];
  const answers = Array.from({ length: 40 }, (_, i) => gateway.post(place.path, key, "{}", fault(places[i % 4] ?? "")));
  for (const answer of await firstOf(39, answers)) assertRefusal(answer, 409, "request-in-progress");
  assert.equal(place.count, 2, "the older one, and one more");
  gate.open();
  const winner = (await Promise.all(answers)).find((answer) => answer.status === 201);
  assert.ok(winner !== undefined);
  assertFresh(winner);
  assert.ok(winner.body.equals(Buffer.alloc(LARGE, 2)));
  for (const where of places) {
    const answer = await gateway.post(place.path, key, "{}", fault(where));
    if (where === "kv-get-misses" || where === "kv-get-garbage") assertRefusal(answer, 503, "replay-unavailable");
    else assertReplay(answer, winner);
  }
  assert.equal(place.count, 2);
});

test("fault_k11 rule_8_14 a value that landed although its put seemed to fail is what ran: without the ledger it is replayed", async () => {
  for (const size of [SMALL, LARGE]) {
    const { place, first, again } = await kept(size, "kv-put-lands");
    const replay = await again("begin-overloaded");
    assertReplay(replay, first);
    assert.equal(place.count, 1);
  }
});

test("rule_8_14 where the origin may be asked what happened, only what is copied after settle is replayed without the ledger", async () => {
  for (const size of [SMALL, LARGE]) {
    const place = origin.place((_, response) => response.writeHead(201).end(Buffer.alloc(size, 1)), { under: "/probed" });
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first);
    const { claim } = await gateway.logged((line) => line["attempt"] === place.only.header("idempotency-attempt"));
    assert.notEqual(await kv.get(`r1/${claim}`, "arrayBuffer"), null);
    const retry = await gateway.post(place.path, key, "{}", fault("begin-overloaded"));
    if (size === SMALL) assertReplay(retry, first);
    else assertRefusal(retry, 503, "ledger-unavailable");
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});

test("fault_k12 edge_132 rule_8_4 a value that is not visible yet is unavailable, and replayed when it can be seen", async () => {
  const { place, name, first, again } = await kept(LARGE);
  const bytes = await value(name);
  await kv.delete(name);
  for (let i = 0; i < 2; i++) assertRefusal(await again(), 503, "replay-unavailable");
  await kv.put(name, bytes);
  assertReplay(await again(), first);
  assert.equal(place.count, 1);
});

test("fault_k13 rule_8_5 without the binding every operation runs once: small answers are replayed, large ones known as executed", async () => {
  const usual = gateway;
  gateway = await startGateway({ faults: true, without: ["RESPONSES"], policy: policy(origin.url, "POST /v1/*") });
  try {
    const small = await kept(SMALL);
    assertReplay(await small.again(), small.first);
    const large = await kept(LARGE);
    assert.equal(assertRefusal(await large.again(), 409, "response-not-kept")["original_status"], 201);
    for (const { again } of [small, large]) assertRefusal(await again("begin-overloaded"), 503, "ledger-unavailable");
    assert.deepEqual([small.place.count, large.place.count], [1, 1]);
  } finally {
    await gateway.close();
    gateway = usual;
  }
});
