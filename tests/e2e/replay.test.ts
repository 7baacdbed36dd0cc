// A replay says what the first answer said (docs/protocol.md §8 and §9; edge cases 92 to 96 and 104 to 117). Markers that are
// forged (111, 232) are in passing.test.ts, CORS (29, 30, 244) in cors.test.ts, statuses in status.test.ts, KV in stored.test.ts.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brotliCompressSync, gunzipSync, gzipSync } from "node:zlib";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    inspect: true,
    policy: policy(
      origin.url,
      "POST /v1/*",
      { match: "POST /cookies/*", rules: "[routes.replay]\ndeny = []" },
      { match: "POST /corrected/*", rules: `[routes.outcome]\nstore = ["2xx"]\nrelease = ["3xx", "4xx", "5xx"]` },
      { match: "POST /verbatim/*", rules: `[routes.replay]\nrequest_id = "verbatim"` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

const DAY_MS = 24 * 60 * 60 * 1000;

/** A first answer and its replay, of one execution. */
async function twice(place: Place, key = gateway.key()): Promise<{ first: Answer; replay: Answer }> {
  const first = await gateway.post(place.path, key);
  const replay = await gateway.post(place.path, key);
  assert.equal(place.count, 1);
  return { first, replay };
}

test("edge_104 edge_105 edge_237 a stored 201 comes again with its body, Location, ETag and Link", async () => {
  const body = `{ "id": "run_1",\n  "amount": 1.0 , "b": "é\\u0000" }`;
  const place = origin.place((_, response) => {
    response.writeHead(201, "Made", {
      "Content-Type": "application/json; charset=utf-8",
      Location: "/v1/runs/run_1?x=%2F",
      ETag: `W/"abc"`,
      Link: `</v1/runs/run_1>; rel="self", <https://x.example/>; rel="next"`,
      "X-Custom": "  spaced, and ; odd  ",
    });
    response.end(body);
  });
  const { first, replay } = await twice(place);
  assertFresh(first);
  assert.equal(first.text(), body);
  assert.equal(first.header("location"), "/v1/runs/run_1?x=%2F");
  assert.equal(first.header("etag"), `W/"abc"`);
  assert.equal(first.header("link"), `</v1/runs/run_1>; rel="self", <https://x.example/>; rel="next"`);
  assert.equal(first.header("x-custom"), "spaced, and ; odd");
  assert.equal(first.header("content-type"), "application/json; charset=utf-8");
  assertReplay(replay, first);
});

test("edge_106 edge_205 cookies and challenges go to the first caller, whole, and to nobody again", async () => {
  const cookies = ["a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT", "b=2; HttpOnly"];
  const place = origin.place((_, response) => {
    response.writeHead(200, { "Set-Cookie": cookies, "WWW-Authenticate": `Bearer realm="a, b"`, "X-Kept": "yes" }).end("done");
  });
  const { first, replay } = await twice(place);
  assertFresh(first, 200);
  assert.deepEqual(first.lines("set-cookie"), cookies);
  assert.equal(first.header("www-authenticate"), `Bearer realm="a, b"`);
  assertReplay(replay, first, ["set-cookie", "www-authenticate"]);
  assert.equal(replay.header("x-kept"), "yes");
});

test("rule_8_8 a header may have the name of something that every object of JavaScript has", async () => {
  const names = ["constructor", "__proto__", "x-order"];
  const place = origin.place((_, response) => {
    for (const name of names) response.setHeader(name, "7");
    response.writeHead(201).end("made");
  });
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  for (const name of names) assert.deepEqual(first.lines(name), ["7"]);
  assertReplay(await gateway.post(place.path, key), first);
});

test("edge_106 rule_8_8 cookies that a contract replays stay separate lines, in their order", async () => {
  const cookies = ["b=2; Expires=Wed, 09 Jun 2027 10:18:14 GMT", "a=1", "b=3; HttpOnly"];
  const place = origin.place((_, response) => response.writeHead(200, { "Set-Cookie": cookies }).end("done"), { under: "/cookies" });
  const { first, replay } = await twice(place);
  assert.deepEqual(first.lines("set-cookie"), cookies);
  assert.deepEqual(replay.lines("set-cookie"), cookies);
  assertReplay(replay, first);
});

test("edge_107 rule_8_6 an answer in gzip or br is kept decoded, and readable by a client that takes neither", async () => {
  const text = `{"text":"${"compressible ".repeat(100)}"}`;
  for (const [coding, bytes] of [["gzip", gzipSync(text)], ["br", brotliCompressSync(text)]] as const) {
    const place = origin.place((_, response) => {
      response.writeHead(200, {
        "Content-Type": "application/json",
        "Content-Encoding": coding,
        "Content-Length": bytes.length,
        "Content-MD5": "of the encoded bytes",
        "Content-Digest": "sha-256=:AAAA:",
        Digest: "of the encoded bytes",
        "Repr-Digest": "sha-256=:AAAA:",
        ETag: `"kept"`,
      });
      response.end(bytes);
    });
    const key = gateway.key();
    const first = await gateway.post(place.path, key, "{}", ["Accept-Encoding: gzip, br"]);
    const plain = await gateway.post(place.path, key);
    assertReplay(plain, first);
    assert.equal(plain.text(), text, coding);
    assert.equal(plain.header("content-length"), String(text.length));
    for (const name of ["content-encoding", "content-md5", "content-digest", "digest", "repr-digest"]) {
      assert.deepEqual(plain.lines(name), [], `${name} said something about the encoded bytes`);
    }
    assert.equal(plain.header("etag"), `"kept"`);
    assert.equal(place.count, 1);
  }
});

test("rule_8_6 an answer in another coding is kept as it came, with what it says about its bytes", async () => {
  const bytes = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x80]);
  const place = origin.place((_, response) => {
    response.writeHead(200, { "Content-Encoding": "zstd", "Content-Digest": "sha-256=:AAAA:" }).end(bytes);
  });
  const { first, replay } = await twice(place);
  for (const answer of [first, replay]) {
    assert.deepEqual(answer.body, bytes);
    assert.equal(answer.header("content-encoding"), "zstd");
    assert.equal(answer.header("content-digest"), "sha-256=:AAAA:");
  }
  assertReplay(replay, first);
});

test("rule_8_6 a body that is gzip by itself, not by its coding, stays gzip", async () => {
  const bytes = gzipSync("an archive");
  const place = origin.place((_, response) => response.writeHead(200, { "Content-Type": "application/gzip" }).end(bytes));
  const { first, replay } = await twice(place);
  assert.deepEqual(first.body, bytes);
  assertReplay(replay, first);
  assert.equal(gunzipSync(replay.body).toString(), "an archive");
});

test("edge_108 rule_9_6 a replay has a Date of its own, tells the first one, and no Age", async () => {
  const date = "Mon, 01 Jan 2024 00:00:00 GMT";
  const place = origin.place((_, response) => {
    response.writeHead(200, { Date: date, Age: "77", "Cache-Control": "private, max-age=60", Expires: "Tue, 02 Jan 2024 00:00:00 GMT" }).end("done");
  });
  const before = Date.now();
  const { first, replay } = await twice(place);
  const [fresh] = replay.lines("date");
  assert.ok(fresh !== undefined);
  // HTTP dates are cut to whole seconds.
  assert.ok(Date.parse(fresh) >= before - 1000 && Date.parse(fresh) <= Date.now(), `Date is of now: ${fresh}`);
  assert.equal(replay.header("idempotency-original-date"), date);
  assert.equal(first.header("idempotency-original-date"), undefined);
  assert.equal(replay.header("age"), undefined);
  assert.equal(replay.header("cache-control"), "private, max-age=60");
  assertReplay(replay, first, ["age"]);
});

test("edge_109 rule_8_6 what belongs to one connection is not replayed, and the length is recomputed", async () => {
  const place = origin.place((_, response) => {
    response.writeHead(200, { Connection: "keep-alive, X-Hop", "X-Hop": "mine", "Keep-Alive": "timeout=9", "X-End": "to end" });
    response.write("in two ");
    response.end("chunks");
  });
  const { first, replay } = await twice(place);
  for (const answer of [first, replay]) {
    assert.equal(answer.text(), "in two chunks");
    assert.equal(answer.framing, "length");
    assert.equal(answer.header("content-length"), "13");
    assert.equal(answer.header("x-end"), "to end");
    for (const name of ["transfer-encoding", "x-hop", "keep-alive"]) assert.deepEqual(answer.lines(name), [], name);
  }
  assertReplay(replay, first);
});

test("edge_110 rule_8_7 rate limits of the first answer are not replayed as current, Retry-After is", async () => {
  const limits = { "RateLimit-Limit": "100", "RateLimit-Remaining": "99", "RateLimit-Reset": "5", "X-RateLimit-Remaining": "99", "X-Rate-Limit-Reset": "5" };
  const place = origin.place((_, response) => response.writeHead(202, { ...limits, RateLimit: `"default";r=99`, "Retry-After": "7" }).end("{}"));
  const { first, replay } = await twice(place);
  assertReplay(replay, first, ["ratelimit", ...Object.keys(limits)]);
  assert.equal(first.header("retry-after"), "7");
  assert.equal(replay.header("retry-after"), "7");
});

test("edge_112 rule_9_6 the body's request id stays, the header's is fresh, and the first one is told", async () => {
  const place = origin.place((_, response) => response.writeHead(200, { "X-Request-ID": "req-first" }).end(`{"request_id":"req-first"}`));
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assert.equal(first.header("x-request-id"), "req-first");
  assert.equal(first.header("idempotency-original-request-id"), undefined);
  const ids = new Set(["req-first"]);
  for (const replays of [1, 2]) {
    const replay = await gateway.post(place.path, key, "{}", ["X-Request-ID: the-client's-own"]);
    assertReplay(replay, first);
    assert.equal(replay.text(), `{"request_id":"req-first"}`);
    assert.equal(replay.header("idempotency-original-request-id"), "req-first");
    ids.add(replay.header("x-request-id") ?? "req-first");
    assert.equal(ids.size, replays + 1, "every replay has an id of its own");
  }
  assert.equal(ids.has("the-client's-own"), false);
  assert.equal(place.count, 1);
});

test("edge_112 a contract may replay the first request id, and an answer without one gets none", async () => {
  const verbatim = origin.place((_, response) => response.writeHead(200, { "X-Request-ID": "req-1" }).end(), { under: "/verbatim" });
  const { first, replay } = await twice(verbatim);
  assertReplay(replay, first);
  assert.equal(replay.header("x-request-id"), "req-1");
  const without = await twice(origin.place());
  assert.equal(without.replay.header("x-request-id"), undefined);
  assert.equal(without.replay.header("idempotency-original-request-id"), undefined);
});

test("edge_113 edge_207 binary bodies come through byte by byte, both ways, first and again", async () => {
  const all = Buffer.from(Array.from({ length: 256 * 3 }, (_, i) => (i < 512 ? i & 255 : 255 - (i & 255))));
  const place = origin.place((_, response) => response.writeHead(200, { "Content-Type": "application/pdf" }).end(all));
  const key = gateway.key();
  const request = { method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, "Content-Type: image/png"], body: all };
  const first = await gateway.send(request);
  const replay = await gateway.send(request);
  assert.deepEqual(first.body, all);
  assertReplay(replay, first);
  assert.deepEqual(place.only.body, all);
});

test("edge_114 edge_115 edge_116 edge_242 a replay is the snapshot of the first answer, and the origin is not asked again", async () => {
  const place = origin.place((_, response) => response.writeHead(202, { "Content-Type": "application/json" }).end(`{"job":"j1","state":"queued"}`));
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assertFresh(first, 202);
  // Meanwhile the job has failed, the caller's quota is used up, and the resource is gone.
  for (const status of [404, 429, 410, 500]) {
    place.script = (_, response) => response.writeHead(status).end("meanwhile");
    assertReplay(await gateway.post(place.path, key), first);
  }
  assert.equal(place.count, 1);
  assert.equal(origin.requests.filter((request) => request.includes(place.path)).length, 1);
});

test("edge_117 rule_9_11 stored answers that clients retry by themselves say that it would not help", async () => {
  for (const [status, said, expected] of [[500, undefined, "false"], [504, undefined, "false"], [409, undefined, "false"], [500, "true", "true"], [400, undefined, undefined], [201, undefined, undefined]] as const) {
    const place = origin.place((_, response) => response.writeHead(status, said === undefined ? {} : { "X-Should-Retry": said }).end("stored"));
    const { first, replay } = await twice(place);
    assert.equal(first.header("x-should-retry"), expected, `${status}, and the origin says ${said}`);
    assertReplay(replay, first);
  }
});

test("edge_095 the origin's own 409 and 422 are replayed, and can be told from the gateway's", async () => {
  for (const status of [409, 422]) {
    const place = origin.place((_, response) => response.writeHead(status, { "Content-Type": "application/json" }).end(`{"code":"seat_taken"}`));
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first, status);
    const replay = await gateway.post(place.path, key);
    assertReplay(replay, first);
    assert.equal(replay.text(), `{"code":"seat_taken"}`);
    assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
    assert.equal(place.count, 1);
  }
});

test("edge_092 edge_241 a 429 is not stored: the retry executes, and its answer is the one that stays", async () => {
  const place = origin.place((request, response) => {
    if (request.number === 1) response.writeHead(429, { "Retry-After": "3" }).end("slow down");
    else response.writeHead(201).end(`execution ${request.number}`);
  });
  const key = gateway.key();
  const limited = await gateway.post(place.path, key);
  assert.equal(limited.status, 429);
  assert.equal(limited.text(), "slow down");
  assert.equal(limited.header("retry-after"), "3");
  assert.equal(limited.header("idempotency-expires"), undefined, "no claim stands behind a released answer");
  const first = await gateway.post(place.path, key);
  assertFresh(first);
  assert.equal(first.text(), "execution 2");
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 2);
});

test("edge_093 edge_096 with the credential mended, or in a better moment, the same key executes, and another body may too", async () => {
  for (const status of [401, 403, 408, 425]) {
    const place = origin.place((request, response) => response.writeHead(request.number === 1 ? status : 201).end(`execution ${request.number}`));
    const key = gateway.key();
    assert.equal((await gateway.post(place.path, key, "1")).status, status);
    const first = await gateway.post(place.path, key, "2");
    assertFresh(first);
    assert.equal(first.text(), "execution 2");
    assertReplay(await gateway.post(place.path, key, "2"), first);
    assert.equal(place.count, 2);
  }
});

test("edge_094 a stored 400 or 422 stays, and a corrected body is a mismatch", async () => {
  for (const status of [400, 422]) {
    const place = origin.place((_, response) => response.writeHead(status).end("amount is missing"));
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first, status);
    assertRefusal(await gateway.post(place.path, key, `{"amount":1}`), 422, "key-reused");
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});

test("edge_094 where the contract releases a 400 or 422, the corrected body executes under the same key", async () => {
  for (const status of [400, 422]) {
    const place = origin.place((request, response) => response.writeHead(request.number === 1 ? status : 201).end(`execution ${request.number}`), { under: "/corrected" });
    const key = gateway.key();
    const refused = await gateway.post(place.path, key);
    assert.deepEqual([refused.status, refused.text(), refused.header("idempotency-status")], [status, "execution 1", "fresh"]);
    const first = await gateway.post(place.path, key, `{"amount":1}`);
    assertFresh(first);
    assert.equal(first.text(), "execution 2");
    assertReplay(await gateway.post(place.path, key, `{"amount":1}`), first);
    assertRefusal(await gateway.post(place.path, key), 422, "key-reused");
    assert.equal(place.count, 2);
  }
});

test("rule_9_4 first answer and replay name one expiry, a day after the key was first seen", async () => {
  const sent = Date.now();
  const { first, replay } = await twice(origin.place());
  const expires = Date.parse(first.header("idempotency-expires") ?? "");
  assert.ok(expires >= sent + DAY_MS - 1000 && expires <= Date.now() + DAY_MS, first.header("idempotency-expires"));
  assert.equal(replay.header("idempotency-expires"), first.header("idempotency-expires"));
});

test("rule_9_2 whatever the origin sends, the first answer already is what a replay will be", async () => {
  const place = origin.place((_, response) => {
    response.writeHead(200, [["Content-Type", "text/plain"], ["Vary", "Accept"], ["Vary", "Origin"], ["X-Empty", ""], ["X-Latin", "caf\xe9"], ["Link", "<a>"], ["Link", "<b>"]].flat());
    response.end("done");
  });
  const { first, replay } = await twice(place);
  assertReplay(replay, first);
  assert.equal(first.lines("vary").join(", "), "Accept, Origin");
  assert.equal(first.lines("link").join(", "), "<a>, <b>");
  assert.deepEqual(first.lines("x-empty"), [""]);
});
