// A ledger that fails, is slow, or lies (docs/operating.md, "What fails how", rows L; axis D1; docs/protocol.md rules 5.26, 6.7, 8.14
// and 9.1): what is known is replayed, and nothing runs unguarded unless the contract says so. The faults are those of faulty.js.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { fault, startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  const open = { match: "POST /open/*", rules: `[routes.gateway]\nledger_down = "run-unguarded"` };
  const waiting = { match: "POST /waiting/*", rules: `[routes.running]\nanswer = "wait"\nwait_seconds = 2` };
  gateway = await startGateway({ faults: true, policy: `${policy(origin.url, "POST /v1/*", open, waiting)}\n[ledger]\nshards = 1\n` });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** What may become of a call to a shard: the row of docs/operating.md, whether it is done all the same, and what the log says. */
interface Fault {
  readonly row: { begin: string; settle: string };
  readonly name: string;
  readonly lands: boolean;
  readonly says: RegExp;
}

const OVERLOADED = { row: { begin: "fault_l1", settle: "fault_l4" }, says: /is overloaded/ };
const LOST = { row: { begin: "fault_l2", settle: "fault_l5" }, says: /Network connection lost/ };
const HANGS = { row: { begin: "fault_l8", settle: "fault_l9" }, says: /no answer in time/ };
const UNREADABLE = { row: { begin: "fault_l10", settle: "fault_l10" }, says: /written by another version, or damaged/ };

const FAULTS: readonly Fault[] = [
  { ...OVERLOADED, name: "overloaded", lands: false },
  { ...OVERLOADED, name: "lands-overloaded", lands: true },
  { ...LOST, name: "lost", lands: false },
  { ...LOST, name: "lands-lost", lands: true },
  { ...HANGS, name: "hangs", lands: false },
  { ...HANGS, name: "lands-hangs", lands: true },
  { ...UNREADABLE, name: "garbage", lands: false },
  { ...UNREADABLE, name: "empty", lands: false },
  { ...UNREADABLE, name: "other-version", lands: true },
  { ...UNREADABLE, name: "other-answer", lands: true, says: /an answer to something else/ },
];

/** The longest that a client waits: 8 s for the ledger, and as much again for a machine that is busy. */
const LONGEST_MS = 16_000;

const running = async (place: Place, key: string): Promise<Answer> => {
  const answer = await gateway.post(place.path, key);
  assertRefusal(answer, 409, "request-in-progress");
  return answer;
};

/** A claim that runs under nobody is unknown when its lease is over. */
async function endsInUnknown(place: Place, key: string): Promise<void> {
  const { claim } = await gateway.lineOf(await running(place, key));
  const changed = await gateway.shardSql(0, "UPDATE claims SET lease_until = 1 WHERE lower(hex(id)) = ? RETURNING state", String(claim));
  assert.equal(changed.length, 1);
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
}

// Together, because each that hangs takes its 8 s.
describe("every fault of the ledger", { concurrency: true }, () => {
  for (const { row, name, lands, says } of FAULTS) {
    test(`${row.begin} edge_131 rule_5_26 a begin that is ${name}: refused in time, and nothing is sent`, async () => {
      const place = origin.place();
      const key = gateway.key();
      const asked = Date.now();
      const answer = await gateway.post(place.path, key, "{}", fault(`begin-${name}`));
      assert.ok(Date.now() - asked < LONGEST_MS);
      const problem = assertRefusal(answer, 503, "ledger-unavailable");
      assert.equal(problem.retry, "same-key");
      assert.equal(answer.header("retry-after"), "2");
      assert.equal(answer.header("idempotency-status"), undefined);
      assert.equal((await gateway.lineOf(answer))["outcome"], "ledger-unavailable");
      assert.ok(gateway.log.some(({ message }) => message.startsWith("ledger v1/0: ") && says.test(message)), "the log says why");
      if (lands) await endsInUnknown(place, key);
      else assertFresh(await gateway.post(place.path, key));
      assert.equal(place.count, lands ? 0 : 1);
    });

    test(`${row.begin} rule_8_14 a begin that is ${name}: what KV has is replayed`, async () => {
      const place = origin.place();
      const key = gateway.key();
      const first = await gateway.post(place.path, key);
      assertFresh(first);
      const { claim } = await gateway.logged((line) => line["attempt"] === place.only.header("idempotency-attempt"));
      // The line comes after the copy of an inline answer, and that one after the reply.
      const kv = await gateway.kv();
      assert.notEqual(await kv.get(`r1/${claim}`, "arrayBuffer"), null);
      const fails = (body: string): Promise<Answer> => gateway.post(place.path, key, body, fault(`begin-${name}`));
      const [replay, mismatch] = await Promise.all([fails("{}"), fails('{"other":1}')]);
      assertReplay(replay, first);
      assertRefusal(mismatch, 503, "ledger-unavailable");
      assert.equal(place.count, 1);
    });
  }

  test("fault_l8 rule_5_26 what a request waits for its claim comes on top of what it waits for the ledger", async () => {
    const place = origin.place(undefined, { under: "/waiting" });
    const asked = Date.now();
    assertRefusal(await gateway.post(place.path, gateway.key(), "{}", fault("begin-hangs")), 503, "ledger-unavailable");
    const waited = Date.now() - asked;
    assert.ok(waited >= 9_900 && waited < LONGEST_MS + 2_000, `it took ${waited} ms`);
    assert.equal(place.count, 0);
  });

  for (const { row, name, lands, says } of FAULTS) {
    const fails = fault(`settle-${name}`);

    test(`${row.settle} edge_103 rule_9_1 a settle that is ${name}: the answer is not given, and never executed again`, async () => {
      const place = origin.place();
      const key = gateway.key();
      const asked = Date.now();
      const answer = await gateway.post(place.path, key, "{}", fails);
      assert.ok(Date.now() - asked < LONGEST_MS);
      const problem = assertRefusal(answer, 503, "outcome-unrecorded");
      assert.equal(problem["original_status"], 201);
      assert.equal(answer.header("retry-after"), "5");
      assert.equal(answer.text().includes("execution"), false, "nothing of the origin's answer is in it");
      assert.equal((await gateway.lineOf(answer))["outcome"], "outcome-unrecorded");
      assert.ok(gateway.log.some(({ message }) => message.startsWith("ledger v1/0: ") && says.test(message)), "the log says why");
      if (lands) {
        const replay = await gateway.post(place.path, key);
        assert.equal(replay.header("idempotency-status"), "replayed");
        assert.deepEqual(replay.json(), { execution: 1, target: place.path });
      } else {
        await endsInUnknown(place, key);
      }
      assert.equal(place.count, 1);
    });

    test(`fault_l6 rule_7_6 a release that is ${name}: the answer is given, and the key is free or ends in unknown`, async () => {
      const released: Script = (request, response) => response.writeHead(request.number === 1 ? 503 : 201).end("not now");
      const place = origin.place(released);
      const key = gateway.key();
      const answer = await gateway.post(place.path, key, "{}", fails);
      assert.equal(answer.status, 503);
      assert.equal(answer.text(), "not now");
      await gateway.logged((line) => line["attempt"] === place.requests[0]?.header("idempotency-attempt") && line["warning"] === "not-released");
      if (lands) assertFresh(await gateway.post(place.path, key));
      else await endsInUnknown(place, key);
      assert.equal(place.count, lands ? 2 : 1);
    });

    test(`fault_l6 rule_7_3 a hold that is ${name}: what is told is the same`, async () => {
      const place = origin.place((request) => request.reset());
      const key = gateway.key();
      const answer = await gateway.post(place.path, key, "{}", fails);
      assertRefusal(answer, 502, "origin-no-answer");
      assert.equal((await gateway.lineOf(answer))["warning"], "not-held");
      if (lands) assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
      else await endsInUnknown(place, key);
      assert.equal(place.count, 1);
    });
  }

  for (const { row, name, lands } of FAULTS) {
    test(`${row.begin} edge_131 rule_6_7 a begin that is ${name}: only a contract that says so prefers a second run`, async () => {
      const place = origin.place(undefined, { under: "/open" });
      const key = gateway.key();
      const fails = (): Promise<Answer> => gateway.post(place.path, key, "{}", fault(`begin-${name}`));
      for (const answer of await Promise.all([fails(), fails()])) {
        assert.equal(answer.status, 201);
        assert.equal(answer.header("idempotency-status"), "unguarded");
        assert.equal(answer.header("idempotency-expires"), undefined);
      }
      assert.equal(place.count, 2);
      for (const request of place.requests) {
        const attempt = request.header("idempotency-attempt");
        await gateway.logged((line) => line["warning"] === "unguarded" && line["attempt"] === attempt);
      }
      if (lands) await endsInUnknown(place, key);
      else assertFresh(await gateway.post(place.path, key));
    });
  }
});

/** How many calls to the ledger have failed so far: each writes a line. */
const failedCalls = (): number => gateway.log.filter((line) => line.message.startsWith("ledger ")).length;

test("fault_l1 fault_l2 edge_131 a ledger that says it is overloaded is asked once; one that lost the connection, three times", async () => {
  for (const [name, tries] of [["ledger-overloaded", 1], ["ledger-lost", 3]] as const) {
    const before = failedCalls();
    const answer = await gateway.post(origin.place().path, gateway.key(), "{}", fault(name));
    assertRefusal(answer, 503, "ledger-unavailable");
    await eventually("the log", async () => failedCalls() - before, (lines) => lines >= tries);
    assert.equal(failedCalls() - before, tries, name);
  }
});

test("fault_l3 rule_5_4 rule_5_10 a connection to the ledger that is lost once is nothing that a client sees", async () => {
  for (const call of ["begin", "settle", "ledger"]) {
    const place = origin.place();
    const key = gateway.key();
    const once = fault(`${call}-lost-once`);
    const before = failedCalls();
    const first = await gateway.post(place.path, key, "{}", once);
    assertFresh(first);
    assert.equal(failedCalls() - before, 1, "the fault happened");
    assertReplay(await gateway.post(place.path, key, "{}", once), first);
    assert.equal(place.count, 1);
  }
});

test("fault_l3 rule_5_12 a shard that is reset in the midst of a call is asked again as a new object, and nothing is lost", async () => {
  for (const call of ["begin", "settle"]) {
    const place = origin.place();
    const key = gateway.key();
    assertFresh(await gateway.post(origin.place().path, gateway.key()));
    await gateway.shardSql(0, "INSERT INTO faults VALUES (?, 'reset')", call);
    const before = failedCalls();
    const first = await gateway.post(place.path, key);
    assertFresh(first);
    assert.ok(failedCalls() > before, "the object was stopped");
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});

test("fault_l2 fault_l5 edge_131 rule_9_1 a shard whose storage fails decides nothing: refused before the origin, unrecorded after it", async () => {
  const hide = () => gateway.shardSql(0, "ALTER TABLE claims RENAME TO hidden");
  const show = () => gateway.shardSql(0, "ALTER TABLE hidden RENAME TO claims");
  const refused = origin.place();
  const key = gateway.key();
  await hide();
  assertRefusal(await gateway.post(refused.path, key), 503, "ledger-unavailable");
  await show();
  assert.equal(refused.count, 0);
  assertFresh(await gateway.post(refused.path, key));

  const ran = origin.place(async (_, response) => {
    await hide();
    response.writeHead(201).end("done");
  });
  const other = gateway.key();
  const answer = await gateway.post(ran.path, other);
  await show();
  assertRefusal(answer, 503, "outcome-unrecorded");
  await endsInUnknown(ran, other);
  assert.equal(ran.count, 1);
});

test("fault_l2 a shard whose storage failed when it started answers as soon as that is over, without another start", async () => {
  const before = await gateway.post(origin.place().path, gateway.key());
  assertFresh(before);
  // An index of that name is in the way of the table.
  await gateway.shardSql(0, "ALTER TABLE claims RENAME TO hidden");
  await gateway.shardSql(0, "CREATE INDEX claims ON hidden (attempt)");
  await gateway.shardSql(0, "INSERT INTO faults VALUES ('begin', 'reset')");
  const place = origin.place();
  const key = gateway.key();
  assertRefusal(await gateway.post(place.path, key), 503, "ledger-unavailable");
  assert.ok(gateway.log.some(({ message }) => /^ledger v1\/0: .*already an index named claims/.test(message)), "it could not make its table");
  await gateway.shardSql(0, "DROP INDEX claims");
  await gateway.shardSql(0, "ALTER TABLE hidden RENAME TO claims");
  assertFresh(await gateway.post(place.path, key));
  assert.equal(place.count, 1);
});

test("fault_l7 edge_131 a shard that is slow holds its own requests up, and runs none of them meanwhile", async () => {
  const place = origin.place();
  await gateway.shardSql(0, "INSERT INTO faults VALUES ('begin', 'hold-before')");
  const slow = gateway.post(place.path, gateway.key());
  await gateway.logged((line) => line["held"] === "begin-before");
  const passed = await gateway.send({ path: "/v1/passes" });
  assert.notEqual(passed.status, 503, "what is not guarded does not wait for the ledger");
  assert.equal(place.count, 0);
  await gateway.shardSql(0, "DELETE FROM faults");
  assertFresh(await slow);
  assert.equal(place.count, 1);
});

test("fault_l8 rule_5_26 a shard that stands still is given up, and what it does when it goes on runs nothing", async () => {
  const place = origin.place();
  const key = gateway.key();
  const held = gateway.log.filter(({ data }) => data?.["held"] === "begin-before").length;
  await gateway.shardSql(0, "INSERT INTO faults VALUES ('begin', 'hold-before')");
  const given = gateway.post(place.path, key);
  await gateway.logged((line) => line["held"] === "begin-before", held + 1);
  assertRefusal(await given, 503, "ledger-unavailable");
  await gateway.shardSql(0, "DELETE FROM faults");
  // The begin arrives late, and nobody is there to take its permit.
  await eventually("the late begin", () => gateway.shardSql(0, "SELECT 1 FROM claims WHERE state = 1"), (rows) => rows.length === 1);
  await endsInUnknown(place, key);
  assert.equal(place.count, 0);
});

test("fault_l12 edge_133 rule_8_1 a row that is damaged, or that a newer version has written, is not absent: nothing runs again", async () => {
  const damages = [
    "state = 4",
    "state = 1, record = x'00'",
    "attempt = x'0011'",
    "fingerprint = x'00'",
    "fingerprint = 'text'",
    "first_seen = -1",
    "lease_until = 'text'",
    "expires_at = 'text'",
    "sketch = 7",
  ];
  for (const damage of damages) {
    for (const under of ["/v1", "/open"]) {
      const place = origin.place(undefined, { under });
      const key = gateway.key();
      assertFresh(await gateway.post(place.path, key));
      const { claim } = await gateway.logged((line) => line["attempt"] === place.only.header("idempotency-attempt"));
      const changed = await gateway.shardSql(0, `UPDATE claims SET ${damage} WHERE lower(hex(id)) = ? RETURNING id`, String(claim));
      assert.equal(changed.length, 1);
      for (const body of ["{}", '{"other":1}']) {
        const answer = await gateway.post(place.path, key, body);
        assertRefusal(answer, 409, "record-unreadable");
        assert.equal((await gateway.lineOf(answer))["outcome"], "record-unreadable");
      }
      assert.ok(gateway.log.some(({ message }) => message === `the row of claim ${claim} cannot be read`));
      assert.equal(place.count, 1);
      if (damage.startsWith("expires_at")) continue;
      await gateway.shardSql(0, "UPDATE claims SET expires_at = 1 WHERE lower(hex(id)) = ?", String(claim));
      assertFresh(await gateway.post(place.path, key));
    }
  }
});

test("fault_l12 rule_8_1 rule_5_10 a row that a newer version has written meanwhile is not settled over", async () => {
  const place = origin.place(async (request, response) => {
    const attempt = request.header("idempotency-attempt") ?? "";
    await gateway.shardSql(0, "UPDATE claims SET state = 4 WHERE lower(hex(attempt)) = ?", attempt);
    response.writeHead(201).end("done");
  });
  const key = gateway.key();
  assertRefusal(await gateway.post(place.path, key), 503, "outcome-unrecorded");
  const attempt = place.only.header("idempotency-attempt") ?? "";
  const rows = await gateway.shardSql(0, "SELECT state, record FROM claims WHERE lower(hex(attempt)) = ?", attempt);
  assert.deepEqual(rows, [{ state: 4, record: null }]);
  assertRefusal(await gateway.post(place.path, key), 409, "record-unreadable");
  assert.equal(place.count, 1);
});

test("fault_l2 rule_5_14 an alarm that a shard could not set is set by its next call", async () => {
  const usual = gateway;
  gateway = await startGateway({ faults: true, policy: `${policy(origin.url, "POST /v1/*")}\n[ledger]\nshards = 1\n` });
  try {
    assert.ok(Number.isNaN(await gateway.alarm()));
    await gateway.shardSql(0, "INSERT INTO faults VALUES ('alarm', 'before')");
    const place = origin.place();
    assertFresh(await gateway.post(place.path, gateway.key()));
    assert.deepEqual(await gateway.shardSql(0, "SELECT * FROM faults"), [], "the fault happened");
    assert.ok((await gateway.alarm()) > Date.now());
    assert.equal(place.count, 1);
  } finally {
    await gateway.close();
    gateway = usual;
  }
});

test("fault_l14 rule_5_23 another generation that gives no answer stands in the way, and leaves no claim behind", async () => {
  const usual = gateway;
  const two = "shards = 1\ngeneration = 1\nother = { shards = 1, generation = 2 }";
  gateway = await startGateway({ faults: true, policy: `${policy(origin.url, "POST /v1/*")}\n[ledger]\n${two}\n` });
  try {
    for (const name of ["overloaded", "lost", "garbage", "hangs"]) {
      const place = origin.place();
      const key = gateway.key();
      assertRefusal(await gateway.post(place.path, key, "{}", fault(`peek-${name}`)), 503, "ledger-unavailable");
      assert.equal(place.count, 0);
      assert.deepEqual(await gateway.shardSql(0, "SELECT * FROM claims WHERE state = 1"), []);
      assertFresh(await gateway.post(place.path, key));
    }
  } finally {
    await gateway.close();
    gateway = usual;
  }
});
