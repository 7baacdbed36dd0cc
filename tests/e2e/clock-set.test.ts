// Clocks that are set, back and forth, while something goes on (docs/operating.md, "What fails how", rows C; docs/protocol.md rule
// 5.27). Worker and shards run in isolates of their own here, and the test sets the clock of each. What a Worker does whose clock is
// wrong all the time is in clock.test.ts.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { fault, startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import type { Barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
/** The default lease is 90 s. */
const MORE_THAN_A_LEASE = 120 * SECOND;

before(async () => {
  origin = await startOrigin();
  const routes = policy(
    origin.url,
    "POST /v1/*",
    { match: "POST /again/*", rules: `[routes.unknown]\nlease_over = "run-again"` },
    { match: "POST /waiting/*", rules: `[routes.running]\nanswer = "wait"\nwait_seconds = 2` },
    { match: "POST /completion/*", rules: `[routes.retention]\nseconds = 120\nfrom = "completion"` },
    { match: "POST /open/*", rules: `[routes.gateway]\nledger_down = "run-unguarded"` },
  );
  gateway = await startGateway({ faults: true, apart: true, policy: `${routes}\n[ledger]\nshards = 1\n` });
  // Whatever a test does to its clock, the shard has its alarm.
  assertFresh(await gateway.post(origin.place().path, gateway.key()));
});

afterEach(async () => {
  await gateway.setClock("shards", 0);
  await gateway.setClock("worker", 0);
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

interface Held {
  place: Place;
  key: string;
  gate: Barrier;
  first: Promise<Answer>;
  again(body?: string): Promise<Answer>;
}

/** A first request that is held at the origin until its gate opens. */
async function hold(under = "/v1"): Promise<Held> {
  const gate = barrier();
  const place = origin.place(async (request, response) => {
    if (request.number === 1) await gate.opened;
    response.writeHead(201).end(`execution ${request.number}`);
  }, { under });
  const key = gateway.key();
  const again = (body = "{}"): Promise<Answer> => gateway.post(place.path, key, body);
  const first = again();
  first.catch(() => {});
  await place.arrived();
  return { place, key, gate, first, again };
}

/** The row of the claim of the only request at `place`. */
async function rowOf(place: Place): Promise<Row> {
  const { claim } = await gateway.logged((line) => line["attempt"] === place.requests[0]?.header("idempotency-attempt"));
  const [row] = await gateway.shardSql(0, "SELECT * FROM claims WHERE lower(hex(id)) = ?", String(claim));
  assert.ok(row !== undefined);
  return row;
}

for (const [step, ms] of [["seconds", 5 * SECOND], ["more than a lease", HOUR]] as const) {
  test(`fault_c1 rule_5_27 a shard's clock that goes back by ${step} permits nothing, and changes no answer`, async () => {
    const held = await hold();
    const done = origin.place();
    const [doneKey, unknownKey] = [gateway.key(), gateway.key()];
    const first = await gateway.post(done.path, doneKey);
    const lost = origin.place((request) => request.reset());
    assertRefusal(await gateway.post(lost.path, unknownKey), 502, "origin-no-answer");

    const check = async (): Promise<void> => {
      assertReplay(await gateway.post(done.path, doneKey), first);
      assertRefusal(await gateway.post(done.path, doneKey, "[]"), 422, "key-reused");
      assertRefusal(await gateway.post(lost.path, unknownKey), 409, "outcome-unknown");
    };
    await gateway.setClock("shards", -ms);
    await check();
    const running = await held.again();
    assert.match(assertRefusal(running, 409, "request-in-progress").detail, / for 0 s/, "no age is negative");
    assert.equal(running.header("retry-after"), "2");
    const claimedBack = origin.place();
    const key = gateway.key();
    const early = await gateway.post(claimedBack.path, key);
    assertFresh(early);
    held.gate.open();
    const answer = await held.first;
    assertFresh(answer);
    assertReplay(await held.again(), answer);

    // And forth again: what was claimed meanwhile has a lease that is over.
    await gateway.setClock("shards", 0);
    await check();
    assertReplay(await held.again(), answer);
    assertReplay(await gateway.post(claimedBack.path, key), early);
    assert.deepEqual([held, { place: done }, { place: lost }, { place: claimedBack }].map(({ place }) => place.count), [1, 1, 1, 1]);
  });
}

test("fault_c1 rule_5_20 rule_5_27 a wait ends when it should, although the shard's clock went back meanwhile", async () => {
  const { gate, first, again } = await hold("/waiting");
  const began = Date.now();
  const patient = again();
  await eventually("the wait", () => gateway.inLedger(), (inside) => inside === 1);
  await gateway.setClock("shards", -HOUR);
  assertRefusal(await patient, 409, "request-in-progress");
  assert.ok(Date.now() - began < 6_000, "a wait of 2 s");
  gate.open();
  assertFresh(await first);
});

test("rule_5_21 rule_5_27 a waiting place is free when its wait is over, although the shard's clock went back meanwhile", async () => {
  const { gate, first, again } = await hold("/waiting");
  // All places of this caller.
  const crowd = Array.from({ length: 64 }, () => again());
  await eventually("the waits", () => gateway.inLedger(), (inside) => inside === 64);
  await gateway.setClock("shards", -HOUR);
  for (const answer of await Promise.all(crowd)) assertRefusal(answer, 409, "request-in-progress");
  const patient = again();
  await eventually("another wait", () => gateway.inLedger(), (inside) => inside === 1);
  gate.open();
  assertReplay(await patient, await first);
});

test("fault_c1 rule_5_20 rule_5_27 a wait ends when it should, although the Worker's clock went back and the shard stopped", async () => {
  const { gate, first, again } = await hold("/waiting");
  const began = Date.now();
  const patient = again();
  await eventually("the wait", () => gateway.inLedger(), (inside) => inside === 1);
  await gateway.setClock("worker", -HOUR);
  await gateway.stopLedger();
  assertRefusal(await patient, 409, "request-in-progress");
  assert.ok(Date.now() - began < 6_000, "a wait of 2 s, and no more after the stop");
  gate.open();
  assertFresh(await first);
});

test("fault_c2 rule_5_6 a shard's clock that goes forward by more than a lease: unknown, until the owner settles", async () => {
  const { place, gate, first, again } = await hold();
  await gateway.setClock("shards", MORE_THAN_A_LEASE);
  assertRefusal(await again(), 409, "outcome-unknown");
  await gateway.setClock("shards", 0);
  assertRefusal(await again(), 409, "outcome-unknown");
  gate.open();
  const answer = await first;
  assertFresh(answer);
  assertReplay(await again(), answer);
  assert.equal(place.count, 1);
});

test("fault_c2 rule_5_17 under run-again a lease that ends early is one that is over: the first owner is fenced", async () => {
  const { place, gate, first, again } = await hold("/again");
  await gateway.setClock("shards", MORE_THAN_A_LEASE);
  const second = await again();
  assertFresh(second);
  await gateway.setClock("shards", 0);
  gate.open();
  assertRefusal(await first, 503, "outcome-unrecorded");
  assertReplay(await again(), second);
  assert.equal(place.count, 2);
});

test("fault_c2 rule_5_7 by a clock that is two days ahead a key of yesterday is new; when it is right again, nothing has changed for others", async () => {
  const [place, other] = [origin.place(), origin.place()];
  const [key, otherKey] = [gateway.key(), gateway.key()];
  const first = await gateway.post(place.path, key);
  const others = await gateway.post(other.path, otherKey);
  await gateway.setClock("shards", 2 * DAY);
  const second = await gateway.post(place.path, key);
  assertFresh(second);
  await gateway.setClock("shards", 0);
  assert.notDeepEqual(second.body, first.body);
  assertReplay(await gateway.post(place.path, key), second);
  assertReplay(await gateway.post(other.path, otherKey), others);
  assert.deepEqual([place.count, other.count], [2, 1]);
});

/** A request that is given its permit, which is held on its way until `go on`. */
async function permitOnItsWay(place: Place, key: string): Promise<{ answer: Promise<Answer>; goOn: () => Promise<unknown> }> {
  const held = gateway.log.filter(({ data }) => data?.["held"] === "begin-after").length;
  await gateway.shardSql(0, "INSERT INTO faults VALUES ('begin', 'hold-after')");
  const answer = gateway.post(place.path, key);
  await gateway.logged((line) => line["held"] === "begin-after", held + 1);
  return { answer, goOn: () => gateway.shardSql(0, "DELETE FROM faults") };
}

test("fault_c5 rule_6_4 a Worker's clock that goes forward while the permit is on its way: the lease seems over, and nothing is sent", async () => {
  const place = origin.place();
  const key = gateway.key();
  const { answer, goOn } = await permitOnItsWay(place, key);
  await gateway.setClock("worker", HOUR);
  await goOn();
  assertRefusal(await answer, 502, "origin-not-reached");
  assert.equal(place.count, 0);
  assertFresh(await gateway.post(place.path, key));
  assert.equal(place.count, 1);
});

test("fault_c5 rule_6_4 a Worker's clock that goes back while the permit is on its way changes nothing", async () => {
  const place = origin.place();
  const key = gateway.key();
  const { answer, goOn } = await permitOnItsWay(place, key);
  await gateway.setClock("worker", -HOUR);
  await goOn();
  const first = await answer;
  assertFresh(first);
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 1);
});

for (const ms of [-HOUR, HOUR]) {
  for (const [under, kept] of [["/v1", DAY], ["/completion", 120 * SECOND]] as const) {
    test(`fault_c5 rule_5_27 a Worker's clock that is set by ${ms / HOUR} h while the origin works shortens nothing, below ${under}`, async () => {
      const { place, gate, first, again } = await hold(under);
      const began = Date.now();
      await gateway.setClock("worker", ms);
      place.script = (_, response) => response.writeHead(201).end("again");
      gate.open();
      const answer = await first;
      assertFresh(answer);
      const row = Number((await rowOf(place))["expires_at"]) - began;
      // The step back hides how long the origin took, and a step forward adds to the time from completion.
      assert.ok(row >= kept - 2 * SECOND && row <= kept + HOUR + 10 * SECOND, `it is kept for ${row} ms`);
      assertReplay(await again(), answer);
      assert.equal(place.count, 1);
    });
  }
}

test("fault_c5 rule_6_4 a Worker's clock that goes forward makes nobody give up a call that is longer than the ledger may take", async () => {
  const { place, gate, first, again } = await hold();
  await gateway.setClock("worker", HOUR);
  // The timer of the call to the ledger rings after 8 s.
  await new Promise((resolve) => setTimeout(resolve, 9 * SECOND));
  gate.open();
  const answer = await first;
  assertFresh(answer);
  assertReplay(await again(), answer);
  assert.equal(place.count, 1);
});

test("fault_c5 rule_6_7 without a claim there is no lease that the wait for the ledger could use up", async () => {
  const place = origin.place(undefined, { under: "/open" });
  const hangs = gateway.log.filter(({ data }) => data?.["hangs"] === true).length;
  const answer = gateway.post(place.path, gateway.key(), "{}", fault("begin-hangs"));
  await gateway.logged((line) => line["hangs"] === true, hangs + 1);
  await gateway.setClock("worker", HOUR);
  assert.equal((await answer).status, 201);
  assert.equal((await answer).header("idempotency-status"), "unguarded");
  assert.equal(place.count, 1);
});
