// Methods, routes, paths, queries, and the forms of answers (docs/protocol.md §1, §4, §9; edge cases 24 to 41). CORS (28 to 30) is in
// cors.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFresh, assertPassed, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import { claimCount, echoMethod, gateway, origin } from "./http.ts";
import { startOrigin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

// ---------------------------------------------------------------------------------------------- methods and routes

test("edge_024 edge_206 rule_1_4 safe methods with a key reach the origin every time, and nothing is claimed", async () => {
  const claims = await claimCount();
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    const place = origin.place(echoMethod);
    const headers = [`Idempotency-Key: ${gateway.key()}`];
    for (const execution of ["1", "2"]) {
      const answer = await gateway.send({ method, path: place.path, headers });
      assertPassed(answer);
      assert.equal(answer.status, 200);
      assert.equal(answer.header("x-execution"), execution);
      assert.equal(answer.text(), method === "HEAD" ? "" : method);
    }
    assert.equal(place.count, 2);
  }
  assert.equal(await claimCount(), claims);
});

test("edge_025 rule_1_4 a key on a method that the contract does not cover is ignored, even a malformed one", async () => {
  const claims = await claimCount();
  for (const [method, under] of [["PUT", "/v1"], ["DELETE", "/v1"], ["PUT", "/posts"], ["PATCH", "/posts"], ["DELETE", "/posts"]] as const) {
    const place = origin.place(undefined, { under });
    const headers = [`Idempotency-Key: ${gateway.key()}`];
    for (const execution of [1, 2]) {
      const answer = await gateway.send({ method, path: place.path, headers, body: "{}" });
      assertPassed(answer);
      assert.deepEqual(answer.json(), { execution, target: place.path });
    }
    const malformed = await gateway.send({ method, path: place.path, headers: ["Idempotency-Key: a, b"], body: "{}" });
    assertPassed(malformed);
    assert.equal(malformed.status, 201);
    assert.equal(place.count, 3);
  }
  assert.equal(await claimCount(), claims);
  assertRefusal(await gateway.send({ method: "POST", path: "/posts/1", body: "{}" }), 400, "key-missing");
});

test("edge_025 a PATCH is guarded where the contract covers it", async () => {
  const place = origin.place();
  const request = { method: "PATCH", path: place.path, headers: [`Idempotency-Key: ${gateway.key()}`], body: "{}" };
  const first = await gateway.send(request);
  assertFresh(first);
  assertReplay(await gateway.send(request), first);
  assert.equal(place.count, 1);
});

test("edge_026 a repeated DELETE gets the stored 204, not the 404 of a resource that is gone", async () => {
  const place = origin.place(
    (request, response) => response.writeHead(request.number === 1 ? 204 : 404).end(),
    { under: "/deletable" },
  );
  const request = { method: "DELETE", path: place.path, headers: [`Idempotency-Key: ${gateway.key()}`] };
  const first = await gateway.send(request);
  assertFresh(first, 204);
  assertReplay(await gateway.send(request), first);
  assert.equal(place.count, 1);
});

test("edge_027 rule_4_2 a method override makes another request", async () => {
  for (const name of ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]) {
    const place = origin.place();
    const key = gateway.key();
    const first = await gateway.post(place.path, key, "{}", [`${name}: DELETE`]);
    assertFresh(first);
    assertRefusal(await gateway.post(place.path, key), 422, "key-reused");
    assertRefusal(await gateway.post(place.path, key, "{}", [`${name}: PUT`]), 422, "key-reused");
    assertReplay(await gateway.post(place.path, key, "{}", [`${name}: DELETE`]), first);
    assert.equal(place.only.header(name), "DELETE", "the origin gets the override");
  }
});

// ------------------------------------------------------------------------------------------------- paths, queries

test("edge_034 rule_1_3 rule_4_3 spellings of one path are one request: dot segments, escapes of plain letters, hex digits", async () => {
  const place = origin.place();
  const key = gateway.key();
  const [, version, name] = place.path.split("/");
  const first = await gateway.post(`${place.path}/a%2Fb`, key);
  assertFresh(first);
  for (const spelling of [
    `${place.path}/a%2fb`,
    `${place.path}/%61%2Fb`,
    `${place.path}/./a%2Fb`,
    `${place.path}/x/../a%2Fb`,
    `${place.path}/%2e/a%2Fb`,
    `/${version}/%70${name?.slice(1)}/a%2Fb`,
    `/other/../${version}/${name}/a%2Fb`,
  ]) {
    assertReplay(await gateway.post(spelling, key), first);
  }
  assert.equal(place.count, 1);
});

test("edge_034 rule_1_3 rule_4_3 a trailing slash, a doubled slash, other case and a decoded slash make another path", async () => {
  const place = origin.place();
  const key = gateway.key();
  assertFresh(await gateway.post(`${place.path}/a%2Fb`, key));
  for (const other of ["/a%2Fb/", "//a%2Fb", "/A%2Fb", "/a/b", "/a%2Fb%2F", "/a%252Fb"]) {
    assertRefusal(await gateway.post(place.path + other, key), 422, "key-reused");
  }
  assert.equal(place.count, 1);
});

test("edge_034 rule_1_3 a path cannot leave its route by its spelling", async () => {
  const place = origin.place();
  const [, version, name] = place.path.split("/");
  for (const spelling of [`/%76${version?.slice(1)}/${name}`, `/x/../${version}/${name}`, `/x/%2e%2e/${version}/${name}`, `/${version}\\${name}`, `/x\\..\\${version}/${name}`]) {
    const key = gateway.key();
    assertFresh(await gateway.post(spelling, key));
    assert.equal((await gateway.post(spelling, key)).header("idempotency-status"), "replayed", spelling);
  }
  assert.equal(place.count, 5);
});

test("edge_034 rule_3_4 another host is another scope, other letter case is not", async () => {
  const place = origin.place(undefined, { under: "/hosts" });
  const key = gateway.key();
  const ask = (host: string): Promise<Answer> => gateway.post(place.path, key, "{}", [`Host: ${host}`]);
  const first = await ask("api.example");
  assertFresh(first);
  assertReplay(await ask("API.Example"), first);
  assertReplay(await ask("api.example:80"), first);
  assertFresh(await ask("alias.example"));
  assertFresh(await ask("api.example:8080"));
  assert.equal(place.count, 3);
});

test("edge_035 rule_4_4 the order of query pairs does not count, but does where the query is compared raw", async () => {
  const sorted = origin.place(undefined, { under: "/sorted" });
  const key = gateway.key();
  const first = await gateway.post(`${sorted.path}?b=2&a=1`, key);
  assertFresh(first);
  assertReplay(await gateway.post(`${sorted.path}?a=1&b=2`, key), first);
  assertRefusal(await gateway.post(`${sorted.path}?a=1&b=3`, key), 422, "key-reused");
  assertRefusal(await gateway.post(sorted.path, key), 422, "key-reused");
  assert.equal(sorted.only.target, `${sorted.path}?b=2&a=1`, "the origin gets the query as it came");

  const raw = origin.place(undefined, { under: "/raw" });
  const other = gateway.key();
  assertFresh(await gateway.post(`${raw.path}?b=2&a=1`, other));
  assertRefusal(await gateway.post(`${raw.path}?a=1&b=2`, other), 422, "key-reused");
  assert.equal(raw.count, 1);
});

test("edge_036 rule_4_4 the order of pairs with one name counts", async () => {
  const place = origin.place(undefined, { under: "/sorted" });
  const key = gateway.key();
  const first = await gateway.post(`${place.path}?a=1&a=2&b=3`, key);
  assertFresh(first);
  assertRefusal(await gateway.post(`${place.path}?a=2&a=1&b=3`, key), 422, "key-reused");
  assertReplay(await gateway.post(`${place.path}?a=1&b=3&a=2`, key), first);
  assert.equal(place.count, 1);
  const raw = origin.place(undefined, { under: "/raw" });
  const other = gateway.key();
  assertFresh(await gateway.post(`${raw.path}?a=1&a=2`, other));
  assertRefusal(await gateway.post(`${raw.path}?a=2&a=1`, other), 422, "key-reused");
  assert.equal(raw.count, 1);
});

test("rule_4_4 `+` and `%20` are different in a query, no query and an empty one are not", async () => {
  const place = origin.place(undefined, { under: "/sorted" });
  const spaced = gateway.key();
  assertFresh(await gateway.post(`${place.path}?q=a+b`, spaced));
  assertRefusal(await gateway.post(`${place.path}?q=a%20b`, spaced), 422, "key-reused");
  const plain = gateway.key();
  const first = await gateway.post(place.path, plain);
  assertFresh(first);
  assertReplay(await gateway.post(`${place.path}?`, plain), first);
  assert.equal(place.count, 2);
});

// -------------------------------------------------------------------------------------------------- answers' forms

test("edge_037 edge_209 rule_6_2 a redirect is not followed, and is replayed with its Location", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const target = origin.place();
    const place = origin.place((_, response) => response.writeHead(status, { Location: `${origin.url}${target.path}` }).end("moved"));
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first, status);
    assert.equal(first.header("location"), `${origin.url}${target.path}`);
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
    assert.equal(target.count, 0, `${status} was followed`);
  }
});

test("edge_037 rule_7_6 a redirect that the contract releases comes with its Location, is not followed, and leaves the key free", async () => {
  const target = origin.place();
  const location = `${origin.url}${target.path}`;
  const place = origin.place((_, response) => response.writeHead(307, { Location: location }).end("moved"), { under: "/redirecting" });
  const key = gateway.key();
  for (const execution of [1, 2]) {
    const answer = await gateway.post(place.path, key);
    assert.equal(answer.status, 307);
    assert.equal(answer.header("location"), location);
    assert.equal(answer.header("idempotency-status"), "fresh");
    assert.equal(answer.header("idempotency-expires"), undefined, "nothing is kept");
    assert.equal(place.count, execution);
  }
  assert.equal(target.count, 0, "it was followed");
});

test("edge_038 edge_206 rule_9_5 204, 205 and 304 have no body and no header about one, first and again", async () => {
  for (const status of [204, 205, 304]) {
    const place = origin.place((_, response) => response.writeHead(status, { ETag: '"v1"' }).end());
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first, status);
    const second = await gateway.post(place.path, key);
    assertReplay(second, first);
    for (const answer of [first, second]) {
      assert.equal(answer.body.length, 0);
      assert.equal(answer.header("etag"), '"v1"');
      assert.deepEqual(answer.lines("content-type"), []);
      // 205 is framed as an empty body on the wire: there the runtime has to say so.
      assert.deepEqual(answer.lines("content-length"), status === 205 ? ["0"] : []);
      assert.deepEqual(answer.lines("transfer-encoding"), []);
    }
    assert.equal(place.count, 1);
  }
});

test("edge_039 rule_8_6 trailers of an answer are dropped, its body is whole", async () => {
  const place = origin.place((_, response) => {
    // This workerd does not read trailers off the connection, and would take them for the next answer on it.
    response.writeHead(200, { "Content-Type": "text/plain", Trailer: "X-Checksum", Connection: "close" });
    response.write("first,");
    response.addTrailers({ "X-Checksum": "abc" });
    response.end("second");
  });
  const key = gateway.key();
  const first = await gateway.post(place.path, key);
  assertFresh(first, 200);
  assert.equal(first.text(), "first,second");
  assert.deepEqual(first.lines("trailer"), [], "no trailer is announced that does not come");
  assertReplay(await gateway.post(place.path, key), first);
  assert.equal(place.count, 1);
});

test("fault_o6 trailers that the runtime leaves on a kept connection are taken for the next answer: that one is held, never run again", async () => {
  const own = await startOrigin();
  const alone = await startGateway({ policy: policy(own.url, "POST /v1/*") });
  try {
    const [trailing, next] = [own.place(), own.place()];
    trailing.script = (_, response) => {
      response.writeHead(200, { "Content-Type": "text/plain", Trailer: "X-Checksum" });
      response.write("whole");
      response.addTrailers({ "X-Checksum": "abc" });
      response.end();
    };
    const first = await alone.post(trailing.path, "trailing");
    assertFresh(first, 200);
    assert.equal(first.text(), "whole");
    // The only connection there is.
    assertRefusal(await alone.post(next.path, "next"), 502, "origin-no-answer");
    assertRefusal(await alone.post(next.path, "next"), 409, "outcome-unknown");
    assertReplay(await alone.post(trailing.path, "trailing"), first);
    assert.deepEqual([trailing.count, next.count], [1, 1]);
  } finally {
    await alone.close();
    await own.close();
  }
});
