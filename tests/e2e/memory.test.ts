// What an isolate remembers of the claims that it has seen done (docs/protocol.md rule 8.17). That it has not asked the ledger is
// seen in the log, and in a ledger whose rows are not what they were.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let me: Place;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  me = origin.place((_, response) => response.writeHead(200).end(), { under: "/who" });
  const asking = { match: "POST /asking/*", rules: `[routes.authority]\nask = "origin"\nrequest = "GET ${me.path}"` };
  gateway = await startGateway({ inspect: true, memory: true, policy: `${policy(origin.url, "POST /v1/*", asking)}\n[ledger]\nshards = 1\n` });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** The lines of the key that this place was sent, `n` of them. */
async function linesOf(place: Place, n: number): Promise<Record<string, unknown>[]> {
  const attempt = place.requests[0]?.header("idempotency-attempt");
  const { claim } = await gateway.logged((line) => line["attempt"] === attempt);
  await gateway.logged((line) => line["claim"] === claim, n);
  return gateway.log.flatMap(({ data }) => (data !== undefined && data["claim"] === claim ? [data] : []));
}

test("rule_8_17 a retry that follows at once is told from memory, whatever has become of the row", async () => {
  const place = origin.place();
  const key = gateway.key();
  const first = await gateway.post(place.path, key, '{"a":1}');
  assertFresh(first);
  await gateway.shardSql(0, "DELETE FROM claims");
  for (const body of ['{"a":1}', '{"a":1}', '{ "a": 1.0 }']) {
    const replay = await gateway.post(place.path, key, body);
    assertReplay(replay, first);
  }
  assert.equal(place.count, 1);
  const lines = await linesOf(place, 4);
  assert.deepEqual(lines.map((line) => line["memory"]), [undefined, true, true, true]);
});

/** A refusal, but for what is of one request. */
function told(answer: Answer): Record<string, unknown> {
  const { request_id: _, expires_at: __, ...problem } = assertRefusal(answer, 422, "key-reused");
  return problem;
}

test("rule_8_17 rule_4_21 a mismatch from memory says what the ledger would say", async () => {
  const [first, other] = ['{"a":1,"b":2}', '{"a":1,"b":3}'];
  const forgetful = await startGateway({ inspect: true, policy: policy(origin.url, "POST /v1/*") });
  const seen: Record<string, unknown>[] = [];
  for (const each of [gateway, forgetful]) {
    const [place, key] = [origin.place(), each.key()];
    assertFresh(await each.post(place.path, key, first));
    for (let n = 0; n < 2; n++) {
      const mismatch = await each.post(place.path, key, other);
      seen.push(told(mismatch));
      assert.equal((await each.lineOf(mismatch))["memory"], each === gateway ? true : undefined);
    }
    assert.equal(place.count, 1);
  }
  await forgetful.close();
  assert.deepEqual(seen[0]?.["differences"], [{ part: "body", pointer: "/b" }]);
  for (const each of seen) assert.deepEqual(each, seen[0]);
});

test("rule_8_17 nothing is remembered of a key that runs, or was released", async () => {
  const place = origin.place((request, response) => response.writeHead(request.number === 1 ? 503 : 201).end("answer"));
  const key = gateway.key();
  assert.equal((await gateway.post(place.path, key)).status, 503);
  const second = await gateway.post(place.path, key);
  assertFresh(second);
  assertReplay(await gateway.post(place.path, key), second);
  assert.equal(place.count, 2);
  const lines = await linesOf(place, 3);
  assert.deepEqual(lines.map((line) => line["memory"]), [undefined, undefined, true]);
});

test("rule_8_17 rule_9_12 memory tells nobody of whom the origin has not said that it may know", async () => {
  const place = origin.place(undefined, { under: "/asking" });
  const key = gateway.key();
  const as = ["Authorization: Bearer alice"];
  assertFresh(await gateway.post(place.path, key, "{}", as));
  me.script = (_, response) => response.writeHead(401).end();
  assertRefusal(await gateway.post(place.path, key, "{}", as), 401, "authority-refused");
  assert.equal(me.count, 1, "the first request asked nobody");
  assert.equal(place.count, 1);
});
