// When a claim ends (docs/protocol.md rules 5.7, 5.8 and 8.14; edge cases 119, 121, 124, 230), also where the Worker's clock is wrong
// and the ledger's is right: the two run in isolates of their own here. Wrong by an hour, which is more than every lease and
// retention of this policy.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy, claimNow, RUNNING } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { fault, startGateway } from "./gateway.ts";
import type { Gateway, Row } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place } from "./origin.ts";
import { policy } from "./policy.ts";
import type { Answer } from "./wire.ts";

const MINUTES = 600_000;

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    faults: true,
    apart: true,
    policy: policy(
      origin.url,
      { match: "POST /sight/*", rules: "[routes.retention]\nseconds = 600" },
      { match: "POST /completion/*", rules: `[routes.retention]\nfrom = "completion"\nseconds = 600` },
      { match: "POST /control/*", rules: `[routes.outcome]\ncontrol_header = "X-Store"` },
    ),
  });
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

const CLOCKS = ["clock-back", "clock-ahead"] as const;

const post = (place: Place, key: string, ...faults: string[]): Promise<Answer> => gateway.post(place.path, key, "{}", fault(...faults));

test("edge_119 edge_230 rule_5_8 the retention is measured from first sight, or from completion where the contract says so", async () => {
  for (const under of ["/sight", "/completion"]) {
    let [begun, answered] = [0, 0];
    const place = origin.place(async (request, response) => {
      // The operation takes a while by the clock: that is what tells the two instants apart.
      begun = Date.now();
      while (Date.now() < begun + 50) await new Promise((resolve) => setTimeout(resolve, 5));
      answered = Date.now();
      response.writeHead(201).end(`execution ${request.number}`);
    }, { under });
    const key = gateway.key();
    const sent = Date.now();
    let first: Answer | undefined;
    const claim = await claimMadeBy(gateway, async () => (first = await gateway.post(place.path, key)));
    const received = Date.now();
    assert.ok(first !== undefined);
    assertFresh(first);
    const seen = Number(claim["first_seen"]);
    assert.ok(seen >= sent && seen < answered, "first sight is before the operation");
    const expires = Number(claim["expires_at"]);
    if (under === "/sight") assert.equal(expires, seen + MINUTES);
    // Completion is told by the time since the ledger was asked, which holds the way there.
    else assert.ok(expires >= answered + MINUTES && expires <= received + MINUTES + (begun - sent) + 1, `${expires - answered - MINUTES} ms after the answer`);
    assert.equal(first.header("idempotency-expires"), new Date(expires).toUTCString());
    const replay = await gateway.post(place.path, key);
    assertReplay(replay, first);
    assert.deepEqual(await claimNow(gateway, claim), claim, "a replay does not prolong it");
    assert.equal(place.count, 1);
  }
});

for (const clock of CLOCKS) {
  test(`fault_c3 fault_c4 edge_121 rule_5_8 with ${clock} in the Worker, a claim ends when the ledger's clock says so`, async () => {
    for (const under of ["/sight", "/completion", "/control"]) {
      for (const size of [20, 300 * 1024]) {
        let ran = 0;
        const place = origin.place((_, response) => {
          ran = Date.now();
          response.writeHead(201, { "X-Store": "ttl=600" }).end(Buffer.alloc(size, "x"));
        }, { under });
        const key = gateway.key();
        const kv = await gateway.kv();
        const copies = new Set((await kv.list()).keys.map(({ name }) => name));
        const sent = Date.now();
        let first: Answer | undefined;
        const claim = await claimMadeBy(gateway, async () => (first = await post(place, key, clock)));
        const received = Date.now();
        assert.ok(first !== undefined);
        assertFresh(first);
        const expires = Number(claim["expires_at"]);
        const counted = expires - MINUTES;
        // The time since a Worker has asked the ledger holds the way there.
        const [earliest, latest] = under === "/sight" ? [sent, ran] : [ran, received + (ran - sent) + 1];
        assert.ok(counted >= earliest && counted <= latest, `${under}: counted from ${counted - sent} ms, not ${earliest - sent} to ${latest - sent} ms`);
        assert.equal(first.header("idempotency-expires"), new Date(expires).toUTCString());
        // KV keeps what the row points to for as long as the row is there.
        const copy = await eventually("the value in KV", async () => (await kv.list()).keys.find(({ name }) => !copies.has(name)), (found) => found !== undefined);
        assert.ok(Math.abs(Number(copy?.expiration) * 1000 - expires) <= 2000, `KV keeps it until ${copy?.expiration}`);
        for (const other of ["", ...CLOCKS]) assertReplay(await post(place, key, other), first);
        assert.equal(place.count, 1);
      }
    }
  });

  test(`fault_c3 fault_c4 edge_121 rule_5_7 with ${clock} in the Worker, a key is new, running or unknown by the ledger's clock`, async () => {
    const gate = barrier();
    const place = origin.place(async (request, response) => {
      if (request.number === 1) await gate.opened;
      response.writeHead(201).end(`execution ${request.number}`);
    }, { under: "/sight" });
    const key = gateway.key();
    let first: Promise<Answer> | undefined;
    const claim: Row = await claimMadeBy(gateway, async () => {
      first = post(place, key);
      await place.arrived();
    });
    const move = (column: "lease_until" | "expires_at", ms: number): Promise<void> => changeClaim(gateway, claim, column, Date.now() + ms);
    await move("lease_until", 30_000);
    assertRefusal(await post(place, key, clock), 409, "request-in-progress");
    assert.equal((await claimNow(gateway, claim))?.["state"], RUNNING);
    await move("lease_until", -1);
    assertRefusal(await post(place, key, clock), 409, "outcome-unknown");
    gate.open();
    assert.ok(first !== undefined);
    const answer = await first;
    assertFresh(answer);
    await move("expires_at", 30_000);
    assertReplay(await post(place, key, clock), answer);
    assert.equal(place.count, 1);
    await move("expires_at", -1);
    const second = await post(place, key, clock);
    assertFresh(second);
    assertReplay(await post(place, key), second);
    assert.equal(place.count, 2);
  });
}

test("edge_124 rule_8_14 without the ledger, a copy that KV still has and that has expired answers nobody", async () => {
  const place = origin.place(undefined, { under: "/sight" });
  const key = gateway.key();
  const kv = await gateway.kv();
  const before = (await kv.list()).keys.length;
  const first = await post(place, key);
  assertFresh(first);
  await eventually("the copy in KV", async () => (await kv.list()).keys.length, (length) => length > before);
  assertReplay(await post(place, key, "ledger-overloaded"), first);
  // An hour later, it would have expired.
  assertRefusal(await post(place, key, "ledger-overloaded", "clock-ahead"), 503, "ledger-unavailable");
  assert.equal(place.count, 1);
});
