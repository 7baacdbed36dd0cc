// Many at once (docs/protocol.md §5; edge cases 72 to 84). Every race is held open by a barrier at the origin, but for the last
// two tests, which run as fast as they can.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import http from "node:http";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy, claimNow } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { barrier, firstOf, within } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({ inspect: true, policy: policy(origin.url, "POST /v1/*", { match: "POST /eager/*", rules: "[routes.running]\nstatus = 503\nretry_after = 17" }) });
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

/**
 * Sends `n` requests at once to a place that holds every execution, and opens it when all but the one that executes are
 * answered. Gives the one answer, and the others.
 */
async function race(n: number, script: Script, prepare?: (path: string, key: string) => Promise<void>): Promise<{ winner: Answer; losers: readonly Answer[]; path: string; key: string; count: () => number }> {
  const gate = barrier();
  const place = origin.place(script);
  const key = gateway.key();
  await prepare?.(place.path, key);
  const before = place.count;
  place.script = async (request, response) => {
    await gate.opened;
    await script(request, response);
  };
  const answers = times(n, () => gateway.post(place.path, key));
  // Whoever executes cannot be answered before the gate opens, so the first n - 1 answers are the others'.
  const losers = await firstOf(n - 1, answers, 30);
  // The losers learn of the claim, which is there before the call to the origin is.
  await place.begun(before + 1);
  assert.equal(place.count, before + 1, "exactly one of them executes");
  gate.open();
  const winner = (await Promise.all(answers)).find((answer) => !losers.includes(answer));
  assert.ok(winner !== undefined);
  return { winner, losers, path: place.path, key, count: () => place.count - before };
}

test("edge_072 of 100 simultaneous requests one executes, 99 learn that it runs, and all retries get its answer", async () => {
  const { winner, losers, path, key, count } = await race(100, answerOnce);
  assertFresh(winner);
  assert.equal(losers.length, 99);
  for (const loser of losers) {
    assertRefusal(loser, 409, "request-in-progress");
    assert.equal(loser.header("idempotency-status"), "running");
    const seconds = Number(loser.header("retry-after"));
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${loser.header("retry-after")}`);
  }
  for (const replay of await Promise.all(times(99, () => gateway.post(path, key)))) assertReplay(replay, winner);
  assert.equal(count(), 1);
});

test("edge_074 edge_075 a request in progress says when to come back, in every way that clients read", async () => {
  for (const [under, status, seconds] of [["/v1", 409, 2], ["/eager", 503, 17]] as const) {
    const gate = barrier();
    const place = origin.place(async (request, response) => (await gate.opened, answerOnce(request, response)), { under });
    const key = gateway.key();
    const first = gateway.post(place.path, key);
    await place.arrived();
    for (let i = 0; i < 3; i++) {
      const running = await gateway.post(place.path, key);
      const problem = assertRefusal(running, status, "request-in-progress");
      assert.equal(running.header("retry-after"), String(seconds));
      assert.equal(problem["retry_after"], seconds);
      assert.equal(running.header("x-should-retry"), "true");
      assert.equal(problem.retry, "same-key");
      assert.equal(problem.new_key, "unsafe");
      assert.ok(Date.parse(running.header("idempotency-expires") ?? "") > Date.now());
    }
    gate.open();
    const answer = await first;
    assertFresh(answer);
    assertReplay(await gateway.post(place.path, key), answer);
    assert.equal(place.count, 1);
  }
});

test("edge_077 edge_228 while the first request runs, another body is a mismatch, not in progress", async () => {
  const gate = barrier();
  const place = origin.place(async (request, response) => (await gate.opened, answerOnce(request, response)));
  const key = gateway.key();
  const first = gateway.post(place.path, key, `{"amount":1}`);
  await place.arrived();
  assertRefusal(await gateway.post(place.path, key, `{"amount":2}`), 422, "key-reused");
  assertRefusal(await gateway.post(place.path, key, `{"amount":1}`), 409, "request-in-progress");
  assertRefusal(await gateway.post(place.path, key, `{"amount":2}`), 422, "key-reused");
  gate.open();
  const answer = await first;
  assertFresh(answer);
  assertReplay(await gateway.post(place.path, key, `{"amount":1}`), answer);
  assert.equal(place.count, 1);
});

test("edge_084 after a release, exactly one of 50 retries executes", async () => {
  let released = false;
  const script: Script = (request, response) => {
    if (released) return answerOnce(request, response);
    released = true;
    return response.writeHead(503).end("not now");
  };
  const { winner, losers, path, key, count } = await race(50, script, async (path, key) => {
    assert.equal((await gateway.post(path, key)).status, 503);
  });
  assertFresh(winner);
  for (const loser of losers) assertRefusal(loser, 409, "request-in-progress");
  assertReplay(await gateway.post(path, key), winner);
  assert.equal(count(), 1);
});

test("edge_085 edge_213 rule_5_1 a claim that expires and is swept while it is asked for leaves no execution without one", async () => {
  const sweeps: Promise<unknown>[] = [];
  let attempt: string | undefined;
  let claim: Row | undefined;
  const script: Script = (request, response) => {
    attempt = request.header("idempotency-attempt");
    return answerOnce(request, response);
  };
  const { winner, losers, path, key, count } = await race(50, script, async (path, key) => {
    claim = await claimMadeBy(gateway, async () => assertFresh(await gateway.post(path, key)));
    await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
    sweeps.push(...times(10, () => gateway.sweep()));
  });
  await Promise.all(sweeps);
  assertFresh(winner);
  for (const loser of losers) {
    assertRefusal(loser, 409, "request-in-progress");
    assert.equal(loser.header("retry-after"), "2");
  }
  assert.ok(claim !== undefined);
  const row = await claimNow(gateway, claim);
  assert.equal(Buffer.from(row?.["attempt"] as ArrayBuffer).toString("hex"), attempt, "the claim is that of the execution");
  assertReplay(await gateway.post(path, key), winner);
  assert.equal(count(), 1);
});

test("edge_120 edge_210 when a claim has expired, exactly one of 50 requests executes", async () => {
  const { winner, losers, path, key, count } = await race(50, answerOnce, async (path, key) => {
    const claim = await claimMadeBy(gateway, async () => assertFresh(await gateway.post(path, key)));
    await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
  });
  assertFresh(winner);
  for (const loser of losers) assertRefusal(loser, 409, "request-in-progress");
  assertReplay(await gateway.post(path, key), winner);
  assert.equal(count(), 1);
});

interface Reply {
  status: number;
  state: string | undefined;
  body: string;
}

/** Requests over at most `sockets` connections that are kept alive. */
function client(sockets: number): { post(path: string, key: string): Promise<Reply>; close(): void } {
  const agent = new http.Agent({ keepAlive: true, maxSockets: sockets });
  return {
    post: (path, key) =>
      new Promise((resolve, reject) => {
        const headers = { "Idempotency-Key": key, "Content-Type": "application/json", "Content-Length": 2 };
        const request = http.request({ agent, host: gateway.host, port: gateway.port, method: "POST", path, headers }, (response) => {
          const pieces: Buffer[] = [];
          response.on("data", (bytes: Buffer) => pieces.push(bytes));
          response.on("error", reject);
          response.on("end", () => {
            const state = response.headers["idempotency-status"];
            resolve({ status: response.statusCode ?? 0, state: typeof state === "string" ? state : undefined, body: Buffer.concat(pieces).toString("latin1") });
          });
        });
        request.on("error", reject);
        request.end("{}");
      }),
    close: () => agent.destroy(),
  };
}

/** A small generator with a seed (mulberry32), so that a failing order can be had again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `RACE_CALLERS=10000` takes half a minute. */
const CALLERS = Number(process.env["RACE_CALLERS"] ?? 2000);

test(`edge_223 ${CALLERS} requests on one key: one executes, the others are answered while it runs, and none is lost`, async () => {
  const { post, close } = client(64);
  const gate = barrier();
  const place = origin.place(async (request, response) => (await gate.opened, answerOnce(request, response)));
  const key = gateway.key();
  const claimsBefore = (await gateway.claims()).length;
  try {
    const first = gateway.post(place.path, key);
    await place.arrived();
    const half = await Promise.all(times(CALLERS / 2, () => post(place.path, key)));
    assert.deepEqual(new Set(half.map(({ status, state }) => `${status} ${state}`)), new Set(["409 running"]));
    gate.open();
    const answer = await first;
    assertFresh(answer);
    const rest = await Promise.all(times(CALLERS / 2 - 1, () => post(place.path, key)));
    assert.deepEqual(new Set(rest.map(({ status, state, body }) => `${status} ${state} ${body}`)), new Set([`201 replayed ${answer.text()}`]));
  } finally {
    gate.open();
    close();
  }
  assert.equal(place.count, 1);
  assert.equal((await gateway.claims()).length, claimsBefore + 1, "the ledger has one row for all of them");
});

test("edge_072 1,000 requests over 100 keys from 64 connections: 100 executions, and every answer of a key is the same", async (t) => {
  const seed = Number(process.env["SEED"] ?? 20260730);
  t.diagnostic(`SEED=${seed}`);
  const next = random(seed);
  const place = origin.place(answerOnce);
  const keys = times(100, () => gateway.key());
  // Every key once, then at random; shuffled, so that first requests and repeats meet in any order.
  const order = [...keys, ...times(900, () => keys[Math.floor(next() * keys.length)] ?? "")];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j] ?? "", order[i] ?? ""];
  }
  const answers = new Map<string, Reply[]>(keys.map((key) => [key, []]));
  const { post, close } = client(64);
  let running = 0;
  const queue = order.values();
  const work = async (): Promise<void> => {
    for (const key of queue) {
      let reply = await post(place.path, key);
      while (reply.status === 409 && reply.state === "running") {
        running += 1;
        reply = await post(place.path, key);
      }
      answers.get(key)?.push(reply);
    }
  };
  try {
    await within("1,000 requests being answered", Promise.all(times(64, work)), 60);
  } finally {
    close();
  }
  t.diagnostic(`${running} answers said that the first request still runs`);
  assert.equal(place.count, 100, `SEED=${seed}`);
  let all = 0;
  for (const replies of answers.values()) {
    all += replies.length;
    assert.equal(new Set(replies.map(({ body }) => body)).size, 1, `every answer of one key is byte-equal, SEED=${seed}`);
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([201]));
    assert.equal(replies.filter(({ state }) => state === "fresh").length, 1, "one of them is the first");
    assert.equal(replies.filter(({ state }) => state === "replayed").length, replies.length - 1);
  }
  assert.equal(all, 1000);
  assert.equal(new Set([...answers.values()].map(([reply]) => reply?.body)).size, 100, "no key gets another key's answer");
});
