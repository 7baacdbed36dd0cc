// Bad input: a reason with every 4xx, nothing executed, nothing claimed, and a gateway that goes on (docs/protocol.md §2, §4).
//
// What the runtime's own HTTP parser refuses never reaches the gateway. Those answers are its own, and listed apart; at Cloudflare
// the edge, which is another program, stands in front.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer, Wire } from "./wire.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** `limits.request_body` and `limits.request_head` here. Node, which the origin runs on, takes heads of 16 KiB. */
const BODY = 4 * MIB;
const HEAD = 12 * KIB;

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  // All that is taken is held: what is sent on while it comes is in upload.test.ts.
  const limits = `request_body = "4 MiB"\nbuffered_body = "4 MiB"\nrequest_head = "12 KiB"`;
  gateway = await startGateway({ inspect: true, policy: policy(origin.url, { limits }, "POST /v1/*") });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** Bytes of a request, written as they are, and how the client goes on. */
interface Attack {
  readonly bytes: string | Buffer;
  /** Closes the sending side behind them. */
  readonly ends?: boolean;
}

const times = (n: number, make: (i: number) => string): string[] => Array.from({ length: n }, (_, i) => make(i));

/** A POST with a new key; `lines` are header lines, `rest` what follows the head. */
function post(target: string, lines: readonly string[] = [], rest = ""): string {
  return [`POST ${target} HTTP/1.1`, "Host: h", `Idempotency-Key: ${gateway.key()}`, ...lines, "", rest].join("\r\n");
}

async function answerTo({ bytes, ends = false }: Attack): Promise<Answer> {
  const wire = await gateway.connect();
  try {
    wire.write(bytes);
    if (ends) wire.end();
    return await wire.answer();
  } catch (error) {
    throw new Error(`no answer to ${JSON.stringify(bytes.toString("latin1").slice(0, 200))}`, { cause: error });
  } finally {
    wire.close();
  }
}

/** The answer to an attack that has done nothing: no execution, no claim, and the next request is served. */
async function harmless(what: string, attack: Attack): Promise<Answer> {
  const [executions, claims] = [origin.requests.length, (await gateway.claims()).length];
  const answer = await answerTo(attack);
  assert.equal(origin.requests.length, executions, `${what}: the origin was reached`);
  assert.equal((await gateway.claims()).length, claims, `${what}: something was claimed`);
  assertFresh(await gateway.post(origin.place().path, gateway.key()));
  return answer;
}

/** What is refused with its code, by name. */
const refused: Record<string, () => readonly [number, string, Attack]> = {
  "a key of 16 KiB": () => [400, "key-too-long", { bytes: `POST /v1/x HTTP/1.1\r\nHost: h\r\nIdempotency-Key: ${"k".repeat(16 * KIB)}\r\n\r\n` }],
  "64 KiB of header lines": () => [431, "head-too-large", { bytes: post("/v1/x", times(64, (i) => `X-${i}: ${"a".repeat(KIB)}`)) }],
  "ten thousand header lines": () => [431, "head-too-large", { bytes: post("/v1/x", times(10_000, (i) => `a${i}:`)) }],
  "thousands of names in Connection": () => [431, "head-too-large", { bytes: post("/v1/x", [`Connection: ${times(10_000, (i) => `b${i}`).join()}`]) }],
  "a URL of 64 KiB": () => [431, "head-too-large", { bytes: post(`/v1/${"a".repeat(64 * KIB)}`) }],
  "ten thousand query parameters": () => [431, "head-too-large", { bytes: post(`/v1/x?${times(10_000, (i) => `p${i}=`).join("&")}`) }],
  // The length is not that of an array in Wasm, which has 32 bits.
  "an announced body of 5 GB": () => [413, "body-too-large", { bytes: post("/v1/x", ["Content-Length: 5000000000"], "{}") }],
  "an announced body of 2^64 - 1 bytes": () => [413, "body-too-large", { bytes: post("/v1/x", [`Content-Length: ${2n ** 64n - 1n}`], "{}") }],
  "an announced length beyond 64 bits": () => [413, "body-too-large", { bytes: post("/v1/x", [`Content-Length: ${"9".repeat(40)}`], "{}") }],
  "a chunked body over the limit, in chunks of 1 KiB": () => [413, "body-too-large", { bytes: chunked(`400\r\n${"x".repeat(KIB)}\r\n`.repeat(BODY / KIB + 1)) }],
  "a chunk without a length": () => [400, "body-truncated", { bytes: chunked("zz\r\n{}\r\n0\r\n\r\n") }],
  "a chunk of a negative length": () => [400, "body-truncated", { bytes: chunked("-2\r\n{}\r\n0\r\n\r\n") }],
  "a chunk whose length overflows": () => [400, "body-truncated", { bytes: chunked("ffffffffffffffffff\r\n{}\r\n0\r\n\r\n") }],
  "a chunk that is longer than it says": () => [400, "body-truncated", { bytes: chunked("2\r\n{}xx0\r\n\r\n") }],
  "a chunk that is shorter than it says": () => [400, "body-truncated", { bytes: chunked("9\r\n{}\r\n0\r\n\r\n"), ends: true }],
  "chunks that end within a length": () => [400, "body-truncated", { bytes: chunked("2\r\n{}\r\n1"), ends: true }],
  "a length that the chunks do not reach": () => [400, "body-truncated", { bytes: post("/v1/x", ["Content-Length: 10", "Transfer-Encoding: chunked"], "2\r\n{}\r\n0\r\n\r\n") }],
  "a length that the body does not reach": () => [400, "body-truncated", { bytes: post("/v1/x", [`Content-Length: ${MIB}`], "{}"), ends: true }],
};

const chunked = (rest: string): string => post("/v1/x", ["Transfer-Encoding: chunked"], rest);

test("rule_2_6 rule_4_11 rule_4_12 rule_4_23 oversize and broken requests are refused with their code", async () => {
  for (const [what, make] of Object.entries(refused)) {
    const [status, code, attack] = make();
    assertRefusal(await harmless(what, attack), status, code);
  }
});

/** What the HTTP parser of the runtime refuses itself. */
const unparsed: Record<string, () => readonly [number, Attack]> = {
  "NUL in a header": () => [400, { bytes: post("/v1/x", ["X-A: a\0b"]) }],
  "NUL in the path": () => [400, { bytes: post("/v1/a\0b") }],
  "a header line without a colon": () => [400, { bytes: post("/v1/x", ["nothing"]) }],
  "a header name with a space": () => [400, { bytes: post("/v1/x", ["X A: b"]) }],
  "no Host": () => [400, { bytes: "POST /v1/x HTTP/1.1\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n" }],
  "no target": () => [400, { bytes: "POST  HTTP/1.1\r\nHost: h\r\n\r\n" }],
  "256 KiB of header lines": () => [431, { bytes: post("/v1/x", times(256, (i) => `X-${i}: ${"a".repeat(KIB)}`)) }],
  "a URL of 256 KiB": () => [431, { bytes: post(`/v1/${"a".repeat(256 * KIB)}`) }],
  "a method that nobody knows": () => [501, { bytes: "BREW /v1/x HTTP/1.1\r\nHost: h\r\n\r\n" }],
  "a method in lower case": () => [501, { bytes: post("/v1/x").replace("POST", "post") }],
  "bytes that are no HTTP": () => [501, { bytes: Buffer.from([0, 1, 2, 255, 13, 10, 13, 10]) }],
  // From here on it answers 500 by itself, which an edge would not.
  "CONNECT": () => [500, { bytes: "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n" }],
  "the target *": () => [500, { bytes: post("*") }],
  "an absolute target": () => [500, { bytes: post("http://other/v1/x") }],
  "a target without a slash": () => [500, { bytes: post("v1/x") }],
  "a target that continues the host": () => [500, { bytes: post("@other/v1/x") }],
  "a Host that is none": () => [500, { bytes: post("/v1/x").replace("Host: h", "Host: a b/?#") }],
  "a Host above ASCII": () => [500, { bytes: post("/v1/x").replace("Host: h", "Host: \xff") }],
  "two Hosts": () => [500, { bytes: post("/v1/x", ["Host: other"]) }],
  "a negative length": () => [500, { bytes: post("/v1/x", ["Content-Length: -1"], "{}") }],
  "a length that is no number": () => [500, { bytes: post("/v1/x", ["Content-Length: 0x2"], "{}") }],
  "two lengths": () => [500, { bytes: post("/v1/x", ["Content-Length: 2", "Content-Length: 3"], "{}x") }],
  "a transfer coding that nobody knows": () => [500, { bytes: post("/v1/x", ["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n") }],
};

test("what is no HTTP request is refused by the runtime, and the gateway never sees it", async () => {
  for (const [what, make] of Object.entries(unparsed)) {
    const [status, attack] = make();
    const answer = await harmless(what, attack);
    assert.equal(answer.status, status, `${what}: ${answer.text()}`);
    // Everything of the gateway's own names the exchange.
    assert.equal(answer.header("x-request-id"), undefined, what);
    assert.doesNotMatch(answer.header("content-type") ?? "", /json/, what);
  }
});

test("rule_4_23 a head of exactly the limit is taken, and one byte more is refused", async () => {
  const place = origin.place();
  const key = gateway.key();
  const lines = ["Host: h", `Idempotency-Key: ${key}`, "Content-Length: 2"];
  const written = lines.reduce((sum, line) => sum + line.length + 2, `POST${place.path}`.length);
  const padded = (length: number): string => `X-Pad: ${"a".repeat(length - written - "X-Pad: \r\n".length)}`;
  const send = (length: number): Promise<Answer> => answerTo({ bytes: [`POST ${place.path} HTTP/1.1`, ...lines, padded(length), "", "{}"].join("\r\n") });
  assertRefusal(await send(HEAD + 1), 431, "head-too-large");
  assert.equal(place.count, 0);
  const first = await send(HEAD);
  assertFresh(first);
  // A head that is too large is no retry either: nobody looks what the key has done.
  assertRefusal(await send(HEAD + 1), 431, "head-too-large");
  assertReplay(await send(HEAD), first);
  assert.equal(place.count, 1);
});

test("rule_1_6 rule_4_23 the limit is for guarded requests: the head of a passed one may be longer", async () => {
  const place = origin.place(undefined, { under: "/unguarded" });
  const answer = await answerTo({ bytes: post(place.path, [`X-Pad: ${"a".repeat(HEAD)}`, "Content-Length: 2"], "{}") });
  assert.equal(answer.status, 201);
  assert.equal(place.count, 1);
});

/** Bodies that are made to be hard to read, with their media type. Whatever they are, they are requests like any other. */
const part = (name: string, content = ""): string => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`;
const hard: Record<string, () => readonly [string, string]> = {
  "JSON that is nested 100,000 deep": () => ["application/json", "[".repeat(100_000)],
  "JSON that is nested 100,000 deep, and closed": () => ["application/json", "[".repeat(100_000) + "]".repeat(100_000)],
  "JSON of a million values": () => ["application/json", `[${"1,".repeat(1_000_000)}1]`],
  "JSON with one name a hundred thousand times": () => ["application/json", `{${`"a":1,`.repeat(100_000)}"a":1}`],
  "a number of a million digits": () => ["application/json", "1".repeat(1_000_000)],
  "2^16 + 1 parts": () => ["multipart/form-data; boundary=b", `${part("a").repeat(2 ** 16 + 1)}--b--`],
  "a part with a head of a megabyte": () => ["multipart/form-data; boundary=b", part("a".repeat(MIB)) + "--b--"],
  "parts with thousands of parameters": () => ["multipart/form-data; boundary=b", `${part(`a"${times(2000, (i) => `;p${i}=1`).join("")};z="`).repeat(100)}--b--`],
  "a form that never ends": () => ["multipart/form-data; boundary=b", part("a", "\r\n--".repeat(100_000))],
  "a form of a million pairs": () => ["application/x-www-form-urlencoded", "&".repeat(1_000_000)],
  "escapes that are none": () => ["application/x-www-form-urlencoded", "%".repeat(1_000_000)],
};

test("rule_4_9 rule_4_13 rule_4_16 a body that is made to be hard to read is executed once and compared like any other", async () => {
  for (const [what, make] of Object.entries(hard)) {
    const place = origin.place();
    const key = gateway.key();
    const [type, body] = make();
    const send = (text: string): Promise<Answer> => gateway.send({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, `Content-Type: ${type}`], body: text });
    const first = await send(body);
    assertFresh(first);
    assertReplay(await send(body), first);
    assertRefusal(await send(`${body}x`), 422, "key-reused");
    assert.equal(place.count, 1, what);
  }
});

/** Sends `body` byte by byte, each once `between` is done. */
async function drip(wire: Wire, body: string, between: () => Promise<unknown>): Promise<void> {
  for (const byte of body) {
    wire.write(byte);
    await between();
  }
}

test("edge_071 rule_4_11 a body that comes byte by byte holds nobody up, and claims nothing when its client gives up", async () => {
  const place = origin.place();
  const other = origin.place();
  const body = JSON.stringify({ amount: 5, note: "slowly" });
  const serve = async (): Promise<void> => assertFresh(await gateway.post(other.path, gateway.key()));
  for (const ending of ["reset", "end"] as const) {
    const claims = (await gateway.claims()).length;
    const wire = await gateway.connect();
    wire.requestHead({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${gateway.key()}`, `Content-Length: ${body.length}`] });
    await drip(wire, body.slice(1), serve);
    wire[ending]();
    if (ending === "end") assertRefusal(await wire.answer(), 400, "body-truncated");
    await wire.ended();
    await serve();
    assert.equal((await gateway.claims()).length, claims + body.length, "those of the requests in between, and no other");
  }
  assert.equal(place.count, 0);
  const wire = await gateway.connect();
  wire.requestHead({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${gateway.key()}`, `Content-Length: ${body.length}`] });
  await drip(wire, body, serve);
  assertFresh(await wire.answer());
  wire.close();
  assert.equal(place.only.body.toString(), body, "who does not give up is served");
});

test("edge_071 a hundred bodies that never come hold nobody up, and claim nothing", async () => {
  const [claims, executions] = [(await gateway.claims()).length, origin.requests.length];
  const wires = await Promise.all(times(100, String).map(() => gateway.connect()));
  for (const wire of wires) wire.write(post("/v1/x", [`Content-Length: ${BODY}`], "{"));
  assertFresh(await gateway.post(origin.place().path, gateway.key()));
  for (const wire of wires) wire.reset();
  await Promise.all(wires.map((wire) => wire.ended()));
  assertFresh(await gateway.post(origin.place().path, gateway.key()));
  assert.equal((await gateway.claims()).length, claims + 2);
  assert.equal(origin.requests.length, executions + 2);
});

/**
 * What may be left in the process: garbage that V8 has not collected yet, of a few bodies of 4 MiB. A body that is held on to, or a
 * buffer of 4 KiB for each chunk, is more.
 */
const GROWTH = 32 * MIB;
const MEASURED = { skip: process.platform === "linux" ? false : "the memory of a process is read where Linux shows it" };

test("rule_8_2 an answer in chunks of one byte takes no more memory than in one piece", MEASURED, async () => {
  const bytes = 50_000;
  const place = origin.place((_, response) => {
    response.writeHead(201, { "Content-Type": "text/plain" });
    // Each write is a chunk.
    for (let n = 0; n < bytes; n += 1) response.write("x");
    response.end();
  });
  const before = gateway.resident;
  const first = await gateway.post(place.path, gateway.key());
  assertFresh(first);
  assert.equal(first.body.length, bytes);
  assert.ok(gateway.resident - before < GROWTH, `${(gateway.resident - before) / MIB} MiB more`);
});

test("rule_4_10 a body in chunks of one byte takes no more memory than in one piece", MEASURED, async () => {
  const place = origin.place();
  const body = "x".repeat(200_000);
  const headers = [`Idempotency-Key: ${gateway.key()}`, "Content-Type: text/plain"];
  assertFresh(await gateway.send({ method: "POST", path: place.path, headers, body }));
  const before = gateway.resident;
  const wire = await gateway.connect();
  wire.requestHead({ method: "POST", path: place.path, headers: [...headers, "Transfer-Encoding: chunked"] });
  wire.write("1\r\nx\r\n".repeat(body.length));
  wire.lastChunk();
  const answer = await wire.answer();
  wire.close();
  assert.equal(answer.header("idempotency-status"), "replayed", "it is the same request");
  // With a buffer for each chunk, it was 800 MiB more.
  assert.ok(gateway.resident - before < GROWTH, `${(gateway.resident - before) / MIB} MiB more`);
});

test("rule_4_22 an upload in chunks of one byte takes no more memory than in one piece", MEASURED, async () => {
  const holding = await startGateway({ policy: policy(origin.url, { limits: `buffered_body = "16 KiB"` }, "POST /v1/*") });
  try {
    const place = origin.place();
    const length = 100_000;
    assertFresh(await holding.post(place.path, holding.key(), "x".repeat(length)));
    const before = holding.resident;
    const wire = await holding.connect();
    wire.requestHead({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${holding.key()}`, "Transfer-Encoding: chunked"] });
    wire.write("1\r\nx\r\n".repeat(length));
    wire.lastChunk();
    assertFresh(await wire.answer());
    wire.close();
    assert.equal((await place.arrived(2)).body.length, length);
    assert.ok(holding.resident - before < GROWTH, `${(holding.resident - before) / MIB} MiB more`);
  } finally {
    await holding.close();
  }
});

test("after two hundred attacks in a row the process holds no more memory than before", MEASURED, async () => {
  const attacks = [...Object.values(refused).map((make) => () => make()[2]), ...Object.values(unparsed).map((make) => () => make()[1])];
  // Once each, so that everything that is kept for the next one is there: Wasm memory never shrinks.
  for (const make of attacks) await answerTo(make());
  const [before, executions] = [gateway.resident, origin.requests.length];
  for (let n = 0; n < 200; n += 1) {
    const make = attacks[n % attacks.length];
    assert.ok(make);
    await answerTo(make());
  }
  assert.equal(origin.requests.length, executions);
  assertFresh(await gateway.post(origin.place().path, gateway.key()));
  assert.ok(gateway.resident - before < GROWTH, `${(gateway.resident - before) / MIB} MiB more`);
});

test("rule_8_1 a stored record whose headers no answer can carry is unreadable, and no fault of the gateway's", async () => {
  const place = origin.place();
  const key = gateway.key();
  const claim = await claimMadeBy(gateway, async () => assertFresh(await gateway.post(place.path, key)));
  const record = Buffer.from(claim["record"] as ArrayBuffer);
  const at = record.indexOf("content-type");
  assert.ok(at > 0);
  record.write("content type", at);
  await changeClaim(gateway, claim, "record", record);
  const problem = assertRefusal(await gateway.post(place.path, key), 409, "record-unreadable");
  assert.equal(problem.new_key, "unsafe");
  assert.equal(place.count, 1);
});
