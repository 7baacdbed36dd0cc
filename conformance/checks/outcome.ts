// Which answers are the operation's result, and which leave the key free.

import type { Sent } from "../bench.ts";
import type { Check, Refusal } from "../contract.ts";
import { broken, json, reset } from "../origin.ts";
import { describe, repeats, Unlike } from "../verdict.ts";

/** The answer is kept: a retry gets it again. */
export const stores = (status: number, sent: Sent = {}): Check => ({
  id: `stores-${status}`,
  async run(bench) {
    bench.origin.answers(json(status), json(201));
    const retry = { ...sent, key: bench.key() };
    const first = await bench.send(retry);
    bench.isFirst(first, status);
    repeats(await bench.send(retry), first);
    bench.executed(1);
  },
});

/** The answer is passed on and the key is free: the same request runs again, and that answer is kept. */
export const releases = (status: number, sent: Sent = {}): Check => ({
  id: `releases-${status}`,
  async run(bench) {
    bench.origin.answers(json(status, [["Retry-After", "1"]]), json(201));
    const retry = { ...sent, key: bench.key() };
    const failed = await bench.send(retry);
    bench.isFirst(failed, status);
    if (failed.header("Retry-After") !== "1") throw new Unlike("the origin's Retry-After on its own answer", String(failed.header("Retry-After")));
    bench.isUnmarked(failed);
    const second = await bench.send(retry);
    bench.isFirst(second, 201);
    bench.isUnmarked(second);
    bench.executed(2);
    repeats(await bench.send(retry), second);
    bench.executed(2);
  },
});

/** Nobody knows how the operation ended: the client learns of a failure, and no retry runs it again. */
export const holds = (fault: "no-answer" | "broken-off", retry: Refusal = {}): Check => ({
  id: `holds-${fault}`,
  async run(bench) {
    bench.origin.answers(fault === "no-answer" ? reset : broken, json(201));
    const key = bench.key();
    const failed = await bench.send({ key });
    if (failed.status < 500) throw new Unlike("a failure of the server", describe(failed));
    for (let retries = 0; retries < 3; retries++) bench.isRefused(await bench.send({ key }), retry);
    bench.executed(1);
  },
});
