// Claims whose slot is another's (docs/protocol.md rule 5.29): everything goes on with them as with any other. Nobody finds two keys of
// one slot; so a claim is made another's, behind the gateway's back, and its own key is asked for again.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy, claimNow, DONE, RUNNING, UNKNOWN } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { barrier, firstOf } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

const HOUR = 60 * 60 * 1000;

before(async () => {
  origin = await startOrigin();
  const again = { match: "POST /again/*", rules: `[routes.unknown]\nlease_over = "run-again"` };
  gateway = await startGateway({ inspect: true, policy: `${policy(origin.url, "POST /v1/*", again)}[ledger]\nshards = 1\n` });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** A key that nobody has used yet, and the claim in whose slot its own would lie. */
async function keyWithoutSlot(): Promise<{ key: string; other: Row }> {
  const [key, place] = [gateway.key(), origin.place()];
  const claim = await claimMadeBy(gateway, async () => assertFresh(await gateway.post(place.path, key)));
  const [other] = await gateway.shardSql(0, "UPDATE claims SET id = randomblob(32) WHERE id = ? RETURNING *", claim["id"] ?? null);
  assert.ok(other !== undefined);
  return { key, other };
}

/** The claim that `run` makes; it is displaced, and whose slot it would have is not touched. */
async function displacedBy(other: Row, run: () => Promise<unknown>): Promise<Row> {
  const claim = await claimMadeBy(gateway, run);
  assert.equal(claim["slot"], undefined);
  assert.deepEqual(await claimNow(gateway, other), other);
  return claim;
}

test("rule_5_29 a claim whose slot is another's is executed once, replayed, and compared", async () => {
  const place = origin.place();
  const { key, other } = await keyWithoutSlot();
  let first: Answer | undefined;
  const claim = await displacedBy(other, async () => (first = await gateway.post(place.path, key)));
  assert.ok(first !== undefined);
  assertFresh(first);
  assert.equal(claim["state"], DONE);
  const retries = await Promise.all(Array.from({ length: 10 }, () => gateway.post(place.path, key)));
  for (const retry of retries) assertReplay(retry, first);
  assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
  await gateway.stopLedger();
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 1);
  assert.deepEqual(await claimNow(gateway, other), other);
});

test("rule_5_29 of 20 first requests for a claim whose slot is another's, one executes", async () => {
  const gate = barrier();
  const place = origin.place(async (_, response) => (await gate.opened, response.writeHead(201).end("once")));
  const { key, other } = await keyWithoutSlot();
  const requests = Array.from({ length: 20 }, () => gateway.post(place.path, key));
  for (const answer of await firstOf(19, requests)) assertRefusal(answer, 409, "request-in-progress");
  gate.open();
  const [executed] = (await Promise.all(requests)).filter(({ status }) => status === 201);
  assert.ok(executed !== undefined);
  assertFresh(executed);
  assertReplay(await gateway.post(place.path, key), executed);
  assert.equal(place.count, 1);
  assert.deepEqual(await claimNow(gateway, other), other);
});

test("rule_5_29 a claim whose slot is another's is released, held, passed on and fenced", async () => {
  // 503 is not stored: the key is free again.
  const released = origin.place((request, response) => response.writeHead(request.number === 1 ? 503 : 201).end());
  const one = await keyWithoutSlot();
  assert.equal((await gateway.post(released.path, one.key)).status, 503);
  await displacedBy(one.other, async () => assertFresh(await gateway.post(released.path, one.key)));
  assert.equal(released.count, 2);

  const held = origin.place((request) => request.reset());
  const two = await keyWithoutSlot();
  const unknown = await displacedBy(two.other, async () => assertRefusal(await gateway.post(held.path, two.key), 502, "origin-no-answer"));
  assert.equal(unknown["state"], UNKNOWN);
  assertRefusal(await gateway.post(held.path, two.key), 409, "outcome-unknown");
  assert.equal(held.count, 1);

  const gate = barrier();
  const again = origin.place(async (request, response) => {
    if (request.number === 1) await gate.opened;
    response.writeHead(201).end(`execution ${request.number}`);
  }, { under: "/again" });
  const three = await keyWithoutSlot();
  let first: Promise<Answer> | undefined;
  const running = await displacedBy(three.other, async () => {
    first = gateway.post(again.path, three.key);
    await again.arrived();
  });
  assert.equal(running["state"], RUNNING);
  await changeClaim(gateway, running, "lease_until", Date.now() - 1);
  const second = await gateway.post(again.path, three.key);
  assertFresh(second);
  gate.open();
  assert.ok(first !== undefined);
  assertRefusal(await first, 503, "outcome-unrecorded");
  assertReplay(await gateway.post(again.path, three.key), second);
  assert.equal(again.count, 2);
});

test("rule_5_29 a claim whose slot is another's expires, is begun anew where it lies, and is swept", async () => {
  const place = origin.place();
  const { key, other } = await keyWithoutSlot();
  const claim = await displacedBy(other, async () => assertFresh(await gateway.post(place.path, key)));
  await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
  // Its slot is free now, and stays so: an id is in one place only.
  await gateway.shardSql(0, "DELETE FROM claims WHERE id = ?", other["id"] ?? null);
  const second = await gateway.post(place.path, key, "[]");
  assertFresh(second);
  assertReplay(await gateway.post(place.path, key, "[]"), second);
  const copies = (await gateway.claims()).filter((row) => Buffer.from(row["id"] as ArrayBuffer).equals(Buffer.from(claim["id"] as ArrayBuffer)));
  assert.deepEqual(copies.map((row) => row["slot"]), [undefined]);

  await changeClaim(gateway, claim, "expires_at", Date.now() - HOUR);
  await gateway.sweep();
  await gateway.sweep();
  assert.equal(await claimNow(gateway, claim), undefined);
  // Now it lies in its slot.
  const next = await claimMadeBy(gateway, async () => assertFresh(await gateway.post(place.path, key)));
  assert.equal(typeof next["slot"], "number");
  assert.equal(place.count, 3);
});

test("rule_5_29 a version that knows no slots writes nothing, and runs nothing", async () => {
  // What it does with a table that is there: none of its statements finds its columns.
  const begin = `INSERT INTO claims (id, fingerprint, attempt, state, first_seen, lease_until, expires_at, record, refuse_ms, sketch)
    VALUES (zeroblob(32), zeroblob(32), zeroblob(16), 1, 0, 0, 0, NULL, 0, x'') ON CONFLICT (id) DO NOTHING`;
  await assert.rejects(gateway.shardSql(0, begin), /ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint/);
});
