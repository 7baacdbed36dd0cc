// The ledger or KV fails in the middle of a request (docs/protocol.md rules 5.4, 5.10, 8.5 and 9.1; edge cases 103 and 131).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy, claimNow, RUNNING } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

/** One shard, so that a test knows which one fails. */
const oneShard = (): string => `${policy(origin.url, "POST /v1/*")}\n[ledger]\nshards = 1\n`;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({ faults: true, policy: oneShard() });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** More than the gateway ever tries: the call fails for good, until `mend`. */
const ALWAYS = 50;

async function fail(call: "begin" | "settle", moment: "before" | "after", times: number): Promise<void> {
  await gateway.shardSql(0, "DELETE FROM faults");
  for (let i = 0; i < times; i++) await gateway.shardSql(0, "INSERT INTO faults VALUES (?, ?)", call, moment);
}

/** Ends all faults, and says how many were still to come. */
async function mend(): Promise<number> {
  return (await gateway.shardSql(0, "DELETE FROM faults RETURNING call")).length;
}

test("edge_212 rule_5_4 a begin whose call or reply is lost is asked again, and executes once", async () => {
  for (const moment of ["before", "after"] as const) {
    const place = origin.place();
    const key = gateway.key();
    await fail("begin", moment, 1);
    const first = await gateway.post(place.path, key);
    assert.equal(await mend(), 0, "the fault happened");
    assertFresh(first);
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});

test("edge_131 a ledger that cannot be reached refuses the request, and nothing is sent", async () => {
  const place = origin.place();
  const key = gateway.key();
  await fail("begin", "before", ALWAYS);
  const answer = await gateway.post(place.path, key);
  const problem = assertRefusal(answer, 503, "ledger-unavailable");
  assert.equal(problem.retry, "same-key");
  assert.ok(Number(answer.header("retry-after")) >= 1);
  assert.ok((await mend()) > ALWAYS - 10, "it is not asked for ever");
  assert.equal(place.count, 0);
  assertFresh(await gateway.post(place.path, key));
  assert.equal(place.count, 1);
});

test("fault_l2 edge_080 a permit whose reply never came is not used: nothing runs, and after the lease the outcome is unknown", async () => {
  const place = origin.place();
  const key = gateway.key();
  await fail("begin", "after", ALWAYS);
  const claim = await claimMadeBy(gateway, async () => assertRefusal(await gateway.post(place.path, key), 503, "ledger-unavailable"));
  await mend();
  assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
  await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  assert.equal(place.count, 0);
});

test("rule_5_10 a settle whose call or reply is lost is asked again, and its answer is given", async () => {
  for (const moment of ["before", "after"] as const) {
    const place = origin.place();
    const key = gateway.key();
    await fail("settle", moment, 1);
    const first = await gateway.post(place.path, key);
    assert.equal(await mend(), 0, "the fault happened");
    assertFresh(first);
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});

test("rule_5_11 a release whose call or reply is lost is asked again, and its answer is given", async () => {
  for (const moment of ["before", "after"] as const) {
    const place = origin.place((request, response) => response.writeHead(request.number === 1 ? 503 : 201).end(`execution ${request.number}`));
    const key = gateway.key();
    await fail("settle", moment, 1);
    const released = await gateway.post(place.path, key);
    assert.equal(await mend(), 0, "the fault happened");
    assert.equal(released.status, 503);
    assert.equal(released.text(), "execution 1");
    assertFresh(await gateway.post(place.path, key));
    assert.equal(place.count, 2);
  }
});

test("edge_103 edge_227 rule_9_1 an answer that the ledger did not take is not given, and never executed again", async () => {
  const place = origin.place();
  const key = gateway.key();
  await fail("settle", "before", ALWAYS);
  const claim = await claimMadeBy(gateway, async () => {
    const answer = await gateway.post(place.path, key);
    const problem = assertRefusal(answer, 503, "outcome-unrecorded");
    assert.equal(problem.new_key, "unsafe");
    assert.equal(answer.header("idempotency-status"), "unknown");
    assert.equal(answer.text().includes("execution"), false, "nothing of the origin's answer is in it");
  });
  await mend();
  assert.equal((await claimNow(gateway, claim))?.["state"], RUNNING);
  assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
  await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  assert.equal(place.count, 1);
});

test("edge_103 rule_9_1 an answer that the ledger took, but never confirmed, is not given at once, and replayed afterwards", async () => {
  const place = origin.place();
  const key = gateway.key();
  await fail("settle", "after", ALWAYS);
  const answer = await gateway.post(place.path, key);
  await mend();
  assertRefusal(answer, 503, "outcome-unrecorded");
  const replay = await gateway.post(place.path, key);
  assert.equal(replay.status, 201);
  assert.equal(replay.header("idempotent-replayed"), "true");
  assert.deepEqual(replay.json(), { execution: 1, target: place.path });
  assert.equal(place.count, 1);
});

test("edge_103 edge_227 rule_8_5 a KV that takes nothing loses no outcome: small answers are replayed, large ones known as executed", async () => {
  const failing = await startGateway({ faults: true, policy: oneShard(), vars: { KV_FAILS: "true" } });
  try {
    for (const size of [100, 300 * 1024]) {
      const body = randomBytes(size);
      const place = origin.place((_, response) => response.writeHead(201).end(body));
      const first: Answer = await failing.post(place.path, `k${size}`);
      assertFresh(first);
      assert.ok(first.body.equals(body), "the first caller gets it whole");
      const again = await failing.post(place.path, `k${size}`);
      if (size === 100) assertReplay(again, first);
      else assert.equal(assertRefusal(again, 409, "response-not-kept")["original_status"], 201);
      assert.equal(place.count, 1);
    }
    assert.ok(failing.log.some((line) => line.message.includes("KV fails")), "KV did fail");
  } finally {
    await failing.close();
  }
});
