// What a duplicate gets while the first request is at work. The origin holds that one until the duplicate is answered.

import { setTimeout as pause } from "node:timers/promises";
import { at } from "../bench.ts";
import type { Bench, Sent } from "../bench.ts";
import type { Answer } from "../client.ts";
import type { Check, Refusal } from "../contract.ts";
import { describe, NotOffered, repeats, same, Unlike } from "../verdict.ts";

/** Sends `other` while the contract's operation runs, and looks at its answer. */
async function meanwhile(bench: Bench, sent: Sent, look: (answer: Answer) => void, first: Sent = sent): Promise<void> {
  const key = bench.key();
  const answer = await bench.holding({ ...first, key }, async () => look(await bench.sendMeanwhile({ ...sent, key })));
  bench.isFirst(answer);
  bench.executed(1);
}

/** A duplicate is refused and not executed, and gets the first answer once there is one. */
export const refusedWhileRunning = (refusal: Refusal, sent: Sent = {}): Check => ({
  id: "running-refused",
  async run(bench) {
    const key = bench.key();
    const first = await bench.holding({ ...sent, key }, async () => {
      bench.isRefused(await bench.sendMeanwhile({ ...sent, key }), refusal);
    });
    bench.isFirst(first);
    repeats(await bench.send({ ...sent, key }), first);
    bench.executed(1);
  },
});

/** A duplicate is refused also where its answer will not be kept. */
export const lockedWhileRunning = (id: string, sent: Sent, refusal: Refusal): Check => ({
  id: `running-locked-${id}`,
  run: (bench) => meanwhile(bench, sent, (answer) => bench.isRefused(answer, refusal)),
});

/** Another request under the key of one that runs. */
export const otherWhileRunning = (id: string, refusal: Refusal, other: Sent = { body: '{"another":"request"}' }): Check => ({
  id: `running-other-${id}`,
  run: (bench) => meanwhile(bench, other, (answer) => bench.isRefused(answer, refusal), {}),
});

/** The refusal says when to come back: in a second at least, in a minute at most, or clients do not obey. */
export const runningRetryAfter = (member?: string): Check => ({
  id: member === undefined ? "running-retry-after" : "running-retry-after-body",
  run: (bench) =>
    meanwhile(bench, {}, (answer) => {
      bench.isRefused(answer, {});
      const seconds = Number(answer.header("Retry-After"));
      if (!Number.isInteger(seconds) || seconds < 1 || seconds > 60) throw new Unlike("a Retry-After of 1 to 60 s", String(answer.header("Retry-After")));
      if (member !== undefined) same(`${member} in the body`, at(answer.json(), member), seconds);
    }),
});

/** A header on the refusal; servers may leave it out. */
export const runningHint = (header: string, value: string): Check => ({
  id: `running-hint-${header.toLowerCase()}`,
  run: (bench) => meanwhile(bench, {}, (answer) => same(header, bench.offered(answer, header), value)),
});

/** The refusal has this header. */
export const runningHeader = (header: string, value: string): Check => ({
  id: `running-header-${header.toLowerCase()}`,
  run: (bench) => meanwhile(bench, {}, (answer) => same(header, answer.header(header), value)),
});

/** The refusal's body has a value at each pointer. */
export const runningShape = (look: (answer: Answer) => void): Check => ({
  id: "running-shape",
  run: (bench) =>
    meanwhile(bench, {}, (answer) => {
      bench.isRefused(answer, {});
      look(answer);
    }),
});

/** A duplicate is kept waiting, and gets the first answer, marked. */
export const waits = (): Check => ({
  id: "running-waits",
  async run(bench) {
    const key = bench.key();
    let duplicate: Promise<Answer> | undefined;
    const first = await bench.holding({ key }, async () => {
      duplicate = bench.send({ key });
      const early = await Promise.race([duplicate, bench.origin.reached(2), pause(500, "waiting")]);
      if (early === undefined) throw new Unlike("no further execution while the first one runs", "one more request at the origin");
      if (early !== "waiting") throw new NotOffered(`answered at once: ${describe(early as Answer)}`);
    });
    const answer = await duplicate;
    if (answer === undefined) throw new Unlike("an answer", "none");
    repeats(answer, first);
    bench.isMarked(answer);
    bench.executed(1);
  },
});

/** The client chooses how long it waits (RFC 7240), and is told that it was heard. */
export const prefersWait = (): Check => ({
  id: "running-prefer-wait",
  async run(bench) {
    const key = bench.key();
    const started = performance.now();
    await bench.holding({ key }, async () => {
      const answer = await bench.sendMeanwhile({ key }, ["Prefer", "wait=1"]);
      const waited = Math.round(performance.now() - started);
      same("Preference-Applied", bench.offered(answer, "Preference-Applied"), "wait=1");
      bench.isRefused(answer, bench.contract.running);
      if (waited < 900 || waited > 4000) throw new Unlike("a refusal after one second", `one after ${waited} ms`);
    });
    bench.executed(1);
  },
});
