// The ledger gives no answer (axis D1; docs/protocol.md rules 8.14 and 6.7): what KV knows is replayed, and nothing runs
// unguarded unless the contract says so.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  const open = { match: "POST /open/*", rules: `[routes.gateway]\nledger_down = "run-unguarded"` };
  gateway = await startGateway({ faults: true, policy: `${policy(origin.url, "POST /v1/*", open)}\n[ledger]\nshards = 1\n` });
});

after(async () => {
  await gateway.close();
  await origin.close();
});

/** Runs `run` while no call reaches the ledger. */
async function withoutLedger(run: () => Promise<void>): Promise<void> {
  // More calls than `run` makes, with all their tries.
  for (let i = 0; i < 50; i++) await gateway.shardSql(0, "INSERT INTO faults VALUES ('begin', 'before')");
  try {
    await run();
  } finally {
    const left = await gateway.shardSql(0, "DELETE FROM faults RETURNING call");
    assert.ok(left.length > 0 && left.length < 50, "the ledger was asked, and never answered");
  }
}

/** Until the copies in KV, which are written after the replies, are `n` more. */
async function copied(there: number): Promise<void> {
  const kv = await gateway.kv();
  await eventually("the copy in KV", async () => (await kv.list()).keys.length, (length) => length > there);
}

const copies = async (): Promise<number> => (await (await gateway.kv()).list()).keys.length;

test("edge_131 rule_8_14 an answer that KV has is replayed while the ledger is out of reach", async () => {
  for (const size of [20, 400 * 1024]) {
    const body = Buffer.alloc(size, "x");
    const place = origin.place((_, response) => response.writeHead(201, { "X-Order": "7" }).end(body));
    const key = gateway.key();
    const there = await copies();
    const first = await gateway.post(place.path, key);
    assertFresh(first);
    await copied(there);
    await withoutLedger(async () => {
      assertReplay(await gateway.post(place.path, key), first);
    });
    assert.equal(place.count, 1);
  }
});

test("rule_8_14 a copy of another request, and no copy at all, answer nothing", async () => {
  const place = origin.place();
  const key = gateway.key();
  const there = await copies();
  assertFresh(await gateway.post(place.path, key));
  await copied(there);
  await withoutLedger(async () => {
    assertRefusal(await gateway.post(place.path, key, '{"other":1}'), 503, "ledger-unavailable");
    assertRefusal(await gateway.post(place.path, gateway.key()), 503, "ledger-unavailable");
  });
  assert.equal(place.count, 1);
});

test("rule_6_7 a contract may prefer a second run to a refusal, and says so in the answer and the log", async () => {
  const place = origin.place(undefined, { under: "/open" });
  const key = gateway.key();
  await withoutLedger(async () => {
    for (const n of [1, 2]) {
      const answer = await gateway.post(place.path, key);
      assert.equal(answer.status, 201);
      assert.equal(answer.header("idempotency-status"), "unguarded");
      assert.equal(answer.header("idempotency-expires"), undefined);
      assert.equal(place.count, n);
    }
  });
  await gateway.logged((line) => line["warning"] === "unguarded", 2);
  assertFresh(await gateway.post(place.path, key));
});
