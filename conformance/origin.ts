// The suite's own origin, which the server under test forwards to. It counts what it executes, row by row: every request of
// a row carries the row's token in `X-Conformance`, and a stage holds what that row scripted and what reached it.

import { randomUUID } from "node:crypto";
import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { pairs } from "./client.ts";
import type { HeaderLine } from "./client.ts";

/** The header that says which row a request belongs to. No contract compares it. */
export const TOKEN = "X-Conformance";

/** Methods that run nothing: a server may send them on its own account, to ask whether a caller may see a replay. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** One request as it reached the origin. */
export interface Arrival {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers?: readonly HeaderLine[];
  readonly body?: string | Uint8Array;
  /** `reset`: no answer at all, a TCP reset. `break`: half of the body, then the connection ends. */
  readonly fault?: "reset" | "break";
}

/** What the origin answers to the n-th request of a row, from 1. */
export type Script = (n: number) => Reply;

/** A JSON answer that no other execution gives. */
export const json =
  (status: number, headers: readonly HeaderLine[] = []): Script =>
  (n) => ({
    status,
    headers: [["Content-Type", "application/json"], ...headers],
    body: JSON.stringify({ id: `made-${randomUUID()}`, run_id: `run_${n}`, execution: n, request_id: randomUUID() }),
  });

/** The request is executed, and its answer never comes. */
export const reset: Script = () => ({ status: 500, fault: "reset" });

/** The request is executed, and its answer breaks off in the middle of its body. */
export const broken: Script = (n) => ({ ...json(201)(n), fault: "break" });

/** What one row scripted, and what reached the origin of it. */
export class Stage {
  readonly token = randomUUID();
  readonly arrivals: Arrival[] = [];
  /** What was answered to each. */
  readonly replies: Reply[] = [];
  #scripts: readonly Script[] = [json(201)];
  #gate: Promise<void> | undefined;
  #waiting = new Set<() => void>();
  #open: () => void = () => {};

  /** The first request gets the first answer, and so on; the last one is for all that follow. */
  answers(...scripts: Script[]): void {
    this.#scripts = scripts;
  }

  /** How many requests reached the origin that may have an effect. */
  get executions(): number {
    return this.arrivals.filter(({ method }) => !SAFE.has(method)).length;
  }

  /** Resolves once `n` such requests are here. */
  reached(n: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (this.executions >= n) resolve();
    };
    this.#waiting.add(look);
    look();
    return promise;
  }

  /** From now on requests are kept without an answer, until `release`. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  release(): void {
    this.#open();
    this.#gate = undefined;
  }

  /** Called by the origin. */
  async receive(arrival: Arrival): Promise<Reply> {
    const n = this.arrivals.push(arrival);
    for (const look of this.#waiting) look();
    await this.#gate;
    const script = this.#scripts[Math.min(n, this.#scripts.length) - 1] ?? json(201);
    const reply = script(n);
    this.replies[n - 1] = reply;
    return reply;
  }
}

export class Origin {
  /** Requests that carried no token that a row had given out. */
  readonly strays: Arrival[] = [];
  readonly #stages = new Map<string, Stage>();
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = http.createServer((incoming, response) => void this.#serve(incoming, response));
    // Servers pool their connections: the origin must never be the one who closes an idle one.
    this.#server.keepAliveTimeout = 0;
    this.#server.requestTimeout = 0;
    this.#server.headersTimeout = 0;
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
  }

  /** Listens on 127.0.0.1; port 0 is any free one. Rejects with the system's error. */
  static async start(port: number): Promise<Origin> {
    const origin = new Origin();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    origin.#server.once("error", reject);
    origin.#server.listen(port, "127.0.0.1", resolve);
    await promise;
    return origin;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  stage(): Stage {
    const stage = new Stage();
    this.#stages.set(stage.token, stage);
    return stage;
  }

  /** A row has ended: whatever it still holds is let go. */
  leave(stage: Stage): void {
    stage.release();
    this.#stages.delete(stage.token);
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }

  async #serve(incoming: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    response.on("error", () => {});
    const pieces: Buffer[] = [];
    try {
      for await (const piece of incoming) pieces.push(piece as Buffer);
    } catch {
      return; // The upload broke off: nothing is executed.
    }
    const arrival: Arrival = {
      method: incoming.method ?? "",
      target: incoming.url ?? "",
      headers: pairs(incoming.rawHeaders),
      body: Buffer.concat(pieces),
    };
    const stage = this.#stages.get(String(incoming.headers[TOKEN.toLowerCase()]));
    if (stage === undefined) this.strays.push(arrival);
    answer(response, incoming.socket, stage === undefined ? { status: 404 } : await stage.receive(arrival));
  }
}

function answer(response: http.ServerResponse, socket: Socket, { status, headers = [], body = "", fault }: Reply): void {
  if (fault === "reset") return void socket.resetAndDestroy();
  const bytes = Buffer.from(body);
  const bodiless = [204, 205, 304].includes(status);
  response.writeHead(status, [...headers, ...(bodiless ? [] : [["Content-Length", String(bytes.length)]])].flat());
  if (fault === "break") response.write(bytes.subarray(0, bytes.length / 2), () => socket.destroy());
  else response.end(bodiless ? undefined : bytes);
}
