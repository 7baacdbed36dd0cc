// What a row can come to, and how it says so: a check returns when its rule holds, and throws otherwise.

import { isDeepStrictEqual } from "node:util";
import type { Answer } from "./client.ts";

/** `differs`: the document leaves the matter open, and this server decided otherwise than the contract under test. */
export type Verdict = "pass" | "fail" | "differs" | "not offered";

/** The rule does not hold. */
export class Unlike extends Error {
  readonly expected: string;
  readonly seen: string;

  constructor(expected: string, seen: string) {
    super(`expected ${expected}; seen ${seen}`);
    this.expected = expected;
    this.seen = seen;
  }
}

/** The server does not have the optional feature that the rule is about. */
export class NotOffered extends Error {}

/** Throws {@link Unlike} unless the two are deeply equal. */
export function same(what: string, seen: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(seen, expected)) throw new Unlike(`${what} to be ${show(expected)}`, show(seen));
}

/** Status and the beginning of the body, for a message. */
export function describe(answer: Answer): string {
  return answer.body.length === 0 ? `${answer.status} without a body` : `${answer.status} ${cut(answer.text())}`;
}

/** The two answers have one status and one body, byte by byte. */
export function repeats(answer: Answer, first: Answer): void {
  if (answer.status === first.status && answer.body.equals(first.body)) return;
  throw new Unlike(`the first answer again, ${describe(first)}`, describe(answer));
}

/** The two answers come from two executions: the suite's origin never gives the same body twice. */
export function isAnother(answer: Answer, first: Answer): void {
  if (answer.body.equals(first.body)) throw new Unlike("an answer of its own", `the first answer again, ${describe(answer)}`);
}

function show(value: unknown): string {
  if (value === undefined) return "absent";
  return cut(Buffer.isBuffer(value) ? `${value.length} bytes ${value.toString("hex")}` : JSON.stringify(value));
}

function cut(text: string): string {
  // What a terminal would obey is shown as a replacement character.
  const plain = text.replace(/[^\x20-\x7e]+/g, "\u{fffd}");
  return plain.length > 200 ? `${plain.slice(0, 200)}…` : plain;
}
