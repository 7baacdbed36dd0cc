// What is asked of a subject, and what it must answer: a figure of something else than its name says is none.

import { at, once } from "./client.ts";
import type { Expected, Traffic } from "./client.ts";
import { freshKey, Template } from "./request.ts";
import type { Shape } from "./request.ts";
import type { Services } from "./services/services.ts";

/** Where a scenario is played. */
export interface Place {
  readonly port: number;
  readonly services: Services;
  /** Of the KV service. */
  readonly namespace: string;
  readonly body: number;
  readonly connections: number;
}

/** `begin` and `end` stand around every slice, and are not measured. */
export interface Scenario {
  begin(place: Place): Promise<Traffic>;
  end(place: Place): Promise<void>;
}

export type ScenarioName = "pass" | "fresh" | "replay" | "mismatch" | "running";

export const REPLAYED = "idempotent-replayed: true";

const FRESH: Expected = { status: 201, lacks: REPLAYED };
/** Of each connection: a client that retries does not always retry the same key. */
const KEYS = 4;

export function scenario(name: ScenarioName): Scenario {
  switch (name) {
    case "pass":
      // No route guards it, so that its key means nothing.
      return new Fresh({ path: "/open/orders" }, { ...FRESH, lacks: "idempotency-status:" });
    case "fresh":
      return new Fresh({}, FRESH);
    case "replay":
      return new Retry({}, { status: 201, has: REPLAYED });
    case "mismatch":
      return new Retry({ other: true }, { status: 422, lacks: REPLAYED });
    case "running":
      return new WhileRunning();
  }
}

/** A new key each time. */
class Fresh implements Scenario {
  readonly #shape: Omit<Shape, "body">;
  readonly #answer: Expected;

  constructor(shape: Omit<Shape, "body">, answer: Expected) {
    this.#shape = shape;
    this.#answer = answer;
  }

  async begin({ body, connections }: Place): Promise<Traffic> {
    const templates = Array.from({ length: connections }, () => new Template({ ...this.#shape, body }));
    return { request: (connection) => at(templates, connection).with(freshKey()), answer: this.#answer };
  }

  /** Nobody asks for these keys again. */
  async end({ services, namespace }: Place): Promise<void> {
    await services.forget(namespace);
  }
}

/** Keys that are done, over and over. They are made once, before the first slice. */
class Retry implements Scenario {
  readonly #shape: Omit<Shape, "body">;
  readonly #answer: Expected;
  #keys: string[][] = [];

  constructor(shape: Omit<Shape, "body">, answer: Expected) {
    this.#shape = shape;
    this.#answer = answer;
  }

  async begin({ port, body, connections }: Place): Promise<Traffic> {
    if (this.#keys.length === 0) this.#keys = await Promise.all(Array.from({ length: connections }, () => done(port, body)));
    const templates = Array.from({ length: connections }, () => new Template({ ...this.#shape, body }));
    let turn = 0;
    return { request: (connection) => at(templates, connection).with(at(at(this.#keys, connection), (turn += 1) % KEYS)), answer: this.#answer };
  }

  async end(): Promise<void> {}
}

async function done(port: number, body: number): Promise<string[]> {
  const first = new Template({ body });
  const keys = Array.from({ length: KEYS }, freshKey);
  for (const key of keys) await once(port, first.with(key), FRESH);
  return keys;
}

/** Keys whose first request is at the origin, which keeps it until the slice has ended. */
class WhileRunning implements Scenario {
  #held: Promise<unknown> = Promise.resolve();

  async begin({ port, services, body, connections }: Place): Promise<Traffic> {
    const keys = Array.from({ length: connections }, freshKey);
    // Each has memory of its own, as all are on their way at once.
    this.#held = Promise.all(keys.map((key) => once(port, new Template({ body, hold: true }).with(key), FRESH)));
    // A failure ends the wait for them as well.
    await Promise.race([this.#held, arrived(services, connections)]);
    const templates = keys.map(() => new Template({ body }));
    return { request: (connection) => at(templates, connection).with(at(keys, connection)), answer: { status: 409, lacks: REPLAYED } };
  }

  async end({ services }: Place): Promise<void> {
    await services.release();
    await this.#held;
  }
}

async function arrived(services: Services, wanted: number): Promise<void> {
  while ((await services.held()) < wanted) await new Promise((resolve) => setTimeout(resolve, 5));
}
