// What is measured: a program under a scenario, and what its figures are compared with.

import { BUILT, script } from "./runtime/program.ts";
import type { Program } from "./runtime/program.ts";
import type { ScenarioName } from "./scenarios.ts";

export interface Subject {
  readonly name: string;
  readonly scenario: ScenarioName;
  /** The program in front of the origin at this URL. */
  readonly program: (origin: string) => Program;
  /** The subject whose throughput this one's is compared with. */
  readonly against?: string;
}

/** The subject to whose CPU that of all others is compared. */
export const BARE = "bare proxy";

/** The program whose throughput shows how much of the load generator is left. */
export const CEILING = "no work at all";

/** In the order in which they are shown. */
export const SUBJECTS: readonly Subject[] = [
  { name: CEILING, scenario: "pass", program: (origin) => peer("static.js", origin) },
  { name: BARE, scenario: "pass", program: bare },
  { name: "reprise pass", scenario: "pass", program: reprise({ kv: "overflow" }), against: BARE },
  { name: "per-key fresh", scenario: "fresh", program: perKey, against: BARE },
  { name: "hops fresh", scenario: "fresh", program: hops, against: "per-key fresh" },
  { name: "reprise fresh", scenario: "fresh", program: reprise(), against: "per-key fresh" },
  { name: "reprise fresh without KV", scenario: "fresh", program: reprise({ kv: "overflow" }), against: "per-key fresh" },
  { name: "reprise fresh in one shard", scenario: "fresh", program: reprise({ shards: 1 }), against: "per-key fresh" },
  { name: "per-key replay", scenario: "replay", program: perKey, against: BARE },
  { name: "hops replay", scenario: "replay", program: hops, against: "per-key replay" },
  { name: "reprise replay", scenario: "replay", program: reprise(), against: "per-key replay" },
  { name: "reprise replay without memory", scenario: "replay", program: reprise({ memory: 0 }), against: "per-key replay" },
  { name: "per-key mismatch", scenario: "mismatch", program: perKey, against: BARE },
  { name: "hops mismatch", scenario: "mismatch", program: hops, against: "per-key mismatch" },
  { name: "reprise mismatch", scenario: "mismatch", program: reprise(), against: "per-key mismatch" },
  { name: "reprise mismatch without memory", scenario: "mismatch", program: reprise({ memory: 0 }), against: "per-key mismatch" },
  { name: "per-key running", scenario: "running", program: perKey, against: BARE },
  { name: "hops running", scenario: "running", program: hops, against: "per-key running" },
  { name: "reprise running", scenario: "running", program: reprise(), against: "per-key running" },
];

/** Those whose name has one of these words; all without any. */
export function named(words: readonly string[]): readonly Subject[] {
  return words.length === 0 ? SUBJECTS : SUBJECTS.filter(({ name }) => words.some((word) => name.includes(word)));
}

/** How the built Worker is set up; by default as it is by default. */
interface Setup {
  /** When it writes to KV: `overflow` is only what does not fit into a row. */
  readonly kv?: "always" | "overflow";
  /** How much an isolate remembers of what it has seen done. */
  readonly memory?: number | string;
  /** Objects that the ledger is spread over. */
  readonly shards?: number;
}

/** The built Worker. */
export function reprise(setup: Setup = {}): Subject["program"] {
  return (origin) => ({ modules: BUILT, vars: { POLICY: policy(origin, setup) }, objects: { LEDGER: "Ledger", RUNNER: "Runner" }, kv: "RESPONSES" });
}

/** The bare proxy. */
export function bare(origin: string): Program {
  return peer("bare.js", origin);
}

/** The Worker that one writes first: an object for each key. */
export function perKey(origin: string): Program {
  return { ...peer("per-key.js", origin), objects: { KEYS: "Key" }, kv: "RESPONSES" };
}

/** What the hops of Reprise cost by themselves. */
function hops(origin: string): Program {
  return { ...peer("hops.js", origin), objects: { LEDGER: "Ledger" }, kv: "RESPONSES" };
}

/** A script of bench/peers. */
function peer(file: string, origin: string): Program {
  return { modules: [script("index.js", `peers/${file}`)], vars: { ORIGIN: origin }, objects: {} };
}

function policy(origin: string, { kv = "always", memory = "4 MiB", shards = 8 }: Setup): string {
  return `origin = "${origin}"

[ledger]
shards = ${shards}

[responses]
kv = "${kv}"
memory_limit = ${JSON.stringify(memory)}

# All of the load is one caller: as many new keys as it likes, though they are counted as ever.
[limits]
new_keys_per_minute = 1000000

[[routes]]
match = "POST /v1/*"
# A key stays in use for as long as a slice takes.
call = { deadline_seconds = 95, lease_seconds = 3600 }
`;
}
