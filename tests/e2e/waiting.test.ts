// Requests that wait for the first one (docs/protocol.md rules 5.19 to 5.22). Every race is held open by a barrier at the
// origin; that somebody waits is seen in the ledger (`gateway.inLedger`), never assumed after a pause.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy, claimNow, RUNNING } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { barrier, eventually, within } from "./guard.ts";
import type { Barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

/** As src/edge/waiting.rs has them. */
const PER_SCOPE = 64;
const PER_SHARD = 1024;

const waits = (seconds: number): string => `[routes.running]\nanswer = "wait"\nwait_seconds = ${seconds}`;

/** One shard, so that its limits are those of all; without the host in the scope, for it outlives a restart. */
const rules = (): string => {
  const scope = `[routes.scope]\nparts = ["header:authorization"]`;
  const routes = policy(
    origin.url,
    { match: "POST /v1/*", rules: `${scope}\n${waits(20)}` },
    { match: "POST /short/*", rules: `${scope}\n${waits(1)}` },
    { match: "POST /running-first/*", rules: `${scope}\n${waits(20)}\n[routes.mismatch]\nwhile_running = "running-first"` },
  );
  return `${routes}\n[ledger]\nshards = 1\n`;
};

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({ inspect: true, policy: rules() });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

/** An answer that no other execution gives. */
const answerOnce: Script = (request, response) => {
  response.writeHead(201, { "Content-Type": "application/json" }).end(JSON.stringify({ execution: request.number, id: randomUUID() }));
};

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

/** A first request that is held at the origin until its gate opens. */
interface Held {
  place: Place;
  key: string;
  gate: Barrier;
  claim: Row;
  first: Promise<Answer>;
  /** The same request once more, perhaps from somebody else. */
  again(): Promise<Answer>;
}

async function hold({ under = "/v1", script = answerOnce, headers = [] as string[] } = {}): Promise<Held> {
  const gate = barrier();
  const place = origin.place(async (request, response) => {
    if (request.number === 1) await gate.opened;
    await script(request, response);
  }, { under });
  const key = gateway.key();
  const again = (): Promise<Answer> => gateway.post(place.path, key, "{}", headers);
  let first: Promise<Answer> | undefined;
  const claim = await claimMadeBy(gateway, async () => {
    first = again();
    await place.arrived();
  });
  assert.ok(first !== undefined);
  first.catch(() => {});
  return { place, key, gate, claim, first, again };
}

/** As soon as exactly `n` calls wait in the ledger. */
async function waiting(n: number): Promise<void> {
  await eventually(`${n} calls waiting`, () => gateway.inLedger(), (inside) => inside === n);
}

test("edge_076 rule_5_20 who waits gets the first answer as soon as it is there: the same bytes, with the marker", async () => {
  const { place, gate, first, again } = await hold();
  const began = Date.now();
  const second = again();
  await waiting(1);
  gate.open();
  const answer = await first;
  assertFresh(answer);
  assertReplay(await second, answer);
  assert.ok(Date.now() - began < 10_000, "long before its wait is over");
  assert.equal(place.count, 1);
  await waiting(0);
});

test("edge_076 edge_201 rule_5_19 at the end of its wait a request learns that the first still runs, and the claim is as it was", async () => {
  const { place, gate, claim, first, again } = await hold({ under: "/short" });
  const row = await claimNow(gateway, claim);
  assert.equal(row?.["state"], RUNNING);
  const began = Date.now();
  for (const refused of await Promise.all(times(5, again))) {
    assertRefusal(refused, 409, "request-in-progress");
    assert.equal(refused.header("idempotency-status"), "running");
  }
  assert.ok(Date.now() - began >= 990, "they have waited");
  await waiting(0);
  assert.deepEqual(await claimNow(gateway, claim), row);
  gate.open();
  const answer = await first;
  assertFresh(answer);
  assertReplay(await again(), answer);
  assert.equal(place.count, 1);
});

test("edge_076 of 50 requests that wait, every one gets the same bytes, from one execution", async () => {
  const { place, gate, first, again } = await hold();
  const others = times(50, again);
  await waiting(50);
  gate.open();
  const answer = await first;
  assertFresh(answer);
  for (const other of await Promise.all(others)) assertReplay(other, answer);
  assert.equal(place.count, 1);
  await waiting(0);
});

test("edge_078 rule_5_19 a client that goes away while it waits changes nothing", async () => {
  const { place, key, gate, claim, first, again } = await hold();
  const row = await claimNow(gateway, claim);
  const wires = await Promise.all(times(3, () => gateway.connect()));
  for (const wire of wires) {
    wire.request({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${key}`, "Content-Type: application/json"], body: "{}" });
  }
  const patient = again();
  await waiting(4);
  for (const wire of wires) wire.reset();
  assert.deepEqual(await claimNow(gateway, claim), row);
  gate.open();
  const answer = await first;
  assertFresh(answer);
  assertReplay(await patient, answer);
  assertReplay(await again(), answer);
  assert.equal(place.count, 1);
  await waiting(0);
});

test("edge_084 rule_5_19 after a release, exactly one of 20 that wait executes, and the others wait for that one", async () => {
  const second = barrier();
  const script: Script = async (request, response) => {
    if (request.number === 1) return void response.writeHead(503).end("not now");
    await second.opened;
    return answerOnce(request, response);
  };
  const { place, gate, first, again } = await hold({ script });
  const others = times(20, again);
  await waiting(20);
  gate.open();
  assert.equal((await first).status, 503);
  await place.arrived(2);
  await waiting(19);
  assert.equal(place.count, 2, "one of them executes");
  second.open();
  const answers = await Promise.all(others);
  const fresh = answers.filter((answer) => answer.header("idempotency-status") === "fresh");
  assert.equal(fresh.length, 1);
  assertFresh(fresh[0] as Answer);
  for (const answer of answers) if (answer !== fresh[0]) assertReplay(answer, fresh[0] as Answer);
  assert.equal(place.count, 2);
});

test("edge_084 when every execution is released, those that wait execute one after the other, never two at once", async () => {
  let [now, most] = [0, 0];
  const script: Script = async (request, response) => {
    most = Math.max(most, ++now);
    await new Promise(setImmediate);
    now -= 1;
    response.writeHead(503).end(`execution ${request.number}`);
  };
  const { place, gate, first, again } = await hold({ script });
  const others = times(10, again);
  await waiting(10);
  gate.open();
  const bodies = (await Promise.all([first, ...others])).map((answer) => answer.text());
  assert.deepEqual(new Set(bodies), new Set(times(11, (i) => `execution ${i + 1}`)));
  assert.equal(place.count, 11);
  assert.equal(most, 1);
});

test("edge_078 rule_5_19 a call that has waited takes nothing: it is told to ask again, in case nobody hears it any more", async () => {
  const { place, gate, claim, first } = await hold({ script: (_, response) => response.writeHead(503).end("not now") });
  const bytes = (column: string): Buffer => Buffer.from(claim[column] as ArrayBuffer);
  const hex = (digits: string): Buffer => Buffer.from(digits, "hex");
  // Version 3, begin, another attempt; the request by its head and as a whole; lease, retention, scope, a wait of 20 s, and all else switched off: as tests/formats.rs.
  const [head, tail] = [hex("0300"), hex(`90bf0580b89929${"05".repeat(16)}a09c010000000000`)];
  const request = [Buffer.alloc(32, 4), hex("01"), bytes("fingerprint")];
  const begin = Buffer.concat([head, bytes("id"), Buffer.alloc(16, 7), ...request, tail]);
  const answer = gateway.tellLedger(begin);
  await waiting(1);
  gate.open();
  assert.equal((await first).status, 503);
  assert.equal(Buffer.from(await answer).toString(), hex("0302").toString("base64url"), "version 3, ask again");
  assert.equal(await claimNow(gateway, claim), undefined, "the claim is free");
  assert.equal(place.count, 1);
});

test("rule_5_20 who waits is woken by the end of the lease, and learns that nobody knows", async () => {
  const { place, gate, claim, first, again } = await hold();
  await changeClaim(gateway, claim, "lease_until", Date.now() + 1_000);
  for (const answer of await Promise.all(times(3, again))) assertRefusal(answer, 409, "outcome-unknown");
  assert.equal(place.count, 1);
  gate.open();
  const late = await first;
  assertFresh(late);
  assertReplay(await again(), late);
});

test("rule_5_20 who waits is woken when the outcome is held", async () => {
  const { place, gate, first, again } = await hold({ script: (request) => request.reset() });
  const others = times(3, again);
  await waiting(3);
  gate.open();
  assertRefusal(await first, 502, "origin-no-answer");
  for (const answer of await Promise.all(others)) assertRefusal(answer, 409, "outcome-unknown");
  assert.equal(place.count, 1);
});

test("edge_120 when the claim expires while 10 wait for it, exactly one of them executes", async () => {
  const { place, gate, claim, first, again } = await hold();
  const end = Date.now() + 1_000;
  await changeClaim(gateway, claim, "lease_until", end);
  await changeClaim(gateway, claim, "expires_at", end);
  const answers = await Promise.all(times(10, again));
  const fresh = answers.filter((answer) => answer.header("idempotency-status") === "fresh");
  assert.equal(fresh.length, 1);
  for (const answer of answers) if (answer !== fresh[0]) assertReplay(answer, fresh[0] as Answer);
  assert.equal(place.count, 2, "the one that expired, and one more");
  gate.open();
  assertRefusal(await first, 503, "outcome-unrecorded");
});

test("edge_077 rule_5_15 another body does not wait for its mismatch, unless the contract puts the running request first", async () => {
  const { place, key, gate, first, again } = await hold();
  const patient = again();
  await waiting(1);
  assertRefusal(await gateway.post(place.path, key, "[]"), 422, "key-reused");
  await waiting(1);
  gate.open();
  assertReplay(await patient, await first);

  const other = await hold({ under: "/running-first" });
  const differing = gateway.post(other.place.path, other.key, "[]");
  await waiting(1);
  other.gate.open();
  assertFresh(await other.first);
  assertRefusal(await differing, 422, "key-reused");
  assert.equal(place.count + other.place.count, 2);
});

test("edge_236 rule_5_21 a caller has so many waiting places in a shard, and takes none of anybody else's", async () => {
  const [ours, theirs] = [await hold(), await hold({ headers: ["Authorization: Bearer theirs"] })];
  const answered: Answer[] = [];
  const guesses = times(PER_SCOPE + 6, () => ours.again().then((answer) => (answered.push(answer), answer)));
  await waiting(PER_SCOPE);
  await eventually("six refusals", async () => answered.length, (n) => n === 6);
  for (const answer of answered) assertRefusal(answer, 409, "request-in-progress");
  const patient = theirs.again();
  await waiting(PER_SCOPE + 1);
  theirs.gate.open();
  assertReplay(await patient, await theirs.first);
  const refused = new Set(answered.slice(0, 6));
  ours.gate.open();
  const first = await ours.first;
  for (const answer of await Promise.all(guesses)) if (!refused.has(answer)) assertReplay(answer, first);
  await waiting(0);
});

test("rule_5_21 a place is free again when its wait is over, although the claim still runs", async () => {
  const [short, long] = [await hold({ under: "/short" }), await hold()];
  for (const answer of await Promise.all(times(PER_SCOPE, short.again))) assertRefusal(answer, 409, "request-in-progress");
  const others = times(PER_SCOPE, long.again);
  await waiting(PER_SCOPE);
  long.gate.open();
  for (const answer of await Promise.all(others)) assertReplay(answer, await long.first);
  short.gate.open();
  assertFresh(await short.first);
});

test("edge_236 rule_5_21 a shard has so many waiting places for all callers", async () => {
  const callers: Held[] = [];
  for (let i = 0; i < PER_SHARD / PER_SCOPE; i++) callers.push(await hold({ headers: [`Authorization: Bearer caller-${i}`] }));
  const crowd = callers.flatMap(({ again }) => times(PER_SCOPE, again));
  await waiting(PER_SHARD);
  const late = await hold({ headers: ["Authorization: Bearer late"] });
  assertRefusal(await late.again(), 409, "request-in-progress");
  for (const { gate } of [...callers, late]) gate.open();
  const answers = await within("the crowd being answered", Promise.all(crowd), 30);
  assert.deepEqual(new Set(answers.map((answer) => `${answer.status} ${answer.header("idempotency-status")}`)), new Set(["201 replayed"]));
  await waiting(0);
  assertReplay(await late.again(), await late.first);
});

test("rule_9_16 rule_5_20 a client may ask for a shorter wait, or for none, and is told which wait it was given", async () => {
  const { place, key, gate, first } = await hold();
  const prefer = (wait: string): Promise<Answer> => gateway.post(place.path, key, "{}", [`Prefer: ${wait}`]);
  const atOnce = await prefer("wait=0");
  assertRefusal(atOnce, 409, "request-in-progress");
  assert.equal(atOnce.header("preference-applied"), "wait=0");
  const began = Date.now();
  const short = await prefer("wait=1");
  assertRefusal(short, 409, "request-in-progress");
  assert.equal(short.header("preference-applied"), "wait=1");
  assert.ok(Date.now() - began >= 990);
  // More than the contract's 20 s is cut down to them.
  const others = [prefer("wait=7"), prefer("respond-async, wait=9999")];
  await waiting(2);
  gate.open();
  const answer = await first;
  const applied = (await Promise.all(others)).map((other) => (assertReplay(other, answer), other.header("preference-applied")));
  assert.deepEqual(applied, ["wait=7", "wait=20"]);
  const later = await prefer("wait=7");
  assertReplay(later, answer);
  assert.equal(later.header("preference-applied"), undefined, "there was nothing to wait for");
  assert.equal(place.count, 1);
});

test("edge_223 400 callers on one key: one executes, as many wait as may, and the others are answered at once", async () => {
  const { place, gate, first, again } = await hold();
  const answered: Answer[] = [];
  const all = times(400, () => again().then((answer) => (answered.push(answer), answer)));
  await eventually("the refusals", async () => answered.length, (n) => n === 400 - PER_SCOPE);
  const refused = new Set(answered);
  for (const answer of refused) assertRefusal(answer, 409, "request-in-progress");
  gate.open();
  const answer = await first;
  assertFresh(answer);
  for (const other of await Promise.all(all)) if (!refused.has(other)) assertReplay(other, answer);
  assert.equal(place.count, 1);
  await waiting(0);
});

test("fault_w2 rule_5_22 a shard that is stopped while requests wait changes nothing: they ask again, and wait for what is left", async () => {
  const { place, gate, claim, first, again } = await hold();
  const row = await claimNow(gateway, claim);
  const others = times(5, again);
  await waiting(5);
  for (let i = 0; i < 2; i++) {
    await gateway.stopLedger();
    await waiting(5);
    assert.deepEqual(await claimNow(gateway, claim), row);
  }
  gate.open();
  const answer = await first;
  assertFresh(answer);
  for (const other of await Promise.all(others)) assertReplay(other, answer);
  assert.equal(place.count, 1);
});

test("rule_5_20 a begin whose reply is lost after its wait is asked again, and does not wait a second time", async () => {
  const usual = gateway;
  gateway = await startGateway({ faults: true, policy: rules().replace("wait_seconds = 1\n", "wait_seconds = 3\n") });
  try {
    const { place, gate, first, again } = await hold({ under: "/short" });
    await gateway.shardSql(0, "INSERT INTO faults VALUES ('begin', 'after')");
    const began = Date.now();
    assertRefusal(await again(), 409, "request-in-progress");
    const seconds = (Date.now() - began) / 1000;
    assert.ok(seconds >= 2.9 && seconds < 5, `it waited for ${seconds} s, and not for twice 3 s`);
    assert.deepEqual(await gateway.shardSql(0, "SELECT * FROM faults"), [], "the fault happened");
    gate.open();
    assertFresh(await first);
    assert.equal(place.count, 1);
  } finally {
    await gateway.close();
    gateway = usual;
  }
});

test("edge_086 rule_5_22 what the first request did survives a crash of everything while others wait", async () => {
  const { place, gate, first, again } = await hold();
  const others = times(3, () => again().then(() => "answered", () => "cut off"));
  await waiting(3);
  const cut = first.then(() => "answered", () => "cut off");
  gateway = await gateway.restart();
  assert.deepEqual(await Promise.all([cut, ...others]), times(4, () => "cut off"));
  const patient = again();
  await waiting(1);
  await gateway.ledgerSql("UPDATE claims SET lease_until = 0 WHERE state = ?", RUNNING);
  await gateway.stopLedger();
  assertRefusal(await patient, 409, "outcome-unknown");
  gate.open();
  assert.equal(place.count, 1);
});
