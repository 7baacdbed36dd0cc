// The client goes away, the work goes on, and the retry finds its answer (docs/protocol.md rule 6.6; edge cases 79, 238).
//
// Going away is a TCP RST: the runtime notices it, and drops the handler of that request. Each test cuts the client at
// another point of the way.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer, Outgoing } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({ policy: policy(origin.url, "POST,PATCH /v1/*") });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

function request(path: string, key: string, body: Outgoing["body"] = "{}"): Outgoing {
  return { method: "POST", path, headers: [`Idempotency-Key: ${key}`, "Content-Type: application/json"], body };
}

/** What a client does that lost its answer: the same request again, for as long as the first one is said to run. */
function retry(outgoing: Outgoing): Promise<Answer> {
  const ended = (answer: Answer): boolean => answer.header("idempotency-status") !== "running";
  return eventually("the first attempt ending", () => gateway.send(outgoing), ended);
}

test("edge_079 edge_238 rule_6_6 the client resets while the origin works: the call goes on, and the retry is a replay", async () => {
  const gate = barrier();
  const place = origin.place(async (each, response) => {
    await gate.opened;
    response.writeHead(201, { "Content-Type": "text/plain", Location: "/things/7" }).end(`execution ${each.number}`);
  });
  const outgoing = request(place.path, gateway.key());
  const wire = await gateway.connect();
  wire.request(outgoing);
  await place.arrived();
  wire.reset();
  // The client is gone, and its key is still at work; the origin's connection stands.
  assertRefusal(await gateway.send(outgoing), 409, "request-in-progress");
  assert.equal(place.only.socket.destroyed, false, "the call to the origin was not cancelled");
  gate.open();
  const answer = await retry(outgoing);
  assert.equal(answer.status, 201);
  assert.equal(answer.text(), "execution 1");
  assert.equal(answer.header("location"), "/things/7");
  assert.equal(answer.header("idempotency-status"), "replayed");
  assert.equal(place.count, 1);
});

test("edge_238 the client resets right behind its request: it has run once when the retry is answered", async () => {
  for (let round = 0; round < 10; round += 1) {
    const place = origin.place();
    const outgoing = request(place.path, gateway.key());
    const wire = await gateway.connect();
    wire.request(outgoing);
    wire.reset();
    const answer = await retry(outgoing);
    assert.equal(answer.status, 201, answer.text());
    assert.deepEqual(answer.json(), { execution: 1, target: place.path });
    const again = await gateway.send(outgoing);
    assert.equal(again.header("idempotency-status"), "replayed");
    assert.deepEqual(again.body, answer.body);
    assert.equal(place.count, 1);
  }
});

test("edge_238 the client resets in the middle of its upload: the retry runs once", async () => {
  const place = origin.place();
  const outgoing = request(place.path, gateway.key(), '{"a":"0123456789"}');
  const wire = await gateway.connect();
  wire.requestHead({ ...outgoing, headers: [...(outgoing.headers ?? []), "Content-Length: 18"] });
  wire.write('{"a":"0123');
  wire.reset();
  const answer = await gateway.send(outgoing);
  assertFresh(answer);
  assert.equal(place.only.body.toString(), '{"a":"0123456789"}');
  assertReplay(await gateway.send(outgoing), answer);
  assert.equal(place.count, 1);
});

test("edge_079 edge_238 the client resets while the origin sends its body: the replay has the whole of it", async () => {
  const half = barrier();
  const gate = barrier();
  const place = origin.place(async (_, response) => {
    response.writeHead(201, { "Content-Type": "text/plain" });
    response.write("first half,", () => half.open());
    await gate.opened;
    response.end("second half");
  });
  const outgoing = request(place.path, gateway.key());
  const wire = await gateway.connect();
  wire.request(outgoing);
  await half.opened;
  wire.reset();
  assertRefusal(await gateway.send(outgoing), 409, "request-in-progress");
  gate.open();
  const answer = await retry(outgoing);
  assert.equal(answer.status, 201);
  assert.equal(answer.text(), "first half,second half");
  assert.equal(answer.header("idempotency-status"), "replayed");
  assert.equal(place.count, 1);
});

test("edge_079 edge_099 the client of an answer too large for the ledger's row resets: the replay has the whole of it", async () => {
  const gate = barrier();
  const large = Buffer.alloc(600 * 1024, Buffer.from(Array.from({ length: 251 }, (_, index) => index)));
  const place = origin.place(async (_, response) => {
    await gate.opened;
    response.writeHead(201, { "Content-Type": "application/octet-stream" }).end(large);
  });
  const outgoing = request(place.path, gateway.key());
  const wire = await gateway.connect();
  wire.request(outgoing);
  await place.arrived();
  wire.reset();
  assertRefusal(await gateway.send(outgoing), 409, "request-in-progress");
  gate.open();
  const answer = await retry(outgoing);
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.body, large);
  assert.equal(answer.header("idempotency-status"), "replayed");
  assert.equal(place.count, 1);
});

test("edge_238 the client resets with its answer half read: the replay has the whole of it, and again after another reset", async () => {
  const body = Buffer.alloc(200 * 1024, "0123456789");
  const place = origin.place((_, response) => response.writeHead(201, { "Content-Type": "text/plain" }).end(body));
  const outgoing = request(place.path, gateway.key());
  for (const status of ["fresh", "replayed"]) {
    const wire = await gateway.connect();
    wire.request(outgoing);
    const head = await wire.head();
    assert.equal(head.headers.find(([name]) => name.toLowerCase() === "idempotency-status")?.[1], status);
    await wire.bodyReaches(1);
    wire.reset();
  }
  const answer = await gateway.send(outgoing);
  assert.equal(answer.header("idempotency-status"), "replayed");
  assert.deepEqual(answer.body, body);
  assert.equal(place.count, 1);
});

test("edge_078 a duplicate that goes away while the first is at work changes nothing for the first", async () => {
  const gate = barrier();
  const place = origin.place(async (_, response) => {
    await gate.opened;
    response.writeHead(201, { "Content-Type": "text/plain" }).end("made");
  });
  const outgoing = request(place.path, gateway.key());
  const first = await gateway.connect();
  first.request(outgoing);
  await place.arrived();
  for (let round = 0; round < 3; round += 1) {
    const duplicate = await gateway.connect();
    duplicate.request(outgoing);
    duplicate.reset();
  }
  assertRefusal(await gateway.send(outgoing), 409, "request-in-progress");
  gate.open();
  const answer = await first.answer();
  first.close();
  assertFresh(answer);
  assertReplay(await gateway.send(outgoing), answer);
  assert.equal(place.count, 1);
});

test("edge_079 a client that only closes its sending side gets its answer", async () => {
  const gate = barrier();
  const place = origin.place(async (_, response) => {
    await gate.opened;
    response.writeHead(201, { "Content-Type": "text/plain" }).end("made");
  });
  const outgoing = request(place.path, gateway.key());
  const wire = await gateway.connect();
  wire.request(outgoing);
  wire.end();
  await place.arrived();
  gate.open();
  const answer = await wire.answer();
  wire.close();
  assertFresh(answer);
  assertReplay(await gateway.send(outgoing), answer);
  assert.equal(place.count, 1);
});
