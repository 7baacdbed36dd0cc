// What a mismatch tells (docs/protocol.md rules 4.20, 4.21, 5.2 and 9.10; edge case 68): what differs, and what the first
// request made.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  const silent = { match: "POST /silent/*", rules: "[routes.mismatch]\nexplain = false" };
  const versioned = {
    match: "POST /versioned/*",
    rules: `[routes.fingerprint]\nparts = ["method", "path", "query", "header:api-version", "body"]\nexclude = ["/sent_at"]`,
  };
  const named = {
    match: "POST /named/*",
    rules: `[routes.mismatch]\nresource = "/order/id"\n[routes.errors]\ntemplate = "own"\nbody = '{"error":"{code}","resource_id":"{resource_id}"}'`,
  };
  gateway = await startGateway({ inspect: true, policy: policy(origin.url, "POST /v1/*", silent, versioned, named) });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

test("edge_068 rule_4_21 a mismatch names the members that differ, and the first answer stays", async () => {
  const place = origin.place();
  const key = gateway.key();
  const body = { amount: 5, to: { name: "Ann", iban: "DE1" }, note: null };
  const first = await gateway.post(place.path, key, JSON.stringify(body));
  const other = { amount: 6, to: { name: "Ann", iban: "DE2" }, note: null };
  const problem = assertRefusal(await gateway.post(place.path, key, JSON.stringify(other)), 422, "key-reused");
  assert.deepEqual(problem["differences"], [
    { part: "body", pointer: "/amount" },
    { part: "body", pointer: "/to/iban" },
  ]);
  assertReplay(await gateway.post(place.path, key, JSON.stringify(body)), first);
  assert.equal(place.count, 1);
});

test("rule_4_21 parts of the head are named, and what is excluded never is", async () => {
  const place = origin.place(undefined, { under: "/versioned" });
  const key = gateway.key();
  assertFresh(await gateway.post(`${place.path}?a=1`, key, '{"sent_at":1,"a":1}', ["Api-Version: 1"]));
  const answer = await gateway.post(`${place.path}/x?a=2`, key, '{"sent_at":2,"a":1}', ["Api-Version: 2"]);
  assert.deepEqual(assertRefusal(answer, 422, "key-reused")["differences"], [
    { part: "path" },
    { part: "query" },
    { part: "header", name: "api-version" },
  ]);
});

test("rule_4_20 what differs is told from digests: the row holds nothing of the request", async () => {
  const place = origin.place((_, response) => response.writeHead(201).end());
  const key = gateway.key();
  assertFresh(await gateway.post(place.path, key, '{"iban":"DE02120300000000202051"}'));
  for (const row of await gateway.claims()) {
    const kept = Object.values(row).map((value) => (value instanceof ArrayBuffer ? Buffer.from(value).toString("latin1") : String(value)));
    assert.ok(!kept.some((text) => text.includes("DE0212030") || text.includes("iban")), "neither values nor names are kept");
  }
});

test("rule_4_21 a contract may keep what differs to itself", async () => {
  const place = origin.place(undefined, { under: "/silent" });
  const key = gateway.key();
  assertFresh(await gateway.post(place.path, key, '{"a":1}'));
  const problem = assertRefusal(await gateway.post(place.path, key, '{"a":2}'), 422, "key-reused");
  assert.equal(problem["differences"], undefined);
});

test("rule_9_13 a mismatch may name what the first request made, once it is there", async () => {
  for (const [body, expected] of [
    ['{"order":{"id":"o_7"}}', "o_7"],
    ['{"order":{"id":7}}', 7],
    ['{"order":{"id":{"no":1}}}', undefined],
    ["not JSON", undefined],
  ] as const) {
    const place = origin.place((_, response) => response.writeHead(201).end(body), { under: "/named" });
    const key = gateway.key();
    assertFresh(await gateway.post(place.path, key, '{"a":1}'));
    const answer = await gateway.post(place.path, key, '{"a":2}');
    assert.equal(answer.status, 422);
    assert.deepEqual(answer.json(), expected === undefined ? { error: "key-reused" } : { error: "key-reused", resource_id: expected });
  }
});
