// One caller never reads, blocks or learns of another's keys (docs/protocol.md rules 3.10, 5.21, 5.25 and 9.12; edge cases 42, 46, 51,
// 130 and 236): whatever state a key of A is in, B gets what it gets for a key that nobody has used. How long that takes is in
// isolation-timing.test.ts, and that no two callers have one claim in tests/isolation.rs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy, claimNow } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;
/** Where the origin is asked who is asking. */
let me: Place;

/** How many new keys a caller has within a minute: more than any test needs but the one that uses them up. One comes back in 500 ms. */
const NEW_KEYS = 120;

before(async () => {
  origin = await startOrigin();
  me = origin.place((request, response) => response.writeHead(request.header("authorization")?.endsWith(".forged") === true ? 401 : 200).end(), { under: "/who" });
  // The marker that these tests look for.
  const marker = `[routes.replay]\nmarker = { header = "Idempotent-Replayed", value = "true" }`;
  const routes = policy(
    origin.url,
    { limits: `new_keys_per_minute = ${NEW_KEYS}` },
    "POST /v1/*",
    { match: "POST /redactr/*", contract: "redactr", rules: marker },
    { match: "POST /redactr-batch/*", contract: "redactr", rules: marker },
    { match: "POST /waiting/*", rules: `[routes.running]\nanswer = "wait"\nwait_seconds = 20` },
    { match: "POST /subject/*", rules: `[routes.scope]\nparts = ["claim:sub"]\n[routes.authority]\nask = "origin"\nrequest = "GET ${me.path}"` },
  );
  gateway = await startGateway({ inspect: true, policy: `${routes}\n[ledger]\nshards = 1\n` });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

const bearer = (token: string): string => `Authorization: Bearer ${token}`;

/** A token as an issuer would sign it; who verifies signatures is the origin. */
const token = (claims: Record<string, unknown>, signature = "c2ln"): string => {
  const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return bearer(`${segment({ alg: "RS256" })}.${segment(claims)}.${signature}`);
};

/** Two callers, and where they call. The header `X-Who` tells the origin of this test who it is; no contract looks at it. */
interface Pair {
  readonly name: string;
  readonly under: string;
  /** Where B calls, if not there. */
  readonly other?: string;
  readonly a: readonly string[];
  readonly b: readonly string[];
}

const PAIRS: readonly Pair[] = [
  { name: "two credentials", under: "/v1", a: [bearer("a")], b: [bearer("b")] },
  { name: "a credential, and none", under: "/v1", a: [bearer("a")], b: [] },
  { name: "no credential, and one", under: "/v1", a: [], b: [bearer("b")] },
  { name: "two hosts", under: "/v1", a: [bearer("a"), "Host: a.example"], b: [bearer("a"), "Host: b.example"] },
  { name: "redactr, which compares nothing", under: "/redactr", a: [bearer("a")], b: [bearer("b")] },
  { name: "redactr, on another route", under: "/redactr", other: "/redactr-batch", a: [bearer("a")], b: [bearer("b")] },
  { name: "redactr, without a credential", under: "/redactr", a: [bearer("a")], b: [] },
  { name: "where requests wait", under: "/waiting", a: [bearer("a")], b: [bearer("b")] },
  { name: "two subjects of tokens", under: "/subject", a: [token({ sub: "ada" })], b: [token({ sub: "eve" })] },
  { name: "a subject, and its name as the credential", under: "/subject", a: [token({ sub: "ada" })], b: [bearer("ada")] },
  { name: "a subject, and a number that is spelled alike", under: "/subject", a: [token({ sub: "1" })], b: [token({ sub: 1 })] },
  { name: "a subject, and no token", under: "/subject", a: [token({ sub: "ada" })], b: [] },
];

const OF_A = "the secret of A";

/** What A's key may have come to; how its request ends at the origin, and what A is told afterwards. */
interface State {
  readonly name: string;
  /** What the origin does with A's requests; `gate` opens at the end of the test. */
  readonly script: (gate: Promise<void>) => Script;
  readonly expired?: true;
  /** B's body, if it is another. */
  readonly body?: string;
  readonly again: (answer: Answer, first: Answer) => void;
}

/** Redactr keeps nothing but JSON. */
const JSON_TYPE = { "Content-Type": "application/json" };
const made = (size: number): Script => (_, response) =>
  response.writeHead(201, { ...JSON_TYPE, "X-Secret": OF_A, "Set-Cookie": "secret=A" }).end(JSON.stringify(OF_A.padEnd(size, ".")));
const replayed = (answer: Answer, first: Answer): void => assertReplay(answer, first, ["set-cookie"]);

const STATES: readonly State[] = [
  {
    name: "running",
    script: (gate) => async (request, response) => {
      await gate;
      await made(20)(request, response);
    },
    again: replayed,
  },
  { name: "done", script: () => made(20), again: replayed },
  { name: "done, in KV", script: () => made(300 * 1024), again: replayed },
  { name: "unknown", script: () => (request) => request.reset(), again: (answer) => void assertRefusal(answer, 409, "outcome-unknown") },
  { name: "expired", script: () => made(20), expired: true, again: (answer) => assertFresh(answer) },
  { name: "done, with another body", script: () => made(20), body: '{"other":1}', again: replayed },
];

/** What belongs to the moment, and not to the answer. */
const OF_THE_MOMENT = /^(date|x-request-id|idempotency-expires)$/i;

/** All that can be seen of an answer: its status, its headers in their order, its body. */
const seen = (answer: Answer): unknown => ({
  status: answer.status,
  reason: answer.reason,
  headers: answer.headers.map(([name, value]) => (OF_THE_MOMENT.test(name) ? name : `${name}: ${value}`)),
  framing: answer.framing,
  body: answer.text().replace(/[0-9a-f]{32}/, "<request id>"),
});

const without = (rows: readonly Row[], claim: Row): Row[] => rows.filter((row) => Buffer.compare(Buffer.from(row["id"] as ArrayBuffer), Buffer.from(claim["id"] as ArrayBuffer)) !== 0);

for (const pair of PAIRS) {
  for (const state of STATES) {
    test(`edge_042 edge_046 edge_051 rule_3_10 ${pair.name}: A's key is ${state.name}, and B gets what it gets for a key of its own`, async (t) => {
      const gate = barrier();
      t.after(() => gate.open());
      const byWho = (script: Script): Script => (request, response) =>
        request.header("x-who") === "a" ? script(request, response) : response.writeHead(201, { ...JSON_TYPE, "X-Order": "7" }).end('"made for B"');
      const place = origin.place(byWho(state.script(gate.opened)), { under: pair.under });
      const key = gateway.key();
      const asA = (): Promise<Answer> => gateway.post(place.path, key, "{}", [...pair.a, "X-Who: a"]);
      let first: Promise<Answer> | undefined;
      const claim = await claimMadeBy(gateway, async () => {
        first = asA();
        if (state.name === "running") await place.arrived();
        else await first;
      });
      if (state.expired === true) await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
      const before = await claimNow(gateway, claim);

      const there = pair.other === undefined ? place : origin.place(byWho(made(1)), { under: pair.other });
      const asB = (key: string, body = state.body): Promise<Answer> => gateway.post(there.path, key, body, [...pair.b, "X-Who: b"]);
      const reached = (): number => there.requests.filter((request) => request.header("x-who") === "b").length;
      const rows = without(await gateway.claims(), claim).length;
      const began = Date.now();
      const foreign = await asB(key);
      assertFresh(foreign);
      assert.equal(reached(), 1, "executed once");
      const own = await asB(gateway.key());
      assert.equal(reached(), 2);
      assert.ok(Date.now() - began < 5_000, "B waits for nobody");
      assert.deepEqual(seen(foreign), seen(own));
      assert.doesNotMatch(JSON.stringify(seen(foreign)), /secret/i);
      assert.equal(without(await gateway.claims(), claim).length, rows + 2, "two claims of B's");
      assert.deepEqual(await claimNow(gateway, claim), before, "and A's is as it was");

      // From now on B's key is B's: its retries, and its mismatches, are told of B's request.
      assertReplay(await asB(key), foreign);
      if (!pair.name.startsWith("redactr")) assertRefusal(await asB(key, "[7]"), 422, "key-reused");
      assert.equal(reached(), 2);
      gate.open();
      assert.ok(first !== undefined);
      state.again((await first, await asA()), await first);
    });
  }
}

test("edge_046 rule_3_2 two callers without a credential are one caller, who can be told from everybody else", async () => {
  const place = origin.place(undefined, { under: "/redactr" });
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assertFresh(first);
  assertReplay(await gateway.post(place.path, key, '{"other":1}'), first);
  for (const who of ["a", "b"]) assertFresh(await gateway.post(place.path, key, "{}", [bearer(who)]));
  assert.equal(place.count, 3);
});

test("rule_9_12 a forged token with A's name learns nothing, takes nothing, and blocks nothing", async () => {
  const gate = barrier();
  const script: Script = async (_, response) => {
    await gate.opened;
    response.writeHead(201).end(OF_A);
  };
  const place = origin.place(script, { under: "/subject" });
  const key = gateway.key();
  const forged = (key: string, body?: string): Promise<Answer> => gateway.post(place.path, key, body, [token({ sub: "ada" }, "forged")]);
  const asA = (): Promise<Answer> => gateway.post(place.path, key, "{}", [token({ sub: "ada" })]);
  let first: Promise<Answer> | undefined;
  const claim = await claimMadeBy(gateway, async () => {
    first = asA();
    await place.arrived();
  });
  const rows = await gateway.claims();
  const unknown = await forged(gateway.key());
  assertRefusal(unknown, 401, "authority-refused");
  for (const body of ["{}", "[]"]) assert.deepEqual(seen(await forged(key, body)), seen(unknown));
  gate.open();
  assert.ok(first !== undefined);
  const answer = await first;
  assertFresh(answer);
  for (const body of ["{}", "[]"]) assert.deepEqual(seen(await forged(key, body)), seen(unknown));
  assert.equal((await gateway.claims()).length, rows.length, "no key was taken in A's name");
  assert.notEqual(await claimNow(gateway, claim), undefined);
  assert.equal(place.count, 1, "and nothing was sent");
  assertReplay(await asA(), answer);
});

test("edge_130 rule_5_25 a new key over the limit: 429, nothing sent and nothing stored; old keys, and everybody else's, are answered as ever", async () => {
  const place = origin.place();
  const flood = (key: string): Promise<Answer> => gateway.post(place.path, key, "{}", [bearer("flooding")]);
  const quiet = (key: string): Promise<Answer> => gateway.post(place.path, key, "{}", [bearer("quiet")]);
  const taken = gateway.key();
  const first = await flood(taken);
  assertFresh(first);
  const began = Date.now();
  let sent = 1;
  const refused: Answer[] = [];
  while (refused.length < 20 && sent < 10 * NEW_KEYS) {
    for (const answer of await Promise.all(Array.from({ length: 20 }, () => flood(gateway.key())))) {
      if (answer.status === 201) sent += 1;
      else refused.push(answer);
    }
  }
  const cameBack = Math.ceil((Date.now() - began) / 500);
  assert.ok(sent >= NEW_KEYS && sent <= NEW_KEYS + cameBack, `${sent} new keys were taken, and ${cameBack} came back meanwhile`);
  for (const answer of refused) {
    const problem = assertRefusal(answer, 429, "too-many-keys");
    assert.equal(problem.retry, "same-key");
    assert.equal(answer.header("retry-after"), "1");
    assert.equal(answer.header("idempotency-status"), undefined);
  }
  assert.equal(place.count, sent, "nothing is sent for those that were refused");
  const { claim } = await gateway.lineOf(refused[0] as Answer);
  const ids = (await gateway.claims()).map((row) => Buffer.from(row["id"] as ArrayBuffer).toString("hex"));
  assert.ok(!ids.includes(String(claim)), "and nothing is stored");

  // A key of A's is as new to B as any other. One may come back meanwhile: then once more.
  const theirs = gateway.key();
  const firstOfA = await quiet(theirs);
  assertFresh(firstOfA);
  const asOneOfTheirs = async (): Promise<[Answer, Answer]> => {
    const key = gateway.key();
    assertFresh(await quiet(key));
    return Promise.all([flood(key), flood(gateway.key())]);
  };
  const [foreign, own] = await eventually("two refusals", asOneOfTheirs, (pair) => pair.every(({ status }) => status === 429));
  assert.deepEqual(seen(foreign), seen(own));
  assertReplay(await flood(taken), first);
  assertRefusal(await gateway.post(place.path, taken, "[]", [bearer("flooding")]), 422, "key-reused");

  const asked = Date.now();
  assertReplay(await quiet(theirs), firstOfA);
  for (let i = 0; i < 5; i++) assertFresh(await quiet(gateway.key()));
  assert.ok(Date.now() - asked < 5_000, "at once");
});

test("edge_236 rule_5_21 rule_5_25 B has all its waiting places and all its new keys in use: A's requests are answered at once, and may wait", async () => {
  const gate = barrier();
  const held: Script = async (request, response) => {
    if (request.number === 1) await gate.opened;
    response.writeHead(201).end(`execution ${request.number}`);
  };
  const asB = (place: Place, key: string): Promise<Answer> => gateway.post(place.path, key, "{}", [bearer("crowd")]);
  const [crowded, quiet] = [origin.place(held, { under: "/waiting" }), origin.place(held, { under: "/waiting" })];
  const [keyOfB, keyOfA] = [gateway.key(), gateway.key()];
  const firstOfB = asB(crowded, keyOfB);
  await crowded.arrived();
  const crowd = Array.from({ length: 64 }, () => asB(crowded, keyOfB));
  await eventually("B's 64 places", () => gateway.inLedger(), (inside) => inside === 64);
  const burst = origin.place();
  let answers: Answer[];
  do answers = await Promise.all(Array.from({ length: 50 }, () => asB(burst, gateway.key())));
  while (answers.every(({ status }) => status === 201));
  assertRefusal(await asB(crowded, keyOfB), 409, "request-in-progress");

  const asA = (key: string): Promise<Answer> => gateway.post(quiet.path, key, "{}", [bearer("calm")]);
  const began = Date.now();
  const firstOfA = asA(keyOfA);
  await quiet.arrived();
  const patient = asA(keyOfA);
  await eventually("A's place", () => gateway.inLedger(), (inside) => inside === 65);
  const another = await asA(gateway.key());
  assertFresh(another);
  assert.ok(Date.now() - began < 5_000, "at once");
  gate.open();
  assertReplay(await patient, await firstOfA);
  for (const answer of await Promise.all(crowd)) assertReplay(answer, await firstOfB);
});
