// The API behind the gateway under torture: it counts every request as an execution, and behaves badly as a seed says. What
// it does with the n-th execution of one caller and key is the same in every run with that seed.

import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Execution, Recorder } from "./history.ts";
import { Random } from "./random.ts";

/** Which call of which client this is. Counted by nobody: not part of any fingerprint. */
export const CALL_HEADER = "x-torture-call";
/** The execution whose answer this is. */
export const RUN_HEADER = "x-torture-run";

/** Of all of an answer that a replay must repeat. */
export function digest(status: number, headers: readonly (string | undefined)[], body: Uint8Array): string {
  return createHash("sha256").update(JSON.stringify([status, ...headers])).update(body).digest("hex").slice(0, 16);
}

/** The headers that go into the digest. */
export const DIGESTED = ["content-type", "location", RUN_HEADER] as const;

interface Plan {
  /** Milliseconds before anything is done. */
  readonly delay: number;
  readonly ending: "answer" | "reset" | "break off";
  readonly status: number;
  readonly size: number;
  /** Milliseconds between the halves of the body. */
  readonly between: number;
}

const STATUSES: readonly (readonly [number, number])[] = [
  [40, 200], [20, 201], [2, 204], [3, 400], [2, 404], [2, 409], [2, 422], [6, 429], [6, 500], [2, 502], [8, 503],
];

function plan(random: Random, stall: number): Plan {
  const delay = random.weighted([[60, [0, 20]], [30, [20, 150]], [8, [150, 600]], [stall > 0 ? 1 : 0, [stall, stall]]] as const);
  const size = random.weighted([[86, [0, 2_000]], [9, [2_000, 200_000]], [5, [280_000, 700_000]]] as const);
  return {
    delay: random.between(...(delay as [number, number])),
    ending: random.weighted([[92, "answer"], [5, "reset"], [3, "break off"]] as const),
    status: random.weighted(STATUSES),
    size: random.between(...(size as [number, number])),
    between: random.chance(0.2) ? random.between(1, 60) : 0,
  };
}

export interface TortureOrigin {
  readonly url: string;
  /** Executions that have not ended. */
  readonly busy: number;
  /** Resolves when the next answer has been given whole. */
  answers(): Promise<void>;
  close(): Promise<void>;
}

export interface OriginOptions {
  readonly seed: number;
  readonly recorder: Recorder;
  readonly host?: string;
  /** Default: any free one. */
  readonly port?: number;
  /** Milliseconds that are longer than the gateway's deadline: how long it stalls now and then. 0: never. */
  readonly stall: number;
}

export async function startTortureOrigin({ seed, recorder, host = "127.0.0.1", port = 0, stall }: OriginOptions): Promise<TortureOrigin> {
  const sockets = new Set<Socket>();
  const counts = new Map<string, number>();
  const closing = new AbortController();
  let runs = 0;
  let busy = 0;
  let answered = Promise.withResolvers<void>();

  const server = http.createServer((request, response) => {
    runs += 1;
    busy += 1;
    // The number of the key: the rest of its name is of this run only.
    const claim = `${request.headers.authorization} ${String(request.headers["idempotency-key"]).split("-").at(-1)}`;
    const count = (counts.get(claim) ?? 0) + 1;
    counts.set(claim, count);
    const execution = new Ongoing(runs, request, response);
    const ended = execution.run(plan(new Random(seed, "origin", claim, count), stall), closing.signal);
    void ended.then((line) => {
      recorder.add(line);
      busy -= 1;
      if (line.how !== "answered") return;
      answered.resolve();
      answered = Promise.withResolvers();
    });
  });
  // The runtime pools its connections: whoever closes an idle one here would make a request fail that never arrived.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));

  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    get busy() {
      return busy;
    },
    answers: () => answered.promise,
    async close() {
      closing.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** One execution. */
class Ongoing {
  readonly #number: number;
  readonly #start = performance.now();
  readonly #request: http.IncomingMessage;
  readonly #response: http.ServerResponse;

  constructor(number: number, request: http.IncomingMessage, response: http.ServerResponse) {
    this.#number = number;
    this.#request = request;
    this.#response = response;
    request.on("error", () => {});
    response.on("error", () => {});
  }

  async run(plan: Plan, closing: AbortSignal): Promise<Execution> {
    const print = await this.#print();
    let ending: Pick<Execution, "how" | "end" | "status" | "digest" | "size">;
    try {
      await pause(plan.delay, undefined, { signal: closing });
      ending = print === null ? nothing("cut") : await this.#end(plan);
    } catch {
      ending = nothing("cut");
    }
    const { headers } = this.#request;
    return {
      type: "execution",
      run: this.#number,
      call: Number(headers[CALL_HEADER]),
      attempt: String(headers["idempotency-attempt"]),
      caller: String(headers.authorization),
      key: String(headers["idempotency-key"]),
      print,
      start: this.#start,
      ...ending,
    };
  }

  /** `null`: the other side died while it sent. */
  async #print(): Promise<string | null> {
    try {
      const pieces: Buffer[] = [];
      for await (const piece of this.#request) pieces.push(piece as Buffer);
      return String((JSON.parse(Buffer.concat(pieces).toString()) as { print?: unknown }).print);
    } catch {
      return null;
    }
  }

  async #end({ ending, status, size, between }: Plan): Promise<Pick<Execution, "how" | "end" | "status" | "digest" | "size">> {
    if (this.#response.destroyed) return nothing("cut");
    if (ending === "reset") {
      this.#request.socket.resetAndDestroy();
      return nothing("reset");
    }
    const body = status === 204 ? Buffer.alloc(0) : Buffer.alloc(size, `run ${this.#number};`);
    const headers: Record<string, string> = { [RUN_HEADER]: String(this.#number) };
    if (status !== 204) headers["content-type"] = "text/plain";
    if (status === 201) headers["location"] = `/made/${this.#number}`;
    if (ending === "break off") {
      this.#response.writeHead(200, { ...headers, "content-length": body.length + 10 });
      await new Promise((resolve) => this.#response.write(`${body}.`, resolve));
      this.#request.socket.resetAndDestroy();
      return nothing("broken off");
    }
    this.#response.writeHead(status, headers);
    const half = Math.floor(body.length / 2);
    if (between > 0 && half > 0) {
      this.#response.write(body.subarray(0, half));
      await pause(between);
    }
    if (this.#response.destroyed) return nothing("cut");
    const end = performance.now();
    this.#response.end(between > 0 ? body.subarray(half) : body);
    const seen = digest(status, DIGESTED.map((name) => headers[name]), body);
    return { how: "answered", end, status, digest: seen, size: body.length };
  }
}

function nothing(how: string): Pick<Execution, "how" | "end" | "status" | "digest" | "size"> {
  return { how, end: null, status: null, digest: null, size: 0 };
}
