// A whole run: an origin, a gateway before it (or somebody else's), clients, kills; then a last look at every claim.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { startGateway } from "../tests/e2e/gateway.ts";
import { policy } from "../tests/e2e/policy.ts";
import type { Target } from "./client.ts";
import { history, Recorder } from "./history.ts";
import type { History } from "./history.ts";
import { startTortureOrigin } from "./origin.ts";
import type { TortureOrigin } from "./origin.ts";
import { Random } from "./random.ts";
import { Workload } from "./workload.ts";

/** Of the gateway that is started here: short, so that a run sees leases end. The lease is the shortest for this deadline. */
const DEADLINE_S = 2;
const LEASE_S = 12;

/** What the contract `ietf` releases (contracts/ietf.toml). */
export const RELEASED = [401, 403, 408, 425, 429, 501, 503] as const;

/** Within this time of the origin's answer, it is recorded and reaches its client. */
const BEHIND_ANSWER_MS = 12;

/** The last look asks for this many claims at most. */
const LAST_LOOK = 5_000;

export interface Options {
  readonly seconds: number;
  /** Go on until there were so many calls, where the machine is slow; ten times `seconds` at most. */
  readonly calls?: number;
  readonly seed: number;
  readonly keys: number;
  readonly clients: number;
  /** How often the runtime is killed, spread over the run. */
  readonly kills: number;
  /** Where the history is written, too. */
  readonly historyFile?: string | undefined;
  /** A gateway that runs already, and forwards to this port of ours. Nothing is killed then. */
  readonly target?: { readonly url: string; readonly path: string; readonly originHost: string; readonly originPort: number } | undefined;
}

/** Something that can stand under torture. */
export interface Subject {
  readonly url: string;
  kill(): Promise<void>;
  /** The same again, on the same state. */
  restart(): Promise<Subject>;
  close(): Promise<void>;
}

export async function torture(options: Options, start: (origin: string) => Promise<Subject> = startReprise): Promise<History> {
  const { seed, target } = options;
  const times = target === undefined ? { lease_ms: LEASE_S * 1000, deadline_ms: DEADLINE_S * 1000 } : { lease_ms: 0, deadline_ms: 0 };
  const recorder = new Recorder({ seed, released: RELEASED, inline_limit: 256 * 1024, ...times }, options.historyFile);
  const stall = target === undefined ? DEADLINE_S * 1000 + 1000 : 0;
  const place = target === undefined ? {} : { host: target.originHost, port: target.originPort };
  const origin = await startTortureOrigin({ seed, recorder, stall, ...place });
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  let host: Host | undefined;
  try {
    host = new Host(target === undefined ? await start(origin.url) : outside(target.url), target?.path ?? "/v1/torture", recorder);
    await drive(options, host, origin, recorder);
  } finally {
    await host?.close();
    await origin.close();
  }
  lag.disable();
  recorder.add({ type: "end", at: performance.now(), skew_ms: Math.ceil(lag.max / 1e6) });
  await recorder.close();
  return history(recorder.lines);
}

async function drive(options: Options, host: Host, origin: TortureOrigin, recorder: Recorder): Promise<void> {
  const { seed, clients, keys, seconds } = options;
  const workload = new Workload({ seed, clients, keys, recorder, target: host.target, ready: () => host.ready });
  try {
    const clock = new AbortController();
    const killing = host.killAtRandom(options.target === undefined ? options.kills : 0, seconds, new Random(seed, "kills"), () => origin.answers(), clock.signal);
    const work = workload.run();
    // A client that fails is a broken harness: end at once.
    await Promise.race([workload.lasts(seconds, options.calls ?? 0), work, killing.then(() => new Promise(() => {}))]);
    workload.stop();
    clock.abort();
    await Promise.all([killing, work]);
    const running = await workload.readAll(LAST_LOOK);
    // What still runs must end as done or unknown when its lease is over.
    if (running > 0 && seconds >= 2 * LEASE_S) {
      await pause(LEASE_S * 1000);
      await workload.readAll(LAST_LOOK);
    }
    for (let i = 0; i < 1000 && origin.busy > 0; i++) await pause(10);
  } finally {
    workload.stop();
    workload.close();
  }
}

/** The gateway under torture, through all of its lives. */
class Host {
  readonly target: Target;
  /** Resolves while the gateway listens. */
  ready: Promise<void> = Promise.resolve();
  #subject: Subject;
  readonly #recorder: Recorder;

  constructor(subject: Subject, path: string, recorder: Recorder) {
    this.#subject = subject;
    this.target = { url: subject.url, path };
    this.#recorder = recorder;
  }

  /**
   * `kills` times in `seconds`, each at a random moment of its part of the time; every other one right behind an answer of the
   * origin, where most is to be lost.
   */
  async killAtRandom(kills: number, seconds: number, random: Random, answers: () => Promise<void>, over: AbortSignal): Promise<void> {
    const began = performance.now();
    for (let i = 0; i < kills; i++) {
      const at = began + ((i + random.next()) * seconds * 1000) / kills;
      try {
        await pause(Math.max(0, at - performance.now()), undefined, { signal: over });
      } catch {
        return;
      }
      if (i % 2 === 1) {
        await Promise.race([answers(), pause(1000)]);
        await pause(random.between(1, BEHIND_ANSWER_MS));
      }
      await this.#killAndRestart();
    }
  }

  async #killAndRestart(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    try {
      await this.#subject.kill();
      const at = performance.now();
      this.#subject = await this.#subject.restart();
      this.target.url = this.#subject.url;
      this.#recorder.add({ type: "kill", at, ready: performance.now() });
    } finally {
      resolve();
    }
  }

  close(): Promise<void> {
    return this.#subject.close();
  }
}

/** A gateway that somebody else runs: never killed, never closed. */
function outside(url: string): Subject {
  const not = (): Promise<never> => Promise.reject(new Error("a target is not killed"));
  return { url, kill: not, restart: not, close: () => Promise.resolve() };
}

/** The built gateway on a real workerd, its state on the local disk. */
async function startReprise(origin: string): Promise<Subject> {
  const text = policy(origin, {
    match: "POST /v1/*",
    // Without the host: every start has another port.
    rules: `call = { deadline_seconds = ${DEADLINE_S}, lease_seconds = ${LEASE_S} }\n[routes.scope]\nparts = ["header:authorization"]`,
  });
  const state = mkdtempSync(path.join(tmpdir(), "reprise-torture-"));
  // Also when the run is interrupted, and nothing else is tidied up.
  process.once("exit", () => rmSync(state, { recursive: true, force: true }));
  return await startGateway({ origin, policy: text, state });
}
