// The bench: its arithmetic, and that its scenarios are what their names say (docs/performance.md).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { judged } from "../../bench/bars.ts";
import { chart } from "../../bench/chart.ts";
import { isExpected } from "../../bench/client.ts";
import { readFlags } from "../../bench/flags.ts";
import type { Flags } from "../../bench/flags.ts";
import { growth } from "../../bench/growth.ts";
import { memory } from "../../bench/memory.ts";
import { hasRamDisk, measure } from "../../bench/rounds.ts";
import type { Platform, Result, Table } from "../../bench/rounds.ts";
import { startWorkerd } from "../../bench/runtime/workerd.ts";
import { Scratch } from "../../bench/scratch.ts";
import { order } from "../../bench/services/order.ts";
import { Services } from "../../bench/services/services.ts";
import { figure, quantile, ratio } from "../../bench/statistics.ts";
import { BARE, bare, perKey, SUBJECTS } from "../../bench/subjects.ts";
import { throughput } from "../../bench/throughput.ts";
import { barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import { send } from "./wire.ts";

const QUICK = readFlags(["--quick"]) as Flags;

let services: Services;

before(async () => {
  services = await Services.start();
});

after(async () => {
  await services?.[Symbol.asyncDispose]();
});

test("medians: of an odd and an even number of rounds, and of none", () => {
  assert.deepEqual(figure([3, 1, 2]), { median: 2, lower: 1, upper: 3 });
  assert.deepEqual(figure([4, 1, 2, 3]), { median: 2.5, lower: 1, upper: 3 });
  assert.equal(figure([]), undefined);
  assert.equal(figure([1, undefined]), undefined, "a round without a figure");
});

test("ratios are those of each round, and not of the medians", () => {
  // The machine is twice as fast in the second round, for both.
  assert.deepEqual(ratio([30, 60, 20], [10, 20, 40]), { median: 3, lower: 0.5, upper: 3 });
  assert.equal(ratio([1, 2], [1]), undefined, "a round that one side did not have");
});

test("quantiles are values that were seen", () => {
  const sorted = Float64Array.from({ length: 100 }, (_, index) => index + 1);
  assert.equal(quantile(sorted, 0.5), 50);
  assert.equal(quantile(sorted, 0.99), 99);
  assert.equal(quantile([7], 0.01), 7);
  assert.equal(quantile([], 0.5), undefined);
});

test("bodies are JSON of just the size that is asked for", () => {
  for (const size of [100, 128, 1024, 65_536]) {
    const text = order(size).toString();
    assert.equal(text.length, size);
    assert.equal(typeof JSON.parse(text), "object");
  }
});

test("an answer is the expected one by its status and its marker", () => {
  const head = "http/1.1 201 created\r\nidempotent-replayed: true\r\ncontent-length: 0";
  assert.ok(isExpected(head, { status: 201, has: "idempotent-replayed: true" }));
  assert.ok(!isExpected(head, { status: 200, has: "idempotent-replayed: true" }));
  assert.ok(!isExpected(head, { status: 201, lacks: "idempotent-replayed: true" }));
  assert.ok(!isExpected("http/1.1 201 created\r\ncontent-length: 0", { status: 201, has: "idempotent-replayed: true" }));
});

test("the bars are judged by the table that they are about", () => {
  const figures = { perSecond: undefined, p50: undefined, p99: undefined, cpu: undefined, peak: undefined, timesBareCpu: undefined };
  const pass: Result = { subject: "reprise pass", against: BARE, ...figures, timesAgainst: { median: 0.84, lower: 0.8, upper: 0.9 } };
  const table: Table = { setting: { platform: "ram", body: 1024, connections: 16 }, effort: QUICK.effort, results: [pass] };
  assert.match(judged([table]), /0\.84 \(0\.80–0\.90\) +does not hold$/);
  assert.equal(judged([{ ...table, setting: { ...table.setting, connections: 1 } }]), "");
  assert.match(judged([{ ...table, results: [{ ...pass, timesAgainst: { median: 0.85, lower: 0.8, upper: 0.9 } }] }]), / holds$/);
});

test("every scenario is played on every platform, and is what its name says", async () => {
  // The first answer that is another one than the scenario's would end it.
  const tables = await throughput(QUICK, () => {}, () => {});
  const played = (platform: Platform) => tables.find(({ setting }) => setting.platform === platform)?.results.map(({ subject }) => subject);
  const names = SUBJECTS.map(({ name }) => name);
  assert.deepEqual(played("miniflare"), names);
  if (hasRamDisk()) assert.deepEqual(played("ram"), names);
  assert.deepEqual(played("disk"), [BARE, ...names.filter((name) => name.includes(" fresh"))]);
  const picture = chart(tables.map((table) => ({ ...table, setting: { ...table.setting, connections: 16 } })), "<this machine>");
  for (const { name } of SUBJECTS) assert.ok(picture.includes(`>${name}</text>`), `${name} is not in the picture`);
  assert.ok(picture.includes("&lt;this machine>"));
});

for (const scenario of ["replay", "mismatch", "running"] as const) {
  test(`a program that knows no ${scenario} has no figures of one`, async () => {
    const setting = { platform: "disk", body: 1024, connections: 2 } as const;
    const impostor = { name: "an impostor", scenario, program: bare };
    await assert.rejects(measure(setting, [impostor], QUICK.effort, services), /an impostor: expected status/);
  });
}

test("the peer executes once for many requests with one key, and answers them all", async () => {
  const origin = await startOrigin();
  const gate = barrier();
  const place = origin.place(async (_, response) => {
    await gate.opened;
    response.writeHead(201, { "Content-Type": "text/plain" }).end("made");
  });
  using scratch = new Scratch();
  await using running = await startWorkerd(perKey(origin.url), { directory: scratch.path, kv: { port: services.kvPort, namespace: "race" } });
  const post = (body: string) => send(running.port, { method: "POST", path: place.path, headers: ["Idempotency-Key: one"], body });
  try {
    const first = post("{}");
    await place.arrived();
    const others = await Promise.all(Array.from({ length: 8 }, () => post("{}")));
    assert.deepEqual(others.map(({ status }) => status), Array(8).fill(409));
    assert.equal((await post('{"another":true}')).status, 422);
    gate.open();
    assert.equal((await first).status, 201);
    const retry = await post("{}");
    assert.deepEqual([retry.status, retry.body.toString(), retry.header("idempotent-replayed")], [201, "made", "true"]);
    assert.equal(place.count, 1);
  } finally {
    gate.open();
    await origin.close();
  }
});

test("bodies of a megabyte come through unchanged, both ways", async () => {
  const rows = await memory(2 ** 20);
  assert.deepEqual(rows.map(({ outcome }) => outcome), Array(rows.length).fill("same"));
});

test("a filled shard still answers, and its sweep ends in turns that read no more than a few thousand rows each", async () => {
  const { rows: [row], expired } = await growth({ keys: [5_000], body: 128, rounds: 1, seconds: 0.1 }, () => {});
  assert.equal(row?.claims, 5_000);
  assert.equal(row?.rows, 2, "rows that a fresh request writes");
  // One in ten, by dice.
  assert.ok(row.sweep.swept > 400 && row.sweep.swept < 600, `${row.sweep.swept} of about 500 were swept`);
  assert.equal(expired.swept, 4_999, "all but the claim that a request has made");
  for (const sweep of [row.sweep, expired]) {
    assert.ok(sweep.finished);
    assert.ok(sweep.read <= 4_010, `a turn has read ${sweep.read} rows`);
    assert.ok(sweep.deleted <= 500, `a turn has deleted ${sweep.deleted} rows`);
  }
});
