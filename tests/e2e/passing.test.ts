// What reaches the origin, and what passes through: upgrades, interim answers, headers, loops, streams (docs/protocol.md §1, §6).

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { assertFresh, assertPassed, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import { barrier, within } from "./guard.ts";
import { claimCount, gateway, origin } from "./http.ts";
import type { Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

// ---------------------------------------------------------------------------------------------- upgrades, interim

test("edge_031 rule_1_4 a WebSocket passes through with its key, echoes both ways, and claims nothing", async () => {
  const claims = await claimCount();
  const upgrades: (string | undefined)[] = [];
  origin.onUpgrade = (request, socket, head) => {
    upgrades.push(request.headers["idempotency-key"] as string | undefined);
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.on("error", () => {});
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    let received = head;
    const echo = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]);
      for (let frame = readFrame(received); frame !== undefined; frame = readFrame(received)) {
        received = received.subarray(frame.length);
        // Text is echoed; a close is answered with a close.
        socket.write(Buffer.concat([Buffer.from([0x80 | frame.opcode, frame.payload.length]), frame.payload]));
        if (frame.opcode === 8) socket.end();
      }
    };
    socket.on("data", echo);
    echo(Buffer.alloc(0));
  };
  const key = gateway.key();
  for (const attempt of [1, 2]) {
    const wire = await gateway.connect();
    wire.requestHead({
      path: "/v1/socket",
      headers: [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        `Idempotency-Key: ${key}`,
      ],
    });
    assert.equal((await wire.head()).status, 101);
    for (const text of ["hello", "again"]) {
      wire.write(maskedFrame(1, Buffer.from(text)));
      const echoed = await wire.takeRaw(2 + text.length);
      assert.deepEqual(echoed, Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]));
    }
    wire.write(maskedFrame(8, Buffer.from([0x03, 0xe8])));
    await wire.takeRaw(4);
    wire.close();
    assert.deepEqual(upgrades, Array(attempt).fill(key), "the origin saw each upgrade, with its key");
  }
  origin.onUpgrade = undefined;
  assert.equal(await claimCount(), claims);
});

/** One client frame of fewer than 126 bytes; clients mask theirs. */
function maskedFrame(opcode: number, payload: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, unmask(payload, mask)]);
}

function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  const [first = 0, second = 0] = bytes;
  const size = second & 0x7f;
  const length = 2 + 4 + size;
  if (bytes.length < 2 || bytes.length < length) return undefined;
  return { opcode: first & 0x0f, payload: unmask(bytes.subarray(6, length), bytes.subarray(2, 6)), length };
}

function unmask(payload: Buffer, mask: Buffer): Buffer {
  return Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
}

test("edge_031 rule_1_4 a covered method that asks for an upgrade passes through every time, whatever its key", async () => {
  const claims = await claimCount();
  const place = origin.place();
  const key = gateway.key();
  for (const execution of [1, 2]) {
    const answer = await gateway.post(place.path, key, "{}", ["Connection: Upgrade", "Upgrade: h2c"]);
    assertPassed(answer);
    assert.deepEqual(answer.json(), { execution, target: place.path });
  }
  assert.equal(await claimCount(), claims);
});

test("edge_032 a request with Expect: 100-continue is answered, first and again, and after a mismatch", async () => {
  const place = origin.place();
  const key = gateway.key();
  const ask = (body: string): Promise<Answer> => gateway.post(place.path, key, body, ["Expect: 100-continue"]);
  const first = await ask("{}");
  assertFresh(first);
  assert.deepEqual(first.json(), { execution: 1, target: place.path });
  assertReplay(await ask("{}"), first);
  assertRefusal(await ask("[]"), 422, "key-reused");
  assert.equal(place.count, 1);
});

test("edge_032 rule_1_6 a passed request with Expect: 100-continue gets the origin's final answer", async () => {
  const place = origin.place(undefined, { under: "/unguarded" });
  const answer = await gateway.send({ method: "POST", path: place.path, headers: ["Expect: 100-continue"], body: "{}" });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.json(), { execution: 1, target: place.path });
  assert.equal(place.count, 1);
});

test("fault_o5 edge_033 an interim answer of the origin is never taken for the final one", async () => {
  for (const interim of [102, 103]) {
    const place = origin.place((_, response) => {
      if (interim === 103) response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      else response.writeProcessing();
      response.writeHead(201, { "Content-Type": "text/plain", "Content-Length": 4 }).end("made");
    });
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    const second = await gateway.post(place.path, key);
    // This workerd hands an interim answer to the Worker as if it were the final one (and the final one as its body), so
    // here the final answer cannot be had. Then the outcome is unknown, says so, and is not run again.
    assertRefusal(first, 502, "origin-no-answer");
    assertRefusal(second, 409, "outcome-unknown");
    assert.equal(place.count, 1);
  }
});

// ----------------------------------------------------------------------------------------------- the origin's side

test("rule_6_3 the origin gets method, target, headers and body as they came, and the attempt", async () => {
  const place = origin.place();
  const body = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
  const target = `${place.path}/a%2fb?q=%7e&q=a+b&empty=`;
  const answer = await gateway.send({
    method: "PATCH",
    path: target,
    headers: [
      'Idempotency-Key: "quoted-key-of-6-3"',
      "Content-Type: application/octet-stream; v=1",
      "Authorization: Bearer t0ken",
      "X-Own: one",
      "X-Own: two",
      "User-Agent: a client",
      "Cookie: a=1; b=2",
    ],
    body,
  });
  assertFresh(answer);
  const seen = place.only;
  assert.equal(seen.method, "PATCH");
  assert.equal(seen.target, target);
  assert.deepEqual(seen.body, body);
  assert.equal(seen.header("idempotency-key"), '"quoted-key-of-6-3"');
  assert.equal(seen.header("content-type"), "application/octet-stream; v=1");
  assert.equal(seen.header("authorization"), "Bearer t0ken");
  assert.equal(seen.lines("x-own").join(", "), "one, two");
  assert.equal(seen.header("user-agent"), "a client");
  assert.equal(seen.header("cookie"), "a=1; b=2");
  assert.equal(seen.header("content-length"), "512");
  assert.match(seen.header("idempotency-attempt") ?? "", /^[0-9a-f]{16,}$/, "an attempt id");
});

test("rule_6_3 every execution has an attempt id of its own", async () => {
  const place = origin.place();
  for (let i = 0; i < 3; i += 1) assertFresh(await gateway.post(place.path, gateway.key()));
  assert.equal(new Set(place.requests.map((request) => request.header("idempotency-attempt"))).size, 3);
});

test("edge_111 edge_232 rule_9_7 neither client nor origin can forge a header of the gateway", async () => {
  const forged = {
    "Idempotent-Replayed": "true",
    "Idempotency-Status": "replayed",
    "Idempotency-Expires": "Thu, 01 Jan 2099 00:00:00 GMT",
    "Idempotency-Attempt": "0000000000000000000000000000f0rg",
    "Idempotency-Original-Date": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Idempotency-Original-Request-ID": "forged",
  };
  const place = origin.place((_, response) => response.writeHead(201, forged).end("{}"));
  const key = gateway.key();
  const lines = Object.entries(forged).map(([name, value]) => `${name}: ${value}`);
  const first = await gateway.post(place.path, key, "{}", lines);
  assertFresh(first);
  const second = await gateway.post(place.path, key, "{}", lines);
  assertReplay(second, first);
  for (const [name, value] of Object.entries(forged)) {
    if (name !== "Idempotency-Attempt") assert.deepEqual(place.only.lines(name), [], `${name} reached the origin`);
    else assert.notEqual(place.only.header(name), value, "the attempt is the gateway's own");
  }
  for (const answer of [first, second]) {
    assert.notEqual(answer.header("idempotency-expires"), forged["Idempotency-Expires"]);
    assert.deepEqual(answer.lines("idempotency-attempt"), []);
    assert.deepEqual(answer.lines("idempotency-original-request-id"), []);
    assert.notEqual(answer.header("idempotency-original-date"), forged["Idempotency-Original-Date"]);
  }
  assert.equal(place.count, 1);
});

test("rule_9_7 a released answer cannot forge a replay either", async () => {
  const place = origin.place((_, response) => response.writeHead(429, { "Idempotent-Replayed": "true", "Idempotency-Status": "replayed" }).end());
  const key = gateway.key();
  for (const count of [1, 2]) {
    const answer = await gateway.post(place.path, key);
    assert.equal(answer.status, 429);
    assert.deepEqual(answer.lines("idempotent-replayed"), []);
    assert.equal(answer.header("idempotency-status"), "fresh");
    assert.equal(place.count, count);
  }
});

// ------------------------------------------------------------------------------------------------------- loop guard

test("fault_p2 rule_6_5 a request that has passed this gateway before is refused, guarded or passed", async () => {
  const place = origin.place();
  const unguarded = origin.place(undefined, { under: "/unguarded" });
  assertFresh(await gateway.post(place.path, gateway.key()));
  const loop = place.only.header("cdn-loop") ?? "";
  assert.notEqual(loop, "", "the origin sees CDN-Loop");
  for (const value of [loop, `other; n=1, ${loop}`, `${loop.toUpperCase()}, other`, loop.replace(";", " ; "), `${loop};n=2`]) {
    assertRefusal(await gateway.post(place.path, gateway.key(), "{}", [`CDN-Loop: ${value}`]), 508, "loop-detected");
    assertRefusal(await gateway.send({ path: unguarded.path, headers: [`CDN-Loop: ${value}`] }), 508, "loop-detected");
  }
  assert.equal(place.count, 1);
  assert.equal(unguarded.count, 0);
});

test("rule_6_5 CDN-Loop of others is kept, and this gateway's name is added", async () => {
  const place = origin.place();
  const unguarded = origin.place(undefined, { under: "/unguarded" });
  assertFresh(await gateway.post(place.path, gateway.key(), "{}", ["CDN-Loop: cloudflare; loops=1, other.example"]));
  assertPassed(await gateway.send({ path: unguarded.path, headers: ["CDN-Loop: cloudflare; loops=1, other.example"] }));
  for (const seen of [place.only, unguarded.only]) {
    const items = seen.lines("cdn-loop").flatMap((line) => line.split(",").map((item) => item.trim()));
    assert.deepEqual(items.slice(0, 2), ["cloudflare; loops=1", "other.example"]);
    assert.equal(items.length, 3);
  }
});

// ------------------------------------------------------------------------------------------------------ pass-through

test("rule_1_6 a passed request streams: the origin has its first bytes before the client has sent the last", async () => {
  const place = origin.place(undefined, { under: "/unguarded" });
  const wire = await gateway.connect();
  wire.requestHead({ method: "POST", path: place.path, headers: ["Transfer-Encoding: chunked"] });
  wire.chunk("first,");
  const seen = await place.begun();
  assert.equal((await seen.bodyReaches(6)).toString(), "first,");
  assert.equal(seen.complete, false);
  wire.chunk("last");
  wire.lastChunk();
  assert.equal((await wire.answer()).status, 201);
  assert.equal(seen.body.toString(), "first,last");
  wire.close();
});

test("rule_1_6 a passed answer streams: the client has its first bytes before the origin has sent the last", async () => {
  const gate = barrier();
  const place = origin.place(
    async (_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write("data: first\n\n");
      await gate.opened;
      response.end("data: last\n\n");
    },
    { under: "/unguarded" },
  );
  const wire = await gateway.connect();
  wire.request({ path: place.path });
  assert.equal((await wire.bodyReaches(13)).toString(), "data: first\n\n");
  gate.open();
  assert.equal((await wire.answer()).text(), "data: first\n\ndata: last\n\n");
  wire.close();
});

test("rule_1_6 a passed answer comes as the origin sent it: status, header lines, bytes", async () => {
  // The gateway's own names are nobody's on a passed answer; bytes of gzip stay bytes of gzip.
  const gzip = Buffer.from("1f8b0800000000000003cb48cdc9c95728cf2fca49010085114a0d0b000000", "hex");
  const lines: [string, string][] = [
    ["X-Own", "one"],
    ["Set-Cookie", "a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT"],
    ["Set-Cookie", "b=2"],
    ["Content-Type", "text/plain"],
    ["Content-Encoding", "gzip"],
    ["Content-Length", String(gzip.length)],
    ["Age", "7"],
    ["Idempotency-Status", "the origin's own"],
  ];
  const place = origin.place((_, response) => response.writeHead(299, "Own Reason", lines.flat()).end(gzip), { under: "/unguarded" });
  const answer = await gateway.send({ method: "PUT", path: place.path, headers: ["Accept-Encoding: gzip"], body: "{}" });
  assert.equal(answer.status, 299);
  assert.equal(answer.reason, "Own Reason");
  for (const [name] of lines) {
    const expected = lines.filter(([each]) => each === name).map(([, value]) => value);
    assert.deepEqual(answer.lines(name), expected, name);
  }
  assert.deepEqual(answer.body, gzip);
});

test("edge_029 rule_1_7 the answer to an ignored key comes as the origin sent it, but for the word that says so", async () => {
  const gzip = Buffer.from("1f8b0800000000000003cb48cdc9c95728cf2fca49010085114a0d0b000000", "hex");
  const lines: [string, string][] = [
    ["X-Own", "one"],
    ["Set-Cookie", "a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT"],
    ["Set-Cookie", "b=2"],
    ["Content-Type", "text/plain"],
    ["Content-Encoding", "gzip"],
    ["Access-Control-Allow-Origin", "https://app.example"],
  ];
  const forged: [string, string] = ["Idempotency-Status", "replayed"];
  const script: Script = (_, response) => response.writeHead(299, "Own Reason", [...lines, forged].flat()).end(gzip);
  const place = origin.place(script, { under: "/ignoring" });
  const ask = (): Promise<Answer> =>
    gateway.send({ method: "POST", path: place.path, headers: ["Idempotency-Key: k", "Accept-Encoding: gzip"], body: "{}" });
  for (const execution of [1, 2]) {
    const answer = await ask();
    assert.equal(answer.status, 299);
    assert.equal(answer.reason, "Own Reason");
    for (const [name] of lines) {
      const expected = lines.filter(([each]) => each === name).map(([, value]) => value);
      assert.deepEqual(answer.lines(name), expected, name);
    }
    assert.deepEqual(gunzipSync(answer.body), gunzipSync(gzip));
    assert.deepEqual(answer.lines("idempotency-status"), ["ignored"], "and nobody forges it");
    assert.match(answer.header("access-control-expose-headers") ?? "", /idempotency-status/);
    assert.equal(place.count, execution);
  }
  place.script = (_, response) => response.writeHead(204).end();
  const empty = await ask();
  assert.equal(empty.status, 204);
  assert.deepEqual(empty.lines("idempotency-status"), ["ignored"]);
});

test("rule_1_7 the answer to an ignored key streams, and breaks off where the origin's does", async () => {
  const gate = barrier();
  const place = origin.place(
    async (request, response) => {
      response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": 100 });
      response.write("partial");
      await gate.opened;
      request.reset();
    },
    { under: "/ignoring" },
  );
  const wire = await gateway.connect();
  wire.request({ method: "POST", path: place.path, headers: ["Idempotency-Key: k"], body: "{}" });
  assert.equal((await wire.bodyReaches(7)).toString(), "partial");
  gate.open();
  await assert.rejects(within("the answer failing", wire.answer()), /connection (ended|failed)/);
  wire.close();
});

test("rule_1_6 a passed request reaches the origin as it came, but for CDN-Loop", async () => {
  const place = origin.place(undefined, { under: "/unguarded" });
  const target = `${place.path}/a%2fb?b=2&a=1&a=0`;
  const headers = ["Idempotency-Key: a, b", "Idempotency-Status: mine", "Idempotent-Replayed: mine", "X-Own: one", "Content-Type: text/plain"];
  assertPassed(await gateway.send({ method: "POST", path: target, headers, body: "bytes \0\xff" }));
  const seen = place.only;
  assert.equal(seen.target, target);
  assert.equal(seen.body.toString(), "bytes \0\xff");
  for (const line of headers) {
    const [name = "", value] = line.split(/: (.*)/);
    assert.deepEqual(seen.lines(name), [value], name);
  }
  assert.deepEqual(seen.lines("idempotency-attempt"), [], "nothing was claimed for it");
});

test("rule_1_6 a passed answer that breaks off breaks off at the client: it never looks complete", async () => {
  const place = origin.place(
    (request, response) => {
      response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": 100 });
      response.write("partial", () => request.reset());
    },
    { under: "/unguarded" },
  );
  const wire = await gateway.connect();
  wire.request({ path: place.path });
  await assert.rejects(within("the answer failing", wire.answer()), /connection (ended|failed)/);
  wire.close();
});

test("fault_o7 rule_1_6 a passed request whose origin refuses connections is told so, as 502", async () => {
  const nowhere = await startGateway({ policy: policy("http://127.0.0.1:1", "POST /v1/*") });
  try {
    assertRefusal(await nowhere.send({ path: "/v1/orders" }), 502, "pass-failed");
  } finally {
    await nowhere.close();
  }
});

test("rule_1_1 rule_1_5 edge_135 a request without a key, or that no route guards, runs every time", async () => {
  const claims = await claimCount();
  const keyless = origin.place();
  const unguarded = origin.place(undefined, { under: "/unguarded" });
  for (const execution of [1, 2]) {
    const one = await gateway.send({ method: "POST", path: keyless.path, headers: ["Content-Type: application/json"], body: "{}" });
    assertPassed(one);
    assert.deepEqual(one.json(), { execution, target: keyless.path });
    const other = await gateway.post(unguarded.path, "the-same-key");
    assertPassed(other);
    assert.deepEqual(other.json(), { execution, target: unguarded.path });
  }
  assert.equal(await claimCount(), claims);
});
