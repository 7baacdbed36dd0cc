// What is left of a claim when the runtime dies, and when its times run out (docs/protocol.md §5; edge cases 80 to 86, 118 to
// 124, 134). No test waits for a lease or an expiry: their times are moved in the ledger's rows.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy, claimNow, DONE, RUNNING, UNKNOWN } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import type { Barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

/** Without the host in the scope: every start of a gateway has another port. */
const lasting = (): string => policy(origin.url, { match: "POST /v1/*", rules: `[routes.scope]\nparts = ["header:authorization"]` });

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({ inspect: true, policy: lasting() });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** A request whose execution is held at the origin, and its claim. */
interface Held {
  place: Place;
  key: string;
  gate: Barrier;
  claim: Row;
  /** The first caller's answer, or that there was none. */
  first: Promise<Answer | Error>;
}

async function hold(): Promise<Held> {
  const gate = barrier();
  const place = origin.place(async (request, response) => {
    if (request.number === 1) await gate.opened;
    response.writeHead(201).end(`execution ${request.number}`);
  });
  const key = gateway.key();
  let first: Promise<Answer | Error> = Promise.resolve(new Error("not sent"));
  const claim = await claimMadeBy(gateway, async () => {
    first = gateway.post(place.path, key).catch((error: Error) => error);
    await place.arrived();
  });
  assert.equal(claim["state"], RUNNING);
  return { place, key, gate, claim, first };
}

for (const comesFirst of ["a request", "the sweep"]) {
  test(`after a panic, the module starts anew, whatever comes first: ${comesFirst}`, async () => {
    const place = origin.place();
    const fresh = async (): Promise<readonly [string, Answer]> => {
      const key = gateway.key();
      const answer = await gateway.post(place.path, key);
      assertFresh(answer);
      return [key, answer];
    };
    // As many as meet every shard.
    const many = (): Promise<(readonly [string, Answer])[]> => Promise.all(Array.from({ length: 32 }, fresh));
    const before = await many();
    await gateway.panic();
    if (comesFirst === "the sweep") await gateway.sweep();
    await many();
    for (const [key, first] of before) assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 64);
  });
}

test("edge_086 a finished claim survives a kill: small and large answers are replayed byte by byte", async () => {
  const firsts: [Place, string, Answer][] = [];
  for (const size of [100, 300 * 1024]) {
    const body = randomBytes(size);
    const place = origin.place((_, response) => response.writeHead(201, { Location: "/v1/made" }).end(body));
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first);
    firsts.push([place, key, first]);
  }
  gateway = await gateway.restart();
  for (const [place, key, first] of firsts) {
    assertReplay(await gateway.post(place.path, key), first);
    assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
    assert.equal(place.count, 1);
  }
});

test("edge_086 a finished claim survives a stop and a start on the same state", async () => {
  const state = mkdtempSync(path.join(tmpdir(), "reprise-restart-"));
  try {
    const options = { state, policy: lasting() };
    const place = origin.place();
    const one = await startGateway(options);
    const first = await one.post(place.path, "stopped");
    assertFresh(first);
    await one.close();
    const other = await startGateway(options);
    assertReplay(await other.post(place.path, "stopped"), first);
    await other.close();
    assert.equal(place.count, 1);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
});

test("edge_081 edge_086 edge_203 edge_239 a claim whose owner was killed stays running until its lease is over, then is unknown for good", async () => {
  const { place, key, gate, claim, first } = await hold();
  gateway = await gateway.restart();
  assert.ok((await first) instanceof Error, "the first caller never got an answer");
  gate.open();
  for (let i = 0; i < 2; i++) assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");

  await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
  assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
  for (let i = 0; i < 3; i++) {
    const unknown = await gateway.post(place.path, key);
    const problem = assertRefusal(unknown, 409, "outcome-unknown");
    assert.equal(problem.new_key, "unsafe");
    assert.equal(unknown.header("idempotency-status"), "unknown");
    assert.equal(unknown.header("retry-after"), undefined, "waiting does not help");
    assert.equal((await claimNow(gateway, claim))?.["state"], UNKNOWN, "the first reader wrote it down");
  }
  gateway = await gateway.restart();
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  assert.equal(place.count, 1);

  await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
  assertFresh(await gateway.post(place.path, key));
  assert.equal(place.count, 2, "an unknown outcome blocks its key until it expires, and no longer");
});

test("edge_218 a lease of 0 is a lease that is over, not none: nothing executes again", async () => {
  const { place, key, gate, claim, first } = await hold();
  await changeClaim(gateway, claim, "lease_until", 0);
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  gate.open();
  await first;
  assert.equal(place.count, 1);
});

test("edge_082 rule_5_9 an owner that outlives its lease is not doubled, and its late answer is kept", async () => {
  const { place, key, gate, claim, first } = await hold();
  await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
  for (let i = 0; i < 2; i++) assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  gate.open();
  const answer = await first;
  assert.ok(!(answer instanceof Error), String(answer));
  assertFresh(answer);
  assertReplay(await gateway.post(place.path, key), answer);
  assert.equal((await claimNow(gateway, claim))?.["state"], DONE);
  assert.equal(place.count, 1);
});

test("edge_083 edge_214 rule_5_11 an owner whose claim has gone to another attempt cannot overwrite that attempt's answer", async () => {
  const { place, key, gate, claim, first } = await hold();
  await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
  const second = await gateway.post(place.path, key);
  assertFresh(second);
  assert.equal(second.text(), "execution 2");
  const row = await claimNow(gateway, claim);
  gate.open();
  const late = await first;
  assert.ok(!(late instanceof Error), String(late));
  assertRefusal(late, 503, "outcome-unrecorded");
  assert.deepEqual(await claimNow(gateway, claim), row, "the late settle changed nothing");
  assertReplay(await gateway.post(place.path, key), second);
  assert.equal(place.count, 2);
});

test("edge_118 edge_124 edge_208 rule_5_7 rule_5_12 a claim is there to the end of its retention, and gone then, swept or not", async () => {
  const place = origin.place();
  const key = gateway.key();
  let first: Answer | undefined;
  const claim = await claimMadeBy(gateway, async () => (first = await gateway.post(place.path, key)));
  assert.ok(first !== undefined);
  await changeClaim(gateway, claim, "expires_at", Date.now() + 60_000);
  assertReplay(await gateway.post(place.path, key), first);
  assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
  assert.equal(place.count, 1);

  await changeClaim(gateway, claim, "expires_at", Date.now());
  const second = await gateway.post(place.path, key, "[]");
  assertFresh(second);
  assert.equal(place.count, 2, "the key is new, for another body too");
  assertReplay(await gateway.post(place.path, key, "[]"), second);
  assertRefusal(await gateway.post(place.path, key), 422, "key-reused");
  const next = await claimNow(gateway, claim);
  assert.notDeepEqual(next?.["attempt"], claim["attempt"]);
  assert.ok(Number(next?.["expires_at"]) > Date.now() + 23 * 60 * 60 * 1000, "with a retention of its own");
  assert.equal(place.count, 2);
});

test("edge_208 a running claim that has expired does not block its key", async () => {
  const { place, key, gate, claim, first } = await hold();
  await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
  const second = await gateway.post(place.path, key);
  assertFresh(second);
  gate.open();
  await first;
  assertReplay(await gateway.post(place.path, key), second);
  assert.equal(place.count, 2);
});

test("edge_222 rule_5_12 whatever a Worker has answered for a key, it answers what the row says now", async () => {
  const place = origin.place();
  const key = gateway.key();
  let first: Answer | undefined;
  const claim = await claimMadeBy(gateway, async () => (first = await gateway.post(place.path, key)));
  assert.ok(first !== undefined);
  const { id = null, fingerprint = null, record = null } = claim;
  const becomes = (state: number, print: typeof id, kept: typeof id) =>
    gateway.ledgerSql("UPDATE claims SET state = ?, fingerprint = ?, record = ? WHERE id = ?", state, print, kept, id);
  for (let round = 0; round < 2; round++) {
    assertReplay(await gateway.post(place.path, key), first);
    await becomes(RUNNING, fingerprint, null);
    assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
    await becomes(DONE, new Uint8Array(32).buffer, record);
    assertRefusal(await gateway.post(place.path, key), 422, "key-reused");
    await becomes(DONE, fingerprint, record);
  }
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 1);
  await gateway.ledgerSql("DELETE FROM claims WHERE id = ?", id);
  assertFresh(await gateway.post(place.path, key));
  assert.equal(place.count, 2);
});

test("edge_134 rule_5_2 a deployment that compares something else refuses the retries of older keys, and neither runs nor replays them", async () => {
  const comparing = (lines: string): string => policy(origin.url, { match: "POST /v1/*", rules: `[routes.scope]\nparts = ["header:authorization"]\n[routes.fingerprint]\n${lines}` });
  const [nothing, body] = [comparing("compare = false"), comparing(`parts = ["body"]`)];
  const place = origin.place();
  const keys = { older: gateway.key(), newer: gateway.key() };
  gateway = await gateway.restart({ policy: nothing });
  const older = await gateway.post(place.path, keys.older, "{}");
  assertFresh(older);
  assertReplay(await gateway.post(place.path, keys.older, "[]"), older);
  gateway = await gateway.restart({ policy: body });
  for (const retry of ["{}", "[]"]) assertRefusal(await gateway.post(place.path, keys.older, retry), 422, "key-reused");
  const newer = await gateway.post(place.path, keys.newer, "{}");
  assertFresh(newer);
  assertReplay(await gateway.post(place.path, keys.newer, "{ }"), newer);
  assertRefusal(await gateway.post(place.path, keys.newer, "[]"), 422, "key-reused");
  // Rolled back, and then as it was.
  gateway = await gateway.restart({ policy: nothing });
  assertReplay(await gateway.post(place.path, keys.older, "[]"), older);
  assertRefusal(await gateway.post(place.path, keys.newer, "{}"), 422, "key-reused");
  gateway = await gateway.restart({ policy: lasting() });
  assert.equal(place.count, 2);
});

/** Every SQLite file of the stopped gateway's objects. */
function databases(state: string): string[] {
  return readdirSync(state, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sqlite"))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

test("edge_234 rule_5_14 an alarm sweeps expired claims out of the ledger, and leaves the others", async () => {
  const [expired, kept] = [origin.place(), origin.place()];
  const claims: Row[] = [];
  for (let i = 0; i < 20; i++) {
    const key = gateway.key();
    claims.push(await claimMadeBy(gateway, () => gateway.post(expired.path, key)));
  }
  const key = gateway.key();
  const first = await gateway.post(kept.path, key);
  assertFresh(first);
  for (const claim of claims) await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
  const others = (await gateway.claims()).filter((row) => Number(row["expires_at"]) > Date.now()).length;

  await gateway.kill();
  let alarms = 0;
  for (const file of databases(gateway.state)) {
    const database = new DatabaseSync(file);
    const tables = new Set(database.prepare("SELECT name FROM sqlite_master").all().map((row) => row["name"]));
    // An object keeps its alarm's time itself; the scheduler keeps a list of all of them.
    if (tables.has("claims")) database.exec("UPDATE _cf_METADATA SET value = 1000000 WHERE key = 1");
    if (tables.has("_cf_ALARM")) alarms += Number(database.prepare("UPDATE _cf_ALARM SET scheduled_time = 1000000").run().changes);
    database.close();
  }
  assert.ok(alarms > 0, "alarms were set");
  gateway = await gateway.restart();
  await eventually("the sweep of 20 expired claims", async () => (await gateway.claims()).length, (left) => left === others);
  for (const claim of claims) assert.equal(await claimNow(gateway, claim), undefined);
  assertReplay(await gateway.post(kept.path, key), first);
  assert.equal(kept.count, 1);
});
