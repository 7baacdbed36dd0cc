// The limit on the new keys of one caller (docs/protocol.md rule 5.25; edge cases 92, 130, 242).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

/** So few that the next one comes back after 20 s: longer than these tests take. */
const LIMIT = 3;

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  const limits = `new_keys_per_minute = ${LIMIT}`;
  gateway = await startGateway({ inspect: true, policy: `${policy(origin.url, { limits }, "POST /v1/*")}\n[ledger]\nshards = 1\n` });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

test("edge_092 edge_130 edge_242 rule_5_25 a caller's new key too many is refused and leaves nothing; what is not new is answered as ever", async () => {
  const place = origin.place((request, response) => response.writeHead(request.number === 3 ? 503 : 201).end(`execution ${request.number}`));
  const post = (key: string, caller = "a", body = "{}"): Promise<Answer> => gateway.post(place.path, key, body, [`Authorization: Bearer ${caller}`]);
  const [one, two, released, over] = [gateway.key(), gateway.key(), gateway.key(), gateway.key()];
  const firsts = [await post(one), await post(two)];
  for (const first of firsts) assertFresh(first);
  assert.equal((await post(released)).status, 503);

  const claims = await gateway.claims();
  for (let i = 0; i < 2; i++) {
    const answer = await post(over);
    const problem = assertRefusal(answer, 429, "too-many-keys");
    assert.equal(problem.retry, "same-key");
    const seconds = Number(answer.header("retry-after"));
    assert.ok(seconds >= 1 && seconds <= 60 / LIMIT, `Retry-After: ${answer.header("retry-after")}`);
    assert.equal(answer.header("idempotency-status"), undefined, "no claim stands behind it");
  }
  // A key whose claim was released is new again.
  assertRefusal(await post(released), 429, "too-many-keys");
  assert.deepEqual(await gateway.claims(), claims, "nothing is written");
  assert.equal(place.count, 3, "nothing is sent");

  for (const [i, key] of [one, two].entries()) {
    assertReplay(await post(key), firsts[i] as Answer);
    assertRefusal(await post(key, "a", "[]"), 422, "key-reused");
  }
  assertFresh(await post(over, "b"));

  // The count is the shard's memory, and gone with it: the refusal was not kept under the key.
  await gateway.stopLedger();
  const first = await post(over);
  assertFresh(first);
  assertReplay(await post(over), first);
  assert.equal(place.count, 5);
});
