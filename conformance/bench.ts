// What a row works with: the server under test, a stage of the origin, keys and callers that no other row has.

import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { send } from "./client.ts";
import type { Answer, HeaderLine } from "./client.ts";
import type { Contract, Operation, Refusal } from "./contract.ts";
import { TOKEN } from "./origin.ts";
import type { Stage } from "./origin.ts";
import { describe, NotOffered, same, Unlike } from "./verdict.ts";

/** How a request differs from the contract's operation. */
export interface Sent {
  /** Another operation. */
  operation?: Operation;
  method?: string;
  path?: string;
  /** Several: one header line each. Left out: none. */
  key?: string | readonly string[];
  /** Whose request it is, by name; `null`: no credential. Default: always the same caller. */
  caller?: string | null;
  type?: string;
  body?: string | Uint8Array;
  headers?: readonly HeaderLine[];
  signal?: AbortSignal;
}

/** Asks a server that keeps duplicates waiting not to; one that does not know the preference answers later. */
export const IMPATIENT: HeaderLine = ["Prefer", "wait=0"];

export class Bench {
  readonly contract: Contract;
  readonly origin: Stage;
  readonly #target: URL;
  readonly #credentials: readonly string[];
  readonly #callers: string[] = [];

  /** Without `credentials`, every row makes up callers of its own. */
  constructor(contract: Contract, target: URL, origin: Stage, credentials: readonly string[]) {
    this.contract = contract;
    this.origin = origin;
    this.#target = target;
    this.#credentials = credentials;
  }

  /** A key that nobody has used. */
  key(): string {
    return this.contract.key.fresh?.() ?? randomUUID();
  }

  async send({ operation = this.contract.operation, caller = "first", headers = [], signal, ...sent }: Sent = {}): Promise<Answer> {
    const { method, path, type, body } = { ...operation, ...sent };
    const keys = sent.key === undefined ? [] : [sent.key].flat();
    const lines: HeaderLine[] = [[TOKEN, this.origin.token]];
    if (caller !== null) lines.push(this.#credential(caller));
    for (const key of keys) lines.push([this.contract.key.header, key]);
    if (type !== undefined) lines.push(["Content-Type", type]);
    const seconds = 15 + (this.contract.running.waits ?? 0);
    return await send(this.#target, { method, path, headers: [...lines, ...headers], body, signal }, seconds);
  }

  /** Sends a request while the first one is held at the origin; {@link Unlike} if it is executed as well. */
  async sendMeanwhile(sent: Sent, patience: HeaderLine = IMPATIENT): Promise<Answer> {
    const before = this.origin.executions;
    const twice = this.origin.reached(before + 1).then(() => {
      throw new Unlike("no further execution while the first one runs", "one more request at the origin");
    });
    return await Promise.race([this.send({ ...sent, headers: [...(sent.headers ?? []), patience] }), twice]);
  }

  /** Holds `first` at the origin during `meanwhile`, then gives its answer. */
  async holding(first: Sent, meanwhile: () => Promise<void>): Promise<Answer> {
    this.origin.hold();
    const answer = this.send(first);
    answer.catch(() => {});
    try {
      const early = answer.then((each) => {
        throw new Unlike("the request to reach the origin", describe(each));
      });
      await Promise.race([this.origin.reached(this.origin.executions + 1), early]);
      await meanwhile();
    } finally {
      this.origin.release();
    }
    return await answer;
  }

  /** Sends until the answer is not that of a running request: after a client went away, nothing tells when it ended. */
  async settled(sent: Sent): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      const answer = await this.send(sent);
      if (tries === 100 || !this.#isRunning(answer)) return answer;
      await pause(50);
    }
  }

  #isRunning(answer: Answer): boolean {
    return answer.status >= 400 && [this.contract.running.status].flat().includes(answer.status);
  }

  executed(times: number): void {
    same("the executions at the origin", this.origin.executions, times);
  }

  /** The answer is the origin's, of this status, and not a replay. */
  isFirst(answer: Answer, status = 201): void {
    if (answer.status !== status) throw new Unlike(`the origin's answer with ${status}`, describe(answer));
  }

  isMarked(answer: Answer): void {
    const { header, value } = this.contract.marker;
    same(`${header} on a replay`, answer.header(header), value);
  }

  isUnmarked(answer: Answer): void {
    const { header, value } = this.contract.marker;
    if (answer.header(header) === value) throw new Unlike(`no ${header}: ${value} on what is no replay`, `it, on ${describe(answer)}`);
  }

  isRefused(answer: Answer, { status, code, message }: Refusal): void {
    if (status !== undefined && ![status].flat().includes(answer.status)) throw new Unlike(`a refusal with ${[status].flat().join(" or ")}`, describe(answer));
    if (answer.status < 400) throw new Unlike("a refusal", describe(answer));
    this.isUnmarked(answer);
    const { errors } = this.contract;
    // Some documents carry the word in `type`, some in `code`: one of the places must have it.
    const codes = errors.code.map((pointer) => at(answer.json(), pointer));
    if (code !== undefined && !codes.includes(code)) throw new Unlike(`the code ${code} at ${errors.code.join(" or ")}`, describe(answer));
    if (message !== undefined) same(`the message at ${errors.message.join(" or ")}`, this.message(answer), message);
  }

  message(answer: Answer): unknown {
    return this.contract.errors.message.map((pointer) => at(answer.json(), pointer)).find((each) => each !== undefined);
  }

  /** The value of a header that a server may leave out. */
  offered(answer: Answer, header: string): string {
    const value = answer.header(header);
    if (value === undefined) throw new NotOffered(`no ${header} on ${describe(answer)}`);
    return value;
  }

  #credential(name: string): HeaderLine {
    if (!this.#callers.includes(name)) this.#callers.push(name);
    const given = this.#credentials[this.#callers.indexOf(name)];
    if (given === undefined && this.#credentials.length > 0) throw new NotOffered(`needs ${this.#callers.length} --credential`);
    const token = given ?? `${name}-${this.origin.token}`;
    return this.contract.credential?.(token) ?? ["Authorization", `Bearer ${token}`];
  }
}

/** The value at a JSON pointer (RFC 6901, without escapes), `undefined` where there is none. */
export function at(value: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .reduce<unknown>((inner, name) => (typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[name] : undefined), value);
}
