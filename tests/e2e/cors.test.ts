// Which sites may read an answer, and which of its headers (docs/protocol.md rules 9.8, 9.9, 9.19; edge cases 28 to 30, 244).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

const SHOP = "https://shop.example";
const DESK = "https://desk.example";

let origin: Origin;
/** A policy that names no site. */
let gateway: Gateway;
/** A policy that names two. */
let named: Gateway;

before(async () => {
  origin = await startOrigin();
  const routes = policy(
    origin.url,
    { limits: `request_body = "1 KiB"` },
    "POST /v1/*",
    { match: "POST /required/*", rules: `[routes.key]\nmissing = "refuse"` },
  );
  gateway = await startGateway({ policy: routes });
  named = await startGateway({ policy: `${routes}\n[cors]\norigins = ["${SHOP}", "${DESK}"]\ncredentials = true\n` });
});

after(async () => {
  await gateway?.close();
  await named?.close();
  await origin?.close();
});

/** A guarded request as a browser on `site` sends it. */
function ask(of: Gateway, place: Place, key: string, site: string, body = "{}"): Promise<Answer> {
  return of.post(place.path, key, body, [`Origin: ${site}`]);
}

/** A preflight for a POST from the shop. */
function preflight(of: Gateway, path: string): Promise<Answer> {
  return of.send({
    method: "OPTIONS",
    path,
    headers: [`Origin: ${SHOP}`, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: idempotency-key"],
  });
}

const items = (answer: Answer, name: string): string[] =>
  answer.lines(name).flatMap((line) => line.split(",").map((item) => item.trim().toLowerCase()));

/** What an answer permits: its `Access-Control-*` headers, but for what it exposes. */
function permission(answer: Answer): Record<string, string> {
  const lines = answer.headers.map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(lines.filter(([name]) => name.startsWith("access-control-") && name !== "access-control-expose-headers"));
}

/** A place that answers as an API does that one site may use. */
function allowing(site: string): Place {
  return origin.place((_, response) =>
    response.writeHead(201, { "Access-Control-Allow-Origin": site, "Access-Control-Expose-Headers": "X-Own", Vary: "Origin" }).end("{}"),
  );
}

test("edge_028 rule_9_8 a preflight passes without a key, and its answer allows the key header", async () => {
  const place = origin.place(
    (_, response) =>
      response
        .writeHead(204, {
          "Access-Control-Allow-Origin": "https://shop.example",
          "Access-Control-Allow-Methods": "POST",
          "Access-Control-Allow-Headers": "Content-Type, Authorization",
        })
        .end(),
    { under: "/required" },
  );
  const answer = await preflight(gateway, place.path);
  assert.equal(answer.status, 204);
  assert.deepEqual(items(answer, "access-control-allow-headers"), ["content-type", "authorization", "idempotency-key"]);
  assert.equal(answer.header("access-control-allow-origin"), "https://shop.example");
  assert.equal(answer.header("access-control-allow-methods"), "POST");
  assert.equal(place.only.method, "OPTIONS");
});

test("edge_028 rule_9_8 a preflight's answer that allows the key header, or nothing, stays as it is", async () => {
  for (const allowed of ["Content-Type, idempotency-key", undefined]) {
    const place = origin.place((_, response) => {
      if (allowed !== undefined) response.setHeader("Access-Control-Allow-Headers", allowed);
      response.writeHead(204).end();
    });
    const answer = await preflight(gateway, place.path);
    assert.deepEqual(answer.lines("access-control-allow-headers"), allowed === undefined ? [] : [allowed]);
  }
});

test("edge_028 rule_9_8 a preflight's answer for a path that no route guards stays as it is", async () => {
  const place = origin.place((_, response) => response.writeHead(204, { "Access-Control-Allow-Headers": "Content-Type" }).end(), {
    under: "/unguarded",
  });
  assert.deepEqual((await preflight(gateway, place.path)).lines("access-control-allow-headers"), ["Content-Type"]);
});

test("edge_029 edge_244 rule_9_8 a cross-origin reader may read the gateway's headers, first and again", async () => {
  const place = origin.place((_, response) =>
    response
      .writeHead(201, { "Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Expose-Headers": "X-Own, Retry-After" })
      .end("{}"),
  );
  const key = gateway.key();
  for (const status of ["fresh", "replayed"]) {
    const answer = await ask(gateway, place, key, SHOP);
    assert.equal(answer.header("idempotency-status"), status);
    const exposed = items(answer, "access-control-expose-headers");
    for (const name of [
      "x-own",
      "idempotent-replayed",
      "idempotency-status",
      "idempotency-expires",
      "idempotency-original-date",
      "idempotency-original-request-id",
      "preference-applied",
      "retry-after",
      "x-request-id",
      "x-should-retry",
      "idempotency-key",
    ]) {
      assert.equal(exposed.filter((each) => each === name).length, 1, `${name} is exposed once: ${exposed.join()}`);
    }
  }
});

test("edge_029 rule_9_8 an answer without CORS gets no CORS from the gateway", async () => {
  const place = origin.place();
  const key = gateway.key();
  for (const status of ["fresh", "replayed"]) {
    const answer = await ask(gateway, place, key, SHOP);
    assert.equal(answer.header("idempotency-status"), status);
    assert.deepEqual(permission(answer), {});
  }
});

test("edge_030 rule_9_9 a replay to another site does not carry the first site's CORS, and keeps Vary", async () => {
  const place = origin.place((_, response) =>
    response
      .writeHead(201, {
        "Access-Control-Allow-Origin": "https://a.example",
        "Access-Control-Allow-Credentials": "true",
        Vary: "Origin",
      })
      .end("{}"),
  );
  const key = gateway.key();
  const first = await ask(gateway, place, key, "https://a.example");
  assertFresh(first);
  const foreign = await ask(gateway, place, key, "https://b.example");
  assert.equal(foreign.header("idempotency-status"), "replayed");
  assert.deepEqual(permission(foreign), {});
  assert.equal(foreign.header("vary"), "Origin");
  assertReplay(await ask(gateway, place, key, "https://a.example"), first);
  assert.equal(place.count, 1);
});

test("edge_030 rule_9_9 a replay to another site that the policy names lets it read, and keeps what the origin exposed", async () => {
  const place = allowing(SHOP);
  const key = named.key();
  const first = await ask(named, place, key, SHOP);
  assertFresh(first);
  assert.deepEqual(permission(first), { "access-control-allow-origin": SHOP }, "a first answer is the origin's");
  const desk = await ask(named, place, key, DESK);
  assert.equal(desk.header("idempotency-status"), "replayed");
  assert.deepEqual(desk.body, first.body);
  assert.deepEqual(permission(desk), { "access-control-allow-origin": DESK, "access-control-allow-credentials": "true" });
  assert.equal(desk.header("vary"), "Origin");
  const exposed = items(desk, "access-control-expose-headers");
  for (const name of ["x-own", "idempotent-replayed"]) assert.ok(exposed.includes(name), `${name} is exposed: ${exposed.join()}`);
  assert.deepEqual(permission(await ask(named, place, key, "https://other.example")), {});
  assertReplay(await ask(named, place, key, SHOP), first);
  assert.equal(place.count, 1);
});

test("edge_028 edge_029 rule_9_19 the sites of the policy may read why a request was refused, and no other site", async () => {
  const place = origin.place();
  const required = origin.place(undefined, { under: "/required" });
  const key = named.key();
  assertFresh(await ask(named, place, key, SHOP));
  const refusals = (site: string): readonly (readonly [number, string, Promise<Answer>])[] => [
    [422, "key-reused", ask(named, place, key, site, "[]")],
    [413, "body-too-large", ask(named, place, named.key(), site, " ".repeat(1025))],
    [400, "key-missing", named.send({ method: "POST", path: required.path, headers: [`Origin: ${site}`], body: "{}" })],
  ];
  for (const site of [SHOP, DESK, "https://other.example"]) {
    for (const [status, code, sent] of refusals(site)) {
      const answer = await sent;
      assertRefusal(answer, status, code);
      assert.equal(answer.header("vary"), "Origin");
      const exposed = items(answer, "access-control-expose-headers");
      if (site === "https://other.example") {
        assert.deepEqual([permission(answer), exposed], [{}, []]);
        continue;
      }
      assert.deepEqual(permission(answer), { "access-control-allow-origin": site, "access-control-allow-credentials": "true" });
      for (const name of ["retry-after", "x-should-retry", "x-request-id", "idempotency-status", "idempotency-key"]) {
        assert.ok(exposed.includes(name), `${name} is exposed: ${exposed.join()}`);
      }
    }
  }
  assert.deepEqual([place.count, required.count], [1, 0]);
});

test("rule_9_19 a policy that names no site lets nobody read a refusal", async () => {
  const answer = await gateway.post(origin.place().path, "", "{}", [`Origin: ${SHOP}`]);
  assertRefusal(answer, 400, "key-empty");
  assert.deepEqual([permission(answer), items(answer, "access-control-expose-headers"), answer.header("vary")], [{}, [], undefined]);
});
