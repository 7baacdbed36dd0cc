// The number of shards changes without a lost key (docs/protocol.md rule 5.23), and the answer of an attempt that died before
// it could settle is found in KV (rule 8.15).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { changeClaim, claimMadeBy, RUNNING } from "./claims.ts";
import { assertFresh, assertRefusal, assertReplay } from "./expect.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier, eventually } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { policy } from "./policy.ts";

let origin: Origin;

before(async () => {
  origin = await startOrigin();
});

after(() => origin?.close());

/** A policy whose `[ledger]` says so. Without the host in the scope: every start of a gateway has another port. */
const ledger = (lines: string): string =>
  `${policy(origin.url, { match: "POST /v1/*", rules: `[routes.scope]\nparts = ["header:authorization"]` })}\n[ledger]\n${lines}\n`;

const OLD = "shards = 2\ngeneration = 1";
const OLD_THEN_NEW = `${OLD}\nother = { shards = 3, generation = 2 }`;
const NEW = "shards = 3\ngeneration = 2";
const NEW_THEN_OLD = `${NEW}\nother = { shards = 2, generation = 1 }`;

/** The gateway on the state of `before`, as the next deployment. */
const deploy = (before: Gateway, lines: string): Promise<Gateway> => before.restart({ policy: ledger(lines) });

test("rule_5_23 over the three deployments every key keeps its answer, its request and its state", async () => {
  let gateway = await startGateway({ inspect: true, policy: ledger(OLD) });
  try {
    const made: { path: string; key: string; count: () => number; first: Awaited<ReturnType<Gateway["post"]>> }[] = [];
    const make = async (): Promise<void> => {
      // Several, so that they fall into different shards of both generations.
      for (let i = 0; i < 6; i += 1) {
        const place = origin.place();
        const key = gateway.key();
        const first = await gateway.post(place.path, key);
        assertFresh(first);
        made.push({ path: place.path, key, count: () => place.count, first });
      }
    };
    const check = async (): Promise<void> => {
      for (const { path, key, count, first } of made) {
        assertReplay(await gateway.post(path, key), first);
        assertRefusal(await gateway.post(path, key, '{"other":1}'), 422, "key-reused");
        assert.equal(count(), 1, "no deployment runs it again");
      }
    };
    await make();
    // Forwards, and once back and forth, as a roll-back would.
    for (const step of [OLD_THEN_NEW, NEW_THEN_OLD, OLD_THEN_NEW, NEW_THEN_OLD]) {
      gateway = await deploy(gateway, step);
      await check();
      await make();
      await check();
    }
  } finally {
    await gateway.close();
  }
});

test("rule_5_23 what runs in the other generation, or is unknown there, stands in the way; and leaves no claim in the own one", async () => {
  let gateway = await startGateway({ inspect: true, policy: ledger(OLD_THEN_NEW) });
  try {
    const gate = barrier();
    const place = origin.place(async (_, response) => {
      await gate.opened;
      response.writeHead(201).end();
    });
    const key = gateway.key();
    const lost = gateway.post(place.path, key).catch(() => undefined);
    await place.arrived(1);
    gateway = await deploy(gateway, NEW_THEN_OLD);
    await lost;
    assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
    const [claim, ...more] = await gateway.claims();
    assert.ok(claim !== undefined && more.length === 0, "the claim of the old generation, and no other");
    assert.equal(claim["state"], RUNNING);
    await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
    assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
    gate.open();
    assert.equal(place.count, 1);
  } finally {
    await gateway.close();
  }
});

test("rule_5_23 a retry of what the old shards keep is its replay, although the new ones know another request under its key", async () => {
  const gate = barrier();
  const place = origin.place(async (request, response) => {
    if (request.number > 1) await gate.opened;
    response.writeHead(201).end(`execution ${request.number}`);
  });
  let gateway = await startGateway({ inspect: true, policy: ledger(OLD) });
  try {
    const key = gateway.key();
    const first = await gateway.post(place.path, key);
    assertFresh(first);
    // As a request leaves it whose Worker died before it could give way.
    gateway = await deploy(gateway, NEW);
    const lost = gateway.post(place.path, key, '{"other":1}').catch(() => undefined);
    await place.arrived(2);
    gateway = await deploy(gateway, NEW_THEN_OLD);
    await lost;
    assertReplay(await gateway.post(place.path, key), first);
    // And this one might be the retry, for all that the new shards can tell.
    assertRefusal(await gateway.post(place.path, key, '{"other":1}'), 409, "request-in-progress");
    assert.equal(place.count, 2);
  } finally {
    gate.open();
    await gateway.close();
  }
});

test("rule_5_23 rule_5_28 a body that is read to be compared is compared in both generations", async () => {
  const held = (lines: string): string => ledger(lines).replace("[[routes]]", "[limits]\nbuffered_body = 1024\n\n[[routes]]");
  const gate = barrier();
  const place = origin.place(async (request, response) => {
    if (request.number > 1) await gate.opened;
    response.writeHead(201).end(`execution ${request.number}`);
  });
  const large = "x".repeat(5000);
  let gateway = await startGateway({ inspect: true, policy: held(OLD) });
  try {
    const key = gateway.key();
    const first = await gateway.post(place.path, key, large);
    assertFresh(first);
    gateway = await gateway.restart({ policy: held(NEW) });
    const lost = gateway.post(place.path, key, '{"other":1}').catch(() => undefined);
    await place.arrived(2);
    gateway = await gateway.restart({ policy: held(NEW_THEN_OLD) });
    await lost;
    assertReplay(await gateway.post(place.path, key, large), first);
    assert.equal(place.count, 2);
  } finally {
    gate.open();
    await gateway.close();
  }
});

test("rule_5_23 what one generation knows is not told, nor run unguarded, while the other one does not answer", async () => {
  const open = { match: "POST /open/*", rules: `[routes.gateway]\nledger_down = "run-unguarded"` };
  const shards = "shards = 1\ngeneration = 2\nother = { shards = 1, generation = 1 }";
  const gateway = await startGateway({ faults: true, policy: `${policy(origin.url, open)}\n[ledger]\n${shards}\n` });
  const gate = barrier();
  try {
    const place = origin.place(async (_, response) => {
      await gate.opened;
      response.writeHead(201).end();
    }, { under: "/open" });
    const key = gateway.key();
    const running = gateway.post(place.path, key);
    await place.arrived(1);
    for (let i = 0; i < 9; i += 1) await gateway.shardSql(0, "INSERT INTO faults VALUES ('peek', 'before')");
    for (const body of ["{}", '{"other":1}']) {
      assertRefusal(await gateway.post(place.path, key, body), 503, "ledger-unavailable");
    }
    await gateway.shardSql(0, "DELETE FROM faults");
    gate.open();
    const first = await running;
    assertFresh(first);
    assertReplay(await gateway.post(place.path, key), first);
    assert.equal(place.count, 1);
  } finally {
    gate.open();
    await gateway.close();
  }
});

test("rule_5_24 while the number of shards changes, the origin is not asked whether it happened", async () => {
  const status = origin.place((_, response) => response.writeHead(404).end(), { under: "/status" });
  const probes = { match: "POST /v1/*", rules: `[routes.unknown]\nlease_over = "probe"\nprobe = "GET ${status.path}?key={key}"` };
  const changing = `${policy(origin.url, probes)}\n[ledger]\n${OLD_THEN_NEW}\n`;
  const gateway = await startGateway({ inspect: true, policy: changing });
  try {
    const place = origin.place((request) => request.reset());
    const key = gateway.key();
    const claim = await claimMadeBy(gateway, async () => assertRefusal(await gateway.post(place.path, key), 502, "origin-no-answer"));
    await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
    assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
    assert.deepEqual([place.count, status.count], [1, 0]);
  } finally {
    await gateway.close();
  }
});

test("rule_5_23 without the other generation a key of before looks new: the test above can fail", async () => {
  let gateway = await startGateway({ inspect: true, policy: ledger(OLD) });
  try {
    const place = origin.place();
    const key = gateway.key();
    assertFresh(await gateway.post(place.path, key));
    gateway = await deploy(gateway, NEW);
    assertFresh(await gateway.post(place.path, key));
    assert.equal(place.count, 2);
  } finally {
    await gateway.close();
  }
});

test("edge_081 rule_8_15 the answer of an attempt that died between KV and settle is adopted", async () => {
  const gateway = await startGateway({ faults: true, policy: ledger("shards = 1") });
  try {
    const body = randomBytes(400 * 1024);
    const place = origin.place((_, response) => response.writeHead(201, { "X-Order": "7" }).end(body));
    const key = gateway.key();
    for (let i = 0; i < 20; i += 1) await gateway.shardSql(0, "INSERT INTO faults VALUES ('settle', 'before')");
    const claim = await claimMadeBy(gateway, async () => {
      assertRefusal(await gateway.post(place.path, key), 503, "outcome-unrecorded");
    });
    await gateway.shardSql(0, "DELETE FROM faults");
    assert.equal(claim["state"], RUNNING);
    assertRefusal(await gateway.post(place.path, key), 409, "request-in-progress");
    await changeClaim(gateway, claim, "lease_until", Date.now() - 1);
    const found = await gateway.post(place.path, key);
    assert.equal(found.status, 201);
    assert.equal(found.header("idempotent-replayed"), "true");
    assert.equal(found.header("x-order"), "7");
    assert.ok(found.body.equals(body));
    // From now on the row itself says so.
    assertReplay(await gateway.post(place.path, key), found);
    assert.equal(place.count, 1);
  } finally {
    await gateway.close();
  }
});

test("rule_8_15 the answer of another attempt is not adopted", async () => {
  const gateway = await startGateway({ faults: true, policy: ledger("shards = 1") });
  try {
    const place = origin.place((request, response) => {
      if (request.number === 1) response.writeHead(201).end(randomBytes(400 * 1024));
      else request.reset();
    });
    const key = gateway.key();
    const claim = await claimMadeBy(gateway, async () => assertFresh(await gateway.post(place.path, key)));
    // As after the retention: the claim is gone, and its record lies in KV for a while.
    await changeClaim(gateway, claim, "expires_at", Date.now() - 1);
    assertRefusal(await gateway.post(place.path, key), 502, "origin-no-answer");
    await eventually("unknown", () => gateway.post(place.path, key), (answer) => answer.status === 409);
    assertRefusal(await gateway.post(place.path, key), 409, "outcome-unknown");
    assert.equal(place.count, 2);
  } finally {
    await gateway.close();
  }
});
