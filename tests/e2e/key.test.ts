// What is a key, and what is not (docs/protocol.md §2; edge cases 1 to 23).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFresh, assertPassed, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    inspect: true,
    policy: policy(
      origin.url,
      "POST,PATCH /v1/*",
      { match: "POST /quoted/*", rules: `[routes.key]\nsyntax = "quoted"` },
      { match: "POST /raw/*", rules: `[routes.key]\nsyntax = "raw"` },
      { match: "POST /quoted-uuid/*", rules: `[routes.key]\nsyntax = "quoted"\nmin = 36\nmax = 36` },
      { match: "POST /required/*", rules: `[routes.key]\nmissing = "refuse"` },
      { match: "POST /alias/*", rules: `[routes.key]\naliases = ["X-Idempotency-Key"]` },
      { match: "POST /bytes/*", rules: `[routes.key]\nunit = "bytes"` },
      { match: "POST /tenants/*", rules: `[routes.scope]\nparts = ["header:authorization"]` },
      { match: "POST /pattern/*", rules: `[routes.key]\npattern = "^[A-Za-z0-9_:-]{1,255}$"` },
      { match: "POST /absent/*", rules: `[routes.key]\nmalformed = "absent"` },
      { match: "POST /absent-required/*", rules: `[routes.key]\nmalformed = "absent"\nmissing = "refuse"` },
      { match: "POST /silent/*", rules: `[routes.key]\nmalformed = "absent"\n[routes.gateway]\nsignals = "off"` },
      { match: "POST /dated/*", rules: `[routes.key]\nfirst_sent = "Repeatability-First-Sent"\n[routes.retention]\nseconds = 3600` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** A POST whose header lines are exactly these, and nothing else. */
function post(path: string, ...headers: (string | Buffer)[]): Promise<Answer> {
  return gateway.send({ method: "POST", path, headers, body: "{}" });
}

const utf8 = (line: string): Buffer => Buffer.from(line, "utf8");

test("edge_001 a quoted key is the characters between its quotes", async () => {
  const place = origin.place(undefined, { under: "/quoted-uuid" });
  const uuid = "8e03978e-40d5-43e8-bc93-6894a57f9324";
  const first = await post(place.path, `Idempotency-Key: "${uuid}"`);
  assertFresh(first);
  assertReplay(await post(place.path, `Idempotency-Key: "${uuid}"`), first);
  assert.equal(place.only.header("idempotency-key"), `"${uuid}"`, "the origin gets the key as it came");
  assertRefusal(await post(place.path, `Idempotency-Key: "${uuid}f"`), 400, "key-too-long");
  assertRefusal(await post(place.path, `Idempotency-Key: "${uuid.slice(1)}"`), 400, "key-too-short");
  assert.equal(place.count, 1);
});

test("edge_002 the quoted and the bare form of one value are one key, in either order", async () => {
  for (const forms of [(key: string) => [`"${key}"`, key], (key: string) => [key, `"${key}"`]]) {
    const place = origin.place();
    const [one, other] = forms(gateway.key());
    const first = await post(place.path, `Idempotency-Key: ${one}`);
    assertFresh(first);
    assertReplay(await post(place.path, `Idempotency-Key: ${other}`), first);
    assert.equal(place.count, 1);
  }
});

test("edge_003 a bare UUID is treated alike, whether it begins with a digit or with a letter", async () => {
  const digitFirst = "5e03978e-40d5-43e8-bc93-6894a57f9324";
  const letterFirst = "be03978e-40d5-43e8-bc93-6894a57f9324";
  const strict = origin.place(undefined, { under: "/quoted" });
  for (const key of [digitFirst, letterFirst]) {
    assertRefusal(await post(strict.path, `Idempotency-Key: ${key}`), 400, "key-malformed");
  }
  assert.equal(strict.count, 0);
  const either = origin.place();
  for (const key of [digitFirst, letterFirst]) assertFresh(await post(either.path, `Idempotency-Key: ${key}`));
  assert.equal(either.count, 2);
});

test("edge_004 every key that the first four contracts show is taken as it stands", async () => {
  for (const key of [
    "crm-sync:deal_123:call_456:kit_A1B2C3D4",
    "ticket-review:ticket_987:message_654:kit_SUPPORT_QA",
    "batch_2026_06_16:row_000182:kit_A1B2C3D4",
    "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    "suggestions:9f3e2b8a-1d4c-4f5a-9e7b-2c1d8f3a4b5e",
    "4c7f0a78-0a61-42b4-8b8a-60b307b18f0c",
  ]) {
    const place = origin.place();
    const first = await post(place.path, `Idempotency-Key: ${key}`);
    assertFresh(first);
    assertReplay(await post(place.path, `Idempotency-Key: ${key}`), first);
    assert.equal(place.only.header("idempotency-key"), key);
  }
});

test("edge_005 rule_2_3 a broken quoted string is refused, never taken for no key", async () => {
  for (const under of ["/v1", "/quoted"]) {
    const place = origin.place(undefined, { under });
    for (const value of ['"abc', '"a"b', '"a"b"', '"a\\x"', '"abc\\', '"abc\\"', '"a\\', '"a" "b"']) {
      assertRefusal(await post(place.path, `Idempotency-Key: ${value}`), 400, "key-malformed");
    }
    assert.equal(place.count, 0);
  }
});

test("edge_005 rule_2_3 where quotes are not read, a broken quoted string is a key as any other", async () => {
  const place = origin.place(undefined, { under: "/raw" });
  for (const [i, value] of ['"abc', '"a"b', '"a\\x"'].entries()) {
    const first = await post(place.path, `Idempotency-Key: ${value}`);
    assertFresh(first);
    assertReplay(await post(place.path, `Idempotency-Key: ${value}`), first);
    assert.equal(place.count, i + 1);
  }
});

test("edge_006 rule_2_3 parameters behind a quoted key are refused, whatever the bare key has done before", async () => {
  for (const under of ["/v1", "/quoted"]) {
    const place = origin.place(undefined, { under });
    const key = gateway.key();
    assertRefusal(await post(place.path, `Idempotency-Key: "${key}";v=1`), 400, "key-malformed");
    const first = await post(place.path, `Idempotency-Key: "${key}"`);
    assertFresh(first);
    assertRefusal(await post(place.path, `Idempotency-Key: "${key}";v=1`), 400, "key-malformed");
    assertRefusal(await post(place.path, `Idempotency-Key: "${key}" ;v=1`), 400, "key-malformed");
    assertReplay(await post(place.path, `Idempotency-Key: "${key}"`), first);
    assert.equal(place.count, 1);
  }
});

test("edge_007 rule_2_3 an escape in a quoted key is decoded once", async () => {
  for (const [quoted, bare] of [
    ['"a\\"b"', 'a"b'],
    ['"a\\\\b"', "a\\b"],
    ['"a\\\\\\"b"', 'a\\"b'],
  ] as const) {
    const place = origin.place();
    const first = await post(place.path, `Idempotency-Key: ${quoted}`);
    assertFresh(first);
    assertReplay(await post(place.path, `Idempotency-Key: ${quoted}`), first);
    assertReplay(await post(place.path, `Idempotency-Key: ${bare}`), first);
    assert.equal(place.count, 1, quoted);
  }
});

test("edge_008 edge_215 rule_2_2 an empty key is refused: it is neither missing nor a key that all share", async () => {
  for (const under of ["/v1", "/quoted", "/raw", "/required"]) {
    const place = origin.place(undefined, { under });
    for (const line of ["Idempotency-Key:", "Idempotency-Key:    ", "Idempotency-Key: \t ", 'Idempotency-Key: ""', 'Idempotency-Key:  "" ']) {
      assertRefusal(await post(place.path, line), 400, "key-empty");
    }
    assert.equal(place.count, 0);
  }
});

test("edge_009 rule_2_6 a key of 255 characters is taken, one of 256 is refused without a claim", async () => {
  const place = origin.place();
  const longest = gateway.key().padEnd(255, "x");
  const claims = (await gateway.claims()).length;
  assertRefusal(await post(place.path, `Idempotency-Key: ${longest}x`), 400, "key-too-long");
  assertRefusal(await post(place.path, `Idempotency-Key: "${longest}x"`), 400, "key-too-long");
  assert.equal((await gateway.claims()).length, claims, "nothing was claimed");
  assert.equal(place.count, 0);
  const first = await post(place.path, `Idempotency-Key: ${longest}`);
  assertFresh(first);
  assertReplay(await post(place.path, `Idempotency-Key: "${longest}"`), first);
  assert.equal(place.count, 1);
});

test("edge_009 rule_2_9 a key is judged before the body is read", async () => {
  const place = origin.place();
  for (const [line, code] of [
    [`Idempotency-Key: ${"x".repeat(256)}`, "key-too-long"],
    ["Idempotency-Key:", "key-empty"],
    ["Idempotency-Key: a b", "key-malformed"],
    ["Idempotency-Key: a,b", "key-repeated"],
  ] as const) {
    const wire = await gateway.connect();
    // The body is announced, and never sent.
    wire.requestHead({ method: "POST", path: place.path, headers: [line, "Content-Length: 1000"] });
    assertRefusal(await wire.answer(), 400, code);
    wire.close();
  }
  assert.equal(place.count, 0);
});

test("edge_010 rule_2_4 200 characters of two bytes are no key, in whichever unit the length is counted", async () => {
  const line = utf8(`Idempotency-Key: ${"é".repeat(200)}`);
  const characters = origin.place();
  assertRefusal(await post(characters.path, line), 400, "key-malformed");
  const bytes = origin.place(undefined, { under: "/bytes" });
  // 400 bytes are too many, where bytes are counted.
  assertRefusal(await post(bytes.path, line), 400, "key-too-long");
  assert.equal(characters.count + bytes.count, 0);
});

test("edge_011 rule_2_4 bytes above ASCII in a key are refused, as UTF-8 and as single bytes", async () => {
  const place = origin.place();
  for (const line of [
    Buffer.concat([Buffer.from("Idempotency-Key: caf"), Buffer.from([0xe9])]),
    Buffer.concat([Buffer.from('Idempotency-Key: "caf'), Buffer.from([0xff]), Buffer.from('"')]),
    utf8("Idempotency-Key: café"),
    utf8('Idempotency-Key: "café"'),
    utf8("Idempotency-Key: 🔑"),
    utf8("Idempotency-Key: a\u00a0b"),
    utf8("Idempotency-Key: a\u200b"),
  ]) {
    assertRefusal(await post(place.path, line), 400, "key-malformed");
  }
  assert.equal(place.count, 0);
});

test("edge_012 rule_2_4 control characters and inner white space in a key are refused", async () => {
  const place = origin.place();
  for (const value of ["a\x01b", "a\x1fb", "a\x7f", "a\tb", "a b", '"a b"', '"a\tb"', '" abc"', "\x08abc"]) {
    assertRefusal(await post(place.path, `Idempotency-Key: ${value}`), 400, "key-malformed");
  }
  // NUL and CR do not even get past the HTTP parser of the runtime.
  for (const value of ["a\0b", "a\rb"]) {
    assert.equal((await post(place.path, `Idempotency-Key: ${value}`)).status, 400, JSON.stringify(value));
  }
  assert.equal(place.count, 0);
});

test("edge_012 a line end in a key ends the header line: what follows is a header of its own, and no part of the key", async () => {
  const place = origin.place();
  const key = gateway.key();
  const first = await post(place.path, `Idempotency-Key: ${key}\r\nX-Injected: yes`);
  assertFresh(first);
  assertReplay(await post(place.path, `Idempotency-Key: ${key}`), first);
  assert.deepEqual(first.lines("x-injected"), []);
  assert.equal(place.count, 1);
});

test("edge_013 rule_2_5 two key lines of one value are refused, and the value is still free", async () => {
  const place = origin.place();
  const key = gateway.key();
  assertRefusal(await post(place.path, `Idempotency-Key: ${key}`, `Idempotency-Key: ${key}`), 400, "key-repeated");
  assertRefusal(await post(place.path, `Idempotency-Key: "${key}"`, `Idempotency-Key: "${key}"`), 400, "key-repeated");
  assert.equal(place.count, 0);
  assertFresh(await post(place.path, `Idempotency-Key: ${key}`));
  assert.equal(place.count, 1);
});

test("edge_014 two key lines of different values are refused", async () => {
  const place = origin.place();
  assertRefusal(await post(place.path, `Idempotency-Key: ${gateway.key()}`, `Idempotency-Key: ${gateway.key()}`), 400, "key-repeated");
  assert.equal(place.count, 0);
});

test("edge_015 one line with a list is refused like two lines, with the same words", async () => {
  const place = origin.place();
  const key = gateway.key();
  const lines = await post(place.path, `Idempotency-Key: ${key}`, `Idempotency-Key: ${key}`);
  const list = await post(place.path, `Idempotency-Key: ${key}, ${key}`);
  // Each refusal has an id of its own.
  const words = (answer: Answer): unknown => ({ ...assertRefusal(answer, 400, "key-repeated"), request_id: undefined });
  assert.deepEqual(words(list), words(lines));
  assertRefusal(await post(place.path, `Idempotency-Key: "${key}", "${key}"`), 400, "key-repeated");
  assertRefusal(await post(place.path, `Idempotency-Key: ${key},`), 400, "key-repeated");
  assert.equal(place.count, 0);
});

test("edge_016 an empty second key line is refused, whichever comes first", async () => {
  const place = origin.place();
  const key = gateway.key();
  assertRefusal(await post(place.path, `Idempotency-Key: ${key}`, "Idempotency-Key:"), 400, "key-repeated");
  assertRefusal(await post(place.path, "Idempotency-Key:", `Idempotency-Key: ${key}`), 400, "key-repeated");
  assertRefusal(await post(place.path, "Idempotency-Key:", "Idempotency-Key:"), 400, "key-repeated");
  assert.equal(place.count, 0);
});

test("edge_017 rule_2_7 a header and its alias with different keys are refused", async () => {
  const place = origin.place(undefined, { under: "/alias" });
  const answer = await post(place.path, `Idempotency-Key: ${gateway.key()}`, `X-Idempotency-Key: ${gateway.key()}`);
  assertRefusal(answer, 400, "key-conflict");
  assertRefusal(await post(place.path, `Idempotency-Key: ${gateway.key()}`, "X-Idempotency-Key:"), 400, "key-empty");
  assert.equal(place.count, 0);
});

test("edge_017 rule_2_7 a header and its alias with one value are one key, alone or together", async () => {
  const place = origin.place(undefined, { under: "/alias" });
  const key = gateway.key();
  const first = await post(place.path, `X-Idempotency-Key: ${key}`);
  assertFresh(first);
  assertReplay(await post(place.path, `Idempotency-Key: ${key}`), first);
  assertReplay(await post(place.path, `Idempotency-Key: ${key}`, `X-Idempotency-Key: ${key}`), first);
  assertReplay(await post(place.path, `Idempotency-Key: "${key}"`, `X-Idempotency-Key: ${key}`), first);
  assert.equal(place.count, 1);
});

test("edge_017 a header that the contract does not name as an alias is no key", async () => {
  const place = origin.place();
  for (const execution of [1, 2]) {
    const answer = await post(place.path, "X-Idempotency-Key: not-an-alias-here");
    assertPassed(answer);
    assert.deepEqual(answer.json(), { execution, target: place.path });
  }
});

test("edge_018 rule_2_2 spaces and tabs around a key are not part of it", async () => {
  const place = origin.place();
  const key = gateway.key();
  const first = await post(place.path, `Idempotency-Key:   ${key}  `);
  assertFresh(first);
  for (const line of [`Idempotency-Key: ${key}`, `Idempotency-Key:${key}`, `Idempotency-Key: \t${key}\t `, `Idempotency-Key:  "${key}"  `]) {
    assertReplay(await post(place.path, line), first);
  }
  assert.equal(place.count, 1);
});

test("edge_019 rule_2_8 keys that differ in case only are two keys", async () => {
  const place = origin.place();
  const key = gateway.key();
  const lower = await post(place.path, `Idempotency-Key: ${key.toLowerCase()}`);
  const upper = await post(place.path, `Idempotency-Key: ${key.toUpperCase()}`);
  assertFresh(lower);
  assertFresh(upper);
  assertReplay(await post(place.path, `Idempotency-Key: ${key.toLowerCase()}`), lower);
  assertReplay(await post(place.path, `Idempotency-Key: ${key.toUpperCase()}`), upper);
  assert.equal(place.count, 2);
});

test("edge_020 rule_2_8 rule_3_3 keys with separators never meet one another, nor the scope", async () => {
  const place = origin.place(undefined, { under: "/tenants" });
  const requests = [
    ...["a:b", "a/b", "a%2Fb", "a%2fb", "a%252Fb", "..", "../..", "%2e%2e", "a", "b", "a|b", "a\\0b", "/tenants/*"].map((key) => ["tenant", key]),
    // The same characters, with the border between caller and key elsewhere.
    ["tenant:a", "b"],
    ["tenant", "a:b:c"],
    ["tenant:a", "b:c"],
    ["tenant:a:b", "c"],
    ["te", "nanta"],
    ["t", "enanta"],
  ];
  const firsts: Answer[] = [];
  for (const [authorization, key] of requests) {
    const first = await post(place.path, `Authorization: ${authorization}`, `Idempotency-Key: ${key}`);
    assertFresh(first);
    firsts.push(first);
  }
  assert.equal(place.count, requests.length, "every pair is a claim of its own");
  for (const [index, [authorization, key]] of requests.entries()) {
    const first = firsts[index];
    assert.ok(first);
    assertReplay(await post(place.path, `Authorization: ${authorization}`, `Idempotency-Key: ${key}`), first);
  }
  assert.equal(place.count, requests.length);
});

test("edge_021 the key `1` of two tenants is two operations, and neither sees the other's answer", async () => {
  const place = origin.place(undefined, { under: "/tenants" });
  const ask = (tenant: string): Promise<Answer> => post(place.path, `Authorization: Bearer ${tenant}`, "Idempotency-Key: 1");
  const mine = await ask("mine");
  const yours = await ask("yours");
  assertFresh(mine);
  assertFresh(yours);
  assert.notDeepEqual(mine.body, yours.body);
  assertReplay(await ask("mine"), mine);
  assertReplay(await ask("yours"), yours);
  assert.equal(place.count, 2);
});

test("edge_022 rule_2_1 a missing key is refused where the contract requires one", async () => {
  const place = origin.place(undefined, { under: "/required" });
  const problem = assertRefusal(await post(place.path), 400, "key-missing");
  assert.match(problem.detail, /Idempotency-Key/i, "the refusal names the header that is missing");
  assert.equal(place.count, 0);
  assertFresh(await post(place.path, `Idempotency-Key: ${gateway.key()}`));
  assert.equal(place.count, 1);
});

test("edge_023 rule_2_1 a key in the body or in the query is no key", async () => {
  const key = gateway.key();
  const pass = origin.place();
  const required = origin.place(undefined, { under: "/required" });
  const body = JSON.stringify({ idempotency_key: key, "Idempotency-Key": key });
  for (const execution of [1, 2]) {
    const path = `${pass.path}?Idempotency-Key=${key}&idempotency_key=${key}`;
    const answer = await gateway.send({ method: "POST", path, headers: ["Content-Type: application/json"], body });
    assertPassed(answer);
    assert.deepEqual(answer.json(), { execution, target: path });
  }
  const path = `${required.path}?Idempotency-Key=${key}`;
  assertRefusal(await gateway.send({ method: "POST", path, headers: ["Content-Type: application/json"], body }), 400, "key-missing");
  assert.equal(required.count, 0);
});

test("rule_2_10 a key that does not match the contract's pattern is refused, and the refusal names the pattern", async () => {
  const place = origin.place(undefined, { under: "/pattern" });
  const problem = assertRefusal(await post(place.path, "Idempotency-Key: a.b"), 400, "key-malformed");
  assert.match(problem.detail, /\^\[A-Za-z0-9_:-\]\{1,255\}\$/);
  assert.equal(place.count, 0);
  const first = await post(place.path, "Idempotency-Key: a:b_c-9");
  assertFresh(first);
  assertReplay(await post(place.path, 'Idempotency-Key: "a:b_c-9"'), first);
});

test("edge_011 rule_1_7 rule_2_11 a value that is no key is ignored where the contract says so, and the answer says that", async () => {
  const place = origin.place(undefined, { under: "/absent" });
  const noKeys = [utf8("Idempotency-Key: schlüssel"), "Idempotency-Key:", 'Idempotency-Key: "open', "Idempotency-Key: a b"];
  const claims = (await gateway.claims()).length;
  for (const line of [...noKeys, ...noKeys]) {
    const answer = await post(place.path, line);
    assert.equal(answer.status, 201);
    assert.deepEqual(answer.lines("idempotency-status"), ["ignored"], String(line));
    assert.deepEqual(answer.lines("idempotency-expires"), []);
  }
  assert.equal(place.count, 8, "each of them ran");
  assertPassed(await post(place.path));
  assert.equal((await gateway.claims()).length, claims, "nothing was claimed");
  // Two keys and a key of the wrong length are keys.
  assertRefusal(await post(place.path, "Idempotency-Key: a", "Idempotency-Key:"), 400, "key-repeated");
  assertRefusal(await post(place.path, `Idempotency-Key: ${"k".repeat(256)}`), 400, "key-too-long");
  assertFresh(await post(place.path, `Idempotency-Key: ${gateway.key()}`));
});

test("rule_2_11 a value that is no key is a missing one, where the contract requires one", async () => {
  const place = origin.place(undefined, { under: "/absent-required" });
  assertRefusal(await post(place.path, "Idempotency-Key: a b"), 400, "key-missing");
  assert.equal(place.count, 0);
});

test("rule_1_7 without signals an ignored key leaves no trace", async () => {
  const place = origin.place(undefined, { under: "/silent" });
  assertPassed(await post(place.path, "Idempotency-Key: a b"));
  assert.equal(place.count, 1);
});

test("edge_122 rule_2_13 a first attempt that is too long ago, or is no date, does not reach the origin", async () => {
  const place = origin.place(undefined, { under: "/dated" });
  const key = gateway.key();
  const sent = (date: string): Promise<Answer> => post(place.path, `Idempotency-Key: ${key}`, `Repeatability-First-Sent: ${date}`);
  const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toUTCString();
  assertRefusal(await sent("yesterday"), 400, "first-sent-malformed");
  assertRefusal(await sent(new Date(Date.now() + 2 * 86_400_000).toUTCString()), 400, "first-sent-malformed");
  const problem = assertRefusal(await sent(ago(3700)), 412, "first-sent-too-old");
  assert.equal(problem.new_key, "unsafe");
  assert.equal(place.count, 0);
  const date = ago(3000);
  const first = await sent(date);
  assertFresh(first);
  assertReplay(await sent(date), first);
  assertReplay(await post(place.path, `Idempotency-Key: ${key}`), first);
  assert.equal(place.only.header("repeatability-first-sent"), date, "the origin gets it as it came");
});
