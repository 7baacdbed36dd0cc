// The crash matrix: the runtime is killed (SIGKILL) at every stage of a guarded request, started again on the same state, and
// asked again (docs/protocol.md §5, rules 6.6, 8.2, 9.1; edge cases 80 to 86, 98 to 103, 238).
//
// One round brings a request of its own to every stage, and kills once; barriers hold each where it shall be (faulty.js), and
// the requests that no barrier can hold race with the kill. CRASH_RUNS=50 says how many rounds; each stage then
// shows what was found as a diagnostic. After each kill: no execution more than the promise allows, and what a client saw as
// a whole is what its retry sees.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Random } from "../../torture/random.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { barrier, eventually, within } from "./guard.ts";
import type { Barrier } from "./guard.ts";
import { startOrigin } from "./origin.ts";
import type { Origin, Place, Script } from "./origin.ts";
import { policy } from "./policy.ts";
import { Wire } from "./wire.ts";
import type { Answer, Outgoing } from "./wire.ts";

const ROUNDS = Number(process.env["CRASH_RUNS"] ?? 3);
const SEED = Number(process.env["CRASH_SEED"] ?? 1);

/** More than the ledger's row takes: the body goes to KV before `settle`. */
const LARGE = 300 * 1024;

/** How a retry may end after the kill, once the lease of whatever was running is over. */
type End = "fresh" | "replayed" | "unknown";

interface Stage {
  readonly name: string;
  /** The edge case that it is, where that is a narrower one than 86. */
  readonly edge?: string;
  /** Under a contract that runs again once the lease is over (axis I3). */
  readonly again?: boolean;
  /** What the origin answers; default: 201 with a small body. */
  readonly script?: (kase: Case) => Script;
  /** Brings the request to its stage, and leaves it there. */
  readonly bring: (kase: Case) => Promise<void>;
  /** Lets it go on, just before the kill. */
  readonly race?: (kase: Case) => void;
  readonly ends: readonly End[];
  /** Executions before and after the kill together, at most. */
  readonly executions: number;
}

/** One request of one round. */
interface Case {
  readonly place: Place;
  readonly outgoing: Outgoing;
  readonly gate: Barrier;
  /** The first caller's answer, if it ever got one as a whole. */
  first: Promise<Answer | undefined>;
  /** A connection by hand. */
  wire: Wire | undefined;
  /** The last body that the origin gave whole. */
  body: Buffer | undefined;
}

let origin: Origin;
let gateway: Gateway;
/** What was found, by stage. */
const found = new Map<string, Found[]>();

interface Found {
  /** One of `End`, or what else was said. */
  readonly end: string;
  readonly executions: number;
  /** Whether the first client had its answer before the kill. */
  readonly seen: boolean;
  readonly lost: boolean;
}

/** Says which execution it is; after a 503 it answers 201. */
const answering = (status: number, size: number, mark = ""): ((kase: Case) => Script) => (kase) => (request, response) => {
  response.writeHead(request.number === 1 ? status : 201, { "Content-Type": "text/plain", Location: `/made/${request.number}` });
  kase.body = Buffer.from(`execution ${request.number};${".".repeat(size)}${mark}`);
  response.end(kase.body);
};

/** Answers when the gate is open. */
const gated = (status: number, size: number): ((kase: Case) => Script) => (kase) => async (request, response) => {
  await kase.gate.opened;
  await answering(status, size)(kase)(request, response);
};

const post = (kase: Case): void => {
  kase.first = gateway.send(kase.outgoing).catch(() => undefined);
};

/** Posts, and waits until the origin has the request. */
const atWork = async (kase: Case): Promise<void> => {
  post(kase);
  await kase.place.arrived();
};

/** Posts, and waits until this call of its stands still. */
const heldAt = (where: string, start = post) => async (kase: Case): Promise<void> => {
  const [call, moment] = where.split("-");
  if (call !== "put") await gateway.shardSql(0, "INSERT INTO faults VALUES (?, ?)", call ?? "", `hold-${moment}`);
  const before = gateway.log.filter(({ data }) => data?.["held"] === where).length;
  start(kase);
  await gateway.logged((line) => line["held"] === where, before + 1);
};

/** Posts, and has the whole answer. */
const answered = async (kase: Case): Promise<void> => {
  post(kase);
  assert.equal((await kase.first)?.header("idempotency-status"), "fresh");
};

const open = (kase: Case): void => kase.gate.open();

const STAGES: readonly Stage[] = [
  {
    name: "before begin, the upload half done",
    async bring(kase) {
      kase.wire = await gateway.connect();
      kase.wire.requestHead({ ...kase.outgoing, headers: [...(kase.outgoing.headers ?? []), "Content-Length: 14"] });
      kase.wire.write('{"n":');
    },
    ends: ["fresh"],
    executions: 1,
  },
  { name: "before begin, the call on its way", bring: heldAt("begin-before"), ends: ["fresh"], executions: 1 },
  { name: "between begin and origin", edge: "edge_080", bring: heldAt("begin-after"), ends: ["unknown"], executions: 0 },
  { name: "between begin and origin, to run again", edge: "edge_080", again: true, bring: heldAt("begin-after"), ends: ["fresh"], executions: 1 },
  { name: "while the origin works", edge: "edge_081", script: gated(201, 100), bring: atWork, ends: ["unknown"], executions: 1 },
  {
    name: "half the answer sent",
    script: (kase) => (_, response) => {
      response.writeHead(201, { "Content-Type": "text/plain" });
      response.write("half", () => kase.gate.open());
    },
    async bring(kase) {
      post(kase);
      await kase.gate.opened;
    },
    ends: ["unknown"],
    executions: 1,
  },
  { name: "before settle", edge: "edge_081", bring: heldAt("settle-before"), ends: ["unknown"], executions: 1 },
  { name: "before settle, to run again", edge: "edge_081", again: true, bring: heldAt("settle-before"), ends: ["fresh"], executions: 2 },
  { name: "after settle, before its reply", bring: heldAt("settle-after"), ends: ["replayed"], executions: 1 },
  { name: "before the KV put of a large answer", script: answering(201, LARGE, "hold-put-before"), bring: heldAt("put-before"), ends: ["unknown"], executions: 1 },
  // What lies in KV by now is adopted, byte by byte, when the lease is over.
  { name: "after the KV put of a large answer, before settle", script: answering(201, LARGE, "hold-put-after"), bring: heldAt("put-after"), ends: ["replayed"], executions: 1 },
  { name: "a large answer, before settle", script: answering(201, LARGE), bring: heldAt("settle-before"), ends: ["replayed"], executions: 1 },
  { name: "a large answer, after settle", script: answering(201, LARGE), bring: heldAt("settle-after"), ends: ["replayed"], executions: 1 },
  {
    name: "the client has half of the answer",
    script: answering(201, LARGE),
    async bring(kase) {
      kase.wire = await gateway.connect();
      kase.wire.request(kase.outgoing);
      await kase.wire.bodyReaches(1);
    },
    ends: ["replayed"],
    executions: 1,
  },
  { name: "the client has the answer", bring: answered, ends: ["replayed"], executions: 1 },
  { name: "the client has a large answer", script: answering(201, LARGE), bring: answered, ends: ["replayed"], executions: 1 },
  {
    name: "after the answer, before the copy to KV",
    script: answering(201, 100, "hold-put-before"),
    async bring(kase) {
      await heldAt("put-before")(kase);
      assert.notEqual(await kase.first, undefined, "the client does not wait for the copy");
    },
    ends: ["replayed"],
    executions: 1,
  },
  { name: "before a release", script: answering(503, 100), bring: heldAt("settle-before"), ends: ["unknown"], executions: 1 },
  { name: "after a release, before its reply", script: answering(503, 100), bring: heldAt("settle-after"), ends: ["fresh"], executions: 2 },
  { name: "the client has a released answer", script: answering(503, 100), bring: answered, ends: ["fresh"], executions: 2 },
  { name: "the origin resets, before the hold", script: () => (request) => request.reset(), bring: heldAt("settle-before"), ends: ["unknown"], executions: 1 },
  { name: "the origin resets, after the hold", script: () => (request) => request.reset(), bring: heldAt("settle-after"), ends: ["unknown"], executions: 1 },
  // No barrier stands between the origin's last byte and the client's: these race with the kill.
  { name: "right behind the origin's last byte", script: gated(201, 100), bring: atWork, race: open, ends: ["unknown", "replayed"], executions: 1 },
  { name: "right behind the origin's last byte of many", script: gated(201, LARGE), bring: atWork, race: open, ends: ["unknown", "replayed"], executions: 1 },
  { name: "right behind the origin's 503", script: gated(503, 100), bring: atWork, race: open, ends: ["unknown", "fresh"], executions: 2 },
  { name: "right behind the request", bring: async () => {}, race: post, ends: ["fresh", "unknown", "replayed"], executions: 1 },
];

function newCase(stage: Stage): Case {
  const outgoing: Outgoing = { method: "POST", headers: [`Idempotency-Key: ${gateway.key()}`, "Content-Type: application/json"], body: '{"n":1}' };
  const place = origin.place(undefined, { under: stage.again === true ? "/again" : "/v1" });
  const kase: Case = { place, outgoing: { ...outgoing, path: place.path }, gate: barrier(), first: Promise.resolve(undefined), wire: undefined, body: undefined };
  place.script = (stage.script ?? answering(201, 100))(kase);
  return kase;
}

/** All stages, one kill. */
async function round(random: Random): Promise<void> {
  const cases = STAGES.map((stage) => [stage, newCase(stage)] as const);
  await gateway.shardSql(0, "DELETE FROM faults");
  for (const [stage, kase] of cases) await within(`the stage: ${stage.name}`, stage.bring(kase));
  for (const [stage, kase] of cases) stage.race?.(kase);
  // From at once to when all of it is over.
  const micro = random.chance(0.3) ? 0 : random.between(1, 25);
  if (micro > 0) await pause(micro);
  gateway = await gateway.restart();
  const firsts = new Map<Case, Answer | undefined>();
  for (const [, kase] of cases) {
    kase.gate.open();
    kase.wire?.close();
    firsts.set(kase, await kase.first);
  }

  const retries: [Stage, Case, Answer][] = [];
  const running: [Stage, Case][] = [];
  for (const [stage, kase] of cases) {
    const answer = await gateway.send(kase.outgoing);
    if (said(answer) === "running") running.push([stage, kase]);
    else retries.push([stage, kase, answer]);
  }
  await gateway.shardSql(0, "UPDATE claims SET lease_until = 1 WHERE state = 1");
  for (const [stage, kase] of running) retries.push([stage, kase, await gateway.send(kase.outgoing)]);
  // However it ended, it stays so.
  for (const [stage, kase, retry] of retries) {
    const seen = firsts.get(kase);
    const again = await gateway.send(kase.outgoing);
    record(stage, { end: end(retry, again), executions: kase.place.count, seen: seen?.status === 201, lost: isLost(kase, seen, [retry, again]) });
  }
}

const said = (answer: Answer): string => answer.header("idempotency-status") ?? `status ${answer.status}`;

/** How the retry ended, if it stays so. */
function end(retry: Answer, again: Answer): string {
  const stays = said(retry) === "fresh" ? "replayed" : said(retry);
  return said(again) === stays ? said(retry) : `${said(retry)}, then ${said(again)}`;
}

/** Whether a client saw an answer that its retries did not get, or a replay is not, byte by byte, what the origin gave. */
function isLost(kase: Case, seen: Answer | undefined, retries: readonly Answer[]): boolean {
  const expected = seen?.status === 201 ? seen.body : kase.body;
  const same = (answer: Answer): boolean => answer.status === 201 && expected?.equals(answer.body) === true && answer.header("location") === `/made/${kase.place.count}`;
  return retries.some((answer) => (said(answer) === "replayed" ? !same(answer) : seen?.status === 201));
}

function record(stage: Stage, result: Found): void {
  const all = found.get(stage.name) ?? [];
  found.set(stage.name, all);
  all.push(result);
}

before(async () => {
  origin = await startOrigin();
  const rules = `[routes.scope]\nparts = ["header:authorization"]`;
  const again = { match: "POST /again/*", rules: `${rules}\n[routes.unknown]\nlease_over = "run-again"` };
  gateway = await startGateway({ faults: true, vars: { KV_HOLDS: "true" }, policy: `${policy(origin.url, { match: "POST /v1/*", rules }, again)}\n[ledger]\nshards = 1\n` });
  const random = new Random(SEED, "kills");
  for (let i = 0; i < ROUNDS; i++) await round(random);
});

after(async () => {
  await gateway?.close();
  await origin?.close();
});

for (const stage of STAGES) {
  test(`fault_w1 ${stage.edge ?? "edge_086"} rule_5_1 rule_9_1 killed: ${stage.name}`, (t) => {
    const all = found.get(stage.name) ?? [];
    assert.equal(all.length, ROUNDS, "every round reached this stage");
    const ends = Object.entries(Object.groupBy(all, ({ end }) => end)).map(([end, some]) => `${some?.length ?? 0} ${end}`);
    const duplicates = all.filter(({ executions }) => executions > stage.executions).length;
    const lost = all.filter((each) => each.lost).length;
    t.diagnostic(`${all.length} kills: ${ends.join(", ")}; ${all.filter(({ seen }) => seen).length} clients had their answer; duplicates ${duplicates}, lost answers ${lost}`);
    const wrong = all.filter(({ end }) => !stage.ends.some((allowed) => allowed === end));
    assert.deepEqual(wrong, [], `a retry ends as one of: ${stage.ends.join(", ")}`);
    assert.equal(duplicates, 0, `at most ${stage.executions} executions`);
    const again = all.filter(({ executions }) => stage.again === true && executions !== stage.executions);
    assert.deepEqual(again, [], `exactly ${stage.executions} executions`);
    assert.equal(lost, 0, "what a client saw, or what was kept, is what its retry sees");
  });
}

/** Where a client can be gone while its request stands still, besides those of client-gone.test.ts. */
const AWAITS: readonly [where: string, size: number][] = [
  ["begin-before", 100],
  ["begin-after", 100],
  ["settle-before", 100],
  ["settle-after", 100],
  ["put-before", LARGE],
  ["put-after", LARGE],
];

for (const [where, size] of AWAITS) {
  test(`edge_079 edge_238 rule_6_6 the client resets at ${where}: the work goes on, and the retry finds its answer`, async () => {
    const kv = await gateway.kv();
    await kv.delete("go on");
    const kase = newCase({ name: where, bring: heldAt(where), script: answering(201, size, where.startsWith("put") ? `hold-${where}` : ""), ends: ["replayed"], executions: 1 });
    // The same steps as before a kill, but with a connection that can be reset.
    kase.wire = await gateway.connect();
    const wire = kase.wire;
    await heldAt(where, () => wire.request(kase.outgoing))(kase);
    wire.reset();
    // A whole exchange later, the runtime has seen the reset, too.
    assert.equal((await gateway.fetch("/.reprise/health")).status, 200);
    await gateway.shardSql(0, "DELETE FROM faults");
    await kv.put("go on", "now");
    await kase.place.arrived();
    const retry = await eventually("the end of the work", () => gateway.send(kase.outgoing), (answer) => said(answer) !== "running");
    assert.equal(said(retry), "replayed");
    assert.deepEqual(retry.body, kase.body);
    assert.equal(kase.place.count, 1);
  });
}
