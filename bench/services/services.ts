// The origin and KV, in a thread of their own: what they cost shall not slow down the clients.

import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** What the thread is asked. */
export type Question = { readonly ask: "held" | "release" } | { readonly ask: "forget"; readonly namespace: string };

/** A server of each, until they are disposed of. */
export class Services implements AsyncDisposable {
  readonly originPort: number;
  readonly kvPort: number;
  readonly #thread: Worker;

  private constructor(thread: Worker, ports: { origin: number; kv: number }) {
    this.#thread = thread;
    this.originPort = ports.origin;
    this.kvPort = ports.kv;
  }

  static async start(): Promise<Services> {
    const thread = new Worker(new URL("thread.ts", import.meta.url));
    const [ports] = (await once(thread, "message")) as [{ origin: number; kv: number }];
    return new Services(thread, ports);
  }

  /** How many requests the origin holds. */
  held(): Promise<number> {
    return this.#ask({ ask: "held" });
  }

  /** Lets the origin answer what it holds. */
  async release(): Promise<void> {
    await this.#ask({ ask: "release" });
  }

  /** Empties a KV namespace. */
  async forget(namespace: string): Promise<void> {
    await this.#ask({ ask: "forget", namespace });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate();
  }

  /** One question at a time: the bench has one thread, and waits for each. */
  async #ask(question: Question): Promise<number> {
    this.#thread.postMessage(question);
    const [answer] = (await once(this.#thread, "message")) as [number];
    return answer;
  }
}
