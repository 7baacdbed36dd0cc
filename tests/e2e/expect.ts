// What the tests assert again and again: that an answer is a refusal with its code, a first answer, or a replay.

import assert from "node:assert/strict";
import type { Answer } from "./wire.ts";

/** The members of a refusal's body (RFC 9457 and ours). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  retry: string;
  new_key: string;
  [more: string]: unknown;
}

/** Asserts that the gateway itself refused, completely: status, code, media type, advice, caching. Gives the body. */
export function assertRefusal(answer: Answer, status: number, code: string): Problem {
  const seen = `${answer.status} ${answer.text().slice(0, 400)}`;
  assert.equal(answer.status, status, seen);
  assert.equal(answer.header("content-type"), "application/problem+json", seen);
  const problem = answer.json() as Problem;
  assert.equal(problem.code, code, seen);
  assert.equal(problem.status, status, "the member `status` repeats the status");
  assert.equal(problem.type, `/.reprise/refusals#${code}`, "the member `type` points at this code's paragraph");
  for (const member of ["title", "detail", "retry", "new_key"] as const) {
    assert.equal(typeof problem[member], "string", `the member \`${member}\` is there`);
    assert.notEqual(problem[member], "", `the member \`${member}\` is not empty`);
  }
  assert.equal(answer.header("cache-control"), "no-store", "a refusal is not cached");
  assert.equal(answer.header("idempotent-replayed"), undefined, "a refusal is no replay");
  return problem;
}

/** Asserts a first answer of this status: fresh, with an expiry, without the marker of a replay. */
export function assertFresh(answer: Answer, status = 201): void {
  assert.equal(answer.status, status, answer.text().slice(0, 400));
  assert.equal(answer.header("idempotency-status"), "fresh");
  assert.equal(answer.header("idempotent-replayed"), undefined, "a first answer does not carry the marker");
  assert.notEqual(Date.parse(answer.header("idempotency-expires") ?? ""), Number.NaN, "Idempotency-Expires is a date");
}

/** Headers in which a replay may differ from the first answer: who answered, when, and under which request id. */
const OF_THE_MESSAGE = [
  "date",
  "idempotency-status",
  "idempotent-replayed",
  "idempotency-original-date",
  "idempotency-original-request-id",
  "preference-applied",
  "x-request-id",
];

/**
 * Asserts that `answer` repeats `first`: status, body bytes and every recorded header line, and that it says so.
 * `firstOnly` names headers that only the first caller gets.
 */
export function assertReplay(answer: Answer, first: Answer, firstOnly: readonly string[] = []): void {
  assert.equal(answer.status, first.status, answer.text().slice(0, 400));
  assert.deepEqual(answer.body, first.body, "the body is the same, byte by byte");
  assert.equal(answer.header("idempotent-replayed"), "true");
  assert.equal(answer.header("idempotency-status"), "replayed");
  assert.deepEqual(recorded(answer, firstOnly), recorded(first, firstOnly), "the recorded headers are the same");
  for (const name of firstOnly) {
    assert.notDeepEqual(first.lines(name), [], `the first answer has ${name}`);
    assert.deepEqual(answer.lines(name), [], `the replay does not have ${name}`);
  }
}

/** Asserts that the gateway left no trace on an answer: it passed through. */
export function assertPassed(answer: Answer): void {
  const traces = answer.headers.filter(([name]) => /^idempoten/i.test(name));
  assert.deepEqual(traces, [], "a passed answer carries nothing of the gateway");
}

function recorded(answer: Answer, without: readonly string[]): string[] {
  const ignored = new Set([...OF_THE_MESSAGE, ...without.map((name) => name.toLowerCase())]);
  return answer.headers
    .filter(([name]) => !ignored.has(name.toLowerCase()))
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .sort();
}
