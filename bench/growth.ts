// `npm run bench -- growth`: what a shard with millions of claims costs its callers, beside an empty one.

import http from "node:http";
import type { AddressInfo } from "node:net";
import { Closed, Wire } from "./client.ts";
import type { Expected } from "./client.ts";
import { fill, sizeOf } from "./growth/shard.ts";
import type { Filling } from "./growth/shard.ts";
import { freshKey, Template } from "./request.ts";
import { BUILT, script } from "./runtime/program.ts";
import type { Program, Running } from "./runtime/program.ts";
import { startWorkerd } from "./runtime/workerd.ts";
import { Scratch } from "./scratch.ts";
import { order } from "./services/order.ts";
import { figure, quantile, ratio } from "./statistics.ts";
import type { Figure } from "./statistics.ts";
import { columns, number, times } from "./table.ts";

/** Of the claims, so many have expired and wait for the sweep. */
const EXPIRED = 0.1;
/** The sweep is watched for as long as this, seconds, or until its pass is over. */
const WATCH_S = 1_200;
/** Requests whose rows are counted. */
const COUNTED = 200;

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
  /** Milliseconds that a call is inside the object, without its commit: the mean, as the clock there ticks once in one. */
  readonly inside: number;
  readonly sweep: Sweep;
}

export interface Sweep {
  /** Claims that were swept while it was watched, and for how many seconds that was. */
  readonly swept: number;
  readonly seconds: number;
  readonly finished: boolean;
  readonly turns: number;
  /** Rows that a turn has read and deleted, at most. */
  readonly read: number;
  readonly deleted: number;
  /** Milliseconds of a turn, with setting the alarm for the next one. */
  readonly turn: Latency;
  /** Milliseconds of fresh requests while it worked: to this shard, and in turn with them to an empty one beside it. */
  readonly meanwhile: Latency;
  readonly beside: Latency;
}

export interface Latency {
  readonly median: number;
  readonly p99: number;
  readonly longest: number;
}

export interface Growth {
  readonly rows: readonly GrowthRow[];
  /** Of a shard that has as many claims as the first of `rows`, all of them expired. */
  readonly expired: Sweep;
}

export interface GrowthOptions {
  readonly keys: readonly number[];
  /** Bytes of request and answer. */
  readonly body: number;
  readonly rounds: number;
  readonly seconds: number;
}

/** Fills a shard step by step, and measures after each; then one whose claims have all expired. */
export async function growth({ keys, body, rounds, seconds }: GrowthOptions, say: (text: string) => void): Promise<Growth> {
  using scratch = new Scratch();
  await using origin = await WatchedOrigin.start(body);
  const sizes = [...keys].sort((a, b) => a - b);
  say(`${number(sizes[0])} expired keys …`);
  const expired = (await counted(await filled(scratch, { claims: sizes[0] ?? 0, expired: 1 }, origin), origin)).sweep;

  const rows: GrowthRow[] = [];
  const full = await filled(scratch, { claims: 1, expired: 0 }, origin);
  for (const claims of sizes) {
    say(`${number(claims)} keys …`);
    fill(full, { claims, expired: EXPIRED });
    const bytes = sizeOf(full);
    const calls = await sideBySide(full, scratch.directory(), origin, rounds, seconds);
    rows.push({ claims, bytes, ...calls, ...(await counted(full, origin)) });
  }
  return { rows, expired };
}

/** One claim makes the table, and is the pattern of all that are filled in. */
async function filled(scratch: Scratch, filling: Filling, origin: WatchedOrigin): Promise<string> {
  const directory = scratch.directory();
  {
    await using shard = await Shard.start(built(origin), directory, origin);
    await shard.send(GUARDED);
  }
  fill(directory, filling);
  return directory;
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
async function counted(directory: string, origin: WatchedOrigin): Promise<Pick<GrowthRow, "rows" | "inside" | "sweep">> {
  const program: Program = { ...built(origin), modules: [script("counted.js", "growth/counted.js"), ...BUILT] };
  await using shard = await Shard.start(program, directory, origin);
  // The first ones may also make columns, set the alarm, or find no page in memory.
  for (let n = 0; n < COUNTED; n++) await shard.send(GUARDED);
  await shard.counts();
  for (let n = 0; n < COUNTED; n++) await shard.send(GUARDED);
  const { rows, calls } = await shard.counts();
  return { rows: rows / COUNTED, inside: calls.reduce((sum, ms) => sum + ms, 0) / calls.length, sweep: await sweep(shard, origin) };
}

async function sweep(shard: Shard, origin: WatchedOrigin): Promise<Sweep> {
  using scratch = new Scratch();
  await using empty = await Shard.start(built(origin), scratch.path, origin);
  for (let n = 0; n < COUNTED; n++) await empty.send(GUARDED);
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  const [meanwhile, beside]: [number[], number[]] = [[], []];
  const turns: Turn[] = [];
  let finished = false;
  await shard.ring();
  while (!finished && elapsed() < WATCH_S) {
    for (let n = 0; n < 20; n++) {
      meanwhile.push((await shard.send(GUARDED)).took);
      beside.push((await empty.send(GUARDED)).took);
    }
    const seen = await shard.counts();
    turns.push(...seen.turns);
    finished = turns.length > 0 && (seen.next === null || seen.next > Date.now() + 60_000);
  }
  const deleted = turns.map(({ written }) => written);
  return {
    swept: deleted.reduce((sum, rows) => sum + rows, 0),
    seconds: elapsed(),
    finished,
    turns: turns.length,
    read: Math.max(...turns.map(({ read }) => read)),
    deleted: Math.max(...deleted),
    turn: latency(turns.map(({ ms }) => ms)),
    meanwhile: latency(meanwhile),
    beside: latency(beside),
  };
}

function latency(values: number[]): Latency {
  values.sort((a, b) => a - b);
  return { median: quantile(values, 0.5) ?? NaN, p99: quantile(values, 0.99) ?? NaN, longest: values.at(-1) ?? NaN };
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

/** One turn of the sweep: rows that it wrote and read, and milliseconds. */
interface Turn {
  readonly written: number;
  readonly read: number;
  readonly ms: number;
}

interface Counts {
  readonly rows: number;
  readonly calls: readonly number[];
  readonly turns: readonly Turn[];
  readonly next: number | null;
}

/** A gateway with one shard, and one connection to it. */
class Shard implements AsyncDisposable {
  readonly #running: Running;
  readonly #origin: WatchedOrigin;
  #wire: Wire;
  readonly #templates: Readonly<Record<typeof GUARDED | typeof PASSED, Template>>;

  private constructor(running: Running, wire: Wire, origin: WatchedOrigin) {
    this.#running = running;
    this.#wire = wire;
    this.#origin = origin;
    const { length: body } = origin.answer;
    this.#templates = { [GUARDED]: new Template({ body, path: GUARDED }), [PASSED]: new Template({ body, path: PASSED }) };
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
    try {
      return await this.#send(target);
    } catch (error) {
      if (!(error instanceof Closed)) throw error;
      this.#wire = await Wire.open(this.#running.port);
      return await this.#send(target);
    }
  }

  async #send(target: typeof GUARDED | typeof PASSED): Promise<Trip> {
    const sent = performance.now();
    await this.#wire.send(this.#templates[target].with(freshKey()), FRESH);
    const end = performance.now();
    return { there: this.#origin.arrived - sent, back: end - this.#origin.answered, took: end - sent };
  }

  /** See growth/counted.js. */
  async counts(): Promise<Counts> {
    const answer = await fetch(`http://127.0.0.1:${this.#running.port}/.bench`);
    return (await answer.json()) as Counts;
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
  readonly answer: Buffer;
  /** When the last request was here, and when it was answered. */
  arrived = 0;
  answered = 0;
  // A connection that is closed while it is idle would be an answer that is lost.
  readonly #server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    request.resume().on("end", () => {
      this.arrived = performance.now();
      response.writeHead(201, { "Content-Type": "application/json", "Content-Length": this.answer.length });
      this.answered = performance.now();
      response.end(this.answer);
    });
  });

  private constructor(body: number) {
    this.answer = order(body);
  }

  static async start(body: number): Promise<WatchedOrigin> {
    const origin = new WatchedOrigin(body);
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

/** How many times as long a call takes in the full shard. */
function timesEmpty({ full, empty }: Pick<GrowthRow, "full" | "empty">, call: keyof Calls): Figure | undefined {
  return ratio(
    full.map((calls) => calls[call].median),
    empty.map((calls) => calls[call].median),
  );
}

export function growthTable({ rows, expired }: Growth): string {
  const head = ["keys", "file MiB", "begin ms", "p99", "× empty", "settle ms", "p99", "× empty", "inside ms", "rows a request"];
  const lines = rows.map((row) => {
    const of = (call: keyof Calls, q: "median" | "p99"): string => number(figure(row.full.map((calls) => calls[call][q]))?.median, 2);
    const mib = number(row.bytes / 2 ** 20);
    return [number(row.claims), mib, of("begin", "median"), of("begin", "p99"), times(timesEmpty(row, "begin")), of("settle", "median"), of("settle", "p99"), times(timesEmpty(row, "settle")), number(row.inside, 2), number(row.rows, 1)];
  });
  const sweepHead = ["sweep of", "deleted", "in", "turns", "rows read, at most", "deleted", "turn ms", "p99", "request ms", "p99", "longest", "empty shard ms", "p99", "longest"];
  const sweeps = [...rows.map(({ claims, sweep }) => sweepLine(`${number(claims)}, ${EXPIRED * 100} % expired`, sweep)), sweepLine(`${number(rows[0]?.claims)}, all expired`, expired)];
  return [columns([head, ...lines]), columns([sweepHead, ...sweeps]), bar(rows)].filter(Boolean).join("\n\n");
}

function sweepLine(name: string, { swept, seconds, finished, turns, read, deleted, turn, meanwhile, beside }: Sweep): string[] {
  const request = ({ median, p99, longest }: Latency): string[] => [number(median, 1), number(p99, 1), number(longest)];
  return [name, number(swept), `${number(seconds)} s${finished ? "" : ", not finished"}`, number(turns), number(read), number(deleted), number(turn.median, 1), number(turn.p99, 1), ...request(meanwhile), ...request(beside)];
}

/** What the project asks of a shard with 5 million keys. */
function bar(rows: readonly GrowthRow[]): string {
  const row = rows.find(({ claims }) => claims === 5_000_000);
  const found = row === undefined ? undefined : timesEmpty(row, "begin");
  return found === undefined ? "" : `5 million keys: median begin at most 1.3 × that of an empty shard: ${times(found)}, ${found.median <= 1.3 ? "holds" : "does not hold"}`;
}
