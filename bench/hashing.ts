// `npm run bench -- hashing`: the Worker's SHA-256 against the runtime's, inside the runtime.

import { createHash } from "node:crypto";
import path from "node:path";
import { script } from "./runtime/program.ts";
import type { Program } from "./runtime/program.ts";
import { startWorkerd } from "./runtime/workerd.ts";
import { Scratch } from "./scratch.ts";
import { figure, ratio } from "./statistics.ts";
import type { Figure } from "./statistics.ts";
import { bytes, columns, number, times } from "./table.ts";

const SIZES = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];

/** Of bytes in JavaScript memory: by the runtime. Of bytes in Wasm memory, where bodies are: there; or by the runtime, and the digest back. */
const WAYS = ["native", "wasm", "out"] as const;
type Way = (typeof WAYS)[number];

/** How long a slice takes: long against a clock of milliseconds. */
const SLICE_MS = 100;

export interface HashingRow {
  readonly size: number;
  /** Microseconds for one digest. */
  readonly micros: Readonly<Record<Way, Figure | undefined>>;
  /** How many times as long in Wasm as by the runtime and back. */
  readonly timesOut: Figure | undefined;
  /** The way that the Worker takes. */
  readonly taken: Exclude<Way, "native">;
}

// scripts/bench.mjs builds it.
const WASM = (file: string): string => path.resolve(import.meta.dirname, "../build/hashing", file);

const PROGRAM: Program = {
  modules: [script("worker.js", "hashing/worker.js"), { name: "hashing.js", file: WASM("hashing.js") }, { name: "hashing_bg.wasm", file: WASM("hashing_bg.wasm") }],
  vars: {},
  objects: {},
};

export async function hashing({ quick, rounds }: { quick: boolean; rounds: number }): Promise<HashingRow[]> {
  using scratch = new Scratch();
  await using running = await startWorkerd(PROGRAM, { directory: scratch.path });
  const rows: HashingRow[] = [];
  for (const size of quick ? SIZES.slice(0, 2) : SIZES) rows.push(await measure(running.port, size, quick ? 1 : SLICE_MS, rounds));
  return rows;
}

async function measure(port: number, size: number, sliceMs: number, rounds: number): Promise<HashingRow> {
  const expected = createHash("sha256").update(Uint8Array.from({ length: size }, (_, index) => index)).digest("hex");
  const repeats = new Map<Way, number>();
  for (const way of WAYS) repeats.set(way, await calibrated(port, way, size, sliceMs));
  const seen: Record<Way, number[]> = { native: [], wasm: [], out: [] };
  let nativeFrom = 0;
  for (let round = 0; round < rounds; round++) {
    for (const way of WAYS) {
      const count = repeats.get(way) ?? 1;
      const answer = await ask(port, way, size, count);
      const { ms, digest } = answer;
      nativeFrom = answer.nativeFrom;
      if (digest !== expected) throw new Error(`${way} made ${digest} of ${size} bytes, instead of ${expected}`);
      seen[way].push((ms * 1000) / count);
    }
  }
  return {
    size,
    micros: { native: figure(seen.native), wasm: figure(seen.wasm), out: figure(seen.out) },
    timesOut: ratio(seen.wasm, seen.out),
    taken: size < nativeFrom ? "wasm" : "out",
  };
}

/** How many digests fill a slice; finding out also warms up the compiler. */
async function calibrated(port: number, way: Way, size: number, sliceMs: number): Promise<number> {
  for (let count = 16; ; count *= 2) {
    const { ms } = await ask(port, way, size, count);
    if (ms >= sliceMs / 2) return Math.ceil((count * sliceMs) / ms);
  }
}

async function ask(port: number, how: Way, size: number, count: number): Promise<{ ms: number; digest: string; nativeFrom: number }> {
  const answer = await fetch(`http://127.0.0.1:${port}/?how=${how}&size=${size}&times=${count}`, { method: "POST" });
  if (!answer.ok) throw new Error(`the hashing Worker answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as { ms: number; digest: string; nativeFrom: number };
}

export function hashingTable(rows: readonly HashingRow[]): string {
  const head = ["SHA-256 of", "native µs", "out and back µs", "in Wasm µs", "× out and back", "taken"];
  const lines = rows.map(({ size, micros, timesOut, taken }) => [
    bytes(size),
    number(micros.native?.median, 2),
    number(micros.out?.median, 2),
    number(micros.wasm?.median, 2),
    times(timesOut),
    taken === "wasm" ? "in Wasm" : "out",
  ]);
  // Where the Worker has the runtime hash, it is as fast as that.
  const worst = Math.max(...rows.map(({ timesOut, taken }) => (taken === "out" ? 1 : (timesOut?.median ?? 0))));
  return `${columns([head, ...lines])}\n\nno slower than native, the crossing included: ${worst.toFixed(2)} at worst, ${worst <= 1 ? "holds" : "does not hold"}`;
}
