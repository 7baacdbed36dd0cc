// `npm run bench -- growth`: what a shard with millions of claims costs its callers, beside an empty one.

import http from "node:http";
import type { AddressInfo } from "node:net";
import { Wire } from "./client.ts";
import type { Expected } from "./client.ts";
import { fill, sizeOf } from "./growth/shard.ts";
import { freshKey, Template } from "./request.ts";
import { BUILT, script } from "./runtime/program.ts";
import type { Program, Running } from "./runtime/program.ts";
import { startWorkerd } from "./runtime/workerd.ts";
import { Scratch } from "./scratch.ts";
import { figure, quantile, ratio } from "./statistics.ts";
import type { Figure } from "./statistics.ts";
import { columns, number, times } from "./table.ts";

/** Bytes of request and answer: small, as a shard with many keys has them. */
const BODY = 128;
/** Of the claims, so many have expired and wait for the sweep. */
const EXPIRED = 0.1;
/** The sweep is watched for as long as this, seconds; it may take hours. */
const WATCH_S = 60;
/** Requests whose rows are counted. */
const COUNTED = 50;

const FRESH: Expected = { status: 201 };
const GUARDED = "/v1/orders";
const PASSED = "/open/orders";

/** Milliseconds for one call to the ledger, beyond what the same request takes where it passes through. */
export interface Calls {
  readonly begin: { readonly median: number; readonly p99: number };
  readonly settle: { readonly median: number; readonly p99: number };
}

export interface GrowthRow {
  readonly claims: number;
  /** Of the shard's file. */
  readonly bytes: number;
  /** A round's calls, in the full shard and in the empty one beside it. */
  readonly full: readonly Calls[];
  readonly empty: readonly Calls[];
  /** Rows that a fresh request writes. */
  readonly rows: number;
  readonly sweep: Sweep;
}

export interface Sweep {
  /** Claims that were swept while it was watched, in so many turns and seconds. */
  readonly swept: number;
  readonly turns: number;
  readonly seconds: number;
  readonly finished: boolean;
  /** Milliseconds that fresh requests took meanwhile. */
  readonly median: number;
  readonly longest: number;
}

export interface GrowthOptions {
  readonly keys: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
}

/** Fills a shard step by step, and measures after each. */
export async function growth({ keys, rounds, seconds }: GrowthOptions, say: (text: string) => void): Promise<GrowthRow[]> {
  using scratch = new Scratch();
  await using origin = await WatchedOrigin.start();
  const full = scratch.directory();
  const rows: GrowthRow[] = [];
  await firstClaim(full, origin);
  for (const claims of [...keys].sort((a, b) => a - b)) {
    say(`${number(claims)} keys …`);
    fill(full, { claims, expired: EXPIRED });
    const bytes = sizeOf(full);
    const calls = await sideBySide(full, scratch.directory(), origin, rounds, seconds);
    rows.push({ claims, bytes, ...calls, ...(await counted(full, origin)) });
  }
  return rows;
}

/** One claim makes the table, and is the pattern of all that are filled in. */
async function firstClaim(directory: string, origin: WatchedOrigin): Promise<void> {
  await using shard = await Shard.start(built(origin), directory, origin);
  await shard.send(GUARDED);
}

/** Request by request, both shards in turn. */
async function sideBySide(full: string, empty: string, origin: WatchedOrigin, rounds: number, seconds: number): Promise<Pick<GrowthRow, "full" | "empty">> {
  await using filled = await Shard.start(built(origin), full, origin);
  await using fresh = await Shard.start(built(origin), empty, origin);
  const shards = [filled, fresh];
  const seen = { full: [] as Calls[], empty: [] as Calls[] };
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    const trips = shards.map(() => ({ guarded: [] as Trip[], passed: [] as Trip[] }));
    for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
      for (const [index, shard] of shards.entries()) {
        trips[index]?.guarded.push(await shard.send(GUARDED));
        trips[index]?.passed.push(await shard.send(PASSED));
      }
    }
    const [ofFull, ofEmpty] = trips.map(calls);
    if (round === 0 || ofFull === undefined || ofEmpty === undefined) continue;
    seen.full.push(ofFull);
    seen.empty.push(ofEmpty);
  }
  return seen;
}

/** Before the origin sees a guarded request there was a `begin`; behind its answer comes a `settle`. */
function calls({ guarded, passed }: { guarded: readonly Trip[]; passed: readonly Trip[] }): Calls {
  const beyond = (leg: "there" | "back") => {
    const usual = sorted(passed, leg)(0.5);
    const own = sorted(guarded, leg);
    return { median: own(0.5) - usual, p99: own(0.99) - usual };
  };
  return { begin: beyond("there"), settle: beyond("back") };
}

/** What only a ledger that is looked into tells: the rows of a request, and what a sweep does to requests. */
async function counted(directory: string, origin: WatchedOrigin): Promise<Pick<GrowthRow, "rows" | "sweep">> {
  const program: Program = { ...built(origin), modules: [script("counted.js", "growth/counted.js"), ...BUILT] };
  await using shard = await Shard.start(program, directory, origin);
  // The first one may also make columns, or set the alarm.
  await shard.send(GUARDED);
  const before = await shard.counts();
  for (let n = 0; n < COUNTED; n++) await shard.send(GUARDED);
  const rows = ((await shard.counts()).rows - before.rows) / COUNTED;
  return { rows, sweep: await sweep(shard) };
}

async function sweep(shard: Shard): Promise<Sweep> {
  const started = performance.now();
  const latencies: number[] = [];
  const elapsed = (): number => (performance.now() - started) / 1000;
  await shard.ring();
  let seen = await shard.counts();
  const finished = (): boolean => seen.turns > 0 && (seen.next === null || seen.next > Date.now() + 60_000);
  while (!finished() && elapsed() < WATCH_S) {
    for (let n = 0; n < 20; n++) latencies.push((await shard.send(GUARDED)).took);
    seen = await shard.counts();
  }
  latencies.sort((a, b) => a - b);
  return { swept: seen.swept, turns: seen.turns, seconds: elapsed(), finished: finished(), median: quantile(latencies, 0.5) ?? 0, longest: latencies.at(-1) ?? 0 };
}

function built({ url }: WatchedOrigin): Program {
  const policy = `origin = "${url}"

[ledger]
shards = 1

[responses]
kv = "off"

[limits]
new_keys_per_minute = 1000000

[[routes]]
match = "POST ${GUARDED}"
`;
  return { modules: BUILT, vars: { POLICY: policy }, objects: { LEDGER: "Ledger", RUNNER: "Runner" } };
}

/** When a request was where, milliseconds of one clock. */
interface Trip {
  /** From the client to the origin. */
  readonly there: number;
  /** From the origin to the client. */
  readonly back: number;
  readonly took: number;
}

/** A gateway with one shard, and one connection to it. */
class Shard implements AsyncDisposable {
  readonly #running: Running;
  readonly #wire: Wire;
  readonly #origin: WatchedOrigin;
  readonly #templates = { [GUARDED]: new Template({ body: BODY, path: GUARDED }), [PASSED]: new Template({ body: BODY, path: PASSED }) };

  private constructor(running: Running, wire: Wire, origin: WatchedOrigin) {
    this.#running = running;
    this.#wire = wire;
    this.#origin = origin;
  }

  static async start(program: Program, directory: string, origin: WatchedOrigin): Promise<Shard> {
    const running = await startWorkerd(program, { directory });
    return new Shard(running, await Wire.open(running.port), origin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wire.close();
    await this.#running[Symbol.asyncDispose]();
  }

  /** One request with a new key. */
  async send(target: typeof GUARDED | typeof PASSED): Promise<Trip> {
    const sent = performance.now();
    await this.#wire.send(this.#templates[target].with(freshKey()), FRESH);
    const end = performance.now();
    return { there: this.#origin.arrived - sent, back: end - this.#origin.answered, took: end - sent };
  }

  /** See growth/counted.js. */
  async counts(): Promise<{ rows: number; swept: number; turns: number; next: number | null }> {
    const answer = await fetch(`http://127.0.0.1:${this.#running.port}/.bench`);
    return (await answer.json()) as { rows: number; swept: number; turns: number; next: number | null };
  }

  async ring(): Promise<void> {
    await fetch(`http://127.0.0.1:${this.#running.port}/.bench`, { method: "POST" });
  }
}

function sorted(trips: readonly Trip[], leg: "there" | "back"): (q: number) => number {
  const values = trips.map((trip) => trip[leg]).sort((a, b) => a - b);
  return (q) => quantile(values, q) ?? NaN;
}

/** An origin in this very thread, so that its clock is the client's. */
class WatchedOrigin implements AsyncDisposable {
  /** When the last request was here, and when it was answered. */
  arrived = 0;
  answered = 0;
  readonly #server = http.createServer((request, response) => {
    request.resume().on("end", () => {
      this.arrived = performance.now();
      response.writeHead(201, { "Content-Type": "application/json", "Content-Length": ANSWER.length });
      this.answered = performance.now();
      response.end(ANSWER);
    });
  });

  static async start(): Promise<WatchedOrigin> {
    const origin = new WatchedOrigin();
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
}

const ANSWER = Buffer.from(`{"id":"ord_1imgvqn","note":"${"x".repeat(BODY - 32)}"}`);

/** How many times as long a call takes in the full shard. */
function timesEmpty({ full, empty }: Pick<GrowthRow, "full" | "empty">, call: keyof Calls): Figure | undefined {
  return ratio(
    full.map((calls) => calls[call].median),
    empty.map((calls) => calls[call].median),
  );
}

export function growthTable(rows: readonly GrowthRow[]): string {
  const head = ["keys", "file MiB", "begin ms", "p99", "× empty", "settle ms", "p99", "× empty", "rows a request"];
  const lines = rows.map((row) => {
    const of = (call: keyof Calls, q: "median" | "p99"): string => number(figure(row.full.map((calls) => calls[call][q]))?.median, 2);
    const mib = number(row.bytes / 2 ** 20);
    return [number(row.claims), mib, of("begin", "median"), of("begin", "p99"), times(timesEmpty(row, "begin")), of("settle", "median"), of("settle", "p99"), times(timesEmpty(row, "settle")), number(row.rows, 1)];
  });
  const sweeps = rows.map(({ claims, sweep: { swept, turns, seconds, finished, median, longest } }) => [
    number(claims),
    number(claims * EXPIRED),
    number(swept),
    number(turns),
    `${number(seconds)} s${finished ? "" : ", not finished"}`,
    number(median, 1),
    number(longest),
  ]);
  const sweepHead = ["keys", "expired", "swept", "turns", "within", "requests meanwhile: median ms", "longest ms"];
  return [columns([head, ...lines]), columns([sweepHead, ...sweeps]), bar(rows)].filter(Boolean).join("\n\n");
}

/** What the project asks of a shard with 5 million keys. */
function bar(rows: readonly GrowthRow[]): string {
  const row = rows.find(({ claims }) => claims === 5_000_000);
  const found = row === undefined ? undefined : timesEmpty(row, "begin");
  return found === undefined ? "" : `5 million keys: median begin at most 1.3 × that of an empty shard: ${times(found)}, ${found.median <= 1.3 ? "holds" : "does not hold"}`;
}
