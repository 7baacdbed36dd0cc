// The checker of `npm run torture` can fail, and does not fail for nothing; the whole of it finds broken gateways, and
// nothing in ours. docs/reference/torture.md lists the rules.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { check } from "../../torture/checker.ts";
import { figures, story } from "../../torture/figures.ts";
import { history } from "../../torture/history.ts";
import type { Call, Execution, History, Line } from "../../torture/history.ts";
import { torture } from "../../torture/run.ts";
import type { Options } from "../../torture/run.ts";
import { startBroken } from "./broken.ts";
import type { Faults } from "./broken.ts";

const RUN: Line = { type: "run", seed: 0, released: [429, 503], lease_ms: 1000, deadline_ms: 500, inline_limit: 1000 };

/** A call from `start` to `end` under the key `k`; an answer is `run`'s. */
function call(id: number, start: number, end: number | null, more: Partial<Call>): Call {
  const seen = more.class === "fresh" || more.class === "replayed" ? { status: 201, digest: `d${more.run}` } : {};
  return { type: "call", id, client: "c", caller: "a", key: "k", print: "p0", start, end, class: "none", code: null, status: null, run: null, digest: null, ...seen, ...more };
}

/** The execution `run` of call `of`, answered with 201 unless `more` says otherwise. */
function execution(run: number, of: number, start: number, end: number | null, more: Partial<Execution> = {}): Execution {
  const how = end === null ? "reset" : "answered";
  return { type: "execution", run, call: of, attempt: `a${of}`, caller: "a", key: "k", print: "p0", start, end, how, status: 201, digest: `d${run}`, size: 10, ...more };
}

const KILL: Line = { type: "kill", at: 15, ready: 18 };

const refused = (id: number, start: number, end: number, said: Call["class"], code: string, more: Partial<Call> = {}): Call =>
  call(id, start, end, { class: said, code, status: 409, ...more });

function rules(...lines: Line[]): string[] {
  return check(history([RUN, ...lines])).violations.map(({ rule }) => rule);
}

const FIRST = [call(1, 0, 10, { class: "fresh", run: 1 }), execution(1, 1, 3, 6)] as const;

const BROKEN: readonly [rule: string, ...lines: Line[]][] = [
  ["executed-twice", ...FIRST, call(2, 20, 30, { class: "fresh", run: 2 }), execution(2, 2, 23, 26)],
  ["executed-twice", call(1, 0, 20, { class: "none" }), execution(1, 1, 3, null), call(2, 30, 40, { class: "fresh", run: 2 }), execution(2, 2, 33, 36)],
  // The answer that releases was not there yet when the second execution came.
  ["executed-twice", call(1, 0, 30, { class: "fresh", run: 1, status: 503 }), execution(1, 1, 3, 20, { status: 503 }), call(2, 5, 40, { class: "fresh", run: 2 }), execution(2, 2, 10, 36)],
  // One call, executed again when its own execution had released the key.
  ["executed-twice", call(1, 0, 30, { class: "fresh", run: 2 }), execution(1, 1, 3, 6, { status: 503 }), execution(2, 1, 13, 16)],
  ["answer-differs", ...FIRST, call(2, 20, 30, { class: "replayed", run: 1, digest: "other" })],
  ["answer-differs", ...FIRST, call(2, 20, 30, { class: "replayed", run: 1, status: 200 })],
  ["answer-differs", call(1, 0, 10, { class: "fresh", run: 1, digest: "other" }), execution(1, 1, 3, 6)],
  ["fresh-twice", ...FIRST, call(2, 20, 30, { class: "fresh", run: 1 })],
  ["mismatch-replayed", ...FIRST, call(2, 20, 30, { class: "replayed", run: 1, print: "p1" })],
  ["fresh-without-execution", call(1, 0, 10, { class: "fresh", run: 7 })],
  ["replay-of-nothing", call(1, 0, 10, { class: "replayed", run: null })],
  ["replay-of-released", call(1, 0, 10, { class: "fresh", run: 1, status: 503 }), execution(1, 1, 3, 6, { status: 503 }), call(2, 20, 30, { class: "replayed", run: 1, status: 503 })],
  ["executed-and-replayed", call(1, 0, 10, { class: "replayed", run: 1 }), execution(1, 1, 3, 6)],
  ["executed-and-refused", refused(1, 0, 10, "running", "request-in-progress"), execution(1, 1, 3, 6)],
  ["executed-and-refused", refused(1, 0, 10, "unknown", "outcome-unknown"), execution(1, 1, 3, 6)],
  ["answer-in-refusal", ...FIRST, refused(2, 20, 30, "unknown", "outcome-unknown", { run: 1 })],
  ["foreign-answer", ...FIRST, call(2, 20, 30, { class: "replayed", run: 1, caller: "b" })],
  ["foreign-answer", ...FIRST, call(2, 20, 30, { class: "fresh", run: 1, key: "other" })],
  ["execution-of-no-call", execution(1, 1, 3, 6)],
  ["execution-of-no-call", call(1, 0, null, { print: "p1" }), execution(1, 1, 3, 6)],
  ["answered-before-done", call(1, 0, 10, { class: "fresh", run: 1 }), execution(1, 1, 3, 15)],
  ["answered-before-done", call(1, 0, 10, { class: "fresh", run: 1, status: 503 }), execution(1, 1, 3, 15, { status: 503 })],
  ["answered-before-done", call(1, 0, 30, { class: "fresh", run: 1 }), execution(1, 1, 3, 20), call(2, 5, 15, { class: "replayed", run: 1 })],
  // From here on only the order is wrong.
  ["executed-after-unknown", call(1, 0, null, {}), refused(2, 2000, 2010, "unknown", "outcome-unknown"), execution(1, 1, 3000, 3010)],
  ["executed-after-unknown", refused(1, 0, 10, "unknown", "origin-no-answer"), call(2, 20, 30, { class: "fresh", run: 2 }), execution(2, 2, 23, 26)],
  ["executed-without-permit", call(1, 10, 20, { class: "fresh", run: 1 }), execution(1, 1, 5, 8)],
  // Call 1 died with its runtime; what was found free afterwards cannot have been its claim.
  ["executed-without-permit", call(1, 0, null, {}), KILL, call(2, 20, 30, { class: "fresh", run: 2, status: 503 }), execution(2, 2, 23, 26, { status: 503 }), execution(1, 1, 50, 60)],
  ["replay-of-unknown", refused(1, 0, 10, "unknown", "origin-deadline"), execution(1, 1, 3, 8), call(2, 20, 30, { class: "replayed", run: 1 })],
  ["running-while-nothing-runs", refused(1, 0, 10, "error", "body-truncated"), refused(2, 20, 30, "running", "request-in-progress")],
  ["running-while-nothing-runs", ...FIRST, refused(2, 20, 30, "running", "request-in-progress")],
  ["running-while-nothing-runs", refused(2, -9, -1, "running", "request-in-progress"), ...FIRST],
  ["running-while-nothing-runs", call(1, 0, null, {}), execution(1, 1, 3, null), refused(2, 5, 9, "unknown", "outcome-unknown"), refused(3, 10, 19, "running", "request-in-progress")],
  ["running-while-nothing-runs", ...FIRST, refused(2, 5, 9, "running", "request-in-progress", { print: "p1" })],
  ["mismatch-of-nothing", ...FIRST, refused(2, 20, 30, "mismatch", "key-reused")],
  ["mismatch-of-nothing", refused(2, -9, -1, "mismatch", "key-reused", { print: "p1" }), ...FIRST],
  ["unknown-while-known", ...FIRST, refused(2, 20, 30, "unknown", "outcome-unknown")],
  ["unknown-while-known", call(1, 0, 100, { class: "fresh", run: 1 }), execution(1, 1, 3, 90), refused(2, 20, 30, "unknown", "outcome-unknown")],
  ["unknown-while-known", call(1, 0, 10, { class: "none" }), execution(1, 1, 3, 6), call(2, 7, 9, { class: "replayed", run: 1 }), refused(3, 20, 30, "unknown", "outcome-unknown")],
  ["answer-lost", ...FIRST, refused(2, 20, 30, "spent", "response-not-kept")],
  ["answer-lost", call(1, 0, 30, { class: "fresh", run: 1 }), execution(1, 1, 3, 20, { size: 2000 }), refused(2, 5, 8, "spent", "response-not-kept")],
  ["answer-lost", call(1, 0, 10, { class: "fresh", run: 1 }), execution(1, 1, 3, 6, { size: 2000 }), call(2, 20, 30, { class: "replayed", run: 1 }), refused(3, 40, 50, "spent", "response-not-kept")],
];

for (const [index, [rule, ...lines]] of BROKEN.entries()) {
  test(`the checker finds ${rule} (history ${index + 1})`, () => assert.deepEqual(rules(...lines), [rule]));
}

test("every rule of the reference page has a history that breaks it, and the other way round", () => {
  const page = readFileSync(new URL("../../docs/reference/torture.md", import.meta.url), "utf8");
  const [, table = ""] = page.split("| rule | broken when |");
  const listed = table.split("\n\n")[0]?.split("\n").flatMap((row) => [...(row.split(" | ")[0] ?? "").matchAll(/`([a-z-]+)`/g)].map(([, rule]) => rule));
  assert.deepEqual([...new Set(listed)].sort(), [...new Set(BROKEN.map(([rule]) => rule))].sort());
});

const held = execution(1, 1, 3, null);
const GOOD: readonly [what: string, ...lines: Line[]][] = [
  ["nothing at all"],
  ["duplicates and another request while the first one runs",
    call(1, 0, 100, { class: "fresh", run: 1 }), execution(1, 1, 20, 80), refused(2, 1, 30, "running", "request-in-progress"), refused(3, 2, 10, "mismatch", "key-reused", { print: "p1" }),
    call(4, 3, 99, { class: "replayed", run: 1 }), refused(5, 70, 101, "running", "request-in-progress")],
  ["the duplicate that was sent first begins last", call(2, 0, 50, { class: "replayed", run: 1 }), call(1, 10, 40, { class: "fresh", run: 1 }), execution(1, 1, 15, 20)],
  ["released twice, then done, with others in between",
    call(1, 0, 20, { class: "fresh", run: 1, status: 503 }), execution(1, 1, 3, 9, { status: 503 }), call(2, 1, 30, { class: "fresh", run: 2, status: 429 }), execution(2, 2, 12, 15, { status: 429 }),
    refused(3, 2, 25, "running", "request-in-progress"), call(4, 16, 50, { class: "fresh", run: 3 }), execution(3, 4, 32, 40), call(5, 17, 60, { class: "replayed", run: 3 })],
  ["another request gets the key when it is released", call(1, 0, 20, { class: "fresh", run: 1, status: 503 }), execution(1, 1, 3, 9, { status: 503 }), refused(2, 1, 8, "mismatch", "key-reused", { print: "p1" }),
    call(3, 2, 40, { class: "fresh", run: 2, print: "p1" }), execution(2, 3, 22, 30, { print: "p1" }), refused(4, 41, 42, "mismatch", "key-reused")],
  ["a release that was not confirmed (rule 7.6)", call(1, 0, 20, { class: "fresh", run: 1, status: 503 }), execution(1, 1, 3, 9, { status: 503 }), refused(2, 30, 40, "running", "request-in-progress"), refused(3, 1100, 1101, "unknown", "outcome-unknown")],
  ["killed at the origin: running, then unknown", call(1, 0, null, {}), execution(1, 1, 3, null, { how: "cut" }), KILL, refused(2, 20, 30, "running", "request-in-progress"), refused(3, 1100, 1110, "unknown", "outcome-unknown")],
  ["killed while it sent to the origin", call(1, 0, null, {}), execution(1, 1, 3, null, { print: null, how: "cut" }), KILL, refused(2, 20, 30, "running", "request-in-progress")],
  ["killed before the origin: running, then unknown", call(1, 0, null, {}), KILL, refused(2, 20, 30, "running", "request-in-progress"), refused(3, 1100, 1110, "unknown", "outcome-unknown")],
  ["killed before anything: a later call is the first", call(1, 0, null, {}), KILL, call(2, 20, 30, { class: "fresh", run: 1 }), execution(1, 2, 23, 26)],
  ["killed after the answer was kept: a replay", call(1, 0, null, {}), execution(1, 1, 3, 6), KILL, call(2, 20, 30, { class: "replayed", run: 1 })],
  ["the client resets, its call goes on", call(1, 0, null, {}), refused(2, 1, 40, "running", "request-in-progress"), execution(1, 1, 30, 60), refused(3, 45, 50, "running", "request-in-progress"), call(4, 61, 70, { class: "replayed", run: 1 })],
  ["the client resets, and its call begins much later", call(1, 0, null, {}), call(2, 20, 30, { class: "fresh", run: 2, status: 503 }), execution(2, 2, 23, 26, { status: 503 }), execution(1, 1, 50, 60), call(3, 70, 80, { class: "replayed", run: 1 })],
  ["an owner that outlives its lease (rule 5.9)", call(1, 0, 2000, { class: "fresh", run: 1 }), execution(1, 1, 3, 1900), refused(2, 1050, 1060, "unknown", "outcome-unknown"), call(3, 2001, 2002, { class: "replayed", run: 1 })],
  ["no answer: held", refused(1, 0, 10, "unknown", "origin-no-answer"), held, refused(2, 5, 9, "running", "request-in-progress"), refused(3, 20, 30, "unknown", "outcome-unknown"), refused(4, 20, 30, "mismatch", "key-reused", { print: "p1" })],
  ["not recorded, and there after all", refused(1, 0, 10, "unknown", "outcome-unrecorded"), execution(1, 1, 3, 6), call(2, 20, 30, { class: "replayed", run: 1 })],
  ["not recorded, and lost", refused(1, 0, 10, "unknown", "outcome-unrecorded"), execution(1, 1, 3, 6), refused(2, 20, 30, "running", "request-in-progress"), refused(3, 1100, 1110, "unknown", "outcome-unknown")],
  ["a large answer that was not kept", call(1, 0, 10, { class: "fresh", run: 1 }), execution(1, 1, 3, 6, { size: 2000 }), refused(2, 20, 30, "spent", "response-not-kept")],
  ["refusals before any claim", refused(1, 0, 10, "error", "body-truncated"), ...FIRST.map((line) => ({ ...line, ...(line.type === "call" ? { id: 2 } : { call: 2 }) }) as Line)],
  ["an arrival that the harness noticed late", refused(1, 0, 10, "unknown", "origin-deadline"), refused(2, 20, 30, "unknown", "outcome-unknown"), execution(1, 1, 35, null), { type: "end", at: 99, skew_ms: 30 }],
  ["two callers with one key", ...FIRST, call(2, 5, 9, { class: "fresh", run: 2, caller: "b" }), execution(2, 2, 6, 8, { caller: "b" })],
];

for (const [what, ...lines] of GOOD) {
  test(`the checker accepts: ${what}`, () => assert.deepEqual(check(history([RUN, ...lines])).violations, []));
}

test("a violation is told with the history of its claim, the kills between included", () => {
  const seen = history([RUN, ...FIRST, KILL, call(2, 20, 30, { class: "fresh", run: 2 }), execution(2, 2, 23, 26), call(3, 5, 6, { class: "replayed", run: 1, key: "other" })]);
  const told = story(seen, check(seen));
  for (const part of ["executed-twice", "call 1 of c asks for p0", "run 2 of call 2", "the runtime is killed"]) assert.ok(told.includes(part), `${part} is in:\n${told}`);
});

/** Long enough for every kind of trouble, with the same choices each time. */
const SHORT: Options = { seconds: 5, seed: 7, keys: 12, clients: 8, kills: 0 };

async function brokenBy(faults: Faults, more: Partial<Options> = {}): Promise<[Set<string>, History]> {
  const seen = await torture({ ...SHORT, seconds: 2, calls: 200, ...more }, (origin) => startBroken(origin, faults));
  return [new Set(check(seen).violations.map(({ rule }) => rule)), seen];
}

test("the torture finds nothing in a small gateway that does right", async () => {
  const [found] = await brokenBy({});
  assert.deepEqual([...found], []);
});

test("the torture finds a gateway that runs concurrent duplicates twice", async () => {
  const [found] = await brokenBy({ races: true });
  assert.ok(found.has("executed-twice"), [...found].join(", "));
});

test("the torture finds a gateway that forgets what it did when it is killed", async () => {
  const [found, seen] = await brokenBy({ forgets: true }, { kills: 2 });
  assert.ok(seen.kills.length > 0, "it was killed");
  assert.ok(found.has("executed-twice"), [...found].join(", "));
});

test("edge_086 edge_238 the torture of the gateway, with kills, finds nothing", async () => {
  const seen = await torture({ ...SHORT, kills: 2, calls: 800 });
  const verdict = check(seen);
  assert.deepEqual(verdict.violations, [], story(seen, verdict));
  assert.equal(seen.kills.length, 2);
  const classes = new Set(seen.calls.map((each) => each.class));
  for (const each of ["fresh", "replayed", "running", "mismatch", "unknown", "none"] as const) assert.ok(classes.has(each), `${each} was seen:\n${figures(seen, verdict)}`);
});
