// A real HTTP server that stands for the customer's API. It counts every request that reaches it (each one is an
// execution), keeps all of it byte by byte, and behaves as the test scripts it.
//
//   const origin = await startOrigin();
//   const place = origin.place((request, response) => response.writeHead(201).end("made"));
//   … send something to place.path through the gateway …
//   place.count                        how many requests reached this place
//   await place.arrived(2)             the second one, as soon as its body is complete
//
// A place is one path of its own and what lies below it, however it is spelled, so tests that share an origin never see
// each other. Races are driven by barriers:
//
//   const gate = barrier();
//   const place = origin.place(async (_, response) => { await gate.opened; response.end("late"); });

import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Arrivals } from "./guard.ts";

/** One request as it reached the origin. */
export class Arrival {
  /** From 1, in the order of arrival at its place. */
  readonly number: number;
  readonly method: string;
  /** The request target as it came: path and query. */
  readonly target: string;
  /** Name, value, name, value …, as they came. */
  readonly rawHeaders: readonly string[];
  readonly socket: Socket;
  /** Whether all of the body is here. */
  complete = false;
  #pieces: Buffer[] = [];
  #length = 0;
  readonly #growth = new Arrivals<number>();

  constructor(number: number, incoming: http.IncomingMessage) {
    this.number = number;
    this.method = incoming.method ?? "";
    this.target = incoming.url ?? "";
    this.rawHeaders = incoming.rawHeaders;
    this.socket = incoming.socket;
    incoming.on("data", (bytes: Buffer) => {
      this.#pieces.push(bytes);
      this.#length += bytes.length;
      this.#growth.add(this.#length);
    });
  }

  /** The bytes of the body so far; all of it once `complete` is true. */
  get body(): Buffer {
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
  }

  /** The values of every line of this name, in their order. */
  lines(name: string): string[] {
    const values: string[] = [];
    for (let i = 0; i < this.rawHeaders.length; i += 2) {
      if (this.rawHeaders[i]?.toLowerCase() === name.toLowerCase()) values.push(this.rawHeaders[i + 1] ?? "");
    }
    return values;
  }

  /** The one value of this name; an error with several lines. */
  header(name: string): string | undefined {
    const values = this.lines(name);
    if (values.length > 1) throw new Error(`${values.length} lines of ${name}: ${JSON.stringify(values)}`);
    return values[0];
  }

  /** Resolves once at least `length` bytes of the body are here, complete or not. */
  async bodyReaches(length: number): Promise<Buffer> {
    if (this.#length < length) {
      await this.#growth.want(1, `${length} bytes of the request's body at the origin`, (size) => size >= length);
    }
    return this.body;
  }

  /** Breaks the connection with a TCP RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** What a place does with a request. The response is Node's own; not answering at all is allowed. */
export type Script = (request: Arrival, response: http.ServerResponse) => unknown;

export interface PlaceOptions {
  /** The path below which the place lies; default `/v1`. */
  under?: string;
  /** Run the script as soon as the headers are here, with the body still coming. */
  early?: boolean;
}

/** One path of the origin and everything below it, with a script and a memory of its own. */
export class Place {
  readonly path: string;
  readonly early: boolean;
  /** May be replaced while the test goes on. */
  script: Script;
  readonly #begun = new Arrivals<Arrival>();
  readonly #complete = new Arrivals<Arrival>();

  constructor(path: string, script: Script, early: boolean) {
    this.path = path;
    this.script = script;
    this.early = early;
  }

  /** Every request that reached this place, whether or not its body did. */
  get requests(): readonly Arrival[] {
    return this.#begun.items;
  }

  get count(): number {
    return this.#begun.items.length;
  }

  /** The only request that reached this place; an error when there were none or several. */
  get only(): Arrival {
    const [first, ...others] = this.#begun.items;
    if (first === undefined || others.length > 0) throw new Error(`${this.path} was reached ${this.count} times`);
    return first;
  }

  /** The `n`-th request, as soon as it is here with its whole body. */
  arrived(n = 1): Promise<Arrival> {
    return this.#complete.want(n, `a request with its body reaching ${this.path}`);
  }

  /** The `n`-th request, as soon as its headers are here. */
  begun(n = 1): Promise<Arrival> {
    return this.#begun.want(n, `a request reaching ${this.path}`);
  }

  /** Called by the origin. */
  receive(incoming: http.IncomingMessage, response: http.ServerResponse): void {
    const arrival = new Arrival(this.count + 1, incoming);
    const run = async (): Promise<void> => {
      try {
        await this.script(arrival, response);
      } catch (error) {
        // A script that throws is a broken test: make it visible as an answer that no test expects.
        console.error("a test's origin script failed:", error);
        if (!response.headersSent) response.writeHead(599);
        response.end();
      }
    };
    incoming.on("error", () => {});
    response.on("error", () => {});
    incoming.on("end", () => {
      arrival.complete = true;
      this.#complete.add(arrival);
      if (!this.early) void run();
    });
    this.#begun.add(arrival);
    if (this.early) void run();
  }
}

export interface Origin {
  /** `http://127.0.0.1:port`, without a slash at the end: what a policy's `origin` takes. */
  readonly url: string;
  readonly port: number;
  /** A new path with a script of its own; the default script answers 201 with a JSON body that differs each time. */
  place(script?: Script, options?: PlaceOptions): Place;
  /** Every request that reached the origin anywhere, places or not. */
  readonly requests: readonly string[];
  /** What to do with `Upgrade` requests; without it they are cut. */
  onUpgrade: ((request: http.IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;
  close(): Promise<void>;
}

/** Says what it is the n-th execution of, so that a second execution never looks like a replay. */
export const answerExecution: Script = (request, response) => {
  response.writeHead(201, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ execution: request.number, target: request.target }));
};

/** Writes the head of an answer of `announced` bytes, sends only `part` of them, and breaks the connection. */
export function breakOff(response: http.ServerResponse, part: string, announced: number, status = 200): void {
  response.writeHead(status, { "Content-Type": "text/plain", "Content-Length": announced });
  response.write(part, () => response.destroy());
}

/** The path of a request target, without dot segments and needless escapes. */
function normalised(target: string): string {
  const unescaped = target.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escape;
  });
  return new URL(`http://origin${unescaped}`).pathname;
}

export async function startOrigin(): Promise<Origin> {
  const places: Place[] = [];
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = http.createServer((incoming, response) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    const path = normalised(incoming.url ?? "");
    const place = places.find((each) => path === each.path || path.startsWith(`${each.path}/`));
    if (place === undefined) response.writeHead(404, { "X-Origin": "no such place" }).end();
    else place.receive(incoming, response);
  });
  // The runtime pools its connections: the origin must never be the one who closes an idle one, or a request meets it.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  server.on("upgrade", (request, socket, head) => {
    requests.push(`${request.method} ${request.url}`);
    if (origin.onUpgrade === undefined) socket.destroy();
    else origin.onUpgrade(request, socket, head);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", () => listening.resolve());
  await listening.promise;
  const { port } = server.address() as AddressInfo;

  const origin: Origin = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    onUpgrade: undefined,
    place(script = answerExecution, { under = "/v1", early = false } = {}) {
      const place = new Place(`${under}/place-${places.length + 1}`, script, early);
      places.push(place);
      return place;
    },
    async close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      for (const socket of sockets) socket.destroy();
      await closed.promise;
    },
  };
  return origin;
}
