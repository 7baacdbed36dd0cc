// Where stored answers are kept, and what follows when one is gone (docs/protocol.md §8; edge cases 99 to 101, 132, 133, 213, 224).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import type { Problem } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

const KIB = 1024;
const INLINE_LIMIT = 256 * KIB;

let origin: Origin;
/** KV policy `always`, as by default. */
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({ inspect: true, policy: policy(origin.url, "POST /v1/*") });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** A gateway with this KV policy, for one test. */
async function withKv(mode: string, run: (gateway: Gateway) => Promise<void>): Promise<void> {
  const own = await startGateway({ inspect: true, policy: `${policy(origin.url, "POST /v1/*")}\n[responses]\nkv = "${mode}"\n` });
  try {
    await run(own);
  } finally {
    await own.close();
  }
}

/** A place that answers every execution with these bytes. */
function answering(bytes: Uint8Array, status = 201): Place {
  return origin.place((request, response) => {
    response.writeHead(status, { "Content-Type": "application/octet-stream", "X-Execution": String(request.number) }).end(bytes);
  });
}

async function names(of: Gateway): Promise<string[]> {
  return (await (await of.kv()).list()).keys.map((key) => key.name);
}

/** The one name that `run` brought into KV, as soon as it is there. */
async function newName(of: Gateway, run: () => Promise<unknown>): Promise<string> {
  const before = new Set(await names(of));
  await run();
  const added = await eventually(
    "a value appearing in KV",
    async () => (await names(of)).filter((name) => !before.has(name)),
    (added) => added.length > 0,
  );
  assert.equal(added.length, 1);
  return added[0] ?? "";
}

async function value(of: Gateway, name: string): Promise<Buffer> {
  const bytes = await (await of.kv()).get(name, "arrayBuffer");
  assert.ok(bytes !== null);
  return Buffer.from(bytes);
}

/** A first answer with a body of this size, and the name of its value in KV. */
async function kept(size: number): Promise<{ place: Place; key: string; first: Answer; name: string }> {
  const place = answering(randomBytes(size));
  const key = gateway.key();
  let first: Answer | undefined;
  const name = await newName(gateway, async () => (first = await gateway.post(place.path, key)));
  assert.ok(first !== undefined);
  assertFresh(first);
  return { place, key, first, name };
}

test("rule_8_3 with `always`, a small answer is copied to KV after the reply, body and all", async () => {
  const { place, key, first, name } = await kept(100);
  assert.ok((await value(gateway, name)).includes(first.body));
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 1);
});

test("rule_8_2 a body up to the inline limit lies in the ledger's row, a larger one in KV", async () => {
  for (const [size, inline] of [[INLINE_LIMIT, true], [INLINE_LIMIT + 1, false]] as const) {
    const place = answering(randomBytes(size));
    const key = gateway.key();
    let first: Answer | undefined;
    const row = await claimMadeBy(gateway, async () => (first = await gateway.post(place.path, key)));
    assert.ok(first !== undefined);
    assertFresh(first);
    const record = Buffer.from(row["record"] as ArrayBuffer);
    assert.equal(record.includes(first.body), inline, `${size} bytes`);
    if (!inline) assert.ok(record.length < 4 * KIB, "without the body, a record is small");
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});

test("rule_8_4 a body from KV is replayed byte by byte, up to many megabytes", async () => {
  for (const size of [300 * KIB, 24 * KIB * KIB + 1]) {
    const { place, key, first } = await kept(size);
    assert.equal(first.body.length, size);
    for (let i = 0; i < 2; i++) assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});

test("rule_8_4 a small answer does not need KV: it is replayed when its copy is gone", async () => {
  const { place, key, first, name } = await kept(100);
  await (await gateway.kv()).delete(name);
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 1);
});

test("edge_132 rule_8_4 a body that is gone from KV is unavailable, never executed again, and replayed when it is back", async () => {
  const { place, key, first, name } = await kept(INLINE_LIMIT + 1);
  const kv = await gateway.kv();
  const bytes = await value(gateway, name);
  await kv.delete(name);
  const answer = await gateway.post(place.path, key);
  const problem = assertRefusal(answer, 503, "replay-unavailable");
  assert.equal(problem.retry, "same-key");
  assert.equal(problem.new_key, "unsafe");
  assert.ok(Number(answer.header("retry-after")) >= 1);
  await kv.put(name, bytes);
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 1);
});

test("edge_133 rule_8_4 a value in KV that is not the record's is not used: damaged, cut, longer, or another claim's", async () => {
  const other = await kept(INLINE_LIMIT + 1);
  const { place, key, first, name } = await kept(INLINE_LIMIT + 1);
  const kv = await gateway.kv();
  const bytes = await value(gateway, name);
  const foreign = await value(gateway, other.name);
  assert.equal(foreign.length, bytes.length, "only what it says tells the other claim's value apart");
  const damagedHead = Buffer.from(bytes);
  damagedHead.fill(0xff, 0, 40);
  const damaged: [string, Uint8Array][] = [
    ["a damaged head", damagedHead],
    ["a body cut by one byte", bytes.subarray(0, -1)],
    ["a body longer by one byte", Buffer.concat([bytes, Buffer.of(0)])],
    ["another claim's value", foreign],
    ["nothing", Buffer.alloc(0)],
  ];
  for (const [what, wrong] of damaged) {
    await kv.put(name, wrong);
    const answer = await gateway.post(place.path, key);
    assert.equal(answer.status, 503, what);
    assertRefusal(answer, 503, "replay-unavailable");
  }
  await kv.put(name, bytes);
  assertReplay(await gateway.post(place.path, key), first);
  assertReplay(await gateway.post(other.place.path, other.key), other.first);
  assert.deepEqual([place.count, other.place.count], [1, 1]);
});

test("edge_099 edge_224 rule_8_2 a body beyond what KV takes reaches the first caller whole; retries learn that it ran", async () => {
  const size = 26 * KIB * KIB;
  const body = randomBytes(size);
  const place = answering(body);
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assertFresh(first);
  assert.ok(first.body.equals(body), "whole, byte by byte");
  for (let i = 0; i < 2; i++) {
    const again = await gateway.post(place.path, key);
    const problem = assertRefusal(again, 409, "response-not-kept");
    assert.equal(problem["original_status"], 201);
    assert.equal(problem.retry, "no");
    assert.equal(problem.new_key, "unsafe");
    assert.equal(again.header("idempotency-status"), "spent");
    assert.equal(again.header("idempotency-expires"), first.header("idempotency-expires"));
  }
  assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
  assert.equal(place.count, 1);
});

test("edge_099 edge_213 rule_8_2 a body beyond what KV takes flows to the first caller while the origin sends it, and is known to have run", async () => {
  const gate = barrier();
  const start = Buffer.alloc(26 * KIB * KIB, "data: tick\n\n");
  const last = Buffer.from("data: last\n\n");
  const place = origin.place(async (_, response) => {
    response.writeHead(200, { "Content-Type": "application/x-ndjson" }).write(start);
    await gate.opened;
    response.end(last);
  });
  const key = gateway.key();
  const wire = await gateway.connect();
  wire.request({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, "Content-Type: application/json"], body: "{}" });
  assert.notEqual((await wire.bodyReaches(1)).length, 0);
  const assertSpent = async (): Promise<void> => {
    const again = await gateway.post(place.path, key);
    assert.equal(assertRefusal(again, 409, "response-not-kept")["original_status"], 200);
    assert.equal(again.header("idempotency-status"), "spent");
  };
  await assertSpent();
  gate.open();
  const first = await wire.answer();
  wire.close();
  assertFresh(first, 200);
  assert.equal(first.header("content-type"), "application/x-ndjson");
  assert.ok(first.body.equals(Buffer.concat([start, last])), "whole, byte by byte");
  await assertSpent();
  assert.equal(place.count, 1);
});

// An answer without Content-Length is no case here: the runtime ends its chunks cleanly, even for a passed one (workerd#6818).
test("edge_101 a body beyond what KV takes that breaks off does not look complete to the first caller, and never runs again", async () => {
  const place = origin.place((_, response) => {
    response.writeHead(201, { "Content-Length": 27 * KIB * KIB });
    response.write(Buffer.alloc(26 * KIB * KIB), () => response.destroy());
  });
  const key = gateway.key();
  await assert.rejects(gateway.post(place.path, key), /connection (ended|failed)/);
  for (let i = 0; i < 2; i++) {
    const again = await gateway.post(place.path, key);
    assert.equal(again.status, 409);
    assert.equal((again.json() as Problem).new_key, "unsafe");
  }
  assert.equal(place.count, 1);
});

test("fault_l13 edge_133 edge_229 rule_8_1 a record that cannot be read is not readable, never absent", async () => {
  for (const record of [Buffer.of(0xff, 1, 2), Buffer.of(0), Buffer.alloc(0), null]) {
    const place = answering(randomBytes(10));
    const key = gateway.key();
    const claim = await claimMadeBy(gateway, () => gateway.post(place.path, key));
    await changeClaim(gateway, claim, "record", record);
    for (let i = 0; i < 2; i++) {
      const answer = await gateway.post(place.path, key);
      assertRefusal(answer, 409, "record-unreadable");
      assert.equal(answer.header("idempotency-status"), "spent");
    }
    assert.equal(place.count, 1);
  }
});

test("rule_8_3 with `overflow`, only what does not fit inline is written to KV", async () => {
  await withKv("overflow", async (own) => {
    const small = answering(randomBytes(INLINE_LIMIT));
    const first = await own.post(small.path, "small");
    assertFresh(first);
    assertReplay(await own.post(small.path, "small"), first);
    const large = answering(randomBytes(INLINE_LIMIT + 1));
    let largeFirst: Answer | undefined;
    const name = await newName(own, async () => (largeFirst = await own.post(large.path, "large")));
    assert.ok(largeFirst !== undefined);
    assertReplay(await own.post(large.path, "large"), largeFirst);
    assert.deepEqual(await names(own), [name], "the small one was never written");
    assert.deepEqual([small.count, large.count], [1, 1]);
  });
});

test("rule_8_3 with `off`, nothing is written to KV, and a larger body is not kept", async () => {
  await withKv("off", async (own) => {
    const small = answering(randomBytes(INLINE_LIMIT));
    const first = await own.post(small.path, "small");
    assertReplay(await own.post(small.path, "small"), first);
    const body = randomBytes(INLINE_LIMIT + 1);
    const large = answering(body, 202);
    const whole = await own.post(large.path, "large");
    assertFresh(whole, 202);
    assert.ok(whole.body.equals(body));
    const problem = assertRefusal(await own.post(large.path, "large"), 409, "response-not-kept");
    assert.equal(problem["original_status"], 202);
    assert.deepEqual(await names(own), []);
    assert.deepEqual([small.count, large.count], [1, 1]);
  });
});

test("edge_099 rule_8_2 the largest row that a policy allows is kept, under as many headers as an answer may have", async () => {
  const LARGEST = 1_900_000;
  const own = await startGateway({ inspect: true, policy: `${policy(origin.url, "POST /v1/*")}\n[responses]\nkv = "off"\ninline_limit = ${LARGEST}\n` });
  try {
    const headers = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`X-Large-${i}`, "x".repeat(10_000)]));
    const body = randomBytes(LARGEST);
    const place = origin.place((_, response) => response.writeHead(201, headers).end(body));
    let first: Answer | undefined;
    const row = await claimMadeBy(own, async () => (first = await own.post(place.path, "k")));
    assert.ok(first !== undefined);
    assertFresh(first);
    assert.ok((row["record"] as ArrayBuffer).byteLength > LARGEST + 120_000);
    assertReplay(await own.post(place.path, "k"), first);
    assert.equal(place.count, 1);
  } finally {
    await own.close();
  }
});

test("rule_8_2 the inline limit is the policy's", async () => {
  const own = await startGateway({ inspect: true, policy: `${policy(origin.url, "POST /v1/*")}\n[responses]\nkv = "overflow"\ninline_limit = "1 KiB"\n` });
  try {
    const [small, large] = [answering(randomBytes(KIB)), answering(randomBytes(KIB + 1))];
    assertFresh(await own.post(small.path, "small"));
    let first: Answer | undefined;
    const name = await newName(own, async () => (first = await own.post(large.path, "large")));
    assert.ok(first !== undefined);
    assertReplay(await own.post(large.path, "large"), first);
    assert.deepEqual(await names(own), [name]);
    assert.deepEqual([small.count, large.count], [1, 1]);
  } finally {
    await own.close();
  }
});
