// Which requests count as the same, and what another one gets.

import type { Sent } from "../bench.ts";
import type { Answer } from "../client.ts";
import type { Bench } from "../bench.ts";
import type { Check, Refusal } from "../contract.ts";
import { at } from "../bench.ts";
import { describe, repeats, same, Unlike } from "../verdict.ts";
import { once } from "./key.ts";

/** The two requests are one. */
export const equal = (id: string, first: Sent, second: Sent): Check => ({
  id: `equal-${id}`,
  async run(bench) {
    const key = bench.key();
    await once(bench, { ...first, key }, { ...second, key });
  },
});

/** The two requests are not: the second is refused, and not executed. */
export const mismatch = (id: string, first: Sent, second: Sent, refusal: Refusal = {}): Check => ({
  id: `mismatch-${id}`,
  async run(bench) {
    const key = bench.key();
    bench.isFirst(await bench.send({ ...first, key }));
    bench.isRefused(await bench.send({ ...second, key }), { ...bench.contract.mismatch, ...refusal });
    bench.executed(1);
  },
});

/** Another request under the key of the contract's operation, and the refusal that it gets. */
async function refusedMismatch(bench: Bench, other: Sent = { body: '{"another":"request"}' }): Promise<Answer> {
  const key = bench.key();
  const first = await bench.send({ key });
  bench.isFirst(first);
  const refused = await bench.send({ ...other, key });
  bench.executed(1);
  bench.isRefused(refused, {});
  return refused;
}

/** Only what `refusal` says, for documents that leave the rest open. */
export const mismatchSays = (id: string, refusal: Refusal, other?: Sent): Check => ({
  id: `mismatch-${id}`,
  async run(bench) {
    bench.isRefused(await refusedMismatch(bench, other), refusal);
  },
});

/** The refusal is not stored: the first request still gets its answer, the other one is refused again. */
export const mismatchLeaves = (): Check => ({
  id: "mismatch-leaves",
  async run(bench) {
    const key = bench.key();
    const first = await bench.send({ key });
    const refusal = bench.contract.mismatch ?? {};
    bench.isRefused(await bench.send({ key, body: '{"another":"request"}' }), refusal);
    repeats(await bench.send({ key }), first);
    bench.isRefused(await bench.send({ key, body: '{"another":"request"}' }), refusal);
    bench.executed(1);
  },
});

/** A header on the refusal of another request; servers may leave it out. */
export const mismatchHint = (header: string, value: string): Check => ({
  id: `mismatch-hint-${header.toLowerCase()}`,
  async run(bench) {
    same(header, bench.offered(await refusedMismatch(bench), header), value);
  },
});

/** A refusal is not cached on its way. */
export const mismatchUncached = (): Check => ({
  id: "mismatch-uncached",
  async run(bench) {
    same("Cache-Control", (await refusedMismatch(bench)).header("Cache-Control"), "no-store");
  },
});

/** The error body has this media type, and a value of the type at each pointer. */
export const mismatchShape = (type: string, members: Record<string, "string" | "number">, exactly: readonly string[] = []): Check => ({
  id: "mismatch-shape",
  async run(bench) {
    const refused = await refusedMismatch(bench);
    same("Content-Type", refused.header("Content-Type")?.split(";")[0], type);
    hasMembers(refused, members);
    if (exactly.length > 0) same("the members of the body", Object.keys(refused.json() as object).sort(), [...exactly].sort());
  },
});

export function hasMembers(answer: Answer, members: Record<string, "string" | "number">): void {
  for (const [pointer, type] of Object.entries(members)) {
    const value = at(answer.json(), pointer);
    if (typeof value !== type || value === "") throw new Unlike(`a ${type} at ${pointer}`, describe(answer));
  }
}
