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
});

/** Claims that are done, under random ids that begin with `prefix` (a byte in hexadecimal). */
async function addClaims({ prefix = "80", count = 1, record = 100, expires_at }: { prefix?: string; count?: number; record?: number; expires_at: number }): Promise<void> {
  await gateway.shardSql(
    0,
    `INSERT INTO claims (id, fingerprint, attempt, state, first_seen, lease_until, expires_at, record)
     WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?)
     SELECT CAST(x'${prefix}' || randomblob(31) AS BLOB), zeroblob(32), zeroblob(16), 2, 0, 0, ?, zeroblob(?) FROM c`,
    count,
    expires_at,
    record,
  );
}

async function left(): Promise<number> {
  const [row] = await gateway.shardSql(0, "SELECT count(*) AS n FROM claims");
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
  await addClaims({ prefix: "ff", expires_at: EXPIRED() });
  // The turn that finds the last one is not the first.
  assert.equal(await gateway.sweep(), 0);
  await eventually("the sweep of the last claim", left, (claims) => claims === alive);
  // That pass is over.
  await addClaims({ prefix: "00", expires_at: EXPIRED() });
  assert.equal(await gateway.sweep(), 1);
  assert.equal(await left(), alive);
});
