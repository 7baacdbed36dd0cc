// What the gateway says about itself, and that it never runs with a policy that it cannot read (docs/protocol.md §10).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway, GatewayOptions } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

const HEALTH = "/.reprise/health";

let origin: Origin;

before(async () => {
  origin = await startOrigin();
});

after(async () => {
  await origin?.close();
});

/** Runs `body` with a gateway of its own. */
async function withGateway(options: GatewayOptions, body: (gateway: Gateway) => Promise<void>): Promise<void> {
  const gateway = await startGateway(options);
  try {
    await body(gateway);
  } finally {
    await gateway.close();
  }
}

interface Health {
  version: string;
  policy?: { hash: string };
  error?: string;
  bindings: Record<string, boolean>;
}

function health(answer: Answer): Health {
  assert.match(answer.header("content-type") ?? "", /^application\/json/);
  assert.equal(answer.header("cache-control"), "no-store");
  return answer.json() as Health;
}

test("health tells version, policy and bindings, and never reaches the origin", async () => {
  const text = policy(origin.url, "POST /v1/*");
  await withGateway({ policy: text }, async (gateway) => {
    const before = origin.requests.length;
    const answer = await gateway.send({ path: HEALTH });
    assert.equal(answer.status, 200);
    const seen = health(answer);
    assert.match(seen.version, /^\d+\.\d+\.\d+/);
    assert.match(seen.policy?.hash ?? "", /^[0-9a-f]{8,64}$/);
    assert.equal(seen.error, undefined);
    assert.deepEqual(seen.bindings, { LEDGER: true, RESPONSES: true, OVERFLOW: false });
    assert.equal(origin.requests.length, before);
  });
});

test("the hash in health tells one policy from another", async () => {
  const hashes: (string | undefined)[] = [];
  for (const text of [policy(origin.url, "POST /v1/*"), policy(origin.url, "POST /v1/*"), policy(origin.url, "POST /v2/*")]) {
    await withGateway({ policy: text }, async (gateway) => {
      hashes.push(health(await gateway.send({ path: HEALTH })).policy?.hash);
    });
  }
  assert.equal(hashes[0], hashes[1]);
  assert.notEqual(hashes[0], hashes[2]);
});

test("ORIGIN replaces the policy's origin, and is a policy of its own", async () => {
  const text = policy("http://127.0.0.1:1", "POST /v1/*");
  const hashes: (string | undefined)[] = [];
  await withGateway({ policy: text, origin: origin.url }, async (gateway) => {
    const place = origin.place();
    assertFresh(await gateway.post(place.path, gateway.key()));
    assert.equal(place.count, 1);
    hashes.push(health(await gateway.send({ path: HEALTH })).policy?.hash);
  });
  await withGateway({ policy: text }, async (gateway) => {
    hashes.push(health(await gateway.send({ path: HEALTH })).policy?.hash);
  });
  assert.notEqual(hashes[0], hashes[1]);
});

test("rule_10_3 an ORIGIN that is no URL fails every request, and health names it", async () => {
  await withGateway({ policy: policy(origin.url, "POST /v1/*"), origin: "api.example.com" }, async (gateway) => {
    const place = origin.place();
    assertRefusal(await gateway.post(place.path, gateway.key()), 500, "policy-invalid");
    assertRefusal(await gateway.send({ path: place.path }), 500, "policy-invalid");
    assert.equal(place.count, 0);
    const answer = await gateway.send({ path: HEALTH });
    assert.equal(answer.status, 500);
    assert.match(health(answer).error ?? "", /ORIGIN.*api\.example\.com/);
  });
});

test("health tells which binding is missing", async () => {
  for (const missing of ["RESPONSES", "LEDGER"] as const) {
    await withGateway({ policy: policy(origin.url, "POST /v1/*"), without: [missing] }, async (gateway) => {
      const answer = await gateway.send({ path: HEALTH });
      assert.equal(answer.status, missing === "LEDGER" ? 500 : 200);
      const seen = health(answer);
      assert.deepEqual(seen.bindings, { LEDGER: missing !== "LEDGER", RESPONSES: missing !== "RESPONSES", OVERFLOW: false });
    });
  }
});

test("fault_l11 edge_131 without a ledger a guarded request is refused and never runs; a passed one still passes", async () => {
  await withGateway({ policy: policy(origin.url, "POST /v1/*"), without: ["LEDGER"] }, async (gateway) => {
    const place = origin.place();
    const problem = assertRefusal(await gateway.post(place.path, gateway.key()), 503, "ledger-unavailable");
    assert.equal(problem.retry, "same-key");
    assert.equal(place.count, 0);
    assert.equal((await gateway.send({ path: place.path })).status, 201);
    assert.equal(place.only.method, "GET");
  });
});

test("fault_k13 rule_8_5 without KV an operation runs once, and its answer is replayed from the ledger", async () => {
  await withGateway({ policy: policy(origin.url, "POST /v1/*"), without: ["RESPONSES"] }, async (gateway) => {
    const place = origin.place();
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first);
    const second = await gateway.post(place.path, key);
    assert.equal(second.header("idempotency-status"), "replayed");
    assert.deepEqual(second.body, first.body);
    assert.equal(place.count, 1);
  });
});

test("fault_p1 rule_10_3 rule_10_1 rule_10_2 an invalid POLICY fails every request, and health names the line", async () => {
  const valid = policy(origin.url, "POST /v1/*");
  for (const [broken, line, word] of [
    [`${valid}unguarded = true\n`, 6, "unguarded"],
    [`${valid}[routes.outcome]\nno_answer = "store"\n`, 7, "store"],
    [`${valid}[routes.key\n`, 6, ""],
    [valid.replace("POST /v1/*", "PSOT /v1/*"), 4, "PSOT"],
    ["", undefined, "origin"],
  ] as const) {
    await withGateway({ policy: broken }, async (gateway) => {
      const place = origin.place();
      const headers = [`Idempotency-Key: ${gateway.key()}`];
      for (const request of [
        { method: "POST", path: place.path, headers, body: "{}" },
        { method: "POST", path: place.path, body: "{}" },
        { method: "GET", path: place.path },
        { method: "OPTIONS", path: place.path },
        { method: "PUT", path: "/elsewhere", body: "{}" },
      ]) {
        assertRefusal(await gateway.send(request), 500, "policy-invalid");
      }
      assert.equal(place.count, 0, "nothing runs unguarded");
      const { error } = health(await gateway.send({ path: HEALTH }));
      assert.ok(error?.includes(word), `${error} names ${word}`);
      if (line !== undefined) assert.match(error ?? "", new RegExp(`POLICY:${line}\\b`));
    });
  }
});
