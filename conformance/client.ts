// The suite's HTTP client: each request on a connection of its own, header lines exactly as given, several of one name if
// wanted, and the answer's bytes as they came.

import http from "node:http";
import https from "node:https";
import { Unlike } from "./verdict.ts";

/** One header line. Latin-1: one character is one byte. */
export type HeaderLine = readonly [name: string, value: string];

export interface Ask {
  method: string;
  /** Path and query, below the target's own path. */
  path: string;
  headers: readonly HeaderLine[];
  body: string | Uint8Array | undefined;
  /** Ends the connection before the answer. */
  signal?: AbortSignal | undefined;
}

export class Answer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer;

  constructor(status: number, headers: readonly HeaderLine[], body: Buffer) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** The values of every line of this name, joined as HTTP allows it; `undefined` without a line. */
  header(name: string): string | undefined {
    const values = this.headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
    return values.length === 0 ? undefined : values.join(", ");
  }

  text(): string {
    return this.body.toString("utf8");
  }

  /** The body as JSON, `undefined` if it is none. */
  json(): unknown {
    try {
      return JSON.parse(this.text()) as unknown;
    } catch {
      return undefined;
    }
  }
}

/** Sends one request and reads its whole answer; {@link Unlike} if none comes within `seconds`. */
export async function send(target: URL, { method, path, headers, body, signal }: Ask, seconds: number): Promise<Answer> {
  const { request } = target.protocol === "https:" ? https : http;
  const host: HeaderLine[] = headers.some(([name]) => name === "Host") ? [] : [["Host", target.host]];
  const lines: HeaderLine[] = [...host, ...headers, ["Connection", "close"]];
  if (body !== undefined) lines.push(["Content-Length", String(Buffer.byteLength(body))]);
  const answer = Promise.withResolvers<Answer>();
  const outgoing = request({
    agent: false,
    host: target.hostname.replace(/^\[|\]$/g, ""),
    port: target.port || undefined,
    method,
    path: target.pathname.replace(/\/$/, "") + path,
    headers: lines.flat(),
    ...(signal && { signal }),
  });
  const timer = setTimeout(() => outgoing.destroy(new Error(`nothing within ${seconds} s`)), seconds * 1000);
  outgoing.on("error", (error: NodeJS.ErrnoException) => answer.reject(new Unlike(`an answer to ${method} ${path}`, error.code ?? error.message)));
  outgoing.on("response", (response) => {
    const pieces: Buffer[] = [];
    response.on("data", (piece: Buffer) => pieces.push(piece));
    response.on("error", (error) => answer.reject(new Unlike(`a whole answer to ${method} ${path}`, error.message)));
    response.on("end", () => answer.resolve(new Answer(response.statusCode ?? 0, pairs(response.rawHeaders), Buffer.concat(pieces))));
  });
  outgoing.end(body);
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Name, value, name, value … as lines. */
export function pairs(raw: readonly string[]): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) lines.push([raw[i] ?? "", raw[i + 1] ?? ""]);
  return lines;
}
