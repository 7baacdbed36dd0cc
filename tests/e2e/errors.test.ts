// What a contract makes of the gateway's answers: its own errors, its hints, the key in them, its signals (docs/protocol.md rules 8.7, 9.13
// to 9.18; edge cases 22, 69, 75, 102, 117).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

const OWN = `
running = { retry_after = 7 }
[routes.key]
echo = true
code = "invalid_key"
[routes.mismatch]
status = 409
code = "idempotency_conflict"
message = "This Idempotency-Key was already used with a different request."
[routes.errors]
template = "own"
media_type = "application/json"
hints = ["x-should-retry", "stripe-should-retry", "retry-after-ms", "transient-error"]
body = '{"error":{"code":"{code}","message":"{message}","retry_after":"{retry_after}"},"key":"{key}","request_id":"{request_id}"}'
[routes.errors.codes]
request-in-progress = "still_running"
`;

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    policy: policy(
      origin.url,
      { limits: `request_body = "1 KiB"` },
      "POST /v1/*",
      { match: "POST /own/*", rules: OWN },
      { match: "POST /required/*", rules: OWN.replace("[routes.key]", `[routes.key]\nmissing = "refuse"`) },
      { match: "POST /renamed/*", rules: `[routes.mismatch]\ncode = "reused"\nmessage = "Used before."` },
      { match: "POST /quiet/*", rules: `[routes.gateway]\nsignals = "off"` },
      { match: "POST /mapped/*", rules: `[routes.replay]\nstatus = { 201 = 200 }` },
      { match: "POST /allowing/*", rules: `[routes.replay]\nallow = ["location"]\n[routes.outcome]\ncontrol_header = "X-Idempotency-Store"` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

interface OwnError {
  error: { code: string; message: string; retry_after?: number };
  key?: string;
  request_id: string;
}

/** Asserts an error in the form of the contract `OWN`, and gives it. */
function assertOwn(answer: Answer, status: number, code: string): OwnError {
  assert.equal(answer.status, status, answer.text());
  assert.equal(answer.header("content-type"), "application/json");
  assert.equal(answer.header("cache-control"), "no-store");
  const body = answer.json() as OwnError;
  assert.equal(body.error.code, code);
  assert.match(body.request_id, /^[0-9a-f]{32}$/);
  assert.equal(answer.header("x-request-id"), body.request_id);
  return body;
}

/** The four hints of an answer, in this order: x-should-retry, stripe-should-retry, retry-after-ms, transient-error. */
const hints = (answer: Answer): (string | undefined)[] =>
  ["x-should-retry", "stripe-should-retry", "retry-after-ms", "transient-error"].map((name) => answer.header(name));

/** A place that holds its first request until `open`, and a key whose first request is there. */
async function running(): Promise<{ place: Place; key: string; open: () => void; first: Promise<Answer> }> {
  const gate = barrier();
  const place = origin.place(
    async (_, response) => {
      await gate.opened;
      response.writeHead(201).end("late");
    },
    { under: "/own" },
  );
  const key = gateway.key();
  const first = gateway.post(place.path, key);
  await place.arrived();
  return { place, key, open: gate.open, first };
}

test("rule_9_13 rule_9_14 edge_069 edge_075 a contract's refusals have its body, its words and its hints", async () => {
  const { place, key, open, first } = await running();
  const busy = await gateway.post(place.path, key);
  const { error } = assertOwn(busy, 409, "still_running");
  assert.equal(error.retry_after, 7);
  assert.match(error.message, /has been running for \d+ s/);
  assert.equal(busy.header("retry-after"), "7");
  assert.deepEqual(hints(busy), ["true", "true", "7000", "true"]);

  const reused = await gateway.post(place.path, key, "[]");
  assert.equal(assertOwn(reused, 409, "idempotency_conflict").error.message, "This Idempotency-Key was already used with a different request.");
  assert.equal(reused.text().includes("retry_after"), false, "a member without a value is not there");
  assert.deepEqual(hints(reused), ["false", "false", undefined, undefined]);

  assert.deepEqual(hints(await gateway.post(place.path, "")), ["false", "false", undefined, undefined]);
  const empty = assertOwn(await gateway.post(place.path, ""), 400, "invalid_key");
  assert.equal(empty.key, undefined);
  assertOwn(await gateway.post(place.path, gateway.key(), " ".repeat(1025)), 413, "body-too-large");
  open();
  assertFresh(await first);
  assert.equal(place.count, 1);
});

test("edge_022 rule_2_1 rule_9_13 a missing key is refused in the contract's own form", async () => {
  const place = origin.place(undefined, { under: "/required" });
  const missing = await gateway.send({ method: "POST", path: place.path, headers: ["Content-Type: application/json"], body: "{}" });
  const { error, key } = assertOwn(missing, 400, "invalid_key");
  assert.match(error.message, /Idempotency-Key/i, "the refusal names the header that is missing");
  assert.deepEqual([error.retry_after, key], [undefined, undefined]);
  assert.deepEqual(hints(missing), ["false", "false", undefined, undefined]);
  assert.equal(place.count, 0);
  assertFresh(await gateway.post(place.path, gateway.key()));
  assert.equal(place.count, 1);
});

test("rule_9_13 a problem document takes the contract's words, and points at the gateway's paragraph", async () => {
  const place = origin.place(undefined, { under: "/renamed" });
  const key = gateway.key();
  assertFresh(await gateway.post(place.path, key));
  const answer = await gateway.post(place.path, key, "[]");
  const problem = answer.json() as Record<string, unknown>;
  assert.equal(answer.header("content-type"), "application/problem+json");
  assert.deepEqual(
    [problem["code"], problem["detail"], problem["type"], problem["retry"]],
    ["reused", "Used before.", "/.reprise/refusals#key-reused", "no"],
  );
});

test("rule_9_13 every refusal has an id of its own, which its log line names", async () => {
  const place = origin.place();
  const ids = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const answer = await gateway.post(place.path, "", "{}", ["X-Request-ID: the-client's-own"]);
    const { request_id } = assertRefusal(answer, 400, "key-empty");
    assert.match(String(request_id), /^[0-9a-f]{32}$/);
    assert.equal(answer.header("x-request-id"), request_id);
    const line = await gateway.logged((line) => line["request"] === request_id);
    assert.equal(line["outcome"], "key-empty");
    ids.add(String(request_id));
  }
  assert.equal(ids.size, 3);
});

test("rule_9_15 a contract that echoes keys gives the key back on every answer, unquoted", async () => {
  const place = origin.place(
    (request, response) => response.writeHead(request.number === 1 ? 429 : 201, { "Idempotency-Key": "the-origin's" }).end("done"),
    { under: "/own" },
  );
  const key = gateway.key();
  const quoted = ["Content-Type: application/json", `Idempotency-Key: "${key}"`];
  const released = await gateway.post(place.path, key);
  const first = await gateway.post(place.path, key);
  const replay = await gateway.send({ method: "POST", path: place.path, headers: quoted, body: "{}" });
  const reused = await gateway.post(place.path, key, "[]");
  const tooLarge = await gateway.post(place.path, key, " ".repeat(1025));
  assert.deepEqual([released.status, first.status, reused.status, tooLarge.status], [429, 201, 409, 413]);
  assertReplay(replay, first);
  for (const answer of [released, first, replay, reused, tooLarge]) assert.deepEqual(answer.lines("idempotency-key"), [key], `${answer.status}`);
  assert.equal((reused.json() as OwnError).key, key);

  const silent = origin.place();
  assert.deepEqual((await gateway.post(silent.path, gateway.key())).lines("idempotency-key"), []);
});

test("edge_117 rule_9_11 a stored 500 says in all of the contract's words that a retry would not help", async () => {
  const place = origin.place((_, response) => response.writeHead(500, { "X-Should-Retry": "true" }).end("stored"), { under: "/own" });
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assert.deepEqual(hints(first), ["true", "false", undefined, undefined], "the origin's word, and the gateway's");
  assertReplay(await gateway.post(place.path, key), first);
});

test("rule_9_17 a mapped status is that of replays, not of the first answer", async () => {
  const place = origin.place(undefined, { under: "/mapped" });
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assertFresh(first, 201);
  for (let i = 0; i < 2; i++) {
    const replay = await gateway.post(place.path, key);
    assert.equal(replay.status, 200);
    assert.deepEqual(replay.body, first.body);
    assert.equal(replay.header("idempotent-replayed"), "true");
  }
  assert.equal(place.count, 1);
});

test("edge_102 rule_8_7 rule_9_7 an allow-list keeps what it names and what describes the body; what the origin says to the gateway is for nobody else", async () => {
  const place = origin.place(
    (_, response) =>
      response
        .writeHead(201, { "Content-Type": "application/json", Location: "/runs/1", ETag: `"1"`, "X-Idempotency-Store": "ttl=3600", Vary: "Accept" })
        .end("{}"),
    { under: "/allowing" },
  );
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assertFresh(first);
  assert.equal(first.header("etag"), `"1"`);
  const replay = await gateway.post(place.path, key);
  assertReplay(replay, first, ["etag"]);
  for (const [name, value] of [["location", "/runs/1"], ["content-type", "application/json"], ["vary", "Accept"]] as const) {
    assert.equal(replay.header(name), value);
  }
  for (const answer of [first, replay]) assert.deepEqual(answer.lines("x-idempotency-store"), []);
});

test("rule_9_18 a contract without signals has the marker and nothing else of the gateway", async () => {
  const place = origin.place((_, response) => response.writeHead(201, { "X-Request-ID": "req-1" }).end("{}"), { under: "/quiet" });
  const key = gateway.key();
  const [first, replay, reused] = [await gateway.post(place.path, key), await gateway.post(place.path, key), await gateway.post(place.path, key, "[]")];
  for (const answer of [first, replay, reused]) {
    assert.deepEqual(answer.headers.filter(([name]) => /^idempotency-/i.test(name)), []);
  }
  assert.equal(first.header("idempotent-replayed"), undefined);
  assert.equal(replay.header("idempotent-replayed"), "true");
  assert.notEqual(replay.header("x-request-id"), "req-1");
  assertRefusal(reused, 422, "key-reused");
  assert.equal(place.count, 1);
});
