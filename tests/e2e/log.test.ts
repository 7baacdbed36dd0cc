// One line of log for each guarded request, and no secret anywhere (docs/protocol.md rule 3.5; edge case 129).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertRefusal } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";

const ROUTE = "POST,PATCH /v1/*";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    inspect: true,
    policy: policy(origin.url, { limits: `request_body = "1 KiB"` }, ROUTE),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** Sends a guarded request whose line is told by its route, and gives all lines of guarded requests up to it. */
async function linesSoFar(): Promise<Record<string, unknown>[]> {
  const place = origin.place();
  assertFresh(await gateway.post(place.path, gateway.key()));
  const attempt = place.only.header("idempotency-attempt");
  await gateway.logged((line) => line["attempt"] === attempt);
  return gateway.log.flatMap(({ data }) => (data !== undefined && "outcome" in data ? [data] : []));
}

/** The lines that `action` adds, when the next request's line has come too. */
async function linesOf(action: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const before = (await linesSoFar()).length;
  await action();
  return (await linesSoFar()).slice(before, -1);
}

test("a guarded request writes one line, with everything that tells what became of it", async () => {
  const place = origin.place();
  const key = gateway.key();
  const [fresh, ...more] = await linesOf(() => gateway.post(place.path, key));
  assert.deepEqual(more, []);
  assert.ok(fresh);
  assert.equal(fresh["outcome"], "fresh");
  assert.equal(fresh["route"], ROUTE);
  assert.equal(fresh["status"], 201);
  assert.equal(fresh["attempt"], place.only.header("idempotency-attempt"));
  assert.match(String(fresh["claim"]), /^[0-9a-f]{64}$/);
  for (const name of ["ledger_ms", "origin_ms", "store_ms"]) {
    assert.ok(Number.isInteger(fresh[name]) && Number(fresh[name]) >= 0, `${name} is a number of milliseconds: ${fresh[name]}`);
  }
  const [replayed, ...others] = await linesOf(() => gateway.post(place.path, key));
  assert.deepEqual(others, []);
  assert.equal(replayed?.["outcome"], "replayed");
  assert.equal(replayed?.["status"], 201);
  assert.equal(replayed?.["claim"], fresh["claim"], "the same claim has the same name");
  assert.equal(place.count, 1);
});

test("a refusal writes one line with its code", async () => {
  const place = origin.place();
  const key = gateway.key();
  assertFresh(await gateway.post(place.path, key));
  for (const [outcome, status, send] of [
    ["key-empty", 400, () => gateway.post(place.path, "")],
    ["body-too-large", 413, () => gateway.post(place.path, gateway.key(), Buffer.alloc(1025))],
    ["key-reused", 422, () => gateway.post(place.path, key, "[]")],
  ] as const) {
    const lines = await linesOf(send);
    assert.equal(lines.length, 1, `${outcome}: ${JSON.stringify(lines)}`);
    assert.equal(lines[0]?.["outcome"], outcome);
    assert.equal(lines[0]?.["status"], status);
    assert.equal(lines[0]?.["route"], ROUTE);
  }
});

test("a request whose client is gone writes its line too", async () => {
  const gate = barrier();
  const place = origin.place(async (_, response) => {
    await gate.opened;
    response.writeHead(201).end("made");
  });
  const wire = await gateway.connect();
  wire.request({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${gateway.key()}`], body: "{}" });
  const attempt = (await place.arrived()).header("idempotency-attempt");
  wire.reset();
  gate.open();
  const line = await gateway.logged((each) => each["attempt"] === attempt);
  assert.equal(line["outcome"], "fresh");
  assert.equal(line["status"], 201);
  assert.equal((await linesSoFar()).filter((each) => each["attempt"] === attempt).length, 1);
});

test("the time at the origin is in the line", async () => {
  const place = origin.place((_, response) => {
    setTimeout(() => response.writeHead(201).end(), 120);
  });
  const [line] = await linesOf(() => gateway.post(place.path, gateway.key()));
  assert.ok(Number(line?.["origin_ms"]) >= 100, `${line?.["origin_ms"]} ms for an answer that took 120`);
});

test("a passed request writes no line", async () => {
  const place = origin.place();
  const lines = await linesOf(async () => {
    assert.equal((await gateway.send({ path: place.path })).status, 201);
    assert.equal((await gateway.send({ method: "PUT", path: "/elsewhere", body: "{}" })).status, 404);
    assert.equal((await gateway.send({ path: "/.reprise/health" })).status, 200);
  });
  assert.deepEqual(lines, []);
});

test("edge_012 edge_129 rule_3_5 no key, credential or body is in the log, whatever becomes of the request", async () => {
  const secret = (what: string): string => `S3CR3T-${what}-S3CR3T`;
  const headers = [`Authorization: Bearer ${secret("credential")}`, `Cookie: session=${secret("cookie")}`, `X-Api-Key: ${secret("api-key")}`];
  const body = JSON.stringify({ card: secret("request-body") });
  const post = (path: string, key: string, text = body): ReturnType<Gateway["post"]> => gateway.post(`${path}?token=${secret("query")}`, key, text, headers);

  const stored = origin.place((_, response) =>
    response.writeHead(201, { "Set-Cookie": `id=${secret("set-cookie")}`, "X-Origin": secret("answer-header") }).end(secret("answer-body")),
  );
  const key = `user@example.com:${secret("key")}`;
  assertFresh(await post(stored.path, key));
  assert.equal((await post(stored.path, key)).header("idempotency-status"), "replayed");
  assertRefusal(await post(stored.path, key, `${body} `.replace("card", "iban")), 422, "key-reused");
  assertRefusal(await post(stored.path, `${secret("key")}, ${secret("key")}`), 400, "key-repeated");
  assertRefusal(await post(stored.path, `${secret("key")}\x07"}\x0b{"outcome":"forged`), 400, "key-malformed");
  assertRefusal(await post(stored.path, secret("key").repeat(20)), 400, "key-too-long");
  assertRefusal(await post(stored.path, `${secret("key")}-large`, secret("request-body").repeat(100)), 413, "body-too-large");
  const silent = origin.place((request) => request.reset());
  assertRefusal(await post(silent.path, `${secret("key")}-reset`), 502, "origin-no-answer");
  assertRefusal(await post(silent.path, `${secret("key")}-reset`), 409, "outcome-unknown");
  const broken = origin.place((request, response) => {
    response.writeHead(200, { "Content-Length": 1000, "X-Origin": secret("answer-header") });
    response.write(secret("answer-body"), () => request.reset());
  });
  assertRefusal(await post(broken.path, `${secret("key")}-broken`), 502, "origin-broke-off");

  const lines = await linesSoFar();
  const text = gateway.log.map(({ message }) => message).join("\n");
  assert.ok(text.includes('"outcome":"replayed"'), "the log is there to be searched");
  assert.doesNotMatch(text, /S3CR3T/);
  assert.doesNotMatch(text, /user@example\.com/);
  assert.equal(lines.filter((line) => line["outcome"] === "forged").length, 0, "a key cannot write a line");
});

test("rule_3_5 neither key nor credential is stored: not in the ledger, not in KV", async () => {
  const place = origin.place();
  const key = "PLAIN-KEY-OF-RULE-3-5";
  const credential = "PLAIN-CREDENTIAL-OF-RULE-3-5";
  const [line] = await linesOf(async () => assertFresh(await gateway.post(place.path, key, "{}", [`Authorization: Bearer ${credential}`])));
  const attempt = place.only.header("idempotency-attempt") ?? "";

  const rows = (await gateway.claims()).map(printed);
  assert.equal(rows.filter((row) => row.includes(attempt)).length, 1, "the claim is in the ledger, under its attempt");
  assert.doesNotMatch(rows.join("\n"), /PLAIN-/);

  const kv = await gateway.kv();
  const claim = String(line?.["claim"]);
  const { keys } = await eventually("the answer in KV, under its claim", () => kv.list(), (list) => list.keys.some(({ name }) => name.includes(claim)));
  for (const { name, metadata } of keys) {
    const value = Buffer.from((await kv.get(name, "arrayBuffer")) ?? new ArrayBuffer(0));
    assert.doesNotMatch(`${name} ${JSON.stringify(metadata)} ${value.toString("latin1")}`, /PLAIN-/);
  }
});

/** A row as text: bytes both as hex and as characters. */
function printed(row: Row): string {
  return Object.values(row)
    .map((value) => (value instanceof ArrayBuffer ? `${Buffer.from(value).toString("hex")} ${Buffer.from(value).toString("latin1")}` : String(value)))
    .join(" ");
}
