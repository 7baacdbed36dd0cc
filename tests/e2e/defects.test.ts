// Defects seen in other implementations (edge cases 201 to 244), and how calls to the origin fail (docs/protocol.md §7; edge
// cases 87 to 101). Where the others are:
//
//   202, 206, 219            status.test.ts            216, 217, 221, 225, 226 fingerprint.test.ts
//   203, 208, 218, 222, 239  restart.test.ts           230                     clock.test.ts
//   207, 237, 241, 242       replay.test.ts            209                     http.test.ts
//   232                      passing.test.ts           244                     cors.test.ts
//   210, 213, 223, 228       race.test.ts              213, 224, 229           stored.test.ts
//   215                      key.test.ts               243 (media type)        fingerprint.test.ts
//   234, 240                 scope.test.ts             238                     client-gone.test.ts
//   236                      waiting.test.ts           212, 227                faults.test.ts
//   214, 235                 ledger.test.ts            242 (our own limit)     new-keys.test.ts
//
// The model checker finds 201, 203, 210, 212, 214, 228, 229 and 239 when they are put into the rules (model/tests/mutations.rs); the
// derivations of 235 are pinned in tests/formats.rs.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { claimMadeBy, claimNow, UNKNOWN } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier } from "./guard.ts";
import { breakOff, startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

/** The limit for request bodies, bytes. */
const LIMIT = 64 * 1024;

const HURRY = "call = { deadline_seconds = 1, lease_seconds = 11 }";
/** Longer than a call to the ledger may take. */
const LONGER = "call = { deadline_seconds = 9, lease_seconds = 19 }";

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    inspect: true,
    policy: policy(
      origin.url,
      { limits: `request_body = "64 KiB"` },
      "POST /v1/*",
      { match: "POST /hurry/*", rules: HURRY },
      { match: "POST /longer/*", rules: LONGER },
      { match: "POST /again/*", rules: `${HURRY}\n[routes.outcome]\nno_answer = "release"\nbroken_off = "release"\ndeadline = "release"` },
      { match: "POST /outage/*", rules: `[routes.outcome]\nstore = ["2xx", "3xx", "4xx"]\nrelease = ["5xx"]` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** Cloudflare's own page about an origin that it could not ask. */
const edgePage = (status: number): Script => (_, response) => {
  response.writeHead(status, { Server: "cloudflare", "CF-RAY": "8f1-FRA", "Content-Type": "text/html" }).end("<h1>error</h1>");
};

const made: Script = (request, response) => {
  response.writeHead(201).end(`execution ${request.number}`);
};

/** A request whose body ends too early; who sent it still listens. */
async function truncated(path: string, key: string): Promise<Answer> {
  const wire = await gateway.connect();
  wire.requestHead({ method: "POST", path, headers: [`Idempotency-Key: ${key}`, "Content-Type: application/json", "Content-Length: 9"] });
  wire.write("{");
  wire.end();
  const answer = await wire.answer();
  wire.close();
  return answer;
}

/** Asserts that the claim is held: whatever comes, the outcome is unknown, and nothing executes again. */
async function assertHeld(place: Place, key: string): Promise<void> {
  const executions = place.count;
  place.script = made;
  for (let i = 0; i < 2; i++) {
    const again = await gateway.post(place.path, key);
    assertRefusal(again, 409, "outcome-unknown");
    assert.equal(again.header("idempotency-status"), "unknown");
  }
  assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
  assert.equal(place.count, executions, "nothing executed again");
}

/** Asserts that the claim is free: the next request executes, and stays. */
async function assertFree(place: Place, key: string): Promise<void> {
  const executions = place.count;
  place.script = made;
  const first = await gateway.post(place.path, key);
  assertFresh(first);
  assert.equal(first.text(), `execution ${executions + 1}`);
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, executions + 1);
}

/** A failed first answer with its code, that says not to try a new key. */
function assertMayHaveRun(answer: Answer, status: number, code: string): void {
  const problem = assertRefusal(answer, status, code);
  assert.equal(problem.new_key, "unsafe");
  assert.equal(problem.retry, "no");
  assert.equal(answer.header("x-should-retry"), "false");
  assert.equal(answer.header("idempotency-status"), "unknown");
  assert.ok(Date.parse(answer.header("idempotency-expires") ?? "") > Date.now(), "a claim stands behind it");
}

test("edge_201 rule_5_3 whoever asks while the first request runs changes nothing about its claim", async () => {
  const gate = barrier();
  const place = origin.place(async (request, response) => (await gate.opened, made(request, response)));
  const key = gateway.key();
  let first: Promise<Answer> | undefined;
  const claim = await claimMadeBy(gateway, async () => {
    first = gateway.post(place.path, key);
    await place.arrived();
  });
  for (let i = 0; i < 5; i++) assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
  assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
  assert.deepEqual(await claimNow(gateway, claim), claim);
  // One that gives up waiting for its answer changes nothing either.
  const wire = await gateway.connect();
  wire.request({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, "Content-Type: application/json"], body: "{}" });
  wire.reset();
  assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
  assert.deepEqual(await claimNow(gateway, claim), claim);
  gate.open();
  const answer = await first;
  assert.ok(answer !== undefined);
  assertFresh(answer);
  assertReplay(await gateway.post(place.path, key), answer);
  assert.equal(place.count, 1);
});

/** Nothing listens here, until the test does. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("edge_089 edge_204 a refused connection cannot be told from a lost answer here: the key is held, or free where the contract says so", async () => {
  const port = await freePort();
  const routes = policy(`http://127.0.0.1:${port}`, "POST /v1/*", { match: "POST /again/*", rules: `[routes.outcome]\nno_answer = "release"` });
  const alone = await startGateway({ policy: routes });
  const ran: string[] = [];
  const server = http.createServer((request, response) => {
    ran.push(request.url ?? "");
    response.writeHead(201).end("up again");
  });
  try {
    assertMayHaveRun(await alone.post("/v1/x", "held"), 502, "origin-no-answer");
    assertRefusal(await alone.post("/v1/x", "held"), 409, "outcome-unknown");
    for (let i = 0; i < 2; i++) assertRefusal(await alone.post("/again/x", "free"), 502, "origin-no-answer");
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    assertRefusal(await alone.post("/v1/x", "held"), 409, "outcome-unknown");
    const first = await alone.post("/again/x", "free");
    assertFresh(first);
    assertReplay(await alone.post("/again/x", "free"), first);
    assert.deepEqual(ran, ["/again/x"]);
  } finally {
    await alone.close();
    server.closeAllConnections();
    server.close();
  }
});

test("fault_o2 edge_089 edge_204 rule_7_2 an edge-made page that says that nothing was sent frees the key", async () => {
  for (const status of [521, 523, 525, 526, 530]) {
    const place = origin.place(edgePage(status));
    const key = gateway.key();
    const answer = await gateway.post(place.path, key);
    const problem = assertRefusal(answer, 502, "origin-not-reached");
    assert.equal(problem.new_key, "safe");
    assert.equal(problem.retry, "same-key");
    assert.ok(Number(answer.header("retry-after")) >= 1);
    assert.equal(place.count, 1);
    await assertFree(place, key);
  }
});

test("fault_o1 rule_7_2 an edge-made page that leaves open whether anything was sent holds the key", async () => {
  for (const status of [520, 522, 524, 527]) {
    const place = origin.place(edgePage(status));
    const key = gateway.key();
    assertMayHaveRun(await gateway.post(place.path, key), 502, "origin-no-answer");
    await assertHeld(place, key);
    assert.equal(place.count, 1);
  }
});

test("rule_7_2 the same statuses without the edge's mark are the origin's own answers", async () => {
  for (const [status, server] of [[521, undefined], [530, "nginx"], [524, "cloudflare-like"], [500, "cloudflare"], [503, "cloudflare"]] as const) {
    const place = origin.place((_, response) => response.writeHead(status, server === undefined ? {} : { Server: server }).end("the origin's own"));
    const key = gateway.key();
    const answer = await gateway.post(place.path, key);
    assert.equal(answer.status, status);
    assert.equal(answer.text(), "the origin's own");
    const released = status === 503;
    const again = await gateway.post(place.path, key);
    if (!released) assertReplay(again, answer);
    assert.equal(place.count, released ? 2 : 1);
  }
});

test("fault_o1 edge_090 edge_206 a connection that breaks, or becomes another protocol, after the request was sent leaves the outcome unknown", async () => {
  const breaks: Script[] = [
    (request) => request.reset(),
    (request) => request.socket.destroy(),
    (request) => request.socket.end("HTTP/1.1 200 O"),
    (request) => request.socket.end("this is not HTTP\r\n\r\n"),
    (request) => request.socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n"),
  ];
  for (const script of breaks) {
    const place = origin.place(script);
    const key = gateway.key();
    assertMayHaveRun(await gateway.post(place.path, key), 502, "origin-no-answer");
    assert.equal(place.count, 1, "the request was not sent a second time");
    await assertHeld(place, key);
  }
});

test("fault_o4 edge_101 edge_243 rule_7_5 an answer that breaks off in its body is never given as complete, first or again", async () => {
  const gzipped = gzipSync("compressible ".repeat(100));
  const breaks: Record<string, Script> = {
    "before its Content-Length": (_, response) => breakOff(response, "half of", 100),
    "before its last chunk": (_, response) => void response.writeHead(200).write("half of", () => response.destroy()),
    "with nothing of its body": (_, response) => breakOff(response, "", 100),
    "by a reset": (request, response) => void response.writeHead(200, { "Content-Length": 100 }).write("half of", () => request.reset()),
    "in the middle of its gzip": (_, response) => void response.writeHead(200, { "Content-Encoding": "gzip" }).end(gzipped.subarray(0, -10)),
    "with a status that is released": (_, response) => breakOff(response, "half of", 100, 503),
  };
  for (const [where, script] of Object.entries(breaks)) {
    const place = origin.place(script);
    const key = gateway.key();
    const answer = await gateway.post(place.path, key);
    assert.equal(answer.text().includes("half of"), false, where);
    assertMayHaveRun(answer, 502, "origin-broke-off");
    await assertHeld(place, key);
    assert.equal(place.count, 1, where);
  }
});

test("fault_o3 edge_091 rule_6_4 a deadline that passes leaves the outcome unknown, whatever the origin answers later", async () => {
  const late = Promise.withResolvers<void>();
  const held: Record<string, Script> = {
    "before its answer": async (request, response) => (await late.promise, made(request, response)),
    "in its body": async (_, response) => {
      response.writeHead(201, { "Content-Length": 8 }).write("half");
      await late.promise;
      response.end("done");
    },
  };
  const cases = Object.entries(held).flatMap(([where, script]) => [["/hurry", 1, where, script], ["/longer", 9, where, script]] as const);
  const begun = cases.map(async ([under, seconds, where, script]) => {
    const place = origin.place(script, { under });
    const key = gateway.key();
    const sent = Date.now();
    const answer = await gateway.post(place.path, key);
    const passed = Date.now() - sent;
    assert.ok(passed >= seconds * 1000 && passed < seconds * 1000 + 7000, `the deadline is the policy's, and not ${passed} ms`);
    assert.equal(answer.status, 504, where);
    assertMayHaveRun(answer, 504, "origin-deadline");
    return { place, key };
  });
  const all = await Promise.all(begun);
  for (const { place, key } of all) assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  late.resolve();
  for (const { place, key } of all) {
    await assertHeld(place, key);
    assert.equal(place.count, 1);
  }
});

test("edge_220 a timeout or a lost answer makes an operation repeatable only where the contract says so", async () => {
  const never = Promise.withResolvers<void>();
  const kinds: [Script, number, string][] = [
    [(request) => request.reset(), 502, "origin-no-answer"],
    [edgePage(524), 502, "origin-no-answer"],
    [(_, response) => breakOff(response, "half of", 100), 502, "origin-broke-off"],
    [async (request, response) => (await never.promise, made(request, response)), 504, "origin-deadline"],
  ];
  for (const [script, status, code] of kinds) {
    const held = origin.place(script, { under: "/hurry" });
    const free = origin.place(script, { under: "/again" });
    const key = gateway.key();
    const answers = await Promise.all([gateway.post(held.path, `${key}-held`), gateway.post(free.path, `${key}-free`)]);
    for (const answer of answers) assertRefusal(answer, status, code);
    await assertHeld(held, `${key}-held`);
    await assertFree(free, `${key}-free`);
    assert.deepEqual([held.count, free.count], [1, 2], code);
  }
  never.resolve();
});

test("edge_233 every way to fail ends the claim: the next request is answered at once, and never as running", async () => {
  const never = Promise.withResolvers<void>();
  const kinds: Record<string, [Script, "executes" | "is replayed" | "is unknown"]> = {
    "an error of the origin": [(_, response) => response.writeHead(500).end(), "is replayed"],
    "an outage of the origin": [(_, response) => response.writeHead(503).end(), "executes"],
    "a rate limit": [(_, response) => response.writeHead(429).end(), "executes"],
    "no connection": [edgePage(521), "executes"],
    "no answer": [(request) => request.reset(), "is unknown"],
    "half an answer": [(_, response) => breakOff(response, "half", 100), "is unknown"],
    "an answer that is none": [(request) => request.socket.end("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), "is unknown"],
    "a deadline": [async (request, response) => (await never.promise, made(request, response)), "is unknown"],
  };
  await Promise.all(Object.entries(kinds).map(async ([what, [script, expected]]) => {
    const place = origin.place(script, { under: "/hurry" });
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assert.ok(first.status >= 400, what);
    place.script = made;
    const next = await gateway.post(place.path, key);
    const state = next.header("idempotency-status");
    assert.equal(state, { executes: "fresh", "is replayed": "replayed", "is unknown": "unknown" }[expected], what);
    assert.equal(place.count, expected === "executes" ? 2 : 1, what);
  }));
  never.resolve();
});

test("edge_098 rule_7_4 no answer of the gateway itself is stored under the key", async () => {
  const place = origin.place(edgePage(521));
  const key = gateway.key();
  for (let i = 1; i <= 3; i++) {
    const answer = await gateway.post(place.path, key);
    assertRefusal(answer, 502, "origin-not-reached");
    assert.equal(place.count, i, "each is an attempt of its own");
  }
  await assertFree(place, key);
  // Those that come before a claim leave none.
  const refused = origin.place(made);
  assertFresh(await gateway.post(refused.path, gateway.key()));
  const loop = refused.only.header("cdn-loop") ?? "";
  const early: [number, string, (key: string) => Promise<Answer>][] = [
    [400, "body-truncated", (key) => truncated(refused.path, key)],
    [413, "body-too-large", (key) => gateway.post(refused.path, key, Buffer.alloc(LIMIT + 1))],
    [508, "loop-detected", (key) => gateway.post(refused.path, key, "{}", [`CDN-Loop: ${loop}`])],
  ];
  for (const [i, [status, code, send]] of early.entries()) {
    const another = gateway.key();
    for (let n = 0; n < 2; n++) assertRefusal(await send(another), status, code);
    assert.equal(refused.count, i + 1);
    const first = await gateway.post(refused.path, another);
    assertFresh(first);
    assertReplay(await gateway.post(refused.path, another), first);
  }
  const lost = origin.place((request) => request.reset());
  const row = await claimMadeBy(gateway, () => gateway.post(lost.path, gateway.key()));
  assert.equal(row["state"], UNKNOWN);
  assert.equal(row["record"], null);
});

test("edge_205 one key at another path, query or body is refused, and no cookie goes to a second caller", async () => {
  const script: Script = (_, response) => response.writeHead(201, { "Set-Cookie": "session=secret" }).end("made");
  const [place, other] = [origin.place(script), origin.place(script)];
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assertFresh(first);
  for (const [target, body] of [[other.path, "{}"], [`${place.path}?a=1`, "{}"], [place.path, "[]"], [place.path, ""]] as const) {
    const answer = await gateway.post(target, key, body);
    assertRefusal(answer, 422, "key-reused");
    assert.deepEqual(answer.lines("set-cookie"), []);
  }
  assertReplay(await gateway.post(place.path, key), first, ["set-cookie"]);
  assert.deepEqual([place.count, other.count], [1, 0]);
});

test("edge_211 the same body under another key, or by another caller, is another operation", async () => {
  const place = origin.place();
  const body = `{"amount":100,"to":"acct_1"}`;
  const key = gateway.key();
  assertFresh(await gateway.post(place.path, key, body));
  assertFresh(await gateway.post(place.path, gateway.key(), body));
  assertFresh(await gateway.post(place.path, key, body, ["Authorization: Bearer other"]));
  assert.equal(place.count, 3);
});

test("edge_231 an outage is not kept for a day where the contract releases it", async () => {
  for (const status of [500, 502, 503, 504]) {
    const place = origin.place((_, response) => response.writeHead(status).end("outage"), { under: "/outage" });
    const key = gateway.key();
    for (let i = 1; i <= 2; i++) {
      const answer = await gateway.post(place.path, key);
      assert.equal(answer.status, status);
      assert.equal(answer.text(), "outage");
      assert.equal(place.count, i);
    }
    await assertFree(place, key);
  }
});
