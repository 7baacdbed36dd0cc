// A contract that asks the origin whether an operation happened whose outcome is unknown (docs/protocol.md rule 5.24).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";

let origin: Origin;
let status: Place;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  status = origin.place(undefined, { under: "/status" });
  const probes = `[routes.unknown]\nlease_over = "probe"\nprobe = "GET ${status.path}?key={key}"`;
  gateway = await startGateway({ inspect: true, policy: policy(origin.url, { match: "POST /v1/*", rules: probes }) });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

interface Lost {
  place: Place;
  key: string;
  claim: Row;
}

/** An operation whose answer never came; whatever comes to its place afterwards is answered. */
async function lost(): Promise<Lost> {
  const place = origin.place((request, response) => (request.number === 1 ? request.reset() : response.writeHead(201).end("again")));
  const key = `${gateway.key()}/a&b`;
  const claim = await claimMadeBy(gateway, async () => assertRefusal(await gateway.post(place.path, key), 502, "origin-no-answer"));
  return { place, key, claim };
}

const leaseOver = (claim: Row): Promise<void> => changeClaim(gateway, claim, "lease_until", Date.now() - 1);

test("rule_5_24 what the origin says of it becomes its answer, for good", async () => {
  const { place, key, claim } = await lost();
  await leaseOver(claim);
  status.script = (_, response) => response.writeHead(200, { "X-Run": "7" }).end('{"id":"run_7"}');
  const asked = status.count;
  const found = await gateway.post(place.path, key);
  assert.equal(found.status, 200);
  assert.equal(found.text(), '{"id":"run_7"}');
  assert.equal(found.header("x-run"), "7");
  assert.equal(found.header("idempotent-replayed"), "true");
  const question = await status.arrived(asked + 1);
  assert.equal(new URL(question.target, "http://o").searchParams.get("key"), key);
  assert.equal(question.header("idempotency-key"), undefined);
  status.script = (_, response) => response.writeHead(404).end();
  assertReplay(await gateway.post(place.path, key), found);
  assert.equal(status.count, asked + 1, "once is enough");
});

test("rule_5_24 what the origin has never heard of runs", async () => {
  const { place, key, claim } = await lost();
  await leaseOver(claim);
  status.script = (_, response) => response.writeHead(404).end();
  const answer = await gateway.post(place.path, key);
  assertFresh(answer);
  assertReplay(await gateway.post(place.path, key), answer);
  assert.equal(place.count, 2);
});

test("fault_o9 rule_5_24 an origin that cannot say leaves it unknown", async () => {
  const { place, key, claim } = await lost();
  await leaseOver(claim);
  const unclear: Script[] = [
    (_, response) => response.writeHead(202).end(),
    (_, response) => response.writeHead(401).end(),
    (_, response) => response.writeHead(500).end(),
    (request) => request.reset(),
  ];
  for (const script of unclear) {
    status.script = script;
    assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  }
  assert.equal(place.count, 1);
});

test("rule_5_24 while the attempt may be alive nobody is asked", async () => {
  const { place, key } = await lost();
  const asked = status.count;
  status.script = (_, response) => response.writeHead(404).end();
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  assert.deepEqual([place.count, status.count], [1, asked]);
});

test("rule_5_24 of many that ask at once one executes", async () => {
  const { place, key, claim } = await lost();
  await leaseOver(claim);
  status.script = (_, response) => response.writeHead(404).end();
  const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.post(place.path, key)));
  assert.equal(answers.filter((answer) => answer.header("idempotency-status") === "fresh").length, 1);
  assert.equal(place.count, 2);
});
