// The load generator: keep-alive connections over bare sockets, each with one request on its way. It reads of an answer only where
// it ends and whether it is the expected one: what a request costs here (11 µs) must not hide what it costs there.

import net from "node:net";

/** What the connections send, and what they must get. */
export interface Traffic {
  /** The next request of this connection, in one piece. It may be overwritten when it has been answered. */
  request(connection: number): Buffer;
  readonly answer: Expected;
}

export interface Expected {
  readonly status: number;
  /** A line of the answer's head, in lower case. */
  readonly has?: string;
  readonly lacks?: string;
}

/** What was seen within the time that was asked for. */
export interface Load {
  readonly seconds: number;
  readonly requests: number;
  /** Milliseconds from the first byte of a request to the last of its answer, in ascending order. */
  readonly latencies: Float64Array;
}

export interface Pace {
  readonly connections: number;
  /** Seconds of the same load before anything counts. */
  readonly leadIn: number;
  /** How long is counted: until each connection has had a few answers, where that takes longer; twenty times as long at most. */
  readonly seconds: number;
  /** Called as the time that counts begins and ends. */
  readonly mark?: (moment: "begin" | "end") => void;
}

/** Answers of a connection: of fewer, a count says little. */
const FEW = 4;

/** Keeps every connection to `port` busy. The first answer that is not the expected one ends it with an error that shows it. */
export async function run(port: number, traffic: Traffic, { connections, leadIn, seconds, mark = () => {} }: Pace): Promise<Load> {
  const wires = await Promise.all(Array.from({ length: connections }, () => Wire.open(port)));
  const times: number[] = [];
  let closed = 0;
  let counting = false;
  let going = true;
  const busy = wires.map(async (_, connection) => {
    while (going) {
      const sent = performance.now();
      try {
        await at(wires, connection).send(traffic.request(connection), traffic.answer);
        if (counting) times.push(performance.now() - sent);
      } catch (error) {
        if (!(error instanceof Closed) || (closed += 1) > connections) throw error;
        wires[connection] = await Wire.open(port);
      }
    }
  });
  const timing = (async (): Promise<number> => {
    await pause(leadIn);
    mark("begin");
    counting = true;
    const begin = performance.now();
    await pause(seconds);
    while (times.length < connections * FEW && performance.now() - begin < seconds * 20_000) await pause(seconds / 10);
    counting = false;
    mark("end");
    return (performance.now() - begin) / 1000;
  })();
  try {
    const took = await Promise.race([timing, Promise.all(busy).then(() => timing)]);
    going = false;
    await Promise.all(busy);
    return { seconds: took, requests: times.length, latencies: Float64Array.from(times).sort() };
  } finally {
    going = false;
    for (const wire of wires) wire.close();
  }
}

/** One request on a connection of its own; for what is prepared outside of any measurement. */
export async function once(port: number, request: Buffer, expected: Expected): Promise<void> {
  const wire = await Wire.open(port);
  try {
    await wire.send(request, expected);
  } finally {
    wire.close();
  }
}

/** An answer that the scenario does not have. */
export class Unexpected extends Error {
  constructor(expected: Expected, head: string) {
    const wanted = [`status ${expected.status}`, ...(expected.has === undefined ? [] : [`with ${expected.has}`]), ...(expected.lacks === undefined ? [] : [`without ${expected.lacks}`])];
    super(`expected ${wanted.join(" ")}, got:\n${head}`);
  }
}

/**
 * A server may close a connection that it has waited at, just as the next request comes (RFC 9112 §9.5), which it may answer with a reset.
 * One that is busy for seconds does. A server that is gone accepts no other connection.
 */
export class Closed extends Error {}

export function isExpected(head: string, { status, has, lacks }: Expected): boolean {
  return head.startsWith(String(status), 9) && (has === undefined || head.includes(`\n${has}`)) && (lacks === undefined || !head.includes(`\n${lacks}`));
}

const END_OF_HEAD = "\r\n\r\n";
const END_OF_CHUNKS = Buffer.from("0\r\n\r\n");

/** One connection. As at most one answer is on its way, an answer ends where the bytes do. */
export class Wire {
  readonly #socket: net.Socket;
  #head = "";
  /** Bytes of the body that are still to come; infinite where it comes in chunks. */
  #left = 0;
  #tail: Buffer = Buffer.alloc(0);
  #expected: Expected = { status: 0 };
  #done: () => void = () => {};
  #failed: (error: Error) => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#failed(error.code === "ECONNRESET" ? new Closed("the connection was reset", { cause: error }) : error));
    socket.on("close", () => this.#failed(new Closed("the connection was closed")));
  }

  /** A connection to `port` of this machine. */
  static open(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(new Wire(socket)));
      socket.once("error", reject);
    });
  }

  /** Sends `request`; resolves once all of its answer is here, and rejects if it is not the expected one. */
  send(request: Buffer, expected: Expected): Promise<void> {
    // A socket that was closed meanwhile takes what is written, and says nothing any more.
    if (this.#socket.destroyed) return Promise.reject(new Closed("the connection was closed"));
    return new Promise((resolve, reject) => {
      this.#head = "";
      this.#expected = expected;
      this.#done = resolve;
      this.#failed = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    if (this.#head !== "") return this.#takeBody(bytes);
    const all = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes]);
    const end = all.indexOf(END_OF_HEAD);
    if (end < 0) {
      this.#tail = all;
      return;
    }
    this.#head = all.toString("latin1", 0, end).toLowerCase();
    this.#left = bodyLength(this.#head);
    this.#tail = Buffer.alloc(0);
    this.#takeBody(all.subarray(end + END_OF_HEAD.length));
  }

  #takeBody(bytes: Buffer): void {
    this.#left -= bytes.length;
    if (this.#left === Infinity) {
      this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-END_OF_CHUNKS.length);
      if (!this.#tail.equals(END_OF_CHUNKS)) return;
      this.#tail = Buffer.alloc(0);
    } else if (this.#left > 0) return;
    if (isExpected(this.#head, this.#expected)) this.#done();
    else this.#failed(new Unexpected(this.#expected, this.#head));
  }
}

function bodyLength(head: string): number {
  const length = /\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) return Number(length);
  return head.includes("\ntransfer-encoding: chunked") ? Infinity : 0;
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** `items[index]`, which is there. */
export function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there is no connection ${index}`);
  return item;
}
