// A contract that asks the origin before it tells anything about a claim (docs/protocol.md rule 9.12; edge cases 43, 44, 45
// and 240).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";

const known: Script = (_, response) => response.writeHead(200).end('{"me":"alice"}');

let origin: Origin;
let me: Place;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  me = origin.place(known, { under: "/who" });
  const asks = `[routes.authority]\nask = "origin"\nrequest = "GET ${me.path}?full=1"`;
  const claims = `[routes.scope]\nparts = ["claim:sub"]\n${asks}`;
  gateway = await startGateway({
    policy: policy(origin.url, { match: "POST /v1/*", rules: asks }, { match: "POST /claims/*", rules: claims }),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** As another caller would be: what the origin says to `GET /who/…` from now on, until `run` has ended. */
async function whileOriginSays(script: Script, run: () => Promise<void>): Promise<void> {
  me.script = script;
  try {
    await run();
  } finally {
    me.script = known;
  }
}

const AS_ALICE = ["Authorization: Bearer alice"];

test("edge_044 edge_045 rule_9_12 a credential that the origin refuses sees nothing of what is stored", async () => {
  for (const status of [401, 403]) {
    const place = origin.place((_, response) => response.writeHead(201).end("the secret of alice"));
    const key = gateway.key();
    assertFresh(await gateway.post(place.path, key, "{}", AS_ALICE));
    await whileOriginSays(
      (_, response) => response.writeHead(status, { "WWW-Authenticate": 'Bearer error="invalid_token"' }).end("go away"),
      async () => {
        const answer = await gateway.post(place.path, key, "{}", AS_ALICE);
        assertRefusal(answer, status, "authority-refused");
        assert.equal(answer.header("www-authenticate"), 'Bearer error="invalid_token"');
        assert.ok(!answer.text().includes("secret"));
        assert.equal(answer.header("idempotency-status"), undefined, "not even that there is a claim");
      },
    );
    assert.equal(place.count, 1);
  }
});

test("rule_9_12 the question carries the caller's credentials, and nothing of the operation", async () => {
  const place = origin.place();
  const key = gateway.key();
  const asked = me.count;
  const first = await gateway.post(place.path, key, "{}", AS_ALICE);
  assert.equal(me.count, asked, "who may execute is the origin's to say, with the operation");
  assertReplay(await gateway.post(place.path, key, "{}", AS_ALICE), first);
  assert.equal(me.count, asked + 1);
  const question = await me.arrived(asked + 1);
  assert.equal(question.method, "GET");
  assert.equal(question.target, `${me.path}?full=1`);
  assert.equal(question.header("authorization"), "Bearer alice");
  for (const name of ["idempotency-key", "content-type", "content-length"]) assert.equal(question.header(name), undefined, name);
});

test("fault_o8 rule_9_12 an origin that does not say who is asking gets no replay out, and nothing runs again", async () => {
  const place = origin.place();
  const key = gateway.key();
  const first = await gateway.post(place.path, key, "{}", AS_ALICE);
  const failures: Script[] = [(_, response) => response.writeHead(503).end(), (request) => request.reset()];
  for (const script of failures) {
    await whileOriginSays(script, async () => {
      const answer = await gateway.post(place.path, key, "{}", AS_ALICE);
      assert.equal(assertRefusal(answer, 503, "authority-unavailable").retry, "same-key");
    });
  }
  assertReplay(await gateway.post(place.path, key, "{}", AS_ALICE), first);
  assert.equal(place.count, 1);
});

test("fault_o8 rule_9_12 while the origin does not say whose a token is, nothing is claimed and nothing runs; an answer that never comes is one", async () => {
  const never = barrier();
  const known = origin.place();
  const key = gateway.key();
  const first = await gateway.post(known.path, key, "{}", AS_ALICE);
  const failures: Script[] = [(_, response) => response.writeHead(500).end(), (request) => request.reset(), async () => never.opened];
  for (const script of failures) {
    const place = origin.place(undefined, { under: "/claims" });
    const newKey = gateway.key();
    await whileOriginSays(script, async () => {
      const asked = Date.now();
      const answers = [gateway.post(known.path, key, "{}", AS_ALICE), gateway.post(place.path, newKey, "{}", [token({ sub: "alice" })])];
      for (const answer of await Promise.all(answers)) {
        assertRefusal(answer, 503, "authority-unavailable");
        assert.equal(answer.header("retry-after"), "2");
      }
      assert.ok(Date.now() - asked < 15_000, "it is waited for 10 s");
    });
    assert.equal(place.count, 0);
    assertFresh(await gateway.post(place.path, newKey, "{}", [token({ sub: "alice" })]));
  }
  assertReplay(await gateway.post(known.path, key, "{}", AS_ALICE), first);
  assert.ok(gateway.log.some(({ message }) => message.startsWith("the origin could not be asked who is asking: ")));
});

test("rule_9_12 that a key runs, or belongs to another request, is told to nobody whom the origin refuses", async () => {
  const gate = barrier();
  const place = origin.place(async (_, response) => {
    await gate.opened;
    response.writeHead(201).end();
  });
  const key = gateway.key();
  const first = gateway.post(place.path, key, "{}", AS_ALICE);
  await place.arrived(1);
  await whileOriginSays(
    (_, response) => response.writeHead(401).end(),
    async () => {
      assertRefusal(await gateway.post(place.path, key, "{}", AS_ALICE), 401, "authority-refused");
      assertRefusal(await gateway.post(place.path, key, '{"other":1}', AS_ALICE), 401, "authority-refused");
    },
  );
  gate.open();
  assertFresh(await first);
  assert.equal(place.count, 1);
});

/** A JWT with these claims; nobody here checks its signature. */
function token(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `Authorization: Bearer ${part({ alg: "none" })}.${part(claims)}.c2ln`;
}

test("edge_043 edge_240 a refreshed token of the same user finds what the first one did", async () => {
  const place = origin.place(undefined, { under: "/claims" });
  const key = gateway.key();
  const first = await gateway.post(place.path, key, "{}", [token({ sub: "alice", iat: 1 })]);
  assertFresh(first);
  assertReplay(await gateway.post(place.path, key, "{}", [token({ sub: "alice", iat: 2 })]), first);
  assertFresh(await gateway.post(place.path, key, "{}", [token({ sub: "bob", iat: 2 })]));
  assert.equal(place.count, 2);
});
