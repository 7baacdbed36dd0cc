// Whose key it is, and for which operation.

import type { Sent } from "../bench.ts";
import type { Check, Operation, Refusal } from "../contract.ts";
import { once, twice } from "./key.ts";

/** Two callers can use one key without seeing each other's answers. */
export const otherCaller = (): Check => ({
  id: "other-caller",
  async run(bench) {
    const key = bench.key();
    await twice(bench, { key }, { key, caller: "second" });
    // Each still has their own.
    await bench.send({ key });
    await bench.send({ key, caller: "second" });
    bench.executed(2);
  },
});

/** A caller without a credential never reaches the record of one with it. */
export const anonymousApart = (): Check => ({
  id: "anonymous-apart",
  async run(bench) {
    const key = bench.key();
    const first = await bench.send({ key });
    bench.isFirst(first);
    const answer = await bench.send({ key, caller: null });
    bench.isUnmarked(answer);
    if (answer.status < 400) bench.executed(2);
  },
});

/** Without a credential the key counts for nothing. */
export const anonymousIgnored = (): Check => ({
  id: "anonymous-ignored",
  run: (bench) => twice(bench, { key: bench.key(), caller: null }),
});

/** The same caller under something that changes from call to call, or does not count. */
export const sameCaller = (id: string, first: Sent, second: Sent): Check => ({
  id: `same-caller-${id}`,
  async run(bench) {
    const key = bench.key();
    await once(bench, { ...first, key }, { ...second, key });
  },
});

/** One key on two operations: two requests. */
export const apart = (id: string, other: Sent): Check => ({
  id: `apart-${id}`,
  async run(bench) {
    const key = bench.key();
    await twice(bench, { key }, { ...other, key });
  },
});

/** One key on two operations: the second gets the first one's answer. */
export const shared = (id: string, other: Sent): Check => ({
  id: `shared-${id}`,
  async run(bench) {
    const key = bench.key();
    await once(bench, { key }, { ...other, key });
  },
});

/** One key on two operations: the second is refused. */
export const conflicts = (operation: Operation, refusal: Refusal): Check => ({
  id: "mismatch-operation",
  async run(bench) {
    const key = bench.key();
    const { type, body } = bench.contract.operation;
    bench.isFirst(await bench.send({ key }));
    bench.isRefused(await bench.send({ operation: { ...operation, ...(type && { type }), ...(body && { body }) }, key }), refusal);
    bench.executed(1);
  },
});
