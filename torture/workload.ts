// What the clients do: a working set of keys that several callers share, and on it fresh requests, repeats, other requests
// under a used key, duplicates at the same time, slow uploads and resets at any moment. Each client draws its choices from a stream of its own.

import http from "node:http";
import https from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { call } from "./client.ts";
import type { Intent, Target } from "./client.ts";
import type { Call, Recorder } from "./history.ts";
import { Random } from "./random.ts";

/** Credentials. All use the same keys, so that a mix-up of callers shows. */
const CALLERS = ["Bearer alice", "Bearer bob", "Bearer carol"] as const;

/** How often a key is replaced by a new one when it has been used. */
const RETIRE = 0.06;
/** How often a client comes back to a key of long ago. */
const REVISIT = 0.05;

export interface WorkloadOptions {
  readonly seed: number;
  readonly clients: number;
  readonly keys: number;
  readonly target: Target;
  readonly recorder: Recorder;
  /** Requests that may be sent now: not while the runtime is known to be down. */
  readonly ready: () => Promise<void>;
}

export class Workload {
  readonly #options: WorkloadOptions;
  readonly #working: string[] = [];
  readonly #retired: string[] = [];
  readonly #used = new Map<string, { caller: string; key: string }>();
  /** A gateway that has seen an earlier run does not know these keys. */
  readonly #name = Date.now().toString(36);
  #keys = 0;
  #calls = 0;
  #stopped = false;
  readonly #agents: (http.Agent | https.Agent)[] = [];

  constructor(options: WorkloadOptions) {
    this.#options = options;
    for (let i = 0; i < options.keys; i++) this.#working.push(this.#newKey());
  }

  /** Runs all clients until `stop`; resolves when the last call has ended. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.clients }, (_, index) => this.#client(index)));
  }

  /** Resolves after so many seconds and calls; after ten times the seconds in any case. */
  async lasts(seconds: number, calls: number): Promise<void> {
    await pause(seconds * 1000);
    for (let i = 0; i < seconds * 90 && this.#calls < calls; i++) await pause(100);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Asks once more for every claim, the youngest first, at most `limit`. Gives those that are still at work. */
  async readAll(limit: number): Promise<number> {
    const claims = [...this.#used.values()].reverse().slice(0, limit);
    const agent = this.#agent();
    let running = 0;
    const worker = async (): Promise<void> => {
      for (let next = claims.pop(); next !== undefined; next = claims.pop()) {
        const seen = await this.#send({ client: "reader", ...next, print: "p0", respelled: false, slow: undefined, resets: undefined }, agent);
        if (seen.class === "running") running += 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    return running;
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  async #client(index: number): Promise<void> {
    const random = new Random(this.#options.seed, "client", index);
    const agent = this.#agent();
    while (!this.#stopped) {
      await this.#options.ready();
      if (this.#stopped) break;
      const intents = this.#intents(random, `client ${index}`);
      const answers = await Promise.all(intents.map((intent) => this.#send(intent, agent)));
      // Nobody listens: the runtime was just killed, and is not known to be down yet.
      if (answers.every((answer) => answer.class === "none")) await pause(5);
      await pause(random.chance(0.3) ? random.between(0, 30) : 0);
    }
  }

  #send(intent: Intent, agent: http.Agent | https.Agent): Promise<Call> {
    this.#calls += 1;
    this.#used.set(JSON.stringify([intent.caller, intent.key]), { caller: intent.caller, key: intent.key });
    return call(intent, this.#options.target, agent, this.#options.recorder);
  }

  #agent(): http.Agent | https.Agent {
    const options = { keepAlive: true };
    const agent = this.#options.target.url.startsWith("https:") ? new https.Agent(options) : new http.Agent(options);
    this.#agents.push(agent);
    return agent;
  }

  /** One request, or several at the same time. */
  #intents(random: Random, client: string): Intent[] {
    const key = this.#pickKey(random);
    const caller = random.weighted([[80, CALLERS[0]], [15, CALLERS[1]], [5, CALLERS[2]]]);
    const one = (): Intent => ({
      client,
      caller,
      key,
      print: random.weighted([[90, "p0"], [8, "p1"], [2, "p2"]]),
      respelled: random.chance(0.2),
      slow: random.chance(0.04) ? random.between(0, 100) : undefined,
      resets: random.chance(0.12) ? random.weighted([[40, 0], [40, random.between(1, 30)], [20, random.between(30, 400)]]) : undefined,
    });
    return Array.from({ length: random.chance(0.15) ? random.between(2, 5) : 1 }, one);
  }

  #pickKey(random: Random): string {
    if (this.#retired.length > 0 && random.chance(REVISIT)) return random.pick(this.#retired);
    const place = random.between(0, this.#working.length - 1);
    const key = this.#working[place] ?? this.#newKey();
    if (random.chance(RETIRE)) {
      this.#retired.push(key);
      this.#working[place] = this.#newKey();
    }
    return key;
  }

  #newKey(): string {
    this.#keys += 1;
    return `torture-${this.#name}-${this.#keys}`;
  }
}
