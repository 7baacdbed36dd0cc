// Whose key is it? (docs/protocol.md §3; edge cases 42 to 51)

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

/** A route below `name` whose scope is `parts`. */
const scoped = (name: string, parts: string[], more = "") => ({
  match: `POST /${name}/*`,
  rules: `${more}\n[routes.scope]\nparts = ${JSON.stringify(parts)}`,
});

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    inspect: true,
    policy: policy(
      origin.url,
      "POST /v1/*",
      scoped("account", ["header:x-account", "host"]),
      scoped("host", ["host"]),
      { match: "POST /refuse/*", rules: `[routes.scope]\nanonymous = "refuse"` },
      { match: "POST /ignore/*", rules: `[routes.scope]\nanonymous = "ignore"` },
      scoped("api-key", ["header:x-api-key", "host"]),
      scoped("live", ["header:authorization", "literal:live"]),
      scoped("test", ["header:authorization", "literal:test"]),
      scoped("live-too", ["header:authorization", "literal:live"]),
      scoped("orders", ["header:authorization", "path"]),
      scoped("refunds", ["header:authorization", "path"]),
      scoped("unseen", ["header:authorization"], "fingerprint = { compare = false }"),
      scoped("unseen-too", ["header:authorization"], "fingerprint = { compare = false }"),
      scoped("two", ["header:x-org", "header:x-user"]),
      scoped("subject", ["claim:sub"], `authority = { ask = "origin", request = "GET /me" }`),
      scoped("in-query", ["query:api_key"], `fingerprint = { parts = ["method", "path", "body"] }`),
      { match: "POST,PATCH /by-method/*", rules: `[routes.scope]\nparts = ["header:authorization", "method"]` },
      scoped("by-target", ["header:authorization", "target"], "fingerprint = { compare = false }"),
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

const bearer = (token: string): string => `Authorization: Bearer ${token}`;

/** Asserts that these requests, told apart by their header lines only, are operations of their own, each with its own replay. */
async function assertApart(place: Place, key: string, ...callers: string[][]): Promise<void> {
  const firsts: Answer[] = [];
  for (const caller of callers) {
    const first = await gateway.post(place.path, key, "{}", caller);
    assertFresh(first);
    firsts.push(first);
  }
  assert.equal(place.count, callers.length);
  for (const [i, caller] of callers.entries()) {
    const first = firsts[i];
    assert.ok(first !== undefined);
    assertReplay(await gateway.post(place.path, key, "{}", caller), first);
  }
  assert.equal(new Set(firsts.map((first) => first.text())).size, callers.length, "everybody has an answer of their own");
  assert.equal(place.count, callers.length);
}

/** Asserts that these requests are one operation, told by their header lines. */
async function assertTogether(place: Place, key: string, caller: string[], ...others: string[][]): Promise<void> {
  const first = await gateway.post(place.path, key, "{}", caller);
  assertFresh(first);
  for (const other of others) assertReplay(await gateway.post(place.path, key, "{}", other), first);
  assert.equal(place.count, 1);
}

test("edge_042 one key of two tenants is two operations, and each gets its own answer again", async () => {
  await assertApart(origin.place(), gateway.key(), [bearer("tenant-a")], [bearer("tenant-b")]);
});

test("edge_042 another caller's other body is no mismatch: a key is known to its owner only", async () => {
  const place = origin.place();
  const key = gateway.key();
  assertFresh(await gateway.post(place.path, key, `{"amount":1}`, [bearer("a")]));
  assertFresh(await gateway.post(place.path, key, `{"amount":2}`, [bearer("b")]));
  assert.equal(place.count, 2);
});

test("edge_042 two API keys of one organisation are two callers, or one where the organisation is the scope", async () => {
  const callers = [["X-Account: org_1", "X-Api-Key: sk_1"], ["X-Account: org_1", "X-Api-Key: sk_2"]] as const;
  const [one, other] = callers.map((lines) => [...lines]) as [string[], string[]];
  await assertApart(origin.place(undefined, { under: "/api-key" }), gateway.key(), one, other);
  await assertTogether(origin.place(undefined, { under: "/account" }), gateway.key(), one, other);
});

test("edge_043 edge_240 a refreshed token is still the same caller, where the scope is a stable part", async () => {
  await assertTogether(
    origin.place(undefined, { under: "/account" }),
    gateway.key(),
    ["X-Account: acct_1", bearer("issued-at-nine")],
    ["X-Account: acct_1", bearer("issued-at-ten")],
    ["X-Account: acct_1"],
  );
  await assertTogether(origin.place(undefined, { under: "/host" }), gateway.key(), [bearer("nine")], [bearer("ten")], []);
});

test("edge_043 a refreshed token is another caller, where the scope is the raw credential", async () => {
  await assertApart(origin.place(), gateway.key(), [bearer("issued-at-nine")], [bearer("issued-at-ten")]);
});

/** A token as an issuer would sign it; who verifies signatures is the origin. */
const token = (claims: Record<string, unknown>, signature = "c2ln"): string => {
  const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return bearer(`${segment({ alg: "RS256", typ: "JWT" })}.${segment(claims)}.${signature}`);
};

test("edge_043 edge_240 rule_3_7 a refreshed token is still the same caller, where the scope is a claim of it", async () => {
  const under = "/subject";
  await assertTogether(
    origin.place(undefined, { under }),
    gateway.key(),
    [token({ sub: "ada", exp: 1 })],
    [token({ sub: "ada", exp: 2 }, "b3RoZXI")],
    [token({ iat: 3, sub: "ada" }).replace("Bearer", "bearer")],
  );
  await assertApart(
    origin.place(undefined, { under }),
    gateway.key(),
    [token({ sub: "ada" })],
    [token({ sub: "eve" })],
    [token({ sub: 1 })],
    [token({ sub: "1" })],
    [bearer("ada")],
    [token({ name: "ada" })],
    ["Authorization: ada"],
    [token({ sub: "ada" }), "Authorization: x"],
    [],
  );
});

test("edge_047 rule_3_9 an API key in the query tells callers apart", async () => {
  const place = origin.place(undefined, { under: "/in-query" });
  const key = gateway.key();
  const ask = (query: string): Promise<Answer> => gateway.post(`${place.path}${query}`, key);
  const first = await ask("?api_key=a~b");
  assertFresh(first);
  assertReplay(await ask("?x=1&api%5Fkey=a%7Eb"), first);
  assert.equal(place.count, 1);
  for (const other of ["?api_key=c", "?api_key=", "?api_key=a~b&api_key=c", ""]) assertFresh(await ask(other));
  assert.equal(place.count, 5);
});

test("rule_3_9 with method and target in the scope, another method or target is another operation", async () => {
  const byMethod = origin.place(undefined, { under: "/by-method" });
  const byTarget = origin.place(undefined, { under: "/by-target" });
  const key = gateway.key();
  const send = (method: string, path: string): Promise<Answer> =>
    gateway.send({ method, path, headers: [`Idempotency-Key: ${key}`, bearer("a")], body: "{}" });
  const first = await send("POST", byMethod.path);
  assertFresh(first);
  assertFresh(await send("PATCH", byMethod.path));
  assertReplay(await send("POST", byMethod.path), first);
  assert.equal(byMethod.count, 2);
  const one = await send("POST", `${byTarget.path}/a?x=~`);
  assertFresh(one);
  assertReplay(await send("POST", `${byTarget.path}/b/../%61?x=%7E`), one);
  for (const target of ["/a", "/a?x=1", "/b?x=~"]) assertFresh(await send("POST", byTarget.path + target));
  assert.equal(byTarget.count, 4);
});

test("edge_046 rule_3_2 callers without a credential have a scope of their own, and nobody else's", async () => {
  const place = origin.place();
  await assertApart(place, gateway.key(), [], [bearer("somebody")]);
  await assertTogether(origin.place(), gateway.key(), [], [], ["X-Api-Key: not-a-part-of-this-scope"]);
});

test("edge_046 rule_3_2 a key without a credential is refused, where the contract says so", async () => {
  const place = origin.place(undefined, { under: "/refuse" });
  const key = gateway.key();
  const problem = assertRefusal(await gateway.post(place.path, key), 400, "credential-missing");
  assert.equal(problem.new_key, "safe");
  assert.equal(place.count, 0);
  assertFresh(await gateway.post(place.path, key, "{}", [bearer("somebody")]));
  assertRefusal(await gateway.post(place.path, key), 400, "credential-missing");
  assert.equal(place.count, 1);
});

test("edge_046 rule_1_7 rule_3_2 a key without a credential is ignored, where the contract says so", async () => {
  const place = origin.place(undefined, { under: "/ignore" });
  const key = gateway.key();
  const before = (await gateway.claims()).length;
  for (const execution of [1, 2]) {
    const answer = await gateway.post(place.path, key);
    assert.equal(answer.status, 201);
    assert.deepEqual(answer.lines("idempotency-status"), ["ignored"]);
    assert.equal(place.count, execution);
  }
  assert.equal((await gateway.claims()).length, before, "nothing was claimed");
  const first = await gateway.post(place.path, key, "{}", [bearer("somebody")]);
  assertFresh(first);
  assertReplay(await gateway.post(place.path, key, "{}", [bearer("somebody")]), first);
  assert.equal(place.count, 3);
});

test("edge_047 an API key tells callers apart in X-Api-Key, and in Authorization as Basic or Bearer", async () => {
  const basic = (user: string): string => `Authorization: Basic ${Buffer.from(`${user}:`).toString("base64")}`;
  await assertApart(origin.place(undefined, { under: "/api-key" }), gateway.key(), ["X-Api-Key: sk_1"], ["X-Api-Key: sk_2"]);
  await assertApart(origin.place(), gateway.key(), [basic("sk_1")], [basic("sk_2")], [bearer("sk_1")]);
  await assertTogether(
    origin.place(undefined, { under: "/api-key" }),
    gateway.key(),
    ["X-Api-Key: sk_1", bearer("one")],
    ["x-api-key:   sk_1  ", bearer("two")],
  );
});

test("edge_048 one key in two environments is two operations", async () => {
  const body = { under: "/live" };
  const [live, sandbox, liveToo] = [origin.place(undefined, body), origin.place(undefined, { under: "/test" }), origin.place(undefined, { under: "/live-too" })];
  const key = gateway.key();
  const credential = [bearer("the-same-token")];
  const first = await gateway.post(live.path, key, "{}", credential);
  assertFresh(first);
  assertFresh(await gateway.post(sandbox.path, key, "{}", credential));
  assertReplay(await gateway.post(live.path, key, "{}", credential), first);
  // A route of the same environment shares its keys: what kept the others apart was the literal, not the route.
  assertRefusal(await gateway.post(liveToo.path, key, "{}", credential), 422, "key-reused");
  assert.deepEqual([live.count, sandbox.count, liveToo.count], [1, 1, 0]);
});

test("edge_049 with the path in the scope, one key on two routes is two operations", async () => {
  const [orders, refunds] = [origin.place(undefined, { under: "/orders" }), origin.place(undefined, { under: "/refunds" })];
  const key = gateway.key();
  const first = await gateway.post(orders.path, key);
  assertFresh(first);
  assertFresh(await gateway.post(refunds.path, key));
  assertReplay(await gateway.post(orders.path, key), first);
  assert.deepEqual([orders.count, refunds.count], [1, 1]);
});

test("edge_049 the path in the scope is the route's template: two paths of one route are one scope", async () => {
  const [one, other] = [origin.place(undefined, { under: "/orders" }), origin.place(undefined, { under: "/orders" })];
  const key = gateway.key();
  assertFresh(await gateway.post(one.path, key));
  assertRefusal(await gateway.post(other.path, key), 422, "key-reused");
  assert.deepEqual([one.count, other.count], [1, 0]);
});

test("edge_049 with the path out of scope, one key on two paths is a mismatch where paths are compared, else a replay", async () => {
  const [one, other] = [origin.place(), origin.place()];
  const key = gateway.key();
  assertFresh(await gateway.post(one.path, key));
  assertRefusal(await gateway.post(other.path, key), 422, "key-reused");
  assert.deepEqual([one.count, other.count], [1, 0]);

  const [here, there] = [origin.place(undefined, { under: "/unseen" }), origin.place(undefined, { under: "/unseen-too" })];
  const first = await gateway.post(here.path, key);
  assertFresh(first);
  assertReplay(await gateway.post(there.path, key), first);
  assert.deepEqual([here.count, there.count], [1, 0]);
});

test("edge_050 one key at two hosts is two operations", async () => {
  await assertApart(origin.place(), gateway.key(), ["Host: a.example"], ["Host: b.example"], ["Host: a.example:8080"]);
  await assertTogether(
    origin.place(undefined, { under: "/live" }),
    gateway.key(),
    ["Host: a.example"],
    ["Host: b.example"],
  );
});

test("rule_3_3 values never flow together: neither from one part into the next, nor into the key", async () => {
  const place = origin.place(undefined, { under: "/two" });
  await assertApart(place, "shifted", ["X-Org: ab", "X-User: c"], ["X-Org: a", "X-User: bc"], ["X-Org: abc"], ["X-User: abc"], ["X-Org: c", "X-User: ab"]);
  const keys = origin.place(undefined, { under: "/two" });
  assertFresh(await gateway.post(keys.path, "bc", "{}", ["X-User: a"]));
  assertFresh(await gateway.post(keys.path, "c", "{}", ["X-User: ab"]));
  assertFresh(await gateway.post(keys.path, "abc", "{}", ["X-User: "]));
  assert.equal(keys.count, 3);
});

test("rule_3_4 an empty header and none are two callers", async () => {
  await assertApart(origin.place(undefined, { under: "/api-key" }), gateway.key(), ["X-Api-Key:"], []);
});

test("edge_234 releasing one caller's key leaves another caller's alone", async () => {
  const place = origin.place((request, response) => {
    response.writeHead(request.header("authorization") === "Bearer a" ? 503 : 201).end(`execution ${request.number}`);
  });
  const key = gateway.key();
  const kept = await gateway.post(place.path, key, "{}", [bearer("b")]);
  assertFresh(kept);
  for (const execution of [2, 3]) {
    const released = await gateway.post(place.path, key, "{}", [bearer("a")]);
    assert.equal(released.status, 503);
    assert.equal(released.text(), `execution ${execution}`);
  }
  assertReplay(await gateway.post(place.path, key, "{}", [bearer("b")]), kept);
  assert.equal(place.count, 3);
});

test("edge_047 rule_3_5 an API key that tells callers apart is not kept in clear, whichever way it comes", async () => {
  const canary = "this-answer-is-kept-in-clear";
  const secret = (form: string): string => `kept-secret-${form}-7d1b`;
  const basic = Buffer.from(`${secret("basic")}:`).toString("base64");
  for (const [under, query, caller] of [
    ["/api-key", "", [`X-Api-Key: ${secret("header")}`]],
    ["/v1", "", [`Authorization: Basic ${basic}`]],
    ["/in-query", `?api_key=${secret("query")}`, []],
  ] as const) {
    const place = origin.place((_, response) => response.writeHead(200).end(canary.padEnd(300 * 1024, ".")), { under });
    const small = origin.place((_, response) => response.writeHead(200).end(canary), { under });
    for (const { path } of [place, small]) {
      const key = gateway.key();
      const first = await gateway.post(path + query, key, "{}", caller);
      assertFresh(first, 200);
      assertReplay(await gateway.post(path + query, key, "{}", caller), first);
      assertRefusal(await gateway.post(path + query, key, "[]", caller), 422, "key-reused");
    }
    assert.deepEqual([place.count, small.count], [1, 1]);
  }
  await assertKeptNowhere(canary, [...["header", "basic", "query"].map(secret), basic]);
});

test("rule_3_5 neither key nor credential is stored or logged: not in the ledger, not in KV, not on the disk", async () => {
  const key = "kept-secret-key-5f2e";
  const token = "kept-secret-token-9a1c";
  const canary = "this-answer-is-stored-in-clear";
  const caller = [bearer(token), `X-Api-Key: ${token}`];
  const gate = barrier();
  const small = origin.place((_, response) => response.writeHead(200).end(canary));
  const large = origin.place((_, response) => response.writeHead(200).end(canary.padEnd(300 * 1024, ".")));
  const held = origin.place(async (_, response) => (await gate.opened, response.end()));
  const lost = origin.place((request) => request.reset());
  for (const place of [small, large]) {
    const first = await gateway.post(place.path, key + place.path.replaceAll("/", "-"), "{}", caller);
    assertFresh(first, 200);
    assertReplay(await gateway.post(place.path, key + place.path.replaceAll("/", "-"), "{}", caller), first);
    assertRefusal(await gateway.post(place.path, key + place.path.replaceAll("/", "-"), "[]", caller), 422, "key-reused");
  }
  assertRefusal(await gateway.post(lost.path, key, "{}", caller), 502, "origin-no-answer");
  const running = gateway.post(held.path, `${key}-held`, "{}", caller);
  await held.arrived();
  assertRefusal(await gateway.post(held.path, `${key}-held`, "{}", caller), 409, "request-in-progress");
  assertRefusal(await gateway.post(held.path, `${key},${key}`, "{}", caller), 400, "key-repeated");
  await gateway.logged((line) => JSON.stringify(line).includes("key-repeated"));

  await assertKeptNowhere(canary, [key, token]);
  const log = gateway.log.map((line) => line.message).join("\n");
  assert.match(log, /request-in-progress/, "the search through the log finds what is there");
  for (const secret of [key, token]) assert.equal(log.includes(secret), false, `${secret} is not in the log`);
  gate.open();
  await running;
});

/** Asserts that none of `secrets` is in the ledger, in KV or on the disk, where `canary`, which is in an answer, is found in each. */
async function assertKeptNowhere(canary: string, secrets: readonly string[]): Promise<void> {
  const kv = await gateway.kv();
  const kvBytes: Buffer[] = [];
  for (const { name } of (await kv.list()).keys) {
    kvBytes.push(Buffer.from(name), Buffer.from((await kv.get(name, "arrayBuffer")) ?? new ArrayBuffer()));
  }
  const rows = (await gateway.claims()).flatMap((row) =>
    Object.values(row).map((value) => (value instanceof ArrayBuffer ? Buffer.from(value) : Buffer.from(String(value)))),
  );
  const disk = readdirSync(gateway.state, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name)));
  const places = { ledger: Buffer.concat(rows), kv: Buffer.concat(kvBytes), disk: Buffer.concat(disk) };
  for (const [place, bytes] of Object.entries(places)) {
    assert.ok(bytes.includes(canary), `the search through the ${place} finds what is there`);
    for (const secret of secrets) {
      for (const form of [secret, Buffer.from(secret).toString("hex"), Buffer.from(secret).toString("base64").slice(0, 20)]) {
        assert.equal(bytes.includes(form), false, `${form} is not in the ${place}`);
      }
    }
  }
}
