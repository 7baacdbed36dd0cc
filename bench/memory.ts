// `npm run bench -- memory`: a large upload and a large answer, and how much of them the gateway's process ever holds.

import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { freshKey } from "./request.ts";
import { peakBytes } from "./runtime/process.ts";
import type { Program } from "./runtime/program.ts";
import { startWorkerd } from "./runtime/workerd.ts";
import { Scratch } from "./scratch.ts";
import { bare, reprise } from "./subjects.ts";
import { bytes, columns } from "./table.ts";

const LARGE = 100 * 2 ** 20;
const SMALL = 1024;
/** Requests of each run, one after the other. */
const TIMES = 3;
/** How much more of it a large body may take than a small one. */
const MAY_TAKE = 64 * 2 ** 20;

type Direction = "upload" | "answer";

interface Case {
  readonly name: string;
  readonly program: (origin: string) => Program;
  /** Below /v1/ it is guarded. */
  readonly path: string;
  readonly direction: Direction;
}

const pass = { program: reprise(), path: "/open/large" } as const;
const fresh = { program: reprise(), path: "/v1/large" } as const;

const CASES: readonly Case[] = [
  { name: "bare proxy, upload", program: bare, path: "/open/large", direction: "upload" },
  { name: "bare proxy, answer", program: bare, path: "/open/large", direction: "answer" },
  { name: "reprise pass, upload", ...pass, direction: "upload" },
  { name: "reprise pass, answer", ...pass, direction: "answer" },
  { name: "reprise fresh, upload", ...fresh, direction: "upload" },
  { name: "reprise fresh, answer", ...fresh, direction: "answer" },
];

export interface MemoryRow {
  readonly name: string;
  /** Of the large body, bytes. */
  readonly large: number;
  /** The most memory of the process, bytes: with small bodies, and with large ones. */
  readonly peakSmall: number | undefined;
  readonly peakLarge: number | undefined;
  /** How the large bodies fared: `same` bytes on the other side, or what was said instead. */
  readonly outcome: string;
}

/** `large` is how many bytes the large bodies have. */
export async function memory(large = LARGE): Promise<MemoryRow[]> {
  await using origin = await LargeOrigin.start();
  const rows: MemoryRow[] = [];
  for (const each of CASES) {
    const little = await run(each, SMALL, origin);
    const much = await run(each, large, origin);
    rows.push({ name: each.name, large, peakSmall: little.peak, peakLarge: much.peak, outcome: much.outcome });
  }
  return rows;
}

/** In a process of its own. */
async function run({ program, path: target, direction }: Case, size: number, origin: LargeOrigin): Promise<{ peak: number | undefined; outcome: string }> {
  using scratch = new Scratch();
  await using running = await startWorkerd(program(origin.url), { directory: scratch.path });
  let outcome = "same";
  for (let time = 0; time < TIMES && outcome === "same"; time++) outcome = await transfer(`http://127.0.0.1:${running.port}${target}`, direction, size);
  return { peak: peakBytes(running.pid), outcome };
}

/** One request; `same` if the other side has seen the bytes that this one has, by their digest. */
async function transfer(url: string, direction: Direction, size: number): Promise<string> {
  const upload = direction === "upload" ? size : SMALL;
  const answer = direction === "answer" ? size : 0;
  const headers = { "Content-Type": "application/octet-stream", "Content-Length": upload, "Idempotency-Key": freshKey() };
  const request = http.request(`${url}?answer=${answer}`, { method: "POST", headers, agent: false });
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => request.once("response", resolve).once("error", reject));
  // A refusal may come before the last byte has gone; then the answer is what counts.
  const sent = pipeline(stream(upload), request).catch(() => {});
  const response = await answered.catch((error: Error) => error);
  if (response instanceof Error) return response.message;
  const hash = createHash("sha256");
  const text: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if (text.length < 4) text.push(chunk);
  }
  await sent;
  if (response.statusCode !== 201) return `refused with ${response.statusCode}`;
  if (direction === "answer") return hash.digest("hex") === digestOf(size) ? "same" : "another digest";
  return Buffer.concat(text).toString() === digestOf(size) ? "same" : "another digest";
}

/** Answers an upload with its digest, or with as many bytes as `?answer=` says. */
class LargeOrigin implements AsyncDisposable {
  readonly #server = http.createServer((request, response) => void this.#take(request, response));

  static async start(): Promise<LargeOrigin> {
    const origin = new LargeOrigin();
    await new Promise<void>((resolve) => origin.#server.listen(0, "127.0.0.1", resolve));
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const hash = createHash("sha256");
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) hash.update(chunk);
    } catch {
      return void response.destroy();
    }
    const size = Number(new URL(request.url ?? "", "http://origin").searchParams.get("answer"));
    response.writeHead(201, { "Content-Type": "application/octet-stream", ...(size === 0 ? {} : { "Content-Length": size }) });
    if (size === 0) response.end(hash.digest("hex"));
    else await pipeline(stream(size), response).catch(() => {});
  }
}

const CHUNK = Buffer.from(Uint8Array.from({ length: 65_521 }, (_, index) => (index * 2_654_435_761) >>> 24));

/** `size` bytes, of which no two chunks are the same. */
function* chunks(size: number): Generator<Buffer> {
  for (let at = 0; at < size; at += CHUNK.length) {
    const chunk = Buffer.from(CHUNK.subarray(0, Math.min(CHUNK.length, size - at)));
    chunk.writeUInt32BE(at / CHUNK.length);
    yield chunk;
  }
}

function stream(size: number): Readable {
  return Readable.from(chunks(size), { objectMode: false });
}

function digestOf(size: number): string {
  const hash = createHash("sha256");
  for (const chunk of chunks(size)) hash.update(chunk);
  return hash.digest("hex");
}

export function memoryTable(rows: readonly MemoryRow[]): string {
  const mebibytes = (value: number | undefined): string => (value === undefined ? "–" : String(Math.round(value / 2 ** 20)));
  const head = ["", "body", "peak MiB, 1 KiB", "peak MiB, large", "more", "", "at most 64 MiB more"];
  const lines = rows.map(({ name, large, peakSmall, peakLarge, outcome }) => {
    const more = peakSmall === undefined || peakLarge === undefined ? undefined : peakLarge - peakSmall;
    const verdict = outcome !== "same" ? "does not hold" : more === undefined ? "" : more <= MAY_TAKE ? "holds" : "does not hold";
    return [name, bytes(large), mebibytes(peakSmall), mebibytes(peakLarge), mebibytes(more), outcome === "same" ? "same digest" : outcome, verdict];
  });
  return columns([head, ...lines], [0, 5, 6]);
}
