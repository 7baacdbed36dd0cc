// Answers that are larger than KV takes, in a bucket (docs/protocol.md rule 8.16; edge cases 99 and 224), and what becomes of them when
// the bucket fails (docs/operating.md, rows B).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

/** Over KV's 25 MiB, and no multiple of a part. */
const LARGE = 27_000_001;

let origin: Origin;
let gateway: Gateway;
let withoutKv: Gateway;

before(async () => {
  origin = await startOrigin();
  const routes = ["POST /v1/*", { match: "POST /streaming/*", rules: `deliver = "streaming"` }] as const;
  gateway = await startGateway({ faults: true, overflow: true, policy: policy(origin.url, ...routes) });
  withoutKv = await startGateway({ overflow: true, policy: `${policy(origin.url, ...routes)}\n[responses]\nkv = "off"\n` });
});

after(async () => {
  await gateway?.close();
  await withoutKv?.close();
  await origin?.close();
});

const body = (seed: number, length = LARGE): Buffer => Buffer.alloc(length, `${seed} is the first of a body that has no end, but for its last: `);

/** Answers with a large body that differs each time; with its length, or in chunks. */
const large = (announced: boolean): Script => async (request, response) => {
  const bytes = body(request.number);
  response.writeHead(201, { "Content-Type": "application/octet-stream", ETag: '"e"', ...(announced ? { "Content-Length": bytes.length } : {}) });
  response.end(bytes);
};

function post(place: Place, key: string, ...faults: string[]): Promise<Answer> {
  return gateway.post(place.path, key, "{}", faults.length > 0 ? [`X-Fault: ${faults.join(", ")}`] : []);
}

for (const announced of [true, false]) {
  test(`edge_099 edge_224 rule_8_16 an answer that KV does not take is kept in the bucket, ${announced ? "announced" : "in chunks"}`, async () => {
    const place = origin.place(large(announced));
    const key = gateway.key();
    const first = await post(place, key);
    assertFresh(first);
    assert.ok(first.body.equals(body(1)), "byte by byte");
    assert.equal(first.framing, "length");
    assertReplay(await post(place, key), first);
    assert.equal(place.count, 1);
  });
}

test("rule_8_16 rule_9_20 a long stream goes into the bucket while its client reads it", async () => {
  const place = origin.place(large(false), { under: "/streaming" });
  const key = gateway.key();
  const first = await post(place, key);
  assert.ok(first.body.equals(body(1)));
  const replay = await post(place, key);
  assert.ok(replay.body.equals(body(1)));
  assert.equal(replay.header("idempotency-status"), "replayed");
  assert.equal(place.count, 1);
});

test("rule_8_3 rule_8_16 without KV, the bucket has what is over the inline limit", async () => {
  const length = 300_000;
  const place = origin.place((request, response) => response.writeHead(201).end(body(request.number, length)));
  const before = (await withoutKv.bucket()).length;
  const first = await withoutKv.post(place.path, "k");
  assertFresh(first);
  assertReplay(await withoutKv.post(place.path, "k"), first);
  assert.equal((await withoutKv.bucket()).length, before + 1);
  assert.equal(place.count, 1);
});

test("rule_8_16 a name in the bucket holds claim and attempt, and no key", async () => {
  const place = origin.place(large(true));
  const key = "a-key-that-nobody-else-has";
  const before = new Set(await gateway.bucket());
  const row = await claimMadeBy(gateway, () => post(place, key));
  const [name, ...more] = (await gateway.bucket()).filter((one) => !before.has(one));
  const hex = (column: string): string => Buffer.from(row[column] as ArrayBuffer).toString("hex");
  assert.deepEqual([name, more], [`r1/${hex("id")}/${hex("attempt")}`, []]);
});

test("rule_8_15 rule_8_16 an answer whose settle was lost is found, body and all", async () => {
  const place = origin.place(large(true));
  const key = gateway.key();
  const row = await claimMadeBy(gateway, async () => assertRefusal(await post(place, key, "settle-overloaded"), 503, "outcome-unrecorded"));
  await changeClaim(gateway, row, "lease_until", 1);
  const replay = await post(place, key);
  assert.equal(replay.status, 201, replay.text().slice(0, 200));
  assert.ok(replay.body.equals(body(1)));
  assert.equal(place.count, 1);
});

test("rule_8_14 rule_8_16 without the ledger, the bucket is read by what KV knows", async () => {
  const place = origin.place(large(true));
  const key = gateway.key();
  const first = await post(place, key);
  assertReplay(await post(place, key, "begin-overloaded"), first);
  assert.equal(place.count, 1);
});

test("edge_101 rule_7_5 rule_8_16 an answer that breaks off on its way into the bucket is held, and leaves no object", async () => {
  const place = origin.place((_, response) => {
    response.writeHead(201, { "Content-Length": LARGE });
    response.write(Buffer.alloc(LARGE - 1), () => response.destroy());
  });
  const key = gateway.key();
  const before = await gateway.bucket();
  assertRefusal(await post(place, key), 502, "origin-broke-off");
  assertRefusal(await post(place, key), 409, "outcome-unknown");
  assert.deepEqual(await gateway.bucket(), before);
  assert.equal(place.count, 1);
});

test("fault_b1 rule_8_5 rule_8_16 a bucket that takes nothing: its first caller gets the answer, and nobody else", async () => {
  const place = origin.place(large(true));
  const key = gateway.key();
  const first = await post(place, key, "r2-begin-fails");
  assertFresh(first);
  assert.ok(first.body.equals(body(1)));
  assert.equal(assertRefusal(await post(place, key), 409, "response-not-kept")["original_status"], 201);
  assert.equal(place.count, 1);
});

for (const fault of ["r2-part-fails", "r2-complete-fails"]) {
  test(`fault_b2 rule_8_5 rule_8_16 ${fault}: it ran, and nobody gets its answer`, async () => {
    const place = origin.place(large(true));
    const key = gateway.key();
    for (const answer of [await post(place, key, fault), await post(place, key)]) {
      assert.equal(assertRefusal(answer, 409, "response-not-kept")["original_status"], 201);
    }
    await gateway.logged(({ warning }) => warning === "body-not-kept");
    assert.equal(place.count, 1);
  });
}

test("fault_b2 rule_8_16 rule_9_20 a stream whose bucket fails reaches its client whole, and is not kept", async () => {
  const place = origin.place(large(false), { under: "/streaming" });
  const key = gateway.key();
  const first = await post(place, key, "r2-part-fails");
  assert.ok(first.body.equals(body(1)));
  assertRefusal(await post(place, key), 409, "response-not-kept");
  assert.equal(place.count, 1);
});

test("fault_b2 rule_8_16 a part that fails is sent again", async () => {
  const place = origin.place(large(true));
  const key = gateway.key();
  const first = await post(place, key, "r2-part-fails-twice");
  assertFresh(first);
  assertReplay(await post(place, key), first);
});

for (const fault of ["r2-get-fails", "r2-get-misses", "r2-get-short"]) {
  test(`fault_b3 edge_132 rule_8_16 ${fault}: the answer is not to be had, and nothing runs again`, async () => {
    const place = origin.place(large(true));
    const key = gateway.key();
    const first = await post(place, key);
    assertRefusal(await post(place, key, fault), 503, "replay-unavailable");
    assertReplay(await post(place, key), first);
    // The first caller, too, is told to come again.
    const other = gateway.key();
    assertRefusal(await post(place, other, fault), 503, "replay-unavailable");
    assertFreshBody(await post(place, other), body(2));
    assert.equal(place.count, 2);
  });
}

function assertFreshBody(answer: Answer, bytes: Buffer): void {
  assert.equal(answer.header("idempotency-status"), "replayed");
  assert.ok(answer.body.equals(bytes));
}
