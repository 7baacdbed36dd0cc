// `dispatch = "detached"`: the call runs in an object of its own (docs/protocol.md rule 6.8).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { fault, startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";

let origin: Origin;
let gateway: Gateway;

const detached = { match: "POST /v1/*", rules: 'dispatch = "detached"\ncall = { deadline_seconds = 600, lease_seconds = 660 }' };

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({ policy: policy(origin.url, detached) });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

test("rule_6_8 the object answers as the Worker would: first answer, replay, mismatch, bodies of every kind", async () => {
  for (const body of ["{}", "", new Uint8Array([0, 255, 128, 10])]) {
    const answer = Buffer.from([1, 0, 254, 13, 10]);
    const place = origin.place((_, response) => response.writeHead(201, { "X-Order": "7", "Set-Cookie": ["a=1", "b=2"] }).end(answer));
    const key = gateway.key();
    const first = await gateway.post(place.path, key, body);
    assertFresh(first);
    assert.deepEqual(first.body, answer);
    assert.deepEqual(first.lines("set-cookie"), ["a=1", "b=2"]);
    assertReplay(await gateway.post(place.path, key, body), first, ["set-cookie"]);
    assertRefusal(await gateway.post(place.path, key, '{"other":1}'), 422, "key-reused");
    const arrival = await place.arrived(1);
    assert.deepEqual(arrival.body, Buffer.from(body));
    assert.equal(arrival.header("idempotency-key"), key);
    assert.equal(place.count, 1);
  }
});

test("edge_079 rule_6_8 a client that leaves at once finds the answer when it comes back", async () => {
  const gate = barrier();
  const place = origin.place(async (_, response) => {
    await gate.opened;
    response.writeHead(201).end("done at last");
  });
  const key = gateway.key();
  const wire = await gateway.connect();
  wire.request({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, "Content-Type: application/json"], body: "{}" });
  await place.arrived(1);
  wire.reset();
  assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
  gate.open();
  const replay = await eventually("the answer is kept", () => gateway.post(place.path, key), (answer) => answer.status === 201);
  assert.equal(replay.text(), "done at last");
  assert.equal(replay.header("idempotent-replayed"), "true");
  assert.equal(place.count, 1);
});

test("rule_6_8 what the origin leaves open is told as ever", async () => {
  const place = origin.place((request) => request.reset());
  const key = gateway.key();
  assertRefusal(await gateway.post(place.path, key), 502, "origin-no-answer");
  assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
  assert.equal(place.count, 1);
});

test("fault_d3 rule_10_3 a detached route without its binding runs nothing, and health says what is missing", async () => {
  const bare = await startGateway({ policy: policy(origin.url, detached), without: ["RUNNER"] });
  try {
    const place = origin.place();
    assertRefusal(await bare.post(place.path, "k"), 500, "policy-invalid");
    assert.equal(place.count, 0);
    const health = await bare.fetch("/.reprise/health");
    assert.match(await health.text(), /needs the Durable Object binding RUNNER/);
  } finally {
    await bare.close();
  }
});

test("fault_d1 fault_d2 rule_6_8 an object that is lost, or gives no answer within the lease, is out of sight; what it did is found", async () => {
  const short = { ...detached, rules: 'dispatch = "detached"\ncall = { deadline_seconds = 1, lease_seconds = 11 }' };
  const faulty = await startGateway({ faults: true, policy: `${policy(origin.url, short)}\n[ledger]\nshards = 1\n` });
  try {
    for (const [word, lands, says] of [
      ["runner-lost", false, /the runner was lost: .*Network connection lost/],
      ["runner-lands-lost", true, /the runner was lost: .*Network connection lost/],
      ["runner-hangs", false, /the runner was lost: .*no answer within the lease/],
    ] as const) {
      const place = origin.place();
      const key = faulty.key();
      const asked = Date.now();
      const answer = await faulty.post(place.path, key, "{}", fault(word));
      const took = Date.now() - asked;
      assertRefusal(answer, 409, "request-in-progress");
      assert.ok(word === "runner-hangs" ? took >= 10_900 && took < 20_000 : took < 5_000, `${word} took ${took} ms`);
      assert.equal((await faulty.lineOf(answer))["outcome"], "request-in-progress");
      assert.ok(faulty.log.some(({ message }) => says.test(message)), "the log says why");
      if (lands) {
        assert.equal((await faulty.post(place.path, key)).header("idempotent-replayed"), "true");
      } else {
        await faulty.shardSql(0, "UPDATE claims SET lease_until = 1 WHERE state = 1");
        assertRefusal(await faulty.post(place.path, key), 409, "outcome-unknown");
      }
      assert.equal(place.count, lands ? 1 : 0);
    }
  } finally {
    await faulty.close();
  }
});
