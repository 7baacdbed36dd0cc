// One call of a client, and what its answer says. The connection is a raw one, so that it can be reset at any moment.

import http from "node:http";
import https from "node:https";
import type { Call, Class, Recorder } from "./history.ts";
import { CALL_HEADER, digest, DIGESTED, RUN_HEADER } from "./origin.ts";

/** What a client wants to do. */
export interface Intent {
  readonly client: string;
  readonly caller: string;
  readonly key: string;
  readonly print: string;
  /** Another spelling of the same JSON, for a client that serialises its retry anew. */
  readonly respelled: boolean;
  /** The first half of the body, this many milliseconds, the second half. */
  readonly slow: number | undefined;
  /** Milliseconds after which the client resets its connection, wherever the call is. */
  readonly resets: number | undefined;
}

/** How long a client waits for an answer, milliseconds. */
const PATIENCE = 20_000;

/** Where clients send to, at the moment; it moves when the runtime is started anew. */
export interface Target {
  url: string;
  readonly path: string;
}

interface Seen {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

let calls = 0;

/** Sends, and records what came back. */
export async function call(intent: Intent, target: Target, agent: http.Agent | https.Agent, recorder: Recorder): Promise<Call> {
  calls += 1;
  const id = calls;
  const { client, caller, key, print } = intent;
  const start = performance.now();
  const exchange = new Exchange(intent, id, new URL(target.path, target.url), agent);
  const seen = await exchange.answer();
  const line: Call = { type: "call", id, client, caller, key, print, start, ...(seen === undefined ? noAnswer() : meaning(seen)) };
  // What was never sent did nothing, and waits for no kill.
  if (exchange.sent) recorder.add(line);
  return line;
}

function noAnswer(): Pick<Call, "end" | "class" | "code" | "status" | "run" | "digest"> {
  return { end: null, class: "none", code: null, status: null, run: null, digest: null };
}

function meaning({ status, headers, body }: Seen): Pick<Call, "end" | "class" | "code" | "status" | "run" | "digest"> {
  const end = performance.now();
  const run = headers[RUN_HEADER] === undefined ? null : Number(headers[RUN_HEADER]);
  const said = String(headers["idempotency-status"] ?? "");
  const code = codeOf(headers, body);
  if (code === null && (said === "fresh" || said === "replayed")) {
    const seen = digest(status, DIGESTED.map((name) => headers[name] as string | undefined), body);
    return { end, class: said, code, status, run, digest: seen };
  }
  const known: readonly string[] = ["running", "mismatch", "unknown", "spent"];
  return { end, class: known.includes(said) ? (said as Class) : "error", code, status, run, digest: null };
}

/** The stable code of a refusal; `null` for the origin's own answers. */
function codeOf(headers: http.IncomingHttpHeaders, body: Buffer): string | null {
  if (headers["content-type"] !== "application/problem+json") return null;
  try {
    return String((JSON.parse(body.toString()) as { code?: unknown }).code);
  } catch {
    return "unreadable";
  }
}

/** One request on the wire. */
class Exchange {
  sent = false;
  readonly #intent: Intent;
  readonly #request: http.ClientRequest;
  readonly #body: Buffer;

  constructor(intent: Intent, id: number, url: URL, agent: http.Agent | https.Agent) {
    const { key, print, caller, respelled } = intent;
    this.#intent = intent;
    this.#body = Buffer.from(respelled ? `{"amount" : 1e0,\n "print":"${print}"}` : `{"print":"${print}","amount":1}`);
    const headers = {
      "idempotency-key": key,
      authorization: caller,
      "content-type": "application/json",
      "content-length": this.#body.length,
      [CALL_HEADER]: String(id),
    };
    const make = url.protocol === "https:" ? https.request : http.request;
    this.#request = make(url, { method: "POST", headers, agent });
  }

  /** The whole answer; nothing where the connection ended before it did. */
  async answer(): Promise<Seen | undefined> {
    const request = this.#request;
    const { promise, resolve } = Promise.withResolvers<Seen | undefined>();
    request.on("error", () => resolve(undefined));
    request.on("close", () => resolve(undefined));
    request.on("socket", (socket) => {
      // From here on nobody can say how much of it has arrived.
      if (!socket.connecting) this.sent = true;
      else socket.once("connect", () => (this.sent = true));
    });
    request.on("response", (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", () => resolve(undefined));
      response.on("end", () => resolve(response.complete ? { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) } : undefined));
    });
    const timers = [setTimeout(() => this.#reset(), this.#intent.resets ?? PATIENCE)];
    if (this.#intent.slow === undefined) {
      request.end(this.#body);
    } else {
      request.write(this.#body.subarray(0, 5));
      timers.push(setTimeout(() => request.end(this.#body.subarray(5)), this.#intent.slow));
    }
    const seen = await promise;
    for (const timer of timers) clearTimeout(timer);
    if (!request.destroyed && seen === undefined) request.destroy();
    return seen;
  }

  /** A polite close is not noticed by the runtime: clients that die reset. */
  #reset(): void {
    const socket = this.#request.socket;
    if (socket !== null && "resetAndDestroy" in socket) socket.resetAndDestroy();
    this.#request.destroy();
  }
}
