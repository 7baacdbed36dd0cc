// Is it the same request? (docs/protocol.md §4; edge cases 52 to 70). How paths and queries are compared is in http.test.ts.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer, Outgoing } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

const comparing = (name: string, parts: string[]) => ({
  match: `POST /${name}/*`,
  rules: `[routes.fingerprint]\nparts = ${JSON.stringify(parts)}`,
});

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    policy: policy(
      origin.url,
      "POST /v1/*",
      comparing("exact", ["method", "path", "query", "media-type", "body:exact"]),
      comparing("versioned", ["method", "path", "header:api-version-date", "body"]),
      comparing("body-only", ["body"]),
      { match: "POST /excluding/*", rules: `[routes.fingerprint]\nexclude = ["/meta/sent_at", "/token"]` },
      { match: "POST /nothing/*", rules: `[routes.fingerprint]\ncompare = false` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** A request but for its path and key. */
type Request = Pick<Outgoing, "headers" | "body">;

const json = (body: string | Uint8Array): Request => ({ headers: ["Content-Type: application/json"], body });
const typed = (type: string, body: string | Uint8Array): Request => ({ headers: [`Content-Type: ${type}`], body });

function send(path: string, key: string, { headers = [], body }: Request): Promise<Answer> {
  return gateway.send({ method: "POST", path, headers: [`Idempotency-Key: ${key}`, ...headers], ...(body === undefined ? {} : { body }) });
}

/** Asserts that `others` count as the same request as `one`. */
async function assertSame(what: string, one: Request, others: readonly Request[], under = "/v1"): Promise<void> {
  const place = origin.place(undefined, { under });
  const key = gateway.key();
  const first = await send(place.path, key, one);
  assertFresh(first);
  for (const other of others) {
    const again = await send(place.path, key, other);
    assert.equal(again.status, 201, `${what}: ${again.text().slice(0, 300)}`);
    assertReplay(again, first);
  }
  assert.equal(place.count, 1, what);
}

/** Asserts that each of `others` is another request than `one`, and that `one` is still replayed after all of them. */
async function assertDifferent(what: string, one: Request, others: readonly Request[], under = "/v1"): Promise<void> {
  const place = origin.place(undefined, { under });
  const key = gateway.key();
  const first = await send(place.path, key, one);
  assertFresh(first);
  for (const [i, other] of others.entries()) {
    const answer = await send(place.path, key, other);
    assert.equal(answer.status, 422, `${what}, the ${i + 1}. of them: ${answer.text().slice(0, 300)}`);
    assertRefusal(answer, 422, "key-reused");
    assert.equal(answer.header("idempotency-status"), "mismatch");
  }
  assertReplay(await send(place.path, key, one), first);
  assert.equal(place.count, 1, what);
}

test("edge_052 edge_221 white space and member order of JSON do not count, unless bytes are compared", async () => {
  const one = json(`{"a":1,"b":{"c":[1,2],"d":null}}`);
  const others = [json(`{ "b" : { "d" : null, "c" : [ 1, 2 ] },\r\n\t"a" : 1 }\n`), json(`{"b":{"d":null,"c":[1,2]},"a":1}`)];
  await assertSame("by meaning", one, others);
  await assertDifferent("by bytes", one, others, "/exact");
});

test("edge_053 the spelling of a number does not count, unless bytes are compared; its value does", async () => {
  for (const [number, ...spellings] of [["1", "1.0", "1e0", "10E-1"], ["100", "1e2", "1E+2", "100.00"], ["0", "-0", "0.0", "0e7"], ["0.5", "5e-1"]]) {
    await assertSame(`${number}`, json(`{"n":${number}}`), spellings.map((spelling) => json(`{"n":${spelling}}`)));
    await assertDifferent(`${number}`, json(`{"n":${number}}`), spellings.map((spelling) => json(`{"n":${spelling}}`)), "/exact");
  }
  await assertDifferent("values", json(`{"n":1}`), ["2", "-1", "1.0000000000000002", "10", `"1"`, "true", "[1]", "null"].map((value) => json(`{"n":${value}}`)));
});

test("rule_4_8 the escapes of a string do not count, its characters do", async () => {
  await assertSame("escapes", json(`{"é/A":"\\u0041\\n"}`), [json(`{"\\u00e9\\/A":"A\\u000a"}`), json(`{"\\u00E9/\\u0041":"\\u0041\\u000A"}`)]);
  await assertDifferent("characters", json(`"é"`), [json(`"e\\u0301"`), json(`"É"`), json(`"e"`), json(`"é "`)]);
});

test("edge_054 null and an absent member are different", async () => {
  await assertDifferent("null", json(`{"a":1,"b":null}`), [json(`{"a":1}`), json(`{"a":1,"b":""}`), json(`{"a":1,"b":{}}`), json(`{"a":1,"b":false}`)]);
});

test("edge_055 edge_221 the order of an array counts", async () => {
  await assertDifferent("order", json(`[1,2,{"a":[3,4]}]`), [json(`[2,1,{"a":[3,4]}]`), json(`[1,2,{"a":[4,3]}]`), json(`[{"a":[3,4]},1,2]`)]);
});

test("edge_056 rule_4_9 JSON whose canonical form would lose something counts by its bytes", async () => {
  const deep = (depth: number, gap = ""): string => `${"[".repeat(depth)}${gap}${"]".repeat(depth)}`;
  const cases: [string, Request, Request[]][] = [
    ["duplicate names", json(`{"a":1,"a":1}`), [json(`{"a":1}`), json(`{"a":1, "a":1}`), json(`{"a":1,"\\u0061":1}`)]],
    ["duplicate names below", json(`[{"a":1,"a":2}]`), [json(`[{"a":2,"a":1}]`), json(`[{"a":2}]`)]],
    ["integers beyond 2^53", json(`[9007199254740993]`), [json(`[9007199254740992]`), json(`[9007199254740994]`), json(`[ 9007199254740993]`)]],
    ["too many digits", json(`[0.1000000000000000055]`), [json(`[0.1]`), json(`[0.10000000000000000551]`)]],
    ["numbers beyond a double", json(`[1e400]`), [json(`[1e401]`), json(`[ 1e400]`)]],
    ["lone surrogates", json(`["\\ud800"]`), [json(`["\\udfff"]`), json(`["\ufffd"]`), json(`["\\uD800"]`)]],
    ["text that is not UTF-8", json(Buffer.from(`["\xff"]`, "latin1")), [json(Buffer.from(`["\xfe"]`, "latin1")), json(`["\ufffd"]`)]],
    ["text that is not JSON", json(`{"a":1`), [json(`{"a":1 `), json(`{"a":1}`), json(`{'a':1`)]],
    ["a byte order mark", json(`\ufeff{"a":1}`), [json(`{"a":1}`), json(`\ufeff{ "a":1}`)]],
    ["nesting beyond 128", json(deep(129)), [json(deep(129, " ")), json(deep(128))]],
  ];
  for (const [what, one, others] of cases) {
    await assertSame(what, one, [one]);
    await assertDifferent(what, one, others);
  }
  await assertSame("nesting of 128", json(deep(128)), [json(deep(128, " "))]);
});

test("rule_4_9 a body by bytes never counts as the body by meaning that looks like it", async () => {
  // The media type is not compared here, so only the two kinds of digest keep these apart.
  const canonical = `{"a":1}`;
  await assertDifferent("the same bytes", json(canonical), [typed("text/plain", canonical)], "/body-only");
  await assertDifferent("its digest as text", json(canonical), [typed("text/plain", createHash("sha256").update(canonical).digest())], "/body-only");
});

test("edge_057 the case of a media type, charset=utf-8 and the order of parameters do not count", async () => {
  const body = `{"a":1}`;
  await assertSame("charset", typed("application/json", body), [
    typed("Application/JSON; charset=utf-8", body),
    typed("application/json;charset=UTF-8", `{ "a": 1 }`),
    typed(`application/json; Charset="utf-8"`, body),
  ]);
  await assertSame("parameters", typed("application/vnd.api+json; version=1; profile=a", body), [
    typed("application/vnd.API+json;profile=a;version=1", `{ "a": 1 }`),
  ]);
  await assertDifferent("parameters", typed("application/vnd.api+json; version=1", body), [
    typed("application/vnd.api+json; version=2", body),
    typed("application/vnd.api+json", body),
    typed("application/vnd.api+json; version=1; charset=iso-8859-1", body),
  ]);
});

test("edge_058 edge_243 the same bytes under another media type are another request", async () => {
  const body = `{"a":1}`;
  await assertDifferent("media type", json(body), [typed("text/plain", body), typed("application/x-json", body), { body }]);
});

test("edge_059 rule_4_13 a form counts by its pairs: not by the spelling of a space, nor by the order of different names", async () => {
  const form = (body: string): Request => typed("application/x-www-form-urlencoded", body);
  await assertSame("form", form("a=1&b=2+3~"), [form("a=1&b=2%203%7E"), form("b=2+3~&a=1"), typed("application/x-www-form-urlencoded;charset=UTF-8", "b=2%203~&%61=1")]);
  await assertDifferent("form", form("a=1&b=2+3"), [form("a=1&b=2%2B3"), form("a=1&b=2"), form("a=1&b=2+3&"), form("a=1&b=2+3&a=1"), form("a=1&B=2+3")]);
  await assertDifferent("one name", form("a=1&a=2"), [form("a=2&a=1")]);
  await assertDifferent("a list of objects", form("a[][x]=1&a[][y]=2&a[][x]=3"), [form("a[][x]=1&a[][x]=3&a[][y]=2")]);
  await assertDifferent("by bytes", form("a=1&b=2+3"), [form("b=2+3&a=1"), form("a=1&b=2%203")], "/exact");
  await assertDifferent("broken escapes", form("a=1&b=%"), [form("b=%&a=1"), form("a=1&b=%25")]);
});

const multipart = (boundary: string, ...parts: [disposition: string, content: string][]): Request =>
  typed(
    `multipart/form-data; boundary=${boundary}`,
    `${parts.map(([disposition, content]) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`).join("")}--${boundary}--\r\n`,
  );

/** The form as fetch sends it, with a boundary of its own each time. */
async function fetched(fields: readonly (readonly [string, string | Blob, string?])[]): Promise<Request> {
  const form = new FormData();
  for (const [name, value, filename] of fields) {
    if (typeof value === "string") form.append(name, value);
    else form.append(name, value, filename);
  }
  const request = new globalThis.Request("http://gateway.test/", { method: "POST", body: form });
  return typed(request.headers.get("content-type") ?? "", await request.bytes());
}

test("edge_060 rule_4_15 the same form under another boundary, as fetch retries it, is the same request", async () => {
  const file = new Blob([Buffer.alloc(70_000, "\r\n--\0")], { type: "application/pdf" });
  const fields = [["agent", "dsar"], ["note", "a\r\n\"b\" é"], ["file", file, "a \"b\".pdf"]] as const;
  const [one, two] = [await fetched(fields), await fetched(fields)];
  assert.notDeepEqual(one.headers, two.headers, "fetch makes a new boundary");
  await assertSame("fetch", one, [two, await fetched(fields)]);
  await assertSame("no fields", await fetched([]), [await fetched([])]);
  const parts: [string, string][] = [[`name="agent"`, "dsar"], [`name="file"; filename="a.txt"`, "content"]];
  await assertSame("by hand", multipart("one", ...parts), [multipart("two", ...parts), multipart("---3", ...parts)]);
  await assertSame("only the body", multipart("one", ...parts), [multipart("two", ...parts)], "/body-only");
  await assertDifferent("by bytes", multipart("one", ...parts), [multipart("two", ...parts)], "/exact");
});

test("edge_060 rule_4_15 the same form in other chunks is the same request", async () => {
  const form = multipart("b", [`name="a"`, "0123456789".repeat(20)], [`name="b"`, "\r\n--"]);
  const text = String(form.body);
  const cut = (size: number): Request => ({ ...form, body: text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [] });
  await assertSame("chunks", form, [cut(64), cut(7), cut(1)]);
});

test("edge_061 rule_4_14 multipart with another file, file name, type or order of parts is another request", async () => {
  const agent: [string, string] = [`name="agent"`, "dsar"];
  const file = (name: string, content: string, type = ""): [string, string] => [`name="file"; filename="${name}"${type}`, content];
  await assertDifferent("multipart", multipart("b", agent, file("a.txt", "content")), [
    multipart("b", agent, file("a.txt", "Content")),
    multipart("b", agent, file("a.txt", "content\r\n")),
    multipart("b", agent, file("b.txt", "content")),
    multipart("b", agent, file("a.txt", "content", "\r\nContent-Type: text/plain")),
    multipart("b", file("a.txt", "content"), agent),
    multipart("b", agent),
    multipart("b", agent, agent, file("a.txt", "content")),
  ]);
});

test("rule_4_16 rule_4_17 a form that is not whole counts by its bytes, and by its boundary", async () => {
  const whole = multipart("b", [`name="a"`, "1"]);
  const torn = (boundary: string, text: string): Request => typed(`multipart/form-data; boundary=${boundary}`, text);
  const text = String(whole.body);
  const half = text.slice(0, -6);
  await assertSame("torn", torn("b", half), [torn("b", half)]);
  await assertDifferent("torn", torn("b", half), [whole, torn("c", half), torn("b", `${half}\r\n`), torn("c", half.replaceAll("--b", "--c"))]);
  await assertDifferent("a second form behind the first", torn("b", text + text), [whole, torn("c", (text + text).replaceAll("--b", "--c"))]);
});

test("edge_062 rule_4_18 a compressed body counts as it came: neither as its content, nor as another compression of it", async () => {
  const text = `{"a":1,"text":"${"lorem ipsum ".repeat(50)}"}`;
  const zipped = (level: number): Request => ({
    headers: ["Content-Type: application/json", "Content-Encoding: gzip"],
    body: gzipSync(text, { level }),
  });
  await assertSame("gzip", zipped(9), [zipped(9)]);
  await assertDifferent("gzip", zipped(9), [json(text), zipped(0)]);
  await assertDifferent("identity", json(text), [zipped(9)]);
  const said = (coding: string): Request => ({ headers: ["Content-Type: text/plain", ...(coding === "" ? [] : [`Content-Encoding: ${coding}`])], body: "x" });
  for (const under of ["/v1", "/body-only"]) {
    await assertDifferent("the coding alone", said(""), [said("br"), said("gzip")], under);
  }
  const place = origin.place();
  assertFresh(await send(place.path, gateway.key(), zipped(9)));
  assert.deepEqual(place.only.body, zipped(9).body, "the origin gets it compressed, as it came");
  assert.equal(place.only.header("content-encoding"), "gzip");
});

test("edge_063 rule_4_7 no body, an empty body and `{}` are three bodies", async () => {
  const type = "Content-Type: application/json";
  const none: Request = { headers: [type] };
  const empty: Request = { headers: [type], body: "" };
  const object = json("{}");
  for (const under of ["/v1", "/exact", "/body-only"]) {
    await assertSame("none", none, [none], under);
    await assertSame("empty", empty, [empty, { headers: [type], body: [] }], under);
    await assertSame("object", object, [object], under);
    await assertDifferent("none", none, [empty, object], under);
    await assertDifferent("empty", empty, [none, object], under);
    await assertDifferent("object", object, [none, empty], under);
  }
});

test("edge_064 rule_4_19 an excluded member does not count, where the body counts by its meaning", async () => {
  const one = json(`{"amount":1,"meta":{"sent_at":"10:00","by":"a"},"token":"t1"}`);
  await assertSame("excluded", one, [
    json(`{"amount":1,"meta":{"sent_at":"10:01","by":"a"},"token":"t2"}`),
    json(`{"token":{"any":["thing"]},"meta":{"by":"a"},"amount":1.0}`),
  ], "/excluding");
  await assertDifferent("not excluded", one, [
    json(`{"amount":2,"meta":{"sent_at":"10:00","by":"a"},"token":"t1"}`),
    json(`{"amount":1,"meta":{"sent_at":"10:00","by":"b"},"token":"t1"}`),
    json(`{"amount":1,"meta":{"sent_at":"10:00","by":"a"},"token":"t1","sent_at":"10:00"}`),
    json(`{"amount":1,"token":"t1"}`),
  ], "/excluding");
  await assertDifferent("no JSON", json(`{"token":1`), [json(`{"token":2`)], "/excluding");
  await assertDifferent("elsewhere", one, [json(`{"amount":1,"meta":{"sent_at":"10:01","by":"a"},"token":"t1"}`)]);
});

test("edge_065 rule_4_6 a header that the contract names counts: another value, none, and an empty one", async () => {
  const versioned = (line?: string): Request => ({ headers: line === undefined ? [] : [line], body: "x" });
  await assertDifferent("value", versioned("Api-Version-Date: 2026-01-01"), [versioned("Api-Version-Date: 2026-02-01"), versioned(), versioned("Api-Version-Date:")], "/versioned");
  await assertDifferent("none", versioned(), [versioned("Api-Version-Date:")], "/versioned");
  await assertSame("spaces", versioned("Api-Version-Date: 2026-01-01"), [versioned("api-version-date:   2026-01-01 ")], "/versioned");
  await assertSame("not named", versioned("Api-Version-Date: 2026-01-01"), [versioned("Api-Version-Date: 2026-02-01")]);
});

test("edge_066 headers that clients change between attempts do not count", async () => {
  const attempt = (headers: string[]): Request => ({ headers: ["Content-Type: application/json", ...headers], body: "{}" });
  await assertSame("volatile headers", attempt(["X-Stainless-Retry-Count: 0", "User-Agent: a"]), [
    attempt(["X-Stainless-Retry-Count: 2", "X-Stainless-Runtime-Version: 24"]),
    attempt(["Svix-Retry-Count: 1", "Svix-Req-Id: 8"]),
    attempt(["Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Tracestate: a=b"]),
    attempt(["Date: Mon, 01 Jan 2024 00:00:00 GMT", "X-Request-ID: 7", "User-Agent: b", "Accept: */*", "Cookie: a=b"]),
  ]);
});

test("edge_067 where nothing is compared, another body gets the first answer", async () => {
  await assertSame("nothing", json(`{"a":1}`), [json(`{"a":2}`), typed("text/plain", "other"), { headers: [] }, json("")], "/nothing");
});

test("edge_068 a mismatch is not stored: neither does it replace the answer, nor does it stay", async () => {
  const place = origin.place();
  const key = gateway.key();
  const first = await send(place.path, key, json(`{"a":1}`));
  assertFresh(first);
  for (let i = 0; i < 3; i++) {
    assertRefusal(await send(place.path, key, json(`{"a":2}`)), 422, "key-reused");
    assertReplay(await send(place.path, key, json(`{"a":1}`)), first);
  }
  assert.equal(place.count, 1);
});

test("edge_069 a mismatch tells clients not to retry, and that a new key is safe", async () => {
  const place = origin.place();
  const key = gateway.key();
  assertFresh(await send(place.path, key, json("1")));
  const mismatch = await send(place.path, key, json("2"));
  const problem = assertRefusal(mismatch, 422, "key-reused");
  assert.equal(mismatch.header("x-should-retry"), "false");
  assert.equal(mismatch.header("retry-after"), undefined);
  assert.equal(problem.retry, "no");
  assert.equal(problem.new_key, "safe");
  assert.equal(place.count, 1);
});

/** Answers with the size and the digest of what reached it, so that a test sees what the origin saw without keeping it. */
const answerDigest: Script = (request, response) => {
  const digest = createHash("sha256").update(request.body).digest("hex");
  response.writeHead(201).end(`${request.number} ${request.body.length} ${digest}`);
};

test("edge_070 edge_216 the whole of a large body counts, in whatever pieces it comes, and reaches the origin whole", async () => {
  const MIB = 1024 * 1024;
  for (const [length, type] of [[2 * MIB, "application/octet-stream"], [8 * MIB, "application/octet-stream"], [2 * MIB, "application/json"]] as const) {
    const filler = Buffer.alloc(length, type === "application/json" ? "lorem ipsum " : "\x00\x01\x02\xfd\xfe\xff", "latin1");
    if (type === "application/json") {
      filler.write(`{"text":"`);
      filler.write(`"}`, length - 2);
    }
    const place = origin.place(answerDigest);
    const key = gateway.key();
    const first = await send(place.path, key, typed(type, filler));
    assertFresh(first);
    assert.equal(first.text(), `1 ${length} ${createHash("sha256").update(filler).digest("hex")}`);
    const other = Buffer.from(filler);
    other.writeUInt8(other.readUInt8(length - 3) ^ 1, length - 3);
    assertRefusal(await send(place.path, key, typed(type, other)), 422, "key-reused");
    assertReplay(await send(place.path, key, typed(type, filler)), first);
    const pieces = [filler.subarray(0, 1), filler.subarray(1, MIB + 1), filler.subarray(MIB + 1)];
    assertReplay(await send(place.path, key, { headers: [`Content-Type: ${type}`], body: pieces }), first);
    assert.equal(place.count, 1);
  }
});

test("edge_216 two bodies of 2 MiB that differ in the last byte only are two requests", async () => {
  const [one, other] = [Buffer.alloc(2 * 1024 * 1024, 7), Buffer.alloc(2 * 1024 * 1024, 7)];
  other.writeUInt8(8, other.length - 1);
  const type = "application/octet-stream";
  await assertDifferent("the last byte", typed(type, one), [typed(type, other), typed(type, one.subarray(0, -1)), typed(type, Buffer.concat([one, Buffer.of(7)]))]);
});

test("edge_217 a chunked body counts", async () => {
  const chunked = (...body: string[]): Request => ({ headers: ["Content-Type: text/plain"], body });
  await assertDifferent("chunked", chunked("abc", "def"), [chunked("abc", "deg"), chunked("abc"), chunked("abc", "def", "g"), chunked()]);
});

test("edge_226 rule_4_10 the same body in other chunks is the same request", async () => {
  const text = `{"text":"${"0123456789".repeat(20)}"}`;
  const cut = (size: number): string[] => text.match(new RegExp(`.{1,${size}}`, "g")) ?? [];
  for (const type of ["application/json", "application/octet-stream"]) {
    const chunked = (size: number): Request => ({ headers: [`Content-Type: ${type}`], body: cut(size) });
    await assertSame(type, typed(type, text), [chunked(1000), chunked(64), chunked(7), chunked(1)]);
  }
});

test("edge_225 every bit of a body counts", async () => {
  const type = "application/octet-stream";
  const body = Buffer.from("every bit");
  const flipped: Request[] = [];
  for (let bit = 0; bit < body.length * 8; bit++) {
    const other = Buffer.from(body);
    other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    flipped.push(typed(type, other));
  }
  assert.equal(flipped.length, 72);
  await assertDifferent("a flipped bit", typed(type, body), flipped);
});

test("edge_207 two binary bodies that are the same as broken UTF-8 are two requests", async () => {
  const type = "application/octet-stream";
  await assertDifferent("binary", typed(type, Buffer.of(0xff, 0x00, 0x80)), [typed(type, Buffer.of(0xfe, 0x00, 0x81)), typed(type, Buffer.of(0xff, 0x00)), typed(type, "\ufffd\0\ufffd")]);
});
