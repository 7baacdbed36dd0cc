// Request bodies: limits, chunks, uploads that are held back or break off (docs/protocol.md §4; edge cases 32, 40, 71).

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { LIMIT, claimCount, gateway, origin } from "./http.ts";
import type { Wire } from "./wire.ts";

// ---------------------------------------------------------------------------------------------------- request bodies

test("edge_040 rule_4_12 a body over the limit is refused by its actual length, chunked or announced", async () => {
  const claims = await claimCount();
  const place = origin.place();
  const over = Buffer.alloc(LIMIT + 1, "x");
  const pieces = [over.subarray(0, 40_000), over.subarray(40_000)];
  assertRefusal(await gateway.send({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${gateway.key()}`], body: pieces }), 413, "body-too-large");
  assertRefusal(await gateway.post(place.path, gateway.key(), over), 413, "body-too-large");
  assert.equal(place.count, 0);
  assert.equal(await claimCount(), claims, "nothing was claimed");
});

test("edge_040 rule_4_12 an announced length over the limit is refused before the body is sent", async () => {
  const place = origin.place();
  const wire = await gateway.connect();
  wire.requestHead({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${gateway.key()}`, `Content-Length: ${LIMIT + 1}`] });
  assertRefusal(await wire.answer(), 413, "body-too-large");
  wire.close();
  assert.equal(place.count, 0);
});

test("rule_4_12 a body of exactly the limit is taken, chunked or announced, and is one request either way", async () => {
  const place = origin.place();
  const key = gateway.key();
  const exact = Buffer.alloc(LIMIT, "x");
  const headers = [`Idempotency-Key: ${key}`, "Content-Type: application/octet-stream"];
  const first = await gateway.send({ method: "POST", path: place.path, headers, body: exact });
  assertFresh(first);
  assert.deepEqual(place.only.body, exact);
  const chunked = await gateway.send({ method: "POST", path: place.path, headers, body: [exact.subarray(0, 1), exact.subarray(1, 50_000), exact.subarray(50_000)] });
  assertReplay(chunked, first);
  assert.equal(place.count, 1);
});

test("rule_4_12 the limit is for guarded requests: a passed one may be larger", async () => {
  const place = origin.place(undefined, { under: "/unguarded" });
  const large = Buffer.alloc(LIMIT * 4, "y");
  assert.equal((await gateway.send({ method: "POST", path: place.path, body: large })).status, 201);
  assert.deepEqual(place.only.body, large);
});

test("edge_041 rule_6_3 headers of one connection neither reach the origin nor count", async () => {
  const place = origin.place();
  const key = gateway.key();
  const first = await gateway.post(place.path, key, "{}", [
    "Connection: keep-alive, X-Hop",
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic aG9wOmhvcA==",
  ]);
  assertFresh(first);
  for (const name of ["keep-alive", "te", "proxy-connection", "proxy-authorization", "transfer-encoding"]) {
    assert.deepEqual(place.only.lines(name), [], `${name} reached the origin`);
  }
  assertReplay(await gateway.post(place.path, key, "{}", ["Connection: close"]), first);
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 1);
});

test("rule_6_3 a header that Connection names belongs to the connection and does not reach the origin", async () => {
  const place = origin.place();
  assertFresh(await gateway.post(place.path, gateway.key(), "{}", ["Connection: X-Hop", "X-Hop: secret of this hop", "X-End: for the end"]));
  assert.deepEqual(place.only.lines("x-hop"), []);
  assert.equal(place.only.header("x-end"), "for the end");
});

test("fault_w3 edge_071 rule_4_11 an upload that breaks off claims nothing: the whole request runs afterwards", async () => {
  for (const ending of ["end", "reset"] as const) {
    const place = origin.place();
    const key = gateway.key();
    const wire = await gateway.connect();
    wire.requestHead({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, "Content-Length: 100"] });
    wire.write("0123456789");
    wire[ending]();
    // Who only closed the sending side is told; who is gone is not.
    if (ending === "end") assertRefusal(await wire.answer(), 400, "body-truncated");
    await wire.ended();
    // Another body than the fragment: a claim of the fragment would make this a mismatch.
    const first = await gateway.post(place.path, key, '{"whole":true}');
    assertFresh(first);
    assert.equal(place.only.body.toString(), '{"whole":true}');
    assertReplay(await gateway.post(place.path, key, '{"whole":true}'), first);
    assert.equal(place.count, 1);
  }
});

test("edge_071 rule_4_11 a chunked upload that breaks off between two chunks claims nothing", async () => {
  for (const ending of ["end", "reset"] as const) {
    const place = origin.place();
    const key = gateway.key();
    const wire = await gateway.connect();
    wire.requestHead({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, "Transfer-Encoding: chunked"] });
    // What has arrived would be a whole JSON document.
    wire.chunk('{"amount":1}');
    wire[ending]();
    if (ending === "end") assertRefusal(await wire.answer(), 400, "body-truncated");
    await wire.ended();
    const first = await gateway.post(place.path, key, '{"amount":1}');
    assertFresh(first);
    assert.equal(place.only.body.toString(), '{"amount":1}');
    assert.equal(place.count, 1);
  }
});

test("edge_032 a client that holds its body back until it has waited long enough is answered like any other", async () => {
  const place = origin.place();
  const key = gateway.key();
  const hold = async (body: string): Promise<Wire> => {
    const wire = await gateway.connect();
    const headers = [`Idempotency-Key: ${key}`, "Content-Type: application/json", "Expect: 100-continue", `Content-Length: ${body.length}`];
    wire.requestHead({ method: "POST", path: place.path, headers });
    return wire;
  };
  const held = [await hold("{}"), await hold("[]"), await hold("{}")] as const;
  // What would be decided by the body is not decided before it is there: nothing is claimed, nobody is kept from the key.
  const first = await gateway.post(place.path, key);
  assertFresh(first);
  const [replay, mismatch, gone] = held;
  replay.write("{}");
  assertReplay(await replay.answer(), first);
  mismatch.write("[]");
  assertRefusal(await mismatch.answer(), 422, "key-reused");
  gone.reset();
  for (const wire of held) wire.close();
  assert.equal(place.count, 1);
});

test("edge_032 rule_2_9 rule_4_12 what the head decides is answered without the body that a client holds back", async () => {
  const place = origin.place();
  for (const [status, code, ...headers] of [
    [400, "key-malformed", "Idempotency-Key: a b", "Content-Length: 2"],
    [413, "body-too-large", `Idempotency-Key: ${gateway.key()}`, `Content-Length: ${LIMIT + 1}`],
  ] as const) {
    const wire = await gateway.connect();
    wire.requestHead({ method: "POST", path: place.path, headers: ["Expect: 100-continue", ...headers] });
    assertRefusal(await wire.answer(), status, code);
    wire.close();
  }
  assert.equal(place.count, 0);
});
