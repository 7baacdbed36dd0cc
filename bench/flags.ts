// The flags of `npm run bench`.

import path from "node:path";
import { parseArgs } from "node:util";
import type { Effort, Platform } from "./rounds.ts";

export const USAGE = `Measures this gateway against a bare proxy and against the Worker that one writes first: npm run bench -- [what] [flags]

  npm run bench                  throughput, latency, CPU and memory, side by side
  npm run bench -- hashing       SHA-256 in Wasm and native, by size
  npm run bench -- memory        100 MiB through the gateway, and how much of it is held
  npm run bench -- growth        a shard with millions of keys
  npm run bench -- shards        how load spreads over shards, simulated; has flags of its own
  npm run bench -- profile       where a subject spends its time: the first of --only, or reprise fresh

  --quick                a few seconds: does every scenario do what it says?
  --only WORDS           subjects whose name has one of these, such as 'bare,fresh'
  --platform LIST        of ram (workerd, objects on a RAM disk), disk (workerd, on the disk), miniflare; default: all
  --body LIST            bytes of request and answer; default: 1024,65536; of growth, 128
  --connections LIST     default: 1,16,64
  --seconds N            of a slice, or longer where a subject is slow; default: 0.5
  --rounds N             slices of each subject; default: 11
  --warm-up N            seconds of load on each subject before the first of them; default: 20
  --keys LIST            growth: keys in the shard; default: 1000000,5000000,10000000
  --out FILE             the figures as JSON; of profile, a .cpuprofile for the tools of Chrome
  --svg FILE             throughput as a picture
  --from FILE            measure no throughput: print and draw what --out has kept
  --help                 this text

docs/performance.md says what is measured, and what the figures mean.`;

export const TASKS = ["throughput", "hashing", "memory", "growth", "profile"] as const;
export type Task = (typeof TASKS)[number];

export interface Flags {
  readonly task: Task;
  readonly quick: boolean;
  readonly only: readonly string[];
  readonly platforms: readonly Platform[];
  readonly bodies: readonly number[];
  readonly connections: readonly number[];
  readonly effort: Effort;
  readonly keys: readonly number[];
  readonly out: string | undefined;
  readonly svg: string | undefined;
  readonly from: string | undefined;
}

/** A flag that cannot be used: the message names it, and how to mend it. */
export class BadFlag extends Error {}

const PLATFORMS: readonly Platform[] = ["ram", "disk", "miniflare"];

/** The smallest order that services/order.ts makes. */
const MIN_BODY = 100;

/** The flags; `undefined` if they ask for help. */
export function readFlags(args: string[]): Flags | undefined {
  const { values, positionals } = parse(args);
  if (values.help === true) return undefined;
  const quick = values.quick === true;
  const what = task(positionals);
  if (what !== "throughput" && (values.svg !== undefined || values.from !== undefined)) throw new BadFlag("--svg and --from are about throughput: leave them out.");
  const seconds = positive("--seconds", values.seconds ?? (quick ? "0.1" : "0.5"));
  return {
    task: what,
    quick,
    only: (values.only ?? "").split(",").filter(Boolean),
    platforms: list(values.platform ?? PLATFORMS.join(",")).map(platform),
    bodies: list(values.body ?? (what === "growth" ? "128" : quick ? "1024" : "1024,65536")).map((each) => whole("--body", each, MIN_BODY)),
    connections: list(values.connections ?? (quick ? "4" : "1,16,64")).map((each) => whole("--connections", each)),
    effort: { seconds, rounds: whole("--rounds", values.rounds ?? (quick ? "1" : "11")), leadIn: quick ? 0 : 0.3, warmUp: positive("--warm-up", values["warm-up"] ?? (quick ? "0.1" : "20")) },
    keys: list(values.keys ?? (quick ? "10000" : "1000000,5000000,10000000")).map((each) => whole("--keys", each)),
    out: fromCaller(values.out),
    svg: fromCaller(values.svg),
    from: fromCaller(values.from),
  };
}

function parse(args: string[]) {
  const value = { type: "string" } as const;
  const on = { type: "boolean" } as const;
  const options = { quick: on, only: value, platform: value, body: value, connections: value, seconds: value, rounds: value, "warm-up": value, keys: value, out: value, svg: value, from: value, help: on } as const;
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const [reason] = (error as Error).message.split(/[.\n]/);
    throw new BadFlag(`${reason}: see \`npm run bench -- --help\`.`);
  }
}

function task([given = "throughput", ...rest]: string[]): Task {
  const found = TASKS.find((each) => each === given);
  if (found === undefined || rest.length > 0) throw new BadFlag(`'${[given, ...rest].join(" ")}' is nothing to measure: give hashing, memory, growth, shards or profile, or nothing.`);
  return found;
}

function platform(given: string): Platform {
  const found = PLATFORMS.find((each) => each === given);
  if (found === undefined) throw new BadFlag(`--platform has '${given}': give some of ${PLATFORMS.join(", ")}.`);
  return found;
}

function list(given: string): string[] {
  return given.split(",").filter(Boolean);
}

function whole(flag: string, given: string, least = 1): number {
  const number = Number(given);
  if (!/^\d+$/.test(given) || number < least) throw new BadFlag(`${flag} has '${given}': give a whole number, ${least} or more.`);
  return number;
}

function positive(flag: string, given: string): number {
  const number = Number(given);
  if (!(number > 0)) throw new BadFlag(`${flag} is '${given}': give a number above 0.`);
  return number;
}

/** npm and run.sh change to the repository; a path means what it meant where it was typed. */
function fromCaller(file: string | undefined): string | undefined {
  return file === undefined ? undefined : path.resolve(process.env["INIT_CWD"] ?? ".", file);
}
