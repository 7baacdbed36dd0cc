// Every status that an origin can answer, and every kind of empty body (docs/protocol.md rules 7.1, 7.6 and 9.5).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    policy: policy(origin.url, "POST /v1/*", {
      match: "POST /others/*",
      rules: `[routes.outcome]\nstore = ["2xx", 404]\nrelease = ["3xx", "4xx", 503]\nhold = ["5xx", 207]`,
    }),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** What contracts/ietf.toml releases. */
const RELEASED = new Set([401, 403, 408, 425, 429, 501, 503]);
const BODILESS = new Set([204, 205, 304]);

/** Runs `work` for every item, several at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (const item of queue) await work(item);
  }));
}

const STATUSES = Array.from({ length: 400 }, (_, i) => 200 + i);

test("edge_202 edge_087 edge_088 rule_7_1 rule_7_6 every status is kept or released as the contract says, and never changed", async () => {
  const stored: number[] = [];
  await each(STATUSES, async (status) => {
    const place = origin.place((request, response) => {
      response.writeHead(status, { "Content-Type": "text/plain", "X-Execution": String(request.number) });
      response.end(BODILESS.has(status) ? undefined : `status ${status}, execution ${request.number}`);
    });
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assert.equal(first.status, status);
    assert.equal(first.text(), BODILESS.has(status) ? "" : `status ${status}, execution 1`);
    const second = await gateway.post(place.path, key);
    if (RELEASED.has(status)) {
      assert.equal(second.status, status);
      assert.equal(second.header("x-execution"), "2", `${status} is released: the same key executes again`);
      for (const answer of [first, second]) {
        assert.equal(answer.header("idempotency-status"), "fresh");
        assert.equal(answer.header("idempotent-replayed"), undefined);
      }
      assert.equal(place.count, 2);
    } else {
      assertFresh(first, status);
      assertReplay(second, first);
      assert.equal(place.count, 1, `${status} is stored: nothing executes again`);
      stored.push(status);
    }
  });
  assert.equal(stored.length, 400 - RELEASED.size);
});

test("rule_7_1 exact statuses win over classes, and a held status is known but never given again", async () => {
  for (const [status, outcome] of [[200, "store"], [207, "hold"], [302, "release"], [404, "store"], [418, "release"], [500, "hold"], [503, "release"]] as const) {
    const place = origin.place((request, response) => response.writeHead(status).end(`execution ${request.number}`), { under: "/others" });
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    const second = await gateway.post(place.path, key);
    const seen = [first.header("idempotency-status"), second.header("idempotency-status"), place.count];
    const expected = { store: ["fresh", "replayed", 1], release: ["fresh", "fresh", 2], hold: ["unknown", "unknown", 1] }[outcome];
    assert.deepEqual(seen, expected, String(status));
    if (outcome === "store") assertReplay(second, first);
    if (outcome !== "hold") continue;
    assert.equal(second.status, 409);
    assert.equal((second.json() as { code: string }).code, "outcome-unknown");
    assert.equal(first.text().includes("execution"), false, "a held answer is not delivered (rule 7.6)");
  }
});

test("edge_206 rule_9_5 null-body statuses stay what they are, first and again, and invent nothing", async () => {
  for (const status of BODILESS) {
    const place = origin.place((_, response) => response.writeHead(status, { ETag: `"v1"` }).end());
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first, status);
    const replay = await gateway.post(place.path, key);
    assertReplay(replay, first);
    for (const answer of [first, replay]) {
      assert.equal(answer.body.length, 0);
      assert.equal(answer.header("content-type"), undefined);
      assert.equal(answer.header("transfer-encoding"), undefined);
      // HTTP/1.1 has no other way to say that a 205 has no body (RFC 9110 §15.3.6).
      assert.equal(answer.header("content-length"), status === 205 ? "0" : undefined, String(status));
      assert.equal(answer.header("etag"), `"v1"`);
    }
    assert.equal(place.count, 1);
  }
});

test("edge_219 an empty result is a result: it is stored and replayed, with its media type and nothing else", async () => {
  const results: [type: string | undefined, body: string | undefined][] = [
    ["application/json", "0"],
    ["application/json", "{}"],
    ["application/json", `""`],
    ["application/json", "[]"],
    ["application/json", "null"],
    ["application/json", "false"],
    ["application/json", ""],
    [undefined, ""],
    [undefined, undefined],
    [undefined, " "],
    [undefined, "\0"],
  ];
  for (const [type, body] of results) {
    const place = origin.place((_, response) => {
      if (type !== undefined) response.setHeader("Content-Type", type);
      response.writeHead(200).end(body);
    });
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first, 200);
    assert.equal(first.text(), body ?? "");
    assert.equal(first.header("content-type"), type, JSON.stringify(body));
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  }
});
