// The sweep of a shard (docs/protocol.md rule 5.14): how much a turn takes, and that all turns together take everything. No test
// waits for an expiry: claims are written into the shard as they would be later.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { assertFresh } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";

let origin: Origin;
let gateway: Gateway;

const HOUR = 60 * 60 * 1000;
const EXPIRED = (): number => Date.now() - HOUR;
const ALIVE = (): number => Date.now() + HOUR;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({ inspect: true, policy: `${policy(origin.url, "POST /v1/*")}[ledger]\nshards = 1\n` });
  // The shard makes its table.
  assertFresh(await gateway.post(origin.place().path, gateway.key()));
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

beforeEach(async () => {
  await gateway.shardSql(0, "DELETE FROM claims");
  await gateway.shardSql(0, "DELETE FROM displaced");
});

/** Claims that are done, in slots that are in the order of their `prefix`, 0 to 255; or displaced, under ids that begin with it. */
async function addClaims({ prefix = 128, count = 1, record = 100, expires_at, displaced = false }: { prefix?: number; count?: number; record?: number; expires_at: number; displaced?: boolean }): Promise<void> {
  const [table, key, value] = displaced ? ["displaced", "id", `CAST(unhex(printf('%02x', ${prefix})) || randomblob(31) AS BLOB)`] : ["claims", "id, slot", `randomblob(32), (${prefix} << 45) + (random() & ((1 << 45) - 1))`];
  await gateway.shardSql(
    0,
    `INSERT INTO ${table} (${key}, fingerprint, attempt, state, first_seen, lease_until, expires_at, refuse_ms, sketch, record)
     WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?)
     SELECT ${value}, zeroblob(32), zeroblob(16), 2, 0, 0, ?, 0, x'', zeroblob(?) FROM c`,
    count,
    expires_at,
    record,
  );
}

async function left(): Promise<number> {
  const [row] = await gateway.shardSql(0, "SELECT (SELECT count(*) FROM claims) + (SELECT count(*) FROM displaced) AS n");
  return Number(row?.["n"]);
}

test("rule_5_14 a turn of the sweep deletes at most 500 claims, and the alarm goes on until none is left", async () => {
  await addClaims({ count: 3000, expires_at: EXPIRED() });
  const deleted = await gateway.sweep();
  assert.ok(deleted > 0 && deleted <= 500, `${deleted} in one turn`);
  await eventually("the sweep of 3000 expired claims", left, (claims) => claims === 0);
});

test("rule_5_14 a turn deletes fewer claims where their records are large", async () => {
  await addClaims({ count: 60, record: 256 * 1024, expires_at: EXPIRED() });
  const deleted = await gateway.sweep();
  assert.ok(deleted > 0 && deleted <= 16, `${deleted} of 256 KiB in one turn`);
  await eventually("the sweep of 60 large claims", left, (claims) => claims === 0);
});

test("rule_5_14 the sweep comes to the last of many claims, and then begins anew", async () => {
  const alive = 10_000;
  await addClaims({ count: alive, expires_at: ALIVE() });
  await addClaims({ prefix: 255, expires_at: EXPIRED() });
  // The turn that finds the last one is not the first.
  assert.equal(await gateway.sweep(), 0);
  await eventually("the sweep of the last claim", left, (claims) => claims === alive);
  // That pass is over.
  await addClaims({ prefix: 0, expires_at: EXPIRED() });
  assert.equal(await gateway.sweep(), 1);
  assert.equal(await left(), alive);
});

test("rule_5_14 rule_5_29 displaced claims are swept too, in turns of as many", async () => {
  await addClaims({ count: 800, expires_at: EXPIRED(), displaced: true });
  await addClaims({ prefix: 255, expires_at: ALIVE(), displaced: true });
  // A shard looks for displaced claims when it starts.
  await gateway.stopLedger();
  // The turn of the other table, where the alarm of an earlier test has not had it.
  const first = await gateway.sweep();
  const deleted = first > 0 ? first : await gateway.sweep();
  assert.ok(deleted > 0 && deleted <= 500, `${deleted} in one turn`);
  await eventually("the sweep of 800 displaced claims", left, (claims) => claims === 1);
});
