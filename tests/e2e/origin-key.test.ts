// What the origin sees of the key (axis D2; docs/protocol.md rule 6.3).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  const route = (word: string): { match: string; rules: string } => ({
    match: `POST /${word}/*`,
    rules: `[routes.gateway]\nkey_to_origin = "${word}"\n[routes.key]\naliases = ["X-Key"]`,
  });
  gateway = await startGateway({ policy: policy(origin.url, route("as-it-came"), route("derived"), route("removed")) });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

test("rule_6_3 the key goes to the origin as it came, derived from the claim, or not at all", async () => {
  const place = (word: string) => origin.place(undefined, { under: `/${word}` });
  const [plain, derived, removed] = [place("as-it-came"), place("derived"), place("removed")];
  for (const [n, { path }] of [plain, derived, removed].entries()) assertFresh(await gateway.post(path, `k${n}`, "{}", [`X-Key: k${n}`]));
  const [asItCame, ours, none] = [await plain.arrived(1), await derived.arrived(1), await removed.arrived(1)];
  assert.deepEqual([asItCame.header("idempotency-key"), asItCame.header("x-key")], ["k0", "k0"]);
  assert.match(ours.header("idempotency-key") ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(ours.header("x-key"), undefined);
  assert.deepEqual([none.header("idempotency-key"), none.header("x-key")], [undefined, undefined]);
});

test("rule_6_3 a derived key tells callers apart, and stays the same for one of them", async () => {
  const place = origin.place((_, response) => response.writeHead(503).end(), { under: "/derived" });
  const send = async (caller: string): Promise<string | undefined> => {
    await gateway.post(place.path, "k9", "{}", [`Authorization: Bearer ${caller}`]);
    return place.requests.at(-1)?.header("idempotency-key");
  };
  const [alice, bob, aliceAgain] = [await send("alice"), await send("bob"), await send("alice")];
  assert.equal(place.count, 3, "a released answer lets each attempt through");
  assert.notEqual(alice, bob);
  assert.equal(aliceAgain, alice);
});
