// A small server that keeps one contract, Speechify's, and that can be told to break it: the suite must see every fault.
// It holds everything in memory and never forgets; it is no gateway.

import { createHash, randomUUID } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { pairs } from "../client.ts";
import type { HeaderLine } from "../client.ts";
import type { Contract } from "../contract.ts";

/** What a server can get wrong. */
export type Fault =
  | "answers a replay with 200"
  | "calls the origin again when it does not answer"
  | "calls the origin for every duplicate that comes while the first one runs"
  | "compares bodies byte by byte"
  | "forgets the claim when the client leaves"
  | "forgets the marker"
  | "ignores the body"
  | "ignores the credential"
  | "ignores the operation"
  | "keeps cookies"
  | "keeps server errors"
  | "lets a forged marker through"
  | "loses headers"
  | "reads bodies as text"
  | "releases after client errors"
  | "replays the first X-Request-ID"
  | "stores the conflict"
  | "takes an empty key for none"
  | "takes any method"
  | "takes keys of any length"
  | "words errors in its own way";

interface Message {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer;
}

interface Claim {
  fingerprint: string;
  answer?: Message;
  unknown?: boolean;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly lines: readonly HeaderLine[];
  readonly body: Buffer;
}

const DAY_MS = 86_400_000;
const RELEASED = [401, 403, 408, 425, 429];
const FIRST_CALLER_ONLY = ["set-cookie", "ratelimit", "date"];

export class Server {
  readonly #origin: URL;
  readonly #contract: Contract;
  readonly #faults: ReadonlySet<Fault>;
  readonly #claims = new Map<string, Claim>();
  readonly #server: http.Server;

  constructor(origin: string, contract: Contract, ...faults: Fault[]) {
    this.#origin = new URL(origin);
    this.#contract = contract;
    this.#faults = new Set(faults);
    this.#server = http.createServer((incoming, response) => void this.#serve(incoming, response));
  }

  async start(): Promise<URL> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(incoming: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const request = { method: incoming.method ?? "", path: incoming.url ?? "", lines: pairs(incoming.rawHeaders), body: Buffer.concat(pieces) };
    let gone = false;
    response.on("close", () => (gone = !response.writableFinished));
    const answer = await this.#answer(request, () => gone);
    const bodiless = answer.status === 204;
    const length: HeaderLine[] = bodiless ? [] : [["Content-Length", String(answer.body.length)]];
    response.writeHead(answer.status, [...answer.headers, ...length].flat()).end(bodiless ? undefined : answer.body);
  }

  async #answer(request: Request, gone: () => boolean): Promise<Message> {
    const keys = request.lines.filter(([name]) => name.toLowerCase() === this.#contract.key.header.toLowerCase()).map(([, value]) => value);
    const [key] = keys;
    if (!this.#guards(request) || key === undefined || (key === "" && this.#has("takes an empty key for none"))) return await this.#forward(request);
    const tooLong = key.length > this.#contract.key.max && !this.#has("takes keys of any length");
    if (keys.length > 1 || key === "" || tooLong) return this.#refuse(400, "key_invalid", "no key");
    const id = JSON.stringify([key, this.#has("ignores the credential") ? "" : one(request.lines, "Authorization")]);
    const fingerprint = this.#fingerprint(request);
    const claim = this.#claims.get(id);
    const anew = claim !== undefined && claim.answer === undefined && claim.unknown !== true && this.#has("calls the origin for every duplicate that comes while the first one runs");
    if (claim === undefined || anew) return await this.#execute(id, { fingerprint }, request, gone);
    return this.#repeat(claim, fingerprint);
  }

  #repeat(claim: Claim, fingerprint: string): Message {
    if (claim.fingerprint !== fingerprint) {
      const conflict = this.#refuse(409, "idempotency_conflict", "This Idempotency-Key was already used with a different request.");
      if (this.#has("stores the conflict")) Object.assign(claim, { fingerprint, answer: conflict });
      return conflict;
    }
    if (claim.unknown === true) return this.#refuse(409, "unknown", "nobody knows");
    if (claim.answer === undefined) return this.#refuse(409, "idempotency_conflict", "it runs", [["Retry-After", "1"], ["x-should-retry", "true"]]);
    const { header, value } = this.#contract.marker;
    let headers = claim.answer.headers.filter(([name]) => this.#has("keeps cookies") || !FIRST_CALLER_ONLY.includes(name.toLowerCase()));
    if (this.#has("loses headers")) headers = headers.filter(([name]) => !/^(location|etag|x-made-by)$/i.test(name));
    if (!this.#has("replays the first X-Request-ID")) headers = headers.map(([name, was]) => [name, name.toLowerCase() === "x-request-id" ? randomUUID() : was]);
    headers = headers.filter(([name]) => name !== "Idempotency-Status").concat([["Idempotency-Status", "replayed"]]);
    if (!this.#has("forgets the marker")) headers.push([header, value]);
    return { ...claim.answer, headers, status: this.#has("answers a replay with 200") ? 200 : claim.answer.status };
  }

  async #execute(id: string, claim: Claim, request: Request, gone: () => boolean): Promise<Message> {
    this.#claims.set(id, claim);
    try {
      const forged = this.#has("lets a forged marker through");
      const answer = await this.#forward(request);
      const expires = new Date(Date.now() + DAY_MS).toUTCString();
      const headers = answer.headers
        .filter(([name]) => forged || name.toLowerCase() !== this.#contract.marker.header.toLowerCase())
        .concat([["Idempotency-Status", "fresh"], ["Idempotency-Expires", expires], ["Access-Control-Expose-Headers", `${this.#contract.marker.header}, Retry-After`]]);
      const body = this.#has("reads bodies as text") ? Buffer.from(answer.body.toString("utf8")) : answer.body;
      claim.answer = { ...answer, headers, body };
      if (this.#releases(answer.status) || (gone() && this.#has("forgets the claim when the client leaves"))) this.#claims.delete(id);
      return claim.answer;
    } catch {
      if (this.#has("calls the origin again when it does not answer")) this.#claims.delete(id);
      claim.unknown = true;
      return this.#refuse(502, "no_answer", "the origin did not answer");
    }
  }

  #releases(status: number): boolean {
    if (status >= 500) return !this.#has("keeps server errors");
    return RELEASED.includes(status) || (status >= 400 && this.#has("releases after client errors"));
  }

  #guards({ method, path }: Request): boolean {
    if (this.#has("takes any method")) return true;
    return this.#contract.guards.includes(`${method} ${path.split("?")[0]}`);
  }

  #fingerprint({ method, path, lines, body }: Request): string {
    const parts: unknown[] = this.#has("ignores the operation") ? [] : [method, path];
    if (!this.#has("ignores the body")) {
      const bytes = this.#has("compares bodies byte by byte") || !/json/.test(one(lines, "Content-Type"));
      parts.push(bytes ? body.toString("latin1") : JSON.parse(body.toString("utf8"), sorted));
    }
    return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  }

  #refuse(status: number, code: string, message: string, headers: readonly HeaderLine[] = [["x-should-retry", "false"]]): Message {
    const body = this.#has("words errors in its own way") ? { code, message: "no" } : { error: { code, message }, request_id: randomUUID() };
    return { status, headers: [["Content-Type", "application/json"], ...headers], body: Buffer.from(JSON.stringify(body)) };
  }

  #forward({ method, path, lines, body }: Request): Promise<Message> {
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const kept = lines.filter(([name]) => !/^(host|connection|content-length|transfer-encoding)$/i.test(name));
    const sent = this.#has("reads bodies as text") ? Buffer.from(body.toString("utf8")) : body;
    const headers = [["Host", this.#origin.host], ...kept, ["Content-Length", String(sent.length)], ["Connection", "close"]].flat();
    const outgoing = http.request({ host: this.#origin.hostname, port: this.#origin.port, method, path, headers, agent: false }, (incoming) => {
      const pieces: Buffer[] = [];
      incoming.on("data", (piece: Buffer) => pieces.push(piece));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const answered = pairs(incoming.rawHeaders).filter(([name]) => !/^(connection|keep-alive|content-length|transfer-encoding)$/i.test(name));
        resolve({ status: incoming.statusCode ?? 502, headers: answered, body: Buffer.concat(pieces) });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(sent);
    return promise;
  }

  #has(fault: Fault): boolean {
    return this.#faults.has(fault);
  }
}

function one(lines: readonly HeaderLine[], name: string): string {
  return lines.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1] ?? "";
}

/** Members in the order of their names, so that equal JSON has equal text. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
