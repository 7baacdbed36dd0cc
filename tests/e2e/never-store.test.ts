// What must not be kept, whatever its status says (docs/protocol.md §8, rules 8.9 to 8.13; edge cases 97, 102, 125 to 128).

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

/** A route below `name` with these rules, each the inside of a table. */
const never = (name: string, ...rules: string[]) => ({
  match: `POST /${name}/*`,
  rules: rules.map((rule) => `[[routes.outcome.never_store]]\n${rule}`).join("\n"),
});

const REVEALING = `has = ["text", "explanation"]`;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    inspect: true,
    policy: policy(
      origin.url,
      "POST /v1/*",
      never(
        "reveal",
        `request = "query"\nname = "fields*"\n${REVEALING}`,
        `request = "form"\nname = "fields*"\n${REVEALING}`,
        `request = "json"\npointer = "/fields"\n${REVEALING}`,
        `request = "header"\nname = "X-Reveal"`,
      ),
      never("json-only", `answer = "media-type"\nnot = ["application/json", "*+json"]`),
      never("no-store", `answer = "header"\nname = "Cache-Control"\nhas = ["no-store"]`),
      never("failing", `answer = "json"\npointer = "/status"\nhas = ["failed"]`),
      never("extract", `answer = "json"\npointer = "/suggestions/0/text"`),
      never("secret", `answer = "json"\npointer = "/secret"\nthen = "spent"`),
      never("both", `answer = "json"\npointer = "/secret"\nthen = "spent"`, `request = "header"\nname = "X-Reveal"`),
      { match: "POST /control/*", rules: `[routes.outcome]\ncontrol_header = "X-Idempotency-Store"` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** Answers with this, and with which execution it is in a header. */
const answering = (type: string, body: string | Buffer, more: Record<string, string> = {}): Script => {
  return (request, response) => response.writeHead(200, { "Content-Type": type, "X-Execution": request.number, ...more }).end(body);
};

interface Request {
  query?: string;
  body?: string | Buffer;
  headers?: string[];
}

function send(place: Place, key: string, { query = "", body = "{}", headers = ["Content-Type: application/json"] }: Request): Promise<Answer> {
  return gateway.send({ method: "POST", path: place.path + query, headers: [`Idempotency-Key: ${key}`, ...headers], body });
}

/** Asserts that the request runs each time, and that no claim of it is left. */
async function assertForgotten(place: Place, request: Request = {}): Promise<void> {
  const key = gateway.key();
  const claims = (await gateway.claims()).length;
  const before = place.count;
  for (const execution of [1, 2]) {
    const answer = await send(place, key, request);
    assert.ok(answer.status < 300, `${answer.status} ${answer.text()}`);
    assert.equal(answer.header("idempotency-status"), "fresh");
    assert.equal(answer.header("idempotency-expires"), undefined, "there is nothing that could expire");
    assert.equal(place.count, before + execution, JSON.stringify(request));
  }
  assert.equal((await gateway.claims()).length, claims, "the claim is gone");
}

/** Asserts that the request runs once, and that its answer comes back. */
async function assertKept(place: Place, request: Request = {}): Promise<void> {
  const key = gateway.key();
  const before = place.count;
  const first = await send(place, key, request);
  assert.equal(first.header("idempotency-status"), "fresh", first.text());
  assertReplay(await send(place, key, request), first);
  assert.equal(place.count, before + 1, JSON.stringify(request));
}

/** Asserts that nothing that outlives a request has these words: neither ledger, KV, disk nor log. */
async function assertNowhere(words: string[], canary: string): Promise<void> {
  const kv = await gateway.kv();
  const inKv: Buffer[] = [];
  for (const { name } of (await kv.list()).keys) inKv.push(Buffer.from((await kv.get(name, "arrayBuffer")) ?? new ArrayBuffer()));
  const inLedger = (await gateway.claims()).flatMap((row) =>
    Object.values(row).map((value) => (value instanceof ArrayBuffer ? Buffer.from(value) : Buffer.from(String(value)))),
  );
  const onDisk = readdirSync(gateway.state, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name)));
  const log = Buffer.from(gateway.log.map((line) => line.message).join("\n"));
  const places = { ledger: Buffer.concat(inLedger), kv: Buffer.concat(inKv), disk: Buffer.concat(onDisk) };
  for (const [place, bytes] of Object.entries({ ...places, log })) {
    if (place !== "log") assert.ok(bytes.includes(canary), `the search through the ${place} finds what is there`);
    for (const word of words) assert.equal(bytes.includes(word), false, `${word} is not in the ${place}`);
  }
}

const FORM = "Content-Type: application/x-www-form-urlencoded";
const BOUNDARY = "----formdata-9a1c";
const MULTIPART = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`;

/** A form with one field, and a file that speaks of fields. */
const multipart = (name: string, value: string): string =>
  [
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="document"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nfields=text\r\n`,
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    `--${BOUNDARY}--\r\n`,
  ].join("");

test("edge_125 rule_8_9 rule_8_10 a request that reveals what may not be kept runs each time, wherever it says so", async () => {
  const place = origin.place(undefined, { under: "/reveal" });
  await assertForgotten(place, { query: "?fields=id,text" });
  await assertForgotten(place, { query: "?fields%5Bsuggestions%5D=explanation" });
  await assertForgotten(place, { body: "a=b&fields%5Bx%5D=id+text", headers: [FORM] });
  await assertForgotten(place, { body: multipart("fields", "id,text"), headers: [MULTIPART] });
  await assertForgotten(place, { body: `{"fields":{"suggestions":["id","text"]}}` });
  await assertForgotten(place, { headers: ["X-Reveal: 1"] });
  await assertKept(place);
  await assertKept(place, { query: "?fields=id" });
  await assertKept(place, { body: "fields=id", headers: [FORM] });
  await assertKept(place, { body: multipart("fields", "id"), headers: [MULTIPART] });
  await assertKept(place, { body: `{"fields":["id"],"text":"text"}` });
});

test("rule_8_12 a body that cannot be looked into is not kept", async () => {
  const place = origin.place(undefined, { under: "/reveal" });
  const JSON_TYPE = "Content-Type: application/json";
  await assertForgotten(place, { body: gzipSync(`{"fields":"id"}`), headers: [JSON_TYPE, "Content-Encoding: gzip"] });
  await assertForgotten(place, { body: `{"fields":"id"` });
  await assertForgotten(place, { body: multipart("fields", "id").slice(0, -4), headers: [MULTIPART] });
  await assertKept(place, { body: "\u0000\u0001", headers: ["Content-Type: image/png"] });
});

test("edge_126 rule_8_9 what is not kept is locked while it runs, and runs again after", async () => {
  const gate = barrier();
  const place = origin.place(async (_, response) => (await gate.opened, response.end("done")), { under: "/reveal" });
  const key = gateway.key();
  const request = { query: "?fields=text" };
  const first = send(place, key, request);
  await place.arrived();
  assertRefusal(await send(place, key, request), 409, "request-in-progress");
  assertRefusal(await send(place, key, { query: "?fields=id" }), 422, "key-reused");
  gate.open();
  assert.equal((await first).text(), "done");
  assert.equal(place.count, 1);
  assert.equal((await send(place, key, request)).header("idempotency-status"), "fresh");
  assert.equal(place.count, 2);
});

test("edge_125 rule_8_11 an answer of another media type is not kept, however large; one without a body is", async () => {
  const place = origin.place(undefined, { under: "/json-only" });
  const pdf = Buffer.concat([Buffer.from("%PDF-1.7 withheld-page-77b1"), Buffer.alloc(400 * 1024, 0xfe)]);
  place.script = answering("application/pdf", pdf);
  await assertForgotten(place);
  const [first, again] = [await send(place, gateway.key(), {}), pdf];
  assert.deepEqual(first.body, again, "the client gets it whole");
  place.script = answering("application/problem+json; charset=utf-8", "{}");
  await assertKept(place);
  place.script = (_, response) => response.writeHead(204).end();
  await assertKept(place);
  place.script = (_, response) => response.writeHead(200).end("says nothing of itself");
  await assertForgotten(place);
});

test("edge_097 edge_128 rule_8_11 what an answer says in a header or in its JSON decides", async () => {
  const failing = origin.place(answering("application/json", `{"status":"failed"}`), { under: "/failing" });
  await assertForgotten(failing);
  failing.script = answering("application/json", `{"status":"done"}`);
  await assertKept(failing);
  const extract = origin.place(answering("application/json", `{"suggestions":[{"id":1,"text":"withheld"}]}`), { under: "/extract" });
  await assertForgotten(extract);
  extract.script = answering("application/json", `{"suggestions":[{"id":1}]}`);
  await assertKept(extract);
  const header = origin.place(answering("text/plain", "x", { "Cache-Control": "private, No-Store" }), { under: "/no-store" });
  await assertForgotten(header);
  header.script = answering("text/plain", "x", { "Cache-Control": "private" });
  await assertKept(header);
});

test("edge_127 rule_8_9 a one-time secret is given once: a retry learns that it ran", async () => {
  const secret = `{"id":"key_1","secret":"one-time-0c5e"}`;
  const place = origin.place(answering("application/json", secret), { under: "/secret" });
  const key = gateway.key();
  const first = await send(place, key, {});
  assert.equal(first.text(), secret);
  assert.equal(first.header("idempotency-status"), "fresh");
  for (const body of ["{}", "{}"]) {
    const retry = await send(place, key, { body });
    const problem = assertRefusal(retry, 409, "response-not-kept");
    assert.equal(problem.new_key, "unsafe");
    assert.equal(problem["original_status"], 200);
    assert.equal(retry.header("idempotency-status"), "spent");
    assert.equal(retry.header("x-execution"), undefined, "headers are not kept either");
  }
  assertRefusal(await send(place, key, { body: "[]" }), 422, "key-reused");
  assert.equal(place.count, 1);
});

test("rule_8_9 where two rules match, release wins", async () => {
  const place = origin.place(answering("application/json", `{"secret":"s"}`), { under: "/both" });
  await assertForgotten(place, { headers: ["X-Reveal: 1"] });
  const key = gateway.key();
  await send(place, key, {});
  assertRefusal(await send(place, key, {}), 409, "response-not-kept");
});

test("edge_102 rule_8_13 the origin's own word is obeyed where the contract names its header, and never reaches the client", async () => {
  const place = origin.place(undefined, { under: "/control" });
  const saying = (word: string): Script => answering("application/json", "{}", { "X-Idempotency-Store": word });
  place.script = saying("no-store");
  await assertForgotten(place);
  for (const [word, seconds] of [["ttl=7200", 7200], ["ttl=1", 60], ["later", 86_400]] as const) {
    place.script = saying(word);
    const key = gateway.key();
    const answers = [await send(place, key, {}), await send(place, key, {})];
    for (const answer of answers) {
      assert.deepEqual(answer.lines("x-idempotency-store"), [], word);
      const left = (Date.parse(answer.header("idempotency-expires") ?? "") - Date.now()) / 1000;
      assert.ok(left > seconds - 30 && left <= seconds + 1, `${word}: ${left} s`);
    }
  }
  place.script = saying("no-store");
  assert.deepEqual((await send(place, gateway.key(), {})).lines("x-idempotency-store"), []);
  // Elsewhere it is a header like any other.
  const other = origin.place(saying("no-store"));
  const key = gateway.key();
  const first = await send(other, key, {});
  assertFresh(first, 200);
  assert.deepEqual(first.lines("x-idempotency-store"), ["no-store"]);
  assertReplay(await send(other, key, {}), first);
});

test("edge_125 edge_127 rule_8_9 nothing of what must not be kept is in ledger, KV, disk or log", async () => {
  const words = { released: "withheld-text-51d0", spent: "withheld-secret-51d1", header: "withheld-header-51d2", sent: "withheld-body-51d3" };
  const more = { "X-Hint": words.header };
  const large = `{"secret":"${words.spent}","fill":"${".".repeat(300 * 1024)}"}`;
  const released = origin.place(answering("application/json", words.released, more), { under: "/reveal" });
  const spent = origin.place(answering("application/json", `{"secret":"${words.spent}"}`, more), { under: "/secret" });
  const spentLarge = origin.place(answering("application/json", large, more), { under: "/secret" });
  const body = `{"fields":"text","note":"${words.sent}"}`;
  for (const place of [released, spent, spentLarge]) {
    const key = gateway.key();
    const first = await send(place, key, { body });
    assert.match(first.text(), /withheld/);
    await send(place, key, { body });
  }
  const canary = "this-answer-is-stored-in-clear";
  const kept = origin.place(answering("text/plain", canary));
  await assertKept(kept);
  kept.script = answering("text/plain", canary.padEnd(300 * 1024, "."));
  await assertKept(kept);
  await assertNowhere([...Object.values(words), "one-time-0c5e"], canary);
});
