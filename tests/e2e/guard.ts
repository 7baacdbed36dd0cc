// A failure guard: what a test waits for either happens or names itself. Never a way to let time pass.

import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";

/** `promise`, or an error that names what did not happen within `seconds`. */
export async function within<T>(what: string, promise: Promise<T>, seconds = 15): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const alarm = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not happen within ${seconds} s: ${what}`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, alarm]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again and again until the answer is `done`; an error that shows the last answer when it never is. For what the
 * gateway does behind its answer, which nothing announces.
 */
export async function eventually<T>(what: string, ask: () => Promise<T>, done: (answer: T) => boolean, seconds = 15): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`did not happen within ${seconds} s: ${what}; last seen: ${inspect(answer)}`);
    await pause(10);
  }
}

/** A gate that stays shut until the test opens it; everybody who awaits `opened` goes on then. */
export interface Barrier {
  readonly opened: Promise<void>;
  open(): void;
}

export function barrier(): Barrier {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** A list that can be waited on: `want` resolves as soon as enough items that `match` are in it. */
export class Arrivals<T> {
  readonly items: T[] = [];
  #waiting = new Set<() => void>();

  add(item: T): void {
    this.items.push(item);
    for (const look of [...this.#waiting]) look();
  }

  /** The `n`-th item (from 1) that matches, once it is there. */
  want(n: number, what: string, match: (item: T) => boolean = () => true, seconds?: number): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const look = (): void => {
      const found = this.items.filter(match)[n - 1];
      if (found === undefined) return;
      this.#waiting.delete(look);
      resolve(found);
    };
    this.#waiting.add(look);
    look();
    return within(`${what} (the ${n}. of ${this.items.filter(match).length} so far)`, promise, seconds);
  }
}

/** What the first `count` of `promises` give, in the order in which they come. */
export function firstOf<T>(count: number, promises: readonly Promise<T>[], seconds?: number): Promise<readonly T[]> {
  const { promise: all, resolve, reject } = Promise.withResolvers<readonly T[]>();
  const come: T[] = [];
  for (const promise of promises) {
    promise.then((value) => {
      if (come.push(value) === count) resolve(come.slice());
    }, reject);
  }
  return within(`the first ${count} of ${promises.length} being answered`, all, seconds);
}
