// A key that stands in a JSON body (axis K1; docs/protocol.md rule 2.15; edge case 23).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  const body = `[routes.key]\nbody = "/idempotency_key"`;
  gateway = await startGateway({
    policy: policy(
      origin.url,
      { match: "POST /body/*", rules: body },
      { match: "POST /detached/*", rules: `dispatch = "detached"\n${body}` },
      "POST /header/*",
      { limits: `request_body = "1 KiB"` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** Without a header for the key. */
function post(path: string, body: string): Promise<Answer> {
  return gateway.send({ method: "POST", path, headers: ["Content-Type: application/json"], body });
}

for (const under of ["/body", "/detached"]) {
  test(`edge_023 rule_2_15 a key in the body is one, under ${under}`, async () => {
    const place = origin.place(undefined, { under });
    const body = JSON.stringify({ idempotency_key: gateway.key(), amount: 5 });
    const first = await post(place.path, body);
    assertFresh(first);
    assertReplay(await post(place.path, body), first);
    assert.equal(place.count, 1);
    assert.equal((await place.arrived(1)).body.toString(), body, "the origin gets the body as it came");
    assertRefusal(await post(place.path, body.replace("5", "6")), 422, "key-reused");
    assert.equal(place.count, 1);
  });
}

test("edge_023 where the contract names a header only, body and query hold no key", async () => {
  const place = origin.place(undefined, { under: "/header" });
  const body = JSON.stringify({ idempotency_key: gateway.key() });
  for (let n = 0; n < 2; n++) await post(`${place.path}?idempotency_key=k`, body);
  assert.equal(place.count, 2);
});

test("rule_2_15 a request without a key passes, with the body that was read", async () => {
  const place = origin.place(undefined, { under: "/body" });
  for (const body of [`{"amount":5}`, ""]) {
    const answer = await post(place.path, body);
    assert.equal(answer.status, 201);
    assert.equal(answer.header("idempotency-status"), undefined, "nothing stands behind it");
    assert.equal(place.requests.at(-1)?.body.toString(), body);
    assert.equal(place.requests.at(-1)?.header("content-type"), "application/json");
  }
  const bare = await gateway.send({ method: "POST", path: place.path });
  assert.equal(bare.status, 201, "no body at all");
  assert.equal(place.count, 3);
});

test("rule_2_15 what cannot be read is refused, and nothing is sent", async () => {
  const place = origin.place(undefined, { under: "/body" });
  const refused = assertRefusal(await post(place.path, `{"idempotency_key":"k",}`), 400, "key-malformed");
  assert.match(refused.detail, /`\/idempotency_key` of the JSON body/);
  assertRefusal(await post(place.path, JSON.stringify({ idempotency_key: "k", pad: "x".repeat(1024) })), 413, "body-too-large");
  const both = await gateway.post(place.path, "one", `{"idempotency_key":"other"}`);
  assertRefusal(both, 400, "key-conflict");
  assert.equal(place.count, 0);
});
