// A raw HTTP/1.1 client. What goes out is exactly what the test wrote, what comes back is exactly what was on the wire:
// repeated header lines, odd bytes, chunks cut where the test wants them, uploads that break off, resets, interim
// answers. `fetch` can do none of this.
//
//   const answer = await send(port, { method: "POST", path: "/v1/runs", headers: ["Idempotency-Key: k1"], body: "{}" });
//   answer.status, answer.lines("set-cookie"), answer.body (bytes), answer.interim
//
//   const wire = await Wire.open(port);       // the same by hand, step by step
//   wire.write("POST / HTTP/1.1\r\n…");
//   await wire.head(); await wire.bodyReaches(5); wire.reset();

import net from "node:net";
import { within } from "./guard.ts";

/** A header line as it came, or as it shall go: `Name: value`. Latin-1: one character is one byte. */
export type HeaderLine = readonly [name: string, value: string];

export interface Head {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly HeaderLine[];
}

export class Answer implements Head {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly HeaderLine[];
  /** 1xx answers that came before the final one. */
  readonly interim: readonly Head[];
  /** The body's bytes, without the chunked framing. */
  readonly body: Buffer;
  /** How the body was delimited: no body at all, `Content-Length`, chunked, or by the close of the connection. */
  readonly framing: Framing;

  constructor(head: Head, interim: readonly Head[], body: Buffer, framing: Framing) {
    this.status = head.status;
    this.reason = head.reason;
    this.headers = head.headers;
    this.interim = interim;
    this.body = body;
    this.framing = framing;
  }

  /** The values of every line of this name, in their order. */
  lines(name: string): string[] {
    return linesOf(this.headers, name);
  }

  /** The one value of this name, `undefined` without a line, an error with several lines. */
  header(name: string): string | undefined {
    const values = this.lines(name);
    if (values.length > 1) throw new Error(`${values.length} lines of ${name}: ${JSON.stringify(values)}`);
    return values[0];
  }

  text(): string {
    return this.body.toString("utf8");
  }

  json(): unknown {
    return JSON.parse(this.text());
  }
}

type Framing = "none" | "length" | "chunked" | "close";

export interface Outgoing {
  method?: string;
  /** The request target, as it goes on the wire: never normalised. */
  path?: string;
  /** Whole lines without CRLF, `Name: value`, as many of one name as wanted; a Buffer goes out byte by byte. */
  headers?: readonly (string | Buffer)[];
  /** One piece: sent with `Content-Length`. An array: sent chunked, each piece one chunk, each its own write. */
  body?: string | Uint8Array | readonly (string | Uint8Array)[];
}

/** One request on one connection of its own, answered in full. `Host` and the framing are added, nothing else. */
export async function send(port: number, outgoing: Outgoing): Promise<Answer> {
  const wire = await Wire.open(port);
  try {
    wire.request(outgoing);
    return await wire.answer();
  } finally {
    wire.close();
  }
}

/** One connection, by hand. */
export class Wire {
  readonly #socket: net.Socket;
  readonly #port: number;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => {};
  #method = "GET";
  #head: Head | undefined;
  #framing: Framing = "none";
  #expected = 0;
  #body: Buffer[] = [];
  #bodyDone = false;
  readonly interim: Head[] = [];

  private constructor(socket: net.Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", (error: Error) => {
      this.#failure = error;
      this.#wake();
    });
  }

  static async open(port: number, host = "127.0.0.1"): Promise<Wire> {
    const socket = net.connect({ port, host, noDelay: true });
    const connected = Promise.withResolvers<void>();
    socket.once("connect", () => connected.resolve());
    socket.once("error", connected.reject);
    await within(`connecting to port ${port}`, connected.promise);
    return new Wire(socket, port);
  }

  /** Sends bytes as they are; a string goes out as Latin-1. */
  write(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Sends a request's head: its line, `Host` (unless given), the header lines, the empty line. */
  requestHead({ method = "GET", path = "/", headers = [] }: Outgoing): void {
    this.#method = method;
    const given = headers.map((line) => (typeof line === "string" ? Buffer.from(line, "latin1") : line));
    const hasHost = given.some((line) => /^host:/i.test(line.toString("latin1")));
    const lines: Uint8Array[] = [Buffer.from(`${method} ${path} HTTP/1.1`, "latin1")];
    if (!hasHost) lines.push(Buffer.from(`Host: 127.0.0.1:${this.#port}`, "latin1"));
    const end = Buffer.from("\r\n");
    this.write(Buffer.concat([...lines, ...given, Buffer.alloc(0)].flatMap((line) => [line, end])));
  }

  /** Sends a whole request; see {@link Outgoing} for how its body is framed. */
  request(outgoing: Outgoing): void {
    const { body, headers = [] } = outgoing;
    if (body === undefined) {
      this.requestHead(outgoing);
    } else if (typeof body === "string" || body instanceof Uint8Array) {
      const bytes = Buffer.from(body);
      this.requestHead({ ...outgoing, headers: [...headers, `Content-Length: ${bytes.length}`] });
      if (bytes.length > 0) this.write(bytes);
    } else {
      this.requestHead({ ...outgoing, headers: [...headers, "Transfer-Encoding: chunked"] });
      for (const piece of body) this.chunk(piece);
      this.lastChunk();
    }
  }

  /** Sends one chunk of a chunked body. */
  chunk(piece: string | Uint8Array): void {
    const bytes = Buffer.from(piece);
    this.write(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]));
  }

  lastChunk(): void {
    this.write("0\r\n\r\n");
  }

  /** The final answer's head; what came before it is in `interim`. */
  async head(): Promise<Head> {
    while (this.#head === undefined) {
      const head = await this.#readHead();
      if (head.status >= 200 || head.status === 101) {
        this.#head = head;
        this.#expectBody(head);
      } else {
        this.interim.push(head);
      }
    }
    return this.#head;
  }

  /** The next interim answer, or an error when the final one comes first. */
  async nextInterim(): Promise<Head> {
    const head = await this.#readHead();
    if (head.status >= 200) throw new Error(`a final answer came instead of an interim one: ${head.status}`);
    this.interim.push(head);
    return head;
  }

  /** The body so far, once it has at least `length` bytes (or is complete). */
  async bodyReaches(length: number): Promise<Buffer> {
    await this.head();
    while (!this.#bodyDone && this.#bodyLength() < length) await this.#readBody();
    return Buffer.concat(this.#body);
  }

  /** The whole answer. Fails when the connection ends before the answer does. */
  async answer(): Promise<Answer> {
    const head = await this.head();
    const body = await this.bodyReaches(Number.POSITIVE_INFINITY);
    return new Answer(head, this.interim, body, this.#framing);
  }

  /** Everything that came after the head, raw: for a connection that changed its protocol. */
  async rawReaches(length: number): Promise<Buffer> {
    await this.head();
    while (this.#received.length < length) await this.#more(`${length} raw bytes`);
    return this.#received;
  }

  /** Takes the first `length` raw bytes. */
  async takeRaw(length: number): Promise<Buffer> {
    await this.rawReaches(length);
    return this.#take(length);
  }

  /** Breaks the connection with a TCP RST: what a killed client does. A polite close is not noticed by the runtime. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Half-closes: no more bytes from this side, politely. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Resolves when the other side has ended the connection, by whatever means. */
  async ended(): Promise<void> {
    while (!this.#ended && this.#failure === undefined) await this.#wait("the other side ending the connection");
  }

  #bodyLength(): number {
    return this.#body.reduce((sum, piece) => sum + piece.length, 0);
  }

  #expectBody(head: Head): void {
    const length = linesOf(head.headers, "content-length")[0];
    const bodiless = this.#method === "HEAD" || [101, 204, 304].includes(head.status);
    if (bodiless) {
      this.#framing = "none";
    } else if (linesOf(head.headers, "transfer-encoding").some((value) => /chunked/i.test(value))) {
      this.#framing = "chunked";
    } else if (length !== undefined) {
      this.#framing = "length";
      this.#expected = Number(length);
    } else {
      this.#framing = "close";
    }
    this.#bodyDone = bodiless || (this.#framing === "length" && this.#expected === 0);
  }

  async #readHead(): Promise<Head> {
    let end = this.#received.indexOf("\r\n\r\n");
    while (end < 0) {
      await this.#more("an answer's head");
      end = this.#received.indexOf("\r\n\r\n");
    }
    const [first = "", ...lines] = this.#take(end + 4).toString("latin1").trimEnd().split("\r\n");
    const match = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(first);
    if (match === null) throw new Error(`not a status line: ${JSON.stringify(first)}`);
    const headers = lines.map((line): HeaderLine => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    return { status: Number(match[1]), reason: match[2] ?? "", headers };
  }

  async #readBody(): Promise<void> {
    if (this.#framing === "length") {
      if (this.#received.length === 0) await this.#more(`a body of ${this.#expected} bytes`);
      this.#body.push(this.#take(Math.min(this.#received.length, this.#expected - this.#bodyLength())));
      this.#bodyDone = this.#bodyLength() === this.#expected;
    } else if (this.#framing === "chunked") {
      const size = Number.parseInt(await this.#readLine("a chunk's size"), 16);
      if (size === 0) {
        while ((await this.#readLine("the end of the trailers")) !== "");
        this.#bodyDone = true;
      } else {
        while (this.#received.length < size + 2) await this.#more(`a chunk of ${size} bytes`);
        this.#body.push(this.#take(size));
        this.#take(2);
      }
    } else {
      if (this.#received.length > 0) this.#body.push(this.#take(this.#received.length));
      else if (this.#ended) this.#bodyDone = true;
      else await this.#wait("the close that ends the body");
    }
  }

  async #readLine(what: string): Promise<string> {
    let end = this.#received.indexOf("\r\n");
    while (end < 0) {
      await this.#more(what);
      end = this.#received.indexOf("\r\n");
    }
    return this.#take(end + 2).toString("latin1").trimEnd();
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return Buffer.from(taken);
  }

  /** Waits for more bytes; the end of the connection is an error here. */
  async #more(what: string): Promise<void> {
    const before = this.#received.length;
    while (this.#received.length === before) {
      if (this.#failure !== undefined) throw new Error(`the connection failed before ${what}: ${this.#failure.message}`);
      if (this.#ended) throw new Error(`the connection ended before ${what}`);
      await this.#wait(what);
    }
  }

  async #wait(what: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await within(what, promise);
  }
}

function linesOf(headers: readonly HeaderLine[], name: string): string[] {
  return headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}
