// The ledger's rows under contracts that run again, or refuse expired keys (docs/protocol.md rules 5.15 to 5.18), and rows that
// earlier versions have written. No test waits for a lease or an expiry: their times are moved in the rows.

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

/** Without the host in the scope: every start of a gateway has another port. */
const SCOPE = `[routes.scope]\nparts = ["header:authorization"]`;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    inspect: true,
    policy: policy(
      origin.url,
      { match: "POST /v1/*", rules: SCOPE },
      { match: "POST /again/*", rules: `${SCOPE}\n[routes.unknown]\nlease_over = "run-again"` },
      { match: "POST /refusing/*", rules: `${SCOPE}\n[routes.retention]\nafter = "refuse"\nrefuse_seconds = 3600` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

test("edge_082 edge_214 rule_5_17 where the contract runs again, exactly one of 20 requests after the lease executes, and the first is fenced", async () => {
  const [slow, second] = [barrier(), barrier()];
  const place = origin.place(async (request, response) => {
    await (request.number === 1 ? slow : second).opened;
    response.writeHead(201).end(`execution ${request.number}`);
  }, { under: "/again" });
  const key = gateway.key();
  let first: Promise<Answer> | undefined;
  const claim = await claimMadeBy(gateway, async () => {
    first = gateway.post(place.path, key);
    await place.arrived();
  });
  assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
  await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
  assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");

  const retries = Array.from({ length: 20 }, () => gateway.post(place.path, key));
  for (const answer of await firstOf(19, retries)) assertRefusal(answer, 409, "request-in-progress");
  await place.arrived(2);
  const taken = await claimNow(gateway, claim);
  assert.equal(taken?.["state"], RUNNING);
  assert.notDeepEqual(taken?.["attempt"], claim["attempt"]);
  assert.equal(taken?.["first_seen"], claim["first_seen"]);
  assert.equal(taken?.["expires_at"], claim["expires_at"]);
  assert.ok(Number(taken?.["lease_until"]) > Date.now() + 60_000, "with a lease of its own");

  slow.open();
  assert.ok(first !== undefined);
  assertRefusal(await first, 503, "outcome-unrecorded");
  assert.deepEqual(await claimNow(gateway, claim), taken, "the late settle changed nothing");
  second.open();
  const [answer] = (await Promise.all(retries)).filter((each) => each.status === 201);
  assert.ok(answer !== undefined);
  assertFresh(answer);
  assert.equal(answer.text(), "execution 2");
  assertReplay(await gateway.post(place.path, key), answer);
  assert.equal(place.count, 2);
});

test("rule_5_17 an outcome that was held is not run again", async () => {
  const place = origin.place((request) => request.reset(), { under: "/again" });
  const key = gateway.key();
  const claim = await claimMadeBy(gateway, async () => assertRefusal(await gateway.post(place.path, key), 502, "origin-no-answer"));
  assert.equal((await claimNow(gateway, claim))?.["state"], UNKNOWN);
  await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  assert.equal(place.count, 1);
});

test("edge_123 rule_5_18 an expired key is refused for an hour, if the contract says so, and new after that", async () => {
  const place = origin.place(undefined, { under: "/refusing" });
  const key = gateway.key();
  const claim = await claimMadeBy(gateway, async () => assertFresh(await gateway.post(place.path, key)));
  assert.equal(claim["refuse_ms"], HOUR);
  const expired = Date.now() - 1;
  await changeClaim(gateway, claim, "expires_at", expired);
  const row = await claimNow(gateway, claim);
  for (const body of ["{}", "[]"]) {
    const answer = await gateway.post(place.path, key, body);
    const problem = assertRefusal(answer, 410, "key-expired");
    assert.equal(problem.retry, "no");
    assert.equal(problem.new_key, "unsafe");
    assert.equal(answer.header("idempotency-expires"), new Date(expired + HOUR).toUTCString());
    assert.equal(answer.header("retry-after"), undefined);
  }
  assert.deepEqual(await claimNow(gateway, claim), row);
  assert.equal(place.count, 1);
  await changeClaim(gateway, claim, "expires_at", Date.now() - HOUR);
  const second = await gateway.post(place.path, key, "[]");
  assertFresh(second);
  assertReplay(await gateway.post(place.path, key, "[]"), second);
  assert.equal(place.count, 2);
});

test("rule_5_14 rule_5_18 the sweep leaves an expired key for as long as it is refused", async () => {
  const place = origin.place(undefined, { under: "/refusing" });
  const claims: Row[] = [];
  for (const since of [1, HOUR]) {
    const key = gateway.key();
    const claim = await claimMadeBy(gateway, () => gateway.post(place.path, key));
    await changeClaim(gateway, claim, "expires_at", Date.now() - since);
    claims.push(claim);
  }
  await gateway.sweep();
  const [refused, gone] = claims;
  assert.ok(refused !== undefined && gone !== undefined);
  assert.notEqual(await claimNow(gateway, refused), undefined);
  assert.equal(await claimNow(gateway, gone), undefined);
});

/** The columns that version 0.1 began with. */
const FIRST = "id, fingerprint, attempt, state, first_seen, lease_until, expires_at, record";
/** Those of `claims` in the versions before there were slots. */
const WITHOUT_SLOTS = [FIRST, `${FIRST}, refuse_ms, sketch`];

for (const columns of WITHOUT_SLOTS) test(`edge_235 rule_5_29 rows of a version that knew ${columns} are found, replayed, refused and swept`, async () => {
  const place = origin.place();
  const keys = [gateway.key(), gateway.key()];
  const firsts: Answer[] = [];
  const claims: Row[] = [];
  for (const key of keys) claims.push(await claimMadeBy(gateway, async () => void firsts.push(await gateway.post(place.path, key))));
  const made = columns.replace("id,", "id BLOB PRIMARY KEY,").replace("refuse_ms", "refuse_ms INTEGER NOT NULL DEFAULT 0");
  await gateway.ledgerSql(`CREATE TABLE before (${made}) WITHOUT ROWID`);
  for (const table of ["claims", "displaced"]) {
    await gateway.ledgerSql(`INSERT INTO before SELECT ${columns} FROM ${table}`);
    await gateway.ledgerSql(`DROP TABLE ${table}`);
  }
  await gateway.ledgerSql("ALTER TABLE before RENAME TO claims");

  gateway = await gateway.restart();
  for (const [i, key] of keys.entries()) {
    assertReplay(await gateway.post(place.path, key), firsts[i] as Answer);
    assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
  }
  const [claim] = claims;
  assert.ok(claim !== undefined);
  const now = await claimNow(gateway, claim);
  assert.equal(now?.["state"], DONE);
  assert.equal(now?.["refuse_ms"], 0);
  await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
  // Two turns: one for each table.
  await gateway.sweep();
  await gateway.sweep();
  assert.equal(await claimNow(gateway, claim), undefined);
  assertFresh(await gateway.post(place.path, keys[0] ?? ""));
  assert.equal(place.count, 3);
  // Another start finds both tables.
  gateway = await gateway.restart();
  assertReplay(await gateway.post(place.path, keys[1] ?? ""), firsts[1] as Answer);
});
