// What is a key, and when there is none.

import type { Bench, Sent } from "../bench.ts";
import type { HeaderLine } from "../client.ts";
import type { Check, Operation, Refusal } from "../contract.ts";
import { describe, isAnother, repeats, same, Unlike } from "../verdict.ts";

/** Sends twice, and sees one execution and its answer twice. */
export async function once(bench: Bench, first: Sent, second: Sent = first): Promise<void> {
  const answer = await bench.send(first);
  bench.isFirst(answer);
  repeats(await bench.send(second), answer);
  bench.executed(1);
}

/** Sends twice, and sees two executions, each with its answer. */
export async function twice(bench: Bench, first: Sent, second: Sent = first): Promise<void> {
  const answer = await bench.send(first);
  bench.isFirst(answer);
  const another = await bench.send(second);
  bench.isFirst(another);
  isAnother(another, answer);
  bench.executed(2);
}

/** This value works as a key. */
export const accepts = (id: string, key: string): Check => ({
  id: `key-${id}`,
  run: (bench) => once(bench, { key }),
});

/** The longest key that is allowed works, and differs from one that only ends otherwise. */
export const longestKey = (): Check => ({
  id: "key-longest",
  async run(bench) {
    const stem = "k".repeat(bench.contract.key.max - 1);
    await once(bench, { key: `${stem}1` });
    bench.isFirst(await bench.send({ key: `${stem}2` }));
    bench.executed(2);
  },
});

/** A value that is no key is refused, and nothing is executed. */
export const refuses = (id: string, value: string | readonly string[], refusal?: Refusal): Check => ({
  id: `key-refused-${id}`,
  async run(bench) {
    bench.isRefused(await bench.send({ key: value }), refusal ?? bench.contract.key.refused ?? { status: 400 });
    bench.executed(0);
  },
});

export const emptyKey = (): Check => refuses("empty", "");

export const tooLongKey = (max: number, refusal?: Refusal): Check => refuses("too-long", "k".repeat(max + 1), refusal);

/** Two header lines with different keys. */
export const twoKeys = (): Check => refuses("two", ["one-key", "another-key"]);

/** A value that is no key counts as none. */
export const asAbsent = (id: string, value: string): Check => ({
  id: `key-absent-${id}`,
  run: (bench) => twice(bench, { key: value }),
});

export const caseMatters = (): Check => ({
  id: "key-case",
  async run(bench) {
    const key = bench.key();
    await twice(bench, { key: `${key}a` }, { key: `${key}A` });
  },
});

/** `"value"` and `value` are one key, whichever comes first. */
export const quotedIsBare = (): Check => ({
  id: "key-quoted-is-bare",
  async run(bench) {
    const key = bench.key();
    await once(bench, { key: `"${key}"` }, { key });
  },
});

export const missingPasses = (): Check => ({
  id: "key-missing-passes",
  async run(bench) {
    await twice(bench, {});
    bench.isUnmarked(await bench.send());
    bench.executed(3);
  },
});

export const missingRefused = (refusal: Refusal): Check => ({
  id: "key-missing-refused",
  async run(bench) {
    bench.isRefused(await bench.send(), refusal);
    bench.executed(0);
  },
});

/** A key on a request that the contract does not cover changes nothing: each one reaches the origin. */
export const ignoredOn = (operation: Operation): Check => ({
  id: `ignored-${operation.method.toLowerCase()}-${slug(operation.path)}`,
  async run(bench) {
    const sent = { operation, key: bench.key() };
    const answers = [await bench.send(sent), await bench.send(sent)];
    for (const answer of answers) {
      if (answer.status !== 201) throw new Unlike("the origin's own answer", describe(answer));
      bench.isUnmarked(answer);
    }
    const reached = bench.origin.arrivals.filter(({ method, target }) => method === operation.method && target === operation.path);
    same(`the ${operation.method} requests at the origin`, reached.length, 2);
  },
});

/** The same for a header that another API would take for the key's. */
export const otherHeader = (name: string): Check => ({
  id: `key-not-in-${name.toLowerCase()}`,
  async run(bench) {
    const line: HeaderLine = [name, bench.key()];
    await twice(bench, { headers: [line] });
  },
});

/** An operation is guarded: its key works. */
export const guards = (operation: Operation): Check => ({
  id: `guards-${operation.method.toLowerCase()}-${slug(operation.path)}`,
  run: (bench) => once(bench, { operation, key: bench.key() }),
});

export function slug(path: string): string {
  return path.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");
}
