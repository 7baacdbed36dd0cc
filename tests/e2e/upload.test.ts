// Bodies that are too large to be held: hashed while they are sent on, and retries hashed without being sent (docs/protocol.md
// rules 4.22, 5.28 and 7.7).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Wire } from "./wire.ts";

const HELD = 64 * 1024;
const MOST = 1024 * 1024;
/** Well over what is held, and not a multiple of anything. */
const LARGE = 300_007;

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    inspect: true,
    policy: policy(
      origin.url,
      { limits: `buffered_body = "64 KiB"\nrequest_body = "1 MiB"` },
      "POST /v1/*",
      { match: "POST /hold/*", rules: `[routes.outcome]\nupload_cut = "hold"` },
      { match: "POST /any/*", rules: `[routes.fingerprint]\ncompare = false` },
      { match: "POST /waits/*", rules: `[routes.running]\nanswer = "wait"\nwait_seconds = 10` },
      { match: "POST /quick/*", rules: `call = { deadline_seconds = 1, lease_seconds = 11, upload_seconds = 1 }` },
      { match: "POST /detached/*", rules: `dispatch = "detached"` },
      { match: "POST /secret/*", rules: `[[routes.outcome.never_store]]\nrequest = "json"\npointer = "/reveal"\nthen = "spent"` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** Bytes that no other call gives, in which every position counts. */
function bytes(length: number, seed: number): Buffer {
  const out = Buffer.alloc(length);
  let state = seed + 1;
  for (let at = 0; at < length; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out.writeUInt32LE(state, Math.min(at, length - 4));
  }
  return out;
}

const TYPE = "Content-Type: application/octet-stream";

/** Opens a connection and sends the head of an upload that announces `length` bytes; without, it comes in chunks. */
async function beginUpload(place: Place, key: string, length?: number, type = TYPE): Promise<Wire> {
  const wire = await gateway.connect();
  const framing = length === undefined ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`;
  wire.requestHead({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, type, framing] });
  return wire;
}

function upload(place: Place, key: string, body: Buffer, type = TYPE): ReturnType<Gateway["send"]> {
  return gateway.send({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, type], body });
}

function inChunks(place: Place, key: string, body: Buffer): ReturnType<Gateway["send"]> {
  const pieces = [body.subarray(0, 1), body.subarray(1, HELD + 1), body.subarray(HELD + 1)];
  return gateway.send({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, TYPE], body: pieces });
}

for (const [how, send] of [["announced", upload], ["in chunks", inChunks]] as const) {
  test(`rule_4_22 an upload that comes ${how} reaches the origin byte by byte, once`, async () => {
    const place = origin.place();
    const key = gateway.key();
    const body = bytes(LARGE, 1);
    const first = await send(place, key, body);
    assertFresh(first);
    assert.deepEqual(place.only.body, body);
    assert.equal(place.only.header("content-length"), how === "announced" ? String(LARGE) : undefined);
    // Whichever way it comes the second time, it is one request.
    assertReplay(await upload(place, key, body), first);
    assertReplay(await inChunks(place, key, body), first);
    assert.equal(place.count, 1);
  });
}

test("edge_216 rule_4_22 every byte counts: the first, the last, and those in between", async () => {
  const place = origin.place();
  const key = gateway.key();
  const body = bytes(LARGE, 2);
  const first = await upload(place, key, body);
  for (const at of [0, HELD, LARGE - 1]) {
    const other = Buffer.from(body);
    other[at] = (other[at] ?? 0) ^ 1;
    assertRefusal(await upload(place, key, other), 422, "key-reused");
  }
  assertRefusal(await upload(place, key, body.subarray(1)), 422, "key-reused");
  assertRefusal(await upload(place, key, body.subarray(0, HELD)), 422, "key-reused");
  assertReplay(await upload(place, key, body), first);
  assert.equal(place.count, 1);
});

test("rule_4_22 a body of what is held and one byte more are two ways, and two requests", async () => {
  const place = origin.place();
  const [held, more] = [bytes(HELD, 3), bytes(HELD + 1, 3)];
  for (const [body, other] of [
    [held, more],
    [more, held],
  ] as const) {
    const key = gateway.key();
    const first = await upload(place, key, body);
    assertReplay(await upload(place, key, body), first);
    assertRefusal(await upload(place, key, other), 422, "key-reused");
  }
  assert.equal(place.count, 2);
});

test("rule_5_28 a retry while the upload still comes is in progress, and a different head a mismatch", async () => {
  const place = origin.place();
  const key = gateway.key();
  const body = bytes(LARGE, 4);
  const wire = await beginUpload(place, key, LARGE);
  wire.write(body.subarray(0, 100_000));
  const running = await place.begun();
  await running.bodyReaches(HELD + 1);
  assertRefusal(await upload(place, key, body), 409, "request-in-progress");
  assertRefusal(await gateway.post(place.path, key, "{}", [TYPE]), 422, "key-reused");
  assertRefusal(await upload(place, key, body, "Content-Type: image/png"), 422, "key-reused");
  wire.write(body.subarray(100_000));
  const first = await wire.answer();
  assertFresh(first);
  wire.close();
  assertReplay(await upload(place, key, body), first);
  assert.equal(place.count, 1);
});

test("rule_5_28 a retry that waits is hashed first, and gets the first answer when it is there", async () => {
  const gate = barrier();
  const place = origin.place(
    async (request, response) => {
      await gate.opened;
      response.writeHead(201).end(`n${request.number}`);
    },
    { under: "/waits" },
  );
  const key = gateway.key();
  const body = bytes(LARGE, 5);
  const first = upload(place, key, body);
  await place.arrived();
  const same = upload(place, key, body);
  const other = upload(place, key, bytes(LARGE, 6));
  while ((await gateway.inLedger()) < 2);
  gate.open();
  assertReplay(await same, await first);
  assertRefusal(await other, 422, "key-reused");
  assert.equal(place.count, 1);
});

test("fault_u1 edge_071 rule_7_7 an upload that breaks off is cut at the origin, and leaves nothing behind", async () => {
  for (const length of [LARGE, undefined]) {
    for (const ending of ["end", "reset"] as const) {
      const place = origin.place();
      const key = gateway.key();
      const body = bytes(LARGE, 7);
      const wire = await beginUpload(place, key, length);
      if (length === undefined) wire.chunk(body.subarray(0, 200_000));
      else wire.write(body.subarray(0, 200_000));
      const cut = await place.begun();
      await cut.bodyReaches(HELD + 1);
      wire[ending]();
      if (ending === "end") assertRefusal(await wire.answer(), 400, "body-truncated");
      // Not before its claim is gone may the key run again.
      await gateway.logged(({ outcome, route }) => outcome === "body-truncated" && route === "POST /v1/*", ++truncated);
      assert.equal(cut.complete, false, "the origin saw that the request has no end");
      const first = await upload(place, key, body);
      assertFresh(first);
      assert.deepEqual(place.requests[1]?.body, body);
      assertReplay(await upload(place, key, body), first);
      assert.equal(place.count, 2);
    }
  }
});
let truncated = 0;

test("fault_u1 rule_7_7 where the contract says so, a broken upload holds its key", async () => {
  const place = origin.place(undefined, { under: "/hold" });
  const key = gateway.key();
  const body = bytes(LARGE, 8);
  const wire = await beginUpload(place, key, LARGE);
  wire.write(body.subarray(0, 200_000));
  await (await place.begun()).bodyReaches(HELD + 1);
  wire.end();
  assertRefusal(await wire.answer(), 409, "outcome-unknown");
  assertRefusal(await upload(place, key, body), 409, "outcome-unknown");
  assertRefusal(await upload(place, key, body, "Content-Type: image/png"), 422, "key-reused");
  assert.equal(place.count, 1);
});

test("rule_4_12 an upload over the limit is refused: before anything is sent where it is announced, else as soon as it shows", async () => {
  const place = origin.place();
  const key = gateway.key();
  const wire = await beginUpload(place, key, MOST + 1);
  assertRefusal(await wire.answer(), 413, "body-too-large");
  wire.close();
  assert.equal(place.count, 0);
  const over = bytes(MOST + 1, 9);
  const answer = await gateway.send({
    method: "POST",
    path: place.path,
    headers: [`Idempotency-Key: ${key}`, TYPE],
    body: [over.subarray(0, MOST), over.subarray(MOST)],
  });
  assert.match(assertRefusal(answer, 413, "body-too-large").detail, /at most 1048576 bytes \(`limits.request_body`/);
  assert.equal(place.only.complete, false, "the origin saw that the request has no end");
  assertFresh(await upload(place, key, over.subarray(1)));
});

test("rule_4_12 where all of a body is needed, what is held is the limit", async () => {
  const place = origin.place(undefined, { under: "/detached" });
  const refused = assertRefusal(await upload(place, gateway.key(), bytes(HELD + 1, 10)), 413, "body-too-large");
  assert.match(refused.detail, /at most 65536 bytes \(`limits.buffered_body`/);
  assertFresh(await upload(place, gateway.key(), bytes(HELD, 10)));
  assert.equal(place.count, 1);
});

test("rule_4_22 an origin that answers early is believed: what it stores is compared by the whole body", async () => {
  const place = origin.place((request, response) => response.writeHead(201).end(`n${request.number}`), { early: true });
  const key = gateway.key();
  const body = bytes(LARGE, 11);
  const wire = await beginUpload(place, key, LARGE);
  wire.write(body.subarray(0, 100_000));
  await place.begun();
  wire.write(body.subarray(100_000));
  const first = await wire.answer();
  assertFresh(first);
  wire.close();
  assertReplay(await upload(place, key, body), first);
  assertRefusal(await upload(place, key, bytes(LARGE, 12)), 422, "key-reused");
  assert.equal(place.count, 1);
});

test("fault_u2 fault_o4 rule_7_7 an origin that has begun to answer has acted, although the upload never ends", async () => {
  const { promise: answered, resolve } = Promise.withResolvers<void>();
  const place = origin.place((_, response) => response.writeHead(201).end("made", resolve), { early: true });
  const key = gateway.key();
  const body = bytes(LARGE, 14);
  const wire = await beginUpload(place, key, LARGE);
  wire.write(body.subarray(0, 100_000));
  await answered;
  // The answer is on its way: the gateway has read it at the latest after some more rounds of its event loop.
  for (let sent = 100_000; sent < 200_000; sent += 5_000) {
    wire.write(body.subarray(sent, sent + 5_000));
    await place.only.bodyReaches(sent + 5_000);
  }
  wire.end();
  assertRefusal(await wire.answer(), 502, "origin-broke-off");
  assertRefusal(await upload(place, key, body), 409, "outcome-unknown");
  assert.equal(place.count, 1);
});

test("fault_u2 rule_7_7 an origin that goes away in the middle of an upload has not executed it", async () => {
  const place = origin.place((request) => request.reset(), { early: true });
  const key = gateway.key();
  const body = bytes(LARGE, 15);
  // The rest is held back: what is on its way when the connection breaks may be all of it.
  const wire = await beginUpload(place, key, LARGE);
  wire.write(body.subarray(0, 100_000));
  assert.equal(assertRefusal(await wire.answer(), 502, "upload-cut").retry, "same-key");
  wire.close();
  place.script = (request, response) => request.bodyReaches(LARGE).then(() => response.writeHead(201).end("made"));
  const first = await upload(place, key, body);
  assertFresh(first);
  assertReplay(await upload(place, key, body), first);
  assert.equal(place.count, 2);
});

test("fault_u3 rule_4_22 an upload may take its own time, and no longer", async () => {
  const place = origin.place(undefined, { under: "/quick" });
  const key = gateway.key();
  const wire = await beginUpload(place, key, LARGE);
  wire.write(bytes(100_000, 16));
  const refused = assertRefusal(await wire.answer(), 502, "upload-cut");
  assert.match(refused.detail, /call\.upload_seconds/);
  wire.close();
  assert.equal(place.only.complete, false);
  assertFresh(await upload(place, key, bytes(LARGE, 16)));
});

test("rule_4_22 a large form counts by its parts, whatever its boundary", async () => {
  const place = origin.place();
  const key = gateway.key();
  const form = (boundary: string, file: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n`),
      file,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
  const type = (boundary: string): string => `Content-Type: multipart/form-data; boundary=${boundary}`;
  const file = Buffer.alloc(LARGE, "file ");
  const first = await upload(place, key, form("one", file), type("one"));
  assertFresh(first);
  assertReplay(await upload(place, key, form("another-boundary", file), type("another-boundary")), first);
  const changed = Buffer.from(file);
  changed[LARGE - 1] = 0;
  assertRefusal(await upload(place, key, form("one", changed), type("one")), 422, "key-reused");
  assert.equal(place.count, 1);
});

test("rule_4_22 a large JSON body counts by its bytes", async () => {
  const place = origin.place();
  const key = gateway.key();
  const json = (space: string): Buffer => Buffer.from(`{${space}"text":"${"x".repeat(LARGE)}"}`);
  const type = "Content-Type: application/json";
  const first = await upload(place, key, json(""), type);
  assertReplay(await upload(place, key, json(""), type), first);
  assertRefusal(await upload(place, key, json(" "), type), 422, "key-reused");
});

test("rule_4_22 a contract that compares nothing needs no hash: a large retry gets the first answer", async () => {
  const place = origin.place(undefined, { under: "/any" });
  const key = gateway.key();
  const first = await upload(place, key, bytes(LARGE, 17));
  assertReplay(await upload(place, key, bytes(LARGE, 18)), first);
  assertReplay(await gateway.post(place.path, key, "{}"), first);
  assert.equal(place.count, 1);
});

test("rule_8_12 a large body that a rule would have to look into counts as a match", async () => {
  const place = origin.place(undefined, { under: "/secret" });
  const key = gateway.key();
  const body = Buffer.from(JSON.stringify({ text: "x".repeat(LARGE) }));
  assertFresh(await upload(place, key, body, "Content-Type: application/json"));
  assertRefusal(await upload(place, key, body, "Content-Type: application/json"), 409, "response-not-kept");
  assert.equal(place.count, 1);
});
