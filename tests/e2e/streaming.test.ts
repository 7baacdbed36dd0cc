// Answers that their client reads while they are recorded (docs/protocol.md rule 9.20; edge cases 100, 101 and 213).
//
// A chunked answer that breaks off ends on this workerd as if it were whole (workerd#6818), whatever the Worker does: that it broke off
// shows here only where its length was announced.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DONE, RUNNING } from "./claims.ts";
import { assertRefusal } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer, Wire } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  const quick = `call = { deadline_seconds = 1, lease_seconds = 11 }`;
  gateway = await startGateway({
    faults: true,
    policy: policy(
      origin.url,
      "POST /v1/*",
      { match: "POST /streaming/*", rules: `deliver = "streaming"` },
      { match: "POST /buffered/*", rules: `deliver = "buffered"` },
      { match: "POST /quick/*", rules: `deliver = "streaming"\n${quick}` },
      { match: "POST /waits/*", rules: `[routes.running]\nanswer = "wait"\nwait_seconds = 10` },
      { match: "POST /detached/*", rules: `dispatch = "detached"` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

const EVENTS = ["data: one\n\n", "data: two\n\n", "data: three\n\n"] as const;

/** A place that sends an event each time a gate opens, and ends after the last. */
function events(options: { under?: string; type?: string } = {}): { place: Place; gates: ReturnType<typeof barrier>[] } {
  const gates = EVENTS.map(() => barrier());
  const place = origin.place(async (_, response) => {
    response.writeHead(200, { "Content-Type": options.type ?? "text/event-stream", "X-Run": "1" });
    response.flushHeaders();
    for (const [n, event] of EVENTS.entries()) {
      await gates[n]?.opened;
      response.write(event);
    }
    response.end();
  }, options);
  return { place, gates };
}

async function open(place: Place, key: string, ...headers: string[]): Promise<Wire> {
  const wire = await gateway.connect();
  wire.request({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, "Content-Type: application/json", ...headers], body: "{}" });
  return wire;
}

const WHOLE = EVENTS.join("");

/** A replay comes in one piece, so it is framed in another way than the stream was; all else is the same. */
function assertSame(replay: Answer, first: Answer): void {
  assert.equal(replay.status, first.status, replay.text().slice(0, 400));
  assert.deepEqual(replay.body, first.body);
  assert.equal(replay.header("idempotent-replayed"), "true");
  for (const name of ["content-type", "x-run", "idempotency-expires"]) assert.equal(replay.header(name), first.header(name));
}

for (const [what, options] of [
  ["an event stream", {}],
  ["an event stream with parameters", { type: "Text/Event-Stream; charset=utf-8" }],
  ["any answer of a streaming route", { under: "/streaming", type: "text/plain" }],
  ["a detached event stream", { under: "/detached" }],
] as const) {
  test(`edge_100 edge_213 rule_9_20 ${what} is read while it comes, and replayed whole`, async () => {
    const { place, gates } = events(options);
    const key = gateway.key();
    const wire = await open(place, key);
    const head = await wire.head();
    assert.equal(head.status, 200);
    let seen = "";
    for (const [n, event] of EVENTS.entries()) {
      gates[n]?.open();
      seen += event;
      assert.equal((await wire.bodyReaches(seen.length)).toString(), seen);
      if (n === 0) assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
    }
    const first = await wire.answer();
    wire.close();
    assert.equal(first.header("idempotency-status"), "fresh");
    assert.equal(first.header("x-run"), "1");
    const replay = await gateway.post(place.path, key);
    assertSame(replay, first);
    assert.equal(replay.text(), WHOLE);
    assert.match(replay.header("content-type") ?? "", /^text\/(event-stream|plain)/i);
    assert.equal(place.count, 1);
  });
}

test("rule_9_20 who waits for a stream gets all of it once it is recorded", async () => {
  const { place, gates } = events({ under: "/waits" });
  const key = gateway.key();
  const first = await open(place, key);
  gates[0]?.open();
  await first.bodyReaches(EVENTS[0].length);
  const waiting = gateway.post(place.path, key);
  while ((await gateway.inLedger()) < 1);
  for (const gate of gates) gate.open();
  assertSame(await waiting, await first.answer());
  first.close();
  assert.equal(place.count, 1);
});

test("rule_9_20 a stream that could not be recorded is not told again", async () => {
  const { place, gates } = events();
  const key = gateway.key();
  for (const gate of gates) gate.open();
  const wire = await open(place, key, "X-Fault: settle-overloaded");
  assert.equal((await wire.bodyReaches(WHOLE.length)).toString(), WHOLE, "all of it has come by then");
  await gateway.logged(({ outcome }) => outcome === "outcome-unrecorded");
  assert.equal((await gateway.claims()).filter(({ state }) => state === RUNNING).length, 1);
  await gateway.ledgerSql("UPDATE claims SET lease_until = 1 WHERE state = 1");
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
});

test("rule_9_20 of a length that is known, the last bytes are told once the ledger holds the answer", async () => {
  const body = Buffer.alloc(100_000, "x");
  const place = origin.place((_, response) => response.writeHead(200, { "Content-Length": body.length }).end(body), { under: "/streaming" });
  const key = gateway.key();
  const cut = await open(place, key, "X-Fault: settle-overloaded");
  await assert.rejects(cut.answer());
  assert.ok((await cut.bodyReaches(0)).length < body.length, "the client sees that something is missing");
  await gateway.logged(({ outcome }) => outcome === "outcome-unrecorded");
  const first = await gateway.post(place.path, gateway.key());
  assert.deepEqual(first.body, body);
  assert.equal(first.framing, "length");
});

test("edge_101 rule_9_20 a stream that breaks off breaks off for its client, and is never replayed", async () => {
  const place = origin.place((_, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Content-Length": WHOLE.length });
    response.write(EVENTS[0], () => response.destroy());
  });
  const key = gateway.key();
  const wire = await open(place, key);
  await wire.bodyReaches(EVENTS[0].length);
  await assert.rejects(wire.answer());
  await gateway.logged(({ outcome }) => outcome === "origin-broke-off");
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  assert.equal(place.count, 1);
});

test("edge_079 rule_6_6 rule_9_20 a client that goes away while it reads stops nothing", async () => {
  const { place, gates } = events();
  const key = gateway.key();
  const wire = await open(place, key);
  gates[0]?.open();
  await wire.bodyReaches(EVENTS[0].length);
  wire.reset();
  for (const gate of gates) gate.open();
  await gateway.logged(({ outcome, status }) => outcome === "fresh" && status === 200, (await streamed()) + 1);
  const replay = await gateway.post(place.path, key);
  assert.equal(replay.text(), WHOLE);
  assert.equal(replay.header("idempotency-status"), "replayed");
  assert.equal(place.count, 1);
});

/** How many streams have ended so far. */
async function streamed(): Promise<number> {
  return gateway.log.filter(({ data }) => data?.["outcome"] === "fresh" && data["status"] === 200).length;
}

test("rule_6_4 rule_9_20 the deadline is for the beginning of a stream, and the lease for its end", async () => {
  const started = Promise.withResolvers<void>();
  const place = origin.place(async (request, response) => {
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.write("beginning", () => started.resolve());
    // Longer than the deadline of 1 s.
    if (request.number === 1) setTimeout(() => response.end(), 1500);
  }, { under: "/quick" });
  const first = await gateway.post(place.path, gateway.key());
  assert.equal(first.text(), "beginning");
  const key = gateway.key();
  const wire = await open(place, key);
  await wire.bodyReaches("beginning".length);
  await gateway.logged(({ outcome }) => outcome === "origin-deadline");
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
});

test("rule_7_6 rule_9_20 what is not stored is not recorded: a released stream comes whole", async () => {
  const place = origin.place((request, response) => response.writeHead(503, { "Content-Type": "text/event-stream" }).end(`run ${request.number}`));
  const key = gateway.key();
  for (const n of [1, 2]) {
    const answer = await gateway.post(place.path, key);
    assert.equal(answer.status, 503);
    assert.equal(answer.text(), `run ${n}`);
  }
});

test("rule_9_20 a route may want its event streams whole", async () => {
  const { place, gates } = events({ under: "/buffered" });
  const key = gateway.key();
  const wire = await open(place, key);
  gates[0]?.open();
  await place.arrived();
  assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
  for (const gate of gates) gate.open();
  const first = await wire.answer();
  wire.close();
  assert.equal(first.text(), WHOLE);
  assertSame(await gateway.post(place.path, key), first);
});

test("rule_8_2 rule_9_20 a long stream goes where its length belongs: the row, KV, or nowhere", async () => {
  const pieces = (length: number): Buffer[] => Array.from({ length: Math.ceil(length / 1e6) }, () => Buffer.alloc(1e6, "y"));
  for (const [length, kept] of [[1e6, true], [27e6, false]] as const) {
    const place = origin.place(async (_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      for (const piece of pieces(length)) if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve));
      response.end();
    });
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assert.equal(first.body.length, length);
    const retry = await gateway.post(place.path, key);
    if (kept) assertSame(retry, first);
    else assert.equal(assertRefusal(retry, 409, "response-not-kept")["original_status"], 200);
    assert.equal(place.count, 1);
  }
  assert.ok((await gateway.claims()).some(({ state }) => state === DONE));
});
