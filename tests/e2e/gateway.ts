// Starts the built gateway on a real workerd, with real SQLite objects and a real KV, and lets a test look behind it.
//
//   const gateway = await startGateway({ origin: origin.url, policy: `…TOML…` });
//   const answer = await gateway.send({ method: "POST", path: place.path, headers: [`Idempotency-Key: ${gateway.key()}`], body: "{}" });
//   await gateway.logged((line) => line.outcome === "fresh");
//   await gateway.close();
//
// One gateway serves a whole test file; tests keep apart by keys of their own (`gateway.key()`) and places of their own
// (`origin.place()`). With `inspect: true` the ledger's rows can be read and changed.

import assert from "node:assert/strict";
import childProcess from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Log, LogLevel, Miniflare } from "miniflare";
import type { MiniflareOptions } from "miniflare";
import { Arrivals } from "./guard.ts";
import { send, Wire } from "./wire.ts";
import type { Answer, Outgoing } from "./wire.ts";

/** Where `npm run build` puts the Worker. */
export const BUILD = fileURLToPath(new URL("../../build/", import.meta.url));

/** The newest date that the workerd of the tests accepts. The deployed date is in wrangler.toml. */
export const COMPATIBILITY_DATE = "2026-07-30";

/** The ledger's shards under the default configuration. */
export const SHARDS = 8;

type SourceOptions = Extract<MiniflareOptions, { scriptPath?: string }>;

const NAME = "reprise";
/** The Worker of the ledger, where it runs apart. */
const LEDGER_NAME = "ledger";

export interface GatewayOptions {
  /** TOML text for the `POLICY` variable. Without it, the policy that was compiled in. */
  policy?: string;
  /** The `ORIGIN` variable. */
  origin?: string;
  /** Where the objects and KV are kept. Default: a fresh directory, removed by `close`. */
  state?: string;
  /** More variables. */
  vars?: Record<string, string>;
  /** Bind a bucket for bodies that are larger than KV takes. */
  overflow?: boolean;
  /** Bindings that this gateway shall not have. */
  without?: readonly ("LEDGER" | "RESPONSES" | "RUNNER")[];
  /** Let the test read and change the ledger's rows (see inspected.js). */
  inspect?: boolean;
  /** Let the test make the ledger and KV fail (see faulty.js); the rows can be read and changed too. */
  faults?: boolean;
  /** Whether the Worker remembers what it has seen done (rule 8.17). Default: unless the test looks into the ledger or makes it fail. */
  memory?: boolean;
  /** Run the ledger in an isolate of its own, with a clock of its own. */
  apart?: boolean;
}

/** The header line by which one request meets these faults (see faulty.js). */
export const fault = (...words: string[]): string[] => [`X-Fault: ${words.join(", ")}`];

/** One line of the Worker's console. `data` is its JSON, where it is a JSON object. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly data: Record<string, unknown> | undefined;
}

/** A row of the ledger's table `claims`, as SQL gives it. */
export type Row = Record<string, string | number | ArrayBuffer | null>;

/** What the tests use of a KV namespace. */
export interface Store {
  get(name: string, type: "text"): Promise<string | null>;
  get(name: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
  put(name: string, value: string | ArrayBuffer | Uint8Array, options?: { expirationTtl?: number; metadata?: unknown }): Promise<void>;
  delete(name: string): Promise<void>;
  list(options?: { prefix?: string }): Promise<{ keys: { name: string; expiration?: number; metadata?: unknown }[] }>;
}

/** What the tests use of the ledger's namespace. */
interface Shards {
  idFromString(id: string): unknown;
  idFromName(name: string): unknown;
  get(id: unknown): { fetch(url: string, init: { method: string; body?: Uint8Array | string }): Promise<Response> };
}

export class Gateway {
  readonly host = "127.0.0.1";
  readonly port: number;
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string;
  readonly mf: Miniflare;
  readonly state: string;
  readonly #options: GatewayOptions;
  readonly #runtime: childProcess.ChildProcess;
  readonly #lines: Arrivals<LogLine>;
  #ownState: boolean;
  #killed = false;
  #keys = 0;

  constructor(url: URL, mf: Miniflare, runtime: childProcess.ChildProcess, lines: Arrivals<LogLine>, options: GatewayOptions, state: string) {
    this.port = Number(url.port);
    this.url = `http://${this.host}:${this.port}`;
    this.mf = mf;
    this.state = state;
    this.#runtime = runtime;
    this.#lines = lines;
    this.#options = options;
    this.#ownState = options.state === undefined;
  }

  /** A key that nobody has used at this gateway. */
  key(): string {
    this.#keys += 1;
    return `key-${String(this.#keys).padStart(4, "0")}`;
  }

  /** One raw request on a connection of its own; see wire.ts. */
  send(outgoing: Outgoing): Promise<Answer> {
    return send(this.port, outgoing);
  }

  /** A guarded request as most tests send it: POST, JSON, this key. `headers` come after, as lines. */
  post(target: string, key: string, body: string | Uint8Array = "{}", headers: readonly string[] = []): Promise<Answer> {
    return this.send({
      method: "POST",
      path: target,
      headers: [`Idempotency-Key: ${key}`, "Content-Type: application/json", ...headers],
      body,
    });
  }

  /** A raw connection to the gateway. */
  connect(): Promise<Wire> {
    return Wire.open(this.port);
  }

  /** Node's fetch, redirects not followed. */
  fetch(target: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + target, { redirect: "manual", ...init });
  }

  /** Every line of the Worker's console so far. */
  get log(): readonly LogLine[] {
    return this.#lines.items;
  }

  /** The `n`-th line whose JSON matches, as soon as it is there. */
  async logged(match: (data: Record<string, unknown>) => boolean, n = 1): Promise<Record<string, unknown>> {
    const line = await this.#lines.want(n, "a log line", ({ data }) => data !== undefined && match(data));
    return line.data ?? {};
  }

  /** The log line of the exchange that `answer` ended. Only refusals and replays name their exchange. */
  lineOf(answer: Answer): Promise<Record<string, unknown>> {
    return this.logged((line) => line["request"] !== undefined && line["request"] === answer.header("x-request-id"));
  }

  /** Bytes of memory that the runtime's process holds now (Linux). */
  get resident(): number {
    const status = readFileSync(`/proc/${this.#runtime.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** The KV namespace of the stored responses. */
  async kv(): Promise<Store> {
    return (await this.mf.getKVNamespace("RESPONSES")) as unknown as Store;
  }

  /** The names of the objects in the bucket. */
  async bucket(): Promise<string[]> {
    const bucket = (await this.mf.getR2Bucket("OVERFLOW")) as unknown as { list(): Promise<{ objects: { key: string }[] }> };
    return (await bucket.list()).objects.map(({ key }) => key);
  }

  /** Runs SQL in one shard, from 0; the object is started if it was not there. Needs `inspect`. */
  async shardSql(shard: number, sql: string, ...parameters: (string | number | ArrayBuffer | null)[]): Promise<Row[]> {
    return await this.#exec({ name: `v1/${shard}` }, sql, parameters);
  }

  /** Runs SQL in every shard that exists, and gives all their rows. Needs `inspect`. */
  async ledgerSql(sql: string, ...parameters: (string | number | ArrayBuffer | null)[]): Promise<Row[]> {
    const ids = await this.mf.listDurableObjectIds("LEDGER");
    const rows = await Promise.all(ids.map((id) => this.#exec({ id }, sql, parameters)));
    return rows.flat();
  }

  /** Every claim in the ledger; one that is not in its slot has none. Needs `inspect`. */
  async claims(): Promise<Row[]> {
    return [...(await this.ledgerSql("SELECT * FROM claims")), ...(await this.ledgerSql("SELECT * FROM displaced"))];
  }

  /** How many calls are inside the ledger now: those that wait, if nothing else goes on. Needs `inspect`. */
  async inLedger(): Promise<number> {
    const counts = await this.#eachShard("GET");
    return counts.reduce((sum, count) => sum + Number(count), 0);
  }

  /** Stops every shard, and with it the calls that are inside. The next call to one starts it again. Needs `inspect`. */
  async stopLedger(): Promise<void> {
    await this.#eachShard("DELETE");
  }

  /** Leaves the Wasm module of Worker and shards as a panic does: nothing of it can be called any more. Needs `inspect`. */
  async panic(): Promise<void> {
    assert.equal((await this.#shard(0, "PATCH")).status, 200);
  }

  /** One message to the first shard, past the Worker (src/protocol/wire.rs), and the answer. Needs `inspect`. */
  async tellLedger(message: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(await (await this.#shard(0, "POST", message)).arrayBuffer());
  }

  /** When the alarm of the first shard is due, by the epoch; NaN where none is set. Needs `faults`. */
  async alarm(): Promise<number> {
    return Number.parseInt(await (await this.#shard(0, "OPTIONS")).text());
  }

  /** Sets the clock of the Worker, or that of the shards, wrong by so many milliseconds. Needs `faults` and `apart`. */
  async setClock(whose: "worker" | "shards", ms: number): Promise<void> {
    if (whose === "worker") assert.equal((await this.fetch("/.faults/clock", { method: "POST", body: String(ms) })).status, 200);
    else await this.#shard(0, "PATCH", String(ms));
  }

  /** One turn of the sweep in every shard, now; how many claims it has deleted. Needs `inspect`. */
  async sweep(): Promise<number> {
    const deleted = await this.#eachShard("PUT");
    return deleted.reduce((sum, count) => sum + Number(count), 0);
  }

  /** Kills the runtime with SIGKILL, as a crash would, and keeps the state: `restart` goes on with it. */
  async kill(): Promise<void> {
    if (this.#killed) return;
    this.#killed = true;
    const gone = Promise.withResolvers<void>();
    if (this.#runtime.exitCode === null && this.#runtime.signalCode === null) {
      this.#runtime.once("exit", () => gone.resolve());
      this.#runtime.kill("SIGKILL");
      await gone.promise;
    }
    await this.mf.dispose();
  }

  /** A new gateway on the state of this one, after `kill`. Options that are given replace the old ones. */
  async restart(changes: Omit<GatewayOptions, "state"> = {}): Promise<Gateway> {
    await this.kill();
    const next = await startGateway({ ...this.#options, ...changes, state: this.state });
    next.#keys = this.#keys;
    next.#ownState = this.#ownState;
    return next;
  }

  /** Ends the runtime and removes a state directory that was made for it. */
  async close(): Promise<void> {
    if (!this.#killed) await this.mf.dispose();
    if (this.#ownState) rmSync(this.state, { recursive: true, force: true });
  }

  async #shard(shard: number, method: string, body?: Uint8Array | string): Promise<Response> {
    const shards = (await this.mf.getDurableObjectNamespace("LEDGER")) as unknown as Shards;
    return shards.get(shards.idFromName(`v1/${shard}`)).fetch("https://ledger/", body === undefined ? { method } : { method, body });
  }

  async #eachShard(method: "GET" | "DELETE" | "PUT"): Promise<string[]> {
    if (!inspected(this.#options)) throw new Error("start the gateway with `inspect: true` to look into its ledger");
    const shards = (await this.mf.getDurableObjectNamespace("LEDGER")) as unknown as Shards;
    const ids = await this.mf.listDurableObjectIds("LEDGER");
    // An object that is stopped answers with its error.
    const call = (id: string): Promise<Response> => shards.get(shards.idFromString(id)).fetch("https://ledger/", { method });
    return Promise.all(ids.map((id) => call(id).then((answer) => answer.text(), String)));
  }

  async #exec(object: { name: string } | { id: string }, sql: string, parameters: unknown[]): Promise<Row[]> {
    if (!inspected(this.#options)) throw new Error("start the gateway with `inspect: true` to look into its ledger");
    const storage = await this.mf.unsafeGetDurableObjectStorage(this.#options.apart === true ? LEDGER_NAME : NAME, "Ledger", object);
    return await storage.exec<Row>(sql, ...parameters);
  }
}

export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  if (!existsSync(path.join(BUILD, "index.js"))) throw new Error("build/index.js is missing: run `npm run build` first");
  const state = options.state ?? mkdtempSync(path.join(tmpdir(), "reprise-e2e-"));
  const without = new Set(options.without);
  const lines = new Arrivals<LogLine>();
  const vars: Record<string, string> = { ...options.vars };
  if (options.policy !== undefined) vars["POLICY"] = remembers(options) ? options.policy : forgetful(options.policy);
  if (options.origin !== undefined) vars["ORIGIN"] = options.origin;

  const common = { ...script(options), compatibilityDate: COMPATIBILITY_DATE, bindings: vars };
  const ledger = { className: "Ledger", useSQLite: true };
  const main = {
    ...common,
    name: NAME,
    durableObjects: {
      ...(without.has("LEDGER") ? {} : { LEDGER: options.apart === true ? { ...ledger, scriptName: LEDGER_NAME } : ledger }),
      ...(without.has("RUNNER") ? {} : { RUNNER: { className: "Runner", useSQLite: true } }),
    },
    kvNamespaces: without.has("RESPONSES") ? [] : ["RESPONSES"],
    r2Buckets: options.overflow === true ? ["OVERFLOW"] : [],
    // Straight to the Worker: the front of miniflare would rewrite encodings and dress up errors.
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  };
  const apart = { ...common, name: LEDGER_NAME, durableObjects: { LEDGER: ledger } };
  const config: MiniflareOptions = {
    workers: options.apart === true ? [main, apart] : [main],
    defaultPersistRoot: state,
    host: "127.0.0.1",
    port: 0,
    unsafeInspectDurableObjects: inspected(options),
    log: new Log(LogLevel.NONE),
    cf: false,
    structuredWorkerdLogs: true,
    handleStructuredLogs: ({ level, message }: { level: string; message: string }) => lines.add({ level, message, data: jsonObject(message) }),
  };

  const { result, child } = await spawning(async () => {
    const mf = new Miniflare(config);
    await mf.ready;
    return mf;
  });
  const url = await result.unsafeGetDirectURL();
  return new Gateway(url, result, child, lines, options, state);
}

/** The Worker as it is deployed, or with a ledger that can be looked into. */
function script(options: GatewayOptions): SourceOptions {
  const common: SourceOptions = {
    modules: true,
    modulesRoot: BUILD,
    modulesRules: [
      { type: "ESModule", include: ["**/*.js"] },
      { type: "CompiledWasm", include: ["**/*.wasm"] },
    ],
    scriptPath: path.join(BUILD, "index.js"),
  };
  if (!inspected(options)) return common;
  // The other entry stands, in memory only, beside build/index.js.
  const entry = options.faults === true ? "faulty.js" : "inspected.js";
  return {
    ...common,
    scriptPath: path.join(BUILD, entry),
    script: readFileSync(new URL(entry, import.meta.url), "utf8"),
  };
}

function inspected(options: GatewayOptions): boolean {
  return options.inspect === true || options.faults === true;
}

function remembers(options: GatewayOptions): boolean {
  return options.memory ?? !inspected(options);
}

/** The policy, under which every answer comes from the ledger. */
function forgetful(policy: string): string {
  const off = "memory_limit = 0";
  return /^\[responses\]$/m.test(policy) ? policy.replace(/^\[responses\]$/m, `$&\n${off}`) : `${policy}\n[responses]\n${off}\n`;
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Gateways start one after the other, so that each knows its process. */
let turn: Promise<unknown> = Promise.resolve();

/** Runs `start` and also gives the process that it spawned: miniflare hides it, and a crash test has to kill it. */
function spawning<T>(start: () => Promise<T>): Promise<{ result: T; child: childProcess.ChildProcess }> {
  const mine = turn.then(() => watchSpawn(start));
  turn = mine.catch(() => {});
  return mine;
}

async function watchSpawn<T>(start: () => Promise<T>): Promise<{ result: T; child: childProcess.ChildProcess }> {
  const original = childProcess.spawn;
  let child: childProcess.ChildProcess | undefined;
  const watched = (...parameters: unknown[]): childProcess.ChildProcess => {
    const spawned = Reflect.apply(original, childProcess, parameters) as childProcess.ChildProcess;
    child ??= spawned;
    return spawned;
  };
  childProcess.spawn = watched as typeof childProcess.spawn;
  try {
    const result = await start();
    if (child === undefined) throw new Error("miniflare started no process");
    return { result, child };
  } finally {
    childProcess.spawn = original;
  }
}
